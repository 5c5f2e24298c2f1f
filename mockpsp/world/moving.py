"""Moving the clock of a sandbox: what may be asked for, and one mover at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mockpsp.domain.clock import BadDuration, parse_duration, parse_instant
from mockpsp.domain.value import Value
from mockpsp.world.clock import ClockMode
from mockpsp.world.delivery import Courier, Done
from mockpsp.world.plain import instant
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2999, 1, 1, tzinfo=UTC)
_END = "the clock ends with the year 2998"


class BadMove(ValueError):
    """A clock cannot be moved like that; ``hint`` says what would do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Advance(Value, frozen=True):
    """Move ahead by a span of time."""

    span: timedelta


class SetTo(Value, frozen=True):
    """Make it this moment, ahead or back."""

    moment: datetime


class ToNextDue(Value, frozen=True):
    """Move ahead to the next moment at which something is due, and not at all when nothing is."""


class Switch(Value, frozen=True):
    """Let the clock run or stand still."""

    mode: ClockMode


Move = Advance | SetTo | ToNextDue | Switch


def read_span(text: str) -> timedelta:
    """A span of time as a person writes it. Raises BadMove."""
    try:
        return parse_duration(text)
    except BadDuration as error:
        raise BadMove(
            str(error), 'a clock goes back with {"set": "…Z"}' if text.lstrip().startswith("-") else None
        ) from error
    except (OverflowError, ValueError) as error:
        raise BadMove(f"{text!r} is too long", _END) from error


def read_moment(text: str) -> datetime:
    """A moment with its offset, in UTC. Raises BadMove."""
    try:
        return within(parse_instant(text))
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadMove):
            raise
        hint = "write it like 2026-07-01T09:00:00Z or …+02:00"
        raise BadMove(f"{text!r} is not a moment with an offset: {error}", hint) from error


def within(moment: datetime) -> datetime:
    """The same moment. Raises BadMove for one that no clock of ours shows."""
    if not EARLIEST <= moment < LATEST:
        raise BadMove(f"{instant(moment)} is outside of what a clock can show", "from 1970 to 2998")
    return moment


def later(world: World, span: timedelta) -> datetime:
    """The moment that is so much later in this world. Raises BadMove."""
    try:
        return within(world.clock.now() + span)
    except OverflowError as error:
        raise BadMove("that is too far", _END) from error


async def move(courier: Courier, sandbox: Sandbox, how: Move) -> list[Done]:
    """Move the clock and do what becomes due on the way, in order; what was done.

    Two movers take turns, so that two times one hour makes two hours. Raises BadMove, and Gone when the sandbox goes
    away meanwhile.
    """
    async with courier.moving(sandbox):
        world = sandbox.world
        match how:
            case Advance(span):
                return await courier.advance(sandbox, later(world, span))
            case SetTo(moment):
                return await courier.set_clock(sandbox, within(moment))
            case ToNextDue():
                due = world.outbox.next_due()
                return await courier.advance(sandbox, max(due, world.clock.now())) if due is not None else []
            case Switch(mode):
                async with courier.turns.of(sandbox):
                    if mode is not world.clock.mode:
                        await world.book(lambda: world.moving(mode, world.clock.now()))
                return []
