"""What a shopper does with Adyen's real Drop-in, versions 5 and 6, in the sessions flow and in the advanced flow.

The packages are unmodified. Nothing may be asked of any other host, except that version 5 cannot be told where its
analytics are; every other host is unresolvable. Where browsers are particular: test_dropin_secure.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import ADYEN
from tests.support.adyen_pages import BANK
from tests.support.adyen_web import (
    CODE,
    CURSOR,
    DATE,
    EVERYWHERE,
    NUMBER,
    OPEN,
    WebShop,
    button,
    choose,
    frame,
    hittable,
    hosts,
    inside,
    keep,
    press,
    refusal,
    submit,
    type_in,
    until_seen,
)
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.shopfront import Shopfront
from tests.support.visits import arrived

pytestmark = [pytest.mark.browser, pytest.mark.node]

SODEXO, BIMPLI = "Sodexo Titre-Restaurant", "Bimpli (ex Apetiz) Titre-Restaurant"
RICH = {"number": "5075990000006120", "date": "03/30", "code": "737"}
GIVEX = {"number": "6036280000000000000", "code": "100"}
VISA = {"number": "4111111111111111", "date": "03/30", "code": "737"}
REFUSED = {**VISA, "number": "4646464646464644"}
SECURE = {**VISA, "number": "4212345678901237"}
FOREIGN = {"number": "6364530000000001", "code": "100"}
SEALED = ("encryptedCardNumber", "encryptedExpiryMonth", "encryptedExpiryYear")
"""Fields that the journal shows; it hides security codes however they are written."""
WORLD = {
    "extends": "default",
    "mockpsp": 1,
    "title": "A card that is refused, and a gift card in another currency",
    "world": {
        "adyen": {
            "cards": [
                {"number": REFUSED["number"], "answers": "refuses", "reason": "not_enough_balance"},
                {"number": SECURE["number"], "three_ds": "challenge"},
            ],
            "gift_cards": [
                {"number": FOREIGN["number"], "brand": "genericgiftcard", "cvc": "100", "balance": "50.00 USD"},
                {"number": GIVEX["number"], "brand": "givex", "cvc": "100", "balance": "50.00 EUR"},
            ],
        }
    },
}
NO_AFTER_ALL = {
    "extends": "default",
    "mockpsp": 1,
    "title": "A voucher that is refused",
    "rules": [
        {
            "name": "the voucher is refused",
            "operation": "adyen.payments",
            "when": {"brand": "mealVoucher_FR_sodexo"},
            "then": {"outcome": "refused", "reason": "not_enough_balance"},
        }
    ],
}
# What Drop-in writes: ours in version 6, where a page without these texts would be English, the package's in version 5.
ENGLISH = {"card": "Cards", "redeem": "Redeem", "rest": "Pay €18.50", "deducted": "Deducted balance"}
FRENCH = {"card": "Carte bancaire", "redeem": "Utiliser", "rest": "Payer 18,50 €", "deducted": "Montant déduit"}
FRENCH_5 = {**FRENCH, "deducted": "Solde déduit"}


@pytest.fixture
def sandbox(new_sandbox: Callable[..., ControlledSandbox]) -> ControlledSandbox:
    """A fresh sandbox with a few more cards."""
    return new_sandbox(scenario=WORLD)


@pytest.fixture
def web(sandbox: ControlledSandbox, shop: Shopfront) -> WebShop:
    """A shop with Drop-in."""
    return WebShop(sandbox, shop)


@pytest.fixture
def tab(web: WebShop, person: Person) -> Iterator[Tab]:
    """Somebody's tab, which asks nobody but shop and simulator."""
    opened = person.tab(width=600, height=1000)
    yield opened
    analytics = {ADYEN[2]} if ADYEN[2] in person.expects else set()
    assert hosts(opened) <= {urlsplit(web.sandbox.url).netloc, urlsplit(web.front.url).netloc} | analytics


def given(tab: Tab, person: Person, web: WebShop, value: int = 4350, **how: Any) -> Tab:
    """In front of the payment page."""
    if how.get("version") == 5:
        person.expects.append(ADYEN[2])
    tab.open(web.page(value, **how))
    until_seen(tab, "mounted")
    return tab


def redeem(tab: Tab, method: str, means: dict[str, str], word: str = "Redeem") -> None:
    """Check the balance of a voucher or gift card."""
    choose(tab, method)
    type_in(tab, **means)
    submit(tab, word)


