"""Bad refunds, tokens, webhooks and lists. Texts are inferred, but for that of a webhook's target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.support import lyra_bad as scenes
from tests.support.lyra import CONTRACT, STRANGE, item, meal, wine
from tests.support.lyra_bad import (
    BLANK,
    GONE,
    NO_MATCH,
    NO_NULL,
    NO_TEXT,
    NO_UUID,
    NO_WHOLE,
    NOT_FOUND,
    REQUIRED,
    RIGHTS,
    NewSandbox,
    Row,
    Scene,
    Spoilt,
    World,
    below,
    no_choice,
    no_object,
    no_pk,
    path_names,
    put,
    spoil,
    too_long,
)
from tests.support.receiver import Receiver
from tests.support.server import Threaded

LISTS = tuple(name for name in RIGHTS if name.startswith("list_") and name != "list_webhooks")
EMPTY = ["This list may not be empty."]

# -- refunds -----------------------------------------------------------------------------------------------------------


def refund_fields() -> Iterator[Spoilt]:
    """Of a refund."""
    for name in ("reference", "currency", "items"):
        yield name, None, NO_NULL
    yield "reference", "", BLANK
    yield "reference", "x" * 33, too_long(32)
    yield "reference", 7, NO_TEXT
    yield "description", "", BLANK
    yield "description", "x" * 256, too_long(255)
    yield "currency", "eur", NO_MATCH
    yield "order", "x", NO_UUID
    yield "transaction", "", BLANK
    yield "transaction", "x" * 37, too_long(36)
    yield "items", [], EMPTY
    yield "items", {}, ['Expected a list of items but got type "dict".']
    for name in ("reference", "amount"):
        yield f"items.0.{name}", GONE, REQUIRED
        yield f"items.0.{name}", None, NO_NULL
    yield "items.0.reference", "x" * 33, too_long(32)
    yield "items.0.amount", "much", NO_WHOLE
    yield "items.0.amount", -1, below(0)
    yield "items.0.item", "x", NO_UUID
    yield "items.0.seller", "x", NO_UUID
    yield "items.0.seller", STRANGE, no_pk(STRANGE)
    yield "items.0.seller", GONE, REQUIRED
    yield "items.0.is_commission", None, NO_NULL


def refund(name: str, told: Any, before: Callable[..., Scene] = scenes.succeeded, **changes: Any) -> Row:
    """POST /refunds with changes, which may be functions of world and scene."""

    def make(w: World, scene: Scene) -> requests.Response:
        given = {key: value(w, scene) if callable(value) else value for key, value in changes.items()}
        body = {**w.shop.refund_body(scene["order"]), **given}
        return w.shop.answered("create_refund", {key: value for key, value in body.items() if value is not None})

    return Row(f"a refund: {name}", make, 400, told, lambda w: before(w.shop))


def line(amount: int = 100, **more: Any) -> dict[str, Any]:
    """A line of a refund, of seller1."""
    own = {} if "seller" in more else {"seller_external_ref": "seller1"}
    return {**own, "reference": "r", "amount": amount, **more}


def refunds() -> Iterator[Row]:
    """What a refund must not say, and when there can be none (§ 13 of the facts)."""
    for path, value, told in refund_fields():
        yield spoil("create_refund", path, value, told)
        yield spoil("update_refund", path, value, told)
    for name in ("reference", "currency", "items"):
        yield spoil("create_refund", name, GONE, REQUIRED)
    yield refund("neither order nor transaction", {"order": REQUIRED}, order=None)
    yield refund("an unknown order", {"order": no_pk(STRANGE)}, order=STRANGE)
    yield refund(
        "an unknown transaction",
        {"transaction": "No transaction has this trans_uuid."},
        order=None,
        transaction="f" * 32,
    )
    yield refund(
        "a transaction of another order",
        {"transaction": "This order has no such transaction."},
        lambda shop: {**scenes.succeeded(shop), "order": scenes.succeeded(shop)["order"]},
        transaction=lambda _, scene: scene["transaction"],
    )
    yield refund("another currency", {"currency": "The currency of the order is EUR."}, currency="USD")
    yield refund(
        "a seller without an item in the order",
        {"items": [{"seller": "This seller has no item in the order."}]},
        items=[line(seller_external_ref="seller2")],
    )
    yield refund(
        "the second line's seller has none",
        {"items": [{}, {"seller": "This seller has no item in the order."}]},
        items=[line(), line(seller_external_ref="seller2")],
    )
    yield refund(
        "an unknown external_ref",
        {"items": [{"seller_external_ref": ["No seller has the external_ref x."]}]},
        items=[line(seller_external_ref="x")],
    )
    disagree = {"seller_external_ref": "This is not the external_ref of the seller that is named."}
    yield refund(
        "seller and external_ref disagree",
        {"items": [disagree]},
        items=lambda w, _: [line(seller=w.shop.seller("seller2"), seller_external_ref="seller1")],
    )
    yield refund(
        "an item of another order", {"items": [{"item": "The order has no such item."}]}, items=[line(item=STRANGE)]
    )
    two = [line(), line(seller_external_ref="seller2"), line(seller_external_ref="operator")]
    one = "A refund is made by one seller, and the marketplace's own seller at most."
    both = [wine(), item(100, seller_external_ref="seller2")]
    yield refund("two sellers", {"items": one}, lambda shop: {"order": shop.captured(*both)["uuid"]}, items=two)
    for status, before in (
        ("CREATED", scenes.new_order),
        ("CREATED", scenes.executed),
        ("PENDING", scenes.pending),
        ("CANCELLED", scenes.cancelled),
        ("FAILED", scenes.failed),
        ("ABANDONED", scenes.abandoned),
    ):
        told = {"order": f"Only a SUCCEEDED order can be refunded; this one is {status}."}
        yield refund(f"of an order that is {status} ({before.__name__})", told, before)
    yield from changes_of_refunds()


def changes_of_refunds() -> Iterator[Row]:
    """PUT and DELETE of a refund."""
    same, high = "The amount does not change.", "The amount cannot be higher than the initial amount, 500."

    def change(name: str, body: Any, told: str, before: Any = scenes.refund) -> Row:
        def make(w: World, s: Scene) -> requests.Response:
            return w.shop.answered("update_refund", body, refund=s["refund"])

        return Row(f"a changed refund: {name}", make, 400, {"amount": told}, lambda w: before(w.shop))

    for before in (scenes.refund, scenes.sent_refund):
        yield change(f"nothing ({before.__name__})", {}, same, before)
        yield change(f"higher than at first ({before.__name__})", {"items": [line(501)]}, high, before)
    yield change("the same amount", {"items": [line(500)]}, same)
    yield change("another text only", {"description": "Sorry"}, same)
    yield change("the same amount in two lines", {"items": [line(200), line(300)]}, same)
    for status, before in (
        ("SUCCEEDED", scenes.settled_refund),
        ("CANCELLED", scenes.cancelled_refund),
        ("FAILED", scenes.failed_refund),
    ):
        yield Row(
            f"a changed refund that is {status}",
            lambda w, s: w.shop.answered("update_refund", {"items": [line(100)]}, refund=s["refund"]),
            400,
            {"status": f"A refund that is {status} cannot be changed."},
            before=lambda w, before=before: before(w.shop),
        )
        yield Row(
            f"a cancelled refund that is {status}",
            lambda w, s: w.shop.answered("delete_refund", refund=s["refund"]),
            405,
            {"detail": f"A refund that is {status} cannot be cancelled."},
            before=lambda w, before=before: before(w.shop),
            headers={"Allow": "GET"},
        )


# -- tokens ------------------------------------------------------------------------------------------------------------


def tokens() -> Iterator[Row]:
    """Registrations of payment methods, on a page and in a form."""
    rows: tuple[Spoilt, ...] = (
        ("marketplace", GONE, REQUIRED),
        ("marketplace", None, NO_NULL),
        ("marketplace", "x", NO_UUID),
        ("marketplace", STRANGE, no_pk(STRANGE)),
        ("buyer", GONE, REQUIRED),
        ("buyer", None, NO_NULL),
        ("buyer", "Paul", no_object("str")),
        ("buyer.type", "BOTH", no_choice("BOTH")),
        ("buyer.email", GONE, REQUIRED),
        ("buyer.email", "x" * 151, too_long(150)),
        ("buyer.phone_number", "", BLANK),
        ("buyer.address", {"country": "FRA"}, {"country": too_long(2)}),
        ("language", "xx", no_choice("xx")),
        ("currency", "euro", NO_MATCH),
        ("currency", "USD", "The marketplace does not support USD."),
        ("url_return", "x" * 513, too_long(512)),
        ("url_return", 7, NO_TEXT),
        ("alias_to_update", "x" * 51, too_long(50)),
        ("alias_to_update", STRANGE, "No payment method is registered under this alias."),
    )
    for operation in ("create_token", "create_embedded_token"):
        yield from (spoil(operation, path, value, told) for path, value, told in rows)


# -- webhooks ----------------------------------------------------------------------------------------------------------


def webhooks() -> Iterator[Row]:
    """Targets that cannot be one, and events that there are not."""
    for operation in ("create_webhook", "update_webhook"):
        yield spoil(operation, "event_type", GONE, REQUIRED)
        yield spoil(operation, "event_type", None, NO_NULL)
        yield spoil(operation, "event_type", "payment", no_choice("payment"))
        yield spoil(operation, "target", GONE, REQUIRED)
        yield spoil(operation, "target", "", BLANK)
        yield spoil(operation, "target", 7, NO_TEXT)
        yield spoil(operation, "target", "https://shop.example/" + "x" * 200, too_long(200))
        for value in ("shop.example", "ftp://shop.example", "https://", "http://[", "javascript:alert(1)", "//shop"):
            yield spoil(operation, "target", value, ["Enter a valid URL."])
    yield spoil("create_webhook", "target", None, NO_NULL)
    for event in ("payment", "ORDER", "order "):
        yield Row(
            f"delete_webhook of {event!r}",
            lambda w, _, event=event: w.shop.answered("delete_webhook", event=event),
            404,
            NOT_FOUND,
        )


@pytest.mark.parametrize("status", [404, 201, 204, 302, 500])
@pytest.mark.parametrize("operation", ["create_webhook", "update_webhook"])
def test_a_target_has_to_answer_200(
    operation: str, status: int, live: Threaded, new_sandbox: NewSandbox, receiver: Receiver
) -> None:
    """Lyra's own words, with the quote that its page lacks."""
    receiver.status = status
    told = {"error": f"Url {receiver.url} returned a status {status} instead of 200"}
    asking(operation, receiver.url, told).check(World(live, new_sandbox))
    [asked] = receiver.received
    assert asked.body == b""


