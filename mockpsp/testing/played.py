"""What became of a story: plain frozen records that renderers and tests read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import dumps
from typing import Any

from mockpsp.scenario.model import Bank, ShopperScript, Tender
from mockpsp.testing.expect import Failure, Received


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the merchant's application. ``status`` is ``dropped`` when the connection was cut.

    ``trace`` is the journal entry that explains the answer, 0 when there is none; ``notes`` are that entry's.
    """

    operation: str
    method: str
    target: str
    sent: Any
    status: int | str
    answer: Any
    trace: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One journal entry that a step led to, at sandbox time, with the webhook that reached the endpoint, if it is one.

    ``data`` is what the entry holds; for a delivery, ``about`` is the webhook's own entry (``records.Queued``).
    """

    number: int
    at: str
    kind: str
    provider: str
    operation: str
    reference: str
    cause: int
    data: Any
    about: Any = None
    received: Received | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One step of the story and all that followed from it. ``says`` tells in words what the step does."""

    number: int
    line: int
    kind: str
    at: str
    says: str
    outcome: str
    call: Call | None
    happenings: tuple[Happening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A whole story. ``journal`` holds one JSON object per entry, the same in every run of the same scenario."""

    name: str
    title: str
    seed: int
    start: str
    exchanges: tuple[Exchange, ...]
    failures: tuple[Failure, ...]
    webhooks: tuple[Received, ...]
    journal: tuple[Mapping[str, Any], ...]


def deed(script: ShopperScript) -> str:
    """What a shopper does, in words."""
    if script.bank is not None:
        return f"{_AT_BANK[script.bank]} at the bank's page"
    if script.refused is not None:
        return f"refuses {_paid(script.refused)} in the app"
    for name, told in _DEEDS.items():
        if getattr(script, name):
            return told
    return "pays with " + ", then ".join(map(_paid, script.pays))


def _paid(tender: Tender) -> str:
    amount = f" {tender.amount}" if tender.amount is not None else ""
    bank = Bank(tender.fields.get("bank", Bank.PASSES))
    return f"{tender.kind}{amount}" + (f" and {_AT_BANK[bank]} at the bank's page" if bank is not Bank.PASSES else "")


_DEEDS = {
    "cancels": "cancels",
    "abandons": "leaves",
    "refuses": "refuses in the app",
    "gives_back": "takes back what vouchers have paid",
}
_AT_BANK = {Bank.PASSES: "passes", Bank.FAILS: "fails", Bank.CANCELS: "cancels", Bank.ABANDONS: "leaves"}


def journal_lines(played: Played) -> Iterator[str]:
    """The journal, one line of JSON per entry."""
    return (dumps(entry, ensure_ascii=False) for entry in played.journal)


def journal_bytes(played: Played) -> bytes:
    """The journal's exact bytes, the same wherever its story is played."""
    return "\n".join(journal_lines(played)).encode()
