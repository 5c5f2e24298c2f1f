"""JSON of the platform to commands, and states to JSON. Keys, their order and their spelling are the platform's.

Shapes: ``onlinepayments.sdk.domain`` of the Python SDK 10.3.0; order of keys as in recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from mockpsp.domain.money import Money
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.errors import InvalidValue, MalformedPaymentId, wire_error
from mockpsp.providers.worldline.holdings import AMEX, COMPLEMENT, CV_CONNECT, MASTERCARD, VISA
from mockpsp.providers.worldline.maintain import late
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import STATUSES, Code, Kind, Operation, Order, Status, Tender, payment_code

Json = Mapping[str, Any]
_SHORT_ID = re.compile(r"([0-9]{10})(?:_([0-9]{1,3}))?", re.ASCII)
_LONG_ID = re.compile(r"90000(?:0([0-9]{10})|([0-9]{11}))([0-9]{3})", re.ASCII)
_ANY_ID = re.compile(r"[0-9]{10,20}(?:_[0-9]+)?", re.ASCII)
_EVERY_PRODUCT = (CV_CONNECT, VISA, MASTERCARD, 130, AMEX)
_LONG_RANGE = "900000"
_NO_PLACES = frozenset({"about", "blob", "data", "file", "javascript", "vbscript"})
_NOT_IN_URLS = frozenset(' "<>\\^`{|}')
_NOT_IN_HOSTS = frozenset(";,'")


# -- reading ---------------------------------------------------------------------------------------------------------


def read_payment_id(text: str) -> tuple[str, int]:
    """Inner id and operation number of a payment id in any of its forms. Raises MalformedPaymentId."""
    short = _SHORT_ID.fullmatch(text)
    if short is not None:
        return short[1], int(short[2] or 0)
    long = _LONG_ID.fullmatch(text)
    if long is not None:
        return long[1] or long[2], int(long[3])
    if _ANY_ID.fullmatch(text) is None:
        raise MalformedPaymentId(f"{text!r} is no payment id")
    return text.partition("_")[0], 0


def read_amount(body: Json) -> Money:
    """``AmountOfMoney`` as Money."""
    return Money(int(body["amount"]), str(body["currencyCode"]))


def read_optional_amount(body: Json | None) -> Money | None:
    """The same, or None when it is absent."""
    return None if body is None else read_amount(body)


def _filtered(products: tuple[int, ...], filters: Json | None) -> tuple[int, ...]:
    if not filters:
        return products
    only, without = filters.get("restrictTo") or {}, filters.get("exclude") or {}
    if "products" in only or "groups" in only:
        products = tuple(each for each in products if _named(each, only))
    return tuple(each for each in products if not _named(each, without)) if without else products


def _named(product: int, names: Json) -> bool:
    groups = [str(group).lower() for group in names.get("groups", ())]
    return product in names.get("products", ()) or ("cards" in groups and product != CV_CONNECT)


def _read_references(body: Json) -> e.References:
    return e.References(
        merchant_reference=body.get("merchantReference", ""),
        merchant_parameters=body.get("merchantParameters", ""),
        operation_group=body.get("operationGroupReference", ""),
        soft_descriptor=body.get("softDescriptor", ""),
    )


def _read_order(merchant: str, body: Json, locale: str) -> c.OrderInput:
    order = body["order"]
    redirect = body.get("redirectPaymentMethodSpecificInput", {})
    card = body.get("cardPaymentMethodSpecificInput", {})
    specific = redirect.get("paymentProduct5412SpecificInput", {})
    customer = order.get("customer", {})
    approval = redirect.get("requiresApproval")
    delay = card.get("autoCapture", {}).get("delayInMinutes")
    if approval is None:
        approval = card.get("authorizationMode", "SALE") != "SALE" if not redirect else False
    return c.OrderInput(
        merchant=merchant,
        total=read_amount(order["amountOfMoney"]),
        references=_read_references(order.get("references", {})),
        country=customer.get("billingAddress", {}).get("countryCode", ""),
        product=redirect.get("paymentProductId", card.get("paymentProductId")),
        requires_approval=bool(approval),
        adjustable=specific.get("adjustableAmount", True),
        beneficiary=specific.get("beneficiaryId", "").strip(),
        webhooks=_webhook_urls(body.get("feedbacks", {})),
        locale=locale or customer.get("locale", ""),
        auto_capture=None if delay is None else timedelta(minutes=delay),
    )


def _webhook_urls(feedbacks: Json) -> tuple[str, ...]:
    several = feedbacks.get("webhooksUrls", ())
    for index, url in enumerate(several):
        _check_url(f"feedbacks.webhooksUrls[{index}]", url)
    old = feedbacks.get("webhookUrl")
    if old:
        _check_url("feedbacks.webhookUrl", old)
    return tuple(several) or ((old,) if old else ())


def _return_url(body: Json) -> str:
    redirect = body.get("redirectPaymentMethodSpecificInput", {})
    given = {
        "hostedCheckoutSpecificInput.returnUrl": body.get("hostedCheckoutSpecificInput", {}).get("returnUrl"),
        "redirectPaymentMethodSpecificInput.redirectionData.returnUrl": redirect.get("redirectionData", {}).get(
            "returnUrl"
        ),
        "redirectPaymentMethodSpecificInput.returnUrl": redirect.get("returnUrl"),
    }
    urls = {path: url for path, url in given.items() if url is not None}
    for path, url in urls.items():
        _check_url(path, url)
    return next(iter(urls.values()), "")


@lru_cache(maxsize=256)  # a merchant has few addresses
def _check_url(path: str, url: str) -> None:
    """Raise InvalidValue for what no browser should be sent to, and no webhook either."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidValue(path, str(error)) from error
    if not url.isprintable() or set(url) & _NOT_IN_URLS or set(parts.netloc) & _NOT_IN_HOSTS:
        raise InvalidValue(path, "a character that no address has")
    if parts.scheme in _NO_PLACES or (parts.scheme in ("http", "https") and not parts.hostname):
        raise InvalidValue(path, "leads nowhere")


