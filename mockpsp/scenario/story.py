"""The story that ``play`` runs, step by step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mockpsp.domain.clock import format_duration
from mockpsp.scenario import grammar
from mockpsp.scenario.check import Labels
from mockpsp.scenario.lines import Lines
from mockpsp.scenario.model import ZERO, Step, Trigger
from mockpsp.scenario.problems import Bad
from mockpsp.scenario.reading import Reader, duration, money, shown, since, text, whole, yes
from mockpsp.scenario.sums import Tally
from mockpsp.scenario.vocabulary import Vocabulary
from mockpsp.scenario.yaml_nodes import Many, Node, Table, plain

_LABEL = re.compile(grammar.LABEL)
_STATUS = whole(*grammar.STATUS)
_ACTIONS = grammar.STEP_KINDS[:-1]


class Story:
    """Reads steps in their order; ``labels`` are those that earlier steps gave."""

    def __init__(self, reader: Reader, words: Vocabulary, lines: Lines, tally: Tally) -> None:
        self.reader = reader
        self.words = words
        self.lines = lines
        self.tally = tally
        self.labels = Labels(reader.problems)
        self._number = 0
        self._reached = ZERO

    def step(self, node: Node, index: int) -> Step | None:
        """One item of ``story``; None, and noted, when it is not clear what it does."""
        if not isinstance(node, Table):
            raise Bad(
                node.spot,
                f"a step is a mapping with one of {', '.join(grammar.STEP_KINDS)}; this is {shown(node)}",
            )
        said = [kind for kind in _ACTIONS if kind in node.items]
        if len(said) > 1:
            told = " and ".join(f"'{kind}'" for kind in said)
            raise Bad(node.keys[said[1]], f"{told} are two steps; give each an item of its own")
        kind = said[0] if said else "expect"
        if not said and "expect" not in node.items:
            self.reader.unknown(node, grammar.STEP_KINDS, "kind of step")
            raise Bad(node.spot, f"a step needs one of {', '.join(grammar.STEP_KINDS)}")
        self.reader.table(node, f"step.{kind}")
        read = {
            "merchant": self._merchant,
            "shopper": self._shopper,
            "advance": self._advance,
            "at": self._at,
            "settle": self._settle,
            "endpoint": self._endpoint,
            "expect": self._expect_only,
        }[kind]
        self._number = index
        return read(node)

    def _expect(self, step: Table) -> Mapping[str, Any]:
        """``expect``; a step's own label is defined by now."""
        node = step.items.get("expect")
        if node is None:
            return {}
        self.labels.scan(node)
        return self._mapping(step, "expect")

    def _expected_later(self, step: Table) -> Mapping[str, Any]:
        """The same for a step that nobody calls or pays with."""
        self.tally.expect(step.items.get("expect"))
        return self._expect(step)

    def _mapping(self, step: Table, key: str) -> dict[str, Any]:
        """A free mapping, as it is."""
        return self.reader.get(step, key, lambda node: plain(_table(node)), {})

    def _texts(self, step: Table, key: str) -> dict[str, str]:
        """A mapping of texts."""
        node = step.items.get(key)
        if node is None:
            return {}
        table = self.reader.get(step, key, _table, None)
        return {name: self.reader.get(table, name, text, "") for name in table.items} if table is not None else {}

    def _query(self, node: Node) -> dict[str, Any]:
        """Query parameters: each a value, or a list of values for a repeated one."""
        table = _table(node)
        for child in table.items.values():
            for each in child.items if isinstance(child, Many) else [child]:
                if isinstance(each, Many | Table):
                    raise Bad(each.spot, f"a parameter is a value or a list of values, not {shown(each)}")
        found: dict[str, Any] = plain(table)
        return found

    def _merchant(self, step: Table) -> Step:
        call = self.reader.get(step, "merchant", self.words.call, "")
        self.labels.scan_keys(step, lambda key: key == "expect")
        of = self.reader.get(step, "of", _label, "")
        if of:
            self.labels.use(of, step.items["of"].spot)
        label = self.reader.get(step, "as", _label, "")
        amount = self.reader.get(step, "amount", money, None)
        body = step.items.get("body")
        if label:
            self.labels.define(label, step.items["as"].spot, call)
        read = Step(
            kind="merchant",
            operation=call,
            label=label,
            of=of,
            amount=amount,
            body=plain(body) if body is not None else None,
            path=self._texts(step, "path"),
            query=self.reader.get(step, "query", self._query, {}),
            headers=self._texts(step, "headers"),
            key=self.reader.get(step, "key", text, None),
            expect=self._expect(step),
            line=step.spot.line,
        )
        self.tally.merchant(read, step)
        return read

    def _shopper(self, step: Table) -> Step:
        label = self.reader.get(step, "shopper", _label, "")
        if label:
            self.labels.use(label, step.items["shopper"].spot)
        self.labels.scan_keys(step, lambda key: key in ("expect", "shopper"))
        provider = self.labels.calls.get(label, "").partition(".")[0]
        tenders = self.words.tenders_of(provider) if provider in self.words.catalogues else None
        script = self.lines.act(
            step,
            key=f"story[{self._number}]",
            at="",
            trigger=Trigger(),
            tenders=tenders,
            of=provider,
            total=None if "expect" in step.items and _refused(step.items["expect"]) else self.tally.due(label),
        )
        read = Step(kind="shopper", label=label, shopper=script, expect=self._expect(step), line=step.spot.line)
        self.tally.shopper(read, step)
        return read

    def _advance(self, step: Table) -> Step:
        span = self.reader.get(step, "advance", duration, ZERO)
        self._reached += span
        return Step(kind="advance", span=span, expect=self._expected_later(step), line=step.spot.line)

    def _at(self, step: Table) -> Step:
        span = self.reader.get(step, "at", since, ZERO)
        if span < self._reached:
            told = f"at: {format_duration(self._reached)} have passed already; time only goes on in a story"
            self.reader.problems.add(step.keys["at"], told)
        self._reached = max(span, self._reached)
        return Step(kind="at", span=span, expect=self._expected_later(step), line=step.spot.line)

    def _settle(self, step: Table) -> Step:
        self.reader.get(step, "settle", yes, True)
        return Step(kind="settle", expect=self._expected_later(step), line=step.spot.line)

    def _endpoint(self, step: Table) -> Step:
        return Step(
            kind="endpoint",
            operation=self.reader.get(step, "endpoint", self.words.provider, ""),
            status=self.reader.get(step, "status", _STATUS, None),
            expect=self._expected_later(step),
            line=step.spot.line,
        )

    def _expect_only(self, step: Table) -> Step:
        return Step(kind="expect", expect=self._expected_later(step), line=step.spot.line)


def _refused(expect: Node) -> bool:
    """Whether the page is expected to refuse, as it does when somebody wants to pay too much."""
    return isinstance(expect, Table) and "status" in expect.items


def _table(node: Node) -> Table:
    if isinstance(node, Table):
        return node
    raise Bad(node.spot, f"needs a mapping, not {shown(node)}")


def _label(node: Node) -> str:
    label = text(node)
    if _LABEL.fullmatch(label) is None:
        raise Bad(node.spot, f"'{label}' is not a label; use letters, digits, '_' and '-', starting with a letter")
    return label
