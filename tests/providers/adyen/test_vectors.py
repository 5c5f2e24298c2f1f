"""HMAC signatures of webhooks and references, against vectors and against Adyen's own Python library.

``examples/webhook-*.json`` are webhooks of each kind, signed by that library with the key of the first golden vector.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from Adyen.util import generate_notification_sig, is_valid_hmac_notification
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.lifecycle import Body
from mockpsp.domain.money import Money
from mockpsp.providers.adyen.auth import credentials
from mockpsp.providers.adyen.ids import checkout_id, fixed_reference, key_of, psp_reference, spell
from mockpsp.providers.adyen.settings import AdyenSettings
from mockpsp.providers.adyen.webhooks import AdyenPolicy, Item, forged, major, signature, signed_text
from mockpsp.scenario.model import Signature
from mockpsp.world.ids import IdSource
from mockpsp.world.records import Queued

KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
OTHER_KEY = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00"
SETTINGS = AdyenSettings()
EXAMPLES: Mapping[str, Any] = {
    path.stem.removeprefix("webhook-"): json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parent / "examples").glob("webhook-*.json"))
}


def item(
    psp: str, original: str, merchant: str, reference: str, value: int, currency: str, code: str, success: str
) -> dict[str, Any]:
    """What is signed, as it is sent; an empty originalReference is left out."""
    told = {
        "pspReference": psp,
        "merchantAccountCode": merchant,
        "merchantReference": reference,
        "amount": {"value": value, "currency": currency},
        "eventCode": code,
        "success": success,
    }
    return {**told, "originalReference": original} if original else told


def item_of(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The one item of a webhook."""
    (row,) = envelope["notificationItems"]
    found: dict[str, Any] = row["NotificationRequestItem"]
    return found


def theirs(hmac_key: str, signed: Mapping[str, Any]) -> str:
    """The signature by the official library."""
    made: bytes = generate_notification_sig(dict(signed), hmac_key)
    return made.decode()


GOLDEN = [
    pytest.param(
        KEY,
        item("7914073381342284", "", "TestMerchant", "TestPayment-1407325143704", 1130, "EUR", "AUTHORISATION", "true"),
        "7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true",
        "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=",
        id="a payment, which has no originalReference",
    ),
    pytest.param(
        OTHER_KEY,
        item("pspReference", "originalReference", "merchantAccount", "reference", 1000, "EUR", "EVENT", "true"),
        "pspReference:originalReference:merchantAccount:reference:1000:EUR:EVENT:true",
        "ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc=",
        id="a modification",
    ),
]


# -- the signature -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "signed", "text", "proof"), GOLDEN)
def test_the_golden_vectors(key: str, signed: dict[str, Any], text: str, proof: str) -> None:
    assert signed_text(signed) == text
    assert signature(key, signed) == proof
    assert theirs(key, signed) == proof
    assert is_valid_hmac_notification({**signed, "additionalData": {"hmacSignature": proof}}, key)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("a:b", "P::M:a:b:5:EUR:CAPTURE:true"),
        ("a\\b", "P::M:a\\b:5:EUR:CAPTURE:true"),
        ("a\\:b/c", "P::M:a\\:b/c:5:EUR:CAPTURE:true"),
        ("Déjeuner à la Bastille", "P::M:Déjeuner à la Bastille:5:EUR:CAPTURE:true"),
        ("", "P::M::5:EUR:CAPTURE:true"),
    ],
)
def test_nothing_is_escaped(reference: str, text: str) -> None:
    signed = item("P", "", "M", reference, 5, "EUR", "CAPTURE", "true")
    assert signed_text(signed) == text
    assert signature(KEY, signed) == theirs(KEY, signed)


def test_what_is_absent_leaves_its_place_empty() -> None:
    assert signed_text({"amount": {}}) == ":::::::"
    assert signed_text({"pspReference": "P", "eventCode": "REPORT_AVAILABLE"}) == "P::::::REPORT_AVAILABLE:"
    absent = item("P", "", "M", "R", 5, "EUR", "CAPTURE", "true")
    assert signature(KEY, absent) == signature(KEY, {**absent, "originalReference": ""})
    assert signature(KEY, absent) != signature(KEY, {**absent, "originalReference": "O"})


