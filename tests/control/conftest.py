"""A server with the made-up provider ``acme``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from acme import OPENAPI, Acme
from acme_house import BROKEN_FILE, DEFAULT_FILE, REFUSED_FILE, Api, Endpoint
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import mockpsp.scenario.library
from mockpsp.app import mount_fallback
from mockpsp.control.routes import mount
from mockpsp.edge.contract import Contract
from mockpsp.edge.gate import GATE, Gate
from mockpsp.edge.keys import CONTRACTS, COURIER, LIBRARY, PROVIDERS, SANDBOXES, SETTINGS
from mockpsp.edge.meters import METERS, Meters
from mockpsp.edge.pipeline import serve
from mockpsp.scenario.library import Library
from mockpsp.settings import Settings
from mockpsp.world.delivery import Courier
from mockpsp.world.sandboxes import DEFAULT, Sandbox, Sandboxes
from mockpsp.world.store import MemoryStore
from mockpsp.world.targets import is_local


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    here = Endpoint()
    here.release.set()
    app = web.Application()
    app.router.add_post("/hooks", here.take)
    async with TestServer(app) as server:
        here.url = str(server.make_url("/hooks"))
        yield here


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of scenarios in the place of the shipped ones, which speak of providers that this server lacks."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "default.yaml").write_text(DEFAULT_FILE)
    (tmp_path / "acme" / "refused.yaml").write_text(REFUSED_FILE)
    (tmp_path / "acme" / "broken.yaml").write_text(BROKEN_FILE)
    monkeypatch.setattr(mockpsp.scenario.library, "folder", lambda name: tmp_path)
    return tmp_path


@pytest.fixture
async def app(shipped: Path) -> web.Application:
    """The house put together by hand, as ``mockpsp.app`` does for the real providers."""
    acme = Acme()
    library = Library(lambda: {"acme": acme.catalogue()})
    courier = Courier({"acme": acme.policy}, {"acme": acme.driver}, is_local)
    sandboxes = Sandboxes([acme], MemoryStore(), courier.attach)
    app = web.Application()
    app[SETTINGS], app[PROVIDERS], app[CONTRACTS] = Settings(), {"acme": acme}, {"acme": Contract(OPENAPI)}
    app[SANDBOXES], app[COURIER], app[LIBRARY] = sandboxes, courier, library
    app[GATE], app[METERS] = Gate(), Meters()

    async def start(app: web.Application) -> None:
        await sandboxes.create(library.load("default"), id=DEFAULT)

    async def stop(app: web.Application) -> None:
        await courier.close()

    app.on_startup.append(start)
    app.on_cleanup.append(stop)
    for route in acme.routes:
        app.router.add_route(route.method, route.path, serve(acme, route))
    mount(app)
    mount_fallback(app)
    return app


@pytest.fixture
async def api(app: web.Application) -> AsyncIterator[Api]:
    async with TestClient(TestServer(app)) as client:
        yield Api(client)


@pytest.fixture
def inside(app: web.Application) -> Callable[[str], Sandbox]:
    """A sandbox as the server holds it."""
    return app[SANDBOXES].get
