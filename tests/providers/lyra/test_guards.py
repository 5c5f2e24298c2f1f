"""What Lyra's rules forbid, straight in the core, and the last amount or moment at which they still allow it.

Facts are named where a rule is not ours: "facts 11" is section 11 of the collected facts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mockpsp.domain.lifecycle import NATURAL
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra import paying
from mockpsp.providers.lyra.errors import Executed, Invalid, NotCancellable, NotFound, ShopperRefused
from mockpsp.providers.lyra.states import Order, OrderStatus, RefundStatus
from mockpsp.providers.lyra.stored import stored_by_alias
from mockpsp.scenario.model import Condition, Op, Trigger
from tests.providers.lyra.test_decide import (
    ALIAS,
    BASILE,
    CAVE,
    CHARGES,
    DAY,
    DECLINED,
    EMPTY,
    HOUR,
    KEY,
    LIMITED,
    LUCIE,
    MINUTE,
    NO_WALLET,
    OPERATOR,
    POOR_ALIAS,
    PURSE,
    RICH,
    SECURE,
    SECURE_LIMITED,
    START,
    STRANGE,
    VISA,
    Market,
    ask,
    back,
    card,
    create,
    eur,
    fee_line,
    line,
    market,
    meal,
    rule,
    scenario,
    wallet,
)

NO_ORDER: tuple[Any, ...] = (
    c.Update(), c.AddItem(line(1)), c.ChangeItem(line(1)), c.Execute(way="page", key=KEY), c.Persist(KEY), c.Cancel(),
    c.Validate(), c.ExpireValidation(), c.Pay(means=card()), c.Authenticate(True), c.GiveUp(), c.Expire("x"),
    c.ExpireLink("x"), c.Notify(), c.Activate(), ask(back(1)), c.CancelRefund(STRANGE), c.SendRefund(STRANGE),
    c.SettleRefund(STRANGE), c.Capture("t", START), c.ExecuteMit(KEY, None),
)  # fmt: skip


@pytest.mark.parametrize("command", NO_ORDER, ids=lambda each: type(each).__name__)
async def test_an_order_that_does_not_exist_is_not_found(command: Any) -> None:
    shop = await market()
    await shop.refused(STRANGE, command, NotFound)


def installments(count: int, period: int = 10) -> str:
    """Equal payments, so many days apart."""
    return f"MULTI:count={count};period={period}"


def why(shop: Market) -> list[str]:
    """Why orders failed."""
    return [each.data.why for each in shop.world.journal.since(0) if isinstance(each.data, e.OrderFailed)]


# -- create and change -------------------------------------------------------------------------------------------------


async def test_a_date_of_capture_may_come_back_as_it_was_but_no_new_one_lies_in_the_past() -> None:
    """Facts 11: what was read is sent back with PUT; dates are compared by day."""
    shop = await market()
    ref = await shop.create(line(100), expected_capture_date="20260106120000")
    await shop.advance(2 * DAY)
    await shop.do(ref, c.Update(changes={"expected_capture_date": "20260106120000", "reference": "again"}))
    assert shop.order(ref).head.reference == "again"
    for bad in ("20260107120000", "20260107", "20270108120000"):
        body = await shop.refused(ref, c.Update(changes={"expected_capture_date": bad}))
        assert set(body) == {"expected_capture_date"}
    await shop.do(ref, c.Update(changes={"expected_capture_date": "20260108000000"}))
    await shop.do(ref, c.Update(changes={"expected_capture_date": None}))
    assert shop.order(ref).head.expected_capture_date is None


async def test_an_item_that_is_sent_back_with_its_uuid_stays_the_same_item() -> None:
    shop = await market()
    ref = await shop.create(line(100), line(200))
    first, second = shop.order(ref).items
    await shop.advance(HOUR)
    known = line(150, uuid=second.uuid)
    await shop.do(ref, c.Update(items=(known, line(50, uuid=STRANGE), line(7, uuid=second.uuid), line(9))))
    items = shop.order(ref).items
    assert [each.amount for each in items] == [150, 50, 7, 9]
    assert items[0].uuid == second.uuid, "it is known again"
    assert (items[0].created, items[1].created) == (second.created, START + HOUR)
    assert len({each.uuid for each in items} | {first.uuid, STRANGE}) == 6, "a stranger's and a repeated one are new"
    again = [each.uuid for each in items]
    await shop.do(ref, c.Update(items=tuple(line(1, uuid=each) for each in again)))
    assert [each.uuid for each in shop.order(ref).items] == again


async def test_an_item_changes_alone_and_keeps_its_place_and_age() -> None:
    shop = await market()
    ref = await shop.create(line(100), line(200, hold_payment=True), line(300))
    held = shop.order(ref).items[1]
    await shop.advance(HOUR)
    await shop.do(ref, c.ChangeItem(line(250, hold_payment=True, uuid=held.uuid)))
    items = shop.order(ref).items
    assert [each.amount for each in items] == [100, 250, 300]
    assert (items[1].uuid, items[1].created, items[1].hold_payment) == (held.uuid, held.created, True)
    await shop.do(ref, c.ChangeItem(line(50, hold_payment=True, uuid=items[0].uuid)))
    assert shop.order(ref).items[0].hold_payment is True, "one that was never held can be"
    await shop.refused(ref, c.ChangeItem(line(1, uuid=STRANGE)), NotFound)


async def test_a_released_item_may_be_changed_as_long_as_it_is_not_held_again() -> None:
    shop = await market()
    ref = await shop.create(line(100, hold_payment=True))
    [item] = shop.order(ref).items
    await shop.do(ref, c.Activate())
    await shop.do(ref, c.ChangeItem(line(90, uuid=item.uuid, hold_payment=False)))
    assert shop.order(ref).items[0].amount == 90


async def test_a_paid_order_takes_no_single_item() -> None:
    """Facts 11: once PENDING, all items are sent anew."""
    shop = await market()
    order = await shop.paid(line(1_000))
    changed = line(500, uuid=order.items[0].uuid)
    for command in (c.AddItem(line(1)), c.ChangeItem(changed), c.Execute(way="page", key=KEY), c.Persist(KEY)):
        assert set(await shop.refused(order.ref, command)) == {"status"}
    await shop.advance(HOUR)
    assert set(await shop.refused(order.ref, c.Update(items=(line(1),)))) == {"status"}
    for command in (c.Cancel(), c.Validate()):
        assert set(await shop.refused(order.ref, command)) == {"status"}


async def test_a_cancelled_order_changes_no_more() -> None:
    shop = await market()
    ref = await shop.create(line(1_000))
    await shop.do(ref, c.Cancel())
    changed = line(500, uuid=shop.order(ref).items[0].uuid)
    for command in (c.Update(items=()), c.AddItem(line(1)), c.ChangeItem(changed), c.Cancel()):
        assert set(await shop.refused(ref, command)) == {"status"}


async def test_vouchers_and_installments_never_meet_whichever_comes_later() -> None:
    shop = await market()
    single = await shop.create(line(100, conecs=50))
    change = c.Update(changes={"payment_config": installments(2)})
    assert set(await shop.refused(single, change)) == {"payment_config"}
    multi = await shop.create(line(100), payment_config=installments(2))
    assert set(await shop.refused(multi, c.AddItem(line(100, conecs=50)))) == {"payment_config"}
    item = shop.order(multi).items[0]
    assert set(await shop.refused(multi, c.ChangeItem(line(100, conecs=50, uuid=item.uuid)))) == {"payment_config"}
    assert set(await shop.refused(multi, c.Update(items=(line(9, holiday=True),)))) == {"payment_config"}
    await shop.do(single, c.Update(changes={"payment_config": installments(2)}, items=(line(100),)))
    assert shop.order(single).head.payment_config == installments(2)


async def test_an_order_has_a_name_of_its_own_in_its_marketplace() -> None:
    shop = await market()
    one, other = await shop.create(line(1)), await shop.create(line(1))
    assert (len(one), one == other) == (36, False)
    assert (shop.order(one).ref, shop.order(one).marketplace) == (one, "market")


async def test_the_law_tells_whether_items_were_read() -> None:
    shop = await market()
    assert (await shop.do(None, create(line(1), line(2)))).reasoning.law == "items: 2"
    assert "without expand=items" in (await shop.do(None, create())).reasoning.law


@pytest.mark.parametrize(("delay", "allowed"), [(0, True), (6, True), (7, False)])
async def test_a_capture_delay_is_up_to_six_days(delay: int, allowed: bool) -> None:
    shop = await market()
    if allowed:
        assert await shop.create(line(1), capture_delay=delay)
    else:
        assert set(await shop.refused(None, create(line(1), capture_delay=delay))) == {"capture_delay"}


# -- execute -----------------------------------------------------------------------------------------------------------


async def test_a_form_token_is_given_to_embedded_forms_only_and_lives_a_quarter_of_an_hour() -> None:
    shop = await market()
    ref = await shop.create(line(100))
    await shop.do(ref, c.Execute(way="page", key=KEY))
    page = shop.order(ref).execution
    assert page is not None
    assert (page.form_token, page.expires) == ("", START + 10 * MINUTE)
    await shop.do(ref, c.Execute(way="embedded", key=KEY))
    form = shop.order(ref).execution
    assert form is not None
    assert form.expires == START + 15 * MINUTE
    assert KEY in form.form_token, "it leads to the sandbox"
    assert form.page != page.page


async def test_of_equal_sums_the_setting_that_decided_is_named() -> None:
    shop = await market()
    ref = await shop.create(line(900, LUCIE, conecs=900), line(900, BASILE, conecs=900))
    done = await shop.do(ref, c.Execute(way="page", key=KEY))
    won = shop.order(ref).execution
    assert won is not None
    assert won.winners == (("CONECS", BASILE.uuid),), "1204477 is less than 1999011"
    assert f"CONECS → seller {BASILE.uuid}; of equal sums the contract number decided" in done.reasoning.law
    assert done.reasoning.settings == ("tie_break",)
    other = await shop.create(line(900, LUCIE, conecs=900), line(900, BASILE, conecs=899))
    assert (await shop.do(other, c.Execute(way="page", key=KEY))).reasoning.settings == ()


async def test_the_highest_number_may_be_the_one_that_decides() -> None:
    shop = await market(tie_break="highest")
    ref = await shop.create(line(900, LUCIE, conecs=900), line(900, BASILE, conecs=900))
    done = await shop.do(ref, c.Execute(way="page", key=KEY))
    assert LUCIE.uuid in done.reasoning.law
    assert done.reasoning.settings == ("tie_break",)


async def test_a_cent_is_enough_for_an_order_and_for_a_share() -> None:
    shop = await market()
    ref = await shop.executed(line(1))
    assert (await shop.pay(ref, card())).status is OrderStatus.PENDING
    ref = await shop.executed(line(500, conecs=500))
    assert (await shop.pay(ref, meal(RICH), 1)).paid == 1


@pytest.mark.parametrize("way", ["page", "persist"])
async def test_a_link_opens_as_long_as_it_is_the_orders_and_not_over(way: str) -> None:
    shop = await market(persist_life=HOUR, page_life=MINUTE)
    ref = await shop.create(line(100))
    await shop.do(ref, c.Persist(KEY))
    linked = shop.order(ref).persisted
    assert linked is not None
    assert linked.expires == START + HOUR
    await shop.refused(ref, c.Execute(way="persist", key=KEY, code="another"), NotFound)
    await shop.do(ref, c.Execute(way=way, key=KEY, code=linked.code))
    assert shop.order(ref).is_open
    other = await shop.create(line(100))
    await shop.refused(other, c.Execute(way="persist", key=KEY, code=linked.code), NotFound)


@pytest.mark.parametrize(("commission", "pays"), [(29, False), (30, True), (31, True)])
async def test_the_least_commission_is_just_enough(commission: int, pays: bool) -> None:
    """25 cents a transaction and 20 % of VAT."""
    charges = {"currencies": [{"currency": "EUR", "commission_prorata": 0.0, "commission_fix": 25}]}
    shop = await market(scenario(marketplace=charges))
    ref = await shop.create(line(1_000, commission_amount=commission))
    if pays:
        await shop.do(ref, c.Execute(way="page", key=KEY))
    else:
        assert set(await shop.refused(ref, c.Execute(way="page", key=KEY))) == {"commission"}


async def test_every_installment_costs_its_fee_and_both_kinds_of_commission_count() -> None:
    shop = await market(scenario(marketplace=CHARGES))
    given = {"payment_config": installments(2)}
    least = 300  # 2 % of 100.00 and twice 25 cents, with 20 % of VAT
    ref = await shop.create(line(9_900, commission_amount=199), fee_line(100), **given)
    assert set(await shop.refused(ref, c.Execute(way="page", key=KEY))) == {"commission"}
    ref = await shop.create(line(9_900, commission_amount=least - 100), fee_line(100), **given)
    await shop.do(ref, c.Execute(way="page", key=KEY))


# -- cancel and validate -----------------------------------------------------------------------------------------------


async def test_an_order_is_cancelled_before_execution_or_before_its_first_capture() -> None:
    """Facts 7.1: CREATED and not executed, or PENDING before capture; both give back what was held."""
    shop = await market()
    ref = await shop.create(line(100))
    assert "not executed yet" in (await shop.do(ref, c.Cancel())).reasoning.law
    order = await shop.paid(line(6_000), tenders=[card(LIMITED)], payment_config=installments(2))
    assert "everything goes back" in (await shop.do(order.ref, c.Cancel())).reasoning.law
    assert shop.order(order.ref).status is OrderStatus.CANCELLED
    order = await shop.paid(line(6_000), tenders=[card(LIMITED)], payment_config=installments(2))
    await shop.advance(HOUR)
    body = await shop.refused(order.ref, c.Cancel())
    assert body == {"status": "A transaction of this order has been captured; it can only be refunded."}


async def test_a_shopper_who_is_paying_is_not_cancelled_under_his_hands() -> None:
    shop = await market()
    ref = await shop.executed(line(100))
    await shop.refused(ref, c.Cancel(), Executed)


async def test_only_what_waits_is_validated_and_only_that_expires() -> None:
    shop = await market()
    created = await shop.create(line(100), awaiting_validation=True)
    for command in (c.Validate(), c.ExpireValidation()):
        assert set(await shop.refused(created, command)) == {"status"}
    paid = (await shop.paid(line(100))).ref
    for command in (c.Validate(), c.ExpireValidation()):
        assert set(await shop.refused(paid, command)) == {"status"}
    waiting = (await shop.paid(line(100), awaiting_validation=True)).ref
    done = await shop.do(waiting, c.ExpireValidation())
    assert done.reasoning.settings == ("validation_life",)
    assert (shop.order(waiting).status, why(shop)) == (OrderStatus.FAILED, ["not validated in time"])


# -- a share -----------------------------------------------------------------------------------------------------------


async def test_what_a_page_does_not_let_happen() -> None:
    shop = await market()
    ref = await shop.executed(line(3_000, conecs=1_000), line(2_000))
    for means, amount, problem in (
        (wallet(), None, "problem_method"),
        (meal(RICH), 0, "problem_amount"),
        (meal(RICH), 1_001, "problem_amount_most"),
        (card(), 4_999, "problem_amount_rest"),
        (card(), 5_001, "problem_amount_most"),
        (meal(EMPTY), None, "problem_nothing_left"),
    ):
        refused = await shop.refused(ref, c.Pay(means=means, amount=amount), ShopperRefused)
        assert refused.problem == problem
    await shop.pay(ref, meal(RICH), 1_000)
    refused = await shop.refused(ref, c.Pay(means=meal(RICH), amount=1), ShopperRefused)
    assert refused.problem == "problem_method", "each voucher type pays once"
    refused = await shop.refused(ref, c.Pay(means=card(), amount=3_999), ShopperRefused)
    assert str(refused.values["amount"]) == "40.00 EUR", "what is left"
    assert (await shop.pay(ref, card(), 4_000)).status is OrderStatus.PENDING


@pytest.mark.parametrize(("means", "field"), [(meal(EMPTY), "number"), (wallet(PURSE), "beneficiary")])
async def test_a_tender_that_has_nothing_left_is_told_in_its_own_field(means: c.Means, field: str) -> None:
    shop = await market()
    await shop.world.set_balance(shop.world.setups["lyra"].world.wallets[PURSE].account, eur(0))
    ref = await shop.executed(line(3_000, conecs=1_000, holiday=True))
    refused = await shop.refused(ref, c.Pay(means=means), ShopperRefused)
    assert (refused.problem, refused.field) == ("problem_nothing_left", field)


async def test_rules_know_which_attempt_it_is() -> None:
    shop = await market(scenario(rules=[rule("card", "refused", attempt=2)], extra_attempts=2))
    ref = await shop.executed(line(1_000))
    await shop.pay(ref, card(DECLINED))
    assert shop.order(ref).status is OrderStatus.CREATED
    await shop.pay(ref, card())
    assert shop.order(ref).refusals == 2, "the second attempt is the one of the rule"
    await shop.pay(ref, card())
    assert shop.order(ref).status is OrderStatus.PENDING


@pytest.mark.parametrize(
    ("fact", "value"),
    [("amount", eur(2_000)), ("order_amount", eur(3_000)), ("merchant_reference", "CMD-1"), ("number", VISA)],
)
async def test_rules_know_what_is_paid_of_which_order_with_what(fact: str, value: Any) -> None:
    about = Trigger((Condition(fact, Op.IS, value),))
    shop = await market(scenario(rules=[replace(rule("card", "refused", reason="lost"), trigger=about)]))
    ref = await shop.executed(line(3_000, conecs=1_000))
    await shop.pay(ref, meal(RICH))
    await shop.pay(ref, card())
    assert why(shop) == ["lost"]


@pytest.mark.parametrize("means", [meal("5017670000007777"), wallet("88888888888")])
async def test_a_rule_that_accepts_finds_no_one_who_could_pay(means: c.Means) -> None:
    rules = [rule("conecs", "accepted"), rule("cv_connect", "accepted", number=2)]
    shop = await market(scenario(rules=rules))
    ref = await shop.executed(line(3_000, conecs=1_000, holiday=True))
    done = await shop.do(ref, c.Pay(means=means, amount=500))
    assert why(shop) == ["unknown_number"]
    assert "of this sandbox" in done.reasoning.law


@pytest.mark.parametrize("extra", [0, 1, 2])
async def test_the_last_attempt_decides(extra: int) -> None:
    """Facts 10: 0 to 2 more attempts after a refusal; vouchers that paid are given back with the last one."""
    shop = await market(extra_attempts=extra)
    ref = await shop.executed(line(3_000, conecs=1_000))
    await shop.pay(ref, meal(RICH))
    for _ in range(extra):
        assert (await shop.pay(ref, card(DECLINED))).status is OrderStatus.CREATED
        assert shop.spent(RICH) == 1_000
    assert (await shop.pay(ref, card(DECLINED))).status is OrderStatus.FAILED
    assert (shop.spent(RICH), why(shop)) == (0, ["limit_exceeded"])


async def test_a_refused_number_is_masked_but_a_beneficiary_is_not() -> None:
    shop = await market(scenario(extra_attempts=2))
    ref = await shop.executed(line(3_000, conecs=1_000, holiday=True))
    await shop.pay(ref, wallet(NO_WALLET), 100)
    await shop.pay(ref, card(DECLINED))
    shown = [each.data.masked for each in shop.world.journal.since(0) if isinstance(each.data, e.ShareRefused)]
    assert shown[0] == NO_WALLET
    assert DECLINED not in shown[1]
    assert shown[1].endswith(DECLINED[-4:])


async def test_a_rule_that_refuses_may_leave_the_reason_to_us_and_one_that_asks_asks_cards_only() -> None:
    cards = [rule("card", "refused", times=1), rule("card", "challenge", number=2)]
    shop = await market(scenario(rules=[*cards, rule("conecs", "accepted", number=3)], extra_attempts=2))
    ref = await shop.executed(line(3_000, conecs=1_000))
    await shop.pay(ref, card(), 3_000)
    refused = shop.order(ref).refused
    assert refused is not None
    assert refused.reason == "refused"
    await shop.pay(ref, meal(RICH, cvv="999"))
    assert shop.order(ref).paid == 1_000, "the rule accepts what the issuer would not"
    await shop.pay(ref, card())
    assert shop.order(ref).challenge is not None


@pytest.mark.parametrize("outcome", ["cancelled", "expired", "refused"])
async def test_lyra_hears_of_an_end_when_its_time_has_come(outcome: str) -> None:
    shop = await market(notification_delay=2 * MINUTE)
    ref = await shop.executed(line(3_000, conecs=1_000))
    await shop.pay(ref, meal(RICH))
    if outcome == "cancelled":
        await shop.do(ref, c.GiveUp())
    elif outcome == "refused":
        await shop.pay(ref, card(DECLINED))
    else:
        await shop.advance(10 * MINUTE)
    order = shop.order(ref)
    assert (order.status, order.ended, shop.spent(RICH)) == (OrderStatus.CREATED, outcome, 0)
    await shop.advance(2 * MINUTE - timedelta(seconds=1))
    assert shop.order(ref).status is OrderStatus.CREATED
    await shop.advance(timedelta(seconds=1))
    ended = OrderStatus.FAILED if outcome == "refused" else OrderStatus.ABANDONED
    assert shop.order(ref).status is ended
    assert shop.webhooks() == [("order", ref)]


async def test_there_is_nothing_to_be_notified_of_before_the_end_or_twice() -> None:
    shop = await market(notification_delay=MINUTE)
    ref = await shop.executed(line(1_000))
    assert set(await shop.refused(ref, c.Notify())) == {"status"}
    await shop.pay(ref, card())
    done = await shop.do(ref, c.Notify())
    assert done.reasoning.settings == ("notification_delay",)
    assert set(await shop.refused(ref, c.Notify())) == {"status"}
    left = await shop.executed(line(1_000))
    await shop.do(left, c.GiveUp())
    done = await shop.do(left, c.Notify())
    assert (done.reasoning.settings, shop.order(left).status) == (("notification_delay",), OrderStatus.ABANDONED)


# -- installments ------------------------------------------------------------------------------------------------------


async def test_of_installments_only_the_first_is_held_and_only_it_must_be_there() -> None:
    shop = await market()
    order = await shop.paid(line(60_000), tenders=[card(LIMITED)], payment_config=installments(3))
    assert [(each.sequence, each.amount, each.held) for each in order.transactions] == [
        (1, 20_000, 20_000), (2, 20_000, 0), (3, 20_000, 0),
    ]  # fmt: skip
    assert len({each.trans_uuid for each in order.transactions}) == 3
    assert [(each.due - START).days for each in order.transactions] == [0, 10, 20]
    await shop.advance(HOUR)
    assert shop.order(order.ref).status is OrderStatus.PENDING
    await shop.advance(10 * DAY)
    assert (shop.order(order.ref).status, why(shop)) == (OrderStatus.FAILED, ["capture failed: insufficient_funds"])


async def test_the_bank_asks_and_then_only_the_first_installment_must_be_there() -> None:
    shop = await market()
    ref = await shop.executed(line(60_000), payment_config=installments(3))
    await shop.pay(ref, card(SECURE_LIMITED))
    done = await shop.do(ref, c.Authenticate(True))
    assert shop.order(ref).status is OrderStatus.PENDING
    assert "200.00 EUR" in done.reasoning.law


async def test_a_complement_comes_after_the_vouchers_in_the_order_of_payment() -> None:
    shop = await market()
    ref = await shop.executed(line(9_000, conecs=1_000, holiday=True), awaiting_validation=True)
    await shop.pay(ref, wallet(PURSE))
    await shop.pay(ref, meal(RICH))
    order = await shop.pay(ref, card())
    told = [(each.sequence, each.instrument.kind, each.amount, each.status) for each in order.transactions]
    assert told == [
        (1, "cv_connect", 3_000, "PENDING"), (2, "conecs", 1_000, "PENDING"), (3, "card", 5_000, "TO_VALIDATE"),
    ]  # fmt: skip


# -- the bank's page ---------------------------------------------------------------------------------------------------


async def test_while_the_bank_asks_nothing_else_pays() -> None:
    shop = await market()
    ref = await shop.executed(line(1_000))
    await shop.refused(ref, c.Authenticate(True), ShopperRefused)
    await shop.pay(ref, card(SECURE))
    refused = await shop.refused(ref, c.Pay(means=card()), ShopperRefused)
    assert refused.problem == "answer_awaited"
    await shop.do(ref, c.Authenticate(True))
    assert shop.order(ref).status is OrderStatus.PENDING


async def test_who_does_not_authenticate_is_refused() -> None:
    shop = await market(extra_attempts=1)
    ref = await shop.executed(line(1_000))
    await shop.pay(ref, card(SECURE))
    done = await shop.do(ref, c.Authenticate(False))
    refused = shop.order(ref).refused
    assert refused is not None
    assert (refused.kind, refused.reason, refused.amount) == ("card", "three_ds_failed", 1_000)
    assert done.reasoning.law == "the shopper did not authenticate"
    assert shop.order(ref).status is OrderStatus.CREATED
    await shop.refused(ref, c.Authenticate(True), ShopperRefused)


async def test_money_that_went_elsewhere_while_the_bank_asked_is_missed() -> None:
    shop = await market()
    ref = await shop.executed(line(20_000))
    await shop.pay(ref, card(SECURE_LIMITED))
    account = shop.world.setups["lyra"].world.cards[SECURE_LIMITED].account
    await shop.world.set_balance(account, eur(19_999))
    done = await shop.do(ref, c.Authenticate(True))
    assert "199.99 EUR" in done.reasoning.law
    refused = shop.order(ref).refused
    assert refused is not None
    assert (refused.kind, refused.amount) == ("card", 20_000)
    assert (shop.order(ref).status, why(shop)) == (OrderStatus.FAILED, ["insufficient_funds"])


# -- the page's time ---------------------------------------------------------------------------------------------------


async def test_a_page_that_a_link_led_to_ends_and_the_link_opens_another() -> None:
    shop = await market(persist_life=HOUR, page_life=10 * MINUTE)
    ref = await shop.create(line(3_000, conecs=1_000))
    await shop.do(ref, c.Persist(KEY))
    linked = shop.order(ref).persisted
    assert linked is not None
    await shop.do(ref, c.Execute(way="persist", key=KEY, code=linked.code))
    await shop.pay(ref, meal(RICH))
    secret = execution_of(shop.order(ref)).secret
    await shop.advance(10 * MINUTE)
    order = shop.order(ref)
    assert (order.status, order.execution, order.ended) == (OrderStatus.CREATED, None, "")
    assert [each.selected for each in order.items[0].vouchers] == [None]
    assert shop.spent(RICH) == 0
    await shop.refused(ref, c.Pay(means=card(), secret=secret), ShopperRefused)
    await shop.do(ref, c.Execute(way="persist", key=KEY, code=linked.code))
    assert (await shop.pay(ref, card())).status is OrderStatus.PENDING
    reasons = [each.data for each in shop.world.journal.since(0) if each.operation == "lyra.expire"]
    assert [(each.law, each.settings) for each in reasons] == [
        ("the page's time is over, the link's is not", ("page_life",))
    ]


def execution_of(order: Order) -> e.Executed:
    """What an order was executed with."""
    assert order.execution is not None
    return order.execution


@pytest.mark.parametrize(("persist", "left"), [(10, True), (11, False)])
async def test_a_page_ends_with_its_link(persist: int, left: bool) -> None:
    """At the link's last moment there is no other page to open."""
    shop = await market(persist_life=persist * MINUTE, page_life=10 * MINUTE)
    ref = await shop.create(line(1_000))
    await shop.do(ref, c.Persist(KEY))
    linked = shop.order(ref).persisted
    assert linked is not None
    await shop.do(ref, c.Execute(way="persist", key=KEY, code=linked.code))
    await shop.advance(10 * MINUTE)
    assert (shop.order(ref).status is OrderStatus.ABANDONED) is left


