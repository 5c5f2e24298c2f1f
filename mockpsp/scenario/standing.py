"""How far the lines of a script have come: what they matched, how often they struck, and what is left of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

from mockpsp.domain.value import Value
from mockpsp.scenario.engine import START, Line, Position, Positions, counter
from mockpsp.scenario.model import Trigger


class Phase(StrEnum):
    """What a line does at the next call that meets its conditions. ``later``: it counts up to its ``nth`` first."""

    READY = "ready"
    LATER = "later"
    USED_UP = "used up"
    TOO_EARLY = "not yet"
    OVER = "over"


class Standing(Value, frozen=True, kw_only=True):
    """How far one line has come.

    ``seen`` are the calls that met its conditions, ``used`` those at which it struck, ``left`` how often it still may;
    None is for ever. A line that counts ``per`` a fact has met ``values`` of it, and is used up for ``spent`` of them;
    ``left`` is then what each new value has.
    """

    seen: int
    used: int
    left: int | None
    phase: Phase
    values: int = 0
    spent: int = 0


def standings(lines: Iterable[Line], positions: Positions, elapsed: timedelta) -> list[Standing]:
    """How far each of these lines has come, in their order; ``elapsed`` is how long the scenario is in force."""
    every = list(lines)
    counted = _by_value(every, positions)
    return [
        _standing(line.trigger, positions.get(line.key, START), elapsed)
        if line.trigger.per is None
        else _counting(line.trigger, counted[line.key], elapsed)
        for line in every
    ]


def _by_value(lines: Iterable[Line], positions: Positions) -> dict[str, list[Position]]:
    """The positions of lines that count for each value of a fact, found in one pass."""
    prefixes = {counter(line.key, None): line.key for line in lines if line.trigger.per is not None}
    found: dict[str, list[Position]] = {key: [] for key in prefixes.values()}
    if not prefixes:
        return found
    lengths = sorted({len(prefix) for prefix in prefixes})
    for name, position in positions.items():
        key = next((prefixes[name[:each]] for each in lengths if name[:each] in prefixes), None)
        if key is not None:
            found[key].append(position)
    return found


def _standing(trigger: Trigger, position: Position, elapsed: timedelta) -> Standing:
    uses = trigger.uses
    left = None if uses is None else max(uses - position.used, 0)
    phase = _timely(trigger, elapsed)
    if left == 0:
        phase = Phase.USED_UP
    elif phase is Phase.READY and position.seen + 1 < trigger.first:
        phase = Phase.LATER
    return Standing(seen=position.seen, used=position.used, left=left, phase=phase)


def _counting(trigger: Trigger, positions: list[Position], elapsed: timedelta) -> Standing:
    uses = trigger.uses
    return Standing(
        seen=sum(each.seen for each in positions),
        used=sum(each.used for each in positions),
        left=uses,
        phase=_timely(trigger, elapsed),
        values=len(positions),
        spent=sum(uses is not None and each.used >= uses for each in positions),
    )


def _timely(trigger: Trigger, elapsed: timedelta) -> Phase:
    if elapsed < trigger.start:
        return Phase.TOO_EARLY
    return Phase.OVER if trigger.until is not None and elapsed >= trigger.until else Phase.READY
