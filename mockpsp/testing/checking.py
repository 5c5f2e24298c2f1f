"""Checks of the journal, as ``mockpsp verify`` reads them from its options or from a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from json import loads
from pathlib import Path
from typing import Any

_PLAIN = ("kind", "provider", "reference")


class BadCheck(Exception):
    """The options or the file are no check; the message says what to write."""


def from_options(operation: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """One check for ``POST …/journal/verify``; empty when nothing is asked for. Raises BadCheck."""
    check = {name: given[name] for name in _PLAIN if given[name] is not None}
    if given["status"] is not None:
        check["status"] = int(given["status"]) if given["status"].isdigit() else given["status"]
    if given["fields"]:
        check["body"] = body_of(given["fields"])
    count = _count(given)
    if given["later"]:
        if count is not None:
            raise BadCheck("--then asks for an order, not for a number; leave out --count, --at-least and --at-most")
        steps = [*([operation] if operation is not None else []), *given["later"]]
        return {**check, "order": [{"operation": each} for each in steps]}
    if operation is not None:
        check["operation"] = operation
    return check if count is None else {**check, "count": count}


def _count(given: Mapping[str, Any]) -> int | dict[str, int] | None:
    bounds = {name: given[name] for name in ("at_least", "at_most") if given[name] is not None}
    exact: int | None = given["count"]
    if exact is not None and bounds:
        raise BadCheck("--count is exact; leave out --at-least and --at-most, or it")
    return exact if exact is not None else bounds or None


def body_of(fields: Iterable[str]) -> dict[str, Any]:
    """What a body must contain, from ``amount.value=1850``; a value that reads as JSON is JSON. Raises BadCheck."""
    body: dict[str, Any] = {}
    for field in fields:
        path, equals, text = field.partition("=")
        names = path.split(".")
        if not equals or not all(names):
            raise BadCheck(f"{field!r} is no field with its value; write it like amount.value=1850")
        inner = body
        for name in names[:-1]:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise BadCheck(f"{field!r}: {name} has a value of its own already")
        inner[names[-1]] = _value(text)
    return body


def _value(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def from_file(path: Path) -> list[Any]:
    """The checks of a file: one, or a list of them, as YAML or JSON. Raises BadCheck."""
    from mockpsp.scenario.problems import Problems, ScenarioError
    from mockpsp.scenario.yaml_nodes import plain, read_text

    problems = Problems(str(path))
    try:
        root = read_text(path.read_bytes(), problems)
        problems.close()
    except ScenarioError as error:
        raise BadCheck("\n".join(map(str, error.problems))) from error
    except OSError as error:
        raise BadCheck(f"{path}: {error.strerror or error}") from error
    value = plain(root) if root is not None else None
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list) or not value:
        raise BadCheck(
            f"{path}: a check is a mapping such as {{operation: create_payment, count: 1}}, or a list of them"
        )
    return value
