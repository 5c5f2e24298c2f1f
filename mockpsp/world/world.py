"""One simulated universe. ``execute`` and ``commit`` are the only doors through which anything in it changes."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Protocol

from mockpsp.domain.errors import Refusal
from mockpsp.domain.ledger import OUTSIDE, Entry, Ledger, transfer
from mockpsp.domain.lifecycle import Consequence, Lifecycle, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.scenario.engine import SILENT, Misses, Position, Script
from mockpsp.scenario.model import Scenario
from mockpsp.world import records
from mockpsp.world.checkpoint import NOTHING_KEPT, Kept, Touched, take_up
from mockpsp.world.clock import ClockMode, SandboxClock, real_now
from mockpsp.world.followup import FollowUp
from mockpsp.world.ids import IdSource
from mockpsp.world.journal import Journal, Line, Reasoning, Unwritten
from mockpsp.world.outbox import Delivery, Outbox
from mockpsp.world.retention import Retention
from mockpsp.world.store import Conflict, Store, StoreFailed
from mockpsp.world.tally import Tally

ISSUED = "world/issued"
log = logging.getLogger("mockpsp.store")


class Gone(Refusal):
    """The sandbox was reset or deleted while this was under way; its old world takes nothing any more."""


class Setup(Value, frozen=True):
    """What a provider makes of its part of a scenario. ``openings`` are opening balances by ledger account."""

    world: Any
    settings: Any
    openings: Mapping[str, Money]


@cache
def _spoken(name: str) -> str:
    """``CreateCheckout`` as operations are written: ``create_checkout``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@cache
def _named(lifecycle: str, fact: str) -> str:
    """A fact as the journal calls it: ``order.Redirected``."""
    return f"{lifecycle.partition('.')[2]}.{fact}"


class AnsweredMeanwhile(Exception):
    """Another process has answered a request with this idempotence key; its answer is the one to give."""

    def __init__(self, kept: records.Answered) -> None:
        super().__init__(kept.scope)
        self.kept = kept


class Inhabitant(Protocol):
    """What a World needs to know of a provider."""

    @property
    def name(self) -> str:
        """The provider's name, the first part of its lifecycles' and operations' names."""

    @property
    def lifecycles(self) -> Sequence[Lifecycle[Any, Any]]:
        """The kinds of objects that live here."""

    def setup(self, scenario: Scenario) -> Setup:
        """Read this provider's part of a scenario."""


_NO_MISSES: Mapping[int, Misses] = {}


class Outcome(Value, frozen=True):
    """What a command led to: the object's reference and new state, the facts, and the reasons.

    ``misses`` are the lines that did not shape a webhook, by its number.
    """

    ref: str
    state: Any
    events: tuple[Any, ...]
    reasoning: Reasoning
    operation: str
    at: datetime
    misses: Mapping[int, Misses] = _NO_MISSES


