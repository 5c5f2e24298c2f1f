"""Contracts are the same whether their files are read, or were read ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockpsp.data import folder
from mockpsp.edge import ahead
from mockpsp.edge.contract import parse_openapi, read_openapi

FILES = sorted(folder("openapi").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_documents_are_current(file: Path) -> None:
    """If not: ``python -m mockpsp.edge.ahead``."""
    text = file.read_bytes()
    document = parse_openapi(text)
    assert (ahead.FOLDER / f"{file.stem}.json").read_bytes() == ahead.written(text, document)
    assert ahead.document_of(file.stem, text) == document


def test_there_is_no_document_without_a_file() -> None:
    assert {each.stem for each in ahead.FOLDER.glob("*.json")} == {each.stem for each in FILES}


def test_a_file_that_was_changed_since_is_read_itself() -> None:
    text = FILES[0].read_bytes()
    assert ahead.document_of(FILES[0].stem, text + b"\n") is None


def test_without_documents_the_files_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ahead, "FOLDER", tmp_path)
    read_openapi.cache_clear()
    try:
        assert read_openapi("control") == parse_openapi((folder("openapi") / "control.yaml").read_bytes())
    finally:
        read_openapi.cache_clear()


def test_writing_them_gives_what_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    current = {each.name: each.read_bytes() for each in ahead.FOLDER.glob("*.json")}
    monkeypatch.setattr(ahead, "FOLDER", tmp_path / "anew")
    ahead.main()
    assert {each.name: each.read_bytes() for each in ahead.FOLDER.glob("*.json")} == current
