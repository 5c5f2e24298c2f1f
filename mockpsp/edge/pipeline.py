"""What happens to every request of a provider, in order: ``Door.answer`` is the whole list.

A refused request must use nothing of the script up, therefore faults strike last: after signature, idempotence and
contract, right around the handler. A repetition gets its first answer whatever its body says.
"""

from __future__ import annotations

import asyncio
import logging
import re
from asyncio import timeout
from collections.abc import Awaitable, Callable, Iterable, Mapping
from math import ceil, isfinite
from time import perf_counter
from typing import Any, NoReturn

from aiohttp import web
from aiohttp.hdrs import HOST
from msgspec import MsgspecError
from msgspec.json import Decoder
from msgspec.structs import replace

from mockpsp.domain.errors import Refusal
from mockpsp.edge.cohort import next_step
from mockpsp.edge.contract import Contract, Operation, converted, unknown_properties
from mockpsp.edge.errors import BadBody, BodyTooLarge, BodyTooSlow, BrokenContract, InProgress, NotAllowed, Scripted
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.gate import GATE, Gate
from mockpsp.edge.keys import CONTRACTS, COURIER, SANDBOXES, SETTINGS
from mockpsp.edge.late import found
from mockpsp.edge.meters import CUT, METERS, Meter
from mockpsp.edge.provider import Access, Leniency, Provider, Route
from mockpsp.edge.reply import as_headers, lines, reply, spoilt
from mockpsp.scenario.engine import Shelf, fraction, sample, strike, wait_for
from mockpsp.scenario.model import Drop, FaultRule, Mangled
from mockpsp.world.journal import Journal, Request, pack
from mockpsp.world.masking import mask_target
from mockpsp.world.records import ScriptMoved
from mockpsp.world.sandboxes import DEFAULT, Sandboxes
from mockpsp.world.store import StoreFailed
from mockpsp.world.world import AnsweredMeanwhile

Proceed = Callable[[Exchange], Awaitable[Answer]]
TRACE = "Mockpsp-Trace"
DOOR: web.AppKey[type[Door]] = web.AppKey("DOOR", type)
log = logging.getLogger("mockpsp.edge")


class Cut(Exception):
    """The scenario cuts the connection, or the client did; nothing is answered."""


