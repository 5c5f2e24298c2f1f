"""Captures, cancellations and refunds of an order: who may ask for how much, and what follows.

Refunds of a split take card money first, then vouchers; vouchers only within four hours of their payment
(CAWL documentation, "Chèque-Vacances Connect").
"""

from __future__ import annotations

from datetime import datetime

from mockpsp.domain.clock import format_duration
from mockpsp.domain.lifecycle import Decision, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.errors import (
    REASONS,
    REFUND_REFUSED,
    ActionNotAllowed,
    InvalidValue,
    ShopperRefused,
    UnknownPayment,
)
from mockpsp.providers.worldline.holdings import CV_CONNECT
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import Code, Order, Tender

_SETTLES = {None: "done", "accepted": "done", "refused": "refused", "uncertain": "uncertain"}


def the_tender(order: Order | None, inner: str) -> tuple[Order, Tender]:
    """The order and the tender with this inner id. Raises UnknownPayment."""
    tender = order.tender(inner) if order is not None else None
    if order is None or tender is None:
        raise UnknownPayment(inner)
    return order, tender


def late(tender: Tender, now: datetime, settings: WorldlineSettings) -> bool:
    """Whether this is voucher money whose refund window is over. It starts at the voucher payment."""
    paid = tender.accepted_at
    return tender.product == CV_CONNECT and paid is not None and now - paid > settings.voucher_refund_window


def _asked(amount: Money | None, left: int, order: Order, action: str) -> Money:
    currency = order.total.currency
    available = Money(left, currency)
    asked = available if amount is None else amount
    if asked.currency != currency:
        raise InvalidValue("amountOfMoney.currencyCode", f"the payment is in {currency}")
    if left <= 0:
        raise ActionNotAllowed(action, amount, available, "nothing is left")
    if asked.minor <= 0 or asked > available:
        raise ActionNotAllowed(action, amount, available, "more than what is left")
    return asked


def question_capture(order: Order | None, command: c.Capture) -> Question:
    """Guard CapturePayment. Raises ActionNotAllowed."""
    order, tender = the_tender(order, command.tender)
    amount = _asked(command.amount, tender.open, order, "capture")
    return _question("worldline.capture", order, tender, amount)


def question_cancel(order: Order | None, command: c.Cancel) -> Question:
    """Guard CancelPayment: only authorised money can be cancelled. Raises ActionNotAllowed."""
    order, tender = the_tender(order, command.tender)
    amount = _asked(command.amount, tender.open, order, "cancel")
    return _question("worldline.cancel", order, tender, amount)


def _question(operation: str, order: Order, tender: Tender, amount: Money) -> Question:
    facts = {
        "amount": amount,
        "payment_product": tender.product,
        "merchant_reference": order.created.references.merchant_reference,
        "order_amount": order.total,
    }
    return Question(operation, facts)


def decide_capture(order: Order | None, command: c.Capture, verdict: Verdict, moment: Moment) -> Decision:
    """A capture is under way; a final one gives the rest of the authorisation back."""
    order, tender = the_tender(order, command.tender)
    amount = _asked(command.amount, tender.open, order, "capture")
    rest = Money(tender.open, amount.currency) - amount
    requested = e.CaptureRequested(
        ref=order.ref,
        tender=tender.inner,
        number=len(tender.operations) + 1,
        amount=amount,
        released=rest if command.final else rest.zero,
        reference=command.reference,
        settles=_SETTLES[verdict.outcome],
        at=moment.now,
    )
    return Decision((requested,), _law("the capture is accepted", verdict))


def decide_cancel(order: Order | None, command: c.Cancel, verdict: Verdict, moment: Moment) -> Decision:
    """A cancellation is under way."""
    order, tender = the_tender(order, command.tender)
    requested = e.CancelRequested(
        ref=order.ref,
        tender=tender.inner,
        number=len(tender.operations) + 1,
        amount=_asked(command.amount, tender.open, order, "cancel"),
        reference=command.reference,
        settles=_SETTLES[verdict.outcome],
        at=moment.now,
    )
    return Decision((requested,), _law("the cancellation is accepted", verdict))


def _law(natural: str, verdict: Verdict) -> str:
    return natural if verdict.outcome is None else f"rule {verdict.rule!r}: {verdict.outcome}"


# -- refunds ---------------------------------------------------------------------------------------------------------


