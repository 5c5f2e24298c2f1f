"""A call answers, and is recorded, byte for byte as when aiohttp's own handler serves it; only the way is shorter."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.app import build_app
from mockpsp.edge.front import Runner
from mockpsp.edge.keys import SANDBOXES
from mockpsp.edge.table import Directory, add_routes
from mockpsp.providers import discover
from mockpsp.providers.worldline.auth import SCHEME, credentials, data_to_sign, sign
from mockpsp.settings import Settings
from mockpsp.testing.server import listening
from mockpsp.world.clock import ClockMode
from mockpsp.world.codec import encode
from mockpsp.world.journal import Line
from mockpsp.world.records import EndpointChanged
from mockpsp.world.store import MemoryStore, Store
from tests.support.asked import asked
from tests.support.worldline import checkout_body

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
GIVEN = credentials("default")
CHECKOUTS = f"/v2/{GIVEN['merchant_id']}/hostedcheckouts"
FIRST = "4375008553"
BODY = json.dumps(checkout_body()).encode()
CARD = {
    "card": {"cardNumber": "4012000033330026", "expiryDate": "1230", "cvv": "123", "cardholderName": "Alice"},
    "authorizationMode": "SALE",
    "paymentProductId": 1,
}


class Part(bytes):
    """What no answer comes to before there is more."""


def call(
    method: str, target: str, body: bytes | None = None, *extra: str, secret: str = "", version: str = "1.1"
) -> bytes:
    """A signed call as a client writes it; ``extra`` are further lines of its head."""
    date = format_datetime(NOON, usegmt=True)
    kind = "application/json" if body is not None else ""
    text = data_to_sign(method, kind, date, [("X-GCS-ServerMetaInfo", "bench")], target)
    proof = sign(secret or GIVEN["secret_api_key"], text)
    lines = [
        f"{method} {target} HTTP/{version}",
        "Host: localhost",
        f"Date: {date}",
        "X-GCS-ServerMetaInfo: bench",
        f"Authorization: {SCHEME}{GIVEN['api_key_id']}:{proof}",
        *extra,
    ]
    if body is not None:
        lines.append(f"Content-Type: {kind}")
        if not any(each.lower().startswith("transfer-encoding") for each in extra):
            lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + (body or b"")


CREATE = call("POST", CHECKOUTS, BODY)
READ = call("GET", f"{CHECKOUTS}/{FIRST}")
LAST = "Connection: close"
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
STRANGE: dict[str, tuple[bytes, ...]] = {
    "create and read": (CREATE, READ, call("GET", f"{CHECKOUTS}/{FIRST}", None, LAST)),
    "read what is not there": (call("GET", f"{CHECKOUTS}/1"), call("GET", f"/v2/M/payments/{FIRST}_0", None, LAST)),
    "a wrong signature": (call("POST", CHECKOUTS, BODY, secret="other"), call("GET", CHECKOUTS, None, LAST)),
    "no JSON": (call("POST", CHECKOUTS, b"{"), call("POST", CHECKOUTS, b"", LAST)),
    "against the contract": (call("POST", CHECKOUTS, b'{"order": 1}'), call("POST", CHECKOUTS, b"[]", LAST)),
    "a key that repeats": (
        call("POST", CHECKOUTS, BODY, "X-GCS-Idempotence-Key: k"),
        call("POST", CHECKOUTS, BODY, "X-GCS-Idempotence-Key: k", LAST),
    ),
    "old HTTP": (call("POST", CHECKOUTS, BODY, version="1.0"),),
    "old HTTP that stays": (
        call("GET", CHECKOUTS, None, "Connection: keep-alive", version="1.0"),
        CREATE,
        LAST.encode(),
    ),
    "closing at once": (call("POST", CHECKOUTS, BODY, LAST),),
    "chunks": (call("POST", CHECKOUTS, CHUNKED, "Transfer-Encoding: chunked"), call("GET", CHECKOUTS, None, LAST)),
    "compressed": (call("POST", CHECKOUTS, gzip.compress(BODY), "Content-Encoding: gzip", LAST),),
    "compressed and damaged": (call("POST", CHECKOUTS, b"nonsense", "Content-Encoding: gzip", LAST),),
    "what is expected": (call("POST", CHECKOUTS, BODY, "Expect: 100-continue", LAST),),
    "a body in pieces": (Part(CREATE[:300]), CREATE[300:], call("GET", CHECKOUTS, None, LAST)),
    "a head in pieces": (Part(READ[:30]), READ[30:], call("GET", CHECKOUTS, None, LAST)),
    "several at once": (CREATE + READ + call("GET", CHECKOUTS, None, LAST),),
    "a beginning of the next one": (CREATE + READ[:50], READ[50:], call("GET", CHECKOUTS, None, LAST)),
    "another method": (call("HEAD", CHECKOUTS), call("PUT", CHECKOUTS, BODY), call("TRACE", CHECKOUTS, None, LAST)),
    "nobody's path": (call("GET", "/v2/a/b/c/d"), call("GET", "/elsewhere", None, LAST)),
    "a page, then a call": (
        b"GET /hostedcheckout/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        CREATE,
        call("GET", "/", None, LAST),
    ),
    "odd paths": (
        *(call("GET", f"{CHECKOUTS}/{each}") for each in ("%31", "%2F", "{x}", "a.b", "", "x?y=1", "\xe9#")),
        call("GET", CHECKOUTS, None, LAST),
    ),
    "an address as its target": (call("GET", f"http://localhost{CHECKOUTS}/1", None, LAST),),
    "too much": (call("POST", CHECKOUTS, b'"' + b"x" * 5000 + b'"'), call("GET", CHECKOUTS, None, LAST)),
    "headers beyond ASCII": (call("GET", CHECKOUTS, None, "X-Name: \xe9\xff"), call("GET", CHECKOUTS, None, LAST)),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n",),
    "a header that is none": (call("GET", CHECKOUTS, None, "no colon here"),),
    "two lengths": (call("POST", CHECKOUTS, BODY, "Content-Length: 3"),),
    "the same again": (CREATE, CREATE, CREATE, READ, READ, READ, call("GET", CHECKOUTS, None, LAST)),
    "one head, several bodies": (
        *(CREATE[: -len(BODY)] + each for each in (BODY, BODY.swapcase(), BODY.replace(b"1", b"2"), b"{" * len(BODY))),
        Part(CREATE[:-100]),
        CREATE[-100:],
        call("GET", CHECKOUTS, None, LAST),
    ),
    "a known head, and too much after it": (
        CREATE,
        CREATE,
        CREATE,
        CREATE + READ,
        call("GET", "/", None, LAST),
    ),
    "a body with GET": (call("GET", f"{CHECKOUTS}/1", b"{}"), call("GET", CHECKOUTS, None, LAST)),
}


@asynccontextmanager
async def serving(
    direct: bool, scenario: str = "default", store: Store | None = None, **more: float
) -> AsyncIterator[tuple[int, web.Application, Any]]:
    """A server with a clock that stands still at noon; by the front, or by aiohttp alone."""
    app = build_app(Settings(max_body=4000, scenarios=(scenario,)), store)
    runner = (Runner if direct else web.AppRunner)(app, shutdown_timeout=1.0, **more)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        world = app[SANDBOXES].get("default").world
        await world.book(lambda: world.moving(ClockMode.MANUAL, NOON))
        yield runner.addresses[0][1], app, runner
    finally:
        await runner.cleanup()


async def said(port: int, pieces: Iterable[bytes]) -> bytes:
    """All that the server says on one connection, its date left out; the next piece is sent at an answer's head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        if isinstance(piece, Part):
            for _ in range(20):  # turns of the loop that the server is in as well: it has read the piece alone
                await asyncio.sleep(0)
            continue
        try:
            heard += await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as end:
            heard += end.partial
            break
    heard += await _rest(reader, writer)
    return re.sub(rb"Date: [^\r]*GMT", b"Date: -", heard)


