"""A call that goes past aiohttp's handler: the request that its door sees, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any

from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http import HttpVersion11, RawRequestMessage, StreamWriter

from mockpsp.edge.cohort import Pace
from mockpsp.edge.reply import Reply
from mockpsp.edge.table import Found

if TYPE_CHECKING:
    from mockpsp.edge.front import Connection


class Direct(web.Request):
    """A request whose route is known; what aiohttp's application would add to it, it has from the beginning.

    What every call is asked for stands ready, in place of properties that are worked out when they are first read.
    """

    _READY = (
        "arrived",
        "body_exists",
        "content",
        "headers",
        "keep_alive",
        "method",
        "pace",
        "packed_headers",
        "raw_headers",
        "raw_path",
        "remote",
        "version",
    )
    __slots__ = ("_connection", "_found", *_READY)
    ATTRS = web.Request.ATTRS | {"_connection", "_found", *_READY}

    def __init__(self, call: Call, connection: Connection, writer: StreamWriter | None = None) -> None:
        front: Any = connection.front
        protocol: Any = connection
        nobody: Any = None
        message, loop, most = call.message, front.loop, front.client_max_size
        super().__init__(message, EMPTY_PAYLOAD, protocol, writer or nobody, nobody, loop, client_max_size=most)
        self._connection = connection
        self._found = call.found
        ready: Any = self
        ready.arrived = call.body
        ready.body_exists = call.has_body
        ready.content = EMPTY_PAYLOAD  # nothing more will come
        ready.headers = message.headers
        ready.keep_alive = True
        ready.method = message.method
        ready.pace = call
        ready.packed_headers = call.headers
        ready.raw_headers = message.raw_headers
        ready.raw_path = message.path
        ready.remote = connection.remote
        ready.version = HttpVersion11

    @property
    def match_info(self) -> web.UrlMappingMatchInfo:
        """See web.Request."""
        _, route, values = self._found
        match = web.UrlMappingMatchInfo(dict(values), route)
        match.add_app(self.app)
        return match

    @property
    def app(self) -> web.Application:
        """See web.Request."""
        return self._connection.front.app


class Call(Pace):
    """A request as it was read, what answers it, and the connection that waits for that; see ``cohort.Member``."""

    __slots__ = ("body", "connection", "found", "has_body", "headers", "message", "work")

    def __init__(
        self,
        message: RawRequestMessage,
        headers: bytes,
        has_body: bool,
        body: bytes,
        found: Found,
        connection: Connection,
    ) -> None:
        super().__init__()
        self.message = message
        self.headers = headers
        self.has_body = has_body
        self.body = body
        self.found = found
        self.connection = connection
        self.work: Coroutine[Any, Any, web.StreamResponse]

    def begin(self, together: bool) -> None:
        """Make what answers it; not one step is taken yet."""
        answer, _, values = self.found
        self.together = together
        self.work = answer(Direct(self, self.connection), values)

    def ended(self, value: web.StreamResponse) -> None:
        """Send the answer, or let aiohttp write it."""
        if type(value) is Reply:
            self.connection.answer(value.sent)
        else:
            self.connection.follow(self, _ready(value))

    def waits(self, awaited: Any) -> None:
        """Go on in a task."""
        self.connection.follow(self, _continued(self.work, awaited))

    def failed(self, error: Exception) -> None:
        """Tell the loop, as it does itself with what a protocol raises, and hang up."""
        self.connection.fail(error)


@coroutine
def _continued(work: Coroutine[Any, Any, web.StreamResponse], awaited: Any) -> Generator[Any, Any, web.StreamResponse]:
    """The rest of a coroutine that waits for something already."""
    step: Callable[[Any], Any]
    while True:
        try:
            given = yield awaited
        except BaseException as error:  # noqa: BLE001  # it is raised where the coroutine waits, a cancellation too
            step, given = work.throw, error
        else:
            step = work.send
        try:
            awaited = step(given)
        except StopIteration as done:
            response: web.StreamResponse = done.value
            return response


async def _ready(response: web.StreamResponse) -> web.StreamResponse:
    return response


__all__ = ["Call", "Direct"]
