"""Decisions about orders, straight in the core: what is allowed when, what is refused, and what is known afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest

from mockpsp.domain.errors import Refusal
from mockpsp.domain.lifecycle import Lifecycle
from mockpsp.domain.machine import IllegalStep, follow
from mockpsp.domain.money import Money
from mockpsp.providers.lyra import PROVIDER, holdings
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.cashouts import CASHOUT, SELLER_PAYOUTS, Cashout, Payouts
from mockpsp.providers.lyra.decide import fees
from mockpsp.providers.lyra.errors import Executed, Invalid, NotCancellable, NotFound, ShopperRefused
from mockpsp.providers.lyra.holdings import Seller, seller_account
from mockpsp.providers.lyra.orders import ORDERS, retained
from mockpsp.providers.lyra.states import (
    ORDER,
    REFUND,
    TRANSACTION,
    Order,
    OrderStatus,
    Refund,
    RefundStatus,
    TransactionStatus,
)
from mockpsp.providers.lyra.stored import stored_by_alias
from mockpsp.providers.lyra.vault import TOKEN
from mockpsp.scenario.model import Condition, DeliveryRule, Op, Rule, Scenario, Trigger
from mockpsp.world.delivery import Courier
from mockpsp.world.journal import Journal
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.store import MemoryStore, Store
from mockpsp.world.targets import is_local
from mockpsp.world.world import Outcome, World

START = datetime(2026, 1, 6, 9, 15, tzinfo=UTC)
KEY = "00000000"
STRANGE = "00000000-0000-4000-a000-000000000000"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def eur(minor: int) -> Money:
    """So many cents."""
    return Money(minor, "EUR")


RICH, NINETEEN, WIDE, EMPTY, BLOCKED = (
    "5017670000006120", "5017670000001900", "5017670000009999", "5017670000000000", "5017670000000005",
)  # fmt: skip
WALLET, PURSE, NO_WALLET = "11111111111", "77777777777", "33333333333"
VISA, SECURE, LIMITED, SECURE_LIMITED, DECLINED = (
    "4970100000000000", "4970100000000009", "4035501000000008", "4917610000000000", "4970100000000098",
)  # fmt: skip
ALIAS, POOR_ALIAS = "stored-card", "stored-limited-card"
PEOPLE: Mapping[str, Any] = {
    "sellers": [
        {
            "external_ref": "lucie", "vouchers": {"CONECS": "1999011", "CVCONNECT": "30012345"}, "cashout_delay": 2,
            "reserve": eur(5_000),
        },
        {"external_ref": "basile", "vouchers": {"CONECS": "1204477", "CVCONNECT": "30067890"}},
        {"external_ref": "cave", "cashout_delay": 1},
        {"external_ref": "closed", "status": "INACTIVE"},
        {"external_ref": "operator", "operator": True},
    ],
    "meal_cards": [
        {"number": RICH, "expiry": "12/2030", "cvv": "123", "balance": eur(6_120)},
        {"number": NINETEEN, "balance": eur(100_000), "daily_limit": eur(1_900)},
        {"number": WIDE, "balance": eur(1_000_000), "daily_limit": eur(1_000_000)},
        {"number": EMPTY, "balance": eur(0)},
        {"number": BLOCKED, "balance": eur(5_000), "answers": "refuses", "reason": "lost"},
    ],
    "wallets": [
        {"beneficiary": WALLET, "email": "alice@example.test", "balance": eur(10_000_000)},
        {"beneficiary": PURSE, "balance": eur(3_000)},
        {"beneficiary": NO_WALLET, "balance": eur(3_000), "answers": "refuses"},
    ],
    "cards": [
        {"number": VISA, "scheme": "CB"},
        {"number": SECURE, "scheme": "CB", "three_ds": "challenge"},
        {"number": LIMITED, "scheme": "CB", "balance": eur(20_000)},
        {"number": SECURE_LIMITED, "scheme": "CB", "balance": eur(20_000), "three_ds": "challenge"},
        {"number": DECLINED, "scheme": "CB", "answers": "refuses", "reason": "limit_exceeded"},
    ],
    "stored_cards": [{"alias": ALIAS, "number": VISA}, {"alias": POOR_ALIAS, "number": LIMITED}],
}  # fmt: skip


def rule(operation: str, outcome: str, *, number: int = 1, **more: Any) -> Rule:
    """A rule of a scenario; ``nth`` and ``times`` go to its trigger, ``reason`` stays, all else are conditions."""
    given = dict(more)
    nth, times, reason = (given.pop(name, None) for name in ("nth", "times", "reason"))
    when = tuple(Condition(fact, Op.IS, value) for fact, value in given.items())
    return Rule(
        key=f"rules/{number}", name=f"rule {number}", operation=f"lyra.{operation}",
        trigger=Trigger(when, nth, times), outcome=outcome, reason=reason,
    )  # fmt: skip


def scenario(
    *,
    rules: Sequence[Rule] = (),
    webhooks: Sequence[DeliveryRule] = (),
    clock: datetime = START,
    marketplace: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Scenario:
    """A scenario as the loader would build it, with the sellers and tenders above."""
    return Scenario(
        name="test", title="A test", seed=7, clock=clock, settings={"lyra": settings},
        world={"lyra": {**PEOPLE, "marketplace": marketplace or {}}}, rules=tuple(rules), webhooks=tuple(webhooks),
    )  # fmt: skip


WORLD: holdings.Holdings = holdings.setup(scenario()).world
LUCIE, BASILE, CAVE, CLOSED, OPERATOR = WORLD.sellers.values()
CHARGES: Mapping[str, Any] = {"currencies": [{"currency": "EUR", "commission_prorata": 2.0, "commission_fix": 25}]}
"""A marketplace of which Lyra takes 2 % and 25 cents a transaction, before 20 % of VAT."""


def line(
    amount: int, seller: Seller = LUCIE, *, conecs: int | None = None, holiday: bool = False, **more: Any
) -> c.ItemInput:
    """An item as it is asked for; ``conecs`` is the eligible amount."""
    vouchers = () if conecs is None else (c.VoucherInput("CONECS", conecs),)
    vouchers = (*vouchers, c.VoucherInput("CVCONNECT")) if holiday else vouchers
    given = {"reference": "item", "description": "Something", "vouchers": vouchers, **more}
    return c.ItemInput(seller=seller, amount=amount, **given)


def fee_line(amount: int) -> c.ItemInput:
    """The marketplace's commission as an item."""
    return line(amount, OPERATOR, is_commission=True)


