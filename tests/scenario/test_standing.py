"""How far lines have come agrees with what they do next."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.scenario.engine import Position, Shelf, strike
from mockpsp.scenario.model import Rule, Trigger
from mockpsp.scenario.standing import Phase, standings

HOUR = timedelta(hours=1)


def rule(trigger: Trigger, key: str = "rules[0]") -> Rule:
    return Rule(key=key, name=key, operation="x.pay", trigger=trigger, outcome="refused")


@given(
    st.one_of(st.none(), st.integers(1, 3)),
    st.one_of(st.none(), st.integers(1, 3)),
    st.integers(0, 6),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(1, 3)),
)
def test_a_line_that_is_ready_strikes_and_no_other_does(
    nth: int | None, times: int | None, calls: int, hours: int, until: int | None
) -> None:
    line = rule(Trigger(nth=nth, times=times, start=HOUR, until=until * HOUR + HOUR if until else None))
    shelf, positions, elapsed = Shelf([line]), dict[str, Position](), hours * HOUR
    struck = 0
    for _ in range(calls):
        found = strike(shelf, {}, positions, elapsed)
        positions.update(found.moved)
        struck += found.line is not None
    (standing,) = standings([line], positions, elapsed)
    assert standing.used == struck
    strikes_next = strike(shelf, {}, positions, elapsed).line is not None
    assert (standing.phase is Phase.READY) == strikes_next
    assert standing.left is None or standing.left == (line.trigger.uses or 0) - struck


def test_a_line_that_counts_per_value_tells_of_all_values_and_of_those_that_are_used_up() -> None:
    line = rule(Trigger(times=1, per="reference"))
    positions: dict[str, Position] = {}
    for reference in ("a", "a", "b", None):
        positions.update(strike(Shelf([line]), {"reference": reference}, positions).moved)
    (standing,) = standings([line], positions, HOUR)
    assert (standing.used, standing.values, standing.spent, standing.left) == (3, 3, 3, 1)
    assert standing.phase is Phase.READY


def test_a_line_does_not_count_what_belongs_to_one_whose_key_begins_like_its_own() -> None:
    lines = [rule(Trigger(per="r"), "rules[1]"), rule(Trigger(per="r"), "rules[10]")]
    moved = strike(Shelf(lines[1:]), {"r": "x"}, {}).moved
    first, second = standings(lines, moved, HOUR)
    assert (first.seen, second.seen) == (0, 1)


@pytest.mark.parametrize(
    ("elapsed", "phase"), [(timedelta(0), Phase.TOO_EARLY), (HOUR, Phase.READY), (2 * HOUR, Phase.OVER)]
)
def test_a_line_has_its_time(elapsed: timedelta, phase: Phase) -> None:
    (standing,) = standings([rule(Trigger(start=HOUR, until=2 * HOUR))], {}, elapsed)
    assert standing.phase is phase


def test_a_line_that_waits_for_its_match_says_so() -> None:
    (standing,) = standings([rule(Trigger(nth=3))], {"rules[0]": Position(seen=1)}, HOUR)
    assert (standing.phase, standing.seen, standing.left) == (Phase.LATER, 1, 1)
