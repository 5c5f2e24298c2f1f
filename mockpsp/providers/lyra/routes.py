"""Where Lyra's API answers: every operation below four prefixes, with and without a slash at its end."""

from __future__ import annotations

from collections.abc import Iterator

from mockpsp.edge.late import LateHandler
from mockpsp.edge.provider import Route
from mockpsp.providers.lyra.answers import BASES
from mockpsp.providers.lyra.auth import TOKEN_PATH

_ORDERS, _PARTS = "mockpsp.providers.lyra.api_orders", "mockpsp.providers.lyra.api_parts"
_MARKET, _ENROLMENT = "mockpsp.providers.lyra.api_market", "mockpsp.providers.lyra.enrolment_api"
_O, _M, _S, _R = "/orders/{order}", "/marketplaces/{marketplace}", "/sellers/{seller}", "/registrations/{registration}"

_TABLE: tuple[tuple[str, str, str, str], ...] = (
    ("GET", "/orders", _ORDERS, "list_orders"),
    ("POST", "/orders", _ORDERS, "create_order"),
    ("GET", _O, _ORDERS, "get_order"),
    ("PUT", _O, _ORDERS, "update_order"),
    ("DELETE", _O, _ORDERS, "cancel_order"),
    ("GET", f"{_O}/execute", _ORDERS, "execute"),
    ("GET", f"{_O}/execute/token", _ORDERS, "execute_token"),
    ("GET", f"{_O}/execute-embedded", _ORDERS, "execute_embedded"),
    ("GET", f"{_O}/execute-embedded/token", _ORDERS, "execute_embedded_token"),
    ("GET", f"{_O}/embedded-execute", _ORDERS, "execute_embedded"),
    ("GET", f"{_O}/embedded-execute/token", _ORDERS, "execute_embedded_token"),
    ("GET", f"{_O}/execute-mit", _ORDERS, "execute_mit"),
    ("GET", f"{_O}/persist", _ORDERS, "persist"),
    ("POST", f"{_O}/validate", _ORDERS, "validate_order"),
    ("POST", f"{_O}/activate", _ORDERS, "activate_order"),
    ("GET", f"{_O}/items", _ORDERS, "list_order_items"),
    ("POST", f"{_O}/items", _PARTS, "create_order_item"),
    ("GET", f"{_O}/transactions", _ORDERS, "list_order_transactions"),
    ("GET", f"{_O}/refunds", _ORDERS, "list_order_refunds"),
    ("GET", f"{_O}/transfers", _ORDERS, "list_order_transfers"),
    ("GET", "/items", _PARTS, "list_items"),
    ("POST", "/items", _PARTS, "create_item"),
    ("GET", "/items/{item}", _PARTS, "get_item"),
    ("PUT", "/items/{item}", _PARTS, "update_item"),
    ("GET", "/items/{item}/transfers", _PARTS, "list_item_transfers"),
    ("POST", "/items/{item}/activate", _PARTS, "activate_item"),
    ("GET", "/refunds", _PARTS, "list_refunds"),
    ("POST", "/refunds", _PARTS, "create_refund"),
    ("GET", "/refunds/{refund}", _PARTS, "get_refund"),
    ("PUT", "/refunds/{refund}", _PARTS, "update_refund"),
    ("DELETE", "/refunds/{refund}", _PARTS, "delete_refund"),
    ("GET", "/transactions", _PARTS, "list_transactions"),
    ("GET", "/transactions/{transaction}", _PARTS, "get_transaction"),
    ("GET", "/transactions/{transaction}/transfers", _PARTS, "list_transaction_transfers"),
    ("GET", "/transfers", _PARTS, "list_transfers"),
    ("GET", "/transfers/{transfer}", _PARTS, "get_transfer"),
    ("GET", "/tokens", _MARKET, "list_tokens"),
    ("POST", "/tokens", _MARKET, "create_token"),
    ("POST", "/tokens/embedded", _MARKET, "create_embedded_token"),
    ("GET", "/tokens/{token}", _MARKET, "get_token"),
    ("GET", "/cashouts", _MARKET, "list_cashouts"),
    ("GET", "/cashouts/{cashout}", _MARKET, "get_cashout"),
    ("GET", "/marketplaces", _MARKET, "list_marketplaces"),
    ("GET", _M, _MARKET, "get_marketplace"),
    ("GET", f"{_M}/orders", _ORDERS, "list_marketplace_orders"),
    ("GET", f"{_M}/sellers", _MARKET, "list_marketplace_sellers"),
    ("GET", f"{_M}/registrations", _ENROLMENT, "list_marketplace_registrations"),
    ("GET", f"{_M}/transactions", _MARKET, "list_marketplace_transactions"),
    ("GET", f"{_M}/alias/{{alias}}", _MARKET, "get_alias"),
    ("GET", f"{_M}/webhooks", _MARKET, "list_webhooks"),
    ("POST", f"{_M}/webhooks", _MARKET, "create_webhook"),
    ("PUT", f"{_M}/webhooks", _MARKET, "update_webhook"),
    ("DELETE", f"{_M}/webhooks/{{event}}", _MARKET, "delete_webhook"),
    ("GET", "/sellers", _MARKET, "list_sellers"),
    ("GET", _S, _MARKET, "get_seller"),
    ("GET", f"{_S}/items", _PARTS, "list_seller_items"),
    ("GET", f"{_S}/transfers", _PARTS, "list_seller_transfers"),
    ("GET", f"{_S}/cashouts", _MARKET, "list_seller_cashouts"),
    ("GET", "/registrations", _ENROLMENT, "list_registrations"),
    ("POST", "/registrations", _ENROLMENT, "create_registration"),
    ("GET", _R, _ENROLMENT, "get_registration"),
    ("PUT", _R, _ENROLMENT, "update_registration"),
    ("GET", f"{_R}/status", _ENROLMENT, "get_registration_status"),
    ("POST", f"{_R}/submit", _ENROLMENT, "submit_registration"),
    ("GET", f"{_R}/documents", _ENROLMENT, "list_documents"),
    ("POST", f"{_R}/documents", _ENROLMENT, "create_document"),
)
"""Method, path below a prefix, module and name of the handler, which is the operation's name too."""


def _routes() -> Iterator[Route]:
    for method, path, module, operation in _TABLE:
        handler = LateHandler(module, operation)
        for base in BASES:
            yield Route(method=method, path=f"{base}{path}", operation=operation, handler=handler, slash=True)
    handler = LateHandler(_MARKET, "get_access_token")
    yield Route(method="POST", path=TOKEN_PATH, operation="get_access_token", handler=handler, claims=True)


ROUTES: tuple[Route, ...] = tuple(_routes())
