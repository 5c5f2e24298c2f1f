"""Lyra's part of the conformance tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from mockpsp.domain.errors import Refusal
from mockpsp.domain.machine import IllegalStep
from mockpsp.domain.money import Money
from mockpsp.edge import errors as edge
from mockpsp.providers.lyra import cashouts, enrolment, errors, events, states, vault
from tests.conformance.subject import Ask, Sample, Subject
from tests.conformance.workbench import Bench

MEAL_CARD, WALLET, VISA = "5017670000006120", "11111111111", "4970100000000000"
BUYER = {"type": "PRIVATE", "email": "buyer@example.test", "phone_number": "+33 1 00 00 00 00"}
FIFTY = Money(5000, "EUR")


def _order(amount: Money, *vouchers: Mapping[str, Any]) -> Ask:
    item = {
        "seller_external_ref": "seller1",
        "reference": "ITEM-1",
        "description": "Item 1",
        "amount": amount.minor,
        "vouchers": list(vouchers),
    }
    return Ask(
        "create_order", {"reference": "ORDER-1", "currency": amount.currency, "buyer": dict(BUYER), "items": [item]}
    )


def _executed(bench: Bench, *vouchers: Mapping[str, Any]) -> Any:
    """An order over fifty euros whose payment page is open."""
    made = bench.made(_order(FIFTY, *vouchers))
    bench.made(Ask("execute", path={"order": made["uuid"]}))
    return made


def _paid(bench: Bench) -> Any:
    """An order that a card has paid."""
    made = _executed(bench)
    assert bench.shop(made["uuid"], {"pay": [{"with": "card", "number": VISA}]}) == 200
    return made


def _conecs(bench: Bench) -> None:
    made = _executed(bench, {"contract_type": "CONECS", "eligible_amount": 2000})
    bench.shop(made["uuid"], {"pay": [{"with": "conecs", "number": MEAL_CARD}]})


def _cv_connect(bench: Bench) -> None:
    made = _executed(bench, {"contract_type": "CVCONNECT"})
    bench.shop(made["uuid"], {"pay": [{"with": "cv_connect", "beneficiary": WALLET}]})


def _registered_card(bench: Bench) -> None:
    made = bench.made(Ask("create_token", {"buyer": dict(BUYER), "currency": "EUR"}))
    bench.shop(made["token"], {"pay": [{"with": "card", "number": VISA}]})


def _captured(bench: Bench) -> Any:
    made = _paid(bench)
    bench.controlled.advance("PT2H")
    return made


def _cashout(bench: Bench) -> None:
    """The seller's day ends, and the bank is asked."""
    _captured(bench)
    bench.controlled.advance("P1D")


def _refund(bench: Bench) -> None:
    made = _captured(bench)
    line = {"seller_external_ref": "seller1", "reference": "BACK-1", "amount": FIFTY.minor}
    body = {"order": made["uuid"], "reference": "REFUND-1", "currency": "EUR", "items": [line]}
    bench.call(Ask("create_refund", body))
    bench.controlled.advance("PT2H")


def _review(bench: Bench) -> None:
    """A restaurant with all its documents."""
    _, form = bench.live.call(
        lambda: bench.provider.merchant().usual(bench.sandbox, "create_registration", amount=None, of=None)
    )
    accounts = {"ibans": [{"iban": form["iban"], "currencies": ["EUR"]}]}
    told = {name: value for name, value in form.items() if name not in ("iban", "external_ref")}
    made = bench.made(Ask("create_registration", {**told, **accounts}))
    path = {"registration": made["uuid"]}
    representative = {"type": "PASSPORT", "board_member": made["board"][0]["uuid"]}
    for each in (representative, {"type": "IBAN"}, {"type": "KBIS"}):
        bench.made(Ask("create_document", {**each, "reference": "DOCUMENT", "file": "%PDF-1.7"}, path))
    assert bench.call(Ask("submit_registration", path=path)).status == 204
    bench.settle()


_PROVOKE: Mapping[str, Callable[[Bench], Any]] = {
    "conecs": _conecs,
    "cv_connect": _cv_connect,
    "card": _paid,
    "registered_card": _registered_card,
    "capture": _captured,
    "refund": _refund,
    "cashout": _cashout,
    "registration_review": _review,
}

_OFFICE = "only Lyra's back office leads here"


