"""The tables of states: complete, closed, drawn without islands, and the words of the platform's documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, get_args

import pytest

from mockpsp.domain.machine import IllegalStep, follow
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import CHECKOUT, OPERATION, PAYMENT, STATUSES, Code, Stage, Status
from mockpsp.providers.worldline.wire import payment_status, status_of
from tests.support import shop
from tests.support.shop import Shop, eur, rule, scenario

Table = Mapping[Any, Mapping[type[Any], Any]]

# What an event leads to where the table alone does not say it: a sale is captured in the same step.
AT_ONCE = {(Code.PENDING_CAPTURE, e.Accepted): Code.CAPTURED}

TABLES: Mapping[str, tuple[Table, set[Any]]] = {
    "payment": (PAYMENT, {Code.CREATED}),
    "operation": (OPERATION, {Code.CAPTURE_REQUESTED, Code.CANCEL_REQUESTED, Code.REFUND_REQUESTED}),
    "checkout": (CHECKOUT, {Stage.IN_PROGRESS}),
}
FINAL: Mapping[str, set[Any]] = {
    "payment": {Code.CANCELLED_BY_CUSTOMER, Code.PENDING_CAPTURE, Code.CAPTURED},
    "operation": {
        Code.CAPTURED, Code.CAPTURE_REJECTED, Code.CANCELLED, Code.CANCELLATION_REJECTED, Code.REFUNDED,
        Code.REFUND_REJECTED,
    },
    "checkout": {Stage.PAYMENT_CREATED, Stage.CANCELLED_BY_CONSUMER},
}  # fmt: skip

# Code, word, category, isAuthorized, isCancellable, isRefundable, as the documentation and recorded answers have them.
WAITING = "PENDING_CONNECT_OR_3RD_PARTY"
DOCUMENTED = [
    (0, "CREATED", "CREATED", False, False, False),
    (1, "CANCELLED", "UNSUCCESSFUL", False, False, False),
    (2, "REJECTED", "UNSUCCESSFUL", False, False, False),
    (46, "REDIRECTED", WAITING, False, False, False),
    (51, "AUTHORIZATION_REQUESTED", WAITING, False, False, False),
    (5, "PENDING_CAPTURE", "PENDING_MERCHANT", True, True, False),
    (6, "CANCELLED", "UNSUCCESSFUL", False, False, False),
    (61, "CANCELLED", "UNSUCCESSFUL", False, False, False),
    (91, "CAPTURE_REQUESTED", WAITING, False, False, False),
    (92, "CAPTURE_REQUESTED", WAITING, False, False, False),
    (93, "REJECTED_CAPTURE", "UNSUCCESSFUL", False, False, False),
    (9, "CAPTURED", "COMPLETED", False, False, True),
    (81, "REFUND_REQUESTED", WAITING, False, False, False),
    (82, "REFUND_REQUESTED", WAITING, False, False, False),
    (83, "REJECTED", "UNSUCCESSFUL", False, False, False),
    (8, "REFUNDED", "REFUNDED", False, False, False),
]
UNDOCUMENTED = {Code.CANCELLATION_REJECTED}
"""63 has a documented word and no documented category: the payment keeps its former state, so nobody reads it there."""


def drawing(table: Table) -> list[str]:
    """The table as lines of a diagram, for a failure that one can look at."""
    lines = []
    for state, row in table.items():
        lines += [f"{state.name} --{step.__name__}--> {target.name}" for step, target in row.items()]
    return lines


def reachable(table: Table, starts: set[Any]) -> set[Any]:
    """Every state that some path leads to."""
    seen: set[Any] = set()
    ahead = list(starts)
    while ahead:
        state = ahead.pop()
        if state in seen:
            continue
        seen.add(state)
        for step, target in table[state].items():
            ahead += [target, *([AT_ONCE[(target, step)]] if (target, step) in AT_ONCE and state in PAYMENT else [])]
    return seen


@pytest.mark.parametrize("code", Code)
def test_every_code_has_its_words(code: Code) -> None:
    assert isinstance(STATUSES[code], Status)


@pytest.mark.parametrize("name", TABLES)
def test_every_target_has_a_row_of_its_own(name: str) -> None:
    table, _ = TABLES[name]
    assert {target for row in table.values() for target in row.values()} <= set(table)


@pytest.mark.parametrize("name", TABLES)
def test_no_state_is_an_island(name: str) -> None:
    table, starts = TABLES[name]
    assert reachable(table, starts) == set(table), "\n".join(drawing(table))


@pytest.mark.parametrize("name", TABLES)
def test_final_states_have_no_step_and_all_others_have_one(name: str) -> None:
    table, _ = TABLES[name]
    assert {state for state, row in table.items() if not row} == FINAL[name]


@pytest.mark.parametrize("name", TABLES)
def test_a_final_state_refuses_every_step(name: str) -> None:
    table, _ = TABLES[name]
    steps = {step for row in table.values() for step in row}
    for state in FINAL[name]:
        for step in steps:
            with pytest.raises(IllegalStep):
                follow(table, state, step)


@pytest.mark.parametrize("name", TABLES)
def test_steps_are_facts_of_an_order(name: str) -> None:
    table, _ = TABLES[name]
    assert {step for row in table.values() for step in row} <= set(get_args(e.Event))


def test_every_code_belongs_to_a_table() -> None:
    assert set(PAYMENT) | set(OPERATION) == set(Code)


def test_every_status_is_the_documented_one() -> None:
    ours = {
        (int(code), each.word, each.category, each.authorised, each.cancellable, each.refundable)
        for code, each in STATUSES.items()
        if code not in UNDOCUMENTED
    }
    assert ours == set(DOCUMENTED)


def test_the_refused_cancellation_has_its_documented_word() -> None:
    assert STATUSES[Code.CANCELLATION_REJECTED].word == "CANCELLATION_REJECTED"


@pytest.mark.parametrize(
    ("group", "codes"),
    [
        ("pending", {0, 46, 51, 91, 92}),
        ("cancelled or rejected", {1, 2, 6}),
        ("capture requested", {91, 92}),
        ("refund requested", {81, 82}),
        ("cancel", {6, 61}),
    ],
)
def test_the_plugins_groups_of_codes_share_a_meaning(group: str, codes: set[int]) -> None:
    words = {STATUSES[Code(code)] for code in codes}
    if group == "pending":
        assert {each.category for each in words} <= {"CREATED", WAITING}
    elif group == "cancelled or rejected":
        assert {each.category for each in words} == {"UNSUCCESSFUL"}
    else:
        assert len({each.word for each in words}) == 1


def test_the_category_of_a_redirected_payment_is_a_setting() -> None:
    older = WorldlineSettings(redirected_category="PENDING_PAYMENT")
    assert status_of(Code.REDIRECTED, older).category == "PENDING_PAYMENT"
    assert status_of(Code.REDIRECTED, WorldlineSettings()).category == WAITING


# -- what a payment says of itself -------------------------------------------------------------------------------------


async def created(psp: Shop) -> str:
    return await psp.checkout(eur(12_000))


async def redirected(psp: Shop) -> str:
    ref = await created(psp)
    await psp.do(ref, c.GoToConnect(beneficiary=shop.RICH))
    return ref


async def given_up(psp: Shop) -> str:
    ref = await redirected(psp)
    await psp.do(ref, c.GiveUp())
    return ref


async def rejected(psp: Shop) -> str:
    ref = await created(psp)
    await psp.do(ref, c.GoToConnect(beneficiary=shop.REFUSES))
    return ref


async def paid(psp: Shop) -> str:
    ref = await redirected(psp)
    await psp.do(ref, c.PayVouchers())
    return ref


async def captured(psp: Shop) -> str:
    ref = await psp.authorised()
    await psp.do(ref, c.Capture(tender=ref, amount=None, final=True, reference=""))
    return ref


async def cancelled(psp: Shop) -> str:
    ref = await psp.authorised()
    await psp.do(ref, c.Cancel(tender=ref, amount=None, reference=""))
    return ref


async def refunded(psp: Shop) -> str:
    ref = await paid(psp)
    await psp.do(ref, c.Refund(tender=None, amount=None, reference=""))
    return ref


HOUR = timedelta(hours=1)
LATER = {"capture_delay": HOUR, "cancel_delay": HOUR, "refund_delay": HOUR}
AWAITED = rule("cv_connect", "pending", details={"after": HOUR})
SITUATIONS = [
    pytest.param(created, {}, 0, id="created"),
    pytest.param(redirected, {}, 46, id="at CV Connect"),
    pytest.param(given_up, {}, 1, id="given up"),
    pytest.param(rejected, {}, 2, id="rejected"),
    pytest.param(paid, {"rules": [AWAITED]}, 51, id="the issuer's answer is awaited"),
    pytest.param(paid, {}, 9, id="paid"),
    pytest.param(Shop.authorised, {}, 5, id="authorised"),
    pytest.param(captured, LATER, 91, id="a capture is under way"),
    pytest.param(captured, {"rules": [rule("capture", "uncertain")]}, 92, id="a capture is uncertain"),
    pytest.param(captured, {}, 9, id="captured"),
    pytest.param(cancelled, LATER, 61, id="a cancellation is under way"),
    pytest.param(cancelled, {}, 6, id="cancelled"),
    pytest.param(refunded, LATER, 81, id="a refund is under way"),
    pytest.param(refunded, {"rules": [rule("refund", "uncertain")]}, 82, id="a refund is uncertain"),
    pytest.param(refunded, {}, 8, id="refunded"),
]


@pytest.mark.parametrize(("build", "chosen", "code"), SITUATIONS)
async def test_a_payment_has_the_documented_words_and_flags(
    build: Callable[[Shop], Awaitable[str]], chosen: dict[str, Any], code: int
) -> None:
    psp = await Shop(scenario(**chosen)).open()
    order = psp.order(await build(psp))
    await psp.advance(timedelta(0))
    order = psp.order(order.ref)
    moment = psp.world.moment("worldline")
    word, told = payment_status(order, order.first, moment.settings, moment.now)
    flags = (told["isAuthorized"], told["isCancellable"], told["isRefundable"])
    assert (told["statusCode"], word, told["statusCategory"], *flags) in DOCUMENTED
    assert told["statusCode"] == code
    assert ("errors" in told) is (code in (1, 2))


async def test_a_refused_capture_leaves_an_authorisation_that_can_be_captured() -> None:
    psp = await Shop(scenario(rules=[rule("capture", "refused")])).open()
    ref = await captured(psp)
    await psp.advance(timedelta(0))
    moment = psp.world.moment("worldline")
    word, told = payment_status(psp.order(ref), psp.order(ref).first, moment.settings, moment.now)
    assert (word, told["statusCode"]) == ("REJECTED_CAPTURE", 93)
    assert (told["isAuthorized"], told["isCancellable"], told["isRefundable"]) == (True, True, False)


def test_states_are_enumerations() -> None:
    assert issubclass(Code, Enum)
    assert {stage.value for stage in Stage} == {"IN_PROGRESS", "PAYMENT_CREATED", "CANCELLED_BY_CONSUMER"}
