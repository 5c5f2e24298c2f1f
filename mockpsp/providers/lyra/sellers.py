"""Who sells on the marketplace: the scenario's sellers, and those that a registration brought into being."""

from __future__ import annotations

from collections.abc import Iterator

from mockpsp.providers.lyra.enrolment import REGISTRATIONS, Registration, external
from mockpsp.providers.lyra.holdings import Holdings, Seller
from mockpsp.world.world import World


def holdings(world: World) -> Holdings:
    """The marketplace of a sandbox as its scenario describes it."""
    found: Holdings = world.setups["lyra"].world
    return found


def find_seller(world: World, uuid: str) -> Seller | None:
    """A seller by its uuid."""
    found = holdings(world).sellers.get(uuid)
    return found if found is not None else _registered(world, uuid)


def find_by_external_ref(world: World, external_ref: str) -> Seller | None:
    """A seller by the marketplace's own name of it."""
    own = holdings(world).sellers.values()
    found = next((each for each in own if each.external_ref == external_ref), None)
    return found if found is not None else _registered(world, external(external_ref))


def _registered(world: World, ref: str) -> Seller | None:
    owner = world.owner(REGISTRATIONS.name, ref)
    registration: Registration | None = world.state(REGISTRATIONS.name, owner) if owner is not None else None
    return registration.seller if registration is not None else None


def all_sellers(world: World) -> Iterator[Seller]:
    """Every seller, the newest registered first, then the scenario's."""
    registrations = reversed(world.objects[REGISTRATIONS.name].values())
    yield from (each.seller for each in registrations if each.seller is not None)
    yield from holdings(world).sellers.values()
