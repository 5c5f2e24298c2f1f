"""The API of an order's parts: items, transactions, transfers, refunds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pages import found
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra import reading, wire
from mockpsp.providers.lyra.answers import answer, base
from mockpsp.providers.lyra.errors import Invalid, wrong
from mockpsp.providers.lyra.finding import (
    all_items,
    all_refunds,
    all_transactions,
    all_transfers,
    find_order,
    sellers_of,
    the_item,
    the_order,
    the_refund,
    the_seller,
    the_transaction,
    the_transfer,
    transfers_of,
)
from mockpsp.providers.lyra.lists import listing, same
from mockpsp.providers.lyra.orders import ORDERS
from mockpsp.providers.lyra.states import Order, Refund
from mockpsp.providers.lyra.transfers import Transfer
from mockpsp.world.world import Outcome

OfItem = tuple[Order, e.Item]
OfTransfer = tuple[Order, Transfer]
OfRefund = tuple[Order, Refund]

_ITEM_KEYS: Mapping[str, Callable[[OfItem], Any]] = {
    "created_at": lambda each: each[1].created,
    "updated_at": lambda each: max(each[1].updated, each[0].updated),
    "amount": lambda each: each[1].amount,
    "status": lambda each: each[0].status.value,
    "reference": lambda each: each[1].reference,
    "seller": lambda each: each[1].seller,
    "uuid": lambda each: each[1].uuid,
}
_TRANSFER_KEYS: Mapping[str, Callable[[OfTransfer], Any]] = {
    "created_at": lambda each: each[1].transaction.created,
    "updated_at": lambda each: each[1].updated,
    "amount": lambda each: each[1].amount,
    "status": lambda each: each[1].status,
    "uuid": lambda each: each[1].uuid,
}
_REFUND_KEYS: Mapping[str, Callable[[OfRefund], Any]] = {
    "created_at": lambda each: each[1].asked.at,
    "updated_at": lambda each: each[1].updated,
    "amount": lambda each: each[1].amount,
    "status": lambda each: each[1].status.value,
    "reference": lambda each: each[1].asked.reference,
    "uuid": lambda each: each[1].ref,
}


# -- items -----------------------------------------------------------------------------------------------------------


def _moment(x: Exchange, name: str) -> datetime | None:
    """A filter of the form ``YYYY-MM-DD HH:MM``, or a day. Raises Invalid."""
    text = str(x.query.get(name) or "")
    if not text:
        return None
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Invalid({name: ["Enter a valid date/time."]})


def item_listing(x: Exchange, items: Sequence[OfItem]) -> Answer:
    """Those of these items that the query's filters want."""
    query, start = x.query, base(x)
    begin, end = _moment(x, "start_date"), _moment(x, "end_date")
    wanted = [
        (order, each)
        for order, each in items
        if same(query.get("uuid"), each.uuid)
        and same(query.get("seller"), each.seller)
        and same(query.get("order"), order.ref)
        and same(query.get("amount"), each.amount)
        and same(query.get("status"), order.status.value)
        and (begin is None or each.created >= begin)
        and (end is None or each.created <= end)
    ]
    return listing(x, wanted, lambda each: wire.item(each[1], each[0], start), sort_keys=_ITEM_KEYS)


async def list_items(x: Exchange) -> Answer:
    """GET /items."""
    return item_listing(x, list(all_items(x.world)))


async def list_seller_items(x: Exchange) -> Answer:
    """GET /sellers/{seller}/items."""
    uuid = the_seller(x.world, x.path["seller"]).uuid
    return item_listing(x, [each for each in all_items(x.world) if each[1].seller == uuid])


async def create_item(x: Exchange) -> Answer:
    """POST /items: the body names the order."""
    ref = str(x.json["order"]).lower()
    if x.world.state(ORDERS.name, ref) is None:
        raise Invalid({"order": [f'Invalid pk "{ref}" - object does not exist.']})
    return await _add(x, ref)


async def create_order_item(x: Exchange) -> Answer:
    """POST /orders/{order}/items."""
    return await _add(x, the_order(x.world, x.path["order"]).ref)


async def _add(x: Exchange, ref: str) -> Answer:
    command = c.AddItem(reading.read_item(x.json, sellers_of(x.world), None))

    def render(outcome: Outcome) -> Answer:
        return answer(201, wire.item(outcome.state.items[-1], outcome.state, base(x)))

    return await x.run(ORDERS, ref, command, render)


async def get_item(x: Exchange) -> Answer:
    """GET /items/{item}."""
    order, item = the_item(x.world, x.path["item"])
    return answer(200, wire.item(item, order, base(x)))


async def update_item(x: Exchange) -> Answer:
    """PUT /items/{item}: what the body leaves out stays."""
    order, item = the_item(x.world, x.path["item"])
    command = c.ChangeItem(reading.read_item(x.json or {}, sellers_of(x.world), item))

    def render(outcome: Outcome) -> Answer:
        return answer(200, wire.item(outcome.state.item(item.uuid), outcome.state, base(x)))

    return await x.run(ORDERS, order.ref, command, render)


async def activate_item(x: Exchange) -> Answer:
    """POST /items/{item}/activate: 302 to the item, which is no longer held."""
    order, item = the_item(x.world, x.path["item"])
    there = f"{base(x)}/items/{item.uuid}"
    return await x.run(ORDERS, order.ref, c.Activate(item.uuid), lambda _: found(there))


# -- transactions ----------------------------------------------------------------------------------------------------


