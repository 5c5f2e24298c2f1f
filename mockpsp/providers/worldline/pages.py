"""The hosted pages: the checkout, the CV Connect portal on a desktop and its app on a phone.

A button posts a form, the form becomes a command, and the page is drawn from the state that follows: the pages have no
rules of their own. Every page is complete without JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.money import Money, decimals
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pages import form_targets, page, read_form, see_other
from mockpsp.edge.respond import to_bytes
from mockpsp.edge.texts import first_choice, language_of, plain_amount
from mockpsp.edge.views import FieldError
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import decide, links, views
from mockpsp.providers.worldline.drawing import Visit, draw, product_id, progress
from mockpsp.providers.worldline.errors import ShopperRefused
from mockpsp.providers.worldline.issuers import check_card_form
from mockpsp.providers.worldline.orders import ORDERS
from mockpsp.providers.worldline.states import Code, Stage

_AMOUNT = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,3}))?", re.ASCII)
_ANYWHERE = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}


def _visit(x: Exchange, *, phone: bool) -> Visit | None:
    order = links.find(x.world, x.path["token"]) if x.sandbox.key == x.path["token"][:8] else None
    return Visit(x, order, phone=phone) if order is not None else None


def _closed(x: Exchange) -> Answer:
    language = first_choice(x.request.headers.get("Accept-Language", ""))
    view = views.ClosedView(language=language, sandbox="", scenario="")
    return page(views.render(view), 404)


def _show(visit: Visit, status: int = 200) -> Answer:
    order = visit.order
    hosted = order.created.hosted
    leaves = hosted is None or not hosted.show_result_page
    if order.stage is not Stage.IN_PROGRESS and leaves and visit.return_url and not visit.phone:
        return see_other(visit.return_url)
    return page(views.render(draw(visit)), status, form_targets(visit.return_url))


async def show_desktop(x: Exchange) -> Answer:
    """GET of a checkout or portal link."""
    visit = _visit(x, phone=False)
    return _closed(x) if visit is None else _show(visit)


async def show_phone(x: Exchange) -> Answer:
    """GET of the app's link: the phone opened it."""
    visit = _visit(x, phone=True)
    if visit is None:
        return _closed(x)
    order = visit.order
    if order.stage is Stage.IN_PROGRESS and order.first.code is Code.REDIRECTED and not order.app_opened:
        await x.world.execute(ORDERS, order.ref, c.OpenApp(), cause=x.entry.number)
        visit.order = x.world.state(ORDERS.name, order.ref)
    return _show(visit)


async def post_desktop(x: Exchange) -> Answer:
    """A form of the checkout or the portal."""
    return await _post(x, phone=False)


async def post_phone(x: Exchange) -> Answer:
    """A form of the app."""
    return await _post(x, phone=True)


async def _post(x: Exchange, *, phone: bool) -> Answer:
    visit = _visit(x, phone=phone)
    if visit is None:
        return _closed(x)
    visit.form = read_form(x)
    step = visit.form.get("step", "")
    if step == "choose":
        return _choose(visit)
    command: Any = None
    try:
        command = _command(visit, step)
        await x.world.execute(ORDERS, visit.order.ref, command, cause=x.entry.number)
    except ShopperRefused as refused:
        x.note(f"the page says no: {refused}")
        visit.order = x.world.state(ORDERS.name, visit.order.ref)
        visit.errors = _problem(visit, refused)
        if isinstance(command, c.PayCard) and refused.field in _RIGHT:
            for other in _further(visit, command.card, refused.field):
                visit.errors += _problem(visit, other)
        visit.form.setdefault("method", x.request.query.get("method", ""))
        return _show(visit, 422)
    visit.order = x.world.state(ORDERS.name, visit.order.ref)
    if step == "cancel" and not phone and visit.return_url:
        return see_other(visit.return_url)
    return see_other(visit.here)


def _choose(visit: Visit) -> Answer:
    chosen = product_id(visit.form.get("product", ""))
    if chosen in decide.products_on_offer(visit.order):
        return see_other(f"{visit.here}?method={chosen}")
    visit.errors = (FieldError("product", visit.say("problem_product")),)
    return _show(visit, 422)


def _command(visit: Visit, step: str) -> Any:
    form = visit.form
    match step:
        case "confirm":
            return c.GoToConnect(beneficiary=form.get("beneficiary", ""))
        case "voucher":
            typed = form.get("voucher_amount")
            return c.PayVouchers(amount=None if typed is None else read_typed_amount(typed, visit.order.total.currency))
        case "card":
            return c.PayCard(card=_typed_card(visit))
        case "cancel":
            return c.GiveUp()
        case "refuse":
            return c.Refuse()
        case _:
            raise ShopperRefused("unknown_step")


