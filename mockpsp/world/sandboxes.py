"""Sandboxes, and how the credentials of a request lead to one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from mockpsp.scenario.model import Scenario
from mockpsp.world import records
from mockpsp.world.clock import real_now
from mockpsp.world.journal import Journal
from mockpsp.world.register import REGISTER, Register
from mockpsp.world.retention import Retention
from mockpsp.world.store import Store, StoreFailed
from mockpsp.world.turns import ALONE, Turns
from mockpsp.world.world import Inhabitant, World

DEFAULT = "default"
log = logging.getLogger("mockpsp.store")


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
    calls: int = 0
    """Requests that found it; a wish to know whether anybody still uses it must look twice."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)


class Bounds(NamedTuple):
    """How much of a sandbox is kept: entries of its journal, bytes of bodies and headers in it, objects at rest."""

    entries: int = 50_000
    bytes: int = 32 * 1024 * 1024
    finished: int = 100_000


class UnknownSandbox(LookupError):
    """No sandbox has this id."""


USUAL = Bounds()


def endpoint_changed(name: str, urls: tuple[str, ...]) -> records.EndpointChanged:
    """The event of an endpoint that is named as a World's ``endpoints`` are."""
    provider, _, kind = name.partition(".")
    return records.EndpointChanged(provider, urls, kind)


