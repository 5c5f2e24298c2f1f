"""Where the server's API is; ``api`` itself is imported at the first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mockpsp.edge.late import ApiRoute
from mockpsp.edge.provider import Route

JSON = "application/json;charset=UTF-8"
VERSIONS = ("v70", "v71", "v72")
BASES = tuple(f"{prefix}/{version}" for prefix in ("", "/checkout") for version in VERSIONS)

_OPERATIONS: tuple[tuple[str, str, str], ...] = (
    ("POST", "/paymentMethods", "payment_methods"),
    ("POST", "/paymentMethods/balance", "balance"),
    ("POST", "/orders", "create_order"),
    ("POST", "/orders/cancel", "cancel_order"),
    ("POST", "/payments", "payments"),
    ("POST", "/payments/details", "payments_details"),
    ("POST", "/payments/{paymentPspReference}/captures", "capture"),
    ("POST", "/payments/{paymentPspReference}/refunds", "refund"),
    ("POST", "/payments/{paymentPspReference}/cancels", "cancel"),
    ("POST", "/payments/{paymentPspReference}/reversals", "reversal"),
    ("POST", "/payments/{paymentPspReference}/amountUpdates", "amount_update"),
    ("POST", "/cancels", "cancel_by_reference"),
    ("POST", "/sessions", "create_session"),
    ("GET", "/sessions/{sessionId}", "get_session"),
    ("POST", "/paymentLinks", "create_payment_link"),
    ("GET", "/paymentLinks/{linkId}", "get_payment_link"),
    ("PATCH", "/paymentLinks/{linkId}", "update_payment_link"),
    ("POST", "/cardDetails", "card_details"),
)
"""Method, path and operation; the handler in ``api`` is called like the operation."""


def mounted(rows: tuple[tuple[str, ...], ...], make: Callable[..., Any]) -> tuple[Any, ...]:
    """Something for each operation below each base path; the newest version comes first."""
    bases = sorted(BASES, key=lambda each: (each.startswith("/checkout"), each != "/v72", each))
    return tuple(make(method, f"{base}{path}", *rest) for method, path, *rest in rows for base in bases)


_api = ApiRoute("mockpsp.providers.adyen.api")


def _route(method: str, path: str, operation: str) -> Route:
    return _api(method, path, operation, idempotent=method == "POST")


_STORED: tuple[tuple[str, str, str], ...] = (
    ("GET", "/storedPaymentMethods", "get_stored_payment_methods"),
    ("DELETE", "/storedPaymentMethods/{storedPaymentMethodId}", "delete_stored_payment_method"),
)
_stored = ApiRoute("mockpsp.providers.adyen.stored_api")

ROUTES: tuple[Route, ...] = (*mounted(_OPERATIONS, _route), *mounted(_STORED, _stored))
