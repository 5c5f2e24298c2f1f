"""Each verdict on a run with the mistake and on one without it."""

from __future__ import annotations

import pytest

from mockpsp.judge import verdicts, wrongs
from mockpsp.judge.model import Severity
from mockpsp.judge.observed import Saw
from mockpsp.judge.trade import TRADES
from tests.judge.runs import Story, found, names

PAID = {"state": "paid", "paid": 4350, "total": 4350, "shipments": 1}
WAITING = {"state": "waiting", "paid": 0, "total": 4350, "shipments": 0}
ENDED = {"state": "ended", "shipments": 0}
CAPTURES, REFUNDS = TRADES["adyen"].captures, TRADES["adyen"].refunds


# -- webhooks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, []), (202, []), (404, ["refused-genuine-webhook"]), (302, ["refused-genuine-webhook"])],
)
def test_a_genuine_webhook_has_to_be_accepted(status: int, expected: list[str]) -> None:
    assert names(verdicts.refused_genuine, Story().webhook(status=status).run()) == expected


def test_one_with_a_wrong_signature_may_be_refused() -> None:
    assert names(verdicts.refused_genuine, Story().webhook(status=401, signature="wrong").run()) == []


def test_nobody_listening_is_no_refusal() -> None:
    story = Story().webhook(status=None, error="Cannot connect to host")
    assert names(verdicts.refused_genuine, story.run()) == []
    assert names(verdicts.answered_in_time, story.run()) == []


def test_an_answer_after_the_provider_has_hung_up() -> None:
    story = Story().webhook(status=None, error="no answer within 10 seconds")
    [finding] = found(verdicts.answered_in_time, story.run())
    assert finding.name == "answered-too-late"
    assert "no answer within 10 seconds" in finding.evidence[0].told
    assert finding.evidence[0].entries


def test_a_forged_webhook_that_is_answered_like_a_genuine_one_is_a_weak_sign() -> None:
    check = verdicts.answered_as_if_genuine(wrongs.ACCEPTED_FORGED)
    [finding] = found(check, Story().webhook(status=200, signature="wrong").run())
    assert finding.severity is Severity.NOTE
    assert names(check, Story().webhook(status=401, signature="wrong").run()) == []


# -- the order's end ---------------------------------------------------------------------------------------------------


def test_a_paid_order_of_which_the_merchant_knows() -> None:
    assert names(verdicts.completes, Story().paid().run(said=[PAID])) == []
    assert names(verdicts.completes, Story().paid().run()) == []


def test_a_paid_order_that_the_merchant_never_asked_about() -> None:
    assert names(verdicts.completes, Story().paid().run(code=1, said=[WAITING])) == ["never-read-the-order"]
    assert names(verdicts.completes, Story().paid().run(code=1)) == ["never-read-the-order"]


def test_a_paid_order_that_was_read_and_not_understood() -> None:
    story = Story().paid()
    story.call("get_payment_link")
    assert names(verdicts.completes, story.run(code=1)) == ["lost-order"]


def test_a_purchase_that_never_came_about() -> None:
    [finding] = found(verdicts.completes, Story().run(code=1))
    assert (finding.name, finding.severity) == ("went-wrong", Severity.HIGH)


def test_a_command_that_fails_for_something_else_is_only_a_note() -> None:
    [finding] = found(verdicts.completes, Story().paid().run(code=1, said=[PAID]))
    assert (finding.name, finding.severity) == ("went-wrong", Severity.NOTE)


def test_two_shipments() -> None:
    run = Story().paid().webhook().webhook().run(said=[{**PAID, "shipments": 2}])
    [finding] = found(verdicts.shipped_once, run)
    assert finding.name == "shipped-twice"
    assert "shipments 2" in finding.evidence[0].told


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(("k", "k"), []), (("k", "l"), ["captured-twice"]), (("", ""), ["captured-twice"]), (("k",), [])],
)
def test_captures_of_the_same_payment(keys: tuple[str, ...], expected: list[str]) -> None:
    story, plain = Story(), Story()
    plain.call("capture", target="/payments/A/captures", key="p")
    for key in keys:
        story.call("capture", target="/payments/A/captures", key=key)
    story.call("capture", target="/payments/B/captures", key="m")
    assert names(verdicts.captured_once, story.run(), plain.run()) == expected


def test_pages_are_no_captures() -> None:
    story = Story("lyra")
    story.call("page")
    story.call("page")
    assert names(verdicts.captured_once, story.run(), provider="lyra") == []


