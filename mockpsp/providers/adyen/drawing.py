"""What a hosted page shows: the view of a session or payment link as it stands, and the test data that works here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from mockpsp.domain.clock import paris
from mockpsp.domain.money import Money
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.texts import datum_title, first_choice, format_money, language_of
from mockpsp.edge.views import FieldError, Outcome, TestDatum
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen import issuers, links, methods, stored_wire, texts, tokens, views
from mockpsp.providers.adyen.beneficiaries import ANCV
from mockpsp.providers.adyen.holdings import MEAL_VOUCHER, GiftCard, Holdings, MealVoucher, brand_of
from mockpsp.providers.adyen.issuers import PASSWORD, USER, Funds, spendable
from mockpsp.providers.adyen.states import CheckoutStage, Payment, Purchase, Status

_OUTCOMES: dict[CheckoutStage, Outcome] = {
    CheckoutStage.COMPLETED: "paid",
    CheckoutStage.EXPIRED: "expired",
    CheckoutStage.CANCELLED: "cancelled",
}


def locale_of(x: Exchange, own: str) -> str:
    """The merchant's locale, else the browser's."""
    return own or first_choice(x.request.headers.get("Accept-Language", ""))


def locale_for(x: Exchange, purchase: Purchase) -> str:
    """The locale of the session or link.

    A session without one has en-US, as Adyen's answer to it says; a link without one, or a payment of the merchant's
    own page, has the browser's (inferred).
    """
    if purchase.session is not None:
        return locale_of(x, purchase.session.locale)
    asked = purchase.link.echo.get("shopperLocale", "") if purchase.link is not None else ""
    return locale_of(x, asked if isinstance(asked, str) else "")


class Visit:
    """One look at a page: the purchase behind the link, what the browser sent, and what every view shows."""

    def __init__(self, x: Exchange, purchase: Purchase) -> None:
        self.x = x
        self.purchase = purchase
        self.form: dict[str, str] = {}
        self.errors: tuple[FieldError, ...] = ()
        head = purchase.session or purchase.link
        assert head is not None, "only sessions and links have a page"
        self.head = head
        self.language = locale_for(x, purchase)
        self.here = links.checkout_page(purchase, "")

    @property
    def holdings(self) -> Holdings:
        """Vouchers and cards of the sandbox."""
        world: Holdings = self.x.world.setups["adyen"].world
        return world

    @property
    def remaining(self) -> Money:
        """What is left to pay."""
        order = self.purchase.open_order
        return self.purchase.remaining(order) if order is not None else self.purchase.total

    def say(self, key: str, **values: str) -> str:
        """A text in the shopper's language."""
        return texts.TEXTS.say(self.language, key, **values)

    def money(self, amount: Money) -> str:
        """An amount in the shopper's language."""
        return format_money(amount.minor, amount.currency, language_of(self.language))

    def methods(self) -> tuple[views.Method, ...]:
        """What can be paid with here, stored cards first; holiday vouchers pay only in a shop's own page."""
        settings = self.x.settings
        offered = methods.offered(
            settings, country=self.head.country, currency=self.purchase.total.currency, locale=self.language
        )
        echo = self.head.echo
        kept = methods.filtered(offered, echo.get("allowedPaymentMethods"), echo.get("blockedPaymentMethods"))
        found = tuple(self._method(each) for each in kept if each["type"] != ANCV)
        brands = {brand for each in found for brand in each.brands}
        cards = (each for each in self.stored() if each.instrument.brand in brands)
        return (*(self._stored(each) for each in cards), *found)

    def stored(self) -> tuple[e.DetailsStored, ...]:
        """The cards that the shopper has stored, if the merchant says who that is."""
        return tuple(stored_wire.cards_of(self.x.world, self.head.shopper_reference))

    def _stored(self, card: e.DetailsStored) -> views.Method:
        means = card.instrument
        name = texts.method_name("scheme", means.brand, self.language)
        return views.Method(
            kind="stored", type="scheme", brand=means.brand, name=name, token=card.token, last_four=means.last_four
        )

    def _method(self, offered: Any) -> views.Method:
        type_, brand = offered["type"], offered.get("brand", "")
        kind: views.Kind = "card"
        if type_.startswith(MEAL_VOUCHER):
            kind, type_, brand = "meal_voucher", MEAL_VOUCHER, type_
        elif type_ == "giftcard":
            kind = "gift_card"
        name = texts.method_name(type_, brand, self.language)
        return views.Method(kind=kind, type=type_, brand=brand, name=name, brands=tuple(offered.get("brands", ())))

    def chosen(self) -> views.Method | None:
        """The method that the form or the address names, or the only one."""
        offered = self.methods()
        wanted = self.form.get("method") or self.x.request.query.get("method", "")
        found = next((each for each in offered if each.id == wanted), None)
        return offered[0] if found is None and len(offered) == 1 else found

    def common(self) -> dict[str, Any]:
        """What every page about a purchase shows."""
        purchase, world = self.purchase, self.x.world
        return {
            "language": self.language,
            "sandbox": world.name,
            "scenario": world.scenario.title,
            "errors": self.errors,
            "status": progress(purchase),
            "status_url": f"{self.here}/progress",
            "merchant": self.x.settings.merchant_name,
            "reference": purchase.reference,
            "amount": purchase.total,
            "post_url": self.here,
            "description": purchase.link.description if purchase.link is not None else "",
            "legs": legs(self),
        }

    def open(self) -> dict[str, Any]:
        """The same for pages on which something can be paid."""
        expires, now = self.head.expires.astimezone(paris()), self.x.world.clock.now().astimezone(paris())
        until = f"{expires:%H:%M}" if expires.date() == now.date() else f"{expires:%d/%m/%Y %H:%M}"
        paid = bool(legs(self))
        leave = bool(links.followed(self.head.return_url)) or self.purchase.session is not None
        return {
            **self.common(),
            "open_until": until,
            "cancel_url": self.here if leave else "",
            "returned_on_cancel": paid,
        }


