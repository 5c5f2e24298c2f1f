"""The surprises that integrators of the marketplace stumble over, one test each; a stub that smooths one over is wrong.

The numbers are those of the research notes' list of traps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any

import pytest
import requests

from mockpsp.providers.lyra.auth import REALM
from tests.support.control import ControlledSandbox
from tests.support.lyra import (
    CARD,
    HOLIDAY,
    MEAL_CARD,
    MEAL_CARDS,
    Inbox,
    Marketplace,
    conecs,
    holiday,
    item,
    meal,
    night,
    scenario,
    wine,
)
from tests.support.receiver import Receiver

NewSandbox = Callable[..., ControlledSandbox]
TUESDAY = "2026-01-06T09:15:00Z"
SELLER_2: Mapping[str, Any] = {"seller_external_ref": "seller2"}
COMMISSION = item(900, seller_external_ref="operator", reference="com", description="Commission", is_commission=True)


@pytest.fixture
def shop(new_sandbox: NewSandbox) -> Marketplace:
    """A marketplace whose clock stands still."""
    return Marketplace(new_sandbox(scenario=scenario(), clock=TUESDAY))


def meal_card(which: str, **more: Any) -> dict[str, Any]:
    """A meal card in the shopper's hand."""
    return {**MEAL_CARD, "number": MEAL_CARDS[which], **more}


def chosen(order: Mapping[str, Any], contract_type: str) -> list[bool]:
    """``is_selected`` of an order's vouchers of a type, in the order of its items."""
    vouchers = [voucher for each in order["items"] for voucher in each["vouchers"]]
    return [each["is_selected"] for each in vouchers if each["contract_type"] == contract_type]


