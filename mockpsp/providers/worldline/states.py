"""Statuses, transition tables and the state of an order with its tenders.

Source of the codes: Worldline Direct documentation, "Statuses", and ``onlinepayments.sdk.domain`` of the Python SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple

from msgspec.structs import replace

from mockpsp.domain.machine import follow
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.worldline import events as e


class Code(IntEnum):
    """``statusOutput.statusCode``: the platform's own number for a state."""

    CREATED = 0
    CANCELLED_BY_CUSTOMER = 1
    REJECTED = 2
    PENDING_CAPTURE = 5
    CANCELLED = 6
    REFUNDED = 8
    CAPTURED = 9
    REDIRECTED = 46
    AUTHORIZATION_REQUESTED = 51
    CANCEL_REQUESTED = 61
    CANCELLATION_REJECTED = 63
    REFUND_REQUESTED = 81
    REFUND_UNCERTAIN = 82
    REFUND_REJECTED = 83
    CAPTURE_REQUESTED = 91
    CAPTURE_UNCERTAIN = 92
    CAPTURE_REJECTED = 93


class Status(NamedTuple):
    """The words that go with a code, and the three flags of a payment in that state."""

    word: str
    category: str
    authorised: bool = False
    cancellable: bool = False
    refundable: bool = False


_WAITING = "PENDING_CONNECT_OR_3RD_PARTY"

STATUSES: Mapping[Code, Status] = {
    Code.CREATED: Status("CREATED", "CREATED"),
    Code.CANCELLED_BY_CUSTOMER: Status("CANCELLED", "UNSUCCESSFUL"),
    Code.REJECTED: Status("REJECTED", "UNSUCCESSFUL"),
    Code.PENDING_CAPTURE: Status("PENDING_CAPTURE", "PENDING_MERCHANT", authorised=True, cancellable=True),
    Code.CANCELLED: Status("CANCELLED", "UNSUCCESSFUL"),
    Code.REFUNDED: Status("REFUNDED", "REFUNDED"),
    Code.CAPTURED: Status("CAPTURED", "COMPLETED", refundable=True),
    Code.REDIRECTED: Status("REDIRECTED", _WAITING),
    Code.AUTHORIZATION_REQUESTED: Status("AUTHORIZATION_REQUESTED", _WAITING),
    Code.CANCEL_REQUESTED: Status("CANCELLED", "UNSUCCESSFUL"),
    Code.CANCELLATION_REJECTED: Status("CANCELLATION_REJECTED", "PENDING_MERCHANT"),
    Code.REFUND_REQUESTED: Status("REFUND_REQUESTED", _WAITING),
    Code.REFUND_UNCERTAIN: Status("REFUND_REQUESTED", _WAITING),
    Code.REFUND_REJECTED: Status("REJECTED", "UNSUCCESSFUL"),
    Code.CAPTURE_REQUESTED: Status("CAPTURE_REQUESTED", _WAITING),
    Code.CAPTURE_UNCERTAIN: Status("CAPTURE_REQUESTED", _WAITING),
    Code.CAPTURE_REJECTED: Status("REJECTED_CAPTURE", "UNSUCCESSFUL"),
}

PAYMENT: Mapping[Code, Mapping[type[Any], Code]] = {
    Code.CREATED: {
        e.Redirected: Code.REDIRECTED,
        e.AnswerAwaited: Code.AUTHORIZATION_REQUESTED,
        e.Accepted: Code.PENDING_CAPTURE,
        e.Refused: Code.REJECTED,
        e.GivenUp: Code.CANCELLED_BY_CUSTOMER,
    },
    Code.REDIRECTED: {
        e.Redirected: Code.REDIRECTED,
        e.Retried: Code.CREATED,
        e.AnswerAwaited: Code.AUTHORIZATION_REQUESTED,
        e.Accepted: Code.PENDING_CAPTURE,
        e.Refused: Code.REJECTED,
        e.GivenUp: Code.CANCELLED_BY_CUSTOMER,
    },
    Code.AUTHORIZATION_REQUESTED: {
        e.Accepted: Code.PENDING_CAPTURE,
        e.Refused: Code.REJECTED,
    },
    Code.REJECTED: {e.Retried: Code.CREATED},
    Code.CANCELLED_BY_CUSTOMER: {},
    Code.PENDING_CAPTURE: {},
    Code.CAPTURED: {},
}
"""Steps of a tender's first operation. A sale leads on to CAPTURED at once; what follows are operations."""

