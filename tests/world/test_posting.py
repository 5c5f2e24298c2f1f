"""What webhooks leave by says on the wire what aiohttp's session says, and hears what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from gzip import compress
from typing import Any

import pytest
from aiohttp import BytesPayload, ClientError, ClientSession, ClientTimeout, DummyCookieJar

from mockpsp.world.posting import Post
from mockpsp.world.targets import leads_here

BODY = '{"a": "é"}'.encode()
HEADERS = {"Content-Type": "application/json", "X-GCS-Signature": "abc=", "x-odd": "ä"}
Told = tuple[int | None, str | None, bytes]
HANG_UP = b""


class Endpoint:
    """Answers each request with the next bytes; keeps what it read. ``HANG_UP`` closes the connection."""

    def __init__(self, answers: list[list[bytes]]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                for part in self.answers.pop(0) if self.answers else [HANG_UP]:
                    if part == HANG_UP:
                        return
                    writer.write(part)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def endpoint(*answers: list[bytes]) -> AsyncIterator[Endpoint]:
    there = Endpoint(list(answers))
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()


async def by_session(url: str, headers: Mapping[str, str], times: int = 1) -> list[Told]:
    """How aiohttp's session does it."""
    told: list[Told] = []
    async with ClientSession(cookie_jar=DummyCookieJar()) as session:
        for _ in range(times):
            try:
                async with session.post(
                    url, data=BytesPayload(BODY), headers=headers, timeout=ClientTimeout(total=5), allow_redirects=False
                ) as response:
                    told.append((response.status, None, await response.content.read(4096)))
            except (ClientError, ValueError) as error:
                told.append((None, str(error) or type(error).__name__, b""))
    return told


async def by_post(url: str, headers: Mapping[str, str], times: int = 1) -> list[Told]:
    post = Post(leads_here)
    try:
        return [await post(url, BODY, headers, 5) for _ in range(times)]
    finally:
        await post.close()


PACKED = compress(b"yes", mtime=0)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[accepted]"
ANSWERS: Mapping[str, list[bytes]] = {
    "plain": [PLAIN],
    "no body": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "not modified": [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"],
    "in chunks": [b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n"],
    "an answer to expect first": [b"HTTP/1.1 100 Continue\r\n\r\n", PLAIN],
    "hints first": [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + PLAIN],
    "elsewhere": [b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"],
    "until the end": [b"HTTP/1.0 200 OK\r\n\r\nyes", HANG_UP],
    "closing": [b"HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", HANG_UP],
    "compressed": [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED),
        PACKED,
    ],
    "nothing": [HANG_UP],
    "half a head": [b"HTTP/1.1 200 OK\r\nContent-Le", HANG_UP],
    "no HTTP": [b"hello\r\n\r\n"],
    "with a cookie": [b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"],
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_it_hears_what_a_session_hears_and_says_the_same(answer: list[bytes]) -> None:
    async with endpoint(answer, [PLAIN]) as first, endpoint(answer, [PLAIN]) as second:
        address = "http://127.0.0.1:{}/a%20b/ü?x=1&y=é#part"
        expected = await by_session(address.format(first.port), HEADERS, times=2)
        found = await by_post(address.format(second.port), HEADERS, times=2)
    assert [_portless(each, second.port) for each in found] == [_portless(each, first.port) for each in expected]
    assert [_portless(each, second.port) for each in second.requests] == [
        _portless(each, first.port) for each in first.requests
    ]


def _portless(told: Any, port: int) -> Any:
    """Without what differs between two runs, and without the address that aiohttp puts behind what was no HTTP."""
    if isinstance(told, bytes):
        return told.replace(str(port).encode(), b"PORT")
    status, why, body = told
    return status, None if why is None else why.replace(str(port), "PORT").partition(", url=")[0], body


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("http://user:p%40ss@127.0.0.1:{}", {}),
        ("http://127.0.0.1:{}", {"host": "shop.example", "USER-AGENT": "Worldline", "accept": "text/plain"}),
        ("http://127.0.0.1:{}/", {"Authorization": "Basic abc", "Accept-encoding": "identity"}),
        ("http://127.0.0.1:{}/?", {}),
    ],
)
async def test_headers_are_those_of_a_session(address: str, headers: dict[str, str]) -> None:
    async with endpoint([PLAIN]) as first, endpoint([PLAIN]) as second:
        await by_session(address.format(first.port), headers)
        await by_post(address.format(second.port), headers)
    lines = [sorted(_portless(each.requests[0], each.port).lower().split(b"\r\n")) for each in (first, second)]
    assert lines[1] == lines[0]


@pytest.mark.parametrize("value", ["a\r\nX-More: b", "a\nb", "a\rb", "a\0b"])
async def test_a_header_cannot_begin_another_one(value: str) -> None:
    async with endpoint([PLAIN]) as there:
        status, why, _ = (await by_post(f"http://127.0.0.1:{there.port}/", {"X-One": value}))[0]
    assert (status, why, there.requests) == (None, "a header must be one line", [])


async def test_a_connection_serves_the_next_one_unless_something_is_left_in_it() -> None:
    part = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 5_000
    async with endpoint([PLAIN], [part], [PLAIN], [PLAIN]) as there:
        told = await by_post(f"http://127.0.0.1:{there.port}/", {}, times=4)
    assert [(status, len(body)) for status, _, body in told] == [(200, 10), (200, 4096), (200, 10), (200, 10)]
    assert there.connections == 2, "the rest of a long answer is no answer to the next webhook"


@pytest.mark.parametrize("late", [[], [b"HTTP/1.1 200 OK\r\n"], [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"]])
async def test_who_does_not_answer_is_given_up_and_its_connection_closed(late: list[bytes]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.writelines(late)
        closed.set_result(await reader.read() == BODY)
        writer.close()

    closed = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    post = Post(leads_here)
    told = await post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", BODY, {}, 0.5)
    assert told == (None, "no answer within 0.5 seconds", b"")
    assert await asyncio.wait_for(closed, 20)
    await post.close()
    server.close()


async def test_who_is_not_there_is_named() -> None:
    async with endpoint() as there:
        port = there.port
    expected = (await by_session(f"http://127.0.0.1:{port}/", {}))[0]
    assert (await by_post(f"http://127.0.0.1:{port}/", {}))[0] == expected
    assert "Cannot connect to host 127.0.0.1" in str(expected[1])


@pytest.mark.parametrize("url", ["http://", "http://[::1", "nothing at all", "http://127.0.0.1:99999/"])
async def test_what_is_no_address_is_said(url: str) -> None:
    status, why, _ = (await by_post(url, {}))[0]
    assert status is None
    assert why
