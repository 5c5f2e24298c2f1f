"""Example bodies against the server: what clients send is taken, and our answers have the examples' shape.

The files in ``examples/`` are data: bodies that the official SDK's models read and write without loss. An answer must
have the same keys in the same order at every level, with values of the same type; what it says depends on the moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver
from tests.support.worldline import Merchant

HERE = Path(__file__).parent / "examples"
EXAMPLES: Mapping[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.json"))
}
CLOCK = "2026-01-06T09:15:00Z"
VOUCHERS, CARD = {"with": "cv_connect"}, {"with": "card", "number": "4330264936344675", "expiry": "1228"}
DEFAULT = {
    "worldline": {
        "wallets": [
            {"beneficiary": "11111111111", "balance": "10000.00 EUR"},
            {"beneficiary": "33333333333", "balance": "10000.00 EUR", "answers": "refuses"},
        ]
    }
}
THREE_DS = {
    "name": "the card is not authenticated",
    "operation": "worldline.card_complement",
    "then": {"outcome": "refused", "reason": "authentication_failed"},
}
RF_3 = {"operationReferences": {"merchantReference": "RF-0003"}}
REFUSED_REFUND = {"name": "refused later", "operation": "worldline.refund", "then": {"outcome": "refused"}}


def shape(value: Any) -> Any:
    """Keys in their order, and types; no values."""
    if isinstance(value, dict):
        return [(key, shape(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


class Stage:
    """A sandbox with a fixed clock and seed, its merchant, and a webhook endpoint."""

    def __init__(self, sandbox: ControlledSandbox, receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.receiver = receiver
        self.merchant = Merchant(sandbox)
        sandbox.endpoint("worldline", receiver.url)

    def call(self, operation: str, body: Any = None, **path: str) -> requests.Response:
        """One checked call."""
        return self.merchant.call(operation, body, **path)

    def checkout(self, example: str = "hc-1", **redirect: Any) -> str:
        """CreateHostedCheckout as an example has it, webhooks to the sandbox's endpoint. Its id."""
        return str(self.call("create_hosted_checkout", request(example, **redirect)).json()["hostedCheckoutId"])

    def small_checkout(self, **redirect: Any) -> str:
        """The same for 120.00 EUR without parameters."""
        body = request("hc-1", **redirect)
        body["order"]["amountOfMoney"]["amount"] = 12000
        del body["order"]["references"]["merchantParameters"]
        return str(self.call("create_hosted_checkout", body).json()["hostedCheckoutId"])

    def shop(self, ref: str, *tenders: Mapping[str, Any]) -> None:
        """The shopper pays."""
        self.sandbox.shopper(ref, {"pay": list(tenders)})
        self.sandbox.settle()

    def vouchers_only(self) -> str:
        """A hosted checkout of 120.00 EUR, paid by vouchers."""
        ref = self.small_checkout()
        self.shop(ref, VOUCHERS)
        return ref

    def split(self, parameters: bool = False) -> str:
        """1400.00 EUR: 1000.00 by vouchers, 400.00 by card."""
        ref = self.half_paid(parameters)
        self.shop(ref, CARD)
        return ref

    def half_paid(self, parameters: bool = False) -> str:
        """The complement is still missing."""
        body = request("hc-1")
        if not parameters:
            del body["order"]["references"]["merchantParameters"]
        ref = str(self.call("create_hosted_checkout", body).json()["hostedCheckoutId"])
        self.shop(ref, {**VOUCHERS, "amount": "1000.00 EUR"})
        return ref

    def payment(self, **redirect: Any) -> str:
        """CreatePayment as CP-1 has it. Its inner id."""
        created = self.call("create_payment", request("cp-1", **redirect)).json()
        return str(created["payment"]["id"]).partition("_")[0]

    def authorised(self) -> str:
        """A payment that waits for its capture."""
        ref = self.payment(requiresApproval=True)
        self.shop(ref, VOUCHERS)
        return ref

    def webhook(self, kind: str, number: int = 0) -> Any:
        """The body of a received webhook."""
        self.sandbox.settle()
        found = [json.loads(each.body) for each in self.receiver.received]
        return [each for each in found if each["type"] == kind][number]


def request(example: str, **redirect: Any) -> Any:
    """A copy of a request whose webhooks go to the sandbox's endpoint."""
    body = json.loads(json.dumps(EXAMPLES[example]))
    body.pop("feedbacks", None)
    if redirect:
        method = body["redirectPaymentMethodSpecificInput"]
        specific = {**method["paymentProduct5412SpecificInput"], **redirect.pop("specific", {})}
        body["redirectPaymentMethodSpecificInput"] = {
            **method, **redirect, "paymentProduct5412SpecificInput": specific,
        }  # fmt: skip
    return body


