"""The platform's errors: refusals of ours in its words, and the table of what issuers answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.domain.errors import Refusal
from mockpsp.domain.machine import IllegalStep
from mockpsp.domain.money import Money
from mockpsp.edge import errors as edge
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.worldline.events import PlatformError

DIRECT = "DIRECT_PLATFORM_ERROR"
ENGINE = "PAYMENT_PLATFORM_ERROR"
ACQUIRER = "IO_ERROR"


class UnknownPayment(Refusal):
    """No payment has this id."""


class MalformedPaymentId(Refusal):
    """Not even the shape of a payment id: HTTP 400 around an error that says 404, as a real answer shows."""


class UnknownCheckout(Refusal):
    """No hosted checkout has this id."""


class UnknownProduct(Refusal):
    """No payment product, or group, has this id."""

    def __init__(self, what: str, property_name: str) -> None:
        super().__init__(f"unknown {what}")
        self.id = f"UNKNOWN_{what.upper().replace(' ', '_')}_ID"
        self.property_name = property_name


class UnknownToken(Refusal):
    """No token has this id."""


class InvalidValue(Refusal):
    """A property whose value the platform does not take in this combination."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class ActionNotAllowed(Refusal):
    """The payment's state, or what is left of it, does not allow this."""

    def __init__(self, action: str, asked: Money | None, left: Money | None, why: str) -> None:
        with_left = f" with {left} left" if left is not None else ""
        super().__init__(f"{action} of {asked or 'everything'}{with_left}: {why}")
        self.action = action


class ShopperRefused(edge.PageRefusal):
    """What the shopper does is not possible on the page as it stands. ``field`` is the form field at fault."""

    def __init__(self, key: str, field: str = "", **details: Any) -> None:
        super().__init__(f"{key.replace('_', ' ')}{f' ({field})' if field else ''}", key, field, details)


_NOT_ALLOWED = {"capture": "50001127", "refund": "50001129", "cancel": "50001127"}

REASONS: Mapping[str, PlatformError] = {
    "issuer_refusal": PlatformError("EXTERNAL_ACQUIRER_ERROR", "30041001", ACQUIRER, 402),
    "insufficient_funds": PlatformError("EXTERNAL_ACQUIRER_ERROR", "30511001", ACQUIRER, 402),
    "do_not_honour": PlatformError("EXTERNAL_ACQUIRER_ERROR", "30051001", ACQUIRER, 402),
    "fraud_suspicion": PlatformError("EXTERNAL_ACQUIRER_ERROR", "30591001", ACQUIRER, 402),
    "expired_card": PlatformError("INVALID_CARD", "30331001", ENGINE, 402),
    "authentication_failed": PlatformError("AUTHENTICATION_FAILURE", "40001134", ENGINE, 403),
}
"""Why issuers refuse, in a tester's words (error codes: Worldline Direct, "Troubleshooting")."""

CANCELLED_BY_CUSTOMER = PlatformError(
    "CANCELLED_BY_CUSTOMER", "30171001", ENGINE, 402, message="Payment cancelled by the customer."
)
REFUND_REFUSED = PlatformError(
    "ACTION_NOT_ALLOWED_ON_TRANSACTION", "50001129", ENGINE, 400, "1020", "ACTION_NOT_ALLOWED_ON_TRANSACTION"
)


def api_error(
    id: str,
    http: int,
    *,
    code: str,
    category: str = DIRECT,
    error_code: str = "",
    message: str | None = None,
    path: str = "",
    retriable: bool = False,
) -> dict[str, Any]:
    """One APIError; absent properties are left out."""
    told: dict[str, Any] = {"errorCode": error_code} if error_code else {}
    told.update(category=category, code=code, httpStatusCode=http, id=id, message=id if message is None else message)
    if path:
        told["propertyName"] = path
    told["retriable"] = retriable
    return told


