"""Answers without a body, as they go over the wire."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from mockpsp.edge.exchange import Answer
from mockpsp.edge.pages import found
from tests.support.routed import BASE, finished, page, routed
from tests.support.server import Threaded

TARGET = "https://shop.example/back?a=1&b=2"
ANSWERS = {
    "/found": found(TARGET),
    "/moved": Answer(307, headers={"Location": TARGET}),
    "/gone": Answer(204),
    "/done": Answer(200),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Threaded]:
    with routed(*(page(method, path, finished(ANSWERS[path])) for path in ANSWERS for method in ("GET", "POST"))) as it:
        yield it


def exchanged(server: Threaded, method: str, path: str, version: str) -> tuple[str, dict[str, str], bytes]:
    """First line, headers by lower-case name, and all bytes after them until the connection ends."""
    asked = (
        f"{method} {BASE}{path} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(asked.encode())
        got = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, rest = got.partition(b"\r\n\r\n")
    first, *others = head.decode().split("\r\n")
    return first, {name.lower(): value for name, _, value in (each.partition(": ") for each in others)}, rest


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "first", "length", "location"),
    [
        ("/found", "302 Found", "0", TARGET),
        ("/moved", "307 Temporary Redirect", "0", TARGET),
        ("/gone", "204 No Content", None, None),
        ("/done", "200 OK", "0", None),
    ],
)
def test_what_has_no_body_has_no_type_and_says_its_length(
    server: Threaded, method: str, path: str, version: str, first: str, length: str | None, location: str | None
) -> None:
    line, headers, rest = exchanged(server, method, path, version)
    assert line == f"HTTP/{version} {first}"
    assert rest == b""
    assert "content-type" not in headers
    assert "transfer-encoding" not in headers
    assert (headers.get("content-length"), headers.get("location")) == (length, location)


def test_a_connection_stays_open_after_an_answer_without_a_body(server: Threaded) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for path in (*ANSWERS, *ANSWERS):
            connection.sendall(f"GET {BASE}{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            got = b""
            while b"\r\n\r\n" not in got:
                got += connection.recv(65536)
            assert got.startswith(f"HTTP/1.1 {ANSWERS[path].status} ".encode())
            assert got.endswith(b"\r\n\r\n")
