"""One sample of every state of Worldline's pages, for the tests of the views and for the picture maker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mockpsp.domain.money import Money
from mockpsp.edge.texts import format_money
from mockpsp.edge.views import FieldError, TestDatum
from mockpsp.providers.worldline import views as v
from mockpsp.providers.worldline.texts import TEXTS, product_name

CARDS = (1, 3, 130)
SHOP = "https://shop.example/back"


def eur(minor: int) -> Money:
    """Euros by their cents."""
    return Money(minor, "EUR")


class Samples:
    """Views with made-up data, in one language; ``merchant`` and ``reference`` may be hostile."""

    def __init__(self, language: str, *, merchant: str = "Villages du Soleil", reference: str = "ORD-2026-0417"):
        self.language = language
        self.merchant = merchant
        self.reference = reference

    def say(self, key: str, **values: object) -> str:
        """One text in this language."""
        return TEXTS.say(self.language, key, **values)

    def money(self, minor: int) -> str:
        """Euros as this language writes them."""
        return format_money(minor, "EUR", self.language)

    def error(self, field: str, key: str, **values: object) -> FieldError:
        """A problem with a field, or with the page."""
        return FieldError(field, self.say(key, **values))

    def common(self) -> dict[str, Any]:
        """What every page knows."""
        return {"language": self.language, "sandbox": "default", "scenario": "Everything works"}

    def order(self) -> dict[str, Any]:
        """What every page about the order knows."""
        return self.common() | {
            "merchant": self.merchant,
            "reference": self.reference,
            "amount": eur(140000),
            "post_url": "/post",
            "cancel_url": "/cancel",
            "open_until": "12:15",
        }

    def phone(self) -> dict[str, Any]:
        """The same in the app, which nobody cancels and which does not tell until when it is open."""
        return self.order() | {"cancel_url": "", "open_until": ""}

    def wallets(self) -> tuple[TestDatum, ...]:
        """Test data beside the choice of an account."""
        rows = (("77777777777", 30000), ("11111111111", 10000000))
        return tuple(
            TestDatum(
                label=self.say("test_data_some", most=self.money(balance))
                if balance < 140000
                else self.say("test_data_all"),
                value=number,
                effect=self.say("test_data_balance", balance=self.money(balance)),
                fills={"beneficiary": number},
            )
            for number, balance in rows
        )

    def cards(self) -> tuple[TestDatum, ...]:
        """Test data beside the card form."""
        fills = {"card_holder": "CAMILLE MARTIN", "expiry": "12/30", "cvv": "123"}
        return tuple(
            TestDatum(
                label=product_name(product, self.language),
                value=number,
                effect=f"12/30 · 123 · {effect}",
                fills={"card_number": number, **fills},
            )
            for product, number, effect in (
                (1, "4330264936344675", self.say("test_data_accepted")),
                (3, "5137009801943438", self.say("test_data_accepted")),
                (1, "4321456998744563", self.say("test_data_refused", reason="limit_exceeded")),
            )
        )

    def selection(self, **changes: Any) -> v.SelectionView:
        """The choice of a method."""
        return v.SelectionView(**self.order() | {"products": (5412, *CARDS)} | changes)

    def confirm(self, **changes: Any) -> v.ConfirmView:
        """The choice of an account."""
        return v.ConfirmView(**self.order() | {"test_data": self.wallets()} | changes)

    def portal(self, stage: v.Stage, **changes: Any) -> v.PortalView:
        """The computer waits for the phone."""
        watched = {"phone_url": "http://localhost:8080/cvconnect/0123/app", "status_url": "/progress", "status": "wait"}
        return v.PortalView(**self.order() | watched | {"stage": stage} | changes)

    def app(self, **changes: Any) -> v.PhoneView:
        """The app's first screen."""
        wallet = {"beneficiary": "77777777777", "balance": eur(30000), "payable": eur(30000), "adjustable": True}
        return v.PhoneView(**self.phone() | wallet | changes)

    def card(self, *, alone: bool = False, **changes: Any) -> v.ComplementView:
        """The card form on the hosted page, or after vouchers in the app."""
        paid = eur(0) if alone else eur(30000)
        shown = {"paid": paid, "brands": CARDS, "card_only": alone, "test_data": self.cards()}
        return v.ComplementView(**(self.order() if alone else self.phone()) | shown | changes)

    @property
    def vouchers(self) -> v.Tender:
        """Vouchers that paid a part."""
        return v.Tender(product=5412, amount=eur(30000))

    @property
    def tenders(self) -> tuple[v.Tender, ...]:
        """Vouchers and a card."""
        return (self.vouchers, v.Tender(product=1, amount=eur(110000), detail="•••• 4675"))

    def result(self, outcome: v.Outcome, **changes: Any) -> v.ResultView:
        """How it ended."""
        common = {"outcome": outcome, "return_url": SHOP, "open_until": "", "post_url": "", "cancel_url": ""}
        return v.ResultView(**self.order() | common | changes)

    def closed(self, reason: v.ClosedReason, **changes: Any) -> v.ClosedView:
        """A link that leads nowhere."""
        return v.ClosedView(**self.common() | {"reason": reason} | changes)


