"""Adyen's errors: refusals of ours in its words, and the table of refusal reasons.

Sources: docs.adyen.com "Error codes" and "Refusal reasons", the ServiceError schema of CheckoutService-v72.json, live
tests of adyen-go-api-library. Codes that start with ``SIM_`` are ours: no public source shows Adyen's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.domain.errors import Refusal
from mockpsp.domain.machine import IllegalStep
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.edge import errors as edge
from mockpsp.edge.respond import to_bytes


class Reason(Value, frozen=True):
    """A refusal reason: its code, its text, and the resultCode that it comes with."""

    code: str
    text: str
    result: str = "Refused"


REASONS: Mapping[str, Reason] = {
    "unknown": Reason("0", "Unknown", "Error"),
    "declined": Reason("2", "Refused"),
    "referral": Reason("3", "Referral"),
    "error": Reason("4", "Acquirer Error", "Error"),
    "block_card": Reason("5", "Blocked Card"),
    "card_expired": Reason("6", "Expired Card"),
    "invalid_amount": Reason("7", "Invalid Amount"),
    "invalid_card_number": Reason("8", "Invalid Card Number"),
    "issuer_unavailable": Reason("9", "Issuer Unavailable"),
    "not_supported": Reason("10", "Not supported"),
    "not_3d_authenticated": Reason("11", "3D Not Authenticated"),
    "not_enough_balance": Reason("12", "Not enough balance"),
    "acquirer_fraud": Reason("14", "Acquirer Fraud"),
    "cancelled": Reason("15", "Cancelled"),
    "shopper_cancelled": Reason("16", "Shopper Cancelled"),
    "invalid_pin": Reason("17", "Invalid Pin"),
    "pin_tries_exceeded": Reason("18", "Pin tries exceeded"),
    "pin_validation_not_possible": Reason("19", "Pin validation not possible"),
    "fraud": Reason("20", "FRAUD"),
    "not_submitted": Reason("21", "Not Submitted"),
    "fraud_cancelled": Reason("22", "FRAUD-CANCELLED", "Cancelled"),
    "transaction_not_permitted": Reason("23", "Transaction Not Permitted"),
    "cvc_declined": Reason("24", "CVC Declined"),
    "restricted_card": Reason("25", "Restricted Card"),
    "revocation_of_auth": Reason("26", "Revocation Of Auth"),
    "declined_non_generic": Reason("27", "Declined Non Generic"),
    "withdrawal_amount_exceeded": Reason("28", "Withdrawal amount exceeded"),
    "withdrawal_count_exceeded": Reason("29", "Withdrawal count exceeded"),
    "issuer_suspected_fraud": Reason("31", "Issuer Suspected Fraud"),
    "avs_declined": Reason("32", "AVS Declined"),
    "pin_required": Reason("33", "Card requires online pin"),
    "no_checking_account_available_on_card": Reason("34", "No checking account available on Card"),
    "no_savings_account_available_on_card": Reason("35", "No savings account available on Card"),
    "mobile_pin_required": Reason("36", "Mobile pin required"),
    "contactless_fallback": Reason("37", "Contactless fallback"),
    "authentication_required": Reason("38", "Authentication required"),
    "rreq_not_received": Reason("39", "RReq not received from DS"),
    "aid_in_penalty_box": Reason("40", "Current AID is in Penalty Box."),
    "cvm_required_restart_payment": Reason("41", "CVM Required Restart Payment"),
    "three_ds_authentication_error": Reason("42", "3DS Authentication Error"),
    "excessive_retries": Reason("46", "Transaction blocked by Adyen to prevent excessive retry fees"),
    "token_revoked": Reason("50", "Token Revoked"),
}
"""By the test name that provokes it (docs.adyen.com, "Testing result codes"), in lower case."""

APPROVED, PENDING = "approved", "pending"
"""The test names that do not refuse: codes 1 and 13."""

TEST_CODES: Mapping[str, str] = {
    "1": APPROVED,
    "13": PENDING,
    **{reason.code: name for name, reason in REASONS.items()},
}
"""RequestedTestAcquirerResponseCode to test name."""


class MissingField(Refusal):
    """A required field is not there, or is empty where that counts as absent."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is missing")
        self.field = field


class InvalidField(Refusal):
    """A field's value is none that Adyen takes."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class WrongType(Refusal):
    """A field holds another kind of JSON value than it should."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class MissingMerchant(Refusal):
    """The request names no merchant account."""


