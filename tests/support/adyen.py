"""An Adyen merchant in tests: the official Python SDK over plain http, and plain HTTP for what it would not send."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import Adyen
import requests
from Adyen.exceptions import AdyenAPIResponseError
from Adyen.util import is_valid_hmac_notification

from mockpsp.app import read_openapi
from mockpsp.edge.contract import Contract
from tests.support.browser import Browser
from tests.support.connection import compiled, session
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver

CONTRACT = Contract(read_openapi("adyen"))
APIS = ("payments_api", "orders_api", "modifications_api", "payment_links_api", "recurring_api", "utility_api")
RETURN_URL = "https://shop.example/checkout?ref=RESTO-1001"
SODEXO, BIMPLI, UP = "mealVoucher_FR_sodexo", "mealVoucher_FR_natixis", "mealVoucher_FR_groupeup"

METHODS: Mapping[str, tuple[str, str]] = {
    "payment_methods": ("payments_api", "payment_methods"),
    "balance": ("orders_api", "get_balance_of_gift_card"),
    "create_order": ("orders_api", "orders"),
    "cancel_order": ("orders_api", "cancel_order"),
    "payments": ("payments_api", "payments"),
    "payments_details": ("payments_api", "payments_details"),
    "capture": ("modifications_api", "capture_authorised_payment"),
    "refund": ("modifications_api", "refund_captured_payment"),
    "cancel": ("modifications_api", "cancel_authorised_payment_by_psp_reference"),
    "reversal": ("modifications_api", "refund_or_cancel_payment"),
    "amount_update": ("modifications_api", "update_authorised_amount"),
    "cancel_by_reference": ("modifications_api", "cancel_authorised_payment"),
    "create_session": ("payments_api", "sessions"),
    "get_session": ("payments_api", "get_result_of_payment_session"),
    "create_payment_link": ("payment_links_api", "payment_links"),
    "get_payment_link": ("payment_links_api", "get_payment_link"),
    "update_payment_link": ("payment_links_api", "update_payment_link"),
    "card_details": ("payments_api", "card_details"),
    "get_stored_payment_methods": ("recurring_api", "get_tokens_for_stored_payment_details"),
    "delete_stored_payment_method": ("recurring_api", "delete_token_for_stored_payment_details"),
}
"""Where the SDK has an operation of our contract."""

PSP_REFERENCE = re.compile(r"[A-Z0-9]{16}")
_NO_MERCHANT = ("payments_details", "update_payment_link")


def sdk(sandbox: ControlledSandbox, base: str = "/v72", *, basic: bool = False, **changed: str) -> Any:
    """The unmodified Python SDK for this sandbox's merchant, over plain HTTP."""
    given = {**sandbox.credentials["adyen"], **changed}
    if basic:
        user = f"ws@Company.{given['merchant_account']}"
        made = Adyen.Adyen(username=user, password=given["api_key"], platform="test")
    else:
        made = Adyen.Adyen(xapikey=given["api_key"], platform="test")
    for name in APIS:
        getattr(made.checkout, name).baseUrl = f"{sandbox.url}{base}"
    return made


def check_answer(operation: str, status: int, body: str) -> None:
    """The answer is one that our contract promises for this operation and status."""
    described = CONTRACT.operation(operation).responses
    known = described.get(str(status)) or described.get("default")
    assert known is not None, f"{operation} must not answer {status}: {body}"
    content = CONTRACT.resolve(known).get("content")
    if content is None:
        assert not body, f"{operation} {status} has no body: {body}"
        return
    validator = compiled(CONTRACT, content["application/json"]["schema"])
    problems = [f"{list(each.instance_path)}: {each.message}" for each in validator.iter_errors(json.loads(body))]
    assert not problems, f"{operation} {status}: {problems}\n{body}"


def operation_at(method: str, path: str) -> str:
    """The operation of our contract that a path leads to, below whatever version."""
    parts = path.removeprefix("/checkout").split("?")[0].split("/")[2:]
    for name in CONTRACT.names():
        operation = CONTRACT.operation(name)
        theirs = operation.path.split("/")[2:]
        fits = len(theirs) == len(parts) and all(
            one.startswith("{") or one == other for one, other in zip(theirs, parts, strict=True)
        )
        if fits and operation.method == method:
            return name
    raise AssertionError(f"no operation at {method} {path}")


class Answered(NamedTuple):
    """What the SDK resolves to, less what it was asked."""

    status: int
    psp: str
    body: dict[str, Any]


