"""Facts about an order at Worldline, complete on their own. Amounts are minor units inside Money, times UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value


class PlatformError(Value, frozen=True):
    """An error as the platform writes it into ``statusOutput.errors`` and error bodies."""

    id: str
    error_code: str
    category: str
    http_status: int
    code: str = "9999"
    message: str = ""


class Card(Value, frozen=True):
    """A payment card as the platform keeps it: never the whole number.

    ``account`` is its ledger account, ``fingerprint`` leads back to what the scenario says of the card.
    """

    masked: str
    bin: str
    expiry: str
    product: int
    holder: str
    account: str
    fingerprint: str
    country: str = "FR"


class References(Value, frozen=True, kw_only=True):
    """``order.references`` of a request, as far as they come back in answers."""

    merchant_reference: str = ""
    merchant_parameters: str = ""
    operation_group: str = ""
    soft_descriptor: str = ""


class Hosted(Value, frozen=True, kw_only=True):
    """The hosted checkout's own settings. ``complement`` are the card products that may pay the rest of a split."""

    return_url: str
    return_mac: str
    secret: str
    locale: str
    show_result_page: bool
    attempts: int
    auto_refund: bool
    products: tuple[int, ...]
    complement: tuple[int, ...]
    expires: datetime
    variant: str = ""


class ServerToServer(Value, frozen=True, kw_only=True):
    """A payment created without our page: what the merchant was told to do, and where the shopper returns to."""

    action: str
    return_url: str
    return_mac: str
    secret: str
    locale: str
    complement: tuple[int, ...]


class OrderCreated(Value, frozen=True, kw_only=True):
    """A hosted checkout or a payment exists. ``ref`` is the inner id of its first tender, and the hostedCheckoutId.

    An authorisation is captured by itself after ``auto_capture``, if that is set.
    """

    ref: str
    merchant: str
    total: Money
    references: References
    country: str
    product: int | None
    requires_approval: bool
    adjustable: bool
    beneficiary: str
    webhooks: tuple[str, ...]
    hosted: Hosted | None
    direct: ServerToServer | None
    auto_capture: timedelta | None
    at: datetime


class Redirected(Value, frozen=True, kw_only=True):
    """The shopper was sent to the third party (CV Connect, PayPal) for the first tender."""

    ref: str
    product: int
    beneficiary: str
    at: datetime


class AppOpened(Value, frozen=True, kw_only=True):
    """The phone opened the CV Connect page: the beneficiary can no longer be typed elsewhere."""

    ref: str
    at: datetime


class Retried(Value, frozen=True, kw_only=True):
    """The shopper starts another attempt after a refused one."""

    ref: str
    at: datetime


class AnswerAwaited(Value, frozen=True, kw_only=True):
    """The issuer has not answered yet (status 51). ``card`` is None for vouchers; ``sale`` as in Accepted."""

    ref: str
    tender: str
    amount: Money
    product: int
    card: Card | None
    account: str
    sale: bool
    then: str
    reason: str
    resolves: datetime
    at: datetime


class Accepted(Value, frozen=True, kw_only=True):
    """A tender was accepted for ``amount``: as a sale (captured at once) or as an authorisation."""

    ref: str
    tender: str
    amount: Money
    product: int
    card: Card | None
    account: str
    sale: bool
    at: datetime


class Refused(Value, frozen=True, kw_only=True):
    """A tender was refused; ``left`` attempts remain."""

    ref: str
    tender: str
    amount: Money
    product: int
    card: Card | None
    error: PlatformError
    left: int
    at: datetime


class GivenUp(Value, frozen=True, kw_only=True):
    """A part of the order that will not be paid, because the shopper left or the session ended."""

    ref: str
    tender: str
    remaining: Money
    error: PlatformError
    at: datetime


class OrderPaid(Value, frozen=True, kw_only=True):
    """All tenders together cover the order."""

    ref: str
    at: datetime


class AttemptsExhausted(Value, frozen=True, kw_only=True):
    """The last attempt was refused and nothing is paid."""

    ref: str
    at: datetime


class Abandoned(Value, frozen=True, kw_only=True):
    """The order ended before it was paid in full; ``why`` is customer, time or attempts."""

    ref: str
    why: str
    at: datetime


class CaptureRequested(Value, frozen=True, kw_only=True):
    """A capture was accepted. ``released`` goes back to the customer because this capture is final."""

    ref: str
    tender: str
    number: int
    amount: Money
    released: Money
    reference: str
    settles: str
    at: datetime


class Captured(Value, frozen=True, kw_only=True):
    """Captured money arrived at the merchant."""

    ref: str
    tender: str
    number: int
    amount: Money
    at: datetime


class CaptureRefused(Value, frozen=True, kw_only=True):
    """A capture failed later; the authorisation stands again."""

    ref: str
    tender: str
    number: int
    amount: Money
    error: PlatformError
    at: datetime


class CancelRequested(Value, frozen=True, kw_only=True):
    """A cancellation of authorised money was accepted."""

    ref: str
    tender: str
    number: int
    amount: Money
    reference: str
    settles: str
    at: datetime


class Cancelled(Value, frozen=True, kw_only=True):
    """Authorised money went back to the customer."""

    ref: str
    tender: str
    number: int
    amount: Money
    at: datetime


class CancelRefused(Value, frozen=True, kw_only=True):
    """A cancellation failed later; the authorisation stands again."""

    ref: str
    tender: str
    number: int
    amount: Money
    at: datetime


class RefundRequested(Value, frozen=True, kw_only=True):
    """A refund of one tender was accepted."""

    ref: str
    tender: str
    number: int
    amount: Money
    reference: str
    settles: str
    at: datetime


class Refunded(Value, frozen=True, kw_only=True):
    """Refunded money arrived at the customer."""

    ref: str
    tender: str
    number: int
    amount: Money
    at: datetime


class RefundRefused(Value, frozen=True, kw_only=True):
    """A refund was accepted by the platform and refused by the issuer afterwards."""

    ref: str
    tender: str
    number: int
    amount: Money
    error: PlatformError
    at: datetime


class LeftUncertain(Value, frozen=True, kw_only=True):
    """The issuer's answer to a capture or refund stays unknown (92, 82)."""

    ref: str
    tender: str
    number: int
    at: datetime


Event = (
    OrderCreated
    | Redirected
    | AppOpened
    | Retried
    | AnswerAwaited
    | Accepted
    | Refused
    | GivenUp
    | OrderPaid
    | AttemptsExhausted
    | Abandoned
    | CaptureRequested
    | Captured
    | CaptureRefused
    | CancelRequested
    | Cancelled
    | CancelRefused
    | RefundRequested
    | Refunded
    | RefundRefused
    | LeftUncertain
)
