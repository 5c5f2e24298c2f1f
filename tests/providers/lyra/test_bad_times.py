"""Requests at a bad time: what an order's status, or what it consists of, does not allow. Two texts are Lyra's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests

from tests.support import lyra_bad as scenes
from tests.support.lyra import ALIAS, STRANGE, Marketplace, conecs, item, meal, wine
from tests.support.lyra_bad import REQUIRED, RIGHTS, NewSandbox, Row, Scene, World, no_pk
from tests.support.server import Threaded

NOTHING_TO_PAY = {"amount": "The sum of item amounts cannot be zero or negative."}
BEING_PAID = {"Order": "This order has been executed and cannot be canceled until the end of the payment process"}
"""Lyra's own words, both."""
EXECUTIONS = ("execute", "execute_token", "execute_embedded", "execute_embedded_token")


SCENES: Mapping[str, Callable[[Marketplace], Scene]] = {
    "executed": scenes.executed,
    "PENDING": scenes.pending,
    "PENDING, to be validated": scenes.waiting,
    "SUCCEEDED": scenes.succeeded,
    "CANCELLED": scenes.cancelled,
    "FAILED": scenes.failed,
    "ABANDONED": scenes.abandoned,
    "CREATED": scenes.new_order,
}
FINAL = ("SUCCEEDED", "CANCELLED", "FAILED", "ABANDONED")
PAID = ("PENDING", "PENDING, to be validated")
UNPAID = ("CREATED", "executed")


def refused_in(
    statuses: tuple[str, ...], operation: str, told: Any = None, body: Any = None, **more: Any
) -> Iterator[Row]:
    """An operation that is not possible in these statuses; the usual text names them."""
    for status in statuses:
        usual = {"status": f"This is not possible while the order is {status.partition(',')[0].upper()}."}

        def make(w: World, scene: Scene) -> requests.Response:
            sent = body(w.shop, scene) if body is not None else RIGHTS[operation].body(w.shop, scene)
            return RIGHTS[operation].send(w.shop, operation, scene, sent)

        name = more.pop("name", "")
        before = SCENES[status]
        yield Row(
            f"{operation}{name} while {status}",
            make,
            400,
            told or usual,
            lambda w, before=before: before(w.shop),
            **more,
        )


def statuses() -> Iterator[Row]:
    """Everything that acts on an order, in every status that does not allow it."""
    for operation in (*EXECUTIONS, "persist", "execute_mit"):
        yield from refused_in((*PAID, *FINAL), operation)
    for operation in ("create_order_item", "create_item", "update_item"):
        yield from refused_in((*PAID, *FINAL), operation)
    yield from refused_in(FINAL, "update_order")
    yield from refused_in(FINAL, "cancel_order")
    yield from refused_in(("executed",), "cancel_order", BEING_PAID, inferred="cancel_executed_status")
    created = {"status": "This is not possible while the order is CREATED."}
    yield from refused_in(UNPAID, "validate_order", created)
    yield from refused_in(FINAL, "validate_order")
    yield from refused_in(
        ("PENDING",), "validate_order", {"status": "No transaction of this order waits to be validated."}
    )
    yield from refused_in(("CANCELLED", "FAILED", "ABANDONED"), "activate_order")
    yield from refused_in(("CANCELLED", "FAILED", "ABANDONED"), "activate_item")
    held = ("CREATED", "executed", "PENDING", "SUCCEEDED")
    yield from refused_in(held, "activate_order", {"hold_payment": "No item of this order is held."})
    yield from refused_in(held, "activate_item", {"hold_payment": "The payment of this item is not held."})
    unpaid = {"alias": "This order has no alias to be paid with."}
    yield from refused_in(UNPAID, "execute_mit", unpaid)
    for status in (403, 405, 409):
        yield Row(
            f"cancel_order while the shopper pays, status {status}",
            lambda w, s: w.shop.answered("cancel_order", order=s["order"]),
            status,
            BEING_PAID,
            before=lambda w: scenes.executed(w.shop),
            settings={"cancel_executed_status": status},
            inferred="cancel_executed_status",
        )


def executions() -> Iterator[Row]:
    """Orders that cannot be executed in spite of their status; the first text is literal."""

    def act(operation: str) -> Callable[[World, Scene], requests.Response]:
        return lambda w, s: w.shop.answered(operation, order=s["uuid"])

    for operation in (*EXECUTIONS, "execute_mit", "persist"):
        yield Row(f"{operation}: items were not expanded", act(operation), 400, NOTHING_TO_PAY, forgotten)
        yield Row(
            f"{operation}: items for nothing", act(operation), 400, NOTHING_TO_PAY, lambda w: w.shop.order(item(0))
        )
    yield Row(
        "execute_mit: an unknown alias",
        act("execute_mit"),
        400,
        {"alias": "No payment method is registered under this alias."},
        lambda w: w.shop.order(alias=STRANGE),
    )
    yield Row(
        "execute_mit: the buyer is paying",
        act("execute_mit"),
        400,
        {"status": "The buyer is paying this order."},
        in_use,
    )
    yield Row(
        "an item released, held again",
        lambda w, s: w.shop.answered("update_item", {"hold_payment": True}, **s),
        400,
        {"hold_payment": "An item that was released cannot be held again."},
        released,
    )
    yield Row(
        "an item released twice",
        lambda w, s: w.shop.answered("activate_item", **s),
        400,
        {"hold_payment": "The payment of this item is not held."},
        released,
    )


