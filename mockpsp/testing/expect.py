"""``expect`` lines: what must be true right after a step of a story, or at its end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Any, NamedTuple

from mockpsp.domain.ledger import OUTSIDE, Ledger
from mockpsp.domain.money import BadMoney, Money
from mockpsp.edge.provider import Account, Provider
from mockpsp.world.plain import plain
from mockpsp.world.records import Posted
from mockpsp.world.world import World

ABSENT = object()
DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that was not met. ``line`` is the step's line in the file, 0 for the end of the file."""

    line: int
    path: str
    expected: Any
    actual: Any

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else "at the end"
        return f"{place}: {self.path}: expected {_told(self.expected)}, was {_told(self.actual)}"


class Miss(NamedTuple):
    """A value that is not what was expected, and where it lies."""

    path: str
    expected: Any
    actual: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One webhook as the endpoint got it. ``signature`` is ``right``, or says what is wrong with it."""

    number: int
    at: str
    provider: str
    type: str
    reference: str
    signature: str
    answered: int
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What expectations are held against. ``status`` and ``body`` are ABSENT where nothing was answered.

    ``meant`` gives the references that a name in ``state`` may stand for, such as those of a labelled answer.
    """

    status: Any
    body: Any
    webhooks: Sequence[Received]
    calls: int
    world: World
    providers: Mapping[str, Provider]
    meant: Callable[[str], Iterable[str]]


def check(expect: Mapping[str, Any], facts: Facts) -> Iterator[Miss]:
    """All expectations that are not met, in the order in which they are written."""
    for word, expected in expect.items():
        checker = _CHECKS.get(word)
        if checker is None:
            yield Miss(word, f"one of {', '.join(_CHECKS)}", "an unknown word")
            continue
        try:
            yield from checker(expected, facts)
        except (TypeError, AttributeError, re.error) as error:
            yield Miss(word, "something that can be compared", f"{expected!r} ({error})")


def _status(expected: Any, facts: Facts) -> Iterator[Miss]:
    yield from compare(expected, facts.status, "status")


def _body(expected: Any, facts: Facts) -> Iterator[Miss]:
    yield from compare(expected, facts.body, "body")


def _calls(expected: Any, facts: Facts) -> Iterator[Miss]:
    yield from compare(expected, facts.calls, "calls")


def _balanced(expected: Any, _: Facts) -> Iterator[Miss]:
    if expected is not True:
        yield Miss("balanced", "true, the only thing that it can be", expected)


# -- webhooks ----------------------------------------------------------------------------------------------------------


def _webhooks(expected: Any, facts: Facts) -> Iterator[Miss]:
    got = facts.webhooks
    if isinstance(expected, Mapping):
        if set(expected) != {"contains"}:
            yield Miss("webhooks", "a list of types, or contains", sorted(expected))
            return
        wanted = expected["contains"]
        yield from _contained(wanted if isinstance(wanted, list) else [wanted], got)
        return
    if not isinstance(expected, list):
        yield Miss("webhooks", "a list of types, or contains", expected)
        return
    if len(expected) != len(got) or not all(_is(entry, each) for entry, each in zip(expected, got, strict=True)):
        yield Miss("webhooks", expected, [each.type for each in got])
        for index, (entry, each) in enumerate(zip(expected, got, strict=False)):
            if isinstance(entry, Mapping):
                yield from _differs(entry, each, index)


def _contained(wanted: Sequence[Any], got: Sequence[Received]) -> Iterator[Miss]:
    left = list(got)
    for index, entry in enumerate(wanted):
        found = next((each for each in left if _is(entry, each)), None)
        if found is None:
            yield Miss(f"webhooks.contains[{index}]", entry, [each.type for each in got])
        else:
            left.remove(found)


def _is(entry: Any, webhook: Received) -> bool:
    return not list(_differs(entry, webhook, 0))


def _differs(entry: Any, webhook: Received, index: int) -> Iterator[Miss]:
    path = f"webhooks[{index}]"
    wanted = dict(entry) if isinstance(entry, Mapping) else {"type": entry}
    known = {each: getattr(webhook, each) for each in ("type", "reference", "body", "provider", "signature")}
    if known["signature"] != "right":
        known["signature"] = "wrong"
    if isinstance(wanted.get("type"), str):
        wanted["type"] = wanted["type"].removeprefix(f"{webhook.provider}.")
    yield from compare(wanted, known, path)


# -- accounts and objects ----------------------------------------------------------------------------------------------


def _accounts(expected: Any, facts: Facts) -> Iterator[Miss]:
    known = accounts_of(facts.world, facts.providers)
    for ref, wanted in expected.items():
        path = f"accounts.{ref}"
        found = account_named(str(ref), known)
        if found is None:
            misses = list(compare(wanted, ABSENT, path))
            yield from (Miss(path, wanted, f"no account; known: {', '.join(known)}") for _ in misses[:1])
        elif isinstance(wanted, Mapping) and not _is_operators(wanted):
            yield from compare(wanted, {"balance": plain(found.balance), "held": plain(found.held)}, path)
        else:
            yield from compare(wanted, plain(found.balance), path)


def accounts_of(world: World, providers: Mapping[str, Provider]) -> dict[str, Account]:
    """Every account by its provider and reference."""
    return {
        f"{name}/{account.ref}": account for name, provider in providers.items() for account in provider.accounts(world)
    }


