"""Sending a webhook once more by hand."""

from __future__ import annotations

from msgspec.structs import replace

from mockpsp.scenario.model import HeaderCase, Signature
from mockpsp.world.records import Queued
from mockpsp.world.world import World


class NoEndpoint(LookupError):
    """Nobody asked for this provider's webhooks, then or now."""


async def send_again(world: World, queued: Queued, url: str = "") -> int:
    """Queue the same bytes once more, rightly signed and at once, whatever the scenario did to the first row.

    They go to ``url``, else where the first row went, else to the present endpoint. The number of the new row; raises
    NoEndpoint.
    """
    endpoints = world.addresses(queued.provider, queued.kind)
    target = url or queued.url or (endpoints[0] if endpoints else "")
    if not target:
        raise NoEndpoint(f"{queued.provider} has no webhook endpoint")
    number = 0

    def again() -> list[Queued]:
        nonlocal number
        number, now = world.outbox.numbers + 1, world.clock.now()
        return [
            replace(
                queued, number=number, url=target, at=now, due=now, rank=number, rule="", drop=False,
                signature=Signature.RIGHT, outage=None, at_once=True, header_case=HeaderCase.AS_DOCUMENTED,
            )
        ]  # fmt: skip

    await world.book(again)
    return number
