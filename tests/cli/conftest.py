"""Real ``mockpsp`` processes for the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.served import Served


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts ``serve --port 0`` with further options; it is ended with the test."""
    started: list[Served] = []

    def start(*options: str, environment: Mapping[str, str] | None = None) -> Served:
        ready = tmp_path / f"ready-{len(started)}.json"
        served = Served(ready, "--port", "0", *options, environment=environment)
        started.append(served)
        return served

    yield start
    for served in started:
        if served.process.poll() is None:
            served.end()


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    """A scenario file in which nothing happens."""
    path = tmp_path / "quiet.yaml"
    path.write_text("mockpsp: 1\ntitle: Nothing happens\n", encoding="utf-8")
    return path
