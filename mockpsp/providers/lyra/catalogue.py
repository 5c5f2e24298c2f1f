"""The words that scenarios may use of Lyra Marketplace."""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.providers.lyra import enrolment_words, holdings, settings
from mockpsp.scenario.catalogue import Agree, Catalogue, Operation, Parts, Place, Sums

_REASONS = tuple(sorted(holdings.REASONS))
_PAID = {
    "amount": "money",
    "order_amount": "money",
    "merchant_reference": "text",
    "number": "text",
    "attempt": "number",
}

OPERATIONS: Mapping[str, Operation] = {
    "conecs": Operation(
        title="the shopper pays a share by meal card; a rule that accepts does not fill an empty card",
        facts=_PAID,
        outcomes={"accepted": (), "refused": _REASONS},
    ),
    "cv_connect": Operation(
        title="the shopper pays a share by holiday vouchers (number is the beneficiary)",
        facts=_PAID,
        outcomes={"accepted": (), "refused": _REASONS},
    ),
    "card": Operation(
        title="a payment card pays what is left, on the page or by execute-mit; challenge asks for 3-D Secure",
        facts=_PAID,
        outcomes={"accepted": (), "refused": _REASONS, "challenge": ()},
    ),
    "registered_card": Operation(
        title="the buyer registers a card without a payment",
        facts={"number": "text"},
        outcomes={"accepted": (), "refused": _REASONS, "challenge": ()},
    ),
    "capture": Operation(
        title="the bank captures a transaction",
        facts={"amount": "money", "scheme": "text", "sequence": "number", "merchant_reference": "text"},
        outcomes={"captured": (), "failed": _REASONS},
    ),
    "refund": Operation(
        title="a refund is processed",
        facts={"amount": "money", "reference": "text", "merchant_reference": "text"},
        outcomes={"succeeded": (), "failed": _REASONS},
    ),
    "cashout": Operation(
        title="a seller's cashout is paid",
        facts={"amount": "money", "seller_external_ref": "text"},
        outcomes={"paid": (), "failed": _REASONS, "rejected": _REASONS},
    ),
    **enrolment_words.OPERATIONS,
}

CALLS: Mapping[str, str] = {
    "list_orders": "GET /orders",
    "create_order": "POST /orders?expand=items",
    "get_order": "GET /orders/{order}",
    "update_order": "PUT /orders/{order}",
    "cancel_order": "DELETE /orders/{order}",
    "execute": "GET /orders/{order}/execute",
    "execute_token": "GET /orders/{order}/execute/token",
    "execute_embedded": "GET /orders/{order}/execute-embedded",
    "execute_embedded_token": "GET /orders/{order}/execute-embedded/token",
    "execute_mit": "GET /orders/{order}/execute-mit",
    "persist": "GET /orders/{order}/persist",
    "validate_order": "POST /orders/{order}/validate",
    "activate_order": "POST /orders/{order}/activate",
    "list_order_items": "GET /orders/{order}/items",
    "create_order_item": "POST /orders/{order}/items",
    "list_order_transactions": "GET /orders/{order}/transactions",
    "list_order_refunds": "GET /orders/{order}/refunds",
    "list_order_transfers": "GET /orders/{order}/transfers",
    "list_items": "GET /items",
    "create_item": "POST /items",
    "get_item": "GET /items/{item}",
    "update_item": "PUT /items/{item}",
    "list_item_transfers": "GET /items/{item}/transfers",
    "activate_item": "POST /items/{item}/activate",
    "list_refunds": "GET /refunds",
    "create_refund": "POST /refunds",
    "get_refund": "GET /refunds/{refund}",
    "update_refund": "PUT /refunds/{refund}",
    "delete_refund": "DELETE /refunds/{refund}",
    "list_transactions": "GET /transactions",
    "get_transaction": "GET /transactions/{transaction}",
    "list_transaction_transfers": "GET /transactions/{transaction}/transfers",
    "list_transfers": "GET /transfers",
    "get_transfer": "GET /transfers/{transfer}",
    "list_tokens": "GET /tokens",
    "create_token": "POST /tokens",
    "create_embedded_token": "POST /tokens/embedded",
    "get_token": "GET /tokens/{token}",
    "list_cashouts": "GET /cashouts",
    "get_cashout": "GET /cashouts/{cashout}",
    "list_marketplaces": "GET /marketplaces",
    "get_marketplace": "GET /marketplaces/{marketplace}",
    "list_marketplace_orders": "GET /marketplaces/{marketplace}/orders",
    "list_marketplace_sellers": "GET /marketplaces/{marketplace}/sellers",
    "list_marketplace_registrations": "GET /marketplaces/{marketplace}/registrations",
    "list_marketplace_transactions": "GET /marketplaces/{marketplace}/transactions",
    "get_alias": "GET /marketplaces/{marketplace}/alias/{alias}",
    "list_webhooks": "GET /marketplaces/{marketplace}/webhooks",
    "create_webhook": "POST /marketplaces/{marketplace}/webhooks",
    "update_webhook": "PUT /marketplaces/{marketplace}/webhooks",
    "delete_webhook": "DELETE /marketplaces/{marketplace}/webhooks/{event}",
    "list_sellers": "GET /sellers",
    "get_seller": "GET /sellers/{seller}",
    "list_seller_items": "GET /sellers/{seller}/items",
    "list_seller_transfers": "GET /sellers/{seller}/transfers",
    "list_seller_cashouts": "GET /sellers/{seller}/cashouts",
    "list_registrations": "GET /registrations",
    "create_registration": "POST /registrations",
    "get_registration": "GET /registrations/{registration}",
    "update_registration": "PUT /registrations/{registration}",
    "get_registration_status": "GET /registrations/{registration}/status",
    "submit_registration": "POST /registrations/{registration}/submit",
    "list_documents": "GET /registrations/{registration}/documents",
    "create_document": "POST /registrations/{registration}/documents",
    "get_access_token": "POST /auth/realms/marketplace/protocol/openid-connect/token",
}

