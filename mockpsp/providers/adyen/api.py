"""The server's API: from a checked request to a command, from its outcome to an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from mockpsp.domain.lifecycle import Question
from mockpsp.domain.money import Money
from mockpsp.edge.cohort import next_step
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Handler
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.adyen import auth, issuers, methods, reading, stored, stored_wire, tokens, wire
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen.checkouts import open_order
from mockpsp.providers.adyen.decide import METHODS
from mockpsp.providers.adyen.encryption import open_field
from mockpsp.providers.adyen.errors import (
    REASONS,
    InvalidAmount,
    InvalidPayload,
    InvalidPaymentData,
    MissingField,
    OrderUnknown,
    UnknownLink,
    UnknownPayment,
    UnknownSession,
    UnknownStoredMethod,
)
from mockpsp.providers.adyen.holdings import fingerprint
from mockpsp.providers.adyen.ids import own_reference
from mockpsp.providers.adyen.purchases import PURCHASES, by_reference
from mockpsp.providers.adyen.routes import JSON
from mockpsp.providers.adyen.states import Kind, Payment, Purchase
from mockpsp.world.world import Outcome, World


def answer(status: int, body: Mapping[str, Any]) -> Answer:
    """An answer whose Pspreference header is the body's, where that has one."""
    psp = body.get("pspReference")
    return Answer(status, to_bytes(body), JSON, {"Pspreference": psp} if psp else {}, plain=True)


def version(x: Exchange) -> str:
    """The API version of a request's path."""
    assert x.route is not None, "only a route has a handler"
    return _version(x.route.path)


@cache
def _version(path: str) -> str:
    parts = path.split("/")
    return parts[2] if parts[1] == "checkout" else parts[1]


def find(world: World, ref: str) -> Purchase | None:
    """The purchase that a reference of its own, or of a part, leads to."""
    owner = world.owner(PURCHASES.name, ref)
    found: Purchase | None = world.state(PURCHASES.name, owner) if owner is not None else None
    return found


def find_payment(world: World, psp: str) -> tuple[Purchase, Payment]:
    """A payment by its pspReference. Raises UnknownPayment, also for an order's reference."""
    purchase = find(world, psp)
    payment = purchase.payment(psp) if purchase is not None else None
    if purchase is None or payment is None:
        raise UnknownPayment(f"no payment has the pspReference {psp[:80]!r}")
    return purchase, payment


def means_of(x: Exchange, given: Mapping[str, Any], shopper: str = "") -> c.MeansInput:
    """``paymentMethod`` of a request, with the card that a token of the shopper stands for.

    Raises Undecryptable, UnknownStoredMethod.
    """
    holdings = x.world.setups["adyen"].world
    means = reading.read_means(given, x.settings, holdings)
    if not means.stored:
        return means
    kept = stored_wire.find(x.world, means.stored, shopper)
    if kept is None:
        raise UnknownStoredMethod("the shopper has no card under this id")
    return stored.filled(means, kept, holdings)


def stored_before(x: Exchange, means: c.MeansInput, shopper: str) -> bool:
    """Whether the shopper has stored this card already."""
    if means.kind != "card" or not shopper:
        return False
    return stored_wire.find(x.world, stored.token_of(shopper, fingerprint(means.number)), shopper) is not None


# -- looking ---------------------------------------------------------------------------------------------------------


async def payment_methods(x: Exchange) -> Answer:
    """POST /paymentMethods: for the remaining amount, when an order is open."""
    auth.merchant(x)
    body = x.json
    reading.check_country(body)
    currency = body.get("amount", {}).get("currency", "")
    if "order" in body:
        given = body["order"]
        _, order = open_order(find(x.world, given["pspReference"]), given["pspReference"], given["orderData"])
        currency = order.amount.currency
    found = methods.offered(
        x.settings,
        country=body.get("countryCode", ""),
        currency=currency,
        locale=body.get("shopperLocale", ""),
    )
    allowed, blocked = body.get("allowedPaymentMethods"), body.get("blockedPaymentMethods")
    kept = methods.filtered(found, allowed, blocked)
    told: dict[str, Any] = {"paymentMethods": kept}
    cards = stored_offered(x, kept, body.get("shopperReference", ""))
    return answer(200, {**told, "storedPaymentMethods": cards} if cards else told)


