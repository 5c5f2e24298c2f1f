"""What others are shown of Worldline: accounts and summaries by the control API, and what fault lines match on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockpsp.domain.lifecycle import Fact
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.provider import Account
from mockpsp.providers.worldline import auth, errors, holdings, wire
from mockpsp.providers.worldline.api import find_payment
from mockpsp.providers.worldline.orders import held
from mockpsp.providers.worldline.states import Order
from mockpsp.world.world import World


def call_facts(exchange: Exchange) -> Mapping[str, Fact]:
    """See Provider. What the contract does not name for this call may be anything, and is no fact then."""
    body = exchange.json
    reference = _inside(body, "order", "references") or _inside(body, "operationReferences")
    return {
        "amount": _asked_amount(exchange),
        "merchant_reference": _text(reference.get("merchantReference")),
        "payment_id": exchange.path.get("paymentId"),
        "merchant": exchange.path.get("merchantId"),
    }


def accounts(world: World) -> Iterable[Account]:
    """See Provider: wallets by beneficiary, cards that have a balance, and what the merchant has received."""
    setup = world.setups["worldline"]
    for wallet in setup.world.wallets.values():
        yield _account(
            world, f"worldline/wallet/{wallet.beneficiary}", "wallet", wallet.account, wallet.balance.currency
        )
    for card in setup.world.cards.values():
        if card.balance is not None:
            ledger = holdings.card_account(card.number, card)
            yield _account(world, ledger, "card", ledger, card.balance.currency)
    merchant = auth.credentials(world.name)["merchant_id"]
    for (account, currency), _ in tuple(world.ledger.balances().items()):
        if account == f"worldline/merchant/{merchant}":
            yield _account(world, account, "merchant", account, currency)


def summary(world: World, ref: str) -> Mapping[str, Any] | None:
    """See Provider: by hostedCheckoutId or any payment id."""
    try:
        order, tender, _ = find_payment(world, ref)
    except (errors.UnknownPayment, errors.MalformedPaymentId):
        return None
    return _summary(world, order, tender.inner)


def _inside(value: Any, *names: str) -> Mapping[str, Any]:
    """The object that lies at a path of names; an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _asked_amount(x: Exchange) -> Money | None:
    """The amount that a call speaks of; a capture's has the currency of its payment."""
    given = _inside(x.json, "order", "amountOfMoney") or _inside(x.json, "amountOfMoney")
    minor, currency = given.get("amount"), _text(given.get("currencyCode"))
    if x.route is not None and x.route.operation == "capture":
        minor = x.json.get("amount") if isinstance(x.json, dict) else None
        try:
            currency = find_payment(x.world, x.path["paymentId"])[0].total.currency
        except (errors.UnknownPayment, errors.MalformedPaymentId):
            currency = None
    return Money(minor, currency) if type(minor) is int and currency is not None else None


def _account(world: World, ref: str, kind: str, ledger: str, currency: str) -> Account:
    waiting = world.ledger.balance(held(ledger), currency)
    return Account(
        ref=ref,
        kind=kind,
        title=ref.rpartition("/")[2],
        ledger=ledger,
        balance=world.ledger.balance(ledger, currency),
        held=waiting or None,
    )


def _summary(world: World, order: Order, inner: str) -> Mapping[str, Any]:
    setup = world.setups["worldline"]
    tender = order.tender(inner) or order.first
    word, output = wire.payment_status(order, tender, setup.settings, world.clock.now())
    return {
        "id": wire.payment_id(tender.inner, 0, setup.settings),
        "checkout": order.stage.value,
        "status": word,
        "code": output["statusCode"],
        "total": str(order.total),
        "acquired": str(order.acquired),
        "remaining": str(order.remaining),
        "ended": order.ended,
        "attempts": order.attempts,
        "tenders": [
            {
                "id": wire.payment_id(each.inner, 0, setup.settings),
                "product": each.product,
                "status": wire.status_of(each.code, setup.settings).word,
                "share": str(each.share),
                "captured": str(Money(each.captured, order.total.currency)),
                "refunded": str(Money(each.refunded, order.total.currency)),
            }
            for each in order.tenders
        ],
    }
