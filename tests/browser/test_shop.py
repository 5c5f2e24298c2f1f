"""The example shop in an unmodified Chromium: three purchases clicked through, a refund, and pages that follow live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.axe import accessible
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.merchant import VOUCHER, Merchant, merchant
from tests.support.server import Threaded

pytestmark = pytest.mark.browser


@pytest.fixture
def front(live: Threaded, sandbox: ControlledSandbox) -> Iterator[Merchant]:
    """The shop, making no mistake."""
    with merchant(live, sandbox) as running:
        yield running


def buy(tab: Tab, front: Merchant, kind: str, language: str = "en") -> Tab:
    """From the shop window to the provider's page."""
    tab.open(f"{front.url}/?lang={language}").shows(f"offer-{kind}").click(f"offer-{kind}")
    tab.shows("buy").click("buy")
    return tab


def put(tab: Tab, button: str, **fields: str) -> None:
    """Type into a form and send it."""
    tab.shows(button, *fields)
    for name, text in fields.items():
        tab.fill(name, text)
    tab.click(button)


def state(tab: Tab, name: str) -> Tab:
    """Wait until the order's page says so."""
    return tab.until(f"document.querySelector('[data-testid=state]')?.dataset.state === '{name}'")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_holiday_is_paid_on_a_phone_beside_the_computer(person: Person, front: Merchant, scripts: bool) -> None:
    computer = buy(person.tab(scripts=scripts), front, "holiday")
    computer.shows("product-5412").click("product-5412")
    computer.click("pay")
    put(computer, "continue", beneficiary="77777777777")
    portal = computer.shows("open-phone").url
    address = str(computer.evaluate("document.querySelector('[data-testid=open-phone]').href"))

    phone = person.tab(width=360, height=740).open(address)
    phone.shows("confirm").click("confirm")
    card = {"card-number": "4330264936344675", "card-holder": "CAMILLE MARTIN", "card-expiry": "12/30"}
    put(phone, "pay-card", **{**card, "card-cvv": "123"})
    phone.shows("outcome")

    if not scripts:
        computer.open(portal)
    state(computer, "paid")
    assert computer.text("paid") == "€600.40"
    assert front.now(front.orders()[0])["shipments"] == 1


def test_a_lunch_is_paid_by_voucher_and_card(person: Person, front: Merchant) -> None:
    tab = buy(person.tab(), front, "lunch")
    tab.shows("continue").click("method-mealVoucher_FR_sodexo")
    tab.click("continue")
    put(tab, "check", number=VOUCHER, expiry="03/30", cvc="737")
    tab.shows("redeem").click("redeem")
    tab.shows("method-scheme").click("method-scheme")
    tab.click("continue")
    put(tab, "pay-card", number="4111111111111111", holder="CAMILLE MARTIN", expiry="03/30", cvc="737")
    tab.shows("return").click("return")

    state(tab, "paid")
    assert tab.text("paid") == "€43.50"


def test_a_basket_is_paid_on_a_phone_in_french_and_refunded(person: Person, front: Merchant) -> None:
    tab = buy(person.tab(width=360, height=740), front, "basket", "fr")
    tab.shows("continue").click("method-conecs")
    tab.click("continue")
    put(tab, "pay-conecs", number="5017670000006120", expiry="12/30", cvv="123")
    put(tab, "pay-card", number="4970100000000000", holder="CAMILLE MARTIN", expiry="12/30", cvv="123")
    state(tab, "paid")
    assert tab.text("paid") == "72,00 €"
    assert tab.fits()

    tab.click("to-merchant")
    tab.shows("row").click(f"open-{front.orders()[0].id}")
    tab.shows("refund").click("refund")

    state(tab, "refunded")
    assert tab.text("refunded") == "72,00 €"


def test_an_order_shows_by_itself_what_the_shop_has_learned(person: Person, front: Merchant) -> None:
    order = front.order("holiday")
    tab = person.tab().open(f"{front.url}/orders/{order.token}")
    state(tab, "waiting")

    front.pays(order, {"with": "cv_connect", "amount": "300.00 EUR"})
    state(tab, "part-paid")
    front.pays(order, {"with": "card", "number": "4330264936344675"})

    state(tab, "paid")


def test_by_keyboard_alone(person: Person, front: Merchant) -> None:
    tab = person.tab().open(f"{front.url}/?lang=en")
    tab.tab_to("offer-lunch")
    tab.press("Enter")
    tab.shows("buy").tab_to("buy")
    tab.press("Enter")

    tab.shows("method-scheme")
    front.pays(front.orders()[0], {"with": "card"})
    tab.shows("return")  # the page follows by itself; until then it may still be about to load itself again
    tab.open(f"{front.url}/merchant/{front.orders()[0].id}").shows("refund").tab_to("refund")
    tab.press("Enter")
    state(tab, "refunded")


@pytest.mark.parametrize(
    ("language", "width"), [("fr", 360), ("en", 360), ("fr", 1280), pytest.param("en", 1280, marks=pytest.mark.long)]
)
def test_every_page_fits_and_is_accessible(person: Person, front: Merchant, width: int, language: str) -> None:
    order = front.order("lunch")
    front.pays(order, {"with": "meal_voucher"}, {"with": "card"})
    waiting = front.order("holiday")
    orders = [f"/orders/{order.token}", f"/orders/{waiting.token}", "/merchant", f"/merchant/{order.id}"]
    paths = ["/", "/holiday", "/lunch", "/basket", *orders]
    tab = person.tab(width=width)

    for path in paths:
        tab.open(f"{front.url}{path}?lang={language}")
        assert tab.fits(), path
        accessible(tab, path)
        assert tab.evaluate("document.documentElement.lang") == language
