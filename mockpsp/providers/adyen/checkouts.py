"""Sessions, payment links and orders: how they open, and how they end. Pure.

Source: docs.adyen.com "Partial payments".
"""

from __future__ import annotations

from typing import Any

from mockpsp.domain.lifecycle import Decision, Moment
from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen import tokens
from mockpsp.providers.adyen.errors import (
    CheckoutClosed,
    MissingField,
    OrderCancelled,
    OrderClosed,
    OrderExpired,
    OrderUnknown,
    ShopperRefused,
)
from mockpsp.providers.adyen.ids import checkout_id, psp_reference
from mockpsp.providers.adyen.issuers import (
    check_amount,
)
from mockpsp.providers.adyen.settings import AdyenSettings
from mockpsp.providers.adyen.states import (
    CheckoutStage,
    Order,
    OrderStage,
    Payment,
    Purchase,
    Status,
)

# -- sessions and payment links --------------------------------------------------------------------------------------


def decide_checkout(state: Purchase | None, command: c.OpenCheckout, moment: Moment) -> Decision:
    """A session or payment link exists."""
    opened = e.CheckoutOpened(
        ref=checkout_id("CS" if command.session is not None else "PL", command.key, moment.ids),
        secret=moment.ids.hex(32),
        merchant=command.merchant,
        total=command.total,
        reference=command.reference,
        session=command.session,
        link=command.link,
        at=moment.now,
    )
    return Decision((opened,), "a page waits for its shopper" if command.link is not None else "a session is open")


def active_checkout(state: Purchase | None) -> Purchase:
    """The purchase, if it takes payments: a closed session or link takes none. Raises CheckoutClosed."""
    if state is None or (state.is_checkout and state.stage is not CheckoutStage.ACTIVE):
        raise CheckoutClosed("it is completed, expired or cancelled")
    return state


def decide_end(state: Purchase | None, command: Any, moment: Moment) -> Decision:
    """The time of a session or link is over, or its merchant or shopper ends it; an open order goes back."""
    purchase = active_checkout(state)
    back = _close_open_order(purchase, moment, expired=not isinstance(command, c.GiveUp))
    match command:
        case c.GiveUp() if purchase.link is not None:
            return Decision(tuple(back), "the shopper left; the link can be opened again")
        case c.GiveUp():
            cancelled = e.CheckoutCancelled(ref=purchase.ref, at=moment.now)
            return Decision((*back, cancelled), "the shopper gave up")
        case c.EndLink():
            ended = e.CheckoutExpired(ref=purchase.ref, by="merchant", at=moment.now)
            return Decision((*back, ended), "the merchant ended the link")
        case _:
            ended = e.CheckoutExpired(ref=purchase.ref, by="clock", at=moment.now)
            return Decision((*back, ended), "its time is over")


def _close_open_order(purchase: Purchase, moment: Moment, *, expired: bool) -> list[e.Event]:
    lost: list[e.Event] = [
        e.Abandoned(ref=purchase.ref, payment=each.ref, at=moment.now)
        for each in purchase.round
        if not each.started.order and each.status in (Status.AWAITING_SHOPPER, Status.AUTHENTICATED)
    ]
    order = purchase.open_order
    return lost if order is None else [*lost, *close_order(purchase, order, moment, expired=expired)]


# -- orders ----------------------------------------------------------------------------------------------------------


def question_order(state: Purchase | None, command: c.OpenOrder, moment: Moment) -> None:
    """Guard the beginning of an order. Raises InvalidAmount, UnsupportedCurrency, CheckoutClosed."""
    if state is not None:
        active_checkout(state)
        if state.open_order is not None:
            raise OrderClosed("the session has an open order already")
        nobody_else_pays(state)
    elif command.amount is None:
        raise MissingField("amount")
    else:
        check_amount(command.amount)


def nobody_else_pays(state: Purchase) -> None:
    """Guard a session or link against being paid twice, by two pages at once. Raises ShopperRefused."""
    if any(each.pending for each in state.round) or state.open_order is not None:
        raise ShopperRefused("answer_awaited")


