"""The journal, its explanations, its checks, and what it does not show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from acme_house import Api

from mockpsp.world.sandboxes import Sandbox

CARD = "4111111111111111"
FORM = "application/x-www-form-urlencoded"


async def paid(api: Api, **options: Any) -> tuple[str, str, int]:
    """A sandbox's address, a charge that is paid, and the trace of the request that opened it."""
    made = await api.sandbox(**options)
    response = await api.merchant(made, {"amount": "30.00 EUR", "customer": {"name": "Zoé", "age": 7}, "colour": "red"})
    trace = int(response.headers["Mockpsp-Trace"])
    ref = (await response.json())["ref"]
    home = f"/sandboxes/{made['id']}"
    await api.post(f"{home}/checkouts/{ref}/shopper", {"pay": [{"with": "wallet"}]})
    return home, ref, trace


async def test_entries_tell_everything_in_order(api: Api) -> None:
    home, ref, trace = await paid(api)
    journal = await api.get(f"{home}/journal")
    assert [each["id"] for each in journal["entries"]] == list(range(1, len(journal["entries"]) + 1))
    assert journal["next_after"] == journal["entries"][-1]["id"]
    assert journal["dropped"] == {"entries": 0, "bodies": 0}
    told = [(each["kind"], each["operation"], each["trace"]) for each in journal["entries"] if each["reference"]]
    assert told[1:5] == [
        ("request", "create_charge", trace),
        ("decision", "acme.open", trace),
        ("event", "charge.Opened", trace),
        ("shopper", "acme.page", trace + 3),
    ]
    request = journal["entries"][trace - 1]
    assert (request["status"], request["method"], request["target"]) == (201, "POST", "/acme/charges")
    assert request["ignored"] == ["customer.age", "colour"]
    assert request["body"]["customer"]["name"] == "Zoé"
    assert request["answer"] == {"ref": ref}


@pytest.mark.parametrize(
    ("params", "kinds"),
    [
        ({"kind": "event"}, ["event", "event"]),
        ([("kind", "event"), ("kind", "webhook")], ["event", "event", "webhook"]),
        ({"operation": "create_charge"}, ["request"]),
        ({"operation": "CreateCharge"}, ["request"]),
        ({"operation": "acme.create-charge"}, ["request"]),
        ({"operation": "charge.*", "kind": "event"}, ["event", "event"]),
        ({"operation": "acme.*", "kind": "decision"}, ["decision", "decision"]),
        ({"operation": "nothing"}, []),
        ({"provider": "acme", "kind": "webhook"}, ["webhook"]),
        ({"reference": "nobody"}, []),
        ({"kind": "clock"}, []),
        ({"after": "1000000"}, []),
    ],
)
async def test_filters(api: Api, params: Any, kinds: list[str]) -> None:
    home, _, _ = await paid(api)
    assert [each["kind"] for each in (await api.get(f"{home}/journal", params=params))["entries"]] == kinds


async def test_a_reference_finds_its_object_its_parts_and_the_requests_behind(api: Api) -> None:
    home, ref, trace = await paid(api)
    whole = (await api.get(f"{home}/journal", params={"reference": ref}))["entries"]
    assert trace in [each["id"] for each in whole]
    assert {each["kind"] for each in whole} == {"request", "shopper", "decision", "event", "posting", "webhook"}
    assert (await api.get(f"{home}/journal", params={"reference": f"part-{ref}"}))["entries"] == whole


async def test_pages_follow_one_another_without_gap(api: Api) -> None:
    home, _, _ = await paid(api)
    everything = (await api.get(f"{home}/journal"))["entries"]
    found: list[Any] = []
    after = 0
    while page := (await api.get(f"{home}/journal", params={"after": after, "limit": 2}))["entries"]:
        found += page
        after = page[-1]["id"]
    assert found == everything


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "requst"},
        {"limit": "0"},
        {"limit": "x"},
        {"after": "-1"},
        {"limit": "9" * 30},
        {"provider": "acmee"},
        {"refrence": "x"},
        {"operation": ""},
    ],
)
async def test_a_filter_that_means_nothing_is_refused(api: Api, params: dict[str, str]) -> None:
    assert (await api.call("GET", "/sandboxes/default/journal", params=params)).status == 400


