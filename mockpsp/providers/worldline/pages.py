"""The hosted pages: the checkout, the CV Connect portal on a desktop and its app on a phone.

A button posts a form, the form becomes a command, and the page is drawn from the state that follows: the pages have no
rules of their own. Every page is complete without JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mockpsp.domain.clock import paris
from mockpsp.domain.money import Money, decimals
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pages import page, see_other
from mockpsp.edge.provider import Access, Route
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import decide, links, texts, views, wire
from mockpsp.providers.worldline.errors import ShopperRefused
from mockpsp.providers.worldline.holdings import CV_CONNECT, Holdings
from mockpsp.providers.worldline.issuers import BRANDS
from mockpsp.providers.worldline.routes import ORDERS
from mockpsp.providers.worldline.states import Code, Order, Stage

_AMOUNT = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,3}))?", re.ASCII)
_OUTCOMES: Mapping[str, views.Outcome] = {
    "paid": "paid",
    "refused": "refused",
    "attempts": "refused",
    "customer": "cancelled",
    "time": "expired",
}
_ANYWHERE = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}


class Visit:
    """One look at a page: the order behind the link, what the browser sent, and what every view shows."""

    def __init__(self, x: Exchange, order: Order, *, phone: bool) -> None:
        self.x = x
        self.order = order
        self.phone = phone
        self.form: dict[str, str] = {}
        self.errors: tuple[views.FieldError, ...] = ()
        how = order.created.hosted or order.created.direct
        locale = how.locale if how is not None else ""
        self.language = locale or x.request.headers.get("Accept-Language", "en")[:5].replace("-", "_")
        self.return_url = links.back(order, wire.payment_id(order.ref, 0, x.settings))

    @property
    def holdings(self) -> Holdings:
        """Wallets and cards of the sandbox."""
        world: Holdings = self.x.world.setups["worldline"].world
        return world

    @property
    def here(self) -> str:
        """This page's own address."""
        return links.app(self.x.world, self.order) if self.phone else links.page(self.x.world, self.order, "")

    def say(self, key: str, **values: str) -> str:
        """A text in the shopper's language."""
        return texts.say(self.language, key, **values)

    def money(self, amount: Money) -> str:
        """An amount in the shopper's language."""
        return texts.format_money(amount.minor, amount.currency, texts.language_of(self.language))

    def common(self) -> dict[str, Any]:
        """What every page about an order shows."""
        order, world = self.order, self.x.world
        hosted = order.created.hosted
        until = f"{hosted.expires.astimezone(paris()):%H:%M}" if hosted is not None and not self.phone else ""
        return {
            "language": self.language,
            "sandbox": world.name,
            "scenario": world.scenario.title,
            "errors": self.errors,
            "status": progress(order),
            "status_url": f"{links.portal(world, order)}/progress",
            "merchant": order.created.merchant,
            "reference": order.created.references.merchant_reference,
            "amount": order.total,
            "post_url": self.here,
            "open_until": until,
        }


def progress(order: Order) -> str:
    """A word that changes whenever the page would look different."""
    return f"{order.stage.value}-{int(order.first.code)}-{len(order.tenders)}-{order.attempts}-{order.app_opened:d}"


# -- what a page shows -----------------------------------------------------------------------------------------------


def draw(visit: Visit) -> views.View:
    """The view of an order as it stands."""
    order = visit.order
    if order.stage is not Stage.IN_PROGRESS or order.pending is not None:
        return _result(visit)
    if order.first.accepted:
        return _complement(visit) if visit.phone else _portal(visit, 3)
    if order.first.code is Code.REDIRECTED and order.beneficiary:
        return _phone(visit) if visit.phone else _portal(visit, 2 if order.app_opened else 1)
    return _start(visit)


def _start(visit: Visit) -> views.View:
    order = visit.order
    if order.first.code is Code.REJECTED and not visit.errors:
        last_was_card = order.first.card is not None
        key = "problem_card_refused" if last_was_card else "problem_voucher_refused"
        visit.errors = (views.FieldError("", visit.say(key)),)
    products = decide.products_on_offer(order)
    method = _method(visit, products)
    if method == CV_CONNECT:
        return _confirm(visit)
    if method is not None:
        return _complement(visit, method)
    shown = tuple(product for product in products if product in texts.PRODUCTS)
    return views.SelectionView(**visit.common(), products=shown, cancel_url=visit.here)