class Door:
    """One route of a provider, or none, with what its requests need again and again; found at the first of them."""

    __slots__ = ("api", "call", "checks", "claims", "contracts", "gate", "handler", "idempotent", "meter", "observed",
                 "provider", "route", "sandboxes", "shared", "tells")  # fmt: skip

    def __init__(self, provider: Provider, route: Route | None, handler: Proceed) -> None:
        self.provider = provider
        self.route = route
        self.handler = handler
        self.api = route is not None and route.access is Access.API
        self.claims = route is not None and route.claims
        self.idempotent = route is not None and route.idempotent
        self.call = f"{provider.name}.{route.operation if route is not None else 'unknown'}"
        self.sandboxes: Sandboxes | None = None
        self.contracts: Mapping[str, Contract]
        self.checks: tuple[Contract, Operation] | None = None
        self.observed = False
        self.shared = False
        self.gate: Gate | None = None
        self.meter: Meter
        self.tells = False

    def open(self, app: web.Application, apps: Iterable[web.Application]) -> Sandboxes:
        """Find what the application holds; whether somebody wants to see, or change, its responses."""
        self.handler = found(self.handler)
        self.sandboxes = app[SANDBOXES]
        self.contracts = app[CONTRACTS]
        self.observed = any(each.middlewares or each.on_response_prepare for each in apps)
        return self.sandboxes

    def watch(self, app: web.Application) -> Gate:
        """Find who is let in, and what counts them."""
        self.gate = app[GATE]
        self.meter = app[METERS].of(*self.call.split(".", 1))
        self.tells = app[SETTINGS].log_requests
        return self.gate

    def read_contract(self) -> tuple[Contract, Operation]:
        """What requests are checked against; contracts are read when they are first asked for."""
        assert self.route is not None, "only a route has an operation"
        contract = self.contracts[self.provider.name]
        self.checks = contract, contract.operation(self.route.operation)
        return self.checks

    async def arrive(self, x: Exchange) -> None:
        """Where several processes serve the sandbox: have its turn. See ``mockpsp.edge.shared``."""

    async def under_way(self, x: Exchange, key: str) -> bool:
        """Whether a request with this idempotence key is under way elsewhere; if not, others are told of this one."""
        return False

    def done(self, x: Exchange, key: str) -> None:
        """The request with this idempotence key is no longer under way."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The handler that aiohttp calls."""
        return await self.answer(request, request.match_info)

    async def answer(self, request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
        """All steps in their order, for a request whose path has these variables.

        Those that never wait are plain functions, as a coroutine would cost more than the step. Refusals, and whatever
        goes wrong, are told in the provider's own words.
        """
        begun = perf_counter()
        gate = self.gate or self.watch(request.app)
        if request.headers.get(HOST) not in gate.known and not gate.admits(request):
            return gate.refuse(request)
        provider = self.provider
        x = Exchange(request, provider, self.route, path)
        unread = await ahead(x) if self.claims else None
        if self.shared:
            await self.arrive(x)
        locate(x, self)
        journal = record(x, self)
        try:
            if unread is not None:
                fail(unread)
            if request.body_exists and not self.claims:
                await read(x)
            authenticate(x)
            if x.pace.together:
                await next_step()
            key = provider.idempotence_key(x) if self.idempotent else None
            work = fulfil(x, self) if key is None else replay(x, self, key)
            if x.pace.together:
                await next_step()
            answer = await (early(x, work) if x.sandbox.world.script.early else work)
        except Cut as cut:
            self.count(x, CUT, begun)
            return hang_up(x, journal, cut)
        except Exception as error:  # noqa: BLE001 - what is no refusal is logged; on the wire it looks like nothing else
            answer = instead(x, error)
        self.count(x, answer.status, begun)
        if x.pace.together:
            await next_step()
        return conclude(x, self, journal, answer)

    def count(self, x: Exchange, status: int, begun: float) -> None:
        """For the metrics, and in a line of the log where that is wished."""
        seconds = perf_counter() - begun
        self.meter.add(status, seconds)
        if self.tells:
            from mockpsp.edge.request_log import tell

            tell(x, self.call, status, seconds)

    async def hand_out(self, request: web.Request) -> web.StreamResponse:
        """The same for assets, whose journal entry is only written when something is wrong with them.

        An asset leaves with the headers of its handler; what a provider puts on every answer may need the entry.
        """
        begun = perf_counter()
        gate = self.gate or self.watch(request.app)
        if request.headers.get(HOST) not in gate.known and not gate.admits(request):
            return gate.refuse(request)
        x = Exchange(request, self.provider, self.route)
        if self.shared:
            await self.arrive(x)
        locate(x, self)
        try:
            if request.body_exists:
                await read(x)
            self.provider.authenticate(x)
            answer = await self.handler(x)
        except Cut as cut:
            self.meter.add(CUT, perf_counter() - begun)
            return hang_up(x, record(x, self), cut)
        except Exception as error:  # noqa: BLE001 - see ``answer``
            journal = record(x, self)
            x.record.stranger = isinstance(error, NotAllowed)
            answer = instead(x, error)
            self.count(x, answer.status, begun)
            return conclude(x, self, journal, answer)
        self.meter.add(answer.status, perf_counter() - begun)
        headers = {**answer.headers, "Content-Type": answer.content_type} if answer.body is not None else answer.headers
        return web.Response(body=answer.body, status=answer.status, headers=headers)


def instead(x: Exchange, error: Exception) -> Answer:
    """The answer to a request that was refused or failed, in the provider's words.

    A fault of ours is logged; a full disk is nobody's mistake in the code, so it has no traceback.
    """
    if isinstance(error, Refusal):
        x.note(f"refused: {error}")
        return turned_away(x, error)
    why = None if isinstance(error, StoreFailed) else error
    log.error("%s %s failed: %s", x.record.method, mask_target(x.record.target), error, exc_info=why)
    x.note(f"internal fault: {type(error).__name__}: {error}")
    return x.provider.refuse(x, error)


async def ahead(x: Exchange) -> Refusal | Cut | None:
    """Read the body before the request is on record; what goes wrong is raised when it is."""
    try:
        if x.request.body_exists:
            await read(x)
    except (Refusal, Cut) as error:
        return error
    return None


def fail(error: Exception) -> NoReturn:
    """Raise what went wrong before the request was on record."""
    raise error


def locate(x: Exchange, door: Door) -> None:
    """Find the sandbox that the request claims; one that claims none is recorded in the default sandbox."""
    sandboxes = door.sandboxes or door.open(x.request.app, x.request.match_info.apps)
    x.sandbox = door.provider.locate(x, sandboxes) or sandboxes.get(DEFAULT)
    x.sandbox.calls += 1
    x.started = x.sandbox.world.clock.now()


def record(x: Exchange, door: Door) -> Journal:
    """Write the request into the journal."""
    request, route = x.request, door.route
    packed = getattr(request, "packed_headers", None) or pack(request.raw_headers)
    x.record = Request(request.method, request.raw_path, packed, request.remote or "")
    operation = route.operation if route is not None else "unknown"
    journal = x.sandbox.world.journal
    x.entry = journal.add(x.started, "request", door.provider.name, operation, "", 0, x.record)
    return journal


async def early(x: Exchange, work: Awaitable[Answer]) -> Answer:
    """Do the work; whatever comes of it, early webhooks leave before it is answered."""
    x.sandbox.world.outbox.keep_early(x.entry.number)
    try:
        return await work
    finally:
        await x.request.app[COURIER].hurry(x.sandbox, x.entry.number)


def turned_away(x: Exchange, refusal: Refusal) -> Answer:
    """A refusal in the provider's words; one for too many calls says when to try again."""
    answer = x.provider.refuse(x, refusal)
    if not isinstance(refusal, Scripted) or refusal.retry is None:
        return answer
    return replace(answer, headers={**answer.headers, "Retry-After": str(refusal.retry)})


def hang_up(x: Exchange, journal: Journal, cut: Cut) -> web.StreamResponse:
    """Cut the connection; the response reaches nobody."""
    x.note(str(cut))
    x.record.body = x.raw
    journal.answered(x.entry)
    if x.request.transport is not None:
        x.request.transport.abort()
    return web.Response(status=503)


def conclude(x: Exchange, door: Door, journal: Journal, answer: Answer) -> web.StreamResponse:
    """Add the provider's headers and the number in the journal; write the answer there, and make it a response."""
    told, body, record = door.provider.finish(x, answer), answer.body, x.record
    doubtful: dict[str, str] | None = None
    if answer.plain:
        told = f"{told}{lines(answer.headers)}{TRACE}: {x.entry.number}\r\n"
    elif answer.headers:
        doubtful = {**as_headers(told), **answer.headers, TRACE: str(x.entry.number)}
        told = lines(doubtful)
    else:
        told = f"{told}{TRACE}: {x.entry.number}\r\n"
    record.body, record.answer, record.status, record.answer_head = x.raw, body or b"", answer.status, told
    journal.answered(x.entry)
    if body and (answer.cut or answer.slow):
        record.cut = answer.cut
        last = not x.request.keep_alive
        headers = doubtful or as_headers(told)
        return spoilt(answer.status, headers, answer.content_type, body, cut=answer.cut, slow=answer.slow, last=last)
    if not door.observed and body and x.request.content.exception() is None:
        return reply(x.request, answer.status, told, answer.content_type, body, doubtful)
    headers = doubtful or as_headers(told)
    if body is not None:
        headers["Content-Type"] = answer.content_type
    response = web.Response(body=body, status=answer.status, headers=headers)
    close_after_broken_body(x.request, response)
    return response


def authenticate(x: Exchange) -> None:
    """Let the provider verify who is calling; a refusal is noted on the record."""
    try:
        x.provider.authenticate(x)
    except Refusal:
        x.record.stranger = True
        raise


_DEEPEST = 200
_LARGEST_EXACT = 2**53
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _number(text: str) -> int | float:
    """A number with a point or an exponent; a whole one is an int, as JSON Schema has it."""
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return int(value) if value.is_integer() and abs(value) <= _LARGEST_EXACT else value


_decode = Decoder(float_hook=_number).decode


def _check_depth(raw: bytes) -> None:
    """Raise ValueError for a body nested deeper than any reader of it should have to go, on any Python."""
    if len(raw) - len(raw.replace(b"[", b"").replace(b"{", b"")) <= _DEEPEST:  # a tenth of what bytes.count takes
        return
    depth = 0
    for match in _STRUCTURE.finditer(raw):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(match[0], 0)
        if depth > _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST} levels")


