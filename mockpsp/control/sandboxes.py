"""Sandboxes and their clocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.control.calls import Call, reply
from mockpsp.control.errors import ControlError, bad
from mockpsp.control.scenarios import chosen
from mockpsp.world.clock import ClockMode
from mockpsp.world.moving import Advance, BadMove, Move, SetTo, Switch, move, read_moment, read_span
from mockpsp.world.plain import instant
from mockpsp.world.sandboxes import DEFAULT

if TYPE_CHECKING:
    from mockpsp.world.delivery import Done
    from mockpsp.world.sandboxes import Sandbox
    from mockpsp.world.world import World


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
    sandbox = call.sandbox
    (key, value), *_ = call.body.items()
    try:
        how: Move
        match key:
            case "advance":
                how = Advance(read_span(value))
            case "set":
                how = SetTo(read_moment(value))
            case _:
                how = Switch(ClockMode(value))
        done = await move(call.courier, sandbox, how)
    except BadMove as error:
        raise bad(f"{key}: {error}", error.hint) from error
    return reply(_clock(sandbox.world, done))


def _instant(text: str, key: str) -> datetime:
    try:
        return read_moment(text)
    except BadMove as error:
        raise bad(f"{key}: {error}", error.hint) from error