async def test_a_page_beside_a_link_is_abandoned_with_its_own_time() -> None:
    shop = await market(persist_life=HOUR, page_life=10 * MINUTE)
    ref = await shop.create(line(1_000))
    await shop.do(ref, c.Persist(KEY))
    await shop.do(ref, c.Execute(way="page", key=KEY))
    done = await shop.do(ref, c.Expire(execution_of(shop.order(ref)).secret))
    assert (done.reasoning.law, done.reasoning.settings) == ("the page's time is over", ("page_life",))
    assert shop.order(ref).status is OrderStatus.ABANDONED


async def test_a_link_expires_only_while_the_order_waits_for_it() -> None:
    shop = await market(persist_life=HOUR)
    none = await shop.create(line(1_000))
    assert set(await shop.refused(none, c.ExpireLink("x"))) == {"status"}
    ref = await shop.create(line(1_000))
    await shop.do(ref, c.Persist(KEY))
    linked = shop.order(ref).persisted
    assert linked is not None
    assert set(await shop.refused(ref, c.ExpireLink("another"))) == {"status"}
    await shop.do(ref, c.Execute(way="page", key=KEY))
    assert set(await shop.refused(ref, c.ExpireLink(linked.code))) == {"status"}
    await shop.pay(ref, card())
    assert set(await shop.refused(ref, c.ExpireLink(linked.code))) == {"status"}


