"""Words and settings do what they say: outcomes and reasons as marketplace and shopper see them, in Lyra's words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockpsp.providers import lyra
from mockpsp.providers.lyra.catalogue import EVENTS, OPERATIONS
from mockpsp.providers.lyra.holdings import REASONS
from mockpsp.providers.lyra.settings import SCHEMA
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.lyra import (
    CARD,
    HOLIDAY,
    MEAL_CARD,
    SHOP,
    Inbox,
    Marketplace,
    conecs,
    holiday,
    item,
    meal,
    night,
    uuid_of,
    wine,
)
from tests.support.receiver import Receiver

CLOCK = "2026-07-01T09:00:00Z"
"""A Wednesday, eleven o'clock in Paris."""
NewSandbox = Callable[..., ControlledSandbox]
MEAL_NUMBER, REFUSED_MEAL_NUMBER = "5017670000006120", "5017670000000005"
CARD_NUMBER, CHALLENGED, REFUSED_CARD = "4970100000000000", "4970100000000009", "4970100000000098"
WALLET, REFUSED_WALLET = "11111111111", "33333333333"
WORLD: Mapping[str, Any] = {
    "sellers": [
        {"external_ref": "seller1", "vouchers": {"CONECS": "20", "CVCONNECT": "30"}, "reserve": "100.00 EUR"},
        {"external_ref": "seller2", "vouchers": {"CONECS": "100", "CVCONNECT": "4"}, "reserve": "100.00 EUR"},
        {"external_ref": "seller3"},
    ],
    "meal_cards": [
        {"number": MEAL_NUMBER, "balance": "61.20 EUR"},
        {"number": REFUSED_MEAL_NUMBER, "balance": "50.00 EUR", "answers": "refuses"},
    ],
    "wallets": [
        {"beneficiary": WALLET, "balance": "300.00 EUR"},
        {"beneficiary": REFUSED_WALLET, "balance": "300.00 EUR", "answers": "refuses"},
    ],
    "cards": [
        {"number": CHALLENGED, "three_ds": "challenge"},
        {"number": REFUSED_CARD, "answers": "refuses", "reason": "stolen"},
    ],
}


def market_with(
    new_sandbox: NewSandbox, *rules: Mapping[str, Any], world: Mapping[str, Any] = WORLD, **settings: Any
) -> Marketplace:
    """A marketplace with these rules and settings, whose clock stands still."""
    scenario = {
        "mockpsp": 1,
        "title": "One matter",
        "world": {"lyra": dict(world)},
        "settings": {"lyra": settings},
        "rules": list(rules),
    }
    return Marketplace(new_sandbox(scenario=scenario, clock=CLOCK))


def rule(operation: str, outcome: str, **then: Any) -> dict[str, Any]:
    """A rule that decides an operation."""
    return {"operation": f"lyra.{operation}", "then": {"outcome": outcome, **then}}


def reasons(operation: str, *outcomes: str) -> Iterator[tuple[str, str, str]]:
    """The reasons that a rule may give for these outcomes."""
    for outcome in outcomes:
        for reason in OPERATIONS[operation].outcomes[outcome]:
            yield operation, outcome, reason


def facts(market: Marketplace, kind: str) -> list[dict[str, Any]]:
    """Events of a kind in the journal: what people who look into the simulator see."""
    found = [each["event"] for each in market.sandbox.journal() if each["kind"] == "event"]
    return [each for each in found if each["type"] == kind]


def balance(market: Marketplace, account: str) -> str:
    """What is on the account whose reference begins like this."""
    [found] = [each["balance"] for ref, each in market.sandbox.accounts().items() if ref.startswith(account)]
    return str(found)


# -- tenders -----------------------------------------------------------------------------------------------------------

ITEMS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "conecs": (meal(2000, 2000), MEAL_CARD, "CONECS"),
    "cv_connect": (night(), HOLIDAY, "CVCONNECT"),
    "card": (wine(), CARD, "CB"),
}
"""What a tender can pay all of, the tender, and the scheme of its transaction."""


def refused_page(market: Marketplace, tender: str, **fields: str) -> tuple[str, dict[str, str]]:
    """The status of an order that this tender was to pay, and what the shopper's browser brings back to the shop."""
    sold, means, _ = ITEMS[tender]
    made = market.order(sold, return_mode="GET")
    page = market.execute(made)
    told = market.pay(made, {**means, **fields})
    return str(told["status"]), Browser().open(page).returned()


