"""Bad items: fields, sellers, vouchers, commissions. Each by all operations that take an item. Texts are inferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from tests.support.lyra import STRANGE, conecs, holiday, item, meal, night, wine
from tests.support.lyra_bad import (
    BLANK,
    EUR_USD,
    GONE,
    NO_FLAG,
    NO_MATCH,
    NO_NULL,
    NO_TEXT,
    NO_UUID,
    NO_WHOLE,
    REQUIRED,
    RIGHTS,
    NewSandbox,
    Row,
    Scene,
    Spoilt,
    World,
    above,
    at,
    below,
    changeable,
    no_choice,
    no_pk,
    ordering,
    put,
    spoil,
    too_long,
)
from tests.support.server import Threaded

MOST = 2_147_483_647


def item_fields() -> Iterator[Spoilt]:
    """Of an item, by whatever operation."""
    for name in ("reference", "description", "amount"):
        yield name, GONE, REQUIRED
        yield name, None, NO_NULL
    yield "is_commission", None, NO_NULL
    yield "vouchers", None, NO_NULL
    yield "reference", "", BLANK
    yield "reference", "with space", NO_MATCH
    yield "reference", "x" * 33, too_long(32)
    yield "description", "", BLANK
    yield "description", "What?", NO_MATCH
    yield "description", "x" * 256, too_long(255)
    yield "type", "x" * 65, too_long(64)
    yield "type", 7, NO_TEXT
    for value in ("x", "", 1.5, True, [1], "1e3", "12.50"):
        yield "amount", value, NO_WHOLE
    yield "amount", -1, below(0)
    yield "amount", MOST + 1, above(MOST)
    yield "amount", "-1", below(0)
    yield "quantity", 32768, above(32767)
    yield "quantity", -1, below(0)
    yield "quantity", "many", NO_WHOLE
    yield "commission_amount", -1, below(0)
    yield "commission_amount", MOST + 1, above(MOST)
    yield "is_commission", "maybe", NO_FLAG
    yield "hold_payment", 1, NO_FLAG
    yield "seller", "x", NO_UUID
    yield "seller_external_ref", "", BLANK
    yield "seller_external_ref", "x" * 51, too_long(50)
    yield "vouchers", [{}], [{"contract_type": REQUIRED}]
    yield "vouchers", [{"contract_type": "EDENRED"}], [{"contract_type": no_choice("EDENRED")}]
    yield "vouchers", [{"contract_type": None}], [{"contract_type": NO_NULL}]
    yield "vouchers", [{**conecs(-1)}], [{"eligible_amount": below(0)}]
    yield "vouchers", [{**conecs(), "eligible_amount": "x"}], [{"eligible_amount": NO_WHOLE}]
    yield "vouchers", {}, ['Expected a list of items but got type "dict".']


def field_rows() -> Iterator[Row]:
    """Each field, in each operation that takes it."""
    for path, value, told in item_fields():
        yield spoil("create_order", f"items.1.{path}", value, told)
        yield spoil("create_item", path, value, told)
        yield spoil("create_order_item", path, value, told)
        if value is not GONE:
            yield spoil("update_item", path, value, told)
    yield spoil("create_item", "order", GONE, REQUIRED)
    yield spoil("create_item", "order", None, NO_NULL)
    yield spoil("create_item", "order", "x", NO_UUID)
    yield spoil("create_item", "order", STRANGE, no_pk(STRANGE))


# -- rules -------------------------------------------------------------------------------------------------------------

LIMITED = [
    {"external_ref": "seller1", "vouchers": {"CONECS": "1999011"}},
    {"external_ref": "away", "status": "INACTIVE", "vouchers": {"CONECS": "1"}, "reference": "SL1"},
    {"external_ref": "bare", "reference": "SL2"},
    {"external_ref": "operator", "operator": True, "reference": "SL3"},
]


def bad_item(name: str, wrong: Mapping[str, Any], told: Any, **more: Any) -> Iterator[Row]:
    """An item that a rule forbids: inside a new or a changed order, on its own, and in place of another."""

    def nested(w: World, scene: Scene, operation: str) -> requests.Response:
        body = w.shop.order_body(wine(), wrong, **changes)
        return w.shop.answered(operation, body, query={"expand": "items"}, **scene)

    changes = more.pop("changes", {})
    more.setdefault("market", {})

    def made(w: World) -> Scene:
        return {"order": w.shop.order(wine(), **changes)["uuid"]}

    def with_item(w: World) -> Scene:
        return {"item": w.shop.order(wine(), **changes)["items"][0]["uuid"]}

    inside = {"items": [{}, told]}
    yield Row(f"a new order: {name}", lambda w, _: nested(w, {}, "create_order"), 400, inside, **more)
    yield Row(f"a changed order: {name}", lambda w, s: nested(w, s, "update_order"), 400, inside, made, **more)
    yield Row(
        f"a new item: {name}", lambda w, s: w.shop.answered("create_order_item", wrong, **s), 400, told, made, **more
    )
    yield Row(
        f"a changed item: {name}", lambda w, s: w.shop.answered("update_item", wrong, **s), 400, told, with_item, **more
    )


def sellers() -> Iterator[Row]:
    """Who sells."""
    yield from bad_item("an unknown seller", item(100, seller=STRANGE), {"seller": no_pk(STRANGE)})
    yield from bad_item(
        "an unknown external_ref",
        item(100, seller_external_ref="nobody"),
        {"seller_external_ref": ["No seller has the external_ref nobody."]},
    )
    yield from bad_item(
        "an inactive seller",
        item(100, seller_external_ref="away"),
        {"seller": "The seller SL1 is not active."},
        market={"sellers": LIMITED},
    )
    for operation, path in (("create_order", "items.0."), ("create_order_item", "")):
        yield Row(
            f"{operation}: no seller at all",
            lambda w, s, operation=operation, path=path: RIGHTS[operation].send(
                w.shop, operation, s, put(RIGHTS[operation].body(w.shop, s), f"{path}seller_external_ref", GONE)
            ),
            400,
            at(f"{path}seller", REQUIRED),
            before=changeable,
        )
        yield Row(
            f"{operation}: seller and external_ref disagree",
            lambda w, s, operation=operation, path=path: RIGHTS[operation].send(
                w.shop, operation, s, put(RIGHTS[operation].body(w.shop, s), f"{path}seller", w.shop.seller("seller2"))
            ),
            400,
            at(f"{path}seller_external_ref", "This is not the external_ref of the seller that is named."),
            before=changeable,
        )


def vouchers() -> Iterator[Row]:
    """What vouchers may pay (§ 9.2 of the facts), each rule inferred."""
    lacks = "The seller {} has no {} contract."
    yield from bad_item(
        "CONECS without eligible_amount", item(100, vouchers=[conecs()]), {"vouchers": [{"eligible_amount": REQUIRED}]}
    )
    high = {"eligible_amount": "The eligible amount cannot be higher than the item's amount."}
    yield from bad_item("more eligible than the item costs", meal(100, 101), {"vouchers": [high]})
    yield from bad_item(
        "the second voucher is wrong", item(100, vouchers=[holiday(), conecs(101)]), {"vouchers": [{}, high]}
    )
    yield from bad_item(
        "a type twice",
        item(100, vouchers=[conecs(50), conecs(50)]),
        {"vouchers": ["The contract type CONECS appears twice."]},
    )
    more: Any = {"market": {"sellers": LIMITED}, "inferred": "missing_contract"}
    yield from bad_item(
        "a seller without this contract", night(), {"vouchers": [lacks.format("SL270001", "CVCONNECT")]}, **more
    )
    yield from bad_item(
        "a seller without any contract",
        meal(seller_external_ref="bare"),
        {"vouchers": [lacks.format("SL2", "CONECS")]},
        **more,
    )
    yield from bad_item(
        "a commission item of an operator without contract",
        meal(100, 50, seller_external_ref="operator", is_commission=True),
        {"vouchers": [lacks.format("SL3", "CONECS")]},
        **more,
    )
    yield from bad_item(
        "a marketplace without this contract",
        night(),
        {"vouchers": ["The marketplace has no CVCONNECT contracts."]},
        market={"marketplace": {"vouchers": ["CONECS"]}},
    )
    yield from bad_item(
        "meal vouchers in another currency",
        meal(),
        {"vouchers": ["CONECS vouchers can only be used in EUR."]},
        market={"marketplace": EUR_USD},
        changes={"currency": "USD"},
    )
    multi = {"payment_config": "Vouchers cannot be paid in installments."}
    for config in ("MULTI:count=3;period=30", "MULTI_EXT:20260702=2500"):
        yield Row(f"vouchers in installments: {config}", ordering(meal(), payment_config=config), 400, multi)
    yield Row(
        "a voucher for an order in installments",
        lambda w, s: w.shop.answered("create_order_item", meal(), order=s["uuid"]),
        400,
        multi,
        before=lambda w: w.shop.order(wine(), payment_config="MULTI:count=2;period=30"),
    )


def commissions() -> Iterator[Row]:
    """What the marketplace may keep, and must."""
    yield from bad_item(
        "a commission of another seller than the operator",
        item(100, is_commission=True),
        {"seller": "A commission item belongs to the marketplace's own seller."},
    )
    operators = {"seller_external_ref": "operator", "is_commission": True}
    yield from bad_item(
        "a commission of a commission",
        item(100, commission_amount=1, **operators),
        {"commission_amount": "commission_amount cannot be used together with is_commission."},
    )
    yield from bad_item(
        "a commission that is held",
        item(100, hold_payment=True, **operators),
        {"hold_payment": "The payment of a commission item cannot be held."},
    )
    yield from bad_item(
        "more commission than the item costs",
        item(100, commission_amount=101),
        {"commission_amount": "The commission cannot be higher than the item's amount."},
    )
    dear = {"marketplace": {"currencies": [{"currency": "EUR", "commission_prorata": 1.5, "commission_fix": 20}]}}
    least = {"commission": "The commission must be at least 103; it is 0."}
    for operation in ("execute", "execute_embedded", "persist"):
        yield Row(
            f"{operation} without the minimum commission",
            lambda w, s, operation=operation: w.shop.answered(operation, order=s["uuid"]),
            400,
            least,
            before=lambda w: w.shop.order(),
            market=dear,
        )
    yield Row(
        "execute, a cent short of the minimum commission",
        lambda w, s: w.shop.answered("execute", order=s["uuid"]),
        400,
        {"commission": "The commission must be at least 103; it is 102."},
        before=lambda w: w.shop.order(item(4350, commission_amount=102)),
        market=dear,
    )
    yield Row(
        "execute in three installments without the minimum commission",
        lambda w, s: w.shop.answered("execute", order=s["uuid"]),
        400,
        {"commission": "The commission must be at least 151; it is 0."},
        before=lambda w: w.shop.order(wine(4350), payment_config="MULTI:count=3;period=30"),
        market=dear,
    )
    yield Row(
        "validate without the minimum commission",
        lambda w, s: w.shop.answered("validate_order", order=s["uuid"]),
        400,
        least,
        before=lambda w: w.shop.paid(wine(4350), awaiting_validation=True),
        market=dear,
    )


ROWS = [*field_rows(), *sellers(), *vouchers(), *commissions()]


def test_no_row_stands_twice() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_item_is_refused_and_changes_nothing(row: Row, live: Threaded, new_sandbox: NewSandbox) -> None:
    row.check(World(live, new_sandbox, row.settings, row.market))
