"""The judge of accessibility itself: it must notice what is wrong, wherever pages keep scripts away."""

from __future__ import annotations

import pytest

from tests.support.axe import accessible, violations
from tests.support.chromium import Person
from tests.support.shopfront import Shopfront

pytestmark = [pytest.mark.browser, pytest.mark.node]

HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>'
STRICT = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; frame-src 'self'\">"
FAINT = '<p style="color:#bbb;background:#fff">faint</p>'
SMALL = (
    '<button style="width:9px;height:9px;padding:0" aria-label="a"></button>'
    '<button style="width:9px;height:9px;padding:0" aria-label="b"></button>'
)


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(
    ("body", "rule"),
    [("<input>", "label"), (FAINT, "color-contrast"), (SMALL, "target-size"), ("<img src=''>", "image-alt")],
)
def test_what_is_wrong_is_found(person: Person, shop: Shopfront, body: str, rule: str, scripts: bool) -> None:
    tab = person.tab(scripts=scripts).open(shop.put("/wrong", f"{HEAD}<main><h1>Pay</h1>{body}</main>"))
    assert {each.split(":")[0] for each in violations(tab)} == {rule}
    with pytest.raises(AssertionError, match=rule):
        accessible(tab, "a page with a mistake")


def test_a_frame_is_looked_at_too_whatever_the_policy_says(person: Person, shop: Shopfront) -> None:
    shop.put("/inner", f"{HEAD}<main><input></main>")
    frame = '<iframe title="inner" src="/inner"></iframe>'
    tab = person.tab().open(shop.put("/outer", f"{HEAD}{STRICT}<main><h1>Pay</h1>{frame}</main>"))
    assert [each.split(":")[0] for each in violations(tab)] == ["label"]


def test_a_good_page_passes_and_sees_nothing_of_it(person: Person, shop: Shopfront) -> None:
    tab = person.tab().open(shop.put("/good", f"{HEAD}{STRICT}<main><h1>Pay</h1></main>"))
    assert accessible(tab) is tab
    assert tab.evaluate("typeof axe") == "undefined"