def read_checkout(merchant: str, body: Json) -> c.CreateCheckout:
    """CreateHostedCheckoutRequest. ``returnUrl`` may stand in any of the three places that clients use."""
    hosted = body.get("hostedCheckoutSpecificInput", {})
    order = _read_order(merchant, body, hosted.get("locale", ""))
    usable = _EVERY_PRODUCT if order.total.currency == "EUR" else tuple(p for p in _EVERY_PRODUCT if p != CV_CONNECT)
    products = _filtered(usable, hosted.get("paymentProductFilters"))
    allowed = tuple(product for product in COMPLEMENT if product in products or order.product == CV_CONNECT)
    timeout = hosted.get("sessionTimeout")
    return c.CreateCheckout(
        order=order,
        return_url=_return_url(body),
        show_result_page=hosted.get("showResultPage", True),
        attempts=int(hosted.get("allowedNumberOfPaymentAttempts", 10)),
        timeout=None if timeout is None else timedelta(minutes=timeout),
        auto_refund=hosted.get("autoRefundSplitPayments", False),
        products=products,
        complement=_filtered(allowed, hosted.get("splitPaymentProductFilters")),
        variant=hosted.get("variant", ""),
    )


def read_tokens(body: Json) -> tuple[str, ...]:
    """The tokens that a hosted checkout names: one text, separated by commas."""
    text = body.get("hostedCheckoutSpecificInput", {}).get("tokens", "")
    return tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))


def read_card(card: Json, product: int | None = None) -> c.CardData:
    """A card of a request."""
    return c.CardData(
        number=card["cardNumber"],
        expiry=card["expiryDate"],
        holder=card.get("cardholderName", ""),
        cvv=card.get("cvv", ""),
        product=product,
    )


def read_payment(merchant: str, body: Json, stored: c.CardData | None = None) -> c.CreatePayment:
    """CreatePaymentRequest; ``stored`` is the card behind a token. ``hostedCheckoutSpecificInput`` is ignored."""
    method = body.get("cardPaymentMethodSpecificInput")
    order = _read_order(merchant, body, "")
    card = stored
    if method is not None and "card" in method:
        card = read_card(method["card"], method.get("paymentProductId"))
    without = {name: value for name, value in body.items() if name != "hostedCheckoutSpecificInput"}
    return c.CreatePayment(
        order=order,
        return_url=_return_url(without),
        email=body["order"].get("customer", {}).get("contactDetails", {}).get("emailAddress", ""),
        card=card,
        authorise=method is not None and method.get("authorizationMode", "FINAL_AUTHORIZATION") != "SALE",
    )


def read_subsequent(order: Order, tender: Tender, body: Json) -> c.CreatePayment:
    """SubsequentPaymentRequest: charges the card of ``tender`` again. Raises InvalidValue when it was no card."""
    method = body.get("subsequentcardPaymentMethodSpecificInput", {})
    if tender.card is None:
        raise InvalidValue("paymentId", "this payment was not made by card")
    again = _read_order(order.created.merchant, body, "")
    return c.CreatePayment(
        order=again,
        return_url="",
        card=c.CardData(kept=tender.card),
        authorise=method.get("authorizationMode", "FINAL_AUTHORIZATION") != "SALE",
    )


def money_of(minor: Any, currency: str) -> Money:
    """A bare amount in minor units, which JSON may write as 100.0."""
    return Money(int(minor), currency)


def read_reference(body: Json | None) -> str:
    """The maintenance operation's own reference."""
    given = body or {}
    references = given.get("operationReferences") or given.get("references") or {}
    return str(references.get("merchantReference", ""))


# -- writing ---------------------------------------------------------------------------------------------------------


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
    share = settings.card_webhook_amount == "share" and tender is not order.first
    body: dict[str, Any] = {"amountOfMoney": money(tender.share if share else order.total)}
    references = _references(order)
    if references:
        body["references"] = references
    body["acquiredAmount"] = money(order.acquired)
    body["customer"] = {"device": {"ipAddressCountryCode": order.created.country or "99"}}
    body.update(_specific(tender))
    if order.created.references.merchant_parameters:
        body["merchantParameters"] = order.created.references.merchant_parameters
    return body


