"""Checkpoints: what a world is, as rows, so that a store may let go of the events that led there.

A checkpoint writes the rows that events have touched since the one before, and takes away those that are no more. So
it costs what happened since, not what there is, and a start reads the rows and the few events behind them. Which rows
an event may touch is told before it is folded, rather one too many: a row that is as it was is written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from struct import pack, unpack
from typing import TYPE_CHECKING, Any, NamedTuple

from mockpsp.domain.ledger import Ledger
from mockpsp.domain.value import Value
from mockpsp.world import records
from mockpsp.world.clock import ClockState

if TYPE_CHECKING:
    from mockpsp.world.world import World

Key = tuple[Any, ...]
EVENTS_BETWEEN = 500
"""So many events after one checkpoint the next one is made, which takes ten milliseconds; a start folds no more."""


class Kept(NamedTuple):
    """The latest checkpoint: the number of events that are in it, and its rows, oldest first."""

    version: int
    rows: Sequence[tuple[Key, Any]]


_ANSWER = "answer"
"""The oldest answer is first, so one that is given anew under its key becomes the last one."""
NOTHING_KEPT = Kept(0, ())


class Rest(Value, frozen=True):
    """What is small, and written with each checkpoint.

    ``failing`` are addresses that a failed webhook holds up, with its number; ``done`` the numbers of webhooks that
    are kept for a look, the next one to go first, in eight bytes each.
    """

    since: datetime
    clock: ClockState
    cursor: int
    series: Mapping[str, int]
    endpoints: Mapping[str, tuple[str, ...]]
    numbers: int
    failing: tuple[tuple[str, str, int], ...]
    done: bytes


class Touched:
    """Rows that are not as the latest checkpoint has them, by the number of the event that touched them last."""

    __slots__ = ("_latest", "base")

    def __init__(self) -> None:
        self._latest: dict[Key, int] = {}
        self.base = 0
        """How many events are in the latest checkpoint, whoever made it."""

    def by(self, world: World, event: Any, number: int) -> None:
        """This event is about to be folded."""
        touching = _TOUCHING.get(type(event))
        if touching is not None:
            for key in touching(world, event):
                if key[0] == _ANSWER:
                    self._latest.pop(key, None)
                self._latest[key] = number

    def due(self, version: int) -> bool:
        """Whether a checkpoint should be made."""
        return version - self.base >= EVENTS_BETWEEN

    def rows(self, world: World) -> list[tuple[Key, Any]]:
        """What the next checkpoint has to write, in the order in which it came to be; None for what is no more.

        A row goes away first where it may have to come behind others that are there already.
        """
        keys = [key for key, number in self._latest.items() if number > self.base]
        moved = [(key, None) for key in keys if key[0] == _ANSWER]
        return [*moved, *((key, _LOOKS[key[0]](world, *key[1:])) for key in keys), (("rest",), _rest(world))]

    def made(self, version: int) -> None:
        """A checkpoint has all events up to here."""
        self.base = version
        self._latest = {key: number for key, number in self._latest.items() if number > self.base}


def take_up(world: World, kept: Kept) -> None:
    """Make a world what a checkpoint says, whatever it was; webhooks that are being sent go on their way."""
    _empty(world)
    deliveries: list[tuple[Any, ...]] = []
    work: list[records.TimerSet | records.ShopperDue] = []
    for key, value in kept.rows:
        match key[0]:
            case "webhook":
                deliveries.append(value)
            case "work":
                work.append(value)
            case "rest":
                rest: Rest = value
            case kind:
                _PUTS[kind](world, value, *key[1:])
    world.since = rest.since
    world.clock.be(rest.clock)
    world.ids.cursor = rest.cursor
    world.ids.series.update(rest.series)
    world.endpoints.update(rest.endpoints)
    failing = {(provider, url): number for provider, url, number in rest.failing}
    world.outbox.take_up(rest.numbers, deliveries, work, failing, unpack(f"<{len(rest.done) // 8}Q", rest.done))
    world.waiting = {ref: world.waiting[ref] for ref in sorted(world.waiting, key=world.waiting_since.__getitem__)}
    world.version = kept.version


def _empty(world: World) -> None:
    world.ledger = Ledger()
    for held in (*world.objects.values(), *world.parts.values()):
        held.clear()
    for each in (world.positions, world.endpoints, world.answers, world.waiting, world.waiting_since, world.groups):
        each.clear()
    world.ids.series.clear()


# -- which rows an event touches ---------------------------------------------------------------------------------------


def _happened(world: World, fact: records.Happened) -> Iterator[Key]:
    yield "object", fact.lifecycle, fact.ref
    for part in world.lifecycles[fact.lifecycle].parts(fact.event):
        yield "part", fact.lifecycle, part


def _forgotten(world: World, fact: records.Forgotten) -> Iterator[Key]:
    for ref in fact.refs:
        yield "object", fact.lifecycle, ref
    for part in world.parts_of(fact.lifecycle, frozenset(fact.refs)):
        yield "part", fact.lifecycle, part


def _posted(world: World, fact: records.Posted) -> Iterator[Key]:
    for posting in fact.entry.postings:
        yield "balance", posting.account, fact.entry.currency


def _finished(world: World, number: int) -> Iterator[Key]:
    """When a webhook is done, another one may go that has been so for longest."""
    yield "webhook", number
    oldest = world.outbox.next_to_go()
    if oldest is not None:
        yield "webhook", oldest


def _queued(world: World, fact: records.Queued) -> Iterator[Key]:
    yield from _finished(world, fact.number)
    if fact.rank < 0:
        yield "group", fact.rule, fact.owner


def _attempted(world: World, fact: records.Attempted) -> Iterator[Key]:
    yield from _finished(world, fact.number)
    yield from (("webhook", each) for each in world.outbox.held_behind(fact.number))


def _numbered(name: str) -> Callable[[World, Any], Iterable[Key]]:
    return lambda _, fact: ((name, fact.number),)


def _answered(world: World, fact: records.Answered) -> Iterator[Key]:
    yield _ANSWER, fact.scope
    for kept in world.answers.values():
        if kept.scope != fact.scope and fact.at <= kept.until:
            return
        yield _ANSWER, kept.scope


def _waiting(world: World, fact: records.ShopperExpected | records.ShopperGone) -> Iterable[Key]:
    return (("waiting", fact.ref),)


def _moved(world: World, fact: records.ScriptMoved) -> Iterable[Key]:
    return (("position", name) for name in fact.positions)


def _changed(world: World, fact: records.ScenarioChanged) -> Iterator[Key]:
    yield ("scenario",)
    yield from (("position", name) for name in world.positions)


_TOUCHING: Mapping[type[Any], Callable[[World, Any], Iterable[Key]]] = {
    records.Happened: _happened,
    records.Forgotten: _forgotten,
    records.Posted: _posted,
    records.Queued: _queued,
    records.Attempted: _attempted,
    records.Held: _numbered("webhook"),
    records.TimerSet: _numbered("work"),
    records.ShopperDue: _numbered("work"),
    records.TimerFired: _numbered("work"),
    records.ShopperExpected: _waiting,
    records.ShopperGone: _waiting,
    records.ScriptMoved: _moved,
    records.Answered: _answered,
    records.ScenarioChanged: _changed,
}
"""Other events change what is in ``Rest``."""


# -- rows from a world, and back ---------------------------------------------------------------------------------------


def _look_waiting(world: World, ref: str) -> Any:
    return (*world.waiting[ref], world.waiting_since[ref]) if ref in world.waiting else None


def _look_webhook(world: World, number: int) -> Any:
    delivery = world.outbox.deliveries.get(number)
    return None if delivery is None else delivery.kept()


_LOOKS: Mapping[str, Callable[..., Any]] = {
    "object": lambda world, lifecycle, ref: world.objects[lifecycle].get(ref),
    "part": lambda world, lifecycle, part: world.parts[lifecycle].get(part),
    "balance": lambda world, account, currency: world.ledger.balances().get((account, currency)),
    "position": lambda world, name: world.positions.get(name),
    _ANSWER: lambda world, scope: world.answers.get(scope),
    "waiting": _look_waiting,
    "group": lambda world, rule, owner: world.groups.get((rule, owner)),
    "webhook": _look_webhook,
    "work": lambda world, number: world.outbox.work_with(number),
    "scenario": lambda world: world.scenario,
}


def _put_object(world: World, state: Any, lifecycle: str, ref: str) -> None:
    world.objects[lifecycle][ref] = state


def _put_part(world: World, owner: str, lifecycle: str, part: str) -> None:
    world.parts[lifecycle][part] = owner


def _put_balance(world: World, minor: int, account: str, currency: str) -> None:
    world.ledger.resume(account, currency, minor)


def _put_position(world: World, position: Any, name: str) -> None:
    world.positions[name] = position


def _put_answer(world: World, answer: records.Answered, scope: str) -> None:
    world.answers[scope] = answer


def _put_waiting(world: World, value: tuple[str, str, datetime], ref: str) -> None:
    provider, place, since = value
    world.waiting[ref], world.waiting_since[ref] = (provider, place), since


def _put_group(world: World, due: datetime, rule: str, owner: str) -> None:
    world.groups[(rule, owner)] = due


def _put_scenario(world: World, scenario: Any) -> None:
    world.put_in_force(scenario)


_PUTS: Mapping[str, Callable[..., None]] = {
    "object": _put_object,
    "part": _put_part,
    "balance": _put_balance,
    "position": _put_position,
    _ANSWER: _put_answer,
    "waiting": _put_waiting,
    "group": _put_group,
    "scenario": _put_scenario,
}


def _rest(world: World) -> Rest:
    outbox, done = world.outbox, world.outbox.done_numbers()
    return Rest(
        since=world.since,
        clock=world.clock.state(),
        cursor=world.ids.cursor,
        series=dict(world.ids.series),
        endpoints=dict(world.endpoints),
        numbers=outbox.numbers,
        failing=tuple((*lane, number) for lane, number in outbox.failing().items()),
        done=pack(f"<{len(done)}Q", *done),
    )


__all__ = ["EVENTS_BETWEEN", "NOTHING_KEPT", "Kept", "Key", "Touched", "take_up"]
