"""The frame of the dashboard: where its pages are, what they may load, and who may press their buttons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

import mockpsp
from tests.support.control import ControlledSandbox
from tests.support.server import Threaded


def test_all_pages_are_found_from_the_first_one(live: Threaded, sandbox: ControlledSandbox) -> None:
    first = requests.get(f"{live.url}/_mockpsp/", timeout=30)
    assert first.status_code == 200
    assert f'href="/_mockpsp/sandbox/{sandbox.id}"' in first.text
    assert requests.get(f"{live.url}/_mockpsp", timeout=30).status_code == 200


def test_an_unknown_sandbox_is_told_on_a_page(live: Threaded) -> None:
    answer = requests.get(f"{live.url}/_mockpsp/sandbox/<b>nobody", timeout=30)
    assert answer.status_code == 404
    assert "There is no sandbox" in answer.text
    assert "<b>nobody" not in answer.text


PARTS = ("base", "parts", "drawings", "problem", "sandboxes", "activity", "entry", "payments", "timeline")
PAGES = (*PARTS, "webhooks", "webhook", "balances", "balance")


@pytest.mark.parametrize("name", PAGES)
def test_the_names_that_tests_use_are_documented(name: str) -> None:
    root = Path(mockpsp.__file__).parent
    document = root.parent / "docs" / "dashboard.md"
    if not document.exists():
        pytest.skip("the documents are in a checkout only")
    page = (root / "web" / "templates" / f"{name}.html").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([\w-]+)`", document.read_text(encoding="utf-8")))
    assert set(re.findall(r'data-testid="([\w-]+)"', page)) <= documented
