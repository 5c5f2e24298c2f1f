"""Statuses, transition tables and the state of a purchase: a session or link, its orders, its payments.

Source of the words: CheckoutService-v72.json and docs.adyen.com, "Payment result codes". No public API of Adyen returns
an order's state; those names are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from msgspec import field
from msgspec.structs import replace

from mockpsp.domain.machine import follow
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.adyen import events as e


class Status(Enum):
    """Where a payment stands."""

    STARTED = "started"
    AWAITING_SHOPPER = "awaiting shopper"
    AUTHENTICATED = "authenticated"
    RESULT_AWAITED = "result awaited"
    AUTHORISED = "authorised"
    REFUSED = "refused"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled back"
    EXPIRED = "expired"


_ENDS: Mapping[type[Any], Status] = {
    e.Authorised: Status.AUTHORISED,
    e.Refused: Status.REFUSED,
    e.Abandoned: Status.ABANDONED,
}

PAYMENT: Mapping[Status, Mapping[type[Any], Status]] = {
    Status.STARTED: {
        e.Authorised: Status.AUTHORISED,
        e.Refused: Status.REFUSED,
        e.ActionRequired: Status.AWAITING_SHOPPER,
        e.ResultAwaited: Status.RESULT_AWAITED,
    },
    Status.AWAITING_SHOPPER: {
        **_ENDS,
        e.ActionRequired: Status.AWAITING_SHOPPER,
        e.Authenticated: Status.AUTHENTICATED,
        e.ShareApproved: Status.AWAITING_SHOPPER,
        e.ResultAwaited: Status.RESULT_AWAITED,
    },
    Status.AUTHENTICATED: {**_ENDS, e.ResultAwaited: Status.RESULT_AWAITED},
    Status.RESULT_AWAITED: {e.Authorised: Status.AUTHORISED, e.Refused: Status.REFUSED},
    Status.AUTHORISED: {
        e.Cancelled: Status.CANCELLED,
        e.RolledBack: Status.ROLLED_BACK,
        e.AuthorisationExpired: Status.EXPIRED,
        e.RestExpired: Status.AUTHORISED,
        e.Captured: Status.AUTHORISED,
        e.Refunded: Status.AUTHORISED,
        e.AmountUpdated: Status.AUTHORISED,
        e.CaptureFailed: Status.AUTHORISED,
        e.RefundFailed: Status.AUTHORISED,
        e.RefundReversed: Status.AUTHORISED,
    },
    Status.REFUSED: {},
    Status.ABANDONED: {},
    Status.CANCELLED: {},
    Status.ROLLED_BACK: {e.RefundFailed: Status.ROLLED_BACK, e.RefundReversed: Status.ROLLED_BACK},
    Status.EXPIRED: {},
}
"""Steps of a payment."""


class OrderStage(Enum):
    """Where an order stands."""

    OPEN = "open"
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ORDER: Mapping[OrderStage, Mapping[type[Any], OrderStage]] = {
    OrderStage.OPEN: {
        e.OrderPaid: OrderStage.PAID,
        e.OrderCancelled: OrderStage.CANCELLED,
        e.OrderExpired: OrderStage.EXPIRED,
    },
    OrderStage.PAID: {},
    OrderStage.CANCELLED: {},
    OrderStage.EXPIRED: {},
}
"""Steps of an order."""


class CheckoutStage(Enum):
    """Where a session or a payment link stands."""

    ACTIVE = "active"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "canceled"


CHECKOUT: Mapping[CheckoutStage, Mapping[type[Any], CheckoutStage]] = {
    CheckoutStage.ACTIVE: {
        e.CheckoutPaid: CheckoutStage.COMPLETED,
        e.CheckoutExpired: CheckoutStage.EXPIRED,
        e.CheckoutCancelled: CheckoutStage.CANCELLED,
    },
    CheckoutStage.COMPLETED: {e.CheckoutReopened: CheckoutStage.ACTIVE},
    CheckoutStage.EXPIRED: {},
    CheckoutStage.CANCELLED: {},
}
"""Steps of a session or a payment link."""


class Kind(Enum):
    """What a modification does."""

    CAPTURE = "capture"
    CANCEL = "cancel"
    TECHNICAL_CANCEL = "technical cancel"
    REFUND = "refund"
    REVERSAL = "reversal"
    AMOUNT_UPDATE = "amount update"


class Outcome(Enum):
    """Where a modification stands."""

    RECEIVED = "received"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    REVERSED = "reversed"


MODIFICATION: Mapping[Outcome, Mapping[type[Any], Outcome]] = {
    Outcome.RECEIVED: {
        e.Captured: Outcome.DONE,
        e.Cancelled: Outcome.DONE,
        e.Refunded: Outcome.DONE,
        e.AmountUpdated: Outcome.DONE,
        e.ModificationRefused: Outcome.REFUSED,
    },
    Outcome.DONE: {
        e.CaptureFailed: Outcome.FAILED,
        e.RefundFailed: Outcome.FAILED,
        e.RefundReversed: Outcome.REVERSED,
    },
    Outcome.REFUSED: {},
    Outcome.FAILED: {},
    Outcome.REVERSED: {},
}
"""Steps of a modification."""


class Modification(Value, frozen=True):
    """A capture, cancel, refund, reversal or amount update of one payment. ``effect`` is what a reversal became.

    ``amount`` is what was asked for; of a refund that is done, what it moved."""

    ref: str
    kind: Kind
    amount: Money
    reference: str
    outcome: Outcome
    settles: str
    reason: str
    later: Any
    at: datetime
    effect: str = ""


class Payment(Value, frozen=True):
    """One payment. ``asked`` is what it was asked for, where the shopper approved less.

    ``authorised``, ``captured`` and ``refunded`` are minor units, ``released`` what went back uncaptured; what is held
    is authorised minus captured minus released.
    """

    started: e.PaymentStarted
    status: Status
    authorised: int = 0
    captured: int = 0
    released: int = 0
    refunded: int = 0
    captures: int = 0
    action: e.ActionRequired | None = None
    outcome: str = ""
    refusal: e.Refused | None = None
    awaited: e.ResultAwaited | None = None
    granted: e.Authorised | None = None
    asked: Money | None = None
    modifications: tuple[Modification, ...] = ()

    @property
    def ref(self) -> str:
        """Its pspReference."""
        return self.started.payment

    @property
    def amount(self) -> Money:
        """What it was asked for, or the part of that which the shopper approved."""
        return self.started.amount

    @property
    def instrument(self) -> e.Instrument:
        """What pays it."""
        return self.started.instrument

    @property
    def held(self) -> int:
        """Minor units authorised and neither captured nor released."""
        return self.authorised - self.captured - self.released

    @property
    def pending(self) -> bool:
        """Whether its share is reserved, because a shopper or a result is waited for."""
        return self.status in _PENDING

    @property
    def covers(self) -> int:
        """Minor units of an order that it pays, or may still pay."""
        return self.started.amount.minor if self.status in _COVERING else 0

    def modification(self, ref: str) -> Modification | None:
        """The modification with this pspReference."""
        return next((each for each in self.modifications if each.ref == ref), None)


_PENDING = (Status.AWAITING_SHOPPER, Status.AUTHENTICATED, Status.RESULT_AWAITED)
_COVERING = (Status.AUTHORISED, *_PENDING)


class Order(Value, frozen=True):
    """An order inside a purchase."""

    opened: e.OrderOpened
    stage: OrderStage = OrderStage.OPEN
    paid_once: bool = False

    @property
    def ref(self) -> str:
        """Its pspReference."""
        return self.opened.order

    @property
    def amount(self) -> Money:
        """What it costs."""
        return self.opened.amount


_PAID = OrderStage.PAID


class Purchase(Value, frozen=True):
    """What belongs together. ``since`` is the index of the first payment of a reusable link's present round.

    ``kept`` are cards that were stored here and not forgotten since, ``numbered`` the tokens by the part that lists
    them. ``data_number`` is the number of a session's newest sessionData, ``data_oldest`` that of the oldest that
    counts.
    """

    ref: str
    merchant: str
    total: Money
    reference: str
    at: datetime
    session: e.SessionHead | None = None
    link: e.LinkHead | None = None
    secret: str = ""
    stage: CheckoutStage = CheckoutStage.ACTIVE
    since: int = 0
    orders: tuple[Order, ...] = ()
    payments: tuple[Payment, ...] = ()
    ended_at: datetime | None = None
    kept: tuple[e.DetailsStored, ...] = ()
    numbered: Mapping[str, str] = field(default_factory=dict)
    data_number: int = 0
    data_oldest: int = 0

    @property
    def is_checkout(self) -> bool:
        """Whether it is a session or a payment link."""
        return self.session is not None or self.link is not None

    @property
    def open_order(self) -> Order | None:
        """The order that takes payments."""
        return next((each for each in reversed(self.orders) if each.stage is OrderStage.OPEN), None)

    @property
    def round(self) -> tuple[Payment, ...]:
        """The payments that count for what is to be paid now."""
        return self.payments[self.since :]

    def order(self, ref: str) -> Order | None:
        """The order with this pspReference."""
        for each in self.orders:
            if each.opened.order == ref:
                return each
        return None

    def payment(self, ref: str) -> Payment | None:
        """The payment with this pspReference."""
        for each in self.payments:
            if each.started.payment == ref:
                return each
        return None

    def legs(self, order: str) -> tuple[Payment, ...]:
        """The payments of an order, in the order in which they began."""
        return tuple([each for each in self.payments if each.started.order == order])

    def remaining(self, order: Order) -> Money:
        """What no payment of the order covers or has reserved; of a paid one nothing, whatever follows."""
        opened = order.opened
        total = opened.amount
        if order.stage is _PAID:
            return total.zero
        left = total.minor
        for each in self.payments:
            if each.started.order == opened.order:
                left -= each.covers
        return Money(left, total.currency)


_Step = tuple[Purchase | None, Any, Purchase | None]
_latest: tuple[_Step, _Step] = (None, None, None), (None, None, None)


def evolve(state: Purchase | None, event: e.Event) -> Purchase:
    """The purchase after one fact.

    A decision looks at what its facts lead to, and then the world takes the same steps; so the latest are remembered.
    """
    global _latest  # one tuple in place of another: a thread sees this one or that one
    for known in _latest:
        if known[1] is event and known[0] is state and known[2] is not None:
            return known[2]
    after = _begun(event) if state is None else _STEPS.get(type(event), _paid)(state, event)
    _latest = _latest[1], (state, event, after)
    return after


def _ended(state: Purchase, event: Any) -> Purchase:
    return replace(state, stage=follow(CHECKOUT, state.stage, type(event)), ended_at=event.at)


def _reopened(state: Purchase, event: e.CheckoutReopened) -> Purchase:
    stage = follow(CHECKOUT, state.stage, e.CheckoutReopened)
    return replace(state, stage=stage, ended_at=None, since=len(state.payments))


def _renewed(state: Purchase, event: e.SessionDataRenewed) -> Purchase:
    return replace(state, data_number=event.number, data_oldest=event.oldest)


def _kept(state: Purchase, event: e.DetailsStored | e.DetailsForgotten) -> Purchase:
    others = tuple(each for each in state.kept if each.token != event.token)
    if isinstance(event, e.DetailsForgotten):
        return replace(state, kept=others)
    listed = {listing_part(event.shopper, event.number): event.token} if event.number else {}
    return replace(state, kept=(*others, event), numbered={**state.numbered, **listed})


def listing_part(shopper: str, number: int) -> str:
    """The part under which the purchase is found that stored the shopper's ``number``-th card."""
    return f"shopper/{number}/{shopper}"


