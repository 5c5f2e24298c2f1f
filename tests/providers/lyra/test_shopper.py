"""The shopper without a browser, by the control API and by a scenario's script: the same steps as on the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.control import ControlledSandbox
from tests.support.lyra_pages import (
    ALIAS,
    WORLD,
    frame_of,
    lyra_call,
    new_order,
    new_token,
    order_of,
    page_of,
    status_of,
    with_settings,
)

NewSandbox = Callable[..., ControlledSandbox]


def executed(sandbox: ControlledSandbox, **changes: Any) -> str:
    """An order that waits for a shopper."""
    order = new_order(sandbox, **changes)
    page_of(sandbox, order)
    return order


def pay(sandbox: ControlledSandbox, ref: str, *tenders: dict[str, Any], status: int = 200) -> Any:
    """Pay with these in turn."""
    return sandbox.shopper(ref, {"pay": list(tenders)}, status)


def schemes(sandbox: ControlledSandbox, order: str) -> list[tuple[str, int]]:
    """Its transactions."""
    return [(each["payment_scheme"], each["amount"]) for each in order_of(sandbox, order)["transactions"]]


def waiting(sandbox: ControlledSandbox) -> list[dict[str, Any]]:
    """What waits for a shopper."""
    found: list[dict[str, Any]] = sandbox.call("GET", "/checkouts")["checkouts"]
    return found


def test_three_tenders_pay_all_that_they_can(sandbox: ControlledSandbox) -> None:
    order = executed(sandbox)
    pay(sandbox, order, {"with": "conecs"}, {"with": "cv_connect"}, {"with": "card"})
    assert schemes(sandbox, order) == [("CONECS", 1400), ("CVCONNECT", 5500), ("CB", 1100)]
    assert status_of(sandbox, order) == "PENDING"


def test_amounts_are_what_the_script_says(sandbox: ControlledSandbox) -> None:
    order = executed(sandbox)
    pay(sandbox, order, {"with": "cv_connect", "amount": "20.00 EUR", "beneficiary": "77777777777"})
    pay(sandbox, order, {"with": "conecs", "amount": "5.50 EUR", "number": "5017670000001900"}, {"with": "card"})
    assert schemes(sandbox, order) == [("CVCONNECT", 2000), ("CONECS", 550), ("CB", 5450)]
    assert order_of(sandbox, order)["transactions"][2]["initial_amount"] == 5450


def test_a_card_that_was_left_out_is_one_that_can_pay(sandbox: ControlledSandbox) -> None:
    item = {"seller_external_ref": "seller1", "reference": "meal", "description": "Menu", "amount": 2500}
    items = [{**item, "vouchers": [{"contract_type": "CONECS", "eligible_amount": 2500}]}]
    first, second, third = (executed(sandbox, items=items) for _ in range(3))
    for order in (first, second):
        pay(sandbox, order, {"with": "conecs"})
        assert schemes(sandbox, order) == [("CONECS", 2500)]
    held = {each["title"]: each["held"] for each in sandbox.accounts().values() if each["kind"] == "conecs"}
    assert (held["6120"], held["1900"], held["9999"]) == ("25.00 EUR", None, "25.00 EUR"), "one that pays all of it"
    pay(sandbox, third, {"with": "conecs", "amount": "24.00 EUR"}, {"with": "card"})
    assert schemes(sandbox, third) == [("CONECS", 2400), ("CB", 100)], "the third card, as the second one cannot"


def test_the_same_order_is_paid_alike_twice_a_day(sandbox: ControlledSandbox) -> None:
    orders = [executed(sandbox) for _ in range(2)]
    for order in orders:
        pay(sandbox, order, {"with": "conecs"}, {"with": "card"})
    first, second = (schemes(sandbox, order) for order in orders)
    assert first == second


def test_the_bank_is_told_the_right_code_unless_the_script_has_another(sandbox: ControlledSandbox) -> None:
    order, wrong = executed(sandbox), executed(sandbox)
    secure = {"with": "card", "number": "4970100000000009"}
    pay(sandbox, order, secure)
    assert schemes(sandbox, order) == [("CB", 8000)]
    pay(sandbox, wrong, {**secure, "code": "000000"})
    assert status_of(sandbox, wrong) == "FAILED"


def test_a_stored_card_pays(sandbox: ControlledSandbox) -> None:
    order = executed(sandbox, alias=ALIAS)
    pay(sandbox, order, {"with": "card", "stored": "yes"})
    assert schemes(sandbox, order) == [("CB", 8000)]
    pay(sandbox, executed(sandbox), {"with": "card", "stored": "yes"}, status=409)


def test_a_refusal_ends_the_payment_or_leaves_attempts(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, extra_attempts=1)
    refused = {"with": "card", "number": "4970100000000098"}
    order, lost = executed(sandbox), executed(sandbox)
    pay(sandbox, order, refused, {"with": "card"})
    assert schemes(sandbox, order) == [("CB", 8000)]
    pay(sandbox, lost, refused, refused)
    assert status_of(sandbox, lost) == "FAILED"
    pay(sandbox, lost, {"with": "card"}, status=409)


def test_cancelling_and_leaving(sandbox: ControlledSandbox) -> None:
    sandbox.stand_still()
    cancelled, left = executed(sandbox), executed(sandbox)
    pay(sandbox, cancelled, {"with": "conecs"})
    sandbox.shopper(cancelled, {"cancel": True})
    assert status_of(sandbox, cancelled) == "ABANDONED"
    sandbox.shopper(left, {"abandon": True})
    assert status_of(sandbox, left) == "CREATED"
    sandbox.advance("PT10M")
    assert status_of(sandbox, left) == "ABANDONED"


@pytest.mark.parametrize(
    "tender",
    [
        {"with": "card", "amount": "10.00 EUR"},
        {"with": "conecs", "amount": "14.01 EUR"},
        {"with": "conecs", "amount": "1.00 USD"},
        {"with": "conecs", "number": "5017670000000000"},
        {"with": "cv_connect", "beneficiary": "12"},
        {"with": "card", "number": "1"},
    ],
)
def test_what_the_page_would_not_allow_is_refused(sandbox: ControlledSandbox, tender: dict[str, Any]) -> None:
    order = executed(sandbox)
    assert pay(sandbox, order, tender, status=409) is not None
    assert waiting(sandbox)[0]["remaining"] == "80.00 EUR"


def test_unknown_tenders_are_refused(sandbox: ControlledSandbox) -> None:
    pay(sandbox, executed(sandbox), {"with": "gift_card"}, status=400)
    token = new_token(sandbox)["token"]
    pay(sandbox, token, {"with": "conecs"}, status=400)


def test_a_card_is_registered(sandbox: ControlledSandbox) -> None:
    token, cancelled = new_token(sandbox)["token"], new_token(sandbox, "/tokens/embedded")["token"]
    rows = waiting(sandbox)
    assert [(each["ref"], each["place"], each["amount"], each["tenders"]) for each in rows] == [
        (each, "lyra.token_page", "0.00 EUR", ["card"]) for each in (token, cancelled)
    ]
    assert "/vads-payment/exec.refresh.a;jsessionid=" in rows[0]["url"]
    assert "/vads-payment/embedded?formToken=" in rows[1]["url"]
    pay(sandbox, token, {"with": "card", "number": "4970100000000009"})
    sandbox.shopper(cancelled, {"cancel": True})
    assert lyra_call(sandbox, "GET", f"/tokens/{token}")["status"] == "SUCCEEDED"
    assert lyra_call(sandbox, "GET", f"/tokens/{cancelled}")["status"] == "ABANDONED"
    assert waiting(sandbox) == []


def test_what_waits_tells_where_and_with_what(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox)
    assert waiting(sandbox) == []
    url = page_of(sandbox, order)
    [row] = waiting(sandbox)
    assert (row["ref"], row["place"], row["url"], row["amount"], row["remaining"], row["reference"]) == (
        order, "lyra.payment_page", url, "80.00 EUR", "80.00 EUR", "CMD-1001",
    )  # fmt: skip
    assert row["tenders"] == ["conecs", "cv_connect", "card"]
    pay(sandbox, order, {"with": "cv_connect"})
    [row] = waiting(sandbox)
    assert (row["remaining"], row["tenders"]) == ("25.00 EUR", ["conecs", "card"])
    framed = frame_of(sandbox, order)
    [row] = waiting(sandbox)
    assert (row["url"], row["remaining"]) == (framed, "80.00 EUR")


def test_a_scenario_s_shopper_comes_by_itself(new_sandbox: NewSandbox) -> None:
    lines = [
        {"at": "lyra.payment_page", "pays": [{"with": "conecs"}, {"with": "card", "number": "4970100000000009"}]},
        {"at": "lyra.token_page", "pays": [{"with": "card"}]},
    ]
    sandbox = new_sandbox(scenario={"mockpsp": 1, "title": "Script", "world": WORLD, "shopper": lines})
    order = executed(sandbox)
    token = new_token(sandbox)["token"]
    sandbox.settle()
    assert schemes(sandbox, order) == [("CONECS", 1400), ("CB", 6600)]
    assert lyra_call(sandbox, "GET", f"/tokens/{token}")["status"] == "SUCCEEDED"


def linked(sandbox: ControlledSandbox) -> str:
    """An order with a persistent link that nobody has opened."""
    order = new_order(sandbox)
    lyra_call(sandbox, "GET", f"/orders/{order}/persist", status=302)
    return order


def test_a_link_waits_for_its_buyer_before_anybody_opens_it(sandbox: ControlledSandbox) -> None:
    order = linked(sandbox)
    [row] = waiting(sandbox)
    assert (row["ref"], row["place"], row["url"]) == (
        order, "lyra.payment_page", order_of(sandbox, order)["persist_url"],
    )  # fmt: skip
    assert row["tenders"] == ["conecs", "cv_connect", "card"]
    pay(sandbox, order, {"with": "conecs"})
    [row] = waiting(sandbox)
    assert "/vads-payment/exec.refresh.a;jsessionid=" in row["url"]
    assert (row["remaining"], row["tenders"]) == ("66.00 EUR", ["cv_connect", "card"])
    pay(sandbox, order, {"with": "card"})
    assert schemes(sandbox, order) == [("CONECS", 1400), ("CB", 6600)]
    assert waiting(sandbox) == []


def test_a_link_outlives_a_change_of_its_order_and_ends_with_it(sandbox: ControlledSandbox) -> None:
    changed, cancelled, forgotten = linked(sandbox), linked(sandbox), linked(sandbox)
    pay(sandbox, changed, {"with": "conecs"})
    lyra_call(sandbox, "PUT", f"/orders/{changed}", {"description": "Another one"})
    assert [each["ref"] for each in waiting(sandbox)] == [changed, cancelled, forgotten]
    pay(sandbox, changed, {"with": "card"})
    assert schemes(sandbox, changed) == [("CB", 8000)]
    lyra_call(sandbox, "DELETE", f"/orders/{cancelled}", status=204)
    assert [each["ref"] for each in waiting(sandbox)] == [forgotten]
    sandbox.advance("P30D")
    assert waiting(sandbox) == []
    assert status_of(sandbox, forgotten) == "ABANDONED"


def test_a_scenario_s_shopper_opens_a_link_once(new_sandbox: NewSandbox) -> None:
    lines = [{"at": "lyra.payment_page", "times": 1, "pays": [{"with": "conecs"}, {"with": "card"}]}]
    sandbox = new_sandbox(scenario={"mockpsp": 1, "title": "Script", "world": WORLD, "shopper": lines})
    order, other = linked(sandbox), linked(sandbox)
    sandbox.settle()
    assert schemes(sandbox, order) == [("CONECS", 1400), ("CB", 6600)]
    assert [each["ref"] for each in waiting(sandbox)] == [other]
