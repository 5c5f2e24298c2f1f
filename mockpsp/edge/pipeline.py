"""What happens to every request of a provider, in order. ``STEPS`` is the whole list.

A refused request must use nothing of the script up, therefore faults strike last: after signature, idempotence and
contract, right around the handler. A repetition gets its first answer whatever its body says.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from functools import partial
from math import isfinite
from typing import Any, Protocol

from aiohttp import web
from msgspec import MsgspecError
from msgspec.json import Decoder

from mockpsp.domain.errors import Refusal
from mockpsp.edge.contract import Contract, Operation, unknown_properties
from mockpsp.edge.errors import BadBody, BodyTooLarge, BrokenContract, InProgress, NotAllowed, Scripted
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.keys import CONTRACTS, SANDBOXES
from mockpsp.edge.provider import Access, Provider, Route
from mockpsp.scenario.engine import strike
from mockpsp.scenario.model import Drop, FaultRule
from mockpsp.world.journal import Request
from mockpsp.world.records import ScriptMoved
from mockpsp.world.sandboxes import DEFAULT
from mockpsp.world.world import AnsweredMeanwhile

Proceed = Callable[[Exchange], Awaitable[Answer]]


class Step(Protocol):
    """One step of the pipeline; it answers itself, or lets the next one proceed."""

    def __call__(self, x: Exchange, proceed: Proceed) -> Awaitable[Answer]:
        """The answer."""


TRACE = "Mockpsp-Trace"
log = logging.getLogger("mockpsp.edge")


class Cut(Exception):
    """The scenario cuts the connection, or the client did; nothing is answered."""


async def locate(x: Exchange, proceed: Proceed) -> Answer:
    """Find the sandbox that the request claims; one that claims none is recorded in the default sandbox."""
    sandboxes = x.request.app[SANDBOXES]
    x.sandbox = x.provider.locate(x, sandboxes) or sandboxes.get(DEFAULT)
    x.started = x.world.clock.now()
    return await proceed(x)


async def record(x: Exchange, proceed: Proceed) -> Answer:
    """Write request and answer into the journal, and its number onto the answer."""
    request = x.request
    x.record = Request(request.method, request.raw_path, request.raw_headers, request.remote or "")
    operation = x.route.operation if x.route is not None else "unknown"
    journal = x.world.journal
    x.entry = journal.add(x.started, "request", x.provider.name, operation, "", 0, x.record)
    try:
        answer = await proceed(x)
    except Cut as cut:
        x.note(str(cut))
        x.record.body = x.raw
        journal.answered(x.entry)
        raise
    x.record.body, x.record.answer, x.record.status = x.raw, answer.body or b"", answer.status
    x.record.answer_headers = tuple(answer.headers.items())
    journal.answered(x.entry)
    return answer


async def translate(x: Exchange, proceed: Proceed) -> Answer:
    """Turn refusals, and whatever goes wrong, into the provider's own words; add the provider's headers."""
    try:
        answer = await proceed(x)
    except Refusal as refusal:
        x.note(f"refused: {refusal}")
        answer = x.provider.refuse(x, refusal)
    except Cut:
        raise
    except Exception as fault:  # a fault of ours must not look like anything else on the wire
        log.exception("%s %s failed", x.record.method, x.record.target)
        x.note(f"internal fault: {type(fault).__name__}: {fault}")
        answer = x.provider.refuse(x, fault)
    headers = {**x.provider.finish(x, answer), **answer.headers, TRACE: str(x.entry.number)}
    return Answer(answer.status, answer.body, answer.content_type, headers)


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
    if raw.count(b"[") + raw.count(b"{") <= _DEEPEST:
        return
    depth = 0
    for match in _STRUCTURE.finditer(raw):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(match[0], 0)
        if depth > _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST} levels")


async def read(x: Exchange, proceed: Proceed) -> Answer:
    """Take in the body, whatever its transfer and content coding."""
    if x.request.body_exists:
        try:
            x.raw = await x.request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise BodyTooLarge(error.text or "the body is too large") from error
        except (web.RequestPayloadError, ValueError) as error:
            raise BadBody(str(error)) from error
        except ConnectionError as error:
            raise Cut("the client hung up before its body was whole") from error
    return await proceed(x)


async def authenticate(x: Exchange, proceed: Proceed) -> Answer:
    """Verify who is calling."""
    x.provider.authenticate(x)
    return await proceed(x)


async def validate(x: Exchange, proceed: Proceed) -> Answer:
    """Check query and body against the provider's contract."""
    route = x.route
    if route is not None and route.access is Access.API:
        contract: Contract = x.request.app[CONTRACTS][x.provider.name]
        operation = contract.operation(route.operation)
        if operation.parameters:
            query: dict[str, list[str]] = {}
            for name, text in x.request.query.items():
                query.setdefault(name, []).append(text)
            x.query = contract.check_query(operation, query)
        if operation.body is not None:
            present = bool(x.raw.strip())
            if present:
                x.json = parse(x.raw)
            contract.check_body(operation, x.json, present)
            if present and getattr(x.settings, "unknown_properties", "") == "refused":
                _refuse_unknown(contract, operation, x.json)
    return await proceed(x)


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


