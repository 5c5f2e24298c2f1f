"""Facts of an order's life, in the past tense and complete on their own. Amounts are minor units of its currency.

Names and rules follow docs.lyra.com, "Making a payment" to "Making refunds", and the Swagger file of API 3.10.8.
"""

from __future__ import annotations

from datetime import datetime

from mockpsp.domain.value import Value


class Voucher(Value, frozen=True):
    """A voucher type that an item may be paid with. ``contract`` is the seller's contract number.

    ``selected`` is None before execution, ``actual`` None until the order is paid and where the type was not used.
    """

    type: str
    contract: str
    eligible: int | None = None
    selected: bool | None = None
    actual: int | None = None


class Item(Value, frozen=True):
    """A line of an order: what one seller sells. ``amount`` is the line's total, ``cashout_delay`` the seller's."""

    uuid: str
    seller: str
    seller_ref: str | None
    operator: bool
    reference: str
    description: str
    amount: int
    created: datetime
    updated: datetime
    type: str | None = None
    quantity: int | None = None
    is_commission: bool = False
    commission_amount: int | None = None
    hold_payment: bool | None = None
    vouchers: tuple[Voucher, ...] = ()
    cashout_delay: int = 0

    def voucher(self, contract_type: str) -> Voucher | None:
        """Its voucher of this type."""
        return next((each for each in self.vouchers if each.type == contract_type), None)

    @property
    def by_vouchers(self) -> int:
        """What vouchers paid of it."""
        return sum(each.actual or 0 for each in self.vouchers)


class Head(Value, frozen=True, kw_only=True):
    """What the merchant said of an order besides its items. ``buyer`` and ``shipping`` are JSON as it is answered."""

    reference: str
    currency: str
    buyer: bytes
    description: str | None = None
    language: str | None = None
    alias: str | None = None
    awaiting_validation: bool = False
    shipping: bytes | None = None
    payment_config: str = "SINGLE"
    url_return: str | None = None
    url_success: str | None = None
    url_refused: str | None = None
    url_cancel: str | None = None
    url_error: str | None = None
    return_mode: str | None = None
    shop_url: str | None = None
    capture_delay: int | None = None
    expected_capture_date: str | None = None


class OrderCreated(Value, frozen=True):
    """POST /orders."""

    ref: str
    marketplace: str
    head: Head
    items: tuple[Item, ...]
    at: datetime


class OrderChanged(Value, frozen=True):
    """The order before its payment: head and items as they are now; an address given out before no longer works."""

    head: Head
    items: tuple[Item, ...]
    at: datetime


class Executed(Value, frozen=True, kw_only=True):
    """The order went to the gateway. ``winners`` are (contract type, seller); ``page`` and ``secret`` are its address.

    ``way``: page, embedded, persist or mit. ``registers``: the payment method is stored under an alias as well.
    """

    way: str
    reference: str
    page: str
    secret: str
    form_token: str
    registers: bool
    amount: int
    items: tuple[Item, ...]
    winners: tuple[tuple[str, str], ...]
    expires: datetime | None
    at: datetime


class LinkPersisted(Value, frozen=True):
    """The order has a persistent payment link."""

    code: str
    expires: datetime
    at: datetime


class Instrument(Value, frozen=True, kw_only=True):
    """What pays: kind of tender, ledger account, and what may be shown of it. ``ceiling`` counts a day's spending.

    ``mark`` tells the card from others without giving its number away.
    """

    kind: str
    account: str
    scheme: str
    masked: str
    expiry: str = ""
    ceiling: str = ""
    mark: str = ""


class ShareAuthorised(Value, frozen=True, kw_only=True):
    """A tender pays its share: the amount is held. ``held`` is less than ``amount`` for installments."""

    trans_uuid: str
    instrument: Instrument
    amount: int
    held: int
    auto_code: str
    day: str
    at: datetime


class ShareRefused(Value, frozen=True):
    """A tender was refused; ``again``: the shopper may try another one."""

    kind: str
    amount: int
    reason: str
    again: bool
    masked: str
    at: datetime


class ChallengeRaised(Value, frozen=True):
    """The bank asks the shopper to authenticate before the card pays."""

    instrument: Instrument
    amount: int
    at: datetime


class ChallengePassed(Value, frozen=True):
    """The shopper authenticated."""

    at: datetime


class SharesReversed(Value, frozen=True):
    """What vouchers, or a card, had been authorised for is given back, the day's allowance included."""

    at: datetime


class PaymentEnded(Value, frozen=True):
    """The shopper's part is over: paid, refused, cancelled or expired. The order follows when Lyra is notified."""

    outcome: str
    at: datetime


class Transaction(Value, frozen=True, kw_only=True):
    """A transaction as the order's payment left it. ``due`` is its expected capture date."""

    trans_uuid: str
    sequence: int
    instrument: Instrument
    amount: int
    initial: int
    held: int
    auto_code: str
    day: str
    due: datetime
    paid_at: datetime
    created: datetime
    updated: datetime
    status: str


