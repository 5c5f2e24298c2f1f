"""Due work as data: deliveries and their retries, timers, scripted shoppers, in the order in which they are due."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from heapq import heappop, heappush, nsmallest
from typing import Any

from mockpsp.domain.value import Row
from mockpsp.world.records import Attempted, Held, Queued, ShopperDue, TimerSet


class Status(StrEnum):
    """Where a webhook is on its way."""

    WAITING = "waiting"
    RETRYING = "retrying"
    HELD = "held"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"
    NO_ENDPOINT = "no_endpoint"


_NO_ENDPOINT = Status.NO_ENDPOINT  # what most webhooks of a test come to; an enumeration's members are slow to reach
_RETRYING, _DELIVERED, _GIVEN_UP = Status.RETRYING, Status.DELIVERED, Status.GIVEN_UP


class Delivery(Row):
    """A webhook's row with all that became of it. ``cause`` is the journal entry that led to it, 0 for none."""

    queued: Queued
    cause: int = 0
    attempts: tuple[Attempted, ...] = ()
    first_try: datetime | None = None
    due: datetime | None = None
    status: Status = Status.WAITING

    def __post_init__(self) -> None:
        self.due = self.queued.due
        if self.queued.drop:
            self.status, self.due = Status.DROPPED, None
        elif not self.queued.url:
            self.status, self.due = _NO_ENDPOINT, None

    def kept(self) -> tuple[Any, ...]:
        """All of it, for ``resume``."""
        return self.queued, self.cause, self.attempts, self.first_try, self.due, self.status

    def resume(self, kept: tuple[Any, ...]) -> None:
        """Be as it was kept."""
        _, self.cause, self.attempts, self.first_try, self.due, self.status = kept


Work = Delivery | TimerSet | ShopperDue


