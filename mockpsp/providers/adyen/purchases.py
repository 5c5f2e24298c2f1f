"""The lifecycle of a purchase: commands to questions and decisions, facts to ledger entries, webhooks and timers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockpsp.domain.ledger import Entry, transfer
from mockpsp.domain.lifecycle import Consequence, Decision, Fact, Moment, Question, Served, Timer, Verdict, Waiting
from mockpsp.domain.money import Money
from mockpsp.domain.portrait import Portrait
from mockpsp.providers.adyen import ancv, authentication, checkouts, decide, modify, sessions, stored
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.settings import AdyenSettings
from mockpsp.providers.adyen.states import CheckoutStage, Payment, Purchase, Status, evolve
from mockpsp.providers.adyen.webhooks import notices_of

TRANSIT = "adyen/transit"
"""Refunds that will come back."""


class Purchases:
    """Implements ``domain.lifecycle.Lifecycle`` for orders, payments, sessions and payment links."""

    name = "adyen.purchase"

    def question(self, state: Purchase | None, command: c.Command | None, moment: Moment) -> Question | None:
        """See Lifecycle. Raises the refusals that the commands' own functions name."""
        ask = _ASKING.get(type(command))
        if ask is not None:
            return ask(state, command, moment)
        match command:
            case c.OpenOrder():
                checkouts.question_order(state, command, moment)
            case c.CancelOrder():
                checkouts.question_cancel_order(state, command)
            case c.Browse():
                session, _ = sessions.admitted(state, command, moment)
                return None if sessions.goes_on(session, command) else self.question(session, command.does, moment)
        return None

    def decide(self, state: Purchase | None, command: c.Command, verdict: Verdict, moment: Moment) -> Decision:
        """See Lifecycle."""
        answer = _ANSWERING.get(type(command))
        if answer is not None:
            return answer(state, command, verdict, moment)
        follow = _FOLLOWING.get(type(command))
        if follow is not None:
            return follow(state, command, moment)
        if isinstance(command, c.Browse):
            return self._browse(state, command, verdict, moment)
        raise TypeError(f"{command!r} is no command of a purchase")

    def _browse(self, state: Purchase | None, command: c.Browse, verdict: Verdict, moment: Moment) -> Decision:
        """What the command inside leads to, and a new sessionData in the same step."""
        session, left = sessions.admitted(state, command, moment)
        if command.does is None or sessions.goes_on(session, command):
            law = "the browser looks" if command.does is None else "the session's order is open already"
            return Decision((sessions.renewed(session, moment, changed=False),), law)
        inner = self.decide(session, command.does, verdict, moment)
        new = sessions.renewed(session, moment, changed=bool(inner.events))
        return Decision((*left, *inner.events, new), inner.law, inner.settings)

    def evolve(self, state: Purchase | None, event: e.Event) -> Purchase:
        """See Lifecycle."""
        return evolve(state, event)

    def finished(self, state: Purchase) -> bool:
        """Whether nothing has to come any more; a refund still may. Who holds a stored card stays."""
        if state.kept or state.open_order is not None or (state.is_checkout and state.stage is CheckoutStage.ACTIVE):
            return False
        return not any(each.pending or each.held for each in state.payments)

    def parts(self, event: e.Event) -> tuple[str, ...]:
        """References that lead to the purchase: orders, payments, modifications, and the merchant's own references."""
        name = _PARTS.get(type(event))
        return () if name is None else name(event)

    def entries(self, before: Purchase | None, event: e.Event) -> tuple[Entry, ...]:
        """See Lifecycle: authorisations hold, captures take, refunds give back; ceilings are counted beside them."""
        payment = before.payment(getattr(event, "payment", "")) if before is not None else None
        return () if payment is None else _entries(payment, event)

    def notices(
        self, before: Purchase | None, after: Purchase, event: e.Event, moment: Moment
    ) -> tuple[Consequence, ...]:
        """See Lifecycle."""
        if type(event) is e.PaymentStarted:  # nothing follows from a beginning, but from its result
            return ()
        return (
            *notices_of(before, after, event, moment),
            *_waiting(before, after, event),
            *_timers(after, event, moment),
        )

    def portrait(self, state: Purchase, settings: AdyenSettings) -> Portrait:
        """See Lifecycle."""
        from mockpsp.providers.adyen import portrait  # late: only people look

        return portrait.purchase(state)


