"""The API of orders: from a checked request to a command, from its outcome to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pages import found
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import reading, wire
from mockpsp.providers.lyra.answers import answer, base
from mockpsp.providers.lyra.api_parts import item_listing, refund_listing, transfer_listing
from mockpsp.providers.lyra.finding import (
    all_orders,
    check_marketplace_body,
    check_marketplace_path,
    sellers_of,
    the_order,
    transfers_of,
)
from mockpsp.providers.lyra.links import page_url
from mockpsp.providers.lyra.lists import listing, same
from mockpsp.providers.lyra.orders import ORDERS
from mockpsp.providers.lyra.states import Order
from mockpsp.providers.lyra.stored import stored_by_alias
from mockpsp.world.world import Outcome

_SORT_KEYS: Mapping[str, Callable[[Order], Any]] = {
    "created_at": lambda each: each.created,
    "updated_at": lambda each: each.updated,
    "amount": lambda each: each.total if each.execution is not None else -1,
    "status": lambda each: each.status.value,
    "reference": lambda each: each.head.reference,
    "uuid": lambda each: each.ref,
}


def expanded(x: Exchange) -> frozenset[str]:
    """The lists that the request wants embedded, or sends."""
    return frozenset(each.strip() for each in str(x.query.get("expand", "")).split(","))


def _shown(x: Exchange, state: Order, status: int = 200) -> Answer:
    return answer(status, wire.order(state, base(x), x.origin, x.settings, expanded(x)))


def _showing(x: Exchange, status: int) -> Callable[[Outcome], Answer]:
    return lambda outcome: _shown(x, outcome.state, status)


def _to_order(x: Exchange, ref: str) -> Answer:
    return found(f"{base(x)}/orders/{ref}")


# -- lists -----------------------------------------------------------------------------------------------------------


async def list_orders(x: Exchange) -> Answer:
    """GET /orders: the newest first."""
    query, start, embedded = x.query, base(x), expanded(x)

    def render(state: Order) -> Mapping[str, Any]:
        return wire.order(state, start, x.origin, x.settings, embedded)

    if not any(query.get(name) for name in ("uuid", "marketplace", "amount", "status", "ordering")):
        return listing(x, all_orders(x.world), render, count=len(x.world.objects[ORDERS.name]))
    wanted = [each for each in all_orders(x.world) if _wanted(each, query)]
    return listing(x, wanted, render, sort_keys=_SORT_KEYS)


def _wanted(state: Order, query: Mapping[str, str]) -> bool:
    amount = state.total if state.execution is not None else None
    return (
        same(query.get("uuid"), state.ref)
        and same(query.get("marketplace"), state.marketplace)
        and same(query.get("amount"), amount)
        and same(query.get("status"), state.status.value)
    )


async def list_marketplace_orders(x: Exchange) -> Answer:
    """GET /marketplaces/{marketplace}/orders."""
    check_marketplace_path(x)
    return await list_orders(x)


# -- one order -------------------------------------------------------------------------------------------------------


async def create_order(x: Exchange) -> Answer:
    """POST /orders. Without ``expand=items`` the items are not read: the order is created all the same, and empty."""
    marketplace = check_marketplace_body(x)
    head = reading.read_head(x.json)
    items = x.json.get("items") if "items" in expanded(x) else None
    if items is None and x.json.get("items"):
        x.note("the body has items, but the request does not expand them: they are not read")
    command = c.Create(marketplace, head, reading.read_items(items or (), sellers_of(x.world), {}))
    shown = expanded(x)

    def render(outcome: Outcome) -> Answer:
        body = wire.order(outcome.state, base(x), x.origin, x.settings, shown)
        return answer(201, body if "items" in shown else {**body, "items": []})

    return await x.run(ORDERS, None, command, render)


async def get_order(x: Exchange) -> Answer:
    """GET /orders/{order}."""
    return _shown(x, the_order(x.world, x.path["order"]))


async def update_order(x: Exchange) -> Answer:
    """PUT /orders/{order}. Nested lists are read when ``expand`` names them."""
    state = the_order(x.world, x.path["order"])
    body = x.json or {}
    if body.get("marketplace") is not None:
        check_marketplace_body(x)
    embedded = expanded(x)
    items = body.get("items") if "items" in embedded else None
    transactions = body.get("transactions") if "transactions" in embedded else None
    known = {each.uuid: each for each in state.items}
    command = c.Update(
        changes=reading.read_changes(body),
        items=None if items is None else reading.read_items(items, sellers_of(x.world), known),
        transactions=None if transactions is None else reading.read_transactions(transactions),
        due=body.get("expected_capture_date"),
    )
    return await x.run(ORDERS, state.ref, command, _showing(x, 200))


async def cancel_order(x: Exchange) -> Answer:
    """DELETE /orders/{order}."""
    state = the_order(x.world, x.path["order"])
    return await x.run(ORDERS, state.ref, c.Cancel(), lambda _: Answer(204))


# -- execute ---------------------------------------------------------------------------------------------------------


async def _execute(x: Exchange, *, embedded: bool, registers: bool) -> Answer:
    state = the_order(x.world, x.path["order"])
    command = c.Execute(way="embedded" if embedded else "page", key=x.sandbox.key, registers=registers)

    def render(outcome: Outcome) -> Answer:
        executed = outcome.state.execution
        if embedded:
            return answer(200, {"form_token": executed.form_token})
        return answer(200, {"payment_url": page_url(x.origin, executed.page, executed.secret)})

    return await x.run(ORDERS, state.ref, command, render)


async def execute(x: Exchange) -> Answer:
    """GET execute: the order goes to the gateway, the answer is where the buyer pays."""
    return await _execute(x, embedded=False, registers=False)


async def execute_token(x: Exchange) -> Answer:
    """GET execute/token: the same, and the payment method gets an alias."""
    return await _execute(x, embedded=False, registers=True)


async def execute_embedded(x: Exchange) -> Answer:
    """GET execute-embedded: a token for the form inside the shop's own page."""
    return await _execute(x, embedded=True, registers=False)


