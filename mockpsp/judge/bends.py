"""What an explorer can bend: one line of a scenario each, made from what a run of the merchant's really came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.value import Value
from mockpsp.judge.model import parts
from mockpsp.judge.trade import TRADES, Trade
from mockpsp.testing.answers import Entry

MOST_APART = 3
"""Of webhooks of one type, and decisions on one question, so many are bent each by itself."""
_REFUSALS = ("refused", "declined", "failed")
_FAULTS: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "lost": (10, {"drop": "after_effect"}),
    "unreached": (1, {"drop": "before_effect"}),
    "broken": (3, {"status": 500}),
    "busy": (1, {"status": 503, "retry_after": "1s"}),
    "slow": (1, {"latency": "3s"}),
}
_OF_READS = ("broken", "slow")
_DELIVERIES: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "twice": (10, {"copies": 2}),
    "late": (4, {"after": "3s"}),
    "missing": (4, {"drop": True}),
    "early": (2, {"early": True}),
    "overtaken": (1, {"order": "reversed"}),
}
_EACH_BY_ITSELF = ("late", "missing")
_SHORTER = {"3s": "1s"}
_WORD = {"rules": ("operation", "then"), "faults": ("operation", "then"), "webhooks": ("event", "deliver")}


class Bend(Value, frozen=True, kw_only=True):
    """One thing that is bent. ``nth`` 0 is each time; ``weight`` how likely it is to show something; ``at`` where the
    run came to it, as numbers of journal entries.
    """

    section: str
    about: str
    how: str
    does: Mapping[str, Any]
    nth: int = 0
    weight: int = 1
    at: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The same in every run: ``adyen.capture lost``, or ``adyen.AUTHORISATION late 2`` for the second one."""
        numbered = self.nth > 1 or (self.nth and self.section == "webhooks")
        return f"{self.about} {self.how}" + (f" {self.nth}" if numbered else "")

    @property
    def provider(self) -> str:
        """Whose."""
        return self.about.partition(".")[0]

    def line(self) -> dict[str, Any]:
        """As it stands in a scenario."""
        subject, does = _WORD[self.section]
        return {subject: self.about, **({"nth": self.nth} if self.nth else {}), does: dict(self.does)}

    def excludes(self, other: Bend) -> bool:
        """Whether the two cannot be in one scenario: only one line strikes at a time."""
        same = (self.section, self.about) == (other.section, other.about)
        return same and (self.nth == other.nth or 0 in (self.nth, other.nth))

    def simpler(self) -> Iterator[Bend]:
        """The same with smaller numbers, the smallest first."""
        for key, value in self.does.items():
            if isinstance(value, str) and value in _SHORTER:
                yield replace(self, does={**self.does, key: _SHORTER[value]})


def lines_of(bends: Iterable[Bend]) -> dict[str, Any]:
    """All of them as parts of a scenario, always in the same order."""
    ordered = sorted(bends, key=lambda each: (each.section, each.about, each.nth))
    return parts([{each.section: [each.line()]} for each in ordered])


def later_of(lines: Mapping[str, Any]) -> str:
    """How far the clock moves after a run under these lines: where somebody was refused, money has to come back."""
    return "2h" if lines.get("rules") else ""


def bends_of(entries: Sequence[Entry], providers: Sequence[str]) -> list[Bend]:
    """Everything that can be bent in a run with these entries, each name once, in the order of the run."""
    found: dict[str, Bend] = {}
    for bend in (*_faults(entries), *_deliveries(entries), *_refusals(entries)):
        if bend.provider in providers:
            known = found.get(bend.name)
            found[bend.name] = bend if known is None else replace(known, at=(*known.at, *bend.at))
    return sorted(found.values(), key=lambda each: (each.at, each.name))


