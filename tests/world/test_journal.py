"""The journal is bounded, says what it dropped, and never loses its numbers."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mockpsp.scenario.engine import Misses, Struck
from mockpsp.world.codec import decode, encode
from mockpsp.world.journal import Entry, Journal, Line, Request

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
    assert [entry.data for entry in journal._heavy] == kept
    assert journal._bytes == sum(request.weight for request in kept)


class Shelf:
    """Where lines are kept: as bytes, in the order in which they were written last."""

    def __init__(self, shared: bool) -> None:
        self.shared = shared
        self.lines: dict[int, bytes] = {}
        self.news: dict[int, bytes] = {}

    def note(self, sandbox: str, number: int, line: Line) -> None:
        self.lines[number] = self.news[number] = encode(line)

    def flush(self) -> None:
        """Everything is written."""

    def forget(self, sandbox: str, up_to: int) -> None:
        self.lines = {number: line for number, line in self.lines.items() if number > up_to}

    def read(self) -> list[Line]:
        return [decode(self.lines[number]) for number in sorted(self.lines)]

    def told(self) -> list[Line]:
        """What was written since this was last asked."""
        news, self.news = self.news, {}
        return [decode(news[number]) for number in sorted(news)]


def texts(journal: Journal) -> list[bytes]:
    """Its entries as they would be written."""
    return [encode(entry) for entry in journal.since(0)]


def weights(lines: list[Line]) -> int:
    return sum(line.entry.data.weight for line in lines)


@given(limit=st.integers(0, 100), sizes=st.lists(st.integers(0, 60), max_size=20), smaller=st.integers(0, 100))
def test_bodies_that_go_do_not_stay_where_lines_are_kept(limit: int, sizes: list[int], smaller: int) -> None:
    shelf = Shelf(shared=False)
    journal = Journal(max_body_bytes=limit, lines=shelf)
    for size in sizes:
        answered(journal, b"x" * size, b"y")
    assert [encode(line.entry) for line in shelf.read()] == texts(journal)
    assert weights(shelf.read()) <= limit
    again = Journal(max_body_bytes=min(limit, smaller), lines=shelf)
    again.restore(shelf.read())
    assert [encode(line.entry) for line in shelf.read()] == texts(again)
    assert weights(shelf.read()) <= min(limit, smaller)
    assert again.bodies_dropped == sum(entry.data.body is None for entry in again.since(0))


@given(
    limit=st.integers(0, 100),
    deeds=st.lists(
        st.tuples(st.integers(0, 1), st.one_of(st.integers(0, 60), st.sampled_from(["remark", "seen open"]))),
        max_size=30,
    ),
)
def test_processes_that_write_one_journal_come_to_the_same(limit: int, deeds: list[tuple[int, int | str]]) -> None:
    shelf = Shelf(shared=True)
    journals = [Journal(max_body_bytes=limit, max_entries=8, lines=shelf) for _ in range(2)]
    for who, deed in deeds:
        mine, other = journals[who], journals[1 - who]
        if isinstance(deed, int):
            answered(mine, b"x" * deed, b"y")
        elif deed == "seen open":
            request = Request("POST", "/v2/x/payments", b"", "127.0.0.1")
            entry = mine.add(NOW, "request", "worldline", "create_payment", "", 0, request)
            mine.note_open()
            other.take(shelf.told())
            request.body = b"x" * 40
            mine.answered(entry)
        elif mine.count:
            first = mine.get(mine.entries_dropped + 1)
            assert first is not None
            mine.remark(first, f"looked at by {who}")
        other.take(shelf.told())
        assert texts(mine) == texts(other)
        assert mine.remarks == other.remarks
        for journal in journals:
            kept = [entry for entry in journal.since(0) if entry.data.body is not None]
            assert journal._bytes == sum(entry.data.weight for entry in kept) <= limit
            assert [entry for entry in journal._heavy if entry.data.body is not None] == kept
    assert journals[0].bodies_dropped == journals[1].bodies_dropped
