"""Why a fault did not strike and why a webhook was not late: near misses of both, as rules have them."""

from __future__ import annotations

from typing import Any

import pytest
from acme_house import Api

from mockpsp.testing.answers import read_entry
from mockpsp.testing.explaining import explanation
from mockpsp.testing.timeline import line

WORLD = {"acme": {"wallets": [{"balance": "100.00 EUR"}]}}
REFUSED = 400
"""How Acme answers a fault."""
DOWN = {"name": "down", "operation": "acme.create_charge", "then": {"status": 503}}
LATE = {"name": "late", "event": "acme.charge.paid", "deliver": {"after": "10m"}}


async def sandbox(api: Api, **lines: Any) -> dict[str, Any]:
    """A sandbox with these lines in its scenario."""
    return await api.sandbox(scenario={"world": WORLD, "clock": "2026-07-01T09:00:00+02:00", **lines})


async def entries(api: Api, made: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The entries of a kind, as a list of the journal has them."""
    found: list[dict[str, Any]] = (await api.get(f"/sandboxes/{made['id']}/journal", params={"kind": kind}))["entries"]
    return found


async def one(api: Api, made: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """The same with its explanation."""
    found: dict[str, Any] = await api.get(f"/sandboxes/{made['id']}/journal/{entry['id']}")
    return found


async def pay(api: Api, made: dict[str, Any], amount: str = "30.00 EUR") -> None:
    """A charge that is opened and paid."""
    ref = await api.charge(made, amount)
    await api.post(f"/sandboxes/{made['id']}/checkouts/{ref}/shopper", {"pay": [{"with": "wallet"}]})


@pytest.mark.parametrize(
    ("more", "why", "unmet"),
    [
        ({"nth": 2}, "match 1, strikes at number 2", []),
        ({"from": "1h"}, "strikes from PT1H on, PT0S have passed", []),
        ({"then": {"status": 429, "throttle": {"calls": 1, "per": "1m"}}}, "call 1 of 1 within PT1M", []),
        (
            {"when": {"amount": {"above": "30.00 EUR"}}},
            "amount is 30.00 EUR, wanted above 30.00 EUR",
            [{"fact": "amount", "wanted": "above 30.00 EUR", "got": "30.00 EUR"}],
        ),
    ],
)
async def test_a_fault_that_did_not_strike_says_why_at_the_request(
    api: Api, more: dict[str, Any], why: str, unmet: list[dict[str, str]]
) -> None:
    made = await sandbox(api, faults=[{**DOWN, **more}])
    await api.charge(made)
    [request] = await entries(api, made, "request")
    assert request["nearly"] == [{"rule": "down", "why": why, "unmet": unmet}]
    assert "more" not in request
    told = await one(api, made, request)
    miss = {"operation": "acme.create_charge", "section": "faults", **request["nearly"][0]}
    assert told["why"]["nearly"] == [miss]
    assert f"The fault 'down' nearly struck: {why}." in told["explanation"]
    assert "acme.create_charge: fault down" in explanation(told)
    assert f"; fault 'down' nearly struck: {why}" in line(read_entry(request))


async def test_a_fault_that_struck_says_at_the_next_call_that_it_is_used_up(api: Api) -> None:
    made = await sandbox(api, faults=[{**DOWN, "nth": 1}])
    assert (await api.merchant(made, {"amount": "1.00 EUR"})).status == REFUSED
    await api.charge(made)
    struck, passed = await entries(api, made, "request")
    assert "nearly" not in struck, "nothing came before the one that struck"
    assert [each["why"] for each in passed["nearly"]] == ["used up (1 of 1)"]


async def test_before_the_fault_that_strikes_there_may_be_others(api: Api) -> None:
    first = {**DOWN, "name": "later", "nth": 2}
    made = await sandbox(api, faults=[first, DOWN])
    assert (await api.merchant(made, {"amount": "1.00 EUR"})).status == REFUSED
    [request] = await entries(api, made, "request")
    assert [each["rule"] for each in request["nearly"]] == ["later"]


async def test_without_lines_nothing_is_told(api: Api) -> None:
    made = await sandbox(api, faults=[{**DOWN, "operation": "acme.get_token"}], webhooks=[])
    await pay(api, made)
    for each in (*await entries(api, made, "request"), *await entries(api, made, "webhook")):
        assert "nearly" not in each
        assert (await one(api, made, each))["why"]["nearly"] == []


@pytest.mark.parametrize("many", ["a value each", "ranges"])
async def test_of_many_lines_a_handful_is_told_and_the_others_are_counted(api: Api, many: str) -> None:
    values = [f"{n}.00 EUR" if many == "a value each" else {"above": f"{n}.00 EUR"} for n in range(100, 140)]
    faults = [{**DOWN, "name": f"f{n}", "when": {"amount": value}, "times": 1} for n, value in enumerate(values)]
    hooks = [{**LATE, "name": f"w{n}", "when": {"amount": value}, "times": 1} for n, value in enumerate(values)]
    nearest = {"name": "nearest", "nth": 9}
    made = await sandbox(api, faults=[*faults, {**DOWN, **nearest}], webhooks=[*hooks, {**LATE, **nearest}])
    await pay(api, made)
    [request], [webhook] = await entries(api, made, "request"), await entries(api, made, "webhook")
    for each, begins in ((request, "f"), (webhook, "w")):
        assert [miss["rule"] for miss in each["nearly"]] == ["nearest", *(f"{begins}{n}" for n in range(9))]
        assert each["more"] == 31
    assert "31 more faults did not strike." in (await one(api, made, request))["explanation"]
    assert "31 more lines did not shape it." in (await one(api, made, webhook))["explanation"]


async def test_a_webhook_that_was_not_late_says_why(api: Api) -> None:
    made = await sandbox(api, webhooks=[{**LATE, "when": {"amount": "31.00 EUR"}}])
    await pay(api, made)
    [webhook] = await entries(api, made, "webhook")
    why = "amount is 30.00 EUR, wanted is 31.00 EUR"
    unmet = [{"fact": "amount", "wanted": "is 31.00 EUR", "got": "30.00 EUR"}]
    assert webhook["nearly"] == [{"rule": "late", "why": why, "unmet": unmet}]
    told = await one(api, made, webhook)
    assert told["why"]["nearly"] == [{"operation": "acme.charge.paid", "section": "webhooks", **webhook["nearly"][0]}]
    assert f"The line 'late' nearly shaped it: {why}." in told["explanation"]
    assert "acme.charge.paid: webhook line late" in explanation(told)
    assert f"; line 'late' nearly shaped it: {why}" in line(read_entry(webhook))


async def test_every_copy_of_a_webhook_knows_the_line_that_was_used_up(api: Api) -> None:
    twice = {**LATE, "name": "twice", "deliver": {"copies": 2}}
    made = await sandbox(api, webhooks=[{**LATE, "times": 1}, twice])
    await pay(api, made)
    await pay(api, made)
    late, *copies = await entries(api, made, "webhook")
    assert ("nearly" in late, len(copies)) == (False, 2)
    assert [[miss["why"] for miss in each["nearly"]] for each in copies] == [["used up (1 of 1)"]] * 2


async def test_a_request_tells_of_the_webhooks_that_it_led_to_as_well(api: Api) -> None:
    made = await sandbox(api, faults=[{**DOWN, "nth": 9}], webhooks=[{**LATE, "nth": 9}])
    await pay(api, made)
    [shopper] = await entries(api, made, "shopper")
    nearly = (await one(api, made, shopper))["why"]["nearly"]
    assert [(each["section"], each["rule"]) for each in nearly] == [("webhooks", "late")]


async def test_near_misses_are_masked(api: Api) -> None:
    made = await sandbox(api, faults=[{**DOWN, "name": "card 4111111111111111", "nth": 9}])
    await api.charge(made)
    [request] = await entries(api, made, "request")
    told = await one(api, made, request)
    assert "4111111111111111" not in told["explanation"]


async def test_a_line_of_a_scenario_that_was_replaced_is_called_by_its_key(api: Api) -> None:
    made = await sandbox(api, faults=[{**DOWN, "nth": 9}])
    await api.charge(made)
    await api.put(f"/sandboxes/{made['id']}/scenario", {"world": WORLD})
    request = (await entries(api, made, "request"))[0]
    assert request["nearly"] == [{"rule": "fault:down", "why": "match 1, strikes at number 9", "unmet": []}]
