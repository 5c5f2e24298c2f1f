"""What is imported late is there when it is asked for, and not before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from inspect import get_annotations
from types import SimpleNamespace
from typing import Any

import pytest

from mockpsp.domain.lifecycle import Lifecycle
from mockpsp.edge.late import ApiRoute, Late, LateHandler, PageRoute, found, late
from mockpsp.edge.provider import Access, Provider
from mockpsp.providers import discover
from mockpsp.world.delivery import Driver, Policy

PROTOCOLS = {"lifecycle": Lifecycle, "policy": Policy, "driver": Driver}
ALL = [pytest.param(provider, id=name) for name, provider in discover().items()]


def members(protocol: type) -> list[str]:
    """What a protocol asks for, methods and attributes."""
    names = {*vars(protocol), *get_annotations(protocol)}
    return sorted(name for name in names if not name.startswith("_"))


def stand_ins(provider: Provider) -> Iterator[tuple[str, object]]:
    """The provider's objects that may be late ones, each with the protocol that it has to fulfil."""
    yield from (("lifecycle", each) for each in provider.lifecycles)
    yield "policy", provider.policy
    yield "driver", provider.driver


@pytest.mark.parametrize("provider", ALL)
def test_every_handler_is_there(provider: Provider) -> None:
    for route in provider.routes:
        assert callable(found(route.handler)), route.operation


@pytest.mark.parametrize("provider", ALL)
def test_every_late_object_has_all_members(provider: Provider) -> None:
    for kind, stand_in in stand_ins(provider):
        assert [name for name in members(PROTOCOLS[kind]) if not hasattr(stand_in, name)] == [], stand_in


@pytest.mark.parametrize("provider", ALL)
def test_what_is_said_at_once_is_true(provider: Provider) -> None:
    for _, stand_in in stand_ins(provider):
        if isinstance(stand_in, Late):
            module, which = stand_in.__dict__["_place"]
            real = getattr(sys.modules.get(module) or __import__(module, fromlist=[which]), which)
            told = {name: value for name, value in stand_in.__dict__.items() if name != "_place"}
            assert told == {name: getattr(real, name) for name in told}


@pytest.mark.parametrize("provider", ["adyen", "worldline"])
def test_a_provider_starts_without_its_state_machine(provider: str) -> None:
    own = f"mockpsp.providers.{provider}."
    code = (
        "import asyncio, sys\nfrom aiohttp import web\nfrom mockpsp.app import build_app\n"
        "async def main():\n runner = web.AppRunner(build_app())\n await runner.setup()\n"
        f" print(*(name for name in sys.modules if name.startswith({own!r})))\n await runner.cleanup()\n"
        "asyncio.run(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix(own) for name in done.stdout.split()}
    late_ones = {"api", "commands", "decide", "pages", "reading", "shopper", "states", "wire"}
    assert loaded & late_ones == set()
    assert loaded >= {"auth", "holdings", "settings"}


def test_a_late_object_fetches_a_member_once() -> None:
    stand_in = late("mockpsp.providers.adyen.webhooks", "POLICY", name="known")
    assert stand_in.name == "known"
    assert "accepted" not in stand_in.__dict__
    assert stand_in.accepted(200, b"")
    assert "accepted" in stand_in.__dict__


def test_a_late_object_lacks_what_the_real_one_lacks() -> None:
    stand_in = late("mockpsp.providers.adyen.webhooks", "POLICY")
    with pytest.raises(AttributeError):
        _ = stand_in.nothing
    assert not hasattr(stand_in, "__deepcopy__")


def test_a_route_of_an_api_is_handled_by_what_is_called_like_its_operation() -> None:
    route = ApiRoute("mockpsp.providers.adyen.api")("POST", "/x", "payments", idempotent=True)
    from mockpsp.providers.adyen import api

    assert (route.access, route.idempotent) == (Access.API, True)
    assert found(route.handler) is api.payments


def test_a_route_of_a_page_names_its_handler() -> None:
    route = PageRoute("mockpsp.providers.adyen.pages")("GET", "/x", "page", "show")
    assert route.access is Access.PAGE
    assert isinstance(route.handler, LateHandler)
    assert route.handler.name == "show"


async def test_a_late_handler_can_be_called_like_the_real_one() -> None:
    from mockpsp.edge.errors import UnknownPath

    x: Any = SimpleNamespace(path={"name": "nothing-like-this"})
    handler = LateHandler("mockpsp.providers.worldline.services", "picture")
    with pytest.raises(UnknownPath):
        await handler(x)
