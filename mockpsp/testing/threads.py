"""A server in a thread with an event loop of its own, so that blocking clients can talk to it from the same process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from mockpsp.settings import Settings
from mockpsp.testing.server import Server, running

T = TypeVar("T")
_PATIENCE_SECONDS = 60.0


class Threaded:
    """A running server and its event loop."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop
        self.url = f"http://localhost:{server.port}"
        self.port = server.port

    def run(self, work: Coroutine[Any, Any, T], timeout: float = _PATIENCE_SECONDS) -> T:
        """The result of a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def call(self, function: Callable[[], T]) -> T:
        """The result of a plain function, called in the server's loop."""

        async def work() -> T:
            return function()

        return self.run(work())


@contextmanager
def threaded(settings: Settings | None = None) -> Iterator[Threaded]:
    """Start a server in a thread, and stop it at the end. Raises what ``running`` raises."""
    started: Future[Threaded] = Future()
    stop = asyncio.Event()

    async def main() -> None:
        async with running(settings) as server:
            started.set_result(Threaded(server, asyncio.get_running_loop()))
            await stop.wait()

    def thread() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    worker = threading.Thread(target=thread, name="mockpsp server", daemon=True)
    worker.start()
    try:
        server = started.result(_PATIENCE_SECONDS)
    except BaseException:  # Ctrl-C too: the thread goes before the program does
        worker.join(1.0)
        raise
    try:
        yield server
    finally:
        server.loop.call_soon_threadsafe(stop.set)
        worker.join(_PATIENCE_SECONDS)
