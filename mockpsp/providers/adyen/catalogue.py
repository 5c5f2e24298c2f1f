"""The words that scenarios may use of Adyen."""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.providers.adyen import holdings, settings
from mockpsp.providers.adyen.errors import REASONS
from mockpsp.scenario.catalogue import Agree, Catalogue, Operation, Parts, Place, Sums

_ALL = tuple(REASONS)
_REFUSED = tuple(name for name, reason in REASONS.items() if reason.result == "Refused")
_ERROR = tuple(name for name, reason in REASONS.items() if reason.result == "Error")
_CANCELLED = ("fraud_cancelled", "cancelled", "shopper_cancelled")
_MEANS = {
    "amount": "money",
    "payment_method": "text",
    "brand": "text",
    "card": "text",
    "merchant_reference": "text",
}
_RESULTS = {"authorised": (), "refused": _REFUSED, "error": _ERROR, "cancelled": _CANCELLED}
_LATE = {"after": "duration", "resolves": "text", "capture_fails": "duration"}
_MODIFIED = {
    "amount": "money",
    "payment_method": "text",
    "brand": "text",
    "merchant_reference": "text",
    "reference": "text",
    "payment_amount": "money",
}
_WORDED = {"text": "text", "after": "duration"}

OPERATIONS: Mapping[str, Operation] = {
    "balance": Operation(
        title="the balance of a meal voucher or gift card is checked",
        facts=_MEANS,
        outcomes={"success": (), "not_enough_balance": (), "failed": _ALL},
    ),
    "payments": Operation(
        title="a payment, or one payment of an order; received and pending resolve to authorised, or to refused where "
        "a reason is given; capture_fails lets an automatic capture fail later",
        facts={
            **_MEANS,
            "shopper_reference": "text",
            "order": "flag",
            "order_amount": "money",
            "remaining": "money",
            "attempt": "number",
            "channel": "text",
        },
        outcomes={
            **_RESULTS,
            "received": _REFUSED,
            "pending": _REFUSED,
            "redirect": (),
            "identify": (),
            "challenge": (),
        },
        details=_LATE,
    ),
    "three_ds": Operation(
        title="the shopper is back from the bank; authenticated tells how it went there",
        facts={
            "amount": "money",
            "brand": "text",
            "card": "text",
            "merchant_reference": "text",
            "authenticated": "flag",
        },
        outcomes={**_RESULTS, "received": _REFUSED, "pending": _REFUSED},
        details=_LATE,
    ),
    "ancv": Operation(
        title="the shopper approved in ANCV's app; asked is what the payment was for",
        facts={"amount": "money", "asked": "money", "card": "text", "merchant_reference": "text"},
        outcomes=_RESULTS,
    ),
    "capture": Operation(
        title="the merchant captures; refused is told with `text`, fails comes `after` a success",
        facts=_MODIFIED,
        outcomes={"accepted": (), "refused": (), "fails": ()},
        details=_WORDED,
    ),
    "cancel": Operation(
        title="the merchant cancels, by pspReference or by its own reference",
        facts=_MODIFIED,
        outcomes={"accepted": (), "refused": ()},
        details={"text": "text"},
    ),
    "refund": Operation(
        title="the merchant refunds; fails and reversed come `after` a success",
        facts=_MODIFIED,
        outcomes={"accepted": (), "refused": (), "fails": (), "reversed": ()},
        details=_WORDED,
    ),
    "reversal": Operation(
        title="the merchant reverses: a cancel or a refund, whichever is possible",
        facts=_MODIFIED,
        outcomes={"accepted": (), "refused": (), "fails": (), "reversed": ()},
        details=_WORDED,
    ),
    "amount_update": Operation(
        title="the merchant changes the authorised amount",
        facts=_MODIFIED,
        outcomes={"accepted": (), "refused": ()},
        details={"text": "text"},
    ),
}

