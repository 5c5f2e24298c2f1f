"""The names by which tests find things on the pages that steer are documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mockpsp

TEMPLATES = Path(mockpsp.__file__).parent / "web" / "templates"
DOCUMENT = Path(mockpsp.__file__).parent.parent / "docs" / "dashboard.md"


@pytest.mark.parametrize("name", ["acts", "checked", "clock", "script", "shoppers"])
def test_every_name_is_documented(name: str) -> None:
    if not DOCUMENT.exists():
        pytest.skip("the documents are in a checkout only")
    found = re.findall(r'data-testid="([\w-]+)"', (TEMPLATES / f"{name}.html").read_text(encoding="utf-8"))
    documented = set(re.findall(r"`([\w-]+)`", DOCUMENT.read_text(encoding="utf-8")))
    assert set(found) - documented == set()
    assert found
