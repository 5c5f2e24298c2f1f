"""Hosted checkouts and payments: from a checked request to a command, from its outcome to an answer."""

from __future__ import annotations

import asyncio
from typing import Any

from mockpsp.edge.cohort import next_step
from mockpsp.edge.errors import BrokenContract
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import links, reading, wire
from mockpsp.providers.worldline.errors import (
    UnknownCheckout,
    UnknownPayment,
    error_body,
    wire_error,
)
from mockpsp.providers.worldline.maintain import shares
from mockpsp.providers.worldline.orders import ORDERS
from mockpsp.providers.worldline.states import Code, Order, Tender
from mockpsp.providers.worldline.vault import card_of_token, usable
from mockpsp.world.world import Outcome, World


def find_payment(world: World, text: str) -> tuple[Order, Tender, int]:
    """The order, tender and operation number of a payment id. Raises UnknownPayment or MalformedPaymentId."""
    inner, number = reading.read_payment_id(text)
    owner = world.owner(ORDERS.name, inner)
    order: Order | None = world.state(ORDERS.name, owner) if owner is not None else None
    tender = order.tender(inner) if order is not None else None
    if order is None or tender is None or number > len(tender.operations):
        raise UnknownPayment(f"no payment is called {text!r}")
    return order, tender, number


def _merchant(x: Exchange) -> str:
    merchant: str = x.sandbox.credentials["worldline"]["merchant_id"]
    return merchant


def _json(status: int, body: Any) -> Answer:
    return Answer(status, to_bytes(body))


async def create_hosted_checkout(x: Exchange) -> Answer:
    """POST /hostedcheckouts."""
    command = reading.read_checkout(_merchant(x), x.json)
    if x.may_step:
        await next_step()
    named = reading.read_tokens(x.json)
    unknown: list[str] = []
    if named:
        known = {token.ref for token in usable(x.world, named)}
        unknown = [token for token in named if token not in known]

    def render(outcome: Outcome) -> Answer:
        url = links.page(x.world, outcome.state, x.origin)
        return _json(x.settings.create_hosted_checkout_status, wire.checkout_created(outcome.state, url, unknown))

    return await x.run(ORDERS, None, command, render, only_tells=True)


async def get_hosted_checkout(x: Exchange) -> Answer:
    """GET /hostedcheckouts/{hostedCheckoutId}."""
    ref = x.path["hostedCheckoutId"]
    order: Order | None = x.world.state(ORDERS.name, ref)
    if order is None or order.created.hosted is None:
        raise UnknownCheckout(f"no hosted checkout is called {ref!r}")
    return _json(200, wire.checkout(order, x.settings, x.started))


async def create_payment(x: Exchange) -> Answer:
    """POST /payments. Under an idempotence key it takes a moment, so that a double click meets the first request."""
    if x.key is not None:
        await asyncio.sleep(x.settings.processing_time.total_seconds())
    command = reading.read_payment(_merchant(x), x.json, _stored_card(x))

    def render(outcome: Outcome) -> Answer:
        return _created(x, outcome.state, outcome.state.first)

    return await x.run(ORDERS, None, command, render)


def _stored_card(x: Exchange) -> c.CardData | None:
    method = x.json.get("cardPaymentMethodSpecificInput", {})
    if "card" in method or not (method or "encryptedCustomerInput" in x.json):
        return None
    if "encryptedCustomerInput" in x.json:
        from mockpsp.providers.worldline.services import read_encrypted_card

        return read_encrypted_card(x.json["encryptedCustomerInput"], x.world)
    if "token" in method:
        return card_of_token(x.world, method["token"])
    raise BrokenContract("cardPaymentMethodSpecificInput.card", "a card, a token or encrypted input is needed", "body")


def _created(x: Exchange, order: Order, tender: Tender) -> Answer:
    body = wire.payment_created(order, tender, _merchant_action(x, order), x.settings, x.started)
    if tender.code is not Code.REJECTED or tender.error is None:
        return _json(201, body)
    body.pop("merchantAction", None)
    number = x.entry.number
    error_id = x.world.ids.fixed("error", number)
    return Answer(
        402, error_body(error_id, 402, {**wire_error(tender.error), "httpStatusCode": 402}, {"paymentResult": body})
    )


def _merchant_action(x: Exchange, order: Order) -> dict[str, Any] | None:
    direct = order.created.direct
    if direct is None:
        return None
    portal = links.portal(x.world, order, x.origin)
    match direct.action:
        case "redirect":
            data = {"RETURNMAC": direct.return_mac, "redirectURL": portal}
            return {"actionType": "REDIRECT", "redirectData": data}
        case "qr_code":
            form = {
                "paymentProduct5412": {
                    "appUrl": links.app(x.world, order, x.origin),
                    "pollingUrl": f"{portal}/state",
                    "qrCode": qr_png(links.app(x.world, order, x.origin)),
                }
            }
        case _:
            form = {"pendingAuthentication": {"pollingUrl": f"{portal}/pending"}}
    return {"actionType": "SHOW_FORM", "showFormData": form}