def back(amount: int, seller: Seller = LUCIE, **more: Any) -> c.RefundItemInput:
    """A line of a refund."""
    return c.RefundItemInput(seller=seller, reference="back", amount=amount, **more)


def ask(*items: c.RefundItemInput, transaction: str = "", currency: str = "EUR") -> c.AskRefund:
    """POST /refunds."""
    return c.AskRefund(transaction=transaction, reference="R-1", description=None, currency=currency, items=items)


def meal(number: str = WIDE, **changes: Any) -> c.Means:
    """A meal card in the shopper's hand."""
    return c.Means(**{"kind": "conecs", "number": number, "expiry": "12/2030", "cvv": "123", **changes})


def wallet(beneficiary: str = WALLET) -> c.Means:
    """Holiday vouchers in the shopper's hand."""
    return c.Means(kind="cv_connect", number=beneficiary)


def card(number: str = VISA, **changes: Any) -> c.Means:
    """A payment card in the shopper's hand."""
    return c.Means(**{"kind": "card", "number": number, "expiry": "12/2030", "cvv": "123", **changes})


class Market:
    """A sandbox without HTTP: ``do`` runs a command, ``advance`` moves the clock and does what becomes due."""

    def __init__(self, chosen: Scenario | None = None, store: Store | None = None, name: str = "market") -> None:
        self.store = store or MemoryStore()
        self.scenario = chosen or scenario()
        self.world = World(name, KEY, self.scenario, (PROVIDER,), self.store, Journal())
        self.courier = Courier({"lyra": PROVIDER.policy}, {"lyra": PROVIDER.driver}, is_local)
        self.sandbox = Sandbox(
            id=name, key=KEY, credentials={"lyra": PROVIDER.credentials(name, self.scenario)}, world=self.world,
            seed=None, start=None, created=START,
        )  # fmt: skip

    async def open(self) -> Market:
        """Write the opening balances."""
        await self.world.open()
        return self

    async def do(self, ref: str | None, command: Any, lifecycle: Lifecycle[Any, Any] = ORDERS) -> Outcome:
        """One command."""
        return await self.world.execute(lifecycle, ref, command)

    async def at(self, moment: datetime) -> None:
        """Move the clock to a moment, and do what becomes due."""
        await self.courier.advance(self.sandbox, moment)

    async def advance(self, span: timedelta) -> None:
        """Move the clock on, and do what becomes due."""
        await self.at(self.world.clock.now() + span)

    # -- what merchants and shoppers do ------------------------------------------------------------------------------

    async def create(self, *items: c.ItemInput, **head: Any) -> str:
        """POST /orders: its uuid."""
        return (await self.do(None, create(*items, **head))).ref

    async def executed(self, *items: c.ItemInput, registers: bool = False, **head: Any) -> str:
        """A new order whose page is open."""
        ref = await self.create(*items, **head)
        await self.do(ref, c.Execute(way="page", key=KEY, registers=registers))
        return ref

    async def pay(self, ref: str, means: c.Means, amount: int | None = None) -> Order:
        """The shopper pays a share."""
        await self.do(ref, c.Pay(means=means, amount=amount))
        return self.order(ref)

    async def paid(self, *items: c.ItemInput, tenders: Sequence[c.Means] = (), **head: Any) -> Order:
        """An order that is PENDING; each tender pays all it can."""
        ref = await self.executed(*items, **head)
        for each in tenders or (card(),):
            await self.pay(ref, each)
        assert self.order(ref).status is OrderStatus.PENDING
        return self.order(ref)

    async def captured(self, *items: c.ItemInput, tenders: Sequence[c.Means] = (), **head: Any) -> Order:
        """An order that SUCCEEDED, an hour after it was paid."""
        ref = (await self.paid(*items, tenders=tenders, **head)).ref
        await self.advance(HOUR)
        assert self.order(ref).status is OrderStatus.SUCCEEDED
        return self.order(ref)

    async def refund(self, ref: str, *items: c.RefundItemInput, transaction: str = "") -> str:
        """POST /refunds: its uuid."""
        asked = (await self.do(ref, ask(*items, transaction=transaction))).events[0]
        return str(asked.refund)

    async def refused(self, ref: str | None, command: Any, why: type[Refusal] = Invalid) -> Any:
        """A command that must be refused and change nothing: the refusal, of an Invalid its body."""
        before = self.world.version
        with pytest.raises(why) as caught:
            await self.do(ref, command)
        assert self.world.version == before
        return caught.value.body if isinstance(caught.value, Invalid) else caught.value

    # -- what is to be seen ------------------------------------------------------------------------------------------

    def order(self, ref: str) -> Order:
        """An order's present state."""
        found: Order = self.world.state(ORDERS.name, ref)
        return found

    def the_refund(self, ref: str) -> Refund:
        """A refund's present state."""
        owner = self.world.owner(ORDERS.name, ref)
        assert owner is not None, f"nothing has the reference {ref}"
        found = self.order(owner).refund(ref)
        assert found is not None, f"{ref} is no refund"
        return found

    def cashouts(self, seller: Seller) -> tuple[Cashout, ...]:
        """A seller's cashouts, oldest first."""
        found: Payouts | None = self.world.state(SELLER_PAYOUTS.name, seller.uuid)
        return () if found is None else found.cashouts

    def balance(self, account: str) -> int:
        """Cents on an account."""
        return self.world.ledger.balance(account, "EUR").minor

    def earned(self, seller: Seller) -> int:
        """Cents that Lyra owes a seller."""
        return self.balance(seller_account(seller.uuid))

    def spent(self, number: str, day: str = "2026-01-06") -> int:
        """Cents that a meal card has spent on a day."""
        return self.balance(f"lyra/spent/{WORLD.meal_cards[number].account.rpartition('/')[2]}/{day}")

    def webhooks(self) -> list[tuple[str, str]]:
        """Every webhook so far: what it is about, and the status it told."""
        return [(each.data.kind, each.data.ref) for each in self.world.journal.since(0) if each.kind == "webhook"]


