"""A scenario file becomes a Scenario, or a ScenarioError that tells every mistake with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from mockpsp.scenario import ahead, grammar, provided
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.check import Labels
from mockpsp.scenario.family import inherit, stamped
from mockpsp.scenario.grammar import schema
from mockpsp.scenario.lines import Lines
from mockpsp.scenario.model import Scenario, Step
from mockpsp.scenario.problems import Bad, Problem, Problems, ScenarioError
from mockpsp.scenario.reading import Reader, instant, shown, text, whole
from mockpsp.scenario.story import Story
from mockpsp.scenario.sums import Tally
from mockpsp.scenario.vocabulary import Vocabulary
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table, plain, read_text, read_value

__all__ = ["Problem", "ScenarioError", "load", "load_value", "schema"]

INLINE = "<inline>"
T = TypeVar("T")
Parent = Callable[[str], Scenario]
"""Finds a scenario that another one extends. Raises LookupError, or ScenarioError for its own mistakes."""


def load(
    text: str | bytes,
    *,
    file: str,
    name: str,
    catalogues: Mapping[str, Catalogue],
    trusted: bool = False,
    parent: Parent | None = None,
    named: Parent | None = None,
    origin: str = "",
    told: bool = True,
) -> Scenario:
    """The scenario that a file's text describes. Raises ScenarioError with all its problems.

    ``parent`` finds the scenarios that it extends, by name, ``named`` those that come into force in its story; without
    them, none is found. ``origin`` is what its lines are known by in a scenario that extends this one. ``told`` False
    leaves out its story and what that expects at the end.

    Bytes are welcome, so that a file that is not UTF-8 is a problem with a place as well. A ``trusted`` file was
    checked when it was shipped; leaving its world and settings unchecked saves the start of a server 20 ms.
    """
    problems = Problems(file, trusted=trusted)
    root = ahead.nodes_of(text) if trusted and isinstance(text, bytes) else None
    root = root or read_text(text, problems)
    scenario = (
        _Loading(problems, catalogues, parent, named, origin, told=told).scenario(root, name)
        if root is not None
        else None
    )
    return _finished(scenario, problems)


def load_value(
    value: object,
    *,
    name: str,
    catalogues: Mapping[str, Catalogue],
    parent: Parent | None = None,
    named: Parent | None = None,
) -> Scenario:
    """The scenario that an inline JSON object describes; ``mockpsp`` and ``title`` may be left out.

    Raises ScenarioError with all its problems; they have a JSON pointer instead of line and column.
    """
    problems = Problems(INLINE)
    if isinstance(value, Mapping):
        value = {"mockpsp": grammar.VERSION, "title": name, **value}
    root = read_value(value, problems)
    scenario = _Loading(problems, catalogues, parent, named).scenario(root, name) if root is not None else None
    return _finished(scenario, problems)


def _finished(scenario: Scenario | None, problems: Problems) -> Scenario:
    problems.close()
    assert scenario is not None, "a scenario without problems exists"
    return scenario


class _Loading:
    """One file on its way into the model."""

    def __init__(
        self,
        problems: Problems,
        catalogues: Mapping[str, Catalogue],
        parent: Parent | None,
        named: Parent | None = None,
        origin: str = "",
        *,
        told: bool = True,
    ) -> None:
        self.problems = problems
        self.origin = origin
        self.parent = parent
        self.named = named
        self.told = told
        self.catalogues = catalogues
        self.reader = Reader(problems)
        self.words = Vocabulary(catalogues, problems)

    def scenario(self, root: Node, name: str) -> Scenario | None:
        """The whole file; None, and noted, if it is not a mapping."""
        top = self.reader.table(root, "scenario")
        if top is None:
            return None
        get = self.reader.get
        get(top, "mockpsp", _version, None)
        lines = Lines(self.reader, self.words)
        story, labels = self._story(top, lines)
        parents = self._parents(top)
        own = Scenario(
            name=name,
            title=get(top, "title", text, ""),
            seed=get(top, "seed", whole(0, grammar.MAX_SEED), 1),
            seeded="seed" in top.items,
            clock=self._clock(top),
            tags=self._section(top, "tags", "words", lambda node, _: text(node)),
            story=story,
            expect=self._expect(top, labels),
            **self._in_force(top, lines),
        )
        own = stamped(own, self.origin) if self.origin else own
        return inherit(parents, own) if parents and not self.problems.found else own

    def _in_force(self, top: Table, lines: Lines) -> dict[str, Any]:
        """What a scenario does as long as it is in force."""
        return {
            "settings": self._settings(top),
            "written": self._written(top),
            "world": self._parts(top, "world", lambda catalogue: catalogue.world, "key", "the world of "),
            "shopper": self._section(top, "shopper", "shoppers", lines.shopper),
            "rules": self._section(top, "rules", "rules", lines.rule),
            "webhooks": self._section(top, "webhooks", "webhook lines", lines.webhook),
            "faults": self._section(top, "faults", "faults", lines.fault),
        }

    def _another(self, node: Node) -> Scenario | None:
        """A scenario that comes into force in a story: the one of this name, or what stands here."""
        if not isinstance(node, Table):
            return self._found(node, self.named)
        top = self.reader.table(node, "another")
        assert top is not None, "it is a mapping"
        if not top.items:
            raise Bad(node.spot, f"says nothing; give one of {', '.join(grammar.KEYS['another'])}")
        parts = self._in_force(top, Lines(self.reader, self.words))
        own = Scenario(name="inline", title=self.reader.get(top, "title", text, "inline"), **parts)
        parents = self._parents(top)
        return inherit(parents, own) if parents and not self.problems.found else own

    def _parents(self, top: Table) -> list[Scenario]:
        """The scenarios that this one extends; those that cannot be had are noted."""
        node = top.items.get("extends")
        if node is None:
            return []
        found = []
        named: set[str] = set()
        for each in self.reader.many(node, "scenarios", empty=False) if isinstance(node, Many) else [node]:
            try:
                found.append(self._found(each, self.parent))
            except Bad as bad:
                self.problems.add(bad.spot, f"extends: {bad.message}")
                continue
            if text(each) in named:
                self.problems.add(each.spot, f"extends: '{text(each)}' stands here twice")
            named.add(text(each))
        return found

    def _found(self, node: Node, find: Parent | None) -> Scenario:
        name = text(node)
        if find is None:
            raise Bad(node.spot, "no other scenario can be had here")
        try:
            return find(name)
        except LookupError as error:
            raise Bad(node.spot, str(error)) from None
        except ScenarioError as error:
            more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
            raise Bad(node.spot, f"'{name}' has mistakes of its own: {error.problems[0]}{more}") from None

    def _clock(self, top: Table) -> datetime | None:
        return self.reader.get(top, "clock", instant, None)

    def _section(self, top: Table, key: str, what: str, read: Callable[[Node, int], T | None]) -> tuple[T, ...]:
        """A list at the top of the file; items that cannot be read are noted and left out."""
        node = top.items.get(key)
        if node is None:
            return ()
        found: list[T] = []
        for index, item in enumerate(self.reader.many(node, what)):
            try:
                line = read(item, index)
            except Bad as bad:
                self.problems.add_bad(bad)
                continue
            if line is not None:
                found.append(line)
        return tuple(found)

    def _parts(
        self, top: Table, key: str, schema_of: Callable[[Catalogue], Mapping[str, Any]], what: str, of: str
    ) -> dict[str, dict[str, Any]]:
        """``settings`` or ``world``: a part for each provider that the file names."""
        node = top.items.get(key)
        if node is None:
            return {}
        if not isinstance(node, Table):
            self.problems.add(node.spot, f"{key}: needs a mapping of providers, not {shown(node)}")
            return {}
        self.reader.unknown(node, tuple(self.catalogues), "provider")
        return {
            provider: provided.read_part(
                part, schema_of(self.catalogues[provider]), (what, of + provider), self.problems
            )
            for provider, part in node.items.items()
            if provider in self.catalogues
        }

    def _settings(self, top: Table) -> dict[str, dict[str, Any]]:
        """Every provider's settings, as written or by default."""
        written = self._parts(top, "settings", lambda catalogue: catalogue.settings, "setting", "")
        return {
            provider: written[provider] if provider in written else provided.defaults(catalogue.settings, self.problems)
            for provider, catalogue in self.catalogues.items()
        }

    def _written(self, top: Table) -> dict[str, tuple[str, ...]]:
        node = top.items.get("settings")
        parts = node.items if isinstance(node, Table) else {}
        return {provider: tuple(part.items) for provider, part in parts.items() if isinstance(part, Table)}

    def _story(self, top: Table, lines: Lines) -> tuple[tuple[Step, ...], Labels]:
        others = set(top.items) & {"rules", "faults", "extends", "shopper"}
        alone = not others & {"extends", "shopper"}
        tally = Tally(self.problems, self.catalogues, sure=not others, alone=alone)
        story = Story(self.reader, self.words, lines, self._another, tally)
        if not self.told:
            return (), story.labels
        steps = self._section(top, "story", "steps", story.step)
        tally.expect(top.items.get("expect"))
        return steps, story.labels

    def _expect(self, top: Table, labels: Labels) -> Mapping[str, Any]:
        node = top.items.get("expect") if self.told else None
        if node is None or not isinstance(node, Table):
            if node is not None:
                self.problems.add(node.spot, f"expect: needs a mapping, not {shown(node)}")
            return {}
        labels.scan(node)
        expected: dict[str, Any] = plain(node)
        return expected


def _version(node: Node) -> None:
    if isinstance(node, Scalar) and node.value == grammar.VERSION and not isinstance(node.value, bool):
        return
    raise Bad(node.spot, f"version {shown(node)} of the grammar is not known; write mockpsp: {grammar.VERSION}")