def _flags(body: dict[str, Any], authorised: bool, cancellable: bool, refundable: bool) -> dict[str, Any]:
    return {"isCancellable": cancellable, **body, "isAuthorized": authorised, "isRefundable": refundable}


def status_of(code: Code, settings: WorldlineSettings) -> Status:
    """The words of a code, as far as a setting does not choose others."""
    if code is Code.REDIRECTED:
        return Status("REDIRECTED", settings.redirected_category)
    return STATUSES[code]


def _status_output(code: Code, status: Status, error: e.PlatformError | None) -> dict[str, Any]:
    errors = {"errors": [wire_error(error)]} if error is not None else {}
    flags = _flags(
        {"statusCategory": status.category, "statusCode": int(code)},
        status.authorised,
        status.cancellable,
        status.refundable,
    )
    return {**errors, **flags}


def payment_status(
    order: Order, tender: Tender, settings: WorldlineSettings, now: datetime
) -> tuple[str, dict[str, Any]]:
    """``status`` and ``statusOutput`` of a payment as a whole."""
    code = payment_code(tender)
    if tender is order.first:
        code = _order_code(order, code)
    open_money = tender.open > 0
    refundable = any(each.refundable > 0 and not late(each, now, settings) for each in _refund_sources(order, tender))
    if code is Code.REFUNDED and settings.refunded_payment_status != "latest_operation" and refundable:
        code = Code.CAPTURED
    if code in (Code.CAPTURE_REQUESTED, Code.CAPTURE_UNCERTAIN):
        refundable = False
    status = status_of(code, settings)
    if tender.accepted:
        status = status._replace(authorised=open_money, cancellable=open_money, refundable=refundable)
    error = tender.error if code in (Code.REJECTED, Code.CANCELLED_BY_CUSTOMER) else None
    return status.word, _status_output(code, status, error)


def _refund_sources(order: Order, tender: Tender) -> tuple[Tender, ...]:
    return order.tenders if tender is order.first else (tender,)


def _order_code(order: Order, code: Code) -> Code:
    """The first tender's answers speak for the order: a refund of any tender shows."""
    if not order.first.accepted:
        return code
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
    body = {"hostedCheckoutId": order.ref}
    if hosted.variant:
        body["variant"] = hosted.variant
    return {"hostedCheckoutSpecificOutput": body}


def payment(order: Order, tender: Tender, number: int, settings: WorldlineSettings, now: datetime) -> dict[str, Any]:
    """PaymentResponse of a tender, or of one of its maintenance operations."""
    operation = tender.operation(number)
    if operation is None:
        number = 0
        word, output = payment_status(order, tender, settings, now)
    else:
        status = STATUSES[operation.code]
        word, output = status.word, _status_output(operation.code, status, operation.error)
    return {
        **_hosted(order),
        "paymentOutput": payment_output(order, tender, settings),
        "status": word,
        "statusOutput": output,
        "id": payment_id(tender.inner, number, settings),
    }


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


_CATEGORIES = {
    "REJECTED": {Code.CREATED, Code.CANCELLED_BY_CUSTOMER, Code.CANCELLED, Code.CANCEL_REQUESTED, Code.REJECTED,
                 Code.CAPTURE_REJECTED},
    "STATUS_UNKNOWN": {Code.REDIRECTED},
}  # fmt: skip


def checkout(order: Order, settings: WorldlineSettings, now: datetime) -> dict[str, Any]:
    """GetHostedCheckoutResponse; the created payment is there from the first moment."""
    body = payment(order, order.first, 0, settings, now)
    code = Code(body["statusOutput"]["statusCode"])
    category = next((name for name, codes in _CATEGORIES.items() if code in codes), "SUCCESSFUL")
    return {
        "createdPaymentOutput": {"payment": body, "paymentStatusCategory": category},
        "status": order.stage.value,
    }


def checkout_created(order: Order, url: str, invalid_tokens: Sequence[str] = ()) -> dict[str, Any]:
    """CreateHostedCheckoutResponse."""
    hosted = order.created.hosted
    assert hosted is not None, "a hosted checkout"
    reference = order.created.references.merchant_reference
    without_scheme = url.partition("://")[2].removeprefix("payment.")
    return {
        "RETURNMAC": hosted.return_mac,
        "hostedCheckoutId": order.ref,
        **({"invalidTokens": list(invalid_tokens)} if invalid_tokens else {}),
        **({"merchantReference": reference} if reference else {}),
        "redirectUrl": url,
        "partialRedirectUrl": without_scheme,
    }


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


@lru_cache(maxsize=128)  # all calls of one second carry the same date
def http_date(text: str) -> datetime | None:
    """An RFC 1123 date in UTC, or None if it is none."""
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):  # years and offsets that no clock shows overflow
        return None
