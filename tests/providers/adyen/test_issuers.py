"""What issuers say by themselves: days, ceilings, series, codes, expiry dates, and which numbers are whose."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mockpsp.domain.errors import Refusal
from mockpsp.domain.lifecycle import Moment, Verdict
from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import errors, issuers
from mockpsp.providers.adyen.holdings import Holdings, brand_of, is_card_number
from mockpsp.providers.adyen.states import Kind, Status
from tests.support import restaurant as r
from tests.support.restaurant import Restaurant, card, eur, gift_card, scenario, voucher

# -- days --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "rule", "why"),
    [
        ("2026-07-14", "none", ""),
        ("2026-07-14", "sundays", ""),
        ("2026-07-14", "sundays_and_holidays", "public holidays"),
        ("2026-07-12", "none", ""),
        ("2026-07-12", "sundays", "Sundays"),
        ("2026-07-12", "sundays_and_holidays", "Sundays"),
        ("2026-07-11", "sundays_and_holidays", ""),
    ],
)
def test_closed_days(day: str, rule: str, why: str) -> None:
    told = issuers.closed_day(date.fromisoformat(day), rule)
    assert why in told
    assert bool(told) is bool(why)


@pytest.mark.parametrize(
    ("now", "result"),
    [
        ("2026-07-11T21:59:59+00:00", Status.AUTHORISED),
        ("2026-07-11T22:00:00+00:00", Status.REFUSED),
        ("2026-07-12T21:59:59+00:00", Status.REFUSED),
        ("2026-07-12T22:00:00+00:00", Status.AUTHORISED),
    ],
)
async def test_sunday_is_sunday_in_paris(now: str, result: Status) -> None:
    told = scenario(clock=datetime.fromisoformat(now).astimezone(UTC), closed_days="sundays")
    psp = await Restaurant(told).open()
    assert (await psp.pay(voucher(), 100)).status is result
    assert (await psp.pay(card(), 100)).status is Status.AUTHORISED, "cards are taken every day"


# -- the ceiling of a day ----------------------------------------------------------------------------------------------

NIGHTS = {
    "winter": ("2026-01-06T22:59:59+00:00", "2026-01-06", "2026-01-07"),
    "summer": ("2026-07-14T21:59:59+00:00", "2026-07-14", "2026-07-15"),
    "the eve of summer time": ("2026-03-28T22:59:59+00:00", "2026-03-28", "2026-03-29"),
    "the night after summer time began": ("2026-03-29T21:59:59+00:00", "2026-03-29", "2026-03-30"),
    "the eve of winter time": ("2026-10-24T21:59:59+00:00", "2026-10-24", "2026-10-25"),
    "the night after winter time began": ("2026-10-25T22:59:59+00:00", "2026-10-25", "2026-10-26"),
    "new year": ("2025-12-31T22:59:59+00:00", "2025-12-31", "2026-01-01"),
}


@pytest.mark.parametrize("night", NIGHTS)
async def test_a_new_day_begins_at_midnight_in_paris(night: str) -> None:
    clock, old, new = NIGHTS[night]
    psp = await Restaurant(scenario(clock=datetime.fromisoformat(clock).astimezone(UTC))).open()
    assert (await psp.pay(voucher(), 2_500)).status is Status.AUTHORISED
    refused = await psp.pay(voucher(), 1)
    assert refused.refusal is not None
    assert refused.refusal.code == "28"
    await psp.advance(timedelta(seconds=1))
    assert (await psp.pay(voucher(), 2_500)).status is Status.AUTHORISED
    assert (psp.ceiling(voucher(), old), psp.ceiling(voucher(), new)) == (2_500, 2_500)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28T23:00:00", 23), ("2026-10-24T22:00:00", 25)])
async def test_the_days_on_which_clocks_change_are_as_long_as_they_are(day: str, hours: int) -> None:
    psp = await Restaurant(scenario(clock=datetime.fromisoformat(f"{day}+00:00").astimezone(UTC))).open()
    await psp.pay(voucher(), 2_500)
    await psp.advance(timedelta(hours=hours) - timedelta(seconds=1))
    assert (await psp.pay(voucher(), 1)).status is Status.REFUSED
    await psp.advance(timedelta(seconds=1))
    assert (await psp.pay(voucher(), 1)).status is Status.AUTHORISED


async def test_what_is_cancelled_the_next_day_frees_the_day_it_was_paid_on() -> None:
    psp = await Restaurant(scenario()).open()
    paid = await psp.pay(voucher(), 2_000, capturing=r.MANUAL)
    await psp.advance(timedelta(days=1))
    await psp.pay(voucher(), 1_000)
    assert await psp.changed(paid.ref, Kind.CANCEL) == ("done", "")
    assert psp.ceiling(voucher(), "2026-01-06") == 0
    assert psp.ceiling(voucher(), "2026-01-07") == 1_000


async def test_a_voucher_can_have_a_ceiling_of_its_own() -> None:
    psp = await Restaurant().open()
    assert (await psp.pay(voucher(r.WIDE), 100_000)).status is Status.AUTHORISED
    assert (await psp.pay(voucher(r.WIDE), 1)).status is Status.REFUSED


# -- the answers -------------------------------------------------------------------------------------------------------


def moment(**chosen: Any) -> Moment:
    """A moment of a world that nobody has paid in; its ledger knows no opening balances."""
    return Restaurant(scenario(**chosen)).world.moment("adyen")


async def answers(means: c.MeansInput, amount: Money | int, **chosen: Any) -> str:
    """The name of what the issuer says."""
    psp = await Restaurant(scenario(**chosen)).open()
    asked = eur(amount) if isinstance(amount, int) else amount
    return issuers.ruling(means, asked, psp.world.moment("adyen")).name


FORGETFUL = voucher(code="")
LATE = datetime(2030, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("means", "amount", "name"),
    [
        (voucher(), 2_500, "approved"),
        (voucher(), 2_501, "withdrawal_amount_exceeded"),
        (voucher(r.POOR), 1_900, "approved"),
        (voucher(r.POOR), 1_901, "not_enough_balance"),
        (voucher(code="111"), 100, "invalid_pin"),
        (FORGETFUL, 100, "cvc_declined"),
        (voucher(month="04"), 100, "card_expired"),
        (voucher(year="30"), 100, "approved"),
        (voucher(r.BLOCKED), 100, "block_card"),
        (voucher("5075980000000000"), 100, "invalid_card_number"),
        (voucher("5075990000001234"), 1_234, "approved"),
        (voucher("5075990000001234"), 1_235, "not_enough_balance"),
        (voucher("5075990000001234", code="134"), 1, "invalid_pin"),
        (voucher("5075990000001234", code="125"), 1, "block_card"),
        (voucher("5075990000001234", code="999"), 1, "invalid_pin"),
        (voucher("5075990000001234", month="01", year="2026"), 1, "approved"),
        (voucher("5075990000001234", month="12", year="2025"), 1, "card_expired"),
        (voucher(code="134"), 100, "invalid_pin"),
        (voucher(r.WIDE, code=""), 100, "approved"),
        (gift_card(), 5_000, "approved"),
        (gift_card(), 5_001, "not_enough_balance"),
        (gift_card(), Money(5_000, "USD"), "approved"),
        (gift_card(code="123"), 1, "declined"),
        (gift_card(code="999"), 1, "invalid_pin"),
        (gift_card("6036280000000000999"), 1, "invalid_card_number"),
        (gift_card(r.PLASTIC), 3_000, "approved"),
        (gift_card(r.PLASTIC), 3_001, "not_enough_balance"),
        (gift_card(r.PLASTIC), Money(1, "USD"), "not_enough_balance"),
        (card(), 10**9, "approved"),
        (card(month="12", year="2025"), 1, "card_expired"),
        (card(r.DECLINED), 1, "restricted_card"),
        (card(r.DATED), 1, "approved"),
        (card(r.DATED, month="04"), 1, "card_expired"),
        (card(r.DATED, code="111"), 1, "cvc_declined"),
        (card(r.DATED, code=""), 1, "approved"),
        (card(r.LIMITED), 20_000, "approved"),
        (card(r.LIMITED), 20_001, "not_enough_balance"),
        (card(r.SECURE), 10**9, "approved"),
    ],
)
async def test_an_issuer_answers(means: c.MeansInput, amount: Money | int, name: str) -> None:
    assert await answers(means, amount) == name


async def test_a_voucher_of_the_world_expires_at_the_end_of_its_month() -> None:
    assert await answers(voucher(), 1, clock=LATE - timedelta(seconds=1)) == "approved"
    assert await answers(voucher(), 1, clock=LATE) == "card_expired"


async def test_a_listed_number_does_not_obey_the_codes_of_its_series() -> None:
    listed = [{"number": "5075990000001234", "balance": eur(100)}]
    assert await answers(voucher("5075990000001234", code="125"), 1, vouchers=listed) == "approved"


async def test_a_voucher_of_a_series_runs_down() -> None:
    psp = await Restaurant().open()
    means = voucher("5075990000003000")
    await psp.pay(means, 2_500)
    await psp.advance(timedelta(days=1))
    found = issuers.check_balance(means, None, psp.world.moment("adyen"))
    assert (found.result, found.funds.balance) == ("Success", eur(500))
    refused = await psp.pay(means, 501)
    assert refused.refusal is not None
    assert refused.refusal.code == "12"


@pytest.mark.parametrize("number", ["507599000000123", "50759900000012345", "507599000000123A", "5075980000001234"])
def test_what_no_series_has(number: str) -> None:
    assert issuers.find_voucher(number, moment().world) is None


# -- balance checks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("means", "asked", "found"),
    [
        (voucher(), None, ("Success", 6_120, 2_500)),
        (voucher(), eur(6_120), ("Success", 6_120, 2_500)),
        (voucher(), eur(6_121), ("NotEnoughBalance", 6_120, 2_500)),
        (voucher(), Money(1, "USD"), ("NotEnoughBalance", 6_120, 2_500)),
        (voucher(code="111"), None, ("Failed", 0, None)),
        (gift_card(), None, ("Success", 5_000, None)),
        (gift_card(), Money(5_000, "USD"), ("Success", 5_000, None)),
        (gift_card("6036280000000000999"), eur(1), ("Failed", 0, None)),
        (card(), eur(1), ("Failed", 0, None)),
    ],
)
async def test_a_balance_check_finds(
    means: c.MeansInput, asked: Money | None, found: tuple[str, int, int | None]
) -> None:
    psp = await Restaurant().open()
    told = issuers.check_balance(means, asked, psp.world.moment("adyen"))
    limit = told.funds.limit.minor if told.funds.limit is not None else None
    assert (told.result, told.funds.balance.minor, limit) == found


@pytest.mark.parametrize(
    ("means", "remaining", "most"),
    [
        (voucher(), eur(10_000), 2_500),
        (voucher(), eur(1_000), 1_000),
        (voucher(r.POOR), eur(10_000), 1_900),
        (voucher(code="111"), eur(10_000), 10_000),
        (voucher("5075990000000000"), eur(10_000), 10_000),
        (gift_card(), eur(10_000), 5_000),
        (gift_card(r.PLASTIC), Money(10_000, "USD"), 10_000),
        (card(r.LIMITED), eur(99_999), 99_999),
    ],
)
async def test_what_a_means_can_pay_of_the_rest(means: c.MeansInput, remaining: Money, most: int) -> None:
    psp = await Restaurant().open()
    assert issuers.spendable(means, remaining, psp.world.moment("adyen")).minor == most


@pytest.mark.parametrize(
    ("outcome", "reason", "result"),
    [
        (None, None, ("Success", 6_120, "")),
        ("success", None, ("Success", 6_120, "")),
        ("not_enough_balance", None, ("NotEnoughBalance", 6_120, "")),
        ("failed", None, ("Failed", 0, "invalid_pin")),
        ("failed", "block_card", ("Failed", 0, "block_card")),
    ],
)
async def test_a_rule_can_answer_a_balance_check(
    outcome: str | None, reason: str | None, result: tuple[str, int, str]
) -> None:
    psp = await Restaurant().open()
    natural = issuers.check_balance(voucher(), None, psp.world.moment("adyen"))
    told = issuers.overruled(natural, Verdict(outcome, reason))
    assert (told.result, told.funds.balance.minor, told.reason) == result


# -- numbers, brands, dates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "brand"),
    [
        ("4", "visa"), ("50", "maestro"), ("51", "mc"), ("55", "mc"), ("56", "maestro"), ("57", "maestro"),
        ("58", "maestro"), ("59", None), ("2220", None), ("2221", "mc"), ("2720", "mc"), ("2721", None),
        ("34", "amex"), ("37", "amex"), ("35", "jcb"), ("30", "diners"), ("36", "diners"), ("38", "diners"),
        ("39", "diners"), ("33", None), ("62", "cup"), ("81", "cup"), ("60", "discover"), ("64", "discover"),
        ("65", "discover"), ("61", None), ("63", "maestro"), ("6703", "bcmc"), ("6704", "maestro"), ("66", None),
        ("68", None), ("1", None), ("", None),
    ],
)  # fmt: skip
def test_brands_have_ranges(begins: str, brand: str | None) -> None:
    assert brand_of(begins, Holdings()) == brand


@pytest.mark.parametrize(
    ("number", "is_one"),
    [
        ("4111111111111111", True), ("4111111111111112", False), ("41111111111", False), ("x" * 16, False),
        ("00000000000", False), ("000000000000", True), ("0" * 19, True), ("0" * 20, False),
        ("٤١١١١١١١١١١١١١١١", False),
    ],
)  # fmt: skip
def test_card_numbers(number: str, is_one: bool) -> None:
    assert is_card_number(number, Holdings()) is is_one


@pytest.mark.parametrize(
    ("month", "year", "told"),
    [
        ("03", "2030", "03/2030"), ("3", "30", "03/2030"), (" 3 ", " 2030 ", "03/2030"), ("", "2030", None),
        ("03", "", None), ("x", "2030", None), ("03", "x", None), ("²", "2030", None), ("03", "２０３０", None),
    ],
)  # fmt: skip
def test_expiry_dates_are_read(month: str, year: str, told: str | None) -> None:
    assert issuers.expiry_of(card(month=month, year=year)) == told


@pytest.mark.parametrize(
    ("means", "refusal"),
    [
        (voucher("123456789"), errors.BadCardNumber),
        (voucher("1" * 33), errors.BadCardNumber),
        (voucher("507599000000612A"), errors.BadCardNumber),
        (voucher(brand="mealVoucher_FR_other"), errors.MethodNotConfigured),
        (voucher(type="mealVoucher_FR_other"), errors.MethodNotConfigured),
        (voucher(month="13"), errors.BadExpiry),
        (voucher(month="0"), errors.BadExpiry),
        (voucher(month="x"), errors.BadExpiry),
        (voucher(year="1999"), errors.BadExpiry),
        (voucher(year="2200"), errors.BadExpiry),
        (gift_card("123456789"), errors.BadCardNumber),
        (gift_card("1" * 33), errors.BadCardNumber),
        (gift_card("12345678-0"), errors.BadCardNumber),
        (card("4111111111111112"), errors.BadCardNumber),
        (card("0000000000000000"), errors.NoVariant),
        (card("36006666333344"), errors.MethodNotConfigured),
        (card(code="12"), errors.BadSecurityCode),
        (card(code="1234"), errors.BadSecurityCode),
        (card(code="12x"), errors.BadSecurityCode),
        (card("370000000000002", code="737"), errors.BadSecurityCode),
        (c.MeansInput(kind="other", type="ideal"), errors.MethodNotConfigured),
    ],
)
def test_what_is_refused_before_an_issuer_is_asked(means: c.MeansInput, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        issuers.check_means(means, moment())


def test_which_part_of_an_expiry_date_is_wrong() -> None:
    for changes, part in (({"month": "13"}, "month"), ({"year": "1999"}, "year"), ({"month": ""}, "date")):
        with pytest.raises(errors.BadExpiry) as wrong:
            issuers.check_means(card(**changes), moment())
        assert wrong.value.part == part


@pytest.mark.parametrize(
    ("means", "brand"),
    [
        (voucher(), "mealVoucher_FR_sodexo"),
        (voucher(brand="mealVoucher_FR_natixis"), "mealVoucher_FR_natixis"),
        (voucher(type="mealVoucher_FR_groupeup"), "mealVoucher_FR_groupeup"),
        (gift_card(), "givex"),
        (gift_card(brand="svs"), "svs"),
        (gift_card("6036280000000000999"), "giftcard"),
        (card(), "visa"),
        (card(brand="cartebancaire"), "cartebancaire"),
        (card(r.MASTERCARD, brand="cartebancaire"), "cartebancaire"),
        (card("370000000000002", brand="cartebancaire", code="7373"), "amex"),
        (card(r.LIMITED), "cartebancaire"),
        (card(brand="mc"), "visa"),
    ],
)
def test_the_brand_that_a_payment_has(means: c.MeansInput, brand: str) -> None:
    assert issuers.instrument_of(means, moment()).brand == brand


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(-1, "EUR"), Money(10**12, "EUR")])
def test_amounts_that_nobody_pays(amount: Money) -> None:
    with pytest.raises(errors.InvalidAmount):
        issuers.check_amount(amount)


def test_amounts_that_somebody_pays() -> None:
    issuers.check_amount(Money(1, "EUR"))
    issuers.check_amount(Money(10**12 - 1, "JPY"))
    with pytest.raises(errors.UnsupportedCurrency):
        issuers.check_amount(Money(1, "XXQ"))
    with pytest.raises(errors.UnsupportedCurrency):
        issuers.check_currency(voucher(), Money(1, "USD"))


@pytest.mark.parametrize(
    ("holder", "code", "asked"),
    [
        ("", "", ""), ("CAMILLE MARTIN", "", ""), (" Declined ", "", "declined"), ("NOT ENOUGH BALANCE", "",
        "not_enough_balance"), ("APPROVED", "", "approved"), ("pending", "", "pending"),
        ("DECLINED", "6", "card_expired"),
        ("", "1", "approved"), ("", "13", "pending"), ("DECLINED", "999", "declined"),
    ],
)  # fmt: skip
def test_a_request_can_ask_for_its_own_outcome(holder: str, code: str, asked: str) -> None:
    assert issuers.outcome_asked(card(holder=holder), code) == asked
