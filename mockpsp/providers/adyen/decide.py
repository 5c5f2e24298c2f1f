"""Orders, payments and the pages around them: which facts follow from a command. Pure.

Sources: docs.adyen.com "Partial payments" and "Titres-Restaurant"; what no source tells is a setting.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from mockpsp.domain.lifecycle import Decision, Fact, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen import tokens
from mockpsp.providers.adyen.beneficiaries import ANCV, last_digits, wallet_of
from mockpsp.providers.adyen.errors import (
    APPROVED,
    PENDING,
    REASONS,
    CheckoutClosed,
    InvalidPayload,
    InvalidPaymentData,
    MissingField,
    OrderAmountTooHigh,
    OrderCancelled,
    OrderClosed,
    OrderCurrencyMismatch,
    OrderExpired,
    OrderUnknown,
    ReturnUrlMissing,
    ShopperRefused,
)
from mockpsp.providers.adyen.ids import checkout_id, psp_reference
from mockpsp.providers.adyen.issuers import (
    Ruling,
    brand_paid,
    can_pay,
    check_amount,
    check_currency,
    check_means,
    day_of,
    instrument_of,
    is_expired,
    outcome_asked,
    ruling,
    spendable,
)
from mockpsp.providers.adyen.settings import AdyenSettings
from mockpsp.providers.adyen.states import (
    CheckoutStage,
    Order,
    OrderStage,
    Payment,
    Purchase,
    Status,
    evolve,
)
from mockpsp.providers.adyen.stored import keeping, kept_by

ACTIONS = {"redirect": "redirect", "identify": "fingerprint", "challenge": "challenge"}
"""Outcomes of a payment that ask the shopper to do something, and the kind of action."""


# -- sessions and payment links --------------------------------------------------------------------------------------


def decide_checkout(state: Purchase | None, command: c.OpenCheckout, moment: Moment) -> Decision:
    """A session or payment link exists."""
    opened = e.CheckoutOpened(
        ref=checkout_id("CS" if command.session is not None else "PL", command.key, moment.ids),
        secret=moment.ids.hex(32),
        merchant=command.merchant,
        total=command.total,
        reference=command.reference,
        session=command.session,
        link=command.link,
        at=moment.now,
    )
    return Decision((opened,), "a page waits for its shopper" if command.link is not None else "a session is open")


def active_checkout(state: Purchase | None) -> Purchase:
    """The purchase, if it takes payments: a closed session or link takes none. Raises CheckoutClosed."""
    if state is None or (state.is_checkout and state.stage is not CheckoutStage.ACTIVE):
        raise CheckoutClosed("it is completed, expired or cancelled")
    return state


def decide_end(state: Purchase | None, command: Any, moment: Moment) -> Decision:
    """The time of a session or link is over, or its merchant or shopper ends it; an open order goes back."""
    purchase = active_checkout(state)
    back = _close_open_order(purchase, moment, expired=not isinstance(command, c.GiveUp))
    match command:
        case c.GiveUp() if purchase.link is not None:
            return Decision(tuple(back), "the shopper left; the link can be opened again")
        case c.GiveUp():
            cancelled = e.CheckoutCancelled(ref=purchase.ref, at=moment.now)
            return Decision((*back, cancelled), "the shopper gave up")
        case c.EndLink():
            ended = e.CheckoutExpired(ref=purchase.ref, by="merchant", at=moment.now)
            return Decision((*back, ended), "the merchant ended the link")
        case _:
            ended = e.CheckoutExpired(ref=purchase.ref, by="clock", at=moment.now)
            return Decision((*back, ended), "its time is over")


def _close_open_order(purchase: Purchase, moment: Moment, *, expired: bool) -> list[e.Event]:
    lost: list[e.Event] = [
        e.Abandoned(ref=purchase.ref, payment=each.ref, at=moment.now)
        for each in purchase.round
        if not each.started.order and each.status in (Status.AWAITING_SHOPPER, Status.AUTHENTICATED)
    ]
    order = purchase.open_order
    return lost if order is None else [*lost, *close_order(purchase, order, moment, expired=expired)]


# -- orders ----------------------------------------------------------------------------------------------------------


def question_order(state: Purchase | None, command: c.OpenOrder, moment: Moment) -> None:
    """Guard the beginning of an order. Raises InvalidAmount, UnsupportedCurrency, CheckoutClosed."""
    if state is not None:
        active_checkout(state)
        if state.open_order is not None:
            raise OrderClosed("the session has an open order already")
        _nobody_else_pays(state)
    elif command.amount is None:
        raise MissingField("amount")
    else:
        check_amount(command.amount)


def _nobody_else_pays(state: Purchase) -> None:
    """Guard a session or link against being paid twice, by two pages at once. Raises ShopperRefused."""
    if any(each.pending for each in state.round) or state.open_order is not None:
        raise ShopperRefused("answer_awaited")


def decide_order(state: Purchase | None, command: c.OpenOrder, moment: Moment) -> Decision:
    """An order is open, inside a session or link or on its own."""
    settings: AdyenSettings = moment.settings
    psp = psp_reference(moment.ids)
    amount = command.amount if state is None else state.total
    assert amount is not None, "question_order refuses it"
    opened = e.OrderOpened(
        ref=psp if state is None else state.ref,
        order=psp,
        merchant=command.merchant,
        amount=amount,
        reference=command.reference,
        secret=moment.ids.hex(32),
        expires=command.expires or moment.now + settings.order_life,
        at=moment.now,
    )
    inferred = ("order_opened",) if settings.order_opened != "on_create" else ()
    return Decision((opened,), "the order waits for its payments", inferred)


def open_order(state: Purchase | None, ref: str, data: str | None) -> tuple[Purchase, Order]:
    """The order that a payment or a cancellation names. Raises a refusal about orders."""
    order = state.order(ref) if state is not None else None
    if state is None or order is None:
        raise OrderUnknown("no order has this pspReference")
    if data is not None and not tokens.is_order_data(data, order.ref, order.opened.secret):
        raise OrderUnknown("the orderData is not the order's")
    _refuse_closed(order)
    return state, order


_OPEN = OrderStage.OPEN


def _refuse_closed(order: Order) -> None:
    if order.stage is _OPEN:
        return
    told = f"the order is {order.stage.value}"
    match order.stage:
        case OrderStage.PAID:
            raise OrderClosed(told)
        case OrderStage.CANCELLED:
            raise OrderCancelled(told)
        case OrderStage.EXPIRED:
            raise OrderExpired(told)


def question_cancel_order(state: Purchase | None, command: c.CancelOrder) -> None:
    """Guard a cancellation; an order that is cancelled already may be cancelled again. Raises about orders."""
    try:
        open_order(state, command.order, command.data)
    except (OrderCancelled, OrderExpired):
        return


def decide_cancel_order(state: Purchase | None, command: c.CancelOrder, moment: Moment) -> Decision:
    """All payments of the order go back, and it is closed; the second time nothing follows."""
    assert state is not None, "question_cancel_order refuses it"
    order = state.order(command.order)
    assert order is not None, "question_cancel_order refuses it"
    if order.stage is not OrderStage.OPEN:
        return Decision((), f"the order is {order.stage.value} already")
    inferred = ("rollback_webhooks",) if state.legs(order.ref) else ()
    return Decision(tuple(close_order(state, order, moment, expired=False)), "the order is cancelled", inferred)


def decide_order_expiry(state: Purchase | None, command: c.ExpireOrder, moment: Moment) -> Decision:
    """The order's time is over. Raises a refusal when it is closed already."""
    purchase, order = open_order(state, command.order, None)
    return Decision(tuple(close_order(purchase, order, moment, expired=True)), "the order's time is over")