class Lyra:
    """Implements ``Subject``."""

    world: Mapping[str, Any] = {
        "marketplace": {"currencies": [{"currency": each} for each in ("EUR", "JPY", "KWD")]},
        "sellers": [{"external_ref": "seller1", "vouchers": {"CONECS": "1999011", "CVCONNECT": "30012345"}}],
        "meal_cards": [{"number": MEAL_CARD, "balance": "61.20 EUR"}],
        "wallets": [{"beneficiary": WALLET, "balance": "1000.00 EUR"}],
    }
    settings: Mapping[str, Any] = {"registration_review": "automatic"}
    signed = False
    refusals: Sequence[Sample] = (
        Sample(edge.BadBody("no JSON"), 400),
        Sample(edge.BodyTooLarge("too large"), 413),
        Sample(edge.BodyTooSlow("too slow"), 408),
        Sample(edge.BrokenContract("buyer", "is missing", "body"), 400),
        Sample(
            edge.BrokenContract("buyer", "is missing", "body", (edge.Broken(("buyer",), "required", "buyer", None),)),
            400,
        ),
        Sample(edge.BrokenContract("page", "is not right", "query"), 400),
        Sample(edge.UnknownPath("nobody serves it"), 404),
        Sample(edge.WrongMethod("PATCH is not served", ("GET", "POST")), 405),
        Sample(edge.NotSupported("not emulated"), 501),
        Sample(edge.InProgress("still running"), 400),
        Sample(edge.TryAgain("the store is away"), 503),
        Sample(edge.Scripted(429, "a fault"), 429),
        Sample(edge.Scripted(503, "a fault"), 503),
        Sample(edge.NotAllowed("Invalid username/password."), 401),
        Sample(errors.wrong("amount", errors.NOTHING_TO_PAY), 400),
        Sample(errors.wrong_in("items", 1, {"seller": "This seller is not active."}), 400),
        Sample(errors.NotFound("no such order"), 404),
        Sample(errors.InvalidPage("page 7 of 2"), 404),
        Sample(errors.Executed("the shopper is paying"), 400),
        Sample(errors.NotCancellable("A refund that is SUCCEEDED cannot be cancelled."), 405),
        Sample(errors.ExpiredToken("five minutes are over"), 307),
        Sample(errors.UnsupportedMedia("text/plain"), 415),
        Sample(errors.TokenRefused(401, "invalid_client", "Invalid client"), 401),
        Sample(errors.TokenRefused(400, "unsupported_grant_type", "Unsupported grant_type"), 400),
        Sample(IllegalStep(states.OrderStatus.FAILED, events.Executed, ()), 400),
    )
    inward: Mapping[type[Refusal], str] = {
        errors.ShopperRefused: "the hosted pages say it in the shopper's language",
    }
    entered: Mapping[Enum, str] = {
        states.OrderStatus.CREATED: "every order begins here",
        states.TransactionStatus.PENDING: "a transaction comes into being when its order is paid",
        states.TransactionStatus.TO_VALIDATE: "the same, where the marketplace wants to validate it",
        states.TransactionStatus.CREATED: "a documented word; no transaction is told of before its order is paid",
        states.RefundStatus.CREATED: "every refund begins here",
        cashouts.CashoutStatus.CREATED: "every cashout begins here",
        cashouts.CashoutStatus.REJECTED: "a cashout that the seller's bank sends back, instead of FAILED",
        vault.TokenStatus.CREATED: "every registration of a payment method begins here",
        vault.TokenStatus.FAILED: "a refusal after which nothing more can be tried",
        enrolment.Status.CREATED: "every registration begins here",
        **dict.fromkeys(
            (
                enrolment.Status.CANCELLED,
                enrolment.Status.ABANDONED,
                enrolment.Status.CLOSED,
                enrolment.Status.SUSPENDED,
                enrolment.Status.REJECTED,
                enrolment.DocumentStatus.UNKNOWN,
                enrolment.DocumentStatus.EXPIRED,
            ),
            _OFFICE,
        ),
        enrolment.DocumentStatus.CREATED: "every document begins here",
    }
    story: Mapping[str, Any] = {
        "mockpsp": 1,
        "title": "Vouchers and a card pay an order, and everything goes back",
        "world": {"lyra": dict(world)},
        "story": [
            {
                "merchant": "lyra.create_order",
                "as": "order",
                "body": _order(FIFTY, {"contract_type": "CONECS", "eligible_amount": 2000}).body,
            },
            {"merchant": "lyra.execute", "of": "order"},
            {"shopper": "order", "pays": [{"with": "conecs"}, {"with": "card", "number": VISA}]},
            {"advance": "2h"},
            {
                "merchant": "lyra.create_refund",
                "body": {
                    "order": "${order.uuid}",
                    "reference": "REFUND-1",
                    "currency": "EUR",
                    "items": [{"seller_external_ref": "seller1", "reference": "BACK-1", "amount": FIFTY.minor}],
                },
                "expect": {"status": 201},
            },
            {"advance": "2d"},
        ],
        "expect": {"accounts": {"conecs": "61.20 EUR", "seller1": "0.00 EUR"}},
    }

    def create(self, amount: Money) -> Ask:
        """See Subject."""
        return _order(amount)

    def read(self, created: Any) -> Ask:
        """See Subject."""
        return Ask("get_order", path={"order": created["uuid"]})

    def reference(self, created: Any) -> str:
        """See Subject."""
        return str(created["uuid"])

    def amount(self, read: Any) -> Money:
        """See Subject. The order's own amount is null until it is executed."""
        assert read["amount"] is None
        return Money(sum(each["amount"] for each in read["items"]), read["currency"])

    def bad(self) -> Ask:
        """See Subject."""
        return Ask("create_order", {})

    def provoke(self, operation: str, bench: Bench) -> None:
        """See Subject."""
        _PROVOKE[operation](bench)

    def tamper(self, body: bytes) -> Iterable[bytes]:
        """See Subject: webhooks are not signed."""
        return ()

    def other_places(self, bench: Bench) -> None:
        """See Subject: a payment page and the registration of a card that nobody has finished."""
        _executed(bench, {"contract_type": "CONECS", "eligible_amount": 2000})
        bench.made(Ask("create_token", {"buyer": dict(BUYER)}))

    def other_events(self, bench: Bench) -> None:
        """See Subject: there are none."""


SUBJECT: Subject = Lyra()
