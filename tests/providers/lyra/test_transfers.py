"""What each seller gets of each transaction: portions of items, commissions inside them, what is held."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.states import Order, OrderStatus
from mockpsp.providers.lyra.transfers import portions, transfers
from tests.providers.lyra.test_decide import (
    BASILE,
    HOUR,
    LUCIE,
    OPERATOR,
    START,
    card,
    line,
    market,
    meal,
    wallet,
)

KINDS = {"CONECS": "conecs", "CVCONNECT": "cv_connect"}


def transaction(number: int, kind: str, amount: int, status: str = "PENDING") -> e.Transaction:
    """A transaction of this order."""
    return e.Transaction(
        trans_uuid=f"t{number}", sequence=number, instrument=e.Instrument(kind=kind, account="", scheme="", masked=""),
        amount=amount, initial=amount, held=amount, auto_code="", day="", due=START, paid_at=START, created=START,
        updated=START, status=status,
    )  # fmt: skip


@st.composite
def paid_orders(draw: st.DrawFn) -> Order:
    """An order: of each item vouchers paid something, of what is left one to three cards pay all."""
    items, sums = [], Counter[str]()
    for number in range(draw(st.integers(1, 5))):
        amount = draw(st.integers(0, 500))
        left, vouchers = amount, []
        for contract_type in KINDS:
            actual = draw(st.none() | st.integers(0, left))
            if actual is not None:
                vouchers.append(e.Voucher(contract_type, "1", None, True, actual))
                left -= actual
                sums[contract_type] += actual
        items.append(
            e.Item(
                uuid=f"i{number}", seller=draw(st.sampled_from(["s1", "s2", "op"])), seller_ref=None, operator=False,
                reference="", description="", amount=amount, vouchers=tuple(vouchers), created=START, updated=START,
                commission_amount=draw(st.none() | st.integers(0, amount)),
                hold_payment=draw(st.none() | st.booleans()),
            )
        )  # fmt: skip
    rest = sum(each.amount - each.by_vouchers for each in items)
    cuts = sorted(draw(st.lists(st.integers(0, rest), max_size=2)))
    cards = [high - low for low, high in zip([0, *cuts], [*cuts, rest], strict=True)]
    amounts = [(KINDS[each], sums[each]) for each in KINDS if sums[each]] + [("card", each) for each in cards]
    told = tuple(transaction(number, kind, amount) for number, (kind, amount) in enumerate(amounts))
    head = e.Head(reference="R", currency="EUR", buyer=b"{}")
    return Order("o", "m", head, tuple(items), START, START, OrderStatus.PENDING, transactions=told)


@given(paid_orders())
def test_portions_add_up_to_every_item_and_to_every_transaction(order: Order) -> None:
    of_items: Counter[str] = Counter()
    of_transactions: Counter[str] = Counter()
    for paying, item, amount, before in portions(order):
        assert amount > 0
        assert before == of_items[item.uuid]
        of_items[item.uuid] += amount
        of_transactions[paying.trans_uuid] += amount
    assert of_items == +Counter({each.uuid: each.amount for each in order.items})
    assert of_transactions == +Counter({each.trans_uuid: each.amount for each in order.transactions})


@given(paid_orders())
def test_transfers_split_commissions_to_the_cent(order: Order) -> None:
    told = transfers(order, "op")
    assert len({each.uuid for each in told}) == len(told)
    assert all(each.amount > 0 for each in told)
    by_transaction: Counter[str] = Counter()
    by_item: Counter[tuple[str, str]] = Counter()
    for each in told:
        by_transaction[each.transaction.trans_uuid] += each.amount
        by_item[each.item.uuid, each.seller] += each.amount
        assert each.retained is (bool(each.item.hold_payment) and each.seller == each.item.seller)
    assert by_transaction == +Counter({each.trans_uuid: each.amount for each in order.transactions})
    expected: Counter[tuple[str, str]] = Counter()
    for item in order.items:
        commission = item.commission_amount or 0
        expected[item.uuid, item.seller] += item.amount - commission
        expected[item.uuid, "op"] += commission
    assert by_item == +expected


@given(paid_orders())
def test_each_portion_of_a_commission_is_in_proportion(order: Order) -> None:
    shares = {
        (each.transaction.trans_uuid, each.item.uuid): each.amount
        for each in transfers(order, "op")
        if each.seller == "op"
    }
    for paying, item, amount, _ in portions(order):
        if item.seller != "op":
            exact = (item.commission_amount or 0) * amount / item.amount
            assert abs(shares.get((paying.trans_uuid, item.uuid), 0) - exact) < 1


async def test_each_tender_pays_its_items() -> None:
    shop = await market()
    tenders = [meal(), wallet(), card()]
    order = await shop.paid(
        line(1_000, conecs=600, commission_amount=100), line(500, BASILE, holiday=True), tenders=tenders
    )
    told = transfers(order, OPERATOR.uuid)
    assert [(each.transaction.instrument.kind, each.seller, each.amount) for each in told] == [
        ("conecs", LUCIE.uuid, 540), ("conecs", OPERATOR.uuid, 60), ("cv_connect", BASILE.uuid, 500),
        ("card", LUCIE.uuid, 360), ("card", OPERATOR.uuid, 40),
    ]  # fmt: skip


@pytest.mark.parametrize("late", [False, True])
async def test_held_items_wait_for_their_activation_but_commissions_do_not(late: bool) -> None:
    shop = await market()
    order = await shop.paid(line(1_000, BASILE, hold_payment=True, commission_amount=100))
    if not late:
        await shop.do(order.ref, c.Activate(order.items[0].uuid))
    await shop.advance(HOUR)
    told = transfers(shop.order(order.ref), OPERATOR.uuid)
    assert [each.status for each in told] == ["PENDING" if late else "SUCCEEDED", "SUCCEEDED"]
    assert (shop.earned(BASILE), shop.earned(OPERATOR)) == (0 if late else 900, 100)
    if late:
        await shop.do(order.ref, c.Activate(order.items[0].uuid))
    assert shop.earned(BASILE) == 900
    assert [each.status for each in transfers(shop.order(order.ref), OPERATOR.uuid)] == ["SUCCEEDED"] * 2


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("CREATED", "CREATED"), ("TO_VALIDATE", "CREATED"), ("PENDING", "PENDING"), ("SUCCEEDED", "SUCCEEDED"),
        ("CANCELLED", "CANCELLED"), ("EXPIRED", "CANCELLED"), ("FAILED", "FAILED"),
    ],
)  # fmt: skip
def test_a_transfer_follows_its_transaction(status: str, shown: str) -> None:
    item = e.Item(
        uuid="i", seller="s1", seller_ref=None, operator=False, reference="", description="", amount=5, created=START,
        updated=START,
    )  # fmt: skip
    head = e.Head(reference="R", currency="EUR", buyer=b"{}")
    order = Order("o", "m", head, (item,), START, START, transactions=(transaction(1, "card", 5, status),))
    assert [each.status for each in transfers(order, "op")] == [shown]
