"""Creation: what the two create calls check, and the order that follows."""

from __future__ import annotations

from datetime import datetime

from mockpsp.domain.currencies import CURRENCIES
from mockpsp.domain.lifecycle import Decision, Moment, Question, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.errors import InvalidValue
from mockpsp.providers.worldline.holdings import COMPLEMENT, CV_CONNECT
from mockpsp.providers.worldline.issuers import (
    beneficiary_answer,
    beneficiary_facts,
    card_answer,
    card_facts,
    card_product,
    is_expiry,
    masked,
    plausible,
)
from mockpsp.providers.worldline.settings import WorldlineSettings

FIRST_ID = 4_375_008_552
"""Inner ids count up from here, ten digits as on the platform."""

_PRODUCT = "redirectPaymentMethodSpecificInput.paymentProductId"
_CURRENCY = "order.amountOfMoney.currencyCode"
_BENEFICIARY = "redirectPaymentMethodSpecificInput.paymentProduct5412SpecificInput.beneficiaryId"


def inner_id(moment: Moment) -> str:
    """The next inner id: ten digits that identify one tender."""
    settings: WorldlineSettings = moment.settings
    return str(FIRST_ID + settings.payments_before + moment.ids.next("worldline.payment"))


def question_checkout(command: c.CreateCheckout) -> None:
    """Guard CreateHostedCheckout. Raises InvalidValue."""
    order = command.order
    _check_order(order)
    if order.product is not None and order.product not in command.products:
        raise InvalidValue(_PRODUCT, f"product {order.product} is not available for this order")
    if not command.products:
        raise InvalidValue("hostedCheckoutSpecificInput.paymentProductFilters", "no product is left to pay with")


def _check_order(order: c.OrderInput) -> None:
    if order.total.currency not in CURRENCIES:
        raise InvalidValue(_CURRENCY, f"{order.total.currency} is no currency")
    if order.product == CV_CONNECT:
        if order.total.currency != "EUR":
            raise InvalidValue(_CURRENCY, "Chèque-Vacances Connect takes EUR only")
        if order.total.minor <= 0:
            raise InvalidValue("order.amountOfMoney.amount", "there is nothing to pay")


def decide_checkout(command: c.CreateCheckout, moment: Moment) -> Decision:
    """A checkout exists, and its session runs."""
    settings: WorldlineSettings = moment.settings
    timeout = command.timeout if command.timeout is not None else settings.session_timeout
    hosted = e.Hosted(
        return_url=command.return_url,
        return_mac=moment.ids.uuid(),
        secret=moment.ids.hex(14),
        locale=command.order.locale,
        show_result_page=command.show_result_page,
        attempts=command.attempts,
        auto_refund=command.auto_refund,
        products=command.products,
        complement=command.complement,
        expires=moment.now + timeout,
        variant=command.variant,
    )
    created = _created(command.order, moment, hosted=hosted, direct=None)
    return Decision((created,), "a hosted checkout waits for its shopper")


def _created(
    order: c.OrderInput,
    moment: Moment,
    *,
    hosted: e.Hosted | None,
    direct: e.ServerToServer | None,
    beneficiary: str = "",
) -> e.OrderCreated:
    return e.OrderCreated(
        ref=inner_id(moment),
        merchant=order.merchant,
        total=order.total,
        references=order.references,
        country=order.country,
        product=order.product,
        requires_approval=order.requires_approval,
        adjustable=order.adjustable,
        beneficiary=beneficiary or order.beneficiary,
        webhooks=order.webhooks,
        hosted=hosted,
        direct=direct,
        auto_capture=order.auto_capture,
        at=moment.now,
    )


