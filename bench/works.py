"""What the load client does again and again: a request, and a second one that follows from the first one's answer."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import NamedTuple

from mockpsp.providers.adyen.auth import credentials as adyen_credentials
from mockpsp.providers.worldline.auth import SCHEME, credentials, data_to_sign, sign

GIVEN = credentials("default")
META = b64encode(b'{"sdkCreator":"OnlinePayments","sdkIdentifier":"bench"}').decode()
PATH = f"/v2/{GIVEN['merchant_id']}/hostedcheckouts"
BODY = json.dumps(
    {
        "hostedCheckoutSpecificInput": {
            "locale": "fr_FR",
            "returnUrl": "https://shop.example/return",
            "showResultPage": False,
            "sessionTimeout": 60,
            "allowedNumberOfPaymentAttempts": 3,
            "autoRefundSplitPayments": True,
            "splitPaymentProductFilters": {"restrictTo": {"products": [1, 3, 130]}},
        },
        "redirectPaymentMethodSpecificInput": {
            "paymentProductId": 5412,
            "requiresApproval": False,
            "paymentProduct5412SpecificInput": {"adjustableAmount": True, "beneficiaryId": "11111111111"},
        },
        "order": {
            "amountOfMoney": {"amount": 140000, "currencyCode": "EUR"},
            "customer": {
                "merchantCustomerId": "C-42",
                "locale": "fr_FR",
                "billingAddress": {
                    "countryCode": "FR",
                    "city": "Lyon",
                    "street": "Rue de la Part-Dieu",
                    "zip": "69003",
                },
                "contactDetails": {"emailAddress": "alice@example.test"},
                "personalInformation": {"name": {"firstName": "Alice", "surname": "Martin"}},
            },
            "references": {"merchantReference": "ORD-2026-0002", "merchantParameters": "cart=77"},
        },
    },
    indent=1,
).encode()


def request(method: str, target: str, body: bytes = b"") -> bytes:
    """One signed HTTP/1.1 request."""
    date = formatdate(usegmt=True)
    kind = "application/json" if body else ""
    data = data_to_sign(method, kind, date, [("X-GCS-ServerMetaInfo", META)], target)
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: localhost",
        f"Date: {date}",
        f"X-GCS-ServerMetaInfo: {META}",
        f"Authorization: {SCHEME}{GIVEN['api_key_id']}:{sign(GIVEN['secret_api_key'], data)}",
    ]
    if body:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Work(NamedTuple):
    """``first`` makes the bytes of a request, ``second`` those of the next one out of the body of its answer.

    The answer to the second one must contain ``proof``: a refused payment is no error of HTTP.
    """

    title: str
    first: Callable[[], bytes]
    second: Callable[[bytes], bytes]
    proof: bytes


def between(body: bytes, start: bytes) -> str:
    """The text of a JSON string that begins so."""
    at = body.find(start) + len(start)
    return body[at : body.find(b'"', at)].decode()


# -- Worldline: create a hosted checkout, read it ----------------------------------------------------------------------


def read_checkout(created: bytes) -> bytes:
    """GET of the checkout that was just created."""
    identifier = between(created, b'"hostedCheckoutId":"')
    return request("GET", f"{PATH}/{identifier}")


# -- Adyen: open an order, pay a part of it by voucher -----------------------------------------------------------------

ADYEN = adyen_credentials("default")
ORDER = json.dumps(
    {
        "merchantAccount": ADYEN["merchant_account"],
        "reference": "RESTO-1001",
        "amount": {"currency": "EUR", "value": 4350},
    }
).encode()
_PAYMENT = {
    "merchantAccount": ADYEN["merchant_account"],
    "reference": "RESTO-1001-1",
    "amount": {"currency": "EUR", "value": 1},
    "countryCode": "FR",
    "shopperLocale": "fr-FR",
    "returnUrl": "https://shop.example/checkout?ref=RESTO-1001",
    "paymentMethod": {
        "type": "mealVoucher_FR",
        "brand": "mealVoucher_FR_sodexo",
        "encryptedCardNumber": "test_5075990000009999",
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": "test_737",
    },
    "order": {"pspReference": "@order", "orderData": "@data"},
}
"""One cent of the voucher that pays everything: its 10 000 euros are enough for a million payments."""
PAYMENT = json.dumps(_PAYMENT).encode()


def post(path: str, body: bytes) -> bytes:
    """One HTTP/1.1 request with the API key."""
    lines = [
        f"POST /v72{path} HTTP/1.1",
        "Host: localhost",
        f"X-API-Key: {ADYEN['api_key']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def pay(order: bytes) -> bytes:
    """A payment inside the order that was just opened."""
    psp, data = between(order, b'"pspReference":"'), between(order, b'"orderData":"')
    return post("/payments", PAYMENT.replace(b"@order", psp.encode()).replace(b"@data", data.encode()))


WORKS: Mapping[str, Work] = {
    "worldline": Work(
        "create and read of a hosted checkout",
        first=lambda: request("POST", PATH, BODY),
        second=read_checkout,
        proof=b'"status":"IN_PROGRESS"',
    ),
    "adyen": Work(
        "an order and a payment by voucher inside it",
        first=lambda: post("/orders", ORDER),
        second=pay,
        proof=b'"resultCode":"Authorised"',
    ),
}
