"""Malformed, unauthorised, out-of-state and absurd requests: each gets the platform's own words and changes nothing.

Each row says in plain words what is wrong, how to make it, and the HTTP status, error ``id`` and ``propertyName`` that
must come back. Not in the table because the platform could not notice either: a body that was tampered with on the way,
since the signature does not cover bodies.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from email.utils import format_datetime
from json import dumps
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.control import ControlledSandbox
from tests.support.plainhttp import Answer, exchange, message
from tests.support.server import Threaded
from tests.support.state import state_of
from tests.support.unruly import Unruly, card_body, voucher_body
from tests.support.worldline import CONTRACT, checkout_body

GONE = object()
"""Put in place of a value: takes the property away."""

VALID = "INVALID_VALUE"
DATA = "INVALID_DATA"
STATE = "ACTION_NOT_ALLOWED_ON_TRANSACTION"
FORBIDDEN = "ACCESS_TO_MERCHANT_NOT_ALLOWED"
NO_PAYMENT = "UNKNOWN_PAYMENT_ID"
NO_CHECKOUT = "UNKNOWN_HOSTED_CHECKOUT_ID"
AMOUNT = "order.amountOfMoney.amount"
CURRENCY = "order.amountOfMoney.currencyCode"
RETURN = "hostedCheckoutSpecificInput.returnUrl"
ATTEMPTS = "hostedCheckoutSpecificInput.allowedNumberOfPaymentAttempts"
TIMEOUT = "hostedCheckoutSpecificInput.sessionTimeout"
FILTERS = "hostedCheckoutSpecificInput.paymentProductFilters"
PRODUCT = "redirectPaymentMethodSpecificInput.paymentProductId"
BENEFICIARY = "redirectPaymentMethodSpecificInput.paymentProduct5412SpecificInput.beneficiaryId"
CARD = "cardPaymentMethodSpecificInput.card"
REFERENCE = "order.references.merchantReference"

Make = Callable[[Unruly, Any], Answer]


@dataclass(frozen=True)
class Row:
    """One bad request. ``before`` sets the scene, and what it returns is handed to ``make``."""

    name: str
    make: Make
    status: int
    id: str | None
    path: str | None = None
    before: Callable[[Unruly], Any] = lambda _: None


def put(body: Any, path: str, value: Any) -> Any:
    """The body with another value at a dotted path."""
    changed = deepcopy(body)
    *parents, last = path.split(".")
    inner = changed
    for part in parents:
        inner = inner.setdefault(part, {})
    if value is GONE:
        inner.pop(last, None)
    else:
        inner[last] = value
    return changed


def checkout(path: str, value: Any) -> Make:
    """CreateHostedCheckout with another value somewhere."""
    return lambda b, _: b.post("hostedcheckouts", put(checkout_body(), path, value))


def written(path: str, text: str) -> Make:
    """CreateHostedCheckout with a value that is written like this in the JSON."""
    body = dumps(put(checkout_body(), path, "@")).replace('"@"', text).encode()
    return lambda b, _: b.post("hostedcheckouts", raw=body)


def raw(body: bytes, **how: Any) -> Make:
    """CreateHostedCheckout with these bytes."""
    return lambda b, _: b.post("hostedcheckouts", raw=body, **how)


def by_card(path: str, value: Any) -> Make:
    """CreatePayment by card with another value somewhere."""
    return lambda b, _: b.post("payments", put(card_body(), path, value))


def by_vouchers(path: str, value: Any) -> Make:
    """CreatePayment by vouchers with another value somewhere."""
    return lambda b, _: b.post("payments", put(voucher_body(), path, value))


def ask(action: str, body: Any = None) -> Make:
    """A maintenance call on the payment that was there before."""
    return lambda b, id: b.post(f"payments/{id}/{action}", body)


def about(id: str) -> Make:
    """GetPayment by this id, as it stands in the path."""
    return lambda b, _: b.get(f"payments/{id}")


def euros(amount: Any, currency: Any = "EUR") -> dict[str, Any]:
    """amountOfMoney in a body of its own."""
    return {"amountOfMoney": {"amount": amount, "currencyCode": currency}}


def late(b: Unruly) -> str:
    """A Date that is six minutes old."""
    from datetime import timedelta

    return format_datetime(b.live.call(b.sandbox.world.clock.now) - timedelta(minutes=6), usegmt=True)


def bodies() -> Iterator[Row]:
    """Bodies that are no JSON object at all."""
    good = dumps(checkout_body())
    for name, body, id in (
        ("an empty body", b"", VALID),
        ("a body of white space", b" \r\n ", VALID),
        ("a body that is not JSON", b"order=1", DATA),
        ("a body that is an array", b"[]", VALID),
        ("a body that is a string", b'"order"', VALID),
        ("a body that is null", b"null", VALID),
        ("a body that is a number", b"7", VALID),
        ("a body with NaN", good.replace("140000", "NaN").encode(), DATA),
        ("a body with Infinity", good.replace("140000", "Infinity").encode(), DATA),
        ("a body with -Infinity", good.replace("140000", "-Infinity").encode(), DATA),
        ("a truncated body", good[:-10].encode(), DATA),
        ("a body with something behind it", f"{good}{{}}".encode(), DATA),
        ("a body with a comment", f"/* hello */{good}".encode(), DATA),
        ("a body in single quotes", good.replace('"', "'").encode(), DATA),
        ("200 kB of nesting", b"[" * 200_000, DATA),
        ("200 kB of nested objects", b'{"a":' * 40_000, DATA),
        ("a body that is nested 2000 deep and closed again", b"[" * 2000 + b"]" * 2000, DATA),
        ("an ignored property nested 500 deep", good[:-1].encode() + b',"x":' + b"[" * 500 + b"]" * 500 + b"}", DATA),
        ("a body with a byte order mark", b"\xef\xbb\xbf" + good.encode(), DATA),
        ("a body in bad UTF-8", good.replace("fr_FR", "\udcff").encode("utf-8", "surrogateescape"), DATA),
        ("a body in Latin-1", good.replace("fr_FR", "é").encode("latin-1"), DATA),
        ("a body in UTF-16", good.encode("utf-16"), DATA),
        ("a lone surrogate in a text", good.replace("fr_FR", "\\ud800").encode(), DATA),
        ("a lone surrogate in a name", good.replace("locale", "\\udfff").encode(), DATA),
        ("a number of 5000 digits", good.replace("140000", "9" * 5000).encode(), DATA),
    ):
        yield Row(name, raw(body), 400, id)
    form = b"order=1&order=2"
    yield Row("a form", raw(form, content_type="application/x-www-form-urlencoded"), 400, DATA)
    parts = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    yield Row("a multipart form", raw(parts, content_type="multipart/form-data; boundary=b"), 400, DATA)
    yield Row("a body above the limit of 2 MB", raw(b'{"a":"' + b"x" * 2_200_000 + b'"}'), 413, DATA)
    yield Row("no body where one is needed", lambda b, _: b.post("hostedcheckouts"), 400, VALID)
    packed = [("Content-Encoding", "gzip")]
    yield Row("broken gzip", raw(b"\x1f\x8b\x08 this is none", after=packed), 400, DATA)
    yield Row("plain JSON that claims to be gzip", raw(good.encode(), after=packed), 400, DATA)
    yield Row("gzip that was cut off", raw(gzip.compress(good.encode())[:-12], after=packed), 400, DATA)
    bomb = gzip.compress(b'{"a":"' + b" " * 64_000_000 + b'"}')
    yield Row("a gzip bomb", raw(bomb, after=packed), 413, DATA)
    zeros = gzip.compress(gzip.compress(good.encode()))
    yield Row("gzip inside gzip", raw(zeros, after=packed), 400, DATA)


def money() -> Iterator[Row]:
    """Amounts and currencies."""
    for name, value in (
        ("negative", -1),
        ("fractional", 10.5),
        ("a string", "1000"),
        ("a boolean", True),
        ("null", None),
        ("a list", [1000]),
        ("an object", {"amount": 1000}),
        ("10**30", 10**30),
        ("13 digits", 10**12),
        ("-10**30", -(10**30)),
        ("1e30 as a float", 1e30),
    ):
        yield Row(f"an amount that is {name}", checkout(AMOUNT, value), 400, VALID, AMOUNT)
        yield Row(f"a payment's amount that is {name}", by_vouchers(AMOUNT, value), 400, VALID, AMOUNT)
    yield Row("an amount of 1e400", written(AMOUNT, "1e400"), 400, DATA)
    yield Row("an amount of -1e400", written(AMOUNT, "-1e400"), 400, DATA)
    yield Row("a number of 1e400 where any number may stand", written("order.taxPercentage", "1e400"), 400, DATA)
    yield Row("a number of 1e400 that nobody reads", written("order.unheardOf", "1e400"), 400, DATA)
    yield Row("an amount of zero", checkout(AMOUNT, 0), 400, VALID, AMOUNT)
    yield Row("a payment of zero", by_vouchers(AMOUNT, 0), 400, VALID, AMOUNT)
    for name, value in (
        ("in lower case", "eur"),
        ("of two letters", "EU"),
        ("empty", ""),
        ("a number", 978),
        ("null", None),
        ("with a line feed", "EUR\n"),
        ("unknown", "ZZZ"),
    ):
        yield Row(f"a currency that is {name}", checkout(CURRENCY, value), 400, VALID, CURRENCY)
    yield Row("an unknown currency of a card payment", by_card(CURRENCY, "ABC"), 400, VALID, CURRENCY)
    yield Row("another currency than EUR for vouchers on a page", checkout(CURRENCY, "USD"), 400, VALID, CURRENCY)
    yield Row("another currency than EUR for a voucher payment", by_vouchers(CURRENCY, "CHF"), 400, VALID, CURRENCY)
    yield Row("no order", checkout("order", GONE), 400, VALID, "order")
    yield Row("an order that is null", checkout("order", None), 400, VALID, "order")
    yield Row("an order that is a list", checkout("order", []), 400, VALID, "order")
    yield Row("no amountOfMoney", checkout("order.amountOfMoney", GONE), 400, VALID, "order.amountOfMoney")
    yield Row("an amountOfMoney that is null", checkout("order.amountOfMoney", None), 400, VALID, "order.amountOfMoney")
    yield Row("no amount", checkout(AMOUNT, GONE), 400, VALID, AMOUNT)
    yield Row("no currency", checkout(CURRENCY, GONE), 400, VALID, CURRENCY)
    yield Row("a payment without order", by_vouchers("order", GONE), 400, VALID, "order")


def fields() -> Iterator[Row]:
    """The other properties of the create calls."""
    for name, value in (
        ("longer than 200 characters", "https://shop.example/" + "x" * 180),
        ("without a scheme", "shop.example/return"),
        ("relative", "//shop.example/return"),
        ("javascript", "javascript:alert(1)"),
        ("javascript with slashes", "javascript://%0aalert(1)"),
        ("JavaScript in other letters", "jAvAsCrIpT://x/%0aalert(1)"),
        ("a data address", "data://text/html,hello"),
        ("without a host", "https://"),
        ("a broken IPv6 address", "https://[oops/return"),
        ("with a line feed", "https://shop.example/\r\nSet-Cookie: a=b"),
        ("with a NUL", "https://shop.example/\u0000"),
        ("with a blank", "https://shop.example/a b"),
        ("with a policy in its host", "https://shop.example;script-src/return"),
        ("empty", ""),
        ("a number", 7),
        ("null", None),
    ):
        yield Row(f"a returnUrl that is {name}", checkout(RETURN, value), 400, VALID, RETURN)
    back = "redirectPaymentMethodSpecificInput.redirectionData.returnUrl"
    yield Row("a bad returnUrl of a voucher payment", by_vouchers(back, "javascript://x"), 400, VALID, back)
    bare = "redirectPaymentMethodSpecificInput.returnUrl"
    yield Row("a bad returnUrl where the sample has it", by_vouchers(bare, "https://[x"), 400, VALID, bare)
    for value in (0, 11, -1, 2.5, "3", None, 10**30):
        yield Row(f"{value} payment attempts", checkout(ATTEMPTS, value), 400, VALID, ATTEMPTS)
    for value in (0, -60, 1.5, "60", True, 10**12, 10**30):
        yield Row(f"a session of {value} minutes", checkout(TIMEOUT, value), 400, VALID, TIMEOUT)
    yield Row(
        "a locale that is a number",
        checkout("hostedCheckoutSpecificInput.locale", 7),
        400,
        VALID,
        "hostedCheckoutSpecificInput.locale",
    )
    shows = "hostedCheckoutSpecificInput.showResultPage"
    yield Row("showResultPage as a text", checkout(shows, "false"), 400, VALID, shows)
    adjustable = "redirectPaymentMethodSpecificInput.paymentProduct5412SpecificInput.adjustableAmount"
    yield Row("adjustableAmount as a number", checkout(adjustable, 1), 400, VALID, adjustable)
    approval = "redirectPaymentMethodSpecificInput.requiresApproval"
    yield Row("requiresApproval that is null", checkout(approval, None), 400, VALID, approval)
    yield Row(
        "hostedCheckoutSpecificInput as a list",
        checkout("hostedCheckoutSpecificInput", []),
        400,
        VALID,
        "hostedCheckoutSpecificInput",
    )
    yield Row("a merchantReference of 41 characters", checkout(REFERENCE, "x" * 41), 400, VALID, REFERENCE)
    yield Row("a merchantReference that is a number", checkout(REFERENCE, 7), 400, VALID, REFERENCE)
    country = "order.customer.billingAddress.countryCode"
    yield Row("a country of three letters", checkout(country, "FRA"), 400, VALID, country)
    hooks = "feedbacks.webhooksUrls"
    yield Row("webhooksUrls as a text", checkout(hooks, "https://shop.example"), 400, VALID, hooks)
    yield Row("a webhook address that is a number", checkout(hooks, [7]), 400, VALID, f"{hooks}[0]")
    yield Row("a webhook address that is none", checkout(hooks, ["http://["]), 400, VALID, f"{hooks}[0]")
    yield Row(
        "a webhook address for mail",
        checkout(hooks, ["https://shop.example/a", "mailto:me"]),
        400,
        VALID,
        f"{hooks}[1]",
    )
    nothing = {"restrictTo": {"products": [999]}}
    free = put(checkout_body(), PRODUCT, GONE)
    yield Row(
        "filters that leave nothing",
        lambda b, _: b.post("hostedcheckouts", put(free, FILTERS, nothing)),
        400,
        VALID,
        FILTERS,
    )
    without = {"restrictTo": {"products": [5412]}, "exclude": {"products": [5412]}}
    yield Row(
        "filters that take away what they ask for",
        lambda b, _: b.post("hostedcheckouts", put(free, FILTERS, without)),
        400,
        VALID,
        FILTERS,
    )
    yield Row(
        "a filter that takes the product away",
        checkout(FILTERS, {"exclude": {"products": [5412]}}),
        400,
        VALID,
        PRODUCT,
    )
    yield Row(
        "a filter with a text as a product",
        checkout(FILTERS, {"exclude": {"products": ["5412"]}}),
        400,
        VALID,
        f"{FILTERS}.exclude.products[0]",
    )
    yield Row("an unknown product on the page", checkout(PRODUCT, 9999), 400, VALID, PRODUCT)
    yield Row("a product as a text", checkout(PRODUCT, "5412"), 400, VALID, PRODUCT)
    yield Row("a huge product", checkout(PRODUCT, 10**30), 400, VALID, PRODUCT)
    yield Row("an unknown product of a payment", by_vouchers(PRODUCT, 840), 400, VALID, PRODUCT)
    yield Row(
        "a payment without any method", by_vouchers("redirectPaymentMethodSpecificInput", GONE), 400, VALID, PRODUCT
    )
    yield Row("a voucher payment without beneficiary", by_vouchers(BENEFICIARY, GONE), 400, VALID, BENEFICIARY)
    yield Row("a voucher payment with an empty beneficiary", by_vouchers(BENEFICIARY, ""), 400, VALID, BENEFICIARY)
    yield Row("a voucher payment with a beneficiary of blanks", by_vouchers(BENEFICIARY, "  "), 400, VALID, BENEFICIARY)
    yield Row("a beneficiary that is a number", by_vouchers(BENEFICIARY, 11111111111), 400, VALID, BENEFICIARY)


def cards() -> Iterator[Row]:
    """Cards that no issuer is asked about."""
    number, expiry, cvv = f"{CARD}.cardNumber", f"{CARD}.expiryDate", f"{CARD}.cvv"
    for name, value in (
        ("123", "123"),
        ("with a wrong check digit", "4012000033330027"),
        ("with blanks", "4012 0000 3333 0026"),
        ("in Arabic digits", "٤٠١٢٠٠٠٠٣٣٣٣٠٠٢٦"),
        ("a number", 4012000033330026),
        ("of no scheme", "6011000000000004"),
        ("of 20 digits", "4" * 20),
        ("null", None),
    ):
        yield Row(f"a card number that is {name}", by_card(number, value), 400, VALID, number)
    for value in ("", "1330", "0030", "12/30", "122030", "abcd", "12 0", None, 1230):
        yield Row(f"an expiry date that is {value!r}", by_card(expiry, value), 400, VALID, expiry)
    for value in ("", "12", "12345", "12a", 123):
        yield Row(f"a security code that is {value!r}", by_card(cvv, value), 400, VALID, cvv)
    yield Row("a card without a number", by_card(number, GONE), 400, VALID, number)
    yield Row("a card without expiry date", by_card(expiry, GONE), 400, VALID, expiry)
    yield Row("a card payment without a card", by_card(CARD, GONE), 400, VALID, CARD)
    yield Row("a card that is a text", by_card(CARD, "4012000033330026"), 400, VALID, CARD)
    mode = "cardPaymentMethodSpecificInput.authorizationMode"
    yield Row("an unknown authorization mode", by_card(mode, "sale"), 400, VALID, mode)
    delay = "cardPaymentMethodSpecificInput.autoCapture.delayInMinutes"
    for value in (-1, 10**12, "5"):
        yield Row(f"automatic capture after {value!r} minutes", by_card(delay, value), 400, VALID, delay)
    sealed = {**put(card_body(), "cardPaymentMethodSpecificInput.card", GONE), "encryptedCustomerInput": "a.b.c.d.e"}
    yield Row(
        "encrypted card data that is none",
        lambda b, _: b.post("payments", sealed),
        400,
        VALID,
        "encryptedCustomerInput",
    )
    unknown = put(card_body(), "cardPaymentMethodSpecificInput", {"token": "nobody"})
    yield Row("a token that nobody has", lambda b, _: b.post("payments", unknown), 404, "UNKNOWN_TOKEN_ID", "tokenId")


def callers() -> Iterator[Row]:
    """Who is not allowed in."""
    connection = "/v2/{m}/services/testconnection"

    def test(**how: Any) -> Make:
        return lambda b, _: b.send("GET", connection, **how)

    def authorised_by(*values: str) -> Make:
        return lambda b, _: b.plain("GET", connection, [("Authorization", value) for value in values])

    yield Row("no Authorization header", lambda b, _: b.plain("GET", connection), 403, FORBIDDEN)
    yield Row("an empty Authorization header", authorised_by(""), 403, FORBIDDEN)
    yield Row("another scheme", authorised_by("Basic dXNlcjpwYXNz"), 403, FORBIDDEN)
    yield Row("the scheme in lower case", authorised_by("gcs v1hmac:a:b"), 403, FORBIDDEN)
    yield Row("the scheme alone", authorised_by("GCS v1HMAC:"), 403, FORBIDDEN)
    yield Row("a key id without a signature", authorised_by("GCS v1HMAC:MOCKPSPKEY0001"), 403, FORBIDDEN)
    yield Row("a signature that is not base64", authorised_by("GCS v1HMAC:MOCKPSPKEY0001:***"), 403, FORBIDDEN)
    yield Row("a signature of other letters", authorised_by("GCS v1HMAC:MOCKPSPKEY0001:é\udcff"), 403, FORBIDDEN)
    yield Row("an Authorization header of 7000 letters", authorised_by("x" * 7000), 403, FORBIDDEN)
    yield Row("a client session for a server's call", authorised_by("GCS v1Client:0123456789abcdef"), 403, FORBIDDEN)
    yield Row("an unknown key id", test(key="NOBODY"), 403, FORBIDDEN)
    yield Row("a wrong secret", test(secret="wrong"), 403, FORBIDDEN)
    yield Row("a signature of another path", test(signed_target="/v2/x/services/testconnection"), 403, FORBIDDEN)
    yield Row(
        "a signature without the query",
        lambda b, _: b.send(
            "GET", connection + "?a=1", signed_target=connection.replace("{m}", b.given["merchant_id"])
        ),
        403,
        FORBIDDEN,
    )
    yield Row("an X-GCS header that was added after signing", test(after=[("X-GCS-Extra", "1")]), 403, FORBIDDEN)
    yield Row(
        "an X-GCS header that was signed with another value",
        lambda b, _: b.send("GET", connection, headers=[("X-GCS-A", "1")], after=[("X-GCS-A", "2")]),
        403,
        FORBIDDEN,
    )
    yield Row(
        "the path of another merchant", lambda b, _: b.send("GET", "/v2/OTHER/services/testconnection"), 403, FORBIDDEN
    )
    yield Row(
        "the path of the neighbour's merchant",
        lambda b, other: b.send("GET", f"/v2/{other.given['merchant_id']}/services/testconnection"),
        403,
        FORBIDDEN,
        before=lambda b: b.neighbour(),
    )  # type: ignore[attr-defined]
    yield Row(
        "the neighbour's secret",
        lambda b, other: b.send("GET", connection, secret=other.given["secret_api_key"]),
        403,
        FORBIDDEN,
        before=lambda b: b.neighbour(),
    )  # type: ignore[attr-defined]
    yield Row("a Date of six minutes ago", lambda b, _: b.send("GET", connection, date=late(b)), 403, FORBIDDEN)
    yield Row("no Date", test(date=None), 403, FORBIDDEN)
    for value in (
        "yesterday",
        "",
        "2026-01-06T09:15:00Z",
        "Tue, 06 Jan 2026 09:15:00 +99999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Tue, 06 Jan 99999 09:15:00 GMT",
        "Tue, 99 Foo 2026 99:99:99 GMT",
        "6 Jan ٢٠٢٦ 09:15:00 GMT",
    ):
        yield Row(f"a Date that reads {value!r}", test(date=value), 403, FORBIDDEN)
    yield Row(
        "a client call without a session", lambda b, _: b.plain("GET", "/client/v1/x/crypto/publickey"), 403, FORBIDDEN
    )
    yield Row(
        "a client call with a session that nobody has",
        lambda b, _: b.plain(
            "GET", "/client/v1/x/crypto/publickey", [("Authorization", f"GCS v1Client:{b.sandbox.key}{'0' * 24}")]
        ),
        403,
        FORBIDDEN,
    )


def ids() -> Iterator[Row]:
    """Things that are not there."""
    yield Row("an unknown payment", about("9999999999_0"), 404, NO_PAYMENT, "paymentId")
    for name, id in (
        ("a word", "unheard-of"),
        ("..%2f", "..%2f"),
        ("%2e%2e%2f%2e%2e", "%2e%2e%2f%2e%2e"),
        ("a NUL", "%00"),
        ("Arabic digits", "%D9%A4%D9%A3%D9%A7%D9%A5%D9%A0%D9%A0%D9%A8%D9%A5%D9%A5%D9%A3_0"),
        ("bad UTF-8", "%ff%fe"),
        ("a broken escape", "43%zz"),
        ("9 digits", "437500855_0"),
        ("21 digits", "9" * 21),
        ("a sign", "-4375008553_0"),
        ("a blank", "%204375008553_0"),
        ("a line feed behind it", "4375008553_0%0a"),
        ("6000 letters", "x" * 6000),
    ):
        yield Row(f"a payment id that is {name}", about(id), 400, NO_PAYMENT, "paymentId")
    yield Row("an id with an operation of 4000 digits", about("4375008553_" + "9" * 4000), 404, NO_PAYMENT, "paymentId")
    yield Row(
        "an operation that a payment does not have",
        lambda b, id: b.get(f"payments/{id[:10]}_7"),
        404,
        NO_PAYMENT,
        "paymentId",
        before=Unruly.captured,
    )
    for action in ("capture", "cancel", "refund"):
        yield Row(
            f"{action} of an unknown payment",
            lambda b, _, a=action: b.post(f"payments/9999999999_0/{a}", {}),
            404,
            NO_PAYMENT,
            "paymentId",
        )
        yield Row(
            f"{action} of a malformed id",
            lambda b, _, a=action: b.post(f"payments/x/{a}", {}),
            400,
            NO_PAYMENT,
            "paymentId",
        )
    for what in ("details", "captures", "refunds"):
        yield Row(f"{what} of an unknown payment", about(f"9999999999_0/{what}"), 404, NO_PAYMENT, "paymentId")
    yield Row(
        "another sandbox's payment",
        lambda b, id: b.get(f"payments/{id}"),
        404,
        NO_PAYMENT,
        "paymentId",
        before=lambda b: b.neighbour().captured(),
    )  # type: ignore[attr-defined]
    yield Row(
        "a refund of another sandbox's payment",
        ask("refund", {}),
        404,
        NO_PAYMENT,
        "paymentId",
        before=lambda b: b.neighbour().captured(),
    )  # type: ignore[attr-defined]
    yield Row(
        "another sandbox's checkout",
        lambda b, made: b.get(f"hostedcheckouts/{made['hostedCheckoutId']}"),
        404,
        NO_CHECKOUT,
        "hostedCheckoutId",
        before=lambda b: b.neighbour().checkout(),
    )  # type: ignore[attr-defined]
    for id in ("9999999999", "x", "%00", "..%2f", "9" * 5000):
        yield Row(
            f"the hosted checkout {id[:12]}",
            lambda b, _, id=id: b.get(f"hostedcheckouts/{id}"),
            404,
            NO_CHECKOUT,
            "hostedCheckoutId",
        )
    yield Row(
        "a payment by card as a checkout",
        lambda b, id: b.get(f"hostedcheckouts/{id[:10]}"),
        404,
        NO_CHECKOUT,
        "hostedCheckoutId",
        before=Unruly.captured,
    )
    yield Row("an unknown token", lambda b, _: b.get("tokens/nobody"), 404, "UNKNOWN_TOKEN_ID", "tokenId")
    yield Row(
        "deleting an unknown token",
        lambda b, _: b.send("DELETE", "/v2/{m}/tokens/%00"),
        404,
        "UNKNOWN_TOKEN_ID",
        "tokenId",
    )
    yield Row(
        "another sandbox's token",
        lambda b, token: b.get(f"tokens/{token}"),
        404,
        "UNKNOWN_TOKEN_ID",
        "tokenId",
        before=lambda b: token_of(b.neighbour()),
    )  # type: ignore[attr-defined]
    yield Row(
        "a payment with another sandbox's token",
        lambda b, token: b.post("payments", put(card_body(), "cardPaymentMethodSpecificInput", {"token": token})),
        404,
        "UNKNOWN_TOKEN_ID",
        "tokenId",
        before=lambda b: token_of(b.neighbour()),
    )  # type: ignore[attr-defined]
    yield Row(
        "an unknown product",
        lambda b, _: b.get("products/-1?countryCode=FR&currencyCode=EUR"),
        404,
        "UNKNOWN_PRODUCT_ID",
        "productId",
    )
    yield Row(
        "a product that is a word",
        lambda b, _: b.get("products/card?countryCode=FR"),
        404,
        "UNKNOWN_PRODUCT_ID",
        "productId",
    )
    yield Row("products without a country", lambda b, _: b.get("products?currencyCode=EUR"), 400, VALID, "countryCode")
    for value in ("abc", "1.5", "-1", "9" * 30, "%D9%A1", "1e3", ""):
        yield Row(
            f"products for the amount {value[:9]!r}",
            lambda b, _, v=value: b.get(f"products?countryCode=FR&amount={v}"),
            400,
            VALID,
            "amount",
        )
    yield Row(
        "products that are recurring perhaps",
        lambda b, _: b.get("products?countryCode=FR&isRecurring=maybe"),
        400,
        VALID,
        "isRecurring",
    )
    yield Row(
        "an unknown thing to hide", lambda b, _: b.get("products?countryCode=FR&hide=everything"), 400, VALID, "hide[0]"
    )


def token_of(b: Unruly) -> str:
    """A stored card."""
    card = {"cardNumber": "4012000033330026", "expiryDate": "1230", "cardholderName": "A"}
    made = b.post("tokens", {"paymentProductId": 1, "card": {"data": {"card": card}}})
    assert made.status == 201, made.text
    return str(made.json()["token"])


def states() -> Iterator[Row]:
    """What the state of a payment forbids."""
    for name, make, before in (
        ("capture of a sale", ask("capture", {}), Unruly.captured),
        ("capture of a part of a sale", ask("capture", {"amount": 1}), Unruly.captured),
        ("capture twice", ask("capture", {}), Unruly.captured_later),
        ("capture of more than was authorised", ask("capture", {"amount": 10_001}), Unruly.authorised),
        ("capture of 10**30", ask("capture", {"amount": 10**30}), Unruly.authorised),
        ("capture after cancel", ask("capture", {}), Unruly.cancelled),
        ("cancel of a sale", ask("cancel"), Unruly.captured),
        ("cancel after capture", ask("cancel"), Unruly.captured_later),
        ("cancel twice", ask("cancel"), Unruly.cancelled),
        ("cancel of more than was authorised", ask("cancel", euros(10_001)), Unruly.authorised),
        ("refund of an authorisation", ask("refund", {}), Unruly.authorised),
        ("refund of a cancelled payment", ask("refund", {}), Unruly.cancelled),
        ("refund of more than was captured", ask("refund", euros(10_001)), Unruly.captured),
        ("refund of 10**12-1", ask("refund", euros(10**12 - 1)), Unruly.captured),
        ("refund twice", ask("refund", {}), Unruly.refunded),
        ("a second refund by amount", ask("refund", euros(1)), Unruly.refunded),
        ("capture of a rejected payment", ask("capture", {}), Unruly.rejected),
        ("cancel of a rejected payment", ask("cancel"), Unruly.rejected),
        ("refund of a rejected payment", ask("refund", {}), Unruly.rejected),
        ("capture of a checkout that nobody paid", ask("capture", {}), lambda b: b.checkout()["hostedCheckoutId"]),
        ("cancel of a checkout that nobody paid", ask("cancel"), lambda b: b.checkout()["hostedCheckoutId"]),
        ("refund of a checkout that nobody paid", ask("refund", {}), lambda b: b.checkout()["hostedCheckoutId"]),
    ):
        yield Row(name, make, 400, STATE, before=before)
    money = "amountOfMoney"
    yield Row(
        "refund in another currency",
        ask("refund", euros(100, "USD")),
        400,
        VALID,
        f"{money}.currencyCode",
        before=Unruly.captured,
    )
    yield Row(
        "cancel in another currency",
        ask("cancel", euros(100, "USD")),
        400,
        VALID,
        f"{money}.currencyCode",
        before=Unruly.authorised,
    )
    yield Row(
        "refund in a currency in lower case",
        ask("refund", euros(100, "eur")),
        400,
        VALID,
        f"{money}.currencyCode",
        before=Unruly.captured,
    )
    for value in (0, -1, 10.5, "100", True, None):
        yield Row(
            f"refund of {value!r}", ask("refund", euros(value)), 400, VALID, f"{money}.amount", before=Unruly.captured
        )
        yield Row(
            f"capture of {value!r}", ask("capture", {"amount": value}), 400, VALID, "amount", before=Unruly.authorised
        )
    yield Row(
        "refund of no currency",
        ask("refund", {money: {"amount": 1}}),
        400,
        VALID,
        f"{money}.currencyCode",
        before=Unruly.captured,
    )
    yield Row("refund of null", ask("refund", {money: None}), 400, VALID, money, before=Unruly.captured)
    yield Row("capture with a body that is a list", ask("capture", []), 400, VALID, before=Unruly.authorised)
    yield Row("isFinal as a text", ask("capture", {"isFinal": "yes"}), 400, VALID, "isFinal", before=Unruly.authorised)
    reference = "operationReferences.merchantReference"
    yield Row(
        "refund with a reference of 41 characters",
        ask("refund", {"operationReferences": {"merchantReference": "x" * 41}}),
        400,
        VALID,
        reference,
        before=Unruly.captured,
    )
    order = {"order": euros(1000)}
    yield Row(
        "a subsequent payment of a voucher payment",
        ask("subsequent", order),
        400,
        VALID,
        "paymentId",
        before=lambda b: b.checkout()["hostedCheckoutId"],
    )
    yield Row(
        "a subsequent payment in an unknown currency",
        ask("subsequent", {"order": euros(1, "ZZZ")}),
        400,
        VALID,
        CURRENCY,
        before=Unruly.captured,
    )
    yield Row("a subsequent payment without order", ask("subsequent", {}), 400, VALID, "order", before=Unruly.captured)


def others() -> Iterator[Row]:
    """Methods, paths, and the calls beside payments."""
    yield Row("a path that nobody knows", lambda b, _: b.get("unheard/of"), 404, None)
    yield Row("a path that nobody knows, unsigned", lambda b, _: b.plain("GET", "/v2"), 404, None)
    yield Row("a path that climbs", lambda b, _: b.plain("GET", "/v2/x/%2e%2e/%2e%2e/etc/passwd"), 404, None)
    yield Row(
        "ApprovePayment, which this generation of the API has not",
        lambda b, _: b.post("payments/1_0/approve", {}),
        404,
        None,
    )
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"):
        yield Row(
            f"{method} on payments", lambda b, _, m=method: b.send(m, "/v2/{m}/payments", {}), 405, "METHOD_NOT_ALLOWED"
        )
    yield Row("GET on a capture", lambda b, _: b.get("payments/4375008553_0/capture"), 405, "METHOD_NOT_ALLOWED")
    for method, where, body in (
        ("POST", "payments/4375008553_0/increment-authorization", {}),
        ("POST", "hostedtokenizations", {}),
        ("GET", "payouts/1", None),
        ("POST", "mandates", {}),
        ("POST", "paymentlinks", []),
        ("GET", "detokenize/tokens", None),
        ("POST", "payments/4375008553_0/complete", {"order": euros(100)}),
    ):
        yield Row(
            f"{method} {where}, which is not emulated",
            lambda b, _, m=method, w=where, o=body: b.send(m, f"/v2/{{m}}/{w}", o),
            501,
            "NOT_SUPPORTED_BY_SIMULATOR",
        )
    yield Row(
        "complete without an order", lambda b, _: b.post("payments/4375008553_0/complete", {}), 400, VALID, "order"
    )
    yield Row(
        "an unsupported call without a signature",
        lambda b, _: b.plain("POST", "/v2/{m}/payouts", body=b"{}"),
        403,
        FORBIDDEN,
    )
    for value in (None, "", "shop.example", "ftp://x", "http://", "http://[", 7):
        yield Row(
            f"sendtest to {value!r}", lambda b, _, v=value: b.post("webhooks/sendtest", {"url": v}), 400, VALID, "url"
        )
    yield Row(
        "sendtest to the internet",
        lambda b, _: b.post("webhooks/sendtest", {"url": "https://example.com/x"}),
        400,
        VALID,
        "url",
    )
    yield Row("sendtest without an address", lambda b, _: b.post("webhooks/sendtest", {}), 400, VALID, "url")
    yield Row(
        "credentials to validate without a secret",
        lambda b, _: b.post("webhooks/validateCredentials", {"key": ""}),
        400,
        VALID,
        "secret",
    )
    yield Row(
        "a session with eleven tokens", lambda b, _: b.post("sessions", {"tokens": ["x"] * 11}), 400, VALID, "tokens"
    )
    yield Row(
        "a session with a token that is null",
        lambda b, _: b.post("sessions", {"tokens": [None]}),
        400,
        VALID,
        "tokens[0]",
    )
    yield Row(
        "a token for a number with a wrong check digit",
        lambda b, _: b.post(
            "tokens",
            {
                "paymentProductId": 1,
                "card": {"data": {"card": {"cardNumber": "4012000033330027", "expiryDate": "1230"}}},
            },
        ),
        400,
        VALID,
        "card.data.card.cardNumber",
    )
    yield Row("a token without a card", lambda b, _: b.post("tokens", {"paymentProductId": 1}), 400, VALID, "card")
    for value in ("", "12345", "4" * 20, "40120x", 401200, None):
        yield Row(
            f"IIN details of {value!r}",
            lambda b, _, v=value: b.post("services/getIINdetails", {"bin": v}),
            400,
            VALID,
            "bin",
        )
    yield Row("a conversion of nothing", lambda b, _: b.post("services/dccrate", {}), 400, VALID, "cardSource")
    yield Row(
        "a surcharge on zero",
        lambda b, _: b.post(
            "services/surchargecalculation", {"cardSource": {"card": {"cardNumber": "4012000033330026"}}, **euros(0)}
        ),
        400,
        VALID,
        "amountOfMoney.amount",
    )
    yield Row(
        "a session for another product's wallet",
        lambda b, _: b.post("products/809/sessions", {}),
        400,
        VALID,
        "paymentProductId",
    )


ROWS = [*bodies(), *money(), *fields(), *cards(), *callers(), *ids(), *states(), *others()]


class World(Unruly):
    """The sandbox under test, and a neighbour when a row needs one."""

    def __init__(self, live: Threaded, new: Callable[..., ControlledSandbox]) -> None:
        super().__init__(live, new(clock="2026-07-01T09:00:00Z"))
        self._new = new
        self._neighbours: list[Unruly] = []

    def neighbour(self) -> Unruly:
        """Another sandbox of the same server, whose ids are other ones."""
        if not self._neighbours:
            self._neighbours.append(Unruly(self.live, self._new(clock="2026-07-01T09:00:00Z", seed=99)))
            for _ in range(3):
                self._neighbours[0].captured()
        return self._neighbours[0]

    def everything(self) -> list[Any]:
        """The state of every sandbox that a request could have touched."""
        self.settle()

        def look() -> list[Any]:
            mine = [self.sandbox, *(each.sandbox for each in self._neighbours)]
            return [state_of(each) for each in (*mine, self.live.server.sandboxes.get("default"))]

        return self.live.call(look)


@pytest.fixture
def world(live: Threaded, new_sandbox: Callable[..., ControlledSandbox]) -> World:
    """A sandbox whose clock stands still."""
    return World(live, new_sandbox)


def explained(b: Unruly, answer: Answer, entries_before: int) -> str:
    """What the journal says about an answer, in the sandbox that recorded it; the entry must be about this request."""
    number = int(answer.headers["Mockpsp-Trace"])
    mine = b.live.call(lambda: b.sandbox.world.journal.count) > entries_before
    id = b.controlled.id if mine else "default"
    shown = ControlledSandbox(b.live.url, {"id": id, "credentials": {}}).call("GET", f"/journal/{number}")
    assert shown["kind"] == "request"
    assert shown["status"] == answer.status
    return str(shown["explanation"])


def test_the_table_is_long_enough_and_no_name_stands_twice() -> None:
    names = [row.name for row in ROWS]
    assert len(names) >= 75
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


ERROR = CONTRACT.validator({"$ref": "#/components/schemas/ErrorResponse"})


def check_error(answer: Answer, row: Row) -> None:
    """Status, shape and words of a refusal."""
    assert answer.status == row.status, answer.text
    if row.id is None:
        assert answer.body == b""
        return
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert not [each.message for each in ERROR.iter_errors(body)], body
    UUID(body["errorId"])
    (error,) = body["errors"]
    assert (error["id"], error.get("propertyName")) == (row.id, row.path), error
    assert body["status"] == row.status
    assert error["retriable"] is False


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_request_is_refused_and_changes_nothing(row: Row, world: World, caplog: pytest.LogCaptureFixture) -> None:
    given = row.before(world)
    before = world.everything()
    entries = world.live.call(lambda: world.sandbox.world.journal.count)

    answer = row.make(world, given)

    check_error(answer, row)
    told = explained(world, answer, entries)
    assert f"was answered with status {row.status}" in told
    assert "refused: " in told or "Refused: " in told, told
    assert "internal fault" not in told
    assert world.everything() == before
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def test_a_refusal_without_a_body_still_says_its_length(world: World) -> None:
    """HEAD asks for the headers of a refusal alone."""
    before = world.everything()
    answer = world.send("HEAD", "/v2/{m}/payments/9999999999_0")
    assert answer.status == 405
    assert answer.body == b""
    assert answer.headers["Mockpsp-Trace"]
    assert world.everything() == before


def test_a_client_that_hangs_up_before_its_body_is_whole_changes_nothing(world: World) -> None:
    body = dumps(checkout_body()).encode()
    target = f"/v2/{world.given['merchant_id']}/hostedcheckouts"
    headers = [*world.signed("POST", target, content_type="application/json"), ("Content-Length", str(len(body) + 50))]
    before = world.everything()
    with pytest.raises(ConnectionError):
        exchange(world.live.port, message("POST", target, headers, body), hang_up=True)
    entry = world.live.call(lambda: next(e for e in world.sandbox.world.journal.since(0) if e.kind == "request"))
    assert not [note for note in entry.data.notes if "internal fault" in note]
    assert world.everything() == before


@pytest.mark.parametrize(
    "line",
    ["Content-Length: -1", "Content-Length: ten", "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: x"],
)
def test_http_that_is_none_is_not_even_heard(line: str, world: World) -> None:
    """Below the platform's own dialect: the HTTP server refuses it, as a real one's front door does."""
    before = world.everything()
    request = f"POST /v2/{world.given['merchant_id']}/payments HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n{{}}"
    assert exchange(world.live.port, request.encode()).status == 400
    assert world.everything() == before


# -- odd, and yet right ------------------------------------------------------------------------------------------------


def test_a_content_length_that_is_too_short_ends_the_body_there(world: World) -> None:
    """What is left over is the start of another request, which is none."""
    before = world.everything()
    assert world.post("hostedcheckouts", checkout_body(), length=20).status == 400
    assert world.everything() == before


def test_a_method_that_does_not_exist_is_not_even_heard(world: World) -> None:
    assert world.send("BREW", "/v2/{m}/payments", {}).status == 400


def test_an_amount_of_1000_0_counts_as_1000(world: World) -> None:
    made = world.post("hostedcheckouts", raw=dumps(checkout_body(1000)).replace("1000", "1000.0").encode())
    assert made.status == 200, made.text
    read = world.get(f"hostedcheckouts/{made.json()['hostedCheckoutId']}")
    output = read.json()["createdPaymentOutput"]["payment"]["paymentOutput"]
    assert '"amount":1000,' in read.text
    assert output["amountOfMoney"] == {"amount": 1000, "currencyCode": "EUR"}


def test_whole_numbers_written_with_a_point_come_back_without_it(world: World) -> None:
    text = dumps(put(card_body(), "cardPaymentMethodSpecificInput.paymentProductId", 1)).replace(
        '"paymentProductId": 1,', '"paymentProductId": 1.0,'
    )
    made = world.post("payments", raw=text.encode())
    assert made.status == 201, made.text
    assert '"paymentProductId":1,' in made.text


def test_of_two_equal_names_the_last_one_counts(world: World) -> None:
    text = dumps(checkout_body(1000)).replace('"amount": 1000', '"amount": -5, "amount": 2000')
    made = world.post("hostedcheckouts", raw=text.encode())
    assert made.status == 200, made.text
    read = world.get(f"payments/{made.json()['hostedCheckoutId']}_0").json()
    assert read["paymentOutput"]["amountOfMoney"]["amount"] == 2000


def test_gzip_is_understood(world: World) -> None:
    packed = gzip.compress(dumps(checkout_body()).encode())
    assert world.post("hostedcheckouts", raw=packed, after=[("Content-Encoding", "gzip")]).status == 200


def test_a_body_that_cannot_be_decoded_ends_its_connection_politely(world: World) -> None:
    """What follows it cannot be told from it, so the answer says that it is the last one, and arrives."""
    target = f"/v2/{world.given['merchant_id']}/hostedcheckouts"
    body = b"this is no gzip"
    sent = world.signed("POST", target, content_type="application/json")
    request = message("POST", target, [*sent, ("Content-Length", str(len(body))), ("Content-Encoding", "gzip")], body)
    for _ in range(10):
        answer = exchange(world.live.port, request)
        assert answer.status == 400
        assert answer.headers["Connection"] == "close"


def test_x_gcs_date_stands_in_for_date(world: World) -> None:
    now = format_datetime(world.live.call(world.sandbox.world.clock.now), usegmt=True)
    answer = world.get("services/testconnection", date=None, headers=[("X-GCS-Date", now)])
    assert answer.status == 200, answer.text


def test_the_case_of_the_merchant_does_not_matter(world: World) -> None:
    assert world.send("GET", f"/v2/{world.given['merchant_id'].lower()}/services/testconnection").status == 200


@pytest.mark.parametrize("key", ["x" * 40, "x" * 41, "x" * 300, "clé-1", "\udcff\udcfe"])
def test_a_repetition_gets_the_first_answer_whatever_its_body_says(key: str, world: World) -> None:
    """Keys above 40 characters are taken, as the contract says with ``x-enforced: false``; other letters are, too."""
    headers = [("X-GCS-Idempotence-Key", key)]
    first = world.post("payments", card_body(10_000), headers=headers)
    assert first.status == 201, first.text
    before = world.everything()
    again = world.post("payments", card_body(77), headers=headers)
    assert (again.status, again.body) == (first.status, first.body)
    assert int(again.headers["X-GCS-Idempotence-Request-Timestamp"]) > 0
    assert world.everything() == before


def test_a_refused_request_keeps_no_answer_under_its_key(world: World) -> None:
    headers = [("X-GCS-Idempotence-Key", "k1")]
    assert world.post("payments", card_body(-1), headers=headers).status == 400
    assert world.post("payments", card_body(1000), headers=headers).status == 201


def test_an_expired_card_is_a_decline_and_not_a_bad_request(world: World) -> None:
    declined = world.post("payments", card_body(expiryDate="0120"))
    assert declined.status == 402
    assert declined.json()["errors"][0]["id"] == "INVALID_CARD"
    assert declined.json()["paymentResult"]["payment"]["status"] == "REJECTED"


def test_the_journal_can_be_read_whatever_was_sent(world: World) -> None:
    """Bytes that are no text, in a target, a header and a body."""
    headers = [
        ("Host", "localhost"),
        ("X-GCS-\u00e9", "\udcff"),
        ("Authorization", f"GCS v1HMAC:{world.given['api_key_id']}:\udcff"),
    ]
    request = message("POST", "/v2/\udcff/payments?a=\udcfe", [*headers, ("Content-Length", "2")], b"\xff\xfe")
    answer = exchange(world.live.port, request)
    assert answer.status in (400, 403)
    assert world.controlled.journal()
    assert ControlledSandbox(world.live.url, {"id": "default", "credentials": {}}).journal()


def sealed_card(session: str, **values: str) -> str:
    """Card data as the client SDK encrypts it: RSA-OAEP around the keys of A256CBC-HS512."""
    from base64 import b64decode, urlsafe_b64encode
    from hmac import digest

    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.padding import PKCS7
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    from mockpsp.providers.worldline.encryption import key_pair

    def encoded(part: bytes) -> str:
        return urlsafe_b64encode(part).decode().rstrip("=")

    pair, key, iv = key_pair(), bytes(range(64)), bytes(16)
    head = encoded(dumps({"alg": "RSA-OAEP", "enc": "A256CBC-HS512", "kid": pair.id}).encode())
    public = load_der_public_key(b64decode(pair.public))
    wrapped = public.encrypt(key, OAEP(MGF1(SHA1()), SHA1(), None))  # type: ignore[union-attr,call-arg]
    typed = [{"key": name, "value": value} for name, value in values.items()]
    text = dumps({"clientSessionId": session, "paymentProductId": 1, "paymentValues": typed}).encode()
    pad = PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(key[32:]), modes.CBC(iv)).encryptor()
    body = cipher.update(pad.update(text) + pad.finalize()) + cipher.finalize()
    tag = digest(key[:32], head.encode() + iv + body + (8 * len(head)).to_bytes(8, "big"), "sha512")[:32]
    return ".".join((head, encoded(wrapped), encoded(iv), encoded(body), encoded(tag)))


@pytest.mark.parametrize("expiry", ["", "1", "13", "1330", "99/9999", "letters", "0130"])
@pytest.mark.parametrize("number", ["4012000033330026", "", "123", "letters"])
def test_encrypted_card_data_is_checked_like_a_card_in_clear(number: str, expiry: str, world: World) -> None:
    body = put(card_body(), "cardPaymentMethodSpecificInput", GONE)
    session = world.post("sessions", {}).json()["clientSessionId"]
    card = sealed_card(session, cardNumber=number, expiryDate=expiry, cvv="123")
    before = world.everything()
    answer = world.post("payments", {**body, "encryptedCustomerInput": card})
    if (number, expiry) == ("4012000033330026", "0130"):
        assert answer.status == 201, answer.text
        return
    assert answer.status == 400, answer.text
    assert answer.json()["errors"][0]["id"] == VALID
    assert world.everything() == before


def test_unknown_properties_are_refused_where_a_scenario_says_so(
    live: Threaded, new_sandbox: Callable[..., ControlledSandbox]
) -> None:
    """By default they are ignored: ``fraudFields`` and what the documentation misspells."""
    strict = {"mockpsp": 1, "title": "t", "settings": {"worldline": {"unknown_properties": "refused"}}}
    body = checkout_body()
    misspelt = put(body, "redirectPaymentMethodSpecificInput.paymentProduct5412SpecificInput.adjustablAmount", True)
    lenient, refusing = Unruly(live, new_sandbox()), Unruly(live, new_sandbox(scenario=strict))
    assert lenient.post("hostedcheckouts", misspelt).status == 200
    answer = refusing.post("hostedcheckouts", misspelt)
    assert answer.status == 400
    assert answer.json()["errors"][0]["propertyName"].endswith("SpecificInput.adjustablAmount")
    assert refusing.post("hostedcheckouts", {**body, "fraudFields": {"anything": 1}}).status == 200


ODD = [
    {"order": 5},
    {"order": {"amountOfMoney": "much", "references": []}},
    {"amountOfMoney": {}},
    {"amountOfMoney": {"amount": "1", "currencyCode": 7}},
    {"amountOfMoney": {"amount": True, "currencyCode": "EUR"}},
    {"order": {"references": {"merchantReference": 7}}},
    {"amount": 100.0},
]


@pytest.mark.parametrize("body", ODD, ids=str)
def test_faults_that_look_at_odd_bodies_do_no_harm(
    body: Any, live: Threaded, new_sandbox: Callable[..., ControlledSandbox]
) -> None:
    """A capture's contract does not name ``order`` and ``amountOfMoney``, so they may be anything, and are ignored."""
    line = {"operation": "worldline.capture", "when": {"amount": "1.00 EUR"}, "then": {"status": 503}}
    b = Unruly(live, new_sandbox(scenario={"mockpsp": 1, "title": "t", "faults": [line]}))
    answer = b.post(f"payments/{b.authorised()}/capture", body)
    assert answer.status == (503 if "amount" in body else 201), answer.text


