"""States to JSON of the platform. Keys, their order and their spelling are the platform's.

Shapes: ``onlinepayments.sdk.domain`` of the Python SDK 10.3.0; order of keys as in recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.errors import wire_error
from mockpsp.providers.worldline.holdings import CV_CONNECT
from mockpsp.providers.worldline.maintain import late
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import STATUSES, Code, Kind, Operation, Order, Status, Tender, payment_code

Json = Mapping[str, Any]
_CREATED, _REDIRECTED = Code.CREATED, Code.REDIRECTED  # members of an enumeration are slow to reach
_UNPAID = frozenset({Code.REJECTED, Code.CANCELLED_BY_CUSTOMER})
_LONG_RANGE = "900000"


def payment_id(inner: str, number: int, settings: WorldlineSettings) -> str:
    """A payment id in the form that the settings choose."""
    return f"{_LONG_RANGE}{inner}{number:03d}" if settings.payment_id_form == "long" else f"{inner}_{number}"


def money(amount: Money) -> dict[str, Any]:
    """AmountOfMoney."""
    return {"amount": amount.minor, "currencyCode": amount.currency}


def _references(order: Order) -> dict[str, str]:
    told = order.created.references
    body = {"merchantReference": told.merchant_reference} if told.merchant_reference else {}
    if told.operation_group:
        body["operationGroupReference"] = told.operation_group
    if told.soft_descriptor:
        body["softDescriptor"] = told.soft_descriptor
    return body


def _method(tender: Tender) -> str:
    return "redirect" if tender.product == CV_CONNECT else "card"


def _card_output(tender: Tender) -> dict[str, Any]:
    card = tender.card
    assert card is not None, "a card tender has a card"
    failed = tender.error is not None and tender.error.id == "AUTHENTICATION_FAILURE"
    return {
        "paymentProductId": card.product,
        "authorisationCode": f"{int(tender.inner) % 1_000_000:06d}",
        "card": {
            "cardNumber": card.masked,
            "expiryDate": card.expiry,
            "bin": card.bin,
            "countryCode": card.country,
        },
        "fraudResults": {"fraudServiceResult": "no-advice", "avsResult": "0", "cvvResult": "0"},
        "threeDSecureResults": {
            "version": "2.2.0",
            "flow": "challenge",
            "eci": "5",
            "schemeEci": "05",
            "authenticationStatus": "N" if failed else "Y",
            "liability": "merchant" if failed else "issuer",
        },
    }


def _specific(tender: Tender) -> dict[str, Any]:
    if tender.card is not None:
        return {"cardPaymentMethodSpecificOutput": _card_output(tender), "paymentMethod": "card"}
    if tender.product == CV_CONNECT and tender.code not in (Code.CREATED, Code.CANCELLED_BY_CUSTOMER):
        return {"redirectPaymentMethodSpecificOutput": {"paymentProductId": CV_CONNECT}, "paymentMethod": "redirect"}
    return {}


def payment_output(order: Order, tender: Tender, settings: WorldlineSettings) -> dict[str, Any]:
    """PaymentOutput of one tender: the amount of the whole order, and what was acquired over all tenders."""
    created = order.created
    share = settings.card_webhook_amount == "share" and tender is not order.first
    body: dict[str, Any] = {"amountOfMoney": money(tender.share if share else created.total)}
    references = _references(order)
    if references:
        body["references"] = references
    body["acquiredAmount"] = money(order.acquired)
    body["customer"] = {"device": {"ipAddressCountryCode": created.country or "99"}}
    if tender.code is not _CREATED:
        body.update(_specific(tender))
    if created.references.merchant_parameters:
        body["merchantParameters"] = created.references.merchant_parameters
    return body


def status_of(code: Code, settings: WorldlineSettings) -> Status:
    """The words of a code, as far as a setting does not choose others."""
    if code is _REDIRECTED:
        return Status("REDIRECTED", settings.redirected_category)
    return STATUSES[code]


def _status_output(code: Code, status: Status, error: e.PlatformError | None) -> dict[str, Any]:
    body: dict[str, Any] = {"errors": [wire_error(error)]} if error is not None else {}
    body["isCancellable"] = status.cancellable
    body["statusCategory"] = status.category
    body["statusCode"] = int(code)
    body["isAuthorized"] = status.authorised
    body["isRefundable"] = status.refundable
    return body


def payment_status(
    order: Order, tender: Tender, settings: WorldlineSettings, now: datetime
) -> tuple[str, dict[str, Any]]:
    """``status`` and ``statusOutput`` of a payment as a whole."""
    code = payment_code(tender)
    if tender.accepted_at is None:
        status = status_of(code, settings)
    else:
        code, status = _granted(order, tender, code, settings, now)
    error = tender.error if code in _UNPAID else None
    return status.word, _status_output(code, status, error)


def _granted(
    order: Order, tender: Tender, code: Code, settings: WorldlineSettings, now: datetime
) -> tuple[Code, Status]:
    """Code and words of a tender that an issuer granted: what was done with its money since decides."""
    if tender is order.first:
        code = _order_code(order, code)
    open_money = tender.open > 0
    refundable = any(each.refundable > 0 and not late(each, now, settings) for each in _refund_sources(order, tender))
    if code is Code.REFUNDED and settings.refunded_payment_status != "latest_operation" and refundable:
        code = Code.CAPTURED
    if code in (Code.CAPTURE_REQUESTED, Code.CAPTURE_UNCERTAIN):
        refundable = False
    status = status_of(code, settings)
    return code, status._replace(authorised=open_money, cancellable=open_money, refundable=refundable)


def _refund_sources(order: Order, tender: Tender) -> tuple[Tender, ...]:
    return order.tenders if tender is order.first else (tender,)


def _order_code(order: Order, code: Code) -> Code:
    """The first tender's answers speak for the order: a refund of any tender shows."""
    refunds = [
        each
        for tender in order.tenders
        for each in tender.operations
        if each.kind is Kind.REFUND and each.code is not Code.REFUND_REJECTED
    ]
    latest = max(refunds, key=lambda each: each.at, default=None)
    own = max(order.first.operations, key=lambda each: each.at, default=None)
    if latest is None or (own is not None and own.kind is not Kind.REFUND and own.at > latest.at):
        return code
    return latest.code


