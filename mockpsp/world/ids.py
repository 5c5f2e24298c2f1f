"""Seeded ids. A draw belongs to one command; only a command that commits moves the source on."""

from __future__ import annotations

from hashlib import blake2b


class IdSource:
    """The committed position of a sandbox's ids: a cursor for opaque ids, and numbered series."""

    __slots__ = ("_stems", "cursor", "seed", "series")

    def __init__(self, seed: int, salt: str) -> None:
        self.seed = blake2b(f"{seed}/{salt}".encode(), digest_size=16).digest()
        self.cursor = 0
        self.series: dict[str, int] = {}
        self._stems: dict[str, str] = {}

    def draw(self) -> Draw:
        """Ids for one command, from the committed position on."""
        return Draw(self)

    def fixed(self, purpose: str, number: int) -> str:
        """A UUID that belongs to a numbered thing (such as the error of journal entry 12), drawn from no cursor."""
        stem = self._stems.get(purpose)
        if stem is None:
            stem = self._stems[purpose] = _uuid(blake2b(purpose.encode(), digest_size=16, key=self.seed).digest())[:24]
        return f"{stem}{number * 0x9E3779B97F4B % 0x1000000000000:012x}"


class Draw:
    """Implements ``domain.ids.Ids`` on top of a source that it does not change."""

    __slots__ = ("_source", "cursor", "series")

    def __init__(self, source: IdSource) -> None:
        self._source = source
        self.cursor = source.cursor
        self.series: dict[str, int] = {}

    def _bytes(self, size: int) -> bytes:
        self.cursor += 1
        return blake2b(self.cursor.to_bytes(8, "big"), digest_size=size, key=self._source.seed).digest()

    def uuid(self) -> str:
        """A UUID in its usual form, version 4."""
        return _uuid(self._bytes(16))

    def hex(self, digits: int) -> str:
        """Lower-case hexadecimal digits, at most 64."""
        return self._bytes((digits + 1) // 2).hex()[:digits]

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1."""
        return int.from_bytes(self._bytes(16), "big") % bound

    def next(self, series: str) -> int:
        """The next number of a series that starts at 1."""
        number = self.series.get(series, self._source.series.get(series, 0)) + 1
        self.series[series] = number
        return number

    @property
    def moved(self) -> bool:
        """Whether anything was drawn."""
        return self.cursor != self._source.cursor or bool(self.series)


def _uuid(raw: bytes) -> str:
    text = bytearray(raw)
    text[6] = (text[6] & 0x0F) | 0x40
    text[8] = (text[8] & 0x3F) | 0x80
    digits = text.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
