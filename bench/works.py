"""What the load client does again and again: a request, and others that follow from the first one's answer."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import NamedTuple

from mockpsp.providers.adyen.auth import credentials as adyen_credentials
from mockpsp.providers.lyra.auth import keys as lyra_keys
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
    """``first`` makes the bytes of a request, each of ``then`` those of the next one out of the body of its answer.

    The answer to the last one must contain ``proof``: a refused payment is no error of HTTP.
    """

    title: str
    first: Callable[[], bytes]
    then: tuple[Callable[[bytes], bytes], ...]
    proof: bytes

    @property
    def requests(self) -> int:
        """How many requests one round of it has."""
        return 1 + len(self.then)


def between(body: bytes, start: bytes) -> str:
    """The text of a JSON string that begins so."""
    at = body.find(start) + len(start)
    return body[at : body.find(b'"', at)].decode()


# -- Worldline: create a hosted checkout, read it ----------------------------------------------------------------------


def read_checkout(created: bytes) -> bytes:
    """GET of the checkout that was just created."""
    identifier = between(created, b'"hostedCheckoutId":"')
    return request("GET", f"{PATH}/{identifier}")


class Again:
    """The GET of a checkout that was created not long ago, the same one for a while."""

    def __init__(self) -> None:
        self._read = b""

    def __call__(self, answer: bytes) -> bytes:
        """The next request."""
        if b'"hostedCheckoutId":"' in answer:
            self._read = read_checkout(answer)
        return self._read


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


# -- Lyra: create an order with items, execute it, let a shopper pay, read it with what is embedded --------------------

LYRA = lyra_keys("default")
LOGIN = b64encode(f"{LYRA['login']}:{LYRA['password']}".encode()).decode()
PURCHASE = json.dumps(
    {
        "marketplace": LYRA["marketplace"],
        "reference": "CMD-2025-0042",
        "description": "Buffets du vendredi",
        "currency": "EUR",
        "language": "fr",
        "url_return": "https://shop.example/return",
        "buyer": {
            "type": "PRIVATE",
            "email": "paul@example.com",
            "phone_number": "+33 6 00 00 00 00",
            "first_name": "Paul",
            "last_name": "Bertin",
        },
        "shipping": {"shipping_method": "RECLAIM_IN_SHOP"},
        "items": [
            {
                "seller_external_ref": "seller1",
                "reference": "Buffet1",
                "description": "Buffet 1",
                "amount": 8000,
                "vouchers": [
                    {"contract_type": "CVCONNECT"},
                    {"contract_type": "CONECS", "eligible_amount": 1400},
                ],
            },
            {
                "seller_external_ref": "seller2",
                "reference": "Menu-B",
                "description": "Menu Basile",
                "amount": 2000,
                "vouchers": [{"contract_type": "CONECS", "eligible_amount": 1300}],
            },
            {
                "seller_external_ref": "operator",
                "reference": "com-0042",
                "description": "Commission",
                "amount": 900,
                "is_commission": True,
            },
        ],
    }
).encode()
TENDERS = json.dumps(
    {"pay": [{"with": "conecs", "number": "5017670000009999", "amount": "0.01 EUR"}, {"with": "card"}]}
).encode()
"""One cent of the meal card that pays everything: its 10 000 euros are enough for a million payments."""


def plain(method: str, target: str, body: bytes, *headers: str) -> bytes:
    """One HTTP/1.1 request; a body is JSON."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def marketplace(method: str, path: str, body: bytes = b"") -> bytes:
    """One request of the marketplace's, by Basic authentication."""
    return plain(method, f"/marketplace-test{path}", body, f"Authorization: Basic {LOGIN}", "Accept: application/json")


def execute(order: bytes) -> bytes:
    """GET execute of the order that was just created."""
    return marketplace("GET", f"/orders/{between(order, UUID)}/execute")


def shopper(order: bytes) -> bytes:
    """The control API's shopper pays it."""
    path = f"/_mockpsp/sandboxes/default/checkouts/{between(order, UUID)}/shopper"
    return plain("POST", path, TENDERS)


def read_order(order: bytes) -> bytes:
    """GET of the order with its items and transactions."""
    return marketplace("GET", f"/orders/{between(order, UUID)}?expand=items,transactions")


UUID = b'"uuid":"'

WORKS: Mapping[str, Work] = {
    "worldline": Work(
        "create and read of a hosted checkout",
        first=lambda: request("POST", PATH, BODY),
        then=(read_checkout,),
        proof=b'"status":"IN_PROGRESS"',
    ),
    "adyen": Work(
        "an order and a payment by voucher inside it",
        first=lambda: post("/orders", ORDER),
        then=(pay,),
        proof=b'"resultCode":"Authorised"',
    ),
    "lyra": Work(
        "an order with three items, executed, paid by a shopper with meal card and card, and read with expand",
        first=lambda: marketplace("POST", "/orders?expand=items", PURCHASE),
        then=(execute, shopper, read_order),
        proof=b'"status":"PENDING"',
    ),
}
APART: Mapping[str, Work] = {
    "worldline-reads": Work(
        "a hosted checkout, read nineteen times",
        first=lambda: request("POST", PATH, BODY),
        then=(Again(),) * 19,
        proof=b'"status":"IN_PROGRESS"',
    ),
    "worldline-writes": Work(
        "create of a hosted checkout", first=lambda: request("POST", PATH, BODY), then=(), proof=b'"hostedCheckoutId"'
    ),
}
"""Reads and writes for themselves; ``--work`` asks for them."""
