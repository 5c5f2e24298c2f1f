"""``--watch``: puts the scenario files in force again when they change, and keeps payments that are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.library import Library, UnknownScenario
from mockpsp.scenario.loader import ScenarioError
from mockpsp.world.world import World

POLL_SECONDS = 1.0
Stamp = tuple[tuple[int, int, int] | None, ...]


class Watched:
    """Scenario files as they are now, before they are read: whatever changes from here on will be noticed."""

    def __init__(self, names: Sequence[str], catalogues: Callable[[], Mapping[str, Catalogue]]) -> None:
        self.names = names
        self._catalogues = catalogues
        library = Library(catalogues)
        self._named = [library.path(name) for name in names]
        self.paths = [*self._named]
        self._seen = _stamp(self.paths)
        with suppress(ScenarioError, UnknownScenario, OSError):  # whoever serves the scenario tells
            library.together(names)
        self._also(library)

    def _also(self, library: Library) -> None:
        """Look at the files that those extend, too, and no longer at others."""
        known = dict(zip(self.paths, self._seen, strict=True))
        self.paths[:] = (*self._named, *dict.fromkeys(path for path in library.files if path not in self._named))
        self._seen = tuple(known[path] if path in known else _stat(path) for path in self.paths)

    async def follow(
        self,
        world: Callable[[], World],
        say: Callable[[str], None],
        stop: asyncio.Event,
        turn: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext,
    ) -> None:
        """Until ``stop``: whenever a file changes, reload and say what is different, or what is wrong with it.

        ``turn`` gives the right to change the world, where others have it, too.
        """
        async for _ in self.changes(stop):
            library = Library(self._catalogues)
            try:
                scenario = library.together(self.names)
            except ScenarioError as error:
                library.files += self.paths
                self._also(library)
                say("the scenario was changed and has mistakes; the old one stays in force:")
                for problem in error.problems:
                    say(f"  {problem}")
            except (UnknownScenario, OSError) as error:
                say(f"the scenario cannot be read: {error}; the old one stays in force")
            else:
                self._also(library)
                async with turn():
                    told = await world().change_scenario(scenario)
                say("the scenario was changed and is in force" + ("" if told else "; nothing is different"))
                for line in told:
                    say(f"  {line}")

    async def changes(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """One item whenever one of the files is different from before and the named ones are there."""
        async for _ in _wakes(self.paths, stop):
            now = _stamp(self.paths)
            if now != self._seen and None not in now[: len(self._named)]:
                self._seen = now
                yield


async def _wakes(paths: Sequence[Path], stop: asyncio.Event) -> AsyncIterator[None]:
    """Moments at which to look at the files: once a second, and sooner when the system says that they changed."""
    try:
        from watchfiles import awatch
    except ImportError:
        while not stop.is_set():
            yield
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)
        return
    folders = {path.resolve().parent for path in paths}
    pause = int(POLL_SECONDS * 1000)
    async for _ in awatch(
        *folders, stop_event=stop, recursive=False, step=50, debounce=200, rust_timeout=pause, yield_on_timeout=True
    ):
        yield


def _stamp(paths: Sequence[Path]) -> Stamp:
    return tuple(_stat(path) for path in paths)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
