"""What looks wrong and is taken all the same: numbers as texts, fields that nobody asked for, items without expand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import lyra_bad as scenes
from tests.support.lyra import CONTRACT, PAUL, STRANGE, Marketplace, conecs, item, meal, night, wine
from tests.support.lyra_bad import NewSandbox, World, put
from tests.support.server import Threaded


@pytest.fixture
def world(live: Threaded, new_sandbox: NewSandbox) -> World:
    """A fresh sandbox whose clock stands still."""
    return World(live, new_sandbox)


@pytest.fixture
def shop(world: World) -> Marketplace:
    """Its marketplace."""
    return world.shop


def explained(shop: Marketplace, operation: str, body: Any = None, **how: Any) -> tuple[Any, str]:
    """The JSON of an answer that is no refusal, and what the journal says of it."""
    answer = shop.answered(operation, body, **how)
    assert answer.status_code < 400, answer.text
    return answer.json() if answer.content else None, shop.sandbox.explain(answer.headers["Mockpsp-Trace"])


# -- traps 1 and 25 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", [{}, {"expand": ""}, {"expand": "transactions"}, {"expand": "item"}, {"expand": "Items"}]
)
def test_items_that_are_not_expanded_are_forgotten_and_execute_says_so(
    query: dict[str, str], shop: Marketplace
) -> None:
    made, why = explained(shop, "create_order", shop.order_body(), query=query)
    assert made["items"] == []
    assert "they are not read" in why
    assert shop.read(made)["items"] == []
    told = shop.refused("execute", order=made["uuid"])
    assert told == (400, {"amount": "The sum of item amounts cannot be zero or negative."})
    shop.call("create_order_item", meal(), status=201, order=made["uuid"])
    assert shop.execute(made)


@pytest.mark.parametrize("expand", ["items", "items,transactions", "transactions, items", "x,items,items"])
def test_items_that_are_expanded_are_there(expand: str, shop: Marketplace) -> None:
    made = shop.call("create_order", shop.order_body(), query={"expand": expand})
    assert [each["amount"] for each in made["items"]] == [2500, 1850]


def test_numbers_may_come_as_texts_and_are_answered_as_numbers(shop: Marketplace) -> None:
    text = item("2500", quantity="2", commission_amount="100", is_commission="false", hold_payment="true")  # type: ignore[arg-type]
    voucher = {"contract_type": "CONECS", "eligible_amount": "1400"}
    body = shop.order_body({**text, "vouchers": [voucher]}, capture_delay="3", awaiting_validation="false")
    made, why = explained(shop, "create_order", body, query={"expand": "items"})
    assert "texts of the body were read as the numbers" in why
    assert (made["capture_delay"], made["awaiting_validation"]) == (3, False)
    [shown] = made["items"]
    names = ("amount", "quantity", "commission_amount", "is_commission", "hold_payment")
    assert [shown[name] for name in names] == [2500, 2, 100, False, True]
    assert shown["vouchers"] == [{"contract_type": "CONECS", "eligible_amount": 1400}]
    shop.execute(made)
    assert shop.read(made)["amount"] == 2500
    changed = shop.call("update_item", {"amount": "2600"}, item=shop.order(wine())["items"][0]["uuid"])
    assert changed["amount"] == 2600


def test_texts_stay_texts_where_texts_belong(shop: Marketplace) -> None:
    made = shop.order(item(100, reference="0100", description="007"), reference="42", description="true")
    assert (made["reference"], made["description"]) == ("42", "true")
    assert (made["items"][0]["reference"], made["items"][0]["description"]) == ("0100", "007")


def test_refunds_and_registrations_take_texts_too(shop: Marketplace) -> None:
    order = shop.captured()
    line = {"seller_external_ref": "seller1", "reference": "r", "amount": "500", "is_commission": "false"}
    assert shop.refund(order, items=[line])["amount"] == 500
    activity = {"name": "Le Bistrot", "siret": "12345678200010", "mcc": "5812", "is_principal": "true"}
    made = shop.register(cashout_delay="2", legal_form="5499", turnover="100000", activities=[activity])
    assert (made["cashout_delay"], made["legal_form"], made["turnover"]) == (2, 5499, 100_000)
    assert made["activities"][0]["mcc"] == 5812


# -- fields that nobody asked for --------------------------------------------------------------------------------------

READ_ONLY = {"uuid": STRANGE, "href": "x", "status": "SUCCEEDED", "created_at": 7, "links": [], "actual_amount": {}}


def test_unknown_and_read_only_fields_are_ignored(shop: Marketplace) -> None:
    voucher = {**conecs(1400), "is_selected": True, "actual_amount": 1400, "why": None}
    extra = {
        **READ_ONLY,
        "amount": 1,
        "initial_amount": "x",
        "webhook_result": 500,
        "persist_url": "x",
        "x-unknown": {},
    }
    body = {**shop.order_body({**meal(), **READ_ONLY, "vouchers": [voucher]}), **extra}
    made, why = explained(shop, "create_order", body, query={"expand": "items"})
    assert made["uuid"] != STRANGE
    assert (made["status"], made["initial_amount"], made["webhook_result"]) == ("CREATED", None, None)
    [shown] = made["items"]
    assert shown["uuid"] != STRANGE
    assert shown["vouchers"] == [conecs(1400)]
    assert "x-unknown" in why, why


@pytest.mark.parametrize("scene", ["new_order", "executed"])
def test_an_object_can_be_sent_back_as_it_was_read(scene: str, shop: Marketplace) -> None:
    ref = getattr(scenes, scene)(shop)["order"]
    read = shop.read(ref)
    told = shop.call("update_order", read, order=ref, query={"expand": "items,transactions"})
    assert [each["uuid"] for each in told["items"]] == [each["uuid"] for each in read["items"]]
    assert {**told, "updated_at": "", "items": []} == {**read, "updated_at": "", "items": []} | {
        name: told[name] for name in ("amount", "initial_amount")
    }
    shown = told["items"][0]
    assert shop.call("update_item", shown, item=shown["uuid"])["vouchers"] == shown["vouchers"]


def test_a_registration_can_be_sent_back_as_it_was_read(shop: Marketplace) -> None:
    made = shop.register(external_ref="mine")
    told = shop.call("update_registration", made, registration=made["uuid"])
    assert {**told, "updated_at": ""} == {**made, "updated_at": ""}


def test_a_refund_can_be_sent_back_with_another_amount(shop: Marketplace) -> None:
    made = shop.refund(shop.captured())
    told = shop.call("update_refund", put(made, "items.0.amount", 300), refund=made["uuid"])
    assert (told["amount"], told["uuid"], told["status"]) == (300, made["uuid"], "CREATED")


# -- sellers and vouchers ----------------------------------------------------------------------------------------------


def test_a_seller_may_be_named_twice_if_both_agree_in_any_case_of_letters(shop: Marketplace) -> None:
    uuid = shop.seller()
    made = shop.order(item(100, seller=uuid.upper(), seller_external_ref="seller1"))
    assert made["items"][0]["seller"] == uuid
    assert made["items"][0]["seller_external_ref"] == "seller1"


@pytest.mark.parametrize("missing", ["seller", "marketplace"])
def test_where_the_setting_says_so_a_voucher_without_a_contract_is_left_out(
    missing: str, live: Threaded, new_sandbox: NewSandbox
) -> None:
    bare = [{"external_ref": "seller1", "vouchers": {"CONECS": "1"}}]
    market: dict[str, Any] = {"sellers": bare} if missing == "seller" else {"marketplace": {"vouchers": ["CONECS"]}}
    shop = World(live, new_sandbox, {"missing_contract": "ignored"}, market).shop
    made = shop.order(night(), item(100, vouchers=[conecs(50), {"contract_type": "CVCONNECT"}]))
    assert [each["vouchers"] for each in made["items"]] == [[], [conecs(50)]]
    assert shop.pay({"uuid": made["uuid"], "url": shop.execute(made)})["status"] == "PENDING"


def test_any_type_of_goods_is_taken(shop: Marketplace) -> None:
    """The guide's own examples have ``FOOD``, which its list lacks."""
    assert shop.order(item(100, type="FOOD"))["items"][0]["type"] == "FOOD"