@pytest.mark.parametrize(
    ("operation", "outcome", "reason"),
    [line for tender in ITEMS for line in reasons(tender, "refused")],
)
def test_a_refused_tender_tells_its_reason(
    operation: str, outcome: str, reason: str, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    market = market_with(new_sandbox, rule(operation, outcome, reason=reason))
    inbox = Inbox(market.sandbox, receiver)
    status, back = refused_page(market, operation)
    assert status == "FAILED"
    assert (back["vads_trans_status"], back["vads_result"]) == ("REFUSED", "05")
    assert back.get("vads_auth_result", "") == REASONS[reason]
    assert back["vads_card_brand"] == ITEMS[operation][2]
    assert [event for event, _ in inbox.told()] == ["order"]


@pytest.mark.parametrize("operation", ITEMS)
def test_a_refusal_without_a_reason_is_the_usual_one(operation: str, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, rule(operation, "refused"))
    status, back = refused_page(market, operation)
    assert (status, back["vads_auth_result"]) == ("FAILED", REASONS["refused"])


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("conecs", {"number": REFUSED_MEAL_NUMBER}),
        ("cv_connect", {"beneficiary": REFUSED_WALLET}),
        ("card", {"number": REFUSED_CARD}),
    ],
)
def test_an_accepted_tender_pays(operation: str, fields: Mapping[str, str], new_sandbox: NewSandbox) -> None:
    """Also with what its issuer would refuse; the amount is really taken."""
    natural = market_with(new_sandbox)
    assert refused_page(natural, operation, **fields)[0] == "FAILED"
    market = market_with(new_sandbox, rule(operation, "accepted"))
    sold, means, scheme = ITEMS[operation]
    paid = market.paid(sold, tenders=({**means, **fields},))
    [transaction] = paid["transactions"]
    assert (transaction["payment_scheme"], transaction["amount"]) == (scheme, sold["amount"])
    assert transaction["status"] == "PENDING"


@pytest.mark.parametrize(
    ("operation", "sold", "tender"),
    [
        ("conecs", meal(7000, 7000), {**MEAL_CARD, "amount": "70.00 EUR"}),
        ("cv_connect", night(40000), {**HOLIDAY, "amount": "400.00 EUR"}),
    ],
)
def test_a_rule_that_accepts_makes_no_money(
    operation: str, sold: Mapping[str, Any], tender: Mapping[str, Any], new_sandbox: NewSandbox
) -> None:
    market = market_with(new_sandbox, rule(operation, "accepted"), daily_limit="500.00 EUR")
    made = market.order(sold, return_mode="GET")
    page = market.execute(made)
    assert market.pay(made, tender)["status"] == "FAILED"
    assert Browser().open(page).returned()["vads_auth_result"] == REASONS["insufficient_funds"]


@pytest.mark.parametrize(("code", "status"), [("123456", "PENDING"), ("000000", "FAILED")])
def test_a_challenge_is_the_banks_question(code: str, status: str, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, rule("card", "challenge"))
    made = market.order(wine(), return_mode="GET")
    page = market.execute(made)
    browser = Browser().open(page)
    browser.submit("card", number=CARD_NUMBER, expiry="12/30", cvv="123")
    assert market.status(made) == "CREATED"
    browser.submit("authenticate", code=code)
    assert market.status(made) == status
    assert browser.left.startswith(SHOP)


def test_rules_decide_what_the_merchant_starts_too(new_sandbox: NewSandbox) -> None:
    """GET execute-mit asks the same question; a bank that asks for the buyer refuses, since nobody is there."""
    stored = {**WORLD, "stored_cards": [{"alias": "abc", "number": CARD_NUMBER}]}
    for outcome, status in (("accepted", "PENDING"), ("challenge", "FAILED"), ("refused", "FAILED")):
        market = market_with(new_sandbox, rule("card", outcome), world=stored)
        made = market.order(wine(), alias="abc")
        market.call("execute_mit", order=made["uuid"], status=200)
        assert market.status(made) == status, outcome


