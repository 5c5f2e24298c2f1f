"""What the conformance tests need to know of a provider that the code itself cannot tell them.

A provider called ``name`` brings ``tests/conformance/subjects/name.py`` with a ``SUBJECT``. Nothing else in these tests
knows a provider by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from mockpsp.domain.errors import Refusal
from mockpsp.domain.money import Money

if TYPE_CHECKING:
    from tests.conformance.workbench import Bench


@dataclass(frozen=True)
class Ask:
    """One call of the API."""

    operation: str
    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """A refusal as it may happen, and the HTTP status that the provider documents for it."""

    error: Refusal
    status: int


class Subject(Protocol):
    """A provider's part of its own examination."""

    refusals: Sequence[Sample]
    """One of each class of ``edge.errors`` and of the provider's own ``errors``."""

    inward: Mapping[type[Refusal], str]
    """Refusals that never become an answer of the API, and where they end instead."""

    entered: Mapping[Enum, str]
    """Rows of transition tables that an object can be in without a step of that table, and how."""

    story: Mapping[str, Any]
    """A scenario with a story that pays something and gives it back."""

    world: Mapping[str, Any]
    """``world`` of a scenario in which everything below works."""

    settings: Mapping[str, Any]
    """Its settings, with everything switched on that is sent or done on wish only."""

    signed: bool
    """Whether its webhooks carry a signature."""

    def create(self, amount: Money) -> Ask:
        """Opens something of this amount, in any currency; the operation takes an idempotence key, if any does."""

    def read(self, created: Any) -> Ask:
        """Reads what ``create`` answered with ``created``."""

    def reference(self, created: Any) -> str:
        """Its id."""

    def amount(self, read: Any) -> Money:
        """The amount in the answer to ``read``."""

    def bad(self) -> Ask:
        """``create`` with something missing, so that it is refused."""

    def provoke(self, operation: str, bench: Bench) -> None:
        """Make the question of this operation come up, once."""

    def tamper(self, body: bytes) -> Iterable[bytes]:
        """A webhook's body with changes, one at a time, that its signature must not survive; none without one."""

    def other_places(self, bench: Bench) -> None:
        """Let shoppers be waited for at those places that neither ``create`` nor ``provoke`` leaves one at."""

    def other_events(self, bench: Bench) -> None:
        """Let those webhooks be sent that no operation's outcome leads to."""


def subject_of(provider: str) -> Subject:
    """The provider's subject. Fails with what is to be done when there is none."""
    name = f"tests.conformance.subjects.{provider}"
    try:
        subject: Subject = import_module(name).SUBJECT
    except ModuleNotFoundError as missing:
        if missing.name != name:
            raise
        raise AssertionError(
            f"provider {provider!r} has no tests/conformance/subjects/{provider}.py with a SUBJECT; "
            "see tests/conformance/subject.py for what it must offer"
        ) from None
    return subject
