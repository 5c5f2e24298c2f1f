"""What can be asked of an order: by the merchant's API calls, by the shopper, by the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mockpsp.domain.money import Money
from mockpsp.providers.worldline.events import Card, References


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """A card as a shopper or merchant gives it; it never reaches an event whole.

    ``kept`` stands in its place when the platform has the card already (a token, an earlier payment).
    """

    number: str = ""
    expiry: str = ""
    holder: str = ""
    cvv: str = ""
    product: int | None = None
    kept: Card | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInput:
    """What both create calls have in common. ``webhooks`` replace the sandbox's endpoints for this order."""

    merchant: str
    total: Money
    references: References
    country: str
    product: int | None
    requires_approval: bool
    adjustable: bool
    beneficiary: str
    webhooks: tuple[str, ...]
    locale: str
    auto_capture: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCheckout:
    """CreateHostedCheckout. ``products`` are what the page offers, ``complement`` what may pay the rest of a split."""

    order: OrderInput
    return_url: str
    show_result_page: bool
    attempts: int
    timeout: timedelta | None
    auto_refund: bool
    products: tuple[int, ...]
    complement: tuple[int, ...]
    variant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePayment:
    """CreatePayment with vouchers, a card, or another redirect product; ``authorise`` leaves the capture to later."""

    order: OrderInput
    return_url: str
    email: str = ""
    card: CardData | None = None
    authorise: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GoToConnect:
    """The shopper goes on to CV Connect with this beneficiary id or e-mail address."""

    beneficiary: str


@dataclass(frozen=True, slots=True)
class OpenApp:
    """The phone opens the CV Connect page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayVouchers:
    """The beneficiary confirms in the app; None pays all that the wallet can."""

    amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayCard:
    """The shopper pays what is open by card; None pays all of it."""

    card: CardData
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The shopper cancels."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The beneficiary declines in the app."""


@dataclass(frozen=True, slots=True)
class Expire:
    """The session's time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """The issuer's late answer to a tender in status 51 arrives."""

    tender: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """CapturePayment; None captures what is left."""

    tender: str
    amount: Money | None
    final: bool
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """CancelPayment; None cancels what is left."""

    tender: str
    amount: Money | None
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """RefundPayment; None refunds what is left. ``tender`` None refunds the order: card money first, then vouchers."""

    tender: str | None
    amount: Money | None
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The result of a capture, cancel or refund arrives: ``settles`` is done, refused or uncertain."""

    tender: str
    number: int
    settles: str
