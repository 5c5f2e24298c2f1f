"""What a file says twice, too late or in vain: names, labels, and lines that never strike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mockpsp.scenario.conditions import implies
from mockpsp.scenario.grammar import GIVEN, LABEL
from mockpsp.scenario.model import Trigger
from mockpsp.scenario.problems import Problems, Spot
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table

_COMPARED = 100
_LABEL = re.compile(rf"\$\{{({LABEL})[.}}\[]")


@dataclass(slots=True)
class Shadows:
    """Finds lines that an earlier one of the same section always forestalls.

    Each line is compared with at most a hundred unlimited lines about the same names, so a large file stays quick.
    """

    problems: Problems
    what: str
    _endless: dict[str, list[tuple[str, Spot, frozenset[str], Trigger]]] = field(default_factory=dict)

    def add(self, name: str, spot: Spot, meant: frozenset[str], trigger: Trigger) -> None:
        """The next line of the section, and the operations or events that it is about; at least one."""
        for first, where, covered, before in self._endless.get(min(meant), []):
            if meant <= covered and implies(trigger.when, before.when):
                line = f" in line {where.line}" if where.line else ""
                self.problems.add(
                    spot,
                    f"this {self.what} never strikes: '{first}'{line} comes first and has no limit; "
                    "put this one before it, or give that one 'times'",
                )
                return
        if trigger.uses is None:
            for each in meant:
                lines = self._endless.setdefault(each, [])
                if len(lines) < _COMPARED:
                    lines.append((name, spot, meant, trigger))


class Unique:
    """Names that may stand for one thing only."""

    def __init__(self, problems: Problems, what: str) -> None:
        self.problems = problems
        self.what = what
        self.first: dict[str, Spot] = {}

    def add(self, name: str, spot: Spot) -> None:
        """Note the name; a problem if it is taken."""
        before = self.first.setdefault(name, spot)
        if before is not spot:
            where = f"line {before.line}" if before.line else before.path
            self.problems.add(spot, f"the {self.what} '{name}' is taken by {where}; choose another")


def labels(node: Node) -> Iterator[tuple[str, Spot]]:
    """The labels of earlier answers that a value speaks of: ``checkout`` in ``${checkout.id}``."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and "${" in node.value:
            for match in _LABEL.finditer(node.value):
                yield match[1], node.spot
        return
    for child in node.items if isinstance(node, Many) else node.items.values():
        yield from labels(child)


class Labels:
    """Labels in a story, in the order in which its steps run. Each leads to the call that got the answer."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.calls: dict[str, str] = {}
        self._spots = Unique(problems, "label")

    def define(self, label: str, spot: Spot, call: str) -> None:
        """A step keeps its answer under this label."""
        self._spots.add(label, spot)
        self.calls.setdefault(label, call)

    def use(self, label: str, spot: Spot) -> None:
        """Something speaks of the label; a problem if no earlier step defined it."""
        if label not in self.calls and label not in GIVEN:
            hint = self.problems.hint(label, self.calls)
            self.problems.add(spot, f"no step before this one has 'as: {label}'{hint}")

    def scan(self, node: Node) -> None:
        """Every label in a value."""
        for label, spot in labels(node):
            self.use(label, spot)

    def scan_keys(self, step: Table, skip: Callable[[str], bool]) -> None:
        """Every label in a step, except under some keys."""
        for key, child in step.items.items():
            if not skip(key):
                self.scan(child)
