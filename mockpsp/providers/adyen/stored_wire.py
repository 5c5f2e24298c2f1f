"""Stored cards in the world, and as JSON: as a page lists them, and as the merchant's server does.

Shapes: StoredPaymentMethod and StoredPaymentMethodResource of CheckoutService-v72.json. Years have two digits there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen import stored
from mockpsp.providers.adyen.states import listing_part
from mockpsp.providers.adyen.texts import method_name
from mockpsp.world.world import World

Json = dict[str, Any]
LIFECYCLE = "adyen.purchase"
_MODELS = ["CardOnFile", "Subscription", "UnscheduledCardOnFile"]


def find(world: World, token: str, shopper: str) -> e.DetailsStored | None:
    """The card that a shopper has stored under this token."""
    owner = world.owner(LIFECYCLE, stored.by_token(token))
    found = stored.in_purchase(world.state(LIFECYCLE, owner), token) if owner is not None else None
    return found if found is not None and found.shopper == shopper else None


def cards_of(world: World, shopper: str) -> Iterator[e.DetailsStored]:
    """All that a shopper has stored, oldest first; a card that was stored again comes once."""
    seen: set[str] = set()
    for number in count(1) if shopper else ():
        part = listing_part(shopper, number)
        owner = world.owner(LIFECYCLE, part)
        if owner is None:
            return
        token = world.state(LIFECYCLE, owner).numbered[part]
        found = find(world, token, shopper)
        if found is not None and token not in seen:
            seen.add(token)
            yield found


def _common(card: e.DetailsStored) -> Json:
    month, _, year = card.instrument.expiry.partition("/")
    told: Json = {
        "brand": card.instrument.brand,
        "expiryMonth": month,
        "expiryYear": year[-2:],
        "id": card.token,
        "lastFour": card.instrument.last_four,
        "name": method_name("scheme", card.instrument.brand, "en"),
        "supportedRecurringProcessingModels": _MODELS,
        "type": "scheme",
    }
    return {**told, "holderName": card.holder} if card.holder else told


def listed(card: e.DetailsStored) -> Json:
    """An element of ``storedPaymentMethods`` beside the payment methods."""
    return {**_common(card), "supportedShopperInteractions": ["Ecommerce", "ContAuth"]}


def resource(card: e.DetailsStored) -> Json:
    """An element of the list of a shopper's tokens."""
    return {**_common(card), "shopperReference": card.shopper}
