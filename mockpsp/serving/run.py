"""One server until a signal ends it. Imported after the sockets are bound, because aiohttp is most of a start."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import http_parser, web

from mockpsp.app import build_app, catalogues
from mockpsp.edge.keys import CONTRACTS, PROVIDERS, SANDBOXES
from mockpsp.serving import ready
from mockpsp.serving.ending import Ending, drain
from mockpsp.serving.sockets import CannotListen, Listening, listen
from mockpsp.serving.tls import Certificate, certificate
from mockpsp.serving.warm import warm_up
from mockpsp.settings import Settings
from mockpsp.world.sandboxes import DEFAULT

if TYPE_CHECKING:
    from ssl import SSLContext

    from mockpsp.serving.watch import Watched

Say = Callable[[str], None]
Beside = Callable[[str, Mapping[str, str]], AbstractAsyncContextManager[str]]
"""Something that runs beside the server: from its address and its settings for clients to what is told of it."""
GRACE_SECONDS = 2.0


def run(
    settings: Settings, listening: Listening, ready_file: Path | None, say: Say, beside: Beside | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. Raises what build_app raises, NoTls, CannotListen; SystemExit after a second."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        server = _Server(settings, listening, ready_file, say, beside)
        runner.run(server.serve())
    if server.ending.at_once.is_set():
        raise SystemExit(1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class _Server:
    def __init__(
        self, settings: Settings, listening: Listening, ready_file: Path | None, say: Say, beside: Beside | None
    ) -> None:
        self.beside = beside
        self.settings = settings
        self.listening = listening
        self.ready_file = ready_file
        self.say = say
        self.ending = Ending()
        self.stop = self.ending.asked

    async def serve(self) -> None:
        """From the first import to the last connection."""
        with suppress(asyncio.CancelledError):  # a second Ctrl+C while starting or stopping
            async with AsyncExitStack() as stack:
                watched = self._watched()
                app = build_app(self.settings)
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS)
                await runner.setup()
                stack.push_async_callback(self._end, runner)
                https, shown = await self._https(runner, stack)
                for each in self.listening.sockets:
                    await _open(runner, each)
                _settle_down()
                _on_signals(self.ending.signal)
                if self.beside is None:
                    self._tell(app, https, shown, stack)
                else:
                    self.say(await stack.enter_async_context(self.beside(self.listening.origin(), self._clients(app))))
                _accompany(stack, warm_up(app[PROVIDERS], app[CONTRACTS]))
                if watched is not None:
                    self._follow(watched, app, stack)
                await self.stop.wait()
                self.say("stopping; once more to end at once")
                await self.ending.unless_at_once(drain(app, self.settings, self.say))

    async def _end(self, runner: web.AppRunner) -> None:
        """Accept nothing more, finish requests under way, close what was opened."""
        await self.ending.unless_at_once(runner.cleanup())

    def _clients(self, app: web.Application) -> dict[str, str]:
        """What an application that talks to us has in its environment."""
        sandbox, url = app[SANDBOXES].get(DEFAULT), self.listening.origin()
        found: dict[str, str] = {}
        for name, provider in app[PROVIDERS].items():
            found.update(provider.environment(sandbox.credentials[name], url))
        return found

    async def _https(self, runner: web.AppRunner, stack: AsyncExitStack) -> tuple[Listening | None, Certificate | None]:
        if not self.settings.tls:
            return None, None
        shown = stack.enter_context(certificate(self.listening.name, self.settings.tls_names))
        if self.settings.tls_port is not None:
            bound = listen(self.settings.host, self.settings.tls_port)
        else:
            bound = self._behind()
        for each in bound.sockets:
            await _open(runner, each, shown.context)
        return bound, shown

    def _behind(self) -> Listening:
        """On the next port, or where it is taken on any."""
        try:
            return listen(self.settings.host, self.listening.port + 1)
        except (CannotListen, OverflowError):
            return listen(self.settings.host, 0)

    def _tell(
        self, app: web.Application, https: Listening | None, shown: Certificate | None, stack: AsyncExitStack
    ) -> None:
        sandbox, providers, url = app[SANDBOXES].get(DEFAULT), app[PROVIDERS], self.listening.origin()
        secure = ready.Secure(https, shown) if https is not None and shown is not None else None
        self.say(ready.block(sandbox, providers, self.settings, url, secure, _warnings(self.settings)))
        if self.ready_file is not None:
            ready.write(self.ready_file, ready.document(sandbox, providers, url, secure, self.settings.control_token))
            stack.callback(self.ready_file.unlink, missing_ok=True)

    def _watched(self) -> Watched | None:
        if not self.settings.watch:
            return None
        from mockpsp.serving.watch import Watched

        return Watched(self.settings.scenarios, catalogues)

    def _follow(self, watched: Watched, app: web.Application, stack: AsyncExitStack) -> None:
        def world() -> Any:
            return app[SANDBOXES].get(DEFAULT).world

        task = _accompany(stack, watched.follow(world, self.say, self.stop))
        task.add_done_callback(self._watch_ended)

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.say(f"watching has ended: {task.exception()!r}")


async def _open(runner: web.AppRunner, bound: socket.socket, context: SSLContext | None = None) -> None:
    """Accept connections. uvloop accepts one a turn of the loop: under load, new clients would wait for each other."""
    copies = 8 if type(asyncio.get_running_loop()).__module__.startswith("uvloop") else 1
    for _ in range(copies - 1):
        await web.SockSite(runner, bound.dup(), ssl_context=context).start()
    await web.SockSite(runner, bound, ssl_context=context).start()


def _accompany(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Let something run beside the server, until it ends at the latest."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
    return task


def _settle_down() -> None:
    """What exists now stays; the collector need not look at it again, nor look so often."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000)
    gc.enable()


def _warnings(settings: Settings) -> tuple[str, ...]:
    found = []
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        found.append("aiohttp runs without its C extensions, at less than half its speed; reinstall it from a wheel")
    if settings.host not in ("localhost", "127.0.0.1", "::1"):
        found.append(f"--host {settings.host} lets other machines in; the credentials are public")
    return tuple(found)


def _on_signals(stop: Callable[[], None]) -> None:
    """End on SIGINT and SIGTERM; where the loop cannot listen for them (Windows), by a plain handler."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(each, stop)
        except NotImplementedError:
            signal.signal(each, lambda *_: loop.call_soon_threadsafe(stop))
