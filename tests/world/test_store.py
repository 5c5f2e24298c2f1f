"""Two processes on one store: the slower one reads what is new and decides again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline.errors import ActionNotAllowed
from mockpsp.providers.worldline.orders import ORDERS
from mockpsp.world.records import Answered
from mockpsp.world.store import BadState, Conflict, MemoryStore
from mockpsp.world.world import AnsweredMeanwhile, Gone, Outcome
from tests.support.shop import MERCHANT, RICH, START, Shop, eur, order_input, rule, scenario


async def test_a_store_may_keep_the_latest_events_only() -> None:
    store = MemoryStore(keep=10)
    for version in range(100):
        assert await store.append("s1", version, [version]) == version + 1
    assert list(await store.read("s1", 95)) == [95, 96, 97, 98, 99]
    assert len(store._streams["s1"]) <= 20
    with pytest.raises(BadState, match="are not kept"):
        await store.read("s1", 0)
    with pytest.raises(Conflict, match="at version 100, not 5"):
        await store.append("s1", 5, ["late"])
    await store.drop("s1")
    assert await store.append("s1", 0, ["anew"]) == 1


async def two(chosen: object = None) -> tuple[Shop, Shop]:
    """Two Worlds of the same sandbox on one store."""
    told = chosen or scenario()
    fast = await Shop(told, name="shared").open()  # type: ignore[arg-type]
    slow = Shop(told, store=fast.store, name="shared")  # type: ignore[arg-type]
    await slow.world.catch_up()
    return fast, slow


def capture(ref: str, amount: int | None = None) -> c.Capture:
    asked = None if amount is None else eur(amount)
    return c.Capture(tender=ref, amount=asked, final=amount is None, reference="CAP")


async def test_both_know_the_same_after_each_has_read() -> None:
    fast, slow = await two()
    ref = await fast.split()
    await slow.world.catch_up()
    assert slow.order(ref) == fast.order(ref)
    assert slow.world.ledger.balances() == fast.world.ledger.balances()
    assert slow.world.version == fast.world.version


async def test_the_slower_one_is_refused_what_the_faster_one_has_done() -> None:
    fast, slow = await two()
    ref = await fast.authorised()
    await slow.world.catch_up()
    await fast.do(ref, capture(ref))
    with pytest.raises(ActionNotAllowed, match="nothing is left"):
        await slow.do(ref, capture(ref))
    assert slow.balance(f"worldline/merchant/{MERCHANT}") == 12_000


async def test_the_slower_one_takes_what_is_left() -> None:
    fast, slow = await two()
    ref = await fast.authorised()
    await slow.world.catch_up()
    await fast.do(ref, capture(ref, 5_000))
    outcome = await slow.do(ref, capture(ref))
    assert [event.amount.minor for event in outcome.events] == [7_000]
    await fast.world.catch_up()
    assert fast.order(ref) == slow.order(ref)


async def test_ids_are_never_given_twice() -> None:
    fast, slow = await two()
    refs = [await each.checkout(eur(100)) for each in (fast, slow, slow, fast, fast, slow)]
    assert len(set(refs)) == 6
    assert sorted(refs) == refs


async def test_a_rule_that_the_faster_one_used_up_is_used_up() -> None:
    fast, slow = await two(scenario(rules=[rule("beneficiary", "refused", times=1)]))
    order = order_input(eur(100))
    answers = [
        (await each.do(None, c.CreatePayment(order=order, return_url=""))).state.first.code.value
        for each in (fast, slow)
    ]
    assert answers == [2, 46]


async def test_a_wallet_is_not_spent_twice() -> None:
    small = [{"beneficiary": RICH, "balance": eur(100)}]
    fast, slow = await two(scenario(wallets=small))
    mine, theirs = await fast.checkout(eur(100)), await fast.checkout(eur(100))
    await slow.world.catch_up()
    await fast.vouchers(mine)
    order = await slow.vouchers(theirs)
    assert order.first.error is not None
    assert slow.balance(f"worldline/wallet/{RICH}") == 0


async def test_a_world_that_was_closed_takes_nothing() -> None:
    psp = await Shop().open()
    psp.world.close()
    with pytest.raises(Gone):
        await psp.checkout(eur(100))


async def test_kept_answers_are_forgotten_when_their_time_is_over() -> None:
    psp = await Shop().open()

    def answered(scope: str) -> Answered:
        now = psp.world.clock.now()
        return Answered(scope, now, now, 201, b"{}", b"", now + timedelta(hours=24))

    await psp.world.commit([answered("a")])
    await psp.advance(timedelta(hours=12))
    await psp.world.commit([answered("b")])
    await psp.advance(timedelta(hours=12))
    await psp.world.commit([answered("c")])
    assert sorted(psp.world.answers) == ["a", "b", "c"]
    await psp.advance(timedelta(seconds=1))
    await psp.world.commit([answered("d")])
    assert sorted(psp.world.answers) == ["b", "c", "d"]
    assert psp.world.clock.now() == START + timedelta(hours=24, seconds=1)


async def test_a_key_that_is_used_again_after_a_day_does_not_keep_older_answers_alive() -> None:
    psp = await Shop().open()

    def answered(scope: str) -> Answered:
        now = psp.world.clock.now()
        return Answered(scope, now, now, 201, b"{}", b"", now + timedelta(hours=24))

    await psp.world.commit([answered("again")])
    await psp.world.commit([answered("old")])
    await psp.advance(timedelta(hours=25))
    await psp.world.commit([answered("again")])
    assert sorted(psp.world.answers) == ["again"]


async def test_another_scenario_moves_balances_by_what_the_file_changed() -> None:
    psp = await Shop(scenario(wallets=[{"beneficiary": RICH, "balance": eur(1_000)}])).open()
    ref = await psp.checkout(eur(300))
    await psp.vouchers(ref)
    changes = await psp.world.change_scenario(scenario(wallets=[{"beneficiary": RICH, "balance": eur(1_500)}]))
    assert psp.balance(f"worldline/wallet/{RICH}") == 1_200
    assert any("opening balance" in each for each in changes)
    await psp.world.change_scenario(scenario(wallets=[{"beneficiary": RICH, "balance": eur(0)}]))
    assert psp.balance(f"worldline/wallet/{RICH}") == 0, "never below zero"
    assert psp.order(ref).ended == "paid"


def kept_under(scope: str) -> Callable[[Outcome], Answered]:
    """What a handler commits with an idempotence key."""

    def keep(outcome: Outcome) -> Answered:
        return Answered(scope, START, outcome.at, 201, outcome.ref.encode(), b"", outcome.at + timedelta(hours=24))

    return keep


async def test_the_same_idempotence_key_in_two_processes_has_one_effect() -> None:
    fast, slow = await two()
    command = c.CreateCheckout(
        order=order_input(eur(12_000)),
        return_url="",
        show_result_page=True,
        attempts=3,
        timeout=None,
        auto_refund=False,
        products=(5412, 1),
        complement=(1,),
    )
    first = await fast.world.execute(ORDERS, None, command, answer=kept_under("key"))
    with pytest.raises(AnsweredMeanwhile) as meanwhile:
        await slow.world.execute(ORDERS, None, command, answer=kept_under("key"))
    assert meanwhile.value.kept.body == first.ref.encode()
    assert list(slow.world.objects[ORDERS.name]) == [first.ref]


async def test_what_needs_no_decision_is_booked_on_the_newer_state() -> None:
    fast, slow = await two()
    await fast.world.set_balance(f"worldline/wallet/{RICH}", eur(7))
    await slow.world.set_balance(f"worldline/wallet/{RICH}", eur(5))
    await fast.world.catch_up()
    assert fast.balance(f"worldline/wallet/{RICH}") == slow.balance(f"worldline/wallet/{RICH}") == 5
