"""Issuers' answers: what a card may pay, and whether ANCV knows a beneficiary."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from mockpsp.domain.lifecycle import Fact, Moment, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.errors import REASONS, ShopperRefused
from mockpsp.providers.worldline.holdings import Holdings, WorldCard, card_account, fingerprint, luhn, products_of

BRANDS = {1: "visa", 2: "amex", 3: "mastercard", 130: "cartes_bancaires"}


def masked(card: c.CardData, product: int, account: str, country: str) -> e.Card:
    """The card as it may be kept."""
    if card.kept is not None:
        return replace(card.kept, product=product)
    number = card.number
    return e.Card(
        masked=f"{'*' * (len(number) - 4)}{number[-4:]}",
        bin=number[:8],
        expiry=card.expiry,
        product=product,
        holder=card.holder,
        account=account,
        fingerprint=fingerprint(number),
        country=country,
    )


def known_card(card: c.CardData, holdings: Holdings) -> WorldCard | None:
    """What the scenario says of this card, if it says anything."""
    if card.kept is not None:
        return holdings.fingerprints.get(card.kept.fingerprint)
    return holdings.cards.get(card.number)


def card_facts(
    card: c.CardData, product: int, amount: Money, order: c.OrderInput | e.OrderCreated, attempt: int, *, hosted: bool
) -> dict[str, Fact]:
    """What rules may match on when a card is to pay."""
    return {
        "amount": amount,
        "brand": BRANDS[product],
        "card": (card.kept.masked if card.kept is not None else card.number)[-4:],
        "attempt": attempt,
        "merchant_reference": order.references.merchant_reference,
        "order_amount": order.total,
        "hosted": hosted,
    }


class CardAnswer:
    """What the card's issuer says: an error, or the account that pays."""

    __slots__ = ("account", "country", "error", "law")

    def __init__(self, error: e.PlatformError | None, law: str, account: str, country: str) -> None:
        self.error = error
        self.law = law
        self.account = account
        self.country = country


def card_product(card: c.CardData, holdings: Holdings, allowed: tuple[int, ...]) -> int | None:
    """The product that the card is paid as: its own wish if that is possible, else the first one; None for none."""
    if card.kept is not None:
        return card.kept.product if card.kept.product in allowed else None
    known = holdings.cards.get(card.number)
    possible = known.products if known is not None else products_of(card.number)
    if card.product is not None and card.product in allowed and (card.product in possible or card.product == 130):
        return card.product
    return next((product for product in possible if product in allowed), None)


def is_expiry(text: str) -> bool:
    """Whether this is MMYY."""
    return len(text) == 4 and text.isascii() and text.isdigit() and 1 <= int(text[:2]) <= 12


def is_expired(expiry: str, now: datetime) -> bool:
    """Whether a card with this MMYY expiry is no longer valid: it is through the last day of its month."""
    month, year = int(expiry[:2]), 2000 + int(expiry[2:])
    return (now.year, now.month) > (year, month)


def card_answer(card: c.CardData, amount: Money, verdict: Verdict, moment: Moment) -> CardAnswer:
    """The issuer's answer: what a rule says, else what the card, its expiry date and its balance lead to."""
    known = known_card(card, moment.world)
    account = card.kept.account if card.kept is not None else card_account(card.number, known)
    country = known.country if known is not None else "FR"
    error, law = _card_law(card, amount, account, verdict, moment)
    return CardAnswer(error, law, account, country)


def _card_law(
    card: c.CardData, amount: Money, account: str, verdict: Verdict, moment: Moment
) -> tuple[e.PlatformError | None, str]:
    if verdict.outcome == "refused":
        return REASONS[verdict.reason or "issuer_refusal"], f"rule {verdict.rule!r}: the card is refused"
    known = known_card(card, moment.world)
    expiry = card.kept.expiry if card.kept is not None else card.expiry
    if verdict.outcome is None and known is not None and known.answers == "refuses":
        return REASONS[known.reason], "the issuer refuses this card (world.worldline.cards: answers refuses)"
    if verdict.outcome is None and is_expired(expiry, moment.now):
        return REASONS["expired_card"], f"the card expired at the end of {expiry[:2]}/{expiry[2:]}"
    if not account.startswith("world/"):
        balance = moment.balances.balance(account, amount.currency)
        if balance < amount:
            return REASONS["insufficient_funds"], f"the card holds {balance}, {amount} is asked for"
    by = "the issuer accepts everything" if verdict.outcome is None else f"rule {verdict.rule!r}: {verdict.outcome}"
    return None, by


def plausible(number: str, holdings: Holdings) -> bool:
    """Whether this can be a card number. A scenario's card may have a wrong check digit, as a documented one has."""
    if number in holdings.cards:
        return True
    return number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and luhn(number)


def check_card_form(card: c.CardData, holdings: Holdings) -> None:
    """What our page checks before it asks an issuer. Raises ShopperRefused with the field."""
    if not plausible(card.number, holdings):
        raise ShopperRefused("bad_card_number", "card_number")
    if not is_expiry(card.expiry):
        raise ShopperRefused("bad_expiry", "expiry")
    if not (card.cvv.isascii() and card.cvv.isdigit() and len(card.cvv) in (3, 4)):
        raise ShopperRefused("bad_cvv", "cvv")


def beneficiary_facts(
    beneficiary: str, order: c.OrderInput | e.OrderCreated, attempt: int, *, hosted: bool
) -> dict[str, Fact]:
    """What rules may match on when ANCV is asked who the beneficiary is."""
    return {
        "beneficiary": beneficiary,
        "amount": order.total,
        "attempt": attempt,
        "merchant_reference": order.references.merchant_reference,
        "hosted": hosted,
    }


def beneficiary_answer(beneficiary: str, verdict: Verdict, moment: Moment) -> tuple[e.PlatformError | None, str]:
    """ANCV's answer: an error or None, and why."""
    if verdict.outcome == "refused":
        return REASONS[verdict.reason or "issuer_refusal"], f"rule {verdict.rule!r}: ANCV refuses the beneficiary"
    if not beneficiary:
        return None, "the shopper will say who the beneficiary is"
    holdings: Holdings = moment.world
    wallet = holdings.wallet(beneficiary)
    if wallet is None:
        return REASONS["issuer_refusal"], f"no wallet of this sandbox belongs to {beneficiary}"
    if wallet.answers == "refuses" and verdict.outcome is None:
        return REASONS[wallet.reason], f"ANCV refuses {beneficiary} (world.worldline.wallets: answers refuses)"
    return None, f"ANCV knows {beneficiary}"
