"""Sandboxes and their clocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.control.calls import Call, commit, reply
from mockpsp.control.errors import ControlError, bad
from mockpsp.control.scenarios import chosen
from mockpsp.domain.clock import BadDuration, parse_duration, parse_instant
from mockpsp.world.clock import ClockMode
from mockpsp.world.plain import instant
from mockpsp.world.sandboxes import DEFAULT

if TYPE_CHECKING:
    from mockpsp.world.delivery import Done
    from mockpsp.world.sandboxes import Sandbox
    from mockpsp.world.world import World

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2999, 1, 1, tzinfo=UTC)


def _view(call: Call, sandbox: Sandbox) -> dict[str, Any]:
    base_urls = {key: url for each in call.providers.values() for key, url in each.base_urls(call.origin).items()}
    world = sandbox.world
    return {
        "id": sandbox.id,
        "credentials": {name: dict(each) for name, each in sandbox.credentials.items()},
        "base_urls": base_urls,
        "scenario": world.scenario.name,
        "seed": world.scenario.seed,
        "clock": {"now": instant(world.clock.now()), "mode": world.clock.mode.value},
        "created": instant(sandbox.created),
    }


async def create(call: Call) -> web.Response:
    """A fresh universe with credentials of its own."""
    body = call.body or {}
    clock = _instant(body["clock"], "clock") if body.get("clock") is not None else None
    scenario = chosen(call, body.get("scenario"))
    sandbox = await call.sandboxes.create(scenario, seed=body.get("seed"), clock=clock)
    return reply(_view(call, sandbox), 201)


async def listing(call: Call) -> web.Response:
    """All sandboxes, oldest first."""
    return reply({"sandboxes": [_view(call, each) for each in call.sandboxes.all()]})


async def show(call: Call) -> web.Response:
    """One sandbox."""
    return reply(_view(call, call.sandbox))


async def delete(call: Call) -> web.Response:
    """Forget a sandbox; its credentials are unknown from now on."""
    id = call.sandbox.id
    if id == DEFAULT:
        raise ControlError(409, "conflict", "the default sandbox always exists", hint="reset it instead")
    await call.sandboxes.drop(id)
    call.control.forget(id)
    return web.Response(status=204)


async def reset(call: Call) -> web.Response:
    """Back to the start of its scenario; credentials and webhook endpoints stay."""
    return reply(_view(call, await call.sandboxes.reset(call.sandbox.id)))


# -- the clock -------------------------------------------------------------------------------------------------------


def due_rows(done: Iterable[Done]) -> list[dict[str, str]]:
    """What became due and was done, in order."""
    return [{"due": instant(each.due), "what": each.what} for each in done]


def _clock(world: World, done: Iterable[Done] = ()) -> dict[str, Any]:
    next_due = world.outbox.next_due()
    return {
        "now": instant(world.clock.now()),
        "mode": world.clock.mode.value,
        "due": due_rows(done),
        "next_due": instant(next_due) if next_due is not None else None,
    }


async def show_clock(call: Call) -> web.Response:
    """The time in a sandbox, and when something is due next."""
    return reply(_clock(call.world))


async def move_clock(call: Call) -> web.Response:
    """Move the clock, or let it run or stand still; tells what became due on the way."""
    sandbox, body = call.sandbox, call.body
    async with call.control.turn(sandbox.id):
        done: list[Done] = []
        match body:
            case {"advance": str() as span}:
                done = await call.courier.advance(sandbox, _later(sandbox.world, _span(span)))
            case {"set": str() as moment}:
                done = await call.courier.set_clock(sandbox, _instant(moment, "set"))
            case {"mode": mode}:
                await _switch(sandbox.world, ClockMode(mode))
        return reply(_clock(sandbox.world, done))


async def _switch(world: World, mode: ClockMode) -> None:
    if mode is not world.clock.mode:
        await commit(world, lambda: world.moving(mode, world.clock.now()))


def _span(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except BadDuration as error:
        hint = 'a clock goes back with {"set": "…Z"}' if text.lstrip().startswith("-") else None
        raise bad(f"advance: {error}", hint) from error
    except (OverflowError, ValueError) as error:
        raise bad(f"advance: {text!r} is too long", "the clock ends with the year 2998") from error


def _later(world: World, span: timedelta) -> datetime:
    try:
        return _within(world.clock.now() + span, "advance")
    except OverflowError as error:
        raise bad("advance: that is too far", "the clock ends with the year 2998") from error


def _instant(text: str, key: str) -> datetime:
    try:
        return _within(parse_instant(text), key)
    except (ValueError, OverflowError) as error:
        raise bad(
            f"{key}: {text!r} is not a moment with an offset: {error}", "write it like 2026-07-01T09:00:00Z or …+02:00"
        ) from error


def _within(moment: datetime, key: str) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise bad(f"{key}: {instant(moment)} is outside of what a clock can show", "from 1970 to 2998")
    return moment
