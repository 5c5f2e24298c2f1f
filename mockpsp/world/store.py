"""Where the events of sandboxes are kept. The core never sees a store; ``World`` appends and folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mockpsp.world.checkpoint import NOTHING_KEPT, Kept, Key


class Conflict(Exception):
    """Somebody else appended first: read what is new, and decide again."""


class StoreFailed(Exception):
    """The store could not take it, for want of space or of a connection; nothing was added."""


class BadState(Exception):
    """What is kept cannot be used by this version or this process; the message says why and what to do."""


class NotKept(BadState):
    """Events that a checkpoint has taken the place of, so that nobody can read them any more."""


class Store(Protocol):
    """An append-only list of events per sandbox. A version is the number of events so far.

    Beside the events, a store that is ``durable`` keeps the journal's lines, so that numbers and explanations last,
    and checkpoints; events that are in one may go.
    One that ``waits`` for somebody else, such as a database, may want a task to be called in.
    """

    durable: bool
    waits: bool
    shared: bool
    """Whether other processes may serve the same sandboxes; then ``mockpsp.world.turns`` has to be asked first."""

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        """Add all events or none; the new version. Raises Conflict unless ``expected_version`` is current."""

    async def read(self, sandbox: str, since: int) -> Sequence[Any]:
        """The events from version ``since`` on, oldest first. Raises NotKept when the first of them are no more."""

    async def checkpoint(self, sandbox: str, version: int, rows: Sequence[tuple[Key, Any]]) -> None:
        """Keep rows in place of the events up to this version; those with None are no more, others stay as they are.

        Raises StoreFailed; then nothing has changed.
        """

    async def kept(self, sandbox: str) -> Kept:
        """The latest checkpoint."""

    async def drop(self, sandbox: str) -> None:
        """Forget a sandbox; its memory returns."""

    def note(self, sandbox: str, number: int, line: Any) -> None:
        """A line of the journal, complete; one with the same number is replaced."""

    def flush(self) -> None:
        """Write the lines that were noted."""

    def forget(self, sandbox: str, up_to: int) -> None:
        """The journal has dropped its lines up to this number."""

    async def noted(self, sandbox: str, latest: int) -> Sequence[Any]:
        """The lines of the journal that are there, oldest first, and no more than so many."""

    def close(self) -> None:
        """Nothing more comes."""


class MemoryStore:
    """Keeps events as the frozen objects they are. Never waits, so an append and its fold are one step.

    ``keep`` bounds how many of a sandbox's latest events stay: nobody folds older ones again in this process. None
    keeps all of them, for several worlds on one store.
    """

    __slots__ = ("_gone", "_keep", "_streams")
    durable = False
    waits = False
    shared = False

    def __init__(self, keep: int | None = None) -> None:
        self._keep = keep
        self._streams: dict[str, list[Any]] = {}
        self._gone: dict[str, int] = {}

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        """See Store."""
        stream = self._streams.setdefault(sandbox, [])
        version = len(stream) if self._keep is None else len(stream) + self._gone.get(sandbox, 0)
        if version != expected_version:
            raise Conflict(f"{sandbox} is at version {version}, not {expected_version}")
        stream.extend(events)
        if self._keep is not None and len(stream) > 2 * self._keep:
            self._gone[sandbox] = self._gone.get(sandbox, 0) + len(stream) - self._keep
            del stream[: -self._keep]
        return version + len(events)

    async def read(self, sandbox: str, since: int) -> Sequence[Any]:
        """See Store."""
        gone = self._gone.get(sandbox, 0)
        if since < gone:
            raise NotKept(f"the first {gone} events of sandbox {sandbox!r} are not kept")
        return self._streams.get(sandbox, [])[since - gone :]

    async def checkpoint(self, sandbox: str, version: int, rows: Sequence[tuple[Key, Any]]) -> None:
        """See Store. Worlds of this process have no need of one."""

    async def kept(self, sandbox: str) -> Kept:
        """See Store."""
        return NOTHING_KEPT

    async def drop(self, sandbox: str) -> None:
        """See Store."""
        self._streams.pop(sandbox, None)
        self._gone.pop(sandbox, None)

    def note(self, sandbox: str, number: int, line: Any) -> None:
        """The journal has it."""

    def flush(self) -> None:
        """There is nothing to write."""

    def forget(self, sandbox: str, up_to: int) -> None:
        """The journal has done so."""

    async def noted(self, sandbox: str, latest: int) -> Sequence[Any]:
        """See Store. What was noted ended with its process."""
        return ()

    def close(self) -> None:
        """See Store."""