async def test_a_request_explains_itself(api: Api) -> None:
    home, _, trace = await paid(api)
    entry = await api.get(f"{home}/journal/{trace}")
    for words in (
        "POST /acme/charges (acme.create_charge) was answered with status 201.",
        "acme.open was decided naturally: a charge can always be opened.",
        "Not read: customer.age, colour.",
        "It led to 1 event.",
    ):
        assert words in entry["explanation"]
    assert [each["kind"] for each in entry["because_of_it"]] == ["decision", "event"]


async def test_a_decision_names_its_rule_the_near_misses_and_the_settings(api: Api) -> None:
    home, ref, _ = await paid(api, scenario="acme/refused")
    decision = (await api.get(f"{home}/journal", params={"operation": "pay", "reference": ref}))["entries"][0]
    assert decision["rule"] is None
    unmet = [{"fact": "wallet", "wanted": "is w2", "got": "w1"}]
    assert decision["nearly"] == [{"rule": "never wallet 2", "why": "wallet is w1, wanted is w2", "unmet": unmet}]
    shown = await api.get(f"{home}/journal/{decision['id']}")
    explained, why = shown["explanation"], shown["why"]
    assert why["nearly"] == [{"operation": "acme.pay", "section": "rules", **decision["nearly"][0]}]
    assert [each["law"] for each in why["decisions"]] == [decision["law"]]
    assert why["settings"][0]["name"] == "acme.wallet_first"
    assert why["signed"] == []
    assert "The rule 'never wallet 2' nearly matched: wallet is w1, wanted is w2." in explained
    assert "Settings that decided: acme.wallet_first" in explained

    home, ref, _ = await paid(api, scenario="acme/refused")
    made = await api.get(home)
    other = await api.charge(made, "1.00 EUR")
    await api.post(f"{home}/checkouts/{other}/shopper", {"pay": [{"with": "wallet", "number": "w2"}]})
    decision = (await api.get(f"{home}/journal", params={"operation": "pay", "reference": other}))["entries"][0]
    assert decision["rule"] == "never wallet 2"


