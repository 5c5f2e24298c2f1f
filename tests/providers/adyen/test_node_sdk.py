"""The unmodified Node library 32 over TLS: the main story of a restaurant, webhooks, and what its errors look like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.adyen import BIMPLI, RETURN_URL, SODEXO, UP, card, eur, gift_card, pass_on, sealed, voucher
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.needed import missing
from tests.support.node import NodeSdk
from tests.support.receiver import Receiver
from tests.support.served import Served

pytestmark = pytest.mark.node

THREE_DS = "4212345678901237"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """``mockpsp serve --tls``, as a shop's developer starts it: what its ready file says."""
    if find_spec("trustme") is None:
        missing("the package trustme is not installed (mockpsp[tls])")
    started = Served(tmp_path_factory.mktemp("served") / "ready.json", "--port", "0", "--tls")
    yield started.told
    started.end()


@pytest.fixture
def secure(served: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlledSandbox]:
    """A fresh sandbox; browsers of this test trust the server's certificate."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", served["ca_file"])
    made = ControlledSandbox.create(served["url"])
    yield made
    made.delete()


class NodeShop(NodeSdk):
    """A shop that runs the library in a Node process."""

    def __init__(self, sandbox: ControlledSandbox, served: dict[str, Any], **changed: str) -> None:
        given = {**sandbox.credentials["adyen"], **changed}
        self.merchant = given["merchant_account"]
        self.hmac_key = given["hmac_key"]
        configuration = {"apiKey": given["api_key"], "environment": "TEST"}
        trust = {"NODE_EXTRA_CA_CERTS": str(Path(served["ca_file"]))}
        super().__init__("adyen.mjs", configuration, f"{served['https_url']}/v72", environment=trust)

    def call(self, call: str, *given: Any, **body: Any) -> Any:
        """One call for the merchant; what it resolves to. ``given`` comes before the body, as a payment's id does."""
        answer = self.ask(call, *given, {"merchantAccount": self.merchant, **body})
        assert "thrown" not in answer, answer["thrown"]
        return answer["resolved"]

    def thrown(self, call: str, *given: Any) -> Any:
        """What a call that fails throws: an HttpClientException with the error as Adyen wrote it."""
        error = self.ask(call, *given)["thrown"]
        assert error["name"] == "HttpClientException"
        assert error["apiError"]["status"] == error["statusCode"]
        return error


@pytest.fixture
def shop(secure: ControlledSandbox, served: dict[str, Any]) -> Iterator[NodeShop]:
    """The library for a fresh sandbox."""
    started = NodeShop(secure, served)
    yield started
    started.end()


def verified(shop: NodeShop, sandbox: ControlledSandbox, receiver: Receiver) -> list[dict[str, Any]]:
    """Items of all webhooks, each with a signature that the library finds right, and wrong after any change."""
    sandbox.settle()
    items = [json.loads(each.body)["notificationItems"][0]["NotificationRequestItem"] for each in receiver.received]
    for item in items:
        assert shop.ask("hmac.validateHMAC", item, shop.hmac_key)["resolved"] is True, item
        changed = {**item, "merchantReference": "changed"}
        assert shop.ask("hmac.validateHMAC", changed, shop.hmac_key)["resolved"] is False
    return items


def payment(amount: int, means: dict[str, str], **more: Any) -> dict[str, Any]:
    """POST /payments."""
    body = {"reference": "RESTO-1001", "amount": eur(amount), "paymentMethod": means, "returnUrl": RETURN_URL}
    return {**body, **more}


