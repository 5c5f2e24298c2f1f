"""Due work: in the order in which it is due, then by rank, and booked until its end is booked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.lifecycle import Body
from mockpsp.world.outbox import Delivery, Outbox, Status
from mockpsp.world.records import Attempted, Queued, ShopperDue, TimerSet

NOW = datetime(2026, 7, 1, 7, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


FAR = at(10_000)


def webhook(number: int, due: int = 0, **changes: Any) -> Queued:
    """A row of the outbox."""
    given: dict[str, Any] = {
        "number": number, "provider": "worldline", "kind": "payment.created", "owner": "1", "ref": "1_0",
        "content": Body(b"{}"), "url": "http://shop.internal/", "at": NOW, "due": at(due), "rank": number, **changes,
    }  # fmt: skip
    return Queued(**given)


def tried(number: int, attempt: int, *, delivered: bool = False, again: int | None = None) -> Attempted:
    """An attempt, and when the next one is due."""
    status = 200 if delivered else 500
    return Attempted(number, attempt, at(0), status, None, delivered, None if again is None else at(again))


def number_of(work: Any) -> int:
    return work.queued.number if isinstance(work, Delivery) else int(work.number)


def drained(outbox: Outbox, until: datetime = FAR) -> list[int]:
    """Take everything, in order; each is done at once."""
    numbers = []
    while (work := outbox.take(until)) is not None:
        number = number_of(work)
        numbers.append(number)
        if isinstance(work, Delivery):
            outbox.attempted(tried(number, len(work.attempts) + 1, delivered=True))
        else:
            outbox.done(number)
    return numbers


@given(st.lists(st.integers(0, 5), max_size=12))
def test_what_is_due_first_is_taken_first_and_equals_in_the_order_of_their_coming(dues: list[int]) -> None:
    outbox = Outbox()
    for number, due in enumerate(dues, 1):
        outbox.queue(webhook(number, due))
    expected = [number for _, number in sorted((due, number) for number, due in enumerate(dues, 1))]
    assert drained(outbox) == expected
    assert (outbox.waiting(), outbox.next_due()) == (0, None)


def test_a_rank_turns_the_order_of_equals_round() -> None:
    outbox = Outbox()
    for number in (1, 2, 3):
        outbox.queue(webhook(number, rank=-number))
    assert drained(outbox) == [3, 2, 1]


def test_timers_and_shoppers_wait_among_the_webhooks() -> None:
    outbox = Outbox()
    outbox.queue(webhook(1, due=2))
    outbox.set(TimerSet(2, "worldline.order", "1", None, at(1)))
    outbox.set(ShopperDue(3, "worldline", "1", "shopper/1", at(3)))
    assert outbox.next_due() == at(1)
    assert drained(outbox) == [2, 1, 3]
    assert outbox.numbers == 3


def test_nothing_is_taken_before_it_is_due() -> None:
    outbox = Outbox()
    outbox.queue(webhook(1, due=5))
    assert outbox.take(at(4)) is None
    assert outbox.take(at(5)) is not None


def test_what_was_taken_is_not_taken_twice() -> None:
    outbox = Outbox()
    outbox.queue(webhook(1))
    assert outbox.take(at(0)) is not None
    assert outbox.take(at(0)) is None
    assert outbox.waiting() == 1, "booked until its end is booked"


def test_a_failed_attempt_comes_again_at_its_time() -> None:
    outbox = Outbox()
    outbox.queue(webhook(1))
    assert outbox.take(at(0)) is not None
    outbox.attempted(tried(1, 1, again=10))
    delivery = outbox.deliveries[1]
    assert (delivery.status, delivery.due, delivery.first_try) == (Status.RETRYING, at(10), at(0))
    assert outbox.take(at(9)) is None
    assert outbox.take(at(10)) is delivery
    outbox.attempted(tried(1, 2))
    assert (delivery.status, delivery.due, len(delivery.attempts)) == (Status.GIVEN_UP, None, 2)
    assert outbox.waiting() == 0


@pytest.mark.parametrize(("changes", "status"), [({"drop": True}, Status.DROPPED), ({"url": ""}, Status.NO_ENDPOINT)])
def test_what_is_not_to_be_sent_is_a_row_and_no_work(changes: dict[str, Any], status: Status) -> None:
    outbox = Outbox()
    outbox.queue(webhook(1, **changes))
    assert (outbox.deliveries[1].status, outbox.next_due(), outbox.waiting()) == (status, None, 0)


def test_rows_that_are_done_stay_for_a_while_and_open_ones_for_ever() -> None:
    outbox = Outbox(keep_done=2)
    outbox.queue(webhook(1, due=9_000))
    for number in (2, 3, 4, 5):
        outbox.queue(webhook(number))
    assert drained(outbox, at(0)) == [2, 3, 4, 5]
    assert sorted(outbox.deliveries) == [1, 4, 5]


def test_an_attempt_at_a_row_that_is_gone_is_no_news() -> None:
    outbox = Outbox()
    outbox.attempted(tried(1, 1))
    assert outbox.deliveries == {}


def test_a_timer_that_has_had_its_turn_leaves_nothing_due() -> None:
    outbox = Outbox()
    outbox.set(TimerSet(1, "worldline.order", "1", None, at(1)))
    outbox.done(1)
    assert (outbox.next_due(), outbox.take(at(9))) == (None, None)


# -- early webhooks ------------------------------------------------------------------------------------------------


def test_an_early_webhook_waits_for_its_request_outside_the_queue() -> None:
    outbox = Outbox()
    outbox.keep_early(7)
    outbox.queue(webhook(1, early=True), 7)
    outbox.queue(webhook(2, early=True), 8)
    outbox.queue(webhook(3), 7)
    assert drained(outbox) == [2, 3]
    assert outbox.waiting() == 1
    (early,) = outbox.take_early(7)
    assert (early.queued.number, outbox.take_early(7), outbox.next_due()) == (1, [], None)
    outbox.let_in(early)
    assert drained(outbox) == [1]


def test_early_webhooks_leave_in_the_order_of_their_ranks() -> None:
    outbox = Outbox()
    outbox.keep_early(7)
    for number in (1, 2, 3):
        outbox.queue(webhook(number, early=True, rank=-number), 7)
    assert [each.queued.number for each in outbox.take_early(7)] == [3, 2, 1]


def test_who_reads_on_from_a_checkpoint_goes_on_with_what_is_under_way_and_takes_in_the_rest() -> None:
    here, there = Outbox(), Outbox()
    for number in range(1, 5):
        for each in (here, there):
            each.queue(webhook(number))
    under_way = here.take(FAR)
    assert isinstance(under_way, Delivery)
    for number in (2, 3):
        there.attempted(tried(number, 1, delivered=number == 2, again=None if number == 2 else 30))
    there.queue(webhook(5))
    there.set(TimerSet(6, "worldline.order", "1", None, at(3)))
    kept = [each.kept() for each in there.deliveries.values()]
    timer = there.work_with(6)
    assert timer is not None
    here.take_up(there.numbers, kept, [timer], there.failing(), there.done_numbers())
    assert here.deliveries[1] is under_way, "whoever sends it books the attempt on what is there"
    assert {number: each.status for number, each in here.deliveries.items()} == {
        1: Status.WAITING, 2: Status.DELIVERED, 3: Status.RETRYING, 4: Status.WAITING, 5: Status.WAITING,
    }  # fmt: skip
    assert drained(here) == [4, 5, 6, 3]
    here.attempted(tried(1, 1, again=40))
    assert drained(here) == [1]


def test_what_others_tried_meanwhile_is_due_again_when_they_say_so() -> None:
    here, there = Outbox(), Outbox()
    for each in (here, there):
        each.queue(webhook(1))
    assert here.take(FAR) is not None
    there.attempted(tried(1, 1, again=30))
    here.take_up(1, [each.kept() for each in there.deliveries.values()], [], {}, ())
    assert here.next_due() == at(30)
