"""What all tests share: a server in a thread, a fresh sandbox per test, a webhook receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver, receiving
from tests.support.server import Threaded, threaded


@pytest.fixture(scope="session")
def live() -> Iterator[Threaded]:
    """One server for the whole session, with the default scenario."""
    with threaded() as server:
        yield server


@pytest.fixture
def new_sandbox(live: Threaded) -> Iterator[Callable[..., ControlledSandbox]]:
    """Makes fresh sandboxes (``scenario``, ``seed``, ``clock``), deleted when the test ends."""
    made: list[ControlledSandbox] = []

    def make(**body: Any) -> ControlledSandbox:
        made.append(ControlledSandbox.create(live.url, **body))
        return made[-1]

    yield make
    for sandbox in made:
        sandbox.delete()


@pytest.fixture
def sandbox(new_sandbox: Callable[..., ControlledSandbox]) -> ControlledSandbox:
    """A fresh sandbox with the default scenario and a real clock."""
    return new_sandbox()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook endpoint of a merchant."""
    with receiving() as endpoint:
        yield endpoint
