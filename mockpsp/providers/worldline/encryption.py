"""Card data that a browser encrypted: the compact JWE that the client SDK makes with our public key.

Source: ``JOSEEncryptor`` and ``Encryptor`` of onlinepayments-sdk-client-js 3.6.2: RSA-OAEP (SHA-1) around 64 random
bytes, A256CBC-HS512 (RFC 7518, 5.2.5) around JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import loads
from typing import Any

from mockpsp.edge.sealed import Sealed, key_pair, open_sealed
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline.errors import InvalidValue
from mockpsp.providers.worldline.vault import SEALED

ALGORITHMS = ("RSA-OAEP", "A256CBC-HS512")
_NOT_DIGITS = re.compile(r"[^0-9]")


def open_encrypted(text: str) -> dict[str, Any]:
    """What the browser encrypted, as JSON. Raises InvalidValue when it is damaged or for another key, NotSupported."""
    try:
        value = loads(open_sealed(text, ALGORITHMS))
    except (Sealed, ValueError, RecursionError) as error:
        raise InvalidValue(SEALED, str(error)) from error
    if not isinstance(value, dict):
        raise InvalidValue(SEALED, "it does not hold an object")
    return value


def read_values(opened: Mapping[str, Any]) -> dict[str, str]:
    """``paymentValues`` by key. Values that are missing or no text are left out."""
    given = opened.get("paymentValues")
    pairs = given if isinstance(given, list) else ()
    return {
        str(each["key"]): each["value"]
        for each in pairs
        if isinstance(each, dict) and isinstance(each.get("value"), str) and "key" in each
    }


def read_card(opened: Mapping[str, Any]) -> c.CardData:
    """The card that a customer typed. Expiry dates come as MMYY or MMYYYY, with or without a slash."""
    values = read_values(opened)
    expiry = _NOT_DIGITS.sub("", values.get("expiryDate", ""))
    product = opened.get("paymentProductId")
    return c.CardData(
        number="".join(values.get("cardNumber", "").split()),
        expiry=expiry[:2] + expiry[4:] if len(expiry) == 6 else expiry,
        holder=values.get("cardholderName", ""),
        cvv=values.get("cvv", ""),
        product=product if isinstance(product, int) and not isinstance(product, bool) else None,
    )


__all__ = ["key_pair", "open_encrypted", "read_card", "read_values"]
