"""``when``: from the short forms to typed conditions, and what can be said of them without running anything."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence

from mockpsp.domain.lifecycle import Fact
from mockpsp.domain.money import Money
from mockpsp.scenario.engine import holds
from mockpsp.scenario.grammar import KEYS
from mockpsp.scenario.model import Condition, Op
from mockpsp.scenario.problems import Bad, Spot
from mockpsp.scenario.reading import Reader, fact, shown, text
from mockpsp.scenario.vocabulary import MIXED
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table

_LONGEST_PATTERN = 500
_ORDERED = {Op.AT_LEAST, Op.AT_MOST, Op.ABOVE, Op.BELOW}
_BY_KIND: dict[str, frozenset[Op]] = {
    "money": frozenset(Op) - {Op.MATCHES},
    "number": frozenset(Op) - {Op.MATCHES},
    "flag": frozenset({Op.IS, Op.IS_NOT, Op.ONE_OF}),
    "text": frozenset(Op) - _ORDERED,
}


def read_when(reader: Reader, node: Node, facts: Mapping[str, str], of: str) -> tuple[Condition, ...]:
    """The conditions of one line about ``of``; problems are noted, contradictions among them."""
    if not isinstance(node, Table):
        reader.problems.add(
            node.spot, f"when: needs a mapping such as {{amount: {{at_least: 5.00 EUR}}}}, not {shown(node)}"
        )
        return ()
    conditions: list[Condition] = []
    for name, child in node.items.items():
        kind = facts.get(name)
        spot = node.keys[name]
        if kind is None:
            hint = reader.problems.hint(name, facts) or ("; it has none" if not facts else "")
            reader.problems.add(spot, f"unknown fact '{name}' of {of}{hint}")
        elif kind == MIXED:
            reader.problems.add(spot, f"'{name}' differs in kind among what '{of}' means; name one provider")
        else:
            found = _conditions(reader, name, kind, child)
            conditions += found
            _contradiction(reader, spot, found)
    _currencies(reader, node.spot, conditions)
    return tuple(conditions)


def _conditions(reader: Reader, name: str, kind: str, node: Node) -> list[Condition]:
    if isinstance(node, Scalar):
        return _one(reader, name, kind, Op.IS, node)
    if isinstance(node, Many):
        return _one(reader, name, kind, Op.ONE_OF, node)
    if not node.items:
        reader.problems.add(node.spot, f"{name}: says nothing; give a value, a list or an operator such as at_least")
    reader.unknown(node, KEYS["condition"], "operator", f"'{name}'")
    found: list[Condition] = []
    for op in Op:
        child = node.items.get(op.value)
        if child is None:
            continue
        if op not in _BY_KIND.get(kind, _BY_KIND["text"]):
            reader.problems.add(node.keys[op.value], f"{name} is {_KINDS.get(kind, 'text')}; '{op}' cannot compare it")
        else:
            found += _one(reader, name, kind, op, child)
    return found


_KINDS = {"money": "an amount", "number": "a number", "flag": "true or false", "text": "text"}


def _one(reader: Reader, name: str, kind: str, op: Op, node: Node) -> list[Condition]:
    """One condition, or none and a noted problem."""
    try:
        return [Condition(name, op, _value(kind, op, node))]
    except Bad as bad:
        reader.problems.add(bad.spot, f"{name}: {bad.message}")
        return []


def _value(kind: str, op: Op, node: Node) -> Fact | tuple[Fact, ...]:
    if op is Op.ONE_OF:
        if not isinstance(node, Many):
            raise Bad(node.spot, f"one_of needs a list, not {shown(node)}")
        if not node.items:
            raise Bad(node.spot, "an empty list never matches; name at least one value")
        return tuple(fact(item, kind) for item in node.items)
    if op is Op.MATCHES:
        return _pattern(node)
    value = fact(node, kind)
    if value is None and op in _ORDERED:
        raise Bad(node.spot, f"{op} needs a value, not nothing")
    return value


def _pattern(node: Node) -> str:
    pattern = text(node)
    if len(pattern) > _LONGEST_PATTERN:
        raise Bad(node.spot, f"a regular expression has at most {_LONGEST_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise Bad(node.spot, f"'{pattern}' is not a regular expression: {error}") from None
    return pattern


def told(condition: Condition) -> str:
    """The condition in words: ``at least 5.00 EUR``."""
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    words = " or ".join("nothing" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in values)
    return f"{condition.op.value.replace('_', ' ')} {words}"


def _contradiction(reader: Reader, spot: Spot, conditions: Sequence[Condition]) -> None:
    """Note conditions on one fact that cannot hold together."""
    for index, one in enumerate(conditions):
        for other in conditions[:index]:
            if not _possible((other, one)):
                what = f"'{told(other)}' and '{told(one)}' contradict each other"
                reader.problems.add(spot, f"{one.fact}: {what}, so this line never strikes")
                return
    if not _possible(conditions):
        reader.problems.add(
            spot, f"{conditions[0].fact}: these conditions contradict each other, so this line never strikes"
        )


def _currencies(reader: Reader, spot: Spot, conditions: Iterable[Condition]) -> None:
    values = [v for c in conditions for v in (c.value if isinstance(c.value, tuple) else (c.value,))]
    currencies = sorted({value.currency for value in values if isinstance(value, Money)})
    if len(currencies) > 1:
        reader.problems.add(spot, f"when: {' and '.join(currencies)} in one line; use one currency, or a line for each")


def _candidates(conditions: Sequence[Condition]) -> list[Fact] | None:
    """The only values that these conditions on one fact leave; None when they do not name values."""
    for condition in conditions:
        if condition.op is Op.IS or condition.op is Op.ONE_OF:
            values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
            return [value for value in values if all(holds(each, value) for each in conditions)]
    return None


def _units(value: Fact | tuple[Fact, ...]) -> int:
    return value.minor if isinstance(value, Money) else int(value) if isinstance(value, int) else 0


def _bounds(conditions: Iterable[Condition]) -> tuple[float, float]:
    """The least and the greatest value in whole units that the comparisons leave."""
    low, high = float("-inf"), float("inf")
    for condition in conditions:
        units = _units(condition.value)
        match condition.op:
            case Op.AT_LEAST:
                low = max(low, units)
            case Op.ABOVE:
                low = max(low, units + 1)
            case Op.AT_MOST:
                high = min(high, units)
            case Op.BELOW:
                high = min(high, units - 1)
            case _:
                pass
    return low, high


def _possible(conditions: Sequence[Condition]) -> bool:
    """Whether some value satisfies all these conditions on one fact; in doubt, yes."""
    candidates = _candidates(conditions)
    if candidates is not None:
        return bool(candidates)
    low, high = _bounds(conditions)
    excluded = {_units(each.value) for each in conditions if each.op is Op.IS_NOT and each.value is not None}
    return high - low >= len(excluded) or any(low + step not in excluded for step in range(int(high - low) + 1))


class Given:
    """What the conditions of one line leave open, fact by fact; made once, compared with many earlier lines."""

    __slots__ = ("_left",)

    def __init__(self, when: Sequence[Condition]) -> None:
        by_fact: dict[str, list[Condition]] = {}
        for condition in when:
            by_fact.setdefault(condition.fact, []).append(condition)
        self._left = {fact: _Left(found) for fact, found in by_fact.items()}

    def pinned(self) -> list[tuple[str, Fact]]:
        """Facts that can have one value only."""
        left = self._left.items()
        return [(fact, each.values[0]) for fact, each in left if each.values and len(set(each.values)) == 1]

    def implies(self, earlier: Sequence[Condition]) -> bool:
        """Whether everything that satisfies this line surely satisfies ``earlier``; in doubt, no."""
        for condition in earlier:
            left = self._left.get(condition.fact)
            if left is None or not left.implies(condition):
                return False
        return True


class _Left:
    """What the conditions on one fact leave of it: some values, or a range."""

    __slots__ = ("conditions", "currencies", "high", "low", "values")

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self.conditions = conditions
        self.values = _candidates(conditions)
        bounded = [each for each in conditions if each.op in _ORDERED]
        self.low, self.high = _bounds(bounded)
        self.currencies = {_currency(each.value) for each in bounded}

    def implies(self, wanted: Condition) -> bool:
        if self.values is not None:
            return all(holds(wanted, value) for value in self.values)
        if wanted.op in _ORDERED:
            least, most = _bounds((wanted,))
            return least <= self.low and self.high <= most and _currency(wanted.value) in self.currencies
        if wanted in self.conditions:
            return True
        if wanted.op is not Op.IS_NOT or not self.currencies:
            return False
        if wanted.value is None or _currency(wanted.value) not in self.currencies:
            return True
        return not self.low <= _units(wanted.value) <= self.high


def _currency(value: Fact | tuple[Fact, ...]) -> str:
    return value.currency if isinstance(value, Money) else ""
