"""One object's story out of the journal: chapters in time order, the way its states took, and what is still ahead.

A chapter is one thing that somebody did (a call, a shopper's act, a timer, a delivery) with all that followed from it
at once. Only entries about the object are read; the index of the journal finds them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec import Struct, field

from mockpsp.domain.portrait import Machine, Portrait, Track
from mockpsp.edge.journal_view import ROOTS, View
from mockpsp.edge.provider import Access, Provider
from mockpsp.scenario.model import ShopperScript
from mockpsp.web import words
from mockpsp.world import records
from mockpsp.world.journal import Entry, Journal, Reasoning, Request
from mockpsp.world.masking import mask_target, mask_text
from mockpsp.world.outbox import Delivery
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

MOST = 2_000
"""Entries of one object that are told; of more, the latest."""
_NOTABLE = timedelta(seconds=1)
_SHOP, _SHOPPER, _ENDPOINT, _CLOCK, _STAFF = "shop", "shopper", "endpoint", "clock", "staff"


class Change(NamedTuple):
    """A state that became another one; ``before`` is empty where a thing came into being.

    ``one_of_many``: the object has several such things, so that its reference tells which.
    """

    what: str
    ref: str
    before: str
    after: str
    tone: str
    amount: str
    one_of_many: bool


class Line(Struct):
    """One thing that followed: ``kind`` as the journal has it."""

    number: int
    kind: str
    what: str
    why: str = ""
    rule: str = ""
    tone: str = ""
    amount: str = ""
    settings: tuple[str, ...] = ()
    nearly: tuple[tuple[str, str], ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    webhook: int = 0


class Chapter(Struct):
    """What somebody did and what came of it. ``actor`` is shop, shopper, endpoint, clock, staff, or empty."""

    number: int
    at: datetime
    actor: str
    title: str
    answer: str = ""
    tone: str = ""
    operation: str = ""
    notes: tuple[str, ...] = ()
    later: str = ""
    lines: list[Line] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


class Way(Struct):
    """The states of one track, in the order in which it had them; only the present one when the rest is unknown."""

    track: Track
    states: list[Any]
    steps: list[str] = field(default_factory=list)

    @property
    def machine(self) -> Machine:
        """Its table."""
        return self.track.machine


class Due(NamedTuple):
    """Something that is still ahead. ``due`` is None for a webhook that waits behind another one."""

    due: datetime | None
    what: str
    webhook: int


class Story(Struct):
    """All of it. ``whole``: the journal still has its beginning; ``left_out`` entries were too many."""

    portrait: Portrait
    chapters: list[Chapter]
    ways: list[Way]
    ahead: list[Due]
    whole: bool
    left_out: int


def tell(sandbox: Sandbox, view: View, providers: Mapping[str, Provider], lifecycle: str, ref: str) -> Story:
    """The story of an object that exists."""
    world = sandbox.world
    name = lifecycle.partition(".")[0]
    settings = world.setups[name].settings
    portrait = world.lifecycles[lifecycle].portrait(world.state(lifecycle, ref), settings)
    known = names(ref, portrait)
    entries = world.journal.index().about(known)
    left_out = max(0, len(entries) - MOST)
    whole = not left_out and _has_beginning(world.journal, portrait)
    several = Counter(each.machine.name for each in portrait.tracks)
    teller = _Teller(world, view, providers[name], lifecycle, ref, several, whole=whole)
    for entry in entries[left_out:]:
        teller.take(entry)
    ways = [_way(track, teller.ways) for track in portrait.tracks]
    return Story(portrait, teller.finished(), ways, list(_ahead(world, known)), whole, left_out)


def names(ref: str, portrait: Portrait) -> frozenset[str]:
    """All references by which calls and webhooks speak of an object."""
    return frozenset({ref, portrait.ref, *portrait.also, *(each.ref for each in portrait.tracks)})


def _has_beginning(journal: Journal, portrait: Portrait) -> bool:
    if not journal.entries_dropped:
        return True
    oldest = next(journal.since(0), None)
    return oldest is not None and portrait.began is not None and portrait.began > oldest.at


def _way(track: Track, ways: Mapping[tuple[str, str], Way]) -> Way:
    taken = ways.get((track.machine.name, track.ref))
    return Way(track, [track.state]) if taken is None else Way(track, taken.states, taken.steps)


def _ahead(world: World, known: frozenset[str]) -> Iterator[Due]:
    found = world.outbox.about(known)
    for work in sorted(found, key=lambda each: (each.due is None, each.due or world.clock.now())):
        match work:
            case Delivery(queued=queued):
                tries = f", attempt {len(work.attempts) + 1}" if work.attempts else ""
                held = " waits behind an earlier webhook" if work.due is None else ""
                yield Due(work.due, f"webhook {queued.kind}{tries}{held}", queued.number)
            case records.TimerSet():
                yield Due(work.due, words.spoken(type(work.command).__name__), 0)
            case records.ShopperDue():
                yield Due(work.due, "the scenario's shopper acts", 0)


def page_operations(provider: Provider) -> frozenset[str]:
    """Operations that a shopper's browser calls."""
    return frozenset(each.operation for each in provider.routes if each.access is Access.PAGE)


