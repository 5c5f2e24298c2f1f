"""The hosted pages: payment links, hosted sessions, and the bank's page of 3-D Secure.

A button posts a form, the form becomes a command, and the page is drawn from the state that follows: the pages have no
rules of their own. Every page is complete without JavaScript.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from mockpsp.domain.errors import Refusal
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pages import form_targets, page, read_form, see_other
from mockpsp.edge.respond import to_bytes
from mockpsp.edge.views import FieldError
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import errors, issuers, links, stored, tokens, views
from mockpsp.providers.adyen.ancv import AWAIT
from mockpsp.providers.adyen.api import find
from mockpsp.providers.adyen.drawing import (
    Visit,
    bank,
    check,
    draw,
    locale_for,
    locale_of,
    progress,
    result,
    voucher_view,
)
from mockpsp.providers.adyen.issuers import PASSWORD, USER
from mockpsp.providers.adyen.purchases import PURCHASES
from mockpsp.providers.adyen.shopper import pay
from mockpsp.providers.adyen.states import CheckoutStage, Payment, Purchase, Status
from mockpsp.providers.adyen.stored_api import forget

# -- payment links and hosted sessions -------------------------------------------------------------------------------


def _visit(x: Exchange) -> Visit | None:
    purchase = find(x.world, x.path["checkout"])
    if purchase is None or not purchase.is_checkout or purchase.ref != x.path["checkout"]:
        return None
    return Visit(x, purchase)


def _closed(x: Exchange) -> Answer:
    view = views.ClosedView(language=locale_of(x, ""), sandbox="", scenario="", reason="unknown")
    return page(views.render(view), 404)


def _show(visit: Visit, view: views.View | None = None, status: int = 200) -> Answer:
    return page(views.render(view or draw(visit)), status, form_targets(links.followed(visit.head.return_url)))


def _again(visit: Visit) -> None:
    """Look at the purchase as it is now."""
    visit.purchase = visit.x.world.state(PURCHASES.name, visit.purchase.ref)


_AT_BANK = (Status.AWAITING_SHOPPER, Status.AUTHENTICATED)


async def show(x: Exchange) -> Answer:
    """GET of a link. Who comes back from the bank's page has a redirectResult, which completes the payment.

    Who closed the bank's page, or was lost on the way back from it, is sent there again.
    """
    visit = _visit(x)
    if visit is None:
        return _closed(x)
    back = x.request.query.get("redirectResult")
    if back is not None:
        return await _complete(visit, back)
    paid = visit.purchase.payment(x.request.query.get("paid", ""))
    if paid is not None and paid.granted is not None and visit.purchase.stage is CheckoutStage.ACTIVE:
        return _show(visit, result(visit, paid))
    at_bank = next((each for each in visit.purchase.round if each.status in _AT_BANK), None)
    return _show(visit) if at_bank is None else see_other(links.redirect(x.world, at_bank, ""))


async def _complete(visit: Visit, text: str) -> Answer:
    psp = tokens.payment_named(text)
    payment = visit.purchase.payment(psp) if psp is not None else None
    if payment is None or payment.action is None:
        return see_other(visit.here)
    if payment.status is Status.AUTHENTICATED and tokens.is_redirect_result(text, payment.ref, payment.action.secret):
        command = c.Complete(payment=payment.ref, step="redirect")
        await visit.x.world.execute(PURCHASES, visit.purchase.ref, command, cause=visit.x.entry.number)
        _again(visit)
    return _after_payment(visit, payment.ref)


async def post(x: Exchange) -> Answer:
    """A form of the page."""
    visit = _visit(x)
    if visit is None:
        return _closed(x)
    visit.form = read_form(x)
    if visit.purchase.stage is not CheckoutStage.ACTIVE:
        return see_other(visit.here)
    match visit.form.get("step"):
        case "choose":
            return _choose(visit)
        case "balance":
            return _balance(visit)
        case "redeem":
            return await _redeem(visit)
        case "card":
            return await _card(visit)
        case "forget":
            return await _forget(visit)
        case "remove" | "cancel":
            return await _leave(visit, visit.form["step"])
        case _:
            return _show(visit, status=422)


def _choose(visit: Visit) -> Answer:
    wanted = visit.form.get("method", "")
    if any(each.id == wanted for each in visit.methods()):
        return see_other(f"{visit.here}?{urlencode({'method': wanted})}")
    visit.form.pop("method", None)
    visit.errors = (FieldError("method", visit.say("problem_method")),)
    return _show(visit, status=422)


async def _leave(visit: Visit, step: str) -> Answer:
    """Give back what was paid and stay, or give up and go."""
    world, purchase = visit.x.world, visit.purchase
    order = purchase.open_order
    command: Any = c.GiveUp()
    if step == "remove":
        if order is None:
            return see_other(visit.here)
        command = c.CancelOrder(order=order.ref, data=None)
    await world.execute(PURCHASES, purchase.ref, command, cause=visit.x.entry.number)
    _again(visit)
    target = links.after_checkout(visit.purchase, paid=False) if step == "cancel" else ""
    return see_other(target or visit.here)


# -- vouchers and gift cards -----------------------------------------------------------------------------------------


def _means(visit: Visit, method: views.Method, form: dict[str, str]) -> c.MeansInput:
    expiry = "" if method.kind == "gift_card" else form.get("expiry", "")  # those have none
    month, _, year = expiry.strip().replace(" ", "").partition("/")
    if method.kind == "stored":
        return c.MeansInput(kind="card", type=method.type, stored=method.token, code=form.get("cvc", "").strip())
    return c.MeansInput(
        kind=method.kind,
        type=method.type,
        brand=method.brand,
        number=re.sub(r"[\s-]", "", form.get("number", "")),
        month=month,
        year=year,
        code=form.get("cvc", "").strip(),
        holder=form.get("holder", "").strip()[:60],
    )


def _problems(visit: Visit, means: c.MeansInput) -> tuple[FieldError, ...]:
    """What is wrong with a form, all at once; of a stored card only the code is typed."""
    found: list[FieldError] = []
    if not means.stored:
        found.extend(_problems_of_number(visit, means))
    if not re.fullmatch(r"[0-9]{3,10}" if means.kind != "card" else r"[0-9]{3,4}", means.code):
        key = "problem_pin" if means.kind == "gift_card" else "problem_code"
        found.append(FieldError("cvc", visit.say(key)))
    return tuple(found)


def _problems_of_number(visit: Visit, means: c.MeansInput) -> list[FieldError]:
    found = []
    if not re.fullmatch(r"[0-9]{10,32}", means.number):
        key = "problem_card_number" if means.kind == "card" else "problem_number"
        found.append(FieldError("number", visit.say(key)))
    if means.kind == "card" and not means.holder:
        found.append(FieldError("holder", visit.say("problem_holder")))
    if means.kind != "gift_card":
        found.extend(_expiry_problem(visit, means))
    return found


def _expiry_problem(visit: Visit, means: c.MeansInput) -> tuple[FieldError, ...]:
    try:
        expiry = issuers.check_expiry(means)
    except errors.BadExpiry:
        return (FieldError("expiry", visit.say("problem_expiry", example="03/30")),)
    if issuers.is_expired(expiry, visit.x.world.clock.now()):
        return (FieldError("expiry", visit.say("problem_expiry_past")),)
    return ()


def _balance(visit: Visit) -> Answer:
    method = visit.chosen()
    if method is None or method.kind in ("card", "stored"):
        return see_other(visit.here)
    means = _means(visit, method, visit.form)
    visit.errors = _problems(visit, means)
    if visit.errors:
        return _show(visit, voucher_view(visit, method), 422)
    return _checked(visit, method, means)


def _checked(visit: Visit, method: views.Method, means: c.MeansInput, changed: bool = False) -> Answer:
    typed = "|".join((means.number, f"{means.month}/{means.year}", means.code))
    found = check(visit, means, typed)
    if isinstance(found, str):
        visit.errors = (FieldError("", visit.say(found, currency=visit.remaining.currency)),)
        return _show(visit, voucher_view(visit, method), 422)
    if changed:
        visit.errors = (FieldError("", visit.say("problem_balance_changed")),)
    return _show(visit, voucher_view(visit, method, found), 422 if changed else 200)


async def _redeem(visit: Visit) -> Answer:
    method = visit.chosen()
    typed = tokens.unseal(visit.purchase.secret, visit.form.get("check", ""))
    if method is None or typed is None:
        return see_other(visit.here)
    take, number, expiry, code = typed.split("|")
    means = _means(visit, method, {"number": number, "expiry": expiry, "cvc": code})
    share = Money(int(take), visit.purchase.total.currency)
    found = check(visit, means, "")
    if isinstance(found, str) or found.take != share:
        return _checked(visit, method, means, changed=True)
    return await _pay(visit, method, means, share)


# -- cards -----------------------------------------------------------------------------------------------------------


async def _card(visit: Visit) -> Answer:
    method = visit.chosen()
    if method is None or method.kind not in ("card", "stored"):
        return see_other(visit.here)
    means = _means(visit, method, visit.form)
    visit.errors = _problems(visit, means)
    if visit.errors:
        return _show(visit, status=422)
    kept = next((each for each in visit.stored() if each.token == means.stored), None)
    if kept is not None:
        means = stored.filled(means, kept, visit.holdings)
    return await _pay(visit, method, means, None, keep=visit.form.get("keep") == "yes")


async def _forget(visit: Visit) -> Answer:
    """The shopper wants a stored card kept no longer."""
    method = visit.chosen()
    if method is not None and method.kind == "stored" and visit.head.echo.get("showRemovePaymentMethodButton", True):
        await forget(visit.x, method.token, visit.head.shopper_reference)
    return see_other(visit.here)


_FIELDS: dict[type[Refusal], tuple[str, str]] = {
    errors.BadCardNumber: ("number", "problem_card_number"),
    errors.NoVariant: ("number", "problem_card_brand"),
    errors.MethodNotConfigured: ("number", "problem_card_brand"),
    errors.BadSecurityCode: ("cvc", "problem_code"),
}


async def _pay(
    visit: Visit, method: views.Method, means: c.MeansInput, share: Money | None, *, keep: bool = False
) -> Answer:
    world, ref = visit.x.world, visit.purchase.ref
    try:
        psp = await pay(world, ref, means, share, keep=keep, cause=visit.x.entry.number)
    except tuple(_FIELDS) as refused:
        field, key = _FIELDS[type(refused)]
        visit.errors = (FieldError(field, visit.say(key)),)
        return _show(visit, status=422)
    except Refusal as refused:
        visit.x.note(f"the page says no: {refused}")
        _again(visit)
        return see_other(visit.here)
    _again(visit)
    return _after_payment(visit, psp)


_AT_THE_BANK = tuple(errors.REASONS[name].code for name in ("not_3d_authenticated", "shopper_cancelled"))


def _after_payment(visit: Visit, psp: str) -> Answer:
    """On to the bank, to the result, to what is left to pay, or again after a refusal."""
    payment = visit.purchase.payment(psp)
    assert payment is not None, "the payment has just been made"
    if payment.status is Status.AWAITING_SHOPPER:
        return see_other(links.redirect(visit.x.world, payment, ""))
    if payment.refusal is None:
        again = visit.purchase.link is not None and visit.purchase.link.reusable
        done = visit.purchase.stage is CheckoutStage.ACTIVE and not visit.purchase.round
        return see_other(f"{visit.here}?paid={psp}" if again and done else visit.here)
    kind = payment.instrument.kind
    if visit.purchase.stage is not CheckoutStage.ACTIVE or payment is not visit.purchase.payments[-1]:
        return see_other(visit.here)
    key = "problem_card_refused" if kind == "card" else "problem_voucher_refused"
    if payment.refusal.code in _AT_THE_BANK:
        key = "problem_authentication"
    visit.errors = (FieldError("", visit.say(key)),)
    visit.form.setdefault("method", "scheme" if kind == "card" else payment.instrument.brand)
    return _show(visit, status=422)


async def poll(x: Exchange) -> Answer:
    """What our own pages poll, to reload when something has changed."""
    visit = _visit(x)
    word = "closed" if visit is None else progress(visit.purchase)
    return Answer(200, to_bytes({"status": word}), headers={"Cache-Control": "no-store"})


# -- the bank --------------------------------------------------------------------------------------------------------


def _at_bank(x: Exchange) -> tuple[Purchase, Payment] | None:
    found = links.find_payment(x.world, x.request.query.get("MD", ""))
    in_app = found is not None and found[1].action is not None and found[1].action.kind == AWAIT
    return None if in_app else found


def _bank_closed(x: Exchange, purchase: Purchase, payment: Payment) -> Answer:
    """Nothing is waited for at the bank's page any more; the shopper of a page of ours goes back to it."""
    reason: views.ClosedReason = "paid" if payment.granted is not None else "expired"
    if payment.status is Status.AUTHENTICATED:
        reason = "nowhere"
    view = views.ClosedView(
        language=locale_for(x, purchase),
        sandbox=x.world.name,
        scenario=x.world.scenario.title,
        reason=reason,
        merchant=x.settings.merchant_name,
        return_url=links.checkout_page(purchase, "") if purchase.is_checkout else "",
    )
    return page(views.render(view), 410)


