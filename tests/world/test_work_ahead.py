"""What is due can be seen before it happens, in the order in which it will."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockpsp.world.outbox import Delivery, Outbox
from mockpsp.world.records import Attempted, Held, ShopperDue, TimerSet
from tests.world.test_outbox import NOW, at, drained, number_of, webhook


def filled(works: list[tuple[str, int, bool]]) -> Outbox:
    """An outbox with webhooks, timers and shoppers due after so many minutes; a rank may be turned round."""
    outbox = Outbox()
    for number, (kind, minutes, turned) in enumerate(works, 1):
        if kind == "webhook":
            outbox.queue(webhook(number, minutes, rank=-number if turned else number))
        elif kind == "timer":
            outbox.set(TimerSet(number, "worldline.order", "1", None, at(minutes)))
        else:
            outbox.set(ShopperDue(number, "worldline", "1", "shopper[0]", at(minutes)))
    return outbox


WORKS = st.lists(st.tuples(st.sampled_from(("webhook", "timer", "shopper")), st.integers(0, 5), st.booleans()))


@given(WORKS)
def test_what_is_ahead_is_told_in_the_order_in_which_it_will_be_taken(works: list[tuple[str, int, bool]]) -> None:
    outbox = filled(works)
    told = [number_of(each) for each in outbox.ahead(1_000)]
    assert told == drained(outbox)


@given(WORKS, st.lists(st.integers(-1, 6), max_size=4))
def test_as_much_is_due_by_a_moment_as_would_be_taken_until_then(works: Any, minutes: list[int]) -> None:
    counted = filled(works).due_by([at(each) for each in minutes])
    assert counted == [len(drained(filled(works), at(each))) for each in minutes]


def test_only_so_many_are_told_and_a_webhook_that_is_held_comes_last() -> None:
    outbox = filled([("webhook", 0, False), ("webhook", 0, False), ("timer", 9, False)])
    outbox.attempted(Attempted(1, 1, NOW, 500, None, False, at(5), in_order=True))
    outbox.hold(Held(2, 1, NOW))
    told = outbox.ahead(1_000)
    assert [number_of(each) for each in told] == [1, 3, 2]
    assert isinstance(told[-1], Delivery)
    assert told[-1].due is None
    assert [number_of(each) for each in outbox.ahead(2)] == [1, 3]
    assert outbox.due_by([at(5), at(9)]) == [1, 2]
