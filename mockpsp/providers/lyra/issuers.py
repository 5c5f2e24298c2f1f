"""What the shopper's issuers say: meal cards, holiday-voucher wallets, payment cards; and what the page checks itself.

Sources: docs.lyra.com "The process of a titre-restaurant payment supplemented by another payment method", "Paying with
vouchers"; the PayZen test card guide.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import NamedTuple

from mockpsp.domain.clock import paris_day
from mockpsp.domain.holidays import french_holidays
from mockpsp.domain.lifecycle import Balances, Moment
from mockpsp.domain.money import Money
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.errors import ShopperRefused
from mockpsp.providers.lyra.holdings import (
    CONECS,
    CVCONNECT,
    Holdings,
    MealCard,
    Wallet,
    fingerprint,
    is_card_number,
    masked,
    scheme_of,
)
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order
from mockpsp.providers.lyra.vouchers import TYPES, capacity

KINDS = ("conecs", "cv_connect", "card")
CODE = "123456"
"""What the bank's page of a test card wants to hear; ours."""
_EXPIRY = re.compile(r"(0[1-9]|1[0-2])/(?:20)?([0-9]{2})", re.ASCII)
_BENEFICIARY = re.compile(r"[0-9]{11}|[^@\s]+@[^@\s]+", re.ASCII)


class Ruling(NamedTuple):
    """An issuer's word: a reason, or nothing for a yes, and the law behind it. ``challenge``: the bank asks first."""

    reason: str
    law: str
    settings: tuple[str, ...] = ()
    challenge: bool = False


# -- what is on offer ------------------------------------------------------------------------------------------------


def eligible(order: Order) -> int:
    """What meal cards may pay of the winner's items."""
    found = (item.voucher(CONECS) for item in order.items)
    return sum(each.eligible or 0 for each in found if each is not None and each.selected)


def most(order: Order, kind: str) -> int:
    """The most that a kind of tender can pay of what is left, whoever holds it."""
    if kind not in TYPES:
        return order.remaining
    contract_type = TYPES[kind]
    other = order.share("cv_connect" if contract_type == CONECS else "conecs")
    return min(order.remaining, capacity(order.items, contract_type, other))


def offered(order: Order, settings: LyraSettings) -> tuple[str, ...]:
    """The kinds of tender that the page offers now; each voucher type pays once."""
    used = {each.instrument.kind for each in order.shares}
    return tuple(
        kind
        for kind in KINDS
        if kind not in used
        and most(order, kind) > 0
        and not (kind == "conecs" and eligible(order) < settings.meal_minimum.minor)
    )


# -- what the page checks --------------------------------------------------------------------------------------------


def check_form(means: c.Means, holdings: Holdings) -> None:
    """What a page looks at before anybody is asked. Raises ShopperRefused with the form's field."""
    if means.kind == "cv_connect":
        if _BENEFICIARY.fullmatch(means.number) is None:
            raise ShopperRefused("problem_beneficiary", "beneficiary")
        return
    if means.stored is not None:
        return
    known = means.kind == "conecs" and re.fullmatch(r"[0-9]{10,19}", means.number, re.ASCII)
    if not known and not is_card_number(means.number, holdings):
        raise ShopperRefused("problem_number", "number")
    if _EXPIRY.fullmatch(means.expiry) is None:
        raise ShopperRefused("problem_expiry", "expiry")
    if re.fullmatch(r"[0-9]{3,4}", means.cvv, re.ASCII) is None:
        raise ShopperRefused("problem_cvv", "cvv")


def expiry_of(text: str) -> str:
    """``MM/YYYY`` out of what a shopper writes; empty when it is no date."""
    found = _EXPIRY.fullmatch(text)
    return f"{found[1]}/20{found[2]}" if found is not None else ""


def is_expired(expiry: str, now: datetime) -> bool:
    """Whether a card with this MM/YYYY expiry is no longer valid: it is through the last day of its month."""
    month, _, year = expiry.partition("/")
    return (now.year, now.month) > (int(year), int(month))


# -- who pays --------------------------------------------------------------------------------------------------------


def spent_account(card: MealCard) -> str:
    """Counts what a meal card has spent on a day; completed with the day."""
    return f"lyra/spent/{card.account.rpartition('/')[2]}"


def instrument_of(means: c.Means, holdings: Holdings) -> e.Instrument:
    """What pays, as a transaction shows it."""
    if means.stored is not None:
        return means.stored.instrument
    if means.kind == "cv_connect":
        wallet = holdings.wallet(means.number)
        account = wallet.account if wallet is not None else ""
        return e.Instrument(kind="cv_connect", account=account, scheme=CVCONNECT, masked=means.number)
    shown = masked(means.number)
    if means.kind == "conecs":
        card = holdings.meal_cards.get(means.number)
        account, ceiling = (card.account, spent_account(card)) if card is not None else ("", "")
        return e.Instrument(
            kind="conecs",
            account=account,
            scheme=CONECS,
            masked=shown,
            expiry=expiry_of(means.expiry),
            ceiling=ceiling,
        )
    known = holdings.cards.get(means.number)
    return e.Instrument(
        kind="card",
        account=known.account if known is not None else "world/issuers",
        scheme=scheme_of(means.number, holdings),
        masked=shown,
        expiry=expiry_of(means.expiry),
        mark=fingerprint(means.number),
    )


def stored_means(stored: e.Stored, holdings: Holdings) -> c.Means:
    """A card on file in the shopper's hand; the scenario's cards are known again by their mark."""
    instrument = stored.instrument
    number = next((each for each in holdings.cards if fingerprint(each) == instrument.mark), instrument.masked)
    return c.Means(kind="card", number=number, expiry=instrument.expiry, stored=stored)


