"""The payment products of the merchant as data: who may see which, and how each is told.

Shapes: ``onlinepayments.sdk.domain.payment_product*`` of the Python SDK 10.3.0, and ``PaymentProductJSON`` of
onlinepayments-sdk-client-js 3.6.2, which builds a card form from ``fields``. What ``hide`` leaves out: the text of
``GetPaymentProductsParams.hide``. When 5412 is on offer is inferred from its product page (EUR, redirect, no series).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockpsp.domain.value import Value
from mockpsp.edge.texts import language_of
from mockpsp.providers.worldline import pictures, texts
from mockpsp.providers.worldline.errors import InvalidValue, UnknownProduct
from mockpsp.providers.worldline.holdings import AMEX, CARTES_BANCAIRES, CV_CONNECT, MASTERCARD, VISA
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.vault import Token

Json = Mapping[str, Any]
APPLE_PAY, GOOGLE_PAY, IDEAL = 302, 320, 809
GROUP = "Cards"


class CardForm(Value, frozen=True, kw_only=True):
    """What a card's number and security code look like. ``mask`` as the client SDK reads it: 9 is a digit."""

    shortest: int = 16
    longest: int = 16
    mask: str = "{{9999}} {{9999}} {{9999}} {{9999}}"
    code: int = 3


class Product(Value, frozen=True, kw_only=True):
    """A product that can be paid with here; one without a ``form`` redirects to a third party.

    ``scheme`` is IINDetail's cardScheme.
    """

    id: int
    picture: str
    scheme: str = ""
    form: CardForm | None = None

    @property
    def redirects(self) -> bool:
        """Whether the customer leaves for a third party, so that there is nothing to type."""
        return self.form is None


_LONG_MASK = "{{9999}} {{9999}} {{9999}} {{9999}} {{999}}"
_AMEX = CardForm(shortest=15, longest=15, mask="{{9999}} {{999999}} {{99999}}", code=4)

PRODUCTS: Mapping[int, Product] = {
    product.id: product
    for product in (
        Product(id=CV_CONNECT, picture="cvconnect"),
        Product(id=VISA, picture="visa", scheme="Visa", form=CardForm(shortest=13, longest=19, mask=_LONG_MASK)),
        Product(id=MASTERCARD, picture="mastercard", scheme="Mastercard", form=CardForm()),
        Product(id=CARTES_BANCAIRES, picture="cb", scheme="Cb", form=CardForm(longest=19, mask=_LONG_MASK)),
        Product(id=AMEX, picture="amex", scheme="AmericanExpress", form=_AMEX),
    )
}
"""In the order in which they are shown."""

NETWORKS: Mapping[int, tuple[str, ...]] = {
    APPLE_PAY: ("CartesBancaires", "Visa", "MasterCard", "AmEx"),
    GOOGLE_PAY: ("VISA", "MASTERCARD", "AMEX"),
}
"""Networks behind wallets, in each wallet's own words. The wallets themselves cannot be paid with here."""

DIRECTORY: Mapping[int, tuple[tuple[str, str, str], ...]] = {
    IDEAL: (
        ("MOCKNL2A", "Simulated Bank One", "short"),
        ("MOCKNL2B", "Simulated Bank Two", "short"),
        ("MOCKNL2C", "Simulated Savings Bank", "long"),
    )
}
"""Banks behind a product: id, name, and whether it is among those shown first. Invented ones."""


class Context(Value, frozen=True, kw_only=True):
    """What a list of products depends on. ``amount`` is in minor units; None and "" are not said."""

    country: str
    currency: str = ""
    amount: int | None = None
    recurring: bool = False
    operation: str = ""
    locale: str = ""
    hide: frozenset[str] = frozenset()


def read_context(query: Json) -> Context:
    """The query of the product calls, after the contract check."""
    return Context(
        country=str(query.get("countryCode", "")).upper(),
        currency=query.get("currencyCode", ""),
        amount=query.get("amount"),
        recurring=query.get("isRecurring", False),
        operation=query.get("operationType", ""),
        locale=query.get("locale", ""),
        hide=frozenset(query.get("hide", ())),
    )


