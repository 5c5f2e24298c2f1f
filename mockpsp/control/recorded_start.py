"""Where a recording begins: the scenario, the seed, the moment, and what was only setting the sandbox up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from mockpsp.domain.value import Value
from mockpsp.scenario.model import Scenario
from mockpsp.world import records
from mockpsp.world.clock import ClockMode
from mockpsp.world.journal import Journal

if TYPE_CHECKING:
    from mockpsp.world.world import World

_SETTING_UP = ("scenario", "endpoint")
_LINES = ("rules", "webhooks", "faults", "shopper")


class Beginning(Value, frozen=True, kw_only=True):
    """The ``scenario`` that was in force when something happened first, after the journal's entry ``settled``.

    ``now`` is that moment, ``start`` the same as a file tells it; ``still``: the clock stood still by then.
    """

    scenario: Scenario
    seed: int
    settled: int
    still: bool
    now: datetime
    start: datetime


def beginning(world: World) -> Beginning:
    """Look where a sandbox's story begins, as far as its journal goes back."""
    settled = _settled(world.journal)
    found = list(scenarios(world.journal))
    scenario = next((changed.scenario for number, changed in reversed(found) if number <= settled), world.scenario)
    still = _still(world, scenario, settled)
    now = _began(world, scenario, settled)
    return Beginning(
        scenario=scenario,
        seed=found[0][1].scenario.seed if found else scenario.seed,
        settled=settled,
        still=still,
        now=now,
        start=now.replace(microsecond=now.microsecond // 1000 * 1000 if still else 0),
    )


def scenarios(journal: Journal) -> Iterator[tuple[int, records.ScenarioChanged]]:
    """The scenarios that were in force, with the numbers of their entries."""
    for entry in journal.since(0):
        if isinstance(entry.data, records.ScenarioChanged):
            yield entry.number, entry.data


def _settled(journal: Journal) -> int:
    """The number of the last entry before somebody did something other than setting the sandbox up."""
    for entry in journal.since(0):
        opening = entry.kind == "posting" and entry.operation == "opening balance"
        switched = isinstance(entry.data, records.ClockMoved) and entry.data.by is None
        if not (entry.kind in _SETTING_UP or opening or switched):
            return entry.number - 1
    return journal.count


def _still(world: World, scenario: Scenario, settled: int) -> bool:
    switched = [entry for entry in world.journal.since(0) if isinstance(entry.data, records.ClockMoved)]
    before = [each.data.mode for each in switched if each.number <= settled]
    if before:
        return before[-1] is ClockMode.MANUAL
    return scenario.clock is not None or (not switched and world.clock.mode is ClockMode.MANUAL)


def _began(world: World, scenario: Scenario, settled: int) -> datetime:
    """Where the sandbox began, or on a clock that ran where something happened first.

    Lines that count from the beginning need it where it was.
    """
    triggers = (line.trigger for part in _LINES for line in getattr(scenario, part))
    timed = any(each.start or each.until is not None for each in triggers)
    after = 0 if scenario.clock is not None or timed else settled
    first = next(world.journal.since(after), None)
    return first.at if first is not None else world.clock.now()
