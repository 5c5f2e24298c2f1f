"""Counting per value of a fact, striking for a time, throttling, spread latency, and lines filed by their wishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import pytest
from fake_catalogue import CATALOGUES
from hypothesis import given, settings
from hypothesis import strategies as st

from mockpsp.domain.lifecycle import Fact, Question
from mockpsp.domain.money import Money
from mockpsp.scenario.engine import (
    FEW,
    HANDFUL,
    MAX_LATENCY,
    NearMiss,
    Position,
    Script,
    Shelf,
    counter,
    sample,
    strike,
    wait_for,
)
from mockpsp.scenario.loader import load
from mockpsp.scenario.model import Condition, FaultRule, Op, Rule, Spread, Throttle, Trigger

SECOND = timedelta(seconds=1)


def script(*lines: str, kind: str = "rules") -> Script:
    text = f"mockpsp: 1\ntitle: t\n{kind}:\n" + "".join(f"  - {{{line}}}\n" for line in lines)
    return Script(load(text, file="f.yaml", name="n", catalogues=CATALOGUES))


def run(asked: Script, questions: Iterable[tuple[float, Mapping[str, Fact]]]) -> str:
    """The first letters of the outcomes of questions at these seconds, each look committed."""
    positions: dict[str, Position] = {}
    told = ""
    for at, facts in questions:
        look = asked.ask(Question("acme.charge", facts), positions, at * SECOND)
        positions.update(look.moved)
        told += (look.verdict.outcome or ".")[0]
    return told


# -- per -----------------------------------------------------------------------------------------------------------


def test_each_value_of_a_fact_is_counted_for_itself() -> None:
    asked = script("operation: acme.charge, per: brand, times: 1, then: {outcome: refused}")
    brands = ["visa", "visa", "mc", "visa", "mc", None, None, "nothing"]
    assert run(asked, [(0, {"brand": brand}) for brand in brands]) == "r.r..r.r"


def test_amounts_are_values_like_others() -> None:
    asked = script("operation: acme.charge, per: amount, nth: 2, then: {outcome: refused}")
    amounts = [Money(1, "EUR"), Money(1, "USD"), Money(1, "EUR"), Money(1, "USD")]
    assert run(asked, [(0, {"amount": amount}) for amount in amounts]) == "..rr"


def test_no_name_of_a_line_is_the_counter_of_another_ones_value() -> None:
    asked = script(
        "name: a, operation: acme.charge, per: brand, times: 1, then: {outcome: refused}",
        "name: a/b, operation: acme.charge, times: 1, then: {outcome: pending}",
    )
    assert run(asked, [(0, {"brand": "b"})] * 3) == "rp."
    assert len({counter("a", "b:c"), counter("a:b", "c"), counter("a", None), counter("a", "")}) == 4


# -- from and until ------------------------------------------------------------------------------------------------


def test_a_line_strikes_for_a_time_only() -> None:
    asked = script("operation: acme.charge, from: 10s, until: 20s, then: {outcome: refused}")
    assert run(asked, [(at, {}) for at in (0, 9.999, 10, 19.999, 20, 30)]) == "..rr.."


def test_a_line_without_a_time_strikes_after_the_clock_was_put_back() -> None:
    asked = script("operation: acme.charge, then: {outcome: refused}")
    assert run(asked, [(-3600, {})]) == "r"


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (-5, "strikes from PT10S on, PT0S have passed"),
        (5, "strikes from PT10S on, PT5S have passed"),
        (25, "struck until PT20S, PT25S have passed"),
    ],
)
def test_a_near_miss_tells_the_time(at: int, why: str) -> None:
    asked = script("name: a, operation: acme.charge, from: 10s, until: 20s, then: {outcome: refused}")
    assert asked.ask(Question("acme.charge", {}), {}, at * SECOND).nearly == (NearMiss("rule:a", why),)


def test_too_early_a_match_is_not_counted() -> None:
    asked = script("operation: acme.charge, from: 10s, nth: 2, then: {outcome: refused}")
    assert run(asked, [(0, {}), (1, {}), (10, {}), (11, {})]) == "...r"


# -- throttling ----------------------------------------------------------------------------------------------------


def throttled(trigger: Trigger, calls: Sequence[tuple[float, str]]) -> str:
    """``x`` where the third and later calls within ten seconds are caught."""
    rule = FaultRule(key="f", name="f", operation="a", trigger=trigger, throttle=Throttle(2, 10 * SECOND), status=429)
    shelf, positions, told = Shelf([rule]), dict[str, Position](), ""
    for at, reference in calls:
        struck = strike(shelf, {"reference": reference}, positions, at * SECOND)
        positions.update(struck.moved)
        told += "." if struck.line is None else "x"
    return told


def test_calls_beyond_the_limit_are_caught_until_the_span_is_over() -> None:
    assert throttled(Trigger(), [(at, "") for at in (0, 1, 2, 9.9, 10, 11, 12, 30, 30, 30)]) == "..xx..x..x"


def test_a_throttle_may_count_for_each_value_of_a_fact() -> None:
    assert throttled(Trigger(per="reference"), [(0, name) for name in "aabaabbb"]) == "...xx.xx"


def test_a_throttle_may_catch_only_so_many() -> None:
    assert throttled(Trigger(times=1), [(0, "")] * 5) == "..x.."


def test_a_clock_that_is_put_back_begins_a_new_span() -> None:
    assert throttled(Trigger(), [(100, ""), (100, ""), (100, ""), (50, "")]) == "..x."


def test_a_throttled_caller_hears_how_long_the_span_still_lasts() -> None:
    moved = [Position(1, 1), Position(3, 1, since=4.0, calls=3)]
    assert wait_for(Throttle(2, 10 * SECOND), moved, 11 * SECOND) == 3 * SECOND


# -- latency -------------------------------------------------------------------------------------------------------

FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(FRACTIONS)
def test_an_even_spread_stays_between_its_ends(fraction: float) -> None:
    assert SECOND <= sample(Spread(SECOND, 3 * SECOND), fraction) <= 3 * SECOND


def test_a_tail_has_the_median_and_the_99th_percentile_that_it_names() -> None:
    tail = Spread(SECOND / 10, 2 * SECOND, tail=True)
    assert sample(tail, 0.5) == SECOND / 10
    assert abs(sample(tail, 0.99) - 2 * SECOND) < SECOND / 1000


@given(FRACTIONS, FRACTIONS)
def test_a_tail_grows_with_the_fraction_and_has_an_end(one: float, other: float) -> None:
    tail = Spread(SECOND, 30 * SECOND, tail=True)
    low, high = sorted((one, other))
    assert timedelta(0) < sample(tail, low) <= sample(tail, high) <= MAX_LATENCY


# -- many lines ----------------------------------------------------------------------------------------------------

VALUES = st.sampled_from(["a", "b", "c", None])
FACTS = st.fixed_dictionaries({}, optional={"x": VALUES, "y": VALUES, "z": st.integers(0, 2)})
CONDITIONS = st.one_of(
    st.builds(Condition, st.sampled_from("xy"), st.sampled_from([Op.IS, Op.IS_NOT]), VALUES),
    st.builds(Condition, st.sampled_from("xy"), st.just(Op.ONE_OF), st.lists(VALUES, min_size=1).map(tuple)),
    st.builds(Condition, st.just("z"), st.sampled_from([Op.IS, Op.AT_LEAST, Op.BELOW]), st.integers(0, 2)),
)
TRIGGERS = st.builds(
    Trigger,
    when=st.lists(CONDITIONS, max_size=3).map(tuple),
    nth=st.none() | st.integers(1, 3),
    times=st.none() | st.integers(1, 2),
    per=st.sampled_from([None, None, "x", "z"]),
    start=st.sampled_from([timedelta(0), 5 * SECOND]),
    until=st.sampled_from([None, None, 15 * SECOND]),
)


def plainly(
    lines: Sequence[Rule], facts: Mapping[str, Fact], positions: Mapping[str, Position], elapsed: timedelta
) -> tuple[Rule | None, dict[str, Position]]:
    """One line after the other, each on a shelf of its own, where nothing is filed."""
    moved: dict[str, Position] = {}
    for line in lines:
        struck = strike(Shelf([line]), facts, positions, elapsed)
        moved.update(struck.moved)
        if struck.line is not None:
            return line, moved
    return None, moved


@settings(deadline=None)
@given(
    st.lists(TRIGGERS, min_size=FEW + 1, max_size=3 * FEW),
    st.lists(st.tuples(FACTS, st.integers(0, 20)), min_size=1, max_size=8),
)
def test_filed_lines_strike_like_lines_that_are_walked(
    triggers: list[Trigger], calls: list[tuple[dict[str, Fact], int]]
) -> None:
    lines = [
        Rule(key=f"{number}", name="", operation="o", trigger=trigger, outcome="")
        for number, trigger in enumerate(triggers)
    ]
    shelf, positions = Shelf(lines), dict[str, Position]()
    for facts, at in calls:
        struck = strike(shelf, facts, positions, at * SECOND)
        assert (struck.line, struck.moved) == plainly(lines, facts, positions, at * SECOND)
        near, more = struck.nearest(facts)
        place = len(lines) if struck.line is None else lines.index(struck.line)
        assert len(near) + more == place
        assert len(near) == min(HANDFUL, place)
        assert {int(each.line) for each in near} <= set(range(place))
        positions.update(struck.moved)


def test_only_lines_that_can_strike_are_looked_at() -> None:
    asked = script(
        *(
            f"operation: acme.charge, when: {{brand: b{n}, attempt: {n % 3}}}, then: {{outcome: refused}}"
            for n in range(1000)
        )
    )
    shelf = asked._rules["acme.charge"]
    assert list(shelf.possible({"brand": "b7"})) == [7]
    assert list(shelf.possible({})) == []
    assert list(shelf.possible({"brand": 7})) == []


def test_lines_that_want_nothing_certain_keep_their_place() -> None:
    lines = [f"operation: acme.charge, when: {{brand: b{n}}}, nth: 2, then: {{outcome: refused}}" for n in range(30)]
    lines.insert(7, "operation: acme.charge, nth: 9, then: {outcome: pending}")
    lines.insert(20, "operation: acme.charge, when: {brand: [b3, b9]}, nth: 5, then: {outcome: approved}")
    shelf = script(*lines)._rules["acme.charge"]
    assert list(shelf.possible({"brand": "b3"})) == [3, 7, 20]
    assert list(shelf.possible({"brand": "b9"})) == [7, 10, 20]


def test_the_nearest_come_first_and_the_others_are_counted() -> None:
    lines = [
        f"name: far {n}, operation: acme.charge, when: {{brand: b{n}}}, then: {{outcome: refused}}" for n in range(50)
    ]
    lines.append(
        "name: near, operation: acme.charge, when: {saved: true, attempt: 2, brand: visa}, then: {outcome: refused}"
    )
    lines.append("name: nearest, operation: acme.charge, nth: 5, then: {outcome: refused}")
    look = script(*lines).ask(Question("acme.charge", {"brand": "visa", "saved": True, "attempt": 1}), {})

    assert [each.line for each in look.nearly[:3]] == ["rule:nearest", "rule:near", "rule:far 0"]
    assert look.nearly[2].why == "brand is visa, wanted is b0"
    assert (len(look.nearly), look.more) == (HANDFUL, 42)
