"""The control API as tests use it: one fresh sandbox, steered over HTTP like any user would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.connection import steer

Json = Any


class ControlledSandbox:
    """One sandbox of a running server."""

    def __init__(self, url: str, created: Mapping[str, Any]) -> None:
        self.url = url
        self.id: str = created["id"]
        self.credentials: Mapping[str, Mapping[str, Any]] = created["credentials"]
        self._base = f"{url}/_mockpsp/sandboxes/{self.id}"

    @classmethod
    def create(cls, url: str, **body: Any) -> ControlledSandbox:
        """A fresh sandbox: ``scenario`` (name or object), ``seed``, ``clock``."""
        response = steer("POST", f"{url}/_mockpsp/sandboxes", body)
        assert response.status == 201, response.text
        return cls(url, response.json())

    def call(self, method: str, path: str = "", body: Any = None, status: int = 200) -> Json:
        """One control call below this sandbox."""
        response = steer(method, f"{self._base}{path}", body)
        assert response.status == status, f"{method} {path}: {response.status} {response.text}"
        return response.json() if response.body else None

    def delete(self) -> None:
        """Forget it."""
        self.call("DELETE", status=204)

    def advance(self, span: str) -> Json:
        """Move the clock ahead; what became due has been done when this returns."""
        return self.call("POST", "/clock", {"advance": span})

    def stand_still(self) -> None:
        """Stop the clock at the present moment."""
        self.call("POST", "/clock", {"mode": "manual"})

    def settle(self) -> Json:
        """Wait until nothing is due."""
        return self.call("POST", "/webhooks/settle")

    def webhooks(self, **filters: str) -> list[Json]:
        """All webhooks so far, oldest first, after settling."""
        self.settle()
        response = steer("GET", f"{self._base}/webhooks", params=filters)
        assert response.status == 200, response.text
        found: list[Json] = response.json()["webhooks"]
        return found

    def webhook_types(self) -> list[str]:
        """Their types in order."""
        return [each["type"] for each in self.webhooks()]

    def journal(self, **filters: Any) -> list[Json]:
        """Journal entries."""
        response = steer("GET", f"{self._base}/journal", params=filters)
        assert response.status == 200, response.text
        entries: list[Json] = response.json()["entries"]
        return entries

    def explain(self, trace: str) -> str:
        """The explanation behind a ``Mockpsp-Trace`` header."""
        return str(self.call("GET", f"/journal/{trace}")["explanation"])

    def accounts(self) -> dict[str, Json]:
        """Accounts by reference."""
        return {each["ref"]: each for each in self.call("GET", "/accounts")["accounts"]}

    def shopper(self, ref: str, action: Mapping[str, Any], status: int = 200) -> Json:
        """Act in the shopper's place."""
        return self.call("POST", f"/checkouts/{ref}/shopper", action, status)

    def endpoint(self, provider: str, url: str | None) -> None:
        """Where webhooks go."""
        self.call("PUT", f"/webhook-endpoints/{provider}", {"url": url})
