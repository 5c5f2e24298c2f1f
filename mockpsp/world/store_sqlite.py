"""Sandboxes in one file: SQLite with a write-ahead log. What was answered survives the end of the process.

Each append is one transaction. The log is synced at checkpoints, not at each commit: a killed process loses nothing,
a machine that loses its power may lose the latest moments, and never more than that. One process at a time has the
file; it keeps it locked while it runs.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mockpsp.world.checkpoint import Kept, Key
from mockpsp.world.codec import Unreadable, decode, encode
from mockpsp.world.store import BadState, Conflict, NotKept, StoreFailed

FORMAT = 2
"""Of the tables, and of what is in them. A file with a lower number is brought up to this one."""
_MARK = 0x6D707370  # "mpsp", SQLite's application id
_CHECKPOINTS = """
CREATE TABLE checkpoints (sandbox TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE kept (place INTEGER PRIMARY KEY, sandbox TEXT NOT NULL, key BLOB NOT NULL, data BLOB NOT NULL,
                   UNIQUE (sandbox, key));
"""
_TABLES = f"""
CREATE TABLE events (sandbox TEXT NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL,
                     PRIMARY KEY (sandbox, version)) WITHOUT ROWID;
CREATE TABLE journal (sandbox TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL,
                      PRIMARY KEY (sandbox, number)) WITHOUT ROWID;
{_CHECKPOINTS}
"""


def _run(script: str) -> Callable[[sqlite3.Connection], None]:
    def step(connection: sqlite3.Connection) -> None:
        for statement in script.split(";"):  # executescript would commit before the first one
            connection.execute(statement)

    return step


_STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _run(_CHECKPOINTS)}
"""What brings a file of one format to the next, by the format that it has."""
_UNWRITTEN = 10_000
_LATER_SECONDS = 0.1
_LINES = "INSERT OR REPLACE INTO journal VALUES (?, ?, ?)"
_KEEP = (
    "INSERT INTO kept (sandbox, key, data) VALUES (?, ?, ?) "
    "ON CONFLICT (sandbox, key) DO UPDATE SET data = excluded.data"
)
log = logging.getLogger("mockpsp.store")


class SqliteStore:
    """See Store. Raises BadState when the file cannot be used; the message says why and what to do."""

    durable = True
    waits = False
    shared = False

    def __init__(self, file: Path) -> None:
        self._file = file
        self._versions: dict[str, int] = {}
        self._lines: dict[tuple[str, int], Any] = {}
        self._closed = False
        self._connection = _connected(file)

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        """See Store. Raises StoreFailed when the file takes no more; then nothing was added."""
        current = self._version(sandbox)
        if current != expected_version:
            raise Conflict(f"{sandbox} is at version {current}, not {expected_version}")
        rows = [(sandbox, number, encode(event)) for number, event in enumerate(events, current + 1)]
        with self._transaction() as connection:
            connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
            connection.executemany(_LINES, self._rows())
        self._lines.clear()
        self._versions[sandbox] = current + len(rows)
        return current + len(rows)

    def _version(self, sandbox: str) -> int:
        known = self._versions.get(sandbox)
        if known is None:
            found = self._connection.execute("SELECT max(version) FROM events WHERE sandbox = ?", (sandbox,))
            known = self._versions[sandbox] = found.fetchone()[0] or self._checkpoint(sandbox)
        return known

    def _checkpoint(self, sandbox: str) -> int:
        found = self._connection.execute("SELECT version FROM checkpoints WHERE sandbox = ?", (sandbox,)).fetchone()
        return found[0] if found is not None else 0

    async def read(self, sandbox: str, since: int) -> Sequence[Any]:
        """See Store. Raises BadState for events that this version cannot read."""
        if since < self._checkpoint(sandbox):
            raise NotKept(f"{self._file}: the first events of sandbox {sandbox!r} are kept no more")
        asked = "SELECT version, data FROM events WHERE sandbox = ? AND version > ? ORDER BY version"
        return [self._read(sandbox, number, data) for number, data in self._connection.execute(asked, (sandbox, since))]

    async def checkpoint(self, sandbox: str, version: int, rows: Sequence[tuple[Key, Any]]) -> None:
        """See Store."""
        told = [(sandbox, encode(key), None if value is None else encode(value)) for key, value in rows]
        with self._transaction() as connection:
            gone = [(sandbox, key) for _, key, data in told if data is None]
            connection.executemany("DELETE FROM kept WHERE sandbox = ? AND key = ?", gone)
            connection.executemany(_KEEP, [row for row in told if row[2] is not None])
            connection.execute("DELETE FROM events WHERE sandbox = ? AND version <= ?", (sandbox, version))
            connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", (sandbox, version))

    async def kept(self, sandbox: str) -> Kept:
        """See Store. Raises BadState for rows that this version cannot read."""
        asked = "SELECT place, key, data FROM kept WHERE sandbox = ? ORDER BY place"
        rows = [
            (self._read(sandbox, place, key), self._read(sandbox, place, data))
            for place, key, data in self._connection.execute(asked, (sandbox,))
        ]
        return Kept(self._checkpoint(sandbox), rows)

    async def drop(self, sandbox: str) -> None:
        """See Store."""
        self._lines = {place: line for place, line in self._lines.items() if place[0] != sandbox}
        with self._transaction() as connection:
            for table in ("events", "journal", "kept", "checkpoints"):
                connection.execute(f"DELETE FROM {table} WHERE sandbox = ?", (sandbox,))  # noqa: S608 - names of ours
        self._versions.pop(sandbox, None)

    def note(self, sandbox: str, number: int, line: Any) -> None:
        """See Store."""
        if not self._lines:
            self._write_soon()
        self._lines[sandbox, number] = line
        if len(self._lines) > _UNWRITTEN:
            self._lines.pop(next(iter(self._lines)))

    def _write_soon(self) -> None:
        """What nobody waits for, such as the delivery of a webhook, is written a little later."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nothing runs beside us: whoever notes something flushes
            return
        loop.call_later(_LATER_SECONDS, self.flush)

    def flush(self) -> None:
        """See Store. What cannot be written now is tried again with what comes next."""
        if not self._lines or self._closed:
            return
        try:
            with self._transaction() as connection:
                connection.executemany(_LINES, self._rows())
        except StoreFailed as error:
            log.warning("the journal is not written: %s", error)
            return
        self._lines.clear()

    def forget(self, sandbox: str, up_to: int) -> None:
        """See Store."""
        try:
            with self._transaction() as connection:
                connection.execute("DELETE FROM journal WHERE sandbox = ? AND number <= ?", (sandbox, up_to))
        except StoreFailed as error:
            log.warning("the journal is not trimmed: %s", error)

    async def noted(self, sandbox: str, latest: int) -> Sequence[Any]:
        """See Store."""
        asked = "SELECT number, data FROM journal WHERE sandbox = ? ORDER BY number DESC LIMIT ?"
        rows = self._connection.execute(asked, (sandbox, latest)).fetchall()
        return [self._read(sandbox, number, data) for number, data in reversed(rows)]

    def close(self) -> None:
        """See Store."""
        self.flush()
        self._closed = True
        self._connection.close()

    def _rows(self) -> list[tuple[str, int, bytes]]:
        return [(*place, encode(line)) for place, line in self._lines.items()]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._connection:
                yield self._connection
        except sqlite3.Error as error:
            raise StoreFailed(f"{self._file}: {error}") from error

    def _read(self, sandbox: str, number: int, data: bytes) -> Any:
        try:
            return decode(data)
        except Unreadable as error:
            raise BadState(
                f"{self._file}: item {number} of sandbox {sandbox!r} cannot be read: {error}. It was written by "
                "another version of mockpsp, or the file is damaged; start with another file, or with the version that "
                "wrote it"
            ) from error


def _connected(file: Path) -> sqlite3.Connection:
    with suppress(OSError):  # what is wrong with the place, SQLite tells as well
        file.touch(mode=0o600)  # requests are in it as they came; a file that is there keeps its mode
    try:
        connection = sqlite3.connect(file, timeout=1.0, check_same_thread=False)
    except sqlite3.Error as error:
        raise BadState(f"{file}: {error}; is there such a folder, and may you write there?") from error
    try:
        _prepare(file, connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" in str(error):
            raise BadState(f"{file} is in use by another process; end it, or choose another file") from error
        raise BadState(f"{file}: {error}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise BadState(f"{file} is damaged, or is no SQLite file at all: {error}") from error
    except BadState:
        connection.close()
        raise
    return connection


def _prepare(file: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    connection.rollback()
    mark, version = (_pragma(connection, name) for name in ("application_id", "user_version"))
    empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if empty and not mark:
        _create(connection)
    elif mark != _MARK:
        raise BadState(f"{file} is a database of another program; choose another file")
    elif version > FORMAT:
        raise BadState(
            f"{file} was written by a newer version of mockpsp (format {version}, this one reads up to {FORMAT}); "
            "update mockpsp, or choose another file"
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    trouble = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if trouble != "ok":
        raise BadState(f"{file} is damaged: {trouble}")
    for step in range(version or FORMAT, FORMAT):
        with connection:
            connection.execute("BEGIN")
            _STEPS[step](connection)
            connection.execute(f"PRAGMA user_version = {step + 1}")


def _create(connection: sqlite3.Connection) -> None:
    connection.executescript(
        f"BEGIN; {_TABLES} PRAGMA application_id = {_MARK}; PRAGMA user_version = {FORMAT}; COMMIT;"
    )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    found: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return found


__all__ = ["FORMAT", "SqliteStore"]
