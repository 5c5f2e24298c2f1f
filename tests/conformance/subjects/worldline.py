"""Worldline's part of the conformance tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from mockpsp.domain.errors import Refusal
from mockpsp.domain.machine import IllegalStep
from mockpsp.domain.money import Money
from mockpsp.edge import errors as edge
from mockpsp.providers.worldline import errors, events, states, vault
from tests.conformance.subject import Ask, Sample, Subject
from tests.conformance.workbench import Bench

RICH, POOR = "11111111111", "77777777777"
VISA = "4012000033330026"
DECLINE = errors.REASONS["issuer_refusal"]


def _checkout(amount: Money, beneficiary: str = "") -> Ask:
    redirect: dict[str, Any] = {}
    if beneficiary:
        vouchers = {"paymentProductId": 5412, "paymentProduct5412SpecificInput": {"beneficiaryId": beneficiary}}
        redirect = {"redirectPaymentMethodSpecificInput": {**vouchers, "requiresApproval": False}}
    order = {"amountOfMoney": {"amount": amount.minor, "currencyCode": amount.currency}}
    hosted = {"returnUrl": "https://shop.example/return"}
    return Ask("create_hosted_checkout", {"order": order, "hostedCheckoutSpecificInput": hosted, **redirect})


def _card_payment(mode: str) -> Ask:
    card = {"cardNumber": VISA, "expiryDate": "1230", "cvv": "123"}
    method = {"paymentProductId": 1, "authorizationMode": mode, "card": card}
    order = {"amountOfMoney": {"amount": 10_000, "currencyCode": "EUR"}}
    return Ask("create_payment", {"order": order, "cardPaymentMethodSpecificInput": method})


def _voucher_payment() -> Ask:
    body = dict(_checkout(Money(30_000, "EUR"), RICH).body)
    del body["hostedCheckoutSpecificInput"]
    return Ask("create_payment", body)


def _beneficiary(bench: Bench) -> None:
    bench.call(_voucher_payment())


def _cv_connect(bench: Bench) -> None:
    made = bench.made(_checkout(Money(30_000, "EUR"), RICH))
    bench.shop(made["hostedCheckoutId"], {"pay": [{"with": "cv_connect"}]})


def _card_complement(bench: Bench) -> None:
    made = bench.made(_checkout(Money(140_000, "EUR"), POOR))
    bench.shop(made["hostedCheckoutId"], {"pay": [{"with": "cv_connect"}, {"with": "card", "number": VISA}]})


def _card_on_the_page(bench: Bench) -> None:
    made = bench.made(_checkout(Money(10_000, "EUR")))
    bench.shop(made["hostedCheckoutId"], {"pay": [{"with": "card", "number": VISA}]})


def _maintain(action: str, mode: str) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        id = bench.made(_card_payment(mode))["payment"]["id"]
        bench.call(Ask(action, {}, {"paymentId": id}))

    return run


_PROVOKE: Mapping[str, Callable[[Bench], None]] = {
    "beneficiary": _beneficiary,
    "cv_connect": _cv_connect,
    "card_complement": _card_complement,
    "card_payment": _card_on_the_page,
    "capture": _maintain("capture", "FINAL_AUTHORIZATION"),
    "cancel": _maintain("cancel", "FINAL_AUTHORIZATION"),
    "refund": _maintain("refund", "SALE"),
}


class Worldline:
    """Implements ``Subject``."""

    world: Mapping[str, Any] = {
        "wallets": [
            {"beneficiary": RICH, "balance": "100000.00 EUR"},
            {"beneficiary": POOR, "balance": "300.00 EUR"},
        ],
    }
    settings: Mapping[str, Any] = {}
    signed = True
    refusals: Sequence[Sample] = (
        Sample(edge.BadBody("no JSON"), 400),
        Sample(edge.BodyTooLarge("too large"), 413),
        Sample(edge.BodyTooSlow("too slow"), 408),
        Sample(edge.BrokenContract("order", "is missing", "body"), 400),
        Sample(edge.UnknownPath("nobody serves it"), 404),
        Sample(edge.WrongMethod("not with GET"), 405),
        Sample(edge.NotSupported("not emulated"), 501),
        Sample(edge.InProgress("still running"), 409),
        Sample(edge.TryAgain("the store is away"), 503),
        Sample(edge.Scripted(503, "a fault"), 503),
        Sample(edge.NotAllowed("wrong signature"), 403),
        Sample(errors.UnknownPayment("4375008553_0"), 404),
        Sample(errors.MalformedPaymentId("x"), 400),
        Sample(errors.UnknownCheckout("4375008553"), 404),
        Sample(errors.UnknownProduct("product", "productId"), 404),
        Sample(errors.UnknownToken("x"), 404),
        Sample(errors.InvalidValue("order", "wrong"), 400),
        Sample(errors.ActionNotAllowed("refund", None, Money(0, "EUR"), "nothing is left"), 400),
        Sample(IllegalStep(states.Code.CAPTURED, events.CaptureRequested, ()), 400),
    )
    inward: Mapping[type[Refusal], str] = {
        errors.ShopperRefused: "the hosted page says it in the shopper's language",
    }
    entered: Mapping[Enum, str] = {
        states.Code.CREATED: "every tender begins here",
        states.Code.CAPTURED: "a sale is captured with its acceptance",
        states.Code.CAPTURE_REQUESTED: "a capture begins here",
        states.Code.CANCEL_REQUESTED: "a cancellation begins here",
        states.Code.REFUND_REQUESTED: "a refund begins here",
        states.Stage.IN_PROGRESS: "every checkout begins here",
        vault.TokenStage.KEPT: "every token begins here",
    }
    story: Mapping[str, Any] = {
        "mockpsp": 1,
        "title": "Vouchers and a card pay, and everything goes back",
        "world": {"worldline": dict(world)},
        "story": [
            {
                "merchant": "worldline.create_hosted_checkout",
                "as": "checkout",
                "body": _checkout(Money(140_000, "EUR"), POOR).body,
            },
            {"shopper": "checkout", "pays": [{"with": "cv_connect"}, {"with": "card", "number": VISA}]},
            {
                "merchant": "worldline.refund",
                "path": {"paymentId": "${checkout.hostedCheckoutId}_0"},
                "body": {},
                "expect": {"status": 201},
            },
            {"advance": "2d"},
        ],
    }

    def create(self, amount: Money) -> Ask:
        """See Subject."""
        return _checkout(amount)

    def read(self, created: Any) -> Ask:
        """See Subject."""
        return Ask("get_hosted_checkout", path={"hostedCheckoutId": created["hostedCheckoutId"]})

    def reference(self, created: Any) -> str:
        """See Subject."""
        return str(created["hostedCheckoutId"])

    def amount(self, read: Any) -> Money:
        """See Subject."""
        money = read["createdPaymentOutput"]["payment"]["paymentOutput"]["amountOfMoney"]
        return Money(money["amount"], money["currencyCode"])

    def bad(self) -> Ask:
        """See Subject."""
        return Ask("create_hosted_checkout", {})

    def provoke(self, operation: str, bench: Bench) -> None:
        """See Subject."""
        _PROVOKE[operation](bench)

    def tamper(self, body: bytes) -> Iterable[bytes]:
        """See Subject. Every byte is signed."""
        for place in (0, len(body) // 2, len(body) - 1):
            changed = bytearray(body)
            changed[place] ^= 1
            yield bytes(changed)

    def other_places(self, bench: Bench) -> None:
        """See Subject: there are none."""

    def other_events(self, bench: Bench) -> None:
        """See Subject."""
        assert bench.call(Ask("send_test_webhook", {"url": "http://localhost:1/x"})).status == 204


SUBJECT: Subject = Worldline()
