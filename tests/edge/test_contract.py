"""What a contract says of a body that does not fit, and what a lenient provider makes of it."""

from __future__ import annotations

from json import dumps
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from mockpsp.edge.contract import Contract, converted
from mockpsp.edge.errors import Broken, BrokenContract
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.pipeline import validate
from mockpsp.edge.provider import Leniency
from mockpsp.world.journal import Request

ITEM = {
    "type": "object",
    "required": ["reference", "amount"],
    "properties": {
        "reference": {"type": "string", "maxLength": 4, "pattern": "^[a-z]+$"},
        "amount": {"type": "integer", "minimum": 1, "maximum": 99},
    },
}
SCHEMA = {
    "type": "object",
    "required": ["currency", "items"],
    "properties": {
        "currency": {"type": "string", "enum": ["EUR", "XPF"]},
        "items": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"$ref": "#/components/schemas/Item"}},
        "gift": {"type": ["boolean", "null"]},
        "number": {"type": ["integer", "string"]},
        "anything": True,
        "name": {"type": "string", "minLength": 1},
    },
}
DOCUMENT = {
    "openapi": "3.1.0",
    "components": {"schemas": {"Item": ITEM}},
    "paths": {
        "/orders": {
            "post": {
                "operationId": "create",
                "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
                "requestBody": {"required": True, "content": {"application/json": {"schema": SCHEMA}}},
            }
        }
    },
}
CONTRACT = Contract(DOCUMENT)
CREATE = CONTRACT.operation("create")
FINE = {"currency": "EUR", "items": [{"reference": "a", "amount": 1}]}


def broken(body: Any) -> BrokenContract:
    with pytest.raises(BrokenContract) as caught:
        CONTRACT.check_body(CREATE, body, True)
    return caught.value


def test_a_body_that_fits_is_nothing_to_speak_of() -> None:
    CONTRACT.check_body(CREATE, FINE, True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": 7}, Broken(("name",), "type", ("string",), 7)),
        ({"currency": "USD"}, Broken(("currency",), "enum", ("EUR", "XPF"), "USD")),
        ({"items": []}, Broken(("items",), "minItems", 1, [])),
        ({"items": FINE["items"] * 3}, Broken(("items",), "maxItems", 2, FINE["items"] * 3)),
        ({"items": [{"amount": 1}]}, Broken(("items", 0, "reference"), "required", "reference", None)),
        ({"items": [{"reference": "a", "amount": 0}]}, Broken(("items", 0, "amount"), "minimum", 1, 0)),
        ({"items": [{"reference": "a", "amount": 100}]}, Broken(("items", 0, "amount"), "maximum", 99, 100)),
        ({"items": [{"reference": "A", "amount": 1}]}, Broken(("items", 0, "reference"), "pattern", "^[a-z]+$", "A")),
        ({"items": [{"reference": "aaaaa", "amount": 1}]}, Broken(("items", 0, "reference"), "maxLength", 4, "aaaaa")),
        ({"name": ""}, Broken(("name",), "minLength", 1, "")),
    ],
    ids=lambda value: value.keyword if isinstance(value, Broken) else "",
)
def test_what_is_wrong_is_told_in_full(changes: dict[str, Any], expected: Broken) -> None:
    assert broken({**FINE, **changes}).found == (expected,)


def test_everything_that_is_wrong_is_found_and_the_text_is_of_the_outermost() -> None:
    error = broken({"items": [{"reference": "a", "amount": "x"}, {}], "gift": 1})
    assert {(each.path, each.keyword) for each in error.found} == {
        (("currency",), "required"),
        (("items", 0, "amount"), "type"),
        (("items", 1, "reference"), "required"),
        (("items", 1, "amount"), "required"),
        (("gift",), "type"),
    }
    assert (error.path, error.place) == ("currency", "body")
    assert str(error) == 'body currency: "currency" is a required property'


def test_a_type_tells_all_that_it_allows() -> None:
    [found] = broken({**FINE, "gift": "x"}).found
    assert set(found.limit) == {"boolean", "null"}


def test_a_body_that_is_missing_breaks_no_schema() -> None:
    with pytest.raises(BrokenContract) as caught:
        CONTRACT.check_body(CREATE, None, False)
    assert caught.value.found == ()


