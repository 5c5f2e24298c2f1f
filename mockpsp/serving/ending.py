"""How a server takes its leave: it tells load balancers, lets what is due be delivered, and finishes what it began.

It goes on answering while webhooks leave, because who receives one asks back before it says thank you. Only then it
stops accepting connections, and requests that are under way get their answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from mockpsp.edge.gate import GATE
from mockpsp.edge.keys import COURIER, SANDBOXES
from mockpsp.settings import Settings
from mockpsp.world.outbox import Delivery


class Ending:
    """Asked for by a first signal; a second one means at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()

    def signal(self) -> None:
        """SIGINT or SIGTERM came."""
        if self.asked.is_set():
            self.at_once.set()
        self.asked.set()

    async def unless_at_once(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; let go of it when a second signal comes."""
        task, hurry = asyncio.create_task(work), asyncio.create_task(self.at_once.wait())
        try:
            await asyncio.wait({task, hurry}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            task.cancel()
            hurry.cancel()
            await asyncio.gather(task, hurry, return_exceptions=True)


async def drain(app: web.Application, settings: Settings, say: Callable[[str], None]) -> None:
    """Let webhooks that are due leave, for so long as the settings say, and tell what is left."""
    app[GATE].closing = True
    courier = app[COURIER]
    began = asyncio.get_running_loop().time()
    await courier.finish(settings.drain)
    courier.grace = max(0.0, settings.drain - (asyncio.get_running_loop().time() - began))
    left = sum(isinstance(work, Delivery) for each in app[SANDBOXES].all() for work in each.world.outbox.work())
    if left:
        webhooks = "1 webhook is" if left == 1 else f"{left} webhooks are"
        what = "kept for the next start" if settings.state else "lost, as there is no --state"
        say(f"{webhooks} not delivered yet: {what}")
