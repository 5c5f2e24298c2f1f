"""What one sandbox has just seen."""

from __future__ import annotations

from aiohttp import web

from mockpsp.web.frame import html, sandbox_of


async def listing(request: web.Request) -> web.Response:
    """GET /_mockpsp/sandbox/{id}: the latest of the journal."""
    return html("activity.html", here=sandbox_of(request), tab="activity")
