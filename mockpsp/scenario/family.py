"""Several scenarios as one: those that are named together, and those that one extends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from mockpsp.scenario.model import Scenario

_LINES = ("rules", "webhooks", "faults", "shopper")
_UNNAMED = re.compile(r"\w+\[[0-9]+\]")


def together(first: Scenario, other: Scenario) -> Scenario:
    """Lines one after the other; of two settings, two worlds of a provider, or two titles the later wins."""
    prefix = _prefix(first, other)
    lines = {part: getattr(first, part) + _own(other, part, prefix) for part in _LINES}
    return replace(
        other,
        name=f"{first.name}+{other.name}",
        source="",
        world={**first.world, **other.world},
        **_agreed(first, other),
        **lines,
    )


def _agreed(first: Scenario, other: Scenario) -> dict[str, Any]:
    """Settings, seed and clock: what the later one writes, otherwise what the first one has."""
    settings = {
        provider: {**complete, **{name: other.settings[provider][name] for name in other.written.get(provider, ())}}
        for provider, complete in first.settings.items()
    }
    written = {
        provider: tuple(dict.fromkeys((*first.written.get(provider, ()), *other.written.get(provider, ()))))
        for provider in {**first.written, **other.written}
    }
    return {
        "settings": settings,
        "written": written,
        "seed": other.seed if other.seeded else first.seed,
        "seeded": first.seeded or other.seeded,
        "clock": other.clock or first.clock,
    }


def _prefix(first: Scenario, other: Scenario) -> str:
    """What keys of the other one begin with; files of different folders may have the same name."""
    taken = {line.key for part in _LINES for line in getattr(first, part)}
    keys = [line.key for part in _LINES for line in getattr(other, part)]
    prefix, number = other.name, 1
    while any(f"{prefix}/{key}" in taken for key in keys):
        number += 1
        prefix = f"{other.name} ({number})"
    return prefix


def _own(scenario: Scenario, part: str, prefix: str) -> tuple[Any, ...]:
    """The lines of a scenario under keys that no other scenario has, so that each counts for itself."""
    return tuple(replace(line, key=f"{prefix}/{line.key}") for line in getattr(scenario, part))


def stamped(scenario: Scenario, origin: str) -> Scenario:
    """The same for a scenario that others extend: its lines tell where they come from, and are known when met again."""
    lines: dict[str, tuple[Any, ...]] = {}
    for part in _LINES:
        kept = (replace(line, key=f"@{origin}/{line.key}") for line in getattr(scenario, part))
        lines[part] = tuple(_named(line, origin) for line in kept)
    return replace(scenario, **lines)


def _named(line: Any, origin: str) -> Any:
    """A line without a name of its own is called after its place, which says nothing in another file."""
    name = getattr(line, "name", "")
    return replace(line, name=f"{name} of {origin}") if _UNNAMED.fullmatch(name) else line


def inherit(parents: Sequence[Scenario], own: Scenario) -> Scenario:
    """A scenario with what it extends: its own lines come first, its own settings and parts of a world win.

    A part of a world is a list such as the wallets of a provider. Of several parents the later wins, and their lines
    come in the order in which they are named; what two of them extend is there once. Clock and seed are inherited;
    title, tags, story and expectations are not.
    """
    base = parents[0]
    for other in parents[1:]:
        base = _over(base, other, _joined(base, other))
    return replace(_over(base, own, _joined(own, base)), name=own.name)


def _over(base: Scenario, later: Scenario, lines: dict[str, tuple[Any, ...]]) -> Scenario:
    """Two scenarios of a family as one."""
    world = {
        provider: {**base.world.get(provider, {}), **later.world.get(provider, {})}
        for provider in {**base.world, **later.world}
    }
    return replace(later, world=world, **_agreed(base, later), **lines)


def _joined(first: Scenario, second: Scenario) -> dict[str, tuple[Any, ...]]:
    """The lines of both in this order, each once."""
    joined: dict[str, tuple[Any, ...]] = {}
    for part in _LINES:
        lines = {line.key: line for line in (*getattr(second, part), *getattr(first, part))}
        order = dict.fromkeys(line.key for line in (*getattr(first, part), *getattr(second, part)))
        joined[part] = tuple(lines[key] for key in order)
    return joined
