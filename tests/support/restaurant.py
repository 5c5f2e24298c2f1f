"""A World without HTTP: one Adyen merchant, commands straight into the core, work that is due done on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.providers.adyen import PROVIDER
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen.events import Capturing, LinkHead, SessionHead
from mockpsp.providers.adyen.issuers import instrument_of
from mockpsp.providers.adyen.purchases import PURCHASES
from mockpsp.providers.adyen.states import Kind, Order, Payment, Purchase
from mockpsp.providers.adyen.tokens import order_data
from mockpsp.scenario.model import Condition, DeliveryRule, Op, Rule, Scenario, Trigger
from mockpsp.world.delivery import Courier
from mockpsp.world.journal import Journal
from mockpsp.world.records import Queued
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.store import MemoryStore, Store
from mockpsp.world.targets import is_local
from mockpsp.world.world import Outcome, World

START = datetime(2026, 1, 6, 9, 15, tzinfo=UTC)
MERCHANT = "MockpspFR"
MANUAL, IMMEDIATE, DELAYED = Capturing("manual"), Capturing(), Capturing("delayed", timedelta(hours=2))

RICH, POOR, WIDE, BLOCKED = "5075990000006120", "5075990000001900", "5075990000009999", "5075990000000005"
VOUCHERS: tuple[Mapping[str, Any], ...] = (
    {"number": RICH, "expiry": "03/2030", "cvc": "737", "balance": Money(6_120, "EUR")},
    {"number": POOR, "expiry": "03/2030", "cvc": "737", "balance": Money(1_900, "EUR")},
    {"number": WIDE, "balance": Money(1_000_000, "EUR"), "daily_limit": Money(100_000, "EUR")},
    {"number": BLOCKED, "balance": Money(5_000, "EUR"), "answers": "refuses", "reason": "block_card"},
)
SERIES: tuple[Mapping[str, Any], ...] = (
    {"prefix": "507599000000", "cvc": "737", "codes": {"134": "invalid_pin", "125": "block_card"}},
)
RENEWING, PLASTIC = "6036280000000000000", "6364530000000000"
GIFT_CARDS: tuple[Mapping[str, Any], ...] = (
    {"number": RENEWING, "renews": True, "cvc": "100", "balance": Money(5_000, "EUR"), "codes": {"123": "declined"}},
    {"number": PLASTIC, "brand": "genericgiftcard", "balance": Money(3_000, "EUR")},
)
VISA, MASTERCARD, SECURE, LIMITED, SECURE_LIMITED, DECLINED, DATED = (
    "4111111111111111", "5555444433331111", "4212345678901237", "4035501000000008", "4917610000000000",
    "4000020000000000", "4988438843884305",
)  # fmt: skip
CARDS: tuple[Mapping[str, Any], ...] = (
    {"number": SECURE, "three_ds": "challenge"},
    {"number": LIMITED, "brand": "cartebancaire", "balance": Money(20_000, "EUR")},
    {"number": SECURE_LIMITED, "three_ds": "challenge", "balance": Money(20_000, "EUR")},
    {"number": DECLINED, "answers": "refuses", "reason": "restricted_card"},
    {"number": DATED, "expiry": "03/2030", "cvc": "737"},
)
BENEFICIARY, UNWILLING, STRANGER = "11111111111", "33333333333", "66666666666"
WALLETS: tuple[Mapping[str, Any], ...] = (
    {"beneficiary": BENEFICIARY, "email": "alice@example.test", "balance": Money(20_000, "EUR")},
    {"beneficiary": UNWILLING, "balance": Money(20_000, "EUR"), "answers": "refuses"},
)
KINDS = {"ancv": "ancv", "meal_voucher": "mealVoucher_FR", "gift_card": "giftcard", "card": "scheme"}


def eur(minor: int) -> Money:
    """So many cents."""
    return Money(minor, "EUR")


def rule(operation: str, outcome: str, *, number: int = 1, **more: Any) -> Rule:
    """A rule of a scenario; ``nth`` and ``times`` go to its trigger, ``details`` stay, all else are conditions."""
    given = dict(more)
    nth, times = given.pop("nth", None), given.pop("times", None)
    reason, details = given.pop("reason", None), given.pop("details", {})
    when = tuple(Condition(fact, Op.IS, value) for fact, value in given.items())
    return Rule(
        key=f"rules/{number}", name=f"rule {number}", operation=f"adyen.{operation}",
        trigger=Trigger(when, nth, times), outcome=outcome, reason=reason, details=details,
    )  # fmt: skip


def scenario(
    *,
    rules: Sequence[Rule] = (),
    webhooks: Sequence[DeliveryRule] = (),
    clock: datetime = START,
    vouchers: Sequence[Mapping[str, Any]] = VOUCHERS,
    series: Sequence[Mapping[str, Any]] = SERIES,
    gift_cards: Sequence[Mapping[str, Any]] = GIFT_CARDS,
    cards: Sequence[Mapping[str, Any]] = CARDS,
    **settings: Any,
) -> Scenario:
    """A scenario as the loader would build it, with the vouchers and cards above."""
    world = {
        "meal_vouchers": vouchers, "voucher_series": series, "gift_cards": gift_cards, "ancv_wallets": WALLETS,
        "cards": cards,
    }  # fmt: skip
    return Scenario(
        name="test", title="A test", seed=7, clock=clock, settings={"adyen": settings},
        world={"adyen": {name: list(rows) for name, rows in world.items()}}, rules=tuple(rules),
        webhooks=tuple(webhooks),
    )  # fmt: skip


def voucher(number: str = RICH, **changes: Any) -> c.MeansInput:
    """A meal voucher in the shopper's hand."""
    return _means("meal_voucher", number, {"month": "03", "year": "2030", "code": "737", **changes})


