"""The journal of a sandbox as a scenario file whose story does, and expects, what happened there by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mockpsp import __version__
from mockpsp.control.recorded_calls import Calls
from mockpsp.control.recorded_values import Discretion, References, leaves, named
from mockpsp.domain.clock import format_duration
from mockpsp.edge.scenario_text import act, block, items, parts
from mockpsp.scenario.model import ShopperScript
from mockpsp.world import records
from mockpsp.world.journal import Entry, Request
from mockpsp.world.plain import instant, plain

if TYPE_CHECKING:
    from mockpsp.edge.provider import Provider
    from mockpsp.world.sandboxes import Sandbox

REFUSED = "refused"
_NOBODY = 503
_PAGE_WORDS = frozenset({"password", "code"})
"""What a shopper types at a simulated bank's page is printed on that page."""

_AT_ONCE = 1.0
"""Seconds that may pass on a running clock without being worth a step."""


class Step(Struct, eq=False):
    """One step of the story on its way: what it says, what to note beside it, and the webhooks that came."""

    said: dict[str, Any]
    expect: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    webhooks: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)


class Recording(Struct):
    """A scenario file, and how many things it could not hold."""

    text: str
    missing: int


class Recorder:
    """One pass over a journal. ``record`` may be called once. Numbers that ``public`` names are no secret either."""

    def __init__(self, sandbox: Sandbox, providers: Mapping[str, Provider], public: Iterable[Any] = ()) -> None:
        self.sandbox = sandbox
        self.world = sandbox.world
        self.providers = providers
        self.references = References(sandbox.credentials)
        scenario = self.world.scenario
        self.parts = parts(scenario)
        self.discretion = Discretion([self.parts, *public])
        self.calls = Calls(sandbox, providers, self.references, self.discretion)
        self.steps: list[Step] = []
        self.missing: list[str] = []
        self.by_entry: dict[int, Step] = {}
        self.queued: dict[int, records.Queued] = {}
        self.answered: dict[str, int] = {}
        self.between: list[Entry] = []
        self.begun: dict[int, list[Entry]] = {}
        self.led_to = {entry.cause for entry in self.world.journal.since(0)}
        first = next(self.world.journal.since(0), None)
        self.start: datetime = scenario.clock or (first.at if first is not None else self.world.clock.now())
        if scenario.clock is None:
            self.start = self.start.replace(microsecond=0)
        self.now = self.start

    def record(self) -> Recording:
        """The whole file."""
        journal = self.world.journal
        if journal.entries_dropped:
            self.missing.append(f"the first {journal.entries_dropped} entries, which the bounded journal had to drop")
        for entry in journal.since(0):
            if isinstance(entry.data, records.Queued):
                self.queued[entry.data.number] = entry.data
                self.references.endpoints[entry.data.url] = entry.data.provider
        self.references.endpoints.pop("", None)
        for entry in journal.since(0):
            self._take(entry)
        if self.begun:
            self._miss("a shopper began on a page, and did nothing there that a story can tell")
        self._pass_time(self.world.clock.now() if self._stands_still() else None)
        return self._file()

    def _stands_still(self) -> bool:
        return self.world.clock.mode.value == "manual"

    # -- entry by entry ----------------------------------------------------------------------------------------------

    def _take(self, entry: Entry) -> None:
        match entry.kind:
            case "request":
                self._request(entry, entry.data)
            case "shopper":
                self._shopper(entry, entry.data)
            case "delivery":
                self._delivery(entry, entry.data)
            case "clock":
                self.between.append(entry)
            case "timer":
                self._by_itself(entry)
            case "back-office":
                self._miss(f"the back office of {entry.provider} acted on {entry.reference}; a story has no such step")
            case "scenario" if self.steps or self.between:
                self._miss(f"the scenario {entry.operation} came into force here; the file has it from the start")
            case "posting" if not entry.cause and entry.operation == "balance set":
                self._miss(f"a balance was set: {entry.data.entry.postings[1].account}")
            case "webhook" if not entry.cause and entry.data.at_once:
                self._miss(f"the webhook {entry.operation} about {entry.reference} was sent once more by hand")
            case _:
                pass

    def _miss(self, what: str) -> None:
        self.missing.append(what)
        self._add({}).notes.append(f"Not recorded: {what}.")

    def _add(self, said: dict[str, Any]) -> Step:
        step = Step(said)
        self.steps.append(step)
        return step

    # -- calls and shoppers ------------------------------------------------------------------------------------------

    def _request(self, entry: Entry, request: Request) -> None:
        page = self.calls.page(entry, request)
        if page is not None:
            if entry.number in self.led_to and page.script is not None:
                self._act(entry, page.ref, page.script)
            elif entry.number in self.led_to:
                self.begun[entry.number] = []  # a step on the way; what the shopper then does takes it too
            return
        self._pass_time(entry.at)
        index = len(self.steps)
        call = self.calls.said(entry, request, index)
        self.missing.extend(call.missing)
        notes = [*(f"Not recorded: {each}." for each in call.missing), *call.notes]
        if call.said is None:
            self._add({}).notes.extend(notes)
            return
        step = self._add(call.said)
        self.by_entry[entry.number] = step
        step.notes.extend(notes)
        step.expect["status"] = "dropped" if request.cut or not request.status else request.status
        self.references.learned(index, call.answer)
        for _, _, text in leaves(call.answer):
            self.answered.setdefault(text, index)

    def _shopper(self, entry: Entry, script: ShopperScript) -> None:
        if any(line.key == script.key for line in self.world.scenario.shopper):
            self._by_itself(entry)
            return
        self._act(entry, entry.reference, script)

    def _by_itself(self, entry: Entry) -> None:
        """What needs no step: it belongs to the last one if it came at once, else to the time that passes."""
        late = self._stands_still() and entry.at > self.now
        if not (late or self.between) and self.by_entry and (entry.at - self.now).total_seconds() < _AT_ONCE:
            self.by_entry[entry.number] = self.steps[-1]
        else:
            self.between.append(entry)

    def _act(self, entry: Entry, ref: str, script: ShopperScript) -> None:
        self._pass_time(entry.at)
        opened = self.answered.get(ref)
        if opened is None:
            opened = next(
                (step for text, step in self.answered.items() if ref in text or (text in ref and len(text) > 8)), None
            )
        if opened is None:
            self._miss(f"a shopper acted on {ref}, which no recorded answer speaks of")
            return
        self.references.used.add(opened)
        hidden = self.discretion.hidden
        said = {"shopper": f"\x02{opened}\x03", **self.discretion.masked(act(script), free=_PAGE_WORDS)}
        step = self._add(said)
        for number, deliveries in self.begun.items():
            self.by_entry[number] = step
            for each in deliveries:
                self._received(step, each)
        self.begun = {}
        self.by_entry[entry.number] = step
        if self.discretion.hidden > hidden:
            self.missing.append("a card number")
            step.notes.append("Not recorded: a card number that is none of the scenario's; write another one.")
        if entry.number in self.world.journal.remarks:
            step.expect["status"] = REFUSED

    # -- what came of it, and time -----------------------------------------------------------------------------------

    def _delivery(self, entry: Entry, attempt: Any) -> None:
        """With its cause what is delivered at once, with the clock what has a time of its own."""
        queued = self.queued.get(attempt.number)
        if queued is None:
            return
        step = self.by_entry.get(entry.cause)
        at_once = isinstance(attempt, records.Attempted) and attempt.attempt == 1 and queued.due <= queued.at
        if at_once and entry.cause in self.begun:
            self.begun[entry.cause].append(entry)
        elif step is None or not at_once or (attempt.at - queued.at).total_seconds() >= _AT_ONCE:
            self.between.append(entry)
        elif not self._received(step, entry):
            self.missing.append("two answers of the webhook endpoint at the same moment")
            step.notes.append("Not recorded: the endpoint gave two different answers at the same moment.")

    def _received(self, step: Step, entry: Entry) -> bool:
        """Note at its step what the endpoint got and how it answered; False when it answered otherwise before."""
        attempt = entry.data
        if _played(self.queued[attempt.number], attempt):
            return True
        status = attempt.status or _NOBODY
        if step.statuses.setdefault(entry.provider, status) != status:
            return False
        if attempt.status is None:
            told = f"Nobody took the webhook ({attempt.error}); here the endpoint answers {_NOBODY}."
            if told not in step.notes:
                step.notes.append(told)
        step.webhooks.append(entry.operation)
        return True

    def _pass_time(self, to: datetime | None) -> None:
        """Move the story's clock over all that happened by itself since the last step, and to the next step."""
        between, self.between = self.between, []
        part, target, last, idle = Step({}), self.now, None, False
        for entry in between:
            if isinstance(entry.data, records.ClockMoved):
                if entry.data.by is None:
                    continue
                if entry.data.to < target:
                    self._miss(f"the clock was set back to {instant(entry.data.to)}")
                    continue
                if idle:  # nothing was due there: somebody stopped the clock, and moved it again
                    part = self._advance(part, target)
                target, idle = entry.data.to, True
                continue
            idle, target = False, max(target, entry.at)
            if isinstance(entry.data, records.Attempted):
                part = self._at_its_time(part, entry, last)
                last = entry.at
        if to is not None and to > target:
            waited = to - target
            target += waited if self._stands_still() else timedelta(seconds=int(waited.total_seconds()))
        self._advance(part, target)

    def _at_its_time(self, part: Step, entry: Entry, last: datetime | None) -> Step:
        """A delivery that nobody waits for; where the endpoint answers otherwise than before, the advance is cut."""
        if not self._received(part, entry):
            if last is None or last >= entry.at:
                self.missing.append("two answers of the webhook endpoint at the same moment")
                part.notes.append("Not recorded: the endpoint gave two different answers at the same moment.")
                part.webhooks.append(entry.operation)
            else:
                part = self._advance(part, last)
                self._received(part, entry)
        return part

    def _advance(self, part: Step, target: datetime) -> Step:
        """Add the step that moves the clock there, or that only waits for what is due; the next part of the way."""
        if target > self.now:
            part.said = {"advance": format_duration(target - self.now)}
            self.now = target
        elif part.webhooks:
            part.said = {"settle": True}
        if part.said:
            self.steps.append(part)
        return Step({})

    # -- the file ----------------------------------------------------------------------------------------------------

    def _file(self) -> Recording:
        scenario = self.world.scenario
        head = {
            "mockpsp": 1,
            "title": f"{scenario.name}, as it was played in the sandbox {self.sandbox.id}",
            "seed": scenario.seed,
            "clock": instant(self.start).replace(".000Z", "Z"),
        }
        final = self._final()  # may still refer to answers
        labels = self._labels()
        lines = [f"# Recorded by mockpsp {__version__}, journal entries {self._span()}."]
        lines += [f"# Not recorded: {each}." for each in dict.fromkeys(map(_one_line, self.missing))]
        lines += list(block({**head}))
        for part, value in self.parts.items():
            lines += ["", f"{part}:", *(block(value, 2) if isinstance(value, Mapping) else items(value, 2))]
        lines += ["", "story:" if any(each.said for each in self.steps) else "story: []"]
        lines += self._story(labels)
        if final:
            lines += ["", "expect:", *block(named(final, labels), 2)]
        return Recording("\n".join(lines) + "\n", len(self.missing))

    def _span(self) -> str:
        journal = self.world.journal
        return f"{journal.entries_dropped + 1} to {journal.count}"

    def _labels(self) -> dict[int, str]:
        """A label for each step that another one goes back to, after its operation."""
        labels: dict[int, str] = {}
        taken = {"credentials", "endpoint", "origin"}
        for index in sorted(self.references.used):
            base = label_for(str(self.steps[index].said["merchant"]))
            name, number = base, 2
            while name in taken:
                name, number = f"{base}_{number}", number + 1
            taken.add(name)
            labels[index] = name
        return labels

    def _story(self, labels: Mapping[int, str]) -> Iterator[str]:
        answering: dict[str, int] = {}
        for index, step in enumerate(self.steps):
            for note in step.notes:
                yield f"  # {_one_line(note)}"
            for provider, status in step.statuses.items():
                if answering.get(provider, 200) != status:
                    yield from items([{"endpoint": provider, "status": status}], 2)
                    answering[provider] = status
            if not step.said:
                continue
            label = {"as": labels[index]} if index in labels else {}
            webhooks = {"webhooks": step.webhooks} if step.webhooks else {}
            expect = {**step.expect, **webhooks}
            said = {**step.said, **label, **({"expect": expect} if expect else {})}
            yield from items([named(said, labels)], 2)

    def _final(self) -> dict[str, Any]:
        """States of all objects that requests were about, and balances that are not as they were at the start."""
        expect: dict[str, Any] = {}
        states = {}
        for ref in self._objects():
            key = self.references.text(ref)
            state = self._state(ref)
            if state and key != ref:
                states[key] = state
        if states:
            expect["state"] = states
        balances = dict(self._balances())
        if balances:
            expect["accounts"] = balances
        return expect

    def _objects(self) -> Iterator[str]:
        found: dict[str, None] = {}
        for entry in self.world.journal.since(0):
            if entry.reference and entry.kind in ("request", "decision", "shopper"):
                found[entry.reference] = None
        return iter(found)

    def _state(self, ref: str) -> dict[str, Any]:
        summaries = (provider.summary(self.world, ref) for provider in self.providers.values())
        summary = next((each for each in summaries if each is not None), None)
        told = plain(dict(summary)) if summary is not None else {}
        return {
            name: value
            for name, value in told.items()
            if isinstance(value, str | int) and self.references.fill(value) == value and not _is_id(value)
        }

    def _balances(self) -> Iterator[tuple[str, str]]:
        for name, provider in self.providers.items():
            openings = self.world.setups[name].openings
            for account in provider.accounts(self.world):
                opening = openings.get(account.ledger)
                if account.balance is None or account.balance == opening or (opening is None and not account.balance):
                    continue
                ref = account.ref if account.ref.startswith(f"{name}/") else f"{name}/{account.ref}"
                if self.references.text(ref) == ref and self.discretion.masked(ref) == ref:
                    yield ref, str(account.balance)


def _played(queued: records.Queued, attempt: records.Attempted) -> bool:
    """Whether the scenario answered in the endpoint's place, as it will again."""
    outage = queued.outage
    if outage is None:
        return False
    failing = outage.fails is not None and attempt.attempt <= outage.fails
    return failing or (outage.down is not None and attempt.status == outage.status and not attempt.delivered)


def _is_id(value: Any) -> bool:
    """What differs from sandbox to sandbox: moments, and what looks drawn."""
    return isinstance(value, str) and len(value) > 11 and sum(each.isdigit() for each in value) > 5


def _one_line(text: str) -> str:
    return " ".join(text.split())


def label_for(operation: str) -> str:
    """A label after an operation: ``worldline.create_hosted_checkout`` opens a ``hosted_checkout``."""
    bare = operation.partition(".")[2]
    for verb in ("create", "get", "update", "list"):
        bare = bare.removeprefix(f"{verb}_") if bare != verb else bare
    return bare


__all__ = ["Recorder", "Recording"]