async def replay(x: Exchange, proceed: Proceed) -> Answer:
    """Answer a repetition of a finished request as the first time; refuse one while the first is under way."""
    if x.route is None or not x.route.idempotent:
        return await proceed(x)
    key = x.provider.idempotence_key(x)
    if key is None:
        return await proceed(x)
    world = x.world
    kept = world.answers.get(key)
    if kept is not None and x.started <= kept.until:
        x.note(f"a repetition under the same idempotence key; first answered at {kept.at.isoformat()}")
        return x.provider.replay(x, kept)
    if key in world.in_progress:
        raise InProgress("the first request with this idempotence key has not been answered yet")
    world.in_progress.add(key)
    x.key = key
    try:
        return await proceed(x)
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


async def inject(x: Exchange, proceed: Proceed) -> Answer:
    """Let the scenario's faults strike, before the effect or after it."""
    if x.route is None or x.route.access is not Access.API:
        return await proceed(x)
    lines = x.world.script.faults(f"{x.provider.name}.{x.route.operation}")
    if not lines:
        return await proceed(x)
    fault, moved, _ = strike(lines, x.provider.call_facts(x), x.world.positions)
    if fault is None:
        answer = await proceed(x)
        if moved:
            await x.world.book(lambda: [ScriptMoved(moved)], x.entry.number)
        return answer
    return await _suffer(x, proceed, fault, ScriptMoved(moved))


async def _suffer(x: Exchange, proceed: Proceed, fault: FaultRule, used: ScriptMoved) -> Answer:
    late = fault.drop is Drop.AFTER_EFFECT or fault.after_effect
    if not late:
        await x.world.book(lambda: [used], x.entry.number)
        x.note(f"fault {fault.name!r} strikes before the effect")
    if fault.latency:
        x.note(f"fault {fault.name!r}: {fault.latency.total_seconds():g} s of latency")
        await asyncio.sleep(fault.latency.total_seconds())
    if fault.drop is Drop.BEFORE_EFFECT:
        raise Cut(f"fault {fault.name!r} cuts the connection before the effect")
    if fault.status is not None and not late:
        raise Scripted(fault.status, fault.name)
    answer = await proceed(x)
    if late:
        await x.world.book(lambda: [used], x.entry.number)
        x.note(f"fault {fault.name!r} strikes after the effect")
    if fault.drop is Drop.AFTER_EFFECT:
        raise Cut(
            f"fault {fault.name!r} cuts the connection after the effect; the answer would have been {answer.status}"
        )
    if fault.status is not None:
        raise Scripted(fault.status, fault.name)
    return answer


STEPS: tuple[Step, ...] = (locate, record, translate, read, authenticate, replay, validate, inject)


def compose(handler: Proceed, steps: tuple[Step, ...] = STEPS) -> Proceed:
    """The steps around a handler, as one function."""
    for step in reversed(steps):
        handler = partial(step, proceed=handler)
    return handler


def serve(provider: Provider, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of one route."""
    chain = compose(route.handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await respond(chain, Exchange(request, provider, route))

    return handle


async def respond(chain: Proceed, x: Exchange) -> web.StreamResponse:
    """Run the chain and build aiohttp's response from its answer, or cut the connection."""
    try:
        answer = await chain(x)
    except Cut:
        if x.request.transport is not None:
            x.request.transport.abort()
        return web.Response(status=503)
    headers = dict(answer.headers)
    if answer.body is not None:
        headers["Content-Type"] = answer.content_type
    response = web.Response(body=answer.body, status=answer.status, headers=headers)
    close_after_broken_body(x.request, response)
    return response


def close_after_broken_body(request: web.Request, response: web.StreamResponse) -> None:
    """After a body that could not be decoded nothing else can be read: the answer is the last on its connection."""
    if request.content.exception() is not None:
        request.content.feed_eof()  # or aiohttp reads on, for the next request, and fails
        response.force_close()


def refuse_with(error: Refusal) -> Proceed:
    """A handler for requests that no route takes."""

    async def handle(x: Exchange) -> Answer:
        raise error

    return handle


__all__ = ["STEPS", "TRACE", "Cut", "NotAllowed", "compose", "parse", "refuse_with", "respond", "serve"]
