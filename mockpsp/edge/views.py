"""What view models of hosted pages share, and ``render``, which turns one into HTML.

A model is frozen and carries what a page needs to be drawn and nothing that decides; a provider's handlers build it
from states. All text in it may come from a stranger: the templates escape it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.edge.texts import Texts, format_money, language_of, plain_amount

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

Outcome = Literal["paid", "refused", "cancelled", "expired", "pending"]


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


class Page(Value, frozen=True, kw_only=True):
    """What every page knows. ``language`` is a locale as the merchant sent it (``fr_FR``, ``fr-FR``, ``en``).

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


def render(view: Page, templates: Path, texts: Texts, **more: Any) -> str:
    """The page as a complete HTML document, by a template of the provider's folder, which may use those of edge.

    Templates are given ``view``, ``language``, ``t``, ``t_count``, ``money``, ``typed`` and ``qr_code``, and what is in
    ``more``.
    """
    language = language_of(view.language)
    return (
        _environment(templates)
        .get_template(view.template)
        .render(
            view=view,
            language=language,
            t=partial(texts.say, language),
            t_count=partial(texts.say_count, language),
            money=lambda amount: format_money(amount.minor, amount.currency, language),
            typed=lambda amount: plain_amount(amount.minor, amount.currency, language),
            qr_code=qr_code,
            **more,
        )
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


@cache
def _environment(templates: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: start-up time counts

    return Environment(
        loader=FileSystemLoader([templates, Path(__file__).parent / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
