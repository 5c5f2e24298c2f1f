"""The scenarios that a server offers by name: the shipped ones, and the files that it was started with."""

from __future__ import annotations

from aiohttp import web

from mockpsp.edge.keys import LIBRARY, SETTINGS
from mockpsp.scenario.library import UnknownScenario


def offered(app: web.Application) -> tuple[str, ...]:
    """What may be named; no other file of the machine."""
    shipped = app[LIBRARY].names()
    return (*shipped, *(each for each in app[SETTINGS].scenarios if each not in shipped))


def known(app: web.Application, name: str) -> str:
    """The same name. Raises UnknownScenario for one that is not offered."""
    names = offered(app)
    if name not in names:
        from difflib import get_close_matches

        near = get_close_matches(name[:80], names, n=1, cutoff=0.5)
        raise UnknownScenario(name[:200], near[0] if near else None)
    return name
