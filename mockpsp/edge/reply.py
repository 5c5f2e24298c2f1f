"""An answer that leaves in one write, its head put together at once instead of header by header."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from multidict import CIMultiDict

_LEFT_TO_AIOHTTP = frozenset({"connection", "content-length", "date", "server", "set-cookie", "transfer-encoding"})
_PHRASES = {each.value: each.phrase for each in HTTPStatus}


@lru_cache(maxsize=512)
def _layout(status: int, names: tuple[str, ...]) -> str | None:
    """The head of an answer with holes for its values; None where aiohttp has rules of its own for it."""
    if status < 200 or status in (204, 304) or any(name.lower() in _LEFT_TO_AIOHTTP for name in names):
        return None
    if not "".join(names).isprintable() or "%" in "".join(names):
        return None
    told = "".join(f"{name}: %s\r\n" for name in names)
    return (
        f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n{told}"
        f"Content-Length: %d\r\nDate: %s\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
    )


class Reply(web.StreamResponse):
    """A whole answer as bytes, for connections that stay open. What aiohttp asks of a response, and no more."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, head: bytes) -> None:
        # Without super().__init__(): it fills a dictionary and a multidict that nobody looks at.
        self._status = status
        self._told = headers
        self._bytes = head + body
        self._size = len(body)

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Head and body wait for each other."""
        self._writer = request.writer
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Send everything at once."""
        writer = self._writer
        await writer.write(self._bytes)
        await writer.drain()

    @property
    def keep_alive(self) -> bool:
        """The connection stays open."""
        return True

    @property
    def headers(self) -> CIMultiDict[str]:
        """For an access log."""
        return CIMultiDict(self._told)

    @property
    def body_length(self) -> int:
        """For an access log."""
        return self._size


def reply(request: web.Request, status: int, headers: Mapping[str, str], body: bytes | None) -> web.StreamResponse:
    """The response; on the wire there is no difference between aiohttp's own and ours."""
    if body and request.version == HttpVersion11 and request.keep_alive and request.method != "HEAD":
        layout = _layout(status, tuple(headers))
        values = "".join(headers.values())
        if layout is not None and values.isascii() and values.isprintable():
            head = layout % (*headers.values(), len(body), rfc822_formatted_time())
            return Reply(status, headers, body, head.encode())
    return web.Response(body=body, status=status, headers=headers)


__all__ = ["Reply", "reply"]
