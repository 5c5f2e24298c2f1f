"""A whole server in which one provider has the routes of a test in the place of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import mockpsp.app
from mockpsp.edge.exchange import Answer
from mockpsp.edge.provider import Access, Handler, Provider, Route
from mockpsp.providers import discover
from mockpsp.providers.worldline import Worldline
from tests.support.server import Threaded, threaded

BASE = "/hostedcheckout"


def page(method: str, path: str, handler: Handler, *, slash: bool = False) -> Route:
    """A route that needs no credentials, below BASE."""
    return Route(method=method, path=BASE + path, operation="page", handler=handler, access=Access.PAGE, slash=slash)


def provider_of(*given: Route) -> Provider:
    """Worldline with these routes."""

    class Routed(Worldline):
        routes = given

    return Routed()


def finished(answer: Answer) -> Handler:
    """A handler that has this answer for everybody."""

    async def handle(x: object) -> Answer:
        return answer

    return handle


@contextmanager
def routed(*routes: Route) -> Iterator[Threaded]:
    """The server runs with these routes for as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mockpsp.app, "discover", lambda: {**discover(), "worldline": provider_of(*routes)})
        with threaded() as running:
            yield running
