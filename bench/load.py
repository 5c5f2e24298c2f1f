"""A load client that costs little itself: raw sockets, prepared requests, bounded in count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter

from bench.works import Work


class Connection(asyncio.Protocol):
    """Sends a work's requests, one after the other, until nothing is left to do; notes each answer's time."""

    def __init__(
        self, left: Callable[[], bool], work: Work, first: bytes, done: asyncio.Future[None], times: list[float]
    ) -> None:
        self.left = left
        self.work = work
        self.first = first
        self.done = done
        self.times = times
        self.buffer = b""
        self.answers = 0
        self.answer = b""
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.next()

    def next(self) -> None:
        """The first request once more, or the end."""
        if not self.left():
            self.transport.close()
            self.done.set_result(None)
            return
        self.answers = 0
        self.began = perf_counter()
        self.transport.write(self.first)

    def data_received(self, data: bytes) -> None:
        """Wait for a whole answer, then go on."""
        self.buffer += data
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        start = head.lower().find(b"content-length: ") + 16
        length = int(head[start : head.find(b"\r\n", start) if head.find(b"\r\n", start) > 0 else None])
        if len(rest) < length:
            return
        if not head.startswith(b"HTTP/1.1 20") or (self.last and self.work.proof not in rest):
            self.done.set_exception(RuntimeError(self.buffer[:400].decode("latin-1")))
            self.transport.close()
            return
        self.times.append(perf_counter() - self.began)
        self.buffer = b""
        if self.last:
            self.next()
            return
        if not self.answers:
            self.answer = rest
        following = self.work.then[self.answers](self.answer)
        self.answers += 1
        self.began = perf_counter()
        self.transport.write(following)

    @property
    def last(self) -> bool:
        """Whether the request that waits for its answer is a round's last one."""
        return self.answers == len(self.work.then)


async def run(port: int, work: Work, connections: int, payments: int) -> tuple[float, list[float]]:
    """Do a work so many times; requests per second, and the seconds of each answer."""
    left = payments
    times: list[float] = []

    def more() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    loop = asyncio.get_running_loop()
    first = work.first()
    ends = []
    began = perf_counter()
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        make = partial(Connection, more, work, first, done, times)
        await loop.create_connection(make, "127.0.0.1", port)
        ends.append(done)
    await asyncio.gather(*ends)
    return len(times) / (perf_counter() - began), times
