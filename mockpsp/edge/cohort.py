"""Calls that arrive together go through the pipeline together: each step is taken by all of them before the next one.

One call runs through more code than a processor's inner caches hold. Alone, it fetches most of its way from further
out, and so does the next one. Step by step with others the code of a step is fetched once for all of them; nothing
else is different. docs/adr/0017 says what this gives and what a step may rely on.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Iterable
from types import coroutine
from typing import Any, Final, Protocol

STEP: Final = object()


class Pace:
    """Whether a call goes step by step with others; no more so from when it has to wait for something."""

    __slots__ = ("together",)

    def __init__(self, together: bool = False) -> None:
        self.together = together


ALONE: Final = Pace()
"""The pace of whatever nobody marches with."""


@coroutine
def next_step() -> Generator[object, None, None]:
    """Let the others come to here. Only for a call that is ``together``: nobody but ``march`` knows what is meant.

    What was read before may be different after it, for others were at work.
    """
    yield STEP


class Member(Protocol):
    """A call on its way, and who has to know how it went."""

    together: bool
    work: Coroutine[Any, Any, Any]

    def ended(self, value: Any) -> None:
        """It has an answer."""

    def waits(self, awaited: Any) -> None:
        """It has to wait for something, and goes on by itself then."""

    def failed(self, error: Exception) -> None:
        """It raised what it never should."""


def march(members: Iterable[Member]) -> None:
    """Take these calls to their ends, or to where they wait. Answers are given when nobody has another step to take."""
    under_way, done = list(members), []
    while under_way:
        staying = []
        for each in under_way:
            try:
                awaited = each.work.send(None)
            except StopIteration as end:
                done.append((each, end.value))
            except Exception as error:  # noqa: BLE001 - it is told to whoever has the call; the others must go on
                each.failed(error)
            else:
                if awaited is STEP:
                    staying.append(each)
                else:
                    each.together = False
                    each.waits(awaited)
        under_way = staying
    for each, value in done:
        try:
            each.ended(value)
        except Exception as error:  # noqa: BLE001 - as above
            each.failed(error)


__all__ = ["ALONE", "STEP", "Member", "Pace", "march", "next_step"]
