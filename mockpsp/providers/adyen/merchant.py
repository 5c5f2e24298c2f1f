"""The merchant's side: calls with the API key, or by his page with the client key, and verified webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hmac import compare_digest
from json import dumps, loads
from typing import Any
from urllib.parse import quote, urlencode

from mockpsp.domain.money import Money
from mockpsp.edge.errors import NotSupported
from mockpsp.edge.provider import Route
from mockpsp.providers.adyen import tokens
from mockpsp.providers.adyen.api import find
from mockpsp.providers.adyen.encryption import TEST, open_field
from mockpsp.providers.adyen.errors import Undecryptable
from mockpsp.providers.adyen.holdings import Holdings
from mockpsp.providers.adyen.states import Payment
from mockpsp.providers.adyen.web_routes import WEB_OPERATIONS
from mockpsp.providers.adyen.webhooks import signature
from mockpsp.world.sandboxes import Sandbox

_RETURN = "https://shop.example/return"
_SHOP = "https://shop.example"
_NO_MERCHANT = ("payments_details", "update_payment_link")
_MERCHANT_IN_QUERY = ("get_stored_payment_methods", "delete_stored_payment_method")
_PATHS = {
    "get_session": "sessionId",
    "get_payment_link": "linkId",
    "update_payment_link": "linkId",
    "delete_stored_payment_method": "storedPaymentMethodId",
    "get_stored_payment_methods": "",
}
"""What an earlier answer's id is called in the path of calls about it."""
_TOKEN = ("submit_fingerprint", "bin_lookup")
"""Calls of the browser that give the client key another name."""
_MODIFICATIONS = ("capture", "refund", "cancel", "reversal", "amount_update")
_CARD = {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}


class AdyenMerchant:
    """Implements ``edge.provider.MerchantCalls``."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes: dict[str, Route] = {}
        for route in routes:
            self._routes.setdefault(route.operation, route)

    def request(
        self,
        sandbox: Sandbox,
        operation: str,
        *,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Any,
        key: str | None,
        headers: Mapping[str, str],
        now: datetime,
    ) -> tuple[str, str, dict[str, str], bytes | None]:
        """See MerchantCalls. A body that names no merchantAccount gets the sandbox's, except for payments_details."""
        route = self._routes[operation]
        given = sandbox.credentials["adyen"]
        target = "/".join(
            quote(str(path[part[1:-1]]), safe="") if part.startswith("{") else part for part in route.path.split("/")
        )
        if operation in WEB_OPERATIONS:
            query = {"token" if operation in _TOKEN else "clientKey": given["client_key"], **query}
        if operation in _MERCHANT_IN_QUERY:
            query = {"merchantAccount": given["merchant_account"], **query}
        if query:
            target += f"?{urlencode(query, doseq=True)}"
        browser = operation in WEB_OPERATIONS
        sent = {"Origin": _SHOP} if browser else {"X-API-Key": given["api_key"]}
        payload = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            if isinstance(body, dict) and not browser and operation not in _NO_MERCHANT:
                body = {"merchantAccount": given["merchant_account"], **body}
            payload = dumps(body, ensure_ascii=False).encode()
        if key is not None:
            sent["Idempotency-Key"] = key
        return route.method, target, {**sent, **headers}, payload

    def usual(
        self, sandbox: Sandbox, operation: str, *, amount: Money | None, of: Any
    ) -> tuple[Mapping[str, str], Any]:
        """See MerchantCalls. The first payment of an order is by the scenario's first voucher, any other by card."""
        if operation not in self._routes:
            raise KeyError(operation)
        earlier: Mapping[str, Any] = of if isinstance(of, Mapping) else {}
        money = _amount(amount) or earlier.get("amount")
        if operation in WEB_OPERATIONS:
            return _browser(operation, earlier)
        if operation in _MODIFICATIONS or operation == "cancel_by_reference":
            return _modification(operation, money, earlier)
        if operation in _PATHS:
            named = {_PATHS[operation]: str(earlier.get("id", ""))} if _PATHS[operation] else {}
            return named, {"status": "expired"} if operation == "update_payment_link" else None
        match operation:
            case "payments":
                return {}, _payment(sandbox, amount, earlier)
            case "payments_details":
                return {}, _details(sandbox, earlier)
            case "cancel_order":
                return {}, {"order": _order(earlier)}
            case "card_details":
                return {}, {"cardNumber": _CARD["number"]}
            case "balance" | "payment_methods":
                return {}, _look_up(sandbox, operation, money, earlier)
            case _:
                return {}, {"amount": money, "reference": "ORDER-1", **_shown(operation)}

    def opened(self, body: Any) -> Any:
        """See MerchantCalls. The ``test_`` form says the same as what our own secured fields encrypt."""
        if not isinstance(body, Mapping) or not isinstance(body.get("paymentMethod"), Mapping):
            return body
        means = {name: _in_test_form(value) for name, value in body["paymentMethod"].items()}
        return {**body, "paymentMethod": means}

    def webhook_kind(self, sandbox: Sandbox, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
        """See MerchantCalls."""
        try:
            item = loads(body)["notificationItems"][0]["NotificationRequestItem"]
            given = str(item["additionalData"]["hmacSignature"])
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"the webhook has no {error}") from error
        expected = signature(sandbox.credentials["adyen"]["hmac_key"], item)
        if not compare_digest(given.encode(), expected.encode()):
            raise ValueError("the webhook's signature is wrong")
        return str(item["eventCode"]), str(item["pspReference"])


