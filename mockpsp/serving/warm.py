"""What first requests need, imported and read while nobody asks for it yet.

A server answers before its providers' handlers and contracts are there (``edge.late``). Whoever polls its health and
then makes a first call would wait for them, a tenth of a second; most begin later than that.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping

from mockpsp.edge.contract import Contract
from mockpsp.edge.late import found
from mockpsp.edge.provider import Access, Provider

_AFTER_SECONDS = 0.05
"""So that those who wait for the start are answered first."""


async def warm_up(providers: Mapping[str, Provider], contracts: Mapping[str, Contract]) -> None:
    """Do it beside the event loop. Meanwhile a request finds what is there, or fetches it itself."""
    await asyncio.sleep(_AFTER_SECONDS)
    await asyncio.to_thread(fetch, providers, contracts)
    gc.freeze()


def fetch(providers: Mapping[str, Provider], contracts: Mapping[str, Contract]) -> None:
    """Import the handlers of all calls and the validator of their bodies, and read the contracts."""
    for name, provider in providers.items():
        for route in provider.routes:
            if route.access is Access.API:
                found(route.handler)
        contracts[name].validator({})
