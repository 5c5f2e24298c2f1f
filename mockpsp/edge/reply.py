"""An answer that leaves in one write, its head put together at once instead of header by header."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from multidict import CIMultiDict

_LEFT_TO_AIOHTTP = frozenset(
    {"connection", "content-length", "content-type", "date", "server", "set-cookie", "transfer-encoding"}
)
_CONTROLS = bytes(each for each in range(0x80) if each < 0x20 or each == 0x7F)
_PHRASES = {each.value: each.phrase for each in HTTPStatus}


@lru_cache(maxsize=512)
def _layout(names: tuple[str, ...]) -> str:
    """The lines of these headers, with holes for their values."""
    return "".join(f"{name.replace('%', '%%')}: %s\r\n" for name in names)


@lru_cache(maxsize=512)
def _start(status: int, names: tuple[str, ...]) -> str | None:
    """The status line; None where aiohttp has rules of its own for the status or one of the headers."""
    if status < 200 or status in (204, 304) or any(name.lower() in _LEFT_TO_AIOHTTP for name in names):
        return None
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n"


def lines(headers: Mapping[str, str]) -> str:
    """Headers as HTTP writes them."""
    return _layout(tuple(headers)) % tuple(headers.values())


class Reply(web.StreamResponse):
    """A whole answer as bytes, for connections that stay open. What aiohttp asks of a response, and no more."""

    def __init__(self, status: int, sent: bytes) -> None:
        # Without super().__init__(): it fills a dictionary and a multidict that nobody looks at.
        self._status = status
        self._sent = sent

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Head and body wait for each other."""
        self._writer = request.writer
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Send everything at once."""
        writer = self._writer
        await writer.write(self._sent)
        await writer.drain()

    @property
    def keep_alive(self) -> bool:
        """The connection stays open."""
        return True

    @property
    def headers(self) -> CIMultiDict[str]:
        """For an access log."""
        told = self._sent.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return CIMultiDict((name, value) for name, _, value in (line.partition(": ") for line in told))

    @property
    def body_length(self) -> int:
        """For an access log."""
        return len(self._sent.partition(b"\r\n\r\n")[2])


def reply(
    request: web.Request, status: int, headers: Mapping[str, str], told: str, content_type: str, body: bytes
) -> web.StreamResponse:
    """The response; ``told`` are the headers as lines. On the wire aiohttp's own would be no different."""
    start = _start(status, tuple(headers))
    if start and request.version == HttpVersion11 and request.keep_alive and request.method != "HEAD":
        head = (
            f"{start}{told}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            f"Date: {rfc822_formatted_time()}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
        )
        sent = head.encode() if head.isascii() else b""
        if sent and len(sent) - len(sent.translate(None, _CONTROLS)) == 2 * (len(headers) + 6):
            return Reply(status, sent + body)
    return web.Response(body=body, status=status, headers={**headers, "Content-Type": content_type})


__all__ = ["Reply", "lines", "reply"]
