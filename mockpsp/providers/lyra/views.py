"""What Lyra's hosted pages show: one frozen view model per page, and ``render``, which turns one into HTML.

Every form posts to ``post_url`` (leaving posts to ``cancel_url``) with a field ``step`` that says what is wanted. A
FieldError names one of these fields, or nothing for the page as a whole:

| View | ``step`` | Other fields |
|---|---|---|
| PaymentView | ``choose`` | ``method``: the id of a Method |
| ConecsView | ``conecs`` | ``number``, ``expiry``, ``cvv``, ``amount`` (may be empty) |
| CvConnectView | ``ask`` | ``beneficiary``, ``amount`` (may be empty) |
| AppView | ``cv_connect`` | ``beneficiary``, ``amount`` |
| AppView | ``decline`` | ``beneficiary``, ``amount`` |
| CardView | ``card`` | ``number``, ``holder`` (may be empty), ``expiry``, ``cvv`` |
| CardView, stored | ``stored`` | none: pay with the shopper's stored card |
| ChallengeView | ``authenticate`` | ``code`` |
| PaymentView, ConecsView, CvConnectView, CardView, ChallengeView | ``cancel`` | none |

ReturnView posts its own ``fields`` to ``return_url`` and no ``step``; ResultView and ClosedView post nothing. What a
shopper types is posted as typed: spaces in numbers, ``MM/YY`` or ``MM/YYYY`` in ``expiry``, ``12,50`` or ``12.50`` in
``amount``, which is empty for "all that is possible".

With ``embedded`` a page is drawn for a frame of the shop's page: compact, without band and header; links leave the
frame. Such a page must be served without ``frame-ancestors 'none'``.

Each TestDatum's ``fills`` uses these names. For those without JavaScript its ``value`` is the number alone, which
can be copied, and its ``effect`` begins with the rest that must be typed: ``03/30 · 123 · balance €61.20``.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.edge import views as shared
from mockpsp.edge.views import OrderPage, Page
from mockpsp.providers.lyra import texts

Tender = Literal["conecs", "cv_connect", "card"]
Kind = Literal["conecs", "cv_connect", "card", "stored"]
Outcome = Literal["paid", "refused", "cancelled", "expired"]
ClosedReason = Literal["unknown", "expired", "replaced", "used"]

_TEMPLATES = Path(__file__).parent / "templates"


class Method(Value, frozen=True, kw_only=True):
    """A way to pay that is on offer. ``name`` as the shopper knows it, see ``texts.method_name``.

    ``most`` is what it can pay of this order, None for all that is left. ``brand`` and ``last_four`` are those of a
    stored card; ``brands`` are the cards that ``card`` accepts. Brands are the provider's words, such as ``VISA``.
    """

    kind: Kind
    name: str
    most: Money | None = None
    brand: str = ""
    last_four: str = ""
    brands: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What the choice posts as ``method``."""
        return self.kind


class Leg(Value, frozen=True, kw_only=True):
    """A means of payment and the share it paid. ``brand`` chooses a card's pictogram; ``last_four`` may be empty."""

    kind: Tender
    name: str
    amount: Money
    brand: str = ""
    last_four: str = ""


class PurchasePage(OrderPage, frozen=True, kw_only=True):
    """A page about an order: ``amount`` is all of it, ``legs`` are the shares that are already paid.

    Below a cancel button it says that voucher shares among them are given back.
    """

    legs: tuple[Leg, ...] = ()
    embedded: bool = False

    @property
    def paid(self) -> Money:
        """What the legs add up to."""
        return sum((leg.amount for leg in self.legs), self.amount.zero)

    @property
    def remaining(self) -> Money:
        """What is left to pay."""
        return self.amount - self.paid

    @property
    def given_back(self) -> Money:
        """The voucher shares, which who cancels gets back."""
        return sum((leg.amount for leg in self.legs if leg.kind != "card"), self.amount.zero)


class PaymentView(PurchasePage, frozen=True, kw_only=True):
    """The choice of a way to pay. With only one, or with ``chosen`` (its id), that one is ticked."""

    template: ClassVar[str] = "payment.html"

    methods: tuple[Method, ...]
    chosen: str = ""


class ConecsView(PurchasePage, frozen=True, kw_only=True):
    """The form of a meal voucher card.

    ``eligible`` is what meal vouchers may pay of this order, ``daily`` the ceiling per card and day (None where there
    is none), ``most`` the most that may be paid now. ``expiry`` and ``typed`` (the amount) are what was typed before
    an error; number and code are never shown again. ``back_url`` leads (GET) to the choice; empty, there is no link.
    """

    template: ClassVar[str] = "conecs.html"

    eligible: Money
    most: Money
    daily: Money | None = None
    expiry: str = ""
    typed: str = ""
    back_url: str = ""


