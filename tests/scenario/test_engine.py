"""Which line of the script decides, how often, and what the others say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fake_catalogue import CATALOGUES
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mockpsp.domain.lifecycle import NATURAL, Fact, Question
from mockpsp.domain.money import Money
from mockpsp.scenario.engine import (
    SILENT,
    Asked,
    NearMiss,
    Position,
    Positions,
    Script,
    holds,
    matches_name,
    strike,
)
from mockpsp.scenario.loader import load
from mockpsp.scenario.model import Condition, Op, Rule, Scenario, Trigger


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


FACTS: Mapping[str, Fact] = {"amount": eur(30_00), "brand": "visa", "attempt": 1, "saved": False}


def script(*lines: str) -> Script:
    """A script of rules as a file has them, one line each."""
    text = "mockpsp: 1\ntitle: t\nrules:\n" + "".join(f"  - {{operation: acme.charge, {line}}}\n" for line in lines)
    return Script(load(text, file="f.yaml", name="n", catalogues=CATALOGUES))


def charge(**facts: Fact) -> Question:
    return Question("acme.charge", {**FACTS, **facts})


def answers(asked: Script, questions: int, **facts: Fact) -> list[str | None]:
    """The outcomes of the same question asked again and again, each look committed."""
    positions: dict[str, Position] = {}
    outcomes = []
    for _ in range(questions):
        look = asked.ask(charge(**facts), positions)
        positions.update(look.moved)
        outcomes.append(look.verdict.outcome)
    return outcomes


REFUSED = "then: {outcome: refused}"
APPROVED = "then: {outcome: approved}"


# --- nth, times and order ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        ("", "rrrrrr"),
        ("times: 1, ", "r....."),
        ("times: 2, ", "rr...."),
        ("nth: 1, ", "r....."),
        ("nth: 3, ", "..r..."),
        ("nth: 3, times: 2, ", "..rr.."),
        ("nth: 2, times: 9, ", ".rrrrr"),
    ],
)
def test_when_a_line_strikes(timing: str, expected: str) -> None:
    """``times: 2`` is "fail twice, then pass" in one line."""
    outcomes = answers(script(timing + REFUSED), 6)
    assert "".join("r" if outcome == "refused" else "." for outcome in outcomes) == expected


def test_the_first_line_that_strikes_decides() -> None:
    asked = script("times: 1, " + REFUSED, "times: 2, then: {outcome: pending}", APPROVED)
    assert answers(asked, 5) == ["refused", "pending", "pending", "approved", "approved"]


def test_a_line_counts_only_what_reaches_it() -> None:
    """While an earlier line decides, a later one sees nothing."""
    asked = script("times: 2, " + REFUSED, "nth: 2, then: {outcome: pending}")
    assert answers(asked, 5) == ["refused", "refused", None, "pending", None]


def test_matches_are_counted_not_questions() -> None:
    asked = script("when: {brand: mc}, nth: 2, " + REFUSED)
    positions: dict[str, Position] = {}
    outcomes = []
    for brand in ("mc", "visa", "visa", "mc", "mc"):
        look = asked.ask(charge(brand=brand), positions)
        positions.update(look.moved)
        outcomes.append(look.verdict.outcome)
    assert outcomes == [None, None, None, "refused", None]


def test_the_verdict_carries_all_of_the_line() -> None:
    asked = script("name: broke, then: {outcome: refused, reason: insufficient_funds, code: 51, left: 2.00 EUR}")
    verdict = asked.ask(charge(), {}).verdict
    assert (verdict.outcome, verdict.reason, verdict.rule) == ("refused", "insufficient_funds", "broke")
    assert verdict.details == {"code": "51", "left": eur(2_00)}


# --- positions -------------------------------------------------------------------------------------------------------


def test_a_look_moves_nothing_but_what_it_returns() -> None:
    """The caller commits ``moved`` or does not: a refused request uses no rule up."""
    asked = script("name: a, times: 1, " + REFUSED)
    positions: Positions = {}
    first = asked.ask(charge(), positions)
    assert asked.ask(charge(), positions) == first
    assert positions == {}
    assert first.moved == {"rule:a": Position(seen=1, used=1)}


def test_only_lines_that_matched_move() -> None:
    asked = script(
        "name: other brand, when: {brand: mc}, times: 1, " + REFUSED,
        "name: used up, times: 1, " + REFUSED,
        "name: not yet, nth: 5, " + REFUSED,
        "name: now, times: 3, " + APPROVED,
    )
    positions = {"rule:used up": Position(1, 1), "rule:not yet": Position(1, 0), "rule:now": Position(4, 2)}
    look = asked.ask(charge(), positions)
    assert look.verdict.rule == "now"
    assert look.moved == {"rule:not yet": Position(2, 0), "rule:now": Position(5, 3)}


def test_a_line_that_waits_moves_even_if_nobody_answers() -> None:
    look = script("name: a, nth: 2, " + REFUSED).ask(charge(), {})
    assert (look.verdict, look.moved) == (NATURAL, {"rule:a": Position(1, 0)})


# --- near misses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("when: {brand: mc}", "brand is visa, wanted is mc"),
        ("when: {brand: [mc, amex]}", "brand is visa, wanted one of mc or amex"),
        ("when: {brand: {is_not: visa}}", "brand is visa, wanted is not visa"),
        ("when: {brand: {matches: 'm.*'}}", "brand is visa, wanted matches m.*"),
        ("when: {amount: {at_least: 500.00 EUR}}", "amount is 30.00 EUR, wanted at least 500.00 EUR"),
        ("when: {amount: {at_most: 5.00 USD}}", "amount is 30.00 EUR, wanted at most 5.00 USD"),
        ("when: {attempt: {above: 1}}", "attempt is 1, wanted above 1"),
        ("when: {attempt: {below: 1}}", "attempt is 1, wanted below 1"),
        ("when: {saved: true}", "saved is false, wanted is true"),
        ("when: {saved: null}", "saved is false, wanted is nothing"),
        ("when: {brand: visa, attempt: 2}", "attempt is 1, wanted is 2"),
        ("nth: 3", "match 1, strikes at number 3"),
    ],
)
def test_a_near_miss_names_the_field_and_both_values(line: str, why: str) -> None:
    assert script(f"name: a, {line}, {REFUSED}").ask(charge(), {}).nearly == (NearMiss("rule:a", why),)


def test_a_near_miss_says_that_a_line_is_used_up() -> None:
    look = script("name: a, times: 2, " + REFUSED).ask(charge(), {"rule:a": Position(2, 2)})
    assert look == Asked(NATURAL, {}, (NearMiss("rule:a", "used up (2 of 2)"),))


def test_a_fact_that_is_missing_is_nothing() -> None:
    look = script(f"name: a, when: {{brand: visa}}, {REFUSED}").ask(Question("acme.charge", {}), {})
    assert look.nearly == (NearMiss("rule:a", "brand is nothing, wanted is visa"),)


def test_near_misses_stop_at_the_line_that_strikes() -> None:
    asked = script(
        f"name: a, when: {{brand: mc}}, {REFUSED}",
        f"name: b, when: {{brand: visa}}, {APPROVED}",
        f"name: c, when: {{brand: amex}}, {REFUSED}",
    )
    assert [miss.line for miss in asked.ask(charge(), {}).nearly] == ["rule:a"]


# --- conditions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "value", "fact", "expected"),
    [
        (Op.IS, eur(5), eur(5), True),
        (Op.IS, eur(5), Money(5, "USD"), False),
        (Op.IS, None, None, True),
        (Op.IS_NOT, "a", None, True),
        (Op.ONE_OF, ("a", "b"), "b", True),
        (Op.ONE_OF, ("a", "b"), "c", False),
        (Op.MATCHES, "v.*", "visa", True),
        (Op.MATCHES, "v", "visa", False),
        (Op.MATCHES, "1", 1, False),
        (Op.AT_LEAST, eur(5), eur(5), True),
        (Op.AT_LEAST, eur(5), eur(4), False),
        (Op.AT_LEAST, eur(5), Money(9, "USD"), False),
        (Op.AT_LEAST, eur(5), 9, False),
        (Op.AT_LEAST, 5, eur(9), False),
        (Op.AT_LEAST, 5, None, False),
        (Op.AT_LEAST, 5, "9", False),
        (Op.AT_MOST, 5, 5, True),
        (Op.AT_MOST, 5, 6, False),
        (Op.ABOVE, 5, 5, False),
        (Op.ABOVE, 5, 6, True),
        (Op.BELOW, eur(5), eur(5), False),
        (Op.BELOW, eur(5), eur(4), True),
    ],
)
def test_holds(op: Op, value: Any, fact: Fact, expected: bool) -> None:
    assert holds(Condition("x", op, value), fact) is expected


@given(st.integers(), st.integers())
def test_comparisons_come_in_pairs(fact: int, value: int) -> None:
    """For amounts of one currency, as for numbers, exactly one of each pair holds."""
    for wrap in (int, eur):
        one = {op: holds(Condition("x", op, wrap(value)), wrap(fact)) for op in Op if op is not Op.ONE_OF}
        assert one[Op.AT_LEAST] != one[Op.BELOW]
        assert one[Op.AT_MOST] != one[Op.ABOVE]
        assert one[Op.IS] != one[Op.IS_NOT]
        assert one[Op.IS] == (one[Op.AT_LEAST] and one[Op.AT_MOST])


# --- lines by name ---------------------------------------------------------------------------------------------------


class Guarded(tuple[Rule, ...]):
    """Rules that nobody may walk through."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Rule]:
        raise AssertionError("somebody looks at rules of another operation")


