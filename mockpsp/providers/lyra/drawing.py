"""What the hosted pages show: view models out of an order's, or a registration's, state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlencode

from mockpsp.domain.clock import paris
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.texts import datum_title, first_choice, format_money, language_of, plain_amount
from mockpsp.edge.views import FieldError, TestDatum
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra import issuers, links, returning, texts, views
from mockpsp.providers.lyra.holdings import Holdings, MealCard, Wallet, WorldCard, scheme_of
from mockpsp.providers.lyra.orders import ORDERS
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order
from mockpsp.providers.lyra.stored import stored_by_alias
from mockpsp.providers.lyra.vault import TOKENS, Opened, Token
from mockpsp.world.world import World

EXPIRY, CVV = "12/2030", "123"
"""What to type for a card that takes any."""
BRANDS = tuple(texts.BRANDS)
_OUTCOMES: dict[str, views.Outcome] = {"paid": "paid", "refused": "refused", "cancelled": "cancelled"}
_TENDERS: dict[str, views.Tender] = {"conecs": "conecs", "cv_connect": "cv_connect"}


def locale_of(x: Exchange, own: str | None) -> str:
    """The merchant's language, else the browser's."""
    return own or first_choice(x.request.headers.get("Accept-Language", ""))


def language_asked(subject: Order | Token) -> str | None:
    """The language that the merchant asked for."""
    return subject.opened.register.language if isinstance(subject, Token) else subject.head.language


def find(world: World, part: str) -> Order | Token | None:
    """The order, or the registration, that a page's digits or a form token lead to."""
    for lifecycle in (ORDERS.name, TOKENS.name):
        owner = world.owner(lifecycle, part)
        if owner is not None:
            found: Order | Token | None = world.state(lifecycle, owner)
            return found
    return None


def opened(subject: Order | Token) -> e.Executed | Opened | None:
    """The page that is open now; an order that was changed since has none."""
    return subject.opened if isinstance(subject, Token) else subject.execution


class Asked(NamedTuple):
    """Holiday vouchers that are to be confirmed in the app: whose, how much, and after how many refusals on this page.

    ``amount`` is in minor units, None for all that is possible. It all stands in the address, which opens the same
    question on another device; nothing of it is trusted before the payment is decided.
    """

    beneficiary: str
    amount: int | None
    after: int

    @property
    def query(self) -> str:
        """It, as part of an address; see ``Visit.asked``."""
        told = {"method": "cv_connect", "wallet": self.beneficiary, "after": self.after}
        return urlencode(told if self.amount is None else {**told, "share": self.amount})


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else None