def test_a_lunch_is_paid_by_voucher_and_card(shop: NodeShop, secure: ControlledSandbox, receiver: Receiver) -> None:
    secure.endpoint("adyen", receiver.url)
    listed = shop.call("PaymentsApi.paymentMethods", countryCode="FR", amount=eur(4350))["paymentMethods"]
    assert {UP, BIMPLI, SODEXO} <= {each["type"] for each in listed}
    found = shop.call("OrdersApi.getBalanceOfGiftCard", paymentMethod=voucher(), amount=eur(4350))
    assert (found["resultCode"], found["balance"], found["transactionLimit"]) == ("Success", eur(6120), eur(2500))

    order = shop.call("OrdersApi.orders", reference="RESTO-1001", amount=eur(4350))
    assert order["remainingAmount"] == eur(4350)
    leg = payment(2500, sealed(voucher()), order=pass_on(order))
    first = shop.call("PaymentsApi.payments", **leg)
    assert (first["resultCode"], first["order"]["remainingAmount"]) == ("Authorised", eur(1850))

    leg = payment(1850, sealed(card(THREE_DS)), order=pass_on(first))
    waiting = shop.call("PaymentsApi.payments", **leg)
    assert waiting["resultCode"] == "RedirectShopper"
    browser = Browser().open(waiting["action"]["url"])
    browser.submit("authenticate", user="user", password="password")
    details = {"details": {"redirectResult": browser.returned()["redirectResult"]}}
    paid = shop.ask("PaymentsApi.paymentsDetails", details)["resolved"]
    assert (paid["resultCode"], paid["order"]["remainingAmount"]) == ("Authorised", eur(0))

    card_psp = paid["pspReference"]
    refund = shop.call("ModificationsApi.refundCapturedPayment", card_psp, amount=eur(850), reference="RESTO-1001-REF")
    assert (refund["status"], refund["paymentPspReference"]) == ("received", card_psp)
    items = verified(shop, secure, receiver)
    assert [(each["eventCode"], each["success"], each["pspReference"]) for each in items] == [
        ("ORDER_OPENED", "true", order["pspReference"]),
        ("AUTHORISATION", "true", first["pspReference"]),
        ("AUTHORISATION", "true", card_psp),
        ("ORDER_CLOSED", "true", order["pspReference"]),
        ("REFUND", "true", refund["pspReference"]),
    ]


def test_a_gift_card_is_as_good_and_an_order_can_be_given_up(
    shop: NodeShop, secure: ControlledSandbox, receiver: Receiver
) -> None:
    secure.endpoint("adyen", receiver.url)
    order = shop.call("OrdersApi.orders", reference="RESTO-1001", amount=eur(7500))
    first = shop.call("PaymentsApi.payments", **payment(5000, gift_card(), order=pass_on(order)))
    assert first["order"]["remainingAmount"] == eur(2500)
    assert shop.call("OrdersApi.cancelOrder", order=pass_on(order))["resultCode"] == "Received"
    late = {"merchantAccount": shop.merchant, **payment(2500, card(), order=pass_on(order))}
    assert shop.thrown("PaymentsApi.payments", late)["errorCode"] == "SIM_ORDER_CANCELLED"
    told = [(each["eventCode"], each["success"]) for each in verified(shop, secure, receiver)]
    assert told == [("ORDER_OPENED", "true"), ("AUTHORISATION", "true"), ("ORDER_CLOSED", "false")]


MANUAL = {"additionalData": {"manualCapture": "true"}}
MODIFIED = [
    ("captureAuthorisedPayment", "CAPTURE", {"amount": eur(2000)}),
    ("cancelAuthorisedPaymentByPspReference", "CANCELLATION", {}),
    ("refundOrCancelPayment", "CANCEL_OR_REFUND", {}),
    ("updateAuthorisedAmount", "AUTHORISATION_ADJUSTMENT", {"amount": eur(2500)}),
]


@pytest.mark.parametrize(("call", "code", "body"), MODIFIED, ids=[each[0] for each in MODIFIED])
def test_an_authorisation_is_modified(
    shop: NodeShop, secure: ControlledSandbox, receiver: Receiver, call: str, code: str, body: dict[str, Any]
) -> None:
    secure.endpoint("adyen", receiver.url)
    psp = shop.call("PaymentsApi.payments", **payment(2000, card(), **MANUAL))["pspReference"]
    assert shop.call(f"ModificationsApi.{call}", psp, **body)["status"] == "received"
    item = verified(shop, secure, receiver)[-1]
    assert (item["eventCode"], item["success"], item["originalReference"]) == (code, "true", psp)