def forgotten(world: World) -> Any:
    """An order whose items were sent without ``expand=items`` (trap 1)."""
    return world.shop.call("create_order", world.shop.order_body(), status=201)


def in_use(world: World) -> Any:
    """An order with an alias, open on its page."""
    made = world.shop.order(alias=ALIAS)
    world.shop.execute(made)
    return made


def released(world: World) -> Scene:
    """An item that was held, and is no more."""
    scene = scenes.held_order(world.shop)
    world.shop.call("activate_item", status=302, item=scene["item"])
    return {"item": scene["item"]}


def revisions() -> Iterator[Row]:
    """PUT of a paid order."""
    same = {"amount": "Neither the amount nor the expected capture date changes."}
    dates = {"expected_capture_date": "The date must be between now and 6 days ahead."}

    def change(body: Mapping[str, Any], *expand: str) -> Callable[[World, Scene], requests.Response]:
        return lambda w, s: w.shop.answered("update_order", body, query={"expand": ",".join(expand)}, order=s["order"])

    def row(name: str, body: Mapping[str, Any], told: Any, *expand: str, before: Any = scenes.pending) -> Row:
        return Row(f"a paid order: {name}", change(body, *expand), 400, told, lambda w: before(w.shop))

    yield row("nothing changes", {}, same)
    yield row("only its description", {"description": "Table 5"}, same)
    yield row("the same items", {"items": [meal(), wine()]}, same, "items")
    yield row("items without expand", {"items": [wine()]}, same)
    yield row("items with another expand", {"items": [wine()]}, same, "transactions")
    yield row("the same day, another hour", {"expected_capture_date": "20260701235959"}, same)
    yield row(
        "more than at first",
        {"items": [wine(4351)]},
        {"amount": "The amount cannot be higher than the initial amount, 4350."},
        "items",
    )
    yield row("nothing to pay", {"items": []}, NOTHING_TO_PAY, "items")
    yield row("items for nothing", {"items": [wine(0)]}, NOTHING_TO_PAY, "items")
    yield row("a capture yesterday", {"expected_capture_date": "20260630090000"}, dates)
    yield row("a capture in a week", {"expected_capture_date": "20260708090000"}, dates)
    yield row(
        "a capture in the 13th month",
        {"expected_capture_date": "20261301000000"},
        {"expected_capture_date": "This is not a date of the form YYYYMMDDHHMMSS."},
    )
    yield row(
        "an unknown seller", {"items": [item(100, seller=STRANGE)]}, {"items": [{"seller": no_pk(STRANGE)}]}, "items"
    )
    yield row(
        "CONECS without eligible_amount",
        {"items": [item(100, vouchers=[conecs()])]},
        {"items": [{"vouchers": [{"eligible_amount": REQUIRED}]}]},
        "items",
    )
    strange = {"transactions": [{"trans_uuid": "f" * 32, "amount": 1}]}
    yield row(
        "an unknown installment",
        strange,
        {"transactions": [{"trans_uuid": "This order has no such transaction."}]},
        "transactions",
        before=in_installments,
    )
    yield Row(
        "a paid order: no installment left",
        change({"transactions": []}, "transactions"),
        400,
        same,
        lambda w: in_installments(w.shop),
    )
    for name, amount, told in (
        (
            "more than at first",
            926,
            {"transactions": [{"amount": "The amount cannot be higher than the initial amount, 925."}]},
        ),
        ("less, the items the same", 900, {"transactions": "The transactions do not add up to the items' 1850."}),
    ):
        yield Row(
            f"an installment: {name}",
            lambda w, s, amount=amount: w.shop.answered(
                "update_order",
                {"transactions": [{**s["all"][0], "amount": amount}, s["all"][1]]},
                query={"expand": "items,transactions"},
                order=s["order"],
            ),
            400,
            told,
            before=lambda w: in_installments(w.shop),
        )


def in_installments(shop: Marketplace) -> Scene:
    """A paid order of two installments."""
    told = shop.paid(wine(1850), payment_config="MULTI:count=2;period=30")
    keys = ("trans_uuid", "amount", "expected_capture_date")
    return {"order": told["uuid"], "all": [{key: each[key] for key in keys} for each in told["transactions"]]}


ROWS = [*statuses(), *executions(), *revisions()]


def test_no_row_stands_twice() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_time_is_refused_and_changes_nothing(row: Row, live: Threaded, new_sandbox: NewSandbox) -> None:
    row.check(World(live, new_sandbox, row.settings, row.market))
