"""What is needed at a request, and not before: its module is imported then, so that a server starts without it.

Names given here are texts; ``tests/edge/test_late.py`` looks each of them up.
"""

from __future__ import annotations

from collections.abc import Awaitable
from importlib import import_module
from typing import Any

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Access, Handler, Route


class LateHandler:
    """The handler ``name`` of a module."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def found(self) -> Handler:
        """The handler itself; the pipeline asks for it at a route's first request."""
        handler: Handler = getattr(import_module(self.module), self.name)
        return handler

    def __call__(self, x: Exchange) -> Awaitable[Answer]:
        """As the handler does."""
        return self.found()(x)


def found(handler: Handler) -> Handler:
    """The handler itself, if it is a late one."""
    return handler.found() if isinstance(handler, LateHandler) else handler


class Late:
    """Stands for an object of a module: a lifecycle, a policy, a driver. ``known`` are members that it has at once.

    Each other member is looked up when it is first asked for, and is an attribute of this object from then on.
    """

    def __init__(self, module: str, which: str, /, **known: Any) -> None:
        self.__dict__.update(known)
        self._place = module, which

    def __getattr__(self, member: str) -> Any:
        if member.startswith("__"):  # what copying and comparing look for is not worth an import
            raise AttributeError(member)
        module, which = self._place
        value = getattr(getattr(import_module(module), which), member)
        setattr(self, member, value)
        return value


def late(module: str, which: str, /, **known: Any) -> Any:
    """What stands for the object called ``which`` of a module; see ``Late``."""
    return Late(module, which, **known)


class PageRoute:
    """Makes routes of pages: called with method, path, operation and the name of a handler in the module."""

    __slots__ = ("_module",)

    def __init__(self, module: str) -> None:
        self._module = module

    def __call__(self, method: str, path: str, operation: str, name: str) -> Route:
        handler = LateHandler(self._module, name)
        return Route(method=method, path=path, operation=operation, handler=handler, access=Access.PAGE)


class ApiRoute:
    """Makes routes of an API: called with method, path, and the operation, whose name its handler in the module has."""

    __slots__ = ("_module",)

    def __init__(self, module: str) -> None:
        self._module = module

    def __call__(self, method: str, path: str, operation: str, *, idempotent: bool = False) -> Route:
        handler = LateHandler(self._module, operation)
        return Route(method=method, path=path, operation=operation, handler=handler, idempotent=idempotent)
