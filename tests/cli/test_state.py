"""``mockpsp serve --state FILE``: killed or ended, the next start goes on where it stopped."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

SANDBOXES = "/_mockpsp/sandboxes"
POOR = """
mockpsp: 1
title: A wallet with little in it
seed: 5
clock: 2026-07-01T09:00:00+02:00
world: {worldline: {wallets: [{beneficiary: "11111111111", balance: 40.00 EUR}]}}
rules: [{operation: worldline.beneficiary, nth: 2, then: {outcome: refused}}]
"""


class Door:
    """The control API of one running server."""

    def __init__(self, served: Any) -> None:
        self.served = served
        self.url = served.told["url"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        told = None if body is None else json.dumps(body).encode()
        asked = Request(self.url + path, told, {"Content-Type": "application/json"}, method=method)
        with urlopen(asked, timeout=20) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def seen(self, id: str) -> Any:
        """Everything that the control API tells of a sandbox that does not change by itself."""
        parts = ("journal?limit=1000", "webhooks", "accounts", "checkouts")
        told = {part: self.call("GET", f"{SANDBOXES}/{id}/{part}") for part in parts}
        one = self.call("GET", f"{SANDBOXES}/{id}")
        told["it"] = {key: one[key] for key in ("id", "credentials", "scenario", "seed", "created")}
        return json.loads(re.sub(r"(http://)?localhost:[0-9]+", "", json.dumps(told)))


@pytest.fixture
def poor(tmp_path: Path) -> Path:
    path = tmp_path / "poor.yaml"
    path.write_text(POOR, encoding="utf-8")
    return path


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state.db")


def pay(door: Door, id: str) -> str:
    """A Worldline checkout, half paid: the voucher is taken, the card is waited for."""
    from tests.support.control import ControlledSandbox
    from tests.support.worldline import Merchant, checkout_body

    told = door.call("GET", f"{SANDBOXES}/{id}")
    sandbox = ControlledSandbox(door.url, told)
    ref: str = Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()["hostedCheckoutId"]
    return ref


@pytest.mark.parametrize("gently", [False, True], ids=["killed", "ended"])
def test_the_next_start_goes_on(serve: Callable[..., Any], poor: Path, state: str, gently: bool) -> None:
    first = Door(serve("--state", state, "--scenario", str(poor)))
    other = first.call("POST", SANDBOXES, {"scenario": "adyen/order-expired-between-legs"})["id"]
    gone = first.call("POST", SANDBOXES)["id"]
    first.call("DELETE", f"{SANDBOXES}/{gone}")
    ref = pay(first, "default")
    first.call("POST", f"{SANDBOXES}/default/checkouts/{ref}/shopper", {"pay": [{"with": "cv_connect"}]})
    waiting = pay(first, "default")
    first.call("POST", f"{SANDBOXES}/default/clock", {"advance": "PT4M"})
    first.call("PUT", f"{SANDBOXES}/default/webhook-endpoints/adyen", {"url": "http://localhost:9/"})
    first.call("PUT", f"{SANDBOXES}/default/accounts/worldline/wallet/11111111111", {"balance": "70.00 EUR"})
    before = {id: first.seen(id) for id in ("default", other)}
    first.served.end() if gently else first.served.kill()

    second = Door(serve("--state", state, "--scenario", str(poor)))
    assert {id: second.seen(id) for id in ("default", other)} == before
    assert second.call("GET", f"{SANDBOXES}/default/clock")["now"] == "2026-07-01T07:04:00.000Z"
    assert [each["id"] for each in second.call("GET", SANDBOXES)["sandboxes"]] == ["default", other]
    assert second.call("POST", SANDBOXES)["id"] not in (other, gone), "ids are not given twice"
    second.call("POST", f"{SANDBOXES}/default/checkouts/{waiting}/shopper", {"pay": [{"with": "cv_connect"}]})
    latest = second.call(
        "GET", f"{SANDBOXES}/default/journal?after={len(before['default']['journal?limit=1000']['entries'])}"
    )
    assert latest["entries"][0]["kind"] == "shopper"


def test_another_scenario_is_put_in_force_and_a_later_one_stays(
    serve: Callable[..., Any], poor: Path, quiet: Path, state: str
) -> None:
    first = serve("--state", state, "--scenario", str(poor))
    first.end()
    second = Door(serve("--state", state, "--scenario", str(quiet)))
    assert second.call("GET", f"{SANDBOXES}/default")["scenario"] == quiet.name
    second.call("PUT", f"{SANDBOXES}/default/scenario", {"mockpsp": 1, "title": "Put by hand"})
    in_force = second.call("GET", f"{SANDBOXES}/default")["scenario"]
    second.served.end()
    third = Door(serve("--state", state, "--scenario", str(quiet)))
    assert third.call("GET", f"{SANDBOXES}/default")["scenario"] == in_force


def test_a_clock_that_was_moved_ahead_runs_on_from_there(serve: Callable[..., Any], quiet: Path, state: str) -> None:
    first = Door(serve("--state", state, "--scenario", str(quiet)))
    moved = first.call("POST", f"{SANDBOXES}/default/clock", {"advance": "P30D"})["now"]
    first.served.kill()
    second = Door(serve("--state", state, "--scenario", str(quiet)))
    now = second.call("GET", f"{SANDBOXES}/default/clock")
    assert now["mode"] == "real"
    moments = [datetime.fromisoformat(each) for each in (moved, now["now"])]
    assert timedelta(0) < moments[1] - moments[0] < timedelta(days=1)


def test_a_sandbox_that_was_reset_begins_anew_after_the_next_start(
    serve: Callable[..., Any], poor: Path, state: str
) -> None:
    first = Door(serve("--state", state, "--scenario", str(poor)))
    pay(first, "default")
    first.call("POST", f"{SANDBOXES}/default/reset")
    before = first.seen("default")
    first.served.kill()
    second = Door(serve("--state", state, "--scenario", str(poor)))
    assert second.seen("default") == before


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "letter.txt"
    wrong.write_text("Dear state, " * 100, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "mockpsp", "serve", "--port", "0", "--state", str(wrong)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "is damaged, or is no SQLite file at all" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert wrong.read_text(encoding="utf-8").startswith("Dear state")