def _opened(state: Purchase, event: e.OrderOpened) -> Purchase:
    return replace(state, orders=(*state.orders, Order(event)))


def _started(state: Purchase, event: e.PaymentStarted) -> Purchase:
    return replace(state, payments=(*state.payments, Payment(event, _STARTED)))


_STARTED = Status.STARTED


def _begun(event: e.Event) -> Purchase:
    match event:
        case e.CheckoutOpened():
            return Purchase(
                event.ref,
                event.merchant,
                event.total,
                event.reference,
                event.at,
                event.session,
                event.link,
                event.secret,
            )
        case e.OrderOpened():
            return Purchase(event.ref, event.merchant, event.amount, event.reference, event.at, orders=(Order(event),))
        case e.PaymentStarted():
            payments = (Payment(event, Status.STARTED),)
            return Purchase(event.ref, event.merchant, event.amount, event.reference, event.at, payments=payments)
        case other:
            raise TypeError(f"no purchase begins with {type(other).__name__}")


def _ordered(state: Purchase, event: e.OrderPaid | e.OrderCancelled | e.OrderExpired) -> Purchase:
    return replace(
        state,
        orders=tuple(
            replace(each, stage=follow(ORDER, each.stage, type(event))) if each.ref == event.order else each
            for each in state.orders
        ),
    )


