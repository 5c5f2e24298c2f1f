"""Signing in and out, where steering takes a token: a form, and a cookie that lasts until the browser is closed."""

from __future__ import annotations

from aiohttp import web

from mockpsp.edge.gate import GATE
from mockpsp.web.frame import BASE, SIGN_IN, form_of, html, see_other

_LONGEST = 2_000


async def show(request: web.Request) -> web.Response:
    """GET /_mockpsp/sign-in: the form; ``next`` is the page that was asked for.

    Whoever comes by a link on another site is sent there once more: browsers keep the cookie back on such a way.
    """
    gate, to = request.app[GATE], _inside(request.query.get("next", ""))
    if gate.may_steer(request):
        return see_other(to)
    page = html("sign_in.html", next=to, wrong=False)
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        page.headers["Refresh"] = f"0; url={to}"
    return page


async def enter(request: web.Request) -> web.Response:
    """POST /_mockpsp/sign-in: take the token, and lead to the page that was asked for."""
    gate, form = request.app[GATE], await form_of(request)
    to = _inside(form.get("next", ""))
    if gate.guarded and not gate.fits(form.get("token", "").strip()):
        gate.turned_away["token"] += 1
        return html("sign_in.html", 401, next=to, wrong=True)
    response = see_other(to)
    if gate.guarded:
        gate.sign_in(request, response)
    return response


async def leave(request: web.Request) -> web.Response:
    """POST /_mockpsp/sign-out: this browser steers no more."""
    response = see_other(SIGN_IN)
    request.app[GATE].sign_out(response)
    return response


def _inside(path: str) -> str:
    """A page of the dashboard; the first one for any other address."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= _LONGEST
    return path if plain and path.startswith(f"{BASE}/") else f"{BASE}/"