def question_payment(command: c.CreatePayment, moment: Moment) -> Question:
    """Guard CreatePayment, and ask the issuer's answer. Raises InvalidValue."""
    order = command.order
    _check_order(order)
    if command.card is not None:
        if command.card.kept is None and not plausible(command.card.number, moment.world):
            raise InvalidValue("cardPaymentMethodSpecificInput.card.cardNumber", "the check digit is wrong")
        if command.card.kept is None and not is_expiry(command.card.expiry):
            raise InvalidValue("cardPaymentMethodSpecificInput.card.expiryDate", "MMYY is needed")
        product = card_product(command.card, moment.world, (1, 2, 3, 130))
        if product is None:
            raise InvalidValue("cardPaymentMethodSpecificInput.card.cardNumber", "no product takes this card")
        return Question(
            "worldline.card_payment", card_facts(command.card, product, order.total, order, 1, hosted=False)
        )
    if order.product != CV_CONNECT:
        raise InvalidValue(_PRODUCT, f"product {order.product} is not emulated")
    settings: WorldlineSettings = moment.settings
    if not order.beneficiary and not settings.beneficiary_optional:
        raise InvalidValue(_BENEFICIARY, "is mandatory for CreatePayment")
    return Question(
        "worldline.beneficiary", beneficiary_facts(order.beneficiary or command.email, order, 1, hosted=False)
    )


def decide_payment(command: c.CreatePayment, verdict: Verdict, moment: Moment) -> Decision:
    """A payment exists: paid or refused at once by card, or waiting for the beneficiary."""
    if command.card is not None:
        return _decide_card_payment(command, command.card, verdict, moment)
    settings: WorldlineSettings = moment.settings
    order = command.order
    beneficiary = order.beneficiary or command.email
    action = settings.merchant_action if beneficiary else "qr_code"
    direct = e.ServerToServer(
        action=action,
        return_url=command.return_url,
        return_mac=moment.ids.uuid(),
        secret=moment.ids.hex(14),
        locale=order.locale,
        complement=COMPLEMENT,
    )
    created = _created(order, moment, hosted=None, direct=direct, beneficiary=beneficiary)
    decided = () if order.beneficiary else ("beneficiary_optional",)
    error, law = beneficiary_answer(beneficiary, verdict, moment)
    if error is not None:
        refused = refusal(created.ref, created.ref, order.total, CV_CONNECT, None, error, 0, moment.now)
        ended = e.AttemptsExhausted(ref=created.ref, at=moment.now)
        return Decision((created, refused, ended), law, decided)
    sent = e.Redirected(ref=created.ref, product=CV_CONNECT, beneficiary=beneficiary, at=moment.now)
    return Decision((created, sent), law, (*decided, "merchant_action"))


def _decide_card_payment(command: c.CreatePayment, card: c.CardData, verdict: Verdict, moment: Moment) -> Decision:
    order = command.order
    product = card_product(card, moment.world, (1, 2, 3, 130))
    assert product is not None, "question_payment refuses it"
    created = _created(order, moment, hosted=None, direct=None)
    answer = card_answer(card, order.total, verdict, moment)
    kept = masked(card, product, answer.account, answer.country)
    if answer.error is not None:
        refused = refusal(created.ref, created.ref, order.total, product, kept, answer.error, 0, moment.now)
        return Decision((created, refused, e.AttemptsExhausted(ref=created.ref, at=moment.now)), answer.law)
    accepted = acceptance(
        created.ref, created.ref, order.total, product, kept, answer.account, not command.authorise, moment
    )
    return Decision((created, accepted, e.OrderPaid(ref=created.ref, at=moment.now)), answer.law)


def acceptance(
    ref: str, tender: str, amount: Money, product: int, card: e.Card | None, account: str, sale: bool, moment: Moment
) -> e.Accepted:
    """The fact that an issuer granted a tender; a ``sale`` is captured with it."""
    return e.Accepted(
        ref=ref, tender=tender, amount=amount, product=product, card=card, account=account, sale=sale, at=moment.now
    )


def refusal(
    ref: str,
    tender: str,
    amount: Money,
    product: int,
    card: e.Card | None,
    error: e.PlatformError,
    left: int,
    at: datetime,
) -> e.Refused:
    """The fact that an issuer refused a tender; ``left`` are the attempts that the shopper still has."""
    return e.Refused(ref=ref, tender=tender, amount=amount, product=product, card=card, error=error, left=left, at=at)
