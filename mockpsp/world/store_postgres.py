"""Sandboxes in a PostgreSQL database, for several processes at once: one takes its turn after the other.

A turn is exclusive: whoever has it has read what the others did, and what it does is one write. An advisory lock
makes the turns, and the number of turns so far, compared at each write, proves that there was no other one meanwhile:
a process that was held up for so long that it lost its lock changes nothing. ``mockpsp.world.turns`` gives the turns.

As with a file, a killed process loses nothing; a database server that loses its power may lose the latest moments.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import blake2b
from time import monotonic
from typing import Any

from mockpsp.settings import without_password
from mockpsp.world.checkpoint import Kept, Key
from mockpsp.world.codec import Unreadable, decode, encode
from mockpsp.world.store import BadState, Conflict, NotKept, StoreFailed

try:
    import asyncpg
except ImportError as missing:
    raise BadState(
        'a state in PostgreSQL needs a driver that is not installed; run: pip install "mockpsp[postgres]"'
    ) from missing

FORMAT = 2
"""Of the tables, and of what is in them. A database with a lower number is brought up to this one."""
CHANNEL = "mockpsp"
"""Who writes says so here: the sandbox, and the number of the process."""
LEASE_SECONDS = 10
"""A process that is not heard of for so long has lost the right to send a sandbox's webhooks."""
LEEWAY_EVENTS = 4_000
"""A process that is no further behind a checkpoint goes on from where it is, without reading the sandbox anew."""
_OF_SANDBOXES = ("events", "journal", "kept")
_OLDEST = 14
_CONNECTIONS = 8
_CHECKPOINTS = """
ALTER TABLE mockpsp.sandboxes ADD COLUMN base BIGINT NOT NULL DEFAULT 0, ADD COLUMN gone BIGINT NOT NULL DEFAULT 0;
CREATE TABLE mockpsp.kept (
    place BIGINT GENERATED ALWAYS AS IDENTITY, sandbox TEXT NOT NULL, key BYTEA NOT NULL, data BYTEA NOT NULL,
    PRIMARY KEY (sandbox, key));
"""
_TABLES = f"""
CREATE TABLE mockpsp.about (format INTEGER NOT NULL);
CREATE SEQUENCE mockpsp.processes;
CREATE TABLE mockpsp.sandboxes (
    id TEXT PRIMARY KEY, born BIGINT GENERATED ALWAYS AS IDENTITY, turn BIGINT NOT NULL, version BIGINT NOT NULL,
    due TIMESTAMPTZ, owner BIGINT, until TIMESTAMPTZ);
CREATE TABLE mockpsp.events (
    sandbox TEXT NOT NULL, version BIGINT NOT NULL, data BYTEA NOT NULL, PRIMARY KEY (sandbox, version));
CREATE TABLE mockpsp.journal (
    sandbox TEXT NOT NULL, number BIGINT NOT NULL, turn BIGINT NOT NULL, data BYTEA NOT NULL,
    PRIMARY KEY (sandbox, number));
CREATE INDEX ON mockpsp.journal (sandbox, turn);
{_CHECKPOINTS}
"""
_STEPS: Mapping[int, str] = {1: _CHECKPOINTS}
"""What brings a database of one format to the next, by the format that it has."""
_SESSION = {
    "application_name": "mockpsp",
    "synchronous_commit": "off",
    "lock_timeout": "5s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_HEAD = "SELECT born, turn, version, base, gone FROM mockpsp.sandboxes WHERE id = $1"
_TAKEN = "SELECT format, born, turn, version, base, gone FROM mockpsp.about LEFT JOIN mockpsp.sandboxes ON id = $1"
_OURS = f"(SELECT format FROM mockpsp.about) = {FORMAT}"  # noqa: S608 - a number of ours
_ROWS = "SELECT place, key, data FROM mockpsp.kept WHERE sandbox = $1 ORDER BY place"
_KEEP = """
INSERT INTO mockpsp.kept (sandbox, key, data)
SELECT $1, given.key, given.data
FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS given (key, data, place) ORDER BY given.place
ON CONFLICT (sandbox, key) DO UPDATE SET data = excluded.data
"""
_EVENTS = "SELECT version, data FROM mockpsp.events WHERE sandbox = $1 AND version > $2 ORDER BY version"
_LINES = "SELECT number, data FROM mockpsp.journal WHERE sandbox = $1 AND turn > $2 ORDER BY number DESC LIMIT $3"
_WRITE = """
WITH moved AS ({moved} RETURNING born, turn, version),
added AS (
    INSERT INTO mockpsp.events
    SELECT $1, moved.version - $4 + given.place, given.data
    FROM moved, unnest($6::bytea[]) WITH ORDINALITY AS given (data, place)),
told AS (
    INSERT INTO mockpsp.journal
    SELECT $1, given.number, moved.turn, given.data
    FROM moved, unnest($7::bigint[], $8::bytea[]) AS given (number, data)
    ON CONFLICT (sandbox, number) DO UPDATE SET turn = excluded.turn, data = excluded.data)
SELECT born, turn, pg_notify('mockpsp', $9) FROM moved
"""
_DUE = "now() + $5::float8 * interval '1 second'"
_NEXT = _WRITE.format(
    moved=f"UPDATE mockpsp.sandboxes SET turn = turn + 1, version = version + $4::bigint, due = {_DUE} "  # noqa: S608
    f"WHERE id = $1::text AND born = $2::bigint AND turn = $3::bigint AND {_OURS}"
)
_FIRST = _WRITE.format(
    moved="INSERT INTO mockpsp.sandboxes (id, turn, version, due) "
    f"SELECT $1::text, $3::bigint + 1, $4::bigint, {_DUE} WHERE $2::bigint IS NULL AND {_OURS} "
    "ON CONFLICT (id) DO NOTHING"
)
_LEASE = f"""
UPDATE mockpsp.sandboxes SET owner = $2, until = now() + interval '{LEASE_SECONDS} s'
WHERE id = $1 AND (owner IS NULL OR owner = $2 OR until < now()) RETURNING id
"""  # noqa: S608 - a number of ours
_RENEW = f"""
UPDATE mockpsp.sandboxes SET until = now() + interval '{LEASE_SECONDS} s'
WHERE owner = $1 AND until >= now() RETURNING id
"""  # noqa: S608 - a number of ours
_GIVE_UP = """
UPDATE mockpsp.sandboxes SET owner = NULL, until = NULL, due = now() + $3::float8 * interval '1 second'
WHERE id = $1 AND (owner IS NULL OR owner = $2 OR until < now())
"""
_OVERDUE = """
SELECT id FROM mockpsp.sandboxes WHERE due < now() - interval '1 second' AND (owner IS NULL OR until < now())
"""


class Checkpoint:
    """What is to be kept at the end of a turn: several checkpoints that were made in it, as one."""

    __slots__ = ("gone", "rows", "version")

    def __init__(self) -> None:
        self.version = 0
        self.gone: set[bytes] = set()
        self.rows: dict[bytes, bytes] = {}

    def add(self, version: int, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """A later one. A row that went and came again comes behind the others."""
        self.version = version
        for key, data in rows:
            if data is None:
                self.gone.add(key)
                self.rows.pop(key, None)
            else:
                self.rows[key] = data


class Turn:
    """The right to a sandbox, and what is to be written at its end. ``born`` is None where there is nothing yet.

    ``base`` is how many events are in the latest checkpoint, ``gone`` how many of them cannot be read any more.
    """

    __slots__ = ("base", "began", "born", "checkpoint", "connection", "dropped", "events", "forgotten", "gone", "lines",
                 "number", "sandbox", "task", "version")  # fmt: skip

    def __init__(self, sandbox: str, connection: Any, head: Any) -> None:
        self.sandbox = sandbox
        self.connection = connection
        self.born: int | None = None if head is None else head["born"]
        self.number: int = 0 if head is None else head["turn"]
        self.version: int = 0 if head is None else head["version"]
        self.base: int = 0 if head is None else head["base"]
        self.gone: int = 0 if head is None else head["gone"]
        self.began = monotonic()
        self.task: object = None
        self.events: list[bytes] = []
        self.lines: dict[int, Any] = {}
        self.forgotten = 0
        self.dropped = False
        self.checkpoint: Checkpoint | None = None

    @property
    def used(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.events or self.lines or self.dropped or self.checkpoint)

    def keep(self, version: int, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Make a checkpoint at its end."""
        self.checkpoint = self.checkpoint or Checkpoint()
        self.checkpoint.add(version, rows)

    def forgo(self) -> None:
        """Write nothing of what it came to."""
        self.events.clear()
        self.lines.clear()
        self.checkpoint = None


class PostgresStore:
    """See Store. ``open`` it first; raises BadState when the database cannot be used, saying why and what to do."""

    durable = True
    shared = waits = True

    def __init__(self, url: str) -> None:
        self._url = url
        self.shown = without_password(url)
        self.me = 0
        self.guarded = False
        """Whether sandboxes are changed in turns only; streams that begin with a slash are no sandboxes."""
        self._idle: list[Any] = []
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self._side: Any = None
        self._side_lock = asyncio.Lock()
        self._ear: Any = None
        self._turns: dict[str, Turn] = {}
        self._closed = False

    # -- connections -------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, and see that the tables are there and are ours. Raises BadState."""
        try:
            async with self._beside() as connection:
                await _prepare(connection, self.shown)
                self.me = await connection.fetchval("SELECT nextval('mockpsp.processes')")
        except StoreFailed as error:
            raise BadState(f"{error}; is the server there, and may you use it?") from error
        finally:
            if not self.me:
                await self._hang_up()

    async def _connect(self) -> Any:
        return await asyncpg.connect(self._url, server_settings=_SESSION, timeout=5, command_timeout=30)

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
            TimeoutError,
        ) as error:
            raise StoreFailed(f"{self.shown}: {_first_line(error)}") from error

    @asynccontextmanager
    async def _beside(self) -> AsyncIterator[Any]:
        """A connection for what is no part of a turn, one after the other."""
        async with self._side_lock:
            with self._trouble():
                if self._side is None or self._side.is_closed():
                    self._side = await self._connect()
                yield self._side

    async def _line(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def end(self) -> None:
        """Give up what this process was to do, and close all connections."""
        self._closed = True
        try:
            async with self._beside() as connection:
                gone = "UPDATE mockpsp.sandboxes SET owner = NULL, until = NULL WHERE owner = $1"
                await connection.execute(gone, self.me)
        finally:
            await self._hang_up()

    async def _hang_up(self) -> None:
        for each in (*self._idle, self._side, self._ear):
            if each is not None:
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    await each.close(timeout=1)

    def close(self) -> None:
        """See Store. ``end`` has closed it."""

    # -- turns -------------------------------------------------------------------------------------------------------

    async def take(self, sandbox: str) -> Turn:
        """Wait for the sandbox's turn. Raises StoreFailed when others keep it for too long, or nobody answers."""
        await self._room.acquire()
        connection = None
        try:
            with self._trouble():
                connection = await self._line()
                # a process that stops in the middle of its turn loses it
                await connection.execute(f"SET idle_session_timeout = '10s'; SELECT pg_advisory_lock({_key(sandbox)})")
                head = await connection.fetchrow(_TAKEN, sandbox)
            self._check_format(head["format"])
            turn = Turn(sandbox, connection, None if head["born"] is None else head)
        except BaseException:  # a cancellation too: the connection may be in the middle of something
            self._room.release()
            if connection is not None:
                connection.terminate()
            raise
        return turn

    def _check_format(self, found: int) -> None:
        """A newer version that has started since may keep things that this one would pass over, or lose."""
        if found != FORMAT:
            raise StoreFailed(
                f"{self.shown} has been brought up to format {found} by another version of mockpsp, and this one has "
                f"format {FORMAT}: end this process, and start that version"
            )

    def begin(self, turn: Turn) -> None:
        """What the current task appends from now on is part of this turn."""
        turn.task = asyncio.current_task()
        self._turns[turn.sandbox] = turn

    def pause(self, turn: Turn) -> None:
        """No task has it any more."""
        turn.task = None
        self._turns.pop(turn.sandbox, None)

    async def news(self, turn: Turn, version: int, number: int, latest: int) -> tuple[list[Any], list[Any]]:
        """Events above this version, and the latest lines of the journal that were written after turn ``number``."""
        with self._trouble():
            events = await turn.connection.fetch(_EVENTS, turn.sandbox, version)
            lines = await turn.connection.fetch(_LINES, turn.sandbox, number, latest)
        return self._heard(turn.sandbox, events), self._heard(turn.sandbox, lines[::-1])

    async def write(self, turn: Turn, due_seconds: float | None) -> None:
        """All that the turn came to, or nothing. ``due_seconds`` tells when the next work of the sandbox is due.

        Raises Conflict when the turn was lost, StoreFailed when it cannot be known what became of it.
        """
        with self._trouble():
            try:
                if turn.dropped or turn.forgotten or turn.checkpoint:
                    async with turn.connection.transaction():
                        await self._sweep(turn)
                        await self._write(turn, due_seconds)
                        await self._keep(turn)
                else:
                    await self._write(turn, due_seconds)
            except asyncpg.UniqueViolationError as error:
                raise Conflict(f"{turn.sandbox} was changed by another process") from error

    async def _sweep(self, turn: Turn) -> None:
        if not turn.dropped:
            forget = "DELETE FROM mockpsp.journal WHERE sandbox = $1 AND number <= $2"
            await turn.connection.execute(forget, turn.sandbox, turn.forgotten)
            turn.forgotten = 0
            return
        gone = "DELETE FROM mockpsp.sandboxes WHERE id = $1 AND born = $2 AND turn = $3 RETURNING id"
        if turn.born is not None and not await turn.connection.fetch(gone, turn.sandbox, turn.born, turn.number):
            raise Conflict(f"{turn.sandbox} was changed by another process")
        for table in _OF_SANDBOXES:
            await turn.connection.execute(f"DELETE FROM mockpsp.{table} WHERE sandbox = $1", turn.sandbox)  # noqa: S608
        await turn.connection.execute("SELECT pg_notify('mockpsp', $1)", f"{self.me} {turn.sandbox}")
        turn.born, turn.number, turn.dropped, turn.forgotten = None, 0, False, 0
        turn.base = turn.gone = 0

    async def _keep(self, turn: Turn) -> None:
        """Write the checkpoint. Events go later: other processes follow by them."""
        made = turn.checkpoint
        if made is None:
            return
        await turn.connection.execute(
            "DELETE FROM mockpsp.kept WHERE sandbox = $1 AND key = ANY($2::bytea[])", turn.sandbox, list(made.gone)
        )
        await turn.connection.execute(_KEEP, turn.sandbox, list(made.rows), list(made.rows.values()))
        turn.base, turn.gone = made.version, max(turn.gone, made.version - LEEWAY_EVENTS)
        await turn.connection.execute(
            "DELETE FROM mockpsp.events WHERE sandbox = $1 AND version <= $2", turn.sandbox, turn.gone
        )
        await turn.connection.execute(
            "UPDATE mockpsp.sandboxes SET base = $2, gone = $3 WHERE id = $1", turn.sandbox, turn.base, turn.gone
        )
        turn.checkpoint = None

    async def _write(self, turn: Turn, due_seconds: float | None) -> None:
        if not turn.used:
            return
        query = _FIRST if turn.born is None else _NEXT
        lines = [encode(each) for each in turn.lines.values()]
        found = await turn.connection.fetchrow(
            query, turn.sandbox, turn.born, turn.number, len(turn.events), due_seconds, turn.events,
            list(turn.lines), lines, f"{self.me} {turn.sandbox}",
        )  # fmt: skip
        if found is None:
            self._check_format(await turn.connection.fetchval("SELECT format FROM mockpsp.about"))
            raise Conflict(f"{turn.sandbox} was changed by another process")
        turn.born, turn.number, _ = found
        turn.events.clear()
        turn.lines.clear()

    async def release(self, turn: Turn) -> None:
        """Let others have their turn."""
        try:
            with self._trouble():
                await turn.connection.execute(
                    f"SELECT pg_advisory_unlock({_key(turn.sandbox)}); SET idle_session_timeout = 0"
                )
        except BaseException:  # a cancellation too: the lock ends with the connection
            turn.connection.terminate()
            raise
        else:
            self._idle.append(turn.connection)
        finally:
            self._room.release()

    def abandon(self, turn: Turn) -> None:
        """Give a turn up whose connection may be of no use any more; nothing was written."""
        turn.connection.terminate()
        self._room.release()

    # -- the store ---------------------------------------------------------------------------------------------------

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        """See Store. Written at the end of the turn, if the current task has one; at once otherwise."""
        rows = [encode(event) for event in events]
        turn = self._own(sandbox)
        if turn is None:
            return await self._append(sandbox, expected_version, rows)
        if turn.version != expected_version:
            raise Conflict(f"{sandbox} is at version {turn.version}, not {expected_version}")
        turn.events += rows
        turn.version += len(rows)
        return turn.version

    def _own(self, sandbox: str) -> Turn | None:
        turn = self._turns.get(sandbox)
        if turn is not None and turn.task is asyncio.current_task():
            return turn
        if self.guarded and not sandbox.startswith("/"):
            raise RuntimeError(f"sandbox {sandbox} is changed outside of its turn")
        return None

    async def _append(self, sandbox: str, expected_version: int, rows: Sequence[bytes]) -> int:
        async with self._beside() as connection:
            head = await connection.fetchrow(_HEAD, sandbox)
            turn = Turn(sandbox, connection, head)
            if turn.version == expected_version:
                turn.events += rows
                try:
                    await self._write(turn, None)
                except (Conflict, asyncpg.UniqueViolationError):
                    head = await connection.fetchrow(_HEAD, sandbox)
                else:
                    return expected_version + len(rows)
        found = 0 if head is None else head["version"]
        raise Conflict(f"{sandbox} is at version {found}, not {expected_version}")

    async def read(self, sandbox: str, since: int) -> Sequence[Any]:
        """See Store. Raises BadState for events that this version cannot read."""
        async with self._beside() as connection:
            rows = await connection.fetch(_EVENTS, sandbox, since)
            if not rows or rows[0]["version"] != since + 1:
                head = await connection.fetchrow(_HEAD, sandbox)
                if head is not None and since < head["gone"]:
                    raise NotKept(f"{self.shown}: the first events of sandbox {sandbox!r} are kept no more")
        return self._heard(sandbox, rows)

    async def checkpoint(self, sandbox: str, version: int, rows: Sequence[tuple[Key, Any]]) -> None:
        """See Store. Written at the end of the turn, if the current task has one; at once otherwise."""
        told = [(encode(key), None if value is None else encode(value)) for key, value in rows]
        turn = self._own(sandbox)
        if turn is not None:
            turn.keep(version, told)
            return
        async with self._beside() as connection, connection.transaction():
            turn = Turn(sandbox, connection, await connection.fetchrow(f"{_HEAD} FOR UPDATE", sandbox))
            if turn.base < version:  # otherwise another process has made a later one
                turn.keep(version, told)
                await self._keep(turn)

    async def kept(self, sandbox: str) -> Kept:
        """See Store."""
        async with self._beside() as connection, connection.transaction(isolation="repeatable_read"):
            return await self._kept(connection, sandbox)

    async def kept_in(self, turn: Turn) -> Kept:
        """The latest checkpoint, for whoever has the turn."""
        with self._trouble():
            return await self._kept(turn.connection, turn.sandbox)

    async def _kept(self, connection: Any, sandbox: str) -> Kept:
        head = await connection.fetchrow(_HEAD, sandbox)
        found = await connection.fetch(_ROWS, sandbox)
        keys = self._heard(sandbox, [(place, key) for place, key, _ in found])
        values = self._heard(sandbox, [(place, data) for place, _, data in found])
        return Kept(0 if head is None else head["base"], list(zip(keys, values, strict=True)))

    async def drop(self, sandbox: str) -> None:
        """See Store."""
        turn = self._own(sandbox)
        if turn is not None:
            turn.dropped, turn.version = True, 0
            turn.forgo()
            return
        async with self._beside() as connection, connection.transaction():
            await connection.execute("DELETE FROM mockpsp.sandboxes WHERE id = $1", sandbox)
            for table in _OF_SANDBOXES:
                await connection.execute(f"DELETE FROM mockpsp.{table} WHERE sandbox = $1", sandbox)  # noqa: S608

    def note(self, sandbox: str, number: int, line: Any) -> None:
        """See Store. Written at the end of the turn."""
        turn = self._turns.get(sandbox)
        if turn is None:
            raise RuntimeError(f"the journal of sandbox {sandbox} is written outside of its turn")
        turn.lines[number] = line

    def flush(self) -> None:
        """See Store. The end of the turn writes them."""

    def forget(self, sandbox: str, up_to: int) -> None:
        """See Store."""
        turn = self._turns.get(sandbox)
        if turn is not None:
            turn.forgotten = max(turn.forgotten, up_to)

    async def noted(self, sandbox: str, latest: int) -> Sequence[Any]:
        """See Store."""
        async with self._beside() as connection:
            rows = await connection.fetch(_LINES, sandbox, -1, latest)
        return self._heard(sandbox, rows[::-1])

    def _heard(self, sandbox: str, rows: Sequence[Any]) -> list[Any]:
        found = []
        for number, data in rows:
            try:
                found.append(decode(data))
            except Unreadable as error:
                raise BadState(
                    f"{self.shown}: item {number} of sandbox {sandbox!r} cannot be read: {error}. It was written by "
                    "another version of mockpsp; let all processes be of one version, or use another database"
                ) from error
        return found

    # -- between processes -------------------------------------------------------------------------------------------

    async def heads(self) -> dict[str, tuple[int, int]]:
        """Which sandboxes there are, and how many turns each has had."""
        async with self._beside() as connection:
            rows = await connection.fetch("SELECT id, born, turn FROM mockpsp.sandboxes")
        return {id: (born, turn) for id, born, turn in rows}

    async def lease(self, sandbox: str) -> bool:
        """Be the one process that does what is due there, unless another one is."""
        async with self._beside() as connection:
            return bool(await connection.fetch(_LEASE, sandbox, self.me))

    async def give_up(self, sandbox: str, due_seconds: float | None) -> None:
        """Let another process do what is due there, next in so many seconds."""
        async with self._beside() as connection:
            await connection.execute(_GIVE_UP, sandbox, self.me, due_seconds)

    async def renew(self) -> set[str]:
        """Say that we are there. Those sandboxes for which we still do what is due."""
        async with self._beside() as connection:
            return {row[0] for row in await connection.fetch(_RENEW, self.me)}

    async def overdue(self) -> list[str]:
        """Sandboxes in which something is due that nobody does."""
        async with self._beside() as connection:
            return [row[0] for row in await connection.fetch(_OVERDUE)]

    async def claim(self, sandbox: str, name: str) -> bool:
        """Keep a name to this process until ``disclaim``, or until it ends; False when another one has it."""
        async with self._beside() as connection:
            return bool(await connection.fetchval(f"SELECT pg_try_advisory_lock({_key(sandbox, name)})"))

    async def disclaim(self, sandbox: str, name: str) -> None:
        """Let others have the name."""
        async with self._beside() as connection:
            await connection.execute(f"SELECT pg_advisory_unlock({_key(sandbox, name)})")

    async def listen(self, heard: Callable[[str], None]) -> bool:
        """Hear of each sandbox that another process has changed; whether this began just now."""
        if self._closed or (self._ear is not None and not self._ear.is_closed()):
            return False

        def hear(connection: Any, pid: int, channel: str, told: Any) -> None:
            process, _, sandbox = str(told).partition(" ")
            if process != str(self.me):
                heard(sandbox)

        with self._trouble():
            self._ear = await self._connect()
            await self._ear.add_listener(CHANNEL, hear)
        return True


def _key(*names: str) -> int:
    """What PostgreSQL locks in place of a name: 64 bits of it."""
    return int.from_bytes(blake2b("\n".join(names).encode(), digest_size=8, person=b"mockpsp").digest(), signed=True)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]


async def _prepare(connection: Any, shown: str) -> None:
    if connection.get_server_version().major < _OLDEST:
        raise BadState(f"{shown} is PostgreSQL {connection.get_server_version().major}; it takes {_OLDEST} or newer")
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({_key('tables')})")
        if not await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = 'mockpsp'"):
            await connection.execute(f"CREATE SCHEMA mockpsp; {_TABLES}")
            await connection.execute("INSERT INTO mockpsp.about VALUES ($1)", FORMAT)
            return
        if await connection.fetchval("SELECT to_regclass('mockpsp.about')") is None:
            raise BadState(f"{shown} has a schema mockpsp of another program; use another database")
        found = await connection.fetchval("SELECT format FROM mockpsp.about")
        if found > FORMAT:
            raise BadState(
                f"{shown} was written by a newer version of mockpsp (format {found}, this one reads up to {FORMAT}); "
                "update mockpsp, or use another database"
            )
        for step in range(found, FORMAT):
            await connection.execute(_STEPS[step])
            await connection.execute("UPDATE mockpsp.about SET format = $1", step + 1)


__all__ = ["FORMAT", "LEASE_SECONDS", "PostgresStore", "Turn"]