async def test_a_shopper_and_a_timer_stand_in_the_journal_with_what_came_of_them(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    ref = await api.charge(made)
    by_card = {"with": "card", "number": CARD, "cvc": "737", "amount": "1.00 EUR"}
    refused = await api.call("POST", f"{home}/checkouts/{ref}/shopper", {"pay": [by_card]})
    assert refused.status == 409
    (entry,) = (await api.get(f"{home}/journal", params={"kind": "shopper"}))["entries"]
    masked = {"with": "card", "amount": "1.00 EUR", "number": "411111******1111", "cvc": "***"}
    assert entry["shopper"] == {"pays": [masked], "cancels": False, "abandons": False}
    assert f"A shopper acted at acme.page on {ref}." in (await api.get(f"{home}/journal/{entry['id']}"))["explanation"]
    await api.post(f"{home}/clock", {"advance": "P1D"})
    (entry,) = (await api.get(f"{home}/journal", params={"kind": "timer"}))["entries"]
    assert (entry["timer"], entry["trace"]) == ({"type": "Cancel"}, entry["id"])
    explained = await api.get(f"{home}/journal/{entry['id']}")
    assert "an open charge can be cancelled" in explained["explanation"]
    assert [each["kind"] for each in explained["because_of_it"]] == ["decision", "event", "webhook"]


async def test_a_refused_request_tells_what_was_noted(api: Api) -> None:
    made = await api.sandbox()
    await api.call("DELETE", f"/sandboxes/{made['id']}")
    response = await api.merchant(made, {"amount": "1.00 EUR"})
    entry = await api.get(f"/sandboxes/default/journal/{response.headers['Mockpsp-Trace']}")
    assert "string to sign: POST /acme" in entry["notes"]
    assert "refused: nobody knows this key" in entry["explanation"]
    assert "No command was decided" in entry["explanation"]
    assert entry["because_of_it"] == []


@pytest.mark.parametrize("number", ["0", "999999", "9" * 40])
async def test_an_entry_that_is_not_there_is_404(api: Api, number: str) -> None:
    reply = await api.call("GET", f"/sandboxes/default/journal/{number}")
    assert (reply.status, reply.body["type"]) == (404, "urn:mockpsp:problem:unknown-entry")


async def test_what_the_bounded_journal_dropped_is_said(api: Api, inside: Callable[[str], Sandbox]) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    journal = inside(made["id"]).world.journal
    journal.most, journal._max_body_bytes = 4, 10
    for _ in range(3):
        await api.charge(made)
    told = await api.get(f"{home}/journal")
    assert told["dropped"]["entries"] > 0
    assert len(told["entries"]) == 4
    assert told["dropped"]["bodies"] == 3
    dropped = await api.call("GET", f"{home}/journal/1")
    assert (dropped.status, "was dropped" in dropped.body["detail"]) == (404, True)
    request = (await api.get(f"{home}/journal", params={"kind": "request"}))["entries"][0]
    assert (request["body"], request["answer"]) == (None, None)
    assert request["dropped"] > 0
    assert "bytes of its bodies" in (await api.get(f"{home}/journal/{request['id']}"))["explanation"]
    checked = await api.post(f"{home}/journal/verify", {"count": 3})
    assert checked["dropped"] == told["dropped"]


# -- masking ---------------------------------------------------------------------------------------------------------


async def send(api: Api, made: dict[str, Any], raw: bytes, path: str = "/acme/charges", **headers: str) -> str:
    """Everything that the control API says of a request, as text."""
    response = await api.merchant(made, None, path, data=raw, headers=headers)
    home = f"/sandboxes/{made['id']}"
    entry = await api.get(f"{home}/journal/{response.headers['Mockpsp-Trace']}")
    listed = await api.get(f"{home}/journal")
    nearest = await api.post(
        f"{home}/journal/verify", {"body": {"card": {"number": CARD, "cvc": "999"}, "number": CARD}, "status": 1}
    )
    return json.dumps([entry, listed, nearest])


@pytest.mark.parametrize(
    ("raw", "media"),
    [
        (json.dumps({"amount": "1.00 EUR", "card": {"number": CARD, "cvc": "737"}}).encode(), "application/json"),
        (json.dumps({"amount": "1.00 EUR", "card": {"number": int(CARD), "cvv": 737}}).encode(), "application/json"),
        (json.dumps({"card": {"encryptedCardNumber": f"test_{CARD}", "cvv": 737}}).encode(), "text/plain"),
        (b'{"amount": "1.00 EUR", "card": {"number": "4111 1111 1111 1111", "cvc": "737"}', "application/json"),
        (f"number={CARD}&cvc=737".encode(), "application/x-www-form-urlencoded"),
        (f'--b\r\nname="number"\r\n\r\n{CARD}\r\ncvc: 737'.encode(), "multipart/form-data; boundary=b"),
        (json.dumps({"amount": f"card {CARD} was cvc: 737"}).encode(), "application/json"),
    ],
)  # fmt: skip
async def test_card_numbers_and_codes_never_leave(api: Api, raw: bytes, media: str) -> None:
    said = await send(api, await api.sandbox(), raw, **{"Content-Type": media})
    assert CARD not in said
    assert "4111 1111" not in said
    assert re.search(r"(?<![0-9])737(?![0-9])", said) is None, "not by itself; a port may contain it"
    assert "411111******1111" in said


async def test_secrets_of_headers_and_answers_never_leave(api: Api) -> None:
    made = await api.sandbox()
    said = await send(
        api, made, b"grant_type=x&client_secret=top-secret", f"/acme/token?password=top-secret&card_number={CARD}",
        **{"X-API-Key": "top-secret", "Cookie": "a=top-secret; b=top-secret", "Content-Type": FORM},
    )  # fmt: skip
    assert "top-secret" not in said
    assert CARD not in said
    assert "c2lnbmF0dXJl" not in said
    for kept in (f"GCS v1HMAC:acme-{made['id']}:***", "a=***; b=***", "sid=***; Path=/", '"grant_type": "x"'):
        assert kept in said


@pytest.mark.parametrize(
    "raw",
    [
        b'{"amount": NaN}',
        b"[" * 900 + b"]" * 900,
        b"[" * 100_000,
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        b"\xff\xfe",
        b"\x00",
    ],
)
async def test_absurd_bodies_can_be_shown(api: Api, raw: bytes) -> None:
    await send(api, await api.sandbox(), raw, **{"Content-Type": "application/json"})


# -- verification ----------------------------------------------------------------------------------------------------


async def verify(api: Api, home: str, check: Any) -> Any:
    return await api.post(f"{home}/journal/verify", check)


@pytest.mark.parametrize(
    "check",
    [
        {},
        {"operation": "create_charge"},
        {"operation": "CREATE*", "provider": "acme", "status": 201, "count": 1},
        {"body": {"amount": "30.00 EUR", "customer": {"name": "Zoé"}}},
        {"count": {"at_least": 1, "at_most": 2}},
        {"operation": "nothing", "count": 0},
        {
            "kind": "webhook",
            "operation": "charge.paid",
            "body": {"status": "paid", "paid": 3000},
            "status": "no_endpoint",
        },
        {"kind": "event", "operation": "charge.Paid", "body": {"amount": "30.00 EUR"}},
        {"kind": "posting", "body": {"entry": {"kind": "capture"}}},
        {"order": [{"operation": "create_charge"}, {"kind": "event", "operation": "charge.paid"}, {"kind": "webhook"}]},
        [{}, {"kind": "event", "count": 2}],
    ],
)
async def test_checks_that_hold(api: Api, check: Any) -> None:
    home, _, _ = await paid(api)
    result = await verify(api, home, check)
    assert result["ok"], result
    assert all(each["nearest"] == [] for each in result["checks"])


async def test_a_part_leads_to_the_object_and_to_its_requests(api: Api) -> None:
    home, ref, trace = await paid(api)
    result = await verify(api, home, {"reference": f"part-{ref}"})
    assert result["checks"][0]["matched"] == [trace]


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ({"operation": "refund"}, 0),
        ({"count": 2}, 1),
        ({"count": 0}, 1),
        ({"count": {"at_most": 0}}, 1),
        ({"body": {"customer": {"age": True}}}, 0),
        ({"body": {"customer": []}}, 0),
        ({"status": "201"}, 0),
        ({"order": [{"kind": "webhook"}, {"operation": "create_charge"}]}, 1),
    ],
)
async def test_checks_that_do_not_hold_say_so_with_200(api: Api, check: Any, found: int) -> None:
    home, _, _ = await paid(api)
    result = await verify(api, home, [{}, check])
    assert not result["ok"]
    assert [each["ok"] for each in result["checks"]] == [True, False]
    assert result["checks"][1]["found"] == found


