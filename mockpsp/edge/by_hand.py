"""What is done beside a provider's API, on record: its staff acts. For the doors to share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockpsp.domain.errors import Refusal

if TYPE_CHECKING:
    from mockpsp.edge.provider import BackOffice
    from mockpsp.world.sandboxes import Sandbox


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
        world.journal.remark(entry, str(error) or type(error).__name__)
        raise
