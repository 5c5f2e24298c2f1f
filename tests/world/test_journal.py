"""The journal is bounded, says what it dropped, and never loses its numbers."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mockpsp.scenario.engine import Misses, Struck
from mockpsp.world.journal import Entry, Journal, Request

NOW = datetime(2026, 7, 1, 7, tzinfo=UTC)


def add(journal: Journal, count: int = 1) -> list[Entry]:
    """So many entries."""
    return [journal.add(NOW, "event", "worldline", "order.created", "1", 0, None) for _ in range(count)]


def answered(journal: Journal, sent: bytes, answer: bytes = b"") -> Request:
    """A request that has its answer."""
    request = Request("POST", "/v2/x/payments", b"", "127.0.0.1")
    entry = journal.add(NOW, "request", "worldline", "create_payment", "", 0, request)
    request.body, request.answer = sent, answer
    journal.answered(entry)
    return request


def test_entries_are_numbered_from_one() -> None:
    journal = Journal()
    assert [entry.number for entry in add(journal, 3)] == [1, 2, 3]
    assert journal.get(2) is list(journal.since(0))[1]
    assert (journal.get(0), journal.get(4)) == (None, None)


@given(limit=st.integers(1, 20), count=st.integers(0, 60), after=st.integers(0, 70))
def test_old_entries_go_and_are_counted(limit: int, count: int, after: int) -> None:
    journal = Journal(max_entries=limit)
    add(journal, count)
    kept = range(max(0, count - limit) + 1, count + 1)
    assert journal.entries_dropped == count - len(kept)
    assert [entry.number for entry in journal.since(0)] == list(kept)
    assert [entry.number for entry in journal.since(after)] == [number for number in kept if number > after]
    for number in range(count + 2):
        entry = journal.get(number)
        assert (entry.number if entry is not None else None) == (number if number in kept else None)


@given(limit=st.integers(0, 100), sizes=st.lists(st.integers(0, 60), max_size=20))
def test_old_bodies_go_when_there_are_too_many_bytes(limit: int, sizes: list[int]) -> None:
    journal = Journal(max_body_bytes=limit)
    requests = [answered(journal, b"x" * size, b"y") for size in sizes]
    kept = [request for request in requests if request.body is not None]
    assert sum(request.weight for request in kept) <= limit
    assert kept == requests[len(requests) - len(kept) :], "the oldest go first"
    assert journal.bodies_dropped == len(requests) - len(kept)
    for request, size in zip(requests, sizes, strict=True):
        assert request.dropped == (0 if request.body is not None else size + 1)


def test_a_dropped_body_leaves_its_entry() -> None:
    journal = Journal(max_body_bytes=10)
    first = answered(journal, b"0123456789")
    answered(journal, b"9")
    entry = journal.get(1)
    assert entry is not None
    assert entry.data is first
    assert (first.body, first.answer, first.finished) == (None, None, True)


def test_what_was_said_of_an_entry_goes_with_it() -> None:
    journal = Journal(max_entries=1)
    [first] = add(journal)
    journal.misses[first.number] = Misses(Struck(None, {}, (), {}), {})
    journal.remarks[first.number] = "closed"
    add(journal)
    assert (journal.misses, journal.remarks) == ({}, {})


def test_watchers_hear_of_every_entry_and_of_its_answer() -> None:
    journal = Journal()
    heard: list[int] = []
    ended: list[bool] = []
    stop = journal.watch(lambda entry: heard.append(entry.number), lambda: ended.append(True))
    add(journal)
    answered(journal, b"x")
    assert heard == [1, 2, 2]
    journal.close()
    assert ended == [True]
    stop()
    add(journal)
    assert heard == [1, 2, 2]


def test_a_watcher_may_leave_while_it_is_told() -> None:
    journal = Journal()
    stops: list[object] = []
    heard: list[int] = []

    def once(entry: Entry) -> None:
        heard.append(entry.number)
        stop()

    stop = journal.watch(once)
    stops.append(journal.watch(lambda entry: heard.append(-entry.number)))
    add(journal, 2)
    assert heard == [1, -1, -2]


def test_headers_weigh_as_much_as_bodies_and_go_with_them() -> None:
    journal = Journal(max_body_bytes=100)
    request = Request("GET", "/", b"h" * 90, "127.0.0.1")
    journal.answered(journal.add(NOW, "request", "worldline", "x", "", 0, request))
    answered(journal, b"x" * 20)
    assert (request.head, request.dropped) == (b"", 90)


@given(limit=st.integers(1, 5), bodies=st.lists(st.sampled_from([b"", b"x" * 10]), max_size=40))
def test_nothing_is_left_of_requests_whose_entries_have_gone(limit: int, bodies: list[bytes]) -> None:
    journal = Journal(max_entries=limit)
    for body in bodies:
        answered(journal, body)
    kept = [entry.data for entry in journal.since(0)]
    assert list(journal._heavy) == kept
    assert journal._bytes == sum(request.weight for request in kept)