def _method(visit: Visit, products: tuple[int, ...]) -> int | None:
    if len(products) == 1:
        return products[0]
    chosen = _product_id(visit.form.get("method") or visit.x.request.query.get("method", ""))
    return chosen if chosen in products else None


def _product_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _confirm(visit: Visit) -> views.ConfirmView:
    ledger = visit.x.world.ledger
    wallets = [
        views.TestDatum(
            label=wallet.holder or wallet.email or "CV Connect",
            value=wallet.beneficiary,
            effect=visit.money(ledger.balance(wallet.account, wallet.balance.currency)),
            fills={"beneficiary": wallet.beneficiary},
        )
        for wallet in visit.holdings.wallets.values()
    ]
    common = visit.common() | {"post_url": f"{visit.here}?method={CV_CONNECT}", "test_data": tuple(wallets)}
    beneficiary = visit.form.get("beneficiary", visit.order.beneficiary)
    return views.ConfirmView(**common, beneficiary=beneficiary, cancel_url=visit.here)


def _portal(visit: Visit, stage: views.Stage) -> views.PortalView:
    phone_url = links.app(visit.x.world, visit.order, visit.x.origin)
    return views.PortalView(**visit.common(), phone_url=phone_url, stage=stage, cancel_url=visit.here)


def _phone(visit: Visit) -> views.PhoneView:
    order, world = visit.order, visit.x.world
    moment = world.moment("worldline")
    wallet = visit.holdings.wallet(order.beneficiary)
    balance = moment.balances.balance(wallet.account, order.total.currency) if wallet else order.total.zero
    fixed = decide.fixed_amount(order)
    lenient = visit.x.settings.insufficient_fixed_vouchers == "card_complement" and decide.complement_products(order)
    return views.PhoneView(
        **visit.common(),
        beneficiary=order.beneficiary,
        balance=balance,
        payable=order.total if fixed and not lenient else decide.offer(order, moment),
        adjustable=not fixed,
        typed=visit.form.get("voucher_amount", ""),
    )


def _complement(visit: Visit, product: int | None = None) -> views.ComplementView:
    order = visit.order
    card_only = not order.first.accepted
    offered = decide.products_on_offer(order) if card_only else decide.complement_products(order)
    brands = tuple(each for each in offered if each in BRANDS and each in texts.PRODUCTS)
    refused = any(tender.code is Code.REJECTED for tender in order.tenders)
    if refused and not visit.errors:
        visit.errors = (views.FieldError("", visit.say("problem_card_refused")),)
    hosted = order.created.hosted
    target = f"{visit.here}?method={product}" if product is not None and not visit.phone else visit.here
    return views.ComplementView(
        **visit.common() | {"post_url": target, "test_data": _cards(visit, brands)},
        cancel_url="" if visit.phone else visit.here,
        paid=order.total - order.remaining,
        brands=brands,
        card_only=card_only,
        card_holder=visit.form.get("card_holder", ""),
        expiry=visit.form.get("expiry", ""),
        attempts_left=decide.attempts_left(order) if refused else None,
        returned_on_give_up=bool(hosted and hosted.auto_refund),
    )


def _cards(visit: Visit, brands: tuple[int, ...]) -> tuple[views.TestDatum, ...]:
    expiry = f"12/{(visit.x.started.year + 4) % 100:02d}"
    return tuple(
        views.TestDatum(
            label=card.title or texts.product_name(card.products[0], texts.language_of(visit.language)),
            value=card.number,
            effect=f"{expiry} · 123"
            if card.answers == "accepts"
            else visit.say("test_data_refused", reason=card.reason),
            fills={"card_number": card.number, "card_holder": "CAMILLE MARTIN", "expiry": expiry, "cvv": "123"},
        )
        for card in visit.holdings.cards.values()
        if set(card.products) & set(brands)
    )


def _result(visit: Visit) -> views.ResultView:
    order = visit.order
    outcome = "pending" if order.pending is not None else _OUTCOMES[order.ended]
    paid = tuple(tender for tender in order.tenders if tender.accepted)
    return views.ResultView(
        **visit.common() | {"open_until": ""},
        outcome=outcome,
        tenders=tuple(
            views.Tender(
                product=tender.product or CV_CONNECT,
                amount=tender.share,
                detail=f"•••• {tender.card.masked[-4:]}" if tender.card is not None else "",
            )
            for tender in paid
        ),
        returned=any(tender.refunded for tender in paid) and outcome != "paid",
        return_url=visit.return_url if outcome != "pending" else "",
        on_phone=visit.phone,
    )


