"""A PostgreSQL server for the tests that need one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mockpsp.settings import Settings
from tests.support import postgres as support
from tests.support.needed import missing
from tests.support.server import Threaded, threaded


@pytest.fixture(scope="session")
def postgres() -> Iterator[support.Postgres]:
    """One server for the whole session; each test has databases of its own."""
    try:
        with support.running() as server:
            yield server
    except LookupError as error:
        missing(str(error))


@pytest.fixture
def database(postgres: support.Postgres) -> str:
    """The address of an empty database."""
    return postgres.fresh()


@pytest.fixture
def serving(database: str) -> Iterator[Callable[[], Threaded]]:
    """Starts servers on one database; they end with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(threaded(Settings(state=database)))


@pytest.fixture(scope="module")
def pair(postgres: support.Postgres) -> Iterator[tuple[str, str]]:
    """The addresses of two servers on one database, for tests that have a sandbox of their own."""
    settings = Settings(state=postgres.fresh())
    with threaded(settings) as here, threaded(settings) as there:
        yield here.url, there.url


@pytest.fixture
def own_pair(serving: Callable[[], Threaded]) -> tuple[str, str]:
    """The same, for one test only."""
    return serving().url, serving().url


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """Where a state file may be."""
    return tmp_path / "state.db"
