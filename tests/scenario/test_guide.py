"""``docs/scenarios.md``: every example is a scenario that works, and the words of the grammar are all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mockpsp.app import catalogues
from mockpsp.scenario.grammar import KEYS
from mockpsp.scenario.library import Library
from mockpsp.testing.player import play

GUIDE = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: re.findall("title: (.*)", text)[0])
async def test_an_example_works(text: str) -> None:
    scenario = Library(catalogues).parse(text, file="docs/scenarios.md", name="guide")
    played = await play(scenario)
    assert [str(failure) for failure in played.failures] == []


STEPS = [f"step.{kind}" for kind in ("resend", "account", "back_office", "scenario", "clock", "endpoint", "shopper")]


@pytest.mark.parametrize("kind", ["failure", "deliver", "throttle", "outage", "fault", "condition", *STEPS])
def test_the_guide_has_every_word(kind: str) -> None:
    assert [
        word for word in KEYS[kind] if not re.search(rf"\b{word}\b", GUIDE) and word not in ("name", "is", "one_of")
    ] == []
