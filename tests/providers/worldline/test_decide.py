"""The edges of the rules: the last second of a window, the night of summer time, the end of a month, late answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mockpsp.domain.clock import paris
from mockpsp.domain.errors import Refusal
from mockpsp.domain.money import Money
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline.create import FIRST_ID
from mockpsp.providers.worldline.decide import attempts_left, complement_products, offer
from mockpsp.providers.worldline.errors import ActionNotAllowed, InvalidValue, ShopperRefused, UnknownPayment
from mockpsp.providers.worldline.events import References
from mockpsp.providers.worldline.issuers import is_expired
from mockpsp.providers.worldline.maintain import late, shares
from mockpsp.providers.worldline.orders import REFUNDS
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import Code, Kind, Order, Stage, Tender
from tests.support import shop
from tests.support.shop import Shop, card, eur, order_input, rule, scenario

WALLET = f"worldline/wallet/{shop.RICH}"
MERCHANT = f"worldline/merchant/{shop.MERCHANT}"


async def opened(**chosen: Any) -> Shop:
    """A shop whose scenario says this."""
    return await Shop(scenario(**chosen)).open()


def refund(amount: int | None, tender: str | None = None) -> c.Refund:
    """RefundPayment."""
    return c.Refund(tender=tender, amount=None if amount is None else eur(amount), reference="RF")


def capture(tender: str, amount: int | None = None, *, final: bool = False) -> c.Capture:
    """CapturePayment."""
    asked = None if amount is None else eur(amount)
    return c.Capture(tender=tender, amount=asked, final=final or amount is None, reference="CAP")


def cancel(tender: str, amount: int | None = None) -> c.Cancel:
    """CancelPayment."""
    return c.Cancel(tender=tender, amount=None if amount is None else eur(amount), reference="CAN")


def codes(order: Order) -> list[tuple[Kind, int, int]]:
    """Every operation: what it is, its amount, its code; card tenders after the vouchers."""
    return [(each.kind, each.amount.minor, int(each.code)) for tender in order.tenders for each in tender.operations]


# -- four hours --------------------------------------------------------------------------------------------------------


async def test_vouchers_come_back_at_four_hours_exactly() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(12_000))
    await psp.vouchers(ref)
    await psp.advance(timedelta(hours=4))
    await psp.do(ref, refund(12_000))
    assert psp.order(ref).first.refunded == 12_000


async def test_one_second_later_they_do_not() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(12_000))
    await psp.vouchers(ref)
    await psp.advance(timedelta(hours=4, seconds=1))
    with pytest.raises(ActionNotAllowed, match="PT4H of their payment"):
        await psp.do(ref, refund(12_000))


async def test_card_money_of_a_split_comes_back_after_the_window_and_vouchers_do_not() -> None:
    psp = await opened()
    ref = await psp.split()
    await psp.advance(timedelta(hours=4, minutes=1))
    await psp.do(ref, refund(40_000))
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, refund(1))
    vouchers, complement = psp.order(ref).tenders
    assert (vouchers.refunded, complement.refunded) == (0, 40_000)


async def test_a_mixed_refund_after_the_window_is_refused_as_a_whole() -> None:
    psp = await opened()
    ref = await psp.split()
    await psp.advance(timedelta(hours=4, minutes=1))
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, refund(40_001))
    assert psp.order(ref).tenders[1].refunded == 0


async def test_the_window_starts_at_the_voucher_payment_and_not_at_the_complement() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), timeout=timedelta(hours=10))
    await psp.vouchers(ref, eur(100_000))
    await psp.advance(timedelta(hours=3, minutes=59))
    await psp.complement(ref)
    await psp.advance(timedelta(minutes=2))
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, refund(50_000))


async def test_the_window_starts_at_the_payment_and_not_at_the_capture() -> None:
    psp = await opened()
    ref = await psp.authorised()
    await psp.advance(timedelta(hours=5))
    await psp.do(ref, capture(ref))
    await psp.advance(timedelta(0))
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, refund(1))


async def test_refused_later_the_call_is_accepted_and_the_issuer_says_no() -> None:
    psp = await opened(late_voucher_refund="refused_later")
    ref = await psp.checkout(eur(12_000))
    await psp.vouchers(ref)
    await psp.advance(timedelta(hours=4, seconds=1))
    outcome = await psp.do(ref, refund(12_000))
    assert outcome.reasoning.settings == ("late_voucher_refund",)
    assert codes(psp.order(ref)) == [(Kind.REFUND, 12_000, 81)]
    await psp.advance(timedelta(0))
    assert codes(psp.order(ref)) == [(Kind.REFUND, 12_000, 83)]
    assert psp.order(ref).first.refunded == 0
    assert psp.balance(MERCHANT) == 12_000


@pytest.mark.parametrize(
    ("paid", "clocks_change"),
    [
        pytest.param(datetime(2026, 3, 29, 1, 30, tzinfo=UTC) - timedelta(hours=1), "forward", id="the short night"),
        pytest.param(datetime(2026, 10, 25, 0, 30, tzinfo=UTC) - timedelta(hours=1), "back", id="the long night"),
    ],
)
async def test_four_hours_are_four_hours_in_the_night_in_which_the_clocks_change(
    paid: datetime, clocks_change: str
) -> None:
    """On the wall in Paris five or three hours pass; the window does not look at the wall."""
    psp = await opened(clock=paid)
    ref = await psp.checkout(eur(12_000))
    await psp.vouchers(ref)
    end = paid + timedelta(hours=4)
    shift = end.astimezone(paris()).utcoffset() != paid.astimezone(paris()).utcoffset()
    assert shift, f"the clocks go {clocks_change} in between"
    tender = psp.order(ref).first
    assert not late(tender, end, WorldlineSettings())
    assert late(tender, end + timedelta(seconds=1), WorldlineSettings())


async def test_the_window_is_a_setting() -> None:
    psp = await opened(voucher_refund_window=timedelta(minutes=10))
    ref = await psp.checkout(eur(12_000))
    await psp.vouchers(ref)
    await psp.advance(timedelta(minutes=10))
    await psp.do(ref, refund(1))
    await psp.advance(timedelta(seconds=1))
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, refund(1))


# -- refunds of a split ------------------------------------------------------------------------------------------------


async def test_a_series_of_refunds_takes_card_money_first() -> None:
    psp = await opened()
    ref = await psp.split()
    taken = []
    for amount in (30_000, 30_000, 80_000):
        taken.append([part.minor for _, part in shares(psp.order(ref), refund(amount))])
        await psp.do(ref, refund(amount))
        await psp.advance(timedelta(0))
    assert taken == [[30_000], [10_000, 20_000], [80_000]]
    with pytest.raises(ActionNotAllowed, match="nothing is left"):
        await psp.do(ref, refund(1))
    assert psp.balance(MERCHANT) == 0
    assert psp.balance(WALLET) == 10_000_000


async def test_by_the_cards_own_id_only_the_card_gives_back() -> None:
    psp = await opened()
    ref = await psp.split()
    complement = psp.order(ref).tenders[1]
    with pytest.raises(ActionNotAllowed, match="more than what is left"):
        await psp.do(ref, refund(40_001, complement.inner))
    await psp.do(ref, refund(None, complement.inner))
    assert [tender.refunded for tender in psp.order(ref).tenders] == [0, 40_000]


async def test_by_the_vouchers_id_a_refund_without_amount_gives_everything_back() -> None:
    psp = await opened()
    ref = await psp.split()
    await psp.do(ref, refund(None))
    assert [tender.refunded for tender in psp.order(ref).tenders] == [100_000, 40_000]


@pytest.mark.parametrize("amount", [0, -1, 140_001])
async def test_a_refund_of_nothing_or_too_much_is_not_allowed(amount: int) -> None:
    psp = await opened()
    ref = await psp.split()
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, refund(amount))


async def test_a_refund_in_another_currency_is_an_invalid_value() -> None:
    psp = await opened()
    ref = await psp.split()
    with pytest.raises(InvalidValue, match=r"amountOfMoney\.currencyCode"):
        await psp.do(ref, c.Refund(tender=None, amount=Money(100, "CHF"), reference=""))


async def test_money_on_its_way_back_cannot_be_refunded_twice() -> None:
    psp = await opened(refund_delay=timedelta(hours=1))
    ref = await psp.split()
    await psp.do(ref, refund(140_000))
    assert psp.balance(REFUNDS) == 140_000
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, refund(1))
    await psp.advance(timedelta(hours=1))
    assert psp.balance(REFUNDS) == 0


async def test_what_the_issuer_refused_to_take_back_can_be_refunded_again() -> None:
    psp = await opened(rules=[rule("refund", "refused", nth=1)])
    ref = await psp.split()
    await psp.do(ref, refund(140_000))
    await psp.advance(timedelta(0))
    assert codes(psp.order(ref)) == [(Kind.REFUND, 100_000, 83), (Kind.REFUND, 40_000, 83)]
    await psp.do(ref, refund(140_000))
    await psp.advance(timedelta(0))
    assert codes(psp.order(ref))[1::2] == [(Kind.REFUND, 100_000, 8), (Kind.REFUND, 40_000, 8)]


async def test_an_uncertain_refund_stays_under_way_for_good() -> None:
    psp = await opened(rules=[rule("refund", "uncertain")])
    ref = await psp.split()
    await psp.do(ref, refund(1_000))
    await psp.advance(timedelta(days=30))
    assert codes(psp.order(ref)) == [(Kind.REFUND, 1_000, 82)]
    assert psp.balance(REFUNDS) == 1_000


async def test_a_declined_refund_changes_no_balance() -> None:
    psp = await opened(rules=[rule("refund", "declined", reason="do_not_honour")])
    ref = await psp.split()
    await psp.do(ref, refund(1_000))
    await psp.advance(timedelta(0))
    operation = psp.order(ref).tenders[1].operations[0]
    assert operation.code is Code.REFUND_REJECTED
    assert operation.error is not None
    assert operation.error.error_code == "30051001"
    assert (psp.balance(MERCHANT), psp.balance(REFUNDS)) == (140_000, 0)


# -- capture and cancel ------------------------------------------------------------------------------------------------


async def test_a_part_then_the_remainder_is_captured() -> None:
    psp = await opened()
    ref = await psp.authorised()
    await psp.do(ref, capture(ref, 5_000))
    await psp.do(ref, capture(ref, 7_000))
    with pytest.raises(ActionNotAllowed, match="nothing is left"):
        await psp.do(ref, capture(ref, 1))
    assert psp.balance(MERCHANT) == 12_000


async def test_a_final_capture_gives_the_rest_back_at_once() -> None:
    psp = await opened()
    ref = await psp.authorised()
    await psp.do(ref, capture(ref, 5_000, final=True))
    assert psp.balance(WALLET) == 10_000_000 - 5_000
    assert psp.order(ref).acquired == eur(5_000)
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, capture(ref, 1))
    with pytest.raises(ActionNotAllowed):
        await psp.do(ref, cancel(ref))


async def test_a_part_then_a_part_of_the_remainder_is_cancelled() -> None:
    psp = await opened()
    ref = await psp.authorised()
    await psp.do(ref, cancel(ref, 5_000))
    with pytest.raises(ActionNotAllowed, match="more than what is left"):
        await psp.do(ref, cancel(ref, 7_001))
    await psp.do(ref, cancel(ref, 3_000))
    await psp.advance(timedelta(0))
    assert psp.balance(WALLET) == 10_000_000 - 4_000
    assert psp.order(ref).acquired == eur(4_000)


async def test_a_refused_cancellation_leaves_the_authorisation_as_it_was() -> None:
    psp = await opened(rules=[rule("cancel", "refused")])
    ref = await psp.authorised()
    await psp.do(ref, cancel(ref))
    await psp.advance(timedelta(0))
    assert codes(psp.order(ref)) == [(Kind.CANCEL, 12_000, 63)]
    assert (psp.order(ref).first.open, psp.order(ref).acquired) == (12_000, eur(12_000))
    await psp.do(ref, capture(ref))


async def test_a_refused_capture_can_be_tried_again() -> None:
    psp = await opened(rules=[rule("capture", "refused", nth=1)])
    ref = await psp.authorised()
    await psp.do(ref, capture(ref))
    await psp.advance(timedelta(0))
    assert codes(psp.order(ref)) == [(Kind.CAPTURE, 12_000, 93)]
    assert psp.balance(f"{WALLET}/held") == 12_000
    await psp.do(ref, capture(ref))
    await psp.advance(timedelta(0))
    assert codes(psp.order(ref))[1] == (Kind.CAPTURE, 12_000, 9)


async def test_a_capture_that_was_refunded_meanwhile_is_refused_no_more() -> None:
    """The platform lets a capture be refunded before its result; the money cannot be taken back twice."""
    psp = await opened(rules=[rule("capture", "refused")], capture_delay=timedelta(hours=1))
    ref = await psp.authorised()
    await psp.do(ref, capture(ref))
    await psp.do(ref, refund(1))
    await psp.advance(timedelta(hours=1))
    assert codes(psp.order(ref)) == [(Kind.CAPTURE, 12_000, 9), (Kind.REFUND, 1, 8)]
    assert psp.balance(MERCHANT) == 11_999


async def test_an_authorisation_is_captured_by_itself_when_the_merchant_asked_for_that() -> None:
    psp = await opened()
    order = order_input(eur(5_000), product=1, beneficiary="", auto_capture=timedelta(minutes=30))
    ref = (await psp.do(None, c.CreatePayment(order=order, return_url="", card=card(), authorise=True))).ref
    await psp.advance(timedelta(minutes=29, seconds=59))
    assert codes(psp.order(ref)) == []
    await psp.advance(timedelta(seconds=1))
    assert codes(psp.order(ref)) == [(Kind.CAPTURE, 5_000, 9)]


async def test_the_automatic_capture_finds_nothing_when_the_merchant_was_faster() -> None:
    psp = await opened()
    order = order_input(eur(5_000), product=1, beneficiary="", auto_capture=timedelta(minutes=30))
    ref = (await psp.do(None, c.CreatePayment(order=order, return_url="", card=card(), authorise=True))).ref
    await psp.do(ref, cancel(ref))
    await psp.advance(timedelta(hours=1))
    assert codes(psp.order(ref)) == [(Kind.CANCEL, 5_000, 6)]


@pytest.mark.parametrize("command", [capture("4375009999"), cancel("4375009999"), refund(1, "4375009999"), refund(1)])
async def test_maintenance_of_what_does_not_exist(command: Any) -> None:
    psp = await opened()
    with pytest.raises(UnknownPayment):
        await psp.do("4375009999", command)


# -- vouchers ----------------------------------------------------------------------------------------------------------


async def test_a_wallet_that_covers_half_leaves_the_other_half_to_a_card() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(10_001))
    order = await psp.vouchers(ref, beneficiary=shop.HALF)
    assert (order.first.share, order.remaining) == (eur(5_000), eur(5_001))
    assert order.stage is Stage.IN_PROGRESS
    order = await psp.complement(ref)
    assert [tender.share.minor for tender in order.tenders] == [5_000, 5_001]
    assert order.stage is Stage.PAYMENT_CREATED


async def test_an_order_of_one_cent_is_too_small_for_a_wallet_that_covers_half() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(1))
    order = await psp.vouchers(ref, beneficiary=shop.HALF)
    assert order.first.code is Code.REJECTED
    assert order.first.error is not None
    assert order.first.error.error_code == "30511001"


@pytest.mark.parametrize(
    ("amount", "problem"),
    [(0, "bad_amount"), (-1, "bad_amount"), (140_001, "amount_above_order"), (30_001, "amount_above_balance")],
)
async def test_what_the_beneficiary_cannot_choose_in_the_app(amount: int, problem: str) -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000))
    await psp.do(ref, c.GoToConnect(beneficiary=shop.POOR))
    with pytest.raises(ShopperRefused) as refused:
        await psp.do(ref, c.PayVouchers(amount=eur(amount)))
    assert (refused.value.key, refused.value.field) == (problem, "voucher_amount")
    assert psp.order(ref).attempts == 0, "a slip on the page is no attempt"


async def test_another_currency_than_the_orders_is_a_slip() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000))
    await psp.do(ref, c.GoToConnect(beneficiary=shop.RICH))
    with pytest.raises(ShopperRefused) as refused:
        await psp.do(ref, c.PayVouchers(amount=Money(100, "USD")))
    assert (refused.value.key, refused.value.field) == ("bad_amount", "voucher_amount")


async def test_a_wallet_offers_nothing_to_a_beneficiary_whom_ancv_does_not_know() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(12_000), order={"beneficiary": "66666666666"})
    assert offer(psp.order(ref), psp.world.moment("worldline")) == eur(0)


async def test_a_rule_refuses_even_a_beneficiary_whom_ancv_does_not_know() -> None:
    psp = await opened(rules=[rule("beneficiary", "refused")])
    ref = await psp.checkout(eur(12_000))
    await psp.do(ref, c.GoToConnect(beneficiary="66666666666"))
    assert psp.order(ref).first.code is Code.REJECTED


async def test_with_a_fixed_amount_vouchers_that_do_not_cover_the_order_are_rejected() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), order={"adjustable": False})
    order = await psp.vouchers(ref, beneficiary=shop.POOR)
    assert order.first.code is Code.REJECTED
    assert psp.balance(f"worldline/wallet/{shop.POOR}") == 30_000


async def test_with_a_fixed_amount_another_amount_is_a_slip() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(20_000), order={"adjustable": False})
    await psp.do(ref, c.GoToConnect(beneficiary=shop.RICH))
    with pytest.raises(ShopperRefused) as refused:
        await psp.do(ref, c.PayVouchers(amount=eur(10_000)))
    assert refused.value.key == "amount_is_fixed"


async def test_a_lenient_platform_lets_a_card_complete_a_fixed_amount() -> None:
    psp = await opened(insufficient_fixed_vouchers="card_complement")
    ref = await psp.checkout(eur(140_000), order={"adjustable": False})
    order = await psp.vouchers(ref, beneficiary=shop.POOR)
    assert (order.first.share, order.stage) == (eur(30_000), Stage.IN_PROGRESS)


async def test_no_complement_is_offered_when_the_payment_is_to_be_captured_later() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), order={"requires_approval": True})
    assert complement_products(psp.order(ref)) == ()
    order = await psp.vouchers(ref, beneficiary=shop.POOR)
    assert order.first.code is Code.REJECTED
    order = await psp.vouchers(ref)
    assert (order.first.code, order.first.open) == (Code.PENDING_CAPTURE, 140_000)
    assert order.acquired == eur(140_000)


async def test_a_minimum_voucher_amount_is_a_slip_when_typed_and_a_refusal_when_the_wallet_has_less() -> None:
    psp = await opened(minimum_vouchers=eur(2_000), wallets=[{"beneficiary": shop.RICH, "balance": eur(1_500)}])
    ref = await psp.checkout(eur(12_000))
    await psp.do(ref, c.GoToConnect(beneficiary=shop.RICH))
    with pytest.raises(ShopperRefused) as refused:
        await psp.do(ref, c.PayVouchers(amount=eur(1_000)))
    assert refused.value.key == "amount_below_minimum"
    await psp.do(ref, c.PayVouchers())
    assert psp.order(ref).first.code is Code.REJECTED


async def test_the_minimum_itself_is_enough() -> None:
    psp = await opened(minimum_vouchers=eur(2_000))
    ref = await psp.checkout(eur(12_000))
    order = await psp.vouchers(ref, eur(2_000))
    assert order.acquired == eur(2_000)


async def test_the_wallet_that_others_emptied_meanwhile_can_pay_only_what_is_left() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(30_000))
    await psp.do(ref, c.GoToConnect(beneficiary=shop.POOR))
    await psp.world.set_balance(f"worldline/wallet/{shop.POOR}", eur(100))
    assert offer(psp.order(ref), psp.world.moment("worldline")) == eur(100)
    await psp.do(ref, c.PayVouchers())
    assert psp.order(ref).remaining == eur(29_900)


async def test_an_empty_wallet_pays_nothing_even_when_a_rule_says_accepted() -> None:
    psp = await opened(rules=[rule("cv_connect", "accepted")])
    await psp.world.set_balance(f"worldline/wallet/{shop.POOR}", eur(0))
    ref = await psp.checkout(eur(30_000))
    order = await psp.vouchers(ref, beneficiary=shop.POOR)
    assert (order.first.code, order.acquired) == (Code.REJECTED, eur(0))


async def test_an_empty_wallet_is_not_kept_waiting_for_an_answer() -> None:
    late_answer = rule("cv_connect", "pending", details={"after": timedelta(hours=2), "resolves": "accepted"})
    psp = await opened(rules=[late_answer])
    await psp.world.set_balance(f"worldline/wallet/{shop.POOR}", eur(0))
    ref = await psp.checkout(eur(30_000))
    order = await psp.vouchers(ref, beneficiary=shop.POOR)
    assert order.first.code is Code.REJECTED


async def test_an_e_mail_address_known_to_ancv_is_a_beneficiary() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(12_000))
    order = await psp.vouchers(ref, beneficiary="Alice@Example.test")
    assert order.stage is Stage.PAYMENT_CREATED
    assert psp.balance(WALLET) == 10_000_000 - 12_000


async def test_a_beneficiary_whom_ancv_does_not_know_can_be_corrected_on_the_page() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(12_000))
    for beneficiary, problem in (("66666666666", "unknown_beneficiary"), ("  ", "beneficiary_missing")):
        with pytest.raises(ShopperRefused) as refused:
            await psp.do(ref, c.GoToConnect(beneficiary=beneficiary))
        assert (refused.value.key, refused.value.field) == (problem, "beneficiary")
    assert psp.order(ref).first.code is Code.CREATED


# -- cards -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expiry", "now", "expired"),
    [
        ("0126", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), False),
        ("0126", datetime(2026, 2, 1, tzinfo=UTC), True),
        ("1225", datetime(2026, 1, 1, tzinfo=UTC), True),
        ("1226", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), False),
        ("0199", datetime(2026, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_card_is_good_through_the_last_day_of_its_month(expiry: str, now: datetime, expired: bool) -> None:
    assert is_expired(expiry, now) is expired


async def test_an_expired_card_is_an_invalid_card_and_an_attempt() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000))
    await psp.vouchers(ref, eur(100_000))
    order = await psp.complement(ref, expiry="1225")
    refused = order.tenders[1]
    assert refused.error is not None
    assert (refused.error.id, refused.error.error_code) == ("INVALID_CARD", "30331001")
    assert attempts_left(order) == 2


@pytest.mark.parametrize(
    ("complement", "chosen", "paid_as"),
    [((1, 3, 130), None, 130), ((1, 3), None, 1), ((1, 3, 130), 1, 1), ((1, 3, 130), 130, 130), ((1,), 130, 1)],
)
async def test_a_co_branded_card_pays_as_a_brand_that_is_allowed(
    complement: tuple[int, ...], chosen: int | None, paid_as: int
) -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), complement=complement)
    await psp.vouchers(ref, eur(100_000))
    order = await psp.complement(ref, shop.COBRANDED, product=chosen)
    assert order.tenders[1].product == paid_as


async def test_a_brand_outside_the_filter_is_a_slip_and_no_attempt() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), complement=(3,))
    await psp.vouchers(ref, eur(100_000))
    for number in (shop.VISA, shop.COBRANDED, shop.AMEX):
        with pytest.raises(ShopperRefused) as refused:
            await psp.complement(ref, number)
        assert refused.value.key == "brand_not_accepted"
    assert len(psp.order(ref).tenders) == 1
    await psp.complement(ref, shop.MASTERCARD)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": "4012000033330027"}, "card_number"),
        ({"number": "٤٠١٢٠٠٠٠٣٣٣٣٠٠٢٦"}, "card_number"),
        ({"expiry": "1330"}, "expiry"),
        ({"expiry": ""}, "expiry"),
        ({"cvv": "12"}, "cvv"),
        ({"cvv": "abc"}, "cvv"),
    ],
)
async def test_what_the_card_form_checks_before_it_asks_the_issuer(changes: dict[str, str], field: str) -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000))
    await psp.vouchers(ref, eur(100_000))
    with pytest.raises(ShopperRefused) as refused:
        await psp.do(ref, c.PayCard(card=card(**changes)))
    assert refused.value.field == field


async def test_a_card_with_a_limit_pays_up_to_it() -> None:
    psp = await opened()
    for amount, code in ((20_001, Code.REJECTED), (20_000, Code.CAPTURED), (1, Code.REJECTED)):
        order = order_input(eur(amount), product=1, beneficiary="")
        paid = await psp.do(None, c.CreatePayment(order=order, return_url="", card=card(shop.LIMITED)))
        assert paid.state.first.code is code


async def test_the_card_pays_all_of_the_rest_or_nothing() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000))
    await psp.vouchers(ref, eur(100_000))
    with pytest.raises(ShopperRefused, match="card pays the rest"):
        await psp.do(ref, c.PayCard(card=card(), amount=eur(39_999)))


async def test_a_journal_entry_never_holds_a_card_number() -> None:
    psp = await opened()
    await psp.split()
    assert shop.VISA not in repr([entry.data for entry in psp.world.journal.since(0)])


# -- attempts, expiry, late answers ------------------------------------------------------------------------------------


async def test_the_last_refused_attempt_ends_a_checkout_that_nobody_paid() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(12_000), attempts=2)
    await psp.do(ref, c.GoToConnect(beneficiary=shop.REFUSES))
    assert psp.order(ref).stage is Stage.IN_PROGRESS
    await psp.do(ref, c.GoToConnect(beneficiary=shop.REFUSES))
    order = psp.order(ref)
    assert (order.stage, order.ended, order.attempts) == (Stage.PAYMENT_CREATED, "refused", 2)
    assert attempts_left(order) == 0
    with pytest.raises(ShopperRefused, match="closed"):
        await psp.do(ref, c.GoToConnect(beneficiary=shop.RICH))


async def test_after_a_refused_attempt_the_same_payment_is_tried_again() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(12_000))
    await psp.do(ref, c.GoToConnect(beneficiary=shop.REFUSES))
    order = await psp.vouchers(ref)
    assert (order.first.code, order.first.refused, len(order.tenders)) == (Code.CAPTURED, 1, 1)
    assert order.first.error is None


@pytest.mark.parametrize(("auto_refund", "kept"), [(False, 100_000), (True, 0)])
async def test_the_last_refused_complement_ends_the_order_and_vouchers_stay_or_go_back(
    auto_refund: bool, kept: int
) -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), attempts=1, auto_refund=auto_refund)
    await psp.vouchers(ref, eur(100_000))
    order = await psp.complement(ref, shop.DECLINED)
    assert (order.stage, order.ended) == (Stage.CANCELLED_BY_CONSUMER, "attempts")
    await psp.advance(timedelta(0))
    assert psp.balance(MERCHANT) == kept
    assert psp.order(ref).acquired == eur(100_000), "what was acquired stays, refunds are not deducted"


@pytest.mark.parametrize(("auto_refund", "kept"), [(False, 100_000), (True, 0)])
async def test_a_session_that_ends_before_the_complement_keeps_or_returns_the_vouchers(
    auto_refund: bool, kept: int
) -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), auto_refund=auto_refund)
    await psp.vouchers(ref, eur(100_000))
    await psp.advance(timedelta(minutes=59, seconds=59))
    assert psp.order(ref).stage is Stage.IN_PROGRESS
    await psp.advance(timedelta(seconds=1))
    order = psp.order(ref)
    assert (order.stage, order.ended) == (Stage.CANCELLED_BY_CONSUMER, "time")
    assert psp.balance(MERCHANT) == kept


async def test_a_single_cent_of_vouchers_is_given_back_as_well() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), auto_refund=True)
    await psp.vouchers(ref, eur(1))
    await psp.advance(timedelta(hours=1))
    assert psp.order(ref).first.refunded == 1
    assert psp.balance(WALLET) == 10_000_000


async def test_a_session_that_ends_after_the_refund_window_cannot_give_vouchers_back() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(140_000), auto_refund=True, timeout=timedelta(hours=10))
    await psp.vouchers(ref, eur(100_000))
    await psp.advance(timedelta(hours=10))
    assert psp.order(ref).ended == "time"
    assert codes(psp.order(ref)) == [(Kind.REFUND, 100_000, 83)]
    assert psp.balance(MERCHANT) == 100_000


async def test_a_session_that_ends_while_the_customer_is_at_ancv_cancels_the_payment() -> None:
    psp = await opened()
    ref = await psp.checkout(eur(12_000))
    await psp.do(ref, c.GoToConnect(beneficiary=shop.SILENT))
    await psp.do(ref, c.PayVouchers())
    assert psp.order(ref).first.code is Code.REDIRECTED, "nobody answers"
    await psp.advance(timedelta(hours=1))
    assert psp.order(ref).first.code is Code.CANCELLED_BY_CUSTOMER


async def test_a_paid_order_does_not_expire() -> None:
    psp = await opened()
    ref = await psp.split()
    await psp.advance(timedelta(days=2))
    assert psp.order(ref).ended == "paid"


def pending(operation: str, resolves: str, *, after: timedelta = timedelta(hours=2)) -> Any:
    """A rule by which the issuer answers late."""
    return rule(operation, "pending", times=1, details={"after": after, "resolves": resolves})


async def test_while_an_answer_is_awaited_the_shopper_can_do_nothing() -> None:
    psp = await opened(rules=[pending("cv_connect", "accepted")])
    ref = await psp.checkout(eur(12_000))
    order = await psp.vouchers(ref)
    assert order.first.code is Code.AUTHORIZATION_REQUESTED
    for command in (c.GiveUp(), c.PayVouchers(), c.GoToConnect(beneficiary=shop.RICH), c.PayCard(card=card())):
        with pytest.raises(ShopperRefused, match="answer awaited"):
            await psp.do(ref, command)


async def test_an_answer_that_comes_after_the_session_still_pays_the_order() -> None:
    psp = await opened(rules=[pending("cv_connect", "accepted")])
    ref = await psp.checkout(eur(12_000))
    await psp.vouchers(ref)
    await psp.advance(timedelta(hours=1))
    assert psp.order(ref).stage is Stage.IN_PROGRESS
    await psp.advance(timedelta(hours=1))
    assert (psp.order(ref).ended, psp.order(ref).acquired) == ("paid", eur(12_000))


async def test_a_refusal_that_comes_after_the_session_ends_the_order() -> None:
    psp = await opened(rules=[pending("cv_connect", "refused")])
    ref = await psp.checkout(eur(12_000))
    await psp.vouchers(ref)
    await psp.advance(timedelta(hours=2))
    order = psp.order(ref)
    assert (order.stage, order.ended, order.first.code) == (Stage.CANCELLED_BY_CONSUMER, "time", Code.REJECTED)


@pytest.mark.parametrize(("auto_refund", "kept"), [(False, 100_000), (True, 0)])
async def test_a_part_that_is_accepted_after_the_session_leaves_nobody_to_pay_the_rest(
    auto_refund: bool, kept: int
) -> None:
    psp = await opened(rules=[pending("cv_connect", "accepted")])
    ref = await psp.checkout(eur(140_000), auto_refund=auto_refund)
    await psp.vouchers(ref, eur(100_000))
    await psp.advance(timedelta(hours=2))
    order = psp.order(ref)
    assert (order.stage, order.ended, order.acquired) == (Stage.CANCELLED_BY_CONSUMER, "time", eur(100_000))
    assert psp.balance(MERCHANT) == kept


@pytest.mark.parametrize(("auto_refund", "kept"), [(False, 100_000), (True, 0)])
async def test_a_complement_that_is_refused_after_the_session_keeps_or_returns_the_vouchers(
    auto_refund: bool, kept: int
) -> None:
    psp = await opened(rules=[pending("card_complement", "refused")])
    ref = await psp.checkout(eur(140_000), auto_refund=auto_refund)
    await psp.vouchers(ref, eur(100_000))
    await psp.complement(ref)
    await psp.advance(timedelta(hours=2))
    assert (psp.order(ref).stage, psp.order(ref).ended) == (Stage.CANCELLED_BY_CONSUMER, "time")
    assert psp.balance(MERCHANT) == kept


async def test_an_answer_at_the_very_end_of_the_session_comes_too_late_for_the_rest() -> None:
    psp = await opened(rules=[pending("cv_connect", "accepted", after=timedelta(hours=1))])
    ref = await psp.checkout(eur(140_000))
    await psp.vouchers(ref, eur(100_000))
    await psp.advance(timedelta(hours=1))
    assert (psp.order(ref).stage, psp.order(ref).ended) == (Stage.CANCELLED_BY_CONSUMER, "time")


async def test_a_late_answer_within_the_session_leaves_the_rest_open() -> None:
    psp = await opened(rules=[pending("cv_connect", "accepted", after=timedelta(minutes=5))])
    ref = await psp.checkout(eur(140_000))
    await psp.vouchers(ref, eur(100_000))
    await psp.advance(timedelta(minutes=5))
    order = await psp.complement(ref)
    assert order.ended == "paid"


async def test_vouchers_that_somebody_else_spent_while_the_answer_was_awaited_are_refused() -> None:
    psp = await opened(rules=[pending("cv_connect", "accepted", after=timedelta(minutes=5))])
    ref = await psp.checkout(eur(30_000))
    await psp.vouchers(ref, beneficiary=shop.POOR)
    await psp.world.set_balance(f"worldline/wallet/{shop.POOR}", eur(29_999))
    await psp.advance(timedelta(minutes=5))
    error = psp.order(ref).first.error
    assert error is not None
    assert error.error_code == "30511001"


async def test_a_late_answer_that_makes_the_merchant_wait_for_the_capture() -> None:
    psp = await opened(rules=[pending("cv_connect", "accepted")])
    ref = await psp.checkout(eur(12_000), order={"requires_approval": True})
    await psp.vouchers(ref)
    await psp.advance(timedelta(hours=2))
    assert (psp.order(ref).first.code, psp.order(ref).first.open) == (Code.PENDING_CAPTURE, 12_000)


# -- server to server --------------------------------------------------------------------------------------------------


async def test_a_payment_without_beneficiary_is_an_invalid_value() -> None:
    psp = await opened()
    order = order_input(eur(12_000), beneficiary="")
    with pytest.raises(InvalidValue, match="beneficiaryId: is mandatory for CreatePayment"):
        await psp.do(None, c.CreatePayment(order=order, return_url="", email="alice@example.test"))


async def test_with_the_beneficiary_optional_the_customers_e_mail_address_is_asked() -> None:
    psp = await opened(beneficiary_optional=True)
    order = order_input(eur(12_000), beneficiary="")
    created = await psp.do(None, c.CreatePayment(order=order, return_url="", email="alice@example.test"))
    assert created.reasoning.settings == ("beneficiary_optional", "merchant_action")
    await psp.do(created.ref, c.PayVouchers())
    assert psp.order(created.ref).ended == "paid"


async def test_with_neither_the_shopper_says_who_it_is_and_scans_a_qr_code() -> None:
    psp = await opened(beneficiary_optional=True)
    order = order_input(eur(12_000), beneficiary="")
    created = await psp.do(None, c.CreatePayment(order=order, return_url=""))
    assert created.state.created.direct.action == "qr_code"
    order_paid = await psp.vouchers(created.ref)
    assert order_paid.ended == "paid"


async def test_a_payment_that_nobody_confirms_waits_for_good() -> None:
    psp = await opened()
    created = await psp.do(None, c.CreatePayment(order=order_input(eur(12_000)), return_url=""))
    await psp.advance(timedelta(days=365))
    assert psp.order(created.ref).first.code is Code.REDIRECTED


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"total": Money(12_000, "CHF")}, "order.amountOfMoney.currencyCode"),
        ({"total": eur(0)}, "order.amountOfMoney.amount"),
        ({"total": eur(-1)}, "order.amountOfMoney.amount"),
        ({"product": 840}, "redirectPaymentMethodSpecificInput.paymentProductId"),
    ],
)
async def test_what_product_5412_does_not_take(changes: dict[str, Any], path: str) -> None:
    psp = await opened()
    order = order_input(**{"total": eur(12_000), **changes})
    with pytest.raises(InvalidValue) as refused:
        await psp.do(None, c.CreatePayment(order=order, return_url=""))
    assert refused.value.path == path


async def test_inner_ids_count_up_one_per_tender_and_refusals_use_none() -> None:
    psp = await opened()
    first = await psp.split()
    with pytest.raises(Refusal):
        await psp.checkout(eur(0))
    second = await psp.checkout(eur(100))
    assert [int(ref) - FIRST_ID for ref in (first, psp.order(first).tenders[1].inner, second)] == [1, 2, 3]


async def test_references_travel_with_the_order() -> None:
    psp = await opened()
    told = References(merchant_reference="ORD-9", merchant_parameters="cart=77")
    ref = await psp.checkout(eur(100), order={"references": told})
    assert psp.order(ref).created.references == told


def test_a_tender_that_nobody_accepted_is_never_late() -> None:
    waiting = Tender("4375008553", 5412, Code.REDIRECTED, eur(100))
    assert not late(waiting, datetime(2999, 1, 1, tzinfo=UTC), WorldlineSettings())
