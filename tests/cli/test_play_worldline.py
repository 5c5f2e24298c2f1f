"""A whole story of a real provider through ``mockpsp play``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockpsp.cli import cli

STORY = """\
mockpsp: 1
title: Vouchers pay 300, the card complement is refused once, then pays the rest
seed: 7
clock: 2026-07-01T09:00:00+02:00
world:
  worldline:
    wallets: [{beneficiary: "11111111111", balance: 300.00 EUR}]
    cards: [{number: "4111111111111111"}]
rules:
  - name: the first card attempt is refused
    operation: worldline.card_complement
    times: 1
    then: {outcome: refused, reason: insufficient_funds}
story:
  - merchant: worldline.create_hosted_checkout
    as: checkout
    body:
      order:
        amountOfMoney: {amount: 50000, currencyCode: EUR}
        references: {merchantReference: order-1}
      hostedCheckoutSpecificInput: {returnUrl: "http://localhost:3000/back"}
      redirectPaymentMethodSpecificInput:
        paymentProductId: 5412
        requiresApproval: false
        paymentProduct5412SpecificInput: {beneficiaryId: "11111111111"}
    expect: {status: 200, webhooks: [payment.created]}
  - shopper: checkout
    pays:
      - {with: cv_connect, amount: 300.00 EUR}
      - {with: card, number: "4111111111111111"}
      - {with: card, number: "4111111111111111"}
    expect: {webhooks: {contains: [payment.rejected, payment.captured]}}
  - merchant: worldline.get_hosted_checkout
    path: {hostedCheckoutId: "${checkout.hostedCheckoutId}"}
    expect: {status: 200, body: {status: PAYMENT_CREATED}}
  - {advance: 4h}
"""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "complement.yaml"
    path.write_text(STORY, encoding="utf-8")
    return path


def test_the_story_comes_true_and_reads_well(story: Path) -> None:
    ended = CliRunner().invoke(cli, ["play", str(story)])

    assert ended.exit_code == 0, ended.output
    assert "As expected: 2 calls, " in ended.output
    assert "pays with cv_connect 300.00 EUR, then card, then card" in " ".join(ended.output.split())
    assert "the first card attempt is refused" in ended.output
    assert max(map(len, ended.output.splitlines())) <= 100


def test_two_runs_are_the_same_byte_for_byte(story: Path) -> None:
    once, again = (CliRunner().invoke(cli, ["play", str(story), "--format", "json"]) for _ in range(2))

    assert once.exit_code == 0
    assert once.stdout_bytes == again.stdout_bytes
    assert json.loads(once.stdout)["journal"]
