"""What these tests use: scenario files, a client that checks every answer, an endpoint for webhooks."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from mockpsp.control.calls import contract
from mockpsp.control.routes import ROUTES

START = datetime(2026, 7, 1, 9, tzinfo=UTC)
DEFAULT_FILE = """\
mockpsp: 1
title: Two wallets
clock: 2026-07-01T09:00:00Z
tags: [calm]
world:
  acme: {wallets: [{balance: 50.00 EUR}, {balance: 0.00 EUR}]}
"""
REFUSED_FILE = """\
mockpsp: 1
title: The second wallet is refused
clock: 2026-07-01T09:00:00Z
world:
  acme: {wallets: [{balance: 50.00 EUR}, {balance: 5.00 EUR}]}
rules:
  - {name: never wallet 2, operation: acme.pay, when: {wallet: w2}, times: 1, then: {outcome: refused}}
"""
BROKEN_FILE = "mockpsp: 1\ntitle: Broken\nrulse: []\nwirld: {}\n"
_VALIDATORS: dict[tuple[str, str, str], Any] = {}


def check_answer(operation: str, status: int, media: str, body: Any) -> None:
    """Assert that openapi/control.yaml allows this answer."""
    raw = contract().operation(operation).responses
    response = contract().resolve(raw.get(str(status), raw["default"] if status >= 400 else {}))
    assert response, f"{operation} may not answer {status}"
    content = response.get("content", {})
    if not content:
        return
    assert media in content, f"{operation} answered {media}"
    key = (operation, str(status), media)
    if key not in _VALIDATORS:
        _VALIDATORS[key] = contract().validator(content[media]["schema"])
    _VALIDATORS[key].validate(body)


def _operation(method: str, path: str) -> str | None:
    for each, pattern, operation, _ in ROUTES:
        regex = re.sub(r"\{(\w+)(:[^{}]+)?\}", lambda m: f"(?:{(m[2] or ':[^/]+')[1:]})", "/_mockpsp" + pattern)
        if each == method and re.fullmatch(regex, path.partition("?")[0]):
            return operation
    return None


@dataclass
class Reply:
    """An answer that the contract allows."""

    status: int
    media: str
    body: Any
    headers: Mapping[str, str]


@dataclass
class Api:
    """Calls below ``/_mockpsp``; every answer is checked against openapi/control.yaml."""

    client: TestClient[Any, Any]

    async def call(self, method: str, path: str, json_body: Any = ..., **options: Any) -> Reply:
        if json_body is not ...:
            options["data"] = json.dumps(json_body)
            options.setdefault("headers", {}).setdefault("Content-Type", "application/json")
        async with self.client.request(method, f"/_mockpsp{path}", **options) as response:
            raw = await response.read()
            return self.judge(method, response, raw)

    def judge(self, method: str, response: ClientResponse, raw: bytes) -> Reply:
        media = response.content_type
        body = json.loads(raw) if media.endswith("json") else raw.decode()
        assert response.status != 500, body
        if response.status >= 400:
            assert media == "application/problem+json", (response.status, raw)
            assert body["status"] == response.status
        operation = _operation(method, response.url.path)
        if operation is not None:
            check_answer(operation, response.status, media, body)
        return Reply(response.status, media, body, response.headers)

    async def get(self, path: str, **options: Any) -> Any:
        """The body of a 200."""
        reply = await self.call("GET", path, **options)
        assert reply.status == 200, reply.body
        return reply.body

    async def post(self, path: str, body: Any = ..., status: int = 200) -> Any:
        reply = await self.call("POST", path, body)
        assert reply.status == status, reply.body
        return reply.body

    async def put(self, path: str, body: Any = ..., status: int = 200) -> Any:
        reply = await self.call("PUT", path, body)
        assert reply.status == status, reply.body
        return reply.body

    async def sandbox(self, **body: Any) -> dict[str, Any]:
        """A fresh sandbox."""
        created: dict[str, Any] = await self.post("/sandboxes", body, 201)
        return created

    # -- the application under test ------------------------------------------------------------------------------------

    async def charge(self, sandbox: dict[str, Any], amount: str = "30.00 EUR", **extra: Any) -> str:
        """Open a charge as a merchant would; its reference."""
        response = await self.merchant(sandbox, {"amount": amount, **extra})
        assert response.status == 201
        ref: str = (await response.json())["ref"]
        return ref

    async def merchant(
        self, sandbox: dict[str, Any], body: Any = None, path: str = "/acme/charges", **options: Any
    ) -> ClientResponse:
        key = sandbox["credentials"]["acme"]["key"]
        headers = {"Authorization": f"GCS v1HMAC:{key}:c2lnbmF0dXJl", **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        return await self.client.post(path, headers=headers, **options)


@dataclass
class Endpoint:
    """The merchant's webhook endpoint."""

    url: str = ""
    status: int = 200
    received: list[Any] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self) -> None:
        """Answer no more until ``release`` is set; ``arrived`` says that somebody waits."""
        self.release.clear()

    async def take(self, request: web.Request) -> web.Response:
        self.received.append(await request.json())
        self.arrived.set()
        await self.release.wait()
        return web.Response(status=self.status)