# -- without a shopper, and stored -------------------------------------------------------------------------------------


async def test_a_merchant_cannot_answer_the_bank() -> None:
    shop = await market(scenario(rules=[rule("card", "challenge")]))
    ref = await shop.create(line(1_000), alias=ALIAS)
    done = await shop.do(ref, c.ExecuteMit(KEY, stored_by_alias(shop.world, ALIAS)))
    assert why(shop) == ["three_ds_failed"]
    assert "the bank asks for a buyer" in done.reasoning.law
    refused = shop.order(ref).refused
    assert refused is not None
    assert (refused.kind, refused.amount, refused.again, refused.masked[-4:]) == ("card", 1_000, False, VISA[-4:])


async def test_a_merchant_pays_installments_of_which_only_the_first_must_be_there() -> None:
    shop = await market()
    ref = await shop.create(line(60_000), alias=POOR_ALIAS, payment_config=installments(3))
    await shop.do(ref, c.ExecuteMit(KEY, stored_by_alias(shop.world, POOR_ALIAS)))
    order = shop.order(ref)
    assert (order.status, [each.amount for each in order.transactions]) == (OrderStatus.PENDING, [20_000] * 3)


async def test_what_a_merchant_needs_to_pay_alone() -> None:
    shop = await market()
    stored = stored_by_alias(shop.world, ALIAS)
    no_alias = await shop.create(line(1_000))
    assert set(await shop.refused(no_alias, c.ExecuteMit(KEY, stored))) == {"alias"}
    open_page = await shop.executed(line(1_000), alias=ALIAS)
    assert set(await shop.refused(open_page, c.ExecuteMit(KEY, stored))) == {"status"}
    empty = await shop.create(alias=ALIAS)
    assert set(await shop.refused(empty, c.ExecuteMit(KEY, stored))) == {"amount"}
    with pytest.raises(Invalid):
        paying.decide_mit(shop.order(no_alias), c.ExecuteMit(KEY, stored), NATURAL, shop.world.moment("lyra"))


