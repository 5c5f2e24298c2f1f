"""Behaviours of Adyen that are settings: accounts can be configured, and nobody outside can be sure of some things.

The description says which of the two it is; the journal names an inferred one when it decided something.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import field

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.scenario.declared import choice, read, schema_of, span

_SECOND, _MINUTE, _HOUR, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RETRIES: tuple[timedelta, ...] = (
    *(9 * _SECOND,) * 3,
    *(minutes * _MINUTE for minutes in (2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 4)),
    *(8 * _HOUR,) * 88,
)
"""Three at once, then the queue's steps, then every eight hours up to thirty days (docs.adyen.com, "Webhooks")."""


class AdyenSettings(Value, frozen=True, kw_only=True):
    """The settings of one sandbox. ``SCHEMA`` describes each one."""

    capture: str = "immediate"
    capture_delay: timedelta = _DAY
    capture_webhook: bool = False
    multiple_partial_captures: bool = False
    modification_delay: timedelta = timedelta(0)
    authorisation_life: timedelta = 28 * _DAY
    encrypted_fields_life: timedelta = _DAY
    three_ds_life: timedelta = 15 * _MINUTE
    ancv_life: timedelta = 15 * _MINUTE
    late_result_after: timedelta = _MINUTE
    order_life: timedelta = _DAY
    session_life: timedelta = _HOUR
    link_life: timedelta = _DAY
    daily_limit: Money = Money(2500, "EUR")
    closed_days: str = "none"
    over_balance_reason: str = "not_enough_balance"
    over_limit_reason: str = "withdrawal_amount_exceeded"
    closed_day_reason: str = "declined"
    voucher_refund: str = "refused_later"
    voucher_webhook_method: str = "brand"
    foreign_encryption: str = "approved_visa"
    balance_strict: bool = False
    missing_amount_in_order: str = "refused"
    order_errors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    order_opened: str = "on_create"
    rollback_webhooks: str = "none"
    order_success_fields: bool = False
    order_in_refused_answer: bool = True
    stale_session_data: str = "refused"
    allowed_origins: tuple[str, ...] = ()
    pending_webhook: bool = True
    expire_webhook: bool = False
    offer_closed_webhook: bool = False
    webhook_username: str = ""
    webhook_password: str = ""
    webhook_retries: tuple[timedelta, ...] = RETRIES
    in_progress_status: int = 409
    missing_merchant_status: int = 422
    forbidden: tuple[str, ...] = ()
    card_brands: tuple[str, ...] = ("visa", "mc", "cartebancaire", "amex", "bcmc", "maestro")
    voucher_brands: tuple[str, ...] = ("mealVoucher_FR_groupeup", "mealVoucher_FR_natixis", "mealVoucher_FR_sodexo")
    gift_card_brands: tuple[str, ...] = ("givex", "svs", "genericgiftcard", "fiserv", "vvvgiftcard")
    ancv: bool = True
    merchant_name: str = "Boutique de démonstration"


_OUR_REASONS = [
    "declined",
    "not_enough_balance",
    "withdrawal_amount_exceeded",
    "withdrawal_count_exceeded",
    "transaction_not_permitted",
    "restricted_card",
    "invalid_amount",
    "not_supported",
]


def _flag(description: str) -> dict[str, Any]:
    return {"description": description, "type": "boolean"}


def _texts(description: str) -> dict[str, Any]:
    return {"description": description, "type": "array", "items": {"type": "string", "minLength": 1}}


_ORDER_ERROR = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "code": {"description": "errorCode.", "type": "string"},
        "message": {"description": "message.", "type": "string"},
    },
}

