"""What a file says twice, too late or in vain: names, labels, and lines that never strike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from mockpsp.domain.lifecycle import Fact
from mockpsp.domain.money import Money
from mockpsp.scenario.conditions import Given
from mockpsp.scenario.grammar import GIVEN, LABEL
from mockpsp.scenario.model import Condition, Op, Tender, Trigger
from mockpsp.scenario.problems import Problems, Spot
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table

_COMPARED = 20
_LABEL = re.compile(rf"\$\{{({LABEL})[.}}\[]")


class Earlier(NamedTuple):
    """A line that strikes whenever its conditions hold, for ever."""

    name: str
    spot: Spot
    meant: frozenset[str]
    when: tuple[Condition, ...]


class Shadows:
    """Finds lines that an earlier one of the same section always forestalls.

    Lines that want one value of a fact (most do, in long files) are found by that value; of the others, a line is
    compared with twenty at most, so a long file stays quick.
    """

    def __init__(self, problems: Problems, what: str) -> None:
        self.problems = problems
        self.what = what
        self._pinned: dict[tuple[str, str, Fact], list[Earlier]] = {}
        self._others: dict[str, list[Earlier]] = {}

    def add(self, name: str, spot: Spot, meant: frozenset[str], trigger: Trigger, *, sometimes: bool = False) -> None:
        """The next line of the section, and the operations or events that it is about; at least one.

        ``sometimes``: it lets some calls pass that meet its conditions.
        """
        given = Given(trigger.when)
        first = self._forestalled(meant, given)
        if first is not None:
            line = f" in line {first.spot.line}" if first.spot.line else ""
            self.problems.add(
                spot,
                f"this {self.what} never strikes: '{first.name}'{line} comes first and has no limit; "
                "put this one before it, or give that one 'times'",
            )
        elif trigger.uses is None and not trigger.start and trigger.until is None and not sometimes:
            self._remember(Earlier(name, spot, meant, trigger.when))

    def _forestalled(self, meant: frozenset[str], given: Given) -> Earlier | None:
        about = min(meant)
        lists = [self._others.get(about, [])]
        lists += [self._pinned.get((about, fact, value), []) for fact, value in given.pinned()]
        for earlier in chain.from_iterable(lists):
            if meant <= earlier.meant and given.implies(earlier.when):
                return earlier
        return None

    def _remember(self, line: Earlier) -> None:
        pin = next(((each.fact, each.value) for each in line.when if each.op is Op.IS), None)
        for about in line.meant:
            if pin is not None:
                fact, value = pin
                assert not isinstance(value, tuple), "only one_of has several values"
                known = self._pinned.setdefault((about, fact, value), [])
            else:
                known = self._others.setdefault(about, [])
            if len(known) < _COMPARED:
                known.append(line)


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


def overpaid(problems: Problems, spot: Spot, pays: Sequence[Tender], total: Money) -> None:
    """Note tenders that are more than there is to pay, or other money.

    A tender with the kind and the amount of an earlier one may be its second attempt, and is counted once.
    """
    amounts = {(each.kind, each.amount): each.amount for each in pays if each.amount is not None}.values()
    strange = next((each for each in amounts if each.currency != total.currency), None)
    if strange is not None:
        problems.add(spot, f"pays: {strange} cannot pay {total}; use one currency")
        return
    paid = Money(sum(each.minor for each in amounts), total.currency)
    if paid.minor > total.minor:
        problems.add(spot, f"pays: {paid} is more than the {total} that there is to pay; lower a tender's amount")


_SHARE = "_share"


def shares(problems: Problems, spot: Spot, when: Sequence[Condition]) -> None:
    """Note a split whose shares, all of them named, are not the amount: it never comes."""
    pinned = {each.fact: each.value for each in when if each.op is Op.IS and isinstance(each.value, Money)}
    total, parts = pinned.get("amount"), [value for fact, value in pinned.items() if fact.endswith(_SHARE)]
    if not isinstance(total, Money) or len(parts) < 2:
        return
    known = [each for each in parts if isinstance(each, Money) and each.currency == total.currency]
    added = Money(sum(each.minor for each in known), total.currency)
    if len(known) == len(parts) and added != total:
        problems.add(spot, f"when: the shares are {added} together and the amount is {total}, so this never strikes")


def labels(node: Node) -> Iterator[tuple[str, Spot]]:
    """The labels that a value speaks of, in its keys too: ``checkout`` in ``${checkout.id}``."""
    if isinstance(node, Scalar):
        for label in _LABEL.findall(node.text) if "${" in node.text else ():
            yield label, node.spot
    elif isinstance(node, Many):
        for child in node.items:
            yield from labels(child)
    else:
        for key, child in node.items.items():
            for label in _LABEL.findall(key) if "${" in key else ():
                yield label, node.keys[key]
            yield from labels(child)


class Labels:
    """Labels in a story, in the order in which its steps run. Each leads to the call that got the answer.

    A label may be given again; it then stands for the later answer.
    """

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.calls: dict[str, str] = {}

    def define(self, label: str, spot: Spot, call: str) -> None:
        """A step keeps its answer under this label."""
        if label in GIVEN:
            self.problems.add(spot, f"every story has '{label}' already; choose another label")
        self.calls[label] = call

    def use(self, label: str, spot: Spot) -> None:
        """Something speaks of the answer under a label; a problem if no earlier step kept one."""
        if label not in self.calls:
            hint = self.problems.hint(label, self.calls)
            self.problems.add(spot, f"no step before this one has 'as: {label}'{hint}")

    def scan(self, node: Node) -> None:
        """Every label in a value."""
        for label, spot in labels(node):
            if label not in GIVEN:
                self.use(label, spot)

    def scan_keys(self, step: Table, skip: Callable[[str], bool]) -> None:
        """Every label in a step, except under some keys."""
        for key, child in step.items.items():
            if not skip(key):
                self.scan(child)
