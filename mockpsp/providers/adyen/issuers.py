"""Issuers' answers: what a meal voucher, a gift card or a payment card may pay, and why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache

from mockpsp.domain.clock import paris_day
from mockpsp.domain.currencies import CURRENCIES
from mockpsp.domain.holidays import french_holidays
from mockpsp.domain.lifecycle import Moment, Verdict
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.beneficiaries import ANCV, ancv_instrument, check_beneficiary, wallet_of
from mockpsp.providers.adyen.errors import (
    APPROVED,
    PENDING,
    REASONS,
    TEST_CODES,
    BadCardNumber,
    BadExpiry,
    BadSecurityCode,
    EarlyEncryption,
    InvalidAmount,
    MethodNotConfigured,
    NoVariant,
    StaleEncryption,
    UnsupportedCurrency,
)
from mockpsp.providers.adyen.holdings import (
    CODE_LENGTHS,
    DEFAULT_VOUCHER_BRAND,
    MEAL_VOUCHER,
    GiftCard,
    Holdings,
    MealVoucher,
    WorldCard,
    brand_of,
    fingerprint,
    is_card_number,
    voucher_of_series,
)
from mockpsp.providers.adyen.settings import AdyenSettings


class Ruling(Value, frozen=True):
    """An issuer's answer: the test name of a reason (``approved`` for none), why, and the settings that decided.

    ``short`` says that the money is not there, so that no rule can make this payment happen.
    """

    name: str
    law: str
    settings: tuple[str, ...] = ()
    short: bool = False


YES = APPROVED
USER = "user"
PASSWORD = "password"  # noqa: S105  # both are what Adyen documents for its test pages
_TOO_MUCH = 10**12
_LONGEST_EXPIRY = 20
_NO_CODES: Mapping[str, str] = {}


class Funds(Value, frozen=True):
    """What a voucher or gift card holds now, and what of it may be spent now (None: no limit but the balance)."""

    balance: Money
    limit: Money | None


# -- what it is ------------------------------------------------------------------------------------------------------


def voucher_brand(means: c.MeansInput) -> str:
    """The issuer's variant: the brand, else the long type, else the default."""
    for named in (means.brand, means.type):
        if named.startswith(f"{MEAL_VOUCHER}_"):
            return named
    return DEFAULT_VOUCHER_BRAND


def find_voucher(number: str, holdings: Holdings) -> MealVoucher | None:
    """The meal voucher with this number, of the world's list or of a series."""
    found = holdings.vouchers.get(number)
    if found is not None:
        return found
    series = voucher_of_series(number, holdings)
    return series[0] if series is not None else None


def brand_paid(means: c.MeansInput, moment: Moment) -> str:
    """The brand that a means of payment is paid as. Raises NoVariant, MethodNotConfigured for cards."""
    match means.kind:
        case "meal_voucher":
            return voucher_brand(means)
        case "ancv":
            return ANCV
        case "gift_card":
            known = moment.world.gift_cards.get(means.number)
            return means.brand or (known.brand if known is not None else means.type)
        case _:
            return card_brand(means, moment)


def instrument_of(means: c.MeansInput, moment: Moment) -> e.Instrument:
    """The means of payment as it may be kept; ``check_means`` has looked at it before."""
    match means.kind:
        case "meal_voucher":
            return _voucher_instrument(means, moment)
        case "gift_card":
            return _gift_card_instrument(means, moment)
        case "ancv":
            return ancv_instrument(means, moment.world)
        case _:
            return _card_instrument(means, moment)


def _voucher_instrument(means: c.MeansInput, moment: Moment) -> e.Instrument:
    holdings: Holdings = moment.world
    voucher = holdings.vouchers.get(means.number)
    found = voucher or find_voucher(means.number, holdings)
    limit = (found.daily_limit if found is not None else None) or moment.settings.daily_limit
    opening = found.balance if found is not None and voucher is None else None
    return _paying_voucher(
        means.type, voucher_brand(means), means.number, expiry_of(means) or "", voucher, opening, limit
    )


