"""The frame of the dashboard: where its pages are, what they may load, and who may press their buttons."""

from __future__ import annotations

import requests

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
