"""What is different between two scenarios, for who is about to change one for the other."""

from __future__ import annotations

from typing import Any

import pytest

from mockpsp.app import catalogues
from mockpsp.edge.scenario_text import whole
from mockpsp.scenario.difference import differences
from mockpsp.scenario.library import Library
from mockpsp.scenario.model import Scenario

LIBRARY = Library(catalogues)
REFUSED = {"name": "refused", "operation": "worldline.refund", "then": {"outcome": "refused"}}
UNCERTAIN = {**REFUSED, "then": {"outcome": "uncertain"}, "when": {"amount": "12.00 EUR"}}
LATE = {"name": "late", "event": "worldline.payment.captured", "deliver": {"after": "1h"}}
CARD = {"name": "card", "operation": "worldline.card_payment", "then": {"outcome": "refused"}}


def scenario(**parts: Any) -> Scenario:
    return LIBRARY.from_value(parts)


def told(old: Scenario, new: Scenario) -> list[tuple[str, str, str]]:
    return [(each.sign.value, each.what, each.name) for each in differences(old, new)]


def test_lines_are_compared_by_name() -> None:
    old, new = scenario(rules=[REFUSED]), scenario(rules=[UNCERTAIN], webhooks=[LATE])
    assert told(old, new) == [("changed", "rule", "refused"), ("added", "webhook line", "late")]
    assert told(new, old) == [("changed", "rule", "refused"), ("removed", "webhook line", "late")]


def test_the_order_of_lines_counts_and_their_place_in_the_file_does_not() -> None:
    assert told(scenario(rules=[REFUSED, CARD]), scenario(rules=[CARD, REFUSED])) == [("changed", "order of rules", "")]
    text = "mockpsp: 1\ntitle: x\nfaults:\n  - {name: f, operation: worldline.refund, then: {status: 503}}\n"
    moved = text.replace("faults:", "\n# further down\nfaults:")
    assert told(LIBRARY.parse(text, file="a", name="a"), LIBRARY.parse(moved, file="b", name="b")) == []


def test_settings_worlds_and_shoppers_are_told() -> None:
    shopper = {"at": "worldline.hosted_checkout", "cancels": True}
    wallets = {"worldline": {"wallets": [{"beneficiary": "11111111111", "balance": "5.00 EUR"}]}}
    new = scenario(settings={"worldline": {"minimum_vouchers": "10.00 EUR"}}, world=wallets, shopper=[shopper])
    assert told(scenario(), new) == [
        ("changed", "setting", "worldline.minimum_vouchers"),
        ("added", "world", "worldline.wallets"),
        ("added", "shopper", "1, worldline.hosted_checkout"),
    ]


@pytest.mark.parametrize("name", LIBRARY.names())
def test_a_scenario_written_out_whole_is_the_same_scenario(name: str) -> None:
    read = LIBRARY.load(name)
    again = LIBRARY.parse(whole(read), file="written", name="written")
    assert told(read, again) == []
    assert (again.title, again.seed, again.clock, again.tags) == (read.title, read.seed, read.clock, read.tags)
