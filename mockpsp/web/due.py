"""Work that is due some day, and work that was done, as rows that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import urlsplit

from msgspec.structs import replace

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.scenario.model import ShopperScript, Tender
from mockpsp.web.frame import object_path
from mockpsp.web.words import deed, spoken, within
from mockpsp.world.journal import Entry
from mockpsp.world.masking import mask_text
from mockpsp.world.outbox import Delivery, Status, Work
from mockpsp.world.records import Attempted, Held, Posted, Queued, ShopperDue, TimerSet

if TYPE_CHECKING:
    from mockpsp.world.sandboxes import Sandbox

LOOKED_AT = 10_000
"""So many entries of the journal are looked at for what a move did."""

_LEADS_TO = 4


class Row(Value, frozen=True, kw_only=True):
    """One piece of work: its kind (webhook, retry, timer, shopper), what it is, at which object, and more about it.

    ``due`` is None for a webhook that waits behind another one, ``away`` tells how far ahead it is. ``link`` leads to
    the object's page, or is empty.
    """

    id: str
    kind: str
    due: datetime | None
    what: str
    ref: str
    link: str
    more: str = ""
    away: str = ""
    led_to: tuple[str, ...] = ()


def object_page(sandbox: Sandbox, provider: str, ref: str) -> str:
    """The page of the object that has this reference, or of which it is a part; empty when there is none."""
    world = sandbox.world
    for name in world.lifecycles:
        owner = world.owner(name, ref) if name.startswith(f"{provider}.") else None
        if owner is not None:
            return object_path(sandbox, name, owner)
    return ""


# -- what is ahead ---------------------------------------------------------------------------------------------------


def ahead(sandbox: Sandbox, at_most: int) -> list[Row]:
    """What is due next, in the order in which it will be done."""
    now = sandbox.world.clock.now()
    rows = (_row(sandbox, work) for work in sandbox.world.outbox.ahead(at_most))
    return [replace(row, away=within(row.due, now)) if row.due is not None else row for row in rows]


def _row(sandbox: Sandbox, work: Work) -> Row:
    match work:
        case Delivery():
            return _delivery(sandbox, work)
        case TimerSet():
            return Row(
                id=f"due-{work.number}",
                kind="timer",
                due=work.due,
                what=spoken(type(work.command).__name__),
                ref=work.ref,
                link=object_page(sandbox, work.lifecycle.partition(".")[0], work.ref),
                more=work.lifecycle.replace(".", " "),
            )
        case ShopperDue():
            scripts = (line for line in sandbox.world.scenario.shopper if line.key == work.script)
            script = next(scripts, None)
            return Row(
                id=f"due-{work.number}",
                kind="shopper",
                due=work.due,
                what=shopper_act(script) if script is not None else "the scenario no longer has this shopper",
                ref=work.ref,
                link=object_page(sandbox, work.provider, work.ref),
                more=f"{work.provider}, as the scenario says",
            )
        case _:
            assert_never(work)


def _delivery(sandbox: Sandbox, delivery: Delivery) -> Row:
    queued, tries = delivery.queued, len(delivery.attempts)
    about = [f"to {address(queued.url)}"]
    if delivery.status is Status.HELD:
        behind = sandbox.world.outbox.ahead_of(delivery)
        about.append(f"waits behind webhook {behind}" if behind is not None else "waits")
    if tries:
        about.append(f"attempt {tries + 1}, the last one {_ended(delivery.attempts[-1])}")
    if queued.rule:
        about.append(f"rule “{queued.rule}”")
    return Row(
        id=f"due-{queued.number}",
        kind="retry" if tries else "webhook",
        due=delivery.due,
        what=queued.kind,
        ref=queued.ref,
        link=object_page(sandbox, queued.provider, queued.owner),
        more=", ".join(about),
    )


def address(url: str) -> str:
    """Where a webhook goes, without what may be secret in its query."""
    parts = urlsplit(url)
    return mask_text(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _ended(attempt: Attempted) -> str:
    """How an attempt ended."""
    return attempt.error or f"answered {attempt.status}"


# -- what was done ---------------------------------------------------------------------------------------------------


def done(sandbox: Sandbox, after: int, until: int, at_most: int) -> tuple[list[Row], int, bool]:
    """What timers, webhooks and shoppers did between two entries of the journal; how many of them are not shown.

    And whether that is all of it: of a long move only the first entries are looked at.
    """
    found: list[Row] = []
    followed: dict[int, list[str]] = {}
    more = 0
    entries = islice(sandbox.world.journal.since(after), min(until - after, LOOKED_AT))
    for entry in entries:
        if entry.cause in followed:
            _follow(followed[entry.cause], entry)
        row = _done(sandbox, entry)
        if row is None:
            continue
        if len(found) == at_most:
            more += 1
            continue
        found.append(row)
        followed[entry.number] = []
    told = ((row, followed[int(row.id.removeprefix("done-"))]) for row in found)
    return [_with(row, list(dict.fromkeys(events))) for row, events in told], more, until - after <= LOOKED_AT


def _with(row: Row, events: list[str]) -> Row:
    """The row with what it led to; nothing came of a timer that no longer applies."""
    shown = (*events[:_LEADS_TO], *([f"and {len(events) - _LEADS_TO} more"] if len(events) > _LEADS_TO else []))
    if not shown and row.kind == "timer":
        shown = ("no longer applies",)
    return replace(row, led_to=shown)


def _follow(told: list[str], entry: Entry) -> None:
    """Add what an entry says happened, if it is worth a word here."""
    match entry.kind:
        case "event":
            told.append(spoken(entry.operation.partition(".")[2]))
        case "posting" if isinstance(entry.data, Posted):
            booked = entry.data.entry
            told.append(f"{booked.kind} {Money(abs(booked.postings[0].minor), booked.currency)}")
        case "webhook" if isinstance(entry.data, Queued):
            told.append(f"webhook {entry.operation}")
        case _:
            pass


def _done(sandbox: Sandbox, entry: Entry) -> Row | None:
    data: Any = entry.data
    kind, what, more = "", "", ""
    match data:
        case Attempted():
            kind, what = "retry" if data.attempt > 1 else "webhook", entry.operation
            more = _ended(data) if data.attempt == 1 else f"attempt {data.attempt} {_ended(data)}"
            if not data.delivered:
                more += ", tried again" if data.next_due is not None else ", given up"
        case Held():
            kind, what, more = "webhook", entry.operation, f"waits behind webhook {data.behind}"
        case ShopperScript():
            kind, what = "shopper", shopper_act(data)
            more = sandbox.world.journal.remarks.get(entry.number, "")
        case _ if entry.kind == "timer":
            kind, what = "timer", spoken(entry.operation.partition(".")[2])
            more = f"{entry.provider} {entry.operation.partition('.')[0]}"
        case _:
            return None
    return Row(
        id=f"done-{entry.number}",
        kind=kind,
        due=entry.at,
        what=what,
        ref=entry.reference,
        link=object_page(sandbox, entry.provider, _owner(sandbox, data, entry.reference)),
        more=more,
    )


def _owner(sandbox: Sandbox, data: Any, ref: str) -> str:
    """The object that a webhook is about; its reference in the body may be another one."""
    if isinstance(data, Attempted | Held):
        delivery = sandbox.world.outbox.deliveries.get(data.number)
        return delivery.queued.owner if delivery is not None else ref
    return ref


# -- shoppers --------------------------------------------------------------------------------------------------------


def shopper_act(script: ShopperScript) -> str:
    """What a shopper does, in a few words."""
    if script.cancels:
        return "cancels"
    if script.abandons:
        return "leaves"
    if script.refused is not None:
        return f"refuses {_tender(script.refused)} in the app"
    if not script.pays:
        return deed(script)
    return "pays " + ", then ".join(_tender(each) for each in script.pays)


def _tender(tender: Tender) -> str:
    amount = f"{tender.amount} " if tender.amount is not None else ""
    number = tender.fields.get("number") or tender.fields.get("beneficiary") or ""
    with_what = tender.kind.replace("_", " ")
    return f"{amount}with {with_what}{f' …{number[-4:]}' if number else ''}"


def phrases(rows: Iterable[Row]) -> Iterator[str]:
    """Kinds of work with their counts, for a sentence: ``3 webhooks``, ``1 timer``."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.kind] = counts.get(row.kind, 0) + 1
    names = {"retry": ("retry", "retries")}
    for kind, count in counts.items():
        one, many = names.get(kind, (kind, f"{kind}s"))
        yield f"{count} {one if count == 1 else many}"
