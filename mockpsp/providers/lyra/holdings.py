"""A sandbox's marketplace: its sellers, meal cards, holiday-voucher wallets, payment cards and stored cards.

Sources: docs.lyra.com "Marketplace object" and "Seller object"; the PayZen test card guide 1.5. Lyra publishes no test
numbers of meal cards or wallets, those of the default scenario are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from msgspec import field

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.lyra.settings import read_settings
from mockpsp.scenario.model import Scenario
from mockpsp.world.masking import luhn
from mockpsp.world.world import Setup

CONECS, CVCONNECT = "CONECS", "CVCONNECT"
VOUCHER_TYPES = (CONECS, CVCONNECT)
OPERATOR = "operator"
ISSUERS = "world/issuers"
"""The ledger account behind payment cards without a balance of their own."""
_TEST_CARDS = ("49701000000000", "59701003000", "50005500000")
_SINCE = datetime(2024, 1, 1, tzinfo=UTC)

REASONS: Mapping[str, str] = {
    "refused": "05",
    "referral": "02",
    "unknown_number": "14",
    "insufficient_funds": "51",
    "expired": "54",
    "not_permitted": "57",
    "limit_exceeded": "61",
    "daily_limit": "61",
    "closed_day": "57",
    "wrong_code": "82",
    "lost": "41",
    "stolen": "43",
    "fraud": "59",
    "three_ds_failed": "",
    "unavailable": "91",
}
"""Why a payment is refused, and the ``vads_auth_result`` that goes with it (empty: no issuer was asked)."""


class Seller(Value, frozen=True, kw_only=True):
    """A seller. ``vouchers`` are contract numbers by contract type; ``reserve`` is on its account at the start.

    ``operator`` is the marketplace's own seller.
    """

    uuid: str
    external_ref: str | None
    reference: str
    description: str
    vouchers: Mapping[str, str] = field(default_factory=dict)
    cashout_delay: int = 0
    status: str = "ACTIVE"
    operator: bool = False
    bic: str = ""
    iban: str = ""
    reserve: Money | None = None
    created: datetime = _SINCE
    updated: datetime = _SINCE

    @property
    def account(self) -> str:
        """Its ledger account: what Lyra owes it."""
        return seller_account(self.uuid)


def seller_account(uuid: str) -> str:
    """Where captured money waits for a seller's cashout."""
    return f"lyra/seller/{uuid}"


class Currency(Value, frozen=True, kw_only=True):
    """A currency of the marketplace and its minimum commission: percent of the total, minor units per transaction."""

    currency: str
    commission_prorata: float = 0.0
    commission_fix: int = 0
    is_active: bool = True
    cashout_frequency: str = "DAILY"


class Marketplace(Value, frozen=True, kw_only=True):
    """What the marketplace's contract says. ``max_capture_delay`` in days."""

    reference: str = "MKP000001"
    description: str = "Demonstration marketplace"
    billing_method: str = "CASHOUT"
    bic: str = ""
    iban: str = ""
    vads_key: str = "12345678"
    vads_cert: str = "1122334455667788"
    max_capture_delay: int = 6
    tva_rate: str = "20.00"
    currencies: tuple[Currency, ...] = (Currency(currency="EUR"),)
    vouchers: tuple[str, ...] = VOUCHER_TYPES
    since: datetime = _SINCE

    def currency(self, name: str) -> Currency | None:
        """An active currency."""
        return next((each for each in self.currencies if each.currency == name and each.is_active), None)


class MealCard(Value, frozen=True, kw_only=True):
    """A meal card of the CONECS network. ``daily_limit`` None is that of the settings; empty codes take anything."""

    number: str
    balance: Money
    expiry: str = ""
    cvv: str = ""
    daily_limit: Money | None = None
    answers: str = "accepts"
    reason: str = "refused"
    title: str = ""

    @property
    def account(self) -> str:
        """Its ledger account."""
        return f"lyra/conecs/{fingerprint(self.number)}"