@pytest.mark.parametrize("alias", [None, "their-own"])
async def test_a_card_is_stored_with_its_buyer_under_the_orders_alias_or_a_new_one(alias: str | None) -> None:
    buyer = b'{"email": "zoe@example.test", "first_name": "Zo\\u00e9", "last_name": "Blanc"}'
    shop = await market()
    ref = await shop.executed(line(3_000, conecs=1_000), registers=True, buyer=buyer, alias=alias)
    await shop.pay(ref, meal(RICH))
    await shop.pay(ref, card())
    stored = shop.order(ref).stored
    assert stored is not None
    assert (stored.email, stored.first_name, stored.last_name) == ("zoe@example.test", "Zoé", "Blanc")
    assert (stored.instrument.kind, stored.alias == alias) == ("card", alias is not None)
    assert len(stored.alias) == (32 if alias is None else len(alias))


async def test_nothing_is_stored_without_a_card_or_without_being_asked() -> None:
    shop = await market()
    ref = await shop.executed(line(1_000, conecs=1_000), registers=True)
    await shop.pay(ref, meal(RICH))
    assert (shop.order(ref).status, shop.order(ref).stored) == (OrderStatus.PENDING, None)
    assert (await shop.paid(line(1_000))).stored is None
    ref = await shop.executed(line(1_000), registers=True, buyer=b'{"email": null}')
    await shop.pay(ref, card())
    stored = shop.order(ref).stored
    assert stored is not None
    assert (stored.email, stored.first_name, stored.last_name) == ("", "", "")