def by_card(tab: Tab, word: str, card: dict[str, str] = VISA, method: str = "Cards") -> None:
    """Pay by card, as soon as the form says so much."""
    tab.until(f"Boolean({button(word)})")
    choose(tab, method)
    type_in(tab, **card)
    submit(tab, word)


def operations(web: WebShop) -> list[str]:
    """What was called, in order."""
    return [each["operation"] for each in web.sandbox.journal(kind="request")]


# -- a voucher, an order, and the rest -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "flow", "locale", "words"),
    [
        (6, "sessions", "fr-FR", FRENCH),
        (6, "advanced", "en-US", ENGLISH),
        (5, "sessions", "en-US", ENGLISH),
        (5, "advanced", "fr-FR", FRENCH_5),
    ],
)
def test_a_voucher_pays_its_share_and_a_card_the_rest(
    tab: Tab, person: Person, web: WebShop, version: int, flow: str, locale: str, words: dict[str, str]
) -> None:
    given(tab, person, web, version=version, flow=flow, locale=locale)
    redeem(tab, SODEXO, RICH, words["redeem"])
    order = until_seen(tab, "order")
    assert (order["amount"]["value"], order["remainingAmount"]["value"]) == (4350, 1850)
    by_card(tab, words["rest"], method=words["card"])
    assert words["deducted"] in tab.body
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    assert sorted(web.sandbox.webhook_types()) == ["AUTHORISATION", "AUTHORISATION", "ORDER_CLOSED", "ORDER_OPENED"]
    assert _balance(web, RICH) == "36.20 EUR"
    means = [each["body"]["paymentMethod"] for each in _payments(web)]
    assert [each["type"] for each in means] == ["mealVoucher_FR", "scheme"]
    assert all(text.startswith("eyJ") for each in means for name, text in each.items() if name in SEALED)


def _balance(web: WebShop, means: dict[str, str], kind: str = "meal_voucher") -> str:
    held = [each for each in web.sandbox.accounts().values() if each["kind"] == kind]
    [found] = [each["balance"] for each in held if means["number"][-4:] in each["ref"]]
    return str(found)


def _payments(web: WebShop) -> list[dict[str, Any]]:
    kept = web.sandbox.journal(kind="request")
    return [each for each in kept if each["operation"] in ("payments", "session_payments")]


@EVERYWHERE
def test_the_shopper_takes_the_voucher_back(tab: Tab, person: Person, web: WebShop, version: int, flow: str) -> None:
    given(tab, person, web, version=version, flow=flow)
    redeem(tab, SODEXO, RICH)
    until_seen(tab, "order")
    tab.until(f"Boolean({button('Pay €18.50')})")
    press(tab, "Remove")
    by_card(tab, "Pay €43.50")
    until_seen(tab, "completed")
    assert _balance(web, RICH) == "61.20 EUR"
    assert "Deducted" not in tab.body


@EVERYWHERE
def test_a_voucher_that_covers_all_is_shown_first(
    tab: Tab, person: Person, web: WebShop, version: int, flow: str
) -> None:
    given(tab, person, web, 2000, version=version, flow=flow)
    redeem(tab, SODEXO, RICH)
    tab.until("document.body.innerText.includes('Max. €25.00 allowed per transaction')")
    assert "Remaining balance will be €41.20" in tab.body
    press(tab, "Pay €20.00")
    until_seen(tab, "completed")
    assert not {"session_order", "create_order"} & set(operations(web))


@EVERYWHERE
def test_a_gift_card_pays_its_share_and_a_card_the_rest(
    tab: Tab, person: Person, web: WebShop, version: int, flow: str
) -> None:
    given(tab, person, web, 8000, version=version, flow=flow)
    redeem(tab, "Givex", GIVEX)
    assert until_seen(tab, "order")["remainingAmount"]["value"] == 3000
    by_card(tab, "Pay €30.00")
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    first = _payments(web)[0]["body"]["paymentMethod"]
    assert (first["type"], first["brand"]) == ("giftcard", "givex")
    assert _balance(web, GIVEX, "gift_card") == "0.00 EUR"


@EVERYWHERE
def test_two_vouchers_and_a_gift_card(tab: Tab, person: Person, web: WebShop, version: int, flow: str) -> None:
    given(tab, person, web, 8000, version=version, flow=flow)
    redeem(tab, SODEXO, RICH)
    until_seen(tab, "order", 1)
    tab.until("document.body.innerText.includes('€55.00')")
    redeem(tab, BIMPLI, {**RICH, "number": "5075990000001900"})
    assert until_seen(tab, "order", 2)["remainingAmount"]["value"] == 3600
    tab.until("document.body.innerText.includes('€36.00')")
    redeem(tab, "Givex", GIVEX)
    press(tab, "Pay €36.00")
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"


