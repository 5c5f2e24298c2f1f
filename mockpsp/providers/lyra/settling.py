"""Decisions after the payment: captures, held items, changes of a paid order. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from mockpsp.domain.lifecycle import Decision, Fact, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.building import build_all
from mockpsp.providers.lyra.decide import check_commission, fees, require, the_order, waits_for_validation
from mockpsp.providers.lyra.errors import NOTHING_TO_PAY, Invalid, NotFound, wrong
from mockpsp.providers.lyra.holdings import Holdings
from mockpsp.providers.lyra.issuers import Ruling, afford
from mockpsp.providers.lyra.schedule import SINGLE, read_due
from mockpsp.providers.lyra.states import Order, OrderStatus, TransactionStatus
from mockpsp.providers.lyra.transfers import Transfer, transfers
from mockpsp.providers.lyra.vouchers import TYPES, allocate, capacity, selected

_OPEN = (TransactionStatus.PENDING.value, TransactionStatus.TO_VALIDATE.value)


# -- capture ---------------------------------------------------------------------------------------------------------


def _due(state: Order | None, command: c.Capture) -> tuple[Order, e.Transaction]:
    """Order and transaction of a remittance. Raises Invalid for one that was cancelled, moved, or waits."""
    order = the_order(state)
    transaction = order.transaction(command.trans_uuid)
    if transaction is None or transaction.status != TransactionStatus.PENDING.value:
        raise Invalid({"status": "this transaction is not captured any more"})
    if transaction.due != command.due or waits_for_validation(order):
        raise Invalid({"status": "this transaction is captured at another time"})
    return order, transaction


def question_capture(state: Order | None, command: c.Capture) -> Question:
    """What a rule may say of a capture."""
    order, transaction = _due(state, command)
    facts: dict[str, Fact] = {
        "amount": Money(transaction.amount, order.currency),
        "scheme": transaction.instrument.scheme,
        "sequence": transaction.sequence,
        "merchant_reference": order.head.reference,
    }
    return Question("lyra.capture", facts)


def decide_capture(state: Order | None, command: c.Capture, verdict: Verdict, moment: Moment) -> Decision:
    """The bank captures, or refuses; the last capture ends the order."""
    order, transaction = _due(state, command)
    more = Money(max(0, transaction.amount - transaction.held), order.currency)
    natural = (
        afford(transaction.instrument.account, more, moment) if more else Ruling("", "the held amount is captured")
    )
    reason, law = natural.reason, natural.law
    if verdict.outcome == "failed":
        reason, law = verdict.reason or "refused", f"rule {verdict.rule!r} lets the capture fail"
    if reason:
        failed = e.CaptureFailed(transaction.trans_uuid, reason, moment.now)
        return Decision((failed, e.OrderFailed(f"capture failed: {reason}", moment.now)), law)
    captured = _captured(order, transaction, moment)
    last = all(
        each.status == TransactionStatus.SUCCEEDED.value or each.trans_uuid == transaction.trans_uuid
        for each in order.transactions
    )
    done = (e.OrderSucceeded(moment.now),) if last else ()
    return Decision((captured, *done), law, ("remittance_delay",))


def _captured(order: Order, transaction: e.Transaction, moment: Moment) -> e.Captured:
    holdings: Holdings = moment.world
    operator = holdings.operator.uuid
    mine = [each for each in transfers(order, operator) if each.transaction.trans_uuid == transaction.trans_uuid]
    shares = tuple(
        e.Share(transfer=each.uuid, item=each.item.uuid, seller=each.seller, amount=each.amount, retained=each.retained)
        for each in mine
    )
    return e.Captured(
        trans_uuid=transaction.trans_uuid,
        shares=shares,
        fee=_fee(order, mine, operator, holdings),
        operator=operator,
        at=moment.now,
    )


def _fee(order: Order, mine: Sequence[Transfer], operator: str, holdings: Holdings) -> int:
    """What Lyra keeps of the operator's share now: as much of what is still owed as it has that is not held."""
    owed = fees(order.total, len(order.transactions), order.currency, holdings) - sum(
        each.fee for each in order.captures
    )
    share = sum(each.amount for each in mine if each.seller == operator and not each.retained)
    return max(0, min(owed, share))


# -- held items ------------------------------------------------------------------------------------------------------


