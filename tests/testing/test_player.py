"""The story player: what a story can do, and what it notices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from mockpsp.scenario.model import Scenario
from mockpsp.settings import Settings
from mockpsp.testing.played import Played
from mockpsp.testing.player import journal_lines, play

Plays = Callable[[str], Awaitable[Played]]

PAID = """
    story:
      - merchant: tollgate.createPayment
        body: {amount: 30.00 EUR}
        as: pay
        expect: {status: 201, webhooks: [payment.opened]}
      - {shopper: pay, pays: [{with: wallet}], expect: {status: done}}
      - merchant: tollgate.getPayment
        path: {id: "${pay.id}"}
        as: seen
        expect:
          status: 200
          body: {status: paid, amount: {amount: 3000, currency: EUR}, refusal: {absent: true}}
          webhooks: [{type: payment.paid, reference: "${pay.id}", body: {payment: {status: paid}}}]
      - expect: {state: {"${pay.id}": {status: paid, amount: {at_least: 29.00 EUR}}}, status: "${seen.status}"}
    expect:
      webhooks: [payment.opened, tollgate.payment.paid]
      accounts: {wallet: 70.00 EUR, tollgate/wallet: {balance: {below: 71.00 EUR}}}
      calls: 2
      balanced: true
"""


async def test_a_story_runs_from_its_first_call_to_its_last_webhook(played: Plays) -> None:
    story = await played(PAID.replace('status: "${seen.status}"', "calls: 2"))

    assert [str(each) for each in story.failures] == []
    assert [each.kind for each in story.exchanges] == ["merchant", "shopper", "merchant", "expect"]
    assert [(each.type, each.signature, each.answered) for each in story.webhooks] == [
        ("payment.opened", "right", 200),
        ("payment.paid", "right", 200),
    ]
    call = story.exchanges[0].call
    assert call is not None
    assert call.answer["link"].startswith("http://localhost:8080/pay/")


async def test_the_same_scenario_gives_the_same_journal_byte_for_byte(
    written: Callable[[str], Scenario], settings: Settings
) -> None:
    once, again = ["\n".join(journal_lines(await play(written(PAID), settings))).encode() for _ in range(2)]

    assert once == again
    assert once.count(b"\n") > 8
    assert b"127.0.0.1:" not in once


async def test_every_failing_expectation_is_told_with_line_and_path(played: Plays) -> None:
    story = await played("""
        story:
          - merchant: tollgate.createPayment
            body: {amount: 30.00 EUR}
            as: pay
            expect:
              status: 402
              body: {status: {one_of: [paid, refused]}, amount: {amount: {at_least: 4000}}, items: [1]}
              webhooks: [payment.paid]
              state: {nobody: {status: paid}}
              accounts: {wallet: 1.00 EUR, purse: 0.00 EUR}
              calls: {above: 1}
              weather: fine
        expect: {webhooks: {contains: [payment.opened, payment.refused]}}
    """)

    words = "status, body, webhooks, accounts, state, calls, balanced"
    assert [str(each) for each in story.failures] == [
        "line 4: status: expected 402, was 201",
        'line 4: body.status: expected {"one_of": ["paid", "refused"]}, was open',
        'line 4: body.amount.amount: expected {"at_least": 4000}, was 3000',
        "line 4: body.items: expected [1], was nothing there",
        'line 4: webhooks: expected ["payment.paid"], was ["payment.opened"]',
        'line 4: state.nobody: expected {"status": "paid"}, was nothing there',
        "line 4: accounts.wallet: expected 1.00 EUR, was 100.00 EUR",
        "line 4: accounts.purse: expected 0.00 EUR, was no account; known: tollgate/wallet",
        'line 4: calls: expected {"above": 1}, was 1',
        f"line 4: weather: expected one of {words}, was an unknown word",
        'at the end: webhooks.contains[1]: expected payment.refused, was ["payment.opened"]',
    ]


async def test_a_cut_connection_is_a_result_like_another(played: Plays) -> None:
    story = await played("""
        faults:
          - {operation: tollgate.createPayment, nth: 1, then: {drop: after_effect}}
          - {operation: tollgate.getPayment, nth: 1, then: {drop: before_effect}}
        story:
          - merchant: tollgate.createPayment
            body: {amount: 1.00 EUR}
            expect: {status: dropped, webhooks: [payment.opened]}
          - {merchant: tollgate.getPayment, path: {id: x}, expect: {status: dropped, calls: 2}}
          - {merchant: tollgate.getPayment, path: {id: x}, expect: {status: 404, calls: 3}}
    """)

    assert [str(each) for each in story.failures] == []
    first = story.exchanges[0].call
    assert first is not None
    assert first.answer is None
    assert any("cuts the connection after the effect" in note for note in first.notes)


async def test_the_clock_moves_and_an_endpoint_that_fails_is_tried_again(played: Plays) -> None:
    story = await played("""
        clock: 2026-07-01T09:00:00+02:00
        story:
          - {endpoint: tollgate, status: 503}
          - {merchant: tollgate.createPayment, body: {amount: 1.00 EUR}, as: pay}
          - {advance: 10m, expect: {webhooks: [payment.opened, payment.opened]}}
          - {endpoint: tollgate, status: 200}
          - {advance: 1h, expect: {webhooks: [payment.opened, payment.expired]}}
        expect: {state: {"${pay.id}": {status: expired}}}
    """)

    assert [str(each) for each in story.failures] == []
    assert [each.at for each in story.webhooks] == [
        "2026-07-01T07:00:00.000Z",
        "2026-07-01T07:10:00.000Z",
        "2026-07-01T07:30:00.000Z",
        "2026-07-01T08:00:00.000Z",
    ]
    assert "timer" in [each.kind for each in story.exchanges[-1].happenings]


async def test_a_wrong_signature_is_as_expected_only_if_the_scenario_asks_for_it(
    played: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
        webhooks: [{event: tollgate.payment.opened, deliver: {signature: wrong}}]
        story:
          - merchant: tollgate.createPayment
            body: {amount: 1.00 EUR}
            expect: {webhooks: [{type: payment.opened, signature: wrong}]}
    """
    asked = await played(text)
    never_the_same = count()
    monkeypatch.setattr("tollgate.signature", lambda body: str(next(never_the_same)))
    unasked = await played(
        text.replace("{signature: wrong}}", "{copies: 1}}").replace("signature: wrong", "signature: right")
    )

    assert asked.failures == ()
    assert "signature of webhook payment.opened: expected right" in str(unasked.failures[0])