# -- capture -----------------------------------------------------------------------------------------------------------


async def test_a_capture_that_was_moved_waits_or_is_over_does_not_happen() -> None:
    shop = await market()
    order = await shop.paid(line(2_000, conecs=1_000), tenders=[meal(RICH), card()], awaiting_validation=True)
    meal_card, by_card = order.transactions
    for transaction in (meal_card, by_card):
        assert set(await shop.refused(order.ref, c.Capture(transaction.trans_uuid, transaction.due))) == {"status"}
    await shop.do(order.ref, c.Validate())
    assert set(await shop.refused(order.ref, c.Capture(meal_card.trans_uuid, meal_card.due + DAY))) == {"status"}
    assert set(await shop.refused(order.ref, c.Capture(STRANGE, meal_card.due))) == {"status"}
    await shop.do(order.ref, c.Capture(meal_card.trans_uuid, meal_card.due))
    assert set(await shop.refused(order.ref, c.Capture(meal_card.trans_uuid, meal_card.due))) == {"status"}
    assert shop.order(order.ref).status is OrderStatus.PENDING
    done = await shop.do(order.ref, c.Capture(by_card.trans_uuid, by_card.due))
    assert (shop.order(order.ref).status, done.reasoning.settings) == (OrderStatus.SUCCEEDED, ("remittance_delay",))


