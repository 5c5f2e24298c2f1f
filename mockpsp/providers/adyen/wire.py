"""States to JSON. Shapes: CheckoutService-v72.json; which optional fields appear: docs.adyen.com, recorded answers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from json import dumps
from typing import Any

from msgspec import to_builtins

from mockpsp.domain.clock import paris
from mockpsp.domain.money import Money
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen import links, tokens
from mockpsp.providers.adyen.ancv import AWAIT
from mockpsp.providers.adyen.errors import REASONS
from mockpsp.providers.adyen.settings import AdyenSettings
from mockpsp.providers.adyen.states import (
    CheckoutStage,
    Modification,
    Order,
    OrderStage,
    Payment,
    Purchase,
    Status,
)
from mockpsp.world.world import World

Json = dict[str, Any]
_AWAITING_SHOPPER, _ABANDONED, _OPEN = Status.AWAITING_SHOPPER, Status.ABANDONED, OrderStage.OPEN  # slow to reach


def amount(money: Money) -> Json:
    """An Amount."""
    return {"currency": money.currency, "value": money.minor}


def zulu(moment: datetime) -> str:
    """Orders' times: UTC with Z, whole seconds."""
    told: str = to_builtins(moment if moment.tzinfo is UTC else moment.astimezone(UTC))  # quicker than isoformat
    return f"{told[:19]}Z"


def local(moment: datetime) -> str:
    """Sessions' and links' times: Paris with its offset, whole seconds."""
    return moment.astimezone(paris()).isoformat(timespec="seconds")


# -- orders ----------------------------------------------------------------------------------------------------------


def order_data(purchase: Purchase, order: Order) -> str:
    """The newest orderData: another one after each payment; all of them stay valid."""
    return tokens.order_data(order.ref, order.opened.secret, len(purchase.legs(order.ref)))


def order_created(purchase: Purchase, order: Order) -> Json:
    """CreateOrderResponse."""
    return {
        "pspReference": order.ref,
        "resultCode": "Success",
        "expiresAt": zulu(order.opened.expires),
        "orderData": order_data(purchase, order),
        "reference": order.opened.reference,
        "amount": amount(order.amount),
        "remainingAmount": amount(purchase.remaining(order)),
    }


def order_told(purchase: Purchase, order: Order) -> Json:
    """``order`` of a payment's answer; without orderData when nothing remains or it is closed."""
    remaining = purchase.remaining(order)
    told = {
        "pspReference": order.ref,
        "reference": order.opened.reference,
        "amount": amount(order.amount),
        "remainingAmount": amount(remaining),
        "expiresAt": zulu(order.opened.expires),
    }
    if order.stage is _OPEN and remaining:
        told["orderData"] = order_data(purchase, order)
    return told


# -- payments --------------------------------------------------------------------------------------------------------


def payment(
    world: World, purchase: Purchase, paid: Payment, settings: AdyenSettings, origin: Callable[[], str]
) -> Json:
    """PaymentResponse, of POST /payments and of POST /payments/details; few of them have links to an ``origin``."""
    if paid.status is _AWAITING_SHOPPER:
        return _with_action(world, purchase, paid, origin())
    told: Json = {}
    additional = _additional(paid)
    if additional:
        told["additionalData"] = additional
    told["pspReference"] = paid.ref
    told["resultCode"] = result_code(paid)
    if paid.granted is not None or paid.awaited is not None:
        told["amount"] = amount(paid.amount)
    told["merchantReference"] = paid.started.reference
    told["paymentMethod"] = {"type": paid.instrument.type, "brand": paid.instrument.brand}
    if paid.refusal is not None:
        told.update(refusalReason=paid.refusal.reason, refusalReasonCode=paid.refusal.code)
    elif paid.status is _ABANDONED:
        gone = REASONS["shopper_cancelled"]
        told.update(refusalReason=gone.text, refusalReasonCode=gone.code)
    order = purchase.order(paid.started.order)
    if order is not None and (paid.refusal is None or settings.order_in_refused_answer):
        told["order"] = order_told(purchase, order)
    return told


