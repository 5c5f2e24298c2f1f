"""Several scenarios as one, and names that nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockpsp.app import catalogues
from mockpsp.scenario.library import Library, UnknownScenario

HEAD = "mockpsp: 1\ntitle: One of two\n"
RULE = "rules: [{operation: worldline.refund, times: 1, then: {outcome: refused}}]\n"


def written(folder: Path, name: str, text: str) -> str:
    """A scenario file; its path."""
    path = folder / f"{name}.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return str(path)


def test_a_later_scenario_overrides_only_the_settings_that_it_writes(tmp_path: Path) -> None:
    first = written(tmp_path, "first", "settings: {worldline: {payment_id_form: long, cancel_closed_status: 409}}\n")
    second = written(tmp_path, "second", "settings: {worldline: {cancel_closed_status: 400}}\n")
    together = Library(catalogues).together([first, second])
    assert together.settings["worldline"]["payment_id_form"] == "long"
    assert together.settings["worldline"]["cancel_closed_status"] == 400


def test_lines_of_two_scenarios_count_for_themselves(tmp_path: Path) -> None:
    together = Library(catalogues).together([written(tmp_path, "first", RULE), written(tmp_path, "second", RULE)])
    keys = [rule.key for rule in together.rules]
    assert len(keys) == 2
    assert len(set(keys)) == 2


def test_an_unknown_name_proposes_the_nearest_one() -> None:
    with pytest.raises(UnknownScenario, match="did you mean 'worldline/split-with-card'"):
        Library(catalogues).load("worldline/split-with-cart")
