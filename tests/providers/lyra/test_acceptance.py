"""The acceptance calls: a marketplace's server over plain HTTP, a shopper acts, webhooks arrive, money reaches sellers.

No official client exists for the marketplace API; the judges are our contract, which every answer is checked against,
and what Lyra's guides promise. The surprises that integrators stumble over are in ``test_traps.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from mockpsp.providers.lyra.auth import REALM, TOKEN_PATH
from tests.support.control import ControlledSandbox
from tests.support.lyra import (
    ALIAS,
    BASES,
    CARD,
    CONTRACT,
    HOLIDAY,
    MEAL_CARD,
    MEAL_CARDS,
    PAUL,
    STRANGE,
    Inbox,
    Marketplace,
    item,
    meal,
    night,
    operation_at,
    scenario,
    wine,
)
from tests.support.receiver import Receiver

NewSandbox = Callable[..., ControlledSandbox]
TUESDAY = "2026-01-06T09:15:00Z"
COMMISSION = item(900, seller_external_ref="operator", reference="com", description="Commission", is_commission=True)


@pytest.fixture
def shop(new_sandbox: NewSandbox) -> Marketplace:
    """A marketplace whose clock stands still."""
    return Marketplace(new_sandbox(scenario=scenario(), clock=TUESDAY))


@pytest.fixture
def inbox(shop: Marketplace, receiver: Receiver) -> Inbox:
    """Its webhook endpoint."""
    return Inbox(shop.sandbox, receiver)


def with_settings(new_sandbox: NewSandbox, *rules: Mapping[str, Any], **settings: Any) -> Marketplace:
    """A marketplace whose scenario has these rules and settings."""
    return Marketplace(new_sandbox(scenario=scenario(*rules, **settings), clock=TUESDAY))


def uuids(page: Any) -> list[str]:
    """Of a list's results."""
    return [each.get("uuid") or each["trans_uuid"] for each in page["results"]]


# -- every operation -------------------------------------------------------------------------------------------------


class Tour(Marketplace):
    """Notes which operation answered with which success."""

    def __init__(self, sandbox: ControlledSandbox) -> None:
        super().__init__(sandbox)
        self.seen: dict[str, int] = {}

    def request(self, method: str, path: str, body: Any = None, **how: Any) -> requests.Response:
        """See Marketplace."""
        answer = super().request(method, path, body, **how)
        operation = operation_at(method, path)
        if operation is not None and answer.status_code < 400:
            self.seen[operation] = answer.status_code
        return answer


def success(operation: str) -> int:
    """The status by which our contract says that an operation succeeded."""
    codes = [code for code in CONTRACT.operation(operation).responses if code[0] == "2" or code == "302"]
    [code] = codes
    return int(code)


def tour_of_orders(on: Tour) -> None:
    """An order's life, from its creation to its refund, and other orders that end sooner."""
    order = on.order(meal(), wine(), COMMISSION)
    ref = order["uuid"]
    on.call("update_order", {"description": "Table 5"}, order=ref)
    on.call("create_order_item", item(100, reference="bread"), order=ref)
    added = on.call("create_item", {**item(200, reference="water"), "order": ref})
    on.call("update_item", {"amount": 300}, item=added["uuid"])
    on.call("get_item", item=added["uuid"])
    on.execute(order)
    paid = on.pay(order, MEAL_CARD, CARD)
    transaction = paid["transactions"][0]["trans_uuid"]
    on.sandbox.advance("P1D")
    for operation in ("items", "transactions", "refunds", "transfers"):
        on.call(f"list_order_{operation}", order=ref)
    on.call("get_transaction", transaction=transaction)
    on.call("list_transaction_transfers", transaction=transaction)
    transfer = on.call("list_item_transfers", item=order["items"][0]["uuid"])["results"][0]["uuid"]
    on.call("get_transfer", transfer=transfer)
    refund = on.refund(ref, 500)["uuid"]
    on.call("get_refund", refund=refund)
    lower = {"items": [{"seller": on.seller(), "reference": "r1", "amount": 400}]}
    on.call("update_refund", lower, refund=refund)
    on.call("delete_refund", refund=refund)
    on.call("cancel_order", order=on.order()["uuid"])


def tour_of_other_ways(on: Tour) -> None:
    """Held items, manual validation, links, tokens and aliases."""
    held = on.paid(item(1000, hold_payment=True), item(2000, reference="two", hold_payment=True))
    on.call("activate_item", item=held["items"][0]["uuid"])
    on.call("activate_order", order=held["uuid"])
    on.call("validate_order", order=on.paid(awaiting_validation=True)["uuid"])
    on.call("persist", order=on.order()["uuid"])
    on.call("execute_mit", order=on.order(alias=ALIAS)["uuid"])
    for way in ("execute_token", "execute_embedded", "execute_embedded_token"):
        on.execute(on.order(reference=way), way)
    token = on.register_card()["token"]
    on.call("create_embedded_token", on.token_body())
    on.call("get_token", token=token)
    on.call("get_alias", alias=ALIAS)


def tour_of_the_marketplace(on: Tour, receiver: Receiver) -> None:
    """Sellers, webhooks, cashouts and what belongs to the marketplace."""
    on.call("get_marketplace")
    for operation in ("orders", "sellers", "registrations", "transactions"):
        on.call(f"list_marketplace_{operation}")
    on.call("create_webhook", {"event_type": "order", "target": receiver.url})
    on.call("update_webhook", {"event_type": "order", "target": f"{receiver.url}/2"})
    on.call("list_webhooks")
    on.call("delete_webhook", event="order")
    on.call("get_seller", seller=on.seller())
    for operation in ("items", "transfers", "cashouts"):
        on.call(f"list_seller_{operation}", seller=on.seller())
    cashout = on.call("list_cashouts")["results"][0]["uuid"]
    on.call("get_cashout", cashout=cashout)
    for name in ("orders", "items", "refunds", "transactions", "transfers", "tokens", "marketplaces", "sellers"):
        on.call(f"list_{name}")


def tour_of_an_enrolment(on: Tour) -> None:
    """A registration up to its submission."""
    made = on.register()
    ref, member = made["uuid"], made["board"][0]["uuid"]
    on.call("get_registration", registration=ref)
    on.call("update_registration", {"trading_name": "Chez Marie"}, registration=ref)
    for kind, owner in (("PASSPORT", member), ("IBAN", None), ("KBIS", None)):
        on.upload(ref, kind, owner)
    on.call("list_documents", registration=ref)
    on.call("submit_registration", registration=ref)
    on.call("get_registration_status", registration=ref)
    on.call("list_registrations")


def test_every_operation_of_the_contract_succeeds_with_its_status(shop: Marketplace, receiver: Receiver) -> None:
    on = Tour(shop.sandbox)
    on.token()
    on.seen["get_access_token"] = 200  # which a Marketplace asks for by itself, and checks
    tour_of_orders(on)
    tour_of_other_ways(on)
    tour_of_the_marketplace(on, receiver)
    tour_of_an_enrolment(on)
    assert on.seen == {name: success(name) for name in CONTRACT.names()}


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        (name, set(re.findall(r"\{(\w+)\}", CONTRACT.operation(name).path)) - {"marketplace", "alias", "event"})
        for name in CONTRACT.names()
    ],
)
def test_what_is_not_there_is_not_found(shop: Marketplace, operation: str, parameters: set[str]) -> None:
    if not parameters:
        return
    bodies: dict[str, dict[str, Any]] = {
        "create_order_item": {"body": item(100)},
        "create_document": {"data": {"type": "KBIS", "reference": "1"}, "files": {"file": ("a.pdf", b"%PDF-1.7")}},
    }
    sent = bodies.get(operation, {"body": {}} if operation.startswith("update") else {})
    told = shop.refused(operation, **sent, **dict.fromkeys(parameters, STRANGE))
    assert told == (404, {"detail": "Not found."})


# -- addresses -------------------------------------------------------------------------------------------------------


def hrefs(told: Any) -> list[str]:
    """All addresses of a body."""
    if isinstance(told, dict):
        own = [told["href"]] if isinstance(told.get("href"), str) else []
        return own + [href for value in told.values() for href in hrefs(value)]
    return [href for each in told for href in hrefs(each)] if isinstance(told, list) else []


