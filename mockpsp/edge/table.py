"""Finds the route of a path by its segments: a few dictionary look-ups, however many routes a provider has.

aiohttp tries the patterns that begin alike one after the other, each with a regular expression and a coroutine of its
own. Answers here are the same (tests/edge/test_table.py compares them); patterns that are not made of whole segments
stay with aiohttp.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from aiohttp import web
from yarl import URL

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_VARIABLE = re.compile(r"\{([_a-zA-Z][_a-zA-Z0-9]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._-]+")
_NONE: set[str] = set()
T = TypeVar("T")


@cache
def _parts(path: str) -> tuple[Sequence[str], tuple[tuple[int, str], ...]]:
    """The segments of a path, and where which variables stand; a second server has the same ones."""
    segments = path.split("/")
    found = [_VARIABLE.fullmatch(each) for each in segments]
    return segments, tuple((index, match[1]) for index, match in enumerate(found) if match is not None)


class Pattern:
    """One path: where its variables stand, and the routes by method. The lowest rank is tried first."""

    __slots__ = ("rank", "routes", "variables")

    def __init__(self, rank: tuple[int, int], variables: tuple[tuple[int, str], ...]) -> None:
        self.rank = rank
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


_rank = attrgetter("rank")
Shape = tuple[Callable[[Sequence[str]], Any], dict[Any, list[Pattern]]]
"""Patterns whose literal segments stand at the same places: what takes these out of a path, and patterns by them."""


class Patterns:
    """Paths by the number of their segments, and the literal ones among these."""

    __slots__ = ("_by_length", "_shapes")

    def __init__(self) -> None:
        self._shapes: dict[tuple[int, tuple[int, ...]], Shape] = {}
        self._by_length: dict[int, list[Shape]] = {}

    def add(self, segments: Sequence[str], pattern: Pattern) -> None:
        """Add a pattern that is written with these segments."""
        variables = {index for index, _ in pattern.variables}
        places = tuple(index for index in range(len(segments)) if index not in variables)
        shape = self._shapes.get((len(segments), places))
        if shape is None:
            shape = self._shapes[(len(segments), places)] = itemgetter(*places), {}
            self._by_length.setdefault(len(segments), []).append(shape)
        literals, patterns = shape
        patterns.setdefault(literals(segments), []).append(pattern)

    def fitting(self, segments: list[str]) -> Sequence[Pattern]:
        """The patterns that a path with these segments may fit, in the order in which they are tried."""
        found: Sequence[Pattern] = ()
        for literals, patterns in self._by_length.get(len(segments), ()):
            fitting = patterns.get(literals(segments))
            if fitting is not None:
                found = sorted((*found, *fitting), key=_rank) if found else fitting
        return found


class Table(web.AbstractResource):
    """All paths that begin with the same literal segments."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._start = f"{prefix}/"
        self._skip = 0
        self._all = Patterns()
        self._routes: list[web.AbstractRoute] = []
        self._patterns: dict[str, Pattern] = {}

    def add(self, method: str, path: str, handler: Handler) -> web.AbstractRoute:
        """Add a route. Raises RuntimeError when its method and path are taken."""
        pattern = self._patterns.get(path) or self._new(path)
        if method in pattern.routes:
            raise RuntimeError(f"{method} {path} is already routed")
        route = pattern.routes[method] = web.ResourceRoute(method, handler, self)
        self._routes.append(route)
        return route

    def _new(self, path: str) -> Pattern:
        segments, variables = _parts(path)
        # aiohttp asks long prefixes first
        pattern = self._patterns[path] = Pattern((-self._prefix.count("/"), len(self._patterns)), variables)
        self._all.add(segments, pattern)
        return pattern

    @property
    def patterns(self) -> Iterable[tuple[str, Pattern]]:
        """The paths as they are written."""
        return self._patterns.items()

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        """The first route that takes path and method, or the methods that the path would take."""
        path = request.rel_url.path_safe
        if not path.startswith(self._start):  # aiohttp asks by the prefix, ``app.unrouted`` asks everybody
            return None, _NONE
        segments = path[self._skip :].split("/")
        plain = not ("%" in path or "{" in path or "}" in path)
        allowed = _NONE
        for pattern in self._all.fitting(segments):
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
        self._skip += len(prefix)


Answer = Callable[[web.Request, Mapping[str, str]], Coroutine[Any, Any, web.StreamResponse]]
"""Answers a request whose path has these variables."""


Found = tuple[Answer, web.AbstractRoute, Mapping[str, str]]
"""Who answers a request, because of which route, and the variables of its path."""
Head = tuple[Answer, web.AbstractRoute, Mapping[str, str], str, set[str]]
"""The same for a path without its last segment: the variable that this is, unless it is one of some words."""
_NO_VALUES: Mapping[str, str] = {}
_MOST_KNOWN = 1_000


