"""The first page: the sandboxes of this server."""

from __future__ import annotations

from aiohttp import web

from mockpsp.edge.keys import SANDBOXES
from mockpsp.web.frame import html


async def listing(request: web.Request) -> web.Response:
    """GET /_mockpsp/: every sandbox."""
    return html("sandboxes.html", sandboxes=request.app[SANDBOXES].all())
