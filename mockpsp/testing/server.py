"""A server in this process, on a free loopback port, for as long as a ``with`` block lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from mockpsp.app import build_app
from mockpsp.edge.connections import runner as connected
from mockpsp.edge.keys import COURIER, SANDBOXES
from mockpsp.settings import Settings
from mockpsp.world.delivery import Courier
from mockpsp.world.sandboxes import Sandboxes

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: where it answers, and its parts for those who look inside."""

    url: str
    port: int
    app: web.Application
    sandboxes: Sandboxes
    courier: Courier


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[int]:
    """Serve an application on a free loopback port, which this yields; at the end it is stopped and cleaned up."""
    runner = connected(app, 1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        port: int = runner.addresses[0][1]
        yield port
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(settings: Settings | None = None) -> AsyncIterator[Server]:
    """One server with these settings; host and port of the settings do not matter here.

    Raises UnknownScenario or ScenarioError when the scenarios that the settings name cannot be used.
    """
    app = build_app(settings)
    async with listening(app) as port:
        yield Server(
            url=f"http://{LOOPBACK}:{port}", port=port, app=app, sandboxes=app[SANDBOXES], courier=app[COURIER]
        )