class Wallet(Value, frozen=True, kw_only=True):
    """A holiday-voucher wallet of ANCV, by the beneficiary's 11 digits."""

    beneficiary: str
    balance: Money
    email: str = ""
    answers: str = "accepts"
    reason: str = "refused"
    title: str = ""

    @property
    def account(self) -> str:
        """Its ledger account."""
        return f"lyra/cv_connect/{self.beneficiary}"


class WorldCard(Value, frozen=True, kw_only=True):
    """A payment card that the scenario knows; without a balance it pays anything. ``three_ds``: none, or challenge."""

    number: str
    scheme: str = ""
    expiry: str = ""
    cvv: str = ""
    answers: str = "accepts"
    reason: str = "refused"
    balance: Money | None = None
    three_ds: str = "none"
    title: str = ""

    @property
    def account(self) -> str:
        """The ledger account that pays. Never the number."""
        return ISSUERS if self.balance is None else f"lyra/card/{fingerprint(self.number)}"


class StoredCard(Value, frozen=True, kw_only=True):
    """A payment method that the scenario stores under an alias from the start."""

    alias: str
    number: str
    expiry: str = "12/2030"
    email: str = "buyer@example.test"
    first_name: str = ""
    last_name: str = ""


class Holdings(Value, frozen=True):
    """Everything by its number or reference; sellers by uuid, the operator last."""

    marketplace: Marketplace
    sellers: Mapping[str, Seller]
    meal_cards: Mapping[str, MealCard] = field(default_factory=dict)
    wallets: Mapping[str, Wallet] = field(default_factory=dict)
    cards: Mapping[str, WorldCard] = field(default_factory=dict)
    stored: Mapping[str, StoredCard] = field(default_factory=dict)

    @property
    def operator(self) -> Seller:
        """The marketplace's own seller."""
        return next(each for each in self.sellers.values() if each.operator)

    def wallet(self, beneficiary: str) -> Wallet | None:
        """By 11 digits or by e-mail address."""
        found = self.wallets.get(beneficiary)
        if found is not None or "@" not in beneficiary:
            return found
        wanted = beneficiary.lower()
        return next((each for each in self.wallets.values() if each.email.lower() == wanted), None)


def fingerprint(number: str) -> str:
    """A card's last four digits, and a few more to tell two cards apart without giving either away."""
    digest = blake2b(number.encode(), digest_size=3, person=b"mockpsp card").hexdigest()
    return f"{number[-4:]}-{digest}"


def masked(number: str) -> str:
    """A card number as Lyra shows it: the first six and the last four digits."""
    return f"{number[:6]}XXXXXX{number[-4:]}"


def uuid_of(text: str) -> str:
    """The UUID that a name stands for; the same everywhere."""
    digits = blake2b(text.encode(), digest_size=16, person=b"mockpsp lyra").hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def scheme_of(number: str, holdings: Holdings) -> str:
    """``payment_scheme`` of a payment card: the scenario's word, else the ranges of the schemes."""
    known = holdings.cards.get(number)
    if known is not None and known.scheme:
        return known.scheme
    two, four = int(number[:2] or 0), int(number[:4].ljust(4, "0") or 0)
    if number.startswith("4970"):
        return "CB"  # the gateway's test range
    if number.startswith("4"):
        return "VISA"
    if 51 <= two <= 55 or two == 59 or 2221 <= four <= 2720:
        return "MASTERCARD"
    if two in (34, 37):
        return "AMEX"
    return "MAESTRO" if two in (50, 56, 57, 58, 63, 67) else "CB"


def is_card_number(number: str, holdings: Holdings) -> bool:
    """Whether this can be a payment card: 12 to 19 digits and a right check digit, unless the scenario has it.

    The gateway's own test cards have wrong ones.
    """
    if number in holdings.cards:
        return True
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        return False
    return luhn(number) or (len(number) == 16 and number.startswith(_TEST_CARDS))


# -- what a scenario may say -----------------------------------------------------------------------------------------

