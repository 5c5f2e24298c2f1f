"""Heads of requests that came before, byte for byte: what the parser made of them then, it would make of them again.

A merchant's client sends the same headers with each call of an address, where they are not signed or dated.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp.http import RawRequestMessage

from mockpsp.edge.table import Found

_MOST = 256
_LONGEST = 2_000


class Known(NamedTuple):
    """A head as it was parsed, its headers as the journal has them, the length of its body, and who answers."""

    message: RawRequestMessage
    headers: bytes
    length: int
    found: Found


class Heads:
    """Remembers short heads from the second time on, for most that are signed never come again; and only so many."""

    __slots__ = ("_known", "_once")

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self._once: set[int] = set()

    def find(self, head: bytes) -> Known | None:
        """What these bytes are, if they are known."""
        return self._known.get(head)

    def learn(self, head: bytes, known: Known) -> None:
        """These bytes were a whole head."""
        seen = hash(head)
        if seen not in self._once:
            if len(self._once) >= _MOST:
                self._once.clear()
            self._once.add(seen)
        elif len(head) <= _LONGEST:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[head] = known


__all__ = ["Heads", "Known"]
