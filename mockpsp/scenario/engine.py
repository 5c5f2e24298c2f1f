"""``ask``: which line of the script decides now, and which nearly did. Pure: positions go in, changes come out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple, Protocol, TypeVar

from mockpsp.domain.lifecycle import NATURAL, Fact, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.scenario.model import Condition, DeliveryRule, FaultRule, Op, Rule, Scenario, ShopperScript, Trigger


class Position(NamedTuple):
    """How far one line of the script has come: matches seen, and times used."""

    seen: int = 0
    used: int = 0


Positions = Mapping[str, Position]
START = Position()


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


def _unmet(trigger: Trigger, facts: Mapping[str, Fact]) -> tuple[Unmet, ...]:
    found = []
    for condition in trigger.when:
        fact = facts.get(condition.fact)
        if not holds(condition, fact):
            wanted = f"{condition.op.value.replace('_', ' ')} {_told(condition.value)}"
            found.append(Unmet(condition.fact, wanted, _told(fact)))
    return tuple(found)


def strike(
    lines: Sequence[L], facts: Mapping[str, Fact], positions: Positions
) -> tuple[L | None, dict[str, Position], list[NearMiss]]:
    """The first line that strikes at these facts; the positions that moved; the lines that nearly struck."""
    moved: dict[str, Position] = {}
    nearly: list[NearMiss] = []
    for line in lines:
        trigger = line.trigger
        unmet = _unmet(trigger, facts)
        if unmet:
            why = "; ".join(f"{each.fact} is {each.got}, wanted {each.wanted}" for each in unmet)
            nearly.append(NearMiss(line.key, why, unmet))
            continue
        position = positions.get(line.key, START)
        seen = position.seen + 1
        limit = trigger.uses
        if limit is not None and position.used >= limit:
            nearly.append(NearMiss(line.key, f"used up ({position.used} of {limit})"))
            continue
        if seen < trigger.first:
            moved[line.key] = Position(seen, position.used)
            nearly.append(NearMiss(line.key, f"match {seen}, strikes at number {trigger.first}"))
            continue
        moved[line.key] = Position(seen, position.used + 1)
        return line, moved, nearly
    return None, moved, nearly


def matches_name(pattern: str, name: str) -> bool:
    """Whether a name (``worldline.refund``) is meant by a pattern (``worldline.*``)."""
    return pattern == name or ("*" in pattern and fnmatchcase(name, pattern))


class Script:
    """A scenario made ready to be asked: lines by operation, so that the cost does not grow with the file."""

    __slots__ = ("_deliveries", "_faults", "_rules", "_shoppers", "scenario")

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._rules: dict[str, tuple[Rule, ...]] = {}
        for rule in scenario.rules:
            self._rules[rule.operation] = (*self._rules.get(rule.operation, ()), rule)
        self._faults: dict[str, tuple[FaultRule, ...]] = {}
        self._deliveries: dict[str, tuple[DeliveryRule, ...]] = {}
        self._shoppers: dict[str, tuple[ShopperScript, ...]] = {}
        for shopper in scenario.shopper:
            self._shoppers[shopper.at] = (*self._shoppers.get(shopper.at, ()), shopper)

    def ask(self, question: Question, positions: Positions) -> Asked:
        """Whether a rule answers this question; near misses among the rules of the same operation."""
        rules = self._rules.get(question.operation)
        if not rules:
            return SILENT
        rule, moved, nearly = strike(rules, question.facts, positions)
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
