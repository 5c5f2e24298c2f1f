"""Worldline / CAWL Online Payments (Direct): product 5412 Chèque-Vacances Connect with its card complement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mockpsp.domain.lifecycle import Fact, Lifecycle
from mockpsp.domain.money import Money
from mockpsp.edge.errors import NotSupported, UnknownPath
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Access, Account, BackOffice, Checkout, MerchantCalls, Route, Unsupported
from mockpsp.providers.worldline import auth, errors, holdings, page_routes, routes, services, shopper, wire
from mockpsp.providers.worldline.merchant import WorldlineMerchant
from mockpsp.providers.worldline.orders import held
from mockpsp.providers.worldline.services import ROUTES as SERVICES
from mockpsp.providers.worldline.states import Order
from mockpsp.providers.worldline.unsupported import UNSUPPORTED
from mockpsp.providers.worldline.vault import SESSIONS, TOKENS
from mockpsp.providers.worldline.webhooks import WorldlinePolicy
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.model import Scenario
from mockpsp.world.records import Answered
from mockpsp.world.sandboxes import Sandbox, Sandboxes
from mockpsp.world.world import Setup, World

_PAGE = Access.PAGE  # asked for twice a request, and members of an enumeration are slow to reach


def _refusing(entry: Unsupported) -> Route:
    async def handler(x: Exchange) -> Answer:
        raise NotSupported(f"{entry.operation}: {entry.reason}")

    return Route(method=entry.method, path=entry.path, operation=entry.operation, handler=handler)


class Worldline:
    """Implements ``edge.provider.Provider``."""

    name = "worldline"
    title = "Worldline / CAWL"
    prefixes: Sequence[str] = ("/v2", "/v1", "/client", "/hostedcheckout", "/cvconnect", "/assets/worldline")
    lifecycles: Sequence[Lifecycle[Any, Any]] = (routes.ORDERS, SESSIONS, TOKENS)
    routes: Sequence[Route] = (
        *routes.ROUTES,
        *SERVICES,
        *page_routes.ROUTES,
        *(_refusing(each) for each in UNSUPPORTED),
    )
    unsupported: Sequence[Unsupported] = UNSUPPORTED
    policy = WorldlinePolicy()
    driver = shopper.WorldlineShopper()
    back_office: BackOffice | None = None
    keep_answers = timedelta(hours=24)
    lenient = False

    def credentials(self, sandbox: str, scenario: Scenario) -> Mapping[str, Any]:
        """See Tenant."""
        return auth.credentials(sandbox)

    def identities(self, credentials: Mapping[str, Any]) -> Sequence[str]:
        """See Tenant."""
        return (credentials["api_key_id"],)

    def setup(self, scenario: Scenario) -> Setup:
        """See Inhabitant."""
        return holdings.setup(scenario)

    def catalogue(self) -> Catalogue:
        """See Provider."""
        from mockpsp.providers.worldline.catalogue import catalogue

        return catalogue()

    def locate(self, exchange: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
        """See Provider."""
        return auth.locate(exchange, sandboxes)

    def authenticate(self, exchange: Exchange) -> None:
        """See Provider. Unknown paths below us are refused before anybody asks who is calling."""
        route = exchange.route
        if route is None or route.access is _PAGE:
            return
        if services.by_browser(exchange):
            auth.authenticate_client(exchange)
        else:
            auth.authenticate_server(exchange)

    def idempotence_key(self, exchange: Exchange) -> str | None:
        """See Provider. The scope is merchant, method, path and key."""
        request = exchange.request
        key = request.headers.get("X-GCS-Idempotence-Key", "").strip()
        return f"worldline {request.method} {request.path} {key}" if key else None

    def replay(self, exchange: Exchange, kept: Answered) -> Answer:
        """See Provider."""
        headers = {
            "X-GCS-Idempotence-Request-Timestamp": str(int(kept.started.timestamp() * 1000)),
            "IdempotencyResponseDatetime": kept.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return Answer(kept.status, kept.body, headers=headers)

    def keeps(self, refusal: Answer) -> bool:
        """See Provider. Refusals are decided anew."""
        return False

    def refuse(self, exchange: Exchange, error: Exception) -> Answer:
        """See Provider. An unknown path has no body at all."""
        if isinstance(error, UnknownPath):
            return Answer(404)
        known = hasattr(exchange, "sandbox")
        settings = exchange.settings if known else None
        http, described = errors.describe(error, settings.cancel_closed_status if settings else 400)
        if http == 409 and settings is not None and settings.idempotence_error_code and described["code"] == "1409":
            described = {"errorCode": settings.idempotence_error_code, **described}
        error_id = exchange.world.ids.fixed("error", exchange.entry.number)
        return Answer(http, errors.error_body(error_id, http, described))

    def finish(self, exchange: Exchange, answer: Answer) -> Mapping[str, str]:
        """See Provider."""
        if exchange.route is not None and exchange.route.access is _PAGE:
            return {}
        told = {
            "Correlation-Id": exchange.sandbox.world.ids.fixed("correlation", exchange.entry.number),
            "Api_Auth": "true",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        }
        return {**services.CORS, **told} if services.by_browser(exchange) else told

    def call_facts(self, exchange: Exchange) -> Mapping[str, Fact]:
        """See Provider. What the contract does not name for this call may be anything, and is no fact then."""
        body = exchange.json
        reference = _inside(body, "order", "references") or _inside(body, "operationReferences")
        return {
            "amount": _asked_amount(exchange),
            "merchant_reference": _text(reference.get("merchantReference")),
            "payment_id": exchange.path.get("paymentId"),
            "merchant": exchange.path.get("merchantId"),
        }

    def accounts(self, world: World) -> Iterable[Account]:
        """See Provider: wallets by beneficiary, cards that have a balance, and what the merchant has received."""
        setup = world.setups[self.name]
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

    def checkouts(self, sandbox: Sandbox, origin: str) -> Iterable[Checkout]:
        """See Provider."""
        return shopper.checkouts(sandbox, origin)

    def summary(self, world: World, ref: str) -> Mapping[str, Any] | None:
        """See Provider: by hostedCheckoutId or any payment id."""
        try:
            order, tender, _ = routes.find_payment(world, ref)
        except (errors.UnknownPayment, errors.MalformedPaymentId):
            return None
        return _summary(world, order, tender.inner)

    def base_urls(self, origin: str) -> Mapping[str, str]:
        """See Provider."""
        return {"worldline": origin}

    def environment(self, credentials: Mapping[str, Any], origin: str) -> Mapping[str, str]:
        """See Provider."""
        names = {"merchant_id", "api_key_id", "secret_api_key", "webhook_key_id", "webhook_secret"}
        values = {f"WORLDLINE_{name.upper()}": str(credentials[name]) for name in credentials if name in names}
        return {"WORLDLINE_API_ENDPOINT": origin, **values}

    def merchant(self) -> MerchantCalls:
        """See Provider."""
        return WorldlineMerchant((*routes.ROUTES, *SERVICES))


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
            currency = routes.find_payment(x.world, x.path["paymentId"])[0].total.currency
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


PROVIDER = Worldline()
