"""The journal as server-sent events: complete, resumable, bounded, and over when it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from acme_house import Api
from aiohttp import ClientResponse, web

from mockpsp.control import stream
from mockpsp.control.calls import CONTROL, Control
from mockpsp.edge.journal_view import View
from mockpsp.world.journal import Journal, Request
from mockpsp.world.sandboxes import Sandbox


@dataclass
class Event:
    """One server-sent event; a comment has only ``comment``."""

    name: str = ""
    id: str | None = None
    data: Any = None
    comment: str = ""


class Reader:
    """Reads events one by one. Waiting is bounded only so that a failure does not hang the run."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def next(self) -> Event | None:
        """The next event; None at the end of the stream."""
        event = Event()
        while True:
            async with asyncio.timeout(30):
                line = (await self.response.content.readline()).decode()
            if not line:
                return None
            line = line.rstrip("\n")
            field, _, value = line.partition(": ")
            match field:
                case "":
                    if not line and event != Event():
                        return event
                    event.comment = value or event.comment
                case "id":
                    event.id = value
                case "event":
                    event.name = value
                case "data":
                    event.data = json.loads(value)

    async def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """All events up to the one that is wanted."""
        found: list[Event] = []
        while (event := await self.next()) is not None:
            found.append(event)
            if wanted(event):
                return found
        raise AssertionError(f"the stream ended: {found}")


@asynccontextmanager
async def listening(api: Api, home: str, **options: Any) -> AsyncIterator[Reader]:
    async with api.client.get(f"/_mockpsp{home}/events", **options) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        yield Reader(response)


def entries(events: list[Event]) -> list[Any]:
    return [event.data for event in events if event.id is not None and not event.name]


async def test_entries_come_as_in_the_journal_and_then_live(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    async with listening(api, home) as reader:
        first = await reader.until(lambda event: event.data is not None and event.data["kind"] == "scenario")
        assert entries(first)[0]["id"] == 1
        ref = await api.charge(made)
        live = await reader.until(lambda event: event.data is not None and event.data["kind"] == "event")
        assert live[-1].data["reference"] == ref
        assert live[-1].id == str(live[-1].data["id"])
    whole = await api.get(f"{home}/journal")
    assert entries(live)[-1] == whole["entries"][-1]


async def test_a_request_that_was_still_open_is_told_again_when_it_is_answered(
    api: Api, inside: Callable[[str], Sandbox]
) -> None:
    made = await api.sandbox()
    journal = inside(made["id"]).world.journal
    entry = journal.add(
        datetime.now(UTC), "request", "acme", "create_charge", "", 0, Request("POST", "/acme/charges", b"", "")
    )
    async with listening(api, f"/sandboxes/{made['id']}") as reader:
        seen = await reader.until(lambda event: event.id == str(entry.number))
        assert (seen[-1].data["finished"], seen[-1].data["status"]) == (False, None)
        entry.data.status = 201
        journal.answered(entry)
        (answered,) = await reader.until(lambda event: event.name == "answered")
        assert (answered.id, answered.data["finished"], answered.data["status"]) == (None, True, 201)


async def test_a_stream_resumes_after_the_last_event_id(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    await api.charge(made)
    last = (await api.get(f"{home}/journal"))["next_after"]
    await api.charge(made)
    whole = (await api.get(f"{home}/journal"))["entries"]
    for options in ({"headers": {"Last-Event-ID": str(last)}}, {"params": {"after": str(last)}}):
        async with listening(api, home, **options) as reader:
            events = await reader.until(lambda event: event.id == str(whole[-1]["id"]))
            assert entries(events) == whole[last:]


@pytest.mark.parametrize(
    "options", [{"headers": {"Last-Event-ID": "x"}}, {"params": {"after": "-1"}}, {"params": {"from": "1"}}]
)
async def test_a_place_that_is_none_is_refused(api: Api, options: Any) -> None:
    assert (await api.call("GET", "/sandboxes/default/events", **options)).status == 400


async def test_a_reset_is_told_and_the_new_journal_follows(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    await api.charge(made)
    last = (await api.get(f"{home}/journal"))["next_after"]
    async with listening(api, home, params={"after": str(last)}) as reader:
        assert (await reader.response.content.readline()) == b"retry: 1000\n"
        await api.post(f"{home}/reset")
        events = await reader.until(lambda event: event.data is not None and event.data.get("kind") == "scenario")
        assert [(event.name, event.id) for event in events if event.name] == [("reset", "0")]
        assert entries(events)[0]["id"] == 1
    async with listening(api, home, headers={"Last-Event-ID": "100000"}) as reader:
        assert (await reader.until(lambda event: event.id is not None))[-1].name == "reset"


async def test_the_stream_of_a_deleted_sandbox_says_so_and_ends(api: Api, app: web.Application) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    async with listening(api, home) as reader:
        await reader.until(lambda event: event.id is not None)
        await api.call("DELETE", home)
        await reader.until(lambda event: event.name == "gone")
        assert await reader.next() is None
    assert app[CONTROL].streams == set()


async def test_streams_end_with_the_server(api: Api, app: web.Application) -> None:
    async with listening(api, "/sandboxes/default") as reader:
        await reader.until(lambda event: event.id is not None)
        await app.shutdown()
        while (event := await reader.next()) is not None:
            assert event.name == ""


async def test_a_silent_stream_shows_that_it_lives(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.001)
    async with listening(api, "/sandboxes/default") as reader:
        for _ in range(2):
            assert (await reader.until(lambda event: event.comment != ""))[-1].comment == "still here"


async def test_a_slow_reader_holds_nothing_and_is_told_what_it_missed(
    inside: Callable[[str], Sandbox], api: Api
) -> None:
    made = await api.sandbox()
    sandbox = inside(made["id"])
    journal: Journal = sandbox.world.journal
    journal.most = 50
    may_write, waits, written = asyncio.Event(), asyncio.Event(), []

    async def write(data: bytes) -> None:
        waits.set()
        await may_write.wait()
        written.append(data)
        if b'"operation":"last"' in data:
            control.stop()

    control = Control()
    slow = stream.Stream(sandbox, 0, write, lambda each: View(sandbox, each, {}))
    running = asyncio.ensure_future(slow.run(control, lambda: True))
    await waits.wait()
    for number in range(10_000):
        journal.add(datetime.now(UTC), "event", "acme", "last" if number == 9_999 else "some", "", 0, {"n": number})
    assert len(slow._open) + len(slow._answered) == 0
    may_write.set()
    await running
    names = [each for each in written if each.startswith(b"event: dropped")]
    assert len(names) == 1
    assert len(written) == 1 + 1 + 50, "retry, dropped, and what the journal still has"