@lru_cache(maxsize=256)
def _paying_voucher(
    type_: str,
    brand: str,
    number: str,
    expiry: str,
    listed: MealVoucher | None,
    opening: Money | None,
    limit: Money,
) -> e.Instrument:
    """The same voucher, used again, is the same object in all its payments."""
    name = _name_in_books(number)
    return e.Instrument(
        kind="meal_voucher",
        type=type_,
        brand=brand,
        last_four=number[-4:],
        bin=number[:6],
        expiry=expiry,
        account=listed.account if listed is not None else f"world/meal_vouchers/{name}",
        ceiling=f"adyen/spent/{name}",
        opening=opening,
        limit=limit,
    )


@lru_cache(maxsize=256)
def _name_in_books(number: str) -> str:
    return f"{number[-4:]}-{fingerprint(number)[:6]}"


def _gift_card_instrument(means: c.MeansInput, moment: Moment) -> e.Instrument:
    known = moment.world.gift_cards.get(means.number)
    return e.Instrument(
        kind=means.kind,
        type=means.type,
        brand=brand_paid(means, moment),
        last_four=means.number[-4:],
        bin=means.number[:6],
        account=known.account if known is not None else "world/gift_cards",
    )


def _card_instrument(means: c.MeansInput, moment: Moment) -> e.Instrument:
    holdings: Holdings = moment.world
    if means.kept is not None:
        return means.kept.instrument
    known = holdings.cards.get(means.number)
    return e.Instrument(
        kind="card",
        type=means.type,
        brand=card_brand(means, moment),
        last_four=means.number[-4:],
        bin=means.number[:6],
        expiry=expiry_of(means) or "",
        account=known.account if known is not None else "world/issuers",
        country=known.country if known is not None else "FR",
    )


def card_brand(means: c.MeansInput, moment: Moment) -> str:
    """The brand that a card is paid as: its own wish where the merchant takes it, else its number's."""
    settings: AdyenSettings = moment.settings
    own = means.kept.instrument.brand if means.kept is not None else brand_of(means.number, moment.world)
    if own is None:
        raise NoVariant(f"no brand has cards that begin with {means.number[:6]}")
    if means.brand == "cartebancaire" and own in ("visa", "mc", "maestro"):
        own = means.brand
    if own not in settings.card_brands:
        raise MethodNotConfigured(f"the merchant account does not take {own}")
    return own


def expiry_of(means: c.MeansInput) -> str | None:
    """MM/YYYY, or None where it cannot be read."""
    return _expiry(means.month, means.year)


@lru_cache(maxsize=256)
def _expiry(month: str, year: str) -> str | None:
    month, year = month.strip(), year.strip()
    both = month + year
    if not (month and year and both.isascii() and both.isdigit() and len(both) <= _LONGEST_EXPIRY):
        return None
    full = f"20{year}" if len(year) == 2 else year
    return f"{int(month):02d}/{full}"


def check_known_currency(amount: Money) -> None:
    """Raise UnsupportedCurrency for what is no currency."""
    if amount.currency not in CURRENCIES:
        raise UnsupportedCurrency(f"{amount.currency} is no currency")


def check_amount(amount: Money) -> None:
    """Raise UnsupportedCurrency for what is no currency, InvalidAmount for nothing, less, or more than 12 digits."""
    check_known_currency(amount)
    if not 0 < amount.minor < _TOO_MUCH:
        raise InvalidAmount(amount)


# -- whether it can be asked -----------------------------------------------------------------------------------------


def check_means(means: c.MeansInput, moment: Moment) -> None:
    """Refuse what Adyen refuses before it asks an issuer. Raises the refusals of errors.py."""
    settings: AdyenSettings = moment.settings
    if means.generated is not None:
        _check_age(means.generated, moment)
    match means.kind:
        case "meal_voucher":
            if voucher_brand(means) not in settings.voucher_brands:
                raise MethodNotConfigured(f"the merchant account does not take {voucher_brand(means)}")
            if not (means.number.isascii() and means.number.isdigit() and 10 <= len(means.number) <= 32):
                raise BadCardNumber("a voucher has 10 to 32 digits")
            check_expiry(means)
        case "gift_card":
            if not (means.number.isascii() and means.number.isalnum() and 10 <= len(means.number) <= 32):
                raise BadCardNumber("a gift card has 10 to 32 digits")
        case "ancv":
            check_beneficiary(means.number, settings)
        case "card":
            _check_card(means, moment)
        case _:
            raise MethodNotConfigured(f"payment method {means.type!r} is not emulated")


