"""Counting requests: each in the bucket of its duration."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mockpsp.edge.meters import BOUNDS, Meter


@given(st.lists(st.floats(0.0, 1e4), max_size=50))
def test_a_bucket_holds_what_took_so_long(durations: list[float]) -> None:
    meter = Meter()
    expected = [0] * (len(BOUNDS) + 1)
    total = 0.0  # by hand: sum() makes up for what is rounded off since Python 3.12
    for each in durations:
        meter.add(200, each)
        total += each
        expected[next((place for place, end in enumerate(BOUNDS) if each <= end), len(BOUNDS))] += 1
    assert meter.buckets == expected
    assert meter.statuses == ({200: len(durations)} if durations else {})
    assert meter.seconds == total
