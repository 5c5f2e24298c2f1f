"""What of Lyra is shown to testers: facts of a call, accounts, an object's present state in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockpsp.domain.lifecycle import Fact
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.provider import Account
from mockpsp.providers.lyra import holdings
from mockpsp.providers.lyra.cashouts import PAYOUTS, Payouts
from mockpsp.providers.lyra.enrolment import REGISTRATIONS, Registration
from mockpsp.providers.lyra.finding import find_order, transfers_of
from mockpsp.providers.lyra.orders import held, retained
from mockpsp.providers.lyra.sellers import all_sellers
from mockpsp.providers.lyra.sellers import holdings as holdings_of
from mockpsp.providers.lyra.states import Order
from mockpsp.providers.lyra.vault import TOKENS, Token
from mockpsp.world.world import World

Told = dict[str, Any]
_SELLERS = holdings.seller_account("")


def call_facts(exchange: Exchange) -> Mapping[str, Fact]:
    """What fault lines may match on; what the contract does not name may be anything, and is no fact then."""
    body = exchange.json if isinstance(exchange.json, dict) else {}
    return {
        "amount": _asked_amount(body),
        "merchant_reference": _text(body.get("reference")),
        "order": _text(exchange.path.get("order") or body.get("order")),
        "marketplace": _text(exchange.path.get("marketplace") or body.get("marketplace")),
        "transaction": _text(exchange.path.get("transaction") or body.get("transaction")),
        "external_ref": _text(body.get("external_ref")),
        "status": None,
    }


def accounts(world: World) -> Iterable[Account]:
    """Accounts with a balance: meal cards, wallets, cards that have a balance, and sellers."""
    own: holdings.Holdings = world.setups["lyra"].world
    for meal_card in own.meal_cards.values():
        yield _account(world, "conecs", meal_card.account, meal_card.balance.currency)
    for wallet in own.wallets.values():
        yield _account(world, "cv_connect", wallet.account, wallet.balance.currency)
    for card in own.cards.values():
        if card.balance is not None:
            yield _account(world, "card", card.account, card.balance.currency)
    yield from _sellers(world)


def _sellers(world: World) -> Iterable[Account]:
    """Every seller's account, in each currency in which it has had money; before it had any, in the marketplace's."""
    currencies: dict[str, set[str]] = {}
    for account, currency in world.ledger.balances():
        if account.startswith(_SELLERS):
            currencies.setdefault(account[len(_SELLERS) :].partition("/")[0], set()).add(currency)
    first = holdings_of(world).marketplace.currencies[:1]
    for seller in all_sellers(world):
        for currency in sorted(currencies.get(seller.uuid, [each.currency for each in first])):
            yield _seller_account(world, seller, currency)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _asked_amount(body: Mapping[str, Any]) -> Money | None:
    """The sum of a body's items."""
    items, currency = body.get("items"), body.get("currency")
    if not isinstance(items, list) or not isinstance(currency, str):
        return None
    amounts = [each.get("amount") for each in items if isinstance(each, dict)]
    whole = [each for each in amounts if type(each) is int]
    return Money(sum(whole), currency) if len(whole) == len(items) else None


def _account(world: World, kind: str, ledger: str, currency: str) -> Account:
    waiting = world.ledger.balance(held(ledger), currency)
    return Account(
        ref=ledger,
        kind=kind,
        title=ledger.rpartition("/")[2].partition("-")[0],
        ledger=ledger,
        balance=world.ledger.balance(ledger, currency),
        held=waiting or None,
    )


def _seller_account(world: World, seller: holdings.Seller, currency: str) -> Account:
    waiting = world.ledger.balance(retained(seller.uuid), currency)
    return Account(
        ref=seller.account,
        kind="seller",
        title=seller.external_ref or seller.uuid,
        ledger=seller.account,
        balance=world.ledger.balance(seller.account, currency),
        held=waiting or None,
    )


def summary(world: World, ref: str) -> Mapping[str, Any] | None:
    """What a reference means: an order or a part of one, a registration, a token, a cashout."""
    order = find_order(world, ref)
    if order is not None:
        return _order(world, order, ref)
    for lifecycle, tell in ((REGISTRATIONS.name, _registration), (TOKENS.name, _token), (PAYOUTS, _cashouts)):
        owner = world.owner(lifecycle, ref)
        state = world.state(lifecycle, owner) if owner is not None else None
        if state is not None:
            return tell(state, ref)
    return None


def _order(world: World, order: Order, ref: str) -> Told:
    def told(minor: int) -> str:
        return str(Money(minor, order.currency))

    summary: Told = {
        "id": order.ref,
        "reference": order.head.reference,
        "status": order.status.value,
        "total": told(order.total),
        "page": order.ended or ("open" if order.is_open else "closed"),
        "remaining": told(order.remaining if order.is_open else 0),
        "webhook_result": order.webhook_result,
        "transactions": [
            {
                "id": each.trans_uuid,
                "scheme": each.instrument.scheme,
                "amount": told(each.amount),
                "status": each.status,
            }
            for each in order.transactions
        ],
        "items": [
            {
                "id": each.uuid,
                "reference": each.reference,
                "amount": told(each.amount),
                "vouchers": {
                    voucher.type: {
                        "selected": voucher.selected,
                        "actual": None if voucher.actual is None else told(voucher.actual),
                    }
                    for voucher in each.vouchers
                },
            }
            for each in order.items
        ],
        "transfers": [
            {"seller": each.seller, "amount": told(each.amount), "status": each.status}
            for each in transfers_of(world, order)
        ],
        "refunds": [
            {"id": each.ref, "amount": told(each.amount), "status": each.status.value} for each in order.refunds
        ],
    }
    refund = order.refund(ref)
    if refund is not None:
        summary.update({"id": ref, "status": refund.status.value, "amount": told(refund.amount)})
    transaction = order.transaction(ref)
    if transaction is not None:
        summary.update({"id": ref, "status": transaction.status, "amount": told(transaction.amount)})
    return summary


def _registration(registration: Registration, ref: str) -> Told:
    seller = registration.seller
    return {"id": registration.ref, "status": registration.status.value, "seller": seller.uuid if seller else None}


def _token(token: Token, ref: str) -> Told:
    stored = token.stored
    return {"id": token.ref, "status": token.status.value, "alias": stored.alias if stored is not None else None}


def _cashouts(payouts: Payouts, ref: str) -> Told:
    cashouts = [
        {"id": each.ref, "amount": str(Money(each.amount, each.opened.currency)), "status": each.status.value}
        for each in payouts.cashouts
    ]
    found = payouts.cashout(ref)
    chosen = {} if found is None else next(each for each in cashouts if each["id"] == ref)
    return {"id": payouts.seller, "cashouts": cashouts, **chosen}
