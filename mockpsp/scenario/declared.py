"""Settings of a provider as a record of defaults: their JSON Schema for the catalogue, and the record out of a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from msgspec.structs import fields

from mockpsp.domain.clock import format_duration
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value

Schema = dict[str, Any]
S = TypeVar("S", bound=Value)


def choice(description: str, *values: str | int) -> Schema:
    """One of these values."""
    return {"description": description, "enum": list(values)}


def span(description: str) -> Schema:
    """A span of time."""
    return {"description": description, "type": "string", "format": "duration"}


def schema_of(settings: type[Value], described: Mapping[str, Schema]) -> Mapping[str, Any]:
    """The schema of a record whose fields are described; each has its default, except where that is None."""
    usual = settings()
    properties = {}
    for each in fields(settings):
        value = getattr(usual, each.name)
        properties[each.name] = {**described[each.name], **({} if value is None else {"default": _told(value)})}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _told(value: Any) -> Any:
    """A default as a file would say it."""
    match value:
        case timedelta():
            return format_duration(value)
        case Money():
            return str(value)
        case tuple():
            return [_told(each) for each in value]
        case _:
            return value


def read(settings: type[S], given: Mapping[str, Any]) -> S:
    """The record out of a loaded scenario; what that does not name keeps its default."""
    return settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
