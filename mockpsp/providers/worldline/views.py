"""What the hosted pages show: one frozen view model per template, and ``render``, which turns one into HTML.

The models carry what a page needs to be drawn and nothing that decides; the handlers build them from states.
All text in them may come from a stranger: the templates escape it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.worldline import texts

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

Outcome = Literal["paid", "refused", "cancelled", "expired", "pending"]
ClosedReason = Literal["unknown", "used", "expired"]
Stage = Literal[1, 2, 3]


class FieldError(Value, frozen=True):
    """Something the customer can put right. ``field`` is a form field's name, or empty for the whole page."""

    field: str
    message: str


class TestDatum(Value, frozen=True, kw_only=True):
    """A row of "test data that works here". ``fills`` maps form fields to what one click writes into them."""

    __test__: ClassVar[bool] = False  # the name must not make pytest collect it

    label: str
    value: str
    effect: str
    fills: Mapping[str, str]


class Tender(Value, frozen=True, kw_only=True):
    """One means of payment and its share. ``detail`` tells two cards apart, such as ``•••• 4675``."""

    product: int
    amount: Money
    detail: str = ""


class Page(Value, frozen=True, kw_only=True):
    """What every page knows. ``language`` is a locale as the merchant sent it (``fr_FR``, ``en``, ``de_DE``).

    ``status_url`` answers ``{"status": …}``; the page reloads as soon as that differs from ``status`` here.
    """

    template: ClassVar[str]

    language: str
    sandbox: str
    scenario: str
    errors: tuple[FieldError, ...] = ()
    test_data: tuple[TestDatum, ...] = ()
    status_url: str = ""
    status: str = ""

    def problem(self, field: str) -> str:
        """The first message about a field, or nothing."""
        return next((error.message for error in self.errors if error.field == field), "")


class OrderPage(Page, frozen=True, kw_only=True):
    """A page about one order. Its main form posts to ``post_url``, cancelling to ``cancel_url``, if given.

    ``open_until`` is a time as the customer reads it, such as ``12:15``.
    """

    merchant: str
    reference: str
    amount: Money
    post_url: str
    cancel_url: str = ""
    open_until: str = ""


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
    refresh_seconds: int = 5


class PhoneView(OrderPage, frozen=True, kw_only=True):
    """The ANCV app: the customer sees the balance and confirms or refuses the voucher share.

    ``payable`` is the most that vouchers can pay here. ``typed`` is what the customer wrote before an error.
    """

    template: ClassVar[str] = "phone.html"

    beneficiary: str
    balance: Money
    payable: Money
    adjustable: bool
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
    """How it ended. ``tenders`` are the shares that were paid; ``returned`` says that they were given back.

    With ``return_after_seconds`` the page leaves for ``return_url`` by itself.
    """

    template: ClassVar[str] = "result.html"

    outcome: Outcome
    tenders: tuple[Tender, ...] = ()
    returned: bool = False
    return_url: str = ""
    return_after_seconds: int | None = None
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
    language = texts.language_of(view.language)
    return (
        _environment()
        .get_template(view.template)
        .render(
            view=view,
            language=language,
            t=partial(texts.say, language),
            t_count=partial(texts.say_count, language),
            money=lambda amount: texts.format_money(amount.minor, amount.currency, language),
            typed=lambda amount: texts.plain_amount(amount.minor, amount.currency, language),
            product_name=lambda product: texts.product_name(product, language),
            qr_code=qr_code,
        )
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: start-up time counts

    here = Path(__file__).parent
    return Environment(
        loader=FileSystemLoader([here / "templates", here.parents[1] / "edge" / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=256)  # a waiting page asks for the same code every few seconds
def qr_code(url: str) -> Markup:
    """The address as an inline SVG; no style attributes, which the content security policy would forbid."""
    import segno  # late: start-up time counts
    from markupsafe import Markup

    drawing = BytesIO()
    segno.make(url, error="m", micro=False).save(
        drawing, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=3, light="#fff", dark="#17202b"
    )
    return Markup(drawing.getvalue().decode())  # noqa: S704  # segno draws modules; the address is not in it as text
