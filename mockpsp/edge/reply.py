"""An answer that leaves in one write, its head put together at once instead of header by header."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus

from aiohttp import ClientConnectionResetError, HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from msgspec.json import Encoder
from multidict import CIMultiDict

_OWN_RULES = ("Connection", "Content-Length", "Content-Type", "Date", "Server", "Set-Cookie", "Transfer-Encoding")
_LEFT_TO_AIOHTTP = frozenset(form for name in _OWN_RULES for form in (name, name.lower(), name.upper()))
_STARTS = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n"
    for each in HTTPStatus
    if each.value >= 200 and each.value not in (204, 304)
}
_as_json = Encoder().encode
_SERVER = f"Server: {SERVER_SOFTWARE}"


def lines(headers: Mapping[str, str]) -> str:
    """Headers as HTTP writes them, each with its end of line."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def as_headers(told: str) -> dict[str, str]:
    """What ``lines`` has written."""
    pairs = (line.partition(": ") for line in told.split("\r\n") if line)
    return {name: value for name, _, value in pairs}


def _as_meant(told: str, ends: int) -> bool:
    """Whether there are so many ends of lines, no other control character, and nothing beyond ASCII.

    JSON shows it at a tenth of the price of a look at each character: what it writes with a backslash makes it longer.
    A quotation mark does so too; that is no harm, for then aiohttp looks for itself.
    """
    return told.isascii() and len(_as_json(told)) == len(told) + 2 + 2 * ends and "\x7f" not in told


def _may_leave(told: str, headers: Mapping[str, str]) -> bool:
    """Whether aiohttp would write these headers as they are told."""
    return _LEFT_TO_AIOHTTP.isdisjoint(headers) and _as_meant(told, len(headers))


class Reply(web.StreamResponse):
    """A whole answer as bytes, for connections that stay open. What aiohttp asks of a response, and no more."""

    def __init__(self, status: int, sent: bytes) -> None:
        # Without super().__init__(): it fills a dictionary and a multidict that nobody looks at.
        self._status = status
        self.sent = sent

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Head and body wait for each other."""
        self._request = request
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Send everything at once; wait only for a client that reads too slowly."""
        await self._write(self.sent)

    async def _write(self, some: bytes) -> None:
        request = self._request
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("the client is gone")
        transport.write(some)
        if transport.get_write_buffer_size():
            await request.writer.drain()

    @property
    def keep_alive(self) -> bool:
        """The connection stays open."""
        return True

    @property
    def headers(self) -> CIMultiDict[str]:
        """For an access log."""
        told = self.sent.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return CIMultiDict((name, value) for name, _, value in (line.partition(": ") for line in told))

    @property
    def body_length(self) -> int:
        """For an access log."""
        return len(self.sent.partition(b"\r\n\r\n")[2])


def reply(
    request: web.Request, status: int, told: str, content_type: str, body: bytes, doubtful: Mapping[str, str] | None
) -> web.StreamResponse:
    """The response; ``told`` are the headers as lines. On the wire aiohttp's own would be no different.

    ``doubtful`` are the same headers where it is not known that they are printable ASCII, and that HTTP has no rules
    for them.
    """
    start = _STARTS.get(status)
    kept = request.version == HttpVersion11 and request.keep_alive and request.method != "HEAD"
    if start is not None and kept and (doubtful is None or _may_leave(told + content_type, doubtful)):
        head = (
            f"{start}{told}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            f"Date: {rfc822_formatted_time()}\r\n{_SERVER}\r\n\r\n"
        )
        return Reply(status, head.encode() + body)
    headers = as_headers(told) if doubtful is None else doubtful
    return web.Response(body=body, status=status, headers={**headers, "Content-Type": content_type})


class Spoilt(Reply):
    """A reply that arrives in pieces over some time, or only half of it, whereupon the connection ends."""

    def __init__(self, status: int, pieces: Sequence[bytes], pause: float, *, last: bool) -> None:
        super().__init__(status, b"".join(pieces))
        self._pieces = pieces
        self._pause = pause
        self._last = last

    async def write_eof(self, data: bytes = b"") -> None:
        """Send piece by piece; a client that goes away meanwhile is an error of the connection."""
        for number, piece in enumerate(self._pieces):
            if number and self._pause:
                await asyncio.sleep(self._pause)
            await self._write(piece)

    @property
    def keep_alive(self) -> bool:
        """Not after a body whose end is missing, and not where the client wants no more."""
        return not self._last


_PIECES = 10


def spoilt(
    status: int, headers: Mapping[str, str], content_type: str, body: bytes, *, cut: bool, slow: timedelta, last: bool
) -> web.StreamResponse:
    """A response whose body a fault spoils: slow by so much, or cut in its middle after a head that promises all.

    ``last``: the client wants no more on this connection. A header that aiohttp may refuse leaves the body whole.
    """
    told = lines(headers)
    if not _as_meant(told, len(headers)):
        return web.Response(body=body, status=status, headers={**headers, "Content-Type": content_type})
    start = _STARTS.get(status, f"HTTP/1.1 {status} \r\n")
    end = "Connection: close\r\n\r\n" if last and not cut else "\r\n"
    head = (
        f"{start}{told}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"Date: {rfc822_formatted_time()}\r\n{_SERVER}\r\n{end}"
    )
    sent = body[: len(body) // 2] if cut else body
    size = max(1, -(-len(sent) // _PIECES)) if slow else max(1, len(sent))
    pieces = [head.encode(), *(sent[start : start + size] for start in range(0, len(sent), size))]
    return Spoilt(status, pieces, slow.total_seconds() / max(1, len(pieces) - 1), last=last or cut)


__all__ = ["Reply", "as_headers", "lines", "reply", "spoilt"]