def account_named(name: str, known: Mapping[str, Account]) -> Account | None:
    """An account by its reference, or by a title or kind that only one has: a beneficiary's id, ``merchant``."""
    by_reference = known.get(name) or next((each for each in known.values() if each.ref == name), None)
    by_name = [each for each in known.values() if name in (each.title, each.kind)]
    return by_reference or (by_name[0] if len(by_name) == 1 else None)


def _state(expected: Any, facts: Facts) -> Iterator[Miss]:
    for ref, wanted in expected.items():
        summaries = (
            provider.summary(facts.world, meant)
            for meant in facts.meant(str(ref))
            for provider in facts.providers.values()
        )
        summary = next((each for each in summaries if each is not None), None)
        yield from compare(wanted, ABSENT if summary is None else plain(dict(summary)), f"state.{ref}")


async def unbalanced(world: World) -> list[Miss]:
    """What is wrong with the books of a world: entries that do not add up, accounts below zero, a lost posting."""
    misses, books = [], Ledger()
    for event in await world.store.read(world.name, 0):
        if isinstance(event, Posted):
            books.post(event.entry)
            rest = sum(posting.minor for posting in event.entry.postings)
            if rest:
                misses.append(Miss(f"balanced.{event.ref}", f"{event.entry.kind} adds up to 0", rest))
    for (account, currency), minor in books.balances().items():
        if minor < 0 and not account.startswith(OUTSIDE):
            misses.append(Miss(f"balanced.{account}", "not below zero", str(Money(minor, currency))))
        shown = world.ledger.balance(account, currency)
        if shown.minor != minor:
            misses.append(Miss(f"balanced.{account}", str(Money(minor, currency)), str(shown)))
    return misses


_CHECKS: dict[str, Callable[[Any, Facts], Iterator[Miss]]] = {
    "status": _status,
    "body": _body,
    "webhooks": _webhooks,
    "accounts": _accounts,
    "state": _state,
    "calls": _calls,
    "balanced": _balanced,
}


# -- values ------------------------------------------------------------------------------------------------------------


def compare(expected: Any, actual: Any, path: str) -> Iterator[Miss]:
    """Where a value differs: mappings need only hold what is expected, lists are compared element by element."""
    if isinstance(expected, Mapping):
        if _is_operators(expected):
            if not all(_holds(word, value, actual) for word, value in expected.items()):
                yield Miss(path, expected, actual)
        elif isinstance(actual, Mapping):
            for key, each in expected.items():
                yield from compare(each, actual.get(key, ABSENT), f"{path}.{key}")
        else:
            yield Miss(path, expected, actual)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, (each, there) in enumerate(zip(expected, actual, strict=True)):
            yield from compare(each, there, f"{path}[{index}]")
    elif not _same(expected, actual):
        yield Miss(path, expected, actual)


def _is_operators(value: Mapping[str, Any]) -> bool:
    return bool(value) and all(word in _OPERATORS for word in value)


def _holds(word: str, value: Any, actual: Any) -> bool:
    if word == "absent":
        return (actual is ABSENT) is bool(value)
    return actual is not ABSENT and _OPERATORS[word](value, actual)


def _same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, str) and isinstance(actual, str | Mapping) and expected != actual:
        money = _money(expected)
        return money is not None and money == _money(actual)
    return bool(expected == actual)


def _money(value: Any) -> Money | None:
    """``12.00 EUR`` or an amount as providers write it."""
    try:
        return Money.parse(value) if isinstance(value, str) else money_of(value)
    except BadMoney:
        return None


def money_of(value: Any) -> Money | None:
    """What an object that is nothing but an amount in minor units and its currency says; else None."""
    if not isinstance(value, Mapping) or len(value) != 2:
        return None
    amounts = [value[key] for key in ("amount", "value") if isinstance(value.get(key), int)]
    currencies = [value[key] for key in ("currencyCode", "currency") if isinstance(value.get(key), str)]
    return Money(amounts[0], currencies[0]) if len(amounts) == len(currencies) == 1 else None


def _order(value: Any, actual: Any) -> int | None:
    """Below, at or above zero, as the actual value is; None when the two cannot be compared."""
    wanted, there = _money(value), _money(actual)
    if wanted is not None and there is not None:
        return there.minor - wanted.minor if wanted.currency == there.currency else None
    numbers = isinstance(value, int | float) and isinstance(actual, int | float)
    texts = isinstance(value, str) and isinstance(actual, str) and wanted is there is None
    return (actual > value) - (actual < value) if numbers or texts else None


def _ordered(holds: Callable[[int], bool]) -> Callable[[Any, Any], bool]:
    def compared(value: Any, actual: Any) -> bool:
        order = _order(value, actual)
        return order is not None and holds(order)

    return compared


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "is": _same,
    "is_not": lambda value, actual: not _same(value, actual),
    "one_of": lambda value, actual: any(_same(each, actual) for each in value),
    "at_least": _ordered(lambda order: order >= 0),
    "at_most": _ordered(lambda order: order <= 0),
    "above": _ordered(lambda order: order > 0),
    "below": _ordered(lambda order: order < 0),
    "matches": lambda value, actual: isinstance(actual, str) and re.fullmatch(str(value), actual) is not None,
    "absent": lambda value, _: not value,
}


def _told(value: Any) -> str:
    if value is ABSENT:
        return "nothing there"
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False, default=str)
