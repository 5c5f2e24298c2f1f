"""The edges of orders, payments and checkouts: two at once, too late, twice, after the end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mockpsp.domain.errors import Refusal
from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import errors, shopper
from mockpsp.providers.adyen.purchases import PURCHASES
from mockpsp.providers.adyen.states import CheckoutStage, Kind, OrderStage, Status
from mockpsp.scenario.model import ShopperScript, Trigger
from mockpsp.world.records import Answered
from mockpsp.world.world import AnsweredMeanwhile, Outcome
from tests.support import restaurant as r
from tests.support.restaurant import MERCHANT, START, Restaurant, card, eur, gift_card, pay_command, rule, scenario
from tests.support.restaurant import voucher as meal_voucher


async def opened(**chosen: Any) -> Restaurant:
    """A restaurant whose scenario says this."""
    return await Restaurant(scenario(**chosen)).open()


async def two(**chosen: Any) -> tuple[Restaurant, Restaurant]:
    """Two Worlds of the same sandbox on one store."""
    fast = await opened(**chosen)
    slow = Restaurant(fast.scenario, fast.store)
    await slow.world.catch_up()
    return fast, slow


# -- at the same time --------------------------------------------------------------------------------------------------


async def test_legs_at_the_same_time_never_overpay() -> None:
    psp = await opened()
    order = await psp.order(10_000)
    tried = await asyncio.gather(*(psp.leg(order, card(), 4_000) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, errors.OrderAmountTooHigh) for each in tried) == 3
    assert psp.remaining(order) == 2_000


async def test_legs_in_two_processes_never_overpay() -> None:
    fast, slow = await two()
    order = await fast.order(10_000)
    await slow.world.catch_up()
    await fast.leg(order, card(), 6_000)
    with pytest.raises(errors.OrderAmountTooHigh):
        await slow.leg(order, card(), 6_000)
    await slow.leg(order, card(r.SECURE), 4_000)
    await fast.world.catch_up()
    assert (fast.remaining(order), fast.the_order(order).stage) == (0, OrderStage.OPEN)


async def test_a_ceiling_is_not_spent_twice_by_two_processes() -> None:
    fast, slow = await two()
    await fast.pay(meal_voucher(), 2_500)
    assert (await slow.pay(meal_voucher(), 2_500)).status is Status.REFUSED


async def test_the_same_idempotency_key_in_two_processes_has_one_effect() -> None:
    fast, slow = await two()

    def keep(outcome: Outcome) -> Answered:
        until = outcome.at + timedelta(days=7)
        return Answered("adyen key", START, outcome.at, 200, outcome.ref.encode(), b"", until)

    command = pay_command(meal_voucher(), eur(1_000))
    first = await fast.world.execute(PURCHASES, None, command, answer=keep)
    with pytest.raises(AnsweredMeanwhile) as meanwhile:
        await slow.world.execute(PURCHASES, None, command, answer=keep)
    assert meanwhile.value.kept.body == first.ref.encode()
    assert slow.balance(slow.account(meal_voucher())) == 5_120
    assert slow.codes() == [("AUTHORISATION", first.ref)]


async def test_a_session_is_not_paid_by_two_pages_at_once() -> None:
    fast, slow = await two()
    ref = await fast.session(10_000)
    await slow.world.catch_up()
    first = await shopper.pay(fast.world, ref, card(r.SECURE), None)
    with pytest.raises(errors.ShopperRefused, match="answer awaited"):
        await shopper.pay(slow.world, ref, card(), None)
    with pytest.raises(errors.ShopperRefused, match="answer awaited"):
        await slow.do(ref, c.OpenOrder(merchant=MERCHANT, amount=None, reference=""))
    await shopper.authenticate(slow.world, ref, first, "Y")
    assert [each.status for each in slow.purchase(ref).payments] == [Status.AUTHORISED]
    assert slow.purchase(ref).stage is CheckoutStage.COMPLETED


async def test_a_session_that_is_paid_in_part_is_not_paid_as_a_whole() -> None:
    fast, slow = await two()
    ref = await fast.session(10_000)
    await slow.world.catch_up()
    await shopper.pay(fast.world, ref, meal_voucher(), None)
    with pytest.raises(errors.ShopperRefused):
        await shopper.pay(slow.world, ref, card(), None)
    assert [each.amount.minor for each in slow.purchase(ref).payments] == [2_500]


# -- orders ------------------------------------------------------------------------------------------------------------


async def test_an_order_is_paid_by_parts_and_closed_once() -> None:
    psp = await opened()
    order = await psp.order(10_000)
    legs = [
        await psp.leg(order, means, amount)
        for means, amount in ((meal_voucher(), 2_500), (gift_card(), 5_000), (card(), 2_500))
    ]
    assert psp.the_order(order).stage is OrderStage.PAID
    told = [("ORDER_OPENED", order), *(("AUTHORISATION", leg.ref) for leg in legs), ("ORDER_CLOSED", order)]
    assert psp.codes() == told


async def test_the_last_leg_that_waits_closes_the_order() -> None:
    psp = await opened()
    order = await psp.order(10_000)
    waits = await psp.leg(order, card(r.SECURE), 6_000)
    await psp.leg(order, card(), 4_000)
    assert (psp.the_order(order).stage, psp.remaining(order)) == (OrderStage.OPEN, 0)
    with pytest.raises(errors.OrderAmountTooHigh):
        await psp.leg(order, card(), 1)
    await psp.bank(waits.ref, "Y")
    assert psp.the_order(order).stage is OrderStage.PAID


@pytest.mark.parametrize(("outcome", "code"), [("N", "11"), ("U", "16")])
async def test_a_failed_authentication_frees_its_share(outcome: str, code: str) -> None:
    psp = await opened()
    order = await psp.order(10_000)
    leg = await psp.leg(order, card(r.SECURE), 10_000)
    back = await psp.bank(leg.ref, outcome)
    assert back.refusal is not None
    assert (back.refusal.code, psp.remaining(order)) == (code, 10_000)


async def test_who_never_comes_back_loses_the_share_but_not_the_order() -> None:
    psp = await opened()
    order = await psp.order(10_000)
    leg = await psp.leg(order, card(r.SECURE), 10_000)
    await psp.advance(timedelta(minutes=15))
    assert (psp.payment(leg.ref).status, psp.remaining(order)) == (Status.ABANDONED, 10_000)
    with pytest.raises(errors.InvalidPayload):
        await psp.do(order, c.Complete(payment=leg.ref, step="redirect"))


async def test_cancelling_gives_everything_back_once() -> None:
    psp = await opened()
    order = await psp.order(10_000)
    sale = await psp.leg(order, meal_voucher(), 2_500)
    hold = await psp.leg(order, card(r.LIMITED), 2_500, capturing=r.MANUAL)
    waits = await psp.leg(order, card(r.SECURE), 2_500)
    for _ in range(2):
        await psp.cancel(order)
    assert [psp.payment(each.ref).status for each in (sale, hold, waits)] == [
        Status.ROLLED_BACK, Status.ROLLED_BACK, Status.ABANDONED,
    ]  # fmt: skip
    assert psp.balance(psp.account(meal_voucher())) == 6_120
    assert psp.balance(psp.account(card(r.LIMITED))) == 20_000
    assert psp.ceiling(meal_voucher(), "2026-01-06") == 0
    assert [code for code, _ in psp.codes()].count("ORDER_CLOSED") == 1
    with pytest.raises(errors.OrderCancelled):
        await psp.leg(order, card(), 1)


async def test_an_order_expires_and_cannot_be_paid_any_more() -> None:
    psp = await opened()
    order = await psp.order(10_000)
    await psp.leg(order, meal_voucher(), 2_500)
    await psp.advance(timedelta(days=1) - timedelta(seconds=1))
    assert psp.the_order(order).stage is OrderStage.OPEN
    await psp.advance(timedelta(seconds=1))
    assert psp.the_order(order).stage is OrderStage.EXPIRED
    assert psp.balance(psp.account(meal_voucher())) == 6_120
    with pytest.raises(errors.OrderExpired):
        await psp.leg(order, card(), 1)
    await psp.cancel(order)
    assert psp.the_order(order).stage is OrderStage.EXPIRED


async def test_a_paid_order_is_neither_cancelled_nor_expired() -> None:
    psp = await opened()
    order = await psp.order(100)
    await psp.leg(order, card(), 100)
    with pytest.raises(errors.OrderClosed):
        await psp.cancel(order)
    await psp.advance(timedelta(days=2))
    assert psp.the_order(order).stage is OrderStage.PAID


async def test_what_an_order_refuses() -> None:
    psp = await opened()
    order, other = await psp.order(1_000), await psp.order(1_000)
    refused: tuple[tuple[type[Refusal], dict[str, Any]], ...] = (
        (errors.OrderUnknown, {"order_data": psp.order_data(other)}),
        (errors.OrderUnknown, {"order": "NONE", "order_data": None}),
        (errors.OrderAmountTooHigh, {"amount": eur(1_001)}),
        (errors.OrderCurrencyMismatch, {"amount": Money(1_000, "USD")}),
        (errors.MissingField, {"amount": None}),
        (errors.ReturnUrlMissing, {"return_url": None}),
        (errors.InvalidAmount, {"amount": eur(0)}),
    )
    for refusal, changes in refused:
        given = {"amount": eur(100), "order": order, "order_data": psp.order_data(order), **changes}
        with pytest.raises(refusal):
            await psp.do(order, pay_command(card(), given.pop("amount"), **given))
    with pytest.raises(errors.MissingField):
        await psp.do(None, c.OpenOrder(merchant=MERCHANT, amount=None, reference=""))
    with pytest.raises(errors.MissingField):
        await psp.pay(card(), None)


async def test_an_amount_may_be_missing_where_the_setting_says_so() -> None:
    psp = await opened(missing_amount_in_order="remaining")
    order = await psp.order(1_000)
    assert (await psp.leg(order, card(), None)).amount == eur(1_000)


async def test_every_order_data_of_an_order_stays_good() -> None:
    psp = await opened()
    order = await psp.order(1_000)
    for number in (0, 0, 1, 7):
        await psp.leg(order, card(), 250, order_data=psp.order_data(order, number))
    assert psp.the_order(order).stage is OrderStage.PAID


# -- results that come later -------------------------------------------------------------------------------------------

LATE = {"after": timedelta(hours=1), "resolves": "authorised"}


async def test_a_late_result_for_an_order_that_is_closed_is_no_money() -> None:
    psp = await opened(rules=[rule("payments", "pending", times=1, details=LATE)])
    order = await psp.order(1_000)
    leg = await psp.leg(order, card(r.LIMITED), 1_000)
    await psp.cancel(order)
    await psp.advance(timedelta(hours=1))
    assert psp.payment(leg.ref).status is Status.REFUSED
    assert psp.balance(psp.account(card(r.LIMITED))) == 20_000


async def test_a_late_result_meets_the_balance_as_it_is_then() -> None:
    psp = await opened(rules=[rule("payments", "received", times=1, details=LATE)])
    late = await psp.pay(card(r.LIMITED), 15_000)
    await psp.pay(card(r.LIMITED), 15_000)
    await psp.advance(timedelta(hours=1))
    found = psp.payment(late.ref).refusal
    assert found is not None
    assert found.code == "12"


@pytest.mark.parametrize("number", [r.RICH, "5075990000002500"])
async def test_a_late_result_meets_what_the_voucher_may_still_pay(number: str) -> None:
    psp = await opened(rules=[rule("payments", "pending", times=1, details=LATE)])
    late = await psp.pay(meal_voucher(number), 2_500)
    await psp.pay(meal_voucher(number), 2_500)
    await psp.advance(timedelta(hours=1))
    assert psp.payment(late.ref).status is Status.REFUSED


async def test_a_late_result_is_known_once() -> None:
    psp = await opened(rules=[rule("payments", "pending", details={**LATE, "resolves": "refused"})])
    late = await psp.pay(card(), 100)
    await psp.advance(timedelta(hours=1))
    assert psp.codes() == [("PENDING", late.ref), ("AUTHORISATION", late.ref)]
    with pytest.raises(errors.InvalidPaymentData):
        await psp.do(late.ref, c.Resolve(late.ref))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("authorised", Status.AUTHORISED), ("refused", Status.REFUSED), ("pending", Status.RESULT_AWAITED)],
)
async def test_a_rule_decides_when_the_shopper_is_back(outcome: str, status: Status) -> None:
    psp = await opened(rules=[rule("three_ds", outcome)])
    paid = await psp.pay(card(r.SECURE), 100)
    assert (await psp.bank(paid.ref, "N")).status is status


async def test_no_rule_pays_what_is_not_there() -> None:
    psp = await opened(rules=[rule("payments", "authorised")])
    assert (await psp.pay(card(r.LIMITED), 20_001)).status is Status.REFUSED
    assert (await psp.pay(card(r.DECLINED), 1)).status is Status.AUTHORISED


async def test_a_fingerprint_leads_to_a_challenge() -> None:
    psp = await opened()
    paid = await psp.pay(card(r.SECURE), 100, native=True)
    with pytest.raises(errors.InvalidPaymentData):
        await psp.do(paid.ref, c.Complete(payment=paid.ref, step="challenge", outcome="Y"))
    await psp.do(paid.ref, c.Complete(payment=paid.ref, step="fingerprint", outcome="Y"))
    await psp.do(paid.ref, c.Complete(payment=paid.ref, step="challenge", outcome="Y"))
    assert psp.payment(paid.ref).status is Status.AUTHORISED
    with pytest.raises(errors.ShopperRefused):
        await psp.do(paid.ref, c.Authenticate(payment=paid.ref, outcome="Y"))


async def test_a_payment_whose_reference_looks_like_a_links_is_authenticated_at_the_bank() -> None:
    psp = await Restaurant(name="r819").open()
    paid = await psp.pay(card(r.SECURE), 100)
    assert paid.ref.startswith("PL"), "the references of this sandbox are no longer those that the test needs"
    await shopper.AdyenShopper().act(
        psp.sandbox, paid.ref, ShopperScript(key="t", at="adyen.three_ds", trigger=Trigger())
    )
    assert psp.payment(paid.ref).status is not Status.AWAITING_SHOPPER


@pytest.mark.parametrize(("three_ds", "number", "waits"), [("always", r.VISA, True), ("never", r.SECURE, False)])
async def test_a_request_can_want_an_authentication_or_not(three_ds: str, number: str, waits: bool) -> None:
    psp = await opened()
    assert ((await psp.pay(card(number), 100, three_ds=three_ds)).status is Status.AWAITING_SHOPPER) is waits


async def test_a_card_can_expire_while_its_shopper_is_at_the_bank() -> None:
    psp = await opened(clock=START.replace(day=31, hour=23, minute=55))
    paid = await psp.pay(card(r.SECURE, month="01", year="2026"), 100)
    await psp.advance(timedelta(minutes=5))
    found = (await psp.bank(paid.ref, "Y")).refusal
    assert found is not None
    assert found.code == "6"


# -- sessions and links ------------------------------------------------------------------------------------------------


async def test_a_session_that_ends_gives_its_order_back() -> None:
    psp = await opened()
    ref = await psp.session(10_000)
    leg = await shopper.pay(psp.world, ref, meal_voucher(), None)
    await psp.advance(timedelta(hours=1))
    assert (psp.purchase(ref).stage, psp.payment(leg).status) == (CheckoutStage.EXPIRED, Status.ROLLED_BACK)
    with pytest.raises(errors.CheckoutClosed):
        await psp.do(ref, pay_command(card(), None))


async def test_who_gives_up_closes_a_session_and_not_a_link() -> None:
    psp = await opened()
    session, link = await psp.session(100), await psp.link(100)
    waits = await shopper.pay(psp.world, session, card(r.SECURE), None)
    for ref in (session, link):
        await psp.do(ref, c.GiveUp())
    assert psp.payment(waits).status is Status.ABANDONED
    assert [psp.purchase(ref).stage for ref in (session, link)] == [CheckoutStage.CANCELLED, CheckoutStage.ACTIVE]
    await psp.do(link, c.EndLink())
    assert psp.purchase(link).stage is CheckoutStage.EXPIRED


async def test_a_reusable_link_is_paid_again_and_again() -> None:
    psp = await opened()
    ref = await psp.link(100, reusable=True)
    for _ in range(2):
        await psp.do(ref, pay_command(card(), None))
    assert psp.purchase(ref).stage is CheckoutStage.ACTIVE
    assert [each.status for each in psp.purchase(ref).payments] == [Status.AUTHORISED] * 2


async def test_a_late_result_for_a_session_that_is_over_is_no_money() -> None:
    psp = await opened(rules=[rule("payments", "pending", details={**LATE, "after": timedelta(hours=2)})])
    ref = await psp.session(100)
    paid = await shopper.pay(psp.world, ref, card(), None)
    await psp.advance(timedelta(hours=2))
    assert psp.payment(paid).status is Status.REFUSED


async def test_a_capture_can_fail_later_by_itself() -> None:
    psp = await opened(rules=[rule("payments", "authorised", details={"capture_fails": timedelta(days=1)})])
    paid = await psp.pay(card(), 100)
    await psp.advance(timedelta(days=1))
    assert (psp.payment(paid.ref).captured, psp.codes()[-1][0]) == (0, "CAPTURE_FAILED")
    assert await psp.changed(paid.ref, Kind.REFUND, 100) == (
        "refused",
        "Transaction hasn't been captured, refund not possible",
    )


# -- the rest of the branches ------------------------------------------------------------------------------------------


async def test_a_session_has_one_open_order() -> None:
    psp = await opened()
    ref = await psp.session(10_000)
    opening = c.OpenOrder(merchant=MERCHANT, amount=None, reference="ORD")
    await psp.do(ref, opening)
    with pytest.raises(errors.OrderClosed):
        await psp.do(ref, opening)


async def test_a_request_asks_for_its_own_refusal_but_not_for_money_that_is_not_there() -> None:
    psp = await opened()
    refused = await psp.pay(card(holder="BLOCK_CARD"), 100)
    poor = await psp.pay(card(r.LIMITED, holder="APPROVED"), 20_001)
    assert [each.refusal.code for each in (refused, poor) if each.refusal is not None] == ["5", "12"]


async def test_encryption_for_somebody_else_is_told() -> None:
    psp = await opened()
    outcome = await psp.do(None, pay_command(card(foreign=True), eur(100)))
    assert "foreign_encryption" in outcome.reasoning.settings


async def test_details_of_no_payment() -> None:
    psp = await opened()
    paid = await psp.pay(card(), 100)
    with pytest.raises(errors.InvalidPaymentData):
        await psp.do(paid.ref, c.Complete(payment="NONE", step="redirect"))


async def test_who_came_back_in_time_is_not_given_up() -> None:
    psp = await opened()
    paid = await psp.pay(card(r.SECURE), 100)
    assert paid.action is not None
    await psp.bank(paid.ref, "Y")
    with pytest.raises(errors.InvalidPaymentData):
        await psp.do(paid.ref, c.Lapse(paid.ref, paid.action.secret))
