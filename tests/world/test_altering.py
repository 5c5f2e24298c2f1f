"""Webhooks that say something else: values by their place, names of headers, and when they leave."""

from __future__ import annotations

from json import loads
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.lifecycle import Body
from mockpsp.edge.respond import to_bytes
from mockpsp.scenario.model import HeaderCase
from mockpsp.world.altering import Altered, put, written

BODY = {"live": "false", "items": [{"amount": {"value": 5, "currency": "EUR"}}, {"amount": {"value": 6}}], "note": None}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab0", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def altered(**change: Any) -> Any:
    places = {place.replace("__", "."): value for place, value in change.items()}
    return loads(Altered(Body(to_bytes(BODY)), places)())


def test_a_value_changes_and_nothing_else() -> None:
    assert altered(live="true") == {**BODY, "live": "true"}
    assert altered(items__0__amount__value=100)["items"][0] == {"amount": {"value": 100, "currency": "EUR"}}
    assert list(altered(live="true")) == list(BODY)


def test_what_is_missing_on_the_way_is_made() -> None:
    assert altered(some__new__field=[1, 2])["some"] == {"new": {"field": [1, 2]}}
    assert altered(live__now=True)["live"] == {"now": True}


def test_null_takes_away() -> None:
    assert "live" not in altered(live=None)
    assert altered(items__0=None)["items"] == [{"amount": {"value": 6}}]
    assert altered(nothing__there=None)["nothing"] == {}


def test_what_a_list_does_not_have_stays_away() -> None:
    assert altered(items__2__amount=1) == BODY
    assert altered(items__first=1) == BODY


def test_a_body_that_is_no_json_stays_as_it_is() -> None:
    assert Altered(Body(b"hello"), {"a": 1})() == b"hello"


@given(JSON, st.lists(st.text("ab0", min_size=1, max_size=2), min_size=1, max_size=3), JSON)
def test_no_place_and_no_body_is_too_odd(body: Any, place: list[str], value: Any) -> None:
    before = loads(to_bytes(body))
    put(body, place, value)
    if not isinstance(before, dict | list):
        assert body == before


@pytest.mark.parametrize(
    ("case", "name"),
    [(HeaderCase.AS_DOCUMENTED, "X-GCS-KeyId"), (HeaderCase.LOWER, "x-gcs-keyid"), (HeaderCase.UPPER, "X-GCS-KEYID")],
)
def test_names_of_headers(case: HeaderCase, name: str) -> None:
    assert written({"X-GCS-KeyId": "Key"}, case) == {name: "Key"}