async def show_bank(x: Exchange) -> Answer:
    """GET of the redirect's address."""
    found = _at_bank(x)
    if found is None:
        return _closed(x)
    purchase, payment = found
    target = links.after_redirect(purchase, payment, "")
    if payment.status is Status.AUTHENTICATED and target:
        return see_other(target)
    if payment.status is not Status.AWAITING_SHOPPER:
        return _bank_closed(x, purchase, payment)
    return page(views.render(bank(x, purchase, payment, compact=False)), 200, form_targets(target))


async def post_bank(x: Exchange) -> Answer:
    """The form of the bank's page: the right user and password pass, cancelling gives up, anything else fails."""
    found = _at_bank(x)
    if found is None:
        return _closed(x)
    purchase, payment = found
    form = read_form(x)
    target = links.after_redirect(purchase, payment, "")
    if payment.status is Status.AWAITING_SHOPPER:
        outcome = _outcome(form, user=True)
        if outcome is None:
            view = _with_problems(bank(x, purchase, payment, compact=False), form, user=True)
            return page(views.render(view), 422, form_targets(target))
        command = c.Authenticate(payment=payment.ref, outcome=outcome)
        await x.world.execute(PURCHASES, purchase.ref, command, cause=x.entry.number)
    elif payment.status is not Status.AUTHENTICATED:
        return _bank_closed(x, purchase, payment)
    return see_other(target or links.redirect(x.world, payment, ""))


