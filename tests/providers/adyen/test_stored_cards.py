"""Stored cards: kept by a payment, listed for their shopper, paid with by token, and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.support.adyen import RETURN_URL, Shop, card, eur, sealed, voucher
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.dropin import Session

NewSandbox = Callable[..., ControlledSandbox]
ADA, BEN = "shopper-ada", "shopper-ben"
THREE_DS = "4212345678901237"


@pytest.fixture
def shop(sandbox: ControlledSandbox) -> Shop:
    """The shop's server."""
    return Shop(sandbox)


def stored(shop: Shop, number: str = "4111111111111111", shopper: str = ADA, **more: Any) -> str:
    """The token of a card that a shopper has stored by paying."""
    means = card(number, holderName="Ada Martin")
    told = shop.pay(1000, means, shopperReference=shopper, storePaymentMethod=True, **more)
    assert told["additionalData"]["recurring.shopperReference"] == shopper
    return str(told["additionalData"]["recurring.recurringDetailReference"])


def tokens(shop: Shop, shopper: str = ADA) -> list[str]:
    """What the server's list has."""
    query = {"merchantAccount": shop.given["merchant_account"], "shopperReference": shopper}
    told = shop.call("get_stored_payment_methods", query=query)
    assert (told["merchantAccount"], told["shopperReference"]) == (query["merchantAccount"], shopper)
    return [each["id"] for each in told["storedPaymentMethods"]]


def offered(shop: Shop, shopper: str = ADA, **more: Any) -> list[dict[str, Any]]:
    """What is offered beside the payment methods."""
    told = shop.call("payment_methods", countryCode="FR", shopperReference=shopper, **more)
    found: list[dict[str, Any]] = told.get("storedPaymentMethods", [])
    return found


def forget(shop: Shop, token: str, shopper: str = ADA) -> requests.Response:
    """DELETE of the server's API."""
    merchant = shop.given["merchant_account"]
    path = f"/storedPaymentMethods/{token}?merchantAccount={merchant}&shopperReference={shopper}"
    return shop.request("DELETE", path)


def by_token(token: str) -> dict[str, str]:
    """As Drop-in sends a stored card: the security code, and nothing else of it."""
    return {"type": "scheme", "storedPaymentMethodId": token, "encryptedSecurityCode": "test_737"}


def session(shop: Shop, **more: Any) -> Session:
    """A session of Ada's."""
    given = {"reference": "RESTO-1005", "returnUrl": RETURN_URL, "countryCode": "FR", "shopperReference": ADA, **more}
    return Session(shop.sandbox, shop.call("create_session", amount=eur(4350), **given))


# -- storing ---------------------------------------------------------------------------------------------------------


def test_a_card_is_listed_for_its_shopper_as_the_form_needs_it(shop: Shop) -> None:
    token = stored(shop)
    [found] = offered(shop)
    assert found == {
        "id": token,
        "type": "scheme",
        "brand": "visa",
        "name": "Visa",
        "lastFour": "1111",
        "expiryMonth": "03",
        "expiryYear": "30",
        "holderName": "Ada Martin",
        "supportedRecurringProcessingModels": ["CardOnFile", "Subscription", "UnscheduledCardOnFile"],
        "supportedShopperInteractions": ["Ecommerce", "ContAuth"],
    }
    assert tokens(shop) == [token]
    assert (offered(shop, BEN), tokens(shop, BEN)) == ([], [])


def test_the_same_card_is_stored_once_and_each_shopper_has_his_own(shop: Shop) -> None:
    first = stored(shop)
    second = stored(shop, "5555444433331111")
    assert stored(shop) == first
    assert tokens(shop) == [first, second]
    assert stored(shop, shopper=BEN) != first


@pytest.mark.parametrize(
    ("means", "more"),
    [
        pytest.param(card(), {"storePaymentMethod": True}, id="nobody's"),
        pytest.param(card(), {"shopperReference": ADA}, id="not asked for"),
        pytest.param(card(holderName="DECLINED"), {"shopperReference": ADA, "storePaymentMethod": True}, id="refused"),
        pytest.param(voucher(), {"shopperReference": ADA, "storePaymentMethod": True}, id="a voucher"),
    ],
)
def test_nothing_is_stored(shop: Shop, means: dict[str, str], more: dict[str, Any]) -> None:
    told = shop.pay(1000, means, **more)
    assert "recurring.recurringDetailReference" not in told.get("additionalData", {})
    assert tokens(shop) == []