class CvConnectView(PurchasePage, frozen=True, kw_only=True):
    """The form of holiday vouchers: whose, and how much. The app then asks for a confirmation.

    ``most`` is the most that may be paid now. ``beneficiary`` and ``typed`` (the amount) are what was typed before an
    error. ``back_url`` leads (GET) to the choice; empty, there is no link.
    """

    template: ClassVar[str] = "cv_connect.html"

    most: Money
    beneficiary: str = ""
    typed: str = ""
    back_url: str = ""


class PortalView(PurchasePage, frozen=True, kw_only=True):
    """The shopper's first device waits for the app on another: ``share`` of ``beneficiary``'s vouchers is asked for.

    ``phone_url`` must be absolute. ``back_url`` leads (GET) to the form. A script follows ``status_url``.
    """

    template: ClassVar[str] = "portal.html"

    phone_url: str
    beneficiary: str
    share: Money
    back_url: str = ""


class AppView(PurchasePage, frozen=True, kw_only=True):
    """The app of holiday vouchers: the beneficiary confirms or declines ``share`` of the order."""

    template: ClassVar[str] = "connect.html"

    beneficiary: str
    balance: Money
    share: Money

    @property
    def short(self) -> bool:
        """Whether the balance does not cover it."""
        return self.balance.currency != self.share.currency or self.balance < self.share


class AppDoneView(PurchasePage, frozen=True, kw_only=True):
    """The app has nothing to ask any more. ``paid`` is what vouchers paid, which may be nothing.

    ``go_on_url`` is the payment page, for those who have only this device.
    """

    template: ClassVar[str] = "connected.html"

    paid: Money
    go_on_url: str

    @property
    def done(self) -> bool:
        """Whether vouchers paid something."""
        return self.paid.minor > 0


class CardView(PurchasePage, frozen=True, kw_only=True):
    """The card form; the card pays all that remains. With ``stored`` there is only a button that confirms that card.

    ``registering``: the card is registered and pays nothing; no amount is shown, so a zero ``amount`` will do.
    ``attempts_left`` is told together with an error. ``expiry`` and ``holder`` are what was typed before an error.
    """

    template: ClassVar[str] = "card.html"

    brands: tuple[str, ...] = ()
    stored: Method | None = None
    registering: bool = False
    attempts_left: int | None = None
    expiry: str = ""
    holder: str = ""
    back_url: str = ""


class ChallengeView(Page, frozen=True, kw_only=True):
    """The bank's page of 3-D Secure: a code that the shopper has been sent.

    ``amount`` is what the card pays, None when it is only registered. ``card_name`` such as ``Visa``. ``at`` is date
    and time as the shopper reads them. Without ``cancel_url`` there is no cancel button.
    """

    template: ClassVar[str] = "challenge.html"

    merchant: str
    post_url: str
    amount: Money | None = None
    card_name: str = ""
    last_four: str = ""
    at: str = ""
    cancel_url: str = ""
    embedded: bool = False


class ResultView(PurchasePage, frozen=True, kw_only=True):
    """How it ended. ``legs`` are the shares that were paid, or with ``returned`` those that were given back.

    ``registered``: it was the registration of a card, which with the outcome ``paid`` has succeeded; no amount is
    shown. ``return_text`` is an address of the merchant's that no link can lead to.
    """

    template: ClassVar[str] = "result.html"

    outcome: Outcome
    returned: bool = False
    registered: bool = False
    return_url: str = ""
    return_text: str = ""
    post_url: str = ""


class ReturnView(Page, frozen=True, kw_only=True):
    """The way back to the shop by POST: ``fields`` go to ``return_url``, in this order, by themselves or by a click.

    Without JavaScript only the click sends them. The handlers' ``form-action`` must allow ``return_url``.
    """

    template: ClassVar[str] = "return.html"

    merchant: str
    return_url: str
    fields: tuple[tuple[str, str], ...] = ()


class ClosedView(Page, frozen=True, kw_only=True):
    """A link that leads nowhere, any more or at all: ``replaced`` by a newer one, ``used`` to the end.

    ``merchant`` and ``return_url`` where they are still known.
    """

    template: ClassVar[str] = "closed.html"

    reason: ClosedReason = "unknown"
    merchant: str = ""
    return_url: str = ""


View = (
    PaymentView
    | ConecsView
    | CvConnectView
    | PortalView
    | AppView
    | AppDoneView
    | CardView
    | ChallengeView
    | ResultView
    | ReturnView
    | ClosedView
)


def render(view: View) -> str:
    """The page as a complete HTML document."""
    return shared.render(view, _TEMPLATES, texts.TEXTS, brand_name=texts.brand_name)
