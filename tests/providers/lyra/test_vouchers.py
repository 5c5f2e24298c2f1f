"""Who wins a voucher type, what a tender can pay, and how what it paid is spread over items."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.holdings import CONECS, CVCONNECT
from mockpsp.providers.lyra.vouchers import allocate, capacity, limit, selected, unselected, winners
from tests.providers.lyra.test_decide import START


def item(
    uuid: str,
    amount: int,
    seller: str = "lucie",
    *,
    conecs: int | None = None,
    holiday: bool = False,
    contracts: tuple[str, str] = ("1999011", "30012345"),
    chosen: bool | None = None,
) -> e.Item:
    """An item; ``conecs`` is the eligible amount, ``chosen`` marks its vouchers."""
    vouchers = () if conecs is None else (e.Voucher(CONECS, contracts[0], conecs, chosen),)
    vouchers = (*vouchers, e.Voucher(CVCONNECT, contracts[1], None, chosen)) if holiday else vouchers
    return e.Item(
        uuid=uuid, seller=seller, seller_ref=seller, operator=False, reference=uuid, description="Something",
        amount=amount, vouchers=vouchers, created=START, updated=START,
    )  # fmt: skip


def draws(*numbers: int) -> Callable[[int], int]:
    """A source of exactly these numbers."""
    left = list(numbers)

    def below(bound: int) -> int:
        number = left.pop(0)
        assert 0 <= number < bound
        return number

    return below


def first(bound: int) -> int:
    """Always 0."""
    return 0


# -- selection ---------------------------------------------------------------------------------------------------------


def test_the_published_example() -> None:
    """900 + 500 = 1400 of one seller, 1900 of the other, who wins."""
    items = [item("a", 2_000, "s1", conecs=900), item("b", 500, "s1", conecs=500), item("c", 3_000, "s2", conecs=1_900)]
    assert winners(items, "lowest") == ((CONECS, "s2"),)
    marked = selected(items, winners(items, "lowest"))
    assert [each.vouchers[0].selected for each in marked] == [False, False, True]


def test_sums_count_and_not_single_items() -> None:
    items = [item("a", 900, "s1", conecs=900), item("b", 600, "s1", conecs=600), item("c", 1_400, "s2", conecs=1_400)]
    assert winners(items, "lowest") == ((CONECS, "s1"),)


def test_each_type_has_its_own_winner_who_may_be_the_same() -> None:
    items = [item("a", 5_000, "s1", conecs=100, holiday=True), item("b", 900, "s2", conecs=900, holiday=True)]
    assert winners(items, "lowest") == ((CONECS, "s2"), (CVCONNECT, "s1"))
    marked = selected(items, winners(items, "lowest"))
    assert [[each.selected for each in one.vouchers] for one in marked] == [[False, True], [True, False]]
    assert winners(items[:1], "lowest") == ((CONECS, "s1"), (CVCONNECT, "s1"))


def test_holiday_vouchers_count_whole_items_and_no_daily_ceiling_counts() -> None:
    items = [item("a", 1_000, "s1", holiday=True), item("b", 999, "s2", holiday=True)]
    assert winners(items, "lowest") == ((CVCONNECT, "s1"),)
    rich = [item("a", 9_000, "s1", conecs=2_600), item("b", 2_500, "s2", conecs=2_500)]
    assert winners(rich, "lowest") == ((CONECS, "s1"),)


@pytest.mark.parametrize(
    ("one", "other", "lowest"),
    [("999", "1000", "s1"), ("1000", "999", "s2"), ("0999", "1000", "s1"), ("C12", "9", "s2"), ("B1", "C1", "s1")],
)
def test_of_equal_sums_the_contract_number_decides(one: str, other: str, lowest: str) -> None:
    """Numbers by their value and before texts; the setting turns it round."""
    items = [
        item("a", 900, "s1", conecs=900, contracts=(one, "1")),
        item("b", 900, "s2", conecs=900, contracts=(other, "1")),
    ]
    highest = {"s1": "s2", "s2": "s1"}[lowest]
    assert winners(items, "lowest") == winners(items[::-1], "lowest") == ((CONECS, lowest),)
    assert winners(items, "highest") == winners(items[::-1], "highest") == ((CONECS, highest),)


def test_without_vouchers_nobody_wins_and_nothing_is_marked() -> None:
    items = (item("a", 900), item("b", 800))
    assert winners(items, "lowest") == ()
    assert selected(items, ()) == unselected(items) == items


def test_marks_can_be_taken_off() -> None:
    items = (item("a", 900, conecs=900, holiday=True), item("b", 900))
    assert unselected(selected(items, winners(items, "lowest"))) == items


# -- capacity and allocation -------------------------------------------------------------------------------------------


def test_the_published_splits() -> None:
    """19 of 14 + 11 + 8: two items are filled or partly filled, the third has 0; all of it elsewhere."""
    items = [item("a", 2_000, conecs=1_400, chosen=True), item("b", 2_000, conecs=1_100, chosen=True)]
    items.append(item("c", 2_000, conecs=800, chosen=True))
    found = {
        tuple(amount for _, _, amount in sorted(allocate(items, {CONECS: 1_900}, draws(*numbers))))
        for numbers in product(range(3), range(2))
    }
    assert (1_400, 500, 0) in found
    assert (0, 1_100, 800) in found
    assert found == {
        (1_400, 500, 0), (1_400, 0, 500), (800, 1_100, 0), (0, 1_100, 800), (1_100, 0, 800),
    }  # fmt: skip


def test_an_item_that_got_nothing_of_a_used_type_has_0_and_an_unused_type_nothing() -> None:
    items = [item("a", 900, conecs=900, holiday=True, chosen=True), item("b", 900, conecs=900, chosen=True)]
    assert allocate(items, {CONECS: 900}, draws(1)) == (("a", CONECS, 900), ("b", CONECS, 0))
    assert allocate(items, {}, draws()) == ()


def test_items_of_others_and_vouchers_that_were_not_selected_get_nothing() -> None:
    items = [item("a", 900, conecs=900, chosen=True), item("b", 900, "s2", conecs=900, chosen=False), item("c", 900)]
    assert allocate(items, {CONECS: 500}, first) == (("a", CONECS, 500),)
    assert capacity(items, CONECS, 0) == 900
    assert capacity(items, CVCONNECT, 0) == 0


def test_every_order_of_three_items_is_reached_by_some_draw_and_equally_often() -> None:
    items = [item(uuid, 100, conecs=100, chosen=True) for uuid in "abc"]
    orders = Counter(
        tuple(uuid for uuid, _, _ in allocate(items, {CONECS: 150}, draws(*numbers)))
        for numbers in product(range(3), range(2))
    )
    assert orders == dict.fromkeys(permutations("abc"), 1)


def test_what_meal_vouchers_take_leaves_room_for_holiday_vouchers() -> None:
    """Both pay item a: of it meal vouchers may take only what holiday vouchers leave, whichever item comes first."""
    items = [item("a", 1_000, conecs=1_000, holiday=True, chosen=True), item("b", 500, conecs=500, chosen=True)]
    assert capacity(items, CONECS, 800) == 700
    assert capacity(items, CVCONNECT, 700) == 800
    for number in range(2):
        told = allocate(items, {CONECS: 700, CVCONNECT: 800}, draws(number))
        assert {(uuid, kind): amount for uuid, kind, amount in told} == {
            ("a", CONECS): 200, ("b", CONECS): 500, ("a", CVCONNECT): 800,
        }  # fmt: skip


def in_order(count: int) -> int:
    """Draws that leave items as they are."""
    return count - 1


def test_what_holiday_vouchers_need_is_left_to_them_over_several_items() -> None:
    """Of a and b holiday vouchers need 700 of 800: meal vouchers take 100 of them, and the rest elsewhere."""
    items = [
        item("a", 400, conecs=400, holiday=True, chosen=True),
        item("b", 400, conecs=400, holiday=True, chosen=True),
    ]
    items.append(item("c", 500, conecs=500, chosen=True))
    told = {(uuid, kind): amount for uuid, kind, amount in allocate(items, {CONECS: 600, CVCONNECT: 700}, in_order)}
    assert told == {
        ("a", CONECS): 100, ("b", CONECS): 0, ("c", CONECS): 500, ("a", CVCONNECT): 300, ("b", CVCONNECT): 400,
    }  # fmt: skip


def test_holiday_vouchers_fill_an_item_up_to_what_meal_vouchers_left_of_it() -> None:
    items = [item("a", 1_000, conecs=1_000, holiday=True, chosen=True), item("b", 500, holiday=True, chosen=True)]
    told = allocate(items, {CONECS: 200, CVCONNECT: 1_300}, in_order)
    assert told == (("a", CONECS, 200), ("a", CVCONNECT, 800), ("b", CVCONNECT, 500))


def test_more_than_fits_is_a_mistake_of_the_caller() -> None:
    items = [item("a", 1_000, conecs=400, holiday=True, chosen=True)]
    for paid in ({CONECS: 401}, {CVCONNECT: 1_001}, {CONECS: 400, CVCONNECT: 601}):
        with pytest.raises(ValueError, match="fit no item"):
            allocate(items, paid, first)


@st.composite
def chosen_items(draw: st.DrawFn) -> list[e.Item]:
    """Items of one order; of each type, one of two sellers is the winner."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        amount = draw(st.integers(0, 60))
        conecs = draw(st.one_of(st.none(), st.integers(0, amount)))
        holiday = draw(st.booleans())
        found.append(item(f"i{number}", amount, draw(st.sampled_from(["s1", "s2"])), conecs=conecs, holiday=holiday))
    return list(selected(found, winners(found, "lowest")))