texts = st.text(st.characters(codec="utf-8"), max_size=30)
signed_items = st.builds(
    item, texts, texts, texts, texts, st.integers(), texts, texts, st.sampled_from(["true", "false"])
)
keys = st.binary(min_size=32, max_size=32).map(lambda raw: raw.hex().upper())


@given(key=keys, signed=signed_items)
def test_the_library_and_we_sign_alike(key: str, signed: dict[str, Any]) -> None:
    assert signature(key, signed) == theirs(key, signed)


@pytest.mark.parametrize("key", ["not hex", "ABC", "ZZ" * 32])
def test_a_key_is_hexadecimal(key: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)hex|odd"):
        signature(key, item("P", "", "M", "R", 5, "EUR", "CAPTURE", "true"))


@pytest.mark.parametrize("key", [KEY, OTHER_KEY, "0" * 64, "F" * 64])
def test_the_key_of_a_wrong_signature_is_a_key_of_the_same_form(key: str) -> None:
    other = forged(key)
    assert other != key
    assert re.fullmatch(r"[0-9A-F]{64}", other)


# -- signed examples ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_signed_as_it_is_printed(name: str) -> None:
    signed = item_of(EXAMPLES[name])
    printed = signed["additionalData"]["hmacSignature"]
    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", printed)
    assert signature(KEY, signed) == printed
    assert theirs(KEY, signed) == printed
    assert is_valid_hmac_notification(EXAMPLES[name], KEY)
    assert signature(OTHER_KEY, signed) != printed


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_what_we_would_send(name: str) -> None:
    """Rendered by our own item and signed by our own policy: the same fields, and those in the same order."""
    _, body = AdyenPolicy().message(queued(EXAMPLES[name]), {"hmac_key": KEY}, Signature.RIGHT, SETTINGS)
    assert body.decode() == json.dumps(EXAMPLES[name], separators=(",", ":"), ensure_ascii=False)


def queued(envelope: Mapping[str, Any]) -> Queued:
    """A webhook in our outbox that says the same."""
    told = item_of(envelope)
    additional = {name: value for name, value in told["additionalData"].items() if name != "hmacSignature"}
    at = datetime.fromisoformat(told["eventDate"])
    made = Item(
        code=told["eventCode"],
        merchant=told["merchantAccountCode"],
        reference=told["merchantReference"],
        psp=told["pspReference"],
        amount=Money(told["amount"]["value"], told["amount"]["currency"]),
        at=at,
        success=told["success"] == "true",
        original=told.get("originalReference", ""),
        method=told.get("paymentMethod", ""),
        reason=told["reason"],
        operations=tuple(told.get("operations", ())),
        additional=additional,
    )
    return Queued(1, "adyen", made.code, made.psp, made.psp, Body(made), "", at, at, 0)


def test_the_examples_have_each_kind_of_item() -> None:
    items = [item_of(each) for each in EXAMPLES.values()]
    assert len(items) == 16
    assert {each["success"] for each in items} == {"true", "false"}
    assert {"originalReference" in each for each in items} == {True, False}
    assert {"operations" in each for each in items} == {True, False}


