"""Checks of ``journal/verify``: written from what a test says, and told when they do not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypedDict

from msgspec.json import encode

from mockpsp.testing.answers import Entry
from mockpsp.testing.timeline import line, short

Kind = Literal[
    "request", "shopper", "back-office", "timer", "decision", "event", "posting", "webhook", "delivery", "probe",
    "clock", "endpoint", "scenario",
]  # fmt: skip
_SENT = ("webhook", "delivery")


class Bounds(TypedDict, total=False):
    """How often something may have happened; a bound that is left out does not matter."""

    at_least: int
    at_most: int


Count = int | Bounds


class Matcher(TypedDict, total=False):
    """What an entry must be like; what is left out does not matter."""

    kind: Kind
    provider: str
    operation: str
    reference: str
    status: int | str
    body: Any


def written(
    operation: str | None,
    count: Count | None,
    order: Iterable[str | Matcher] | None,
    kind: Kind,
    provider: str | None,
    reference: str | None,
    status: int | str | None,
    body: Any,
) -> dict[str, Any]:
    """One check in JSON. Raises ValueError for a count of an order, which would silently not be looked at."""
    if order is not None and count is not None:
        raise ValueError("an order finds each of its matchers once; count them in a check of their own")
    said = {"operation": operation, "provider": provider, "reference": reference, "status": status, "body": body}
    check = {"kind": kind, **{name: value for name, value in said.items() if value is not None}}
    if count is not None:
        check["count"] = count
    if order is not None:
        check["order"] = [{"operation": each} if isinstance(each, str) else dict(each) for each in order]
    return check


def about_webhooks(check: Mapping[str, Any]) -> bool:
    """Whether it matters that webhooks have arrived."""
    return any(each.get("kind") in _SENT for each in (check, *check.get("order", ())))


def told(check: Mapping[str, Any], result: Mapping[str, Any], entry: Callable[[int], Entry | None]) -> str:
    """A check that does not hold, in words: what was expected, what there is, and what comes nearest."""
    matched = ", ".join(f"#{each}" for each in result["matched"])
    steps = f" of {len(check['order'])}" if "order" in check else ""
    found = f"found {result['found']}{steps}"
    lines = [f"expected {result['expected']}", f"{found} ({matched})" if matched else found]
    if result["nearest"]:
        lines.append("nearest misses:")
    for miss in result["nearest"]:
        seen = entry(miss["id"])
        lines.append(f"  {line(seen)}" if seen is not None else f"  #{miss['id']}")
        lines += [f"      {_difference(each)}" for each in miss["differs"]]
    return "\n".join(lines)


def _difference(differs: Mapping[str, Any]) -> str:
    actual = f"was {_json(differs['actual'])}" if "actual" in differs else "there is nothing"
    return f"{differs['path']}: expected {_json(differs['expected'])}, {actual}"


def _json(value: Any) -> str:
    return short(encode(value).decode())
