"""One sample of every state of Lyra's pages, for the tests of the views and for the picture maker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.edge.texts import format_money
from mockpsp.edge.views import FieldError, TestDatum
from mockpsp.providers.lyra import texts
from mockpsp.providers.lyra import views as v

SHOP = "https://shop.example/back"


def eur(minor: int) -> Money:
    """Euros by their cents."""
    return Money(minor, "EUR")


class Samples:
    """Views with made-up data, in one language."""

    def __init__(self, language: str, *, merchant: str = "Gîte & Table du Vercors", reference: str = "VERC-2026-0417"):
        self.language = language
        self.merchant = merchant
        self.reference = reference

    def say(self, key: str, **values: object) -> str:
        """One text in this language."""
        return texts.TEXTS.say(self.language, key, **values)

    def money(self, minor: int) -> str:
        """Euros as this language writes them."""
        return format_money(minor, "EUR", self.language)

    def error(self, field: str, key: str, **values: object) -> FieldError:
        """A problem with a field, or with the page."""
        return FieldError(field, self.say(key, **values))

    def name(self, kind: str, brand: str = "") -> str:
        """What the shopper calls a means of payment."""
        return texts.method_name(kind, self.language, brand)

    @property
    def methods(self) -> tuple[v.Method, ...]:
        """Everything that may be on offer."""
        return (
            v.Method(kind="conecs", name=self.name("conecs"), most=eur(1900)),
            v.Method(kind="cv_connect", name=self.name("cv_connect"), most=eur(3000)),
            self.stored,
            v.Method(kind="card", name=self.name("card"), brands=("CB", "VISA", "MASTERCARD")),
        )

    @property
    def stored(self) -> v.Method:
        """A card that was registered before."""
        return v.Method(kind="stored", name=self.name("card", "VISA"), brand="VISA", last_four="0000")

    @property
    def legs(self) -> tuple[v.Leg, ...]:
        """Two voucher shares."""
        return (
            v.Leg(kind="conecs", name=self.name("conecs"), last_four="4321", amount=eur(1900)),
            v.Leg(kind="cv_connect", name=self.name("cv_connect"), amount=eur(3000)),
        )

    @property
    def visa(self) -> v.Leg:
        """A card that paid the rest."""
        return v.Leg(kind="card", brand="VISA", name="Visa", last_four="0009", amount=eur(3100))

    def common(self) -> dict[str, Any]:
        """What every page knows."""
        return {"language": self.language, "sandbox": "default", "scenario": "Everything works"}

    def order(self) -> dict[str, Any]:
        """What every page about the order knows."""
        return self.common() | {
            "merchant": self.merchant,
            "reference": self.reference,
            "amount": eur(8000),
            "post_url": "/post",
            "cancel_url": "/cancel",
            "open_until": "12:15",
        }

    def datum(self, label: str, value: str, effect: str, **fills: str) -> TestDatum:
        """A row of test data."""
        return TestDatum(label=label, value=value, effect=effect, fills=fills)

    def vouchers(self) -> tuple[TestDatum, ...]:
        """Test data beside the form of a meal voucher card."""
        effect = "12/30 · 123 · " + self.say("test_data_limit", balance=self.money(12000), limit=self.money(1900))
        refused = "12/30 · 999 · " + self.say("test_data_refused", reason="51")
        label = self.say("test_data_some", most=self.money(1900))
        return (
            self.datum(label, "9250040000004321", effect, number="9250040000004321", expiry="12/30", cvv="123"),
            self.datum(
                self.say("test_data_refuses"),
                "9250040000001240",
                refused,
                number="9250040000001240",
                expiry="12/30",
                cvv="999",
            ),
        )

    def accounts(self) -> tuple[TestDatum, ...]:
        """Test data beside the form of holiday vouchers."""
        effect = self.say("test_data_balance", balance=self.money(15000))
        return (self.datum(self.say("test_data_all"), "12345678901", effect, beneficiary="12345678901"),)

    def cards(self) -> tuple[TestDatum, ...]:
        """Test data beside the card form."""
        rows = (
            ("Visa", "4970100000000000", self.say("test_data_accepted")),
            ("Visa, 3-D Secure", "4970100000000009", self.say("test_data_challenge")),
            ("Mastercard", "5970100300000098", self.say("test_data_refused", reason="61")),
        )
        return tuple(
            self.datum(label, number, f"12/30 · 123 · {effect}", number=number, expiry="12/30", cvv="123")
            for label, number, effect in rows
        )

    def codes(self) -> tuple[TestDatum, ...]:
        """Test data beside the bank's form."""
        return (self.datum(self.say("bank_brand"), "1234", self.say("test_data_code"), code="1234"),)

    def payment(self, **changes: Any) -> v.PaymentView:
        """The choice of a way to pay."""
        return v.PaymentView(**self.order() | {"methods": self.methods} | changes)

    def conecs(self, **changes: Any) -> v.ConecsView:
        """The form of a meal voucher card."""
        common = {"eligible": eur(2140), "daily": eur(1900), "most": eur(1900)}
        return v.ConecsView(**self.order() | common | {"test_data": self.vouchers(), "back_url": "/pay"} | changes)

    def cv_connect(self, **changes: Any) -> v.CvConnectView:
        """The form of holiday vouchers."""
        common = {"most": eur(3000), "test_data": self.accounts(), "back_url": "/pay"}
        return v.CvConnectView(**self.order() | common | changes)

    def portal(self, **changes: Any) -> v.PortalView:
        """The computer waits for the phone."""
        phone = (
            f"http://localhost:8080/vads-payment/exec.refresh.a;jsessionid={'0a' * 12}.vadpayment01?cacheId={'1' * 21}"
        )
        common = {"phone_url": f"{phone}&on=phone", "beneficiary": "77777777777", "share": eur(3000)}
        return v.PortalView(**self.order() | common | {"back_url": "/pay"} | changes)

    def phone(self) -> dict[str, Any]:
        """What the app knows of the order."""
        return self.order() | {"cancel_url": "", "open_until": ""}

    def app(self, **changes: Any) -> v.AppView:
        """The app asks."""
        common = {"beneficiary": "77777777777", "balance": eur(15000), "share": eur(3000)}
        return v.AppView(**self.phone() | common | changes)

    def connected(self, **changes: Any) -> v.AppDoneView:
        """The app has its answer."""
        return v.AppDoneView(**self.phone() | {"paid": eur(3000), "go_on_url": "/pay"} | changes)

    def card(self, **changes: Any) -> v.CardView:
        """The card form."""
        common = {"brands": ("CB", "VISA", "MASTERCARD", "MAESTRO"), "test_data": self.cards(), "back_url": "/pay"}
        return v.CardView(**self.order() | common | changes)

    def register(self, **changes: Any) -> v.CardView:
        """The registration of a card."""
        return self.card(**{"registering": True, "amount": eur(0), "back_url": ""} | changes)

    def challenge(self, **changes: Any) -> v.ChallengeView:
        """The bank's page."""
        common = {
            "merchant": self.merchant,
            "amount": eur(3100),
            "card_name": "Visa",
            "last_four": "0009",
            "at": "01/09/2026 12:04",
            "post_url": "/post",
            "cancel_url": "/post",
            "test_data": self.codes(),
        }
        return v.ChallengeView(**self.common() | common | changes)

    def result(self, outcome: v.Outcome, **changes: Any) -> v.ResultView:
        """How it ended."""
        common = {"outcome": outcome, "return_url": SHOP, "open_until": "", "post_url": "", "cancel_url": ""}
        return v.ResultView(**self.order() | common | changes)

    def returning(self, **changes: Any) -> v.ReturnView:
        """The way back by POST."""
        fields = (("vads_trans_status", "AUTHORISED"), ("vads_order_id", self.reference), ("submit", "<&\"'>"))
        common = {"merchant": self.merchant, "return_url": SHOP, "fields": fields}
        return v.ReturnView(**self.common() | common | changes)

    def closed(self, reason: v.ClosedReason, **changes: Any) -> v.ClosedView:
        """A link that leads nowhere."""
        return v.ClosedView(**self.common() | {"reason": reason} | changes)


