"""What the server says of itself."""

from __future__ import annotations

from aiohttp import web

from mockpsp import __version__
from mockpsp.control.calls import Call, contract, reply
from mockpsp.edge.gate import GATE
from mockpsp.edge.keys import SETTINGS


async def health(call: Call) -> web.Response:
    """That it runs, what it is, and what a new sandbox plays unless told otherwise; 503 when it takes its leave."""
    closing = call.app[GATE].closing
    return reply(
        {
            "status": "closing" if closing else "ok",
            "version": __version__,
            "providers": list(call.providers),
            "default_scenario": "+".join(call.app[SETTINGS].scenarios),
        },
        503 if closing else 200,
    )


async def metrics(call: Call) -> web.Response:
    """Counts since the start of this process, for Prometheus."""
    from mockpsp.control.metrics import MEDIA_TYPE, exposition  # late: most servers are never asked

    return web.Response(body=exposition(call.app), headers={"Content-Type": MEDIA_TYPE})


async def openapi(call: Call) -> web.Response:
    """This API's own description, with this server as its address."""
    here = [{"url": call.origin, "description": "This server."}]
    document = dict(contract().document)
    return reply({**{key: document[key] for key in ("openapi", "info")}, "servers": here, **_rest(document)})


def _rest(document: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in document.items() if key not in ("openapi", "info", "servers")}
