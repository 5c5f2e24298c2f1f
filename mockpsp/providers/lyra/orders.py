"""The lifecycle of an order: commands to questions and decisions, facts to ledger entries, webhooks and timers."""

from __future__ import annotations

from typing import Any

from mockpsp.domain.ledger import Entry, Posting, transfer
from mockpsp.domain.lifecycle import Consequence, Decision, Fact, Moment, Question, Served, Timer, Verdict, Waiting
from mockpsp.domain.money import Money
from mockpsp.domain.portrait import Portrait
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import decide, paying, refunding, settling
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.cashouts import PAYOUTS, Charge, Credit
from mockpsp.providers.lyra.holdings import Holdings, seller_account
from mockpsp.providers.lyra.notices import notice
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order, OrderStatus, TransactionStatus, evolve

PLACE = "lyra.payment_page"
_ENDS = (e.OrderPaid, e.OrderFailed, e.OrderAbandoned, e.OrderCancelled, e.OrderSucceeded)


class Orders:
    """Implements ``domain.lifecycle.Lifecycle`` for orders with their items, transactions, transfers and refunds."""

    name = "lyra.order"

    def question(self, state: Order | None, command: Any, moment: Moment) -> Question | None:
        """See Lifecycle. Raises the refusals that the commands' own functions name."""
        match command:
            case c.Pay():
                return paying.question_pay(state, command, moment)
            case c.ExecuteMit():
                return paying.question_mit(state, command, moment)
            case c.Capture():
                return settling.question_capture(state, command)
            case c.SettleRefund():
                return refunding.question_settlement(state, command)
            case _:
                return None

    def decide(self, state: Order | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        """See Lifecycle."""
        match command:
            case c.Create():
                return decide.decide_create(command, moment)
            case c.Execute():
                return decide.decide_execute(state, command, moment)
            case c.Pay():
                return paying.decide_pay(state, command, verdict, moment)
            case c.Capture():
                return settling.decide_capture(state, command, verdict, moment)
            case c.Update():
                return _update(state, command, moment)
            case c.AddItem():
                return decide.decide_add_item(state, command, moment)
            case c.ChangeItem():
                return decide.decide_change_item(state, command, moment)
            case c.ExecuteMit():
                return paying.decide_mit(state, command, verdict, moment)
            case c.Persist():
                return decide.decide_persist(state, command, moment)
            case _:
                return self._shopper(state, command, verdict, moment)

    def _shopper(self, state: Order | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        """What happens on the page, and what the merchant does afterwards."""
        match command:
            case c.Authenticate():
                return paying.decide_authentication(state, command, moment)
            case c.GiveUp():
                return paying.decide_give_up(state, command, moment)
            case c.Cancel():
                return decide.decide_cancel(state, moment)
            case c.Validate():
                return decide.decide_validate(state, moment)
            case c.Activate():
                return settling.decide_activation(state, command, moment)
            case c.AskRefund():
                return refunding.decide_refund(state, command, moment)
            case c.ChangeRefund():
                return refunding.decide_change(state, command, moment)
            case c.CancelRefund():
                return refunding.decide_cancellation(state, command, moment)
            case _:
                return self._due(state, command, verdict, moment)

    def _due(self, state: Order | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        """What the clock, or somebody's answer, asks for."""
        match command:
            case c.SettleRefund():
                return refunding.decide_settlement(state, command, verdict, moment)
            case c.SendRefund():
                return refunding.decide_sending(state, command, moment)
            case c.Expire():
                return paying.decide_expiry(state, command, moment)
            case c.ExpireLink():
                return paying.decide_link_expiry(state, command, moment)
            case c.Notify():
                return paying.decide_notify(state, moment)
            case c.ExpireValidation():
                return decide.decide_validation_expiry(state, moment)
            case c.Heard():
                return Decision(
                    (e.WebhookAnswered(command.status, moment.now),), "the endpoint's answer is written down"
                )
            case other:
                raise TypeError(f"{other!r} is no command of an order")

    def evolve(self, state: Order | None, event: e.Event) -> Order:
        """See Lifecycle."""
        return evolve(state, event)

    def finished(self, state: Order) -> bool:
        """Whether nothing has to come any more; a refund still may."""
        return state.status not in (OrderStatus.CREATED, OrderStatus.PENDING)

    def parts(self, event: e.Event) -> tuple[str, ...]:
        """References that lead to the order: items, pages, links, transactions, transfers, refunds, an alias."""
        match event:
            case e.OrderCreated() | e.OrderChanged():
                return tuple(each.uuid for each in event.items)
            case e.Executed() if event.form_token:
                return (event.page, event.form_token, embedded_key(event.reference))
            case e.Executed():
                return (event.page,)
            case e.LinkPersisted():
                return (event.code,)
            case e.OrderPaid():
                stored = () if event.stored is None else (alias_key(event.stored.alias),)
                return (*(each.trans_uuid for each in event.transactions), *stored)
            case e.OrderRevised():
                return tuple(each.uuid for each in event.items)
            case e.Captured():
                return tuple(each.transfer for each in event.shares)
            case e.RefundAsked():
                return (event.refund,)
            case _:
                return ()

    def entries(self, before: Order | None, event: e.Event) -> tuple[Entry, ...]:
        """See Lifecycle: authorisations hold, captures share out, refunds give back; allowances are counted beside."""
        return () if before is None else _entries(before, event)

    def notices(self, before: Order | None, after: Order, event: e.Event, moment: Moment) -> tuple[Consequence, ...]:
        """See Lifecycle."""
        if isinstance(event, (e.OrderCreated, e.WebhookAnswered)):  # the latter once for each webhook: it tells nobody
            return ()
        assert before is not None, "an order begins with its creation"
        return (
            *_notices(before, after, event),
            *_waiting(before, after, event),
            *_timers(before, after, event, moment),
        )

    def portrait(self, state: Order, settings: Any) -> Portrait:
        """See Lifecycle."""
        from mockpsp.providers.lyra import portrait  # late: only people look

        return portrait.order(state)


def _update(state: Order | None, command: c.Update, moment: Moment) -> Decision:
    """PUT of an order: what may change depends on whether it is paid."""
    order = decide.the_order(state)
    decide.require(order, OrderStatus.CREATED, OrderStatus.PENDING)
    if order.status is OrderStatus.PENDING:
        return settling.decide_revision(order, command, moment)
    return decide.decide_update(order, command, moment)


def embedded_key(reference: str) -> str:
    """The part under which the order is found that took a reference with the embedded form."""
    return f"embedded/{reference}"


def alias_key(alias: str) -> str:
    """The part under which a stored payment method is found."""
    return f"alias/{alias}"


# -- money -----------------------------------------------------------------------------------------------------------


def held(account: str) -> str:
    """Where authorised money of an account waits for its capture."""
    return "lyra/held/issuers" if account.startswith("world/") else f"{account}/held"


def retained(seller: str) -> str:
    """Where captured money of held items waits for their activation."""
    return f"{seller_account(seller)}/retained"


def _entries(before: Order, event: Any) -> tuple[Entry, ...]:
    currency = before.currency
    match event:
        case e.ShareAuthorised():
            instrument = event.instrument
            hold = transfer("hold", instrument.account, held(instrument.account), Money(event.held, currency))
            return (hold, *_spent(instrument, event.day, event.amount, currency, back=False))
        case e.SharesReversed():
            return tuple(
                entry
                for share in before.shares
                for entry in _released(share.instrument, share.day, share.held, share.amount, currency)
            )
        case e.OrderCancelled() | e.ValidationExpired() | e.OrderFailed():
            return _all_released(before)
        case e.CaptureFailed() | e.OrderRevised():
            gone = event.dropped if isinstance(event, e.OrderRevised) else (event.trans_uuid,)
            return tuple(
                entry
                for each in before.transactions
                if each.trans_uuid in gone
                for entry in _released(each.instrument, each.day, each.held, each.initial, currency)
            )
        case e.Captured():
            return _captured(before, event)
        case e.ItemActivated():
            return tuple(
                transfer("activation", retained(seller), seller_account(seller), Money(amount, currency))
                for seller, amount in event.freed
            )
        case e.RefundSucceeded():
            return (_refund(before, event),)
        case _:
            return ()


def _spent(instrument: e.Instrument, day: str, amount: int, currency: str, *, back: bool) -> tuple[Entry, ...]:
    """What counts against, or is given back to, a meal card's day."""
    if not instrument.ceiling or not amount:
        return ()
    spent = f"{instrument.ceiling}/{day}"
    way = (spent, "world/ceilings") if back else ("world/ceilings", spent)
    return (transfer("daily allowance", *way, Money(amount, currency)),)


def _released(instrument: e.Instrument, day: str, held_: int, amount: int, currency: str) -> tuple[Entry, ...]:
    """Held money back to the shopper, and the day's allowance with it."""
    back = transfer("release", held(instrument.account), instrument.account, Money(held_, currency))
    return (*((back,) if held_ else ()), *_spent(instrument, day, amount, currency, back=True))


def _all_released(order: Order) -> tuple[Entry, ...]:
    waiting = (TransactionStatus.PENDING.value, TransactionStatus.TO_VALIDATE.value)
    return tuple(
        entry
        for each in order.transactions
        if each.status in waiting
        for entry in _released(each.instrument, each.day, each.held, each.initial, order.currency)
    )


def _captured(order: Order, event: e.Captured) -> tuple[Entry, ...]:
    """One entry: out of what is held (and of the account, for later installments), to sellers, operator and Lyra."""
    transaction = order.transaction(event.trans_uuid)
    assert transaction is not None, "a capture is of a transaction"
    instrument = transaction.instrument
    moved: dict[str, int] = {held(instrument.account): -transaction.held}
    _add(moved, instrument.account, transaction.held - transaction.amount)
    for share in event.shares:
        _add(moved, retained(share.seller) if share.retained else seller_account(share.seller), share.amount)
    _add(moved, seller_account(event.operator), -event.fee)
    _add(moved, "lyra/fees", event.fee)
    postings = tuple(Posting(account, minor) for account, minor in moved.items() if minor)
    less = transaction.initial - transaction.amount
    back = _spent(instrument, transaction.day, less, order.currency, back=True)
    return (Entry("capture", order.currency, postings), *back)


def _add(moved: dict[str, int], account: str, minor: int) -> None:
    moved[account] = moved.get(account, 0) + minor


def _refund(order: Order, event: e.RefundSucceeded) -> Entry:
    """Money of sellers goes back to what paid; a meal card's allowance does not come back (inferred)."""
    moved: dict[str, int] = {}
    for seller, amount in event.shares:
        _add(moved, seller_account(seller), -amount)
    for uuid, amount in event.parts:
        transaction = order.transaction(uuid)
        assert transaction is not None, "a refund pays a transaction back"
        _add(moved, transaction.instrument.account, amount)
    return Entry("refund", order.currency, tuple(Posting(account, minor) for account, minor in moved.items()))


# -- webhooks --------------------------------------------------------------------------------------------------------


def _notices(before: Order, after: Order, event: Any) -> tuple[Consequence, ...]:
    facts: dict[str, Fact] = {"amount": after.money, "merchant_reference": after.head.reference}
    match event:
        case e.RefundSent() | e.RefundSucceeded() | e.RefundFailed() | e.RefundCancelled():
            refund = after.refund(event.refund)
            assert refund is not None, "a fact about a refund follows its request"
            about = {**facts, "amount": Money(refund.amount, after.currency), "status": refund.status.value}
            return (notice("refund", event.refund, about),)
        case _ if isinstance(event, _ENDS):
            told = (notice("order", after.ref, {**facts, "status": after.status.value}),)
            execution = after.execution
            if before.status is OrderStatus.CREATED and execution is not None and execution.registers:
                status = "SUCCEEDED" if after.stored is not None else "FAILED"
                return (*told, notice("token", after.ref, {**facts, "status": status}))
            return told
        case _:
            return ()


# -- shoppers --------------------------------------------------------------------------------------------------------


def _waiting(before: Order, after: Order, event: Any) -> tuple[Consequence, ...]:
    """A shopper is expected at each new page, and at a link, which is opened, until it is used or expires."""
    was, is_ = _expects_shopper(before), _expects_shopper(after)
    new = isinstance(event, e.Executed) and event.way in ("page", "embedded")
    if is_ and (new or not was):
        return (Waiting(PLACE, {"amount": after.money, "merchant_reference": after.head.reference}),)
    return (Served(),) if was and not is_ else ()


def _expects_shopper(order: Order) -> bool:
    if order.status is not OrderStatus.CREATED or order.ended:
        return False
    return order.persisted is not None or (order.execution is not None and order.execution.way != "mit")


# -- the clock -------------------------------------------------------------------------------------------------------


def _timers(before: Order, after: Order, event: Any, moment: Moment) -> tuple[Timer, ...]:
    settings: LyraSettings = moment.settings
    match event:
        case e.Executed() if event.expires is not None:
            return (Timer(event.expires, c.Expire(event.secret)),)
        case e.LinkPersisted():
            return (Timer(event.expires, c.ExpireLink(event.code)),)
        case e.PaymentEnded() if settings.notification_delay:
            mit = after.execution is not None and after.execution.way == "mit"
            return () if mit else (Timer(moment.now + settings.notification_delay, c.Notify()),)
        case e.OrderPaid() if decide.waits_for_validation(after):
            return (Timer(moment.now + settings.validation_life, c.ExpireValidation()),)
        case e.OrderPaid() | e.OrderRevised() | e.OrderValidated():
            return _captures(before, after, event, moment)
        case e.Captured() | e.ItemActivated():
            return _credits(after, event, moment)
        case e.RefundAsked():
            return (Timer(moment.now + settings.refund_sent_after, c.SendRefund(event.refund)),)
        case e.RefundSent():
            return (Timer(moment.now + settings.refund_settled_after, c.SettleRefund(event.refund)),)
        case e.RefundSucceeded():
            return tuple(_charge(after, event, seller, amount, moment) for seller, amount in event.shares)
        case _:
            return ()


def _captures(before: Order, after: Order, event: Any, moment: Moment) -> tuple[Timer, ...]:
    """Remittances: of everything that was paid or validated, or of what was moved to another date."""
    if decide.waits_for_validation(after):
        return ()
    delay = moment.settings.remittance_delay
    known = isinstance(event, e.OrderRevised) and not decide.waits_for_validation(before)
    dues = {each.trans_uuid: each.due for each in before.transactions} if known else {}
    return tuple(
        Timer(max(moment.now, each.due) + delay, c.Capture(each.trans_uuid, each.due))
        for each in after.transactions
        if each.status == TransactionStatus.PENDING.value and dues.get(each.trans_uuid) != each.due
    )


def _credits(after: Order, event: e.Captured | e.ItemActivated, moment: Moment) -> tuple[Timer, ...]:
    """What sellers have earned now goes to their cashouts."""
    sums: dict[str, int] = {}
    if isinstance(event, e.Captured):
        for share in event.shares:
            if not share.retained:
                _add(sums, share.seller, share.amount)
        _add(sums, event.operator, -event.fee)
    else:
        sums = dict(event.freed)
    holdings: Holdings = moment.world
    terms = {each.seller: (each.seller_ref, each.cashout_delay) for each in after.items}
    operator = holdings.operator
    terms.setdefault(operator.uuid, (operator.external_ref, operator.cashout_delay))
    return tuple(
        Timer(
            moment.now,
            Credit(seller, Money(amount, after.currency), *terms.get(seller, (None, 0))),
            lifecycle=PAYOUTS,
            ref=seller,
        )
        for seller, amount in sums.items()
        if amount
    )


def _charge(after: Order, event: e.RefundSucceeded, seller: str, amount: int, moment: Moment) -> Timer:
    refund = after.refund(event.refund)
    assert refund is not None, "a refund succeeds after it was asked for"
    charge = Charge(seller, Money(amount, after.currency), event.refund, after.ref)
    return Timer(moment.now, charge, lifecycle=PAYOUTS, ref=seller)


ORDERS = Orders()

__all__ = ["ORDERS", "PLACE", "Orders", "alias_key", "embedded_key", "held", "retained"]
