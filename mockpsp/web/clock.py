"""The clock of a sandbox: its time, what is due, and buttons that move it and tell what that did."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.domain.clock import paris
from mockpsp.domain.value import Value
from mockpsp.edge.keys import COURIER
from mockpsp.web.due import LOOKED_AT, ahead, done, phrases
from mockpsp.web.frame import Problem, form_of, home, html, sandbox_of, see_other
from mockpsp.web.words import span
from mockpsp.world.clock import ClockMode
from mockpsp.world.journal import Entry
from mockpsp.world.moving import Advance, BadMove, Move, SetTo, Switch, ToNextDue, later, move, within
from mockpsp.world.records import ClockMoved
from mockpsp.world.world import Gone

if TYPE_CHECKING:
    from mockpsp.world.sandboxes import Sandbox
    from mockpsp.world.world import World

SHOWN = 100
STEPS = (
    ("PT1M", "+1 minute", timedelta(minutes=1)),
    ("PT1H", "+1 hour", timedelta(hours=1)),
    ("PT4H1M", "+4 h 01", timedelta(hours=4, minutes=1)),
    ("P1D", "+1 day", timedelta(days=1)),
)
_SPANS = {value: ahead_by for value, _, ahead_by in STEPS}
_DIGITS = 18


class Button(Value, frozen=True):
    """A button that moves the clock: where to, and how many things are due by then. ``to`` is None when nowhere."""

    value: str
    label: str
    to: datetime | None
    due: int


def _buttons(world: World) -> list[Button]:
    """The buttons, the next due event first."""
    now, next_due = world.clock.now(), world.outbox.next_due()
    moments = [max(next_due, now) if next_due is not None else now]
    for _, _, ahead_by in STEPS:
        try:
            moments.append(later(world, ahead_by))
        except BadMove:
            moments.append(now)
    counts = world.outbox.due_by(moments)
    first = Button("next", "To the next event", moments[0] if next_due is not None else None, counts[0])
    steps = [
        Button(value, label, to if to > now else None, count)
        for (value, label, _), to, count in zip(STEPS, moments[1:], counts[1:], strict=True)
    ]
    return [first, *steps]


async def show(request: web.Request) -> web.Response:
    """GET …/clock: the time, and what will be done when; after a move, what was done."""
    return _page(request, sandbox_of(request))


def _page(
    request: web.Request, sandbox: Sandbox, status: int = 200, problem: str = "", typed: str = "", zone: str = "paris"
) -> web.Response:
    world = sandbox.world
    now, rows = world.clock.now(), ahead(sandbox, SHOWN)
    local = now.astimezone(paris() if zone == "paris" else UTC)
    return html(
        "clock.html",
        status,
        here=sandbox,
        tab="clock",
        now=now,
        in_paris=now.astimezone(paris()),
        running=world.clock.mode is ClockMode.REAL,
        buttons=_buttons(world),
        rows=rows,
        hidden=world.outbox.waiting() - len(rows),
        moved=_moved(request, sandbox),
        problem=problem,
        typed=typed or f"{local:%Y-%m-%dT%H:%M:%S}",
        zone=zone,
    )


def _moved(request: web.Request, sandbox: Sandbox) -> dict[str, Any] | None:
    """What a move that has just been made did, found again in the journal."""
    numbers = [request.query.get(name, "") for name in ("after", "until")]
    if not all(each.isascii() and each.isdigit() and len(each) <= _DIGITS for each in numbers):
        return None
    after, until = map(int, numbers)
    journal = sandbox.world.journal
    if until > journal.count or after > until:
        return None
    rows, hidden, whole = done(sandbox, after, until, SHOWN)
    first, last = _first(journal.since(after), until - after), _first(journal.before(until + 1), until - after)
    sentences = [_told(first, last)]
    if rows:
        sentences.append(f"Done on the way: {' and '.join(phrases(rows))}{f' and {hidden} more' if hidden else ''}.")
    elif first is None or first.by is not None:
        sentences.append("Nothing was due on the way.")
    whole = whole and after >= journal.entries_dropped
    return {"rows": rows, "hidden": hidden, "told": " ".join(sentences), "whole": whole}


def _first(entries: Iterable[Entry], at_most: int) -> ClockMoved | None:
    """The first of these entries that tells of a move of the clock, as far as anybody looks."""
    found = (each.data for each in islice(entries, min(at_most, LOOKED_AT)))
    return next((each for each in found if isinstance(each, ClockMoved)), None)


def _told(first: ClockMoved | None, last: ClockMoved | None) -> str:
    """What became of the clock, in a sentence."""
    if first is None or last is None:
        return "The clock was not moved."
    if first.by is None:
        return f"The clock {'runs' if last.mode is ClockMode.REAL else 'stands still'} now."
    by = last.to - first.to + first.by
    return f"The clock was moved {'ahead' if by > timedelta(0) else 'back'} by {span(by)}."


async def change(request: web.Request) -> web.Response:
    """POST …/clock: move it, or let it run or stand still."""
    sandbox, form = sandbox_of(request), await form_of(request)
    before = sandbox.world.journal.count
    typed, zone = form.get("moment", "").strip(), form.get("zone", "paris")
    try:
        await move(request.app[COURIER], sandbox, _asked(form.get("do", ""), typed, zone))
    except BadMove as error:
        return _page(request, sandbox, 422, str(error), typed, zone)
    except Gone as gone:
        raise Problem(409, "The sandbox was reset meanwhile", str(gone)) from gone
    until = sandbox.world.journal.count
    return see_other(home(sandbox, f"/clock?after={min(before, until)}&until={until}"))


def _asked(wanted: str, typed: str, zone: str) -> Move:
    match wanted:
        case "freeze":
            return Switch(ClockMode.MANUAL)
        case "run":
            return Switch(ClockMode.REAL)
        case "next":
            return ToNextDue()
        case "set":
            return SetTo(_typed(typed, zone))
        case _ if wanted in _SPANS:
            return Advance(_SPANS[wanted])
        case _:
            raise Problem(400, "Not a button of this page", "The form does not say how to move the clock.")


def _typed(text: str, zone: str) -> datetime:
    """A moment as a person writes it: local to the chosen zone unless it names an offset. Raises BadMove."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC if zone == "utc" else paris())
        return within(moment.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadMove):
            raise
        raise BadMove(f"“{text[:80]}” is not a date and a time; write it like 2026-07-01 09:00:00") from error