# -- pages -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PageRow:
    """Something that a shopper, or somebody else, sends to a page. ``says`` must be on the page that comes back."""

    name: str
    make: Make
    status: int
    says: str = ""
    before: Callable[[Unruly], Any] = Unruly.page


def posted(form: str) -> Make:
    """A form posted to the page that is there."""
    return lambda b, page: b.form(page, form)


def tampered(page: str) -> str:
    """The same link with one character of its secret changed."""
    head, _, token = page.rpartition("/")
    return f"{head}/{token[:10]}{'0' if token[10] != '0' else '1'}{token[11:]}"


def of_neighbour(page: str, b: Unruly) -> str:
    """The link with this sandbox's key in place of the one it was made for."""
    head, _, token = page.rpartition("/")
    return f"{head}/{b.sandbox.key}{token[8:]}"


def _selection(b: Unruly) -> str:
    body = put(checkout_body(), PRODUCT, GONE)
    made = b.post("hostedcheckouts", body).json()
    return "/" + str(made["redirectUrl"]).split("/", 3)[3]


def page_rows() -> Iterator[PageRow]:
    nowhere = "/hostedcheckout/PaymentMethods/Selection/" + "0" * 32
    yield PageRow("a link that nobody made", lambda b, _: b.plain("GET", nowhere), 404, "link")
    yield PageRow("a form for a link that nobody made", lambda b, _: b.form(nowhere, "step=cancel"), 404, "link")
    yield PageRow("a link with a changed secret", lambda b, page: b.plain("GET", tampered(page)), 404, "link")
    yield PageRow("a form for a link with a changed secret", lambda b, page: b.form(tampered(page), "step=cancel"), 404)
    yield PageRow(
        "another sandbox's link with our key",
        lambda b, page: b.plain("GET", of_neighbour(page, b)),
        404,
        before=lambda b: b.neighbour().page(),
    )  # type: ignore[attr-defined]
    yield PageRow("an unknown step", posted("step=steal"), 422)
    yield PageRow("no step", posted("a=b"), 422)
    yield PageRow("an empty form", posted(""), 422)
    yield PageRow("60 fields", posted("&".join(f"f{i}=1" for i in range(60))), 422)
    yield PageRow("JSON in place of a form", posted('{"step": "cancel"}'), 422)
    yield PageRow(
        "bytes that are no text", lambda b, page: b.plain("POST", page, body=b"step=confirm&beneficiary=\xff%ff"), 422
    )
    yield PageRow("no beneficiary", posted("step=confirm"), 422)
    yield PageRow("a beneficiary of blanks", posted("step=confirm&beneficiary=++"), 422)
    yield PageRow("an unknown beneficiary", posted("step=confirm&beneficiary=66666666666"), 422)
    yield PageRow(
        "a beneficiary that is a script",
        posted("step=confirm&beneficiary=<script>alert(1)</script>"),
        422,
        "&lt;script&gt;",
    )
    yield PageRow("a beneficiary with a NUL", posted("step=confirm&beneficiary=%00"), 422)
    yield PageRow("a beneficiary of 100 kB", posted("step=confirm&beneficiary=" + "9" * 100_000), 422)
    yield PageRow(
        "a card where vouchers are asked for", posted("step=card&card_number=4012000033330026&expiry=1230&cvv=1"), 422
    )
    yield PageRow("vouchers before the beneficiary", posted("step=voucher&voucher_amount=1"), 422)
    for value in ("5413", "x", "-1", "9" * 5000, "%D9%A1", ""):
        yield PageRow(f"the product {value[:8]!r}", posted(f"step=choose&product={value}"), 422, before=_selection)
    card = "step=card&card_number={}&expiry={}&cvv={}"
    for name, form in (
        ("a card number of letters", card.format("abcd", "1230", "123")),
        ("a card number with a wrong check digit", card.format("4012000033330027", "1230", "123")),
        ("a card number of 100 kB", card.format("4" * 100_000, "1230", "123")),
        ("an expiry date of nothing", card.format("4012000033330026", "", "123")),
        ("an expiry date in month 13", card.format("4012000033330026", "13/30", "123")),
        ("an empty security code", card.format("4012000033330026", "1230", "")),
        ("a security code of Arabic digits", card.format("4012000033330026", "1230", "%D9%A1%D9%A2%D9%A3")),
    ):
        yield PageRow(name, posted(form), 422, before=lambda b: _selection(b) + "?method=1")
    for name, amount in (
        ("of letters", "much"),
        ("that is negative", "-5"),
        ("that is empty", ""),
        ("of zero", "0"),
        ("of 0,00", "0,00"),
        ("with three decimals", "1,234"),
        ("that is huge", "9" * 30),
        ("of 5000 digits", "9" * 5000),
        ("in Arabic digits", "%D9%A1%D9%A2"),
        ("above the order", "1400,01"),
        ("with an exponent", "1e3"),
        ("that is a formula", "1%2B1"),
        ("with two commas", "1,2,3"),
    ):
        yield PageRow(f"an amount {name}", posted(f"step=voucher&voucher_amount={amount}"), 422, before=Unruly.phone)
    yield PageRow(
        "an amount above the balance",
        posted("step=voucher&voucher_amount=300,01"),
        422,
        "300",
        before=lambda b: b.phone("77777777777"),
    )
    yield PageRow(
        "a beneficiary after the order was closed",
        posted("step=confirm&beneficiary=11111111111"),
        422,
        before=Unruly.closed_page,
    )
    yield PageRow("cancelling twice", posted("step=cancel"), 422, before=Unruly.closed_page)


