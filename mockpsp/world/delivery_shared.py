"""What is due, where several processes serve a sandbox: one of them does it, and another one when that one dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from mockpsp.world.delivery import Courier, Done, Driver, Policy
from mockpsp.world.outbox import Delivery
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.store import StoreFailed
from mockpsp.world.targets import Reach
from mockpsp.world.turns import SharedTurns
from mockpsp.world.world import Gone, World

log = logging.getLogger("mockpsp.delivery")
_LOOK_AGAIN_SECONDS = 1.0
_WAIT_SECONDS = 0.05


class SharedCourier(Courier):
    """See Courier. Who does what is due in a sandbox leads there; whoever does not looks again a little later."""

    turns: SharedTurns

    def __init__(
        self,
        policies: Mapping[str, Policy],
        drivers: Mapping[str, Driver],
        allowed: Callable[[str], bool],
        reach: Reach,
        turns: SharedTurns,
    ) -> None:
        super().__init__(policies, drivers, allowed, reach, turns)
        turns.busy, turns.hurrying = self._busy, lambda sandbox: sandbox.id in self._hurrying
        self._hurrying: dict[str, int] = {}
        self._movers: dict[str, int] = {}
        self._later: dict[str, asyncio.TimerHandle] = {}

    def _busy(self, sandbox: Sandbox) -> bool:
        return sandbox.id in self._movers or any(lane[0] == sandbox.id for lane in self._lanes)

    def wake(self, sandbox: Sandbox) -> None:
        """See Courier."""
        if sandbox.id not in self._later or sandbox.world.closed:
            super().wake(sandbox)

    def _look_again(self, sandbox: Sandbox) -> None:
        """Another process does what is due, or there is no store at the moment: not at once again."""

        def look() -> None:
            self._later.pop(sandbox.id, None)
            self.wake(sandbox)

        if sandbox.id not in self._later:
            self._later[sandbox.id] = asyncio.get_running_loop().call_later(_LOOK_AGAIN_SECONDS, look)

    async def _drain_in_background(self, sandbox: Sandbox) -> None:
        try:
            await super()._drain_in_background(sandbox)
        except StoreFailed as error:
            log.warning("what is due in %s has to wait: %s", sandbox.id, error)

    async def _drain(self, sandbox: Sandbox, done: list[Done]) -> None:
        try:
            async with self.turns.of(sandbox):
                due = sandbox.world.outbox.next_due()
                if due is None or due > sandbox.world.clock.now():
                    return
                if not await self.turns.lead(sandbox):
                    self._look_again(sandbox)
                    return
                await super()._drain(sandbox, done)
                await self.turns.rest(sandbox)
        except StoreFailed:
            self._look_again(sandbox)
            raise

    async def _run_lane(self, sandbox: Sandbox, lane: tuple[str, str]) -> None:
        try:
            await super()._run_lane(sandbox, lane)
            async with self.turns.of(sandbox):
                await self.turns.rest(sandbox)
        except Gone:
            log.debug("%s was reset or deleted while webhooks left", sandbox.id)
        except StoreFailed as error:
            log.warning("webhooks of %s have to wait: %s", sandbox.id, error)
            self._look_again(sandbox)

    async def _deliver(self, sandbox: Sandbox, world: World, delivery: Delivery, done: list[Done]) -> None:
        """See Courier. What another process has sent meanwhile is not sent again."""
        async with self.turns.of(sandbox):
            early = delivery.queued.early and not delivery.attempts
            if not early and not self.turns.leads(sandbox) and not await self.turns.lead(sandbox):
                world.outbox.let_in(delivery)
                self._look_again(sandbox)
            elif world.outbox.is_ahead(delivery):
                await super()._deliver(sandbox, world, delivery, done)

    async def settle(self, sandbox: Sandbox) -> list[Done]:
        """See Courier. Tells what this process did; another one may have been at work as well."""
        done = await self.drain(sandbox)
        while True:
            if sandbox.world.closed:
                raise Gone(f"sandbox {sandbox.id} was deleted meanwhile")
            due = sandbox.world.outbox.next_due()
            under_way = any(lane[0] == sandbox.id for lane in self._lanes)
            if not under_way and (due is None or due > sandbox.world.clock.now()):
                return done
            tasks = self._tasks.get(sandbox.id)
            if tasks:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=_WAIT_SECONDS)
            else:
                await asyncio.sleep(_WAIT_SECONDS)
            done.extend(await self.drain(sandbox))

    def moving(self, sandbox: Sandbox) -> AbstractAsyncContextManager[Any]:
        """See Courier: in no process."""
        return self._moving(sandbox)

    @asynccontextmanager
    async def _moving(self, sandbox: Sandbox) -> AsyncIterator[None]:
        async with sandbox.moving:
            self._movers[sandbox.id] = 1
            try:
                await self.turns.wait_to_lead(sandbox)
                async with self.turns.of(sandbox):
                    pass  # the time from which it is moved
                yield
            finally:
                del self._movers[sandbox.id]
                with suppress(Gone):
                    async with self.turns.of(sandbox):
                        await self.turns.rest(sandbox)

    async def hurry(self, sandbox: Sandbox, cause: int) -> None:
        """See Courier. Where this process does not live to the end, another one sends them a while later."""
        self._hurrying[sandbox.id] = self._hurrying.get(sandbox.id, 0) + 1
        try:
            await super().hurry(sandbox, cause)
        finally:
            self._hurrying[sandbox.id] -= 1
            if not self._hurrying[sandbox.id]:
                del self._hurrying[sandbox.id]

    async def close(self) -> None:
        """See Courier."""
        for handle in self._later.values():
            handle.cancel()
        await super().close()


__all__ = ["SharedCourier"]
