"""A few of the kills of ``make kills``, so that every change meets them."""

from __future__ import annotations

from bench.kills import endure


async def test_a_server_that_is_killed_under_load_loses_nothing_and_doubles_nothing() -> None:
    found = await endure(kills=4, seed=7, between=60)
    assert found.kills == 4
    assert min(found.paid.values()) > 0
