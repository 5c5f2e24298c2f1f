"""Every shipped story, recorded from its journal and played again, gives the same journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mockpsp.testing.played import Played
from tests.support.recorded import LIBRARY, again, played_and_recorded, told

STORIES = [name for name in LIBRARY.names() if LIBRARY.load(name).story]


@pytest.fixture(autouse=True)
def tollgate() -> None:
    """The real providers, in place of the made-up one of the other tests here."""


@pytest.mark.parametrize("name", STORIES)
async def test_a_recorded_story_gives_the_same_journal(name: str) -> None:
    played, recording = await played_and_recorded(LIBRARY.load(name))
    repeated = await again(recording)

    assert [str(each) for each in repeated.failures] == []
    assert told(repeated.journal) == told(played.journal)
    assert entries(repeated) == entries(played)
    assert recording.missing == 0, recording.text


def entries(story: Played) -> list[Mapping[str, Any]]:
    """The whole journal but for the name of the file, which it begins with, and which a change of scenarios tells."""
    first, *others = story.journal
    assert first["kind"] == "scenario"
    return [
        {**each, "scenario": each["scenario"]["changes"][1:]} if each["kind"] == "scenario" else each for each in others
    ]
