"""A server in a thread of its own, so that blocking clients (the official SDKs) can talk to it from a test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mockpsp.settings import Settings
from mockpsp.testing.server import Server, running

T = TypeVar("T")


class Threaded:
    """A running server and its event loop. ``run`` runs a coroutine in that loop and waits for its result."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop
        self.url = f"http://localhost:{server.port}"
        self.port = server.port

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 60.0) -> T:
        """The result of a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def call(self, function: Callable[[], T]) -> T:
        """The result of a plain function, called in the server's loop."""

        async def work() -> T:
            return function()

        return self.run(work())


@contextmanager
def threaded(settings: Settings | None = None) -> Iterator[Threaded]:
    """Start a server in a thread, and stop it at the end."""
    ready: list[Threaded] = []
    failed: list[BaseException] = []
    started, stop = threading.Event(), asyncio.Event()

    async def main() -> None:
        async with running(settings) as server:
            ready.append(Threaded(server, asyncio.get_running_loop()))
            started.set()
            await stop.wait()

    def thread() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            started.set()

    worker = threading.Thread(target=thread, name="mockpsp server")
    worker.start()
    started.wait(30)
    if failed:
        worker.join()
        raise failed[0]
    try:
        yield ready[0]
    finally:
        ready[0].loop.call_soon_threadsafe(stop.set)
        worker.join(30)
