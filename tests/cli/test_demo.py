"""``mockpsp demo`` as a newcomer starts it: a process, known by the lines that it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from shop.buy import main as buy

from mockpsp.cli import cli

PATIENCE_SECONDS = 60.0
MARK = "Ctrl+C"


class Shown:
    """A running demo, and what it printed until it was ready."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mockpsp", "demo", "--port", "0", "--shop-port", "0", *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._ready = threading.Event()
        self._reader.start()
        assert self._ready.wait(PATIENCE_SECONDS), self.text
        assert self.process.poll() is None, self.text

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line
            if MARK in line:
                self._ready.set()
        self._ready.set()

    def url(self, name: str) -> str:
        """The address behind a name."""
        found = re.search(rf"^  {name} +(http\S+)$", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]

    def end(self) -> int:
        """As a supervisor ends it."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                self.process.kill()
            self._reader.join(PATIENCE_SECONDS)
            assert self.process.stdout is not None
            self.process.stdout.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[Shown]:
    """One demo for all tests here."""
    shown = Shown()
    yield shown
    shown.end()


@pytest.mark.parametrize("kind", ["holiday", "lunch", "basket"])
def test_what_it_prints_leads_to_a_paid_order(demo: Shown, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert buy([kind, "--shop", demo.url("Shop")]) == 0
    assert "as it should be" in capsys.readouterr().out


def test_the_dashboard_answers_where_it_says(demo: Shown) -> None:
    assert requests.get(demo.url("Dashboard"), timeout=60).status_code == 200
    assert requests.get(demo.url("Orders"), timeout=60).status_code == 200


def test_the_test_data_that_it_prints_is_the_default_scenario(demo: Shown) -> None:
    file = Path(__file__).parents[2] / "scenarios" / "default.yaml"
    numbers = re.findall(r"\b\d{11,16}\b", demo.text)
    assert len(numbers) == 6
    assert [number for number in numbers if f'"{number}"' not in file.read_text("utf-8")] == []


def test_it_ends_both_and_says_what_mistakes_it_makes() -> None:
    shown = Shown("--bug", "no-dedupe", "--bug", "never-polls")
    shop = shown.url("Shop")
    assert "The shop makes mistakes: no-dedupe, never-polls" in shown.text

    assert shown.end() in (0, 1) if sys.platform == "win32" else shown.end() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(shop, timeout=60)


@pytest.mark.parametrize(("bug", "sent"), [((), 1), (("--bug", "no-dedupe"), 3)], ids=["right", "no-dedupe"])
def test_a_scenario_shows_a_mistake(bug: tuple[str, ...], sent: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Two events come twice each, the second time after five seconds."""
    shown = Shown("--scenario", "worldline/webhook-twice", *bug)
    control = shown.url("Dashboard") + "sandboxes/default"
    try:
        buy(["holiday", "--shop", shown.url("Shop")])
        assert requests.post(f"{control}/clock", json={"advance": "PT1M"}, timeout=60).status_code == 200
        events = requests.get(f"{control}/webhooks", timeout=60).json()["webhooks"]
        assert [each["type"] for each in events].count("payment.captured") == 4

        cell = f'data-label="Shipments" class="number{" alarm" if sent > 1 else ""}">{sent}</td>'
        pages = (requests.get(shown.url("Orders"), params={"lang": "en"}, timeout=60).text for _ in range(600))
        assert any(cell in page for page in pages)  # what came last is digested after it was answered
    finally:
        shown.end()


def test_mistakes_are_listed() -> None:
    ran = CliRunner().invoke(cli, ["demo", "--list-bugs"])

    assert ran.exit_code == 0
    assert "accepts-forged-webhook" in ran.output


def test_an_unknown_mistake_is_no_traceback() -> None:
    ran = CliRunner().invoke(cli, ["demo", "--port", "0", "--shop-port", "0", "--bug", "no-such-thing"])

    assert ran.exit_code == 2
    assert "no mistake is called no-such-thing" in ran.output


def test_a_port_that_is_taken_is_told(demo: Shown) -> None:
    port = demo.url("Shop").rstrip("/").rpartition(":")[2]

    ran = CliRunner().invoke(cli, ["demo", "--port", "0", "--shop-port", port])

    assert ran.exit_code == 1
    assert "--shop-port" in ran.output


def test_without_the_sdks_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockpsp.serving.demo.find_spec", lambda name: None)

    ran = CliRunner().invoke(cli, ["demo"])

    assert ran.exit_code == 1
    assert "pip install" in ran.output
    assert "onlinepayments-sdk-python3" in ran.output


def test_the_extra_is_what_the_message_names() -> None:
    import tomllib

    from mockpsp.serving.demo import PACKAGES

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert sorted(project["project"]["optional-dependencies"]["demo"]) == sorted(PACKAGES.values())
