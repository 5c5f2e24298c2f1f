"""A made-up provider with one kind of object and one way to pay: it also proves that the house knows no provider.

A charge is opened by the merchant, and paid, in one or several parts, or cancelled by a shopper.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.errors import Refusal
from mockpsp.domain.ledger import Entry, transfer
from mockpsp.domain.lifecycle import Body, Decision, Moment, Notice, Question, Served, Timer, Verdict, Waiting
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.edge.errors import NotAllowed
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Account, Checkout, Leniency, Route
from mockpsp.scenario.catalogue import Catalogue, Operation, Place
from mockpsp.scenario.model import Scenario, ShopperScript, Signature
from mockpsp.world.records import Queued
from mockpsp.world.sandboxes import Sandbox, Sandboxes
from mockpsp.world.world import Setup, World

PLACE = "acme.page"
LIFECYCLE = "acme.charge"

OPENAPI: Mapping[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/acme/charges": {
            "post": {
                "operationId": "create_charge",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["amount"],
                                "properties": {
                                    "amount": {"type": "string"},
                                    "customer": {"type": "object", "properties": {"name": {"type": "string"}}},
                                    "card": {"type": "object"},
                                },
                            }
                        }
                    },
                },
            }
        },
        "/acme/token": {"post": {"operationId": "get_token"}},
    },
}


class Open(Value, frozen=True):
    amount: Money


class Pay(Value, frozen=True):
    wallet: str
    amount: Money | None


class Cancel(Value, frozen=True):
    pass


class Opened(Value, frozen=True):
    ref: str
    amount: Money


class Paid(Value, frozen=True):
    ref: str
    wallet: str
    amount: Money


class Cancelled(Value, frozen=True):
    ref: str


class Charge(Value, frozen=True):
    ref: str
    amount: Money
    paid: Money
    status: str


class Charges:
    """The lifecycle."""

    name = LIFECYCLE

    def question(self, state: Charge | None, command: Any, moment: Moment) -> Question | None:
        if state is not None and state.status != "open":
            raise Refusal(f"{state.ref} is {state.status}")
        return Question("acme.pay", {"wallet": command.wallet}) if isinstance(command, Pay) else None

    def decide(self, state: Charge | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        match command:
            case Open():
                return Decision((Opened(f"ch/{moment.ids.hex(8)}", command.amount),), "a charge can always be opened")
            case Pay():
                assert state is not None
                if verdict.outcome == "refused":
                    return Decision((Cancelled(state.ref),), "the rule refuses")
                left = state.amount - state.paid
                held = moment.balances.balance(f"acme/wallet/{command.wallet}", left.currency)
                amount = command.amount or min(left, held)
                if amount > held or amount > left or not amount:
                    raise Refusal(f"{amount} is more than the wallet's {held} or the charge's {left}")
                return Decision(
                    (Paid(state.ref, command.wallet, amount),), "the wallet holds enough", ("acme.wallet_first",)
                )
            case _:
                assert state is not None
                return Decision((Cancelled(state.ref),), "an open charge can be cancelled")

    def evolve(self, state: Charge | None, event: Any) -> Charge:
        match event:
            case Opened():
                return Charge(event.ref, event.amount, event.amount.zero, "open")
            case Paid():
                assert state is not None
                paid = state.paid + event.amount
                return replace(state, paid=paid, status="paid" if paid == state.amount else "open")
        assert state is not None
        return replace(state, status="cancelled")

    def entries(self, before: Charge | None, event: Any) -> tuple[Entry, ...]:
        if isinstance(event, Paid):
            return (transfer("capture", f"acme/wallet/{event.wallet}", "acme/merchant", event.amount),)
        return ()

    def notices(self, before: Charge | None, after: Charge, event: Any, moment: Moment) -> tuple[Any, ...]:
        if isinstance(event, Opened):
            return Waiting(PLACE, {}), Timer(moment.now + timedelta(hours=24), Cancel())
        body = {"charge": after.ref, "status": after.status, "paid": after.paid.minor}
        kind, told = f"charge.{type(event).__name__.lower()}", Body(json.dumps(body).encode())
        notice = Notice(kind, f"n-{after.ref}", told, facts={"amount": after.amount})
        return (notice,) if after.status == "open" else (notice, Served())

    def parts(self, event: Any) -> tuple[str, ...]:
        return (f"part-{event.ref}",) if isinstance(event, Opened) else ()


class Driver:
    """The shopper at the page."""

    async def act(self, sandbox: Sandbox, ref: str, script: ShopperScript, cause: int = 0) -> None:
        charges = CHARGES
        if script.cancels or script.refuses or script.bank is not None:
            await sandbox.world.execute(charges, ref, Cancel(), cause=cause)
        for tender in script.pays:
            command = Pay(tender.fields.get("number", "w1"), tender.amount)
            await sandbox.world.execute(charges, ref, command, cause=cause)


class Policy:
    """Two retries, a header that is a signature in name only."""

    timeout_seconds = 5.0
    in_order = False

    def retries(self, settings: Any) -> Sequence[timedelta]:
        return (timedelta(minutes=1), timedelta(hours=1))

    def message(
        self, queued: Queued, credentials: Mapping[str, Any], signature: Signature, settings: Any
    ) -> tuple[Mapping[str, str], bytes]:
        return {"Content-Type": "application/json", "Acme-Signature": f"{signature}-{queued.number}"}, queued.body

    def accepted(self, status: int, body: bytes) -> bool:
        return status == 200

    def heard(self, queued: Any, attempted: Any) -> None:
        return None


CHARGES = Charges()


class Desk:
    """Acme's staff may close a charge."""

    schema: Mapping[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["close"],
        "x-hint": 'write {"close": "reason"}',
        "properties": {"close": {"$ref": "#/$defs/reason"}, "cardNumber": {"type": "string"}},
        "$defs": {"reason": {"enum": ["fraud", "mistake"]}},
    }

    async def act(self, sandbox: Sandbox, ref: str, body: Mapping[str, Any], cause: int) -> Mapping[str, Any]:
        if ref == "broken":
            return {}[ref]
        if sandbox.world.state(LIFECYCLE, ref) is None:
            raise LookupError(f"no charge is called {ref}" if ref != "silent" else "")
        outcome = await sandbox.world.execute(CHARGES, ref, Cancel(), cause=cause)
        return {"status": outcome.state.status, "amount": outcome.state.amount, "cardNumber": "4111111111111111"}


