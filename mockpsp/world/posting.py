"""The HTTP client that webhooks leave by: one for all sandboxes, which keeps connections and nothing else.

Connections, names, TLS and the reading of answers are aiohttp's. Its session is left out: for a POST of finished bytes
it costs as much as all of these together (docs/adr/0016). ``tests/world/test_posting.py`` compares both, on the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from aiohttp import BaseConnector, ClientError, ClientRequest, ClientTimeout, TCPConnector, hdrs
from aiohttp.http import HttpProcessingError
from yarl import URL

from mockpsp.world.targets import Reach, guarded

if TYPE_CHECKING:
    from ssl import SSLContext

_KEEP_IDLE_SECONDS = 4.0
"""Below the 5 seconds of Node.js's servers: whoever closes first must not be the endpoint, just as a webhook leaves."""
_MOST_READ = 4096
_NO_OTHER_LIMIT = ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None)
_SWITCHING = 101
_USUAL = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT, hdrs.AUTHORIZATION)
"""What aiohttp tells of itself, and the name and password of an address that has them."""


class Target:
    """Where a webhook goes, as aiohttp knows it, and the headers that any request to it has."""

    __slots__ = ("first", "host", "request", "usual")

    def __init__(self, url: str) -> None:
        address = URL(url)
        trusted: Any = _trusted() if address.scheme == "https" else True
        self.request = ClientRequest("POST", address, loop=asyncio.get_running_loop(), ssl=trusted)
        given = self.request.headers
        self.first = f"POST {self.request.url.raw_path_qs} HTTP/1.1\r\n"
        self.host = given[hdrs.HOST]
        self.usual = [(name, given[name]) for name in _USUAL if name in given]
        self.usual.append((hdrs.CONTENT_TYPE, "application/octet-stream"))

    def head(self, headers: Mapping[str, str], length: int) -> bytes:
        """Request line and headers. Raises ValueError for a header that would begin another one."""
        host, usual = self._besides(tuple(headers))
        own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if own.count("\n") != len(headers) or own.count("\r") != len(headers) or "\0" in own:
            raise ValueError("a header must be one line")
        return f"{self.first}{host}{own}{usual}Content-Length: {length}\r\n\r\n".encode()

    def _besides(self, names: tuple[str, ...]) -> tuple[str, str]:
        taken = _lowered(names)
        host = "" if "host" in taken else f"Host: {self.host}\r\n"
        return host, "".join([f"{name}: {value}\r\n" for name, value in self.usual if name.lower() not in taken])


@cache
def _trusted() -> SSLContext:
    """Whom this machine trusts, read when it is first asked: fifty milliseconds that most servers never need."""
    from ssl import create_default_context

    return create_default_context()


@lru_cache(maxsize=256)
def _lowered(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(each.lower() for each in names)


class Post:
    """Sends POST requests. Cookies are not kept: an endpoint would see those of another sandbox's.

    ``reach`` says to which addresses of a name. ``connector`` makes the connections in place of the usual one. There is
    no limit on connections here, since one that is waited for would count as time without an answer: who calls this
    limits what is under way to one host.
    """

    def __init__(self, reach: Reach, connector: BaseConnector | None = None) -> None:
        usual = connector or TCPConnector(limit=0, keepalive_timeout=_KEEP_IDLE_SECONDS, resolver=guarded(reach))
        self._connector = usual
        self._target = lru_cache(maxsize=1024)(Target)

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> tuple[int | None, str | None, bytes]:
        """The status and the first 4096 bytes of the answer, or else what went wrong. Redirects are not followed."""
        try:
            target = self._target(url)
            async with asyncio.timeout(seconds):
                return await self._ask(target.request, target.head(headers, len(body)) + body)
        except TimeoutError:
            return None, f"no answer within {seconds:g} seconds", b""
        except HttpProcessingError as error:
            return None, f"{error.code}, message={error.message!r}", b""
        except (ClientError, OSError, ValueError) as error:
            return None, str(error) or type(error).__name__, b""

    async def _ask(self, request: ClientRequest, content: bytes) -> tuple[int, None, bytes]:
        connection = await self._connector.connect(request, traces=[], timeout=_NO_OTHER_LIMIT)
        try:
            protocol: Any = connection.protocol
            protocol.set_response_params(read_until_eof=True)
            protocol.transport.write(content)
            message, rest = await protocol.read()
            while message.code < 200 and message.code != _SWITCHING:
                message, rest = await protocol.read()
            answer: bytes = await rest.read(_MOST_READ)
        except BaseException:  # a cancellation too: what comes later is no answer to another webhook
            connection.close()
            raise
        if rest.at_eof():
            connection.release()
        else:
            connection.close()
        return message.code, None, answer

    async def close(self) -> None:
        """Close all connections."""
        await self._connector.close()