def close_order(purchase: Purchase, order: Order, moment: Moment, *, expired: bool) -> list[e.Event]:
    """The end of an order that is not paid: every payment goes back, each by cancel or by refund."""
    events: list[e.Event] = []
    for leg in purchase.legs(order.ref):
        if leg.status is Status.AUTHORISED:
            events.append(_roll_back(purchase, leg, moment))
        elif leg.status in (Status.AWAITING_SHOPPER, Status.AUTHENTICATED):
            events.append(e.Abandoned(ref=purchase.ref, payment=leg.ref, at=moment.now))
    end = e.OrderExpired if expired else e.OrderCancelled
    return [*events, end(ref=purchase.ref, order=order.ref, at=moment.now)]


def _roll_back(purchase: Purchase, leg: Payment, moment: Moment) -> e.RolledBack:
    taken, currency = leg.captured - leg.refunded, leg.amount.currency
    return e.RolledBack(
        ref=purchase.ref,
        payment=leg.ref,
        how="refund" if taken else "cancel",
        amount=Money(taken, currency),
        freed=Money(leg.held, currency),
        at=moment.now,
    )


# -- payments --------------------------------------------------------------------------------------------------------


def question_pay(state: Purchase | None, command: c.Pay, moment: Moment) -> Question:
    """Guard a payment, and ask for its result. Raises refusals about order, amount and means of payment."""
    order, amount = _place(state, command, moment)
    check_amount(amount)
    check_means(command.means, moment)
    brand = brand_paid(command.means, moment)
    check_currency(command.means, amount)
    if command.means.kind == "card" and command.return_url is None:
        raise ReturnUrlMissing("a card may need a redirect")
    facts: dict[str, Fact] = {
        "amount": amount,
        "payment_method": METHODS[command.means.kind],
        "brand": brand,
        "card": last_digits(command.means, moment.world),
        "merchant_reference": command.reference,
        "shopper_reference": command.shopper_reference or None,
        "order": order is not None,
        "order_amount": order.amount if order is not None else None,
        "remaining": state.remaining(order) if state is not None and order is not None else None,
        "attempt": 1 + len(state.round if state is not None and order is None else _legs(state, order)),
        "channel": command.channel or None,
    }
    return Question("adyen.payments", facts)