@pytest.mark.parametrize(("reason", "told"), [("lost", "lost"), (None, "refused")])
async def test_a_rule_lets_a_capture_fail_and_all_else_goes_back(reason: str | None, told: str) -> None:
    facts = {"sequence": 2, "scheme": "CB", "amount": eur(1_000), "merchant_reference": "CMD-1"}
    rules = [rule("capture", "failed", reason=reason, **facts)]
    shop = await market(scenario(rules=rules))
    order = await shop.paid(line(2_000, conecs=1_000), tenders=[meal(RICH), card()])
    await shop.advance(HOUR)
    assert why(shop) == [f"capture failed: {told}"]
    assert [each.status for each in shop.order(order.ref).transactions] == ["SUCCEEDED", "FAILED"]


async def test_the_first_captures_pay_the_fees_as_far_as_the_operator_has_something() -> None:
    """100.00 in two payments: 300 of fees; the operator gets 50, then 450 of which 250 are still owed."""
    shop = await market(scenario(marketplace=CHARGES))
    given = {"payment_config": f"MULTI:first=1000;{installments(2).partition(':')[2]}"}
    order = await shop.paid(line(10_000, commission_amount=500), **given)
    await shop.advance(HOUR)
    [capture] = shop.order(order.ref).captures
    first = capture.fee
    assert first == sum(each.amount for each in capture.shares if each.seller == OPERATOR.uuid)
    assert 0 < first < 300
    await shop.advance(10 * DAY)
    assert [each.fee for each in shop.order(order.ref).captures] == [first, 300 - first]
    assert (shop.balance("lyra/fees"), shop.earned(OPERATOR)) == (300, 200)


async def test_once_all_fees_are_paid_nothing_more_is_taken() -> None:
    shop = await market(scenario(marketplace=CHARGES))
    order = await shop.paid(line(5_000, commission_amount=5_000), payment_config=installments(2))
    await shop.advance(10 * DAY + HOUR)
    assert [each.fee for each in shop.order(order.ref).captures] == [180, 0]


# -- held items --------------------------------------------------------------------------------------------------------


async def test_held_items_are_released_one_by_one_or_all_and_not_of_an_order_that_ended_badly() -> None:
    shop = await market()
    held = [line(100, hold_payment=True), line(200, BASILE, hold_payment=True), line(300, BASILE, hold_payment=True)]
    order = await shop.captured(*held, line(9))
    first, _, _, free = order.items
    assert (shop.earned(LUCIE), shop.earned(BASILE)) == (5_009, 0)
    await shop.do(order.ref, c.Activate(first.uuid))
    assert (shop.earned(LUCIE), shop.earned(BASILE)) == (5_109, 0)
    for item in (first, free):
        assert await shop.refused(order.ref, c.Activate(item.uuid)) == {
            "hold_payment": "The payment of this item is not held."
        }
    await shop.do(order.ref, c.Activate())
    assert (shop.earned(LUCIE), shop.earned(BASILE)) == (5_109, 500)
    assert await shop.refused(order.ref, c.Activate()) == {"hold_payment": "No item of this order is held."}
    gone = await shop.create(line(100, hold_payment=True))
    await shop.do(gone, c.Cancel())
    assert set(await shop.refused(gone, c.Activate())) == {"status"}


async def test_of_an_item_that_was_released_later_captures_hold_nothing() -> None:
    shop = await market()
    order = await shop.paid(line(100, hold_payment=True), payment_config=installments(2))
    await shop.advance(HOUR)
    [item] = order.items
    done = await shop.do(order.ref, c.Activate(item.uuid))
    assert [(each.item, each.freed) for each in done.events] == [(item.uuid, ((LUCIE.uuid, 50),))]
    await shop.advance(10 * DAY)
    held = [[each.retained for each in capture.shares] for capture in shop.order(order.ref).captures]
    assert held == [[True], [False]]


async def test_what_two_captures_held_is_released_together() -> None:
    shop = await market()
    paid = await shop.paid(line(101, hold_payment=True), payment_config=installments(2))
    await shop.advance(10 * DAY + HOUR)
    assert shop.earned(LUCIE) == 5_000
    await shop.do(paid.ref, c.Activate())
    assert shop.earned(LUCIE) == 5_101


# -- a paid order is changed -------------------------------------------------------------------------------------------


async def test_a_paid_order_is_lowered_and_raised_again_but_not_above_what_was_executed() -> None:
    shop = await market()
    order = await shop.paid(line(1_000))
    for amount, wrong in ((0, "amount"), (1_001, "amount"), (1_000, "amount")):
        assert set(await shop.refused(order.ref, c.Update(items=(line(amount),)))) == {wrong}
    await shop.do(order.ref, c.Update(items=(line(400),)))
    assert [each.amount for each in shop.order(order.ref).transactions] == [400]
    assert shop.order(order.ref).items[0].uuid != order.items[0].uuid, "replaced items are new"
    await shop.do(order.ref, c.Update(items=(line(1_000),)))
    [transaction] = shop.order(order.ref).transactions
    assert (transaction.amount, transaction.initial) == (1_000, 1_000)
    await shop.do(order.ref, c.Update(items=(line(999),)))
    await shop.advance(HOUR)
    assert shop.earned(LUCIE) == 5_999


async def test_dates_of_a_paid_order_are_compared_by_day() -> None:
    """Facts 11: PUT is refused when neither the total nor the day of capture changes."""
    shop = await market()
    order = await shop.paid(line(1_000))
    assert set(await shop.refused(order.ref, c.Update(due="20260106235959"))) == {"amount"}
    assert set(await shop.refused(order.ref, c.Update())) == {"amount"}
    assert set(await shop.refused(order.ref, c.Update(due="20260105000000"))) == {"expected_capture_date"}
    await shop.do(order.ref, c.Update(due="20260108101500"))
    assert f"{shop.order(order.ref).transactions[0].due:%Y%m%d%H%M%S}" == "20260108101500"
    await shop.advance(DAY)
    assert shop.order(order.ref).status is OrderStatus.PENDING
    await shop.advance(2 * DAY)
    assert shop.order(order.ref).status is OrderStatus.SUCCEEDED


async def test_the_day_that_an_order_shows_comes_back_with_what_was_read_even_when_it_is_over() -> None:
    shop = await market()
    order = await shop.paid(line(300), payment_config=installments(3))
    await shop.advance(2 * DAY)
    await shop.do(order.ref, c.Update(items=(line(299),), due=f"{order.transactions[0].due:%Y%m%d%H%M%S}"))
    left = shop.order(order.ref).transactions
    assert [each.amount for each in left] == [100, 100, 99]
    assert [each.due for each in left] == [each.due for each in order.transactions]


async def test_a_paid_order_is_lowered_to_its_last_cent() -> None:
    shop = await market()
    order = await shop.paid(line(1_000))
    await shop.do(order.ref, c.Update(items=(line(1),)))
    assert [each.amount for each in shop.order(order.ref).transactions] == [1]


