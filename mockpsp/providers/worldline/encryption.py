"""Card data that a browser encrypted: the compact JWE that the client SDK makes with our public key.

Source: ``JOSEEncryptor`` and ``Encryptor`` of onlinepayments-sdk-client-js 3.6.2: RSA-OAEP (SHA-1) around 64 random
bytes, A256CBC-HS512 (RFC 7518, 5.2.5) around JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from json import dumps, loads
from typing import Any

from mockpsp.edge.errors import NotSupported
from mockpsp.edge.sealed import Sealed, key_pair, open_sealed, seal
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


ENCRYPT = "encrypt"
"""The word under which a story gives what the customer's browser encrypts before it is sent."""

_NOISE = ("nonce", "collectedDeviceInformation")
_PLACES = ("cardSource",)
"""Where encrypted input may stand, besides the top of a body."""


def sealed_for_us(body: Any) -> Any:
    """A story's body as it is sent: what stands under ``encrypt`` is encrypted. Raises NotSupported."""
    return _each_input(body, _sealed_input)


def opened_for_all(body: Any) -> Any:
    """A body as it was sent, with what our key opens under ``encrypt``; anything else stays as it is."""
    return _each_input(body, _opened_input)


def _each_input(body: Any, change: Callable[[Any], Any]) -> Any:
    if not isinstance(body, Mapping):
        return body
    inside = {name: _each_input(body[name], change) for name in _PLACES if name in body}
    own = {SEALED: change(body[SEALED])} if SEALED in body else {}
    return {**body, **inside, **own}


def _sealed_input(value: Any) -> Any:
    if not isinstance(value, Mapping) or value.keys() != {ENCRYPT}:
        return value
    told = value[ENCRYPT]
    typed = told.get("paymentValues") if isinstance(told, Mapping) else None
    if isinstance(typed, Mapping):
        told = {**told, "paymentValues": [{"key": key, "value": each} for key, each in typed.items()]}
    return seal(dumps(told, ensure_ascii=False), ALGORITHMS)


def _opened_input(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        opened = open_encrypted(value)
    except (InvalidValue, NotSupported):
        return value
    told = {name: each for name, each in opened.items() if name not in _NOISE}
    typed = read_values(opened)
    if len(typed) == len(told.get("paymentValues") or ()):
        told["paymentValues"] = typed
    return {ENCRYPT: told}


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


__all__ = ["key_pair", "open_encrypted", "opened_for_all", "read_card", "read_values", "sealed_for_us"]
