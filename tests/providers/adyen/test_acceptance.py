"""The acceptance calls: the unmodified official SDK pays with vouchers and cards, a shopper acts, webhooks arrive.

Judges are ``Adyen`` 16 for Python and what Adyen's documentation promises, not our own client. Numbers of traps are
those of the research notes: the surprises that shops stumble over.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
import requests
from Adyen.exceptions import (
    AdyenAPIAuthenticationError,
    AdyenAPICommunicationError,
    AdyenAPIInvalidPermission,
    AdyenAPIResponseError,
    AdyenAPIUnprocessableEntity,
    AdyenAPIValidationError,
)
from Adyen.util import is_valid_hmac_notification

from mockpsp.edge import pipeline
from mockpsp.edge.sealed import seal
from mockpsp.providers.adyen.encryption import ALGORITHMS
from mockpsp.providers.adyen.settings import SCHEMA
from mockpsp.providers.adyen.webhooks import signature
from tests.support.adyen import (
    BIMPLI,
    PSP_REFERENCE,
    RETURN_URL,
    SODEXO,
    UP,
    Inbox,
    Shop,
    card,
    eur,
    gift_card,
    pass_on,
    returned,
    sdk,
    sealed,
    voucher,
)
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver
from tests.support.server import Threaded

NewSandbox = Callable[..., ControlledSandbox]
TUESDAY = "2026-01-06T09:15:00Z"
SUNDAY = "2026-01-11T11:00:00Z"
THREE_DS = "4212345678901237"
WORLD = {
    "meal_vouchers": [
        {"number": "5075990000006120", "brand": SODEXO, "expiry": "03/2030", "cvc": "737", "balance": "61.20 EUR"},
        {"number": "5075990000001900", "brand": BIMPLI, "expiry": "03/2030", "cvc": "737", "balance": "19.00 EUR"},
    ],
    "gift_cards": [{"number": "6036280000000000000", "brand": "givex", "cvc": "100", "balance": "50.00 EUR"}],
    "cards": [{"number": THREE_DS, "brand": "visa", "three_ds": "challenge"}],
}


@pytest.fixture
def shop(sandbox: ControlledSandbox) -> Shop:
    """The SDK of this sandbox's merchant."""
    return Shop(sandbox)


@pytest.fixture
def inbox(sandbox: ControlledSandbox, receiver: Receiver) -> Inbox:
    """The merchant's webhook endpoint."""
    return Inbox(sandbox, receiver)


def with_settings(new_sandbox: NewSandbox, clock: str | None = None, **settings: Any) -> ControlledSandbox:
    """A sandbox whose scenario changes these settings and nothing else."""
    scenario = {"mockpsp": 1, "title": "Other settings", "world": {"adyen": WORLD}, "settings": {"adyen": settings}}
    return new_sandbox(scenario=scenario, **({} if clock is None else {"clock": clock}))


def with_lines(new_sandbox: NewSandbox, **lines: Any) -> ControlledSandbox:
    """A sandbox whose scenario has these rules, faults or webhook lines."""
    return new_sandbox(scenario={"mockpsp": 1, "title": "Lines", "world": {"adyen": WORLD}, **lines})


def refused(error: pytest.ExceptionInfo[Any]) -> tuple[int, str, str]:
    """HTTP status, errorCode and errorType; the envelope repeats the status, and codes are text."""
    told = error.value.message
    assert told["status"] == error.value.status_code
    assert isinstance(told["errorCode"], str)
    assert told["errorCode"] == error.value.error_code
    return error.value.status_code, told["errorCode"], told["errorType"]


# -- 1. payment methods --------------------------------------------------------------------------------------------


def types(shop: Shop, **asked: Any) -> list[str]:
    """Types of the listed methods."""
    return [each["type"] for each in shop.call("payment_methods", **asked)["paymentMethods"]]


def test_every_voucher_issuer_is_a_method_of_its_own_in_france(shop: Shop) -> None:
    answer = shop.answered("payment_methods", countryCode="FR", amount=eur(4350), shopperLocale="fr-FR")
    assert answer.status == 200
    listed = answer.body["paymentMethods"]
    vouchers = [each for each in listed if each["type"].startswith("mealVoucher")]
    assert {each["type"] for each in vouchers} == {UP, BIMPLI, SODEXO}
    assert all("brand" not in each and "Titre-Restaurant" in each["name"] for each in vouchers)
    assert {"type": "giftcard", "brand": "givex"}.items() <= next(
        each for each in listed if each.get("brand") == "givex"
    ).items()
    assert "visa" in next(each for each in listed if each["type"] == "scheme")["brands"]


@pytest.mark.parametrize(("country", "currency"), [("NL", "EUR"), ("FR", "CHF")])
def test_elsewhere_there_are_no_vouchers(shop: Shop, country: str, currency: str) -> None:
    listed = types(shop, countryCode=country, amount={"currency": currency, "value": 4350})
    assert [each for each in listed if each.startswith("mealVoucher")] == []
    assert "scheme" in listed


def test_methods_can_be_allowed_and_blocked(shop: Shop) -> None:
    assert types(shop, countryCode="FR", amount=eur(1), allowedPaymentMethods=[UP]) == [UP]
    assert UP not in types(shop, countryCode="FR", amount=eur(1), blockedPaymentMethods=[UP])


def test_methods_are_for_what_an_open_order_leaves(shop: Shop) -> None:
    order = shop.order()
    assert SODEXO in types(shop, countryCode="FR", amount=eur(1850), order=pass_on(order))
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("payment_methods", order={**pass_on(order), "orderData": "Ab02b4c0!made-up"})
    assert refused(error) == (422, "SIM_ORDER_UNKNOWN", "validation")


# -- 2. balance ----------------------------------------------------------------------------------------------------


def asked_balance(shop: Shop, means: dict[str, str], amount: int | None = 4350) -> dict[str, Any]:
    """POST /paymentMethods/balance."""
    more = {} if amount is None else {"amount": eur(amount)}
    return shop.call("balance", paymentMethod=means, reference="RESTO-1001-BAL", **more)


def test_a_balance_is_enough_and_the_days_limit_is_told_apart(shop: Shop) -> None:
    """Traps 16 and 28: Success, and yet less than the amount can be spent."""
    found = asked_balance(shop, voucher())
    assert (found["resultCode"], found["balance"], found["transactionLimit"]) == ("Success", eur(6120), eur(2500))
    assert PSP_REFERENCE.fullmatch(found["pspReference"])


@pytest.mark.parametrize(("amount", "result"), [(1900, "Success"), (1901, "NotEnoughBalance")])
def test_both_results_tell_the_real_balance(shop: Shop, amount: int, result: str) -> None:
    found = asked_balance(shop, voucher("5075990000001900", BIMPLI), amount)
    assert (found["resultCode"], found["balance"]) == (result, eur(1900))


@pytest.mark.parametrize(
    ("means", "reason", "raw"),
    [
        (voucher(cvc="134"), "Invalid Pin", "INVALID_PIN"),
        (voucher("5075990000001234", cvc="125"), "Blocked Card", "BLOCK_CARD"),
        (gift_card("6036281000000000000"), "Invalid Card Number", "INVALID_CARD_NUMBER"),
        (gift_card(code="134"), "Invalid Pin", "INVALID_PIN"),
    ],
    ids=["wrong code", "blocked", "unknown", "gift card"],
)
def test_a_failed_check_is_an_answer_not_an_error(shop: Shop, means: dict[str, str], reason: str, raw: str) -> None:
    """Trap 3."""
    answer = shop.answered("balance", paymentMethod=means, amount=eur(1000))
    assert (answer.status, answer.body["resultCode"], answer.body["refusalReason"]) == (200, "Failed", reason)
    assert answer.body["balance"] == eur(0), "clients take an absent balance for an error of the card"
    assert answer.body["additionalData"]["acquirerResponseCode"] == raw


def test_a_check_reserves_nothing_and_needs_no_amount(shop: Shop) -> None:
    for _ in range(3):
        assert asked_balance(shop, voucher(), None)["balance"] == eur(6120)


def test_a_gift_card_of_another_currency_has_not_enough(new_sandbox: NewSandbox) -> None:
    shop = Shop(with_settings(new_sandbox))
    found = shop.call("balance", paymentMethod=gift_card(), amount={"currency": "GBP", "value": 1000})
    assert (found["resultCode"], found["balance"]) == ("NotEnoughBalance", eur(5000))


def test_adyens_test_gift_cards_never_run_down(shop: Shop) -> None:
    """Trap 27, and 50.00 in whatever currency is asked for."""
    for currency in ("EUR", "GBP"):
        amount = {"currency": currency, "value": 5000}
        shop.call("payments", reference="GIFT-1", amount=amount, paymentMethod=gift_card(), returnUrl=RETURN_URL)
        found = shop.call("balance", paymentMethod=gift_card(), amount=amount)
        assert (found["resultCode"], found["balance"]) == ("Success", amount)


