"""Every test here that asks for ``provider`` runs once per provider that is discovered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mockpsp.edge.provider import Provider
from mockpsp.providers import discover
from tests.conformance.subject import Subject, subject_of
from tests.conformance.workbench import CLOCK, Bench
from tests.support.control import ControlledSandbox
from tests.support.server import Threaded


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One run per provider; of ``line``, one per outcome that a rule may ask for."""
    providers = discover()
    if "line" in metafunc.fixturenames:
        lines = [
            (name, operation, outcome, reason)
            for name, provider in providers.items()
            for operation, asked in provider.catalogue().operations.items()
            for outcome, reasons in asked.outcomes.items()
            for reason in (None, *reasons)
        ]
        ids = [" ".join(part for part in line if part) for line in lines]
        metafunc.parametrize(("provider_name", "line"), [(line[0], line[1:]) for line in lines], ids=ids)
    elif "provider_name" in metafunc.fixturenames:
        metafunc.parametrize("provider_name", list(providers))


@pytest.fixture
def provider(provider_name: str) -> Provider:
    """One of the providers."""
    return discover()[provider_name]


@pytest.fixture
def subject(provider_name: str) -> Subject:
    """Its own part of the examination."""
    return subject_of(provider_name)


@pytest.fixture
def new_bench(
    live: Threaded, provider: Provider, subject: Subject, new_sandbox: Callable[..., ControlledSandbox]
) -> Callable[..., Bench]:
    """Makes fresh sandboxes whose clock stands still, with further parts of a scenario."""

    def make(seed: int = 1, **parts: Any) -> Bench:
        own = {"world": {provider.name: dict(subject.world)}, "settings": {provider.name: dict(subject.settings)}}
        scenario = {"mockpsp": 1, "title": "Conformance", **own, **parts}
        controlled = new_sandbox(scenario=scenario, seed=seed, clock=CLOCK)
        found = live.call(lambda: live.server.sandboxes.get(controlled.id))
        return Bench(live, provider, subject, controlled, found)

    return make


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    """A fresh sandbox in which everything works."""
    return new_bench()