def _faults(entries: Sequence[Entry]) -> Iterator[Bend]:
    """Faults at calls of the API. Pages of shoppers are left alone: no merchant hears of them."""
    for entry in entries:
        trade = TRADES.get(entry.provider or "")
        if entry.kind != "request" or trade is None:
            continue
        does = _acts(trade)
        hows = tuple(_FAULTS) if entry.operation in does else _OF_READS if entry.operation in trade.reads else ()
        for how in hows:
            weight, then = _FAULTS[how]
            yield Bend(
                section="faults", about=f"{entry.provider}.{entry.operation}", how=how, does=then, nth=1,
                weight=weight, at=(entry.id,),
            )  # fmt: skip


def _acts(trade: Trade) -> frozenset[str]:
    return trade.makes | trade.captures | trade.refunds | trade.cancels


def _deliveries(entries: Sequence[Entry]) -> Iterator[Bend]:
    webhooks = [each for each in entries if each.kind == "webhook" and each.provider in TRADES]
    count = Counter(f"{each.provider}.{each.operation}" for each in webhooks)
    seen: Counter[str] = Counter()
    for entry in webhooks:
        event = f"{entry.provider}.{entry.operation}"
        seen[event] += 1
        for how, (weight, deliver) in _DELIVERIES.items():
            yield Bend(section="webhooks", about=event, how=how, does=deliver, weight=weight, at=(entry.id,))
            if count[event] > 1 and seen[event] <= MOST_APART and how in _EACH_BY_ITSELF:
                yield Bend(
                    section="webhooks",
                    about=event,
                    how=how,
                    does=deliver,
                    nth=seen[event],
                    weight=weight,
                    at=(entry.id,),
                )


def _refusals(entries: Sequence[Entry]) -> Iterator[Bend]:
    seen: Counter[str] = Counter()
    for entry in entries:
        if entry.kind != "decision" or entry.provider not in TRADES:
            continue
        outcome = _refusing().get(entry.operation, "")
        seen[entry.operation] += 1
        if outcome and seen[entry.operation] <= MOST_APART:
            yield Bend(
                section="rules", about=entry.operation, how=outcome, does={"outcome": outcome},
                nth=seen[entry.operation], weight=4, at=(entry.id,),
            )  # fmt: skip


@cache
def _refusing() -> Mapping[str, str]:
    """Questions that can be answered with a no, and how that is called."""
    from mockpsp.providers import discover

    return {
        f"{provider}.{name}": next(each for each in _REFUSALS if each in operation.outcomes)
        for provider, found in discover().items()
        for name, operation in found.catalogue().operations.items()
        if set(_REFUSALS) & set(operation.outcomes)
    }


# -- in which order ----------------------------------------------------------------------------------------------------

Set = tuple[Bend, ...]
ALIKE = 3.0
"""So much later comes a pair of the same kind: two faults, two deliveries."""
NEAR_ENTRIES = 8.0
KIN = 8.0
"""So much sooner comes a pair of which one part only happens because of the other."""


def shuffled(sets: Iterable[Set], seed: int, born: Mapping[str, AbstractSet[str]]) -> list[Set]:
    """In an order that follows from the seed: what is likely to show something tends to come first.

    Bends that strike close to each other are tried sooner. ``born`` names the bends under which another one
    was seen that the plain run does not come to.
    """

    def turn(bends: Set) -> tuple[float, str]:
        name = named(bends)
        chance = (int.from_bytes(sha256(f"{seed}:{name}".encode()).digest()[:8], "big") + 1) / 2**64
        return -(chance ** (1 / _weight(bends, born))), name

    return sorted(sets, key=turn)


def _weight(bends: Set, born: Mapping[str, AbstractSet[str]]) -> float:
    weight = 1.0
    for number, bend in enumerate(bends):
        weight *= bend.weight
        for other in bends[:number]:
            if other.name in born.get(bend.name, ()) or bend.name in born.get(other.name, ()):
                weight *= KIN
            else:
                weight /= 1 + _apart(bend, other) / NEAR_ENTRIES
                weight /= ALIKE if bend.section == other.section else 1
    return weight


def _apart(bend: Bend, other: Bend) -> int:
    return min((abs(one - two) for one in bend.at for two in other.at), default=0)


def named(bends: Iterable[Bend]) -> str:
    """A set in words, whatever the order."""
    return " + ".join(sorted(each.name for each in bends))
