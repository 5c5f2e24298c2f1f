"""What no HTTP library would send: an answer, in the provider's shape where one is known, or a clean close."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPResponse
from json import loads

import pytest

from mockpsp.settings import Settings
from tests.support.server import Threaded, threaded

PATIENCE = 60
SHORT_SECONDS = 0.3
REFUSED = (b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/0.9 4")
ORDERS = "/v72/orders"
SHAPES = {
    "/v2/CVSANDBOX/payments": {"errorId", "errors", "status"},
    ORDERS: {"status", "errorCode", "message", "errorType"},
    "/marketplace-test/orders": {"detail"},
    "/_mockpsp/sandboxes": {"type", "title", "status", "detail"},
}
"""A path of each dialect, and the keys of its errors."""


@pytest.fixture(scope="module")
def hasty() -> Iterator[Threaded]:
    """A server that does not wait long, for headers, bodies or the next request."""
    with threaded(Settings(keep_alive_seconds=SHORT_SECONDS, body_seconds=SHORT_SECONDS)) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a client sends is no fault of ours, and asyncio has nothing to complain of either."""
    with caplog.at_level(logging.INFO):
        yield
    told = [each for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]
    assert not told, [f"{each.name}: {each.getMessage()} {each.exc_info}" for each in told]


def connect(server: Threaded) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE)


def answers(server: Threaded, sent: bytes, *, half_closed: bool = False) -> bytes:
    """Everything that comes until the server closes, or one whole answer has come."""
    with closing(connect(server)) as connection:
        try:
            connection.sendall(sent)
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        got = b""
        try:
            while data := connection.recv(65536):
                got += data
        except ConnectionResetError:
            pass  # what we still sent was not read
        return got


