"""axe-core on every state of every hosted page: French and English, on a computer, on a small phone and in frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.adyen_pages import new_link
from tests.support.axe import accessible, violations
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.gallery import DEVICES, FRAMES, GALLERIES, LANGUAGES, visit
from tests.support.lyra_pages import new_page
from tests.support.shopfront import Shopfront
from tests.support.visits import start, to_portal

pytestmark = [pytest.mark.browser, pytest.mark.node]

WHERE = [(provider, size) for provider in GALLERIES for size in DEVICES] + [
    (provider, size) for provider in ("adyen", "lyra") for size in FRAMES
]
LOOKED_AT = {("fr-FR", "phone"), ("en-US", "phone"), ("en-US", "desktop"), ("fr-FR", "frame-250")}
"""Each language and each kind of size has its rules looked at; the rest is left to ``make long``, its width is not."""


def wheres() -> Iterator[Any]:
    """Language, provider and size, and whether axe-core looks at it."""
    for language in LANGUAGES:
        for provider, size in WHERE:
            looked_at = (language, size) in LOOKED_AT
            yield pytest.param(language, provider, size, True, marks=[] if looked_at else [pytest.mark.long])
            if not looked_at:
                yield pytest.param(language, provider, size, False)


@pytest.mark.parametrize(("language", "provider", "size", "rules"), [*wheres()])
def test_no_page_violates_wcag_or_is_wider_than_its_window(
    person: Person, provider: str, size: str, language: str, rules: bool
) -> None:
    found: list[str] = []

    def look(tab: Tab, name: str) -> None:
        if rules:
            found.extend(f"{name}: {each}" for each in violations(tab))
        if not tab.fits():
            found.append(f"{name}: wider than its window")

    visit(person, GALLERIES[provider].drawn(language, framed=size in FRAMES), (DEVICES | FRAMES)[size], look)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("provider", GALLERIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_violates_wcag_without_scripts(person: Person, provider: str, language: str) -> None:
    """Those that are another page then: what only scripts do is not promised, and something else stands in for it."""
    drawn = {name: html for name, html in GALLERIES[provider].drawn(language).items() if "<noscript>" in html}
    visit(person, drawn, DEVICES["phone"], accessible, scripts=False)


def test_live_pages_with_the_test_data_of_the_default_scenario(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    tab = person.tab(width=360, height=740)
    to_portal(tab, start(sandbox, shop)["redirectUrl"], "77777777777")
    accessible(tab, "Worldline's portal").click("open-phone")
    accessible(tab.shows("confirm"), "the app").click("confirm")
    accessible(tab.shows("pay-card", "test-data"), "the complement")
    link = new_link(sandbox, shopperLocale="fr-FR")["url"]
    for method in ("mealVoucher_FR_sodexo", "givex", "scheme"):
        accessible(tab.open(f"{link}?method={method}").shows("test-data"), method)
    page = new_page(sandbox, language="fr")
    for method in ("conecs", "cv_connect", "card"):
        accessible(tab.open(f"{page}&method={method}").shows("test-data"), method)
