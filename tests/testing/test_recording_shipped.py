"""Every shipped story, recorded from its journal and played again, gives the same journal."""

from __future__ import annotations

import pytest

from tests.support.recorded import LIBRARY, again, played_and_recorded, told

STORIES = [name for name in LIBRARY.names() if LIBRARY.load(name).story]
BEYOND = {
    "lyra/access-token-expired": "the token is asked for without credentials of the sandbox, in another journal",
    "lyra/webhook-target-set-by-the-shop": "how the endpoint answers Lyra's empty question is in no journal",
}


@pytest.fixture(autouse=True)
def tollgate() -> None:
    """The real providers, in place of the made-up one of the other tests here."""


@pytest.mark.parametrize("name", [each for each in STORIES if each not in BEYOND])
async def test_a_recorded_story_gives_the_same_journal(name: str) -> None:
    played, recording = await played_and_recorded(LIBRARY.load(name))
    repeated = await again(recording)

    assert [str(each) for each in repeated.failures] == []
    assert told(repeated.journal) == told(played.journal)
    assert recording.missing == 0, recording.text


async def test_what_cannot_be_recorded_is_said() -> None:
    _, recording = await played_and_recorded(LIBRARY.load("lyra/access-token-expired"))

    assert recording.missing == 2
    assert "# Not recorded: credentials to which the answer is 307" in recording.text


@pytest.mark.parametrize(
    "name", ["worldline/refund-after-four-hours", "adyen/voucher-then-card", "lyra/refund-succeeds"]
)
async def test_with_the_same_seed_and_a_clock_that_stands_still_journals_are_identical(name: str) -> None:
    played, recording = await played_and_recorded(LIBRARY.load(name))
    repeated = await again(recording)

    def entries(story: object) -> list[object]:
        return [each for each in story.journal if each["kind"] != "scenario"]  # type: ignore[attr-defined]

    assert entries(repeated) == entries(played)