_Ask = Callable[[Purchase | None, Any, Moment], Question | None]
_Answer = Callable[[Purchase | None, Any, Verdict, Moment], Decision]
_Follow = Callable[[Purchase | None, Any, Moment], Decision]

_ASKING: Mapping[type[Any], _Ask] = {
    c.Pay: decide.question_pay,
    c.Complete: authentication.question_completion,
    c.AnswerInApp: ancv.question_answer,
    c.Modify: modify.question_modify,
}
"""Commands whose result a rule may decide: the guard, and the question."""

_ANSWERING: Mapping[type[Any], _Answer] = {
    c.Pay: decide.decide_pay,
    c.Complete: authentication.decide_completion,
    c.AnswerInApp: ancv.decide_answer,
    c.Modify: modify.decide_modify,
}
"""The same: what follows from the verdict."""

_FOLLOWING: Mapping[type[Any], _Follow] = {
    c.OpenOrder: checkouts.decide_order,
    c.Forget: stored.decide_forgetting,
    c.CancelOrder: checkouts.decide_cancel_order,
    c.OpenCheckout: checkouts.decide_checkout,
    c.Authenticate: authentication.decide_authentication,
    c.EndLink: checkouts.decide_end,
    c.ExpireCheckout: checkouts.decide_end,
    c.GiveUp: checkouts.decide_end,
    c.Settle: modify.decide_settlement,
    c.Fail: modify.decide_failure,
    c.CaptureByItself: modify.decide_automatic_capture,
    c.LetExpire: modify.decide_authorisation_expiry,
    c.ExpireOrder: checkouts.decide_order_expiry,
    c.Lapse: authentication.decide_lapse,
    c.Resolve: authentication.decide_resolution,
}
"""Commands that leave nothing to a rule, many of them the clock's."""


def by_reference(reference: str) -> str:
    """The part under which the latest payment with a merchant's reference is found."""
    return f"reference/{reference}"


def _payment_parts(event: e.PaymentStarted) -> tuple[str, ...]:
    named = by_reference(event.reference)
    return (named,) if event.payment == event.ref else (event.payment, named)


def _order_parts(event: e.OrderOpened) -> tuple[str, ...]:
    return () if event.order == event.ref else (event.order,)


def _modification_parts(event: e.Requested) -> tuple[str, ...]:
    return (event.modification,)


_PARTS: Mapping[type[Any], Callable[[Any], tuple[str, ...]]] = {
    e.PaymentStarted: _payment_parts,
    e.OrderOpened: _order_parts,
    e.Requested: _modification_parts,
    e.DetailsStored: stored.parts_of,
}
"""Found by their type, as commands are: a class pattern that does not match costs much more."""


# -- money -----------------------------------------------------------------------------------------------------------


def held(account: str) -> str:
    """Where authorised money of an account waits for its capture."""
    return "adyen/held/issuers" if account.startswith("world/") else f"{account}/held"


def _entries(payment: Payment, event: Any) -> tuple[Entry, ...]:
    account, merchant = payment.instrument.account, f"adyen/merchant/{payment.started.merchant}"
    waiting = held(account)
    match event:
        case e.Authorised():
            entry = transfer(
                "sale" if event.sale else "hold", account, merchant if event.sale else waiting, event.amount
            )
            return (entry, *_ceiling(payment, event.day, event.amount, back=False))
        case e.Captured():
            taken = transfer("capture", waiting, merchant, event.amount)
            return (taken, *_released(payment, event.released))
        case e.Cancelled() | e.AuthorisationExpired() | e.RestExpired():
            return _released(payment, event.amount)
        case e.RolledBack():
            return (*_given_back(payment, "roll-back", merchant, event.amount), *_released(payment, event.freed))
        case e.CaptureFailed():
            return _given_back(payment, "capture failed", merchant, event.amount)
        case e.Refunded():
            return (transfer("refund", merchant, account if event.final else TRANSIT, event.amount),)
        case e.RefundFailed() | e.RefundReversed():
            return (transfer("refund returned", TRANSIT, merchant, event.amount),)
        case e.AmountUpdated():
            more = event.amount - event.before
            way = (account, waiting) if more.minor > 0 else (waiting, account)
            return (transfer("amount update", *way, Money(abs(more.minor), more.currency)),)
        case _:
            return ()


def _released(payment: Payment, amount: Money) -> tuple[Entry, ...]:
    account = payment.instrument.account
    return _given_back(payment, "release", held(account), amount)


