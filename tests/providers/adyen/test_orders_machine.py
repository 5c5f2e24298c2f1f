"""Random lives of orders in the pure core: whatever the order of the commands, money adds up and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockpsp.domain.clock import paris
from mockpsp.domain.errors import Refusal
from mockpsp.providers.adyen import PROVIDER, shopper, stored, stored_wire, tokens
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.holdings import Holdings, fingerprint
from mockpsp.providers.adyen.purchases import PURCHASES, TRANSIT, held
from mockpsp.providers.adyen.states import CheckoutStage, Kind, Order, OrderStage, Outcome, Payment, Purchase, Status
from mockpsp.scenario.model import DeliveryRule, Outage, Rule, Trigger
from mockpsp.world.journal import Journal
from mockpsp.world.world import World
from tests.providers.worldline.test_orders_machine import told
from tests.support import restaurant as r
from tests.support.restaurant import Restaurant, eur, modify, pay_command

T = TypeVar("T")
FEW = 5
"""Purchases per life: long lives find more than many lives."""
LATER = timedelta(minutes=30), timedelta(hours=2), timedelta(hours=30)
AFTER_THE_END = (
    e.Requested,
    e.ModificationRefused,
    e.Captured,
    e.Cancelled,
    e.Refunded,
    e.AmountUpdated,
    e.CaptureFailed,
    e.RefundFailed,
    e.RefundReversed,
    e.AuthorisationExpired,
    e.RestExpired,
)
"""What may still happen to a payment of an order that is paid: modifications and what the clock does to its money."""

SHOPPER = "shopper-1"
WAITING = (Status.AWAITING_SHOPPER, Status.AUTHENTICATED)

means = st.sampled_from(
    [
        r.voucher(), r.voucher(), r.voucher(r.POOR), r.voucher(r.WIDE), r.voucher("5075990000003000"),
        r.voucher(code="111"), r.voucher(r.BLOCKED), r.voucher("5075990000000100"), r.gift_card(),
        r.gift_card(r.PLASTIC), r.gift_card("6036280000000000999"), r.card(), r.card(r.LIMITED), r.card(r.LIMITED),
        r.card(r.SECURE), r.card(r.SECURE_LIMITED), r.card(r.SECURE_LIMITED), r.card(r.DECLINED),
        r.card(holder="DECLINED"), r.card(number="4111111111111112"), r.ancv(), r.ancv(), r.ancv("alice@example.test"),
        r.ancv(r.UNWILLING), r.ancv(r.STRANGER),
    ]
)  # fmt: skip
percents = st.sampled_from([None, 10, 25, 33, 50, 50, 100, 100, 101])
amounts = st.one_of(st.none(), st.sampled_from([0, 1, 500, 1_000, 1_900, 1_901, 2_500, 2_501, 20_000]))
totals = st.one_of(st.integers(1, 30_000), st.sampled_from([1, 1_900, 2_500, 5_000, 10_000]))
capturings = st.sampled_from([r.IMMEDIATE, r.MANUAL, r.MANUAL, r.DELAYED])
indices = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
"""Which one, counted from the newest: lives grow long when most steps meet the same few orders."""
spans = st.sampled_from([timedelta(minutes=minutes) for minutes in (0, 1, 15, 60, 120, 540, 1440, 1441, 43_200)])
outcomes = st.sampled_from(["Y", "Y", "Y", "N", "U"])

OUTCOMES = {
    "payments": ("refused", "pending", "received", "redirect", "challenge", "error"),
    "three_ds": ("authorised", "refused", "pending"),
    "ancv": ("authorised", "refused", "error"),
    "capture": ("refused", "fails"),
    "cancel": ("refused",),
    "refund": ("refused", "fails", "reversed"),
    "reversal": ("refused", "fails", "reversed"),
    "amount_update": ("refused",),
}


@st.composite
def rules_of_a_scenario(draw: st.DrawFn) -> tuple[Rule, ...]:
    """A handful of rules: any operation and outcome but those that lift a ceiling; for ever or a few times."""
    rules = []
    for number in range(draw(st.integers(0, 4))):
        operation = draw(st.sampled_from(sorted(OUTCOMES)))
        outcome = draw(st.sampled_from(OUTCOMES[operation]))
        details: dict[str, Any] = {}
        if outcome in ("pending", "received"):
            details = {
                "after": draw(st.sampled_from(LATER)),
                "resolves": draw(st.sampled_from(["authorised", "authorised", "refused"])),
            }
        elif outcome in ("fails", "reversed"):
            details = {"after": draw(st.sampled_from(LATER))}
        nth, times = draw(st.sampled_from([None, 1, 2])), draw(st.sampled_from([None, 1, 3]))
        rules.append(r.rule(operation, outcome, number=number, nth=nth, times=times, details=details))
    if draw(st.booleans()):
        failing = {"capture_fails": draw(st.sampled_from(LATER))}
        rules.append(r.rule("payments", "authorised", number=9, brand="visa", details=failing))
    return tuple(rules)


choices = st.fixed_dictionaries(
    {
        "multiple_partial_captures": st.booleans(),
        "capture_webhook": st.booleans(),
        "modification_delay": st.sampled_from([timedelta(0), timedelta(0), timedelta(hours=2)]),
        "authorisation_life": st.sampled_from([timedelta(days=28), timedelta(hours=36)]),
        "order_life": st.sampled_from([timedelta(days=1), timedelta(days=3)]),
        "voucher_refund": st.sampled_from(["refused_later", "refused_at_once"]),
        "rollback_webhooks": st.sampled_from(["none", "per_payment"]),
        "order_opened": st.sampled_from(["on_create", "on_first_payment"]),
        "missing_amount_in_order": st.sampled_from(["refused", "remaining"]),
        "expire_webhook": st.booleans(),
        "offer_closed_webhook": st.booleans(),
    }
)
starts = st.sampled_from(
    [r.START, datetime(2026, 3, 28, 22, 30, tzinfo=r.UTC), datetime(2026, 10, 24, 21, 30, tzinfo=r.UTC)]
)
"""A day in winter, and the evenings before the clocks in Paris change."""


def came_back(payment: Payment) -> bool:
    """Whether a refund of it failed after it was done."""
    return any(each.outcome in (Outcome.FAILED, Outcome.REVERSED) for each in payment.modifications)


class Books:
    """What the facts say, added up without the provider's own states."""

    def __init__(self) -> None:
        self.seen = 0
        self.sums: dict[str, Counter[str]] = {}
        self.orders: dict[str, int] = {}
        self.closed: dict[str, type[Any]] = {}
        self.legs: dict[str, str] = {}
        self.covers: dict[str, int] = {}
        self.results: Counter[str] = Counter()
        self.webhooks: Counter[tuple[str, str]] = Counter()
        self.in_transit: Counter[str] = Counter()

    def read(self, world: World) -> None:
        """What is new in the journal."""
        for entry in world.journal.since(self.seen):
            self.seen = entry.number
            if entry.kind == "event" and entry.provider == "adyen":
                self.take(entry.data)
            elif entry.kind == "webhook":
                self.webhooks[entry.operation, entry.data.ref] += 1

    def take(self, event: Any) -> None:
        """One fact; it must be possible after all those before."""
        match event:
            case e.OrderOpened():
                self.orders[event.order] = event.amount.minor
            case e.OrderPaid() | e.OrderCancelled() | e.OrderExpired():
                self.close(event)
            case e.PaymentStarted():
                assert event.order not in self.closed, "a payment began in an order that is closed"
                self.legs[event.payment] = event.order
                self.sums[event.payment] = Counter()
            case _ if hasattr(event, "payment"):
                self.of_a_payment(event)
            case _:
                pass

    def close(self, event: Any) -> None:
        """The end of an order: it comes once; a paid one is covered, any other covers nothing that was paid."""
        assert event.order not in self.closed, "an order was closed twice"
        legs = [psp for psp, order in self.legs.items() if order == event.order]
        paid = sum(self.covers.get(psp, 0) for psp in legs)
        if isinstance(event, e.OrderPaid):
            assert paid == self.orders[event.order], "an order was paid by more or less than it costs"
        else:
            assert paid == 0, "an order was closed and kept money"
        self.closed[event.order] = type(event)

    def of_a_payment(self, event: Any) -> None:
        """One fact about a payment."""
        psp = event.payment
        end = self.closed.get(self.legs[psp])
        if end is e.OrderPaid:
            assert isinstance(event, AFTER_THE_END), f"{type(event).__name__} after the order was paid"
        elif end is not None:
            allowed = (e.Requested, e.ModificationRefused, e.Refused)
            assert isinstance(event, allowed), f"{type(event).__name__} after the order was rolled back"
        self.money(psp, event)

    def money(self, psp: str, event: Any) -> None:
        """Sums of one payment."""
        sums = self.sums[psp]
        match event:
            case e.Authorised():
                self.results[psp] += 1
                self.covers[psp] = event.amount.minor
                sums["authorised"] += event.amount.minor
                sums["captured"] += event.amount.minor if event.sale else 0
            case e.Refused():
                self.results[psp] += 1
            case e.Captured():
                sums["captured"] += event.amount.minor
                sums["released"] += event.released.minor
            case e.RestExpired():
                sums["released"] += event.amount.minor
            case e.Cancelled() | e.AuthorisationExpired():
                self.covers.pop(psp)
                sums["released"] += event.amount.minor
            case e.RolledBack():
                self.covers.pop(psp)
                sums["rolled back"] += 1
                sums["refunded"] += event.amount.minor
                sums["released"] += event.freed.minor
            case e.AmountUpdated():
                sums["authorised"] += event.amount.minor - event.before.minor
            case _:
                self.back(sums, event)

    def back(self, sums: Counter[str], event: Any) -> None:
        """Money that goes back, or comes back from there."""
        match event:
            case e.Refunded():
                sums["refunded"] += event.amount.minor
                if not event.final:
                    self.in_transit[event.modification] += event.amount.minor
            case e.RefundFailed() | e.RefundReversed():
                sums["refunded"] -= event.amount.minor
                self.in_transit[event.modification] -= event.amount.minor
                assert self.in_transit[event.modification] == 0, "a refund came back as more or less than it was"
            case e.CaptureFailed():
                sums["captured"] -= event.amount.minor
                sums["released"] += event.amount.minor
            case _:
                pass


