"""The merchant's side: signed calls and verified webhooks, for stories and tests."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from hmac import compare_digest
from json import dumps, loads
from typing import Any
from urllib.parse import quote, urlencode

from mockpsp.edge.provider import Route
from mockpsp.providers.worldline.auth import SCHEME, data_to_sign, sign
from mockpsp.providers.worldline.webhooks import signature
from mockpsp.world.sandboxes import Sandbox

_META = b64encode(b'{"sdkCreator":"mockpsp","sdkIdentifier":"mockpsp/story"}').decode()


class WorldlineMerchant:
    """Implements ``edge.provider.MerchantCalls``."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes: dict[str, Route] = {}
        for route in routes:
            self._routes.setdefault(route.operation, route)

    def request(
        self,
        sandbox: Sandbox,
        operation: str,
        *,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Any,
        key: str | None,
        headers: Mapping[str, str],
        now: datetime,
    ) -> tuple[str, str, dict[str, str], bytes | None]:
        """See MerchantCalls."""
        route = self._routes[operation]
        given = sandbox.credentials["worldline"]
        values = {"merchantId": given["merchant_id"], **path}
        target = "/".join(
            quote(str(values[part[1:-1]]), safe="") if part.startswith("{") else part for part in route.path.split("/")
        )
        if query:
            target += f"?{urlencode(query, doseq=True)}"
        payload = None if body is None else dumps(body, ensure_ascii=False).encode()
        sent = {"Date": format_datetime(now.astimezone(UTC), usegmt=True), "X-GCS-ServerMetaInfo": _META}
        if key is not None:
            sent["X-GCS-Idempotence-Key"] = key
        if payload is not None:
            sent["Content-Type"] = "application/json"
        gcs = [(name, value) for name, value in sent.items() if name.lower().startswith("x-gcs")]
        data = data_to_sign(route.method, sent.get("Content-Type", ""), sent["Date"], gcs, target)
        sent["Authorization"] = f"{SCHEME}{given['api_key_id']}:{sign(given['secret_api_key'], data)}"
        return route.method, target, {**sent, **headers}, payload

    def webhook_kind(self, sandbox: Sandbox, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
        """See MerchantCalls."""
        given = sandbox.credentials["worldline"]
        found = {name.lower(): value for name, value in headers.items()}
        if found.get("x-gcs-keyid") != given["webhook_key_id"]:
            raise ValueError("the webhook names another key")
        expected = signature(given["webhook_secret"], body)
        if not compare_digest(found.get("x-gcs-signature", "").encode(), expected.encode()):
            raise ValueError("the webhook's signature is wrong")
        event = loads(body)
        part = event.get("payment") or event.get("refund") or {}
        return str(event["type"]), str(part.get("id", ""))
