"""Several scenarios as one: those that are named together, and those that one extends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from mockpsp.scenario.model import Scenario

_LINES = ("rules", "webhooks", "faults", "shopper")


def together(first: Scenario, other: Scenario) -> Scenario:
    """Lines one after the other; of two settings, two worlds of a provider, or two titles the later wins."""
    settings = {
        provider: {**complete, **{name: other.settings[provider][name] for name in other.written.get(provider, ())}}
        for provider, complete in first.settings.items()
    }
    written = {
        provider: tuple(
            {**dict.fromkeys(first.written.get(provider, ())), **dict.fromkeys(other.written.get(provider, ()))}
        )
        for provider in {*first.written, *other.written}
    }
    lines = {part: getattr(first, part) + _own(other, part) for part in _LINES}
    return replace(
        other,
        name=f"{first.name}+{other.name}",
        world={**first.world, **other.world},
        settings=settings,
        written=written,
        **lines,
    )


def _own(scenario: Scenario, part: str) -> tuple[Any, ...]:
    """The lines of a scenario under keys that no other scenario has, so that each counts for itself."""
    return tuple(replace(line, key=f"{scenario.name}/{line.key}") for line in getattr(scenario, part))


def inherit(parents: Sequence[Scenario], own: Scenario, *, seeded: bool) -> Scenario:
    """A scenario with what it extends: its own lines come first, its own settings and parts of a world win.

    A part of a world is a list such as the wallets of a provider. Of several parents the later wins. Clock and seed
    (``seeded``: it names one) are inherited, title, tags, story and expectations are not.
    """
    base = parents[0]
    for other in parents[1:]:
        base = together(base, other)
    joined = together(base, own)
    providers = {**base.world, **own.world}
    return replace(
        joined,
        name=own.name,
        seed=own.seed if seeded else base.seed,
        clock=own.clock or base.clock,
        world={name: {**base.world.get(name, {}), **own.world.get(name, {})} for name in providers},
        **{part: getattr(own, part) + _own(base, part) for part in _LINES},
    )
