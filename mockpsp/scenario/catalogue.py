"""What scenarios can speak of, as each provider declares it. The loader checks every name against this."""

from __future__ import annotations

from collections.abc import Mapping
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

    ``acts`` are those that only some places know: ``refuses``, ``gives_back``, ``bank``.
    """

    title: str
    facts: Mapping[str, str]
    tenders: Mapping[str, tuple[str, ...]]
    acts: tuple[str, ...] = ()


class Catalogue(Value, frozen=True, kw_only=True):
    """One provider's words, all without the provider's name in front.

    operations: questions for rules. calls: API operations for faults and stories, with a one-line title.
    call_facts: facts that faults and shoppers may match. events: webhook types. places: where shoppers act.
    world and settings: JSON Schemas (2020-12, ``type: object``) of the provider's part under those keys; every
    setting has a ``default`` and a ``description``. A property with ``format: money`` or ``format: duration`` or
    ``format: instant`` is text in the file and becomes Money, timedelta or datetime in the model. ``signs``: webhooks
    have a signature. back_office: the JSON Schema of what the provider's staff can do, empty where it has no say.
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
