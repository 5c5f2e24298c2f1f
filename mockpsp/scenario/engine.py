"""``ask``: which line of the script decides now, and which nearly did. Pure: positions go in, changes come out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from hashlib import blake2b
from heapq import merge, nsmallest
from itertools import islice
from math import exp, log
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from mockpsp.domain.clock import format_duration
from mockpsp.domain.lifecycle import NATURAL, Fact, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.scenario.model import (
    ZERO,
    Condition,
    DeliveryRule,
    FaultRule,
    Op,
    Scenario,
    ShopperScript,
    Spread,
    Throttle,
    Trigger,
)


class Position(NamedTuple):
    """How far one line of the script has come: matches seen, and times used.

    A line that throttles counts as well: since when (seconds that the scenario is in force), and calls since then.
    """

    seen: int = 0
    used: int = 0
    since: float = 0.0
    calls: int = 0


Positions = Mapping[str, Position]
START = Position()
MAX_LATENCY = timedelta(seconds=60)
HANDFUL = 10
"""So many near misses are told."""
FEW = 16
"""So many lines are looked at one by one."""


class Line(Protocol):
    """What rules, faults, deliveries and shoppers have in common."""

    @property
    def key(self) -> str:
        """Unique within the scenario."""

    @property
    def trigger(self) -> Trigger:
        """When it strikes."""


L = TypeVar("L", bound=Line)


class Unmet(Value, frozen=True):
    """One condition that did not hold, in words."""

    fact: str
    wanted: str
    got: str


class NearMiss(Value, frozen=True):
    """A line that was asked and did not strike, and why; ``unmet`` are all of its conditions that did not hold."""

    line: str
    why: str
    unmet: tuple[Unmet, ...] = ()


class Asked(Value, frozen=True):
    """The outcome of one look at the script. ``moved`` are positions that changed, to be committed with the rest.

    ``nearly`` are the nearest of the rules that did not strike; there were ``more``.
    """

    verdict: Verdict
    moved: Mapping[str, Position]
    nearly: tuple[NearMiss, ...] = ()
    more: int = 0


SILENT = Asked(NATURAL, {})


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _compare(op: Op, fact: Money | int, value: Money | int) -> bool:
    if isinstance(fact, Money) != isinstance(value, Money):
        return False
    if isinstance(fact, Money) and isinstance(value, Money):
        if fact.currency != value.currency:
            return False
        fact, value = fact.minor, value.minor
    assert isinstance(fact, int)
    assert isinstance(value, int)
    match op:
        case Op.AT_LEAST:
            return fact >= value
        case Op.AT_MOST:
            return fact <= value
        case Op.ABOVE:
            return fact > value
        case _:
            return fact < value


def holds(condition: Condition, fact: Fact) -> bool:
    """Whether the fact satisfies the condition. Money of another currency never does."""
    value = condition.value
    match condition.op:
        case Op.IS:
            return fact == value
        case Op.IS_NOT:
            return fact != value
        case Op.ONE_OF:
            return isinstance(value, tuple) and fact in value
        case Op.MATCHES:
            return isinstance(fact, str) and _pattern(str(value)).fullmatch(fact) is not None
        case op:
            if isinstance(fact, Money | int) and isinstance(value, Money | int):
                return _compare(op, fact, value)
            return False


def _told(value: Fact | tuple[Fact, ...]) -> str:
    if isinstance(value, tuple):
        return " or ".join(_told(each) for each in value)
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _unmet(trigger: Trigger, facts: Mapping[str, Fact]) -> Condition | None:
    for condition in trigger.when:
        if not holds(condition, facts.get(condition.fact)):
            return condition
    return None


def _all_unmet(trigger: Trigger, facts: Mapping[str, Fact]) -> tuple[Unmet, ...]:
    """Every condition that is not met, for who reads it."""
    unmet = (each for each in trigger.when if not holds(each, facts.get(each.fact)))
    return tuple(
        Unmet(each.fact, f"{each.op.value.replace('_', ' ')} {_told(each.value)}", _told(facts.get(each.fact)))
        for each in unmet
    )


class Struck(NamedTuple, Generic[L]):
    """What a look at some lines came to: the one that strikes, positions that moved, and the lines that did not."""

    line: L | None
    moved: dict[str, Position]
    looked: Sequence[L]
    """The lines before the one that strikes, or all."""
    missed: Mapping[int, Condition | str]
    """What kept lines from striking, by their place; those that are not here want another value of a fact."""

    def nearest(self, facts: Mapping[str, Fact]) -> tuple[tuple[NearMiss, ...], int]:
        """A handful of lines that nearly struck, those with most conditions met first; and how many more there were."""
        near = self._nearest(facts)
        return tuple(self._told(place, facts) for place in near), len(self.looked) - len(near)

    def _nearest(self, facts: Mapping[str, Fact]) -> list[int]:
        """The places of that handful."""
        places: Iterable[int] = self.missed
        if len(self.missed) < HANDFUL:
            others = (place for place in range(len(self.looked)) if place not in self.missed)
            places = sorted((*self.missed, *islice(others, HANDFUL - len(self.missed))))
        return nsmallest(HANDFUL, places, key=lambda place: self._distance(place, facts))

    def misses(self, facts: Mapping[str, Fact]) -> Misses | None:
        """The same, to be told when somebody asks; None if there is nothing to tell."""
        if not self.looked:
            return None
        if len(self.missed) > FEW:  # so many are not kept; the nearest are the same
            return Misses(self._replace(missed={place: self.missed[place] for place in self._nearest(facts)}), facts)
        return Misses(self, facts)

    def _distance(self, place: int, facts: Mapping[str, Fact]) -> tuple[bool, int]:
        """Lines that only their count or time kept back are nearest; then those with most conditions met."""
        when = self.looked[place].trigger.when
        if isinstance(self.missed.get(place), str):
            return False, -len(when)
        return True, -sum(holds(each, facts.get(each.fact)) for each in when) if len(when) > 1 else 0

    def _told(self, place: int, facts: Mapping[str, Fact]) -> NearMiss:
        line = self.looked[place]
        why = self.missed.get(place) or _unmet(line.trigger, facts)
        assert why is not None, "a line that nobody looked at wants another value"
        if isinstance(why, str):
            return NearMiss(line.key, why)
        unmet = _all_unmet(line.trigger, facts)
        return NearMiss(
            line.key, "; ".join(f"{each.fact} is {each.got}, wanted {each.wanted}" for each in unmet), unmet
        )


class Misses(NamedTuple):
    """Lines that nearly struck, for later: hardly anybody asks, and telling costs more than looking."""

    struck: Struck[Any]
    facts: Mapping[str, Fact]

    def told(self) -> tuple[tuple[NearMiss, ...], int]:
        """The nearest of them, and how many more there were."""
        return self.struck.nearest(self.facts)


class Shelf(Generic[L]):
    """Lines in the file's order that are about the same thing, found by what they want.

    Most lines of a long list want certain values of one fact (a reference, a number). They are filed under those, so
    that a look costs no more than the lines that can strike, and the few that could not be filed.
    """

    __slots__ = ("_filed", "_open", "lines")

    def __init__(self, lines: Iterable[L]) -> None:
        self.lines = tuple(lines)
        self._filed: dict[str, dict[Fact, list[int]]] = {}
        self._open: Sequence[int] = range(len(self.lines))
        if len(self.lines) > FEW:
            self._file()

    def __iter__(self) -> Iterator[L]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def _file(self) -> None:
        """File each line under the fact that tells the most lines apart."""
        wanted = [_wishes(line.trigger) for line in self.lines]
        values: dict[str, set[Fact]] = {}
        for wishes in wanted:
            for fact, some in wishes.items():
                values.setdefault(fact, set()).update(some)
        unfiled = []
        for place, wishes in enumerate(wanted):
            if not wishes:
                unfiled.append(place)
                continue
            fact = max(wishes, key=lambda name: len(values[name]))
            for value in dict.fromkeys(wishes[fact]):
                self._filed.setdefault(fact, {}).setdefault(value, []).append(place)
        self._open = unfiled

    def possible(self, facts: Mapping[str, Fact]) -> Iterable[int]:
        """The places of all lines that may strike at these facts, in order; the others surely do not."""
        found = [self._open] if self._open else []
        for fact, by_value in self._filed.items():
            places = by_value.get(facts.get(fact))
            if places is not None:
                found.append(places)
        return found[0] if len(found) == 1 else merge(*found)


def _wishes(trigger: Trigger) -> dict[str, tuple[Fact, ...]]:
    """The facts of which only some values will do."""
    wishes: dict[str, tuple[Fact, ...]] = {}
    for condition in trigger.when:
        if condition.op is Op.IS or condition.op is Op.ONE_OF:
            value = condition.value
            wishes[condition.fact] = value if isinstance(value, tuple) else (value,)
    return wishes


def strike(shelf: Shelf[L], facts: Mapping[str, Fact], positions: Positions, elapsed: timedelta = ZERO) -> Struck[L]:
    """The first line that strikes at these facts, in the file's order.

    ``elapsed`` is how long the scenario is in force, by the sandbox's clock.
    """
    lines = shelf.lines
    moved: dict[str, Position] = {}
    missed: dict[int, Condition | str] = {}
    for place in shelf.possible(facts):
        line = lines[place]
        trigger = line.trigger
        unmet = _unmet(trigger, facts) or _untimely(trigger, elapsed)
        if unmet is not None:
            missed[place] = unmet
            continue
        key = line.key if trigger.per is None else counter(line.key, facts.get(trigger.per))
        position = positions.get(key, START)
        why, after = _counted(trigger, position)
        if why is None:
            throttle: Throttle | None = getattr(line, "throttle", None)
            if throttle is not None:
                why, after = _throttled(throttle, position, after, elapsed)
        if after is not position:
            moved[key] = after
        if why is None:
            return Struck(line, moved, lines[:place], missed)
        missed[place] = why
    return Struck(None, moved, lines, missed)


def counter(key: str, value: Fact) -> str:
    """Where a line that counts for each value of a fact has its position for this value."""
    return f"per:{len(key)}:{key}:" + ("" if value is None else f"={_told(value)}")


def _untimely(trigger: Trigger, elapsed: timedelta) -> str | None:
    """Why it is too early or too late."""
    if trigger.start and elapsed < trigger.start:  # a clock that was put back makes elapsed negative
        passed = format_duration(max(elapsed, ZERO))
        return f"strikes from {format_duration(trigger.start)} on, {passed} have passed"
    if trigger.until is not None and elapsed >= trigger.until:
        return f"struck until {format_duration(trigger.until)}, {format_duration(elapsed)} have passed"
    return None


def _counted(trigger: Trigger, position: Position) -> tuple[str | None, Position]:
    """Why a line that matches does not strike (None if it does), and how far it has come then."""
    limit = trigger.uses
    if limit is not None and position.used >= limit:
        return f"used up ({position.used} of {limit})", position
    seen = position.seen + 1
    if seen < trigger.first:
        return f"match {seen}, strikes at number {trigger.first}", position._replace(seen=seen)
    return None, position._replace(seen=seen, used=position.used + 1)


def wait_for(throttle: Throttle, moved: Iterable[Position], elapsed: timedelta) -> timedelta:
    """How long a caller who was throttled just now has to wait for the next span."""
    began = max((each.since for each in moved if each.calls), default=elapsed.total_seconds())
    return throttle.per - timedelta(seconds=elapsed.total_seconds() - began)


def _throttled(
    throttle: Throttle, before: Position, after: Position, elapsed: timedelta
) -> tuple[str | None, Position]:
    """The same for a line that strikes at calls beyond a limit; those within it use nothing up."""
    now = elapsed.total_seconds()
    fresh = not before.calls or now - before.since >= throttle.per.total_seconds() or now < before.since
    since, calls = (now, 1) if fresh else (before.since, before.calls + 1)
    if calls > throttle.calls:
        return None, after._replace(since=since, calls=calls)
    told = f"call {calls} of {throttle.calls} within {format_duration(throttle.per)}"
    return told, before._replace(seen=after.seen, since=since, calls=calls)


def fraction(seed: int, line: str, number: int) -> float:
    """A fraction from 0 up to 1 for a line and the number of a request: with one seed the same in every sandbox."""
    return int.from_bytes(blake2b(f"{seed}/{line}/{number}".encode(), digest_size=8).digest(), "big") / 2**64


_TAIL = 2.3263478740408408
"""The 99th percentile of the normal distribution, in standard deviations."""


def sample(spread: Spread, fraction: float) -> timedelta:
    """The latency at a fraction from 0 up to 1, never above the longest that a file may ask for."""
    if not spread.tail:
        return spread.low + (spread.high - spread.low) * fraction
    from statistics import NormalDist  # late: few scenarios have it

    deviation = log(spread.high / spread.low) / _TAIL
    place = NormalDist().inv_cdf(min(max(fraction, 1e-9), 1 - 1e-9))
    return min(spread.low * exp(deviation * place), MAX_LATENCY)


def matches_name(pattern: str, name: str) -> bool:
    """Whether a name (``worldline.refund``) is meant by a pattern (``worldline.*``)."""
    return pattern == name or ("*" in pattern and fnmatchcase(name, pattern))


def _by(lines: Iterable[L], about: Callable[[L], str]) -> dict[str, Shelf[L]]:
    found: dict[str, list[L]] = {}
    for line in lines:
        found.setdefault(about(line), []).append(line)
    return {name: Shelf(each) for name, each in found.items()}


class Script:
    """A scenario made ready to be asked: lines by operation, so that the cost does not grow with the file."""

    __slots__ = ("_deliveries", "_faults", "_rules", "_shoppers", "early", "scenario")

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.early = any(each.early for each in scenario.webhooks)
        self._rules = _by(scenario.rules, lambda rule: rule.operation)
        self._shoppers = _by(scenario.shopper, lambda shopper: shopper.at)
        self._faults: dict[str, Shelf[FaultRule]] = {}
        self._deliveries: dict[str, Shelf[DeliveryRule]] = {}

    def ask(self, question: Question, positions: Positions, elapsed: timedelta = ZERO) -> Asked:
        """Whether a rule answers this question; near misses among the rules of the same operation."""
        rules = self._rules.get(question.operation)
        if not rules:
            return SILENT
        struck = strike(rules, question.facts, positions, elapsed)
        rule = struck.line
        verdict = NATURAL if rule is None else Verdict(rule.outcome, rule.reason, rule.details, rule.name)
        return Asked(verdict, struck.moved, *struck.nearest(question.facts))

    def faults(self, call: str) -> Shelf[FaultRule]:
        """The fault lines that mean this API call, in the file's order."""
        found = self._faults.get(call)
        if found is None:
            found = Shelf(fault for fault in self.scenario.faults if matches_name(fault.operation, call))
            self._faults[call] = found
        return found

    def deliveries(self, event: str) -> Shelf[DeliveryRule]:
        """The delivery lines that mean this webhook type, in the file's order."""
        found = self._deliveries.get(event)
        if found is None:
            found = Shelf(rule for rule in self.scenario.webhooks if matches_name(rule.event, event))
            self._deliveries[event] = found
        return found

    def shoppers(self, place: str) -> Shelf[ShopperScript] | None:
        """The shoppers who act at this place; None without any."""
        return self._shoppers.get(place)
