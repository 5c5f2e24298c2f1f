"""What a story does beside the API: accounts, webhooks once more, addresses, another scenario, the clock."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from mockpsp.testing import render
from mockpsp.testing.har import as_har
from mockpsp.testing.played import Played

Plays = Callable[[str], Awaitable[Played]]

STORY = """
    clock: 2026-07-01T23:50:00+02:00
    webhooks: [{event: tollgate.payment.paid, deliver: {signature: wrong}}]
    story:
      - {merchant: tollgate.createPayment, body: {amount: 130.00 EUR}, as: pay, expect: {webhooks: [payment.opened]}}
      - {account: wallet, balance: 200.00 EUR, expect: {status: done, accounts: {wallet: 200.00 EUR}}}
      - {endpoint: tollgate, status: 503, url: "${endpoint.tollgate}/new"}
      - {shopper: pay, pays: [{with: wallet}], expect: {webhooks: [{type: payment.paid, signature: wrong}]}}
      - {endpoint: tollgate, status: 200}
      - {resend: tollgate.payment.paid, ref: "${pay.id}", expect: {webhooks: [{type: payment.paid, signature: right}]}}
      - scenario: {title: No luck, rules: [{operation: tollgate.pay, then: {outcome: refused}}]}
      - {merchant: tollgate.createPayment, body: {amount: 10.00 EUR}, as: again}
      - {shopper: again, pays: [{with: wallet}], expect: {state: {again: {status: refused}}}}
      - {clock: 2026-06-30T12:00:00Z}
"""


async def test_what_was_done_is_told_as_trace_diagram_archive_and_json(played: Plays) -> None:
    story = await played(STORY)
    assert [str(each) for each in story.failures] == []

    trace = " ".join(render.text(story).split())
    for told in (
        "mockpsp wallet holds 200.00 EUR from now on, and no longer 100.00 EUR",
        "Endpoint answers tollgate with 503 from now on, tollgate sends its webhooks to",
        "http://shop.localhost/webhooks/tollgate/new from now on",
        "once more mockpsp -> Endpoint payment.paid",
        "mockpsp the scenario inline comes into force: scenario story → inline; rules: 0 → 1 lines",
        "Clock it is 2026-06-30T12:00:00.000Z",
    ):
        assert told in trace, told
    diagram = render.mermaid(story)
    assert "Note over mockpsp: the scenario inline comes into force" in diagram
    assert "Note over Shop,Endpoint: it is 2026-06-30T12:00:00.000Z" in diagram
    kinds = [each["kind"] for each in json.loads(render.as_json(story))["exchanges"]]
    assert kinds == [
        "merchant", "account", "endpoint", "shopper", "endpoint", "resend", "scenario", "merchant", "shopper", "clock",
    ]  # fmt: skip
    sent = [each["request"]["url"] for each in json.loads(as_har([story]))["log"]["entries"]]
    assert sent.count("http://shop.localhost/webhooks/tollgate/new") >= 2
    assert "world" not in str([each for each in story.journal if each["kind"] == "scenario"])


async def test_nobody_gets_what_goes_nowhere_until_it_is_sent_again(played: Plays) -> None:
    story = await played("""
        story:
          - {endpoint: tollgate, url: null}
          - {merchant: tollgate.createPayment, body: {amount: 30.00 EUR}, as: pay, expect: {webhooks: []}}
          - {endpoint: tollgate, urls: ["${endpoint.tollgate}/a", "${endpoint.tollgate}/b"]}
          - {shopper: pay, pays: [{with: wallet}], expect: {webhooks: [payment.paid, payment.paid]}}
          - {resend: tollgate.payment.opened, expect: {webhooks: [payment.opened]}}
          - {resend: tollgate.payment.paid, nth: 2, url: "${endpoint.tollgate}/c", expect: {webhooks: [payment.paid]}}
    """)
    assert [str(each) for each in story.failures] == []
    urls = [each["webhook"]["url"].rpartition("/")[2] for each in story.journal if each["kind"] == "webhook"]
    assert urls == ["", "a", "b", "a", "c"]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            "{account: purse, balance: 1.00 EUR}",
            "account: expected something that can be done, was no account is called",
        ),
        ("{account: wallet, balance: 1.00 USD}", "was wallet is in EUR; it cannot hold 1.00 USD"),
        ("{resend: tollgate.payment.paid}", "was there are 0 webhooks tollgate.payment.paid"),
        ("{resend: tollgate.payment.opened, nth: 2}", "was there are 1 webhooks tollgate.payment.opened"),
        ("{resend: tollgate.payment.opened, ref: other}", "was there are 0 webhooks tollgate.payment.opened other"),
        ("{resend: tollgate.payment.opened, ref: '${pay.none}'}", "resend: expected values of earlier answers"),
        ("{endpoint: tollgate, url: '${pay.none}'}", "url: expected values of earlier answers"),
    ],
)
async def test_what_cannot_be_done_ends_the_story_at_its_line(played: Plays, step: str, told: str) -> None:
    story = await played(f"""
        story:
          - {{merchant: tollgate.createPayment, body: {{amount: 30.00 EUR}}, as: pay}}
          - {step}
          - {{advance: 1h}}
    """)
    assert len(story.exchanges) == 2
    (failure,) = story.failures
    assert failure.line == 5
    assert told in str(failure)


async def test_a_webhook_that_nobody_asked_for_cannot_be_sent_again(played: Plays) -> None:
    story = await played("""
        story:
          - {endpoint: tollgate, url: null}
          - {merchant: tollgate.createPayment, body: {amount: 30.00 EUR}, as: pay}
          - {resend: tollgate.payment.opened}
    """)
    assert "tollgate has no webhook endpoint" in str(story.failures[0])
