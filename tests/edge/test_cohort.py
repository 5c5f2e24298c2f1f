"""Calls that arrive together are answered, and recorded, as if each had come alone; steps have another order."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from mockpsp.app import build_app
from mockpsp.edge.cohort import Pace, march, next_step
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.front import Connection, Front, Runner
from mockpsp.edge.keys import SANDBOXES
from mockpsp.providers.adyen.api import payments
from mockpsp.providers.adyen.auth import credentials as adyen_credentials
from mockpsp.providers.lyra.auth import keys as lyra_keys
from mockpsp.providers.worldline.auth import SCHEME, credentials, data_to_sign, sign
from mockpsp.settings import Settings
from mockpsp.world.clock import ClockMode
from mockpsp.world.codec import encode
from mockpsp.world.journal import Line
from mockpsp.world.sandboxes import Sandbox
from tests.support.worldline import checkout_body

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)

# -- the march itself ------------------------------------------------------------------------------------------------


class Walker(Pace):
    """Takes steps, and tells what became of it."""

    def __init__(self, name: str, steps: int, log: list[str], wait: asyncio.Future[None] | None = None) -> None:
        super().__init__(together=True)
        self.name = name
        self.log = log
        self.wait = wait
        self.work: Coroutine[Any, Any, Any] = self._walk(steps)

    async def _walk(self, steps: int) -> str:
        for number in range(steps):
            self.log.append(f"{self.name}{number}")
            await next_step()
        if self.wait is not None:
            await self.wait
        if self.name == "x":
            raise RuntimeError("stumbled")
        return self.name

    def ended(self, value: Any) -> None:
        self.log.append(f"{value} ended")
        if value == "y":
            raise OSError("nobody hears")

    def waits(self, awaited: Any) -> None:
        self.log.append(f"{self.name} waits")

    def failed(self, error: Exception) -> None:
        self.log.append(f"{self.name} {error}")


def test_each_step_is_taken_by_all_before_the_next_and_answers_come_last() -> None:
    log: list[str] = []
    march([Walker("a", 2, log), Walker("y", 0, log), Walker("x", 1, log), Walker("c", 3, log)])
    steps, ends = log[:7], log[7:]
    assert steps == ["a0", "x0", "c0", "a1", "x stumbled", "c1", "c2"]
    assert ends == ["y ended", "y nobody hears", "a ended", "c ended"]


async def test_whoever_waits_leaves_the_march() -> None:
    log: list[str] = []
    waiting = Walker("w", 1, log, asyncio.get_running_loop().create_future())
    march([waiting, Walker("a", 2, log)])
    assert log == ["w0", "a0", "w waits", "a1", "a ended"]
    assert not waiting.together
    waiting.work.close()


# -- calls -----------------------------------------------------------------------------------------------------------


def request(method: str, target: str, body: bytes, *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def worldline(sandbox: str, method: str, path: str, body: bytes = b"") -> bytes:
    own = credentials(sandbox)
    target, date = f"/v2/{own['merchant_id']}/{path}", format_datetime(NOON, usegmt=True)
    text = data_to_sign(method, "application/json" if body else "", date, [], target)
    proof = f"Authorization: {SCHEME}{own['api_key_id']}:{sign(own['secret_api_key'], text)}"
    return request(method, target, body, f"Date: {date}", proof)


def adyen(sandbox: str, path: str, *, key: str = "", **body: Any) -> bytes:
    own = adyen_credentials(sandbox)
    told = json.dumps({"merchantAccount": own["merchant_account"], **body}).encode()
    more = [f"Idempotency-Key: {key}"] if key else []
    return request("POST", f"/v72{path}", told, f"X-API-Key: {own['api_key']}", *more)


def lyra(sandbox: str, method: str, path: str, body: Any = None) -> bytes:
    own = lyra_keys(sandbox)
    login = b64encode(f"{own['login']}:{own['password']}".encode()).decode()
    told = b"" if body is None else json.dumps({"marketplace": own["marketplace"], **body}).encode()
    return request(method, f"/marketplace-test{path}", told, f"Authorization: Basic {login}")


def order(sandbox: str, cents: int = 4350) -> bytes:
    return adyen(sandbox, "/orders", reference="RESTO-1", amount={"currency": "EUR", "value": cents})


VOUCHER = {
    "type": "mealVoucher_FR",
    "encryptedCardNumber": "test_5075990000009999",
    "encryptedExpiryMonth": "test_03",
    "encryptedExpiryYear": "test_2030",
    "encryptedSecurityCode": "test_737",
}


def pay(sandbox: str, opened: bytes, cents: int, *, key: str = "") -> bytes:
    found = json.loads(opened.partition(b"\r\n\r\n")[2])
    return adyen(
        sandbox,
        "/payments",
        key=key,
        reference="RESTO-1-1",
        amount={"currency": "EUR", "value": cents},
        returnUrl="https://shop.example/",
        paymentMethod=VOUCHER,
        order={"pspReference": found["pspReference"], "orderData": found["orderData"]},
    )


CHECKOUT = json.dumps(checkout_body()).encode()
CARD = {
    "card": {"cardNumber": "4012000033330026", "expiryDate": "1230", "cvv": "123", "cardholderName": "Alice"},
    "authorizationMode": "SALE",
    "paymentProductId": 1,
}
PAYMENT = json.dumps({"order": checkout_body()["order"], "cardPaymentMethodSpecificInput": CARD}).encode()
BUFFET = {
    "reference": "CMD-1",
    "currency": "EUR",
    "url_return": "https://shop.example/back",
    "buyer": {"type": "PRIVATE", "email": "paul@example.test", "phone_number": "+33 6 00 00 00 00"},
    "items": [{"seller_external_ref": "seller1", "reference": "B1", "description": "Buffet", "amount": 8000}],
}
Then = Callable[[str, bytes], bytes]
STORIES: dict[str, tuple[Then, ...]] = {
    "checkout": (
        lambda name, _: worldline(name, "POST", "hostedcheckouts", CHECKOUT),
        lambda name, made: worldline(name, "GET", f"hostedcheckouts/{_between(made, 'hostedCheckoutId')}"),
        lambda name, _: worldline(name, "GET", "hostedcheckouts/1"),
    ),
    "payment": (
        lambda name, _: worldline(name, "POST", "payments", PAYMENT),
        lambda name, _: worldline(name, "POST", "payments", b'{"order": 1}'),
        lambda name, _: adyen(name, "/orders", key="k", reference="R", amount={"currency": "EUR", "value": 1}),
    ),
    "no right": (
        lambda name, _: worldline(name, "GET", "payments/1_0").replace(b"12:00:00", b"12:00:01"),
        lambda name, _: adyen(name, "/orders", merchantAccount="Another", reference="x"),
        lambda name, _: lyra(name, "GET", "/orders/1"),
    ),
    "meal": (
        lambda name, _: order(name),
        lambda name, opened: pay(name, opened, 1000),
        lambda name, _: adyen(name, "/orders", reference="x", amount={"currency": "EUR", "value": 0}),
    ),
    "meal too dear": (
        lambda name, _: order(name, 900),
        lambda name, opened: pay(name, opened, 1000),
        lambda name, _: adyen(name, "/payments", reference="x"),
    ),
    "buffet": (
        lambda name, _: lyra(name, "POST", "/orders", BUFFET),
        lambda name, made: lyra(name, "GET", f"/orders/{_between(made, 'uuid')}?expand=items"),
        lambda name, _: lyra(name, "POST", "/orders", {"reference": 7}),
    ),
}


def _between(body: bytes, name: str) -> str:
    found = re.search(rf'"{name}":"([^"]+)"'.encode(), body)
    assert found is not None, body
    return found[1].decode()


class Peer(asyncio.Transport):
    """A client's end of a connection, without a socket."""

    def __init__(self, front: Front) -> None:
        super().__init__()
        self.heard = b""
        self.aborted = False
        self.reading = True
        self.connection: Any = front()
        self.connection.connection_made(self)

    def say(self, data: bytes) -> None:
        self.heard = b""
        self.connection.data_received(data)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.heard += bytes(data)

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.connection = protocol

    @property
    def body(self) -> Any:
        return json.loads(self.heard.partition(b"\r\n\r\n")[2])

    @property
    def status(self) -> int:
        return int(self.heard.split()[1])