OPERATION: Mapping[Code, Mapping[type[Any], Code]] = {
    Code.CAPTURE_REQUESTED: {
        e.Captured: Code.CAPTURED,
        e.CaptureRefused: Code.CAPTURE_REJECTED,
        e.LeftUncertain: Code.CAPTURE_UNCERTAIN,
    },
    Code.CAPTURE_UNCERTAIN: {e.Captured: Code.CAPTURED, e.CaptureRefused: Code.CAPTURE_REJECTED},
    Code.CANCEL_REQUESTED: {e.Cancelled: Code.CANCELLED, e.CancelRefused: Code.CANCELLATION_REJECTED},
    Code.REFUND_REQUESTED: {
        e.Refunded: Code.REFUNDED,
        e.RefundRefused: Code.REFUND_REJECTED,
        e.LeftUncertain: Code.REFUND_UNCERTAIN,
    },
    Code.REFUND_UNCERTAIN: {e.Refunded: Code.REFUNDED, e.RefundRefused: Code.REFUND_REJECTED},
    Code.CAPTURED: {},
    Code.CAPTURE_REJECTED: {},
    Code.CANCELLED: {},
    Code.CANCELLATION_REJECTED: {},
    Code.REFUNDED: {},
    Code.REFUND_REJECTED: {},
}
"""Steps of a maintenance operation: capture, cancel, refund."""


class Stage(StrEnum):
    """``status`` of a hosted checkout, and what a server-to-server payment has in its place."""

    IN_PROGRESS = "IN_PROGRESS"
    PAYMENT_CREATED = "PAYMENT_CREATED"
    CANCELLED_BY_CONSUMER = "CANCELLED_BY_CONSUMER"


CHECKOUT: Mapping[Stage, Mapping[type[Any], Stage]] = {
    Stage.IN_PROGRESS: {
        e.OrderPaid: Stage.PAYMENT_CREATED,
        e.AttemptsExhausted: Stage.PAYMENT_CREATED,
        e.Abandoned: Stage.CANCELLED_BY_CONSUMER,
    },
    Stage.PAYMENT_CREATED: {},
    Stage.CANCELLED_BY_CONSUMER: {},
}
"""Steps of a hosted checkout."""


class Kind(Enum):
    """What a maintenance operation does."""

    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"


class Operation(Value, frozen=True):
    """A capture, cancel or refund of one tender; ``number`` is the suffix of its id."""

    number: int
    kind: Kind
    amount: Money
    code: Code
    reference: str
    requested_at: datetime
    at: datetime
    error: e.PlatformError | None = None


class Tender(Value, frozen=True):
    """One means of payment of an order, with an inner id of its own. ``product`` None is not chosen yet.

    ``share`` is what it was asked for, ``open`` what is authorised and neither captured nor cancelled, ``captured``
    what was captured or is being captured, ``refunded`` what went back or is on its way back; all in minor units.
    """

    inner: str
    product: int | None
    code: Code
    share: Money
    card: e.Card | None = None
    account: str = ""
    open: int = 0
    captured: int = 0
    refunded: int = 0
    cancelled: int = 0
    accepted_at: datetime | None = None
    at: datetime | None = None
    error: e.PlatformError | None = None
    operations: tuple[Operation, ...] = ()
    refused: int = 0

    @property
    def accepted(self) -> bool:
        """Whether an issuer granted it."""
        return self.accepted_at is not None

    @property
    def acquired(self) -> int:
        """Minor units granted and not cancelled: authorised or captured, refunds not deducted."""
        return self.share.minor - self.cancelled if self.accepted else 0

    @property
    def refundable(self) -> int:
        """Minor units captured and not refunded, refunds under way included in what is refunded."""
        return self.captured - self.refunded

    def operation(self, number: int) -> Operation | None:
        """The maintenance operation with this number."""
        return self.operations[number - 1] if 0 < number <= len(self.operations) else None