def read_payment_context(given: Json | None) -> Context:
    """``paymentContext`` of a card look-up; without one everything is allowed."""
    given = given or {}
    money = given.get("amountOfMoney", {})
    return Context(
        country=str(given.get("countryCode", "")).upper(),
        currency=money.get("currencyCode", ""),
        amount=money.get("amount"),
        recurring=given.get("isRecurring", False),
    )


# -- which -----------------------------------------------------------------------------------------------------------


def on_offer(context: Context, settings: WorldlineSettings) -> tuple[Product, ...]:
    """The products of this context, in the order in which they are shown."""
    return tuple(product for product in PRODUCTS.values() if _offered(product, context, settings))


def _offered(product: Product, context: Context, settings: WorldlineSettings) -> bool:
    if not product.redirects:
        return "productsWithoutFields" not in context.hide
    return (
        context.currency in ("", "EUR")
        and not context.recurring
        and context.operation != "Payout"
        and "productsWithRedirects" not in context.hide
        and _worth(context, settings)
    )


def _worth(context: Context, settings: WorldlineSettings) -> bool:
    """Whether the amount, if there is one, can be paid with vouchers."""
    least = settings.minimum_vouchers.minor if settings.minimum_vouchers is not None else 1
    return context.amount is None or context.amount >= least


def find(text: str, context: Context, settings: WorldlineSettings) -> Product:
    """The product with the id that a path names. Raises UnknownProduct when it is not on offer in this context."""
    product = next((each for each in on_offer(context, settings) if str(each.id) == text), None)
    if product is None:
        raise UnknownProduct("product", "productId")
    return product


def networks(text: str) -> Json:
    """PaymentProductNetworksResponse. Raises UnknownProduct, or InvalidValue for a product that is no wallet."""
    wallet = next((networks for id, networks in NETWORKS.items() if str(id) == text), None)
    if wallet is not None:
        return {"networks": list(wallet)}
    if any(str(id) == text for id in PRODUCTS):
        raise InvalidValue("productId", f"product {text} has no networks")
    raise UnknownProduct("product", "productId")


def directory(text: str) -> Json:
    """ProductDirectory. Raises UnknownProduct for a product without one."""
    entries = next((entries for id, entries in DIRECTORY.items() if str(id) == text), None)
    if entries is None:
        raise UnknownProduct("product", "productId")
    return {
        "entries": [{"issuerId": id, "issuerName": name, "issuerList": shown} for id, name, shown in entries],
    }


# -- how they are told -----------------------------------------------------------------------------------------------


def told(
    product: Product, context: Context, settings: WorldlineSettings, origin: str, tokens: Iterable[Token] = ()
) -> Json:
    """PaymentProduct. ``tokens`` are the cards on file of a client session; ``origin`` is where pictures are served."""
    hints = _hints(
        list(PRODUCTS).index(product.id), _label(product, context, settings), product.picture, context, origin
    )
    form = product.form
    hide = context.hide
    accounts = [] if "accountsOnFile" in hide else [each for each in tokens if each.card.product == product.id]
    return {
        "id": product.id,
        "paymentMethod": "redirect" if product.redirects else "card",
        **({} if product.redirects else {"paymentProductGroup": GROUP}),
        "allowsRecurring": not product.redirects,
        "allowsTokenization": not product.redirects,
        "allowsAuthentication": not product.redirects,
        "usesRedirectionTo3rdParty": product.redirects,
        "fields": [] if form is None or "fields" in hide else fields(form, context),
        "accountsOnFile": [_account(each, form, product.picture, origin) for each in accounts if form is not None],
        "displayHints": hints,
        "displayHintsList": [hints],
    }


def _label(product: Product, context: Context, settings: WorldlineSettings) -> str:
    return settings.product_label if product.id == CV_CONNECT else product_name(product.id, context.locale)


def product_name(product: int, locale: str) -> str:
    """The customer's name for a product."""
    return "American Express" if product == AMEX else texts.product_name(product, locale)


