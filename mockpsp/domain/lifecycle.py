"""How a kind of object lives: the question a command raises, the facts it leads to, and what follows from them.

A lifecycle is a set of pure functions. ``world.execute`` calls them in this order, without waiting in between:
``question`` (the guard: it refuses what the state does not allow, and says what is left to decide), the scenario's
verdict, ``decide``, ``evolve``, ``entries`` and ``notices``. If one of them refuses, nothing at all has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from mockpsp.domain.ids import Ids
from mockpsp.domain.ledger import Entry
from mockpsp.domain.money import Money

Fact = str | int | bool | Money | None
"""What a rule's ``when`` can compare."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is left to decide once the state allows a command: an operation's name, the facts that rules may match."""

    operation: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's answer. Without a rule (``outcome`` is None) the natural answer applies."""

    outcome: str | None = None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    rule: str | None = None


NATURAL = Verdict()


class Balances(Protocol):
    """Read-only view of the ledger."""

    def balance(self, account: str, currency: str) -> Money:
        """What the account holds."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a decision may look at besides state and command: the time (UTC), balances, ids, the world's data.

    ``world`` and ``settings`` are the provider's own, as its ``setup`` built them from the scenario.
    """

    now: datetime
    balances: Balances
    ids: Ids
    world: Any
    settings: Any


@dataclass(frozen=True, slots=True)
class Decision:
    """Facts, and the law behind them in a sentence; ``settings`` names the inferred behaviours that decided."""

    events: tuple[Any, ...]
    law: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A webhook that the provider sends because of a fact: its type, its exact bytes, and where to.

    ``urls`` replaces the sandbox's endpoint when it is not empty.
    """

    kind: str
    reference: str
    body: bytes
    urls: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timer:
    """A command that is due at a later moment (UTC): an expiry, a settlement. It meets the state as it is then."""

    at: datetime
    command: Any


@dataclass(frozen=True, slots=True)
class Waiting:
    """From now on a shopper can act on this object, at this place (``worldline.hosted_checkout``)."""

    place: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Served:
    """No shopper can act on this object any more."""


Consequence = Notice | Timer | Waiting | Served


State = TypeVar("State")
Command = TypeVar("Command", contravariant=True)


class Lifecycle(Protocol[State, Command]):
    """The pure functions of one kind of object. ``name`` is unique and starts with the provider's name."""

    name: str

    def question(self, state: State | None, command: Command, moment: Moment) -> Question | None:
        """What the scenario may decide; None when nothing is open. Raises Refusal when the state forbids it."""

    def decide(self, state: State | None, command: Command, verdict: Verdict, moment: Moment) -> Decision:
        """The facts that follow. May raise Refusal as well; then no rule has been used up."""

    def evolve(self, state: State | None, event: Any) -> State:
        """The state after one fact."""

    def entries(self, before: State | None, event: Any) -> tuple[Entry, ...]:
        """The ledger entries of one fact."""

    def notices(self, before: State | None, after: State, event: Any, moment: Moment) -> tuple[Consequence, ...]:
        """The webhooks and timers of one fact, and whether a shopper is waited for."""

    def parts(self, event: Any) -> tuple[str, ...]:
        """References of parts that this fact brings into being and that lead to the owner from now on."""
