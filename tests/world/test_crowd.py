"""Forty sandboxes at the same time, as ``make crowd`` drives five hundred."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from time import monotonic
from weakref import ref

import pytest

from bench.crowd import crowd
from mockpsp.world.world import World
from tests.support.server import Threaded

PATIENCE_SECONDS = 30


def wait_for(holds: Callable[[], bool], live: Threaded) -> None:
    """The last answer may be here before the server's loop has let go of its request."""
    until = monotonic() + PATIENCE_SECONDS
    while not live.call(holds):
        assert monotonic() < until, "never happened"


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the garbage collector: what is forgotten must go by itself, at once."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
def test_forty_sandboxes_driven_at_the_same_time_keep_to_themselves_and_leave_nothing(live: Threaded) -> None:
    worlds: list[ref[World]] = []

    def look() -> None:
        worlds.extend(ref(each.world) for each in live.call(live.server.sandboxes.all) if each.id != "default")

    wrong, _ = crowd(live.url, count=42, workers=8, again=6, at_most=look)

    assert wrong == []
    assert len(worlds) >= 42
    wait_for(lambda: not any(each() is not None for each in worlds), live)
