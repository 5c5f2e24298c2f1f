"""Values on their way from the journal into a recorded story: ids become references, secrets and cards are masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mockpsp.world.masking import HIDDEN, mask, mask_text

_SHORTEST = 6
_SHORTEST_PART = 8
_IDENTIFYING = re.compile(r"(id|uuid|reference|token|data|href|code|key)$", re.IGNORECASE)
_IN_PATH = re.compile(r"[^.\[\]{}]+")
_DIGIT = re.compile(r"[0-9]")


def leaves(value: Any, path: str = "", key: str = "") -> Iterator[tuple[str, str, str]]:
    """Every text of a JSON value with its path and the key it stands under."""
    if isinstance(value, str):
        yield path, key, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if _IN_PATH.fullmatch(str(name)) or "." in str(name):
                yield from leaves(each, f"{path}.{name}", str(name))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from leaves(each, f"{path}[{index}]", key)


class References:
    """What the application learned from answers, and from its settings. ``used`` are the steps that it went back to.

    What the application had said itself before is not learned: an echoed order number stays as it is.
    """

    def __init__(self, credentials: Mapping[str, Mapping[str, Any]]) -> None:
        self._given: dict[str, str] = {}
        self._known: dict[str, tuple[int, str]] = {}
        self._said: set[str] = set()
        self.used: set[int] = set()
        self.origins: set[str] = set()
        self.endpoints: dict[tuple[str, str], str] = {}
        """What a story calls the address of a provider's webhooks."""
        self.speaking = ""
        """The provider to whom the application speaks now."""
        self.given(credentials)

    def given(self, credentials: Mapping[str, Mapping[str, Any]]) -> None:
        """The settings of the application from now on."""
        self._given = {value: f"credentials{path}" for path, _, value in leaves(credentials) if len(value) >= 4}

    def said(self, value: Any) -> None:
        """The application sent this."""
        self._said.update(text for _, _, text in leaves(value))

    def learned(self, step: int, answer: Any) -> None:
        """The application got this answer at this step."""
        for path, key, text in leaves(answer):
            telling = _DIGIT.search(text) or _IDENTIFYING.search(key)
            if len(text) >= _SHORTEST and telling and text not in self._said and text not in self._given:
                self._known.setdefault(text, (step, path))

    def fill(self, value: Any) -> Any:
        """The value with references in it, as ``⟨step⟩`` until labels have names."""
        if isinstance(value, Mapping):
            return {self._name(str(name)): self.fill(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill(each) for each in value]
        return self.text(value) if isinstance(value, str) else value

    def _name(self, name: str) -> str:
        """A key; one that is just a word stays, be it the id of something."""
        return self.text(name) if _DIGIT.search(name) else name

    def text(self, text: str) -> str:
        """A text, or a part of one, that is known from elsewhere."""
        whole = self._whole(text)
        if whole is not None:
            return whole
        for part in self._parts(text):
            text = text.replace(part, self._whole(part) or part)
        for origin in self.origins:
            text = text.replace(origin, "${origin}")
        return text

    def _whole(self, text: str) -> str | None:
        addresses = {provider: word for (provider, url), word in self.endpoints.items() if url == text}
        if addresses:
            return addresses.get(self.speaking) or next(iter(addresses.values()))
        if text in self._given:
            return f"${{{self._given[text]}}}"
        if text in self._known:
            step, path = self._known[text]
            self.used.add(step)
            return f"${{{placeholder(step)}{path}}}"
        return None

    def _parts(self, text: str) -> Sequence[str]:
        """Known values inside a text, the longest first; none that lies inside one found before."""
        found: list[str] = []
        if len(text) <= _SHORTEST_PART:
            return found
        known = (each for each in (*self._known, *self._given) if len(each) >= _SHORTEST_PART and each in text)
        for each in sorted(known, key=len, reverse=True):
            if not any(each in longer for longer in found):
                found.append(each)
        return found


def placeholder(step: int) -> str:
    """What stands for the label of a step until it has one."""
    return f"\x02{step}\x03"


def named(value: Any, labels: Mapping[int, str]) -> Any:
    """The value with labels in place of placeholders."""
    if isinstance(value, Mapping):
        return {named(key, labels): named(each, labels) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [named(each, labels) for each in value]
    if isinstance(value, str) and "\x02" in value:
        return re.sub("\x02([0-9]+)\x03", lambda match: labels[int(match[1])], value)
    return value


_TEST = "test_"
_CODE = re.compile(rf"({_TEST})?[0-9]{{3,4}}")
"""A security code, as it is or in the form that Adyen documents for tests, which is nobody's secret."""


class Discretion:
    """Masks what a file must not tell. Test numbers that the sandbox's own scenario names are no secret."""

    def __init__(self, scenario: Iterable[Any]) -> None:
        self._open = {text for part in scenario for _, _, text in leaves(part)}
        self.hidden = 0

    def masked(self, value: Any, free: frozenset[str] = frozenset()) -> Any:
        """The value as it may be written, ``free`` keys as they are; ``hidden`` counts what had to be masked."""
        return self._masked(value, mask(value), self._at_home(value), free)

    def _at_home(self, value: Any) -> bool:
        """Whether a body speaks of a card, and of no card but the scenario's: then its security code is theirs."""
        cards = [text for _, key, text in leaves(value) if isinstance(text, str) and _shortened(text, key)]
        return bool(cards) and all(self._is_open(each) for each in cards)

    def _is_open(self, text: str) -> bool:
        bare = re.sub(r"[ -]", "", text).removeprefix(_TEST)
        return text in self._open or bare in self._open

    def _masked(self, value: Any, masked: Any, at_home: bool, free: frozenset[str]) -> Any:
        if isinstance(value, Mapping) and isinstance(masked, Mapping):
            return {
                name: each if name in free else self._masked(each, masked[name], at_home, free)
                for name, each in value.items()
            }
        if isinstance(value, list) and isinstance(masked, list):
            return [self._masked(each, other, at_home, free) for each, other in zip(value, masked, strict=True)]
        if value == masked or (isinstance(value, str) and (self._is_open(value) or value.startswith("${"))):
            return value
        code = _CODE.fullmatch(str(value)) if masked == HIDDEN else None
        if code is not None and (at_home or code[1]):
            return value
        if isinstance(value, str) and self._is_open_sentence(value):
            return value
        self.hidden += 1
        return masked

    def _is_open_sentence(self, text: str) -> bool:
        """A text whose only card numbers are the scenario's, such as ``test_4111…``."""
        numbers = re.findall(r"[0-9]{12,19}", text)
        return bool(numbers) and mask_text(text) != text and all(self._is_open(each) for each in numbers)


def _shortened(text: str, key: str) -> bool:
    """Whether a text is masked as a card number is."""
    masked = mask(text, key)
    return masked not in (text, HIDDEN)


def without(made: Any, extra: Any) -> Any:
    """The JSON merge patch (RFC 7386) that makes ``extra`` of ``made``; an empty mapping when they are the same."""
    if not isinstance(made, Mapping) or not isinstance(extra, Mapping):
        return extra
    patch: dict[str, Any] = {name: None for name in made if name not in extra}
    for name, each in extra.items():
        if name not in made:
            patch[name] = each
        elif made[name] != each:
            patch[name] = without(made[name], each)
    return patch