def test_a_target_has_to_be_there(live: Threaded, new_sandbox: NewSandbox) -> None:
    url = "http://127.0.0.1:9/hooks"  # where nobody listens
    before = asking("create_webhook", url, {"error": scenes.Begins(f"Url {url} could not be reached: ")})
    before.check(World(live, new_sandbox))


def asking(operation: str, url: str, told: Any) -> Row:
    """A webhook whose target is asked first."""
    body = {"event_type": "refund", "target": url}
    return Row(operation, lambda w, _: w.shop.answered(operation, body), 400, told)


# -- lists -------------------------------------------------------------------------------------------------------------


def listed(name: str, query: dict[str, str], status: int, told: Any, what: str = "") -> Row:
    """A list with a query that is wrong, everything in its path being there."""

    def make(w: World, scene: Scene) -> requests.Response:
        named = {each: scene[each] for each in path_names(name) if each in scene}
        return w.shop.answered(name, query=query, **named)

    right = RIGHTS[name]
    return Row(f"{name}: {what or query}", make, status, told, lambda w: right.before(w.shop))


def lists() -> Iterator[Row]:
    """Pages that are not there, and filters that cannot be read."""
    beyond = {"detail": "Invalid page."}
    for name in LISTS:
        yield from (listed(name, {"page": page}, 404, beyond) for page in ("0", "7", "x"))
        if "amount" in CONTRACT.operation(name).parameters:
            for text in ("x", "1.5", "-1", "١٢"):
                yield listed(name, {"amount": text}, 400, {"amount": ["This value is not valid."]})
    yield from (listed("list_orders", {"page": page}, 404, beyond) for page in ("-1", "1.0", " 1", "٢", "1" * 30))


