"""Behaviours of the platform that are settings, above all those that nobody outside Worldline can be sure of.

Each is inferred unless its description says otherwise; the journal names it when it decided something.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.scenario.declared import choice, read, schema_of, span

_MINUTE = timedelta(minutes=1)


class WorldlineSettings(Value, frozen=True, kw_only=True):
    """The settings of one sandbox. ``SCHEMA`` describes each one."""

    merchant_action: str = "confirm_in_app"
    beneficiary_optional: bool = False
    card_webhook_amount: str = "order_total"
    late_voucher_refund: str = "refused_at_once"
    voucher_refund_window: timedelta = timedelta(hours=4)
    insufficient_fixed_vouchers: str = "rejected"
    webhook_retries: tuple[timedelta, ...] = (
        10 * _MINUTE,
        60 * _MINUTE,
        120 * _MINUTE,
        480 * _MINUTE,
        1440 * _MINUTE,
    )
    redirected_category: str = "PENDING_CONNECT_OR_3RD_PARTY"
    refunded_payment_status: str = "latest_operation"
    unknown_properties: str = "ignored"
    create_hosted_checkout_status: int = 200
    create_session_status: int = 200
    date_tolerance: timedelta = timedelta(minutes=5)
    product_label: str = "Chèque-Vacances Connect"
    minimum_vouchers: Money | None = None
    payment_id_form: str = "short"
    payments_before: int = 0
    cancel_closed_status: int = 400
    idempotence_error_code: str = ""
    processing_time: timedelta = timedelta(milliseconds=40)
    capture_delay: timedelta = timedelta(0)
    cancel_delay: timedelta = timedelta(0)
    refund_delay: timedelta = timedelta(0)
    session_timeout: timedelta = timedelta(minutes=180)
    merchant_name: str = "Vacances de démonstration"


_DESCRIBED: dict[str, dict[str, Any]] = {
    "merchant_action": choice(
        "What CreatePayment asks the merchant to do for product 5412: wait while the beneficiary confirms in the app, "
        "show a QR code, or redirect to the CV Connect portal.",
        "confirm_in_app",
        "qr_code",
        "redirect",
    ),
    "beneficiary_optional": {
        "description": "CreatePayment for 5412 without beneficiaryId uses the customer's e-mail address, or else shows "
        "a QR code; false refuses it, as CAWL's product page says.",
        "type": "boolean",
    },
    "card_webhook_amount": choice(
        "amountOfMoney in payments and webhooks of the card share of a split.", "order_total", "share"
    ),
    "late_voucher_refund": choice(
        "A refund that needs voucher money after the refund window: refused at once with 400, or accepted and refused "
        "later (status 83).",
        "refused_at_once",
        "refused_later",
    ),
    "voucher_refund_window": span("How long after the payment vouchers can be refunded (documented: four hours)."),
    "insufficient_fixed_vouchers": choice(
        "adjustableAmount false and vouchers that do not cover the order: the payment is rejected, or the vouchers pay "
        "what they can and the card pays the rest.",
        "rejected",
        "card_complement",
    ),
    "webhook_retries": {
        "description": "Waiting times after each failed delivery; then the platform gives up.",
        "type": "array",
        "items": {"type": "string", "format": "duration"},
        "maxItems": 30,
    },
    "redirected_category": choice(
        "statusCategory of REDIRECTED (46); sources of different age disagree.",
        "PENDING_CONNECT_OR_3RD_PARTY",
        "PENDING_PAYMENT",
    ),
    "refunded_payment_status": choice(
        "Status of a payment after a refund: that of the latest operation, or CAPTURED as long as money is left.",
        "latest_operation",
        "captured_while_money_is_left",
    ),
    "unknown_properties": choice("Unknown properties of a request.", "ignored", "refused"),
    "create_hosted_checkout_status": choice("HTTP status of CreateHostedCheckout.", 200, 201),
    "create_session_status": choice("HTTP status of CreateSession.", 200, 201),
    "date_tolerance": span("How far the Date header may be off (documented: five minutes)."),
    "product_label": {"description": "Display label of product 5412.", "type": "string", "minLength": 1},
    "minimum_vouchers": {
        "description": "Smallest voucher payment; absent means none (other gateways had 20.00 EUR once).",
        "type": "string",
        "format": "money",
    },
    "payment_id_form": choice("Payment ids as 4375008553_0, or in the newer form of 19 digits.", "short", "long"),
    "payments_before": {
        "description": "How many payments the account had before: ids go on from there, also after a reset.",
        "type": "integer",
        "minimum": 0,
        "maximum": 5_000_000_000,
    },
    "cancel_closed_status": choice("HTTP status of a cancel that comes too late.", 400, 409),
    "idempotence_error_code": {
        "description": "errorCode of the 409 while a first request is under way; 30001002 makes the Python SDK raise "
        "IdempotenceException.",
        "type": "string",
    },
    "processing_time": span(
        "How long CreatePayment with an idempotence key is under way, in real time, so that a double click meets 409."
    ),
    "capture_delay": span("From CAPTURE_REQUESTED to the result."),
    "cancel_delay": span("From the cancel call to CANCELLED (6)."),
    "refund_delay": span("From REFUND_REQUESTED to the result."),
    "session_timeout": span("Life of a hosted checkout that names no sessionTimeout (documented: 180 minutes)."),
    "merchant_name": {"description": "The merchant's name on hosted pages.", "type": "string", "minLength": 1},
}


SCHEMA = schema_of(WorldlineSettings, _DESCRIBED)


def read_settings(given: Mapping[str, Any]) -> WorldlineSettings:
    """Settings out of a loaded scenario; what it does not name keeps its default."""
    return read(WorldlineSettings, given)
