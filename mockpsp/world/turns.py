"""Whose turn it is where several processes serve the same sandboxes.

Whoever looks at a sandbox or changes it has its turn: alone among all processes, and having read what the others did.
Whatever it does is one write at the end of the turn, before anybody is answered. A turn ends while its owner waits for
anything but the store: for a webhook's answer, for a fault's latency. So nobody holds up the others, and nobody who
waits has to be waited for. See docs/adr/0012.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from mockpsp.world.checkpoint import NOTHING_KEPT
from mockpsp.world.clock import ClockMode
from mockpsp.world.store import BadState, Conflict, StoreFailed
from mockpsp.world.world import Gone

if TYPE_CHECKING:
    from mockpsp.world.sandboxes import Sandbox
    from mockpsp.world.sandboxes_shared import SharedSandboxes
    from mockpsp.world.store_postgres import PostgresStore, Turn

log = logging.getLogger("mockpsp.turns")
PATIENCE_SECONDS = 30.0
"""How long a mover of the clock waits for another one, in another process."""
EARLY_SECONDS = 30.0
"""A webhook that leaves before its call is answered belongs to the process that answers, for so long."""
_BEAT_SECONDS = 2.0
_KEPT_SECONDS = 0.02
_LEASED_SECONDS = 8.0
_AGAIN_SECONDS = 0.02


class Turns(Protocol):
    """How a task comes to its turn, and lets go of it while it waits."""

    def of(self, sandbox: Sandbox) -> AbstractAsyncContextManager[Any]:
        """The sandbox's turn, for as long as the block lasts; nothing more where the task has it already."""

    def paused(self) -> AbstractAsyncContextManager[Any]:
        """The current task's turn, if it has one, is others' while the block lasts."""

    def visit(self, id: str) -> AbstractAsyncContextManager[Any]:
        """The turn of the sandbox of this name; nothing where there is none in any process."""

    async def look_everywhere(self) -> None:
        """Take in what other processes did, in all sandboxes."""


class Alone:
    """One process has all sandboxes, and always its turn."""

    __slots__ = ()

    def of(self, sandbox: Sandbox) -> AbstractAsyncContextManager[Any]:
        """See Turns."""
        return _NOTHING

    def paused(self) -> AbstractAsyncContextManager[Any]:
        """See Turns."""
        return _NOTHING

    def visit(self, id: str) -> AbstractAsyncContextManager[Any]:
        """See Turns."""
        return _NOTHING

    async def look_everywhere(self) -> None:
        """See Turns."""


_NOTHING: AbstractAsyncContextManager[None] = nullcontext()
ALONE = Alone()


