"""How a purchase looks to somebody who does not know Adyen: see ``domain.portrait``."""

from __future__ import annotations

from collections.abc import Iterator

from mockpsp.domain.portrait import Machine, Portrait, Track
from mockpsp.providers.adyen.states import (
    CHECKOUT,
    MODIFICATION,
    ORDER,
    PAYMENT,
    CheckoutStage,
    Modification,
    OrderStage,
    Outcome,
    Payment,
    Purchase,
    Status,
)

_PAYMENT = Machine(
    name="payment",
    steps=PAYMENT,
    good=frozenset({Status.AUTHORISED}),
    bad=frozenset(
        {Status.REFUSED, Status.ABANDONED, Status.CANCELLED, Status.ROLLED_BACK, Status.EXPIRED},
    ),
)
_ORDER = Machine(
    name="order",
    steps=ORDER,
    good=frozenset({OrderStage.PAID}),
    bad=frozenset({OrderStage.CANCELLED, OrderStage.EXPIRED}),
)
_CHECKOUTS = {
    name: Machine(
        name=name,
        steps=CHECKOUT,
        good=frozenset({CheckoutStage.COMPLETED}),
        bad=frozenset({CheckoutStage.CANCELLED, CheckoutStage.EXPIRED}),
    )
    for name in ("session", "payment link")
}
_MODIFICATION = Machine(
    name="modification",
    steps=MODIFICATION,
    good=frozenset({Outcome.DONE}),
    bad=frozenset({Outcome.REFUSED, Outcome.FAILED, Outcome.REVERSED}),
)


def purchase(state: Purchase) -> Portrait:
    """A session or a payment link, its orders, and its payments with what was done to them."""
    tracks = tuple(_tracks(state))
    return Portrait(
        kind=tracks[0].machine.name,
        ref=tracks[0].ref,
        tracks=tracks,
        reference=state.reference,
        amount=state.total,
        began=state.at,
    )


def _tracks(state: Purchase) -> Iterator[Track]:
    if state.is_checkout:
        machine = _CHECKOUTS["session" if state.session is not None else "payment link"]
        yield Track(machine=machine, ref=state.ref, state=state.stage, amount=state.total)
    for order in state.orders:
        left = state.remaining(order)
        note = f"{left} left to pay" if order.stage is OrderStage.OPEN and left else ""
        yield Track(machine=_ORDER, ref=order.ref, state=order.stage, amount=order.amount, note=note)
    for payment in state.payments:
        yield _payment(payment)
        yield from map(_modification, payment.modifications)


def _payment(payment: Payment) -> Track:
    means = payment.instrument
    digits = f" •••• {means.last_four}" if means.last_four else ""
    return Track(
        machine=_PAYMENT,
        ref=payment.ref,
        state=payment.status,
        amount=payment.amount,
        note=f"{means.brand or means.type}{digits}",
    )


def _modification(modification: Modification) -> Track:
    return Track(
        machine=_MODIFICATION,
        ref=modification.ref,
        state=modification.outcome,
        amount=modification.amount,
        note=modification.kind.value,
    )
