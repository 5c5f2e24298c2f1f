"""A Worldline merchant in tests: the official SDK, and a plain signed HTTP call for what the SDK would not send."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

import requests
from onlinepayments.sdk.communicator_configuration import CommunicatorConfiguration
from onlinepayments.sdk.factory import Factory

from mockpsp.app import read_openapi
from mockpsp.edge.contract import Contract
from mockpsp.providers.worldline.auth import SCHEME, data_to_sign, sign
from tests.support.connection import compiled, session
from tests.support.control import ControlledSandbox

CONTRACT = Contract(read_openapi("worldline"))


def sdk(sandbox: ControlledSandbox, **changed: str) -> Any:
    """The unmodified Python SDK for this sandbox's merchant, over plain HTTP."""
    given = {**sandbox.credentials["worldline"], **changed}
    configuration = CommunicatorConfiguration(
        api_endpoint=sandbox.url,
        api_key_id=given["api_key_id"],
        secret_api_key=given["secret_api_key"],
        authorization_type="v1HMAC",
        connect_timeout=5,
        socket_timeout=10,
        max_connections=10,
        integrator="mockpsp tests",
    )
    return Factory.create_client_from_configuration(configuration).merchant(given["merchant_id"])


def model(kind: type[Any], body: Mapping[str, Any]) -> Any:
    """An SDK request object from JSON."""
    made = kind()
    made.from_dictionary(body)
    return made


def check_answer(operation: str, response: requests.Response) -> None:
    """The answer is one that our contract promises for this operation and status."""
    described = CONTRACT.operation(operation).responses
    known = described.get(str(response.status_code)) or described.get("default")
    assert known is not None, f"{operation} must not answer {response.status_code}: {response.text}"
    content = CONTRACT.resolve(known).get("content")
    if content is None:
        assert response.content == b"", response.text
        return
    validator = compiled(CONTRACT, content["application/json"]["schema"])
    problems = [f"{list(each.instance_path)}: {each.message}" for each in validator.iter_errors(response.json())]
    assert not problems, f"{operation} {response.status_code}: {problems}\n{response.text}"


class Merchant:
    """Signs as the platform demands; ``call`` checks every answer against the contract."""

    def __init__(self, sandbox: ControlledSandbox) -> None:
        self.sandbox = sandbox
        self.given = sandbox.credentials["worldline"]
        self.session = session()

    def target(self, operation: str, path: Mapping[str, str], query: Mapping[str, Any]) -> str:
        """Path and query of an operation."""
        text = CONTRACT.operation(operation).path
        for name, value in {"merchantId": self.given["merchant_id"], **path}.items():
            text = text.replace(f"{{{name}}}", value)
        return f"{text}?{urlencode(query, doseq=True)}" if query else text

    def headers(self, method: str, target: str, payload: bytes | None, extra: Mapping[str, str]) -> dict[str, str]:
        """Signed headers; ``extra`` ones that start with X-GCS are signed as well."""
        sent = {"Date": formatdate(usegmt=True), "X-GCS-ServerMetaInfo": b64encode(b"{}").decode(), **extra}
        if payload is not None:
            sent.setdefault("Content-Type", "application/json")
        gcs = [(name, value) for name, value in sent.items() if name.lower().startswith("x-gcs")]
        data = data_to_sign(method, sent.get("Content-Type", ""), sent["Date"], gcs, target)
        sent["Authorization"] = f"{SCHEME}{self.given['api_key_id']}:{sign(self.given['secret_api_key'], data)}"
        return sent

    def call(
        self,
        operation: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **path: str,
    ) -> requests.Response:
        """One call of an operation by its name in the contract; ``raw`` sends these bytes as they are."""
        method = CONTRACT.operation(operation).method
        payload = raw if raw is not None else None if body is None else json.dumps(body).encode()
        target = self.target(operation, path, query or {})
        response = self.send(method, target, payload, headers or {})
        check_answer(operation, response)
        return response

    def send(
        self, method: str, target: str, payload: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> requests.Response:
        """One signed request, unchecked."""
        headers = self.headers(method, target, payload, extra or {})
        return self.session.request(method, f"{self.sandbox.url}{target}", data=payload, headers=headers, timeout=30)


def checkout_body(amount: int = 140000, **changes: Any) -> dict[str, Any]:
    """A hosted checkout for 5412 (the facts' example HC-1), with changes by section."""
    body: dict[str, Any] = {
        "hostedCheckoutSpecificInput": {
            "locale": "fr_FR",
            "returnUrl": "https://shop.example/return?cart=77",
            "showResultPage": False,
            "sessionTimeout": 60,
            "allowedNumberOfPaymentAttempts": 3,
        },
        "redirectPaymentMethodSpecificInput": {
            "paymentProductId": 5412,
            "requiresApproval": False,
            "paymentProduct5412SpecificInput": {"adjustableAmount": True, "beneficiaryId": "11111111111"},
        },
        "order": {
            "amountOfMoney": {"amount": amount, "currencyCode": "EUR"},
            "customer": {"billingAddress": {"countryCode": "FR"}},
            "references": {"merchantReference": "ORD-2026-0002"},
        },
    }
    for section, change in changes.items():
        body[section] = {**body.get(section, {}), **change}
    return body