async def test_the_card_is_lowered_before_the_vouchers_and_meal_vouchers_last() -> None:
    shop = await market()
    tenders = [meal(RICH), wallet(PURSE), card()]
    order = await shop.paid(line(2_000, conecs=1_000), line(4_000, holiday=True), tenders=tenders)
    told = [(each.instrument.kind, each.amount) for each in order.transactions]
    assert told == [("conecs", 1_000), ("cv_connect", 3_000), ("card", 2_000)]
    await shop.do(order.ref, c.Update(items=(line(2_000, conecs=1_000), line(3_000, holiday=True))))
    assert [each.amount for each in shop.order(order.ref).transactions] == [1_000, 3_000, 1_000]


async def test_after_the_card_holiday_vouchers_are_lowered_and_then_meal_vouchers() -> None:
    shop = await market()
    tenders = [meal(RICH), wallet(PURSE), card()]
    order = await shop.paid(line(2_000, conecs=1_000, holiday=True), line(4_000, holiday=True), tenders=tenders)
    await shop.do(order.ref, c.Update(items=(line(3_500, conecs=1_000, holiday=True),)))
    left = [(each.instrument.kind, each.amount, each.initial) for each in shop.order(order.ref).transactions]
    assert left == [("conecs", 1_000, 1_000), ("cv_connect", 2_500, 3_000)]
    await shop.do(order.ref, c.Update(items=(line(600, conecs=600, holiday=True),)))
    assert [(each.instrument.kind, each.amount) for each in shop.order(order.ref).transactions] == [("conecs", 600)]


async def test_the_last_installment_is_lowered_first() -> None:
    shop = await market()
    order = await shop.paid(line(300), payment_config=installments(3))
    await shop.do(order.ref, c.Update(items=(line(150),)))
    assert [each.amount for each in shop.order(order.ref).transactions] == [100, 50]
    await shop.advance(HOUR)
    body = await shop.refused(order.ref, c.Update(items=(line(99),)))
    assert set(body) <= {"amount", "items"}


async def test_the_commission_of_a_changed_order_still_covers_the_fees() -> None:
    shop = await market(scenario(marketplace=CHARGES))
    order = await shop.paid(line(10_000, commission_amount=270))
    assert set(await shop.refused(order.ref, c.Update(items=(line(9_999, commission_amount=269),)))) == {"commission"}
    await shop.do(order.ref, c.Update(items=(line(9_999, commission_amount=270),)))


async def test_while_it_waits_to_be_validated_an_order_can_be_sent_again_as_it_is() -> None:
    """Facts 11: the commission is settled by PUT before the validation."""
    shop = await market(scenario(marketplace=CHARGES))
    order = await shop.paid(line(10_000), awaiting_validation=True)
    await shop.do(order.ref, c.Update(items=(line(10_000, commission_amount=269),)))
    assert set(await shop.refused(order.ref, c.Validate())) == {"commission"}


async def test_a_list_of_transactions_is_for_installments_only() -> None:
    shop = await market()
    order = await shop.paid(line(1_000))
    listed = (c.TransactionInput(order.transactions[0].trans_uuid, 1, None),)
    await shop.do(order.ref, c.Update(items=(line(900),), transactions=listed))
    assert [each.amount for each in shop.order(order.ref).transactions] == [900]


async def test_an_order_that_comes_back_as_it_is_is_refused_with_and_without_a_list_of_transactions() -> None:
    shop = await market()
    multi = await shop.paid(line(300), payment_config=installments(3))
    assert set(await shop.refused(multi.ref, c.Update(items=(line(300),)))) == {"amount"}
    single = await shop.paid(line(300))
    listed = (c.TransactionInput(single.transactions[0].trans_uuid, 300, None),)
    assert set(await shop.refused(single.ref, c.Update(items=(line(300),), transactions=listed))) == {"amount"}


async def test_installments_are_lowered_moved_and_left_out_and_the_rest_is_as_it_was() -> None:
    """Facts 11: the full list; only PENDING ones; not above their initial amount; one that is left out is gone."""
    shop = await market()
    order = await shop.paid(line(300), payment_config=installments(3))
    first, second, third = order.transactions
    listed = (
        c.TransactionInput(second.trans_uuid, 60, "20260120080000"),
        c.TransactionInput(first.trans_uuid, None, "20260106235900"),
    )
    await shop.do(order.ref, c.Update(items=(line(160),), transactions=listed))
    left = shop.order(order.ref).transactions
    assert [(each.trans_uuid, each.amount, each.initial) for each in left] == [
        (first.trans_uuid, 100, 100), (second.trans_uuid, 60, 100),
    ]  # fmt: skip
    assert left[0].due == first.due, "another hour of the same day moves nothing"
    assert f"{left[1].due:%Y%m%d%H%M%S}" == "20260120080000"
    assert third.trans_uuid not in {each.trans_uuid for each in left}
    assert left[0] == first, "what does not change is not touched"


async def test_what_a_list_of_installments_may_not_say_is_told_in_its_place() -> None:
    shop = await market()
    order = await shop.paid(line(300), payment_config=installments(3))
    await shop.advance(HOUR)
    first, second, third = (each.trans_uuid for each in order.transactions)
    listed = (
        c.TransactionInput(first, 100, None), c.TransactionInput(STRANGE, 1, None),
        c.TransactionInput(first, 50, None), c.TransactionInput(second, 101, None),
        c.TransactionInput(third, 100, None),
    )  # fmt: skip
    body = await shop.refused(order.ref, c.Update(items=(line(250),), transactions=listed))
    assert body == {
        "transactions": [
            {},
            {"trans_uuid": "This order has no such transaction."},
            {"status": "A transaction that is SUCCEEDED cannot be changed."},
            {"amount": "The amount cannot be higher than the initial amount, 100."},
        ]
    }
    short = (c.TransactionInput(first, None, None), c.TransactionInput(second, 100, None))
    assert set(await shop.refused(order.ref, c.Update(items=(line(250),), transactions=short))) == {"transactions"}
    far = (*short, c.TransactionInput(third, None, "20270107000000"))
    body = await shop.refused(order.ref, c.Update(items=(line(300),), transactions=far))
    assert set(body) == {"expected_capture_date"}
    await shop.do(order.ref, c.Update(items=(line(200),), transactions=short))


async def test_what_vouchers_paid_is_spread_anew_only_if_something_changed() -> None:
    shop = await market()
    ref = await shop.executed(*(line(1_000, conecs=1_000) for _ in range(4)))
    await shop.pay(ref, meal(), 1_300)
    order = await shop.pay(ref, card())
    assert sorted(each.by_vouchers for each in order.items) == [0, 0, 300, 1_000]
    for day in (8, 9, 10, 11):
        await shop.do(ref, c.Update(due=f"202601{day:02}101500"))
        assert shop.order(ref).items == order.items
    await shop.do(ref, c.Update(items=(line(2_500, conecs=1_400), line(1_499))))
    assert [(each.amount, each.by_vouchers) for each in shop.order(ref).items] == [(2_500, 1_300), (1_499, 0)]
    assert set(await shop.refused(ref, c.Update(items=(line(2_300),)))) == {"items"}


