"""The scenario of a sandbox: an editor that checks as one writes, what would change, how far the script has come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.domain.value import Value
from mockpsp.edge.keys import LIBRARY, SANDBOXES
from mockpsp.edge.offered import known, offered
from mockpsp.edge.scenario_text import act, delivery_effect, fault_effect, flow, whole
from mockpsp.scenario.difference import Difference, differences
from mockpsp.scenario.library import Headline, UnknownScenario
from mockpsp.scenario.model import DeliveryRule, FaultRule, Rule, Scenario, ShopperScript, Trigger
from mockpsp.scenario.problems import Problem as Mistake
from mockpsp.scenario.standing import Phase, Standing, standings
from mockpsp.web.frame import Problem, form_of, home, html, sandbox_of, see_other
from mockpsp.world.plain import plain

if TYPE_CHECKING:
    from mockpsp.world.sandboxes import Sandbox

SHOWN = 100
"""So many mistakes, differences and lines of one section are shown."""

_DIGITS = 18
_EXCERPT = 160
_TONES = {
    Phase.READY: "good",
    Phase.LATER: "info",
    Phase.USED_UP: "quiet",
    Phase.TOO_EARLY: "info",
    Phase.OVER: "quiet",
}


class Shown(Value, frozen=True):
    """A mistake, or a note about something that is right, with the line of the text that it is about."""

    line: int
    column: int
    message: str
    excerpt: str


class Checked(Value, frozen=True, kw_only=True):
    """What a check found: mistakes, or the scenario, what it would change, and notes on what applying leaves alone."""

    mistakes: Sequence[Shown] = ()
    more_mistakes: int = 0
    changes: Sequence[tuple[str, Sequence[Difference]]] = ()
    more_changes: int = 0
    money: Sequence[str] = ()
    notes: Sequence[Shown] = ()
    scenario: Scenario | None = None

    @property
    def summary(self) -> str:
        """One sentence."""
        count = len(self.mistakes) + self.more_mistakes
        if count:
            return "1 mistake" if count == 1 else f"{count} mistakes"
        found = sum(len(each) for _, each in self.changes) + self.more_changes
        if not found and not self.money:
            return "No mistakes, and nothing different from what is in force"
        return f"No mistakes. {found} {'thing is' if found == 1 else 'things are'} different from what is in force"


class Line(Value, frozen=True, kw_only=True):
    """A line of the script in force, in words, and how far it has come."""

    id: str
    name: str
    about: str
    when: str
    then: str
    standing: Standing
    tone: str
    per: bool

    @property
    def left(self) -> str:
        """How often it may still strike."""
        if self.standing.left is None:
            return "no limit"
        return f"{self.standing.left}{' each' if self.per else ''}"


# -- looking -----------------------------------------------------------------------------------------------------------


async def show(request: web.Request) -> web.Response:
    """GET …/scenario: what is in force, or the text of a shipped scenario to start from."""
    sandbox, name = sandbox_of(request), request.query.get("from", "")
    if not name:
        return _page(request, sandbox, _in_force(request, sandbox), name=sandbox.world.scenario.name)
    text = _text_of(request, name)
    checked = await check(request, sandbox, text, name)
    return _page(request, sandbox, text, name=name, draft=name, checked=checked)


def _in_force(request: web.Request, sandbox: Sandbox) -> str:
    scenario = sandbox.world.scenario
    return request.app[LIBRARY].text(scenario) or whole(scenario)


def _text_of(request: web.Request, name: str) -> str:
    try:
        return request.app[LIBRARY].path(known(request.app, name)).read_text(encoding="utf-8", errors="replace")
    except UnknownScenario as unknown:
        raise Problem(404, "No such scenario", str(unknown)) from unknown


def _page(
    request: web.Request,
    sandbox: Sandbox,
    text: str,
    status: int = 200,
    *,
    name: str,
    draft: str = "",
    wanted: str = "",
    checked: Checked | None = None,
) -> web.Response:
    words, tag = request.query.get("q", "")[:80], request.query.get("tag", "")[:80]
    every = [each for name in offered(request.app) if (each := request.app[LIBRARY].headline(name)) is not None]
    tags = sorted({each for one in every for each in one.tags})
    return html(
        "script.html",
        status,
        here=sandbox,
        tab="scenario",
        text=text,
        lines=text.count("\n") + 1,
        name=name,
        draft=draft,
        wanted=wanted,
        checked=checked,
        applied=_applied(request, sandbox),
        headlines=[each for each in every if _found(each, words, tag)],
        tags=tags,
        query={"q": words, "tag": tag},
        sections=list(_script(sandbox)),
    )


def _found(headline: Headline, text: str, tag: str) -> bool:
    spoken = f"{headline.name} {headline.title} {' '.join(headline.tags)}".lower()
    return all(word in spoken for word in text.lower().split()) and (not tag or tag in headline.tags)


def _applied(request: web.Request, sandbox: Sandbox) -> Mapping[str, Any] | None:
    """What has just been put in force, found again in the journal."""
    number = request.query.get("applied", "")
    if request.query.get("reset"):
        return {"reset": True, "changes": ()}
    if not (number.isascii() and number.isdigit() and len(number) <= _DIGITS):
        return None
    entry = sandbox.world.journal.get(int(number))
    if entry is None or entry.kind != "scenario":
        return None
    return {"reset": False, "changes": entry.data.changes}


# -- checking ----------------------------------------------------------------------------------------------------------


async def check(request: web.Request, sandbox: Sandbox, text: str, name: str) -> Checked:
    """The same check as ``mockpsp scenarios check``, and what putting this text in force would change.

    A long text takes a while to read, and is checked again and again while somebody writes: a thread reads it.
    """
    from mockpsp.scenario.loader import ScenarioError

    try:
        scenario = await asyncio.to_thread(_read, request, text, name)
    except ScenarioError as error:
        rows = text.split("\n")
        shown = [_shown(each, rows) for each in error.problems[:SHOWN]]
        return Checked(mistakes=shown, more_mistakes=len(error.problems) - len(shown))
    world = sandbox.world
    found = differences(world.scenario, scenario)
    grouped = [(what, list(some)) for what, some in groupby(found[:SHOWN], key=lambda each: each.what)]
    money = [each for each in world.changes(scenario) if each.endswith(": opening balance")][:SHOWN]
    return Checked(
        changes=grouped,
        more_changes=max(0, len(found) - SHOWN),
        money=[each.removesuffix(": opening balance") for each in money],
        notes=list(_notes(world.scenario, scenario, text)),
        scenario=scenario,
    )


def _read(request: web.Request, text: str, name: str) -> Scenario:
    """The scenario; a shipped one keeps its name as long as its text is as it was. Raises ScenarioError."""
    library = request.app[LIBRARY]
    if name in offered(request.app) and text == _text_of(request, name):
        return library.load(name)
    return library.parse(text, file="scenario", name="inline")


def _shown(mistake: Mistake, rows: Sequence[str]) -> Shown:
    row = rows[mistake.line - 1] if 0 < mistake.line <= len(rows) else ""
    return Shown(mistake.line, mistake.column, mistake.message, row.strip()[:_EXCERPT])


def _notes(old: Scenario, new: Scenario, text: str) -> Iterator[Shown]:
    """What is right and has no effect in a sandbox, or not at once."""
    rows = text.split("\n")

    def note(key: str, message: str) -> Shown:
        number = next((at for at, row in enumerate(rows, 1) if row.startswith(f"{key}:")), 0)
        return Shown(number, 1, message, "")

    if new.seed != old.seed:
        yield note("seed", f"The seed {new.seed} is used from the next reset on.")
    if new.clock is not None and new.clock != old.clock:
        yield note("clock", "The clock is set to this moment at the next reset; applying does not move it.")
    if new.story:
        yield note("story", "A story is for mockpsp play; here the requests come from your application.")


# -- changing ----------------------------------------------------------------------------------------------------------


async def change(request: web.Request) -> web.Response:
    """POST …/scenario: check the text, put it in force, or start over."""
    sandbox, form = sandbox_of(request), await form_of(request)
    wanted, text, name = form.get("do", ""), _text(form), form.get("name", "")
    if wanted == "reset":
        return await _start_over(request, sandbox)
    if wanted not in ("check", "apply", "restart"):
        raise Problem(400, "Not a button of this page", "The form does not say what to do with the scenario.")
    checked = await check(request, sandbox, text, name)
    if wanted == "check" or checked.scenario is None:
        status = 200 if wanted == "check" else 422
        return _page(request, sandbox, text, status, name=name, draft=name or "inline", wanted=wanted, checked=checked)
    number = await _apply(sandbox, checked.scenario)
    if wanted == "restart":
        return await _start_over(request, sandbox)
    return see_other(home(sandbox, f"/scenario?applied={number}"))


def _text(form: Mapping[str, str]) -> str:
    """What stands in the editor, with ends of lines as files have them."""
    return form.get("text", "").replace("\r\n", "\n")


async def _apply(sandbox: Sandbox, scenario: Scenario) -> int:
    """Put it in force; the number of the journal's entry that tells so."""
    world = sandbox.world
    before = world.journal.count
    await world.change_scenario(scenario)
    return next((each.number for each in world.journal.since(before) if each.kind == "scenario"), before)


