"""How an order comes to be paid: questions and decisions about the shopper's steps and about time."""

from __future__ import annotations

from typing import Any

from mockpsp.domain.lifecycle import Decision, Fact, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.create import acceptance, inner_id, refusal
from mockpsp.providers.worldline.errors import CANCELLED_BY_CUSTOMER, REASONS, ShopperRefused, UnknownPayment
from mockpsp.providers.worldline.holdings import CV_CONNECT, Holdings, Wallet
from mockpsp.providers.worldline.issuers import (
    BRANDS,
    beneficiary_answer,
    beneficiary_facts,
    card_answer,
    card_facts,
    card_product,
    check_card_form,
    masked,
)
from mockpsp.providers.worldline.maintain import late
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import Code, Order, Stage, Tender, evolve

DIRECT_ATTEMPTS = 10


def offer(order: Order, moment: Moment) -> Money:
    """How much of this order the beneficiary's wallet can pay now."""
    holdings: Holdings = moment.world
    wallet = holdings.wallet(order.beneficiary)
    if wallet is None:
        return order.total.zero
    balance = moment.balances.balance(wallet.account, order.total.currency)
    willing = Money(order.total.minor * wallet.covers // 100, order.total.currency)
    return min((balance, willing, order.total), key=lambda money: money.minor)


def attempts_left(order: Order) -> int:
    """Attempts that the shopper still has."""
    allowed = order.created.hosted.attempts if order.created.hosted else DIRECT_ATTEMPTS
    return max(0, allowed - order.attempts)


def complement_products(order: Order) -> tuple[int, ...]:
    """Cards that may pay what vouchers leave open; none when the payment is to be captured later (documented)."""
    if order.created.requires_approval:
        return ()
    how = order.created.hosted or order.created.direct
    return how.complement if how is not None else ()


def in_progress(order: Order | None) -> Order:
    """The order, if a shopper can still act on it. Raises ShopperRefused."""
    if order is None:
        raise UnknownPayment("no order has this reference")
    if order.stage is not Stage.IN_PROGRESS:
        raise ShopperRefused("closed")
    if order.pending is not None:
        raise ShopperRefused("answer_awaited")
    return order


def products_on_offer(order: Order) -> tuple[int, ...]:
    """Products the shopper can choose for the first tender."""
    if order.first.accepted:
        return ()
    hosted = order.created.hosted
    if hosted is None:
        return (CV_CONNECT,) if order.created.direct is not None else ()
    return (order.created.product,) if order.created.product is not None else hosted.products


def question_connect(order: Order, command: c.GoToConnect) -> Question:
    """Guard the way to CV Connect. Raises ShopperRefused."""
    if CV_CONNECT not in products_on_offer(order):
        raise ShopperRefused("product_not_on_offer", "product")
    if not command.beneficiary.strip():
        raise ShopperRefused("beneficiary_missing", "beneficiary")
    facts = beneficiary_facts(
        command.beneficiary, order.created, order.attempts + 1, hosted=order.created.hosted is not None
    )
    return Question("worldline.beneficiary", facts)


def decide_connect(order: Order, command: c.GoToConnect, verdict: Verdict, moment: Moment) -> Decision:
    """On to CV Connect, or refused there. A beneficiary whom ANCV does not know can be corrected on the page."""
    holdings: Holdings = moment.world
    beneficiary = command.beneficiary.strip()
    if holdings.wallet(beneficiary) is None and verdict.outcome != "refused":
        raise ShopperRefused("unknown_beneficiary", "beneficiary")
    events: list[Any] = _retry(order, moment)
    events.append(e.Redirected(ref=order.ref, product=CV_CONNECT, beneficiary=beneficiary, at=moment.now))
    error, law = beneficiary_answer(beneficiary, verdict, moment)
    if error is not None:
        events.extend(_refuse(order, order.ref, order.total, CV_CONNECT, None, error, moment))
    return Decision(tuple(events), law)


def _retry(order: Order, moment: Moment) -> list[Any]:
    return [e.Retried(ref=order.ref, at=moment.now)] if order.first.code is Code.REJECTED else []


def question_vouchers(order: Order, command: c.PayVouchers, moment: Moment) -> Question:
    """Guard the beneficiary's confirmation in the app. Raises ShopperRefused with the field."""
    if order.first.code is not Code.REDIRECTED:
        raise ShopperRefused("not_at_cv_connect")
    amount = _vouchers_asked(order, command, moment)
    facts: dict[str, Fact] = {
        "amount": amount,
        "order_amount": order.total,
        "beneficiary": order.beneficiary,
        "attempt": order.attempts + 1,
        "merchant_reference": order.created.references.merchant_reference,
        "adjustable": order.created.adjustable,
        "hosted": order.created.hosted is not None,
    }
    return Question("worldline.cv_connect", facts)


def fixed_amount(order: Order) -> bool:
    """Whether vouchers must cover the whole order: not adjustable, or nothing else may pay the rest."""
    return not order.created.adjustable or not complement_products(order)


def _vouchers_asked(order: Order, command: c.PayVouchers, moment: Moment) -> Money:
    able = offer(order, moment)
    settings: WorldlineSettings = moment.settings
    if fixed_amount(order):
        lenient = settings.insufficient_fixed_vouchers == "card_complement" and complement_products(order)
        fixed = able if lenient else order.total
        if command.amount is not None and command.amount != fixed:
            raise ShopperRefused("amount_is_fixed", "voucher_amount", amount=fixed)
        return fixed
    amount = able if command.amount is None else command.amount
    if amount.currency != order.total.currency:
        raise ShopperRefused("bad_amount", "voucher_amount")
    if command.amount is not None and (amount.minor <= 0 or amount > order.total):
        raise ShopperRefused(
            "amount_above_order" if amount.minor > 0 else "bad_amount", "voucher_amount", amount=order.total
        )
    if amount > able:
        raise ShopperRefused("amount_above_balance", "voucher_amount", amount=able)
    least = settings.minimum_vouchers
    if least is not None and command.amount is not None and amount < least:
        raise ShopperRefused("amount_below_minimum", "voucher_amount", amount=least)
    return amount


def decide_vouchers(order: Order, command: c.PayVouchers, verdict: Verdict, moment: Moment) -> Decision:
    """ANCV's answer to the confirmation."""
    amount = _vouchers_asked(order, command, moment)
    wallet = moment.world.wallet(order.beneficiary)
    if wallet is None:
        raise ShopperRefused("unknown_beneficiary", "beneficiary")
    lacking = fixed_amount(order) and offer(order, moment) < order.total
    settings = ("insufficient_fixed_vouchers",) if lacking else ()
    outcome, reason, law = _vouchers_law(order, wallet, amount, verdict, moment)
    match outcome:
        case "accepted":
            sale = not order.created.requires_approval
            events = _accept(order, order.ref, amount, CV_CONNECT, None, wallet.account, sale, moment)
            return Decision(tuple(events), law, settings)
        case "pending":
            return Decision(
                (_awaited(order, order.ref, amount, CV_CONNECT, None, wallet.account, verdict, moment),), law
            )
        case "cancelled":
            return Decision(tuple(_give_up(order, "customer", moment)), law)
        case "no_answer":
            return Decision((), law)
        case _:
            events = _refuse(order, order.ref, amount, CV_CONNECT, None, REASONS[reason], moment)
            return Decision(tuple(events), law, settings)


def _vouchers_law(
    order: Order, wallet: Wallet, amount: Money, verdict: Verdict, moment: Moment
) -> tuple[str, str, str]:
    waits_for_nothing = verdict.outcome == "pending" and not amount
    if verdict.outcome is not None and verdict.outcome != "accepted" and not waits_for_nothing:
        return verdict.outcome, verdict.reason or "issuer_refusal", f"rule {verdict.rule!r}: {verdict.outcome}"
    able = offer(order, moment)
    least = moment.settings.minimum_vouchers
    if able < amount or amount.minor <= 0 or (least is not None and amount < least):
        return "refused", "insufficient_funds", f"the wallet can pay {able}, {amount} is asked for"
    natural = {
        "accepts": ("accepted", "", f"the wallet pays {amount} of the {able} that it can"),
        "refuses": ("refused", wallet.reason, "the wallet refuses (world.worldline.wallets: answers refuses)"),
        "cancels": ("cancelled", "", "the beneficiary declines in the app (answers cancels)"),
        "never_answers": ("no_answer", "", "the beneficiary never answers (answers never_answers)"),
    }
    if verdict.outcome == "accepted":
        return "accepted", "", f"rule {verdict.rule!r}: accepted"
    return natural[wallet.answers]


def question_card(order: Order, command: c.PayCard, moment: Moment) -> Question:
    """Guard a payment by card: the whole order, or what vouchers left open. Raises ShopperRefused with the field."""
    operation, allowed = _card_place(order)
    if command.amount is not None and command.amount != order.remaining:
        raise ShopperRefused("card_pays_the_rest", "amount", amount=order.remaining)
    check_card_form(command.card, moment.world)
    product = card_product(command.card, moment.world, allowed)
    if product is None:
        raise ShopperRefused("brand_not_accepted", "card_number")
    hosted = order.created.hosted is not None
    facts = card_facts(command.card, product, order.remaining, order.created, order.attempts + 1, hosted=hosted)
    return Question(operation, facts)


def _card_place(order: Order) -> tuple[str, tuple[int, ...]]:
    if order.first.accepted:
        return "worldline.card_complement", complement_products(order)
    allowed = tuple(product for product in products_on_offer(order) if product in BRANDS)
    if not allowed:
        raise ShopperRefused("product_not_on_offer", "product")
    return "worldline.card_payment", allowed


def decide_card(order: Order, command: c.PayCard, verdict: Verdict, moment: Moment) -> Decision:
    """The issuer's answer. Each attempt at a complement is a tender of its own; the first tender keeps its id."""
    _, allowed = _card_place(order)
    product = card_product(command.card, moment.world, allowed)
    assert product is not None, "question_card refuses it"
    answer = card_answer(command.card, order.remaining, verdict, moment)
    kept = masked(command.card, product, answer.account, answer.country)
    complement = order.first.accepted
    tender = inner_id(moment) if complement else order.ref
    before = [] if complement else _retry(order, moment)
    if answer.error is not None:
        after = _refuse(order, tender, order.remaining, product, kept, answer.error, moment)
    elif verdict.outcome == "pending":
        after = [_awaited(order, tender, order.remaining, product, kept, answer.account, verdict, moment)]
    else:
        sale = complement or not order.created.requires_approval
        after = _accept(order, tender, order.remaining, product, kept, answer.account, sale, moment)
    return Decision((*before, *after), answer.law)


def decide_give_up(order: Order, moment: Moment) -> Decision:
    """The shopper cancels, on the page or in the app."""
    return Decision(tuple(_give_up(order, "customer", moment)), "the shopper gives up")


def decide_expiry(order: Order | None, moment: Moment) -> Decision:
    """The session is over; an answer that is still awaited keeps the order open until it comes."""
    if order is None or order.stage is not Stage.IN_PROGRESS:
        raise ShopperRefused("closed")
    if order.pending is not None:
        return Decision((), "the session is over, but an issuer's answer is still awaited")
    return Decision(tuple(_give_up(order, "time", moment)), "the session's time is over")


def decide_resolution(order: Order | None, command: c.Resolve, moment: Moment) -> Decision:
    """The late answer to a tender in status 51."""
    tender = order.tender(command.tender) if order is not None else None
    if order is None or tender is None or tender.code is not Code.AUTHORIZATION_REQUESTED:
        raise ShopperRefused("closed")
    product = tender.product or CV_CONNECT
    held = moment.balances.balance(tender.account, tender.share.currency)
    poor = not tender.account.startswith("world/") and held < tender.share
    if command.outcome == "accepted" and not poor:
        sale = tender.inner != order.ref or not order.created.requires_approval
        events = _accept(order, tender.inner, tender.share, product, tender.card, tender.account, sale, moment)
        law = "the issuer accepts, late"
    else:
        error = REASONS["insufficient_funds" if poor else command.reason]
        events = _refuse(order, tender.inner, tender.share, product, tender.card, error, moment)
        law = "the issuer refuses, late"
    return Decision((*events, *_expired_meanwhile(order, events, moment)), law)


def _expired_meanwhile(order: Order, events: list[Any], moment: Moment) -> list[Any]:
    """The end of a session that only waited for this answer, when the answer left something open."""
    after = order
    for event in events:
        after = evolve(after, event)
    hosted = order.created.hosted
    if hosted is None or moment.now < hosted.expires or after.stage is not Stage.IN_PROGRESS:
        return []
    return _give_up(after, "time", moment)


# -- facts -----------------------------------------------------------------------------------------------------------


def _accept(
    order: Order,
    tender: str,
    amount: Money,
    product: int,
    card: e.Card | None,
    account: str,
    sale: bool,
    moment: Moment,
) -> list[Any]:
    events: list[Any] = [acceptance(order.ref, tender, amount, product, card, account, sale, moment)]
    if amount == order.remaining:
        events.append(e.OrderPaid(ref=order.ref, at=moment.now))
    return events


def _awaited(
    order: Order,
    tender: str,
    amount: Money,
    product: int,
    card: e.Card | None,
    account: str,
    verdict: Verdict,
    moment: Moment,
) -> e.AnswerAwaited:
    return e.AnswerAwaited(
        ref=order.ref,
        tender=tender,
        amount=amount,
        product=product,
        card=card,
        account=account,
        sale=not order.created.requires_approval,
        then=str(verdict.details.get("resolves", "accepted")),
        reason=verdict.reason or "issuer_refusal",
        resolves=moment.now + verdict.details["after"] if "after" in verdict.details else moment.now,
        at=moment.now,
    )


def _refuse(
    order: Order, tender: str, amount: Money, product: int, card: e.Card | None, error: e.PlatformError, moment: Moment
) -> list[Any]:
    direct_vouchers = order.created.hosted is None and not order.first.accepted
    left = 0 if direct_vouchers else max(0, attempts_left(order) - 1)
    events: list[Any] = [refusal(order.ref, tender, amount, product, card, error, left, moment.now)]
    if left == 0 and order.acquired:
        events.append(e.Abandoned(ref=order.ref, why="attempts", at=moment.now))
        events.extend(_give_back(order, moment))
    elif left == 0:
        events.append(e.AttemptsExhausted(ref=order.ref, at=moment.now))
    return events


def _give_up(order: Order, why: str, moment: Moment) -> list[Any]:
    events: list[Any] = []
    first = order.first
    if first.accepted:
        left: Tender | None = None
        tender = inner_id(moment)
    else:
        left = first
        tender = first.inner
    if left is None or left.code in (Code.CREATED, Code.REDIRECTED):
        error = CANCELLED_BY_CUSTOMER
        events.append(e.GivenUp(ref=order.ref, tender=tender, remaining=order.remaining, error=error, at=moment.now))
    events.append(e.Abandoned(ref=order.ref, why=why, at=moment.now))
    return [*events, *_give_back(order, moment)]


def _give_back(order: Order, moment: Moment) -> list[Any]:
    """What an order with ``autoRefundSplitPayments`` does with the part that was paid: it tries to refund it.

    Vouchers are not taken back after their window (inferred); then the refund is refused later, as any other is.
    """
    hosted = order.created.hosted
    if hosted is None or not hosted.auto_refund:
        return []
    return [
        e.RefundRequested(
            ref=order.ref,
            tender=tender.inner,
            number=len(tender.operations) + 1,
            amount=Money(tender.refundable, order.total.currency),
            reference="",
            settles="refused" if late(tender, moment.now, moment.settings) else "done",
            at=moment.now,
        )
        for tender in order.tenders
        if tender.refundable > 0
    ]
