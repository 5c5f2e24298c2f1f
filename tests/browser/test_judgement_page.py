"""The page of a judgement in a browser: accessible, at rest, wide and narrow."""

from __future__ import annotations

import pytest

from mockpsp.judge.reports.page import page
from tests.judge.test_reports import MIXED, NOTHING
from tests.support.axe import accessible
from tests.support.chromium import Person
from tests.support.shopfront import Shopfront

pytestmark = [pytest.mark.browser, pytest.mark.node]


@pytest.mark.parametrize("width", [1280, 360])
def test_anybody_can_read_it(person: Person, shop: Shopfront, width: int) -> None:
    tab = person.tab(width=width).open(shop.put("/judgement", page(MIXED, NOTHING)))
    accessible(tab, "a judgement")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("getComputedStyle(document.querySelector('.verdict')).borderLeftColor") == "rgb(179, 38, 30)"
