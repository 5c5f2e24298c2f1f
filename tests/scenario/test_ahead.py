"""The default scenario is the same whether its file is read, or was read ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockpsp.app import catalogues
from mockpsp.data import folder
from mockpsp.scenario import ahead, loader
from mockpsp.scenario.library import Library
from mockpsp.scenario.model import Scenario
from mockpsp.scenario.problems import Problems
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table, read_text

DEFAULT = folder("scenarios") / "default.yaml"


def read(text: bytes) -> Node:
    """The nodes of a file without mistakes."""
    problems = Problems("a.yaml")
    root = read_text(text, problems)
    problems.close()
    assert root is not None
    return root


def same(one: Node | None, other: Node) -> bool:
    """Whether two nodes say the same at the same place."""
    match one, other:
        case Scalar(), Scalar():
            return (one.spot, one.value, type(one.value), one.text) == (
                other.spot, other.value, type(other.value), other.text
            )  # fmt: skip
        case Many(), Many():
            pairs = zip(one.items, other.items, strict=True)
            return one.spot == other.spot and all(same(*pair) for pair in pairs)
        case Table(), Table():
            if (one.spot, one.keys, list(one.items)) != (other.spot, other.keys, list(other.items)):
                return False
            return all(same(each, other.items[name]) for name, each in one.items.items())
        case _:
            return False


def load(*, trusted: bool) -> Scenario:
    """The default scenario."""
    return loader.load(
        DEFAULT.read_bytes(), file=str(DEFAULT), name="default", catalogues=catalogues(), trusted=trusted
    )


def test_the_nodes_are_current() -> None:
    """If not: ``python -m mockpsp.scenario.ahead``."""
    text = DEFAULT.read_bytes()
    assert ahead.FILE.read_bytes() == ahead.written(text, read(text))


def test_the_nodes_are_those_of_the_file() -> None:
    text = DEFAULT.read_bytes()
    assert same(ahead.nodes_of(text), read(text))


def test_the_scenario_is_that_of_the_file() -> None:
    assert load(trusted=True) == load(trusted=False)
    assert [rule.line for rule in load(trusted=True).rules] == [rule.line for rule in load(trusted=False).rules]


def test_a_file_that_was_changed_since_is_read_itself() -> None:
    assert ahead.nodes_of(DEFAULT.read_bytes() + b"\n") is None


def test_without_nodes_the_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = load(trusted=True)
    monkeypatch.setattr(ahead, "FILE", tmp_path / "none.json")
    assert load(trusted=True) == expected
    assert Library(catalogues).load("default", trusted=True) == expected


def test_writing_them_gives_what_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    current = ahead.FILE.read_bytes()
    monkeypatch.setattr(ahead, "FILE", tmp_path / "ahead.json")
    ahead.main()
    assert ahead.FILE.read_bytes() == current


@pytest.mark.parametrize(
    "text",
    [
        b"a: 1\nb: [x, 'y', 1.50, null, ~, true, \"12\", 007]\n",
        "é: {ü: \"\\u0001\\n\", deep: [[], {}, [[1]]]}\n".encode(),
        b"a: &one {b: 1}\nc: *one\n",
        b"a: &one {b: 1}\nc: {<<: *one, d: 2}\n",
    ],
)  # fmt: skip
def test_any_file_comes_back_as_it_was(text: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = read(text)
    monkeypatch.setattr(ahead, "FILE", tmp_path / "ahead.json")
    ahead.FILE.write_bytes(ahead.written(text, root))
    assert same(ahead.nodes_of(text), root)
