"""Accounts with their balances, and how each came to be what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from aiohttp import web

from mockpsp.domain.money import Money
from mockpsp.edge.keys import PROVIDERS
from mockpsp.edge.provider import Account
from mockpsp.web import words
from mockpsp.web.activity import about
from mockpsp.web.frame import Problem, html, sandbox_of
from mockpsp.world.index import Index
from mockpsp.world.sandboxes import Sandbox

MOST = 200
"""Movements of an account that are shown, the latest."""
_FEW = 40
_OPENING = "opening balance"


class Movement(NamedTuple):
    """One posting on an account. ``after`` is the balance then, in minor units like ``minor``."""

    number: int
    at: datetime
    kind: str
    how: str
    minor: int
    after: int
    about: str


class Chart(NamedTuple):
    """A balance as a line of steps: movement by movement from left to right."""

    width: float
    height: float
    line: str
    area: str
    zero: float
    points: list[tuple[float, float, Movement]]
    low: int
    high: int


async def listing(request: web.Request) -> web.Response:
    """GET …/balances: every account of every provider."""
    here = sandbox_of(request)
    index = here.world.journal.index()
    groups = []
    for who in request.app[PROVIDERS].values():
        rows = [
            (each, index.count_on_account(each.ledger), chart(movements(here, index, each, _FEW), 120, 28, 2))
            for each in who.accounts(here.world)
        ]
        rows.sort(key=lambda row: row[1] <= 1)  # what has moved comes first, an opening balance is no movement
        if rows:
            groups.append((who, rows))
    return html("balances.html", here=here, tab="balances", groups=groups)


async def show(request: web.Request) -> web.Response:
    """GET …/balances/{provider}/{currency}/{ref}: one account with its latest movements."""
    here = sandbox_of(request)
    account = _account(here, request)
    index = here.world.journal.index()
    moved = movements(here, index, account, MOST)
    return html(
        "balance.html",
        here=here,
        tab="balances",
        account=account,
        provider=request.app[PROVIDERS][request.match_info["provider"]],
        movements=moved[::-1],
        chart=chart(moved, 880, 220, 14),
        count=index.count_on_account(account.ledger),
        money=lambda minor: Money(minor, account.balance.currency) if account.balance is not None else minor,
    )


def _account(here: Sandbox, request: web.Request) -> Account:
    provider, currency, ref = (request.match_info[name] for name in ("provider", "currency", "ref"))
    who = request.app[PROVIDERS].get(provider)
    found = who.accounts(here.world) if who is not None else ()
    for each in found:
        if each.ref == ref and each.balance is not None and each.balance.currency == currency:
            return each
    raise Problem(404, "No such account", f"Sandbox {here.id} has no account {ref!r} in {currency}.")


def movements(here: Sandbox, index: Index, account: Account, most: int) -> list[Movement]:
    """The latest postings on an account, oldest first, each with the balance after it."""
    if account.balance is None:
        return []
    currency, after = account.balance.currency, account.balance.minor
    found: list[Movement] = []
    for entry in reversed(index.on_account(account.ledger, most)):
        booked = entry.data.entry
        moved = sum(each.minor for each in booked.postings if each.account == account.ledger)
        if booked.currency != currency or not moved:
            continue
        told = Movement(
            entry.number, entry.at, booked.kind, words.movement(booked), moved, after, about(here.world, here, entry)
        )
        found.append(told)
        after -= moved
    return found[::-1]


def chart(moved: Sequence[Movement], width: float, height: float, margin: float) -> Chart | None:
    """The balance at first and after each movement; None when nothing moved. An opening balance is where it begins."""
    if not moved:
        return None
    first, later = moved[0].after - moved[0].minor, moved
    if moved[0].kind == _OPENING:
        first, later = moved[0].after, moved[1:]
    values = [first, *(each.after for each in later)]
    low, high = min(0, *values), max(0, *values)
    step = (width - 2 * margin) / (len(later) + 1)

    def y(minor: int) -> float:
        return height - margin - (minor - low) / ((high - low) or 1) * (height - 2 * margin)

    x = margin
    path = f"M{x:.1f} {y(values[0]):.1f}"
    points = []
    for each in later:
        x += step
        path += f" H{x:.1f} V{y(each.after):.1f}"
        points.append((x, y(each.after), each))
    path += f" H{width - margin:.1f}"
    area = f"{path} V{y(0):.1f} H{margin:.1f} Z"
    return Chart(width, height, path, area, y(0), points, low, high)
