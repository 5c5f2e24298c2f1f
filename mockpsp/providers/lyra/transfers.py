"""What each seller gets of each transaction: worked out from items and transactions, never stored twice.

A transaction's amount is spread over items: of vouchers what each item was paid with, of cards what is left of the
items, one after the other. Of an item's share the seller gets all but the commission inside it, which is the
operator's. Source: docs.lyra.com "Functioning of the minimum commission"; one transfer per item and transaction portion
is inferred from the Swagger file's schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from mockpsp.domain.value import Value
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.holdings import uuid_of
from mockpsp.providers.lyra.states import Order, TransactionStatus
from mockpsp.providers.lyra.vouchers import TYPES


class Transfer(Value, frozen=True, kw_only=True):
    """One seller's portion of one transaction for one item. ``retained``: it waits for the item's activation."""

    uuid: str
    item: e.Item
    transaction: e.Transaction
    seller: str
    amount: int
    retained: bool
    status: str

    @property
    def updated(self) -> datetime:
        """When it last changed."""
        return max(self.transaction.updated, self.item.updated)


def portions(order: Order) -> Iterator[tuple[e.Transaction, e.Item, int, int]]:
    """Each transaction's share of each item: transaction, item, amount, and what came before it of that item."""
    before = {item.uuid: 0 for item in order.items}
    left = {item.uuid: item.amount - item.by_vouchers for item in order.items}
    for transaction in order.transactions:
        contract_type = TYPES.get(transaction.instrument.kind)
        rest = transaction.amount
        for item in order.items:
            if contract_type is not None:
                voucher = item.voucher(contract_type)
                amount = (voucher.actual or 0) if voucher is not None else 0
            else:
                amount = min(rest, left[item.uuid])
                left[item.uuid] -= amount
                rest -= amount
            if amount:
                yield transaction, item, amount, before[item.uuid]
                before[item.uuid] += amount


def transfers(order: Order, operator: str) -> tuple[Transfer, ...]:
    """All transfers of an order, in the order of its transactions; ``operator`` gets the commissions inside items."""
    found = []
    for transaction, item, amount, before in portions(order):
        commission = 0 if item.seller == operator else _commission(item, before, amount)
        if amount - commission:
            found.append(_transfer(order, transaction, item, item.seller, amount - commission))
        if commission:
            found.append(_transfer(order, transaction, item, operator, commission))
    return tuple(found)


def _commission(item: e.Item, before: int, amount: int) -> int:
    """The part of an item's commission that falls to this portion; all portions together make all of it."""
    whole = item.commission_amount or 0
    if not whole:
        return 0
    return whole * (before + amount) // item.amount - whole * before // item.amount


def _transfer(order: Order, transaction: e.Transaction, item: e.Item, seller: str, amount: int) -> Transfer:
    captured = order.captured(transaction.trans_uuid)
    retained = bool(item.hold_payment) and seller == item.seller
    return Transfer(
        uuid=uuid_of(f"transfer/{transaction.trans_uuid}/{item.uuid}/{seller}"),
        item=item,
        transaction=transaction,
        seller=seller,
        amount=amount,
        retained=retained,
        status=_status(transaction, retained=retained and captured is not None),
    )


_STATUSES: Mapping[str, str] = {
    TransactionStatus.CREATED.value: "CREATED",
    TransactionStatus.TO_VALIDATE.value: "CREATED",
    TransactionStatus.PENDING.value: "PENDING",
    TransactionStatus.SUCCEEDED.value: "SUCCEEDED",
    TransactionStatus.CANCELLED.value: "CANCELLED",
    TransactionStatus.EXPIRED.value: "CANCELLED",
    TransactionStatus.FAILED.value: "FAILED",
}


def _status(transaction: e.Transaction, *, retained: bool) -> str:
    """A transfer's status follows its transaction's; a captured one that is held stays PENDING."""
    return "PENDING" if retained else _STATUSES[transaction.status]
