"""One way to write JSON: compact, UTF-8, keys in the order in which they were put."""

from __future__ import annotations

from collections.abc import Callable
from json import JSONEncoder
from typing import Any

_fast: Callable[[Any], bytes] | None
try:
    from orjson import dumps as _dumps
except ImportError:  # part of mockpsp[fast]; the bytes are the same without it
    _fast = None
else:
    _fast = _dumps

_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_bytes(body: Any) -> bytes:
    """JSON as it goes over the wire; lone surrogates, which UTF-8 cannot say, become question marks."""
    if _fast is not None:
        try:
            return _fast(body)
        except TypeError:  # a lone surrogate, or a whole number of more than 64 bits
            return _encode(body).encode("utf-8", "replace")
    return _encode(body).encode("utf-8", "replace")
