"""Addresses and headers of hosted pages, and strangers' words in their sentences."""

from __future__ import annotations

import pytest

from mockpsp.edge.pages import form_targets, in_ascii, page_headers, see_other
from mockpsp.edge.texts import Texts


@pytest.mark.parametrize(
    ("address", "written", "origin"),
    [
        ("https://shop.example/a?b=c%20d#e", "https://shop.example/a?b=c%20d#e", "https://shop.example"),
        ("https://café.example/é", "https://xn--caf-dma.example/%C3%A9", "https://xn--caf-dma.example"),
        ("http://me@café.example:81/", "http://me@xn--caf-dma.example:81/", "http://xn--caf-dma.example:81"),
        ("https://a..é/x", "https://a..%C3%A9/x", "https://a..%C3%A9"),
        ("shop://back?x=é", "shop://back?x=%C3%A9", "shop:"),
    ],
)
def test_an_address_is_written_in_ascii_and_forms_may_lead_to_its_origin(
    address: str, written: str, origin: str
) -> None:
    assert in_ascii(address) == written
    assert form_targets(address) == f"'self' {origin}"
    assert see_other(address).headers["Location"] == written


def test_forms_of_a_page_without_a_way_back_stay_here() -> None:
    assert form_targets("") == form_targets("/back") == "'self'"


@pytest.mark.parametrize("framed", [True, False])
def test_a_page_allows_nothing_inline_and_nothing_from_elsewhere(framed: bool) -> None:
    headers = page_headers(framed=framed)
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert {policy[each] for each in ("default-src", "script-src", "style-src", "connect-src", "form-action")} == {
        "'self'"
    }
    assert (policy["base-uri"], policy["img-src"]) == ("'none'", "'self' data:")
    assert policy.get("frame-ancestors") == (None if framed else "'none'")
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Gîte & Table", "Return to Gîte & Table"),
        ("\u202ecod", "Return to \u2068\u202ecod\u2069"),
        ("\u2069\u202ecod", "Return to \u2068\u202ecod\u2069"),
    ],
)
def test_a_name_turns_no_direction_but_its_own(name: str, said: str) -> None:
    assert Texts(en={}, fr={}).say("en", "return", merchant=name) == said