class UnknownMerchant(Refusal):
    """The credential does not open this merchant account."""


class NoRole(Refusal):
    """The credential lacks the role that this operation needs."""


class InvalidAmount(Refusal):
    """Zero, below zero, or more than Adyen takes."""

    def __init__(self, amount: Money) -> None:
        super().__init__(f"an amount of {amount} is not possible")


class UnsupportedCurrency(Refusal):
    """No currency, or none that the payment method takes."""


class BadCardNumber(Refusal):
    """The number is too short, too long or has a wrong check digit."""


class NoVariant(Refusal):
    """No brand has such card numbers."""


class BadSecurityCode(Refusal):
    """The security code has not the length that the brand wants."""


class BadExpiry(Refusal):
    """``part`` is date, month or year."""

    def __init__(self, part: str) -> None:
        super().__init__(f"expiry {part} out of range")
        self.part = part


class Undecryptable(Refusal):
    """An encrypted field cannot be opened with our key."""


class StaleEncryption(Refusal):
    """An encrypted field is older than it may be."""


class EarlyEncryption(Refusal):
    """An encrypted field is from a time that has not come: the sandbox's clock was set back since."""


class MetadataTooLarge(Refusal):
    """Too many pairs, or (``key``) a key or value that is too long."""

    def __init__(self, why: str, *, key: bool) -> None:
        super().__init__(why)
        self.key = key


class MethodNotConfigured(Refusal):
    """The merchant account does not have this payment method."""


class UnknownStoredMethod(Refusal):
    """No payment details are stored under this id."""


class ReturnUrlMissing(Refusal):
    """The payment needs a redirect, and nobody said where the shopper is to come back."""


class UnknownPayment(Refusal):
    """No payment has this pspReference."""


class RefundNotSupported(Refusal):
    """The payment method knows no refunds."""


class PaymentDataMissing(Refusal):
    """The details do not say which payment they belong to."""


class InvalidPaymentData(Refusal):
    """paymentData or a threeDSResult of no payment that waits for it."""


class BadBillingAddress(Refusal):
    """Something is wrong with the billing address."""


class BadPhoneNumber(Refusal):
    """A telephone number has letters, or no digits."""


class BadPaRes(Refusal):
    """An answer of a bank by 3-D Secure 1, which asks nobody any more."""


class InvalidPayload(Refusal):
    """A redirectResult that was used, or that we never gave out."""


class UnknownSession(Refusal):
    """No session has this id, or the sessionResult is not the session's."""


class InvalidSessionData(Refusal):
    """A sessionData that is not the session's."""


class StaleSessionData(Refusal):
    """A sessionData from before the last payment or order of its session."""


class UnknownLink(Refusal):
    """No payment link has this id."""


class CardTooShort(Refusal):
    """cardDetails needs six digits at least."""


class CheckoutClosed(Refusal):
    """The session or payment link takes no payments any more."""


class OrderRefusal(Refusal):
    """Something is wrong with the order of a payment or cancellation; ``kind`` is a key of the table of settings."""

    kind = ""


class OrderUnknown(OrderRefusal):
    """No such order, or an orderData that is not the order's."""

    kind = "unknown"


class OrderAmountTooHigh(OrderRefusal):
    """More is to be paid than the order leaves open."""

    kind = "amount"

    def __init__(self, asked: Money, left: Money) -> None:
        super().__init__(f"{asked} is more than the {left} that the order leaves open")


class OrderCurrencyMismatch(OrderRefusal):
    """The order is in another currency."""

    kind = "currency"


class OrderExpired(OrderRefusal):
    """The order's time is over."""

    kind = "expired"


class OrderClosed(OrderRefusal):
    """The order is paid."""

    kind = "closed"


class OrderCancelled(OrderRefusal):
    """The order was cancelled."""

    kind = "cancelled"


class ShopperRefused(edge.PageRefusal):
    """What the shopper does is not possible on the page as it stands. ``field`` is the form field at fault."""

    def __init__(self, key: str, field: str = "", **details: Any) -> None:
        super().__init__(f"{key.replace('_', ' ')}{f' ({field})' if field else ''}", key, field, details)


class ServiceError(Value, frozen=True):
    """What an error body says. ``inferred`` names the setting that chose it, where no source knows."""

    status: int
    code: str
    message: str
    kind: str = "validation"
    inferred: str = ""


