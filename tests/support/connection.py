"""Connections of tests to servers on this machine, kept open: making one costs more than most answers."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from threading import local
from typing import Any

import requests

from mockpsp.edge.contract import Contract

_OWN = local()
_COMPILED: dict[int, tuple[Any, Any]] = {}


def session() -> requests.Session:
    """The thread's own, which forgets cookies and asks neither the environment nor a netrc file."""
    found: requests.Session | None = getattr(_OWN, "session", None)
    if found is None:
        found = _OWN.session = requests.Session()
        found.trust_env = False
        found.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return found


def compiled(contract: Contract, schema: Mapping[str, Any]) -> Any:
    """The validator of a schema that lies in the contract's document, compiled once."""
    kept = _COMPILED.get(id(schema))
    if kept is None:
        kept = _COMPILED[id(schema)] = schema, contract.validator(schema)
    return kept[1]