def test_a_card_is_stored_when_its_bank_has_let_the_shopper_pass(shop: Shop) -> None:
    told = shop.pay(1000, card(THREE_DS), shopperReference=ADA, storePaymentMethod=True)
    assert tokens(shop) == []
    paid = shop.call("payments_details", details={"redirectResult": shop.redirect_result(told)})
    assert tokens(shop) == [paid["additionalData"]["recurring.recurringDetailReference"]]


def test_brands_that_are_not_on_offer_are_not_listed(shop: Shop) -> None:
    stored(shop)
    assert offered(shop, blockedPaymentMethods=["scheme"]) == []


# -- paying ----------------------------------------------------------------------------------------------------------


def test_a_stored_card_pays_with_its_security_code(shop: Shop) -> None:
    token = stored(shop)
    paid = shop.pay(1890, by_token(token), shopperReference=ADA)
    assert paid["resultCode"] == "Authorised"
    assert paid["paymentMethod"] == {"type": "scheme", "brand": "visa"}
    assert (paid["additionalData"]["cardSummary"], paid["additionalData"]["expiryDate"]) == ("1111", "3/2030")


def test_a_card_that_only_its_token_tells_pays_as_well(shop: Shop) -> None:
    """The scenario has no card of this number, so that nobody knows it any more."""
    token = stored(shop, "4988438843884305")
    assert shop.pay(1890, by_token(token), shopperReference=ADA)["resultCode"] == "Authorised"


def test_a_stored_card_asks_for_the_bank_again(shop: Shop) -> None:
    told = shop.pay(1000, card(THREE_DS), shopperReference=ADA, storePaymentMethod=True)
    shop.call("payments_details", details={"redirectResult": shop.redirect_result(told)})
    [token] = tokens(shop)
    assert shop.pay(1890, by_token(token), shopperReference=ADA)["resultCode"] == "RedirectShopper"


def test_a_merchant_takes_from_a_stored_card_while_its_shopper_is_away(shop: Shop) -> None:
    told = shop.pay(1000, card(THREE_DS), shopperReference=ADA, storePaymentMethod=True)
    shop.call("payments_details", details={"redirectResult": shop.redirect_result(told)})
    [token] = tokens(shop)
    away = {"shopperInteraction": "ContAuth", "recurringProcessingModel": "Subscription", "shopperReference": ADA}
    means = {"type": "scheme", "storedPaymentMethodId": token}
    assert shop.pay(1890, means, **away)["resultCode"] == "Authorised"


@pytest.mark.parametrize("shopper", [BEN, None])
def test_a_token_is_good_for_its_own_shopper_only(shop: Shop, shopper: str | None) -> None:
    body = {"amount": eur(1890), "reference": "R", "returnUrl": RETURN_URL, "paymentMethod": by_token(stored(shop))}
    answer = shop.post("/payments", {**body, **({"shopperReference": shopper} if shopper else {})})
    told = answer.json()
    assert (told["status"], told["errorCode"], told["message"]) == (422, "800", "Contract not found")


def test_a_wrong_length_of_the_security_code_is_refused(shop: Shop) -> None:
    means = {**by_token(stored(shop)), "encryptedSecurityCode": "test_7373"}
    body = {"amount": eur(1890), "reference": "R", "returnUrl": RETURN_URL, "paymentMethod": means}
    assert shop.post("/payments", {**body, "shopperReference": ADA}).json()["errorCode"] == "103"


def test_a_stored_card_has_its_balance(new_sandbox: NewSandbox) -> None:
    world = {"adyen": {"cards": [{"number": "4111111111111111", "balance": "15.00 EUR"}]}}
    shop = Shop(new_sandbox(scenario={"mockpsp": 1, "title": "Fifteen euros", "world": world}))
    token = stored(shop)
    refused = shop.pay(1000, by_token(token), shopperReference=ADA)
    assert (refused["resultCode"], refused["refusalReason"]) == ("Refused", "Not enough balance")
    assert shop.pay(500, by_token(token), shopperReference=ADA)["resultCode"] == "Authorised"


