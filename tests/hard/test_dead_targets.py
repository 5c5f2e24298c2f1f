"""Webhook targets that are slow or dead hold up neither answers nor anybody else's webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession

from mockpsp.domain.lifecycle import Body
from mockpsp.testing.server import Server, running
from mockpsp.world import records
from mockpsp.world.outbox import Status
from mockpsp.world.sandboxes import DEFAULT, Sandbox

PATIENCE_SECONDS = 120


class Target(asyncio.Protocol):
    """An endpoint that takes webhooks, and says so or never does; shared counts."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._told.connections += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._told.bodies.append(rest[:length])
            if len(self._told.bodies) >= self._told.wanted:
                self._told.all.set()
            if self._told.answers:
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


class Told:
    """What endpoints were told; ``all`` when it is as much as was wanted."""

    def __init__(self, wanted: int, *, answers: bool) -> None:
        self.wanted = wanted
        self.answers = answers
        self.bodies: list[bytes] = []
        self.connections = 0
        self.all = asyncio.Event()


@asynccontextmanager
async def target(told: Told) -> AsyncIterator[str]:
    listening = await asyncio.get_running_loop().create_server(lambda: Target(told), "127.0.0.1", 0, backlog=512)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def queue(sandbox: Sandbox, url: str, count: int, name: str) -> None:
    """So many webhooks that are due now, in one commit."""
    world = sandbox.world
    now, first = world.clock.now(), world.outbox.numbers + 1
    rows: list[Any] = [
        records.Queued(
            number=number, provider="worldline", kind="payment.created", owner="1", ref="1",
            content=Body(f"{name} {number - first}".encode()), url=url, at=now, due=now, rank=number,
        )
        for number in range(first, first + count)
    ]  # fmt: skip
    await world.book(lambda: rows)


def statuses(sandbox: Sandbox, url: str) -> set[Status]:
    return {each.status for each in sandbox.world.outbox.deliveries.values() if each.queued.url.startswith(url)}


async def health(server: Server) -> int:
    async with ClientSession() as session, session.get(f"{server.url}/_mockpsp/health") as answer:
        return answer.status


async def test_a_target_that_never_answers_holds_up_nobody_else() -> None:
    well, mute = Told(1_000, answers=True), Told(1, answers=False)
    async with running() as server, target(well) as good, target(mute) as dead:
        sandbox = server.sandboxes.get(DEFAULT)
        await queue(sandbox, dead, 200, "dead")
        await queue(sandbox, good, 1_000, "good")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await mute.all.wait()
            await well.all.wait()
        assert sorted(well.bodies) == sorted(f"good {index}".encode() for index in range(1_000))
        assert Status.DELIVERED not in statuses(sandbox, dead)
        assert await health(server) == 200
        assert well.connections < 100, "connections are used again"


async def test_dead_targets_of_one_sandbox_hold_up_no_other_sandbox() -> None:
    well, mute = Told(500, answers=True), Told(50, answers=False)
    async with running() as server, target(well) as good, target(mute) as dead:
        sandbox = server.sandboxes.get(DEFAULT)
        for index in range(50):
            await queue(sandbox, f"{dead}/{index}", 10, "dead")
        other = await server.sandboxes.create(sandbox.world.scenario)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await mute.all.wait()
            await queue(other, good, 500, "good")
            await well.all.wait()
        assert len(well.bodies) == 500


async def test_thousands_of_due_webhooks_leave_over_few_connections() -> None:
    told = Told(5_000, answers=True)
    async with running() as server, target(told) as url:
        first = server.sandboxes.get(DEFAULT)
        for index in range(10):
            sandbox = await server.sandboxes.create(first.world.scenario)
            await queue(sandbox, url, 500, f"{index}")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await told.all.wait()
        assert len(set(told.bodies)) == 5_000, "each once"
        for sandbox in server.sandboxes.all():
            await server.courier.settle(sandbox)
            assert statuses(sandbox, url) <= {Status.DELIVERED}
        assert told.connections <= 100
