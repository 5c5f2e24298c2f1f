"""What can be paid with: POST /paymentMethods, and what a card number tells: POST /cardDetails.

Sources: docs.adyen.com "Titres-Restaurant" (each issuer is an element of its own, FR and EUR only),
CheckoutService-v72.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.providers.adyen.beneficiaries import ANCV, ANCV_NAME
from mockpsp.providers.adyen.errors import CardTooShort
from mockpsp.providers.adyen.holdings import GIFT_CARD_BRANDS, MEAL_VOUCHER, VOUCHER_BRANDS, Holdings, brand_of
from mockpsp.providers.adyen.settings import AdyenSettings

Json = Mapping[str, Any]


def offered(settings: AdyenSettings, *, country: str, currency: str, locale: str) -> list[dict[str, Any]]:
    """The methods for a country and a currency; an empty text does not restrict. Cards first, then vouchers."""
    french = locale.lower().startswith("fr")
    found: list[dict[str, Any]] = []
    if settings.card_brands:
        name = "Carte bancaire" if french else "Cards"
        found.append({"brands": list(settings.card_brands), "name": name, "type": "scheme"})
    if country.upper() in ("", "FR") and currency in ("", "EUR"):
        found.extend({"name": VOUCHER_BRANDS.get(brand, brand), "type": brand} for brand in settings.voucher_brands)
        if settings.ancv:
            found.append({"name": ANCV_NAME, "type": ANCV})
    found.extend(
        {"brand": brand, "name": GIFT_CARD_BRANDS.get(brand, brand), "type": "giftcard"}
        for brand in settings.gift_card_brands
    )
    return found


def filtered(methods: list[dict[str, Any]], allowed: Any, blocked: Any) -> list[dict[str, Any]]:
    """Those that ``allowedPaymentMethods`` names and ``blockedPaymentMethods`` does not, by type or brand."""
    return [
        each for each in methods if (not allowed or _named(each, allowed)) and not (blocked and _named(each, blocked))
    ]


def _named(method: Json, names: Any) -> bool:
    own = {method["type"], method.get("brand", "")}
    if method["type"].startswith(MEAL_VOUCHER):
        own.add(MEAL_VOUCHER)
    return bool(own & set(names))


def card_details(number: str, supported: Any, settings: AdyenSettings, holdings: Holdings) -> dict[str, Any]:
    """CardDetailsResponse. Raises CardTooShort for fewer than six digits."""
    digits = "".join(each for each in number if each in "0123456789")
    if len(digits) < 6:
        raise CardTooShort("six digits are needed")
    own = brand_of(digits, holdings)
    brands = [own] if own is not None else []
    known = holdings.cards.get(digits)
    if own == "visa" and known is not None and known.country == "FR":
        brands.append("cartebancaire")
    takes = set(supported or settings.card_brands)
    told: dict[str, Any] = {"brands": [{"type": each, "supported": each in takes} for each in brands]}
    if brands:
        told.update(fundingSource="credit", isCardCommercial=False)
        told["issuingCountryCode"] = known.country if known is not None else "FR"
    return told
