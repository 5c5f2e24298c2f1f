"""Forty sandboxes at the same time, as ``make crowd`` drives five hundred."""

from __future__ import annotations

from bench.crowd import crowd
from tests.support.server import Threaded


def test_forty_sandboxes_driven_at_the_same_time_keep_to_themselves(live: Threaded) -> None:
    wrong, _ = crowd(live.url, count=42, workers=8, again=6)

    assert wrong == []
