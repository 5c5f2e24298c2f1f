"""The story that ``play`` runs, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mockpsp.domain.clock import format_duration
from mockpsp.domain.money import Money
from mockpsp.scenario import grammar, provided
from mockpsp.scenario.check import Labels
from mockpsp.scenario.lines import Lines
from mockpsp.scenario.model import ZERO, Scenario, Step, Trigger
from mockpsp.scenario.problems import Bad
from mockpsp.scenario.reading import Reader, duration, instant, money, shown, since, text, whole, yes
from mockpsp.scenario.sums import Tally
from mockpsp.scenario.vocabulary import Vocabulary
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table, plain

_LABEL = re.compile(grammar.LABEL)
_STATUS = whole(*grammar.STATUS)
_COUNT = whole(1, 2**31)
_ACTIONS = grammar.STEP_KINDS[:-1]


class Story:
    """Reads steps in their order; ``labels`` are those that earlier steps gave.

    ``another`` reads a scenario that comes into force on the way; None, and noted, when it cannot.
    """

    def __init__(
        self, reader: Reader, words: Vocabulary, lines: Lines, another: Callable[[Node], Scenario | None], tally: Tally
    ) -> None:
        self.reader = reader
        self.words = words
        self.lines = lines
        self.tally = tally
        self.labels = Labels(reader.problems)
        self._another = another
        self._number = 0
        self._reached = ZERO
        self._timed = True

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
            "clock": self._clock,
            "settle": self._settle,
            "endpoint": self._endpoint,
            "resend": self._resend,
            "account": self._account,
            "back_office": self._back_office,
            "scenario": self._scenario,
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
            acts=self.words.acts_of(provider) if tenders is not None else None,
            refusable=self.words.refusable_of(provider) if tenders is not None else None,
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
        if self._timed and span < self._reached:
            told = f"at: {format_duration(self._reached)} have passed already; time only goes on in a story"
            self.reader.problems.add(step.keys["at"], told)
        self._reached = max(span, self._reached)
        return Step(kind="at", span=span, expect=self._expected_later(step), line=step.spot.line)

    def _clock(self, step: Table) -> Step:
        moment = self.reader.get(step, "clock", instant, None)
        self._timed = False  # what is later or earlier than this moment depends on the file's clock, if it has one
        return Step(kind="clock", moment=moment, expect=self._expected_later(step), line=step.spot.line)

    def _settle(self, step: Table) -> Step:
        self.reader.get(step, "settle", yes, True)
        return Step(kind="settle", expect=self._expected_later(step), line=step.spot.line)

    def _endpoint(self, step: Table) -> Step:
        said = [key for key in ("status", "url", "urls") if key in step.items]
        if not said:
            self.reader.problems.add(step.spot, "an endpoint step needs 'status', 'url' or 'urls'")
        if "url" in said and "urls" in said:
            self.reader.problems.add(step.keys["urls"], "'url' and 'urls' exclude each other; keep one")
        self.labels.scan_keys(step, lambda key: key == "expect")
        return Step(
            kind="endpoint",
            operation=self.reader.get(step, "endpoint", self.words.provider, ""),
            status=self.reader.get(step, "status", _STATUS, None),
            urls=self.reader.get(step, "urls", self._addresses, self.reader.get(step, "url", _address, None)),
            expect=self._expected_later(step),
            line=step.spot.line,
        )

    def _addresses(self, node: Node) -> tuple[str, ...]:
        return tuple(text(each) for each in self.reader.many(node, "addresses"))

    def _resend(self, step: Table) -> Step:
        self.labels.scan_keys(step, lambda key: key == "expect")
        return Step(
            kind="resend",
            operation=self.reader.get(step, "resend", self.words.event, ""),
            ref=self.reader.get(step, "ref", text, ""),
            nth=self.reader.get(step, "nth", _COUNT, None),
            urls=self.reader.get(step, "url", _address, None) or None,
            expect=self._expected_later(step),
            line=step.spot.line,
        )

    def _account(self, step: Table) -> Step:
        self.labels.scan_keys(step, lambda key: key == "expect")
        return Step(
            kind="account",
            ref=self.reader.get(step, "account", text, ""),
            amount=self.reader.get(step, "balance", _holdable, None),
            expect=self._expected_later(step),
            line=step.spot.line,
        )

    def _back_office(self, step: Table) -> Step:
        provider = self.reader.get(step, "back_office", self.words.staffed, "")
        self.labels.scan_keys(step, lambda key: key == "expect")
        does = step.items.get("does")
        if provider and does is not None and not any("${" in each for each in _texts(does)):
            schema = self.words.catalogues[provider].back_office
            provided.read_part(does, schema, ("act", f"the back office of {provider}"), self.reader.problems)
        return Step(
            kind="back_office",
            operation=provider,
            ref=self.reader.get(step, "ref", text, ""),
            body=self._mapping(step, "does"),
            expect=self._expected_later(step),
            line=step.spot.line,
        )

    def _scenario(self, step: Table) -> Step:
        another = self.reader.get(step, "scenario", self._another, None)
        self.tally.sure = False  # its rules may decide what they like
        return Step(
            kind="scenario",
            scenario=another,
            expect=self._expected_later(step),
            line=step.spot.line,
        )

    def _expect_only(self, step: Table) -> Step:
        return Step(kind="expect", expect=self._expected_later(step), line=step.spot.line)


def _refused(expect: Node) -> bool:
    """Whether the page is expected to refuse, as it does when somebody wants to pay too much."""
    return isinstance(expect, Table) and "status" in expect.items


def _texts(node: Node) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(node, Scalar):
        yield node.text
    for child in node.items.values() if isinstance(node, Table) else node.items if isinstance(node, Many) else ():
        yield from _texts(child)


def _address(node: Node) -> tuple[str, ...]:
    """One address, or none."""
    return () if isinstance(node, Scalar) and node.value is None else (text(node),)


def _holdable(node: Node) -> Money:
    """A balance."""
    amount = money(node)
    if amount.minor < 0:
        raise Bad(node.spot, f"an account cannot hold {amount}; nothing is the least")
    return amount


def _table(node: Node) -> Table:
    if isinstance(node, Table):
        return node
    raise Bad(node.spot, f"needs a mapping, not {shown(node)}")


def _label(node: Node) -> str:
    label = text(node)
    if _LABEL.fullmatch(label) is None:
        raise Bad(node.spot, f"'{label}' is not a label; use letters, digits, '_' and '-', starting with a letter")
    return label
