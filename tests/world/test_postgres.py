"""A database of sandboxes: whose it is, what it takes, and what it says when it cannot be used."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from mockpsp.settings import without_password
from mockpsp.world.store import BadState, Conflict, NotKept, StoreFailed
from tests.support.postgres import Postgres

pytest.importorskip("asyncpg", reason="the extra 'postgres' is not installed")

from mockpsp.world import store_postgres
from mockpsp.world.store_postgres import FORMAT, PostgresStore


def name_of(database: str) -> str:
    return database.rpartition("/")[2]


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    stores = PostgresStore(database), PostgresStore(database)
    for each in stores:
        await each.open()
    yield stores
    for each in stores:
        await each.end()


async def test_a_turn_is_written_whole_at_its_end(two: tuple[PostgresStore, PostgresStore]) -> None:
    here, there = two
    turn = await here.take("s1")
    here.begin(turn)
    assert await here.append("s1", 0, ["a"]) == 1
    with pytest.raises(Conflict, match="s1 is at version 1, not 0"):
        await here.append("s1", 0, ["b"])
    here.note("s1", 1, "one")
    assert list(await there.read("s1", 0)) == []
    await here.write(turn, None)
    assert list(await there.read("s1", 0)) == ["a"]
    assert list(await there.noted("s1", 9_000)) == ["one"]
    here.pause(turn)
    await here.release(turn)


async def test_who_comes_next_is_told_what_is_new(two: tuple[PostgresStore, PostgresStore]) -> None:
    here, there = two
    first = await here.take("s1")
    here.begin(first)
    await here.append("s1", 0, ["a", "b"])
    here.note("s1", 1, "one")
    await here.write(first, None)
    here.pause(first)
    waiting = asyncio.create_task(there.take("s1"))
    await here.release(first)
    second = await waiting
    assert (second.version, second.number) == (2, 1)
    assert await there.news(second, 1, 0, 9) == (["b"], ["one"])
    await there.release(second)


async def test_a_turn_that_was_lost_changes_nothing(two: tuple[PostgresStore, PostgresStore]) -> None:
    """Its owner stood still for so long that the database gave the turn to another process."""
    here, there = two
    for since, word in ((0, "begins"), (1, "goes on")):
        lost = await here.take("s1")
        here.begin(lost)
        await here.append("s1", since, ["never"])
        here.pause(lost)
        await here.release(lost)
        won = await there.take("s1")
        there.begin(won)
        await there.append("s1", since, [word])
        await there.write(won, None)
        there.pause(won)
        await there.release(won)
        lost.connection = await here._connect()
        with pytest.raises(Conflict, match="changed by another process"):
            await here.write(lost, None)
        await lost.connection.close()
    assert list(await there.read("s1", 0)) == ["begins", "goes on"]


async def test_one_process_leads_until_it_gives_up_or_is_not_heard_of(
    two: tuple[PostgresStore, PostgresStore], postgres: Postgres, database: str
) -> None:
    here, there = two
    await here.append("s1", 0, ["a"])
    assert await here.lease("s1")
    assert not await there.lease("s1")
    assert await here.lease("s1")
    assert await here.renew() == {"s1"}
    await here.give_up("s1", None)
    assert await there.lease("s1")
    assert not await here.lease("s1")
    postgres.sql("UPDATE mockpsp.sandboxes SET until = now() - interval '1 s', due = now() - interval '1 h'",
                 name_of(database))  # fmt: skip
    assert await there.renew() == set()
    assert await here.overdue() == ["s1"]
    assert await here.lease("s1")
    assert await here.overdue() == []


async def test_a_name_is_kept_by_one_process(two: tuple[PostgresStore, PostgresStore]) -> None:
    here, there = two
    assert await here.claim("s1", "key")
    assert not await there.claim("s1", "key")
    assert await there.claim("s2", "key")
    await here.disclaim("s1", "key")
    assert await there.claim("s1", "key")


async def test_what_a_process_kept_is_free_when_it_ends(database: str) -> None:
    here, there = PostgresStore(database), PostgresStore(database)
    await here.open()
    await there.open()
    await here.append("s1", 0, ["a"])
    assert await here.claim("s1", "key")
    assert await here.lease("s1")
    await here.end()
    assert await there.lease("s1")
    assert await there.claim("s1", "key")
    await there.end()


async def test_a_newer_database_is_refused(database: str, postgres: Postgres) -> None:
    store = PostgresStore(database)
    await store.open()
    await store.end()
    postgres.sql(f"UPDATE mockpsp.about SET format = {FORMAT + 1}", name_of(database))
    with pytest.raises(BadState, match=rf"newer version of mockpsp \(format {FORMAT + 1}"):
        await PostgresStore(database).open()


async def test_a_process_that_still_runs_when_a_newer_one_starts_writes_nothing_more(
    two: tuple[PostgresStore, PostgresStore], postgres: Postgres, database: str
) -> None:
    here, there = two
    turns = [await here.take("s1"), await there.take("s2")]
    here.begin(turns[0])
    await here.append("s1", 0, ["begins"])
    await here.write(turns[0], None)
    await here.append("s1", 1, ["goes on"])
    there.begin(turns[1])
    await there.append("s2", 0, ["begins too late"])
    postgres.sql(f"UPDATE mockpsp.about SET format = {FORMAT + 1}", name_of(database))
    for store, turn in zip(two, turns, strict=True):
        with pytest.raises(StoreFailed, match=f"brought up to format {FORMAT + 1} by another version"):
            await store.write(turn, None)
        store.pause(turn)
        await store.release(turn)
        with pytest.raises(StoreFailed, match="end this process"):
            await store.take("s3")
    assert (await here.read("s1", 0), await here.read("s2", 0)) == (["begins"], [])


async def test_nothing_of_a_deleted_sandbox_is_written_by_a_turn_that_ends_later(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    here, there = two
    turn = await here.take("s1")
    here.begin(turn)
    await here.append("s1", 0, ["an event"])
    await here.checkpoint("s1", 1, [(("is", 1), "one")])
    here.note("s1", 1, "a line")
    turn.forgo()
    assert not turn.used
    await here.write(turn, None)
    here.pause(turn)
    await here.release(turn)
    assert (await there.read("s1", 0), await there.kept("s1"), await there.noted("s1", 9)) == ([], (0, []), [])


async def test_an_older_database_is_brought_up_step_by_step(
    database: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(database)
    await store.open()
    await store.append("s1", 0, ["a"])
    await store.end()
    steps = {FORMAT: "CREATE TABLE mockpsp.more (a INTEGER)", FORMAT + 1: "INSERT INTO mockpsp.more VALUES (7)"}
    monkeypatch.setattr(store_postgres, "_STEPS", steps)
    monkeypatch.setattr(store_postgres, "FORMAT", FORMAT + 2)
    again = PostgresStore(database)
    await again.open()
    assert list(await again.read("s1", 0)) == ["a"]
    await again.end()
    assert postgres.sql("SELECT format FROM mockpsp.about", name_of(database)) == str(FORMAT + 2)
    assert postgres.sql("SELECT a FROM mockpsp.more", name_of(database)) == "7"


async def test_a_database_without_checkpoints_is_brought_up(database: str, postgres: Postgres) -> None:
    """As version 1 of the format was."""
    store = PostgresStore(database)
    await store.open()
    await store.append("s1", 0, ["a"])
    await store.end()
    back = "DROP TABLE mockpsp.kept; ALTER TABLE mockpsp.sandboxes DROP COLUMN base, DROP COLUMN gone"
    postgres.sql(f"{back}; UPDATE mockpsp.about SET format = 1", name_of(database))
    again = PostgresStore(database)
    await again.open()
    await again.checkpoint("s1", 1, [(("is",), "so")])
    assert await again.kept("s1") == (1, [(("is",), "so")])
    await again.end()


async def test_several_checkpoints_of_one_turn_are_one(two: tuple[PostgresStore, PostgresStore]) -> None:
    """A clock that is moved far ahead does the work of thousands of events in one turn."""
    here, there = two
    turn = await here.take("s1")
    here.begin(turn)
    await here.append("s1", 0, ["a"])
    await here.checkpoint("s1", 1, [(("is", 1), "one"), (("is", 2), "two"), (("is", 3), "three"), (("is", 4), None)])
    await here.append("s1", 1, ["b"])
    await here.checkpoint("s1", 2, [(("is", 1), None), (("is", 2), None), (("is", 2), "last"), (("is", 3), 3)])
    await here.append("s1", 2, ["c"])
    await here.checkpoint("s1", 3, [(("is", 4), 4)])
    await here.write(turn, None)
    here.pause(turn)
    await here.release(turn)
    assert await there.kept("s1") == (3, [(("is", 3), 3), (("is", 2), "last"), (("is", 4), 4)])


async def test_events_stay_a_while_for_those_who_follow_by_them(
    two: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_postgres, "LEEWAY_EVENTS", 2)
    here, there = two
    await here.append("s1", 0, ["a", "b", "c"])
    turn = await here.take("s1")
    here.begin(turn)
    await here.append("s1", 3, ["d"])
    await here.checkpoint("s1", 4, [(("is",), "so")])
    await here.append("s1", 4, ["e"])
    assert (await there.kept("s1")).version == 0, "it is written with the turn"
    await here.write(turn, None)
    here.pause(turn)
    await here.release(turn)
    assert list(await there.read("s1", 2)) == ["c", "d", "e"]
    with pytest.raises(NotKept, match="'s1' are kept no more"):
        await there.read("s1", 1)
    turn = await there.take("s1")
    assert (turn.version, turn.base, turn.gone) == (5, 4, 2)
    assert await there.kept_in(turn) == (4, [(("is",), "so")])
    await there.release(turn)


async def test_a_schema_of_others_is_refused_and_left_alone(database: str, postgres: Postgres) -> None:
    postgres.sql("CREATE SCHEMA mockpsp; CREATE TABLE mockpsp.customers (name TEXT)", name_of(database))
    with pytest.raises(BadState, match="schema mockpsp of another program"):
        await PostgresStore(database).open()
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'mockpsp'"
    assert postgres.sql(tables, name_of(database)) == "1"


async def test_processes_that_start_at_once_make_the_tables_once(database: str) -> None:
    stores = [PostgresStore(database) for _ in range(4)]
    await asyncio.gather(*(each.open() for each in stores))
    assert len({each.me for each in stores}) == 4
    for each in stores:
        await each.end()


async def test_an_event_of_another_version_is_named(database: str, postgres: Postgres) -> None:
    store = PostgresStore(database)
    await store.open()
    postgres.sql(r"INSERT INTO mockpsp.events VALUES ('s1', 1, '\xc1')", name_of(database))
    with pytest.raises(BadState, match="item 1 of sandbox 's1' cannot be read"):
        await store.read("s1", 0)
    await store.end()


@pytest.mark.parametrize("address", ["postgresql://me:secret@127.0.0.1:1/x", "postgresql://me:secret@[::1/x"])
async def test_a_server_that_is_not_there_is_named_without_the_password(address: str) -> None:
    with pytest.raises((BadState, ValueError)) as told:
        await PostgresStore(address).open()
    assert "secret" not in str(told.value)


async def test_who_is_not_let_in_is_told(postgres: Postgres) -> None:
    with pytest.raises(BadState, match='database "nowhere" does not exist; is the server there'):
        await PostgresStore(f"postgresql://mockpsp@127.0.0.1:{postgres.port}/nowhere").open()


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.delitem(sys.modules, "mockpsp.world.store_postgres")
    with pytest.raises(BadState, match=r'pip install "mockpsp\[postgres\]"'):
        __import__("mockpsp.world.store_postgres")


def test_passwords_are_not_shown() -> None:
    assert without_password("postgresql://me:secret@db:5432/x?y=1") == "postgresql://me:***@db:5432/x?y=1"
    assert without_password("postgresql://me@db/x") == "postgresql://me@db/x"
    assert without_password("team:db@x.db") == "team:db@x.db"
