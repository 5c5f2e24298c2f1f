"""The lifecycle of an order: commands to questions and decisions, facts to ledger entries, webhooks and timers."""

from __future__ import annotations

from typing import Any

from mockpsp.domain.ledger import Entry, transfer
from mockpsp.domain.lifecycle import Consequence, Decision, Moment, Question, Served, Timer, Verdict, Waiting
from mockpsp.domain.money import Money
from mockpsp.domain.portrait import Portrait
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import create, decide, maintain
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import Order, evolve
from mockpsp.providers.worldline.webhooks import notices_of

REFUNDS = "worldline/refunds"


class Orders:
    """Implements ``domain.lifecycle.Lifecycle`` for hosted checkouts and payments."""

    name = "worldline.order"

    def question(self, state: Order | None, command: Any, moment: Moment) -> Question | None:
        """See Lifecycle. Raises the refusals that the commands' own functions name."""
        match command:
            case c.CreateCheckout():
                create.question_checkout(command)
                return None
            case c.CreatePayment():
                return create.question_payment(command, moment)
            case c.Capture():
                return maintain.question_capture(state, command)
            case c.Cancel():
                return maintain.question_cancel(state, command)
            case c.Refund():
                return maintain.question_refund(state, command, moment)
            case c.Expire() | c.Resolve() | c.Settle():
                return None
            case _:
                return self._shopper_question(decide.in_progress(state), command, moment)

    def _shopper_question(self, order: Order, command: Any, moment: Moment) -> Question | None:
        match command:
            case c.GoToConnect():
                return decide.question_connect(order, command)
            case c.PayVouchers():
                return decide.question_vouchers(order, command, moment)
            case c.PayCard():
                return decide.question_card(order, command, moment)
            case _:
                return None

    def decide(self, state: Order | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        """See Lifecycle."""
        match command:
            case c.CreateCheckout():
                return create.decide_checkout(command, moment)
            case c.CreatePayment():
                return create.decide_payment(command, verdict, moment)
            case c.Capture():
                return maintain.decide_capture(state, command, verdict, moment)
            case c.Cancel():
                return maintain.decide_cancel(state, command, verdict, moment)
            case c.Refund():
                return maintain.decide_refund(state, command, verdict, moment)
            case c.Settle():
                return maintain.decide_settlement(state, command, moment)
            case c.Expire():
                return decide.decide_expiry(state, moment)
            case c.Resolve():
                return decide.decide_resolution(state, command, moment)
            case _:
                return self._shopper_decision(decide.in_progress(state), command, verdict, moment)

    def _shopper_decision(self, order: Order, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        match command:
            case c.GoToConnect():
                return decide.decide_connect(order, command, verdict, moment)
            case c.PayVouchers():
                return decide.decide_vouchers(order, command, verdict, moment)
            case c.PayCard():
                return decide.decide_card(order, command, verdict, moment)
            case c.OpenApp():
                return Decision((e.AppOpened(ref=order.ref, at=moment.now),), "the phone opened the page")
            case c.GiveUp() | c.Refuse():
                return decide.decide_give_up(order, moment)
            case other:
                raise TypeError(f"{other!r} is no command of an order")

    def evolve(self, state: Order | None, event: e.Event) -> Order:
        """See Lifecycle."""
        return evolve(state, event)

    def finished(self, state: Order) -> bool:
        """Whether nothing has to come any more; a refund still may."""
        return state.ended_at is not None and not any(tender.open for tender in state.tenders)

    def parts(self, event: e.Event) -> tuple[str, ...]:
        """Tenders after the first one have inner ids of their own that lead to the order."""
        match event:
            case e.OrderCreated():
                return ()
            case e.Accepted() | e.Refused() | e.GivenUp() | e.AnswerAwaited() if event.tender != event.ref:
                return (event.tender,)
            case _:
                return ()

    def entries(self, before: Order | None, event: e.Event) -> tuple[Entry, ...]:
        """See Lifecycle: authorisations hold, captures take, refunds travel through an account of their own."""
        if before is None:
            return ()
        merchant = f"worldline/merchant/{before.created.merchant}"
        if isinstance(event, e.Accepted):
            target = merchant if event.sale else held(event.account)
            return (transfer("sale" if event.sale else "hold", event.account, target, event.amount),)
        tender = before.tender(getattr(event, "tender", ""))
        return () if tender is None else _maintenance_entries(event, merchant, tender.account)

    def notices(self, before: Order | None, after: Order, event: e.Event, moment: Moment) -> tuple[Consequence, ...]:
        """See Lifecycle."""
        return notices_of(after, event, moment) + _waiting(after, event) + _timers(after, event, moment)

    def portrait(self, state: Order, settings: WorldlineSettings) -> Portrait:
        """See Lifecycle."""
        from mockpsp.providers.worldline import portrait  # late: only people look

        return portrait.order(state, settings)


def held(account: str) -> str:
    """Where authorised money of an account waits for its capture."""
    return "worldline/held/issuers" if account.startswith("world/") else f"{account}/held"


def _maintenance_entries(event: e.Event, merchant: str, account: str) -> tuple[Entry, ...]:
    match event:
        case e.CaptureRequested():
            taken = transfer("capture", held(account), merchant, event.amount)
            freed = transfer("release", held(account), account, event.released)
            return (taken, freed) if event.released else (taken,)
        case e.CaptureRefused():
            return (transfer("capture refused", merchant, held(account), event.amount),)
        case e.Cancelled():
            return (transfer("release", held(account), account, event.amount),)
        case e.RefundRequested():
            return (transfer("refund requested", merchant, REFUNDS, event.amount),)
        case e.Refunded():
            return (transfer("refund", REFUNDS, account, event.amount),)
        case e.RefundRefused():
            return (transfer("refund refused", REFUNDS, merchant, event.amount),)
        case _:
            return ()


def _waiting(order: Order, event: e.Event) -> tuple[Consequence, ...]:
    match event:
        case e.OrderCreated() if event.hosted is not None:
            return (Waiting("worldline.hosted_checkout", _page_facts(order, event.beneficiary)),)
        case e.OrderCreated() if event.direct is not None:
            return (Waiting("worldline.payment", _page_facts(order, event.beneficiary)),)
        case e.OrderPaid() | e.AttemptsExhausted() | e.Abandoned() if order.created.hosted or order.created.direct:
            return (Served(),)
        case _:
            return ()


def _page_facts(order: Order, beneficiary: str) -> dict[str, str | int | bool | Money | None]:
    return {
        "amount": order.created.total,
        "beneficiary": beneficiary,
        "merchant_reference": order.created.references.merchant_reference,
        "payment_product": order.created.product,
    }


def _timers(order: Order, event: e.Event, moment: Moment) -> tuple[Timer, ...]:
    settings: WorldlineSettings = moment.settings
    match event:
        case e.OrderCreated() if event.hosted is not None:
            return (Timer(event.hosted.expires, c.Expire()),)
        case e.Accepted() if not event.sale and order.created.auto_capture is not None:
            all_of_it = c.Capture(tender=event.tender, amount=None, final=True, reference="")
            return (Timer(moment.now + order.created.auto_capture, all_of_it),)
        case e.AnswerAwaited():
            late = c.Resolve(tender=event.tender, outcome=event.then, reason=event.reason)
            return (Timer(event.resolves, late),)
        case e.CaptureRequested():
            delay = settings.capture_delay
        case e.CancelRequested():
            delay = settings.cancel_delay
        case e.RefundRequested() if event.settles:
            delay = settings.refund_delay
        case _:
            return ()
    return (Timer(moment.now + delay, c.Settle(tender=event.tender, number=event.number, settles=event.settles)),)


ORDERS = Orders()

__all__ = ["ORDERS", "Orders", "held"]
