"""Signatures and ids against vectors: the SDK's unit tests, the vendor's webhook, and ours for what they leave out."""

from __future__ import annotations

import re
from urllib.parse import urlparse

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onlinepayments.sdk.authentication.v1hmac_authenticator import V1HmacAuthenticator
from onlinepayments.sdk.communication.request_header import RequestHeader
from onlinepayments.sdk.communicator_configuration import CommunicatorConfiguration

from mockpsp.providers.worldline.auth import canonical, claimed_key, credentials, data_to_sign, sign
from mockpsp.providers.worldline.errors import MalformedPaymentId
from mockpsp.providers.worldline.reading import read_payment_id
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.webhooks import signature
from mockpsp.providers.worldline.wire import payment_id

JANUARY = "Tue, 06 Jan 2026 09:15:00 GMT"
OURS = "sandboxSecretApiKeyForDocsOnly0001"
META = ("X-GCS-ServerMetaInfo", "eyJhIjoxfQ==")

SIGNED = [
    pytest.param(
        "6Kj5HT0MQKC6D8eb7W3lTg71kVKVDSt1",
        ("GET", "", "Fri, 06 Jun 2014 13:39:43 GMT", [], "/v2/1/tokens/2"),
        "GET\n\nFri, 06 Jun 2014 13:39:43 GMT\n/v2/1/tokens/2\n",
        "vCos01y77soPNJOW6kDCm4Bu5b2darAZ09PP7Wa+jRA=",
        id="the SDK's first unit test",
    ),
    pytest.param(
        "secretApiKey",
        (
            "DELETE",
            "",
            "Wed, 01 Jan 2020 11:00:00 GMT",
            [
                ("X-GCS-ServerMetaInfo", "processed header value"),
                ("X-GCS-CustomerHeader", "processed header value"),
                ("X-GCS-ClientMetaInfo", "processed header value"),
            ],
            "/v2/1/tokens",
        ),
        "DELETE\n\nWed, 01 Jan 2020 11:00:00 GMT\nx-gcs-clientmetainfo:processed header value\n"
        "x-gcs-customerheader:processed header value\nx-gcs-servermetainfo:processed header value\n/v2/1/tokens\n",
        "zcDsJLRYsh99pqyCFdrVLyLVi+4A+QLis14rEtV8c98=",
        id="the SDK's second unit test",
    ),
    pytest.param(
        OURS,
        ("POST", "application/json", JANUARY, [META, ("X-GCS-Idempotence-Key", "idem-0001")], "/v2/CVSANDBOX/payments"),
        f"POST\napplication/json\n{JANUARY}\nx-gcs-idempotence-key:idem-0001\nx-gcs-servermetainfo:eyJhIjoxfQ==\n"
        "/v2/CVSANDBOX/payments\n",
        "N7Abziah7CpkoyFeJEvCnSCaeSf4XwCCrV31GRf/cSE=",
        id="a body and an idempotence key",
    ),
    pytest.param(
        OURS,
        ("GET", "", JANUARY, [META], "/v2/CVSANDBOX/products?countryCode=FR&hide=fields&hide=accountsOnFile"),
        f"GET\n\n{JANUARY}\nx-gcs-servermetainfo:eyJhIjoxfQ==\n"
        "/v2/CVSANDBOX/products?countryCode=FR&hide=fields&hide=accountsOnFile\n",
        "A5LIdBAHuNSZUlbO0b4KQ+D3xTd44sEKVYCDFTyDFrg=",
        id="a query with a repeated parameter",
    ),
]


@pytest.mark.parametrize(("secret", "parts", "text", "signed"), SIGNED)
def test_requests_are_signed_like_this(
    secret: str, parts: tuple[str, str, str, list[tuple[str, str]], str], text: str, signed: str
) -> None:
    assert data_to_sign(*parts) == text
    assert sign(secret, text) == signed


@pytest.mark.parametrize(("secret", "parts", "text", "signed"), SIGNED)
def test_one_changed_byte_changes_the_signature(
    secret: str, parts: tuple[str, str, str, list[tuple[str, str]], str], text: str, signed: str
) -> None:
    assert sign(secret, text[:-1]) != signed
    assert sign(f"{secret} ", text) != signed


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("aap\nnoot  ", "aap noot"),
        (" aap\r\n  noot", "aap noot"),
        ("a\r\nb\r\nc", "a b c"),
        ("   ", ""),
        ("", ""),
        ("one line", "one line"),
        ("a\n\n\n b", "a b"),
        ("tab\n\tbed", "tab bed"),
    ],
)
def test_header_values_are_signed_on_one_line(sent: str, signed: str) -> None:
    assert canonical(sent) == signed


visible = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
names = st.sampled_from(["X-GCS-ServerMetaInfo", "X-GCS-Idempotence-Key", "x-gcs-custom", "X-Gcs-Date", "X-GCS-A"])


