"""A scenario after loading: frozen, typed, checked. ``schema.json`` is the same grammar for editors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import field

from mockpsp.domain.lifecycle import Fact
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value

ZERO = timedelta(0)


class Op(StrEnum):
    """How a condition compares a fact with its value."""

    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ABOVE = "above"
    BELOW = "below"
    MATCHES = "matches"


class Condition(Value, frozen=True):
    """One comparison of one fact. ``one_of`` holds a tuple, ``matches`` the text of a regular expression."""

    fact: str
    op: Op
    value: Fact | tuple[Fact, ...]


class Trigger(Value, frozen=True):
    """When a line of the script strikes: all conditions hold, from the ``nth`` match on, ``times`` times at most.

    ``nth`` alone strikes once, at exactly that match (1 is the first); with ``times`` it starts there. ``per`` names a
    fact: each of its values is counted for itself. ``start`` and ``until`` are since the scenario is in force.
    """

    when: tuple[Condition, ...] = ()
    nth: int | None = None
    times: int | None = None
    per: str | None = None
    start: timedelta = ZERO
    until: timedelta | None = None

    @property
    def first(self) -> int:
        """The number of the first match that it strikes at."""
        return self.nth or 1

    @property
    def uses(self) -> int | None:
        """How often it may strike; None is for ever."""
        return 1 if self.times is None and self.nth is not None else self.times


class Rule(Value, frozen=True, kw_only=True):
    """Overrides the natural answer to one operation."""

    key: str
    name: str
    operation: str
    trigger: Trigger
    outcome: str
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0


class Signature(StrEnum):
    """How a webhook is signed. ``stale``: rightly, with a key that has been replaced since."""

    RIGHT = "right"
    WRONG = "wrong"
    STALE = "stale"
    MISSING = "missing"


class HeaderCase(StrEnum):
    """How the names of a webhook's headers are written; HTTP takes all of them as the same."""

    AS_DOCUMENTED = "as_documented"
    LOWER = "lower"
    UPPER = "upper"


class Outage(Value, frozen=True, kw_only=True):
    """The merchant's endpoint as this scenario plays it, without asking the real one.

    ``fails`` attempts, or all attempts during ``down`` after the first one, are answered with ``status``;
    without a status nobody answers.
    """

    fails: int | None = None
    down: timedelta | None = None
    status: int | None = None


class DeliveryRule(Value, frozen=True, kw_only=True):
    """How webhooks of one type (a name, or a pattern with ``*``) are delivered.

    ``change`` has values by their place in the body (``payment.status``, ``items.0.amount``); None takes one away. The
    changed body is signed as ``signature`` says. ``beside``: the genuine webhook leaves as usual, behind this one.
    ``together``: all of them leave at the same moment, none waits for the answer to another one. ``pause``: after an
    ``early`` one the call is answered so much later, so that the merchant can act on it first.
    """

    key: str
    name: str
    event: str
    trigger: Trigger
    after: timedelta = ZERO
    copies: int = 1
    gap: timedelta = ZERO
    reversed: bool = False
    drop: bool = False
    early: bool = False
    signature: Signature = Signature.RIGHT
    change: Mapping[str, Any] = field(default_factory=dict)
    header_case: HeaderCase = HeaderCase.AS_DOCUMENTED
    beside: bool = False
    together: bool = False
    pause: timedelta = ZERO
    outage: Outage | None = None
    line: int = 0


class Drop(StrEnum):
    """When the connection is cut: before anything happened, or after it did and before the answer leaves."""

    BEFORE_EFFECT = "before_effect"
    AFTER_EFFECT = "after_effect"


class Spread(Value, frozen=True):
    """A latency that differs from call to call: evenly between two spans, or around a median with a long tail.

    With ``tail`` the first is the median and the second the 99th percentile. The seed decides each one.
    """

    low: timedelta
    high: timedelta
    tail: bool = False


class Throttle(Value, frozen=True):
    """So many calls get through in each span of the sandbox's time; the line strikes at those beyond."""

    calls: int
    per: timedelta


class Mangled(StrEnum):
    """What is wrong with a body: its end is missing on the wire, or it is no JSON."""

    TRUNCATED = "truncated"
    MALFORMED = "malformed"