async def test_of_an_order_the_nearest_miss_is_what_came_too_early(api: Api) -> None:
    home, _, _ = await paid(api)
    (check,) = (await verify(api, home, {"order": [{"kind": "webhook"}, {"operation": "create_charge"}]}))["checks"]
    (request,) = (await verify(api, home, {"kind": "request"}))["checks"][0]["matched"]
    (webhook,) = (await verify(api, home, {"kind": "webhook"}))["checks"][0]["matched"]
    assert check["matched"] == [webhook]
    first = check["nearest"][0]
    assert first == {
        "id": request,
        "differs": [{"path": "order", "expected": f"after entry {webhook}", "actual": f"entry {request}"}],
    }
    once = {"order": [{"kind": "webhook"}, {"kind": "webhook"}]}
    assert (await verify(api, home, once))["checks"][0]["nearest"] == [], "what matched already is no miss"


async def test_the_nearest_miss_comes_first_and_says_what_differs(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    for amount, name in (("1.00 EUR", "Ada"), ("2.00 EUR", "Bob"), ("3.00 EUR", "Cy"), ("4.00 EUR", "Bob")):
        await api.charge(made, amount, customer={"name": name})
    wanted = {"operation": "create_charge", "body": {"amount": "2.00 EUR", "customer": {"name": "Ada"}, "lines": [1]}}
    check = (await verify(api, home, wanted))["checks"][0]
    assert check["expected"].startswith("at least 1 × request create_charge with a body like {")
    assert len(check["nearest"]) == 3
    first, second, third = check["nearest"]
    assert [len(each["differs"]) for each in check["nearest"]] == [2, 2, 3]
    assert first["id"] > second["id"], "of two equally near ones the later comes first"
    assert first["differs"] == [
        {"path": "body.customer.name", "expected": "Ada", "actual": "Bob"},
        {"path": "body.lines", "expected": [1]},
    ]
    assert second["differs"][0] == {"path": "body.amount", "expected": "2.00 EUR", "actual": "1.00 EUR"}
    assert third["differs"][1]["path"] == "body.customer.name"


@pytest.mark.parametrize(
    ("check", "hint"),
    [
        ({"operaton": "x"}, "operation"),
        ([{}, {"count": {"atleast": 1}}], "at_least"),
        ({"order": [{"boddy": 1}]}, "body"),
        ({"kind": "requst"}, ""),
        ({"count": -1}, ""),
        ({"count": 1.5}, ""),
        ({"count": {}}, ""),
        ({"order": []}, ""),
        ({"provider": "acne"}, "acme"),
        ([], ""),
        (7, ""),
        (None, ""),
        ([[{}]], ""),
    ],
)
async def test_a_check_that_means_nothing_is_refused(api: Api, check: Any, hint: str) -> None:
    reply = await api.call("POST", "/sandboxes/default/journal/verify", check)
    assert reply.status == 400
    assert hint in reply.body.get("hint", "")


MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="type"\r\n\r\nKBIS\r\n'
    b'--b\r\nContent-Disposition: form-data; name="cardNumber"\r\n\r\n4111111111111111\r\n'
    b'--b\r\nContent-Disposition: form-data; name="raw"\r\n\r\n\xff\xfe\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xc3\xbc.pdf"\r\n'
    b"Content-Type: application/pdf\r\n\r\n%PDF\x00\xff\r\n--\r\n\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("media", "raw", "shown"),
    [
        (
            "multipart/form-data; boundary=b",
            MULTIPART,
            {
                "type": "KBIS",
                "cardNumber": "411111******1111",
                "raw": {"filename": None, "content_type": "text/plain", "bytes": 2},
                "file": {"filename": "ü.pdf", "content_type": "application/pdf", "bytes": 12},
            },
        ),
        ('Multipart/Form-Data; charset=utf-8; boundary="b"', MULTIPART[:58] + b"--b--", {"type": "KBIS"}),
        ("multipart/form-data; boundary=b", MULTIPART[:-4], f"({len(MULTIPART) - 4} bytes)"),
        ("multipart/form-data; boundary=c", MULTIPART, f"({len(MULTIPART)} bytes)"),
        ("multipart/form-data", MULTIPART, f"({len(MULTIPART)} bytes)"),
    ],
)
async def test_of_a_multipart_form_the_fields_are_shown_and_of_files_their_size(
    api: Api, media: str, raw: bytes, shown: Any
) -> None:
    made = await api.sandbox()
    response = await api.merchant(made, path="/acme/token", data=raw, headers={"Content-Type": media})
    entry = await api.get(f"/sandboxes/{made['id']}/journal/{response.headers['Mockpsp-Trace']}")
    assert entry["body"] == shown


