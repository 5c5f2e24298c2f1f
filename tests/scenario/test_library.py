"""Several scenarios as one, and names that nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockpsp.app import catalogues
from mockpsp.scenario.library import Library, UnknownScenario
from mockpsp.scenario.loader import ScenarioError

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


def test_lines_of_files_with_the_same_name_in_different_folders_count_for_themselves(tmp_path: Path) -> None:
    for each in ("one", "two", "three"):
        (tmp_path / each).mkdir()
    files = [written(tmp_path / each, "same", RULE) for each in ("one", "two", "three")]
    together = Library(catalogues).together(files)
    assert [rule.key for rule in together.rules] == [
        "rule:rules[0]", "same.yaml/rule:rules[0]", "same.yaml (2)/rule:rules[0]",
    ]  # fmt: skip


def test_a_file_is_called_the_same_wherever_it_lies(tmp_path: Path) -> None:
    assert Library(catalogues).load(written(tmp_path, "mine", RULE)).name == "mine.yaml"


def test_of_several_the_later_title_and_all_that_was_written_remain(tmp_path: Path) -> None:
    first = written(tmp_path, "first", "settings: {worldline: {payment_id_form: long}}\n")
    second = written(tmp_path, "second", "settings: {worldline: {cancel_closed_status: 400}, adyen: {}}\n")
    library = Library(catalogues)
    together = library.together([first, second])
    assert together.name == "first.yaml+second.yaml"
    assert together.written["worldline"] == ("payment_id_form", "cancel_closed_status")
    assert library.together([first, second, first]).settings["worldline"]["cancel_closed_status"] == 400


def test_a_users_file_is_checked_even_where_shipped_ones_are_trusted(tmp_path: Path) -> None:
    wrong = written(tmp_path, "wrong", "settings: {worldline: {payment_id_form: wide}}\n")
    with pytest.raises(ScenarioError, match="payment_id_form"):
        Library(catalogues).together([wrong])


def test_a_shipped_scenario_is_read_once_and_a_users_file_each_time(tmp_path: Path) -> None:
    library, own = Library(catalogues), written(tmp_path, "own", RULE)
    assert library.load("adyen/full-voucher") is library.load("adyen/full-voucher")
    assert library.load("adyen/full-voucher").name == "adyen/full-voucher"
    assert library.path("adyen/full-voucher").name == "full-voucher.yaml"
    assert library.load(own) is not library.load(own)


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_a_users_file_is_found_by_its_path(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    path.write_text('{"mockpsp": 1, "title": "Mine"}', encoding="utf-8")
    assert Library(catalogues).load(str(path)).title == "Mine"


@pytest.mark.parametrize("name", ["own.txt", "folder.yaml", "missing.yaml"])
def test_what_is_no_scenario_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "own.txt").write_text(HEAD, encoding="utf-8")
    with pytest.raises(UnknownScenario):
        Library(catalogues).path(str(tmp_path / name))


def test_an_object_is_a_scenario_that_is_called_inline() -> None:
    assert Library(catalogues).from_value({"title": "Mine"}).name == "inline"


def test_an_unknown_name_proposes_the_nearest_one() -> None:
    with pytest.raises(UnknownScenario, match="did you mean 'worldline/split-with-card'"):
        Library(catalogues).load("worldline/split-with-cart")