class FaultRule(Value, frozen=True, kw_only=True):
    """A fault of transport on one API call (a name, or a pattern with ``*``): latency, a status, a cut connection.

    ``body`` and ``slow`` (the time that the body takes) spoil an answer whose call did its work. ``retry_after`` is
    what an answer with ``status`` says in the header Retry-After.
    """

    key: str
    name: str
    operation: str
    trigger: Trigger
    latency: timedelta = ZERO
    spread: Spread | None = None
    throttle: Throttle | None = None
    status: int | None = None
    retry_after: timedelta = ZERO
    after_effect: bool = False
    drop: Drop | None = None
    body: Mangled | None = None
    slow: timedelta = ZERO
    line: int = 0


class Bank(StrEnum):
    """What the shopper does at the bank's page that a card leads to; a tender without the word passes."""

    PASSES = "passes"
    FAILS = "fails"
    CANCELS = "cancels"
    ABANDONS = "abandons"


class App(StrEnum):
    """How far a shopper comes who does not pay in the vouchers' app that a tender leads to."""

    UNOPENED = "unopened"
    ABANDONS = "abandons"


class Tender(Value, frozen=True, kw_only=True):
    """One means of payment in the shopper's hand. Without an amount it pays all that it can.

    A card's field ``bank`` is one of ``Bank``; ``app`` of vouchers, where they have one, is one of ``App``.
    """

    kind: str
    amount: Money | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


class ShopperScript(Value, frozen=True, kw_only=True):
    """What the shopper does at a page: pays with tenders in turn, or cancels, or just leaves (``abandons``).

    Where the place knows such acts, the shopper ``refuses`` in the issuer's app (what the app asked for is ``refused``,
    if the script says it), takes back what vouchers have paid and stays (``gives_back``), or does at the ``bank``'s
    page what a payment that waits there asks for.
    """

    key: str
    at: str
    trigger: Trigger
    after: timedelta = ZERO
    pays: tuple[Tender, ...] = ()
    cancels: bool = False
    abandons: bool = False
    refuses: bool = False
    gives_back: bool = False
    bank: Bank | None = None
    refused: Tender | None = None
    line: int = 0


class Step(Value, frozen=True, kw_only=True):
    """One step of the story that ``play`` runs: exactly one of the kinds below, named by ``kind``.

    merchant: call ``operation`` with ``body``, ``path``, ``query``, idempotence ``key``; ``label`` keeps the answer.
    With ``amount``, or ``of`` (the label of an earlier answer), it is the provider's usual call for that amount, about
    what that answer opened, and ``body`` and ``path`` only say what is different.
    shopper: act on the checkout that the answer ``label`` opened. advance: move the clock by ``span``; at: move it to
    ``span`` after the story's beginning.
    endpoint: the merchant's webhook endpoint (of the provider ``operation``) answers ``status`` from now on, and its
    webhooks go to ``urls``. settle: deliver all that is due. clock: make it this ``moment``, be it an earlier one.
    back_office: the staff of the provider ``operation`` does at ``ref`` what ``body`` says. account: ``ref`` holds
    ``amount`` from now on. resend: the webhook of type ``operation``, about ``ref`` if it says so, is sent once more,
    the ``nth`` or else the last one, to ``urls`` if it names one. scenario: ``scenario`` comes into force.
    ``expect`` holds what must be true right after the step.
    """

    kind: str
    operation: str = ""
    label: str = ""
    of: str = ""
    amount: Money | None = None
    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    span: timedelta = ZERO
    status: int | None = None
    shopper: ShopperScript | None = None
    ref: str = ""
    nth: int | None = None
    urls: tuple[str, ...] | None = None
    moment: datetime | None = None
    scenario: Scenario | None = None
    expect: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0


class Scenario(Value, frozen=True, kw_only=True):
    """One file. ``world`` and ``settings`` are by provider and already shaped as that provider's catalogue says.

    ``settings`` are complete; ``written`` are the names of those that the file itself names. ``seeded``: it names a
    seed. ``source`` is the text of a file or of a request that is not among the shipped ones, if it came as one text.
    """

    name: str
    title: str
    seed: int = 1
    seeded: bool = False
    clock: datetime | None = None
    tags: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    world: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shopper: tuple[ShopperScript, ...] = ()
    rules: tuple[Rule, ...] = ()
    webhooks: tuple[DeliveryRule, ...] = ()
    faults: tuple[FaultRule, ...] = ()
    story: tuple[Step, ...] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
