"""Webhooks: rows of the outbox, sending one again, waiting until nothing is due, and where they go."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from mockpsp.control.calls import Call, commit, reply
from mockpsp.control.errors import ControlError, bad
from mockpsp.control.sandboxes import due_rows
from mockpsp.world.altering import written
from mockpsp.world.masking import mask, mask_headers, mask_text
from mockpsp.world.plain import body_text, instant
from mockpsp.world.records import EndpointChanged, Queued
from mockpsp.world.resending import NoEndpoint, send_again

if TYPE_CHECKING:
    from mockpsp.world.outbox import Delivery
    from mockpsp.world.records import Queued

_LONGEST_URL = 2_000


def shown_body(body: bytes) -> Any:
    """A body of ours as JSON or text, masked."""
    value = body_text(body)
    return mask_text(value) if isinstance(value, str) else mask(value)


def _row(call: Call, delivery: Delivery) -> dict[str, Any]:
    queued = delivery.queued
    headers, body = _message(call, queued)
    return {
        "n": queued.number,
        "provider": queued.provider,
        "type": queued.kind,
        "reference": queued.ref,
        "owner": queued.owner,
        "url": queued.url or None,
        "status": delivery.status.value,
        "due": instant(delivery.due) if delivery.due is not None else None,
        "created": instant(queued.at),
        "trace": delivery.cause or None,
        "rule": queued.rule or None,
        "signature": queued.signature.value,
        "headers": mask_headers(headers.items()),
        "body": shown_body(body),
        "attempts": [
            {"at": instant(each.at), "status": each.status, "error": each.error} for each in delivery.attempts
        ],
    }


def _message(call: Call, queued: Queued) -> tuple[Mapping[str, str], bytes]:
    """Headers and body as they are sent, signature included."""
    credentials = call.sandbox.credentials[queued.provider]
    settings = call.world.setups[queued.provider].settings
    headers, body = call.providers[queued.provider].policy.message(queued, credentials, queued.signature, settings)
    return written(headers, queued.header_case), body


async def listing(call: Call) -> web.Response:
    """Webhooks in the order in which they came into being."""
    call.check_provider(call.query.get("provider"))
    found = [each for each in call.world.outbox.deliveries.values() if _wanted(each, call.query)]
    return reply({"webhooks": [_row(call, each) for each in found]})


def _wanted(delivery: Delivery, query: dict[str, Any]) -> bool:
    queued = delivery.queued
    kind = query.get("type")
    return (
        query.get("provider", queued.provider) == queued.provider
        and query.get("reference", queued.ref) in (queued.ref, queued.owner)
        and query.get("status", delivery.status.value) == delivery.status.value
        and (kind is None or any(fnmatchcase(name, kind) for name in (queued.kind, f"{queued.provider}.{queued.kind}")))
    )


async def resend(call: Call) -> web.Response:
    """Queue the same bytes once more, rightly signed and at once, whatever the scenario did to the first row.

    It goes where the first one went, or to ``url``; a row that had no address takes the present endpoint.
    """
    n, world = int(call.path("n")[:18]), call.world
    delivery = world.outbox.deliveries.get(n)
    if delivery is None:
        raise ControlError(
            404,
            "unknown-webhook",
            f"there is no webhook {n}",
            hint="GET …/webhooks lists them",
        )
    asked = (call.body or {}).get("url")
    try:
        number = await send_again(world, delivery.queued, _url(asked) if asked is not None else "")
    except NoEndpoint as none:
        raise ControlError(
            409,
            "conflict",
            str(none),
            hint="PUT …/webhook-endpoints/{provider} names one",
        ) from none
    return reply(_row(call, world.outbox.deliveries[number]), 201)


async def settle(call: Call) -> web.Response:
    """Return when nothing is due any more at the sandbox's present moment."""
    done = await call.courier.settle(call.sandbox)
    return reply({"due": due_rows(done), "waiting": call.world.outbox.waiting()})


async def change_endpoint(call: Call) -> web.Response:
    """Where a provider's webhooks of this sandbox go from now on, all types of them."""
    provider, body, world = call.provider(call.path("provider")), call.body, call.world
    wanted = body["urls"] if "urls" in body else [body["url"]] if body["url"] is not None else []
    urls = tuple(dict.fromkeys(_url(each) for each in wanted))
    await commit(world, lambda: [EndpointChanged(provider.name, urls)])
    blocked = [each for each in urls if not call.courier.allows(each)]
    return reply({"provider": provider.name, "urls": list(urls), "blocked": blocked})


def _url(text: str) -> str:
    hint = "write it like http://localhost:3000/webhooks"
    if len(text) > _LONGEST_URL or not text.isprintable() or any(each.isspace() for each in text):
        raise bad(f"url: {text[:200]!r} is not a URL", hint)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise bad(f"url: {text[:200]!r}: {error}", hint) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise bad(f"url: {text[:200]!r} is not an http or https address", hint)
    return text