CHANGES = [
    ("pspReference", "X"), ("originalReference", "X"), ("merchantAccountCode", "X"), ("merchantReference", "X"),
    ("eventCode", "REFUND"), ("success", "false"), ("amount", {"currency": "EUR", "value": 2501}),
    ("amount", {"currency": "USD", "value": 2500}),
]  # fmt: skip
UNSIGNED = [
    ("reason", "X"), ("eventDate", "2027-01-01T00:00:00+01:00"), ("paymentMethod", "visa"), ("operations", ["VOID"]),
    ("additionalData", {"authCode": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), CHANGES)
def test_eight_fields_are_signed(field: str, value: Any) -> None:
    changed = deepcopy(EXAMPLES["CAPTURE"])
    assert item_of(changed)[field] != value
    item_of(changed)[field] = value
    assert signature(KEY, item_of(changed)) != item_of(EXAMPLES["CAPTURE"])["additionalData"]["hmacSignature"]
    assert not is_valid_hmac_notification(changed, KEY)


@pytest.mark.parametrize(("field", "value"), UNSIGNED)
def test_nothing_else_is_signed(field: str, value: Any) -> None:
    signed = item_of(EXAMPLES["CAPTURE"])
    assert signature(KEY, {**signed, field: value}) == signed["additionalData"]["hmacSignature"]


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_wrong_signature_is_well_formed_and_a_missing_one_is_not_there(name: str) -> None:
    policy, given_key = AdyenPolicy(), {"hmac_key": KEY}
    _, wrong = policy.message(queued(EXAMPLES[name]), given_key, Signature.WRONG, SETTINGS)
    proof = item_of(json.loads(wrong))["additionalData"]["hmacSignature"]
    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", proof)
    assert not is_valid_hmac_notification(json.loads(wrong), KEY)
    _, missing = policy.message(queued(EXAMPLES[name]), given_key, Signature.MISSING, SETTINGS)
    assert "hmacSignature" not in item_of(json.loads(missing))["additionalData"]
    with pytest.raises(KeyError):
        is_valid_hmac_notification(json.loads(missing), KEY)


@pytest.mark.parametrize(
    ("settings", "authorization"),
    [
        (SETTINGS, None),
        (
            AdyenSettings(webhook_username="Aladdin", webhook_password="open sesame"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
    ],
)
def test_basic_authentication_of_webhooks_is_a_wish(settings: AdyenSettings, authorization: str | None) -> None:
    for kind in Signature:
        headers, _ = AdyenPolicy().message(queued(EXAMPLES["CAPTURE"]), {"hmac_key": KEY}, kind, settings)
        assert headers.get("Authorization") == authorization


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(2500, "EUR"), "EUR 25.00"),
        (Money(1, "EUR"), "EUR 0.01"),
        (Money(1234, "JPY"), "JPY 1234"),
        (Money(1_234_567, "KWD"), "KWD 1234.567"),
    ],
)
def test_order_fields_are_in_major_units(amount: Money, text: str) -> None:
    assert major(amount) == text


# -- references --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0" * 16), (35, "000000000000000Z"), (36, "0000000000000010"), (36**16 - 1, "Z" * 16), (36**16, "0" * 16)],
)
def test_how_a_reference_is_spelt(number: int, text: str) -> None:
    assert spell(number) == text


@given(number=st.integers(0, 36**16 - 1))
def test_a_reference_is_a_number_in_base_36(number: int) -> None:
    assert int(spell(number), 36) == number


def test_references_have_adyens_forms() -> None:
    ids = IdSource(1, "salt").draw()
    assert re.fullmatch(r"[0-9A-Z]{16}", psp_reference(ids))
    assert re.fullmatch(r"[0-9A-Z]{16}", fixed_reference("01234567-89ab-4def-8123-456789abcdef"))
    for kind in ("CS", "PL"):
        made = checkout_id(kind, "0a1b2c3d", ids)
        assert re.fullmatch(rf"{kind}[0-9A-F]{{16}}", made)
        assert key_of(made) == "0a1b2c3d"


def test_a_thousand_objects_of_a_sandbox_have_a_thousand_references() -> None:
    ids = IdSource(1, "salt").draw()
    assert len({checkout_id("CS", "0a1b2c3d", ids) for _ in range(1000)}) == 1000
    assert len({psp_reference(ids) for _ in range(1000)}) == 1000


def test_the_default_sandboxs_credentials_are_constants_and_others_differ() -> None:
    default = credentials("default")
    assert default["merchant_account"] == "MockpspFR"
    one, other = credentials("s1"), credentials("s2")
    assert set(one) == set(other) == set(default)
    assert all(one[name] != other[name] for name in one), (one, other)
    assert credentials("s1") == one
    assert re.fullmatch(r"[0-9A-F]{64}", one["hmac_key"])