def pages(samples: Samples) -> Mapping[str, v.View]:
    """Every state of every page, by name."""
    return dict(_hosted(samples)) | dict(_app(samples)) | dict(_ended(samples))


def frames(samples: Samples) -> Mapping[str, v.View]:
    """None of these pages lives in a frame."""
    return {}


def _hosted(s: Samples) -> Iterator[tuple[str, v.View]]:
    yield "selection", s.selection()
    yield "selection-nothing-chosen", s.selection(errors=(s.error("product", "problem_product"),))
    yield "selection-refused", s.selection(errors=(s.error("", "problem_card_refused"),))
    yield "confirm", s.confirm(beneficiary="77777777777")
    wrong = (s.error("beneficiary", "problem_beneficiary"),)
    yield "confirm-mistake", s.confirm(errors=wrong, beneficiary="1234")
    yield "confirm-refused", s.confirm(errors=(s.error("", "problem_voucher_refused"),))
    for stage in (1, 2, 3):
        yield f"portal-{stage}", s.portal(stage)  # type: ignore[arg-type]
    yield "card", s.card(alone=True)
    mistakes = (
        s.error("card_number", "problem_card_number"),
        s.error("expiry", "problem_expiry", example="12/30"),
        s.error("cvv", "problem_cvv"),
    )
    yield "card-mistakes", s.card(alone=True, errors=mistakes, expiry="1/3", card_holder="")
    yield "card-refused", s.card(alone=True, errors=(s.error("", "problem_card_refused"),), attempts_left=2)


def _app(s: Samples) -> Iterator[tuple[str, v.View]]:
    yield "app", s.app()
    too_much = (s.error("voucher_amount", "problem_voucher_most", amount=s.money(30000)),)
    yield "app-mistake", s.app(errors=too_much, typed="9999")
    yield "app-covers", s.app(holder="Camille Martin", balance=eur(10000000), payable=eur(140000))
    yield "app-fixed", s.app(adjustable=False)
    yield "app-empty", s.app(balance=eur(0), payable=eur(0))
    yield "app-short", s.app(adjustable=False, payable=eur(140000))
    yield "complement", s.card()
    yield "complement-kept", s.card(test_data=(), returned_on_give_up=True)
    wrong = (s.error("cvv", "problem_cvv"),)
    yield "complement-mistake", s.card(errors=wrong, expiry="12/30", card_holder="CAMILLE MARTIN")
    yield "complement-refused", s.card(errors=(s.error("", "problem_card_refused"),), attempts_left=1)
    for outcome in ("paid", "refused", "cancelled", "expired", "pending"):
        tenders = s.tenders if outcome == "paid" else ()
        yield f"app-{outcome}", s.result(outcome, on_phone=True, tenders=tenders, return_url="")
    yield "app-leaves", s.result("paid", on_phone=True, tenders=s.tenders)


def _ended(s: Samples) -> Iterator[tuple[str, v.View]]:
    yield "result-paid", s.result("paid", tenders=s.tenders)
    yield "result-partly", s.result("refused", tenders=(s.vouchers,))
    yield "result-returned", s.result("cancelled", tenders=(s.vouchers,), returned=True)
    yield "result-expired", s.result("expired", return_url="")
    yield (
        "result-pending",
        s.result("pending", return_url="", post_url="/pay", status_url="/progress", status="pending"),
    )
    yield "closed-unknown", s.closed("unknown", sandbox="", scenario="")
    for reason in ("used", "expired"):
        yield f"closed-{reason}", s.closed(reason, merchant=s.merchant, return_url=SHOP)  # type: ignore[arg-type]