def wire_error(error: PlatformError) -> dict[str, Any]:
    """A PlatformError as an APIError."""
    return api_error(
        error.id,
        error.http_status,
        code=error.code,
        category=error.category,
        error_code=error.error_code,
        message=error.message,
    )


def _invalid(path: str, http: int = 400, id: str = "INVALID_VALUE") -> tuple[int, dict[str, Any]]:
    return http, api_error(id, http, code="1008", error_code="50001111", path=path)


def _unknown_payment(http: int, message: str) -> tuple[int, dict[str, Any]]:
    id = "UNKNOWN_PAYMENT_ID"
    return http, api_error(id, 404, code="1002", error_code="50001130", message=message, path="paymentId")


_BODIES: Mapping[type[Exception], int] = {edge.BodyTooLarge: 413, edge.BodyTooSlow: 408}


def describe(error: Exception, cancel_closed: int = 400) -> tuple[int, dict[str, Any]]:
    """HTTP status and APIError for a refusal."""
    match error:
        case edge.NotAllowed():
            return 403, api_error("ACCESS_TO_MERCHANT_NOT_ALLOWED", 403, code="9007")
        case edge.BrokenContract() | InvalidValue():
            return _invalid(error.path)
        case edge.BadBody() | edge.BodyTooLarge() | edge.BodyTooSlow():
            return _invalid("", _BODIES.get(type(error), 400), "INVALID_DATA")
        case MalformedPaymentId():
            return _unknown_payment(400, "INVALID_PAYMENT_ID_SYNTAX")
        case UnknownPayment():
            return _unknown_payment(404, "UNKNOWN_PAYMENT_ID")
        case UnknownCheckout():
            id = "UNKNOWN_HOSTED_CHECKOUT_ID"
            return 404, api_error(id, 404, code="1002", error_code="50001130", path="hostedCheckoutId")
        case UnknownProduct():
            return 404, api_error(error.id, 404, code="1007", error_code="50001111", path=error.property_name)
        case UnknownToken():
            return 404, api_error("UNKNOWN_TOKEN_ID", 404, code="1002", path="tokenId")
        case _:
            return _describe_rest(error, cancel_closed)


def _describe_rest(error: Exception, cancel_closed: int) -> tuple[int, dict[str, Any]]:
    match error:
        case ActionNotAllowed() | IllegalStep():
            action = error.action if isinstance(error, ActionNotAllowed) else "capture"
            http = cancel_closed if action == "cancel" else 400
            id = "ACTION_NOT_ALLOWED_ON_TRANSACTION"
            return http, api_error(id, http, code="1020", category=ENGINE, error_code=_NOT_ALLOWED[action])
        case edge.InProgress():
            return 409, api_error("DUPLICATE_REQUEST_IN_PROGRESS", 409, code="1409")
        case edge.NotSupported():
            return 501, api_error("NOT_SUPPORTED_BY_SIMULATOR", 501, code="9999", message=f"mockpsp: {error}")
        case edge.WrongMethod():
            return 405, api_error("METHOD_NOT_ALLOWED", 405, code="9999")
        case edge.Scripted():
            retriable = error.status >= 500 or error.status == 429
            id = _SCRIPTED.get(error.status, "INTERNAL_SERVER_ERROR")
            return error.status, api_error(id, error.status, code="9999", retriable=retriable)
        case _:
            return 500, api_error("INTERNAL_SERVER_ERROR", 500, code="9999", retriable=True)


_SCRIPTED = {429: "TOO_MANY_REQUESTS", 502: "BAD_GATEWAY", 503: "SERVICE_UNAVAILABLE", 504: "GATEWAY_TIMEOUT"}


def error_body(error_id: str, http: int, error: dict[str, Any], extra: Mapping[str, Any] | None = None) -> bytes:
    """An error answer's bytes."""
    body = {"errorId": error_id, "errors": [error], "status": http, **(extra or {})}
    return to_bytes(body)
