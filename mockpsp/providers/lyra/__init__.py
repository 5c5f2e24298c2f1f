"""Lyra Marketplace: sellers with voucher contracts, orders, selection of contracts, payment page, refunds, cashouts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mockpsp.domain.lifecycle import Fact, Lifecycle
from mockpsp.edge.errors import BrokenContract
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
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.lyra import auth, errors, holdings, page_routes, routes
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.model import Scenario
from mockpsp.world.delivery import Driver, Policy
from mockpsp.world.records import Answered
from mockpsp.world.sandboxes import Sandbox, Sandboxes
from mockpsp.world.world import Setup, World

_PAGE = Access.PAGE  # asked for at every request, and members of an enumeration are slow to reach


class Lyra:
    """Implements ``edge.provider.Provider``."""

    name = "lyra"
    title = "Lyra Marketplace"
    prefixes: Sequence[str] = ("/marketplace", "/marketplace-test", auth.REALM, "/vads-payment", "/t")
    lifecycles: Sequence[Lifecycle[Any, Any]] = (
        late(f"{__name__}.orders", "ORDERS", name="lyra.order"),
        late(f"{__name__}.enrolment", "REGISTRATIONS", name="lyra.registration"),
        late(f"{__name__}.vault", "TOKENS", name="lyra.token"),
        late(f"{__name__}.cashouts", "SELLER_PAYOUTS", name="lyra.payouts"),
    )
    routes: Sequence[Route] = (*routes.ROUTES, *page_routes.ROUTES)
    unsupported: Sequence[Unsupported] = ()
    policy: Policy = late(f"{__name__}.webhooks", "POLICY")
    driver: Driver = late(f"{__name__}.shopper", "DRIVER")
    keep_answers = timedelta(0)
    back_office: BackOffice | None = late(f"{__name__}.office", "OFFICE")
    leniency = Leniency.TEXTS

    def credentials(self, sandbox: str, scenario: Scenario) -> Mapping[str, Any]:
        """See Tenant: with the scenario's sellers."""
        return auth.credentials(sandbox, scenario)

    def identities(self, credentials: Mapping[str, Any]) -> Sequence[str]:
        """See Tenant."""
        return auth.identities(credentials)

    def setup(self, scenario: Scenario) -> Setup:
        """See Inhabitant."""
        return holdings.setup(scenario)

    def catalogue(self) -> Catalogue:
        """See Provider."""
        from mockpsp.providers.lyra.catalogue import catalogue

        return catalogue()

    def locate(self, exchange: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
        """See Provider."""
        return auth.locate(exchange, sandboxes)

    def authenticate(self, exchange: Exchange) -> None:
        """See Provider."""
        auth.authenticate(exchange)

    def idempotence_key(self, exchange: Exchange) -> str | None:
        """See Provider. Lyra knows no such keys."""
        return None

    def keeps(self, refusal: Answer) -> bool:
        """See Provider."""
        return False

    def replay(self, exchange: Exchange, kept: Answered) -> Answer:
        """See Provider. Nothing is ever kept."""
        return Answer(kept.status, kept.body)

    def refuse(self, exchange: Exchange, error: Exception) -> Answer:
        """See Provider."""
        known = hasattr(exchange, "sandbox")
        if isinstance(error, BrokenContract) and error.place != "body":
            error = errors.Invalid({error.path: ["This value is not valid."]})
        settings = exchange.settings if known else LyraSettings()
        told = errors.describe(error, settings, f"{exchange.origin}{auth.REALM}")
        if told.setting:
            exchange.note(f"inferred: {told.setting}")
        body = to_bytes(told.body) if told.body is not None else None
        return Answer(told.status, body, "application/json", told.headers)

    def finish(self, exchange: Exchange, answer: Answer) -> str:
        """See Provider. What Django REST framework puts on each answer (inferred)."""
        route = exchange.route
        return "" if route is not None and route.access is _PAGE else "Vary: Accept\r\n"

    def call_facts(self, exchange: Exchange) -> Mapping[str, Fact]:
        """See Provider."""
        from mockpsp.providers.lyra import shown

        return shown.call_facts(exchange)

    def accounts(self, world: World) -> Iterable[Account]:
        """See Provider: meal cards, wallets, cards that have a balance, and what sellers have earned."""
        from mockpsp.providers.lyra import shown

        return shown.accounts(world)

    def checkouts(self, sandbox: Sandbox, origin: str) -> Iterable[Checkout]:
        """See Provider."""
        from mockpsp.providers.lyra import shopper

        return shopper.checkouts(sandbox, origin)

    def checkout(self, sandbox: Sandbox, ref: str, origin: str) -> Checkout | None:
        """See Provider."""
        from mockpsp.providers.lyra import shopper

        return shopper.checkout(sandbox, ref, origin)

    def hands(self, sandbox: Sandbox, ref: str) -> Iterable[Hand]:
        """See Provider."""
        from mockpsp.providers.lyra import hands

        return hands.of(sandbox, ref)

    def summary(self, world: World, ref: str) -> Mapping[str, Any] | None:
        """See Provider: by the reference of an order, one of its parts, a registration, a token or a cashout."""
        from mockpsp.providers.lyra import shown

        return shown.summary(world, ref)

    def base_urls(self, origin: str) -> Mapping[str, str]:
        """See Provider."""
        return {"lyra": f"{origin}/marketplace-test"}

    def environment(self, credentials: Mapping[str, Any], origin: str) -> Mapping[str, str]:
        """See Provider."""
        names = ("login", "password", "client_id", "client_secret", "marketplace")
        values = {f"LYRA_{name.upper()}": str(credentials[name]) for name in names if name in credentials}
        return {"LYRA_ENDPOINT": f"{origin}/marketplace-test", "LYRA_TOKEN_URL": f"{origin}{auth.TOKEN_PATH}", **values}

    def merchant(self) -> MerchantCalls:
        """See Provider."""
        from mockpsp.providers.lyra.merchant import LyraMerchant

        return LyraMerchant(routes.ROUTES)


PROVIDER = Lyra()