async def create_charge(x: Exchange) -> Answer:
    amount = Money.parse(x.json["amount"])
    return await x.run(
        CHARGES, None, Open(amount), lambda outcome: Answer(201, json.dumps({"ref": outcome.ref}).encode())
    )


async def get_token(x: Exchange) -> Answer:
    return Answer(200, b'{"access_token": "top-secret", "ok": true}', headers={"Set-Cookie": "sid=top-secret; Path=/"})


class Acme:
    """Implements ``mockpsp.edge.provider.Provider``."""

    name = "acme"
    title = "Acme"
    prefixes = ("/acme",)
    lifecycles = (CHARGES,)
    policy = Policy()
    keep_answers = timedelta(hours=24)
    leniency = Leniency.NONE
    back_office = Desk()
    driver = Driver()
    routes = (
        Route(method="POST", path="/acme/charges", operation="create_charge", handler=create_charge),
        Route(method="POST", path="/acme/token", operation="get_token", handler=get_token),
    )

    def catalogue(self) -> Catalogue:
        wallets = {
            "type": "array",
            "items": {"type": "object", "properties": {"balance": {"type": "string", "format": "money"}}},
        }
        return Catalogue(
            operations={"pay": Operation(title="pay", facts={"wallet": "text"}, outcomes={"refused": ()})},
            calls={"create_charge": "opens a charge", "get_token": "gives a token"},
            call_facts={"amount": "money"},
            events={"charge.paid": "paid", "charge.cancelled": "cancelled"},
            places={
                "page": Place(
                    title="page",
                    facts={},
                    tenders={"wallet": ("number",), "card": ("number", "cvc", "bank")},
                    acts=("refuses", "bank"),
                    refusable={"wallet": ("number",)},
                )
            },
            world={"type": "object", "properties": {"wallets": wallets}},
            settings={"type": "object", "properties": {}},
        )

    def setup(self, scenario: Scenario) -> Setup:
        wallets = scenario.world.get("acme", {}).get("wallets", [])
        openings = {f"acme/wallet/w{index}": each["balance"] for index, each in enumerate(wallets, 1)}
        return Setup(wallets, None, openings)

    def credentials(self, sandbox: str, scenario: Scenario) -> Mapping[str, Any]:
        wallets = [str(each["balance"]) for each in scenario.world.get("acme", {}).get("wallets", [])]
        return {"key": f"acme-{sandbox}", "secret": f"secret-of-{sandbox}", "wallets": wallets}

    def identities(self, credentials: Mapping[str, Any]) -> Sequence[str]:
        return (credentials["key"],)

    def _key(self, x: Exchange) -> str:
        parts = x.request.headers.get("Authorization", "").split(":")
        return parts[1] if len(parts) == 3 else ""

    def locate(self, x: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
        return sandboxes.identified("acme", self._key(x))

    def authenticate(self, x: Exchange) -> None:
        if x.sandbox.credentials["acme"]["key"] != self._key(x):
            x.note("string to sign: POST /acme")
            raise NotAllowed("nobody knows this key")

    def idempotence_key(self, x: Exchange) -> str | None:
        return None

    def replay(self, x: Exchange, kept: Any) -> Answer:
        raise AssertionError

    def keeps(self, refusal: Answer) -> bool:
        return False

    def refuse(self, x: Exchange, error: Exception) -> Answer:
        status = 401 if isinstance(error, NotAllowed) else 400 if isinstance(error, Refusal) else 500
        return Answer(status, json.dumps({"error": str(error)}).encode())

    def finish(self, x: Exchange, answer: Answer) -> str:
        return ""

    def call_facts(self, x: Exchange) -> Mapping[str, Any]:
        return {"amount": Money.parse(x.json["amount"])} if "amount" in x.json else {}

    def accounts(self, world: World) -> Iterator[Account]:
        for number in range(1, len(world.setups["acme"].world) + 1):
            ledger = f"acme/wallet/w{number}"
            yield Account(
                ref=f"wallet/w{number}", kind="wallet", title="A wallet", ledger=ledger,
                balance=world.ledger.balance(ledger, "EUR"),
            )  # fmt: skip
        yield Account(ref="card/any", kind="card", title="Pays all", ledger="acme/card", balance=None)

    def checkouts(self, sandbox: Sandbox, origin: str) -> Iterable[Checkout]:
        for ref in sandbox.world.waiting:
            charge = sandbox.world.state(LIFECYCLE, ref)
            yield Checkout(
                ref=ref, place=PLACE, url=f"{origin}/acme/pay/{ref}", amount=charge.amount,
                remaining=charge.amount - charge.paid, tenders=("wallet", "card"),
            )  # fmt: skip

    def summary(self, world: World, ref: str) -> Mapping[str, Any] | None:
        charge = world.state(LIFECYCLE, world.owner(LIFECYCLE, ref) or "")
        return None if charge is None else {"status": charge.status, "paid": charge.paid}

    def base_urls(self, origin: str) -> Mapping[str, str]:
        return {"acme": f"{origin}/acme"}

    def environment(self, credentials: Mapping[str, Any], origin: str) -> Mapping[str, str]:
        return {}

    def merchant(self) -> Any:
        raise NotImplementedError
