"""How a kind of object lives: the question a command raises, the facts it leads to, and what follows from them.

A lifecycle is a set of pure functions. ``world.execute`` calls them in this order, without waiting in between:
``question`` (the guard: it refuses what the state does not allow, and says what is left to decide), the scenario's
verdict, ``decide``, ``evolve``, ``entries`` and ``notices``. If one of them refuses, nothing at all has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct, field

from mockpsp.domain.ids import Ids
from mockpsp.domain.ledger import Entry
from mockpsp.domain.money import Money
from mockpsp.domain.portrait import Portrait
from mockpsp.domain.value import Value

Fact = str | int | bool | Money | None
"""What a rule's ``when`` can compare."""


class Question(Value, frozen=True):
    """What is left to decide once the state allows a command: an operation's name, the facts that rules may match."""

    operation: str
    facts: Mapping[str, Fact]


class Verdict(Value, frozen=True):
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


class Moment(Value, frozen=True):
    """All that a decision may look at besides state and command: the time (UTC), balances, ids, the world's data.

    ``world`` and ``settings`` are the provider's own, as its ``setup`` built them from the scenario.
    """

    now: datetime
    balances: Balances
    ids: Ids
    world: Any
    settings: Any


class Decision(Value, frozen=True):
    """Facts, and the law behind them in a sentence; ``settings`` names the inferred behaviours that decided."""

    events: tuple[Any, ...]
    law: str
    settings: tuple[str, ...] = ()


class Renderer(Protocol):
    """Makes a webhook's bytes out of frozen values; a value itself, so that it can wait in the outbox."""

    def __call__(self) -> bytes:
        """The bytes, the same at every call."""


class Body(Struct, gc=False, eq=False):
    """A webhook's exact bytes: made out of frozen values when somebody first needs them, the same ever after."""

    source: bytes | Renderer

    @property
    def content(self) -> bytes:
        """The bytes."""
        if not isinstance(self.source, bytes):
            self.source = self.source()
        return self.source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Body) and self.content == other.content

    def __ne__(self, other: object) -> bool:
        return not self == other  # a Struct has a __ne__ of its own, which does not ask our __eq__

    def __hash__(self) -> int:
        return hash(self.content)


class Notice(Value, frozen=True):
    """A webhook that the provider sends because of a fact: its type, its body, and where to.

    ``urls`` replaces the sandbox's endpoint when it is not empty.
    """

    kind: str
    reference: str
    body: Body
    urls: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)


class Timer(Value, frozen=True):
    """A command that is due at a later moment (UTC): an expiry, a settlement. It meets the state as it is then.

    It is for the object ``ref`` of the lifecycle ``lifecycle``, both of the same provider; for those of the fact where
    they are empty. An object that does not exist by then comes into being: its first fact must have this ``ref``.
    """

    at: datetime
    command: Any
    lifecycle: str = ""
    ref: str = ""


class Waiting(Value, frozen=True):
    """From now on a shopper can act on this object, or on its part ``ref``, at this place (``adyen.three_ds``)."""

    place: str
    facts: Mapping[str, Fact]
    ref: str = ""


class Served(Value, frozen=True):
    """No shopper can act on this object, or on its part ``ref``, any more."""

    ref: str = ""


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

    def portrait(self, state: State, settings: Any) -> Portrait:
        """How people see the object: what it is, and what in it has a state. ``settings`` are the provider's."""
