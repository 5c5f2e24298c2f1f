"""Deliveries on the virtual clock: retries by the provider's table, and what scenarios make of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from json import loads
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from mockpsp.providers.worldline import PROVIDER
from mockpsp.providers.worldline.webhooks import signature
from mockpsp.scenario.model import DeliveryRule, Outage, Signature, Trigger
from mockpsp.testing.server import listening
from mockpsp.world.clock import ClockMode
from mockpsp.world.delivery import Courier
from mockpsp.world.journal import Entry
from mockpsp.world.outbox import Delivery, Status
from mockpsp.world.records import EndpointChanged
from mockpsp.world.targets import is_local
from mockpsp.world.world import Gone
from tests.support.receiver import Receiver
from tests.support.shop import START, Shop, eur, scenario

Open = Callable[..., Awaitable[Shop]]
TABLE = [timedelta(minutes=10), timedelta(hours=1), timedelta(hours=2), timedelta(hours=8), timedelta(hours=24)]


def line(event: str = "worldline.*", **changes: Any) -> DeliveryRule:
    """One line of a scenario's webhooks."""
    given: dict[str, Any] = {"key": "webhooks/1", "name": "line", "event": event, "trigger": Trigger(), **changes}
    return DeliveryRule(**given)


@pytest.fixture
async def open_shop(receiver: Receiver) -> AsyncIterator[Open]:
    """Opens shops whose webhooks go to the receiver."""
    opened: list[Shop] = []

    async def make(*lines: DeliveryRule, url: str | None = None, **chosen: Any) -> Shop:
        psp = await Shop(scenario(webhooks=lines, **chosen)).open()
        await psp.world.commit([EndpointChanged("worldline", (receiver.url if url is None else url,))])
        opened.append(psp)
        return psp

    yield make
    for psp in opened:
        await psp.courier.close()


async def checkout(psp: Shop) -> str:
    """One webhook, payment.created, and no other for a long time."""
    ref = await psp.checkout(eur(12_000), timeout=timedelta(days=300))
    await psp.advance(timedelta(0))
    return ref


def rows(psp: Shop) -> list[Delivery]:
    return list(psp.world.outbox.deliveries.values())


def types(receiver: Receiver) -> list[str]:
    return [loads(each.body)["type"] for each in receiver.received]


