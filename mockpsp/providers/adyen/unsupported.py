"""Endpoints of Adyen's Checkout API that are known and not emulated, with the reason. They answer 501."""

from __future__ import annotations

from mockpsp.edge.provider import Unsupported
from mockpsp.providers.adyen.routes import mounted

_NO_STORE = "a card is stored by a payment with storePaymentMethod"
_NO_WALLETS = "no wallets are emulated"
_NO_GIVING = "Giving is not emulated"

_ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("PATCH", "/sessions/{sessionId}", "update_session", "sessions are not changed after they were made"),
    ("POST", "/storedPaymentMethods", "create_stored_payment_method", _NO_STORE),
    ("POST", "/applePay/sessions", "create_apple_pay_session", _NO_WALLETS),
    ("POST", "/originKeys", "create_origin_keys", "origin keys were replaced by client keys"),
    ("POST", "/paypal/updateOrder", "update_paypal_order", "PayPal is not emulated"),
    ("POST", "/donations", "donate", _NO_GIVING),
    ("POST", "/donationCampaigns", "donation_campaigns", _NO_GIVING),
    ("POST", "/forward", "forward", "nothing is forwarded to third parties"),
    ("POST", "/validateShopperId", "validate_shopper_id", _NO_WALLETS),
)


UNSUPPORTED: tuple[Unsupported, ...] = mounted(_ROWS, Unsupported)
