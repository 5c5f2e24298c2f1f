"""Decisions while a shopper pays: shares, refusals, the bank's page, giving up, and what Lyra is notified of then."""

from __future__ import annotations

from datetime import timedelta

from mockpsp.domain.clock import paris_day
from mockpsp.domain.lifecycle import Decision, Fact, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.decide import check_executable, executed_by, the_order
from mockpsp.providers.lyra.errors import Invalid, ShopperRefused, wrong
from mockpsp.providers.lyra.holdings import masked
from mockpsp.providers.lyra.issuers import (
    Ruling,
    afford,
    check_form,
    instrument_of,
    most,
    offered,
    ruling,
    spendable,
    stored_means,
)
from mockpsp.providers.lyra.schedule import capture_date, legs
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order, OrderStatus
from mockpsp.providers.lyra.vouchers import TYPES, allocate, unselected


def the_open(state: Order | None, secret: str | None) -> Order:
    """The order that a shopper pays now. Raises ShopperRefused for one that is closed, or whose address is void."""
    order = the_order(state)
    if not order.is_open:
        raise ShopperRefused("closed")
    if secret is not None and (order.execution is None or order.execution.secret != secret):
        raise ShopperRefused("replaced")
    return order


# -- a share ---------------------------------------------------------------------------------------------------------


def share_of(order: Order, command: c.Pay, moment: Moment) -> Money:
    """What this tender is to pay. Raises ShopperRefused for what the page would not let happen."""
    means = command.means
    if order.challenge is not None:
        raise ShopperRefused("answer_awaited")
    if means.kind not in offered(order, moment.settings):
        raise ShopperRefused("problem_method", "method")
    check_form(means, moment.world)
    at_most = Money(most(order, means.kind), order.currency)
    if command.amount is None:
        found = spendable(order, means, moment)
        if found <= 0:
            raise ShopperRefused("problem_nothing_left", "number" if means.kind == "conecs" else "beneficiary")
        return Money(found, order.currency)
    if command.amount < 1:
        raise ShopperRefused("problem_amount", "amount")
    if command.amount > at_most.minor:
        raise ShopperRefused("problem_amount_most", "amount", amount=at_most)
    if means.kind == "card" and command.amount != order.remaining:
        raise ShopperRefused("problem_amount_rest", "amount", amount=at_most)
    return Money(command.amount, order.currency)


def question_pay(state: Order | None, command: c.Pay, moment: Moment) -> Question:
    """What a rule may say of a share. Raises ShopperRefused."""
    order = the_open(state, command.secret)
    amount = share_of(order, command, moment)
    return _question(order, command.means, amount)


def _question(order: Order, means: c.Means, amount: Money) -> Question:
    facts: dict[str, Fact] = {
        "amount": amount,
        "order_amount": order.money,
        "merchant_reference": order.head.reference,
        "number": means.number,
        "attempt": order.refusals + 1,
    }
    return Question(f"lyra.{means.kind}", facts)


def decide_pay(state: Order | None, command: c.Pay, verdict: Verdict, moment: Moment) -> Decision:
    """A share is authorised, refused, or waits for the bank's page."""
    order = the_open(state, command.secret)
    amount = share_of(order, command, moment)
    means = command.means
    found = _ruled(means, _now(order, means.kind, amount, moment), verdict, moment)
    if command.declined:
        found = Ruling("refused", "the beneficiary declines in the app")
    if found.reason:
        return Decision(
            _refused(order, means.kind, amount, found.reason, means.number, moment), found.law, found.settings
        )
    instrument = instrument_of(means, moment.world)
    if found.challenge:
        raised = e.ChallengeRaised(instrument, amount.minor, moment.now)
        return Decision((raised,), f"{found.law}; the bank asks the shopper to authenticate")
    share = authorised(order, instrument, amount.minor, moment)
    return Decision((share, *completed(order, share, moment)), found.law, found.settings)


def _ruled(means: c.Means, amount: Money, verdict: Verdict, moment: Moment) -> Ruling:
    """The rule's word where there is one; a rule that accepts cannot make money, so an issuer's no for funds stands."""
    natural = ruling(means, amount, moment)
    if verdict.outcome is None:
        return natural
    if verdict.outcome == "refused":
        return Ruling(verdict.reason or "refused", f"rule {verdict.rule!r} refuses")
    if natural.reason in ("insufficient_funds", "unknown_number"):
        return natural
    funds = afford(instrument_of(means, moment.world).account, amount, moment)
    if funds.reason:
        return funds
    asks = verdict.outcome == "challenge" and means.kind == "card"
    return Ruling("", f"rule {verdict.rule!r}: {verdict.outcome}", challenge=asks)


