"""Bad orders: fields, capture delays, currencies, installments. Texts of schema errors are inferred."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest

from tests.support.lyra import STRANGE, wine
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
    NewSandbox,
    Row,
    Spoilt,
    World,
    above,
    below,
    changeable,
    no_choice,
    no_object,
    no_pk,
    ordering,
    put,
    spoil,
    too_long,
)
from tests.support.server import Threaded

TOO_LONG = {
    "reference": 32,
    "description": 255,
    "alias": 50,
    "url_return": 512,
    "url_success": 200,
    "url_refused": 200,
    "url_cancel": 200,
    "url_error": 200,
    "shop_url": 200,
    "buyer.email": 150,
    "buyer.phone_number": 32,
    "buyer.reference": 63,
    "buyer.title": 63,
    "buyer.first_name": 63,
    "buyer.last_name": 63,
    "buyer.legal_name": 127,
    "buyer.address.street_number": 5,
    "buyer.address.street": 255,
    "buyer.address.district": 127,
    "buyer.address.zipcode": 64,
    "buyer.address.city": 128,
    "buyer.address.state": 127,
    "buyer.address.country": 2,
}
SHIPPING_TOO_LONG = {
    "delivery_company_name": 127,
    "first_name": 63,
    "last_name": 63,
    "legal_name": 127,
    "phone_number": 32,
}


def head_fields() -> Iterator[Spoilt]:
    """Of the order itself."""
    for name in ("marketplace", "reference", "buyer", "currency"):
        yield name, GONE, REQUIRED
    for name in ("marketplace", "reference", "buyer", "currency", "awaiting_validation", "payment_config", "items"):
        yield name, None, NO_NULL
    for name in ("marketplace", "reference", "description", "alias", "currency", "url_return", "payment_config"):
        yield name, 7, NO_TEXT
    yield from ((path, "x" * (most + 1), too_long(most)) for path, most in TOO_LONG.items())
    for value in ("", "x", STRANGE[:-1], STRANGE.replace("-", "")):
        yield "marketplace", value, NO_UUID
    yield "marketplace", STRANGE, no_pk(STRANGE)
    yield "reference", "", BLANK
    yield "reference", "Commande n°7", NO_MATCH
    yield "reference", "CMD/1", NO_MATCH
    yield "description", "", BLANK
    for value in ("EURO", "eur", "€", ""):
        yield "currency", value, NO_MATCH
    for value in ("xx", "", "fr-FR", "Fr"):
        yield "language", value, no_choice(value)
    for value in ("PUT", "get", ""):
        yield "return_mode", value, no_choice(value)
    yield "awaiting_validation", "yes", NO_FLAG
    yield "awaiting_validation", 1, NO_FLAG
    yield from (("capture_delay", value, NO_WHOLE) for value in ("x", 1.5, True))
    yield "capture_delay", -1, below(0)
    yield "capture_delay", 91, above(90)
    yield "items", {}, ['Expected a list of items but got type "dict".']
    yield "items", [7], [{"non_field_errors": no_object("int")}]


def buyer_fields() -> Iterator[Spoilt]:
    """Of the buyer, and of shipping."""
    for name in ("type", "email", "phone_number"):
        yield f"buyer.{name}", GONE, REQUIRED
        yield f"buyer.{name}", None, NO_NULL
    yield "buyer", [], no_object("list")
    yield "buyer.type", "PERSON", no_choice("PERSON")
    yield "buyer.email", "", BLANK
    yield "buyer.phone_number", "", BLANK
    yield "buyer.phone_number", 33600000000, NO_TEXT
    yield "buyer.address", "Paris", no_object("str")
    yield "buyer.address.city", 7, NO_TEXT
    yield "shipping", "RELAY_POINT", no_object("str")
    yield "shipping", {}, {"shipping_method": REQUIRED}
    for name in ("shipping_method", "shipping_speed", "shipping_delay", "type"):
        right = {} if name == "shipping_method" else {"shipping_method": "ETICKET"}
        yield "shipping", {**right, name: "SLOWLY"}, {name: no_choice("SLOWLY")}
    for name, most in SHIPPING_TOO_LONG.items():
        yield "shipping", {"shipping_method": "ETICKET", name: "x" * (most + 1)}, {name: too_long(most)}


def field_rows() -> Iterator[Row]:
    """Each field, in a new order and in a changed one."""
    for path, value, told in chain(head_fields(), buyer_fields()):
        yield spoil("create_order", path, value, told)
        if value is not GONE and path != "capture_delay":
            yield spoil("update_order", path, value, told, before=changeable)
    for value, told in (("202607", NO_MATCH), (20260702, NO_TEXT), ("tomorrow", NO_MATCH)):
        yield spoil("update_order", "expected_capture_date", value, told)
    for value, told in (({}, {"trans_uuid": REQUIRED}), ({"trans_uuid": ""}, {"trans_uuid": BLANK})):
        yield spoil("update_order", "transactions", [value], [told])
    yield spoil("update_order", "transactions", [{"trans_uuid": "a", "amount": -1}], [{"amount": below(0)}])


def heads() -> Iterator[Row]:
    """Rules about the order itself: capture delays, currencies, installments."""
    delay = {"capture_delay": "The capture delay must be between 0 and {} days."}
    yield Row(
        "capture_delay 7", ordering(capture_delay=7), 400, put(delay, "capture_delay", delay["capture_delay"].format(6))
    )
    yield Row(
        "capture_delay 2, at most 1",
        ordering(capture_delay="2"),
        400,
        put(delay, "capture_delay", delay["capture_delay"].format(1)),
        market={"marketplace": {"max_capture_delay": 1}},
    )
    for currency in ("USD", "GBP"):
        told = f"Marketplace Demonstration marketplace does not support {currency} currency"
        usual = {} if currency == "USD" else {"marketplace": EUR_USD}
        yield Row(f"an order in {currency}", ordering(currency=currency), 400, {"currency": told}, market=usual)
    grammar = '"SINGLE", "MULTI:first=AMOUNT;count=NUMBER;period=DAYS" or "MULTI_EXT:YYYYMMDD=AMOUNT;…" is needed.'
    custom = '"MULTI_EXT:YYYYMMDD=AMOUNT;YYYYMMDD=AMOUNT" is needed.'
    reach = "count and period must be at least 1, and the last payment within 365 days."
    for config, why in (
        ("", grammar),
        ("single", grammar),
        ("MULTI", grammar),
        ("MULTI:", grammar),
        ("MULTI:count=3", grammar),
        ("MULTI:period=30;count=3", grammar),
        ("MULTI:first=10.5;count=3;period=30", grammar),
        ("MULTI:count=-3;period=30", grammar),
        ("MULTI:first=100; count=3; period=30", grammar),
        ("MULTI:count=٣;period=30", grammar),
        ("MULTI:count=0;period=30", reach),
        ("MULTI:count=3;period=0", reach),
        ("MULTI:count=100;period=30", reach),
        ("MULTI_EXT", custom),
        ("MULTI_EXT:", custom),
        ("MULTI_EXT:20260702", custom),
        ("MULTI_EXT:20260702=100;", custom),
        ("MULTI_EXT:2026-07-02=100", custom),
        ("MULTI_EXT:20260231=100", "20260231 is not a date."),
        ("MULTI_EXT:20260801=100;20260702=100", "The dates must follow each other, one payment a day."),
        ("MULTI_EXT:20260702=100;20260702=100", "The dates must follow each other, one payment a day."),
        ("MULTI_EXT:20260630=100", "The first date must not lie in the past."),
        ("MULTI_EXT:20260702=100;20270703=100", "The last date must be within 365 days."),
    ):
        yield Row(f"payment_config {config!r}", ordering(wine(), payment_config=config), 400, {"payment_config": why})
        yield Row(
            f"a change to payment_config {config!r}",
            lambda w, s, config=config: w.shop.answered("update_order", {"payment_config": config}, order=s["uuid"]),
            400,
            {"payment_config": why},
            before=lambda w: w.shop.order(wine()),
        )
    for config, why in (
        ("MULTI:first=9999;count=2;period=30", "The first payment is not part of the order's amount."),
        ("MULTI:first=10;count=1;period=30", "The first payment is not part of the order's amount."),
        ("MULTI_EXT:20260702=100;20260703=100", "The payments do not add up to the order's amount."),
    ):
        yield Row(
            f"execute with payment_config {config!r}",
            lambda w, s: w.shop.answered("execute", order=s["uuid"]),
            400,
            {"payment_config": why},
            before=lambda w, config=config: w.shop.order(wine(), payment_config=config),
        )


ROWS = [*field_rows(), *heads()]


def test_no_row_stands_twice() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_order_is_refused_and_changes_nothing(row: Row, live: Threaded, new_sandbox: NewSandbox) -> None:
    row.check(World(live, new_sandbox, row.settings, row.market))