def _hints(order: int, label: str, picture: str, context: Context, origin: str) -> Json:
    shown = {} if "translations" in context.hide else {"label": label}
    return {"displayOrder": order, **shown, "logo": pictures.url(picture, origin)}


def groups(context: Context, origin: str) -> Json:
    """GetPaymentProductGroupsResponse: cards are the only group."""
    return {"paymentProductGroups": [group(GROUP, context, origin)]}


def group(text: str, context: Context, origin: str) -> Json:
    """PaymentProductGroup, whatever the case of its id. Raises UnknownProduct."""
    if text.lower() != GROUP.lower():
        raise UnknownProduct("product group", "paymentProductGroupId")
    label = "Cartes" if language_of(context.locale) == "fr" else "Cards"
    hints = _hints(0, label, "cards", context, origin)
    return {"id": GROUP, "displayHints": hints, "displayHintsList": [hints]}


# -- card forms ------------------------------------------------------------------------------------------------------


def fields(form: CardForm, context: Context) -> list[Json]:
    """PaymentProductFields of a card. The expiry date may be typed as MMYY or MMYYYY."""
    hidden = "translations" in context.hide

    def say(key: str) -> str:
        return "" if hidden else texts.TEXTS.say(context.locale, key)

    code = "9" * form.code
    tip = say("card_cvv_hint") if form.code == 3 else ""
    return [
        _field("cardNumber", "numericstring", 0, say("card_number"), mask=form.mask, validators={
            "length": {"minLength": form.shortest, "maxLength": form.longest},
            "luhn": {},
            "regularExpression": {"regularExpression": "^[0-9]*$"},
        }),
        _field("cardholderName", "string", 1, say("card_holder"), validators={
            "length": {"minLength": 2, "maxLength": 50},
        }),
        _field("expiryDate", "expirydate", 2, say("card_expiry"), mask="{{99}}/{{9999}}", validators={
            "expirationDate": {},
            "regularExpression": {"regularExpression": "^(0[1-9]|1[0-2])(20)?[0-9]{2}$"},
        }),
        _field("cvv", "numericstring", 3, say("card_cvv"), mask=f"{{{{{code}}}}}", tip=tip, validators={
            "length": {"minLength": form.code, "maxLength": form.code},
            "regularExpression": {"regularExpression": "^[0-9]*$"},
        }),
    ]  # fmt: skip


def _field(id: str, kind: str, order: int, label: str, *, validators: Json, mask: str = "", tip: str = "") -> Json:
    hints: dict[str, Any] = {
        "alwaysShow": False,
        "displayOrder": order,
        "formElement": {"type": "text"},
        "obfuscate": False,
        "preferredInputType": "StringKeyboard" if kind == "string" else "IntegerKeyboard",
    }
    hints.update({name: text for name, text in (("label", label), ("mask", mask)) if text})
    if tip:
        hints["tooltip"] = {"label": tip}
    return {
        "id": id,
        "type": kind,
        "dataRestrictions": {"isRequired": True, "validators": validators},
        "displayHints": hints,
    }


def _account(token: Token, form: CardForm, picture: str, origin: str) -> Json:
    """AccountOnFile: what is known of the card, and what the customer has to type again."""
    card = token.card
    hidden = len(card.masked) - 10
    number = f"{card.bin[:6]}{'X' * hidden}{card.masked[-4:]}"
    attributes = [("alias", number, "READ_ONLY"), ("cardNumber", number, "READ_ONLY")]
    if card.holder:
        attributes.append(("cardholderName", card.holder, "CAN_WRITE"))
    attributes += [("expiryDate", card.expiry, "CAN_WRITE"), ("cvv", "", "MUST_WRITE")]
    return {
        "id": token.ref,
        "paymentProductId": card.product,
        "attributes": [{"key": key, "value": value, "status": status} for key, value, status in attributes],
        "displayHints": {
            "labelTemplate": [{"attributeKey": "alias", "mask": form.mask}],
            "logo": pictures.url(picture, origin),
        },
    }
