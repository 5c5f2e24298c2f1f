"""Time is handed in. Daily rules follow the calendar of Europe/Paris, where all three providers' issuers work."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from msgspec import to_builtins

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_SPOKEN = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|min|m|h|d)", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class BadDuration(ValueError):
    """The text is neither ISO 8601 (``PT4H1M``) nor a short form (``2s``, ``250ms``, ``4h``, ``1d``)."""


def parse_duration(text: str) -> timedelta:
    """Read a span of time; ISO 8601 without months and years, or one number with ms, s, m, h or d."""
    spoken = _SPOKEN.fullmatch(text)
    if spoken is not None:
        return timedelta(seconds=float(spoken[1]) * _UNITS[spoken[2]])
    match = _DURATION.fullmatch(text)
    parts = {name: float(value) for name, value in match.groupdict().items() if value} if match else {}
    if not parts:
        raise BadDuration(f"{text!r} is not a duration; write PT4H1M, 2s, 250ms, 4h or 1d")
    return timedelta(**parts)


def format_duration(span: timedelta) -> str:
    """ISO 8601, the shortest form: ``PT4H1M``."""
    days, seconds = span.days, span.seconds
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{span.microseconds:06d}".rstrip("0") if span.microseconds else ""
    time = f"{f'{hours}H' if hours else ''}{f'{minutes}M' if minutes else ''}"
    if seconds or fraction or not (time or days):
        time += f"{seconds}{fraction}S"
    return f"P{f'{days}D' if days else ''}{f'T{time}' if time else ''}"


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date-time with an offset or Z, as UTC. Raises ValueError when it has no offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} needs an offset, such as +02:00 or Z")
    return moment.astimezone(UTC)


@cache
def paris() -> ZoneInfo:
    """The time zone of daily ceilings, opening hours and public holidays."""
    from zoneinfo import ZoneInfo

    return ZoneInfo("Europe/Paris")


def spelled(local: datetime) -> str:
    """``isoformat(timespec="seconds")`` of a moment from 1970 on that is not in UTC, in a third of its time."""
    told: str = to_builtins(local.replace(microsecond=0))
    return told


def paris_day(moment: datetime) -> date:
    """The calendar day in Paris, to which a daily ceiling belongs."""
    if moment.tzinfo is UTC and moment.year >= 1970:
        return _day_of_hour(moment.date(), moment.hour)
    return moment.astimezone(paris()).date()


@lru_cache(maxsize=64)  # a day begins, and clocks change, at full hours of UTC: an hour is of one day
def _day_of_hour(day: date, hour: int) -> date:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC).astimezone(paris()).date()