class Outbox:
    """Rows by number, and a heap of what is due. A row that is done stays for a while, so that it can be looked at."""

    def __init__(self, keep_done: int = 5_000) -> None:
        self._heap: list[tuple[datetime, int, int]] = []
        self._work: dict[int, Work] = {}
        self._done: deque[int] = deque()
        self._keep_done = keep_done
        self.deliveries: dict[int, Delivery] = {}
        self.numbers = 0
        self._asking: dict[int, list[Delivery]] = {}
        self._failing: dict[tuple[str, str], int] = {}
        self._held: dict[tuple[str, str], list[int]] = {}
        self.strangers: list[Delivery] | None = None
        """Early webhooks of calls that another process answers; None while this one decides."""

    def queue(self, queued: Queued, cause: int = 0) -> None:
        """Add a webhook."""
        if queued.number > self.numbers:
            self.numbers = queued.number
        delivery = Delivery(queued, cause)
        self.deliveries[queued.number] = delivery
        if delivery.due is None:
            self._finish(queued.number)
        else:
            self._work[queued.number] = delivery
            if queued.early and cause in self._asking:
                self._asking[cause].append(delivery)
            elif queued.early and self.strangers is not None:
                self.strangers.append(delivery)
            else:
                heappush(self._heap, (delivery.due, queued.rank, queued.number))

    def blame(self, number: int, cause: int) -> None:
        """The webhook with this number was queued because of the journal's entry ``cause``."""
        delivery = self.deliveries.get(number)
        if delivery is not None:
            delivery.cause = cause

    def keep_early(self, cause: int) -> None:
        """Keep early webhooks that the request ``cause`` leads to out of the queue until ``take_early``."""
        self._asking[cause] = []

    def take_early(self, cause: int) -> list[Delivery]:
        """Early webhooks of the request ``cause``, in order; whoever takes them delivers them, or calls ``let_in``."""
        return sorted(self._asking.pop(cause, ()), key=lambda each: (each.queued.due, each.queued.rank))

    def is_ahead(self, delivery: Delivery) -> bool:
        """Whether this webhook still waits to be sent."""
        return delivery.due is not None and self._work.get(delivery.queued.number) is delivery

    def let_in(self, delivery: Delivery) -> None:
        """Queue an early webhook like any other."""
        if delivery.due is not None and delivery.queued.number in self._work:
            heappush(self._heap, (delivery.due, delivery.queued.rank, delivery.queued.number))

    def subjects(self) -> set[str]:
        """The objects that something is still ahead of."""
        return {_subject(each) for each in self._work.values()}

    def set(self, work: TimerSet | ShopperDue) -> None:
        """Add a timer or a scripted shopper."""
        if work.number > self.numbers:
            self.numbers = work.number
        self._work[work.number] = work
        heappush(self._heap, (work.due, work.number, work.number))

    def attempted(self, attempt: Attempted) -> None:
        """Book one attempt, and the next one if there is one."""
        delivery = self.deliveries.get(attempt.number)
        if delivery is None:
            return
        delivery.attempts = (*delivery.attempts, attempt)
        delivery.first_try = delivery.first_try or attempt.at
        delivery.due = attempt.next_due
        lane = _lane(delivery)
        if attempt.in_order and attempt.next_due is not None and not delivery.queued.at_once:
            self._failing.setdefault(lane, attempt.number)
        elif self._failing.get(lane) == attempt.number:
            self._let_go(lane, attempt.at)
        if attempt.next_due is not None:
            delivery.status = _RETRYING
            self._work[attempt.number] = delivery
            heappush(self._heap, (attempt.next_due, delivery.queued.rank, attempt.number))
            return
        delivery.status = _DELIVERED if attempt.delivered else _GIVEN_UP
        self._work.pop(attempt.number, None)
        self._finish(attempt.number)

    def ahead_of(self, delivery: Delivery) -> int | None:
        """The webhook that this one must wait for, because it failed and holds up their address."""
        failing = self._failing.get(_lane(delivery))
        number = delivery.queued.number
        return None if failing is None or failing == number or delivery.queued.at_once else failing

    def hold(self, held: Held) -> None:
        """Let a webhook wait until the one before it is delivered or given up."""
        delivery = self.deliveries.get(held.number)
        if delivery is not None:
            delivery.status, delivery.due = Status.HELD, None
            self._work[held.number] = delivery
            self._held.setdefault(_lane(delivery), []).append(held.number)

    def _let_go(self, lane: tuple[str, str], at: datetime) -> None:
        del self._failing[lane]
        for number in self._held.pop(lane, ()):
            delivery = self.deliveries[number]
            delivery.status, delivery.due = Status.RETRYING if delivery.attempts else Status.WAITING, at
            heappush(self._heap, (at, delivery.queued.rank, number))

    def done(self, number: int) -> None:
        """A timer or a shopper has had its turn."""
        self._work.pop(number, None)

    def _finish(self, number: int) -> None:
        self._done.append(number)
        if len(self._done) > self._keep_done:
            self.deliveries.pop(self._done.popleft(), None)

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def take_up(
        self,
        numbers: int,
        kept: Iterable[tuple[Any, ...]],
        timers: Iterable[TimerSet | ShopperDue],
        failing: Mapping[tuple[str, str], int],
        done: Iterable[int],
    ) -> None:
        """Be what another outbox was, told by what its deliveries ``kept``, in the order in which they were queued.

        Deliveries that are known stay the same ones; those that are under way are not due again.
        """
        under_way = self._under_way()
        self.numbers, self._failing, self._done = numbers, dict(failing), deque(done)
        known, self.deliveries = self.deliveries, {}
        for each in kept:
            number = each[0].number
            delivery = known.get(number) or Delivery(each[0])
            delivery.resume(each)
            self.deliveries[number] = delivery
        over = frozenset(self._done)
        ahead: dict[int, Work] = {number: each for number, each in self.deliveries.items() if number not in over}
        ahead.update((each.number, each) for each in timers)
        self._work, self._held, self._heap = {}, {}, []
        for number in sorted(ahead):
            work = self._work[number] = ahead[number]
            if isinstance(work, Delivery) and work.status is Status.HELD:
                self._held.setdefault(_lane(work), []).append(number)
            elif work.due is not None and under_way.get(number) != work.due:
                self._await(work, number)

    def _under_way(self) -> Mapping[int, datetime]:
        """What was taken, and is not booked yet."""
        waiting = {(due, number) for due, _, number in self._heap}
        return {
            number: work.due
            for number, work in self._work.items()
            if work.due is not None and (work.due, number) not in waiting
        }

    def _await(self, work: Work, number: int) -> None:
        if not isinstance(work, Delivery):
            heappush(self._heap, (work.due, number, number))
        elif work.queued.early and not work.attempts and self.strangers is not None:
            self.strangers.append(work)
        else:
            self.let_in(work)

    def failing(self) -> Mapping[tuple[str, str], int]:
        """Addresses that a failed webhook holds up, and which one."""
        return self._failing

    def done_numbers(self) -> tuple[int, ...]:
        """Webhooks that are kept for a look, the one that goes next first."""
        return tuple(self._done)

    def next_to_go(self) -> int | None:
        """The webhook that is kept no longer when another one is done."""
        return self._done[0] if len(self._done) >= self._keep_done else None

    def held_behind(self, number: int) -> Sequence[int]:
        """Webhooks that wait until this one is delivered or given up."""
        delivery = self.deliveries.get(number)
        return () if delivery is None else self._held.get(_lane(delivery), ())

    def work_with(self, number: int) -> TimerSet | ShopperDue | None:
        """The timer or scripted shopper with this number, if it is still ahead."""
        work = self._work.get(number)
        return None if isinstance(work, Delivery) else work

    # -- what is due -------------------------------------------------------------------------------------------------

    def next_due(self) -> datetime | None:
        """When the next work is due; None when nothing is."""
        while self._heap:
            due, _, number = self._heap[0]
            work = self._work.get(number)
            if work is not None and work.due == due:
                return due
            heappop(self._heap)
        return None

    def about(self, references: Collection[str]) -> list[Work]:
        """What is still ahead of objects that go by one of these references, webhooks that are held included."""
        return [each for each in self._work.values() if _subject(each) in references]

    def take(self, until: datetime) -> Work | None:
        """The earliest work due by then. It stays booked until its end is booked with ``attempted`` or ``done``."""
        due = self.next_due()
        if due is None or due > until:
            return None
        _, _, number = heappop(self._heap)
        return self._work[number]

    def ahead(self, at_most: int) -> list[Work]:
        """The work that comes first, in the order in which it is due; webhooks that are held come last."""
        return nsmallest(at_most, self._work.values(), key=_order)

    def work(self) -> Iterable[Work]:
        """All that is still ahead, in no order."""
        return self._work.values()

    def due_by(self, moments: Sequence[datetime]) -> list[int]:
        """How many pieces of work are due by each of these moments; what they lead to is not known yet."""
        due = [work.due for work in self._work.values() if work.due is not None]
        return [sum(each <= moment for each in due) for moment in moments]

    def waiting(self) -> int:
        """How many pieces of work are still ahead."""
        return len(self._work)


def _order(work: Work) -> tuple[bool, datetime, int, int]:
    """As ``take`` has it: by time, webhooks of one moment by their rank."""
    if not isinstance(work, Delivery):
        return False, work.due, work.number, work.number
    number = work.queued.number
    return work.due is None, work.due or work.queued.due, work.queued.rank, number


def _subject(work: Work) -> str:
    return work.queued.owner if isinstance(work, Delivery) else work.ref


def _lane(delivery: Delivery) -> tuple[str, str]:
    return delivery.queued.provider, delivery.queued.url
