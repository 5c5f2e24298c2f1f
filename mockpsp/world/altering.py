"""Webhooks that say something else than the provider would: other values in the body, other letters in the headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import DecodeError
from msgspec.json import decode, encode

from mockpsp.domain.lifecycle import Body
from mockpsp.domain.value import Value
from mockpsp.scenario.model import HeaderCase


class Altered(Value, frozen=True):
    """Renders a webhook with other values in it, by their place; nothing else changes, not even the order of keys."""

    genuine: Body
    change: Mapping[str, Any]

    def __call__(self) -> bytes:
        """The bytes; those of the genuine one where they are no JSON."""
        try:
            body = decode(self.genuine.content)
        except DecodeError:
            return self.genuine.content
        for place, value in self.change.items():
            put(body, place.split("."), value)
        return encode(body)


def put(body: Any, place: Sequence[str], value: Any) -> None:
    """Put a value there, with all objects on the way; None takes away what is there. What a list lacks stays away."""
    key, *rest = place
    if isinstance(body, list):
        number = int(key) if key.isdecimal() else len(body)
        if number < len(body) and rest:
            put(body[number], rest, value)
        elif number < len(body):
            body[number : number + 1] = [] if value is None else [value]
    elif isinstance(body, dict):
        if rest:
            if not isinstance(body.get(key), dict | list):
                body[key] = {}
            put(body[key], rest, value)
        elif value is None:
            body.pop(key, None)
        else:
            body[key] = value


def written(headers: Mapping[str, str], case: HeaderCase) -> Mapping[str, str]:
    """Headers with their names in these letters."""
    match case:
        case HeaderCase.LOWER:
            return {name.lower(): value for name, value in headers.items()}
        case HeaderCase.UPPER:
            return {name.upper(): value for name, value in headers.items()}
        case _:
            return headers
