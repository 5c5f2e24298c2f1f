"""The issuers' side of a sandbox: meal vouchers, gift cards, payment cards, and what is known of card numbers.

Brand names are Adyen's (``visa``, ``mc``, ``cartebancaire``). Sources: docs.adyen.com "Test card numbers" and
"Titres-Restaurant"; Adyen publishes no meal voucher numbers, those of the default scenario are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from msgspec import field

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.adyen.errors import REASONS
from mockpsp.providers.adyen.settings import read_settings
from mockpsp.scenario.model import Scenario
from mockpsp.world.masking import luhn
from mockpsp.world.world import Setup

MEAL_VOUCHER = "mealVoucher_FR"
VOUCHER_BRANDS: Mapping[str, str] = {
    "mealVoucher_FR_groupeup": "Up Titre-Restaurant",
    "mealVoucher_FR_natixis": "Bimpli (ex Apetiz) Titre-Restaurant",
    "mealVoucher_FR_sodexo": "Sodexo Titre-Restaurant",
}
"""Long variants and the names that Adyen shows."""
DEFAULT_VOUCHER_BRAND = "mealVoucher_FR_sodexo"
GIFT_CARD_BRANDS: Mapping[str, str] = {
    "givex": "Givex",
    "svs": "SVS",
    "genericgiftcard": "Generic gift card",
    "fiserv": "Fiserv gift card",
    "vvvgiftcard": "VVV Giftcard",
}
CODE_LENGTHS: Mapping[str, tuple[int, ...]] = {"amex": (4,)}


class MealVoucher(Value, frozen=True):
    """A meal voucher card. ``daily_limit`` None is that of the settings; ``code`` empty takes any security code.

    ``answers``: accepts, or refuses (then with ``reason``).
    """

    number: str
    balance: Money
    brand: str = DEFAULT_VOUCHER_BRAND
    expiry: str = ""
    code: str = ""
    daily_limit: Money | None = None
    answers: str = "accepts"
    reason: str = "declined"
    title: str = ""

    @property
    def account(self) -> str:
        """Its ledger account."""
        return f"adyen/meal_voucher/{self.number[-4:]}-{fingerprint(self.number)[:6]}"


class VoucherSeries(Value, frozen=True):
    """Meal vouchers whose number tells their balance: ``prefix`` and then digits that are the balance in cents.

    ``codes`` are security codes that make the issuer refuse, and why; ``code`` is the right one.
    """

    prefix: str
    digits: int = 4
    code: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    title: str = ""


class GiftCard(Value, frozen=True):
    """A gift card. One that ``renews`` has its balance before every payment, in the currency that is asked for."""

    number: str
    balance: Money
    brand: str = "givex"
    code: str = ""
    renews: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    title: str = ""

    @property
    def account(self) -> str:
        """Its ledger account."""
        if self.renews:
            return "world/gift_cards"
        return f"adyen/gift_card/{self.number[-4:]}-{fingerprint(self.number)[:6]}"


class AncvWallet(Value, frozen=True):
    """Holiday vouchers of a beneficiary at ANCV. ``answers``: accepts, or refuses (then with ``reason``)."""

    beneficiary: str
    balance: Money
    email: str = ""
    answers: str = "accepts"
    reason: str = "declined"
    title: str = ""

    @property
    def account(self) -> str:
        """Its ledger account."""
        return f"adyen/ancv/{self.beneficiary[-4:]}-{fingerprint(self.beneficiary)[:6]}"


class WorldCard(Value, frozen=True):
    """A payment card that the scenario knows; without a balance it pays anything.

    ``three_ds``: never, challenge (the shopper must pass the bank's page), or frictionless (the bank only looks at the
    browser, where the shop's page lets it).
    """

    number: str
    brand: str = ""
    expiry: str = ""
    code: str = ""
    answers: str = "accepts"
    reason: str = "declined"
    balance: Money | None = None
    three_ds: str = "never"
    country: str = "FR"
    title: str = ""

    @property
    def account(self) -> str:
        """The ledger account that pays: its own if it has a balance, else the issuers'. Never the number."""
        if self.balance is None:
            return "world/issuers"
        return f"adyen/card/{self.number[-4:]}-{fingerprint(self.number)[:6]}"


class Holdings(Value, frozen=True):
    """By number; series by prefix; wallets by beneficiary and by e-mail address in lower case."""

    vouchers: Mapping[str, MealVoucher] = field(default_factory=dict)
    series: tuple[VoucherSeries, ...] = ()
    gift_cards: Mapping[str, GiftCard] = field(default_factory=dict)
    wallets: Mapping[str, AncvWallet] = field(default_factory=dict)
    cards: Mapping[str, WorldCard] = field(default_factory=dict)


@lru_cache(maxsize=256)
def fingerprint(number: str) -> str:
    """Tells two card numbers apart without giving either away."""
    return blake2b(number.encode(), digest_size=8, person=b"mockpsp card").hexdigest()


def brand_of(number: str, holdings: Holdings) -> str | None:
    """A payment card's brand: the scenario's word, else the ranges of the schemes; None for none that we know."""
    known = holdings.cards.get(number)
    if known is not None and known.brand:
        return known.brand
    return _scheme(number)


def _scheme(number: str) -> str | None:
    two, four = int(number[:2] or 0), int(number[:4].ljust(4, "0") or 0)
    if number.startswith("4"):
        return "visa"
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return "mc"
    if two in (34, 37):
        return "amex"
    if two in (30, 36, 38, 39):
        return "diners"
    if two in (62, 81):
        return "cup"
    if two in (60, 64, 65):
        return "discover"
    if two == 35:
        return "jcb"
    return "bcmc" if number.startswith("6703") else "maestro" if two in (50, 56, 57, 58, 63, 67) else None


def is_card_number(number: str, holdings: Holdings) -> bool:
    """Whether this can be a payment card: 12 to 19 digits and a right check digit, unless the scenario has it."""
    if number in holdings.cards:
        return True
    return number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and luhn(number)


def voucher_of_series(number: str, holdings: Holdings) -> tuple[MealVoucher, VoucherSeries] | None:
    """The voucher that a number of a series is."""
    for series in holdings.series:
        tail = number[len(series.prefix) :]
        if number.startswith(series.prefix) and len(tail) == series.digits and tail.isdigit():
            return MealVoucher(number, Money(int(tail), "EUR"), code=series.code, title=series.title), series
    return None


_EXPIRY = {"description": "MM/YYYY.", "type": "string", "pattern": "^(0[1-9]|1[0-2])/20[0-9]{2}$"}
_CODE = {"description": "The right security code; absent takes any.", "type": "string", "pattern": "^[0-9]{3,10}$"}
_NUMBER = {"description": "10 to 32 digits.", "type": "string", "pattern": "^[0-9]{10,32}$"}
_TITLE = {"description": "What it is for, shown beside the form.", "type": "string"}
_REASON = {"description": "Why it refuses.", "enum": sorted(REASONS)}
_ANSWERS = {"description": "What its issuer says.", "enum": ["accepts", "refuses"]}
_BALANCE = {"description": "Money on it at the start.", "type": "string", "format": "money"}
_CODES = {
    "description": "Security codes that make the issuer refuse, each with the reason.",
    "type": "object",
    "additionalProperties": {"enum": sorted(REASONS)},
}


def _list(description: str, required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    items = {"type": "object", "additionalProperties": False, "required": required, "properties": properties}
    return {"description": description, "type": "array", "items": items}


SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "meal_vouchers": _list(
            "Meal voucher cards (Titres-Restaurant).",
            ["number", "balance"],
            {
                "number": _NUMBER,
                "brand": {"description": "The issuer's variant.", "enum": list(VOUCHER_BRANDS)},
                "expiry": _EXPIRY,
                "cvc": _CODE,
                "balance": _BALANCE,
                "daily_limit": {
                    "description": "What it may spend on a day; absent is the setting's.",
                    "type": "string",
                    "format": "money",
                },
                "answers": _ANSWERS,
                "reason": _REASON,
                "title": _TITLE,
            },
        ),
        "voucher_series": _list(
            "Meal vouchers whose number tells their balance in cents, so that a test needs no set-up.",
            ["prefix"],
            {
                "prefix": {"description": "The digits before the balance.", "type": "string", "pattern": "^[0-9]+$"},
                "digits": {
                    "description": "How many digits are the balance.",
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 9,
                },
                "cvc": _CODE,
                "codes": _CODES,
                "title": _TITLE,
            },
        ),
        "gift_cards": _list(
            "Gift cards.",
            ["number", "balance"],
            {
                "number": _NUMBER,
                "brand": {"description": "Adyen's name of the brand.", "enum": list(GIFT_CARD_BRANDS)},
                "cvc": _CODE,
                "codes": _CODES,
                "balance": _BALANCE,
                "renews": {
                    "description": "It never runs down and pays in any currency, as Adyen's own test cards do.",
                    "type": "boolean",
                },
                "title": _TITLE,
            },
        ),
        "ancv_wallets": _list(
            "Holiday vouchers of beneficiaries of ANCV.",
            ["beneficiary", "balance"],
            {
                "beneficiary": {"description": "11 digits.", "type": "string", "pattern": "^[0-9]{11}$"},
                "email": {"description": "Also finds the wallet.", "type": "string", "pattern": "^[^@ ]+@[^@ ]+$"},
                "balance": _BALANCE,
                "answers": {**_ANSWERS, "description": "What ANCV says when its beneficiary approves."},
                "reason": _REASON,
                "title": _TITLE,
            },
        ),
        "cards": _list(
            "Payment cards with a behaviour of their own; any other valid number pays anything.",
            ["number"],
            {
                "number": _NUMBER,
                "brand": {"description": "Adyen's name of the brand.", "type": "string", "pattern": "^[a-z]+$"},
                "expiry": _EXPIRY,
                "cvc": _CODE,
                "answers": _ANSWERS,
                "reason": _REASON,
                "balance": {**_BALANCE, "description": "Limit of the card; absent is unlimited."},
                "three_ds": {
                    "description": "Whether the bank asks the shopper to authenticate.",
                    "enum": ["never", "challenge", "frictionless"],
                },
                "country": {"description": "Country of the issuer.", "type": "string", "pattern": "^[A-Z]{2}$"},
                "title": _TITLE,
            },
        ),
    },
}


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is written, with ``cvc`` under the name that we use inside."""
    return {("code" if name == "cvc" else name): value for name, value in given.items()}


def setup(scenario: Scenario) -> Setup:
    """Vouchers, cards and settings of a scenario."""
    given = scenario.world.get("adyen", {})
    vouchers = [MealVoucher(**_named(each)) for each in given.get("meal_vouchers", ())]
    gift_cards = [GiftCard(**_named(each)) for each in given.get("gift_cards", ())]
    cards = [WorldCard(**_named(each)) for each in given.get("cards", ())]
    wallets = [AncvWallet(**each) for each in given.get("ancv_wallets", ())]
    openings = {each.account: each.balance for each in vouchers}
    openings.update({each.account: each.balance for each in wallets})
    openings.update({each.account: each.balance for each in gift_cards if not each.renews})
    openings.update({each.account: each.balance for each in cards if each.balance is not None})
    holdings = Holdings(
        vouchers={each.number: each for each in vouchers},
        series=tuple(VoucherSeries(**_named(each)) for each in given.get("voucher_series", ())),
        gift_cards={each.number: each for each in gift_cards},
        wallets={
            **{each.beneficiary: each for each in wallets},
            **{each.email.lower(): each for each in wallets if each.email},
        },
        cards={each.number: each for each in cards},
    )
    return Setup(holdings, read_settings(scenario.settings.get("adyen", {})), openings)
