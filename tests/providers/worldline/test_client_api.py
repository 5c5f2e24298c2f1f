"""The browser's side: sessions open it, pages of any origin may read it, and what it encrypts can be opened."""

from __future__ import annotations

import json
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hmac import digest
from typing import Any

import pytest
import requests

from mockpsp.edge.errors import NotSupported
from mockpsp.providers.worldline import encryption
from mockpsp.providers.worldline.encryption import open_encrypted, read_card
from mockpsp.providers.worldline.errors import InvalidValue
from mockpsp.providers.worldline.routes import CLIENT_OPERATIONS, ROUTES
from tests.support.control import ControlledSandbox
from tests.support.worldline import CONTRACT, Merchant, check_answer

CONTEXT = {"countryCode": "FR", "currencyCode": "EUR", "isRecurring": "false", "cacheBust": "1", "hide": "fields"}
ELSEWHERE = "https://shop.example"


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def seal(value: Any, key_id: str, public_der: bytes, **header: str) -> str:
    """A compact JWE with fixed key and IV, made from RFC 7516 and RFC 7518, 5.2."""
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.padding import PKCS7
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    public = load_der_public_key(public_der)
    assert isinstance(public, RSAPublicKey)
    mac_key, key, iv = b"m" * 32, b"k" * 32, b"i" * 16
    head = b64(json.dumps({"alg": "RSA-OAEP", "enc": "A256CBC-HS512", "kid": key_id, **header}).encode())
    padder, cipher = PKCS7(128).padder(), Cipher(AES(key), CBC(iv)).encryptor()
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    sealed = cipher.update(padder.update(text) + padder.finalize()) + cipher.finalize()
    tag = digest(mac_key, head.encode() + iv + sealed + (8 * len(head)).to_bytes(8, "big"), "sha512")[:32]
    wrapped = public.encrypt(mac_key + key, OAEP(MGF1(SHA1()), SHA1(), None))
    return ".".join((head, b64(wrapped), b64(iv), b64(sealed), b64(tag)))


def own(value: Any, **header: str) -> str:
    from base64 import b64decode

    pair = encryption.key_pair()
    return seal(value, pair.id, b64decode(pair.public), **header)


def card_input(session: str = "", **values: str) -> dict[str, Any]:
    """What the client SDK encrypts."""
    card = {
        "cardNumber": "4012000033330026",
        "expiryDate": "1230",
        "cvv": "123",
        "cardholderName": "Zoë Test",
        **values,
    }
    pairs = [{"key": key, "value": value} for key, value in card.items()]
    return {"clientSessionId": session, "nonce": "00", "paymentProductId": 1, "paymentValues": pairs}


# -- encrypted card data ---------------------------------------------------------------------------------------------


def test_what_a_browser_encrypted_is_opened() -> None:
    assert open_encrypted(own({"a": "é"})) == {"a": "é"}


def test_there_is_one_key_pair_per_process() -> None:
    assert encryption.key_pair() is encryption.key_pair()


def test_any_changed_part_is_refused() -> None:
    parts = own({"a": 1}).split(".")
    for index, part in enumerate(parts):
        for broken in ("A" + part[1:] if part[0] != "A" else "B" + part[1:], part[:-4], "", "é", f"{part}*"):
            with pytest.raises(InvalidValue) as refused:
                open_encrypted(".".join([*parts[:index], broken, *parts[index + 1 :]]))
            assert refused.value.path == "encryptedCustomerInput"


@pytest.mark.parametrize("text", ["", "....", "a.b", "not a jwe at all", "." * 10_000])
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        open_encrypted(text)


@pytest.mark.parametrize("header", [{"alg": "RSA-OAEP-256"}, {"enc": "A128GCM"}, {"alg": "none"}, {"kid": "another"}])
def test_another_algorithm_or_key_is_refused(header: dict[str, str]) -> None:
    with pytest.raises(InvalidValue):
        open_encrypted(own({"a": 1}, **header))


@pytest.mark.parametrize("text", [b"[1]", b"{", b"[" * 100_000, b"\xff"])
def test_only_an_object_is_card_data(text: bytes) -> None:
    with pytest.raises(InvalidValue):
        open_encrypted(own(text))