Served = tuple[Front, list[Peer], web.Application]


@asynccontextmanager
async def serving(names: Sequence[str], scenario: str = "default") -> AsyncIterator[Served]:
    """A front with a peer for each of these sandboxes, whose clocks stand still."""
    app = build_app(Settings(scenarios=(scenario,)))
    runner = Runner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        sandboxes = app[SANDBOXES]
        world = sandboxes.get("default").world
        await world.book(lambda: world.moving(ClockMode.MANUAL, NOON))
        for name in dict.fromkeys(names):
            if name != "default":
                await sandboxes.create(world.scenario, id=name, clock=NOON)
        yield runner.server, [Peer(runner.server) for _ in names], app
    finally:
        await runner.cleanup()


async def answered(peers: Sequence[Peer]) -> None:
    for _ in range(10_000):  # turns of the loop, not seconds
        if all(each.heard or each.aborted for each in peers):
            return
        await asyncio.sleep(0)
    raise AssertionError("no answer")


def written(sandbox: Sandbox) -> list[bytes]:
    return [encode(Line(each)) for each in sandbox.world.journal.since(0)]


def told(heard: bytes) -> bytes:
    return re.sub(rb"Date: [^\r]*GMT", b"Date: -", heard)


async def play(stories: Sequence[str], *, together: bool) -> list[tuple[list[bytes], list[bytes]]]:
    """What each story's calls were answered, and what its sandbox's journal says."""
    names = [f"s{number}" for number in range(len(stories))]
    async with serving(names) as (_, peers, app):
        said: list[list[bytes]] = [[] for _ in stories]
        last = [b"" for _ in stories]
        for step in range(3):
            for number, (peer, story) in enumerate(zip(peers, stories, strict=True)):
                peer.say(STORIES[story][step](names[number], last[number]))
                if not together:
                    await answered([peer])
            await answered(peers)
            last = [peer.heard for peer in peers]
            for own, heard in zip(said, last, strict=True):
                own.append(told(heard))
        return [(own, written(app[SANDBOXES].get(name))) for own, name in zip(said, names, strict=True)]