def test_a_query_is_told_in_full_as_well() -> None:
    with pytest.raises(BrokenContract) as caught:
        CONTRACT.check_query(CREATE, {"page": ["two"]})
    assert caught.value.found == (Broken(("page",), "type", ("integer",), "two"),)


# -- leniency ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"items": [{"amount": "12", "reference": "12"}]}, {"items": [{"amount": 12, "reference": "12"}]}),
        ({"items": [{"amount": "-5"}, {"amount": "007"}]}, {"items": [{"amount": -5}, {"amount": 7}]}),
        ({"items": {"amount": "12"}}, {"items": {"amount": "12"}}),
        ({"gift": "true"}, {"gift": True}),
        ({"gift": "false"}, {"gift": False}),
        ({"gift": "True"}, {"gift": "True"}),
        ({"gift": "1"}, {"gift": "1"}),
        ({"number": "12"}, {"number": "12"}),
        ({"anything": "12", "unknown": ["12"]}, {"anything": "12", "unknown": ["12"]}),
        ({"items": [{"amount": "1.0"}, {"amount": "1e2"}, {"amount": " 1"}, {"amount": "+1"}, {"amount": ""}]}, None),
        ({"items": [{"amount": "9" * 18}]}, {"items": [{"amount": int("9" * 18)}]}),
        ({"items": [{"amount": "9" * 19}, {"amount": "١"}]}, None),
        (["12"], None),
        ("12", None),
        (None, None),
    ],
)
def test_texts_are_converted_where_the_schema_has_no_text(given: Any, read: Any) -> None:
    assert converted(CONTRACT, SCHEMA, given) == (given if read is None else read)


MAPS = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "note": {"type": "string"},
        "more": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "properties": {"n": {"type": "integer"}, "t": {"type": "string", "description": "a text"}},
        },
        "deep": {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}},
    },
}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"more": {"a": True, "t": False, "c": 12}}, {"more": {"a": "true", "t": "false", "c": "12"}}),
        ({"more": {"a": 1.5, "b": [1], "n": "7"}}, {"more": {"a": 1.5, "b": [1], "n": 7}}),
        ({"note": None, "deep": None, "more": {"a": None}, "unknown": None}, {"more": {}}),
        ({"name": None, "deep": {"key": None}}, {"name": None, "deep": {"key": None}}),
        ({"name": 7}, {"name": 7}),
    ],
)
def test_a_loose_provider_reads_more(given: Any, read: Any) -> None:
    assert converted(CONTRACT, MAPS, given, loosely=True) == read


def exchange(body: Any, leniency: Leniency) -> Exchange:
    provider: Any = SimpleNamespace(name="p", leniency=leniency)
    x = Exchange(make_mocked_request("POST", "/"), provider, None)
    world = SimpleNamespace(setups={"p": SimpleNamespace(settings=None)})
    x.sandbox = SimpleNamespace(world=world)  # type: ignore[assignment]
    x.record = Request("POST", "/", b"", "")
    x.raw = dumps(body).encode()
    validate(x, SimpleNamespace(checks=(CONTRACT, CREATE)))  # type: ignore[arg-type]
    return x


AS_TEXT = {**FINE, "items": [{"reference": "a", "amount": "1"}]}


def test_a_lenient_provider_reads_what_is_meant() -> None:
    x = exchange(AS_TEXT, Leniency.TEXTS)
    assert x.json == FINE
    assert len(x.record.notes) == 1


def test_a_lenient_provider_leaves_a_body_that_fits_alone() -> None:
    body = {**FINE, "number": "1"}
    x = exchange(body, Leniency.TEXTS)
    assert (x.json, x.record.notes) == (body, ())


def test_a_lenient_provider_refuses_what_does_not_fit_for_all_that() -> None:
    with pytest.raises(BrokenContract) as caught:
        exchange({"items": [{"reference": "a", "amount": "100"}]}, Leniency.TEXTS)
    assert {(each.path, each.value) for each in caught.value.found} == {
        (("currency",), None),
        (("items", 0, "amount"), 100),
    }


def test_null_is_nothing_to_a_loose_provider_alone() -> None:
    body = {**FINE, "name": None}
    assert exchange(body, Leniency.LOOSE).json == FINE
    with pytest.raises(BrokenContract):
        exchange(body, Leniency.TEXTS)


def test_a_strict_provider_takes_a_text_for_a_text() -> None:
    with pytest.raises(BrokenContract):
        exchange(AS_TEXT, Leniency.NONE)
