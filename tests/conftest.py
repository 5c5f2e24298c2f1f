"""What all tests share: a server in a thread, a fresh sandbox per test, a webhook receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.support import adyen_spec
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver, receiving
from tests.support.server import Threaded, threaded

settings.register_profile("mockpsp", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("mockpsp")


@pytest.fixture(scope="session")
def adyen_watch() -> Iterator[adyen_spec.Watch | None]:
    """Looks at every answer and webhook of Adyen's, where Adyen's own data is at hand."""
    if adyen_spec.lacking():
        yield None
        return
    with adyen_spec.watching() as watch:
        yield watch


@pytest.fixture(autouse=True)
def _as_adyen_describes(adyen_watch: adyen_spec.Watch | None) -> Iterator[None]:
    """A test fails whose answers or webhooks Adyen's own data does not allow."""
    yield
    found = adyen_watch.take() if adyen_watch is not None else []
    assert not found, "\n".join(["Adyen's OpenAPI data does not allow:", *found])


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