def _refused(order: Order, kind: str, amount: Money, reason: str, number: str, moment: Moment) -> tuple[e.Event, ...]:
    """A refused attempt; the last one ends the payment, and vouchers that paid already are given back."""
    settings: LyraSettings = moment.settings
    again = order.refusals < settings.extra_attempts
    shown = masked(number) if kind != "cv_connect" else number
    refusal = e.ShareRefused(kind, amount.minor, reason, again, shown, moment.now)
    if again:
        return (refusal,)
    return (refusal, *ended(order, "refused", moment, reason))


def ended(order: Order, outcome: str, moment: Moment, reason: str = "") -> tuple[e.Event, ...]:
    """The shopper's part is over without a payment; Lyra is notified at once, or after a while.

    ``reason`` is that of the last refusal.
    """
    given_back = (e.SharesReversed(moment.now),) if order.shares else ()
    end = e.PaymentEnded(outcome, moment.now)
    late = moment.settings.notification_delay > timedelta(0)
    return (*given_back, end) if late else (*given_back, end, _fate(outcome, reason, moment))


def _fate(outcome: str, reason: str, moment: Moment) -> e.OrderFailed | e.OrderAbandoned:
    if outcome == "refused":
        return e.OrderFailed(reason, moment.now)
    return e.OrderAbandoned(moment.now)


def _now(order: Order, kind: str, amount: Money, moment: Moment) -> Money:
    """What is authorised now of a share: all of it, of a card's installments the first."""
    if kind != "card":
        return amount
    return Money(legs(order.head.payment_config, amount.minor, moment.now)[0][0], amount.currency)


def authorised(order: Order, instrument: e.Instrument, amount: int, moment: Moment) -> e.ShareAuthorised:
    """A share that is paid: all of it is held, of installments the first."""
    held = _now(order, instrument.kind, Money(amount, order.currency), moment).minor
    return e.ShareAuthorised(
        trans_uuid=moment.ids.hex(32),
        instrument=instrument,
        amount=amount,
        held=held,
        auto_code=moment.ids.hex(6),
        day=str(paris_day(moment.now)) if instrument.ceiling else "",
        at=moment.now,
    )


# -- all is paid -----------------------------------------------------------------------------------------------------


def completed(order: Order, share: e.ShareAuthorised, moment: Moment) -> tuple[e.Event, ...]:
    """What follows when this share was the last one."""
    if order.remaining - share.amount > 0:
        return ()
    end = e.PaymentEnded("paid", moment.now)
    if moment.settings.notification_delay > timedelta(0):
        return (end,)
    return (end, paid(order, (*order.shares, share), moment))


def paid(order: Order, shares: tuple[e.ShareAuthorised, ...], moment: Moment) -> e.OrderPaid:
    """The order is PENDING: its transactions, and what vouchers paid of each item."""
    by_type = {TYPES[each.instrument.kind]: each.amount for each in shares if each.instrument.kind in TYPES}
    transactions: list[e.Transaction] = []
    for share in shares:
        transactions.extend(_transactions(order, share, len(transactions), moment))
    execution = order.execution
    card = next((each for each in shares if each.instrument.kind == "card"), None)
    stored = None
    if execution is not None and execution.registers and card is not None:
        stored = _stored(order, card.instrument, moment)
    return e.OrderPaid(
        transactions=tuple(transactions),
        allocations=allocate(order.items, by_type, moment.ids.below),
        stored=stored,
        gateway_id=f"{moment.ids.next('lyra.gateway') % 900000:06d}",
        at=moment.now,
    )


def _transactions(order: Order, share: e.ShareAuthorised, before: int, moment: Moment) -> list[e.Transaction]:
    """One transaction, or one for each installment. Meal and holiday vouchers need no validation."""
    due = capture_date(share.at, order.head.capture_delay or 0, order.head.expected_capture_date)
    card = share.instrument.kind == "card"
    parts = legs(order.head.payment_config, share.amount, due) if card else ((share.amount, due),)
    status = "TO_VALIDATE" if card and order.head.awaiting_validation else "PENDING"
    return [
        e.Transaction(
            trans_uuid=share.trans_uuid if number == 0 else moment.ids.hex(32),
            sequence=before + number + 1,
            instrument=share.instrument,
            amount=amount,
            initial=amount,
            held=share.held if number == 0 else 0,
            auto_code=share.auto_code,
            day=share.day,
            due=at,
            paid_at=share.at,
            created=moment.now,
            updated=moment.now,
            status=status,
        )
        for number, (amount, at) in enumerate(parts)
    ]


def _stored(order: Order, instrument: e.Instrument, moment: Moment) -> e.Stored:
    """The payment method under a new alias, or under the one that the order has."""
    import json

    buyer = json.loads(order.head.buyer)
    return e.Stored(
        alias=order.head.alias or moment.ids.hex(32),
        instrument=instrument,
        email=buyer.get("email") or "",
        first_name=buyer.get("first_name") or "",
        last_name=buyer.get("last_name") or "",
        at=moment.now,
    )


