"""The unmodified Node SDK 6.2.0: what it can do with product 5412 (facts 14.1), and everything around a card."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.control import ControlledSandbox
from tests.support.node import NodeSdk
from tests.support.receiver import Receiver
from tests.support.worldline import Merchant, checkout_body

pytestmark = pytest.mark.node

CARD = {"cardNumber": "4012000033330026", "expiryDate": "1230", "cvv": "123", "cardholderName": "Camille Martin"}
VISA = {"with": "card", "number": "4330264936344675"}


class NodeShop(NodeSdk):
    """A shop that runs the SDK in a Node process."""

    def __init__(self, sandbox: ControlledSandbox) -> None:
        given = sandbox.credentials["worldline"]
        parts = urlsplit(sandbox.url)
        configuration = {
            "host": parts.hostname,
            "scheme": parts.scheme,
            "port": parts.port,
            "apiKeyId": given["api_key_id"],
            "secretApiKey": given["secret_api_key"],
            "integrator": "mockpsp tests",
        }
        self.merchant = given["merchant_id"]
        super().__init__("sdk.mjs", configuration, {given["webhook_key_id"]: given["webhook_secret"]})

    def call(self, call: str, *given: Any) -> Any:
        """One call for the merchant; what it resolves to."""
        answer = self.ask(call, self.merchant, *given)
        assert "thrown" not in answer, answer["thrown"]
        return answer["resolved"]

    def body(self, call: str, *given: Any, status: int = 200) -> Any:
        """One call that succeeds with this status; its body."""
        resolved = self.call(call, *given)
        assert (resolved["status"], resolved["isSuccess"]) == (status, True), resolved
        return resolved["body"]


@pytest.fixture
def shop(sandbox: ControlledSandbox) -> Iterator[NodeShop]:
    """The SDK for a fresh sandbox."""
    started = NodeShop(sandbox)
    yield started
    started.end()


def checkout() -> dict[str, Any]:
    """A hosted checkout over 1400.00 EUR that says nothing of any product."""
    body = checkout_body()
    del body["redirectPaymentMethodSpecificInput"]
    return body


def card_payment(mode: str = "FINAL_AUTHORIZATION", number: str = CARD["cardNumber"]) -> dict[str, Any]:
    """CreatePayment by card over 100.00 EUR."""
    card = {"paymentProductId": 1, "authorizationMode": mode, "card": {**CARD, "cardNumber": number}}
    order = {"amountOfMoney": {"amount": 10000, "currencyCode": "EUR"}}
    return {"cardPaymentMethodSpecificInput": card, "order": order}


def test_the_connection_is_fine(shop: NodeShop) -> None:
    assert shop.body("services.testConnection", None) == {"result": "OK"}


def test_the_shopper_chooses_vouchers_and_a_card(shop: NodeShop, sandbox: ControlledSandbox) -> None:
    made = shop.body("hostedCheckout.createHostedCheckout", checkout(), None)
    ref = made["hostedCheckoutId"]
    waits = shop.body("hostedCheckout.getHostedCheckout", ref, None)
    assert waits["status"] == "IN_PROGRESS"

    vouchers = {"with": "cv_connect", "beneficiary": "11111111111", "amount": "1000.00 EUR"}
    sandbox.shopper(ref, {"pay": [vouchers, VISA]})
    paid = shop.body("hostedCheckout.getHostedCheckout", ref, None)
    payment = paid["createdPaymentOutput"]["payment"]
    assert (paid["status"], payment["status"], payment["id"]) == ("PAYMENT_CREATED", "CAPTURED", f"{ref}_0")

    details = shop.body("payments.getPaymentDetails", f"{ref}_0", None)
    shares = sorted(each["amountOfMoney"]["amount"] for each in details["Operations"])
    assert shares == [40000, 100000]
    assert details["paymentOutput"]["acquiredAmount"]["amount"] == 140000


def test_products_of_the_merchant(shop: NodeShop) -> None:
    context = {"countryCode": "FR", "currencyCode": "EUR", "isRecurring": False}
    listed = shop.body("products.getPaymentProducts", context)
    assert 5412 in [each["id"] for each in listed["paymentProducts"]]
    assert shop.body("products.getPaymentProduct", 5412, context)["paymentMethod"] == "redirect"


def test_a_card_payment_is_captured_and_refunded(shop: NodeShop, sandbox: ControlledSandbox) -> None:
    id = shop.body("payments.createPayment", card_payment(), None, status=201)["payment"]["id"]
    sandbox.settle()
    shop.body("payments.capturePayment", id, {"amount": 6000, "isFinal": True}, None, status=201)
    sandbox.settle()
    captures = shop.body("captures.getCaptures", id, None)["captures"]
    assert [each["captureOutput"]["amountOfMoney"]["amount"] for each in captures] == [6000]

    amount = {"amountOfMoney": {"amount": 2500, "currencyCode": "EUR"}}
    shop.body("payments.refundPayment", id, amount, None, status=201)
    sandbox.settle()
    refunds = shop.body("refunds.getRefunds", id, None)["refunds"]
    assert [each["status"] for each in refunds] == ["REFUNDED"]
    assert shop.body("payments.getPayment", id, None)["paymentOutput"]["amountOfMoney"]["amount"] == 10000


def test_an_authorisation_is_cancelled(shop: NodeShop, sandbox: ControlledSandbox) -> None:
    id = shop.body("payments.createPayment", card_payment(), None, status=201)["payment"]["id"]
    sandbox.settle()
    shop.body("payments.cancelPayment", id, {}, None)
    sandbox.settle()
    assert shop.body("payments.getPayment", id, None)["status"] == "CANCELLED"


def test_the_same_key_again_is_the_same_payment(shop: NodeShop) -> None:
    given = (shop.merchant, card_payment("SALE"), {"idempotence": {"key": "order-1"}})
    first, second = (shop.ask("payments.createPayment", *given) for _ in range(2))
    assert first["resolved"]["body"]["payment"]["id"] == second["resolved"]["body"]["payment"]["id"]
    assert "requestTimestamp" not in first["context"]["idempotence"]
    assert second["context"]["idempotence"]["requestTimestamp"].isdigit()


def test_a_refusal_is_resolved_not_thrown(shop: NodeShop) -> None:
    refused = shop.call("payments.createPayment", card_payment("SALE", "4321456998744563"), None)
    assert (refused["status"], refused["isSuccess"]) == (402, False)
    assert refused["body"]["paymentResult"]["payment"]["status"] == "REJECTED"
    unknown = shop.call("payments.getPayment", "9999999999_0", None)
    assert (unknown["status"], unknown["isSuccess"]) == (404, False)
    assert unknown["body"]["errors"][0]["httpStatusCode"] == 404
    nowhere = shop.ask("payments.getPayment", "SOMEBODY-ELSE", "9999999999_0", None)["resolved"]
    assert (nowhere["status"], nowhere["isSuccess"]) == (403, False)


def test_webhooks_are_verified_by_the_helper(shop: NodeShop, sandbox: ControlledSandbox, receiver: Receiver) -> None:
    sandbox.endpoint("worldline", receiver.url)
    id = shop.body("payments.createPayment", card_payment("SALE"), None, status=201)["payment"]["id"]
    sandbox.settle()
    assert receiver.received
    events = []
    for each in receiver.received:
        body = b64encode(each.body).decode()
        events.append(shop.ask("helper.unmarshal", body, dict(each.headers))["resolved"])
        changed = b64encode(each.body + b" ").decode()
        assert "signature" in shop.ask("helper.unmarshal", changed, dict(each.headers))["thrown"]
    assert "payment.captured" in [event["type"] for event in events]
    assert {event["payment"]["id"] for event in events} == {id}


def test_credentials_of_webhooks_and_a_test_event(
    shop: NodeShop, sandbox: ControlledSandbox, receiver: Receiver
) -> None:
    shop.body("webhooks.sendTestWebhook", {"url": receiver.url}, None, status=204)
    sandbox.settle()
    (each,) = receiver.received
    event = shop.ask("helper.unmarshal", b64encode(each.body).decode(), dict(each.headers))["resolved"]
    assert event["type"] == "payment.test"


def test_the_sdk_itself_refuses_input_for_5412(shop: NodeShop, sandbox: ControlledSandbox) -> None:
    before = len(sandbox.journal())
    answer = shop.ask("hostedCheckout.createHostedCheckout", shop.merchant, checkout_body(), None)
    assert "paymentProduct5412SpecificInput" in answer["thrown"]
    assert len(sandbox.journal()) == before
    assert Merchant(sandbox).call("create_hosted_checkout", checkout_body()).status_code == 200