def stored_offered(x: Exchange, offered: Iterable[Mapping[str, Any]], shopper: str) -> list[dict[str, Any]]:
    """The shopper's stored cards that can be paid with, where cards are on offer."""
    brands = {brand for each in offered for brand in each.get("brands", ())}
    found = stored_wire.cards_of(x.world, shopper)
    return [stored_wire.listed(each) for each in found if each.instrument.brand in brands]


async def balance(x: Exchange) -> Answer:
    """POST /paymentMethods/balance: reserves nothing; a wrong code or an unknown card is an answer, not an error."""
    auth.merchant(x)
    body = x.json
    if x.settings.balance_strict:
        for name in ("amount", "reference"):
            if not body.get(name):
                raise MissingField(name)
    means = means_of(x, body["paymentMethod"])
    moment = x.world.moment("adyen")
    issuers.check_means(means, moment)
    asked = reading.read_optional_amount(body)
    if asked is not None:
        issuers.check_known_currency(asked)
        if asked.minor < 0:
            raise InvalidAmount(asked)
    return answer(200, {"pspReference": own_reference(x), **await checked_balance(x, means, asked)})


async def checked_balance(x: Exchange, means: c.MeansInput, asked: Money | None) -> dict[str, Any]:
    """BalanceCheckResponse without its reference."""
    found = await ask_balance(x, means, asked, x.json.get("reference"))
    told: dict[str, Any] = {"resultCode": found.result, "balance": wire.amount(found.funds.balance)}
    if found.result == "Failed":
        told["refusalReason"] = REASONS[found.reason].text
        told["additionalData"] = {"acquirerResponseCode": found.reason.upper()}
    elif found.funds.limit is not None:
        told["transactionLimit"] = wire.amount(found.funds.limit)
    return told


async def ask_balance(x: Exchange, means: c.MeansInput, asked: Money | None, reference: str | None) -> issuers.Checked:
    """What a balance check finds: by a rule, or by nature. A card always fails."""
    natural = issuers.check_balance(means, asked, x.world.moment("adyen"))
    question = Question(
        "adyen.balance",
        {
            "amount": asked,
            "payment_method": METHODS.get(means.kind, means.type),
            "brand": means.brand or means.type,
            "card": means.number[-4:],
            "merchant_reference": reference,
        },
    )
    verdict = await x.world.ask(question, natural.law, x.entry.number)
    return issuers.overruled(natural, verdict)


async def card_details(x: Exchange) -> Answer:
    """POST /cardDetails."""
    auth.merchant(x)
    body = x.json
    number = body.get("cardNumber", "")
    if not number and "encryptedCardNumber" in body:
        number = open_field(body["encryptedCardNumber"]).value or "411111"
    holdings = x.world.setups["adyen"].world
    return answer(200, methods.card_details(number, body.get("supportedBrands"), x.settings, holdings))


# -- orders and payments ---------------------------------------------------------------------------------------------


async def create_order(x: Exchange) -> Answer:
    """POST /orders."""
    merchant = auth.merchant(x)
    reading.check_reference(x.json, version(x))
    command = reading.read_order(x.json, merchant, x.started, x.settings)
    if x.may_step:
        await next_step()

    def render(outcome: Outcome) -> Answer:
        order = outcome.state.orders[-1]
        return answer(200, wire.order_created(outcome.state, order))

    return await x.run(PURCHASES, None, command, render, only_tells=True)


async def cancel_order(x: Exchange) -> Answer:
    """POST /orders/cancel: received; ORDER_CLOSED tells the end."""
    auth.merchant(x)
    given = x.json["order"]
    purchase = find(x.world, given["pspReference"])
    if purchase is None:
        raise OrderUnknown("no order has this pspReference")
    command = c.CancelOrder(order=given["pspReference"], data=given["orderData"])
    told = {"pspReference": own_reference(x), "resultCode": "Received"}
    return await x.run(PURCHASES, purchase.ref, command, lambda _: answer(200, told))