def create(*items: c.ItemInput, **head: Any) -> c.Create:
    """POST /orders."""
    usual = {"reference": "CMD-1", "currency": "EUR", "buyer": b'{"email": "paul@example.test"}'}
    return c.Create("market", e.Head(**{**usual, **head}), items)


async def market(chosen: Scenario | None = None, **settings: Any) -> Market:
    """An open market."""
    return await Market(chosen or scenario(**settings)).open()


# -- tables ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [ORDER, TRANSACTION, REFUND, CASHOUT, TOKEN])
def test_every_status_has_a_row_and_every_step_leads_to_one(table: Mapping[Enum, Mapping[type[Any], Enum]]) -> None:
    statuses = set(type(next(iter(table))))
    assert set(table) == statuses
    for row in table.values():
        assert set(row.values()) <= statuses


def ways(table: Mapping[Any, Mapping[type[Any], Any]]) -> set[tuple[str, str]]:
    """Which status leads to which other one."""
    return {(now.value, to.value) for now, row in table.items() for to in row.values() if to is not now}


def test_an_order_goes_the_documented_ways() -> None:
    assert ways(ORDER) == {
        ("CREATED", "PENDING"), ("CREATED", "FAILED"), ("CREATED", "ABANDONED"), ("CREATED", "CANCELLED"),
        ("PENDING", "SUCCEEDED"), ("PENDING", "CANCELLED"), ("PENDING", "FAILED"),
    }  # fmt: skip