def decide_order(state: Purchase | None, command: c.OpenOrder, moment: Moment) -> Decision:
    """An order is open, inside a session or link or on its own."""
    settings: AdyenSettings = moment.settings
    psp = psp_reference(moment.ids)
    amount = command.amount if state is None else state.total
    assert amount is not None, "question_order refuses it"
    opened = e.OrderOpened(
        ref=psp if state is None else state.ref,
        order=psp,
        merchant=command.merchant,
        amount=amount,
        reference=command.reference,
        secret=moment.ids.hex(32),
        expires=command.expires or moment.now + settings.order_life,
        at=moment.now,
    )
    inferred = ("order_opened",) if settings.order_opened != "on_create" else ()
    return Decision((opened,), "the order waits for its payments", inferred)


def open_order(state: Purchase | None, ref: str, data: str | None) -> tuple[Purchase, Order]:
    """The order that a payment or a cancellation names. Raises a refusal about orders."""
    order = state.order(ref) if state is not None else None
    if state is None or order is None:
        raise OrderUnknown("no order has this pspReference")
    if data is not None and not has_order_data(state, order, data):
        raise OrderUnknown("the orderData is not the order's")
    _refuse_closed(order)
    return state, order


def has_order_data(purchase: Purchase, order: Order, text: str) -> bool:
    """Whether this is, or was, the order's orderData."""
    return tokens.is_order_data(text, order.ref, order.opened.secret, len(purchase.legs(order.ref)))


_OPEN = OrderStage.OPEN


def _refuse_closed(order: Order) -> None:
    if order.stage is _OPEN:
        return
    told = f"the order is {order.stage.value}"
    match order.stage:
        case OrderStage.PAID:
            raise OrderClosed(told)
        case OrderStage.CANCELLED:
            raise OrderCancelled(told)
        case OrderStage.EXPIRED:
            raise OrderExpired(told)


def question_cancel_order(state: Purchase | None, command: c.CancelOrder) -> None:
    """Guard a cancellation; an order that is cancelled already may be cancelled again. Raises about orders."""
    try:
        open_order(state, command.order, command.data)
    except (OrderCancelled, OrderExpired):
        return


def decide_cancel_order(state: Purchase | None, command: c.CancelOrder, moment: Moment) -> Decision:
    """All payments of the order go back, and it is closed; the second time nothing follows."""
    assert state is not None, "question_cancel_order refuses it"
    order = state.order(command.order)
    assert order is not None, "question_cancel_order refuses it"
    if order.stage is not OrderStage.OPEN:
        return Decision((), f"the order is {order.stage.value} already")
    inferred = ("rollback_webhooks",) if state.legs(order.ref) else ()
    return Decision(tuple(close_order(state, order, moment, expired=False)), "the order is cancelled", inferred)


def decide_order_expiry(state: Purchase | None, command: c.ExpireOrder, moment: Moment) -> Decision:
    """The order's time is over. Raises a refusal when it is closed already."""
    purchase, order = open_order(state, command.order, None)
    return Decision(tuple(close_order(purchase, order, moment, expired=True)), "the order's time is over")


def close_order(purchase: Purchase, order: Order, moment: Moment, *, expired: bool) -> list[e.Event]:
    """The end of an order that is not paid: every payment goes back, each by cancel or by refund."""
    events: list[e.Event] = []
    for leg in purchase.legs(order.ref):
        if leg.status is Status.AUTHORISED:
            events.append(_roll_back(purchase, leg, moment))
        elif leg.status in (Status.AWAITING_SHOPPER, Status.AUTHENTICATED):
            events.append(e.Abandoned(ref=purchase.ref, payment=leg.ref, at=moment.now))
    end = e.OrderExpired if expired else e.OrderCancelled
    return [*events, end(ref=purchase.ref, order=order.ref, at=moment.now)]


def _roll_back(purchase: Purchase, leg: Payment, moment: Moment) -> e.RolledBack:
    taken, currency = leg.captured - leg.refunded, leg.amount.currency
    return e.RolledBack(
        ref=purchase.ref,
        payment=leg.ref,
        how="refund" if taken else "cancel",
        amount=Money(taken, currency),
        freed=Money(leg.held, currency),
        at=moment.now,
    )
