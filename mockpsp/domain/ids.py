"""Where ids come from: seeded and replayable, never chance."""

from __future__ import annotations

from typing import Protocol


class LateId(Protocol):
    """An id that is drawn already and worked out when somebody asks for its text."""

    def __str__(self) -> str:
        """The id, the same at every call."""


class Ids(Protocol):
    """A source of ids; the same seed and the same draws give the same ids."""

    def uuid(self) -> str:
        """A UUID in its usual form."""

    def late_uuid(self) -> LateId:
        """The same draw, for an id that perhaps nobody will look at."""

    def hex(self, digits: int) -> str:
        """Lower-case hexadecimal digits, at most 64."""

    def spelled(self, letters: bytes, length: int) -> str:
        """Characters, at most 64: ``letters`` has one for each value of a byte (ASCII)."""

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1."""

    def next(self, series: str) -> int:
        """The next number of a series that starts at 1."""
