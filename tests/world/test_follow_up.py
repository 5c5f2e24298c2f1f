"""Timers for other objects, objects that hear of attempts, addresses by type, a look at an address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import TCPConnector
from belfry import BOOKS, START, Belfry, Hear, Ring, Write

from mockpsp.domain.lifecycle import Timer
from mockpsp.world.outbox import Status
from mockpsp.world.records import Attempted, EndpointChanged, Happened, Probed
from tests.support.receiver import Receiver

HOUR = timedelta(hours=1)


@pytest.fixture
async def belfry() -> AsyncIterator[Belfry]:
    made = Belfry()
    await made.world.open()
    yield made
    await made.courier.close()


# -- timers ------------------------------------------------------------------------------------------------------------


async def test_a_timer_may_be_for_an_object_that_does_not_exist_yet(belfry: Belfry) -> None:
    await belfry.ring("big", Timer(START + HOUR, Write("day", "one"), BOOKS.name, "day"))
    await belfry.courier.advance(belfry.sandbox, START + HOUR - timedelta(seconds=1))
    assert belfry.world.state(BOOKS.name, "day") is None
    done = await belfry.courier.advance(belfry.sandbox, START + HOUR)
    assert [each.what for each in done] == ["belfry.book day: Write"]
    assert belfry.world.state(BOOKS.name, "day") == ("one",)
    assert belfry.world.owner(BOOKS.name, "day") == "day"


async def test_a_timer_for_an_object_that_exists_meets_its_state(belfry: Belfry) -> None:
    for text in ("one", "two"):
        await belfry.ring("big", Timer(START + HOUR, Write("day", text), BOOKS.name, "day"))
    await belfry.courier.advance(belfry.sandbox, START + HOUR)
    assert belfry.world.state(BOOKS.name, "day") == ("one", "two")
    assert [each.reference for each in belfry.world.journal.since(0) if each.kind == "timer"] == ["day", "day"]


async def test_a_timer_may_be_for_another_object_of_its_own_kind(belfry: Belfry) -> None:
    await belfry.ring("big", Timer(START + HOUR, Ring("small"), ref="small"), Timer(START + HOUR, Hear(7)))
    await belfry.courier.advance(belfry.sandbox, START + HOUR)
    assert belfry.bell("small").ref == "small"
    assert belfry.bell("big").heard == (7,)


async def test_what_is_due_now_is_done_by_the_next_drain(belfry: Belfry) -> None:
    await belfry.ring("big", Timer(START, Write("day", "now"), BOOKS.name, "day"))
    assert belfry.world.state(BOOKS.name, "day") is None
    await belfry.courier.drain(belfry.sandbox)
    assert belfry.world.state(BOOKS.name, "day") == ("now",)
    assert belfry.world.outbox.waiting() == 0


# -- attempts ----------------------------------------------------------------------------------------------------------


async def test_an_object_hears_of_every_attempt_in_the_same_commit(belfry: Belfry, receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    await belfry.world.commit([EndpointChanged("belfry", (receiver.url,))])
    await belfry.ring()
    before = belfry.world.version
    await belfry.courier.drain(belfry.sandbox)
    assert belfry.bell().heard == (500,)
    written = await belfry.store.read("tower", before)
    assert [type(each) for each in written] == [Happened, Attempted]
    await belfry.courier.advance(belfry.sandbox, START + HOUR)
    assert belfry.bell().heard == (500, 200)
    [row] = belfry.world.outbox.deliveries.values()
    assert (row.status, [each.status for each in row.attempts]) == (Status.DELIVERED, [500, 200])


async def test_an_object_hears_that_nobody_answered(belfry: Belfry) -> None:
    await belfry.world.commit([EndpointChanged("belfry", ("https://shop.example/hooks",))])
    await belfry.ring()
    await belfry.courier.drain(belfry.sandbox)
    assert belfry.bell().heard == (None,)


@pytest.mark.parametrize("ref", ["deaf", "big"])
async def test_an_attempt_is_booked_alone_when_nobody_hears_of_it(belfry: Belfry, receiver: Receiver, ref: str) -> None:
    belfry.policy.quiet = ref == "big"
    await belfry.world.commit([EndpointChanged("belfry", (receiver.url,))])
    await belfry.ring(ref)
    before = belfry.world.version
    await belfry.courier.drain(belfry.sandbox)
    assert belfry.bell(ref).heard == ()
    [row] = belfry.world.outbox.deliveries.values()
    assert row.status is Status.DELIVERED
    assert [type(each) for each in await belfry.store.read("tower", before)] == [Attempted]


# -- addresses ---------------------------------------------------------------------------------------------------------


def addresses(belfry: Belfry) -> list[str]:
    return [each.queued.url for each in belfry.world.outbox.deliveries.values()]


ALL, OWN, NONE = ("http://localhost:1/all",), ("http://localhost:1/own",), ()


@pytest.mark.parametrize(
    ("changes", "urls"),
    [
        ([], [""]),
        ([(ALL, "")], [*ALL]),
        ([(ALL, ""), (OWN, "bell.rung")], [*OWN]),
        ([(ALL, ""), (NONE, "bell.rung")], [""]),
        ([(ALL, ""), (OWN, "bell.broken")], [*ALL]),
        ([(OWN, "bell.rung")], [*OWN]),
        ([(OWN, "bell.rung"), (ALL, "")], [*ALL]),
        ([(OWN, "bell.rung"), (NONE, "")], [""]),
        ([((*ALL, *OWN), "bell.rung")], [*ALL, *OWN]),
    ],
)
async def test_the_addresses_of_a_type_win_over_those_of_its_provider(
    belfry: Belfry, changes: list[tuple[Any, str]], urls: list[str]
) -> None:
    for given, kind in changes:
        await belfry.world.commit([EndpointChanged("belfry", given, kind)])
    await belfry.ring()
    assert addresses(belfry) == urls


async def test_an_address_for_all_types_ends_those_of_single_types_of_that_provider_only(belfry: Belfry) -> None:
    for provider in ("belfry", "belfryman"):
        await belfry.world.commit([EndpointChanged(provider, OWN, "bell.rung")])
    await belfry.world.commit([EndpointChanged("belfry", ALL)])
    assert belfry.world.endpoints == {"belfryman.bell.rung": OWN, "belfry": ALL}


# -- a look at an address ----------------------------------------------------------------------------------------------


async def probe(belfry: Belfry, url: str) -> tuple[int | None, str | None]:
    probed = await belfry.courier.probe(belfry.world, "belfry", url, 5.0, cause=7)
    return probed.status, probed.error


async def test_a_probe_tells_the_status_and_is_on_record(belfry: Belfry, receiver: Receiver) -> None:
    receiver.status = 503
    before = belfry.world.journal.count
    assert await probe(belfry, receiver.url) == (503, None)
    [received] = receiver.received
    assert received.body == b""
    [entry] = belfry.world.journal.since(before)
    assert (entry.kind, entry.provider, entry.cause) == ("probe", "belfry", 7)
    assert entry.data == Probed(receiver.url, 503, None)


async def test_a_probe_tells_what_went_wrong(belfry: Belfry) -> None:
    status, error = await probe(belfry, "http://127.0.0.1:9/nobody")
    assert status is None
    assert error


@pytest.mark.parametrize("url", ["https://shop.example/", "http://[", ""])
async def test_a_probe_goes_nowhere_that_webhooks_may_not_go(url: str) -> None:
    belfry = Belfry(allowed=lambda url: url != "" and "[" not in url and "example" not in url)
    status, error = await probe(belfry, url)
    assert (status, str(error)[:10]) == (None, "not sent: ")
    assert belfry.courier._client is None


async def test_a_probe_uses_the_couriers_own_connections(belfry: Belfry, receiver: Receiver) -> None:
    made: list[TCPConnector] = []

    def connector() -> TCPConnector:
        made.append(TCPConnector())
        return made[-1]

    belfry.courier.connector = connector
    for _ in range(2):
        assert await probe(belfry, receiver.url) == (200, None)
    assert len(made) == 1