def progress(purchase: Purchase) -> str:
    """A word that changes whenever the page would look different."""
    last = purchase.payments[-1].status.value if purchase.payments else "new"
    return f"{purchase.stage.value}-{len(purchase.payments)}-{len(purchase.orders)}-{last}".replace(" ", "-")


def legs(visit: Visit) -> tuple[views.Leg, ...]:
    """The shares that are paid, of the present round."""
    return tuple(_leg(visit, each) for each in visit.purchase.round if each.status is Status.AUTHORISED)


_KINDS: dict[str, views.Kind] = {"meal_voucher": "meal_voucher", "gift_card": "gift_card"}


def _leg(visit: Visit, paid: Payment) -> views.Leg:
    means = paid.instrument
    type_ = {"meal_voucher": MEAL_VOUCHER, "gift_card": "giftcard"}.get(means.kind, "scheme")
    kind: views.Kind = (
        "meal_voucher" if means.kind == "meal_voucher" else "gift_card" if means.kind == "gift_card" else "card"
    )
    name = texts.method_name(type_, means.brand, visit.language)
    return views.Leg(kind=kind, name=name, amount=paid.amount, brand=means.brand, last_four=means.last_four)


def draw(visit: Visit) -> views.View:
    """The view of a purchase as it stands."""
    purchase = visit.purchase
    if purchase.stage is not CheckoutStage.ACTIVE or any(each.pending for each in purchase.round):
        return result(visit)
    method = visit.chosen()
    if method is None:
        return views.PaymentView(**visit.open(), methods=visit.methods(), remove_url=visit.here)
    if method.kind in ("card", "stored"):
        return card_view(visit, method)
    return voucher_view(visit, method)


