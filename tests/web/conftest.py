"""One stage for all tests of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stage import Stage, staged


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A server on which stories were played."""
    with staged() as found:
        yield found
