"""A double-entry ledger: a balance is the sum of balanced entries, and nothing is ever overwritten.

Accounts are paths such as ``worldline/wallet/11111111111/available``. Only accounts below ``world/`` (the issuers that
money comes from, before this simulation knows of it) may go below zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value

OUTSIDE = "world/"


class Unbalanced(Exception):
    """An entry whose postings do not add up to zero; always a fault of the code that built it."""


class Overdrawn(Exception):
    """An entry would take an account below zero; the command that caused it changes nothing."""

    def __init__(self, account: str, balance: Money, posting: Money) -> None:
        super().__init__(f"{account} holds {balance}, a posting of {posting} would overdraw it")
        self.account = account


class Posting(Value, frozen=True):
    """A signed amount on one account, in minor units of the entry's currency."""

    account: str
    minor: int


class Entry(Value, frozen=True):
    """Postings that add up to zero, with the word for what they are (hold, capture, release, refund)."""

    kind: str
    currency: str
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        total = 0
        for posting in self.postings:
            total += posting.minor
        if total:
            raise Unbalanced(f"{self.kind}: {self.postings}")


def transfer(kind: str, source: str, target: str, amount: Money) -> Entry:
    """One amount from one account to another. The amount must not be negative (ValueError)."""
    if amount.minor < 0:
        raise ValueError(f"a transfer of {amount} has no direction")
    return Entry(kind, amount.currency, (Posting(source, -amount.minor), Posting(target, amount.minor)))


class Ledger:
    """Balances as the fold of entries; one account may hold several currencies side by side."""

    __slots__ = ("_balances",)

    def __init__(self) -> None:
        self._balances: dict[tuple[str, str], int] = {}

    def balance(self, account: str, currency: str) -> Money:
        """What the account holds; zero when it was never posted to."""
        return Money(self._balances.get((account, currency), 0), currency)

    def check(self, entries: Iterable[Entry]) -> None:
        """Raise Overdrawn if these entries, posted together, would leave an account below zero."""
        drained = False
        moved: dict[tuple[str, str], int] = {}
        for entry in entries:
            for posting in entry.postings:
                key = (posting.account, entry.currency)
                moved[key] = moved.get(key, 0) + posting.minor
                if posting.minor < 0:
                    drained = drained or not posting.account.startswith(OUTSIDE)
        if not drained:
            return
        for (account, currency), minor in moved.items():
            if minor >= 0 or account.startswith(OUTSIDE):
                continue
            before = self._balances.get((account, currency), 0)
            if before + minor < 0:
                raise Overdrawn(account, Money(before, currency), Money(minor, currency))

    def post(self, entry: Entry) -> None:
        """Book one entry that was checked before."""
        for posting in entry.postings:
            key = (posting.account, entry.currency)
            self._balances[key] = self._balances.get(key, 0) + posting.minor

    def resume(self, account: str, currency: str, minor: int) -> None:
        """What an account held when its entries were put away."""
        self._balances[(account, currency)] = minor

    def balances(self) -> Mapping[tuple[str, str], int]:
        """All balances in minor units by (account, currency), for views and invariants."""
        return self._balances
