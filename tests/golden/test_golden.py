"""Shipped scenarios lead to the journals that are kept, byte for byte, wherever and however they are played."""

from __future__ import annotations

import os
import subprocess
import sys
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.golden.tell import FOLDER, golden, path_of
from tests.support.stories import STORIES, played_once

ROOT = FOLDER.parent.parent
AGAIN = "If that is what you meant: make golden, and read git diff tests/golden."
HANDFUL = (
    "adyen/webhook-queue-blocked-and-drained",
    "adyen/voucher-then-card",
    "lyra/card-stored-then-paid-with-one-click",
    "lyra/seller-registered-then-sells",
    "worldline/refund-card-share-then-voucher-share",
    "worldline/webhook-wrongly-signed",
)
STRANGE = {"TZ": "Pacific/Chatham", "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONHASHSEED": "1"}
OTHER = {"TZ": "America/St_Johns", "LC_ALL": "fr_FR.UTF-8", "LANGUAGE": "fr", "PYTHONUTF8": "1", "PYTHONHASHSEED": "77"}


def compare(name: str, text: str) -> None:
    path = path_of(name)
    assert path.exists(), f"{name} has no golden journal. {AGAIN}"
    kept = path.read_text(encoding="utf-8")
    if text != kept:
        lines = unified_diff(kept.splitlines(), text.splitlines(), "kept", "played", lineterm="", n=2)
        pytest.fail("\n".join([f"{name} leads to another journal than before.", *lines, AGAIN]), pytrace=False)


@pytest.mark.parametrize("name", STORIES)
async def test_a_story_comes_true_and_leads_to_the_journal_that_is_kept(name: str) -> None:
    played = await played_once(name)
    assert [str(failure) for failure in played.failures] == []
    compare(name, golden(played))


def test_no_golden_journal_is_left_of_a_scenario_that_is_gone() -> None:
    kept = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.txt")}

    assert sorted(kept - set(STORIES)) == []


@pytest.mark.parametrize("surroundings", [STRANGE, OTHER], ids=["strange", "other"])
def test_neither_hash_seed_nor_folder_nor_time_zone_nor_language_shows(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.golden", "--print", *HANDFUL],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **surroundings},
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr.decode()
    texts = ran.stdout.decode().split("\f")
    assert len(texts) == len(HANDFUL)
    for name, text in zip(HANDFUL, texts, strict=True):
        compare(name, text)