class Visit:
    """One look at a page: order or registration, what the browser sent, and what every view shows."""

    def __init__(self, x: Exchange, subject: Order | Token, *, embedded: bool = False) -> None:
        self.x = x
        self.subject = subject
        self.embedded = embedded
        self.form: dict[str, str] = {}
        self.errors: tuple[FieldError, ...] = ()
        at = opened(subject)
        assert at is not None, "what has no page cannot be looked at"
        self.at = at
        self.language = locale_of(x, language_asked(subject))

    @property
    def here(self) -> str:
        """The page's own address, without an origin."""
        if self.embedded:
            return links.embedded_url("", self.at.form_token)
        return links.page_url("", self.at.page, self.at.secret)

    @property
    def asked(self) -> Asked | None:
        """What the address says is to be confirmed in the app; None when it says nothing, or something odd."""
        query = self.x.request.query
        after, share = _number(query.get("after", "")), _number(query.get("share", ""))
        if not query.get("wallet") or after is None or (share is None and "share" in query):
            return None
        return Asked(query["wallet"], share, after)

    @property
    def on_phone(self) -> bool:
        """Whether this is the app, which only asks for holiday vouchers."""
        return isinstance(self.subject, Order) and self.x.request.query.get("on") == "phone"

    @property
    def holdings(self) -> Holdings:
        """Meal cards, wallets and cards of the sandbox."""
        world: Holdings = self.x.world.setups["lyra"].world
        return world

    @property
    def settings(self) -> LyraSettings:
        """The sandbox's settings."""
        settings: LyraSettings = self.x.settings
        return settings

    @property
    def is_open(self) -> bool:
        """Whether the shopper can act here."""
        return self.subject.is_open

    @property
    def currency(self) -> str:
        """Of the order; of a registration that names none, the euro."""
        if isinstance(self.subject, Token):
            return self.subject.opened.register.currency or "EUR"
        return self.subject.currency

    @property
    def amount(self) -> Money:
        """The whole order; nothing for a registration."""
        return Money(0 if isinstance(self.subject, Token) else self.subject.total, self.currency)

    @property
    def stored(self) -> e.Stored | None:
        """The card that the order's alias means. A payment that registers a card anew asks for it."""
        subject = self.subject
        if isinstance(subject, Token) or subject.head.alias is None:
            return None
        if subject.execution is not None and subject.execution.registers:
            return None
        return stored_by_alias(self.x.world, subject.head.alias)

    def say(self, key: str, **values: str) -> str:
        """A text in the shopper's language."""
        return texts.TEXTS.say(self.language, key, **values)

    def money(self, amount: Money) -> str:
        """An amount in the shopper's language."""
        return format_money(amount.minor, amount.currency, language_of(self.language))

    def example(self, amount: Money) -> str:
        """An amount as the shopper would type it."""
        return plain_amount(amount.minor, amount.currency, language_of(self.language))

    def most(self, kind: str) -> Money:
        """The most that a kind of tender can pay now, as the page tells it: no card without a limit of its own more."""
        assert isinstance(self.subject, Order), "nothing is paid at a registration"
        most = Money(issuers.most(self.subject, kind), self.currency)
        daily = self.daily if kind == "conecs" else None
        return most if daily is None else min(most, daily)

    @property
    def daily(self) -> Money | None:
        """What a meal card may spend on a day, where that is told in the order's currency."""
        ceiling = self.settings.daily_limit
        return ceiling if ceiling.currency == self.currency else None

    def methods(self) -> tuple[views.Method, ...]:
        """What can be paid with now; a card that is on file before another one."""
        order = self.subject
        if isinstance(order, Token) or not order.is_open:
            return ()
        found: list[views.Method] = []
        for kind in issuers.offered(order, self.settings):
            if kind in _TENDERS:
                tender, most = _TENDERS[kind], self.most(kind)
                part = most if most.minor < order.remaining else None
                found.append(views.Method(kind=tender, name=texts.method_name(kind, self.language), most=part))
                continue
            stored = self.stored
            if stored is not None:
                found.append(_stored_method(self, stored))
            found.append(views.Method(kind="card", name=texts.method_name("card", self.language), brands=BRANDS))
        return tuple(found)

    def chosen(self) -> views.Method | None:
        """The method that the form or the address names, or the only one."""
        offered = self.methods()
        wanted = self.form.get("method") or self.x.request.query.get("method", "")
        found = next((each for each in offered if each.id == wanted), None)
        return offered[0] if found is None and len(offered) == 1 else found

    def common(self) -> dict[str, Any]:
        """What every page knows."""
        world = self.x.world
        return {
            "language": self.language,
            "sandbox": world.name,
            "scenario": world.scenario.title,
            "errors": self.errors,
            "merchant": self.settings.merchant_name,
        }

    def about(self) -> dict[str, Any]:
        """The same for pages about the order."""
        subject = self.subject
        return {
            **self.common(),
            "reference": subject.ref if isinstance(subject, Token) else subject.head.reference,
            "amount": self.amount,
            "post_url": self.here,
            "legs": () if isinstance(subject, Token) else _legs(self, subject.shares),
            "embedded": self.embedded,
        }

    def watched(self) -> dict[str, str]:
        """By what an open page finds out that it has changed."""
        url = links.page_query(links.PROGRESS, self.at.page, self.at.secret)
        return {"status": progress(self.subject), "status_url": url}

    def open(self) -> dict[str, Any]:
        """The same for pages on which the shopper can act."""
        until = ""
        if self.at.expires is not None:
            expires, now = self.at.expires.astimezone(paris()), self.x.world.clock.now().astimezone(paris())
            until = f"{expires:%H:%M}" if expires.date() == now.date() else f"{expires:%d/%m/%Y %H:%M}"
        return {**self.about(), **self.watched(), "cancel_url": self.here, "open_until": until}


