"""The shipped stories, read once and played once for all tests that look at what came of them."""

from __future__ import annotations

from functools import cache

from mockpsp.app import catalogues
from mockpsp.scenario.library import Library
from mockpsp.scenario.model import Scenario
from mockpsp.testing.played import Played
from mockpsp.testing.player import play

LIBRARY = Library(catalogues)
NAMES = LIBRARY.names()
STORIES = [name for name in NAMES if "/" in name]
_PLAYED: dict[str, Played] = {}


@cache
def scenario(name: str) -> Scenario:
    """A shipped scenario."""
    return LIBRARY.load(name)


async def played_once(name: str) -> Played:
    """What came of a story."""
    if name not in _PLAYED:
        _PLAYED[name] = await play(scenario(name))
    return _PLAYED[name]