def _check_age(generated: datetime, moment: Moment) -> None:
    """Which of the two codes says what is not documented."""
    if moment.now - generated > moment.settings.encrypted_fields_life:
        raise StaleEncryption(f"a field was encrypted at {generated:%Y-%m-%dT%H:%M:%SZ}, too long ago")
    if generated > moment.now:
        raise EarlyEncryption(f"a field was encrypted at {generated:%Y-%m-%dT%H:%M:%SZ}, which is yet to come")


def check_currency(means: c.MeansInput, amount: Money) -> None:
    """Meal vouchers and holiday vouchers pay euros. Raises UnsupportedCurrency."""
    if means.kind in ("meal_voucher", "ancv") and amount.currency != "EUR":
        raise UnsupportedCurrency("vouchers pay EUR only")


def _check_card(means: c.MeansInput, moment: Moment) -> None:
    if means.kept is None and not is_card_number(means.number, moment.world):
        raise BadCardNumber("12 to 19 digits with a right check digit are needed")
    brand = card_brand(means, moment)
    check_expiry(means)
    if means.code and len(means.code) not in CODE_LENGTHS.get(brand, (3,)):
        raise BadSecurityCode(f"a security code of {brand} has another length")
    if means.code and not (means.code.isascii() and means.code.isdigit()):
        raise BadSecurityCode("a security code is digits")


def check_expiry(means: c.MeansInput) -> str:
    """MM/YYYY. Raises BadExpiry for what no card says."""
    expiry = expiry_of(means)
    if expiry is None:
        raise BadExpiry("date")
    month, year = expiry.split("/")
    if not 1 <= int(month) <= 12:
        raise BadExpiry("month")
    if not 2000 <= int(year) <= 2199:
        raise BadExpiry("year")
    return expiry


# -- what it holds ---------------------------------------------------------------------------------------------------


def funds_of_voucher(voucher: MealVoucher, moment: Moment) -> Funds:
    """Balance, and what is left of the day's limit in Paris."""
    limit = voucher.daily_limit or moment.settings.daily_limit
    name = _name_in_books(voucher.number)
    spent = moment.balances.balance(f"adyen/spent/{name}/{day_of(moment.now)}", "EUR")
    left = max(limit - spent, limit.zero)
    if voucher.number in moment.world.vouchers:
        return Funds(moment.balances.balance(voucher.account, "EUR"), left)
    taken = moment.balances.balance(f"world/meal_vouchers/{name}", "EUR")
    return Funds(max(voucher.balance + taken, limit.zero), left)


def funds_of_gift_card(card: GiftCard, currency: str, moment: Moment) -> Funds:
    """Its balance; one that renews has it in any currency."""
    if card.renews:
        return Funds(Money(card.balance.minor, currency), None)
    return Funds(moment.balances.balance(card.account, card.balance.currency), None)


class Checked(Value, frozen=True):
    """What a balance check finds: Success, NotEnoughBalance, or Failed for a ``reason``; and why."""

    result: str
    funds: Funds
    reason: str
    law: str


def check_balance(means: c.MeansInput, asked: Money | None, moment: Moment) -> Checked:
    """The natural answer to a balance check. Wrong codes and unknown cards fail; the limit of a day is told apart."""
    currency = asked.currency if asked is not None else "EUR"
    nothing = Funds(Money(0, currency), None)
    if means.kind in ("card", "ancv"):
        return Checked("Failed", nothing, "not_supported", "what pays so has no balance to tell")
    found, known = identify(means, moment)
    if found is None or known.name != YES:
        return Checked("Failed", nothing, known.name, known.law)
    funds = (
        funds_of_voucher(found, moment)
        if isinstance(found, MealVoucher)
        else funds_of_gift_card(found, currency, moment)
    )
    if asked is None:
        return Checked("Success", funds, "", f"it holds {funds.balance}")
    if asked.currency != funds.balance.currency:
        return Checked("NotEnoughBalance", funds, "", f"it holds {funds.balance.currency}, not {asked.currency}")
    if funds.balance < asked:
        return Checked("NotEnoughBalance", funds, "", f"it holds {funds.balance}, {asked} is asked for")
    return Checked("Success", funds, "", f"it holds {funds.balance}")


