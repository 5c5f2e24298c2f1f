"""What others are shown of Adyen: accounts and summaries by the control API, and what fault lines match on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockpsp.domain.lifecycle import Fact
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.provider import Account
from mockpsp.providers.adyen import links, tokens, wire
from mockpsp.providers.adyen.api import find
from mockpsp.providers.adyen.holdings import Holdings
from mockpsp.providers.adyen.purchases import held
from mockpsp.providers.adyen.states import Order, Payment, Purchase, Status
from mockpsp.world.world import World


def call_facts(exchange: Exchange) -> Mapping[str, Fact]:
    """See Provider. What the contract does not name for this call may be anything, and is no fact then."""
    body = exchange.json if isinstance(exchange.json, dict) else {}
    means = body.get("paymentMethod")
    return {
        "amount": _asked_amount(body),
        "merchant_reference": _text(body.get("reference")),
        "psp_reference": exchange.path.get("paymentPspReference"),
        "payment_method": _text(means.get("type")) if isinstance(means, dict) else None,
        "merchant": _text(body.get("merchantAccount")),
    }


def accounts(world: World) -> Iterable[Account]:
    """See Provider: vouchers, gift cards and cards that have a balance, and what the merchant has received."""
    own: Holdings = world.setups["adyen"].world
    for voucher in own.vouchers.values():
        yield _account(world, "meal_voucher", voucher.account, voucher.balance.currency)
    for gift_card in own.gift_cards.values():
        if not gift_card.renews:
            yield _account(world, "gift_card", gift_card.account, gift_card.balance.currency)
    for wallet in dict.fromkeys(own.wallets.values()):
        yield _account(world, "ancv", wallet.account, wallet.balance.currency)
    for card in own.cards.values():
        if card.balance is not None:
            yield _account(world, "card", card.account, card.balance.currency)
    for account, currency in tuple(world.ledger.balances()):
        if account.startswith("adyen/merchant/"):
            yield _account(world, "merchant", account, currency)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _asked_amount(body: Mapping[str, Any]) -> Money | None:
    given = body.get("amount")
    if not isinstance(given, dict):
        return None
    minor, currency = given.get("value"), given.get("currency")
    return Money(minor, currency) if type(minor) is int and isinstance(currency, str) else None


def _account(world: World, kind: str, ledger: str, currency: str) -> Account:
    """Cards and vouchers are called by their last four digits, which is enough where no two share them."""
    waiting = world.ledger.balance(held(ledger), currency)
    return Account(
        ref=ledger,
        kind=kind,
        title=ledger.rpartition("/")[2].partition("-")[0],
        ledger=ledger,
        balance=world.ledger.balance(ledger, currency),
        held=waiting or None,
    )


def summary(world: World, ref: str) -> Mapping[str, Any] | None:
    """See Provider: by the reference of an order, a payment, a modification, a session or a link."""
    purchase = find(world, ref)
    return None if purchase is None else _summary(world, purchase, ref)


def _summary(world: World, purchase: Purchase, ref: str) -> Mapping[str, Any]:
    told: dict[str, Any] = {
        "id": purchase.ref,
        "reference": purchase.reference,
        "total": str(purchase.total),
        "orders": [_order(purchase, each) for each in purchase.orders],
        "payments": [_payment(each) for each in purchase.payments],
    }
    if purchase.session is not None:
        told["session"] = wire.session_status(purchase)
        told["session_result"] = tokens.session_result(purchase.ref, purchase.secret)
    if purchase.link is not None:
        told["link"] = wire.link_status(purchase)
    order = purchase.order(ref) or (purchase.orders[-1] if purchase.orders else None)
    if order is not None:
        told.update({"order": order.stage.value, "remaining": str(purchase.remaining(order))})
    payment = purchase.payment(ref) or (purchase.payments[-1] if purchase.payments else None)
    if payment is not None:
        told.update(_payment(payment))
        told["id"] = ref if purchase.payment(ref) is not None else purchase.ref
        action = payment.action
        if payment.status is Status.AUTHENTICATED and action is not None and action.kind != "fingerprint":
            told["return_url"] = links.after_redirect(purchase, payment, "")
    return told


def _order(purchase: Purchase, order: Order) -> Mapping[str, Any]:
    return {
        "id": order.ref,
        "status": order.stage.value,
        "amount": str(order.amount),
        "remaining": str(purchase.remaining(order)),
    }


def _payment(payment: Payment) -> dict[str, Any]:
    currency = payment.amount.currency
    told = {
        "id": payment.ref,
        "status": payment.status.value,
        "result": wire.result_code(payment),
        "amount": str(payment.amount),
        "brand": payment.instrument.brand,
        "authorised": str(Money(payment.authorised, currency)),
        "captured": str(Money(payment.captured, currency)),
        "refunded": str(Money(payment.refunded, currency)),
        "modifications": [
            {"id": each.ref, "kind": each.kind.value, "outcome": each.outcome.value, "reason": each.reason}
            for each in payment.modifications
        ],
    }
    if payment.refusal is not None:
        told["reason"] = payment.refusal.reason
    return told
