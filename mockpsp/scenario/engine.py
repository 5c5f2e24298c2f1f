"""``ask``: which line of the script decides now, and which nearly did. Pure: positions go in, changes come out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from math import exp, log
from typing import NamedTuple, Protocol, TypeVar

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
    Rule,
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


class Line(Protocol):
    """What rules, faults, deliveries and shoppers have in common."""

    @property
    def key(self) -> str:
        """Unique within the scenario."""

    @property
    def trigger(self) -> Trigger:
        """When it strikes."""


L = TypeVar("L", bound=Line)


class NearMiss(Value, frozen=True):
    """A line that was asked and did not strike, and why."""

    line: str
    why: str


class Asked(Value, frozen=True):
    """The outcome of one look at the script. ``moved`` are positions that changed, to be committed with the rest."""

    verdict: Verdict
    moved: Mapping[str, Position]
    nearly: tuple[NearMiss, ...] = ()


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


def _unmet(trigger: Trigger, facts: Mapping[str, Fact]) -> str | None:
    for condition in trigger.when:
        fact = facts.get(condition.fact)
        if not holds(condition, fact):
            wanted = f"{condition.op.value.replace('_', ' ')} {_told(condition.value)}"
            return f"{condition.fact} is {_told(fact)}, wanted {wanted}"
    return None


def strike(
    lines: Sequence[L], facts: Mapping[str, Fact], positions: Positions, elapsed: timedelta = ZERO
) -> tuple[L | None, dict[str, Position], list[NearMiss]]:
    """The first line that strikes at these facts; the positions that moved; the lines that nearly struck.

    ``elapsed`` is how long the scenario is in force, by the sandbox's clock.
    """
    moved: dict[str, Position] = {}
    nearly: list[NearMiss] = []
    for line in lines:
        trigger = line.trigger
        unmet = _unmet(trigger, facts) or _untimely(trigger, elapsed)
        if unmet is not None:
            nearly.append(NearMiss(line.key, unmet))
            continue
        key = line.key if trigger.per is None else f"{line.key}/{_told(facts.get(trigger.per))}"
        position = positions.get(key, START)
        why, after = _counted(trigger, position)
        if why is None:
            throttle: Throttle | None = getattr(line, "throttle", None)
            if throttle is not None:
                why, after = _throttled(throttle, position, after, elapsed)
        if after is not position:
            moved[key] = after
        if why is None:
            return line, moved, nearly
        nearly.append(NearMiss(line.key, why))
    return None, moved, nearly


def _untimely(trigger: Trigger, elapsed: timedelta) -> str | None:
    """Why it is too early or too late."""
    if elapsed < trigger.start:
        return f"strikes from {format_duration(trigger.start)} on, {format_duration(elapsed)} have passed"
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


class Script:
    """A scenario made ready to be asked: lines by operation, so that the cost does not grow with the file."""

    __slots__ = ("_deliveries", "_faults", "_rules", "_shoppers", "early", "scenario")

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.early = any(each.early for each in scenario.webhooks)
        self._rules: dict[str, list[Rule]] = {}
        for rule in scenario.rules:
            self._rules.setdefault(rule.operation, []).append(rule)
        self._faults: dict[str, tuple[FaultRule, ...]] = {}
        self._deliveries: dict[str, tuple[DeliveryRule, ...]] = {}
        self._shoppers: dict[str, tuple[ShopperScript, ...]] = {}
        for shopper in scenario.shopper:
            self._shoppers[shopper.at] = (*self._shoppers.get(shopper.at, ()), shopper)

    def ask(self, question: Question, positions: Positions, elapsed: timedelta = ZERO) -> Asked:
        """Whether a rule answers this question; near misses among the rules of the same operation."""
        rules = self._rules.get(question.operation)
        if not rules:
            return SILENT
        rule, moved, nearly = strike(rules, question.facts, positions, elapsed)
        if rule is None:
            return Asked(NATURAL, moved, tuple(nearly))
        return Asked(Verdict(rule.outcome, rule.reason, rule.details, rule.name), moved, tuple(nearly))

    def faults(self, call: str) -> tuple[FaultRule, ...]:
        """The fault lines that mean this API call, in the file's order."""
        found = self._faults.get(call)
        if found is None:
            found = tuple(fault for fault in self.scenario.faults if matches_name(fault.operation, call))
            self._faults[call] = found
        return found

    def deliveries(self, event: str) -> tuple[DeliveryRule, ...]:
        """The delivery lines that mean this webhook type, in the file's order."""
        found = self._deliveries.get(event)
        if found is None:
            found = tuple(rule for rule in self.scenario.webhooks if matches_name(rule.event, event))
            self._deliveries[event] = found
        return found

    def shoppers(self, place: str) -> tuple[ShopperScript, ...]:
        """The shoppers who act at this place."""
        return self._shoppers.get(place, ())
