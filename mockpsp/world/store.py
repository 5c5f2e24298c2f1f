"""Where the events of sandboxes are kept. The core never sees a store; ``World`` appends and folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Conflict(Exception):
    """Somebody else appended first: read what is new, and decide again."""


class StoreFailed(Exception):
    """The store could not take it, for want of space or of a connection; nothing was added."""


class BadState(Exception):
    """What is kept cannot be used by this version or this process; the message says why and what to do."""


class Store(Protocol):
    """An append-only list of events per sandbox. A version is the number of events so far.

    Beside the events, a store that is ``durable`` keeps the journal's lines, so that numbers and explanations last.
    One that ``waits`` for somebody else, such as a database, may want a task to be called in.
    """

    durable: bool
    waits: bool

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        """Add all events or none; the new version. Raises Conflict unless ``expected_version`` is current."""

    async def read(self, sandbox: str, since: int) -> Sequence[Any]:
        """The events from version ``since`` on, oldest first."""

    async def drop(self, sandbox: str) -> None:
        """Forget a sandbox; its memory returns."""

    def note(self, sandbox: str, number: int, line: Any) -> None:
        """A line of the journal, complete; one with the same number is replaced."""

    def flush(self) -> None:
        """Write the lines that were noted."""

    def forget(self, sandbox: str, up_to: int) -> None:
        """The journal has dropped its lines up to this number."""

    def noted(self, sandbox: str) -> Sequence[Any]:
        """The lines of the journal that are there, oldest first."""

    def close(self) -> None:
        """Nothing more comes."""


class MemoryStore:
    """Keeps events as the frozen objects they are. Never waits, so an append and its fold are one step."""

    __slots__ = ("_streams",)
    durable = False
    waits = False

    def __init__(self) -> None:
        self._streams: dict[str, list[Any]] = {}

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        """See Store."""
        stream = self._streams.setdefault(sandbox, [])
        if len(stream) != expected_version:
            raise Conflict(f"{sandbox} is at version {len(stream)}, not {expected_version}")
        stream.extend(events)
        return len(stream)

    async def read(self, sandbox: str, since: int) -> Sequence[Any]:
        """See Store."""
        return self._streams.get(sandbox, [])[since:]

    async def drop(self, sandbox: str) -> None:
        """See Store."""
        self._streams.pop(sandbox, None)

    def note(self, sandbox: str, number: int, line: Any) -> None:
        """The journal has it."""

    def flush(self) -> None:
        """There is nothing to write."""

    def forget(self, sandbox: str, up_to: int) -> None:
        """The journal has done so."""

    def noted(self, sandbox: str) -> Sequence[Any]:
        """See Store. What was noted ended with its process."""
        return ()

    def close(self) -> None:
        """See Store."""
