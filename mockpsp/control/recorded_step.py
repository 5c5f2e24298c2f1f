"""One call, or one act of a shopper, as a step of a story: what the dashboard offers to copy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mockpsp.control.recorded_calls import Calls
from mockpsp.control.recorded_file import label_for
from mockpsp.control.recorded_values import Discretion, References, leaves, named, placeholder
from mockpsp.edge.scenario_text import act, items, parts
from mockpsp.scenario.model import ShopperScript
from mockpsp.world.journal import Entry, Request

if TYPE_CHECKING:
    from mockpsp.edge.provider import Provider
    from mockpsp.world.sandboxes import Sandbox


def step_of(
    sandbox: Sandbox, providers: Mapping[str, Provider], public: Iterable[Any], entries: Sequence[Entry]
) -> str | None:
    """The last of these entries as YAML of a story; None when a story has no step for it.

    The entries before it are what its references may go back to. Values that only earlier answers could give become
    references to them; a comment tells which steps have to be kept under which name.
    """
    references = References(sandbox.credentials)
    discretion = Discretion([parts(sandbox.world.scenario), *public])
    writer = _Writer(references, Calls(sandbox, providers, references, discretion), discretion)
    lines: list[str] | None = None
    for index, entry in enumerate(entries):
        lines = writer.write(index, entry, last=index == len(entries) - 1)
    return None if lines is None else "\n".join(lines) + "\n"


class _Writer:
    """Reads entries in order, and writes the last one."""

    def __init__(self, references: References, calls: Calls, discretion: Discretion) -> None:
        self._references = references
        self._calls = calls
        self._discretion = discretion
        self._operations: dict[int, str] = {}
        self._answers: dict[str, int] = {}

    def write(self, index: int, entry: Entry, *, last: bool) -> list[str] | None:
        """The step, if it is the last one and there is one for it."""
        if last:
            self._references.used.clear()
        if isinstance(entry.data, ShopperScript):
            return self._act(entry.reference, entry.data) if last else None
        if not isinstance(entry.data, Request):
            return None
        led_to = {each.operation for each in self._calls.sandbox.world.journal.index().caused_by(entry.number)}
        page = self._calls.page(entry, entry.data, led_to)
        if page is not None:
            return self._act(page.ref, page.script) if last and page.script is not None else None
        call = self._calls.said(entry, entry.data, index)
        if call.said is None:
            return None
        self._operations[index] = f"{entry.provider}.{entry.operation}"
        if last:
            status = "dropped" if entry.data.cut or not entry.data.status else entry.data.status
            notes = [*(f"Not as it was sent: {each}." for each in call.missing), *call.notes]
            return self._text({**call.said, "expect": {"status": status}}, notes)
        self._references.learned(index, call.answer)
        for _, _, text in leaves(call.answer):
            self._answers.setdefault(text, index)
        return None

    def _act(self, ref: str, script: ShopperScript) -> list[str] | None:
        opened = next((step for text, step in self._answers.items() if ref and ref in text), None)
        if opened is None:
            return None
        self._references.used.add(opened)
        return self._text({"shopper": placeholder(opened), **self._discretion.masked(act(script))}, [])

    def _text(self, said: Mapping[str, Any], notes: Sequence[str]) -> list[str]:
        labels: dict[int, str] = {}
        for index in sorted(self._references.used):
            base = label_for(self._operations[index])
            taken = set(labels.values())
            labels[index] = next(
                name for name in (base, *(f"{base}_{each}" for each in range(2, 1000))) if name not in taken
            )
        kept = [f"{name} is what {self._operations[index]} answered (as: {name})" for index, name in labels.items()]
        told = [f"# {' '.join(each.split())}" for each in (*kept, *notes)]
        return [*told, *items([named(said, labels)], 0)]
