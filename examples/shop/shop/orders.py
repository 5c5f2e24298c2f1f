"""The shop's own words for what it knows: orders, what a provider shows of one, events, and calls that must be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How far an order is. Only PAID is shipped; REVIEW is for a person to look at."""

    NEW = "new"
    WAITING = "waiting"
    PAID = "paid"
    ENDED = "ended"
    REVIEW = "review"


NEXT: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.WAITING, State.PAID, State.ENDED, State.REVIEW}),
    State.WAITING: frozenset({State.PAID, State.ENDED, State.REVIEW}),
    State.ENDED: frozenset({State.WAITING, State.PAID, State.REVIEW}),  # another attempt, or late money
    State.PAID: frozenset(),  # what was paid stays paid; refunds are amounts beside it
    State.REVIEW: frozenset(),  # a person decides
}
"""Which states may follow. An event that comes late or twice leads nowhere, instead of back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order. Amounts are cents. ``token`` is its secret address; ``id`` its reference at the provider.

    ``ref``, ``url`` and ``mac`` belong to the present attempt to pay: the provider's id, its page, and RETURNMAC.
    ``touched`` and ``looked`` are moments in seconds: of the attempt, and when the provider was last asked.
    """

    id: str
    token: str
    kind: str
    language: str
    total: int
    currency: str
    state: State
    attempt: int
    ref: str
    url: str
    mac: str
    paid: int
    refunded: int
    pending: int
    created: str
    touched: float
    looked: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a provider shows of an order: ``pending`` are refunds without a result yet. Amounts are cents.

    ``kept`` is money that an ended attempt still holds, and that has to go back.
    """

    state: State
    paid: int = 0
    refunded: int = 0
    pending: int = 0
    currency: str = "EUR"
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A genuine webhook. ``id`` is the same for repetitions, and where an event ``recurs`` for news, too.

    ``order`` is our reference, ``ref`` the provider's id; one of them leads to the order. ``said`` is what it claims.
    """

    provider: str
    id: str
    kind: str
    order: str = ""
    ref: str = ""
    said: State | None = None
    recurs: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A call that must be made: written down before it is sent, so that neither a crash nor a time-out loses it.

    ``state`` is todo, asked (the provider has taken it) or refused. ``target`` is the payment or seller it is about.
    """

    key: str
    order: str
    kind: str
    amount: int
    target: str = ""
    state: str = "todo"
    ref: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A payment page that waits for the shopper."""

    ref: str
    url: str
    mac: str = ""
