"""What the control API tells, as frozen values. ``openapi/control.yaml`` says what the fields mean.

Moments are aware datetimes in UTC, money is text such as ``12.00 EUR``. What a newer server adds is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from msgspec import convert

from mockpsp.domain.value import Value

T = TypeVar("T")


class Due(Value, frozen=True):
    """Something became due and was done."""

    due: datetime
    what: str


class Clock(Value, frozen=True):
    """A sandbox's time; ``due`` is what became due while it moved, in order."""

    now: datetime
    mode: str
    due: tuple[Due, ...] = ()
    next_due: datetime | None = None


class Attempt(Value, frozen=True):
    """One attempt to deliver a webhook: the endpoint's status, or what went wrong."""

    at: datetime
    status: int | None
    error: str | None


class Webhook(Value, frozen=True):
    """A webhook to one address. ``status``: waiting, retrying, held, delivered, given_up, dropped or no_endpoint.

    Card numbers in ``body`` are shortened; an ``Inbox`` has the very bytes that were sent.
    """

    n: int
    provider: str
    type: str
    reference: str
    owner: str
    url: str | None
    status: str
    due: datetime | None
    created: datetime
    trace: int | None
    rule: str | None
    signature: str
    headers: dict[str, str]
    body: Any
    attempts: tuple[Attempt, ...]


class Account(Value, frozen=True):
    """An account of a shopper, a seller or a merchant; without ``balance`` it pays whatever is asked."""

    ref: str
    provider: str
    kind: str
    title: str
    balance: str | None
    held: str | None


class Checkout(Value, frozen=True):
    """What waits for a shopper; ``ref`` is the provider's own id, ``reference`` the merchant's."""

    ref: str
    provider: str
    place: str
    url: str
    amount: str
    remaining: str
    tenders: tuple[str, ...]
    expires: datetime | None
    reference: str


class Entry(Value, frozen=True):
    """A journal entry; ``details`` are what its kind adds, as in the JSON."""

    id: int
    at: datetime
    kind: str
    provider: str | None
    operation: str
    reference: str | None
    trace: int | None
    details: dict[str, Any]


def read(what: type[T], value: Any) -> T:
    """A value of this type from the JSON of an answer."""
    return convert(value, what)


def read_entry(told: Mapping[str, Any]) -> Entry:
    """A journal entry from its JSON."""
    common = {name: told[name] for name in Entry.__struct_fields__ if name != "details"}
    return convert({**common, "details": {k: v for k, v in told.items() if k not in common}}, Entry)