METHODS = {"meal_voucher": "mealVoucher_FR", "gift_card": "giftcard", "ancv": ANCV, "card": "scheme"}


def _legs(state: Purchase | None, order: Order | None) -> tuple[Payment, ...]:
    return state.legs(order.ref) if state is not None and order is not None else ()


def _place(
    state: Purchase | None, command: c.Pay, moment: Moment, *, proved: bool = False
) -> tuple[Order | None, Money]:
    """The order that is paid, if any, and how much of it; ``proved`` when its orderData was looked at already."""
    if state is not None and state.is_checkout:
        active_checkout(state)
        if not command.order:
            _nobody_else_pays(state)
    if not command.order:
        if command.amount is not None:
            return None, command.amount
        if state is None or not state.is_checkout:
            raise MissingField("amount")
        return None, state.total
    purchase, order = open_order(state, command.order, None if proved else command.order_data)
    return order, _share(command, purchase.remaining(order), moment)


def _share(command: c.Pay, left: Money, moment: Moment) -> Money:
    """How much of what an order leaves open is paid."""
    if command.fits:
        return spendable(command.means, left, moment)
    amount = command.amount
    if amount is None:
        if command.order_data is not None and moment.settings.missing_amount_in_order == "refused":
            raise MissingField("amount")
        amount = left
    if amount.currency != left.currency:
        raise OrderCurrencyMismatch(f"{amount} is to be paid, the order is in {left.currency}")
    if amount > left:
        raise OrderAmountTooHigh(amount, left)
    return amount


def decide_pay(state: Purchase | None, command: c.Pay, verdict: Verdict, moment: Moment) -> Decision:
    """The payment begins, and its result: final, or a step that the shopper or time must take first."""
    order, amount = _place(state, command, moment, proved=True)
    instrument = instrument_of(command.means, moment)
    psp = psp_reference(moment.ids)
    asked = outcome_asked(command.means, command.test_code)
    ref = psp if state is None else state.ref
    started = e.PaymentStarted(
        ref=ref,
        payment=psp,
        order=order.ref if order is not None else "",
        merchant=command.merchant,
        amount=amount,
        reference=command.reference,
        instrument=instrument,
        capturing=command.capturing,
        return_url=command.return_url or "",
        order_reference=command.order_reference or (order.opened.reference if order is not None else ""),
        shopper_reference=command.shopper_reference,
        store=command.store,
        foreseen=_foreseen(command, asked, amount, moment),
        metadata=command.metadata,
        keeps=keeping(command),
        at=moment.now,
    )
    before = evolve(state, started)
    action = _action(command, instrument, asked, verdict, moment)
    if action:
        return Decision((started, _ask_shopper(ref, psp, action, moment)), _action_law(verdict, action))
    answer = _answer(command, asked, amount, verdict, moment)
    law, inferred = answer.law, answer.settings
    events = _result(before, psp, answer.name, verdict, moment)
    if command.means.foreign:
        inferred = (*inferred, "foreign_encryption")
    return Decision((started, *events), law, inferred)


