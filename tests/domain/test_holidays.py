"""The public holidays of France, by calendars that were printed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mockpsp.domain.holidays import french_holidays

EASTER = {
    1818: date(1818, 3, 22),  # as early as it can be
    1900: date(1900, 4, 15),
    1943: date(1943, 4, 25),  # as late as it can be
    1954: date(1954, 4, 18),
    1981: date(1981, 4, 19),
    2000: date(2000, 4, 23),
    2008: date(2008, 3, 23),
    2024: date(2024, 3, 31),
    2025: date(2025, 4, 20),
    2026: date(2026, 4, 5),
    2027: date(2027, 3, 28),
    2038: date(2038, 4, 25),
    2049: date(2049, 4, 18),
    2076: date(2076, 4, 19),
    2100: date(2100, 3, 28),
    2285: date(2285, 3, 22),
    4200: date(4200, 4, 20),
}


@pytest.mark.parametrize(("year", "sunday"), EASTER.items())
def test_easter_monday_ascension_and_whit_monday_follow_easter(year: int, sunday: date) -> None:
    days = {(day - sunday).days for day in french_holidays(year)}

    assert {1, 39, 50} <= days


def test_the_eleven_holidays_of_2026() -> None:
    told = "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25"

    assert french_holidays(2026) == {date.fromisoformat(f"2026-{day}") for day in told.split()}


def oudin(year: int) -> date:
    """Easter Sunday by J.-M. Oudin's rule of 1940, which counts otherwise than ours."""
    century, golden = year // 100, year % 19
    moon = (century - century // 4 - (century - (century - 17) // 25) // 3 + 19 * golden + 15) % 30
    moon -= (moon // 28) * (1 - (moon // 28) * (29 // (moon + 1)) * ((21 - golden) // 11))
    sunday = moon - (year + year // 4 + moon + 2 - century + century // 4) % 7
    month = 3 + (sunday + 40) // 44
    return date(year, month, sunday + 28 - 31 * (month // 4))


def test_easter_is_the_same_by_another_rule() -> None:
    missing = [year for year in range(1583, 9000) if oudin(year) + timedelta(days=1) not in french_holidays(year)]

    assert missing == []