async def payments(x: Exchange) -> Answer:
    """POST /payments."""
    merchant = auth.merchant(x)
    body = x.json
    reading.check_limits(body, version(x))
    ref: str | None = None
    if "order" in body:
        purchase = find(x.world, body["order"]["pspReference"])
        if purchase is None:
            raise OrderUnknown("no order has this pspReference")
        ref = purchase.ref
    shopper = body.get("shopperReference", "")
    means = means_of(x, body["paymentMethod"], shopper)
    stores = bool(body.get("storePaymentMethod"))
    known = stores and stored_before(x, means, shopper)
    command = reading.read_payment(body, merchant, means, x.settings, known=known)
    if x.may_step and not (stores or means.stored):
        await next_step()

    def render(outcome: Outcome) -> Answer:
        paid = outcome.state.payments[-1]
        return answer(200, wire.payment(x.world, outcome.state, paid, x.settings, lambda: x.origin))

    return await x.run(PURCHASES, ref, command, render, only_tells=True)


async def payments_details(x: Exchange) -> Answer:
    """POST /payments/details: names no merchant account; the API key and the token inside tell whose it is."""
    details = reading.read_details(x.json)
    purchase = find(x.world, tokens.payment_named(details.proof) or "")
    payment, command = details_of(details, purchase)
    ref = payment.ref

    def render(outcome: Outcome) -> Answer:
        after: Payment = outcome.state.payment(ref)
        return answer(200, wire.payment(x.world, outcome.state, after, x.settings, lambda: x.origin))

    return await x.run(PURCHASES, payment.started.ref, command, render)


def details_of(details: reading.Details, purchase: Purchase | None) -> tuple[Payment, c.Complete]:
    """The payment of this purchase that waits for these details. Raises InvalidPayload, InvalidPaymentData."""
    payment = purchase.payment(tokens.payment_named(details.proof) or "") if purchase is not None else None
    if payment is None or not proved(details, payment):
        wrong = InvalidPayload if details.step in ("redirect", "await") else InvalidPaymentData
        raise wrong("no payment waits for it")
    return payment, c.Complete(payment=payment.ref, step=details.step, outcome=details.outcome)


def proved(details: reading.Details, payment: Payment) -> bool:
    """Whether the details carry what was given out for this payment's action."""
    if payment.action is None:
        return False
    secret = payment.action.secret
    if details.step == "await":
        return tokens.is_payload(details.proof, payment.ref, secret)
    if details.step == "redirect":
        return tokens.is_redirect_result(details.proof, payment.ref, secret)
    return tokens.is_payment_data(details.proof, payment.ref, secret)


# -- modifications ---------------------------------------------------------------------------------------------------

_REPEATED: Mapping[Kind, tuple[str, ...]] = {
    Kind.CAPTURE: ("amount", "lineItems", "splits", "platformChargebackLogic", "subMerchants"),
    Kind.REFUND: ("amount", "merchantRefundReason", "store", "lineItems", "splits", "capturePspReference"),
    Kind.AMOUNT_UPDATE: ("amount", "industryUsage", "lineItems", "splits"),
    Kind.CANCEL: (),
    Kind.REVERSAL: (),
}


def _modification(kind: Kind) -> Handler:
    """The handler of one kind of modification of the payment in the path."""

    async def handle(x: Exchange) -> Answer:
        auth.merchant(x)
        body = x.json
        reading.check_reference(body, version(x))
        purchase, payment = find_payment(x.world, x.path["paymentPspReference"])
        command = c.Modify(
            payment=payment.ref,
            kind=kind.value,
            amount=reading.read_optional_amount(body),
            reference=body.get("reference", ""),
        )
        repeated = {name: body[name] for name in _REPEATED[kind] if name in body}

        def render(outcome: Outcome) -> Answer:
            after: Payment = outcome.state.payment(payment.ref)
            extra = repeated
            if kind is Kind.AMOUNT_UPDATE:  # its answer must have a reference
                extra = {"reference": payment.started.reference, **repeated}
                if command.reference:
                    extra["reference"] = command.reference
            return answer(201, wire.modification(after, after.modifications[-1], extra))

        return await x.run(PURCHASES, purchase.ref, command, render)

    return handle