@pytest.mark.parametrize("eligible", [0, 2500])
def test_the_limits_of_what_is_eligible(eligible: int, shop: Marketplace) -> None:
    assert shop.order(meal(2500, eligible))["items"][0]["vouchers"] == [conecs(eligible)]


def test_a_held_commission_may_be_false(shop: Marketplace) -> None:
    operators: dict[str, Any] = {"seller_external_ref": "operator", "is_commission": True}
    made = shop.order(wine(), item(100, **operators, hold_payment=False, commission_amount=0))
    assert made["items"][1]["is_commission"] is True


# -- paths, queries, bodies --------------------------------------------------------------------------------------------


def test_uuids_may_come_in_upper_case(shop: Marketplace) -> None:
    scene = {**scenes.refund(shop), **scenes.registration(shop), **scenes.token(shop), "seller": shop.seller()}
    for name in ("order", "item", "refund", "transaction", "registration", "token", "seller"):
        told = shop.call(f"get_{name}", **{name: scene[name].upper()})
        assert scene[name] in (told.get("uuid"), told.get("trans_uuid"))
    assert shop.call("get_marketplace", marketplace=shop.uuid.upper())["uuid"] == shop.uuid
    assert shop.call("list_marketplace_registrations", marketplace=shop.uuid.upper())["count"] == 1
    line = {"seller": shop.seller().upper(), "item": scene["item"].upper(), "reference": "r", "amount": 1}
    assert shop.refund(scene["order"].upper(), items=[line])["items"][0]["item"] == scene["item"]