async def read(x: Exchange) -> None:
    """Take in the body, whatever its transfer and content coding."""
    request = x.request
    arrived: bytes | None = getattr(request, "arrived", None)
    if arrived is not None:  # it came with its head, as most do
        x.raw = arrived
        return
    content = request.content
    try:
        if content.is_eof() and content.total_bytes <= request.client_max_size:
            x.raw = content.read_nowait()
        else:
            x.raw = await whole_body(request)
    except ConnectionError as error:
        raise Cut("the client hung up before its body was whole") from error


async def whole_body(request: web.Request) -> bytes:
    """Wait for the whole body, but not for ever. Raises BodyTooLarge, BodyTooSlow, BadBody and ConnectionError."""
    seconds = request.app[SETTINGS].body_seconds
    try:
        async with timeout(seconds):
            return await request.read()
    except TimeoutError as error:
        late = BodyTooSlow(f"the body was not there within {seconds:g} seconds")
        request.content.set_exception(web.RequestPayloadError(str(late)))
        raise late from error
    except web.HTTPRequestEntityTooLarge as error:
        raise BodyTooLarge(error.text or "the body is too large") from error
    except (web.RequestPayloadError, ValueError) as error:
        raise BadBody(str(error)) from error


def validate(x: Exchange, door: Door) -> None:
    """Check query and body against the provider's contract."""
    contract, operation = door.checks or door.read_contract()
    if operation.parameters:
        query: dict[str, list[str]] = {}
        for name, text in x.request.query.items():
            query.setdefault(name, []).append(text)
        x.query = contract.check_query(operation, query)
    if operation.body is not None:
        present = bool(x.raw.strip())
        if present:
            x.json = parse(x.raw)
        try:
            contract.check_body(operation, x.json, present)
        except BrokenContract:
            if x.provider.leniency is Leniency.NONE or not present:
                raise
            loosely = x.provider.leniency is Leniency.LOOSE
            x.json = converted(contract, operation.body_schema, x.json, loosely=loosely)
            contract.check_body(operation, x.json, present)
            x.note(x.provider.leniency.value)
        if present and getattr(x.settings, "unknown_properties", "") == "refused":
            _refuse_unknown(contract, operation, x.json)


