"""What an order, its transactions and its refunds can be, and which facts lead from one status to another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.machine import follow
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.lyra import events as e


class OrderStatus(Enum):
    """Where an order stands; its items stand there too."""

    CREATED = "CREATED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"


_BEFORE = (
    e.OrderChanged, e.Executed, e.LinkPersisted, e.ShareAuthorised, e.ShareRefused, e.ChallengeRaised,
    e.ChallengePassed, e.SharesReversed, e.PaymentEnded, e.ItemActivated,
)  # fmt: skip
_REFUNDS = (
    e.RefundAsked, e.RefundChanged, e.RefundSent, e.RefundSucceeded, e.RefundFailed, e.RefundCancelled,
)  # fmt: skip
_ENDED: Mapping[type[Any], OrderStatus] = {}

ORDER: Mapping[OrderStatus, Mapping[type[Any], OrderStatus]] = {
    OrderStatus.CREATED: {
        **dict.fromkeys(_BEFORE, OrderStatus.CREATED),
        e.OrderPaid: OrderStatus.PENDING,
        e.OrderFailed: OrderStatus.FAILED,
        e.OrderAbandoned: OrderStatus.ABANDONED,
        e.OrderCancelled: OrderStatus.CANCELLED,
    },
    OrderStatus.PENDING: {
        **dict.fromkeys(
            (e.OrderRevised, e.OrderValidated, e.ValidationExpired, e.Captured, e.CaptureFailed, e.ItemActivated),
            OrderStatus.PENDING,
        ),
        e.OrderSucceeded: OrderStatus.SUCCEEDED,
        e.OrderFailed: OrderStatus.FAILED,
        e.OrderCancelled: OrderStatus.CANCELLED,
    },
    OrderStatus.SUCCEEDED: dict.fromkeys((*_REFUNDS, e.ItemActivated), OrderStatus.SUCCEEDED),
    OrderStatus.CANCELLED: _ENDED,
    OrderStatus.FAILED: _ENDED,
    OrderStatus.ABANDONED: _ENDED,
}
"""Steps of an order. The answer to a webhook is written down in every status and is no step."""


class TransactionStatus(Enum):
    """Where a transaction stands."""

    CREATED = "CREATED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    TO_VALIDATE = "TO_VALIDATE"


_T = TransactionStatus
TRANSACTION: Mapping[TransactionStatus, Mapping[type[Any], TransactionStatus]] = {
    _T.CREATED: {},
    _T.TO_VALIDATE: {
        e.OrderValidated: _T.PENDING,
        e.ValidationExpired: _T.EXPIRED,
        e.OrderCancelled: _T.CANCELLED,
        e.OrderFailed: _T.CANCELLED,
    },
    _T.PENDING: {
        e.OrderValidated: _T.PENDING,
        e.Captured: _T.SUCCEEDED,
        e.CaptureFailed: _T.FAILED,
        e.ValidationExpired: _T.CANCELLED,
        e.OrderCancelled: _T.CANCELLED,
        e.OrderFailed: _T.CANCELLED,
    },
    _T.SUCCEEDED: {e.OrderFailed: _T.SUCCEEDED},
    _T.CANCELLED: {e.OrderFailed: _T.CANCELLED},
    _T.FAILED: {e.OrderFailed: _T.FAILED},
    _T.EXPIRED: {e.OrderFailed: _T.EXPIRED},
}
"""Steps of a transaction, born PENDING or TO_VALIDATE; what was given back before the order was paid is CANCELLED."""


class RefundStatus(Enum):
    """Where a refund stands."""

    CREATED = "CREATED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


_R = RefundStatus
REFUND: Mapping[RefundStatus, Mapping[type[Any], RefundStatus]] = {
    _R.CREATED: {e.RefundChanged: _R.CREATED, e.RefundSent: _R.PENDING, e.RefundCancelled: _R.CANCELLED},
    _R.PENDING: {
        e.RefundChanged: _R.PENDING,
        e.RefundCancelled: _R.CANCELLED,
        e.RefundSucceeded: _R.SUCCEEDED,
        e.RefundFailed: _R.FAILED,
    },
    _R.SUCCEEDED: {},
    _R.FAILED: {},
    _R.CANCELLED: {},
}
"""Steps of a refund."""


class Refund(Value, frozen=True):
    """A refund as it stands. ``initial`` is the amount that was first asked for."""

    asked: e.RefundAsked
    items: tuple[e.RefundItem, ...]
    description: str | None
    initial: int
    updated: datetime
    status: RefundStatus = RefundStatus.CREATED
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def ref(self) -> str:
        """Its uuid."""
        return self.asked.refund

    @property
    def amount(self) -> int:
        """What its items add up to."""
        return sum(each.amount for each in self.items)


class Order(Value, frozen=True):
    """An order. ``shares`` are authorised and not notified yet, ``ended`` is how the shopper's part ended.

    ``reversed`` are shares that were given back, ``refused`` the last tender that was refused.
    """

    ref: str
    marketplace: str
    head: e.Head
    items: tuple[e.Item, ...]
    created: datetime
    updated: datetime
    status: OrderStatus = OrderStatus.CREATED
    execution: e.Executed | None = None
    persisted: e.LinkPersisted | None = None
    shares: tuple[e.ShareAuthorised, ...] = ()
    reversed: tuple[e.ShareAuthorised, ...] = ()
    refused: e.ShareRefused | None = None
    refusals: int = 0
    challenge: e.ChallengeRaised | None = None
    ended: str = ""
    transactions: tuple[e.Transaction, ...] = ()
    stored: e.Stored | None = None
    validated: bool = False
    captures: tuple[e.Captured, ...] = ()
    refunds: tuple[Refund, ...] = ()
    gateway_id: str = ""
    webhook_result: int | None = None

    @property
    def currency(self) -> str:
        """Three letters of ISO 4217."""
        return self.head.currency

    @property
    def total(self) -> int:
        """The sum of its items."""
        return sum(each.amount for each in self.items)

    @property
    def money(self) -> Money:
        """The same as money."""
        return Money(self.total, self.currency)

    @property
    def paid(self) -> int:
        """What is authorised on the page by now."""
        return sum(each.amount for each in self.shares)

    @property
    def remaining(self) -> int:
        """What is left to pay on the page."""
        return self.total - self.paid

    @property
    def is_open(self) -> bool:
        """Whether a shopper can pay it now."""
        return self.status is OrderStatus.CREATED and self.execution is not None and not self.ended

    def item(self, uuid: str) -> e.Item | None:
        """One of its items."""
        return next((each for each in self.items if each.uuid == uuid), None)

    def transaction(self, uuid: str) -> e.Transaction | None:
        """One of its transactions."""
        return next((each for each in self.transactions if each.trans_uuid == uuid), None)

    def refund(self, uuid: str) -> Refund | None:
        """One of its refunds."""
        return next((each for each in self.refunds if each.ref == uuid), None)

    def captured(self, transaction: str) -> e.Captured | None:
        """The capture of a transaction."""
        return next((each for each in self.captures if each.trans_uuid == transaction), None)

    def share(self, kind: str) -> int:
        """What a kind of tender is authorised for on the page."""
        return sum(each.amount for each in self.shares if each.instrument.kind == kind)

    def refunded(self, transaction: str) -> int:
        """What went back of a transaction."""
        done = (each.parts for each in self.refunds if each.status is RefundStatus.SUCCEEDED)
        return sum(amount for parts in done for uuid, amount in parts if uuid == transaction)


def evolve(state: Order | None, event: e.Event) -> Order:
    """The order after one fact."""
    if isinstance(event, e.OrderCreated):
        return Order(event.ref, event.marketplace, event.head, event.items, event.at, event.at)
    assert state is not None, "an order begins with its creation"
    if isinstance(event, e.WebhookAnswered):
        return replace(state, webhook_result=event.status)
    status = follow(ORDER, state.status, type(event))
    state = replace(state, status=status, updated=event.at)
    if isinstance(event, _REFUNDS):
        return replace(state, refunds=_refunds(state, event))
    if status is OrderStatus.CREATED:
        return _before_payment(state, event)
    return _after_payment(state, event)


def _before_payment(state: Order, event: Any) -> Order:
    match event:
        case e.OrderChanged():
            return replace(
                state, head=event.head, items=event.items, execution=None, challenge=None, refused=None, refusals=0
            )
        case e.Executed():
            return replace(
                state, execution=event, items=event.items, reversed=(), challenge=None, refused=None, refusals=0
            )
        case e.LinkPersisted():
            return replace(state, persisted=event)
        case e.ShareAuthorised():
            return replace(state, shares=(*state.shares, event), challenge=None)
        case e.ShareRefused():
            return replace(state, refused=event, refusals=state.refusals + 1, challenge=None)
        case e.ChallengeRaised():
            return replace(state, challenge=event)
        case e.ChallengePassed():
            return replace(state, challenge=None)
        case e.SharesReversed():
            return replace(state, shares=(), reversed=state.shares)
        case e.PaymentEnded():
            return replace(state, ended=event.outcome, challenge=None)
        case _:
            return _activated(state, event)


def _activated(state: Order, event: e.ItemActivated) -> Order:
    items = tuple(
        replace(each, hold_payment=False, updated=event.at) if each.uuid == event.item else each for each in state.items
    )
    return replace(state, items=items)


def _after_payment(state: Order, event: Any) -> Order:
    match event:
        case e.OrderPaid():
            paid = {(item, contract_type): amount for item, contract_type, amount in event.allocations}
            items = tuple(_allocated(each, paid) for each in state.items)
            return replace(
                state,
                items=items,
                shares=(),
                transactions=event.transactions,
                stored=event.stored,
                gateway_id=event.gateway_id,
            )
        case e.OrderRevised():
            return replace(state, items=event.items, transactions=event.transactions)
        case e.ItemActivated():
            return _activated(state, event)
        case e.Captured():
            return replace(_moved(state, event), captures=(*state.captures, event))
        case e.OrderValidated():
            return replace(_moved(state, event), validated=True)
        case e.CaptureFailed() | e.ValidationExpired() | e.OrderCancelled():
            return _moved(state, event)
        case e.OrderFailed() if not state.transactions:
            return replace(state, transactions=attempts(state, event.at))
        case e.OrderFailed():
            return _moved(state, event)
        case e.OrderAbandoned():
            return replace(state, transactions=attempts(state, event.at))
        case _:
            return state


def _allocated(item: e.Item, paid: Mapping[tuple[str, str], int]) -> e.Item:
    if not item.vouchers:
        return item
    return replace(
        item, vouchers=tuple(replace(each, actual=paid.get((item.uuid, each.type))) for each in item.vouchers)
    )


def _moved(state: Order, event: Any) -> Order:
    """The order with its transactions moved on: the one that the fact is about, or all of them."""
    only = getattr(event, "trans_uuid", "")
    return replace(
        state,
        transactions=tuple(
            _stepped(each, event) if only in ("", each.trans_uuid) else each for each in state.transactions
        ),
    )


def _stepped(transaction: e.Transaction, event: Any) -> e.Transaction:
    now = TransactionStatus(transaction.status)
    after = follow(TRANSACTION, now, type(event))
    return transaction if after is now else replace(transaction, status=after.value, updated=event.at)


def attempts(state: Order, at: datetime) -> tuple[e.Transaction, ...]:
    """What a payment that came to nothing leaves: the shares that were given back, CANCELLED."""
    return tuple(
        e.Transaction(
            trans_uuid=share.trans_uuid,
            sequence=number,
            instrument=share.instrument,
            amount=share.amount,
            initial=share.amount,
            held=0,
            auto_code=share.auto_code,
            day=share.day,
            due=share.at,
            paid_at=share.at,
            created=at,
            updated=at,
            status="CANCELLED",
        )
        for number, share in enumerate(state.reversed, 1)
    )


def _refunds(state: Order, event: Any) -> tuple[Refund, ...]:
    if isinstance(event, e.RefundAsked):
        initial = sum(each.amount for each in event.items)
        return (*state.refunds, Refund(event, event.items, event.description, initial, event.at))
    return tuple(_refund(each, event) if each.ref == event.refund else each for each in state.refunds)


def _refund(refund: Refund, event: Any) -> Refund:
    changed = replace(refund, status=follow(REFUND, refund.status, type(event)), updated=event.at)
    match event:
        case e.RefundChanged():
            return replace(changed, items=event.items, description=event.description)
        case e.RefundSucceeded():
            return replace(changed, parts=event.parts)
        case _:
            return changed