def qr_png(url: str) -> str:
    """A QR code as base64 of a PNG, for a ``data:image/png;base64,`` address."""
    from base64 import b64encode
    from io import BytesIO

    import segno

    picture = BytesIO()
    segno.make(url, error="m", micro=False).save(picture, kind="png", scale=6, border=2)
    return b64encode(picture.getvalue()).decode()


async def subsequent_payment(x: Exchange) -> Answer:
    """POST /payments/{paymentId}/subsequent: another payment by the card of an earlier one."""
    order, tender, _ = find_payment(x.world, x.path["paymentId"])
    command = reading.read_subsequent(order, tender, x.json)

    def render(outcome: Outcome) -> Answer:
        return _created(x, outcome.state, outcome.state.first)

    return await x.run(ORDERS, None, command, render)


async def get_payment(x: Exchange) -> Answer:
    """GET /payments/{paymentId}, of a tender or of one of its operations."""
    order, tender, number = find_payment(x.world, x.path["paymentId"])
    return _json(200, wire.payment(order, tender, number, x.settings, x.started))


async def get_payment_details(x: Exchange) -> Answer:
    """GET /payments/{paymentId}/details: the operations of all tenders, whichever tender is asked for."""
    order, tender, _ = find_payment(x.world, x.path["paymentId"])
    return _json(200, wire.details(order, tender, x.settings, x.started))


async def capture(x: Exchange) -> Answer:
    """POST /payments/{paymentId}/capture."""
    order, tender, _ = find_payment(x.world, x.path["paymentId"])
    body = x.json or {}
    amount = body.get("amount")
    command = c.Capture(
        tender=tender.inner,
        amount=None if amount is None else reading.money_of(amount, order.total.currency),
        final=amount is None or bool(body.get("isFinal", False)),
        reference=reading.read_reference(body),
    )

    def render(outcome: Outcome) -> Answer:
        after: Tender = outcome.state.tender(tender.inner)
        return _json(201, wire.capture(outcome.state, after, after.operations[-1], x.settings))

    return await x.run(ORDERS, order.ref, command, render)


async def cancel(x: Exchange) -> Answer:
    """POST /payments/{paymentId}/cancel."""
    order, tender, _ = find_payment(x.world, x.path["paymentId"])
    body = x.json or {}
    command = c.Cancel(
        tender=tender.inner,
        amount=reading.read_optional_amount(body.get("amountOfMoney")),
        reference=reading.read_reference(body),
    )

    def render(outcome: Outcome) -> Answer:
        after: Tender = outcome.state.tender(tender.inner)
        return _json(200, wire.cancelled(outcome.state, after, x.settings, x.started))

    return await x.run(ORDERS, order.ref, command, render)


async def refund(x: Exchange) -> Answer:
    """POST /payments/{paymentId}/refund: by the first tender's id the order, card money first; else that tender."""
    order, tender, _ = find_payment(x.world, x.path["paymentId"])
    body = x.json or {}
    command = c.Refund(
        tender=None if tender.inner == order.ref else tender.inner,
        amount=reading.read_optional_amount(body.get("amountOfMoney")),
        reference=reading.read_reference(body),
    )

    def render(outcome: Outcome) -> Answer:
        return _refunded(x, order, outcome.state, command)

    return await x.run(ORDERS, order.ref, command, render)


def _refunded(x: Exchange, before: Order, after: Order, command: c.Refund) -> Answer:
    parts = shares(before, command)
    asked = sum((amount for _, amount in parts), before.total.zero)
    tender = after.tender(parts[0][0].inner)
    assert tender is not None, "a refund belongs to a tender"
    operation = tender.operations[-1]
    body = wire.refund(after, tender, operation, x.settings, asked)
    if operation.error is None:
        return _json(201, body)
    error = {**wire_error(operation.error), "httpStatusCode": 402}
    error_id = x.world.ids.fixed("error", x.entry.number)
    return Answer(402, error_body(error_id, 402, error, {"refundResult": body}))


async def get_captures(x: Exchange) -> Answer:
    """GET /payments/{paymentId}/captures; a direct sale has none."""
    order, tender, _ = find_payment(x.world, x.path["paymentId"])
    return _json(200, {"captures": wire.captures(order, tender, x.settings)})


async def get_refunds(x: Exchange) -> Answer:
    """GET /payments/{paymentId}/refunds: of the order by the first tender's id, else of that tender."""
    order, tender, _ = find_payment(x.world, x.path["paymentId"])
    return _json(200, {"refunds": wire.refunds(order, tender, x.settings)})
