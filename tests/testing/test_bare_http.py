"""The bare HTTP client of stories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from mockpsp.testing import wire


@asynccontextmanager
async def server(answer: bytes, seen: list[bytes]) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def test_a_whole_answer_is_returned_whatever_its_coding() -> None:
    seen: list[bytes] = []
    chunked = b"HTTP/1.1 201 Created\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    async with server(chunked, seen) as port:
        reply = await wire.call(port, "shop.example:1", "POST", "/a?b=c", {"X-Key": "k"}, b"body")

    assert (reply.status, reply.headers["x-a"], reply.body) == (201, "b", b"{}")
    assert seen[0] == (
        b"POST /a?b=c HTTP/1.1\r\nHost: shop.example:1\r\nX-Key: k\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"not HTTP\r\n\r\n"])
async def test_half_an_answer_is_a_dropped_connection_and_is_not_asked_for_again(answer: bytes) -> None:
    seen: list[bytes] = []
    async with server(answer, seen) as port:
        with pytest.raises(wire.Dropped):
            await wire.call(port, "x", "GET", "/", {}, None)

    assert len(seen) == 1


async def test_a_line_end_cannot_smuggle_in_a_second_request(unused_tcp_port_factory: Callable[[], int]) -> None:
    with pytest.raises(ValueError, match="line end"):
        await wire.call(unused_tcp_port_factory(), "x", "GET", "/ HTTP/1.1\r\nGET /", {}, None)