CALLS: Mapping[str, str] = {
    "payment_methods": "POST /paymentMethods",
    "balance": "POST /paymentMethods/balance",
    "create_order": "POST /orders",
    "cancel_order": "POST /orders/cancel",
    "payments": "POST /payments",
    "payments_details": "POST /payments/details",
    "capture": "POST /payments/{paymentPspReference}/captures",
    "refund": "POST /payments/{paymentPspReference}/refunds",
    "cancel": "POST /payments/{paymentPspReference}/cancels",
    "reversal": "POST /payments/{paymentPspReference}/reversals",
    "amount_update": "POST /payments/{paymentPspReference}/amountUpdates",
    "cancel_by_reference": "POST /cancels",
    "create_session": "POST /sessions",
    "get_session": "GET /sessions/{sessionId}",
    "create_payment_link": "POST /paymentLinks",
    "get_payment_link": "GET /paymentLinks/{linkId}",
    "update_payment_link": "PATCH /paymentLinks/{linkId}",
    "card_details": "POST /cardDetails",
    "get_stored_payment_methods": "GET /storedPaymentMethods",
    "delete_stored_payment_method": "DELETE /storedPaymentMethods/{storedPaymentMethodId}",
    "session_setup": "POST sessions/{sessionId}/setup, by the browser",
    "session_balance": "POST sessions/{sessionId}/paymentMethodBalance, by the browser",
    "session_order": "POST sessions/{sessionId}/orders, by the browser",
    "session_cancel_order": "POST sessions/{sessionId}/orders/cancel, by the browser",
    "session_payments": "POST sessions/{sessionId}/payments, by the browser",
    "session_details": "POST sessions/{sessionId}/paymentDetails, by the browser",
    "session_disable_token": "POST sessions/{sessionId}/disableToken, by the browser",
    "order_status": "POST order/status, by the browser",
    "submit_fingerprint": "POST submitThreeDS2Fingerprint, by the browser",
    "bin_lookup": "POST bin/binLookup, by the browser",
    "payment_status": "POST services/PaymentInitiation/v1/status, by the browser",
}

EVENTS: Mapping[str, str] = {
    "AUTHORISATION": "a payment has its final result",
    "ORDER_OPENED": "an order was created",
    "ORDER_CLOSED": "an order is paid, cancelled or expired",
    "CAPTURE": "a capture was processed",
    "CAPTURE_FAILED": "a capture was rejected later",
    "CANCELLATION": "a cancel by pspReference was processed",
    "TECHNICAL_CANCEL": "a cancel by the merchant's own reference was processed",
    "CANCEL_OR_REFUND": "a reversal was processed",
    "REFUND": "a refund was processed",
    "REFUND_FAILED": "a refund was rejected later",
    "REFUNDED_REVERSED": "refunded money came back",
    "AUTHORISATION_ADJUSTMENT": "an amount update was processed",
    "EXPIRE": "an authorisation was never captured",
    "OFFER_CLOSED": "nobody came back to a payment",
    "PENDING": "a payment's result comes later",
}

_PAGE = {"amount": "money", "merchant_reference": "text"}
_TENDERS = {
    "meal_voucher": ("number", "expiry", "cvc", "brand"),
    "gift_card": ("number", "cvc", "brand"),
    "card": ("number", "expiry", "cvc", "holder", "brand", "password", "bank", "stored", "keep"),
}
_ACTS = ("gives_back", "bank")

SUMS = Sums(
    answer=(Parts(whole="amount", parts="remainingAmount"),),
    state=(
        Parts(whole="total", parts="payments.amount", agree=Agree.SOME, when=("order", ("paid",)), total=True),
        Parts(whole="total", parts="remaining", total=True),
        Parts(whole="authorised", parts="captured"),
        Parts(whole="captured", parts="refunded"),
    ),
    asked=("amount",),
    opens=frozenset({"create_order", "create_session", "create_payment_link"}),
    pays=frozenset({"payments"}),
    takes={"capture": "captured", "refund": "refunded"},
    changes=frozenset({"amount_update"}),
    later=True,
    left=("order.remainingAmount", "remaining"),
    paid={"order": ("paid",), "session": ("completed",), "link": ("completed",)},
)


def catalogue() -> Catalogue:
    """What the loader checks names against."""
    return Catalogue(
        operations=OPERATIONS,
        calls=CALLS,
        call_facts={
            "amount": "money",
            "merchant_reference": "text",
            "psp_reference": "text",
            "payment_method": "text",
            "merchant": "text",
        },
        event_facts={"success": "flag", "original_reference": "text"},
        events=EVENTS,
        places={
            "session": Place(title="a session's form", facts=_PAGE, tenders=_TENDERS, acts=_ACTS),
            "payment_link": Place(title="a payment link's page", facts=_PAGE, tenders=_TENDERS, acts=_ACTS),
            "ancv": Place(
                title="ANCV's app", facts=_PAGE, tenders={"ancv": ()}, acts=("refuses",), refusable={"ancv": ()}
            ),
            "three_ds": Place(
                title="the bank's page",
                facts={**_PAGE, "brand": "text"},
                tenders={"card": ("password", "bank")},
                acts=("bank",),
            ),
        },
        world=holdings.SCHEMA,
        settings=settings.SCHEMA,
        sums=SUMS,
    )
