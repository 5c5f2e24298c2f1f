"""Adyen Checkout: meal vouchers (Titres-Restaurant), balance, orders with partial payments, the card share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mockpsp.domain.lifecycle import Fact, Lifecycle
from mockpsp.domain.money import Money
from mockpsp.edge.errors import BrokenContract, NotSupported
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Access, Account, BackOffice, Checkout, MerchantCalls, Route, Unsupported
from mockpsp.providers.adyen import auth, errors, holdings, links, page_routes, routes, shopper, tokens, wire
from mockpsp.providers.adyen.merchant import AdyenMerchant
from mockpsp.providers.adyen.purchases import held
from mockpsp.providers.adyen.states import Order, Payment, Purchase, Status
from mockpsp.providers.adyen.unsupported import UNSUPPORTED
from mockpsp.providers.adyen.webhooks import AdyenPolicy
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.model import Scenario
from mockpsp.world.records import Answered
from mockpsp.world.sandboxes import Sandbox, Sandboxes
from mockpsp.world.world import Setup, World

_LONGEST_KEY = 64
_AT_THE_DOOR = frozenset({"000", "702", "100", "130", "158", "167", "704"})
"""Error codes of requests that were turned away before they were given a pspReference."""


def _refusing(entry: Unsupported) -> Route:
    async def handler(x: Exchange) -> Answer:
        raise NotSupported(f"{entry.operation}: {entry.reason}")

    return Route(method=entry.method, path=entry.path, operation=entry.operation, handler=handler)


class Adyen:
    """Implements ``edge.provider.Provider``."""

    name = "adyen"
    title = "Adyen"
    prefixes: Sequence[str] = (*(f"/{version}" for version in routes.VERSIONS), "/checkout", "/checkoutshopper")
    lifecycles: Sequence[Lifecycle[Any, Any]] = (routes.PURCHASES,)
    routes: Sequence[Route] = (*routes.ROUTES, *page_routes.ROUTES, *(_refusing(each) for each in UNSUPPORTED))
    unsupported: Sequence[Unsupported] = UNSUPPORTED
    policy = AdyenPolicy()
    driver = shopper.AdyenShopper()
    back_office: BackOffice | None = None
    keep_answers = timedelta(days=7)
    lenient = False

    def credentials(self, sandbox: str, scenario: Scenario) -> Mapping[str, Any]:
        """See Tenant."""
        return auth.credentials(sandbox)

    def identities(self, credentials: Mapping[str, Any]) -> Sequence[str]:
        """See Tenant."""
        return auth.identities(credentials)

    def setup(self, scenario: Scenario) -> Setup:
        """See Inhabitant."""
        return holdings.setup(scenario)

    def catalogue(self) -> Catalogue:
        """See Provider."""
        from mockpsp.providers.adyen.catalogue import catalogue

        return catalogue()

    def locate(self, exchange: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
        """See Provider."""
        return auth.locate(exchange, sandboxes)

    def authenticate(self, exchange: Exchange) -> None:
        """See Provider."""
        auth.authenticate(exchange)

    def idempotence_key(self, exchange: Exchange) -> str | None:
        """See Provider. The scope is the company account: one key, one answer. Raises InvalidField."""
        key = exchange.request.headers.get("Idempotency-Key", "").strip()
        if len(key) > _LONGEST_KEY:
            raise errors.InvalidField("Idempotency-Key", f"at most {_LONGEST_KEY} characters")
        return f"adyen {key}" if key else None

    def keeps(self, refusal: Answer) -> bool:
        """See Provider. What was found wrong with the request is repeated; a door that was closed may be open now."""
        return refusal.status == 422

    def replay(self, exchange: Exchange, kept: Answered) -> Answer:
        """See Provider: the same bytes and the same Pspreference."""
        return Answer(kept.status, kept.body, routes.JSON, dict(kept.headers))

    def refuse(self, exchange: Exchange, error: Exception) -> Answer:
        """See Provider."""
        known = hasattr(exchange, "sandbox")
        if known and isinstance(error, BrokenContract):
            error = auth.stranger(exchange) or error
        operation = exchange.route.operation if exchange.route is not None else ""
        found = errors.describe(error, operation, exchange.settings if known else None)
        door = found.code in _AT_THE_DOOR or isinstance(error, errors.MissingMerchant)
        psp = routes.own_reference(exchange)
        headers = {"Pspreference": psp}
        if found.inferred:
            headers["Mockpsp-Inferred"] = found.inferred
            exchange.note(f"inferred: {found.inferred}")
        return Answer(found.status, errors.error_body(found, "" if door else psp), routes.JSON, headers)

    def finish(self, exchange: Exchange, answer: Answer) -> Mapping[str, str]:
        """See Provider. Every answer of the API has a Pspreference, and the Idempotency-Key that came."""
        if exchange.route is not None and exchange.route.access is Access.PAGE:
            return {}
        headers = {} if "Pspreference" in answer.headers else {"Pspreference": routes.own_reference(exchange)}
        key = exchange.request.headers.get("Idempotency-Key", "").strip()
        if key and key.isascii() and key.isprintable() and len(key) <= _LONGEST_KEY:
            headers["Idempotency-Key"] = key
        return headers

    def call_facts(self, exchange: Exchange) -> Mapping[str, Fact]:
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

    def accounts(self, world: World) -> Iterable[Account]:
        """See Provider: vouchers, gift cards and cards that have a balance, and what the merchant has received."""
        own: holdings.Holdings = world.setups[self.name].world
        for voucher in own.vouchers.values():
            yield _account(world, "meal_voucher", voucher.account, voucher.balance.currency)
        for gift_card in own.gift_cards.values():
            if not gift_card.renews:
                yield _account(world, "gift_card", gift_card.account, gift_card.balance.currency)
        for card in own.cards.values():
            if card.balance is not None:
                yield _account(world, "card", card.account, card.balance.currency)
        for account, currency in tuple(world.ledger.balances()):
            if account.startswith("adyen/merchant/"):
                yield _account(world, "merchant", account, currency)

    def checkouts(self, sandbox: Sandbox, origin: str) -> Iterable[Checkout]:
        """See Provider."""
        return shopper.checkouts(sandbox, origin)

    def summary(self, world: World, ref: str) -> Mapping[str, Any] | None:
        """See Provider: by the reference of an order, a payment, a modification, a session or a link."""
        purchase = routes.find(world, ref)
        return None if purchase is None else _summary(world, purchase, ref)

    def base_urls(self, origin: str) -> Mapping[str, str]:
        """See Provider."""
        return {"adyen": origin, "adyen_web": f"{origin}/checkoutshopper/test/"}

    def environment(self, credentials: Mapping[str, Any], origin: str) -> Mapping[str, str]:
        """See Provider."""
        names = ("api_key", "merchant_account", "client_key", "hmac_key")
        values = {f"ADYEN_{name.upper()}": str(credentials[name]) for name in names if name in credentials}
        return {"ADYEN_ENDPOINT": origin, **values}

    def merchant(self) -> MerchantCalls:
        """See Provider."""
        return AdyenMerchant(routes.ROUTES)


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
        if payment.status is Status.AUTHENTICATED and payment.action is not None:
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


PROVIDER = Adyen()
