"""Decisions about refunds: asked for, changed, cancelled, processed by a later batch. Pure functions.

Sources: docs.lyra.com "Creating a refund request", "Following up the refund request", "Modifying" and "Canceling a
refund request". Nothing is documented about vouchers: which transaction pays back is inferred.
"""

from __future__ import annotations

from collections.abc import Sequence

from mockpsp.domain.lifecycle import Decision, Fact, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.decide import the_order
from mockpsp.providers.lyra.errors import Invalid, NotCancellable, NotFound, wrong, wrong_in
from mockpsp.providers.lyra.holdings import seller_account
from mockpsp.providers.lyra.states import Order, OrderStatus, Refund, RefundStatus, TransactionStatus

_CHANGEABLE = (RefundStatus.CREATED, RefundStatus.PENDING)
_FIRST = ("card", "cv_connect", "conecs")
"""The order in which transactions pay back when the refund names none (inferred)."""


def the_refund(state: Order | None, ref: str) -> tuple[Order, Refund]:
    """Order and refund. Raises NotFound."""
    order = the_order(state)
    refund = order.refund(ref)
    if refund is None:
        raise NotFound("no such refund")
    return order, refund


# -- asked for -------------------------------------------------------------------------------------------------------


def decide_refund(state: Order | None, command: c.AskRefund, moment: Moment) -> Decision:
    """POST /refunds. Whether there is enough to pay back is found out later."""
    order = the_order(state)
    if order.status is not OrderStatus.SUCCEEDED:
        raise wrong("order", f"Only a SUCCEEDED order can be refunded; this one is {order.status.value}.")
    if command.currency != order.currency:
        raise wrong("currency", f"The currency of the order is {order.currency}.")
    if command.transaction and order.transaction(command.transaction) is None:
        raise wrong("transaction", "This order has no such transaction.")
    items = _items(order, command.items)
    asked = e.RefundAsked(
        refund=moment.ids.uuid(),
        transaction=command.transaction,
        reference=command.reference,
        description=command.description,
        currency=command.currency,
        items=items,
        at=moment.now,
    )
    return Decision((asked,), "registered; balances are looked at when it is processed")


def _items(order: Order, asked: Sequence[c.RefundItemInput]) -> tuple[e.RefundItem, ...]:
    """The lines of a refund. Raises Invalid for a stranger to the order, or for two sellers besides the operator."""
    sellers = {each.seller for each in order.items}
    refunding: set[str] = set()
    for index, each in enumerate(asked):
        if each.seller.uuid not in sellers and not each.seller.operator:
            raise wrong_in("items", index, {"seller": "This seller has no item in the order."})
        if each.item is not None and order.item(each.item) is None:
            raise wrong_in("items", index, {"item": "The order has no such item."})
        if not each.seller.operator:
            refunding.add(each.seller.uuid)
    if len(refunding) > 1:
        raise wrong("items", "A refund is made by one seller, and the marketplace's own seller at most.")
    return tuple(
        e.RefundItem(
            seller=each.seller.uuid,
            seller_ref=each.seller.external_ref,
            operator=each.seller.operator,
            reference=each.reference,
            amount=each.amount,
            item=each.item,
            description=each.description,
            is_commission=each.is_commission,
        )
        for each in asked
    )


def decide_change(state: Order | None, command: c.ChangeRefund, moment: Moment) -> Decision:
    """PUT of a refund: another amount, up to the first one."""
    order, refund = the_refund(state, command.refund)
    if refund.status not in _CHANGEABLE:
        raise wrong("status", f"A refund that is {refund.status.value} cannot be changed.")
    items = refund.items if command.items is None else _items(order, command.items)
    amount = sum(each.amount for each in items)
    if amount == refund.amount:
        raise wrong("amount", "The amount does not change.")
    if amount > refund.initial:
        raise wrong("amount", f"The amount cannot be higher than the initial amount, {refund.initial}.")
    changed = e.RefundChanged(refund.ref, command.description or refund.description, items, moment.now)
    return Decision((changed,), "not processed yet")