def read_typed_amount(text: str, currency: str) -> Money:
    """An amount as a person types it (``300,00``, ``300.5``, ``1 300``). Raises ShopperRefused."""
    bare = re.sub(r"[\s\u00a0\u202f€]", "", text)
    match = _AMOUNT.fullmatch(bare)
    places = decimals(currency)
    if match is None or len(match[2] or "") > places:
        raise ShopperRefused("bad_amount", "voucher_amount")
    return Money(int(match[1]) * 10**places + int((match[2] or "").ljust(places, "0") or 0), currency)


def _typed_card(visit: Visit) -> c.CardData:
    form = visit.form
    expiry = re.sub(r"[\s/.-]", "", form.get("expiry", ""))
    if len(expiry) == 6 and expiry[2:4] == "20":
        expiry = expiry[:2] + expiry[4:]
    chosen = visit.x.request.query.get("method", "")
    return c.CardData(
        number=re.sub(r"[\s-]", "", form.get("card_number", "")),
        expiry=expiry,
        holder=form.get("card_holder", "").strip()[:60],
        cvv=form.get("cvv", "").strip(),
        product=int(chosen) if chosen in ("1", "2", "3", "130") else None,
    )


_RIGHT = {"card_number": {"number": "4111111111111111"}, "expiry": {"expiry": "1230"}, "cvv": {"cvv": "123"}}
"""What could stand in each field of the card form."""


def _further(visit: Visit, card: c.CardData, field: str) -> Iterator[ShopperRefused]:
    """What else is wrong with a card once this field is put right."""
    right = replace(card, **_RIGHT[field])
    try:
        check_card_form(right, visit.holdings)
    except ShopperRefused as refused:
        yield refused
        yield from _further(visit, right, refused.field)


def _problem(visit: Visit, refused: ShopperRefused) -> tuple[FieldError, ...]:
    amount = refused.details.get("amount")
    if refused.key == "amount_above_order":
        amount = decide.offer(visit.order, visit.x.world.moment("worldline")) or amount  # what the field's hint says
    told = {"amount": visit.money(amount)} if isinstance(amount, Money) else {}
    texts_by_key = {
        "unknown_beneficiary": "problem_beneficiary_unknown",
        "beneficiary_missing": "problem_beneficiary",
        "amount_is_fixed": "problem_voucher_most",
        "amount_above_order": "problem_voucher_most",
        "amount_above_balance": "problem_voucher_most",
        "amount_below_minimum": "problem_voucher_least",
        "bad_card_number": "problem_card_number",
        "brand_not_accepted": "problem_card_brand",
        "bad_cvv": "problem_cvv",
        "product_not_on_offer": "problem_product",
    }
    match refused.key:
        case "bad_amount":
            example = plain_amount(visit.order.total.minor, visit.order.total.currency, language_of(visit.language))
            return (FieldError("voucher_amount", visit.say("problem_voucher_amount", example=example)),)
        case "bad_expiry":
            return (FieldError("expiry", visit.say("problem_expiry", example="12/30")),)
        case key if key in texts_by_key:
            return (FieldError(refused.field, visit.say(texts_by_key[key], **told)),)
        case _:
            return ()


# -- polling ---------------------------------------------------------------------------------------------------------


async def poll_state(x: Exchange) -> Answer:
    """``paymentProduct5412.pollingUrl``: PRETRANSACTION, TRANSACTION or FINALIZED; 204 for a link we do not know."""
    visit = _visit(x, phone=False)
    if visit is None:
        return Answer(204, None, headers=_ANYWHERE)
    order = visit.order
    over = order.stage is not Stage.IN_PROGRESS
    word = "FINALIZED" if over else "TRANSACTION" if order.app_opened or order.first.accepted else "PRETRANSACTION"
    return Answer(200, word.encode(), "text/plain; charset=utf-8", _ANYWHERE)


async def poll_pending(x: Exchange) -> Answer:
    """``pendingAuthentication.pollingUrl``: true while the app is waited for; 204 for a link we do not know."""
    visit = _visit(x, phone=False)
    if visit is None:
        return Answer(204, None, headers=_ANYWHERE)
    waits = visit.order.stage is Stage.IN_PROGRESS
    return Answer(200, b"true" if waits else b"false", headers=_ANYWHERE)


async def poll_progress(x: Exchange) -> Answer:
    """What our own pages poll, to reload when the other device has gone on."""
    visit = _visit(x, phone=False)
    word = "closed" if visit is None else progress(visit.order)
    return Answer(200, to_bytes({"status": word}), headers={"Cache-Control": "no-store"})


__all__ = ["draw", "progress", "read_typed_amount"]
