"""Everything that a sandbox is at one moment, as values that compare."""

from __future__ import annotations

from typing import Any

from mockpsp.world.sandboxes import Sandbox


def state_of(sandbox: Sandbox) -> dict[str, Any]:
    """Objects, money, outbox, script positions, ids, kept answers; not the journal, which records every request."""
    world = sandbox.world
    outbox = world.outbox
    return {
        "version": world.version,
        "objects": {name: dict(objects) for name, objects in world.objects.items()},
        "balances": dict(world.ledger.balances()),
        "outbox": {
            number: (row.queued, row.attempts, row.status, row.due) for number, row in outbox.deliveries.items()
        },
        "outbox numbers": outbox.numbers,
        "work ahead": outbox.waiting(),
        "next due": outbox.next_due(),
        "positions": dict(world.positions),
        "ids": (world.ids.cursor, dict(world.ids.series)),
        "answers": dict(world.answers),
        "under way": set(world.in_progress),
        "waiting": dict(world.waiting),
        "endpoints": dict(world.endpoints),
        "groups": dict(world.groups),
        "scenario": world.scenario,
        "clock": world.clock.mode,
    }
