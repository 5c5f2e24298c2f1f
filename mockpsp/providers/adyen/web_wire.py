"""States to what adyen-web reads: a session as it is set up, the result of a payment, an order as it stands.

Shapes: ``core/CheckoutSession/types`` and ``core/Services`` of adyen-web 6.
"""

from __future__ import annotations

from base64 import b64encode
from json import dumps
from typing import Any

from mockpsp.providers.adyen import methods, tokens, wire
from mockpsp.providers.adyen.beneficiaries import ANCV, ANCV_NAME
from mockpsp.providers.adyen.events import SessionHead
from mockpsp.providers.adyen.holdings import GIFT_CARD_BRANDS, VOUCHER_BRANDS
from mockpsp.providers.adyen.settings import AdyenSettings
from mockpsp.providers.adyen.states import Order, Payment, Purchase, Status
from mockpsp.world.world import World

Json = dict[str, Any]
COUNTRY = "FR"
"""Of a session that names none: adyen-web cannot do without."""


def setup(purchase: Purchase, head: SessionHead, settings: AdyenSettings) -> Json:
    """What Drop-in is built from."""
    echo, country = head.echo, head.country or COUNTRY
    found = methods.offered(settings, country=country, currency=purchase.total.currency, locale=head.locale)
    kept = methods.filtered(found, echo.get("allowedPaymentMethods"), echo.get("blockedPaymentMethods"))
    return {
        "id": purchase.ref,
        "sessionData": wire.session_data(purchase),
        "amount": wire.amount(purchase.total),
        "countryCode": country,
        "expiresAt": wire.local(head.expires),
        "returnUrl": head.return_url,
        "shopperLocale": head.locale,
        "configuration": _configuration(head),
        "paymentMethods": {"paymentMethods": kept, "storedPaymentMethods": []},
    }


def _configuration(head: SessionHead) -> Json:
    """What the form may offer about stored cards."""
    if not head.shopper_reference:
        return {}
    told: Json = {}
    if head.echo.get("storePaymentMethodMode") == "askForConsent":
        told["enableStoreDetails"] = True
    if head.echo.get("showRemovePaymentMethodButton"):
        told["showRemovePaymentMethodButton"] = True
    return told


def result(world: World, purchase: Purchase, paid: Payment, origin: str) -> Json:
    """The answer to ``payments`` and ``paymentDetails``: adyen-web drops whatever else there is.

    A refused payment tells no order: adyen-web 5 would go on with that instead of telling the shopper.
    """
    told: Json = {"resultCode": wire.result_code(paid), **session_end(purchase)}
    order = purchase.order(paid.started.order)
    if paid.status is Status.AWAITING_SHOPPER:
        told["action"] = wire.action(world, paid, origin)
        if order is not None:
            told["order"] = {"pspReference": order.ref, "orderData": wire.order_data(purchase, order)}
    elif order is not None and paid.refusal is None and paid.status is not Status.ABANDONED:
        told["order"] = wire.order_told(purchase, order)
    return told


def after_fingerprint(world: World, paid: Payment, origin: str) -> Json:
    """A challenge, or at once what a challenge would have ended with."""
    if paid.status is Status.AWAITING_SHOPPER or paid.action is None:
        return {"type": "action", "action": wire.action(world, paid, origin)}
    passed = {"transStatus": paid.outcome, "authorisationToken": tokens.payment_data(paid.ref, paid.action.secret)}
    return {"type": "completed", "details": {"threeDSResult": b64encode(dumps(passed).encode()).decode()}}


def session_end(purchase: Purchase) -> Json:
    """The newest sessionData, and the proof with which the merchant's server can ask for the session's result."""
    return {
        "sessionData": wire.session_data(purchase),
        "sessionResult": tokens.session_result(purchase.ref, purchase.secret),
    }


def order_status(purchase: Purchase, order: Order) -> Json:
    """An order with what has paid it so far."""
    return {
        "pspReference": order.ref,
        "reference": order.opened.reference,
        "expiresAt": wire.zulu(order.opened.expires),
        "remainingAmount": wire.amount(purchase.remaining(order)),
        "paymentMethods": [_leg(each) for each in purchase.legs(order.ref) if each.status is Status.AUTHORISED],
    }


def _leg(paid: Payment) -> Json:
    means = paid.instrument
    name = VOUCHER_BRANDS.get(means.brand) or GIFT_CARD_BRANDS.get(means.brand) or means.brand
    told = {"type": means.brand, "name": name, "lastFour": means.last_four, "amount": wire.amount(paid.amount)}
    return {**told, "name": ANCV_NAME, "label": ANCV_NAME} if means.kind == ANCV else told


_NOT_YET = (Status.AWAITING_SHOPPER, Status.RESULT_AWAITED)


def polled(payment: Payment) -> Json:
    """Whether the answer in the app has come; what it was is told by the details that the payload asks for."""
    if payment.status in _NOT_YET or payment.action is None:
        return {"type": "pending", "resultCode": "pending", "payload": ""}
    payload = tokens.payload(payment.ref, payment.action.secret)
    return {"type": "complete", "resultCode": wire.result_code(payment).lower(), "payload": payload}
