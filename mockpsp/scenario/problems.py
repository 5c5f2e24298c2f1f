"""What is wrong with a scenario file, where, and what to change. Everything is collected, then told at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mockpsp.domain.value import Value

_FEW = 10
_LONGEST_GUESS = 60
_GUESSES_PER_FILE = 100


class Spot(NamedTuple):
    """A place in a file (line and column from 1), or in an inline value (a JSON pointer)."""

    line: int = 0
    column: int = 0
    path: str = ""


class Problem(Value, frozen=True):
    """One mistake. ``path`` is a JSON pointer and is set for inline values only, which have no lines."""

    file: str
    line: int
    column: int
    message: str
    path: str = ""

    def __str__(self) -> str:
        where = f"{self.line}:{self.column}" if self.line else self.path or "/"
        return f"{self.file}:{where}: {self.message}"


class ScenarioError(ValueError):
    """A scenario that cannot be used. ``problems`` holds every mistake, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Bad(Exception):
    """A value that cannot be read; whoever asked for it notes the problem and goes on with the rest."""

    def __init__(self, spot: Spot, message: str) -> None:
        super().__init__(message)
        self.spot = spot
        self.message = message


class Problems:
    """Collects the mistakes of one file. Of a ``trusted`` file the world and the settings are not checked again."""

    def __init__(self, file: str, *, trusted: bool = False) -> None:
        self.file = file
        self.trusted = trusted
        self.found: list[Problem] = []
        self._guesses = 0

    def add(self, spot: Spot, message: str) -> None:
        """Note a mistake and go on."""
        self.found.append(Problem(self.file, spot.line, spot.column, message, spot.path))

    def add_bad(self, bad: Bad) -> None:
        """Note a value that could not be read."""
        self.add(bad.spot, bad.message)

    def hint(self, word: str, known: Iterable[str]) -> str:
        """The end of a sentence about an unknown word: the nearest known one, or all of them if they are few.

        Guessing is slow for long words and in files where everything is wrong, so there it stops.
        """
        words = sorted(known)
        self._guesses += 1
        if self._guesses > _GUESSES_PER_FILE:
            return ""
        near = nearest(word, words)
        if near:
            return f"; did you mean '{near}'?"
        return f"; known: {', '.join(words)}" if 0 < len(words) <= _FEW else ""

    def close(self) -> None:
        """Raise ScenarioError if anything was noted."""
        if self.found:
            raise ScenarioError(self.found)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one, or None."""
    from difflib import get_close_matches

    if len(word) > _LONGEST_GUESS:
        return None
    lowered = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), lowered, n=1)
    return lowered[found[0]] if found else None
