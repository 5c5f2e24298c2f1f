"""A load client that costs little itself: raw sockets, prepared requests, bounded in count and, if asked, in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import cast

from bench.works import Work


class Broken(RuntimeError):
    """An answer that is not the one a work needs, or none at all."""


def whole(buffer: bytes, ended: bool = False) -> tuple[bytes, bytes] | None:
    """Head and body of an answer, once all of it is there; ``ended``: nothing more will come.

    The head is in small letters. A body has a length, comes in chunks, or goes on to the connection's end.
    """
    head, mark, rest = buffer.partition(b"\r\n\r\n")
    if not mark:
        return None
    head = head.lower()
    start = head.find(b"\r\ncontent-length: ") + 18
    if start > 17:
        length = int(head[start : head.find(b"\r\n", start) if head.find(b"\r\n", start) > 0 else None])
        return (head, rest) if len(rest) >= length else None
    if b"\r\ntransfer-encoding: chunked" in head:
        return (head, _joined(rest)) if rest.endswith(b"0\r\n\r\n") else None
    return (head, rest) if ended else None


def _joined(chunks: bytes) -> bytes:
    parts: list[bytes] = []
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        parts.append(chunks[: int(size, 16)])
        chunks = chunks[int(size, 16) + 2 :]
    return b"".join(parts)


class Connection(asyncio.Protocol):
    """Sends a work's requests, one after the other, until nothing is left to do; notes each answer's time.

    Where the server closes the connection after an answer, the next request opens another: its time has that in it.
    """

    def __init__(
        self,
        left: Callable[[], bool],
        work: Work,
        first: bytes,
        done: asyncio.Future[None],
        times: list[float],
        port: int,
    ) -> None:
        self.left = left
        self.work = work
        self.first = first
        self.done = done
        self.times = times
        self.port = port
        self.transport: asyncio.Transport | None = None
        self.opening: asyncio.Task[object] | None = None
        self.request = b""
        self.buffer = b""
        self.answers = 0
        self.answer = b""
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or go on."""
        self.transport = cast("asyncio.Transport", transport)
        if self.request:
            self.transport.write(self.request)
        else:
            self.next()

    def next(self) -> None:
        """The first request once more, or the end."""
        if not self.left():
            self.end(None)
            return
        self.answers = 0
        self.send(self.first)

    def send(self, request: bytes) -> None:
        """Write it, on another connection if this one is closed."""
        self.request = request
        self.began = perf_counter()
        if self.transport is not None:
            self.transport.write(request)
        else:
            self.opening = asyncio.get_running_loop().create_task(self.open())

    async def open(self) -> None:
        """Another connection."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self.port)
        except OSError as error:
            self.end(Broken(str(error)))

    def end(self, problem: Exception | None) -> None:
        """Nothing is left to do, or nothing can be done."""
        if self.transport is not None:
            self.transport.close()
            self.transport = None
        if self.done.done():
            return
        if problem is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(problem)

    def data_received(self, data: bytes) -> None:
        """Wait for a whole answer, then go on."""
        self.buffer += data
        found = whole(self.buffer)
        if found is not None:
            self.take(*found)

    def connection_lost(self, reason: Exception | None) -> None:
        """An answer may end so; a request without one may not."""
        if self.transport is None:
            return
        self.transport = None
        found = whole(self.buffer, ended=True)
        if found is None:
            self.end(Broken(f"hung up after {self.buffer[:400]!r}"))
        else:
            self.take(*found)

    def take(self, head: bytes, body: bytes) -> None:
        """Note an answer's time, and do what comes next."""
        if not head.startswith((b"http/1.1 20", b"http/1.0 20")) or (self.last and self.work.proof not in body):
            self.end(Broken(self.buffer[:400].decode("latin-1")))
            return
        self.times.append(perf_counter() - self.began)
        self.buffer = b""
        if b"\r\nconnection: close" in head and self.transport is not None:
            self.transport.close()
            self.transport = None
        if self.last:
            self.next()
            return
        if not self.answers:
            self.answer = body
        following = self.work.then[self.answers](self.answer)
        self.answers += 1
        self.send(following)

    @property
    def last(self) -> bool:
        """Whether the request that waits for its answer is a round's last one."""
        return self.answers == len(self.work.then)


async def run(
    port: int, work: Work, connections: int, payments: int, seconds: float | None = None
) -> tuple[float, list[float]]:
    """Do a work so many times; requests per second, and the seconds of each answer.

    After so many seconds nothing new is begun. Raises Broken for an answer that is not the right one.
    """
    left = payments
    times: list[float] = []
    began = perf_counter()

    def more() -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and (seconds is None or perf_counter() - began < seconds)

    loop = asyncio.get_running_loop()
    first = work.first()
    ends = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        make = partial(Connection, more, work, first, done, times, port)
        await loop.create_connection(make, "127.0.0.1", port)
        ends.append(done)
    await asyncio.gather(*ends)
    return len(times) / (perf_counter() - began), times
