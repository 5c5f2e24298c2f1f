"""Adyen's part of the conformance tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from json import dumps, loads
from typing import Any

from mockpsp.domain.errors import Refusal
from mockpsp.domain.machine import IllegalStep
from mockpsp.domain.money import Money
from mockpsp.edge import errors as edge
from mockpsp.providers.adyen import errors, events, states
from tests.conformance.subject import Ask, Sample, Subject
from tests.conformance.workbench import Bench

VISA, VISA_3DS = "4111111111111111", "4212345678901237"
VOUCHER = {
    "type": "mealVoucher_FR",
    "brand": "mealVoucher_FR_sodexo",
    "number": "5075990000006120",
    "expiryMonth": "03",
    "expiryYear": "2030",
    "cvc": "737",
}
ANCV = {"type": "ancv", "beneficiaryId": "11111111111"}
BACK = "https://shop.example/return"
FIFTY = Money(5000, "EUR")


def _card(number: str) -> dict[str, str]:
    return {"type": "scheme", "number": number, "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}


def _amount(amount: Money) -> dict[str, Any]:
    return {"currency": amount.currency, "value": amount.minor}


def _payment(means: Mapping[str, str], amount: Money = FIFTY, **more: Any) -> Ask:
    own = {"amount": _amount(amount), "reference": "ORDER-1", "returnUrl": BACK, "paymentMethod": means}
    return Ask("payments", {**own, **more})


def _authorised(bench: Bench, *, captured: bool) -> str:
    """The pspReference of a card payment."""
    manual = {"manualCapture": "false" if captured else "true"}
    return str(bench.made(_payment(_card(VISA), additionalData=manual))["pspReference"])


def _balance(bench: Bench) -> None:
    bench.call(Ask("balance", {"paymentMethod": VOUCHER, "amount": _amount(FIFTY)}))


def _pay(bench: Bench) -> None:
    bench.call(_payment(_card(VISA)))


def _three_ds(bench: Bench) -> None:
    """The shopper passes the bank's page, and the merchant hands in what the shopper brings back."""
    made = bench.made(_payment(_card(VISA_3DS)))
    assert made["resultCode"] == "RedirectShopper"
    assert bench.shop(made["pspReference"], {"pay": [{"with": "card", "password": "password"}]}) == 200
    calls = bench.provider.merchant()
    _, body = bench.live.call(lambda: calls.usual(bench.sandbox, "payments_details", amount=None, of=made))
    bench.call(Ask("payments_details", body))


def _ancv(bench: Bench) -> None:
    """The shopper approves in the app."""
    made = bench.made(_payment(ANCV))
    assert made["resultCode"] == "Pending"
    assert bench.shop(made["pspReference"], {"pay": [{"with": "ancv"}]}) == 200


def _modify(operation: str, *, captured: bool, amount: Money | None = None) -> Callable[[Bench], None]:
    """A modification, and the days in which it may still fail."""

    def run(bench: Bench) -> None:
        psp = _authorised(bench, captured=captured)
        body = {} if amount is None else {"amount": _amount(amount)}
        bench.made(Ask(operation, body, {"paymentPspReference": psp}))
        bench.controlled.advance("P2D")

    return run


_PROVOKE: Mapping[str, Callable[[Bench], None]] = {
    "balance": _balance,
    "payments": _pay,
    "three_ds": _three_ds,
    "ancv": _ancv,
    "capture": _modify("capture", captured=False, amount=FIFTY),
    "cancel": _modify("cancel", captured=False),
    "refund": _modify("refund", captured=True, amount=FIFTY),
    "reversal": _modify("reversal", captured=True),
    "amount_update": _modify("amount_update", captured=False, amount=Money(6000, "EUR")),
}

_SIGNED = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "eventCode", "success")