def moments() -> Iterator[Row]:
    """Sizes of pages, days and times that cannot be read."""
    beyond = {"detail": "Invalid page."}
    for name in ("list_cashouts", "list_seller_cashouts"):
        for size in ("0", "-5", "1001", "many", "1" * 30):
            yield listed(name, {"page_size": size}, 404, beyond)
        for day in ("yesterday", "2026-13-01", "2026-02-30", "01/07/2026"):
            for which in ("capture_start_date", "capture_end_date"):
                yield listed(name, {which: day}, 400, {which: ["Enter a valid date."]})
    for name in ("list_items", "list_order_items", "list_seller_items"):
        for moment in ("now", "2026-07-01T09:00:00Z", "2026-07-01 25:00", "2026-02-30 10:00"):
            for which in ("start_date", "end_date"):
                yield listed(name, {which: moment}, 400, {which: ["Enter a valid date/time."]})


ROWS = [*refunds(), *tokens(), *webhooks(), *lists(), *moments()]


def test_no_row_stands_twice() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_request_is_refused_and_changes_nothing(row: Row, live: Threaded, new_sandbox: NewSandbox) -> None:
    row.check(World(live, new_sandbox, row.settings, row.market))


def test_an_order_of_a_neighbour_cannot_be_refunded(live: Threaded, new_sandbox: NewSandbox) -> None:
    world = World(live, new_sandbox)
    theirs = scenes.succeeded(world.neighbour())
    body = world.shop.refund_body(theirs["order"])
    before = world.everything()
    assert world.shop.refused("create_refund", body) == (400, {"order": no_pk(theirs["order"])})
    told = world.shop.refused("create_refund", {**put(body, "order", GONE), "transaction": theirs["transaction"]})
    assert told == (400, {"transaction": "No transaction has this trans_uuid."})
    told = world.shop.refused("create_item", {"order": theirs["order"], **meal()})
    assert told == (400, {"order": no_pk(theirs["order"])})
    assert world.everything() == before


@pytest.mark.parametrize("name", LISTS)
def test_an_ordering_that_there_is_not_is_ignored(name: str, live: Threaded, new_sandbox: NewSandbox) -> None:
    world = World(live, new_sandbox)
    scene = RIGHTS[name].before(world.shop)
    named = {each: scene[each] for each in path_names(name) if each in scene}
    usual = world.shop.call(name, **named)
    for ordering in ("nonsense", "-", "--uuid", "uuid,amount", "password", "__class__"):
        assert world.shop.call(name, query={"ordering": ordering}, **named) == usual