async def list_transactions(x: Exchange) -> Answer:
    """GET /transactions."""
    start = base(x)
    return listing(x, list(all_transactions(x.world)), lambda each: wire.transaction(each[1], each[0], start))


async def get_transaction(x: Exchange) -> Answer:
    """GET /transactions/{transaction}."""
    order, transaction = the_transaction(x.world, x.path["transaction"])
    return answer(200, wire.transaction(transaction, order, base(x)))


async def list_transaction_transfers(x: Exchange) -> Answer:
    """GET /transactions/{transaction}/transfers."""
    order, transaction = the_transaction(x.world, x.path["transaction"])
    uuid = transaction.trans_uuid
    mine = [(order, each) for each in transfers_of(x.world, order) if each.transaction.trans_uuid == uuid]
    return transfer_listing(x, mine)


# -- transfers -------------------------------------------------------------------------------------------------------


def transfer_listing(x: Exchange, transfers: Sequence[OfTransfer]) -> Answer:
    """Those of these transfers that the query's filters want."""
    query, start = x.query, base(x)
    wanted = [
        (order, each)
        for order, each in transfers
        if same(query.get("uuid"), each.uuid)
        and same(query.get("item"), each.item.uuid)
        and same(query.get("amount"), each.amount)
        and same(query.get("status"), each.status)
    ]
    return listing(x, wanted, lambda each: wire.transfer(each[1], start), sort_keys=_TRANSFER_KEYS)


async def list_transfers(x: Exchange) -> Answer:
    """GET /transfers."""
    return transfer_listing(x, list(all_transfers(x.world)))


async def get_transfer(x: Exchange) -> Answer:
    """GET /transfers/{transfer}."""
    _, transfer = the_transfer(x.world, x.path["transfer"])
    return answer(200, wire.transfer(transfer, base(x)))


async def list_item_transfers(x: Exchange) -> Answer:
    """GET /items/{item}/transfers."""
    order, item = the_item(x.world, x.path["item"])
    return transfer_listing(x, [(order, each) for each in transfers_of(x.world, order) if each.item.uuid == item.uuid])


async def list_seller_transfers(x: Exchange) -> Answer:
    """GET /sellers/{seller}/transfers."""
    uuid = the_seller(x.world, x.path["seller"]).uuid
    return transfer_listing(x, [each for each in all_transfers(x.world) if each[1].seller == uuid])


# -- refunds ---------------------------------------------------------------------------------------------------------


def refund_listing(x: Exchange, refunds: Sequence[OfRefund]) -> Answer:
    """Those of these refunds that the query's filters want."""
    query, start = x.query, base(x)
    wanted = [
        (order, each)
        for order, each in refunds
        if same(query.get("uuid"), each.ref)
        and same(query.get("transaction"), each.asked.transaction or None)
        and same(query.get("amount"), each.amount)
        and same(query.get("status"), each.status.value)
    ]
    return listing(x, wanted, lambda each: wire.refund(each[1], each[0], start), sort_keys=_REFUND_KEYS)


async def list_refunds(x: Exchange) -> Answer:
    """GET /refunds."""
    return refund_listing(x, list(all_refunds(x.world)))


async def create_refund(x: Exchange) -> Answer:
    """POST /refunds: of an order, or of one of its transactions."""
    body = x.json
    order = _refunded(x, body)
    items = reading.read_refund_items(body["items"], sellers_of(x.world))
    command = c.AskRefund(
        transaction=str(body.get("transaction") or "").lower().replace("-", ""),
        reference=body["reference"],
        description=body.get("description"),
        currency=body["currency"],
        items=items,
    )

    def render(outcome: Outcome) -> Answer:
        return answer(201, wire.refund(outcome.state.refunds[-1], outcome.state, base(x)))

    return await x.run(ORDERS, order.ref, command, render)


def _refunded(x: Exchange, body: Mapping[str, Any]) -> Order:
    """The order that a refund names, itself or by a transaction. Raises Invalid."""
    ref, transaction = body.get("order"), body.get("transaction")
    if ref is None and transaction is None:
        raise Invalid({"order": ["This field is required."]})
    if ref is not None:
        order: Order | None = x.world.state(ORDERS.name, str(ref).lower())
        if order is None:
            raise Invalid({"order": [f'Invalid pk "{ref}" - object does not exist.']})
        return order
    order = find_order(x.world, str(transaction).lower().replace("-", ""))
    if order is None:
        raise wrong("transaction", "No transaction has this trans_uuid.")
    return order


async def get_refund(x: Exchange) -> Answer:
    """GET /refunds/{refund}."""
    order, refund = the_refund(x.world, x.path["refund"])
    return answer(200, wire.refund(refund, order, base(x)))


async def update_refund(x: Exchange) -> Answer:
    """PUT /refunds/{refund}: another amount."""
    order, refund = the_refund(x.world, x.path["refund"])
    body = x.json or {}
    items = body.get("items")
    read = None if items is None else reading.read_refund_items(items, sellers_of(x.world))
    command = c.ChangeRefund(refund.ref, body.get("description"), read)

    def render(outcome: Outcome) -> Answer:
        return answer(200, wire.refund(outcome.state.refund(refund.ref), outcome.state, base(x)))

    return await x.run(ORDERS, order.ref, command, render)


async def delete_refund(x: Exchange) -> Answer:
    """DELETE /refunds/{refund}."""
    order, refund = the_refund(x.world, x.path["refund"])
    return await x.run(ORDERS, order.ref, c.CancelRefund(refund.ref), lambda _: Answer(204))
