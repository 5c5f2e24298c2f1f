"""JSON of the platform to commands. Shapes: ``onlinepayments.sdk.domain`` of the Python SDK 10.3.0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from mockpsp.domain.money import Money
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.errors import InvalidValue, MalformedPaymentId
from mockpsp.providers.worldline.holdings import AMEX, COMPLEMENT, CV_CONNECT, MASTERCARD, VISA
from mockpsp.providers.worldline.states import Order, Tender

Json = Mapping[str, Any]
_SHORT_ID = re.compile(r"([0-9]{10})(?:_([0-9]{1,3}))?", re.ASCII)
_LONG_ID = re.compile(r"90000(?:0([0-9]{10})|([0-9]{11}))([0-9]{3})", re.ASCII)
_ANY_ID = re.compile(r"[0-9]{10,20}(?:_[0-9]+)?", re.ASCII)
_EVERY_PRODUCT = (CV_CONNECT, VISA, MASTERCARD, 130, AMEX)
_ONLY_CARDS = tuple(product for product in _EVERY_PRODUCT if product != CV_CONNECT)
_NOTHING: Json = {}
_NO_PLACES = frozenset({"about", "blob", "data", "file", "javascript", "vbscript"})
_NOT_IN_URLS = frozenset(' "<>\\^`{|}')
_NOT_IN_HOSTS = frozenset(";,'")


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
    only, without = filters.get("restrictTo"), filters.get("exclude")
    if only and ("products" in only or "groups" in only):
        products = _named(products, only, True)
    return _named(products, without, False) if without else products


def _named(products: tuple[int, ...], names: Json, wanted: bool) -> tuple[int, ...]:
    """Those of the products that a filter names, by id or as cards; or those that it does not."""
    groups = names.get("groups")
    cards = groups is not None and "cards" in [str(group).lower() for group in groups]
    return _chosen(products, tuple(names.get("products", ())), cards, wanted)


@lru_cache(maxsize=256)  # a shop filters all its orders alike
def _chosen(products: tuple[int, ...], ids: tuple[int, ...], cards: bool, wanted: bool) -> tuple[int, ...]:
    return tuple(each for each in products if (each in ids or (cards and each != CV_CONNECT)) is wanted)


@lru_cache(maxsize=128)  # making a timedelta costs more than all else that is read of an order's times
def _minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def _read_references(body: Json) -> e.References:
    return e.References(
        merchant_reference=body.get("merchantReference", ""),
        merchant_parameters=body.get("merchantParameters", ""),
        operation_group=body.get("operationGroupReference", ""),
        soft_descriptor=body.get("softDescriptor", ""),
    )


def _read_order(merchant: str, body: Json, locale: str) -> c.OrderInput:
    order = body["order"]
    redirect = body.get("redirectPaymentMethodSpecificInput", _NOTHING)
    card = body.get("cardPaymentMethodSpecificInput", _NOTHING)
    specific = redirect.get("paymentProduct5412SpecificInput", _NOTHING)
    customer = order.get("customer", _NOTHING)
    approval = redirect.get("requiresApproval")
    delay = card.get("autoCapture", _NOTHING).get("delayInMinutes") if card else None
    if approval is None:
        approval = card.get("authorizationMode", "SALE") != "SALE" if not redirect else False
    return c.OrderInput(
        merchant=merchant,
        total=read_amount(order["amountOfMoney"]),
        references=_read_references(order.get("references", _NOTHING)),
        country=customer.get("billingAddress", _NOTHING).get("countryCode", ""),
        product=redirect.get("paymentProductId", card.get("paymentProductId")),
        requires_approval=bool(approval),
        adjustable=specific.get("adjustableAmount", True),
        beneficiary=specific.get("beneficiaryId", "").strip(),
        webhooks=_webhook_urls(body.get("feedbacks", _NOTHING)),
        locale=locale or customer.get("locale", ""),
        auto_capture=None if delay is None else _minutes(delay),
    )


def _webhook_urls(feedbacks: Json) -> tuple[str, ...]:
    if not feedbacks:
        return ()
    several = feedbacks.get("webhooksUrls", ())
    for index, url in enumerate(several):
        _check_url(f"feedbacks.webhooksUrls[{index}]", url)
    old = feedbacks.get("webhookUrl")
    if old:
        _check_url("feedbacks.webhookUrl", old)
    return tuple(several) or ((old,) if old else ())


def _return_url(body: Json) -> str:
    """The first of the three places that has one; all that are given must be addresses."""
    url: str | None = body.get("hostedCheckoutSpecificInput", _NOTHING).get("returnUrl")
    if url is not None:
        _check_url("hostedCheckoutSpecificInput.returnUrl", url)
    redirect = body.get("redirectPaymentMethodSpecificInput", _NOTHING)
    for path, other in (
        (
            "redirectPaymentMethodSpecificInput.redirectionData.returnUrl",
            redirect.get("redirectionData", _NOTHING).get("returnUrl"),
        ),
        ("redirectPaymentMethodSpecificInput.returnUrl", redirect.get("returnUrl")),
    ):
        if other is not None:
            _check_url(path, other)
            url = other if url is None else url
    return url or ""


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
    hosted = body.get("hostedCheckoutSpecificInput", _NOTHING)
    order = _read_order(merchant, body, hosted.get("locale", ""))
    usable = _EVERY_PRODUCT if order.total.currency == "EUR" else _ONLY_CARDS
    products = _filtered(usable, hosted.get("paymentProductFilters"))
    allowed: tuple[int, ...] = COMPLEMENT
    if order.product != CV_CONNECT:
        allowed = tuple(product for product in COMPLEMENT if product in products)
    timeout = hosted.get("sessionTimeout")
    return c.CreateCheckout(
        order=order,
        return_url=_return_url(body),
        show_result_page=hosted.get("showResultPage", True),
        attempts=int(hosted.get("allowedNumberOfPaymentAttempts", 10)),
        timeout=None if timeout is None else _minutes(timeout),
        auto_refund=hosted.get("autoRefundSplitPayments", False),
        products=products,
        complement=_filtered(allowed, hosted.get("splitPaymentProductFilters")),
        variant=hosted.get("variant", ""),
    )


def read_tokens(body: Json) -> tuple[str, ...]:
    """The tokens that a hosted checkout names: one text, separated by commas."""
    text = body.get("hostedCheckoutSpecificInput", _NOTHING).get("tokens")
    if not text:
        return ()
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
    """CreatePaymentRequest; ``stored`` is the card behind a token, or what a browser encrypted.

    A browser encrypts for 5412 too, where there is no card: then the payment is one by vouchers, as the request says
    otherwise. ``hostedCheckoutSpecificInput`` is ignored. Raises InvalidValue when the request names another product
    than the browser did.
    """
    method = body.get("cardPaymentMethodSpecificInput")
    order = _read_order(merchant, body, "")
    card = stored
    if stored is not None and stored.kept is None:
        _check_product(body, stored.product)
        if stored.product == CV_CONNECT:
            order, card = replace(order, product=CV_CONNECT), None
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


def _check_product(body: Json, encrypted: int | None) -> None:
    """What was encrypted is for the product that the request names, if both name one."""
    for part in ("redirectPaymentMethodSpecificInput", "cardPaymentMethodSpecificInput"):
        named = body.get(part, _NOTHING).get("paymentProductId")
        if None not in (named, encrypted) and named != encrypted:
            raise InvalidValue(f"{part}.paymentProductId", f"the browser encrypted it for product {encrypted}")


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
