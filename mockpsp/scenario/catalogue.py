"""What scenarios can speak of, as each provider declares it. The loader checks every name against this."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import field

from mockpsp.domain.value import Value


class Operation(Value, frozen=True, kw_only=True):
    """A question that rules can answer: its facts with their kinds, its outcomes with the reasons each may carry.

    Kinds of facts: ``money``, ``text``, ``number``, ``flag``. ``details`` are further keys of ``then``, with kinds
    that may be ``duration`` as well.
    """

    title: str
    facts: Mapping[str, str]
    outcomes: Mapping[str, tuple[str, ...]]
    details: Mapping[str, str] = field(default_factory=dict)


class Place(Value, frozen=True, kw_only=True):
    """Where a shopper can act: its tenders and the fields of each (besides ``with`` and ``amount``).

    ``acts`` are those that only some places know: ``refuses``, ``gives_back``, ``bank``. ``refusable`` are the tenders
    in whose app a shopper refuses, and what a script may say of each.
    """

    title: str
    facts: Mapping[str, str]
    tenders: Mapping[str, tuple[str, ...]]
    acts: tuple[str, ...] = ()
    refusable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Agree(Enum):
    """How amounts have to agree with the one that they are parts of."""

    TOGETHER = "together"
    """Their sum is it."""
    WITHIN = "within"
    """Their sum is at most it."""
    EACH = "each"
    """None is more than it."""
    SOME = "some"
    """The sum of some of them is it; the others came to nothing."""


class Parts(Value, frozen=True, kw_only=True):
    """An amount and its parts, in objects that requests, answers or ``state`` show.

    whole: the way from the object to the amount, empty for the amount of the step itself. parts: the way to its parts.
    A way is keys with dots between; on it a list stands for each of its items and ``*`` for each value of a mapping.
    only: key and value of the parts that count. when: a key of the object and the values at which this holds; an object
    that does not say counts if all is said in it, and no part says another value under that key.
    total: where the object does not tell the whole, it is what there was to pay.
    """

    whole: str
    parts: str
    agree: Agree = Agree.EACH
    only: tuple[str, str] | None = None
    when: tuple[str, tuple[str, ...]] | None = None
    total: bool = False


class Sums(Value, frozen=True, kw_only=True):
    """Which amounts of a story have to agree. Calls are without the provider's name.

    request, answer, state: what one object says. asked: the ways to the amount that a request is for, the first that
    leads somewhere. opens: calls after which there is their amount to pay, any where none is named. pays: calls
    that pay so much of it, or without an amount what is left. takes: calls that take so much of what was paid, with
    the word for it. changes: calls after which other amounts may hold. later: a call that takes too much is answered
    as one that is received, and fails later. shows: calls whose answers show what was opened. left: the ways to what
    is left to pay, in answers and in ``state``. paid: what ``state`` says when nothing is left.
    """

    request: tuple[Parts, ...] = ()
    answer: tuple[Parts, ...] = ()
    state: tuple[Parts, ...] = ()
    asked: tuple[str, ...] = ()
    opens: frozenset[str] = frozenset()
    pays: frozenset[str] = frozenset()
    takes: Mapping[str, str] = field(default_factory=dict)
    changes: frozenset[str] = frozenset()
    later: bool = False
    shows: frozenset[str] = frozenset()
    left: tuple[str, ...] = ()
    paid: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Catalogue(Value, frozen=True, kw_only=True):
    """One provider's words, all without the provider's name in front.

    operations: questions for rules. calls: API operations for faults and stories, with a one-line title.
    call_facts: facts that faults and shoppers may match. events: webhook types. places: where shoppers act.
    world and settings: JSON Schemas (2020-12, ``type: object``) of the provider's part under those keys; every
    setting has a ``default`` and a ``description``. A property with ``format: money`` or ``format: duration`` or
    ``format: instant`` is text in the file and becomes Money, timedelta or datetime in the model. ``signs``: webhooks
    have a signature. back_office: the JSON Schema of what the provider's staff can do, empty where it has no say.
    sums: which amounts of a story have to agree. event_facts: what webhook lines may match besides call_facts.
    """

    operations: Mapping[str, Operation]
    calls: Mapping[str, str]
    call_facts: Mapping[str, str]
    events: Mapping[str, str]
    places: Mapping[str, Place]
    world: Mapping[str, Any]
    settings: Mapping[str, Any]
    signs: bool = True
    back_office: Mapping[str, Any] = field(default_factory=dict)
    sums: Sums = Sums()
    event_facts: Mapping[str, str] = field(default_factory=dict)
