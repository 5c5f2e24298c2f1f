"""Connections as they begin: a whole request of a provider's API goes from the socket straight to its door.

aiohttp spends on a request about as much as a provider does: futures, a task, timers, a search for the route. A call
of an API that arrived in one piece needs none of that. It is read by aiohttp's own parser and meets the same door
(``pipeline.Door``). Everything else (pages, the control API, bodies in pieces or compressed, pipelines, old versions
of HTTP, whatever is malformed) takes its connection to aiohttp's own handler, as it came and for good.
``tests/edge/test_front.py`` compares answers and journals of both ways.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any

from aiohttp import EMPTY_PAYLOAD, hdrs, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser, HttpVersion11, StreamWriter

from mockpsp.edge.cohort import march
from mockpsp.edge.direct import Call, Direct
from mockpsp.edge.heads import Heads, Known
from mockpsp.edge.keys import DIRECTORY, SANDBOXES, SETTINGS
from mockpsp.edge.reply import Reply
from mockpsp.world.journal import pack

IDLE_SECONDS = 3600.0
"""Longer than proxies keep a connection without requests."""
_MOST_WAITING = 64 * 1024
_MOST_TOGETHER = 64
"""Calls in one go: more would only wait for each other, and what they hold would leave the caches again."""
_END_OF_HEAD = b"\r\n\r\n"
log = logging.getLogger("mockpsp.edge")


class Connection(BaseProtocol):
    """One connection, for as long as nothing comes that aiohttp has to see."""

    __slots__ = (
        "_busy",
        "_rest",
        "_served",
        "_timer",
        "_work",
        "front",
        "peername",
        "remote",
        "sockname",
        "ssl_context",
    )

    def __init__(self, front: Front) -> None:
        super().__init__(front.loop)
        self.front = front
        self.peername: Any = None
        self.remote: str | None = None
        self.sockname: Any = None
        self.ssl_context: Any = None
        self._busy = False
        self._rest = b""
        self._served = 0
        self._timer: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        told = transport.get_extra_info
        self.peername, self.sockname, self.ssl_context = told("peername"), told("sockname"), told("sslcontext")
        if self.peername is not None:
            self.remote = str(self.peername[0] if isinstance(self.peername, (tuple, list)) else self.peername)
        self.front.connections.add(self)
        self._timer = self._loop.call_later(self.front.idle_seconds, self._look, 0)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol. Work under way goes on; its answer reaches nobody."""
        super().connection_lost(exc)
        self._leave()

    def _leave(self) -> None:
        self.front.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, served: int) -> None:
        """Close a connection that has had no request since the last look."""
        if self._served == served and not self._busy and self.transport is not None:
            self.transport.close()
            return
        self._timer = self._loop.call_later(self.front.idle_seconds, self._look, self._served)

    def data_received(self, data: bytes) -> None:
        """Answer a whole request, keep what comes while one is under way, leave everything else to aiohttp.

        Where there are other connections it waits for what else this turn of the loop brings.
        """
        if self._busy or self._paused:
            self._rest += data
            if len(self._rest) > _MOST_WAITING and self.transport is not None:
                self.transport.pause_reading()
            return
        self._busy = True
        if len(self.front.connections) == 1:
            self.front.serve([(self, data)])
        else:
            self.front.gather(self, data)

    def take(self, data: bytes) -> Call | None:
        """The call that these bytes are; what aiohttp has to see is handed over."""
        call = self.front.read(data, self)
        if call is None:
            self._hand_over(data)
        else:
            self._served += 1
        return call

    def answer(self, sent: bytes) -> None:
        """Send this in answer to the call that is under way, and look at what came meanwhile."""
        self._busy = False
        self._write(sent)

    def follow(self, call: Call, work: Coroutine[Any, Any, web.StreamResponse]) -> None:
        """Answer in a task."""
        self._work = self._loop.create_task(self._finish(call, work))

    def fail(self, error: Exception) -> None:
        """Something was raised that is no answer."""
        told = {"message": "a call could not be answered", "exception": error, "protocol": self}
        self._loop.call_exception_handler(told)
        if self.transport is not None:
            self.transport.abort()

    def _write(self, sent: bytes) -> None:
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(sent)
            if self._rest:
                self._go_on()

    async def _finish(self, call: Call, work: Awaitable[web.StreamResponse]) -> None:
        """Wait for an answer, and let aiohttp write it if it is not ready to be sent as it is."""
        stays = False
        try:
            response = await work
            if type(response) is Reply:
                self._write(response.sent)
                stays = True
            elif self.transport is not None and not self.transport.is_closing():
                await response.prepare(Direct(call, self, StreamWriter(self, self._loop)))
                await response.write_eof()
                stays = bool(response.keep_alive)
        except ConnectionError:
            log.debug("the client went away before its answer")
        finally:
            self._busy = False
            self._work = None
            if stays and not self.front.closing:
                self._go_on()
            elif self.transport is not None:
                self.transport.close()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        self._go_on()

    def _go_on(self) -> None:
        """Look at what came meanwhile."""
        if self._rest and not self._busy and not self._paused and self.transport is not None:
            data, self._rest = self._rest, b""
            self.transport.resume_reading()
            self.data_received(data)

    def _hand_over(self, data: bytes) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        handler = self.front.handler()
        self._leave()
        handler.connection_made(transport)
        transport.set_protocol(handler)
        transport.resume_reading()
        handler.data_received(data + self._rest)  # more may have come while this was waiting for its turn

    async def finish(self, seconds: float) -> None:
        """End after the request that is under way, or after so many seconds."""
        work = self._work
        if work is not None:
            await asyncio.wait([work], timeout=seconds)
            work.cancel()
        if self.transport is not None:
            self.transport.close()