PAGE_ROWS = list(page_rows())


@pytest.mark.parametrize("row", PAGE_ROWS, ids=lambda row: row.name)
def test_a_bad_form_is_shown_again_and_changes_nothing(
    row: PageRow, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    given = row.before(world)
    before = world.everything()
    entries = world.live.call(lambda: world.sandbox.world.journal.count)

    answer = row.make(world, given)

    # Where the merchant wants no result page, a closed order leads back to the shop whatever is posted.
    assert answer.status in (row.status, 303 if row.before is Unruly.closed_page else row.status), answer.text
    if answer.status != 303:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<script>alert" not in answer.text
    assert row.says in answer.text
    assert "internal fault" not in explained(world, answer, entries)
    assert world.everything() == before
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def test_a_form_of_3_mb_is_refused(world: World) -> None:
    page = world.page()
    before = world.everything()
    assert world.form(page, "step=confirm&beneficiary=" + "9" * 3_000_000).status == 413
    assert world.everything() == before


@pytest.mark.parametrize("where", ["state", "pending", "progress"])
def test_polling_with_wrong_data_tells_nothing(where: str, world: World) -> None:
    token = world.page().rpartition("/")[2]
    answer = world.plain("GET", f"/cvconnect/{tampered(f'/{token}')[1:]}/{where}")
    if where == "progress":
        assert answer.json() == {"status": "closed"}
    else:
        assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("host", ["x" * 4000, "", "a b", "[", '"><script>alert(1)</script>'])
def test_an_absurd_host_is_refused(host: str, world: World) -> None:
    portal = world.phone()[: -len("/app")]
    request = message("GET", portal, [("Host", host), ("Connection", "close")])
    answer = exchange(world.live.port, request)
    assert answer.status == 421
    assert "<script>alert" not in answer.text


def test_the_longest_host_spoils_no_page(world: World) -> None:
    """The portal draws a QR code of its own address."""
    portal = world.phone()[: -len("/app")]
    host = ".".join([*(["x" * 60] * 4), "localhost:65535"])[-259:]
    assert exchange(world.live.port, message("GET", portal, [("Host", host), ("Connection", "close")])).status == 200


@pytest.mark.parametrize("locale", ["", "\0", "../../etc/passwd", "x" * 5000, "zz_ZZ", "日本", "<b>"])
def test_an_absurd_locale_is_only_another_language(locale: str, world: World) -> None:
    page = world.page(hostedCheckoutSpecificInput={"locale": locale, "variant": "../../x"})
    assert world.plain("GET", page, [("Accept-Language", locale.replace("\0", "%"))]).status == 200


# -- any JSON at any place ---------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**15, max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["EUR", "https://x/", "http://[", "5412", "4012000033330026", "\ud800", "\x00", "9" * 400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of a body, the body itself included."""
    if isinstance(value, dict):
        for name, inner in value.items():
            below = f"{path}.{name}" if path else name
            yield below
            yield from places(inner, below)


FULL_CHECKOUT = put(
    put(checkout_body(), FILTERS, {"restrictTo": {"products": [5412, 1]}, "exclude": {"groups": ["x"]}}),
    "hostedCheckoutSpecificInput.splitPaymentProductFilters",
    {"restrictTo": {"products": [1]}},
)
FULL_CHECKOUT["feedbacks"] = {"webhooksUrls": ["http://localhost:9/x"], "webhookUrl": "http://localhost:9/y"}
FULL_PAYMENT = {**voucher_body(), **card_body()}
FULL_PAYMENT["order"]["customer"] = {"billingAddress": {"countryCode": "FR"}, "contactDetails": {"emailAddress": "a@b"}}
FULL_PAYMENT["cardPaymentMethodSpecificInput"]["autoCapture"] = {"delayInMinutes": 5}
OPERATION = {"operationReferences": {"merchantReference": "r"}, "isFinal": False}

CALLS: dict[str, Any] = {
    "hostedcheckouts": FULL_CHECKOUT,
    "payments": FULL_PAYMENT,
    "payments of vouchers": voucher_body(),
    "capture": {"amount": 10, **OPERATION},
    "refund": {**euros(10), **OPERATION},
}


@pytest.fixture(scope="module")
def busy(live: Threaded) -> Iterator[Unruly]:
    """One sandbox for many examples."""
    controlled = ControlledSandbox.create(live.url, clock="2026-07-01T09:00:00Z")
    yield Unruly(live, controlled)
    controlled.delete()


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_json_value_at_any_place_is_a_server_error(call: str, busy: Unruly, data: st.DataObject) -> None:
    body = CALLS[call]
    path = data.draw(st.sampled_from(sorted(places(body))), label="path")
    value = data.draw(JSON, label="value")
    where = "payments" if call.startswith("payments") else call
    if call in ("capture", "refund"):
        where = f"payments/{busy.authorised() if call == 'capture' else busy.captured()}/{call}"
    changed = dumps(put(body, path, value), ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")

    answer = busy.post(where, raw=changed)

    assert answer.status in (200, 201, 400, 402, 404), answer.text
    if answer.status == 200:
        page = busy.plain("GET", "/" + answer.json()["redirectUrl"].split("/", 3)[3])
        assert page.status == 200, page.text
    busy.settle()
