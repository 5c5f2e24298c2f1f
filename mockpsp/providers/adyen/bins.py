"""What a browser learns of a card by its first digits: POST v3/bin/binLookup.

Source: ``BinLookupResponseRaw`` of adyen-web 6.45 and how ``triggerBinLookUp`` reads it.
"""

from __future__ import annotations

from typing import Any

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.adyen.encryption import open_field
from mockpsp.providers.adyen.holdings import Holdings, WorldCard, brand_of
from mockpsp.world.masking import luhn

_LEAST = 6
_CODE = {"bcmc": "hidden", "maestro": "optional"}
_LENGTHS = {"visa": 16, "mc": 16, "cartebancaire": 16, "amex": 15}


async def bin_lookup(x: Exchange) -> Answer:
    """POST v3/bin/binLookup: an unknown one gets its requestId back, and nothing else."""
    body = x.json
    digits = open_field(body["encryptedBin"]).value
    if digits is None:
        x.note("encryptedBin is not encrypted for our key")
    told = {"requestId": body["requestId"]}
    found = looked_up(digits or "", body.get("supportedBrands", []), x.world.setups["adyen"].world)
    return Answer(200, to_bytes({**told, **found}))


def looked_up(digits: str, supported: list[str], holdings: Holdings) -> dict[str, Any]:
    """Brands and country of cards that begin so; nothing for fewer than six digits and for no scheme's digits.

    A French Visa is a Cartes Bancaires card, too. Where the scenario has a card that begins so, its own word counts.
    """
    if len(digits) < _LEAST or not (digits.isascii() and digits.isdigit()):
        return {}
    known = next((each for number, each in holdings.cards.items() if number.startswith(digits)), None)
    own = brand_of(known.number if known is not None else digits, holdings)
    if own is None:
        return {}
    brands = [own]
    if own == "visa" and known is not None and known.country == "FR":
        brands.append("cartebancaire")
    return {
        "issuingCountryCode": known.country if known is not None else "FR",
        "brands": [_told(each, supported, known) for each in brands],
    }


def _told(brand: str, supported: list[str], known: WorldCard | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "brand": brand,
        "supported": brand in supported,
        "cvcPolicy": _CODE.get(brand, "required"),
        "expiryDatePolicy": "required",
        "enableLuhnCheck": known is None or luhn(known.number),
        "paymentMethodVariant": brand,
    }
    length = len(known.number) if known is not None else _LENGTHS.get(brand)
    return {**told, "panLength": length} if length is not None else told
