"""The made-up provider in place of the real ones, and a way to write its scenarios."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from tollgate import OPENAPI, PROVIDER

from mockpsp import app
from mockpsp.scenario.library import Library
from mockpsp.scenario.model import Scenario
from mockpsp.settings import Settings
from mockpsp.testing.played import Played
from mockpsp.testing.player import play

HEAD = "mockpsp: 1\ntitle: A toll is paid\n"


@pytest.fixture(autouse=True)
def tollgate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For one test, mockpsp knows this one provider only."""
    app.catalogues.cache_clear()
    monkeypatch.setattr(app, "discover", lambda: {"tollgate": PROVIDER})
    monkeypatch.setattr(app, "read_openapi", lambda name: OPENAPI)
    yield
    app.catalogues.cache_clear()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server whose default sandbox has nothing special."""
    plain = tmp_path / "plain.yaml"
    plain.write_text(HEAD, encoding="utf-8")
    return Settings(scenarios=(str(plain),))


@pytest.fixture
def written() -> Callable[[str], Scenario]:
    """A scenario from the YAML of a test."""
    return lambda text: Library(app.catalogues).parse(HEAD + dedent(text).lstrip("\n"), file="story.yaml", name="story")


@pytest.fixture
def played(written: Callable[[str], Scenario], settings: Settings) -> Callable[[str], Awaitable[Played]]:
    """Plays the story of a test."""
    return lambda text: play(written(text), settings)
