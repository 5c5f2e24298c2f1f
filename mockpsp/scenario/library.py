"""Finds scenarios: shipped ones by name, a user's by path; several together make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mockpsp.data import folder
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.model import Scenario


class UnknownScenario(LookupError):
    """Neither a shipped scenario nor a file; ``nearest`` is the shipped name that looks most like it."""

    def __init__(self, name: str, nearest: str | None) -> None:
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        super().__init__(f"no scenario and no file is called {name!r}{hint}")
        self.nearest = nearest


class Library:
    """Shipped scenarios are read when they are asked for, and once."""

    def __init__(self, catalogues: Callable[[], Mapping[str, Catalogue]]) -> None:
        self._catalogues = catalogues
        self._read: dict[str, Scenario] = {}
        self._names: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """All shipped scenarios: ``default`` and ``provider/story``, in alphabetical order. Looked for once."""
        if not self._names:
            root = folder("scenarios")
            found = (path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.yaml"))
            self._names = tuple(sorted(found))
        return self._names

    def path(self, name: str) -> Path:
        """The file of a shipped scenario, or a user's file. Raises UnknownScenario."""
        if name in self.names():
            return folder("scenarios") / f"{name}.yaml"
        given = Path(name)
        if given.suffix in (".yaml", ".yml", ".json") and given.is_file():
            return given
        from difflib import get_close_matches

        near = get_close_matches(name, self.names(), n=1, cutoff=0.5)
        raise UnknownScenario(name, near[0] if near else None)

    def load(self, name: str, *, trusted: bool = False) -> Scenario:
        """A scenario by name or path. Raises UnknownScenario, or ScenarioError with every problem of the file.

        With ``trusted`` a shipped file is taken as the tests left it; a user's file is checked all the same.
        """
        if name in self._read:
            return self._read[name]
        shipped = name in self.names()
        path = folder("scenarios") / f"{name}.yaml" if shipped else self.path(name)
        scenario = self.parse(path.read_bytes(), file=str(path), name=name, trusted=trusted and shipped)
        if shipped:
            self._read[name] = scenario
        return scenario

    def parse(self, text: bytes | str, *, file: str, name: str, trusted: bool = False) -> Scenario:
        """A scenario from YAML (or JSON) text. Raises ScenarioError."""
        from mockpsp.scenario.loader import load

        return load(text, file=file, name=name, catalogues=self._catalogues(), trusted=trusted)

    def from_value(self, value: Any, *, name: str = "inline") -> Scenario:
        """A scenario from an object that came as JSON. Raises ScenarioError."""
        from mockpsp.scenario.loader import load_value

        return load_value(value, name=name, catalogues=self._catalogues())

    def together(self, names: Sequence[str]) -> Scenario:
        """Several scenarios as one: lines one after the other; of two worlds, settings or titles the later wins."""
        first, *others = [self.load(name, trusted=True) for name in names]
        for other in others:
            first = _together(first, other)
        return first


_LINES = ("rules", "webhooks", "faults", "shopper")


def _together(first: Scenario, other: Scenario) -> Scenario:
    settings = {
        provider: {**complete, **{name: other.settings[provider][name] for name in other.written.get(provider, ())}}
        for provider, complete in first.settings.items()
    }
    written = {
        provider: tuple(
            {**dict.fromkeys(first.written.get(provider, ())), **dict.fromkeys(other.written.get(provider, ()))}
        )
        for provider in {*first.written, *other.written}
    }
    lines = {part: getattr(first, part) + _own(other, part) for part in _LINES}
    return replace(
        other,
        name=f"{first.name}+{other.name}",
        world={**first.world, **other.world},
        settings=settings,
        written=written,
        **lines,
    )


def _own(scenario: Scenario, part: str) -> tuple[Any, ...]:
    """The lines of a scenario under keys that no other scenario has, so that each counts for itself."""
    return tuple(replace(line, key=f"{scenario.name}/{line.key}") for line in getattr(scenario, part))
