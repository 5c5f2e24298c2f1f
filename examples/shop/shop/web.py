"""The shop's HTTP side: pages for the shopper and the merchant, addresses for webhooks. Nothing is decided here."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from shop.adyen import Adyen
from shop.calls import CallFailed, Refused
from shop.care import Care
from shop.cashier import Cashier, UnknownOrder
from shop.catalogue import PRODUCTS
from shop.lyra import Lyra
from shop.orders import Order
from shop.pages import Pages, facts, version
from shop.settings import Settings
from shop.store import Store
from shop.texts import LANGUAGES, language_of, text
from shop.webhooks import Forged, NotForUs
from shop.worldline import Worldline

log = logging.getLogger("shop")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CASHIER = web.AppKey("CASHIER", Cashier)
PAGES = web.AppKey("PAGES", Pages)
SECRET = web.AppKey("SECRET", bytes)
STATIC = Path(__file__).parent / "static"
_INTERNAL = ("-sent", "-refused", "-answer")  # of the history: what is between us and the provider
_SAFE = {
    "Content-Security-Policy": "default-src 'self'; form-action *; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # an order's address is a secret
}


def build(settings: Settings, care: Care | None = None) -> web.Application:
    """The shop as an application."""
    care, store = care or Care(), Store(settings.database)
    providers = [each(settings, store, care) for each in (Worldline, Adyen, Lyra)]
    app = web.Application(middlewares=[_politely], client_max_size=256 * 1024)
    app[CASHIER] = Cashier(settings, store, care, providers)
    app[PAGES] = Pages()
    app[SECRET] = secrets.token_bytes(32)
    app.add_routes(_routes())
    app.cleanup_ctx.append(_watching)
    return app


def _routes() -> list[web.AbstractRouteDef]:
    return [
        web.get("/", _home),
        web.get(f"/{{kind:{'|'.join(PRODUCTS)}}}", _product),
        web.post("/orders", _buy),
        web.get("/orders/{token}", _order),
        web.get("/orders/{token}/facts", _facts),
        web.post("/orders/{token}/pay", _pay),
        web.post("/orders/{token}/cancel", _cancel),
        web.get("/return/worldline", _back_from_worldline),
        web.route("*", "/return/{token}", _back),
        web.get("/merchant", _merchant),
        web.get("/merchant/{id}", _merchant_order),
        web.get("/merchant/{id}/facts", _merchant_facts),
        web.post("/merchant/{id}/refund", _refund),
        web.post("/webhooks/{provider:worldline|adyen|lyra}", _webhook),
        web.static("/static", STATIC),
    ]


async def _watching(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[CASHIER].watch())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await app[CASHIER].close()
    app[CASHIER].store.close()


@web.middleware
async def _politely(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors become pages, and every page is told what it may not do."""
    try:
        response = await handler(request)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        response = _problem(request, error.status, "not-found" if error.status == 404 else "bad-form")
    for name, value in _SAFE.items():
        response.headers.setdefault(name, value)
    if (chosen := request.query.get("lang")) in LANGUAGES:
        response.set_cookie("lang", str(chosen), max_age=31_536_000, samesite="Lax")
    return response


def _language(request: web.Request) -> str:
    chosen = request.query.get("lang") or request.cookies.get("lang") or ""
    return chosen if chosen in LANGUAGES else language_of(request.headers.get("Accept-Language", ""))


