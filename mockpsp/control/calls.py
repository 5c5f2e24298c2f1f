"""One control request on its way: read, checked against ``openapi/control.yaml``, and led to its sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.control.errors import ControlError, bad, nearest, respond, to_json, unknown
from mockpsp.edge.contract import Contract, Operation, read_openapi
from mockpsp.edge.contract import check as check_value
from mockpsp.edge.errors import BrokenContract
from mockpsp.edge.gate import GATE, Gate
from mockpsp.edge.keys import COURIER, PROVIDERS, SANDBOXES
from mockpsp.edge.meters import METERS
from mockpsp.edge.pipeline import close_after_broken_body, parse, whole_body
from mockpsp.world.plain import instant
from mockpsp.world.sandboxes import UnknownSandbox
from mockpsp.world.store import Conflict

if TYPE_CHECKING:
    from mockpsp.edge.provider import Provider
    from mockpsp.world.delivery import Courier
    from mockpsp.world.sandboxes import Sandbox, Sandboxes
    from mockpsp.world.world import World

Handler = Callable[["Call"], Awaitable[web.StreamResponse]]
OPEN = frozenset({"health"})
"""Operations that take no token: who looks whether a server is there tells it nothing, and hears nothing."""


class Control:
    """What the control API remembers: the live streams, which end with the server."""

    def __init__(self) -> None:
        self.streams: set[asyncio.Event] = set()
        self.stopping = False

    def stop(self) -> None:
        """End all streams."""
        self.stopping = True
        for wake in self.streams:
            wake.set()


CONTROL: web.AppKey[Control] = web.AppKey("CONTROL", Control)


@cache
def contract() -> Contract:
    """``openapi/control.yaml``, read at the first control request."""
    return Contract(read_openapi("control"))


class Call:
    """A control request. ``body`` and ``query`` have passed the contract; ``raw`` is the body as it came."""

    __slots__ = ("_sandbox", "app", "body", "query", "raw", "request")

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.app: web.Application = request.app
        self.raw = b""
        self.body: Any = None
        self.query: dict[str, Any] = {}
        self._sandbox: Sandbox | None = None

    @property
    def sandboxes(self) -> Sandboxes:
        """All sandboxes of the server."""
        return self.app[SANDBOXES]

    @property
    def courier(self) -> Courier:
        """Who does what is due."""
        return self.app[COURIER]

    @property
    def providers(self) -> Mapping[str, Provider]:
        """All providers by name."""
        return self.app[PROVIDERS]

    @property
    def control(self) -> Control:
        """What the control API remembers."""
        return self.app[CONTROL]

    @property
    def origin(self) -> str:
        """Scheme and host by which the caller reached us."""
        return f"{self.request.scheme}://{self.request.host}"

    def path(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox that the path names, the same one throughout the call. Raises ControlError 404."""
        if self._sandbox is None:
            id = self.path("id")
            try:
                self._sandbox = self.sandboxes.get(id)
            except UnknownSandbox:
                raise self._nowhere(id) from None
            self._sandbox.calls += 1
        return self._sandbox

    def _nowhere(self, id: str) -> ControlError:
        since = self.sandboxes.expired.get(id)
        if since is None:
            return unknown("unknown-sandbox", "sandbox", id, (each.id for each in self.sandboxes.all()))
        told = f"sandbox {id} was dropped: nobody had called it since {instant(since)}"
        return ControlError(404, "unknown-sandbox", told, hint="see --expire-idle")

    @property
    def world(self) -> World:
        """The universe of that sandbox."""
        return self.sandbox.world

    def provider(self, name: str) -> Provider:
        """A provider by name. Raises ControlError 404."""
        found = self.providers.get(name)
        if found is None:
            raise unknown("unknown-provider", "provider", name, self.providers)
        return found

    def check_provider(self, name: str | None) -> None:
        """Refuse a filter that names no provider, which would silently find nothing. Raises ControlError 400."""
        if name is not None and name not in self.providers:
            raise ControlError(
                400, "bad-query", f"there is no provider {name[:200]!r}", hint=nearest(name, self.providers)
            )


def reply(value: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=to_json(value), status=status, content_type="application/json")


