"""What can be asked of an order. A command names what was asked, and carries what was looked up for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import field

from mockpsp.domain.value import Value
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.holdings import Seller


class VoucherInput(Value, frozen=True):
    """A voucher as it was asked for."""

    type: str
    eligible: int | None = None


class ItemInput(Value, frozen=True, kw_only=True):
    """An item as it was asked for; ``seller`` as it is now. ``uuid`` is that of the item that it changes, or empty."""

    uuid: str = ""
    seller: Seller | None = None
    reference: str = ""
    description: str = ""
    amount: int = 0
    type: str | None = None
    quantity: int | None = None
    is_commission: bool = False
    commission_amount: int | None = None
    hold_payment: bool | None = None
    vouchers: tuple[VoucherInput, ...] = ()


class Create(Value, frozen=True):
    """POST /orders."""

    marketplace: str
    head: e.Head
    items: tuple[ItemInput, ...]


class TransactionInput(Value, frozen=True):
    """A transaction in PUT /orders/{uuid}."""

    trans_uuid: str
    amount: int | None
    due: str | None


class Update(Value, frozen=True, kw_only=True):
    """PUT /orders/{uuid}: what the request names of the head, and the nested lists that ``expand`` let through."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[ItemInput, ...] | None = None
    transactions: tuple[TransactionInput, ...] | None = None
    due: str | None = None


class AddItem(Value, frozen=True):
    """POST /items, or below an order."""

    item: ItemInput


class ChangeItem(Value, frozen=True):
    """PUT /items/{uuid}."""

    item: ItemInput


class Execute(Value, frozen=True, kw_only=True):
    """GET execute and its variants. ``key`` leads from a page's address to the sandbox."""

    way: str
    key: str
    registers: bool = False
    code: str = ""


class Persist(Value, frozen=True):
    """GET persist. ``key`` leads from the link to the sandbox."""

    key: str


class ExecuteMit(Value, frozen=True):
    """GET execute-mit: pay at once with the stored payment method that the order's alias means."""

    key: str
    stored: e.Stored | None


class Means(Value, frozen=True, kw_only=True):
    """A tender in the shopper's hand; ``number`` of cv_connect is the beneficiary. ``stored`` is a card on file."""

    kind: str
    number: str = ""
    expiry: str = ""
    cvv: str = ""
    holder: str = ""
    stored: e.Stored | None = None


class Pay(Value, frozen=True, kw_only=True):
    """The shopper pays a share; ``amount`` None is all that the tender can. ``secret`` is the page's.

    ``declined``: asked to confirm it in the app, the beneficiary of holiday vouchers says no.
    """

    means: Means
    amount: int | None = None
    secret: str | None = None
    declined: bool = False


class Authenticate(Value, frozen=True):
    """The shopper is at the bank's page: passed, failed, or went away."""

    passed: bool
    secret: str | None = None


class GiveUp(Value, frozen=True):
    """The shopper cancels on the page."""

    secret: str | None = None


class Expire(Value, frozen=True):
    """The page's time is over."""

    secret: str


class ExpireLink(Value, frozen=True):
    """The persistent link's time is over."""

    code: str


class Notify(Value, frozen=True):
    """The gateway's own notification reaches the marketplace."""


class Cancel(Value, frozen=True):
    """DELETE /orders/{uuid}."""


class Validate(Value, frozen=True):
    """POST /orders/{uuid}/validate."""


class ExpireValidation(Value, frozen=True):
    """Nobody validated in time."""


class Capture(Value, frozen=True):
    """The remittance of a transaction that was due at this moment."""

    trans_uuid: str
    due: datetime


class Activate(Value, frozen=True):
    """POST /items/{uuid}/activate, or of all items (``item`` empty)."""

    item: str = ""


class AskRefund(Value, frozen=True, kw_only=True):
    """POST /refunds."""

    transaction: str
    reference: str
    description: str | None
    currency: str
    items: tuple[RefundItemInput, ...]


class RefundItemInput(Value, frozen=True, kw_only=True):
    """A line of a refund as it was asked for."""

    seller: Seller
    reference: str
    amount: int
    item: str | None = None
    description: str | None = None
    is_commission: bool = False


class ChangeRefund(Value, frozen=True):
    """PUT /refunds/{uuid}."""

    refund: str
    description: str | None
    items: tuple[RefundItemInput, ...] | None


class CancelRefund(Value, frozen=True):
    """DELETE /refunds/{uuid}."""

    refund: str


class SendRefund(Value, frozen=True):
    """The refund goes to processing."""

    refund: str


class SettleRefund(Value, frozen=True):
    """The batch processes the refund."""

    refund: str


class Heard(Value, frozen=True):
    """The marketplace's endpoint answered the order's webhook."""

    status: int
