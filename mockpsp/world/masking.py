"""Hides what a log must not show: card numbers, security codes, secrets. For everything that leaves the journal.

A card number keeps its first six and last four digits, so that test cards can still be told apart.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode

HIDDEN = "***"
_DEEPEST = 100
_CUT = f"(nested deeper than {_DEEPEST} levels)"
_RUN = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){11,18}(?![0-9])")
_CODE_IN_TEXT = re.compile(r"""((?:cvv|cvc|security_?code)2?["']?\s*[:=>]\s*["']?)[0-9]{3,4}(?![0-9])""", re.IGNORECASE)
_CODES = frozenset({"cvv", "cvv2", "cvc", "cvc2", "cvn", "csc", "cav2", "cid"})
_CARDS = frozenset({"number", "numbers", "pan", "cardno", "card", "accountnumber", "vouchernumber", "encryptedbin"})
_SECRETS = frozenset(
    {
        "accesstoken", "apikey", "clientsecret", "hmackey", "password", "passwd", "refreshtoken", "secret",
        "secretapikey", "secretkey", "webhooksecret", "xapikey",
    }
)  # fmt: skip


def luhn(digits: str) -> bool:
    """Whether the check digit of a number made of ASCII digits is right."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _shorten(match: re.Match[str]) -> str:
    return _shorten_any(match) if luhn(re.sub(r"[ -]", "", match[0])) else match[0]


def _shorten_any(match: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", match[0])
    return f"{digits[:6]}{'*' * (len(digits) - 10)}{digits[-4:]}"


def mask_text(text: str) -> str:
    """Free text without card numbers (12 to 19 digits with a right check digit) and security codes."""
    return _CODE_IN_TEXT.sub(rf"\1{HIDDEN}", _RUN.sub(_shorten, text))


def _plain_key(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _is_code(key: str) -> bool:
    return key in _CODES or "securitycode" in key


def _is_card(key: str) -> bool:
    return key in _CARDS or "cardnumber" in key


def mask(value: Any, key: str = "") -> Any:
    """A JSON value, found under ``key``, without card numbers, security codes and secrets; never deeper than 100."""
    return _mask(value, _plain_key(key), 0)


def _mask(value: Any, key: str, depth: int) -> Any:
    if value is not None and (_is_code(key) or key in _SECRETS) and not isinstance(value, bool):
        return HIDDEN
    if depth > _DEEPEST:
        return _CUT
    if isinstance(value, dict):
        return {name: _mask(each, _below(name, key), depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_mask(each, key, depth + 1) for each in value]
    if isinstance(value, str):
        return _mask_string(value, key)
    if isinstance(value, int) and not isinstance(value, bool) and _is_card(key):
        text = str(value) if abs(value) < 10**19 else ""
        shown = _RUN.sub(_shorten_any, text)
        return shown if shown != text else value
    return value


def _below(name: str, key: str) -> str:
    """The key that a member goes by: ``{"cardNumber": {"value": …}}`` still is a card number."""
    plain = _plain_key(name)
    return key if plain == "value" and _is_card(key) else plain


_ENCRYPTED = frozenset({"encryptedcustomerinput"})
"""Card data in one piece, which is other bytes each time that it is encrypted."""


def _mask_string(value: str, key: str) -> str:
    """Under the key of a card any number goes, vouchers have no check digit; elsewhere only cards in sentences."""
    if _is_card(key):
        return _RUN.sub(_shorten_any, value)
    if key in _ENCRYPTED:
        return HIDDEN
    return mask_text(value) if any(each.isspace() for each in value) else value


def form_value(text: str) -> dict[str, Any] | None:
    """A form body as an object (a list where a name repeats); None when it is not one."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=1000)
    except ValueError:
        return None
    form: dict[str, Any] = {}
    for name, value in pairs:
        if name not in form:
            form[name] = value
        elif isinstance(form[name], list):
            form[name].append(value)
        else:
            form[name] = [form[name], value]
    return form


def mask_segment(segment: str) -> str:
    """A segment of a path, shortened when it is a card number and nothing else."""
    return mask_text(segment) if _RUN.fullmatch(segment) else segment


def mask_target(target: str) -> str:
    """A request target without card numbers in its path, whose query hides what a body would hide."""
    path, mark, query = target.partition("?")
    path = "/".join(map(mask_segment, path.split("/")))
    if not mark:
        return path
    pairs = parse_qsl(query, keep_blank_values=True)
    masked = [(name, str(mask(value, name))) for name, value in pairs]
    return f"{path}?{query}" if masked == pairs else f"{path}?{urlencode(masked, safe='*')}"


def mask_header(name: str, value: str) -> str:
    """A header's value, with who it is and without what proves it: ``GCS v1HMAC:keyid:***``, ``Basic login:***``."""
    match name.lower():
        case "authorization" | "proxy-authorization":
            return _authorization(value)
        case "x-api-key" | "api-key":
            return HIDDEN
        case "cookie":
            return "; ".join(_cookie(each) for each in value.split(";"))
        case "set-cookie":
            first, mark, rest = value.partition(";")
            return _cookie(first) + mark + rest
    return value


def _authorization(value: str) -> str:
    scheme, _, proof = value.strip().partition(" ")
    if not proof:
        return HIDDEN
    if scheme.lower() == "basic":
        try:
            login, mark, _ = b64decode(proof, validate=True).decode().partition(":")
        except ValueError:
            return f"{scheme} {HIDDEN}"
        return f"{scheme} {login}:{HIDDEN}" if mark and login.isprintable() else f"{scheme} {HIDDEN}"
    parts = proof.split(":")
    return f"{scheme} {':'.join([*parts[:-1], HIDDEN])}" if len(parts) == 3 else f"{scheme} {HIDDEN}"


def _cookie(pair: str) -> str:
    name, mark, _ = pair.strip().partition("=")
    return f"{name}={HIDDEN}" if mark else HIDDEN


def mask_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers as an object, masked; values of a repeated name are put together."""
    shown: dict[str, str] = {}
    for name, value in pairs:
        masked = mask_header(name, value)
        shown[name] = f"{shown[name]}, {masked}" if name in shown else masked
    return shown