def _hosted(order: Order) -> dict[str, Any]:
    hosted = order.created.hosted
    if hosted is None:
        return {}
    body = {"hostedCheckoutId": order.created.ref}
    if hosted.variant:
        body["variant"] = hosted.variant
    return {"hostedCheckoutSpecificOutput": body}


def payment(order: Order, tender: Tender, number: int, settings: WorldlineSettings, now: datetime) -> dict[str, Any]:
    """PaymentResponse of a tender, or of one of its maintenance operations."""
    operation = tender.operation(number) if number else None
    if operation is None:
        number = 0
        word, output = payment_status(order, tender, settings, now)
    else:
        status = STATUSES[operation.code]
        word, output = status.word, _status_output(operation.code, status, operation.error)
    body = _hosted(order)
    body["paymentOutput"] = payment_output(order, tender, settings)
    body["status"] = word
    body["statusOutput"] = output
    body["id"] = payment_id(tender.inner, number, settings)
    return body


def details(order: Order, tender: Tender, settings: WorldlineSettings, now: datetime) -> dict[str, Any]:
    """PaymentDetailsResponse: the payment, and the operations of all tenders, payments first."""
    body = payment(order, tender, 0, settings, now)
    operations = [_first_operation(order, each, settings) for each in order.tenders if each.code is not Code.CREATED]
    later = [(each, operation) for each in order.tenders for operation in each.operations]
    later.sort(key=lambda pair: (pair[1].requested_at, pair[0].product == CV_CONNECT))
    operations.extend(_later_operation(order, each, operation, settings) for each, operation in later)
    output = body.pop("paymentOutput")
    status = {name: body.pop(name) for name in ("status", "statusOutput", "id")}
    return {**body, "paymentOutput": output, "Operations": operations, **status}


def _operation(
    order: Order, tender: Tender, number: int, amount: Money, word: str, output: dict[str, Any], reference: str
) -> dict[str, Any]:
    product = {"paymentProductId": tender.product} if tender.product is not None else {}
    references = _references(order)
    return {
        "id": "",
        "amountOfMoney": money(amount),
        "status": word,
        "statusOutput": output,
        "paymentMethod": _method(tender),
        "references": references,
        "operationReferences": {"merchantReference": reference} if reference else {},
        **product,
    }


def _first_operation(order: Order, tender: Tender, settings: WorldlineSettings) -> dict[str, Any]:
    status = status_of(tender.code, settings)
    if tender.code is Code.PENDING_CAPTURE and tender.open == 0:
        status = status._replace(authorised=False, cancellable=False)
    output = _status_output(tender.code, status, tender.error)
    reference = order.created.references.merchant_reference
    body = _operation(order, tender, 0, tender.share, status.word, output, reference)
    body["id"] = payment_id(tender.inner, 0, settings)
    return body


def _later_operation(order: Order, tender: Tender, operation: Operation, settings: WorldlineSettings) -> dict[str, Any]:
    status = STATUSES[operation.code]
    output = _status_output(operation.code, status, operation.error)
    body = _operation(order, tender, operation.number, operation.amount, status.word, output, operation.reference)
    body["id"] = payment_id(tender.inner, operation.number, settings)
    return body


def _maintenance_output(order: Order, tender: Tender, amount: Money, reference: str) -> dict[str, Any]:
    body: dict[str, Any] = {"amountOfMoney": money(amount)}
    references = _references(order)
    if references:
        body["references"] = references
    if reference:
        body["operationReferences"] = {"merchantReference": reference}
    return body


