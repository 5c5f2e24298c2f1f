"""Every shipped scenario can be written as a file again that says the same."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from mockpsp.app import catalogues
from mockpsp.edge.scenario_text import block, flow, parts, scalar
from mockpsp.scenario.library import Library
from mockpsp.scenario.model import Scenario
from mockpsp.scenario.problems import Problems
from mockpsp.scenario.yaml_nodes import plain, read_text

LIBRARY = Library(catalogues)


def bare(scenario: Scenario) -> Scenario:
    """The scenario without its story, and without the places of its lines in the file."""
    lines = {
        part: tuple(replace(each, line=0, key="") for each in getattr(scenario, part))
        for part in ("rules", "webhooks", "faults", "shopper")
    }
    return replace(scenario, story=(), expect={}, tags=(), seed=1, clock=None, name="", title="", **lines)


@pytest.mark.parametrize("name", LIBRARY.names())
def test_a_written_scenario_is_read_as_the_same(name: str) -> None:
    scenario = LIBRARY.load(name)
    text = "\n".join(block({"mockpsp": 1, "title": "again", **parts(scenario)}))

    again = bare(LIBRARY.parse(text, file="again.yaml", name="again"))
    was = bare(scenario)
    for part in ("world", "settings", "rules", "webhooks", "faults", "shopper"):
        assert getattr(again, part) == getattr(was, part)


ODD: list[Any] = [
    "NO", "null", "True", "12:30", "0777", "1e3", "-", "- a", "a: b", "a #b", "", " ", "é", "line\nbreak", "\u2028",
    "\x7f", "{a}", "[b]", "${x.y}", "'", '"', "\\", "12.00 EUR", "2026-07-01T09:00:00Z", "!tag", "&a", "*b", "%", "@",
    "😀", "~", "4111111111111111", "<&>", "a,b", "a  b", "a ", "https://a.b/c?d=e", None, True, False, 0, -12, 3.25,
    1e-7, {}, [], {"a": [1, {"b": None}]}, {"x" * 120: {"y" * 120: ["z" * 120, {}]}},
    [{"long": "w " * 70, "also": "v " * 70}, ["u " * 70]],
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_any_value_is_read_as_it_was_written(value: Any) -> None:
    for text in ("\n".join(block({"key": value})), f"key: {flow(value)}"):
        problems = Problems("odd.yaml")
        node = read_text(text, problems)
        assert node is not None, problems.found
        assert plain(node) == {"key": value}


def test_what_is_plain_needs_no_quotes() -> None:
    assert [scalar(each) for each in ("adyen.payments", "12.00 EUR", "the first card", "12")] == [
        "adyen.payments", "12.00 EUR", "the first card", '"12"',
    ]  # fmt: skip
