"""What Worldline's hosted pages show: one frozen view model per template, and ``render``, which turns one into HTML."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.edge import views as shared
from mockpsp.edge.texts import language_of
from mockpsp.edge.views import OrderPage, Outcome, Page
from mockpsp.providers.worldline import texts

ClosedReason = Literal["unknown", "used", "expired"]
Stage = Literal[1, 2, 3]

_TEMPLATES = Path(__file__).parent / "templates"


class Tender(Value, frozen=True, kw_only=True):
    """One means of payment and its share. ``detail`` tells two cards apart, such as ``•••• 4675``."""

    product: int
    amount: Money
    detail: str = ""


class SelectionView(OrderPage, frozen=True, kw_only=True):
    """The choice of a payment method. With only one product, or with ``chosen``, that one is ticked."""

    template: ClassVar[str] = "selection.html"

    products: tuple[int, ...]
    chosen: int | None = None


class ConfirmView(OrderPage, frozen=True, kw_only=True):
    """The hosted page's own CV Connect step: which account pays. ``beneficiary`` is editable."""

    template: ClassVar[str] = "confirm.html"

    beneficiary: str = ""


class PortalView(OrderPage, frozen=True, kw_only=True):
    """The CV Connect portal on the first device, waiting for the app. ``phone_url`` must be absolute.

    ``stage``: 1 the app is not open yet, 2 it is, 3 the card complement is under way.
    """

    template: ClassVar[str] = "portal.html"

    phone_url: str
    stage: Stage = 1


class PhoneView(OrderPage, frozen=True, kw_only=True):
    """The ANCV app: the customer sees the balance and confirms or refuses the voucher share.

    ``payable`` is the most that vouchers can pay here. ``typed`` is what the customer wrote before an error.
    """

    template: ClassVar[str] = "phone.html"

    beneficiary: str
    balance: Money
    payable: Money
    adjustable: bool
    holder: str = ""
    typed: str = ""

    @property
    def remaining(self) -> Money:
        """What a card has to complete when all that is payable is paid with vouchers."""
        return self.amount - self.payable

    @property
    def least(self) -> Money:
        """The smallest voucher share: one minor unit."""
        return Money(1, self.amount.currency)


class ComplementView(OrderPage, frozen=True, kw_only=True):
    """A card form: the complement in the app, or with ``card_only`` the whole payment on the hosted page.

    Card number and security code are never shown again after an error, so they are not part of the model.
    """

    template: ClassVar[str] = "complement.html"

    paid: Money
    brands: tuple[int, ...]
    card_only: bool = False
    card_holder: str = ""
    expiry: str = ""
    attempts_left: int | None = None
    returned_on_give_up: bool = False

    @property
    def remaining(self) -> Money:
        """What the card has to pay."""
        return self.amount - self.paid


class ResultView(OrderPage, frozen=True, kw_only=True):
    """How it ended. ``tenders`` are the shares that were paid; ``returned`` says that they were given back."""

    template: ClassVar[str] = "result.html"

    outcome: Outcome
    tenders: tuple[Tender, ...] = ()
    returned: bool = False
    return_url: str = ""
    on_phone: bool = False
    post_url: str = ""


class ClosedView(Page, frozen=True, kw_only=True):
    """A link that leads nowhere, any more or at all. ``return_url`` only when the order is still known."""

    template: ClassVar[str] = "closed.html"

    reason: ClosedReason = "unknown"
    merchant: str = ""
    return_url: str = ""


View = SelectionView | ConfirmView | PortalView | PhoneView | ComplementView | ResultView | ClosedView


def render(view: View) -> str:
    """The page as a complete HTML document."""
    language = language_of(view.language)
    return shared.render(
        view, _TEMPLATES, texts.TEXTS, product_name=lambda product: texts.product_name(product, language)
    )