def test_a_put_without_a_body_changes_nothing(shop: Marketplace) -> None:
    order, registration = shop.order(), shop.register()
    for operation, ref in (
        ("update_order", {"order": order["uuid"]}),
        ("update_item", {"item": order["items"][0]["uuid"]}),
    ):
        assert shop.call(operation, {}, **ref)["uuid"] in ref.values()
    told = shop.call("update_registration", {}, registration=registration["uuid"])
    assert {**told, "updated_at": ""} == {**registration, "updated_at": ""}


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON", "application/json;odata=x"])
def test_json_may_say_more_of_itself(media: str, shop: Marketplace) -> None:
    answer = shop.answered("create_token", shop.token_body(), headers={"Content-Type": media})
    assert answer.status_code == 201, answer.text


def test_empty_filters_filter_nothing(shop: Marketplace) -> None:
    shop.captured()
    for name in CONTRACT.names():
        query = dict.fromkeys(CONTRACT.operation(name).parameters, "")
        if name.startswith("list_") and "{" not in CONTRACT.operation(name).path and "page" in query:
            del query["page"]
            assert shop.call(name, query=query) == shop.call(name), name


def test_the_last_page_can_be_asked_for_by_name(shop: Marketplace) -> None:
    for _ in range(6):
        shop.order()
    first, last = shop.call("list_orders"), shop.call("list_orders", query={"page": "last"})
    assert (first["count"], len(first["results"]), len(last["results"])) == (6, 5, 1)
    assert (first["previous"], last["next"]) == (None, None)


def test_a_buyer_may_have_any_phone_number_and_null_where_nothing_is_needed(shop: Marketplace) -> None:
    nothing = dict.fromkeys(("reference", "title", "first_name", "last_name", "legal_name", "address"))
    buyer = {**PAUL, **nothing, "phone_number": "33 (0)1 11 22 33 44"}
    empty = ("description", "language", "alias", "url_return", "url_success", "return_mode", "shop_url", "shipping")
    body = {**shop.order_body(buyer=buyer), **dict.fromkeys(empty), "capture_delay": None}
    made = shop.call("create_order", body, status=201)
    assert made["buyer"] == {**buyer, "address": None}