STATUSES = {
    "checkout": (200, 200, 404),
    "payment": (201, 400, 200),
    "no right": (403, 403, 404),
    "meal": (200, 200, 422),
    "meal too dear": (200, 422, 422),
    "buffet": (201, 200, 400),
}


@pytest.mark.parametrize("together", [True, False])
async def test_the_stories_go_as_they_should(together: bool) -> None:
    found = await play(list(STORIES), together=together)
    statuses = {
        name: tuple(int(each.split()[1]) for each in said) for name, (said, _) in zip(STORIES, found, strict=True)
    }
    assert statuses == STATUSES


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(sorted(STORIES)), min_size=2, max_size=9))
def test_sandboxes_that_are_called_together_answer_and_record_as_alone(stories: list[str]) -> None:
    assert asyncio.run(play(stories, together=True)) == asyncio.run(play(stories, together=False))


async def test_calls_of_one_sandbox_are_decided_in_the_order_in_which_they_arrived() -> None:
    found = []
    for together in (True, False):
        async with serving(["default"] * 6) as (_, peers, _):
            for peer in peers:
                peer.say(order("default"))
                if not together:
                    await answered([peer])
            await answered(peers)
            opened = [peer.heard for peer in peers]
            for number, peer in enumerate(peers):
                peer.say(pay("default", opened[number], 100 + number))
                if not together:
                    await answered([peer])
            await answered(peers)
            found.append([*(each.partition(b"\r\n\r\n")[2] for each in opened), *(peer.body for peer in peers)])
    assert found[0] == found[1]
    assert {each["resultCode"] for each in found[0][6:]} == {"Authorised"}


