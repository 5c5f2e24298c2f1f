"""Our stand-in for ANCV's app: the shopper approves all or a part of a payment, refuses, or cancels."""

from __future__ import annotations

from typing import Any

from mockpsp.domain.clock import paris
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pages import page, read_form, see_other
from mockpsp.edge.texts import format_money, language_of, plain_amount
from mockpsp.edge.views import FieldError, Outcome
from mockpsp.providers.adyen import ancv, links, texts, views
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen.beneficiaries import wallet_paying
from mockpsp.providers.adyen.drawing import locale_for, locale_of
from mockpsp.providers.adyen.errors import ShopperRefused
from mockpsp.providers.adyen.purchases import PURCHASES
from mockpsp.providers.adyen.shopper import read_typed
from mockpsp.providers.adyen.states import Payment, Purchase

_OUTCOMES: dict[str, str] = {"approve": "approved", "refuse": "refused", "cancel": "cancelled"}


def _found(x: Exchange) -> tuple[Purchase, Payment] | None:
    found = links.find_payment(x.world, x.request.query.get("MD", ""))
    asked = found[1].action if found is not None else None
    return found if asked is not None and asked.kind == ancv.AWAIT else None


def _closed(x: Exchange) -> Answer:
    return page(views.render(views.ClosedView(language=locale_of(x, ""), sandbox="", scenario="")), 404)


def _common(x: Exchange, purchase: Purchase, payment: Payment) -> dict[str, Any]:
    here = links.app(x.world, payment, "")
    return {
        "language": locale_for(x, purchase),
        "sandbox": x.world.name,
        "scenario": x.world.scenario.title,
        "merchant": x.settings.merchant_name,
        "reference": payment.started.reference,
        "post_url": here,
        "cancel_url": here,
    }


def _open(x: Exchange, purchase: Purchase, payment: Payment, typed: str, errors: tuple[FieldError, ...]) -> Answer:
    moment = x.world.moment("adyen")
    wallet = wallet_paying(payment.instrument, x.world.setups["adyen"].world)
    assert payment.action is not None, "an answer is waited for"
    view = views.AppView(
        **_common(x, purchase, payment),
        amount=payment.amount,
        errors=errors,
        beneficiary=wallet.beneficiary if wallet is not None else payment.instrument.last_four,
        balance=moment.balances.balance(payment.instrument.account, payment.amount.currency),
        payable=ancv.most(payment, moment),
        adjustable=bool(payment.started.order),
        typed=typed,
        open_until=f"{payment.action.expires.astimezone(paris()):%H:%M}",
    )
    return page(views.render(view), 422 if errors else 200)


def _done(x: Exchange, purchase: Purchase, payment: Payment) -> Answer:
    outcome: Outcome = "paid" if payment.granted is not None else "expired"
    if payment.refusal is not None:
        outcome = "cancelled" if payment.refusal.result == "Cancelled" else "refused"
    view = views.AppDoneView(
        **_common(x, purchase, payment),
        amount=payment.asked or payment.amount,
        outcome=outcome,
        approved=payment.amount if outcome == "paid" else None,
    )
    return page(views.render(view))


async def show_app(x: Exchange) -> Answer:
    """GET of the app."""
    found = _found(x)
    if found is None:
        return _closed(x)
    return _open(x, *found, "", ()) if ancv.waits(found[1]) else _done(x, *found)


async def post_app(x: Exchange) -> Answer:
    """The shopper's answer; once it is given, nothing is asked any more."""
    found = _found(x)
    if found is None:
        return _closed(x)
    purchase, payment = found
    form = read_form(x)
    outcome = _OUTCOMES.get(form.get("step", ""))
    here = links.app(x.world, payment, "")
    if outcome is None or not ancv.waits(payment):
        return see_other(here)
    typed, amount, adjustable = form.get("amount", ""), None, bool(payment.started.order)
    if outcome == "approved":
        try:
            amount = read_typed(typed, payment.amount.currency)
        except ValueError:
            return _open(
                x,
                purchase,
                payment,
                typed,
                (_problem(x, purchase, "problem_ancv_amount", payment.amount, adjustable=adjustable),),
            )
    try:
        command = c.AnswerInApp(payment=payment.ref, outcome=outcome, amount=amount)
        await x.world.execute(PURCHASES, purchase.ref, command, cause=x.entry.number)
    except ShopperRefused as refused:
        if refused.key == "closed":  # answered elsewhere meanwhile
            return see_other(here)
        most = refused.details.get("amount", payment.amount)
        key = "problem_ancv_fixed" if refused.key == "amount_is_fixed" else "problem_ancv_most"
        return _open(x, purchase, payment, typed, (_problem(x, purchase, key, most, adjustable=adjustable),))
    return see_other(here)


def _problem(x: Exchange, purchase: Purchase, key: str, amount: Money, *, adjustable: bool) -> FieldError:
    language = language_of(locale_for(x, purchase))
    told = {
        "problem_ancv_amount": {"example": plain_amount(amount.minor, amount.currency, language)},
        "problem_ancv_most": {"amount": format_money(amount.minor, amount.currency, language)},
    }
    return FieldError("amount" if adjustable else "", texts.TEXTS.say(language, key, **told.get(key, {})))
