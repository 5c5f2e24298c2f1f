"""Cashouts: what a seller earned on a day in Paris, less its refunds, paid some days later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.errors import Refusal
from mockpsp.domain.ledger import Ledger, transfer
from mockpsp.domain.lifecycle import NATURAL, Moment
from mockpsp.providers.lyra import cashouts as co
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra.cashouts import BANKS, SELLER_PAYOUTS, CashoutStatus, NotDue, Payouts
from mockpsp.providers.lyra.holdings import seller_account
from mockpsp.world.ids import IdSource
from tests.providers.lyra.test_decide import (
    BASILE,
    CAVE,
    CHARGES,
    DAY,
    HOUR,
    LUCIE,
    OPERATOR,
    START,
    Market,
    back,
    eur,
    fee_line,
    line,
    market,
    rule,
    scenario,
)

MIDNIGHT = datetime(2026, 1, 6, 23, 0, tzinfo=UTC)
"""The end of the first day in Paris."""


def told(shop: Market, seller: Any) -> list[tuple[str, str, int]]:
    """Day, status and amount of a seller's cashouts."""
    return [(each.opened.day, each.status.value, each.amount) for each in shop.cashouts(seller)]


async def test_what_was_captured_on_a_day_is_paid_together_after_the_sellers_delay() -> None:
    shop = await market()
    for amount in (1_000, 900):
        await shop.captured(line(amount))
    assert told(shop, LUCIE) == [("2026-01-06", "CREATED", 1_900)]
    [cashout] = shop.cashouts(LUCIE)
    assert (cashout.opened.closes, cashout.opened.pays) == (MIDNIGHT, MIDNIGHT + 2 * DAY)
    await shop.at(MIDNIGHT)
    assert told(shop, LUCIE) == [("2026-01-06", "PENDING", 1_900)]
    await shop.captured(line(50))
    assert told(shop, LUCIE) == [("2026-01-06", "PENDING", 1_900), ("2026-01-07", "CREATED", 50)]
    await shop.at(MIDNIGHT + 2 * DAY)
    assert told(shop, LUCIE) == [("2026-01-06", "SUCCEEDED", 1_900), ("2026-01-07", "PENDING", 50)]
    assert (shop.earned(LUCIE), shop.balance(BANKS)) == (5_050, 1_900)


async def test_without_a_delay_a_day_is_paid_when_it_ends() -> None:
    shop = await market()
    await shop.captured(line(1_000, BASILE))
    await shop.at(MIDNIGHT - timedelta(seconds=1))
    assert told(shop, BASILE) == [("2026-01-06", "CREATED", 1_000)]
    await shop.at(MIDNIGHT)
    assert told(shop, BASILE) == [("2026-01-06", "SUCCEEDED", 1_000)]


async def test_the_day_is_that_of_paris_also_when_its_clocks_change() -> None:
    evening = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    shop = await market(scenario(clock=evening))
    await shop.captured(line(1_000, BASILE))
    [cashout] = shop.cashouts(BASILE)
    assert cashout.opened.day == "2026-03-29"
    assert cashout.opened.closes == datetime(2026, 3, 29, 22, 0, tzinfo=UTC)


async def test_a_refund_is_deducted_as_published() -> None:
    """1900 - 450 = 1450."""
    shop = await market()
    order = await shop.captured(line(1_900))
    await shop.refund(order.ref, back(450))
    await shop.advance(2 * HOUR)
    assert told(shop, LUCIE) == [("2026-01-06", "CREATED", 1_450)]
    [cashout] = shop.cashouts(LUCIE)
    assert [each.order for each in cashout.charges] == [order.ref]


async def test_refunds_are_deducted_from_the_oldest_first_and_the_rest_is_on_the_balance_alone() -> None:
    shop = await market()
    order = await shop.captured(line(1_000))
    await shop.advance(DAY)
    second = await shop.captured(line(1_000))
    await shop.refund(order.ref, back(600))
    await shop.refund(second.ref, back(700))
    await shop.advance(2 * HOUR)
    assert [amount for _, _, amount in told(shop, LUCIE)] == [0, 700]
    await shop.advance(5 * DAY)
    assert [status for _, status, _ in told(shop, LUCIE)] == ["SUCCEEDED", "SUCCEEDED"]
    assert shop.earned(LUCIE) == 5_000
    late = await shop.refund(order.ref, back(400))
    await shop.advance(2 * HOUR)
    assert shop.the_refund(late).status.value == "SUCCEEDED"
    assert shop.earned(LUCIE) == 4_600, "of the reserve"
    assert [amount for _, _, amount in told(shop, LUCIE)] == [0, 700]