Build = Callable[[Stage], Any]


def card_of(ref: str) -> str:
    """The payment id of the complement."""
    return f"{int(ref) + 1}_0"


# -- hosted checkouts --------------------------------------------------------------------------------------------------


def hc_2(on: Stage) -> Any:
    return on.call("create_hosted_checkout", request("hc-1")).json()


def read_checkout(on: Stage, ref: str) -> Any:
    return on.call("get_hosted_checkout", hostedCheckoutId=ref).json()


def hc_3(on: Stage) -> Any:
    return without_parameters(read_checkout(on, on.checkout()))


def without_parameters(body: Any) -> Any:
    """The examples HC-3, 4 and 6 leave merchantParameters out, HC-5 has them: with us they are there from the start."""
    output = body["createdPaymentOutput"]["payment"]["paymentOutput"]
    assert output.pop("merchantParameters") == "cart=77"
    return body


def hc_4(on: Stage) -> Any:
    ref = on.checkout()
    link = on.sandbox.call("GET", "/checkouts")["checkouts"][0]["url"]
    answer = requests.post(f"{link}?method=5412", data={"step": "confirm", "beneficiary": "11111111111"}, timeout=10)
    assert answer.status_code == 200
    return without_parameters(read_checkout(on, ref))


def hc_5(on: Stage) -> Any:
    return read_checkout(on, on.split(parameters=True))


def hc_6(on: Stage) -> Any:
    ref = on.checkout()
    on.sandbox.shopper(ref, {"cancel": True})
    return without_parameters(read_checkout(on, ref))


# -- payments ----------------------------------------------------------------------------------------------------------


def cp_2(on: Stage) -> Any:
    return on.call("create_payment", request("cp-1")).json()


def merchant_action(on: Stage) -> Any:
    return {"merchantAction": cp_2(on)["merchantAction"]}


def cp_5(on: Stage) -> Any:
    answer = on.call("create_payment", request("cp-1", specific={"beneficiaryId": "33333333333"}))
    assert answer.status_code == 402
    return answer.json()


def read(on: Stage, payment: str) -> Any:
    return on.call("get_payment", paymentId=payment).json()


def gp_1(on: Stage) -> Any:
    return read(on, f"{on.payment()}_0")


def gp_2(on: Stage) -> Any:
    return read(on, f"{on.vouchers_only()}_0")


def gp_3(on: Stage) -> Any:
    return read(on, f"{on.authorised()}_0")


def gp_4(on: Stage) -> Any:
    return read(on, cp_5(on)["paymentResult"]["payment"]["id"])


def gp_5(on: Stage) -> Any:
    ref = on.authorised()
    on.call("cancel", EXAMPLES["cn-1"], paymentId=f"{ref}_0")
    on.sandbox.settle()
    return read(on, f"{ref}_0")


def gp_6(on: Stage) -> Any:
    return read(on, f"{on.split()}_0")


def gp_7(on: Stage) -> Any:
    return read(on, card_of(on.split()))


def gp_8(on: Stage) -> Any:
    ref = on.payment(specific={"adjustableAmount": True})
    on.shop(ref, {**VOUCHERS, "amount": "100.00 EUR"})
    on.sandbox.shopper(ref, {"pay": [CARD]})
    return read(on, card_of(ref))


def details(on: Stage, ref: str) -> Any:
    return on.call("get_payment_details", paymentId=f"{ref}_0").json()


def gd_1(on: Stage) -> Any:
    return details(on, on.vouchers_only())


def gd_2(on: Stage) -> Any:
    ref = on.small_checkout(requiresApproval=True)
    on.shop(ref, VOUCHERS)
    on.call("capture", EXAMPLES["ca-1"], paymentId=f"{ref}_0")
    on.sandbox.settle()
    return details(on, ref)


def gd_3(on: Stage) -> Any:
    return details(on, on.half_paid())


def gd_4(on: Stage) -> Any:
    return details(on, on.split())


def gd_5(on: Stage) -> Any:
    return details(on, refunded_split(on))


# -- capture, cancel, refund -------------------------------------------------------------------------------------------


def ca_2(on: Stage) -> Any:
    return on.call("capture", EXAMPLES["ca-1"], paymentId=f"{on.authorised()}_0").json()


def ca_3(on: Stage) -> Any:
    ref = on.authorised()
    on.call("capture", EXAMPLES["ca-1"], paymentId=f"{ref}_0")
    on.sandbox.settle()
    return on.call("get_captures", paymentId=f"{ref}_0").json()


