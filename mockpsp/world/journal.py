"""The append-only record of everything: what the dashboard, verification, explanations and exports read.

Entries hold bytes and frozen values and are rendered when somebody looks. The journal is bounded (entries, and bytes
of bodies and headers); what had to go is counted, never silently missing.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.msgpack import Decoder, Encoder

from mockpsp.domain.value import Row, Value
from mockpsp.scenario.engine import Misses, NearMiss

if TYPE_CHECKING:
    from mockpsp.world.index import Index


class Entry(Row):
    """One line of the journal. ``cause`` is the number of the entry that led to it, 0 for none."""

    number: int
    at: datetime
    kind: str
    provider: str
    operation: str
    reference: str
    cause: int
    data: Any


class Request(Row):
    """What came in and what went out; filled in as the request moves along the pipeline.

    Bodies become None, and headers empty, when the journal had to drop them; ``dropped`` then counts their bytes.
    ``finished`` once it has its answer, or its connection was cut (``status`` is 0 then). ``head`` are the headers,
    packed; ``answer_head`` those of the answer, as lines. ``stranger``: its credentials opened no door.
    ``cut``: half of the answer's body left before the connection was cut.
    """

    method: str
    target: str
    head: bytes
    client: str
    body: bytes | None = b""
    status: int = 0
    answer: bytes | None = b""
    answer_head: str = ""
    notes: tuple[str, ...] = ()
    dropped: int = 0
    finished: bool = False
    stranger: bool = False
    cut: bool = False

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The request's headers as they came."""
        return _unpack(self.head) if self.head else ()

    @property
    def answer_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of the answer, those of HTTP itself not included."""
        pairs = (line.partition(": ") for line in self.answer_head.split("\r\n") if line)
        return tuple((name, value) for name, _, value in pairs)

    @property
    def weight(self) -> int:
        """Bytes of both bodies and of the request's headers."""
        return len(self.head) + len(self.body or b"") + len(self.answer or b"")

    def drop(self) -> int:
        """Let go of them, and tell how many there were."""
        self.dropped = self.weight
        self.head, self.body, self.answer = b"", None, None
        return self.dropped


Headers = tuple[tuple[bytes, bytes], ...]
_unpack = Decoder(Headers).decode
pack: Callable[[Headers], bytes] = Encoder().encode
"""Headers as one piece of memory, for ``Request.head``: many small objects cost most when they are dropped, cold."""


class Reasoning(Value, frozen=True):
    """Why an operation went as it did: the law or the rule, rules that nearly matched, inferred settings in play.

    ``nearly`` are the nearest only; there were ``more``.
    """

    law: str
    rule: str | None
    nearly: tuple[NearMiss, ...]
    settings: tuple[str, ...]
    more: int = 0


class Line(Value, frozen=True):
    """An entry as a store keeps it, with what is to be said of it besides."""

    entry: Entry
    remark: str | None = None
    misses: Misses | None = None


class Lines(Protocol):
    """Where a journal's lines are kept beyond the end of the process."""

    @property
    def shared(self) -> bool:
        """Whether other processes add lines, and read ours before they are complete."""

    def note(self, sandbox: str, number: int, line: Any) -> None:
        """This line is new, or complete now."""

    def flush(self) -> None:
        """Write what was noted."""

    def forget(self, sandbox: str, up_to: int) -> None:
        """Lines up to this number have been dropped."""


def _nothing() -> None:
    """For watchers who do not care."""


_TRIM_AFTER = 1_000
LOST = "lost"
"""The kind of an entry whose line could not be kept when the process ended."""


