"""Where a shopper's browser calls us with a client key; ``web`` itself is imported at the first call.

Source: ``core/Environment`` and ``core/Services`` of adyen-web. The routes are there twice: a key that begins with
``test_`` is only used by adyen-web where the address says ``test`` as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.edge.exchange import Exchange
from mockpsp.edge.late import ApiRoute, LateHandler
from mockpsp.edge.provider import Access, Route

SHOPPER = "/checkoutshopper"
ANALYTICS = "/checkoutanalytics"
WEB_BASES = (f"{SHOPPER}/test", SHOPPER)
"""What adyen-web calls ``api``; the first is what we recommend."""

_SESSION = "v1/sessions/{sessionId}"
_CALLS: tuple[tuple[str, str], ...] = (
    (f"{_SESSION}/setup", "session_setup"),
    (f"{_SESSION}/paymentMethodBalance", "session_balance"),
    (f"{_SESSION}/orders", "session_order"),
    (f"{_SESSION}/orders/cancel", "session_cancel_order"),
    (f"{_SESSION}/payments", "session_payments"),
    (f"{_SESSION}/paymentDetails", "session_details"),
    (f"{_SESSION}/disableToken", "session_disable_token"),
    ("v1/order/status", "order_status"),
    ("v1/submitThreeDS2Fingerprint", "submit_fingerprint"),
    ("services/PaymentInitiation/v1/status", "payment_status"),
)
"""Path and operation; all are POST."""
_LOOKUP = "v3/bin/binLookup"

WEB_OPERATIONS = frozenset({"bin_lookup", *(operation for _, operation in _CALLS)})

CORS: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Pspreference, Mockpsp-Trace",
}
"""On every answer to a browser, refusals included, or the page may not read it."""

PREFLIGHT: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}

_api = ApiRoute("mockpsp.providers.adyen.web")
_bins = ApiRoute("mockpsp.providers.adyen.bins")
_preflight = LateHandler("mockpsp.providers.adyen.web", "preflight")


def preflight(path: str) -> Route:
    """Where a browser asks whether a page may make a call."""
    return Route(method="OPTIONS", path=path, operation="web_preflight", handler=_preflight, access=Access.ASSET)


_ASSET = Access.ASSET  # asked for at every request, and members of an enumeration are slow to reach


def by_browser(x: Exchange) -> bool:
    """Whether a page's script asks, which may read the answer only if we let it: also where we have no such path."""
    if x.route is None:
        return x.request.path.startswith((f"{SHOPPER}/", f"{ANALYTICS}/"))
    return x.route.access is _ASSET or x.route.operation in WEB_OPERATIONS


ROUTES: tuple[Route, ...] = (
    *(_api("POST", f"{base}/{path}", operation) for base in WEB_BASES for path, operation in _CALLS),
    *(_bins("POST", f"{base}/{_LOOKUP}", "bin_lookup") for base in WEB_BASES),
    *(preflight(f"{base}/{path}") for base in WEB_BASES for path in (_LOOKUP, *(path for path, _ in _CALLS))),
)
