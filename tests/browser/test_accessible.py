"""axe-core on every state of every hosted page: French and English, on a computer, on a small phone and in frames."""

from __future__ import annotations

import pytest

from tests.support.axe import violations
from tests.support.chromium import Person, Tab
from tests.support.gallery import DEVICES, FRAMES, GALLERIES, LANGUAGES, visit

pytestmark = [pytest.mark.browser, pytest.mark.node]

WHERE = [(provider, size) for provider in GALLERIES for size in DEVICES] + [
    (provider, size) for provider in ("adyen", "lyra") for size in FRAMES
]


@pytest.mark.parametrize(("provider", "size"), WHERE)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_violates_wcag_or_is_wider_than_its_window(
    person: Person, provider: str, size: str, language: str
) -> None:
    found: list[str] = []

    def look(tab: Tab, name: str) -> None:
        found.extend(f"{name}: {each}" for each in violations(tab))
        if not tab.fits():
            found.append(f"{name}: wider than its window")

    visit(person, GALLERIES[provider].drawn(language, framed=size in FRAMES), (DEVICES | FRAMES)[size], look)
    assert not found, "\n".join(found)
