"""Where browsers go when a shopper is done, and what they bring along: addresses, fields, signatures."""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from msgspec.structs import replace

from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra import returning
from mockpsp.providers.lyra.holdings import Holdings, Marketplace
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order, evolve
from mockpsp.providers.lyra.vault import Challenged, Ended, Opened, Refused, Register, Registered, Token, Tokens

AT = datetime(2026, 9, 1, 12, 4, 5, tzinfo=UTC)
HOLDINGS = Holdings(Marketplace(), {})
CARD = e.Instrument(kind="card", account="world/issuers", scheme="CB", masked="497010XXXXXX0001", expiry="06/2030")
WALLET = e.Instrument(kind="cv_connect", account="lyra/cv_connect/1", scheme="CVCONNECT", masked="11111111111")


def order(*events: e.Event, **head: Any) -> Order:
    """An order over 30 EUR that was executed, and what happened then."""
    told = {"reference": "R-1", "currency": "EUR", "buyer": b'{"email":"a@b.example"}', **head}
    item = e.Item(
        uuid="i", seller="s", seller_ref=None, operator=False, reference="r", description="d", amount=3000,
        created=AT, updated=AT,
    )  # fmt: skip
    executed = e.Executed(
        reference="ORDER-1",
        way="page", page="1" * 21, secret="s", form_token="", registers=False, amount=3000, items=(item,), winners=(),
        expires=None, at=AT,
    )  # fmt: skip
    state = evolve(None, e.OrderCreated("o", "m", e.Head(**told), (item,), AT))
    for event in (executed, *events):
        state = evolve(state, event)
    return state


def share(instrument: e.Instrument, amount: int) -> e.ShareAuthorised:
    """An authorised share."""
    return e.ShareAuthorised(
        trans_uuid=f"t{amount}",
        instrument=instrument,
        amount=amount,
        held=amount,
        auto_code=f"a{amount}",
        day="",
        at=AT,
    )


def fields(state: Order) -> dict[str, str]:
    """What the browser brings back, without ``vads_``."""
    return {name.removeprefix("vads_"): value for name, value in returning.order_fields(state, HOLDINGS)}


def way(state: Order, **settings: Any) -> returning.Way:
    """The way back."""
    return returning.of_order(state, HOLDINGS, LyraSettings(**settings))


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended", "expected"),
    [("paid", "success"), ("refused", "refused"), ("cancelled", "cancel"), ("expired", "error"), ("odd", "error")],
)
def test_each_end_has_its_address(ended: str, expected: str) -> None:
    urls = {f"url_{name}": f"https://s.example/{name}" for name in ("success", "refused", "cancel", "error", "return")}
    end = e.PaymentEnded(ended, AT)
    assert way(order(end, **urls)).address == f"https://s.example/{expected}"
    assert way(order(end, url_return="https://s.example/return")).address == "https://s.example/return"
    assert way(order(end)) == returning.Way()