def progress(subject: Order | Token) -> str:
    """A word that changes whenever the page would look different."""
    if subject.ended:
        return subject.ended
    waits = "bank" if subject.challenge is not None else "open"
    shares = 0 if isinstance(subject, Token) else len(subject.shares)
    return f"{waits}-{shares}-{subject.refusals}"


def _stored_method(visit: Visit, stored: e.Stored) -> views.Method:
    brand = stored.instrument.scheme
    return views.Method(
        kind="stored",
        name=texts.method_name("card", visit.language, brand),
        brand=brand,
        last_four=stored.instrument.masked[-4:],
    )


def _leg(visit: Visit, instrument: e.Instrument, amount: int) -> views.Leg:
    kind = _TENDERS.get(instrument.kind, "card")
    brand = instrument.scheme if kind == "card" else ""
    return views.Leg(
        kind=kind,
        name=texts.method_name(kind, visit.language, brand),
        brand=brand,
        last_four="" if kind == "cv_connect" else instrument.masked[-4:],
        amount=Money(amount, visit.currency),
    )


class _Paid(NamedTuple):
    instrument: e.Instrument
    amount: int


def _legs(visit: Visit, shares: Iterable[e.ShareAuthorised | _Paid]) -> tuple[views.Leg, ...]:
    return tuple(_leg(visit, each.instrument, each.amount) for each in shares)


def _paid_legs(visit: Visit, order: Order) -> tuple[views.Leg, ...]:
    """What paid an order; installments of a card are one share."""
    if order.shares:
        return _legs(visit, order.shares)
    sums: dict[e.Instrument, int] = {}
    for each in order.transactions:
        sums[each.instrument] = sums.get(each.instrument, 0) + each.initial
    return _legs(visit, (_Paid(instrument, amount) for instrument, amount in sums.items()))


# -- pages -----------------------------------------------------------------------------------------------------------


def draw(visit: Visit) -> views.View:
    """The view of an order or a registration as it stands."""
    if visit.on_phone and isinstance(visit.subject, Order):
        return app(visit, visit.subject)
    if not visit.is_open:
        return result(visit)
    if visit.subject.challenge is not None:
        return bank(visit, visit.subject.challenge.instrument)
    if isinstance(visit.subject, Token):
        return registration(visit)
    method = visit.chosen()
    if method is None:
        return views.PaymentView(**visit.open(), methods=visit.methods())
    asked = visit.asked
    if method.kind == "cv_connect" and asked is not None and not visit.errors:
        if asked.after == visit.subject.refusals:
            return portal(visit, visit.subject, asked)
        visit.errors = (FieldError("", visit.say("problem_cv_connect_refused")),)
    return form(visit, visit.subject, method)


def form(visit: Visit, order: Order, method: views.Method) -> views.View:
    """The form of one way to pay."""
    shown = visit.open() | {
        "post_url": f"{visit.here}&method={method.id}",
        "back_url": visit.here if len(visit.methods()) > 1 else "",
    }
    typed = visit.form.get("amount", "")
    match method.kind:
        case "conecs":
            return views.ConecsView(
                **shown | {"test_data": _meal_cards(visit)},
                eligible=Money(issuers.eligible(order), order.currency),
                most=visit.most("conecs"),
                daily=visit.daily,
                expiry=visit.form.get("expiry", ""),
                typed=typed,
            )
        case "cv_connect":
            return views.CvConnectView(
                **shown | {"test_data": _wallets(visit)},
                most=visit.most("cv_connect"),
                beneficiary=visit.form.get("beneficiary", ""),
                typed=typed,
            )
        case "stored":
            return views.CardView(**shown, stored=method, attempts_left=_attempts_left(visit))
        case _:
            return _card_form(visit, shown)