class Shop:
    """Calls by the SDK, and by plain HTTP (``post``); every answer is checked against the contract."""

    def __init__(self, sandbox: ControlledSandbox, base: str = "/v72", *, basic: bool = False, **changed: str) -> None:
        self.sandbox = sandbox
        self.base = base
        self.given = {**sandbox.credentials["adyen"], **changed}
        self.sdk = sdk(sandbox, base, basic=basic, **changed)

    def answered(
        self, operation: str, *path: str, key: str | None = None, query: Mapping[str, str] | None = None, **body: Any
    ) -> Answered:
        """One call of the SDK; raises what the SDK raises. Bodies get the merchant account unless they name one."""
        api, name = METHODS[operation]
        method = getattr(getattr(self.sdk.checkout, api), name)
        wanted = {"query_parameters": query} if query else {}
        sent: tuple[Any, ...] = ()
        if CONTRACT.operation(operation).method != "GET":
            sent = (body if operation in _NO_MERCHANT else {"merchantAccount": self.given["merchant_account"], **body},)
        try:
            result = method(*sent, *path, idempotency_key=key, **wanted)
        except AdyenAPIResponseError as error:
            self._check(operation, error)
            raise
        self._check(operation, result)
        return Answered(result.status_code, result.psp, result.message)

    def _check(self, operation: str, found: Any) -> None:
        check_answer(operation, found.status_code, found.raw_response)
        assert PSP_REFERENCE.fullmatch(found.psp), "every answer has a Pspreference"

    def call(self, operation: str, *path: str, **given: Any) -> dict[str, Any]:
        """``answered`` without what is around the body."""
        return self.answered(operation, *path, **given).body

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A plain call below the base path; text, bytes and streams are sent as they are. ``_`` in names is ``-``."""
        sent = {"X-API-Key": self.given["api_key"], "Content-Type": "application/json"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        data = json.dumps(body) if isinstance(body, dict | list) else body
        answer = session().request(method, f"{self.sandbox.url}{self.base}{path}", data=data, headers=sent, timeout=30)
        check_answer(operation_at(method, f"{self.base}{path}"), answer.status_code, answer.text)
        assert PSP_REFERENCE.fullmatch(answer.headers["Pspreference"]), "every answer has one"
        return answer

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        """A plain POST; an object gets the merchant account unless it names one."""
        if isinstance(body, dict):
            body = {"merchantAccount": self.given["merchant_account"], **body}
        return self.request("POST", path, body, **headers)

    def login(self) -> str:
        """The Authorization header of Basic authentication."""
        pair = f"ws@Company.{self.given['merchant_account']}:{self.given['api_key']}"
        return f"Basic {b64encode(pair.encode()).decode()}"

    # -- what a restaurant does ------------------------------------------------------------------------------------

    def order(self, amount: int = 4350, reference: str = "RESTO-1001", **more: Any) -> dict[str, Any]:
        """POST /orders."""
        return self.call("create_order", reference=reference, amount=eur(amount), **more)

    def pay(
        self,
        amount: int | None,
        means: Mapping[str, Any],
        reference: str = "RESTO-1001",
        *,
        order: Mapping[str, Any] | None = None,
        key: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """POST /payments; inside an order when there is one (an answer that has it will do)."""
        body: dict[str, Any] = {"reference": reference, "paymentMethod": dict(means), "returnUrl": RETURN_URL, **more}
        if amount is not None:
            body["amount"] = eur(amount)
        if order is not None:
            body["order"] = pass_on(order)
        return self.call("payments", key=key, **{name: value for name, value in body.items() if value is not None})

    def redirect_result(self, answer: Mapping[str, Any], password: str = "password") -> str:
        """What the shopper brings back from the bank's page."""
        browser = Browser().open(answer["action"]["url"])
        browser.submit("authenticate", user="user", password=password)
        assert browser.left.startswith(f"{RETURN_URL}&"), "the merchant's own query is kept"
        return browser.returned()["redirectResult"]


def eur(minor: int) -> dict[str, Any]:
    """An Amount in euros."""
    return {"currency": "EUR", "value": minor}


def pass_on(answer: Mapping[str, Any]) -> dict[str, str]:
    """``order`` of a request, from an answer that is an order or has one."""
    found = answer.get("order", answer)
    return {"pspReference": found["pspReference"], "orderData": found["orderData"]}


def voucher(number: str = "5075990000006120", brand: str = SODEXO, **more: str) -> dict[str, str]:
    """A meal voucher as an API-only merchant sends it."""
    told = {"type": "mealVoucher_FR", "brand": brand, "number": number, "expiryMonth": "03", "expiryYear": "2030"}
    return {**told, "cvc": "737", **more}


def gift_card(number: str = "6036280000000000000", code: str = "100", **more: str) -> dict[str, str]:
    """One of Adyen's test gift cards."""
    return {"type": "giftcard", "brand": "givex", "number": number, "cvc": code, **more}


def card(number: str = "4111111111111111", **more: str) -> dict[str, str]:
    """A card with its clear number."""
    told = {"type": "scheme", "number": number, "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}
    return {**told, **more}


def sealed(means: Mapping[str, str]) -> dict[str, str]:
    """The same in the encrypted form of Adyen's test system."""
    names = {
        "number": "encryptedCardNumber",
        "expiryMonth": "encryptedExpiryMonth",
        "expiryYear": "encryptedExpiryYear",
        "cvc": "encryptedSecurityCode",
    }
    return {names.get(name, name): f"test_{value}" if name in names else value for name, value in means.items()}


def returned(url: str) -> dict[str, str]:
    """The query of a return address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


class Inbox:
    """A merchant's webhook endpoint: what arrived, each event verified by the SDK."""

    def __init__(self, sandbox: ControlledSandbox, receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.receiver = receiver
        sandbox.endpoint("adyen", receiver.url)

    def envelopes(self) -> list[dict[str, Any]]:
        """Whole bodies, after everything that is due has been sent."""
        self.sandbox.settle()
        return [json.loads(each.body) for each in self.receiver.received]

    def items(self, *codes: str) -> list[dict[str, Any]]:
        """The one item of each, of these event codes or of all."""
        key = self.sandbox.credentials["adyen"]["hmac_key"]
        found = []
        for envelope in self.envelopes():
            assert is_valid_hmac_notification(envelope, key) is True, envelope
            assert envelope["live"] == "false"
            [wrapped] = envelope["notificationItems"]
            found.append(wrapped["NotificationRequestItem"])
        return [each for each in found if not codes or each["eventCode"] in codes]

    def item(self, code: str) -> dict[str, Any]:
        """The only one of this event code."""
        [found] = self.items(code)
        return found

    def told(self) -> list[tuple[str, str]]:
        """Event codes and whether they succeeded, in order."""
        return [(each["eventCode"], each["success"]) for each in self.items()]
