"""Modifications: captures, cancels, refunds, reversals and amount updates. Received at once, decided by webhook. Pure.

Sources: docs.adyen.com "Capture", "Cancel", "Refund", "Reversal"; Webhooks-v1.json for the reasons.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mockpsp.domain.lifecycle import Decision, Fact, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.errors import (
    APPROVED,
    InvalidAmount,
    RefundNotSupported,
    ShopperRefused,
    UnknownPayment,
    UnsupportedCurrency,
)
from mockpsp.providers.adyen.ids import psp_reference
from mockpsp.providers.adyen.issuers import afford, check_amount
from mockpsp.providers.adyen.states import Kind, Outcome, Payment, Purchase, Status

INSUFFICIENT = "Insufficient balance on payment"
NOT_CAPTURED = "Transaction hasn't been captured, refund not possible"
NO_REFUNDS = "Refund not supported for this payment method"
CAPTURED_ALREADY = "Transaction has been captured, cancel not possible"
NOT_OPEN = "Transaction is no longer authorised"
NO_PARTS = "Partial capture not supported for this payment method"
NO_UPDATES = "Amount update not supported for this payment method"
TOO_LATE = "Transaction is older than 24 hours, cancel not possible"
SEVERAL_CAPTURES = "Transaction has several captures, reversal not possible"
REFUSED_BY_RULE = "Refused"
TECHNICAL_CANCEL_WINDOW = timedelta(hours=24)

_OPERATIONS = {
    Kind.CAPTURE: "adyen.capture",
    Kind.CANCEL: "adyen.cancel",
    Kind.TECHNICAL_CANCEL: "adyen.cancel",
    Kind.REFUND: "adyen.refund",
    Kind.REVERSAL: "adyen.reversal",
    Kind.AMOUNT_UPDATE: "adyen.amount_update",
}
_USUAL_DELAY = timedelta(days=1)


def authorised_payment(state: Purchase | None, psp: str) -> tuple[Purchase, Payment]:
    """A payment that was authorised once. Raises UnknownPayment."""
    payment = state.payment(psp) if state is not None else None
    if state is None or payment is None or payment.granted is None:
        raise UnknownPayment("no authorised payment has this pspReference")
    return state, payment


def question_modify(state: Purchase | None, command: c.Modify, moment: Moment) -> Question:
    """Guard a modification. Raises UnknownPayment, InvalidAmount, UnsupportedCurrency, RefundNotSupported."""
    _, payment = authorised_payment(state, command.payment)
    kind = Kind(command.kind)
    if command.amount is not None:
        check_amount(command.amount)
        if command.amount.currency != payment.amount.currency:
            raise UnsupportedCurrency(f"the payment is in {payment.amount.currency}")
    voucher = payment.instrument.kind == "meal_voucher"
    if kind is Kind.REFUND and voucher and moment.settings.voucher_refund == "refused_at_once":
        raise RefundNotSupported(NO_REFUNDS)
    facts: dict[str, Fact] = {
        "amount": command.amount or payment.amount,
        "payment_method": payment.instrument.type,
        "brand": payment.instrument.brand,
        "merchant_reference": payment.started.reference,
        "reference": command.reference or None,
        "payment_amount": payment.amount,
    }
    return Question(_OPERATIONS[kind], facts)


def decide_modify(state: Purchase | None, command: c.Modify, verdict: Verdict, moment: Moment) -> Decision:
    """The modification is received; what becomes of it comes later."""
    purchase, payment = authorised_payment(state, command.payment)
    requested = e.Requested(
        ref=purchase.ref,
        payment=payment.ref,
        modification=psp_reference(moment.ids),
        kind=command.kind,
        amount=command.amount or Money(payment.authorised, payment.amount.currency),
        reference=command.reference,
        settles=verdict.outcome or "accepted",
        reason=str(verdict.details.get("text", REFUSED_BY_RULE)),
        later=verdict.details.get("after", _USUAL_DELAY),
        own_reference=command.own_reference,
        at=moment.now,
    )
    by = "" if verdict.outcome is None else f"; rule {verdict.rule!r}: {verdict.outcome}"
    return Decision((requested,), f"the {command.kind} is received{by}")


# -- results ---------------------------------------------------------------------------------------------------------


def decide_settlement(state: Purchase | None, command: c.Settle, moment: Moment) -> Decision:
    """The result of a modification: what state and money allow, unless a rule refuses."""
    purchase, payment = authorised_payment(state, command.payment)
    found = payment.modification(command.modification)
    if found is None or found.outcome is not Outcome.RECEIVED:
        raise ShopperRefused("closed")
    if found.settles == "refused":
        event: Any = _refused(purchase, payment, found.ref, found.reason, moment)
        return Decision((event,), f"the {found.kind.value} is refused, as the rule said")
    event = _RESULTS[found.kind](purchase, payment, found.ref, found.amount, found.settles, moment)
    if isinstance(event, e.ModificationRefused):
        inferred = ("voucher_refund",) if event.reason == NO_REFUNDS else ()
        return Decision((event,), f"the {found.kind.value} is not possible: {event.reason}", inferred)
    return Decision((event,), f"the {found.kind.value} is done")


def _refused(purchase: Purchase, payment: Payment, ref: str, why: str, moment: Moment) -> e.ModificationRefused:
    return e.ModificationRefused(ref=purchase.ref, payment=payment.ref, modification=ref, reason=why, at=moment.now)


def _capture(purchase: Purchase, payment: Payment, ref: str, amount: Money, settles: str, moment: Moment) -> Any:
    if payment.status is not Status.AUTHORISED:
        return _refused(purchase, payment, ref, NOT_OPEN, moment)
    if amount.minor > payment.held:
        return _refused(purchase, payment, ref, INSUFFICIENT, moment)
    if amount.minor < payment.held and payment.instrument.kind == "meal_voucher":
        return _refused(purchase, payment, ref, NO_PARTS, moment)
    left = 0 if moment.settings.multiple_partial_captures else payment.held - amount.minor
    return captured(purchase, payment, ref, amount, Money(left, amount.currency), moment)


def captured(
    purchase: Purchase, payment: Payment, ref: str, amount: Money, released: Money, moment: Moment
) -> e.Captured:
    """A capture is done."""
    return e.Captured(
        ref=purchase.ref, payment=payment.ref, modification=ref, amount=amount, released=released, at=moment.now
    )


def _cancel(purchase: Purchase, payment: Payment, ref: str, amount: Money, settles: str, moment: Moment) -> Any:
    if payment.captured:
        return _refused(purchase, payment, ref, CAPTURED_ALREADY, moment)
    if payment.status is not Status.AUTHORISED:
        return _refused(purchase, payment, ref, NOT_OPEN, moment)
    free = Money(payment.held, payment.amount.currency)
    return e.Cancelled(ref=purchase.ref, payment=payment.ref, modification=ref, amount=free, at=moment.now)


def _technical_cancel(
    purchase: Purchase, payment: Payment, ref: str, amount: Money, settles: str, moment: Moment
) -> Any:
    if payment.granted is None or moment.now > payment.granted.at + TECHNICAL_CANCEL_WINDOW:
        return _refused(purchase, payment, ref, TOO_LATE, moment)
    return _cancel(purchase, payment, ref, amount, settles, moment)


def _refund(purchase: Purchase, payment: Payment, ref: str, amount: Money, settles: str, moment: Moment) -> Any:
    if payment.instrument.kind == "meal_voucher" and payment.captured:
        return _refused(purchase, payment, ref, NO_REFUNDS, moment)
    if not payment.captured:
        return _refused(purchase, payment, ref, NOT_CAPTURED, moment)
    if payment.status is not Status.AUTHORISED or amount.minor > payment.captured - payment.refunded:
        return _refused(purchase, payment, ref, INSUFFICIENT, moment)
    final = settles not in ("fails", "reversed")
    return e.Refunded(
        ref=purchase.ref, payment=payment.ref, modification=ref, amount=amount, final=final, at=moment.now
    )


def _reversal(purchase: Purchase, payment: Payment, ref: str, amount: Money, settles: str, moment: Moment) -> Any:
    if not payment.captured:
        return _cancel(purchase, payment, ref, amount, settles, moment)
    if payment.captures > 1:
        return _refused(purchase, payment, ref, SEVERAL_CAPTURES, moment)
    everything = Money(payment.captured, payment.amount.currency)
    return _refund(purchase, payment, ref, everything, settles, moment)


def _amount_update(purchase: Purchase, payment: Payment, ref: str, amount: Money, settles: str, moment: Moment) -> Any:
    if payment.instrument.kind != "card":
        return _refused(purchase, payment, ref, NO_UPDATES, moment)
    if payment.status is not Status.AUTHORISED or payment.captured or payment.released:
        return _refused(purchase, payment, ref, NOT_OPEN, moment)
    before = Money(payment.authorised, amount.currency)
    more = amount - before
    if more.minor > 0 and afford(payment.instrument.account, more, moment).name != APPROVED:
        return _refused(purchase, payment, ref, "Not enough balance", moment)
    return e.AmountUpdated(
        ref=purchase.ref, payment=payment.ref, modification=ref, amount=amount, before=before, at=moment.now
    )


_RESULTS = {
    Kind.CAPTURE: _capture,
    Kind.CANCEL: _cancel,
    Kind.TECHNICAL_CANCEL: _technical_cancel,
    Kind.REFUND: _refund,
    Kind.REVERSAL: _reversal,
    Kind.AMOUNT_UPDATE: _amount_update,
}


# -- what the clock does ---------------------------------------------------------------------------------------------


def decide_automatic_capture(state: Purchase | None, command: c.CaptureByItself, moment: Moment) -> Decision:
    """The delay is over: what is still held is captured."""
    purchase, payment = authorised_payment(state, command.payment)
    if payment.status is not Status.AUTHORISED or not payment.held:
        raise ShopperRefused("closed")
    amount = Money(payment.held, payment.amount.currency)
    done = captured(purchase, payment, psp_reference(moment.ids), amount, amount.zero, moment)
    return Decision((done,), "the capture delay is over")


def decide_authorisation_expiry(state: Purchase | None, command: c.LetExpire, moment: Moment) -> Decision:
    """Nobody captured it in time, or not all of it; what was captured stays."""
    purchase, payment = authorised_payment(state, command.payment)
    if payment.status is not Status.AUTHORISED or not payment.held:
        raise ShopperRefused("closed")
    amount = Money(payment.held, payment.amount.currency)
    kind = e.RestExpired if payment.captured else e.AuthorisationExpired
    gone = kind(ref=purchase.ref, payment=payment.ref, amount=amount, at=moment.now)
    return Decision((gone,), "the authorisation is too old to be captured")


def decide_failure(state: Purchase | None, command: c.Fail, moment: Moment) -> Decision:
    """A capture or refund that was done fails after all, as a rule said. Raises when the money has moved on."""
    purchase, payment = authorised_payment(state, command.payment)
    found = payment.modification(command.modification)
    refunded = found is not None and found.effect == "refund"
    if payment.status is not Status.AUTHORISED and not (refunded and payment.status is Status.ROLLED_BACK):
        raise ShopperRefused("closed")
    if found is not None and refunded:
        kind, why = (
            (e.RefundReversed, "Refund returned by the shopper's bank")
            if found.settles == "reversed"
            else (e.RefundFailed, "Refund Failed")
        )
        back: Any = kind(
            ref=purchase.ref,
            payment=payment.ref,
            modification=found.ref,
            amount=found.amount,
            reason=why,
            at=moment.now,
        )
        return Decision((back,), "the refund did not arrive")
    amount = found.amount if found is not None else Money(payment.captured, payment.amount.currency)
    if amount.minor > payment.captured - payment.refunded:
        raise InvalidAmount(amount)
    failed = e.CaptureFailed(
        ref=purchase.ref,
        payment=payment.ref,
        modification=found.ref if found is not None else psp_reference(moment.ids),
        amount=amount,
        reason="Capture Failed",
        at=moment.now,
    )
    return Decision((failed,), "the scheme rejects the capture")