def decide_activation(state: Order | None, command: c.Activate, moment: Moment) -> Decision:
    """POST activate, of one item or of all that are held."""
    order = the_order(state)
    require(order, OrderStatus.CREATED, OrderStatus.PENDING, OrderStatus.SUCCEEDED)
    found = order.item(command.item) if command.item else None
    if command.item and found is None:
        raise NotFound("no such item")
    items = (found,) if found is not None else order.items
    held = [each for each in items if each.hold_payment]
    if not held:
        text = "The payment of this item is not held." if command.item else "No item of this order is held."
        raise wrong("hold_payment", text)
    events = tuple(e.ItemActivated(each.uuid, _freed(order, each.uuid), moment.now) for each in held)
    return Decision(events, "held items are released; they cannot be held again")


def _freed(order: Order, item: str) -> tuple[tuple[str, int], ...]:
    sums: dict[str, int] = {}
    for capture in order.captures:
        for share in capture.shares:
            if share.item == item and share.retained:
                sums[share.seller] = sums.get(share.seller, 0) + share.amount
    return tuple(sums.items())


# -- changes of a paid order -----------------------------------------------------------------------------------------


def decide_revision(state: Order | None, command: c.Update, moment: Moment) -> Decision:
    """PUT of an order that is paid: all items anew, less to pay, another capture date, other installments."""
    order = the_order(state)
    holdings: Holdings = moment.world
    items = order.items
    if command.items is not None:
        built = build_all(command.items, order.currency, moment, lambda index: _uuid(order, index, moment))
        items = selected(built, order.execution.winners if order.execution is not None else ())
    total = sum(each.amount for each in items)
    due = _asked_due(order, command, moment)
    _check_revision(order, command, total, due)
    transactions = _revised(order, command, total, due, moment)
    if sum(each.amount for each in transactions) != total:
        raise wrong("transactions", f"The transactions do not add up to the items' {total}.")
    items = _reallocated(order, items, transactions, moment)
    _check_captured(order, items, transactions, holdings.operator.uuid)
    if not waits_for_validation(order):
        check_commission(items, order.currency, len(transactions), holdings)
    kept = {each.trans_uuid for each in transactions}
    dropped = tuple(each.trans_uuid for each in order.transactions if each.trans_uuid not in kept)
    revised = e.OrderRevised(items=items, transactions=transactions, dropped=dropped, at=moment.now)
    law = "a paid order can be lowered, and captured at another date, before its capture"
    if any(each.status != TransactionStatus.SUCCEEDED.value for each in transactions):
        return Decision((revised,), law)
    return Decision((revised, e.OrderSucceeded(moment.now)), f"{law}; nothing is left to capture")


def _uuid(order: Order, index: int, moment: Moment) -> str:
    """A new uuid, but for an item in whose place something was captured: its transfers exist already."""
    captured = {share.item for capture in order.captures for share in capture.shares}
    before = order.items[index].uuid if index < len(order.items) else ""
    return before if before in captured else moment.ids.uuid()


def _check_captured(
    order: Order, items: Sequence[e.Item], transactions: Sequence[e.Transaction], operator: str
) -> None:
    """Raise Invalid if what was captured would have been shared out in another way."""
    revised = replace(order, items=tuple(items), transactions=tuple(transactions))
    if _shared_out(order, operator) != _shared_out(revised, operator):
        text = "A part of this order has been captured and shared out, which these items would change."
        raise wrong("items", text, "inferred")


def _shared_out(order: Order, operator: str) -> list[tuple[str, int, bool]]:
    captured = {each.trans_uuid for each in order.captures}
    return [
        (each.uuid, each.amount, each.retained)
        for each in transfers(order, operator)
        if each.transaction.trans_uuid in captured
    ]


def _asked_due(order: Order, command: c.Update, moment: Moment) -> datetime | None:
    """Another date of capture; None also for the day that the order shows, which comes back with what was read."""
    if not command.due or command.due[:8] == f"{order.transactions[0].due:%Y%m%d}":
        return None
    holdings: Holdings = moment.world
    return read_due(command.due, moment.now, holdings.marketplace.max_capture_delay)


def _check_revision(order: Order, command: c.Update, total: int, due: datetime | None) -> None:
    """Raise Invalid unless the change is one that a paid order allows."""
    if total <= 0:
        raise wrong("amount", NOTHING_TO_PAY)
    first = order.execution.amount if order.execution is not None else order.total
    if total > first:
        raise wrong("amount", f"The amount cannot be higher than the initial amount, {first}.")
    open_ones = [each for each in order.transactions if each.status in _OPEN]
    if not open_ones:
        raise wrong("status", "No transaction of this order can be changed any more.")
    same_day = due is None or all(each.due.date() == due.date() for each in open_ones)
    rescheduled = bool(command.transactions) and order.head.payment_config != SINGLE
    if total == order.total and same_day and not rescheduled and not waits_for_validation(order):
        raise wrong("amount", "Neither the amount nor the expected capture date changes.")


