"""The words that scenarios may use of Worldline."""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.providers.worldline import holdings, settings
from mockpsp.providers.worldline.errors import REASONS
from mockpsp.scenario.catalogue import Agree, Catalogue, Operation, Parts, Place, Sums

_REASONS = tuple(REASONS)
_ORDER = {"amount": "money", "merchant_reference": "text", "order_amount": "money"}
_CARD = {**_ORDER, "brand": "text", "card": "text", "attempt": "number", "hosted": "flag"}
_MAINTENANCE = {**_ORDER, "payment_product": "number"}
_LATE = {"after": "duration", "resolves": "text"}

OPERATIONS: Mapping[str, Operation] = {
    "beneficiary": Operation(
        title="ANCV is asked who the beneficiary is",
        facts={
            "beneficiary": "text",
            "amount": "money",
            "attempt": "number",
            "merchant_reference": "text",
            "hosted": "flag",
        },
        outcomes={"known": (), "refused": _REASONS},
    ),
    "cv_connect": Operation(
        title="the beneficiary confirmed the vouchers in the app",
        facts={**_ORDER, "beneficiary": "text", "attempt": "number", "adjustable": "flag", "hosted": "flag"},
        outcomes={"accepted": (), "refused": _REASONS, "cancelled": (), "no_answer": (), "pending": _REASONS},
        details=_LATE,
    ),
    "card_complement": Operation(
        title="a card is to pay what vouchers left open",
        facts=_CARD,
        outcomes={"accepted": (), "refused": _REASONS, "pending": _REASONS},
        details=_LATE,
    ),
    "card_payment": Operation(
        title="a card is to pay the whole order",
        facts=_CARD,
        outcomes={"accepted": (), "refused": _REASONS},
    ),
    "capture": Operation(
        title="the merchant captures; the result comes after capture_delay",
        facts=_MAINTENANCE,
        outcomes={"accepted": (), "refused": (), "uncertain": ()},
    ),
    "cancel": Operation(
        title="the merchant cancels; the result comes after cancel_delay",
        facts=_MAINTENANCE,
        outcomes={"accepted": (), "refused": ()},
    ),
    "refund": Operation(
        title="the merchant refunds; the result comes after refund_delay, except declined, which is the call's answer",
        facts={**_MAINTENANCE, "voucher_share": "money", "card_share": "money"},
        outcomes={"accepted": (), "refused": (), "uncertain": (), "declined": _REASONS},
    ),
}

_CARD_FIELDS = ("number", "expiry", "cvv", "holder", "brand")
_PAGE = {"amount": "money", "beneficiary": "text", "merchant_reference": "text", "payment_product": "number"}
_TENDERS = {"cv_connect": ("beneficiary", "app"), "card": _CARD_FIELDS}