def test_without_jwcrypto_the_endpoint_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwcrypto.jwk", None)
    with pytest.raises(NotSupported, match="jwcrypto"):
        encryption.key_pair.__wrapped__()


@pytest.mark.parametrize(
    ("typed", "read"), [("1230", "1230"), ("12/30", "1230"), ("122030", "1230"), ("12/2030", "1230"), ("1", "1")]
)
def test_expiry_dates_are_read_as_customers_type_them(typed: str, read: str) -> None:
    card = read_card(card_input(expiryDate=typed, cardNumber="4012 0000 3333 0026"))
    assert (card.number, card.expiry, card.cvv, card.product) == ("4012000033330026", read, "123", 1)


@pytest.mark.parametrize(
    "values", [None, "text", [1], [{"key": "cvv"}], [{"key": "cvv", "value": 123}], [{"value": "1"}]]
)
def test_card_data_of_another_shape_is_no_card(values: Any) -> None:
    assert read_card({"paymentValues": values, "paymentProductId": True}).number == ""


# -- over HTTP -------------------------------------------------------------------------------------------------------


class Browser:
    """A page of another origin with a client session."""

    def __init__(self, sandbox: ControlledSandbox, **body: Any) -> None:
        self.merchant = Merchant(sandbox)
        self.details = self.merchant.call("create_session", body or None).json()
        self.session = self.details["clientSessionId"]

    def call(
        self, operation: str, body: Any = None, query: Mapping[str, str] | None = None, session: str = "", **path: str
    ) -> requests.Response:
        """One call as the client SDK makes it, checked against the contract."""
        described = CONTRACT.operation(operation)
        target = described.path.removeprefix("/client")
        for name, value in {"customerId": self.details["customerId"], **path}.items():
            target = target.replace(f"{{{name}}}", value)
        headers = {
            "Authorization": f"GCS v1Client:{session or self.session}",
            "X-GCS-ClientMetaInfo": "e30=",
            "Origin": ELSEWHERE,
        }
        answer = requests.request(
            described.method,
            f"{self.details['clientApiUrl']}{target}",
            params=query,
            json=body,
            headers=headers,
            timeout=10,
        )
        check_answer(operation, answer)
        return answer


@pytest.fixture
def browser(sandbox: ControlledSandbox) -> Browser:
    return Browser(sandbox)


def test_a_browser_sees_the_merchants_products(browser: Browser) -> None:
    answer = browser.call("client_get_products", query=CONTEXT)
    assert [each["id"] for each in answer.json()["paymentProducts"]] == [5412, 1, 3, 130, 2]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_browser_can_make_every_call(browser: Browser) -> None:
    amount, source = {"amount": 1000, "currencyCode": "EUR"}, {"card": {"cardNumber": "401200"}}
    made = {
        "client_get_products": browser.call("client_get_products", query=CONTEXT),
        "client_get_product": browser.call("client_get_product", query=CONTEXT, paymentProductId="5412"),
        "client_get_product_networks": browser.call(
            "client_get_product_networks", query=CONTEXT, paymentProductId="302"
        ),
        "client_get_product_groups": browser.call("client_get_product_groups", query=CONTEXT),
        "client_get_public_key": browser.call("client_get_public_key"),
        "client_get_iin_details": browser.call("client_get_iin_details", {"bin": "401200"}),
        "client_calculate_surcharge": browser.call(
            "client_calculate_surcharge", {"cardSource": source, "amountOfMoney": amount}
        ),
        "client_get_dcc_rate": browser.call(
            "client_get_dcc_rate", {"cardSource": source, "transaction": {"amount": amount}}
        ),
    }
    assert made.keys() == CLIENT_OPERATIONS
    assert {name: answer.status_code for name, answer in made.items() if answer.status_code != 200} == {}
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in made.values()} == {"*"}