def test_a_voucher_runs_down_and_the_days_ceiling_with_it(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox(clock=TUESDAY)
    shop = Shop(sandbox)
    assert shop.pay(1500, voucher())["resultCode"] == "Authorised"
    found = asked_balance(shop, voucher(), 1000)
    assert (found["resultCode"], found["balance"], found["transactionLimit"]) == ("Success", eur(4620), eur(1000))
    over = shop.pay(1001, voucher())
    assert (over["resultCode"], over["refusalReason"], over["refusalReasonCode"]) == (
        "Refused", "Withdrawal amount exceeded", "28",
    )  # fmt: skip
    assert shop.pay(1000, voucher())["resultCode"] == "Authorised"
    sandbox.advance("P1D")
    assert asked_balance(shop, voucher(), 1000)["transactionLimit"] == eur(2500)
    assert shop.pay(2500, voucher())["resultCode"] == "Authorised"
    sandbox.advance("P1D")
    short = shop.pay(1121, voucher())
    assert (short["refusalReason"], short["refusalReasonCode"]) == ("Not enough balance", "12")
    assert shop.pay(1120, voucher())["resultCode"] == "Authorised"


# -- 3. a voucher pays, without an order ---------------------------------------------------------------------------


def test_a_voucher_pays_all_and_a_signed_webhook_follows(shop: Shop, inbox: Inbox) -> None:
    paid = shop.pay(1890, voucher("5075990000001900", BIMPLI), "RESTO-1000")
    assert paid["resultCode"] == "Authorised"
    assert (paid["amount"], paid["merchantReference"]) == (eur(1890), "RESTO-1000")
    assert paid["paymentMethod"] == {"type": "mealVoucher_FR", "brand": BIMPLI}
    assert "order" not in paid
    item = inbox.item("AUTHORISATION")
    assert (item["pspReference"], item["merchantReference"]) == (paid["pspReference"], "RESTO-1000")
    assert (item["amount"], item["success"], item["paymentMethod"]) == (eur(1890), "true", BIMPLI)
    assert item["merchantAccountCode"] == shop.given["merchant_account"]
    assert "originalReference" not in item
    assert item["operations"] == ["CANCEL", "CAPTURE"], "vouchers know no refunds"


@pytest.mark.parametrize(
    "means",
    [
        voucher(),
        sealed(voucher()),
        {**voucher(), "type": SODEXO, "brand": ""},
        {name: value for name, value in voucher().items() if name != "brand"},
        {**voucher(), "type": SODEXO},
        {**voucher(), "type": "giftcard"},
        {**voucher(), "number": "5075 9900 0000 6120"},
        {**voucher(), "expiryYear": "30", "expiryMonth": "3"},
    ],
    ids=["raw", "test_", "long type", "no brand", "both", "typed SDK", "spaces", "short year"],
)
def test_a_voucher_arrives_in_any_of_its_forms(shop: Shop, means: dict[str, str]) -> None:
    """Traps 1 and 15: no class of the specification describes a meal voucher."""
    paid = shop.pay(1000, means)
    assert (paid["resultCode"], paid["paymentMethod"]["brand"]) == ("Authorised", SODEXO)
    assert paid["paymentMethod"]["type"] == means["type"]


@pytest.mark.parametrize(
    ("means", "amount", "reason", "code"),
    [
        (voucher("5075990000001900", BIMPLI), 1901, "Not enough balance", "12"),
        (voucher(), 2501, "Withdrawal amount exceeded", "28"),
        (voucher(cvc="134"), 1000, "Invalid Pin", "17"),
        (voucher("5075990000000005"), 1000, "Blocked Card", "5"),
        (voucher(expiryYear="2029"), 1000, "Expired Card", "6"),
        (voucher("5075991111111111"), 1000, "Invalid Card Number", "8"),
        (gift_card(code="124"), 1000, "Not enough balance", "12"),
        (card(holderName="CARD_EXPIRED"), 1000, "Expired Card", "6"),
    ],
    ids=["balance", "limit", "code", "blocked", "expired", "unknown", "gift card", "card"],
)
def test_a_refusal_is_200_with_a_reason(
    shop: Shop, inbox: Inbox, means: dict[str, str], amount: int, reason: str, code: str
) -> None:
    """Traps 3 and 21."""
    paid = shop.pay(amount, means)
    assert (paid["resultCode"], paid["refusalReason"], paid["refusalReasonCode"]) == ("Refused", reason, code)
    item = inbox.item("AUTHORISATION")
    assert (item["success"], item["reason"], item["pspReference"]) == ("false", reason, paid["pspReference"])
    assert "operations" not in item


def test_a_technical_error_is_a_result_of_its_own(shop: Shop, inbox: Inbox) -> None:
    paid = shop.pay(1890, voucher(), additionalData={"RequestedTestAcquirerResponseCode": "4"})
    assert (paid["resultCode"], paid["refusalReason"], paid["refusalReasonCode"]) == ("Error", "Acquirer Error", "4")
    assert inbox.told() == [("AUTHORISATION", "false")]


def test_money_leaves_the_voucher_and_reaches_the_merchant(shop: Shop, sandbox: ControlledSandbox) -> None:
    shop.pay(1890, voucher("5075990000001900", BIMPLI))
    sandbox.settle()
    holders = [each for each in sandbox.accounts().values() if each["kind"] == "meal_voucher"]
    assert "0.10 EUR" in [each["balance"] for each in holders]
    assert "18.90 EUR" in [each["balance"] for each in sandbox.accounts().values() if each["kind"] == "merchant"]


# -- 4. orders -----------------------------------------------------------------------------------------------------


def test_an_order_is_open_with_everything_remaining(shop: Shop, inbox: Inbox) -> None:
    answer = shop.answered("create_order", reference="RESTO-1001", amount=eur(4350))
    order = answer.body
    assert (answer.status, order["resultCode"], order["reference"]) == (200, "Success", "RESTO-1001")
    assert order["remainingAmount"] == order["amount"] == eur(4350)
    assert PSP_REFERENCE.fullmatch(order["pspReference"])
    assert order["orderData"].startswith("Ab02b4c0!BQABAg")
    assert len(order["orderData"]) <= 5000
    assert order["expiresAt"].endswith("Z")
    opened = inbox.item("ORDER_OPENED")
    assert (opened["pspReference"], opened["merchantReference"]) == (order["pspReference"], "RESTO-1001")
    assert (opened["amount"], opened["success"]) == (eur(4350), "true")
    assert "paymentMethod" not in opened
    assert "originalReference" not in opened


@pytest.mark.parametrize(
    "text", ["2026-01-06T12:00:00Z", "2026-01-06T13:00:00+01:00", "2026-01-06T12:00:00.000Z", "2026-01-06T12:00:00"]
)
def test_an_orders_end_is_read_in_any_form_and_told_in_utc(new_sandbox: NewSandbox, text: str) -> None:
    shop = Shop(new_sandbox(clock=TUESDAY))
    assert shop.order(expiresAt=text)["expiresAt"] == "2026-01-06T12:00:00Z"


# -- 5. two payments complete an order -----------------------------------------------------------------------------


def test_a_voucher_and_a_card_complete_an_order(shop: Shop, inbox: Inbox) -> None:
    order = shop.order()
    first = shop.pay(2500, sealed(voucher()), "RESTO-1001-1", order=order)
    assert first["resultCode"] == "Authorised", "trap 2: not PartiallyAuthorised"
    assert first["order"]["remainingAmount"] == eur(1850)
    assert first["order"]["amount"] == eur(4350)
    assert first["order"]["orderData"] != order["orderData"], "trap 10"
    second = shop.pay(1850, sealed(card()), "RESTO-1001-2", order=first)
    assert (second["resultCode"], second["order"]["remainingAmount"]) == ("Authorised", eur(0))
    assert "orderData" not in second["order"], "trap 11"
    assert second["additionalData"]["cardSummary"] == "1111"
    legs = [each["pspReference"] for each in (first, second)]
    assert len({*legs, order["pspReference"]}) == 3
    assert inbox.told() == [
        ("ORDER_OPENED", "true"), ("AUTHORISATION", "true"), ("AUTHORISATION", "true"), ("ORDER_CLOSED", "true"),
    ]  # fmt: skip
    for leg, item in zip(legs, inbox.items("AUTHORISATION"), strict=True):
        assert item["pspReference"] == leg
        assert item["additionalData"]["merchantOrderReference"] == "RESTO-1001"
    reason = inbox.items("AUTHORISATION")[1]["reason"]
    assert reason == f"{second['additionalData']['authCode']}:1111:03/2030"


def test_order_closed_lists_the_payments_in_major_units(shop: Shop, inbox: Inbox) -> None:
    """Trap 8; and without the setting nothing says how a payment went."""
    order = shop.order()
    first = shop.pay(2500, voucher(), order=order)
    second = shop.pay(1850, card(), order=first)
    closed = inbox.item("ORDER_CLOSED")
    assert (closed["pspReference"], closed["amount"]) == (order["pspReference"], eur(4350))
    told = {name: value for name, value in closed["additionalData"].items() if name.startswith("order-")}
    assert told == {
        "order-1-pspReference": first["pspReference"],
        "order-1-paymentAmount": "EUR 25.00",
        "order-1-paymentMethod": SODEXO,
        "order-2-pspReference": second["pspReference"],
        "order-2-paymentAmount": "EUR 18.50",
        "order-2-paymentMethod": "visa",
    }


def test_order_closed_with_order_success_fields(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, order_success_fields=True)
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    order = shop.order()
    shop.pay(2600, voucher(), order=order)
    first = shop.pay(2500, voucher(), order=order)
    shop.pay(1850, card(), order=first)
    told = inbox.item("ORDER_CLOSED")["additionalData"]
    assert [told[f"order-{number}-success"] for number in (1, 2, 3)] == ["false", "true", "true"]
    assert [told[f"order-{number}-paymentAmount"] for number in (1, 2, 3)] == ["EUR 26.00", "EUR 25.00", "EUR 18.50"]
    assert "order-4-pspReference" not in told


def test_yen_have_no_minor_units(shop: Shop, inbox: Inbox) -> None:
    order = shop.call("create_order", reference="YEN", amount={"currency": "JPY", "value": 900})
    body = {"reference": "YEN-1", "returnUrl": RETURN_URL, "paymentMethod": card(), "order": pass_on(order)}
    shop.call("payments", amount={"currency": "JPY", "value": 900}, **body)
    assert inbox.item("ORDER_CLOSED")["additionalData"]["order-1-paymentAmount"] == "JPY 900"


def test_three_payments_may_share_one_reference(shop: Shop, inbox: Inbox) -> None:
    """Trap 11: nothing is found by the reference of a payment; a test gift card pays twice."""
    told: dict[str, Any] = shop.order(11000)
    for amount, means in ((5000, gift_card()), (5000, gift_card()), (1000, card())):
        told = shop.pay(amount, means, "RESTO-1001", order=told)
        assert told["resultCode"] == "Authorised"
    assert told["order"]["remainingAmount"] == eur(0)
    assert {each["merchantReference"] for each in inbox.items()} == {"RESTO-1001"}
    assert inbox.told()[-1] == ("ORDER_CLOSED", "true")


def test_a_refused_payment_leaves_its_order_open(shop: Shop, inbox: Inbox) -> None:
    """Trap 12."""
    order = shop.order()
    refusal = shop.pay(2501, voucher(), "RESTO-1001-1", order=order)
    assert refusal["resultCode"] == "Refused"
    assert refusal["order"]["remainingAmount"] == eur(4350)
    after = shop.pay(2500, voucher(), "RESTO-1001-2", order=refusal)
    assert after["order"]["remainingAmount"] == eur(1850)
    assert inbox.items("ORDER_CLOSED") == []


# -- 6. 3-D Secure -------------------------------------------------------------------------------------------------


def at_the_bank(shop: Shop) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order of which a voucher paid a part; its card waits at the bank's page."""
    order = shop.order()
    first = shop.pay(2500, voucher(), "RESTO-1001-1", order=order)
    return order, shop.pay(1850, sealed(card(THREE_DS)), "RESTO-1001-2", order=first)


def test_a_card_is_authenticated_at_the_bank(shop: Shop, inbox: Inbox) -> None:
    order, waiting = at_the_bank(shop)
    assert waiting["resultCode"] == "RedirectShopper"
    assert waiting["order"] == {"pspReference": order["pspReference"]}
    action = waiting["action"]
    assert (action["type"], action["method"], action["paymentMethodType"]) == ("redirect", "GET", "scheme")
    assert inbox.told()[-1] == ("AUTHORISATION", "true"), "the voucher's; nothing of the card yet"
    details = {"redirectResult": shop.redirect_result(waiting)}
    answer = shop.answered("payments_details", details=details)
    done = answer.body
    assert (answer.status, done["resultCode"], done["pspReference"]) == (200, "Authorised", waiting["pspReference"])
    assert done["order"]["remainingAmount"] == eur(0)
    assert inbox.told()[-2:] == [("AUTHORISATION", "true"), ("ORDER_CLOSED", "true")]
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("payments_details", details=details)
    assert refused(error) == (422, "14_018", "validation")


def test_the_shopper_can_be_sent_by_the_control_api(shop: Shop, sandbox: ControlledSandbox) -> None:
    waiting = shop.pay(1850, card(THREE_DS))
    [open_page] = sandbox.call("GET", "/checkouts")["checkouts"]
    assert open_page["ref"] == waiting["pspReference"]
    sandbox.shopper(waiting["pspReference"], {"pay": [{"with": "card"}]})
    back = returned(requests.get(waiting["action"]["url"], allow_redirects=False, timeout=10).headers["Location"])
    done = shop.call("payments_details", details={"redirectResult": back["redirectResult"]})
    assert done["resultCode"] == "Authorised"


def test_a_wrong_password_at_the_bank_refuses_the_payment(shop: Shop, inbox: Inbox) -> None:
    waiting = shop.pay(1850, card(THREE_DS))
    result = shop.redirect_result(waiting, "wrong")
    done = shop.call("payments_details", details={"redirectResult": result})
    assert (done["resultCode"], done["refusalReason"], done["refusalReasonCode"]) == (
        "Refused", "3D Not Authenticated", "11",
    )  # fmt: skip
    assert inbox.told() == [("AUTHORISATION", "false")]


def test_details_name_no_merchant_account(shop: Shop, new_sandbox: NewSandbox) -> None:
    """Trap 18: the key and the token say whose payment it is."""
    waiting = shop.pay(1850, card(THREE_DS))
    result = shop.redirect_result(waiting)
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        Shop(new_sandbox()).call("payments_details", details={"redirectResult": result})
    assert refused(error) == (422, "14_018", "validation")
    assert shop.call("payments_details", details={"redirectResult": result})["resultCode"] == "Authorised"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"details": {"redirectResult": "X6XtfGC3!Ymadeup"}}, "14_018"),
        ({"details": {"payload": "made up"}}, "14_018"),
        ({"details": {"MD": "1", "PaRes": "2"}}, "14_002"),
        ({"details": {"MD": "1"}, "paymentData": "made up"}, "14_003"),
    ],
    ids=["redirectResult", "payload", "nothing", "paymentData"],
)
def test_details_of_nothing_are_refused(shop: Shop, body: dict[str, Any], code: str) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("payments_details", **body)
    assert refused(error) == (422, code, "validation")


