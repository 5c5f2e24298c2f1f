"""Which sandboxes there are survives the end of a process, and does not grow with those that are no more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mockpsp.scenario.model import Scenario
from mockpsp.settings import Settings
from mockpsp.testing.server import running
from mockpsp.world import records, register
from mockpsp.world.checkpoint import Kept
from mockpsp.world.register import REGISTER, Register
from mockpsp.world.store import NotKept
from mockpsp.world.store_sqlite import SqliteStore
from tests.world.belfry import START
from tests.world.test_checkpoint import Rows

ONE, OTHER = (Scenario(name=name, title=name, seed=7, clock=START) for name in ("one", "other"))


def told(each: Register) -> Any:
    return each.opened, {id: each.told[id] for id in each.opened}, each.numbers, each.version


class Reader:
    """A process that hears of changes now and then."""

    def __init__(self, store: Any) -> None:
        self.register = Register()
        self.store = store

    async def listen(self) -> None:
        for change in await self.register.news(self.store):
            self.register.learn(change)


@given(
    st.lists(st.tuples(st.sampled_from(["open", "drop", "reset", "tell", "listen"]), st.integers(0, 9)), max_size=60),
    st.integers(1, 6),
)
def test_whoever_listens_and_whenever_knows_the_same(happening: list[tuple[str, int]], between: int) -> None:

    async def live() -> None:
        store = Forgetful()
        writer, now_and_then = Register(), Reader(store)
        for number, (what, which) in enumerate(happening):
            if what == "listen":
                await now_and_then.listen()
                assert told(now_and_then.register) == told(writer)
                continue
            change = _change(what, sorted(writer.opened), which, number)
            if change is None:
                continue
            await store.append(REGISTER, writer.version, [change])
            writer.learn(change)
            await writer.put_away(store)
        late = Reader(store)
        for each in (now_and_then, late):
            await each.listen()
            assert told(each.register) == told(writer)

    before, register.CHANGES_BETWEEN = register.CHANGES_BETWEEN, between
    try:
        asyncio.run(live())
    finally:
        register.CHANGES_BETWEEN = before


def _change(what: str, there: list[str], which: int, number: int) -> Any:
    if what == "open":
        return records.SandboxOpened(f"s{which}" if f"s{which}" not in there else f"s{number + 10}",
                                     (ONE, OTHER)[which % 2], None, None,
                                     START.replace(microsecond=number))  # fmt: skip
    if not there:
        return None
    id = there[which % len(there)]
    if what == "drop":
        return records.SandboxDropped(id)
    kind = records.SandboxReset if what == "reset" else records.SandboxTold
    return kind(id, (ONE, OTHER)[which % 2])


class Forgetful(Rows):
    """Lets go of events as a file does."""

    async def read(self, sandbox: str, since: int) -> Any:
        if since < self._bases.get(sandbox, 0):
            raise NotKept("kept no more")
        return await super().read(sandbox, since)


async def test_what_others_put_away_while_one_reads_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between what is kept and what was told since, another process may put both away."""
    monkeypatch.setattr(register, "CHANGES_BETWEEN", 1)
    writer = Register()

    class Busy(Forgetful):
        left = 0

        async def kept(self, sandbox: str) -> Kept:
            found = await super().kept(sandbox)
            if self.left:
                self.left -= 1
                await open_one()
            return found

    store = Busy()

    async def open_one() -> None:
        opened = records.SandboxOpened(f"s{writer.numbers + 1}", ONE, None, None, START)
        await store.append(REGISTER, writer.version, [opened])
        writer.learn(opened)
        await writer.put_away(store)

    reader = Reader(store)
    await open_one()
    await reader.listen()
    await open_one()
    store.left = 3
    await reader.listen()
    assert told(reader.register) == told(writer)
    assert writer.numbers == 5


async def test_a_file_does_not_grow_with_sandboxes_that_are_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "CHANGES_BETWEEN", 10)
    settings = Settings(state=str(tmp_path / "state.db"))
    async with running(settings) as server:
        kept = await server.sandboxes.create(replace(ONE, seed=11))
        for _ in range(60):
            made = await server.sandboxes.create(ONE)
            await server.sandboxes.drop(made.id)
        await server.sandboxes.reset(kept.id)
    async with running(settings) as server:
        assert [each.id for each in server.sandboxes.all()] == ["default", kept.id]
        again = server.sandboxes.get(kept.id)
        assert (again.created, again.credentials) == (kept.created, kept.credentials)
        assert again.world.scenario.seed == 11
        assert (await server.sandboxes.create(ONE)).id == "s62", "ids are not given twice"
    store = SqliteStore(tmp_path / "state.db")
    count = "SELECT (SELECT count(*) FROM events WHERE sandbox = ?), (SELECT count(*) FROM kept WHERE sandbox = ?)"
    events, rows = store._connection.execute(count, (REGISTER, REGISTER)).fetchone()
    store.close()
    assert events < 10
    assert rows <= 4
