"""A world from a checkpoint, and the events behind it, is the world that all events made; whatever happens in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp import app
from mockpsp.domain.ledger import transfer
from mockpsp.domain.lifecycle import Body
from mockpsp.domain.money import Money
from mockpsp.scenario.engine import Position
from mockpsp.testing.player import play
from mockpsp.world import checkpoint, records
from mockpsp.world.checkpoint import Kept, Key
from mockpsp.world.codec import decode, encode
from mockpsp.world.journal import Journal
from mockpsp.world.outbox import Delivery, Outbox
from mockpsp.world.store import MemoryStore
from mockpsp.world.world import World
from tests.support.stories import STORIES, scenario
from tests.world.belfry import BOOKS, START, Belfry, Books, Written


class Rows(MemoryStore):
    """Keeps checkpoints as bytes, as a file would, and all events besides."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, dict[bytes, bytes]] = {}
        self._bases: dict[str, int] = {}
        self.made = 0

    async def checkpoint(self, sandbox: str, version: int, rows: Sequence[tuple[Key, Any]]) -> None:
        kept = self._rows.setdefault(sandbox, {})
        for key in [key for key, value in rows if value is None]:
            kept.pop(encode(key), None)
        kept.update((encode(key), encode(value)) for key, value in rows if value is not None)
        self._bases[sandbox] = version
        self.made += 1

    async def kept(self, sandbox: str) -> Kept:
        rows = [(decode(key), decode(data)) for key, data in self._rows.get(sandbox, {}).items()]
        return Kept(self._bases.get(sandbox, 0), rows)


def portrait(world: World) -> dict[str, Any]:
    """All that a world is, but for what only its process has."""
    outbox = world.outbox
    told = {
        name: getattr(world, name)
        for name in ("version", "since", "scenario", "parts", "positions", "endpoints", "waiting_since", "groups")
    }
    return {
        **told,
        "objects": {name: list(objects.items()) for name, objects in world.objects.items()},
        "balances": dict(world.ledger.balances()),
        "answers": list(world.answers.items()),
        "waiting": world.waiting,
        "ids": (world.ids.seed, world.ids.cursor, world.ids.series),
        "clock": world.clock.state(),
        "numbers": outbox.numbers,
        "webhooks": [_without_cause(each) for each in outbox.deliveries.values()],
        "work": {number: _without_cause(each) for number, each in outbox._work.items()},
        "done": outbox.done_numbers(),
        "failing": outbox.failing(),
        "held": {lane: set(numbers) for lane, numbers in outbox._held.items()},
    }


def _without_cause(work: Any) -> Any:
    """What led to a webhook is in the journal."""
    return (work.kept()[0], *work.kept()[2:]) if isinstance(work, Delivery) else work


async def again(world: World) -> World:
    """The same world, read from its store."""
    first = (await world.store.read(world.name, 0))[0].scenario
    read = World(world.name, world.key, first, world.inhabitants.values(), world.store, Journal())
    read.outbox = Outbox(world.outbox._keep_done)
    read.touched = None
    await read.restore()
    ahead = {number: each.due for number, each in read.outbox._work.items() if each.due is not None}
    assert {number: due for due, _, number in read.outbox._heap if ahead.get(number) == due} == ahead
    return read


@pytest.mark.parametrize("name", STORIES)
async def test_a_world_is_what_its_checkpoint_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Rows()
    monkeypatch.setattr(checkpoint, "EVENTS_BETWEEN", 9)
    monkeypatch.setattr(app, "_store", lambda _: store)
    commit: Callable[..., Any] = World.commit
    commits = 0

    async def and_compare(world: World, *given: Any, **named: Any) -> None:
        nonlocal commits
        await commit(world, *given, **named)
        commits += 1
        if commits % 4 == 0:
            assert portrait(await again(world)) == portrait(world)

    monkeypatch.setattr(World, "commit", and_compare)
    played = await play(scenario(name))
    assert [str(failure) for failure in played.failures] == []
    assert store.made, "no checkpoint was made"


class Shelf(Books):
    """Books that are found by what is written in them."""

    def parts(self, event: Any) -> tuple[str, ...]:
        return (event.text,)


SHELF = Shelf()