def fits(items: Sequence[e.Item], conecs: int, holiday: int) -> bool:
    """Whether the amounts can be spread at all, found out by trying: of each item meal vouchers leave the most."""
    alone = both = shared = only = 0
    for each in items:
        meal, wallet = each.voucher(CONECS), each.voucher(CVCONNECT)
        is_meal, is_wallet = meal is not None and bool(meal.selected), wallet is not None and bool(wallet.selected)
        eligible = (meal.eligible or 0) if meal is not None and is_meal else 0
        if is_meal and is_wallet:
            both, shared = both + eligible, shared + each.amount
        elif is_meal:
            alone += eligible
        elif is_wallet:
            only += each.amount
    on_shared = max(0, conecs - alone)
    return on_shared <= both and holiday <= only + shared - on_shared


@given(chosen_items(), st.integers(0, 200), st.integers(0, 200))
def test_capacity_is_exactly_what_can_be_spread(items: list[e.Item], conecs: int, holiday: int) -> None:
    if fits(items, 0, holiday):
        assert (conecs <= capacity(items, CONECS, holiday)) is fits(items, conecs, holiday)
    if fits(items, conecs, 0):
        assert (holiday <= capacity(items, CVCONNECT, conecs)) is fits(items, conecs, holiday)


@given(chosen_items(), st.data(), st.booleans(), st.integers(0, 2**32))
def test_whatever_is_paid_up_to_the_capacity_is_spread_to_the_last_cent(
    items: list[e.Item], data: st.DataObject, meal_first: bool, seed: int
) -> None:
    types = (CONECS, CVCONNECT) if meal_first else (CVCONNECT, CONECS)
    paid = {types[0]: data.draw(st.integers(0, capacity(items, types[0], 0)))}
    paid[types[1]] = data.draw(st.integers(0, capacity(items, types[1], paid[types[0]])))
    told = allocate(items, paid, random.Random(seed).randrange)
    assert told == allocate(items, paid, random.Random(seed).randrange), "the same draw spreads in the same way"
    by_uuid = {each.uuid: each for each in items}
    on_item: Counter[str] = Counter()
    on_type: Counter[str] = Counter()
    for uuid, contract_type, amount in told:
        voucher = by_uuid[uuid].voucher(contract_type)
        assert voucher is not None
        assert voucher.selected
        assert 0 <= amount <= limit(by_uuid[uuid], voucher)
        on_item[uuid] += amount
        on_type[contract_type] += amount
    assert all(minor <= by_uuid[uuid].amount for uuid, minor in on_item.items())
    assert +on_type == +Counter(paid)
    assert len({(uuid, contract_type) for uuid, contract_type, _ in told}) == len(told)
    for contract_type, amount in paid.items():
        marked = {each.uuid for each in items if (one := each.voucher(contract_type)) is not None and one.selected}
        assert {uuid for uuid, kind, _ in told if kind == contract_type} == (marked if amount else set())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.data(), st.integers(0, 2**32))
def test_one_item_after_the_other_is_filled_up(eligible: list[int], data: st.DataObject, seed: int) -> None:
    items = [item(f"i{number}", most, conecs=most, chosen=True) for number, most in enumerate(eligible)]
    paid = data.draw(st.integers(1, sum(eligible)))
    amounts = [amount for _, _, amount in allocate(items, {CONECS: paid}, random.Random(seed).randrange)]
    order = [int(uuid[1:]) for uuid, _, _ in allocate(items, {CONECS: paid}, random.Random(seed).randrange)]
    partly = [index for index, amount in enumerate(amounts) if amount < eligible[order[index]]]
    if partly:
        assert amounts[partly[0] + 1 :] == [0] * (len(amounts) - partly[0] - 1)
