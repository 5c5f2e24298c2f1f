"""``--watch``: puts the scenario files in force again when they change, and keeps payments that are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.library import Library, UnknownScenario
from mockpsp.scenario.loader import ScenarioError
from mockpsp.world.world import World

POLL_SECONDS = 1.0
Stamp = tuple[tuple[int, int, int] | None, ...]


async def watch(
    names: Sequence[str],
    catalogues: Callable[[], Mapping[str, Catalogue]],
    world: Callable[[], World],
    say: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    """Until ``stop``: whenever a file changes, reload and say what is different, or what is wrong with it."""
    paths = [Library(catalogues).path(name) for name in names]
    async for _ in changes(paths, stop):
        try:
            scenario = Library(catalogues).together(names)
        except ScenarioError as error:
            say("the scenario was changed and has mistakes; the old one stays in force:")
            for problem in error.problems:
                say(f"  {problem}")
        except (UnknownScenario, OSError) as error:
            say(f"the scenario cannot be read: {error}; the old one stays in force")
        else:
            told = await world().change_scenario(scenario)
            say("the scenario was changed and is in force" + ("" if told else "; nothing is different"))
            for line in told:
                say(f"  {line}")


async def changes(paths: Sequence[Path], stop: asyncio.Event) -> AsyncIterator[None]:
    """One item whenever one of the files is different from before and is there."""
    seen = _stamp(paths)
    async for _ in _wakes(paths, stop):
        now = _stamp(paths)
        if now != seen and None not in now:
            seen = now
            yield


async def _wakes(paths: Sequence[Path], stop: asyncio.Event) -> AsyncIterator[None]:
    """Moments at which looking at the files is worth it: as the system says, or else once a second."""
    try:
        from watchfiles import awatch
    except ImportError:
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)
            yield
        return
    folders = {path.resolve().parent for path in paths}
    async for _ in awatch(*folders, stop_event=stop, recursive=False, step=50, debounce=200, rust_timeout=1000):
        yield


def _stamp(paths: Sequence[Path]) -> Stamp:
    return tuple(_stat(path) for path in paths)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
