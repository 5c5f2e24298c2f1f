"""One sample of every state of Adyen's pages, for the tests of the views and for the picture maker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.edge.texts import format_money, plain_amount
from mockpsp.edge.views import FieldError, Outcome, TestDatum
from mockpsp.providers.adyen import views as v
from mockpsp.providers.adyen.texts import TEXTS, method_name

SODEXO, BIMPLI, UP = "mealVoucher_FR_sodexo", "mealVoucher_FR_natixis", "mealVoucher_FR_groupeup"
BRANDS = ("visa", "mc", "cartebancaire", "amex")


def eur(minor: int) -> Money:
    """So many cents."""
    return Money(minor, "EUR")


class Samples:
    """Pages in one language; ``merchant``, ``reference`` and ``description`` may be hostile."""

    def __init__(
        self,
        language: str,
        merchant: str = "Le Bistrot des Halles",
        reference: str = "RESTO-1001",
        description: str = "Menu du midi, 3 couverts",
    ) -> None:
        self.language = language
        self.merchant = merchant
        self.reference = reference
        self.description = description

    def say(self, key: str, **values: str) -> str:
        """A text of the pages."""
        return TEXTS.say(self.language, key, **values)

    def money(self, minor: int) -> str:
        """So many cents as the pages write them."""
        return format_money(minor, "EUR", self.language)

    def error(self, field: str, key: str, **values: str) -> FieldError:
        """Something to put right."""
        return FieldError(field, self.say(key, **values))

    def method(self, kind: v.Kind, named: str, brand: str = "", brands: tuple[str, ...] = ()) -> v.Method:
        """A method with its name."""
        return v.Method(
            kind=kind, type=named, brand=brand, brands=brands, name=method_name(named, brand, self.language)
        )

    @property
    def sodexo(self) -> v.Method:
        """A meal voucher."""
        return self.method("meal_voucher", "mealVoucher_FR", SODEXO)

    @property
    def givex(self) -> v.Method:
        """A gift card."""
        return self.method("gift_card", "giftcard", "givex")

    @property
    def scheme(self) -> v.Method:
        """Cards."""
        return self.method("card", "scheme", brands=BRANDS)

    @property
    def stored(self) -> v.Method:
        """A card that the shopper has stored."""
        return v.Method(
            kind="stored", type="scheme", brand="visa", name="Visa", token="R4T2NX65KHQC5N7G", last_four="1111"
        )

    @property
    def methods(self) -> tuple[v.Method, ...]:
        """All that a French restaurant offers."""
        vouchers = [self.method("meal_voucher", "mealVoucher_FR", brand) for brand in (UP, BIMPLI, SODEXO)]
        return (*vouchers, self.givex, self.scheme)

    @property
    def legs(self) -> tuple[v.Leg, ...]:
        """A voucher and a gift card that paid their parts."""
        return (
            v.Leg(kind="meal_voucher", brand=SODEXO, name=self.sodexo.name, last_four="6120", amount=eur(2500)),
            v.Leg(kind="gift_card", brand="givex", name="Givex", last_four="0000", amount=eur(500)),
        )

    @property
    def visa(self) -> v.Leg:
        """A card that paid the rest."""
        return v.Leg(kind="card", brand="visa", name="Visa", last_four="1111", amount=eur(1350))

    def common(self) -> dict[str, Any]:
        """What every page knows."""
        return {"language": self.language, "sandbox": "default", "scenario": "Everything works"}

    def order(self) -> dict[str, Any]:
        """What every page about the purchase knows."""
        return self.common() | {
            "merchant": self.merchant,
            "reference": self.reference,
            "description": self.description,
            "amount": eur(4350),
            "post_url": "/post",
            "cancel_url": "/cancel",
            "open_until": "12:15",
        }

    def vouchers(self, *, gift: bool = False) -> tuple[TestDatum, ...]:
        """Test data beside the form of a voucher or a gift card."""
        if gift:
            fills = {"number": "6036280000000000000", "cvc": "100"}
            effect = f"100 · {self.say('test_data_balance', balance=self.money(5000))}"
            label = self.say("test_data_some", most=self.money(5000))
            return (TestDatum(label=label, value=fills["number"], effect=effect, fills=fills),)
        rows = (("5075990000006120", "737", 6120), ("5075990000001240", "737", 1240))
        good = [
            TestDatum(
                label=self.say("test_data_some", most=self.money(min(balance, 2500))),
                value=number,
                effect="03/30 · 737 · "
                + self.say("test_data_limit", balance=self.money(balance), limit=self.money(2500)),
                fills={"number": number, "expiry": "03/30", "cvc": code},
            )
            for number, code, balance in rows
        ]
        wrong = {"number": "5075990000006120", "expiry": "03/30", "cvc": "134"}
        effect = f"03/30 · 134 · {self.say('test_data_wrong_code')}"
        return (
            *good,
            TestDatum(label=self.say("test_data_refuses"), value=wrong["number"], effect=effect, fills=wrong),
        )

    def cards(self) -> tuple[TestDatum, ...]:
        """Test data beside the card form."""
        rows = (
            ("Visa", "4111111111111111", self.say("test_data_accepted")),
            ("Visa, 3-D Secure", "4917610000000000", self.say("test_data_challenge")),
        )
        return tuple(
            TestDatum(
                label=label,
                value=number,
                effect=f"03/30 · 737 · {effect}",
                fills={"number": number, "expiry": "03/30", "cvc": "737", "holder": "CAMILLE MARTIN"},
            )
            for label, number, effect in rows
        )

    def bank(self, *, compact: bool = False) -> tuple[TestDatum, ...]:
        """Test data beside the bank's form."""
        fills = {"password": "password"} if compact else {"user": "user", "password": "password"}
        value = " / ".join(fills.values())
        return (TestDatum(label=self.say("bank_brand"), value=value, effect=self.say("test_data_bank"), fills=fills),)

    def payment(self, **changes: Any) -> v.PaymentView:
        """The choice of a method."""
        return v.PaymentView(**self.order() | {"methods": self.methods} | changes)

    def voucher(self, **changes: Any) -> v.VoucherView:
        """The voucher's form."""
        common = {"method": self.sodexo, "test_data": self.vouchers(), "back_url": "/pay"}
        return v.VoucherView(**self.order() | common | changes)

    def checked(self, checked: v.Checked, **changes: Any) -> v.VoucherView:
        """What the balance check found."""
        return self.voucher(**{"checked": checked, "test_data": (), "again_url": "/again"} | changes)

    def card(self, **changes: Any) -> v.CardView:
        """The card form."""
        common = {"method": self.scheme, "test_data": self.cards(), "back_url": "/pay"}
        return v.CardView(**self.order() | common | changes)

    def result(self, outcome: str, **changes: Any) -> v.ResultView:
        """How it ended."""
        common = {"outcome": outcome, "return_url": "https://shop.example/back", "open_until": "", "post_url": ""}
        return v.ResultView(**self.order() | common | changes)

    def challenge(self, **changes: Any) -> v.ChallengeView:
        """The bank's page."""
        compact = changes.get("compact", False)
        return v.ChallengeView(
            **self.common()
            | {
                "merchant": self.merchant,
                "amount": eur(1850),
                "card_name": "Visa",
                "brand": "visa",
                "last_four": "0000",
                "at": "01/09/2026 12:04",
                "post_url": "/post",
                "cancel_url": "/post",
                "test_data": self.bank(compact=compact),
            }
            | changes
        )

    def app(self, **changes: Any) -> v.AppView:
        """ANCV's app."""
        common = {"amount": eur(18050), "beneficiary": "77777777777", "balance": eur(30000), "payable": eur(18050)}
        address = {"post_url": "/post", "cancel_url": "/post", "reference": self.reference, "merchant": self.merchant}
        return v.AppView(**self.common() | address | common | {"adjustable": True, "open_until": "12:15"} | changes)

    def app_done(self, outcome: Outcome, **changes: Any) -> v.AppDoneView:
        """What became of it there."""
        address = {"post_url": "/post", "reference": self.reference, "merchant": self.merchant}
        return v.AppDoneView(**self.common() | address | {"amount": eur(18050), "outcome": outcome} | changes)

    def closed(self, reason: v.ClosedReason, **changes: Any) -> v.ClosedView:
        """A link that leads nowhere."""
        return v.ClosedView(**self.common() | {"reason": reason} | changes)