def cn_2(on: Stage) -> Any:
    return on.call("cancel", EXAMPLES["cn-1"], paymentId=f"{on.authorised()}_0").json()


def rf_2(on: Stage) -> Any:
    return on.call("refund", EXAMPLES["rf-1"], paymentId=f"{on.vouchers_only()}_0").json()


def rf_3(on: Stage) -> Any:
    ref = on.vouchers_only()
    on.call("refund", EXAMPLES["rf-1"], paymentId=f"{ref}_0")
    on.sandbox.settle()
    return on.call("get_refunds", paymentId=f"{ref}_0").json()


def refunded_split(on: Stage) -> str:
    ref = on.split()
    on.call("refund", EXAMPLES["rf-4"], paymentId=f"{ref}_0")
    on.sandbox.settle()
    return ref


def rf_5(on: Stage) -> Any:
    return on.call("refund", EXAMPLES["rf-4"], paymentId=f"{on.split()}_0").json()


def rf_6(on: Stage) -> Any:
    return on.call("get_refunds", paymentId=f"{refunded_split(on)}_0").json()


def rf_7(on: Stage) -> Any:
    ref = on.half_paid()
    on.call("refund", {"amountOfMoney": {"amount": 20000, "currencyCode": "EUR"}, **RF_3}, paymentId=f"{ref}_0")
    on.sandbox.settle()
    return on.call("get_refunds", paymentId=f"{ref}_0").json()["refunds"][0]


# -- errors ------------------------------------------------------------------------------------------------------------


def error(on: Stage, status: int, operation: str, body: Any = None, **path: str) -> Any:
    answer = on.call(operation, body, **path)
    assert answer.status_code == status
    return answer.json()


def err_auth(on: Stage) -> Any:
    on.merchant.given = {**on.merchant.given, "secret_api_key": "wrong"}
    return error(on, 403, "test_connection")


def err_invalid_value(on: Stage) -> Any:
    body = request("cp-1")
    body["order"]["amountOfMoney"]["currencyCode"] = "CHF"
    return error(on, 400, "create_payment", body)


def err_missing_beneficiary(on: Stage) -> Any:
    body = request("cp-1")
    del body["redirectPaymentMethodSpecificInput"]["paymentProduct5412SpecificInput"]["beneficiaryId"]
    return error(on, 400, "create_payment", body)


def err_missing_country(on: Stage) -> Any:
    return error(on, 400, "get_products")


def err_unknown_product(on: Stage) -> Any:
    answer = on.merchant.call("get_product", query={"countryCode": "FR", "currencyCode": "EUR"}, paymentProductId="-1")
    assert answer.status_code == 404
    return answer.json()


def err_refund(on: Stage) -> Any:
    too_much = {"amountOfMoney": {"amount": 12001, "currencyCode": "EUR"}}
    return error(on, 400, "refund", too_much, paymentId=f"{on.vouchers_only()}_0")


def err_late_refund(on: Stage) -> Any:
    ref = on.vouchers_only()
    on.sandbox.advance("PT4H1M")
    return error(on, 400, "refund", EXAMPLES["rf-1"], paymentId=f"{ref}_0")


def err_capture(on: Stage) -> Any:
    return error(on, 400, "capture", {"amount": 12001}, paymentId=f"{on.authorised()}_0")


def err_fault(status: int) -> Build:
    def build(on: Stage) -> Any:
        return error(on, status, "test_connection")

    return build


# -- webhooks ----------------------------------------------------------------------------------------------------------


def webhook(kind: str, build: Build, number: int = 0) -> Build:
    """What arrives after a situation was built."""

    def received(on: Stage) -> Any:
        build(on)
        return on.webhook(kind, number)

    return received


def hosted_without_parameters(on: Stage) -> Any:
    body = request("hc-1")
    del body["order"]["references"]["merchantParameters"]
    ref = str(on.call("create_hosted_checkout", body).json()["hostedCheckoutId"])
    on.shop(ref, {**VOUCHERS, "amount": "1000.00 EUR"})
    return ref


def given_up_payment(on: Stage) -> Any:
    on.sandbox.shopper(on.payment(), {"cancel": True})


def sendtest(on: Stage) -> Any:
    assert on.call("send_test_webhook", {"url": on.receiver.url}).status_code == 204


# -- tables ------------------------------------------------------------------------------------------------------------