async def _rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    try:
        writer.write_eof()
        return await reader.read()
    except OSError:  # the server has closed the connection already
        return b""
    finally:
        writer.close()


def recorded(app: web.Application, after: int) -> list[bytes]:
    """The journal as it would be kept in a file."""
    world = app[SANDBOXES].get("default").world
    return [encode(Line(each)) for each in world.journal.since(after)]


@pytest.mark.parametrize("name", STRANGE)
async def test_both_ways_say_and_record_the_same(name: str) -> None:
    told, written = [], []
    for direct in (True, False):
        async with serving(direct) as (port, app, _):
            began = app[SANDBOXES].get("default").world.journal.count
            told.append(await said(port, STRANGE[name]))
            written.append(recorded(app, began))
    assert told[0] == told[1]
    assert written[0] == written[1]
    assert told[0]


@pytest.mark.parametrize("pieces", [(CREATE, READ), (Part(CREATE), READ)], ids=["in turn", "while the first waits"])
async def test_calls_that_wait_are_answered_in_their_order(pieces: tuple[bytes, ...]) -> None:
    told = []
    for direct in (True, False):
        async with serving(direct, "worldline/latency-with-a-long-tail") as (port, _, _):
            told.append(await said(port, (*pieces, call("GET", CHECKOUTS, None, LAST))))
    assert told[0] == told[1]
    assert re.findall(rb"HTTP/1.1 (\d+)", told[0]) == [b"200", b"200", b"405"]


async def test_calls_stay_with_the_front_and_all_else_leaves_it() -> None:
    async with serving(True) as (port, _, runner):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece, status, kept in ((CREATE, b"200", 1), (READ, b"200", 1), (call("GET", CHECKOUTS), b"405", 0)):
            writer.write(piece)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))  # type: ignore[index]
            assert (head.split()[1], len(runner.server.connections)) == (status, kept)
        writer.close()