def test_a_transaction_goes_the_documented_ways() -> None:
    assert ways(TRANSACTION) == {
        ("TO_VALIDATE", "PENDING"), ("TO_VALIDATE", "EXPIRED"), ("TO_VALIDATE", "CANCELLED"),
        ("PENDING", "SUCCEEDED"), ("PENDING", "CANCELLED"), ("PENDING", "FAILED"),
    }  # fmt: skip


def test_a_refund_goes_the_documented_ways() -> None:
    assert ways(REFUND) == {
        ("CREATED", "PENDING"), ("CREATED", "CANCELLED"), ("PENDING", "SUCCEEDED"), ("PENDING", "FAILED"),
        ("PENDING", "CANCELLED"),
    }  # fmt: skip


def test_a_step_that_the_table_lacks_is_refused() -> None:
    for ended in (OrderStatus.CANCELLED, OrderStatus.FAILED, OrderStatus.ABANDONED):
        with pytest.raises(IllegalStep):
            follow(ORDER, ended, e.OrderPaid)
    with pytest.raises(IllegalStep):
        follow(REFUND, RefundStatus.SUCCEEDED, e.RefundCancelled)
    with pytest.raises(IllegalStep):
        follow(TRANSACTION, TransactionStatus.SUCCEEDED, e.OrderCancelled)


# -- create and execute ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "wrong"),
    [
        ([line(500, CLOSED)], "seller"),
        ([line(500, is_commission=True)], "seller"),
        ([line(500, OPERATOR, is_commission=True, commission_amount=5)], "commission_amount"),
        ([line(500, OPERATOR, is_commission=True, hold_payment=True)], "hold_payment"),
        ([line(500, commission_amount=501)], "commission_amount"),
        ([line(500, conecs=501)], "vouchers"),
        ([line(500, CAVE, conecs=500)], "vouchers"),
        ([line(500, CAVE, holiday=True)], "vouchers"),
        ([line(500, vouchers=(c.VoucherInput("CONECS"),))], "vouchers"),
        ([line(500, vouchers=(c.VoucherInput("CVCONNECT"), c.VoucherInput("CVCONNECT")))], "vouchers"),
    ],
)
async def test_an_item_that_cannot_be_sold_is_named_in_its_place(items: list[c.ItemInput], wrong: str) -> None:
    shop = await market()
    body = await shop.refused(None, create(line(100), *items))
    assert body["items"][0] == {}
    assert set(body["items"][1]) == {wrong}


async def test_what_an_order_may_not_begin_with() -> None:
    shop = await market()
    assert set(await shop.refused(None, create(currency="USD"))) == {"currency"}
    assert set(await shop.refused(None, create(line(100), capture_delay=7))) == {"capture_delay"}
    assert set(await shop.refused(None, create(line(100), capture_delay=-1))) == {"capture_delay"}
    multi = "MULTI:count=2;period=1"
    assert set(await shop.refused(None, create(line(100, conecs=50), payment_config=multi))) == {"payment_config"}


async def test_a_voucher_without_a_contract_is_left_out_where_the_setting_says_so() -> None:
    shop = await market(missing_contract="ignored")
    order = shop.order(await shop.create(line(500, CAVE, conecs=500, holiday=True), line(500, conecs=100)))
    assert [len(each.vouchers) for each in order.items] == [0, 1]


async def test_an_order_needs_an_amount_to_be_executed() -> None:
    shop = await market()
    for items in ([], [line(0)]):
        ref = await shop.create(*items)
        body = await shop.refused(ref, c.Execute(way="page", key=KEY))
        assert body == {"amount": "The sum of item amounts cannot be zero or negative."}


