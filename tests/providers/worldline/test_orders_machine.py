"""Random lives of orders in the pure core: whatever the order of the commands, money adds up and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockpsp.domain.errors import Refusal
from mockpsp.domain.money import Money
from mockpsp.providers.worldline import PROVIDER
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.decide import offer
from mockpsp.providers.worldline.orders import ORDERS, REFUNDS, held
from mockpsp.providers.worldline.states import OPERATION, Code, Kind, Order, Stage, Tender
from mockpsp.scenario.model import DeliveryRule, Outage, Rule, Scenario, Trigger
from mockpsp.world.journal import Journal
from mockpsp.world.world import World
from tests.support import shop
from tests.support.shop import Shop, card, eur, order_input

T = TypeVar("T")
REASONS = ("issuer_refusal", "insufficient_funds", "authentication_failed")
OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "beneficiary": ("known", "refused"),
    "cv_connect": ("accepted", "refused", "cancelled", "no_answer", "pending"),
    "card_complement": ("accepted", "refused", "pending"),
    "card_payment": ("accepted", "refused"),
    "capture": ("accepted", "refused", "uncertain"),
    "cancel": ("accepted", "refused"),
    "refund": ("accepted", "refused", "uncertain", "declined"),
}
REQUESTS = (e.CaptureRequested, e.CancelRequested, e.RefundRequested)
FEW = 5
"""Orders per life: long lives find more than many lives."""
HOOKS = ("http://shop.internal/webhooks",)

totals = st.one_of(st.integers(1, 60_000), st.sampled_from([1, 2, 3, 100, 1302, 20_000, 30_000, 30_001]))
amounts = st.one_of(st.none(), st.integers(-2, 60_000), st.sampled_from([1, 2, 100, 10_000, 20_000, 30_000]))
beneficiaries = st.sampled_from(
    [shop.RICH, shop.HALF, shop.POOR, shop.REFUSES, shop.DECLINES, shop.SILENT, "66666666666", "", "alice@example.test"]
)
numbers = st.sampled_from(
    [shop.VISA, shop.MASTERCARD, shop.COBRANDED, shop.DECLINED, shop.LIMITED, shop.AMEX, "4012000033330027", "x"]
)
percents = st.one_of(st.none(), st.sampled_from([-1, 0, 10, 33, 50, 50, 100, 100, 101]))
MINUTES = (0, 0, 0, 1, 5, 20, 30, 30, 59, 60)
spans = st.one_of(
    st.sampled_from(MINUTES).map(lambda minutes: timedelta(minutes=minutes)),
    st.sampled_from([timedelta(hours=4), timedelta(hours=4, seconds=1), timedelta(days=2)]),
)
indices = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
"""Which one, counted from the newest: lives grow long when most steps meet the same few orders."""


def late(operation: str) -> st.SearchStrategy[tuple[Rule, ...]]:
    """Issuers that always answer late: within the session, at its end, or after it."""
    return st.builds(
        lambda after, resolves: (shop.rule(operation, "pending", details={"after": after, "resolves": resolves}),),
        st.sampled_from([timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2)]),
        st.sampled_from(["accepted", "refused"]),
    )


steps = st.one_of(
    st.sampled_from([c.GoToConnect(beneficiary=shop.RICH), c.OpenApp(), c.PayVouchers(), c.GiveUp(), c.Refuse()]).map(
        lambda command: lambda inner: command
    ),
    st.sampled_from([shop.VISA, shop.DECLINED]).map(lambda number: lambda inner: c.PayCard(card=card(number))),
    amounts.map(
        lambda minor: (
            lambda inner: c.Capture(
                tender=inner, amount=None if minor is None else eur(minor), final=True, reference=""
            )
        )
    ),
    amounts.map(
        lambda minor: lambda inner: c.Cancel(tender=inner, amount=None if minor is None else eur(minor), reference="")
    ),
    amounts.map(
        lambda minor: lambda inner: c.Refund(tender=inner, amount=None if minor is None else eur(minor), reference="")
    ),
)
"""Any command about a tender, whether the order's state allows it or not."""


