"""The index of a journal finds what reading all of it would find, while the journal grows and drops."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.ledger import Entry as Booked
from mockpsp.domain.ledger import Posting
from mockpsp.domain.lifecycle import Body
from mockpsp.world.journal import Entry, Journal, Request
from mockpsp.world.records import Attempted, Posted, Queued

AT = datetime(2026, 1, 1, tzinfo=UTC)
REFS = ("order-one", "order-two", "order-three", "")


def queued(number: int, owner: str) -> Queued:
    return Queued(number, "bell", "rung", owner, f"{owner}/part", Body(b"{}"), "http://x", AT, AT, number)


def add(journal: Journal, what: str, ref: str, cause: int) -> Entry:
    cause = cause if cause <= journal.count else 0
    match what:
        case "request":
            return journal.add(AT, what, "bell", "ring", "", 0, Request("GET", f"/bells/{ref}/ring?x=1", b"", ""))
        case "webhook":
            number = journal.count + 1
            return journal.add(AT, what, "bell", "rung", f"{ref}/part", cause, queued(number, ref))
        case "delivery":
            attempt = Attempted(max(cause, 1), 1, AT, 200, None, True, None)
            return journal.add(AT, what, "bell", "rung", f"{ref}/part", 0, attempt)
        case "posting":
            entry = Booked("hold", "EUR", (Posting("from", -5), Posting(f"to/{ref}", 5)))
            return journal.add(AT, what, "bell", "hold", ref, cause, Posted(ref, entry))
        case _:
            return journal.add(AT, what, "bell", "rung", ref, cause, {})


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("request", "event", "webhook", "delivery", "posting", "look")),
        st.sampled_from(REFS),
        st.integers(0, 40),
    ),
    max_size=80,
)


@given(STEPS, st.sampled_from((7, 30, 1000)))
def test_it_finds_what_reading_all_would_find(steps: list[tuple[str, str, int]], most: int) -> None:
    journal = Journal(max_entries=most)
    journal.index()
    every: list[Entry] = []
    read: dict[int, Entry] = {}  # what a look found there; an entry that was dropped between two looks tells nothing
    for what, ref, cause in steps:
        if what == "look":
            journal.index()
            read.update((each.number, each) for each in journal.since(0))
        else:
            every.append(add(journal, what, ref, cause))
    index = journal.index()
    read.update((each.number, each) for each in journal.since(0))
    every = [each for each in every if each.number in read]
    kept = list(journal.since(0))
    for number in range(1, journal.count + 1):
        assert index.caused_by(number) == [each for each in kept if each.cause == number]
        assert index.deliveries_of(number) == [
            each for each in kept if isinstance(each.data, Attempted) and each.data.number == number
        ]
    owners = {each.data.number: each.data.owner for each in every if isinstance(each.data, Queued)}
    for ref in REFS[:3]:
        own = {each.number for each in every if _about(each, ref, owners)}
        causes = {each.cause for each in every if each.number in own and each.cause}
        assert [each.number for each in index.about([ref])] == sorted(
            number for number in own | causes if number > journal.entries_dropped
        )
        booked = [each for each in kept if isinstance(each.data, Posted) and each.reference == ref]
        assert index.on_account(f"to/{ref}", 1000) == booked


def _about(entry: Entry, ref: str, owners: dict[int, str]) -> bool:
    match entry.data:
        case Queued(owner=owner):
            return owner == ref
        case Attempted(number=number):
            return owners.get(number) == ref and number < entry.number
        case Request(target=target):
            return f"/{ref}/" in target
    return entry.reference == ref


def test_of_an_account_only_the_latest_are_read() -> None:
    journal = Journal()
    for _ in range(10):
        add(journal, "posting", "order-one", 0)
    index = journal.index()
    assert [each.number for each in index.on_account("from", 3)] == [8, 9, 10]
    assert index.count_on_account("from") == 10
    assert index.on_account("nowhere", 3) == []


def test_a_long_journal_does_not_keep_numbers_of_what_it_dropped() -> None:
    journal = Journal(max_entries=100)
    for _ in range(60):
        for _ in range(100):
            add(journal, "event", "order-one", journal.count)
        assert len(journal.index().numbers_about(["order-one"])) < 1_400
    assert len(journal.index().about(["order-one"])) == 100


def test_entries_before_a_number_come_newest_first() -> None:
    journal = Journal(max_entries=5)
    for _ in range(8):
        add(journal, "event", "order-one", 0)
    assert [each.number for each in journal.before(9)] == [8, 7, 6, 5, 4]
    assert [each.number for each in journal.before(6)] == [5, 4]
    assert [each.number for each in journal.before(100)] == [8, 7, 6, 5, 4]
    assert list(journal.before(4)) == []
    assert len(journal) == 5