async def test_executing_again_voids_the_first_page_and_gives_back_what_was_paid_there() -> None:
    shop = await market()
    ref = await shop.executed(line(3_000, conecs=1_000))
    old = shop.order(ref).execution
    assert old is not None
    await shop.pay(ref, meal(RICH))
    assert (shop.spent(RICH), shop.order(ref).remaining) == (1_000, 2_000)
    await shop.do(ref, c.Execute(way="page", key=KEY))
    assert (shop.spent(RICH), shop.order(ref).remaining) == (0, 3_000)
    await shop.refused(ref, c.Pay(means=card(), secret=old.secret), ShopperRefused)
    await shop.refused(ref, c.Expire(old.secret), ShopperRefused)
    await shop.refused(ref, c.Cancel(), Executed)


async def test_a_change_closes_the_page() -> None:
    shop = await market()
    ref = await shop.executed(line(3_000, conecs=1_000))
    await shop.pay(ref, meal(RICH))
    await shop.do(ref, c.AddItem(line(100)))
    assert shop.order(ref).execution is None
    assert shop.spent(RICH) == 0
    assert [each.vouchers[0].selected for each in shop.order(ref).items if each.vouchers] == [None]
    await shop.refused(ref, c.Pay(means=card()), ShopperRefused)
    await shop.do(ref, c.Cancel())
    assert shop.order(ref).status is OrderStatus.CANCELLED


async def test_an_item_that_was_released_is_not_held_again() -> None:
    shop = await market()
    ref = await shop.create(line(100, hold_payment=True))
    [item] = shop.order(ref).items
    await shop.do(ref, c.Activate(item.uuid))
    again = line(100, hold_payment=True, uuid=item.uuid)
    assert set(await shop.refused(ref, c.ChangeItem(again))) == {"hold_payment"}
    assert set(await shop.refused(ref, c.Activate())) == {"hold_payment"}
    await shop.refused(ref, c.Activate(STRANGE), NotFound)


async def test_while_the_notification_of_a_payment_is_under_way_nothing_can_be_changed() -> None:
    shop = await market(notification_delay=2 * MINUTE)
    ref = await shop.executed(line(1_000))
    order = await shop.pay(ref, card())
    assert (order.status, order.ended) == (OrderStatus.CREATED, "paid")
    changed = line(500, uuid=order.items[0].uuid)
    commands = (c.Update(), c.AddItem(line(1)), c.ChangeItem(changed), c.Execute(way="page", key=KEY), c.Persist(KEY))
    for command in commands:
        assert set(await shop.refused(ref, command)) == {"status"}
    await shop.refused(ref, c.Cancel(), Executed)
    await shop.advance(2 * MINUTE)
    order = shop.order(ref)
    assert order.status is OrderStatus.PENDING
    assert [each.amount for each in order.transactions] == [1_000]


@pytest.mark.parametrize("delay", [timedelta(0), MINUTE])
async def test_a_failed_order_says_why_the_last_attempt_was_refused(delay: timedelta) -> None:
    shop = await market(notification_delay=delay, extra_attempts=1)
    ref = await shop.executed(line(1_000))
    await shop.pay(ref, card(expiry="01/2020"))
    assert shop.order(ref).status is OrderStatus.CREATED
    await shop.pay(ref, card(DECLINED))
    await shop.advance(delay)
    why = [each.data.why for each in shop.world.journal.since(0) if isinstance(each.data, e.OrderFailed)]
    assert why == ["limit_exceeded"]


async def test_a_rule_that_accepts_makes_no_money() -> None:
    """Not even where something else than the funds was wrong."""
    rules = [rule("conecs", "accepted"), rule("cv_connect", "accepted", number=2)]
    for means, amount in ((meal(RICH, cvv="999"), 6_121), (wallet(NO_WALLET), 3_001)):
        shop = await market(scenario(rules=rules, daily_limit=eur(100_000)))
        ref = await shop.executed(line(9_000, conecs=9_000, holiday=True))
        order = await shop.pay(ref, means, amount)
        assert order.status is OrderStatus.FAILED
        ref = await shop.executed(line(9_000, conecs=9_000, holiday=True))
        assert (await shop.pay(ref, means, amount - 1)).paid == amount - 1


