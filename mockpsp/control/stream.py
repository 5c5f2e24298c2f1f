"""The journal as server-sent events.

Nothing is queued for a slow reader: the stream keeps a position in the journal and reads on from there whenever the
connection takes more. What the journal had to drop meanwhile is said, with its count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.control.calls import Call, Control
from mockpsp.control.errors import ControlError, to_json
from mockpsp.edge.journal_view import View
from mockpsp.edge.keys import CONTRACTS
from mockpsp.world.journal import Request

if TYPE_CHECKING:
    from mockpsp.world.journal import Entry, Journal
    from mockpsp.world.sandboxes import Sandbox

HEARTBEAT_SECONDS = 15.0
_BATCH = 100
_OPEN_REQUESTS = 1_000
Write = Callable[[bytes], Awaitable[None]]


async def events(call: Call) -> web.StreamResponse:
    """Every entry from ``Last-Event-ID`` (or ``after``, or the oldest) on, for as long as the sandbox lives."""
    sandbox, after = call.sandbox, _start(call)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )

    def lives() -> bool:
        return call.sandboxes.find(sandbox.id) is sandbox

    async def write(data: bytes) -> None:
        await response.write(data)

    stream = Stream(sandbox, after, write, lambda journal: View(sandbox, journal, call.app[CONTRACTS]))
    with suppress(ConnectionError):  # the reader left, it may be before it had a single byte
        await response.prepare(call.request)
        await stream.run(call.control, lives)
    return response


def _start(call: Call) -> int:
    text = call.request.headers.get("Last-Event-ID", "").strip()
    if not text:
        return int(call.query.get("after", 0))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ControlError(400, "bad-query", f"Last-Event-ID: {text[:80]!r} is not the number of an entry")
    return int(text)


class Stream:
    """One reader's position in the journal of a sandbox, through its resets until its end."""

    def __init__(self, sandbox: Sandbox, after: int, write: Write, view: Callable[[Journal], View]) -> None:
        self._sandbox = sandbox
        self._write = write
        self._view = view
        self._last = after
        self._wake = asyncio.Event()
        self._open: dict[int, None] = {}
        self._answered: dict[int, None] = {}

    async def run(self, control: Control, lives: Callable[[], bool]) -> None:
        """Write until the sandbox goes away or the server stops. Raises ConnectionError when the reader leaves."""
        control.streams.add(self._wake)
        try:
            await self._write(b"retry: 1000\n\n")
            while lives() and not control.stopping:
                await self._follow(self._sandbox.world.journal, control, lives)
            if not control.stopping:
                await self._send("gone", {"sandbox": self._sandbox.id})
        finally:
            control.streams.discard(self._wake)

    async def _follow(self, journal: Journal, control: Control, lives: Callable[[], bool]) -> None:
        """Read one journal until it ends: the sandbox is reset (then there is a new one) or deleted."""
        if self._last > journal.count:
            await self._restart()
        stop = journal.watch(self._heard, self._wake.set)
        try:
            while not control.stopping and lives():
                self._wake.clear()
                if self._sandbox.world.journal is not journal:
                    await self._restart()
                    return
                if not await self._advance(journal):
                    await self._rest()
        finally:
            stop()

    async def _restart(self) -> None:
        self._last = 0
        self._open.clear()
        self._answered.clear()
        await self._send("reset", {"sandbox": self._sandbox.id}, 0)

    def _heard(self, entry: Entry) -> None:
        if entry.number in self._open and entry.data.finished:
            del self._open[entry.number]
            self._answered[entry.number] = None
        self._wake.set()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            await self._write(b": still here\n\n")

    async def _advance(self, journal: Journal) -> bool:
        """Write what is new; whether anything was."""
        view = self._view(journal)
        answered, self._answered = self._answered, {}
        for number in answered:
            entry = journal.get(number)
            if entry is not None:
                await self._send("answered", view.entry(entry))
        batch = list(islice(journal.since(self._last), _BATCH))
        if batch and batch[0].number > self._last + 1:
            await self._send("dropped", {"entries": batch[0].number - self._last - 1})
        for entry in batch:
            self._last = entry.number
            if isinstance(entry.data, Request) and not entry.data.finished:
                self._expect_answer(entry.number)
            await self._send(None, view.entry(entry), entry.number)
        return bool(batch or answered)

    def _expect_answer(self, number: int) -> None:
        self._open[number] = None
        if len(self._open) > _OPEN_REQUESTS:
            del self._open[next(iter(self._open))]

    async def _send(self, event: str | None, data: Any, id: int | None = None) -> None:
        lines = [b"id: %d\n" % id if id is not None else b"", f"event: {event}\n".encode() if event else b""]
        await self._write(b"".join([*lines, b"data: ", to_json(data), b"\n\n"]))
