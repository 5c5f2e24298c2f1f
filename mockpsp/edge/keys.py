"""Typed keys of the aiohttp application."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from mockpsp.edge.contract import Contract
from mockpsp.edge.provider import Provider
from mockpsp.scenario.library import Library
from mockpsp.settings import Settings
from mockpsp.world.delivery import Courier
from mockpsp.world.sandboxes import Sandboxes

SANDBOXES: web.AppKey[Sandboxes] = web.AppKey("SANDBOXES", Sandboxes)
COURIER: web.AppKey[Courier] = web.AppKey("COURIER", Courier)
PROVIDERS: web.AppKey[Mapping[str, Provider]] = web.AppKey("PROVIDERS", Mapping)
CONTRACTS: web.AppKey[Mapping[str, Contract]] = web.AppKey("CONTRACTS", Mapping)
SETTINGS: web.AppKey[Settings] = web.AppKey("SETTINGS", Settings)
LIBRARY: web.AppKey[Library] = web.AppKey("LIBRARY", Library)