def card_view(visit: Visit, method: views.Method) -> views.CardView:
    """The card form, or that of a stored card."""
    target = f"{visit.here}?{urlencode({'method': method.id})}"
    echo = visit.head.echo
    asks = method.kind == "card" and echo.get("storePaymentMethodMode") == "askForConsent"
    forgets = method.kind == "stored" and echo.get("showRemovePaymentMethodButton", True)
    return views.CardView(
        **visit.open() | {"post_url": target, "test_data": _cards(visit, method)},
        asks_to_keep=asks and bool(visit.head.shopper_reference),
        keeps=visit.form.get("keep") == "yes",
        forget_url=visit.here if forgets else "",
        method=method,
        expiry=visit.form.get("expiry", ""),
        holder=visit.form.get("holder", ""),
        back_url=visit.here if len(visit.methods()) > 1 else "",
    )


def voucher_view(visit: Visit, method: views.Method, checked: views.Checked | None = None) -> views.VoucherView:
    """The form of a voucher or gift card, or what its balance check found."""
    target = f"{visit.here}?{urlencode({'method': method.id})}"
    data = () if checked is not None else _vouchers(visit, method)
    return views.VoucherView(
        **visit.open() | {"post_url": target, "test_data": data},
        method=method,
        checked=checked,
        expiry=visit.form.get("expiry", ""),
        back_url=visit.here if len(visit.methods()) > 1 else "",
        again_url=target,
    )


def check(visit: Visit, means: c.MeansInput, typed: str) -> views.Checked | str:
    """What the balance check finds, or the key of the text that says why it cannot be used."""
    moment = visit.x.world.moment("adyen")
    found = issuers.check_balance(means, visit.remaining, moment)
    if found.result == "Failed":
        return "problem_balance_card"
    if found.funds.balance.currency != visit.remaining.currency:
        return "problem_balance_currency"
    if found.funds.balance.minor <= 0:
        return "problem_balance_empty"
    if found.funds.limit is not None and found.funds.limit.minor <= 0:
        return "problem_balance_limit"
    take = spendable(means, visit.remaining, moment)
    return views.Checked(
        balance=found.funds.balance,
        limit=found.funds.limit,
        take=take,
        token=tokens.seal(visit.purchase.secret, f"{take.minor}|{typed}"),
        last_four=means.number[-4:],
    )


def _cards(visit: Visit, method: views.Method) -> tuple[TestDatum, ...]:
    if method.kind == "stored":
        label, code = texts.TEXTS.say(visit.language, "card_cvv"), "7373" if method.brand == "amex" else "737"
        return (TestDatum(label=label, value=code, effect=visit.say("test_data_accepted"), fills={"cvc": code}),)
    return tuple(
        TestDatum(
            label=each.title or texts.method_name("scheme", each.brand, visit.language),
            value=each.number,
            effect=f"{_short(each.expiry)} · {each.code or '737'} · {_effect(visit, each)}",
            fills={
                "number": each.number,
                "holder": "CAMILLE MARTIN",
                "expiry": _short(each.expiry),
                "cvc": each.code or "737",
            },
        )
        for each in visit.holdings.cards.values()
        if brand_of(each.number, visit.holdings) in method.brands
    )


def _effect(visit: Visit, card: Any) -> str:
    if card.answers == "refuses":
        return visit.say("test_data_refused", reason=card.reason)
    return visit.say("test_data_challenge" if card.three_ds == "challenge" else "test_data_accepted")


def _short(expiry: str) -> str:
    month, _, year = (expiry or "03/2030").partition("/")
    return f"{month}/{year[-2:]}"


def _vouchers(visit: Visit, method: views.Method) -> tuple[TestDatum, ...]:
    own = visit.holdings
    if method.kind == "meal_voucher":
        return tuple(_voucher(visit, each) for each in own.vouchers.values() if each.brand == method.brand)
    return tuple(_gift_card(visit, each) for each in own.gift_cards.values() if each.brand == method.brand)