async def test_meal_vouchers_fit_a_changed_order_only_beside_the_holiday_vouchers() -> None:
    shop = await market()
    order = await shop.paid(line(4_000, conecs=1_000, holiday=True), tenders=[meal(RICH), wallet(PURSE)])
    assert [each.amount for each in order.transactions] == [1_000, 3_000]
    items = (line(1_000, conecs=1_000), line(2_998, holiday=True), line(1))
    assert set(await shop.refused(order.ref, c.Update(items=items))) == {"items"}
    await shop.do(order.ref, c.Update(items=(line(900, conecs=900), line(100, conecs=100), line(2_999, holiday=True))))
    assert [each.by_vouchers for each in shop.order(order.ref).items] == [900, 100, 2_999]


# -- refunds -----------------------------------------------------------------------------------------------------------


async def test_a_refund_is_sent_once_and_settled_while_it_is_processed() -> None:
    """Facts 7.4: CREATED, PENDING, then a result."""
    shop = await market()
    order = await shop.captured(line(1_000))
    ref = await shop.refund(order.ref, back(500))
    assert set(await shop.refused(order.ref, c.SettleRefund(ref))) == {"status"}
    done = await shop.do(order.ref, c.SendRefund(ref))
    assert done.reasoning.settings == ("refund_sent_after",)
    assert set(await shop.refused(order.ref, c.SendRefund(ref))) == {"status"}
    done = await shop.do(order.ref, c.SettleRefund(ref))
    assert done.reasoning.settings == ("which transaction pays back",)
    for command in (c.SettleRefund(ref), c.SendRefund(ref)):
        assert set(await shop.refused(order.ref, command)) == {"status"}
    await shop.refused(order.ref, c.CancelRefund(ref), NotCancellable)
    assert set(await shop.refused(order.ref, c.ChangeRefund(ref, None, (back(1),)))) == {"status"}
    named = await shop.refund(order.ref, back(1), transaction=order.transactions[0].trans_uuid)
    await shop.do(order.ref, c.SendRefund(named))
    assert (await shop.do(order.ref, c.SettleRefund(named))).reasoning.settings == ()


@pytest.mark.parametrize(("reason", "told"), [("lost", "lost"), (None, "refused")])
async def test_a_rule_lets_a_refund_fail(reason: str | None, told: str) -> None:
    rules = [rule("refund", "failed", amount=eur(500), reference="R-1", merchant_reference="CMD-1", reason=reason)]
    shop = await market(scenario(rules=rules))
    order = await shop.captured(line(1_000))
    ref = await shop.refund(order.ref, back(500))
    other = await shop.refund(order.ref, back(499))
    await shop.advance(2 * HOUR)
    failed = [each.data.why for each in shop.world.journal.since(0) if isinstance(each.data, e.RefundFailed)]
    assert failed == [told]
    assert (shop.the_refund(ref).status, shop.the_refund(other).status) == (
        RefundStatus.FAILED, RefundStatus.SUCCEEDED,
    )  # fmt: skip


async def test_a_refund_takes_the_last_cent_of_one_tender_before_the_next() -> None:
    shop = await market()
    order = await shop.captured(line(1_000, conecs=500), tenders=[meal(RICH), card()])
    conecs, by_card = (each.trans_uuid for each in order.transactions)
    first = await shop.refund(order.ref, back(499))
    await shop.advance(2 * HOUR)
    second = await shop.refund(order.ref, back(2))
    await shop.advance(2 * HOUR)
    assert (shop.the_refund(first).parts, shop.the_refund(second).parts) == (
        ((by_card, 499),), ((by_card, 1), (conecs, 1)),
    )  # fmt: skip
    last = await shop.refund(order.ref, back(499))
    await shop.advance(2 * HOUR)
    assert shop.the_refund(last).parts == ((conecs, 499),)
    more = await shop.refund(order.ref, back(1))
    await shop.advance(2 * HOUR)
    assert shop.the_refund(more).status is RefundStatus.FAILED


async def test_all_installments_that_were_captured_pay_back_the_first_before_the_others() -> None:
    shop = await market()
    order = await shop.paid(line(300), payment_config=installments(3))
    await shop.advance(20 * DAY + HOUR)
    ref = await shop.refund(order.ref, back(150))
    await shop.advance(2 * HOUR)
    first, second, _ = (each.trans_uuid for each in order.transactions)
    assert shop.the_refund(ref).parts == ((first, 100), (second, 50))


@pytest.mark.parametrize(("amount", "status"), [(6_000, RefundStatus.SUCCEEDED), (6_001, RefundStatus.FAILED)])
async def test_a_seller_pays_back_to_its_last_cent(amount: int, status: RefundStatus) -> None:
    """Lucie has 5 000 in reserve and 1 000 of the order; Basile's share of it is not hers."""
    shop = await market()
    order = await shop.captured(line(1_000), line(9_000, BASILE))
    ref = await shop.refund(order.ref, back(3_000), back(amount - 3_000))
    await shop.advance(2 * HOUR)
    assert shop.the_refund(ref).status is status
    assert shop.earned(LUCIE) == (0 if status is RefundStatus.SUCCEEDED else 6_000)


async def test_whose_line_it_is_told_in_its_place() -> None:
    shop = await market()
    order = await shop.captured(line(1_000), line(1_000, BASILE))
    body = await shop.refused(order.ref, ask(back(1), back(1, CAVE)))
    assert body == {"items": [{}, {"seller": "This seller has no item in the order."}]}
    body = await shop.refused(order.ref, ask(back(1, item=order.items[1].uuid), back(1, item=STRANGE)))
    assert body == {"items": [{}, {"item": "The order has no such item."}]}
    ref = await shop.refund(order.ref, back(1, OPERATOR), back(2, item=order.items[0].uuid), back(3))
    assert [(each.operator, each.item) for each in shop.the_refund(ref).items] == [
        (True, None), (False, order.items[0].uuid), (False, None),
    ]  # fmt: skip


async def test_a_changed_refund_keeps_what_the_change_leaves_out() -> None:
    shop = await market()
    order = await shop.captured(line(1_000), line(1_000, BASILE))
    asked = await shop.do(order.ref, c.AskRefund(transaction="", reference="R", description="why", currency="EUR",
                                                 items=(back(500),)))  # fmt: skip
    ref = asked.events[0].refund
    assert set(await shop.refused(order.ref, c.ChangeRefund(ref, "other", None))) == {"amount"}
    assert set(await shop.refused(order.ref, c.ChangeRefund(ref, None, (back(1, CAVE),)))) == {"items"}
    await shop.do(order.ref, c.ChangeRefund(ref, None, (back(499),)))
    assert (shop.the_refund(ref).description, shop.the_refund(ref).amount) == ("why", 499)
    await shop.do(order.ref, c.ChangeRefund(ref, None, (back(500),)))
    assert shop.the_refund(ref).amount == 500, "up to the first amount, not to the last"