@pytest.mark.parametrize("base", BASES)
def test_every_href_leads_somewhere_below_the_callers_own_base(shop: Marketplace, base: str) -> None:
    shop.base = base
    shop.captured(meal(), wine(), COMMISSION, tenders=(MEAL_CARD, CARD))
    shop.register()
    collections = ("orders", "items", "sellers", "registrations", "transactions", "transfers", "marketplaces")
    todo = [f"{shop.sandbox.url}{base}/{name}/" for name in collections]
    seen: set[str] = set()
    while todo:
        href = todo.pop()
        seen.add(href)
        assert href.startswith(f"{shop.sandbox.url}{base}/")
        assert re.match(r"/marketplace(-test)?/v1/", urlsplit(href).path) is not None or not base.endswith("/v1")
        assert "/v1/v1/" not in href
        answer = shop.request("GET", href)
        assert answer.status_code == 200, href
        following = re.compile(r"/(execute|execute-embedded|execute-mit|persist)$")
        todo += [each for each in hrefs(answer.json()) if each not in seen and not following.search(each)]
    kinds = {urlsplit(each).path.removeprefix(base).split("/")[1] for each in seen}
    assert kinds == set(collections)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_each_base_takes_a_slash_at_the_end_or_none(shop: Marketplace, base: str, slash: str) -> None:
    shop.base = base
    body = shop.order_body()
    created = shop.request("POST", f"/orders{slash}?expand=items", body)
    assert created.status_code == 201, "no redirect, which would drop the body"
    order = created.json()
    assert order["href"] == f"{shop.sandbox.url}{base}/orders/{order['uuid']}"
    assert len(order["items"]) == 2
    assert shop.request("GET", f"/orders/{order['uuid']}{slash}?expand=items").json() == order
    page = shop.request("GET", f"/orders/{order['uuid']}/execute{slash}").json()["payment_url"]
    assert page.startswith(f"{shop.sandbox.url}/vads-payment/")
    shop.pay(order)
    for path in ("", "/items", "/transactions", "/refunds", "/transfers"):
        assert shop.request("GET", f"/orders/{order['uuid']}{path}{slash}").status_code == 200
    webhooks = f"/marketplaces/{shop.uuid}/webhooks"
    assert shop.request("GET", f"{webhooks}{slash}").status_code == 200
    assert shop.request("DELETE", f"{webhooks}/order{slash}").status_code == 204
    assert shop.request("POST", f"/tokens/embedded{slash}", shop.token_body()).status_code == 201


def test_objects_are_the_same_below_all_bases(shop: Marketplace) -> None:
    order = shop.order()
    for base in BASES:
        shop.base = base
        found = shop.call("get_order", order=order["uuid"].upper())
        assert found["uuid"] == order["uuid"], "uuids are the same in capital letters"


def test_a_base_is_no_prefix_of_something_else(shop: Marketplace) -> None:
    for path in ("/marketplacex/orders", "/marketplace/v2/orders", "/marketplace-test/v11/orders", "/marketplace"):
        answer = requests.get(f"{shop.sandbox.url}{path}", timeout=30)
        assert answer.status_code == 404


def test_both_spellings_of_the_embedded_way_work_and_one_is_advertised(shop: Marketplace) -> None:
    order = shop.order()
    for path in ("embedded-execute", "execute-embedded", "embedded-execute/token", "execute-embedded/token"):
        told = shop.request("GET", f"/orders/{order['uuid']}/{path}")
        assert list(told.json()) == ["form_token"]
    assert set(order["links"]) == {"items", "transactions", "refunds", "execute", "execute-embedded", "persist"}


def test_execute_mit_is_a_link_of_orders_with_an_alias(shop: Marketplace, new_sandbox: NewSandbox) -> None:
    links = shop.order(alias=ALIAS)["links"]
    assert "execute-mit" in links
    both = with_settings(new_sandbox, link_keys="both").order(alias=ALIAS)["links"]
    assert both["execute_mit"] == both["execute-mit"]
    assert both["execute_embedded"] == both["execute-embedded"]


# -- status codes and headers ----------------------------------------------------------------------------------------


def test_actions_answer_a_redirect_to_their_object(shop: Marketplace) -> None:
    held = shop.paid(item(1000, hold_payment=True), item(500, hold_payment=True))
    first = held["items"][0]
    answer = shop.answered("activate_item", item=first["uuid"])
    assert (answer.status_code, answer.content, answer.headers["Location"]) == (302, b"", first["href"])
    assert shop.call("get_item", item=first["uuid"])["hold_payment"] is False
    answer = shop.answered("activate_order", order=held["uuid"])
    assert (answer.status_code, answer.headers["Location"]) == (302, held["href"])
    assert [each["hold_payment"] for each in shop.read(held)["items"]] == [False, False]
    waiting = shop.paid(awaiting_validation=True)
    answer = shop.answered("validate_order", order=waiting["uuid"])
    assert (answer.status_code, answer.headers["Location"]) == (302, waiting["href"])
    linked = shop.order()
    answer = shop.answered("persist", order=linked["uuid"])
    assert (answer.status_code, answer.headers["Location"]) == (302, linked["href"])


def test_a_client_that_follows_a_redirect_reads_the_object(shop: Marketplace) -> None:
    order = shop.order()
    login = (shop.given["login"], shop.given["password"])
    told = requests.get(f"{order['href']}/persist", auth=login, timeout=30)
    assert (told.status_code, told.json()["uuid"]) == (200, order["uuid"])
    assert re.fullmatch(rf"{shop.sandbox.url}/t/[0-9A-Za-z]{{8}}", told.json()["persist_url"])
    assert told.json()["expiry_date"] > TUESDAY
    paid = shop.paid(awaiting_validation=True)
    followed = requests.post(f"{paid['href']}/validate", auth=login, timeout=30)
    assert followed.json()["reference"] == paid["reference"], "a POST is followed by a GET"


def test_a_link_is_persisted_once(shop: Marketplace) -> None:
    order = shop.order()
    shop.call("persist", order=order["uuid"])
    first = shop.read(order)
    shop.call("persist", order=order["uuid"])
    assert shop.read(order) == first
    assert shop.refused("persist", order=shop.paid()["uuid"])[0] == 400, "only CREATED orders"