def _refuse_unknown(contract: Contract, operation: Operation, body: Any) -> None:
    """For providers with a setting ``unknown_properties``, where a scenario sets it to ``refused``."""
    strange = unknown_properties(contract, operation.body_schema, body)
    if strange:
        raise BrokenContract(strange[0], "is not known", "body")


def parse(raw: bytes) -> Any:
    """JSON as the standard has it: UTF-8, no NaN, no lone surrogates, bounded depth and digits. Raises BadBody."""
    try:
        _check_depth(raw)
        return _decode(raw)
    except (MsgspecError, ValueError, RecursionError) as error:
        raise BadBody(f"the body is not JSON: {error}") from error


async def replay(x: Exchange, door: Door, key: str) -> Answer:
    """Answer a repetition of a finished request as the first time; refuse one while the first is under way."""
    world = x.world
    kept = world.answers.get(key)
    if kept is not None and x.started <= kept.until:
        x.note(f"a repetition under the same idempotence key; first answered at {kept.at.isoformat()}")
        return x.provider.replay(x, kept)
    if key in world.in_progress or (door.shared and await door.under_way(x, key)):
        raise InProgress("the first request with this idempotence key has not been answered yet")
    world.in_progress.add(key)
    x.key = key
    try:
        return await fulfil(x, door)
    except AnsweredMeanwhile as meanwhile:
        x.note("another process was faster with this idempotence key")
        return x.provider.replay(x, meanwhile.kept)
    except Refusal as refusal:
        answer = x.provider.refuse(x, refusal)
        if not x.provider.keeps(answer):
            raise
        x.note(f"refused, and kept under the idempotence key: {refusal}")
        await world.book(lambda: [x.kept(answer, world.clock.now())], x.entry.number)
        return answer
    finally:
        world.in_progress.discard(key)
        if door.shared:
            door.done(x, key)


def fulfil(x: Exchange, door: Door) -> Awaitable[Answer]:
    """Check the request against the contract; then faults may strike, and the handler has its turn."""
    if not door.api:
        return door.handler(x)
    validate(x, door)
    return inject(x, door)


def inject(x: Exchange, door: Door) -> Awaitable[Answer]:
    """Let the scenario's faults strike, before the effect or after it; without any, the handler is next."""
    lines = x.sandbox.world.script.faults(door.call)
    if not lines:
        return door.handler(x)
    x.pace.together = False  # it is counted when its effect is there, and the next call must see that
    return _strike(x, door, lines)


