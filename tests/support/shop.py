"""A World without HTTP: one Worldline merchant, commands straight into the core, work that is due done on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.providers.worldline import PROVIDER
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline.events import References
from mockpsp.providers.worldline.orders import ORDERS
from mockpsp.providers.worldline.states import Order
from mockpsp.scenario.model import Condition, DeliveryRule, Op, Rule, Scenario, Trigger
from mockpsp.world.delivery import Courier
from mockpsp.world.journal import Journal
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.store import MemoryStore, Store
from mockpsp.world.targets import is_local
from mockpsp.world.world import Outcome, World

START = datetime(2026, 1, 6, 9, 15, tzinfo=UTC)
MERCHANT = "CVSHOP"
RICH, HALF, POOR, REFUSES, DECLINES, SILENT = (digit * 11 for digit in "127345")
WALLETS: tuple[Mapping[str, Any], ...] = (
    {"beneficiary": RICH, "balance": Money(10_000_000, "EUR"), "email": "alice@example.test"},
    {"beneficiary": HALF, "balance": Money(10_000_000, "EUR"), "covers": 50},
    {"beneficiary": POOR, "balance": Money(30_000, "EUR")},
    {"beneficiary": REFUSES, "balance": Money(10_000_000, "EUR"), "answers": "refuses"},
    {"beneficiary": DECLINES, "balance": Money(10_000_000, "EUR"), "answers": "cancels"},
    {"beneficiary": SILENT, "balance": Money(10_000_000, "EUR"), "answers": "never_answers"},
)
VISA, MASTERCARD, COBRANDED, DECLINED, LIMITED, AMEX = (
    "4012000033330026", "5137009801943438", "4111111111111111", "4321456998744563", "4970100000000014",
    "371449635311004",
)  # fmt: skip
CARDS: tuple[Mapping[str, Any], ...] = (
    {"number": COBRANDED, "products": [130, 1]},
    {"number": DECLINED, "answers": "refuses"},
    {"number": LIMITED, "balance": Money(20_000, "EUR")},
)


def eur(minor: int) -> Money:
    """So many cents."""
    return Money(minor, "EUR")


def rule(operation: str, outcome: str, *, number: int = 1, **more: Any) -> Rule:
    """A rule of a scenario; ``nth`` and ``times`` go to its trigger, ``details`` stay, all else are conditions."""
    given = dict(more)
    trigger = Trigger(nth=given.pop("nth", None), times=given.pop("times", None))
    reason, details = given.pop("reason", None), given.pop("details", {})
    when = tuple(Condition(fact, Op.IS, value) for fact, value in given.items())
    trigger = Trigger(when, trigger.nth, trigger.times)
    return Rule(
        key=f"rules/{number}", name=f"rule {number}", operation=f"worldline.{operation}", trigger=trigger,
        outcome=outcome, reason=reason, details=details,
    )  # fmt: skip


def scenario(
    *,
    rules: Sequence[Rule] = (),
    webhooks: Sequence[DeliveryRule] = (),
    clock: datetime = START,
    wallets: Sequence[Mapping[str, Any]] = WALLETS,
    cards: Sequence[Mapping[str, Any]] = CARDS,
    **settings: Any,
) -> Scenario:
    """A scenario as the loader would build it, with the wallets and cards above."""
    return Scenario(
        name="test", title="A test", seed=7, clock=clock, settings={"worldline": settings},
        world={"worldline": {"wallets": list(wallets), "cards": list(cards)}}, rules=tuple(rules),
        webhooks=tuple(webhooks),
    )  # fmt: skip


def card(number: str = VISA, **changes: Any) -> c.CardData:
    """A card in the shopper's hand."""
    return c.CardData(**{"number": number, "expiry": "1230", "cvv": "123", "holder": "CAMILLE MARTIN", **changes})


def order_input(total: Money, **changes: Any) -> c.OrderInput:
    """What both create calls have in common."""
    return c.OrderInput(
        **{
            "merchant": MERCHANT, "total": total, "references": References(merchant_reference="ORD-1"), "country": "FR",
            "product": 5412, "requires_approval": False, "adjustable": True, "beneficiary": RICH, "webhooks": (),
            "locale": "fr_FR", **changes,
        }
    )  # fmt: skip


class Shop:
    """One sandbox with one merchant. ``do`` runs a command; ``at`` moves the clock and does what becomes due."""

    def __init__(self, chosen: Scenario | None = None, store: Store | None = None, name: str = "shop") -> None:
        self.store = store or MemoryStore()
        self.scenario = chosen or scenario()
        self.world = World(name, "00000000", self.scenario, (PROVIDER,), self.store, Journal())
        self.courier = Courier({"worldline": PROVIDER.policy}, {"worldline": PROVIDER.driver}, is_local)
        issued = PROVIDER.credentials(name, self.scenario)
        self.sandbox = Sandbox(
            id=name, key="00000000", credentials={"worldline": issued}, world=self.world,
            seed=None, start=None, created=START,
        )  # fmt: skip

    async def open(self) -> Shop:
        """Write the opening balances."""
        await self.world.open()
        return self

    async def do(self, ref: str | None, command: Any) -> Outcome:
        """One command."""
        return await self.world.execute(ORDERS, ref, command)

    async def checkout(self, total: Money, **changes: Any) -> str:
        """A hosted checkout; its own settings by name, those of the order in ``order``."""
        order = order_input(total, **changes.pop("order", {}))
        given: dict[str, Any] = {
            "return_url": "https://shop.example/return", "show_result_page": False, "attempts": 3,
            "timeout": timedelta(hours=1), "auto_refund": False, "products": (5412, 1, 3, 130, 2),
            "complement": (1, 3, 130), **changes,
        }  # fmt: skip
        return (await self.do(None, c.CreateCheckout(order=order, **given))).ref

    async def vouchers(self, ref: str, amount: Money | None = None, beneficiary: str = RICH) -> Order:
        """The beneficiary goes to CV Connect and confirms."""
        await self.do(ref, c.GoToConnect(beneficiary=beneficiary))
        await self.do(ref, c.PayVouchers(amount=amount))
        return self.order(ref)

    async def complement(self, ref: str, number: str = VISA, **changes: Any) -> Order:
        """A card pays the rest."""
        await self.do(ref, c.PayCard(card=card(number, **changes)))
        return self.order(ref)

    async def split(self, total: int = 140_000, vouchers: int = 100_000, **changes: Any) -> str:
        """An order that vouchers and a card have paid."""
        ref = await self.checkout(eur(total), **changes)
        await self.vouchers(ref, eur(vouchers))
        await self.complement(ref)
        return ref

    async def authorised(self, total: int = 12_000) -> str:
        """A payment by vouchers that waits for its capture."""
        order = order_input(eur(total), requires_approval=True)
        created = await self.do(None, c.CreatePayment(order=order, return_url="https://shop.example/return"))
        await self.do(created.ref, c.PayVouchers())
        return created.ref

    async def advance(self, span: timedelta) -> None:
        """Move the clock on, and do what becomes due."""
        await self.courier.advance(self.sandbox, self.world.clock.now() + span)

    def order(self, ref: str) -> Order:
        """An order's present state."""
        found: Order = self.world.state(ORDERS.name, ref)
        return found

    def events(self, ref: str) -> list[str]:
        """The facts of an order, by name."""
        return [
            entry.operation.removeprefix("order.")
            for entry in self.world.journal.since(0)
            if entry.kind == "event" and entry.reference == ref
        ]

    def balance(self, account: str) -> int:
        """Cents on an account."""
        return self.world.ledger.balance(account, "EUR").minor
