"""What a shopper does on the hosted pages, with a mouse, a keyboard and two devices, in an unmodified Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chromium import Person
from tests.support.control import ControlledSandbox
from tests.support.shopfront import Shopfront
from tests.support.visits import arrived, outcome, stage, start, to_phone, to_portal, type_card
from tests.support.worldline import Merchant

pytestmark = pytest.mark.browser

VISA, DECLINED = "4330264936344675", "4321456998744563"
HALF, POOR = "22222222222", "77777777777"
HOSTILE = """<img src=x onerror="hit=1">'"&{{7*7}}"""
FIELDS = ("card-number", "card-holder", "card-expiry", "card-cvv")


def status(sandbox: ControlledSandbox, ref: str) -> tuple[str, str]:
    """What the merchant reads: of the checkout, and of its payment."""
    answer = Merchant(sandbox).call("get_hosted_checkout", hostedCheckoutId=ref).json()
    return answer["status"], answer["createdPaymentOutput"]["payment"]["status"]


def test_the_computer_follows_the_phone(
    people: Callable[[], Person], sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    checkout = start(sandbox, shop)
    computer, phone = people().tab(), people().tab(width=390, height=844)
    to_portal(computer, checkout["redirectUrl"], HALF).until(stage(1))

    to_phone(phone, computer)
    computer.until(stage(2))
    assert (phone.text("wallet-beneficiary"), phone.value("voucher-amount")) == (HALF, "700,00")
    phone.fill("voucher-amount", "300,50")
    phone.click("confirm")

    phone.shows("pay-card")
    computer.until(stage(3))
    assert (phone.text("paid-amount"), phone.text("remaining-amount")) == ("300,50 €", "1 099,50 €")
    type_card(phone, VISA)

    phone.until(outcome("paid"))
    computer.until(arrived(shop)).shows("thanks")
    assert phone.text("tender-5412").endswith("300,50 €")
    assert phone.text("tender-1").endswith("1 099,50 €")
    ref = checkout["hostedCheckoutId"]
    assert shop.came_back("/back") == [{"cart": "77", "RETURNMAC": checkout["RETURNMAC"], "hostedCheckoutId": ref}]
    assert status(sandbox, ref) == ("PAYMENT_CREATED", "CAPTURED")


def test_the_computer_follows_the_phone_without_scripts(
    people: Callable[[], Person], sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    checkout = start(sandbox, shop)
    computer, phone = people().tab(scripts=False), people().tab(scripts=False, width=390, height=844)
    to_portal(computer, checkout["redirectUrl"], HALF).until(stage(1))

    to_phone(phone, computer)
    computer.click("check-again")
    computer.until(stage(2))
    phone.click("confirm")

    phone.shows("pay-card")
    computer.click("check-again")
    computer.until(stage(3))
    type_card(phone, VISA)

    phone.until(outcome("paid"))
    computer.click("check-again")
    computer.until(arrived(shop))
    assert status(sandbox, checkout["hostedCheckoutId"]) == ("PAYMENT_CREATED", "CAPTURED")


def test_everything_happens_on_one_device_and_the_first_card_is_refused(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    tab = person.tab(width=390, height=844)
    checkout = start(sandbox, shop, hostedCheckoutSpecificInput={"showResultPage": True})
    to_portal(tab, checkout["redirectUrl"], POOR).click("open-phone")
    tab.shows("confirm").click("confirm")

    type_card(tab.shows("pay-card"), DECLINED).shows("error")
    tab.until("document.activeElement.dataset.testid === 'error'")
    assert tab.value("card-number") == tab.value("card-cvv") == ""
    assert "2" in tab.text("attempts-left")

    type_card(tab, VISA).until(outcome("paid"))
    assert status(sandbox, checkout["hostedCheckoutId"]) == ("PAYMENT_CREATED", "CAPTURED")
    tab.open(checkout["redirectUrl"]).until(outcome("paid"))
    assert "reste ouverte" not in tab.body
    tab.click("return")
    tab.until(arrived(shop))


def test_a_mistake_is_explained_where_it_was_made(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = person.tab()
    to_portal(tab, start(sandbox, shop)["redirectUrl"], POOR).click("open-phone")
    tab.shows("confirm").fill("voucher-amount", "9999")
    tab.click("confirm")

    tab.shows("error", "error-voucher_amount")
    assert tab.title.startswith("Erreur")
    assert "300,00 €" in tab.text("error-voucher_amount")  # what the wallet holds, not what the order costs
    assert tab.value("voucher-amount") == "9999"
    tab.click_on("document.querySelector('[data-testid=error] a')")
    assert tab.focused == "voucher-amount"
    assert tab.attribute("voucher-amount", "aria-invalid") == "true"


def test_who_cancels_is_back_in_the_shop(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    checkout = start(sandbox, shop)
    tab = person.tab().open(checkout["redirectUrl"]).shows("cancel")
    tab.click("cancel")

    tab.until(arrived(shop)).shows("thanks")
    ref = checkout["hostedCheckoutId"]
    assert shop.came_back("/back") == [{"cart": "77", "RETURNMAC": checkout["RETURNMAC"], "hostedCheckoutId": ref}]
    answer = Merchant(sandbox).call("get_hosted_checkout", hostedCheckoutId=ref).json()
    assert answer["status"] == "CANCELLED_BY_CONSUMER"


def test_a_card_pays_everything_with_the_keyboard_only(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    checkout = start(sandbox, shop, redirectPaymentMethodSpecificInput=None)
    tab = person.tab().open(checkout["redirectUrl"]).shows("pay")
    tab.tab_to("product-5412")
    tab.press("ArrowDown")
    assert tab.focused == "product-1"
    assert tab.evaluate("document.activeElement.checked")
    tab.tab_to("pay")
    tab.press("Space")
    tab.shows("pay-card")
    for field, text in zip(FIELDS, (VISA, "CAMILLE MARTIN", "12/30", "123"), strict=True):
        tab.tab_to(field)
        tab.write(text)
    tab.press("Enter")

    tab.until(arrived(shop))
    assert status(sandbox, checkout["hostedCheckoutId"]) == ("PAYMENT_CREATED", "CAPTURED")


def test_vouchers_and_card_with_the_keyboard_only(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    checkout = start(sandbox, shop, redirectPaymentMethodSpecificInput={"paymentProduct5412SpecificInput": {}})
    tab = person.tab().open(checkout["redirectUrl"]).shows("continue")
    tab.tab_to("beneficiary")
    tab.write(POOR)
    tab.press("Enter")
    tab.shows("qr-code").tab_to("open-phone")
    tab.press("Enter")
    tab.shows("confirm").tab_to("confirm")
    tab.press("Enter")
    tab.shows("pay-card")
    for field, text in zip(FIELDS, (VISA, "CAMILLE MARTIN", "12/30", "123"), strict=True):
        tab.tab_to(field)
        tab.write(text)
    tab.tab_to("pay-card")
    tab.press("Space")

    tab.until(outcome("paid"))
    assert status(sandbox, checkout["hostedCheckoutId"]) == ("PAYMENT_CREATED", "CAPTURED")


def test_one_click_fills_in_test_data(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = person.tab()
    tab.open(start(sandbox, shop)["redirectUrl"]).shows("fill")
    tab.click_on(_fill_button(POOR))
    assert (tab.value("beneficiary"), tab.focused) == (POOR, "beneficiary")
    tab.click("continue")
    tab.shows("open-phone").click("open-phone")
    tab.shows("confirm").click("confirm")

    tab.shows("fill")
    tab.click_on(_fill_button("5137009801943438"))
    assert tab.value("card-number") == "5137009801943438"
    assert all(tab.value(field) for field in FIELDS)
    tab.click("pay-card")
    tab.until(outcome("paid"))
    assert tab.has("tender-3")


def _fill_button(value: str) -> str:
    return f"[...document.querySelectorAll('[data-testid=fill]')].find(each => each.dataset.fill.includes('{value}'))"


def test_without_scripts_nothing_offers_to_fill_in(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = person.tab(scripts=False).open(start(sandbox, shop)["redirectUrl"]).shows("test-data")
    shown = "[...document.querySelectorAll('[data-testid=fill]')].filter(each => each.checkVisibility()).length"
    assert tab.evaluate(shown) == 0


def test_what_strangers_wrote_is_shown_as_text(
    person: Person, new_sandbox: Callable[..., ControlledSandbox], shop: Shopfront
) -> None:
    wallet = {"beneficiary": POOR, "holder": HOSTILE, "balance": "300.00 EUR"}
    sandbox = new_sandbox(scenario={"mockpsp": 1, "title": HOSTILE, "world": {"worldline": {"wallets": [wallet]}}})
    checkout = start(sandbox, shop, order={"references": {"merchantReference": HOSTILE}})
    tab = person.tab().open(checkout["redirectUrl"]).shows("continue")
    assert (tab.text("reference"), tab.text("scenario")) == (HOSTILE, HOSTILE)
    assert tab.text("test-data").count(HOSTILE) == 1

    tab.fill("beneficiary", HOSTILE)
    tab.click("continue")
    tab.shows("error")
    assert tab.value("beneficiary") == HOSTILE
    tab.fill("beneficiary", POOR)
    tab.click("continue")
    tab.shows("open-phone").click("open-phone")
    tab.shows("confirm")
    assert tab.text("reference") == HOSTILE
    tab.click("confirm")
    type_card(tab.shows("pay-card"), VISA).until(outcome("paid"))
    assert tab.text("reference") == HOSTILE
    assert tab.evaluate("typeof hit") == "undefined"
    assert tab.evaluate("document.querySelectorAll('img').length") == 0


@pytest.mark.parametrize(
    ("locale", "language", "confirm", "portal", "phone", "amount"),
    [
        ("fr_FR", "fr", "Payer avec Chèque-Vacances Connect", "Confirmez le paiement", "Confirmez", "1 400,00 €"),
        ("en_GB", "en", "Pay with Chèque-Vacances Connect", "Confirm the payment", "Confirm", "€1,400.00"),
        ("de_DE", "en", "Pay with Chèque-Vacances Connect", "Confirm the payment", "Confirm", "€1,400.00"),
    ],
)
def test_the_pages_speak_the_language_that_the_merchant_asked_for(
    person: Person,
    sandbox: ControlledSandbox,
    shop: Shopfront,
    locale: str,
    language: str,
    confirm: str,
    portal: str,
    phone: str,
    amount: str,
) -> None:
    tab = person.tab()
    checkout = start(sandbox, shop, hostedCheckoutSpecificInput={"locale": locale})
    tab.open(checkout["redirectUrl"]).shows("continue")
    heading = "document.querySelector('h1').innerText"
    assert tab.evaluate("document.documentElement.lang") == language
    assert (tab.evaluate(heading), tab.text("order-amount")) == (confirm, amount)
    tab.click("continue")
    tab.shows("qr-code")
    assert str(tab.evaluate(heading)).startswith(portal)
    tab.click("open-phone")
    tab.shows("confirm")
    assert str(tab.evaluate(heading)).startswith(phone)
    assert tab.evaluate("document.documentElement.lang") == language


@pytest.mark.parametrize("width", [320, 390, 820])
def test_no_page_is_wider_than_the_screen(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront, width: int
) -> None:
    tab = person.tab(width=width, height=700)
    long = "ORDER-" + "8" * 34
    changes = {
        "order": {
            "references": {"merchantReference": long},
            "amountOfMoney": {"amount": 9_876_543_21, "currencyCode": "EUR"},
        }
    }
    chosen = start(sandbox, shop, redirectPaymentMethodSpecificInput=None, **changes)
    assert tab.open(chosen["redirectUrl"]).shows("pay").fits()
    checkout = start(sandbox, shop, hostedCheckoutSpecificInput={"showResultPage": True}, **changes)
    assert tab.open(checkout["redirectUrl"]).shows("continue").fits()
    tab.click("continue")
    assert tab.shows("qr-code").fits()
    tab.click("open-phone")
    assert tab.shows("confirm").fits()
    tab.fill("voucher-amount", "none of them")
    tab.click("confirm")
    assert tab.shows("error").fits()
    tab.fill("voucher-amount", "300")
    tab.click("confirm")
    assert tab.shows("pay-card").fits()
    assert type_card(tab, DECLINED).shows("error").fits()
    type_card(tab, VISA)
    assert tab.until(outcome("paid")).fits()
    assert tab.open(checkout["redirectUrl"]).shows("return").fits()


def test_a_page_that_is_wider_than_the_screen_is_noticed(person: Person, shop: Shopfront) -> None:
    head = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    wide, narrow = (shop.put(f"/{width}", f'{head}<div style="width:{width}px">x</div>') for width in (500, 200))
    tab = person.tab(width=320, height=700)
    assert not tab.open(wide).fits()
    assert tab.open(narrow).fits()
