"""Assets leave no entry in the journal, unless something is wrong with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http.client import BadStatusLine
from typing import Any

import pytest
import requests

from mockpsp.edge.errors import UnknownPath
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pipeline import TRACE
from mockpsp.edge.provider import Access, Handler, Route
from mockpsp.providers.worldline import Worldline
from tests.support.plainhttp import exchange, message
from tests.support.routed import BASE, routed
from tests.support.server import Threaded


async def drawn(x: Exchange) -> Answer:
    return Answer(200, b"<svg/>", "image/svg+xml", {"Cache-Control": "max-age=60"})


async def heard(x: Exchange) -> Answer:
    return Answer(204 if x.raw == b"psst" else 200)


async def lost(x: Exchange) -> Answer:
    raise UnknownPath("nobody has drawn it")


async def broken(x: Exchange) -> Answer:
    raise ZeroDivisionError("ours")


def asset(method: str, path: str, handler: Handler) -> Route:
    return Route(method=method, path=BASE + path, operation="asset", handler=handler, access=Access.ASSET)


@pytest.fixture(scope="module")
def server() -> Iterator[Threaded]:
    routes = [asset("GET", f"/{each.__name__}", each) for each in (drawn, lost, broken)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worldline, "authenticate", lambda self, x: None)
        with routed(*routes, asset("POST", "/heard", heard)) as running:
            yield running


def journal(server: Threaded) -> list[Any]:
    found: list[Any] = requests.get(f"{server.url}/_mockpsp/sandboxes/default/journal", timeout=30).json()["entries"]
    return [each for each in found if each["kind"] == "request"]


def test_what_is_handed_out_is_not_recorded(server: Threaded) -> None:
    before = journal(server)
    answer = requests.get(f"{server.url}{BASE}/drawn", timeout=30)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, b"<svg/>", "image/svg+xml")
    assert answer.headers["Cache-Control"] == "max-age=60"
    assert TRACE not in answer.headers
    told = requests.post(f"{server.url}{BASE}/heard", data=b"psst", timeout=30)
    assert (told.status_code, told.content) == (204, b"")
    assert journal(server) == before


def test_what_is_refused_is_recorded(server: Threaded) -> None:
    answer = requests.get(f"{server.url}{BASE}/lost", timeout=30)
    assert answer.status_code == 404
    assert journal(server)[-1]["id"] == int(answer.headers[TRACE])
    assert "refused: nobody has drawn it" in journal(server)[-1]["notes"]


def test_a_fault_of_ours_is_recorded_and_told_as_theirs(server: Threaded, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "mockpsp.edge"):
        answer = requests.get(f"{server.url}{BASE}/broken", timeout=30)
    assert answer.status_code == 500
    assert "ours" not in answer.text
    assert "internal fault: ZeroDivisionError: ours" in journal(server)[-1]["notes"]


def test_who_hangs_up_before_all_is_said_is_recorded(server: Threaded) -> None:
    before = len(journal(server))
    fields = [("Host", "localhost"), ("Content-Length", "10")]
    with pytest.raises((BadStatusLine, ConnectionError)):
        exchange(server.port, message("POST", f"{BASE}/heard", fields, b"pss"), "POST", hang_up=True)
    [cut] = journal(server)[before:]
    assert cut["status"] is None
    assert "hung up" in cut["notes"][0]
