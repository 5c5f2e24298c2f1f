"""Finds scenarios: shipped ones by name, a user's by path; several together make one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mockpsp.data import folder
from mockpsp.domain.value import Value
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.scenario.family import together
from mockpsp.scenario.model import Scenario

_ENDINGS = (".yaml", ".yml", ".json")
MAX_GENERATIONS = 20


class UnknownScenario(LookupError):
    """Neither a shipped scenario nor a file; ``nearest`` is the shipped name that looks most like it."""

    def __init__(self, name: str, nearest: str | None, told: str = "") -> None:
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        super().__init__(told or f"no scenario and no file is called {name!r}{hint}")
        self.nearest = nearest


class Headline(Value, frozen=True):
    """What a list of scenarios shows of one: title and tags, read without checking the rest of the file."""

    name: str
    title: str
    tags: tuple[str, ...]


class Library:
    """Shipped scenarios are read when they are asked for, and once."""

    def __init__(self, catalogues: Callable[[], Mapping[str, Catalogue]]) -> None:
        self._catalogues = catalogues
        self._read: dict[str, Scenario] = {}
        self._names: tuple[str, ...] = ()
        self._headlines: dict[str, Headline] = {}
        self.files: list[Path] = []
        """Every file that was read, in the order of reading."""

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
        if _is_scenario(given):
            return given
        raise self.unknown(name)

    def load(self, name: str, *, trusted: bool = False) -> Scenario:
        """A scenario by name or path. Raises UnknownScenario, or ScenarioError with every problem of the file.

        With ``trusted`` a shipped file is taken as the tests left it; a user's file is checked all the same. The
        scenario of a user's file has its name without the folder, so that its journal is the same on every machine.
        """
        if name in self._read:
            return self._read[name]
        shipped = name in self.names()
        path = folder("scenarios") / f"{name}.yaml" if shipped else self.path(name)
        self.files.append(path)
        called = name if shipped else path.name
        scenario = self.parse(path.read_bytes(), file=str(path), name=called, trusted=trusted and shipped, at=path)
        if shipped:
            self._read[name] = scenario
        return scenario

    def shipped(self, name: str) -> Scenario | None:
        """The shipped scenario of this name, if there is one."""
        return self.load(name) if name in self.names() else None

    def parse(
        self, text: bytes | str, *, file: str, name: str, trusted: bool = False, at: Path | None = None
    ) -> Scenario:
        """A scenario from YAML (or JSON) text. Raises ScenarioError.

        It may extend shipped scenarios, and other files if ``at`` tells where its own is.
        """
        from mockpsp.scenario.loader import load

        family = _Family(self, at)
        found = load(
            text,
            file=file,
            name=name,
            catalogues=self._catalogues(),
            trusted=trusted,
            parent=family.parent,
            named=family.named,
        )
        if name in self.names():
            return found
        return replace(found, source=text.decode("utf-8") if isinstance(text, bytes) else text)

    def headline(self, name: str) -> Headline | None:
        """Title and tags of a shipped scenario or of a file; None for a file that cannot be read.

        Raises UnknownScenario. A shipped file is read once.
        """
        if name not in self._headlines:
            found = _headline(name, self.path(name))
            if found is None or name not in self.names():
                return found
            self._headlines[name] = found
        return self._headlines[name]

    def text(self, scenario: Scenario) -> str | None:
        """The text of a scenario as it was written; None when it was put together or came as an object."""
        if scenario.source:
            return scenario.source
        return self.path(scenario.name).read_text(encoding="utf-8") if scenario.name in self.names() else None

    def from_value(self, value: Any, *, name: str = "inline") -> Scenario:
        """A scenario from an object that came as JSON. It may extend shipped scenarios. Raises ScenarioError."""
        from mockpsp.scenario.loader import load_value

        family = _Family(self, None)
        return load_value(value, name=name, catalogues=self._catalogues(), parent=family.parent, named=family.named)

    def read(self, path: Path, name: str, family: _Family) -> Scenario:
        """A file that another scenario extends. Raises OSError, ScenarioError."""
        from mockpsp.scenario.loader import load

        if path not in self.files:
            self.files.append(path)
        return load(
            path.read_bytes(),
            file=str(path),
            name=name,
            catalogues=self._catalogues(),
            parent=family.parent,
            named=family.mentioned,
            origin=name,
        )

    def in_force(self, path: Path, name: str) -> Scenario:
        """A file that comes into force in the story of another one, without its own. Raises OSError, ScenarioError."""
        from mockpsp.scenario.loader import load

        self.files.append(path)
        parent = _Family(self, path).parent
        text = path.read_bytes()
        return load(text, file=str(path), name=name, catalogues=self._catalogues(), parent=parent, told=False)

    def unknown(self, name: str) -> UnknownScenario:
        """What to raise for this name."""
        from difflib import get_close_matches

        near = get_close_matches(name, self.names(), n=1, cutoff=0.5) if len(name) < 100 else []
        return UnknownScenario(name, near[0] if near else None)

    def together(self, names: Sequence[str]) -> Scenario:
        """Several scenarios as one: lines one after the other; of two worlds, settings or titles the later wins."""
        first, *others = [self.load(name, trusted=True) for name in names]
        for other in others:
            first = together(first, other)
        return first


class _Family:
    """One reading of a scenario with all that it extends: each file is read once, and none extends itself."""

    def __init__(self, library: Library, at: Path | None) -> None:
        self._library = library
        self._root = at.parent if at is not None else None
        self._open = [at.resolve()] if at is not None else []
        self._shelf = [self._root]
        self._done: dict[Path, Scenario] = {}

    def parent(self, name: str) -> Scenario:
        """A scenario that the one being read now extends. Raises LookupError, ScenarioError."""
        path = self._find(name)
        real = path.resolve()
        if real in self._open:
            raise UnknownScenario(name, None, f"'{name}' extends itself, by way of others")
        if real in self._done:
            return self._done[real]
        if len(self._open) > MAX_GENERATIONS:
            raise UnknownScenario(name, None, f"more than {MAX_GENERATIONS} scenarios extend each other in a row")
        self._open.append(real)
        self._shelf.append(path.parent)
        try:
            found = self._library.read(path, self._called(name, path), self)
        except OSError as error:
            raise _unreadable(name, error) from None
        finally:
            self._open.pop()
            self._shelf.pop()
        self._done[real] = found
        return found

    def named(self, name: str) -> Scenario:
        """A scenario that comes into force in the story of the first one. Raises LookupError, ScenarioError."""
        path = self._find(name)
        try:
            return self._library.in_force(path, self._called(name, path))
        except OSError as error:
            raise _unreadable(name, error) from None

    def mentioned(self, name: str) -> Scenario:
        """The same for a story that nobody runs, because its scenario is only extended: it has to be there."""
        return Scenario(name=name, title=self._find(name).stem)

    def _find(self, name: str) -> Path:
        """The file: a shipped scenario's, or one beside the file that names it."""
        if name in self._library.names():
            return folder("scenarios") / f"{name}.yaml"
        beside = self._shelf[-1]
        if beside is None or Path(name).is_absolute() or not _is_scenario(beside / name):
            raise self._library.unknown(name)
        return beside / name

    def _called(self, name: str, path: Path) -> str:
        """What lines of this file are known by: a shipped name, or the way there from the first file."""
        if self._root is None or name in self._library.names():
            return name
        return Path(os.path.relpath(path, self._root)).as_posix()


