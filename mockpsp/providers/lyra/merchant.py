"""The marketplace's side: calls with login and password, webhooks as they come; for stories and tests."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from json import dumps, loads
from typing import Any
from urllib.parse import quote, urlencode

from mockpsp.domain.money import Money
from mockpsp.edge.provider import Route
from mockpsp.providers.lyra.answers import BASES
from mockpsp.providers.lyra.holdings import VOUCHER_TYPES, Holdings, Seller
from mockpsp.providers.lyra.notices import EVENTS
from mockpsp.world.sandboxes import Sandbox

_BASE = "/marketplace-test/v1"
_BUYER = {"type": "PRIVATE", "email": "buyer@example.test", "phone_number": "+33 1 00 00 00 00"}
_NAMED = ("order", "item", "refund", "token", "registration", "seller", "transaction", "transfer", "cashout")
_WITH_ITEMS = ("create_order", "get_order", "update_order")
_WITH_MARKETPLACE = ("create_order", "create_registration", "create_token", "create_embedded_token")
_FORM = "application/x-www-form-urlencoded"


class LyraMerchant:
    """Implements ``edge.provider.MerchantCalls``."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes: dict[str, Route] = {}
        for route in routes:
            if route.path.startswith(f"{_BASE}/") or not route.path.startswith(BASES):
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
        """See MerchantCalls. Calls with items expand them unless the query says otherwise; there are no keys.

        A body without a marketplace, or a path, gets the sandbox's. Files of a document are a text under ``file``.
        """
        route = self._routes[operation]
        given = sandbox.credentials["lyra"]
        variables = {"marketplace": given["marketplace"], **path}
        target = "/".join(
            quote(str(variables[part[1:-1]]), safe="") if part.startswith("{") else part
            for part in route.path.split("/")
        )
        query = query or ({"expand": "items,transactions"} if operation in _WITH_ITEMS else {})
        if query:
            target += f"?{urlencode(query, doseq=True)}"
        proof = b64encode(f"{given['login']}:{given['password']}".encode()).decode()
        sent = {"Accept": "application/json"}
        if operation != "get_access_token":  # there it would stand for the client's id and secret
            sent["Authorization"] = f"Basic {proof}"
        payload, media = _payload(operation, body, given["marketplace"])
        if media:
            sent["Content-Type"] = media
        return route.method, target, {**sent, **headers}, payload

    def usual(
        self, sandbox: Sandbox, operation: str, *, amount: Money | None, of: Any
    ) -> tuple[Mapping[str, str], Any]:
        """See MerchantCalls. The usual order is one item of the first seller, payable with all its voucher types."""
        if operation not in self._routes:
            raise KeyError(operation)
        earlier: Mapping[str, Any] = of if isinstance(of, Mapping) else {}
        path = _path(self._routes[operation].path, earlier)
        match operation:
            case "create_order":
                return {}, _order(sandbox, amount)
            case "create_item" | "create_order_item":
                seller = _seller(sandbox)
                return path, {"order": _uuid(earlier), **_item(seller, amount.minor if amount is not None else 1000)}
            case "create_refund":
                return {}, _refund(earlier, amount)
            case "create_token" | "create_embedded_token":
                return {}, {"buyer": dict(_BUYER), "currency": "EUR"}
            case "create_webhook" | "update_webhook":
                return path, {"event_type": "order", "target": None}
            case "create_registration":
                return {}, _registration()
            case "get_access_token":
                given = sandbox.credentials["lyra"]
                client = {name: given[name] for name in ("client_id", "client_secret")}
                return {}, {"grant_type": "client_credentials", **client}
            case _:
                return path, {} if self._routes[operation].method == "PUT" else None

    def opened(self, body: Any) -> Any:
        """See MerchantCalls. No call carries anything encrypted."""
        return body

    def webhook_kind(self, sandbox: Sandbox, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
        """See MerchantCalls. Webhooks are not signed: one key, one uuid."""
        told = loads(body)
        if not isinstance(told, dict) or len(told) != 1:
            raise ValueError("the webhook does not hold exactly one key")
        kind, reference = next(iter(told.items()))
        if kind not in EVENTS or not isinstance(reference, str):
            raise ValueError(f"{kind!r} is no event")
        return kind, reference


def _payload(operation: str, body: Any, marketplace: str) -> tuple[bytes | None, str]:
    if body is None:
        return None, ""
    if operation == "get_access_token":
        return urlencode(body).encode(), _FORM
    if operation == "create_document":
        return _multipart(body)
    if isinstance(body, dict) and operation in _WITH_MARKETPLACE:
        body = {"marketplace": marketplace, **body}
    return dumps(body, ensure_ascii=False).encode(), "application/json"


def _multipart(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """A form with a file, as browsers send it."""
    boundary = "mockpsp-document"
    lines = []
    for name, value in fields.items():
        file = '; filename="document.pdf"\r\nContent-Type: application/pdf' if name == "file" else ""
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n')
    return f"{''.join(lines)}--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _uuid(earlier: Mapping[str, Any]) -> str:
    return str(earlier.get("uuid") or earlier.get("token") or earlier.get("trans_uuid") or "")


def _path(pattern: str, earlier: Mapping[str, Any]) -> dict[str, str]:
    """What an earlier answer fills of a path: an order by its uuid, or by the one that a part of it names."""
    names = [part[1:-1] for part in pattern.split("/") if part.startswith("{")]
    path = {}
    for name in names:
        if name in _NAMED and earlier:
            path[name] = str(earlier.get(name) or _uuid(earlier))
    return path


def _seller(sandbox: Sandbox) -> Seller:
    own: Holdings = sandbox.world.setups["lyra"].world
    return next(iter(own.sellers.values()))


def _item(seller: Seller, amount: int) -> dict[str, Any]:
    return {"seller": seller.uuid, "reference": "ITEM-1", "description": "Item 1", "amount": amount}


def _order(sandbox: Sandbox, amount: Money | None) -> dict[str, Any]:
    total = amount or Money(4000, "EUR")
    seller = _seller(sandbox)
    own: Holdings = sandbox.world.setups["lyra"].world
    item = _item(seller, total.minor)
    vouchers = [each for each in VOUCHER_TYPES if each in seller.vouchers and each in own.marketplace.vouchers]
    if total.currency == "EUR" and vouchers:
        item["vouchers"] = [
            {"contract_type": each, **({"eligible_amount": total.minor} if each == "CONECS" else {})}
            for each in vouchers
        ]
    return {"reference": "ORDER-1", "currency": total.currency, "buyer": dict(_BUYER), "items": [item]}


def _refund(earlier: Mapping[str, Any], amount: Money | None) -> dict[str, Any]:
    """A refund of an order's first item."""
    items = earlier.get("items") or [{}]
    first = items[0]
    return {
        "order": _uuid(earlier),
        "reference": "REFUND-1",
        "currency": earlier.get("currency", "EUR"),
        "items": [
            {
                "seller": first.get("seller"),
                "reference": "REFUND-1-1",
                "amount": amount.minor if amount is not None else first.get("amount", 0),
            }
        ],
    }


def _registration() -> dict[str, Any]:
    address = {"country": "FR"}
    return {
        "person_type": "PM",
        "name": "Chez Lucie SARL",
        "description": "Traiteur",
        "vat_number": "FR00123456782",
        "external_ref": "chez-lucie",
        "iban": "FR7630006000011234567890189",
        "address": address,
        "board": [
            {
                "role": "LEGAL_REP",
                "title": "MRS",
                "first_name": "Lucie",
                "last_name": "Marchand",
                "birth_date": "1984-02-11",
                "birth_city": "ALBI",
                "nationality": "FR",
                "address": address,
            }
        ],
        "activities": [{"name": "Chez Lucie", "siret": "12345678200010"}],
        "vouchers": [{"contract_type": "CONECS", "contract_number": "1204477"}],
    }


__all__ = ["LyraMerchant"]