async def test_a_meal_card_pays_up_to_its_day_and_up_to_what_it_holds() -> None:
    shop = await market(page_life=10 * DAY)
    for paid in (2_500, 2_500, 1_120):
        ref = await shop.executed(line(9_000, conecs=9_000))
        assert (await shop.pay(ref, meal(RICH))).paid == paid
        other = await shop.executed(line(9_000, conecs=9_000))
        await shop.refused(other, c.Pay(means=meal(RICH)), ShopperRefused)
        failed = await shop.pay(other, meal(RICH), 1)
        assert failed.status is OrderStatus.FAILED
        await shop.advance(DAY)
    why = [each.data.why for each in shop.world.journal.since(0) if isinstance(each.data, e.OrderFailed)]
    assert why == ["daily_limit", "daily_limit", "insufficient_funds"]
    ref = await shop.executed(line(9_000, conecs=9_000))
    assert (await shop.pay(ref, meal(NINETEEN))).paid == 1_900


async def test_a_wallet_pays_up_to_what_it_holds() -> None:
    shop = await market()
    ref = await shop.executed(line(9_000, holiday=True))
    assert (await shop.pay(ref, wallet(PURSE))).paid == 3_000
    other = await shop.executed(line(9_000, holiday=True))
    await shop.refused(other, c.Pay(means=wallet(PURSE)), ShopperRefused)


async def test_a_link_does_not_outlive_its_time() -> None:
    shop = await market(persist_life=5 * MINUTE)
    ref = await shop.create(line(1_000))
    await shop.do(ref, c.Persist(KEY))
    linked = shop.order(ref).persisted
    assert linked is not None
    await shop.do(ref, c.Execute(way="page", key=KEY))
    await shop.advance(5 * MINUTE)
    assert shop.order(ref).is_open
    await shop.refused(ref, c.Execute(way="persist", key=KEY, code=linked.code), NotFound)
    other = await shop.create(line(1_000))
    await shop.do(other, c.Persist(KEY))
    await shop.advance(5 * MINUTE)
    assert shop.order(other).status is OrderStatus.ABANDONED


async def test_a_merchant_pays_with_what_is_stored() -> None:
    shop = await market()
    ref = await shop.create(line(1_000), alias=ALIAS)
    await shop.do(ref, c.ExecuteMit(KEY, stored_by_alias(shop.world, ALIAS)))
    assert shop.order(ref).status is OrderStatus.PENDING
    other = await shop.create(line(20_001), alias=POOR_ALIAS)
    await shop.do(other, c.ExecuteMit(KEY, stored_by_alias(shop.world, POOR_ALIAS)))
    assert shop.order(other).status is OrderStatus.FAILED
    assert shop.webhooks() == [("order", ref), ("order", other)]
    for command in (c.ExecuteMit(KEY, None),):
        assert set(await shop.refused(await shop.create(line(1), alias="x"), command)) == {"alias"}


# -- fees --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(10_000, 1, 270), (10_000, 2, 300), (1, 1, 31), (0, 1, 30), (4_200, 3, 191)],
)
def test_fees_are_a_share_of_the_total_and_so_much_a_transaction_with_vat(
    total: int, count: int, expected: int
) -> None:
    """(2 % of the total + 25 cents each) and 20 % of VAT, rounded up."""
    charging = holdings.setup(scenario(marketplace=CHARGES)).world
    assert fees(total, count, "EUR", charging) == expected
    monthly = holdings.setup(scenario(marketplace={**CHARGES, "billing_method": "MONTHLY"})).world
    assert fees(total, count, "EUR", monthly) == 0
    assert fees(total, count, "EUR", WORLD) == 0


async def test_a_commission_that_does_not_cover_the_fees_is_refused_at_execution() -> None:
    shop = await market(scenario(marketplace=CHARGES))
    ref = await shop.create(line(9_730), fee_line(269))
    assert await shop.refused(ref, c.Execute(way="page", key=KEY)) == {
        "commission": "The commission must be at least 270; it is 269."
    }
    await shop.do(ref, c.AddItem(line(1, commission_amount=1)))
    await shop.do(ref, c.Execute(way="page", key=KEY))


async def test_with_manual_validation_the_commission_is_looked_at_when_it_is_validated() -> None:
    shop = await market(scenario(marketplace=CHARGES))
    order = await shop.paid(line(10_000), awaiting_validation=True)
    assert [each.status for each in order.transactions] == ["TO_VALIDATE"]
    assert set(await shop.refused(order.ref, c.Validate())) == {"commission"}
    await shop.do(order.ref, c.Update(items=(line(10_000, commission_amount=270),)))
    await shop.do(order.ref, c.Validate())
    await shop.advance(HOUR)
    assert shop.order(order.ref).status is OrderStatus.SUCCEEDED
    assert shop.balance("lyra/fees") == 270


