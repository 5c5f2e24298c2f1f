"""The limit: aiohttp handlers that read the body and return bytes made beforehand, and do nothing else."""

from __future__ import annotations

import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))

from aiohttp import web  # noqa: E402  # bound before the import, as mockpsp does

CREATED = b'{"RETURNMAC":"5b2b6c1e-9f0a-4a0e-9f63-0f6d6a4f2c11","hostedCheckoutId":"4375008601",' + b'"pad":"%s"}' % (
    b"x" * 330
)
READ = b'{"createdPaymentOutput":{"pad":"%s"},"status":"IN_PROGRESS"}' % (b"x" * 640)
ORDERED = b'{"pspReference":"KX6CMQ5WNGRQG2L0","resultCode":"Success","orderData":"%s"}' % (b"x" * 399)
PAID = b'{"pspReference":"EZIB4ADIEC4A4VAL","resultCode":"Authorised","pad":"%s"}' % (b"x" * 596)
ADYEN_HEADERS = {
    "Content-Type": "application/json;charset=UTF-8",
    "Pspreference": "KX6CMQ5WNGRQG2L0",
    "Mockpsp-Trace": "1",
}
OPENED = b'{"uuid":"e1b9a4d7-0c36-4f82-9a5d-6b7c2d8e4f01","pad":"%s"}' % (b"x" * 3955)
ADDRESS = b'{"payment_url":"%s"}' % (b"x" * 123)
SHOPPED = b'{"ref":"e1b9a4d7-0c36-4f82-9a5d-6b7c2d8e4f01","pad":"%s"}' % (b"x" * 1220)
SHOWN = b'{"uuid":"e1b9a4d7-0c36-4f82-9a5d-6b7c2d8e4f01","status":"PENDING","pad":"%s"}' % (b"x" * 5068)
LYRA_HEADERS = {"Content-Type": "application/json", "Vary": "Accept", "Mockpsp-Trace": "1"}
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Correlation-Id": "5b2b6c1e-9f0a-4a0e-9f63-0f6d6a4f2c11",
    "Api_Auth": "true",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Mockpsp-Trace": "1",
}


async def create(request: web.Request) -> web.Response:
    """POST."""
    await request.read()
    return web.Response(body=CREATED, headers=HEADERS)


async def read(request: web.Request) -> web.Response:
    """GET."""
    return web.Response(body=READ, headers=HEADERS)


async def order(request: web.Request) -> web.Response:
    """POST /orders."""
    await request.read()
    return web.Response(body=ORDERED, headers=ADYEN_HEADERS)


async def pay(request: web.Request) -> web.Response:
    """POST /payments."""
    await request.read()
    return web.Response(body=PAID, headers=ADYEN_HEADERS)


async def open_order(request: web.Request) -> web.Response:
    """POST /orders of Lyra."""
    await request.read()
    return web.Response(status=201, body=OPENED, headers=LYRA_HEADERS)


async def execute(request: web.Request) -> web.Response:
    """GET execute."""
    return web.Response(body=ADDRESS, headers=LYRA_HEADERS)


async def shop(request: web.Request) -> web.Response:
    """POST of the shopper."""
    await request.read()
    return web.Response(body=SHOPPED, headers=LYRA_HEADERS)


async def show(request: web.Request) -> web.Response:
    """GET of an order."""
    return web.Response(body=SHOWN, headers=LYRA_HEADERS)


app = web.Application()
app.router.add_post("/v2/{merchantId}/hostedcheckouts", create)
app.router.add_get("/v2/{merchantId}/hostedcheckouts/{id}", read)
app.router.add_post("/v72/orders", order)
app.router.add_post("/v72/payments", pay)
app.router.add_post("/marketplace-test/orders", open_order)
app.router.add_get("/marketplace-test/orders/{order}/execute", execute)
app.router.add_post("/_mockpsp/sandboxes/default/checkouts/{order}/shopper", shop)
app.router.add_get("/marketplace-test/orders/{order}", show)
app.router.add_get("/_mockpsp/health", read)
loop = None
if "uvloop" in sys.argv[2:]:
    import uvloop

    loop = uvloop.new_event_loop()
web.run_app(app, sock=listener, access_log=None, print=None, loop=loop)
