"""HTTP as bytes: sends exactly what a test says, also what no HTTP library would send."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from json import loads
from typing import Any

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """A whole answer; ``headers`` look up in any case."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return loads(self.body)


def message(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """The bytes of a request, headers in the order given; nothing is added. Lone surrogates become single bytes."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def exchange(port: int, request: bytes, method: str = "GET", *, hang_up: bool = False) -> Answer:
    """Send these bytes, wait for the answer. With ``hang_up`` nothing more will come from us.

    Raises http.client.BadStatusLine (or RemoteDisconnected) when nothing is answered.
    """
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # an answer may come before all was sent
            connection.sendall(request)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        response = HTTPResponse(connection, method=method)
        response.begin()
        return Answer(response.status, response.headers, response.read())