def _paid(state: Purchase, event: Any) -> Purchase:
    """A fact about a payment."""
    payment = state.payment(event.payment)
    assert payment is not None, "facts about a payment follow its beginning"
    kind = type(event)
    if kind is e.Requested:
        changed = _requested(payment, event)
    else:
        changed = _resulted(_settled(payment, event) if payment.modifications else payment, event)
    payments = tuple([changed if each is payment else each for each in state.payments])
    order = payment.started.order
    if kind is not e.Authorised or not order:
        return replace(state, payments=payments)
    orders = tuple([replace(each, paid_once=True) if each.opened.order == order else each for each in state.orders])
    return replace(state, payments=payments, orders=orders)


def _requested(payment: Payment, event: e.Requested) -> Payment:
    modification = Modification(
        event.modification,
        Kind(event.kind),
        event.amount,
        event.reference,
        Outcome.RECEIVED,
        event.settles,
        event.reason,
        event.later,
        event.at,
    )
    return replace(payment, modifications=(*payment.modifications, modification))


_EFFECTS: Mapping[type[Any], str] = {e.Cancelled: "cancel", e.Refunded: "refund"}


def _settled(payment: Payment, event: Any) -> Payment:
    """The payment with the modification that the fact is about moved on; automatic captures have none."""
    found = payment.modification(getattr(event, "modification", ""))
    if found is None:
        return payment
    effect = _EFFECTS.get(type(event), found.effect)
    moved = replace(
        found,
        outcome=follow(MODIFICATION, found.outcome, type(event)),
        at=event.at,
        amount=event.amount if isinstance(event, e.Refunded) else found.amount,
        reason=getattr(event, "reason", found.reason),
        effect=effect,
    )
    return replace(
        payment, modifications=tuple(moved if each.ref == found.ref else each for each in payment.modifications)
    )


