"""The text of a recording: the scenario at its head, the steps of the story, and what must be true at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mockpsp import __version__
from mockpsp.control.recorded_deeds import Told
from mockpsp.control.recorded_start import Beginning
from mockpsp.control.recorded_values import Discretion, References, named
from mockpsp.edge.scenario_text import block, items, scalar
from mockpsp.world.plain import instant, plain

if TYPE_CHECKING:
    from mockpsp.edge.provider import Provider
    from mockpsp.world.sandboxes import Sandbox


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


class Writer:
    """Writes the file of a sandbox's story; the references and the masks are those that its steps were told with."""

    def __init__(
        self,
        sandbox: Sandbox,
        providers: Mapping[str, Provider],
        begins: Beginning,
        told: Told,
        references: References,
        discretion: Discretion,
    ) -> None:
        self._sandbox = sandbox
        self._world = sandbox.world
        self._providers = providers
        self._begins = begins
        self._told = told
        self._references = references
        self._discretion = discretion

    def write(self, steps: Sequence[Step], missing: Sequence[str]) -> Recording:
        """The file of these steps, with what could not be recorded at its top."""
        head = {
            "mockpsp": 1,
            "title": f"{self._begins.scenario.name}, as it was played in the sandbox {self._sandbox.id}",
            "seed": self._begins.seed,
            "clock": instant(self._begins.start).replace(".000Z", "Z"),
        }
        final = self._final()  # may still refer to answers
        labels = _labels(steps, self._references)
        lines = [f"# Recorded by mockpsp {__version__}, journal entries {self._span()}."]
        lines += [f"# Not recorded: {each}." for each in dict.fromkeys(map(_one_line, missing))]
        lines += list(block({**head}))
        for part, value in self._told.at_first(self._begins.scenario).items():
            if isinstance(value, str):
                lines += ["", f"{part}: {scalar(value)}"]
                continue
            lines += ["", f"{part}:", *(block(value, 2) if isinstance(value, Mapping) else items(value, 2))]
        lines += ["", "story:" if any(each.said for each in steps) else "story: []"]
        lines += _story(steps, labels)
        if final:
            lines += ["", "expect:", *block(named(final, labels), 2)]
        return Recording("\n".join(lines) + "\n", len(missing))

    def _span(self) -> str:
        journal = self._world.journal
        return f"{journal.entries_dropped + 1} to {journal.count}"

    def _final(self) -> dict[str, Any]:
        """States of all objects that requests were about, and balances that are not as they were at the start."""
        expect: dict[str, Any] = {}
        states = {}
        for ref in self._objects():
            key = self._references.text(ref)
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
        for entry in self._world.journal.since(0):
            if entry.reference and entry.kind in ("request", "decision", "shopper"):
                found[entry.reference] = None
        return iter(found)

    def _state(self, ref: str) -> dict[str, Any]:
        summaries = (provider.summary(self._world, ref) for provider in self._providers.values())
        summary = next((each for each in summaries if each is not None), None)
        told = plain(dict(summary)) if summary is not None else {}
        return {
            name: value
            for name, value in told.items()
            if isinstance(value, str | int) and self._references.fill(value) == value and not _is_id(value)
        }

    def _balances(self) -> Iterator[tuple[str, str]]:
        for name, provider in self._providers.items():
            openings = self._world.setups[name].openings
            for account in provider.accounts(self._world):
                opening = openings.get(account.ledger)
                if account.balance is None or account.balance == opening or (opening is None and not account.balance):
                    continue
                ref = account.ref if account.ref.startswith(f"{name}/") else f"{name}/{account.ref}"
                if self._references.text(ref) == ref and self._discretion.masked(ref) == ref:
                    yield ref, str(account.balance)


def _labels(steps: Sequence[Step], references: References) -> dict[int, str]:
    """A label for each step that another one goes back to, after its operation."""
    labels: dict[int, str] = {}
    taken = {"credentials", "endpoint", "origin"}
    for index in sorted(references.used):
        base = label_for(str(steps[index].said["merchant"]))
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        labels[index] = name
    return labels


def _story(steps: Sequence[Step], labels: Mapping[int, str]) -> Iterator[str]:
    answering: dict[str, int] = {}
    for index, step in enumerate(steps):
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


__all__ = ["Recording", "Step", "Writer", "label_for"]