async def execute_embedded_token(x: Exchange) -> Answer:
    """GET execute-embedded/token."""
    return await _execute(x, embedded=True, registers=True)


async def execute_mit(x: Exchange) -> Answer:
    """GET execute-mit: paid at once with the order's alias; the answer is empty either way."""
    state = the_order(x.world, x.path["order"])
    known = stored_by_alias(x.world, state.head.alias) if state.head.alias is not None else None
    command = c.ExecuteMit(x.sandbox.key, known)
    return await x.run(ORDERS, state.ref, command, lambda _: Answer(200))


async def persist(x: Exchange) -> Answer:
    """GET persist: the order gets a link that can be sent to the buyer; a second call finds the same one."""
    state = the_order(x.world, x.path["order"])
    if state.persisted is not None:
        return _to_order(x, state.ref)
    return await x.run(ORDERS, state.ref, c.Persist(x.sandbox.key), lambda _: _to_order(x, state.ref))


async def validate_order(x: Exchange) -> Answer:
    """POST validate."""
    state = the_order(x.world, x.path["order"])
    return await x.run(ORDERS, state.ref, c.Validate(), lambda _: _to_order(x, state.ref))


async def activate_order(x: Exchange) -> Answer:
    """POST activate: every held item is released."""
    state = the_order(x.world, x.path["order"])
    return await x.run(ORDERS, state.ref, c.Activate(), lambda _: _to_order(x, state.ref))


# -- its parts -------------------------------------------------------------------------------------------------------


async def list_order_items(x: Exchange) -> Answer:
    """GET /orders/{order}/items."""
    state = the_order(x.world, x.path["order"])
    return item_listing(x, [(state, each) for each in state.items])


async def list_order_transactions(x: Exchange) -> Answer:
    """GET /orders/{order}/transactions."""
    state = the_order(x.world, x.path["order"])
    start = base(x)
    return listing(x, state.transactions, lambda each: wire.transaction(each, state, start))


async def list_order_refunds(x: Exchange) -> Answer:
    """GET /orders/{order}/refunds."""
    state = the_order(x.world, x.path["order"])
    return refund_listing(x, [(state, each) for each in state.refunds])


async def list_order_transfers(x: Exchange) -> Answer:
    """GET /orders/{order}/transfers."""
    state = the_order(x.world, x.path["order"])
    return transfer_listing(x, [(state, each) for each in transfers_of(x.world, state)])