@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
    headers=st.dictionaries(names, visible, max_size=5),
    content_type=st.sampled_from(["", "application/json", "application/json; charset=utf-8"]),
    path=st.from_regex(r"/v2/[A-Za-z0-9%._~-]{1,20}(/[a-z0-9%]{1,10}){0,3}(\?[a-z0-9=&%+]{1,20})?", fullmatch=True),
)
def test_the_sdk_and_we_sign_the_same_text(method: str, headers: dict[str, str], content_type: str, path: str) -> None:
    configuration = CommunicatorConfiguration(
        api_key_id="key", secret_api_key="secret", authorization_type="v1HMAC",
        connect_timeout=1, socket_timeout=1, max_connections=1,
    )  # fmt: skip
    theirs = V1HmacAuthenticator(configuration)
    sent = [RequestHeader("Date", JANUARY), *(RequestHeader(name, value) for name, value in headers.items())]
    if content_type:
        sent.append(RequestHeader("Content-Type", content_type))
    authorization = theirs.get_authorization(method, urlparse(f"http://localhost{path}"), sent)
    ours = sign("secret", data_to_sign(method, content_type, JANUARY, headers.items(), path))
    assert authorization == f"GCS v1HMAC:key:{ours}"


@pytest.mark.parametrize(
    ("authorization", "key"),
    [
        ("GCS v1HMAC:KEY:c2ln", "KEY"),
        ("GCS v1HMAC: KEY :c2ln", "KEY"),
        ("GCS v1HMAC:KEY", "KEY"),
        ("GCS v1HMAC::c2ln", None),
        ("GCS v1Client:abc", None),
        ("Basic YTpi", None),
        ("", None),
    ],
)
def test_which_key_a_request_claims(authorization: str, key: str | None) -> None:
    assert claimed_key(authorization) == key


# The body that the vendor's SDK is tested with (tests/resources/webhooks/valid-body), line feeds only.
VALID_BODY = b"""{
  "apiVersion": "v1",
  "id": "8ee793f6-4553-4749-85dc-f2ef095c5ab0",
  "created": "2017-02-02T11:24:14.040+0100",
  "merchantId": "20000",
  "type": "payment.paid",
  "payment": {
    "id": "00000200000143570012",
    "paymentOutput": {
      "amountOfMoney": {
        "amount": 1000,
        "currencyCode": "EUR"
      },
      "references": {
        "paymentReference": "200001681810"
      },
      "paymentMethod": "bankTransfer",
      "bankTransferPaymentMethodSpecificOutput": {
        "paymentProductId": 11
      }
    },
    "status": "PAID",
    "statusOutput": {
      "isCancellable": false,
      "statusCategory": "COMPLETED",
      "statusCode": 1000,
      "statusCodeChangeDateTime": "20170202112414",
      "isAuthorized": true
    }
  }
}"""


@pytest.mark.parametrize(
    ("secret", "body", "signed"),
    [
        pytest.param(
            "hello+world", VALID_BODY, "2S7doBj/GnJnacIjSJzr5fxGM5xmfQyFAwxv1I53ZEk=", id="the vendor's webhook"
        ),
        pytest.param(
            "whk-secret-sandbox-01",
            b'{"apiVersion":"v1","id":"1","type":"payment.captured"}',
            "nHtlSzKGWekkDf0rWW+EYYSoz6a0xRMtDrR9JgscIzU=",
            id="ours",
        ),
        pytest.param(
            "whk-secret-sandbox-01", b"", "AnXSa49Q0zZ13bmpjWEiPcdn7NJ3t7MLUWMVFuEWlfU=", id="validateCredentials"
        ),
    ],
)
def test_webhooks_are_signed_like_this(secret: str, body: bytes, signed: str) -> None:
    assert signature(secret, body) == signed


SHORT, LONG = WorldlineSettings(), WorldlineSettings(payment_id_form="long")


@pytest.mark.parametrize(
    ("text", "inner", "number"),
    [
        ("4375008553_0", "4375008553", 0),
        ("4375008553", "4375008553", 0),
        ("4375008553_12", "4375008553", 12),
        ("9000004375008553000", "4375008553", 0),
        ("9000004375008553007", "4375008553", 7),
        ("9999999999_0", "9999999999", 0),
        ("9000012345678901002", "12345678901", 2),
        ("12345678901234567890", "12345678901234567890", 0),
    ],
)
def test_a_payment_id_is_read_in_all_its_forms(text: str, inner: str, number: int) -> None:
    assert read_payment_id(text) == (inner, number)


@pytest.mark.parametrize(
    "text", ["", "abc", "1", "123456789", "4375008553_", "4375008553_x", "٤٣٧٥٠٠٨٥٥٣_0", "4375008553_0 "]
)
def test_what_is_no_payment_id(text: str) -> None:
    with pytest.raises(MalformedPaymentId):
        read_payment_id(text)


@given(inner=st.integers(10**9, 10**10 - 1).map(str), number=st.integers(0, 999))
def test_a_payment_id_that_we_write_can_be_read(inner: str, number: int) -> None:
    for settings in (SHORT, LONG):
        text = payment_id(inner, number, settings)
        assert read_payment_id(text) == (inner, number)
        assert re.fullmatch(r"\d{10,20}(_\d+)?", text), "the plugins' own check"


def test_the_two_forms_of_a_payment_id() -> None:
    assert payment_id("4375008553", 0, SHORT) == "4375008553_0"
    assert payment_id("4375008553", 0, LONG) == "9000004375008553000"


def test_the_default_sandboxs_credentials_are_constants_and_others_differ() -> None:
    assert credentials("default")["merchant_id"] == "CVSANDBOX"
    one, other = credentials("s1"), credentials("s2")
    assert set(one) == set(other) == set(credentials("default"))
    assert all(one[name] != other[name] for name in one)
    assert credentials("s1") == one
