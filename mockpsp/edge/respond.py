"""One way to write JSON: compact, UTF-8, keys in the order in which they were put."""

from __future__ import annotations

from json import JSONEncoder
from typing import Any

from msgspec.json import Encoder

_fast = Encoder().encode
_patient = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_bytes(body: Any) -> bytes:
    """JSON as it goes over the wire; lone surrogates, which UTF-8 cannot say, become question marks."""
    try:
        return _fast(body)
    except (UnicodeError, OverflowError):  # a lone surrogate, or a whole number of more than 64 bits
        return _patient(body).encode("utf-8", "replace")