class _Flow(BaseProtocol):
    """What the parser takes for a connection: nothing flows here, for requests are read whole."""

    def pause_reading(self) -> None:
        """Nobody reads."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Nobody reads."""


class Front:
    """Makes connections, as ``web.Server`` does, which it asks for a handler of what it does not answer itself.

    A connection without a request for ``idle_seconds``, or up to twice as long, is closed. Calls that are under way at
    the end of the server have ``seconds``.
    """

    def __init__(self, app: web.Application, handler: web.Server, seconds: float, idle_seconds: float) -> None:
        self.app = app
        self.handler = handler
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.closing = False
        self.client_max_size = app[SETTINGS].max_body
        self._waits = app[SANDBOXES].store.waits
        self._arrived: list[tuple[Connection, bytes]] = []
        self.idle_seconds = idle_seconds
        self._seconds = seconds
        self._directory = app[DIRECTORY]
        self._flow = _Flow(self.loop)
        self._heads = Heads()
        self._parser = self._new_parser()

    def __call__(self) -> Connection:
        return Connection(self)

    def _new_parser(self) -> HttpRequestParser:
        """One reads all requests, for none of them leaves it in the middle of something."""
        return HttpRequestParser(
            self._flow, self.loop, 2**16, payload_exception=web.RequestPayloadError, auto_decompress=False
        )

    def gather(self, connection: Connection, data: bytes) -> None:
        """Serve this with whatever else the loop finds in the same turn."""
        if not self._arrived:
            self.loop.call_soon(self._serve_gathered)
        self._arrived.append((connection, data))

    def _serve_gathered(self) -> None:
        arrived = self._arrived[:_MOST_TOGETHER]
        del self._arrived[:_MOST_TOGETHER]
        if self._arrived:  # others than calls have their turn first
            self.loop.call_soon(self._serve_gathered)
        self.serve(arrived)

    def serve(self, arrived: Iterable[tuple[Connection, bytes]]) -> None:
        """Answer what has arrived at these connections.

        A call that never waits needs no task: it begins here, and most have come to their end when this returns.
        """
        read = [connection.take(data) for connection, data in arrived]
        calls = [call for call in read if call is not None]
        for call in calls:
            call.begin(len(calls) > 1 and not self._waits)
        if self._waits:
            for call in calls:
                call.connection.follow(call, call.work)
        else:
            march(calls)

    def read(self, data: bytes, connection: Connection) -> Call | None:
        """The request, if these bytes are one request for a door of ours and nothing more."""
        head = data.find(_END_OF_HEAD)
        if head < 0:
            return None
        begins, body = data[:head], data[head + 4 :]
        known = self._heads.find(begins)
        if known is not None and known.length == len(body):
            return Call(known.message, known.headers, known.length > 0, body, known.found, connection)
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except HttpProcessingError:
            self._parser = self._new_parser()
            return None
        if len(messages) == 1 and not upgraded:
            message, content = messages[0]
            length = len(body)
            if (
                (length == 0 if content is EMPTY_PAYLOAD else content.is_eof() and content.total_bytes == length)
                and length <= self.client_max_size
                and not (message.should_close or message.chunked or message.compression)
                and message.version == HttpVersion11
                and hdrs.EXPECT not in message.headers
            ):
                found = self._directory.find(message.method, message.path)
                if found is None:
                    return None
                headers = pack(message.raw_headers)
                self._heads.learn(begins, Known(message, headers, length, found))
                return Call(message, headers, content is not EMPTY_PAYLOAD, body, found, connection)
        self._parser = self._new_parser()
        return None

    async def shutdown(self) -> None:
        """No more requests; those that are under way have a little time, those that have arrived begin."""
        self.closing = True
        while self._arrived:
            self._serve_gathered()
        await asyncio.gather(*(each.finish(self._seconds) for each in tuple(self.connections)))


class Runner(web.AppRunner):
    """Serves an application, with a front before it if it is ours and nobody wants to see all its responses."""

    def __init__(
        self, app: web.Application, *, shutdown_timeout: float, keepalive_timeout: float = IDLE_SECONDS, **more: Any
    ) -> None:
        """``more`` is what ``web.AppRunner`` takes besides."""
        super().__init__(
            app, access_log=None, shutdown_timeout=shutdown_timeout, keepalive_timeout=keepalive_timeout, **more
        )
        self._seconds = shutdown_timeout
        self._idle_seconds = keepalive_timeout
        self._front: Front | None = None
        app.on_shutdown.append(self._stop)

    async def _stop(self, app: web.Application) -> None:
        if self._front is not None:
            await self._front.shutdown()

    @property
    def server(self) -> Any:
        """What sites ask for a protocol for each connection."""
        inner = super().server
        if inner is None or DIRECTORY not in self.app or self.app.middlewares or self.app.on_response_prepare:
            return inner
        if self._front is None:
            self._front = Front(self.app, inner, self._seconds, self._idle_seconds)
        return self._front


__all__ = ["Front", "Runner"]