EVENTS: Mapping[str, str] = {
    "order": "an order has another status",
    "token": "a payment method was registered, or was not",
    "refund": "a refund has another status",
    **enrolment_words.EVENTS,
}

_PAGE = {"amount": "money", "merchant_reference": "text"}
_CARD = ("number", "expiry", "cvv", "holder", "code", "stored", "bank")

_PAID_STATES = ("PENDING", "SUCCEEDED")
_TRANSACTIONS = ("status", (*_PAID_STATES, "TO_VALIDATE"))
"""Transactions that were given back stay in an order that failed, and are not all of its amount."""

SUMS = Sums(
    request=(
        Parts(whole="", parts="items.amount", agree=Agree.TOGETHER, total=True),
        Parts(whole="amount", parts="vouchers.eligible_amount"),
        Parts(whole="amount", parts="commission_amount"),
    ),
    answer=(
        Parts(whole="amount", parts="items.amount", agree=Agree.TOGETHER, total=True),
        Parts(whole="amount", parts="transactions.amount", agree=Agree.TOGETHER, when=_TRANSACTIONS, total=True),
        Parts(whole="amount", parts="vouchers.actual_amount", agree=Agree.WITHIN),
        Parts(whole="amount", parts="vouchers.eligible_amount"),
        Parts(whole="initial_amount", parts="amount"),
    ),
    state=(
        Parts(whole="total", parts="items.amount", agree=Agree.TOGETHER, total=True),
        Parts(whole="total", parts="transactions.amount", agree=Agree.TOGETHER, when=_TRANSACTIONS, total=True),
        Parts(whole="amount", parts="vouchers.*.actual", agree=Agree.WITHIN),
        Parts(whole="total", parts="remaining", total=True),
    ),
    opens=frozenset({"create_order"}),
    pays=frozenset({"execute_mit"}),
    takes={"create_refund": "refunded"},
    changes=frozenset({"update_order", "create_item", "create_order_item", "update_item"}),
    later=True,
    shows=frozenset({"get_order"}),
    left=("remaining",),
    paid={"status": _PAID_STATES},
)


def catalogue() -> Catalogue:
    """What the loader checks names against."""
    return Catalogue(
        signs=False,
        operations=OPERATIONS,
        calls=CALLS,
        call_facts={
            "amount": "money",
            "merchant_reference": "text",
            "order": "text",
            "marketplace": "text",
            "transaction": "text",
            **enrolment_words.EVENT_FACTS,
        },
        events=EVENTS,
        places={
            "payment_page": Place(
                title="an order's payment page",
                facts=_PAGE,
                tenders={"conecs": ("number", "expiry", "cvv"), "cv_connect": ("beneficiary",), "card": _CARD},
                acts=("refuses", "bank"),
                refusable={"cv_connect": ("amount", "beneficiary")},
            ),
            "token_page": Place(title="where a card is registered", facts={}, tenders={"card": _CARD}, acts=("bank",)),
        },
        world=holdings.SCHEMA,
        settings=settings.SCHEMA,
        back_office=enrolment_words.BACK_OFFICE,
        sums=SUMS,
    )