@st.composite
def rules_of_a_scenario(draw: st.DrawFn) -> tuple[Rule, ...]:
    """A handful of rules: any operation, any outcome that it knows, at once or late, for ever or a few times."""
    rules = []
    for number in range(draw(st.integers(0, 5))):
        operation = draw(st.sampled_from(sorted(OUTCOMES)))
        outcome = draw(st.sampled_from(OUTCOMES[operation]))
        details: dict[str, Any] = {}
        if outcome == "pending":
            details = {
                "after": draw(st.sampled_from([timedelta(0), timedelta(minutes=30), timedelta(hours=2)])),
                "resolves": draw(st.sampled_from(["accepted", "refused"])),
            }
        rules.append(
            shop.rule(
                operation,
                outcome,
                number=number,
                nth=draw(st.sampled_from([None, 1, 2])),
                times=draw(st.sampled_from([None, 1, 3])),
                reason=draw(st.sampled_from(REASONS)) if outcome in ("refused", "declined", "pending") else None,
                details=details,
            )
        )
    return tuple(rules)


choices = st.fixed_dictionaries(
    {
        "late_voucher_refund": st.sampled_from(["refused_at_once", "refused_later"]),
        "insufficient_fixed_vouchers": st.sampled_from(["rejected", "card_complement"]),
        "capture_delay": st.sampled_from([timedelta(0), timedelta(hours=1)]),
        "cancel_delay": st.sampled_from([timedelta(0), timedelta(hours=1)]),
        "refund_delay": st.sampled_from([timedelta(0), timedelta(hours=1)]),
        "minimum_vouchers": st.sampled_from([None, eur(2_000)]),
        "beneficiary_optional": st.booleans(),
    }
)


