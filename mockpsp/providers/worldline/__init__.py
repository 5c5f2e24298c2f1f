"""Worldline / CAWL Online Payments (Direct): product 5412 Chèque-Vacances Connect with its card complement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from multidict import istr

from mockpsp.domain.lifecycle import Fact, Lifecycle
from mockpsp.edge.errors import NotSupported, UnknownPath
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.late import late
from mockpsp.edge.provider import (
    Access,
    Account,
    BackOffice,
    Checkout,
    Hand,
    Leniency,
    MerchantCalls,
    Route,
    Unsupported,
)
from mockpsp.edge.reply import lines
from mockpsp.providers.worldline import auth, errors, holdings, page_routes, routes
from mockpsp.providers.worldline.unsupported import UNSUPPORTED
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.model import Scenario
from mockpsp.world.delivery import Driver, Policy
from mockpsp.world.records import Answered
from mockpsp.world.sandboxes import Sandbox, Sandboxes
from mockpsp.world.world import Setup, World

_IDEMPOTENCE_KEY = istr("X-GCS-Idempotence-Key")
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
    lifecycles: Sequence[Lifecycle[Any, Any]] = (
        late(f"{__name__}.orders", "ORDERS", name="worldline.order"),
        late(f"{__name__}.vault", "SESSIONS", name="worldline.session"),
        late(f"{__name__}.vault", "TOKENS", name="worldline.token"),
    )
    routes: Sequence[Route] = (
        *routes.ROUTES,
        *page_routes.ROUTES,
        *(_refusing(each) for each in UNSUPPORTED),
    )
    unsupported: Sequence[Unsupported] = UNSUPPORTED
    policy: Policy = late(f"{__name__}.webhooks", "POLICY")
    driver: Driver = late(f"{__name__}.shopper", "DRIVER")
    back_office: BackOffice | None = None
    keep_answers = timedelta(hours=24)
    leniency = Leniency.NONE

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
        if routes.by_browser(exchange):
            auth.authenticate_client(exchange)
        else:
            auth.authenticate_server(exchange)

    def idempotence_key(self, exchange: Exchange) -> str | None:
        """See Provider. The scope is merchant, method, path and key."""
        request = exchange.request
        key = request.headers.get(_IDEMPOTENCE_KEY, "").strip()
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

    def finish(self, exchange: Exchange, answer: Answer) -> str:
        """See Provider."""
        route = exchange.route
        if route is not None and route.access is _PAGE:
            return ""
        correlation = exchange.sandbox.world.ids.fixed("correlation", exchange.entry.number)
        cors = lines(routes.CORS) if routes.by_browser(exchange) else ""
        return (
            f"{cors}Correlation-Id: {correlation}\r\nApi_Auth: true\r\n"
            "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
        )

    def call_facts(self, exchange: Exchange) -> Mapping[str, Fact]:
        """See Provider."""
        from mockpsp.providers.worldline import shown

        return shown.call_facts(exchange)

    def accounts(self, world: World) -> Iterable[Account]:
        """See Provider: wallets by beneficiary, cards that have a balance, and what the merchant has received."""
        from mockpsp.providers.worldline import shown

        return shown.accounts(world)

    def checkouts(self, sandbox: Sandbox, origin: str) -> Iterable[Checkout]:
        """See Provider."""
        from mockpsp.providers.worldline import shopper

        return shopper.checkouts(sandbox, origin)

    def checkout(self, sandbox: Sandbox, ref: str, origin: str) -> Checkout | None:
        """See Provider."""
        from mockpsp.providers.worldline import shopper

        return shopper.checkout(sandbox, ref, origin)

    def hands(self, sandbox: Sandbox, ref: str) -> Iterable[Hand]:
        """See Provider."""
        from mockpsp.providers.worldline import hands

        return hands.of(sandbox, ref)

    def summary(self, world: World, ref: str) -> Mapping[str, Any] | None:
        """See Provider: by hostedCheckoutId or any payment id."""
        from mockpsp.providers.worldline import shown

        return shown.summary(world, ref)

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
        from mockpsp.providers.worldline.merchant import WorldlineMerchant

        return WorldlineMerchant(routes.ROUTES)


PROVIDER = Worldline()
