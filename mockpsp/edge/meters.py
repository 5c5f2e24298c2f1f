"""How many requests were answered, how, and how quickly: plain counters, cheap enough for every request.

``control.metrics`` puts them into words for Prometheus when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from aiohttp import web

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends of the buckets, in seconds; one more bucket takes the rest."""
CUT = 0
"""Stands for the status where the connection was cut instead of an answer."""


class Meter:
    """What is counted of one operation."""

    __slots__ = ("buckets", "seconds", "statuses")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.statuses: dict[int, int] = {}

    def add(self, status: int, seconds: float) -> None:
        """Count a request."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
        try:
            self.statuses[status] += 1
        except KeyError:
            self.statuses[status] = 1


class Meters:
    """One per server: a meter for each operation that was called. All their names are ours, so there are few."""

    def __init__(self) -> None:
        self._meters: dict[tuple[str, str], Meter] = {}

    def of(self, provider: str, operation: str) -> Meter:
        """The meter of an operation; several paths may lead to it."""
        return self._meters.setdefault((provider, operation), Meter())

    def __iter__(self) -> Iterator[tuple[str, str, Meter]]:
        for (provider, operation), meter in sorted(self._meters.items()):
            yield provider, operation, meter


METERS: web.AppKey[Meters] = web.AppKey("METERS", Meters)