def _revised(
    order: Order, command: c.Update, total: int, due: datetime | None, moment: Moment
) -> tuple[e.Transaction, ...]:
    if command.transactions is not None and order.head.payment_config != SINGLE:
        return _rescheduled(order, command.transactions, moment)
    cut = sum(each.initial for each in order.transactions) - total
    amounts = {each.trans_uuid: each.initial for each in order.transactions}
    for each in sorted(order.transactions, key=_cut_first):
        room = each.initial if each.status in _OPEN else each.initial - each.amount
        less = max(0, min(cut, room))
        amounts[each.trans_uuid] -= less
        cut -= less
    if cut:
        raise wrong("amount", "Less than this has been captured already, or was never paid.")
    return tuple(
        _changed(each, amounts[each.trans_uuid], due or each.due, moment)
        for each in order.transactions
        if amounts[each.trans_uuid]
    )


def _cut_first(transaction: e.Transaction) -> tuple[int, int]:
    """Cards are lowered first, the last installment before the others; meal vouchers last (inferred)."""
    return ("card", "cv_connect", "conecs").index(transaction.instrument.kind), -transaction.sequence


def _changed(transaction: e.Transaction, amount: int, due: datetime, moment: Moment) -> e.Transaction:
    if transaction.status not in _OPEN or (amount == transaction.amount and due == transaction.due):
        return transaction
    return replace(transaction, amount=amount, due=due, updated=moment.now)


def _rescheduled(order: Order, asked: Sequence[c.TransactionInput], moment: Moment) -> tuple[e.Transaction, ...]:
    """Installments as PUT lists them: lowered, moved; one that is left out is gone, none can be added."""
    wanted = {each.trans_uuid: each for each in asked}
    errors: dict[int, dict[str, str]] = {}
    for index, each in enumerate(asked):
        known = order.transaction(each.trans_uuid)
        if known is None:
            errors[index] = {"trans_uuid": "This order has no such transaction."}
        elif each.amount is not None and each.amount > known.initial:
            errors[index] = {"amount": f"The amount cannot be higher than the initial amount, {known.initial}."}
        elif known.status not in _OPEN and each.amount not in (None, known.amount):
            errors[index] = {"status": f"A transaction that is {known.status} cannot be changed."}
    if errors:
        raise Invalid({"transactions": [errors.get(index, {}) for index in range(max(errors) + 1)]})
    kept = []
    for transaction in order.transactions:
        change = wanted.get(transaction.trans_uuid)
        if change is None and transaction.status in _OPEN:
            continue
        due = read_due(change.due, moment.now, 365) if change is not None and change.due else transaction.due
        moved = due.date() != transaction.due.date()
        amount = change.amount if change is not None and change.amount is not None else transaction.amount
        kept.append(_changed(transaction, amount, due if moved else transaction.due, moment))
    return tuple(kept)


def _reallocated(
    order: Order, items: Sequence[e.Item], transactions: Sequence[e.Transaction], moment: Moment
) -> tuple[e.Item, ...]:
    """The items with what vouchers paid spread anew, if they or what vouchers pay have changed."""
    paid = {TYPES[each.instrument.kind]: each.amount for each in transactions if each.instrument.kind in TYPES}
    before = {TYPES[each.instrument.kind]: each.amount for each in order.transactions if each.instrument.kind in TYPES}
    if tuple(items) == order.items and paid == before:
        return order.items
    if before and order.captures:
        raise wrong("items", "Vouchers that have been captured cannot be spread over other items.", "inferred")
    for contract_type, amount in paid.items():
        other = sum(value for name, value in paid.items() if name != contract_type)
        if amount > capacity(items, contract_type, other):
            text = f"{contract_type} vouchers have paid {amount}, which these items cannot carry."
            raise wrong("items", text, "vouchers after a change")
    spread = {(item, contract_type): amount for item, contract_type, amount in allocate(items, paid, moment.ids.below)}
    return tuple(
        replace(
            item, vouchers=tuple(replace(each, actual=spread.get((item.uuid, each.type))) for each in item.vouchers)
        )
        if item.vouchers
        else item
        for item in items
    )