async def test_fees_are_not_taken_of_what_is_held() -> None:
    """The operator's own item is held: it has nothing yet that fees could be taken of."""
    shop = await market(scenario(marketplace=CHARGES))
    order = await shop.paid(line(1_000, OPERATOR, hold_payment=True, commission_amount=1_000))
    await shop.advance(HOUR)
    assert shop.order(order.ref).status is OrderStatus.SUCCEEDED
    assert (shop.earned(OPERATOR), shop.balance(retained(OPERATOR.uuid))) == (0, 1_000)


# -- a paid order is changed -------------------------------------------------------------------------------------------


async def test_what_vouchers_paid_is_spread_anew_over_new_items() -> None:
    shop = await market()
    order = await shop.paid(line(2_000, conecs=1_400), line(2_000, conecs=900), tenders=[meal(), card()])
    await shop.do(order.ref, c.Update(items=(line(3_000, conecs=2_500), line(800, conecs=0))))
    order = shop.order(order.ref)
    assert [each.by_vouchers for each in order.items] == [2_300, 0]
    assert [(each.instrument.kind, each.amount) for each in order.transactions] == [("conecs", 2_300), ("card", 1_500)]
    less = c.Update(items=(line(3_000, conecs=2_299),))
    assert set(await shop.refused(order.ref, less)) == {"items"}


async def test_an_order_whose_waiting_card_payment_was_dropped_is_captured_all_the_same() -> None:
    shop = await market()
    order = await shop.paid(line(2_000, conecs=1_400), tenders=[meal(), card()], awaiting_validation=True)
    await shop.do(order.ref, c.Update(items=(line(1_400, conecs=1_400),)))
    assert [each.status for each in shop.order(order.ref).transactions] == ["PENDING"]
    await shop.advance(HOUR)
    assert shop.order(order.ref).status is OrderStatus.SUCCEEDED


async def test_after_a_first_installment_items_may_not_change_who_got_it() -> None:
    shop = await market()
    order = await shop.paid(line(100), line(100, BASILE, hold_payment=True), payment_config="MULTI:count=2;period=10")
    await shop.advance(HOUR)
    assert shop.earned(LUCIE) == 5_100
    first, second = (each.trans_uuid for each in order.transactions)
    listed = (c.TransactionInput(first, None, None), c.TransactionInput(second, 50, None))
    for items in (
        (line(50), line(100, BASILE)),
        (line(100, BASILE), line(50)),
        (line(100, CAVE), line(50)),
    ):
        assert set(await shop.refused(order.ref, c.Update(items=items, transactions=listed))) <= {"items"}
    await shop.do(order.ref, c.Update(items=(line(100), line(50, BASILE, hold_payment=True)), transactions=listed))
    revised = shop.order(order.ref)
    assert revised.items[0].uuid == order.items[0].uuid, "its transfers exist already"
    assert revised.items[1].uuid != order.items[1].uuid
    await shop.advance(10 * DAY)
    assert shop.order(order.ref).status is OrderStatus.SUCCEEDED
    assert (shop.balance(retained(BASILE.uuid)), shop.earned(BASILE)) == (50, 0)


async def test_an_order_whose_other_installments_are_gone_is_captured() -> None:
    shop = await market()
    order = await shop.paid(line(300), payment_config="MULTI:count=3;period=10")
    await shop.advance(HOUR)
    only = (c.TransactionInput(order.transactions[0].trans_uuid, None, None),)
    await shop.do(order.ref, c.Update(items=(line(100),), transactions=only))
    assert shop.order(order.ref).status is OrderStatus.SUCCEEDED


async def test_vouchers_that_are_captured_stay_where_they_are() -> None:
    shop = await market()
    order = await shop.paid(line(2_000, conecs=1_400), tenders=[meal(), card()])
    by_meal_card = order.transactions[0]
    await shop.do(order.ref, c.Capture(by_meal_card.trans_uuid, by_meal_card.due))
    assert [each.status for each in shop.order(order.ref).transactions] == ["SUCCEEDED", "PENDING"]
    assert set(await shop.refused(order.ref, c.Update(items=(line(1_900, conecs=1_400),)))) == {"items"}


# -- refunds -----------------------------------------------------------------------------------------------------------


