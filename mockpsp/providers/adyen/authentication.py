"""What comes after a payment was begun: 3-D Secure, results that come later, shoppers who never come back. Pure.

Sources: docs.adyen.com "Native 3D Secure 2", ``components/ThreeDS2`` of adyen-web.
"""

from __future__ import annotations

from mockpsp.domain.lifecycle import Decision, Fact, Moment, Question, Verdict
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.decide import ask_shopper, authorise, decided, refusal, result_of, the_payment
from mockpsp.providers.adyen.errors import (
    APPROVED,
    InvalidPayload,
    InvalidPaymentData,
    ShopperRefused,
)
from mockpsp.providers.adyen.issuers import (
    Ruling,
    can_pay,
    is_expired,
)
from mockpsp.providers.adyen.states import (
    CheckoutStage,
    OrderStage,
    Payment,
    Purchase,
    Status,
)


def decide_authentication(state: Purchase | None, command: c.Authenticate, moment: Moment) -> Decision:
    """The shopper ends the bank's page. Raises ShopperRefused when nobody waits for that."""
    purchase, payment = the_payment(state, command.payment)
    if payment.status is not Status.AWAITING_SHOPPER or _in_app(payment):
        if frictionless(payment):
            raise InvalidPaymentData("the result is known already")
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
    if _wants_challenge(payment, command):
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
    waits = payment.status in (Status.AWAITING_SHOPPER, Status.AUTHENTICATED) and not _in_app(payment)
    if command.step == "redirect":
        if not waits:
            raise InvalidPayload("this result was used already, or its time is over")
        return payment.outcome or "U"
    asked = payment.action.kind if payment.action is not None else ""
    if waits and frictionless(payment) and command.step in ("fingerprint", "challenge"):
        return "Y" if command.step == "fingerprint" else payment.outcome or "U"
    if not waits or asked not in (command.step, "challenge" if command.step == "fingerprint" else ""):
        raise InvalidPaymentData(f"no {command.step} of this payment is waited for")
    return command.outcome


def _in_app(payment: Payment) -> bool:
    """Whether it is no bank that the shopper was sent to."""
    return payment.action is not None and payment.action.kind == "await"


def frictionless(payment: Payment) -> bool:
    """Whether a fingerprint is all that the bank wants of this payment."""
    return payment.action is not None and payment.action.then == "frictionless"


def _wants_challenge(payment: Payment, command: c.Complete) -> bool:
    return command.step == "fingerprint" and not frictionless(payment)


def decide_completion(state: Purchase | None, command: c.Complete, verdict: Verdict, moment: Moment) -> Decision:
    """What the shopper brought back: another action, or the result."""
    purchase, payment = the_payment(state, command.payment)
    if command.step == "await":  # asked again and again by some pages: it must stay the same
        return Decision((), "the result follows from the answer in the app")
    outcome = _authentication(payment, command)
    if _wants_challenge(payment, command):
        return Decision((ask_shopper(purchase.ref, payment.ref, "challenge", moment),), "the bank wants a challenge")
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
        events = result_of(purchase, payment.ref, answer.name, verdict, moment)
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
