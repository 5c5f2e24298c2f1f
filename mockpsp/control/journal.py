"""Reading the journal and checking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.control.calls import Call, reply
from mockpsp.control.errors import ControlError
from mockpsp.control.verify import DEFAULT_KIND, Seen, same_name
from mockpsp.control.verify import verify as verified
from mockpsp.edge.journal_view import View, request_value
from mockpsp.edge.keys import CONTRACTS, LIBRARY
from mockpsp.world import records
from mockpsp.world.journal import Reasoning, Request
from mockpsp.world.plain import body_text, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockpsp.world.journal import Entry, Journal

DEFAULT_LIMIT = 1000


def _view(call: Call) -> View:
    return View(call.sandbox, call.world.journal, call.app[CONTRACTS])


def _dropped(journal: Journal) -> dict[str, int]:
    return {"entries": journal.entries_dropped, "bodies": journal.bodies_dropped}


async def listing(call: Call) -> web.Response:
    """Entries that pass all filters, oldest first. ``next_after`` is where to go on reading."""
    call.check_provider(call.query.get("provider"))
    view = _view(call)
    wanted = _filter(call.query, view)
    limit = call.query.get("limit", DEFAULT_LIMIT)
    after = int(call.query.get("after", 0))
    found: list[dict[str, Any]] = []
    for entry in view.journal.since(after):
        if len(found) >= limit:
            break
        after = entry.number
        if wanted(entry):
            found.append(view.entry(entry))
    return reply({"entries": found, "next_after": after, "dropped": _dropped(view.journal)})


def _filter(query: dict[str, Any], view: View) -> Callable[[Entry], bool]:
    kinds, provider, operation = query.get("kind"), query.get("provider"), query.get("operation")
    reference = query.get("reference")
    aliases = view.aliases(reference) if reference is not None else set()
    led_to = view.led_to() if reference is not None else {}

    def wanted(entry: Entry) -> bool:
        return (
            (kinds is None or entry.kind in kinds)
            and (provider is None or entry.provider == provider)
            and (operation is None or same_name(operation, entry.provider, entry.operation))
            and (
                reference is None
                or not aliases.isdisjoint(view.references(entry))
                or not aliases.isdisjoint(led_to.get(entry.number, ()))
            )
        )

    return wanted


async def show(call: Call) -> web.Response:
    """One entry with its explanation and all that came of it."""
    view, number = _view(call), int(call.path("n")[:18])
    entry = view.journal.get(number)
    if entry is None:
        dropped = 0 < number <= view.journal.entries_dropped
        detail = f"entry {number} was dropped, the journal is bounded" if dropped else f"there is no entry {number}"
        raise ControlError(404, "unknown-entry", detail, hint=f"the last entry is {view.journal.count}")
    followed = list(view.because_of(entry))
    return reply(
        {
            **view.entry(entry),
            "explanation": view.explanation(entry, followed),
            "why": view.why(entry, followed),
            "because_of_it": [view.entry(each) for each in followed],
        }
    )


async def recording(call: Call) -> web.Response:
    """What happened by hand, as a scenario file; a header counts what the file could not hold."""
    from mockpsp.control.recording import Recorder

    documented = call.app[LIBRARY].load("default", trusted=True)  # the test data that providers publish
    made = Recorder(call.sandbox, call.providers, [plain(dict(documented.world))]).record()
    headers = {"Content-Type": "application/yaml; charset=utf-8", "Mockpsp-Unrecorded": str(made.missing)}
    return web.Response(body=made.text.encode(), headers=headers)


async def verify(call: Call) -> web.Response:
    """Whether what should have happened did; answers 200 either way."""
    checks = call.body if isinstance(call.body, list) else [call.body]
    for check in checks:
        for matcher in (check, *check.get("order", ())):
            call.check_provider(matcher.get("provider"))
    view = _view(call)
    kinds = {
        matcher.get("kind", check.get("kind", DEFAULT_KIND))
        for check in checks
        for matcher in (check, *check.get("order", ()))
    }
    led_to = view.led_to()
    entries = [
        _seen(entry, view, led_to.get(entry.number, set())) for entry in view.journal.since(0) if entry.kind in kinds
    ]
    results = [verified(check, entries, view.aliases) for check in checks]
    return reply({"ok": all(each["ok"] for each in results), "checks": results, "dropped": _dropped(view.journal)})


def _seen(entry: Entry, view: View, led_to: set[str]) -> Seen:
    return Seen(
        entry.number,
        entry.kind,
        entry.provider,
        entry.operation,
        frozenset(view.references(entry) | led_to),
        _status(entry, view),
        lambda: _body(entry, view),
    )


def _status(entry: Entry, view: View) -> int | str | None:
    """A request's or a delivery's HTTP status; where a webhook is on its way."""
    match entry.data:
        case Request(status=status) | records.Attempted(status=status):
            return status or None
        case records.Queued():
            delivery = view.delivery_of(entry)
            return delivery.status.value if delivery is not None else None
    return None


def _body(entry: Entry, view: View) -> Any:
    """What ``body`` of a matcher is compared with."""
    match entry.data:
        case Request() as request:
            return request_value(request)
        case records.Queued(body=body):
            return body_text(body)
        case records.Attempted():
            delivery = view.delivery_of(entry)
            return body_text(delivery.queued.body) if delivery is not None else None
        case Reasoning() as reasoning:
            return plain(reasoning)
    return plain(entry.data)
