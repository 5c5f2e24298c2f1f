"""The hosted pages: the payment page of an order, the registration of a card, the bank's page, the way back.

A button posts a form, the form becomes a command, and the page is drawn from the state that follows: the pages have no
rules of their own. Every page is complete without JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.errors import Refusal
from mockpsp.domain.money import decimals
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pages import page, read_form, see_other
from mockpsp.edge.respond import to_bytes
from mockpsp.edge.views import FieldError
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra import issuers, links, returning, vault, views
from mockpsp.providers.lyra.drawing import Asked, Visit, draw, find, language_asked, locale_of, opened, progress, way
from mockpsp.providers.lyra.errors import ShopperRefused
from mockpsp.providers.lyra.orders import ORDERS
from mockpsp.providers.lyra.paying import share_of
from mockpsp.providers.lyra.states import Order, OrderStatus
from mockpsp.providers.lyra.vault import TOKENS, Token

_AMOUNT = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,3}))?", re.ASCII)
_SPACES = re.compile(r"\s", re.UNICODE)
_GONE = 410


# -- which page it is ------------------------------------------------------------------------------------------------


def _closed(x: Exchange, reason: views.ClosedReason, subject: Order | Token | None = None) -> Answer:
    """A link that leads nowhere; who holds one of ours is told by whom it was."""
    if subject is None:
        view = views.ClosedView(language=locale_of(x, None), sandbox="", scenario="", reason=reason)
        return page(views.render(view), 404)
    view = views.ClosedView(
        language=locale_of(x, language_asked(subject)),
        sandbox=x.world.name,
        scenario=x.world.scenario.title,
        reason=reason,
        merchant=x.settings.merchant_name,
        return_url=returning.home(subject),
    )
    return page(views.render(view), _GONE)


def _visit(x: Exchange, secret: str) -> Visit | Answer:
    """The page of these digits and this session, or why there is none."""
    digits = x.request.query.get("cacheId", "")
    subject = find(x.world, digits) if links.page_key(digits) and secret else None
    if subject is None:
        return _closed(x, "unknown")
    at = opened(subject)
    if at is None or at.page != digits:
        return _closed(x, "replaced", subject)
    return Visit(x, subject) if at.secret == secret else _closed(x, "unknown")


def _framed_visit(x: Exchange) -> Visit | Answer:
    """The page of a form token, likewise."""
    token = x.request.query.get("formToken", "")
    subject = find(x.world, token) if token else None
    if subject is None:
        return _closed(x, "unknown")
    at = opened(subject)
    if at is None or at.form_token != token:
        return _closed(x, "replaced", subject)
    return Visit(x, subject, embedded=True)


def _show(visit: Visit, status: int = 200) -> Answer:
    """The page as it stands. One that has ended leaves for the shop, unless it is a frame of the shop's page."""
    if not visit.is_open and not visit.embedded and not visit.on_phone:
        back = way(visit)
        if back.fields:
            return see_other(links.page_query(links.RETURN, visit.at.page, visit.at.secret))
        if back.address:
            return see_other(back.address)
    targets = returning.form_targets(visit.subject)
    return page(views.render(draw(visit)), status, targets, framed=visit.embedded)


async def show(x: Exchange) -> Answer:
    """GET of a page's address."""
    visit = _visit(x, links.session_of(x.path["page"]))
    return visit if isinstance(visit, Answer) else _show(visit)


async def show_embedded(x: Exchange) -> Answer:
    """GET of the embedded page."""
    visit = _framed_visit(x)
    return visit if isinstance(visit, Answer) else _show(visit)


async def post(x: Exchange) -> Answer:
    """A form of the page."""
    visit = _visit(x, links.session_of(x.path["page"]))
    return visit if isinstance(visit, Answer) else await _post(visit)


async def post_embedded(x: Exchange) -> Answer:
    """A form of the embedded page."""
    visit = _framed_visit(x)
    return visit if isinstance(visit, Answer) else await _post(visit)


async def poll(x: Exchange) -> Answer:
    """What our own pages poll, to reload when something has changed."""
    visit = _visit(x, x.request.query.get("jsessionid", ""))
    word = "closed" if isinstance(visit, Answer) else progress(visit.subject)
    return Answer(200, to_bytes({"status": word}), headers={"Cache-Control": "no-store"})


async def show_return(x: Exchange) -> Answer:
    """The way back to the shop by POST."""
    visit = _visit(x, x.request.query.get("jsessionid", ""))
    if isinstance(visit, Answer):
        return visit
    back = way(visit) if not visit.is_open else returning.Way()
    if not back.fields:
        return see_other(visit.here)
    view = views.ReturnView(**visit.common(), return_url=back.address, fields=back.fields)
    return page(views.render(view), 200, returning.form_targets(visit.subject))


# -- forms -----------------------------------------------------------------------------------------------------------


