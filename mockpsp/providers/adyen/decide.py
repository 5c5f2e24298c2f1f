"""Payments: which facts follow when one is made. Pure.

Sources: docs.adyen.com "Partial payments" and "Titres-Restaurant"; what no source tells is a setting.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mockpsp.domain.lifecycle import Decision, Fact, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.beneficiaries import ANCV, last_digits, wallet_of
from mockpsp.providers.adyen.checkouts import active_checkout, nobody_else_pays, open_order
from mockpsp.providers.adyen.errors import (
    APPROVED,
    PENDING,
    REASONS,
    InvalidPaymentData,
    MissingField,
    OrderAmountTooHigh,
    OrderCurrencyMismatch,
    ReturnUrlMissing,
)
from mockpsp.providers.adyen.ids import psp_reference
from mockpsp.providers.adyen.issuers import (
    Ruling,
    brand_paid,
    check_amount,
    check_currency,
    check_means,
    day_of,
    instrument_of,
    outcome_asked,
    ruling,
    spendable,
)
from mockpsp.providers.adyen.settings import AdyenSettings
from mockpsp.providers.adyen.states import (
    CheckoutStage,
    Order,
    Payment,
    Purchase,
    evolve,
)
from mockpsp.providers.adyen.stored import keeping, kept_by

ACTIONS = {"redirect": "redirect", "identify": "fingerprint", "challenge": "challenge"}
"""Outcomes of a payment that ask the shopper to do something, and the kind of action."""


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
            nobody_else_pays(state)
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
    started = e.PaymentStarted(  # two by position: of so many keywords Python would make a dictionary
        ref,
        psp,
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
        only_looks = action == "fingerprint" and verdict.outcome is None and command.three_ds != "always"
        then = "frictionless" if only_looks and _three_ds(command, moment) == "frictionless" else None
        return Decision((started, ask_shopper(ref, psp, action, moment, then)), _action_law(verdict, action))
    answer = _answer(command, asked, amount, verdict, moment)
    law, inferred = answer.law, answer.settings
    events = result_of(before, psp, answer.name, verdict, moment)
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
    if command.native:
        return "fingerprint" if command.three_ds == "always" or _three_ds(command, moment) != "never" else ""
    return "redirect" if command.three_ds == "always" or _three_ds(command, moment) == "challenge" else ""


def _three_ds(command: c.Pay, moment: Moment) -> str:
    """What the card's bank wants by itself."""
    known = moment.world.cards.get(command.means.number)
    return known.three_ds if known is not None else "never"


def _action_law(verdict: Verdict, action: str) -> str:
    if verdict.outcome is None and action == "await":
        return "the shopper is to answer in ANCV's app"
    by = f"rule {verdict.rule!r}" if verdict.outcome is not None else "the card's bank wants the shopper authenticated"
    return f"{by}: {action}"


def ask_shopper(ref: str, psp: str, kind: str, moment: Moment, then: str | None = None) -> e.ActionRequired:
    """The shopper has to do something of this kind first."""
    settings: AdyenSettings = moment.settings
    return e.ActionRequired(
        ref=ref,
        payment=psp,
        kind=kind,
        secret=moment.ids.hex(32),
        expires=moment.now + (settings.ancv_life if kind == "await" else settings.three_ds_life),
        at=moment.now,
        then=then,
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


def result_of(before: Purchase, psp: str, name: str, verdict: Verdict, moment: Moment) -> list[e.Event]:
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


def the_payment(state: Purchase | None, psp: str) -> tuple[Purchase, Payment]:
    """A payment of a purchase. Raises InvalidPaymentData."""
    payment = state.payment(psp) if state is not None else None
    if state is None or payment is None:
        raise InvalidPaymentData("no payment waits for this")
    return state, payment