_DESCRIBED: dict[str, dict[str, Any]] = {
    "capture": choice(
        "When payments are captured that say nothing about it (account setting).", "immediate", "delayed", "manual"
    ),
    "capture_delay": span("The delay of `capture: delayed`."),
    "capture_webhook": _flag("Automatic captures send CAPTURE as well (documented: not by default)."),
    "multiple_partial_captures": _flag(
        "A payment can be captured in parts; otherwise the first capture releases the rest (account setting)."
    ),
    "modification_delay": span("From the answer `received` to the result of a capture, cancel, refund or update."),
    "authorisation_life": span("How long an authorisation can be captured (documented: 28 days by default)."),
    "encrypted_fields_life": span(
        "How long what a browser's secured fields encrypt can be used, from when they were opened (inferred)."
    ),
    "three_ds_life": span(
        "How long a redirect or challenge is waited for, and its share of an order reserved (inferred)."
    ),
    "ancv_life": span("How long an answer in ANCV's app is waited for, and its share of an order reserved (inferred)."),
    "late_result_after": span("From Received or Pending to the result."),
    "order_life": span("Life of an order that names no expiresAt (documented: one day)."),
    "session_life": span("Life of a session that names no expiresAt (documented: one hour)."),
    "link_life": span("Life of a payment link that names no expiresAt (documented: one day)."),
    "daily_limit": {
        "description": "What one meal voucher card may spend on a day in Paris (documented: 25 EUR); a voucher of the "
        "world may have its own.",
        "type": "string",
        "format": "money",
    },
    "closed_days": choice(
        "Days on which meal vouchers are refused (documented as a rule of the product, enforced only here).",
        "none",
        "sundays",
        "sundays_and_holidays",
    ),
    "over_balance_reason": choice("Why a voucher payment above the balance is refused (inferred).", *_OUR_REASONS),
    "over_limit_reason": choice("Why a voucher payment above the daily limit is refused (inferred).", *_OUR_REASONS),
    "closed_day_reason": choice("Why a voucher is refused on a closed day (inferred).", *_OUR_REASONS),
    "voucher_refund": choice(
        "A refund of a meal voucher: received and refused by webhook, or refused at once with 422 (inferred).",
        "refused_later",
        "refused_at_once",
    ),
    "voucher_webhook_method": choice(
        "paymentMethod of meal vouchers in webhooks: the issuer's variant, or the type as it was sent (inferred).",
        "brand",
        "type",
    ),
    "foreign_encryption": choice(
        "Encrypted fields that our key does not open: taken as an approved Visa, or as the first voucher of the "
        "brand; or refused with 174 (inferred).",
        "approved_visa",
        "refused",
    ),
    "balance_strict": _flag("A balance check needs amount and reference (its sources disagree)."),
    "missing_amount_in_order": choice(
        "A payment inside an order that names no amount: refused with 100, or all that remains (inferred).",
        "refused",
        "remaining",
    ),
    "order_errors": {
        "description": "errorCode and message of order errors; no public source shows Adyen's (inferred).",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            word: {**_ORDER_ERROR, "description": f"Where {why}."}
            for word, why in {
                "unknown": "there is no such order",
                "amount": "a payment is more than what remains",
                "currency": "a payment is in another currency than its order",
                "expired": "the order has expired",
                "closed": "the order is paid",
                "cancelled": "the order was cancelled",
            }.items()
        },
    },
    "order_opened": choice(
        "When ORDER_OPENED is sent; its sources disagree (inferred).", "on_create", "on_first_payment"
    ),
    "rollback_webhooks": choice(
        "When an order is closed unpaid: only ORDER_CLOSED, or CANCELLATION or REFUND for each payment too (inferred).",
        "none",
        "per_payment",
    ),
    "order_success_fields": _flag("ORDER_CLOSED carries order-N-success (a setting of Adyen's webhooks)."),
    "order_in_refused_answer": _flag("The answer to a refused payment of an order carries the order (inferred)."),
    "stale_session_data": choice(
        "What a browser does with a sessionData from before its session's last payment or order; it may look with any "
        "(inferred).",
        "refused",
        "accepted",
    ),
    "allowed_origins": {
        "description": "Origins of pages that may use the client key, such as https://shop.example; none: all (account "
        "setting).",
        "type": "array",
        "items": {"type": "string", "pattern": "^https?://[A-Za-z0-9.:\\[\\]-]+$"},
    },
    "pending_webhook": _flag("A payment whose result comes later sends PENDING first."),
    "expire_webhook": _flag("An authorisation that was never captured sends EXPIRE (opt-in at Adyen)."),
    "offer_closed_webhook": _flag("A payment that nobody came back to sends OFFER_CLOSED (opt-in at Adyen)."),
    "webhook_username": {"description": "User of webhooks' Basic authentication; empty for none.", "type": "string"},
    "webhook_password": {"description": "Its password.", "type": "string"},
    "webhook_retries": {
        "description": "Waiting times after each failed delivery; then the event is given up.",
        "type": "array",
        "items": {"type": "string", "format": "duration"},
        "maxItems": 200,
    },
    "in_progress_status": choice(
        "HTTP status of 704, for a key whose first request is under way; its sources disagree.", 409, 422
    ),
    "missing_merchant_status": choice(
        "HTTP status of 901 when merchantAccount is absent: 422 since July 2026, 403 before.", 422, 403
    ),
    "forbidden": _texts("Operations that the credential has no role for: 403 with 010."),
    "card_brands": _texts("Card brands that the merchant account takes."),
    "voucher_brands": _texts("Meal vouchers that the merchant account takes."),
    "gift_card_brands": _texts("Gift cards that the merchant account takes."),
    "ancv": _flag("The merchant account takes holiday vouchers of ANCV."),
    "merchant_name": {"description": "The merchant's name on hosted pages.", "type": "string", "minLength": 1},
}


SCHEMA = schema_of(AdyenSettings, _DESCRIBED)


def read_settings(given: Mapping[str, Any]) -> AdyenSettings:
    """Settings out of a loaded scenario; what it does not name keeps its default."""
    return read(AdyenSettings, given)
