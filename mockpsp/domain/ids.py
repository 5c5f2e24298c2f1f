"""Where ids come from: seeded and replayable, never chance."""

from __future__ import annotations

from typing import Protocol


class Ids(Protocol):
    """A source of ids; the same seed and the same draws give the same ids."""

    def uuid(self) -> str:
        """A UUID in its usual form."""

    def hex(self, digits: int) -> str:
        """Lower-case hexadecimal digits, at most 64."""

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1."""

    def next(self, series: str) -> int:
        """The next number of a series that starts at 1."""
