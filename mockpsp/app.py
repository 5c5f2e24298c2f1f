"""The composition root: builds one server out of its parts, and is the only place that knows all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

from aiohttp import web

from mockpsp.edge.contract import Contract, read_openapi
from mockpsp.edge.errors import UnknownPath, WrongMethod
from mockpsp.edge.gate import GATE, Gate
from mockpsp.edge.keys import CONTRACTS, COURIER, DIRECTORY, LIBRARY, PROVIDERS, SANDBOXES, SETTINGS
from mockpsp.edge.meters import METERS, Meters
from mockpsp.edge.pages import STATIC
from mockpsp.edge.pipeline import DOOR, Door, direct, refuse, serve
from mockpsp.edge.provider import Provider
from mockpsp.edge.table import Directory, add_routes
from mockpsp.providers import discover
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.library import Library
from mockpsp.settings import Settings, is_shared
from mockpsp.world.delivery import Courier
from mockpsp.world.sandboxes import Bounds, Sandboxes
from mockpsp.world.store import MemoryStore, Store
from mockpsp.world.targets import Targets

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LATEST_EVENTS = 10_000
"""Of a sandbox in memory: those of a story that checks its books in the end."""


class Contracts(Mapping[str, Contract]):
    """The OpenAPI documents by name, read when they are first asked for."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._read: dict[str, Contract] = {}

    def __getitem__(self, name: str) -> Contract:
        if name not in self._read:
            self._read[name] = Contract(read_openapi(name))
        return self._read[name]

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@cache
def catalogues() -> Mapping[str, Catalogue]:
    """What scenarios can speak of, by provider."""
    return {name: provider.catalogue() for name, provider in discover().items()}


def build_app(settings: Settings | None = None, store: Store | None = None) -> web.Application:
    """One server: every provider at its own paths, the control API, one default sandbox.

    Raises UnknownScenario or ScenarioError when the scenarios that the settings name cannot be used, BadState when
    the file that they name for the state cannot.
    """
    settings = settings or Settings()
    providers = discover()
    library = Library(catalogues)
    scenario = library.together(settings.scenarios)
    targets = Targets(settings.allow_webhooks_to)
    store = store or _store(settings.state)
    parts = _Shared(store) if store.shared else _Own(store)
    bounds = Bounds(settings.journal_entries, settings.journal_bytes, settings.keep_finished)
    courier, sandboxes = parts.build(providers, targets, bounds)
    sandboxes.endpoints.update({name: (url,) for name, url in settings.webhooks.items()})
    app = web.Application(client_max_size=settings.max_body)
    app[SETTINGS], app[PROVIDERS], app[CONTRACTS] = settings, providers, Contracts(tuple(providers))
    app[SANDBOXES], app[COURIER], app[LIBRARY], app[DIRECTORY] = sandboxes, courier, library, Directory()
    app[DOOR] = parts.door()
    names = (settings.host, *settings.tls_names, *settings.allow_hosts)
    app[GATE] = Gate(names, exposed=settings.exposed, token=settings.control_token)
    app[METERS] = Meters()

    async def start(app: web.Application) -> None:
        await parts.open()
        await sandboxes.restore()
        await sandboxes.begin(scenario, settings.seed)
        parts.start()

    async def stop(app: web.Application) -> None:
        await courier.close()
        await parts.end()

    app.on_startup.append(start)
    if settings.expire_idle is not None:
        app.cleanup_ctx.append(_expiring(sandboxes, settings.expire_idle))
    app.on_cleanup.append(stop)
    for provider in providers.values():
        add_routes(app, _served(provider, app[DOOR]), app[DIRECTORY], direct)
    app.router.add_get(f"{STATIC}/{{name}}", _asset(folder_of_pages()))
    _mount_control(app)
    mount_fallback(app)
    return app