ORDER_ERRORS: Mapping[str, tuple[str, str]] = {
    "unknown": ("SIM_ORDER_UNKNOWN", "Field 'order.orderData' is not valid."),
    "amount": ("SIM_ORDER_AMOUNT", "Payment amount is higher than the remaining amount of the order"),
    "currency": ("SIM_ORDER_CURRENCY", "Payment currency differs from the currency of the order"),
    "expired": ("SIM_ORDER_EXPIRED", "Order has expired"),
    "closed": ("SIM_ORDER_CLOSED", "Order is already closed"),
    "cancelled": ("SIM_ORDER_CANCELLED", "Order is cancelled"),
}
"""Code and message by kind; a scenario's ``order_errors`` replaces them."""

_FIXED: Mapping[type[Exception], ServiceError] = {
    edge.NotAllowed: ServiceError(401, "000", "HTTP Status Response - Unauthorized", "security"),
    edge.BodyTooLarge: ServiceError(413, "702", "The request is too large"),
    edge.BodyTooSlow: ServiceError(408, "702", "The request was not received in time"),
    edge.UnknownPath: ServiceError(404, "SIM_NOT_FOUND", "Not found"),
    edge.WrongMethod: ServiceError(405, "SIM_METHOD_NOT_ALLOWED", "Method not allowed"),
    MissingMerchant: ServiceError(422, "901", "Invalid Merchant Account"),
    UnknownMerchant: ServiceError(403, "901", "Invalid Merchant Account", "security"),
    NoRole: ServiceError(403, "010", "Not allowed", "security"),
    InvalidAmount: ServiceError(422, "137", "Invalid amount specified"),
    UnsupportedCurrency: ServiceError(422, "138", "Unsupported currency specified"),
    BadCardNumber: ServiceError(422, "101", "Invalid card number"),
    NoVariant: ServiceError(422, "102", "Unable to determine variant"),
    BadSecurityCode: ServiceError(422, "103", "CVC is not the right length"),
    BadBillingAddress: ServiceError(422, "104", "Billing address problem (Country)"),
    BadPaRes: ServiceError(422, "105", "Invalid paRes from issuer"),
    BadPhoneNumber: ServiceError(422, "124", "Invalid phone number"),
    StaleEncryption: ServiceError(
        422, "171", "encrypted data used outside of valid time period", inferred="encrypted_fields_life"
    ),
    EarlyEncryption: ServiceError(
        422, "172", "encrypted data used outside of valid time period", inferred="encrypted_fields_life"
    ),
    Undecryptable: ServiceError(422, "174", "Unable to decrypt data"),
    MethodNotConfigured: ServiceError(500, "905", "Payment details are not supported", "configuration"),
    UnknownStoredMethod: ServiceError(422, "800", "Contract not found"),
    ReturnUrlMissing: ServiceError(422, "14_030", "Return URL is missing."),
    UnknownPayment: ServiceError(422, "167", "Original pspReference required for this operation"),
    RefundNotSupported: ServiceError(
        422, "SIM_REFUND_NOT_SUPPORTED", "Refund not supported for this payment method", inferred="voucher_refund"
    ),
    PaymentDataMissing: ServiceError(422, "14_002", "Required field 'paymentData' is not provided."),
    InvalidPaymentData: ServiceError(422, "14_003", "Field 'paymentData' is not valid."),
    InvalidPayload: ServiceError(422, "14_018", "Invalid payload provided"),
    UnknownSession: ServiceError(422, "702", "Field 'sessionId' is not valid."),
    InvalidSessionData: ServiceError(422, "702", "Field 'sessionData' is not valid."),
    StaleSessionData: ServiceError(422, "702", "Field 'sessionData' is not valid.", inferred="stale_session_data"),
    UnknownLink: ServiceError(404, "SIM_LINK_UNKNOWN", "Payment link not found"),
    CardTooShort: ServiceError(422, "208", "Field 'cardNumber' is not valid."),
    CheckoutClosed: ServiceError(422, "SIM_CHECKOUT_CLOSED", "Session or payment link is no longer active"),
}

_EXPIRY: Mapping[str, tuple[str, str]] = {
    "date": ("129", "Expiry Date Invalid"),
    "month": ("140", "Expiry month should be between 1 and 12 inclusive"),
    "year": ("141", "Expiry year should be between 2000 and 2199 inclusive"),
}

_SCRIPTED: Mapping[int, tuple[str, str, str]] = {
    401: ("000", "HTTP Status Response - Unauthorized", "security"),
    403: ("010", "Not allowed", "security"),
    429: ("SIM_TOO_MANY_REQUESTS", "Too many requests", "validation"),
}


