"""Sandboxes, and how the credentials of a request lead to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from mockpsp.scenario.model import Scenario
from mockpsp.world import records
from mockpsp.world.clock import real_now
from mockpsp.world.journal import Journal
from mockpsp.world.store import Store
from mockpsp.world.world import Inhabitant, World

DEFAULT = "default"


class Tenant(Inhabitant, Protocol):
    """A provider, as far as sandboxes are concerned: it issues credentials and recognises them."""

    def credentials(self, sandbox: str, scenario: Scenario) -> Mapping[str, Any]:
        """What an application needs to reach this sandbox, as JSON values; the same for the same id and scenario.

        What opens the door follows from the id alone; the scenario may add what an application finds behind it.
        """

    def identities(self, credentials: Mapping[str, Any]) -> Sequence[str]:
        """The parts of the credentials by which a request names its sandbox (a key id, a login), in every scenario."""


class Sandbox(Struct, kw_only=True, eq=False):
    """One isolated universe and the names under which it is reached. ``key`` is 8 hex digits, for links.

    ``credentials`` are those of the scenario in force, by provider. Who does what is due holds ``turn``, who moves the
    clock holds ``moving``.
    """

    id: str
    key: str
    credentials: Mapping[str, Mapping[str, Any]]
    world: World
    seed: int | None
    start: datetime | None
    created: datetime
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)


class UnknownSandbox(LookupError):
    """No sandbox has this id."""


def _endpoint(name: str, urls: tuple[str, ...]) -> records.EndpointChanged:
    provider, _, kind = name.partition(".")
    return records.EndpointChanged(provider, urls, kind)


class Sandboxes:
    """All sandboxes of a server. ``attach`` is called with each new world's sandbox, to start its deliveries."""

    def __init__(self, tenants: Iterable[Tenant], store: Store, attach: Callable[[Sandbox], None]) -> None:
        self.tenants = {tenant.name: tenant for tenant in tenants}
        self.store = store
        self.endpoints: dict[str, tuple[str, ...]] = {}
        self._attach = attach
        self._by_id: dict[str, Sandbox] = {}
        self._by_identity: dict[tuple[str, str], Sandbox] = {}
        self._by_key: dict[str, Sandbox] = {}
        self._numbers = 0

    async def create(
        self, scenario: Scenario, *, id: str | None = None, seed: int | None = None, clock: datetime | None = None
    ) -> Sandbox:
        """A fresh sandbox, reachable at once. ``seed`` and ``clock`` override the scenario's."""
        if id is None:
            self._numbers += 1
            id = f"s{self._numbers}"
        key = blake2b(id.encode(), digest_size=4).hexdigest()
        world = self._world(id, key, scenario, seed, clock)
        sandbox = Sandbox(id=id, key=key, credentials={}, world=world, seed=seed, start=clock, created=real_now())
        await self._open(sandbox)
        self._by_id[id] = self._by_key[key] = sandbox
        for name, tenant in self.tenants.items():
            for identity in tenant.identities(sandbox.credentials[name]):
                self._by_identity[(name, identity)] = sandbox
        return sandbox

    def _world(self, id: str, key: str, scenario: Scenario, seed: int | None, clock: datetime | None) -> World:
        chosen = replace(
            scenario, seed=scenario.seed if seed is None else seed, clock=scenario.clock if clock is None else clock
        )
        return World(id, key, chosen, self.tenants.values(), self.store, Journal())

    async def _open(self, sandbox: Sandbox, endpoints: Mapping[str, tuple[str, ...]] | None = None) -> None:
        sandbox.world.on_scenario = lambda: self._issue(sandbox)
        await sandbox.world.open()
        given = {**self.endpoints, **(endpoints or {})}
        by_type_last = sorted(given.items(), key=lambda each: "." in each[0])
        changes = [_endpoint(name, urls) for name, urls in by_type_last]
        await sandbox.world.book(lambda: changes)
        self._attach(sandbox)

    def _issue(self, sandbox: Sandbox) -> None:
        scenario = sandbox.world.scenario
        sandbox.credentials = {name: tenant.credentials(sandbox.id, scenario) for name, tenant in self.tenants.items()}

    async def reset(self, id: str) -> Sandbox:
        """Back to the start of its scenario: a new World. Its keys and webhook endpoints stay."""
        sandbox = self.get(id)
        old = sandbox.world
        old.close()
        await self.store.drop(id)
        sandbox.world = self._world(id, sandbox.key, old.scenario, sandbox.seed, sandbox.start)
        await self._open(sandbox, old.endpoints)
        old.journal.close()
        return sandbox

    async def drop(self, id: str) -> None:
        """Forget a sandbox; its credentials are unknown from now on."""
        sandbox = self.get(id)
        sandbox.world.close()
        del self._by_id[id], self._by_key[sandbox.key]
        self._by_identity = {name: each for name, each in self._by_identity.items() if each is not sandbox}
        await self.store.drop(id)
        sandbox.world.journal.close()

    def get(self, id: str) -> Sandbox:
        """The sandbox with this id. Raises UnknownSandbox."""
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownSandbox(id) from None

    def find(self, id: str) -> Sandbox | None:
        """The sandbox with this id, if it is still there."""
        return self._by_id.get(id)

    def identified(self, provider: str, identity: str) -> Sandbox | None:
        """The sandbox whose credentials for this provider contain ``identity``."""
        return self._by_identity.get((provider, identity))

    def by_key(self, key: str) -> Sandbox | None:
        """The sandbox whose links start with this key."""
        return self._by_key.get(key)

    def all(self) -> tuple[Sandbox, ...]:
        """Every sandbox, oldest first."""
        return tuple(self._by_id.values())


__all__ = ["DEFAULT", "Sandbox", "Sandboxes", "Tenant", "UnknownSandbox"]
