"""The clock of a sandbox: it stands still and is moved, or runs beside the real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mockpsp.world.clock import ClockMode, SandboxClock, real_now

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
