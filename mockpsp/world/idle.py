"""Sandboxes that nobody calls any more are dropped, with their state, journal and timers.

Time is the machine's, without its jumps: a sandbox's own clock may stand still, or be a year ahead. A restart begins
the wait anew. Timers and webhooks are no calls, a reader of the live journal is there for as long as it reads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from mockpsp.domain.clock import format_duration
from mockpsp.world.clock import real_now
from mockpsp.world.sandboxes import DEFAULT, Sandbox, Sandboxes

log = logging.getLogger("mockpsp.sandboxes")
_LOOKS = 10
"""So many times in the span that it takes."""
_MOST_SECONDS = 60.0
_REMEMBERED = 1_000


class _Seen(NamedTuple):
    sandbox: Sandbox
    calls: int
    since: float


class Idle:
    """Looks at all sandboxes now and then. ``now`` are seconds of a clock that never goes back."""

    def __init__(self, sandboxes: Sandboxes, after: timedelta, now: Callable[[], float]) -> None:
        self._sandboxes = sandboxes
        self._after = after
        self._now = now
        self._seen: dict[str, _Seen] = {}

    async def run(self) -> None:
        """For ever."""
        pause = min(self._after.total_seconds() / _LOOKS, _MOST_SECONDS)
        while True:
            await asyncio.sleep(pause)
            await self.look()

    async def look(self) -> list[str]:
        """Drop what nobody has called for so long; the ids."""
        now, seen, gone = self._now(), self._seen, list[str]()
        self._seen = {}
        for sandbox in self._sandboxes.all():
            before = seen.get(sandbox.id)
            known = before is not None and before.sandbox is sandbox
            if before is None or not known or before.calls != sandbox.calls or sandbox.world.journal.watched:
                before = _Seen(sandbox, sandbox.calls, now)
            if now - before.since < self._after.total_seconds() or sandbox.id == DEFAULT:
                self._seen[sandbox.id] = before
                continue
            await self._drop(sandbox, now - before.since)
            gone.append(sandbox.id)
        return gone

    async def _drop(self, sandbox: Sandbox, seconds: float) -> None:
        expired = self._sandboxes.expired
        expired[sandbox.id] = real_now() - timedelta(seconds=seconds)
        if len(expired) > _REMEMBERED:
            del expired[next(iter(expired))]
        await self._sandboxes.drop(sandbox.id)
        log.info("sandbox %s was dropped: nobody has called it for %s", sandbox.id, format_duration(self._after))
