"""How many objects that are at rest a sandbox keeps. The oldest go, many at a time; live ones never do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from mockpsp.world import records

if TYPE_CHECKING:
    from mockpsp.world.world import World

log = logging.getLogger("mockpsp.sandboxes")


class Retention:
    """At most ``keep`` finished objects of a kind, and a tenth more before anybody looks.

    A kind whose lifecycle has a function ``finished`` comes and goes; objects of others (sellers, stored cards) stay.
    An object is at rest when it is finished, no webhook or timer about it is ahead, and no shopper is waited for.
    """

    __slots__ = ("_keep", "_next", "crowded")

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._next: dict[str, int] = {}
        self.crowded: set[str] = set()

    def count(self, lifecycle: str, objects: int) -> None:
        """There are so many objects of this kind now."""
        if objects > self._keep and objects > self._next.get(lifecycle, self._keep + self._share):
            self.crowded.add(lifecycle)

    @property
    def _share(self) -> int:
        return max(1, self._keep // 10)

    def forgettable(self, world: World) -> Iterator[records.Forgotten]:
        """What is too many. Who is told to look may rest until a tenth has come in addition."""
        busy = world.outbox.subjects() | world.waiting.keys()
        for name in sorted(self.crowded):
            objects = world.objects[name]
            refs = tuple(islice(self._at_rest(world, name, busy), len(objects) - self._keep))
            self._next[name] = len(objects) - len(refs) + self._share
            if refs:
                log.info("sandbox %s forgets %d of %d %s at rest", world.name, len(refs), len(objects), name)
                yield records.Forgotten(name, refs)
        self.crowded.clear()

    @staticmethod
    def _at_rest(world: World, name: str, busy: set[str]) -> Iterator[str]:
        finished: Any = getattr(world.lifecycles[name], "finished", None)
        if finished is None:
            return
        held = {world.owner(name, ref) for ref in busy}
        for ref, state in world.objects[name].items():
            if ref not in held and finished(state):
                yield ref
