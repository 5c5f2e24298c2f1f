"""What earlier answers of a story said, for later steps: ``${checkout.hostedCheckoutId}``, ``${order.items[0].id}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]*)((?:\.|\[)[^}]*)?\}")
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_MISSING = object()


class UnknownReference(LookupError):
    """A ``${…}`` that leads nowhere: no such label, or no such value in its answer."""


class Labels:
    """Answers by label. ``given`` are labels that every story has, such as ``credentials``."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._bodies: dict[str, Any] = dict(given)
        self._statuses: dict[str, int | str] = {}

    def keep(self, label: str, body: Any, status: int | str) -> None:
        """Remember an answer; a later one under the same label replaces it."""
        self._bodies[label] = body
        self._statuses[label] = status

    def knows(self, label: str) -> bool:
        """Whether an answer is kept under this label."""
        return label in self._bodies

    def body(self, label: str) -> Any:
        """The whole answer under a label. Raises UnknownReference."""
        if label not in self._bodies:
            raise UnknownReference(f"no step before this one kept an answer as '{label}'")
        return self._bodies[label]

    def fill(self, value: Any) -> Any:
        """The value with every reference in its texts replaced, in keys too. Raises UnknownReference.

        A text that is nothing but one reference becomes the value itself, whatever its kind.
        """
        if isinstance(value, Mapping):
            return {self.text(key) if isinstance(key, str) else key: self.fill(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill(each) for each in value]
        if not isinstance(value, str):
            return value
        whole = _REFERENCE.fullmatch(value)
        return self._find(whole) if whole is not None else self.text(value)

    def text(self, value: str) -> str:
        """The same for what can only be text, such as a part of a path."""
        return _REFERENCE.sub(lambda match: _written(self._find(match)), value)

    def _find(self, match: re.Match[str]) -> Any:
        label, path = match[1], match[2] or ""
        value = _walk(self.body(label), [number or word for number, word in _PART.findall(path)])
        if value is _MISSING and path == ".status" and label in self._statuses:
            return self._statuses[label]
        if value is _MISSING:
            raise UnknownReference(
                f"{match[0]} leads nowhere: the answer '{label}' has no {path.lstrip('.') or 'value'}"
            )
        return value


def _walk(value: Any, parts: list[str]) -> Any:
    """Follow a path; a key may itself contain dots, as Adyen's ``additionalData`` does."""
    if not parts:
        return value
    if isinstance(value, list):
        if not parts[0].isdigit() or int(parts[0]) >= len(value):
            return _MISSING
        return _walk(value[int(parts[0])], parts[1:])
    if isinstance(value, Mapping):
        for end in range(1, len(parts) + 1):
            key = ".".join(parts[:end])
            if key in value:
                return _walk(value[key], parts[end:])
    return _MISSING


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping | list) or value is None:
        raise UnknownReference(f"a part of a text can only be a text or a number, not {type(value).__name__}")
    return str(value)
