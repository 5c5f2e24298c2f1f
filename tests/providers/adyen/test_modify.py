"""Every way in which a capture, cancel, refund, reversal or amount update is done, is not possible, or fails later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import errors, modify
from mockpsp.providers.adyen.purchases import TRANSIT
from mockpsp.providers.adyen.states import Kind, Status
from tests.support import restaurant as r
from tests.support.restaurant import MERCHANT, Restaurant, card, eur, gift_card, rule, scenario
from tests.support.restaurant import voucher as meal_voucher

DONE = ("done", "")
RECEIVED = f"adyen/merchant/{MERCHANT}"


async def opened(**chosen: Any) -> Restaurant:
    """A restaurant whose scenario says this."""
    return await Restaurant(scenario(**chosen)).open()


def sums(psp: Restaurant, payment: str) -> tuple[int, int, int, int]:
    """Authorised, captured, released, refunded."""
    found = psp.payment(payment)
    return found.authorised, found.captured, found.released, found.refunded


async def held(psp: Restaurant, means: c.MeansInput | None = None, amount: int = 1_000) -> str:
    """A payment that waits for its capture."""
    return (await psp.pay(means or card(r.LIMITED), amount, capturing=r.MANUAL)).ref


async def test_the_first_capture_releases_the_rest() -> None:
    psp = await opened()
    paid = await held(psp)
    assert await psp.changed(paid, Kind.CAPTURE, 400) == DONE
    assert sums(psp, paid) == (1_000, 400, 600, 0)
    assert psp.balance(psp.account(card(r.LIMITED))) == 19_600
    assert await psp.changed(paid, Kind.CAPTURE, 1) == ("refused", modify.INSUFFICIENT)


async def test_several_captures_where_the_account_has_them() -> None:
    psp = await opened(multiple_partial_captures=True)
    paid = await held(psp)
    for amount in (400, 600):
        assert await psp.changed(paid, Kind.CAPTURE, amount) == DONE
    assert await psp.changed(paid, Kind.REVERSAL) == ("refused", modify.SEVERAL_CAPTURES)
    assert await psp.changed(paid, Kind.REFUND, 1_000) == DONE
    assert await psp.changed(paid, Kind.REFUND, 1) == ("refused", modify.INSUFFICIENT)


async def test_meal_vouchers_are_captured_as_a_whole_and_never_refunded() -> None:
    psp = await opened()
    paid = await held(psp, meal_voucher())
    assert await psp.changed(paid, Kind.CAPTURE, 999) == ("refused", modify.NO_PARTS)
    assert await psp.changed(paid, Kind.REFUND, 1_000) == ("refused", modify.NOT_CAPTURED)
    assert await psp.changed(paid, Kind.CAPTURE, 1_000) == DONE
    assert await psp.changed(paid, Kind.REFUND, 1_000) == ("refused", modify.NO_REFUNDS)
    assert await psp.changed(paid, Kind.REVERSAL) == ("refused", modify.NO_REFUNDS)


async def test_a_refund_of_a_voucher_can_be_refused_at_once() -> None:
    psp = await opened(voucher_refund="refused_at_once")
    paid = await psp.pay(meal_voucher(), 1_000)
    with pytest.raises(errors.RefundNotSupported):
        await psp.modify(paid.ref, Kind.REFUND, 1_000)


@pytest.mark.parametrize("kind", [Kind.CANCEL, Kind.TECHNICAL_CANCEL, Kind.REVERSAL])
async def test_what_is_not_captured_is_cancelled_once(kind: Kind) -> None:
    psp = await opened()
    paid = await held(psp)
    assert await psp.changed(paid, kind) == DONE
    assert psp.payment(paid).status is Status.CANCELLED
    assert psp.balance(psp.account(card(r.LIMITED))) == 20_000
    assert await psp.changed(paid, kind) == ("refused", modify.NOT_OPEN)
    assert await psp.changed(paid, Kind.CAPTURE, 1) == ("refused", modify.NOT_OPEN)
    assert await psp.changed(paid, Kind.AMOUNT_UPDATE, 1) == ("refused", modify.NOT_OPEN)


async def test_what_is_captured_is_not_cancelled_but_reversed() -> None:
    psp = await opened()
    paid = (await psp.pay(card(), 1_000)).ref
    for kind in (Kind.CANCEL, Kind.TECHNICAL_CANCEL):
        assert await psp.changed(paid, kind) == ("refused", modify.CAPTURED_ALREADY)
    assert await psp.changed(paid, Kind.REVERSAL) == DONE
    assert sums(psp, paid) == (1_000, 1_000, 0, 1_000)
    assert await psp.changed(paid, Kind.REVERSAL) == ("refused", modify.INSUFFICIENT)


@pytest.mark.parametrize(("later", "result"), [(0, DONE), (1, ("refused", modify.TOO_LATE))])
async def test_a_cancel_by_reference_has_a_day(later: int, result: tuple[str, str]) -> None:
    psp = await opened()
    paid = await held(psp)
    await psp.advance(timedelta(hours=24, seconds=later))
    assert await psp.changed(paid, Kind.TECHNICAL_CANCEL) == result


@pytest.mark.parametrize(
    ("amount", "result", "left"),
    [
        (1_500, DONE, 18_500),
        (400, DONE, 19_600),
        (1_000, DONE, 19_000),
        (20_000, DONE, 0),
        (20_001, ("refused", "Not enough balance"), 19_000),
    ],
)
async def test_an_amount_update_moves_what_is_held(amount: int, result: tuple[str, str], left: int) -> None:
    psp = await opened()
    paid = await held(psp)
    assert await psp.changed(paid, Kind.AMOUNT_UPDATE, amount) == result
    assert psp.balance(psp.account(card(r.LIMITED))) == left
    assert psp.payment(paid).held == 20_000 - left


async def test_only_cards_that_nothing_was_captured_of_are_updated() -> None:
    psp = await opened()
    for means in (meal_voucher(), gift_card()):
        paid = await held(psp, means)
        assert await psp.changed(paid, Kind.AMOUNT_UPDATE, 1) == ("refused", modify.NO_UPDATES)
    sale = (await psp.pay(card(), 1_000)).ref
    assert await psp.changed(sale, Kind.AMOUNT_UPDATE, 1) == ("refused", modify.NOT_OPEN)


async def test_what_is_refused_at_once() -> None:
    psp = await opened()
    paid, failed = await held(psp), (await psp.pay(card(r.DECLINED), 100)).ref
    for amount, refusal in ((eur(0), errors.InvalidAmount), (Money(1, "USD"), errors.UnsupportedCurrency)):
        with pytest.raises(refusal):
            await psp.do(paid, c.Modify(payment=paid, kind="capture", amount=amount, reference=""))
    for payment in (failed, "NONE"):
        with pytest.raises(errors.UnknownPayment):
            await psp.do(failed, c.Modify(payment=payment, kind="cancel", amount=None, reference=""))


async def test_a_result_comes_when_its_time_has_come_and_only_once() -> None:
    psp = await opened(modification_delay=timedelta(hours=1))
    paid = await held(psp)
    first = await psp.modify(paid, Kind.CAPTURE, 1_000)
    second = await psp.modify(paid, Kind.CANCEL)
    assert sums(psp, paid) == (1_000, 0, 0, 0)
    await psp.advance(timedelta(hours=1))
    assert [each.outcome.value for each in psp.payment(paid).modifications] == ["done", "refused"]
    for again in (first, second, "NONE"):
        with pytest.raises(errors.ShopperRefused):
            await psp.do(paid, c.Settle(paid, again))


async def test_a_rule_refuses_with_its_own_words() -> None:
    psp = await opened(rules=[rule("capture", "refused", details={"text": "Not today"})])
    paid = await held(psp)
    assert await psp.changed(paid, Kind.CAPTURE, 1_000) == ("refused", "Not today")


@pytest.mark.parametrize(
    ("outcome", "code", "state"),
    [("fails", "REFUND_FAILED", "failed"), ("reversed", "REFUNDED_REVERSED", "reversed")],
)
@pytest.mark.parametrize(("kind", "operation"), [(Kind.REFUND, "refund"), (Kind.REVERSAL, "reversal")])
async def test_a_refund_can_come_back(kind: Kind, operation: str, outcome: str, code: str, state: str) -> None:
    psp = await opened(rules=[rule(operation, outcome, details={"after": timedelta(hours=1)})])
    paid = (await psp.pay(card(), 1_000)).ref
    assert await psp.changed(paid, kind, 1_000 if kind is Kind.REFUND else None) == DONE
    assert (psp.balance(TRANSIT), psp.balance(RECEIVED)) == (1_000, 0)
    await psp.advance(timedelta(hours=1))
    assert (psp.balance(TRANSIT), psp.balance(RECEIVED)) == (0, 1_000)
    assert psp.payment(paid).modifications[0].outcome.value == state
    assert psp.codes()[-1][0] == code


async def test_a_reversal_that_fails_brings_back_what_it_refunded() -> None:
    failing = rule("reversal", "fails", details={"after": timedelta(hours=1)})
    psp = await opened(rules=[failing], multiple_partial_captures=True)
    paid = await held(psp)
    for kind, amount in ((Kind.CAPTURE, 300), (Kind.REVERSAL, None), (Kind.CAPTURE, 500)):
        assert await psp.changed(paid, kind, amount) == DONE
    await psp.advance(timedelta(hours=1))
    assert sums(psp, paid) == (1_000, 800, 0, 0)
    assert (psp.balance(TRANSIT), psp.balance(RECEIVED)) == (0, 800)


async def test_a_capture_can_fail_later_unless_its_money_has_moved_on() -> None:
    psp = await opened(rules=[rule("capture", "fails", details={"after": timedelta(hours=1)})])
    kept, refunded = await held(psp), await held(psp)
    for paid in (kept, refunded):
        assert await psp.changed(paid, Kind.CAPTURE, 1_000) == DONE
    assert await psp.changed(refunded, Kind.REFUND, 1) == DONE
    await psp.advance(timedelta(hours=1))
    assert (sums(psp, kept), sums(psp, refunded)) == ((1_000, 0, 1_000, 0), (1_000, 1_000, 0, 1))


async def test_what_failed_after_a_roll_back_is_over() -> None:
    psp = await opened(rules=[rule("capture", "fails", details={"after": timedelta(hours=1)})])
    order = await psp.order(2_000)
    leg = await psp.leg(order, card(r.LIMITED), 1_000, capturing=r.MANUAL)
    assert await psp.changed(leg.ref, Kind.CAPTURE, 1_000) == DONE
    await psp.cancel(order)
    await psp.advance(timedelta(hours=1))
    assert psp.payment(leg.ref).status is Status.ROLLED_BACK
    assert psp.balance(psp.account(card(r.LIMITED))) == 20_000
    for kind in (Kind.REFUND, Kind.CAPTURE):
        assert (await psp.changed(leg.ref, kind, 1))[0] == "refused"


async def test_a_delayed_capture_comes_by_itself_and_an_authorisation_expires() -> None:
    psp = await opened(authorisation_life=timedelta(days=7))
    delayed = (await psp.pay(card(), 1_000, capturing=r.DELAYED)).ref
    forgotten = await held(psp)
    await psp.advance(timedelta(hours=2))
    assert sums(psp, delayed) == (1_000, 1_000, 0, 0)
    await psp.advance(timedelta(days=7))
    assert (psp.payment(delayed).status, psp.payment(forgotten).status) == (Status.AUTHORISED, Status.EXPIRED)
    assert psp.balance(psp.account(card(r.LIMITED))) == 20_000
    for command in (c.CaptureByItself(forgotten), c.LetExpire(delayed)):
        with pytest.raises(errors.ShopperRefused):
            await psp.do(command.payment, command)


async def test_the_rest_of_an_authorisation_expires_and_the_captured_part_stays() -> None:
    psp = await opened(multiple_partial_captures=True, authorisation_life=timedelta(days=7), expire_webhook=True)
    paid = await held(psp)
    assert await psp.changed(paid, Kind.CAPTURE, 300) == DONE
    await psp.advance(timedelta(days=7))
    assert psp.payment(paid).status is Status.AUTHORISED
    assert sums(psp, paid) == (1_000, 300, 700, 0)
    assert psp.codes()[-1] == ("EXPIRE", paid)
    assert await psp.changed(paid, Kind.REFUND, 300) == DONE


async def test_a_refund_that_fails_after_its_order_was_rolled_back_is_the_merchants_again() -> None:
    psp = await opened(rules=[rule("refund", "fails", details={"after": timedelta(hours=1)})])
    order = await psp.order(2_000)
    paid = (await psp.leg(order, card(), 1_000)).ref
    assert await psp.changed(paid, Kind.REFUND, 400) == DONE
    await psp.cancel(order)
    assert (psp.balance(TRANSIT), psp.balance(RECEIVED)) == (400, 0)
    await psp.advance(timedelta(hours=1))
    assert (psp.balance(TRANSIT), psp.balance(RECEIVED)) == (0, 400)
    assert psp.payment(paid).status is Status.ROLLED_BACK
