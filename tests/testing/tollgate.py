"""A made-up provider, small enough to know by heart: a wallet, payments that a shopper pays, webhooks, an expiry.

It keeps the player's tests apart from what real providers do.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from json import dumps, loads
from typing import Any

from mockpsp.domain.errors import Refusal
from mockpsp.domain.ledger import transfer
from mockpsp.domain.lifecycle import (
    Body,
    Consequence,
    Decision,
    Moment,
    Notice,
    Question,
    Served,
    Timer,
    Verdict,
    Waiting,
)
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Account, Checkout, Route
from mockpsp.scenario.catalogue import Catalogue, Operation, Place
from mockpsp.scenario.model import Scenario, ShopperScript, Signature
from mockpsp.world.sandboxes import Sandbox, Sandboxes
from mockpsp.world.world import Outcome, Setup, World

WALLET, TILL = "tollgate/wallet", "tollgate/till"
SECRET = b"a made-up secret"
CREATE, FETCH = "createPayment", "getPayment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    ref: str
    amount: Money
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    ref: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    ref: str
    status: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Open:
    amount: Money


@dataclass(frozen=True, slots=True)
class Pay:
    pass


@dataclass(frozen=True, slots=True)
class End:
    status: str


class Payments:
    name = "tollgate.payment"

    def question(self, state: Payment | None, command: Any, moment: Moment) -> Question | None:
        if state is not None and state.status != "open":
            raise Refusal(f"{state.ref} is {state.status}")
        if isinstance(command, Pay) and state is not None:
            return Question("tollgate.pay", {"amount": state.amount})
        return None

    def decide(self, state: Payment | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        if isinstance(command, Open):
            return Decision((Opened(ref=moment.ids.uuid(), amount=command.amount),), "a payment may always be opened")
        assert state is not None
        if isinstance(command, End):
            return Decision((Ended(ref=state.ref, status=command.status, amount=state.amount),), "it was open")
        enough = moment.balances.balance(WALLET, state.amount.currency) >= state.amount
        outcome = verdict.outcome or ("paid" if enough else "refused")
        law = "the wallet holds enough" if enough else "the wallet holds too little"
        return Decision((Ended(ref=state.ref, status=outcome, amount=state.amount),), law)

    def evolve(self, state: Payment | None, event: Any) -> Payment:
        if isinstance(event, Opened):
            return Payment(ref=event.ref, amount=event.amount, status="open")
        assert state is not None
        return replace(state, status=event.status)

    def entries(self, before: Payment | None, event: Any) -> tuple[Any, ...]:
        if isinstance(event, Ended) and event.status == "paid":
            return (transfer("payment", WALLET, TILL, event.amount),)
        return ()

    def notices(self, before: Payment | None, after: Payment, event: Any, moment: Moment) -> tuple[Consequence, ...]:
        kind = "payment.opened" if isinstance(event, Opened) else f"payment.{after.status}"
        body = dumps({"type": kind, "payment": rendered(after)}).encode()
        notice = Notice(kind, after.ref, Body(body), facts={"amount": after.amount})
        if isinstance(event, Opened):
            expiry = Timer(moment.now + timedelta(hours=1), End("expired"))
            return notice, Waiting("tollgate.gate", {"amount": after.amount}), expiry
        return notice, Served()

    def parts(self, event: Any) -> tuple[str, ...]:
        return ()


def rendered(payment: Payment) -> dict[str, Any]:
    amount = {"amount": payment.amount.minor, "currency": payment.amount.currency}
    return {"id": payment.ref, "status": payment.status, "amount": amount}


def signature(body: bytes) -> str:
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


class Policy:
    timeout_seconds = 5.0
    in_order = False

    def retries(self, settings: Any) -> tuple[timedelta, ...]:
        return (timedelta(minutes=10), timedelta(minutes=20))

    def message(
        self, queued: Any, credentials: Mapping[str, Any], signed: Signature, settings: Any
    ) -> tuple[Mapping[str, str], bytes]:
        right = signature(queued.body)
        told = right if signed is Signature.RIGHT else right[::-1]
        return {"Content-Type": "application/json", "Signature": told}, queued.body

    def accepted(self, status: int, body: bytes) -> bool:
        return status == 200

    def heard(self, queued: Any, attempted: Any) -> None:
        return None


class Driver:
    async def act(self, sandbox: Sandbox, ref: str, script: ShopperScript, cause: int = 0) -> None:
        if script.abandons:
            return
        command = End("cancelled") if script.cancels else Pay()
        await sandbox.world.execute(PAYMENTS, ref, command, cause=cause)


class Merchant:
    def request(
        self,
        sandbox: Sandbox,
        operation: str,
        *,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Any,
        key: str | None,
        headers: Mapping[str, str],
        now: datetime,
    ) -> tuple[str, str, dict[str, str], bytes | None]:
        known = {"Api-Key": sandbox.credentials["tollgate"]["key"], "Date": now.isoformat(), **headers}
        if operation == CREATE:
            return "POST", "/tollgate/payments", known, dumps(body).encode()
        if operation == FETCH:
            return "GET", f"/tollgate/payments/{path['id']}", known, None
        raise KeyError(operation)

    def usual(
        self, sandbox: Sandbox, operation: str, *, amount: Money | None, of: Any
    ) -> tuple[Mapping[str, str], Any]:
        return {"id": of["id"]} if of else {}, None if amount is None else {"amount": str(amount)}

    def opened(self, body: Any) -> Any:
        """Nothing here is encrypted."""
        return body

    def webhook_kind(self, sandbox: Sandbox, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
        if headers.get("signature") != signature(body):
            raise ValueError("the signature does not belong to this body")
        told = loads(body)
        return told["type"], told["payment"]["id"]


class Tollgate:
    name = "tollgate"
    title = "Tollgate"
    prefixes = ("/tollgate",)
    policy, driver = Policy(), Driver()
    lenient, back_office = False, None

    def __init__(self) -> None:
        self.lifecycles = (PAYMENTS,)
        self.routes = (
            Route(method="POST", path="/tollgate/payments", operation=CREATE, handler=self._create),
            Route(method="GET", path="/tollgate/payments/{id}", operation=FETCH, handler=self._fetch),
        )

    async def _create(self, x: Exchange) -> Answer:
        def render(outcome: Outcome) -> Answer:
            return Answer(201, dumps({**rendered(outcome.state), "link": f"{x.origin}/pay/{outcome.ref}"}).encode())

        return await x.run(PAYMENTS, None, Open(Money.parse(x.json["amount"])), render)

    async def _fetch(self, x: Exchange) -> Answer:
        payment = x.world.state(PAYMENTS.name, x.path["id"])
        return Answer(404, b"{}") if payment is None else Answer(200, dumps(rendered(payment)).encode())

    def credentials(self, sandbox: str, scenario: Scenario) -> Mapping[str, Any]:
        return {"key": f"key-of-{sandbox}"}

    def identities(self, credentials: Mapping[str, Any]) -> tuple[str, ...]:
        return (credentials["key"],)

    def setup(self, scenario: Scenario) -> Setup:
        balance = scenario.world.get("tollgate", {}).get("wallet", Money(100_00, "EUR"))
        return Setup(None, None, {WALLET: balance})

    def catalogue(self) -> Catalogue:
        facts = {"amount": "money"}
        events = ("opened", "paid", "refused", "cancelled", "expired")
        return Catalogue(
            operations={"pay": Operation(title="Pay", facts=facts, outcomes={"paid": (), "refused": ()})},
            calls={CREATE: "Open a payment", FETCH: "Look at a payment"},
            call_facts={},
            events={f"payment.{each}": each for each in events},
            places={"gate": Place(title="The gate", facts=facts, tenders={"wallet": ()})},
            world={"type": "object", "properties": {"wallet": {"type": "string", "format": "money"}}},
            settings={"type": "object", "properties": {}},
        )

    def locate(self, exchange: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
        return sandboxes.identified("tollgate", exchange.request.headers.get("Api-Key", ""))

    def authenticate(self, exchange: Exchange) -> None:
        if exchange.request.headers.get("Api-Key") != exchange.sandbox.credentials["tollgate"]["key"]:
            raise Refusal("unknown key")

    def idempotence_key(self, exchange: Exchange) -> str | None:
        return None

    def replay(self, exchange: Exchange, kept: Any) -> Answer:
        return Answer(kept.status, kept.body)

    def keeps(self, refusal: Answer) -> bool:
        return False

    def refuse(self, exchange: Exchange, error: Exception) -> Answer:
        return Answer(getattr(error, "status", 422), dumps({"error": str(error)}).encode())

    def finish(self, exchange: Exchange, answer: Answer) -> str:
        return ""

    def call_facts(self, exchange: Exchange) -> Mapping[str, Any]:
        return {}

    def accounts(self, world: World) -> Iterable[Account]:
        balance = world.ledger.balance(WALLET, "EUR")
        return (Account(ref="wallet", kind="wallet", title="The wallet", ledger=WALLET, balance=balance),)

    def checkouts(self, sandbox: Sandbox, origin: str) -> Iterable[Checkout]:
        for ref in sandbox.world.waiting:
            amount = sandbox.world.state(PAYMENTS.name, ref).amount
            url = f"{origin}/pay/{ref}"
            yield Checkout(ref=ref, place="gate", url=url, amount=amount, remaining=amount, tenders=("wallet",))

    def summary(self, world: World, ref: str) -> Mapping[str, Any] | None:
        payment = world.state(PAYMENTS.name, ref)
        return None if payment is None else {"status": payment.status, "amount": payment.amount}

    def base_urls(self, origin: str) -> Mapping[str, str]:
        return {"tollgate": origin}

    def environment(self, credentials: Mapping[str, Any], origin: str) -> Mapping[str, str]:
        return {"TOLLGATE_URL": origin, "TOLLGATE_KEY": credentials["key"]}

    def merchant(self) -> Merchant:
        return Merchant()


PAYMENTS = Payments()
PROVIDER = Tollgate()
OPENAPI = {
    "openapi": "3.1.0",
    "paths": {
        "/tollgate/payments": {
            "post": {
                "operationId": CREATE,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "object", "required": ["amount"]}}},
                },
            }
        },
        "/tollgate/payments/{id}": {"get": {"operationId": FETCH}},
    },
}