def _outcome(form: dict[str, str], *, user: bool) -> views.TransStatus | None:
    """Y, N or U; None where something is still to be typed."""
    if form.get("step") == "cancel":
        return "U"
    login, password = form.get("user", "").strip(), form.get("password", "")
    if not password or (user and not login):
        return None
    return "Y" if password == PASSWORD and (not user or login == USER) else "N"


def _with_problems(view: views.ChallengeView, form: dict[str, str], *, user: bool) -> views.ChallengeView:
    from msgspec.structs import replace

    from mockpsp.providers.adyen.texts import TEXTS

    names = [name for name in (("user", "password") if user else ("password",)) if not form.get(name, "").strip()]
    found = tuple(FieldError(name, TEXTS.say(view.language, f"problem_{name}")) for name in names)
    return replace(view, errors=found, user=form.get("user", ""))


async def show_method(x: Exchange) -> Answer:
    """The bank looks at the browser, in a frame that nobody sees: it is content at once."""
    found = _at_bank(x)
    if found is None:
        return _closed(x)
    view = views.ToldView(language="en", sandbox="", scenario="", kind="fingerprint")
    return page(views.render(view), framed=True)


async def challenge(x: Exchange) -> Answer:
    """The bank's form in a shop's frame: Adyen Web posts a creq here, the form posts itself; then the frame tells."""
    found = _at_bank(x)
    if found is None:
        return _closed(x)
    purchase, payment = found
    form = read_form(x) if x.raw else {}
    view = bank(x, purchase, payment, compact=True)
    if "step" not in form:
        return page(views.render(view), framed=True)
    outcome = _outcome(form, user=False)
    if outcome is None:
        return page(views.render(_with_problems(view, form, user=False)), 422, framed=True)
    told = views.ToldView(language=view.language, sandbox="", scenario="", kind="challenge", outcome=outcome)
    return page(views.render(told), framed=True)


async def asset(x: Exchange) -> Answer:
    """The script of the frames."""
    script = (views.STATIC / "tell.js").read_bytes()
    return Answer(200, script, "text/javascript; charset=utf-8", {"Cache-Control": "max-age=3600"})