def gift_card(number: str = RENEWING, **changes: Any) -> c.MeansInput:
    """A gift card in the shopper's hand."""
    return _means("gift_card", number, {"code": "100", **changes})


def ancv(beneficiary: str = BENEFICIARY, **changes: Any) -> c.MeansInput:
    """Holiday vouchers of a beneficiary."""
    return _means("ancv", beneficiary, changes)


def card(number: str = VISA, **changes: Any) -> c.MeansInput:
    """A payment card in the shopper's hand."""
    return _means("card", number, {"month": "03", "year": "2030", "code": "737", **changes})


def _means(kind: str, number: str, changes: Mapping[str, Any]) -> c.MeansInput:
    return c.MeansInput(**{"kind": kind, "type": KINDS[kind], "number": number, **changes})


def pay_command(means: c.MeansInput, amount: Money | None, **changes: Any) -> c.Pay:
    """``POST /payments``."""
    usual = {"merchant": MERCHANT, "reference": "PAY-1", "return_url": "https://shop.example/return"}
    return c.Pay(**{**usual, "means": means, "amount": amount, **changes})


def modify(payment: str, kind: Kind, amount: int | None = None, **changes: Any) -> c.Modify:
    """A modification of a payment."""
    asked = None if amount is None else eur(amount)
    return c.Modify(**{"payment": payment, "kind": kind.value, "amount": asked, "reference": "MOD-1", **changes})


