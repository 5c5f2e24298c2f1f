"""A payment by holiday vouchers: the shopper answers in ANCV's app, and the payment is decided there. Pure.

Source: docs.adyen.com "ANCV" and ``components/ANCV`` of adyen-web: the answer may be about less than what was asked.
That the money moves at the answer, whatever the browser does afterwards, is inferred.
"""

from __future__ import annotations

from mockpsp.domain.lifecycle import Decision, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.beneficiaries import wallet_paying
from mockpsp.providers.adyen.decide import authorise, decided, refusal, the_payment
from mockpsp.providers.adyen.errors import APPROVED, ShopperRefused
from mockpsp.providers.adyen.issuers import YES, Ruling, afford
from mockpsp.providers.adyen.states import Payment, Purchase, Status, evolve

AWAIT = "await"


def waits(payment: Payment) -> bool:
    """Whether an answer in the app is waited for."""
    return payment.status is Status.AWAITING_SHOPPER and payment.action is not None and payment.action.kind == AWAIT


def _asked(state: Purchase | None, psp: str) -> tuple[Purchase, Payment]:
    purchase, payment = the_payment(state, psp)
    if not waits(payment):
        raise ShopperRefused("closed")
    return purchase, payment


def most(payment: Payment, moment: Moment) -> Money:
    """What the wallet can pay of a payment now; only inside an order may that be less than was asked for."""
    held = moment.balances.balance(payment.instrument.account, payment.amount.currency)
    return min(held, payment.amount) if payment.started.order and held.minor > 0 else payment.amount


def _approved(payment: Payment, command: c.AnswerInApp, moment: Moment) -> Money:
    """What is approved. Raises ShopperRefused with the field when that is not possible in the app.

    What no wallet can pay, because it is empty or because the amount is fixed, can be approved, and is refused.
    """
    amount, asked = command.amount, payment.amount
    if amount is None:
        return most(payment, moment)
    if amount.currency != asked.currency or not 0 < amount.minor <= asked.minor:
        raise ShopperRefused("amount_above_order", "amount", amount=asked)
    if amount < asked and not payment.started.order:
        raise ShopperRefused("amount_is_fixed", "amount", amount=asked)
    can = most(payment, moment)
    if amount > can:
        raise ShopperRefused("amount_above_balance", "amount", amount=can)
    return amount


def question_answer(state: Purchase | None, command: c.AnswerInApp, moment: Moment) -> Question | None:
    """Guard the shopper's answer, and ask for ANCV's when he approves. Raises ShopperRefused."""
    _, payment = _asked(state, command.payment)
    if command.outcome != APPROVED:
        return None
    return Question(
        "adyen.ancv",
        {
            "amount": _approved(payment, command, moment),
            "asked": payment.amount,
            "card": payment.instrument.last_four,
            "merchant_reference": payment.started.reference,
        },
    )


def decide_answer(state: Purchase | None, command: c.AnswerInApp, verdict: Verdict, moment: Moment) -> Decision:
    """What follows from the shopper's answer: money, or an end without."""
    purchase, payment = _asked(state, command.payment)
    if command.outcome != APPROVED:
        cancels = command.outcome == "cancelled"
        how = Verdict("cancelled") if cancels else Verdict()
        name = "shopper_cancelled" if cancels else "declined"
        told = "the shopper cancels in the app" if cancels else "the shopper refuses in the app"
        return Decision((refusal(purchase.ref, payment.ref, name, how, moment.now),), told)
    amount = _approved(payment, command, moment)
    answer = decided(_own(payment, amount, moment), payment.started.foreseen, verdict)
    if answer.name != APPROVED:
        return Decision((refusal(purchase.ref, payment.ref, answer.name, verdict, moment.now),), answer.law)
    approved = e.ShareApproved(ref=purchase.ref, payment=payment.ref, amount=amount, at=moment.now)
    less = (approved,) if amount < payment.amount else ()
    for each in less:
        purchase = evolve(purchase, each)
    return Decision((*less, *authorise(purchase, payment.ref, moment)), f"the shopper approves {amount}; {answer.law}")


def _own(payment: Payment, amount: Money, moment: Moment) -> Ruling:
    """What ANCV says by itself."""
    wallet = wallet_paying(payment.instrument, moment.world)
    if wallet is not None and wallet.answers == "refuses":
        return Ruling(wallet.reason, "ANCV refuses (world.adyen.ancv_wallets: answers refuses)")
    found = afford(payment.instrument.account, amount, moment)
    return Ruling(YES, f"the wallet pays {amount}") if found.name == YES else found
