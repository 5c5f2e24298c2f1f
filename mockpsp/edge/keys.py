"""Typed keys of the aiohttp application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from aiohttp import web

from mockpsp.edge.contract import Contract
from mockpsp.edge.provider import Provider
from mockpsp.edge.table import Directory
from mockpsp.scenario.library import Library
from mockpsp.settings import Settings
from mockpsp.world.delivery import Courier
from mockpsp.world.journal import Entry
from mockpsp.world.sandboxes import Sandbox, Sandboxes


class WriteStep(Protocol):
    """Writes one call, or one act of a shopper, as a step of a story; the control API lends it to the dashboard."""

    def __call__(self, sandbox: Sandbox, entries: Sequence[Entry]) -> str | None:
        """The last of the entries; those before it are what it may refer to. None when a story has no such step."""


SANDBOXES: web.AppKey[Sandboxes] = web.AppKey("SANDBOXES", Sandboxes)
COURIER: web.AppKey[Courier] = web.AppKey("COURIER", Courier)
PROVIDERS: web.AppKey[Mapping[str, Provider]] = web.AppKey("PROVIDERS", Mapping)
CONTRACTS: web.AppKey[Mapping[str, Contract]] = web.AppKey("CONTRACTS", Mapping)
SETTINGS: web.AppKey[Settings] = web.AppKey("SETTINGS", Settings)
LIBRARY: web.AppKey[Library] = web.AppKey("LIBRARY", Library)
WRITE_STEP: web.AppKey[WriteStep] = web.AppKey("WRITE_STEP", WriteStep)
DIRECTORY: web.AppKey[Directory] = web.AppKey("DIRECTORY", Directory)
