"""Scenarios: what there is, what it says, and putting another one in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from mockpsp.control.calls import Call, check, contract, reply
from mockpsp.control.errors import ControlError
from mockpsp.edge.keys import LIBRARY, SETTINGS
from mockpsp.edge.offered import known, offered
from mockpsp.edge.pipeline import parse
from mockpsp.scenario.library import UnknownScenario
from mockpsp.scenario.model import Scenario

_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain")


def _sound(read: Callable[[], Scenario]) -> Scenario:
    """A scenario, or 400 with everything that is wrong with it."""
    from mockpsp.scenario.loader import ScenarioError

    try:
        return read()
    except ScenarioError as error:
        problems = [str(each) for each in error.problems]
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise ControlError(
            400, "bad-scenario", f"the scenario has {count}; nothing has changed", problems=problems
        ) from error


def by_name(call: Call, name: str) -> Scenario:
    """A scenario by its name. Raises UnknownScenario, or ControlError with every mistake."""
    return _sound(lambda: call.app[LIBRARY].load(known(call.app, name)))


def chosen(call: Call, wanted: Any) -> Scenario:
    """The scenario that a request names or contains; without one, what the server was started with."""
    library = call.app[LIBRARY]
    if wanted is None:
        return _sound(lambda: library.together(call.app[SETTINGS].scenarios))
    if isinstance(wanted, str):
        return by_name(call, wanted)
    return _sound(lambda: library.from_value(wanted))


async def listing(call: Call) -> web.Response:
    """Every scenario with its title; a file with mistakes is listed with them."""
    rows = []
    for name in offered(call.app):
        try:
            scenario = by_name(call, name)
        except ControlError as error:
            rows.append(
                {"name": name, "title": None, "tags": [], "error": error.detail, "problems": list(error.problems)}
            )
        except (UnknownScenario, OSError) as error:
            rows.append({"name": name, "title": None, "tags": [], "error": str(error), "problems": []})
        else:
            rows.append({"name": name, "title": scenario.title, "tags": list(scenario.tags)})
    return reply({"scenarios": rows})


async def show(call: Call) -> web.Response:
    """A scenario's file as it was written."""
    text = call.app[LIBRARY].path(known(call.app, call.path("name"))).read_bytes()
    return web.Response(body=text, headers={"Content-Type": "application/yaml; charset=utf-8"})


async def change(call: Call) -> web.Response:
    """Put another scenario in force; what is under way stays."""
    world = call.world
    scenario = _read(call)
    changes = await world.change_scenario(scenario)
    return reply({"scenario": scenario.name, "changes": list(changes)})


def _read(call: Call) -> Scenario:
    """YAML as text; JSON as a scenario object, or as a string that names one. Without a media type it is YAML."""
    media = call.request.headers.get("Content-Type", _YAML[0]).partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        body = parse(call.raw)
        check(contract().operation("change_scenario"), body, True)
        return chosen(call, body)
    if media not in _YAML:
        raise ControlError(
            415,
            "unsupported-media-type",
            f"a scenario is not {media[:80]!r}",
            hint="send Content-Type: application/yaml (or application/json)",
        )
    return _sound(lambda: call.app[LIBRARY].parse(call.raw, file="<body>", name="inline"))
