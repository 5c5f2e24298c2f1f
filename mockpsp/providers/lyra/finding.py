"""Finds what a reference means: orders and their parts, in a sandbox's world."""

from __future__ import annotations

from collections.abc import Iterator

from mockpsp.edge.exchange import Exchange
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.errors import Invalid, NotFound
from mockpsp.providers.lyra.holdings import Holdings, Seller
from mockpsp.providers.lyra.orders import ORDERS
from mockpsp.providers.lyra.reading import Sellers
from mockpsp.providers.lyra.sellers import find_by_external_ref, find_seller
from mockpsp.providers.lyra.states import Order, OrderStatus, Refund
from mockpsp.providers.lyra.transfers import Transfer, transfers
from mockpsp.world.world import World


def own_marketplace(x: Exchange) -> str:
    """The sandbox's marketplace."""
    uuid: str = x.sandbox.credentials["lyra"]["marketplace"]
    return uuid


def check_marketplace_path(x: Exchange) -> None:
    """Raise NotFound unless the path names the sandbox's marketplace."""
    if x.path["marketplace"].lower() != own_marketplace(x):
        raise NotFound("no marketplace has this uuid")


def check_marketplace_body(x: Exchange) -> str:
    """The marketplace that a body names. Raises Invalid for another one than the sandbox's."""
    given, own = x.json["marketplace"], own_marketplace(x)
    if given.lower() != own:
        raise Invalid({"marketplace": [f'Invalid pk "{given}" - object does not exist.']})
    return own


def the_seller(world: World, ref: str) -> Seller:
    """A seller by its uuid. Raises NotFound."""
    found = find_seller(world, ref.lower())
    if found is None:
        raise NotFound(f"no seller has the uuid {ref[:80]!r}")
    return found


def sellers_of(world: World) -> Sellers:
    """Looks sellers up."""
    return Sellers(lambda uuid: find_seller(world, uuid), lambda ref: find_by_external_ref(world, ref))


def operator_of(world: World) -> str:
    """The uuid of the marketplace's own seller."""
    own: Holdings = world.setups["lyra"].world
    return own.operator.uuid


def find_order(world: World, ref: str) -> Order | None:
    """The order that a reference of its own, or of a part, leads to."""
    owner = world.owner(ORDERS.name, ref)
    found: Order | None = world.state(ORDERS.name, owner) if owner is not None else None
    return found


def the_order(world: World, ref: str) -> Order:
    """An order by its uuid. Raises NotFound, also for the reference of a part."""
    found: Order | None = world.state(ORDERS.name, ref.lower())
    if found is None:
        raise NotFound(f"no order has the uuid {ref[:80]!r}")
    return found


def all_orders(world: World) -> Iterator[Order]:
    """Every order, the newest first."""
    return reversed(world.objects[ORDERS.name].values())


def the_item(world: World, ref: str) -> tuple[Order, e.Item]:
    """An item by its uuid, and its order. Raises NotFound."""
    order = find_order(world, ref.lower())
    item = order.item(ref.lower()) if order is not None else None
    if order is None or item is None:
        raise NotFound(f"no item has the uuid {ref[:80]!r}")
    return order, item


def all_items(world: World) -> Iterator[tuple[Order, e.Item]]:
    """Every item with its order."""
    return ((order, item) for order in all_orders(world) for item in order.items)


def the_transaction(world: World, ref: str) -> tuple[Order, e.Transaction]:
    """A transaction by its trans_uuid, with or without dashes, and its order. Raises NotFound."""
    plain = ref.lower().replace("-", "")
    order = find_order(world, plain)
    found = order.transaction(plain) if order is not None else None
    if order is None or found is None:
        raise NotFound(f"no transaction has the trans_uuid {ref[:80]!r}")
    return order, found


def all_transactions(world: World) -> Iterator[tuple[Order, e.Transaction]]:
    """Every transaction with its order."""
    return ((order, each) for order in all_orders(world) for each in order.transactions)


def transfers_of(world: World, order: Order) -> tuple[Transfer, ...]:
    """The transfers of an order; there are none before it is paid."""
    return transfers(order, operator_of(world)) if order.status is not OrderStatus.CREATED else ()


def all_transfers(world: World) -> Iterator[tuple[Order, Transfer]]:
    """Every transfer with its order."""
    return ((order, each) for order in all_orders(world) for each in transfers_of(world, order))


def the_transfer(world: World, ref: str) -> tuple[Order, Transfer]:
    """A transfer by its uuid, and its order. Raises NotFound.

    One that was captured is found by its reference, one that is not yet by looking through all orders.
    """
    wanted = ref.lower()
    order = find_order(world, wanted)
    candidates = all_transfers(world) if order is None else ((order, each) for each in transfers_of(world, order))
    found = next(((owner, each) for owner, each in candidates if each.uuid == wanted), None)
    if found is None:
        raise NotFound(f"no transfer has the uuid {ref[:80]!r}")
    return found


def the_refund(world: World, ref: str) -> tuple[Order, Refund]:
    """A refund by its uuid, and its order. Raises NotFound."""
    order = find_order(world, ref.lower())
    found = order.refund(ref.lower()) if order is not None else None
    if order is None or found is None:
        raise NotFound(f"no refund has the uuid {ref[:80]!r}")
    return order, found


def all_refunds(world: World) -> Iterator[tuple[Order, Refund]]:
    """Every refund with its order, newest orders first."""
    return ((order, each) for order in all_orders(world) for each in reversed(order.refunds))