def served(server: Threaded) -> None:
    """Another client is answered."""
    with closing(connect(server)) as connection:
        connection.sendall(b"GET /_mockpsp/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        response = HTTPResponse(connection)
        response.begin()
        assert (response.status, loads(response.read())["status"]) == (200, "ok")


def head(target: str = ORDERS, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode("latin-1")


JSON = "Content-Type: application/json"
CLOSE = "Connection: close"
GARBAGE = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "no version": b"GET /v72/orders\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "only line ends": b"\r\n" * 1000 + b"x\r\n\r\n",
    "a NUL in the method": b"G\0T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a NUL in the target": b"GET /v72/\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a NUL in a header": head(ORDERS, "X-A: a\0b", method="GET"),
    "a header without a colon": head(ORDERS, "nonsense", method="GET"),
    "a space before the colon": head(ORDERS, "X-A : b", method="GET"),
    "a huge header": head(ORDERS, "X-A: " + "a" * 100_000, method="GET"),
    "too many headers": head(ORDERS, *(f"X-{index}: a" for index in range(5_000)), method="GET"),
    "a huge target": head("/v72/" + "a" * 200_000, method="GET"),
    "two lengths": head(ORDERS, "Content-Length: 2", "Content-Length: 3") + b"{}",
    "a negative length": head(ORDERS, "Content-Length: -1") + b"{}",
    "a length that is no number": head(ORDERS, "Content-Length: ten") + b"{}",
    "a length of a thousand digits": head(ORDERS, "Content-Length: " + "9" * 1000) + b"{}",
    "a length and chunks": head(ORDERS, "Content-Length: 2", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "an unknown coding": head(ORDERS, "Transfer-Encoding: gzip, nonsense") + b"{}",
    "a continued header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n",
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_http_is_refused_and_ends_its_connection(hasty: Threaded, sent: bytes) -> None:
    got = answers(hasty, sent)
    assert not got or got.startswith(REFUSED), got[:300]
    assert b"Traceback" not in got
    served(hasty)


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize(
    "chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}nonsense\r\n", b"-1\r\n\r\n", b"f" * 40 + b"\r\n{}"],
    ids=["no number", "longer than told", "negative", "without end"],
)  # fmt: skip
def test_chunks_with_bad_lengths_are_refused(hasty: Threaded, path: str, chunks: bytes) -> None:
    got = answers(hasty, head(path, JSON, "Transfer-Encoding: chunked") + chunks)
    assert not got or got.startswith(REFUSED), got[:300]
    served(hasty)


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize("begun", [b"", b'{"am'], ids=["nothing of it", "a part of it"])
def test_a_body_that_does_not_come_is_408_in_the_providers_shape(hasty: Threaded, path: str, begun: bytes) -> None:
    got = answers(hasty, head(path, JSON, "Content-Length: 1000") + begun)
    assert got.startswith(REFUSED), got[:300]
    top, _, body = got.partition(b"\r\n\r\n")
    if path != ORDERS and b" 408 " not in top:  # who is not known is refused before its body is read
        assert top.startswith((b"HTTP/1.1 401", b"HTTP/1.1 403")), top
    else:
        assert b" 408 " in top.split(b"\r\n")[0], top
    assert SHAPES[path] <= loads(body).keys()
    served(hasty)


@pytest.mark.parametrize("path", SHAPES)
def test_a_body_above_the_limit_is_413_in_the_providers_shape(path: str) -> None:
    with threaded(Settings(max_body=1000)) as server:
        got = answers(server, head(path, JSON, "Content-Length: 2000", CLOSE) + b" " * 2000)
        top, _, body = got.partition(b"\r\n\r\n")
        assert top.startswith(b"HTTP/1.1 413"), got[:300]
        assert SHAPES[path] <= loads(body).keys()


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize("odd", ["%00", "%ff%fe", "%c3%28", "%ED%A0%80", "\xff\xfe", "%2e%2e%2f%2e%2e", "%", "%zz"])
def test_odd_bytes_in_a_path_or_header_are_answered_in_the_providers_shape(live: Threaded, path: str, odd: str) -> None:
    for sent in (
        head(f"{path}/{odd}", CLOSE, method="GET"),
        head(f"{path}?a={odd}", CLOSE, method="GET"),
        head(f"{path}/nowhere", f"X-API-Key: {odd}", f"Authorization: {odd}", CLOSE, method="GET"),
    ):
        got = answers(live, sent)
        top, _, body = got.partition(b"\r\n\r\n")
        assert top.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 200")), got[:300]
        if b"application/" in top and not top.startswith(b"HTTP/1.1 200"):
            assert SHAPES[path] <= loads(body).keys(), body


def test_headers_that_come_a_byte_at_a_time_end_with_their_connection(hasty: Threaded) -> None:
    slow = [connect(hasty) for _ in range(20)]
    for connection in slow:
        connection.sendall(b"G")
    served(hasty)
    for connection in slow:
        with closing(connection):
            try:
                while not connection.recv(1, socket.MSG_DONTWAIT):
                    break
            except BlockingIOError:
                pass
            assert trickle(connection) == b"", "closed without an answer"


def trickle(connection: socket.socket) -> bytes:
    """Send header bytes one by one until the server has closed; what it said."""
    connection.settimeout(0.05)
    for byte in range(int(PATIENCE / 0.05)):
        try:
            connection.sendall(b"ET / HTTP/1.1\r\nX: "[byte : byte + 1] or b"a")
            return connection.recv(1000)
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            return b""
    raise AssertionError("the server waits for ever")


def test_an_idle_connection_is_closed_before_its_first_request_and_after_it(hasty: Threaded) -> None:
    with closing(connect(hasty)) as connection:
        assert connection.recv(1) == b""
    got = answers(hasty, head("/_mockpsp/health", method="GET"))
    assert got.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" not in got


def test_who_has_said_everything_and_closed_its_side_is_answered(live: Threaded) -> None:
    got = answers(live, head("/_mockpsp/health", CLOSE, method="GET"), half_closed=True)
    assert not got or got.startswith(b"HTTP/1.1 200"), "an answer, or a clean close"
    got = answers(live, head(ORDERS, JSON, "Content-Length: 1000") + b"{", half_closed=True)
    assert not got or got.startswith(REFUSED)
    served(live)


def test_requests_in_one_piece_are_answered_in_their_order(live: Threaded) -> None:
    many = b"".join(head(f"/v72/nowhere{index}", method="GET") for index in range(100))
    got = answers(live, many + head("/_mockpsp/health", CLOSE, method="GET"))
    assert got.count(b"HTTP/1.1 404") == 100
    assert got.count(b"HTTP/1.1 200") == 1
    assert got.rindex(b"HTTP/1.1 404") < got.index(b"HTTP/1.1 200")