def _foreseen(command: c.Pay, asked: str, amount: Money, moment: Moment) -> str:
    """What the issuer will say once the shopper has authenticated; the balance is looked at again then."""
    if asked:
        return asked
    own = ruling(command.means, amount, moment).name if command.means.kind == "card" else APPROVED
    return "" if own in (APPROVED, "not_enough_balance") else own


def _action(command: c.Pay, instrument: e.Instrument, asked: str, verdict: Verdict, moment: Moment) -> str:
    """The kind of action that comes before the result; empty for none."""
    if verdict.outcome is not None:
        return ACTIONS.get(verdict.outcome, "")
    if instrument.kind == ANCV:
        return "await" if wallet_of(command.means.number, moment.world) is not None else ""
    if instrument.kind != "card" or command.three_ds == "never":
        return ""
    known = moment.world.cards.get(command.means.number)
    if command.three_ds != "always" and (known is None or known.three_ds == "never"):
        return ""
    return "fingerprint" if command.native else "redirect"


def _action_law(verdict: Verdict, action: str) -> str:
    if verdict.outcome is None and action == "await":
        return "the shopper is to answer in ANCV's app"
    by = f"rule {verdict.rule!r}" if verdict.outcome is not None else "the card's bank wants the shopper authenticated"
    return f"{by}: {action}"


def _ask_shopper(ref: str, psp: str, kind: str, moment: Moment) -> e.ActionRequired:
    settings: AdyenSettings = moment.settings
    return e.ActionRequired(
        ref=ref,
        payment=psp,
        kind=kind,
        secret=moment.ids.hex(32),
        expires=moment.now + (settings.ancv_life if kind == "await" else settings.three_ds_life),
        at=moment.now,
    )


def _answer(command: c.Pay, asked: str, amount: Money, verdict: Verdict, moment: Moment) -> Ruling:
    """The issuer's answer: a rule's, else what the request asks for, else the natural one."""
    own = ruling(command.means, amount, moment)
    return decided(own, asked, verdict)


def decided(own: Ruling, asked: str, verdict: Verdict) -> Ruling:
    """The answer of a rule, else what the request asked for, else the issuer's own; no rule makes money."""
    match verdict.outcome:
        case "authorised" | "received" | "pending" if own.short:
            return own
        case "authorised":
            return Ruling(APPROVED, f"rule {verdict.rule!r}: authorised")
        case "received" | "pending":
            return Ruling(PENDING, f"rule {verdict.rule!r}: {verdict.outcome}")
        case "refused" | "error" | "cancelled":
            reason = verdict.reason or _USUAL[verdict.outcome]
            return Ruling(reason, f"rule {verdict.rule!r}: {verdict.outcome}")
    if asked and not (asked in (APPROVED, PENDING) and own.short):
        return Ruling(asked, f"the request asks for it: {asked.upper()}")
    return own


_USUAL = {"refused": "declined", "error": "error", "cancelled": "fraud_cancelled"}
"""Why a payment ends so, when a rule names no reason."""


def _result(before: Purchase, psp: str, name: str, verdict: Verdict, moment: Moment) -> list[e.Event]:
    """The facts of a result: money, a refusal, or a wait. ``before`` has the payment begun."""
    if name == PENDING:
        return [_awaited(before, psp, verdict, moment)]
    if name != APPROVED:
        return [refusal(before.ref, psp, name, verdict, moment.now)]
    return authorise(before, psp, moment, fails=verdict.details.get("capture_fails"))


