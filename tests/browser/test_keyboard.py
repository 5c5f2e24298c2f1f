"""Every state of every hosted page with the keyboard alone: all that can be used is reached, in order, and is seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.chromium import Person, Tab
from tests.support.gallery import DEVICES, FRAMES, GALLERIES, visit

pytestmark = pytest.mark.browser

STOPS = """(() => {
  const begins = document.activeElement === document.body ? null : document.activeElement;
  const stops = [];
  for (const each of document.querySelectorAll("a[href], button, input:not([type=hidden]), iframe, [tabindex]")) {
    if (!each.checkVisibility() || each.tabIndex < 0) continue;
    if (begins && !(begins.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING)) continue;
    if (each.type === "radio") {
      const group = [...document.getElementsByName(each.name)];
      if (each !== (group.find((one) => one.checked) ?? group[0])) continue;
    }
    stops.push(each);
  }
  window.stops = stops;
  return stops.map((each) => each.dataset.testid ?? each.outerHTML);
})()"""
HERE = """(() => {
  const at = document.activeElement, box = at.getBoundingClientRect();
  const ring = getComputedStyle(at.closest(".choice") ?? at);
  return {
    stop: window.stops.indexOf(at),
    ring: ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) >= 2,
    inside: box.top < innerHeight && box.bottom > 0 && box.left < innerWidth && box.right > 0,
  };
})()"""
WHERE = [(provider, "desktop") for provider in GALLERIES] + [(provider, "frame-390") for provider in ("adyen", "lyra")]


def walk(tab: Tab) -> list[Any]:
    """Tab through the whole page and back again; what does not hold on the way."""
    if tab.has("error"):
        tab.until(AT_ERROR)
    stops = tab.evaluate(STOPS)
    wrong = []
    for key, order in ((False, range(len(stops))), (True, range(len(stops) - 2, -1, -1))):
        for stop in order:
            tab.press("Tab", shift=key)
            here = tab.evaluate(HERE)
            if here != {"stop": stop, "ring": True, "inside": True}:
                wrong.append((stops[stop], here))
    return wrong


@pytest.mark.parametrize(("provider", "size"), WHERE)
def test_everything_is_reached_in_order_forth_and_back_and_is_seen(person: Person, provider: str, size: str) -> None:
    wrong: dict[str, list[Any]] = {}

    def look(tab: Tab, name: str) -> None:
        if found := walk(tab):
            wrong[name] = found

    visit(person, GALLERIES[provider].drawn("fr-FR", framed=size in FRAMES), (DEVICES | FRAMES)[size], look)
    assert wrong == {}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("provider", GALLERIES)
def test_a_page_with_something_wrong_begins_there_and_leads_to_the_field(
    person: Person, provider: str, scripts: bool
) -> None:
    drawn = {name: html for name, html in GALLERIES[provider].drawn("en-US").items() if 'data-testid="error"' in html}
    assert len(drawn) > 4

    def look(tab: Tab, name: str) -> None:
        tab.until(AT_ERROR)
        for number, target in enumerate(tab.evaluate(LINKS)):
            tab.evaluate(f"document.querySelectorAll('[data-testid=error] a')[{number}].focus()")
            tab.press("Enter")
            tab.until(f"document.activeElement.id === '{target}'")

    visit(person, drawn, DEVICES["desktop"], look, scripts=scripts)


AT_ERROR = "document.activeElement.dataset.testid === 'error'"
LINKS = "[...document.querySelectorAll('[data-testid=error] a')].map(each => each.getAttribute('href').slice(1))"
