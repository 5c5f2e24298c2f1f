"""A route that takes a slash at the end of its path, as the whole server has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mockpsp.app import _served
from mockpsp.edge.exchange import Answer, Exchange
from tests.support.routed import BASE, page, provider_of, routed
from tests.support.server import Threaded


async def told(x: Exchange) -> Answer:
    assert x.route is not None
    path = x.route.path.removeprefix(BASE)
    return Answer(200, f"{x.request.method} {path} {dict(x.path)}".encode(), "text/plain")


ROUTES = (
    page("GET", "/orders", told, slash=True),
    page("POST", "/orders", told, slash=True),
    page("GET", "/orders/{order}", told, slash=True),
    page("PUT", "/orders/{order}", told, slash=True),
    page("POST", "/orders/{order}/items", told, slash=True),
    page("GET", "/bare/{order}", told),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Threaded]:
    with routed(*ROUTES) as running:
        yield running


def ask(server: Threaded, method: str, path: str) -> Any:
    return requests.request(method, f"{server.url}{BASE}{path}", allow_redirects=False, timeout=30)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/orders", "GET /orders {}"),
        ("POST", "/orders", "POST /orders {}"),
        ("GET", "/orders/7", "GET /orders/{order} {'order': '7'}"),
        ("PUT", "/orders/7", "PUT /orders/{order} {'order': '7'}"),
        ("POST", "/orders/7/items", "POST /orders/{order}/items {'order': '7'}"),
    ],
)
def test_both_paths_are_the_same_route(server: Threaded, method: str, path: str, expected: str, slash: str) -> None:
    answer = ask(server, method, path + slash)
    assert (answer.status_code, answer.text) == (200, expected)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("method", "path"), [("DELETE", "/orders"), ("POST", "/orders/7"), ("GET", "/orders/7/items")])
def test_a_method_that_neither_takes_is_refused_as_such(server: Threaded, method: str, path: str, slash: str) -> None:
    assert ask(server, method, path + slash).status_code == 405


@pytest.mark.parametrize("path", ["/orders//", "/orders/7//", "/bare/7/", "/ordersx", "/orders/7/items/8"])
def test_any_other_path_is_unknown(server: Threaded, path: str) -> None:
    assert ask(server, "GET", path).status_code == 404
    assert ask(server, "POST", path).status_code == 404


def test_both_paths_share_their_handler() -> None:
    handlers: dict[str, list[Any]] = {}
    for method, path, handler in _served(provider_of(*ROUTES)):
        handlers.setdefault(f"{method} {path.removesuffix('/')}", []).append(handler)
    assert sorted(map(len, handlers.values())) == [1, 2, 2, 2, 2, 2]
    assert all(each == found[0] for found in handlers.values() for each in found)