@pytest.mark.parametrize(
    ("act", "told"),
    [
        ({"refuse": True}, {"refuses": True}),
        ({"refuse": {"with": "wallet", "number": "w2"}}, {"refuses": {"with": "wallet", "number": "w2"}}),
        ({"bank": "fails"}, {"bank": "fails"}),
    ],
)
async def test_acts_that_only_some_pages_know(api: Api, act: dict[str, Any], told: dict[str, Any]) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    ref = await api.charge(made)
    await api.post(f"{home}/checkouts/{ref}/shopper", act)
    (entry,) = (await api.get(f"{home}/journal", params={"kind": "shopper"}))["entries"]
    assert entry["shopper"] == {"pays": [], "cancels": False, "abandons": False, **told}


@pytest.mark.parametrize(
    ("act", "detail"),
    [
        ({"give_back": True}, "give_back: a shopper cannot do that at acme.page"),
        ({"refuse": {"with": "card"}}, "refuse.with: 'card' is not a tender of acme.page"),
        ({"refuse": {"with": "wallet", "cvc": "1"}}, "refuse.cvc: wallet has no such field"),
        ({"refuse": {"with": "wallet", "amount": "1.00 EUR"}}, "refuse.amount: a shopper cannot say that at acme.page"),
        ({"pay": [{"with": "card", "bank": "fail"}]}, "pay[0].bank: 'fail' is nothing to do there"),
        ({"pay": [{"with": "wallet", "bank": "fails"}]}, "pay[0].bank: wallet has no such field"),
        ({"bank": "abandons"}, "bank"),
        ({"refuse": True, "cancel": True}, "body"),
    ],
)
async def test_acts_that_a_page_does_not_know(api: Api, act: dict[str, Any], detail: str) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    ref = await api.charge(made)
    problem = await api.post(f"{home}/checkouts/{ref}/shopper", act, 400)
    assert detail in problem["detail"]
    assert (await api.get(f"{home}/journal", params={"kind": "shopper"}))["entries"] == []