class LivesOfOrders(RuleBasedStateMachine):
    """Merchants, shoppers and time act in any order. Webhooks meet an endpoint that is always down."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.books = Books()

    @initialize(
        rules=st.one_of(st.just(()), rules_of_a_scenario()), chosen=choices, total=totals, begins=starts,
        start=st.sampled_from(["order", "order", "order with a leg", "order with a leg", "payment", "session"]),
        first=means,
    )  # fmt: skip
    def open_the_restaurant(
        self, rules: tuple[Rule, ...], chosen: dict[str, Any], total: int, begins: datetime, start: str,
        first: c.MeansInput,
    ) -> None:  # fmt: skip
        down = DeliveryRule(
            key="webhooks/1", name="down", event="adyen.*", trigger=Trigger(),
            outage=Outage(down=timedelta(days=3650), status=503),
        )  # fmt: skip
        self.chosen = chosen
        retries = (timedelta(days=1000),)
        told = r.scenario(rules=rules, webhooks=[down], clock=begins, webhook_retries=retries, **chosen)
        self.psp = Restaurant(told)
        self.world = self.psp.world
        self.runner.run(self.psp.open())
        match start:
            case "payment":
                self.pay_alone(first, total, r.MANUAL)
            case "session":
                self.open_a_checkout(total, r.MANUAL, "session")
            case _:
                self.open_an_order(total, None)
                if start == "order with a leg":
                    self.pay_a_leg(0, first, 50, None, r.MANUAL, 0)

    # -- acting ------------------------------------------------------------------------------------------------------

    def do(self, ref: str | None, command: Any) -> None:
        """Run one command. If it is refused, nothing at all may have changed."""
        before = self.picture()
        try:
            self.runner.run(self.psp.do(ref, command))
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
            "objects": dict(world.objects[PURCHASES.name]),
            "waiting": dict(world.waiting),
            "outbox": (world.outbox.numbers, world.outbox.waiting()),
            "ids": (world.ids.cursor, dict(world.ids.series)),
        }

    @property
    def purchases(self) -> list[Purchase]:
        return list(self.world.objects[PURCHASES.name].values())

    def orders(self) -> list[tuple[Purchase, Order]]:
        """All orders, with what they belong to."""
        return [(purchase, order) for purchase in self.purchases for order in purchase.orders]

    def payments(self) -> list[tuple[Purchase, Payment]]:
        """All payments, with what they belong to."""
        return [(purchase, payment) for purchase in self.purchases for payment in purchase.payments]

    def granted(self) -> list[tuple[Purchase, Payment]]:
        """Those that were authorised once."""
        return [(purchase, payment) for purchase, payment in self.payments() if payment.granted is not None]

    def at_the_bank(self) -> list[tuple[Purchase, Payment]]:
        """Those whose shopper is, or was, at the bank's page."""
        return [(purchase, payment) for purchase, payment in self.payments() if payment.status in WAITING]

    def in_the_app(self) -> list[tuple[Purchase, Payment]]:
        """Those whose shopper was asked in ANCV's app, those that are still to be answered last."""
        found = [each for each in self.payments() if each[1].action is not None and each[1].action.kind == "await"]
        return sorted(found, key=lambda each: each[1].pending)

    def sessions(self) -> list[Purchase]:
        """Sessions, open or not."""
        return [purchase for purchase in self.purchases if purchase.session is not None]

    def checkouts(self) -> list[Purchase]:
        """Sessions and links."""
        return [purchase for purchase in self.purchases if purchase.is_checkout]

    def one_of(self, found: Sequence[T], index: int) -> T:
        """One of them, counted from the newest."""
        return found[-1 - index % len(found)]

    @precondition(lambda self: len(self.purchases) < FEW)
    @rule(amount=totals, life=st.sampled_from([None, None, timedelta(hours=1), timedelta(days=2)]))
    def open_an_order(self, amount: int, life: timedelta | None) -> None:
        expires = None if life is None else self.world.clock.now() + life
        self.do(None, c.OpenOrder(merchant=r.MERCHANT, amount=eur(amount), reference="ORD", expires=expires))

    @precondition(lambda self: len(self.purchases) < FEW)
    @rule(paid=means, amount=totals, capturing=capturings)
    def pay_alone(self, paid: c.MeansInput, amount: int, capturing: e.Capturing) -> None:
        known = next((True for each in self.cards() if each.fingerprint == fingerprint(paid.number)), False)
        storing = {"store": True, "known": known, "shopper_reference": SHOPPER}
        self.do(None, pay_command(paid, eur(amount), capturing=capturing, **storing))

    @precondition(lambda self: self.cards())
    @rule(index=indices, amount=totals, forget=st.booleans())
    def take_a_stored_card(self, index: int, amount: int, forget: bool) -> None:
        """Pay with it, while there are few purchases, or forget it."""
        kept = self.one_of(self.cards(), index)
        holdings: Holdings = self.world.setups["adyen"].world
        if forget:
            owner = self.world.owner(PURCHASES.name, stored.by_token(kept.token))
            self.do(owner, c.Forget(kept.token))
            assert kept.token not in [each.token for each in self.cards()]
        elif len(self.purchases) < FEW:
            token = c.MeansInput(kind="card", type="scheme", stored=kept.token)
            self.do(None, pay_command(stored.filled(token, kept, holdings), eur(amount), shopper_reference=SHOPPER))

    def cards(self) -> list[e.DetailsStored]:
        """What the shopper has stored."""
        return list(stored_wire.cards_of(self.world, SHOPPER))

    @precondition(lambda self: len(self.purchases) < FEW)
    @rule(total=totals, capturing=capturings, kind=st.sampled_from(["session", "link", "reusable link"]))
    def open_a_checkout(self, total: int, capturing: e.Capturing, kind: str) -> None:
        if kind == "session":
            self.runner.run(self.psp.session(total, capturing))
        else:
            self.runner.run(self.psp.link(total, reusable=kind == "reusable link"))

    @precondition(lambda self: self.orders())
    @rule(
        index=indices, paid=means, percent=percents, amount=amounts, capturing=capturings,
        token=st.sampled_from([0, 0, 1, 2]),
    )  # fmt: skip
    def pay_a_leg(
        self, index: int, paid: c.MeansInput, percent: int | None, amount: int | None, capturing: e.Capturing,
        token: int,
    ) -> None:  # fmt: skip
        purchase, order = self.one_of(self.orders(), index)
        left = purchase.remaining(order).minor
        asked = amount if amount is not None else None if percent is None else (left * percent + 99) // 100
        self.do(
            purchase.ref,
            pay_command(
                paid, None if asked is None else eur(asked), order=order.ref, capturing=capturing,
                order_data=self.psp.order_data(order.ref, token),
            ),
        )  # fmt: skip

    @precondition(lambda self: self.checkouts())
    @rule(index=indices, paid=means, amount=amounts)
    def pay_at_a_checkout(self, index: int, paid: c.MeansInput, amount: int | None) -> None:
        ref = self.one_of(self.checkouts(), index).ref
        with suppress(Refusal):
            self.runner.run(shopper.pay(self.world, ref, paid, None if amount is None else eur(amount)))

    @precondition(lambda self: self.checkouts())
    @rule(index=indices, paid=means, step=st.sampled_from(["pay", "order", "leave", "end"]))
    def act_on_a_checkout_without_its_page(self, index: int, paid: c.MeansInput, step: str) -> None:
        """What another process may decide that knows an older state of it."""
        purchase = self.one_of(self.checkouts(), index)
        match step:
            case "pay":
                self.do(purchase.ref, pay_command(paid, purchase.total))
            case "order":
                self.do(purchase.ref, c.OpenOrder(merchant=r.MERCHANT, amount=None, reference="ORD"))
            case "leave":
                self.do(purchase.ref, c.GiveUp())
            case _:
                self.do(purchase.ref, c.EndLink() if purchase.link is not None else c.ExpireCheckout())

    @precondition(lambda self: self.at_the_bank())
    @rule(index=indices, outcome=outcomes, come_back=st.booleans())
    def be_at_the_bank(self, index: int, outcome: str, come_back: bool) -> None:
        purchase, payment = self.one_of(self.at_the_bank(), index)
        self.do(purchase.ref, c.Authenticate(payment=payment.ref, outcome=outcome))
        if come_back:
            self.do(purchase.ref, c.Complete(payment=payment.ref, step="redirect"))

    @precondition(lambda self: self.in_the_app())
    @rule(
        index=indices, percent=percents,
        outcome=st.sampled_from(["approved", "approved", "approved", "refused", "cancelled"]),
    )  # fmt: skip
    def answer_in_the_app(self, index: int, percent: int | None, outcome: str) -> None:
        purchase, payment = self.one_of(self.in_the_app(), index)
        told = None if percent is None else eur(payment.amount.minor * percent // 100)
        self.do(purchase.ref, c.AnswerInApp(payment=payment.ref, outcome=outcome, amount=told))

    @precondition(lambda self: self.sessions())
    @rule(
        index=indices, paid=means, ago=st.sampled_from([0, 0, 0, 0, 1, 2, -1]),
        what=st.sampled_from(["look", "order", "pay", "pay", "pay the order", "pay the order", "cancel", "complete"]),
    )  # fmt: skip
    def call_from_a_browser(self, index: int, paid: c.MeansInput, ago: int, what: str) -> None:
        """With the newest sessionData, an older one, or one that was never given out."""
        session = self.one_of(self.sessions(), index)
        data = tokens.session_data(session.ref, session.secret, session.data_number - ago)
        order = session.orders[-1].ref if session.orders else ""
        pay = {"merchant": session.merchant, "reference": "PAY-1", "return_url": "https://shop.example", "means": paid}
        named = {"order": order, "order_data": self.psp.order_data(order)} if order else {}
        does: Any = None
        if what == "order":
            does = c.OpenOrder(merchant=session.merchant, amount=None, reference="ORD")
        elif what == "pay" or (what == "pay the order" and not order):
            does = c.Pay(amount=None, **pay)
        elif what == "pay the order":
            does = c.Pay(amount=None, fits=True, **pay, **named)
        elif what == "cancel" and order:
            does = c.CancelOrder(order=order, data=named["order_data"])
        elif what == "complete" and session.payments:
            last = session.payments[-1]
            step = last.action.kind if last.action is not None else "redirect"
            does = c.Complete(payment=last.ref, step=step, outcome="Y")
        self.do(session.ref, c.Browse(data=data, does=does))

    @precondition(lambda self: self.payments())
    @rule(index=indices, step=st.sampled_from(["redirect", "redirect", "fingerprint", "challenge"]), outcome=outcomes)
    def come_back(self, index: int, step: str, outcome: str) -> None:
        purchase, payment = self.one_of(self.payments(), index)
        self.do(purchase.ref, c.Complete(payment=payment.ref, step=step, outcome=outcome))

    @precondition(lambda self: self.granted())
    @rule(index=indices, kind=st.sampled_from(Kind), percent=percents, grow=st.booleans())
    def change_a_payment(self, index: int, kind: Kind, percent: int | None, grow: bool) -> None:
        purchase, payment = self.one_of(self.granted(), index)
        base = {Kind.CAPTURE: payment.held, Kind.REFUND: payment.captured - payment.refunded}.get(
            kind, payment.authorised
        )
        amount = None if percent is None else base * percent // 100 * (2 if grow and kind is Kind.AMOUNT_UPDATE else 1)
        if kind in (Kind.CAPTURE, Kind.REFUND, Kind.AMOUNT_UPDATE) and amount is None:
            amount = base
        elif kind not in (Kind.CAPTURE, Kind.REFUND, Kind.AMOUNT_UPDATE):
            amount = None
        self.do(purchase.ref, modify(payment.ref, kind, amount))
        if percent != 50:
            self.time_passes(timedelta(0))

    @precondition(lambda self: self.orders())
    @rule(index=indices, right=st.sampled_from([True, True, False]))
    def cancel_an_order(self, index: int, right: bool) -> None:
        purchase, order = self.one_of(self.orders(), index)
        data = self.psp.order_data(order.ref) if right else "Ab02b4c0!BQABAgnone"
        self.do(purchase.ref, c.CancelOrder(order=order.ref, data=data))

    @precondition(lambda self: self.payments())
    @rule(index=indices, which=st.sampled_from(["settle", "capture", "expire", "lapse", "resolve"]))
    def the_clock_is_early_or_late(self, index: int, which: str) -> None:
        """Most of it is refused; then nothing may change."""
        purchase, payment = self.one_of(self.payments(), index)
        last = payment.modifications[-1].ref if payment.modifications else "none"
        commands = {
            "settle": c.Settle(payment.ref, last),
            "capture": c.CaptureByItself(payment.ref),
            "expire": c.LetExpire(payment.ref),
            "lapse": c.Lapse(payment.ref, payment.action.secret if payment.action is not None else "none"),
            "resolve": c.Resolve(payment.ref),
        }
        self.do(purchase.ref, commands[which])

    @rule(span=spans)
    def time_passes(self, span: timedelta) -> None:
        self.runner.run(self.psp.advance(span))

    @rule(before=st.booleans())
    def midnight_comes_in_paris(self, before: bool) -> None:
        now = self.world.clock.now()
        tomorrow = now.astimezone(paris()).date() + timedelta(days=1)
        midnight = datetime.combine(tomorrow, time(), paris()).astimezone(r.UTC)
        last = midnight - timedelta(seconds=1)
        self.runner.run(self.psp.at(last if before and last > now else midnight))

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def facts_follow_from_facts(self) -> None:
        self.books.read(self.world)

    @invariant()
    def the_ledger_is_balanced_and_nobody_owes(self) -> None:
        balances = self.world.ledger.balances()
        assert sum(balances.values()) == 0
        assert {
            account: minor for (account, _), minor in balances.items() if minor < 0 and account[:6] != "world/"
        } == {}

    @invariant()
    def parts_add_up_to_the_whole(self) -> None:
        for purchase, order in self.orders():
            covered = sum(
                leg.amount.minor for leg in purchase.legs(order.ref) if leg.pending or leg.status is Status.AUTHORISED
            )
            remaining = purchase.remaining(order).minor
            if order.stage is OrderStage.PAID:
                assert remaining == 0, "what was paid stays paid, whatever its merchant gives back"
            else:
                assert remaining + covered == order.amount.minor
            assert 0 <= remaining <= order.amount.minor
            assert covered <= order.amount.minor

    @invariant()
    def a_payment_gives_back_no_more_than_it_took(self) -> None:
        for _, payment in self.payments():
            assert 0 <= payment.refunded <= payment.captured
            assert payment.released >= 0
            assert payment.captured + payment.released <= payment.authorised
            if payment.granted is None:
                assert payment.authorised == 0
            if payment.status in (Status.CANCELLED, Status.ROLLED_BACK, Status.EXPIRED):
                assert payment.held == 0
            if payment.status is Status.ROLLED_BACK and not came_back(payment):
                assert payment.refunded == payment.captured

    @invariant()
    def states_say_the_same_as_the_facts(self) -> None:
        self.books.read(self.world)
        for _, payment in self.payments():
            sums = self.books.sums[payment.ref]
            assert payment.authorised == sums["authorised"]
            assert payment.captured == sums["captured"]
            assert payment.released == sums["released"]
            assert payment.refunded == sums["refunded"]
            assert sums["rolled back"] <= 1
            assert self.books.results[payment.ref] <= 1

    @invariant()
    def a_purse_holds_what_its_payments_left(self) -> None:
        self.books.read(self.world)
        holdings: Holdings = self.world.setups["adyen"].world
        openings = self.world.setups["adyen"].openings
        spent: Counter[str] = Counter()
        waits: Counter[str] = Counter()
        for _, payment in self.payments():
            account = payment.instrument.account
            travelling = sum(self.books.in_transit[each.ref] for each in payment.modifications)
            spent[account] += payment.authorised - payment.released - payment.refunded + travelling
            waits[held(account)] += payment.held
        for account, opening in openings.items():
            assert self.psp.balance(account) == opening.minor - spent[account]
        for account, minor in waits.items():
            assert self.psp.balance(account) == minor
        for number in ("5075990000003000", "5075990000000100"):
            account = self.psp.account(r.voucher(number))
            assert number not in holdings.vouchers
            assert spent[account] <= int(number[-4:]), "a voucher of a series paid more than it holds"

    @invariant()
    def the_merchant_has_what_was_captured_and_not_refunded(self) -> None:
        self.books.read(self.world)
        kept = sum(payment.captured - payment.refunded for _, payment in self.payments())
        assert self.psp.balance(f"adyen/merchant/{r.MERCHANT}") == kept
        assert self.psp.balance(TRANSIT) == self.books.in_transit.total()

    @invariant()
    def a_day_has_its_ceiling(self) -> None:
        spent: Counter[str] = Counter()
        limits: dict[str, int] = {}
        for _, payment in self.payments():
            instrument = payment.instrument
            if not instrument.ceiling or payment.granted is None:
                continue
            day = payment.granted.at.astimezone(paris()).date().isoformat()
            account = f"{instrument.ceiling}/{day}"
            spent[account] += payment.authorised - payment.released - payment.refunded
            limits[account] = 100_000 if instrument.last_four == r.WIDE[-4:] else 2_500
        for (account, _), minor in self.world.ledger.balances().items():
            if account.startswith("adyen/spent/"):
                assert minor == spent[account]
                assert minor <= limits.get(account, 0)

    @invariant()
    def an_order_that_is_closed_unpaid_keeps_nothing(self) -> None:
        for purchase, order in self.orders():
            legs = purchase.legs(order.ref)
            if order.stage in (OrderStage.CANCELLED, OrderStage.EXPIRED):
                assert all(leg.status is not Status.AUTHORISED and leg.status not in WAITING for leg in legs)
            elif order.stage is OrderStage.OPEN:
                done = purchase.remaining(order).minor == 0 and not any(leg.pending for leg in legs)
                assert not done, "an order is covered and still open"

    @invariant()
    def an_order_does_not_outlive_its_time(self) -> None:
        now = self.world.clock.now()
        for purchase, order in self.orders():
            if now > order.opened.expires:
                assert order.stage is not OrderStage.OPEN
            head = purchase.session or purchase.link
            if head is not None and now > head.expires:
                assert purchase.stage is not CheckoutStage.ACTIVE

    @invariant()
    def a_checkout_is_paid_once(self) -> None:
        for purchase in self.checkouts():
            if purchase.link is not None and purchase.link.reusable:
                continue
            alone = sum(1 for each in purchase.payments if not each.started.order and each.granted is not None)
            paid = sum(1 for each in purchase.orders if each.stage is OrderStage.PAID)
            assert alone + paid == (1 if purchase.stage is CheckoutStage.COMPLETED else 0)
            if purchase.stage is not CheckoutStage.ACTIVE:
                assert purchase.open_order is None, "a closed checkout has an order that still takes payments"

    @invariant()
    def webhooks_come_once(self) -> None:
        self.books.read(self.world)
        told = self.books.webhooks
        for purchase, order in self.orders():
            assert told["ORDER_CLOSED", order.ref] == (0 if order.stage is OrderStage.OPEN else 1)
            first = self.chosen["order_opened"] == "on_create" or any(
                leg.granted is not None for leg in purchase.legs(order.ref)
            )
            assert told["ORDER_OPENED", order.ref] == (1 if first else 0)
        for _, payment in self.payments():
            final = payment.granted is not None or payment.refusal is not None
            assert told["AUTHORISATION", payment.ref] == (1 if final else 0)

    @invariant()
    def a_shopper_has_each_card_once(self) -> None:
        kept = [each.fingerprint for each in self.cards()]
        assert len(kept) == len(set(kept))

    @invariant()
    def a_stale_session_data_is_older_than_the_newest(self) -> None:
        assert all(0 <= each.data_oldest <= each.data_number for each in self.sessions())

    @invariant()
    def somebody_waits_for_a_shopper_exactly_while_one_can_act(self) -> None:
        active = {each.ref for each in self.checkouts() if each.stage is CheckoutStage.ACTIVE}
        banks = {
            payment.ref
            for _, payment in self.payments()
            if payment.status is Status.AWAITING_SHOPPER
            and payment.action is not None
            and payment.action.kind != "fingerprint"
        }
        assert set(self.world.waiting) == active | banks

    # -- the fold ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Time goes on until nothing is open; then a World that reads the events back is the same World."""
        try:
            if hasattr(self, "psp"):
                for span in (timedelta(days=2), timedelta(days=2), timedelta(days=30)):
                    self.time_passes(span)
                    for each in self.invariants:
                        each.function(self)
                assert all(order.stage is not OrderStage.OPEN for _, order in self.orders())
                assert not any(payment.pending for _, payment in self.payments())
                self.runner.run(self._compare())
        finally:
            self.runner.close()

    async def _compare(self) -> None:
        lived = self.psp
        again = World(lived.world.name, lived.world.key, lived.scenario, (PROVIDER,), lived.store, Journal())
        await again.catch_up()
        assert told(again) == told(self.world)


LivesOfOrders.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestLivesOfOrders = LivesOfOrders.TestCase

__all__ = ["TestLivesOfOrders"]