def pages(samples: Samples) -> Mapping[str, v.View]:
    """Every state of every page that stands on its own, by name."""
    return dict(_paying(samples)) | dict(_ended(samples)) | dict(_bank(samples)) | dict(_app(samples))


def _app(s: Samples) -> Iterator[tuple[str, v.View]]:
    yield "ancv", s.app()
    example = plain_amount(18050, "EUR", s.language)
    wrong = s.error("amount", "problem_ancv_amount", example=example)
    yield "ancv-wrong-amount", s.app(errors=(wrong,), typed="x")
    yield "ancv-too-much", s.app(errors=(s.error("amount", "problem_ancv_most", amount=s.money(18050)),), typed="500")
    fixed = s.error("", "problem_ancv_fixed")
    yield "ancv-fixed", s.app(adjustable=False, balance=eur(1200), errors=(fixed,))
    yield "ancv-paid", s.app_done("paid", approved=eur(12000))
    for outcome in ("refused", "cancelled", "expired"):
        yield f"ancv-{outcome}", s.app_done(outcome)


def _paying(s: Samples) -> Iterator[tuple[str, v.View]]:
    paid = {"legs": s.legs, "remove_url": "/post", "returned_on_cancel": True}
    yield "payment", s.payment()
    yield "payment-nothing-chosen", s.payment(errors=(s.error("method", "problem_method"),))
    yield "payment-chosen-one", s.payment(methods=(s.scheme,), description="", open_until="", cancel_url="")
    yield "payment-rest", s.payment(**paid, chosen="scheme")
    yield "payment-rest-refused", s.payment(**paid, errors=(s.error("", "problem_card_refused"),))
    yield "payment-no-method", s.payment(methods=())
    yield "voucher", s.voucher()
    mistakes = (
        s.error("number", "problem_number"),
        s.error("expiry", "problem_expiry", example="12/30"),
        s.error("cvc", "problem_code"),
    )
    yield "voucher-mistakes", s.voucher(errors=mistakes, expiry="1/3")
    for what in ("card", "empty", "limit", "day"):
        yield f"voucher-{what}", s.voucher(errors=(s.error("", f"problem_balance_{what}"),), expiry="03/30")
    other = s.error("", "problem_balance_currency", currency="EUR")
    yield "gift-currency", s.voucher(method=s.givex, test_data=s.vouchers(gift=True), errors=(other,))
    pin = (s.error("number", "problem_number"), s.error("cvc", "problem_pin"))
    yield "gift", s.voucher(method=s.givex, test_data=s.vouchers(gift=True), legs=s.legs[:1])
    yield "gift-mistakes", s.voucher(method=s.givex, test_data=s.vouchers(gift=True), errors=pin)
    limited = v.Checked(balance=eur(6120), limit=eur(2500), take=eur(2500), token="t", last_four="6120")
    yield "checked-limited", s.checked(limited)
    changed = (s.error("", "problem_balance_changed"),)
    poor = v.Checked(balance=eur(1240), limit=eur(2500), take=eur(1240), token="t", last_four="1240")
    yield "checked-poor", s.checked(poor, legs=s.legs[1:], errors=changed)
    enough = v.Checked(balance=eur(5000), take=eur(1850), token="t", last_four="0000")
    yield "checked-covers", s.checked(enough, method=s.givex, legs=s.legs[:1])
    yield "card", s.card()
    yield "card-rest", s.card(legs=s.legs)
    yield "card-keep", s.card(asks_to_keep=True, keeps=True)
    yield "payment-stored", s.payment(methods=(s.stored, s.scheme))
    code = (s.error("cvc", "problem_code"),)
    yield "stored", s.card(method=s.stored, forget_url="/post", test_data=())
    yield "stored-mistake", s.card(method=s.stored, legs=s.legs, errors=code, test_data=())
    wrong = (
        s.error("number", "problem_card_number"),
        s.error("holder", "problem_holder"),
        s.error("expiry", "problem_expiry_past"),
        s.error("cvc", "problem_code"),
    )
    yield "card-mistakes", s.card(errors=wrong, expiry="01/20", holder="")
    yield "card-refused", s.card(legs=s.legs, errors=(s.error("", "problem_card_refused"),), holder="CAMILLE MARTIN")


