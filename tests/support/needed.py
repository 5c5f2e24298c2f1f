"""Programs that tests need: a developer may go without them, CI may not."""

from __future__ import annotations

import os

import pytest


def missing(what: str) -> None:
    """Skip, and say why; where CI is set this is a failure, for there nobody reads reasons of skips."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI must not go without it", pytrace=False)
    pytest.skip(what)
