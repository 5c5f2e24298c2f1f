"""The journal of a sandbox as a scenario file whose story does, and expects, what happened there by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mockpsp.control.recorded_calls import Calls
from mockpsp.control.recorded_deeds import Addresses, Balances, SentAgain, Told
from mockpsp.control.recorded_file import Recording, Step, Writer
from mockpsp.control.recorded_start import beginning, scenarios
from mockpsp.control.recorded_values import Discretion, References, leaves
from mockpsp.domain.clock import format_duration
from mockpsp.edge.scenario_text import act, parts
from mockpsp.scenario.model import App, Bank, Scenario, ShopperScript
from mockpsp.world import records
from mockpsp.world.clock import ClockMode
from mockpsp.world.journal import Entry, Request
from mockpsp.world.plain import instant

if TYPE_CHECKING:
    from mockpsp.edge.provider import Provider
    from mockpsp.scenario.library import Library
    from mockpsp.world.sandboxes import Sandbox

REFUSED = "refused"
_NOBODY = 503
_PAGE_WORDS = frozenset({"password", "code"})
"""What a shopper types at a simulated bank's page is printed on that page."""

_AT_ONCE = 1.0
"""Seconds that may pass on a running clock without being worth a step."""


class Recorder:
    """One pass over a journal. ``record`` may be called once. Numbers that ``public`` names are no secret either."""

    def __init__(
        self,
        sandbox: Sandbox,
        providers: Mapping[str, Provider],
        public: Iterable[Any] = (),
        library: Library | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.world = sandbox.world
        self.providers = providers
        self.told = Told(library)
        self.begins = beginning(self.world)
        self.scenario = self.begins.scenario
        self.references = References(self._credentials(self.scenario))
        self.parts = parts(self.scenario)
        later = (parts(changed.scenario) for _, changed in scenarios(self.world.journal))
        self.discretion = Discretion([self.parts, *later, *public])
        self.addresses = Addresses(self.world.journal, self.references)
        self.balances = Balances(self.world, providers)
        self.again = SentAgain(self.references, self.addresses)
        self.calls = Calls(sandbox, providers, self.references, self.discretion)
        self.steps: list[Step] = []
        self.missing: list[str] = []
        self.by_entry: dict[int, Step] = {}
        self.by_webhook: dict[int, Step] = {}
        self.queued: dict[int, records.Queued] = {}
        self.acts: dict[str, Step] = {}
        self.answered: dict[str, int] = {}
        self.between: list[Entry] = []
        self.begun: dict[int, list[Entry]] = {}
        self.led_to: dict[int, set[str]] = {}
        for entry in self.world.journal.since(0):
            self.led_to.setdefault(entry.cause, set()).add(entry.operation)
        self.still = self.begins.still
        self.now = self.begins.now

    def record(self) -> Recording:
        """The whole file."""
        journal = self.world.journal
        if journal.entries_dropped:
            self.missing.append(f"the first {journal.entries_dropped} entries, which the bounded journal had to drop")
        for entry in journal.since(0):
            if isinstance(entry.data, records.Queued):
                self.queued[entry.data.number] = entry.data
        self.steps.extend(map(Step, self.addresses.opening()))
        for entry in journal.since(0):
            self._take(entry)
        if self.begun:
            self._miss("a shopper began on a page, and did nothing there that a story can tell")
        self._pass_time(self.world.clock.now() if self.still else None)
        begins, told = self.begins, self.told
        writer = Writer(self.sandbox, self.providers, begins, told, self.references, self.discretion)
        return writer.write(self.steps, self.missing)

    # -- entry by entry ----------------------------------------------------------------------------------------------

    def _take(self, entry: Entry) -> None:
        takers: dict[str, Callable[[Entry], None]] = {
            "request": self._request,
            "shopper": self._shopper,
            "delivery": self._delivery,
            "clock": self._clock,
            "timer": self._by_itself,
            "back-office": self._back_office,
            "scenario": self._scenario,
            "posting": self._posting,
            "webhook": self._webhook,
            "endpoint": lambda each: self._by_hand(each, lambda: self.addresses.changed(each)),
            "probe": self._probe,
        }
        taker = takers.get(entry.kind)
        if taker is not None:
            taker(entry)

    # -- beside the APIs ---------------------------------------------------------------------------------------------

    def _by_hand(self, entry: Entry, said: Callable[[], dict[str, Any] | None]) -> None:
        """Add a step for something that somebody did by hand, or a note that a story cannot say it."""
        try:
            told = said()
        except LookupError as error:
            self._miss(str(error))
            return
        if told is None:
            return
        hidden = self.discretion.hidden
        told = self.discretion.masked(told)
        if self.discretion.hidden > hidden:
            self._miss("a secret or a card number that is none of the scenario's, where something was done by hand")
            return
        self._pass_time(entry.at)
        step = self._add(told)
        self.by_entry[entry.number] = step
        if isinstance(entry.data, records.Queued):
            self.by_webhook[entry.data.number] = step

    def _clock(self, entry: Entry) -> None:
        """Somebody moved the clock, or let it run or stand still; a running one is told in whole seconds."""
        moved: records.ClockMoved = entry.data
        if moved.by is not None:
            self.between.append(entry)
            return
        if entry.number > self.begins.settled and moved.mode is ClockMode.MANUAL:
            self._pass_time(moved.to)
            self.now = moved.to
        self.still = moved.mode is ClockMode.MANUAL

    def _posting(self, entry: Entry) -> None:
        self.balances.booked(entry)
        if not entry.cause and entry.operation == "balance set":
            self._by_hand(entry, lambda: self.balances.step(entry))

    def _webhook(self, entry: Entry) -> None:
        if not entry.cause and entry.data.at_once:
            self._by_hand(entry, lambda: self.again.step(entry.data))
        self.again.saw(entry.data)
        self.addresses.saw(entry.data)

    def _back_office(self, entry: Entry) -> None:
        ref = self.references.text(entry.reference)
        if ref == entry.reference:
            self._miss(f"the back office of {entry.provider} acted on {ref}, which no recorded answer speaks of")
            return
        told = {"back_office": entry.provider, "ref": ref, "does": self.references.fill(dict(entry.data))}
        self._by_hand(entry, lambda: told)
        if entry.number in self.world.journal.remarks and entry.number in self.by_entry:
            self.by_entry[entry.number].expect["status"] = REFUSED

    def _scenario(self, entry: Entry) -> None:
        """Another scenario came into force; before anything had happened, the file begins with it."""
        scenario: Scenario = entry.data.scenario
        if entry.number <= self.begins.settled:
            return
        self._pass_time(entry.at)
        self.references.given(self._credentials(scenario))
        self._add({"scenario": self.told.in_force(scenario)})

    def _credentials(self, scenario: Scenario) -> dict[str, Mapping[str, Any]]:
        """What the application has in its settings while this scenario is in force."""
        return {name: each.credentials(self.sandbox.id, scenario) for name, each in self.providers.items()}

    def _probe(self, entry: Entry) -> None:
        """An address was asked while a call was being answered; the call comes before it and has its step."""
        step = self.by_entry.get(entry.cause)
        if step is None:
            return
        status = entry.data.status or _NOBODY
        step.statuses.setdefault(entry.provider, status)
        if entry.data.status is None:
            step.notes.append(f"Nobody was at the target ({entry.data.error}); here the endpoint answers {_NOBODY}.")

    def _miss(self, what: str) -> None:
        self.missing.append(what)
        self._add({}).notes.append(f"Not recorded: {what}.")

    def _add(self, said: dict[str, Any]) -> Step:
        step = Step(said)
        self.steps.append(step)
        return step

    # -- calls and shoppers ------------------------------------------------------------------------------------------

    def _request(self, entry: Entry) -> None:
        request: Request = entry.data
        page = self.calls.page(entry, request, self.led_to.get(entry.number, ()))
        if page is not None:
            if entry.number not in self.led_to:
                pass
            elif page.script is not None:
                self._act(entry, page.ref, page.script)
            elif page.ref:
                self._came_back(entry, page.ref)
            else:
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

    def _shopper(self, entry: Entry) -> None:
        script: ShopperScript = entry.data
        if any(line.key == script.key for line in self.world.scenario.shopper):
            self._by_itself(entry)
            return
        self._act(entry, entry.reference, script)

    def _by_itself(self, entry: Entry) -> None:
        """What needs no step: it belongs to the last one if it came at once, else to the time that passes."""
        late = self.still and entry.at > self.now
        if not (late or self.between) and self.by_entry and (entry.at - self.now).total_seconds() < _AT_ONCE:
            self.by_entry[entry.number] = self.steps[-1]
        else:
            self.between.append(entry)

    def _act(self, entry: Entry, ref: str, script: ShopperScript) -> None:
        if script.bank is not None and self._at_the_bank(entry, ref, script.bank):
            return
        if self._goes_on(entry, ref, script):
            return
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
        self.acts[ref] = step
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

    def _at_the_bank(self, entry: Entry, ref: str, bank: Bank) -> bool:
        """Tell what the shopper did at the bank's page together with the payment before it, if nothing lies between."""
        step = self.acts.get(ref)
        waiting = step is not None and step is self.steps[-1] and "pays" in step.said and step.said["pays"][-1]
        if not waiting or waiting.get("bank") != Bank.ABANDONS or self._timed(entry):
            return False
        if bank is Bank.PASSES:
            del waiting["bank"]
        else:
            waiting["bank"] = bank.value
        assert step is not None, "somebody waits there"
        self.by_entry[entry.number] = step
        return True

    def _goes_on(self, entry: Entry, ref: str, script: ShopperScript) -> bool:
        """Tell what the shopper did together with how it began, if nothing lies between."""
        step = self.acts.get(ref)
        if step is None or step is not self.steps[-1] or self._timed(entry) or "expect" in step.said:
            return False
        said = act(script)
        began = step.said.get("pays", ({},))[-1]
        if "abandons" in step.said:
            del step.said["abandons"]
        elif "app" in began and _follows(began, said):
            whose = {"beneficiary": began["beneficiary"]} if "beneficiary" in began else {}
            if "refuses" in said:
                said = {"refuses": {"with": began["with"], **whose} if whose else True}
            else:
                first, *others = said["pays"]
                said = {"pays": [{**first, **whose}, *others]}
            del step.said["pays"]
        else:
            return False
        step.said |= self.discretion.masked(said, free=_PAGE_WORDS)
        self.by_entry[entry.number] = step
        return True

    def _came_back(self, entry: Entry, ref: str) -> None:
        """The shopper is back from the bank's page, which a story's shopper is at once."""
        step = self.acts.get(ref)
        if step is None or step is not self.steps[-1] or self._timed(entry):
            self._miss(f"the shopper came back from the bank's page of {ref} only here; a story's shopper does at once")
            self._by_itself(entry)
        else:
            self.by_entry[entry.number] = step

    def _timed(self, entry: Entry) -> bool:
        """Whether something happened by itself since the last step, or somebody moved the clock."""
        return bool(self.between) or (self.still and entry.at > self.now)

    # -- what came of it, and time -----------------------------------------------------------------------------------

    def _delivery(self, entry: Entry) -> None:
        """With its cause what is delivered at once, with the clock what has a time of its own."""
        attempt = entry.data
        queued = self.queued.get(attempt.number)
        if queued is None:
            return
        step = self.by_webhook.get(attempt.number) or self.by_entry.get(entry.cause)
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
                if entry.data.to < target:
                    self._advance(part, target)
                    self._add({"clock": instant(entry.data.to)})
                    self.now = target = entry.data.to
                    part, idle = Step({}), False
                    continue
                if idle:  # nothing was due there: somebody stopped the clock, and moved it again
                    part = self._advance(part, target)
                target, idle = entry.data.to, True
                continue
            idle, target = False, max(target, entry.at)
            if isinstance(entry.data, records.Attempted):
                part = self._at_its_time(part, entry, last)
                last = entry.at
        self._advance(part, target if to is None else max(target, to))

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
        span = target - self.now
        if not self.still:
            span = timedelta(seconds=int(span.total_seconds()))
        if span > timedelta(0):
            part.said = {"advance": format_duration(span)}
            self.now += span
        elif part.webhooks:
            part.said = {"settle": True}
        if part.said:
            self.steps.append(part)
        return Step({})


def _follows(began: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether this is what a shopper does next who went to the vouchers' app; another start is none."""
    if said.get("refuses"):
        return True
    first = said["pays"][0] if "pays" in said else {}
    return bool(first.get("with") == began["with"] and first.get("app") != App.UNOPENED)


def _played(queued: records.Queued, attempt: records.Attempted) -> bool:
    """Whether the scenario answered in the endpoint's place, as it will again."""
    outage = queued.outage
    if outage is None:
        return False
    failing = outage.fails is not None and attempt.attempt <= outage.fails
    return failing or (outage.down is not None and attempt.status == outage.status and not attempt.delivered)


__all__ = ["Recorder", "Recording"]