# -- a card without a payment ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "outcome", "reason"), [*reasons("registered_card", "refused")])
def test_a_refused_registration_tells_its_reason(
    operation: str, outcome: str, reason: str, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    market = market_with(new_sandbox, rule(operation, outcome, reason=reason), return_mode="GET")
    inbox = Inbox(market.sandbox, receiver)
    made = market.register_card(url_return=SHOP)
    market.sandbox.shopper(made["token"], {"pay": [CARD]})
    told = market.call("get_token", token=made["token"])
    assert (told["status"], told["alias"]) == ("FAILED", None)
    assert inbox.told() == [("token", made["token"])]
    back = Browser().open(made["payment_url"]).returned()
    assert back["vads_trans_status"] == "REFUSED"
    assert back.get("vads_auth_result", "") == REASONS[reason]


@pytest.mark.parametrize(
    ("outcome", "code", "status"),
    [("accepted", "", "SUCCEEDED"), ("challenge", "123456", "SUCCEEDED"), ("challenge", "000000", "FAILED")],
)
def test_a_card_is_registered(
    outcome: str, code: str, status: str, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    market = market_with(new_sandbox, rule("registered_card", outcome))
    inbox = Inbox(market.sandbox, receiver)
    made = market.register_card()
    market.sandbox.shopper(made["token"], {"pay": [{**CARD, "number": REFUSED_CARD, "code": code}]})
    told = market.call("get_token", token=made["token"])
    assert told["status"] == status
    assert (told["alias"] is not None) == (status == "SUCCEEDED")
    assert inbox.told() == [("token", made["token"])]


# -- captures, refunds, cashouts ---------------------------------------------------------------------------------------


def test_a_capture_that_is_asked_for_succeeds(new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, rule("capture", "captured"))
    assert [each["status"] for each in market.captured(wine())["transactions"]] == ["SUCCEEDED"]


@pytest.mark.parametrize(("operation", "outcome", "reason"), [*reasons("capture", "failed")])
def test_a_failed_capture_fails_the_order(
    operation: str, outcome: str, reason: str, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    """Lyra shows no reason; the journal does."""
    market = market_with(new_sandbox, rule(operation, outcome, reason=reason))
    inbox = Inbox(market.sandbox, receiver)
    paid = market.paid(meal(2000, 2000), wine(), tenders=(MEAL_CARD, CARD))
    market.sandbox.advance("P1D")
    told = market.read(paid)
    assert told["status"] == "FAILED"
    assert sorted(each["status"] for each in told["transactions"]) == ["CANCELLED", "FAILED"]
    assert inbox.told() == [("order", uuid_of(paid))] * 2
    [failed] = facts(market, "CaptureFailed")
    assert failed["reason"] == reason
    assert balance(market, "lyra/conecs/6120-") == "61.20 EUR"


def refunded(market: Marketplace, amount: int = 500) -> tuple[str, Any]:
    """A refund's uuid and itself, after its time has come."""
    made = market.refund(market.captured(wine()), amount)
    market.sandbox.advance("PT2H")
    return made["uuid"], market.call("get_refund", refund=made["uuid"])


def test_a_refund_that_is_asked_for_succeeds(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    market = market_with(new_sandbox, rule("refund", "succeeded"))
    inbox = Inbox(market.sandbox, receiver)
    uuid, told = refunded(market)
    assert told["status"] == "SUCCEEDED"
    assert inbox.told("refund") == [("refund", uuid)] * 2


@pytest.mark.parametrize(("operation", "outcome", "reason"), [*reasons("refund", "failed")])
def test_a_failed_refund_gives_nothing_back(
    operation: str, outcome: str, reason: str, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    market = market_with(new_sandbox, rule(operation, outcome, reason=reason))
    inbox = Inbox(market.sandbox, receiver)
    uuid, told = refunded(market)
    assert told["status"] == "FAILED"
    assert inbox.told("refund") == [("refund", uuid)] * 2
    [failed] = facts(market, "RefundFailed")
    assert failed["why"] == reason
    assert facts(market, "Charged") == []


def cashed_out(market: Marketplace) -> Any:
    """The only cashout of a seller who sold a wine, after its day."""
    market.captured(wine())
    market.sandbox.advance("P1D")
    [found] = market.call("list_seller_cashouts", seller=market.seller())["results"]
    assert (found["amount"], found["captured_at"]) == (1850, "2026-07-01")
    return found


def test_a_cashout_that_is_asked_for_is_paid(new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, rule("cashout", "paid"))
    assert cashed_out(market)["status"] == "SUCCEEDED"
    assert balance(market, f"lyra/seller/{market.seller()}") == "100.00 EUR"


@pytest.mark.parametrize(("operation", "outcome", "reason"), [*reasons("cashout", "failed", "rejected")])
def test_a_cashout_that_fails_leaves_the_money_where_it_is(
    operation: str, outcome: str, reason: str, new_sandbox: NewSandbox
) -> None:
    market = market_with(new_sandbox, rule(operation, outcome, reason=reason))
    found = cashed_out(market)
    assert found["status"] == outcome.upper()
    [failed] = facts(market, "NotPaidOut")
    assert (failed["why"], failed["rejected"]) == (reason, outcome == "rejected")
    assert balance(market, f"lyra/seller/{market.seller()}") == "118.50 EUR"


# -- registrations -----------------------------------------------------------------------------------------------------


def submitted(market: Marketplace, **changes: Any) -> str:
    """A restaurant's registration with all its documents, submitted: its uuid."""
    made = market.register(**changes)
    market.upload(made["uuid"], "PASSPORT", made["board"][0]["uuid"])
    market.upload(made["uuid"], "IBAN")
    market.upload(made["uuid"], "KBIS")
    market.call("submit_registration", registration=made["uuid"], status=204)
    market.sandbox.settle()
    return str(made["uuid"])


def registration(market: Marketplace, uuid: str) -> tuple[str, list[str], bool]:
    """Status, statuses of the documents, and whether there is a seller."""
    told = market.call("get_registration", registration=uuid)
    documents = market.call("list_documents", registration=uuid)["results"]
    return told["status"], [each["status"] for each in documents], told["seller"] is not None


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("accepted", ("SUCCEEDED", ["VALIDATED"] * 3, True)),
        ("refused", ("FAILED", ["PENDING"] * 3, False)),
        ("document_rejected", ("CREATED", ["REJECTED", "PENDING", "PENDING"], False)),
    ],
)
def test_what_a_review_comes_to(
    outcome: str, expected: tuple[str, list[str], bool], new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    market = market_with(new_sandbox, rule("registration_review", outcome), registration_review="automatic")
    inbox = Inbox(market.sandbox, receiver)
    uuid = submitted(market)
    assert registration(market, uuid) == expected
    assert inbox.told("registration")[-1] == ("registration", uuid)
    assert inbox.told("kyc")


def test_every_outcome_has_a_test_here() -> None:
    """Outcomes that tests name one by one; reasons are taken from the catalogue itself."""
    tested = {
        "conecs": {"accepted", "refused"},
        "cv_connect": {"accepted", "refused"},
        "card": {"accepted", "refused", "challenge"},
        "registered_card": {"accepted", "refused", "challenge"},
        "capture": {"captured", "failed"},
        "refund": {"succeeded", "failed"},
        "cashout": {"paid", "failed", "rejected"},
        "registration_review": {"accepted", "refused", "document_rejected"},
    }
    assert {name: set(each.outcomes) for name, each in OPERATIONS.items()} == tested


# -- webhooks ----------------------------------------------------------------------------------------------------------


def test_every_webhook_is_sent_in_a_story(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    """A restaurant is enrolled; a guest registers a card, pays, and gets some of it back."""
    market = market_with(new_sandbox, registration_review="automatic")
    inbox = Inbox(market.sandbox, receiver)
    enrolled = submitted(market)
    order = market.order(wine())
    market.execute(order, "execute_token")
    market.pay(order)
    market.sandbox.advance("P1D")
    refund = market.refund(order)["uuid"]
    market.sandbox.advance("PT2H")
    told = inbox.told()
    documents = [each["uuid"] for each in market.call("list_documents", registration=enrolled)["results"]]
    about = {"order": {order["uuid"]}, "token": {order["uuid"]}, "refund": {refund}, "registration": {enrolled}}
    assert {event for event, _ in told} == set(EVENTS)
    for event in EVENTS:
        assert {uuid for kind, uuid in told if kind == event} == about.get(event, set(documents)), event
    for each in receiver.received:
        assert each.body == json.dumps(json.loads(each.body), separators=(",", ":")).encode(), "one key, one uuid"
        assert dict(each.headers)["Content-Type"] == "application/json"


# -- settings: answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "size"), [({}, 5), ({"page_size": 2}, 2)])
def test_page_size(settings: Mapping[str, Any], size: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    for _ in range(7):
        market.order(wine())
    told = market.call("list_orders")
    assert (told["count"], len(told["results"])) == (7, size)
    assert told["next"].endswith("/orders?page=2")
    assert len(market.call("list_orders", query={"page": "last"})["results"]) == 7 % size


@pytest.mark.parametrize(("settings", "size"), [({}, 3), ({"cashout_page_size": 2}, 2)])
def test_cashout_page_size(settings: Mapping[str, Any], size: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, page_size=1, **settings)
    for _ in range(3):
        market.captured(wine())
    told = market.call("list_cashouts")
    assert (told["count"], len(told["results"])) == (3, size)
    assert len(market.call("list_cashouts", query={"page_size": 1})["results"]) == 1


@pytest.mark.parametrize(("settings", "amount"), [({}, None), ({"amount_before_execution": "sum"}, 4350)])
def test_amount_before_execution(settings: Mapping[str, Any], amount: int | None, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    made = market.order()
    assert (made["amount"], market.read(made)["amount"], made["initial_amount"]) == (amount, amount, None)
    market.execute(made)
    assert (market.read(made)["amount"], market.read(made)["initial_amount"]) == (4350, 4350)


@pytest.mark.parametrize(
    ("settings", "more"), [({}, set()), ({"link_keys": "both"}, {"execute_embedded", "execute_mit"})]
)
def test_link_keys(settings: Mapping[str, Any], more: set[str], new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    links = market.order(alias="abc")["links"]
    usual = {"items", "transactions", "refunds", "execute", "execute-embedded", "execute-mit", "persist"}
    assert set(links) == usual | more
    assert all(links[name] == links[name.replace("_", "-")] for name in more)


@pytest.mark.parametrize(
    ("settings", "status"), [({}, 400), *(({"cancel_executed_status": n}, n) for n in (403, 405, 409))]
)
def test_cancel_executed_status(settings: Mapping[str, Any], status: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    made = market.order()
    market.execute(made)
    text = "This order has been executed and cannot be canceled until the end of the payment process"
    answer = market.answered("cancel_order", order=made["uuid"])
    assert (answer.status_code, answer.json()) == (status, {"Order": text})


# -- settings: vouchers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "winners"),
    [
        ({}, {"CONECS": "seller1", "CVCONNECT": "seller2"}),
        ({"tie_break": "highest"}, {"CONECS": "seller2", "CVCONNECT": "seller1"}),
    ],
)
def test_tie_break(settings: Mapping[str, Any], winners: Mapping[str, str], new_sandbox: NewSandbox) -> None:
    """By the numbers' value: 20 is lower than 100, and 4 than 30."""
    market = market_with(new_sandbox, **settings)
    both = {"vouchers": [conecs(1000), holiday()]}
    made = market.order(item(1000, **both), item(1000, seller=market.seller("seller2"), **both))
    market.execute(made)
    selected = {
        voucher["contract_type"]: each["seller_external_ref"]
        for each in market.read(made)["items"]
        for voucher in each["vouchers"]
        if voucher["is_selected"]
    }
    assert selected == winners


def test_missing_contract(new_sandbox: NewSandbox) -> None:
    lacking = item(1000, seller_external_ref="seller3", vouchers=[conecs(1000)])
    strict = market_with(new_sandbox)
    status, body = strict.refused("create_order", strict.order_body(lacking), query={"expand": "items"})
    assert (status, list(body["items"][0])) == (400, ["vouchers"])
    lenient = market_with(new_sandbox, missing_contract="ignored")
    [made] = lenient.order(lacking)["items"]
    assert made["vouchers"] == []


@pytest.mark.parametrize(("settings", "share"), [({}, 2500), ({"daily_limit": "19.00 EUR"}, 1900)])
def test_daily_limit(settings: Mapping[str, Any], share: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    paid = market.paid(meal(6000, 6000), tenders=(MEAL_CARD, CARD))
    assert [each["amount"] for each in paid["transactions"]] == [share, 6000 - share]


@pytest.mark.parametrize(
    ("settings", "eligible", "offered"),
    [
        ({}, 150, True),
        ({}, 149, False),
        ({"meal_minimum": "10.00 EUR"}, 999, False),
        ({"meal_minimum": "10.00 EUR"}, 1000, True),
    ],
)
def test_meal_minimum(settings: Mapping[str, Any], eligible: int, offered: bool, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    made = market.order(meal(2500, eligible))
    market.execute(made)
    [checkout] = market.sandbox.call("GET", "/checkouts")["checkouts"]
    assert ("conecs" in checkout["tenders"]) == offered


SUNDAY, MONDAY, FEAST = "P4D", "P5D", "P13D"
"""From the first of July 2026 to the next Sunday and Monday, and to the fourteenth."""


@pytest.mark.parametrize(
    ("setting", "closed"),
    [("none", ()), ("sundays", (SUNDAY,)), ("sundays_and_holidays", (SUNDAY, FEAST))],
)
def test_closed_days(setting: str, closed: tuple[str, ...], new_sandbox: NewSandbox) -> None:
    for wait in (SUNDAY, MONDAY, FEAST):
        market = market_with(new_sandbox, closed_days=setting)
        market.sandbox.advance(wait)
        if wait in closed:
            status, back = refused_page(market, "conecs")
            assert (status, back["vads_auth_result"]) == ("FAILED", REASONS["closed_day"])
        else:
            market.paid(meal(2000, 2000), tenders=(MEAL_CARD,))


# -- settings: time on the page ----------------------------------------------------------------------------------------


def lasts(market: Marketplace, order: str, minutes: int) -> None:
    """The order is open for so many minutes, and then ABANDONED."""
    market.sandbox.advance(f"PT{minutes - 1}M59S")
    assert market.status(order) == "CREATED"
    market.sandbox.advance("PT1S")
    assert market.status(order) == "ABANDONED"


@pytest.mark.parametrize(("settings", "minutes"), [({}, 10), ({"page_life": "3m"}, 3)])
def test_page_life(settings: Mapping[str, Any], minutes: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, form_token_life="99m", **settings)
    made = market.order()
    market.execute(made)
    lasts(market, made["uuid"], minutes)


@pytest.mark.parametrize(("settings", "minutes"), [({}, 15), ({"form_token_life": "3m"}, 3)])
def test_form_token_life(settings: Mapping[str, Any], minutes: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, page_life="99m", **settings)
    made = market.order()
    market.execute(made, "execute_embedded")
    lasts(market, made["uuid"], minutes)


@pytest.mark.parametrize(("settings", "minutes"), [({}, 30 * 24 * 60), ({"persist_life": "2h"}, 120)])
def test_persist_life(settings: Mapping[str, Any], minutes: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    made = market.order()
    market.call("persist", order=made["uuid"], status=302)
    told = market.read(made)
    assert urlsplit(told["persist_url"]).path.startswith("/t/")
    lasts(market, made["uuid"], minutes)


@pytest.mark.parametrize("more", [0, 1, 2])
def test_extra_attempts(more: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, extra_attempts=more)
    made = market.order(wine())
    market.execute(made)
    for _ in range(more):
        assert market.pay(made, {**CARD, "number": REFUSED_CARD})["status"] == "CREATED"
    assert market.pay(made, {**CARD, "number": REFUSED_CARD})["status"] == "FAILED"


@pytest.mark.parametrize("settings", [{}, {"return_mode": "GET"}, {"return_mode": "POST"}])
def test_return_mode(settings: Mapping[str, Any], new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    made = market.order(wine())
    page = market.execute(made)
    market.pay(made)
    browser = Browser().open(page)
    match settings.get("return_mode"):
        case "GET":
            assert browser.returned()["vads_trans_status"] == "AUTHORISED"
        case "POST":
            assert not browser.left
            [form] = browser.page.forms
            assert (form.action, form.method.lower()) == (SHOP, "post")
            assert form.fields["vads_trans_status"] == "AUTHORISED"
        case _:
            assert browser.left == SHOP


@pytest.mark.parametrize(("settings", "before"), [({}, "PENDING"), ({"notification_delay": "20s"}, "CREATED")])
def test_notification_delay(settings: Mapping[str, Any], before: str, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    made = market.order()
    page = market.execute(made)
    assert market.pay(made)["status"] == before
    assert Browser().open(page).left == SHOP
    market.sandbox.advance("PT20S")
    assert market.status(made) == "PENDING"


# -- settings: after the payment ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "minutes"), [({}, 60), ({"remittance_delay": "2h"}, 120)])
def test_remittance_delay(settings: Mapping[str, Any], minutes: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    paid = market.paid(wine(), capture_delay=1)
    market.sandbox.advance(f"P1DT{minutes - 1}M")
    assert market.status(paid) == "PENDING"
    market.sandbox.advance("PT1M")
    assert market.status(paid) == "SUCCEEDED"


@pytest.mark.parametrize(("settings", "days"), [({}, 7), ({"validation_life": "2d"}, 2)])
def test_validation_life(settings: Mapping[str, Any], days: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    paid = market.paid(wine(), awaiting_validation=True)
    market.sandbox.advance(f"PT{days * 24 - 1}H")
    assert [each["status"] for each in market.read(paid)["transactions"]] == ["TO_VALIDATE"]
    market.sandbox.advance("PT1H")
    told = market.read(paid)
    assert (told["status"], [each["status"] for each in told["transactions"]]) == ("FAILED", ["EXPIRED"])


def refund_status_after(market: Marketplace, *spans: str) -> list[str]:
    """A refund's status after each of these spans."""
    uuid = market.refund(market.captured(wine()))["uuid"]
    statuses = []
    for span in spans:
        market.sandbox.advance(span)
        statuses.append(market.call("get_refund", refund=uuid)["status"])
    return statuses


@pytest.mark.parametrize(("settings", "minutes"), [({}, 15), ({"refund_sent_after": "2m"}, 2)])
def test_refund_sent_after(settings: Mapping[str, Any], minutes: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    assert refund_status_after(market, f"PT{minutes - 1}M", "PT1M") == ["CREATED", "PENDING"]


@pytest.mark.parametrize(("settings", "minutes"), [({}, 60), ({"refund_settled_after": "2m"}, 2)])
def test_refund_settled_after(settings: Mapping[str, Any], minutes: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    assert refund_status_after(market, f"PT{15 + minutes - 1}M", "PT1M") == ["PENDING", "SUCCEEDED"]


# -- settings: registrations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "status"), [({}, "PENDING_VALIDATION"), ({"registration_review": "automatic"}, "SUCCEEDED")]
)
def test_registration_review(settings: Mapping[str, Any], status: str, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    uuid = submitted(market)
    market.sandbox.advance("P30D")
    assert registration(market, uuid)[0] == status


@pytest.mark.parametrize(("settings", "days"), [({}, 0), ({"review_delay": "3d"}, 3)])
def test_review_delay(settings: Mapping[str, Any], days: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, registration_review="automatic", **settings)
    uuid = submitted(market)
    if days:
        assert registration(market, uuid)[0] == "PENDING_VALIDATION"
        market.sandbox.advance(f"P{days}D")
    assert registration(market, uuid)[0] == "SUCCEEDED"


@pytest.mark.parametrize("status", ["PENDING_VALIDATION", "PENDING_VERIFICATION"])
def test_review_status(status: str, new_sandbox: NewSandbox) -> None:
    settings: dict[str, Any] = {} if status == "PENDING_VALIDATION" else {"review_status": status}
    market = market_with(new_sandbox, **settings)
    assert registration(market, submitted(market))[0] == status


def test_documents(new_sandbox: NewSandbox) -> None:
    strict = market_with(new_sandbox)
    made = strict.register()
    assert strict.refused("submit_registration", registration=made["uuid"])[0] == 400
    lenient = market_with(new_sandbox, documents="optional")
    made = lenient.register()
    lenient.sandbox.settle()
    assert registration(lenient, made["uuid"])[0] == "AWAITING_SUBMISSION"
    lenient.call("submit_registration", registration=made["uuid"], status=204)


@pytest.mark.parametrize(
    ("settings", "number", "status"),
    [({}, "C1234", "SUCCEEDED"), ({"in_store_contracts": "refused"}, "C1234", "FAILED"),
     ({"in_store_contracts": "refused"}, "11234", "SUCCEEDED")],
)  # fmt: skip
def test_in_store_contracts(settings: Mapping[str, Any], number: str, status: str, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, registration_review="automatic", **settings)
    uuid = submitted(market, vouchers=[{"contract_type": "CONECS", "contract_number": number}])
    assert registration(market, uuid)[0] == status


# -- settings: the rest ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "asked"), [({}, 1), ({"webhook_probe": False}, 0)])
def test_webhook_probe(settings: Mapping[str, Any], asked: int, new_sandbox: NewSandbox, receiver: Receiver) -> None:
    market = market_with(new_sandbox, **settings)
    receiver.statuses = [200, 404]
    body = {"event_type": "order", "target": receiver.url}
    assert market.call("create_webhook", body, status=200) == body
    assert [each.body for each in receiver.received] == [b""] * asked
    status = market.answered("update_webhook", body).status_code
    assert status == (400 if asked else 200)


@pytest.mark.parametrize(
    ("settings", "minutes"),
    [({}, [0, 15, 30]), ({"webhook_retries": ["1m", "2m", "4m"]}, [0, 1, 3, 7]), ({"webhook_retries": []}, [0])],
)
def test_webhook_retries(settings: Mapping[str, Any], minutes: list[int], new_sandbox: NewSandbox) -> None:
    """To nobody, at a port of this machine where nobody listens."""
    market = market_with(new_sandbox, **settings)
    market.sandbox.endpoint("lyra", "http://127.0.0.1:1/hook")
    market.paid(wine(), capture_delay=6)
    market.sandbox.advance("P1D")
    [sent] = market.sandbox.webhooks()
    told = [each["at"] for each in sent["attempts"]]
    assert told == [f"2026-07-01T09:{minute:02d}:00.000Z" for minute in minutes]


@pytest.mark.parametrize(("settings", "seconds"), [({}, 300), ({"token_life": "30s"}, 30)])
def test_token_life(settings: Mapping[str, Any], seconds: int, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    bearer = {"Authorization": f"Bearer {market.token()}"}
    market.sandbox.advance(f"PT{seconds - 1}S")
    assert market.answered("list_orders", headers=bearer).status_code == 200
    market.sandbox.advance("PT1S")
    assert market.answered("list_orders", headers=bearer).status_code == 307


@pytest.mark.parametrize(
    ("settings", "name"), [({}, "Place de marché de démonstration"), ({"merchant_name": "Les Halles"}, "Les Halles")]
)
def test_merchant_name(settings: Mapping[str, Any], name: str, new_sandbox: NewSandbox) -> None:
    market = market_with(new_sandbox, **settings)
    browser = Browser().open(market.execute(market.order()))
    assert any(name in text for text in browser.page.texts.values())


def test_every_setting_has_a_test_here() -> None:
    assert {name for name in SCHEMA["properties"] if f"test_{name}" not in globals()} == set()


# -- the provider's README ---------------------------------------------------------------------------------------------

README = (Path(lyra.__file__).parent / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its head and the ruler."""
    under = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in under.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_readme_lists_the_operations() -> None:
    told = [
        [f"`lyra.{name}`", each.title, ", ".join(each.facts), ", ".join(each.outcomes)]
        for name, each in OPERATIONS.items()
    ]
    assert table("Questions that rules can answer") == told


def test_the_readme_lists_the_reasons() -> None:
    [listed] = re.findall(r"^Reasons of a refusal: (.+)\.$", README, re.MULTILINE)
    assert listed == ", ".join(sorted(REASONS))
    given = {outcomes for each in OPERATIONS.values() for outcomes in each.outcomes.values() if outcomes}
    assert given == {tuple(sorted(REASONS))}


def test_the_readme_lists_the_webhooks() -> None:
    assert table("Webhooks") == [[f"`lyra.{name}`", title] for name, title in EVENTS.items()]


def shown(default: Any) -> str:
    """A default as the table has it."""
    if isinstance(default, list):
        return ", ".join(map(str, default))
    return default if isinstance(default, str) else json.dumps(default)


def test_the_readme_lists_the_settings_with_their_defaults() -> None:
    told = [[f"`{name}`", shown(each["default"]), each["description"]] for name, each in SCHEMA["properties"].items()]
    assert table("Settings") == told
