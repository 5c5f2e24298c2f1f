"""Vouchers of an order: who wins each contract type, what a tender can pay, how what it paid is spread over items.

Sources: docs.lyra.com "Selecting MIDs upon order execution" and "After the payment".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.holdings import CONECS, CVCONNECT, VOUCHER_TYPES

TYPES: Mapping[str, str] = {"conecs": CONECS, "cv_connect": CVCONNECT}
"""Contract types by the tender that uses them."""


def limit(item: e.Item, voucher: e.Voucher) -> int:
    """The most that this voucher can pay of its item: the eligible amount, or for holiday vouchers all of it."""
    return item.amount if voucher.eligible is None else voucher.eligible


def winners(items: Sequence[e.Item], tie_break: str) -> tuple[tuple[str, str], ...]:
    """Each contract type with the seller that wins it: the largest sum, of equal ones a contract number decides."""
    found = []
    for contract_type in VOUCHER_TYPES:
        sums: dict[str, int] = {}
        contracts: dict[str, str] = {}
        for item in items:
            voucher = item.voucher(contract_type)
            if voucher is not None:
                sums[item.seller] = sums.get(item.seller, 0) + limit(item, voucher)
                contracts[item.seller] = voucher.contract
        if sums:
            best = max(sums.values())
            equal = sorted((seller for seller in sums if sums[seller] == best), key=lambda each: _rank(contracts[each]))
            found.append((contract_type, equal[0] if tie_break == "lowest" else equal[-1]))
    return tuple(found)


def _rank(contract: str) -> tuple[int, int, str]:
    """Numbers by their value and before texts, texts by their characters."""
    digits = contract.isascii() and contract.isdigit()
    return (0, int(contract), contract) if digits else (1, 0, contract)


def selected(items: Iterable[e.Item], chosen: Sequence[tuple[str, str]]) -> tuple[e.Item, ...]:
    """The items with each voucher marked: true on the winner's, false on the others'."""
    wins = dict(chosen)

    def mark(item: e.Item) -> e.Item:
        if not item.vouchers:
            return item
        marked = tuple(
            replace(each, selected=wins.get(each.type) == item.seller, actual=None) for each in item.vouchers
        )
        return replace(item, vouchers=marked)

    return tuple(mark(item) for item in items)


def unselected(items: Iterable[e.Item]) -> tuple[e.Item, ...]:
    """The items as they were before any execution."""
    return tuple(
        replace(item, vouchers=tuple(replace(each, selected=None, actual=None) for each in item.vouchers))
        if item.vouchers
        else item
        for item in items
    )


def _on(items: Iterable[e.Item], contract_type: str) -> list[tuple[e.Item, int]]:
    """The winner's items of a type, each with the most that the type can pay of it."""
    found = []
    for item in items:
        voucher = item.voucher(contract_type)
        if voucher is not None and voucher.selected:
            found.append((item, limit(item, voucher)))
    return found


def _apart(items: Iterable[e.Item]) -> tuple[int, int]:
    """What meal vouchers could pay of items that holiday vouchers cannot pay, and of those that both can."""
    alone = both = 0
    for item, most in _on(items, CONECS):
        other = item.voucher(CVCONNECT)
        if other is not None and other.selected:
            both += most
        else:
            alone += most
    return alone, both


def capacity(items: Sequence[e.Item], contract_type: str, other: int) -> int:
    """The most that a type can pay of these items when the other type pays ``other``.

    An item never carries more than its amount, whichever way what was paid is spread later.
    """
    alone, both = _apart(items)
    holiday = sum(most for _, most in _on(items, CVCONNECT))
    if contract_type == CONECS:
        return alone + max(0, min(both, holiday - other))
    return holiday - max(0, min(both, other - alone))


def allocate(
    items: Sequence[e.Item], paid: Mapping[str, int], below: Callable[[int], int]
) -> tuple[tuple[str, str, int], ...]:
    """What was paid of each item: item, type and amount, in a random order each filled up before the next.

    ``below`` draws a number from 0 to its argument - 1. Items that got nothing of a used type have 0. ``paid`` must
    not be more than ``capacity`` (ValueError).
    """
    told: list[tuple[str, str, int]] = []
    taken: dict[str, int] = {}
    holiday = sum(most for _, most in _on(items, CVCONNECT))
    room = holiday - paid.get(CVCONNECT, 0)
    for contract_type in VOUCHER_TYPES:
        left = paid.get(contract_type, 0)
        if not left:
            continue
        for item, most in _shuffled(_on(items, contract_type), below):
            cap = min(most, item.amount - taken.get(item.uuid, 0))
            other = item.voucher(CVCONNECT)
            shared = contract_type == CONECS and other is not None and bool(other.selected)
            amount = min(left, cap, room) if shared else min(left, cap)
            room -= amount if shared else 0
            left -= amount
            taken[item.uuid] = taken.get(item.uuid, 0) + amount
            told.append((item.uuid, contract_type, amount))
        if left:
            raise ValueError(f"{left} of {paid[contract_type]} by {contract_type} fit no item")
    return tuple(told)


def _shuffled(found: list[tuple[e.Item, int]], below: Callable[[int], int]) -> list[tuple[e.Item, int]]:
    """A fair shuffle."""
    for last in range(len(found) - 1, 0, -1):
        chosen = below(last + 1)
        found[last], found[chosen] = found[chosen], found[last]
    return found
