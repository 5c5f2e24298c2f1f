"""Seeded ids. A draw belongs to one command; only a command that commits moves the source on."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from mockpsp.domain.value import Value


def made_up_token() -> str:
    """A secret of this process, the only thing that is left to chance."""
    from secrets import token_urlsafe

    return token_urlsafe(24)


class IdSource:
    """The committed position of a sandbox's ids: a cursor for opaque ids, and numbered series."""

    __slots__ = ("_keyed", "_stems", "cursor", "seed", "series")

    def __init__(self, seed: int, salt: str) -> None:
        self.seed = blake2b(f"{seed}/{salt}".encode(), digest_size=16).digest()
        self.cursor = 0
        self.series: dict[str, int] = {}
        self._stems: dict[str, str] = {}
        self._keyed: dict[int, blake2b] = {}

    def draw(self) -> Draw:
        """Ids for one command, from the committed position on."""
        return Draw(self)

    def keyed(self, size: int) -> blake2b:
        """A hash of so many bytes that has taken in the seed, to be copied."""
        found = self._keyed.get(size)
        if found is None:
            found = self._keyed[size] = blake2b(digest_size=size, key=self.seed)
        return found

    def fixed(self, purpose: str, number: int) -> str:
        """A UUID that belongs to a numbered thing (such as the error of journal entry 12), drawn from no cursor."""
        stem = self._stems.get(purpose)
        if stem is None:
            found = self.keyed(16).copy()
            found.update(purpose.encode())
            stem = self._stems[purpose] = _uuid(found.hexdigest())[:24]
        return stem + (number * 0x9E3779B97F4B & 0xFFFFFFFFFFFF).to_bytes(6, "big").hex()


class LateUuid(Value, frozen=True):
    """What ``Draw.uuid`` would have given at this cursor."""

    keyed: Any
    cursor: int

    def __str__(self) -> str:
        found = self.keyed.copy()
        found.update(self.cursor.to_bytes(8, "big"))
        return _uuid(found.hexdigest())


class Draw:
    """Implements ``domain.ids.Ids`` on top of a source that it does not change."""

    __slots__ = ("_source", "cursor", "series")

    def __init__(self, source: IdSource) -> None:
        self._source = source
        self.cursor = source.cursor
        self.series: dict[str, int] = {}

    def _hash(self, size: int) -> blake2b:
        cursor = self.cursor = self.cursor + 1
        found = self._source.keyed(size).copy()
        found.update(cursor.to_bytes(8, "big"))
        return found

    def late_uuid(self) -> LateUuid:
        """See Ids."""
        cursor = self.cursor = self.cursor + 1
        return LateUuid(self._source.keyed(16), cursor)

    def uuid(self) -> str:
        """A UUID in its usual form, version 4."""
        return _uuid(self._hash(16).hexdigest())

    def hex(self, digits: int) -> str:
        """Lower-case hexadecimal digits, at most 64."""
        return self._hash((digits + 1) // 2).hexdigest()[:digits]

    def spelled(self, letters: bytes, length: int) -> str:
        """See Ids."""
        return self._hash(length).digest().translate(letters).decode("ascii")

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1."""
        return int.from_bytes(self._hash(16).digest(), "big") % bound

    def next(self, series: str) -> int:
        """The next number of a series that starts at 1."""
        number = self.series.get(series, self._source.series.get(series, 0)) + 1
        self.series[series] = number
        return number

    @property
    def moved(self) -> bool:
        """Whether anything was drawn."""
        return self.cursor != self._source.cursor or bool(self.series)


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def _uuid(digits: str) -> str:
    """32 digits as a UUID; version and variant take the place of six bits."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