def pages(samples: Samples) -> Mapping[str, v.View]:
    """Every state of every page that stands on its own, by name."""
    return dict(_vouchers(samples)) | dict(_cards(samples)) | dict(_ended(samples))


def _vouchers(s: Samples) -> Iterator[tuple[str, v.View]]:
    yield "payment", s.payment()
    yield "payment-nothing-chosen", s.payment(errors=(s.error("method", "problem_method"),))
    yield "payment-rest", s.payment(legs=s.legs, methods=s.methods[2:], chosen="stored")
    yield (
        "payment-refused",
        s.payment(legs=s.legs[:1], methods=s.methods[1:], errors=(s.error("", "problem_card_refused"),)),
    )
    yield "payment-only-card", s.payment(methods=s.methods[3:], open_until="", cancel_url="")
    yield "payment-no-method", s.payment(methods=())
    yield "conecs", s.conecs()
    mistakes = (
        s.error("number", "problem_number"),
        s.error("expiry", "problem_expiry", example="12/30"),
        s.error("cvv", "problem_cvv"),
        s.error("amount", "problem_amount", example="12,50" if s.language == "fr-FR" else "12.50"),
    )
    yield "conecs-mistakes", s.conecs(errors=mistakes, expiry="1/3", typed="douze")
    yield "conecs-limit", s.conecs(errors=(s.error("", "problem_conecs_limit"),), expiry="12/30", typed="19")
    too_much = (s.error("amount", "problem_amount_most", amount=s.money(1900)),)
    yield "conecs-rest", s.conecs(amount=eur(4900), legs=s.legs[1:], errors=too_much, typed="60", daily=None)
    yield "conecs-all", s.conecs(amount=eur(1450), eligible=eur(1450), most=eur(1450))
    yield "cv-connect", s.cv_connect()
    wrong = (s.error("beneficiary", "problem_beneficiary"),)
    yield "portal", s.portal()
    yield "app", s.app()
    yield "app-short", s.app(balance=eur(1200), errors=(s.error("", "problem_amount_most", amount=s.money(1200)),))
    yield "app-paid", s.connected()
    yield "app-declined", s.connected(paid=eur(0))
    yield "cv-connect-mistake", s.cv_connect(legs=s.legs[:1], errors=wrong, beneficiary="1234", typed="12")


