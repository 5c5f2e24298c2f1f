"""A made-up provider: bells that are rung, and a book in which somebody writes at a later moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.errors import Refusal
from mockpsp.domain.lifecycle import Body, Consequence, Decision, Moment, Notice, Timer, Verdict
from mockpsp.domain.value import Value
from mockpsp.scenario.model import Scenario, Signature
from mockpsp.world.delivery import Courier
from mockpsp.world.journal import Journal
from mockpsp.world.records import Attempted, Queued
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.store import MemoryStore, Store
from mockpsp.world.targets import is_local
from mockpsp.world.world import Outcome, Setup, World

START = datetime(2026, 7, 1, 9, tzinfo=UTC)


class Ring(Value, frozen=True):
    """Ring a bell; ``later`` is what follows."""

    ref: str
    later: tuple[Timer, ...] = ()


class Hear(Value, frozen=True):
    status: int | None


class Write(Value, frozen=True):
    book: str
    text: str


class Rung(Value, frozen=True):
    ref: str
    later: tuple[Timer, ...]


class Heard(Value, frozen=True):
    ref: str
    status: int | None


class Written(Value, frozen=True):
    ref: str
    text: str


class Bell(Value, frozen=True):
    ref: str
    heard: tuple[int | None, ...] = ()


class Bells:
    """Each ring sends a webhook. A bell called ``deaf`` refuses to hear."""

    name = "belfry.bell"

    def question(self, state: Bell | None, command: Any, moment: Moment) -> None:
        if isinstance(command, Hear) and state is not None and state.ref == "deaf":
            raise Refusal("it hears nothing")

    def decide(self, state: Bell | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        if isinstance(command, Ring):
            return Decision((Rung(command.ref, command.later),), "a bell may be rung")
        assert state is not None
        return Decision((Heard(state.ref, command.status),), "a bell hears what became of its webhook")

    def evolve(self, state: Bell | None, event: Any) -> Bell:
        state = state or Bell(event.ref)
        return replace(state, heard=(*state.heard, event.status)) if isinstance(event, Heard) else state

    def entries(self, before: Bell | None, event: Any) -> tuple[Any, ...]:
        return ()

    def notices(self, before: Bell | None, after: Bell, event: Any, moment: Moment) -> tuple[Consequence, ...]:
        if not isinstance(event, Rung):
            return ()
        return Notice("bell.rung", event.ref, Body(b'"dong"')), *event.later

    def parts(self, event: Any) -> tuple[str, ...]:
        return ()


class Books:
    """A book begins with the first thing that is written into it."""

    name = "belfry.book"

    def question(self, state: tuple[str, ...] | None, command: Write, moment: Moment) -> None:
        return None

    def decide(self, state: tuple[str, ...] | None, command: Write, verdict: Verdict, moment: Moment) -> Decision:
        return Decision((Written(command.book, command.text),), "paper is patient")

    def evolve(self, state: tuple[str, ...] | None, event: Written) -> tuple[str, ...]:
        return (*(state or ()), event.text)

    def entries(self, before: Any, event: Any) -> tuple[Any, ...]:
        return ()

    def notices(self, before: Any, after: Any, event: Any, moment: Moment) -> tuple[Consequence, ...]:
        return ()

    def parts(self, event: Any) -> tuple[str, ...]:
        return ()


class Policy:
    """Two retries; the bell hears of each attempt, unless ``quiet``."""

    timeout_seconds = 5.0
    in_order = False
    quiet = False

    def retries(self, settings: Any) -> Sequence[timedelta]:
        return (timedelta(minutes=1), timedelta(hours=1))

    def message(
        self, queued: Queued, credentials: Mapping[str, Any], signature: Signature, settings: Any
    ) -> tuple[Mapping[str, str], bytes]:
        return {"Content-Type": "application/json"}, queued.body

    def accepted(self, status: int, body: bytes) -> bool:
        return status == 200

    def heard(self, queued: Queued, attempted: Attempted) -> tuple[str, str, Any] | None:
        return None if self.quiet else (BELLS.name, queued.owner, Hear(attempted.status))


BELLS, BOOKS = Bells(), Books()


class Belfry:
    """One sandbox, and the provider that lives in it."""

    name = "belfry"
    lifecycles = (BELLS, BOOKS)

    def __init__(self, allowed: Callable[[str], bool] = is_local, store: Store | None = None) -> None:
        chosen = Scenario(name="test", title="A test", seed=7, clock=START)
        self.store = store or MemoryStore()
        self.world = World("tower", "00000000", chosen, (self,), self.store, Journal())
        self.policy = Policy()
        self.courier = Courier({self.name: self.policy}, {}, allowed)
        self.sandbox = Sandbox(
            id="tower", key="00000000", credentials={self.name: {}}, world=self.world, seed=None, start=None,
            created=START,
        )  # fmt: skip

    def setup(self, scenario: Scenario) -> Setup:
        return Setup(None, None, {})

    async def ring(self, ref: str = "big", *later: Timer) -> Outcome:
        return await self.world.execute(BELLS, None, Ring(ref, later))

    def bell(self, ref: str = "big") -> Bell:
        bell: Bell = self.world.state(BELLS.name, ref)
        return bell