def _resulted(payment: Payment, event: Any) -> Payment:
    """The payment's own status and sums after a fact."""
    kind = type(event)
    if kind is e.ModificationRefused:
        return payment
    status = follow(PAYMENT, payment.status, kind)
    if kind is e.Authorised:
        taken = event.amount.minor
        captured, captures = (taken, 1) if event.sale else (0, 0)
        return replace(payment, status=status, granted=event, authorised=taken, captured=captured, captures=captures)
    changed = replace(payment, status=status)
    match event:
        case e.ActionRequired():
            return replace(changed, action=event)
        case e.Authenticated():
            return replace(changed, outcome=event.outcome)
        case e.ShareApproved():
            started = changed.started
            return replace(changed, asked=started.amount, started=replace(started, amount=event.amount))
        case e.ResultAwaited():
            return replace(changed, awaited=event)
        case e.Refused():
            return replace(changed, refusal=event)
        case _:
            return _moved(changed, event)


def _moved(payment: Payment, event: Any) -> Payment:
    """Sums after money moved."""
    match event:
        case e.Captured():
            return replace(
                payment,
                captured=payment.captured + event.amount.minor,
                released=payment.released + event.released.minor,
                captures=payment.captures + 1,
            )
        case e.Cancelled() | e.AuthorisationExpired() | e.RestExpired():
            return replace(payment, released=payment.released + event.amount.minor)
        case e.RolledBack():
            return replace(
                payment,
                released=payment.released + event.freed.minor,
                refunded=payment.refunded + event.amount.minor,
            )
        case e.Refunded():
            return replace(payment, refunded=payment.refunded + event.amount.minor)
        case e.RefundFailed() | e.RefundReversed():
            return replace(payment, refunded=payment.refunded - event.amount.minor)
        case e.CaptureFailed():
            minor = event.amount.minor
            return replace(payment, captured=payment.captured - minor, released=payment.released + minor)
        case e.AmountUpdated():
            return replace(payment, authorised=payment.authorised + event.amount.minor - event.before.minor)
        case _:
            return payment


_STEPS: Mapping[type[Any], Callable[[Purchase, Any], Purchase]] = {
    e.CheckoutPaid: _ended,
    e.CheckoutExpired: _ended,
    e.CheckoutCancelled: _ended,
    e.CheckoutReopened: _reopened,
    e.SessionDataRenewed: _renewed,
    e.DetailsStored: _kept,
    e.DetailsForgotten: _kept,
    e.OrderOpened: _opened,
    e.OrderPaid: _ordered,
    e.OrderCancelled: _ordered,
    e.OrderExpired: _ordered,
    e.PaymentStarted: _started,
}
"""All other facts are about a payment."""