class _Teller:
    """Takes entries in order and puts them into chapters."""

    def __init__(
        self,
        world: World,
        view: View,
        provider: Provider,
        lifecycle: str,
        ref: str,
        several: Mapping[str, int],
        *,
        whole: bool,
    ) -> None:
        self._world = world
        self._view = view
        self._provider = provider
        self._pages = page_operations(provider)
        self._lifecycle = world.lifecycles[lifecycle]
        self._ref = ref
        self._settings = world.setups[provider.name].settings
        self._several = several
        self._follows = whole
        self._state: Any = None
        self._chapters: list[Chapter] = []
        self._by_root: dict[int, Chapter] = {}
        self.ways: dict[tuple[str, str], Way] = {}

    def take(self, entry: Entry) -> None:
        """Tell one entry."""
        if entry.kind in ROOTS:
            self._open(self._root(entry))
            return
        chapter = self._by_root.get(entry.cause)
        if entry.kind == "delivery":
            self._deliver(entry, chapter)
            return
        line = self._line(entry)
        if line is None:
            return
        if chapter is None:
            root = self._world.journal.get(entry.cause) if entry.cause else None
            chapter = self._open(self._root(root or entry))
        chapter.lines.append(line)
        if entry.kind == "event" and entry.reference == self._ref and self._follows:
            self._evolve(entry, chapter)

    def _open(self, chapter: Chapter) -> Chapter:
        self._chapters.append(chapter)
        self._by_root[chapter.number] = chapter
        return chapter

    def _deliver(self, entry: Entry, chapter: Chapter | None) -> None:
        """A delivery is something that the endpoint sees: a chapter of its own."""
        delivery = self._world.outbox.deliveries.get(entry.data.number)
        self._chapters.append(_delivered(entry, delivery))

    def finished(self) -> list[Chapter]:
        """The chapters, each with how much later it was than the one before."""
        before: datetime | None = None
        for chapter in self._chapters:
            if before is not None and chapter.at - before >= _NOTABLE:
                chapter.later = f"{words.span(chapter.at - before)} later"
            elif before is not None and before - chapter.at >= _NOTABLE:
                chapter.later = f"the clock went back by {words.span(before - chapter.at)}"
            before = chapter.at
            if chapter.actor == _CLOCK and not chapter.lines:
                chapter.notes = ("It no longer applied, and nothing changed.",)
        return self._chapters

    def _root(self, entry: Entry) -> Chapter:
        """The beginning of a chapter; of an entry without a cause that is none, one that says so."""
        match entry.data:
            case Request() as request:
                return self._called(entry, request)
            case ShopperScript() as script:
                told = f"Shopper {words.deed(script)}"
                return Chapter(entry.number, entry.at, _SHOPPER, told, operation=entry.operation)
        if entry.kind == "timer":
            return Chapter(entry.number, entry.at, _CLOCK, f"Due now: {words.fact_name(entry.operation).lower()}")
        if entry.kind == "back-office":
            return Chapter(entry.number, entry.at, _STAFF, f"The back office of {self._provider.title} acts")
        return Chapter(entry.number, entry.at, "", "By itself")

    def _called(self, entry: Entry, request: Request) -> Chapter:
        status = str(request.status) if request.status else "connection cut" if request.finished else "not answered yet"
        tone = "wait" if not request.finished else "good" if 0 < request.status < 400 else "bad"
        return Chapter(
            entry.number,
            entry.at,
            _SHOPPER if entry.operation in self._pages else _SHOP,
            f"{request.method} {mask_target(request.target)}",
            status,
            tone,
            f"{entry.provider}.{entry.operation}",
            tuple(mask_text(each) for each in request.notes),
        )

    # -- states --------------------------------------------------------------------------------------------------------

    def _evolve(self, entry: Entry, chapter: Chapter) -> None:
        self._state = self._lifecycle.evolve(self._state, entry.data)
        step = words.spoken(type(entry.data).__name__)
        for track in self._lifecycle.portrait(self._state, self._settings).tracks:
            key = track.machine.name, track.ref
            way = self.ways.get(key)
            if way is None:
                self.ways[key] = Way(track, [track.state], [step])
            elif way.states[-1] is not track.state:
                way.states.append(track.state)
                way.steps.append(step)
            else:
                continue
            self._changed(chapter, track, way.states[-2] if way is not None else None)

    def _changed(self, chapter: Chapter, track: Track, before: Any) -> None:
        """Note it; within one chapter only where a thing was before and where it is after."""
        machine = track.machine
        old = "" if before is None else machine.word(before)
        for place, each in enumerate(chapter.changes):
            if (each.what, each.ref) == (machine.name, track.ref):
                old = each.before
                del chapter.changes[place]
                break
        several = self._several[machine.name] > 1
        after, tone = machine.word(track.state), machine.tone(track.state)
        amount = str(track.amount) if track.amount is not None and not old else ""
        chapter.changes.append(Change(machine.name, track.ref, old, after, tone, amount, several))

    # -- lines ---------------------------------------------------------------------------------------------------------

    def _line(self, entry: Entry) -> Line | None:
        match entry.data:
            case Reasoning() as reasoning:
                return self._decision(entry, reasoning)
            case records.Posted(entry=booked):
                return Line(entry.number, entry.kind, booked.kind, words.movement(booked))
            case records.Queued() as queued:
                return self._queued(entry, queued)
        if entry.kind != "event":
            return None
        amount = words.amount_of(entry.data)
        return Line(
            entry.number,
            entry.kind,
            words.fact_name(entry.operation),
            amount=str(amount) if amount is not None else "",
            details=tuple(words.details(entry.data)),
        )

    def _decision(self, entry: Entry, reasoning: Reasoning) -> Line:
        return Line(
            entry.number,
            entry.kind,
            entry.operation,
            mask_text(reasoning.law),
            reasoning.rule or "",
            settings=reasoning.settings,
            nearly=tuple((self._view.line_name(each), mask_text(each.why)) for each in reasoning.nearly),
        )

    def _queued(self, entry: Entry, queued: records.Queued) -> Line:
        delivery = self._world.outbox.deliveries.get(queued.number)
        told = "" if delivery is None else delivery.status.value.replace("_", " ")
        why = f"to {queued.url}" if queued.url else "no endpoint is set"
        if queued.due > queued.at:
            why += f", {words.span(queued.due - queued.at)} later"
        tone = "" if delivery is None else words.TONES[delivery.status]
        return Line(
            entry.number,
            entry.kind,
            queued.kind,
            f"{why}{f', {told}' if told else ''}",
            queued.rule,
            tone,
            webhook=queued.number,
        )


def _delivered(entry: Entry, delivery: Delivery | None) -> Chapter:
    told = entry.data
    if isinstance(told, records.Held):
        chapter = Chapter(entry.number, entry.at, _ENDPOINT, f"{entry.operation} waits behind webhook {told.behind}")
        chapter.answer, chapter.tone = "held", "wait"
    else:
        again = f" (attempt {told.attempt})" if told.attempt > 1 else ""
        chapter = Chapter(entry.number, entry.at, _ENDPOINT, f"{entry.operation}{again}")
        chapter.answer, chapter.tone = words.outcome(told), "good" if told.delivered else "bad"
        if told.next_due is not None:
            chapter.notes = (f"not accepted, again {words.within(told.next_due, told.at)}",)
        elif not told.delivered:
            chapter.notes = ("not accepted, given up",)
    chapter.operation = f"to {delivery.queued.url}" if delivery is not None else ""
    chapter.lines = [Line(entry.number, "delivery", entry.operation, webhook=told.number)]
    return chapter
