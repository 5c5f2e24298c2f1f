"""One HTTP request over one connection, and nothing else: no retries, no headers of its own, any ``Host``.

An HTTP library would silently repeat a GET whose connection was cut, and the cut is what a story wants to see. A
made-up ``Host`` keeps the real port out of links and journal, so that two runs read the same.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any

_PATIENCE_SECONDS = 100.0


class Dropped(Exception):
    """The connection ended before a whole answer had come."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Received:
    """What ``HTTPResponse`` needs of a socket, around bytes that have all arrived."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._raw)


async def call(port: int, host: str, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
    """Send one request to a loopback port and wait for the answer. Raises Dropped."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            raw = await _exchange(port, _request(host, method, target, headers, body))
    except (OSError, TimeoutError) as error:
        raise Dropped(str(error) or type(error).__name__) from error
    response = HTTPResponse(_Received(raw), method=method)  # type: ignore[arg-type]
    try:
        response.begin()
        content = response.read()
    except (HTTPException, OSError, ValueError) as error:
        raise Dropped(type(error).__name__) from error
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


def _request(host: str, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """The bytes of a request. Line ends in a name, value or target would be a request of their own: ValueError."""
    named = {name.lower() for name in headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "host" not in named:
        lines.insert(1, f"Host: {host}")
    if body is not None and "content-length" not in named:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: close")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header or path contains a line end")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
