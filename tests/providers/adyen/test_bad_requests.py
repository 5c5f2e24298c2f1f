"""Malformed, unauthorised, out-of-state and absurd requests: each gets Adyen's own words and changes nothing.

Each row says in plain words what is wrong, how to make it, and the HTTP status, errorCode, message and errorType that
must come back. A refused payment and a failed balance check are no errors: they are 200, and not in these tables.
"""

from __future__ import annotations

import gzip
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockpsp.edge.contract import Contract, read_openapi
from mockpsp.providers.adyen import PROVIDER, tokens
from mockpsp.providers.adyen.errors import ORDER_ERRORS
from mockpsp.providers.adyen.routes import BASES
from mockpsp.world.sandboxes import Sandbox
from tests.support.control import ControlledSandbox
from tests.support.plainhttp import Answer, exchange, message
from tests.support.server import Threaded
from tests.support.state import state_of

CONTRACT = Contract(read_openapi("adyen"))
ERROR = CONTRACT.validator({"$ref": "#/components/schemas/ServiceError"})
SCENARIO = Path(__file__).parents[3] / "scenarios" / "default.yaml"
NOW = "2026-07-01T09:00:00Z"
RETURN = "https://shop.example/checkout?ref=RESTO-1"
FOREIGN = "adyenjs_0_1_25$c29tZWJvZHkgZWxzZQ=="

GONE = object()
"""Put in place of a value: takes the property away."""

NOT_JSON = "Unexpected input: the body is not valid JSON"
NO_AMOUNT = "Required object 'amount' is not provided."
BAD_MERCHANT = "Invalid Merchant Account"
BAD_AMOUNT = "Invalid amount specified"
BAD_CURRENCY = "Unsupported currency specified"
NO_ORIGINAL = "Original pspReference required for this operation"
UNAUTHORISED = "HTTP Status Response - Unauthorized"


def lacks(name: str) -> str:
    """Adyen's message about a field that is missing."""
    return f"Required field '{name}' is not provided."


def wrong(name: str) -> str:
    """Adyen's message about a value that is none."""
    return f"Field '{name}' is not valid."


def mistyped(name: str) -> str:
    """How the message about another kind of JSON value begins; a message that ends like this is a beginning."""
    return f"Unexpected input: {name}: "


# -- the client --------------------------------------------------------------------------------------------------------


