"""Runs as the judge sees them, made by hand: journal entries, webhooks, what the merchant says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mockpsp.judge.model import Check, Finding, Probe, Severity, Trial
from mockpsp.judge.observed import Observed, Said, Saw
from mockpsp.testing.answers import Account, Attempt, Entry, Webhook

START = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
WALLET = "worldline/wallet/11111111111"
ACCOUNTS = {"worldline": WALLET, "adyen": "adyen/meal_voucher/6120", "lyra": "lyra/conecs/9999"}


class Story:
    """Collects entries with numbers and moments of their own; ``run`` is all of it."""

    def __init__(self, provider: str = "adyen") -> None:
        self.provider = provider
        self.entries: list[Entry] = []
        self.webhooks: list[Webhook] = []
        self.now = START

    def wait(self, seconds: float) -> Story:
        self.now += timedelta(seconds=seconds)
        return self

    def add(self, kind: str, operation: str, **details: Any) -> int:
        number = len(self.entries) + 1
        self.entries.append(Entry(number, self.now, kind, self.provider, operation, "ref", number, details))
        return number

    def call(
        self, operation: str, *, target: str = "/x", key: str = "", status: int = 201, body: Any = None, note: str = ""
    ) -> int:
        name = {"worldline": "X-GCS-Idempotence-Key", "adyen": "Idempotency-Key", "lyra": ""}[self.provider]
        return self.add(
            "request", operation, method="POST", target=target, headers={name: key} if key else {}, body=body,
            status=status, answer={}, notes=[note] if note else [], finished=True,
        )  # fmt: skip

    def cut(self, operation: str, **given: Any) -> int:
        return self.call(operation, status=0, note="fault 'probe' strikes after the effect", **given)

    def fact(self, name: str, **event: Any) -> int:
        return self.add("event", f"order.{name}", event={"type": name, **event})

    def paid(self) -> Story:
        self.fact("OrderPaid")
        return self

    def holds(self, minor: int) -> Story:
        moves = [{"account": ACCOUNTS[self.provider], "minor": -minor}, {"account": "elsewhere", "minor": minor}]
        self.add("posting", "hold", posting={"currency": "EUR", "postings": moves})
        return self

    def webhook(self, kind: str = "AUTHORISATION", *, status: int | None = 200, error: str | None = None,
                signature: str = "right", rule: str | None = None) -> Story:  # fmt: skip
        number = len(self.webhooks) + 1
        self.add("webhook", kind, webhook={"number": number})
        self.add("delivery", kind, delivery={"number": number, "attempt": 1, "status": status, "error": error})
        attempt = Attempt(self.now, status, error)
        self.webhooks.append(
            Webhook(
                number, self.provider, kind, "ref", "owner", "http://shop/", "delivered", None, self.now, None, rule,
                signature, {}, {}, (attempt,),
            )
        )  # fmt: skip
        return self

    def run(self, *, code: int | None = 0, said: Sequence[dict[str, Any]] = (), then: Sequence[dict[str, Any]] = (),
            saw: Sequence[Saw] = (), ended: int | None = None, checked: int | None = None) -> Observed:  # fmt: skip
        account = Account(ACCOUNTS[self.provider], self.provider, "voucher", "1", "1.00 EUR", None)
        merchant = Account(f"{self.provider}/merchant/M", self.provider, "merchant", "M", "0.00 EUR", None)

        def told(facts: Sequence[dict[str, Any]]) -> tuple[Said, ...]:
            return tuple(Said(provider=self.provider, reference="O-1", facts=each) for each in facts)

        return Observed(
            entries=tuple(self.entries), webhooks=tuple(self.webhooks), before=(account, merchant),
            accounts=(account, merchant), code=code, output="", seconds=1.0,
            ended=len(self.entries) if ended is None else ended, said=told(said), said_then=told(then), saw=tuple(saw),
            checked=checked,
        )  # fmt: skip


def probe(provider: str = "adyen", severity: Severity = Severity.HIGH) -> Probe:
    return Probe(
        name="probe", provider=provider, title="t", reason="r", page="p", severity=severity, checks=()
    )  # fmt: skip


def found(check: Check, run: Observed, plain: Observed | None = None, provider: str = "adyen") -> list[Finding]:
    """What a check finds in a run."""
    return list(check(Trial(probe(provider), plain if plain is not None else run, run)))


def names(check: Check, run: Observed, plain: Observed | None = None, provider: str = "adyen") -> list[str]:
    return [each.name for each in found(check, run, plain, provider)]
