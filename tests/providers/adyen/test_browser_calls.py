"""The calls of Adyen's Drop-in: sessions, the state of orders, 3-D Secure, with a client key and from any page."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.adyen import BIMPLI, RETURN_URL, SODEXO, Inbox, Shop, card, eur, gift_card, sealed, voucher
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.dropin import BASES, BROWSER, Page, Session, packed
from tests.support.receiver import Receiver

NewSandbox = Callable[..., ControlledSandbox]
THREE_DS = "4212345678901237"
VOUCHER = sealed(voucher())
NATIVE = {"threeDSRequestData": {"nativeThreeDS": "preferred"}}


@pytest.fixture
def shop(sandbox: ControlledSandbox) -> Shop:
    """The shop's server."""
    return Shop(sandbox)


@pytest.fixture
def inbox(sandbox: ControlledSandbox, receiver: Receiver) -> Inbox:
    """The merchant's webhook endpoint."""
    return Inbox(sandbox, receiver)


def session(shop: Shop, amount: int = 4350, base: str = BASES[0], **more: Any) -> Session:
    """A session of the shop in a browser."""
    given = {"reference": "RESTO-1005", "returnUrl": RETURN_URL, "countryCode": "FR", "shopperLocale": "fr-FR", **more}
    return Session(shop.sandbox, shop.call("create_session", amount=eur(amount), **given), base)


# -- a session -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
def test_a_session_is_set_up_with_what_the_form_needs(shop: Shop, base: str) -> None:
    told = session(shop, base=base, allowedPaymentMethods=["scheme", "mealVoucher_FR"]).setup()
    assert told["amount"] == eur(4350)
    assert (told["countryCode"], told["shopperLocale"], told["returnUrl"]) == ("FR", "fr-FR", RETURN_URL)
    types = [each["type"] for each in told["paymentMethods"]["paymentMethods"]]
    assert types == ["scheme", "mealVoucher_FR_groupeup", BIMPLI, SODEXO]
    assert told["paymentMethods"]["storedPaymentMethods"] == []


def test_a_session_that_names_no_country_is_set_up_for_france(shop: Shop) -> None:
    made = shop.call("create_session", amount=eur(4350), reference="RESTO-1005", returnUrl=RETURN_URL)
    assert Session(shop.sandbox, made).setup()["countryCode"] == "FR"


def test_voucher_then_card_then_the_server_reads_the_result(shop: Shop, inbox: Inbox) -> None:
    page = session(shop)
    page.setup()
    assert page.balance(VOUCHER)["transactionLimit"] == eur(2500)
    page.open_order()
    part = page.pay(VOUCHER)
    assert part["resultCode"] == "Authorised"
    assert part["order"]["remainingAmount"] == eur(1850)
    page.setup()
    [leg] = page.order_status(part["order"]["orderData"])["paymentMethods"]
    assert leg == {"type": SODEXO, "name": "Sodexo Titre-Restaurant", "lastFour": "6120", "amount": eur(2500)}
    rest = page.pay(sealed(card()))
    assert rest["resultCode"] == "Authorised"
    assert rest["order"]["remainingAmount"] == eur(0)
    told = shop.call("get_session", page.id, query={"sessionResult": page.result})
    assert told["status"] == "completed"
    assert [each["amount"] for each in told["payments"]] == [eur(2500), eur(1850)]
    codes = [("ORDER_OPENED", "true"), ("AUTHORISATION", "true"), ("AUTHORISATION", "true"), ("ORDER_CLOSED", "true")]
    assert inbox.told() == codes


def test_a_voucher_that_covers_all_pays_without_an_order(shop: Shop) -> None:
    page = session(shop, 2000)
    told = page.balance(VOUCHER)
    assert (told["balance"], told["transactionLimit"]) == (eur(6120), eur(2500))
    paid = page.pay(VOUCHER)
    assert paid["resultCode"] == "Authorised"
    assert "order" not in paid


def test_removing_the_order_gives_the_voucher_its_money_back(shop: Shop, inbox: Inbox) -> None:
    page = session(shop)
    page.open_order()
    page.pay(VOUCHER)
    assert page.balance(VOUCHER)["balance"] == eur(3620)
    page.remove()
    assert page.setup()["amount"] == eur(4350)
    assert page.balance(VOUCHER)["balance"] == eur(6120)
    assert inbox.item("ORDER_CLOSED")["success"] == "false"
    assert page.pay(sealed(card()))["resultCode"] == "Authorised"


def test_a_gift_card_pays_its_balance_of_an_order(shop: Shop) -> None:
    page = session(shop, 8000)
    means = sealed(gift_card())
    assert page.balance(means)["balance"] == eur(5000)
    page.open_order()
    part = page.pay(means)
    assert part["order"]["remainingAmount"] == eur(3000)
    [leg] = page.order_status(part["order"]["orderData"])["paymentMethods"]
    assert (leg["type"], leg["name"], leg["amount"]) == ("givex", "Givex", eur(5000))


