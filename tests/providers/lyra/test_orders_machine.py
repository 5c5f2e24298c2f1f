"""Random lives of orders in the pure core: whatever the order of the commands, money adds up and nothing is lost.

``MOCKPSP_LIVES`` is the number of lives; a large one looks longer.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from mockpsp.domain.clock import paris
from mockpsp.domain.errors import Refusal
from mockpsp.domain.lifecycle import Lifecycle
from mockpsp.providers.lyra import PROVIDER, cashouts
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.cashouts import SELLER_PAYOUTS, CashoutStatus, Payouts
from mockpsp.providers.lyra.holdings import Seller, seller_account
from mockpsp.providers.lyra.issuers import spendable
from mockpsp.providers.lyra.orders import ORDERS, held, retained
from mockpsp.providers.lyra.states import Order, OrderStatus, Refund, RefundStatus
from mockpsp.providers.lyra.stored import stored_by_alias
from mockpsp.providers.lyra.transfers import transfers
from mockpsp.scenario.model import DeliveryRule, Outage, Rule, Trigger
from mockpsp.world.journal import Journal
from mockpsp.world.world import World
from tests.providers.lyra import test_decide as m
from tests.providers.worldline.test_orders_machine import told

T = TypeVar("T")
LIVES = int(os.environ.get("MOCKPSP_LIVES", "60"))
FEW = 5
"""Orders per life: long lives find more than many lives."""
SELLERS = (m.LUCIE, m.LUCIE, m.BASILE, m.CAVE, m.OPERATOR)
ALL = (m.LUCIE, m.BASILE, m.CAVE, m.OPERATOR)
PAID = (OrderStatus.PENDING, OrderStatus.SUCCEEDED)
OPEN = ("PENDING", "TO_VALIDATE")

# -- what may happen ---------------------------------------------------------------------------------------------------

amounts = st.one_of(st.integers(1, 6_000), st.sampled_from([1, 150, 500, 1_400, 1_900, 2_500, 10_000]))
percents = st.sampled_from([10, 33, 50, 50, 100, 100, 100, 101])
indices = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
"""Which one, counted from the newest: lives grow long when most steps meet the same few orders."""
spans = st.sampled_from(
    [
        "midnight", "last second of the day", timedelta(0),
        *(timedelta(minutes=minutes) for minutes in (1, 10, 15, 60, 60, 75, 540, 1440, 4320, 43_200)),
    ]
)  # fmt: skip
means = st.sampled_from(
    [
        m.meal(), m.meal(m.RICH), m.meal(m.RICH), m.meal(m.NINETEEN), m.meal(m.EMPTY), m.meal(m.BLOCKED),
        m.meal(m.RICH, cvv="999"), m.meal("5017670000000777"), m.wallet(), m.wallet(), m.wallet(m.PURSE),
        m.wallet(m.PURSE), m.wallet(m.NO_WALLET), m.wallet("99999999999"), m.card(), m.card(), m.card(), m.card(),
        m.card(m.LIMITED), m.card(m.LIMITED), m.card(m.SECURE), m.card(m.SECURE_LIMITED), m.card(m.DECLINED),
        m.card(expiry="12/2020"), m.card("4111111111111112"),
    ]
)  # fmt: skip
good = st.lists(
    st.sampled_from(
        [
            m.meal(),
            m.meal(m.RICH),
            m.meal(m.NINETEEN),
            m.wallet(),
            m.wallet(),
            m.wallet(m.PURSE),
            m.card(m.LIMITED),
            m.card(m.DECLINED),
            m.meal(m.BLOCKED),
        ]
    ),
    max_size=2,
)
"""Tenders that mostly pay what they can, before a card pays the rest."""
heads = st.fixed_dictionaries(
    {
        "payment": st.sampled_from(["SINGLE", "SINGLE", "SINGLE", "SINGLE", "MULTI", "FIRST", "EXT"]),
        "awaiting_validation": st.sampled_from([False, False, True]),
        "capture_delay": st.sampled_from([None, None, 0, 2, 6]),
        "alias": st.sampled_from([None, m.ALIAS, m.POOR_ALIAS, "unknown"]),
    }
)


@st.composite
def one_item(draw: st.DrawFn) -> c.ItemInput:
    """An item that is mostly as it should be."""
    amount = draw(amounts)
    kind = draw(st.sampled_from(["plain", "meal", "meal", "night", "both", "both", "commission"]))
    if kind == "commission":
        return m.fee_line(amount)
    seller = draw(st.sampled_from(SELLERS[:3] if kind != "plain" else SELLERS))
    more: dict[str, Any] = {}
    if kind in ("meal", "both"):
        more["conecs"] = min(amount, amount * draw(percents) // 100)
    if kind in ("night", "both"):
        more["holiday"] = True
    share = draw(st.sampled_from([None, None, 0, 10, 33, 100]))
    more["commission_amount"] = None if share is None else amount * share // 100
    more["hold_payment"] = draw(st.sampled_from([None, None, False, True]))
    return m.line(amount, seller, **more)


stages = st.sampled_from(["captured", "paid", "paid", "paid", "executed", "created"])
"""How far a new order comes."""
some_items = st.lists(one_item(), min_size=1, max_size=4).map(tuple)

OUTCOMES = {
    "conecs": ("refused", "accepted"),
    "cv_connect": ("refused", "accepted"),
    "card": ("refused", "challenge", "accepted"),
    "capture": ("failed",),
    "refund": ("failed",),
    "cashout": ("failed", "rejected"),
}


@st.composite
def rules_of_a_scenario(draw: st.DrawFn) -> tuple[Rule, ...]:
    """A handful of rules, for ever or a few times."""
    rules = []
    for number in range(draw(st.integers(0, 3))):
        operation = draw(st.sampled_from(sorted(OUTCOMES)))
        outcome = draw(st.sampled_from(OUTCOMES[operation]))
        nth, times = draw(st.sampled_from([None, 1, 2])), draw(st.sampled_from([None, 1, 3]))
        rules.append(m.rule(operation, outcome, number=number, nth=nth, times=times))
    return tuple(rules)


choices = st.fixed_dictionaries(
    {
        "tie_break": st.sampled_from(["lowest", "highest"]),
        "missing_contract": st.sampled_from(["refused", "ignored"]),
        "closed_days": st.sampled_from(["none", "none", "sundays_and_holidays"]),
        "extra_attempts": st.sampled_from([0, 1, 2, 2]),
        "notification_delay": st.sampled_from([timedelta(0), timedelta(0), timedelta(minutes=2)]),
        "remittance_delay": st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(hours=1)]),
        "validation_life": st.sampled_from([timedelta(days=1), timedelta(days=7)]),
        "refund_sent_after": st.sampled_from([timedelta(0), timedelta(minutes=15)]),
        "persist_life": st.sampled_from([timedelta(hours=2), timedelta(days=30)]),
    }
)
markets = st.sampled_from([{}, {}, m.CHARGES, {**m.CHARGES, "billing_method": "MONTHLY"}])
starts = st.sampled_from(
    [m.START, datetime(2026, 3, 28, 22, 30, tzinfo=UTC), datetime(2026, 10, 24, 21, 30, tzinfo=UTC)]
)
"""A day in winter, and the evenings before the clocks in Paris change."""


# -- the books ---------------------------------------------------------------------------------------------------------

AFTER: dict[type[Any], OrderStatus] = {
    e.OrderPaid: OrderStatus.PENDING,
    e.OrderSucceeded: OrderStatus.SUCCEEDED,
    e.OrderFailed: OrderStatus.FAILED,
    e.OrderAbandoned: OrderStatus.ABANDONED,
    e.OrderCancelled: OrderStatus.CANCELLED,
}
FROM: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.CREATED: frozenset(AFTER.values()) - {OrderStatus.SUCCEEDED},
    OrderStatus.PENDING: frozenset({OrderStatus.SUCCEEDED, OrderStatus.FAILED, OrderStatus.CANCELLED}),
}
"""The documented ways of an order; from all others none leads on."""
LATE = (
    e.RefundAsked, e.RefundChanged, e.RefundSent, e.RefundSucceeded, e.RefundFailed, e.RefundCancelled,
    e.ItemActivated, e.WebhookAnswered,
)  # fmt: skip


class Held:
    """What one payment holds of a tender, and what has become of it."""

    def __init__(self, share: e.ShareAuthorised) -> None:
        self.instrument, self.day = share.instrument, share.day
        self.amount = self.initial = share.amount
        self.held, self.taken, self.refunded = share.held, 0, 0
        self.counted = share.amount if share.instrument.ceiling else 0
        self.is_open = True

    def release(self) -> None:
        """All of it goes back."""
        self.held = self.counted = 0
        self.is_open = False


class Books:
    """What the facts say, added up without the provider's own states."""

    def __init__(self) -> None:
        self.seen = 0
        self.status: dict[str, OrderStatus] = {}
        self.payments: dict[str, dict[str, Held]] = {}
        self.captures: dict[str, list[e.Captured]] = {}
        self.freed: Counter[tuple[str, str]] = Counter()
        self.earned: Counter[str] = Counter()
        self.retained: Counter[str] = Counter()
        self.credited: Counter[str] = Counter()
        self.refunded: Counter[str] = Counter()
        self.paid_out: Counter[str] = Counter()
        self.fees = 0
        self.moves: Counter[tuple[str, str]] = Counter()
        self.webhooks: Counter[tuple[str, str]] = Counter()

    def read(self, world: World) -> None:
        """What is new in the journal."""
        for entry in world.journal.since(self.seen):
            self.seen = entry.number
            if entry.kind == "webhook":
                self.webhooks[entry.operation, entry.data.ref] += 1
            elif entry.kind == "event" and entry.operation.startswith("order."):
                self.take(entry.reference, entry.data)
            elif entry.kind == "event" and isinstance(entry.data, cashouts.PaidOut):
                self.paid_out[entry.reference] += entry.data.amount.minor

    def take(self, ref: str, event: Any) -> None:
        """One fact; it must be possible after all those before."""
        if isinstance(event, e.OrderCreated):
            self.status[ref], self.payments[ref], self.captures[ref] = OrderStatus.CREATED, {}, []
            return
        now = self.status[ref]
        after = AFTER.get(type(event))
        if after is not None:
            assert after in FROM.get(now, frozenset()), f"{type(event).__name__} of an order that is {now.value}"
            self.status[ref] = after
            self.moves["order", ref] += 1
        elif now not in FROM:
            late = LATE if now is OrderStatus.SUCCEEDED else (e.WebhookAnswered,)
            assert isinstance(event, late), f"{type(event).__name__} of an order that is {now.value}"
        self.money(ref, event)

    def money(self, ref: str, event: Any) -> None:
        """Sums of one order."""
        payments = self.payments[ref]
        match event:
            case e.ShareAuthorised():
                payments[event.trans_uuid] = Held(event)
            case e.SharesReversed():
                for each in payments.values():
                    each.release()
            case e.OrderPaid() | e.OrderRevised():
                self.agreed(payments, event)
            case e.OrderCancelled() | e.OrderFailed() | e.ValidationExpired():
                for each in payments.values():
                    if each.is_open:
                        each.release()
            case e.CaptureFailed():
                payments[event.trans_uuid].release()
            case e.Captured():
                self.captured(ref, payments[event.trans_uuid], event)
            case _:
                self.later(ref, event)

    def agreed(self, payments: dict[str, Held], event: e.OrderPaid | e.OrderRevised) -> None:
        """The transactions as they are from now on; those of later installments hold nothing."""
        for each in event.transactions:
            if each.trans_uuid not in payments:
                assert isinstance(event, e.OrderPaid), "a revision added a transaction"
                first = next(iter(payments.values()))
                fresh = e.ShareAuthorised(
                    trans_uuid=each.trans_uuid, instrument=first.instrument, amount=each.amount, held=0,
                    auto_code="", day="", at=event.at,
                )  # fmt: skip
                payments[each.trans_uuid] = Held(fresh)
            payments[each.trans_uuid].amount = each.amount
        known = {each.trans_uuid for each in event.transactions}
        for uuid, payment in payments.items():
            if uuid not in known and payment.is_open:
                payment.release()

    def captured(self, ref: str, payment: Held, event: e.Captured) -> None:
        """A capture takes from the tender what it shares out, and gives back the rest of what was held."""
        assert payment.is_open, "a capture of a payment that is over"
        assert sum(each.amount for each in event.shares) == payment.amount, "a capture loses or makes money"
        assert all(each.amount > 0 for each in event.shares)
        assert len({each.transfer for each in event.shares}) == len(event.shares), "two transfers have one uuid"
        payment.is_open, payment.held, payment.taken = False, 0, payment.amount
        payment.counted = payment.amount if payment.counted else 0
        self.captures[ref].append(event)
        for each in event.shares:
            self.earned[each.seller] += each.amount
            (self.retained if each.retained else self.credited)[each.seller] += each.amount
        assert event.fee >= 0
        self.fees += event.fee
        self.earned[event.operator] -= event.fee
        self.credited[event.operator] -= event.fee

    def later(self, ref: str, event: Any) -> None:
        """Activations and refunds."""
        match event:
            case e.ItemActivated():
                for seller, amount in event.freed:
                    self.freed[event.item, seller] += amount
                    self.retained[seller] -= amount
                    self.credited[seller] += amount
            case e.RefundSucceeded():
                self.moves["refund", event.refund] += 1
                parts, shares = sum(each for _, each in event.parts), sum(each for _, each in event.shares)
                assert parts == shares, "a refund loses or makes money"
                for uuid, amount in event.parts:
                    self.payments[ref][uuid].refunded += amount
                for seller, amount in event.shares:
                    self.earned[seller] -= amount
                    self.refunded[seller] += amount
            case e.RefundSent() | e.RefundFailed() | e.RefundCancelled():
                self.moves["refund", event.refund] += 1
            case _:
                pass

    @property
    def all_payments(self) -> list[Held]:
        """Of all orders."""
        return [each for payments in self.payments.values() for each in payments.values()]