class LivesOfOrders(RuleBasedStateMachine):
    """Merchants, shoppers and time act in any order. Webhooks meet an endpoint that is down for three hours."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.refs: list[str] = []
        self.ended: dict[str, tuple[Stage, str]] = {}

    @initialize(
        rules=st.one_of(st.just(()), rules_of_a_scenario(), late("cv_connect"), late("card_complement")),
        chosen=choices,
        total=st.integers(100, 60_000),
        percent=st.integers(1, 99),
        refunds=st.booleans(),
        start=st.sampled_from(["part paid", "split", "vouchers authorised", "card authorised"]),
    )
    def open_the_shop(
        self, rules: tuple[Rule, ...], chosen: dict[str, Any], total: int, percent: int, refunds: bool, start: str
    ) -> None:
        down = DeliveryRule(
            key="webhooks/1", name="down", event="worldline.*", trigger=Trigger(),
            outage=Outage(down=timedelta(days=3650), status=503),
        )  # fmt: skip
        self.shop = Shop(shop.scenario(rules=rules, webhooks=[down], **chosen))
        self.world = self.shop.world
        self.runner.run(self.shop.open())
        match start:
            case "part paid":
                self.pay_a_part_of_a_new_checkout(total, shop.RICH, percent, refunds, 3)
            case "split":
                self.pay_a_part_of_a_new_checkout(total, shop.HALF, min(percent, 50), refunds, 3)
                self.do(self.refs[-1], c.PayCard(card=card(shop.LIMITED)))
                self.do(self.refs[-1], c.PayCard(card=card(shop.COBRANDED)))
            case "vouchers authorised":
                self.create_a_payment_by_vouchers(total, True, shop.RICH, "")
                self.do(self.refs[-1], c.PayVouchers())
            case _:
                self.create_a_payment_by_card(min(total, 20_000), shop.LIMITED, True, None)

    # -- acting ------------------------------------------------------------------------------------------------------

    def do(self, ref: str | None, command: Any) -> None:
        """Run one command. If it is refused, nothing at all may have changed; else what was asked for, and no more."""
        before = self.picture()
        try:
            outcome = self.runner.run(self.shop.do(ref, command))
        except Refusal:
            assert self.picture() == before, f"{command} was refused and changed something"
        else:
            if ref is None:
                self.refs.append(outcome.ref)
            asked = getattr(command, "amount", None)
            if asked is not None:
                requests = [event for event in outcome.events if isinstance(event, REQUESTS)]
                assert sum(event.amount.minor for event in requests) in (asked.minor, 0)
                assert bool(requests) is isinstance(command, c.Capture | c.Cancel | c.Refund)

    def picture(self) -> dict[str, Any]:
        """Everything that a refused command must leave as it was."""
        world = self.world
        return {
            "version": world.version,
            "journal": world.journal.count,
            "balances": dict(world.ledger.balances()),
            "positions": dict(world.positions),
            "objects": dict(world.objects[ORDERS.name]),
            "waiting": dict(world.waiting),
            "outbox": (world.outbox.numbers, world.outbox.waiting()),
            "ids": (world.ids.cursor, dict(world.ids.series)),
        }

    def accepted(self, wanted: Callable[[Tender], Any]) -> list[tuple[str, Tender]]:
        """Tenders that an issuer granted, with their orders."""
        return [
            (order.ref, tender)
            for order in self.orders
            for tender in order.tenders
            if tender.accepted and wanted(tender)
        ]

    def in_progress(self) -> list[Order]:
        """Orders that a shopper can act on."""
        return [order for order in self.orders if order.stage is Stage.IN_PROGRESS and order.pending is None]

    def unpaid(self) -> list[Order]:
        """Those of which nothing is paid."""
        return [order for order in self.in_progress() if not order.first.accepted]

    def at_cv_connect(self) -> list[Order]:
        """Those whose beneficiary is asked."""
        return [order for order in self.in_progress() if order.first.code is Code.REDIRECTED]

    def for_a_card(self) -> list[Order]:
        """Those that a card may pay, in part or whole."""
        return [order for order in self.in_progress() if order.first.accepted or order.created.product is None]

    def one_of(self, found: Sequence[T], index: int) -> T:
        """One of them, counted from the newest."""
        return found[-1 - index % len(found)]

    @precondition(lambda self: len(self.refs) < FEW)
    @rule(
        total=totals, product=st.sampled_from([5412, 5412, None]), approval=st.booleans(), adjustable=st.booleans(),
        refunds=st.booleans(), attempts=st.integers(1, 3), complement=st.sampled_from([(1, 3, 130), (3,), ()]),
    )  # fmt: skip
    def create_a_checkout(
        self, total: int, product: int | None, approval: bool, adjustable: bool, refunds: bool, attempts: int,
        complement: tuple[int, ...],
    ) -> None:  # fmt: skip
        order = order_input(
            eur(total), product=product, requires_approval=approval, adjustable=adjustable, webhooks=HOOKS
        )
        command = c.CreateCheckout(
            order=order, return_url="", show_result_page=True, attempts=attempts, timeout=timedelta(hours=1),
            auto_refund=refunds, products=(5412, 1, 3, 130), complement=complement,
        )  # fmt: skip
        self.do(None, command)

    @precondition(lambda self: len(self.refs) < FEW)
    @rule(
        total=st.integers(100, 60_000), beneficiary=st.sampled_from([shop.RICH, shop.HALF, shop.POOR]),
        percent=st.integers(1, 99), refunds=st.booleans(), attempts=st.integers(1, 3),
    )  # fmt: skip
    def pay_a_part_of_a_new_checkout(
        self, total: int, beneficiary: str, percent: int, refunds: bool, attempts: int
    ) -> None:
        self.create_a_checkout(total, 5412, False, True, refunds, attempts, (1, 3, 130))
        self.pay_a_part_with_vouchers(self.refs[-1], beneficiary, percent)

    @precondition(lambda self: len(self.refs) < FEW)
    @rule(
        total=totals, approval=st.booleans(), beneficiary=beneficiaries, email=st.sampled_from(["", "x@example.test"])
    )
    def create_a_payment_by_vouchers(self, total: int, approval: bool, beneficiary: str, email: str) -> None:
        order = order_input(eur(total), requires_approval=approval, beneficiary=beneficiary, webhooks=HOOKS)
        self.do(None, c.CreatePayment(order=order, return_url="", email=email))

    @precondition(lambda self: len(self.refs) < FEW)
    @rule(
        total=totals, number=numbers, authorise=st.booleans(),
        automatic=st.sampled_from([None, None, timedelta(minutes=30)]),
    )  # fmt: skip
    def create_a_payment_by_card(self, total: int, number: str, authorise: bool, automatic: timedelta | None) -> None:
        order = order_input(eur(total), product=1, beneficiary="", auto_capture=automatic, webhooks=HOOKS)
        self.do(None, c.CreatePayment(order=order, return_url="", card=card(number), authorise=authorise))

    def pay_a_part_with_vouchers(self, ref: str, beneficiary: str, percent: int) -> None:
        self.do(ref, c.GoToConnect(beneficiary=beneficiary))
        self.do(ref, c.PayVouchers(amount=self.part(percent, self.shop.order(ref).total.minor)))

    def part(self, percent: int | None, left: int) -> Money | None:
        """Some percent of what is left, or no amount at all."""
        return None if percent is None else eur(left * percent // 100)

    @precondition(lambda self: self.unpaid())
    @rule(index=indices, beneficiary=beneficiaries)
    def go_to_cv_connect(self, index: int, beneficiary: str) -> None:
        self.do(self.one_of(self.unpaid(), index).ref, c.GoToConnect(beneficiary=beneficiary))

    @precondition(lambda self: self.at_cv_connect())
    @rule(index=indices, amount=amounts, percent=percents)
    def confirm_vouchers(self, index: int, amount: int | None, percent: int | None) -> None:
        order = self.one_of(self.at_cv_connect(), index)
        able = offer(order, self.world.moment("worldline"))
        chosen = self.part(percent, able.minor) if amount is None else eur(amount)
        self.do(order.ref, c.PayVouchers(amount=chosen))

    @precondition(lambda self: self.for_a_card())
    @rule(index=indices, number=numbers, expiry=st.sampled_from(["1230", "1230", "1230", "0126", "1225", "13xx"]))
    def pay_by_card(self, index: int, number: str, expiry: str) -> None:
        self.do(self.one_of(self.for_a_card(), index).ref, c.PayCard(card=card(number, expiry=expiry)))

    @precondition(lambda self: self.in_progress())
    @rule(index=indices, step=st.sampled_from([c.OpenApp(), c.OpenApp(), c.GiveUp(), c.Refuse()]))
    def leave_or_look(self, index: int, step: Any) -> None:
        self.do(self.one_of(self.in_progress(), index).ref, step)

    @precondition(lambda self: self.accepted(lambda tender: tender.open))
    @rule(index=indices, percent=percents, final=st.booleans())
    def capture(self, index: int, percent: int | None, final: bool) -> None:
        ref, tender = self.one_of(self.accepted(lambda tender: tender.open), index)
        asked = self.part(percent, tender.open)
        self.do(ref, c.Capture(tender=tender.inner, amount=asked, final=final or asked is None, reference="CAP"))

    @precondition(lambda self: self.accepted(lambda tender: tender.open))
    @rule(index=indices, percent=percents)
    def cancel(self, index: int, percent: int | None) -> None:
        ref, tender = self.one_of(self.accepted(lambda tender: tender.open), index)
        self.do(ref, c.Cancel(tender=tender.inner, amount=self.part(percent, tender.open), reference="CAN"))

    @precondition(lambda self: self.accepted(lambda tender: tender.refundable))
    @rule(index=indices, percent=percents, whole=st.booleans())
    def refund(self, index: int, percent: int | None, whole: bool) -> None:
        ref, tender = self.one_of(self.accepted(lambda tender: tender.refundable), index)
        tenders = self.shop.order(ref).tenders if whole else (tender,)
        amount = self.part(percent, sum(each.refundable for each in tenders))
        self.do(ref, c.Refund(tender=None if whole else tender.inner, amount=amount, reference="RF"))

    @rule(index=indices, step=steps, tender=indices)
    def anything_at_any_time(self, index: int, step: Any, tender: int) -> None:
        """Most of it is refused; then nothing may change."""
        order = self.one_of(self.orders, index)
        inner = self.one_of(order.tenders, tender).inner
        self.do(order.ref, step(inner))

    @rule(span=spans)
    def time_passes(self, span: timedelta) -> None:
        self.runner.run(self.shop.advance(span))

    @rule(account=st.sampled_from([shop.RICH, shop.POOR]), minor=st.integers(0, 50_000))
    def somebody_else_spends_from_the_wallet(self, account: str, minor: int) -> None:
        self.runner.run(self.world.set_balance(f"worldline/wallet/{account}", eur(minor)))

    # -- what always holds -------------------------------------------------------------------------------------------

    @property
    def orders(self) -> list[Order]:
        return list(self.world.objects[ORDERS.name].values())

    @invariant()
    def the_ledger_is_balanced_and_nobody_owes(self) -> None:
        balances = self.world.ledger.balances()
        assert sum(balances.values()) == 0
        assert {
            account: minor for (account, _), minor in balances.items() if minor < 0 and account[:6] != "world/"
        } == {}

    @invariant()
    def parts_add_up_to_the_whole(self) -> None:
        for order in self.orders:
            shares = sum(tender.share.minor for tender in order.tenders if tender.accepted)
            assert shares + order.remaining.minor == order.total.minor
            assert 0 <= order.remaining.minor <= order.total.minor
            assert 0 <= order.acquired.minor <= order.total.minor

    @invariant()
    def a_tender_gives_back_no_more_than_it_took(self) -> None:
        for order in self.orders:
            for tender in order.tenders:
                assert 0 <= tender.refunded <= tender.captured <= tender.share.minor
                assert min(tender.open, tender.cancelled) >= 0
                if tender.accepted:
                    assert tender.share.minor > 0, "an issuer granted nothing"
                    assert tender.open + tender.captured + tender.cancelled == tender.share.minor

    @invariant()
    def operations_say_the_same_as_the_sums(self) -> None:
        dead = {Code.CAPTURE_REJECTED, Code.CANCELLATION_REJECTED, Code.REFUND_REJECTED}
        for order in self.orders:
            for tender in order.tenders:
                sums = Counter[Kind]()
                for operation in tender.operations:
                    if operation.code not in dead:
                        sums[operation.kind] += operation.amount.minor
                sale = tender.code is Code.CAPTURED
                assert tender.captured == (tender.share.minor if sale else sums[Kind.CAPTURE])
                assert tender.refunded == sums[Kind.REFUND]
                assert [each.number for each in tender.operations] == list(range(1, len(tender.operations) + 1))

    @invariant()
    def held_money_is_what_is_open(self) -> None:
        expected = Counter[str]()
        for order in self.orders:
            for tender in order.tenders:
                if tender.account and tender.accepted:
                    expected[held(tender.account)] += tender.open
        # A cancellation under way has left ``open``, but its money only goes back when it is done.
        for order in self.orders:
            for tender in order.tenders:
                for operation in tender.operations:
                    if operation.code is Code.CANCEL_REQUESTED:
                        expected[held(tender.account)] += operation.amount.minor
        found = {
            account: minor
            for (account, _), minor in self.world.ledger.balances().items()
            if account.endswith("/held") or "/held/" in account
        }
        assert {name: each for name, each in found.items() if each} == {n: each for n, each in expected.items() if each}

    @invariant()
    def the_merchant_has_what_was_captured_and_not_refunded(self) -> None:
        tenders = [tender for order in self.orders for tender in order.tenders]
        kept = sum(tender.captured - tender.refunded for tender in tenders)
        travelling = sum(
            operation.amount.minor
            for tender in tenders
            for operation in tender.operations
            if operation.code in (Code.REFUND_REQUESTED, Code.REFUND_UNCERTAIN)
        )
        assert self.shop.balance(f"worldline/merchant/{shop.MERCHANT}") == kept
        assert self.shop.balance(REFUNDS) == travelling

    @invariant()
    def what_ended_never_reopens(self) -> None:
        for order in self.orders:
            before = self.ended.get(order.ref)
            if before is not None:
                assert (order.stage, order.ended) == before
            if order.stage is not Stage.IN_PROGRESS:
                self.ended[order.ref] = (order.stage, order.ended)
                assert order.ref not in self.world.waiting
                assert order.pending is None, "an order ended while an issuer's answer was awaited"
            elif order.created.hosted or order.created.direct:
                assert order.ref in self.world.waiting

    @invariant()
    def a_session_that_is_over_leaves_nothing_open(self) -> None:
        now = self.world.clock.now()
        for order in self.orders:
            hosted = order.created.hosted
            if hosted is not None and now > hosted.expires and order.pending is None:
                assert order.stage is not Stage.IN_PROGRESS

    @invariant()
    def an_automatic_refund_leaves_nothing_with_the_merchant(self) -> None:
        for order in self.orders:
            hosted = order.created.hosted
            if hosted is not None and hosted.auto_refund and order.ended in ("customer", "time", "attempts"):
                assert all(
                    tender.refundable == 0 or Code.REFUND_REJECTED in {each.code for each in tender.operations}
                    for tender in order.tenders
                )

    @invariant()
    def a_final_operation_stays(self) -> None:
        for order in self.orders:
            for tender in order.tenders:
                for operation in tender.operations:
                    assert operation.code in OPERATION
                    assert (operation.error is None) or not OPERATION[operation.code]

    # -- the fold ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """The merchant closes its books; then a World that reads the events back is the same World."""
        try:
            if hasattr(self, "shop"):
                self.close_the_books()
                self.runner.run(self._compare())
        finally:
            self.runner.close()

    def close_the_books(self) -> None:
        """Part of what is open is captured, the rest cancelled; part of what was paid goes back, then all of it."""
        for ref, tender in self.accepted(lambda tender: tender.open):
            half = (tender.open + 1) // 2
            self.do(ref, c.Capture(tender=tender.inner, amount=eur(half), final=half % 2 == 0, reference="END"))
            self.do(ref, c.Cancel(tender=tender.inner, amount=None, reference="END"))
            self.check()
        for order in self.orders:
            third = sum(tender.refundable for tender in order.tenders) // 3
            self.do(order.ref, c.Refund(tender=None, amount=eur(third), reference="END"))
            self.check()
        self.time_passes(timedelta(hours=2))
        self.check()
        for order in self.orders:
            self.do(order.ref, c.Refund(tender=None, amount=None, reference="END"))
            self.check()

    def check(self) -> None:
        """Everything that always holds."""
        self.the_ledger_is_balanced_and_nobody_owes()
        self.parts_add_up_to_the_whole()
        self.a_tender_gives_back_no_more_than_it_took()
        self.operations_say_the_same_as_the_sums()
        self.held_money_is_what_is_open()
        self.the_merchant_has_what_was_captured_and_not_refunded()
        self.what_ended_never_reopens()
        self.a_final_operation_stays()

    async def _compare(self) -> None:
        again = rebuilt(self.shop)
        await again.catch_up()
        assert told(again) == told(self.world)


def rebuilt(lived: Shop) -> World:
    """An empty World on the same store; it has not read anything yet."""
    blank: Scenario = lived.scenario
    return World(lived.world.name, lived.world.key, blank, (PROVIDER,), lived.store, Journal())


def told(world: World) -> dict[str, Any]:
    """All that a World knows."""
    outbox = world.outbox
    return {
        "version": world.version,
        "objects": world.objects,
        "parts": world.parts,
        "balances": {key: minor for key, minor in world.ledger.balances().items() if minor},
        "rows": [(each.queued, each.status, each.due, each.attempts) for each in outbox.deliveries.values()],
        "next": outbox.next_due(),
        "numbers": (outbox.numbers, outbox.waiting()),
        "positions": world.positions,
        "ids": (world.ids.cursor, world.ids.series),
        "waiting": world.waiting,
        "clock": (world.clock.now(), world.clock.mode),
        "answers": world.answers,
        "endpoints": world.endpoints,
        "groups": world.groups,
    }


LivesOfOrders.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestLivesOfOrders = LivesOfOrders.TestCase

__all__ = ["Money", "TestLivesOfOrders"]