def executed(shop: Marketplace, *items: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """An order at the moment at which its shopper would be sent to the page."""
    order = shop.order(*items, **changes)
    shop.execute(order)
    return shop.read(order)


def test_01_items_that_are_not_expanded_are_lost_and_execute_tells_so(shop: Marketplace) -> None:
    body = shop.order_body()
    answer = shop.answered("create_order", body)
    assert (answer.status_code, answer.json()["items"]) == (201, [])
    order = answer.json()["uuid"]
    assert shop.call("list_order_items", order=order)["count"] == 0
    told = shop.refused("execute", order=order)
    assert told == (400, {"amount": "The sum of item amounts cannot be zero or negative."})


def test_02_execute_is_a_get_that_changes_no_status_and_blocks_only_the_cancellation(shop: Marketplace) -> None:
    order = shop.order()
    shop.execute(order)
    assert shop.status(order) == "CREATED"
    status, told = shop.refused("cancel_order", order=order["uuid"])
    paying = "This order has been executed and cannot be canceled until the end of the payment process"
    assert (status, told) == (400, {"Order": paying})
    again = shop.execute(order)
    assert requests.get(again, timeout=30).status_code == 200, "executed once more"
    shop.call("update_order", {"description": "Table 7"}, order=order["uuid"])
    shop.execute(order)
    shop.pay(order)
    shop.call("cancel_order", order=order["uuid"])
    assert shop.status(order) == "CANCELLED"


def test_03_the_seller_with_the_largest_sum_wins_not_the_largest_item(shop: Marketplace) -> None:
    several = (meal(eligible=900), meal(eligible=600), meal(eligible=500))
    order = executed(shop, meal(eligible=1900, **SELLER_2), *several)
    assert chosen(order, "CONECS") == [False, True, True, True], "2000 by seller1, 1900 by seller2"


def test_03_the_guides_own_example(shop: Marketplace) -> None:
    order = executed(shop, meal(eligible=900), meal(eligible=500), meal(eligible=1900, **SELLER_2))
    assert chosen(order, "CONECS") == [False, False, True], "1400 by seller1, 1900 by seller2"


def test_04_both_types_can_be_selected_by_one_seller_or_by_two(shop: Marketplace) -> None:
    both = [conecs(1400), holiday()]
    one = executed(shop, meal(vouchers=both))
    assert chosen(one, "CONECS") == chosen(one, "CVCONNECT") == [True]
    two = executed(shop, meal(vouchers=both), night(9000, **SELLER_2))
    assert (chosen(two, "CONECS"), chosen(two, "CVCONNECT")) == ([True], [False, True])


def test_05_holiday_vouchers_have_no_eligible_amount_and_meal_vouchers_must(shop: Marketplace) -> None:
    [made] = shop.order(night())["items"]
    assert made["vouchers"] == [{"contract_type": "CVCONNECT"}]
    [made] = shop.order(night(vouchers=[holiday(100)]))["items"]
    assert made["vouchers"] == [{"contract_type": "CVCONNECT"}], "one that is sent means nothing"
    body = shop.order_body(wine(), meal(vouchers=[conecs()]))
    status, told = shop.refused("create_order", body, query={"expand": "items"})
    assert status == 400
    assert told["items"] == [{}, {"vouchers": [{"eligible_amount": ["This field is required."]}]}]


def test_06_nothing_of_a_used_voucher_is_zero_and_an_unused_one_is_absent(shop: Marketplace) -> None:
    three = [meal(vouchers=[conecs(each), holiday()]) for each in (1400, 1100, 800)]
    tenders = (meal_card("19 a day"), CARD)
    paid = shop.paid(*three, meal(eligible=700, **SELLER_2), tenders=tenders)
    actual = [each["vouchers"][0].get("actual_amount") for each in paid["items"]]
    assert sum(actual[:3]) == 1900, "none of the winner's is absent"
    assert "actual_amount" not in paid["items"][3]["vouchers"][0], "not the winner's"
    assert all("actual_amount" not in each["vouchers"][1] for each in paid["items"][:3]), "a type that nobody used"
    small = shop.paid(*three, tenders=(meal_card("rich", amount="1.50 EUR"), CARD))
    assert sorted(each["vouchers"][0]["actual_amount"] for each in small["items"]) == [0, 0, 150]


def test_07_what_was_paid_is_spread_in_a_random_order(new_sandbox: NewSandbox) -> None:
    limits, by_meal_card = (1400, 1100, 800), 1900
    found = set()
    for seed in range(12):
        shop = Marketplace(new_sandbox(scenario=scenario(), clock=TUESDAY, seed=seed))
        paid = shop.paid(*(meal(eligible=each) for each in limits), tenders=(meal_card("19 a day"), CARD))
        actual = [each["vouchers"][0]["actual_amount"] for each in paid["items"]]
        assert sum(actual) == by_meal_card == paid["transactions"][0]["amount"]
        assert all(0 <= each <= limit for each, limit in zip(actual, limits, strict=True))
        found.add(tuple(actual))
    possible = set()
    for order in permutations(range(3)):
        filled = [0, 0, 0]
        for index in order:
            filled[index] = min(limits[index], by_meal_card - sum(filled))
        possible.add(tuple(filled))
    assert len(found) > 1
    assert found <= possible, "each filled up before the next"


def test_08_nothing_of_vouchers_is_final_before_the_payment(shop: Marketplace) -> None:
    order = shop.order()

    def keys() -> set[str]:
        return set(shop.read(order)["items"][0]["vouchers"][0])

    created = {"contract_type", "eligible_amount"}
    assert keys() == created
    shop.execute(order)
    assert keys() == created | {"is_selected"}
    shop.pay(order, MEAL_CARD)
    assert keys() == created | {"is_selected"}, "a share is paid, and the order is not"
    shop.pay(order, CARD)
    assert keys() == created | {"is_selected", "actual_amount"}


def test_09_the_amount_counts_commission_items_and_nothing_twice(shop: Marketplace) -> None:
    body = (item(1000, quantity=3, commission_amount=100), item(500, reference="del", description="Delivery"))
    order = executed(shop, *body, COMMISSION, shipping={"shipping_method": "PACKAGE_DELIVERY_COMPANY"})
    assert (order["amount"], order["initial_amount"]) == (2400, 2400)


def test_10_meal_vouchers_need_no_validation(shop: Marketplace) -> None:
    paid = shop.paid(meal(), night(), wine(), tenders=(MEAL_CARD, HOLIDAY, CARD), awaiting_validation=True)
    told = {each["payment_scheme"]: each["status"] for each in paid["transactions"]}
    assert (told["CONECS"], told["CB"]) == ("PENDING", "TO_VALIDATE")
    assert paid["status"] == "PENDING"


def test_11_webhooks_have_one_uuid_and_errors_are_not_tried_again(shop: Marketplace, receiver: Receiver) -> None:
    inbox = Inbox(shop.sandbox, receiver)
    receiver.status = 500
    order = shop.paid()["uuid"]
    assert inbox.told() == [("order", order)]
    [sent] = receiver.received
    assert json.loads(sent.body) == {"order": order}
    names = {name.lower() for name, _ in sent.headers}
    assert not [name for name in names if "sign" in name or "authorization" in name or "hash" in name]
    shop.sandbox.advance("PT45M")
    assert len(receiver.received) == 1
    assert shop.read(order)["webhook_result"] == 500


def test_11_a_network_failure_is_tried_twice_more_a_quarter_of_an_hour_apart(new_sandbox: NewSandbox) -> None:
    shop = Marketplace(new_sandbox(scenario=scenario(webhook_probe=False), clock=TUESDAY))
    shop.call("create_webhook", {"event_type": "order", "target": "http://127.0.0.1:9/"})
    shop.paid()
    for _ in range(3):
        shop.sandbox.advance("PT15M")
    [webhook] = shop.sandbox.webhooks()
    assert [each["at"][11:19] for each in webhook["attempts"]] == ["09:15:00", "09:30:00", "09:45:00"]


def test_12_a_webhook_is_created_with_200_after_a_probe_and_listed_in_a_bare_array(
    shop: Marketplace, receiver: Receiver
) -> None:
    answer = shop.answered("create_webhook", {"event_type": "refund", "target": receiver.url})
    assert answer.status_code == 200
    [probe] = receiver.received
    assert probe.body == b""
    listed = shop.call("list_webhooks")
    assert isinstance(listed, list)
    assert {each["event_type"]: each["target"] for each in listed} == {
        "order": None,
        "token": None,
        "registration": None,
        "refund": receiver.url,
        "kyc": None,
    }


def test_13_an_expired_token_leads_away_silently(shop: Marketplace) -> None:
    bearer = {"Authorization": f"Bearer {shop.token()}"}
    shop.sandbox.advance("PT5M")
    late = shop.request("GET", "/orders", headers=bearer)
    assert late.status_code == 307
    followed = requests.get(f"{shop.sandbox.url}{shop.base}/orders", headers=bearer, timeout=30)
    assert followed.url == late.headers["Location"] == f"{shop.sandbox.url}{REALM}"
    assert followed.status_code != 307, "whatever is there, it is no list of orders"


def test_14_a_refunds_amount_is_not_checked_at_first_and_one_seller_refunds(shop: Marketplace) -> None:
    order = shop.captured(item(1000), item(1000, **SELLER_2), COMMISSION)
    refund = shop.refund(order, 500_000)
    assert refund["status"] == "CREATED"
    shop.sandbox.advance("PT2H")
    assert shop.call("get_refund", refund=refund["uuid"])["status"] == "FAILED"
    lines = {name: {"seller_external_ref": name, "reference": "r", "amount": 100} for name in ("seller1", "seller2")}
    operator = {"seller": shop.seller("operator"), "reference": "o", "amount": 100}
    assert shop.refund(order, items=[lines["seller1"], operator])["amount"] == 200
    status, told = shop.refused("create_refund", shop.refund_body(order, items=[*lines.values()]))
    assert (status, list(told)) == (400, ["items"])


def test_15_an_order_that_is_not_captured_is_cancelled_or_lowered_and_not_refunded(shop: Marketplace) -> None:
    paid = shop.paid()
    status, told = shop.refused("create_refund", shop.refund_body(paid))
    assert (status, list(told)) == (400, ["order"])
    lower = shop.call("update_order", {"items": [wine(1000)]}, order=paid["uuid"], query={"expand": "items"})
    assert lower["amount"] == 1000
    shop.call("cancel_order", order=paid["uuid"])


def test_16_a_refund_that_is_done_cannot_be_cancelled_and_a_put_must_change_it(shop: Marketplace) -> None:
    refund = shop.refund(shop.captured(), 500)
    status, told = shop.refused("update_refund", {"items": refund["items"]}, refund=refund["uuid"])
    assert (status, list(told)) == (400, ["amount"])
    line = refund["items"][0]
    lower = shop.call("update_refund", {"items": [{**line, "amount": 400}]}, refund=refund["uuid"])
    assert lower["amount"] == 400
    more = shop.refused("update_refund", {"items": [{**line, "amount": 501}]}, refund=refund["uuid"])
    assert (more[0], list(more[1])) == (400, ["amount"]), "up to the first amount only"
    shop.sandbox.advance("PT2H")
    assert shop.refused("delete_refund", refund=refund["uuid"])[0] == 405


def test_17_a_put_replaces_all_items_and_compares_days(shop: Marketplace) -> None:
    paid = shop.paid()
    query = {"expand": "items"}

    def refused(date: str) -> tuple[int, Any]:
        body = {"items": paid["items"], "expected_capture_date": date}
        return shop.refused("update_order", body, order=paid["uuid"], query=query)

    assert paid["expected_capture_date"] == "20260106091500"
    assert refused("20260106200000")[0] == 400, "another hour of the same day changes nothing"
    assert list(shop.refused("update_order", {"description": "Other"}, order=paid["uuid"])[1]) == ["amount"]
    body = {"items": [wine(1000)], "expected_capture_date": "20260107091500"}
    told = shop.call("update_order", body, order=paid["uuid"], query=query)
    assert [each["amount"] for each in told["items"]] == [1000]
    assert told["items"][0]["uuid"] not in {each["uuid"] for each in paid["items"]}


def test_18_references_and_descriptions_have_rules_of_their_own(shop: Marketplace) -> None:
    made = shop.order(item(100, description="!*%$: a bottle of wine"), reference="Table 4 - CMD_1")
    assert made["reference"] == "Table 4 - CMD_1"
    for changes, field in (({"reference": "two words"}, "reference"), ({"description": "A bottle!"}, "description")):
        status, told = shop.refused("create_order", shop.order_body(item(100, **changes)), query={"expand": "items"})
        assert (status, list(told["items"][0])) == (400, [field])
    assert list(shop.refused("create_order", shop.order_body(reference="CMD/1"))[1]) == ["reference"]
    assert shop.order(reference="Table 4 - CMD_1")["uuid"] != made["uuid"], "references may be used again"


def test_19_a_token_of_an_order_has_its_uuid_and_two_webhooks_tell_so(shop: Marketplace, receiver: Receiver) -> None:
    inbox = Inbox(shop.sandbox, receiver)
    order = shop.order()
    ref = order["uuid"]
    assert shop.refused("get_token", token=ref)[0] == 404
    shop.execute(order, "execute_token")
    assert shop.call("get_token", token=ref)["status"] == "CREATED"
    shop.pay(order)
    assert sorted(inbox.told()) == [("order", ref), ("token", ref)]
    token = shop.call("get_token", token=ref)
    assert (token["uuid"], token["status"]) == (ref, "SUCCEEDED")
    assert shop.read(order)["alias"] is None, "the order does not show it"
    assert shop.call("get_alias", alias=token["alias"])["brand"] == "CB"


def test_20_each_object_has_names_of_its_own(shop: Marketplace) -> None:
    assert set(shop.register_card()) == {"token", "payment_url"}
    assert set(shop.call("create_embedded_token", shop.token_body())) == {"token", "form_token"}
    [transaction] = shop.captured(wine())["transactions"]
    assert "uuid" not in transaction
    assert len(transaction["trans_uuid"]) == 32
    [cashout] = shop.call("list_cashouts")["results"]
    assert "ref" in cashout
    assert "reference" not in cashout
    assert cashout["href"] == f"/marketplace/cashouts/{cashout['uuid']}"
    [line] = shop.call("get_cashout", cashout=cashout["uuid"])["transfers"]
    assert set(line["item"]) == set(line["order"]) == {"uuid", "ref", "desc"}


def test_21_a_registration_is_no_seller_and_its_board_only_grows(new_sandbox: NewSandbox) -> None:
    shop = Marketplace(new_sandbox(scenario=scenario(registration_review="automatic"), clock=TUESDAY))
    made = shop.register()
    ref, [marie] = made["uuid"], made["board"]

    def update(**body: Any) -> Any:
        return shop.call("update_registration", body, registration=ref)

    told = shop.refused("update_registration", {"external_ref": "another"}, registration=ref)
    assert (told[0], list(told[1])) == (400, ["external_ref"])
    assert len(update(board=[{**marie, "first_name": "Anne"}])["board"]) == 1
    assert update(board=[])["board"][0]["first_name"] == "Anne", "an empty board changes nobody"
    stranger = {name: each for name, each in marie.items() if name not in ("uuid", "email")}
    assert len(update(board=[stranger])["board"]) == 2, "without a uuid she is somebody else"
    assert len(update(board=[stranger])["board"]) == 3
    twice = {name: each for name, each in marie.items() if name != "uuid"}
    assert shop.refused("update_registration", {"board": [twice]}, registration=ref)[0] == 400, "the same address"
    members = shop.call("get_registration", registration=ref)["board"]
    for member in members:
        shop.upload(ref, "PASSPORT", member["uuid"])
    for kind in ("IBAN", "KBIS"):
        shop.upload(ref, kind)
    shop.call("submit_registration", registration=ref)
    shop.sandbox.settle()
    seller = shop.call("get_registration", registration=ref)["seller"]
    assert seller not in (None, ref)
    assert shop.call("get_seller", seller=seller)["external_ref"] == made["external_ref"]


def test_22_nobody_becomes_a_seller_in_a_test_environment(shop: Marketplace) -> None:
    made = shop.register()
    shop.upload(made["uuid"], "PASSPORT", made["board"][0]["uuid"])
    for kind in ("IBAN", "KBIS"):
        shop.upload(made["uuid"], kind)
    shop.call("submit_registration", registration=made["uuid"])
    shop.sandbox.advance("P90D")
    told = shop.call("get_registration", registration=made["uuid"])
    assert (told["status"], told["seller"]) == ("PENDING_VALIDATION", None)


def test_23_twenty_five_euros_are_a_card_and_a_day(shop: Marketplace) -> None:
    card = meal_card("25 a day")

    def paid_by_meal_card() -> int:
        paid = shop.paid(meal(3000, eligible=2000), tenders=(card, CARD))
        return int(paid["transactions"][0]["amount"])

    assert [paid_by_meal_card(), paid_by_meal_card()] == [2000, 500], "two orders share a day"
    third = executed(shop, meal(3000, eligible=2000))
    shop.sandbox.shopper(third["uuid"], {"pay": [card]}, 409)
    shop.pay(third, meal_card("rich"), CARD)
    shop.sandbox.advance("P1D")
    dropped = executed(shop, meal(3000, eligible=2000))
    shop.pay(dropped, card)
    shop.sandbox.shopper(dropped["uuid"], {"cancel": True})
    assert shop.status(dropped) == "ABANDONED"
    expired = executed(shop, meal(3000, eligible=2000))
    shop.pay(expired, card)
    shop.sandbox.advance("PT10M")
    assert shop.status(expired) == "ABANDONED"
    assert [paid_by_meal_card(), paid_by_meal_card()] == [2000, 500], "what was dropped was given back"


def test_24_errors_of_the_business_are_texts_and_those_of_a_schema_lists(shop: Marketplace, receiver: Receiver) -> None:
    receiver.status = 404
    order = shop.order()
    shop.execute(order)
    empty = shop.call("create_order", shop.order_body(), status=201)["uuid"]
    assert isinstance(shop.refused("execute", order=empty)[1]["amount"], str)
    assert isinstance(shop.refused("cancel_order", order=order["uuid"])[1]["Order"], str)
    wrong = shop.refused("create_webhook", {"event_type": "order", "target": receiver.url})[1]
    assert isinstance(wrong["error"], str)
    assert isinstance(shop.refused("get_order", order=empty[:-1])[1]["detail"], str)
    body = shop.order_body(buyer={"type": "PRIVATE", "phone_number": "1"}, reference=None)
    told = shop.refused("create_order", body)[1]
    assert told == {"buyer": {"email": ["This field is required."]}, "reference": ["This field is required."]}


def test_25_numbers_may_come_as_texts_and_leave_as_numbers(shop: Marketplace) -> None:
    sent = item("2500", quantity="2", commission_amount="100", vouchers=[conecs("1400")])  # type: ignore[arg-type]
    made = shop.order(sent, capture_delay="3")
    [told] = made["items"]
    assert (told["amount"], told["quantity"], told["commission_amount"]) == (2500, 2, 100)
    assert told["vouchers"] == [{"contract_type": "CONECS", "eligible_amount": 1400}]
    assert made["capture_delay"] == 3
    market = shop.call("get_marketplace")
    assert isinstance(market["tva_rate"], str)
    assert isinstance(market["currencies"][0]["commission_prorata"], float)
