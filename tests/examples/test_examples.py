"""The examples work as their README says: each is copied to an empty folder and run by its own tools."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support import chromium, node
from tests.support.needed import missing
from tests.support.served import Served

EXAMPLES = Path(__file__).parents[2] / "examples"
NOT_THEIRS = ("COV_", "PYTEST_", "MOCKPSP_", "COVERAGE_", "NODE_")
PATIENCE_SECONDS = 300.0


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the example that the test's parameter names."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".pytest_cache")
    return Path(shutil.copytree(EXAMPLES / request.param, tmp_path / request.param, ignore=ignored))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that somebody has started with ``mockpsp serve``."""
    served = Served(tmp_path_factory.mktemp("examples") / "ready.json", "--port", "0")
    yield served
    served.end()


def run(folder: Path, *command: str, **environment: str) -> str:
    """What an example prints. It must end well, and it does not know that it is run by a test."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(NOT_THEIRS)}
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", timeout=PATIENCE_SECONDS,
        env={**plain, "PYTHONUTF8": "1", **environment},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def program(name: str) -> str:
    """Where a program is; skips the test when it is not installed."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed")
    return str(found)


def left_behind(server: Served) -> list[str]:
    """Sandboxes that an example should have deleted."""
    with urlopen(f"{server.told['url']}/_mockpsp/sandboxes", timeout=30) as answer:
        return [each["id"] for each in json.load(answer)["sandboxes"] if each["id"] != "default"]


@pytest.mark.parametrize("folder", ["python_requests", "python_httpx"], indirect=True)
def test_python(folder: Path) -> None:
    printed = run(folder, sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    tests = sum(
        len(re.findall(r"^(?:async )?def test_", file.read_text("utf-8"), re.MULTILINE)) for file in folder.glob("*.py")
    )
    assert tests
    assert f"{tests} passed" in printed


@pytest.mark.node
@pytest.mark.parametrize("folder", ["node_fetch"], indirect=True)
def test_node(folder: Path, server: Served) -> None:
    printed = run(folder, program("node"), "--test", MOCKPSP_URL=server.told["url"])
    assert re.search(r"^# pass [1-9]|^ℹ pass [1-9]", printed, re.MULTILINE), printed
    assert left_behind(server) == []


@pytest.mark.node
@pytest.mark.browser
@pytest.mark.parametrize("folder", ["node_playwright"], indirect=True)
def test_playwright(folder: Path, server: Served) -> None:
    browser = chromium.executable()
    if browser is None:
        missing("Chromium is not installed")
    if not (node.FOLDER / "node_modules/playwright-core").exists():
        missing("the npm packages are not installed (make node)")
    (folder / "node_modules").symlink_to(node.FOLDER / "node_modules")
    printed = run(folder, program("node"), "--test", MOCKPSP_URL=server.told["url"], CHROMIUM=str(browser))
    assert re.search(r"^# pass [1-9]|^ℹ pass [1-9]", printed, re.MULTILINE), printed
    assert left_behind(server) == []


def test_playwright_is_tried_in_the_version_that_the_example_names() -> None:
    wanted, tried = (
        json.loads((place / "package.json").read_text("utf-8"))["dependencies"]["playwright-core"]
        for place in (EXAMPLES / "node_playwright", node.FOLDER)
    )
    assert wanted == tried


@pytest.mark.parametrize("folder", ["shell"], indirect=True)
def test_shell(folder: Path, server: Served) -> None:
    program("curl")
    printed = run(folder, program("bash"), "./pay.sh", MOCKPSP_URL=server.told["url"], no_proxy="*")
    assert printed.splitlines() == ["order: SUCCEEDED", '"ok":true']
    assert left_behind(server) == []


@pytest.mark.parametrize("folder", ["shop"], indirect=True)
@pytest.mark.parametrize("kind", ["holiday", "lunch", "basket"])
def test_shop(folder: Path, server: Served, kind: str) -> None:
    """Nobody sends webhooks to this copy, so it asks."""
    listed = run(folder, sys.executable, "-m", "mockpsp", "credentials", "--url", server.told["url"])
    given = dict(line.split("=", 1) for line in shlex.split(listed, comments=True))
    printed = run(folder, sys.executable, "-m", "shop.buy", kind, SHOP_PORT="0", SHOP_POLL="0.2", **given)
    assert "as it should be" in printed
    assert left_behind(server) == []


def test_every_example_is_in_the_readme_and_is_run() -> None:
    listed = set(re.findall(r"^\| \[(\w+)\]\(\1\)", (EXAMPLES / "README.md").read_text("utf-8"), re.MULTILINE))
    assert listed == {each.name for each in EXAMPLES.iterdir() if each.is_dir()}
    tested = [Path(__file__), *(Path(__file__).with_name(f"{name}.py") for name in ("test_deploy", "test_ci_examples"))]
    assert [name for name in listed if not any(f'"{name}"' in each.read_text("utf-8") for each in tested)] == []
