"""What the first digits of a card tell: product, country, co-brands. And the two offers that depend on a card.

Shapes: ``GetIINDetailsResponse``, ``CurrencyConversionResponse`` and ``CalculateSurchargeResponse`` of the Python SDK.
Neither currency conversion nor surcharging is configured for the merchant, as for the vendor's own test merchant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.providers.worldline import wire
from mockpsp.providers.worldline.errors import UnknownProduct
from mockpsp.providers.worldline.holdings import Holdings, WorldCard, products_of
from mockpsp.providers.worldline.products import PRODUCTS, Context, on_offer
from mockpsp.providers.worldline.settings import WorldlineSettings

Json = Mapping[str, Any]
NO_CONVERSION = "currency conversion is not configured for this merchant"


def known_range(digits: str, holdings: Holdings) -> WorldCard | None:
    """The scenario's first card whose number starts with these digits."""
    return next((card for number, card in holdings.cards.items() if number.startswith(digits)), None)


def possible_products(digits: str, holdings: Holdings) -> tuple[int, ...]:
    """The products that a card with these first digits can be; () when no scheme has the range."""
    known = known_range(digits, holdings)
    return known.products if known is not None else products_of(digits)


def details(digits: str, context: Context, holdings: Holdings, settings: WorldlineSettings) -> Json:
    """GetIINDetailsResponse; the first product is the card's own preference. Raises UnknownProduct (inferred)."""
    products = possible_products(digits, holdings)
    if not products:
        raise UnknownProduct("product", "bin")
    known = known_range(digits, holdings)
    country = known.country if known is not None else "FR"
    allowed = {product.id for product in on_offer(context, settings)}
    first = PRODUCTS[products[0]]
    form = first.form
    assert form is not None, "cards have a form"
    return {
        "paymentProductId": first.id,
        "countryCode": country,
        "isAllowedInContext": any(product in allowed for product in products),
        "coBrands": [_brand(product, product in allowed) for product in products],
        "cardScheme": first.scheme,
        "cardType": "Credit",
        "cardPanType": "pan",
        "cardCorporateIndicator": False,
        "issuingCountryCode": country,
        "panLengthMin": form.shortest,
        "panLengthMax": form.longest,
        "panLuhnCheck": True,
        "virtualCardIndicator": False,
    }


def _brand(product: int, allowed: bool) -> Json:
    return {
        "paymentProductId": product,
        "isAllowedInContext": allowed,
        "cardScheme": PRODUCTS[product].scheme,
        "cardType": "Credit",
    }


def conversion(products: tuple[int, ...]) -> Json:
    """CurrencyConversionResponse: why there is no offer."""
    if not products:
        return {"result": {"result": "InvalidCard", "resultReason": "no product takes this card"}}
    return {"result": {"result": "NotAvailable", "resultReason": NO_CONVERSION}}


def surcharges(products: tuple[int, ...], amount: Money) -> Json:
    """CalculateSurchargeResponse: no surcharge for any of the card's products."""
    return {
        "surcharges": [
            {
                "paymentProductId": product,
                "result": "NO_SURCHARGE",
                "netAmount": wire.money(amount),
                "surchargeAmount": wire.money(amount.zero),
                "totalAmount": wire.money(amount),
            }
            for product in products
        ]
    }