def serve(
    name: str, handler: Handler, *, own_body: bool = False
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of one operation; with ``own_body`` the handler reads the media type and the body itself."""

    async def handle(request: web.Request) -> web.StreamResponse:
        begun, app, gate = perf_counter(), request.app, request.app[GATE]
        if request.headers.get("Host") not in gate.known and not gate.admits(request):
            return gate.refuse(request)
        try:
            _let_in(gate, request, name)
            response = await _served(request, name, handler, own_body)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - respond() logs what nobody expected
            response = respond(error)
            close_after_broken_body(request, response)
        app[METERS].of("control", name).add(response.status, perf_counter() - begun)
        return response

    return handle


def _let_in(gate: Gate, request: web.Request, name: str) -> None:
    """No web page elsewhere may steer a simulator on its reader's machine, and no stranger. Raises ControlError."""
    if gate.is_from_elsewhere(request):
        raise ControlError(
            403,
            "cross-site",
            "the browser says that a page of another site sent this",
            hint="call it from a server or a test",
        )
    if name not in OPEN and not gate.may_steer(request):
        raise ControlError(
            401,
            "token",
            "steering this server takes its control token",
            hint="send Authorization: Bearer …; it is what --control-token or MOCKPSP_CONTROL_TOKEN said at the start, "
            "or what the server printed then",
        )


async def _served(request: web.Request, name: str, handler: Handler, own_body: bool) -> web.StreamResponse:
    call = Call(request)
    if request.method == "GET" and not request.query_string and not request.body_exists:
        return await _done(name, handler, call)  # nothing to check, and reading the contract takes a while
    operation = contract().operation(name)
    _read_query(call, operation)
    call.raw = await _read(request)
    if not own_body:
        _read_body(call, operation)
    return await _done(name, handler, call)


_WAITS = frozenset({"stream_journal", "settle_webhooks", "move_clock"})
"""Operations that wait for something in a sandbox: the turn is not theirs all the time, they see to it themselves."""


async def _done(name: str, handler: Handler, call: Call) -> web.StreamResponse:
    """Led to the sandbox that the path names. What is answered shall last, the journal's lines too."""
    turns, id = call.sandboxes.turns, call.request.match_info.get("id", "")
    if name == "list_sandboxes":
        await turns.look_everywhere()
    if not id:
        answer = await handler(call)
    elif name in _WAITS:
        async with turns.visit(id):
            pass
        answer = await handler(call)
    else:
        async with turns.visit(id):
            answer = await handler(call)
    call.sandboxes.store.flush()
    return answer


async def _read(request: web.Request) -> bytes:
    if not request.body_exists:
        return b""
    return await whole_body(request)


def _read_query(call: Call, operation: Operation) -> None:
    query: dict[str, list[str]] = {}
    for name, text in call.request.query.items():
        if name not in operation.parameters:
            raise ControlError(
                400, "bad-query", f"{name[:80]!r} is not known here", hint=nearest(name, operation.parameters)
            )
        query.setdefault(name, []).append(text)
    call.query = contract().check_query(operation, query)


def _read_body(call: Call, operation: Operation) -> None:
    if operation.body_schema is None:
        return
    present = bool(call.raw.strip())
    call.body = parse(call.raw) if present else None
    check(operation, call.body, present)


def check(operation: Operation, body: Any, present: bool) -> None:
    """Raise ControlError 400 for unknown keys, with the nearest known one, and for what else the contract refuses."""
    schema = operation.body_schema or {}
    if present:
        _refuse_unknown(contract(), schema, body)
    try:
        contract().check_body(operation, body, present)
    except BrokenContract as broken:
        raise bad(str(broken), contract().resolve(schema).get("x-hint")) from broken


def check_by(schema: Mapping[str, Any], body: Any) -> None:
    """The same for a schema that ``openapi/control.yaml`` does not have; references in it are its own."""
    own = Contract({"paths": {}, **schema})
    _refuse_unknown(own, schema, body)
    try:
        check_value(own.validator(schema), body, "body")
    except BrokenContract as broken:
        raise bad(str(broken), schema.get("x-hint")) from broken


def _refuse_unknown(own: Contract, schema: Mapping[str, Any], body: Any) -> None:
    strange = list(_unknown_keys(own, schema, body, "", 0))
    if strange:
        path, hint = strange[0]
        raise bad(f"body {path}: not known here", hint, [f"{each}: not known here" for each, _ in strange])


def _unknown_keys(
    own: Contract, schema: Mapping[str, Any], value: Any, path: str, depth: int
) -> Iterator[tuple[str, str | None]]:
    """Dotted paths of keys that a closed schema does not have, each with a hint."""
    if depth > 8:  # deeper than any body of ours is described
        return
    if isinstance(value, list):
        items = schema.get("items") or own.resolve(schema).get("items", {})
        for index, each in enumerate(value):
            yield from _unknown_keys(own, items, each, f"{path}[{index}]", depth + 1)
        return
    schema = own.resolve(schema)
    if not isinstance(value, dict):
        return
    known = schema.get("properties", {})
    for name, each in value.items():
        below = f"{path}.{name[:80]}" if path else name[:80]
        if name in known:
            yield from _unknown_keys(own, known[name], each, below, depth + 1)
        elif schema.get("additionalProperties") is False:
            yield below, nearest(name, known)


async def steady(world: World, change: Callable[[], Awaitable[Any]]) -> Any:
    """Run a change of the world again on newer state for as long as another process is faster."""
    while True:
        try:
            return await change()
        except Conflict:
            await world.catch_up()


async def commit(world: World, events: Callable[[], Sequence[Any]]) -> None:
    """Commit events that are made from the present state."""
    await steady(world, lambda: world.commit(events()))