async def test_a_webhook_may_leave_before_a_call_that_has_no_task_yet_is_answered() -> None:
    heard: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append((await request.json())["type"])
        return web.Response()

    shop = web.Application()
    shop.router.add_post("/", hear)
    async with listening(shop) as other, serving(True, "worldline/webhook-before-the-answer") as (port, app, _):
        world = app[SANDBOXES].get("default").world
        changed = EndpointChanged("worldline", (f"http://127.0.0.1:{other}/",))
        await world.book(lambda: [changed])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        payment = {"order": checkout_body()["order"], "cardPaymentMethodSpecificInput": CARD}
        writer.write(call("POST", f"/v2/{GIVEN['merchant_id']}/payments", json.dumps(payment).encode()))
        head = await reader.readuntil(b"\r\n\r\n")
        assert (head.split()[1], bool(heard)) == (b"201", True)
        writer.close()


class FarAway(MemoryStore):
    """A store in another process, whose client measures time by the task that it is called in."""

    waits = True

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        async with asyncio.timeout(30):
            await asyncio.sleep(0)  # gives the loop a turn, as a real wait does
        return await super().append(sandbox, expected_version, events)


async def test_a_store_that_waits_is_called_in_a_task() -> None:
    async with serving(True, store=FarAway()) as (port, _, runner):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CREATE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(runner.server.connections) == 1
        writer.close()


async def test_a_connection_without_requests_is_closed() -> None:
    async with serving(True, keepalive_timeout=0.01) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CREATE)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()


async def test_a_call_under_way_is_answered_before_the_server_ends() -> None:
    async with serving(True, "worldline/latency-with-a-long-tail") as (port, app, runner):
        begun = asyncio.Event()
        app[SANDBOXES].get("default").world.journal.watch(lambda entry: begun.set())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        idle, other = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CREATE)
        await begun.wait()
        await runner.cleanup()
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await idle.read() == b""
        writer.close()
        other.close()


class Slow(asyncio.Transport):
    """A connection to somebody who does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        """Nothing is left of it."""


async def test_whoever_does_not_read_gets_no_more_answers_until_he_does() -> None:
    async with serving(True) as (_, _, runner):
        connection, slow = runner.server(), Slow()
        connection.connection_made(slow)
        connection.data_received(CREATE)
        first = slow.sent
        connection.pause_writing()
        connection.data_received(READ)
        assert slow.sent == first
        connection.data_received(b" " * 70_000)
        assert not slow.reading, "he may not fill our memory either"
        connection.connection_lost(None)

        connection, slow = runner.server(), Slow()
        connection.connection_made(slow)
        connection.pause_writing()
        connection.data_received(READ)
        connection.resume_writing()
        assert slow.sent.startswith(b"HTTP/1.1 200 OK\r\n")
        connection.connection_lost(None)


# -- the directory -------------------------------------------------------------------------------------------------

ROUTES = tuple((route.method, route.path) for provider in discover().values() for route in provider.routes)
WORDS = sorted({word for _, path in ROUTES for word in path.split("/") if word and "{" not in word})
SEGMENTS = st.sampled_from(["", "a", "12", "a.b", "a_0", "%20", "a%2Fb", "{x}", "+", "..", "\xe9", *WORDS])
PATHS = st.one_of(
    st.sampled_from([path for _, path in ROUTES]).map(lambda path: re.sub(r"\{\w+\}", "x1", path)),
    st.lists(SEGMENTS, min_size=1, max_size=6).map(lambda parts: "/" + "/".join(parts)),
    st.lists(SEGMENTS, min_size=1, max_size=3).map(lambda parts: "/v2/M/" + "/".join(parts)),
)
TARGETS = st.tuples(PATHS, st.sampled_from(["", "?a=b", "?a=/x/y", "#c"])).map("".join)


def handler_of(route: tuple[str, str]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler that goes by its route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response()

    handle.__name__ = " ".join(route)
    return handle


def filled() -> tuple[web.Application, Directory]:
    """All routes of all providers, each of them direct."""
    app, directory = web.Application(), Directory()
    for provider in discover().values():
        routes = [(route.method, route.path, handler_of((route.method, route.path))) for route in provider.routes]
        add_routes(app, routes, directory, lambda handler: handler)
    return app, directory


APP, DIRECTORY_OF_ALL = filled()


@given(method=st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "HEAD"]), target=TARGETS)
async def test_what_the_directory_finds_aiohttp_finds_as_well(method: str, target: str) -> None:
    for _ in ("searched for", "remembered"):
        found = DIRECTORY_OF_ALL.find(method, target)
        if found is not None:
            match = await APP.router.resolve(asked(method, target))
            answer, route, values = found
            assert (route, answer, values) == (match.route, match.handler, dict(match))


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_every_route_with_plain_segments_is_in_the_directory(route: tuple[str, str]) -> None:
    method, pattern = route
    plain = re.fullmatch(r"(/([\w.-]+|\{\w+\})?)+", pattern) is not None
    assert (DIRECTORY_OF_ALL.find(method, re.sub(r"\{\w+\}", "x1", pattern)) is not None) is plain
