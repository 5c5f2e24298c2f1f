"""Handlers whose module is imported at their first request, so that a server starts without its pages."""

from __future__ import annotations

from importlib import import_module

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Access, Handler, Route


def late(module: str, name: str) -> Handler:
    """The handler ``name`` of a module that is imported when it is first needed."""
    found: list[Handler] = []

    async def handle(x: Exchange) -> Answer:
        if not found:
            found.append(getattr(import_module(module), name))
        return await found[0](x)

    return handle


class PageRoute:
    """Makes routes of pages: called with method, path, operation and the name of a handler in the module."""

    __slots__ = ("_module",)

    def __init__(self, module: str) -> None:
        self._module = module

    def __call__(self, method: str, path: str, operation: str, name: str) -> Route:
        handler = late(self._module, name)
        return Route(method=method, path=path, operation=operation, handler=handler, access=Access.PAGE)