def test_a_browser_offers_the_cards_on_file_of_its_session(sandbox: ControlledSandbox) -> None:
    card = {"cardNumber": "4567350000427977", "expiryDate": "1230", "cardholderName": "Zoë Test"}
    merchant = Merchant(sandbox)
    token = merchant.call("create_token", {"paymentProductId": 1, "card": {"data": {"card": card}}}).json()["token"]
    browser = Browser(sandbox, tokens=[token])
    product = browser.call("client_get_product", query=CONTEXT, paymentProductId="1").json()
    (account,) = product["accountsOnFile"]
    shown = {each["key"]: (each["value"], each["status"]) for each in account["attributes"]}
    assert account["id"] == token
    assert shown["cardNumber"] == ("456735XXXXXX7977", "READ_ONLY")
    assert shown["cvv"] == ("", "MUST_WRITE")
    other = browser.call("client_get_product", query=CONTEXT, paymentProductId="3").json()
    assert other["accountsOnFile"] == []
    hidden = browser.call(
        "client_get_product", query={**CONTEXT, "hide": "accountsOnFile"}, paymentProductId="1"
    ).json()
    assert hidden["accountsOnFile"] == []
    merchant.call("delete_token", tokenId=token)
    gone = browser.call("client_get_product", query=CONTEXT, paymentProductId="1").json()
    assert gone["accountsOnFile"] == []
    server = merchant.call("get_product", query={"countryCode": "FR"}, paymentProductId="1").json()
    assert server["accountsOnFile"] == []


def test_a_wrong_session_or_customer_is_refused_and_the_page_may_read_why(
    browser: Browser, sandbox: ControlledSandbox
) -> None:
    other = Browser(sandbox)
    for answer in (
        browser.call("client_get_public_key", session="0" * 32),
        browser.call("client_get_public_key", session=other.session),
        browser.call("client_get_public_key", customerId="CVSANDBOX-0"),
    ):
        assert answer.status_code == 403
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_session_ends_after_three_hours(new_sandbox: Any) -> None:
    sandbox = new_sandbox()
    browser = Browser(sandbox)
    sandbox.advance("PT2H59M")
    assert browser.call("client_get_public_key").status_code == 200
    sandbox.advance("PT2M")
    assert browser.call("client_get_public_key").status_code == 403


def test_a_merchants_signature_does_not_open_the_browsers_door(browser: Browser) -> None:
    answer = browser.merchant.send("GET", f"/client/v1/{browser.details['customerId']}/crypto/publickey")
    assert answer.status_code == 403


def test_a_session_does_not_open_the_merchants_door(browser: Browser) -> None:
    headers = {"Authorization": f"GCS v1Client:{browser.session}"}
    url = f"{browser.merchant.sandbox.url}/v2/{browser.merchant.given['merchant_id']}/services/testconnection"
    assert requests.get(url, headers=headers, timeout=10).status_code == 403


def test_a_preflight_is_answered_for_every_path_and_any_page(browser: Browser) -> None:
    paths = {route.path for route in ROUTES if route.operation in CLIENT_OPERATIONS}
    assert len(paths) == 2 * len(CLIENT_OPERATIONS) - 1
    for path in paths:
        target = path.replace("{customerId}", browser.details["customerId"]).replace("{paymentProductId}", "1")
        asked = {
            "Origin": ELSEWHERE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-gcs-clientmetainfo",
            "Access-Control-Request-Private-Network": "true",
        }
        answer = requests.options(f"{browser.merchant.sandbox.url}{target}", headers=asked, timeout=10)
        assert answer.status_code == 204
        allowed = {each.strip().lower() for each in answer.headers["Access-Control-Allow-Headers"].split(",")}
        assert {"authorization", "content-type", "x-gcs-clientmetainfo"} <= allowed
        assert answer.headers["Access-Control-Allow-Private-Network"] == "true"


