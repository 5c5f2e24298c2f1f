"""What a store keeps: everything that changes a sandbox, in the past tense and complete on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mockpsp.domain.ledger import Entry
from mockpsp.scenario.engine import Position
from mockpsp.scenario.model import Outage, Signature
from mockpsp.world.clock import ClockMode


@dataclass(frozen=True, slots=True)
class Happened:
    """A fact of one object's life."""

    lifecycle: str
    ref: str
    event: Any


@dataclass(frozen=True, slots=True)
class Posted:
    """A ledger entry, because of ``ref``."""

    ref: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Queued:
    """A webhook that is to be sent: one row of the outbox, its bytes as they will be signed.

    ``owner`` is the object, ``ref`` the provider's id in the body. ``rank`` orders rows that are due at the same
    moment. An empty ``url`` means that nobody asked for it.
    """

    number: int
    provider: str
    kind: str
    owner: str
    ref: str
    body: bytes
    url: str
    at: datetime
    due: datetime
    rank: int
    rule: str = ""
    drop: bool = False
    signature: Signature = Signature.RIGHT
    outage: Outage | None = None


@dataclass(frozen=True, slots=True)
class Attempted:
    """One delivery attempt: the endpoint's status, or what went wrong; when the next one is due, if any."""

    number: int
    attempt: int
    at: datetime
    status: int | None
    error: str | None
    delivered: bool
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class TimerSet:
    """A command that waits for its moment."""

    number: int
    lifecycle: str
    ref: str
    command: Any
    due: datetime


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer's moment came; ``refused`` says why nothing followed, when nothing did."""

    number: int
    at: datetime
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class ShopperExpected:
    """An object waits for a shopper."""

    provider: str
    place: str
    ref: str


@dataclass(frozen=True, slots=True)
class ShopperGone:
    """An object no longer waits for a shopper."""

    ref: str


@dataclass(frozen=True, slots=True)
class ShopperDue:
    """A scripted shopper will act on ``ref``, as the line ``script`` of the scenario says."""

    number: int
    provider: str
    ref: str
    script: str
    due: datetime


@dataclass(frozen=True, slots=True)
class ScriptMoved:
    """Lines of the script were asked, and came this far."""

    positions: Mapping[str, Position]


@dataclass(frozen=True, slots=True)
class IdsDrawn:
    """Ids were used up to here."""

    cursor: int
    series: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request that carried an idempotence key; a repetition gets the same one.

    ``started`` is the moment of the first request; ``fingerprint`` tells another body under the same key.
    """

    scope: str
    started: datetime
    at: datetime
    status: int
    body: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class ClockMoved:
    """The sandbox's clock was set, or switched between running and standing still."""

    mode: ClockMode
    to: datetime
    by: timedelta | None = None


@dataclass(frozen=True, slots=True)
class EndpointChanged:
    """Webhooks of a provider go to these addresses from now on."""

    provider: str
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScenarioChanged:
    """Another scenario is in force; ``changes`` tells what is different for a reader."""

    scenario: Any
    changes: tuple[str, ...] = ()