class _Own:
    """The parts of a server whose sandboxes nobody else serves."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def build(self, providers: Mapping[str, Provider], targets: Targets, bounds: Bounds) -> tuple[Courier, Sandboxes]:
        """Who delivers, and the sandboxes."""
        policies = {name: provider.policy for name, provider in providers.items()}
        drivers = {name: provider.driver for name, provider in providers.items()}
        courier = Courier(policies, drivers, targets.allow, targets.reach)
        return courier, Sandboxes(providers.values(), self.store, courier.attach, bounds=bounds)

    def door(self) -> type[Door]:
        """What leads every request in."""
        return Door

    async def open(self) -> None:
        """See that the store is there. Raises BadState."""

    def start(self) -> None:
        """All sandboxes are there."""

    async def end(self) -> None:
        """Nothing more comes."""
        self.store.close()


class _Shared(_Own):
    """The parts of one of several processes that serve the same sandboxes. Imported late: few servers are."""

    def build(self, providers: Mapping[str, Provider], targets: Targets, bounds: Bounds) -> tuple[Courier, Sandboxes]:
        """See _Own."""
        from mockpsp.world.delivery_shared import SharedCourier
        from mockpsp.world.sandboxes_shared import SharedSandboxes
        from mockpsp.world.turns import SharedTurns

        self.turns = SharedTurns(self.store)
        policies = {name: provider.policy for name, provider in providers.items()}
        drivers = {name: provider.driver for name, provider in providers.items()}
        courier = SharedCourier(policies, drivers, targets.allow, targets.reach, self.turns)
        return courier, SharedSandboxes(providers.values(), self.store, courier.attach, self.turns, bounds)

    def door(self) -> type[Door]:
        """See _Own."""
        from mockpsp.edge.shared import SharedDoor

        return SharedDoor

    async def open(self) -> None:
        """See _Own."""
        await self.store.open()

    def start(self) -> None:
        """See _Own."""
        self.turns.start()

    async def end(self) -> None:
        """See _Own."""
        await self.turns.end()


def _expiring(sandboxes: Sandboxes, after: timedelta) -> Callable[[web.Application], AsyncIterator[None]]:
    """Drop sandboxes that nobody calls, beside the server."""

    async def beside(_: web.Application) -> AsyncIterator[None]:
        from mockpsp.world.idle import Idle

        task = asyncio.create_task(Idle(sandboxes, after, monotonic).run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return beside


def _store(state: str) -> Store:
    """Where events are kept. Raises BadState."""
    if not state:
        return MemoryStore(keep=_LATEST_EVENTS)
    if is_shared(state):
        from mockpsp.world.store_postgres import PostgresStore

        return PostgresStore(state)
    from mockpsp.world.store_sqlite import SqliteStore

    return SqliteStore(Path(state))


def _served(provider: Provider, kind: type[Door] = Door) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler of all routes; a route that takes a slash at its end is served there as well."""
    for route in provider.routes:
        handler = serve(provider, route, kind)
        yield route.method, route.path, handler
        if route.slash:
            yield route.method, f"{route.path}/", handler


def _mount_control(app: web.Application) -> None:
    from mockpsp.control.routes import mount
    from mockpsp.web.routes import mount as mount_dashboard

    mount(app)
    mount_dashboard(app)


def folder_of_pages() -> Path:
    """Where style sheets and scripts of our pages lie."""
    return Path(__file__).resolve().parent / "edge" / "static"


def _asset(folder: Path) -> Handler:
    """Hands out the files that lie in a folder when the server starts, and nothing that a path could mean otherwise."""
    there = {each.name: each for each in folder.iterdir() if each.is_file()}

    async def asset(request: web.Request) -> web.StreamResponse:
        gate = request.app[GATE]
        if request.headers.get("Host") not in gate.known and not gate.admits(request):
            return gate.refuse(request)
        found = there.get(request.match_info["name"])
        if found is None:
            from mockpsp.control.errors import unserved

            return unserved(request, web.HTTPNotFound())
        return web.FileResponse(found, headers={"X-Content-Type-Options": "nosniff"})

    return asset


def provider_of(path: str, providers: Mapping[str, Provider]) -> Provider | None:
    """The provider that owns a path, by its prefixes."""
    for provider in providers.values():
        if any(path == prefix or path.startswith(f"{prefix}/") for prefix in provider.prefixes):
            return provider
    return None


def mount_fallback(app: web.Application) -> None:
    """Add, after all other routes, the one that takes what they do not: in the dialect of whoever owns the path."""
    app.router.add_route("*", r"/{unrouted:[\s\S]*}", unrouted)


async def unrouted(request: web.Request) -> web.StreamResponse:
    """Where no route fits, let the provider that owns the path say so in its own words."""
    gate = request.app[GATE]
    if request.headers.get("Host") not in gate.known and not gate.admits(request):
        return gate.refuse(request)
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        _, methods = await resource.resolve(request)
        allowed |= methods
    allowed.discard("*")
    error = web.HTTPMethodNotAllowed(request.method, allowed) if allowed else web.HTTPNotFound()
    provider = provider_of(request.path, request.app[PROVIDERS])
    if provider is None:
        if request.path.startswith("/_mockpsp/"):
            from mockpsp.control.errors import unserved

            return unserved(request, error)
        raise error
    why = f"{request.method} {request.path} is not served"
    refusal = WrongMethod(why, tuple(sorted(allowed))) if allowed else UnknownPath(why)
    return await refuse(request, provider, refusal)
