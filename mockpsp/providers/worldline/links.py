"""Addresses of our pages. A link leads to its sandbox and its order by itself, and cannot be guessed."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from mockpsp.providers.worldline.states import Order
    from mockpsp.world.world import World

CHECKOUT = "/hostedcheckout/PaymentMethods/Selection"
CONNECT = "/cvconnect"


def token(world: World, order: Order) -> str:
    """32 characters: the sandbox's key, the order's secret, its inner id."""
    how = order.created.hosted or order.created.direct
    assert how is not None, "only orders with a shopper have a page"
    return f"{world.key}{how.secret}{order.ref}"


def find(world: World, text: str) -> Order | None:
    """The order of a token, if it is a right one."""
    order: Order | None = world.state("worldline.order", text[22:])
    if order is None or not (order.created.hosted or order.created.direct):
        return None
    return order if compare_digest(token(world, order).encode(), text.encode()) else None


def page(world: World, order: Order, origin: str) -> str:
    """Where the shopper begins."""
    path = CHECKOUT if order.created.hosted else CONNECT
    return f"{origin}{path}/{token(world, order)}"


def portal(world: World, order: Order, origin: str = "") -> str:
    """The CV Connect portal on a desktop."""
    return f"{origin}{CONNECT}/{token(world, order)}"


def app(world: World, order: Order, origin: str = "") -> str:
    """The page that opens on the phone."""
    return f"{portal(world, order, origin)}/app"


def back(order: Order, payment_id: str) -> str:
    """The merchant's return address with RETURNMAC and the id, its own query and fragment kept; "" if it gave none."""
    hosted, direct = order.created.hosted, order.created.direct
    how = hosted or direct
    if how is None or not how.return_url:
        return ""
    ours = {"RETURNMAC": how.return_mac, **({"hostedCheckoutId": order.ref} if hosted else {"paymentId": payment_id})}
    scheme, host, path, query, fragment = urlsplit(how.return_url)
    return urlunsplit((scheme, host, path, "&".join(part for part in (query, urlencode(ours)) if part), fragment))
