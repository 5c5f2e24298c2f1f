"""Facts about an order at Worldline, complete on their own. Amounts are minor units inside Money, times UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mockpsp.domain.money import Money


@dataclass(frozen=True, slots=True)
class PlatformError:
    """An error as the platform writes it into ``statusOutput.errors`` and error bodies."""

    id: str
    error_code: str
    category: str
    http_status: int
    code: str = "9999"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Card:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """``order.references`` of a request, as far as they come back in answers."""

    merchant_reference: str = ""
    merchant_parameters: str = ""
    operation_group: str = ""
    soft_descriptor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerToServer:
    """A payment created without our page: what the merchant was told to do, and where the shopper returns to."""

    action: str
    return_url: str
    return_mac: str
    secret: str
    locale: str
    complement: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCreated:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected:
    """The shopper was sent to the third party (CV Connect, PayPal) for the first tender."""

    ref: str
    product: int
    beneficiary: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOpened:
    """The phone opened the CV Connect page: the beneficiary can no longer be typed elsewhere."""

    ref: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The shopper starts another attempt after a refused one."""

    ref: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAwaited:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A tender was accepted for ``amount``: as a sale (captured at once) or as an authorisation."""

    ref: str
    tender: str
    amount: Money
    product: int
    card: Card | None
    account: str
    sale: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A tender was refused; ``left`` attempts remain."""

    ref: str
    tender: str
    amount: Money
    product: int
    card: Card | None
    error: PlatformError
    left: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """A part of the order that will not be paid, because the shopper left or the session ended."""

    ref: str
    tender: str
    remaining: Money
    error: PlatformError
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid:
    """All tenders together cover the order."""

    ref: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsExhausted:
    """The last attempt was refused and nothing is paid."""

    ref: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """The order ended before it was paid in full; ``why`` is customer, time or attempts."""

    ref: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequested:
    """A capture was accepted. ``released`` goes back to the customer because this capture is final."""

    ref: str
    tender: str
    number: int
    amount: Money
    released: Money
    reference: str
    settles: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Captured money arrived at the merchant."""

    ref: str
    tender: str
    number: int
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRefused:
    """A capture failed later; the authorisation stands again."""

    ref: str
    tender: str
    number: int
    amount: Money
    error: PlatformError
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """A cancellation of authorised money was accepted."""

    ref: str
    tender: str
    number: int
    amount: Money
    reference: str
    settles: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Authorised money went back to the customer."""

    ref: str
    tender: str
    number: int
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused:
    """A cancellation failed later; the authorisation stands again."""

    ref: str
    tender: str
    number: int
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested:
    """A refund of one tender was accepted."""

    ref: str
    tender: str
    number: int
    amount: Money
    reference: str
    settles: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """Refunded money arrived at the customer."""

    ref: str
    tender: str
    number: int
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRefused:
    """A refund was accepted by the platform and refused by the issuer afterwards."""

    ref: str
    tender: str
    number: int
    amount: Money
    error: PlatformError
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftUncertain:
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