CALLS: Mapping[str, str] = {
    "create_hosted_checkout": "POST /hostedcheckouts",
    "get_hosted_checkout": "GET /hostedcheckouts/{hostedCheckoutId}",
    "create_payment": "POST /payments",
    "get_payment": "GET /payments/{paymentId}",
    "get_payment_details": "GET /payments/{paymentId}/details",
    "capture": "POST /payments/{paymentId}/capture",
    "cancel": "POST /payments/{paymentId}/cancel",
    "refund": "POST /payments/{paymentId}/refund",
    "get_captures": "GET /payments/{paymentId}/captures",
    "get_refunds": "GET /payments/{paymentId}/refunds",
    "subsequent_payment": "POST /payments/{paymentId}/subsequent",
    "get_products": "GET /products",
    "get_product": "GET /products/{paymentProductId}",
    "get_product_groups": "GET /productgroups",
    "create_session": "POST /sessions",
    "create_token": "POST /tokens",
    "get_token": "GET /tokens/{tokenId}",
    "delete_token": "DELETE /tokens/{tokenId}",
    "test_connection": "GET /services/testconnection",
    "create_product_session": "POST /products/{paymentProductId}/sessions",
    "get_product_networks": "GET /products/{paymentProductId}/networks",
    "get_product_directory": "GET /products/{paymentProductId}/directory",
    "get_product_group": "GET /productgroups/{paymentProductGroupId}",
    "get_privacy_policy": "GET /services/privacypolicy",
    "get_dcc_rate": "POST /services/dccrate",
    "calculate_surcharge": "POST /services/surchargecalculation",
    "get_iin_details": "POST /services/getIINdetails",
    "validate_webhook_credentials": "POST /webhooks/validateCredentials",
    "send_test_webhook": "POST /webhooks/sendtest",
    "client_get_products": "GET /v1/{customerId}/products, by the browser",
    "client_get_product": "GET /v1/{customerId}/products/{paymentProductId}, by the browser",
    "client_get_product_networks": "GET /v1/{customerId}/products/{paymentProductId}/networks, by the browser",
    "client_get_product_groups": "GET /v1/{customerId}/productgroups, by the browser",
    "client_get_public_key": "GET /v1/{customerId}/crypto/publickey, by the browser",
    "client_get_iin_details": "POST /v1/{customerId}/services/getIINdetails, by the browser",
    "client_calculate_surcharge": "POST /v1/{customerId}/services/surchargeCalculation, by the browser",
    "client_get_dcc_rate": "POST /v2/{customerId}/services/dccrate, by the browser",
}

EVENTS: Mapping[str, str] = {
    "payment.created": "a checkout or payment was created",
    "payment.redirected": "the shopper was sent to the third party",
    "payment.authorization_requested": "the issuer has not answered yet",
    "payment.pending_capture": "authorised, to be captured",
    "payment.capture_requested": "a capture is under way",
    "payment.captured": "paid",
    "payment.rejected": "refused, or a refund was refused later",
    "payment.rejected_capture": "a capture was refused",
    "payment.cancelled": "given up by the shopper, or cancelled by the merchant",
    "refund.refund_requested": "a refund is under way",
    "payment.refunded": "money went back",
    "payment.test": "sendtest",
}

_CAPTURED = "Operations.amountOfMoney"

SUMS = Sums(
    answer=(
        Parts(whole="amountOfMoney", parts="acquiredAmount"),
        Parts(whole="paymentOutput.acquiredAmount", parts=_CAPTURED, agree=Agree.WITHIN, only=("status", "CAPTURED")),
        Parts(whole="paymentOutput.amountOfMoney", parts=_CAPTURED, agree=Agree.WITHIN, only=("status", "CAPTURED")),
        Parts(whole="paymentOutput.amountOfMoney", parts=_CAPTURED, agree=Agree.WITHIN, only=("status", "REFUNDED")),
    ),
    state=(
        Parts(whole="total", parts="acquired", total=True),
        Parts(whole="total", parts="remaining", total=True),
        Parts(whole="total", parts="tenders.captured", agree=Agree.WITHIN, total=True),
        Parts(whole="share", parts="captured"),
        Parts(whole="captured", parts="refunded"),
    ),
    asked=("order.amountOfMoney", "amountOfMoney", "amount"),
    opens=frozenset({"create_hosted_checkout", "create_payment"}),
    takes={"capture": "captured", "cancel": "cancelled", "refund": "refunded"},
    left=("remaining",),
)


def _place(title: str) -> Place:
    refusable = {"cv_connect": ("beneficiary",)}
    return Place(title=title, facts=_PAGE, tenders=_TENDERS, acts=("refuses",), refusable=refusable)


def catalogue() -> Catalogue:
    """What the loader checks names against."""
    return Catalogue(
        operations=OPERATIONS,
        calls=CALLS,
        call_facts={"amount": "money", "merchant_reference": "text", "payment_id": "text", "merchant": "text"},
        events=EVENTS,
        places={
            "hosted_checkout": _place("the hosted checkout"),
            "payment": _place("a payment created without our page"),
        },
        world=holdings.SCHEMA,
        settings=settings.SCHEMA,
        sums=SUMS,
    )
