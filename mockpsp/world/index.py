"""Finds what belongs together in a journal without reading all of it: by reference, by cause, by account.

Nothing is kept while nobody looks: the index is made when it is first asked for and reads, whenever it is asked again,
only what has come since. So requests pay nothing for it. Numbers of entries that the journal has dropped meanwhile are
left out, and thrown away when there are many of them.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from mockpsp.world import records
from mockpsp.world.journal import Entry, Journal, Request

if TYPE_CHECKING:
    Numbers = array[int]

SHORTEST = 8
"""A part of an address that is shorter is a word such as ``payments``, or a number that could mean anything."""
_TELLING = frozenset({"request", "webhook", "delivery", "posting"})
"""Kinds whose data names more than the reference does."""
K = TypeVar("K")


class Index:
    """Where in one journal something is; ``catch_up`` first. All numbers are in order, each once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seen = journal.entries_dropped
        self._dropped = journal.entries_dropped
        self._about: dict[str, Numbers] = {}
        self._caused: dict[int, Numbers] = {}
        self._on: dict[str, Numbers] = {}
        self._owners: dict[int, tuple[str, int]] = {}
        self._sent: dict[int, Numbers] = {}

    def catch_up(self, most: int = sys.maxsize) -> Index:
        """Read what has come since the last time, but no more than so many entries."""
        for entry in islice(self._journal.since(self._seen), most):
            self._seen = entry.number
            self._add(entry)
        if self._journal.entries_dropped - self._dropped > max(1_000, len(self._journal) // 2):
            self._forget()
        return self

    @property
    def behind(self) -> int:
        """How many entries it has not read yet."""
        return self._journal.count - max(self._seen, self._journal.entries_dropped)

    # -- asking --------------------------------------------------------------------------------------------------------

    def about(self, references: Iterable[str]) -> list[Entry]:
        """Entries about any of these references: that go by it, that led to one, whose address names it."""
        return self._entries({number for each in references for number in self._about.get(each, ())})

    def numbers_about(self, references: Iterable[str]) -> list[int]:
        """Their numbers, in order; some may have been dropped by the journal."""
        return sorted({number for each in references for number in self._about.get(each, ())})

    def caused_by(self, number: int) -> list[Entry]:
        """What an entry led to."""
        return self._entries(self._caused.get(number, ()))

    def deliveries_of(self, webhook: int) -> list[Entry]:
        """The attempts to deliver the webhook with this number in the outbox, and its being held up."""
        return self._entries(self._sent.get(webhook, ()))

    def on_account(self, account: str, most: int) -> list[Entry]:
        """The latest postings on a ledger account, oldest first."""
        return self._entries(self._on.get(account, array("Q"))[-most:])

    def count_on_account(self, account: str) -> int:
        """How many postings there were on it."""
        return len(self._on.get(account, ()))

    def _entries(self, numbers: Iterable[int]) -> list[Entry]:
        found = (self._journal.get(number) for number in sorted(numbers))
        return [each for each in found if each is not None]

    # -- reading -------------------------------------------------------------------------------------------------------

    def _add(self, entry: Entry) -> None:
        number, reference, cause = entry.number, entry.reference, entry.cause
        if reference:
            self._note(reference, number)
        owner = self._owner(entry) if entry.kind in _TELLING else ""
        if owner:
            self._note(owner, number)
        if cause:  # what led to something about an object is about it too
            _append(self._caused, cause, number)
            if reference:
                self._note(reference, cause)
            if owner:
                self._note(owner, cause)

    def _owner(self, entry: Entry) -> str:
        """The object that an entry is about besides its reference; notes what else its data names."""
        match entry.data:
            case Request(target=target):
                for part in target.partition("?")[0].split("/"):
                    if len(part) >= SHORTEST:
                        self._note(part, entry.number)
            case records.Queued() as queued:
                self._owners[queued.number] = queued.owner, entry.number
                return queued.owner
            case records.Attempted(number=number) | records.Held(number=number):
                _append(self._sent, number, entry.number)
                return self._owners[number][0] if number in self._owners else ""
            case records.Posted(entry=booked):
                for posting in booked.postings:
                    _append(self._on, posting.account, entry.number)
        return ""

    def _note(self, key: str, number: int) -> None:
        """A cause comes a little after what it is the cause of has been noted: put it where it belongs."""
        numbers = self._about.get(key)
        if numbers is None:
            self._about[key] = array("Q", (number,))
            return
        last = numbers[-1]
        if last <= number:
            if last != number:
                numbers.append(number)
            return
        place = len(numbers) - 1
        while place and numbers[place - 1] > number:
            place -= 1
        if not place or numbers[place - 1] != number:
            numbers.insert(place, number)

    def _forget(self) -> None:
        """Let go of what the journal has dropped."""
        self._dropped = first = self._journal.entries_dropped
        self._about = _after(self._about, first)
        self._on = _after(self._on, first)
        self._sent = _after(self._sent, first)
        self._caused = {cause: numbers for cause, numbers in _after(self._caused, first).items() if cause > first}
        self._owners = {
            webhook: told for webhook, told in self._owners.items() if told[1] > first or webhook in self._sent
        }


def _append(where: dict[K, Numbers], key: K, number: int) -> None:
    numbers = where.get(key)
    if numbers is None:
        where[key] = array("Q", (number,))
    elif numbers[-1] != number:
        numbers.append(number)


def _after(where: dict[K, Numbers], first: int) -> dict[K, Numbers]:
    """Numbers above ``first``, without the keys that have none."""
    kept = {key: array("Q", (each for each in numbers if each > first)) for key, numbers in where.items()}
    return {key: numbers for key, numbers in kept.items() if numbers}