def test_a_payment_is_cancelled_by_the_own_reference(
    shop: NodeShop, secure: ControlledSandbox, receiver: Receiver
) -> None:
    secure.endpoint("adyen", receiver.url)
    psp = shop.call("PaymentsApi.payments", **payment(2000, card(), **MANUAL))["pspReference"]
    told = shop.call("ModificationsApi.cancelAuthorisedPayment", paymentReference="RESTO-1001")
    assert (told["status"], told["paymentReference"]) == ("received", "RESTO-1001")
    item = verified(shop, secure, receiver)[-1]
    assert (item["eventCode"], item["originalReference"]) == ("TECHNICAL_CANCEL", psp)


def test_the_same_key_again_is_the_same_payment(shop: NodeShop) -> None:
    body = {"merchantAccount": shop.merchant, **payment(2000, voucher())}
    first, second = (shop.ask("PaymentsApi.payments", body, {"idempotencyKey": "key-1"}) for _ in range(2))
    assert first["resolved"]["resultCode"] == "Authorised"
    assert first["resolved"] == second["resolved"]


def test_a_session_and_its_result(shop: NodeShop, secure: ControlledSandbox) -> None:
    wanted = {"reference": "RESTO-1005", "amount": eur(4350), "countryCode": "FR", "returnUrl": RETURN_URL}
    made = shop.call("PaymentsApi.sessions", **wanted)
    state = secure.shopper(made["id"], {"pay": [{"with": "meal_voucher"}, {"with": "card"}]})["state"]
    found = shop.ask("PaymentsApi.getResultOfPaymentSession", made["id"], state["session_result"])["resolved"]
    assert (found["id"], found["status"]) == (made["id"], "completed")
    assert sum(each["amount"]["value"] for each in found["payments"]) == 4350


def test_a_payment_link_is_paid(shop: NodeShop, secure: ControlledSandbox) -> None:
    made = shop.call("PaymentLinksApi.paymentLinks", reference="RESTO-1006", amount=eur(4350), countryCode="FR")
    secure.shopper(made["id"], {"pay": [{"with": "card"}]})
    assert shop.ask("PaymentLinksApi.getPaymentLink", made["id"])["resolved"]["status"] == "completed"


def test_bodies_arrive_in_chunks(shop: NodeShop, secure: ControlledSandbox) -> None:
    shop.call("OrdersApi.orders", reference="RESTO-1001", amount=eur(100))
    [entry] = secure.journal(kind="request", operation="adyen.create_order")
    headers = {name.lower(): value for name, value in entry["headers"].items()}
    assert headers["transfer-encoding"] == "chunked"
    assert "content-length" not in headers


def test_a_refusal_is_resolved_not_thrown(shop: NodeShop) -> None:
    refused = shop.call("PaymentsApi.payments", **payment(2501, voucher()))
    assert (refused["resultCode"], refused["refusalReasonCode"]) == ("Refused", "28")


@pytest.mark.parametrize(
    ("call", "given", "change", "status", "code"),
    [
        ("OrdersApi.orders", (), {"amount": eur(100)}, 422, "158"),
        ("PaymentsApi.payments", (), {"amount": eur(100), "paymentMethod": card()}, 422, "130"),
        ("OrdersApi.orders", (), {"merchantAccount": "NoSuch", "reference": "R", "amount": eur(100)}, 403, "901"),
        ("ModificationsApi.refundCapturedPayment", ("psp0001",), {"amount": eur(100)}, 422, "167"),
        ("PaymentsApi.payments", (), payment(100, {"type": "ideal"}), 500, "905"),
    ],
    ids=["158", "130", "901", "167", "905"],
)
def test_errors_are_thrown_with_their_code(
    shop: NodeShop, call: str, given: tuple[str, ...], change: dict[str, Any], status: int, code: str
) -> None:
    error = shop.thrown(call, *given, {"merchantAccount": shop.merchant, **change})
    assert (error["statusCode"], error["errorCode"], error["apiError"]["errorCode"]) == (status, code, code)


def test_a_wrong_key_is_thrown(secure: ControlledSandbox, served: dict[str, Any]) -> None:
    stranger = NodeShop(secure, served, api_key="AQE-wrong")
    body = {"merchantAccount": stranger.merchant, "reference": "R", "amount": eur(100)}
    error = stranger.thrown("OrdersApi.orders", body)
    stranger.end()
    assert (error["statusCode"], error["errorCode"]) == (401, "000")
