"""How Lyra sends webhooks: unsigned, retried only when nobody could be reached.

Source: docs.lyra.com "Using webhooks": two more attempts, a quarter of an hour apart; an HTTP error is not retried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mockpsp.providers.lyra.commands import Heard
from mockpsp.scenario.model import Signature
from mockpsp.world.records import Attempted, Queued


class LyraPolicy:
    """Implements ``world.delivery.Policy``. Any answer at all acknowledges a webhook."""

    timeout_seconds = 10.0
    in_order = False

    def retries(self, settings: Any) -> Sequence[timedelta]:
        """See Policy."""
        waits: Sequence[timedelta] = settings.webhook_retries
        return waits

    def message(
        self, queued: Queued, credentials: Mapping[str, Any], signature: Signature, settings: Any
    ) -> tuple[Mapping[str, str], bytes]:
        """See Policy. There is no signature to be wrong or missing."""
        return {"Content-Type": "application/json"}, queued.body

    def proof(self, headers: Mapping[str, str], body: bytes, credentials: Mapping[str, Any]) -> None:
        """See Policy. Nothing is signed: a shop asks for the object that the webhook names."""

    def accepted(self, status: int, body: bytes) -> bool:
        """See Policy."""
        return True

    def heard(self, queued: Queued, attempted: Attempted) -> tuple[str, str, Any] | None:
        """See Policy: the status of an order's webhook is written into the order."""
        if queued.kind != "order" or attempted.status is None:
            return None
        return "lyra.order", queued.owner, Heard(attempted.status)


POLICY = LyraPolicy()
