"""Leaves of the grammar: one node becomes one typed value, or Bad tells what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from mockpsp.domain.clock import format_duration, parse_duration, parse_instant
from mockpsp.domain.lifecycle import Fact
from mockpsp.domain.money import BadMoney, Money
from mockpsp.scenario.grammar import KEYS, REQUIRED, TITLES
from mockpsp.scenario.problems import Bad, Problems
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table

T = TypeVar("T")
D = TypeVar("D")

_SHOWN = 60
LONGEST = timedelta(days=3660)
_YEARS = range(1970, 2200)


def shown(node: Node) -> str:
    """The value in a message: short, and recognisable."""
    if isinstance(node, Many):
        return "a list"
    if isinstance(node, Table):
        return "a mapping"
    if node.value is None:
        return "nothing"
    text = node.text if len(node.text) <= _SHOWN else node.text[:_SHOWN] + "…"
    return f"'{text}'" if isinstance(node.value, str) else text


def text(node: Node) -> str:
    """Text that is not empty. A number written without quotes is taken as it is written."""
    if not isinstance(node, Scalar) or node.value is None:
        raise Bad(node.spot, f"needs text, not {shown(node)}")
    if isinstance(node.value, bool):
        raise Bad(node.spot, f"needs text, not {shown(node)}; put it in quotes: '{node.text}'")
    if not node.text:
        raise Bad(node.spot, "needs text, and this is empty")
    return node.text


def flag(node: Node) -> bool:
    """true or false."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    raise Bad(node.spot, f"needs true or false, not {shown(node)}")


def yes(node: Node) -> bool:
    """true: a key that says something by being there."""
    if flag(node):
        return True
    raise Bad(node.spot, "can only be true; leave the key out instead")


def whole(low: int, high: int) -> Callable[[Node], int]:
    """A whole number within bounds."""

    def read(node: Node) -> int:
        if not isinstance(node, Scalar) or not isinstance(node.value, int) or isinstance(node.value, bool):
            raise Bad(node.spot, f"needs a whole number, not {shown(node)}")
        if node.value < low:
            raise Bad(node.spot, f"{node.value} is too small; {low} is the least")
        if node.value > high:
            raise Bad(node.spot, f"{node.value} is too large; {high} is the most")
        return node.value

    return read


def choice(problems: Problems, *words: str) -> Callable[[Node], str]:
    """One of a few words."""

    def read(node: Node) -> str:
        if isinstance(node, Scalar) and node.text in words:
            return node.text
        hint = problems.hint(node.text if isinstance(node, Scalar) else "", words)
        raise Bad(node.spot, f"unknown value {shown(node)}{hint}")

    return read


def money(node: Node) -> Money:
    """An amount with its currency."""
    if not isinstance(node, Scalar) or node.value is None:
        raise Bad(node.spot, f"needs an amount such as 12.00 EUR, not {shown(node)}")
    try:
        return Money.parse(node.text)
    except BadMoney as error:
        raise Bad(node.spot, str(error)) from None


def payable(node: Node) -> Money:
    """An amount above zero."""
    amount = money(node)
    if amount.minor <= 0:
        raise Bad(node.spot, f"{amount} cannot be paid; write an amount above zero")
    return amount


def duration(node: Node) -> timedelta:
    """A span of time, at most ten years."""
    if not isinstance(node, Scalar) or node.value is None:
        raise Bad(node.spot, f"needs a duration such as 2s or PT4H, not {shown(node)}")
    try:
        span = parse_duration(node.text)
    except OverflowError:
        span = LONGEST * 2
    except ValueError as error:
        raise Bad(node.spot, str(error)) from None
    if span > LONGEST:
        raise Bad(node.spot, f"{shown(node)} is longer than ten years")
    return span


def since(node: Node) -> timedelta:
    """A span after the beginning, such as +4h."""
    if not isinstance(node, Scalar) or not node.text.startswith("+"):
        raise Bad(node.spot, f"needs a time after the beginning, such as +4h, not {shown(node)}")
    return duration(Scalar(node.spot, node.text[1:], node.text[1:]))


def up_to(limit: timedelta) -> Callable[[Node], timedelta]:
    """A span of time with a limit of its own."""

    def read(node: Node) -> timedelta:
        span = duration(node)
        if span > limit:
            raise Bad(node.spot, f"{shown(node)} is too long; {format_duration(limit)} is the most")
        return span

    return read


def instant(node: Node) -> datetime:
    """A moment with an offset, in UTC."""
    told = f"{shown(node)} is not a moment; write it like 2026-07-01T09:00:00+02:00"
    if not isinstance(node, Scalar):
        raise Bad(node.spot, told)
    try:
        moment = parse_instant(node.text)
    except (ValueError, OverflowError) as error:
        raise Bad(node.spot, str(error) if "offset" in str(error) else told) from None
    if moment.year not in _YEARS:
        raise Bad(node.spot, f"the year {moment.year} is out of reach; {_YEARS[0]} to {_YEARS[-1]} work")
    return moment


def fact(node: Node, kind: str) -> Fact:
    """A value that is compared with a fact of this kind; null is 'nothing'."""
    if isinstance(node, Scalar) and node.value is None:
        return None
    match kind:
        case "money":
            return money(node)
        case "number":
            return whole(-(2**63), 2**63)(node)
        case "flag":
            return flag(node)
        case _:
            return _any_text(node)


def _any_text(node: Node) -> str:
    return "" if isinstance(node, Scalar) and node.value == "" else text(node)


class Reader:
    """Reads the branches of the grammar; notes every problem and goes on."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def table(self, node: Node, kind: str, *, closed: bool = True) -> Table | None:
        """A mapping of this kind with only its own keys, none missing. None, and noted, if it is no mapping."""
        title = TITLES[kind]
        if not isinstance(node, Table):
            self.problems.add(
                node.spot,
                f"{title} is a mapping with the keys {', '.join(KEYS[kind])}; this is {shown(node)}",
            )
            return None
        if closed:
            self.unknown(node, KEYS[kind], "key", title)
        for key in REQUIRED[kind]:
            if key not in node.items:
                self.problems.add(node.spot, f"{title} needs '{key}'")
        return node

    def unknown(self, table: Table, known: tuple[str, ...], what: str, of: str = "") -> None:
        """Note the keys that are not known: an unknown ``what`` of something."""
        owner = f" of {of}" if of else ""
        for key, spot in table.keys.items():
            if key not in known:
                hint = self.problems.hint(key, known)
                self.problems.add(spot, f"unknown {what} '{key[:_SHOWN]}'{owner}{hint}")

    def many(self, node: Node, what: str, *, empty: bool = True) -> list[Node]:
        """The items of a list; noted, and none, if it is no list."""
        if not isinstance(node, Many):
            self.problems.add(node.spot, f"needs a list of {what}, not {shown(node)}; start each item with '-'")
            return []
        if not node.items and not empty:
            self.problems.add(node.spot, f"needs at least one of its {what}")
        return node.items

    def get(self, table: Table, key: str, read: Callable[[Node], T], default: D) -> T | D:
        """The value under a key, or the default when it is missing or, noted, unreadable."""
        node = table.items.get(key)
        if node is None:
            return default
        try:
            return read(node)
        except Bad as bad:
            self.problems.add(bad.spot, f"{key}: {bad.message}")
            return default
