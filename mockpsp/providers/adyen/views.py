"""What Adyen's hosted pages show: one frozen view model per page, and ``render``, which turns one into HTML.

Every form posts to ``post_url`` (leaving posts to ``cancel_url``, giving back to ``remove_url``) with a field ``step``
that says what is wanted. A FieldError names one of these fields, or nothing for the page as a whole:

| View | ``step`` | Other fields |
|---|---|---|
| PaymentView | ``choose`` | ``method``: the id of a Method |
| PaymentView | ``remove`` | none: cancel the order, give back all that was paid |
| VoucherView | ``balance`` | ``method``, ``number``, ``expiry`` (meal vouchers only), ``cvc`` |
| VoucherView, checked | ``redeem`` | ``method``, ``check``: ``Checked.token`` as it was given |
| CardView | ``card`` | ``method``, ``number``, ``holder``, ``expiry``, ``cvc``, ``keep`` when it is to be stored |
| CardView, a stored card | ``card`` | ``method``, ``cvc`` |
| CardView, a stored card | ``forget`` | ``method``: keep the card no longer |
| PaymentView, VoucherView, CardView | ``cancel`` | none |
| ChallengeView | ``authenticate`` | ``user`` (absent when compact), ``password`` |
| ChallengeView | ``cancel`` | none |
| AppView | ``approve`` | ``amount``, as typed |
| AppView | ``refuse`` | none |
| AppView | ``cancel`` | none |

ResultView, AppDoneView, ToldView and ClosedView post nothing. What a shopper types is posted as typed: spaces in
numbers, ``MM/YY`` or ``MM/YYYY`` in ``expiry``.

Each TestDatum's ``fills`` uses these names. For those without JavaScript its ``value`` is the number alone, which
can be copied, and its ``effect`` begins with the rest that must be typed: ``03/30 · 737 · balance €61.20``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Literal

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.edge import views as shared
from mockpsp.edge.texts import language_of
from mockpsp.edge.views import OrderPage, Outcome, Page
from mockpsp.providers.adyen import links, texts

Kind = Literal["meal_voucher", "gift_card", "card", "stored"]
ClosedReason = Literal["unknown", "expired", "paid", "nowhere"]
TransStatus = Literal["Y", "N", "U"]

ASSETS = links.ASSETS
"""Where the pages look for the files of ``STATIC``, which the handlers serve: ``{ASSETS}/tell.js``."""

STATIC = Path(__file__).parent / "static"

_TEMPLATES = Path(__file__).parent / "templates"


class Method(Value, frozen=True, kw_only=True):
    """A payment method on offer. ``name`` as the shopper knows it, see ``texts.method_name``.

    ``type`` and ``brand`` as in ``paymentMethods``: ``mealVoucher_FR`` and ``mealVoucher_FR_sodexo``, ``giftcard`` and
    ``givex``, ``scheme`` and nothing. ``brands`` are the cards that ``scheme`` accepts: ``visa``, ``mc``. A ``stored``
    card has its ``token``, and the last four digits of its number.
    """

    kind: Kind
    type: str
    name: str
    brand: str = ""
    brands: tuple[str, ...] = ()
    token: str = ""
    last_four: str = ""

    @property
    def id(self) -> str:
        """What forms post as ``method``: the token, the brand, or the type of a method without one."""
        return self.token or self.brand or self.type


class Leg(Value, frozen=True, kw_only=True):
    """A means of payment and the share it paid. ``brand`` chooses the pictogram; ``last_four`` may be empty."""

    kind: Kind
    name: str
    amount: Money
    brand: str = ""
    last_four: str = ""


class Checked(Value, frozen=True, kw_only=True):
    """What a balance check found: ``take`` will be taken, the least of ``balance``, ``limit`` and what remains.

    ``limit`` is what may still be spent today, None where there is no such limit. ``token`` comes back as the field
    ``check`` with ``redeem``; what it means is the handler's business, and it must not be a card number.
    """

    balance: Money
    take: Money
    token: str
    limit: Money | None = None
    last_four: str = ""


class PurchasePage(OrderPage, frozen=True, kw_only=True):
    """A page about a purchase: ``amount`` is all of it, ``legs`` are the shares that are already paid.

    ``returned_on_cancel`` says below the cancel button that who cancels gets those shares back.
    """

    description: str = ""
    legs: tuple[Leg, ...] = ()
    returned_on_cancel: bool = False

    @property
    def paid(self) -> Money:
        """What the legs add up to."""
        return sum((leg.amount for leg in self.legs), self.amount.zero)

    @property
    def remaining(self) -> Money:
        """What is left to pay."""
        return self.amount - self.paid


class PaymentView(PurchasePage, frozen=True, kw_only=True):
    """The choice of a payment method. With only one method, or with ``chosen`` (its id), that one is ticked.

    With ``remove_url`` and at least one leg there is a button that gives back what was already paid.
    """

    template: ClassVar[str] = "payment.html"

    methods: tuple[Method, ...]
    chosen: str = ""
    remove_url: str = ""


class VoucherView(PurchasePage, frozen=True, kw_only=True):
    """A meal voucher or a gift card, in two steps: its form, then with ``checked`` what the balance check found.

    ``expiry`` is what was typed before an error; number and code are never shown again, so they are not part of the
    model. ``back_url`` leads (GET) to the choice of a method, ``again_url`` from the second step to the first; without
    an address there is no such link.
    """

    template: ClassVar[str] = "voucher.html"

    method: Method
    checked: Checked | None = None
    expiry: str = ""
    back_url: str = ""
    again_url: str = ""


class CardView(PurchasePage, frozen=True, kw_only=True):
    """The card form; the card pays all that remains. ``expiry`` and ``holder`` are what was typed before an error.

    With ``asks_to_keep`` the shopper may have the card stored (``keeps`` is ticked). Of a stored card only the security
    code is asked; with ``forget_url`` there is a button that keeps it no longer.
    """

    template: ClassVar[str] = "card.html"

    method: Method
    expiry: str = ""
    holder: str = ""
    back_url: str = ""
    asks_to_keep: bool = False
    keeps: bool = False
    forget_url: str = ""


class ResultView(PurchasePage, frozen=True, kw_only=True):
    """How it ended. ``legs`` are the shares that were paid, or with ``returned`` those that were given back.

    ``retry_url`` (GET) offers another try, ``return_url`` the way to the merchant. A pending page follows
    ``status_url``; without JavaScript it has a link that looks again.
    """

    template: ClassVar[str] = "result.html"

    outcome: Outcome
    returned: bool = False
    retry_url: str = ""
    return_url: str = ""
    post_url: str = ""


class ChallengeView(Page, frozen=True, kw_only=True):
    """The bank's page of 3-D Secure: user and password; with ``compact`` what a shop shows in a frame: password only.

    ``card_name`` such as ``Visa``, ``brand`` chooses its pictogram. ``at`` is date and time as the shopper reads them.
    Without ``cancel_url`` there is no cancel button. ``user`` is what was typed before an error. The compact page must
    be served without ``frame-ancestors 'none'``: it lives in a frame of somebody else's page.
    """

    template: ClassVar[str] = "challenge.html"

    merchant: str
    amount: Money
    post_url: str
    card_name: str = ""
    brand: str = ""
    last_four: str = ""
    at: str = ""
    cancel_url: str = ""
    user: str = ""
    compact: bool = False


class ToldView(Page, frozen=True, kw_only=True):
    """The last page in the frame of native 3-D Secure: tells the page around it how it went, as a JSON text.

    ``kind`` is ``challenge`` (``outcome`` is a transStatus) or ``fingerprint`` (``outcome`` is a threeDSCompInd).
    ``target`` is the origin that may hear it; what is told is no secret. Needs ``{ASSETS}/tell.js``, and must be served
    without ``frame-ancestors 'none'``, from the origin of ``threeDSNotificationURL``.
    """

    template: ClassVar[str] = "told.html"

    kind: Literal["challenge", "fingerprint"]
    outcome: TransStatus = "Y"
    target: str = "*"

    @property
    def message(self) -> str:
        """What Adyen Web listens for, spelled as it does."""
        if self.kind == "challenge":
            told = {"type": "challengeResult", "result": {"transStatus": self.outcome}}
        else:
            told = {"type": "fingerPrintResult", "result": {"threeDSCompInd": self.outcome}}
        return json.dumps(told, separators=(",", ":"))

    @property
    def script(self) -> str:
        """Where the script is that tells it."""
        return f"{ASSETS}/tell.js"


class AppView(OrderPage, frozen=True, kw_only=True):
    """ANCV's app: the shopper approves ``payable``, or less where it is ``adjustable``, or refuses.

    ``amount`` is what is asked for, ``balance`` the wallet's; ``typed`` is what was typed before an error.
    """

    template: ClassVar[str] = "ancv.html"

    beneficiary: str
    balance: Money
    payable: Money
    adjustable: bool
    typed: str = ""


class AppDoneView(OrderPage, frozen=True, kw_only=True):
    """What became of it in ANCV's app. ``approved`` is the shopper's share, None where nothing was."""

    template: ClassVar[str] = "ancv_done.html"

    outcome: Outcome
    approved: Money | None = None


class ClosedView(Page, frozen=True, kw_only=True):
    """A link that leads nowhere, any more or at all. ``merchant`` and ``return_url`` where they are still known.

    ``nowhere``: the bank has its answer, and the merchant gave no address that the shopper could be sent back to.
    """

    template: ClassVar[str] = "closed.html"

    reason: ClosedReason = "unknown"
    merchant: str = ""
    return_url: str = ""


View = PaymentView | VoucherView | CardView | ResultView | ChallengeView | AppView | AppDoneView | ToldView | ClosedView


def render(view: View) -> str:
    """The page as a complete HTML document."""
    language = language_of(view.language)
    return shared.render(
        view,
        _TEMPLATES,
        texts.TEXTS,
        brand_name=lambda brand: texts.method_name("scheme", brand, language),
    )
