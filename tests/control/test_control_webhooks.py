"""Webhooks, accounts, checkouts and the shopper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from acme_house import Api, Endpoint
from aiohttp import web

from mockpsp.control.errors import respond
from mockpsp.edge.keys import COURIER
from mockpsp.world.records import EndpointChanged
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import Gone


async def home_of(api: Api, endpoint: Endpoint | None = None, **options: Any) -> tuple[dict[str, Any], str]:
    made = await api.sandbox(**options)
    home = f"/sandboxes/{made['id']}"
    if endpoint is not None:
        put = await api.put(f"{home}/webhook-endpoints/acme", {"url": endpoint.url})
        assert put == {"provider": "acme", "urls": [endpoint.url], "blocked": []}
    return made, home


async def pay(api: Api, made: dict[str, Any], home: str, amount: str = "30.00 EUR") -> str:
    ref = await api.charge(made, amount)
    await api.post(f"{home}/checkouts/{ref}/shopper", {"pay": [{"with": "wallet"}]})
    return ref


async def test_a_webhook_is_delivered_and_its_row_tells_all(api: Api, endpoint: Endpoint) -> None:
    made, home = await home_of(api, endpoint)
    ref = await pay(api, made, home)
    settled = await api.post(f"{home}/webhooks/settle")
    assert settled["waiting"] == 1, "the expiry of the charge"
    assert endpoint.received == [{"charge": ref, "status": "paid", "paid": 3000}]
    (row,) = (await api.get(f"{home}/webhooks"))["webhooks"]
    assert (row["status"], row["type"], row["reference"], row["owner"]) == ("delivered", "charge.paid", f"n-{ref}", ref)
    assert row["body"] == endpoint.received[0]
    assert row["attempts"] == [{"at": "2026-07-01T09:00:00.000Z", "status": 200, "error": None}]
    assert row["headers"]["Acme-Signature"] == f"right-{row['n']}"
    delivery = (await api.get(f"{home}/journal", params={"kind": "webhook"}))["entries"][0]
    explained = await api.get(f"{home}/journal/{delivery['id']}")
    assert "It is delivered." in explained["explanation"]
    assert [each["kind"] for each in explained["because_of_it"]] == ["delivery"]


async def test_a_failing_endpoint_is_tried_again_as_the_clock_moves(api: Api, endpoint: Endpoint) -> None:
    made, home = await home_of(api, endpoint)
    endpoint.status = 500
    await pay(api, made, home)
    await api.post(f"{home}/webhooks/settle")
    assert (await api.get(f"{home}/webhooks", params={"status": "retrying"}))["webhooks"][0][
        "due"
    ] == "2026-07-01T09:01:00.000Z"
    moved = await api.post(f"{home}/clock", {"advance": "PT2H"})
    assert [each["due"] for each in moved["due"]] == ["2026-07-01T09:01:00.000Z", "2026-07-01T10:01:00.000Z"]
    (row,) = (await api.get(f"{home}/webhooks", params={"status": "given_up"}))["webhooks"]
    assert [each["status"] for each in row["attempts"]] == [500, 500, 500]
    checked = await api.post(
        f"{home}/journal/verify", {"kind": "delivery", "status": 500, "count": 3, "body": {"status": "paid"}}
    )
    assert checked["ok"]


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"provider": "acme"}, 2), ({"type": "charge.paid"}, 1), ({"type": "acme.charge.*"}, 2), ({"type": "x"}, 0),
        ({"status": "no_endpoint"}, 2), ({"status": "waiting"}, 0), ({"reference": "nobody"}, 0),
    ],
)  # fmt: skip
async def test_filters(api: Api, params: dict[str, str], count: int) -> None:
    made, home = await home_of(api)
    await pay(api, made, home)
    other = await api.charge(made)
    await api.post(f"{home}/checkouts/{other}/shopper", {"cancel": True})
    assert len((await api.get(f"{home}/webhooks", params=params))["webhooks"]) == count
    for reference in (other, f"n-{other}"):
        assert len((await api.get(f"{home}/webhooks", params={"reference": reference}))["webhooks"]) == 1


@pytest.mark.parametrize("params", [{"provider": "x"}, {"status": "lost"}, {"kind": "charge.paid"}])
async def test_a_filter_that_means_nothing_is_refused(api: Api, params: dict[str, str]) -> None:
    assert (await api.call("GET", "/sandboxes/default/webhooks", params=params)).status == 400


async def test_a_webhook_can_be_sent_again(api: Api, endpoint: Endpoint) -> None:
    made, home = await home_of(api)
    await pay(api, made, home)
    (lost,) = (await api.get(f"{home}/webhooks"))["webhooks"]
    assert (lost["status"], lost["url"]) == ("no_endpoint", None)
    assert (await api.call("POST", f"{home}/webhooks/{lost['n']}/resend")).status == 409
    await api.put(f"{home}/webhook-endpoints/acme", {"url": endpoint.url})
    again = await api.post(f"{home}/webhooks/{lost['n']}/resend", status=201)
    assert (again["n"] > lost["n"], again["body"], again["url"]) == (True, lost["body"], endpoint.url)
    await api.post(f"{home}/webhooks/settle")
    assert endpoint.received == [lost["body"]]
    await api.post(f"{home}/webhooks/{again['n']}/resend", {"url": f"{endpoint.url}?x=1"}, 201)
    await api.post(f"{home}/webhooks/settle")
    assert len(endpoint.received) == 2
    assert len((await api.get(f"{home}/webhooks"))["webhooks"]) == 3


@pytest.mark.parametrize(
    ("number", "body", "status"),
    [("999", None, 404), ("9" * 40, None, 404), ("1", {"uri": "x"}, 400), ("1", [], 400), ("1", {"url": 7}, 400)],
)
async def test_what_cannot_be_sent_again(api: Api, number: str, body: Any, status: int) -> None:
    options = {} if body is None else {"json_body": body}
    assert (await api.call("POST", f"/sandboxes/default/webhooks/{number}/resend", **options)).status == status


async def test_an_endpoint_can_be_several_or_none(api: Api, endpoint: Endpoint) -> None:
    made, home = await home_of(api)
    urls = [endpoint.url, "https://shop.example.com/hooks"]
    put = await api.put(f"{home}/webhook-endpoints/acme", {"urls": urls})
    assert put == {"provider": "acme", "urls": urls, "blocked": ["https://shop.example.com/hooks"]}
    await pay(api, made, home, "1.00 EUR")
    await api.post(f"{home}/webhooks/settle")
    assert [each["status"] for each in (await api.get(f"{home}/webhooks"))["webhooks"]] == ["delivered", "retrying"]
    assert (await api.put(f"{home}/webhook-endpoints/acme", {"url": None}))["urls"] == []
    await pay(api, made, home, "1.00 EUR")
    assert len((await api.get(f"{home}/webhooks", params={"status": "no_endpoint"}))["webhooks"]) == 1
    changed = await api.get(f"{home}/journal", params={"kind": "endpoint"})
    assert [each["urls"] for each in changed["entries"]] == [urls, []]


@pytest.mark.parametrize(
    "body",
    [
        {"url": ""}, {"url": "x"}, {"url": "ftp://localhost/x"}, {"url": "http://"}, {"url": "http://a b/"},
        {"url": "http://localhost:99999/"}, {"url": "http://[::1/"}, {"url": "javascript:alert(1)"}, {"url": 7},
        {"url": "http://a\r\nX: y/"}, {"url": "http://a/" + "x" * 3000}, {}, {"url": None, "urls": []},
        {"urls": ["http://localhost/", "x"]}, {"urls": "http://localhost/"}, {"urls": [None]},
        {"ulr": "http://localhost/"}, [],
    ],
)  # fmt: skip
async def test_an_endpoint_must_be_a_url(api: Api, body: Any) -> None:
    assert (await api.call("PUT", "/sandboxes/default/webhook-endpoints/acme", body)).status == 400
    assert (await api.get("/sandboxes/default/journal", params={"kind": "endpoint"}))["entries"] == []


async def test_an_endpoint_of_nobody_is_404(api: Api) -> None:
    reply = await api.call("PUT", "/sandboxes/default/webhook-endpoints/acne", {"url": None})
    assert (reply.status, reply.body["hint"]) == (404, "did you mean 'acme'?")


# -- accounts --------------------------------------------------------------------------------------------------------


async def test_accounts_are_listed_and_set(api: Api, inside: Callable[[str], Sandbox]) -> None:
    made, home = await home_of(api)
    rows = (await api.get(f"{home}/accounts"))["accounts"]
    assert [(each["ref"], each["balance"]) for each in rows] == [
        ("wallet/w1", "50.00 EUR"), ("wallet/w2", "0.00 EUR"), ("card/any", None),
    ]  # fmt: skip
    assert (await api.put(f"{home}/accounts/wallet/w2", {"balance": "12.00 EUR"}))["balance"] == "12.00 EUR"
    assert (await api.put(f"{home}/accounts/acme/wallet/w1", {"balance": "0 EUR"}))["balance"] == "0.00 EUR"
    assert sum(inside(made["id"]).world.ledger.balances().values()) == 0
    checked = await api.post(f"{home}/journal/verify", {"kind": "posting", "operation": "balance set", "count": 2})
    assert checked["ok"]


@pytest.mark.parametrize(
    ("ref", "body", "status"),
    [
        ("wallet/w9", {"balance": "1.00 EUR"}, 404), ("x", {"balance": "1.00 EUR"}, 404),
        ("card/any", {"balance": "1.00 EUR"}, 409), ("wallet/w1", {"balance": "-1.00 EUR"}, 400),
        ("wallet/w1", {"balance": "1.00 USD"}, 400), ("wallet/w1", {"balance": "1.0 EUR"}, 400),
        ("wallet/w1", {"balance": 12}, 400), ("wallet/w1", {"balance": "much"}, 400),
        ("wallet/w1", {"balance": None}, 400),
        ("wallet/w1", {}, 400), ("wallet/w1", {"balanse": "1.00 EUR"}, 400), ("wallet/w1", [], 400),
        ("wallet/w1", {"balance": "9" * 30 + " EUR"}, 400),
    ],
)  # fmt: skip
async def test_a_balance_that_cannot_be(api: Api, ref: str, body: Any, status: int) -> None:
    before = await api.get("/sandboxes/default/accounts")
    assert (await api.call("PUT", f"/sandboxes/default/accounts/{ref}", body)).status == status
    assert await api.get("/sandboxes/default/accounts") == before


# -- checkouts and the shopper ---------------------------------------------------------------------------------------


async def test_checkouts_wait_newest_last(api: Api) -> None:
    made, home = await home_of(api)
    refs = [await api.charge(made, f"{number}.00 EUR") for number in (1, 2, 3)]
    rows = (await api.get(f"{home}/checkouts"))["checkouts"]
    assert [each["ref"] for each in rows] == refs
    assert rows[0]["url"] == str(api.client.make_url(f"/acme/pay/{refs[0]}"))
    assert (rows[0]["place"], rows[0]["amount"], rows[0]["tenders"]) == ("acme.page", "1.00 EUR", ["wallet", "card"])


async def test_a_shopper_pays_in_parts(api: Api) -> None:
    made, home = await home_of(api)
    ref = await api.charge(made)
    shopper = f"{home}/checkouts/{ref}/shopper"
    first = await api.post(
        shopper,
        {"pay": [{"with": "wallet", "amount": "10.00 EUR"}, {"with": "card", "number": "w1", "amount": "5.00 EUR"}]},
    )
    assert first == {"ref": ref, "state": {"status": "open", "paid": "15.00 EUR"}}
    assert (await api.get(f"{home}/checkouts"))["checkouts"][0]["remaining"] == "15.00 EUR"
    last = await api.post(shopper, {"pay": [{"with": "wallet"}]})
    assert last["state"] == {"status": "paid", "paid": "30.00 EUR"}
    assert (await api.get(f"{home}/checkouts"))["checkouts"] == []


async def test_a_shopper_cancels_or_leaves(api: Api) -> None:
    made, home = await home_of(api)
    ref = await api.charge(made)
    assert (await api.post(f"{home}/checkouts/{ref}/shopper", {"abandon": True}))["state"]["status"] == "open"
    assert (await api.post(f"{home}/checkouts/{ref}/shopper", {"cancel": True}))["state"]["status"] == "cancelled"


async def test_what_the_page_would_not_allow_is_409_and_changes_nothing(api: Api) -> None:
    made, home = await home_of(api)
    ref = await api.charge(made, "500.00 EUR")
    refused = await api.call(
        "POST", f"{home}/checkouts/{ref}/shopper", {"pay": [{"with": "wallet", "amount": "60.00 EUR"}]}
    )
    assert (refused.status, "more than the wallet's 50.00 EUR" in refused.body["detail"]) == (409, True)
    await api.post(f"{home}/checkouts/{ref}/shopper", {"cancel": True})
    late = await api.call("POST", f"{home}/checkouts/{ref}/shopper", {"pay": [{"with": "wallet"}]})
    assert (late.status, "any more" in late.body["detail"]) == (409, True)


async def test_an_unknown_checkout_is_404(api: Api) -> None:
    assert (await api.call("POST", "/sandboxes/default/checkouts/nobody/shopper", {"cancel": True})).status == 404


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"pay": [{"with": "walet"}]}, "wallet"),
        ({"pay": [{"with": "wallet", "nubmer": "w1"}]}, "number"),
        ({"pay": [{"with": "wallet", "amount": "0.00 EUR"}]}, "leave it out"),
        ({"pay": [{"with": "wallet", "amount": "-1.00 EUR"}]}, "leave it out"),
        ({"pay": [{"with": "wallet", "amount": "all"}]}, ""),
        ({"pay": [{"with": "wallet", "number": {"a": 1}}]}, "exactly one"),
        ({"pay": [{"amount": "1.00 EUR"}]}, "exactly one"),
        ({"pay": []}, "exactly one"),
        ({"pay": "wallet"}, "exactly one"),
        ({"pays": [{"with": "wallet"}]}, "pay"),
        ({"cancel": False}, "exactly one"),
        ({"cancel": True, "abandon": True}, "exactly one"),
        ({}, "exactly one"),
        (None, "exactly one"),
    ],
)
async def test_a_shopper_who_cannot_act(api: Api, body: Any, hint: str) -> None:
    made, home = await home_of(api)
    ref = await api.charge(made)
    reply = await api.call("POST", f"{home}/checkouts/{ref}/shopper", body)
    assert reply.status == 400
    assert hint in reply.body.get("hint", "")
    assert (await api.get(f"{home}/checkouts"))["checkouts"][0]["remaining"] == "30.00 EUR"


# -- a sandbox that goes away under way ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["manual", "real"])
@pytest.mark.parametrize("how", ["reset", "delete"])
async def test_a_delivery_under_way_comes_to_nothing_when_its_sandbox_goes_away(
    api: Api,
    app: web.Application,
    endpoint: Endpoint,
    inside: Callable[[str], Sandbox],
    caplog: pytest.LogCaptureFixture,
    mode: str,
    how: str,
) -> None:
    made, home = await home_of(api, endpoint)
    await api.post(f"{home}/clock", {"mode": mode})
    sandbox = inside(made["id"])
    endpoint.hold()
    await pay(api, made, home)
    await endpoint.arrived.wait()
    settling = asyncio.ensure_future(app[COURIER].settle(sandbox))
    old = sandbox.world
    if how == "reset":
        await api.post(f"{home}/reset")
        before = (await api.get(f"{home}/journal"))["entries"]
    else:
        await api.call("DELETE", home)
    endpoint.release.set()
    with nullcontext() if how == "reset" else pytest.raises(Gone) as gone:
        await settling
    if gone is not None:
        assert respond(gone.value).status == 409
    assert old.closed
    assert [entry.kind for entry in old.journal.since(0) if entry.kind == "delivery"] == []
    if how == "reset":
        assert (await api.get(f"{home}/journal"))["entries"] == before
        await pay(api, made, home)
        await api.post(f"{home}/webhooks/settle")
        assert [each["status"] for each in (await api.get(f"{home}/webhooks"))["webhooks"]] == ["delivered"]
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []


async def test_addresses_of_single_types_stay_at_a_reset_and_end_with_a_put(
    api: Api, inside: Callable[[str], Sandbox], endpoint: Endpoint
) -> None:
    made, home = await home_of(api)
    await api.put(f"{home}/webhook-endpoints/acme", {"url": "http://localhost:1/all"})
    await inside(made["id"]).world.commit([EndpointChanged("acme", (endpoint.url,), "charge.paid")])
    await api.post(f"{home}/reset")
    told = (await api.get(f"{home}/journal", params={"kind": "endpoint"}))["entries"]
    assert [(each["webhook_type"], each["urls"]) for each in told] == [
        (None, ["http://localhost:1/all"]),
        ("charge.paid", [endpoint.url]),
    ]
    await pay(api, made, home)
    (row,) = (await api.get(f"{home}/webhooks"))["webhooks"]
    assert row["url"] == endpoint.url
    await api.put(f"{home}/webhook-endpoints/acme", {"url": None})
    assert inside(made["id"]).world.endpoints == {"acme": ()}


async def test_a_webhook_without_an_address_is_sent_again_to_that_of_its_type(
    api: Api, inside: Callable[[str], Sandbox], endpoint: Endpoint
) -> None:
    made, home = await home_of(api)
    await pay(api, made, home)
    (lost,) = (await api.get(f"{home}/webhooks"))["webhooks"]
    await api.put(f"{home}/webhook-endpoints/acme", {"url": "http://localhost:1/all"})
    await inside(made["id"]).world.commit([EndpointChanged("acme", (endpoint.url,), lost["type"])])
    assert (await api.post(f"{home}/webhooks/{lost['n']}/resend", status=201))["url"] == endpoint.url