class Restaurant:
    """One sandbox with one merchant. ``do`` runs a command; ``advance`` moves the clock and does what becomes due."""

    def __init__(self, chosen: Scenario | None = None, store: Store | None = None, name: str = "restaurant") -> None:
        self.store = store or MemoryStore()
        self.scenario = chosen or scenario()
        self.world = World(name, "00000000", self.scenario, (PROVIDER,), self.store, Journal())
        self.courier = Courier({"adyen": PROVIDER.policy}, {"adyen": PROVIDER.driver}, is_local)
        self.sandbox = Sandbox(
            id=name, key="00000000", credentials={"adyen": PROVIDER.credentials(name, self.scenario)}, world=self.world,
            seed=None, start=None, created=START,
        )  # fmt: skip

    async def open(self) -> Restaurant:
        """Write the opening balances."""
        await self.world.open()
        return self

    async def do(self, ref: str | None, command: Any) -> Outcome:
        """One command."""
        return await self.world.execute(PURCHASES, ref, command)

    async def advance(self, span: timedelta) -> None:
        """Move the clock on, and do what becomes due."""
        await self.courier.advance(self.sandbox, self.world.clock.now() + span)

    async def at(self, moment: datetime) -> None:
        """Move the clock to a moment, and do what becomes due."""
        await self.courier.advance(self.sandbox, moment)

    async def settle(self) -> None:
        """Do what is due now."""
        await self.advance(timedelta(0))

    # -- what merchants and shoppers do ------------------------------------------------------------------------------

    async def order(self, amount: int, **changes: Any) -> str:
        """``POST /orders``: the order's pspReference, which is the purchase's as well."""
        given = {"merchant": MERCHANT, "amount": eur(amount), "reference": "ORD-1", **changes}
        return (await self.do(None, c.OpenOrder(**given))).ref

    async def session(self, amount: int, capturing: Capturing = IMMEDIATE, life: timedelta = timedelta(hours=1)) -> str:
        """``POST /sessions``: its id."""
        head = SessionHead(
            return_url="https://shop.example/return", mode="embedded", expires=self.world.clock.now() + life,
            locale="fr_FR", country="FR", echo={}, capturing=capturing,
        )  # fmt: skip
        return await self._checkout(amount, session=head)

    async def link(self, amount: int, *, reusable: bool = False) -> str:
        """``POST /paymentLinks``: its id."""
        head = LinkHead(
            return_url="", reusable=reusable, expires=self.world.clock.now() + timedelta(days=1), locale="fr_FR",
            country="FR", description="", echo={}, capturing=IMMEDIATE,
        )  # fmt: skip
        return await self._checkout(amount, link=head)

    async def _checkout(self, amount: int, **head: Any) -> str:
        command = c.OpenCheckout(key="00000000", merchant=MERCHANT, total=eur(amount), reference="CHK-1", **head)
        return (await self.do(None, command)).ref

    async def pay(self, means: c.MeansInput, amount: int | None, **changes: Any) -> Payment:
        """A payment of its own."""
        outcome = await self.do(None, pay_command(means, None if amount is None else eur(amount), **changes))
        found: Payment = outcome.state.payments[-1]
        return found

    async def leg(self, order: str, means: c.MeansInput, amount: int | None, **changes: Any) -> Payment:
        """One payment of an order; with the orderData that the order's beginning gave out."""
        asked = None if amount is None else eur(amount)
        given = {"order": order, "order_data": self.order_data(order), **changes}
        purchase = self.purchase(order)
        outcome = await self.do(purchase.ref, pay_command(means, asked, **given))
        found: Payment = outcome.state.payments[-1]
        return found

    async def bank(self, payment: str, outcome: str) -> Payment:
        """The shopper ends the bank's page, and the merchant hands in what came back."""
        ref = self.purchase(payment).ref
        await self.do(ref, c.Authenticate(payment=payment, outcome=outcome))
        await self.do(ref, c.Complete(payment=payment, step="redirect"))
        return self.payment(payment)

    async def modify(self, payment: str, kind: Kind, amount: int | None = None, **changes: Any) -> str:
        """Ask for a modification; its pspReference. Its result waits for ``settle`` or ``advance``."""
        outcome = await self.do(self.purchase(payment).ref, modify(payment, kind, amount, **changes))
        return str(outcome.events[0].modification)

    async def changed(self, payment: str, kind: Kind, amount: int | None = None, **changes: Any) -> tuple[str, str]:
        """Ask for a modification, and do what is due: its outcome, and why it was refused."""
        asked = await self.modify(payment, kind, amount, **changes)
        await self.settle()
        found = self.payment(payment).modification(asked)
        assert found is not None, "it was received"
        return found.outcome.value, found.reason if found.outcome.value == "refused" else ""

    async def cancel(self, order: str) -> Purchase:
        """``POST /orders/cancel``."""
        await self.do(self.purchase(order).ref, c.CancelOrder(order=order, data=self.order_data(order)))
        return self.purchase(order)

    # -- what is to be seen ------------------------------------------------------------------------------------------

    def purchase(self, ref: str) -> Purchase:
        """The purchase that a reference leads to."""
        owner = self.world.owner(PURCHASES.name, ref)
        assert owner is not None, f"nothing has the reference {ref}"
        found: Purchase = self.world.state(PURCHASES.name, owner)
        return found

    def the_order(self, ref: str) -> Order:
        """An order's present state."""
        found = self.purchase(ref).order(ref)
        assert found is not None, f"no order has the reference {ref}"
        return found

    def payment(self, ref: str) -> Payment:
        """A payment's present state."""
        found = self.purchase(ref).payment(ref)
        assert found is not None, f"no payment has the reference {ref}"
        return found

    def remaining(self, order: str) -> int:
        """Cents that an order leaves open."""
        return self.purchase(order).remaining(self.the_order(order)).minor

    def order_data(self, order: str, number: int = 0) -> str:
        """The order's orderData after so many payments; each stays good."""
        return order_data(order, self.the_order(order).opened.secret, number)

    def account(self, means: c.MeansInput) -> str:
        """The ledger account that pays."""
        return instrument_of(means, self.world.moment("adyen")).account

    def ceiling(self, means: c.MeansInput, day: str) -> int:
        """Cents that a voucher has spent on a day."""
        return self.balance(f"{instrument_of(means, self.world.moment('adyen')).ceiling}/{day}")

    def balance(self, account: str) -> int:
        """Cents on an account."""
        return self.world.ledger.balance(account, "EUR").minor

    def webhooks(self) -> list[Queued]:
        """Every webhook so far."""
        return [entry.data for entry in self.world.journal.since(0) if entry.kind == "webhook"]

    def codes(self) -> list[tuple[str, str]]:
        """Every webhook so far: its event code, and whose it is."""
        return [(each.kind, each.ref) for each in self.webhooks()]
