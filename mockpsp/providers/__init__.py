"""The providers: each sub-package that has a ``PROVIDER`` is one. Nothing else needs to know of a new one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockpsp.edge.provider import Provider


@cache
def discover() -> Mapping[str, Provider]:
    """All providers by name, in alphabetical order."""
    found: dict[str, Provider] = {}
    for module in sorted(iter_modules(__path__), key=lambda each: each.name):
        if module.ispkg:
            provider: Provider = import_module(f"{__name__}.{module.name}").PROVIDER
            found[provider.name] = provider
    return found
