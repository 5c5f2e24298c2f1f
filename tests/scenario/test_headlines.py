"""Title and tags of a file without reading the rest of it, and the text that a scenario came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockpsp.app import catalogues
from mockpsp.scenario.library import Headline, Library, UnknownScenario

LIBRARY = Library(catalogues)


@pytest.mark.parametrize("name", LIBRARY.names())
def test_a_headline_says_what_the_scenario_says(name: str) -> None:
    read = LIBRARY.load(name)
    assert LIBRARY.headline(name) == Headline(name, read.title, read.tags)


def headline_of(folder: Path, text: str) -> Headline | None:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return LIBRARY.headline(str(path))


def test_what_stands_before_the_title_is_passed_over(tmp_path: Path) -> None:
    found = headline_of(tmp_path, "rules:\n  - {name: title, tags: [no]}\ntags: [a, b]\nworld: {}\ntitle: Mine\n")
    assert found is not None
    assert (found.title, found.tags) == ("Mine", ("a", "b"))


@pytest.mark.parametrize("text", ["", "[1, 2]", "tags: [a]", "title: [", "\x00", "just text"])
def test_a_file_without_a_title_has_no_headline(tmp_path: Path, text: str) -> None:
    assert headline_of(tmp_path, text) is None


def test_a_file_that_is_not_there_is_unknown() -> None:
    with pytest.raises(UnknownScenario):
        LIBRARY.headline("nowhere/at-all")


def test_a_file_that_is_written_again_has_a_new_headline(tmp_path: Path) -> None:
    assert headline_of(tmp_path, "title: One") == Headline(str(tmp_path / "own.yaml"), "One", ())
    assert headline_of(tmp_path, "title: Two") == Headline(str(tmp_path / "own.yaml"), "Two", ())


def test_a_scenario_knows_its_text_as_it_was_written() -> None:
    text = "# Mine\nmockpsp: 1\ntitle: Commented\n"
    mine = LIBRARY.parse(text, file="x", name="inline")
    assert LIBRARY.text(mine) == text
    assert "Everything works" in (LIBRARY.text(LIBRARY.load("default")) or "")
    assert LIBRARY.text(LIBRARY.from_value({"title": "An object"})) is None
    assert LIBRARY.text(LIBRARY.together(["default", "adyen/full-voucher"])) is None
