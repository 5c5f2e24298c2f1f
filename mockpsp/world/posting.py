"""The HTTP client that webhooks leave by: one for all sandboxes, which keeps connections and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from aiohttp import BaseConnector, BytesPayload, ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from mockpsp.world.targets import Reach, guarded

_KEEP_IDLE_SECONDS = 4.0
"""Below the 5 seconds of Node.js's servers: whoever closes first must not be the endpoint, just as a webhook leaves."""


@lru_cache(maxsize=16)
def _within(seconds: float) -> ClientTimeout:
    return ClientTimeout(total=seconds)


class Post:
    """Sends POST requests. Cookies are not kept: an endpoint would see those of another sandbox's.

    ``reach`` says to which addresses of a name. ``connector`` makes the connections in place of the usual one. There is
    no limit on connections here, since one that is waited for would count as time without an answer: who calls this
    limits what is under way to one host.
    """

    def __init__(self, reach: Reach, connector: BaseConnector | None = None) -> None:
        usual = connector or TCPConnector(limit=0, keepalive_timeout=_KEEP_IDLE_SECONDS, resolver=guarded(reach))
        self._session = ClientSession(connector=usual, cookie_jar=DummyCookieJar())

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> tuple[int | None, str | None, bytes]:
        """The status and the first 4096 bytes of the answer, or else what went wrong. Redirects are not followed."""
        try:
            async with self._session.post(
                url, data=BytesPayload(body), headers=headers, timeout=_within(seconds), allow_redirects=False
            ) as response:
                return response.status, None, await response.content.read(4096)
        except TimeoutError:
            return None, f"no answer within {seconds:g} seconds", b""
        except (ClientError, OSError, ValueError) as error:
            return None, str(error) or type(error).__name__, b""

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