class Unruly:
    """One sandbox of the running server, seen by a merchant who sends what he should not, as bytes of his own.

    ``{m}`` in a target or a body is the merchant account. What is set up before goes through the same door.
    """

    def __init__(self, live: Threaded, controlled: ControlledSandbox) -> None:
        self.live = live
        self.controlled = controlled
        self.given = controlled.credentials["adyen"]
        self.sandbox: Sandbox = live.call(lambda: live.server.sandboxes.get(controlled.id))

    # -- requests ----------------------------------------------------------------------------------------------------

    def plain(
        self, method: str, target: str, headers: tuple[tuple[str, str], ...] = (), body: bytes | None = None
    ) -> Answer:
        """One request without anything that nobody asked for."""
        sent = [("Host", f"localhost:{self.live.port}"), *headers, ("Connection", "close")]
        if body is not None:
            sent.append(("Content-Length", str(len(body))))
        return exchange(self.live.port, message(method, target, sent, body or b""), method)

    def send(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        key: str | None = "",
    ) -> Answer:
        """One request. ``raw`` is sent as it is; ``key`` is the API key, None for none, empty for the right one."""
        merchant = self.given["merchant_account"]
        payload = raw if raw is not None else None if body is None else dumps(body).encode()
        if payload is not None:
            payload = payload.replace(b"{m}", merchant.encode())
            headers = (("Content-Type", "application/json"), *headers)
        if key is not None:
            headers = (("X-API-Key", key or self.given["api_key"]), *headers)
        return self.plain(method, target.replace("{m}", merchant), headers, payload)

    def post(self, where: str, body: Any = None, **how: Any) -> Answer:
        """POST to the newest version."""
        return self.send("POST", f"/v72/{where}", body, **how)

    def form(self, target: str, body: str) -> Answer:
        """A form of a page."""
        return self.plain("POST", target, (("Content-Type", "application/x-www-form-urlencoded"),), body.encode())

    # -- what is there before ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that is due."""
        self.controlled.settle()

    def made(self, where: str, body: Any, status: int = 200) -> Any:
        """A request that is right."""
        answer = self.post(where, body)
        assert answer.status == status, answer.text
        self.settle()
        return answer.json()

    def paid(self, **changes: Any) -> str:
        """The pspReference of a card payment over 43.50 EUR that was captured."""
        told = self.made("payments", {**card_body(), **changes})
        assert told["resultCode"] == "Authorised", told
        return str(told["pspReference"])

    def authorised(self) -> str:
        """The same, waiting for its capture."""
        return self.paid(additionalData={"manualCapture": "true"})

    def voucher_paid(self) -> str:
        """A meal voucher payment over 18.90 EUR."""
        return self.paid(amount=euros(1890), paymentMethod=VOUCHER)

    def refused(self) -> str:
        """A card payment that its issuer refused."""
        told = self.made("payments", put(card_body(), "paymentMethod.holderName", "DECLINED"))
        assert told["resultCode"] == "Refused", told
        return str(told["pspReference"])

    def order(self, **changes: Any) -> dict[str, str]:
        """An open order over 43.50 EUR, as requests name it."""
        told = self.made("orders", {**ORDER, **changes})
        return {"pspReference": told["pspReference"], "orderData": told["orderData"]}

    def part_paid(self) -> dict[str, str]:
        """An order of which 18.50 EUR remain."""
        order = self.order()
        self.paid(order=order, amount=euros(2500), paymentMethod=PLENTY)
        return order

    def paid_order(self) -> dict[str, str]:
        """An order of which nothing remains."""
        order = self.order()
        self.paid(order=order)
        return order

    def cancelled_order(self) -> dict[str, str]:
        """An order that its merchant cancelled."""
        order = self.order()
        self.made("orders/cancel", {"merchantAccount": "{m}", "order": order})
        return order

    def expired_order(self) -> dict[str, str]:
        """An order whose day is over."""
        order = self.order()
        self.controlled.advance("P2D")
        return order

    def at_bank(self, **changes: Any) -> Any:
        """The answer of a card payment whose shopper is sent to the bank."""
        told = self.made("payments", {**put(card_body(), "paymentMethod.number", "4917610000000000"), **changes})
        assert told["action"]["type"], told
        return told

    def bank(self) -> str:
        """The path of that bank's page."""
        return path_of(self.at_bank()["action"]["url"])

    def bank_left(self) -> str:
        """The same, after the shopper has left it."""
        page = self.bank()
        assert self.form(page, "step=cancel").status == 303
        self.settle()
        return page

    def redirect_result(self) -> str:
        """What a shopper brings back who has authenticated."""
        page = self.bank()
        answer = self.form(page, "step=submit&user=user&password=password")
        assert answer.status == 303, answer.text
        self.settle()
        return str(answer.headers["Location"].partition("redirectResult=")[2])

    def used_result(self) -> str:
        """A redirectResult that was handed in already."""
        from urllib.parse import unquote

        text = unquote(self.redirect_result())
        self.made("payments/details", {"details": {"redirectResult": text}})
        return text

    def native(self) -> str:
        """The paymentData of a payment that waits for its fingerprint."""
        native = {"channel": "iOS", "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "preferred"}}}
        return str(self.at_bank(**native)["action"]["paymentData"])

    def session(self, **changes: Any) -> Any:
        """An open session."""
        return self.made("sessions", {**SESSION, **changes}, 201)

    def link(self, **changes: Any) -> Any:
        """An active payment link."""
        return self.made("paymentLinks", {**LINK, **changes}, 201)

    def ended_link(self) -> str:
        """The id of a link that its merchant ended."""
        id = str(self.link()["id"])
        assert self.send("PATCH", f"/v72/paymentLinks/{id}", {"status": "expired"}).status == 200
        self.settle()
        return id

    def page(self, **changes: Any) -> str:
        """The path of a payment link's page."""
        return path_of(self.link(**changes)["url"])

    def session_page(self) -> str:
        """The path of a hosted session's page."""
        return path_of(self.session(mode="hosted")["url"])

    def left_page(self) -> str:
        """The page of a session that its shopper gave up."""
        page = self.session_page()
        assert self.form(page, "step=cancel").status == 303
        self.settle()
        return page

    def stored(self) -> str:
        """The token of a card that the shopper ada has stored."""
        told = self.made("payments", {**card_body(), "shopperReference": "ada", "storePaymentMethod": True})
        return str(told["additionalData"]["recurring.recurringDetailReference"])

    def under_way(self) -> str:
        """An idempotency key whose first request has not been answered."""
        self.live.call(lambda: self.sandbox.world.in_progress.add("adyen one"))
        return "one"


def path_of(url: str) -> str:
    """Path and query of an address of ours."""
    return "/" + url.split("/", 3)[3]


def euros(value: Any, currency: Any = "EUR") -> dict[str, Any]:
    """An Amount."""
    return {"currency": currency, "value": value}


def card(**changes: Any) -> dict[str, Any]:
    """A card as paymentMethod."""
    usual = {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}
    return {**usual, "holderName": "C. Martin", **changes}


def card_body() -> dict[str, Any]:
    """A payment by card."""
    return {
        "merchantAccount": "{m}",
        "reference": "RESTO-1",
        "amount": euros(4350),
        "returnUrl": RETURN,
        "paymentMethod": card(),
    }


def voucher(number: str) -> dict[str, str]:
    """A meal voucher as paymentMethod."""
    expiry = {"expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}
    return {"type": "mealVoucher_FR", "brand": "mealVoucher_FR_sodexo", "number": number, **expiry}


VOUCHER, PLENTY = voucher("5075990000006120"), voucher("5075990000009999")
GIVEX = {"type": "giftcard", "brand": "givex", "number": "6036280000000000000", "cvc": "100"}
ANCV = {"type": "ancv", "beneficiaryId": "11111111111"}
ORDER = {"merchantAccount": "{m}", "reference": "RESTO-1", "amount": euros(4350)}
SESSION = {**ORDER, "returnUrl": RETURN, "countryCode": "FR", "shopperLocale": "fr-FR"}
LINK = {**ORDER, "returnUrl": RETURN, "countryCode": "FR", "shopperLocale": "fr-FR"}
BALANCE = {"merchantAccount": "{m}", "reference": "B-1", "amount": euros(4350), "paymentMethod": VOUCHER}
ME = {"merchantAccount": "{m}"}


def put(body: Any, path: str, value: Any) -> Any:
    """The body with another value at a dotted path."""
    changed = deepcopy(body)
    *parents, last = path.split(".")
    inner = changed
    for part in parents:
        inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
    if isinstance(inner, list):
        inner[int(last)] = None if value is GONE else value
    elif value is GONE:
        inner.pop(last, None)
    else:
        inner[last] = value
    return changed


# -- the twenty operations ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """A right request. ``before`` sets the scene, and what it returns stands in the path and is known to ``body``."""

    method: str
    path: str
    body: Callable[[Any], Any] = lambda _: None
    before: Callable[[Unruly], Any] = lambda _: ""

    @property
    def names_merchant(self) -> bool:
        """Whether its body has a merchant account."""
        return isinstance(self.body({}), dict) and "merchantAccount" in self.body({})

    def send(self, b: Unruly, scene: Any, body: Any = GONE, version: str = "/v72", **how: Any) -> Answer:
        """The request, as it is right or with another body."""
        path = f"{version}{self.path.replace('{it}', quote(scene) if isinstance(scene, str) else '')}"
        return b.send(self.method, path, self.body(scene) if body is GONE else body, **how)


def _modification(what: str, body: dict[str, Any]) -> Operation:
    return Operation("POST", f"/payments/{{it}}/{what}", lambda _: body, Unruly.authorised)


OPERATIONS: Mapping[str, Operation] = {
    "payment_methods": Operation("POST", "/paymentMethods", lambda _: {**ME, "amount": euros(4350)}),
    "balance": Operation("POST", "/paymentMethods/balance", lambda _: BALANCE),
    "create_order": Operation("POST", "/orders", lambda _: ORDER),
    "cancel_order": Operation("POST", "/orders/cancel", lambda order: {**ME, "order": order}, Unruly.order),
    "payments": Operation("POST", "/payments", lambda _: card_body()),
    "payments_details": Operation(
        "POST", "/payments/details", lambda text: {"details": {"redirectResult": text}}, Unruly.redirect_result
    ),
    "capture": _modification("captures", {**ME, "amount": euros(4350)}),
    "refund": _modification("refunds", {**ME, "amount": euros(4350)}),
    "cancel": _modification("cancels", ME),
    "reversal": _modification("reversals", ME),
    "amount_update": _modification("amountUpdates", {**ME, "amount": euros(5000)}),
    "cancel_by_reference": Operation("POST", "/cancels", lambda _: {**ME, "paymentReference": "RESTO-1"}),
    "create_session": Operation("POST", "/sessions", lambda _: SESSION),
    "get_session": Operation("GET", "/sessions/{it}?sessionResult=x", before=lambda b: b.session()["id"]),
    "create_payment_link": Operation("POST", "/paymentLinks", lambda _: LINK),
    "get_payment_link": Operation("GET", "/paymentLinks/{it}", before=lambda b: b.link()["id"]),
    "update_payment_link": Operation(
        "PATCH", "/paymentLinks/{it}", lambda _: {"status": "expired"}, lambda b: b.link()["id"]
    ),
    "card_details": Operation("POST", "/cardDetails", lambda _: {**ME, "cardNumber": "411111"}),
    "get_stored_payment_methods": Operation("GET", "/storedPaymentMethods?merchantAccount={m}&shopperReference=ada"),
    "delete_stored_payment_method": Operation(
        "DELETE", "/storedPaymentMethods/{it}?merchantAccount={m}&shopperReference=ada", before=Unruly.stored
    ),
}

Make = Callable[[Unruly, Any], Answer]


@dataclass(frozen=True)
class Row:
    """One bad request. ``before`` sets the scene, and what it returns is handed to ``make``."""

    name: str
    make: Make
    status: int
    code: str
    says: str
    kind: str = "validation"
    inferred: str | None = None
    before: Callable[[Unruly], Any] = lambda _: ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def asked(name: str, path: str, value: Any, version: str = "/v72") -> Make:
    """An operation's right request with another value somewhere; an empty path replaces the whole body."""
    operation = OPERATIONS[name]
    return lambda b, scene: operation.send(
        b, scene, put(operation.body(scene), path, value) if path else value, version
    )


def one(name: str, operation: str, path: str, value: Any, code: str, says: str, status: int = 422, **more: Any) -> Row:
    """A row about one value of one operation."""
    more.setdefault("before", OPERATIONS[operation].before)
    return Row(f"{operation}: {name}", asked(operation, path, value), status, code, says, **more)


def raw(body: bytes, *headers: tuple[str, str]) -> Make:
    """POST /payments with these bytes."""
    return lambda b, _: b.post("payments", raw=body, headers=headers)


# -- rows --------------------------------------------------------------------------------------------------------------


def bodies() -> Iterator[Row]:
    """Bodies that are no JSON object at all."""
    good = dumps(card_body())
    for name, body in (
        ("an empty body", b""),
        ("a body of white space", b" \r\n "),
        ("a body that is not JSON", b"merchantAccount={m}"),
        ("a body that is an array", b"[]"),
        ("a body that is a string", b'"payment"'),
        ("a body that is null", b"null"),
        ("a body that is a number", b"7"),
        ("a body with NaN", good.replace("4350", "NaN").encode()),
        ("a body with Infinity", good.replace("4350", "Infinity").encode()),
        ("a truncated body", good[:-10].encode()),
        ("a body with something behind it", f"{good}{{}}".encode()),
        ("a body with a comment", f"/* hello */{good}".encode()),
        ("a body in single quotes", good.replace('"', "'").encode()),
        ("200 kB of nesting", b"[" * 200_000),
        ("nested objects that never end", b'{"a":' * 40_000),
        ("2000 levels, closed again", b"[" * 2000 + b"]" * 2000),
        ("an ignored property nested 500 deep", good[:-1].encode() + b',"x":' + b"[" * 500 + b"]" * 500 + b"}"),
        ("a byte order mark", b"\xef\xbb\xbf" + good.encode()),
        ("bad UTF-8", good.replace("RESTO-1", "\udcff").encode("utf-8", "surrogateescape")),
        ("Latin-1", good.replace("C. Martin", "\xc9mile").encode("latin-1")),
        ("UTF-16", good.encode("utf-16")),
        ("a lone surrogate in a text", good.replace("RESTO-1", "\\ud800").encode()),
        ("a lone surrogate in a name", good.replace("reference", "\\udfff").encode()),
        ("a number of 5000 digits", good.replace("4350", "9" * 5000).encode()),
        ("an amount of 1e400", good.replace("4350", "1e400").encode()),
        ("a number of 1e400 that nobody reads", good[:-1].encode() + b',"x":1e400}'),
        ("a form", b"merchantAccount=x&reference=1"),
    ):
        yield Row(name, raw(body), 400, "702", NOT_JSON)
    packed = ("Content-Encoding", "gzip")
    yield Row("no body where one is needed", lambda b, _: b.post("payments"), 400, "702", NOT_JSON)
    yield Row("broken gzip", raw(b"\x1f\x8b\x08 this is none", packed), 400, "702", NOT_JSON)
    yield Row("plain JSON that claims to be gzip", raw(good.encode(), packed), 400, "702", NOT_JSON)
    yield Row("gzip that was cut off", raw(gzip.compress(good.encode())[:-12], packed), 400, "702", NOT_JSON)
    large = b'{"a":"' + b"x" * 2_200_000 + b'"}'
    yield Row("a body above the limit of 2 MB", raw(large), 413, "702", "The request is too large")
    for name, operation in OPERATIONS.items():
        if operation.method in ("GET", "DELETE"):
            continue
        for what, body in (("not JSON", b"{"), ("a list", b"[{}]"), ("nothing", b"")):
            yield Row(
                f"{name}: a body that is {what}",
                lambda b, scene, o=operation, body=body: o.send(b, scene, None, raw=body),
                400,
                "702",
                NOT_JSON,
                before=operation.before,
            )


def doors() -> Iterator[Row]:
    """Credentials, roles and merchant accounts, for each operation."""
    for name, operation in OPERATIONS.items():
        closed = Row(name, operation.send, 401, "000", UNAUTHORISED, "security", before=operation.before)
        for what, key in (("no key", None), ("a wrong key", "AQE-wrong")):
            yield replace(
                closed,
                name=f"{name}: {what}",
                make=lambda b, scene, o=operation, key=key: o.send(b, scene, key=key),
            )
        yield replace(
            closed,
            name=f"{name}: a credential without its role",
            status=403,
            code="010",
            says="Not allowed",
            settings={"forbidden": [name]},
        )
        if not operation.names_merchant:
            continue
        for what, value in (("missing", GONE), ("null", None), ("empty", ""), ("a number", 7), ("a list", ["{m}"])):
            yield one(f"a merchantAccount that is {what}", name, "merchantAccount", value, "901", BAD_MERCHANT)
        stranger: Any = {"status": 403, "kind": "security"}
        yield one("an unknown merchantAccount", name, "merchantAccount", "Else", "901", BAD_MERCHANT, **stranger)
        yield one(
            "an unknown merchantAccount and nothing else",
            name,
            "",
            {"merchantAccount": "Else"},
            "901",
            BAD_MERCHANT,
            **stranger,
        )
    for name in ("payments", "create_order"):
        yield one(
            "no merchantAccount, as it was before July 2026",
            name,
            "merchantAccount",
            GONE,
            "901",
            BAD_MERCHANT,
            403,
            kind="security",
            settings={"missing_merchant_status": 403},
        )


def basic(user: str, password: str) -> tuple[str, str]:
    """The header of Basic authentication."""
    return "Authorization", "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def keys() -> Iterator[Row]:
    """Credentials of all kinds that do not open the door."""

    def shut(name: str, *headers: tuple[str, str], before: Callable[[Unruly], Any] = lambda _: "") -> Row:
        def make(b: Unruly, _: Any) -> Answer:
            named = [
                (key, value.replace("{user}", f"ws@Company.{b.given['merchant_account']}")) for key, value in headers
            ]
            return b.post("orders", ORDER, key=None, headers=tuple(named))

        return Row(name, make, 401, "000", UNAUTHORISED, "security", before=before)

    for name, key in (
        ("an empty key", " "),
        ("a key of 4 kB", "x" * 4000),
        ("a key that is no text", "\udcff\udcfe"),
        ("a key in other letters", "cl\xe9"),
    ):
        yield shut(name, ("X-API-Key", key))
    for name, value in (
        ("another scheme", "Bearer abc"),
        ("Basic without anything", "Basic"),
        ("Basic that is not base64", "Basic %%%"),
        ("Basic that is no text", "Basic " + b64encode(b"\xff\xfe:\xff").decode()),
        ("Basic without a colon", "Basic " + b64encode(b"user").decode()),
        ("Basic with bytes", "Basic \udcff"),
    ):
        yield shut(name, ("Authorization", value))
    yield shut("Basic of an unknown user", basic("ws@Company.Nobody", "AQE-x"))

    def wrong_password(b: Unruly, _: Any) -> Answer:
        login = basic(f"ws@Company.{b.given['merchant_account']}", "wrong")
        return b.post("orders", ORDER, key=None, headers=(login,))

    def wrong_key_right_login(b: Unruly, _: Any) -> Answer:
        login = basic(f"ws@Company.{b.given['merchant_account']}", b.given["api_key"])
        return b.post("orders", ORDER, key="AQE-wrong", headers=(login,))

    def client_key(b: Unruly, _: Any) -> Answer:
        return b.send("POST", f"/v72/orders?clientKey={b.given['client_key']}", ORDER, key=None)

    def client_key_as_key(b: Unruly, _: Any) -> Answer:
        return b.post("orders", ORDER, key=b.given["client_key"])

    for name, make in (
        ("Basic with a wrong password", wrong_password),
        ("a wrong key beside a right password", wrong_key_right_login),
        ("a client key where the API key is needed", client_key),
        ("a client key in place of the API key", client_key_as_key),
    ):
        yield Row(name, make, 401, "000", UNAUTHORISED, "security")


WITH_AMOUNT = (
    "create_order",
    "payments",
    "capture",
    "refund",
    "amount_update",
    "create_session",
    "create_payment_link",
)


def money() -> Iterator[Row]:
    """Amounts and currencies, wherever money is asked for."""
    for name in WITH_AMOUNT:
        code, says = ("702", "Required field 'amount' is null") if name == "create_session" else ("100", NO_AMOUNT)
        yield one("no amount", name, "amount", GONE, code, says)
        yield one("an amount that is null", name, "amount", None, code, says)
        for what, value in (("a number", 4350), ("a text", "43.50"), ("a list", [])):
            yield one(f"an amount that is {what}", name, "amount", value, "702", mistyped("amount"), 400)
        for what in ("value", "currency"):
            path = f"amount.{what}"
            yield one(f"no {path}", name, path, GONE, "702", lacks(path))
            yield one(f"{path} that is null", name, path, None, "702", lacks(path))
            yield one(f"{path} that is a list", name, path, [], "702", mistyped(path), 400)
        for what, value in (("text", "43.50"), ("word", "much"), ("boolean", True), ("fraction", 43.5)):
            yield one(f"a value that is a {what}", name, "amount.value", value, "702", mistyped("amount.value"), 400)
        for value in (0, -1, 10**12, 2**63 - 1, 10**30, -(10**30), 1e30):
            yield one(f"a value of {value}", name, "amount.value", value, "137", BAD_AMOUNT)
        for currency in ("eur", "EU", "", "EURO", "ZZZ", "EUR\n", "<script>"):
            yield one(f"the currency {currency!r}", name, "amount.currency", currency, "138", BAD_CURRENCY)
        yield one("a currency that is a number", name, "amount.currency", 978, "702", mistyped("amount.currency"), 400)
    yield one(
        "vouchers in USD",
        "payments",
        "",
        {**card_body(), "paymentMethod": VOUCHER, "amount": euros(1, "USD")},
        "138",
        BAD_CURRENCY,
    )
    for currency in ("eur", "", "ZZZ", "<b>"):
        yield one(f"the currency {currency!r}", "balance", "amount.currency", currency, "138", BAD_CURRENCY)
    for value in (-1, -(10**30)):
        yield one(f"a value of {value}", "balance", "amount.value", value, "137", BAD_AMOUNT)
    for name in ("capture", "refund", "amount_update"):
        yield one("another currency than the payment's", name, "amount.currency", "USD", "138", BAD_CURRENCY)


def missing() -> Iterator[Row]:
    """What has to be there."""
    for name, field_, code, says in (
        ("create_order", "reference", "158", lacks("reference")),
        ("payments", "reference", "130", lacks("reference")),
        ("create_session", "reference", "130", lacks("reference")),
        ("create_payment_link", "reference", "130", lacks("reference")),
        ("create_session", "returnUrl", "14_030", "Return URL is missing."),
        ("payments", "returnUrl", "14_030", "Return URL is missing."),
        ("cancel_by_reference", "paymentReference", "702", lacks("paymentReference")),
        ("payments", "paymentMethod", "14_004", "Missing payment method details"),
        ("balance", "paymentMethod", "14_004", "Missing payment method details"),
        ("payments_details", "details", "702", "Required object 'details' is not provided."),
        ("cancel_order", "order", "702", "Required object 'order' is not provided."),
        ("cancel_order", "order.pspReference", "702", lacks("order.pspReference")),
        ("cancel_order", "order.orderData", "702", lacks("order.orderData")),
    ):
        yield one(f"no {field_}", name, field_, GONE, code, says)
        yield one(f"{field_} that is null", name, field_, None, code, says)
        if field_ in ("reference", "returnUrl", "paymentReference"):
            yield one(f"{field_} that is empty", name, field_, "", code, says)
            yield one(f"{field_} that is a number", name, field_, 7, "702", mistyped(field_), 400)
        if field_ in ("paymentMethod", "details", "order"):
            yield one(f"{field_} that is a text", name, field_, "x", "702", mistyped(field_), 400)
            yield one(f"{field_} that is a list", name, field_, [], "702", mistyped(field_), 400)
    for name in ("payments", "payment_methods"):
        for part in ("pspReference", "orderData"):
            path = f"order.{part}"
            half = {each: "x" for each in ("pspReference", "orderData") if each != part}
            yield one(f"no {path}", name, "order", half, "702", lacks(path))
            yield one(f"{path} that is null", name, "order", {**half, part: None}, "702", lacks(path))
            yield one(f"{path} that is a number", name, "order", {**half, part: 7}, "702", mistyped(path), 400)
        yield one("an order that is a text", name, "order", "x", "702", mistyped("order"), 400)
    strict: Any = {"settings": {"balance_strict": True}}
    yield one("no amount where it is strict", "balance", "amount", GONE, "100", NO_AMOUNT, **strict)
    yield one("no reference where it is strict", "balance", "reference", GONE, "130", lacks("reference"), **strict)
    yield one("an empty reference where it is strict", "balance", "reference", "", "130", lacks("reference"), **strict)


def values() -> Iterator[Row]:
    """Types, lengths, enumerations and dates of everything else."""
    for path, value in (
        ("countryCode", 33),
        ("shopperLocale", 7),
        ("channel", 1),
        ("origin", []),
        ("metadata", "a"),
        ("metadata", []),
        ("metadata.a", 1.5),
        ("additionalData", "a"),
        ("additionalData.manualCapture", [True]),
        ("captureDelayHours", "soon"),
        ("captureDelayHours", 1.5),
        ("captureDelayHours", True),
        ("storePaymentMethod", "yes"),
        ("shopperReference", 1),
        ("billingAddress", "Paris"),
        ("billingAddress.postalCode", 75001),
        ("browserInfo", "Firefox"),
        ("authenticationData", "always"),
        ("authenticationData.threeDSRequestData", []),
        ("merchantOrderReference", 1),
        ("paymentMethod.number", 4111111111111111),
        ("paymentMethod.type", 1),
        ("paymentMethod.expiryMonth", 3),
        ("paymentMethod.cvc", 737),
        ("paymentMethod.holderName", {}),
        ("paymentMethod.brand", ["visa"]),
    ):
        told = "channel" if path == "channel" else ""
        status, says = (422, wrong(told)) if told else (400, mistyped(path))
        yield one(f"{path} that is {value!r}", "payments", path, value, "702", says, status)
    for path, value in (
        ("channel", "Fax"),
        ("shopperInteraction", "Telex"),
        ("recurringProcessingModel", "Always"),
        ("captureDelayHours", -1),
        ("captureDelayHours", 673),
        ("captureDelayHours", 10**15),
        ("shopperReference", "ab"),
        ("shopperReference", "x" * 257),
        ("authenticationData.attemptAuthentication", "maybe"),
        ("returnUrl", "https://shop.example/" + "x" * 8000),
        ("merchantOrderReference", "x" * 1001),
        ("paymentMethod.storedPaymentMethodId", "x" * 65),
        ("paymentMethod.encryptedCardNumber", "x" * 15_001),
    ):
        yield one(f"{path} that is {str(value)[:20]}", "payments", path, value, "702", wrong(path))


def countries_and_metadata() -> Iterator[Row]:
    """Countries, and the pairs of metadata."""
    for name in ("payments", "payment_methods", "create_session", "create_payment_link"):
        for country in ("FRA", "F", "33", "", "F ", "\xdf", "F\n"):
            yield one(f"the country {country!r}", name, "countryCode", country, "200", wrong("countryCode"))
    for name in ("payments", "create_session", "create_payment_link"):
        pairs = {f"k{number}": "v" for number in range(21)}
        yield one("21 pairs of metadata", name, "metadata", pairs, "177", "Metadata size exceeds limit")
        for what, pair in (("key", {"k" * 21: "v"}), ("value", {"k": "v" * 81})):
            yield one(f"a long {what} in metadata", name, "metadata", pair, "178", "Metadata key size exceeds limit")


def dates() -> Iterator[Row]:
    """Times that are none, or that no order, session or link may have."""
    for name in ("create_order", "create_session", "create_payment_link"):
        for text in (
            "tomorrow",
            "",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-07-01T08:59:59Z",
            "1782896400",
            "2026-07-01T09:00:00.000Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
        ):
            yield one(f"expiresAt {text!r}", name, "expiresAt", text, "702", wrong("expiresAt"))
        yield one("expiresAt that is a number", name, "expiresAt", 7, "702", mistyped("expiresAt"), 400)
    late = ("create_session", "2026-07-02T09:00:01Z"), ("create_payment_link", "2026-09-09T09:00:01Z")
    for name, text in late:
        yield one("expiresAt too far away", name, "expiresAt", text, "702", wrong("expiresAt"))


def choices() -> Iterator[Row]:
    """Enumerations, lists, and return addresses."""
    yield one("a mode that nobody knows", "create_session", "mode", "floating", "702", wrong("mode"))
    yield one("reusable as a text", "create_payment_link", "reusable", "yes", "702", mistyped("reusable"), 400)
    yield one("no status", "update_payment_link", "status", GONE, "702", lacks("status"))
    yield one("a status that is null", "update_payment_link", "status", None, "702", wrong("status"))
    yield one("another status", "update_payment_link", "status", "active", "702", wrong("status"))
    yield one(
        "a reason that nobody knows", "refund", "merchantRefundReason", "BORED", "702", wrong("merchantRefundReason")
    )
    for name in ("capture", "refund", "amount_update"):
        yield one("lineItems that are a text", name, "lineItems", "x", "702", mistyped("lineItems"), 400)
        yield one("a line item that is a number", name, "lineItems", [7], "702", mistyped("lineItems[0]"), 400)
    yield one(
        "methods that are a text",
        "payment_methods",
        "allowedPaymentMethods",
        "scheme",
        "702",
        mistyped("allowedPaymentMethods"),
        400,
    )
    for what in (
        "http://[",
        "https://shop.example/\x00",
        "https://shop;script-src/x",
        "javascript:alert(1)",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://a b/",
        "https://shop.example,x/",
        "data:text/html,x",
        "file:///etc/passwd",
        "blob:https://shop.example/x",
        "view-source:https://shop.example/",
        "/\\shop.example",
        "https:\\\\shop.example",
        "https://shop.example\\@other.example/",
    ):
        for name in ("create_session", "create_payment_link", "payments"):
            yield one(f"the returnUrl {what!r}", name, "returnUrl", what, "702", wrong("returnUrl"))


def limits() -> Iterator[Row]:
    """Lengths that v72 introduced; v71 takes what is longer."""
    for name, path, most in (
        ("payments", "returnUrl", 1024),
        ("payments", "reference", 80),
        ("payments", "shopperEmail", 256),
        ("payments", "shopperIP", 50),
        ("payments", "telephoneNumber", 64),
        ("payments", "billingAddress.postalCode", 10),
        ("payments", "billingAddress.stateOrProvince", 3),
        ("payments", "deliveryAddress.postalCode", 10),
        ("create_order", "reference", 80),
        ("create_session", "reference", 80),
        ("create_session", "returnUrl", 1024),
        ("create_payment_link", "reference", 80),
        ("capture", "reference", 80),
        ("refund", "reference", 80),
        ("cancel", "reference", 80),
        ("reversal", "reference", 80),
        ("amount_update", "reference", 80),
        ("cancel_by_reference", "reference", 80),
    ):
        start = "https://shop.example/" if path == "returnUrl" else ""
        text = start + "x" * (most + 1 - len(start))
        yield one(f"{path} of {most + 1} characters", name, path, text, "702", wrong(path))


def shoppers() -> Iterator[Row]:
    """What of a shopper cannot be."""
    for name in ("payments", "create_session", "create_payment_link"):
        yield one("a country that is none", name, "billingAddress.country", "Frankreich", "104", _ADDRESS)
        yield one("an empty country", name, "billingAddress.country", "", "104", _ADDRESS)
        for what, phone in (("letters", "call me"), ("nothing in it", ""), ("letters among digits", "06 12 ab 56 78")):
            yield one(f"a telephone number with {what}", name, "telephoneNumber", phone, "124", "Invalid phone number")


def means() -> Iterator[Row]:
    """Cards, vouchers and gift cards that no issuer is asked about."""
    for name, given_, code, says in (
        ("a wrong check digit", card(number="4111111111111112"), "101", "Invalid card number"),
        ("a short number", card(number="41111111111"), "101", "Invalid card number"),
        ("no number", {"type": "scheme"}, "101", "Invalid card number"),
        ("nothing", {}, "101", "Invalid card number"),
        ("a number of letters", card(number="abcd"), "101", "Invalid card number"),
        ("a number of Arabic digits", card(number="\u0664" * 16), "101", "Invalid card number"),
        ("a number of superscripts", card(number="\xb2" * 16), "101", "Invalid card number"),
        ("a number of 5000 digits", card(number="4" * 5000), "101", "Invalid card number"),
        ("no brand has it", card(number="9000000000000001"), "102", "Unable to determine variant"),
        ("a short security code", card(cvc="73"), "103", "CVC is not the right length"),
        ("a long security code", card(cvc="7373"), "103", "CVC is not the right length"),
        ("Amex with three digits", card(number="370000000000002"), "103", "CVC is not the right length"),
        ("a security code of letters", card(cvc="abc"), "103", "CVC is not the right length"),
        ("no expiry", card(expiryMonth="", expiryYear=""), "129", "Expiry Date Invalid"),
        ("an expiry of letters", card(expiryMonth="mars"), "129", "Expiry Date Invalid"),
        ("an expiry of superscripts", card(expiryYear="\xb2030"), "129", "Expiry Date Invalid"),
        ("an expiry of 5000 digits", card(expiryMonth="1" * 5000), "129", "Expiry Date Invalid"),
        ("a year of 5000 digits", card(expiryYear="2" * 5000), "129", "Expiry Date Invalid"),
        ("month 13", card(expiryMonth="13"), "140", _MONTH),
        ("month 0", card(expiryMonth="0"), "140", _MONTH),
        ("year 1999", card(expiryYear="1999"), "141", _YEAR),
        ("year 2200", card(expiryYear="2200"), "141", _YEAR),
        ("a stored method", {"type": "scheme", "storedPaymentMethodId": "X1"}, "800", "Contract not found"),
        ("an older stored method", {"type": "scheme", "recurringDetailReference": "X1"}, "800", "Contract not found"),
        ("an encrypted field that is none", card(encryptedCardNumber="junk"), "174", "Unable to decrypt data"),
        ("an empty encrypted field", card(encryptedSecurityCode=""), "174", "Unable to decrypt data"),
        ("a short voucher", voucher("507599"), "101", "Invalid card number"),
        ("a voucher of letters", voucher("x" * 16), "101", "Invalid card number"),
        ("a voucher without expiry", {**VOUCHER, "expiryMonth": ""}, "129", "Expiry Date Invalid"),
        ("a voucher of month 13", {**VOUCHER, "expiryMonth": "13"}, "140", _MONTH),
        ("a short gift card", {**GIVEX, "number": "603"}, "101", "Invalid card number"),
        ("a gift card of blanks", {**GIVEX, "number": " " * 20}, "101", "Invalid card number"),
    ):
        yield one(name, "payments", "paymentMethod", given_, code, says)
        yield one(name, "balance", "paymentMethod", given_, code, says)
    closed: Any = {"status": 500, "kind": "configuration"}
    for name, given_ in (
        ("a method that is not emulated", {"type": "ideal"}),
        ("a brand that the account does not take", card(number="6011601160116611")),
        ("a voucher that the account does not take", {**VOUCHER, "brand": "mealVoucher_FR_edenred"}),
    ):
        for operation in ("payments", "balance"):
            yield one(name, operation, "paymentMethod", given_, "905", "Payment details are not supported", **closed)
    yield one(
        "Visa where it is not taken",
        "payments",
        "paymentMethod",
        card(),
        "905",
        "Payment details are not supported",
        settings={"card_brands": ["mc"]},
        **closed,
    )
    refusing: Any = {"settings": {"foreign_encryption": "refused"}}
    for name, text in (("Adyen's own encryption", FOREIGN), ("a JWE for somebody else", "eyJhbGciOiJSU0EifQ.a.b.c.d")):
        for operation in ("payments", "balance"):
            given_ = {"type": "scheme", "encryptedCardNumber": text}
            yield one(name, operation, "paymentMethod", given_, "174", "Unable to decrypt data", **refusing)
    for number in ("3700", "", "41111", "abcdefgh", "\xb2" * 3):
        yield one(f"the number {number!r}", "card_details", "cardNumber", number, "208", wrong("cardNumber"))
    yield one("no number at all", "card_details", "", ME, "208", wrong("cardNumber"))
    yield one("superscripts as digits", "card_details", "cardNumber", "\xb2" * 8, "208", wrong("cardNumber"))
    yield one("a number as a number", "card_details", "cardNumber", 411111, "702", mistyped("cardNumber"), 400)
    yield one(
        "encrypted junk", "card_details", "", {**ME, "encryptedCardNumber": "junk"}, "174", "Unable to decrypt data"
    )


_ADDRESS = "Billing address problem (Country)"
_MONTH = "Expiry month should be between 1 and 12 inclusive"
_YEAR = "Expiry year should be between 2000 and 2199 inclusive"


def order_row(
    name: str, kind: str, before: Callable[[Unruly], Any], change: Callable[[Any], Any] = lambda o: o, **more: Any
) -> Iterator[Row]:
    """The same thing wrong with the order of a payment, of a cancellation, and of a list of methods."""
    code, says = ORDER_ERRORS[kind]
    for operation in more.pop("operations", ("payments", "cancel_order", "payment_methods")):
        right = OPERATIONS[operation]

        def make(b: Unruly, scene: Any, right: Operation = right) -> Answer:
            amount = more.get("amount", euros(1850))
            body = {**right.body(scene), "order": change(scene)}
            return right.send(b, "", {**body, "amount": amount} if "amount" in body else body)

        yield Row(f"{operation}: {name}", make, 422, code, says, inferred="order_errors", before=before)


def forged(order: dict[str, str]) -> dict[str, str]:
    """An orderData that only looks right."""
    return {**order, "orderData": tokens.order_data(order["pspReference"], "0" * 32, 0)}


def orders() -> Iterator[Row]:
    """What no public source tells: codes and words are ours, and a header says so."""
    yield from order_row("an unknown order", "unknown", Unruly.order, lambda o: {**o, "pspReference": "X" * 16})
    yield from order_row("an empty reference", "unknown", Unruly.order, lambda o: {**o, "pspReference": ""})
    yield from order_row("garbage for orderData", "unknown", Unruly.order, lambda o: {**o, "orderData": "garbage"})
    yield from order_row("an empty orderData", "unknown", Unruly.order, lambda o: {**o, "orderData": ""})
    yield from order_row("a forged orderData", "unknown", Unruly.order, forged)
    cut: Any = {"change": lambda o: {**o, "orderData": o["orderData"][:-8]}}
    yield from order_row("a truncated orderData", "unknown", Unruly.order, **cut)
    accents: Any = {"change": lambda o: {**o, "orderData": o["orderData"][:20] + "\xe9\u0664"}}
    yield from order_row("an orderData with accents", "unknown", Unruly.order, **accents)
    yield from order_row(
        "a payment in place of the order", "unknown", Unruly.paid, lambda psp: {"pspReference": psp, "orderData": "x"}
    )
    yield from order_row(
        "the orderData of another order",
        "unknown",
        lambda b: (b.order(), b.order()),
        lambda both: {**both[0], "orderData": both[1]["orderData"]},
    )
    paying: Any = {"operations": ("payments",)}
    yield from order_row("more than the order", "amount", Unruly.order, amount=euros(4351), **paying)
    yield from order_row("more than remains", "amount", Unruly.part_paid, amount=euros(1851), **paying)
    yield from order_row("10**30 of an order", "amount", Unruly.order, amount=euros(10**18), **paying)
    yield from order_row("another currency", "currency", Unruly.order, amount=euros(100, "USD"), **paying)
    yield from order_row("a paid order", "closed", Unruly.paid_order)
    for name, before in (("cancelled", Unruly.cancelled_order), ("expired", Unruly.expired_order)):
        yield from order_row(
            f"an {name} order" if name[0] == "e" else f"a {name} order",
            name,
            before,
            operations=("payments", "payment_methods"),
        )
    yield Row(
        "a payment of nothing in an order",
        lambda b, o: b.post("payments", {**card_body(), "order": o, "amount": euros(0)}),
        422,
        "137",
        BAD_AMOUNT,
        before=Unruly.order,
    )
    unnamed = put(card_body(), "amount", GONE)
    yield Row(
        "a payment of an order without amount",
        lambda b, o: b.post("payments", {**unnamed, "order": o}),
        422,
        "100",
        NO_AMOUNT,
        before=Unruly.order,
    )
    remaining = {"missing_amount_in_order": "remaining"}
    yield Row(
        "no amount and no order, where an order's rest may be meant",
        lambda b, _: b.post("payments", unnamed),
        422,
        "100",
        NO_AMOUNT,
        settings=remaining,
    )
    yield from overridden()


def overridden() -> Iterator[Row]:
    """The words of a scenario in place of ours."""
    gone = {"pspReference": "X" * 16, "orderData": "x"}
    for name, given_, code, says in (
        ("a code of the scenario", {"code": "999"}, "999", ORDER_ERRORS["unknown"][1]),
        ("a message of the scenario", {"message": "Which order?"}, "SIM_ORDER_UNKNOWN", "Which order?"),
        ("a code and a message of the scenario", {"code": "1", "message": "No"}, "1", "No"),
    ):
        yield Row(
            f"an order error with {name}",
            lambda b, _: b.post("orders/cancel", {**ME, "order": gone}),
            422,
            code,
            says,
            inferred="order_errors",
            settings={"order_errors": {"unknown": given_}},
        )


def details(body: Any) -> Make:
    """POST /payments/details; ``@`` stands for what was there before."""
    return lambda b, scene: b.post("payments/details", raw=dumps(body).replace('"@"', dumps(scene)).encode())


def packed(value: Any) -> str:
    """A threeDSResult: JSON in base64."""
    return b64encode(value if isinstance(value, bytes) else dumps(value).encode()).decode()


def completions() -> Iterator[Row]:
    """What a shopper cannot have brought back."""
    for name, text in (
        ("empty", ""),
        ("garbage", "garbage"),
        ("of nobody", tokens.redirect_result("X" * 16, "0" * 32)),
        ("with accents", "X6XtfGC3!Y\xe9"),
        ("of 20000 characters", "X6XtfGC3!Y" + "A" * 19_990),
    ):
        body = {"details": {"redirectResult": text}}
        yield Row(f"a redirectResult that is {name}", details(body), 422, "14_018", "Invalid payload provided")
    used = {"details": {"redirectResult": "@"}}
    yield Row(
        "a redirectResult for the second time",
        details(used),
        422,
        "14_018",
        "Invalid payload provided",
        before=Unruly.used_result,
    )
    yield Row(
        "paymentData as a redirectResult",
        details(used),
        422,
        "14_018",
        "Invalid payload provided",
        before=Unruly.native,
    )
    yield Row("a payload", details({"details": {"payload": "x"}}), 422, "14_018", "Invalid payload provided")
    pares = {"details": {"MD": "x", "PaRes": "y"}, "paymentData": "z"}
    yield Row("an answer by 3-D Secure 1", details(pares), 422, "105", "Invalid paRes from issuer")
    for name, body in (
        ("details of nothing", {"details": {}}),
        ("MD and PaRes alone", {"details": {"MD": "x", "PaRes": "y"}}),
        ("a threeDSResult that names nothing", {"details": {"threeDSResult": packed({"transStatus": "Y"})}}),
        ("an empty paymentData", {"details": {}, "paymentData": ""}),
    ):
        yield Row(name, details(body), 422, "14_002", lacks("paymentData"))
    for name, result in (
        ("garbage", "garbage"),
        ("empty", ""),
        ("a list", packed([])),
        ("not JSON", packed(b"{")),
        ("bytes", packed(b"\xff\xfe")),
        ("nested 12000 deep", packed(b"[" * 12_000)),
        ("about nothing", packed({"a": 1})),
        ("of a number", packed({"transStatus": 1, "authorisationToken": 7})),
        ("for a challenge that nobody asked for", packed({"transStatus": "Y"})),
        ("with accents", "\xe9\xe8"),
    ):
        body = {"details": {"threeDSResult": result}, "paymentData": "@"}
        yield Row(
            f"a threeDSResult that is {name}", details(body), 422, "14_003", wrong("paymentData"), before=Unruly.native
        )
    fingerprint = {"threeDSResult": packed({"threeDSCompInd": "Y"})}
    for text in ("garbage", "Ab02b4c0!BQABAg", tokens.payment_data("X" * 16, "0" * 32)):
        yield Row(
            f"the paymentData {text[:40]}",
            details({"details": fingerprint, "paymentData": text}),
            422,
            "14_003",
            wrong("paymentData"),
        )
    yield Row(
        "details of no kind with paymentData",
        details({"details": {}, "paymentData": "@"}),
        422,
        "14_003",
        wrong("paymentData"),
        before=Unruly.native,
    )
    for path in ("details.redirectResult", "details.threeDSResult", "details.payload", "paymentData"):
        yield one(f"{path} that is a number", "payments_details", path, 7, "702", mistyped(path), 400)
    yield one(
        "a redirectResult of 20001 characters",
        "payments_details",
        "details.redirectResult",
        "x" * 20_001,
        "702",
        wrong("details.redirectResult"),
    )


def modifications() -> Iterator[Row]:
    """Modifications of what is no payment, or was never authorised."""
    for name in ("capture", "refund", "cancel", "reversal", "amount_update"):
        right = OPERATIONS[name]
        original = Row(name, right.send, 422, "167", NO_ORIGINAL)
        for psp in ("psp0001", "X" * 16, "x" * 5000, "%00", "%FF", "%2e%2e", "%D9%A1", "a'b", "%3Cscript%3E"):

            def make(b: Unruly, _: Any, right: Operation = right, psp: str = psp) -> Answer:
                return b.send("POST", "/v72" + right.path.replace("{it}", psp), right.body(""))

            yield replace(original, name=f"{name} of {psp[:20]}", make=make)
        for what, before in (
            ("an order", lambda b: b.order()["pspReference"]),
            ("a session", lambda b: b.session()["id"]),
            ("a payment link", lambda b: b.link()["id"]),
            ("a refused payment", Unruly.refused),
            ("a payment that waits at the bank", lambda b: b.at_bank()["pspReference"]),
        ):
            yield replace(original, name=f"{name} of {what}", before=before)
        yield one("a reference that is a number", name, "reference", 7, "702", mistyped("reference"), 400)
    yield Row(
        "a voucher's refund, where it is refused at once",
        OPERATIONS["refund"].send,
        422,
        "SIM_REFUND_NOT_SUPPORTED",
        "Refund not supported for this payment method",
        inferred="voucher_refund",
        before=Unruly.voucher_paid,
        settings={"voucher_refund": "refused_at_once"},
    )


def checkouts() -> Iterator[Row]:
    """Sessions and payment links that are none, or none any more."""
    session = OPERATIONS["get_session"]
    unknown = Row("", session.send, 422, "702", wrong("sessionId"))
    for id in ("CS0000000000000000", "nothing", "%00", "%FF", "x" * 5000, "PL0000000000000000"):
        yield replace(
            unknown,
            name=f"the session {id[:20]}",
            make=lambda b, _, id=id: b.send("GET", f"/v72/sessions/{id}?sessionResult=x"),
        )
    for result in ("x", "", "%FF", "x" * 5000, quote(tokens.session_result("X" * 16, "0" * 32))):
        yield replace(
            unknown,
            name=f"the sessionResult {result[:20]!r}",
            before=session.before,
            make=lambda b, id, r=result: b.send("GET", f"/v72/sessions/{id}?sessionResult={r}"),
        )
    yield replace(unknown, name="a payment as a session", before=Unruly.paid)
    yield replace(unknown, name="a payment link as a session", before=lambda b: b.link()["id"])
    yield Row(
        "a session without sessionResult",
        lambda b, id: b.send("GET", f"/v72/sessions/{id}"),
        422,
        "702",
        lacks("sessionResult"),
        before=session.before,
    )
    gone = Row("", session.send, 404, "SIM_LINK_UNKNOWN", "Payment link not found")
    for name in ("get_payment_link", "update_payment_link"):
        right = OPERATIONS[name]
        for id in ("PL0000000000000000", "nothing", "%00", "%FF", "x" * 5000):

            def make(b: Unruly, _: Any, right: Operation = right, id: str = id) -> Answer:
                return b.send(right.method, "/v72" + right.path.replace("{it}", id), right.body(""))

            yield replace(gone, name=f"{name}: the link {id[:20]}", make=make)
        yield replace(gone, name=f"{name}: a session as a link", make=right.send, before=lambda b: b.session()["id"])
    yield Row(
        "a link that was ended already",
        OPERATIONS["update_payment_link"].send,
        422,
        "SIM_CHECKOUT_CLOSED",
        "Session or payment link is no longer active",
        before=Unruly.ended_link,
    )


def stored_cards() -> Iterator[Row]:
    """Lists of nobody, and tokens that the shopper has not."""
    listing, one = "/v72/storedPaymentMethods?", "/v72/storedPaymentMethods/{}?"
    for name, query, status, code, says, kind in (
        ("no merchant account", "shopperReference=ada", 422, "901", BAD_MERCHANT, "validation"),
        ("an empty merchant account", "merchantAccount=&shopperReference=ada", 422, "901", BAD_MERCHANT, "validation"),
        ("a stranger's", "merchantAccount=Other&shopperReference=ada", 403, "901", BAD_MERCHANT, "security"),
        ("no shopper", "merchantAccount={m}", 422, "702", lacks("shopperReference"), "validation"),
    ):
        yield Row(f"stored cards of {name}", lambda b, _, q=query: b.send("GET", listing + q), status, code, says, kind)
        yield Row(
            f"forget a card of {name}",
            lambda b, scene, q=query: b.send("DELETE", one.format(scene) + q),
            status,
            code,
            says,
            kind,
            before=Unruly.stored,
        )
    for name, make in (
        ("another shopper's", lambda scene: (scene, "ben")),
        ("an unknown", lambda _: ("X9TZ4QR7KW3M75AB", "ada")),
        ("an absurd", lambda _: ("%00%2F..", "ada")),
    ):
        yield Row(
            f"forget {name} card",
            lambda b, scene, m=make: b.send(
                "DELETE", f"{one.format(m(scene)[0])}merchantAccount={{m}}&shopperReference={m(scene)[1]}"
            ),
            422,
            "800",
            "Contract not found",
            before=Unruly.stored,
        )
    for name, changes in (("nobody's", {}), ("another shopper's", {"shopperReference": "ben"})):
        yield Row(
            f"pay with {name} stored card",
            lambda b, scene, c=changes: b.post(
                "payments",
                {**card_body(), **c, "paymentMethod": {"type": "scheme", "storedPaymentMethodId": scene}},
            ),
            422,
            "800",
            "Contract not found",
            before=Unruly.stored,
        )


def holiday_vouchers() -> Iterator[Row]:
    """Beneficiaries that are none."""
    for name, means, code, says in (
        ("nobody", {}, "702", lacks("paymentMethod.beneficiaryId")),
        ("ten digits", {"beneficiaryId": "1111111111"}, "702", wrong("paymentMethod.beneficiaryId")),
        ("letters", {"beneficiaryId": "alice"}, "702", wrong("paymentMethod.beneficiaryId")),
        ("two signs", {"beneficiaryId": "a@b@c"}, "702", wrong("paymentMethod.beneficiaryId")),
        ("321 characters", {"beneficiaryId": "a" * 321}, "702", wrong("paymentMethod.beneficiaryId")),
    ):
        yield one(f"ancv of {name}", "payments", "paymentMethod", {"type": "ancv", **means}, code, says)
    yield one(
        "ancv of a number",
        "payments",
        "paymentMethod",
        {"type": "ancv", "beneficiaryId": 11111111111},
        "702",
        mistyped("paymentMethod.beneficiaryId"),
        400,
    )
    yield Row(
        "ancv in dollars",
        lambda b, _: b.post("payments", {**card_body(), "amount": euros(100, "USD"), "paymentMethod": ANCV}),
        422,
        "138",
        BAD_CURRENCY,
    )
    yield Row(
        "ancv that the merchant does not take",
        lambda b, _: b.post("payments", {**card_body(), "paymentMethod": ANCV}),
        500,
        "905",
        "Payment details are not supported",
        "configuration",
        settings={"ancv": False},
    )


def paths() -> Iterator[Row]:
    """Paths and methods that do not exist, and endpoints that are known and not emulated."""
    for target in (
        *(f"{base}/unheard/of" for base in BASES),
        "/v72",
        "/v72/",
        "/checkout",
        "/checkout/v72",
        "/checkout/v69/payments",
        "/v70/payments/",
        "/v72//payments",
        "/v72/Payments",
        "/v72/x/%2e%2e/%2e%2e/etc/passwd",
        "/v72/%00",
        "/v72/%FF",
        "/v72/payments/a/b/c/d",
        "/checkoutshopper",
        "/checkoutshopper/unheard/of",
        "/checkoutshopper/%FF",
    ):
        yield Row(f"GET {target}", lambda b, _, t=target: b.send("GET", t), 404, "SIM_NOT_FOUND", "Not found")
    yield Row(
        "an unknown path without a key",
        lambda b, _: b.send("POST", "/v72/unheard", {}, key=None),
        404,
        "SIM_NOT_FOUND",
        "Not found",
    )
    allowed: dict[str, set[str]] = {}
    for route in PROVIDER.routes:
        allowed.setdefault(route.path, set()).add(route.method)
    for path in sorted({f"/v72{each.path.partition('?')[0]}" for each in OPERATIONS.values()}):
        known = {
            method
            for pattern, methods in allowed.items()
            if pattern.startswith("/v72")
            and pattern.partition("{")[0] == path.partition("{")[0]
            and pattern.rpartition("}")[2] == path.rpartition("}")[2]
            for method in methods
        }
        for method in sorted({"GET", "PUT", "PATCH", "DELETE", "OPTIONS", "POST"} - known):
            target = path.replace("{it}", "X1")
            yield Row(
                f"{method} {target}",
                lambda b, _, m=method, t=target: b.send(m, t, {}),
                405,
                "SIM_METHOD_NOT_ALLOWED",
                "Method not allowed",
            )
    for base, entry in ((base, entry) for base in ("/v72", "/checkout/v70") for entry in PROVIDER.unsupported):
        if entry.path.startswith(base):
            yield from unsupported(entry)


def unsupported(entry: Any) -> Iterator[Row]:
    """An endpoint that is known and not emulated: it says so to whoever may ask."""
    target = entry.path.replace("{sessionId}", "x").replace("{storedPaymentMethodId}", "x")
    refused = Row(
        f"{entry.method} {target}",
        lambda b, _: b.send(entry.method, target, {}),
        501,
        "SIM_NOT_SUPPORTED",
        f"mockpsp: {entry.operation}: {entry.reason}",
        "configuration",
    )
    yield refused
    if entry.operation == "validate_shopper_id":
        return  # Adyen describes refusals of another shape there
    yield replace(
        refused,
        name=f"{refused.name} without a key",
        status=401,
        code="000",
        says=UNAUTHORISED,
        kind="security",
        make=lambda b, _: b.send(entry.method, target, {}, key=None),
    )


def versions() -> Iterator[Row]:
    """The same refusal below every base path."""
    for base in BASES:
        for name, path, code, says in (
            ("payments", "reference", "130", lacks("reference")),
            ("create_order", "reference", "158", lacks("reference")),
        ):
            yield Row(f"{base}: {name} without {path}", asked(name, path, GONE, base), 422, code, says)


def repetitions() -> Iterator[Row]:
    """Idempotency keys."""
    busy = Row(
        "a key that is under way",
        lambda b, key: b.post("orders", ORDER, headers=(("Idempotency-Key", key),)),
        409,
        "704",
        "request already processed or in progress",
        before=Unruly.under_way,
    )
    yield busy
    yield replace(busy, name="the same, by the older documents", status=422, settings={"in_progress_status": 422})
    for key in ("k" * 65, "\xe9" * 65):
        yield Row(
            f"a key of 65 characters such as {key[0]}",
            lambda b, _, key=key: b.post("orders", ORDER, headers=(("Idempotency-Key", key),)),
            422,
            "702",
            wrong("Idempotency-Key"),
        )


ROWS = [
    *bodies(),
    *doors(),
    *keys(),
    *money(),
    *missing(),
    *values(),
    *dates(),
    *choices(),
    *countries_and_metadata(),
    *limits(),
    *shoppers(),
    *means(),
    *orders(),
    *completions(),
    *modifications(),
    *checkouts(),
    *stored_cards(),
    *holiday_vouchers(),
    *paths(),
    *versions(),
    *repetitions(),
]


# -- the test ----------------------------------------------------------------------------------------------------------


@cache
def _default() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(SCENARIO.read_text("utf-8"))
    return loaded


def scenario_with(values: Mapping[str, Any]) -> dict[str, Any]:
    """The default scenario with other settings."""
    return {**_default(), "settings": {"adyen": dict(values)}}


class World(Unruly):
    """The sandbox under test, whose clock stands still, and a neighbour when a row needs one."""

    def __init__(self, live: Threaded, new: Callable[..., ControlledSandbox], given_: Mapping[str, Any]) -> None:
        more = {"scenario": scenario_with(given_)} if given_ else {}
        super().__init__(live, new(clock=NOW, **more))
        self._new = new
        self._neighbours: list[Unruly] = []

    def neighbour(self) -> Unruly:
        """Another sandbox of the same server, whose ids are other ones."""
        if not self._neighbours:
            self._neighbours.append(Unruly(self.live, self._new(clock=NOW, seed=99)))
        return self._neighbours[0]

    def everything(self) -> list[Any]:
        """The state of every sandbox that a request could have touched."""
        self.settle()

        def look() -> list[Any]:
            mine = [self.sandbox, *(each.sandbox for each in self._neighbours)]
            return [state_of(each) for each in (*mine, self.live.server.sandboxes.get("default"))]

        return self.live.call(look)


MakeWorld = Callable[..., World]


@pytest.fixture
def new_world(live: Threaded, new_sandbox: Callable[..., ControlledSandbox]) -> MakeWorld:
    """Makes worlds with settings of their own."""
    return lambda **given_: World(live, new_sandbox, given_)


@pytest.fixture
def world(new_world: MakeWorld) -> World:
    """A world with the default settings."""
    return new_world()


def entry_of(b: Unruly, answer: Answer, entries_before: int) -> Any:
    """The journal entry about an answer, in the sandbox that recorded it."""
    number = int(answer.headers["Mockpsp-Trace"])
    mine = b.live.call(lambda: b.sandbox.world.journal.count) > entries_before
    where = ControlledSandbox(b.live.url, {"id": b.controlled.id if mine else "default", "credentials": {}})
    shown = where.call("GET", f"/journal/{number}")
    assert (shown["kind"], shown["status"]) == ("request", answer.status)
    return shown


def check_shape(answer: Answer) -> Any:
    """A refusal as the contract describes it: the ServiceError."""
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert answer.headers["Mockpsp-Trace"].isdigit()
    psp = answer.headers["Pspreference"]
    assert len(psp) == 16, psp
    assert psp.isalnum()
    body = answer.json()
    assert not [each.message for each in ERROR.iter_errors(body)], body
    assert body["status"] == answer.status
    assert body.get("pspReference", psp) == psp
    return body


def check_error(answer: Answer, row: Row) -> None:
    """Status, shape and words of a refusal."""
    assert answer.status == row.status, answer.text
    body = check_shape(answer)
    assert (body["errorCode"], body["errorType"]) == (row.code, row.kind), body
    said = body["message"]
    assert said.startswith(row.says) if row.says.endswith(": ") else said == row.says, said
    assert answer.headers.get("Mockpsp-Inferred") == row.inferred
    assert row.status != 500 or row.code == "905"


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the server logged as its own fault."""
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def test_the_table_is_long_enough_and_no_name_stands_twice() -> None:
    names = [row.name for row in ROWS]
    assert len(names) >= 500
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


def test_every_operation_is_in_the_table_and_every_code_that_we_serve() -> None:
    ours = {route.operation for route in PROVIDER.routes if route.path.startswith("/v72")}
    assert {*OPERATIONS, *(each.operation for each in PROVIDER.unsupported)} == ours
    served = {
        "000",
        "010",
        "901",
        "702",
        "100",
        "130",
        "158",
        "137",
        "138",
        "101",
        "102",
        "103",
        "129",
        "140",
        "141",
        "167",
        "174",
        "177",
        "178",
        "208",
        "200",
        "14_002",
        "14_003",
        "14_004",
        "14_018",
        "14_030",
        "800",
        "704",
        "905",
        *(code for code, _ in ORDER_ERRORS.values()),
        "SIM_REFUND_NOT_SUPPORTED",
        "SIM_LINK_UNKNOWN",
        "SIM_CHECKOUT_CLOSED",
        "SIM_NOT_FOUND",
        "SIM_METHOD_NOT_ALLOWED",
        "SIM_NOT_SUPPORTED",
    }
    assert served <= {row.code for row in ROWS}


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_the_rows_spoil_is_right_to_begin_with(name: str, world: World) -> None:
    """Otherwise a row would be refused for another reason than its own."""
    if name == "get_session":
        ref = world.session()["id"]
        secret = world.live.call(lambda: world.sandbox.world.state("adyen.purchase", ref).secret)
        target = f"/v72/sessions/{ref}?sessionResult={quote(tokens.session_result(ref, secret), safe='')}"
        assert world.send("GET", target).status == 200
        return
    operation = OPERATIONS[name]
    answer = operation.send(world, operation.before(world))
    if name == "payments_details":  # the rows have no use for a right one: it is URL-encoded
        assert answer.status == 422
        return
    assert answer.status in (200, 201, 204), answer.text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_request_is_refused_and_changes_nothing(
    row: Row, new_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = new_world(**row.settings)
    scene = row.before(world)
    before = world.everything()
    entries = world.live.call(lambda: world.sandbox.world.journal.count)

    answer = row.make(world, scene)

    check_error(answer, row)
    told = entry_of(world, answer, entries)["explanation"]
    assert f"was answered with status {row.status}" in told
    assert "refused: " in told or "Refused: " in told, told
    assert "internal fault" not in told
    if row.inferred:
        assert f"inferred: {row.inferred}" in told
    assert world.everything() == before
    assert not faults(caplog)


def test_limits_of_v72_are_none_of_v71(world: World) -> None:
    long = {
        "reference": "r" * 81,
        "returnUrl": RETURN + "x" * 1024,
        "shopperEmail": "e" * 257,
        "shopperIP": "1" * 51,
        "telephoneNumber": "1" * 65,
        "billingAddress": {"postalCode": "1" * 11, "stateOrProvince": "PACA"},
    }
    for base in BASES:
        for name, value in long.items():
            answer = world.send("POST", f"{base}/payments", {**card_body(), name: value})
            assert answer.status == (422 if base.endswith("v72") else 200), (base, name, answer.text)


def test_only_a_refusal_that_was_given_a_reference_tells_one(world: World) -> None:
    assert "pspReference" not in world.post("payments", put(card_body(), "reference", GONE)).json()
    assert "pspReference" in world.post("payments", put(card_body(), "amount.value", 0)).json()


def test_a_refusal_without_a_body_still_has_its_headers(world: World) -> None:
    before = world.everything()
    answer = world.send("HEAD", "/v72/payments")
    assert (answer.status, answer.body) == (405, b"")
    assert answer.headers["Mockpsp-Trace"]
    assert len(answer.headers["Pspreference"]) == 16
    assert world.everything() == before


def test_another_sandbox_knows_nothing_of_ours(world: World) -> None:
    """Orders, payments, sessions and links of a neighbour, named with our own key."""
    other = world.neighbour()
    order, psp, link = other.order(), other.paid(), other.link()["id"]
    native, session = other.native(), other.session()["id"]
    before = world.everything()
    result = {"threeDSResult": packed({"threeDSCompInd": "Y"})}
    told = [
        world.post("orders/cancel", {**ME, "order": order}),
        world.post("payments", {**card_body(), "order": order}),
        world.post(f"payments/{psp}/captures", {**ME, "amount": euros(1)}),
        world.post("payments/details", {"details": result, "paymentData": native}),
        world.send("GET", f"/v72/paymentLinks/{link}"),
        world.send("GET", f"/v72/sessions/{session}?sessionResult=x"),
    ]
    codes = [each.json()["errorCode"] for each in told]
    assert codes == ["SIM_ORDER_UNKNOWN", "SIM_ORDER_UNKNOWN", "167", "14_003", "SIM_LINK_UNKNOWN", "702"]
    assert world.everything() == before


def test_where_the_rest_may_be_meant_a_payment_of_an_order_needs_no_amount(new_world: MakeWorld) -> None:
    world = new_world(missing_amount_in_order="remaining")
    told = world.post("payments", {**put(card_body(), "amount", GONE), "order": world.part_paid()})
    assert told.status == 200, told.text
    assert told.json()["amount"] == euros(1850)


def test_an_order_may_be_cancelled_twice(world: World) -> None:
    """The second time it is received as well, and nothing follows."""
    order = world.cancelled_order()
    before = world.everything()
    assert world.post("orders/cancel", {**ME, "order": order}).json()["resultCode"] == "Received"
    assert world.everything() == before


def test_a_reference_that_matches_nothing_is_received(world: World) -> None:
    before = world.everything()
    assert world.post("cancels", {**ME, "paymentReference": "\x00 nobody's"}).status == 201
    assert world.everything() == before


def test_a_direct_payment_may_return_to_what_is_no_address(world: World) -> None:
    """A live test of Adyen's Go library does so (trap 25)."""
    world.paid(returnUrl="ReturnUrl_example")
    world.paid(returnUrl="myapp://back")


@pytest.mark.parametrize("line", ["Content-Length: -1", "Content-Length: ten", "Transfer-Encoding: x"])
def test_http_that_is_none_is_not_even_heard(line: str, world: World) -> None:
    before = world.everything()
    request = f"POST /v72/payments HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n{{}}"
    assert exchange(world.live.port, request.encode()).status == 400
    assert world.everything() == before


# -- pages -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PageRow:
    """Something that a shopper, or somebody else, sends to a page. ``says`` must be on the page that comes back."""

    name: str
    make: Make
    status: int
    says: str = ""
    before: Callable[[Unruly], Any] = Unruly.page


def posted(form: str, where: str = "") -> Make:
    """A form posted to the page that is there."""
    return lambda b, page: b.form(f"{page}{where}", form)


def spoiled(path: str) -> str:
    """The same address with its last character changed."""
    return path[:-1] + ("0" if path[-1] != "0" else "1")


CHECK = "step=balance&method={}&number={}&expiry={}&cvc={}"
BY_CARD = "step=card&method=scheme&number={}&expiry={}&cvc={}&holder={}"


def page_rows() -> Iterator[PageRow]:
    """Payment links and hosted sessions."""
    for base in ("payByLink", "hostedCheckout"):
        for id in ("PL0000000000000000", "CS0000000000000000", "x", "%00", "%FF", "x" * 5000, "%3Cscript%3Ealert(1)"):
            target = f"/checkoutshopper/{base}/{id}"
            yield PageRow(f"{base} of {id[:20]}", lambda b, _, t=target: b.plain("GET", t), 404)
            yield PageRow(f"a form for {base} of {id[:20]}", lambda b, _, t=target: b.form(t, "step=cancel"), 404)
    yield PageRow("a link that is one character off", lambda b, page: b.plain("GET", spoiled(page)), 404)
    yield PageRow(
        "a session as a link",
        lambda b, id: b.plain("GET", f"/checkoutshopper/payByLink/{id}"),
        404,
        before=lambda b: b.order()["pspReference"],
    )
    for name, form in (
        ("an unknown step", "step=steal"),
        ("no step", "a=b"),
        ("an empty form", ""),
        ("60 fields", "&".join(f"f{number}=1" for number in range(60))),
        ("JSON in place of a form", '{"step": "cancel"}'),
        ("a method that is not on offer", "step=choose&method=ideal"),
        ("a method that is a script", "step=choose&method=<script>alert(1)</script>"),
        ("no method", "step=choose"),
        ("a method of 100 kB", "step=choose&method=" + "x" * 100_000),
    ):
        yield PageRow(name, posted(form), 422)
    yield PageRow("bytes that are no text", lambda b, page: b.plain("POST", page, body=b"step=\xff%ff"), 422)
    for name, form in (
        ("a balance of no method", CHECK.format("", "1", "1", "1")),
        ("a balance of a card", CHECK.format("scheme", "4111111111111111", "03/30", "737")),
        ("a card without its method", "step=card&number=4111111111111111"),
        ("a card where vouchers are chosen", BY_CARD.replace("scheme", "givex").format("4111111111111111", "", "", "")),
        ("a confirmation of nothing", "step=redeem&method=givex"),
        ("a confirmation that nobody gave out", "step=redeem&method=givex&check=" + "ab" * 40),
        ("a confirmation that is no text", "step=redeem&method=givex&check=%FF\u0664"),
        ("a confirmation of 100 kB", "step=redeem&method=givex&check=" + "ab" * 50_000),
        ("removing what is not there", "step=remove"),
    ):
        yield PageRow(name, posted(form), 303)
    yield from typed_rows()
    yield PageRow("a form for a session that was left", posted("step=card"), 303, before=Unruly.left_page)
    yield PageRow("leaving twice", posted("step=cancel"), 303, before=Unruly.left_page)
    for query in ("redirectResult=x", "redirectResult=%FF", "redirectResult=" + "A" * 4000):
        yield PageRow(f"back with {query[:30]}", lambda b, page, q=query: b.plain("GET", f"{page}?{q}"), 303)
    for query in (
        "method=x",
        "method=%FF",
        "paid=x",
        "paid=%00",
        "method=<script>alert(1)</script>",
        "x=" + "y" * 4000,
    ):
        yield PageRow(f"asked with {query[:30]}", lambda b, page, q=query: b.plain("GET", f"{page}?{q}"), 200)


def typed_rows() -> Iterator[PageRow]:
    """What shoppers type into the forms of vouchers, gift cards and cards."""
    sodexo, number = "mealVoucher_FR_sodexo", "5075990000006120"
    for name, form in (
        ("nothing at all", CHECK.format(sodexo, "", "", "")),
        ("a number of letters", CHECK.format(sodexo, "abc", "03/30", "737")),
        ("a number of 100 kB", CHECK.format(sodexo, "5" * 100_000, "03/30", "737")),
        ("a number of Arabic digits", CHECK.format(sodexo, quote("\u0664" * 16), "03/30", "737")),
        ("a number that is a script", CHECK.format(sodexo, "<script>alert(1)</script>", "03/30", "737")),
        ("a number with a NUL", CHECK.format(sodexo, f"{number}%00", "03/30", "737")),
        ("an expiry that is a script", CHECK.format(sodexo, number, "<script>alert(1)</script>", "737")),
        ("an expiry in month 13", CHECK.format(sodexo, number, "13/30", "737")),
        ("an expiry of 5000 digits", CHECK.format(sodexo, number, "1" * 5000 + "/30", "737")),
        ("an expiry of superscripts", CHECK.format(sodexo, number, quote("\xb2/\xb2"), "737")),
        ("an expiry in the past", CHECK.format(sodexo, number, "03/20", "737")),
        ("a code of letters", CHECK.format(sodexo, number, "03/30", "abc")),
        ("a code of 100 kB", CHECK.format(sodexo, number, "03/30", "7" * 100_000)),
        ("a wrong code", CHECK.format(sodexo, number, "03/30", "111")),
        ("an unknown voucher", CHECK.format(sodexo, "1234567890123456", "03/30", "737")),
        ("an empty voucher", CHECK.format(sodexo, "5075990000000000", "03/30", "737")),
        ("an unknown gift card", CHECK.format("givex", "6036281000000000000", "", "100")),
        ("a card of letters", BY_CARD.format("abcd", "03/30", "737", "A")),
        ("a card with a wrong check digit", BY_CARD.format("4111111111111112", "03/30", "737", "A")),
        ("a card of no brand", BY_CARD.format("9000000000000001", "03/30", "737", "A")),
        ("a card of a brand that is not taken", BY_CARD.format("6011601160116611", "03/30", "737", "A")),
        ("a card without holder", BY_CARD.format("4111111111111111", "03/30", "737", "+")),
        ("a card with a long code", BY_CARD.format("4111111111111111", "03/30", "7373", "A")),
        ("a card with a code of Arabic digits", BY_CARD.format("4111111111111111", "03/30", quote("\u0664" * 3), "A")),
        ("a card that expires in the year 3", BY_CARD.format("4111111111111111", "03/3", "737", "A")),
        ("a card of 100 kB", BY_CARD.format("4" * 100_000, "03/30", "737", "A")),
    ):
        yield PageRow(f"typed: {name}", posted(form), 422)
        if "a script" in name:
            yield PageRow(f"typed at a session: {name}", posted(form), 422, before=Unruly.session_page)


def bank_rows() -> Iterator[PageRow]:
    """The bank's page, in all its forms."""
    for place in ("redirect", "method", "challenge"):
        for md in ("", "x", "%FF", "%00", "x" * 4000, "0" * 40, "%3Cscript%3Ealert(1)%3C/script%3E"):
            target = f"/checkoutshopper/threeDS/{place}?MD={md}"
            yield PageRow(f"{place} with MD {md[:20]!r}", lambda b, _, t=target: b.plain("GET", t), 404)
            yield PageRow(
                f"a form for {place} with MD {md[:20]!r}", lambda b, _, t=target: b.form(t, "step=cancel"), 404
            )
        bare = f"/checkoutshopper/threeDS/{place}"
        yield PageRow(f"{place} without MD", lambda b, _, t=bare: b.plain("GET", t), 404)
    at_bank: Any = {"before": Unruly.bank}
    yield PageRow("an MD that is one character off", lambda b, page: b.plain("GET", spoiled(page)), 404, **at_bank)
    yield PageRow("an MD with a byte behind it", lambda b, page: b.plain("GET", f"{page}%FF"), 404, **at_bank)
    yield PageRow("an MD with an accent behind it", lambda b, page: b.plain("GET", f"{page}%C3%A9"), 404, **at_bank)
    for name, form in (
        ("nothing", ""),
        ("a password alone", "password=password"),
        ("a user alone", "user=user"),
        ("JSON", '{"user": "user"}'),
        ("60 fields", "&".join(f"f{number}=1" for number in range(60))),
        ("a user that is a script", "user=<script>alert(1)</script>"),
        ("a user of 100 kB", "user=" + "x" * 100_000),
    ):
        yield PageRow(f"typed at the bank: {name}", posted(form), 422, **at_bank)
    yield PageRow("bytes at the bank", lambda b, page: b.plain("POST", page, body=b"user=\xff%ff"), 422, **at_bank)
    yield PageRow("the bank, after it was left", posted("user=user&password=password"), 303, before=Unruly.bank_left)


PAGE_ROWS = [*page_rows(), *bank_rows()]


def test_no_page_row_stands_twice() -> None:
    names = [row.name for row in PAGE_ROWS]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


@pytest.mark.parametrize("row", PAGE_ROWS, ids=lambda row: row.name)
def test_a_bad_form_is_shown_again_and_changes_nothing(
    row: PageRow, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    scene = row.before(world)
    before = world.everything()
    entries = world.live.call(lambda: world.sandbox.world.journal.count)

    answer = row.make(world, scene)

    assert answer.status == row.status, answer.text
    if answer.status != 303:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<script>alert" not in answer.text
    assert row.says in answer.text
    assert "internal fault" not in entry_of(world, answer, entries)["explanation"]
    assert world.everything() == before
    assert not faults(caplog)


def test_a_form_of_3_mb_is_refused(world: World) -> None:
    page = world.page()
    before = world.everything()
    assert world.form(page, "step=choose&method=" + "9" * 3_000_000).status == 413
    assert world.everything() == before


@pytest.mark.parametrize("id", ["PL0000000000000000", "x", "%FF"])
def test_polling_with_wrong_data_tells_nothing(id: str, world: World) -> None:
    answer = world.plain("GET", f"/checkoutshopper/payByLink/{id}/progress")
    assert (answer.status, answer.json()) == (200, {"status": "closed"})


def test_a_bar_in_the_expiry_of_a_gift_card_does_no_harm(world: World) -> None:
    """Gift cards have no expiry, so nobody looks at what was typed there."""
    page = world.page()
    shown = world.form(page, CHECK.format("givex", GIVEX["number"], "a|b|c", "100"))
    assert shown.status == 200, shown.text
    token = shown.text.partition('name="check" value="')[2].partition('"')[0]
    assert token
    assert world.form(page, f"step=redeem&method=givex&check={token}").status == 303


@pytest.mark.parametrize("locale", ["", "\0", "../../etc/passwd", "x" * 5000, "zz-ZZ", "\u65e5\u672c", "<b>"])
def test_an_absurd_locale_is_only_another_language(locale: str, world: World) -> None:
    page = path_of(world.session(mode="hosted", shopperLocale=locale)["url"])
    answer = world.plain("GET", page, (("Accept-Language", locale.replace("\0", "%")),))
    assert answer.status == 200, answer.text


@pytest.mark.parametrize(
    ("address", "followed"),
    [
        ("myapp://back", "myapp://back?"),
        ("myapp:back", "myapp:back?"),
        ("https://caf\xe9.example/\xe9?a=b#c", "https://xn--caf-dma.example/%C3%A9?a=b&"),
    ],
)
def test_an_odd_return_address_is_followed(address: str, followed: str, world: World) -> None:
    """From a bank, from a session, and from a link, in what a header can carry."""
    pages = (
        path_of(world.at_bank(returnUrl=address)["action"]["url"]),
        path_of(world.session(mode="hosted", returnUrl=address)["url"]),
        world.page(returnUrl=address),
    )
    for page in pages:
        left = world.form(page, "step=cancel")
        assert left.status == 303
        assert left.headers["Location"].startswith(followed[:-1])


@pytest.mark.parametrize(
    "address",
    ["ReturnUrl_example", "//shop", "///shop", "/shop", "?", "#", "https:shop", "https:/shop", "http:///shop"],
)
def test_what_is_no_address_is_never_followed(address: str, world: World) -> None:
    """Neither from a bank, nor from a session, nor from a link; also when the shopper leaves."""
    pages = (
        path_of(world.at_bank(returnUrl=address)["action"]["url"]),
        path_of(world.session(mode="hosted", returnUrl=address)["url"]),
        world.page(returnUrl=address),
    )
    for page in pages:
        assert world.plain("GET", page).status == 200
        left = world.form(page, "step=cancel")
        assert (left.status, left.headers["Location"]) == (303, page)
        shown = world.plain("GET", page)
        assert shown.status in (200, 410), shown.text
        assert 'data-testid="return"' not in shown.text


# -- any JSON at any place ---------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**15, max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(
        [
            "EUR",
            "USD",
            "FR",
            "https://x/",
            "http://[",
            "mealVoucher_FR",
            "giftcard",
            "scheme",
            "4111111111111111",
            "4917610000000000",
            "test_4111111111111111",
            "eyJ.a.b.c.d",
            "2026-07-01T10:00:00Z",
            "\ud800",
            "\x00",
            "\xb2" * 12,
            "9" * 400,
            "true",
            "always",
            "preferred",
            "X6XtfGC3!Y",
            "Ab02b4c0!BQABAg",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


Place = tuple[str | int, ...]


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """The paths of everything in a body, in its own order."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield (*above, name)
        yield from places(inner, (*above, name))


def retyped(value: Any) -> list[Any]:
    """The same thing as other kinds of JSON."""
    text = value if isinstance(value, str) else dumps(value)
    found: list[Any] = [text, [value], {"value": value}, text[:-1], text * 2, f" {text} "]
    if isinstance(value, str) and value.isascii() and value.isdigit():
        found.append(int(value))
    if isinstance(value, int):
        found += [-value, value * 10**20, value + 0.5, not value]
    return found


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> Any:
    """A right body with one to three things dropped, replaced or retyped; places that went away stay away."""
    changed = deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(changed))
        if not found:
            return changed
        *parents, last = draw(st.sampled_from(found))
        inner = changed
        for part in parents:
            inner = inner[part]
        kind = draw(st.sampled_from(["drop", "replace", "replace", "retype"]))
        if kind == "drop":
            del inner[last]
        else:
            inner[last] = draw(JSON if kind == "replace" else st.sampled_from(retyped(inner[last])))
    return changed


ADDRESS = {"city": "Paris", "country": "FR", "postalCode": "75001", "street": "Rivoli", "houseNumberOrName": "1"}
COMMON = {
    "metadata": {"k": "v"},
    "billingAddress": ADDRESS,
    "deliveryAddress": ADDRESS,
    "shopperEmail": "a@b.example",
    "shopperIP": "127.0.0.1",
    "telephoneNumber": "0102030405",
    "shopperReference": "SHOPPER",
}
FULL_PAYMENT = {
    **card_body(),
    **COMMON,
    "countryCode": "FR",
    "channel": "Web",
    "origin": "https://shop.example",
    "captureDelayHours": 1,
    "additionalData": {"manualCapture": "true", "RequestedTestAcquirerResponseCode": 2, "allow3DS2": "true"},
    "authenticationData": {"attemptAuthentication": "always", "threeDSRequestData": {"nativeThreeDS": "preferred"}},
    "browserInfo": {
        "acceptHeader": "*/*",
        "colorDepth": 24,
        "javaEnabled": False,
        "language": "fr",
        "screenHeight": 1,
        "screenWidth": 1,
        "timeZoneOffset": -60,
        "userAgent": "x",
    },
    "lineItems": [{"id": "1", "quantity": 1}],
    "order": {"pspReference": "X" * 16, "orderData": "Ab02b4c0!BQABAgx"},
}
TIMED = {"expiresAt": "2026-07-01T10:00:00Z", "lineItems": [{"id": "1"}], "captureDelayHours": 2, **COMMON}
MORE = {"allowedPaymentMethods": ["scheme", "givex"], "blockedPaymentMethods": ["mealVoucher_FR"]}
NATIVE = packed({"transStatus": "Y", "authorisationToken": tokens.payment_data("X" * 16, "0" * 32)})

CALLS: Mapping[str, tuple[str, Any]] = {
    "methods": (
        "paymentMethods",
        {**ME, "countryCode": "FR", "amount": euros(1), **MORE, "order": FULL_PAYMENT["order"]},
    ),
    "balance": ("paymentMethods/balance", {**BALANCE, **COMMON, "additionalData": {"a": "b"}}),
    "balance of a gift card": ("paymentMethods/balance", {**BALANCE, "paymentMethod": GIVEX}),
    "orders": ("orders", {**ORDER, "expiresAt": "2026-07-01T10:00:00Z"}),
    "cancellation": ("orders/cancel", {**ME, "order": FULL_PAYMENT["order"]}),
    "payments": ("payments", {name: value for name, value in FULL_PAYMENT.items() if name != "order"}),
    "payments of an order": ("payments", FULL_PAYMENT),
    "payments by voucher": ("payments", {**card_body(), "amount": euros(100), "paymentMethod": VOUCHER}),
    "payments by holiday voucher": ("payments", {**card_body(), "paymentMethod": ANCV}),
    "payments, stored": (
        "payments",
        {**card_body(), "shopperReference": "ada", "storePaymentMethod": True, "paymentMethod": card()},
    ),
    "payments, encrypted": (
        "payments",
        put(
            card_body(),
            "paymentMethod",
            {
                "type": "scheme",
                "encryptedCardNumber": "test_4111111111111111",
                "encryptedExpiryMonth": "test_03",
                "encryptedExpiryYear": "test_2030",
                "encryptedSecurityCode": "test_737",
            },
        ),
    ),
    "details": ("payments/details", {"details": {"redirectResult": tokens.redirect_result("X" * 16, "0" * 32)}}),
    "details, native": ("payments/details", {"details": {"threeDSResult": NATIVE}, "paymentData": "x"}),
    "captures": ("payments/{psp}/captures", {**ME, "amount": euros(10), "reference": "c", "lineItems": [{"id": "1"}]}),
    "refunds": ("payments/{psp}/refunds", {**ME, "amount": euros(10), "merchantRefundReason": "FRAUD", "store": "s"}),
    "sessions": ("sessions", {**SESSION, **TIMED, **MORE, "mode": "hosted"}),
    "paymentLinks": ("paymentLinks", {**LINK, **TIMED, **MORE, "reusable": True, "description": "Menu"}),
    "cardDetails": ("cardDetails", {**ME, "cardNumber": "411111", "supportedBrands": ["visa"], "countryCode": "FR"}),
}
FUZZED = settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def busy(live: Threaded) -> Iterator[Unruly]:
    """One sandbox for many examples."""
    controlled = ControlledSandbox.create(live.url, clock=NOW)
    yield Unruly(live, controlled)
    controlled.delete()


def state(b: Unruly) -> Any:
    """The sandbox at this moment."""
    return b.live.call(lambda: state_of(b.sandbox))


@pytest.mark.parametrize("call", CALLS)
@FUZZED
@given(data=st.data())
def test_no_json_at_any_place_is_a_server_error(call: str, busy: Unruly, adyen_watch: Any, data: st.DataObject) -> None:
    where, body = CALLS[call]
    changed = data.draw(mutated(body), label="body")
    version = data.draw(st.sampled_from(["v70", "v72"]), label="version")
    text = dumps(changed, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    if "{psp}" in where:
        where = where.replace("{psp}", busy.authorised())
    before = state(busy)

    answer = busy.send("POST", f"/{version}/{where}", raw=text)

    if adyen_watch is not None:
        adyen_watch.take()  # fields without a meaning here come back as they were sent, nonsense included
    if answer.status in (200, 201):
        _look_at_what_was_made(busy, answer)
        busy.settle()
        return
    told = check_shape(answer)
    assert answer.status in (400, 403, 404, 422) or told["errorCode"] == "905", told
    assert state(busy) == before


def _look_at_what_was_made(b: Unruly, answer: Answer) -> None:
    """The pages of a hosted session, a payment link or a redirect can be seen, whatever was sent."""
    told = answer.json()
    url = told.get("url") or told.get("action", {}).get("url")
    if url:
        page = b.plain("GET", path_of(url))
        assert page.status == 200, page.text
        assert "<script>alert" not in page.text