def _ended(s: Samples) -> Iterator[tuple[str, v.View]]:
    yield "result-paid", s.result("paid", legs=(*s.legs, s.visa))
    yield "result-refused", s.result("refused", retry_url="/pay", legs=s.legs)
    yield "result-refused-for-good", s.result("refused", legs=s.legs, returned=True)
    yield "result-cancelled", s.result("cancelled")
    yield "result-cancelled-returned", s.result("cancelled", legs=s.legs, returned=True)
    yield "result-expired", s.result("expired", legs=s.legs, returned=True, return_url="")
    yield (
        "result-pending",
        s.result("pending", return_url="", post_url="/pay", status_url="/progress", status="pending"),
    )
    yield "closed-unknown", s.closed("unknown", sandbox="", scenario="")
    yield "closed-expired", s.closed("expired", merchant=s.merchant, return_url="https://shop.example/")
    yield "closed-nowhere", s.closed("nowhere")
    yield "closed-paid", s.closed("paid", return_url="https://shop.example/")


def _bank(s: Samples) -> Iterator[tuple[str, v.View]]:
    empty = (s.error("user", "problem_user"), s.error("password", "problem_password"))
    yield "bank", s.challenge()
    yield "bank-mistakes", s.challenge(errors=empty)
    yield "bank-wrong", s.challenge(errors=(s.error("", "problem_login"),), user="user", test_data=())


def frames(samples: Samples) -> Mapping[str, v.View]:
    """Every state of every page that lives in a frame of a shop's page, by name."""
    s = samples
    told: dict[str, v.View] = {
        f"told-{outcome}": v.ToldView(**s.common(), kind="challenge", outcome=outcome)  # type: ignore[arg-type]
        for outcome in "YNU"
    }
    return {
        "frame": s.challenge(compact=True),
        "frame-mistake": s.challenge(compact=True, errors=(s.error("password", "problem_password"),), cancel_url=""),
        **told,
        "fingerprint": v.ToldView(**s.common(), kind="fingerprint"),
    }