async def test_held_items_are_paid_with_the_day_of_their_activation() -> None:
    shop = await market()
    order = await shop.captured(line(1_000, CAVE, hold_payment=True), line(500, CAVE))
    await shop.advance(DAY)
    await shop.do(order.ref, c.Activate())
    await shop.advance(timedelta(0))
    assert told(shop, CAVE) == [("2026-01-06", "PENDING", 500), ("2026-01-07", "CREATED", 1_000)]


async def test_the_operator_is_paid_its_commissions_less_the_fees() -> None:
    shop = await market(scenario(marketplace=CHARGES))
    await shop.captured(line(9_000, commission_amount=200), fee_line(1_000))
    assert told(shop, OPERATOR) == [("2026-01-06", "CREATED", 1_200 - 270)]
    assert shop.balance("lyra/fees") == 270


@pytest.mark.parametrize("outcome", ["failed", "rejected"])
async def test_a_bank_may_refuse_and_the_money_stays(outcome: str) -> None:
    shop = await market(scenario(rules=[rule("cashout", outcome, seller_external_ref="basile", times=1)]))
    await shop.captured(line(1_000, BASILE))
    await shop.at(MIDNIGHT)
    assert told(shop, BASILE) == [("2026-01-06", outcome.upper(), 1_000)]
    assert shop.earned(BASILE) == 1_000


async def test_a_day_is_closed_and_paid_once() -> None:
    shop = await market()
    await shop.captured(line(1_000))
    (ref,) = (each.ref for each in shop.world.state(SELLER_PAYOUTS.name, LUCIE.uuid).cashouts)
    with pytest.raises(NotDue):
        await shop.do(LUCIE.uuid, co.Execute(ref), SELLER_PAYOUTS)
    await shop.at(MIDNIGHT)
    with pytest.raises(NotDue):
        await shop.do(LUCIE.uuid, co.Close(ref), SELLER_PAYOUTS)
    await shop.advance(3 * DAY)
    for command in (co.Execute(ref), co.Close(ref), co.Close("none")):
        with pytest.raises(NotDue):
            await shop.do(LUCIE.uuid, command, SELLER_PAYOUTS)
    with pytest.raises(NotDue):
        await shop.do(BASILE.uuid, co.Charge(BASILE.uuid, eur(1), "r", "o"), SELLER_PAYOUTS)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("credit"), st.integers(1, 500), st.integers(0, 3)),
        st.tuples(st.just("charge"), st.integers(1, 900), st.integers(0, 3)),
        st.tuples(st.sampled_from(["close", "execute"]), st.integers(0, 6), st.just(0)),
    ),
    max_size=30,
)


@given(steps)
def test_whatever_comes_no_cashout_is_negative_and_all_add_up(given_steps: list[tuple[str, int, int]]) -> None:
    ledger = Ledger()
    account = seller_account("s1")
    ledger.post(transfer("opening", "world/issued", account, eur(10_000)))
    state: Payouts | None = None
    now, credited, charged, paid = START, 0, 0, 0
    ids = IdSource(1, "test")
    for what, number, days in given_steps:
        now += timedelta(days=days)
        draw = ids.draw()
        moment = Moment(now, ledger, draw, None, None)
        known = state.cashouts if state is not None else ()
        ref = known[number % len(known)].ref if known and what in ("close", "execute") else "none"
        command = {
            "credit": co.Credit("s1", eur(number), None, 1),
            "charge": co.Charge("s1", eur(number), "r", "o"),
            "close": co.Close(ref),
            "execute": co.Execute(ref),
        }[what]
        try:
            events = SELLER_PAYOUTS.decide(state, command, NATURAL, moment).events
            for event in events:
                for entry in SELLER_PAYOUTS.entries(state, event):
                    ledger.check([entry])
                    ledger.post(entry)
                state = SELLER_PAYOUTS.evolve(state, event)
        except Refusal:
            continue
        ids.cursor = draw.cursor
        ids.series.update(draw.series)
        credited += number if what == "credit" else 0
        taken = sum(each.amount for each in events if isinstance(each, co.Charged))
        assert taken <= number or what != "charge"
        charged += taken
        paid += sum(each.amount.minor for each in events if isinstance(each, co.PaidOut))
    found = state.cashouts if state is not None else ()
    assert all(0 <= each.amount <= each.credited for each in found)
    assert sum(each.amount for each in found) == credited - charged
    assert sum(each.amount for each in found if each.status is CashoutStatus.SUCCEEDED) == paid
    assert ledger.balance(account, "EUR").minor == 10_000 - paid
