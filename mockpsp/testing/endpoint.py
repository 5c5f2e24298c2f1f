"""The merchant's webhook endpoint of a story: takes every webhook, answers as the story says.

It is reached under a made-up name, so that no port shows in what a story records: ``Nowhere`` leads all names there.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import BaseConnector, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult

from mockpsp.testing.server import LOOPBACK

ADDRESS = "http://shop.localhost/webhooks"


@dataclass(frozen=True, slots=True)
class Hit:
    """One webhook as it came in. ``headers`` are looked up in any case."""

    headers: Mapping[str, str]
    body: bytes
    answered: int


class Endpoint:
    """Takes webhooks at ``/webhooks/<provider>`` and below. ``answers`` are statuses by provider, 200 without one."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}
        self.inbox: deque[Hit] = deque()

    def app(self) -> web.Application:
        """The application to serve."""
        app = web.Application()
        app.router.add_route("*", r"/{path:[\s\S]*}", self._take)
        return app

    @staticmethod
    def url(provider: str) -> str:
        """Where this provider's webhooks go, the same in every run."""
        return f"{ADDRESS}/{provider}"

    async def _take(self, request: web.Request) -> web.Response:
        provider = request.path.removeprefix("/webhooks/").partition("/")[0]
        status = self.answers.get(provider, 200)
        body = await request.read()
        if body:  # an empty request is no webhook: Lyra asks a new target with one
            self.inbox.append(Hit(request.headers, body, status))
        # Adyen's older endpoints acknowledge with this body; nobody minds it.
        return web.Response(status=status, text="[accepted]" if status < 300 else "")


class Nowhere(AbstractResolver):
    """Resolves every name to one loopback port: a story needs no network, and cannot reach any."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The endpoint, whatever was asked for."""
        del port, family
        return [
            ResolveResult(
                hostname=host,
                host=LOOPBACK,
                port=self._port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""

    @classmethod
    def connector(cls, port: int) -> BaseConnector:
        """A connector whose names all lead to this port."""
        return TCPConnector(resolver=cls(port), use_dns_cache=False)
