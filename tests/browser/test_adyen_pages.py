"""What a shopper does on Adyen's hosted pages, with a mouse, a keyboard and two devices, in an unmodified Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.adyen_pages import (
    BANK,
    BIMPLI,
    GIVEX,
    POOR_VOUCHER,
    RICH_VOUCHER,
    SECURE_VISA,
    SODEXO,
    VISA,
    body_of,
    link_status,
    merchant_call,
    new_link,
    new_session,
)
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.shopfront import Shopfront
from tests.support.visits import arrived, outcome

pytestmark = pytest.mark.browser

NO_FIELD_PROBLEM = "document.querySelector('[data-testid=error]') && !document.querySelector('.problem')"
EN = {"pay": "Pay €18.50", "left": "€18.50", "submit": "Confirm", "paid": "Payment successful"}
FR = {"pay": "Payer 18,50 €", "left": "18,50 €", "submit": "Valider", "paid": "Paiement accepté"}


def link(sandbox: ControlledSandbox, shop: Shopfront, value: int = 4350, **changes: Any) -> dict[str, Any]:
    """A payment link that returns to the shop."""
    return new_link(sandbox, value, returnUrl=f"{shop.url}/back?cart=77", **changes)


def choose(tab: Tab, method: str) -> Tab:
    """Choose a method and wait for its form."""
    tab.shows("continue").click(f"method-{method}")
    tab.click("continue")
    return tab.shows("cvc")


def put(tab: Tab, fields: dict[str, str], button: str) -> Tab:
    """Type into a form and send it."""
    for name, text in fields.items():
        tab.fill(name, text)
    tab.click(button)
    return tab


def redeem(tab: Tab, method: str, means: dict[str, str]) -> Tab:
    """Check the balance and confirm."""
    put(choose(tab, method), means, "check").shows("redeem").click("redeem")
    return tab


def only_hosts(tab: Tab, *urls: str) -> None:
    """Nothing was loaded from anywhere else."""
    tab.told()
    hosts = {urlsplit(url).netloc for url in tab.requested if not url.startswith(("about:", "data:"))}
    assert hosts, "requests are seen at all"
    assert hosts <= {urlsplit(url).netloc for url in urls}


def plain(text: str) -> str:
    """A text with plain spaces."""
    return " ".join(text.split())


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize(("locale", "width", "words"), [("en-GB", 1280, EN), ("fr-FR", 360, FR)])
def test_a_voucher_pays_a_part_and_a_card_the_rest(
    person: Person,
    sandbox: ControlledSandbox,
    shop: Shopfront,
    locale: str,
    width: int,
    words: dict[str, str],
    scripts: bool,
) -> None:
    tab = person.tab(scripts=scripts, width=width, height=740)
    made = link(sandbox, shop, shopperLocale=locale, description="Menu du midi, 3 couverts")
    assert tab.open(made["url"]).shows("continue").fits()
    assert tab.evaluate("document.documentElement.lang") == locale[:2]
    assert choose(tab, SODEXO).fits()
    assert put(tab, RICH_VOUCHER, "check").shows("redeem").fits()
    assert plain(tab.text("rest-amount")) == words["left"]
    tab.click("redeem")
    assert tab.shows("remove", "leg").fits()
    assert choose(tab, "scheme").fits()
    assert plain(tab.text("pay-card")) == words["pay"]
    assert put(tab, {**SECURE_VISA, "cvc": ""}, "pay-card").shows("error-cvc").fits()
    assert put(tab, SECURE_VISA, "pay-card").shows("submit").fits()
    assert tab.text("submit") == words["submit"]
    put(tab, BANK, "submit")
    assert tab.until(outcome("paid")).fits()
    assert tab.text("outcome") == words["paid"]
    tab.click("return")
    tab.until(arrived(shop)).shows("thanks")
    assert shop.came_back("/back") == [{"cart": "77", "resultCode": "authorised"}]
    assert link_status(sandbox, made["id"]) == "completed"
    only_hosts(tab, sandbox.url, shop.url)


def test_two_vouchers_a_gift_card_and_a_second_try_by_card(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    tab = person.tab(width=360, height=740)
    tab.open(link(sandbox, shop, 10000)["url"])
    redeem(tab, SODEXO, RICH_VOUCHER).shows("remove")
    redeem(tab, BIMPLI, POOR_VOUCHER).until("document.querySelectorAll('[data-testid=leg]').length === 2")
    redeem(tab, "givex", GIVEX).until("document.querySelectorAll('[data-testid=leg]').length === 3")
    assert tab.fits()
    put(choose(tab, "scheme"), {**VISA, "holder": "DECLINED"}, "pay-card").until(NO_FIELD_PROBLEM)
    tab.until("document.activeElement.dataset.testid === 'error'")
    assert tab.value("number") == tab.value("cvc") == ""
    put(tab, VISA, "pay-card").until(outcome("paid"))
    assert tab.evaluate("document.querySelectorAll('[data-testid=leg]').length") == 4
    assert tab.fits()


def test_one_click_fills_in_test_data(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = person.tab()
    choose(tab.open(link(sandbox, shop)["url"]), SODEXO).click_on(_fill_button("5075990000006120"))
    assert (tab.value("number"), tab.value("expiry"), tab.value("cvc")) == ("5075990000006120", "03/30", "737")
    tab.click("check")
    tab.shows("redeem").click("redeem")
    choose(tab.shows("remove"), "scheme").click_on(_fill_button("371449635398431"))
    assert (tab.value("number"), tab.value("holder"), tab.value("cvc")) == ("371449635398431", "CAMILLE MARTIN", "7373")
    tab.click("pay-card")
    tab.shows("submit").click_on(_fill_button("password"))
    assert (tab.value("user"), tab.value("password")) == ("user", "password")
    tab.click("submit")
    tab.until(outcome("paid"))


def _fill_button(value: str) -> str:
    return f"[...document.querySelectorAll('[data-testid=fill]')].find(each => each.dataset.fill.includes('{value}'))"


def test_every_row_of_test_data_fits_its_form(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = person.tab()
    page = link(sandbox, shop)["url"]
    for method, names in ((SODEXO, ("number", "expiry", "cvc")), ("vvvgiftcard", ("number", "cvc"))):
        choose(tab.open(page), method)
        rows = tab.evaluate("document.querySelectorAll('[data-testid=fill]').length")
        assert rows
        for row in range(rows):
            tab.click_on(f"document.querySelectorAll('[data-testid=fill]')[{row}]")
            assert all(tab.value(name) for name in names)
            assert tab.evaluate("[...document.querySelectorAll('input')].every(each => each.checkValidity())")


def test_without_scripts_nothing_offers_to_fill_in(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = choose(person.tab(scripts=False).open(link(sandbox, shop)["url"]), SODEXO).shows("test-data")
    shown = "[...document.querySelectorAll('[data-testid=fill]')].filter(each => each.checkVisibility()).length"
    assert tab.evaluate(shown) == 0


def test_voucher_card_and_bank_with_the_keyboard_only(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    made = link(sandbox, shop)
    tab = person.tab().open(made["url"]).shows("continue")
    pick(tab, f"method-{SODEXO}")
    type_in(tab, RICH_VOUCHER)
    tab.press("Enter")
    tab.shows("redeem").tab_to("redeem")
    tab.press("Enter")
    pick(tab.shows("remove"), "method-scheme")
    type_in(tab, SECURE_VISA)
    tab.press("Enter")
    type_in(tab.shows("submit"), BANK)
    tab.tab_to("submit")
    tab.press("Space")
    tab.until(outcome("paid")).tab_to("return")
    tab.press("Enter")
    tab.until(arrived(shop))
    assert link_status(sandbox, made["id"]) == "completed"


def pick(tab: Tab, choice: str) -> None:
    """Move to a radio button with the arrows and go on."""
    tab.tab_to("method-scheme")
    tab.press("Space")
    for _ in range(10):
        if tab.focused == choice:
            break
        tab.press("ArrowDown")
    assert tab.evaluate("document.activeElement.checked")
    tab.tab_to("continue")
    tab.press("Enter")
    tab.shows("cvc")


def type_in(tab: Tab, fields: dict[str, str]) -> None:
    """Type into the fields in the order of the page."""
    for name, text in fields.items():
        tab.tab_to(name)
        tab.write(text)


def test_who_leaves_is_back_in_the_shop(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = person.tab()
    made = new_session(sandbox, returnUrl=f"{shop.url}/back?cart=77")
    redeem(tab.open(made["url"]), BIMPLI, POOR_VOUCHER).shows("remove").click("cancel")
    tab.until(arrived(shop)).shows("thanks")
    (back,) = shop.came_back("/back")
    assert (back["cart"], back["sessionId"]) == ("77", made["id"])
    assert back["sessionResult"]


def test_the_vouchers_are_taken_back(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = person.tab(width=360, height=740)
    redeem(tab.open(link(sandbox, shop)["url"]), BIMPLI, POOR_VOUCHER).shows("remove").click("remove")
    tab.until("!document.querySelector('[data-testid=leg]')").shows("continue")
    put(choose(tab, BIMPLI), POOR_VOUCHER, "check").shows("redeem")
    assert plain(tab.text("balance-amount")) == "€19.00"


def test_a_page_follows_what_happens_elsewhere(
    people: Callable[[], Person], sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    page = link(sandbox, shop)["url"]
    computer, phone = people().tab().open(page), people().tab(width=360, height=740).open(page)
    computer.shows("continue")
    redeem(phone, BIMPLI, POOR_VOUCHER).shows("remove")
    computer.shows("leg")
    put(choose(phone, "scheme"), VISA, "pay-card").until(outcome("paid"))
    computer.until(outcome("paid"))


def test_a_page_whose_form_is_on_its_way_waits_for_the_answer(
    people: Callable[[], Person], sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    page = link(sandbox, shop)["url"]
    tab, other = people().tab(), people().tab()
    put(choose(tab.open(page), BIMPLI), POOR_VOUCHER, "check").shows("redeem")
    tab.evaluate("window.same = true; addEventListener('submit', event => event.preventDefault())")
    tab.click("redeem")
    redeem(other.open(page), SODEXO, RICH_VOUCHER).shows("remove")
    asked = "performance.getEntriesByType('resource').filter(each => each.name.endsWith('/progress')).length"
    before = tab.evaluate(asked)
    tab.until(f"window.same && {asked} >= {before} + 2")
    assert tab.has("redeem")


def test_the_bank_sends_the_shopper_on_to_the_shop(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    means = {"type": "scheme", "number": "4212345678901237", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}
    body = body_of(sandbox, returnUrl=f"{shop.url}/back?cart=77", paymentMethod=means)
    action = merchant_call(sandbox, "POST", "/payments", 200, body)["action"]
    tab = person.tab(width=360, height=740)
    assert tab.open(action["url"]).shows("submit").fits()
    put(tab, BANK, "submit")
    tab.until(arrived(shop)).shows("thanks")
    (back,) = shop.came_back("/back")
    details = {"details": {"redirectResult": back["redirectResult"]}}
    assert merchant_call(sandbox, "POST", "/payments/details", 200, details)["resultCode"] == "Authorised"


FRAME = """<!doctype html><meta charset="utf-8"><title>Shop</title>
<iframe name="bank" width="390" height="400"></iframe>
<form method="post" target="bank" action="%s"><input name="step" value="%s"><input name="password" value="%s"></form>
<script>
window.told = [];
addEventListener("message", event => told.push([event.origin, JSON.parse(event.data)]));
document.forms[0].submit();
</script>"""


@pytest.mark.parametrize(
    ("step", "password", "told"), [("authenticate", "password", "Y"), ("authenticate", "x", "N"), ("cancel", "", "U")]
)
def test_the_frame_tells_the_shop_how_it_went(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront, step: str, password: str, told: str
) -> None:
    means = {"type": "scheme", "number": "4212345678901237", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}
    merchant_call(sandbox, "POST", "/payments", 200, body_of(sandbox, paymentMethod=means))
    (waiting,) = sandbox.call("GET", "/checkouts")["checkouts"]
    address = waiting["url"].replace("/redirect?", "/challenge?")
    tab = person.tab().open(shop.put("/frame", FRAME % (address, step, password)))
    tab.until("told.length")
    result = {"type": "challengeResult", "result": {"transStatus": told}}
    assert tab.evaluate("told") == [[sandbox.url, result]]