async def test_a_shopper_whom_the_page_refuses_is_a_failure_unless_expected(played: Plays) -> None:
    text = """
        story:
          - {merchant: tollgate.createPayment, body: {amount: 1.00 EUR}, as: pay}
          - {shopper: pay, cancels: true, expect: {webhooks: {contains: payment.cancelled}}}
          - {shopper: pay, pays: [{with: wallet}]}
    """
    refused = await played(text)
    expected = await played(text.rstrip().replace("{with: wallet}]}", "{with: wallet}], expect: {status: refused}}"))

    assert [each.path for each in refused.failures] == ["shopper"]
    assert expected.failures == ()


async def test_a_scripted_shopper_acts_on_record(played: Plays) -> None:
    story = await played("""
        shopper: [{at: tollgate.gate, pays: [{with: wallet}]}]
        rules: [{name: no luck, operation: tollgate.pay, then: {outcome: refused}}]
        story:
          - merchant: tollgate.createPayment
            body: {amount: 1.00 EUR}
            expect: {webhooks: [payment.opened, payment.refused], accounts: {wallet: 100.00 EUR}}
    """)

    assert story.failures == ()
    shopper = next(each for each in story.exchanges[0].happenings if each.kind == "shopper")
    decided = next(each for each in story.exchanges[0].happenings if each.cause == shopper.number)
    assert decided.operation == "tollgate.pay"
    assert decided.data.rule == "no luck"


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{merchant: tollgate.getPayment}", "tollgate.getPayment: 'id'"),
        ('{merchant: tollgate.getPayment, path: {id: "${pay.nothing.here}"}}', "${pay.nothing.here} leads nowhere"),
        ('{expect: {body: {id: "${pay.amount[3]}"}}}', "the answer 'pay' has no amount[3]"),
    ],
)
async def test_a_step_that_cannot_be_run_ends_the_story(played: Plays, step: str, told: str) -> None:
    story = await played(f"""
        story:
          - {{merchant: tollgate.createPayment, body: {{amount: 1.00 EUR}}, as: pay}}
          - {step}
          - {{advance: 1h}}
    """)

    assert len(story.exchanges) == 2
    assert told in str(story.failures[0])
    assert str(story.failures[0]).startswith("line 5: ")


async def test_books_that_do_not_add_up_are_noticed_without_being_asked(
    played: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mockpsp.world.world import Ledger

    post = Ledger.post

    def forgetful(self: Ledger, entry: object) -> None:
        if entry.kind != "payment" or self.balance("tollgate/wallet", "EUR").minor != 100_00:  # type: ignore[attr-defined]
            post(self, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(
        "mockpsp.world.world.Ledger", type("Forgetful", (Ledger,), {"post": forgetful, "__slots__": ()})
    )
    story = await played(PAID.replace('status: "${seen.status}"', "calls: 2"))

    assert any(each.path == "balanced.tollgate/till" for each in story.failures)