ANSWERS: Mapping[str, Build] = {
    "hc-2": hc_2, "hc-3": hc_3, "hc-4": hc_4, "hc-5": hc_5, "hc-6": hc_6,
    "cp-2": cp_2, "cp-5": cp_5,
    "gp-1": gp_1, "gp-2": gp_2, "gp-3": gp_3, "gp-4": gp_4, "gp-5": gp_5, "gp-6": gp_6, "gp-7": gp_7, "gp-8": gp_8,
    "gd-1": gd_1, "gd-2": gd_2, "gd-3": gd_3, "gd-4": gd_4, "gd-5": gd_5,
    "ca-2": ca_2, "ca-3": ca_3, "cn-2": cn_2,
    "rf-2": rf_2, "rf-3": rf_3, "rf-5": rf_5, "rf-6": rf_6, "rf-7": rf_7,
    "cp-3": merchant_action, "cp-4": merchant_action,
    "err-auth": err_auth,
    "err-unknown-payment": lambda on: error(on, 404, "get_payment", paymentId="9999999999_0"),
    "err-unknown-checkout": lambda on: error(on, 404, "get_hosted_checkout", hostedCheckoutId="9999999999"),
    "err-invalid-value": err_invalid_value,
    "err-missing-beneficiary": err_missing_beneficiary,
    "err-missing-country": err_missing_country,
    "err-unknown-product": err_unknown_product,
    "err-refund-not-allowed": err_refund,
    "err-capture-not-allowed": err_capture,
    "err-idempotence": err_fault(409),
    "err-500": err_fault(500),
    "webhook-payment.created": webhook("payment.created", hosted_without_parameters),
    "webhook-payment.redirected": webhook("payment.redirected", hosted_without_parameters),
    "webhook-payment.captured-voucher": webhook("payment.captured", Stage.split),
    "webhook-payment.captured-card": webhook("payment.captured", Stage.split, 1),
    "webhook-payment.pending_capture": webhook("payment.pending_capture", Stage.authorised),
    "webhook-payment.capture_requested": webhook("payment.capture_requested", ca_2),
    "webhook-payment.rejected": webhook("payment.rejected", cp_5),
    "webhook-payment.cancelled": webhook("payment.cancelled", given_up_payment),
    "webhook-refund.refund_requested": webhook("refund.refund_requested", rf_5),
    "webhook-payment.refunded-card": webhook("payment.refunded", refunded_split),
    "webhook-payment.refunded-voucher": webhook("payment.refunded", refunded_split, 1),
    "webhook-payment.test": webhook("payment.test", sendtest),
    "products": lambda on: on.merchant.call("get_products", query={"countryCode": "FR", "currencyCode": "EUR"}).json(),
    "product-groups": lambda on: on.merchant.call("get_product_groups", query={"countryCode": "FR"}).json(),
    "session": lambda on: on.call("create_session", EXAMPLES["session-request"]).json(),
    "test-connection": lambda on: on.call("test_connection").json(),
    "validate-credentials": lambda on: on.call(
        "validate_webhook_credentials", EXAMPLES["validate-credentials-request"]
    ).json(),
    "iin-details": lambda on: on.call("get_iin_details", EXAMPLES["iin-details-request"]).json(),
}  # fmt: skip

SCENARIOS: Mapping[str, Mapping[str, Any]] = {
    "cp-3": {"settings": {"worldline": {"merchant_action": "qr_code"}}},
    "cp-4": {"settings": {"worldline": {"merchant_action": "redirect"}}},
    "gp-8": {"rules": [THREE_DS]},
    "rf-7": {"rules": [REFUSED_REFUND]},
    "err-idempotence": {
        "faults": [{"name": "busy", "operation": "worldline.test_connection", "then": {"status": 409}}]
    },
    "err-500": {"faults": [{"name": "down", "operation": "worldline.test_connection", "then": {"status": 500}}]},
    "iin-details": {"world": {"worldline": {"cards": [{"number": "4330264936344675", "products": [1, 130]}]}}},
}
"""What a situation needs besides the two wallets."""

REQUESTS = {
    "hc-1", "hc-1b", "cp-1", "ca-1", "cn-1", "rf-1", "rf-4", "session-request", "validate-credentials-request",
    "send-test-request", "iin-details-request",
}  # fmt: skip

LOOSELY: Mapping[str, str] = {
    "products": "we tell more of a card (its group stands earlier); no answer is recorded",
    "iin-details": "we give more of the properties that the SDK knows, such as cardScheme; no answer is recorded",
}
"""Examples of which ours deliberately has more: why. Then every key of the example must be there, in any order."""


def contains(ours: Any, example: Any) -> bool:
    """Whether ours has everything that the example has, of the same type. Entries with an ``id`` are found by it."""
    if isinstance(example, dict):
        return all(key in ours and contains(ours[key], each) for key, each in example.items())
    if isinstance(example, list):
        by_id = {each.get("id", index): each for index, each in enumerate(ours)}
        return all(contains(by_id[each.get("id", index)], each) for index, each in enumerate(example))
    return type(ours) is type(example)