def a_rule(number: int, operation: str) -> Rule:
    return Rule(key=f"rule:{number}", name=str(number), operation=operation, trigger=Trigger(), outcome="refused")


def test_rules_of_other_operations_cost_nothing() -> None:
    """After the script is made, a question meets the rules of its own operation and no others."""
    others = tuple(a_rule(number, f"acme.other{number % 10}") for number in range(1000))
    mine = a_rule(1000, "acme.charge")
    asked = Script(Scenario(name="n", title="t", rules=(*others, mine)))
    asked.scenario = replace(asked.scenario, rules=Guarded(others))
    look = asked.ask(charge(), {})
    assert (look.verdict.rule, look.nearly, set(look.moved)) == ("1000", (), {"rule:1000"})


def test_without_a_rule_nothing_is_built() -> None:
    assert Script(Scenario(name="n", title="t")).ask(charge(), {}) is SILENT


def test_faults_and_deliveries_are_found_by_pattern_once() -> None:
    text = (
        "mockpsp: 1\ntitle: t\n"
        "faults:\n"
        "  - {name: exact, operation: acme.refund, times: 1, then: {status: 500}}\n"
        '  - {name: all, operation: "acme.*", then: {latency: 1s}}\n'
        "webhooks:\n"
        '  - {name: payments, event: "*.payment.*", deliver: {copies: 2}}\n'
        "shopper:\n"
        "  - {at: acme.checkout, cancels: true}\n"
    )
    asked = Script(load(text, file="f", name="n", catalogues=CATALOGUES))
    assert [fault.name for fault in asked.faults("acme.refund")] == ["exact", "all"]
    assert [fault.name for fault in asked.faults("acme.capture")] == ["all"]
    assert asked.faults("acme.refund") is asked.faults("acme.refund")
    assert [line.name for line in asked.deliveries("acme.payment.captured")] == ["payments"]
    assert asked.deliveries("acme.checkout.expired") is asked.deliveries("acme.checkout.expired")
    assert list(asked.deliveries("acme.checkout.expired")) == []
    assert [shopper.key for shopper in asked.shoppers("acme.checkout") or ()] == ["shopper[0]"]
    assert asked.shoppers("acme.terminal") is None


def test_strike_serves_every_kind_of_line() -> None:
    text = 'mockpsp: 1\ntitle: t\nfaults: [{name: a, operation: "acme.*", nth: 2, then: {drop: before_effect}}]'
    faults = Script(load(text, file="f", name="n", catalogues=CATALOGUES)).faults("acme.refund")
    struck = strike(faults, {}, {})
    assert (struck.line, struck.moved, len(struck.missed)) == (None, {"fault:a": Position(1, 0)}, 1)
    struck = strike(faults, {}, struck.moved)
    assert (struck.line, struck.moved, struck.missed) == (faults.lines[0], {"fault:a": Position(2, 1)}, {})


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("acme.refund", "acme.refund", True),
        ("acme.refund", "acme.Refund", False),
        ("acme.*", "acme.payment.captured", True),
        ("*.captured", "acme.payment.captured", True),
        ("*", "acme.refund", True),
        ("acme.?efund", "acme.refund", False),
        ("bolt.*", "acme.refund", False),
    ],
)
def test_matches_name(pattern: str, name: str, expected: bool) -> None:
    assert matches_name(pattern, name) is expected