def spendable(means: c.MeansInput, remaining: Money, moment: Moment) -> Money:
    """What the means can pay of the rest: all of it, or balance and limit of a voucher or gift card if those are less.

    One that cannot be asked, or holds nothing, is tried with all of it, and refused.
    """
    if means.kind in ("card", "ancv"):
        return remaining
    found = check_balance(means, remaining, moment)
    funds = found.funds
    if found.result == "Failed" or funds.balance.currency != remaining.currency:
        return remaining
    most = min(funds.balance, funds.limit) if funds.limit is not None else funds.balance
    return min(most, remaining) if most.minor > 0 else remaining


def overruled(natural: Checked, verdict: Verdict) -> Checked:
    """The natural answer, or what a rule makes of it."""
    match verdict.outcome:
        case "success":
            return Checked("Success", natural.funds, "", natural.law)
        case "not_enough_balance":
            return Checked("NotEnoughBalance", natural.funds, "", natural.law)
        case "failed":
            return Checked("Failed", Funds(natural.funds.balance.zero, None), verdict.reason or "invalid_pin", "")
        case _:
            return natural


def day_of(moment: datetime) -> str:
    """The day that a ceiling belongs to."""
    return _spelled(paris_day(moment))


@lru_cache(maxsize=16)
def _spelled(day: date) -> str:
    return day.isoformat()


# -- what the issuer says --------------------------------------------------------------------------------------------


def outcome_asked(means: c.MeansInput, code: str) -> str:
    """The outcome that the request itself asks for, by test code or by the holder's name; empty for none."""
    if code in TEST_CODES:
        return TEST_CODES[code]
    named = means.holder.strip().lower().replace(" ", "_")
    return named if named in REASONS or named in (APPROVED, PENDING) else ""


def ruling(means: c.MeansInput, amount: Money, moment: Moment) -> Ruling:
    """What the issuer says by itself: code, expiry, opening days, balance and ceiling."""
    match means.kind:
        case "meal_voucher":
            return _voucher_ruling(means, amount, moment)
        case "gift_card":
            return _gift_card_ruling(means, amount, moment)
        case "ancv":
            return _ancv_ruling(means, amount, moment)
        case _:
            return card_ruling(means, amount, moment)


def identify(means: c.MeansInput, moment: Moment) -> tuple[MealVoucher | GiftCard | None, Ruling]:
    """The voucher or gift card, and whether it is the shopper's: number, security code and expiry."""
    holdings: Holdings = moment.world
    found: MealVoucher | GiftCard | None
    codes: Mapping[str, str]
    if means.kind == "meal_voucher":
        found, codes = holdings.vouchers.get(means.number), _NO_CODES
        series = voucher_of_series(means.number, holdings) if found is None else None
        if series is not None:
            found, codes = series[0], series[1].codes
    else:
        found = holdings.gift_cards.get(means.number)
        codes = found.codes if found is not None else _NO_CODES
    if found is None:
        return None, Ruling("invalid_card_number", f"no {means.kind.replace('_', ' ')} of this sandbox has this number")
    if means.code in codes:
        return found, Ruling(codes[means.code], "the security code is one that makes the issuer refuse")
    if found.code and means.code and means.code != found.code:
        return found, Ruling("invalid_pin", "the security code is wrong")
    if isinstance(found, MealVoucher) and found.expiry and expiry_of(means) != found.expiry:
        return found, Ruling("card_expired", "the expiry date is another one")
    return found, Ruling(YES, "the issuer knows it")


def _voucher_ruling(means: c.MeansInput, amount: Money, moment: Moment) -> Ruling:
    settings: AdyenSettings = moment.settings
    found, known = identify(means, moment)
    if not isinstance(found, MealVoucher) or known.name != YES:
        return known
    if found.code and not means.code:
        return Ruling("cvc_declined", "the security code is missing")
    expiry = expiry_of(means)
    if expiry is not None and is_expired(expiry, moment.now):
        return Ruling("card_expired", f"it expired at the end of {expiry}")
    if found.answers == "refuses":
        return Ruling(found.reason, "the issuer refuses this voucher (world.adyen.meal_vouchers: answers refuses)")
    closed = closed_day(paris_day(moment.now), settings.closed_days)
    if closed:
        return Ruling(settings.closed_day_reason, closed, ("closed_days", "closed_day_reason"))
    funds = funds_of_voucher(found, moment)
    if amount > funds.balance:
        law = f"the voucher holds {funds.balance}, {amount} is asked for"
        return Ruling(settings.over_balance_reason, law, ("over_balance_reason",), short=True)
    if funds.limit is not None and amount > funds.limit:
        law = f"{funds.limit} of the day's limit is left, {amount} is asked for"
        return Ruling(settings.over_limit_reason, law, ("over_limit_reason",))
    return Ruling(YES, f"the voucher pays {amount} of its {funds.balance}, within the day's limit")


