"""The issuers' side: ANCV wallets and payment cards of a sandbox, and what is known of card numbers.

Product ids (1 Visa, 2 American Express, 3 Mastercard, 130 Cartes Bancaires) are Worldline's payment product ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from msgspec import field

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.worldline.settings import read_settings
from mockpsp.scenario.model import Scenario
from mockpsp.world.masking import luhn
from mockpsp.world.world import Setup

CV_CONNECT = 5412
VISA, AMEX, MASTERCARD, CARTES_BANCAIRES = 1, 2, 3, 130
COMPLEMENT = (VISA, MASTERCARD, CARTES_BANCAIRES)
"""Cards that may pay what vouchers leave open (documented on CAWL's page of the product)."""


class Wallet(Value, frozen=True):
    """An ANCV wallet. ``covers`` is the share of an order, in percent, that it is willing to pay.

    ``answers``: accepts, refuses (then with ``reason``), cancels (the beneficiary declines in the app), or never.
    """

    beneficiary: str
    balance: Money
    email: str = ""
    holder: str = ""
    covers: int = 100
    answers: str = "accepts"
    reason: str = "issuer_refusal"

    @property
    def account(self) -> str:
        """Its ledger account."""
        return f"worldline/wallet/{self.beneficiary}"


class WorldCard(Value, frozen=True):
    """A payment card that the scenario knows; without a balance it pays anything."""

    number: str
    products: tuple[int, ...]
    answers: str = "accepts"
    reason: str = "issuer_refusal"
    balance: Money | None = None
    country: str = "FR"
    title: str = ""


class Holdings(Value, frozen=True):
    """Wallets by beneficiary id and by e-mail address, cards by number."""

    wallets: Mapping[str, Wallet] = field(default_factory=dict)
    emails: Mapping[str, Wallet] = field(default_factory=dict)
    cards: Mapping[str, WorldCard] = field(default_factory=dict)
    fingerprints: Mapping[str, WorldCard] = field(default_factory=dict)

    def wallet(self, beneficiary: str) -> Wallet | None:
        """The wallet of a beneficiary id or e-mail address."""
        return self.wallets.get(beneficiary) or self.emails.get(beneficiary.lower())


def products_of(number: str) -> tuple[int, ...]:
    """The products a card number (or its first digits) can be, by the ranges of the schemes; () if none we know."""
    if number.startswith("4"):
        return (VISA,)
    two, four = int(number[:2] or 0), int(number[:4].ljust(4, "0") or 0)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return (MASTERCARD,)
    return (AMEX,) if two in (34, 37) else ()


def fingerprint(number: str) -> str:
    """Tells two card numbers apart without giving either away."""
    return blake2b(number.encode(), digest_size=8, person=b"mockpsp card").hexdigest()


def card_account(number: str, known: WorldCard | None) -> str:
    """The ledger account that pays for a card: its own if it has a balance, else the issuers'. Never the number."""
    if known is None or known.balance is None:
        return "world/issuers"
    return f"worldline/card/{number[-4:]}-{fingerprint(number)[:6]}"


_ANSWERS = ["accepts", "refuses", "cancels", "never_answers"]
_REASONS = [
    "issuer_refusal",
    "insufficient_funds",
    "do_not_honour",
    "fraud_suspicion",
    "expired_card",
    "authentication_failed",
]

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "wallets": {
            "description": "ANCV wallets of beneficiaries.",
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["beneficiary", "balance"],
                "properties": {
                    "beneficiary": {"description": "11 digits.", "type": "string", "pattern": "^[0-9]{11}$"},
                    "email": {
                        "description": "Also finds the wallet.",
                        "type": "string",
                        "pattern": "^[^@\\s]+@[^@\\s]+$",
                    },
                    "holder": {"description": "The beneficiary's name, shown in the app.", "type": "string"},
                    "balance": {"description": "Vouchers at the start.", "type": "string", "format": "money"},
                    "covers": {
                        "description": "Percent of an order that the wallet is willing to pay.",
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 100,
                    },
                    "answers": {"description": "What happens in the app.", "enum": _ANSWERS},
                    "reason": {"description": "Why it refuses.", "enum": _REASONS},
                },
            },
        },
        "cards": {
            "description": "Payment cards with a behaviour of their own; any other valid number pays anything.",
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["number"],
                "properties": {
                    "number": {"description": "12 to 19 digits.", "type": "string", "pattern": "^[0-9]{12,19}$"},
                    "title": {"description": "What the card is for, shown beside the form.", "type": "string"},
                    "products": {
                        "description": "Payment product ids; two or more for a co-branded card.",
                        "type": "array",
                        "items": {"type": "integer", "enum": [1, 2, 3, 130]},
                        "minItems": 1,
                    },
                    "answers": {"description": "What its issuer says.", "enum": ["accepts", "refuses"]},
                    "reason": {"description": "Why it refuses.", "enum": _REASONS},
                    "balance": {
                        "description": "Limit of the card; absent is unlimited.",
                        "type": "string",
                        "format": "money",
                    },
                    "country": {"description": "Country of the issuer.", "type": "string", "pattern": "^[A-Z]{2}$"},
                },
            },
        },
    },
}


def setup(scenario: Scenario) -> Setup:
    """Wallets, cards and settings of a scenario."""
    given = scenario.world.get("worldline", {})
    wallets = [Wallet(**each) for each in given.get("wallets", ())]
    cards = [_card(each) for each in given.get("cards", ())]
    openings = {wallet.account: wallet.balance for wallet in wallets}
    openings.update({card_account(card.number, card): card.balance for card in cards if card.balance is not None})
    holdings = Holdings(
        wallets={wallet.beneficiary: wallet for wallet in wallets},
        emails={wallet.email.lower(): wallet for wallet in wallets if wallet.email},
        cards={card.number: card for card in cards},
        fingerprints={fingerprint(card.number): card for card in cards},
    )
    return Setup(holdings, read_settings(scenario.settings.get("worldline", {})), openings)


def _card(given: Mapping[str, Any]) -> WorldCard:
    products = tuple(given.get("products") or products_of(given["number"]) or (VISA,))
    return WorldCard(**{**given, "products": products})


__all__ = [
    "AMEX",
    "CARTES_BANCAIRES",
    "COMPLEMENT",
    "CV_CONNECT",
    "MASTERCARD",
    "SCHEMA",
    "VISA",
    "Holdings",
    "Wallet",
    "WorldCard",
    "card_account",
    "fingerprint",
    "luhn",
    "products_of",
    "setup",
]