class Stored(Value, frozen=True, kw_only=True):
    """A payment method under an alias. ``number`` is masked."""

    alias: str
    instrument: Instrument
    email: str
    first_name: str
    last_name: str
    at: datetime


class OrderPaid(Value, frozen=True, kw_only=True):
    """The gateway notified the payment: transactions and what vouchers paid of each item (item, type, amount)."""

    transactions: tuple[Transaction, ...]
    allocations: tuple[tuple[str, str, int], ...]
    stored: Stored | None
    gateway_id: str
    at: datetime


class OrderFailed(Value, frozen=True):
    """The payment was refused, or failed later."""

    why: str
    at: datetime


class OrderAbandoned(Value, frozen=True):
    """The buyer left, or the page's time was over."""

    at: datetime


class OrderCancelled(Value, frozen=True):
    """DELETE /orders/{uuid}: what is not captured is given back."""

    at: datetime


class OrderValidated(Value, frozen=True):
    """POST /orders/{uuid}/validate."""

    at: datetime


class ValidationExpired(Value, frozen=True):
    """Nobody validated in time: the transactions are EXPIRED, the others of the order CANCELLED."""

    at: datetime


class OrderRevised(Value, frozen=True, kw_only=True):
    """A paid order was changed: other items, other amounts or dates of its transactions, some of which are gone.

    What a transaction holds stays held until its capture, which gives back what is too much.
    """

    items: tuple[Item, ...]
    transactions: tuple[Transaction, ...]
    dropped: tuple[str, ...]
    at: datetime


class Share(Value, frozen=True, kw_only=True):
    """What one transaction brings one seller for one item. ``retained``: the item's payment is held."""

    transfer: str
    item: str
    seller: str
    amount: int
    retained: bool


class Captured(Value, frozen=True, kw_only=True):
    """A transaction was captured at the bank; ``fee`` is what Lyra keeps of the operator's share."""

    trans_uuid: str
    shares: tuple[Share, ...]
    fee: int
    operator: str
    at: datetime


class CaptureFailed(Value, frozen=True):
    """The bank refused a later authorisation or the capture."""

    trans_uuid: str
    reason: str
    at: datetime


class OrderSucceeded(Value, frozen=True):
    """All transactions are captured."""

    at: datetime


class ItemActivated(Value, frozen=True):
    """A held item is released; ``freed`` is what had been captured for it, by (seller, amount)."""

    item: str
    freed: tuple[tuple[str, int], ...]
    at: datetime


class RefundItem(Value, frozen=True, kw_only=True):
    """A line of a refund."""

    seller: str
    seller_ref: str | None
    operator: bool
    reference: str
    amount: int
    item: str | None = None
    description: str | None = None
    is_commission: bool = False


class RefundAsked(Value, frozen=True, kw_only=True):
    """POST /refunds. ``transaction`` empty leaves the choice to Lyra."""

    refund: str
    transaction: str
    reference: str
    description: str | None
    currency: str
    items: tuple[RefundItem, ...]
    at: datetime


class RefundChanged(Value, frozen=True):
    """PUT of a refund that is not processed yet."""

    refund: str
    description: str | None
    items: tuple[RefundItem, ...]
    at: datetime


class RefundSent(Value, frozen=True):
    """The refund went to processing."""

    refund: str
    at: datetime


class RefundSucceeded(Value, frozen=True):
    """Money went back: ``parts`` by (trans_uuid, amount), ``shares`` from (seller, amount)."""

    refund: str
    parts: tuple[tuple[str, int], ...]
    shares: tuple[tuple[str, int], ...]
    at: datetime


class RefundFailed(Value, frozen=True):
    """A balance was too low, more was asked for than was paid, or the bank refused."""

    refund: str
    why: str
    at: datetime


class RefundCancelled(Value, frozen=True):
    """DELETE of a refund that is not processed yet."""

    refund: str
    at: datetime


class WebhookAnswered(Value, frozen=True):
    """The marketplace's endpoint answered the order's webhook."""

    status: int
    at: datetime


Event = (
    OrderCreated
    | OrderChanged
    | Executed
    | LinkPersisted
    | ShareAuthorised
    | ShareRefused
    | ChallengeRaised
    | ChallengePassed
    | SharesReversed
    | PaymentEnded
    | OrderPaid
    | OrderFailed
    | OrderAbandoned
    | OrderCancelled
    | OrderValidated
    | ValidationExpired
    | OrderRevised
    | Captured
    | CaptureFailed
    | OrderSucceeded
    | ItemActivated
    | RefundAsked
    | RefundChanged
    | RefundSent
    | RefundSucceeded
    | RefundFailed
    | RefundCancelled
    | WebhookAnswered
)