# -- one after the other -----------------------------------------------------------------------------------------------


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider whose failed webhooks hold up later ones."""
    monkeypatch.setattr(PROVIDER.policy, "in_order", True)


@pytest.mark.usefixtures("in_order")
async def test_a_failed_webhook_holds_up_later_ones_until_it_is_delivered(open_shop: Open, receiver: Receiver) -> None:
    receiver.status = 500
    psp = await open_shop()
    first = await checkout(psp)
    second, third = await checkout(psp), await checkout(psp)
    assert [each.status for each in rows(psp)] == [Status.RETRYING, Status.HELD, Status.HELD]
    assert len(receiver.received) == 1, "nobody is asked for what waits"
    receiver.status = 200
    await psp.advance(TABLE[0])
    assert [each.status for each in rows(psp)] == [Status.DELIVERED] * 3
    sent = [loads(each.body)["payment"]["id"].partition("_")[0] for each in receiver.received]
    assert sent == [first, first, second, third]


@pytest.mark.usefixtures("in_order")
async def test_the_next_one_that_fails_holds_up_the_rest_again(open_shop: Open, receiver: Receiver) -> None:
    receiver.status = 500
    psp = await open_shop()
    for _ in range(3):
        await checkout(psp)
    receiver.statuses = [200, 500]
    await psp.advance(TABLE[0])
    assert [each.status for each in rows(psp)] == [Status.DELIVERED, Status.RETRYING, Status.HELD]
    await psp.advance(timedelta(days=30))
    assert [each.status for each in rows(psp)] == [Status.DELIVERED, Status.GIVEN_UP, Status.GIVEN_UP]


@pytest.mark.usefixtures("in_order")
async def test_other_addresses_are_not_held_up(open_shop: Open, receiver: Receiver) -> None:
    receiver.status = 500
    psp = await open_shop()
    await checkout(psp)
    await psp.world.commit([EndpointChanged("worldline", (f"{receiver.url}?other",))])
    receiver.status = 200
    await checkout(psp)
    assert [each.status for each in rows(psp)] == [Status.RETRYING, Status.DELIVERED]


@pytest.mark.usefixtures("in_order")
async def test_a_webhook_that_is_sent_again_by_hand_goes_past_the_queue(open_shop: Open, receiver: Receiver) -> None:
    receiver.status = 500
    psp = await open_shop()
    await checkout(psp)
    again = replace(rows(psp)[0].queued, number=psp.world.outbox.numbers + 1, at_once=True)
    receiver.status = 200
    await psp.world.commit([again])
    await psp.advance(timedelta(0))
    assert [each.status for each in rows(psp)] == [Status.RETRYING, Status.DELIVERED]


# -- the provider's own way --------------------------------------------------------------------------------------------


async def test_a_webhook_is_tried_six_times_by_the_table_and_then_given_up(open_shop: Open, receiver: Receiver) -> None:
    receiver.status = 500
    psp = await open_shop()
    await checkout(psp)
    await psp.advance(timedelta(days=30))
    [row] = rows(psp)
    moments = [START]
    for wait in TABLE:
        moments.append(moments[-1] + wait)
    assert [each.at for each in row.attempts] == moments
    assert [each.attempt for each in row.attempts] == [1, 2, 3, 4, 5, 6]
    assert (row.status, row.due, len(receiver.received)) == (Status.GIVEN_UP, None, 6)
    assert len({each.body for each in receiver.received}) == 1


async def test_nothing_is_sent_a_second_before_its_time(open_shop: Open, receiver: Receiver) -> None:
    receiver.status = 500
    psp = await open_shop()
    await checkout(psp)
    await psp.advance(timedelta(minutes=9, seconds=59))
    assert len(receiver.received) == 1
    await psp.advance(timedelta(seconds=1))
    assert len(receiver.received) == 2


async def test_the_first_acknowledgement_ends_it(open_shop: Open, receiver: Receiver) -> None:
    receiver.status = 503
    psp = await open_shop()
    await checkout(psp)
    receiver.status = 299
    await psp.advance(timedelta(days=30))
    [row] = rows(psp)
    assert ([each.status for each in row.attempts], row.status) == ([503, 299], Status.DELIVERED)


@pytest.mark.parametrize("status", [199 + 1, 204, 299])
async def test_any_status_of_two_hundred_acknowledges(open_shop: Open, receiver: Receiver, status: int) -> None:
    receiver.status = status
    psp = await open_shop()
    await checkout(psp)
    assert rows(psp)[0].status is Status.DELIVERED


@pytest.mark.parametrize("status", [302, 400, 404, 500])
async def test_no_other_status_does(open_shop: Open, receiver: Receiver, status: int) -> None:
    receiver.status = status
    psp = await open_shop()
    await checkout(psp)
    assert (rows(psp)[0].status, len(receiver.received)) == (Status.RETRYING, 1)


async def test_an_endpoint_that_nobody_listens_at_is_tried_again(open_shop: Open) -> None:
    psp = await open_shop(url="http://127.0.0.1:9/nobody")
    await checkout(psp)
    [attempt] = rows(psp)[0].attempts
    assert (attempt.status, attempt.delivered) == (None, False)
    assert attempt.error


async def test_without_an_endpoint_a_webhook_is_a_row_and_nothing_more(open_shop: Open) -> None:
    psp = await open_shop(url="")
    await checkout(psp)
    assert [row.status for row in rows(psp)] == [Status.NO_ENDPOINT]


async def test_webhooks_of_one_order_arrive_in_the_order_of_the_facts(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop()
    await psp.split()
    await psp.advance(timedelta(0))
    assert types(receiver) == ["payment.created", "payment.redirected", "payment.captured", "payment.captured"]


async def test_a_webhook_under_way_blocks_none_behind_it(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(line("worldline.payment.created", outage=Outage(fails=1, status=500)))
    ref = await psp.checkout(eur(12_000))
    await psp.vouchers(ref)
    await psp.advance(timedelta(0))
    assert types(receiver) == ["payment.redirected", "payment.captured"]
    await psp.advance(timedelta(minutes=10))
    assert types(receiver)[-1] == "payment.created"


# -- what a scenario makes of it ---------------------------------------------------------------------------------------


async def test_copies_come_at_intervals(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(line(copies=3, gap=timedelta(minutes=1), after=timedelta(seconds=2)))
    await checkout(psp)
    counts = []
    for span in (timedelta(seconds=1), timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=1)):
        await psp.advance(span)
        counts.append(len(receiver.received))
    assert counts == [0, 1, 2, 3]
    assert len({each.body for each in receiver.received}) == 1, "a copy has the same id"


async def test_a_reversed_order(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(line(reversed=True, after=timedelta(seconds=2)))
    await psp.split()
    await psp.advance(timedelta(seconds=2))
    assert types(receiver) == ["payment.captured", "payment.captured", "payment.redirected", "payment.created"]


async def test_a_webhook_that_is_lost(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(line("worldline.payment.redirected", drop=True))
    await psp.split()
    await psp.advance(timedelta(days=30))
    assert "payment.redirected" not in types(receiver)
    assert [row.status for row in rows(psp)].count(Status.DROPPED) == 1


@pytest.mark.parametrize(
    ("kind", "right"), [(Signature.RIGHT, True), (Signature.WRONG, False), (Signature.MISSING, None)]
)
async def test_signatures_are_right_wrong_or_missing(
    open_shop: Open, receiver: Receiver, kind: Signature, right: bool | None
) -> None:
    psp = await open_shop(line(signature=kind))
    await checkout(psp)
    [received] = receiver.received
    headers = dict(received.headers)
    given = psp.sandbox.credentials["worldline"]
    sent = headers.get("X-GCS-Signature")
    assert headers["X-GCS-KeyId"] == given["webhook_key_id"]
    assert (None if sent is None else sent == signature(given["webhook_secret"], received.body)) is right


async def test_an_outage_of_two_attempts_asks_nobody(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(line(outage=Outage(fails=2, status=503)))
    await checkout(psp)
    await psp.advance(timedelta(hours=2))
    assert [each.status for each in rows(psp)[0].attempts] == [503, 503, 200]
    assert len(receiver.received) == 1


async def test_an_outage_of_an_hour_begins_with_the_first_attempt(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(line(outage=Outage(down=timedelta(minutes=70, seconds=1))))
    await checkout(psp)
    await psp.advance(timedelta(hours=4))
    attempts = rows(psp)[0].attempts
    assert [each.status for each in attempts] == [None, None, None, 200]
    assert attempts[0].error == "the scenario lets nobody answer"
    assert len(receiver.received) == 1


async def test_a_line_strikes_as_often_as_it_says(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(line("worldline.payment.captured", trigger=Trigger(nth=2), drop=True))
    await psp.split()
    await psp.advance(timedelta(0))
    assert types(receiver).count("payment.captured") == 1


# -- nobody else hears of it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8080/x", True), ("http://LOCALHOST/x", True), ("http://127.0.0.1/x", True),
        ("http://127.8.8.8:1/", True), ("http://[::1]:80/", True), ("http://10.0.0.7/", True),
        ("http://192.168.1.4/", True), ("http://172.16.0.1/", True), ("http://shop/", True),
        ("http://shop.internal/", True), ("http://shop.local/", True), ("http://shop.localhost/", True),
        ("https://shop.example/webhooks", False), ("http://8.8.8.8/", False), ("http://localhost.example.com/", False),
        ("http://localhost@evil.example/", False), ("http://evil.example/#localhost", False),
        ("http://127.0.0.1.nip.io/", False), ("http://[2606:4700::1111]/", False),
    ],
)  # fmt: skip
def test_which_addresses_are_of_this_machine_and_network(url: str, local: bool) -> None:
    assert is_local(url) is local


async def test_nothing_is_sent_to_a_public_address(open_shop: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_connection(*args: Any) -> Any:
        raise AssertionError("a connection was about to be made")

    monkeypatch.setattr(Courier, "_post", no_connection)
    psp = await open_shop(url="https://shop.example/webhooks")
    await checkout(psp)
    [attempt] = rows(psp)[0].attempts
    assert attempt.status is None
    assert attempt.error is not None
    assert attempt.error.startswith("not sent: the target is not on this machine or network")


async def test_a_line_that_plays_the_endpoint_answers_for_a_public_address_as_well(open_shop: Open) -> None:
    psp = await open_shop(line(outage=Outage(fails=1, status=503)), url="https://shop.example/webhooks")
    await checkout(psp)
    assert [each.status for each in rows(psp)[0].attempts] == [503]


# -- the clock ---------------------------------------------------------------------------------------------------------


async def test_a_move_of_the_clock_stops_at_every_moment_at_which_something_is_due(open_shop: Open) -> None:
    psp = await open_shop(url="")
    ref = await psp.checkout(eur(12_000), timeout=timedelta(hours=1))
    done = await psp.courier.advance(psp.sandbox, START + timedelta(days=1))
    assert [(each.due - START, each.what) for each in done] == [(timedelta(hours=1), f"worldline.order {ref}: Expire")]
    ended_at = psp.order(ref).ended_at
    assert ended_at == START + timedelta(hours=1)
    assert psp.world.clock.now() == START + timedelta(days=1)


async def test_a_clock_that_is_set_back_undoes_nothing(open_shop: Open) -> None:
    psp = await open_shop(url="")
    ref = await psp.checkout(eur(12_000), timeout=timedelta(hours=1))
    await psp.advance(timedelta(hours=1))
    assert await psp.courier.set_clock(psp.sandbox, START) == []
    assert psp.world.clock.now() == START
    assert psp.order(ref).ended == "time"


async def test_a_timer_that_meets_a_changed_state_says_that_it_no_longer_applies(open_shop: Open) -> None:
    psp = await open_shop(url="")
    ref = await psp.checkout(eur(12_000), timeout=timedelta(hours=1))
    await psp.vouchers(ref)
    done = await psp.courier.advance(psp.sandbox, START + timedelta(hours=1))
    assert [each.what for each in done] == [f"worldline.order {ref}: Expire: no longer applies"]
    assert psp.world.outbox.waiting() == 0


async def test_no_delivery_of_a_world_that_is_gone_is_booked(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop()
    await psp.checkout(eur(12_000))
    psp.world.close()
    with pytest.raises(Gone):
        await psp.courier.settle(psp.sandbox)
    assert receiver.received == []


# -- many endpoints ----------------------------------------------------------------------------------------------------


class Crowd:
    """An endpoint that keeps everybody waiting until it is ``released``, and counts who waits at the same time."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.waiting = self.most = self.answered = 0
        self.cookies: list[str | None] = []
        self.came = asyncio.Condition()

    async def hear(self, request: web.Request) -> web.Response:
        await request.read()
        self.cookies.append(request.headers.get("Cookie"))
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        async with self.came:
            self.came.notify_all()
        await self.released.wait()
        self.waiting -= 1
        self.answered += 1
        return web.Response(headers={"Set-Cookie": "visitor=1; Path=/"})

    async def full(self, number: int) -> None:
        """Return when so many wait."""
        async with self.came:
            await self.came.wait_for(lambda: self.waiting >= number)