def describe(error: Exception, operation: str, settings: Any) -> ServiceError:
    """What Adyen says to a refusal. ``settings`` is None for requests that reached no sandbox."""
    found = _FIXED.get(type(error))
    if isinstance(error, MissingMerchant) and settings is not None and settings.missing_merchant_status == 403:
        return _FIXED[UnknownMerchant]
    if found is not None:
        return found
    match error:
        case MissingField():
            return _missing(error.field, operation)
        case WrongType():
            return ServiceError(400, "702", f"Unexpected input: {error}")
        case InvalidField():
            return ServiceError(422, "200" if error.field == "countryCode" else "702", not_valid(error.field))
        case BadExpiry():
            return ServiceError(422, *_EXPIRY[error.part])
        case MetadataTooLarge():
            part = "key size" if error.key else "size"
            return ServiceError(422, "178" if error.key else "177", f"Metadata {part} exceeds limit")
        case OrderRefusal():
            given = settings.order_errors.get(error.kind, {}) if settings is not None else {}
            code, message = ORDER_ERRORS[error.kind]
            return ServiceError(422, given.get("code", code), given.get("message", message), inferred="order_errors")
        case _:
            return _describe_edge(error, operation, settings)


def _describe_edge(error: Exception, operation: str, settings: Any) -> ServiceError:
    match error:
        case edge.BadBody():
            return ServiceError(400, "702", "Unexpected input: the body is not valid JSON")
        case edge.BrokenContract():
            return describe(_by_contract(error), operation, settings)
        case edge.InProgress():
            http = settings.in_progress_status if settings is not None else 409
            return ServiceError(http, "704", "request already processed or in progress")
        case edge.NotSupported():
            return ServiceError(501, "SIM_NOT_SUPPORTED", f"mockpsp: {error}", "configuration")
        case edge.Scripted():
            code, message, kind = _SCRIPTED.get(error.status, ("905", "Scripted by the scenario", "internal"))
            if error.status >= 500:
                code, message, kind = "903", "Internal error", "internal"
            return ServiceError(error.status, code, message, kind)
        case IllegalStep() | ShopperRefused():
            return ServiceError(422, "SIM_NOT_POSSIBLE", str(error))
        case _:
            return ServiceError(500, "903", "Internal error", "internal")


def not_valid(field: str) -> str:
    """The pattern of Adyen's messages about a value."""
    return f"Field '{field}' is not valid."


def _by_contract(error: edge.BrokenContract) -> Refusal:
    """A breach of the contract as the refusal that it is."""
    if not error.path:
        return edge.BadBody(str(error))
    if error.why.startswith("null is not of type"):
        return MissingMerchant() if error.path == "merchantAccount" else MissingField(error.path)
    if "is a required" in error.why or "is missing" in error.why:
        return MissingMerchant() if error.path == "merchantAccount" else MissingField(error.path)
    if error.path == "merchantAccount":
        return MissingMerchant(error.why)
    return WrongType(error.path, error.why) if "is not of type" in error.why else InvalidField(error.path, error.why)


def _missing(field: str, operation: str) -> ServiceError:
    """The code depends on field and operation, as live tests of Adyen's Go library and its error page show."""
    text = f"Required field '{field}' is not provided."
    match field, operation:
        case "amount", "create_session":
            return ServiceError(422, "702", "Required field 'amount' is null")
        case "amount", _:
            return ServiceError(422, "100", "Required object 'amount' is not provided.")
        case "reference", "create_order":
            return ServiceError(422, "158", text)
        case "reference", _:
            return ServiceError(422, "130", text)
        case "paymentMethod", _:
            return ServiceError(422, "14_004", "Missing payment method details")
        case "returnUrl", _:
            return ServiceError(422, "14_030", "Return URL is missing.")
        case (("order" | "details"), _):
            return ServiceError(422, "702", f"Required object '{field}' is not provided.")
        case _:
            return ServiceError(422, "702", text)


def error_body(error: ServiceError, psp: str) -> bytes:
    """The envelope. ``psp`` is left out where the request was turned away at the door."""
    body: dict[str, Any] = {
        "status": error.status,
        "errorCode": error.code,
        "message": error.message,
        "errorType": error.kind,
    }
    if psp:
        body["pspReference"] = psp
    return to_bytes(body)
