"""The calls that Adyen's Drop-in makes in a shopper's browser, in its order and with its bodies, without a browser."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import requests

from tests.support.adyen import PSP_REFERENCE, check_answer
from tests.support.connection import session
from tests.support.control import ControlledSandbox

SHOP = "https://shop.example"
BASES = ("/checkoutshopper/test", "/checkoutshopper")
BROWSER = {
    "acceptHeader": "*/*",
    "colorDepth": 24,
    "javaEnabled": False,
    "language": "fr-FR",
    "screenHeight": 1080,
    "screenWidth": 1920,
    "timeZoneOffset": -60,
    "userAgent": "Mozilla/5.0",
}


class Page:
    """A shop's page with a client key; every answer is checked against the contract, and must be readable there."""

    def __init__(self, sandbox: ControlledSandbox, base: str = BASES[0], client_key: str | None = None) -> None:
        self.sandbox = sandbox
        self.base = base
        self.key = sandbox.credentials["adyen"]["client_key"] if client_key is None else client_key

    def send(self, operation: str, path: str, body: Any, *, name: str = "clientKey") -> requests.Response:
        """One POST; text and bytes are sent as they are."""
        data = json.dumps(body) if isinstance(body, dict | list) else body
        url = f"{self.sandbox.url}{self.base}/{path}"
        sent = {"Content-Type": "application/json", "Origin": SHOP, "Referer": f"{SHOP}/"}
        answer = session().post(url, params={name: self.key}, data=data, headers=sent, timeout=30)
        check_answer(operation, answer.status_code, answer.text)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", "any page may read the answer"
        assert PSP_REFERENCE.fullmatch(answer.headers["Pspreference"])
        return answer

    def done(self, operation: str, path: str, body: Any, *, name: str = "clientKey") -> dict[str, Any]:
        """One POST that must work."""
        answer = self.send(operation, path, body, name=name)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def order_status(self, order_data: str) -> dict[str, Any]:
        """What is paid of an order."""
        return self.done("order_status", "v1/order/status", {"orderData": order_data})

    def poll(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """What the waiting screen asks every two seconds."""
        path = "services/PaymentInitiation/v1/status"
        return self.done("payment_status", path, {"paymentData": action["paymentData"]})

    def fingerprint(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """The page around the bank's method has heard that it is done."""
        body = {"fingerprintResult": packed({"threeDSCompInd": "Y"}), "paymentData": action["paymentData"]}
        return self.done("submit_fingerprint", "v1/submitThreeDS2Fingerprint", body, name="token")


class Session(Page):
    """A session in a page: hands over the newest sessionData, and the order once there is one."""

    def __init__(self, sandbox: ControlledSandbox, session: Mapping[str, Any], base: str = BASES[0]) -> None:
        super().__init__(sandbox, base)
        self.id: str = session["id"]
        self.data: str = session["sessionData"]
        self.order: dict[str, str] | None = None
        self.result = ""

    def call(self, operation: str, path: str, **body: Any) -> dict[str, Any]:
        """One call of the session; its sessionData is another one than before."""
        told = self.done(operation, f"v1/sessions/{self.id}/{path}", {"sessionData": self.data, **body})
        assert told["sessionData"] != self.data, "each answer has its own"
        self.data = told["sessionData"]
        return told

    def setup(self) -> dict[str, Any]:
        """As at the start, and after each change of the order."""
        return self.call("session_setup", "setup", browserInfo=BROWSER, **self._ordered())

    def balance(self, means: Mapping[str, str]) -> dict[str, Any]:
        """What "Redeem" asks first."""
        return self.call("session_balance", "paymentMethodBalance", paymentMethod=dict(means))

    def open_order(self) -> dict[str, Any]:
        """For a means of payment that cannot pay everything."""
        told = self.call("session_order", "orders")
        self.order = {name: told[name] for name in ("orderData", "pspReference")}
        return told

    def remove(self) -> dict[str, Any]:
        """The shopper takes back what was paid."""
        told = self.call("session_cancel_order", "orders/cancel", order=self.order)
        self.order = None
        return told

    def pay(self, means: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """``payments``; goes on with the order of the answer."""
        body = {"riskData": {"clientData": "e30="}, "browserInfo": BROWSER, "origin": SHOP}
        body |= {"clientStateDataIndicator": True, "paymentMethod": dict(means), **self._ordered(), **more}
        return self._paid(self.call("session_payments", "payments", **body))

    def details(self, details: Mapping[str, str], **more: Any) -> dict[str, Any]:
        """``paymentDetails``."""
        return self._paid(self.call("session_details", "paymentDetails", details=dict(details), **more))

    def challenge(self, action: Mapping[str, Any], status: str = "Y") -> dict[str, Any]:
        """The frame of the bank has told how it ended."""
        result = {"transStatus": status, "authorisationToken": action["authorisationToken"]}
        return self.details({"threeDSResult": packed(result)})

    def answered(self, action: Mapping[str, Any], payload: str) -> dict[str, Any]:
        """The waiting screen hands in that there is an answer."""
        return self.details({"payload": payload}, paymentData=action["paymentData"])

    def _ordered(self) -> dict[str, Any]:
        return {"order": self.order} if self.order is not None else {}

    def _paid(self, told: dict[str, Any]) -> dict[str, Any]:
        self.result = told["sessionResult"]
        if "orderData" in told.get("order", {}):
            self.order = {name: told["order"][name] for name in ("orderData", "pspReference")}
        return told


def packed(value: Any) -> str:
    """JSON in base64."""
    return b64encode(json.dumps(value).encode()).decode()
