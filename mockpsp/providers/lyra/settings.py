"""Behaviours of Lyra's marketplace that are settings: shops can be configured, and nobody outside can be sure of some.

The description says which of the two it is; the journal names an inferred one when it decided something.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.scenario.declared import choice, read, schema_of, span

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class LyraSettings(Value, frozen=True, kw_only=True):
    """The settings of one sandbox. ``SCHEMA`` describes each one."""

    page_size: int = 5
    cashout_page_size: int = 100
    amount_before_execution: str = "null"
    link_keys: str = "hyphens"
    tie_break: str = "lowest"
    missing_contract: str = "refused"
    daily_limit: Money = Money(2500, "EUR")
    meal_minimum: Money = Money(150, "EUR")
    closed_days: str = "none"
    page_life: timedelta = 10 * _MINUTE
    form_token_life: timedelta = 15 * _MINUTE
    persist_life: timedelta = 30 * _DAY
    extra_attempts: int = 0
    return_mode: str = "NONE"
    notification_delay: timedelta = timedelta(0)
    remittance_delay: timedelta = _HOUR
    validation_life: timedelta = 7 * _DAY
    cancel_executed_status: int = 400
    refund_sent_after: timedelta = 15 * _MINUTE
    refund_settled_after: timedelta = _HOUR
    registration_review: str = "never"
    review_delay: timedelta = timedelta(0)
    review_status: str = "PENDING_VALIDATION"
    documents: str = "required"
    in_store_contracts: str = "accepted"
    webhook_probe: bool = True
    webhook_retries: tuple[timedelta, ...] = (15 * _MINUTE, 15 * _MINUTE)
    token_life: timedelta = 5 * _MINUTE
    merchant_name: str = "Place de marché de démonstration"


def _money(description: str) -> dict[str, Any]:
    return {"description": description, "type": "string", "format": "money"}


def _count(description: str, least: int, most: int) -> dict[str, Any]:
    return {"description": description, "type": "integer", "minimum": least, "maximum": most}


_DESCRIBED: dict[str, dict[str, Any]] = {
    "page_size": _count("Entries on a page of every list but the cashouts' (inferred from a client).", 1, 1000),
    "cashout_page_size": _count("Entries on a page of cashouts that name no page_size (documented).", 1, 1000),
    "amount_before_execution": choice(
        "An order's amount before it is executed: null, or the sum of its items (its sources disagree).", "null", "sum"
    ),
    "link_keys": choice(
        "Keys of an order's links of several words: as the guide writes them, or both forms (its sources disagree).",
        "hyphens",
        "both",
    ),
    "tie_break": choice(
        "Which contract number wins a voucher type when two sellers' sums are equal (inferred).", "lowest", "highest"
    ),
    "missing_contract": choice(
        "A voucher on an item whose seller, or marketplace, has no contract of that type: 400, or left out (inferred).",
        "refused",
        "ignored",
    ),
    "daily_limit": _money(
        "What one meal card may spend on a day in Paris (documented: 25 EUR, 19 EUR in older pages); a card of the "
        "world may have its own."
    ),
    "meal_minimum": _money("Below this eligible sum meal cards are not offered on the page (documented)."),
    "closed_days": choice(
        "Days on which meal cards are refused (documented as a rule of the issuers).",
        "none",
        "sundays",
        "sundays_and_holidays",
    ),
    "page_life": span("How long a payment page can be used; then the order is ABANDONED (inferred)."),
    "form_token_life": span("The same for a form token (documented for the REST API V4)."),
    "persist_life": span("How long a persistent payment link can be used (inferred)."),
    "extra_attempts": _count("Attempts after a refusal on the page (shop setting, documented: 0 to 2).", 0, 2),
    "return_mode": choice("How an order that says nothing returns to the shop (inferred).", "NONE", "GET", "POST"),
    "notification_delay": span(
        "From the shopper's payment to the order's PENDING; the browser may be back in the shop before (inferred)."
    ),
    "remittance_delay": span("From a transaction's expected capture date to its capture at the bank (inferred)."),
    "validation_life": span("How long a payment waits to be validated; then its transaction EXPIRED (inferred)."),
    "cancel_executed_status": choice(
        "HTTP status of a cancellation while the shopper is paying (inferred).", 400, 403, 405, 409
    ),
    "refund_sent_after": span("From a refund's CREATED to PENDING (inferred)."),
    "refund_settled_after": span("From a refund's PENDING to its result (inferred)."),
    "registration_review": choice(
        "What happens to a submitted registration: nothing, as in Lyra's test environment, or a review.",
        "never",
        "automatic",
    ),
    "review_delay": span("How long an automatic review takes."),
    "review_status": choice(
        "Name of the state of a registration under review (its sources disagree).",
        "PENDING_VALIDATION",
        "PENDING_VERIFICATION",
    ),
    "documents": choice(
        "Whether a registration needs its documents before it can be submitted: identity of the legal representative, "
        "bank details and, for a company, KBIS (which ones is inferred).",
        "required",
        "optional",
    ),
    "in_store_contracts": choice(
        "CONECS numbers that begin with C, which are for shops only, at an automatic review (documented as a manual "
        "check).",
        "accepted",
        "refused",
    ),
    "webhook_probe": {
        "description": "Adding a webhook asks its target first (documented).",
        "type": "boolean",
    },
    "webhook_retries": {
        "description": "Waiting times after each delivery that reached nobody (documented: two of a quarter of an "
        "hour); an HTTP error is not tried again.",
        "type": "array",
        "items": {"type": "string", "format": "duration"},
        "maxItems": 50,
    },
    "token_life": span("Life of an OAuth2 access token (documented: five minutes)."),
    "merchant_name": {"description": "The marketplace's name on hosted pages.", "type": "string", "minLength": 1},
}


SCHEMA = schema_of(LyraSettings, _DESCRIBED)


def read_settings(given: Mapping[str, Any]) -> LyraSettings:
    """Settings out of a loaded scenario; what it does not name keeps its default."""
    return read(LyraSettings, given)
