"""The house keeps its own rules: imports, time and chance, docstrings, documents, start-up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import mockpsp

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "mockpsp"
LINT = (
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(config_filename={!r}, no_cache=True))"
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the package, by its path below the package."""
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file.relative_to(PACKAGE).as_posix(), ast.parse(file.read_text("utf-8"))


# -- imports -----------------------------------------------------------------------------------------------------------


def test_the_import_contracts_hold() -> None:
    done = python(LINT.format("pyproject.toml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("contract", "line", "wrong"),
    [
        ("Layers of the house", '  "edge",\n  "world",', '  "world",\n  "edge",'),
        ("Layers of the house", '  "scenario",\n', ""),
        (
            "Layers of a provider",
            '  "(wire) : (reading)",\n  "(decide)",',
            '  "(decide)",\n  "(wire) : (reading)",\n  "(api)",',
        ),
        (
            "The core does no input and output",
            '["aiohttp", "asyncio",',
            '["mockpsp.domain.money", "aiohttp", "asyncio",',
        ),
    ],
)
def test_the_import_contracts_can_be_broken(contract: str, line: str, wrong: str, tmp_path: Path) -> None:
    """A contract that nothing breaks would hold nothing up."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert line in text
    changed = tmp_path / "pyproject.toml"
    changed.write_text(text.replace(line, wrong).replace('  "(api) : (routes)",\n  "(auth)', '  "(auth)'), "utf-8")
    done = python(LINT.format(str(changed)))
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout, done.stdout + done.stderr


def test_every_provider_is_meant_by_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    wildcards = [
        each for each in contracts if "mockpsp.providers.*" in [*each.get("modules", []), *each.get("containers", [])]
    ]
    assert {each["type"] for each in wildcards} == {"independence", "layers"}
    assert "mockpsp.providers." not in str(contracts).replace("mockpsp.providers.*", ""), "a provider is named"


# -- time, chance, output ----------------------------------------------------------------------------------------------

CLOCKS = {"world/clock.py", "world/ids.py"}
CHANCE = {"random", "secrets"}
NAMES = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
    ("time", "time_ns"), ("uuid", "uuid1"), ("uuid", "uuid4"), ("os", "urandom"),
}  # fmt: skip


def of_time_and_chance(tree: ast.Module) -> Iterator[str]:
    """What a module does that would differ between two runs."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in NAMES:
                yield f"line {node.lineno}: {owner}.{name}"
            case ast.Attribute(value=ast.Attribute(attr=owner), attr=name) if (owner, name) in NAMES:
                yield f"line {node.lineno}: {owner}.{name}"
            case ast.ImportFrom(module=module):
                for each in node.names:
                    if module in CHANCE or (module, each.name) in NAMES:
                        yield f"line {node.lineno}: from {module} import {each.name}"
            case ast.Import():
                for each in node.names:
                    if each.name in CHANCE:
                        yield f"line {node.lineno}: import {each.name}"


def test_only_the_clock_and_the_ids_know_time_and_chance() -> None:
    found = {path: list(of_time_and_chance(tree)) for path, tree in trees() if path not in CLOCKS}
    assert {path: uses for path, uses in found.items() if uses} == {}


@pytest.mark.parametrize(
    "code",
    [
        "from time import time", "import random", "from uuid import uuid4", "import secrets as s", "datetime.now(UTC)",
        "import datetime\ndatetime.datetime.now()", "import os\nos.urandom(3)", "from random import choice",
    ],
)  # fmt: skip
def test_what_looks_for_time_and_chance_finds_it(code: str) -> None:
    assert list(of_time_and_chance(ast.parse(code)))


def test_nothing_is_printed() -> None:
    printing = [
        f"{path}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "breakpoint")
    ]
    assert printing == []


# -- docstrings --------------------------------------------------------------------------------------------------------


def undocumented(path: str, tree: ast.Module) -> Iterator[str]:
    """Public names of a module without a docstring; a method whose class says "See …" for all of it counts too."""
    if ast.get_docstring(tree) is None and tree.body:
        yield path
    yield from _undocumented(path, tree)


def _undocumented(path: str, owner: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in owner.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield f"{path}:{node.lineno} {node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(path, node)


def test_everything_public_says_what_it_is_for() -> None:
    assert [name for path, tree in trees() for name in undocumented(path, tree)] == []


# -- documents ---------------------------------------------------------------------------------------------------------


def test_the_changelog_mentions_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[?{re.escape(mockpsp.__version__)}\b", text, re.MULTILINE)


def decisions() -> list[Path]:
    """The architecture decision records."""
    return sorted((ROOT / "docs" / "adr").glob("*.md"))


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(file.name[:4]) for file in decisions() if re.fullmatch(r"[0-9]{4}-[a-z0-9-]+\.md", file.name)]
    assert len(numbers) == len(decisions()), "a name that is not like 0001-some-words.md"
    assert numbers == list(range(1, len(numbers) + 1))


def test_decisions_that_the_code_speaks_of_exist() -> None:
    named = {
        (file.name, found)
        for file in (*PACKAGE.rglob("*.py"), ROOT / "pyproject.toml")
        for found in re.findall(r"docs/adr/([0-9]{4})", file.read_text("utf-8"))
    }
    known = {file.name[:4] for file in decisions()}
    assert {(file, number) for file, number in named if number not in known} == set()


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """Only what may differ in every checkout is looked for: home directories and scratch places."""
    places = re.compile("/" + r"(?:home/[a-z]|root/|work/|Users/[A-Z]|tmp/[a-z])")
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for folder in ("mockpsp", "tests", "scenarios", "openapi", "docs", "bench", "examples")
        for file in sorted((ROOT / folder).rglob("*"))
        if "node_modules" not in file.parts and file.is_file()
        if file.suffix in (".py", ".md", ".yaml", ".json", ".html", ".js", ".css", ".toml", ".txt")
        for match in places.finditer(file.read_text("utf-8"))
    ]
    assert found == []


# -- start-up ----------------------------------------------------------------------------------------------------------

HEAVY = ("aiohttp", "jinja2", "jsonschema_rs", "cryptography", "yaml")


@pytest.mark.parametrize("module", ["mockpsp", "mockpsp.cli", "mockpsp.settings"])
def test_importing_is_light(module: str) -> None:
    done = python(f"import sys, {module}; print(*sorted({set(HEAVY)!r} & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_server_starts_without_what_only_pages_cards_and_other_scenarios_need() -> None:
    code = (
        "import sys, mockpsp.app as app; app.build_app(); "
        "print(*sorted({'jinja2', 'cryptography', 'yaml'} & set(sys.modules)))"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_our_types_are_there_for_users() -> None:
    assert (PACKAGE / "py.typed").is_file()