def _unreadable(name: str, error: OSError) -> UnknownScenario:
    return UnknownScenario(name, None, f"'{name}' cannot be read: {error.strerror or error}")


def _headline(name: str, path: Path) -> Headline | None:
    """Read as far as title and tags, which stand at the top of most files."""
    import yaml

    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    found: dict[str, tuple[str, ...]] = {}
    try:
        with path.open(encoding="utf-8") as file:
            reader = _Top(yaml.parse(file, Loader=loader))
            for key, values in reader.entries():
                found[key] = values
                if "title" in found and "tags" in found:
                    break
    except (OSError, ValueError, yaml.YAMLError):
        return None
    title = " ".join(found.get("title", ()))
    return Headline(name, title, found.get("tags", ())) if title else None


class _Top:
    """The keys at the top of a file with the texts below each, from the parser's events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events

    def entries(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Key after key; reading stops when nobody asks for more."""
        depth, key = 0, None
        texts: list[str] = []
        for event in self._events:
            kind = type(event).__name__
            depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
            if kind == "ScalarEvent":
                if key is None:
                    key = event.value
                    continue
                texts.append(event.value)
            if key is not None and depth == _TOP:
                yield key, tuple(texts)
                key, texts = None, []


_TOP = 3
"""Stream, document and mapping are open there."""


def _is_scenario(path: Path) -> bool:
    try:
        return path.suffix in _ENDINGS and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
