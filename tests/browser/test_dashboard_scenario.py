"""The scenario's page in a browser: the check while one writes, applying, the keyboard, without scripts, live."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.axe import accessible
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.dashboard import HOSTILE
from tests.support.worldline import Merchant, checkout_body

pytestmark = pytest.mark.browser
New = Callable[..., ControlledSandbox]
DESKTOP, PHONE = 1280, 360
RULE = """mockpsp: 1
title: One refund is refused
extends: default
rules:
  - name: refuse one
    operation: worldline.card_complement
    times: 1
    then: {outcome: refused}
"""


def scenario(tab: Tab, sandbox: ControlledSandbox, query: str = "") -> Tab:
    return tab.open(f"{sandbox.url}/_mockpsp/sandbox/{sandbox.id}/scenario{query}").shows("text")


def write(tab: Tab, text: str) -> Tab:
    """Replace the text of the editor, as with select all and paste."""
    tab.evaluate("(() => { const area = document.getElementById('text'); area.focus(); area.select(); })()")
    tab.write(text)
    return tab


def in_force(sandbox: ControlledSandbox) -> str:
    return str(sandbox.call("GET")["scenario"])


def says(words: str) -> str:
    """The check says this, as a fact about the page."""
    return f"document.querySelector('[data-testid=checked]')?.innerText.includes({words!r})"


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_mistakes_are_told_while_one_writes_and_lead_to_their_line(
    person: Person, sandbox: ControlledSandbox, width: int
) -> None:
    tab = write(scenario(person.tab(width=width), sandbox), RULE.replace("times: 1", "tiems: 1"))
    tab.until(says("did you mean 'times'?"))
    assert tab.text("told") == "1 mistake"
    assert tab.evaluate("document.querySelector('.gutter .wrong').textContent") == "7"
    accessible(tab, "with a mistake")
    assert tab.fits()

    tab.click("mistake")
    tab.until("document.activeElement.id === 'text'")
    area = "document.getElementById('text')"
    assert tab.evaluate(f"{area}.value.slice({area}.selectionStart, {area}.selectionEnd)") == "tiems: 1"
    tab.write("times: 1")
    tab.until(says("No mistakes. 1 thing is different"))
    assert tab.evaluate("document.querySelector('.gutter .wrong')") is None
    assert in_force(sandbox) == "default"
    accessible(tab, "without a mistake")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_shipped_scenario_is_chosen_and_applied(person: Person, sandbox: ControlledSandbox, scripts: bool) -> None:
    tab = scenario(person.tab(scripts=scripts), sandbox)
    tab.fill("q", "first card attempt refused")
    tab.click("find")
    tab.until("new URLSearchParams(location.search).get('q')")
    tab.click("start")
    tab.shows("draft", "changes")
    accessible(tab, "a draft")
    tab.click("apply")
    tab.shows("notice", "script-rules")
    assert in_force(sandbox).startswith("worldline/")
    assert not tab.has("draft")
    accessible(tab, "applied")


def test_the_check_works_without_scripts(person: Person, sandbox: ControlledSandbox) -> None:
    tab = write(scenario(person.tab(scripts=False), sandbox), RULE.replace("refused", "refusd"))
    tab.click("check")
    tab.shows("mistakes")
    assert "did you mean 'refused'?" in tab.text("mistakes")
    assert "then: {outcome: refusd}" in tab.text("mistakes")
    accessible(tab, "with a mistake")
    tab.click("apply")
    tab.until("document.querySelector('[data-testid=error]')?.innerText.startsWith('Not applied')")
    assert in_force(sandbox) == "default"
    write(tab, RULE)
    tab.click("apply")
    tab.shows("notice")
    assert in_force(sandbox) == "inline"


def test_everything_is_done_with_the_keyboard(person: Person, sandbox: ControlledSandbox) -> None:
    tab = scenario(person.tab(), sandbox)
    tab.tab_to("text")
    write(tab, RULE)
    tab.until(says("No mistakes."))
    tab.press("Tab")  # out of the editor
    assert tab.focused == "apply"
    tab.press("Enter")
    tab.shows("notice").until("document.activeElement.dataset.testid === 'notice'")
    tab.tab_to("q")
    tab.write("campsite")
    tab.until("document.querySelector('[data-testid=found]').textContent.startsWith('3 ')")
    tab.tab_to("start")
    tab.press("Enter")
    tab.shows("draft")


def test_a_new_line_begins_where_the_one_before_does(person: Person, sandbox: ControlledSandbox) -> None:
    tab = write(scenario(person.tab(), sandbox), "rules:\n  - name: x")
    tab.press("Enter")
    tab.write("operation: worldline.refund")
    tab.press("Enter")
    tab.write("times: 1")
    assert tab.value("text") == "rules:\n  - name: x\n    operation: worldline.refund\n    times: 1"


def test_the_script_is_seen_to_be_used_up(person: Person, new_sandbox: New) -> None:
    sandbox = new_sandbox(clock="2026-07-01T10:00:00Z")
    tab = write(scenario(person.tab(), sandbox), RULE)
    tab.click("apply")
    tab.shows("notice").until("document.querySelector('[data-testid=line]').innerText.includes('ready')")
    checkout = Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()["hostedCheckoutId"]
    pays = [{"with": "cv_connect", "amount": "300.00 EUR"}, {"with": "card"}]
    sandbox.shopper(checkout, {"pay": pays})
    tab.until("document.querySelector('[data-testid=line]').innerText.includes('used up')")


def test_starting_over_forgets_the_payments(person: Person, sandbox: ControlledSandbox) -> None:
    Merchant(sandbox).call("create_hosted_checkout", checkout_body())
    tab = scenario(person.tab(), sandbox)
    tab.click("restart")
    tab.shows("notice")
    assert "has started over" in tab.text("notice")
    assert sandbox.call("GET", "/checkouts")["checkouts"] == []


def test_what_was_written_and_not_applied_can_be_brought_back(person: Person, sandbox: ControlledSandbox) -> None:
    tab = write(scenario(person.tab(), sandbox), RULE)
    tab.until(says("No mistakes."))
    tab.click("tab-clock")
    tab.shows("time").click("tab-scenario")
    tab.shows("rescue").until("!document.getElementById('rescue').hidden")
    assert "Everything works" in tab.value("text")
    accessible(tab, "with something to bring back")
    tab.click_on("document.querySelector('#rescue button')")
    tab.until(says("No mistakes. 1 thing is different"))
    assert tab.value("text") == RULE


def test_the_check_leaves_hostile_words_words(person: Person, new_sandbox: New) -> None:
    rule = {"name": HOSTILE, "operation": "worldline.refund", "then": {"outcome": "refused"}}
    tab = scenario(person.tab(), new_sandbox(scenario={"title": HOSTILE, "rules": [rule]}))
    write(tab, f"{HOSTILE}: 1\ntitle: </textarea><img src=x onerror=hit=1>")
    tab.shows("mistakes")
    assert tab.evaluate("typeof window.hit") == "undefined"
    assert tab.evaluate("document.querySelectorAll('img, [onerror], script:not([src])').length") == 0
