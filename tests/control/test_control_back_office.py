"""What a provider's own staff does."""

from __future__ import annotations

from typing import Any

import pytest
from acme import Acme
from acme_house import Api


async def charged(api: Api) -> tuple[str, str]:
    """The path of a fresh sandbox, and an open charge in it."""
    made = await api.sandbox()
    return f"/sandboxes/{made['id']}", await api.charge(made)


async def test_the_back_office_acts_on_record(api: Api) -> None:
    home, ref = await charged(api)
    told = await api.post(f"{home}/back-office/acme/{ref}", {"close": "fraud", "cardNumber": "4111111111111111"})
    assert told == {"status": "cancelled", "amount": "30.00 EUR", "cardNumber": "411111******1111"}
    (entry,) = (await api.get(f"{home}/journal", params={"kind": "back-office"}))["entries"]
    assert (entry["provider"], entry["operation"], entry["reference"]) == ("acme", "acme.back_office", ref)
    assert entry["act"] == {"close": "fraud", "cardNumber": "411111******1111"}
    assert entry["trace"] == entry["id"]
    shown = await api.get(f"{home}/journal/{entry['id']}")
    assert shown["explanation"].startswith(f"The back office of acme acted on {ref}. ")
    assert shown["explanation"].endswith("It led to 1 event, 1 webhook.")
    check = {"kind": "back-office", "reference": ref, "body": {"close": "fraud"}, "count": 1}
    assert (await api.post(f"{home}/journal/verify", check))["ok"]


async def test_what_its_state_forbids_is_refused_with_the_reason(api: Api) -> None:
    home, ref = await charged(api)
    await api.post(f"{home}/back-office/acme/{ref}", {"close": "fraud"})
    again = await api.post(f"{home}/back-office/acme/{ref}", {"close": "fraud"}, 409)
    assert (again["type"], again["detail"]) == ("urn:mockpsp:problem:refused", f"{ref} is cancelled")
    _, entry = (await api.get(f"{home}/journal", params={"kind": "back-office"}))["entries"]
    explanation = (await api.get(f"{home}/journal/{entry['id']}"))["explanation"]
    assert f"The provider did not allow it: {ref} is cancelled." in explanation


@pytest.mark.parametrize(
    ("path", "kind", "detail"),
    [
        ("acme/ch/none", "unknown-object", "no charge is called ch/none"),
        ("acme/silent", "unknown-object", "acme has nothing called 'silent' for its back office"),
        ("acne/ch", "unknown-provider", "there is no provider 'acne'"),
    ],
)
async def test_what_does_not_exist(api: Api, path: str, kind: str, detail: str) -> None:
    problem = await api.post(f"/sandboxes/default/back-office/{path}", {"close": "fraud"}, 404)
    assert (problem["type"], problem["detail"]) == (f"urn:mockpsp:problem:{kind}", detail)


async def test_a_provider_without_a_back_office(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Acme, "back_office", None)
    problem = await api.post("/sandboxes/default/back-office/acme/x", {"close": "fraud"}, 404)
    assert (problem["type"], problem["detail"]) == (
        "urn:mockpsp:problem:no-back-office",
        "acme has no back office here",
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (..., "body (whole): a body is required"),
        ([], 'body (whole): [] is not of type "object"'),
        ({}, "body (whole): {} has less than 1 property"),
        ({"close": "spite"}, 'body close: "spite" is not one of "fraud" or "mistake"'),
        ({"cardNumber": "1"}, 'body close: "close" is a required property'),
        ({"close": "fraud", "clsoe": 1}, "body clsoe: not known here"),
    ],
)
async def test_bodies_that_the_back_office_does_not_take(api: Api, body: Any, detail: str) -> None:
    home, ref = await charged(api)
    problem = await api.post(f"{home}/back-office/acme/{ref}", body, 400)
    assert problem["detail"] == detail
    assert (await api.get(f"{home}/journal", params={"kind": "back-office"}))["entries"] == []


async def test_hints_come_from_the_providers_schema(api: Api) -> None:
    problem = await api.post("/sandboxes/default/back-office/acme/x", {"close": "spite"}, 400)
    assert problem["hint"] == 'write {"close": "reason"}'
    problem = await api.post("/sandboxes/default/back-office/acme/x", {"close": "fraud", "closed": 1}, 400)
    assert problem["hint"] == "did you mean 'close'?"


async def test_a_mistake_of_ours_is_not_an_unknown_object(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    async with api.client.post(
        "/_mockpsp/sandboxes/default/back-office/acme/broken", json={"close": "fraud"}
    ) as answer:
        assert answer.status == 500
    assert "a control request failed" in caplog.text