def shares(order: Order, command: c.Refund, action: str = "refund") -> tuple[tuple[Tender, Money], ...]:
    """How much of a refund each tender gives back: card money first, then vouchers. Raises ActionNotAllowed."""
    tenders = order.tenders if command.tender is None else (the_tender(order, command.tender)[1],)
    left = _asked(command.amount, sum(tender.refundable for tender in tenders), order, action).minor
    taken = []
    for tender in sorted(tenders, key=lambda each: each.product == CV_CONNECT):
        part = min(left, tender.refundable)
        if part > 0:
            taken.append((tender, Money(part, order.total.currency)))
            left -= part
    return tuple(taken)


def question_refund(order: Order | None, command: c.Refund, moment: Moment) -> Question:
    """Guard RefundPayment: enough captured money, and vouchers only within their window. Raises ActionNotAllowed."""
    if order is None:
        raise UnknownPayment("no order has this reference")
    settings: WorldlineSettings = moment.settings
    parts = shares(order, command)
    too_late = [tender for tender, _ in parts if late(tender, moment.now, settings)]
    if too_late and settings.late_voucher_refund == "refused_at_once":
        window = settings.voucher_refund_window
        raise ActionNotAllowed(
            "refund",
            command.amount,
            None,
            f"vouchers can be refunded within {format_duration(window)} of their payment",
        )
    zero = order.total.zero
    vouchers = sum((amount for tender, amount in parts if tender.product == CV_CONNECT), zero)
    cards = sum((amount for tender, amount in parts if tender.product != CV_CONNECT), zero)
    facts = {
        "amount": vouchers + cards,
        "voucher_share": vouchers,
        "card_share": cards,
        "payment_product": parts[0][0].product,
        "merchant_reference": order.created.references.merchant_reference,
        "order_amount": order.total,
    }
    return Question("worldline.refund", facts)


def decide_refund(order: Order | None, command: c.Refund, verdict: Verdict, moment: Moment) -> Decision:
    """One refund per tender that gives money back."""
    assert order is not None, "question_refund refuses it"
    settings: WorldlineSettings = moment.settings
    events: list[e.Event] = []
    used: tuple[str, ...] = ()
    for tender, amount in shares(order, command):
        refused_late = late(tender, moment.now, settings)
        used = ("late_voucher_refund",) if refused_late else used
        number = len(tender.operations) + 1
        declined = verdict.outcome == "declined"
        events.append(
            e.RefundRequested(
                ref=order.ref,
                tender=tender.inner,
                number=number,
                amount=amount,
                reference=command.reference,
                settles="refused" if refused_late else "" if declined else _SETTLES[verdict.outcome],
                at=moment.now,
            )
        )
        if declined:
            error = REASONS[verdict.reason or "issuer_refusal"]
            events.append(
                e.RefundRefused(
                    ref=order.ref, tender=tender.inner, number=number, amount=amount, error=error, at=moment.now
                )
            )
    return Decision(tuple(events), _law("card money first, then vouchers", verdict), used)


# -- results ---------------------------------------------------------------------------------------------------------


def decide_settlement(order: Order | None, command: c.Settle, moment: Moment) -> Decision:
    """The result of a capture, cancellation or refund arrives."""
    order, tender = the_tender(order, command.tender)
    operation = tender.operation(command.number)
    if operation is None:
        raise ShopperRefused("closed")
    amount, at = operation.amount, moment.now
    event: e.Event
    match operation.code, command.settles:
        case ((Code.CAPTURE_REQUESTED | Code.REFUND_REQUESTED), "uncertain"):
            event = e.LeftUncertain(ref=order.ref, tender=tender.inner, number=operation.number, at=at)
        case Code.CAPTURE_REQUESTED, "refused" if tender.refundable >= amount.minor:
            error = REASONS["issuer_refusal"]
            event = e.CaptureRefused(
                ref=order.ref, tender=tender.inner, number=operation.number, amount=amount, error=error, at=at
            )
        case Code.CAPTURE_REQUESTED, _:
            event = e.Captured(ref=order.ref, tender=tender.inner, number=operation.number, amount=amount, at=at)
        case Code.CANCEL_REQUESTED, "refused":
            event = e.CancelRefused(ref=order.ref, tender=tender.inner, number=operation.number, amount=amount, at=at)
        case Code.CANCEL_REQUESTED, _:
            event = e.Cancelled(ref=order.ref, tender=tender.inner, number=operation.number, amount=amount, at=at)
        case Code.REFUND_REQUESTED, "refused":
            event = e.RefundRefused(
                ref=order.ref, tender=tender.inner, number=operation.number, amount=amount, error=REFUND_REFUSED, at=at
            )
        case Code.REFUND_REQUESTED, _:
            event = e.Refunded(ref=order.ref, tender=tender.inner, number=operation.number, amount=amount, at=at)
        case _:
            raise ShopperRefused("closed")
    return Decision((event,), f"the result of {operation.kind.value} {operation.number} arrives")
