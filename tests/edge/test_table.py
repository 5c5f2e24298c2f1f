"""A table of routes answers as aiohttp's own dispatcher would; only faster."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.edge.table import Table, add_routes
from mockpsp.providers import discover
from tests.support.asked import asked

ROUTES = tuple((route.method, route.path) for provider in discover().values() for route in provider.routes)
ODD = (
    ("GET", "/x/{a}"),
    ("POST", "/x/{a}"),
    ("GET", "/x/{a}/b"),
    ("GET", "/x/{c}/{d}"),
    ("PUT", "/x/e/{f}"),
    ("DELETE", "/x/{g}/b"),
    ("GET", "/x/{a}.{kind}"),
    ("GET", "/x/{number:[0-9]+}/n"),
    ("GET", "/x/plain"),
    ("GET", "/y"),
    ("GET", "/y/"),
    ("POST", "/y"),
    ("POST", "/y/"),
    ("GET", "/y/{a}"),
    ("GET", "/y/{a}/"),
    ("PUT", "/y/{a}"),
    ("PUT", "/y/{a}/"),
    ("GET", "/y/{a}/b"),
    ("GET", "/y/{a}/b/"),
    ("POST", "/y/z/c"),
    ("POST", "/y/z/c/"),
    ("DELETE", "/y/z/{d}/"),
)


async def nothing(request: web.Request) -> web.Response:
    return web.json_response(dict(request.match_info))


def both(routes: tuple[tuple[str, str], ...]) -> tuple[web.Application, web.Application]:
    """The same routes in tables, and in aiohttp's dispatcher."""
    ours, theirs = web.Application(), web.Application()
    handlers = {each: _named(each) for each in routes}
    add_routes(ours, ((*each, handlers[each]) for each in routes))
    for each in routes:
        theirs.router.add_route(*each, handlers[each])
    return ours, theirs


def _named(route: tuple[str, str]) -> web.RequestHandler:
    async def handle(request: web.Request) -> web.Response:
        return web.Response()

    handle.__name__ = " ".join(route)
    return handle


async def found(app: web.Application, method: str, path: str) -> tuple[str, dict[str, str]] | tuple[int, set[str]]:
    match = await app.router.resolve(asked(method, path))
    error = match.http_exception
    if error is None:
        return match.handler.__name__, dict(match)
    return error.status, getattr(error, "allowed_methods", set())


OURS, THEIRS = both(ROUTES)
ODD_OURS, ODD_THEIRS = both(ODD)
_WORDS = sorted({word for _, path in (*ROUTES, *ODD) for word in path.split("/") if word and "{" not in word})
_SEGMENTS = st.sampled_from(
    [
        "",
        "a",
        "b",
        "e",
        "12",
        "a.b",
        "%20",
        "a%2Fb",
        "%25",
        "%2525",
        "%7Bx%7D",
        "%C3%A9",
        "%ff",
        "a%",
        "+",
        "..",
        *_WORDS,
    ]
)
_PATHS = st.lists(_SEGMENTS, min_size=1, max_size=6).map(lambda parts: "/" + "/".join(parts))
_METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])


_VALUES = ("1", "a%2Fb", "%25", "%7Bx", "", "é", "a.b")
_METHODS_OF = {path: {method for method, other in ROUTES if other == path} for _, path in ROUTES}


@pytest.mark.parametrize("pattern", _METHODS_OF)
async def test_every_route_of_every_provider_is_found_as_aiohttp_finds_it(pattern: str) -> None:
    """Each path once, however many methods it takes and values make the same of it."""
    paths = {
        "/".join(value if part.startswith("{") else part for part in pattern.split("/")): None for value in _VALUES
    }
    for path in paths:
        for each in sorted({*_METHODS_OF[pattern], "HEAD", "OPTIONS", "TRACE"}):
            assert await found(OURS, each, path) == await found(THEIRS, each, path), (each, path)


@given(method=_METHODS, words=_PATHS, base=st.sampled_from(["", "/v2", "/v2/M", "/x", "/y", "/client/v1/C"]))
async def test_any_path_is_found_as_aiohttp_finds_it(method: str, words: str, base: str) -> None:
    for ours, theirs in ((OURS, THEIRS), (ODD_OURS, ODD_THEIRS)):
        assert await found(ours, method, base + words) == await found(theirs, method, base + words)


async def test_what_no_route_takes_is_404_and_what_a_path_does_not_take_is_405() -> None:
    app = web.Application()
    add_routes(app, [("GET", "/x/{a}/b", nothing), ("POST", "/x/{a}/b", nothing)])
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/x/1/c")).status == 404
        refused = await client.put("/x/1/b")
        assert (refused.status, refused.headers["Allow"]) == (405, "GET,POST")
        assert (await client.head("/x/1/b")).status == 405, "as with add_route: nobody asked for HEAD"
        assert await (await client.get("/x/a%2Fb/b")).json() == {"a": "a/b"}


@pytest.mark.parametrize(
    "path", ["/y", "/y/", "/y/1", "/y/1/", "/y/1/b", "/y/1/b/", "/y/z/c", "/y/z/c/", "/y//", "/yx"]
)
async def test_a_slash_at_the_end_is_found_as_aiohttp_finds_it(path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
        assert await found(ODD_OURS, method, path) == await found(ODD_THEIRS, method, path)


async def test_a_table_says_nothing_of_a_path_that_only_begins_alike() -> None:
    """``app.unrouted`` asks every table, not only those that aiohttp finds by the prefix."""
    table = Table("/y")
    table.add("GET", "/y/{a}", nothing)
    for path in ("/y", "/yes", "/y1/2"):
        assert await table.resolve(asked("POST", path)) == (None, set())
    assert await table.resolve(asked("POST", "/y/1")) == (None, {"GET"})


def test_a_method_and_path_can_be_taken_only_once() -> None:
    table = Table("/x")
    table.add("GET", "/x/{a}", nothing)
    with pytest.raises(RuntimeError, match="already routed"):
        table.add("GET", "/x/{a}", nothing)
    assert [route.method for route in table] == ["GET"]
    assert len(table) == 1
    assert table.get_info()["prefix"] == "/x"
    assert not table.raw_match("/x/{a}")


def test_a_table_has_no_address() -> None:
    with pytest.raises(NotImplementedError):
        Table("/x").url_for()


async def test_a_table_moves_with_its_application() -> None:
    parent = web.Application()
    ours, _ = both((("GET", "/x/{a}/b"),))
    parent.add_subapp("/below", ours)
    assert await found(parent, "GET", "/below/x/1/b") == ("GET /x/{a}/b", {"a": "1"})
    assert (await found(parent, "GET", "/x/1/b"))[0] == 404