def test_a_stored_card_expires(shop: Shop) -> None:
    token = stored(shop)
    shop.sandbox.advance("P3650D")
    refused = shop.pay(1000, by_token(token), shopperReference=ADA)
    assert (refused["resultCode"], refused["refusalReason"]) == ("Refused", "Expired Card")


# -- forgetting ------------------------------------------------------------------------------------------------------


def test_a_forgotten_card_pays_no_more_and_can_be_stored_again(shop: Shop) -> None:
    token, other = stored(shop), stored(shop, "5555444433331111")
    assert forget(shop, token).status_code == 204
    assert tokens(shop) == [other]
    body = {"amount": eur(1890), "reference": "R", "returnUrl": RETURN_URL, "paymentMethod": by_token(token)}
    assert shop.post("/payments", {**body, "shopperReference": ADA}).json()["errorCode"] == "800"
    assert stored(shop) == token
    assert tokens(shop) == [token, other], "in its old place"


@pytest.mark.parametrize("shopper", [ADA, BEN])
def test_what_is_not_stored_cannot_be_forgotten(shop: Shop, shopper: str) -> None:
    token = stored(shop) if shopper == BEN else "X9TZ4QR7KW3M75AB"
    answer = forget(shop, token, shopper)
    assert (answer.status_code, answer.json()["errorCode"]) == (422, "800")


# -- in a session ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "ticked", "count"),
    [("enabled", False, 1), ("askForConsent", True, 1), ("askForConsent", False, 0), ("disabled", True, 0)],
)
def test_a_session_stores_by_its_mode(shop: Shop, mode: str, ticked: bool, count: int) -> None:
    page = session(shop, storePaymentMethodMode=mode)
    told = page.setup()
    assert told["configuration"] == ({"enableStoreDetails": True} if mode == "askForConsent" else {})
    page.pay(sealed(card()), **({"storePaymentMethod": True} if ticked else {}))
    assert len(tokens(shop)) == count


def test_a_session_offers_a_stored_card_and_pays_with_it(shop: Shop) -> None:
    token = stored(shop)
    page = session(shop)
    [found] = page.setup()["paymentMethods"]["storedPaymentMethods"]
    assert (found["id"], found["lastFour"]) == (token, "1111")
    page.open_order()
    page.pay(sealed(voucher()))
    assert page.pay(by_token(token))["order"]["remainingAmount"] == eur(0)


def test_a_stored_card_of_a_session_may_need_the_bank(shop: Shop) -> None:
    page = session(shop, storePaymentMethodMode="enabled")
    away = page.pay(sealed(card(THREE_DS)))
    browser = Browser().open(away["action"]["url"])
    browser.submit("authenticate", user="user", password="password")
    page.details({"redirectResult": browser.returned()["redirectResult"]})
    assert len(tokens(shop)) == 1


def test_a_shopper_takes_his_card_out_of_the_form(shop: Shop) -> None:
    token = stored(shop)
    page = session(shop, showRemovePaymentMethodButton=True)
    assert page.setup()["configuration"] == {"showRemovePaymentMethodButton": True}
    page.call("session_disable_token", "disableToken", storedPaymentMethodId=token)
    assert page.setup()["paymentMethods"]["storedPaymentMethods"] == []
    answer = page.send(
        "session_disable_token",
        f"v1/sessions/{page.id}/disableToken",
        {"sessionData": page.data, "storedPaymentMethodId": token},
    )
    assert (answer.status_code, answer.json()["errorCode"]) == (422, "800")


def test_a_session_pays_with_cards_of_its_own_shopper_only(shop: Shop) -> None:
    token = stored(shop, shopper=BEN)
    page = session(shop)
    body = {"sessionData": page.data, "paymentMethod": by_token(token)}
    answer = page.send("session_payments", f"v1/sessions/{page.id}/payments", body)
    assert (answer.status_code, answer.json()["message"]) == (422, "Contract not found")
