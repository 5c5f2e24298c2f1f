"""What is done beside a provider's API, on record: its staff acts, a webhook is sent again. For the doors to share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mockpsp.domain.errors import Refusal
from mockpsp.scenario.model import Signature
from mockpsp.world.records import Queued

if TYPE_CHECKING:
    from mockpsp.edge.provider import BackOffice
    from mockpsp.world.sandboxes import Sandbox
    from mockpsp.world.world import World


async def staff_acts(
    sandbox: Sandbox, provider: str, office: BackOffice, ref: str, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Let a provider's staff do at ``ref`` what the body says; what there is to tell afterwards.

    Raises LookupError when nothing is called ``ref``, Refusal when its state forbids the act.
    """
    world = sandbox.world
    entry = world.journal.add(world.clock.now(), "back-office", provider, f"{provider}.back_office", ref, 0, body)
    try:
        return await office.act(sandbox, ref, body, entry.number)
    except (KeyError, IndexError):  # mistakes of ours
        raise
    except (LookupError, Refusal) as error:
        world.journal.remarks[entry.number] = str(error) or type(error).__name__
        raise


def address_of(world: World, queued: Queued) -> str:
    """Where a webhook goes when it is sent again: where it went, or to the present endpoint; empty without any."""
    endpoints = world.addresses(queued.provider, queued.kind)
    return queued.url or (endpoints[0] if endpoints else "")


async def send_again(world: World, queued: Queued, url: str) -> int:
    """Queue the same bytes once more, rightly signed and at once, whatever the scenario did before; the new number."""
    number = 0

    def again() -> list[Queued]:
        nonlocal number
        number, now = world.outbox.numbers + 1, world.clock.now()
        return [
            replace(
                queued, number=number, url=url, at=now, due=now, rank=number, rule="", drop=False,
                signature=Signature.RIGHT, outage=None, at_once=True,
            )
        ]  # fmt: skip

    await world.book(again)
    return number
