"""Plays a story, records the sandbox it was played in, and plays the recording."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from mockpsp.app import catalogues
from mockpsp.control.recording import Recorder, Recording
from mockpsp.edge.keys import PROVIDERS
from mockpsp.scenario.library import Library
from mockpsp.scenario.model import Scenario
from mockpsp.testing.endpoint import Endpoint, Nowhere
from mockpsp.testing.played import Played
from mockpsp.testing.player import START, Player, play
from mockpsp.testing.server import listening, running
from mockpsp.world import records
from mockpsp.world.plain import plain

LIBRARY = Library(catalogues)


async def played_and_recorded(scenario: Scenario) -> tuple[Played, Recording]:
    """As ``player.play`` does, with a look at the sandbox before the server goes."""
    async with AsyncExitStack() as stack:
        endpoint = Endpoint()
        port = await stack.enter_async_context(listening(endpoint.app()))
        server = await stack.enter_async_context(running())
        server.courier.connector = partial(Nowhere.connector, port)
        sandbox = await server.sandboxes.create(scenario, clock=scenario.clock or START)
        for name in server.app[PROVIDERS]:
            await sandbox.world.commit([records.EndpointChanged(name, (endpoint.url(name),))])
        played = await Player(server, sandbox, endpoint).run()
        public = [plain(dict(LIBRARY.load("default").world))]
        return played, Recorder(sandbox, server.app[PROVIDERS], public, LIBRARY).record()


async def again(recording: Recording) -> Played:
    """What becomes of a recording that is played. Raises ScenarioError when it is no scenario."""
    return await play(LIBRARY.parse(recording.text, file="recorded.yaml", name="recorded"))


_DRAWN = re.compile(r"(?=[A-Za-z0-9_-]*[0-9]|[A-Z]{16}$)[A-Za-z0-9_-]{12,}")
_KINDS = ("request", "decision", "event", "posting", "webhook", "delivery", "timer", "shopper")


def told(journal: Iterable[Mapping[str, Any]], kinds: Iterable[str] = _KINDS) -> list[tuple[Any, ...]]:
    """The entries as far as they are the same for all sandboxes: ids normalised, times left out."""
    names: dict[str, str] = {}

    def bare(reference: str | None) -> str | None:
        if reference is None:
            return None
        return _DRAWN.sub(lambda match: names.setdefault(match[0], f"#{len(names)}"), reference)

    return [
        (each["kind"], each["provider"], each["operation"], bare(each["reference"]), _amounts(each))
        for each in journal
        if each["kind"] in set(kinds)
    ]


def _amounts(entry: Mapping[str, Any]) -> Any:
    match entry["kind"]:
        case "posting":
            return [entry["posting"]["currency"], *(each["minor"] for each in entry["posting"]["postings"])]
        case "request":
            return entry["status"]
        case "delivery":
            return entry["delivery"].get("status")
        case "decision":
            return entry["law"], entry["rule"]
        case _:
            return None
