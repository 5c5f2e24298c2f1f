"""The clock's page in a browser: buttons, the keyboard, without scripts, live."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.axe import accessible
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.worldline import Merchant, checkout_body

pytestmark = pytest.mark.browser
New = Callable[..., ControlledSandbox]
DESKTOP, PHONE = 1280, 360
MOVED = "document.querySelector('[data-testid=notice]')"


@pytest.fixture
def sandbox(new_sandbox: New) -> ControlledSandbox:
    """One whose clock stands still."""
    return new_sandbox(clock="2026-07-01T07:00:00Z")


def a_checkout(sandbox: ControlledSandbox) -> str:
    return str(Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()["hostedCheckoutId"])


def clock(tab: Tab, sandbox: ControlledSandbox) -> Tab:
    return tab.open(f"{sandbox.url}/_mockpsp/sandbox/{sandbox.id}/clock").shows("time")


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_clock_is_moved_and_tells_what_that_did(
    person: Person, sandbox: ControlledSandbox, scripts: bool, width: int
) -> None:
    ref = a_checkout(sandbox)
    tab = clock(person.tab(scripts=scripts, width=width), sandbox)
    assert "1 due" in tab.text("move-PT1H")
    accessible(tab, "before a move")
    tab.click("move-PT1H")
    tab.until(MOVED).shows("done")
    assert tab.text("paris") == "10:00:00"
    assert ref in tab.text("done")
    assert tab.text("move-next").endswith("nothing ahead")
    assert tab.fits()
    accessible(tab, "after a move")


def test_everything_is_done_with_the_keyboard(person: Person, sandbox: ControlledSandbox) -> None:
    a_checkout(sandbox)
    tab = clock(person.tab(), sandbox)
    tab.tab_to("run")
    tab.press("Enter")
    tab.until(MOVED).shows("freeze")
    tab.until("document.activeElement.dataset.testid === 'notice'")  # what happened is read first
    tab.tab_to("freeze")
    tab.press("Space")
    tab.until(MOVED).shows("run")
    tab.tab_to("move-next")
    tab.press("Enter")
    tab.shows("done")
    assert tab.text("utc").endswith("08:00:00 UTC")


def test_a_moment_is_typed_in(person: Person, sandbox: ControlledSandbox) -> None:
    tab = clock(person.tab(), sandbox)
    tab.evaluate("document.getElementById('moment').value = '2026-12-24T18:30'")
    tab.click("set")
    tab.until(MOVED)
    assert tab.text("paris") == "18:30:00"
    assert sandbox.call("GET", "/clock")["now"] == "2026-12-24T17:30:00.000Z"


def test_what_is_due_appears_by_itself(person: Person, sandbox: ControlledSandbox) -> None:
    tab = clock(person.tab(), sandbox).until("!document.getElementById('live').hidden")
    assert not tab.has("ahead-row")
    ref = a_checkout(sandbox)
    tab.shows("ahead-row").until("document.querySelector('[data-testid=move-PT1H]').innerText.includes('1 due')")
    assert ref in tab.text("ahead")
    sandbox.advance("PT1H")
    tab.until("document.querySelector('[data-testid=paris]').textContent === '10:00:00'")
    tab.until("!document.querySelector('[data-testid=ahead-row]')")


def test_a_clock_that_runs_is_seen_to_run(person: Person, new_sandbox: New) -> None:
    tab = clock(person.tab(), new_sandbox())
    first = tab.text("paris")
    tab.until(f"document.querySelector('[data-testid=paris]').textContent !== '{first}'")
