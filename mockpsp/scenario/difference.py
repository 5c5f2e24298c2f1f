"""What is different between two scenarios, for a person who is about to change one for the other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.value import Value
from mockpsp.scenario.model import Scenario

_LINES = {"rules": "rule", "faults": "fault", "webhooks": "webhook line", "shopper": "shopper"}


class Sign(StrEnum):
    """Whether something is new, gone or different."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Difference(Value, frozen=True):
    """One difference: of what kind of thing, and which one."""

    sign: Sign
    what: str
    name: str


def differences(old: Scenario, new: Scenario) -> list[Difference]:
    """What the second has and the first has not, and the other way round: settings, worlds, and lines by name.

    Where lines stand in the file makes no difference, their order does.
    """
    found = [*_settings(old, new), *_worlds(old, new)]
    for part, what in _LINES.items():
        found.extend(_named(what, _lines(old, part), _lines(new, part)))
    return found


def _named(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Difference]:
    for name in new:
        if name not in old:
            yield Difference(Sign.ADDED, what, name)
        elif old[name] != new[name]:
            yield Difference(Sign.CHANGED, what, name)
    for name in old:
        if name not in new:
            yield Difference(Sign.REMOVED, what, name)
    kept_old, kept_new = [name for name in old if name in new], [name for name in new if name in old]
    if kept_old != kept_new:
        yield Difference(Sign.CHANGED, f"order of {what}s", "")


def _lines(scenario: Scenario, part: str) -> dict[str, Any]:
    """Lines by name, or by place for shoppers; without their keys and places in the file."""
    found: dict[str, Any] = {}
    for number, line in enumerate(getattr(scenario, part), 1):
        name = getattr(line, "name", "") or f"{number}, {line.at}"
        while name in found:
            name += " (again)"
        found[name] = replace(line, key="", line=0)
    return found


def _settings(old: Scenario, new: Scenario) -> Iterable[Difference]:
    for provider in {**old.settings, **new.settings}:
        before, after = old.settings.get(provider, {}), new.settings.get(provider, {})
        for name in {**before, **after}:
            if before.get(name) != after.get(name):
                yield Difference(Sign.CHANGED, "setting", f"{provider}.{name}")


def _worlds(old: Scenario, new: Scenario) -> Iterable[Difference]:
    for provider in {**old.world, **new.world}:
        before, after = old.world.get(provider, {}), new.world.get(provider, {})
        for part in {**before, **after}:
            if before.get(part) != after.get(part):
                sign = Sign.REMOVED if part not in after else Sign.ADDED if part not in before else Sign.CHANGED
                yield Difference(sign, "world", f"{provider}.{part}")
