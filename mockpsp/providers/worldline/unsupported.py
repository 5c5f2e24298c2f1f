"""Endpoints of the Direct API that are known and not emulated. Each answers 501 in the platform"s error shape."""

from __future__ import annotations

from mockpsp.edge.provider import Unsupported

UNSUPPORTED: tuple[Unsupported, ...] = (
    Unsupported(
        "POST",
        "/v2/{merchantId}/payments/{paymentId}/increment-authorization",
        "increment_authorization",
        "card pre-authorisations only, and 5412 has none",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/payments/{paymentId}/authorization-additional-data",
        "authorization_additional_data",
        "card pre-authorisations only, and 5412 has none",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/tokens/importCofSeries",
        "import_cof_series",
        "brings series from another platform, which has no counterpart offline",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/hostedtokenizations",
        "create_hosted_tokenization",
        "the vendor hosts the card form, which is not emulated",
    ),
    Unsupported(
        "GET",
        "/v2/{merchantId}/hostedtokenizations/{hostedTokenizationId}",
        "get_hosted_tokenization",
        "the vendor hosts the card form, which is not emulated",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/hostedfields/sessions",
        "create_hosted_fields_session",
        "the vendor hosts the card fields, which are not emulated",
    ),
    Unsupported(
        "GET",
        "/v2/{merchantId}/hostedfields/sessions/{sessionId}",
        "get_hosted_fields_session",
        "the vendor hosts the card fields, which are not emulated",
    ),
    Unsupported(
        "POST", "/v2/{merchantId}/payouts", "create_payout", "money out to a customer is not part of a voucher flow"
    ),
    Unsupported(
        "GET",
        "/v2/{merchantId}/payouts/{payoutId}",
        "get_payout",
        "money out to a customer is not part of a voucher flow",
    ),
    Unsupported("POST", "/v2/{merchantId}/mandates", "create_mandate", "direct debit is not emulated"),
    Unsupported(
        "GET", "/v2/{merchantId}/mandates/{uniqueMandateReference}", "get_mandate", "direct debit is not emulated"
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/mandates/{uniqueMandateReference}/block",
        "block_mandate",
        "direct debit is not emulated",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/mandates/{uniqueMandateReference}/unblock",
        "unblock_mandate",
        "direct debit is not emulated",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/mandates/{uniqueMandateReference}/revoke",
        "revoke_mandate",
        "direct debit is not emulated",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/paymentlinks",
        "create_payment_link",
        "payment links are not emulated for this provider",
    ),
    Unsupported(
        "GET",
        "/v2/{merchantId}/paymentlinks/{paymentLinkId}",
        "get_payment_link",
        "payment links are not emulated for this provider",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/paymentlinks/{paymentLinkId}/cancel",
        "cancel_payment_link",
        "payment links are not emulated for this provider",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/paymentlinks/{paymentLinkId}/share",
        "share_payment_link",
        "payment links are not emulated for this provider",
    ),
    Unsupported(
        "POST",
        "/v2/merchant-groups/{merchantGroupId}/paymentlinks/search",
        "search_payment_links",
        "payment links are not emulated for this provider",
    ),
    Unsupported("POST", "/v2/{merchantId}/merchant-batches", "submit_batch", "batch processing is not emulated"),
    Unsupported(
        "GET",
        "/v2/{merchantId}/merchant-batches/{merchantBatchReference}",
        "get_batch_status",
        "batch processing is not emulated",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/merchant-batches/{merchantBatchReference}/process",
        "process_batch",
        "batch processing is not emulated",
    ),
    Unsupported(
        "GET",
        "/v2/{merchantId}/merchant-batches/{merchantBatchReference}/reports/payments",
        "get_payments_report",
        "batch processing is not emulated",
    ),
    Unsupported(
        "POST", "/v2/{merchantId}/detokenize/csr", "create_certificate", "clear card numbers are never handed out"
    ),
    Unsupported(
        "GET",
        "/v2/{merchantId}/detokenize/tokens",
        "get_card_data_by_tokens",
        "clear card numbers are never handed out",
    ),
    Unsupported(
        "GET",
        "/v2/{merchantId}/detokenize/payments",
        "get_card_data_by_payments",
        "clear card numbers are never handed out",
    ),
    Unsupported(
        "POST",
        "/v2/{merchantId}/payments/{paymentId}/complete",
        "complete_payment",
        "completes PayPal and similar payments, which are not emulated",
    ),
)
