"""When a payment is captured: payment configurations, dates, and what is no date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.providers.lyra.errors import Invalid
from mockpsp.providers.lyra.schedule import SINGLE, check_config, legs, read_due
from tests.providers.lyra.test_decide import DAY, START

totals = st.integers(1, 2**31 - 1)


def test_a_single_payment_is_due_at_once() -> None:
    check_config(SINGLE, START)
    assert legs(SINGLE, 4_200, START) == ((4_200, START),)


def test_equal_installments_have_the_remainder_on_the_last() -> None:
    assert legs("MULTI:count=3;period=30", 10_000, START) == (
        (3_333, START), (3_333, START + 30 * DAY), (3_334, START + 60 * DAY),
    )  # fmt: skip


def test_the_first_installment_may_be_another_one() -> None:
    assert legs("MULTI:first=5000;count=3;period=10", 10_001, START) == (
        (5_000, START), (2_500, START + 10 * DAY), (2_501, START + 20 * DAY),
    )  # fmt: skip
    assert legs("MULTI:first=100;count=1;period=1", 100, START) == ((100, START),)


@given(totals, st.integers(1, 40), st.integers(1, 9), st.none() | st.integers(0, 100))
def test_installments_add_up_and_follow_each_other(amount: int, count: int, period: int, percent: int | None) -> None:
    config = f"MULTI:{'' if percent is None else f'first={amount * percent // 100};'}count={count};period={period}"
    check_config(config, START)
    first = None if percent is None else amount * percent // 100
    rest, others = amount - (first or 0), count - (first is not None)
    odd = first is not None and (first < 1 or (count == 1 and first != amount))
    if odd or (others and rest < others):
        with pytest.raises(Invalid):
            legs(config, amount, START)
        return
    found = legs(config, amount, START)
    assert sum(part for part, _ in found) == amount
    assert all(part >= 1 for part, _ in found)
    assert [due for _, due in found] == [START + timedelta(days=period * index) for index in range(count)]
    if first is not None:
        assert found[0][0] == first
    parts = [part for part, _ in found][percent is not None :]
    assert parts == sorted(parts), "the remainder is on the last"
    assert len(set(parts[:-1])) <= 1


@given(st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 40)), min_size=1, max_size=8))
def test_a_schedule_of_ones_own_pays_on_its_days(given_parts: list[tuple[int, int]]) -> None:
    days, day = [], START - DAY
    for _, step in given_parts:
        day += timedelta(days=step)
        days.append(day)
    amounts = [amount for amount, _ in given_parts]
    pairs = zip(days, amounts, strict=True)
    config = "MULTI_EXT:" + ";".join(f"{day:%Y%m%d}={amount}" for day, amount in pairs)
    check_config(config, START)
    found = legs(config, sum(amounts), START)
    assert [part for part, _ in found] == amounts
    assert [due.date() for _, due in found] == [day.date() for day in days]
    with pytest.raises(Invalid):
        legs(config, sum(amounts) + 1, START)


def test_a_first_day_that_has_passed_by_now_is_captured_when_it_is_paid() -> None:
    later = START + 3 * DAY
    assert legs("MULTI_EXT:20260106=100;20260201=50", 150, later) == (
        (100, later), (50, datetime(2026, 2, 1, 9, 15, tzinfo=UTC)),
    )  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        "", "single", "SINGLE ", "MULTI", "MULTI:", "MULTI:count=0;period=1", "MULTI:count=2;period=0",
        "MULTI:period=1;count=2", "MULTI:count=3;first=10;period=1", "MULTI:count=3;period=200",
        "MULTI:count=-1;period=1", "MULTI:count=٣;period=1", "MULTI_EXT", "MULTI_EXT:", "MULTI_EXT:2026=1",
        "MULTI_EXT:20260105=100", "MULTI_EXT:20260107=1;20260107=1", "MULTI_EXT:20260108=1;20260107=1",
        "MULTI_EXT:20261332=1", "MULTI_EXT:20260107=1;20270201=1", "MULTI_EXT:20260107=1;", "MULTI_EXT:20260107=-1",
    ],
)  # fmt: skip
def test_what_is_no_payment_configuration(config: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_config(config, START)
    assert set(caught.value.body) == {"payment_config"}


def test_a_year_ahead_is_the_last_day() -> None:
    check_config("MULTI_EXT:20260106=1;20270106=1", START)
    check_config("MULTI:count=366;period=1", START)
    with pytest.raises(Invalid):
        check_config("MULTI:count=367;period=1", START)


@pytest.mark.parametrize(
    ("config", "amount"), [("MULTI:first=101;count=2;period=1", 100), ("MULTI:first=1;count=1;period=1", 2)]
)
def test_a_first_payment_that_is_no_part_of_the_amount(config: str, amount: int) -> None:
    with pytest.raises(Invalid, match="first payment"):
        legs(config, amount, START)


# -- expected capture dates --------------------------------------------------------------------------------------------


def test_a_date_of_14_digits_is_utc() -> None:
    assert read_due("20260108153000", START, 6) == datetime(2026, 1, 8, 15, 30, tzinfo=UTC)


def test_days_are_compared_not_hours() -> None:
    """Earlier today is still today; the last day lasts until midnight."""
    assert read_due("20260106000000", START, 6) == datetime(2026, 1, 6, tzinfo=UTC)
    assert read_due("20260112235959", START, 6) == datetime(2026, 1, 12, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["20260105235959", "20260113000000", "202601081530", "20260230120000", "", "tomorrow", "2026010815300x"]
)
def test_what_is_no_date_or_too_early_or_too_late(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_due(text, START, 6)
    assert set(caught.value.body) == {"expected_capture_date"}
