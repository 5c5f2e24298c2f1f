"""The commands that need no server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mockpsp import __version__
from mockpsp.cli import cli

TOLD = "mockpsp: 1\ntitle: A client asks\n"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.yaml"
    path.write_text(
        TOLD + "story:\n  - {merchant: worldline.test_connection, expect: {status: 200}}\n", encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("words", [["--help"], ["scenarios", "list"], ["scenarios", "show", "default"]])
def test_help_and_lists_import_nothing_heavy(words: list[str]) -> None:
    code = "import sys\nfrom mockpsp.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=30)

    assert ended.returncode == 0
    assert ended.stdout
    assert not {"aiohttp", "asyncio", "jinja2", "jsonschema_rs"} & set(ended.stderr.split())


def test_the_version_is_told() -> None:
    assert run("--version").output == f"mockpsp {__version__}\n"


def test_credentials_are_the_same_every_time_and_fit_an_env_file() -> None:
    once, again = run("credentials", "--url", "http://psp:1/"), run("credentials", "--url", "http://psp:1")
    told = json.loads(run("credentials", "--format", "json").output)

    assert once.output == again.output
    lines = dict(line.split("=", 1) for line in once.output.splitlines() if line and not line.startswith("#"))
    assert told["worldline"]["api_key_id"] in lines.values()
    assert any(value.startswith("http://psp:1") for value in lines.values())


def test_scenarios_are_listed_with_their_titles_in_columns() -> None:
    lines = run("scenarios", "list").output.splitlines()

    assert any(line.startswith("default ") for line in lines)
    assert len({line.index(line.split(maxsplit=1)[1]) for line in lines}) == 1


def test_show_prints_the_file() -> None:
    assert run("scenarios", "show", "default").output.startswith("# yaml-language-server")
    unknown = run("scenarios", "show", "defualt")
    assert unknown.exit_code == 2
    assert "did you mean 'default'?" in unknown.stderr


def test_check_reports_every_mistake_of_every_file(tmp_path: Path) -> None:
    good, bad, worse = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "worse.yaml"
    good.write_text(TOLD, encoding="utf-8")
    bad.write_text(TOLD + "sede: 1\nclock: noon\n", encoding="utf-8")
    worse.write_text("mockpsp: 1\ntitle: [\n", encoding="utf-8")

    ended = run("scenarios", "check", str(good), str(bad), str(worse), "default")

    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == [f"{bad}:3:1", f"{bad}:4:8"]
    assert "did you mean 'seed'?" in lines[0]
    assert lines[2].startswith(f"{worse}:")
    assert run("scenarios", "check", str(good)).exit_code == 0
    assert run("scenarios", "check", "nowhere.yaml").exit_code == 2


def test_every_shipped_scenario_is_right() -> None:
    names = [line.split()[0] for line in run("scenarios", "list").output.splitlines()]

    ended = run("scenarios", "check", *names)

    assert (ended.exit_code, ended.stdout) == (0, "")


def test_the_schema_is_json() -> None:
    assert "worldline.world" in json.loads(run("scenarios", "schema").output)["$defs"]


def test_play_prints_the_exchange_in_three_ways(story: Path) -> None:
    text, diagram, told = (run("play", str(story), "--format", form) for form in ("text", "mermaid", "json"))

    assert (text.exit_code, diagram.exit_code, told.exit_code) == (0, 0, 0), text.output
    assert "As expected: 1 call" in text.output
    assert diagram.output.startswith("sequenceDiagram")
    assert json.loads(told.stdout)["exchanges"][0]["call"]["status"] == 200


def test_play_fails_when_the_story_does_not_come_true(story: Path) -> None:
    story.write_text(story.read_text(encoding="utf-8").replace("200", "418"), encoding="utf-8")
    text, told = run("play", str(story)), run("play", str(story), "--format", "json")

    assert (text.exit_code, told.exit_code) == (1, 1)
    assert "line 4: status: expected 418, was 200" in text.stdout
    assert "line 4: status: expected 418, was 200" in told.stderr
    json.loads(told.stdout)


def test_play_needs_a_story(tmp_path: Path) -> None:
    silent = tmp_path / "silent.yaml"
    silent.write_text(TOLD, encoding="utf-8")

    assert "tells no story" in run("play", str(silent)).stderr
    assert run("play", "nowhere").exit_code == 2