class _Place:
    """A sandbox as this process knows it. ``seen`` is the number of turns that its World has taken in."""

    __slots__ = ("born", "lock", "seen", "turn", "unsure", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0
        self.turn: Turn | None = None
        self.born: int | None = None
        self.seen = 0
        self.unsure = False


class SharedTurns:
    """Turns that a store gives. ``sandboxes`` and ``busy`` are set before the first one.

    ``busy`` tells whether this process is at work on what is due in a sandbox, ``hurrying`` whether it sends webhooks
    there before it answers.
    """

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.sandboxes: SharedSandboxes
        self.busy: Callable[[Sandbox], bool]
        self.hurrying: Callable[[Sandbox], bool]
        self._places: dict[str, _Place] = {}
        self._held: dict[asyncio.Task[Any] | None, Sandbox] = {}
        self._leases: dict[str, float] = {}
        self._looking: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        store.guarded = True

    # -- turns -------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _turn(self, sandbox: Sandbox) -> AsyncIterator[None]:
        await self.enter(sandbox)
        try:
            yield
        except Exception:  # a refusal, or a fault of ours: what was done before it counts
            await self.leave()
            raise
        except BaseException:  # a cancellation: there is no time left to write
            self.abandon()
            raise
        await self.leave()

    def of(self, sandbox: Sandbox) -> AbstractAsyncContextManager[Any]:
        """See Turns. Raises Gone when the sandbox was deleted, StoreFailed when the turn does not come."""
        held = self._held.get(asyncio.current_task())
        if held is None:
            return self._turn(sandbox)
        if held is not sandbox:
            raise RuntimeError(f"{held.id} and {sandbox.id} at once: a task has one turn at a time")
        return _NOTHING

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """See Turns."""
        sandbox = self._held.get(asyncio.current_task())
        if sandbox is None:
            yield
            return
        await self.leave()
        try:
            yield
        finally:
            await self.enter(sandbox)

    async def enter(self, sandbox: Sandbox) -> None:
        """Wait for the turn, and read what others did. See ``of``."""
        place = self._places.get(sandbox.id)
        if place is None:
            place = self._places[sandbox.id] = _Place()
        place.waiting += 1
        try:
            await place.lock.acquire()
        finally:
            place.waiting -= 1
        task = asyncio.current_task()
        try:
            fresh = place.turn is None
            if place.turn is None:
                place.turn = await self.store.take(sandbox.id)
            self._held[task] = sandbox
            self.store.begin(place.turn)
            if fresh:
                await self._follow(sandbox, place, place.turn)
            self._check(sandbox)
        except BaseException:  # a cancellation too: whoever waits for the place must get it
            if task in self._held:
                self.abandon()
            else:
                place.lock.release()
            if self.sandboxes.find(sandbox.id) is not sandbox and not place.waiting:
                self._places.pop(sandbox.id, None)
            raise

    def _check(self, sandbox: Sandbox) -> None:
        if self.sandboxes.find(sandbox.id) is not sandbox:
            raise Gone(f"sandbox {sandbox.id} was deleted")

    async def leave(self) -> None:
        """Write what the turn came to, and let others have theirs. Raises StoreFailed; then nothing has changed."""
        task = asyncio.current_task()
        sandbox = self._held.get(task)
        if sandbox is None:
            return
        place = self._places[sandbox.id]
        turn = place.turn
        assert turn is not None, "who holds a place has its turn"
        try:
            if self.sandboxes.find(sandbox.id) is sandbox:
                sandbox.world.journal.note_open()
            else:  # nothing of a deleted one is left
                turn.forgo()
            if turn.used:
                await self.store.write(turn, self._due_seconds(sandbox))
        except BaseException as error:  # a cancellation too: the turn is lost
            self.abandon()
            if isinstance(error, Conflict):
                raise StoreFailed(str(error)) from error
            raise
        place.born, place.seen = turn.born, turn.number
        del self._held[task]
        self.store.pause(turn)
        if not place.waiting or monotonic() - turn.began > _KEPT_SECONDS:
            place.turn = None
            self._spawn(self.store.release(turn))
        place.lock.release()
        if self.sandboxes.find(sandbox.id) is not sandbox and not place.waiting:
            self._places.pop(sandbox.id, None)

    def abandon(self) -> None:
        """Give the turn up; whatever was done in it is undone, by reading the sandbox anew."""
        task = asyncio.current_task()
        sandbox = self._held.pop(task, None)
        if sandbox is None:
            return
        place = self._places[sandbox.id]
        turn, place.turn = place.turn, None
        place.unsure = True
        if turn is not None:
            self.store.pause(turn)
            self.store.abandon(turn)
        place.lock.release()

    def _due_seconds(self, sandbox: Sandbox) -> float | None:
        """When the next work is due, from now; None when nothing is, or when the clock has to be moved first."""
        world = sandbox.world
        if self.busy(sandbox):
            return 0.0
        due, now = world.outbox.next_due(), world.clock.now()
        if due is not None and (due <= now or world.clock.mode is ClockMode.REAL):
            return max(0.0, (due - now).total_seconds())
        return EARLY_SECONDS if self.hurrying(sandbox) else None

    async def _follow(self, sandbox: Sandbox, place: _Place, turn: Turn) -> None:
        """Take in what other processes did since this one had its last turn."""
        if turn.born is None and (place.born is not None or place.unsure):
            await self.sandboxes.refresh()  # deleted, or about to begin anew
            if self.sandboxes.find(sandbox.id) is not sandbox:
                return
        if place.unsure or turn.born != place.born:
            if sandbox.world.version or sandbox.world.journal.count:
                await self.sandboxes.refresh()
                self.sandboxes.begin_anew(sandbox)
            place.born, place.seen, place.unsure = turn.born, 0, False
        if place.seen != turn.number:
            version, kept = sandbox.world.version, NOTHING_KEPT
            if turn.base and (not version or version < turn.gone):  # what led there is not kept any more
                kept = await self.store.kept_in(turn)
            most = sandbox.world.journal.most
            events, lines = await self.store.news(turn, max(version, kept.version), place.seen, most)
            sandbox.world.rely_on(turn.base)
            strangers = sandbox.world.follow(events, lines, kept)
            place.seen = turn.number
            if strangers:
                world = sandbox.world
                asyncio.get_running_loop().call_later(EARLY_SECONDS, lambda: world.let_in(strangers))
        if not sandbox.world.version:
            await self.sandboxes.settle_in(sandbox)

    # -- looking -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def visit(self, id: str) -> AsyncIterator[None]:
        """See Turns."""
        sandbox = await self.known(id)
        entered = False
        if sandbox is not None:
            try:
                await self.enter(sandbox)
                entered = True
            except Gone:
                log.debug("%s was deleted by another process", id)
        try:
            yield
        except Exception:  # a refusal, or a fault of ours: what was done before it counts
            await self.leave()
            raise
        except BaseException:  # a cancellation: there is no time left to write
            self.abandon()
            raise
        if entered:
            await self.leave()

    async def known(self, id: str) -> Sandbox | None:
        """The sandbox of this name, be it that another process has just created it."""
        found = self.sandboxes.find(id)
        if found is None:
            await self.sandboxes.refresh()
            found = self.sandboxes.find(id)
        return found

    async def look(self, id: str) -> None:
        """Take in what other processes did in one sandbox."""
        async with self.visit(id):
            pass

    async def look_everywhere(self) -> None:
        """See Turns."""
        await self.sandboxes.refresh()
        heads = await self.store.heads()
        for each in self.sandboxes.all():
            place = self._places.get(each.id)
            if place is None or (place.born, place.seen) != heads.get(each.id):
                await self.look(each.id)

    # -- what is due -------------------------------------------------------------------------------------------------

    def leads(self, sandbox: Sandbox) -> bool:
        """Whether this process does what is due there."""
        return self._leases.get(sandbox.id, 0.0) > monotonic()

    async def lead(self, sandbox: Sandbox) -> bool:
        """Be the one process that does what is due there; False when another one is."""
        if self.leads(sandbox):
            return True
        if not await self.store.lease(sandbox.id):
            return False
        self._leases[sandbox.id] = monotonic() + _LEASED_SECONDS
        return True

    async def rest(self, sandbox: Sandbox) -> None:
        """In a turn: when nothing is due and nothing under way, let others do what will be due next."""
        due, now = sandbox.world.outbox.next_due(), sandbox.world.clock.now()
        if self.busy(sandbox) or (due is not None and due <= now):
            return
        self._leases.pop(sandbox.id, None)
        await self.store.give_up(sandbox.id, self._due_seconds(sandbox))

    async def wait_to_lead(self, sandbox: Sandbox) -> None:
        """``lead`` as soon as no other process does. Raises StoreFailed when it takes too long."""
        until = monotonic() + PATIENCE_SECONDS
        while not await self.lead(sandbox):
            if monotonic() > until:
                raise StoreFailed(f"another process is at work in sandbox {sandbox.id} for too long")
            await asyncio.sleep(_AGAIN_SECONDS)

    # -- keys --------------------------------------------------------------------------------------------------------

    async def claim(self, sandbox: Sandbox, key: str) -> bool:
        """Keep an idempotence key to this process while its request is under way; False when another one has it."""
        return await self.store.claim(sandbox.id, key)

    def disclaim(self, sandbox: Sandbox, key: str) -> None:
        """The request under this key is done."""
        self._spawn(self.store.disclaim(sandbox.id, key))

    # -- in the background -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Keep in touch with the other processes from now on."""
        self._spawn(self._beat())

    async def end(self) -> None:
        """Lose touch; what this process was to do is for others now."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self.store.end()
        except StoreFailed as error:
            log.warning("the others will take over in a while: %s", error)

    async def _beat(self) -> None:
        while True:
            try:
                if await self.store.listen(self._heard):
                    for each in self.sandboxes.all():  # nobody knows what was missed
                        self._heard(each.id)
                began = monotonic()
                renewed = await self.store.renew() if self._leases else set()
                self._leases = {
                    id: began + _LEASED_SECONDS if id in renewed else until for id, until in self._leases.items()
                }
                for id in await self.store.overdue():
                    self._glance(id)
            except (StoreFailed, BadState) as error:
                log.warning("out of touch with the other processes: %s", error)
            await asyncio.sleep(_BEAT_SECONDS)

    def _heard(self, id: str) -> None:
        """Another process has changed something; whoever looks on, or works there, wants to know."""
        if id.startswith("/"):
            self._glance(id)
            return
        found = self.sandboxes.find(id)
        if found is not None and (found.world.journal.watched or self.leads(found)):
            self._glance(id)

    def _glance(self, id: str) -> None:
        if id not in self._looking:
            self._looking.add(id)
            self._spawn(self._look(id))

    async def _look(self, id: str) -> None:
        self._looking.discard(id)  # what is told from now on is looked at again
        try:
            if id.startswith("/"):
                await self.sandboxes.refresh()
                return
            async with self.visit(id):
                found = self.sandboxes.find(id)
                if found is not None and found.world.on_commit is not None:
                    found.world.on_commit()
                    await self.rest(found)
        except (StoreFailed, BadState) as error:
            log.warning("what happened in %s is not known yet: %s", id, error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("%s", task.exception())


__all__ = ["ALONE", "Alone", "SharedTurns", "Turns"]