class Directory:
    """Finds what answers a request, as the application's dispatcher does but without waiting; direct routes only."""

    def __init__(self) -> None:
        self._plain: dict[str, dict[str, web.AbstractRoute]] = {}
        self._tables: dict[str, list[Table]] = {}
        self._by_first: dict[str, Patterns] = {}
        self._last: dict[tuple[str, int], set[str]] = {}
        self._direct: dict[web.AbstractRoute, Answer] = {}
        self._known: dict[tuple[str, str], Found] = {}
        self._known_heads: dict[tuple[str, str], Head] = {}

    def add_plain(self, path: str, route: web.AbstractRoute) -> None:
        """A route without variables."""
        self._plain.setdefault(path, {})[route.method] = route

    def add_table(self, table: Table) -> None:
        """Routes with variables, all that the table has; what is without a literal at its beginning is left out."""
        first = table.canonical[1:].partition("/")[0]
        if first:
            self._tables.setdefault(first, []).append(table)

    def _below(self, first: str) -> Patterns | None:
        """The patterns that begin with this segment, put together when they are first asked for."""
        found = self._by_first.get(first)
        if found is None and first in self._tables:
            found = self._by_first[first] = Patterns()
            for table in self._tables[first]:
                for path, pattern in table.patterns:
                    segments = path.split("/")
                    found.add(segments, pattern)
                    if len(segments) - 1 not in dict(pattern.variables):
                        self._last.setdefault((first, len(segments)), set()).add(segments[-1])
        return found

    def allow(self, route: web.AbstractRoute, answer: Answer) -> None:
        """Let ``find`` find a route."""
        self._direct[route] = answer

    def find(self, method: str, target: str) -> Found | None:
        """What answers a plain target; None for what aiohttp should look at itself.

        A merchant calls the same addresses again, or such as differ in an id at the end, and these are remembered.
        """
        found = self._known.get((method, target))
        if found is not None:
            return found
        head, _, last = target.rpartition("/")
        known = self._known_heads.get((method, head))
        if known is not None and last.isalnum() and last.isascii():
            answer, route, values, name, others = known
            if last not in others:
                return answer, route, {**values, name: last}
        return self._search(method, target)

    def _search(self, method: str, target: str) -> Found | None:
        path = target.partition("?")[0]
        methods = self._plain.get(path)
        if methods is not None:
            found = self._answering(methods.get(method), _NO_VALUES)
            if found is not None:
                _remember(self._known, (method, target), found)
            return found
        segments = path.split("/")
        patterns = self._below(segments[1]) if len(segments) > 1 else None
        if patterns is None or "%" in path or "{" in path or "}" in path or "#" in target or not path.isascii():
            return None
        for pattern in patterns.fitting(segments):
            values = pattern.match(segments, True)
            if values is not None and method in pattern.routes:
                found = self._answering(pattern.routes[method], values)
                if found is not None:
                    self._remember(method, target, segments, pattern, found)
                return found
        return None

    def _answering(self, route: web.AbstractRoute | None, values: Mapping[str, str]) -> Found | None:
        answer = self._direct.get(route) if route is not None else None
        return None if answer is None or route is None else (answer, route, values)

    def _remember(self, method: str, target: str, segments: list[str], pattern: Pattern, found: Found) -> None:
        answer, route, values = found
        place, name = pattern.variables[-1]
        if place < len(segments) - 1:
            _remember(self._known, (method, target), found)
        elif "?" not in target:
            others = self._last.get((segments[1], len(segments)), _NONE)
            before = {each: value for each, value in values.items() if each != name}
            _remember(self._known_heads, (method, target.rpartition("/")[0]), (answer, route, before, name, others))


def _remember(known: dict[tuple[str, str], T], key: tuple[str, str], value: T) -> None:
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[key] = value


def _nobody(handler: Handler) -> None:
    """No handler answers directly."""


def add_routes(
    app: web.Application,
    routes: Iterable[tuple[str, str, Handler]],
    directory: Directory | None = None,
    direct: Callable[[Handler], Answer | None] = _nobody,
) -> None:
    """Add routes (method, path in aiohttp's pattern language, handler), those with variables by way of tables.

    They go into the directory as well, where they are found if ``direct`` knows what answers in a handler's place.
    """
    tables: dict[str, Table] = {}
    directory = Directory() if directory is None else directory
    for method, path, handler in routes:
        if _tabular(path):
            prefix = path.partition("{")[0].rpartition("/")[0]
            table = tables.get(prefix)
            if table is None:
                table = tables[prefix] = Table(prefix)
                app.router.register_resource(table)
            route = table.add(method, path, handler)
        else:
            route = app.router.add_route(method, path, handler)
            if "{" not in path:
                directory.add_plain(path, route)
        answer = direct(handler)
        if answer is not None:
            directory.allow(route, answer)
    for table in tables.values():
        directory.add_table(table)


@cache
def _tabular(path: str) -> bool:
    """Whether a path has variables, and all its segments are a variable or a plain word; a slash may end it."""
    segments = path.removesuffix("/").split("/")[1:]
    return "{" in path and all(_VARIABLE.fullmatch(each) or _LITERAL.fullmatch(each) for each in segments)
