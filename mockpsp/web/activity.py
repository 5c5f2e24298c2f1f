"""What a sandbox has seen, newest first, and everything about one entry of its journal."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from json import dumps
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode

from aiohttp import web

from mockpsp.edge.journal_view import View
from mockpsp.edge.keys import CONTRACTS, PROVIDERS, WRITE_STEP
from mockpsp.scenario.model import ShopperScript
from mockpsp.web import words
from mockpsp.web.frame import Problem, home, html, object_path, sandbox_of
from mockpsp.world import records
from mockpsp.world.index import SHORTEST
from mockpsp.world.journal import Entry, Journal, Reasoning, Request
from mockpsp.world.masking import mask_target, mask_text
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

PAGE = 50
WINDOW = 2_000
"""Entries that are looked at for one page; further back there is a link."""
HAPPENINGS = ("request", "shopper", "back-office", "timer", "delivery", "clock", "endpoint", "scenario")
"""What is shown unless one kind is asked for: what somebody did. The rest followed from it, and is told there."""
KINDS: Mapping[str, str] = {
    "": "What happened",
    "request": "Requests",
    "delivery": "Webhook deliveries",
    "webhook": "Webhooks",
    "shopper": "Shoppers",
    "decision": "Decisions",
    "event": "Facts",
    "posting": "Ledger",
    "timer": "Timers",
    "clock": "Clock",
    "back-office": "Back office",
    "endpoint": "Endpoints",
    "scenario": "Scenario",
    "all": "Everything",
}
_STEPS = 200
"""Earlier entries about the same object that a copied step may refer to."""
_NOT_SENT = frozenset({"host", "content-length", "connection", "accept-encoding", "user-agent", "accept"})


class Row(NamedTuple):
    """An entry as a line. ``href`` is where more of it is told, ``about`` the story of its object."""

    entry: Entry
    kind: str
    what: str
    why: str
    answer: str
    tone: str
    href: str
    about: str


class Filter(NamedTuple):
    """What is looked for."""

    kind: str
    provider: str
    operation: str
    reference: str
    q: str
    before: int

    def query(self, **changes: Any) -> str:
        """As an address has it."""
        chosen = {**self._asdict(), **changes}
        return urlencode({name: value for name, value in chosen.items() if value})

    @property
    def chosen(self) -> bool:
        """Whether anything is left out."""
        return any((self.kind, self.provider, self.operation, self.reference, self.q))


async def listing(request: web.Request) -> web.Response:
    """GET /_mockpsp/sandbox/{id}: newest first, filtered, a page at a time."""
    here = sandbox_of(request)
    journal = here.world.journal
    wanted = _read(request)
    looked = islice(_candidates(here, wanted), WINDOW + 1)
    rows: list[Row] = []
    further = last = 0
    passes = _passes(wanted)
    for count, entry in enumerate(looked, 1):
        if count > WINDOW or len(rows) == PAGE:
            further = last
            break
        last = entry.number
        if passes(entry):
            rows.append(_row(here, entry))
    return html(
        "activity.html",
        here=here,
        tab="activity",
        rows=rows,
        wanted=wanted,
        further=further,
        full=len(rows) == PAGE,
        kinds=KINDS,
        providers={name: who.title for name, who in request.app[PROVIDERS].items()},
        journal=journal,
        day=here.world.clock.now().date().isoformat(),
    )


def _read(request: web.Request) -> Filter:
    query = request.query
    before = query.get("before", "")
    return Filter(
        kind=query.get("kind", "") if query.get("kind") in KINDS else "",
        provider=query.get("provider", "") if query.get("provider") in request.app[PROVIDERS] else "",
        operation=query.get("operation", "").strip(),
        reference=query.get("reference", "").strip(),
        q=query.get("q", "").strip(),
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 15 else 0,
    )


def _candidates(here: Sandbox, wanted: Filter) -> Iterator[Entry]:
    """Entries before a number, newest first; those about a reference are found by the index."""
    journal = here.world.journal
    end = wanted.before or journal.count + 1
    if not wanted.reference:
        return journal.before(end)
    found = journal.index().about(_names(here.world, wanted.reference))
    return (each for each in reversed(found) if each.number < end)


def _names(world: World, reference: str) -> set[str]:
    owners = (world.owner(lifecycle, reference) for lifecycle in world.lifecycles)
    return {reference, *(each for each in owners if each is not None)}


def _passes(wanted: Filter) -> Callable[[Entry], bool]:
    kinds = HAPPENINGS if not wanted.kind and not wanted.q and not wanted.reference else (wanted.kind,)
    every = wanted.kind == "all" or (not wanted.kind and kinds != HAPPENINGS)
    operation, text = wanted.operation.casefold(), wanted.q.casefold()

    def passes(entry: Entry) -> bool:
        return (
            (every or entry.kind in kinds)
            and wanted.provider in ("", entry.provider)
            and (not operation or operation in f"{entry.provider}.{entry.operation}".casefold())
            and (not text or any(text in each.casefold() for each in _texts(entry)))
        )

    return passes


def _texts(entry: Entry) -> Iterator[str]:
    """Where a text is looked for."""
    yield from (f"{entry.provider}.{entry.operation}", entry.reference)
    match entry.data:
        case Request() as request:
            yield from (request.target, str(request.status), *request.notes)
            for body in (request.body, request.answer):
                if body:
                    yield body.decode("utf-8", "replace")
        case Reasoning() as reasoning:
            yield from (reasoning.law, reasoning.rule or "", *reasoning.settings)
        case records.Queued(url=url, rule=rule):
            yield from (url, rule)
        case records.Attempted(error=error, status=status):
            yield from (error or "", str(status))
        case records.Posted(entry=booked):
            yield words.movement(booked)


# -- one line --------------------------------------------------------------------------------------------------------


def _row(here: Sandbox, entry: Entry) -> Row:
    what, why, answer, tone = _told(here, entry)
    number = entry.data.number if isinstance(entry.data, records.Queued | records.Attempted | records.Held) else 0
    href = home(here, f"/webhooks/{number}" if number else f"/journal/{entry.number}")
    return Row(entry, entry.kind, what, why, answer, tone, href, about(here.world, here, entry))


def about(world: World, here: Sandbox, entry: Entry) -> str:
    """The address of the story that an entry belongs to; empty when it belongs to none."""
    reference = entry.reference
    if isinstance(entry.data, records.Queued | records.Attempted | records.Held):
        delivery = world.outbox.deliveries.get(entry.data.number)
        reference = delivery.queued.owner if delivery is not None else ""
    named = [reference] if reference else _named(entry)
    for lifecycle in world.lifecycles:
        if lifecycle.partition(".")[0] == entry.provider:
            owner = next(filter(None, (world.owner(lifecycle, each) for each in named)), None)
            if owner is not None:
                return object_path(here, lifecycle, owner)
    return ""


def _named(entry: Entry) -> list[str]:
    """What the address of a request without a reference may name, the last part first."""
    if not isinstance(entry.data, Request):
        return []
    return [unquote(each) for each in reversed(entry.data.target.partition("?")[0].split("/")) if len(each) >= SHORTEST]


def _told(here: Sandbox, entry: Entry) -> tuple[str, str, str, str]:
    """What, why, the answer and its tone."""
    match entry.data:
        case Request() as request:
            return _request(here, entry, request)
        case Reasoning() as reasoning:
            why = f"rule “{reasoning.rule}”: {reasoning.law}" if reasoning.rule else reasoning.law
            return entry.operation, mask_text(why), "", ""
        case ShopperScript() as script:
            remark = here.world.journal.remarks.get(entry.number)
            refused = "" if remark is None else "refused"
            return f"Shopper {words.deed(script)}", _laws(here, entry) or remark or "", refused, "bad"
        case records.Queued() as queued:
            return queued.kind, f"to {queued.url}" if queued.url else "no endpoint is set", "queued", "quiet"
        case records.Attempted() as attempt:
            tone = "good" if attempt.delivered else "bad"
            again = f"again {words.within(attempt.next_due, attempt.at)}" if attempt.next_due else ""
            return f"{entry.operation}, attempt {attempt.attempt}", again, words.outcome(attempt), tone
        case records.Held(behind=behind):
            return entry.operation, f"waits behind webhook {behind}", "held", "wait"
        case records.Posted(entry=booked):
            return booked.kind, words.movement(booked), "", ""
    return _rest(here, entry)


def _rest(here: Sandbox, entry: Entry) -> tuple[str, str, str, str]:
    match entry.data:
        case records.ClockMoved() as moved:
            by = f" by {words.span(moved.by)}" if moved.by else ""
            return f"The clock was set{by}, {'running' if moved.mode.value == 'real' else 'standing still'}", "", "", ""
        case records.EndpointChanged() as changed:
            where = ", ".join(changed.urls) or "nobody"
            return f"{changed.kind or 'Webhooks'} of {changed.provider} go to {where}", "", "", ""
    if entry.kind == "scenario":
        return f"Scenario {entry.operation}", "; ".join(entry.data.changes), "", ""
    if entry.kind == "event":
        amount = words.amount_of(entry.data)
        return words.fact_name(entry.operation), str(amount) if amount is not None else "", "", ""
    return f"{words.fact_name(entry.operation) or entry.kind}", _laws(here, entry), "", ""


def _request(here: Sandbox, entry: Entry, request: Request) -> tuple[str, str, str, str]:
    what = f"{request.method} {mask_target(request.target)}"
    notes = [mask_text(each) for each in request.notes if "⏎" not in each]
    why = _laws(here, entry) or "; ".join(notes)
    if not request.finished:
        return what, why, "not answered yet", "wait"
    tone = "good" if 0 < request.status < 400 else "bad"
    return what, why, str(request.status) if request.status else "connection cut", tone


def _laws(here: Sandbox, entry: Entry) -> str:
    """Why things went as they did because of an entry."""
    followed = here.world.journal.index().caused_by(entry.number)
    decided = [each.data for each in followed if isinstance(each.data, Reasoning)]
    return mask_text("; ".join(f"rule “{each.rule}”: {each.law}" if each.rule else each.law for each in decided))


# -- one entry -------------------------------------------------------------------------------------------------------


async def show(request: web.Request) -> web.Response:
    """GET …/journal/{n}: one entry with its explanation, and what there is to copy."""
    here = sandbox_of(request)
    entry = _entry(here, int(request.match_info["n"][:15]))
    view = View(here, here.world.journal, request.app[CONTRACTS])
    followed = view.because_of(entry)
    shown = view.entry(entry)
    is_request = isinstance(entry.data, Request)
    return html(
        "entry.html",
        here=here,
        tab="activity",
        entry=entry,
        shown=shown,
        row=_row(here, entry),
        explanation=view.explanation(entry, followed),
        why=view.why(entry, followed),
        followed=[_row(here, each) for each in followed],
        cause=here.world.journal.get(entry.cause) if entry.cause else None,
        curl=_curl(shown, f"{request.scheme}://{request.host}") if is_request else "",
        step=request.app[WRITE_STEP](here, _until(here, entry)) if is_request or entry.kind == "shopper" else None,
        pretty=pretty,
        data="" if is_request else pretty(_particulars(shown)),
    )


def _entry(here: Sandbox, number: int) -> Entry:
    journal: Journal = here.world.journal
    found = journal.get(number)
    if found is None:
        dropped = 0 < number <= journal.entries_dropped
        why = f"Entry {number} was dropped: the journal is bounded." if dropped else f"There is no entry {number}."
        raise Problem(404, "No such entry", why)
    return found


def _until(here: Sandbox, entry: Entry) -> list[Entry]:
    """Earlier entries about the same object, and the entry itself."""
    names = _names(here.world, entry.reference) if entry.reference else set()
    if not names:
        led = here.world.journal.index().caused_by(entry.number)
        names = {each.reference for each in led if each.reference}
    known = here.world.journal.index().about(names) if names else []
    earlier = [each for each in known if each.number < entry.number]
    return [*earlier[-_STEPS:], entry]


def _particulars(shown: Mapping[str, Any]) -> Any:
    common = ("id", "at", "kind", "provider", "operation", "reference", "trace")
    return {name: value for name, value in shown.items() if name not in common}


def pretty(value: Any) -> str:
    """A body for people: JSON over lines, text as it is, nothing for nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value, indent=2, ensure_ascii=False)


def _curl(shown: Mapping[str, Any], origin: str) -> str:
    """The call for a shell. What the journal masks is masked here as well."""
    words_of_it = ["curl", "-X", shown["method"], f"{origin}{shown['target']}"]
    lines = [" ".join(shlex.quote(each) for each in words_of_it)]
    media = ""
    for name, value in shown["headers"].items():
        media = value if name.lower() == "content-type" else media
        if name.lower() not in _NOT_SENT:
            lines.append(f"-H {shlex.quote(f'{name}: {value}')}")
    body = shown["body"]
    if body is not None:
        lines.append(f"--data-raw {shlex.quote(_raw(body, media))}")
    return " \\\n  ".join(lines)


def _raw(body: Any, media: str) -> str:
    if isinstance(body, str):
        return body
    if isinstance(body, Mapping) and media.startswith("application/x-www-form-urlencoded"):
        return urlencode(body, doseq=True, safe="*")
    return dumps(body, ensure_ascii=False)
