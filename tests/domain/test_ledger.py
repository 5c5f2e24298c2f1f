"""The ledger: entries balance, accounts do not go below zero, except those of the world outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.ledger import Entry, Ledger, Overdrawn, Posting, Unbalanced, transfer
from mockpsp.domain.money import Money

ACCOUNTS = ("world/issued", "shop/wallet", "shop/wallet/held", "shop/merchant")
accounts = st.sampled_from(ACCOUNTS)
moves = st.lists(
    st.tuples(accounts, accounts, st.integers(0, 1_000), st.sampled_from(["EUR", "JPY"])),
    max_size=40,
)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


@given(moves=moves)
def test_whatever_is_posted_the_whole_is_zero_and_only_the_world_owes(
    moves: list[tuple[str, str, int, str]],
) -> None:
    ledger = Ledger()
    for source, target, minor, currency in moves:
        entry = transfer("move", source, target, Money(minor, currency))
        before = dict(ledger.balances())
        try:
            ledger.check([entry])
        except Overdrawn:
            assert dict(ledger.balances()) == before
            continue
        ledger.post(entry)
    for currency in ("EUR", "JPY"):
        assert sum(minor for (_, each), minor in ledger.balances().items() if each == currency) == 0
    assert all(minor >= 0 for (account, _), minor in ledger.balances().items() if not account.startswith("world/"))


def test_a_transfer_moves_money_from_one_account_to_the_other() -> None:
    ledger = Ledger()
    ledger.post(transfer("opening", "world/issued", "shop/wallet", eur(500)))
    ledger.post(transfer("hold", "shop/wallet", "shop/wallet/held", eur(200)))
    assert ledger.balance("shop/wallet", "EUR") == eur(300)
    assert ledger.balance("shop/wallet/held", "EUR") == eur(200)
    assert ledger.balance("world/issued", "EUR") == eur(-500)


def test_an_account_that_was_never_posted_to_holds_nothing() -> None:
    assert Ledger().balance("shop/wallet", "CHF") == Money(0, "CHF")


def test_currencies_lie_side_by_side() -> None:
    ledger = Ledger()
    ledger.post(transfer("opening", "world/issued", "shop/wallet", eur(500)))
    assert ledger.balance("shop/wallet", "JPY") == Money(0, "JPY")
    with pytest.raises(Overdrawn):
        ledger.check([transfer("hold", "shop/wallet", "shop/merchant", Money(1, "JPY"))])


def test_entries_of_one_command_are_looked_at_together() -> None:
    ledger = Ledger()
    through = [
        transfer("in", "world/issued", "shop/wallet", eur(100)),
        transfer("out", "shop/wallet", "shop/merchant", eur(100)),
    ]
    ledger.check(through)
    with pytest.raises(Overdrawn, match=r"shop/wallet holds 0\.00 EUR, a posting of -0\.01 EUR"):
        ledger.check([*through, transfer("once more", "shop/wallet", "shop/merchant", eur(1))])


def test_an_account_may_give_all_that_it_holds_and_no_more() -> None:
    ledger = Ledger()
    ledger.post(transfer("opening", "world/issued", "shop/wallet", eur(500)))
    ledger.check([transfer("all of it", "shop/wallet", "shop/merchant", eur(500))])
    with pytest.raises(Overdrawn):
        ledger.check([transfer("a cent more", "shop/wallet", "shop/merchant", eur(501))])


def test_an_entry_that_does_not_add_up_cannot_be_made() -> None:
    with pytest.raises(Unbalanced, match="odd"):
        Entry("odd", "EUR", (Posting("shop/wallet", 1),))


def test_a_negative_transfer_has_no_direction() -> None:
    with pytest.raises(ValueError, match="direction"):
        transfer("back", "shop/wallet", "shop/merchant", eur(-1))