def _amount(amount: Money | None) -> dict[str, Any] | None:
    return None if amount is None else {"currency": amount.currency, "value": amount.minor}


def _look_up(
    sandbox: Sandbox, operation: str, money: Mapping[str, Any] | None, earlier: Mapping[str, Any]
) -> dict[str, Any]:
    """A balance, or what can be paid with: for an amount, where there is one."""
    amount = {"amount": money} if money else {}
    if operation == "balance":
        return {"paymentMethod": _voucher(sandbox) or _CARD, **amount}
    order = {"order": _order(earlier)} if "orderData" in earlier else {}
    return {"countryCode": "FR", **amount, **order}


def _shown(operation: str) -> dict[str, str]:
    """What sessions and links need besides, as they have a page; an order has none."""
    return {} if operation == "create_order" else {"countryCode": "FR", "returnUrl": _RETURN}


def _order(earlier: Mapping[str, Any]) -> dict[str, str]:
    """The order that an answer of POST /orders is, or that a payment's answer tells of."""
    found = earlier.get("order", earlier)
    return {"pspReference": str(found["pspReference"]), "orderData": str(found["orderData"])}


def _voucher(sandbox: Sandbox) -> dict[str, str] | None:
    holdings: Holdings = sandbox.world.setups["adyen"].world
    voucher = next(iter(holdings.vouchers.values()), None)
    if voucher is None:
        return None
    month, _, year = (voucher.expiry or "03/2030").partition("/")
    told = {"type": "mealVoucher_FR", "brand": voucher.brand, "number": voucher.number}
    return {**told, "expiryMonth": month, "expiryYear": year, "cvc": voucher.code or "737"}


def _payment(sandbox: Sandbox, amount: Money | None, earlier: Mapping[str, Any]) -> dict[str, Any]:
    """A card pays on its own; inside an order the first payment is by voucher, any later one by card."""
    body: dict[str, Any] = {"reference": "ORDER-1", "returnUrl": _RETURN, "paymentMethod": dict(_CARD)}
    found = earlier.get("order", earlier)
    if "orderData" in found:
        body["order"] = _order(earlier)
        remaining = found.get("remainingAmount")
        first = remaining == found.get("amount")
        body["paymentMethod"] = (_voucher(sandbox) if first else None) or dict(_CARD)
        body["amount"] = _amount(amount) or remaining
    elif amount is not None:
        body["amount"] = _amount(amount)
    return body


def _details(sandbox: Sandbox, earlier: Mapping[str, Any]) -> dict[str, Any]:
    """What the shopper of a redirect brings back."""
    purchase = find(sandbox.world, str(earlier.get("pspReference", "")))
    payment: Payment | None = purchase.payment(str(earlier["pspReference"])) if purchase is not None else None
    if payment is None or payment.action is None:
        raise KeyError("an answer with a redirect")
    return {"details": {"redirectResult": tokens.redirect_result(payment.ref, payment.action.secret)}}


def _in_test_form(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith("eyJ"):
        return value
    try:
        opened = open_field(value).value
    except (Undecryptable, NotSupported):
        return value
    return value if opened is None else f"{TEST}{opened}"


_HIDDEN = {
    "type": "scheme",
    "encryptedCardNumber": "test_4111111111111111",
    "encryptedExpiryMonth": "test_03",
    "encryptedExpiryYear": "test_2030",
    "encryptedSecurityCode": "test_737",
}
_SEEN = "eyJ0aHJlZURTQ29tcEluZCI6IlkifQ=="
"""``{"threeDSCompInd":"Y"}`` in base64."""


def _browser(operation: str, earlier: Mapping[str, Any]) -> tuple[Mapping[str, str], Any]:
    """What the shop's page sends: of a session its sessionData, of an action its paymentData."""
    match operation:
        case "order_status":
            return {}, {"orderData": _order(earlier)["orderData"]}
        case "payment_status":
            return {}, {"paymentData": earlier["action"]["paymentData"]}
        case "submit_fingerprint":
            return {}, {"fingerprintResult": _SEEN, "paymentData": earlier["action"]["paymentData"]}
        case "bin_lookup":
            return {}, {"encryptedBin": "test_41111111111", "requestId": "1", "supportedBrands": ["visa"]}
    body: dict[str, Any] = {"sessionData": str(earlier.get("sessionData", ""))}
    if operation in ("session_payments", "session_balance"):
        body["paymentMethod"] = dict(_HIDDEN)
    return {"sessionId": str(earlier.get("id", ""))}, body


def _modification(
    operation: str, money: Mapping[str, Any] | None, earlier: Mapping[str, Any]
) -> tuple[Mapping[str, str], Any]:
    if operation == "cancel_by_reference":
        return {}, {"paymentReference": str(earlier.get("merchantReference", "ORDER-1"))}
    path = {"paymentPspReference": str(earlier.get("paymentPspReference", earlier.get("pspReference", "")))}
    with_amount = operation in ("capture", "refund", "amount_update") and money is not None
    return path, {"amount": money} if with_amount else {}


__all__ = ["AdyenMerchant"]