def decide_cancellation(state: Order | None, command: c.CancelRefund, moment: Moment) -> Decision:
    """DELETE of a refund."""
    _, refund = the_refund(state, command.refund)
    if refund.status not in _CHANGEABLE:
        raise NotCancellable(f"A refund that is {refund.status.value} cannot be cancelled.")
    return Decision((e.RefundCancelled(refund.ref, moment.now),), "not processed yet")


# -- processed -------------------------------------------------------------------------------------------------------


def decide_sending(state: Order | None, command: c.SendRefund, moment: Moment) -> Decision:
    """The refund goes to processing."""
    _, refund = the_refund(state, command.refund)
    if refund.status is not RefundStatus.CREATED:
        raise Invalid({"status": "this refund is not to be sent"})
    return Decision((e.RefundSent(refund.ref, moment.now),), "its time has come", ("refund_sent_after",))


def question_settlement(state: Order | None, command: c.SettleRefund) -> Question:
    """What a rule may say of a refund. Raises Invalid for one that was cancelled."""
    order, refund = the_refund(state, command.refund)
    if refund.status is not RefundStatus.PENDING:
        raise Invalid({"status": "this refund is not processed any more"})
    facts: dict[str, Fact] = {
        "amount": Money(refund.amount, order.currency),
        "reference": refund.asked.reference,
        "merchant_reference": order.head.reference,
    }
    return Question("lyra.refund", facts)


def decide_settlement(state: Order | None, command: c.SettleRefund, verdict: Verdict, moment: Moment) -> Decision:
    """The batch: enough was paid, and both balances cover their shares; then money goes back."""
    order, refund = the_refund(state, command.refund)
    parts = paid_back(order, refund)
    why, law = _obstacle(order, refund, parts, verdict, moment)
    if why:
        return Decision((e.RefundFailed(refund.ref, why, moment.now),), law)
    done = e.RefundSucceeded(refund.ref, parts, shares_of(refund), moment.now)
    return Decision((done,), law, () if refund.asked.transaction else ("which transaction pays back",))


def _obstacle(
    order: Order, refund: Refund, parts: tuple[tuple[str, int], ...], verdict: Verdict, moment: Moment
) -> tuple[str, str]:
    """Why the refund fails (empty when it does not), and the law behind it."""
    if verdict.outcome == "failed":
        return verdict.reason or "refused", f"rule {verdict.rule!r} lets the refund fail"
    back = sum(amount for _, amount in parts)
    if back < refund.amount:
        return "too_much", f"{refund.amount} is asked for, {back} can go back to what paid"
    for seller, amount in shares_of(refund):
        balance = moment.balances.balance(seller_account(seller), order.currency)
        if amount > balance.minor:
            return "balance_too_low", f"seller {seller} has {balance}, its share is {amount}"
    return "", "the sellers' balances cover it"


def shares_of(refund: Refund) -> tuple[tuple[str, int], ...]:
    """What each seller pays back."""
    sums: dict[str, int] = {}
    for each in refund.items:
        sums[each.seller] = sums.get(each.seller, 0) + each.amount
    return tuple(sums.items())


def paid_back(order: Order, refund: Refund) -> tuple[tuple[str, int], ...]:
    """Which transactions pay back how much: the one that is named, or cards, holiday vouchers, meal vouchers."""
    candidates = [each for each in order.transactions if each.status == TransactionStatus.SUCCEEDED.value]
    if refund.asked.transaction:
        candidates = [each for each in candidates if each.trans_uuid == refund.asked.transaction]
    left, parts = refund.amount, []
    for each in sorted(candidates, key=lambda each: (_FIRST.index(each.instrument.kind), each.sequence)):
        amount = min(left, each.amount - order.refunded(each.trans_uuid))
        if amount > 0:
            parts.append((each.trans_uuid, amount))
            left -= amount
    return tuple(parts)
