"""Allowed steps as a table: one place to read, print, draw and test for gaps."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from mockpsp.domain.errors import Refusal

S = TypeVar("S", bound=Enum)


class IllegalStep(Refusal):
    """The object's state does not allow this step; ``allowed`` names the steps that it does."""

    def __init__(self, state: Enum, step: type[Any], allowed: tuple[str, ...]) -> None:
        super().__init__(f"{step.__name__} is not possible in state {state.value}")
        self.state = state
        self.step = step
        self.allowed = allowed


def follow(table: Mapping[S, Mapping[type[Any], S]], state: S, step: type[Any]) -> S:
    """The state after ``step``. Raises IllegalStep when the table has no such step."""
    row = table[state]
    try:
        return row[step]
    except KeyError:
        raise IllegalStep(state, step, tuple(sorted(each.__name__ for each in row))) from None