UNKNOWN, EMPTY, OTHER = (
    "we have no gift card with this number",
    "This gift card has zero balance",
    "valid in the currency they were issued in",
)
FRENCH_WRONGS = ("Aucune carte ne porte ce numéro", "Le solde de cette carte est nul", "la devise où elle a été émise")


@pytest.mark.parametrize(
    ("version", "flow", "locale", "wrongs"),
    [
        (6, "sessions", "fr-FR", FRENCH_WRONGS),
        (5, "sessions", "en-US", (UNKNOWN, EMPTY, OTHER)),
        (6, "advanced", "en-US", (EMPTY, EMPTY, OTHER)),  # the server's answer always has a balance
        (5, "advanced", "en-US", (EMPTY, EMPTY, OTHER)),
    ],
)
def test_what_is_wrong_with_a_voucher_or_gift_card(
    tab: Tab, person: Person, web: WebShop, version: int, flow: str, locale: str, wrongs: tuple[str, ...]
) -> None:
    given(tab, person, web, version=version, flow=flow, locale=locale)
    word = "Utiliser" if locale == "fr-FR" else "Redeem"
    unknown, empty = {**RICH, "number": "9999990000000001"}, {**RICH, "number": "5075990000000000"}
    tries = ((SODEXO, unknown), (BIMPLI, empty), ("Generic gift card", FOREIGN))
    for (method, means), said in zip(tries, wrongs, strict=True):
        redeem(tab, method, means, word)
        tab.until(f"document.querySelector('{OPEN}').innerText.includes({json.dumps(said)})")
    assert not {"session_order", "create_order"} & set(operations(web))


# -- cards -----------------------------------------------------------------------------------------------------------


@EVERYWHERE
def test_a_card_is_refused(tab: Tab, person: Person, web: WebShop, version: int, flow: str) -> None:
    given(tab, person, web, version=version, flow=flow)
    by_card(tab, "Pay €43.50", REFUSED)
    assert until_seen(tab, refusal(version, flow))["resultCode"] == "Refused"


@EVERYWHERE
def test_a_voucher_is_refused_after_its_balance_was_seen(
    tab: Tab, person: Person, web: WebShop, version: int, flow: str
) -> None:
    """By a scenario's rule: the issuer says no to what its balance would pay. The order stays without a share."""
    web.sandbox.call("PUT", "/scenario", NO_AFTER_ALL)
    given(tab, person, web, version=version, flow=flow)
    redeem(tab, SODEXO, RICH)
    assert until_seen(tab, refusal(version, flow))["resultCode"] == "Refused"
    assert _balance(web, RICH) == "61.20 EUR"


@pytest.mark.parametrize(
    ("version", "wrongs"),
    [
        (6, ("Enter a valid card number", "Enter a valid expiry date. Front of card in MM/YY format.")),
        (5, ("Enter a valid card number", "Enter a valid expiry date")),
    ],
)
def test_what_is_wrong_with_a_card(
    tab: Tab, person: Person, web: WebShop, version: int, wrongs: tuple[str, ...]
) -> None:
    given(tab, person, web, version=version)
    choose(tab, "Cards")
    type_in(tab, number="4111111111111112", date="03/20")
    for said in wrongs:
        tab.until(f"document.querySelector('{OPEN}').innerText.includes({json.dumps(said)})")
    type_in(tab, code="73")
    press(tab, "Pay €43.50")
    tab.until(f"document.querySelector('{OPEN}').innerText.includes('security code')")
    assert "session_payments" not in operations(web)


@pytest.mark.parametrize("version", [6, 5])
def test_a_card_with_the_keyboard_only(tab: Tab, person: Person, web: WebShop, version: int) -> None:
    given(tab, person, web, version=version)
    for field in (NUMBER, DATE, CODE):
        tab.wait_for(partial(inside, tab, frame(field), "Boolean(document.querySelector('input'))"), field)
    tab.press("Tab")
    tab.press("Tab")
    tab.wait_for(partial(inside, tab, frame(NUMBER), CURSOR), "the cursor is in the number")
    tab.write(VISA["number"])
    tab.press("Tab")
    tab.write(VISA["date"])
    tab.wait_for(partial(inside, tab, frame(CODE), CURSOR), "the cursor has gone on to the code")
    tab.write(VISA["code"])
    tab.until("mounted.isValid")
    if version == 5:
        tab.press("Enter")  # in version 6 this pays; version 5 does not know of it, and must not be disturbed
        tab.press("Tab")
    tab.press("Enter")
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"


