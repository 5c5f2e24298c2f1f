"""How orders, client sessions and tokens look to somebody who does not know Worldline: see ``domain.portrait``."""

from __future__ import annotations

from mockpsp.domain.portrait import Machine, Portrait, Track
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.products import product_name
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import (
    CHECKOUT,
    OPERATION,
    PAYMENT,
    STATUSES,
    Code,
    Order,
    Stage,
    Tender,
    payment_code,
)
from mockpsp.providers.worldline.wire import payment_id

_PAYMENT = Machine(
    name="payment",
    steps={  # the tables of a payment and of its operations, put together where operations begin
        **PAYMENT,
        **OPERATION,
        Code.PENDING_CAPTURE: {
            e.CaptureRequested: Code.CAPTURE_REQUESTED,
            e.CancelRequested: Code.CANCEL_REQUESTED,
        },
        Code.CAPTURED: {e.RefundRequested: Code.REFUND_REQUESTED},
    },
    good=frozenset({Code.CAPTURED, Code.REFUNDED, Code.PENDING_CAPTURE}),
    bad=frozenset(
        {
            Code.REJECTED,
            Code.CANCELLED_BY_CUSTOMER,
            Code.CANCELLED,
            Code.CAPTURE_REJECTED,
            Code.REFUND_REJECTED,
            Code.CANCELLATION_REJECTED,
        }
    ),
    words={code: f"{code.value} {status.word}" for code, status in STATUSES.items()},
)
_CHECKOUT = Machine(
    name="hosted checkout",
    steps=CHECKOUT,
    good=frozenset({Stage.PAYMENT_CREATED}),
    bad=frozenset({Stage.CANCELLED_BY_CONSUMER}),
)


def order(state: Order, settings: WorldlineSettings) -> Portrait:
    """A hosted checkout, or a payment from server to server, with its tenders and their operations."""
    created = state.created
    hosted = created.hosted is not None
    head = (Track(machine=_CHECKOUT, ref=state.ref, state=state.stage, amount=state.total),) if hosted else ()
    tenders = tuple(_tender(each, settings) for each in state.tenders)
    return Portrait(
        kind="hosted checkout" if hosted else "payment",
        ref=state.ref if hosted else tenders[0].ref,
        tracks=(*head, *tenders),
        reference=created.references.merchant_reference,
        amount=state.total,
        began=created.at,
        also=tuple(
            payment_id(tender.inner, operation.number, settings)
            for tender in state.tenders
            for operation in tender.operations
        ),
    )


def _tender(tender: Tender, settings: WorldlineSettings) -> Track:
    card = f" {tender.card.masked}" if tender.card is not None else ""
    paid = f"{product_name(tender.product, 'en')}{card}" if tender.product is not None else "not chosen yet"
    return Track(
        machine=_PAYMENT,
        ref=payment_id(tender.inner, 0, settings),
        state=payment_code(tender),
        amount=tender.share,
        note=paid,
    )
