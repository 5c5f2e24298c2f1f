"""The scenario's page: an editor with a check, what would change, applying, and how far the script has come."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
import requests

from mockpsp.app import catalogues
from mockpsp.data import folder
from mockpsp.scenario.library import Library
from tests.support.control import ControlledSandbox
from tests.support.dashboard import HOSTILE, Dashboard, Page
from tests.support.worldline import Merchant, checkout_body

New = Callable[..., ControlledSandbox]
MINE = """# My own
mockpsp: 1
title: Two cards are refused
seed: 7
extends: default
rules:
  - name: refuse two
    operation: worldline.card_complement
    times: 2
    then: {outcome: refused}
story:
  - {advance: 1h}
"""
WRONG = MINE.replace("card_complement", "crad_complement").replace("times: 2", "times: two")


def shipped(name: str) -> str:
    return (folder("scenarios") / f"{name}.yaml").read_text(encoding="utf-8")


def in_force(sandbox: ControlledSandbox) -> str:
    return str(sandbox.call("GET")["scenario"])


def looked_at(sandbox: ControlledSandbox, text: str, name: str = "inline") -> Page:
    """What the editor's script fetches while somebody writes."""
    page = Dashboard(sandbox).send("/scenario/check", text=text, name=name)
    assert page.status == 200
    return page


def a_checkout(sandbox: ControlledSandbox) -> str:
    return str(Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()["hostedCheckoutId"])


# -- looking -----------------------------------------------------------------------------------------------------------


def test_the_editor_has_the_text_that_is_in_force(sandbox: ControlledSandbox) -> None:
    page = Dashboard(sandbox).open("/scenario")
    assert page.editor == shipped("default")
    assert page.text("in-force") == "In force: Everything works default"
    assert not page.has("checked")


def test_a_scenario_that_came_as_an_object_is_written_out(new_sandbox: New) -> None:
    rule = {"name": "refused", "operation": "worldline.refund", "then": {"outcome": "refused"}}
    sandbox = new_sandbox(scenario={"title": "An object", "rules": [rule]})
    text = Dashboard(sandbox).open("/scenario").editor
    assert "title: An object\n" in text
    assert looked_at(sandbox, text).text("checked") == "No mistakes, and nothing different from what is in force"


def test_every_shipped_scenario_can_be_found_by_words_and_tags(sandbox: ControlledSandbox) -> None:
    every = Dashboard(sandbox).open("/scenario")
    assert len(every.texts("start")) == len(Library(catalogues).names())
    found = Dashboard(sandbox).open("/scenario", q="CAMPSITE refused")
    assert found.texts("start")
    assert all("campsite" in each.lower() for each in found.texts("start"))
    tagged = Dashboard(sandbox).open("/scenario", tag="expiry", q="worldline/")
    assert "The shopper leaves, and half an hour later the session is over" in tagged.texts("start")
    assert tagged.text("found") == f"{len(tagged.texts('start'))} scenarios"
    assert Dashboard(sandbox).open("/scenario", q=HOSTILE).texts("start") == []


def test_a_shipped_scenario_is_a_draft_until_it_is_applied(sandbox: ControlledSandbox) -> None:
    page = Dashboard(sandbox).open("/scenario", **{"from": "worldline/refused-beneficiary"})
    assert page.editor == shipped("worldline/refused-beneficiary")
    assert "The sandbox does not use it until it is applied." in page.text("draft")
    assert "different from what is in force" in page.text("checked")
    assert in_force(sandbox) == "default"


@pytest.mark.parametrize("name", ["nowhere", "../../etc/passwd", "/etc/passwd", HOSTILE])
def test_no_other_file_can_be_read(sandbox: ControlledSandbox, name: str) -> None:
    page = Dashboard(sandbox).open("/scenario", **{"from": name})
    assert page.status == 404
    assert "No such scenario" in page.html


# -- checking ----------------------------------------------------------------------------------------------------------


def test_mistakes_are_told_with_line_and_column_and_the_nearest_word(sandbox: ControlledSandbox) -> None:
    page = looked_at(sandbox, WRONG)
    assert page.texts("mistake") == ["8:16", "9:12"]
    told = page.text("mistakes")
    assert "did you mean 'card_complement'?" in told
    assert "operation: worldline.crad_complement" in told
    assert page.attribute("mistake", "data-line") == "8"
    assert in_force(sandbox) == "default"


@pytest.mark.parametrize("text", ["", "[", "{" * 100, "\x00", "title: 1\ntitle: 2", "&a [*a]", "- 1\n" * 300, HOSTILE])
def test_whatever_is_written_is_checked(sandbox: ControlledSandbox, text: str) -> None:
    page = looked_at(sandbox, text)
    assert "mistake" in page.text("checked")


