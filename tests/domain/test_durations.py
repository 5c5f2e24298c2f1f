"""Spans, instants, and the calendar of Paris."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.clock import BadDuration, format_duration, paris, paris_day, parse_duration, parse_instant, spelled

spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000))


@given(span=spans)
def test_a_span_that_is_written_can_be_read(span: timedelta) -> None:
    assert parse_duration(format_duration(span)) == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("PT4H1M", timedelta(hours=4, minutes=1)), ("P1D", timedelta(days=1)), ("P2W", timedelta(weeks=2)),
        ("PT0S", timedelta(0)), ("PT0.25S", timedelta(milliseconds=250)), ("P1DT1S", timedelta(days=1, seconds=1)),
        ("2s", timedelta(seconds=2)), ("250ms", timedelta(milliseconds=250)), ("4h", timedelta(hours=4)),
        ("1.5 h", timedelta(minutes=90)), ("10 min", timedelta(minutes=10)), ("3m", timedelta(minutes=3)),
        ("1d", timedelta(days=1)),
    ],
)  # fmt: skip
def test_spans_as_a_tester_writes_them(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "4", "h", "P1Y", "P1M", "-PT1H", "-1s", "PT1H ", "1 s 2", "\uff11s", "PT\uff11S", "PT1.S"]
)
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(BadDuration):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(hours=4, minutes=1), "PT4H1M"), (timedelta(0), "PT0S"), (timedelta(days=1), "P1D"),
        (timedelta(days=1, seconds=1), "P1DT1S"), (timedelta(milliseconds=250), "PT0.25S"),
    ],
)  # fmt: skip
def test_the_shortest_form_is_written(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


def test_an_instant_needs_an_offset_and_is_utc() -> None:
    assert parse_instant("2026-07-01T09:00:00+02:00") == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert parse_instant("2026-07-01T09:00:00Z").tzinfo is UTC
    with pytest.raises(ValueError, match="needs an offset"):
        parse_instant("2026-07-01T09:00:00")


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
    ],
)
def test_a_day_begins_at_midnight_in_paris(moment: datetime, day: date) -> None:
    assert paris_day(moment) == day


@given(st.timedeltas(timedelta(days=-30_000), timedelta(days=375_000)))
def test_any_moment_is_of_the_day_that_the_calendar_of_paris_shows(span: timedelta) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + span
    assert paris_day(moment) == moment.astimezone(paris()).date()


def test_the_day_of_summer_time_has_twenty_three_hours() -> None:
    begins = datetime(2026, 3, 29, tzinfo=paris()).astimezone(UTC)
    ends = datetime(2026, 3, 30, tzinfo=paris()).astimezone(UTC)
    assert ends - begins == timedelta(hours=23)


@given(st.timedeltas(timedelta(0), timedelta(days=375_000)).map(lambda span: datetime(1970, 1, 1, tzinfo=UTC) + span))
def test_a_moment_is_spelled_as_isoformat_does(moment: datetime) -> None:
    local = moment.astimezone(paris())
    assert spelled(local) == local.isoformat(timespec="seconds")
