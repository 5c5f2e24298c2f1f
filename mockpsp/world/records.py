"""What a store keeps: everything that changes a sandbox, in the past tense and complete on its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mockpsp.domain.ledger import Entry
from mockpsp.domain.lifecycle import Body
from mockpsp.domain.value import Value
from mockpsp.scenario.engine import Position
from mockpsp.scenario.model import ZERO, HeaderCase, Outage, Signature
from mockpsp.world.clock import ClockMode


class Happened(Value, frozen=True):
    """A fact of one object's life."""

    lifecycle: str
    ref: str
    event: Any


class Posted(Value, frozen=True):
    """A ledger entry, because of ``ref``."""

    ref: str
    entry: Entry


class Queued(Value, frozen=True):
    """A webhook that is to be sent: one row of the outbox, its bytes as they will be signed.

    ``owner`` is the object, ``ref`` the provider's id in the body. ``rank`` orders rows that are due at the same
    moment. An empty ``url`` means that nobody asked for it. ``at_once`` goes past a webhook that holds up its address,
    ``early`` leaves before the call that led to it is answered, and that ``pause`` later, ``together`` without others.
    """

    number: int
    provider: str
    kind: str
    owner: str
    ref: str
    content: Body
    url: str
    at: datetime
    due: datetime
    rank: int
    rule: str = ""
    drop: bool = False
    signature: Signature = Signature.RIGHT
    outage: Outage | None = None
    at_once: bool = False
    early: bool = False
    header_case: HeaderCase = HeaderCase.AS_DOCUMENTED
    together: bool = False
    pause: timedelta = ZERO

    @property
    def body(self) -> bytes:
        """The bytes that are signed and sent."""
        return self.content.content


class Attempted(Value, frozen=True):
    """One delivery attempt: the endpoint's status, or what went wrong; when the next one is due, if any.

    ``in_order``: as long as a next one is due, later webhooks to the same address wait behind this one.
    """

    number: int
    attempt: int
    at: datetime
    status: int | None
    error: str | None
    delivered: bool
    next_due: datetime | None
    in_order: bool = False


class Held(Value, frozen=True):
    """A webhook was due and waits: the one with the number ``behind`` failed and holds up its address."""

    number: int
    behind: int
    at: datetime


class Probed(Value, frozen=True):
    """An address of the merchant's was asked with an empty request; its status, or what went wrong."""

    url: str
    status: int | None
    error: str | None


class TimerSet(Value, frozen=True):
    """A command that waits for its moment."""

    number: int
    lifecycle: str
    ref: str
    command: Any
    due: datetime


class TimerFired(Value, frozen=True):
    """A timer's moment came; ``refused`` says why nothing followed, when nothing did."""

    number: int
    at: datetime
    refused: str | None = None


class ShopperExpected(Value, frozen=True):
    """An object waits for a shopper."""

    provider: str
    place: str
    ref: str


class ShopperGone(Value, frozen=True):
    """An object no longer waits for a shopper."""

    ref: str


class ShopperDue(Value, frozen=True):
    """A scripted shopper will act on ``ref``, as the line ``script`` of the scenario says."""

    number: int
    provider: str
    ref: str
    script: str
    due: datetime


class ScriptMoved(Value, frozen=True):
    """Lines of the script were asked, and came this far."""

    positions: Mapping[str, Position]


class IdsDrawn(Value, frozen=True):
    """Ids were used up to here; ``series`` are pairs of a name and its latest number."""

    cursor: int
    series: tuple[tuple[str, int], ...]


class Answered(Value, frozen=True):
    """The answer to a request that carried an idempotence key; a repetition gets the same one.

    ``started`` is the moment of the first request, ``until`` that up to which the answer is kept; ``fingerprint``
    tells another body under the same key. ``headers`` are those that the answer had of its own.
    """

    scope: str
    started: datetime
    at: datetime
    status: int
    body: bytes
    fingerprint: bytes
    until: datetime
    headers: tuple[tuple[str, str], ...] = ()


class ClockMoved(Value, frozen=True):
    """The sandbox's clock was set, or switched between running and standing still."""

    mode: ClockMode
    to: datetime
    by: timedelta | None = None


class ClockShifted(Value, frozen=True):
    """A running clock is so far from the machine's; what a process needs that takes over."""

    offset: timedelta


class EndpointChanged(Value, frozen=True):
    """Webhooks of a provider go to these addresses from now on: those of one type, or with no ``kind`` all of them.

    The latter ends what was said of single types.
    """

    provider: str
    urls: tuple[str, ...]
    kind: str = ""


class ScenarioChanged(Value, frozen=True):
    """Another scenario is in force since ``at``; ``changes`` tells what is different for a reader."""

    scenario: Any
    at: datetime
    changes: tuple[str, ...] = ()


class Forgotten(Value, frozen=True):
    """Objects of one kind that were at rest for longest are no more: as many are kept as the server is told to."""

    lifecycle: str
    refs: tuple[str, ...]


class SandboxOpened(Value, frozen=True):
    """A sandbox was created; ``scenario`` with the seed and clock that it began with."""

    id: str
    scenario: Any
    seed: int | None
    start: datetime | None
    created: datetime


class SandboxTold(Value, frozen=True):
    """Whoever starts the server wants this scenario in a sandbox that is there already."""

    id: str
    scenario: Any


class SandboxReset(Value, frozen=True):
    """A sandbox begins anew with the scenario that was in force."""

    id: str
    scenario: Any


class SandboxDropped(Value, frozen=True):
    """A sandbox is no more."""

    id: str
