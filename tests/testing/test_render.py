"""The trace, the diagram and the JSON of a played story."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from mockpsp.testing import render
from mockpsp.testing.played import Played

Plays = Callable[[str], Awaitable[Played]]

STORY = """
    clock: 2026-07-01T23:50:00+02:00
    rules: [{name: no luck; none, operation: tollgate.pay, times: 1, then: {outcome: refused}}]
    faults: [{operation: tollgate.getPayment, nth: 1, then: {drop: before_effect}}]
    webhooks: [{event: tollgate.payment.refused, deliver: {drop: true}}]
    story:
      - {endpoint: tollgate, status: 503}
      - merchant: tollgate.createPayment
        body: {amount: 30.00 EUR, basket: [{price: {value: 1250, currency: EUR}}], card: {number: "4111111111111111"}}
        as: pay
      - {shopper: pay, pays: [{with: wallet}]}
      - {merchant: tollgate.getPayment, path: {id: "${pay.id}"}}
      - {advance: 3h}
    expect: {calls: 9}
"""


async def test_the_trace_tells_who_did_what_and_why_within_a_hundred_columns(played: Plays) -> None:
    trace = render.text(await played(STORY))

    lines = trace.splitlines()
    assert max(map(len, lines)) <= render.WIDTH
    for told in (
        "  1  21:50:00  Endpoint              answers tollgate with 503 from now on",
        "  2  21:50:00  Shop -> mockpsp       POST /tollgate/payments",
        "basket[0].price: 12.50 EUR",
        'rule "no luck; none" decides: the wallet holds enough',
        "503, signature right, again at 2026-07-01T22:00:00.000Z",
        "  3  21:50:00  Shopper -> mockpsp    pays with wallet at",
        "mockpsp -x Endpoint",
        "Shop <- mockpsp       the connection is cut, nothing is answered",
        "PT3H passes",
        "1 expectation not met (2 calls, 3 webhooks):",
        "  at the end: calls: expected 9, was 2",
    ):
        assert any(told in line for line in lines), told


async def test_a_new_day_is_announced(played: Plays) -> None:
    trace = render.text(await played(STORY.replace("advance: 3h", "advance: 5h")))

    assert "     2026-07-02\n" in trace


async def test_verbose_adds_bodies_events_and_near_misses_but_no_card_numbers(played: Plays) -> None:
    story = await played(
        STORY.replace("operation: tollgate.pay,", "operation: tollgate.pay, when: {amount: {above: 99.00 EUR}},")
    )
    brief, verbose = render.text(story), render.text(story, verbose=True)

    assert "nearly" not in brief
    assert 'nearly: "no luck; none": amount is 30.00 EUR, wanted above 99.00 EUR' in " ".join(verbose.split())
    assert "event payment.Opened" in verbose
    assert '"amount": 3000,' in verbose
    for told in (brief, verbose, render.mermaid(story), render.as_json(story)):
        assert "4111111111111111" not in told


async def test_the_diagram_is_mermaid(played: Plays) -> None:
    lines = render.mermaid(await played(STORY)).splitlines()

    assert lines[0] == "sequenceDiagram"
    assert "    Shop->>mockpsp: POST /tollgate/payments" in lines
    assert "    mockpsp-->>Shop: 201, status: open" in lines
    assert '    Note over mockpsp: tollgate.pay: rule "no luck#59; none" decides: the wallet holds enough' in lines
    assert any(line.startswith("    mockpsp--xShop: the connection is cut") for line in lines)
    assert all(";" not in line.replace("#59;", "").replace("#35;", "") for line in lines)


async def test_json_holds_everything(played: Plays) -> None:
    story = json.loads(render.as_json(await played(STORY)))

    assert [each["kind"] for each in story["exchanges"]] == ["endpoint", "merchant", "shopper", "merchant", "advance"]
    assert story["exchanges"][1]["call"]["answer"]["status"] == "open"
    assert story["webhooks"][0]["type"] == "payment.opened"
    assert story["failures"][0]["text"] == "at the end: calls: expected 9, was 2"
    assert [each["id"] for each in story["journal"]] == list(range(1, len(story["journal"]) + 1))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"amountOfMoney": {"amount": 1000, "currencyCode": "JPY"}}, [("amountOfMoney", "1000 JPY")]),
        ({"a": 1, "b": {"status": "PAID"}}, [("b.status", "PAID")]),
        ([{"value": 5, "currency": "EUR"}], [("[0]", "0.05 EUR")]),
        ({"amount": {"value": 5, "currency": "EUR"}, "reason": "", "success": "false"}, [("success", "false")]),
        ({"merchantReference": "ORDER-1", "refusalReason": "Blocked Card"}, [("refusalReason", "Blocked Card")]),
        ({"reason": "", "eventDate": "today"}, [("eventDate", "today")]),
        ("just text", [("", "just text")]),
        (None, []),
    ],
)
def test_highlights_are_the_fields_that_say_most(body: object, told: list[tuple[str, object]]) -> None:
    assert render.highlights(body, 1) == told