class Library(Belfry):
    """A sandbox to which things happen at will: whatever a number says."""

    lifecycles = (SHELF,)

    def __init__(self, store: Rows) -> None:
        super().__init__(store=store)
        self.world.outbox = Outbox(keep_done=2)
        self.now = START
        self.written = 0

    def write(self, number: int) -> list[Any]:
        self.written += 1
        fact = Written(f"book {self.written}", f"text {number % 5}.{self.written}")
        moved = transfer("sold", "world/readers", f"shop/{number % 3}", Money(number, "EUR"))
        return [records.Happened(BOOKS.name, fact.ref, fact), records.Posted(fact.ref, moved)]

    def forget(self, number: int) -> list[Any]:
        return [records.Forgotten(BOOKS.name, tuple(list(self.world.objects[BOOKS.name])[: 1 + number % 3]))]

    def send(self, number: int) -> list[Any]:
        url = "" if number % 5 == 0 else f"http://localhost:{number % 2}/"
        queued = records.Queued(
            self.world.outbox.numbers + 1, self.name, "told", "book 1", "book 1", Body(b"{}"), url, self.now,
            self.now, number % 4 - 1, rule=f"rule {number % 2}", early=number % 7 == 0,
        )  # fmt: skip
        return [queued]

    def attempt(self, number: int) -> list[Any]:
        """What comes first is tried, or must wait behind what failed."""
        outbox = self.world.outbox
        ahead = [each for each in outbox.deliveries.values() if outbox.is_ahead(each)]
        if not ahead:
            return []
        first = ahead[number % len(ahead)]
        behind = outbox.ahead_of(first)
        if behind is not None:
            return [records.Held(first.queued.number, behind, self.now)]
        delivered = number % 3 == 0
        due = None if delivered or number % 7 == 0 else self.now + timedelta(hours=1)
        tried = records.Attempted(first.queued.number, len(first.attempts) + 1, self.now, 200 if delivered else 500,
                                  None, delivered, due, in_order=True)  # fmt: skip
        return [tried]

    def remember(self, number: int) -> list[Any]:
        until = self.now + timedelta(hours=number % 50)
        return [records.Answered(f"key {number % 6}", self.now, self.now, 201, b"{}", b"", until)]

    def wait(self, number: int) -> list[Any]:
        self.now += timedelta(hours=number % 9)
        return [*self.world.moving(self.world.clock.mode, self.now)]

    def set_timer(self, number: int) -> list[Any]:
        return [records.TimerSet(self.world.outbox.numbers + 1, BOOKS.name, "book 1", None, self.now)]

    def fire(self, number: int) -> list[Any]:
        timers = [each for each in self.world.outbox.work() if not isinstance(each, Delivery)]
        return [records.TimerFired(timers[number % len(timers)].number, self.now)] if timers else []

    def expect(self, number: int) -> list[Any]:
        return [records.ShopperExpected(self.name, "page", f"book {number % 4}")]

    def see_off(self, number: int) -> list[Any]:
        return [records.ShopperGone(f"book {number % 4}")]

    def move_script(self, number: int) -> list[Any]:
        return [records.ScriptMoved({f"line {number % 4}": Position(number, number % 2)})]

    def begin_script_anew(self, number: int) -> list[Any]:
        return [records.ScenarioChanged(self.world.scenario, self.now)]

    def change_endpoint(self, number: int) -> list[Any]:
        return [records.EndpointChanged(self.name, (f"http://localhost:{number}/",), ("", "told")[number % 2])]


MOVES = [name for name, each in vars(Library).items() if not name.startswith("_") and callable(each)]
MOVES += ["send", "attempt", "attempt"]


@given(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(1, 999)), min_size=60, max_size=150), st.integers(1, 20))
def test_whatever_happens_the_checkpoint_says_it(happening: list[tuple[str, int]], between: int) -> None:
    async def live() -> None:
        library = Library(Rows())
        await library.world.open()
        for name, number in happening:
            events = getattr(library, name)(number)
            await library.world.book(lambda events=events: events)
            assert portrait(await again(library.world)) == portrait(library.world)

    before, checkpoint.EVENTS_BETWEEN = checkpoint.EVENTS_BETWEEN, between
    try:
        asyncio.run(live())
    finally:
        checkpoint.EVENTS_BETWEEN = before