def test_deletions_have_no_body(shop: Marketplace) -> None:
    answer = shop.answered("cancel_order", order=shop.order()["uuid"])
    assert (answer.status_code, answer.content) == (204, b"")
    refund = shop.refund(shop.captured())
    answer = shop.answered("delete_refund", refund=refund["uuid"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert shop.call("get_refund", refund=refund["uuid"])["status"] == "CANCELLED"


def test_execute_mit_pays_at_once_and_answers_nothing(shop: Marketplace, inbox: Inbox) -> None:
    order = shop.order(alias=ALIAS)
    answer = shop.answered("execute_mit", order=order["uuid"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert shop.status(order) == "PENDING"
    assert inbox.told() == [("order", order["uuid"])]
    assert shop.refused("execute_mit", order=order["uuid"])[0] == 400
    assert set(shop.refused("execute_mit", order=shop.order()["uuid"])[1]) == {"alias"}
    assert set(shop.refused("execute_mit", order=shop.order(alias="nothing")["uuid"])[1]) == {"alias"}


def test_execute_mit_may_fail(new_sandbox: NewSandbox) -> None:
    rule = {"name": "no", "operation": "lyra.card", "then": {"outcome": "refused", "reason": "stolen"}}
    shop = with_settings(new_sandbox, rule)
    order = shop.order(alias=ALIAS)
    assert shop.answered("execute_mit", order=order["uuid"]).status_code == 200
    assert shop.status(order) == "FAILED"


def test_methods_that_are_not_there(shop: Marketplace) -> None:
    order = shop.order()
    for method, path in (("PATCH", f"/orders/{order['uuid']}"), ("POST", "/sellers"), ("DELETE", "/orders")):
        answer = shop.request(method, path, {})
        assert (answer.status_code, answer.json()) == (405, {"detail": f'Method "{method}" not allowed.'})
        assert answer.headers["Allow"]


def test_bodies_are_json(shop: Marketplace) -> None:
    answer = shop.request(
        "POST", "/orders", "reference=1", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 415
    assert "detail" in answer.json()
    answer = shop.request("POST", "/orders", "{")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("JSON parse error")


# -- lists -----------------------------------------------------------------------------------------------------------


def test_lists_have_pages_of_five_that_lead_to_each_other(shop: Marketplace) -> None:
    made = [shop.order(reference=f"CMD {number}")["uuid"] for number in range(12)][::-1]
    first = shop.call("list_orders")
    assert (first["count"], first["previous"], uuids(first)) == (12, None, made[:5])
    assert first["next"] == f"{shop.sandbox.url}{shop.base}/orders?page=2"
    second = shop.request("GET", first["next"]).json()
    assert uuids(second) == made[5:10]
    assert second["previous"] == f"{shop.sandbox.url}{shop.base}/orders"
    third = shop.request("GET", second["next"]).json()
    assert (uuids(third), third["next"]) == (made[10:], None)
    assert shop.request("GET", third["previous"]).json() == second
    assert shop.request("GET", second["previous"]).json() == first


def test_addresses_of_pages_keep_the_filters(shop: Marketplace) -> None:
    for _ in range(6):
        shop.order()
    page = shop.call("list_orders", query={"status": "CREATED", "ordering": "-reference", "expand": "items"})
    assert page["next"].endswith("/orders?status=CREATED&ordering=-reference&expand=items&page=2")
    [last] = shop.request("GET", page["next"]).json()["results"]
    assert len(last["items"]) == 2


@pytest.mark.parametrize("page", ["0", "2", "-1", "x", "1.5", "99999999999999999999"])
def test_a_page_that_is_not_there(shop: Marketplace, page: str) -> None:
    shop.order()
    assert shop.refused("list_orders", query={"page": page}) == (404, {"detail": "Invalid page."})


def test_an_empty_list_has_a_first_page(shop: Marketplace) -> None:
    empty: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
    names = ("orders", "items", "refunds", "registrations", "transactions", "transfers", "tokens", "cashouts")
    for name in names:
        assert shop.call(f"list_{name}") == empty
        assert shop.call(f"list_{name}", query={"page": "1"}) == empty


def test_every_list_can_be_walked_by_its_pages(new_sandbox: NewSandbox) -> None:
    shop = with_settings(new_sandbox, page_size=1, cashout_page_size=1)
    order = shop.captured(meal(), wine(), tenders=(MEAL_CARD, CARD))
    shop.captured(wine())
    for number in (1, 2):
        shop.refund(order, 100)
        shop.register_card()
        made = shop.register(external_ref=f"new {number}")
    for kind in ("KBIS", "JDD"):
        shop.upload(made["uuid"], kind)
    first = order["items"][0]["uuid"]
    known = {
        "order": order["uuid"], "item": first, "transaction": order["transactions"][1]["trans_uuid"],
        "seller": shop.seller(), "registration": made["uuid"],
    }  # fmt: skip
    lists = [name for name in CONTRACT.names() if name.startswith("list_") and name != "list_webhooks"]
    for name in lists:
        wanted = re.findall(r"\{(\w+)\}", CONTRACT.operation(name).path)
        page = shop.call(name, **{key: value for key, value in known.items() if key in wanted})
        count, seen, before = page["count"], uuids(page), None
        while page["next"] is not None:
            before, page = page, shop.request("GET", page["next"]).json()
            assert (page["count"], len(page["results"])) == (count, 1)
            assert shop.request("GET", page["previous"]).json() == before
            seen += uuids(page)
        assert len(seen) == len(set(seen)) == count, name
        assert count > 1 or name in ("list_marketplaces", "list_seller_cashouts", "list_cashouts"), name


def test_the_size_of_a_page_is_a_setting(new_sandbox: NewSandbox) -> None:
    shop = with_settings(new_sandbox, page_size=100)
    for _ in range(7):
        shop.order()
    assert len(shop.call("list_orders")["results"]) == 7


FILTERED: Mapping[str, tuple[str, ...]] = {
    "orders": ("uuid", "marketplace", "amount", "status"),
    "items": ("uuid", "seller", "order", "amount", "status"),
    "refunds": ("uuid", "transaction", "amount", "status"),
    "sellers": ("uuid", "status"),
    "transfers": ("uuid", "item", "amount", "status"),
}
"""Filters by list (those of registrations are tested with them, dates of items and cashouts below)."""


@pytest.mark.parametrize(("name", "filters"), FILTERED.items())
def test_lists_are_filtered(shop: Marketplace, name: str, filters: tuple[str, ...]) -> None:
    one = shop.captured(meal(), wine(), tenders=(MEAL_CARD, CARD))
    shop.order(item(100, seller_external_ref="seller2"))
    card = one["transactions"][1]["trans_uuid"]
    shop.refund(one, 300)
    shop.refund(one, 200, transaction=card)
    everything = shop.call(f"list_{name}", query={"ordering": "uuid"})["results"]
    assert 1 < len(everything) <= 5
    for key in filters:
        for value in {each[key] for each in everything} - {None}:
            found = shop.call(f"list_{name}", query={key: value, "ordering": "uuid"})["results"]
            assert found == [each for each in everything if each[key] == value]
    for key in filters:
        query = {key: STRANGE if key not in ("amount", "status") else {"amount": "7", "status": "FAILED"}[key]}
        assert shop.call(f"list_{name}", query=query)["count"] == 0
        assert shop.call(f"list_{name}", query={key: ""})["count"] == len(everything), "an empty filter is none"


@pytest.mark.parametrize("name", ["orders", "items", "refunds", "transfers"])
def test_an_amount_that_is_none_is_no_filter(shop: Marketplace, name: str) -> None:
    status, told = shop.refused(f"list_{name}", query={"amount": "much"})
    assert (status, list(told)) == (400, ["amount"])
    assert isinstance(told["amount"], list)


def test_lists_below_an_object_have_the_same_filters(shop: Marketplace) -> None:
    one = shop.captured(meal(), wine(), tenders=(MEAL_CARD, CARD))
    refund = shop.refund(one, 300)
    shop.order(item(100, seller_external_ref="seller2"))
    ref, first = one["uuid"], one["items"][0]["uuid"]
    assert uuids(shop.call("list_order_items", order=ref, query={"amount": 2500})) == [first]
    assert shop.call("list_seller_items", seller=shop.seller(), query={"status": "SUCCEEDED"})["count"] == 2
    assert uuids(shop.call("list_seller_items", seller=shop.seller(), query={"uuid": first})) == [first]
    assert shop.call("list_seller_items", seller=shop.seller("seller2"))["count"] == 1
    assert shop.call("list_order_refunds", order=ref, query={"status": "CREATED"})["results"] == [refund]
    assert shop.call("list_order_refunds", order=ref, query={"amount": 1})["count"] == 0
    assert shop.call("list_order_transfers", order=ref, query={"item": first})["count"] == 2
    assert shop.call("list_seller_transfers", seller=shop.seller(), query={"amount": "1400"})["count"] == 1
    assert shop.call("list_seller_transfers", seller=shop.seller("seller2"))["count"] == 0
    assert shop.call("list_marketplace_orders", query={"status": "SUCCEEDED"})["count"] == 1
    assert shop.call("list_marketplace_sellers", query={"status": "INACTIVE"})["count"] == 1
    assert shop.call("list_marketplace_transactions")["count"] == 2
    assert shop.call("list_order_transactions", order=ref)["count"] == 2


def test_items_are_found_by_when_they_were_made(shop: Marketplace) -> None:
    shop.order(item(100))
    shop.sandbox.advance("PT2H")
    late = shop.order(item(200))["items"][0]["uuid"]
    after, before = "2026-01-06 10:00", "2026-01-06 10:30"
    assert uuids(shop.call("list_items", query={"start_date": after})) == [late]
    assert late not in uuids(shop.call("list_items", query={"end_date": before}))
    assert shop.call("list_items", query={"start_date": after, "end_date": before})["count"] == 0
    assert shop.call("list_items", query={"start_date": "2026-01-06", "end_date": "2026-01-07"})["count"] == 2
    assert list(shop.refused("list_items", query={"start_date": "yesterday"})[1]) == ["start_date"]


ORDERED: Mapping[str, tuple[str, ...]] = {
    "orders": ("created_at", "updated_at", "amount", "status", "reference", "uuid"),
    "items": ("created_at", "updated_at", "amount", "status", "reference", "seller", "uuid"),
    "refunds": ("created_at", "updated_at", "amount", "status", "reference", "uuid"),
    "sellers": ("created_at", "updated_at", "reference", "description", "status", "uuid"),
    "transfers": ("created_at", "updated_at", "amount", "status", "uuid"),
}
"""Fields to order by. Amounts of orders are null before their execution, and then come first."""


@pytest.mark.parametrize(("name", "fields"), ORDERED.items())
def test_lists_are_ordered_by_a_field(shop: Marketplace, name: str, fields: tuple[str, ...]) -> None:
    one = shop.captured(item(300, reference="b"), reference="B")
    shop.refund(one, 100, reference="y")
    shop.sandbox.advance("PT1H")
    two = shop.captured(item(200, reference="c"), reference="C")
    shop.refund(two, 150, reference="x")
    shop.order(item(400, reference="a", seller_external_ref="seller2"), reference="A")
    for field in fields:
        up = shop.call(f"list_{name}", query={"ordering": field})["results"]
        down = shop.call(f"list_{name}", query={"ordering": f"-{field}"})["results"]
        values = [(each[field] is not None, each[field] or 0) for each in up]
        assert values == sorted(values), field
        assert sorted(uuids({"results": up})) == sorted(uuids({"results": down}))
        told = [(each[field] is not None, each[field] or 0) for each in down]
        assert told == sorted(told, reverse=True), field
    usual = shop.call(f"list_{name}")
    assert shop.call(f"list_{name}", query={"ordering": "nothing"})["results"] == usual["results"]


# -- expand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expand", "lists"),
    [
        ("", set()),
        ("items", {"items"}),
        ("transactions", {"transactions"}),
        ("items,transactions", {"items", "transactions"}),
        ("transactions, items", {"items", "transactions"}),
        ("nothing,items", {"items"}),
        ("ITEMS", set()),
    ],
)
def test_expand_embeds_lists_where_orders_are_read(shop: Marketplace, expand: str, lists: set[str]) -> None:
    paid = shop.paid()
    query = {"expand": expand}
    read = shop.call("get_order", order=paid["uuid"], query=query)
    assert {"items", "transactions"} & set(read) == lists
    assert all(read[name] == paid[name] for name in lists)
    assert shop.call("list_orders", query=query)["results"] == [read]
    assert shop.call("list_marketplace_orders", query=query)["results"] == [read]


def test_without_expand_only_links_point_at_the_lists(shop: Marketplace) -> None:
    paid = shop.paid()
    read = shop.call("get_order", order=paid["uuid"])
    for name in ("items", "transactions"):
        assert name not in read
        assert shop.request("GET", read["links"][name]["href"]).json()["results"] == paid[name]


def test_a_put_reads_only_the_lists_that_it_expands(shop: Marketplace) -> None:
    order = shop.order()
    sent = {"items": [wine(100)], "description": "Table 9"}
    told = shop.call("update_order", sent, order=order["uuid"])
    assert (told["description"], "items" in told) == ("Table 9", False)
    assert shop.read(order)["items"] == order["items"], "200, and nested objects are as they were"
    told = shop.call("update_order", sent, order=order["uuid"], query={"expand": "items"})
    assert [each["amount"] for each in told["items"]] == [100]


# -- access ----------------------------------------------------------------------------------------------------------


def get_token(shop: Marketplace, **changes: str) -> requests.Response:
    """POST of the token endpoint; a change to nothing leaves a field out."""
    given = {name: shop.given[name] for name in ("client_id", "client_secret")}
    form = {"grant_type": "client_credentials", **given, **changes}
    sent = {name: each for name, each in form.items() if each}
    return requests.post(f"{shop.sandbox.url}{TOKEN_PATH}", data=sent, timeout=30)


def test_an_access_token_lives_for_five_minutes(shop: Marketplace) -> None:
    answer = get_token(shop)
    told = answer.json()
    assert (answer.status_code, told["expires_in"], told["token_type"]) == (200, 300, "Bearer")
    assert "refresh_token" not in told
    bearer = {"Authorization": f"Bearer {told['access_token']}"}
    assert shop.request("GET", "/orders", headers=bearer).status_code == 200
    shop.sandbox.advance("PT4M59S")
    assert shop.request("GET", "/orders", headers=bearer).status_code == 200
    shop.sandbox.advance("PT1S")
    late = shop.request("GET", "/orders", headers=bearer)
    assert (late.status_code, late.content) == (307, b"")
    assert late.headers["Location"] == f"{shop.sandbox.url}{REALM}"
    fresh = {"Authorization": f"Bearer {get_token(shop).json()['access_token']}"}
    assert shop.request("GET", "/orders", headers=fresh).status_code == 200


def test_everything_can_be_done_by_access_token(shop: Marketplace) -> None:
    mine = Marketplace(shop.sandbox, "/marketplace/v1", bearer=True)
    assert mine.paid()["status"] == "PENDING"


def test_the_client_is_the_user_and_the_marketplace(shop: Marketplace) -> None:
    user, _, marketplace = shop.given["client_id"].rpartition("_")
    assert (user, marketplace) == (shop.given["login"], shop.uuid)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", shop.given["client_secret"])


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": STRANGE}, 401, "unauthorized_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_token_that_is_refused(shop: Marketplace, changes: dict[str, str], status: int, error: str) -> None:
    answer = get_token(shop, **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_who_is_not_known_is_told_so(shop: Marketplace, new_sandbox: NewSandbox) -> None:
    other = Marketplace(new_sandbox(scenario=scenario()))
    forged = get_token(shop).json()["access_token"][:-4] + "AAAA"
    wrong: list[dict[str, Any]] = [
        {"auth": None},
        {"auth": (shop.given["login"], "wrong")},
        {"auth": ("nobody", "wrong")},
        {"auth": (shop.given["login"], other.given["password"])},
        {"headers": {"Authorization": f"Bearer {forged}"}},
        {"headers": {"Authorization": "Bearer nothing"}},
        {"headers": {"Authorization": "Digest nothing"}},
    ]
    for how in wrong:
        answer = shop.request("GET", "/orders", **how)
        assert answer.status_code == 401, how
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="api"'
        assert list(answer.json()) == ["detail"]


def test_what_belongs_to_another_marketplace_is_not_there(shop: Marketplace, new_sandbox: NewSandbox) -> None:
    other = Marketplace(new_sandbox(scenario=scenario()))
    paid = shop.paid()
    for operation, path in (
        ("get_order", {"order": paid["uuid"]}),
        ("get_item", {"item": paid["items"][0]["uuid"]}),
        ("get_transaction", {"transaction": paid["transactions"][0]["trans_uuid"]}),
        ("get_marketplace", {"marketplace": shop.uuid}),
        ("list_webhooks", {"marketplace": shop.uuid}),
    ):
        assert other.refused(operation, **path)[0] == 404
    status, told = other.refused("create_order", other.order_body(marketplace=shop.uuid))
    assert (status, list(told)) == (400, ["marketplace"])
    assert other.call("list_orders")["count"] == 0


# -- webhooks --------------------------------------------------------------------------------------------------------


def test_a_webhook_target_is_asked_first(shop: Marketplace, receiver: Receiver) -> None:
    asked = {"event_type": "order", "target": receiver.url}
    assert shop.call("create_webhook", asked, status=200) == asked
    [probe] = receiver.received
    assert probe.body == b""
    for status in (404, 500, 201, 204, 302):
        receiver.status = status
        refused = shop.refused("update_webhook", {**asked, "target": f"{receiver.url}/new"})
        assert refused == (400, {"error": f"Url {receiver.url}/new returned a status {status} instead of 200"})
    assert shop.call("list_webhooks")[0] == asked, "the old target stays"


def test_a_target_that_is_nowhere(shop: Marketplace) -> None:
    for target in ("http://127.0.0.1:9/", "no address", "ftp://shop.example/", "http://"):
        status, told = shop.refused("create_webhook", {"event_type": "order", "target": target})
        assert (status, len(told)) == (400, 1)
    long = f"https://shop.example/{'x' * 200}"
    assert shop.refused("create_webhook", {"event_type": "order", "target": long})[1]["target"]
    assert shop.refused("create_webhook", {"event_type": "cashout", "target": None})[1]["event_type"]


def test_webhooks_are_listed_with_those_that_are_not_set(shop: Marketplace, receiver: Receiver) -> None:
    unset = [{"event_type": each, "target": None} for each in ("order", "token", "registration", "refund", "kyc")]
    assert shop.call("list_webhooks") == unset
    shop.call("create_webhook", {"event_type": "refund", "target": receiver.url})
    listed = shop.call("list_webhooks")
    assert [each["target"] for each in listed] == [None, None, None, receiver.url, None]
    shop.call("update_webhook", {"event_type": "refund", "target": None})
    assert shop.call("list_webhooks") == unset
    shop.call("create_webhook", {"event_type": "kyc", "target": receiver.url})
    shop.call("delete_webhook", event="kyc")
    assert shop.call("list_webhooks") == unset
    assert shop.refused("delete_webhook", event="cashout")[0] == 404


def test_each_event_has_its_own_target(shop: Marketplace, receiver: Receiver) -> None:
    shop.call("create_webhook", {"event_type": "order", "target": f"{receiver.url}/orders"})
    shop.call("create_webhook", {"event_type": "token", "target": f"{receiver.url}/tokens"})
    receiver.received.clear()
    order = shop.order()
    shop.execute(order, "execute_token")
    shop.pay(order)
    shop.sandbox.settle()
    told = [(each.path, json.loads(each.body)) for each in receiver.received]
    assert told == [("/webhooks/orders", {"order": order["uuid"]}), ("/webhooks/tokens", {"token": order["uuid"]})]


def test_webhooks_follow_every_change_of_status(shop: Marketplace, inbox: Inbox) -> None:
    order = shop.order()
    shop.execute(order)
    assert inbox.told() == [], "neither creation nor execution is one"
    shop.pay(order)
    told = [("order", order["uuid"])]
    assert inbox.told() == told
    shop.sandbox.advance("PT2H")
    assert inbox.told() == told * 2, "the capture"
    refund = shop.refund(order)["uuid"]
    assert inbox.told("refund") == []
    shop.sandbox.advance("P1D")
    assert inbox.told("refund") == [("refund", refund)] * 2, "sent, and done"
    assert shop.status(order) == "SUCCEEDED"


def test_what_the_endpoint_answered_is_on_the_order(shop: Marketplace, inbox: Inbox) -> None:
    inbox.receiver.statuses = [204, 503]
    paid = shop.paid()
    inbox.told()
    assert shop.read(paid)["webhook_result"] == 204
    shop.sandbox.advance("PT2H")
    assert shop.read(paid)["webhook_result"] == 503
    assert shop.order()["webhook_result"] is None


def test_only_a_network_failure_is_tried_again_and_twice(new_sandbox: NewSandbox) -> None:
    shop = with_settings(new_sandbox, webhook_probe=False)
    shop.call("create_webhook", {"event_type": "order", "target": "http://127.0.0.1:9/"})
    paid = shop.paid()
    for minutes in (0, 15, 15, 60):
        shop.sandbox.advance(f"PT{minutes}M")
    first, *_ = shop.sandbox.webhooks()
    assert [each["at"][11:16] for each in first["attempts"]] == ["09:15", "09:30", "09:45"]
    assert first["status"] == "given_up"
    assert shop.read(paid)["webhook_result"] is None, "nobody answered"


# -- changes of an order ---------------------------------------------------------------------------------------------


def put(shop: Marketplace, order: Mapping[str, Any], expand: str = "items", **body: Any) -> Any:
    """PUT of an order."""
    return shop.call("update_order", body, order=order["uuid"], query={"expand": expand})


def put_refused(shop: Marketplace, order: Mapping[str, Any], expand: str = "items", **body: Any) -> Any:
    """The body of a PUT that is a 400."""
    status, told = shop.refused("update_order", body, order=order["uuid"], query={"expand": expand})
    assert status == 400
    return told


def test_everything_of_an_order_that_is_not_paid_can_be_changed(shop: Marketplace) -> None:
    order = shop.order()
    told = put(
        shop,
        order,
        reference="CMD 2",
        description="Terrace",
        language="en",
        buyer={**PAUL, "email": "anna@example.test"},
        shipping={"shipping_method": "ETICKET"},
        url_success="https://shop.example/yes",
        return_mode="GET",
        awaiting_validation=True,
        items=[{**order["items"][0], "amount": 2600}, wine(50, reference="new")],
    )
    assert (told["reference"], told["description"], told["language"]) == ("CMD 2", "Terrace", "en")
    assert (told["buyer"]["email"], told["shipping"]["shipping_method"]) == ("anna@example.test", "ETICKET")
    assert (told["url_success"], told["return_mode"], told["awaiting_validation"]) == (
        "https://shop.example/yes",
        "GET",
        True,
    )
    assert told["url_return"] == order["url_return"], "what is not sent stays"
    assert [(each["reference"], each["amount"]) for each in told["items"]] == [("meal", 2600), ("new", 50)]
    assert told["items"][0]["uuid"] == order["items"][0]["uuid"]


def test_an_order_can_be_sent_back_as_it_was_read(shop: Marketplace) -> None:
    order = shop.order()
    told = put(shop, order, **order)
    assert {**told, "updated_at": ""} == {**order, "updated_at": ""}


def test_an_executed_order_that_is_changed_has_to_be_executed_again(shop: Marketplace) -> None:
    order = shop.order()
    first = shop.execute(order)
    assert requests.get(first, timeout=30).status_code == 200
    told = put(shop, order, items=[meal()])
    assert "is_selected" not in told["items"][0]["vouchers"][0], "not selected any more"
    assert (told["amount"], told["initial_amount"]) == (None, None)
    assert requests.get(first, timeout=30).status_code in (404, 410), "the address is void"
    assert shop.execute(order) != first
    assert shop.read(order)["initial_amount"] == 2500


def test_a_paid_order_gets_other_items_up_to_its_first_total(shop: Marketplace) -> None:
    paid = shop.paid(meal(), wine(), tenders=(MEAL_CARD, CARD))
    assert paid["initial_amount"] == 4350
    told = put(shop, paid, "items,transactions", items=[meal(), wine(1500)])
    assert (told["status"], told["amount"], told["initial_amount"]) == ("PENDING", 4000, 4350)
    assert not {each["uuid"] for each in told["items"]} & {each["uuid"] for each in paid["items"]}
    assert [each["amount"] for each in told["transactions"]] == [1400, 2600], "the card is lowered first"
    assert [each["initial_amount"] for each in told["transactions"]] == [1400, 2950]
    assert put(shop, paid, items=[meal(), wine()])["amount"] == 4350, "and up again"
    assert list(put_refused(shop, paid, items=[meal(), wine(1851)])) == ["amount"]
    assert list(put_refused(shop, paid, items=[])) == ["amount"]
    shop.sandbox.advance("P1D")
    read = shop.read(paid)
    assert (read["status"], [each["status"] for each in read["transactions"]]) == ("SUCCEEDED", ["SUCCEEDED"] * 2)


def test_a_paid_order_is_captured_on_another_day(shop: Marketplace) -> None:
    paid = shop.paid()
    told = put(shop, paid, items=paid["items"], expected_capture_date="20260109100000")
    assert told["expected_capture_date"] == "20260109100000"
    shop.sandbox.advance("P2D")
    assert shop.status(paid) == "PENDING"
    shop.sandbox.advance("P2D")
    assert shop.status(paid) == "SUCCEEDED"


def test_a_paid_order_can_be_sent_back_days_later_as_it_was_read(shop: Marketplace) -> None:
    paid = shop.paid(wine(), awaiting_validation=True)
    shop.sandbox.advance("P2D")
    told = put(shop, paid, **{**paid, "items": [wine(1000)]})
    assert (told["amount"], told["expected_capture_date"]) == (1000, paid["expected_capture_date"])


def test_a_schedule_stays_when_the_order_is_sent_back(shop: Marketplace) -> None:
    paid = shop.paid(item(10000), payment_config="MULTI:count=4;period=7")
    shop.sandbox.advance("PT30M")
    told = put(shop, paid, **{**paid, "items": [item(9000)]})
    dates = [each["expected_capture_date"] for each in shop.read(paid)["transactions"]]
    assert dates == [each["expected_capture_date"] for each in paid["transactions"]]
    assert told["amount"] == 9000


def test_a_paid_order_that_is_sent_back_unchanged_is_refused(shop: Marketplace) -> None:
    paid = shop.paid()
    assert list(put_refused(shop, paid, "items,transactions", **paid)) == ["amount"]


def test_a_capture_date_is_chosen_before_the_payment(shop: Marketplace) -> None:
    order = shop.order(wine())
    told = put(shop, order, expected_capture_date="20260108120000")
    assert told["expected_capture_date"] == "20260108120000"
    shop.execute(order)
    assert [each["expected_capture_date"] for each in shop.pay(order)["transactions"]] == ["20260108120000"]
    shop.sandbox.advance("P2D")
    assert shop.status(order) == "PENDING"
    shop.sandbox.advance("P1D")
    assert shop.status(order) == "SUCCEEDED"
    late = shop.order()
    for date in ("20260101100000", "20260120100000", "20261301100000"):
        assert list(put_refused(shop, late, expected_capture_date=date)) == ["expected_capture_date"]
    put(shop, late, expected_capture_date="20260110120000")
    assert put(shop, late, expected_capture_date=None)["expected_capture_date"] is None


def test_the_embedded_form_wants_references_that_are_used_once(shop: Marketplace) -> None:
    one, two = shop.order(), shop.order()
    shop.execute(one)
    shop.execute(two, "execute_embedded")
    shop.execute(two, "execute_embedded")
    third = shop.order()
    for way in ("execute_embedded", "execute_embedded_token"):
        status, told = shop.refused(way, order=third["uuid"])
        assert (status, list(told)) == (400, ["reference"])
    shop.execute(third)
    put(shop, third, reference="CMD-1002")
    shop.execute(third, "execute_embedded")


def test_a_payment_that_waits_to_be_validated_can_be_cancelled(shop: Marketplace) -> None:
    paid = shop.paid(meal(), wine(), tenders=(MEAL_CARD, CARD), awaiting_validation=True)
    shop.call("cancel_order", order=paid["uuid"])
    assert [each["status"] for each in shop.read(paid)["transactions"]] == ["CANCELLED"] * 2


@pytest.mark.parametrize("date", ["20260105100000", "20260113100000", "20261301100000", "202601091000", "soon"])
def test_a_capture_date_that_cannot_be(shop: Marketplace, date: str) -> None:
    paid = shop.paid()
    told = put_refused(shop, paid, items=paid["items"], expected_capture_date=date)
    assert list(told) == ["expected_capture_date"]


def test_a_payment_is_captured_after_its_delay(shop: Marketplace) -> None:
    paid = shop.paid(capture_delay="3")
    assert (paid["capture_delay"], paid["expected_capture_date"]) == (3, "20260109091500")
    shop.sandbox.advance("P3D")
    assert shop.status(paid) == "PENDING"
    shop.sandbox.advance("P1D")
    assert shop.status(paid) == "SUCCEEDED"
    assert list(shop.refused("create_order", shop.order_body(capture_delay=7))[1]) == ["capture_delay"]


@pytest.mark.parametrize("end", ["SUCCEEDED", "CANCELLED", "FAILED", "ABANDONED"])
def test_an_order_that_is_over_is_not_changed_executed_or_cancelled(shop: Marketplace, end: str) -> None:
    order = shop.order()
    shop.execute(order)
    if end in ("SUCCEEDED", "CANCELLED"):
        shop.pay(order)
    if end == "SUCCEEDED":
        shop.sandbox.advance("P1D")
    elif end == "CANCELLED":
        shop.call("cancel_order", order=order["uuid"])
    elif end == "FAILED":
        shop.pay(order, {"with": "card", "number": "4970100000000014", "expiry": "01/2025"})
    else:
        shop.sandbox.advance("PT10M")
    assert shop.status(order) == end
    assert list(put_refused(shop, order, items=[wine()])) == ["status"]
    for operation in ("execute", "execute_token", "execute_embedded", "persist", "cancel_order", "validate_order"):
        status, told = shop.refused(operation, order=order["uuid"])
        assert (status, list(told)) == (400, ["status"]), operation
    status, told = shop.refused("create_order_item", wine(), order=order["uuid"])
    assert (status, list(told)) == (400, ["status"])


def test_a_shopper_who_cancels_leaves_an_abandoned_order(shop: Marketplace, inbox: Inbox) -> None:
    order = shop.order()
    shop.execute(order)
    shop.sandbox.shopper(order["uuid"], {"cancel": True})
    assert shop.status(order) == "ABANDONED"
    assert [each["status"] for each in shop.read(order)["items"]] == ["ABANDONED"] * 2
    assert inbox.told() == [("order", order["uuid"])]


def test_a_paid_order_can_be_cancelled_until_its_capture(shop: Marketplace, inbox: Inbox) -> None:
    before = {each["ref"]: each["balance"] for each in shop.sandbox.accounts().values()}
    paid = shop.paid(meal(), wine(), tenders=(MEAL_CARD, CARD))
    shop.call("cancel_order", order=paid["uuid"])
    read = shop.read(paid)
    assert (read["status"], [each["status"] for each in read["transactions"]]) == ("CANCELLED", ["CANCELLED"] * 2)
    after = {each["ref"]: each["balance"] for each in shop.sandbox.accounts().values()}
    assert before == after, "the meal card has its money back"
    shop.sandbox.advance("P1D")
    assert shop.status(paid) == "CANCELLED", "nothing is captured"
    assert inbox.told() == [("order", paid["uuid"])] * 2


# -- installments ----------------------------------------------------------------------------------------------------


def test_a_payment_in_installments(shop: Marketplace) -> None:
    paid = shop.paid(item(10000), payment_config="MULTI:first=5000;count=3;period=30")
    told = [(each["sequence_number"], each["amount"], each["expected_capture_date"]) for each in paid["transactions"]]
    assert told == [(1, 5000, "20260106091500"), (2, 2500, "20260205091500"), (3, 2500, "20260307091500")]
    shop.sandbox.advance("P1D")
    read = shop.read(paid)
    assert (read["status"], [each["status"] for each in read["transactions"]]) == (
        "PENDING",
        ["SUCCEEDED", "PENDING", "PENDING"],
    )
    shop.sandbox.advance("P61D")
    assert shop.status(paid) == "SUCCEEDED", "the last capture ends the order"


def test_the_rest_of_equal_parts_is_in_the_last(shop: Marketplace) -> None:
    paid = shop.paid(item(10000), payment_config="MULTI:count=3;period=7")
    assert [each["amount"] for each in paid["transactions"]] == [3333, 3333, 3334]


def test_a_schedule_of_the_marketplaces_own(shop: Marketplace) -> None:
    paid = shop.paid(item(10000), payment_config="MULTI_EXT:20260106=4000;20260301=6000")
    told = [(each["amount"], each["expected_capture_date"]) for each in paid["transactions"]]
    assert told == [(4000, "20260106091500"), (6000, "20260301091500")]


@pytest.mark.parametrize(
    "config",
    [
        "",
        "DOUBLE",
        "MULTI:count=3",
        "MULTI:count=3;period=30;first=5000",
        "MULTI:count=0;period=30",
        "MULTI:count=3;period=0",
        "MULTI:count=14;period=30",
        "MULTI_EXT:20260105=1000",
        "MULTI_EXT:20260301=1000;20260201=1000",
        "MULTI_EXT:20260201=1000;20260201=1000",
        "MULTI_EXT:20260231=1000",
        "MULTI_EXT:20270301=1000",
    ],
)
def test_a_payment_configuration_that_cannot_be(shop: Marketplace, config: str) -> None:
    status, told = shop.refused("create_order", shop.order_body(wine(), payment_config=config))
    assert (status, list(told)) == (400, ["payment_config"])


def test_installments_that_do_not_fit_the_amount(shop: Marketplace) -> None:
    for config in ("MULTI:first=5000;count=2;period=7", "MULTI_EXT:20260106=4000;20260301=6000"):
        order = shop.order(wine(), payment_config=config)
        assert list(shop.refused("execute", order=order["uuid"])[1]) == ["payment_config"]


def test_vouchers_are_not_paid_in_installments(shop: Marketplace) -> None:
    body = shop.order_body(payment_config="MULTI:count=2;period=7")
    status, told = shop.refused("create_order", body, query={"expand": "items"})
    assert (status, list(told)) == (400, ["payment_config"])


def installments(shop: Marketplace) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An order over 100.00 in four parts, and its transactions as a PUT sends them."""
    paid = shop.paid(item(10000), payment_config="MULTI:count=4;period=7")
    names = ("trans_uuid", "amount", "expected_capture_date")
    return paid, [{name: each[name] for name in names} for each in paid["transactions"]]


def test_installments_are_edited(shop: Marketplace) -> None:
    paid, parts = installments(shop)
    parts[1]["amount"] = 2000
    parts[2]["expected_capture_date"] = "20260131120000"
    told = put(shop, paid, "items,transactions", items=[item(7000)], transactions=parts[:3])
    assert [(each["amount"], each["initial_amount"]) for each in told["transactions"]] == [
        (2500, 2500),
        (2000, 2500),
        (2500, 2500),
    ], "the last one was left out, and is gone"
    assert told["transactions"][2]["expected_capture_date"] == "20260131120000"
    assert told["amount"] == 7000
    shop.sandbox.advance("P30D")
    assert shop.status(paid) == "SUCCEEDED"


def test_installments_that_cannot_be(shop: Marketplace) -> None:
    paid, parts = installments(shop)
    both = "items,transactions"
    more = [{**parts[0], "amount": 2501}, *parts[1:]]
    assert set(put_refused(shop, paid, both, items=[item(10000)], transactions=more)) == {"transactions"}
    added = [*parts, {"trans_uuid": "0" * 32, "amount": 100, "expected_capture_date": "20260131120000"}]
    told = put_refused(shop, paid, both, items=[item(10000)], transactions=added)
    assert [list(each) for each in told["transactions"]] == [[], [], [], [], ["trans_uuid"]]
    assert set(put_refused(shop, paid, both, items=[item(9000)], transactions=parts)) == {"transactions"}
    shop.sandbox.advance("P1D")
    lower = [{**parts[0], "amount": 2000}, *parts[1:]]
    told = put_refused(shop, paid, both, items=[item(9500)], transactions=lower)
    assert list(told["transactions"][0]) == ["status"], "captured"


# -- manual validation -----------------------------------------------------------------------------------------------


def test_a_payment_waits_to_be_validated(shop: Marketplace, inbox: Inbox) -> None:
    paid = shop.paid(wine(), COMMISSION, awaiting_validation=True)
    assert [each["status"] for each in paid["transactions"]] == ["TO_VALIDATE"]
    shop.sandbox.advance("P1D")
    assert shop.status(paid) == "PENDING", "nothing is captured"
    other = {**COMMISSION, "amount": 1000}
    put(shop, paid, items=[wine(1750), other])
    shop.call("validate_order", order=paid["uuid"])
    assert [each["status"] for each in shop.read(paid)["transactions"]] == ["PENDING"]
    assert list(shop.refused("validate_order", order=paid["uuid"])[1]) == ["status"]
    shop.sandbox.advance("P1D")
    assert shop.status(paid) == "SUCCEEDED"
    assert inbox.told("order") == [("order", paid["uuid"])] * 2


def test_a_payment_that_nobody_validates_expires(shop: Marketplace) -> None:
    paid = shop.paid(awaiting_validation=True)
    shop.sandbox.advance("P7D")
    read = shop.read(paid)
    assert (read["status"], [each["status"] for each in read["transactions"]]) == ("FAILED", ["EXPIRED"])


# -- money of sellers ------------------------------------------------------------------------------------------------


def test_a_commission_beside_the_items_or_inside_one(shop: Marketplace) -> None:
    operator = shop.seller("operator")
    beside = shop.captured(item(10000), {**COMMISSION, "amount": 1000})
    inside = shop.captured(item(10000, commission_amount=1000))
    assert (beside["amount"], inside["amount"]) == (11000, 10000)
    for order, sellers_part in ((beside, 10000), (inside, 9000)):
        transfers = shop.call("list_order_transfers", order=order["uuid"])["results"]
        assert sorted(each["amount"] for each in transfers) == [1000, sellers_part]
        theirs = shop.call("list_seller_transfers", seller=operator)["results"]
        assert {each["uuid"] for each in theirs} & {each["uuid"] for each in transfers}


def test_the_share_of_the_marketplace_covers_lyras_fees(new_sandbox: NewSandbox) -> None:
    terms = {"currency": "EUR", "commission_prorata": 1.5, "commission_fix": 10}
    told = scenario()
    told["world"]["lyra"]["marketplace"] = {"currencies": [terms]}
    shop = Marketplace(new_sandbox(scenario=told, clock=TUESDAY))
    order = shop.order(item(10000), {**COMMISSION, "amount": 193})
    assert list(shop.refused("execute", order=order["uuid"])[1]) == ["commission"]
    enough = shop.paid(item(10000), {**COMMISSION, "amount": 196})  # (1.5 % of 101.96 + 0.10) and 20 % VAT: 1.96
    assert enough["amount"] == 10196
    later = shop.paid(item(10000), awaiting_validation=True)
    assert list(shop.refused("validate_order", order=later["uuid"])[1]) == ["commission"]


def cashouts(shop: Marketplace, **query: Any) -> list[dict[str, Any]]:
    """GET /cashouts."""
    found: list[dict[str, Any]] = shop.call("list_cashouts", query=query)["results"]
    return found


def test_a_sellers_day_is_paid_out(shop: Marketplace) -> None:
    one = shop.captured(item(1000, seller_external_ref="seller2"))
    [cashout] = cashouts(shop)
    assert cashout["href"] == f"/marketplace/cashouts/{cashout['uuid']}", "relative, and whatever base is called"
    assert (cashout["status"], cashout["amount"], cashout["currency"]) == ("PENDING", 1000, "EUR")
    assert (cashout["seller"], cashout["seller_external_ref"]) == (shop.seller("seller2"), "seller2")
    assert (cashout["captured_at"], cashout["executed_at"]) == ("2026-01-06", None)
    found = requests.get(
        f"{shop.sandbox.url}{cashout['href']}", auth=(shop.given["login"], shop.given["password"]), timeout=30
    )
    details = found.json()
    [line] = details["transfers"]
    assert line["item"] == {"uuid": one["items"][0]["uuid"], "ref": "item", "desc": "Something"}
    assert line["order"] == {"uuid": one["uuid"], "ref": "CMD-1001", "desc": "Table 4"}
    assert (line["amount"], line["currency"], details["refunds"]) == (1000, "EUR", [])
    assert {**details, "transfers": 0, "refunds": 0} == {**cashout, "transfers": 0, "refunds": 0}
    shop.sandbox.advance("P3D")
    [cashout] = cashouts(shop)
    assert (cashout["status"], cashout["executed_at"][:10]) == ("SUCCEEDED", "2026-01-09")


def test_refunds_are_deducted_from_a_cashout(shop: Marketplace) -> None:
    """1900 - 450 = 1450, as in the guide's example."""
    order = shop.captured(item(1900, seller_external_ref="seller2"))
    line = {"seller": shop.seller("seller2"), "item": order["items"][0]["uuid"], "reference": "r1", "amount": 450}
    refund = shop.refund(order, items=[line])
    shop.sandbox.advance("PT2H")
    assert shop.call("get_refund", refund=refund["uuid"])["status"] == "SUCCEEDED"
    [cashout] = cashouts(shop, seller=shop.seller("seller2"))
    details = shop.call("get_cashout", cashout=cashout["uuid"])
    assert (details["amount"], [each["amount"] for each in details["transfers"]]) == (1450, [1900])
    [deducted] = details["refunds"]
    assert (deducted["uuid"], deducted["amount"]) == (refund["uuid"], 450)
    assert deducted["order"]["uuid"] == order["uuid"]
    assert deducted["item"] == {"uuid": order["items"][0]["uuid"], "ref": "item", "desc": "Something"}


def test_cashouts_are_listed_by_day_and_seller(shop: Marketplace) -> None:
    for ref in ("seller1", "seller2"):
        shop.captured(item(1000, seller_external_ref=ref))
    days = [(each["seller_external_ref"], each["captured_at"]) for each in cashouts(shop)]
    assert days == [("seller2", "2026-01-07"), ("seller1", "2026-01-06")], "the latest day first"
    assert len(cashouts(shop, capture_start_date="2026-01-07")) == 1
    assert len(cashouts(shop, capture_end_date="2026-01-06")) == 1
    assert cashouts(shop, capture_start_date="2026-01-08") == []
    assert [each["captured_at"] for each in cashouts(shop, ordering="captured_at")] == ["2026-01-06", "2026-01-07"]
    own = shop.call("list_seller_cashouts", seller=shop.seller("seller2"))["results"]
    assert own == cashouts(shop, seller=shop.seller("seller2")) == cashouts(shop)[:1]
    page = shop.call("list_cashouts", query={"page_size": 1})
    assert (page["count"], len(page["results"]), page["next"] is not None) == (2, 1, True)
    assert shop.request("GET", page["next"]).json()["results"] == cashouts(shop)[1:]
    status, told = shop.refused("list_cashouts", query={"capture_start_date": "06/01/2026"})
    assert (status, list(told)) == (400, ["capture_start_date"])


def test_a_held_item_is_not_paid_out(shop: Marketplace) -> None:
    order = shop.captured(item(1000, hold_payment=True), item(500))
    assert [each["amount"] for each in cashouts(shop)] == [500]
    shop.call("activate_item", item=order["items"][0]["uuid"])
    shop.sandbox.settle()
    assert sorted(each["amount"] for each in cashouts(shop)) == [500, 1000]
    assert shop.refused("activate_item", item=order["items"][0]["uuid"])[0] == 400, "it cannot be held again"
    assert [each["status"] for each in shop.call("list_order_transfers", order=order["uuid"])["results"]] == [
        "SUCCEEDED"
    ] * 2


# -- tokens ----------------------------------------------------------------------------------------------------------


def test_a_registered_card_pays_later(shop: Marketplace, inbox: Inbox) -> None:
    made = shop.register_card()
    assert set(made) == {"token", "payment_url"}
    told = shop.call("get_token", token=made["token"])
    assert (told["uuid"], told["status"], told["alias"], told["payment_url"]) == (
        made["token"],
        "CREATED",
        None,
        made["payment_url"],
    )
    shop.sandbox.shopper(made["token"], {"pay": [CARD]})
    told = shop.call("get_token", token=made["token"])
    assert told["status"] == "SUCCEEDED"
    assert re.fullmatch(r"[0-9a-f]{32}", told["alias"])
    assert inbox.told() == [("token", made["token"])]
    alias = shop.call("get_alias", alias=told["alias"])
    assert (alias["brand"], alias["number"]) == ("CB", "497010XXXXXX0000")
    assert (alias["email"], alias["first_name"]) == ("paul@example.test", "Paul")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", alias["creation_date"]), "no microseconds"
    order = shop.order(alias=told["alias"])
    shop.call("execute_mit", order=order["uuid"])
    assert shop.status(order) == "PENDING"


def test_an_alias_is_renewed_by_another_token(shop: Marketplace) -> None:
    made = shop.register_card(alias_to_update=ALIAS)
    shop.sandbox.shopper(made["token"], {"pay": [{"with": "card", "number": "5970100300000000"}]})
    assert shop.call("get_token", token=made["token"])["alias"] == ALIAS
    assert shop.call("get_alias", alias=ALIAS)["number"] == "597010XXXXXX0000"
    status, told = shop.refused("create_token", shop.token_body(alias_to_update="nothing"))
    assert (status, list(told)) == (400, ["alias_to_update"])
    assert shop.refused("get_alias", alias="nothing")[0] == 404


def test_a_token_that_ends_otherwise(shop: Marketplace) -> None:
    left, slow = shop.register_card()["token"], shop.register_card()["token"]
    shop.sandbox.shopper(left, {"cancel": True})
    shop.sandbox.advance("PT1H")
    assert [shop.call("get_token", token=each)["status"] for each in (left, slow)] == ["ABANDONED"] * 2
    assert shop.call("list_tokens")["count"] == 2


# -- vouchers --------------------------------------------------------------------------------------------------------


def test_an_order_is_paid_by_holiday_vouchers_alone(shop: Marketplace) -> None:
    paid = shop.paid(night(), tenders=(HOLIDAY,))
    [transaction] = paid["transactions"]
    assert (transaction["payment_scheme"], transaction["amount"]) == ("CVCONNECT", 5500)
    assert paid["items"][0]["vouchers"] == [{"contract_type": "CVCONNECT", "is_selected": True, "actual_amount": 5500}]


def test_three_ways_pay_one_order(shop: Marketplace) -> None:
    """8000 - 3000 - 1100 = 3900, as in the guide's example."""
    both = [{"contract_type": "CVCONNECT"}, {"contract_type": "CONECS", "eligible_amount": 1100}]
    tenders = (MEAL_CARD, {**HOLIDAY, "amount": "30.00 EUR"}, CARD)
    paid = shop.paid(item(8000, vouchers=both), tenders=tenders)
    told = [(each["sequence_number"], each["payment_scheme"], each["amount"]) for each in paid["transactions"]]
    assert told == [(1, "CONECS", 1100), (2, "CVCONNECT", 3000), (3, "CB", 3900)]
    transfers = shop.call("list_order_transfers", order=paid["uuid"])["results"]
    assert sorted(each["amount"] for each in transfers) == [1100, 3000, 3900]


@pytest.mark.parametrize(
    ("seller", "voucher", "field"),
    [
        ("cardonly", {"contract_type": "CVCONNECT"}, "vouchers"),
        ("seller1", {"contract_type": "CONECS", "eligible_amount": 1001}, "vouchers"),
        ("closed", None, "seller"),
    ],
)
def test_vouchers_and_sellers_that_do_not_fit(
    shop: Marketplace, seller: str, voucher: dict[str, Any] | None, field: str
) -> None:
    wrong = item(1000, seller_external_ref=seller, vouchers=[voucher] if voucher else [])
    status, told = shop.refused("create_order", shop.order_body(wine(), wrong), query={"expand": "items"})
    assert (status, told["items"][0], list(told["items"][1])) == (400, {}, [field])


def test_a_voucher_without_a_contract_can_be_left_out_by_a_setting(new_sandbox: NewSandbox) -> None:
    shop = with_settings(new_sandbox, missing_contract="ignored")
    order = shop.order(item(1000, seller_external_ref="cardonly", vouchers=[{"contract_type": "CVCONNECT"}]))
    assert order["items"][0]["vouchers"] == []


def test_equal_sums_are_decided_by_the_contract_number(new_sandbox: NewSandbox) -> None:
    for setting, winner in (("lowest", "seller2"), ("highest", "seller1")):
        shop = with_settings(new_sandbox, tie_break=setting)
        order = shop.order(meal(), meal(seller_external_ref="seller2"))
        shop.execute(order)
        chosen = [
            each["seller_external_ref"] for each in shop.read(order)["items"] if each["vouchers"][0]["is_selected"]
        ]
        assert chosen == [winner], "1204477 is less than 1999011"


def test_sellers_are_named_by_uuid_or_external_ref(shop: Marketplace) -> None:
    one, two = shop.seller(), shop.seller("seller2")
    made = shop.order(item(100, seller=one), item(100, seller=one, seller_external_ref="seller1"))
    assert [each["seller"] for each in made["items"]] == [one, one]
    for wrong, field in (
        ({"seller": two, "seller_external_ref": "seller1"}, "seller_external_ref"),
        ({"seller": STRANGE}, "seller"),
        ({"seller_external_ref": "nobody"}, "seller_external_ref"),
        ({"seller_external_ref": None}, "seller"),
    ):
        body = shop.order_body(item(100, **wrong))
        told = shop.refused("create_order", body, query={"expand": "items"})[1]
        assert list(told["items"][0]) == [field]


# -- refunds ---------------------------------------------------------------------------------------------------------


def test_a_refund_goes_its_way(shop: Marketplace) -> None:
    order = shop.captured(meal(), wine(), tenders=(MEAL_CARD, CARD))
    refund = shop.refund(order, 1500)["uuid"]
    told = []
    for span in ("PT0S", "PT15M", "PT1H"):
        shop.sandbox.advance(span)
        told.append(shop.call("get_refund", refund=refund)["status"])
    assert told == ["CREATED", "PENDING", "SUCCEEDED"]
    assert shop.call("list_order_refunds", order=order["uuid"])["count"] == 1


def test_refunds_need_an_order_or_a_transaction(shop: Marketplace) -> None:
    order = shop.captured()
    [transaction] = order["transactions"]
    body = {**shop.refund_body(order), "transaction": transaction["trans_uuid"]}
    del body["order"]
    made = shop.call("create_refund", body, status=201)
    assert (made["order"], made["transaction"]) == (order["uuid"], transaction["trans_uuid"])
    for changes, field in (
        ({"order": None}, "order"),
        ({"order": STRANGE}, "order"),
        ({"transaction": "0" * 32}, "transaction"),
        ({"currency": "USD"}, "currency"),
        ({"items": []}, "items"),
        ({"items": [{"seller": shop.seller("seller2"), "reference": "r", "amount": 1}]}, "items"),
    ):
        status, told = shop.refused("create_refund", {**shop.refund_body(order), **changes})
        assert (status, list(told)) == (400, [field]), changes


def test_a_refund_goes_back_to_cards_first_and_to_meal_cards_last(shop: Marketplace) -> None:
    def balances() -> dict[str, str]:
        kinds = ("conecs", "cv_connect")
        return {each["kind"]: each["balance"] for each in shop.sandbox.accounts().values() if each["kind"] in kinds}

    both = [{"contract_type": "CVCONNECT"}, {"contract_type": "CONECS", "eligible_amount": 1100}]
    rich = {**MEAL_CARD, "number": MEAL_CARDS["rich"]}
    before = balances()
    order = shop.captured(item(8000, vouchers=both), tenders=(rich, {**HOLIDAY, "amount": "30.00 EUR"}, CARD))
    spent = balances()
    assert spent != before
    for amount, then in ((3900, spent), (3000, {**before, "conecs": spent["conecs"]}), (1100, before)):
        refund = shop.refund(order, amount)
        shop.sandbox.advance("PT2H")
        assert shop.call("get_refund", refund=refund["uuid"])["status"] == "SUCCEEDED"
        assert balances() == then
    assert shop.read(order)["items"][0]["vouchers"] == order["items"][0]["vouchers"], "what was paid stays"
    more = shop.refund(order, 1)
    shop.sandbox.advance("PT2H")
    assert shop.call("get_refund", refund=more["uuid"])["status"] == "FAILED"
    assert shop.status(order) == "SUCCEEDED", "refunds do not change it"


def test_a_refund_of_one_transaction_goes_back_there(shop: Marketplace) -> None:
    order = shop.captured(meal(), wine(), tenders=(MEAL_CARD, CARD))
    meal_part = order["transactions"][0]["trans_uuid"]
    refunds = [shop.refund(order, amount, transaction=meal_part)["uuid"] for amount in (1400, 1)]
    shop.sandbox.advance("PT2H")
    assert [shop.call("get_refund", refund=each)["status"] for each in refunds] == ["SUCCEEDED", "FAILED"]
    listed = shop.call("list_refunds", query={"transaction": meal_part})
    assert listed["count"] == 2


# -- items -----------------------------------------------------------------------------------------------------------


def test_items_are_added_and_changed_until_the_payment(shop: Marketplace) -> None:
    order = shop.order(wine())
    ref = order["uuid"]
    added = shop.call("create_order_item", meal(), order=ref, status=201)
    other = shop.call("create_item", {**item(200, reference="water"), "order": ref}, status=201)
    assert (added["order"], other["order"]) == (ref, ref)
    changed = shop.call("update_item", {**added, "amount": 3000}, item=added["uuid"])
    assert (changed["uuid"], changed["amount"], changed["vouchers"]) == (added["uuid"], 3000, added["vouchers"])
    assert changed["created_at"] == added["created_at"]
    assert shop.call("update_item", {"vouchers": []}, item=added["uuid"])["vouchers"] == []
    assert [each["reference"] for each in shop.read(order)["items"]] == ["wine", "meal", "water"]
    shop.execute(order)
    assert shop.read(order)["amount"] == 1850 + 3000 + 200
    shop.pay(order)
    for operation, path in (("create_order_item", {"order": ref}), ("update_item", {"item": added["uuid"]})):
        status, told = shop.refused(operation, wine(), **path)
        assert (status, list(told)) == (400, ["status"])


def test_an_item_of_an_order_that_is_not_there(shop: Marketplace) -> None:
    status, told = shop.refused("create_item", {**wine(), "order": STRANGE})
    assert (status, list(told)) == (400, ["order"])
    assert list(shop.refused("create_item", wine())[1]) == ["order"]


def test_an_order_in_a_currency_that_the_marketplace_has_not(shop: Marketplace) -> None:
    name = shop.call("get_marketplace")["description"]
    told = shop.refused("create_order", shop.order_body(currency="USD"))
    assert told == (400, {"currency": f"Marketplace {name} does not support USD currency"})
