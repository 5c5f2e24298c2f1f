"""How the dashboard says things: spans of time, facts, ledger entries, shoppers, attempts. All of it is masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from mockpsp.domain.ledger import Entry as Booked
from mockpsp.domain.money import Money
from mockpsp.scenario.model import ShopperScript, Tender
from mockpsp.world.masking import mask, mask_text
from mockpsp.world.outbox import Status
from mockpsp.world.plain import plain
from mockpsp.world.records import Attempted

_LONGEST = 160
TONES: Mapping[Status, str] = {
    Status.WAITING: "wait",
    Status.RETRYING: "wait",
    Status.HELD: "wait",
    Status.DELIVERED: "good",
    Status.GIVEN_UP: "bad",
    Status.DROPPED: "bad",
    Status.NO_ENDPOINT: "quiet",
}
"""The colours of where a webhook is on its way."""


@lru_cache(maxsize=1_000)
def spoken(name: str) -> str:
    """``ShareAuthorised`` as people say it: ``share authorised``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def fact_name(operation: str) -> str:
    """What the journal calls ``order.ShareAuthorised``, as a sentence begins."""
    return spoken(operation.rpartition(".")[2]).capitalize()


def span(time: timedelta) -> str:
    """Roughly how long: ``250 ms``, ``3 s``, ``2 min 5 s``, ``4 h 1 min``, ``30 days``."""
    seconds = abs(time.total_seconds())
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return _two(minutes, "min", rest, "s")
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return _two(hours, "h", rest, "min")
    days, rest = divmod(hours, 24)
    return _two(days, "days", rest, "h")


def _two(many: int, unit: str, few: int, smaller: str) -> str:
    return f"{many} {unit}" + (f" {few} {smaller}" if few else "")


def within(due: datetime, now: datetime) -> str:
    """``in 4 h``, ``2 s ago``, ``now``: where a moment lies."""
    away = due - now
    if abs(away) < timedelta(milliseconds=500):
        return "now"
    return f"in {span(away)}" if away > timedelta(0) else f"{span(away)} ago"


def movement(booked: Booked) -> str:
    """A ledger entry in a line: where from, where to, how much."""
    gave = [each for each in booked.postings if each.minor < 0]
    got = [each for each in booked.postings if each.minor > 0]
    amount = Money(sum(each.minor for each in got), booked.currency)
    return f"{_accounts(gave)} → {_accounts(got)}, {amount}"


def _accounts(postings: list[Any]) -> str:
    return " and ".join(mask_text(each.account) for each in postings) or "nothing"


def amount_of(fact: Any) -> Money | None:
    """The amount that a fact is about, if it names one."""
    found = getattr(fact, "amount", None) or getattr(fact, "total", None)
    return found if isinstance(found, Money) else None


def details(value: Any) -> Iterator[tuple[str, str]]:
    """The plain fields of one of our records, masked; what is deep or long is left to the entry's own page."""
    told = mask(plain(value))
    if not isinstance(told, Mapping):
        return
    for name, each in told.items():
        if name in ("type", "at", "secret", "body") or isinstance(each, Mapping | list) or each in ("", None):
            continue
        text = str(each).lower() if isinstance(each, bool) else str(each)
        yield name.replace("_", " "), text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def deed(script: ShopperScript) -> str:
    """What a shopper does."""
    if script.cancels or script.abandons:
        return "cancels" if script.cancels else "leaves the page"
    if script.refuses:
        return f"refuses {_tender(script.refused)} in the app" if script.refused is not None else "refuses in the app"
    if script.gives_back:
        return "takes back what vouchers have paid"
    if script.bank is not None:
        return f"{script.bank.value} at the bank's page"
    return f"pays with {', then '.join(map(_tender, script.pays))}"


def _tender(tender: Tender) -> str:
    return f"{tender.kind} {tender.amount}" if tender.amount is not None else tender.kind


def outcome(attempt: Attempted) -> str:
    """How a delivery went: ``200``, ``500, again at …``."""
    return attempt.error or str(attempt.status)


_KINDS = (("event", "fact"), ("posting", "ledger entry"), ("webhook", "webhook"))


def counted(lines: Iterable[Any]) -> str:
    """What followed, by kind: ``2 facts, 1 ledger entry, 1 webhook``."""
    found = [each.kind for each in lines]
    return ", ".join(plural(found.count(kind), word) for kind, word in _KINDS if kind in found)


def plural(count: int, word: str) -> str:
    """``1 ledger entry``, ``2 ledger entries``."""
    if count == 1:
        return f"1 {word}"
    return f"{count:,} {word[:-1]}ies" if word.endswith("y") else f"{count:,} {word}s"