def _voucher(visit: Visit, voucher: MealVoucher) -> TestDatum:
    funds = issuers.funds_of_voucher(voucher, visit.x.world.moment("adyen"))
    told = visit.say("test_data_balance", balance=visit.money(funds.balance))
    if funds.limit is not None:
        told = visit.say("test_data_limit", balance=visit.money(funds.balance), limit=visit.money(funds.limit))
    if voucher.answers == "refuses":
        told = visit.say("test_data_refused", reason=voucher.reason)
    expiry, code = _short(voucher.expiry), voucher.code or "737"
    return TestDatum(
        label=voucher.title or _title(visit, voucher.answers, funds),
        value=voucher.number,
        effect=f"{expiry} · {code} · {told}",
        fills={"number": voucher.number, "expiry": expiry, "cvc": code},
    )


def _gift_card(visit: Visit, card: GiftCard) -> TestDatum:
    funds = issuers.funds_of_gift_card(card, visit.remaining.currency, visit.x.world.moment("adyen"))
    told = visit.say("test_data_balance", balance=visit.money(funds.balance))
    code = card.code or "100"
    return TestDatum(
        label=card.title or _title(visit, "accepts", funds),
        value=card.number,
        effect=f"{code} · {told}",
        fills={"number": card.number, "cvc": code},
    )


def _title(visit: Visit, answers: str, funds: Funds) -> str:
    """What a voucher or gift card does with this purchase."""
    most = funds.balance if funds.limit is None else min(funds.balance, funds.limit)
    return datum_title(texts.TEXTS, visit.language, answers, most, visit.remaining)


def result(visit: Visit, last: Payment | None = None) -> views.ResultView:
    """How it ended, or that a result is waited for. ``last`` is what completed an earlier round of a reusable link."""
    purchase = visit.purchase
    ended: Outcome = "paid" if last is not None else _OUTCOMES.get(purchase.stage, "pending")
    back = links.after_checkout(purchase, paid=ended == "paid") if ended != "pending" else ""
    given_back = tuple(_leg(visit, each) for each in purchase.payments if each.status is Status.ROLLED_BACK)
    shown = visit.common()
    if ended in ("cancelled", "expired") and given_back:
        shown["legs"] = given_back
    if last is not None:
        together = purchase.legs(last.started.order) if last.started.order else (last,)
        shown["legs"] = tuple(_leg(visit, each) for each in together if each.status is Status.AUTHORISED)
    return views.ResultView(
        **shown, outcome=ended, returned=bool(given_back) and ended in ("cancelled", "expired"), return_url=back
    )


def bank(x: Exchange, purchase: Purchase, payment: Payment, *, compact: bool) -> views.ChallengeView:
    """The bank's page about a payment."""
    language = locale_for(x, purchase)
    mark = f"?MD={links.md(x.world, payment)}"
    target = f"{links.ACS if compact else links.REDIRECT}{mark}"
    fills = {"password": PASSWORD} if compact else {"user": USER, "password": PASSWORD}
    datum = TestDatum(
        label=texts.TEXTS.say(language, "bank_brand"),
        value=PASSWORD if compact else f"{USER} / {PASSWORD}",
        effect=texts.TEXTS.say(language, "test_data_bank"),
        fills=fills,
    )
    local = x.world.clock.now().astimezone(paris())
    return views.ChallengeView(
        language=language,
        sandbox=x.world.name,
        scenario=x.world.scenario.title,
        merchant=x.settings.merchant_name,
        amount=payment.amount,
        post_url=target,
        cancel_url=target,
        card_name=texts.method_name("scheme", payment.instrument.brand, language),
        brand=payment.instrument.brand,
        last_four=payment.instrument.last_four,
        at=f"{local:%d/%m/%Y %H:%M}",
        compact=compact,
        test_data=(datum,),
    )
