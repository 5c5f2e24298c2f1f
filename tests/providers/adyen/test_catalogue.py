"""Every outcome and every reason that a rule may ask for is seen by the merchant, in Adyen's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from mockpsp.providers.adyen.catalogue import OPERATIONS
from mockpsp.providers.adyen.errors import REASONS
from tests.support.adyen import Inbox, Shop, card, eur, voucher
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver

CLOCK = "2026-07-01T09:00:00Z"
CHALLENGED = "4212345678901237"
NewSandbox = Callable[..., ControlledSandbox]


def shop_with(new_sandbox: NewSandbox, operation: str, **then: Any) -> Shop:
    """A shop in whose sandbox one rule decides."""
    world = {
        "meal_vouchers": [{"number": "5075990000006120", "cvc": "737", "balance": "61.20 EUR"}],
        "cards": [{"number": CHALLENGED, "three_ds": "challenge"}],
    }
    rules = [{"operation": f"adyen.{operation}", "then": then}]
    scenario = {"mockpsp": 1, "title": "One rule", "world": {"adyen": world}, "rules": rules}
    return Shop(new_sandbox(scenario=scenario, clock=CLOCK))


def reasons(operation: str, *outcomes: str) -> Iterator[tuple[str, str, str]]:
    """The reasons that a rule may give for these outcomes."""
    for outcome in outcomes:
        for reason in OPERATIONS[operation].outcomes[outcome]:
            yield operation, outcome, reason


def paid(shop: Shop, operation: str) -> dict[str, Any]:
    """The answer that the rule has decided: to a payment, or to what the shopper brought back from the bank."""
    if operation == "payments":
        return shop.pay(2500, card())
    asked = shop.pay(2500, card(CHALLENGED))
    return shop.call("payments_details", details={"redirectResult": shop.redirect_result(asked)})


RESULTS = {
    "refused": "Refused",
    "error": "Error",
    "cancelled": "Cancelled",
    "received": "Received",
    "pending": "Pending",
}
AT_ONCE = ("refused", "error", "cancelled")


@pytest.mark.parametrize(
    ("operation", "outcome", "reason"), [*reasons("payments", *AT_ONCE), *reasons("three_ds", *AT_ONCE)]
)
def test_a_reason_is_told(operation: str, outcome: str, reason: str, new_sandbox: NewSandbox) -> None:
    answer = paid(shop_with(new_sandbox, operation, outcome=outcome, reason=reason), operation)
    assert answer["resultCode"] == RESULTS[outcome]
    assert (answer["refusalReasonCode"], answer["refusalReason"]) == (REASONS[reason].code, REASONS[reason].text)


@pytest.mark.parametrize(
    ("operation", "outcome", "reason"),
    [*reasons("payments", "pending"), *reasons("three_ds", "received")],
)
def test_a_reason_of_a_late_result_refuses(
    operation: str, outcome: str, reason: str, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    """A result that comes later for a reason is a refusal, without `resolves` saying so once more."""
    shop = shop_with(new_sandbox, operation, outcome=outcome, reason=reason, after="10m")
    inbox = Inbox(shop.sandbox, receiver)
    answer = paid(shop, operation)
    assert answer["resultCode"] == RESULTS[outcome]
    assert inbox.told() == [("PENDING", "true")]
    shop.sandbox.advance("10m")
    told = inbox.item("AUTHORISATION")
    assert (told["success"], told["reason"]) == ("false", REASONS[reason].text)


@pytest.mark.parametrize("operation", ["payments", "three_ds"])
@pytest.mark.parametrize("outcome", ["received", "pending"])
@pytest.mark.parametrize(
    ("then", "success"),
    [
        ({}, "true"),
        ({"resolves": "authorised"}, "true"),
        ({"resolves": "refused"}, "false"),
        ({"resolves": "refused", "reason": "card_expired"}, "false"),
        ({"resolves": "authorised", "reason": "card_expired"}, "true"),
    ],
)
def test_what_a_late_result_resolves_to(
    operation: str, outcome: str, then: Mapping[str, str], success: str, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    shop = shop_with(new_sandbox, operation, outcome=outcome, after="10m", **then)
    inbox = Inbox(shop.sandbox, receiver)
    paid(shop, operation)
    shop.sandbox.advance("9m")
    assert inbox.items("AUTHORISATION") == []
    shop.sandbox.advance("1m")
    assert inbox.item("AUTHORISATION")["success"] == success


@pytest.mark.parametrize(
    ("outcome", "action"), [("redirect", "redirect"), ("identify", "threeDS2"), ("challenge", "threeDS2")]
)
def test_an_action_is_asked_for(outcome: str, action: str, new_sandbox: NewSandbox) -> None:
    answer = shop_with(new_sandbox, "payments", outcome=outcome).pay(2500, card())
    expected = {"redirect": "RedirectShopper", "identify": "IdentifyShopper", "challenge": "ChallengeShopper"}
    assert answer["resultCode"] == expected[outcome]
    assert answer["action"]["type"] == action


@pytest.mark.parametrize("reason", OPERATIONS["balance"].outcomes["failed"])
def test_a_failed_balance_check_tells_its_reason(reason: str, new_sandbox: NewSandbox) -> None:
    shop = shop_with(new_sandbox, "balance", outcome="failed", reason=reason)
    answer = shop.call("balance", paymentMethod=voucher(), amount=eur(2500))
    assert answer["resultCode"] == "Failed"
    assert answer["refusalReason"] == REASONS[reason].text
    assert answer["balance"] == eur(0)


@pytest.mark.parametrize(("outcome", "result"), [("success", "Success"), ("not_enough_balance", "NotEnoughBalance")])
def test_a_balance_check_with_a_balance(outcome: str, result: str, new_sandbox: NewSandbox) -> None:
    answer = shop_with(new_sandbox, "balance", outcome=outcome).call(
        "balance", paymentMethod=voucher(), amount=eur(2500)
    )
    assert (answer["resultCode"], answer["balance"]) == (result, eur(6120))


MODIFIED: Mapping[str, tuple[str, bool, str]] = {
    "capture": ("true", True, "CAPTURE"),
    "cancel": ("true", False, "CANCELLATION"),
    "refund": ("false", True, "REFUND"),
    "reversal": ("false", False, "CANCEL_OR_REFUND"),
    "amount_update": ("true", True, "AUTHORISATION_ADJUSTMENT"),
}
LATER = {("capture", "fails"): "CAPTURE_FAILED", ("refund", "fails"): "REFUND_FAILED",
         ("refund", "reversed"): "REFUNDED_REVERSED", ("reversal", "fails"): "REFUND_FAILED",
         ("reversal", "reversed"): "REFUNDED_REVERSED"}  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "outcome"), [(name, each) for name in MODIFIED for each in OPERATIONS[name].outcomes]
)
def test_what_becomes_of_a_modification(
    operation: str, outcome: str, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    shop = shop_with(new_sandbox, operation, outcome=outcome, **({"text": "No."} if outcome == "refused" else {}))
    inbox = Inbox(shop.sandbox, receiver)
    manual, with_amount, code = MODIFIED[operation]
    psp = shop.pay(2500, card(), additionalData={"manualCapture": manual})["pspReference"]
    answer = shop.call(operation, psp, **({"amount": eur(2500)} if with_amount else {}))
    assert answer["status"] == "received"
    told = inbox.item(code)
    assert told["success"] == ("false" if outcome == "refused" else "true")
    assert told["reason"] == ("No." if outcome == "refused" else "")
    shop.sandbox.advance("P2D")
    later = [LATER[operation, outcome]] if (operation, outcome) in LATER else []
    assert [each["eventCode"] for each in inbox.items()] == ["AUTHORISATION", code, *later]