capture = _modification(Kind.CAPTURE)
refund = _modification(Kind.REFUND)
cancel = _modification(Kind.CANCEL)
reversal = _modification(Kind.REVERSAL)
amount_update = _modification(Kind.AMOUNT_UPDATE)


async def cancel_by_reference(x: Exchange) -> Answer:
    """POST /cancels: by the merchant's own reference; one that matches nothing is received as well."""
    merchant = auth.merchant(x)
    body = x.json
    reading.check_reference(body, version(x))
    wanted = body["paymentReference"]
    if not wanted:
        raise MissingField("paymentReference")
    told = {"merchantAccount": merchant, "paymentReference": wanted}
    if body.get("reference"):
        told["reference"] = body["reference"]
    purchase = find(x.world, by_reference(wanted))
    found = [each for each in purchase.payments if each.started.reference == wanted] if purchase is not None else []
    granted = [each for each in found if each.granted is not None]
    if purchase is None or not granted:
        x.note(f"no authorised payment has the reference {wanted[:80]!r}: nothing follows")
        return answer(201, {**told, "pspReference": own_reference(x), "status": "received"})
    psp = granted[-1].ref
    command = c.Modify(payment=psp, kind=Kind.TECHNICAL_CANCEL.value, amount=None, reference=body.get("reference", ""))

    def render(outcome: Outcome) -> Answer:
        modification = outcome.state.payment(psp).modifications[-1]
        return answer(201, {**told, "pspReference": modification.ref, "status": "received"})

    return await x.run(PURCHASES, purchase.ref, command, render)


# -- sessions and payment links --------------------------------------------------------------------------------------


async def create_session(x: Exchange) -> Answer:
    """POST /sessions."""
    merchant = auth.merchant(x)
    reading.check_limits(x.json, version(x))
    command = reading.read_session(x.json, merchant, x.world.key, x.world.clock.now(), x.settings)
    issuers.check_amount(command.total)
    return await x.run(PURCHASES, None, command, lambda outcome: answer(201, wire.session(outcome.state, x.origin)))


async def get_session(x: Exchange) -> Answer:
    """GET /sessions/{sessionId}?sessionResult=…"""
    purchase = find(x.world, x.path["sessionId"])
    if purchase is None or purchase.session is None or purchase.ref != x.path["sessionId"]:
        raise UnknownSession("no session has this id")
    result = x.query["sessionResult"].replace(" ", "+")  # Adyen's Python library sends a plus as it is
    if not tokens.is_session_result(result, purchase.ref, purchase.secret):
        raise UnknownSession("the sessionResult is not this session's")
    return answer(200, wire.session_result(purchase))


async def create_payment_link(x: Exchange) -> Answer:
    """POST /paymentLinks."""
    merchant = auth.merchant(x)
    reading.check_limits(x.json, version(x))
    command = reading.read_link(x.json, merchant, x.world.key, x.world.clock.now(), x.settings)
    issuers.check_amount(command.total)
    return await x.run(PURCHASES, None, command, lambda outcome: answer(201, wire.link(outcome.state, x.origin)))


def _link(x: Exchange) -> Purchase:
    purchase = find(x.world, x.path["linkId"])
    if purchase is None or purchase.link is None or purchase.ref != x.path["linkId"]:
        raise UnknownLink("no payment link has this id")
    return purchase


async def get_payment_link(x: Exchange) -> Answer:
    """GET /paymentLinks/{linkId}."""
    return answer(200, wire.link(_link(x), x.origin))


async def update_payment_link(x: Exchange) -> Answer:
    """PATCH /paymentLinks/{linkId}: it can only be ended."""
    purchase = _link(x)
    return await x.run(
        PURCHASES, purchase.ref, c.EndLink(), lambda outcome: answer(200, wire.link(outcome.state, x.origin))
    )