async def _post(visit: Visit) -> Answer:
    x = visit.x
    visit.form = read_form(x)
    if not visit.is_open:
        return see_other(visit.here)
    step = visit.form.get("step", "")
    if step == "choose" and isinstance(visit.subject, Order) and visit.subject.challenge is None:
        return _choose(visit)
    if step == "ask" and isinstance(visit.subject, Order) and _can_be_asked(visit):
        return _ask(visit, visit.subject)
    if step == "ask":
        step = "cv_connect"
    if step == "decline":
        visit.form["method"] = "cv_connect"
    if step in ("conecs", "cv_connect", "card", "stored"):
        visit.form["method"] = step
    lifecycle: Any = TOKENS if isinstance(visit.subject, Token) else ORDERS
    command: Any = None
    try:
        command = _command(visit, step)
        outcome = await x.world.execute(lifecycle, visit.subject.ref, command, cause=x.entry.number)
    except ShopperRefused as refused:
        x.note(f"the page says no: {refused}")
        return _put_right(visit, refused, command)
    except Refusal as refused:
        x.note(f"the page says no: {refused}")
        return see_other(visit.here)
    visit.subject = outcome.state
    return _after(visit, outcome.events)


def _choose(visit: Visit) -> Answer:
    wanted = visit.form.get("method", "")
    if any(each.id == wanted for each in visit.methods()):
        return see_other(f"{visit.here}&method={wanted}")
    visit.errors = (_problem(visit, ShopperRefused("problem_method", "method")),)
    visit.form.pop("method", None)
    return _show(visit, 422)


def _can_be_asked(visit: Visit) -> bool:
    """Whether there is an app to ask; of an account that ANCV does not know, or no account, the payment itself says."""
    return visit.holdings.wallet(_typed("cv_connect", visit.form).number) is not None


def _ask(visit: Visit, order: Order) -> Answer:
    """On to the app, with whose vouchers and how much; what could not be paid is told at once."""
    visit.form["method"] = "cv_connect"
    command: c.Pay | None = None
    try:
        command = _payment(visit, "cv_connect")
        share_of(order, command, visit.x.world.moment("lyra"))
    except ShopperRefused as refused:
        visit.x.note(f"the page says no: {refused}")
        return _put_right(visit, refused, command)
    asked = Asked(command.means.number, command.amount, order.refusals)
    return see_other(f"{visit.here}&{asked.query}")


def _command(visit: Visit, step: str) -> Any:
    """What a form asks for. Raises ShopperRefused for what cannot even be asked."""
    form, secret = visit.form, visit.at.secret
    match step:
        case "cancel" if visit.subject.challenge is not None:
            return c.Authenticate(passed=False, secret=secret)
        case "cancel":
            return c.GiveUp(secret)
        case "authenticate":
            code = _SPACES.sub("", form.get("code", ""))
            if not code:
                raise ShopperRefused("problem_code_missing", "code")
            return c.Authenticate(passed=code == issuers.CODE, secret=secret)
        case "card" if isinstance(visit.subject, Token):
            return vault.Enter(_typed("card", form), secret)
        case "conecs" | "cv_connect" | "card" | "stored" if isinstance(visit.subject, Order):
            return _payment(visit, step)
        case "decline" if isinstance(visit.subject, Order):
            return replace(_payment(visit, "cv_connect"), declined=True)
        case _:
            raise ShopperRefused("unknown_step")


def _payment(visit: Visit, step: str) -> c.Pay:
    secret = visit.at.secret
    if step == "card":
        return c.Pay(means=_typed(step, visit.form), secret=secret)
    if step == "stored":
        stored = visit.stored
        if stored is None:
            raise ShopperRefused("problem_method", "method")
        return c.Pay(means=issuers.stored_means(stored, visit.holdings), secret=secret)
    amount = read_amount(visit.form.get("amount", ""), visit.currency)
    return c.Pay(means=_typed(step, visit.form), amount=amount, secret=secret)


def _typed(kind: str, form: dict[str, str]) -> c.Means:
    """A tender as a shopper types it: spaces where they please."""
    if kind == "cv_connect":
        return c.Means(kind=kind, number=_SPACES.sub("", form.get("beneficiary", "")))
    return c.Means(
        kind=kind,
        number=re.sub(r"[\s-]", "", form.get("number", "")),
        expiry=_SPACES.sub("", form.get("expiry", "")),
        cvv=form.get("cvv", "").strip(),
        holder=form.get("holder", "").strip()[:60],
    )


def read_amount(text: str, currency: str) -> int | None:
    """Minor units of an amount as a person types it (``12,50``, ``12.5``, ``1 300``); None for nothing typed.

    Raises ShopperRefused.
    """
    bare = re.sub(r"[\s€]", "", text)
    if not bare:
        return None
    match = _AMOUNT.fullmatch(bare)
    places = decimals(currency)
    if match is None or len(match[2] or "") > places:
        raise ShopperRefused("problem_amount", "amount")
    whole, part = int(match[1]), int((match[2] or "").ljust(places, "0") or 0)
    return whole * int(10**places) + part


