"""Adyen Checkout: meal vouchers (Titres-Restaurant), balance, orders with partial payments, the card share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from multidict import istr

from mockpsp.domain.lifecycle import Fact, Lifecycle
from mockpsp.edge.errors import BrokenContract, NotSupported
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
from mockpsp.providers.adyen import auth, dropin_routes, errors, holdings, page_routes, routes, web_routes
from mockpsp.providers.adyen.ids import own_reference
from mockpsp.providers.adyen.unsupported import UNSUPPORTED
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.model import Scenario
from mockpsp.world.delivery import Driver, Policy
from mockpsp.world.records import Answered
from mockpsp.world.sandboxes import Sandbox, Sandboxes
from mockpsp.world.world import Setup, World

_IDEMPOTENCY_KEY = istr("Idempotency-Key")
_LONGEST_KEY = 64
_PAGE = Access.PAGE  # asked for at every request, and members of an enumeration are slow to reach
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
    prefixes: Sequence[str] = (
        *(f"/{version}" for version in routes.VERSIONS),
        "/checkout",
        web_routes.SHOPPER,
        web_routes.ANALYTICS,
    )
    lifecycles: Sequence[Lifecycle[Any, Any]] = (late(f"{__name__}.purchases", "PURCHASES", name="adyen.purchase"),)
    routes: Sequence[Route] = (
        *routes.ROUTES,
        *web_routes.ROUTES,
        *dropin_routes.ROUTES,
        *page_routes.ROUTES,
        *(_refusing(each) for each in UNSUPPORTED),
    )
    unsupported: Sequence[Unsupported] = UNSUPPORTED
    policy: Policy = late(f"{__name__}.webhooks", "POLICY")
    driver: Driver = late(f"{__name__}.shopper", "DRIVER")
    back_office: BackOffice | None = None
    keep_answers = timedelta(days=7)
    leniency = Leniency.LOOSE

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
        key = exchange.request.headers.get(_IDEMPOTENCY_KEY, "").strip()
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
        psp = own_reference(exchange)
        headers = {"Pspreference": psp}
        if found.inferred:
            headers["Mockpsp-Inferred"] = found.inferred
            exchange.note(f"inferred: {found.inferred}")
        return Answer(found.status, errors.error_body(found, "" if door else psp), routes.JSON, headers)

    def finish(self, exchange: Exchange, answer: Answer) -> str:
        """See Provider. Every answer of the API has a Pspreference, and the Idempotency-Key that came."""
        route = exchange.route
        if route is not None and route.access is _PAGE:
            return ""
        told = "" if "Pspreference" in answer.headers else f"Pspreference: {own_reference(exchange)}\r\n"
        if web_routes.by_browser(exchange):
            told += lines(web_routes.CORS)
        key = exchange.request.headers.get(_IDEMPOTENCY_KEY, "").strip()
        if key and key.isascii() and key.isprintable() and len(key) <= _LONGEST_KEY:
            told += f"Idempotency-Key: {key}\r\n"
        return told

    def call_facts(self, exchange: Exchange) -> Mapping[str, Fact]:
        """See Provider."""
        from mockpsp.providers.adyen import shown

        return shown.call_facts(exchange)

    def accounts(self, world: World) -> Iterable[Account]:
        """See Provider: vouchers, gift cards and cards that have a balance, and what the merchant has received."""
        from mockpsp.providers.adyen import shown

        return shown.accounts(world)

    def checkouts(self, sandbox: Sandbox, origin: str) -> Iterable[Checkout]:
        """See Provider."""
        from mockpsp.providers.adyen import shopper

        return shopper.checkouts(sandbox, origin)

    def checkout(self, sandbox: Sandbox, ref: str, origin: str) -> Checkout | None:
        """See Provider."""
        from mockpsp.providers.adyen import shopper

        return shopper.checkout(sandbox, ref, origin)

    def hands(self, sandbox: Sandbox, ref: str) -> Iterable[Hand]:
        """See Provider."""
        from mockpsp.providers.adyen import hands

        return hands.of(sandbox, ref)

    def summary(self, world: World, ref: str) -> Mapping[str, Any] | None:
        """See Provider: by the reference of an order, a payment, a modification, a session or a link."""
        from mockpsp.providers.adyen import shown

        return shown.summary(world, ref)

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
        from mockpsp.providers.adyen.merchant import AdyenMerchant

        return AdyenMerchant((*routes.ROUTES, *web_routes.ROUTES))


PROVIDER = Adyen()
