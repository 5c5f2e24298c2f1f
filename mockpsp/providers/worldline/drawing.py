"""What a hosted page shows: the view of an order as it stands, and the test data that works beside its form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.domain.clock import paris
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.texts import datum_title, first_choice, format_money, language_of
from mockpsp.edge.views import FieldError, Outcome, TestDatum
from mockpsp.providers.worldline import decide, links, texts, views, wire
from mockpsp.providers.worldline.holdings import CV_CONNECT, Holdings, Wallet, WorldCard
from mockpsp.providers.worldline.issuers import BRANDS
from mockpsp.providers.worldline.states import Code, Order, Stage

_OUTCOMES: Mapping[str, Outcome] = {
    "paid": "paid",
    "refused": "refused",
    "attempts": "refused",
    "customer": "cancelled",
    "time": "expired",
}


class Visit:
    """One look at a page: the order behind the link, what the browser sent, and what every view shows."""

    def __init__(self, x: Exchange, order: Order, *, phone: bool) -> None:
        self.x = x
        self.order = order
        self.phone = phone
        self.form: dict[str, str] = {}
        self.errors: tuple[FieldError, ...] = ()
        how = order.created.hosted or order.created.direct
        locale = how.locale if how is not None else ""
        self.language = locale or first_choice(x.request.headers.get("Accept-Language", ""))
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
        return texts.TEXTS.say(self.language, key, **values)

    def money(self, amount: Money) -> str:
        """An amount in the shopper's language."""
        return format_money(amount.minor, amount.currency, language_of(self.language))

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
            "merchant": self.x.settings.merchant_name,
            "reference": order.created.references.merchant_reference,
            "amount": order.total,
            "post_url": self.here,
            "open_until": until,
        }


def progress(order: Order) -> str:
    """A word that changes whenever the page would look different."""
    return f"{order.stage.value}-{int(order.first.code)}-{len(order.tenders)}-{order.attempts}-{order.app_opened:d}"


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
        visit.errors = (FieldError("", visit.say(key)),)
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
    chosen = product_id(visit.form.get("method") or visit.x.request.query.get("method", ""))
    return chosen if chosen in products else None


def product_id(text: str) -> int | None:
    """The payment product id that a form or an address names, or None if it is no number of at most five digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _confirm(visit: Visit) -> views.ConfirmView:
    wallets = tuple(_wallet(visit, each) for each in visit.holdings.wallets.values())
    common = visit.common() | {"post_url": f"{visit.here}?method={CV_CONNECT}", "test_data": wallets}
    beneficiary = visit.form.get("beneficiary", visit.order.beneficiary)
    return views.ConfirmView(**common, beneficiary=beneficiary, cancel_url=visit.here)


def _wallet(visit: Visit, wallet: Wallet) -> TestDatum:
    """A wallet by its holder, or by what it does with this order."""
    balance = visit.x.world.ledger.balance(wallet.account, wallet.balance.currency)
    total = visit.order.total
    share = Money(total.minor * wallet.covers // 100, total.currency)
    most = min(balance, share) if balance.currency == total.currency else balance
    effect = visit.say("test_data_balance", balance=visit.money(balance))
    return TestDatum(
        label=wallet.holder or datum_title(texts.TEXTS, visit.language, wallet.answers, most, total),
        value=wallet.beneficiary,
        effect=visit.say("test_data_refused", reason=wallet.reason) if wallet.answers == "refuses" else effect,
        fills={"beneficiary": wallet.beneficiary},
    )


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
        holder=wallet.holder if wallet else "",
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
        visit.errors = (FieldError("", visit.say("problem_card_refused")),)
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


def _cards(visit: Visit, brands: tuple[int, ...]) -> tuple[TestDatum, ...]:
    expiry = f"12/{(visit.x.started.year + 4) % 100:02d}"
    return tuple(
        TestDatum(
            label=card.title or ", ".join(texts.product_name(product, visit.language) for product in card.products),
            value=card.number,
            effect=f"{expiry} · 123 · {_effect(visit, card)}",
            fills={"card_number": card.number, "card_holder": "CAMILLE MARTIN", "expiry": expiry, "cvv": "123"},
        )
        for card in visit.holdings.cards.values()
        if set(card.products) & set(brands)
    )


def _effect(visit: Visit, card: WorldCard) -> str:
    if card.answers == "accepts":
        return visit.say("test_data_accepted")
    return visit.say("test_data_refused", reason=card.reason)


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
