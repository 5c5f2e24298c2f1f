"""A run as a sequence diagram in Mermaid's language: shopper, merchant, provider."""

from __future__ import annotations

from collections.abc import Sequence

from mockpsp.judge.observed import Observed
from mockpsp.judge.trade import TRADES
from mockpsp.testing.answers import Entry

MOST = 60


def mermaid(run: Observed, provider: str) -> str:
    """The diagram of what went between the three, the first ``MOST`` steps of it."""
    steps = [step for each in run.entries if each.provider == provider for step in _steps(each)]
    left_out = [f"    Note over merchant,{provider}: {len(steps) - MOST} more steps"] if len(steps) > MOST else []
    head = ["sequenceDiagram", "    actor shopper", "    participant merchant", f"    participant {provider}"]
    return "\n".join([*head, *steps[:MOST], *left_out])


def _steps(entry: Entry) -> Sequence[str]:
    provider, details = entry.provider or "", entry.details
    match entry.kind:
        case "request":
            who = "shopper" if _page(entry) else "merchant"
            answer = str(details.get("status") or "cut off")
            arrow = "-->>" if details.get("status") else "--x"
            return (
                f"    {who}->>{provider}: {_clean(entry.operation)} #{entry.id}",
                f"    {provider}{arrow}{who}: {answer}",
            )
        case "delivery" if "attempt" in details["delivery"]:
            attempt = details["delivery"]
            arrow = "->>" if attempt.get("status") else "-x"
            outcome = attempt.get("error") or attempt.get("status")
            return (f"    {provider}{arrow}merchant: {_clean(entry.operation)} → {_clean(str(outcome))} #{entry.id}",)
        case "shopper":
            return (f"    shopper->>{provider}: {_clean(entry.operation)} #{entry.id}",)
        case _:
            return ()


def _page(entry: Entry) -> bool:
    """Whether a shopper's browser sent it: pages take forms, or nothing, and answer with HTML or lead somewhere."""
    headers = {name.lower(): value for name, value in entry.details.get("headers", {}).items()}
    form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    known = TRADES[entry.provider or ""]
    return form or (
        entry.details.get("method") == "GET" and not _authorised(headers) and entry.operation not in known.reads
    )


def _authorised(headers: dict[str, str]) -> bool:
    return "authorization" in headers or "x-api-key" in headers


def _clean(text: str) -> str:
    return "".join(" " if each in ";:#\n" else each for each in text)[:80]