class Adyen:
    """Implements ``Subject``."""

    world: Mapping[str, Any] = {
        "meal_vouchers": [{"number": VOUCHER["number"], "cvc": "737", "balance": "61.20 EUR"}],
        "ancv_wallets": [{"beneficiary": ANCV["beneficiaryId"], "balance": "100000.00 EUR"}],
        "cards": [{"number": VISA_3DS, "three_ds": "challenge"}],
    }
    settings: Mapping[str, Any] = {"expire_webhook": True, "offer_closed_webhook": True}
    signed = True
    refusals: Sequence[Sample] = (
        Sample(edge.BadBody("no JSON"), 400),
        Sample(edge.BodyTooLarge("too large"), 413),
        Sample(edge.BodyTooSlow("too slow"), 408),
        Sample(edge.BrokenContract("merchantAccount", "is a required property", "body"), 422),
        Sample(edge.BrokenContract("amount", "null is not of type 'object'", "body"), 422),
        Sample(edge.BrokenContract("amount.value", "'10' is not of type 'integer'", "body"), 400),
        Sample(edge.BrokenContract("countryCode", "'France' is too long", "body"), 422),
        Sample(edge.UnknownPath("nobody serves it"), 404),
        Sample(edge.WrongMethod("not with GET"), 405),
        Sample(edge.NotSupported("not emulated"), 501),
        Sample(edge.InProgress("still running"), 409),
        Sample(edge.TryAgain("the store is away"), 503),
        Sample(edge.Scripted(429, "a fault"), 429),
        Sample(edge.Scripted(503, "a fault"), 503),
        Sample(edge.NotAllowed("wrong key"), 401),
        Sample(errors.MissingField("reference"), 422),
        Sample(errors.InvalidField("countryCode", "wrong"), 422),
        Sample(errors.WrongType("amount.value", "a number is wanted"), 400),
        Sample(errors.MissingMerchant("none"), 422),
        Sample(errors.UnknownMerchant("not yours"), 403),
        Sample(errors.NoRole("payments"), 403),
        Sample(errors.InvalidAmount(Money(0, "EUR")), 422),
        Sample(errors.UnsupportedCurrency("XXX"), 422),
        Sample(errors.BadCardNumber("too short"), 422),
        Sample(errors.NoVariant("no brand"), 422),
        Sample(errors.BadSecurityCode("too long"), 422),
        Sample(errors.BadBillingAddress("no country"), 422),
        Sample(errors.BadPhoneNumber("letters"), 422),
        Sample(errors.BadPaRes("3-D Secure 1"), 422),
        Sample(errors.BadExpiry("month"), 422),
        Sample(errors.Undecryptable("not ours"), 422),
        Sample(errors.StaleEncryption("too old"), 422),
        Sample(errors.EarlyEncryption("yet to come"), 422),
        Sample(errors.MetadataTooLarge("too many", key=False), 422),
        Sample(errors.MethodNotConfigured("diners"), 500),
        Sample(errors.UnknownStoredMethod("nothing is stored"), 422),
        Sample(errors.ReturnUrlMissing("no way back"), 422),
        Sample(errors.UnknownPayment("psp0001"), 422),
        Sample(errors.RefundNotSupported("a voucher"), 422),
        Sample(errors.PaymentDataMissing("none"), 422),
        Sample(errors.InvalidPaymentData("not ours"), 422),
        Sample(errors.InvalidPayload("used"), 422),
        Sample(errors.UnknownSession("CS1"), 422),
        Sample(errors.InvalidSessionData("not this session's"), 422),
        Sample(errors.StaleSessionData("number 3"), 422),
        Sample(errors.UnknownLink("PL1"), 404),
        Sample(errors.CardTooShort("3700"), 422),
        Sample(errors.CheckoutClosed("over"), 422),
        Sample(errors.OrderUnknown("none"), 422),
        Sample(errors.OrderAmountTooHigh(FIFTY, Money(1, "EUR")), 422),
        Sample(errors.OrderCurrencyMismatch("USD"), 422),
        Sample(errors.OrderExpired("over"), 422),
        Sample(errors.OrderClosed("paid"), 422),
        Sample(errors.OrderCancelled("cancelled"), 422),
        Sample(IllegalStep(states.CheckoutStage.EXPIRED, events.CheckoutExpired, ()), 422),
    )
    inward: Mapping[type[Refusal], str] = {
        errors.ShopperRefused: "our own pages say it in the shopper's language, and the clock lets it be",
    }
    entered: Mapping[Enum, str] = {
        states.Status.STARTED: "every payment begins here",
        states.OrderStage.OPEN: "every order begins here",
        states.CheckoutStage.ACTIVE: "every session and payment link begins here",
        states.Outcome.RECEIVED: "every modification begins here",
    }
    story: Mapping[str, Any] = {
        "mockpsp": 1,
        "title": "A voucher and a card pay an order, and everything goes back",
        "world": {"adyen": dict(world)},
        "story": [
            {
                "merchant": "adyen.create_order",
                "as": "order",
                "body": {"reference": "ORDER-1", "amount": _amount(FIFTY)},
            },
            {
                "merchant": "adyen.payments",
                "of": "order",
                "as": "voucher",
                "amount": "20.00 EUR",
                "body": {"additionalData": {"manualCapture": "true"}},
                "expect": {"body": {"resultCode": "Authorised"}},
            },
            {"merchant": "adyen.payments", "of": "voucher", "as": "card"},
            {"merchant": "adyen.cancel", "of": "voucher", "expect": {"status": 201}},
            {"merchant": "adyen.refund", "of": "card", "expect": {"status": 201}},
            {"advance": "2d"},
        ],
        "expect": {"accounts": {"meal_voucher": "61.20 EUR", "merchant": "0.00 EUR"}},
    }

    def create(self, amount: Money) -> Ask:
        """See Subject."""
        return Ask("create_payment_link", {"reference": "ORDER-1", "amount": _amount(amount)})

    def read(self, created: Any) -> Ask:
        """See Subject."""
        return Ask("get_payment_link", path={"linkId": created["id"]})

    def reference(self, created: Any) -> str:
        """See Subject."""
        return str(created["id"])

    def amount(self, read: Any) -> Money:
        """See Subject."""
        return Money(read["amount"]["value"], read["amount"]["currency"])

    def bad(self) -> Ask:
        """See Subject."""
        return Ask("create_payment_link", {})

    def provoke(self, operation: str, bench: Bench) -> None:
        """See Subject."""
        _PROVOKE[operation](bench)

    def tamper(self, body: bytes) -> Iterable[bytes]:
        """See Subject. Eight fields are signed, and nothing else."""
        for name in _SIGNED:
            yield _changed(body, **{name: "x"})
        for amount in ({"value": 1}, {"currency": "XTS"}):
            yield _changed(body, amount={**_item(loads(body))["amount"], **amount})

    def other_places(self, bench: Bench) -> None:
        """See Subject: a hosted session, a bank's page, and ANCV's app."""
        hosted = {"reference": "ORDER-1", "amount": _amount(FIFTY), "returnUrl": BACK, "mode": "hosted"}
        bench.made(Ask("create_session", hosted))
        bench.made(_payment(_card(VISA_3DS)))
        bench.made(_payment(ANCV))

    def other_events(self, bench: Bench) -> None:
        """See Subject: orders, a cancel by the merchant's own reference, and what only the clock does."""
        order = bench.made(Ask("create_order", {"reference": "ORDER-2", "amount": _amount(FIFTY)}))
        named = {name: order[name] for name in ("pspReference", "orderData")}
        bench.made(_payment(VOUCHER, Money(2000, "EUR"), order=named))
        bench.made(Ask("cancel_order", {"order": named}))
        bench.made(_payment(_card(VISA), reference="ORDER-3", additionalData={"manualCapture": "true"}))
        bench.made(Ask("cancel_by_reference", {"paymentReference": "ORDER-3"}))
        _authorised(bench, captured=False)
        bench.made(_payment(_card(VISA_3DS)))
        bench.controlled.advance("P29D")


def _item(envelope: Any) -> dict[str, Any]:
    found: dict[str, Any] = envelope["notificationItems"][0]["NotificationRequestItem"]
    return found


def _changed(body: bytes, **fields: Any) -> bytes:
    """A webhook's body with fields of its item changed."""
    envelope = loads(body)
    _item(envelope).update(fields)
    return dumps(envelope).encode()


SUBJECT: Subject = Adyen()