def test_an_event_that_undoes_a_paid_order() -> None:
    assert names(verdicts.stays_paid, Story().paid().run(said=[WAITING])) == ["undone-by-old-event"]
    assert names(verdicts.stays_paid, Story().paid().run(said=[PAID])) == []
    assert names(verdicts.stays_paid, Story().run(said=[WAITING])) == []


def test_news_that_are_late_are_still_news() -> None:
    assert names(verdicts.learns_late, Story().paid().run(said=[WAITING])) == ["lost-order"]
    assert names(verdicts.learns_late, Story().paid().run(said=[PAID])) == []


def test_an_id_is_a_reason_to_ask() -> None:
    story = Story("lyra").webhook("order")
    assert names(verdicts.reads_afterwards, story.run(), provider="lyra") == ["never-read-the-order"]
    story.call("get_order")
    assert names(verdicts.reads_afterwards, story.run(), provider="lyra") == []


# -- orders that nobody has paid ---------------------------------------------------------------------------------------

BELIEVED = verdicts.unpaid_means(wrongs.ACCEPTED_FORGED)


def test_an_unpaid_order_that_the_merchant_takes_as_paid() -> None:
    [finding] = found(BELIEVED, Story().webhook(rule="probe").run(code=1, said=[PAID]))
    assert finding.name == "accepted-forged-webhook"
    assert [bool(each.entries) for each in finding.evidence] == [False, True]


def test_an_unpaid_order_that_it_does_not() -> None:
    assert names(BELIEVED, Story().run(code=1, said=[WAITING])) == []
    assert names(BELIEVED, Story().run(code=0, said=[WAITING])) == [], "facts go before the exit code"


def test_without_facts_the_command_tells() -> None:
    assert names(BELIEVED, Story().run(code=0)) == ["accepted-forged-webhook"]
    assert names(BELIEVED, Story().run(code=1)) == []


def test_a_capture_of_what_was_refused() -> None:
    story = Story()
    story.fact("Refused", payment="PSP1")
    story.call("capture", target="/v72/payments/PSP2/captures")
    assert names(BELIEVED, story.run(code=1)) == []
    story.call("capture", target="/v72/payments/PSP1/captures")
    assert names(BELIEVED, story.run(code=1)) == ["accepted-forged-webhook"]


def test_where_it_was_paid_all_the_same_nothing_is_said() -> None:
    assert names(BELIEVED, Story().paid().run(said=[PAID])) == []


def test_a_single_payment_at_adyen_counts_as_paid() -> None:
    story = Story()
    story.fact("PaymentStarted", payment="P", order="")
    story.fact("Authorised", payment="P")
    assert story.run().paid("adyen")
    part = Story()
    part.fact("PaymentStarted", payment="P", order="O")
    part.fact("Authorised", payment="P")
    assert not part.run().paid("adyen")


def test_a_voucher_that_never_comes_back() -> None:
    assert names(verdicts.gave_back, Story().holds(2500).run(code=1)) == ["kept-voucher"]
    assert names(verdicts.gave_back, Story().holds(2500).holds(-2500).run(code=1)) == []
    assert names(verdicts.gave_back, Story().holds(2500).paid().run()) == []


def test_a_voucher_that_is_still_held_when_the_merchant_takes_the_order_as_over() -> None:
    story = Story().holds(2500)
    ended = len(story.entries)
    story.holds(-2500)
    assert names(verdicts.gave_back, story.run(then=[ENDED], ended=ended)) == ["kept-voucher"]
    assert names(verdicts.gave_back, story.run(then=[WAITING], ended=ended)) == []


# -- calls without an answer -------------------------------------------------------------------------------------------

CAPTURED = verdicts.repeated_safely(CAPTURES)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("k", "k", []), ("k", "l", ["charged-again"]), ("", "", ["charged-again"]), ("k", "", ["charged-again"])],
)
def test_how_a_call_is_repeated(first: str, second: str, expected: list[str]) -> None:
    story = Story()
    story.cut("capture", target="/payments/A/captures", key=first)
    story.call("capture", target="/payments/A/captures", key=second)
    assert names(CAPTURED, story.run()) == expected


def test_another_payment_is_no_repetition() -> None:
    story = Story()
    story.cut("capture", target="/payments/A/captures", key="k")
    story.call("capture", target="/payments/B/captures", key="l")
    assert names(CAPTURED, story.run()) == ["never-looked-again"]