class World:
    """State is the fold of events behind a store. One World belongs to one sandbox and one event loop."""

    def __init__(
        self, name: str, key: str, scenario: Scenario, inhabitants: Iterable[Inhabitant], store: Store, journal: Journal
    ) -> None:
        self.name = name
        self.key = key
        self.store = store
        self.journal = journal
        self.inhabitants = {each.name: each for each in inhabitants}
        self.lifecycles = {each.name: each for who in self.inhabitants.values() for each in who.lifecycles}
        self._owners = {each.name: each.name.partition(".")[0] for each in self.lifecycles.values()}
        self.clock = SandboxClock(scenario.clock)
        self.ids = IdSource(scenario.seed, name)
        self.ledger = Ledger()
        self.outbox = Outbox()
        self.version = 0
        self.positions: dict[str, Position] = {}
        self.endpoints: dict[str, tuple[str, ...]] = {}
        """Webhook addresses by ``provider``, and by ``provider.kind`` for types that have their own."""
        self.answers: dict[str, records.Answered] = {}
        self.in_progress: set[str] = set()
        self.waiting: dict[str, tuple[str, str]] = {}
        """What waits for a shopper: provider and place by reference, oldest first."""
        self.waiting_since: dict[str, datetime] = {}
        self.objects: dict[str, dict[str, Any]] = {name: {} for name in self.lifecycles}
        self.parts: dict[str, dict[str, str]] = {name: {} for name in self.lifecycles}
        self.groups: dict[tuple[str, str], datetime] = {}
        self.retention: Retention | None = None
        self.touched = Touched() if store.durable else None
        """What a checkpoint has to write, where there are any."""
        self.on_commit: Callable[[], None] | None = None
        self.on_scenario: Callable[[], None] | None = None
        self._now = self.since = self.clock.now()
        self._decided: Outcome | None = None
        self.tally = Tally()
        """Counts for metrics; whoever looks after several worlds gives them one for all."""
        self.closed = False
        self._use(scenario)

    def put_in_force(self, scenario: Scenario) -> None:
        """Go by this scenario from now on. What that leads to is up to ``change_scenario``, the door for others."""
        self._use(scenario)
        if self.on_scenario is not None:
            self.on_scenario()

    def _use(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.script = Script(scenario)
        self.setups = {name: who.setup(scenario) for name, who in self.inhabitants.items()}

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def elapsed(self) -> timedelta:
        """How long the scenario is in force, by the sandbox's clock."""
        return self.clock.now() - self.since

    def owner(self, lifecycle: str, ref: str) -> str | None:
        """The reference of the object that ``ref`` is, or is a part of."""
        if ref in self.objects[lifecycle]:
            return ref
        return self.parts[lifecycle].get(ref)

    def parts_of(self, lifecycle: str, refs: frozenset[str]) -> list[str]:
        """The references that lead to one of these objects."""
        return [part for part, ref in self.parts[lifecycle].items() if ref in refs]

    def state(self, lifecycle: str, ref: str) -> Any:
        """An object's present state, or None."""
        return self.objects[lifecycle].get(ref)

    def addresses(self, provider: str, kind: str) -> tuple[str, ...]:
        """Where webhooks of this type go: to the type's own addresses if it was given any, were it none at all."""
        found = self.endpoints.get(f"{provider}.{kind}")
        return self.endpoints.get(provider, ()) if found is None else found

    def moment(self, provider: str) -> Moment:
        """What a decision of this provider may look at now; draws from its ids are never committed."""
        setup = self.setups[provider]
        return Moment(self.clock.now(), self.ledger, self.ids.draw(), setup.world, setup.settings)

    # -- changing ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take no more events: work still under way for this world comes to nothing, and its alarm is called off."""
        self.closed = True
        tell, self.on_commit, self.on_scenario = self.on_commit, None, None
        if tell is not None:
            tell()

    async def open(self) -> None:
        """Write the first events of a new sandbox: its scenario and the opening balances."""
        changed = records.ScenarioChanged(self.scenario, self.clock.now())
        await self.commit([changed, *self._openings({}, self.setups)])

    async def execute(
        self,
        lifecycle: Lifecycle[Any, Any],
        ref: str | None,
        command: Any,
        *,
        cause: int = 0,
        answer: Callable[[Outcome], records.Answered | None] | None = None,
        also: Sequence[Any] = (),
    ) -> Outcome:
        """Run one command: guard, ask the scenario, decide, commit all or nothing.

        ``ref`` is None for a new object, whose first fact then names it. ``answer`` renders what an idempotence key
        will repeat; ``also`` are further events of the same commit. Raises Refusal when the command may not happen;
        then nothing has changed and no rule was used up. Raises AnsweredMeanwhile when another process has answered
        a request with the same idempotence key since.
        """
        while True:
            outcome, events = self._decide(lifecycle, ref, command)
            kept = answer(outcome) if answer is not None else None
            events = [*events, *also] if kept is None else [*events, kept, *also]
            try:
                await self.commit(events, cause, outcome)
            except Conflict:
                await self.catch_up()
                if kept is not None and kept.scope in self.answers:
                    raise AnsweredMeanwhile(self.answers[kept.scope]) from None
                continue
            return outcome

    async def ask(self, question: Question, law: str, cause: int = 0) -> Verdict:
        """What a rule says to a question whose answer changes nothing; ``law`` is the natural one, for the journal."""
        while True:
            asked = self.script.ask(question, self.positions, self.elapsed)
            try:
                if asked.moved:
                    await self.commit([records.ScriptMoved(asked.moved)], cause)
            except Conflict:
                await self.catch_up()
                continue
            reasoning = Reasoning(law, asked.verdict.rule, asked.nearly, (), asked.more)
            if reasoning.rule is not None:
                self.tally.rules[question.operation] += 1
            provider = question.operation.partition(".")[0]
            self.journal.add(self.clock.now(), "decision", provider, question.operation, "", cause, reasoning)
            return asked.verdict

    async def book(self, make: Callable[[], Sequence[Any]], cause: int = 0) -> None:
        """Commit events that need no decision; made again on the newer state when somebody else was faster."""
        while True:
            try:
                await self.commit(make(), cause)
            except Conflict:
                await self.catch_up()
                continue
            return

    def _decide(self, lifecycle: Lifecycle[Any, Any], ref: str | None, command: Any) -> tuple[Outcome, list[Any]]:
        provider = self._owners[lifecycle.name]
        setup = self.setups[provider]
        draw = self.ids.draw()
        now = self.clock.now()
        moment = Moment(now, self.ledger, draw, setup.world, setup.settings)
        before = self.objects[lifecycle.name].get(ref) if ref is not None else None
        question = lifecycle.question(before, command, moment)
        asked = SILENT if question is None else self.script.ask(question, self.positions, now - self.since)
        decision = lifecycle.decide(before, command, asked.verdict, moment)
        if ref is None:
            ref = str(decision.events[0].ref)
        state = before
        events: list[Any] = []
        posted: list[Entry] = []
        consequences: list[Consequence] = []
        for event in decision.events:
            events.append(records.Happened(lifecycle.name, ref, event))
            for entry in lifecycle.entries(state, event):
                posted.append(entry)
                events.append(records.Posted(ref, entry))
            before, state = state, lifecycle.evolve(state, event)
            consequences.extend(lifecycle.notices(before, state, event, moment))
        if posted:
            self.ledger.check(posted)
        moved: Mapping[str, Position] = asked.moved
        misses = _NO_MISSES
        if consequences:
            follow = FollowUp(self, lifecycle, provider, ref, now, dict(moved), events)
            for consequence in consequences:
                follow.take(consequence)
            moved, misses = follow.moved, follow.misses
        if moved:
            events.append(records.ScriptMoved(moved))
        if draw.moved:
            events.append(records.IdsDrawn(draw.cursor, tuple(draw.series.items())))
        reasoning = Reasoning(decision.law, asked.verdict.rule, asked.nearly, decision.settings, asked.more)
        operation = question.operation if question is not None else f"{provider}.{_spoken(type(command).__name__)}"
        return Outcome(ref, state, decision.events, reasoning, operation, now, misses), events

    async def commit(self, events: Sequence[Any], cause: int = 0, outcome: Outcome | None = None) -> None:
        """Append events and fold them. Raises Conflict when somebody else was faster, Gone when it was too late."""
        if self.closed:
            raise Gone("the sandbox was reset or deleted meanwhile")
        if self.retention is not None and self.retention.crowded:
            events = [*events, *self.retention.forgettable(self)]
        before = self.version
        try:
            await self.store.append(self.name, before, events)
        except Conflict:
            self.tally.conflicts += 1
            raise
        self.tally.events += len(events)
        if self.version != before:
            await self.catch_up()
        else:
            if outcome is not None:
                if outcome.reasoning.rule is not None:
                    self.tally.rules[outcome.operation] += 1
                provider = outcome.operation.partition(".")[0]
                self.journal.add(
                    outcome.at, "decision", provider, outcome.operation, outcome.ref, cause, outcome.reasoning
                )
            self._fold(events, cause, outcome)
        if self.touched is not None and self.touched.due(self.version):
            await self.make_checkpoint(self.touched)
        if self.on_commit is not None:
            self.on_commit()

    async def make_checkpoint(self, touched: Touched) -> None:
        """Let the store keep what this world is; what it has no room for now waits for the next time."""
        try:
            await self.store.checkpoint(self.name, self.version, touched.rows(self))
        except StoreFailed as error:
            log.warning("no checkpoint of sandbox %s: %s", self.name, error)
            return
        touched.made(self.version)

    async def catch_up(self) -> None:
        """Fold what others have appended meanwhile."""
        self._fold(await self.store.read(self.name, self.version), 0)

    async def restore(self) -> None:
        """Be what the store's events say, without telling the journal again."""
        journal, self.journal = self.journal, Unwritten()
        try:
            self._resume(await self.store.kept(self.name))
            await self.catch_up()
        finally:
            self.journal = journal
        if self.touched is not None and self.touched.due(self.version):
            await self.make_checkpoint(self.touched)

    def _resume(self, kept: Kept) -> None:
        if kept.version:
            take_up(self, kept)
            self.rely_on(kept.version)

    def rely_on(self, version: int) -> None:
        """Somebody has made a checkpoint with all events up to here."""
        if self.touched is not None and version > self.touched.base:
            self.touched.made(version)

    def follow(self, events: Sequence[Any], lines: Sequence[Line], kept: Kept = NOTHING_KEPT) -> list[Delivery]:
        """Take in what another process did, told by the journal's lines; early webhooks that it is to send.

        ``kept`` is the checkpoint that the events follow, where this world is empty, or too far behind.
        """
        journal, self.journal = self.journal, Unwritten()
        strangers = self.outbox.strangers = list[Delivery]()
        try:
            self._resume(kept)
            self._fold(events, 0)
        finally:
            self.journal, self.outbox.strangers = journal, None
        for line in lines:
            if isinstance(line.entry.data, records.Queued):
                self.outbox.blame(line.entry.data.number, line.entry.cause)
        journal.take(lines)
        if self.on_commit is not None:
            self.on_commit()
        return strangers

    def let_in(self, strangers: Iterable[Delivery]) -> None:
        """Send what another process was to send and did not try to."""
        for each in strangers:
            if not each.attempts:
                self.outbox.let_in(each)
        if self.on_commit is not None:
            self.on_commit()

    def moving(self, mode: ClockMode, to: datetime, by: timedelta | None = None) -> list[Any]:
        """The events of a clock that is set, or switched between running and standing still."""
        moved = records.ClockMoved(mode, to, by)
        return [moved] if mode is ClockMode.MANUAL else [moved, records.ClockShifted(to - real_now())]

    async def change_scenario(self, scenario: Scenario, cause: int = 0) -> tuple[str, ...]:
        """Put another scenario in force. Objects under way stay; balances move by what the file changed. Tells what.

        Tried again on the newer state when somebody else was faster.
        """
        while True:
            moves, changes = self._compare(scenario)
            try:
                await self.commit([records.ScenarioChanged(scenario, self.clock.now(), changes), *moves], cause)
            except Conflict:
                await self.catch_up()
                continue
            return changes

    def changes(self, scenario: Scenario) -> tuple[str, ...]:
        """What ``change_scenario`` would tell; nothing is changed."""
        return self._compare(scenario)[1]

    def _compare(self, scenario: Scenario) -> tuple[list[records.Posted], tuple[str, ...]]:
        """The movements of balances that a scenario leads to, and in words what is different."""
        setups = {name: who.setup(scenario) for name, who in self.inhabitants.items()}
        moves = self._openings(self.setups, setups)
        changes = [f"scenario {self.scenario.name} → {scenario.name}"] if scenario.name != self.scenario.name else []
        for part in ("rules", "webhooks", "faults", "shopper"):
            old, new = len(getattr(self.scenario, part)), len(getattr(scenario, part))
            if getattr(self.scenario, part) != getattr(scenario, part):
                changes.append(f"{part}: {old} → {new} lines, counted from the start again")
        changes.extend(f"{move.ref}: {move.entry.kind}" for move in moves)
        return moves, tuple(changes)

    def _openings(self, old: Mapping[str, Setup], new: Mapping[str, Setup]) -> list[records.Posted]:
        moves = []
        for provider, setup in new.items():
            before = old[provider].openings if provider in old else {}
            for account, amount in setup.openings.items():
                moved = amount - before[account] if account in before else amount
                move = self._move(account, moved, "opening balance")
                if move is not None:
                    moves.append(move)
        return moves

    def _move(self, account: str, moved: Money, why: str) -> records.Posted | None:
        if moved.minor < 0:
            held = self.ledger.balance(account, moved.currency)
            moved = max(moved, held.zero - held)
        if not moved:
            return None
        postings = transfer(why, ISSUED, account, moved) if moved.minor > 0 else None
        entry = postings or transfer(why, account, ISSUED, moved.zero - moved)
        return records.Posted(account, entry)

    async def set_balance(self, account: str, balance: Money, cause: int = 0) -> None:
        """Make an account hold this much, by an entry against the outside world."""

        def move() -> list[records.Posted]:
            held = self.ledger.balance(account, balance.currency)
            needed = self._move(account, balance - held, "balance set")
            return [] if needed is None else [needed]

        await self.book(move, cause)

    # -- folding -----------------------------------------------------------------------------------------------------

    def _fold(self, events: Sequence[Any], cause: int, outcome: Outcome | None = None) -> None:
        self._now = self.clock.now() if outcome is None else outcome.at
        self._decided = outcome
        if self.touched is None:
            for event in events:
                self._FOLDS[type(event)](self, event, cause)
        else:
            for number, event in enumerate(events, self.version + 1):
                self.touched.by(self, event, number)
                self._FOLDS[type(event)](self, event, cause)
        self.version += len(events)
        self._decided = None

    def _note(self, kind: str, provider: str, operation: str, ref: str, cause: int, data: Any) -> None:
        self.journal.add(self._now, kind, provider, operation, ref, cause, data)

    def _happened(self, fact: records.Happened, cause: int) -> None:
        lifecycle = self.lifecycles[fact.lifecycle]
        objects = self.objects[fact.lifecycle]
        if self._decided is not None:  # the decision has come to the same state already
            objects[fact.ref] = self._decided.state
        else:
            objects[fact.ref] = lifecycle.evolve(objects.get(fact.ref), fact.event)
        event = fact.event
        for part in lifecycle.parts(event):
            self.parts[fact.lifecycle][part] = fact.ref
        if self.retention is not None:
            self.retention.count(fact.lifecycle, len(objects))
        provider = self._owners[fact.lifecycle]
        named = _named(fact.lifecycle, type(event).__name__)
        self.journal.add(self._now, "event", provider, named, fact.ref, cause, event)

    def _forgotten(self, fact: records.Forgotten, cause: int) -> None:
        gone = frozenset(fact.refs)
        objects, parts = self.objects[fact.lifecycle], self.parts[fact.lifecycle]
        self.objects[fact.lifecycle] = {ref: state for ref, state in objects.items() if ref not in gone}
        self.parts[fact.lifecycle] = {part: ref for part, ref in parts.items() if ref not in gone}

    def _posted(self, fact: records.Posted, cause: int) -> None:
        self.ledger.post(fact.entry)
        owner = OUTSIDE
        for posting in reversed(fact.entry.postings):
            if not posting.account.startswith(OUTSIDE):
                owner = posting.account
                break
        self._note("posting", owner.partition("/")[0], fact.entry.kind, fact.ref, cause, fact)

    def _queued(self, fact: records.Queued, cause: int) -> None:
        self.outbox.queue(fact, cause)
        if fact.rank < 0:
            self.groups[(fact.rule, fact.owner)] = fact.due
        entry = self.journal.add(self._now, "webhook", fact.provider, fact.kind, fact.ref, cause, fact)
        if self._decided is not None and fact.number in self._decided.misses:
            self.journal.miss(entry, self._decided.misses[fact.number])

    def _attempted(self, fact: records.Attempted, cause: int) -> None:
        self.outbox.attempted(fact)
        delivery = self.outbox.deliveries.get(fact.number)
        if delivery is not None:
            queued = delivery.queued
            self._note("delivery", queued.provider, queued.kind, queued.ref, cause, fact)

    def _held(self, fact: records.Held, cause: int) -> None:
        self.outbox.hold(fact)
        delivery = self.outbox.deliveries.get(fact.number)
        if delivery is not None:
            queued = delivery.queued
            self._note("delivery", queued.provider, queued.kind, queued.ref, cause, fact)

    def _timer_set(self, fact: records.TimerSet | records.ShopperDue, cause: int) -> None:
        self.outbox.set(fact)

    def _timer_fired(self, fact: records.TimerFired, cause: int) -> None:
        self.outbox.done(fact.number)

    def _shopper_expected(self, fact: records.ShopperExpected, cause: int) -> None:
        self.waiting[fact.ref] = (fact.provider, fact.place)
        self.waiting_since.setdefault(fact.ref, self._now)

    def _shopper_gone(self, fact: records.ShopperGone, cause: int) -> None:
        self.waiting.pop(fact.ref, None)
        self.waiting_since.pop(fact.ref, None)

    def _script_moved(self, fact: records.ScriptMoved, cause: int) -> None:
        self.positions.update(fact.positions)

    def _ids_drawn(self, fact: records.IdsDrawn, cause: int) -> None:
        self.ids.cursor = fact.cursor
        self.ids.series.update(fact.series)

    def _answered(self, fact: records.Answered, cause: int) -> None:
        self.answers.pop(fact.scope, None)  # a key that is used again when its time is over goes to the end
        self.answers[fact.scope] = fact
        while True:
            oldest = next(iter(self.answers.values()))
            if fact.at <= oldest.until:
                return
            del self.answers[oldest.scope]

    def _clock_moved(self, fact: records.ClockMoved, cause: int) -> None:
        self.clock.switch(fact.mode)
        self.clock.set(fact.to)
        self._now = self.clock.now()
        self._note("clock", "", "moved", "", cause, fact)

    def _clock_shifted(self, fact: records.ClockShifted, cause: int) -> None:
        self.clock.shift(fact.offset)

    def _endpoint_changed(self, fact: records.EndpointChanged, cause: int) -> None:
        if fact.kind:
            self.endpoints[f"{fact.provider}.{fact.kind}"] = fact.urls
        else:
            for name in [each for each in self.endpoints if each.startswith(f"{fact.provider}.")]:
                del self.endpoints[name]
            self.endpoints[fact.provider] = fact.urls
        self._note("endpoint", fact.provider, "changed", "", cause, fact)

    def _scenario_changed(self, fact: records.ScenarioChanged, cause: int) -> None:
        if fact.scenario is not self.scenario:
            self._use(fact.scenario)
        if self.on_scenario is not None:
            self.on_scenario()
        self.positions.clear()
        self.since = fact.at
        self._note("scenario", "", fact.scenario.name, "", cause, fact)

    _FOLDS: ClassVar[Mapping[type[Any], Callable[[World, Any, int], None]]] = {
        records.Happened: _happened,
        records.Forgotten: _forgotten,
        records.Posted: _posted,
        records.Queued: _queued,
        records.Attempted: _attempted,
        records.Held: _held,
        records.TimerSet: _timer_set,
        records.ShopperDue: _timer_set,
        records.TimerFired: _timer_fired,
        records.ShopperExpected: _shopper_expected,
        records.ShopperGone: _shopper_gone,
        records.ScriptMoved: _script_moved,
        records.IdsDrawn: _ids_drawn,
        records.Answered: _answered,
        records.ClockMoved: _clock_moved,
        records.ClockShifted: _clock_shifted,
        records.EndpointChanged: _endpoint_changed,
        records.ScenarioChanged: _scenario_changed,
    }
    """A world that held its own methods would be a cycle, which only the garbage collector takes apart."""


__all__ = ["ISSUED", "AnsweredMeanwhile", "Inhabitant", "Outcome", "Setup", "World"]