def result_code(paid: Payment) -> str:
    """``resultCode``."""
    if paid.refusal is not None:
        return paid.refusal.result
    if paid.granted is not None:
        return "Authorised" if paid.asked is None else "PartiallyAuthorised"
    if paid.status is Status.RESULT_AWAITED and paid.awaited is not None:
        return paid.awaited.result
    if paid.status is Status.ABANDONED:
        return "Cancelled"
    kind = paid.action.kind if paid.action is not None else ""
    return {
        "redirect": "RedirectShopper",
        "fingerprint": "IdentifyShopper",
        "challenge": "ChallengeShopper",
        "await": "Pending",
    }[kind]


def _additional(paid: Payment) -> Json:
    """What an account shows of a card payment: all values are text."""
    card = paid.instrument
    if card.kind != "card":
        return {}
    if paid.refusal is not None:
        return {"refusalReasonRaw": paid.refusal.raw}
    if paid.granted is None:
        return {}
    month, _, year = card.expiry.partition("/")
    authenticated = "true" if paid.granted.authenticated else "false"
    return {
        "cvcResult": "1 Matches",
        "authCode": paid.granted.auth_code,
        "avsResult": "4 AVS not supported for this card type",
        "cardSummary": card.last_four,
        "cardBin": card.bin,
        "expiryDate": f"{int(month)}/{year}" if month else "",
        "paymentMethod": card.brand,
        "refusalReasonRaw": "AUTHORISED",
        "threeDAuthenticated": authenticated,
        "threeDOffered": authenticated,
        **_stored_as(paid),
    }


def _stored_as(paid: Payment) -> Json:
    """The token under which the card of an authorised payment is kept."""
    keeps = paid.started.keeps
    if keeps is None:
        return {}
    return {
        "recurring.recurringDetailReference": keeps.token,
        "recurring.shopperReference": paid.started.shopper_reference,
    }


def _with_action(world: World, purchase: Purchase, paid: Payment, origin: str) -> Json:
    told: Json = {
        "resultCode": result_code(paid),
        "pspReference": paid.ref,
        "merchantReference": paid.started.reference,
        "action": action(world, paid, origin),
    }
    order = purchase.order(paid.started.order)
    if order is not None:
        told["order"] = {"pspReference": order.ref}
        if paid.action is not None and paid.action.kind == AWAIT:
            told["order"]["orderData"] = order_data(purchase, order)
    return told


def action(world: World, paid: Payment, origin: str) -> Json:
    """What the shopper must do: go to the bank's page, answer in an app, or let the SDK handle 3-D Secure."""
    asked = paid.action
    assert asked is not None, "only a payment that waits for its shopper has an action"
    if asked.kind == "redirect":
        url = links.redirect(world, paid, origin)
        return {"paymentMethodType": paid.instrument.type, "type": "redirect", "method": "GET", "url": url}
    data = tokens.payment_data(paid.ref, asked.secret)
    if asked.kind == AWAIT:
        return {"paymentMethodType": paid.instrument.type, "type": "await", "paymentData": data}
    told: Json = {"paymentMethodType": "scheme", "type": "threeDS2", "subtype": asked.kind}
    told["token"] = b64encode(dumps(_native_token(world, paid, asked, origin)).encode()).decode()
    if asked.kind == "fingerprint":
        return {**told, "paymentData": data, "authorisationToken": data}
    return {**told, "authorisationToken": data}