def capture(order: Order, tender: Tender, operation: Operation, settings: WorldlineSettings) -> dict[str, Any]:
    """CaptureResponse; its status output holds the code and nothing else."""
    output = _maintenance_output(order, tender, operation.amount, operation.reference)
    output["acquiredAmount"] = money(order.acquired)
    output.update(_specific(tender))
    return {
        "captureOutput": output,
        "status": STATUSES[operation.code].word,
        "statusOutput": {"statusCode": int(operation.code)},
        "id": payment_id(tender.inner, operation.number, settings),
    }


def refund(
    order: Order, tender: Tender, operation: Operation, settings: WorldlineSettings, amount: Money | None = None
) -> dict[str, Any]:
    """RefundResponse of one refund operation; ``amount`` is what was asked for, when that is more than its share."""
    output = _maintenance_output(order, tender, amount or operation.amount, operation.reference)
    done = sum(each.amount.minor for each in tender.operations if each.code is Code.REFUNDED)
    totals = {"totalAmountPaid": tender.captured, "totalAmountRefunded": done}
    specific = (
        "redirectRefundMethodSpecificOutput" if _method(tender) == "redirect" else "cardRefundMethodSpecificOutput"
    )
    output[specific] = totals
    output["paymentMethod"] = _method(tender)
    status = STATUSES[operation.code]
    errors = {"errors": [wire_error(operation.error)]} if operation.error is not None else {}
    return {
        "refundOutput": output,
        "status": status.word,
        "statusOutput": {
            **errors,
            "isCancellable": False,
            "statusCategory": status.category,
            "statusCode": int(operation.code),
        },
        "id": payment_id(tender.inner, operation.number, settings),
    }


def captures(order: Order, tender: Tender, settings: WorldlineSettings) -> list[dict[str, Any]]:
    """CapturesResponse's entries."""
    return [capture(order, tender, each, settings) for each in tender.operations if each.kind is Kind.CAPTURE]


def refunds(order: Order, tender: Tender, settings: WorldlineSettings) -> list[dict[str, Any]]:
    """RefundsResponse's entries: of all tenders for the first one, in the order in which they were asked for."""
    pairs = [
        (each, operation)
        for each in _refund_sources(order, tender)
        for operation in each.operations
        if operation.kind is Kind.REFUND
    ]
    pairs.sort(key=lambda pair: (pair[1].requested_at, pair[0].product == CV_CONNECT))
    return [refund(order, each, operation, settings) for each, operation in pairs]


def cancelled(order: Order, tender: Tender, settings: WorldlineSettings, now: datetime) -> dict[str, Any]:
    """CancelPaymentResponse: the payment with the cancellation under way, as the platform shows it only here."""
    body = payment(order, tender, 0, settings, now)
    body.pop("hostedCheckoutSpecificOutput", None)
    status = Status("CANCELLED", "PENDING_MERCHANT", authorised=True)
    return {
        "payment": {
            **body,
            "status": status.word,
            "statusOutput": _status_output(Code.CANCEL_REQUESTED, status, None),
        }
    }


_CATEGORY = {
    **dict.fromkeys(
        (Code.CREATED, Code.CANCELLED_BY_CUSTOMER, Code.CANCELLED, Code.CANCEL_REQUESTED, Code.REJECTED,
         Code.CAPTURE_REJECTED),
        "REJECTED",
    ),
    Code.REDIRECTED: "STATUS_UNKNOWN",
}  # fmt: skip


def checkout(order: Order, settings: WorldlineSettings, now: datetime) -> dict[str, Any]:
    """GetHostedCheckoutResponse; the created payment is there from the first moment."""
    body = payment(order, order.first, 0, settings, now)
    category = _CATEGORY.get(body["statusOutput"]["statusCode"], "SUCCESSFUL")
    return {"createdPaymentOutput": {"payment": body, "paymentStatusCategory": category}, "status": order.stage}


def checkout_created(order: Order, url: str, invalid_tokens: Sequence[str] = ()) -> dict[str, Any]:
    """CreateHostedCheckoutResponse."""
    hosted = order.created.hosted
    assert hosted is not None, "a hosted checkout"
    reference = order.created.references.merchant_reference
    body: dict[str, Any] = {"RETURNMAC": hosted.return_mac, "hostedCheckoutId": order.created.ref}
    if invalid_tokens:
        body["invalidTokens"] = list(invalid_tokens)
    if reference:
        body["merchantReference"] = reference
    body["redirectUrl"] = url
    body["partialRedirectUrl"] = url.partition("://")[2].removeprefix("payment.")
    return body


def payment_created(
    order: Order, tender: Tender, action: Json | None, settings: WorldlineSettings, now: datetime
) -> dict[str, Any]:
    """CreatePaymentResponse, which a decline carries as ``paymentResult``."""
    reference = order.created.references.merchant_reference
    external = {"externalReference": reference} if reference else {}
    return {
        "creationOutput": {**external, "isNewToken": False, "tokenizationSucceeded": False},
        **({"merchantAction": action} if action is not None else {}),
        "payment": payment(order, tender, 0, settings, now),
    }
