"""``mockpsp serve --workers N``: several processes behind one address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
import requests
from click.testing import CliRunner

from mockpsp.cli import cli
from tests.support.adyen import Shop
from tests.support.control import ControlledSandbox
from tests.support.served import PATIENCE_SECONDS, Served

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture
def served(tmp_path: Path, database: str) -> Iterator[Served]:
    started = Served(tmp_path / "ready.json", "--port", "0", "--state", database, "--workers", "2")
    yield started
    if started.process.poll() is None:
        started.end()


def workers(served: Served) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(served.process.pid)], capture_output=True, text=True, check=False)
    return [int(each) for each in found.stdout.split()]


def is_there(pid: int) -> bool:
    """Whether it runs; one that has ended and waits to be asked for does not."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(found.strip()) and not found.strip().startswith("Z")


def wait_for(holds: Callable[[], bool]) -> None:
    until = monotonic() + PATIENCE_SECONDS
    while not holds():
        assert monotonic() < until, "never happened"


def test_it_demands_a_database() -> None:
    told = CliRunner().invoke(cli, ["serve", "--workers", "2", "--state", "team.db"])
    assert told.exit_code == 2
    assert "--workers needs --state postgresql://" in told.output


@forks
def test_they_answer_at_one_address_and_end_together(served: Served) -> None:
    assert served.told["pid"] == served.process.pid
    both = workers(served)
    assert len(both) == 2
    sandbox = ControlledSandbox.create(served.told["url"])
    for _ in range(6):
        Shop(sandbox).order()
    calls = [each for each in sandbox.journal(limit=1000) if each["kind"] == "request"]
    assert len(calls) == 6
    assert served.end() == 0
    assert not any(is_there(each) for each in both)
    assert any("2 processes answer" in line for line in served.lines)
    assert served.lines[-1] == "stopping"


@forks
def test_one_that_dies_is_started_again(served: Served) -> None:
    sandbox = ControlledSandbox.create(served.told["url"])
    first = Shop(sandbox).order()
    for gone in workers(served):
        os.kill(gone, signal.SIGKILL)
        served.wait_for(lambda gone=gone: gone not in workers(served) and len(workers(served)) == 2)
        assert Shop(sandbox).order()["pspReference"] != first["pspReference"]
    told = [line for line in served.lines if "it is started again" in line]
    assert sorted(told) == [f"worker {number} ended (signal 9); it is started again" for number in (1, 2)]
    assert requests.get(f"{served.told['url']}/_mockpsp/health", timeout=20).json()["status"] == "ok"


@forks
def test_without_their_parent_they_end(served: Served) -> None:
    both = workers(served)
    served.kill()
    wait_for(lambda: not any(is_there(each) for each in both))


@forks
def test_where_none_can_start_it_says_why_and_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mockpsp", "serve", "--port", "0", "--workers", "2", "--state",
               "postgresql://me:secret@127.0.0.1:1/x", "--ready-file", str(tmp_path / "ready.json")]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "postgresql://me:***@127.0.0.1:1/x" in ended.stderr
    assert "is the server there" in ended.stderr
    assert "secret" not in ended.stderr + ended.stdout
    assert not (tmp_path / "ready.json").exists()


@forks
def test_a_scenario_that_one_follows_is_in_force_for_all(tmp_path: Path, database: str) -> None:
    path = tmp_path / "watched.yaml"
    path.write_text("mockpsp: 1\ntitle: Before\n", encoding="utf-8")
    served = Served(
        tmp_path / "ready.json",
        "--port",
        "0",
        "--state",
        database,
        "--workers",
        "2",
        "--scenario",
        str(path),
        "--watch",
    )
    try:
        path.write_text(
            "mockpsp: 1\ntitle: After\nrules: [{operation: adyen.payments, then: {outcome: refused}}]\n",
            encoding="utf-8",
        )
        served.wait_for_line("the scenario was changed and is in force")
        default = f"{served.told['url']}/_mockpsp/sandboxes/default"
        told = [requests.get(f"{default}/journal?kind=scenario", timeout=20).text for _ in range(6)]
        assert all(each.count("counted from the start again") == 1 for each in told)
    finally:
        served.end()
