"""Cashouts: what each seller earned on a day, less its refunds, paid to its bank account some days later.

Source: docs.lyra.com "Cashout details", "List of cashouts". A cashout collects what was captured (or released) on one
day in Paris; that it is closed at the end of the day is inferred. Orders send their shares here as commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import Enum
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.clock import paris, paris_day
from mockpsp.domain.errors import Refusal
from mockpsp.domain.ledger import Entry, transfer
from mockpsp.domain.lifecycle import Consequence, Decision, Moment, Question, Timer, Verdict
from mockpsp.domain.machine import follow
from mockpsp.domain.money import Money
from mockpsp.domain.portrait import Machine, Portrait, Track
from mockpsp.domain.value import Value
from mockpsp.providers.lyra.holdings import seller_account

PAYOUTS = "lyra.payouts"
"""The lifecycle's name: one object for each seller, under the seller's uuid."""
BANKS = "world/banks"


class NotDue(Refusal):
    """This cashout is not what the clock meant it to be any more."""


# -- commands and facts ----------------------------------------------------------------------------------------------


class Credit(Value, frozen=True):
    """A seller has earned this much now; ``delay`` in days."""

    seller: str
    amount: Money
    external_ref: str | None
    delay: int


class Charge(Value, frozen=True):
    """A refund took this much from a seller's balance."""

    seller: str
    amount: Money
    refund: str
    order: str


class Close(Value, frozen=True):
    """The day of a cashout is over."""

    cashout: str


class Execute(Value, frozen=True):
    """A cashout is to be paid."""

    cashout: str


class Opened(Value, frozen=True, kw_only=True):
    """The first share of a seller's day."""

    ref: str
    cashout: str
    number: int
    day: str
    currency: str
    external_ref: str | None
    closes: datetime
    pays: datetime
    at: datetime


class Credited(Value, frozen=True):
    """A share joined a cashout."""

    cashout: str
    amount: int
    at: datetime


class Charged(Value, frozen=True):
    """A refund is deducted from a cashout; of one that no cashout can bear, the rest is on the balance alone."""

    cashout: str
    refund: str
    order: str
    amount: int
    at: datetime


class Closed(Value, frozen=True):
    """Nothing joins it any more."""

    cashout: str
    at: datetime


class PaidOut(Value, frozen=True):
    """The seller's bank has the money."""

    cashout: str
    amount: Money
    at: datetime


class NotPaidOut(Value, frozen=True):
    """The bank refused, or the balance was too low; the money stays with Lyra. ``rejected``: sent back by the bank."""

    cashout: str
    why: str
    rejected: bool
    at: datetime


# -- states ----------------------------------------------------------------------------------------------------------


class CashoutStatus(Enum):
    """Where a cashout stands."""

    CREATED = "CREATED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"


_C = CashoutStatus
CASHOUT: Mapping[CashoutStatus, Mapping[type[Any], CashoutStatus]] = {
    _C.CREATED: {Credited: _C.CREATED, Charged: _C.CREATED, Closed: _C.PENDING},
    _C.PENDING: {Charged: _C.PENDING, PaidOut: _C.SUCCEEDED, NotPaidOut: _C.FAILED},
    _C.SUCCEEDED: {},
    _C.FAILED: {},
    _C.REJECTED: {},
}
"""Steps of a cashout; one that the bank sends back is REJECTED instead of FAILED."""
_MACHINE = Machine(
    name="cashout", steps=CASHOUT, good=frozenset({_C.SUCCEEDED}), bad=frozenset({_C.FAILED, _C.REJECTED})
)


class Cashout(Value, frozen=True):
    """One cashout. ``credited`` and ``charged`` are minor units."""

    opened: Opened
    status: CashoutStatus = CashoutStatus.CREATED
    credited: int = 0
    charges: tuple[Charged, ...] = ()
    executed: datetime | None = None

    @property
    def ref(self) -> str:
        """Its uuid."""
        return self.opened.cashout

    @property
    def amount(self) -> int:
        """What is paid."""
        return self.credited - sum(each.amount for each in self.charges)

    @property
    def seller(self) -> str:
        """Whose it is."""
        return self.opened.ref


class Payouts(Value, frozen=True):
    """A seller's cashouts, oldest first."""

    seller: str
    cashouts: tuple[Cashout, ...] = ()

    def cashout(self, ref: str) -> Cashout | None:
        """One of them."""
        return next((each for each in self.cashouts if each.ref == ref), None)

    def collecting(self, day: str, currency: str) -> Cashout | None:
        """The one that shares of this day join; none when it is closed, as after a clock that was set back."""
        return next(
            (
                each
                for each in reversed(self.cashouts)
                if (each.opened.day, each.opened.currency) == (day, currency) and each.status is _C.CREATED
            ),
            None,
        )

    @property
    def unpaid(self) -> tuple[Cashout, ...]:
        """Those that refunds can still be deducted from."""
        return tuple(each for each in self.cashouts if each.status in (_C.CREATED, _C.PENDING))


