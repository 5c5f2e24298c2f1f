"""What leaves in one write is, byte for byte, what aiohttp's own response would have been."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientConnectionResetError, web
from aiohttp.test_utils import TestServer, make_mocked_request

from mockpsp.edge.reply import Reply, lines, reply

KIND = "application/json; charset=utf-8"
TOLD = {"Correlation-Id": "5b2b", "Api_Auth": "true", "Mockpsp-Trace": "12"}


async def sent(request: str, status: int, headers: dict[str, str], body: bytes, ours: bool) -> bytes:
    """All bytes that answer this request, its date left out."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if ours:
            return reply(request, status, lines(headers), KIND, body, headers)
        return web.Response(body=body, status=status, headers={**headers, "Content-Type": KIND})

    app = web.Application()
    app.router.add_route("*", "/", handle)
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"{request}\r\nHost: localhost\r\n\r\n".encode())
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = await reader.read()
        writer.close()
    return b"\r\n".join(line for line in got.split(b"\r\n") if not line.startswith(b"Date: "))


@pytest.mark.parametrize(
    "request_line",
    ["GET / HTTP/1.1", "POST / HTTP/1.1", "HEAD / HTTP/1.1", "GET / HTTP/1.0", "GET / HTTP/1.1\r\nConnection: close"],
)
@pytest.mark.parametrize("status", [200, 201, 204, 299, 302, 304, 402, 404, 409, 500, 599])
async def test_status_and_method_make_no_difference(request_line: str, status: int) -> None:
    assert await sent(request_line, status, TOLD, b"{}", True) == await sent(request_line, status, TOLD, b"{}", False)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Location": "https://shop.example/ü"},
        {"X-Quoted": 'a "b" \\c'},
        {"X-Percent": "100%s"},
        {"Set-Cookie": "a=b"},
        {"Server": "other"},
        {"content-length": "2"},
        {"date": "today"},
        {"Connection": "close"},
        {"X-Tab": "a\tb"},
        {"X-Empty": ""},
    ],
    ids=str,
)
async def test_headers_make_no_difference(more: dict[str, str]) -> None:
    for request in ("GET / HTTP/1.1", "POST / HTTP/1.1"):
        headers = {**TOLD, **more}
        assert await sent(request, 200, headers, b"{}", True) == await sent(request, 200, headers, b"{}", False)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b", "a\x7fb", "a\r\n", "\r\n"])
async def test_a_value_that_would_forge_a_header_is_left_for_aiohttp_to_refuse(value: str) -> None:
    headers = {**TOLD, "X-Given": value}
    made = reply(make_mocked_request("GET", "/"), 200, lines(headers), KIND, b"{}", headers)
    assert not isinstance(made, Reply)


async def test_an_access_log_sees_status_headers_and_length() -> None:
    made = reply(make_mocked_request("GET", "/"), 200, lines(TOLD), KIND, b"{}", None)
    assert isinstance(made, Reply)
    assert (made.status, made.body_length, made.keep_alive) == (200, 2, True)
    assert made.headers["correlation-id"] == "5b2b"
    assert made.headers["Content-Length"] == "2"


async def test_a_client_that_is_gone_is_an_error_of_the_connection() -> None:
    request = make_mocked_request("GET", "/")
    request.transport.is_closing.return_value = True
    made = reply(request, 200, lines(TOLD), KIND, b"{}", None)
    await made.prepare(request)
    with pytest.raises(ClientConnectionResetError):
        await made.write_eof()
