"""Payment methods on file, by alias: of orders and registrations, and those that the scenario stores from the start."""

from __future__ import annotations

from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.holdings import Holdings, StoredCard
from mockpsp.providers.lyra.issuers import instrument_of
from mockpsp.providers.lyra.orders import ORDERS, alias_key
from mockpsp.providers.lyra.vault import TOKENS
from mockpsp.world.world import World


def stored_by_alias(world: World, alias: str) -> e.Stored | None:
    """What an alias means now: the latest registration under it, or the scenario's."""
    found: list[e.Stored] = [
        state.stored
        for lifecycle in (ORDERS.name, TOKENS.name)
        if (owner := world.owner(lifecycle, alias_key(alias))) is not None
        and (state := world.state(lifecycle, owner)) is not None
        and state.stored is not None
        and state.stored.alias == alias
    ]
    if found:
        return max(found, key=lambda each: each.at)
    own: Holdings = world.setups["lyra"].world
    kept = own.stored.get(alias)
    return _of_scenario(kept, own, world) if kept is not None else None


def _of_scenario(kept: StoredCard, own: Holdings, world: World) -> e.Stored:
    instrument = instrument_of(c.Means(kind="card", number=kept.number, expiry=kept.expiry), own)
    return e.Stored(
        alias=kept.alias,
        instrument=instrument,
        email=kept.email,
        first_name=kept.first_name,
        last_name=kept.last_name,
        at=own.marketplace.since,
    )
