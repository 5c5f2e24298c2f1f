"""Finds the route of a path by its segments: a few dictionary look-ups, however many routes a provider has.

aiohttp tries the patterns that begin alike one after the other, each with a regular expression and a coroutine of its
own. Answers here are the same (tests/edge/test_table.py compares them); patterns that are not made of whole segments
stay with aiohttp.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from aiohttp import web
from yarl import URL

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_VARIABLE = re.compile(r"\{([_a-zA-Z][_a-zA-Z0-9]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._-]+")
_NONE: set[str] = set()


class Pattern:
    """One path below a table's prefix: where its variables stand, and the routes by method."""

    __slots__ = ("order", "routes", "variables")

    def __init__(self, order: int, variables: tuple[tuple[int, str], ...]) -> None:
        self.order = order
        self.variables = variables
        self.routes: dict[str, web.AbstractRoute] = {}

    def match(self, segments: list[str], plain: bool) -> dict[str, str] | None:
        """The variables' values; None when one is empty or holds a brace, as aiohttp has it."""
        values = {}
        for index, name in self.variables:
            value = segments[index]
            if not value:
                return None
            if not plain:
                if "{" in value or "}" in value:
                    return None
                value = value.replace("%2F", "/").replace("%25", "%")
            values[name] = value
        return values


_order = attrgetter("order")


class Shape(NamedTuple):
    """Patterns whose literal segments stand at the same places, by those segments."""

    literals: Callable[[list[str]], Any]
    patterns: dict[Any, list[Pattern]]


class Table(web.AbstractResource):
    """All paths that begin with the same literal segments."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._start = f"{prefix}/"
        self._skip = len(self._start)
        self._shapes: dict[tuple[int, tuple[int, ...]], Shape] = {}
        self._by_length: dict[int, list[Shape]] = {}
        self._routes: list[web.AbstractRoute] = []
        self._patterns: dict[str, Pattern] = {}

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Add a route. Raises RuntimeError when its method and path are taken."""
        pattern = self._patterns.get(path) or self._new(path)
        if method in pattern.routes:
            raise RuntimeError(f"{method} {path} is already routed")
        route = pattern.routes[method] = web.ResourceRoute(method, handler, self)
        self._routes.append(route)

    def _new(self, path: str) -> Pattern:
        segments = path[self._skip :].split("/")
        found = [_VARIABLE.fullmatch(each) for each in segments]
        variables = tuple((index, match[1]) for index, match in enumerate(found) if match is not None)
        pattern = self._patterns[path] = Pattern(len(self._patterns), variables)
        places = tuple(index for index, match in enumerate(found) if match is None)
        shape = self._shapes.get((len(segments), places))
        if shape is None:
            shape = Shape(itemgetter(*places) if places else len, {})
            self._shapes[(len(segments), places)] = shape
            self._by_length.setdefault(len(segments), []).append(shape)
        shape.patterns.setdefault(shape.literals(segments), []).append(pattern)
        return pattern

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        """The first route that takes path and method, or the methods that the path would take."""
        path = request.rel_url.path_safe
        if not path.startswith(self._start):  # aiohttp asks by the prefix, ``app.unrouted`` asks everybody
            return None, _NONE
        segments = path[self._skip :].split("/")
        plain = not ("%" in path or "{" in path or "}" in path)
        found = []
        for literals, patterns in self._by_length.get(len(segments), ()):
            fitting = patterns.get(literals(segments))
            if fitting is not None:
                found += fitting
        if len(found) > 1:
            found.sort(key=_order)
        allowed = _NONE
        for pattern in found:
            values = pattern.match(segments, plain)
            if values is not None:
                route = pattern.routes.get(request.method)
                if route is not None:
                    return web.UrlMappingMatchInfo(values, route), _NONE
                allowed = {*allowed, *pattern.routes}
        return None, allowed

    @property
    def canonical(self) -> str:
        """The literal segments that all paths begin with; by them aiohttp finds the table."""
        return self._prefix

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(self._routes)

    def get_info(self) -> Any:
        """See AbstractResource."""
        return {"prefix": self._prefix, "routes": list(self._routes)}

    def raw_match(self, path: str) -> bool:
        """No later route may join: aiohttp's pattern is another one."""
        return False

    def url_for(self, **kwargs: str) -> URL:
        """Links are made by the providers; a table of many paths has no address."""
        raise NotImplementedError("a table of routes has no address of its own")

    def add_prefix(self, prefix: str) -> None:
        """The application is mounted below another one."""
        self._prefix = prefix + self._prefix
        self._start = f"{self._prefix}/"
        self._skip = len(self._start)


def add_routes(app: web.Application, routes: Iterable[tuple[str, str, Handler]]) -> None:
    """Add routes (method, path in aiohttp's pattern language, handler), those with variables by way of tables."""
    tables: dict[str, Table] = {}
    for method, path, handler in routes:
        if not _tabular(path):
            app.router.add_route(method, path, handler)
            continue
        prefix = path.partition("{")[0].rpartition("/")[0]
        table = tables.get(prefix)
        if table is None:
            table = tables[prefix] = Table(prefix)
            app.router.register_resource(table)
        table.add(method, path, handler)


def _tabular(path: str) -> bool:
    """Whether a path has variables, and all its segments are a variable or a plain word; a slash may end it."""
    segments = path.removesuffix("/").split("/")[1:]
    return "{" in path and all(_VARIABLE.fullmatch(each) or _LITERAL.fullmatch(each) for each in segments)