class SellerPayouts:
    """Implements ``domain.lifecycle.Lifecycle`` for the cashouts of one seller."""

    name = PAYOUTS

    def question(self, state: Payouts | None, command: Any, moment: Moment) -> Question | None:
        """See Lifecycle: whether the bank takes a cashout."""
        if not isinstance(command, Execute):
            return None
        cashout = _due(state, command.cashout, _C.PENDING)
        facts = {
            "amount": Money(cashout.amount, cashout.opened.currency),
            "seller_external_ref": cashout.opened.external_ref,
        }
        return Question("lyra.cashout", facts)

    def decide(self, state: Payouts | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        """See Lifecycle."""
        match command:
            case Credit():
                return _decide_credit(state, command, moment)
            case Charge():
                return _decide_charge(state, command, moment)
            case Close():
                cashout = _due(state, command.cashout, _C.CREATED)
                return Decision((Closed(cashout.ref, moment.now),), "the day is over")
            case Execute():
                return _decide_execution(_due(state, command.cashout, _C.PENDING), verdict, moment)
            case other:
                raise TypeError(f"{other!r} is no command of a seller's cashouts")

    def evolve(self, state: Payouts | None, event: Any) -> Payouts:
        """See Lifecycle."""
        if isinstance(event, Opened):
            before = state or Payouts(event.ref)
            return replace(before, cashouts=(*before.cashouts, Cashout(event)))
        assert state is not None, "a seller's cashouts begin with the first"
        cashouts = tuple(_stepped(each, event) if each.ref == event.cashout else each for each in state.cashouts)
        return replace(state, cashouts=cashouts)

    def entries(self, before: Payouts | None, event: Any) -> tuple[Entry, ...]:
        """See Lifecycle."""
        if isinstance(event, PaidOut) and event.amount and before is not None:
            return (transfer("cashout", seller_account(before.seller), BANKS, event.amount),)
        return ()

    def notices(self, before: Payouts | None, after: Payouts, event: Any, moment: Moment) -> tuple[Consequence, ...]:
        """See Lifecycle: cashouts send no webhooks."""
        if isinstance(event, Opened):
            return (Timer(event.closes, Close(event.cashout)), Timer(event.pays, Execute(event.cashout)))
        return ()

    def parts(self, event: Any) -> tuple[str, ...]:
        """A cashout leads to its seller's."""
        return (event.cashout,) if isinstance(event, Opened) else ()

    def portrait(self, state: Payouts, settings: Any) -> Portrait:
        """See Lifecycle: the latest cashout first."""
        tracks = tuple(_track(each) for each in reversed(state.cashouts))
        first = state.cashouts[0].opened
        return Portrait(
            kind="cashouts of a seller",
            ref=state.seller,
            tracks=tracks,
            reference=first.external_ref or "",
            amount=tracks[0].amount,
            began=first.at,
        )


def _track(cashout: Cashout) -> Track:
    amount = Money(cashout.amount, cashout.opened.currency)
    return Track(
        machine=_MACHINE, ref=cashout.ref, state=cashout.status, amount=amount, note=f"for {cashout.opened.day}"
    )


def _stepped(cashout: Cashout, event: Any) -> Cashout:
    status = follow(CASHOUT, cashout.status, type(event))
    match event:
        case Credited():
            return replace(cashout, credited=cashout.credited + event.amount)
        case Charged():
            return replace(cashout, charges=(*cashout.charges, event))
        case NotPaidOut():
            return replace(cashout, status=_C.REJECTED if event.rejected else _C.FAILED, executed=event.at)
        case PaidOut():
            return replace(cashout, status=status, executed=event.at)
        case _:
            return replace(cashout, status=status)


def _due(state: Payouts | None, ref: str, status: CashoutStatus) -> Cashout:
    found = state.cashout(ref) if state is not None else None
    if found is None or found.status is not status:
        raise NotDue("the cashout has moved on")
    return found


def _decide_credit(state: Payouts | None, command: Credit, moment: Moment) -> Decision:
    day = paris_day(moment.now)
    currency = command.amount.currency
    known = state.collecting(str(day), currency) if state is not None else None
    if known is not None:
        share = Credited(known.ref, command.amount.minor, moment.now)
        return Decision((share,), f"joins the cashout of {day}")
    ref = moment.ids.uuid()
    closes = datetime.combine(day + timedelta(days=1), time(), paris()).astimezone(moment.now.tzinfo)
    opened = Opened(
        ref=command.seller,
        cashout=ref,
        number=moment.ids.next("lyra.cashout"),
        day=str(day),
        currency=currency,
        external_ref=command.external_ref,
        closes=closes,
        pays=closes + timedelta(days=command.delay),
        at=moment.now,
    )
    share = Credited(ref, command.amount.minor, moment.now)
    return Decision((opened, share), f"the first share of {day}; paid {command.delay} days after it")


def _decide_charge(state: Payouts | None, command: Charge, moment: Moment) -> Decision:
    left = command.amount.minor
    charges = []
    for cashout in state.unpaid if state is not None else ():
        part = min(left, cashout.amount) if cashout.opened.currency == command.amount.currency else 0
        if part > 0:
            charges.append(Charged(cashout.ref, command.refund, command.order, part, moment.now))
            left -= part
    if not charges:
        raise NotDue("no cashout is open; the refund is on the balance alone")
    return Decision(tuple(charges), "deducted from the oldest cashouts that are not paid yet")


def _decide_execution(cashout: Cashout, verdict: Verdict, moment: Moment) -> Decision:
    amount = Money(cashout.amount, cashout.opened.currency)
    if verdict.outcome in ("failed", "rejected"):
        rejected = verdict.outcome == "rejected"
        failed = NotPaidOut(cashout.ref, verdict.reason or "refused", rejected, moment.now)
        return Decision((failed,), f"rule {verdict.rule!r}: {verdict.outcome}")
    balance = moment.balances.balance(seller_account(cashout.seller), amount.currency)
    if balance < amount:
        low = NotPaidOut(cashout.ref, "balance_too_low", False, moment.now)
        return Decision((low,), f"the seller's balance is {balance}, the cashout {amount}")
    return Decision((PaidOut(cashout.ref, amount, moment.now),), "its day has come")


SELLER_PAYOUTS = SellerPayouts()
