"""Where the API is, the server's and the browser's; ``api`` and ``services`` are imported at the first call of each."""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.edge.exchange import Exchange
from mockpsp.edge.late import ApiRoute, PageRoute
from mockpsp.edge.provider import Route
from mockpsp.providers.worldline.auth import CLIENT_SCHEME
from mockpsp.providers.worldline.pictures import ASSETS

_V2 = "/v2/{merchantId}"
_PAYMENT = f"{_V2}/payments/{{paymentId}}"
_api = ApiRoute("mockpsp.providers.worldline.api")
_service = ApiRoute("mockpsp.providers.worldline.services")
_open = PageRoute("mockpsp.providers.worldline.services")

_PAYMENTS: tuple[Route, ...] = (
    _api("POST", f"{_V2}/hostedcheckouts", "create_hosted_checkout", idempotent=True),
    _api("GET", f"{_V2}/hostedcheckouts/{{hostedCheckoutId}}", "get_hosted_checkout"),
    _api("POST", f"{_V2}/payments", "create_payment", idempotent=True),
    _api("GET", _PAYMENT, "get_payment"),
    _api("GET", f"{_PAYMENT}/details", "get_payment_details"),
    _api("POST", f"{_PAYMENT}/capture", "capture", idempotent=True),
    _api("POST", f"{_PAYMENT}/cancel", "cancel", idempotent=True),
    _api("POST", f"{_PAYMENT}/refund", "refund", idempotent=True),
    _api("GET", f"{_PAYMENT}/captures", "get_captures"),
    _api("GET", f"{_PAYMENT}/refunds", "get_refunds"),
    _api("POST", f"{_PAYMENT}/subsequent", "subsequent_payment", idempotent=True),
)

_SERVER: tuple[tuple[str, str, str], ...] = (
    ("GET", "products", "get_products"),
    ("GET", "products/{paymentProductId}", "get_product"),
    ("GET", "products/{paymentProductId}/networks", "get_product_networks"),
    ("GET", "products/{paymentProductId}/directory", "get_product_directory"),
    ("POST", "products/{paymentProductId}/sessions", "create_product_session"),
    ("GET", "productgroups", "get_product_groups"),
    ("GET", "productgroups/{paymentProductGroupId}", "get_product_group"),
    ("POST", "tokens", "create_token"),
    ("GET", "tokens/{tokenId}", "get_token"),
    ("DELETE", "tokens/{tokenId}", "delete_token"),
    ("POST", "sessions", "create_session"),
    ("GET", "services/testconnection", "test_connection"),
    ("POST", "services/getIINdetails", "get_iin_details"),
    ("POST", "services/dccrate", "get_dcc_rate"),
    ("POST", "services/surchargecalculation", "calculate_surcharge"),
    ("GET", "services/privacypolicy", "get_privacy_policy"),
    ("POST", "webhooks/validateCredentials", "validate_webhook_credentials"),
    ("POST", "webhooks/sendtest", "send_test_webhook"),
)
"""Below ``/v2/{merchantId}``."""

_V1 = "v1/{customerId}"
_CLIENT: tuple[tuple[str, str, str], ...] = (
    ("GET", f"{_V1}/products", "client_get_products"),
    ("GET", f"{_V1}/products/{{paymentProductId}}", "client_get_product"),
    ("GET", f"{_V1}/products/{{paymentProductId}}/networks", "client_get_product_networks"),
    ("GET", f"{_V1}/productgroups", "client_get_product_groups"),
    ("GET", f"{_V1}/crypto/publickey", "client_get_public_key"),
    ("POST", f"{_V1}/services/getIINdetails", "client_get_iin_details"),
    ("POST", f"{_V1}/services/surchargeCalculation", "client_calculate_surcharge"),
    ("POST", "v2/{customerId}/services/dccrate", "client_get_dcc_rate"),
)
"""Below ``/client``, and below the bare host as older clients call it."""

CLIENT_OPERATIONS = frozenset(operation for _, _, operation in _CLIENT)
"""Authenticated by the client session."""

CORS: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Correlation-Id, Mockpsp-Trace",
}
"""On every answer to a browser, refusals included, or the page may not read it."""


def by_browser(x: Exchange) -> bool:
    """Whether a client session has to prove who is calling, instead of a signature."""
    route = x.route
    if route is None:
        return False
    if route.operation == "get_dcc_rate":
        return x.request.headers.get("Authorization", "").startswith(CLIENT_SCHEME)
    return route.operation in CLIENT_OPERATIONS


def _client_routes(base: str) -> tuple[Route, ...]:
    calls = (
        _service(method, f"{base}/{path}", operation)
        for method, path, operation in _CLIENT
        if base or operation != "client_get_dcc_rate"  # there the server's own call answers: it is the same path
    )
    return (*calls, *(_open("OPTIONS", f"{base}/{path}", "client_preflight", "preflight") for _, path, _ in _CLIENT))


ROUTES: tuple[Route, ...] = (
    *_PAYMENTS,
    *(_service(method, f"{_V2}/{path}", operation) for method, path, operation in _SERVER),
    *_client_routes("/client"),
    *_client_routes(""),
    _open("GET", f"{ASSETS}pm/{{name}}.svg", "picture", "picture"),
)

__all__ = ["CLIENT_OPERATIONS", "CORS", "ROUTES", "by_browser"]
