"""One server until a signal ends it. Imported after the sockets are bound, because aiohttp is most of a start."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import http_parser, web

from mockpsp.app import build_app, catalogues
from mockpsp.edge.connections import runner as connected
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


class Post(Protocol):
    """A process's place among several that serve together; the one that started them sees to what they share."""

    secure: ready.Secure | None
    first: bool
    """Whether it follows the scenario's files, for all of them."""
    tells: bool
    """Whether it tells that they are ready."""
    pid: int
    """The process that ends all of them."""

    def ready(self, stop: Callable[[], None]) -> None:
        """It answers now; ``stop`` is called when nobody looks after it any more."""


def run(
    settings: Settings,
    listening: Listening,
    ready_file: Path | None,
    say: Say,
    beside: Beside | None = None,
    post: Post | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. Raises what build_app raises, StoreFailed, NoTls, CannotListen; SystemExit after a
    second signal.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        server = _Server(settings, listening, ready_file, say, beside, post)
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
        self,
        settings: Settings,
        listening: Listening,
        ready_file: Path | None,
        say: Say,
        beside: Beside | None,
        post: Post | None,
    ) -> None:
        self.beside = beside
        self.post = post
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
                runner = connected(app, GRACE_SECONDS)
                await runner.setup()
                stack.push_async_callback(self._end, runner)
                secure = await self._https(runner, stack)
                for each in self.listening.sockets:
                    await _open(runner, each)
                _settle_down()
                _on_signals(self.ending.signal)
                if self.post is not None:
                    self.post.ready(self.stop.set)
                if self.beside is not None:
                    self.say(await stack.enter_async_context(self.beside(self.listening.origin(), self._clients(app))))
                elif self.post is None or self.post.tells:
                    self._tell(app, secure, stack)
                _accompany(stack, warm_up(app[PROVIDERS], app[CONTRACTS]))
                if watched is not None:
                    self._follow(watched, app, stack)
                await self.stop.wait()
                if self.post is None:
                    self.say("stopping; once more to end at once")
                await self.ending.unless_at_once(drain(app, self.settings, self._left))

    def _left(self, told: str) -> None:
        """What could not be delivered; of several processes the others know better, they may still do it."""
        if self.post is None:
            self.say(told)

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

    async def _https(self, runner: web.AppRunner, stack: AsyncExitStack) -> ready.Secure | None:
        secure = self.post.secure if self.post is not None else secured(self.settings, self.listening, stack)
        if secure is not None:
            for each in secure.listening.sockets:
                await _open(runner, each, secure.shown.context)
        return secure

    def _tell(self, app: web.Application, secure: ready.Secure | None, stack: AsyncExitStack) -> None:
        sandbox, providers, url = app[SANDBOXES].get(DEFAULT), app[PROVIDERS], self.listening.origin()
        self.say(ready.block(sandbox, providers, self.settings, url, secure, _warnings(self.settings)))
        if self.ready_file is not None:
            pid = None if self.post is None else self.post.pid
            told = ready.document(sandbox, providers, url, secure, pid, self.settings.control_token)
            ready.write(self.ready_file, told)
            if self.post is None:
                stack.callback(self.ready_file.unlink, missing_ok=True)

    def _watched(self) -> Watched | None:
        if not self.settings.watch or (self.post is not None and not self.post.first):
            return None
        from mockpsp.serving.watch import Watched

        return Watched(self.settings.scenarios, catalogues)

    def _follow(self, watched: Watched, app: web.Application, stack: AsyncExitStack) -> None:
        def world() -> Any:
            return app[SANDBOXES].get(DEFAULT).world

        def turn() -> AbstractAsyncContextManager[Any]:
            return app[SANDBOXES].turns.of(app[SANDBOXES].get(DEFAULT))

        task = _accompany(stack, watched.follow(world, self.say, self.stop, turn))
        task.add_done_callback(self._watch_ended)

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.say(f"watching has ended: {task.exception()!r}")


def secured(settings: Settings, listening: Listening, stack: ExitStack | AsyncExitStack) -> ready.Secure | None:
    """Where https is served, if it is, with a certificate that lasts as long as the stack. Raises NoTls."""
    if not settings.tls:
        return None
    shown: Certificate = stack.enter_context(certificate(listening.name, settings.tls_names))
    if settings.tls_port is not None:
        return ready.Secure(listen(settings.host, settings.tls_port), shown)
    try:  # on the next port, or where it is taken on any
        return ready.Secure(listen(settings.host, listening.port + 1), shown)
    except (CannotListen, OverflowError):
        return ready.Secure(listen(settings.host, 0), shown)


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