def _cards(s: Samples) -> Iterator[tuple[str, v.View]]:
    yield "card", s.card()
    yield "card-rest", s.card(legs=s.legs)
    wrong = (
        s.error("number", "problem_number"),
        s.error("expiry", "problem_expiry_past"),
        s.error("cvv", "problem_cvv"),
    )
    yield "card-mistakes", s.card(errors=wrong, expiry="01/20", holder="CAMILLE MARTIN")
    refused = (s.error("", "problem_card_refused"),)
    yield "card-refused", s.card(legs=s.legs, errors=refused, holder="CAMILLE MARTIN", attempts_left=1)
    yield "stored", s.card(stored=s.stored, legs=s.legs, test_data=())
    yield "register", s.register()
    again = (s.error("", "problem_registration_refused"),)
    yield "register-refused", s.register(errors=again, attempts_left=2)
    yield "bank", s.challenge()
    yield "bank-wrong", s.challenge(errors=(s.error("code", "problem_code"),), test_data=())
    yield "bank-register", s.challenge(amount=None)


def _ended(s: Samples) -> Iterator[tuple[str, v.View]]:
    yield "result-paid", s.result("paid", legs=(*s.legs, s.visa))
    yield "result-refused", s.result("refused", legs=s.legs, returned=True)
    yield "result-cancelled", s.result("cancelled")
    yield "result-expired", s.result("expired", legs=s.legs[:1], returned=True, return_url="")
    yield "result-odd-address", s.result("paid", legs=(*s.legs, s.visa), return_url="", return_text="shop:back?cart=77")
    for outcome in ("paid", "refused", "cancelled", "expired"):
        yield f"registered-{outcome}", s.result(outcome, registered=True, amount=eur(0))
    yield "return", s.returning()
    yield "closed-unknown", s.closed("unknown", sandbox="", scenario="")
    for reason in ("expired", "replaced", "used"):
        yield f"closed-{reason}", s.closed(reason, merchant=s.merchant, return_url=SHOP)


def frames(samples: Samples) -> Mapping[str, v.View]:
    """Pages that live in a frame of a shop's page, by name."""
    s = samples
    paid: dict[str, Any] = {"embedded": True, "legs": s.legs}
    return {
        "frame-payment": s.payment(embedded=True),
        "frame-payment-rest": s.payment(**paid, methods=s.methods[2:]),
        "frame-conecs": s.conecs(embedded=True),
        "frame-portal": s.portal(embedded=True),
        "frame-cv-connect": s.cv_connect(embedded=True, legs=s.legs[:1]),
        "frame-card": s.card(**paid, errors=(s.error("", "problem_card_refused"),)),
        "frame-stored": s.card(**paid, stored=s.stored, test_data=()),
        "frame-register": s.register(embedded=True),
        "frame-bank": s.challenge(embedded=True),
        "frame-result": s.result("paid", embedded=True, legs=(*s.legs, s.visa)),
    }
