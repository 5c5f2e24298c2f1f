"""HMAC-SHA256 for keys that sign again and again: what depends on the key alone is worked out once."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any

_BLOCK = 64
_INNER = bytes(each ^ 0x36 for each in range(256))
_OUTER = bytes(each ^ 0x5C for each in range(256))


@lru_cache(maxsize=256)  # a sandbox has one or two keys
def _begun(secret: str | bytes) -> tuple[Any, Any]:
    key = secret.encode() if isinstance(secret, str) else secret
    padded = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return sha256(padded.translate(_INNER)), sha256(padded.translate(_OUTER))


def hmac_sha256(secret: str | bytes, data: bytes) -> bytes:
    """``hmac.digest(secret, data, "sha256")`` in less than half its time; a text is a key in UTF-8."""
    begun, ended = _begun(secret)
    inner, outer = begun.copy(), ended.copy()
    inner.update(data)
    outer.update(inner.digest())
    digest: bytes = outer.digest()
    return digest
