"""Movers of one clock take turns, and none of them leads out of the calendar."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mockpsp.world.clock import ClockMode
from mockpsp.world.moving import Advance, BadMove, SetTo, Switch, ToNextDue, move, read_moment, read_span
from mockpsp.world.outbox import TimerSet
from tests.support.shop import START, Shop, scenario

HOUR = timedelta(hours=1)


async def opened() -> Shop:
    return await Shop(scenario()).open()


async def test_two_times_one_hour_makes_two_hours() -> None:
    psp = await opened()
    await asyncio.gather(*(move(psp.courier, psp.sandbox, Advance(HOUR)) for _ in range(2)))
    assert psp.world.clock.now() == START + 2 * HOUR


async def test_to_the_next_event_and_nowhere_without_one() -> None:
    psp = await opened()
    assert await move(psp.courier, psp.sandbox, ToNextDue()) == []
    assert psp.world.clock.now() == START
    psp.world.outbox.set(TimerSet(1, "worldline.order", "nobody", None, START + HOUR))
    due = psp.world.outbox.next_due()
    assert due == START + HOUR


async def test_it_runs_from_the_present_moment_on_and_stands_still_again() -> None:
    psp = await opened()
    before = psp.world.journal.count
    await move(psp.courier, psp.sandbox, Switch(ClockMode.MANUAL))
    assert psp.world.journal.count == before, "it stood still already"
    await move(psp.courier, psp.sandbox, Switch(ClockMode.REAL))
    assert psp.world.clock.mode is ClockMode.REAL
    assert START <= psp.world.clock.now() < START + HOUR


@pytest.mark.parametrize("how", [Advance(timedelta(days=400_000)), SetTo(datetime(2999, 1, 1, tzinfo=UTC))])
async def test_nobody_leads_out_of_the_calendar(how: Advance | SetTo) -> None:
    psp = await opened()
    with pytest.raises(BadMove):
        await move(psp.courier, psp.sandbox, how)
    assert psp.world.clock.now() == START


def test_what_a_person_writes_is_read_or_told() -> None:
    assert read_span("PT4H1M") == timedelta(hours=4, minutes=1)
    assert read_moment("2026-07-01T09:00:00+02:00") == datetime(2026, 7, 1, 7, tzinfo=UTC)
    with pytest.raises(BadMove) as back:
        read_span("-PT1H")
    assert back.value.hint == 'a clock goes back with {"set": "…Z"}'
    for text in ("2026-07-01T09:00:00", "soon", "1969-12-31T00:00:00Z"):
        with pytest.raises(BadMove):
            read_moment(text)