# -- what comes of it ------------------------------------------------------------------------------------------------


def _after(visit: Visit, events: tuple[Any, ...]) -> Answer:
    """On to what is left to do, or the form again after a refusal. The app only says what became of its question."""
    if visit.on_phone:
        return see_other(f"{visit.here}&on=phone")
    refusal = next((each for each in events if isinstance(each, e.ShareRefused | vault.Refused)), None)
    if refusal is None or not visit.is_open:
        return see_other(visit.here)
    kind = refusal.kind if isinstance(refusal, e.ShareRefused) else "card"
    visit.errors = (_told(visit, kind, refusal.reason),)
    visit.form.setdefault("method", kind)
    return _show(visit, 422)


def _told(visit: Visit, kind: str, reason: str) -> FieldError:
    """An issuer's no, to the shopper."""
    if reason == "three_ds_failed":
        return FieldError("", visit.say("problem_authentication"))
    if isinstance(visit.subject, Token):
        return FieldError("", visit.say("problem_registration_refused"))
    if kind == "conecs" and reason in ("daily_limit", "limit_exceeded"):
        return FieldError("", visit.say("problem_conecs_limit"))
    if kind == "cv_connect" and reason == "unknown_number":
        return FieldError("beneficiary", visit.say("problem_beneficiary_unknown"))
    return FieldError("", visit.say(f"problem_{kind}_refused"))


_RIGHT = {"number": "4111111111111111", "expiry": "12/2030", "cvv": "123"}
_SILENT = frozenset({"unknown_step"})
"""What no page asks for, and therefore none explains."""


def _put_right(visit: Visit, refused: ShopperRefused, command: Any) -> Answer:
    """The same page with what is to be put right; all of a card's mistakes at once."""
    if refused.problem in ("closed", "replaced"):
        return see_other(visit.here)
    if visit.on_phone:  # which has no fields to put right
        visit.errors = (FieldError("", _problem(visit, refused).message),) if refused.problem not in _SILENT else ()
        return _show(visit, 422)
    found = [refused]
    if refused.field in _RIGHT and isinstance(command, c.Pay | vault.Enter):
        found += _further(visit, command.means, refused.field)
    visit.errors = tuple(_problem(visit, each) for each in found if each.problem not in _SILENT)
    return _show(visit, 422)


def _further(visit: Visit, means: c.Means, field: str) -> Iterator[ShopperRefused]:
    """What else is wrong with a card once this field is put right."""
    right = replace(means, **{field: _RIGHT[field]})
    try:
        issuers.check_form(right, visit.holdings)
    except ShopperRefused as refused:
        yield refused
        yield from _further(visit, right, refused.field)


def _problem(visit: Visit, refused: ShopperRefused) -> FieldError:
    """The text of a problem, with the amount that the field's hint tells or an example."""
    values: dict[str, str] = {}
    asked = visit.form.get("method", "")
    key, field = refused.problem, refused.field
    match key:
        case "answer_awaited":
            key = "problem_answer_awaited"
        case "problem_method" if asked:  # by now, or for this order, it is not on offer
            key, field = "problem_method_not_offered", field if len(visit.methods()) > 1 else ""
        case "problem_amount_most":
            values["amount"] = visit.money(visit.most(asked))
        case "problem_amount":
            values["example"] = visit.example(visit.most(asked))
        case "problem_expiry":
            values["example"] = "12/30"
        case _:
            values.update({name: visit.money(amount) for name, amount in refused.values.items()})
    return FieldError(field, visit.say(key, **values))


# -- persistent links ------------------------------------------------------------------------------------------------


async def follow_link(x: Exchange) -> Answer:
    """GET of a persistent link: the order's payment page, a new one unless the link's own is still open."""
    code = x.path["code"]
    owner = x.world.owner(ORDERS.name, code)
    order: Order | None = x.world.state(ORDERS.name, owner) if owner is not None else None
    if order is None or order.persisted is None or order.persisted.code != code:
        return _closed(x, "unknown")
    if order.ended and order.ended != "expired":
        return _closed(x, "used", order)
    if order.status is not OrderStatus.CREATED or order.ended or x.world.clock.now() >= order.persisted.expires:
        return _closed(x, "expired", order)
    if not order.is_open or order.execution is None or order.execution.way != "persist":
        command = c.Execute(way="persist", key=x.sandbox.key, code=code)
        try:
            outcome = await x.world.execute(ORDERS, order.ref, command, cause=x.entry.number)
        except Refusal as refused:
            x.note(f"the link cannot be used: {refused}")
            return _closed(x, "expired", order)
        order = outcome.state
        assert order.execution is not None, "the order has just been executed"
    return see_other(links.page_url("", order.execution.page, order.execution.secret))