@pytest.mark.parametrize(
    ("means", "told"),
    [
        pytest.param(voucher("5075990000000000"), {"balance": eur(0), "transactionLimit": eur(2500)}, id="empty"),
        pytest.param(voucher("5099990000000001"), {}, id="unknown"),
        pytest.param(voucher(cvc="999"), {}, id="wrong code"),
    ],
)
def test_a_balance_that_cannot_be_used_is_an_answer(shop: Shop, means: dict[str, str], told: dict[str, Any]) -> None:
    page = session(shop)
    answer = page.balance(sealed(means))
    assert {name: value for name, value in answer.items() if name != "sessionData"} == told


def test_a_voucher_of_another_currency_tells_its_own(shop: Shop) -> None:
    made = shop.call(
        "create_session", amount={"currency": "USD", "value": 900}, reference="RESTO-1", returnUrl=RETURN_URL
    )
    assert Session(shop.sandbox, made).balance(VOUCHER)["balance"] == eur(6120)


def test_a_refused_voucher_may_be_followed_by_another_in_the_same_order(shop: Shop, inbox: Inbox) -> None:
    page = session(shop)
    first = page.open_order()
    refused = page.pay(sealed(voucher("5075990000000005")))
    assert refused["resultCode"] == "Refused"
    assert "order" not in refused
    again = page.open_order()  # the form asks anew
    assert again["pspReference"] == first["pspReference"]
    assert page.pay(VOUCHER)["order"]["remainingAmount"] == eur(1850)
    assert [code for code, _ in inbox.told()] == ["ORDER_OPENED", "AUTHORISATION", "AUTHORISATION"]


def test_a_refused_card_leaves_the_session_open(shop: Shop) -> None:
    page = session(shop)
    refused = page.pay(sealed(card(holderName="DECLINED")))
    assert refused["resultCode"] == "Refused"
    assert shop.call("get_session", page.id, query={"sessionResult": page.result})["status"] == "refused"
    assert page.pay(sealed(card()))["resultCode"] == "Authorised"


# -- 3-D Secure ------------------------------------------------------------------------------------------------------


def test_redirect_and_return_with_the_session_id_alone(shop: Shop) -> None:
    page = session(shop)
    away = page.pay(sealed(card(THREE_DS)))
    assert away["resultCode"] == "RedirectShopper"
    browser = Browser().open(away["action"]["url"])
    browser.submit("authenticate", user="user", password="password")
    assert browser.left.startswith(f"{RETURN_URL}&"), "the merchant's own query is kept"
    back = browser.returned()
    assert back["sessionId"] == page.id
    page.setup()  # sessionData is in the browser's own storage
    assert page.details({"redirectResult": back["redirectResult"]})["resultCode"] == "Authorised"
    told = shop.call("get_session", page.id, query={"sessionResult": page.result})
    assert told["status"] == "completed"


def test_fingerprint_and_challenge_in_a_session(shop: Shop) -> None:
    page = session(shop, authenticationData=NATIVE, channel="Web")
    asked = page.pay(sealed(card(THREE_DS)))
    assert (asked["resultCode"], asked["action"]["subtype"]) == ("IdentifyShopper", "fingerprint")
    then = page.fingerprint(asked["action"])
    assert (then["type"], then["action"]["subtype"]) == ("action", "challenge")
    assert page.challenge(then["action"])["resultCode"] == "Authorised"


FRICTIONLESS = {"mockpsp": 1, "title": "The bank only looks", "world": {"adyen": {"cards": [
    {"number": THREE_DS, "three_ds": "frictionless"}]}}}  # fmt: skip


def test_a_bank_that_only_looks_at_the_browser(new_sandbox: NewSandbox) -> None:
    shop = Shop(new_sandbox(scenario=FRICTIONLESS))
    page = session(shop, authenticationData=NATIVE)
    asked = page.pay(sealed(card(THREE_DS)))
    then = page.fingerprint(asked["action"])
    assert then["type"] == "completed"
    assert page.fingerprint(asked["action"]) == then, "a browser may ask twice"
    assert page.details(then["details"])["resultCode"] == "Authorised"
    plain = session(shop)
    assert plain.pay(sealed(card(THREE_DS)))["resultCode"] == "Authorised", "nobody has to go anywhere"


def test_a_fingerprint_that_comes_after_the_result_is_refused(new_sandbox: NewSandbox) -> None:
    page = session(Shop(new_sandbox(scenario=FRICTIONLESS)), authenticationData=NATIVE)
    asked = page.pay(sealed(card(THREE_DS)))
    page.details(page.fingerprint(asked["action"])["details"])
    body = {"fingerprintResult": packed({"threeDSCompInd": "Y"}), "paymentData": asked["action"]["paymentData"]}
    answer = page.send("submit_fingerprint", "v1/submitThreeDS2Fingerprint", body, name="token")
    assert refusal(answer) == (422, "14_003", "Field 'paymentData' is not valid.", "validation")