def portal(visit: Visit, order: Order, asked: Asked) -> views.PortalView:
    """The shopper's first device, while the app is waited for."""
    here = f"{visit.here}&{asked.query}"
    return views.PortalView(
        **visit.open() | {"post_url": here, "back_url": f"{visit.here}&method=cv_connect"},
        phone_url=f"{visit.x.origin}{here}&on=phone",
        beneficiary=asked.beneficiary,
        share=_share(visit, order, asked),
    )


def app(visit: Visit, order: Order) -> views.AppView | views.AppDoneView:
    """The app: the question as long as it stands, then what became of it."""
    asked = visit.asked
    shown = visit.about() | visit.watched()
    stands = asked is not None and asked.after == order.refusals and order.challenge is None
    if asked is None or not stands or "cv_connect" not in {each.kind for each in visit.methods()}:
        paid = next((each.amount for each in order.shares if each.instrument.kind == "cv_connect"), 0)
        return views.AppDoneView(**shown, paid=Money(paid, visit.currency), go_on_url=visit.here)
    wallet = visit.holdings.wallet(asked.beneficiary)
    share = _share(visit, order, asked)
    ledger = visit.x.world.ledger
    balance = share.zero if wallet is None else ledger.balance(wallet.account, wallet.balance.currency)
    target = f"{visit.here}&{asked.query}&on=phone"
    return views.AppView(**shown | {"post_url": target}, beneficiary=asked.beneficiary, balance=balance, share=share)


def _share(visit: Visit, order: Order, asked: Asked) -> Money:
    if asked.amount is not None:
        return Money(asked.amount, visit.currency)
    means = c.Means(kind="cv_connect", number=asked.beneficiary)
    return Money(issuers.spendable(order, means, visit.x.world.moment("lyra")), visit.currency)


def registration(visit: Visit) -> views.View:
    """The form that registers a card and pays nothing."""
    return _card_form(visit, visit.open() | {"registering": True})


def _card_form(visit: Visit, shown: dict[str, Any]) -> views.View:
    return views.CardView(
        **shown | {"test_data": _cards(visit)},
        brands=BRANDS,
        attempts_left=_attempts_left(visit),
        expiry=visit.form.get("expiry", ""),
        holder=visit.form.get("holder", ""),
    )


def _attempts_left(visit: Visit) -> int | None:
    """How often the shopper may still try; told once something was refused."""
    refusals = visit.subject.refusals
    return visit.settings.extra_attempts + 1 - refusals if refusals else None


def bank(visit: Visit, card: e.Instrument) -> views.ChallengeView:
    """The bank's page about the card that is to pay, or to be registered."""
    local = visit.x.world.clock.now().astimezone(paris())
    paying = visit.subject.challenge
    amount = Money(paying.amount, visit.currency) if isinstance(paying, e.ChallengeRaised) else None
    datum = TestDatum(
        label=visit.say("bank_brand"),
        value=issuers.CODE,
        effect=visit.say("test_data_code"),
        fills={"code": issuers.CODE},
    )
    return views.ChallengeView(
        **visit.common() | visit.watched(),
        post_url=visit.here,
        cancel_url=visit.here,
        amount=amount,
        card_name=texts.brand_name(card.scheme),
        last_four=card.masked[-4:],
        at=f"{local:%d/%m/%Y %H:%M}",
        embedded=visit.embedded,
        test_data=(datum,),
    )