def decide_notify(state: Order | None, moment: Moment) -> Decision:
    """The gateway's notification arrives: the order follows what happened on the page."""
    order = the_order(state)
    if order.status is not OrderStatus.CREATED or not order.ended:
        raise Invalid({"status": "nothing to be notified of"})
    if order.ended == "paid":
        return Decision((paid(order, order.shares, moment),), "the shopper has paid", ("notification_delay",))
    fate = _fate(order.ended, order.refused.reason if order.refused is not None else "", moment)
    return Decision((fate,), f"the page ended: {order.ended}", ("notification_delay",))


# -- the bank's page, and leaving ------------------------------------------------------------------------------------


def decide_authentication(state: Order | None, command: c.Authenticate, moment: Moment) -> Decision:
    """The shopper is back from the bank's page."""
    order = the_open(state, command.secret)
    challenge = order.challenge
    if challenge is None:
        raise ShopperRefused("closed")
    amount = Money(challenge.amount, order.currency)
    number = challenge.instrument.masked
    if not command.passed:
        events = _refused(order, "card", amount, "three_ds_failed", number, moment)
        return Decision(events, "the shopper did not authenticate")
    found = afford(challenge.instrument.account, _now(order, "card", amount, moment), moment)
    if found.reason:
        return Decision(_refused(order, "card", amount, found.reason, number, moment), found.law)
    share = authorised(order, challenge.instrument, challenge.amount, moment)
    return Decision((e.ChallengePassed(moment.now), share, *completed(order, share, moment)), found.law)


def decide_give_up(state: Order | None, command: c.GiveUp, moment: Moment) -> Decision:
    """The shopper cancels: the order is abandoned, vouchers that paid already are given back."""
    order = the_open(state, command.secret)
    return Decision(ended(order, "cancelled", moment), "the shopper cancelled on the page")


def decide_expiry(state: Order | None, command: c.Expire, moment: Moment) -> Decision:
    """The page's time is over. A persistent link that brought the buyer there can be opened again."""
    order = the_open(state, command.secret)
    linked = order.persisted
    by_link = order.execution is not None and order.execution.way == "persist"
    if by_link and linked is not None and moment.now < linked.expires:
        given_back = (e.SharesReversed(moment.now),) if order.shares else ()
        void = e.OrderChanged(order.head, unselected(order.items), moment.now)
        return Decision((*given_back, void), "the page's time is over, the link's is not", ("page_life",))
    return Decision(ended(order, "expired", moment), "the page's time is over", ("page_life",))


def decide_link_expiry(state: Order | None, command: c.ExpireLink, moment: Moment) -> Decision:
    """A persistent link that nobody used in time."""
    order = the_order(state)
    linked = order.persisted
    used = order.is_open or bool(order.ended)
    if order.status is not OrderStatus.CREATED or linked is None or linked.code != command.code or used:
        raise Invalid({"status": "the link is not what the order waits for"})
    return Decision((e.OrderAbandoned(moment.now),), "nobody paid with the link in time", ("persist_life",))


# -- without a shopper -----------------------------------------------------------------------------------------------


def question_mit(state: Order | None, command: c.ExecuteMit, moment: Moment) -> Question:
    """What a rule may say of a payment that the merchant starts. Raises Invalid."""
    order = _for_mit(state, command, moment)
    return _question(order, _mit_means(command, moment), order.money)


def _for_mit(state: Order | None, command: c.ExecuteMit, moment: Moment) -> Order:
    order = the_order(state)
    check_executable(order, moment)
    if order.head.alias is None:
        raise wrong("alias", "This order has no alias to be paid with.")
    if command.stored is None:
        raise wrong("alias", "No payment method is registered under this alias.")
    if order.is_open:
        raise wrong("status", "The buyer is paying this order.")
    return order


def _mit_means(command: c.ExecuteMit, moment: Moment) -> c.Means:
    assert command.stored is not None, "an unknown alias is refused before"
    return stored_means(command.stored, moment.world)


def decide_mit(state: Order | None, command: c.ExecuteMit, verdict: Verdict, moment: Moment) -> Decision:
    """GET execute-mit: the stored payment method pays all at once, or the order fails."""
    order = _for_mit(state, command, moment)
    assert command.stored is not None, "an unknown alias is refused before"
    executed, _ = executed_by(order, "mit", command.key, moment, registers=False, life=None)
    means = _mit_means(command, moment)
    found = _ruled(means, _now(order, "card", order.money, moment), verdict, moment)
    if found.challenge:
        found = Ruling("three_ds_failed", f"{found.law}; the bank asks for a buyer, and there is none")
    if found.reason:
        refusal = e.ShareRefused("card", order.total, found.reason, False, command.stored.instrument.masked, moment.now)
        ends = (e.PaymentEnded("refused", moment.now), e.OrderFailed(found.reason, moment.now))
        return Decision((executed, refusal, *ends), found.law)
    share = authorised(order, command.stored.instrument, order.total, moment)
    ends_paid = (e.PaymentEnded("paid", moment.now), paid(order, (share,), moment))
    return Decision((executed, share, *ends_paid), found.law)