def _gift_card_ruling(means: c.MeansInput, amount: Money, moment: Moment) -> Ruling:
    found, known = identify(means, moment)
    if not isinstance(found, GiftCard) or known.name != YES:
        return known
    funds = funds_of_gift_card(found, amount.currency, moment)
    if funds.balance.currency != amount.currency:
        return Ruling("not_enough_balance", f"the gift card holds {funds.balance.currency}", short=True)
    if amount > funds.balance:
        law = f"the gift card holds {funds.balance}, {amount} is asked for"
        return Ruling("not_enough_balance", law, short=True)
    return Ruling(YES, f"the gift card pays {amount} of its {funds.balance}")


def _ancv_ruling(means: c.MeansInput, amount: Money, moment: Moment) -> Ruling:
    if wallet_of(means.number, moment.world) is None:
        return Ruling("declined", "ANCV knows no such beneficiary (world.adyen.ancv_wallets)")
    return afford(instrument_of(means, moment).account, amount, moment)


def card_ruling(means: c.MeansInput, amount: Money, moment: Moment) -> Ruling:
    """A payment card: what the scenario says of it, its dates, its balance."""
    known: WorldCard | None = moment.world.cards.get(means.number)
    expiry = expiry_of(means)
    if expiry is not None and is_expired(expiry, moment.now):
        return Ruling("card_expired", f"the card expired at the end of {expiry}")
    if known is None:
        return Ruling(YES, "the issuer accepts everything")
    if known.answers == "refuses":
        return Ruling(known.reason, "the issuer refuses this card (world.adyen.cards: answers refuses)")
    if known.expiry and expiry != known.expiry:
        return Ruling("card_expired", "the expiry date is another one")
    if known.code and means.code and means.code != known.code:
        return Ruling("cvc_declined", "the security code is wrong")
    return afford(known.account, amount, moment)


def can_pay(instrument: e.Instrument, amount: Money, moment: Moment) -> Ruling:
    """Whether what was given earlier can still pay this: its account, a series voucher's rest, what is left today."""
    if instrument.opening is not None:
        left = instrument.opening + moment.balances.balance(instrument.account, amount.currency)
        if amount > left:
            return Ruling("not_enough_balance", f"the voucher holds {left}, {amount} is asked for", short=True)
    if instrument.limit is not None:
        spent = moment.balances.balance(f"{instrument.ceiling}/{day_of(moment.now)}", amount.currency)
        if amount > instrument.limit - spent:
            law = f"{spent} of {instrument.limit} was spent today, {amount} is asked for"
            return Ruling(moment.settings.over_limit_reason, law, ("over_limit_reason",), short=True)
    return afford(instrument.account, amount, moment)


def afford(account: str, amount: Money, moment: Moment) -> Ruling:
    """Whether a ledger account can pay this; the issuers' own account pays everything."""
    if account.startswith("world/"):
        return Ruling(YES, "the issuer accepts everything")
    balance = moment.balances.balance(account, amount.currency)
    if balance < amount:
        return Ruling("not_enough_balance", f"the card holds {balance}, {amount} is asked for", short=True)
    return Ruling(YES, f"the card pays {amount} of its {balance}")


def is_expired(expiry: str, now: datetime) -> bool:
    """Whether a card with this MM/YYYY expiry is no longer valid: it is through the last day of its month."""
    return (now.year, now.month) > _last_month(expiry)


@lru_cache(maxsize=256)
def _last_month(expiry: str) -> tuple[int, int]:
    month, year = expiry.split("/")
    return int(year), int(month)


# -- days ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def closed_day(day: date, rule: str) -> str:
    """Why meal vouchers cannot be used on a day; empty when they can."""
    if rule != "none" and day.weekday() == 6:
        return "meal vouchers are not accepted on Sundays"
    if rule == "sundays_and_holidays" and day in french_holidays(day.year):
        return "meal vouchers are not accepted on public holidays"
    return ""
