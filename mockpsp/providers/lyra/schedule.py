"""When a payment is captured: ``payment_config``, capture delays, expected capture dates.

Sources: docs.lyra.com "vads_payment_config" (its grammar carried over to the marketplace: inferred), "Custom schedule
MULTI_EXT", "Payment with capture delay".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from mockpsp.providers.lyra.errors import Invalid, wrong

SINGLE = "SINGLE"
_MULTI = re.compile(r"MULTI:(?:first=([0-9]{1,10});)?count=([0-9]{1,3});period=([0-9]{1,3})", re.ASCII)
_CUSTOM = re.compile(r"MULTI_EXT:([0-9]{8}=[0-9]{1,10}(?:;[0-9]{8}=[0-9]{1,10})*)", re.ASCII)
_LONGEST = timedelta(days=365)
Legs = tuple[tuple[int, datetime], ...]


def _bad(text: str) -> Invalid:
    return wrong("payment_config", text)


def check_config(config: str, now: datetime) -> None:
    """Raise Invalid unless this is a payment configuration that can begin now."""
    if config == SINGLE:
        return
    if config.startswith("MULTI_EXT"):
        _dates(config, now)
    else:
        _multi(config)


def _multi(config: str) -> tuple[int | None, int, int]:
    """First amount, number of payments, days between them."""
    found = _MULTI.fullmatch(config)
    if found is None:
        raise _bad(
            '"SINGLE", "MULTI:first=AMOUNT;count=NUMBER;period=DAYS" or "MULTI_EXT:YYYYMMDD=AMOUNT;…" is needed.'
        )
    first, count, period = (int(each) if each is not None else None for each in found.groups())
    assert count is not None, "the pattern has it"
    assert period is not None, "the pattern has it"
    if count < 1 or (count > 1 and period < 1) or (count - 1) * period > _LONGEST.days:
        raise _bad("count and period must be at least 1, and the last payment within 365 days.")
    return first, count, period


def _dates(config: str, now: datetime) -> list[tuple[datetime, int]]:
    found = _CUSTOM.fullmatch(config)
    if found is None:
        raise _bad('"MULTI_EXT:YYYYMMDD=AMOUNT;YYYYMMDD=AMOUNT" is needed.')
    legs = []
    for each in found[1].split(";"):
        day, _, amount = each.partition("=")
        try:
            legs.append((datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC), int(amount)))
        except ValueError:
            raise _bad(f"{day} is not a date.") from None
    days = [day for day, _ in legs]
    if days != sorted(set(days)):
        raise _bad("The dates must follow each other, one payment a day.")
    if days[0].date() < now.date():
        raise _bad("The first date must not lie in the past.")
    if days[-1] - now > _LONGEST:
        raise _bad("The last date must be within 365 days.")
    return legs


def legs(config: str, amount: int, due: datetime) -> Legs:
    """How the card pays ``amount``: parts that add up to it, each with its expected capture date. Raises Invalid."""
    if config == SINGLE:
        return ((amount, due),)
    found = _custom(config, amount, due) if config.startswith("MULTI_EXT") else _equal(config, amount, due)
    if min(part for part, _ in found) < 1:
        raise _bad("Every payment must be of 1 at least.")
    return found


def _equal(config: str, amount: int, due: datetime) -> Legs:
    first, count, period = _multi(config)
    return tuple(
        (part, due + timedelta(days=period * index)) for index, part in enumerate(_parts(first, count, amount))
    )


def _parts(first: int | None, count: int, amount: int) -> list[int]:
    if first is not None:
        if first > amount or (count == 1 and first != amount):
            raise _bad("The first payment is not part of the order's amount.")
        return [first, *_parts(None, count - 1, amount - first)] if count > 1 else [first]
    each = amount // count
    return [*[each] * (count - 1), amount - each * (count - 1)]


def _custom(config: str, amount: int, due: datetime) -> Legs:
    """Each at its date; one of today, or of the past by now, when it is paid."""
    found = _CUSTOM.fullmatch(config)
    assert found is not None, "the configuration was checked when it came"
    parts = [each.partition("=") for each in found[1].split(";")]
    if sum(int(part) for _, _, part in parts) != amount:
        raise _bad("The payments do not add up to the order's amount.")
    told = []
    for day, _, part in parts:
        wanted = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
        told.append((int(part), max(due, wanted.replace(hour=due.hour, minute=due.minute, second=due.second))))
    return tuple(told)


def capture_date(paid: datetime, delay_days: int, wanted: str | None) -> datetime:
    """When a payment is captured: at the date that its order wants if that is still to come, else after a delay."""
    if wanted is None:
        return paid + timedelta(days=delay_days)
    return max(paid, datetime.strptime(wanted, "%Y%m%d%H%M%S").replace(tzinfo=UTC))


def _moment(text: str) -> datetime | None:
    """Fourteen digits as a moment; strptime alone would take fewer, too."""
    if re.fullmatch(r"[0-9]{14}", text, re.ASCII) is None:
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def read_due(text: str, now: datetime, most_days: int) -> datetime:
    """An ``expected_capture_date`` of a request, 14 digits in UTC. Raises Invalid.

    It must lie between now and so many days ahead; days are compared, not hours.
    """
    due = _moment(text)
    if due is None:
        raise wrong("expected_capture_date", "This is not a date of the form YYYYMMDDHHMMSS.")
    if due.date() < now.date() or due.date() > (now + timedelta(days=most_days)).date():
        raise wrong("expected_capture_date", f"The date must be between now and {most_days} days ahead.")
    return due
