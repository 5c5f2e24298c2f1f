"""Finished payments are kept up to a number; live ones always."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession

from mockpsp.providers.worldline import commands as c
from mockpsp.settings import Settings
from mockpsp.testing.server import running
from mockpsp.world import journal, store_sqlite
from mockpsp.world.retention import Retention
from mockpsp.world.sandboxes import DEFAULT
from mockpsp.world.world import World
from tests.support.shop import Shop, eur, scenario

KEEP = 10


async def shop() -> Shop:
    psp = await Shop(scenario()).open()
    psp.world.retention = Retention(KEEP)
    return psp


def orders(psp: Shop) -> list[str]:
    return list(psp.world.objects["worldline.order"])


async def finished(psp: Shop) -> str:
    """An order that was paid and captured, with nothing ahead of it."""
    ref = await psp.authorised()
    await psp.do(ref, c.Capture(tender=ref, amount=None, final=True, reference=""))
    await psp.advance(timedelta(days=400))
    return ref


async def test_the_oldest_finished_orders_go_and_the_newest_stay() -> None:
    psp = await shop()
    refs = [await finished(psp) for _ in range(30)]
    kept = orders(psp)
    assert kept == refs[-len(kept) :], "the newest, in their order"
    assert KEEP <= len(kept) <= KEEP + 2
    assert all(psp.world.owner("worldline.order", ref) is None for ref in refs[: -len(kept)])
    assert psp.world.owner("worldline.order", kept[0]) == kept[0]


async def test_what_waits_for_its_capture_or_its_shopper_stays_whatever_its_age() -> None:
    psp = await shop()
    authorised = await psp.authorised()
    waiting = await psp.checkout(eur(12_000), timeout=timedelta(days=20_000))
    for _ in range(40):
        await finished(psp)
    assert {authorised, waiting} <= set(orders(psp))


async def test_what_was_forgotten_stays_forgotten_when_the_events_are_read_again() -> None:
    psp = await shop()
    for _ in range(30):
        await finished(psp)
    again = Shop(scenario(), store=psp.store, name=psp.world.name)
    await again.world.restore()
    assert orders(again) == orders(psp)
    assert again.world.ledger.balances() == psp.world.ledger.balances(), "money is not forgotten"


async def test_a_server_keeps_as_many_as_it_is_told(tmp_path: Path) -> None:
    async with running(Settings(keep_finished=KEEP, journal_entries=7, journal_bytes=70)) as server:
        world: World = server.sandboxes.get(DEFAULT).world
        assert world.retention is not None
        assert world.retention._keep == KEEP
        assert (world.journal.most, world.journal._max_body_bytes) == (7, 70)


async def test_a_journal_in_a_file_is_as_long_as_it_may_be_however_often_a_server_ends(tmp_path: Path) -> None:
    """A server that lives for less than a thousand entries never comes to trim the file by itself."""
    settings = Settings(state=str(tmp_path / "state.db"), journal_entries=12)
    for life in range(4):
        async with running(settings) as server:
            world: World = server.sandboxes.get(DEFAULT).world
            if life:
                assert len(world.journal) == len(await world.store.noted(DEFAULT, 9_000)) == 12
            for _ in range(9):
                world.journal.add(world.clock.now(), "clock", "", "moved", "", 0, None)


async def test_a_start_with_a_lower_bound_takes_all_bodies_above_it_out_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few lines may wait to be written."""
    monkeypatch.setattr(store_sqlite, "_UNWRITTEN", 4)
    monkeypatch.setattr(journal, "_TRIM_AFTER", 3)
    state = str(tmp_path / "state.db")
    async with running(Settings(state=state)) as server, ClientSession() as session:
        for _ in range(20):
            assert (await session.post(f"{server.url}/v72/payments", data="x" * 1_000)).status == 401
    async with running(Settings(state=state, journal_bytes=0)) as server:
        server.sandboxes.store.flush()
        noted = await server.sandboxes.store.noted(DEFAULT, 9_000)
    requests = [line.entry.data for line in noted if line.entry.kind == "request"]
    assert [each.weight for each in requests] == [0] * 20


async def test_bodies_that_a_journal_lets_go_do_not_stay_in_its_file(tmp_path: Path) -> None:
    settings = Settings(state=str(tmp_path / "state.db"), journal_bytes=5_000)
    for life in range(2):
        async with running(settings) as server, ClientSession() as session:
            world: World = server.sandboxes.get(DEFAULT).world
            for number in range(10):
                sent = session.post(f"{server.url}/v72/payments", data=f"{life}{number}".ljust(1_000, "x"))
                assert (await sent).status == 401
            noted = await world.store.noted(DEFAULT, 9_000)
            requests = [line.entry.data for line in noted if line.entry.kind == "request"]
            assert sum(each.weight for each in requests) <= 5_000
            kept = [each.body[:2] for each in requests if each.body]
            assert kept == [b"%d%d" % (life, number) for number in range(10 - len(kept), 10)] != []
            assert world.journal.bodies_dropped == len(requests) - len(kept)