@EVERYWHERE
def test_to_the_bank_and_back(tab: Tab, person: Person, web: WebShop, version: int, flow: str) -> None:
    given(tab, person, web, version=version, flow=flow)
    by_card(tab, "Pay €43.50", SECURE)
    tab.until("location.pathname.includes('/threeDS/redirect')").shows("submit")
    for name, text in BANK.items():
        tab.fill(name, text)
    tab.click("submit")
    tab.until(arrived(web.front))
    [back] = web.front.came_back("/back")
    assert back["cart"] == "7"
    session = {"id": web.session} if flow == "sessions" else None
    again = web.put(
        "/again", version=version, flow=flow, session=session, details={"redirectResult": back["redirectResult"]}
    )
    tab.open(again)
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    assert operations(web).count("session_setup") == (2 if flow == "sessions" else 0)


@EVERYWHERE
def test_a_stored_card_asks_for_its_code_alone(tab: Tab, person: Person, web: WebShop, version: int, flow: str) -> None:
    web.shopper = "ada"
    web.more = {"recurringProcessingModel": "CardOnFile"}
    offer: dict[str, Any] = {}
    if flow == "sessions":
        web.more |= {"storePaymentMethodMode": "askForConsent"}
    else:
        offer = {"paymentMethodsConfiguration": {"card": {"enableStoreDetails": True}}}
    given(tab, person, web, version=version, flow=flow, dropin=offer)
    choose(tab, "Cards")
    type_in(tab, **VISA)
    keep(tab)
    submit(tab, "Pay €43.50")
    until_seen(tab, "completed")

    given(tab, person, web, version=version, flow=flow)
    choose(tab, "•••• 1111")
    tab.until(f"document.querySelectorAll('{OPEN} iframe').length === 1")
    type_in(tab, code="737")
    submit(tab, "Pay €43.50")
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    assert "storedPaymentMethodId" in _payments(web)[1]["body"]["paymentMethod"]


# -- holiday vouchers ------------------------------------------------------------------------------------------------


def ask_for_vouchers(tab: Tab) -> None:
    """Say whose wallet it is, until the form waits for the app."""
    choose(tab, "Chèque-Vacances Connect")
    field = f"document.querySelector('{OPEN} input[type=text]')"
    tab.until(hittable(field))
    tab.click_on(field)
    tab.until(f"document.activeElement === {field}")
    tab.write("11111111111")
    submit(tab, "Confirm purchase")
    tab.until("document.body.innerText.includes('Use your ANCV application')")


def in_the_app(web: WebShop, act: dict[str, Any]) -> None:
    """What the beneficiary does on the phone."""
    waiting = web.sandbox.call("GET", "/checkouts")["checkouts"]
    [app] = [each for each in waiting if each["place"] == "adyen.ancv"]
    web.sandbox.shopper(app["ref"], act)


@EVERYWHERE
def test_holiday_vouchers_pay_a_part(tab: Tab, person: Person, web: WebShop, version: int, flow: str) -> None:
    given(tab, person, web, version=version, flow=flow)
    ask_for_vouchers(tab)
    in_the_app(web, {"pay": [{"with": "ancv", "amount": "25.00 EUR"}]})
    by_card(tab, "Pay €18.50")
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    assert operations(web).count("payment_status") >= 1


@EVERYWHERE
def test_holiday_vouchers_pay_all(tab: Tab, person: Person, web: WebShop, version: int, flow: str) -> None:
    given(tab, person, web, version=version, flow=flow)
    ask_for_vouchers(tab)
    in_the_app(web, {"pay": [{"with": "ancv"}]})
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    assert "ORDER_CLOSED" in web.sandbox.webhook_types()


@EVERYWHERE
def test_holiday_vouchers_are_refused(tab: Tab, person: Person, web: WebShop, version: int, flow: str) -> None:
    given(tab, person, web, version=version, flow=flow)
    ask_for_vouchers(tab)
    in_the_app(web, {"refuse": True})
    assert until_seen(tab, refusal(version, flow))["resultCode"] == "Refused"
