"""All objects of a sandbox, whatever its providers call them, and the story of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from typing import NamedTuple

from aiohttp import web

from mockpsp.domain.portrait import Portrait
from mockpsp.edge.journal_view import View
from mockpsp.edge.keys import CONTRACTS, PROVIDERS
from mockpsp.web import graph, sequence
from mockpsp.web.frame import Problem, html, object_path, sandbox_of, see_other
from mockpsp.web.story import tell
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

PAGE = 50
WINDOW = 2_000
"""Objects that a search looks at for one page; further back there is a link."""
_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Item(NamedTuple):
    """An object in the list."""

    lifecycle: str
    ref: str
    portrait: Portrait

    @property
    def age(self) -> datetime:
        """When it began; what does not know stands at the end."""
        return self.portrait.began or _ALWAYS


class Kind(NamedTuple):
    """A lifecycle that has objects here."""

    name: str
    title: str
    number: int


async def listing(request: web.Request) -> web.Response:
    """GET …/payments: newest first, with ``kind`` (a lifecycle), ``q`` (text), ``skip``, and where to look from."""
    here = sandbox_of(request)
    world = here.world
    kind, text = request.query.get("kind", ""), request.query.get("q", "").strip()
    skip = _whole(request.query.get("skip", ""))
    if text:
        for name in world.lifecycles:
            owner = world.owner(name, text)
            if owner is not None and world.state(name, owner) is not None and not kind:
                return see_other(object_path(here, name, owner))
    titles = {name: who.title for name, who in request.app[PROVIDERS].items()}
    kinds = [
        Kind(name, f"{titles[name.partition('.')[0]]}: {name.partition('.')[2]}", len(objects))
        for name, objects in world.objects.items()
        if objects
    ]
    chosen = [kind] if kind in world.lifecycles else [each.name for each in kinds]
    back = _whole(request.query.get("back", ""))
    found = islice(_newest(world, chosen), back, None)
    if text:
        found = islice(_searched(islice(found, WINDOW), text), None)
    shown = list(islice(found, skip, skip + PAGE + 1))
    total = sum(each.number for each in kinds if each.name in chosen)
    return html(
        "payments.html",
        here=here,
        tab="payments",
        items=shown[:PAGE],
        more=len(shown) > PAGE,
        skip=skip,
        page=PAGE,
        kinds=kinds,
        kind=kind,
        q=text,
        back=back,
        further=back + WINDOW if text and back + WINDOW < total else 0,
        total=sum(each.number for each in kinds),
        titles=titles,
        day=here.world.clock.now().date().isoformat(),
    )


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _newest(world: World, lifecycles: Iterable[str]) -> Iterator[Item]:
    """Objects of several lifecycles by age; each has its own in the order in which they began."""
    return merge(*(_backwards(world, name) for name in lifecycles), key=lambda each: each.age, reverse=True)


def _backwards(world: World, lifecycle: str) -> Iterator[Item]:
    alive = world.lifecycles[lifecycle]
    settings = world.setups[lifecycle.partition(".")[0]].settings
    for ref, state in reversed(world.objects[lifecycle].items()):
        yield Item(lifecycle, ref, alive.portrait(state, settings))


def _searched(items: Iterable[Item], text: str) -> Iterator[Item]:
    wanted = text.casefold()
    return (each for each in items if any(wanted in word.casefold() for word in _words(each)))


def _words(item: Item) -> Iterator[str]:
    portrait = item.portrait
    yield from (item.ref, portrait.ref, portrait.reference, portrait.kind, str(portrait.amount or ""), *portrait.also)
    for track in portrait.tracks:
        yield from (track.ref, track.machine.word(track.state), track.note)


async def show(request: web.Request) -> web.Response:
    """GET …/payments/{lifecycle}/{ref}: the story of one object; a part's reference leads to its object."""
    here = sandbox_of(request)
    lifecycle, ref = request.match_info["lifecycle"], request.match_info["ref"]
    owner = _owner(here, lifecycle, ref)
    if owner != ref:
        return see_other(object_path(here, lifecycle, owner))
    providers = request.app[PROVIDERS]
    provider = providers[lifecycle.partition(".")[0]]
    story = tell(here, View(here, here.world.journal, request.app[CONTRACTS]), providers, lifecycle, ref)
    return html(
        "timeline.html",
        here=here,
        tab="payments",
        story=story,
        provider=provider,
        lifecycle=lifecycle,
        ref=ref,
        sequence=sequence.draw(story, provider.title),
        graphs=[(way, graph.draw(way)) for way in story.ways],
        day=story.chapters[0].at.date().isoformat() if story.chapters else "",
    )


def _owner(here: Sandbox, lifecycle: str, ref: str) -> str:
    """The object that a reference leads to. Raises Problem 404."""
    world = here.world
    owner = world.owner(lifecycle, ref) if lifecycle in world.lifecycles else None
    if owner is None or world.state(lifecycle, owner) is None:
        raise Problem(404, "No such object", f"Sandbox {here.id} has no {lifecycle} {ref!r}.")
    return owner
