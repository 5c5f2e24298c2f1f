"""Encrypted card fields: ``test_`` values, and what our own secured fields seal.

Source: docs.adyen.com "Test card numbers" for the ``test_`` form. How Adyen's own fields encrypt is not published; ours
make a compact JWE with RSA-OAEP-256 and A256GCM around JSON ``{"field", "value", "generated"}``, the last being the
sandbox's time when the field was opened, as Adyen's client-side encryption has a generation time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from json import loads
from typing import NamedTuple

from mockpsp.domain.clock import parse_instant
from mockpsp.edge.sealed import Sealed, open_sealed
from mockpsp.providers.adyen.errors import Undecryptable

TEST = "test_"
ALGORITHMS = ("RSA-OAEP-256", "A256GCM")


def looks_foreign(text: str) -> bool:
    """Whether this was encrypted by Adyen's own client code, for a key that only Adyen has."""
    return text.startswith(("eyJ", "adyenjs_", "adyenan", "adyenio"))


class Opened(NamedTuple):
    """What was in an encrypted field, and when it was made, where it says so; None for what we cannot open."""

    value: str | None
    generated: datetime | None = None


_FOREIGN = Opened(None)


def open_field(text: str) -> Opened:
    """One encrypted field; without a value if it was sealed for somebody else. Raises Undecryptable."""
    if text.startswith(TEST):
        return Opened(text.removeprefix(TEST))
    if not looks_foreign(text):
        raise Undecryptable("it is neither a test_ value nor encrypted")
    if not text.startswith("eyJ"):
        return _FOREIGN
    try:
        opened = loads(open_sealed(text, ALGORITHMS))
    except (Sealed, ValueError):
        return _FOREIGN
    value = opened.get("value") if isinstance(opened, Mapping) else None
    if not isinstance(value, str):
        raise Undecryptable("there is no value in it")
    return Opened(value, _instant(opened.get("generated")))


def _instant(text: object) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(str(text))
    except (ValueError, OverflowError) as error:
        raise Undecryptable("its generation time cannot be read") from error
