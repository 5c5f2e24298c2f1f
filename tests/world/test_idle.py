"""Sandboxes that nobody calls are dropped, by the machine's time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from aiohttp import ClientSession

from mockpsp.settings import Settings
from mockpsp.testing.server import Server, running
from mockpsp.world.idle import Idle
from mockpsp.world.sandboxes import DEFAULT

HOUR = timedelta(hours=1)


class Hand:
    """A clock that is moved by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def call(server: Server, path: str, **keys: str) -> tuple[int, str]:
    async with ClientSession() as session, session.get(f"{server.url}{path}", headers=keys) as answer:
        return answer.status, await answer.text()


async def test_who_is_not_called_for_so_long_is_dropped_and_who_is_called_stays() -> None:
    async with running() as server:
        hand = Hand()
        idle = Idle(server.sandboxes, HOUR, hand)
        scenario = server.sandboxes.get(DEFAULT).world.scenario
        quiet, busy, looked_at = [await server.sandboxes.create(scenario) for _ in range(3)]
        assert await idle.look() == []
        hand.now += 3_000
        key = busy.credentials["adyen"]["api_key"]
        await call(server, "/v72/storedPaymentMethods", **{"X-API-Key": key})
        await call(server, f"/_mockpsp/sandboxes/{looked_at.id}")
        assert await idle.look() == []
        hand.now += 600
        assert await idle.look() == [quiet.id]
        status, text = await call(server, f"/_mockpsp/sandboxes/{quiet.id}")
        assert status == 404
        assert "nobody had called it since" in text
        assert "nobody had called it since" in (await call(server, f"/_mockpsp/sandbox/{quiet.id}"))[1]
        assert quiet.world.closed
        assert {each.id for each in server.sandboxes.all()} == {DEFAULT, busy.id, looked_at.id}
        hand.now += 3_600
        assert set(await idle.look()) == {busy.id, looked_at.id}
        hand.now += 1_000_000
        assert await idle.look() == [], "the default sandbox always stays"


async def test_a_sandboxs_own_clock_and_timers_are_no_calls() -> None:
    async with running() as server:
        hand = Hand()
        idle = Idle(server.sandboxes, HOUR, hand)
        sandbox = await server.sandboxes.create(server.sandboxes.get(DEFAULT).world.scenario)
        await idle.look()
        await server.courier.advance(sandbox, sandbox.world.clock.now() + timedelta(days=30))
        assert await idle.look() == [], "a month of its own is no hour of the machine's"
        hand.now += 3_600
        assert await idle.look() == [sandbox.id]


async def test_a_sandbox_that_was_made_anew_under_the_same_id_is_another_one() -> None:
    async with running() as server:
        hand = Hand()
        idle = Idle(server.sandboxes, HOUR, hand)
        scenario = server.sandboxes.get(DEFAULT).world.scenario
        await server.sandboxes.create(scenario, id="mine")
        await idle.look()
        hand.now += 3_000
        await server.sandboxes.drop("mine")
        await server.sandboxes.create(scenario, id="mine")
        assert await idle.look() == []
        hand.now += 3_000
        assert await idle.look() == []


async def test_a_reader_of_the_live_journal_keeps_its_sandbox() -> None:
    async with running() as server:
        hand = Hand()
        idle = Idle(server.sandboxes, HOUR, hand)
        sandbox = await server.sandboxes.create(server.sandboxes.get(DEFAULT).world.scenario)
        leave = sandbox.world.journal.watch(lambda entry: None)
        await idle.look()
        hand.now += 36_000
        assert await idle.look() == []
        leave()
        hand.now += 3_600
        assert await idle.look() == [sandbox.id]


async def test_a_server_drops_them_by_itself_and_from_its_file(tmp_path: Path) -> None:
    settings = Settings(expire_idle=timedelta(milliseconds=50), state=str(tmp_path / "state.db"))
    async with running(settings) as server:
        sandbox = await server.sandboxes.create(server.sandboxes.get(DEFAULT).world.scenario)
        closed = asyncio.Event()
        sandbox.world.on_commit = closed.set
        async with asyncio.timeout(60):
            await closed.wait()
        assert sandbox.world.closed
    async with running(Settings(state=settings.state)) as server:
        assert [each.id for each in server.sandboxes.all()] == [DEFAULT]
