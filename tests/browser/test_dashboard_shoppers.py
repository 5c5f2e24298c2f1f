"""The shoppers' page in a browser: acting in the shopper's place, the keyboard, without scripts, live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.adyen_pages import new_link
from tests.support.axe import accessible
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.dashboard import HOSTILE
from tests.support.lyra_pages import new_page
from tests.support.worldline import Merchant, checkout_body

pytestmark = pytest.mark.browser
New = Callable[..., ControlledSandbox]
DESKTOP, PHONE = 1280, 360


@pytest.fixture
def sandbox(new_sandbox: New) -> ControlledSandbox:
    """One whose clock stands still on a Wednesday."""
    return new_sandbox(clock="2026-07-01T10:00:00Z")


def a_checkout(sandbox: ControlledSandbox, amount: int = 140000, **changes: Any) -> str:
    body = checkout_body(amount, **changes)
    return str(Merchant(sandbox).call("create_hosted_checkout", body).json()["hostedCheckoutId"])


def shoppers(tab: Tab, sandbox: ControlledSandbox) -> Tab:
    return tab.open(f"{sandbox.url}/_mockpsp/sandbox/{sandbox.id}/checkouts").shows("waiting")


def waiting(sandbox: ControlledSandbox) -> dict[str, str]:
    return {each["ref"]: each["remaining"] for each in sandbox.call("GET", "/checkouts")["checkouts"]}


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_shopper_pays_by_several_tenders_as_suggested(
    person: Person, sandbox: ControlledSandbox, scripts: bool, width: int
) -> None:
    new_page(sandbox)
    tab = shoppers(person.tab(scripts=scripts, width=width), sandbox)
    tab.click("open-split")
    tab.until("document.querySelector('[data-testid=open-split]').parentElement.open")
    assert (tab.value("amount-1"), tab.value("amount-2")) == ("14.00", "55.00")
    assert tab.fits()
    accessible(tab, "with an open form")
    tab.click("split")
    tab.shows("notice", "decisions")
    assert waiting(sandbox) == {}
    assert "waits no more" in tab.text("notice")
    accessible(tab, "when all is paid")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_refusal_is_told_where_it_can_be_put_right(person: Person, sandbox: ControlledSandbox, scripts: bool) -> None:
    ref = a_checkout(sandbox)
    tab = shoppers(person.tab(scripts=scripts), sandbox)
    tab.click("open-split")
    tab.until("document.querySelector('[data-testid=open-split]').parentElement.open")
    tab.fill("amount-1", "9999")
    tab.click("split")
    tab.shows("error", "again")
    assert tab.text("error") == "The page does not allow it Amount: No more than 1400.00 EUR is left to pay."
    assert tab.value("amount-1") == "9999"
    assert tab.attribute("amount-1", "aria-invalid") == "true"
    accessible(tab, "refused")
    tab.fill("amount-1", "200")
    tab.click("split")
    tab.shows("notice")
    assert ref not in waiting(sandbox)


def test_everything_is_done_with_the_keyboard(person: Person, sandbox: ControlledSandbox) -> None:
    first, second = a_checkout(sandbox), a_checkout(sandbox)
    tab = shoppers(person.tab(), sandbox)
    tab.tab_to("with")
    tab.press("ArrowDown")
    tab.press("ArrowDown")
    tab.tab_to("pay")
    tab.press("Enter")
    tab.shows("notice").until("document.activeElement.dataset.testid === 'notice'")
    assert waiting(sandbox) == {first: "1400.00 EUR", second: "1100.00 EUR"}
    tab.tab_to("open-refuse")
    tab.press("Space")
    tab.tab_to("refuse")
    tab.press("Enter")
    tab.until("document.querySelector('[data-testid=decisions]')?.innerText.includes('refuses')")
    tab.tab_to("cancel")
    tab.press("Enter")
    tab.until("document.querySelector('[data-testid=notice]')?.innerText.includes('cancels')")
    assert list(waiting(sandbox)) == [first]


def test_checkouts_come_and_go_by_themselves_and_leave_what_is_typed(
    person: Person, sandbox: ControlledSandbox
) -> None:
    first = a_checkout(sandbox, 50000)
    tab = shoppers(person.tab(), sandbox).until("!document.getElementById('live').hidden")
    tab.click("open-split")
    tab.fill("amount-1", "77.70")
    link = new_link(sandbox)
    tab.until(f"document.querySelector('[data-testid=waiting]').innerText.includes('{link['id']}')")
    assert tab.evaluate("document.querySelectorAll('[data-testid=amount-1]')[1].value") == "77.70"
    assert tab.evaluate("document.activeElement.value") == "77.70"
    sandbox.shopper(link["id"], {"pay": [{"with": "card"}]})
    tab.until(f"!document.querySelector('[data-testid=waiting]').innerText.includes('{link['id']}')")
    assert tab.value("amount-1") == "77.70"
    assert tab.text("count") == "1 checkout waits for a shopper"
    assert first in tab.text("checkout")


def test_the_qr_code_and_the_shoppers_page_are_one_click_away(person: Person, sandbox: ControlledSandbox) -> None:
    a_checkout(sandbox)
    tab = shoppers(person.tab(), sandbox)
    tab.click_on("document.querySelector('summary')")
    tab.until("document.querySelector('img.qr').complete && document.querySelector('img.qr').naturalWidth > 100")
    accessible(tab, "with a QR code")
    address = tab.attribute("open", "href")
    assert person.tab().open(address).shows("continue").url == address


def test_hostile_words_stay_words(person: Person, new_sandbox: New) -> None:
    wallets = [{"beneficiary": "11111111111", "balance": "9999.00 EUR", "holder": HOSTILE}]
    sandbox = new_sandbox(scenario={"title": HOSTILE, "world": {"worldline": {"wallets": wallets}}})
    a_checkout(sandbox, order={"references": {"merchantReference": HOSTILE[:40]}})
    tab = shoppers(person.tab(), sandbox)
    assert tab.evaluate("typeof window.hit") == "undefined"
    assert tab.evaluate("document.querySelectorAll('img[onerror], script:not([src])').length") == 0
    assert HOSTILE[:20] in tab.text("checkout")