# -- lives -------------------------------------------------------------------------------------------------------------


class LivesOfOrders(RuleBasedStateMachine):
    """Merchants, shoppers and time act in any order. Webhooks meet an endpoint that answers 200 or 503."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.kept = Books()
        self.steps: list[tuple[str, Any, Any, Any]] = []

    @initialize(
        rules=st.one_of(st.just(()), rules_of_a_scenario()), chosen=choices, market=markets, begins=starts,
        items=some_items, head=heads, until=stages, tenders=good, status=st.sampled_from([200, 503]),
    )  # fmt: skip
    def open_the_market(
        self, rules: tuple[Rule, ...], chosen: dict[str, Any], market: dict[str, Any], begins: datetime,
        items: tuple[c.ItemInput, ...], head: dict[str, Any], until: str, tenders: list[c.Means], status: int,
    ) -> None:  # fmt: skip
        plays = DeliveryRule(
            key="webhooks/1", name="plays", event="lyra.*", trigger=Trigger(),
            outage=Outage(down=timedelta(days=3650), status=status),
        )  # fmt: skip
        self.lifts = any(each.outcome == "accepted" for each in rules)
        self.chosen = m.scenario(rules=rules, webhooks=[plays], clock=begins, marketplace=market, **chosen)
        self.market = m.Market(self.chosen)
        self.world = self.market.world
        self.runner.run(self.market.open())
        self.sell(items, head, until, tenders)

    @property
    def books(self) -> Books:
        """All facts so far, added up."""
        self.kept.read(self.world)
        return self.kept

    # -- acting ------------------------------------------------------------------------------------------------------

    def do(self, ref: str | None, command: Any, lifecycle: Lifecycle[Any, Any] = ORDERS) -> None:
        """Run one command. If it is refused, nothing at all may have changed."""
        self.steps.append(("do", ref, command, lifecycle))
        before = self.picture()
        try:
            self.runner.run(self.market.do(ref, command, lifecycle))
        except Refusal:
            assert self.picture() == before, f"{command} was refused and changed something"

    def picture(self) -> dict[str, Any]:
        """Everything that a refused command must leave as it was."""
        world = self.world
        return {
            "version": world.version,
            "journal": world.journal.count,
            "balances": dict(world.ledger.balances()),
            "positions": dict(world.positions),
            "objects": {name: dict(objects) for name, objects in world.objects.items()},
            "waiting": dict(world.waiting),
            "outbox": (world.outbox.numbers, world.outbox.waiting()),
            "ids": (world.ids.cursor, dict(world.ids.series)),
        }

    @property
    def orders(self) -> list[Order]:
        return list(self.world.objects[ORDERS.name].values())

    @property
    def payouts(self) -> list[Payouts]:
        return list(self.world.objects[SELLER_PAYOUTS.name].values())

    def among(self, *statuses: OrderStatus) -> list[Order]:
        """The orders in one of these statuses."""
        return [each for each in self.orders if each.status in statuses]

    def being_paid(self) -> list[Order]:
        """Those whose page is open."""
        return [each for each in self.orders if each.is_open]

    def refunds(self) -> list[tuple[Order, Refund]]:
        """All refunds, with their orders."""
        return [(order, each) for order in self.orders for each in order.refunds]

    def one_of(self, found: Sequence[T], index: int) -> T:
        """One of them, counted from the newest."""
        return found[-1 - index % len(found)]

    def head(self, items: Sequence[c.ItemInput], given: dict[str, Any]) -> dict[str, Any]:
        """The head of an order; installments fit the items' sum. Vouchers are left to orders paid at once."""
        total = sum(each.amount for each in items)
        today = self.world.clock.now()
        days = [(today + timedelta(days=count)).strftime("%Y%m%d") for count in (0, 20)]
        configs = {
            "SINGLE": "SINGLE",
            "MULTI": "MULTI:count=3;period=10",
            "FIRST": f"MULTI:first={total // 4};count=3;period=30",
            "EXT": f"MULTI_EXT:{days[0]}={total // 2};{days[1]}={total - total // 2}",
        }
        head = {name: value for name, value in given.items() if name != "payment"}
        return {**head, "payment_config": configs[given["payment"]]}

    def fitting(self, items: tuple[c.ItemInput, ...], given: dict[str, Any]) -> tuple[c.ItemInput, ...]:
        """The items without vouchers where installments do not allow them."""
        if given["payment"] == "SINGLE":
            return items
        return tuple(replace(each, vouchers=()) for each in items)

    @precondition(lambda self: len(self.orders) < FEW)
    @rule(items=some_items, head=heads, until=stages, tenders=good)
    def sell(self, items: tuple[c.ItemInput, ...], head: dict[str, Any], until: str, tenders: list[c.Means]) -> None:
        items = self.fitting(items, head)
        known = len(self.orders)
        self.do(None, m.create(*items, **self.head(items, head)))
        if until == "created" or len(self.orders) == known:
            return
        self.do(self.orders[-1].ref, c.Execute(way="page", key=m.KEY))
        for each in (*tenders, m.card()) if until != "executed" else ():
            self.do(self.orders[-1].ref, c.Pay(means=each))
        if until == "captured":
            self.time_passes(timedelta(hours=1))

    @precondition(lambda self: self.among(OrderStatus.CREATED))
    @rule(
        index=indices, items=some_items, head=heads, keep=st.booleans(),
        what=st.sampled_from(["items", "head", "both", "add", "change", "link", "link", "mit", "mit"]),
    )  # fmt: skip
    def prepare(self, index: int, items: tuple[c.ItemInput, ...], head: dict[str, Any], keep: bool, what: str) -> None:
        """What a merchant does with an order that is not paid."""
        order = self.one_of(self.among(OrderStatus.CREATED), index)
        items = self.fitting(items, head)
        stored = None if order.head.alias is None else stored_by_alias(self.world, order.head.alias)
        commands: dict[str, Any] = {
            "add": c.AddItem(items[0]),
            "change": c.ChangeItem(replace(items[0], uuid=order.items[-1].uuid if order.items else m.STRANGE)),
            "link": c.Persist(m.KEY),
            "mit": c.ExecuteMit(m.KEY, stored),
        }
        if keep:
            uuids = [each.uuid for each in order.items]
            items = tuple(replace(each, uuid=uuid) for each, uuid in zip(items, uuids, strict=False))
        changes = self.head(items, head) if what != "items" else {}
        update = c.Update(changes=changes, items=items if what != "head" else None)
        self.do(order.ref, commands.get(what, update))

    @precondition(lambda self: self.among(OrderStatus.CREATED))
    @rule(index=indices, way=st.sampled_from(["page", "page", "embedded", "persist"]), registers=st.booleans())
    def execute(self, index: int, way: str, registers: bool) -> None:
        order = self.one_of(self.among(OrderStatus.CREATED), index)
        code = order.persisted.code if order.persisted is not None else "none"
        self.do(order.ref, c.Execute(way=way, key=m.KEY, registers=registers, code=code))

    @precondition(lambda self: self.among(OrderStatus.CREATED))
    @rule(index=indices, link=st.booleans())
    def link_or_pay_without_a_shopper(self, index: int, link: bool) -> None:
        order = self.one_of(self.among(OrderStatus.CREATED), index)
        if link:
            self.do(order.ref, c.Persist(m.KEY))
        else:
            stored = None if order.head.alias is None else stored_by_alias(self.world, order.head.alias)
            self.do(order.ref, c.ExecuteMit(m.KEY, stored))

    @precondition(lambda self: self.being_paid())
    @rule(
        index=indices, paid=st.one_of(means, means, good),
        percent=st.sampled_from([None, None, 0, 33, 50, 100, 101, 200]),
        page=st.sampled_from(["right", "right", "right", "any", "old"]),
    )  # fmt: skip
    def pay(self, index: int, paid: c.Means | list[c.Means], percent: int | None, page: str) -> None:
        order = self.one_of(self.being_paid(), index)
        assert order.execution is not None
        if isinstance(paid, list):
            for each in (*paid, m.card()):
                self.do(order.ref, c.Pay(means=each))
            return
        amount = None
        if percent is not None:
            amount = (spendable(order, paid, self.world.moment("lyra")) * percent + 99) // 100
        secret = {"right": order.execution.secret, "any": None, "old": "old"}[page]
        self.do(order.ref, c.Pay(means=paid, amount=amount, secret=secret))

    @precondition(lambda self: self.being_paid())
    @rule(index=indices, step=st.sampled_from(["passed", "passed", "failed", "leave", "late"]))
    def act_on_the_page(self, index: int, step: str) -> None:
        order = self.one_of(self.being_paid(), index)
        assert order.execution is not None
        commands: dict[str, Any] = {
            "passed": c.Authenticate(passed=True),
            "failed": c.Authenticate(passed=False),
            "leave": c.GiveUp(),
            "late": c.Expire(order.execution.secret),
        }
        self.do(order.ref, commands[step])

    @precondition(lambda self: self.orders)
    @rule(index=indices, what=st.sampled_from(["cancel", "validate", "validate", "activate", "activate one"]))
    def decide_about_an_order(self, index: int, what: str) -> None:
        order = self.one_of(self.orders, index)
        match what:
            case "cancel":
                self.do(order.ref, c.Cancel())
            case "validate":
                self.do(order.ref, c.Validate())
            case "activate":
                self.do(order.ref, c.Activate())
            case _:
                self.do(order.ref, c.Activate(order.items[-1].uuid if order.items else m.STRANGE))

    # -- after the payment -------------------------------------------------------------------------------------------

    def lowered(self, order: Order, percent: int, *, last: bool) -> tuple[c.ItemInput, ...]:
        """The items again, all or the last one lowered; what was eligible, or commission, is lowered with them."""
        told = []
        for index, each in enumerate(order.items):
            amount = each.amount * percent // 100 if not last or index == len(order.items) - 1 else each.amount
            vouchers = tuple(
                c.VoucherInput(v.type, None if v.eligible is None else min(v.eligible, amount)) for v in each.vouchers
            )
            commission = None if each.commission_amount is None else min(each.commission_amount, amount)
            seller = next(one for one in ALL if one.uuid == each.seller)
            told.append(
                c.ItemInput(
                    seller=seller, reference=each.reference, description=each.description, amount=amount,
                    is_commission=each.is_commission, commission_amount=commission, hold_payment=each.hold_payment,
                    vouchers=vouchers,
                )
            )  # fmt: skip
        return tuple(told)

    @precondition(lambda self: self.among(OrderStatus.PENDING))
    @rule(
        index=indices, percent=st.sampled_from([0, 33, 50, 90, 100, 100, 101]), last=st.booleans(),
        days=st.sampled_from([None, None, 0, 1, 3, 6, 7]), due_only=st.booleans(),
    )  # fmt: skip
    def revise(self, index: int, percent: int, last: bool, days: int | None, due_only: bool) -> None:
        order = self.one_of(self.among(OrderStatus.PENDING), index)
        items = None if due_only else self.lowered(order, percent, last=last)
        now = self.world.clock.now()
        due = None if days is None else (now + timedelta(days=days)).strftime("%Y%m%d%H%M%S")
        self.do(order.ref, c.Update(items=items, due=due))

    @precondition(lambda self: self.among(OrderStatus.PENDING))
    @rule(index=indices, items=some_items)
    def sell_something_else(self, index: int, items: tuple[c.ItemInput, ...]) -> None:
        order = self.one_of(self.among(OrderStatus.PENDING), index)
        spare = order.total - sum(each.amount for each in items[1:])
        if spare > 0:
            items = (replace(items[0], amount=spare, vouchers=(), commission_amount=None), *items[1:])
        self.do(order.ref, c.Update(items=items, due=None))

    @precondition(lambda self: any(len(each.transactions) > 1 for each in self.among(OrderStatus.PENDING)))
    @rule(
        index=indices, drop=st.sampled_from([0, 0, 1, 2]), percent=st.sampled_from([0, 50, 100, 100, 101]),
        days=st.sampled_from([None, 0, 5, 60]),
    )  # fmt: skip
    def reschedule(self, index: int, drop: int, percent: int, days: int | None) -> None:
        """The last installments are dropped or lowered or moved, and the last item pays for it."""
        found = [each for each in self.among(OrderStatus.PENDING) if len(each.transactions) > 1]
        order = self.one_of(found, index)
        now = self.world.clock.now()
        due = None if days is None else (now + timedelta(days=days)).strftime("%Y%m%d%H%M%S")
        kept = order.transactions[: max(1, len(order.transactions) - drop)]
        listed = [c.TransactionInput(each.trans_uuid, each.amount, None) for each in kept]
        listed[-1] = c.TransactionInput(kept[-1].trans_uuid, kept[-1].amount * percent // 100, due)
        cut = order.total - sum(each.amount or 0 for each in listed)
        items: list[c.ItemInput] = []
        for each in reversed(self.lowered(order, 100, last=True)):
            less = max(0, min(cut, each.amount))
            cut -= less
            amount = each.amount - less
            commission = None if each.commission_amount is None else min(each.commission_amount, amount)
            items.insert(0, replace(each, amount=amount, commission_amount=commission, vouchers=()))
        self.do(order.ref, c.Update(items=tuple(items) if order.items else None, transactions=tuple(listed)))

    @precondition(lambda self: self.among(OrderStatus.SUCCEEDED))
    @rule(
        index=indices, seller=st.sampled_from(ALL), percent=st.sampled_from([10, 50, 100, 100, 101]),
        operator=st.sampled_from([0, 0, 10, 100]), named=st.booleans(), settled=st.booleans(),
    )  # fmt: skip
    def refund(
        self, index: int, seller: Seller, percent: int, operator: int, named: bool, settled: bool
    ) -> None:  # fmt: skip
        order = self.one_of(self.among(OrderStatus.SUCCEEDED), index)
        first = next(one for one in ALL if one.uuid == order.items[0].seller)
        earned: Counter[str] = Counter()
        for capture in self.books.captures.get(order.ref, ()):
            for share in capture.shares:
                earned[share.seller] += share.amount
        seller = seller if earned[seller.uuid] else first
        lines = [m.back(earned[seller.uuid] * percent // 100, seller)]
        if operator:
            lines.append(m.back(earned[m.OPERATOR.uuid] * operator // 100, m.OPERATOR))
        transaction = order.transactions[0].trans_uuid if named else ""
        self.do(order.ref, m.ask(*lines, transaction=transaction))
        if settled:
            self.time_passes(timedelta(hours=2))

    @precondition(lambda self: self.refunds())
    @rule(index=indices, percent=st.sampled_from([50, 100, 101]), change=st.booleans())
    def change_or_cancel_a_refund(self, index: int, percent: int, change: bool) -> None:
        order, found = self.one_of(self.refunds(), index)
        if not change:
            self.do(order.ref, c.CancelRefund(found.ref))
            return
        seller = next(one for one in ALL if one.uuid == found.items[0].seller)
        self.do(order.ref, c.ChangeRefund(found.ref, "less", (m.back(found.amount * percent // 100, seller),)))

    @precondition(lambda self: self.orders)
    @rule(
        index=indices,
        which=st.sampled_from(["expire", "link", "notify", "validation", "capture", "send", "settle", "close", "pay"]),
    )
    def the_clock_is_early_or_late(self, index: int, which: str) -> None:
        """Most of it is refused; then nothing may change."""
        order = self.one_of(self.orders, index)
        refund = order.refunds[-1].ref if order.refunds else m.STRANGE
        if which in ("close", "pay"):
            seller = order.items[0].seller if order.items else m.LUCIE.uuid
            old = m.STRANGE
            self.do(seller, cashouts.Close(old) if which == "close" else cashouts.Execute(old), SELLER_PAYOUTS)
            return
        transaction = order.transactions[0] if order.transactions else None
        code = order.persisted.code if order.persisted is not None else "none"
        commands: dict[str, Any] = {
            "expire": c.Expire("old"),
            "link": c.ExpireLink(code),
            "notify": c.Notify(),
            "validation": c.ExpireValidation(),
            "capture": c.Capture(
                transaction.trans_uuid if transaction is not None else m.STRANGE,
                transaction.due if transaction is not None else m.START,
            ),
            "send": c.SendRefund(refund),
            "settle": c.SettleRefund(refund),
        }
        self.do(order.ref, commands[which])

    def go_to(self, moment: datetime) -> None:
        """The clock moves; what becomes due is done."""
        self.steps.append(("at", moment, None, None))
        self.runner.run(self.market.at(moment))

    @rule(span=spans)
    def time_passes(self, span: timedelta | str) -> None:
        now = self.world.clock.now()
        if isinstance(span, timedelta):
            self.go_to(now + span)
            return
        tomorrow = now.astimezone(paris()).date() + timedelta(days=1)
        midnight = datetime.combine(tomorrow, time(), paris()).astimezone(UTC)
        self.go_to(midnight if span == "midnight" else max(now, midnight - timedelta(seconds=1)))

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def facts_follow_from_facts(self) -> None:
        assert {each.ref: each.status for each in self.orders} == self.books.status

    @invariant()
    def the_ledger_is_balanced_and_nobody_owes(self) -> None:
        balances = self.world.ledger.balances()
        assert sum(balances.values()) == 0
        assert {
            account: minor for (account, _), minor in balances.items() if minor < 0 and account[:6] != "world/"
        } == {}

    @invariant()
    def transactions_add_up_to_the_order(self) -> None:
        for order in self.among(*PAID):
            assert sum(each.amount for each in order.transactions) == order.total
            assert order.execution is not None
            assert order.total <= order.execution.amount
            assert all(0 <= each.amount <= each.initial for each in order.transactions)
            numbers = [each.sequence for each in order.transactions]
            assert numbers == sorted(set(numbers))
        for order in self.among(OrderStatus.PENDING):
            assert any(each.status in OPEN for each in order.transactions), "all is captured and the order PENDING"

    @invariant()
    def vouchers_pay_what_they_may(self) -> None:
        for order in self.orders:
            assert order.paid <= order.total
            winners = dict(order.execution.winners) if order.execution is not None else {}
            for item in order.items:
                assert item.by_vouchers <= item.amount
                for voucher in item.vouchers:
                    most = item.amount if voucher.eligible is None else voucher.eligible
                    assert 0 <= (voucher.actual or 0) <= most <= item.amount
                    if order.execution is not None:
                        assert voucher.selected is (winners.get(voucher.type) == item.seller)
                    if order.status not in PAID and not order.transactions:
                        assert voucher.actual is None
                    if not voucher.selected:
                        assert voucher.actual is None

    @invariant()
    def what_vouchers_paid_is_spread_over_items(self) -> None:
        for order in self.among(*PAID):
            for contract_type, kind in (("CONECS", "conecs"), ("CVCONNECT", "cv_connect")):
                found = [each.voucher(contract_type) for each in order.items]
                actual = [each.actual for each in found if each is not None and each.selected]
                paid = sum(each.amount for each in order.transactions if each.instrument.kind == kind)
                assert sum(each or 0 for each in actual) == paid
                assert all((each is None) is (paid == 0) for each in actual), "there is an amount where a type was used"

    @invariant()
    def shares_on_the_page_stay_within_what_is_eligible(self) -> None:
        for order in self.orders:
            for contract_type, kind in (("CONECS", "conecs"), ("CVCONNECT", "cv_connect")):
                found = [(item, item.voucher(contract_type)) for item in order.items]
                most = sum(
                    item.amount if each.eligible is None else each.eligible
                    for item, each in found
                    if each is not None and each.selected
                )
                assert order.share(kind) <= most

    @invariant()
    def a_tender_has_what_its_payments_left(self) -> None:
        spent: Counter[str] = Counter()
        waits: Counter[str] = Counter()
        days: Counter[str] = Counter()
        for each in self.books.all_payments:
            account = each.instrument.account
            assert 0 <= each.refunded <= each.taken
            spent[account] += each.held + each.taken - each.refunded
            waits[held(account)] += each.held
            if each.counted:
                days[f"{each.instrument.ceiling}/{each.day}"] += each.counted
        openings = self.world.setups["lyra"].openings
        for account, opening in openings.items():
            if not account.startswith("lyra/seller/"):
                assert self.market.balance(account) == opening.minor - spent[account]
        for account, minor in waits.items():
            assert self.market.balance(account) == minor
        for (account, _), minor in self.world.ledger.balances().items():
            if account.startswith("lyra/spent/"):
                assert minor == days[account]
                limit = next((each for name, each in LIMITS.items() if f"/{name[-4:]}-" in account), 2_500)
                assert self.lifts or minor <= limit

    @invariant()
    def a_payment_that_came_to_nothing_keeps_nothing(self) -> None:
        for order in self.orders:
            payments = self.books.payments[order.ref].values()
            if order.status in (OrderStatus.CANCELLED, OrderStatus.ABANDONED, OrderStatus.FAILED):
                assert not order.shares
                assert all(each.held == 0 and not each.is_open for each in payments)
            if order.status in (OrderStatus.CANCELLED, OrderStatus.ABANDONED):
                assert all(each.taken == 0 and each.counted == 0 for each in payments)
            if order.status is OrderStatus.CREATED and not order.is_open and order.ended != "paid":
                assert not order.shares
                assert all(not each.is_open for each in payments)

    @invariant()
    def sellers_have_what_was_captured_for_them(self) -> None:
        balances = self.world.ledger.balances()
        for seller in ALL:
            opening = seller.reserve.minor if seller.reserve is not None else 0
            uuid = seller.uuid
            there = self.market.balance(seller_account(uuid)) + self.market.balance(retained(uuid))
            assert there == opening + self.books.earned[uuid] - self.books.paid_out[uuid]
            assert self.market.balance(retained(uuid)) == self.books.retained[uuid]
        assert self.market.balance("lyra/fees") == self.books.fees
        assert all(account.startswith(KNOWN) for account, _ in balances)

    @invariant()
    def each_seller_gets_its_items(self) -> None:
        """What was captured is what transfers show; all of it, once all is captured."""
        for order in self.orders:
            captures = self.books.captures[order.ref]
            told = {each.uuid: each for each in transfers(order, m.OPERATOR.uuid)}
            if order.status in PAID:
                assert sum(each.amount for each in told.values()) == order.total
            for share in (each for capture in captures for each in capture.shares):
                shown = told.get(share.transfer)
                assert shown is not None, "a transfer that was captured is gone"
                assert (shown.seller, shown.amount, shown.item.uuid) == (share.seller, share.amount, share.item)
                waits = share.retained and not self.books.freed[share.item, share.seller]
                assert shown.retained is waits
                assert shown.status == ("PENDING" if waits else "SUCCEEDED")
            if order.status is OrderStatus.SUCCEEDED:
                self.all_is_shared_out(order, captures)

    def all_is_shared_out(self, order: Order, captures: Sequence[e.Captured]) -> None:
        """Sellers have their items less the commission inside, the operator the commissions."""
        got: Counter[str] = Counter()
        for share in (each for capture in captures for each in capture.shares):
            got[share.seller] += share.amount
        expected: Counter[str] = Counter()
        for item in order.items:
            expected[item.seller] += item.amount - (item.commission_amount or 0)
            expected[m.OPERATOR.uuid] += item.commission_amount or 0
        assert +got == +expected

    @invariant()
    def cashouts_pay_what_was_earned(self) -> None:
        if not self.settled:
            return
        for payouts in self.payouts:
            credited = sum(each.credited for each in payouts.cashouts)
            assert credited == self.books.credited[payouts.seller]
            charged = sum(each.amount for one in payouts.cashouts for each in one.charges)
            assert charged <= self.books.refunded[payouts.seller]
            paid = sum(each.amount for each in payouts.cashouts if each.status is CashoutStatus.SUCCEEDED)
            assert paid == self.books.paid_out[payouts.seller]
            for each in payouts.cashouts:
                assert 0 <= each.amount <= each.credited
                assert len({(one.refund, one.amount, one.at) for one in each.charges}) == len(each.charges)
        sellers = {each.seller for each in self.payouts}
        assert {seller for seller, minor in self.books.credited.items() if minor} <= sellers

    @property
    def settled(self) -> bool:
        """Whether nothing is due now: what was just captured joins its cashout when the clock is looked at."""
        due = self.world.outbox.next_due()
        return due is None or due > self.world.clock.now()

    @invariant()
    def refunds_give_back_no_more_than_was_captured(self) -> None:
        for order in self.orders:
            for transaction in order.transactions:
                payment = self.books.payments[order.ref].get(transaction.trans_uuid)
                assert order.refunded(transaction.trans_uuid) == (0 if payment is None else payment.refunded)
                assert order.refunded(transaction.trans_uuid) <= transaction.amount
            for refund in order.refunds:
                assert refund.amount <= refund.initial
                done = refund.status is RefundStatus.SUCCEEDED
                assert sum(amount for _, amount in refund.parts) == (refund.amount if done else 0)

    @invariant()
    def nothing_outlives_its_time(self) -> None:
        if not self.settled:
            return
        now = self.world.clock.now()
        delay = self.world.setups["lyra"].settings.remittance_delay
        for order in self.orders:
            if order.is_open:
                assert order.execution is not None
                assert order.execution.expires is not None
                assert now < order.execution.expires
            if order.status is OrderStatus.PENDING and not any(
                each.status == "TO_VALIDATE" for each in order.transactions
            ):
                waits = [each.due + delay for each in order.transactions if each.status == "PENDING"]
                assert all(each > now or order.updated + delay > now for each in waits), "a capture was forgotten"

    @invariant()
    def every_change_is_told_once(self) -> None:
        for order in self.orders:
            assert self.books.webhooks["order", order.ref] == self.books.moves["order", order.ref]
            for refund in order.refunds:
                assert self.books.webhooks["refund", refund.ref] == self.books.moves["refund", refund.ref]
            assert self.books.webhooks["token", order.ref] <= 1

    @invariant()
    def somebody_waits_for_a_shopper_exactly_while_one_can_act(self) -> None:
        linked = [
            each
            for each in self.orders
            if each.persisted is not None and each.status is OrderStatus.CREATED and not each.ended
        ]
        assert set(self.world.waiting) == {each.ref for each in (*self.being_paid(), *linked)}

    # -- the end -----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Time goes on until nothing is open; the same steps make the same world, and its facts read again as well."""
        try:
            if hasattr(self, "market"):
                for span in (timedelta(days=1), timedelta(days=8), timedelta(days=40), timedelta(days=400)):
                    self.time_passes(span)
                    for each in self.invariants:
                        each.function(self)
                self.all_has_ended()
                self.runner.run(self.read_again())
                self.runner.run(self.live_again())
        finally:
            self.runner.close()

    def all_has_ended(self) -> None:
        """Only orders that nobody has executed are left, and money that waits for an activation."""
        assert all(each.execution is None for each in self.among(OrderStatus.CREATED))
        assert not self.among(OrderStatus.PENDING)
        assert all(each.status not in (RefundStatus.CREATED, RefundStatus.PENDING) for _, each in self.refunds())
        assert all(not each.unpaid for each in self.payouts)
        held_accounts = [account for account, _ in self.world.ledger.balances() if "/held" in account]
        assert all(self.market.balance(each) == 0 for each in held_accounts)

    async def read_again(self) -> None:
        """A World that folds the events is the same World."""
        again = World(self.world.name, self.world.key, self.chosen, (PROVIDER,), self.market.store, Journal())
        await again.catch_up()
        assert told(again) == told(self.world)

    async def live_again(self) -> None:
        """The same seed and the same steps give the same events."""
        again = await m.Market(self.chosen).open()
        for what, ref, command, lifecycle in self.steps:
            if what == "at":
                await again.at(ref)
                continue
            try:
                await again.do(ref, command, lifecycle)
            except Refusal:
                continue
        assert told(again.world) == told(self.world)
        name = self.world.name
        assert list(await again.store.read(name, 0)) == list(await self.market.store.read(name, 0))


LIMITS = {m.NINETEEN: 1_900, m.WIDE: 1_000_000}
KNOWN = (
    "world/",
    "lyra/seller/",
    "lyra/conecs/",
    "lyra/cv_connect/",
    "lyra/card/",
    "lyra/spent/",
    "lyra/held/",
    "lyra/fees",
)

LivesOfOrders.TestCase.settings = settings(
    max_examples=LIVES,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestLivesOfOrders = LivesOfOrders.TestCase

__all__ = ["TestLivesOfOrders"]
