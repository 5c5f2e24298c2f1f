"""Decisions about an order before and around its payment: create, change, execute, cancel, validate. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from msgspec.structs import replace

from mockpsp.domain.ids import Ids
from mockpsp.domain.lifecycle import Decision, Moment
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.building import build, build_all
from mockpsp.providers.lyra.errors import NOTHING_TO_PAY, Executed, Invalid, NotFound, wrong
from mockpsp.providers.lyra.holdings import Holdings
from mockpsp.providers.lyra.links import form_token, link_code, page_ids
from mockpsp.providers.lyra.schedule import SINGLE, check_config, legs, read_due
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order, OrderStatus, TransactionStatus
from mockpsp.providers.lyra.vouchers import selected, unselected, winners


def the_order(state: Order | None) -> Order:
    """The order that a command is about. Raises NotFound."""
    if state is None:
        raise NotFound("no such order")
    return state


def require(state: Order, *allowed: OrderStatus) -> None:
    """Raise Invalid unless the order is in one of these statuses."""
    if state.status not in allowed:
        raise wrong("status", f"This is not possible while the order is {state.status.value}.")


# -- create and change -----------------------------------------------------------------------------------------------


def decide_create(command: c.Create, moment: Moment) -> Decision:
    """POST /orders."""
    head = command.head
    _check_head(head, moment)
    ref = moment.ids.uuid()
    items = build_all(command.items, head.currency, moment, lambda _: moment.ids.uuid())
    _check_vouchers_fit(head, items)
    law = f"items: {len(items)}" if items else "no items: without expand=items the nested list is not read"
    return Decision((e.OrderCreated(ref, command.marketplace, head, tuple(items), moment.now),), law)


def _check_head(head: e.Head, moment: Moment) -> None:
    holdings: Holdings = moment.world
    market = holdings.marketplace
    if market.currency(head.currency) is None:
        raise wrong("currency", f"Marketplace {market.description} does not support {head.currency} currency")
    if head.capture_delay is not None and not 0 <= head.capture_delay <= market.max_capture_delay:
        raise wrong("capture_delay", f"The capture delay must be between 0 and {market.max_capture_delay} days.")
    check_config(head.payment_config, moment.now)


def _check_vouchers_fit(head: e.Head, items: Sequence[e.Item]) -> None:
    if head.payment_config != SINGLE and any(each.vouchers for each in items):
        raise wrong("payment_config", "Vouchers cannot be paid in installments.", "vouchers with installments")


def decide_update(state: Order | None, command: c.Update, moment: Moment) -> Decision:
    """PUT of an order that is not paid yet: its address no longer works, what was authorised is given back."""
    order = the_order(state)
    head = replace(order.head, **command.changes)
    _check_head(head, moment)
    date = head.expected_capture_date
    if date is not None and date != order.head.expected_capture_date:
        holdings: Holdings = moment.world
        read_due(date, moment.now, holdings.marketplace.max_capture_delay)
    items = order.items
    if command.items is not None:
        known = {each.uuid: each for each in order.items}
        built = build_all(
            command.items,
            head.currency,
            moment,
            lambda index: _kept_uuid(command.items or (), index, known, moment.ids),
        )
        items = tuple(replace(each, created=known[each.uuid].created) if each.uuid in known else each for each in built)
    _check_vouchers_fit(head, items)
    return _changed(order, head, items, moment)


def _kept_uuid(asked: Sequence[c.ItemInput], index: int, known: dict[str, e.Item], ids: Ids) -> str:
    given = asked[index].uuid
    first = all(each.uuid != given for each in asked[:index])
    return given if given in known and first else ids.uuid()


def _changed(order: Order, head: e.Head, items: Sequence[e.Item], moment: Moment) -> Decision:
    _check_not_ended(order)
    given_back = (e.SharesReversed(moment.now),) if order.shares else ()
    change = e.OrderChanged(head, unselected(items), moment.now)
    law = "the order is not paid yet and can be changed"
    if order.execution is not None:
        law += "; the address that was given out no longer works"
    return Decision((*given_back, change), law)


def decide_add_item(state: Order | None, command: c.AddItem, moment: Moment) -> Decision:
    """POST of an item."""
    order = the_order(state)
    require(order, OrderStatus.CREATED)
    item = build(command.item, order.currency, moment, moment.ids.uuid())
    items = (*order.items, item)
    _check_vouchers_fit(order.head, items)
    return _changed(order, order.head, items, moment)


def decide_change_item(state: Order | None, command: c.ChangeItem, moment: Moment) -> Decision:
    """PUT of an item."""
    order = the_order(state)
    require(order, OrderStatus.CREATED)
    before = order.item(command.item.uuid)
    if before is None:
        raise NotFound("no such item")
    if before.hold_payment is False and command.item.hold_payment:
        raise wrong("hold_payment", "An item that was released cannot be held again.")
    item = replace(build(command.item, order.currency, moment, before.uuid), created=before.created)
    items = tuple(item if each.uuid == before.uuid else each for each in order.items)
    _check_vouchers_fit(order.head, items)
    return _changed(order, order.head, items, moment)


def _check_not_ended(order: Order) -> None:
    """Raise Invalid while the notification of a payment that has ended is under way."""
    if order.ended:
        raise wrong("status", "The payment of this order has ended.")


# -- execute ---------------------------------------------------------------------------------------------------------


def check_executable(order: Order, moment: Moment) -> None:
    """Raise Invalid unless the order can go to the gateway."""
    require(order, OrderStatus.CREATED)
    _check_not_ended(order)
    if order.total <= 0:
        raise wrong("amount", NOTHING_TO_PAY)
    count = len(legs(order.head.payment_config, order.total, moment.now))
    if not order.head.awaiting_validation:
        check_commission(order.items, order.currency, count, moment.world)


def commission_of(items: Sequence[e.Item]) -> int:
    """What the marketplace keeps of an order."""
    return sum(each.amount if each.is_commission else each.commission_amount or 0 for each in items)


def fees(total: int, count: int, currency: str, holdings: Holdings) -> int:
    """What Lyra takes of an order from the marketplace's share; nothing where it sends an invoice.

    Rounded up; the rounding is inferred, the formula is an image in the guide.
    """
    market = holdings.marketplace
    terms = market.currency(currency)
    if market.billing_method != "CASHOUT" or terms is None:
        return 0
    net = terms.commission_prorata / 100 * total + count * terms.commission_fix
    return ceil(round(net * (1 + float(market.tva_rate) / 100), 6))


def check_commission(items: Sequence[e.Item], currency: str, count: int, holdings: Holdings) -> None:
    """Raise Invalid if the marketplace's share does not cover Lyra's fees."""
    total = sum(each.amount for each in items)
    least, share = fees(total, count, currency, holdings), commission_of(items)
    if share < least:
        raise wrong("commission", f"The commission must be at least {least}; it is {share}.", "minimum commission")


def decide_execute(state: Order | None, command: c.Execute, moment: Moment) -> Decision:
    """GET execute: sellers are chosen for each voucher type, and the page has an address; an older one is void."""
    order = the_order(state)
    check_executable(order, moment)
    if command.way == "persist":
        _check_link(order, command.code, moment)
    settings: LyraSettings = moment.settings
    life = settings.form_token_life if command.way == "embedded" else settings.page_life
    executed, law = executed_by(order, command.way, command.key, moment, registers=command.registers, life=life)
    given_back = (e.SharesReversed(moment.now),) if order.shares else ()
    return Decision((*given_back, executed), law, ("tie_break",) if "equal" in law else ())


def _check_link(order: Order, code: str, moment: Moment) -> None:
    linked = order.persisted
    if linked is None or linked.code != code or linked.expires <= moment.now:
        raise NotFound("no such link")


def executed_by(
    order: Order, way: str, key: str, moment: Moment, *, registers: bool, life: timedelta | None
) -> tuple[e.Executed, str]:
    """The execution of an order, and who won which voucher type."""
    page, secret = page_ids(key, moment.ids)
    chosen = winners(order.items, moment.settings.tie_break)
    executed = e.Executed(
        way=way,
        reference=order.head.reference,
        page=page,
        secret=secret,
        form_token=form_token(key, moment.ids) if way == "embedded" else "",
        registers=registers,
        amount=order.total,
        items=selected(order.items, chosen),
        winners=chosen,
        expires=None if life is None else moment.now + life,
        at=moment.now,
    )
    won = ", ".join(f"{contract_type} → seller {seller}" for contract_type, seller in chosen)
    if not won:
        return executed, "no vouchers to choose for"
    tie = any(chosen != winners(order.items, rule) for rule in ("lowest", "highest"))
    law = f"the largest payable sum of each voucher contract_type wins: {won}"
    return executed, f"{law}; of equal sums the contract number decided" if tie else law


def decide_persist(state: Order | None, command: c.Persist, moment: Moment) -> Decision:
    """GET persist."""
    order = the_order(state)
    check_executable(order, moment)
    settings: LyraSettings = moment.settings
    code = link_code(command.key, moment.ids)
    linked = e.LinkPersisted(code, moment.now + settings.persist_life, moment.now)
    return Decision((linked,), "a link that can be used until it expires", ("persist_life",))


# -- cancel and validate ---------------------------------------------------------------------------------------------


def decide_cancel(state: Order | None, moment: Moment) -> Decision:
    """DELETE of an order: before execution, or before capture."""
    order = the_order(state)
    require(order, OrderStatus.CREATED, OrderStatus.PENDING)
    if order.status is OrderStatus.CREATED and order.execution is not None:
        raise Executed("the shopper is paying")
    if order.captures:
        raise wrong("status", "A transaction of this order has been captured; it can only be refunded.")
    law = "not executed yet" if order.status is OrderStatus.CREATED else "paid and not captured: everything goes back"
    return Decision((e.OrderCancelled(moment.now),), law)


def waits_for_validation(order: Order) -> bool:
    """Whether a transaction waits to be validated."""
    return any(each.status == TransactionStatus.TO_VALIDATE.value for each in order.transactions)


def decide_validate(state: Order | None, moment: Moment) -> Decision:
    """POST validate. The minimum commission is checked now, as it was not at execution."""
    order = the_order(state)
    require(order, OrderStatus.PENDING)
    if not waits_for_validation(order):
        raise wrong("status", "No transaction of this order waits to be validated.")
    check_commission(order.items, order.currency, len(order.transactions), moment.world)
    return Decision((e.OrderValidated(moment.now),), "the card payment waited to be validated")


def decide_validation_expiry(state: Order | None, moment: Moment) -> Decision:
    """Nobody validated in time."""
    order = the_order(state)
    if order.status is not OrderStatus.PENDING or not waits_for_validation(order):
        raise Invalid({"status": "nothing waits to be validated"})
    at = moment.now
    events = (e.ValidationExpired(at), e.OrderFailed("not validated in time", at))
    return Decision(events, "nobody validated the payment in time", ("validation_life",))
