"""Webhooks: where each is on its way, what it says, whether its signature holds, and a button that sends it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from mockpsp.edge.keys import PROVIDERS
from mockpsp.web import words
from mockpsp.web.activity import about, pretty
from mockpsp.web.frame import Problem, home, html, sandbox_of, see_other
from mockpsp.world.altering import written
from mockpsp.world.masking import mask, mask_headers, mask_text
from mockpsp.world.outbox import Delivery, Status
from mockpsp.world.plain import body_text
from mockpsp.world.resending import NoEndpoint, send_again
from mockpsp.world.sandboxes import Sandbox

PAGE = 50


async def listing(request: web.Request) -> web.Response:
    """GET …/webhooks: newest first, with ``status``, ``provider``, ``q`` (type, reference, address) and ``skip``."""
    here = sandbox_of(request)
    deliveries = here.world.outbox.deliveries
    wanted = {name: request.query.get(name, "").strip() for name in ("status", "provider", "q")}
    skip = request.query.get("skip", "")
    start = int(skip) if skip.isascii() and skip.isdigit() and len(skip) < 9 else 0
    found = list(islice(_wanted(deliveries, wanted), start, start + PAGE + 1))
    providers = {name: who.title for name, who in request.app[PROVIDERS].items()}
    counts = Counter(each.status for each in deliveries.values())

    def query(to: int) -> str:
        chosen: dict[str, Any] = {**wanted, "skip": to}
        return urlencode({name: value for name, value in chosen.items() if value})

    return html(
        "webhooks.html",
        here=here,
        tab="webhooks",
        deliveries=found[:PAGE],
        more=len(found) > PAGE,
        skip=start,
        page=PAGE,
        query=query,
        wanted=wanted,
        counts=[(each.value, counts[each]) for each in Status if counts[each]],
        total=len(deliveries),
        tones=words.TONES,
        providers=providers,
        endpoints=_endpoints(here, providers),
        day=here.world.clock.now().date().isoformat(),
    )


def _endpoints(here: Sandbox, titles: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Addresses by provider, then those of single types of webhooks that have their own."""
    every = {title: here.world.endpoints.get(name, ()) for name, title in titles.items()}
    for name, urls in here.world.endpoints.items():
        provider, _, kind = name.partition(".")
        if kind:
            every[f"{titles[provider]}, {kind}"] = urls
    return every


def _wanted(deliveries: dict[int, Delivery], wanted: dict[str, str]) -> Iterator[Delivery]:
    text = wanted["q"].casefold()
    for each in reversed(deliveries.values()):
        queued = each.queued
        if (
            wanted["status"] in ("", each.status.value)
            and wanted["provider"] in ("", queued.provider)
            and any(text in part.casefold() for part in (queued.kind, queued.ref, queued.owner, queued.url))
        ):
            yield each


async def show(request: web.Request) -> web.Response:
    """GET …/webhooks/{n}: one webhook; ``sent`` is the number of its repetition that was just queued."""
    here = sandbox_of(request)
    delivery = _delivery(here, request)
    queued = delivery.queued
    policy = request.app[PROVIDERS][queued.provider].policy
    credentials = here.credentials[queued.provider]
    settings = here.world.setups[queued.provider].settings
    headers, body = policy.message(queued, credentials, queued.signature, settings)
    headers, value = written(headers, queued.header_case), body_text(body)
    proof = policy.proof(headers, body, credentials)
    index = here.world.journal.index()
    entries = index.caused_by(delivery.cause)
    entry = next((each for each in entries if getattr(each.data, "number", 0) == queued.number), None)
    again = request.query.get("sent", "")
    return html(
        "webhook.html",
        here=here,
        tab="webhooks",
        delivery=delivery,
        queued=queued,
        tone=words.TONES[delivery.status],
        headers=mask_headers(headers.items()),
        body=pretty(mask_text(value) if isinstance(value, str) else mask(value)),
        proof=proof,
        signed=mask_text(proof.signed) if proof is not None else "",
        about="" if entry is None else about(here.world, here, entry),
        again=int(again) if again.isascii() and again.isdigit() and len(again) < 15 else 0,
        outcome=words.outcome,
        provider=request.app[PROVIDERS][queued.provider].title,
    )


def _delivery(here: Sandbox, request: web.Request) -> Delivery:
    number = int(request.match_info["n"][:15])
    found = here.world.outbox.deliveries.get(number)
    if found is None:
        raise Problem(
            404,
            "No such webhook",
            f"Sandbox {here.id} has no webhook {number}. Of those that are done, the latest stay.",
        )
    return found


async def resend(request: web.Request) -> web.Response:
    """POST …/webhooks/{n}/resend: the same bytes once more, rightly signed, and back to its page."""
    here = sandbox_of(request)
    delivery = _delivery(here, request)
    try:
        number = await send_again(here.world, delivery.queued)
    except NoEndpoint as none:
        raise Problem(409, "Nobody to send it to", f"{none}. Set one, and press again.") from none
    return see_other(home(here, f"/webhooks/{delivery.queued.number}?sent={number}"))
