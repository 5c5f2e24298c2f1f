"""The merchant's side: signed calls and verified webhooks, for stories and tests."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from hmac import compare_digest
from json import dumps, loads
from typing import Any
from urllib.parse import quote, urlencode

from mockpsp.domain.money import Money
from mockpsp.edge.provider import Route
from mockpsp.providers.worldline.auth import SCHEME, data_to_sign, sign
from mockpsp.providers.worldline.holdings import CV_CONNECT
from mockpsp.providers.worldline.vault import SEALED
from mockpsp.providers.worldline.webhooks import signature
from mockpsp.world.sandboxes import Sandbox

_META = b64encode(b'{"sdkCreator":"mockpsp","sdkIdentifier":"mockpsp/story"}').decode()
_RETURN = "https://shop.example/return"


class WorldlineMerchant:
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
        """See MerchantCalls. What stands under ``encrypt`` in ``encryptedCustomerInput`` goes as a browser encrypts it.

        Raises NotSupported for that without ``mockpsp[crypto]``.
        """
        route = self._routes[operation]
        if has_input(body):
            from mockpsp.providers.worldline.encryption import sealed_for_us

            body = sealed_for_us(body)
        given = sandbox.credentials["worldline"]
        values = {"merchantId": given["merchant_id"], **path}
        target = "/".join(
            quote(str(values[part[1:-1]]), safe="") if part.startswith("{") else part for part in route.path.split("/")
        )
        if query:
            target += f"?{urlencode(query, doseq=True)}"
        payload = None if body is None else dumps(body, ensure_ascii=False).encode()
        sent = {"Date": format_datetime(now.astimezone(UTC), usegmt=True), "X-GCS-ServerMetaInfo": _META}
        if key is not None:
            sent["X-GCS-Idempotence-Key"] = key
        if payload is not None:
            sent["Content-Type"] = "application/json"
        gcs = [(name, value) for name, value in sent.items() if name.lower().startswith("x-gcs")]
        data = data_to_sign(route.method, sent.get("Content-Type", ""), sent["Date"], gcs, target)
        sent["Authorization"] = f"{SCHEME}{given['api_key_id']}:{sign(given['secret_api_key'], data)}"
        return route.method, target, {**sent, **headers}, payload

    def usual(
        self, sandbox: Sandbox, operation: str, *, amount: Money | None, of: Any
    ) -> tuple[Mapping[str, str], Any]:
        """See MerchantCalls. The beneficiary is the scenario's first wallet; without one there are no vouchers."""
        asked = self._routes[operation].path
        named = {name: value for name, value in _named(of).items() if f"{{{name}}}" in asked}
        if amount is None:
            return named, None
        if operation == "capture":
            return named, {"amount": amount.minor}
        sum_of_money = {"amount": amount.minor, "currencyCode": amount.currency}
        if operation in ("cancel", "refund"):
            return named, {"amountOfMoney": sum_of_money}
        order = {"amountOfMoney": sum_of_money, "references": {"merchantReference": "ORDER-1"}}
        return named, {"order": order, **_means(sandbox, operation)}

    def opened(self, body: Any) -> Any:
        """See MerchantCalls. What the client SDK encrypted is told in clear, under ``encrypt``."""
        if not has_input(body):
            return body
        from mockpsp.providers.worldline.encryption import opened_for_all

        return opened_for_all(body)

    def webhook_kind(self, sandbox: Sandbox, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
        """See MerchantCalls."""
        given = sandbox.credentials["worldline"]
        found = {name.lower(): value for name, value in headers.items()}
        if found.get("x-gcs-keyid") != given["webhook_key_id"]:
            raise ValueError("the webhook names another key")
        expected = signature(given["webhook_secret"], body)
        if not compare_digest(found.get("x-gcs-signature", "").encode(), expected.encode()):
            raise ValueError("the webhook's signature is wrong")
        event = loads(body)
        part = event.get("payment") or event.get("refund") or {}
        return str(event["type"]), str(part.get("id", ""))


def has_input(body: Any) -> bool:
    """Whether a body has card data that a browser encrypts, on its own or as the source of a card."""
    return isinstance(body, Mapping) and (SEALED in body or has_input(body.get("cardSource")))


def _means(sandbox: Sandbox, operation: str) -> dict[str, Any]:
    """What a usual create call says besides its order."""
    wallets = sandbox.world.setups["worldline"].world.wallets
    vouchers: dict[str, Any] = {}
    if wallets:
        vouchers = {
            "paymentProductId": CV_CONNECT,
            "paymentProduct5412SpecificInput": {"beneficiaryId": next(iter(wallets))},
        }
    if operation == "create_hosted_checkout":
        page = {"hostedCheckoutSpecificInput": {"locale": "fr_FR", "returnUrl": _RETURN}}
        return {**page, "redirectPaymentMethodSpecificInput": vouchers} if vouchers else page
    if operation == "create_payment" and vouchers:
        return {"redirectPaymentMethodSpecificInput": {**vouchers, "redirectionData": {"returnUrl": _RETURN}}}
    return {}


def _named(answer: Any) -> dict[str, str]:
    """Path parameters that an earlier answer gives: of the checkout or payment that it opened or looked at."""
    if not isinstance(answer, Mapping):
        return {}
    found = answer.get("paymentResult", answer)
    if "hostedCheckoutId" in found:
        return {"hostedCheckoutId": found["hostedCheckoutId"], "paymentId": f"{found['hostedCheckoutId']}_0"}
    payment = found.get("payment", found)
    return {"paymentId": str(payment["id"])} if "id" in payment else {}
