"""What a shopper's browser calls with a client key: sessions, the state of an order, the end of a fingerprint.

The same purchases as those of the server's API: a browser only sees and does less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import issuers, reading, tokens, web_reading, web_wire, wire
from mockpsp.providers.adyen.ancv import AWAIT
from mockpsp.providers.adyen.api import (
    answer,
    ask_balance,
    details_of,
    find,
    means_of,
    proved,
    stored_before,
    stored_offered,
)
from mockpsp.providers.adyen.authentication import frictionless
from mockpsp.providers.adyen.checkouts import has_order_data, open_order
from mockpsp.providers.adyen.errors import InvalidPaymentData, OrderUnknown, UnknownSession
from mockpsp.providers.adyen.events import SessionHead
from mockpsp.providers.adyen.purchases import PURCHASES
from mockpsp.providers.adyen.states import Purchase, Status
from mockpsp.providers.adyen.stored_api import forget
from mockpsp.providers.adyen.web_routes import PREFLIGHT
from mockpsp.world.world import Outcome


async def preflight(x: Exchange) -> Answer:
    """OPTIONS of any call: every page may make it."""
    private = "Access-Control-Request-Private-Network" in x.request.headers
    return Answer(204, headers={**PREFLIGHT, **({"Access-Control-Allow-Private-Network": "true"} if private else {})})


# -- sessions --------------------------------------------------------------------------------------------------------


def _session(x: Exchange) -> tuple[Purchase, SessionHead]:
    """The session of the path, in the sandbox of the client key. Raises UnknownSession."""
    purchase = find(x.world, x.path["sessionId"])
    if purchase is None or purchase.session is None or purchase.ref != x.path["sessionId"]:
        raise UnknownSession("no session of this client key has this id")
    return purchase, purchase.session


async def _browse(x: Exchange, does: Any, render: Callable[[Purchase], Mapping[str, Any]]) -> Answer:
    command = c.Browse(data=x.json["sessionData"], does=does)
    return await x.run(PURCHASES, x.path["sessionId"], command, lambda outcome: answer(200, render(outcome.state)))


async def session_setup(x: Exchange) -> Answer:
    """POST sessions/{id}/setup: at the start, after a redirect, and with the order after a partial payment."""
    purchase, head = _session(x)
    given = x.json.get("order")
    if given is not None:
        open_order(purchase, given["pspReference"], given["orderData"])

    def render(after: Purchase) -> Mapping[str, Any]:
        told = web_wire.setup(after, head, x.settings)
        listed = told["paymentMethods"]
        listed["storedPaymentMethods"] = stored_offered(x, listed["paymentMethods"], head.shopper_reference)
        return told

    return await _browse(x, None, render)


async def session_balance(x: Exchange) -> Answer:
    """POST sessions/{id}/paymentMethodBalance: for what remains; no balance at all says that the card is not known."""
    purchase, _ = _session(x)
    means = means_of(x, x.json["paymentMethod"])
    moment = x.world.moment("adyen")
    issuers.check_means(means, moment)
    order = purchase.open_order
    asked = purchase.remaining(order) if order is not None else purchase.total
    looking = c.Browse(data=x.json["sessionData"])
    PURCHASES.question(purchase, looking, moment)  # a call that is refused uses no rule about balances up
    found = await ask_balance(x, means, asked, purchase.reference)
    told: dict[str, Any] = {}
    if found.result != "Failed":
        told["balance"] = wire.amount(found.funds.balance)
        if found.funds.limit is not None:
            told["transactionLimit"] = wire.amount(found.funds.limit)
    return await _browse(x, None, lambda after: {**told, "sessionData": wire.session_data(after)})


async def session_order(x: Exchange) -> Answer:
    """POST sessions/{id}/orders: over all that the session costs."""
    purchase, _ = _session(x)
    opening = c.OpenOrder(merchant=purchase.merchant, amount=None, reference=purchase.reference)

    def render(after: Purchase) -> Mapping[str, Any]:
        order = after.orders[-1]
        told = {"orderData": wire.order_data(after, order), "pspReference": order.ref}
        return {**told, "sessionData": wire.session_data(after)}

    return await _browse(x, opening, render)


async def session_cancel_order(x: Exchange) -> Answer:
    """POST sessions/{id}/orders/cancel: what was paid goes back."""
    _session(x)
    given = x.json["order"]
    cancelling = c.CancelOrder(order=given["pspReference"], data=given["orderData"])
    return await _browse(x, cancelling, lambda after: {"sessionData": wire.session_data(after)})


async def session_payments(x: Exchange) -> Answer:
    """POST sessions/{id}/payments."""
    purchase, head = _session(x)
    means = means_of(x, x.json["paymentMethod"], head.shopper_reference)
    known = stored_before(x, means, head.shopper_reference)
    paying = web_reading.read_session_payment(x.json, purchase, head, means, known=known)
    return await _browse(x, paying, lambda after: web_wire.result(x.world, after, after.payments[-1], x.origin))


async def session_details(x: Exchange) -> Answer:
    """POST sessions/{id}/paymentDetails: what the shopper brought back, of a payment of this session."""
    purchase, _ = _session(x)
    payment, completing = details_of(reading.read_details(x.json), purchase)
    ref = payment.ref

    def render(after: Purchase) -> Mapping[str, Any]:
        paid = after.payment(ref)
        assert paid is not None, "its details were asked for"
        return web_wire.result(x.world, after, paid, x.origin)

    return await _browse(x, completing, render)


async def session_disable_token(x: Exchange) -> Answer:
    """POST sessions/{id}/disableToken: the shopper wants a card of his kept no longer."""
    purchase, head = _session(x)
    PURCHASES.question(purchase, c.Browse(data=x.json["sessionData"]), x.world.moment("adyen"))
    await forget(x, x.json["storedPaymentMethodId"], head.shopper_reference)
    return await _browse(x, None, lambda after: {"sessionData": wire.session_data(after)})


# -- beside sessions -------------------------------------------------------------------------------------------------


async def order_status(x: Exchange) -> Answer:
    """POST order/status: in both flows, for the list of what is paid."""
    data = x.json["orderData"]
    named = tokens.order_named(data)
    purchase = find(x.world, named) if named is not None else None
    order = purchase.order(named) if purchase is not None and named is not None else None
    if purchase is None or order is None or not has_order_data(purchase, order, data):
        raise OrderUnknown("the orderData is no order's of this client key")
    x.entry.reference = purchase.ref
    return answer(200, web_wire.order_status(purchase, order))


async def submit_fingerprint(x: Exchange) -> Answer:
    """POST submitThreeDS2Fingerprint: the bank has looked at the browser, and is content or wants a challenge."""
    data = x.json.get("paymentData", "")
    step = reading.read_fingerprint(x.json["fingerprintResult"], data)
    purchase = find(x.world, tokens.payment_named(data) or "")
    payment = purchase.payment(tokens.payment_named(data) or "") if purchase is not None else None
    if purchase is None or payment is None or not proved(step, payment):
        raise InvalidPaymentData("no payment of this client key waits for it")
    ref = payment.ref
    command: Any = c.Complete(payment=ref, step=step.step, outcome=step.outcome)
    if frictionless(payment):
        if payment.status is Status.AUTHENTICATED:  # asked again
            return answer(200, web_wire.after_fingerprint(x.world, payment, x.origin))
        command = c.Authenticate(payment=ref, outcome="Y")

    def render(outcome: Outcome) -> Answer:
        return answer(200, web_wire.after_fingerprint(x.world, outcome.state.payment(ref), x.origin))

    return await x.run(PURCHASES, purchase.ref, command, render)


async def payment_status(x: Exchange) -> Answer:
    """POST services/PaymentInitiation/v1/status: polled while an answer in an app is waited for."""
    data = x.json["paymentData"]
    named = tokens.payment_named(data) or ""
    purchase = find(x.world, named)
    payment = purchase.payment(named) if purchase is not None else None
    if payment is None or payment.action is None or payment.action.kind != AWAIT:
        raise InvalidPaymentData("no payment of this client key waits for an answer")
    if not tokens.is_payment_data(data, payment.ref, payment.action.secret):
        raise InvalidPaymentData("the paymentData is not the payment's")
    x.entry.reference = payment.ref
    return answer(200, web_wire.polled(payment))
