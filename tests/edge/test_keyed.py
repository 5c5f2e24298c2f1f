"""A hash that knows its key signs like the standard library's."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from mockpsp.edge.keyed import hmac_sha256


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_a_key_of_bytes(key: bytes, data: bytes) -> None:
    assert hmac_sha256(key, data) == hmac.digest(key, data, "sha256")


@given(st.text(max_size=80), st.binary(max_size=300))
def test_a_key_of_text(key: str, data: bytes) -> None:
    assert hmac_sha256(key, data) == hmac.digest(key.encode(), data, "sha256")