def _awaited(before: Purchase, psp: str, verdict: Verdict, moment: Moment) -> e.ResultAwaited:
    after: timedelta = verdict.details.get("after", moment.settings.late_result_after)
    return e.ResultAwaited(
        ref=before.ref,
        payment=psp,
        result="Pending" if verdict.outcome == "pending" else "Received",
        then=str(verdict.details.get("resolves", "refused" if verdict.reason else "authorised")),
        reason=verdict.reason or "declined",
        resolves=moment.now + after,
        at=moment.now,
    )


_RESULT_OF = {"error": "Error", "cancelled": "Cancelled", "refused": "Refused"}


def refusal(ref: str, psp: str, name: str, verdict: Verdict, now: datetime) -> e.Refused:
    """A payment that ends without money."""
    reason = REASONS[name]
    result = _RESULT_OF.get(verdict.outcome or "", reason.result)
    raw = f"{'DECLINED' if result == 'Refused' else result.upper()} {reason.text}"
    return e.Refused(ref=ref, payment=psp, result=result, code=reason.code, reason=reason.text, raw=raw, at=now)


def authorise(
    before: Purchase, psp: str, moment: Moment, *, fails: timedelta | None = None, authenticated: bool = False
) -> list[e.Event]:
    """The money is there: what follows for payment, order, session and link."""
    payment = before.payment(psp)
    assert payment is not None, "a payment begins before it is authorised"
    sale = payment.started.capturing.mode == "immediate"
    granted = e.Authorised(
        ref=before.ref,
        payment=psp,
        amount=payment.amount,
        auth_code=f"{moment.ids.below(1_000_000):06d}",
        sale=sale,
        day=day_of(moment.now) if payment.instrument.ceiling else "",
        authenticated=authenticated,
        capture_fails=moment.now + fails if fails is not None and sale else None,
        at=moment.now,
    )
    return [granted, *kept_by(payment, moment), *_completed(evolve(before, granted), payment.started.order, moment)]


def _completed(after: Purchase, order_ref: str, moment: Moment) -> list[e.Event]:
    order = after.order(order_ref)
    events: list[e.Event] = []
    if order is not None:
        waiting = any(leg.pending for leg in after.legs(order.ref))
        if after.remaining(order) or waiting:
            return []
        events.append(e.OrderPaid(ref=after.ref, order=order.ref, at=moment.now))
    if after.is_checkout and after.stage is CheckoutStage.ACTIVE:
        events.append(e.CheckoutPaid(ref=after.ref, at=moment.now))
        if after.link is not None and after.link.reusable:
            events.append(e.CheckoutReopened(ref=after.ref, at=moment.now))
    return events


# -- authentication, and results that come later ---------------------------------------------------------------------


def the_payment(state: Purchase | None, psp: str) -> tuple[Purchase, Payment]:
    """A payment of a purchase. Raises InvalidPaymentData."""
    payment = state.payment(psp) if state is not None else None
    if state is None or payment is None:
        raise InvalidPaymentData("no payment waits for this")
    return state, payment


def decide_authentication(state: Purchase | None, command: c.Authenticate, moment: Moment) -> Decision:
    """The shopper ends the bank's page. Raises ShopperRefused when nobody waits for that."""
    purchase, payment = the_payment(state, command.payment)
    if payment.status is not Status.AWAITING_SHOPPER:
        raise ShopperRefused("closed")
    told = {"Y": "the shopper authenticates", "N": "the authentication fails", "U": "the shopper gives up"}
    done = e.Authenticated(ref=purchase.ref, payment=payment.ref, outcome=command.outcome, at=moment.now)
    return Decision((done,), told[command.outcome])


def question_completion(state: Purchase | None, command: c.Complete, moment: Moment) -> Question | None:
    """Guard the details of an action. Raises InvalidPayload, InvalidPaymentData."""
    _, payment = the_payment(state, command.payment)
    if command.step == "await":
        return None
    outcome = _authentication(payment, command)
    if command.step == "fingerprint":
        return None
    facts: dict[str, Fact] = {
        "amount": payment.amount,
        "brand": payment.instrument.brand,
        "card": payment.instrument.last_four,
        "merchant_reference": payment.started.reference,
        "authenticated": outcome == "Y",
    }
    return Question("adyen.three_ds", facts)


