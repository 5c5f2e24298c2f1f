"""Whatever JSON comes to a write operation, at any place of its body: never a fault, always an answer of the contract,
and nothing has changed after a refusal. What was made out of nonsense can be read, executed and looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import lyra_bad as scenes
from tests.support.control import ControlledSandbox
from tests.support.lyra import ALIAS, MARIE, PDF, STRANGE, Marketplace, conecs, holiday, item, meal, wine
from tests.support.lyra_bad import Scene, World
from tests.support.server import Threaded

WORDS = [
    "EUR", "USD", "fr", "FR", "https://x/", "http://[", "CONECS", "CVCONNECT", "PRIVATE", "MULTI:count=3;period=30",
    "MULTI:first=1;count=2;period=1", "MULTI_EXT:20260702=100", "MULTI_EXT:00000101=1", "SINGLE", "GET", "seller1",
    "seller2", "operator", "20260703090000", "00000000000000", "99991231235959", "1984-02-11", "0001-01-01", STRANGE,
    ALIAS, "true", "0", "-1", "1e3", "9" * 400, "²" * 14, "\ud800", "\x00", "a@b.example", "x" * 40, " ", "{}",
]  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**31 - 2, max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


# -- spoilt bodies -----------------------------------------------------------------------------------------------------


def places(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of everything in a body, in its own order."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield (*above, name)
        yield from places(inner, (*above, name))


def retyped(value: Any) -> list[Any]:
    """The same thing as other kinds of JSON, or more of it."""
    text = value if isinstance(value, str) else json.dumps(value)
    found: list[Any] = [text, [value], [value, value], {"value": value}, text[:-1], text * 2, f" {text} ", None]
    if isinstance(value, list):
        found += [value * 2, []]
    if isinstance(value, int):
        found += [-value, value * 10**20, value + 0.5, not value, 0, value + 1]
    return found


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> Any:
    """A right body with one to three things dropped, replaced, retyped or doubled."""
    changed = deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(changed))
        if not found:
            return changed
        *parents, last = draw(st.sampled_from(found))
        inner = changed
        for part in parents:
            inner = inner[part]
        kind = draw(st.sampled_from(["drop", "replace", "retype", "word"]))
        if kind == "drop":
            del inner[last]
        elif kind == "retype":
            inner[last] = deepcopy(draw(st.sampled_from(retyped(inner[last]))))
        else:
            inner[last] = draw(JSON if kind == "replace" else st.sampled_from(WORDS))
    return changed


# -- what is sent ------------------------------------------------------------------------------------------------------

ADDRESS = {"street_number": "1", "street": "Rivoli", "zipcode": "75001", "city": "Paris", "country": "FR"}
FULL_ITEM = item(
    3000, type="FOOD", quantity=2, commission_amount=100, hold_payment=True, vouchers=[conecs(1400), holiday()]
)


def full_order(shop: Marketplace, _: Scene) -> Any:
    """An order that says everything."""
    return shop.order_body(
        FULL_ITEM,
        wine(),
        item(50, seller_external_ref="operator", is_commission=True),
        alias=ALIAS,
        awaiting_validation=True,
        payment_config="SINGLE",
        capture_delay=3,
        return_mode="GET",
        shipping={"shipping_method": "ETICKET", "shipping_speed": "EXPRESS", "address": ADDRESS},
        buyer={**shop.order_body()["buyer"], "address": ADDRESS, "first_name": "Paul"},
        expected_capture_date="20260703090000",
    )


def in_installments(shop: Marketplace, _: Scene) -> Any:
    """One that is paid in parts."""
    return shop.order_body(wine(), payment_config="MULTI:first=50;count=3;period=30")


def revision(shop: Marketplace, scene: Scene) -> Any:
    """Less items, another date, other installments."""
    parts = [{"trans_uuid": scene["transaction"], "amount": 900, "expected_capture_date": "20260704090000"}]
    return {"items": [meal(2000)], "transactions": parts, "expected_capture_date": "20260703090000"}


def registration_body(shop: Marketplace, _: Scene) -> Any:
    """A registration that says everything."""
    said = {"legal_form": 5499, "turnover": 1, "cashout_delay": 2, "address": ADDRESS, "external_ref": None}
    return {**shop.registration_body(), **said, "trading_name": "Bistrot", "nature": "SARL"}


def known_member(shop: Marketplace, scene: Scene) -> Any:
    """The same, its board as it is known."""
    return {**registration_body(shop, scene), "board": [{**MARIE, "uuid": scene["member"]}]}


def a_refund(shop: Marketplace, scene: Scene) -> Any:
    """A refund that says everything."""
    line = {"seller": shop.seller(), "item": scene["item"], "reference": "r", "amount": 300, "description": "Sorry"}
    return shop.refund_body(scene["order"], transaction=scene["transaction"], items=[line], description="Sorry")


def hook(_: Marketplace, __: Scene) -> Any:
    """A webhook."""
    return {"event_type": "kyc", "target": "https://shop.example/hooks"}


Body = Callable[[Marketplace, Scene], Any]
ITEMS, BOTH = {"expand": "items"}, {"expand": "items,transactions"}
CALLS: Mapping[str, tuple[str, Callable[[Marketplace], Scene], Body, Mapping[str, str]]] = {
    "a new order": ("create_order", lambda _: {}, full_order, BOTH),
    "a new order in installments": ("create_order", lambda _: {}, in_installments, ITEMS),
    "an order that is not executed": ("update_order", scenes.new_order, full_order, BOTH),
    "an order on its page": ("update_order", scenes.executed, full_order, ITEMS),
    "a paid order": ("update_order", scenes.pending, revision, BOTH),
    "an item": ("create_item", scenes.new_order, lambda _, scene: {"order": scene["order"], **FULL_ITEM}, {}),
    "an item of an order": ("create_order_item", scenes.new_order, lambda _, __: FULL_ITEM, {}),
    "a changed item": ("update_item", scenes.new_order, lambda _, __: FULL_ITEM, {}),
    "a refund": ("create_refund", scenes.succeeded, a_refund, {}),
    "a changed refund": ("update_refund", scenes.refund, a_refund, {}),
    "a token": ("create_token", lambda _: {}, lambda shop, _: shop.token_body(alias_to_update=ALIAS), {}),
    "an embedded token": ("create_embedded_token", lambda _: {}, lambda shop, _: shop.token_body(), {}),
    "a webhook": ("create_webhook", lambda _: {}, hook, {}),
    "a changed webhook": ("update_webhook", lambda _: {}, hook, {}),
    "a registration": ("create_registration", lambda _: {}, registration_body, {}),
    "a changed registration": ("update_registration", scenes.registration, known_member, {}),
}
FUZZED = settings(
    max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def busy(live: Threaded) -> Iterator[World]:
    """One sandbox for many examples; nobody is asked about webhooks."""
    made: list[ControlledSandbox] = []

    def new(**body: Any) -> ControlledSandbox:
        made.append(ControlledSandbox.create(live.url, **body))
        return made[-1]

    yield World(live, new, {"webhook_probe": False, "daily_limit": "1000000.00 EUR"})
    for each in made:
        each.delete()


@pytest.fixture(scope="module")
def prepared(busy: World) -> Mapping[str, Scene]:
    """What a refund may be of again and again; all else is made anew for each example."""
    return {"a refund": scenes.succeeded(busy.shop)}


@pytest.mark.parametrize("call", CALLS)
@FUZZED
@given(data=st.data())
def test_no_json_at_any_place_is_a_fault(
    call: str, busy: World, prepared: Mapping[str, Scene], data: st.DataObject
) -> None:
    operation, before, body, query = CALLS[call]
    shop = busy.shop
    scene = prepared.get(call) or before(shop)
    changed = data.draw(spoilt(body(shop, scene)) | JSON, label="body")
    text = json.dumps(changed, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    was = busy.everything()

    named = {name: scene[name] for name in scenes.path_names(operation) if name in scene}
    answer = shop.answered(operation, text, query=query or None, **named)

    if answer.status_code < 300:
        look_at(busy, operation, answer)
        return
    assert answer.status_code == 400, answer.text
    assert busy.everything() == was


def look_at(busy: World, operation: str, answer: requests.Response) -> None:
    """What was made or changed can be read, executed and seen, and its webhooks be sent."""
    shop, told = busy.shop, answer.json()
    if operation.endswith("_order"):
        assert shop.read(told)["uuid"] == told["uuid"]
        executed = shop.answered("execute", order=told["uuid"])
        assert executed.status_code in (200, 400)
        if executed.status_code == 200:
            assert requests.get(executed.json()["payment_url"], timeout=30).status_code == 200
    if operation.endswith("_item"):
        assert shop.call("get_item", item=told["uuid"]) == told
    if "payment_url" in told and operation == "create_token":
        assert requests.get(told["payment_url"], timeout=30).status_code == 200
    if operation.endswith("_registration"):
        assert shop.call("get_registration", registration=told["uuid"]) == told
    busy.controlled.settle()


FIELDS = ("type", "reference", "description", "board_member", "additional_data", "x")
FILTERS = (
    "page", "page_size", "ordering", "uuid", "amount", "status", "seller", "item", "start_date", "end_date",
    "capture_start_date", "name", "expand",
)  # fmt: skip
LISTS = ("list_orders", "list_items", "list_transfers", "list_cashouts", "list_registrations", "list_sellers")
TEXTS = st.text(max_size=300) | st.sampled_from(["KBIS", "PASSPORT", STRANGE])


@FUZZED
@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), TEXTS),
    file=st.binary(max_size=50),
    media=st.sampled_from(["application/pdf", "image/x", "text/plain", "x"]),
)
def test_no_form_is_a_fault(busy: World, fields: dict[str, str], file: bytes, media: str) -> None:
    scene = scenes.registration(busy.shop)
    was = busy.everything()
    sent = {name: text.encode("utf-8", "surrogatepass") for name, text in fields.items()}
    answer = busy.shop.answered(
        "create_document", registration=scene["registration"], data=sent, files={"file": (PDF[0], file, media)}
    )
    assert answer.status_code in (201, 400), answer.text
    assert answer.status_code == 201 or busy.everything() == was


@FUZZED
@given(query=st.dictionaries(st.sampled_from(FILTERS), st.text(max_size=20) | st.sampled_from(WORDS)))
def test_no_query_is_a_fault(busy: World, query: dict[str, str]) -> None:
    sent = {name: text.encode("utf-8", "surrogatepass") for name, text in query.items()}
    for operation in LISTS:
        answer = busy.shop.answered(operation, query=sent)
        assert answer.status_code in (200, 400, 404), answer.text
