"""The pages of the dashboard as one table. Their modules are imported when somebody first looks at one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from aiohttp import web

from mockpsp.edge.gate import GATE

BASE = "/_mockpsp"
_ONE = "/sandbox/{id}"

ROUTES = (
    ("GET", "", "sandboxes", "listing"),
    ("GET", "/", "sandboxes", "listing"),
    ("GET", "/sign-in", "signing", "show"),
    ("POST", "/sign-in", "signing", "enter"),
    ("POST", "/sign-out", "signing", "leave"),
    ("GET", _ONE, "activity", "listing"),
    ("GET", f"{_ONE}/journal/{{n:[0-9]+}}", "activity", "show"),
    ("GET", f"{_ONE}/webhooks", "webhooks", "listing"),
    ("GET", f"{_ONE}/webhooks/{{n:[0-9]+}}", "webhooks", "show"),
    ("POST", f"{_ONE}/webhooks/{{n:[0-9]+}}/resend", "webhooks", "resend"),
    ("GET", f"{_ONE}/balances", "balances", "listing"),
    ("GET", rf"{_ONE}/balances/{{provider}}/{{currency}}/{{ref:[\s\S]+}}", "balances", "show"),
    ("GET", f"{_ONE}/payments", "payments", "listing"),
    ("GET", rf"{_ONE}/payments/{{lifecycle}}/{{ref:[\s\S]+}}", "payments", "show"),
    ("GET", f"{_ONE}/scenario", "script", "show"),
    ("POST", f"{_ONE}/scenario", "script", "change"),
    ("POST", f"{_ONE}/scenario/check", "script", "look"),
    ("GET", f"{_ONE}/checkouts", "shoppers", "show"),
    ("POST", f"{_ONE}/checkouts", "shoppers", "act"),
    ("GET", f"{_ONE}/checkouts/qr", "shoppers", "picture"),
    ("GET", f"{_ONE}/clock", "clock", "show"),
    ("POST", f"{_ONE}/clock", "clock", "change"),
)
"""Method, path, module of this package, and the name of the handler in it."""
_OPEN = "signing"
"""The module whose pages take no token."""


def _late(module: str, name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler, found at its first request; a form must come from a page of ours, and strangers sign in first."""

    async def handle(request: web.Request) -> web.StreamResponse:
        from mockpsp.web.frame import Problem, led, let_in, problem_page, read_journal, sign_in_first

        gate = request.app[GATE]
        if request.headers.get("Host") not in gate.known and not gate.admits(request):
            return gate.refuse(request)
        handler = getattr(import_module(f"mockpsp.web.{module}"), name)
        try:
            let_in(request)
            if module != _OPEN and not gate.may_steer(request):
                return sign_in_first(request)
            if request.method == "POST":
                await request.read()
            await read_journal(request)
            async with led(request, waits=handler.__name__ == "change" and module == "clock"):
                answer: web.StreamResponse = await handler(request)
        except Problem as problem:
            return problem_page(problem)
        return answer

    return handle


def mount(app: web.Application) -> None:
    """Add the pages to an application that has the keys of ``mockpsp.edge.keys``."""
    for method, path, module, name in ROUTES:
        app.router.add_route(method, BASE + path, _late(module, name))