class Journal:
    """A sandbox's journal. ``watch`` hears of each entry as it is added, and of its answer, for live views."""

    def __init__(
        self,
        max_entries: int = 50_000,
        max_body_bytes: int = 32 * 1024 * 1024,
        lines: Lines | None = None,
        sandbox: str = "",
    ) -> None:
        self._entries: deque[Entry] = deque()
        self._heavy: deque[Entry] = deque()
        self._bytes = 0
        self.most = max_entries
        """How many entries are kept."""
        self._max_body_bytes = max_body_bytes
        self._lines = lines
        self._sandbox = sandbox
        self._open: list[Entry] | None = [] if lines is not None and lines.shared else None
        """Requests without an answer, not written yet; kept where others would give their numbers again."""
        self._watchers: dict[object, tuple[Callable[[Entry], None], Callable[[], None]]] = {}
        self.count = 0
        self.entries_dropped = 0
        self.bodies_dropped = 0
        self._index: Index | None = None
        self.remarks: dict[int, str] = {}
        """What is to be said of an entry besides, such as why the page did not let a shopper do it."""
        self.misses: dict[int, Misses] = {}
        """Faults that did not strike at a request, lines that did not shape a webhook, by the number of its entry."""

    def add(
        self, at: datetime, kind: str, provider: str, operation: str, reference: str, cause: int, data: Any
    ) -> Entry:
        """Append one entry and return it, with its number (1 is the first)."""
        number = self.count = self.count + 1
        entry = Entry(number, at, kind, provider, operation, reference, cause, data)
        self._entries.append(entry)
        if number - self.entries_dropped > self.most:
            self._drop()
        if self._lines is not None:
            if kind != "request":  # that comes with its answer
                self._note(entry)
            elif self._open is not None:
                self._open.append(entry)
        if self._watchers:
            self._tell(entry)
        return entry

    def _drop(self) -> None:
        entry = self._entries.popleft()
        gone = entry.number
        if entry.kind == "request" and entry.data.finished:
            self._let_go(entry.data)
        self.remarks.pop(gone, None)
        self.misses.pop(gone, None)
        self.entries_dropped += 1
        if self._lines is not None and self.entries_dropped % _TRIM_AFTER == 0:
            self._lines.forget(self._sandbox, self.entries_dropped)

    def remark(self, entry: Entry, text: str) -> None:
        """Say something of an entry besides."""
        self.remarks[entry.number] = text
        self._note(entry)

    def miss(self, entry: Entry, misses: Misses) -> None:
        """Say which faults or webhook lines nearly had a part in it."""
        self.misses[entry.number] = misses
        self._note(entry)

    def _note(self, entry: Entry) -> None:
        if self._lines is not None:
            number = entry.number
            self._lines.note(self._sandbox, number, Line(entry, self.remarks.get(number), self.misses.get(number)))

    def restore(self, kept: Iterable[Line]) -> None:
        """Take in what an earlier process kept, oldest first; where a line is missing, an entry says so."""
        for line in kept:
            entry = line.entry
            if not self.count:
                self.count = self.entries_dropped = entry.number - 1
            while self.count < entry.number - 1:
                self.count += 1
                self._entries.append(Entry(self.count, entry.at, LOST, "", "", "", 0, None))
            self.count = entry.number
            self._entries.append(entry)
            if line.remark is not None:
                self.remarks[entry.number] = line.remark
            if line.misses is not None:
                self.misses[entry.number] = line.misses
            self.bodies_dropped += _is_dropped(entry)
            if _heft(entry) is not None:
                self._weigh(entry)
                self._lighten(tell=self._lines is not None and not self._lines.shared)

    def note_open(self) -> None:
        """Requests that are not answered yet are written as they are: somebody else has the turn now."""
        for entry in self._open or ():
            if not entry.data.finished:
                self._note(entry)
        if self._open:
            self._open.clear()

    def take(self, lines: Iterable[Line]) -> None:
        """Take in what other processes wrote, in the order of their numbers: new ones and changed ones."""
        for line in lines:
            entry = self.get(line.entry.number)
            if entry is not None:
                self._renew(entry, line.entry)
            else:
                entry = line.entry
                self.restore((line,))
                if self.count - self.entries_dropped > self.most:
                    self._drop()
            if line.remark is not None:
                self.remarks[entry.number] = line.remark
            if line.misses is not None:
                self.misses[entry.number] = line.misses
            if self._watchers:
                self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        for heard, _ in tuple(self._watchers.values()):
            heard(entry)

    def answered(self, entry: Entry) -> None:
        """A request entry is complete: weigh its bodies, and let watchers hear of it once more."""
        entry.data.finished = True
        self._weigh(entry)
        lines = self._lines
        if lines is not None:
            self._note(entry)
        if self._bytes > self._max_body_bytes:
            self._lighten(tell=True)
        if lines is not None:
            lines.flush()
        if self._watchers:
            self._tell(entry)

    def close(self) -> None:
        """Tell watchers that nothing more comes: the sandbox was reset or deleted."""
        for _, ended in tuple(self._watchers.values()):
            ended()

    def _weigh(self, entry: Entry) -> None:
        """Count the bodies of an answered request."""
        self._heavy.append(entry)
        self._bytes += entry.data.weight

    def _lighten(self, tell: bool) -> None:
        """Let the oldest bodies go when there are too many bytes; ``tell``: the lines are to be written without them.

        Where several processes write lines, who answers a request tells; the others come to the same by themselves.
        """
        while self._bytes > self._max_body_bytes and self._heavy:
            oldest = self._heavy.popleft()
            if oldest.data.body is not None:
                self._bytes -= oldest.data.drop()
                self.bodies_dropped += 1
                if tell:
                    self._note(oldest)
                    if self._lines is not None and self.bodies_dropped % _TRIM_AFTER == 0:
                        self._lines.flush()  # at a start there may be more of them than may wait

    def _renew(self, entry: Entry, newer: Entry) -> None:
        """Make it say what another process says of it; whoever has it sees that."""
        was_dropped, before = _is_dropped(entry), _heft(entry)
        entry.reference = newer.reference
        if isinstance(entry.data, Request) and isinstance(newer.data, Request):
            for name in Request.__struct_fields__:
                setattr(entry.data, name, getattr(newer.data, name))
        now = _heft(entry)
        if before is not None:
            self._bytes += (now or 0) - before
        elif now is not None:
            self._weigh(entry)
        self.bodies_dropped += _is_dropped(entry) and not was_dropped
        self._lighten(tell=False)

    def _let_go(self, request: Request) -> None:
        """Its entry is dropped, and what it weighs with it; a request without a body leaves nothing behind either."""
        if request.body is not None:
            self._bytes -= request.drop()
        while self._heavy and self._heavy[0].data.body is None:
            self._heavy.popleft()

    def get(self, number: int) -> Entry | None:
        """The entry with this number, if it is still there."""
        index = number - 1 - self.entries_dropped
        return self._entries[index] if 0 <= index < len(self._entries) else None

    def since(self, after: int) -> Iterator[Entry]:
        """Entries with a number above ``after``, oldest first."""
        start = max(0, after - self.entries_dropped)
        if start == 0:
            yield from tuple(self._entries)
            return
        for index in range(start, len(self._entries)):
            yield self._entries[index]

    def __len__(self) -> int:
        """How many entries are still there."""
        return len(self._entries)

    def before(self, number: int) -> Iterator[Entry]:
        """Entries with a number below this, newest first."""
        for index in range(min(number - 1 - self.entries_dropped, len(self._entries)) - 1, -1, -1):
            yield self._entries[index]

    def index(self, most: int = sys.maxsize) -> Index:
        """What finds entries by reference, cause and account; made when it is first asked for, up to date each time.

        It reads no more than so many entries now; then it may be ``behind``.
        """
        if self._index is None:
            from mockpsp.world.index import Index  # late: a test suite rarely looks

            self._index = Index(self)
        return self._index.catch_up(most)

    @property
    def watched(self) -> bool:
        """Whether anybody hears of each entry."""
        return bool(self._watchers)

    def watch(self, heard: Callable[[Entry], None], ended: Callable[[], None] = _nothing) -> Callable[[], None]:
        """Call ``heard`` with every new entry and every answered request, until the returned function is called.

        ``ended`` is called when the sandbox goes away.
        """
        token = object()
        self._watchers[token] = (heard, ended)

        def stop() -> None:
            self._watchers.pop(token, None)

        return stop


def _heft(entry: Entry) -> int | None:
    """The bytes of an answered request's bodies and headers; None for whatever is not weighed, or no more."""
    data = entry.data
    return data.weight if isinstance(data, Request) and data.finished and data.body is not None else None


def _is_dropped(entry: Entry) -> bool:
    """Whether it is a request whose bodies the journal let go."""
    return isinstance(entry.data, Request) and entry.data.body is None


class Unwritten(Journal):
    """Takes entries and keeps none: for events that a journal has already."""

    def add(
        self, at: datetime, kind: str, provider: str, operation: str, reference: str, cause: int, data: Any
    ) -> Entry:
        """See Journal."""
        return Entry(0, at, kind, provider, operation, reference, cause, data)
