"""Amounts as a file writes them, and what one object says of an amount and its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mockpsp.domain.money import BadMoney, Money
from mockpsp.scenario.catalogue import Agree, Parts
from mockpsp.scenario.problems import Spot
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table

_MANY = 12
"""Of more parts than these nobody looks for those that add up."""
_NAMED = 6


class Amount(NamedTuple):
    """Minor units; without a currency where the file writes a mere number."""

    minor: int
    currency: str = ""

    def told(self, currency: str = "") -> str:
        """In words; a mere number as money of this currency, if there is one."""
        known = self.currency or currency
        return str(Money(self.minor, known)) if known else str(self.minor)


def of_money(money: Money | None) -> Amount | None:
    """The same amount, if there is one."""
    return None if money is None else Amount(money.minor, money.currency)


def amount_of(node: Node | None) -> Amount | None:
    """``12.00 EUR``, minor units, or an object that is nothing but an amount; None for all else, such as a label."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str):
            try:
                return of_money(Money.parse(node.value))
            except BadMoney:
                return None
        return Amount(node.value) if isinstance(node.value, int) and not isinstance(node.value, bool) else None
    if not isinstance(node, Table) or len(node.items) != 2:
        return None
    minor = amount_of(node.items.get("amount") or node.items.get("value"))
    code = node.items.get("currencyCode") or node.items.get("currency")
    if minor is None or minor.currency or not isinstance(code, Scalar) or not isinstance(code.value, str):
        return None
    return Amount(minor.minor, code.value)


def currency_of(amounts: Iterable[Amount]) -> str | None:
    """The currency of these amounts, empty if none is said; None if they differ."""
    said = {each.currency for each in amounts if each.currency}
    return None if len(said) > 1 else next(iter(said), "")


def leaves(node: Node, way: Sequence[str], only: tuple[str, str] | None = None) -> Iterator[tuple[Node | None, Table]]:
    """What lies at the end of a way, with the object around it; None where an object does not say it."""
    if isinstance(node, Many):
        for each in node.items:
            yield from leaves(each, way, only)
    elif isinstance(node, Table) and way:
        if way[0] == "*":
            for each in node.items.values():
                yield from leaves(each, way[1:], only)
        elif len(way) > 1:
            child = node.items.get(way[0])
            if child is not None:
                yield from leaves(child, way[1:], only)
        elif only is None or said(node, only[0]) == only[1]:
            yield node.items.get(way[0]), node


def said(table: Table, key: str) -> str | None:
    """The text under a key; None if there is none."""
    node = table.items.get(key)
    return node.text if isinstance(node, Scalar) else None


def disagreement(table: Table, parts: Parts, total: Amount | None) -> tuple[Spot, str] | None:
    """What is wrong with an amount and its parts in one object, and where; ``total`` is what there was to pay."""
    way = parts.parts.split(".")
    if way[0] not in table.items:
        return None
    found = list(leaves(table, way, parts.only))
    whole, beside = _whole(table, parts, total)
    if whole is None or not found or not _counts(table, parts, [around for _, around in found], beside=beside):
        return None
    written = [amount for amount in (amount_of(node) for node, _ in found) if amount is not None]
    currency = currency_of((whole, *written))
    if currency is None or not written:
        return None
    wrong = _wrong(parts.agree, whole, written, complete=len(written) == len(found))
    if not wrong:
        return None
    name = f"'{parts.whole}'" if beside and parts.whole else "the amount"
    told = f"{_added(wrong, currency)}, and {name} is {whole.told(currency)}"
    return table.keys[way[0]], f"{way[0]}: {told}{_WANTED[parts.agree]}"


def _whole(table: Table, parts: Parts, total: Amount | None) -> tuple[Amount | None, bool]:
    """The amount that the parts are held against, and whether the object itself tells it."""
    if parts.whole:
        node = next((node for node, _ in leaves(table, parts.whole.split("."))), None)
        if node is not None:
            return amount_of(node), True
    return (total, False) if parts.total else (None, False)


def _counts(table: Table, parts: Parts, around: Iterable[Table], *, beside: bool) -> bool:
    if parts.when is None:
        return True
    key, values = parts.when
    if key in table.items:
        return said(table, key) in values
    return beside and all(key not in each.items or said(each, key) in values for each in around)


def _wrong(agree: Agree, whole: Amount, written: Sequence[Amount], *, complete: bool) -> Sequence[Amount]:
    """The amounts that do not agree with the whole; none if they do, or if that cannot be said."""
    added = sum(each.minor for each in written)
    match agree:
        case Agree.EACH:
            return [each for each in written if each.minor > whole.minor][:1]
        case Agree.SOME:
            known = complete and len(written) <= _MANY
            return written if known and whole.minor not in sums(each.minor for each in written) else ()
        case Agree.TOGETHER if complete:
            return written if added != whole.minor else ()
        case _:
            return written if added > whole.minor and min(each.minor for each in written) >= 0 else ()


_WANTED = {
    Agree.TOGETHER: "; they have to add up to it",
    Agree.WITHIN: "; they cannot be more than it",
    Agree.EACH: "; it cannot be more",
    Agree.SOME: "; no choice of them adds up to it",
}


def _added(amounts: Sequence[Amount], currency: str) -> str:
    """The amounts and their sum."""
    told = [each.told(currency) for each in amounts]
    if len(told) == 1:
        return told[0]
    total = Amount(sum(each.minor for each in amounts)).told(currency)
    return f"{' + '.join(told)} are {total}" if len(told) <= _NAMED else f"{len(told)} amounts are {total}"


def sums(values: Iterable[int]) -> set[int]:
    """What some of these values can come to, none of them included."""
    found = {0}
    for value in values:
        found |= {each + value for each in found}
    return found