def _page(request: web.Request, name: str, status: int = 200, **given: object) -> web.Response:
    html = request.app[PAGES].render(name, _language(request), path=request.path, **given)
    return web.Response(text=html, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


def _problem(request: web.Request, status: int, key: str, back: str = "/", told: str = "") -> web.Response:
    return _page(request, "problem", status, words=told or text(_language(request), key), back=back)


# -- the shopper -------------------------------------------------------------------------------------------------------


async def _home(request: web.Request) -> web.Response:
    return _page(request, "home", products=PRODUCTS.values())


async def _product(request: web.Request) -> web.Response:
    return _page(request, "product", product=PRODUCTS[request.match_info["kind"]])


async def _buy(request: web.Request) -> web.StreamResponse:
    product = PRODUCTS.get(str((await request.post()).get("kind", "")))
    if product is None:
        return _problem(request, 400, "bad-form")
    return await _to_payment(request, request.app[CASHIER].store.create(product, _language(request)))


async def _to_payment(request: web.Request, order: Order) -> web.StreamResponse:
    """To the provider's page; to the order's own page when there is none, and that page says so."""
    try:
        url = await request.app[CASHIER].pay(order.id)
    except CallFailed as error:
        log.warning("%s: %r", order.id, error)
        url = ""
    raise web.HTTPSeeOther(url or f"/orders/{order.token}")


def _ours(request: web.Request) -> Order:
    order = request.app[CASHIER].store.by_token(request.match_info["token"])
    if order is None:
        raise web.HTTPNotFound
    return order


async def _order(request: web.Request) -> web.Response:
    order = _ours(request)
    store = request.app[CASHIER].store
    history = [each for each in store.history(order.id) if not each[1].endswith(_INTERNAL)]
    return _page(
        request, "order", order=order, product=PRODUCTS[order.kind], history=history, version=version(order, store)
    )


async def _facts(request: web.Request) -> web.Response:
    return web.json_response(facts(_ours(request), request.app[CASHIER].store), headers={"Cache-Control": "no-store"})


async def _pay(request: web.Request) -> web.StreamResponse:
    return await _to_payment(request, _ours(request))


async def _cancel(request: web.Request) -> web.StreamResponse:
    order = _ours(request)
    try:
        await request.app[CASHIER].cancel(order.id)
    except Refused as error:
        return _problem(request, 409, "cannot-cancel", f"/orders/{order.token}", str(error))
    except CallFailed:
        return _problem(request, 503, "provider-away", f"/orders/{order.token}")
    raise web.HTTPSeeOther(f"/orders/{order.token}")


async def _back_from_worldline(request: web.Request) -> web.StreamResponse:
    """The address has the checkout's id, which others can guess, and RETURNMAC, which they cannot."""
    cashier = request.app[CASHIER]
    order = cashier.store.by_ref(request.query.get("hostedCheckoutId", ""))
    if order is None or not cashier.care.return_is_ours(request.query.get("RETURNMAC", ""), order.mac):
        return _problem(request, 400, "bad-return")
    await cashier.returned(order.id)
    raise web.HTTPSeeOther(f"/orders/{order.token}")


async def _back(request: web.Request) -> web.StreamResponse:
    """Whatever a provider adds to this address is not read: only the provider's own answer counts."""
    order = _ours(request)
    await request.app[CASHIER].returned(order.id)
    raise web.HTTPSeeOther(f"/orders/{order.token}")


# -- the merchant ------------------------------------------------------------------------------------------------------


async def _merchant(request: web.Request) -> web.Response:
    store = request.app[CASHIER].store
    rows = [(order, PRODUCTS[order.kind], store.shipments(order.id)) for order in store.orders()]
    return _page(request, "merchant", rows=rows)


def _named(request: web.Request) -> Order:
    try:
        return request.app[CASHIER].store.order(request.match_info["id"])
    except LookupError:
        raise web.HTTPNotFound from None


async def _merchant_order(request: web.Request) -> web.Response:
    order, store = _named(request), request.app[CASHIER].store
    return _page(
        request, "merchant_order", order=order, product=PRODUCTS[order.kind], works=store.works(order.id),
        history=store.history(order.id), shipments=store.shipments(order.id), pressed=_stamp(request, order),
        version=version(order, store),
        most=request.app[CASHIER].provider(order).most(order),
    )  # fmt: skip


async def _merchant_facts(request: web.Request) -> web.Response:
    """An order's facts by its own number, for whoever may see all orders."""
    told = facts(_named(request), request.app[CASHIER].store)
    return web.json_response(told, headers={"Cache-Control": "no-store"})


def _stamp(request: web.Request, order: Order, nonce: str = "") -> str:
    """A mark for one showing of the form: it cannot be made elsewhere, and pressing the button twice sends it twice."""
    nonce = nonce or secrets.token_hex(6)
    proof = hmac.new(request.app[SECRET], f"{order.id} {nonce}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{nonce}.{proof}"


async def _refund(request: web.Request) -> web.StreamResponse:
    order, form = _named(request), await request.post()
    here, stamp = f"/merchant/{order.id}", str(form.get("stamp", ""))
    nonce = stamp.partition(".")[0]
    if not nonce or not hmac.compare_digest(stamp.encode(), _stamp(request, order, nonce).encode()):
        return _problem(request, 400, "bad-form", here)
    amount = _cents(str(form.get("amount", "")))
    if amount is None:
        return _problem(request, 400, "bad-amount", here)
    try:
        await request.app[CASHIER].refund(order.id, amount, nonce)
    except Refused as error:
        return _problem(request, 409, "too-much", here, str(error))
    except CallFailed:
        return _problem(request, 503, "provider-away", here)
    raise web.HTTPSeeOther(here)


def _cents(written: str) -> int | None:
    """12,50 and 12.5 are 1250. Text to cents without a float between them."""
    found = re.fullmatch(r"\s*([0-9]{1,7})(?:[.,]([0-9]{1,2}))?\s*", written)
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else None


# -- providers ---------------------------------------------------------------------------------------------------------


async def _webhook(request: web.Request) -> web.Response:
    """2xx as soon as it is verified and written down. What is wrong with it for good is not answered with an error.

    Adyen repeats what was not acknowledged for thirty days, and everything behind it waits that long.
    """
    name = request.match_info["provider"]
    received = [(key.decode(), value.decode(errors="replace")) for key, value in request.raw_headers]
    try:
        await request.app[CASHIER].receive(name, await request.read(), received)
    except Forged as error:
        log.warning("%s: refused a webhook: %s", name, error)
        return web.Response(status=401)
    except NotForUs as error:
        log.warning("%s: ignored a webhook: %s", name, error)
    except UnknownOrder as error:
        return web.Response(status=404, text=str(error))
    return web.Response(status=200)