def test_the_check_says_what_the_control_api_says(sandbox: ControlledSandbox) -> None:
    url = f"{sandbox.url}/_mockpsp/sandboxes/{sandbox.id}/scenario"
    answer = requests.put(url, data=WRONG, headers={"Content-Type": "application/yaml"}, timeout=30)
    page = looked_at(sandbox, WRONG)
    for problem in answer.json()["problems"]:
        place, _, message = problem.removeprefix("<body>:").partition(": ")
        assert place in page.texts("mistake")
        assert message in page.text("mistakes")


def test_what_would_change_is_told_and_what_waits_for_a_reset(sandbox: ControlledSandbox) -> None:
    page = looked_at(sandbox, MINE)
    assert page.text("checked").startswith(
        "No mistakes. 1 thing is different from what is in force Rule added refuse two"
    )
    assert page.text("notes") == (
        "4:1 The seed 7 is used from the next reset on. "
        "11:1 A story is for mockpsp play; here the requests come from your application."
    )
    assert in_force(sandbox) == "default"


def test_balances_that_would_move_are_told(new_sandbox: New) -> None:
    text = "mockpsp: 1\ntitle: x\nworld: {worldline: {wallets: [{beneficiary: '1', balance: %s EUR}]}}\n".replace(
        "'1'", '"11111111111"'
    )
    sandbox = new_sandbox(
        scenario={"world": {"worldline": {"wallets": [{"beneficiary": "11111111111", "balance": "5.00 EUR"}]}}}
    )
    for amount in ("7.00", "3.00"):
        assert "worldline/wallet/11111111111" in looked_at(sandbox, text % amount).text("checked")


def test_the_button_checks_without_scripts(sandbox: ControlledSandbox) -> None:
    page = Dashboard(sandbox).send("/scenario", do="check", text=WRONG.replace("\n", "\r\n"), name="inline").harmless()
    assert page.status == 200
    assert page.editor == WRONG
    assert page.texts("mistake") == ["8:16", "9:12"]


# -- applying ----------------------------------------------------------------------------------------------------------


