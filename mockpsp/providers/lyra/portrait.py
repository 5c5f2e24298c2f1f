"""How orders and sellers' registrations look to somebody who does not know Lyra: see ``domain.portrait``."""

from __future__ import annotations

from mockpsp.domain.money import Money
from mockpsp.domain.portrait import Machine, Portrait, Track
from mockpsp.providers.lyra.enrolment_states import (
    DOCUMENT,
    REGISTRATION,
    DocumentStatus,
    Registration,
    Status,
)
from mockpsp.providers.lyra.states import (
    ORDER,
    REFUND,
    TRANSACTION,
    Order,
    OrderStatus,
    RefundStatus,
    TransactionStatus,
)

_ORDER = Machine(
    name="order",
    steps=ORDER,
    good=frozenset({OrderStatus.SUCCEEDED}),
    bad=frozenset({OrderStatus.CANCELLED, OrderStatus.FAILED, OrderStatus.ABANDONED}),
)
_TRANSACTION = Machine(
    name="transaction",
    steps=TRANSACTION,
    good=frozenset({TransactionStatus.SUCCEEDED}),
    bad=frozenset({TransactionStatus.CANCELLED, TransactionStatus.FAILED, TransactionStatus.EXPIRED}),
)
_REFUND = Machine(
    name="refund",
    steps=REFUND,
    good=frozenset({RefundStatus.SUCCEEDED}),
    bad=frozenset({RefundStatus.FAILED, RefundStatus.CANCELLED}),
)
_REGISTRATION = Machine(
    name="registration",
    steps=REGISTRATION,
    good=frozenset({Status.SUCCEEDED}),
    bad=frozenset(
        {Status.CANCELLED, Status.FAILED, Status.ABANDONED, Status.CLOSED, Status.SUSPENDED, Status.REJECTED}
    ),
)
_DOCUMENT = Machine(
    name="document",
    steps=DOCUMENT,
    good=frozenset({DocumentStatus.VALIDATED}),
    bad=frozenset({DocumentStatus.REJECTED, DocumentStatus.EXPIRED}),
)


def order(state: Order) -> Portrait:
    """An order with its transactions and refunds."""

    def money(minor: int) -> Money:
        return Money(minor, state.currency)

    transactions = tuple(
        Track(
            machine=_TRANSACTION,
            ref=each.trans_uuid,
            state=TransactionStatus(each.status),
            amount=money(each.amount),
            note=f"{each.instrument.scheme} {each.instrument.masked}".strip(),
        )
        for each in state.transactions
    )
    refunds = tuple(
        Track(machine=_REFUND, ref=each.ref, state=each.status, amount=money(each.amount)) for each in state.refunds
    )
    head = Track(machine=_ORDER, ref=state.ref, state=state.status, amount=state.money)
    return Portrait(
        kind="order",
        ref=state.ref,
        tracks=(head, *transactions, *refunds),
        reference=state.head.reference,
        amount=state.money,
        began=state.created,
        also=tuple(each.uuid for each in state.items),
    )


def registration(state: Registration) -> Portrait:
    """A seller's registration with its documents."""
    head = Track(machine=_REGISTRATION, ref=state.ref, state=state.status, note=state.form.external_ref or "")
    documents = tuple(
        Track(machine=_DOCUMENT, ref=each.uuid, state=each.status, note=each.type) for each in state.documents
    )
    return Portrait(
        kind="registration",
        ref=state.ref,
        tracks=(head, *documents),
        reference=state.form.external_ref or state.reference,
        began=state.created,
    )
