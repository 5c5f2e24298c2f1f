"""Encrypted card fields: ``test_`` values, and what our own secured fields seal.

Source: docs.adyen.com "Test card numbers" for the ``test_`` form. How Adyen's own fields encrypt is not published; ours
make a compact JWE with RSA-OAEP-256 and A256GCM around JSON ``{"field", "value"}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from json import loads

from mockpsp.edge.sealed import Sealed, open_sealed
from mockpsp.providers.adyen.errors import Undecryptable

TEST = "test_"
ALGORITHMS = ("RSA-OAEP-256", "A256GCM")


def looks_foreign(text: str) -> bool:
    """Whether this was encrypted by Adyen's own client code, for a key that only Adyen has."""
    return text.startswith(("eyJ", "adyenjs_", "adyenan", "adyenio"))


def open_field(text: str) -> str | None:
    """The value of one encrypted field; None for one that was sealed for somebody else. Raises Undecryptable."""
    if text.startswith(TEST):
        return text.removeprefix(TEST)
    if not looks_foreign(text):
        raise Undecryptable("it is neither a test_ value nor encrypted")
    if not text.startswith("eyJ"):
        return None
    try:
        opened = loads(open_sealed(text, ALGORITHMS))
    except (Sealed, ValueError):
        return None
    value = opened.get("value") if isinstance(opened, Mapping) else None
    if not isinstance(value, str):
        raise Undecryptable("there is no value in it")
    return value