def test_a_call_without_a_key_that_is_not_repeated() -> None:
    story = Story()
    story.cut("capture", target="/payments/A/captures")
    assert [(each.name, each.severity) for each in found(CAPTURED, story.run())] == [
        ("no-idempotency-key", Severity.NOTE)
    ]


def test_who_looks_has_not_given_up() -> None:
    story = Story()
    story.cut("create_payment_link", key="k")
    story.call("get_payment_link")
    assert names(verdicts.repeated_safely(TRADES["adyen"].makes), story.run()) == []


def test_at_lyra_one_looks_before_one_makes_it_again() -> None:
    check = verdicts.repeated_safely(TRADES["lyra"].makes)
    story = Story("lyra")
    story.cut("create_order", body={"reference": "O-1"})
    story.call("list_orders")
    story.call("create_order", body={"reference": "O-1"})
    assert names(check, story.run(), provider="lyra") == []
    blind = Story("lyra")
    blind.cut("create_order", body={"reference": "O-1"})
    blind.call("create_order", body={"reference": "O-1"})
    assert names(check, blind.run(), provider="lyra") == ["made-again-without-looking"]


def test_more_money_goes_back_than_plainly() -> None:
    def run(*amounts: str) -> Story:
        story = Story()
        for amount in amounts:
            story.call("refund")
            story.fact("Refunded", amount=amount)
        return story

    assert names(verdicts.refunded_once, run("18.50 EUR", "18.50 EUR").run(), run("18.50 EUR").run()) == [
        "refunded-twice"
    ]
    assert names(verdicts.refunded_once, run("18.50 EUR").run(), run("18.50 EUR").run()) == []


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        ([("k", 1000), ("k", 1000)], []),
        ([("k", 1000), ("l", 850)], []),
        ([("k", 1000), ("l", 1000)], ["refunded-more-than-captured"]),
        ([("", 1000), ("", 1000)], ["refunded-more-than-captured"]),
    ],
)
def test_more_is_asked_back_than_was_paid(refunds: list[tuple[str, int]], expected: list[str]) -> None:
    story = Story()
    story.call("create_payment_link", body={"reference": "O-1", "amount": {"value": 1850}})
    for key, value in refunds:
        story.call("refund", target="/payments/A/refunds", key=key, body={"amount": {"value": value}})
    assert names(verdicts.asked_too_much, story.run()) == expected


@pytest.mark.parametrize(("after", "expected"), [(0.2, ["ignored-retry-after"]), (3.1, [])])
def test_coming_back_too_early(after: float, expected: list[str]) -> None:
    story = Story()
    story.call("create_payment_link", status=429)
    story.wait(after).call("create_payment_link")
    assert names(verdicts.waited(3), story.run()) == expected


def test_a_refund_that_never_came_is_not_one() -> None:
    story = Story()
    story.call("refund")
    assert names(verdicts.believed_refund, story.run(said=[{**PAID, "refunded": 1850}])) == ["believed-refund-request"]
    assert names(verdicts.believed_refund, story.run(said=[{**PAID, "refunded": 0}])) == []
    story.fact("Refunded", amount="18.50 EUR")
    assert names(verdicts.believed_refund, story.run(said=[{**PAID, "refunded": 1850}])) == []


# -- the return to the shop --------------------------------------------------------------------------------------------


def seen(*answers: tuple[int, str]) -> list[Saw]:
    return [
        Saw(url="http://shop/return", how="opened", status=status, location=location) for status, location in answers
    ]


def test_a_made_up_proof_has_to_be_noticed() -> None:
    same = Story().run(saw=seen((303, "/orders/1"), (303, "/orders/1")))
    assert names(verdicts.noticed_tampering, same) == ["ignored-return-proof"]
    for other in ((400, ""), (303, "/problem")):
        assert names(verdicts.noticed_tampering, Story().run(saw=seen(other, (303, "/orders/1")))) == []


def test_a_return_address_that_breaks() -> None:
    assert names(verdicts.opened, Story().run(saw=seen((500, "")))) == ["went-wrong"]
    assert names(verdicts.opened, Story().run(saw=seen((404, "")))) == []


def test_the_users_own_check() -> None:
    plain = Story().run(checked=0)
    assert names(verdicts.said_by_check, Story().run(checked=1), plain) == ["went-wrong"]
    assert names(verdicts.said_by_check, Story().run(checked=0), plain) == []
    assert names(verdicts.said_by_check, Story().run(checked=1), Story().run(checked=1)) == [], "it always says so"