class Order(Value, frozen=True):
    """A hosted checkout or a server-to-server payment, and the tenders that pay it, the first one first.

    ``ended`` says how: paid, refused, customer, time or attempts.
    """

    created: e.OrderCreated
    stage: Stage
    tenders: tuple[Tender, ...]
    attempts: int = 0
    beneficiary: str = ""
    app_opened: bool = False
    ended_at: datetime | None = None
    ended: str = ""

    @property
    def ref(self) -> str:
        """The inner id of the first tender."""
        return self.created.ref

    @property
    def total(self) -> Money:
        """What the order costs."""
        return self.created.total

    @property
    def acquired(self) -> Money:
        """What issuers granted over all tenders."""
        granted = 0
        for tender in self.tenders:
            if tender.accepted_at is not None:
                granted += tender.share.minor - tender.cancelled
        return Money(granted, self.created.total.currency)

    @property
    def remaining(self) -> Money:
        """What no tender covers yet."""
        granted = sum(tender.share.minor for tender in self.tenders if tender.accepted)
        return Money(self.total.minor - granted, self.total.currency)

    @property
    def first(self) -> Tender:
        """The tender that started the order."""
        return self.tenders[0]

    @property
    def pending(self) -> Tender | None:
        """The tender whose issuer has not answered yet."""
        return next((tender for tender in self.tenders if tender.code is Code.AUTHORIZATION_REQUESTED), None)

    def tender(self, inner: str) -> Tender | None:
        """The tender with this inner id."""
        return next((tender for tender in self.tenders if tender.inner == inner), None)


_CREATED, _IN_PROGRESS = Code.CREATED, Stage.IN_PROGRESS  # members of an enumeration are slow to reach


def evolve(order: Order | None, event: e.Event) -> Order:
    """The order after one fact."""
    if isinstance(event, e.OrderCreated):
        first = Tender(event.ref, event.product, _CREATED, event.total, at=event.at)
        return Order(event, _IN_PROGRESS, (first,), beneficiary=event.beneficiary)
    assert order is not None, "every life starts with OrderCreated"
    match event:
        case e.AppOpened():
            return replace(order, app_opened=True)
        case e.OrderPaid() | e.AttemptsExhausted() | e.Abandoned():
            return replace(
                order, stage=follow(CHECKOUT, order.stage, type(event)), ended_at=event.at, ended=_how_it_ended(event)
            )
        case e.Redirected() | e.Retried():
            return _before_payment(order, event)
        case e.AnswerAwaited() | e.Accepted() | e.Refused() | e.GivenUp():
            return _answered(order, event)
        case _:
            return _maintained(order, event)


def _how_it_ended(event: e.OrderPaid | e.AttemptsExhausted | e.Abandoned) -> str:
    if isinstance(event, e.Abandoned):
        return event.why
    return "paid" if isinstance(event, e.OrderPaid) else "refused"


def _with(order: Order, changed: Tender) -> Order:
    if order.tender(changed.inner) is None:
        return replace(order, tenders=(*order.tenders, changed))
    return replace(order, tenders=tuple(changed if each.inner == changed.inner else each for each in order.tenders))


def _before_payment(order: Order, event: e.Redirected | e.Retried) -> Order:
    code = follow(PAYMENT, order.first.code, type(event))
    if isinstance(event, e.Retried):
        fresh = replace(order.first, code=code, error=None, product=order.created.product, card=None, at=event.at)
        return replace(_with(order, fresh), app_opened=False)
    sent = replace(order.first, code=code, product=event.product, at=event.at)
    return replace(_with(order, sent), beneficiary=event.beneficiary, app_opened=False)


