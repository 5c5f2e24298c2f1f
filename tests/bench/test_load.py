"""The load client takes answers as servers of all kinds give them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.load import Broken, run, whole
from bench.works import Work, between, plain

BODY = b'{"id":"p1","status":"CREATED"}'
ID = b'"id":"'
WORK = Work(
    "create and read of a payment",
    first=lambda: plain("POST", "/payments", b"{}"),
    then=(lambda body: plain("GET", f"/payments/{between(body, ID)}", b""),),
    proof=b'"status":"CREATED"',
)
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
LAST_LENGTH = b"HTTP/1.1 201 Created\r\nContent-Length: %d" % len(BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n%b\r\n14\r\n%b\r\n0\r\n\r\n" % (
    BODY[:10],
    BODY[10:],
)
CLOSED = LENGTH.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\n" + BODY
ANSWERS = [
    pytest.param(LENGTH, False, id="a length"),
    pytest.param(LAST_LENGTH + b"\r\n\r\n" + BODY, False, id="a length in the last line"),
    pytest.param(CHUNKED, False, id="chunks"),
    pytest.param(CLOSED, True, id="a connection for each"),
    pytest.param(TO_THE_END, True, id="to the end of the connection"),
]


@asynccontextmanager
async def answering(answer: bytes, close: bool, targets: list[str]) -> AsyncIterator[int]:
    """A server that always says the same, in two pieces; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"POST"):
                    await reader.readexactly(2)
                targets.append(head.decode().partition(" HTTP")[0])
                writer.write(answer[:30])
                await writer.drain()
                writer.write(answer[30:])
                await writer.drain()
                if close:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(("answer", "close"), ANSWERS)
async def test_an_answer_is_read_to_its_end(answer: bytes, close: bool) -> None:
    targets: list[str] = []
    async with answering(answer, close, targets) as port:
        _, times = await run(port, WORK, 2, 5)
    assert len(times) == 10
    assert sorted(targets) == ["GET /payments/p1"] * 5 + ["POST /payments"] * 5


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(LENGTH.replace(b"200 OK", b"409 Conflict"), id="a refusal"),
        pytest.param(LENGTH.replace(b"CREATED", b"REFUSED"), id="the wrong state"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", id="half an answer"),
    ],
)
async def test_what_is_not_the_right_answer_ends_the_run(answer: bytes) -> None:
    async with answering(answer, True, []) as port:
        with pytest.raises(Broken):
            await run(port, WORK, 1, 5)


async def test_a_run_may_be_bounded_in_time() -> None:
    async with answering(LENGTH, False, []) as port:
        _, times = await run(port, WORK, 1, 10**9, 0.05)
    assert times


@pytest.mark.parametrize("cut", [1, 20, len(CHUNKED) - 1])
def test_a_part_is_not_the_whole(cut: int) -> None:
    assert whole(CHUNKED[:cut]) is None
    assert whole(CHUNKED) == (CHUNKED.partition(b"\r\n\r\n")[0].lower(), BODY)