async def _start_over(request: web.Request, sandbox: Sandbox) -> web.Response:
    await request.app[SANDBOXES].reset(sandbox.id)
    return see_other(home(sandbox, "/scenario?reset=1"))


async def look(request: web.Request) -> web.Response:
    """POST …/scenario/check: what the check finds, as the part of the page that shows it."""
    sandbox, form = sandbox_of(request), await form_of(request)
    checked = await check(request, sandbox, _text(form), form.get("name", ""))
    return html("checked.html", here=sandbox, tab="scenario", checked=checked)


# -- the script in force -----------------------------------------------------------------------------------------------


def _script(sandbox: Sandbox) -> Iterator[tuple[str, str, Sequence[Line], int]]:
    """Title and id of each section of the script with its lines, and how many more there are."""
    world = sandbox.world
    for part, title in (
        ("rules", "Rules"),
        ("faults", "Faults"),
        ("webhooks", "Webhook lines"),
        ("shopper", "Shoppers"),
    ):
        lines = getattr(world.scenario, part)
        if lines:
            shown = lines[:SHOWN]
            told = zip(shown, standings(shown, world.positions, world.elapsed), strict=True)
            rows = [_line(f"{part}-{at}", line, standing) for at, (line, standing) in enumerate(told)]
            yield title, part, rows, len(lines) - len(rows)