def test_older_clients_call_the_same_paths_without_client(browser: Browser) -> None:
    headers = {"Authorization": f"GCS v1Client:{browser.session}"}
    base, customer = browser.merchant.sandbox.url, browser.details["customerId"]
    products = requests.get(f"{base}/v1/{customer}/products", params=CONTEXT, headers=headers, timeout=10)
    check_answer("client_get_products", products)
    assert products.status_code == 200
    body: dict[str, Any] = {
        "cardSource": {"card": {"cardNumber": "401200"}},
        "transaction": {"amount": {"amount": 1000, "currencyCode": "EUR"}},
    }
    rate = requests.post(f"{base}/v2/{customer}/services/dccrate", json=body, headers=headers, timeout=10)
    check_answer("client_get_dcc_rate", rate)
    assert (rate.status_code, rate.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_an_encrypted_card_becomes_a_token_and_a_payment(browser: Browser) -> None:
    from base64 import b64decode

    key = browser.call("client_get_public_key").json()
    sealed = seal(card_input(browser.session), key["keyId"], b64decode(key["publicKey"]))
    kept = browser.merchant.call("create_token", {"paymentProductId": 1, "encryptedCustomerInput": sealed})
    assert kept.json()["card"]["cardNumber"] == "************0026"
    order = {"amountOfMoney": {"amount": 1000, "currencyCode": "EUR"}}
    paid = browser.merchant.call("create_payment", {"order": order, "encryptedCustomerInput": sealed})
    assert paid.status_code == 201
    again = {**card_input(browser.session), "paymentValues": [{"key": "cvv", "value": "123"}]}
    on_file = seal({**again, "accountOnFileId": kept.json()["token"]}, key["keyId"], b64decode(key["publicKey"]))
    assert (
        browser.merchant.call("create_payment", {"order": order, "encryptedCustomerInput": on_file}).status_code == 201
    )


@pytest.mark.parametrize("session", ["", "0" * 32])
def test_an_encrypted_card_needs_its_session(browser: Browser, session: str) -> None:
    body = {"paymentProductId": 1, "encryptedCustomerInput": own(card_input(session))}
    answer = browser.merchant.call("create_token", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["propertyName"] == "encryptedCustomerInput"


def test_an_encrypted_card_is_of_the_product_that_the_request_names(browser: Browser) -> None:
    sealed = own(card_input(browser.session))
    assert (
        browser.merchant.call("create_token", {"paymentProductId": 3, "encryptedCustomerInput": sealed}).status_code
        == 400
    )


VOUCHERS = {
    "redirectPaymentMethodSpecificInput": {
        "paymentProductId": 5412,
        "paymentProduct5412SpecificInput": {"beneficiaryId": "11111111111"},
    }
}


CARD_INPUT = "cardPaymentMethodSpecificInput"


def encrypted_payment(browser: Browser, product: int, **parts: Any) -> requests.Response:
    told = {"clientSessionId": browser.session, "nonce": "00", "paymentProductId": product, "paymentValues": []}
    order = {"amountOfMoney": {"amount": 1000, "currencyCode": "EUR"}}
    sealed = own(card_input(browser.session) if product == 1 else told)
    return browser.merchant.call("create_payment", {"order": order, "encryptedCustomerInput": sealed, **parts})


def test_what_is_encrypted_for_cv_connect_is_paid_in_its_app(browser: Browser) -> None:
    """Facts, 9: the SDK encrypts for every product, and 5412 has no fields."""
    made = encrypted_payment(browser, 5412, **VOUCHERS)
    assert made.status_code == 201, made.text
    assert (made.json()["payment"]["status"], made.json()["payment"]["statusOutput"]["statusCode"]) == (
        "REDIRECTED",
        46,
    )
    assert made.json()["merchantAction"]["actionType"] == "SHOW_FORM"


@pytest.mark.parametrize(("product", "parts", "at"), [
    (5412, {}, "redirectPaymentMethodSpecificInput.paymentProduct5412SpecificInput.beneficiaryId"),
    (1, VOUCHERS, "redirectPaymentMethodSpecificInput.paymentProductId"),
    (5412, {CARD_INPUT: {"paymentProductId": 1}}, f"{CARD_INPUT}.paymentProductId"),
])  # fmt: skip
def test_encrypted_input_and_the_request_agree_on_the_product(
    browser: Browser, product: int, parts: dict[str, Any], at: str
) -> None:
    refused = encrypted_payment(browser, product, **parts)
    assert (refused.status_code, refused.json()["errors"][0]["propertyName"]) == (400, at)
