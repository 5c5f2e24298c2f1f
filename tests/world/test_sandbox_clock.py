"""The clock of a sandbox: it stands still and is moved, or runs beside the real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.world import clock as clocks
from mockpsp.world.clock import ClockMode, Machine, SandboxClock, real_now

START = datetime(2026, 7, 1, 7, tzinfo=UTC)
A_MINUTE = timedelta(minutes=1)


def test_a_clock_with_a_start_stands_still() -> None:
    clock = SandboxClock(START)
    assert (clock.mode, clock.now(), clock.now()) == (ClockMode.MANUAL, START, START)


def test_a_clock_without_one_shows_real_time() -> None:
    clock = SandboxClock()
    assert clock.mode is ClockMode.REAL
    assert real_now() - A_MINUTE < clock.now() < real_now() + A_MINUTE


def test_a_running_clock_that_is_set_runs_on_from_there() -> None:
    clock = SandboxClock()
    clock.set(START)
    assert START <= clock.now() < START + A_MINUTE
    assert clock.mode is ClockMode.REAL


def test_a_clock_that_stops_stands_at_its_own_present() -> None:
    clock = SandboxClock()
    clock.set(START)
    clock.switch(ClockMode.MANUAL)
    stopped = clock.now()
    assert START <= stopped < START + A_MINUTE
    assert clock.now() == stopped


def test_a_clock_that_starts_runs_on_from_where_it_stood() -> None:
    clock = SandboxClock(START)
    clock.switch(ClockMode.REAL)
    assert START <= clock.now() < START + A_MINUTE


def test_switching_to_what_it_is_changes_nothing() -> None:
    clock = SandboxClock(START)
    clock.switch(ClockMode.MANUAL)
    assert clock.now() == START


def test_a_clock_can_be_set_back() -> None:
    clock = SandboxClock(START)
    clock.set(START - timedelta(days=1))
    assert clock.now() == START - timedelta(days=1)


class Jumping:
    """A machine's clock that somebody sets now and then."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment


steps = st.tuples(st.integers(0, 600), st.sampled_from([0, 0, 0, -2, -60, -3600, -86_400, 3600]))


@given(st.lists(steps, max_size=30))
def test_the_machines_time_never_goes_back_and_never_stands_still(moves: list[tuple[int, int]]) -> None:
    source = Jumping()
    machine = Machine(source)
    seen = [machine.now()]
    for passed, jump in moves:
        source.moment += timedelta(seconds=jump)
        before = machine.now()
        source.moment += timedelta(seconds=passed)
        assert machine.now() - before == timedelta(seconds=passed), "what is due in a minute comes in a minute"
        seen += [before, machine.now()]
    assert seen == sorted(seen)


def test_a_running_sandbox_does_not_feel_that_the_machine_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Jumping()
    monkeypatch.setattr(clocks, "real_now", Machine(source).now)
    clock = SandboxClock()
    clock.set(START + timedelta(days=3))
    source.moment += timedelta(hours=1)
    assert clock.now() == START + timedelta(days=3, hours=1)
    source.moment -= timedelta(days=400)
    assert clock.now() == START + timedelta(days=3, hours=1)
    source.moment += A_MINUTE
    assert clock.now() == START + timedelta(days=3, hours=1, minutes=1)


@pytest.mark.parametrize("start", [None, START])
def test_a_clock_that_takes_over_goes_on_from_there_and_says_that_it_moved(start: datetime | None) -> None:
    clock, other = SandboxClock(start), SandboxClock()
    clock.set(START + A_MINUTE)
    other.be(clock.state())
    assert other.mode is clock.mode
    assert clock.now() - A_MINUTE < other.now() < clock.now() + A_MINUTE
    assert other.moves == 1, "alarms that were set by the clock as it was are looked at again"