def _line(id: str, line: Any, standing: Standing) -> Line:
    about, name, then = "", "", ""
    match line:
        case Rule():
            name, about = line.name, line.operation
            then = f"{line.outcome}{f', {line.reason}' if line.reason else ''}"
        case FaultRule():
            name, about, then = line.name, line.operation, _written(fault_effect(line))
        case DeliveryRule():
            name, about, then = line.name, line.event, _written(delivery_effect(line))
        case ShopperScript():
            name, about, then = "", line.at, _written(act(line))
    return Line(
        id=id,
        name=name,
        about=about,
        when=_when(line.trigger),
        then=then,
        standing=standing,
        tone=_TONES[standing.phase],
        per=line.trigger.per is not None,
    )


def _when(trigger: Trigger) -> str:
    """The conditions in words."""
    parts = []
    for each in trigger.when:
        value = each.value if isinstance(each.value, tuple) else (each.value,)
        told = " or ".join("nothing" if one is None else str(plain(one)) for one in value)
        parts.append(f"{each.fact.replace('_', ' ')} {each.op.value.replace('_', ' ')} {told}")
    if trigger.nth is not None:
        parts.append(f"from match {trigger.nth} on")
    if trigger.per is not None:
        parts.append(f"counted per {trigger.per.replace('_', ' ')}")
    return ", ".join(parts)


def _written(effect: Mapping[str, Any]) -> str:
    """What a line does, as a file says it, without the outer braces."""
    return flow(effect)[1:-1]