class Funds(NamedTuple):
    """What a meal card holds, and what is left of its day."""

    balance: Money
    today: Money


def funds_of(card: MealCard, balances: Balances, now: datetime, settings: LyraSettings) -> Funds:
    """What a meal card can spend now."""
    ceiling = card.daily_limit or settings.daily_limit
    spent = balances.balance(f"{spent_account(card)}/{paris_day(now)}", ceiling.currency)
    return Funds(balances.balance(card.account, card.balance.currency), max(ceiling - spent, ceiling.zero))


def spendable(order: Order, means: c.Means, moment: Moment) -> int:
    """What a tender can really pay of what is left, its own funds included."""
    at_most = most(order, means.kind)
    holdings: Holdings = moment.world
    if means.kind == "conecs":
        card = holdings.meal_cards.get(means.number)
        if card is None or card.balance.currency != order.currency:
            return at_most
        funds = funds_of(card, moment.balances, moment.now, moment.settings)
        return min(at_most, funds.balance.minor, funds.today.minor)
    if means.kind == "cv_connect":
        wallet = holdings.wallet(means.number)
        if wallet is None or wallet.balance.currency != order.currency:
            return at_most
        return min(at_most, moment.balances.balance(wallet.account, order.currency).minor)
    return at_most


# -- what issuers say ------------------------------------------------------------------------------------------------


def ruling(means: c.Means, amount: Money, moment: Moment) -> Ruling:
    """An issuer's answer to a payment of this amount."""
    holdings: Holdings = moment.world
    if means.kind == "conecs":
        return _meal_card(holdings.meal_cards.get(means.number), means, amount, moment)
    if means.kind == "cv_connect":
        return _wallet(holdings.wallet(means.number), amount, moment)
    return _card(means, amount, moment)


def _meal_card(card: MealCard | None, means: c.Means, amount: Money, moment: Moment) -> Ruling:
    settings: LyraSettings = moment.settings
    if card is None:
        return Ruling("unknown_number", "no meal card of this sandbox has this number (world.lyra.meal_cards)")
    wrong = _credentials(card.expiry, card.cvv, means, moment.now)
    if wrong is not None:
        return wrong
    if card.answers == "refuses":
        return Ruling(card.reason, "the issuer refuses this meal card (world.lyra.meal_cards: answers refuses)")
    closed = closed_day(paris_day(moment.now), settings.closed_days)
    if closed:
        return Ruling("closed_day", closed, ("closed_days",))
    funds = funds_of(card, moment.balances, moment.now, settings)
    if amount.currency != card.balance.currency or amount > funds.balance:
        return Ruling("insufficient_funds", f"the meal card holds {funds.balance}, {amount} is asked for")
    if amount > funds.today:
        return Ruling("daily_limit", f"{funds.today} of the day's allowance is left, {amount} is asked for")
    return Ruling("", f"the meal card pays {amount} of its {funds.balance}, {funds.today} of which it may spend today")


def _wallet(wallet: Wallet | None, amount: Money, moment: Moment) -> Ruling:
    if wallet is None:
        return Ruling("unknown_number", "no wallet of this sandbox belongs to this beneficiary (world.lyra.wallets)")
    if wallet.answers == "refuses":
        return Ruling(wallet.reason, "ANCV refuses this beneficiary (world.lyra.wallets: answers refuses)")
    balance = moment.balances.balance(wallet.account, amount.currency)
    if amount > balance:
        return Ruling("insufficient_funds", f"the wallet holds {balance}, {amount} is asked for")
    return Ruling("", f"the wallet pays {amount} of its {balance}")


def _card(means: c.Means, amount: Money, moment: Moment) -> Ruling:
    holdings: Holdings = moment.world
    card = holdings.cards.get(means.number)
    expiry = expiry_of(means.expiry)
    if expiry and is_expired(expiry, moment.now):
        return Ruling("expired", f"the card expired at the end of {expiry}")
    if card is None:
        return Ruling("", "the issuer accepts everything")
    if card.answers == "refuses":
        return Ruling(card.reason, "the issuer refuses this card (world.lyra.cards: answers refuses)")
    wrong = _credentials(card.expiry, card.cvv, means, moment.now)
    if wrong is not None:
        return wrong
    return afford(card.account, amount, moment, challenge=card.three_ds == "challenge" and means.stored is None)


def _credentials(expiry: str, cvv: str, means: c.Means, now: datetime) -> Ruling | None:
    """What is wrong with the dates and the code that the shopper gave."""
    given = expiry_of(means.expiry)
    if given and is_expired(given, now):
        return Ruling("expired", f"it expired at the end of {given}")
    if expiry and given and given != expiry:
        return Ruling("expired", "the expiry date is another one")
    if cvv and means.stored is None and means.cvv != cvv:
        return Ruling("wrong_code", "the security code is wrong")
    return None


def afford(account: str, amount: Money, moment: Moment, *, challenge: bool = False) -> Ruling:
    """Whether a card's ledger account can pay this; the issuers' own account pays everything."""
    if account.startswith("world/"):
        return Ruling("", "the issuer accepts it", challenge=challenge)
    balance = moment.balances.balance(account, amount.currency)
    if balance < amount:
        return Ruling("insufficient_funds", f"the card holds {balance}, {amount} is asked for")
    return Ruling("", f"the card pays {amount} of its {balance}", challenge=challenge)


# -- days ------------------------------------------------------------------------------------------------------------


def closed_day(day: date, rule: str) -> str:
    """Why meal cards cannot be used on a day; empty when they can."""
    if rule != "none" and day.weekday() == 6:
        return "meal cards are not accepted on Sundays"
    if rule == "sundays_and_holidays" and day in french_holidays(day.year):
        return "meal cards are not accepted on public holidays"
    return ""