async def _strike(x: Exchange, door: Door, lines: Shelf[FaultRule]) -> Answer:
    elapsed, facts = x.world.elapsed, x.provider.call_facts(x)
    struck = strike(lines, facts, x.world.positions, elapsed)
    fault, moved = struck.line, struck.moved
    misses = struck.misses(facts)
    if misses is not None:
        x.world.journal.miss(x.entry, misses)
    if fault is not None:
        x.world.tally.faults[door.call] += 1
        wait = wait_for(fault.throttle, moved.values(), elapsed) if fault.throttle is not None else None
        wait = fault.retry_after or wait
        retry = ceil(wait.total_seconds()) if wait is not None else None
        return await _suffer(x, door.handler, fault, ScriptMoved(moved), retry)
    # Calls that come at once must see each other, so a throttle counts before the effect; refused calls count as well.
    calls = {key: position for key, position in moved.items() if position.calls}
    if calls:
        await x.world.book(lambda: [ScriptMoved(calls)], x.entry.number)
    answer = await door.handler(x)
    others = {key: position for key, position in moved.items() if not position.calls}
    if others:
        await x.world.book(lambda: [ScriptMoved(others)], x.entry.number)
    return answer


async def _suffer(x: Exchange, proceed: Proceed, fault: FaultRule, used: ScriptMoved, retry: int | None) -> Answer:
    late = fault.drop is Drop.AFTER_EFFECT or fault.after_effect or fault.body is not None or bool(fault.slow)
    if not late:
        await x.world.book(lambda: [used], x.entry.number)
        x.note(f"fault {fault.name!r} strikes before the effect")
    await _wait(x, fault)
    if fault.drop is Drop.BEFORE_EFFECT:
        raise Cut(f"fault {fault.name!r} cuts the connection before the effect")
    if fault.status is not None and not late:
        raise Scripted(fault.status, fault.name, retry)
    answer = await proceed(x)
    if late:
        await x.world.book(lambda: [used], x.entry.number)
        x.note(f"fault {fault.name!r} strikes after the effect")
    if fault.drop is Drop.AFTER_EFFECT:
        raise Cut(
            f"fault {fault.name!r} cuts the connection after the effect; the answer would have been {answer.status}"
        )
    if fault.status is not None:
        raise Scripted(fault.status, fault.name, retry)
    return _spoil(x, fault, answer)


async def _wait(x: Exchange, fault: FaultRule) -> None:
    """A fault's latency; one that differs from call to call follows from the seed and the request's number."""
    seconds = fault.latency.total_seconds()
    if fault.spread is not None:
        place = fraction(x.world.scenario.seed, fault.key, x.entry.number)
        seconds = sample(fault.spread, place).total_seconds()
    if seconds:
        x.note(f"fault {fault.name!r}: {seconds:g} s of latency")
        async with x.request.app[SANDBOXES].turns.paused():
            await asyncio.sleep(seconds)


def _spoil(x: Exchange, fault: FaultRule, answer: Answer) -> Answer:
    """The answer with its body as the fault leaves it."""
    if fault.body is None and not fault.slow:
        return answer
    if not answer.body:
        x.note(f"fault {fault.name!r} finds no body to spoil")
        return answer
    if fault.slow:
        x.note(f"fault {fault.name!r} lets the body take {fault.slow.total_seconds():g} s")
    if fault.body is Mangled.MALFORMED:
        x.note(f"fault {fault.name!r} leaves half of the body, {len(answer.body)} bytes as they were")
        return replace(answer, body=answer.body[: len(answer.body) // 2], slow=fault.slow)
    if fault.body is Mangled.TRUNCATED:
        x.note(f"fault {fault.name!r} cuts the connection in the middle of the body")
    return replace(answer, cut=fault.body is Mangled.TRUNCATED, slow=fault.slow)


def serve(
    provider: Provider, route: Route, kind: type[Door] = Door
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of one route."""
    door = kind(provider, route, route.handler)
    return door.hand_out if route.access is Access.ASSET else door.handle


def direct(handler: Callable[..., Any]) -> Callable[..., Any] | None:
    """What answers in place of a handler that ``serve`` made for a route of an API; None for all others.

    Where several processes share sandboxes a call is a task's whole way, turn and all.
    """
    door = getattr(handler, "__self__", None)
    return door.answer if isinstance(door, Door) and door.api and not door.shared else None


async def refuse(request: web.Request, provider: Provider, error: Refusal) -> web.StreamResponse:
    """Answer a request that no route of the provider takes."""

    async def handle(x: Exchange) -> Answer:
        raise error

    return await request.app.get(DOOR, Door)(provider, None, handle).handle(request)


def close_after_broken_body(request: web.Request, response: web.StreamResponse) -> None:
    """After a body that could not be decoded nothing else can be read: the answer is the last on its connection."""
    if request.content.exception() is not None:
        request.content.feed_eof()  # or aiohttp reads on, for the next request, and fails
        response.force_close()


__all__ = ["DOOR", "TRACE", "Cut", "Door", "NotAllowed", "direct", "parse", "refuse", "serve", "whole_body"]
