"""What every store promises: in memory, in a file, in a database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mockpsp.world.store import Conflict, MemoryStore, Store
from mockpsp.world.store_sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "postgres":
        from mockpsp.world.store_postgres import PostgresStore

        database = PostgresStore(request.getfixturevalue("database"))
        await database.open()
        yield database
        await database.end()
        return
    store = MemoryStore() if request.param == "memory" else SqliteStore(request.getfixturevalue("state_file"))
    yield store
    store.close()


async def test_it_takes_all_events_or_none(store: Store) -> None:
    assert await store.append("s1", 0, ["a", "b"]) == 2
    with pytest.raises(Conflict, match="s1 is at version 2, not 0"):
        await store.append("s1", 0, ["c"])
    with pytest.raises(Conflict, match="s1 is at version 2, not 3"):
        await store.append("s1", 3, ["c"])
    assert list(await store.read("s1", 0)) == ["a", "b"]
    assert list(await store.read("s1", 1)) == ["b"]
    assert await store.append("s1", 2, ["c", ("d", 1)]) == 4
    assert list(await store.read("s1", 2)) == ["c", ("d", 1)]


async def test_what_cannot_be_kept_beyond_the_process_is_refused_whole(store: Store) -> None:
    if not store.durable:
        return
    with pytest.raises(TypeError):
        await store.append("s1", 0, ["c", object()])
    assert list(await store.read("s1", 0)) == []
    assert await store.append("s1", 0, ["d"]) == 1


async def test_streams_do_not_know_each_other(store: Store) -> None:
    await store.append("s1", 0, ["a"])
    await store.append("/sandboxes", 0, ["b"])
    assert list(await store.read("s2", 0)) == []
    assert list(await store.read("/sandboxes", 0)) == ["b"]
    await store.drop("s1")
    assert list(await store.read("/sandboxes", 0)) == ["b"]


async def test_a_dropped_stream_begins_anew(store: Store) -> None:
    await store.append("s1", 0, ["a", "b"])
    await store.drop("s1")
    await store.drop("s1")
    assert list(await store.read("s1", 0)) == []
    assert await store.append("s1", 0, ["new"]) == 1


async def test_a_checkpoint_takes_the_place_of_events(store: Store) -> None:
    if not store.durable:
        return
    assert await store.kept("s1") == (0, [])
    await store.append("s1", 0, ["a", "b", "c"])
    await store.append("s2", 0, ["x"])
    await store.checkpoint("s1", 3, [(("is", 1), "one"), (("is", 2), ("two",)), (("is", 3), None)])
    assert await store.kept("s1") == (3, [(("is", 1), "one"), (("is", 2), ("two",))])
    assert await store.append("s1", 3, ["d"]) == 4
    assert list(await store.read("s1", 3)) == ["d"]
    await store.checkpoint("s1", 4, [(("is", 1), None), (("is", 3), 3), (("is", 2), 2), (("is", 1), "last")])
    assert await store.kept("s1") == (4, [(("is", 2), 2), (("is", 3), 3), (("is", 1), "last")])
    with pytest.raises(Conflict, match="s1 is at version 4, not 3"):
        await store.append("s1", 3, ["e"])
    assert (await store.kept("s2"), list(await store.read("s2", 0))) == ((0, []), ["x"])


async def test_a_checkpoint_that_cannot_be_kept_changes_nothing(store: Store) -> None:
    if not store.durable:
        return
    await store.append("s1", 0, ["a"])
    with pytest.raises(TypeError):
        await store.checkpoint("s1", 1, [(("is", 1), "one"), (("is", 2), object())])
    assert await store.kept("s1") == (0, [])
    assert list(await store.read("s1", 0)) == ["a"]


async def test_a_dropped_stream_has_no_checkpoint(store: Store) -> None:
    await store.append("s1", 0, ["a", "b"])
    await store.checkpoint("s1", 2, [(("is", 1), "one")])
    await store.drop("s1")
    found = await store.kept("s1")
    assert (found.version, list(found.rows)) == (0, [])
    assert await store.append("s1", 0, ["new"]) == 1
