"""Money: whole minor units, nothing lost in a split, nothing mixed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.money import BadMoney, CurrencyMismatch, Money, decimals

currencies = st.sampled_from(["EUR", "CHF", "JPY", "KRW", "XOF", "KWD", "TND"])
amounts = st.builds(Money, st.integers(-(10**12), 10**12), currencies)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(amount=amounts, weights=weights)
def test_the_parts_of_a_split_add_up_to_the_whole(amount: Money, weights: list[int]) -> None:
    parts = amount.split(weights)
    assert len(parts) == len(weights)
    assert sum(part.minor for part in parts) == amount.minor
    assert {part.currency for part in parts} == {amount.currency}


@given(amount=amounts, weights=weights)
def test_no_part_is_more_than_one_unit_from_its_fair_share(amount: Money, weights: list[int]) -> None:
    total = sum(weights)
    for part, weight in zip(amount.split(weights), weights, strict=True):
        assert abs(part.minor * total - amount.minor * weight) < total
        assert part.minor * amount.minor >= 0, "no part goes the other way"


@given(amount=amounts, weights=weights)
def test_nothing_is_split_off_for_nobody(amount: Money, weights: list[int]) -> None:
    assert all(not part for part, weight in zip(amount.split(weights), weights, strict=True) if weight == 0)


def test_a_fee_of_fifteen_percent() -> None:
    fee, seller = Money(1099, "EUR").split([15, 85])
    assert (fee.minor, seller.minor) == (165, 934)


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [2, -1]])
def test_a_split_needs_weights(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="split"):
        Money(100, "EUR").split(weights)


@given(amount=amounts)
def test_what_is_written_can_be_read(amount: Money) -> None:
    assert Money.parse(str(amount)) == amount


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("12.00 EUR", 1200), ("12 EUR", 1200), ("0.01 EUR", 1), ("-0.05 EUR", -5), ("1500 JPY", 1500),
        ("1.234 KWD", 1234), ("-3 KWD", -3000), ("000.10 EUR", 10),
    ],
)  # fmt: skip
def test_amounts_as_a_tester_writes_them(text: str, minor: int) -> None:
    assert Money.parse(text).minor == minor


@pytest.mark.parametrize(
    "text",
    ["", "12", "EUR", "12.0 EUR", "12.000 EUR", "12,00 EUR", "1500.00 JPY", "1.23 KWD", "12.00 eur", "12.00  EUR",
     "+1.00 EUR", " 1.00 EUR", "1.00 EUR ", "1e3 EUR", "١٢ EUR", "12.00EUR", "1234567890123456 EUR", "12.00 EUR\n"],
)  # fmt: skip
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(BadMoney):
        Money.parse(text)


@pytest.mark.parametrize(("currency", "places"), [("EUR", 2), ("JPY", 0), ("XPF", 0), ("BHD", 3), ("USD", 2)])
def test_decimals_by_iso_4217(currency: str, places: int) -> None:
    assert decimals(currency) == places


@given(one=amounts, other=amounts)
def test_sums_and_differences_stay_in_one_currency(one: Money, other: Money) -> None:
    if one.currency == other.currency:
        assert (one + other) - other == one
        assert (one < other) is (one.minor < other.minor)
        assert (one >= other) is (one.minor >= other.minor)
        assert (one > other) is (one.minor > other.minor)
        assert (one <= other) is (one.minor <= other.minor)
        return
    for mixed in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__, Money.__gt__, Money.__ge__):
        with pytest.raises(CurrencyMismatch):
            mixed(one, other)


def test_equal_amounts_are_neither_less_nor_more() -> None:
    one, same = Money(5, "EUR"), Money(5, "EUR")
    assert (one <= same, one >= same, one < same, one > same) == (True, True, False, False)


@given(amount=amounts)
def test_nothing_is_false(amount: Money) -> None:
    assert bool(amount) is (amount.minor != 0)
    assert not amount.zero
    assert amount + amount.zero == amount