async def test_together_means_that_the_journal_has_all_requests_before_their_consequences() -> None:
    async with serving(["default"] * 3) as (_, peers, app):
        journal = app[SANDBOXES].get("default").world.journal
        before = journal.count
        for peer in peers:
            peer.say(order("default"))
        await answered(peers)
        kinds = [(each.kind, each.cause - before) for each in journal.since(before)]
    assert kinds[:3] == [("request", -before)] * 3
    assert [cause for _, cause in kinds[3:]] == sorted(cause for _, cause in kinds[3:])
    assert {cause for _, cause in kinds[3:]} == {1, 2, 3}


async def test_an_order_that_is_paid_twice_at_once_is_paid_once() -> None:
    async with serving(["default"] * 4) as (_, peers, app):
        peers[0].say(order("default", 900))
        await answered(peers[:1])
        opened = peers[0].heard
        for peer in peers:
            peer.say(pay("default", opened, 900))
        await answered(peers)
        assert [peer.status for peer in peers] == [200, 422, 422, 422]
        assert [peer.body.get("resultCode") for peer in peers] == ["Authorised", None, None, None]
        merchant = f"adyen/merchant/{adyen_credentials('default')['merchant_account']}"
        assert app[SANDBOXES].get("default").world.ledger.balance(merchant, "EUR").minor == 900


async def test_a_key_that_comes_twice_at_once_has_one_effect_and_two_equal_answers() -> None:
    async with serving(["default"] * 3) as (_, peers, app):
        for peer in peers:
            peer.say(adyen("default", "/orders", key="k", reference="R", amount={"currency": "EUR", "value": 100}))
        await answered(peers)
        assert peers[0].body == peers[1].body == peers[2].body
        assert len(app[SANDBOXES].get("default").world.objects["adyen.purchase"]) == 1


COUNTED = """\
mockpsp: 1
title: Calls that are counted
faults:
  - {operation: adyen.create_order, nth: 2, then: {status: 500}}
  - {operation: worldline.create_hosted_checkout, then: {status: 429, throttle: {calls: 2, per: 1h}}}
  - {operation: worldline.create_hosted_checkout, nth: 2, then: {body: malformed}}
"""


async def test_faults_count_calls_that_arrive_together_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "counted.yaml"
    file.write_text(COUNTED, encoding="utf-8")
    found = []
    for together in (True, False):
        async with serving(["default"] * 4, str(file)) as (_, peers, app):
            told = []
            for each in (order("default"), worldline("default", "POST", "hostedcheckouts", CHECKOUT)):
                for peer in peers:
                    peer.say(each)
                    if not together:
                        await answered([peer])
                await answered(peers)
                told.append([(peer.status, peer.heard[-1:]) for peer in peers])
            positions = app[SANDBOXES].get("default").world.positions
            found.append((told, {key: (each.seen, each.used, each.calls) for key, each in positions.items()}))
    assert found[0] == found[1]
    assert [status for status, _ in found[0][0][0]] == [200, 500, 200, 200]
    assert found[0][0][1] == [(200, b"}"), (200, found[0][0][1][1][1]), (429, b"}"), (429, b"}")]
    assert found[0][0][1][1][1] != b"}", "half of a body"


async def test_an_order_that_goes_between_the_steps_of_its_payment_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(["default"] * 2) as (front, peers, app):
        peers[0].say(order("default"))
        await answered(peers[:1])
        payment = pay("default", peers[0].heard, 100)
        objects = app[SANDBOXES].get("default").world.objects["adyen.purchase"]
        found = front.read(payment, peers[0].connection)
        assert found is not None

        async def goes(x: Exchange) -> Answer:
            x.pace.together = True
            work = payments(x)
            work.send(None)  # it has found its order, and lets others come
            assert objects
            objects.clear()
            return work.send(None)

        monkeypatch.setattr(found.found[0].__self__, "handler", goes)  # type: ignore[attr-defined]
        peers[1].say(payment)
        await answered(peers[1:])
        assert (peers[1].status, peers[1].body["errorCode"]) == (422, "SIM_ORDER_UNKNOWN")