# -- handlers --------------------------------------------------------------------------------------------------------


def _visit(x: Exchange, *, phone: bool) -> Visit | None:
    order = links.find(x.world, x.path["token"]) if x.sandbox.key == x.path["token"][:8] else None
    return Visit(x, order, phone=phone) if order is not None else None


def _closed(x: Exchange) -> Answer:
    language = x.request.headers.get("Accept-Language", "en")[:5].replace("-", "_")
    view = views.ClosedView(language=language, sandbox="", scenario="")
    return page(views.render(view), 404)


def _targets(visit: Visit) -> str:
    """Where this page's forms may lead: to us, and over a redirect to the merchant."""
    parts = urlsplit(visit.return_url)
    if parts.scheme in ("http", "https"):
        return f"'self' {parts.scheme}://{parts.netloc}"
    return f"'self' {parts.scheme}:" if parts.scheme else "'self'"


def _show(visit: Visit, status: int = 200) -> Answer:
    order = visit.order
    hosted = order.created.hosted
    leaves = hosted is None or not hosted.show_result_page
    if order.stage is not Stage.IN_PROGRESS and leaves and visit.return_url and not visit.phone:
        return see_other(visit.return_url)
    return page(views.render(draw(visit)), status, _targets(visit))


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
    visit.form = _read_form(x)
    step = visit.form.get("step", "")
    if step == "choose":
        return _choose(visit)
    try:
        command = _command(visit, step)
        await x.world.execute(ORDERS, visit.order.ref, command, cause=x.entry.number)
    except ShopperRefused as refused:
        x.note(f"the page says no: {refused}")
        visit.order = x.world.state(ORDERS.name, visit.order.ref)
        visit.errors = _problem(visit, refused)
        visit.form.setdefault("method", x.request.query.get("method", ""))
        return _show(visit, 422)
    visit.order = x.world.state(ORDERS.name, visit.order.ref)
    if step == "cancel" and not phone and visit.return_url:
        return see_other(visit.return_url)
    return see_other(visit.here)


def _read_form(x: Exchange) -> dict[str, str]:
    """The fields of a form; none of them when there are more than any page of ours has."""
    try:
        return dict(parse_qsl(x.raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50))
    except ValueError as error:
        x.note(f"the form was not read: {error}")
        return {}


def _choose(visit: Visit) -> Answer:
    chosen = _product_id(visit.form.get("product", ""))
    if chosen in decide.products_on_offer(visit.order):
        return see_other(f"{visit.here}?method={chosen}")
    visit.errors = (views.FieldError("product", visit.say("problem_product")),)
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


def _problem(visit: Visit, refused: ShopperRefused) -> tuple[views.FieldError, ...]:
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
            example = texts.plain_amount(
                visit.order.total.minor, visit.order.total.currency, texts.language_of(visit.language)
            )
            return (views.FieldError("voucher_amount", visit.say("problem_voucher_amount", example=example)),)
        case "bad_expiry":
            return (views.FieldError("expiry", visit.say("problem_expiry", example="12/30")),)
        case key if key in texts_by_key:
            return (views.FieldError(refused.field, visit.say(texts_by_key[key], **told)),)
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


_LINK = "{token:[0-9a-f]{32}}"
_DESKTOP = (f"{links.CHECKOUT}/{_LINK}", f"{links.CONNECT}/{_LINK}")


def _route(method: str, path: str, operation: str, handler: Any) -> Route:
    return Route(method=method, path=path, operation=operation, handler=handler, access=Access.PAGE)


ROUTES: tuple[Route, ...] = (
    *(_route("GET", path, "page", show_desktop) for path in _DESKTOP),
    *(_route("POST", path, "page_form", post_desktop) for path in _DESKTOP),
    _route("GET", f"{links.CONNECT}/{_LINK}/app", "app_page", show_phone),
    _route("POST", f"{links.CONNECT}/{_LINK}/app", "app_form", post_phone),
    _route("GET", f"{links.CONNECT}/{_LINK}/state", "poll_state", poll_state),
    _route("GET", f"{links.CONNECT}/{_LINK}/pending", "poll_pending", poll_pending),
    _route("GET", f"{links.CONNECT}/{_LINK}/progress", "poll_progress", poll_progress),
)

__all__ = ["ROUTES", "draw", "progress", "read_typed_amount"]
