"""Finds scenarios: shipped ones by name, a user's by path; several together make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mockpsp.data import folder
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.family import together
from mockpsp.scenario.model import Scenario

_ENDINGS = (".yaml", ".yml", ".json")


class UnknownScenario(LookupError):
    """Neither a shipped scenario nor a file; ``nearest`` is the shipped name that looks most like it."""

    def __init__(self, name: str, nearest: str | None, told: str = "") -> None:
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        super().__init__(told or f"no scenario and no file is called {name!r}{hint}")
        self.nearest = nearest


class Library:
    """Shipped scenarios are read when they are asked for, and once."""

    def __init__(self, catalogues: Callable[[], Mapping[str, Catalogue]]) -> None:
        self._catalogues = catalogues
        self._read: dict[str, Scenario] = {}
        self._opened: list[str] = []
        self.files: list[Path] = []
        """Every file that was read, in the order of reading."""

    def names(self) -> tuple[str, ...]:
        """All shipped scenarios: ``default`` and ``provider/story``, in alphabetical order."""
        root = folder("scenarios")
        return tuple(sorted(path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.yaml")))

    def path(self, name: str) -> Path:
        """The file of a shipped scenario, or a user's file. Raises UnknownScenario."""
        if name in self.names():
            return folder("scenarios") / f"{name}.yaml"
        given = Path(name)
        if given.suffix in _ENDINGS and given.is_file():
            return given
        raise self._unknown(name)

    def load(self, name: str, *, trusted: bool = False) -> Scenario:
        """A scenario by name or path. Raises UnknownScenario, or ScenarioError with every problem of the file.

        With ``trusted`` a shipped file is taken as the tests left it; a user's file is checked all the same.
        """
        if name in self._read:
            return self._read[name]
        shipped = name in self.names()
        path = folder("scenarios") / f"{name}.yaml" if shipped else self.path(name)
        self.files.append(path)
        scenario = self.parse(
            path.read_bytes(), file=str(path), name=name, trusted=trusted and shipped, beside=path.parent
        )
        if shipped:
            self._read[name] = scenario
        return scenario

    def parse(
        self, text: bytes | str, *, file: str, name: str, trusted: bool = False, beside: Path | None = None
    ) -> Scenario:
        """A scenario from YAML (or JSON) text. Raises ScenarioError.

        It may extend shipped scenarios, and files of the folder ``beside`` or below it, if one is given.
        """
        from mockpsp.scenario.loader import load

        def parent(wanted: str) -> Scenario:
            return self._parent(wanted, beside)

        self._opened.append(str(Path(file).absolute()) if beside is not None else file)
        try:
            return load(text, file=file, name=name, catalogues=self._catalogues(), trusted=trusted, parent=parent)
        finally:
            self._opened.pop()

    def from_value(self, value: Any, *, name: str = "inline") -> Scenario:
        """A scenario from an object that came as JSON. It may extend shipped scenarios. Raises ScenarioError."""
        from mockpsp.scenario.loader import load_value

        return load_value(
            value, name=name, catalogues=self._catalogues(), parent=lambda wanted: self._parent(wanted, None)
        )

    def _parent(self, name: str, beside: Path | None) -> Scenario:
        """A scenario that another one extends. Raises UnknownScenario, ScenarioError."""
        if name in self.names():
            path = (folder("scenarios") / f"{name}.yaml").absolute()
        else:
            near = beside / name if beside is not None else None
            if near is None or near.suffix not in _ENDINGS or not near.is_file():
                raise self._unknown(name)
            path = near.absolute()
        if str(path) in self._opened:
            raise UnknownScenario(name, None, f"'{name}' extends itself, by way of others")
        self.files.append(path)
        return self.parse(path.read_bytes(), file=str(path), name=name, beside=path.parent)

    def _unknown(self, name: str) -> UnknownScenario:
        from difflib import get_close_matches

        near = get_close_matches(name, self.names(), n=1, cutoff=0.5)
        return UnknownScenario(name, near[0] if near else None)

    def together(self, names: Sequence[str]) -> Scenario:
        """Several scenarios as one: lines one after the other; of two worlds, settings or titles the later wins."""
        first, *others = [self.load(name, trusted=True) for name in names]
        for other in others:
            first = together(first, other)
        return first
