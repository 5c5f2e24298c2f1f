"""The register of sandboxes where several processes keep it. Each reads what is new when it has to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from mockpsp.scenario.model import Scenario
from mockpsp.world import records
from mockpsp.world.clock import real_now
from mockpsp.world.register import REGISTER
from mockpsp.world.sandboxes import DEFAULT, USUAL, Bounds, Sandbox, Sandboxes, Tenant, endpoint_changed
from mockpsp.world.store import Conflict, Store
from mockpsp.world.turns import SharedTurns


class SharedSandboxes(Sandboxes):
    """See Sandboxes. A sandbox is read when it has its first turn, not before."""

    turns: SharedTurns

    def __init__(
        self,
        tenants: Iterable[Tenant],
        store: Store,
        attach: Callable[[Sandbox], None],
        turns: SharedTurns,
        bounds: Bounds = USUAL,
    ) -> None:
        super().__init__(tenants, store, attach, turns, bounds)
        self._reading = asyncio.Lock()
        turns.sandboxes = self

    async def restore(self) -> None:
        """See Sandboxes. Raises BadState, StoreFailed."""
        await self.refresh()

    async def refresh(self) -> None:
        """Learn what other processes created, reset and deleted. Raises StoreFailed."""
        async with self._reading:
            for change in await self._register.news(self.store):
                self._learn(change)

    def _learn(self, change: Any) -> None:
        known = change.id in self._register.opened
        self._register.learn(change)
        match change:
            case records.SandboxOpened():
                self._begin(self._sandbox(change))
            case records.SandboxDropped(id=id) if known:
                gone = self.get(id)
                self._remove(gone)
                gone.world.close()
                gone.world.journal.close()

    def _begin(self, sandbox: Sandbox) -> None:
        sandbox.world.on_scenario = lambda: self._issue(sandbox)
        self._issue(sandbox)
        self._attach(sandbox)
        self._admit(sandbox)

    async def _tell(self, change: Any) -> None:
        """Write it into the register, behind what others wrote. Raises StoreFailed."""
        await self._write(lambda: change)

    async def _write(self, make: Callable[[], Any]) -> None:
        """Write what is to be said now, if anything is; made again when another process was faster."""
        while True:
            async with self._reading:
                change = make()
                if change is None:
                    return
                try:
                    await self.store.append(REGISTER, self._register.version, [change])
                except Conflict:
                    pass
                else:
                    self._learn(change)
                    await self._put_away()
                    return
            await self.refresh()

    async def create(
        self, scenario: Scenario, *, id: str | None = None, seed: int | None = None, clock: datetime | None = None
    ) -> Sandbox:
        """See Sandboxes. Where another process has just created one with this ``id``, that one."""
        chosen = ""

        def opened() -> records.SandboxOpened | None:
            nonlocal chosen
            chosen = id or f"s{self._register.numbers + 1}"
            return (
                None
                if chosen in self._register.opened
                else records.SandboxOpened(chosen, scenario, seed, clock, real_now())
            )

        await self._write(opened)
        sandbox = self.get(chosen)
        async with self.turns.of(sandbox):
            return sandbox

    async def begin(self, scenario: Scenario, seed: int | None) -> None:
        """See Sandboxes. Of processes that start with different scenarios, the last one is heard."""
        there = self.find(DEFAULT) or await self.create(scenario, id=DEFAULT, seed=seed)
        async with self.turns.of(there):
            if self._register.told[DEFAULT] != scenario:
                await self._tell(records.SandboxTold(DEFAULT, scenario))
                await there.world.change_scenario(replace(scenario, seed=there.world.scenario.seed))
            changes = [endpoint_changed(name, urls) for name, urls in self.endpoints.items()
                       if there.world.endpoints.get(name) != urls]  # fmt: skip
            if changes:
                await there.world.book(lambda: changes)

    async def settle_in(self, sandbox: Sandbox) -> None:
        """In a turn: the first events of a sandbox that has none, whoever created it or set it back."""
        await self._open(sandbox)

    def begin_anew(self, sandbox: Sandbox) -> None:
        """In a turn: an empty World in place of one that is of the past, to be filled from the store."""
        old, opened = sandbox.world, self._register.opened[sandbox.id]
        old.close()
        sandbox.world = self._world(sandbox.id, sandbox.key, opened.scenario, sandbox.seed, sandbox.start)
        sandbox.world.on_scenario = lambda: self._issue(sandbox)
        self._issue(sandbox)
        self._attach(sandbox)
        old.journal.close()

    async def drop(self, id: str) -> None:
        """See Sandboxes."""
        sandbox = self.get(id)
        async with self.turns.of(sandbox):
            await self._tell(records.SandboxDropped(id))
            await self.store.drop(id)


__all__ = ["SharedSandboxes"]
