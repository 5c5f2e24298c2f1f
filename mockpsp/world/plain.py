"""Turns our frozen values into what JSON can say, for the journal and the control API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from json import loads
from math import isfinite
from typing import Any, NoReturn

from msgspec import Struct

from mockpsp.domain.clock import format_duration
from mockpsp.domain.lifecycle import Body
from mockpsp.domain.money import Money


def instant(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, such as ``2026-01-06T09:15:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def body_text(body: bytes) -> Any:
    """A body as JSON if it is JSON that we can say again, else as text with undecodable bytes replaced."""
    try:
        return loads(body, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):  # NaN, 1e999 and integers of 5000 digits are ValueErrors as well
        return body.decode("utf-8", "replace")


def plain(value: Any) -> Any:
    """JSON for any of our values: records as objects with their ``type``, money and times as text."""
    match value:
        case None | bool() | int() | str() | float():
            return value.value if isinstance(value, Enum) else value
        case Money():
            return str(value)
        case datetime():
            return instant(value)
        case timedelta():
            return format_duration(value)
        case bytes() | Body():
            return body_text(value if isinstance(value, bytes) else value.content)
        case Enum():
            return value.value
        case dict():
            return {str(key): plain(each) for key, each in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return plain(value._asdict())
        case list() | tuple() | set() | frozenset():
            return [plain(each) for each in value]
    return _plain_object(value)


def _plain_object(value: Any) -> Any:
    if isinstance(value, Struct):
        told = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        return {"type": type(value).__name__, **{name: each for name, each in told.items() if each is not None}}
    return str(value)
