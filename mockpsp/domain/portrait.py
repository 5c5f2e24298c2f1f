"""What an object looks like to somebody who does not know its provider: what it is, and what in it has a state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value


class Machine(Value, frozen=True, kw_only=True):
    """One kind of thing with a state: the steps that it may take, by state and fact.

    ``good`` and ``bad`` are states that are told in colour; ``words`` how the provider writes states whose value does
    not say it. The first state of ``steps`` is where a life begins.
    """

    name: str
    steps: Mapping[Any, Mapping[type[Any], Any]]
    good: frozenset[Any] = frozenset()
    bad: frozenset[Any] = frozenset()
    words: Mapping[Any, str] = {}

    def word(self, state: Enum) -> str:
        """The state as the provider writes it."""
        return self.words.get(state) or str(state.value)

    def final(self, state: Enum) -> bool:
        """Whether no step leads out of it."""
        return all(after is state for after in self.steps.get(state, {}).values())

    def tone(self, state: Enum) -> str:
        """``good``, ``bad``, ``wait`` while something is still to come, else ``quiet``."""
        if state in self.good:
            return "good"
        if state in self.bad:
            return "bad"
        return "quiet" if self.final(state) else "wait"


class Track(Value, frozen=True, kw_only=True):
    """One thing of an object with its present state. ``ref`` is the provider's id of it, ``note`` what else tells it.

    Within an object a machine's name and the reference name one track.
    """

    machine: Machine
    ref: str
    state: Enum
    amount: Money | None = None
    note: str = ""


class Portrait(Value, frozen=True, kw_only=True):
    """An object as it stands. ``reference`` is the merchant's own; the first of ``tracks`` tells most of it.

    ``also`` are further names under which calls and webhooks speak of it, besides those of the tracks.
    """

    kind: str
    ref: str
    tracks: tuple[Track, ...]
    reference: str = ""
    amount: Money | None = None
    began: datetime | None = None
    also: tuple[str, ...] = ()
