"""What a log must not show, and what it must."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockpsp.world.masking import form_value, luhn, mask, mask_header, mask_target, mask_text

CARD = "4111111111111111"


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ({"number": CARD}, {"number": "411111******1111"}),
        ({"cardNumber": int(CARD)}, {"cardNumber": "411111******1111"}),
        ({"card_number": {"value": CARD}}, {"card_number": {"value": "411111******1111"}}),
        ({"numbers": [CARD]}, {"numbers": ["411111******1111"]}),
        ({"number": "4111111111111112"}, {"number": "411111******1112"}),
        ({"orderReference": CARD}, {"orderReference": CARD}),
        (
            {"number": "12", "n": 1.5, "flag": True, "none": None},
            {"number": "12", "n": 1.5, "flag": True, "none": None},
        ),
        ({"cvc": "737", "CVV2": 123, "securityCode": None}, {"cvc": "***", "CVV2": "***", "securityCode": None}),
        (
            {"encryptedSecurityCode": "test_737", "cvc_present": True},
            {"encryptedSecurityCode": "***", "cvc_present": True},
        ),
        (
            {"client_secret": "s", "password": "p", "x": [{"apiKey": "k"}]},
            {"client_secret": "***", "password": "***", "x": [{"apiKey": "***"}]},
        ),
        ({"message": f"{CARD} is not a card"}, {"message": "411111******1111 is not a card"}),
        ({"encryptedCustomerInput": "eyJ.a.b.c.d"}, {"encryptedCustomerInput": "***"}),
        ([], []),
        (None, None),
    ],
)
def test_values(value: Any, masked: Any) -> None:
    assert mask(value) == masked


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("Authorization", "GCS v1HMAC:key:c2ln", "GCS v1HMAC:key:***"),
        ("authorization", "Basic bG9naW46cGFzcw==", "Basic login:***"),
        ("Authorization", "Basic !!!", "Basic ***"),
        ("Authorization", "Bearer abc.def", "Bearer ***"),
        ("Authorization", "abc", "***"),
        ("X-API-Key", "abc", "***"),
        ("Cookie", "a=1; b=2; c", "a=***; b=***; ***"),
        ("Set-Cookie", "a=1; HttpOnly", "a=***; HttpOnly"),
        ("Content-Type", "a=1", "a=1"),
    ],
)
def test_headers(name: str, value: str, masked: str) -> None:
    assert mask_header(name, value) == masked


def test_targets_keep_their_form_when_there_is_nothing_to_hide() -> None:
    assert mask_target("/a?b=%20c&d") == "/a?b=%20c&d"
    assert mask_target(f"/a?number={CARD}&cvc=737") == "/a?number=411111******1111&cvc=***"


def test_forms() -> None:
    assert form_value("a=1&b=2&a=3&a=4") == {"a": ["1", "3", "4"], "b": "2"}
    assert form_value("{}") is None


calm = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
digits = st.text("0123456789", min_size=12, max_size=19).filter(luhn)


@calm
@given(digits, st.sampled_from(["number", "cardNumber", "PAN", "encrypted_card_number"]))
def test_no_card_number_stays_under_a_key_of_cards(number: str, key: str) -> None:
    assert number not in json.dumps(mask({"a": [{key: number}, {key: {"value": number}}]}))


@calm
@given(digits, st.text("ab cd:,\n", max_size=5), st.text("ab cd:,\n", max_size=5))
def test_no_card_number_stays_in_text(number: str, before: str, after: str) -> None:
    assert number not in mask_text(f"{before}{number}{after}")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
)


@calm
@given(json_values)
def test_masking_twice_is_masking_once(value: Any) -> None:
    assert mask(mask(value)) == mask(value)


def test_depth_is_bounded() -> None:
    value: Any = "x"
    for _ in range(900):
        value = [value]
    assert "nested deeper" in json.dumps(mask(value))