class Sandboxes:
    """All sandboxes of a server. ``attach`` is called with each new world's sandbox, to start its deliveries.

    ``expired`` are the latest that were dropped because nobody called them, and since when nobody had.
    """

    def __init__(
        self,
        tenants: Iterable[Tenant],
        store: Store,
        attach: Callable[[Sandbox], None],
        turns: Turns = ALONE,
        bounds: Bounds = USUAL,
    ) -> None:
        self.bounds = bounds
        self.expired: dict[str, datetime] = {}
        self.tenants = {tenant.name: tenant for tenant in tenants}
        self.store = store
        self.turns = turns
        self.endpoints: dict[str, tuple[str, ...]] = {}
        self._attach = attach
        self._by_id: dict[str, Sandbox] = {}
        self._by_identity: dict[tuple[str, str], Sandbox] = {}
        self._by_key: dict[str, Sandbox] = {}
        self._register = Register()

    async def create(
        self, scenario: Scenario, *, id: str | None = None, seed: int | None = None, clock: datetime | None = None
    ) -> Sandbox:
        """A fresh sandbox, reachable at once. ``seed`` and ``clock`` override the scenario's."""
        if id is None:
            self._register.numbers += 1
            id = f"s{self._register.numbers}"
        opened = records.SandboxOpened(id, scenario, seed, clock, real_now())
        await self._tell(opened)
        sandbox = self._sandbox(opened)
        await self._open(sandbox)
        self._admit(sandbox)
        return sandbox

    def _sandbox(self, opened: records.SandboxOpened) -> Sandbox:
        id, seed, clock = opened.id, opened.seed, opened.start
        key = blake2b(id.encode(), digest_size=4).hexdigest()
        world = self._world(id, key, opened.scenario, seed, clock)
        return Sandbox(id=id, key=key, credentials={}, world=world, seed=seed, start=clock, created=opened.created)

    def _admit(self, sandbox: Sandbox) -> None:
        self._by_id[sandbox.id] = self._by_key[sandbox.key] = sandbox
        for name, tenant in self.tenants.items():
            for identity in tenant.identities(sandbox.credentials[name]):
                self._by_identity[(name, identity)] = sandbox

    async def _tell(self, change: Any) -> None:
        """Write down which sandboxes there are, where that outlives the process."""
        if self.store.durable:
            await self.store.append(REGISTER, self._register.version, [change])
            self._register.learn(change)
            await self._put_away()

    async def _put_away(self) -> None:
        try:
            await self._register.put_away(self.store)
        except StoreFailed as error:
            log.warning("no checkpoint of the sandboxes: %s", error)

    async def begin(self, scenario: Scenario, seed: int | None) -> None:
        """See that the default sandbox is there. One that was taken up changes only if the scenario is another one.

        It keeps its seed, and what was put in force since the server was last started with this scenario.
        """
        there = self._by_id.get(DEFAULT)
        if there is None:
            await self.create(scenario, id=DEFAULT, seed=seed)
        elif self._register.told[DEFAULT] != scenario:
            await self._tell(records.SandboxTold(DEFAULT, scenario))
            await there.world.change_scenario(replace(scenario, seed=there.world.scenario.seed))
        if there is not None:
            changes = [endpoint_changed(name, urls) for name, urls in self.endpoints.items()
                       if there.world.endpoints.get(name) != urls]  # fmt: skip
            await there.world.book(lambda: changes)

    async def restore(self) -> None:
        """Take up the sandboxes that an earlier process left in the store. Raises BadState."""
        for change in await self._register.news(self.store):
            self._register.learn(change)
        for opened in tuple(self._register.opened.values()):
            await self._take_up(self._sandbox(opened))

    async def _take_up(self, sandbox: Sandbox) -> None:
        """A sandbox without events was being opened or reset when the process ended: it begins."""
        world = sandbox.world
        world.journal.restore(await self.store.noted(sandbox.id, self.bounds.entries))
        self.store.forget(sandbox.id, world.journal.entries_dropped)
        world.on_scenario = lambda: self._issue(sandbox)
        await world.restore()
        if not world.version:
            await self._open(sandbox)
        else:
            for entry in world.journal.since(0):
                if isinstance(entry.data, records.Queued):
                    world.outbox.blame(entry.data.number, entry.cause)
            self._attach(sandbox)
        self._admit(sandbox)

    def _world(self, id: str, key: str, scenario: Scenario, seed: int | None, clock: datetime | None) -> World:
        chosen = replace(
            scenario, seed=scenario.seed if seed is None else seed, clock=scenario.clock if clock is None else clock
        )
        lines = self.store if self.store.durable else None
        journal = Journal(self.bounds.entries, self.bounds.bytes, lines, id)
        world = World(id, key, chosen, self.tenants.values(), self.store, journal)
        world.retention = Retention(self.bounds.finished)
        return world

    async def _open(self, sandbox: Sandbox, endpoints: Mapping[str, tuple[str, ...]] | None = None) -> None:
        sandbox.world.on_scenario = lambda: self._issue(sandbox)
        await sandbox.world.open()
        given = {**self.endpoints, **(endpoints or {})}
        by_type_last = sorted(given.items(), key=lambda each: "." in each[0])
        changes = [endpoint_changed(name, urls) for name, urls in by_type_last]
        await sandbox.world.book(lambda: changes)
        self._attach(sandbox)

    def _issue(self, sandbox: Sandbox) -> None:
        scenario = sandbox.world.scenario
        sandbox.credentials = {name: tenant.credentials(sandbox.id, scenario) for name, tenant in self.tenants.items()}

    async def reset(self, id: str) -> Sandbox:
        """Back to the start of its scenario: a new World. Its keys and webhook endpoints stay."""
        sandbox = self.get(id)
        async with self.turns.of(sandbox):
            old = sandbox.world
            old.close()
            await self._tell(records.SandboxReset(id, old.scenario))
            await self.store.drop(id)
            sandbox.world = self._world(id, sandbox.key, old.scenario, sandbox.seed, sandbox.start)
            await self._open(sandbox, old.endpoints)
            old.journal.close()
        return sandbox

    async def drop(self, id: str) -> None:
        """Forget a sandbox; its credentials are unknown from now on."""
        sandbox = self.get(id)
        sandbox.world.close()
        await self._tell(records.SandboxDropped(id))
        self._remove(sandbox)
        await self.store.drop(id)
        sandbox.world.journal.close()

    def _remove(self, sandbox: Sandbox) -> None:
        del self._by_id[sandbox.id], self._by_key[sandbox.key]
        self._by_identity = {name: each for name, each in self._by_identity.items() if each is not sandbox}

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


__all__ = ["DEFAULT", "USUAL", "Bounds", "Sandbox", "Sandboxes", "Tenant", "UnknownSandbox",
           "endpoint_changed"]  # fmt: skip
