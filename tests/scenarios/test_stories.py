"""The shipped scenarios: what each story expects can fail. That it comes true, always alike, tests/golden shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from msgspec.structs import replace

import mockpsp.scenario
from mockpsp.domain.money import BadMoney, Money
from mockpsp.scenario.problems import Problems
from mockpsp.scenario.yaml_nodes import plain, read_text
from mockpsp.testing.player import play
from tests.support.stories import LIBRARY, NAMES, STORIES, scenario

MODELINE = "# yaml-language-server: $schema={}mockpsp/scenario/schema.json"

WORLDLINE_IDEAS = """
    vouchers-pay-all split-with-card first-card-attempt-refused-then-paid shopper-lowers-the-voucher-amount
    fixed-amount-covered fixed-amount-not-covered card-only-on-the-hosted-page
    cancelled-by-the-shopper abandoned-until-expiry refused-beneficiary beneficiary-declines-in-the-app
    beneficiary-never-answers attempts-used-up answer-pending-then-accepted
    authorised-then-captured-partly authorised-then-cancelled capture-refused-later
    refund-card-share-then-voucher-share refund-after-four-hours refund-refused-later
    complement-abandoned-vouchers-given-back complement-abandoned-vouchers-kept partial-webhook-trap
    webhook-late webhook-twice webhooks-out-of-order webhook-dropped webhook-wrongly-signed
    endpoint-down-for-a-day endpoint-fails-three-times timeout-after-the-effect platform-unavailable-once
    server-to-server-confirmed-in-the-app server-to-server-qr-code server-to-server-redirect server-to-server-refused
""".split()

ADYEN_IDEAS = """
    full-voucher voucher-then-card two-vouchers-and-a-card gift-card-then-card ceiling-reached-and-free-the-next-day
    voucher-refused-then-card voucher-not-enough-balance result-error result-cancelled pending-then-authorised
    order-cancelled order-cancelled-before-the-captures order-expired-between-legs first-order-data-stays-valid
    three-ds-on-the-card-leg-passed three-ds-on-the-card-leg-failed three-ds-on-the-card-leg-abandoned native-three-ds
    manual-capture-of-a-voucher partial-capture-of-a-card capture-failed-later amount-update
    authorisation-never-captured closed-on-sundays
    refund-of-the-card-leg voucher-refund-refused refund-failed-later reversal cancel-by-own-reference
    webhook-queue-blocked-and-drained webhook-given-up-after-thirty-days duplicated-authorisation-before-the-response
    webhooks-lost webhooks-late webhooks-reordered webhooks-wrongly-signed
    payment-link-paid-by-voucher-and-card payment-link-expired-half-paid session-paid session-cancelled-by-the-shopper
    idempotency-key-repeated time-out-after-the-effect throttled-once
""".split()

LYRA_IDEAS = """
    larger-sum-wins-the-meal-cards meal-card-holiday-vouchers-and-card meal-card-spread-over-three-items
    two-sellers-win-one-type-each equal-sums-decided-by-contract-number daily-ceiling-shared-by-two-orders
    complement-refused-vouchers-given-back meal-card-too-small-to-offer wallet-refused-then-another closed-on-sundays
    held-item-released commission-as-an-item commission-inside-an-item minimum-commission-missed
    commission-settled-before-the-validation installments-month-by-month installments-on-chosen-dates installment-fails
    pending-order-lowered-not-refunded refund-succeeds refund-failed-balance-too-low refund-lowered-then-cancelled
    voucher-share-refunded cashout-less-a-refund cashout-sent-back-by-the-bank
    page-abandoned page-cancelled second-attempt-on-the-page embedded-form-outlived persistent-link
    browser-back-before-the-notification capture-delayed-then-moved capture-failed-later
    webhook-endpoint-down-then-up webhook-answered-500 webhooks-late-and-twice webhook-target-set-by-the-shop
    validated-in-time validation-expired cancelled-before-execution-not-while-paying cancelled-before-the-capture
    stored-card-paid-without-the-buyer card-stored-then-paid-with-one-click card-registered-without-a-payment
    seller-registered-then-sells registration-refused-in-store-contract
    access-token-expired expand-forgotten answer-lost-after-the-order-was-made
""".split()

WORDS = """
    worldline/throttled-then-free-again worldline/latency-with-a-long-tail worldline/slow-body
    worldline/malformed-answer
    worldline/answer-cut-in-half-after-the-payment worldline/webhook-before-the-answer
    worldline/webhook-signed-with-a-replaced-key worldline/first-payment-of-each-order-refused
    worldline/refund-window-at-four-hours worldline/family-campsite worldline/family-campsite-card-refused
    worldline/family-campsite-two-mishaps adyen/throttled-per-order adyen/answer-cut-in-half-after-the-payment
    adyen/malformed-answer adyen/webhook-before-the-answer adyen/webhook-signed-with-a-replaced-key
    adyen/platform-down-for-an-hour lyra/throttled-then-free-again lyra/answer-cut-in-half-after-the-order
    lyra/malformed-answer lyra/slow-body lyra/first-card-of-each-order-refused
""".split()

IDEAS = [
    *(f"worldline/{idea}" for idea in WORLDLINE_IDEAS),
    *(f"adyen/{idea}" for idea in ADYEN_IDEAS),
    *(f"lyra/{idea}" for idea in LYRA_IDEAS),
    *WORDS,
]


@pytest.mark.parametrize("name", STORIES)
async def test_every_line_that_expects_something_can_fail(name: str) -> None:
    right = scenario(name)
    wrong = replace(
        right,
        story=tuple(replace(step, expect=broken(step.expect)) for step in right.story),
        expect=broken(right.expect),
    )
    expecting = {step.line for step in right.story if step.expect} | ({0} if right.expect else set())

    played = await play(wrong)

    assert expecting
    assert {failure.line for failure in played.failures} >= expecting


def broken(expected: Any) -> Any:
    """The same expectation with every value in it wrong."""
    match expected:
        case {"absent": bool(absent)}:
            return {"absent": not absent}
        case Mapping():
            return {key: broken(each) for key, each in expected.items()}
        case []:
            return ["something"]
        case list():
            return [broken(each) for each in expected]
        case int():
            return expected + 1 if not isinstance(expected, bool) else not expected
        case _:
            return _other_text(str(expected))


def _other_text(text: str) -> str:
    try:
        amount = Money.parse(text)
    except BadMoney:
        return f"{text} not"
    return str(Money(amount.minor + 1, amount.currency))


@pytest.mark.parametrize("idea", IDEAS)
def test_each_idea_has_a_file(idea: str) -> None:
    assert idea in NAMES


@pytest.mark.parametrize("name", STORIES)
def test_every_shipped_scenario_but_the_default_tells_a_story(name: str) -> None:
    read = scenario(name)

    assert read.story
    assert read.tags
    assert not read.title.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_an_editor_finds_the_grammar_and_agrees(name: str) -> None:
    text = LIBRARY.path(name).read_text(encoding="utf-8")
    root = read_text(text, Problems(name))
    grammar = Path(mockpsp.scenario.__file__).with_name("schema.json").read_text(encoding="utf-8")

    assert text.startswith(MODELINE.format("../" * (name.count("/") + 1)) + "\n")
    assert root is not None
    assert [str(error) for error in jsonschema_rs.validator_for(grammar).iter_errors(plain(root))] == []