async def test_what_a_call_should_never_raise_ends_its_connection_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(["default"] * 3) as (front, peers, _):
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        read = front.read

        async def broken(request: web.Request, path: Any) -> web.StreamResponse:
            raise RuntimeError("broken")

        def second_is_broken(data: bytes, connection: Any) -> Any:
            call = read(data, connection)
            if call is not None and connection is peers[1].connection:
                call.found = (broken, *call.found[1:])
            return call

        monkeypatch.setattr(front, "read", second_is_broken)
        for peer in peers:
            peer.say(order("default"))
        await answered(peers)
        assert [peer.aborted for peer in peers] == [False, True, False]
        assert [peer.heard[:15] for peer in peers] == [b"HTTP/1.1 200 OK", b"", b"HTTP/1.1 200 OK"]
        assert [str(each["exception"]) for each in reported] == ["broken"]


async def test_a_crowd_is_served_in_parts_and_others_have_their_turn_between() -> None:
    async with serving(["default"] * 150) as (_, peers, _):
        for peer in peers:
            peer.say(order("default"))
        served = []
        while not all(peer.heard for peer in peers):
            await asyncio.sleep(0)
            served.append(sum(bool(peer.heard) for peer in peers))
        assert [count for count in dict.fromkeys(served) if count] == [64, 128, 150]


@pytest.mark.parametrize("cut", [10, -20])
async def test_a_call_in_two_pieces_is_whole_for_aiohttp_though_it_had_to_wait(cut: int) -> None:
    """The second piece of it comes while the first one waits for its turn."""
    async with serving(["default"] * 70) as (_, peers, _):
        whole = order("default")
        for peer in peers[:69]:
            peer.say(whole)
        peers[69].say(whole[:cut])
        peers[69].connection.data_received(whole[cut:])
        await answered(peers)
        assert {peer.heard[:15] for peer in peers} == {b"HTTP/1.1 200 OK"}
        assert isinstance(peers[0].connection, Connection)
        assert not isinstance(peers[69].connection, Connection)


async def test_whoever_says_too_much_while_it_waits_is_read_again_by_aiohttp() -> None:
    async with serving(["default"] * 2) as (_, peers, _):
        peers[0].say(b"POST /v72/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n")
        peers[0].connection.data_received(b" " * 70_000)
        assert not peers[0].reading
        await answered(peers[:1])
        assert (peers[0].reading, peers[0].heard[:12]) == (True, b"HTTP/1.1 401")


async def test_what_has_arrived_when_the_server_ends_is_answered() -> None:
    async with serving(["default"] * 3) as (front, peers, _):
        for peer in peers:
            peer.say(order("default"))
        assert not any(peer.heard for peer in peers)
        await front.shutdown()
        assert all(peer.heard.startswith(b"HTTP/1.1 200 OK") for peer in peers)


async def test_a_client_that_left_before_its_answer_disturbs_nobody() -> None:
    async with serving(["default"] * 3) as (_, peers, _):
        for peer in peers:
            peer.say(order("default"))
        peers[1].connection.connection_lost(None)
        peers[1].aborted = True
        await answered(peers)
        assert [peer.heard[:15] for peer in peers] == [b"HTTP/1.1 200 OK", b"", b"HTTP/1.1 200 OK"]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_call_that_comes_alone_is_answered_at_once_if_nobody_else_is_connected(count: int) -> None:
    async with serving(["default"] * count) as (_, peers, _):
        peers[0].say(order("default"))
        assert bool(peers[0].heard) is (count == 1)
        await answered(peers[:1])