def test_the_shops_own_server_may_hand_in_such_a_fingerprint(new_sandbox: NewSandbox) -> None:
    shop = Shop(new_sandbox(scenario=FRICTIONLESS))
    native = {"channel": "Web", "origin": "https://shop.example", "authenticationData": NATIVE, "browserInfo": BROWSER}
    asked = shop.pay(1890, card(THREE_DS), **native)
    details = {"threeds2.fingerprint": packed({"threeDSCompInd": "Y"})}
    paid = shop.call("payments_details", details=details, paymentData=asked["action"]["paymentData"])
    assert (paid["resultCode"], paid["additionalData"]["threeDAuthenticated"]) == ("Authorised", "true")


def test_a_challenge_that_no_bank_asked_for_proves_nothing(new_sandbox: NewSandbox) -> None:
    page = session(Shop(new_sandbox(scenario=FRICTIONLESS)), authenticationData=NATIVE)
    asked = page.pay(sealed(card(THREE_DS)))
    assert page.challenge(asked["action"])["resultCode"] == "Refused"


def test_a_failed_challenge_is_refused_and_the_rest_of_the_order_stays_open(shop: Shop) -> None:
    page = session(shop, authenticationData=NATIVE)
    page.open_order()
    page.pay(VOUCHER)
    asked = page.pay(sealed(card(THREE_DS)))
    assert "remainingAmount" not in asked["order"]
    then = page.fingerprint(asked["action"])
    assert page.challenge(then["action"], "N")["resultCode"] == "Refused"
    assert page.order is not None
    assert page.order_status(page.order["orderData"])["remainingAmount"] == eur(1850)
    assert page.pay(sealed(card()))["order"]["remainingAmount"] == eur(0)


def test_a_shopper_who_leaves_the_bank_can_pay_otherwise(shop: Shop) -> None:
    page = session(shop)
    away = page.pay(sealed(card(THREE_DS)))
    assert page.pay(sealed(card()))["resultCode"] == "Authorised"
    assert requests.get(away["action"]["url"], timeout=30).status_code == 410, "the bank waits for nobody any more"


def test_the_fingerprint_of_the_advanced_flow_goes_on_by_the_browser(shop: Shop) -> None:
    page = Page(shop.sandbox)
    asked = shop.pay(
        1890, card(THREE_DS), channel="Web", origin="https://shop.example", authenticationData=NATIVE,
        browserInfo=BROWSER,
    )  # fmt: skip
    then = page.fingerprint(asked["action"])
    assert then["action"]["subtype"] == "challenge"


# -- sessionData -----------------------------------------------------------------------------------------------------


def refusal(answer: requests.Response) -> tuple[int, str, str, str]:
    """What a page is told of an error."""
    told = answer.json()
    return told["status"], told["errorCode"], told["message"], told["errorType"]


def test_session_data_from_before_a_payment_is_stale(shop: Shop) -> None:
    page = session(shop)
    first = page.data
    page.setup()
    assert page.done("session_setup", f"v1/sessions/{page.id}/setup", {"sessionData": first}), "nothing was paid yet"
    page.pay(sealed(card(holderName="DECLINED")))
    assert page.done("session_setup", f"v1/sessions/{page.id}/setup", {"sessionData": first}), "version 5 has kept it"
    body = {"sessionData": first, "paymentMethod": sealed(card())}
    answer = page.send("session_payments", f"v1/sessions/{page.id}/payments", body)
    assert refusal(answer) == (422, "702", "Field 'sessionData' is not valid.", "validation")
    assert answer.headers["Mockpsp-Inferred"] == "stale_session_data"
    assert page.done("session_setup", f"v1/sessions/{page.id}/setup", {"sessionData": first}), "version 5 has kept it"
    assert page.pay(sealed(card()))["resultCode"] == "Authorised", "a refused call changes nothing"


def test_of_payments_with_the_same_session_data_one_is_made(shop: Shop, inbox: Inbox) -> None:
    """A double click, or two tabs: whichever comes first."""
    page = session(shop)
    body = {"sessionData": page.data, "paymentMethod": sealed(card())}
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(page.send, "session_payments", f"v1/sessions/{page.id}/payments", body) for _ in range(4)]
    assert sorted(each.result().status_code for each in calls) == [200, 422, 422, 422]
    assert inbox.told() == [("AUTHORISATION", "true")]


def test_stale_session_data_can_be_accepted(new_sandbox: NewSandbox) -> None:
    scenario = {
        "mockpsp": 1,
        "title": "Any sessionData will do",
        "settings": {"adyen": {"stale_session_data": "accepted"}},
    }
    page = session(Shop(new_sandbox(scenario=scenario)))
    first = page.data
    page.pay(sealed(card(holderName="DECLINED")))
    page.data = first
    assert page.pay(sealed(card()))["resultCode"] == "Authorised"


# -- from any page ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("path", ["v1/sessions/CS1/setup", "v1/order/status", "v1/submitThreeDS2Fingerprint"])
def test_a_browser_may_ask_before_it_calls(shop: Shop, base: str, path: str) -> None:
    sent = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = requests.options(f"{shop.sandbox.url}{base}/{path}?clientKey=x", headers=sent, timeout=30)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_there_may_be_read_as_well(shop: Shop, method: str) -> None:
    answer = requests.request(method, f"{shop.sandbox.url}/checkoutshopper/test/v1/nothing", timeout=30)
    assert answer.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
