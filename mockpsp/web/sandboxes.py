"""The first page: the sandboxes of this server, thousands of them if need be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from aiohttp import web

from mockpsp.edge.gate import GATE
from mockpsp.edge.keys import SANDBOXES
from mockpsp.web.frame import html
from mockpsp.world.sandboxes import DEFAULT, Sandbox

PAGE = 50


class Row(NamedTuple):
    """A sandbox with its counts; ``last`` is when something last happened there, by its own clock."""

    sandbox: Sandbox
    objects: int
    waiting: int
    ahead: int
    entries: int
    last: datetime | None


async def listing(request: web.Request) -> web.Response:
    """GET /_mockpsp/: the default sandbox, then the newest first, with ``q`` (id, scenario) and ``skip``."""
    every = request.app[SANDBOXES].all()
    text = request.query.get("q", "").strip()
    skip = request.query.get("skip", "")
    start = int(skip) if skip.isascii() and skip.isdigit() and len(skip) < 9 else 0
    found = list(islice(_wanted(every, text.casefold()), start, start + PAGE + 1))
    return html(
        "sandboxes.html",
        rows=[_row(each) for each in found[:PAGE]],
        more=len(found) > PAGE,
        skip=start,
        page=PAGE,
        q=text,
        total=len(every),
        guarded=request.app[GATE].guarded,
    )


def _wanted(every: tuple[Sandbox, ...], text: str) -> Iterator[Sandbox]:
    ordered = [
        *(each for each in every if each.id == DEFAULT),
        *(each for each in reversed(every) if each.id != DEFAULT),
    ]
    for each in ordered:
        scenario = each.world.scenario
        if not text or any(text in part.casefold() for part in (each.id, scenario.name, scenario.title)):
            yield each


def _row(sandbox: Sandbox) -> Row:
    world = sandbox.world
    last = world.journal.get(world.journal.count)
    objects = sum(map(len, world.objects.values()))
    return Row(
        sandbox,
        objects,
        len(world.waiting),
        world.outbox.waiting(),
        world.journal.count,
        last.at if last is not None else None,
    )
