"""The words of all providers, with the provider's name in front, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mockpsp.scenario.catalogue import Catalogue, Operation, Place
from mockpsp.scenario.engine import matches_name
from mockpsp.scenario.problems import Bad, Problems
from mockpsp.scenario.reading import text
from mockpsp.scenario.yaml_nodes import Node

MIXED = ""
"""The kind of a fact that different providers give as different kinds: it cannot be compared for all at once."""


class Vocabulary:
    """Looks names up; an unknown one is Bad, with the nearest known one."""

    def __init__(self, catalogues: Mapping[str, Catalogue], problems: Problems) -> None:
        self.catalogues = catalogues
        self.problems = problems
        each = catalogues.items()
        self.operations: dict[str, Operation] = {f"{p}.{name}": o for p, c in each for name, o in c.operations.items()}
        self.places: dict[str, Place] = {f"{p}.{name}": o for p, c in each for name, o in c.places.items()}
        self.calls: frozenset[str] = frozenset(f"{p}.{name}" for p, c in each for name in c.calls)
        self.events: frozenset[str] = frozenset(f"{p}.{name}" for p, c in each for name in c.events)

    def provider(self, node: Node) -> str:
        """A provider's name."""
        name = text(node)
        if name not in self.catalogues:
            raise Bad(node.spot, f"unknown provider '{name}'{self.problems.hint(name, self.catalogues)}")
        return name

    def operation(self, node: Node) -> str:
        """A question that rules can answer."""
        return self._known(node, "operation", frozenset(self.operations))

    def place(self, node: Node) -> str:
        """Where shoppers act."""
        return self._known(node, "place", frozenset(self.places))

    def event(self, node: Node) -> str:
        """A webhook's type."""
        return self._known(node, "event", self.events)

    def staffed(self, node: Node) -> str:
        """A provider with a back office."""
        name = self.provider(node)
        if not self.catalogues[name].back_office:
            known = ", ".join(each for each, catalogue in self.catalogues.items() if catalogue.back_office)
            raise Bad(node.spot, f"{name} has no back office{f'; {known} has one' if known else ''}")
        return name

    def call(self, node: Node) -> str:
        """An API call."""
        return self._known(node, "call", self.calls)

    def calls_like(self, node: Node) -> tuple[str, frozenset[str]]:
        """A call or a pattern, and the calls it means."""
        return self._like(node, "call", self.calls)

    def events_like(self, node: Node) -> tuple[str, frozenset[str]]:
        """A webhook type or a pattern, and the types it means."""
        return self._like(node, "event", self.events)

    def call_facts(self, names: frozenset[str]) -> dict[str, str]:
        """The facts that lines about these calls can compare, with their kinds."""
        return self._facts(names, lambda each: each.call_facts)

    def event_facts(self, names: frozenset[str]) -> dict[str, str]:
        """The facts that lines about these webhooks can compare, with their kinds."""
        return self._facts(names, lambda each: {**each.call_facts, **each.event_facts})

    def _facts(self, names: frozenset[str], of: Callable[[Catalogue], Mapping[str, str]]) -> dict[str, str]:
        kinds: dict[str, str] = {}
        for provider in sorted({name.partition(".")[0] for name in names}):
            for fact, kind in of(self.catalogues[provider]).items():
                kinds[fact] = kind if kinds.get(fact, kind) == kind else MIXED
        return kinds

    def place_facts(self, place: str) -> dict[str, str]:
        """The facts that a shopper at this place can compare, with their kinds."""
        return {**self.catalogues[place.partition(".")[0]].call_facts, **self.places[place].facts}

    def tenders_of(self, provider: str) -> dict[str, tuple[str, ...]]:
        """All tenders of a provider, wherever they can be used, with their fields."""
        tenders: dict[str, tuple[str, ...]] = {}
        for place in self.catalogues[provider].places.values():
            for kind, fields in place.tenders.items():
                tenders[kind] = tuple(dict.fromkeys((*tenders.get(kind, ()), *fields)))
        return tenders

    def refusable_of(self, provider: str) -> dict[str, tuple[str, ...]]:
        """All tenders in whose app a provider's shoppers refuse, with what can be said of each."""
        places = self.catalogues[provider].places.values()
        return {kind: said for place in places for kind, said in place.refusable.items()}

    def acts_of(self, provider: str) -> tuple[str, ...]:
        """The acts of a provider's shoppers that not every place knows."""
        return tuple({act: None for place in self.catalogues[provider].places.values() for act in place.acts})

    def _known(self, node: Node, what: str, known: frozenset[str]) -> str:
        name = text(node)
        if name in known:
            return name
        raise Bad(node.spot, self._unknown(name, what, known))

    def _like(self, node: Node, what: str, known: frozenset[str]) -> tuple[str, frozenset[str]]:
        pattern = text(node)
        if pattern in known:
            return pattern, frozenset((pattern,))
        if "*" not in pattern:
            raise Bad(node.spot, self._unknown(pattern, what, known))
        meant = frozenset(name for name in known if matches_name(pattern, name))
        if not meant:
            raise Bad(
                node.spot,
                f"no {what} matches '{pattern}'{self.problems.hint(pattern.replace('*', ''), known)}",
            )
        return pattern, meant

    def _unknown(self, name: str, what: str, known: frozenset[str]) -> str:
        provider, dot, rest = name.partition(".")
        if not dot:
            whole = sorted(each for each in known if each.partition(".")[2] == name)
            if whole:
                return f"'{name}' needs its provider in front; did you mean '{whole[0]}'?"
        elif provider in self.catalogues:
            theirs = [each.partition(".")[2] for each in known if each.startswith(provider + ".")]
            return f"unknown {what} '{rest}' of {provider}{self.problems.hint(rest, theirs)}"
        else:
            return f"unknown provider '{provider}'{self.problems.hint(provider, self.catalogues)}"
        return f"unknown {what} '{name}'{self.problems.hint(name, known)}"