async def test_only_what_is_captured_can_be_refunded() -> None:
    shop = await market()
    order = await shop.paid(line(1_000))
    assert set(await shop.refused(order.ref, ask(back(1)))) == {"order"}
    await shop.advance(HOUR)
    assert set(await shop.refused(order.ref, ask(back(1), currency="USD"))) == {"currency"}
    assert set(await shop.refused(order.ref, ask(back(1), transaction="none"))) == {"transaction"}
    assert set(await shop.refused(order.ref, ask(back(1, BASILE)))) == {"items"}
    assert set(await shop.refused(order.ref, ask(back(1, item=STRANGE)))) == {"items"}


async def test_one_seller_refunds_and_the_operator_may_join() -> None:
    shop = await market()
    order = await shop.captured(line(1_000, commission_amount=100), line(1_000, BASILE))
    assert set(await shop.refused(order.ref, ask(back(1), back(1, BASILE)))) == {"items"}
    ref = await shop.refund(order.ref, back(900), back(100, OPERATOR))
    await shop.advance(2 * HOUR)
    assert shop.the_refund(ref).status is RefundStatus.SUCCEEDED
    assert (shop.earned(LUCIE), shop.earned(OPERATOR), shop.earned(BASILE)) == (5_000, 0, 1_000)
    assert shop.webhooks()[2:] == [("refund", ref), ("refund", ref)]


async def test_a_refund_fails_when_a_balance_is_too_low_or_more_is_asked_for_than_was_paid() -> None:
    shop = await market()
    order = await shop.captured(line(1_000), line(500, BASILE))
    low, much = await shop.refund(order.ref, back(501, BASILE)), await shop.refund(order.ref, back(1_501))
    await shop.advance(2 * HOUR)
    why = {
        each.data.refund: each.data.why for each in shop.world.journal.since(0) if isinstance(each.data, e.RefundFailed)
    }
    assert why == {low: "balance_too_low", much: "too_much"}
    assert (shop.earned(LUCIE), shop.earned(BASILE)) == (6_000, 500)


async def test_cards_pay_back_before_holiday_vouchers_and_those_before_meal_vouchers() -> None:
    shop = await market()
    tenders = [meal(RICH), wallet(PURSE), card()]
    order = await shop.captured(line(1_000, conecs=1_000), line(2_000, holiday=True), line(500), tenders=tenders)
    conecs, holiday, by_card = (each.trans_uuid for each in order.transactions)
    first = await shop.refund(order.ref, back(600))
    await shop.advance(2 * HOUR)
    assert shop.the_refund(first).parts == ((by_card, 500), (holiday, 100))
    second = await shop.refund(order.ref, back(2_000))
    await shop.advance(2 * HOUR)
    assert shop.the_refund(second).parts == ((holiday, 1_900), (conecs, 100))
    assert shop.spent(RICH) == 1_000, "the day's allowance does not come back"
    named = await shop.refund(order.ref, back(901), transaction=conecs)
    await shop.advance(2 * HOUR)
    assert shop.the_refund(named).status is RefundStatus.FAILED
    assert [each.by_vouchers for each in shop.order(order.ref).items] == [1_000, 2_000, 0]


async def test_a_refund_that_is_not_processed_can_be_lowered_and_cancelled() -> None:
    shop = await market()
    order = await shop.captured(line(1_000))
    ref = await shop.refund(order.ref, back(500))
    for amount in (500, 501):
        assert set(await shop.refused(order.ref, c.ChangeRefund(ref, None, (back(amount),)))) == {"amount"}
    await shop.do(order.ref, c.ChangeRefund(ref, "less", (back(400),)))
    await shop.advance(15 * MINUTE)
    assert shop.the_refund(ref).status is RefundStatus.PENDING
    await shop.do(order.ref, c.ChangeRefund(ref, None, (back(500),)))
    assert (shop.the_refund(ref).amount, shop.the_refund(ref).description) == (500, "less")
    await shop.do(order.ref, c.CancelRefund(ref))
    await shop.refused(order.ref, c.CancelRefund(ref), NotCancellable)
    assert set(await shop.refused(order.ref, c.ChangeRefund(ref, None, (back(1),)))) == {"status"}
    await shop.refused(order.ref, c.CancelRefund(STRANGE), NotFound)
    await shop.advance(DAY)
    assert shop.the_refund(ref).status is RefundStatus.CANCELLED
    assert shop.earned(LUCIE) == 6_000