def _answered(order: Order, event: e.AnswerAwaited | e.Accepted | e.Refused | e.GivenUp) -> Order:
    found = order.tender(event.tender)
    if isinstance(event, e.GivenUp):
        tender = found or Tender(event.tender, None, Code.CREATED, event.remaining)
        left = replace(tender, code=follow(PAYMENT, tender.code, e.GivenUp), error=event.error, at=event.at)
        return _with(order, left)
    tender = found or Tender(event.tender, event.product, Code.CREATED, event.amount)
    code = follow(PAYMENT, tender.code, type(event))
    changed = replace(tender, code=code, product=event.product, share=event.amount, card=event.card, at=event.at)
    match event:
        case e.Accepted():
            taken = event.amount.minor
            changed = replace(
                changed,
                code=Code.CAPTURED if event.sale else code,
                account=event.account,
                accepted_at=event.at,
                open=0 if event.sale else taken,
                captured=taken if event.sale else 0,
                error=None,
            )
            return _with(order, changed)
        case e.Refused():
            changed = replace(changed, error=event.error, refused=tender.refused + 1)
            return replace(_with(order, changed), attempts=order.attempts + 1)
        case _:
            return _with(order, replace(changed, account=event.account))


def _maintained(order: Order, event: e.Event) -> Order:
    tender = order.tender(getattr(event, "tender", ""))
    assert tender is not None, "operations belong to a tender"
    match event:
        case e.CaptureRequested():
            moved = event.amount.minor
            return _with(
                order,
                replace(
                    _begun(tender, event, Kind.CAPTURE, Code.CAPTURE_REQUESTED),
                    open=tender.open - moved - event.released.minor,
                    captured=tender.captured + moved,
                    cancelled=tender.cancelled + event.released.minor,
                ),
            )
        case e.CancelRequested():
            moved = event.amount.minor
            begun = _begun(tender, event, Kind.CANCEL, Code.CANCEL_REQUESTED)
            return _with(order, replace(begun, open=tender.open - moved, cancelled=tender.cancelled + moved))
        case e.RefundRequested():
            begun = _begun(tender, event, Kind.REFUND, Code.REFUND_REQUESTED)
            return _with(order, replace(begun, refunded=tender.refunded + event.amount.minor))
        case _:
            return _with(order, _ended(tender, event))


def _begun(
    tender: Tender, event: e.CaptureRequested | e.CancelRequested | e.RefundRequested, kind: Kind, code: Code
) -> Tender:
    operation = Operation(event.number, kind, event.amount, code, event.reference, event.at, event.at)
    return replace(tender, operations=(*tender.operations, operation), at=event.at)


def _ended(tender: Tender, event: Any) -> Tender:
    operation = tender.operation(event.number)
    assert operation is not None, "an operation ends after it began"
    code = follow(OPERATION, operation.code, type(event))
    ended = replace(operation, code=code, at=event.at, error=getattr(event, "error", None))
    changed = replace(
        tender,
        operations=tuple(ended if each.number == event.number else each for each in tender.operations),
        at=event.at,
    )
    match event:
        case e.CaptureRefused():
            return replace(
                changed, open=tender.open + event.amount.minor, captured=tender.captured - event.amount.minor
            )
        case e.CancelRefused():
            return replace(
                changed, open=tender.open + event.amount.minor, cancelled=tender.cancelled - event.amount.minor
            )
        case e.RefundRefused():
            return replace(changed, refunded=tender.refunded - event.amount.minor)
        case _:
            return changed


def payment_code(tender: Tender) -> Code:
    """The code of the payment as a whole: that of its latest operation that left a mark on it."""
    for operation in reversed(tender.operations):
        match operation.code:
            case Code.REFUND_REJECTED | Code.CANCELLATION_REJECTED:
                continue
            case Code.CANCEL_REQUESTED | Code.CANCELLED if tender.open > 0 or tender.captured > 0:
                continue
            case code:
                return code
    return tender.code
