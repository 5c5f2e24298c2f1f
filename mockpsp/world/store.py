"""Where the events of sandboxes are kept. The core never sees a store; ``World`` appends and folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Conflict(Exception):
    """Somebody else appended first: read what is new, and decide again."""


class Store(Protocol):
    """An append-only list of events per sandbox. A version is the number of events so far."""

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        """Add all events or none; the new version. Raises Conflict unless ``expected_version`` is current."""

    async def read(self, sandbox: str, since: int) -> Sequence[Any]:
        """The events from version ``since`` on, oldest first."""

    async def drop(self, sandbox: str) -> None:
        """Forget a sandbox; its memory returns."""


class MemoryStore:
    """Keeps events as the frozen objects they are. Never waits, so an append and its fold are one step."""

    __slots__ = ("_streams",)

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