def test_an_address_keeps_its_own_query_and_fragment() -> None:
    told = returning.with_query("https://s.example/x?a=1&b=%20#part", (("vads_result", "00"), ("signature", "a+b/c=")))
    assert told == "https://s.example/x?a=1&b=%20&vads_result=00&signature=a%2Bb%2Fc%3D#part"
    assert returning.with_query("https://s.example", ()) == "https://s.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://s.example/a?b=c#d", "https://s.example/a?b=c#d"),
        (" HTTP://s.example:8080 ", "http://s.example:8080"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("https://s.example/é \n", "https://s.example/%C3%A9"),
        ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
        ("shop://back", ""),
        ("javascript:alert(1)", ""),
        ("https://s.example/\r\nX: y", ""),
        ("https://s.example\\@other.example/", ""),
        ("https://", ""),
        ("https://a..é/", ""),
        ("https://a%0d.example/", ""),
        ("http://[x", ""),
        ("https://a;script-src *", ""),
        ("https://a.example'/", ""),
        ("/back", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_addresses_that_can_be_followed_are(text: str | None, expected: str) -> None:
    assert returning.followed(text) == expected


def test_forms_may_lead_to_every_address_of_the_order() -> None:
    state = order(
        url_return="https://s.example/a", url_success="https://s.example/b", url_cancel="http://user@other.example:81/",
        url_error="shop://x",
    )  # fmt: skip
    assert returning.form_targets(state) == "'self' https://s.example http://other.example:81"
    assert returning.form_targets(order()) == "'self'"


def test_the_order_s_return_mode_counts_more_than_the_setting() -> None:
    url = "https://s.example/"
    end = e.PaymentEnded("cancelled", AT)
    assert way(order(end, url_return=url), return_mode="POST").fields
    assert not way(order(end, url_return=url, return_mode="NONE"), return_mode="POST").fields
    told = way(order(end, url_return=url, return_mode="GET"))
    assert told.address.startswith(f"{url}?vads_action_mode=INTERACTIVE&")
    assert not told.fields
    assert way(order(end, url_return="odd", return_mode="POST")) == returning.Way(text="odd")


# -- fields ------------------------------------------------------------------------------------------------------------


def test_the_signature_is_over_all_values_in_the_order_of_their_names() -> None:
    told = returning.signed({"b": "é+", "a": 0, "d": None, "c": ""}, Marketplace(vads_cert="secret"))
    assert [name for name, _ in told] == ["vads_a", "vads_b", "signature"]
    assert told[-1][1] == b64encode(hmac.digest(b"secret", "0+é++secret".encode(), sha256)).decode()


def test_before_the_notification_the_shares_are_told() -> None:
    told = fields(order(share(CARD, 3000), e.PaymentEnded("paid", AT), awaiting_validation=True, capture_delay=3))
    assert "trans_id" not in told, "the gateway's number comes with its notification"
    expected = {
        "trans_status": "AUTHORISED_TO_VALIDATE", "auth_number": "a3000", "trans_uuid": "t3000", "expiry_month": "6",
        "expiry_year": "2030",
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    assert (told["capture_delay"], told["validation_mode"], told["trans_date"]) == ("3", "1", "20260901120405")


def test_several_means_are_told_in_a_sequence() -> None:
    told = fields(order(share(WALLET, 1000), share(CARD, 2000), e.PaymentEnded("paid", AT)))
    assert (told["card_brand"], told["trans_uuid"]) == ("MULTI", "t2000")
    assert "card_number" not in told
    assert '"card_brand":"CVCONNECT"' in told["payment_seq"]
    assert "expiry_month" not in told["payment_seq"].partition("t1000")[0]


def test_a_refusal_tells_why() -> None:
    refused = e.ShareRefused("card", 3000, "insufficient_funds", False, "497010XXXXXX0001", AT)
    told = fields(order(refused, e.PaymentEnded("refused", AT)))
    expected = {"result": "05", "trans_status": "REFUSED", "auth_result": "51", "card_brand": "CB"}
    assert {name: told[name] for name in expected} == expected
    at_bank = fields(order(replace(refused, reason="three_ds_failed"), e.PaymentEnded("refused", AT)))
    assert "auth_result" not in at_bank, "no issuer was asked"


@pytest.mark.parametrize(("ended", "result"), [("cancelled", "17"), ("expired", "96")])
def test_who_leaves_abandons(ended: str, result: str) -> None:
    told = fields(order(e.PaymentEnded(ended, AT)))
    assert (told["result"], told["trans_status"]) == (result, "ABANDONED")
    assert told.get("payment_error") == ("149" if ended == "expired" else None)


def test_a_currency_without_a_known_number_has_none() -> None:
    assert fields(order(e.PaymentEnded("cancelled", AT), currency="XTS")).get("currency") is None
    assert fields(order(e.PaymentEnded("cancelled", AT), currency="XPF"))["currency"] == "953"


def token(*events: Any, alias: str | None = None) -> Token:
    """A registration, and what happened then."""
    register = Register(
        marketplace="m", buyer=b"{}", names=("a@b.example", "A", "B"), language=None, url_return="https://s.example/",
        currency="EUR", alias_to_update=alias, embedded=False, key="00000000",
    )  # fmt: skip
    opened = Opened(ref="t", register=register, page="1" * 21, secret="s", form_token="", expires=AT, at=AT)
    state = Tokens().evolve(None, opened)
    for event in events:
        state = Tokens().evolve(state, event)
    return state


def token_fields(state: Token) -> dict[str, str]:
    """What the browser brings back of it, without ``vads_``."""
    return {name.removeprefix("vads_"): value for name, value in returning.token_fields(state, Marketplace())}


def test_a_registration_tells_its_alias() -> None:
    stored = e.Stored(alias="abc", instrument=CARD, email="", first_name="", last_name="", at=AT)
    done = token(Challenged(CARD, AT), Registered(stored, AT))
    told = token_fields(done)
    expected = {
        "page_action": "REGISTER", "operation_type": "VERIFICATION", "identifier": "abc",
        "identifier_status": "CREATED", "trans_status": "ACCEPTED", "result": "00", "card_brand": "CB",
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    assert "amount" not in told
    renewed = token_fields(token(Registered(stored, AT), alias="abc"))
    assert (renewed["page_action"], renewed["identifier_status"]) == ("REGISTER_UPDATE", "UPDATED")
    assert returning.of_token(done, HOLDINGS, LyraSettings()).address == "https://s.example/"


def test_a_registration_that_came_to_nothing() -> None:
    refused = token_fields(token(Refused("lost", False, AT)))
    assert (refused["trans_status"], refused["auth_result"], refused["identifier_status"]) == (
        "REFUSED", "41", "NOT_CREATED",
    )  # fmt: skip
    left = token_fields(token(Ended("cancelled", AT), alias="abc"))
    assert (left["trans_status"], left["result"], left["identifier_status"]) == ("ABANDONED", "17", "NOT_UPDATED")
    assert "identifier" not in left