def way(visit: Visit) -> returning.Way:
    """Where the browser goes from a page that has ended."""
    if isinstance(visit.subject, Token):
        return returning.of_token(visit.subject, visit.holdings, visit.settings)
    return returning.of_order(visit.subject, visit.holdings, visit.settings)


def result(visit: Visit) -> views.ResultView:
    """How it ended. By POST the way to the shop leads over a page of its own."""
    subject, back = visit.subject, way(visit)
    outcome = _OUTCOMES.get(subject.ended, "expired")
    shown, given_back = visit.about(), False
    if isinstance(subject, Order):
        shown["legs"] = _paid_legs(visit, subject) if outcome == "paid" else _legs(visit, subject.reversed)
        given_back = outcome != "paid" and bool(shown["legs"])
    by_post = links.page_query(links.RETURN, visit.at.page, visit.at.secret)
    return views.ResultView(
        **shown,
        outcome=outcome,
        returned=given_back,
        registered=isinstance(subject, Token),
        return_url=by_post if back.fields else back.address,
        return_text=back.text,
    )


# -- test data -------------------------------------------------------------------------------------------------------


def _short(expiry: str) -> str:
    month, _, year = (expiry or EXPIRY).partition("/")
    return f"{month}/{year[-2:]}"


def _card_datum(label: str, card: MealCard | WorldCard, told: str) -> TestDatum:
    expiry, cvv = _short(card.expiry), card.cvv or CVV
    return TestDatum(
        label=label,
        value=card.number,
        effect=f"{expiry} · {cvv} · {told}",
        fills={"number": card.number, "expiry": expiry, "cvv": cvv},
    )


def _meal_cards(visit: Visit) -> tuple[TestDatum, ...]:
    return tuple(_meal_card(visit, each) for each in visit.holdings.meal_cards.values())


def _meal_card(visit: Visit, card: MealCard) -> TestDatum:
    world = visit.x.world
    funds = issuers.funds_of(card, world.ledger, world.clock.now(), visit.settings)
    told = visit.say("test_data_limit", balance=visit.money(funds.balance), limit=visit.money(funds.today))
    if card.answers == "refuses":
        told = visit.say("test_data_refused", reason=card.reason)
    most = min(funds.balance, funds.today)
    title = card.title or datum_title(texts.TEXTS, visit.language, card.answers, most, visit.most("conecs"))
    return _card_datum(title, card, told)


def _wallets(visit: Visit) -> tuple[TestDatum, ...]:
    return tuple(_wallet(visit, each) for each in visit.holdings.wallets.values())


def _wallet(visit: Visit, wallet: Wallet) -> TestDatum:
    balance = visit.x.world.ledger.balance(wallet.account, wallet.balance.currency)
    told = visit.say("test_data_balance", balance=visit.money(balance))
    if wallet.answers == "refuses":
        told = visit.say("test_data_refused", reason=wallet.reason)
    return TestDatum(
        label=wallet.title
        or datum_title(texts.TEXTS, visit.language, wallet.answers, balance, visit.most("cv_connect")),
        value=wallet.beneficiary,
        effect=told,
        fills={"beneficiary": wallet.beneficiary},
    )


_SHOWN = 12
"""So many test cards stand beside a form; all of them are in the scenario."""


def _cards(visit: Visit) -> tuple[TestDatum, ...]:
    """Of cards of one brand that do the same, the first is shown."""
    own = visit.holdings
    rows: dict[tuple[str, str], TestDatum] = {}
    for card in own.cards.values():
        label, effect = card.title or texts.brand_name(scheme_of(card.number, own)), _effect(visit, card)
        rows.setdefault((label, effect), _card_datum(label, card, effect))
    return tuple(islice(rows.values(), _SHOWN))


def _effect(visit: Visit, card: WorldCard) -> str:
    if card.answers == "refuses":
        return visit.say("test_data_refused", reason=card.reason)
    return visit.say("test_data_accepted" if card.three_ds == "none" else "test_data_challenge")