def _native_token(world: World, paid: Payment, asked: e.ActionRequired, origin: str) -> Json:
    """What adyen-web 6 reads from ``token``; the transaction's id is a UUID out of the secret."""
    raw = asked.secret[:32]
    server = f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:32]}"
    mark = f"?MD={links.md(world, paid)}"
    if asked.kind == "fingerprint":
        return {
            "threeDSMessageVersion": "2.2.0",
            "threeDSMethodNotificationURL": f"{origin}{links.METHOD}{mark}",
            "threeDSMethodUrl": f"{origin}{links.METHOD}{mark}",
            "threeDSMethodURL": f"{origin}{links.METHOD}{mark}",
            "threeDSServerTransID": server,
        }
    return {
        "acsReferenceNumber": "MOCKPSP-ACS",
        "acsTransID": f"{raw[20:28]}-{raw[:4]}-{raw[4:8]}-{raw[8:12]}-{raw[12:24]}",
        "acsURL": f"{origin}{links.ACS}{mark}",
        "messageVersion": "2.2.0",
        "threeDSNotificationURL": f"{origin}{links.ACS}{mark}",
        "threeDSServerTransID": server,
    }


# -- modifications ---------------------------------------------------------------------------------------------------


def modification(paid: Payment, found: Modification, extra: Json) -> Json:
    """The answer to a modification of a payment; ``extra`` is what this kind repeats of its request."""
    told: Json = {
        "merchantAccount": paid.started.merchant,
        "paymentPspReference": paid.ref,
        "pspReference": found.ref,
    }
    if found.reference:
        told["reference"] = found.reference
    return {**told, **extra, "status": "received"}


# -- sessions and links ----------------------------------------------------------------------------------------------


def session(purchase: Purchase, origin: str) -> Json:
    """CreateCheckoutSessionResponse: the request comes back with what is new."""
    head = purchase.session
    assert head is not None, "this is a session"
    told = {
        **head.echo,
        "id": purchase.ref,
        "amount": amount(purchase.total),
        "expiresAt": local(head.expires),
        "merchantAccount": purchase.merchant,
        "mode": head.mode,
        "reference": purchase.reference,
        "returnUrl": head.return_url,
        "shopperLocale": head.locale,
    }
    if head.mode == "hosted":
        told["url"] = links.checkout_page(purchase, origin)
    else:
        told["sessionData"] = session_data(purchase)
    return told


def session_data(purchase: Purchase) -> str:
    """The newest sessionData."""
    return tokens.session_data(purchase.ref, purchase.secret, purchase.data_number)


def session_status(purchase: Purchase) -> str:
    """``status`` of a SessionResultResponse."""
    if purchase.stage is CheckoutStage.ACTIVE:
        if any(each.status is Status.RESULT_AWAITED for each in purchase.payments):
            return "paymentPending"
        last = purchase.payments[-1] if purchase.payments else None
        return "refused" if last is not None and last.refusal is not None else "active"
    return str(purchase.stage.value)


_RESULTS = {Status.AUTHORISED: "Authorised", Status.CANCELLED: "Authorised", Status.RESULT_AWAITED: "Received"}


def session_result(purchase: Purchase) -> Json:
    """SessionResultResponse."""
    return {
        "id": purchase.ref,
        "status": session_status(purchase),
        "reference": purchase.reference,
        "payments": [
            {
                "pspReference": each.ref,
                "resultCode": _RESULTS[each.status],
                "amount": amount(each.amount),
                "paymentMethod": {"type": each.instrument.type, "brand": each.instrument.brand},
            }
            for each in purchase.payments
            if each.status in _RESULTS
        ],
    }


def link_status(purchase: Purchase) -> str:
    """``status`` of a payment link."""
    if purchase.stage is CheckoutStage.ACTIVE and any(each.status is Status.RESULT_AWAITED for each in purchase.round):
        return "paymentPending"
    return str(purchase.stage.value)


def link(purchase: Purchase, origin: str) -> Json:
    """PaymentLinkResponse."""
    head = purchase.link
    assert head is not None, "this is a payment link"
    return {
        **head.echo,
        "id": purchase.ref,
        "amount": amount(purchase.total),
        "expiresAt": local(head.expires),
        "merchantAccount": purchase.merchant,
        "reference": purchase.reference,
        "reusable": head.reusable,
        "status": link_status(purchase),
        "url": links.checkout_page(purchase, origin),
    }
