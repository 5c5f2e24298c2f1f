"""Which sandboxes there are: a stream of events like any other, with checkpoints of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from mockpsp.scenario.model import Scenario
from mockpsp.world import records
from mockpsp.world.checkpoint import Kept, Key
from mockpsp.world.store import NotKept, Store

REGISTER = "/sandboxes"
"""The stream's name; no sandbox is called that."""
CHANGES_BETWEEN = 500
"""So many changes after one checkpoint the next one is made."""


class Register:
    """What the stream has told so far. ``told`` is the scenario with which the server was last started, by sandbox."""

    def __init__(self) -> None:
        self.opened: dict[str, records.SandboxOpened] = {}
        self.told: dict[str, Scenario] = {}
        self.numbers = 0
        """The highest number that a sandbox was called by; no other one gets it."""
        self.version = 0
        self._base = 0
        self._touched: dict[str, int] = {}

    def learn(self, change: Any) -> None:
        """The next change. One that is about a sandbox that is no more says nothing."""
        self.version += 1
        self._touched[change.id] = self.version
        match change:
            case records.SandboxOpened(id=id):
                self.opened[id], self.told[id] = change, change.scenario
                self.numbers = max(self.numbers, int(id[1:]) if id[1:].isdecimal() else 0)
            case records.SandboxTold(id=id, scenario=scenario):
                self.told[id] = scenario
            case records.SandboxReset(id=id, scenario=scenario) if id in self.opened:
                self.opened[id] = replace(self.opened[id], scenario=scenario)
            case records.SandboxDropped(id=id):
                self.opened.pop(id, None)

    async def news(self, store: Store) -> list[Any]:
        """What was told since, to be learned; where a checkpoint has taken its place, what that comes to.

        Raises BadState, StoreFailed.
        """
        if self.version:
            with suppress(NotKept):
                return list(await store.read(REGISTER, self.version))
        kept, since = await self._kept(store)
        changes = list(self._differences(kept))
        self.numbers = max([self.numbers, *(value for key, value in kept.rows if key[0] == "numbers")])
        self._base = kept.version
        self.version = kept.version - len(changes)  # learning counts them
        return [*changes, *since]

    async def _kept(self, store: Store) -> tuple[Kept, Sequence[Any]]:
        """The latest checkpoint, and what was told since; another process may make the next one in between."""
        while True:
            kept = await store.kept(REGISTER)
            with suppress(NotKept):
                return kept, await store.read(REGISTER, kept.version)

    def _differences(self, kept: Kept) -> Iterator[Any]:
        there = {key[1]: value for key, value in kept.rows if key[0] == "sandbox"}
        for id, mine in self.opened.items():
            if id not in there or there[id][0].created != mine.created:
                yield records.SandboxDropped(id)
        for id, (opened, told) in there.items():
            known = self.opened.get(id)
            heard = self.told.get(id)
            if known is None or known.created != opened.created:
                yield opened
                heard = opened.scenario
            elif known.scenario != opened.scenario:
                yield records.SandboxReset(id, opened.scenario)
            if heard != told:
                yield records.SandboxTold(id, told)

    async def put_away(self, store: Store) -> None:
        """Let the store keep what there is in place of what was told, when there is enough of that."""
        if self.version - self._base < CHANGES_BETWEEN:
            return
        rows: list[tuple[Key, Any]] = [(("numbers",), self.numbers)]
        for id, version in self._touched.items():
            if version > self._base:
                opened = self.opened.get(id)
                rows.append((("sandbox", id), None if opened is None else (opened, self.told[id])))
        await store.checkpoint(REGISTER, self.version, rows)
        self._base = self.version
        self._touched.clear()


__all__ = ["CHANGES_BETWEEN", "REGISTER", "Register"]
