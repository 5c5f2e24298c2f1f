"""The overview at ``/_mockpsp/``: the sandboxes of this server, and what one of them has just seen.

Plain HTML, drawn when it is asked for; the control API has the same facts for programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.domain.value import Value
from mockpsp.edge.keys import PROVIDERS, SANDBOXES
from mockpsp.edge.pages import page_headers
from mockpsp.world.journal import Entry, Reasoning, Request
from mockpsp.world.masking import mask_target
from mockpsp.world.plain import instant, plain
from mockpsp.world.records import Attempted, EndpointChanged, Queued
from mockpsp.world.sandboxes import Sandbox, UnknownSandbox

if TYPE_CHECKING:
    from jinja2 import Environment

SHOWN = 200


class Line(Value, frozen=True, kw_only=True):
    """One line of the journal as a person reads it."""

    number: int
    at: str
    kind: str
    what: str
    why: str
    reference: str


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _html(template: str, **values: Any) -> web.Response:
    text = _environment().get_template(template).render(**values)
    return web.Response(text=text, content_type="text/html", headers=dict(page_headers()))


async def overview(request: web.Request) -> web.Response:
    """GET /_mockpsp/: every sandbox."""
    return _html("overview.html", sandboxes=request.app[SANDBOXES].all(), instant=instant)


async def sandbox(request: web.Request) -> web.Response:
    """GET /_mockpsp/sandbox/{id}: who waits for a shopper, webhooks, and the latest lines of the journal."""
    try:
        found = request.app[SANDBOXES].get(request.match_info["id"])
    except UnknownSandbox as unknown:
        raise web.HTTPNotFound(text=f"no sandbox is called {unknown}") from unknown
    origin = f"{request.scheme}://{request.host}"
    waiting = [each for who in request.app[PROVIDERS].values() for each in who.checkouts(found, origin)]
    deliveries = list(found.world.outbox.deliveries.values())[-SHOWN:]
    return _html(
        "sandbox.html",
        sandbox=found,
        now=instant(found.world.clock.now()),
        waiting=waiting,
        deliveries=deliveries[::-1],
        lines=list(_lines(found)),
        journal=found.world.journal,
        plain=plain,
    )


def _lines(found: Sandbox) -> Iterator[Line]:
    journal = found.world.journal
    latest = list(islice(journal.since(max(0, journal.count - SHOWN)), SHOWN))
    for entry in reversed(latest):
        what, why = _told(entry)
        yield Line(
            number=entry.number,
            at=instant(entry.at)[11:23],
            kind=entry.kind,
            what=what,
            why=why,
            reference=entry.reference,
        )


def _told(entry: Entry) -> tuple[str, str]:
    match entry.data:
        case Request() as request:
            answer = str(request.status) if request.status else "no answer"
            return f"{request.method} {mask_target(request.target)} → {answer}", "; ".join(request.notes)
        case Reasoning() as reasoning:
            return entry.operation, reasoning.law
        case Queued() as queued:
            return f"{queued.kind} {queued.ref}", "" if queued.url else "no endpoint is set"
        case EndpointChanged() as changed:
            return f"{changed.kind} webhooks go to {', '.join(changed.urls) or 'nobody'}".lstrip(), ""
        case Attempted() as attempt:
            result = attempt.error or f"answered {attempt.status}"
            return f"{entry.operation} {entry.reference}, attempt {attempt.attempt}: {result}", ""
        case _:
            return entry.operation, ""


def mount(app: web.Application) -> None:
    """Add the pages to an application that has the keys of ``mockpsp.edge.keys``."""
    app.router.add_get("/_mockpsp", overview)
    app.router.add_get("/_mockpsp/", overview)
    app.router.add_get("/_mockpsp/sandbox/{id}", sandbox)