def test_applying_keeps_what_is_under_way_and_tells_what_changed(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    page = Dashboard(sandbox).send("/scenario", do="apply", text=MINE.replace("\n", "\r\n"), name="default").harmless()
    assert page.text("notice").startswith("In force since now. Payments that are under way stay. What changed:")
    assert "scenario default → inline" in page.text("notice")
    assert "rules: 7 → 8 lines, counted from the start again" in page.text("notice")
    assert page.editor == MINE, "comments and story too"
    assert in_force(sandbox) == "inline"
    assert [each["ref"] for each in sandbox.call("GET", "/checkouts")["checkouts"]] == [ref]


def test_a_shipped_scenario_keeps_its_name_while_its_text_is_the_same(sandbox: ControlledSandbox) -> None:
    name = "worldline/refused-beneficiary"
    Dashboard(sandbox).send("/scenario", do="apply", text=shipped(name), name=name)
    assert in_force(sandbox) == name
    Dashboard(sandbox).send("/scenario", do="apply", text=shipped(name) + "# mine\n", name=name)
    assert in_force(sandbox) == "inline"


def test_what_has_mistakes_is_not_applied(sandbox: ControlledSandbox) -> None:
    for what in ("apply", "restart"):
        page = Dashboard(sandbox).send("/scenario", do=what, text=WRONG, name="default").harmless()
        assert page.status == 422
        assert page.text("error") == "Not applied: 2 mistakes. See them"
        assert page.editor == WRONG
    assert in_force(sandbox) == "default"


def test_starting_over_forgets_payments_and_uses_seed_and_clock(sandbox: ControlledSandbox) -> None:
    a_checkout(sandbox)
    text = MINE.replace("seed: 7", "seed: 7\nclock: 2026-07-01T09:00:00+02:00")
    page = Dashboard(sandbox).send("/scenario", do="restart", text=text, name="default")
    assert page.text("notice").startswith("The sandbox has started over")
    shown = sandbox.call("GET")
    assert (shown["scenario"], shown["seed"], shown["clock"]["now"]) == ("inline", 7, "2026-07-01T07:00:00.000Z")
    assert sandbox.call("GET", "/checkouts")["checkouts"] == []
    assert page.editor == text
    a_checkout(sandbox)
    assert Dashboard(sandbox).send("/scenario", do="reset").text("notice").startswith("The sandbox has started over")
    assert sandbox.call("GET", "/checkouts")["checkouts"] == []


@pytest.mark.parametrize("form", [{}, {"do": "drop"}, {"do": HOSTILE, "text": MINE}])
def test_what_no_button_says_is_refused(sandbox: ControlledSandbox, form: dict[str, str]) -> None:
    assert Dashboard(sandbox).send("/scenario", **form).status == 400
    assert in_force(sandbox) == "default"


def test_only_our_own_pages_change_a_scenario(sandbox: ControlledSandbox) -> None:
    board = Dashboard(sandbox)
    ref = a_checkout(sandbox)
    assert board.refused("/scenario", do="apply", text=MINE, name="x")
    assert board.refused("/scenario", do="reset")
    assert board.refused("/scenario/check", text=MINE, name="x")
    assert in_force(sandbox) == "default"
    assert [each["ref"] for each in sandbox.call("GET", "/checkouts")["checkouts"]] == [ref]


# -- the script in force -----------------------------------------------------------------------------------------------


def test_the_script_tells_how_far_it_has_come(new_sandbox: New) -> None:
    sandbox = new_sandbox(clock="2026-07-01T07:00:00Z")
    Dashboard(sandbox).send("/scenario", do="apply", text=MINE, name="inline")
    first = Dashboard(sandbox).open("/scenario").texts("line")[0]
    assert first == "refuse two worldline.card_complement always refused 0 0 2 ready"
    ref = a_checkout(sandbox)
    for tender in ({"with": "cv_connect", "amount": "300.00 EUR"}, {"with": "card"}, {"with": "card"}):
        sandbox.shopper(ref, {"pay": [tender]})
    last = Dashboard(sandbox).open("/scenario").texts("line")[0]
    assert last == "refuse two worldline.card_complement always refused 2 2 0 used up"


def test_all_kinds_of_lines_are_told_in_words(new_sandbox: New) -> None:
    throttle = {"throttle": {"calls": 2, "per": "1m"}, "status": 429}
    lines: dict[str, Any] = {
        "rules": [
            {
                "name": "per reference", "operation": "worldline.refund", "per": "merchant_reference", "times": 1,
                "nth": 2, "when": {"amount": {"at_least": "5.00 EUR"}}, "then": {"outcome": "refused"},
            },
        ],
        "faults": [{"name": "slow down", "operation": "worldline.*", "from": "1h", "then": throttle}],
        "webhooks": [{"name": "twice", "event": "worldline.*", "deliver": {"copies": 2, "after": "2s"}}],
        "shopper": [{"at": "worldline.hosted_checkout", "cancels": True}],
    }  # fmt: skip
    page = Dashboard(new_sandbox(scenario=lines)).open("/scenario")
    rule, fault, webhook, shopper = page.texts("line")
    assert rule == (
        "per reference worldline.refund amount at least 5.00 EUR, from match 2 on, counted per merchant reference "
        "refused 0 0 1 each ready"
    )
    assert fault == "slow down worldline.* always throttle: {calls: 2, per: PT1M}, status: 429 0 0 no limit not yet"
    assert webhook == "twice worldline.* always after: PT2S, copies: 2 0 0 no limit ready"
    assert shopper == "worldline.hosted_checkout always cancels: true 0 0 no limit ready"


def test_a_script_without_lines_says_so(new_sandbox: New) -> None:
    page = Dashboard(new_sandbox(scenario={})).open("/scenario")
    assert "Everything happens as it naturally would." in page.text("script")


def test_a_long_script_is_cut_and_says_so(new_sandbox: New) -> None:
    rules = [
        {
            "name": f"r{at}",
            "operation": "worldline.refund",
            "when": {"amount": f"{at}.00 EUR"},
            "then": {"outcome": "refused"},
        }
        for at in range(1, 131)
    ]
    page = Dashboard(new_sandbox(scenario={"rules": rules})).open("/scenario")
    assert len(page.texts("line")) == 100
    assert "And 30 more." in page.text("script")


def test_what_scenarios_write_is_only_text(new_sandbox: New) -> None:
    rule = {
        "name": HOSTILE,
        "operation": "worldline.refund",
        "when": {"merchant_reference": HOSTILE},
        "then": {"outcome": "refused"},
    }
    sandbox = new_sandbox(scenario={"title": HOSTILE, "tags": [HOSTILE], "rules": [rule]})
    page = Dashboard(sandbox).open("/scenario")
    assert " ".join(HOSTILE.split()) in page.text("in-force")
    assert " ".join(HOSTILE.split()) in page.texts("line")[0]
    text = "title: </textarea><script>hit=1</script>\n"
    again = Dashboard(sandbox).send("/scenario", do="check", text=text, name=HOSTILE).harmless()
    assert again.editor == text
    assert "<script>hit" not in again.html
    assert looked_at(sandbox, f"{HOSTILE}: 1").harmless().has("mistakes")


def test_a_first_empty_line_is_kept(sandbox: ControlledSandbox) -> None:
    assert Dashboard(sandbox).send("/scenario", do="check", text="\n\n# x\n", name="").editor == "\n\n# x\n"


def test_an_address_that_tells_of_no_change_shows_the_page(sandbox: ControlledSandbox) -> None:
    for number in ("1", "9999", HOSTILE, "2"):
        page = Dashboard(sandbox).open("/scenario", applied=number)
        assert page.status == 200
        assert unescape(HOSTILE) not in re.sub(r"<option.*?</option>", "", page.html)