def _given_back(payment: Payment, why: str, source: str, amount: Money) -> tuple[Entry, ...]:
    """Money back to the shopper, and what it had used up of the day's ceiling."""
    if not amount:
        return ()
    day = payment.granted.day if payment.granted is not None else ""
    back = transfer(why, source, payment.instrument.account, amount)
    return (back, *_ceiling(payment, day, amount, back=True))


def _ceiling(payment: Payment, day: str, amount: Money, *, back: bool) -> tuple[Entry, ...]:
    if not day:
        return ()
    spent = f"{payment.instrument.ceiling}/{day}"
    way = (spent, "world/ceilings") if back else ("world/ceilings", spent)
    return (transfer("daily ceiling", *way, amount),)


# -- shoppers --------------------------------------------------------------------------------------------------------


def _waiting(before: Purchase | None, after: Purchase, event: e.Event) -> tuple[Consequence, ...]:
    if type(event) is e.OrderOpened:
        return ()
    match event:
        case e.Authorised() | e.Refused() | e.Authenticated() | e.Abandoned() | e.ResultAwaited():
            return (Served(ref=event.payment),) if _waited(before, event.payment) else ()
        case e.CheckoutOpened():
            place = "adyen.session" if event.session is not None else "adyen.payment_link"
            return (Waiting(place, _facts(after.total, after.reference)),)
        case e.CheckoutPaid() if after.link is not None and after.link.reusable:
            return ()
        case e.CheckoutPaid() | e.CheckoutExpired() | e.CheckoutCancelled():
            return (Served(),)
        case e.ActionRequired() if event.kind != "fingerprint":
            payment = after.payment(event.payment)
            assert payment is not None, "an action belongs to a payment"
            facts = _facts(payment.amount, payment.started.reference)
            if event.kind == ancv.AWAIT:
                return (Waiting("adyen.ancv", facts, ref=event.payment),)
            return (Waiting("adyen.three_ds", {**facts, "brand": payment.instrument.brand}, ref=event.payment),)
        case _:
            return ()


def _waited(before: Purchase | None, psp: str) -> bool:
    payment = before.payment(psp) if before is not None else None
    return payment is not None and payment.status is Status.AWAITING_SHOPPER


def _facts(amount: Money, reference: str) -> dict[str, Fact]:
    return {"amount": amount, "merchant_reference": reference}


# -- the clock -------------------------------------------------------------------------------------------------------


def _timers(after: Purchase, event: e.Event, moment: Moment) -> tuple[Timer, ...]:
    settings: AdyenSettings = moment.settings
    match event:
        case e.Authorised():
            return _after_authorisation(after, event, moment)
        case e.OrderOpened():
            return (Timer(event.expires, c.ExpireOrder(event.order)),)
        case e.CheckoutOpened():
            head = event.session or event.link
            assert head is not None, "a checkout is a session or a link"
            return (Timer(head.expires, c.ExpireCheckout()),)
        case e.ActionRequired():
            return (Timer(event.expires, c.Lapse(event.payment, event.secret)),)
        case e.ResultAwaited():
            return (Timer(event.resolves, c.Resolve(event.payment)),)
        case e.Requested():
            return (Timer(moment.now + settings.modification_delay, c.Settle(event.payment, event.modification)),)
        case e.Captured() | e.Refunded():
            return _later_failure(after, event, moment)
        case _:
            return ()


def _after_authorisation(after: Purchase, event: e.Authorised, moment: Moment) -> tuple[Timer, ...]:
    payment = after.payment(event.payment)
    assert payment is not None, "an authorisation belongs to a payment"
    if event.sale:
        fails = event.capture_fails
        return () if fails is None else (Timer(fails, c.Fail(event.payment, "")),)
    expiry = Timer(moment.now + moment.settings.authorisation_life, c.LetExpire(event.payment))
    capturing = payment.started.capturing
    if capturing.mode != "delayed":
        return (expiry,)
    return (Timer(moment.now + capturing.after, c.CaptureByItself(event.payment)), expiry)


def _later_failure(after: Purchase, event: e.Captured | e.Refunded, moment: Moment) -> tuple[Timer, ...]:
    payment = after.payment(event.payment)
    found = payment.modification(event.modification) if payment is not None else None
    if found is None or found.settles not in ("fails", "reversed"):
        return ()
    return (Timer(moment.now + found.later, c.Fail(event.payment, event.modification)),)


PURCHASES = Purchases()

__all__ = ["PURCHASES", "Purchases", "by_reference", "held"]