def _authentication(payment: Payment, command: c.Complete) -> str:
    """The transStatus with which the shopper came back. Raises when nobody was sent anywhere, or not any more."""
    waits = payment.status in (Status.AWAITING_SHOPPER, Status.AUTHENTICATED)
    if command.step == "redirect":
        if not waits:
            raise InvalidPayload("this result was used already, or its time is over")
        return payment.outcome or "U"
    asked = payment.action.kind if payment.action is not None else ""
    if not waits or asked not in (command.step, "challenge" if command.step == "fingerprint" else ""):
        raise InvalidPaymentData(f"no {command.step} of this payment is waited for")
    return command.outcome


def decide_completion(state: Purchase | None, command: c.Complete, verdict: Verdict, moment: Moment) -> Decision:
    """What the shopper brought back: another action, or the result."""
    purchase, payment = the_payment(state, command.payment)
    if command.step == "await":  # asked again and again by some pages: it must stay the same
        return Decision((), "the result follows from the answer in the app")
    outcome = _authentication(payment, command)
    if command.step == "fingerprint":
        return Decision((_ask_shopper(purchase.ref, payment.ref, "challenge", moment),), "the bank wants a challenge")
    if verdict.outcome is None and outcome != "Y":
        name = "not_3d_authenticated" if outcome == "N" else "shopper_cancelled"
        told = "the authentication failed" if outcome == "N" else "the shopper gave up at the bank's page"
        fact = refusal(purchase.ref, payment.ref, name, verdict, moment.now)
        return Decision((fact,), told)
    answer = decided(_own_answer(payment, moment), payment.started.foreseen, verdict)
    if answer.name == APPROVED:
        fails = verdict.details.get("capture_fails")
        events = authorise(purchase, payment.ref, moment, fails=fails, authenticated=True)
    else:
        events = _result(purchase, payment.ref, answer.name, verdict, moment)
    return Decision(tuple(events), f"the shopper authenticated; {answer.law}", answer.settings)


def _own_answer(payment: Payment, moment: Moment) -> Ruling:
    instrument = payment.instrument
    if instrument.expiry and is_expired(instrument.expiry, moment.now):
        return Ruling("card_expired", f"the card expired at the end of {instrument.expiry}")
    return can_pay(instrument, payment.amount, moment)


def decide_lapse(state: Purchase | None, command: c.Lapse, moment: Moment) -> Decision:
    """Nobody came back in time. Raises InvalidPaymentData when somebody did."""
    purchase, payment = the_payment(state, command.payment)
    waits = payment.status in (Status.AWAITING_SHOPPER, Status.AUTHENTICATED)
    if not waits or payment.action is None or payment.action.secret != command.secret:
        raise InvalidPaymentData("the shopper came back")
    gone = e.Abandoned(ref=purchase.ref, payment=payment.ref, at=moment.now)
    setting = "ancv_life" if payment.action.kind == "await" else "three_ds_life"
    return Decision((gone,), "nobody came back in time; what was reserved is free again", (setting,))


def decide_resolution(state: Purchase | None, command: c.Resolve, moment: Moment) -> Decision:
    """The result that was awaited arrives; for an order that is closed by now it comes to nothing."""
    purchase, payment = the_payment(state, command.payment)
    if payment.status is not Status.RESULT_AWAITED or payment.awaited is None:
        raise InvalidPaymentData("the result has come already")
    natural = Verdict()
    order = purchase.order(payment.started.order)
    if (order is not None and order.stage is not OrderStage.OPEN) or purchase.stage is not CheckoutStage.ACTIVE:
        fact = refusal(purchase.ref, payment.ref, "cancelled", natural, moment.now)
        return Decision((fact,), "what was to be paid is closed meanwhile")
    own = can_pay(payment.instrument, payment.amount, moment)
    poor = own.name != APPROVED
    if payment.awaited.then == "authorised" and not poor:
        return Decision(tuple(authorise(purchase, payment.ref, moment)), "the issuer accepts, late")
    name = own.name if poor else payment.awaited.reason
    return Decision((refusal(purchase.ref, payment.ref, name, natural, moment.now),), "the issuer refuses, late")
