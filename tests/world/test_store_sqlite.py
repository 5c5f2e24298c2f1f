"""A file of sandboxes: what it takes and gives back, and what it says when it cannot be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockpsp.world.codec import encode
from mockpsp.world.store import BadState, NotKept, StoreFailed
from mockpsp.world.store_sqlite import FORMAT, SqliteStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(file)
    yield opened
    opened.close()


async def test_another_process_finds_it(file: Path) -> None:
    first = SqliteStore(file)
    await first.append("s1", 0, [{"a": (1, 2)}])
    first.note("s1", 1, "one")
    first.note("s1", 2, "two")
    first.note("s1", 1, "one, and its answer")
    first.note("s2", 1, "other")
    first.flush()
    first.note("s1", 3, "three")
    first.close()
    second = SqliteStore(file)
    assert list(await second.read("s1", 0)) == [{"a": (1, 2)}]
    assert await second.append("s1", 1, ["b"]) == 2
    assert list(await second.noted("s1", 9_000)) == ["one, and its answer", "two", "three"]
    assert list(await second.noted("s1", 2)) == ["two", "three"]
    second.forget("s1", 2)
    assert list(await second.noted("s1", 9_000)) == ["three"]
    second.note("s1", 4, "never written")
    await second.drop("s1")
    second.flush()
    assert list(await second.noted("s1", 9_000)) == []
    assert list(await second.noted("s2", 9_000)) == ["other"]
    second.close()


async def test_a_full_disk_changes_nothing(store: SqliteStore) -> None:
    await store.append("s1", 0, ["a"])
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFailed, match="full"):
        await store.append("s1", 1, ["b" * 100_000])
    store.note("s1", 1, "x" * 100_000)
    store.flush()
    assert list(await store.read("s1", 0)) == ["a"]
    store._connection.execute("PRAGMA max_page_count = 1000000")
    assert await store.append("s1", 1, ["c"]) == 2
    store.flush()
    assert list(await store.noted("s1", 9_000)) == ["x" * 100_000], "what could not be written is tried again"


def test_only_one_process_has_it(file: Path, store: SqliteStore) -> None:
    with pytest.raises(BadState, match="in use by another process"):
        SqliteStore(file)


def test_a_newer_file_is_refused(file: Path) -> None:
    SqliteStore(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    with pytest.raises(BadState, match=rf"newer version of mockpsp \(format {FORMAT + 1}"):
        SqliteStore(file)


async def test_a_file_without_checkpoints_is_brought_up(file: Path) -> None:
    """As version 1 of the format was."""
    with sqlite3.connect(file) as connection:
        connection.executescript(f"""
            CREATE TABLE events (sandbox TEXT NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL,
                                 PRIMARY KEY (sandbox, version)) WITHOUT ROWID;
            CREATE TABLE journal (sandbox TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL,
                                  PRIMARY KEY (sandbox, number)) WITHOUT ROWID;
            INSERT INTO events VALUES ('s1', 1, x'{encode("a").hex()}');
            PRAGMA application_id = {0x6D707370};
            PRAGMA user_version = 1;
        """)
    connection.close()
    store = SqliteStore(file)
    assert list(await store.read("s1", 0)) == ["a"]
    await store.checkpoint("s1", 1, [(("is",), "so")])
    store.close()
    again = SqliteStore(file)
    assert await again.kept("s1") == (1, [(("is",), "so")])
    with pytest.raises(NotKept, match="'s1' are kept no more"):
        await again.read("s1", 0)
    assert list(await again.read("s1", 1)) == []
    assert await again.append("s1", 1, ["b"]) == 2
    again.close()


async def test_a_full_disk_takes_no_checkpoint_and_keeps_the_events(store: SqliteStore) -> None:
    await store.append("s1", 0, ["a"])
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFailed, match="full"):
        await store.checkpoint("s1", 1, [(("is",), "x" * 100_000)])
    assert await store.kept("s1") == (0, [])
    assert list(await store.read("s1", 0)) == ["a"]


def test_a_database_of_others_is_refused_and_left_alone(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(BadState, match="another program"):
        SqliteStore(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at" * 40, b"short"])
def test_what_is_no_database_is_refused_and_left_alone(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(BadState, match="damaged"):
        SqliteStore(file)
    assert file.read_bytes() == content


def spoil(file: Path) -> None:
    """Overwrite the beginning of each page but the first and the last."""
    content = bytearray(file.read_bytes())
    for page in range(4096, len(content) - 4096, 4096):
        content[page : page + 64] = b"\xff" * 64
    file.write_bytes(bytes(content))


async def test_a_damaged_page_is_noticed_at_the_start(file: Path) -> None:
    store = SqliteStore(file)
    await store.append("s1", 0, [f"{number}" * 500 for number in range(200)])
    store.close()
    spoil(file)
    with pytest.raises(BadState, match="damaged"):
        SqliteStore(file)


async def test_an_event_of_another_version_is_named(file: Path) -> None:
    store = SqliteStore(file)
    store._connection.execute("INSERT INTO events VALUES ('s1', 1, ?)", (b"\xc1",))
    with pytest.raises(BadState, match="item 1 of sandbox 's1' cannot be read"):
        await store.read("s1", 0)
    store.close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadState, match="is there such a folder"):
        SqliteStore(tmp_path / "none" / "state.db")
