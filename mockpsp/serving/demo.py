"""``mockpsp demo``: the example shop beside the simulator, in one process, wired together."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mockpsp import __version__
from mockpsp.data import folder
from mockpsp.settings import Settings

if TYPE_CHECKING:
    from mockpsp.serving.sockets import Listening

PACKAGES = {"Adyen": "Adyen>=16,<17", "onlinepayments": "onlinepayments-sdk-python3>=10.3,<11"}
"""Modules of the official SDKs, and what pip calls them; the extra ``demo`` of pyproject.toml."""
PROVIDERS = ("worldline", "adyen", "lyra")
_GRACE_SECONDS = 2.0
_PAY = (
    ("A week by the lake", "account 77777777777 has 300 euros, card 4330264936344675 pays the rest"),
    ("Two market lunches", "meal voucher 5075990000006120 03/30 737, then card 4111111111111111 03/30 737"),
    ("A basket", "CONECS card 5017670000006120 12/30 123, then card 4970100000000000 12/30 123"),
)


class NoShop(Exception):
    """The demo cannot run here; the message says what to do."""


def ready_for_shop() -> None:
    """Make the package ``shop`` importable. Raises NoShop, and MissingData when the example was not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        wanted = " ".join(f'"{PACKAGES[name]}"' for name in PACKAGES)
        raise NoShop(
            f"the example shop uses the official SDKs, and {' and '.join(missing)} cannot be imported.\n"
            f"Install them beside mockpsp, and try again:\n\n  {sys.executable} -m pip install {wanted}\n"
        )
    place = str(folder("examples") / "shop")
    if place not in sys.path:
        sys.path.insert(0, place)


def bugs() -> str:
    """The mistakes that the shop can be told to make, one in a line; needs no SDK. Raises MissingData."""
    place = str(folder("examples") / "shop")
    if place not in sys.path:
        sys.path.insert(0, place)
    return str(importlib.import_module("shop.__main__").listed())


class Demo:
    """The shop on sockets that are bound already, and what the simulator has to know of it."""

    def __init__(self, listening: Listening, chosen: Sequence[str]) -> None:
        """Raises NoShop for a mistake that the shop does not know."""
        shop = importlib.import_module("shop.bugs")
        self.listening = listening
        self.chosen = tuple(chosen)
        try:
            self._care = shop.care_with(self.chosen)
        except shop.UnknownBug as error:
            raise NoShop(str(error)) from error

    def settings(self, base: Settings) -> Settings:
        """The simulator's settings, with webhooks that go to the shop."""
        origin = self.listening.origin()
        return replace(base, webhooks={name: f"{origin}/webhooks/{name}" for name in PROVIDERS})

    def beside(self, url: str, environment: Mapping[str, str]) -> AbstractAsyncContextManager[str]:
        """Serve the shop while the context lasts; it yields what to tell. ``url`` is where the simulator answers."""
        return self._serving(url, environment)

    @asynccontextmanager
    async def _serving(self, url: str, environment: Mapping[str, str]) -> AsyncIterator[str]:
        from aiohttp import web

        kind: Any = importlib.import_module("shop.settings").Settings
        app = importlib.import_module("shop.web").build(kind.read(environment, self.listening.origin()), self._care)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE_SECONDS)
        await runner.setup()
        try:
            for each in self.listening.sockets:
                await web.SockSite(runner, each).start()
            yield self._block(url)
        finally:
            await runner.cleanup()

    def _block(self, url: str) -> str:
        shop = self.listening.origin()
        lines = [f"mockpsp {__version__} demo is ready: click on the first address", ""]
        lines += _columns(
            (
                ("Shop", f"{shop}/"),
                ("Orders", f"{shop}/merchant"),
                ("Dashboard", f"{url}/_mockpsp/"),
                ("Source", f"{folder('examples') / 'shop'}; begin with its README.md"),
            )
        )
        lines += ["", "  Test data, also beside every form", *_columns(_PAY, "    ")]
        if self.chosen:
            lines += ["", f"  The shop makes mistakes: {', '.join(self.chosen)}"]
        lines += ["", "  Next", *_columns(self._next(), "    "), ""]
        return "\n".join(lines)

    def _next(self) -> Iterator[tuple[str, str]]:
        yield "mockpsp demo --list-bugs", "mistakes that the shop can make; then: demo --bug NAME"
        yield "mockpsp demo --scenario NAME", "what the providers do, such as worldline/webhook-twice"
        yield "Ctrl+C", "ends both"


def _columns(rows: Sequence[tuple[str, str]] | Iterator[tuple[str, str]], indent: str = "  ") -> list[str]:
    found = list(rows)
    width = max(len(row[0]) for row in found)
    return [f"{indent}{name:<{width}}  {what}" for name, what in found]
