"""What the shop needs of a payment provider, and all that the rest of it knows of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shop.care import Headers
from shop.orders import Event, Order, Shown, Started, Work


class Provider(Protocol):
    """What the shop needs of a payment provider. A form in the page would be another ``start``."""

    name: str

    async def start(self, order: Order) -> Started:
        """Make a page where this order can be paid. Raises CallFailed."""

    async def look(self, order: Order) -> Shown:
        """What is true of it now. Raises CallFailed."""

    def follow_up(self, order: Order, shown: Shown) -> Sequence[Work]:
        """Calls that must follow from it, such as captures. Asked often; the keys make each of them once."""

    async def cancel(self, order: Order) -> Sequence[Work]:
        """Calls that end an unpaid order. Raises CallFailed."""

    def most(self, order: Order) -> int:
        """How much can be given back now."""

    async def refund(self, order: Order, amount: int, key: str) -> Sequence[Work]:
        """Calls that give so much back. Their keys begin with ``key``. Raises CallFailed."""

    async def do(self, order: Order, work: Work) -> str:
        """Make one of these calls; returns the provider's reference. Raises CallFailed."""

    def read(self, body: bytes, received: Headers) -> Event | None:
        """A verified webhook. Raises webhooks.Forged and webhooks.NotForUs."""

    async def close(self) -> None:
        """Close connections."""