def test_any_card_is_authenticated_when_the_shop_wants_it(shop: Shop) -> None:
    wish = {"attemptAuthentication": "always"}
    assert shop.pay(1000, card(), authenticationData=wish)["resultCode"] == "RedirectShopper"
    wish = {"attemptAuthentication": "never"}
    assert shop.pay(1000, card(THREE_DS), authenticationData=wish)["resultCode"] == "Authorised"


def test_native_authentication_goes_by_fingerprint_and_challenge(shop: Shop) -> None:
    def threeds(**told: str) -> dict[str, str]:
        return {"threeDSResult": b64encode(json.dumps(told).encode()).decode()}

    browser = {
        "acceptHeader": "*/*", "colorDepth": 24, "javaEnabled": False, "language": "fr-FR", "screenHeight": 723,
        "screenWidth": 1536, "timeZoneOffset": 0, "userAgent": "tests",
    }  # fmt: skip
    wish = {"threeDSRequestData": {"nativeThreeDS": "preferred"}}
    first = shop.pay(
        1000, card(THREE_DS), authenticationData=wish, channel="Web", origin="https://shop.example", browserInfo=browser
    )
    assert (first["resultCode"], first["action"]["subtype"]) == ("IdentifyShopper", "fingerprint")
    data = first["action"]["paymentData"]
    second = shop.call("payments_details", details=threeds(threeDSCompInd="Y"), paymentData=data)
    assert (second["resultCode"], second["action"]["subtype"]) == ("ChallengeShopper", "challenge")
    told = {"transStatus": "Y", "authorisationToken": second["action"]["authorisationToken"]}
    assert shop.call("payments_details", details=threeds(**told))["resultCode"] == "Authorised"


