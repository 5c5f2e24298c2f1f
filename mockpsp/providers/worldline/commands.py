"""What can be asked of an order: by the merchant's API calls, by the shopper, by the clock."""

from __future__ import annotations

from datetime import timedelta

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.worldline.events import Card, References


class CardData(Value, frozen=True, kw_only=True):
    """A card as a shopper or merchant gives it; it never reaches an event whole.

    ``kept`` stands in its place when the platform has the card already (a token, an earlier payment).
    """

    number: str = ""
    expiry: str = ""
    holder: str = ""
    cvv: str = ""
    product: int | None = None
    kept: Card | None = None


class OrderInput(Value, frozen=True, kw_only=True):
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


class CreateCheckout(Value, frozen=True, kw_only=True):
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


class CreatePayment(Value, frozen=True, kw_only=True):
    """CreatePayment with vouchers, a card, or another redirect product; ``authorise`` leaves the capture to later."""

    order: OrderInput
    return_url: str
    email: str = ""
    card: CardData | None = None
    authorise: bool = False


class GoToConnect(Value, frozen=True, kw_only=True):
    """The shopper goes on to CV Connect with this beneficiary id or e-mail address."""

    beneficiary: str


class OpenApp(Value, frozen=True):
    """The phone opens the CV Connect page."""


class PayVouchers(Value, frozen=True, kw_only=True):
    """The beneficiary confirms in the app; None pays all that the wallet can."""

    amount: Money | None = None


class PayCard(Value, frozen=True, kw_only=True):
    """The shopper pays what is open by card; None pays all of it."""

    card: CardData
    amount: Money | None = None


class GiveUp(Value, frozen=True):
    """The shopper cancels."""


class Refuse(Value, frozen=True):
    """The beneficiary declines in the app."""


class Expire(Value, frozen=True):
    """The session's time is over."""


class Resolve(Value, frozen=True, kw_only=True):
    """The issuer's late answer to a tender in status 51 arrives."""

    tender: str
    outcome: str
    reason: str


class Capture(Value, frozen=True, kw_only=True):
    """CapturePayment; None captures what is left."""

    tender: str
    amount: Money | None
    final: bool
    reference: str


class Cancel(Value, frozen=True, kw_only=True):
    """CancelPayment; None cancels what is left."""

    tender: str
    amount: Money | None
    reference: str


class Refund(Value, frozen=True, kw_only=True):
    """RefundPayment; None refunds what is left. ``tender`` None refunds the order: card money first, then vouchers."""

    tender: str | None
    amount: Money | None
    reference: str


class Settle(Value, frozen=True, kw_only=True):
    """The result of a capture, cancel or refund arrives: ``settles`` is done, refused or uncertain."""

    tender: str
    number: int
    settles: str