@pytest.fixture
def on(new_sandbox: Callable[..., ControlledSandbox], receiver: Receiver, request: pytest.FixtureRequest) -> Stage:
    """The stage of an example's situation."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    name = parameters.get("name", "without a name")
    scenario = {"mockpsp": 1, "title": f"Example {name}", "seed": 7, "world": DEFAULT, **SCENARIOS.get(name, {})}
    return Stage(new_sandbox(scenario=scenario, clock=CLOCK), receiver)


def test_every_example_is_used() -> None:
    assert set(EXAMPLES) == set(ANSWERS) | REQUESTS


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_our_answer_has_the_examples_shape(on: Stage, name: str) -> None:
    example, ours = EXAMPLES[name], ANSWERS[name](on)
    if name in LOOSELY:
        assert contains(ours, example)
        return
    assert shape(ours) == shape(example)


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("hc-1", "create_hosted_checkout"), ("hc-1b", "create_hosted_checkout"), ("cp-1", "create_payment"),
        ("session-request", "create_session"), ("validate-credentials-request", "validate_webhook_credentials"),
        ("send-test-request", "send_test_webhook"), ("iin-details-request", "get_iin_details"),
    ],
)  # fmt: skip
def test_a_request_of_the_examples_is_taken(on: Stage, name: str, operation: str) -> None:
    body = {"url": on.receiver.url} if name == "send-test-request" else EXAMPLES[name]
    assert set(body) == set(EXAMPLES[name]), "only the address differs: nothing of ours goes to a public one"
    answer = on.call(operation, body)
    assert answer.ok, answer.text
    notes = on.sandbox.call("GET", f"/journal/{answer.headers['Mockpsp-Trace']}")
    assert "unknown propert" not in json.dumps(notes), "our contract names everything that the examples send"


def test_the_late_refund_is_refused_in_the_words_of_the_refund_that_is_too_large(on: Stage) -> None:
    assert shape(err_late_refund(on)) == shape(EXAMPLES["err-refund-not-allowed"])


SAME_VALUES = {
    "err-auth", "err-unknown-payment", "err-unknown-checkout", "err-invalid-value", "err-missing-beneficiary",
    "err-missing-country", "err-unknown-product", "err-refund-not-allowed", "err-capture-not-allowed", "err-500",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SAME_VALUES))
def test_an_error_has_the_examples_values_too(on: Stage, name: str) -> None:
    ours = ANSWERS[name](on)
    assert len(ours.pop("errorId")) == 36
    assert ours == {key: value for key, value in EXAMPLES[name].items() if key != "errorId"}


SAME_BUT_IDS = ["hc-3", "hc-4", "hc-5", "hc-6", "gp-1", "gp-2", "gp-3", "gp-4", "gp-5", "gp-6", "gd-1", "gd-2", "gd-3"]


@pytest.mark.parametrize("name", SAME_BUT_IDS)
def test_a_payment_has_the_examples_words_codes_and_flags(on: Stage, name: str) -> None:
    assert statuses(ANSWERS[name](on)) == statuses(EXAMPLES[name])


@pytest.mark.parametrize("name", ["gd-4", "gd-5", "ca-2", "ca-3", "cn-2", "rf-2", "rf-3", "rf-5", "rf-6", "rf-7"])
def test_an_operation_has_the_examples_words_codes_flags_and_totals(on: Stage, name: str) -> None:
    assert statuses(ANSWERS[name](on)) == statuses(EXAMPLES[name])


def statuses(value: Any) -> list[Any]:
    """Every status, status output, amount of money and refund total, in the order in which they stand."""
    if isinstance(value, list):
        return [found for each in value for found in statuses(each)]
    if not isinstance(value, dict):
        return []
    wanted = (
        "status",
        "statusOutput",
        "acquiredAmount",
        "paymentStatusCategory",
        "totalAmountPaid",
        "totalAmountRefunded",
    )
    return [found for key, each in value.items() for found in ([(key, each)] if key in wanted else statuses(each))]


def test_a_webhooks_time_is_local_with_seven_digits(on: Stage) -> None:
    on.small_checkout()
    created = on.webhook("payment.created")["created"]
    assert created == "2026-01-06T10:15:00.0000007+01:00"


def test_money_is_always_a_whole_number_of_cents(on: Stage) -> None:
    split = details(on, on.split())
    amounts = [each["amountOfMoney"]["amount"] for each in split["Operations"]]
    assert amounts == [100000, 40000]