@asynccontextmanager
async def crowd() -> AsyncIterator[tuple[Crowd, str]]:
    """One of them, and its address."""
    endpoint = Crowd()
    app = web.Application()
    app.router.add_post("/{path:.*}", endpoint.hear)
    async with listening(app) as port:
        yield endpoint, f"http://localhost:{port}"


async def run_clock(psp: Shop) -> None:
    """From now on the clock runs: each address has a queue of its own."""
    await psp.world.book(lambda: psp.world.moving(ClockMode.REAL, psp.world.clock.now()))
    psp.courier.attach(psp.sandbox)


def first_delivery(psp: Shop) -> asyncio.Future[None]:
    """Done when an endpoint has acknowledged a webhook."""
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(entry: Entry) -> None:
        if entry.kind == "delivery" and entry.data.delivered and not first.done():
            first.set_result(None)

    psp.world.journal.watch(heard)
    return first


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is given up because the machine is slow."""
    monkeypatch.setattr(PROVIDER.policy, "timeout_seconds", 3600.0)


@pytest.mark.usefixtures("patient")
async def test_slow_endpoints_keep_no_other_host_waiting(open_shop: Open, receiver: Receiver) -> None:
    async with crowd() as (slow, url):
        psp = await open_shop()
        addresses = (*(f"{url}/{number}" for number in range(150)), receiver.url)
        await psp.world.commit([EndpointChanged("worldline", addresses)])
        await run_clock(psp)
        delivered = first_delivery(psp)
        await psp.checkout(eur(12_000), timeout=timedelta(days=300))
        await slow.full(64)
        async with asyncio.timeout(60):
            await delivered
        assert [each.queued.url for each in rows(psp) if each.status is Status.DELIVERED] == [receiver.url]
        assert slow.answered == 0
        slow.released.set()
        await psp.courier.settle(psp.sandbox)
        assert (slow.most, slow.answered) == (64, 150)
        assert {each.status for each in rows(psp)} == {Status.DELIVERED}


@pytest.mark.usefixtures("patient")
async def test_waiting_for_a_turn_at_a_host_is_no_attempt(open_shop: Open) -> None:
    """What waits behind others has not been asked: its attempt begins when it has its turn."""
    async with crowd() as (slow, url):
        psp = await open_shop()
        await psp.world.commit([EndpointChanged("worldline", tuple(f"{url}/{number}" for number in range(70)))])
        await run_clock(psp)
        await psp.checkout(eur(12_000), timeout=timedelta(days=300))
        await slow.full(64)
        before = psp.world.clock.now()
        slow.released.set()
        await psp.courier.settle(psp.sandbox)
        late = [each for each in rows(psp) if each.first_try is not None and each.first_try > before]
        assert len(late) == 6


async def test_an_endpoints_cookies_do_not_come_back(open_shop: Open) -> None:
    """They could be those of another sandbox: all of them share one client."""
    async with crowd() as (endpoint, url):
        endpoint.released.set()
        psp = await open_shop(url=f"{url}/hook")
        await checkout(psp)
        await checkout(psp)
        assert endpoint.cookies == [None, None]