_EXPIRY = {"description": "MM/YYYY.", "type": "string", "pattern": "^(0[1-9]|1[0-2])/20[0-9]{2}$"}
_CVV = {"description": "The right security code; absent takes any.", "type": "string", "pattern": "^[0-9]{3,4}$"}
_NUMBER = {"description": "10 to 19 digits.", "type": "string", "pattern": "^[0-9]{10,19}$"}
_TITLE = {"description": "What it is for, shown beside the form.", "type": "string"}
_REASON = {"description": "Why it refuses.", "enum": sorted(REASONS)}
_ANSWERS = {"description": "What its issuer says.", "enum": ["accepts", "refuses"]}
_BALANCE = {"description": "Money on it at the start.", "type": "string", "format": "money"}
_TEXT = {"type": "string", "minLength": 1}
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _table(required: list[str], properties: dict[str, Any], description: str = "") -> dict[str, Any]:
    told = {"description": description} if description else {}
    return {**told, "type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _list(description: str, required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "type": "array", "items": _table(required, properties)}


SCHEMA: Mapping[str, Any] = _table(
    [],
    {
        "marketplace": _table(
            [],
            {
                "reference": {**_TEXT, "description": "Such as MKP000001."},
                "description": {**_TEXT, "description": "Its name in lists."},
                "billing_method": {
                    "description": "Lyra's fees are taken from each order, or invoiced.",
                    "enum": ["CASHOUT", "MONTHLY"],
                },
                "bic": {"description": "At most 11 characters.", "type": "string", "maxLength": 11},
                "iban": {"description": "At most 34 characters.", "type": "string", "maxLength": 34},
                "vads_key": {"description": "The shop's id at the gateway.", "type": "string", "pattern": "^[0-9]{8}$"},
                "vads_cert": {
                    "description": "The key that signs what a browser brings back.",
                    "type": "string",
                    "maxLength": 16,
                },
                "max_capture_delay": {
                    "description": "Days.",
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 365,
                },
                "tva_rate": {
                    "description": "VAT in percent.",
                    "type": "string",
                    "pattern": "^[0-9]{1,3}\\.[0-9]{2}$",
                },
                "currencies": _list(
                    "Currencies, each with its minimum commission.",
                    ["currency"],
                    {
                        "currency": {
                            "description": "Three letters of ISO 4217.",
                            "type": "string",
                            "pattern": "^[A-Z]{3}$",
                        },
                        "commission_prorata": {
                            "description": "Percent of the total.",
                            "type": "number",
                            "minimum": 0,
                            "maximum": 100,
                        },
                        "commission_fix": {
                            "description": "Minor units per transaction.",
                            "type": "integer",
                            "minimum": 0,
                        },
                        "is_active": {"description": "Orders can be made in it.", "type": "boolean"},
                        "cashout_frequency": {**_TEXT, "description": "Shown, without effect."},
                    },
                ),
                "vouchers": {
                    "description": "Contract types that the marketplace may use.",
                    "type": "array",
                    "items": {"enum": list(VOUCHER_TYPES)},
                },
            },
            "The marketplace's contract.",
        ),
        "sellers": _list(
            "Sellers; one that is the operator is added if none is given.",
            [],
            {
                "external_ref": {
                    "description": "The marketplace's own name of the seller.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 50,
                },
                "uuid": {"description": "Absent: made from external_ref.", "type": "string", "pattern": _UUID},
                "reference": {**_TEXT, "description": "Such as SL271155."},
                "description": {**_TEXT, "description": "Its name."},
                "vouchers": {
                    "description": "Contract numbers by contract type.",
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        each: {"description": "Contract number.", "type": "string", "minLength": 1, "maxLength": 128}
                        for each in VOUCHER_TYPES
                    },
                },
                "cashout_delay": {
                    "description": "Days from capture to cashout.",
                    "type": "integer",
                    "minimum": 0,
                },
                "status": {"description": "An inactive one takes no new orders.", "enum": ["ACTIVE", "INACTIVE"]},
                "operator": {"description": "The marketplace's own seller.", "type": "boolean"},
                "bic": {"description": "At most 11 characters.", "type": "string", "maxLength": 11},
                "iban": {"description": "At most 34 characters.", "type": "string", "maxLength": 34},
                "reserve": {
                    "description": "Money on its account at the start, from which refunds can be paid.",
                    "type": "string",
                    "format": "money",
                },
            },
        ),
        "meal_cards": _list(
            "Meal cards of the CONECS network.",
            ["number", "balance"],
            {
                "number": _NUMBER,
                "balance": _BALANCE,
                "expiry": _EXPIRY,
                "cvv": _CVV,
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
        "wallets": _list(
            "Holiday-voucher wallets (Chèque-Vacances Connect).",
            ["beneficiary", "balance"],
            {
                "beneficiary": {"description": "11 digits.", "type": "string", "pattern": "^[0-9]{11}$"},
                "balance": _BALANCE,
                "email": {"description": "The beneficiary's e-mail address.", "type": "string"},
                "answers": _ANSWERS,
                "reason": _REASON,
                "title": _TITLE,
            },
        ),
        "cards": _list(
            "Payment cards with a behaviour of their own; any other valid number pays anything.",
            ["number"],
            {
                "number": _NUMBER,
                "scheme": {
                    "description": "payment_scheme of its transactions.",
                    "type": "string",
                    "pattern": "^[A-Z_]{2,32}$",
                },
                "expiry": _EXPIRY,
                "cvv": _CVV,
                "answers": _ANSWERS,
                "reason": _REASON,
                "balance": {**_BALANCE, "description": "Limit of the card; absent is unlimited."},
                "three_ds": {
                    "description": "Whether the bank asks the shopper to authenticate.",
                    "enum": ["none", "challenge"],
                },
                "title": _TITLE,
            },
        ),
        "stored_cards": _list(
            "Payment methods that are stored from the start.",
            ["alias", "number"],
            {
                "alias": {"description": "Its alias.", "type": "string", "minLength": 1, "maxLength": 50},
                "number": _NUMBER,
                "expiry": _EXPIRY,
                "email": {"description": "The buyer's e-mail address.", "type": "string"},
                "first_name": {"description": "The buyer's.", "type": "string", "maxLength": 63},
                "last_name": {"description": "The buyer's.", "type": "string", "maxLength": 63},
            },
        ),
    },
)


def _sellers(given: list[Mapping[str, Any]]) -> dict[str, Seller]:
    """Sellers by uuid; an operator joins them when none is among them."""
    rows = list(given)
    if not any(each.get("operator") for each in rows):
        rows.append({"external_ref": OPERATOR, "operator": True, "description": "Marketplace operator"})
    sellers = []
    for number, row in enumerate(rows, 1):
        name = row.get("external_ref") or f"seller {number}"
        usual = {
            "uuid": uuid_of(f"seller/{name}"),
            "external_ref": None,
            "reference": f"SL{270000 + number:06d}",
            "description": str(name),
        }
        sellers.append(Seller(**{**usual, **row}))
    return {each.uuid: each for each in sorted(sellers, key=lambda each: each.operator)}


def _marketplace(given: Mapping[str, Any]) -> Marketplace:
    told = dict(given)
    if "currencies" in told:
        told["currencies"] = tuple(Currency(**each) for each in told["currencies"])
    if "vouchers" in told:
        told["vouchers"] = tuple(told["vouchers"])
    return Marketplace(**told)


def setup(scenario: Scenario) -> Setup:
    """Marketplace, sellers, cards and settings of a scenario."""
    given = scenario.world.get("lyra", {})
    sellers = _sellers(given.get("sellers", []))
    meal_cards = [MealCard(**each) for each in given.get("meal_cards", ())]
    wallets = [Wallet(**each) for each in given.get("wallets", ())]
    cards = [WorldCard(**each) for each in given.get("cards", ())]
    openings = {each.account: each.balance for each in meal_cards}
    openings.update({each.account: each.balance for each in wallets})
    openings.update({each.account: each.balance for each in cards if each.balance is not None})
    openings.update({each.account: each.reserve for each in sellers.values() if each.reserve is not None})
    holdings = Holdings(
        marketplace=_marketplace(given.get("marketplace", {})),
        sellers=sellers,
        meal_cards={each.number: each for each in meal_cards},
        wallets={each.beneficiary: each for each in wallets},
        cards={each.number: each for each in cards},
        stored={each["alias"]: StoredCard(**each) for each in given.get("stored_cards", ())},
    )
    return Setup(holdings, read_settings(scenario.settings.get("lyra", {})), openings)