def test_nobody_comes_back_and_the_share_is_free_again(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox(clock=TUESDAY)
    shop = Shop(sandbox)
    order, waiting = at_the_bank(shop)
    result = shop.redirect_result(waiting)
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.pay(1, card(), order=order)
    assert refused(error)[1] == "SIM_ORDER_AMOUNT", "the share is reserved while the card waits"
    sandbox.advance("PT15M")
    assert shop.pay(1850, card(), order=order)["order"]["remainingAmount"] == eur(0)
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("payments_details", details={"redirectResult": result})
    assert refused(error)[1] == "14_018"


# -- 7. the first orderData goes on working ------------------------------------------------------------------------


def test_every_order_data_of_an_order_stays_valid(shop: Shop) -> None:
    """Trap 10: plugins keep sending the first one."""
    order = shop.order()
    first = shop.pay(1000, voucher(), order=order)
    second = shop.pay(1000, gift_card(), order=order)
    third = shop.pay(1000, card(), order=first)
    assert third["order"]["remainingAmount"] == eur(1350)
    assert len({each["order"]["orderData"] for each in (first, second, third)}) == 3
    assert shop.pay(1350, card(), order=second)["order"]["remainingAmount"] == eur(0)


# -- 8. an order is given up ---------------------------------------------------------------------------------------


def test_a_cancelled_order_gives_everything_back(shop: Shop, inbox: Inbox, sandbox: ControlledSandbox) -> None:
    """Traps 13 and 14: only ORDER_CLOSED tells of it, and vouchers get back what no refund could give them."""
    before = sandbox.accounts()
    order = shop.order()
    shop.pay(2500, voucher(), "RESTO-1001-1", order=order)
    shop.pay(1000, card(), "RESTO-1001-2", order=order)
    answer = shop.answered("cancel_order", order=pass_on(order))
    assert (answer.status, answer.body["resultCode"]) == (200, "Received")
    assert answer.body["pspReference"] != order["pspReference"]
    assert inbox.told()[-1] == ("ORDER_CLOSED", "false")
    assert [each["eventCode"] for each in inbox.items()].count("ORDER_CLOSED") == 1
    assert inbox.items("REFUND", "CANCELLATION") == []
    after = sandbox.accounts()
    assert {ref: each["balance"] for ref, each in after.items() if ref in before} == {
        ref: each["balance"] for ref, each in before.items()
    }
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.pay(850, card(), order=order)
    assert refused(error) == (422, "SIM_ORDER_CANCELLED", "validation")


def test_cancelled_twice_is_received_twice_and_told_once(shop: Shop, inbox: Inbox) -> None:
    order = shop.order()
    for _ in range(2):
        assert shop.call("cancel_order", order=pass_on(order))["resultCode"] == "Received"
    assert inbox.told() == [("ORDER_OPENED", "true"), ("ORDER_CLOSED", "false")]


def test_a_paid_order_cannot_be_cancelled(shop: Shop) -> None:
    order = shop.order(1000)
    shop.pay(1000, voucher(), order=order)
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("cancel_order", order=pass_on(order))
    assert refused(error) == (422, "SIM_ORDER_CLOSED", "validation")


def test_an_order_expires_and_gives_everything_back(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = new_sandbox(clock=TUESDAY)
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    order = shop.order(expiresAt="2026-01-06T10:15:00Z")
    shop.pay(2500, voucher(), order=order)
    sandbox.advance("PT59M59S")
    assert inbox.items("ORDER_CLOSED") == []
    sandbox.advance("PT1S")
    closed = inbox.item("ORDER_CLOSED")
    assert (closed["success"], closed["reason"]) == ("false", "")
    assert asked_balance(shop, voucher())["balance"] == eur(6120)
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.pay(1850, card(), order=order)
    assert refused(error) == (422, "SIM_ORDER_EXPIRED", "validation")


@pytest.mark.parametrize(("more", "code"), [({}, "CANCELLATION"), ({"captureDelayHours": 0}, "REFUND")])
def test_setting_rollback_webhooks(
    new_sandbox: NewSandbox, receiver: Receiver, more: dict[str, Any], code: str
) -> None:
    sandbox = with_settings(new_sandbox, rollback_webhooks="per_payment", capture="manual")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    order = shop.order()
    paid = shop.pay(2500, voucher(), order=order, **more)
    shop.call("cancel_order", order=pass_on(order))
    item = inbox.item(code)
    assert (item["originalReference"], item["amount"], item["success"]) == (paid["pspReference"], eur(2500), "true")
    assert inbox.told()[-2:] == [(code, "true"), ("ORDER_CLOSED", "false")]


def test_setting_order_opened(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, order_opened="on_first_payment")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    order = shop.order()
    assert inbox.told() == []
    for _ in range(2):
        shop.pay(1000, voucher(), order=order)
    assert [code for code, _ in inbox.told()] == ["ORDER_OPENED", "AUTHORISATION", "AUTHORISATION"]


@pytest.mark.parametrize(
    ("change", "amount", "code"),
    [
        ({"pspReference": "ODR4K8ZT2WQ7NX65"}, eur(100), "SIM_ORDER_UNKNOWN"),
        ({"orderData": "Ab02b4c0!BQABAgMADEUP"}, eur(100), "SIM_ORDER_UNKNOWN"),
        ({}, eur(4351), "SIM_ORDER_AMOUNT"),
        ({}, {"currency": "GBP", "value": 100}, "SIM_ORDER_CURRENCY"),
    ],
    ids=["unknown", "orderData", "too much", "currency"],
)
def test_a_payment_that_does_not_fit_its_order(
    shop: Shop, change: dict[str, str], amount: dict[str, Any], code: str
) -> None:
    order = {**pass_on(shop.order()), **change}
    body = {"reference": "R", "returnUrl": RETURN_URL, "paymentMethod": card()}
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("payments", amount=amount, order=order, **body)
    assert refused(error) == (422, code, "validation")
    assert error.value.headers["Mockpsp-Inferred"] == "order_errors"


def test_the_order_data_of_another_order_opens_nothing(shop: Shop) -> None:
    one, other = shop.order(), shop.order()
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.pay(100, card(), order={**one, "orderData": other["orderData"]})
    assert refused(error)[1] == "SIM_ORDER_UNKNOWN"


@pytest.mark.parametrize("choice", ["refused", "remaining"])
def test_setting_missing_amount_in_order(new_sandbox: NewSandbox, choice: str) -> None:
    shop = Shop(with_settings(new_sandbox, missing_amount_in_order=choice))
    order = shop.order(1500)
    if choice == "remaining":
        assert shop.pay(None, voucher(), order=order)["amount"] == eur(1500)
        return
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.pay(None, voucher(), order=order)
    assert refused(error) == (422, "100", "validation")


# -- 9. modifications ----------------------------------------------------------------------------------------------


MANUAL = {"additionalData": {"manualCapture": "true"}}
MODIFIED: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("capture", "CAPTURE", MANUAL, {"amount": eur(2000)}),
    ("refund", "REFUND", {}, {"amount": eur(850), "merchantRefundReason": "CUSTOMER REQUEST"}),
    ("cancel", "CANCELLATION", MANUAL, {}),
    ("reversal", "CANCEL_OR_REFUND", {}, {}),
    ("amount_update", "AUTHORISATION_ADJUSTMENT", MANUAL, {"amount": eur(2500)}),
]


@pytest.mark.parametrize(("operation", "code", "capturing", "body"), MODIFIED, ids=[each[0] for each in MODIFIED])
def test_a_modification_is_received_and_its_webhook_follows(
    shop: Shop, inbox: Inbox, operation: str, code: str, capturing: dict[str, Any], body: dict[str, Any]
) -> None:
    """Trap 4: 201."""
    psp = shop.pay(2000, card(), "RESTO-1003", **capturing)["pspReference"]
    answer = shop.answered(operation, psp, reference="RESTO-1003-MOD", **body)
    told = answer.body
    assert (answer.status, told["status"], told["paymentPspReference"]) == (201, "received", psp)
    assert {"reference": "RESTO-1003-MOD", **body}.items() <= told.items()
    assert told["pspReference"] != psp
    item = inbox.item(code)
    assert (item["success"], item["originalReference"]) == ("true", psp)
    assert (item["pspReference"], item["merchantReference"]) == (told["pspReference"], "RESTO-1003-MOD")
    assert item["amount"] == body.get("amount", eur(2000))
    assert item["paymentMethod"] == "visa"


def test_a_modification_without_reference_bears_the_payments(shop: Shop, inbox: Inbox) -> None:
    psp = shop.pay(2000, card(), "RESTO-1003")["pspReference"]
    assert "reference" not in shop.call("refund", psp, amount=eur(1))
    assert inbox.item("REFUND")["merchantReference"] == "RESTO-1003"


def test_a_payment_is_cancelled_by_the_shops_own_reference(shop: Shop, inbox: Inbox) -> None:
    psp = shop.pay(2000, card(), "RESTO-1003", **MANUAL)["pspReference"]
    answer = shop.answered("cancel_by_reference", paymentReference="RESTO-1003", reference="RESTO-1003-CXL")
    assert (answer.status, answer.body["status"], answer.body["paymentReference"]) == (201, "received", "RESTO-1003")
    item = inbox.item("TECHNICAL_CANCEL")
    assert (item["originalReference"], item["pspReference"]) == (psp, answer.body["pspReference"])
    assert (item["success"], item["merchantReference"]) == ("true", "RESTO-1003"), "as Adyen's own sample has it"


def test_an_own_reference_that_nothing_has_is_received_as_well(shop: Shop, inbox: Inbox) -> None:
    answer = shop.answered("cancel_by_reference", paymentReference="NOBODY")
    assert (answer.status, answer.body["status"]) == (201, "received")
    assert inbox.items() == []
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("cancel_by_reference", paymentReference="")
    assert error.value.message["message"] == "Required field 'paymentReference' is not provided."


def test_the_own_reference_works_for_a_day(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = new_sandbox(clock=TUESDAY)
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    shop.pay(2000, card(), "RESTO-1003", **MANUAL)
    sandbox.advance("PT24H1S")
    shop.call("cancel_by_reference", paymentReference="RESTO-1003")
    assert inbox.item("TECHNICAL_CANCEL")["success"] == "false"


def test_an_immediate_capture_sends_no_webhook_and_a_second_one_charges_nothing(
    shop: Shop, inbox: Inbox, sandbox: ControlledSandbox
) -> None:
    """Trap 23."""
    psp = shop.pay(2000, card())["pspReference"]
    assert inbox.told() == [("AUTHORISATION", "true")]
    money = {ref: each["balance"] for ref, each in sandbox.accounts().items()}
    assert shop.call("capture", psp, amount=eur(2000))["status"] == "received"
    assert inbox.item("CAPTURE")["success"] == "false"
    assert {ref: each["balance"] for ref, each in sandbox.accounts().items()} == money


def test_capture_delay_hours_are_waited_for(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, TUESDAY, capture_webhook=True)
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    psp = shop.pay(2000, card(), captureDelayHours=2)["pspReference"]
    sandbox.advance("PT1H59M")
    assert inbox.items("CAPTURE") == []
    sandbox.advance("PT1M")
    item = inbox.item("CAPTURE")
    assert (item["originalReference"], item["amount"], item["success"]) == (psp, eur(2000), "true")


@pytest.mark.parametrize(("choice", "captured"), [("immediate", True), ("delayed", False), ("manual", False)])
def test_setting_capture(new_sandbox: NewSandbox, receiver: Receiver, choice: str, captured: bool) -> None:
    sandbox = with_settings(new_sandbox, TUESDAY, capture=choice, capture_delay="P2D")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    early, late = (shop.pay(2000, card())["pspReference"] for _ in range(2))
    shop.call("refund", early, amount=eur(100))
    sandbox.advance("P2D")
    shop.call("refund", late, amount=eur(100))
    found = {each["originalReference"]: each["success"] for each in inbox.items("REFUND")}
    assert found[early] == ("true" if captured else "false")
    assert found[late] == ("false" if choice == "manual" else "true")


def test_a_request_overrules_the_accounts_way_to_capture(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, capture="manual")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    psp = shop.pay(2000, card(), captureDelayHours=0)["pspReference"]
    shop.call("refund", psp, amount=eur(2000))
    assert inbox.item("REFUND")["success"] == "true"


@pytest.mark.parametrize(
    ("means", "amount", "reason"),
    [
        (card(), 2001, "Insufficient balance on payment"),
        (voucher(), 1999, "Partial capture not supported for this payment method"),
    ],
    ids=["too much", "part of a voucher"],
)
def test_a_capture_that_is_not_possible_is_told_by_webhook(
    shop: Shop, inbox: Inbox, means: dict[str, str], amount: int, reason: str
) -> None:
    psp = shop.pay(2000, means, **MANUAL)["pspReference"]
    assert shop.answered("capture", psp, amount=eur(amount)).status == 201
    item = inbox.item("CAPTURE")
    assert (item["success"], item["reason"], item["amount"]) == ("false", reason, eur(amount))


def test_a_voucher_is_captured_as_a_whole(shop: Shop, inbox: Inbox) -> None:
    psp = shop.pay(2000, voucher(), **MANUAL)["pspReference"]
    shop.call("capture", psp, amount=eur(2000))
    assert inbox.item("CAPTURE")["success"] == "true"


@pytest.mark.parametrize(("several", "second"), [(False, "false"), (True, "true")])
def test_setting_multiple_partial_captures(
    new_sandbox: NewSandbox, receiver: Receiver, several: bool, second: str
) -> None:
    sandbox = with_settings(new_sandbox, multiple_partial_captures=several)
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    psp = shop.pay(2000, card(), **MANUAL)["pspReference"]
    for amount in (500, 1500):
        shop.call("capture", psp, amount=eur(amount))
        sandbox.settle()
    assert [each["success"] for each in inbox.items("CAPTURE")] == ["true", second]
    shop.call("reversal", psp)
    assert inbox.item("CANCEL_OR_REFUND")["success"] == ("false" if several else "true"), "not after several captures"


def test_refunds_come_after_the_capture_and_never_to_more(shop: Shop, inbox: Inbox) -> None:
    psp = shop.pay(2000, card(), **MANUAL)["pspReference"]
    shop.call("refund", psp, amount=eur(500))
    assert inbox.item("REFUND")["reason"] == "Transaction hasn't been captured, refund not possible"
    shop.call("capture", psp, amount=eur(2000))
    for amount in (1500, 501, 500):
        shop.call("refund", psp, amount=eur(amount))
        inbox.sandbox.settle()
    told = [(each["amount"]["value"], each["success"], each["reason"]) for each in inbox.items("REFUND")[1:]]
    assert told == [(1500, "true", ""), (501, "false", "Insufficient balance on payment"), (500, "true", "")]


def test_a_voucher_is_not_refunded(shop: Shop, inbox: Inbox) -> None:
    """Trap 14."""
    psp = shop.pay(2000, voucher())["pspReference"]
    assert shop.answered("refund", psp, amount=eur(2000)).status == 201
    item = inbox.item("REFUND")
    assert (item["success"], item["reason"]) == ("false", "Refund not supported for this payment method")
    assert asked_balance(shop, voucher())["balance"] == eur(4120)


def test_setting_voucher_refund(new_sandbox: NewSandbox) -> None:
    shop = Shop(with_settings(new_sandbox, voucher_refund="refused_at_once"))
    psp = shop.pay(2000, voucher())["pspReference"]
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("refund", psp, amount=eur(2000))
    assert refused(error) == (422, "SIM_REFUND_NOT_SUPPORTED", "validation")


def test_only_what_is_not_captured_is_cancelled(shop: Shop, inbox: Inbox) -> None:
    captured = shop.pay(2000, card())["pspReference"]
    shop.call("cancel", captured)
    assert inbox.item("CANCELLATION")["success"] == "false"
    free = shop.pay(2000, voucher(), **MANUAL)["pspReference"]
    shop.call("cancel", free)
    assert inbox.items("CANCELLATION")[1]["success"] == "true"
    assert asked_balance(shop, voucher())["balance"] == eur(6120)


@pytest.mark.parametrize(("capturing", "action"), [(MANUAL, "cancel"), ({}, "refund")], ids=["cancel", "refund"])
def test_a_reversal_takes_the_whole_payment_back(
    shop: Shop, inbox: Inbox, capturing: dict[str, Any], action: str
) -> None:
    """Trap 32."""
    psp = shop.pay(2000, card(), **capturing)["pspReference"]
    shop.call("reversal", psp, reference="RESTO-1003-REV")
    item = inbox.item("CANCEL_OR_REFUND")
    assert (item["amount"], item["additionalData"]["modification.action"]) == (eur(2000), action)


def test_an_updated_amount_can_be_captured(shop: Shop, inbox: Inbox) -> None:
    psp = shop.pay(2000, card(), **MANUAL)["pspReference"]
    told = shop.call("amount_update", psp, amount=eur(2500), industryUsage="delayedCharge")
    assert (told["amount"], told["industryUsage"]) == (eur(2500), "delayedCharge")
    inbox.sandbox.settle()
    shop.call("capture", psp, amount=eur(2500))
    assert inbox.item("CAPTURE")["success"] == "true"


@pytest.mark.parametrize("operation", ["capture", "refund", "cancel", "reversal", "amount_update"])
def test_an_order_is_no_payment(shop: Shop, operation: str) -> None:
    """Trap 9."""
    order = shop.order()
    shop.pay(2500, voucher(), order=order)
    amount = {} if operation in ("cancel", "reversal") else {"amount": eur(100)}
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call(operation, order["pspReference"], **amount)
    assert refused(error) == (422, "167", "validation")


@pytest.mark.parametrize(("operation", "code"), [("capture", "CAPTURE_FAILED"), ("refund", "REFUND_FAILED")])
def test_a_failure_that_comes_later_says_success(
    new_sandbox: NewSandbox, receiver: Receiver, operation: str, code: str
) -> None:
    """Trap 22."""
    rule = {"name": "late", "operation": f"adyen.{operation}", "then": {"outcome": "fails", "after": "P1D"}}
    sandbox = with_lines(new_sandbox, rules=[rule])
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    psp = shop.pay(2000, card(), **(MANUAL if operation == "capture" else {}))["pspReference"]
    told = shop.call(operation, psp, amount=eur(2000))
    assert inbox.told()[-1] == (operation.upper(), "true")
    sandbox.advance("P1D")
    item = inbox.item(code)
    assert (item["success"], item["pspReference"], item["originalReference"]) == ("true", told["pspReference"], psp)
    assert item["reason"]


def test_setting_modification_delay(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, TUESDAY, modification_delay="PT1H")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    shop.call("refund", shop.pay(2000, card())["pspReference"], amount=eur(2000))
    assert inbox.items("REFUND") == []
    sandbox.advance("PT1H")
    assert inbox.item("REFUND")["success"] == "true"


# -- 10. idempotency -----------------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_payment(shop: Shop, inbox: Inbox) -> None:
    first, second = (shop.pay(1000, voucher(), key="key-1") for _ in range(2))
    assert first == second
    assert inbox.told() == [("AUTHORISATION", "true")]
    assert asked_balance(shop, voucher())["balance"] == eur(5120)
    assert shop.pay(1000, voucher(), key="key-2")["pspReference"] != first["pspReference"]


def test_a_repetition_is_the_first_answer_byte_for_byte(shop: Shop) -> None:
    body = {"reference": "RESTO-1001", "amount": eur(4350)}
    first, second = (shop.post("/orders", body, Idempotency_Key="key-1") for _ in range(2))
    assert first.content == second.content
    for answer in (first, second):
        assert answer.headers["Idempotency-Key"] == "key-1"
        assert answer.headers["Pspreference"] == first.json()["pspReference"]
    assert shop.post("/orders", body, **{"idempotency-key": "key-1"}).content == first.content
    other = shop.post("/orders", body)
    assert "Idempotency-Key" not in other.headers
    assert other.json()["pspReference"] != first.json()["pspReference"]


def test_another_body_under_the_same_key_gets_the_first_answer(shop: Shop) -> None:
    first = shop.pay(1000, voucher(), "RESTO-1", key="key-1")
    assert shop.pay(2000, card(), "RESTO-2", key="key-1") == first


def test_modifications_and_sessions_are_repeated_with_201(shop: Shop, inbox: Inbox) -> None:
    psp = shop.pay(2000, card())["pspReference"]
    refunds = [shop.answered("refund", psp, amount=eur(500), key="key-1") for _ in range(2)]
    assert refunds[0] == refunds[1]
    assert refunds[1].status == 201
    assert len(inbox.items("REFUND")) == 1
    wanted = {"reference": "RESTO-1005", "amount": eur(4350), "returnUrl": RETURN_URL}
    sessions = [shop.call("create_session", **wanted, key="key-2") for _ in range(2)]
    assert sessions[0]["id"] == sessions[1]["id"]


def test_a_422_is_repeated_and_a_closed_door_is_not(shop: Shop, sandbox: ControlledSandbox) -> None:
    body = {"reference": "", "amount": eur(4350)}
    first = shop.post("/orders", body, Idempotency_Key="key-1")
    right = shop.post("/orders", {**body, "reference": "RESTO-1001"}, Idempotency_Key="key-1")
    assert (first.status_code, first.json()["errorCode"]) == (422, "158")
    assert right.content == first.content
    assert right.headers["Pspreference"] == first.headers["Pspreference"]
    wrong = shop.post("/orders", {**body, "reference": "R"}, Idempotency_Key="key-2", X_API_Key="wrong")
    assert wrong.status_code == 401
    stranger = shop.post("/orders", {"merchantAccount": "NoSuch", **body, "reference": "R"}, Idempotency_Key="key-2")
    assert stranger.status_code == 403
    assert shop.post("/orders", {**body, "reference": "R"}, Idempotency_Key="key-2").status_code == 200


def test_a_refused_payment_is_repeated_too(shop: Shop) -> None:
    first = shop.pay(2501, voucher(), key="key-1")
    assert first["resultCode"] == "Refused"
    assert shop.pay(1000, voucher(), key="key-1") == first


@pytest.mark.parametrize(("length", "status"), [(64, 200), (65, 422)])
def test_a_key_has_64_characters_at_most(shop: Shop, length: int, status: int) -> None:
    answer = shop.post("/orders", {"reference": "R", "amount": eur(100)}, Idempotency_Key="k" * length)
    assert answer.status_code == status


def test_an_answer_is_kept_for_seven_days(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox(clock=TUESDAY)
    shop = Shop(sandbox)
    first = shop.order(key="key-1", expiresAt="2026-03-01T00:00:00Z")
    sandbox.advance("P6DT23H")
    assert shop.order(key="key-1") == first
    sandbox.advance("PT2H")
    assert shop.order(key="key-1")["pspReference"] != first["pspReference"]


class Gate:
    """Stands in for asyncio in the pipeline: a fault's latency lasts until the test says so."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.opened = threading.Event()

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        await asyncio.to_thread(self.opened.wait, 60)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Faults' latency ends when the test ends it, and no later than the test itself."""
    made = Gate()
    monkeypatch.setattr(pipeline, "asyncio", SimpleNamespace(sleep=made.sleep))
    yield made
    made.opened.set()


def under_way(sandbox: ControlledSandbox) -> bool:
    """Whether the journal has a request that a fault holds up."""
    return any("of latency" in note for each in sandbox.journal(kind="request") for note in each.get("notes", []))


def until_under_way(sandbox: ControlledSandbox) -> None:
    """Read the journal until it tells of the held request."""
    assert any(under_way(sandbox) for _ in range(5000)), "the first request never began"


@pytest.mark.parametrize("status", [409, 422])
def test_while_the_first_is_in_flight_the_second_is_told_704(new_sandbox: NewSandbox, gate: Gate, status: int) -> None:
    slow = {"name": "slow", "operation": "adyen.payments", "nth": 1, "then": {"latency": "30s"}}
    scenario = {"mockpsp": 1, "title": "Slow", "world": {"adyen": WORLD}, "faults": [slow]}
    sandbox = new_sandbox(scenario={**scenario, "settings": {"adyen": {"in_progress_status": status}}})
    shop = Shop(sandbox)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(Shop(sandbox).pay, 1000, voucher(), key="key-1")
        until_under_way(sandbox)
        with pytest.raises(AdyenAPIResponseError) as error:
            shop.pay(1000, voucher(), key="key-1")
        gate.opened.set()
        paid = first.result(60)
    assert refused(error) == (status, "704", "validation")
    assert error.value.message["message"] == "request already processed or in progress"
    assert gate.waited == [30.0]
    assert paid["resultCode"] == "Authorised"
    assert shop.pay(1000, voucher(), key="key-1") == paid, "704 is not kept"


# -- 11. what is refused, and how ----------------------------------------------------------------------------------


ORDER = {"reference": "RESTO-1001", "amount": eur(4350)}
PAYMENT = {"reference": "RESTO-1001", "amount": eur(4350), "paymentMethod": card(), "returnUrl": RETURN_URL}


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The body less one field."""
    return {key: value for key, value in body.items() if key != name}


@pytest.mark.parametrize("basic", [False, True], ids=["key", "basic"])
def test_a_wrong_key_is_401(sandbox: ControlledSandbox, basic: bool) -> None:
    """Trap 21: 000 is text."""
    with pytest.raises(AdyenAPIAuthenticationError) as error:
        Shop(sandbox, basic=basic, api_key="AQE-wrong").order()
    assert refused(error) == (401, "000", "security")
    assert error.value.message["message"] == "HTTP Status Response - Unauthorized"


def test_no_key_at_all_is_401(shop: Shop) -> None:
    answer = requests.post(f"{shop.sandbox.url}/v72/orders", json=ORDER, timeout=10)
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "000")


def test_somebody_elses_merchant_account_is_403(shop: Shop, new_sandbox: NewSandbox) -> None:
    """Trap 17: unknown is 403, absent is 422."""
    theirs = new_sandbox().credentials["adyen"]["merchant_account"]
    for account in (theirs, "NoSuchAccount"):
        with pytest.raises(AdyenAPIInvalidPermission) as error:
            shop.call("create_order", merchantAccount=account, **ORDER)
        assert refused(error) == (403, "901", "security")


@pytest.mark.parametrize("path", ["/paymentMethods", "/payments", "/orders", "/sessions", "/paymentLinks"])
def test_no_merchant_account_is_422(shop: Shop, path: str) -> None:
    answer = shop.request("POST", path, PAYMENT)
    told = answer.json()
    assert (answer.status_code, told["errorCode"], told["errorType"]) == (422, "901", "validation")
    assert told["message"] == "Invalid Merchant Account"


def test_setting_missing_merchant_status(new_sandbox: NewSandbox) -> None:
    shop = Shop(with_settings(new_sandbox, missing_merchant_status=403))
    answer = shop.request("POST", "/orders", ORDER)
    assert (answer.status_code, answer.json()["errorCode"], answer.json()["errorType"]) == (403, "901", "security")


def test_setting_forbidden(new_sandbox: NewSandbox) -> None:
    shop = Shop(with_settings(new_sandbox, forbidden=["refund"]))
    psp = shop.pay(2000, card())["pspReference"]
    with pytest.raises(AdyenAPIInvalidPermission) as error:
        shop.call("refund", psp, amount=eur(2000))
    assert refused(error) == (403, "010", "security")


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("create_order", without(ORDER, "reference"), "158"),
        ("payments", without(PAYMENT, "reference"), "130"),
        ("create_payment_link", without(ORDER, "reference"), "130"),
        ("create_order", without(ORDER, "amount"), "100"),
        ("payments", without(PAYMENT, "amount"), "100"),
        ("payments", without(PAYMENT, "returnUrl"), "14_030"),
        ("payments", without(PAYMENT, "paymentMethod"), "14_004"),
        ("payments", {**PAYMENT, "amount": eur(0)}, "137"),
        ("payments", {**PAYMENT, "amount": eur(-1)}, "137"),
        ("create_order", {**ORDER, "amount": {"currency": "XQQ", "value": 1}}, "138"),
        ("payments", {**PAYMENT, "paymentMethod": card("4111111111111112")}, "101"),
        ("payments", {**PAYMENT, "paymentMethod": card("9999999999999995")}, "102"),
        ("payments", {**PAYMENT, "paymentMethod": card(cvc="12")}, "103"),
        ("payments", {**PAYMENT, "paymentMethod": card(expiryMonth="x")}, "129"),
        ("payments", {**PAYMENT, "paymentMethod": card(expiryMonth="13")}, "140"),
        ("payments", {**PAYMENT, "paymentMethod": card(expiryYear="1999")}, "141"),
        ("payments", {**PAYMENT, "metadata": {f"k{number}": "v" for number in range(21)}}, "177"),
        ("payments", {**PAYMENT, "metadata": {"k" * 21: "v"}}, "178"),
        ("payments", {**PAYMENT, "countryCode": "FRANCE"}, "200"),
        ("payments", {**PAYMENT, "paymentMethod": {"type": "scheme", "storedPaymentMethodId": "X"}}, "800"),
        ("payments", {**PAYMENT, "paymentMethod": voucher(), "amount": {"currency": "GBP", "value": 100}}, "138"),
        ("card_details", {"cardNumber": "3700"}, "208"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_request_that_cannot_be_is_422(shop: Shop, operation: str, body: dict[str, Any], code: str) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call(operation, **body)
    assert refused(error) == (422, code, "validation")


@pytest.mark.parametrize("psp", ["psp0001", "KHQC5N7G84BLNK43"])
def test_a_modification_of_nothing_is_422(shop: Shop, psp: str) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("cancel", psp)
    assert refused(error) == (422, "167", "validation")
    assert error.value.message["message"] == "Original pspReference required for this operation"


def test_a_refused_payment_cannot_be_modified(shop: Shop) -> None:
    psp = shop.pay(2501, voucher())["pspReference"]
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("cancel", psp)
    assert refused(error) == (422, "167", "validation")


@pytest.mark.parametrize("body", ['{"merchantAccount": ', "[]", "", '"text"'], ids=["cut", "list", "empty", "text"])
def test_a_body_that_is_no_object_is_400(shop: Shop, body: str) -> None:
    answer = shop.request("POST", "/payments", body)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "702")


def test_a_field_of_another_kind_is_400(shop: Shop) -> None:
    with pytest.raises(AdyenAPIValidationError) as error:
        shop.call("create_order", reference="R", amount={"currency": "EUR", "value": "a lot"})
    assert refused(error) == (400, "702", "validation")


def test_a_payment_as_adyens_example_applications_ask_for_it(shop: Shop) -> None:
    """They are tried against Adyen's platform: an amount as a text, a boolean among texts, null for nothing."""
    given = {"amount": {"currency": "EUR", "value": "10000"}, "additionalData": {"allow3DS2": True}}
    nothing = {"billingAddress": None, "countryCode": None, "lineItems": None}
    asked = {
        "reference": "R",
        "returnUrl": "https://shop.example/back",
        "paymentMethod": card(),
        "metadata": {"cart": 7},
    }
    answer = shop.request(
        "POST",
        "/payments",
        json.dumps({"merchantAccount": shop.given["merchant_account"], **asked, **given, **nothing}),
    )
    assert (answer.status_code, answer.json()["resultCode"]) == (200, "Authorised"), answer.text
    assert answer.json()["amount"] == {"currency": "EUR", "value": 10000}


def test_a_method_that_the_account_does_not_have_is_500(shop: Shop) -> None:
    with pytest.raises(AdyenAPICommunicationError) as error:
        shop.pay(1000, {"type": "ideal"})
    assert refused(error) == (500, "905", "configuration")


def test_unknown_fields_are_ignored(shop: Shop) -> None:
    """Trap 1."""
    paid = shop.pay(1000, voucher(shoeSize="42"), newestField={"a": [1]}, orderReference="8816178914061985")
    assert paid["resultCode"] == "Authorised"


def test_a_direct_payment_needs_no_return_address(shop: Shop) -> None:
    """Trap 25: plugins leave it out for gift cards, and any text does for a card without 3-D Secure."""
    for means in (voucher(), gift_card()):
        assert shop.pay(1000, means, returnUrl=None)["resultCode"] == "Authorised"
    assert shop.pay(1000, card(), returnUrl="ReturnUrl_example")["resultCode"] == "Authorised"


@pytest.mark.parametrize(("base", "status"), [("/v70", 200), ("/v71", 200), ("/v72", 422)])
def test_v72_takes_shorter_references(sandbox: ControlledSandbox, base: str, status: int) -> None:
    assert Shop(sandbox, base).post("/orders", {**ORDER, "reference": "R" * 81}).status_code == status
    long = f"https://shop.example/{'r' * 1010}"
    assert Shop(sandbox, base).post("/payments", {**PAYMENT, "returnUrl": long}).status_code == status


def test_an_operation_that_is_not_emulated_says_so(shop: Shop) -> None:
    with pytest.raises(AdyenAPIResponseError) as error:
        shop.sdk.checkout.recurring_api.stored_payment_methods({"merchantAccount": shop.given["merchant_account"]})
    assert refused(error) == (501, "SIM_NOT_SUPPORTED", "configuration")


def test_an_unknown_path_is_404(shop: Shop) -> None:
    answer = requests.get(f"{shop.sandbox.url}/v72/nothing", headers={"X-API-Key": shop.given["api_key"]}, timeout=10)
    assert answer.status_code == 404


@pytest.mark.parametrize(("status", "kind"), [(500, AdyenAPICommunicationError), (503, AdyenAPIResponseError)])
def test_a_scripted_failure_reaches_the_sdk(new_sandbox: NewSandbox, status: int, kind: type[Exception]) -> None:
    fault = {"name": "down", "operation": "adyen.create_order", "nth": 1, "then": {"status": status}}
    shop = Shop(with_lines(new_sandbox, faults=[fault]))
    with pytest.raises(kind) as error:
        shop.order(key="key-1")
    assert refused(error)[:2] == (status, "903")
    assert shop.order(key="key-1")["resultCode"] == "Success", "failures are not kept under the key"


# -- versions and credentials --------------------------------------------------------------------------------------


@pytest.mark.parametrize("basic", [False, True], ids=["key", "basic"])
@pytest.mark.parametrize("prefix", ["", "/checkout"], ids=["test", "live"])
@pytest.mark.parametrize("version", ["v70", "v71", "v72"])
def test_the_story_is_the_same_below_every_base(
    sandbox: ControlledSandbox, receiver: Receiver, version: str, prefix: str, basic: bool
) -> None:
    shop, inbox = Shop(sandbox, f"{prefix}/{version}", basic=basic), Inbox(sandbox, receiver)
    assert SODEXO in types(shop, countryCode="FR", amount=eur(4350))
    assert asked_balance(shop, voucher())["resultCode"] == "Success"
    _, waiting = at_the_bank(shop)
    done = shop.call("payments_details", details={"redirectResult": shop.redirect_result(waiting)})
    assert done["order"]["remainingAmount"] == eur(0)
    assert shop.call("refund", done["pspReference"], amount=eur(850))["status"] == "received"
    assert inbox.told()[-1] == ("REFUND", "true")


def test_an_older_version_is_no_path_of_ours(sandbox: ControlledSandbox) -> None:
    with pytest.raises(AdyenAPICommunicationError) as error:
        sdk(sandbox, "/v64").checkout.orders_api.orders({"merchantAccount": "any", **ORDER})
    assert error.value.status_code == 404


@pytest.mark.parametrize("user", ["ws@Company.NoSuch", "ws", ""])
def test_a_wrong_user_is_401(sandbox: ControlledSandbox, user: str) -> None:
    auth = (user, sandbox.credentials["adyen"]["api_key"])
    answer = requests.post(f"{sandbox.url}/v72/orders", json=ORDER, auth=auth, timeout=10)
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "000")


# -- 12. sessions and payment links --------------------------------------------------------------------------------


SESSION = {"reference": "RESTO-1005", "amount": eur(4350), "countryCode": "FR", "returnUrl": RETURN_URL}
SPLIT = {"pay": [{"with": "meal_voucher", "number": "5075990000006120"}, {"with": "card"}]}


def session_result(shop: Shop, session: str) -> str:
    """What the browser would have handed to the shop."""
    return str(shop.sandbox.shopper(session, {"abandon": True})["state"]["session_result"])


def test_a_session_repeats_its_request(new_sandbox: NewSandbox) -> None:
    shop = Shop(new_sandbox(clock=TUESDAY))
    answer = shop.answered("create_session", **SESSION)
    made = answer.body
    assert (answer.status, made["mode"], made["shopperLocale"]) == (201, "embedded", "en-US")
    assert SESSION.items() <= made.items()
    assert made["id"].startswith("CS")
    assert len(made["id"]) == 18
    assert made["sessionData"].startswith("Ab02b4c0!BQABAg")
    assert made["expiresAt"] == "2026-01-06T11:15:00+01:00", "an hour, told with an offset"


def test_the_shopper_of_a_session_pays_by_voucher_and_card(shop: Shop, inbox: Inbox) -> None:
    made = shop.call("create_session", **SESSION)
    result = session_result(shop, made["id"])
    asked = {"sessionResult": quote(result, safe="")}
    assert shop.call("get_session", made["id"], query=asked)["status"] == "active"
    shop.sandbox.shopper(made["id"], SPLIT)
    answer = shop.answered("get_session", made["id"], query=asked)
    told = answer.body
    assert (answer.status, told["status"], told["reference"]) == (200, "completed", "RESTO-1005")
    assert [(each["amount"], each["resultCode"]) for each in told["payments"]] == [
        (eur(2500), "Authorised"), (eur(1850), "Authorised"),
    ]  # fmt: skip
    assert [code for code, _ in inbox.told()] == ["ORDER_OPENED", "AUTHORISATION", "AUTHORISATION", "ORDER_CLOSED"]
    assert [each["pspReference"] for each in told["payments"]] == [
        each["pspReference"] for each in inbox.items("AUTHORISATION")
    ]


def test_the_sdk_does_not_encode_a_session_result(shop: Shop) -> None:
    """The Python SDK joins a query as it is, so that a plus sign arrives as a space."""
    sessions = (shop.call("create_session", **SESSION)["id"] for _ in range(100))
    session, result = next((each, result) for each in sessions if "+" in (result := session_result(shop, each)))
    assert shop.call("get_session", session, query={"sessionResult": result})["status"] == "active"


def test_a_wrong_session_result_tells_nothing(shop: Shop) -> None:
    made = shop.call("create_session", **SESSION)
    for session, result in ((made["id"], "wrong"), ("CS0000000000000000", "wrong")):
        with pytest.raises(AdyenAPIUnprocessableEntity) as error:
            shop.call("get_session", session, query={"sessionResult": result})
        assert error.value.message["message"] == "Field 'sessionId' is not valid."


@pytest.mark.parametrize(("action", "status"), [({"cancel": True}, "canceled"), (None, "expired")])
def test_a_session_that_nobody_pays(new_sandbox: NewSandbox, action: dict[str, Any] | None, status: str) -> None:
    sandbox = new_sandbox(clock=TUESDAY)
    shop = Shop(sandbox)
    made = shop.call("create_session", **SESSION)
    asked = {"sessionResult": quote(session_result(shop, made["id"]), safe="")}
    if action is None:
        sandbox.advance("PT1H")
    else:
        sandbox.shopper(made["id"], action)
    assert shop.call("get_session", made["id"], query=asked)["status"] == status


def test_a_hosted_session_has_a_page(shop: Shop) -> None:
    made = shop.call("create_session", **SESSION, mode="hosted")
    assert "sessionData" not in made
    assert Browser().open(made["url"]).status == 200


LINK = {"reference": "RESTO-1006", "amount": eur(4350), "countryCode": "FR", "shopperLocale": "fr-FR"}


def test_a_payment_link_is_paid(shop: Shop, inbox: Inbox) -> None:
    answer = shop.answered("create_payment_link", **LINK)
    made = answer.body
    assert (answer.status, made["status"]) == (201, "active")
    assert made["id"].startswith("PL")
    assert Browser().open(made["url"]).status == 200
    shop.sandbox.shopper(made["id"], SPLIT)
    assert shop.call("get_payment_link", made["id"])["status"] == "completed"
    assert inbox.told()[-1] == ("ORDER_CLOSED", "true")
    assert {each["merchantReference"] for each in inbox.items()} == {"RESTO-1006"}


def test_a_payment_link_is_ended(shop: Shop) -> None:
    made = shop.call("create_payment_link", **LINK)
    assert shop.call("update_payment_link", made["id"], status="expired")["status"] == "expired"
    assert shop.call("get_payment_link", made["id"])["status"] == "expired"
    shop.sandbox.shopper(made["id"], SPLIT, status=409)


def test_an_unknown_link_is_404(shop: Shop) -> None:
    with pytest.raises(AdyenAPICommunicationError) as error:
        shop.call("get_payment_link", "PL0000000000000000")
    assert error.value.status_code == 404


def test_card_details_name_the_brands(shop: Shop) -> None:
    found = shop.call("card_details", cardNumber="37000000", supportedBrands=["visa", "amex"])
    assert found["brands"][0] == {"type": "amex", "supported": True}


# -- 13. webhooks --------------------------------------------------------------------------------------------------


def test_nothing_in_a_webhook_is_anything_but_text(shop: Shop, inbox: Inbox) -> None:
    """Traps 5, 6 and 7: flags are text, what is absent is left out, and the reference is signed as it stands."""
    reference = "RESTO:1001/é\\2"
    psp = shop.pay(2000, card(), reference)["pspReference"]
    shop.call("refund", psp, amount=eur(100))
    for item in inbox.items():
        assert item["success"] in ("true", "false")
        assert all(isinstance(each, str) for each in item["additionalData"].values())
        assert None not in item.values()
        assert item["merchantReference"] == reference
    assert ["originalReference" in item for item in inbox.items()] == [False, True]
    assert inbox.item("REFUND")["originalReference"] == psp


def test_a_changed_webhook_or_another_key_is_found_out(shop: Shop, inbox: Inbox) -> None:
    shop.pay(2000, card())
    [envelope] = inbox.envelopes()
    key = inbox.sandbox.credentials["adyen"]["hmac_key"]
    assert is_valid_hmac_notification(envelope, key) is True
    assert is_valid_hmac_notification(envelope, "0" * 64) is False
    envelope["notificationItems"][0]["NotificationRequestItem"]["amount"]["value"] = 1
    assert is_valid_hmac_notification(envelope, key) is False


@pytest.mark.parametrize(
    ("key", "item", "proof"),
    [
        (
            "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
            {"pspReference": "7914073381342284", "merchantAccountCode": "TestMerchant",
             "merchantReference": "TestPayment-1407325143704", "amount": {"value": 1130, "currency": "EUR"},
             "eventCode": "AUTHORISATION", "success": "true"},
            "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=",
        ),
        (
            "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00",
            {"pspReference": "pspReference", "originalReference": "originalReference",
             "merchantAccountCode": "merchantAccount", "merchantReference": "reference",
             "amount": {"value": 1000, "currency": "EUR"}, "eventCode": "EVENT", "success": "true"},
            "ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc=",
        ),
    ],
    ids=["no original", "original"],
)  # fmt: skip
def test_the_published_signatures_are_ours(key: str, item: dict[str, Any], proof: str) -> None:
    assert signature(key, item) == proof


def test_webhooks_carry_basic_authentication_when_it_is_set(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, webhook_username="shop", webhook_password="pass:word")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    shop.pay(2000, card())
    assert inbox.told() == [("AUTHORISATION", "true")]
    headers = dict(receiver.received[0].headers)
    assert b64decode(headers["Authorization"].removeprefix("Basic ")) == b"shop:pass:word"
    assert headers["Content-Type"] == "application/json"


def test_without_credentials_webhooks_carry_none(shop: Shop, inbox: Inbox) -> None:
    shop.pay(2000, card())
    inbox.sandbox.settle()
    assert "Authorization" not in dict(inbox.receiver.received[0].headers)


def test_an_endpoint_that_is_down_is_tried_again_in_order(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    """Trap 26: three more times at once, then by the queue's steps; later events wait."""
    sandbox = new_sandbox(clock=TUESDAY)
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    receiver.status = 500
    order = shop.order()
    shop.pay(1000, voucher(), order=order)
    for span, attempts in (("PT0S", 1), ("PT9S", 2), ("PT9S", 3), ("PT9S", 4), ("PT1M59S", 4), ("PT1S", 5)):
        sandbox.advance(span)
        assert len(receiver.received) == attempts, span
    receiver.status = 202
    sandbox.advance("PT5M")
    assert inbox.told()[4:] == [("ORDER_OPENED", "true")] * 2 + [("AUTHORISATION", "true")]
    assert [each["status"] for each in sandbox.webhooks()] == ["delivered"] * 2


def test_an_event_may_come_twice(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    line = {"name": "twice", "event": "adyen.AUTHORISATION", "deliver": {"copies": 2}}
    sandbox = with_lines(new_sandbox, webhooks=[line])
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    shop.pay(1000, voucher())
    assert len({(each["eventCode"], each["pspReference"]) for each in inbox.items()}) == 1
    assert len(inbox.items()) == 2


def test_a_result_that_comes_later(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = new_sandbox(clock=TUESDAY)
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    paid = shop.pay(2000, card(holderName="PENDING"))
    assert paid["resultCode"] == "Received"
    assert inbox.told() == [("PENDING", "true")]
    sandbox.advance("PT1M")
    assert inbox.item("AUTHORISATION")["pspReference"] == paid["pspReference"]


@pytest.mark.parametrize(("choice", "told"), [("brand", BIMPLI), ("type", "mealVoucher_FR")])
def test_setting_voucher_webhook_method(new_sandbox: NewSandbox, receiver: Receiver, choice: str, told: str) -> None:
    sandbox = with_settings(new_sandbox, voucher_webhook_method=choice)
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    shop.pay(1000, voucher("5075990000001900", BIMPLI))
    assert inbox.item("AUTHORISATION")["paymentMethod"] == told


def test_metadata_and_shopper_come_back_in_webhooks(shop: Shop, inbox: Inbox) -> None:
    shop.pay(1000, card(), metadata={"table": "12"}, shopperReference="camille")
    told = inbox.item("AUTHORISATION")["additionalData"]
    assert (told["metadata.table"], told["shopperReference"]) == ("12", "camille")


# -- rules of the product ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("choice", "result"), [("none", "Authorised"), ("sundays", "Refused")])
def test_setting_closed_days(new_sandbox: NewSandbox, choice: str, result: str) -> None:
    shop = Shop(with_settings(new_sandbox, SUNDAY, closed_days=choice))
    assert shop.pay(1000, voucher())["resultCode"] == result
    assert shop.pay(1000, card())["resultCode"] == "Authorised"


def test_settings_of_limit_and_reasons(new_sandbox: NewSandbox) -> None:
    settings = {"daily_limit": "10.00 EUR", "over_limit_reason": "declined", "over_balance_reason": "restricted_card"}
    shop = Shop(with_settings(new_sandbox, **settings))
    assert shop.pay(1001, voucher())["refusalReasonCode"] == "2"
    assert shop.pay(6121, voucher())["refusalReasonCode"] == "25"
    assert shop.pay(1000, voucher())["resultCode"] == "Authorised"


def test_setting_balance_strict(new_sandbox: NewSandbox) -> None:
    shop = Shop(with_settings(new_sandbox, balance_strict=True))
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("balance", paymentMethod=voucher(), reference="R")
    assert refused(error)[1] == "100"
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("balance", paymentMethod=voucher(), amount=eur(100))
    assert refused(error)[1] == "130"


@pytest.mark.parametrize("choice", ["approved_visa", "refused"])
def test_setting_foreign_encryption(new_sandbox: NewSandbox, choice: str) -> None:
    shop = Shop(with_settings(new_sandbox, foreign_encryption=choice))
    blob = {name: "adyenjs_0_1_25$made-up" for name in sealed(card()) if name.startswith("encrypted")}
    if choice == "approved_visa":
        assert shop.pay(1000, {"type": "scheme", **blob})["paymentMethod"]["brand"] == "visa"
        return
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.pay(1000, {"type": "scheme", **blob})
    assert refused(error) == (422, "174", "validation")


def test_setting_order_errors(new_sandbox: NewSandbox) -> None:
    own = {"amount": {"code": "999_1", "message": "Too much"}}
    shop = Shop(with_settings(new_sandbox, order_errors=own))
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.pay(4351, card(), order=shop.order())
    assert refused(error)[1] == "999_1"
    assert error.value.message["message"] == "Too much"


def test_setting_order_in_refused_answer(new_sandbox: NewSandbox) -> None:
    shop = Shop(with_settings(new_sandbox, order_in_refused_answer=False))
    assert "order" not in shop.pay(2501, voucher(), order=shop.order())


def test_settings_of_lives(new_sandbox: NewSandbox) -> None:
    lives = {"order_life": "PT1H", "session_life": "PT2H", "link_life": "PT3H"}
    shop = Shop(with_settings(new_sandbox, TUESDAY, **lives))
    assert shop.order()["expiresAt"] == "2026-01-06T10:15:00Z"
    assert shop.call("create_session", **SESSION)["expiresAt"] == "2026-01-06T12:15:00+01:00"
    assert shop.call("create_payment_link", **LINK)["expiresAt"] == "2026-01-06T13:15:00+01:00"


@pytest.mark.parametrize(("told", "events"), [(False, []), (True, [("EXPIRE", "true")])])
def test_settings_of_an_authorisation_that_nobody_captures(
    new_sandbox: NewSandbox, receiver: Receiver, told: bool, events: list[tuple[str, str]]
) -> None:
    sandbox = with_settings(new_sandbox, TUESDAY, expire_webhook=told, authorisation_life="P7D")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    psp = shop.pay(2000, card(), **MANUAL)["pspReference"]
    sandbox.advance("P7D")
    assert inbox.told() == [("AUTHORISATION", "true"), *events]
    shop.call("capture", psp, amount=eur(2000))
    assert inbox.item("CAPTURE")["success"] == "false"


def encrypted(means: Mapping[str, str], generated: str | None) -> dict[str, str]:
    """The means of payment as a browser's secured fields send it."""
    names = {"number": "CardNumber", "expiryMonth": "ExpiryMonth", "expiryYear": "ExpiryYear", "cvc": "SecurityCode"}
    told = {}
    for name, value in means.items():
        field = f"encrypted{names[name]}" if name in names else name
        inside = {"field": field, "value": value, **({} if generated is None else {"generated": generated})}
        told[field] = seal(json.dumps(inside), ALGORITHMS) if name in names else value
    return told


def test_encrypted_fields_grow_stale_on_the_sandboxs_clock(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, TUESDAY, encrypted_fields_life="PT2H")
    shop = Shop(sandbox)
    fields, old = encrypted(card(), TUESDAY), encrypted(card(), None)
    sandbox.advance("PT2H")
    assert shop.pay(1000, fields)["resultCode"] == "Authorised"
    sandbox.advance("PT1S")
    for means in (fields, {**old, "encryptedCardNumber": fields["encryptedCardNumber"]}):
        with pytest.raises(AdyenAPIUnprocessableEntity, match="encrypted data used outside of valid time") as error:
            shop.pay(1000, means)
        assert refused(error) == (422, "171", "validation")
    assert shop.pay(1000, old)["resultCode"] == "Authorised"
    assert shop.pay(1000, encrypted(voucher(), "2026-01-06T11:15:01Z"))["resultCode"] == "Authorised"
    for generated, code in (("2026-01-06T11:15:02Z", "172"), ("yesterday", "174")):
        with pytest.raises(AdyenAPIUnprocessableEntity) as error:
            shop.pay(1000, encrypted(voucher(), generated))
        assert refused(error) == (422, code, "validation")


def test_settings_of_a_payment_that_nobody_comes_back_to(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, TUESDAY, offer_closed_webhook=True, three_ds_life="PT5M")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    psp = shop.pay(2000, card(THREE_DS))["pspReference"]
    sandbox.advance("PT5M")
    assert inbox.item("OFFER_CLOSED")["pspReference"] == psp


def test_settings_of_late_results(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, TUESDAY, pending_webhook=False, late_result_after="PT1H")
    shop, inbox = Shop(sandbox), Inbox(sandbox, receiver)
    shop.pay(2000, card(holderName="PENDING"))
    sandbox.advance("PT59M")
    assert inbox.told() == []
    sandbox.advance("PT1M")
    assert inbox.told() == [("AUTHORISATION", "true")]


def test_settings_of_brands(new_sandbox: NewSandbox) -> None:
    brands = {"card_brands": ["mc"], "voucher_brands": [UP], "gift_card_brands": ["svs"]}
    shop = Shop(with_settings(new_sandbox, **brands))
    listed = shop.call("payment_methods", countryCode="FR", amount=eur(100))["paymentMethods"]
    assert [each["type"] for each in listed if each["type"].startswith("meal")] == [UP]
    assert [each["brand"] for each in listed if each["type"] == "giftcard"] == ["svs"]
    for means in (card(), voucher()):
        with pytest.raises(AdyenAPICommunicationError) as error:
            shop.pay(100, means)
        assert refused(error) == (500, "905", "configuration")


def test_setting_webhook_retries(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, TUESDAY, webhook_retries=["PT1M"])
    shop = Shop(sandbox)
    Inbox(sandbox, receiver)
    receiver.status = 500
    shop.pay(2000, card())
    sandbox.advance("P1D")
    assert len(receiver.received) == 2
    assert sandbox.webhooks()[0]["status"] == "given_up"


def test_setting_merchant_name(new_sandbox: NewSandbox) -> None:
    shop = Shop(with_settings(new_sandbox, merchant_name="Le Bistrot des Halles"))
    url = shop.call("create_payment_link", **LINK)["url"]
    assert "Le Bistrot des Halles" in requests.get(url, timeout=10).text


def test_setting_closed_day_reason(new_sandbox: NewSandbox) -> None:
    closed = {"closed_days": "sundays", "closed_day_reason": "transaction_not_permitted"}
    assert Shop(with_settings(new_sandbox, SUNDAY, **closed)).pay(1000, voucher())["refusalReasonCode"] == "23"


def test_no_setting_is_forgotten_here() -> None:
    here = Path(__file__).parent
    stories = ("acceptance", "ancv", "browser_calls", "dropin_assets", "stored_cards")
    source = "".join((here / f"test_{name}.py").read_text(encoding="utf-8") for name in stories)
    named = set(re.findall(r'\b(\w+)=|"(\w+)": ', source))
    assert set(SCHEMA["properties"]) <= {name for pair in named for name in pair}


# -- transport -----------------------------------------------------------------------------------------------------


def test_a_chunked_body_is_read(shop: Shop) -> None:
    """Trap 20: the Node library sends no Content-Length."""
    payload = json.dumps({"merchantAccount": shop.given["merchant_account"], **PAYMENT}).encode()

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(payload), 50):
            yield payload[start : start + 50]

    answer = shop.request("POST", "/payments", chunks())
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert (answer.status_code, answer.json()["resultCode"]) == (200, "Authorised")


def test_answers_carry_the_platforms_headers(shop: Shop) -> None:
    """Trap 19; the header is the object's reference where the answer has one."""
    answer = shop.post("/orders", ORDER)
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert answer.headers["Pspreference"] == answer.json()["pspReference"]
    assert answer.headers["Mockpsp-Trace"].isdigit()
    methods = shop.post("/paymentMethods", {})
    assert PSP_REFERENCE.fullmatch(methods.headers["Pspreference"])
    assert "pspReference" not in methods.json()


def test_all_references_differ(shop: Shop) -> None:
    order = shop.order()
    first = shop.pay(1000, voucher(), order=order)
    second = shop.pay(1000, card(), order=order)
    refund = shop.call("refund", second["pspReference"], amount=eur(1))
    check = asked_balance(shop, voucher())
    cancel = shop.call("cancel_order", order=pass_on(order))
    found = [each["pspReference"] for each in (order, first, second, refund, check, cancel)]
    assert len(set(found)) == len(found)


def test_a_key_opens_no_other_sandbox(shop: Shop, new_sandbox: NewSandbox) -> None:
    theirs = Shop(new_sandbox())
    psp = theirs.pay(1000, card())["pspReference"]
    with pytest.raises(AdyenAPIUnprocessableEntity) as error:
        shop.call("refund", psp, amount=eur(1000))
    assert refused(error)[1] == "167"


def test_the_default_sandbox_has_published_credentials(live: Threaded) -> None:
    answer = requests.post(
        f"{live.url}/v72/paymentMethods",
        json={"merchantAccount": "MockpspFR"},
        headers={"X-API-Key": "AQE-mockpsp-adyen-api-key-for-local-use-only"},
        timeout=10,
    )
    assert answer.status_code == 200
