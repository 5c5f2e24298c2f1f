"""Adyen's references: pspReferences of 16 letters and digits, sessions ``CS…`` and payment links ``PL…``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockpsp.domain.ids import Ids

if TYPE_CHECKING:
    from mockpsp.edge.exchange import Exchange

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAIRS = tuple([first + second for first in _LETTERS for second in _LETTERS])
_TWO, _FOUR, _EIGHT = 36**2, 36**4, 36**8
_OF_A_BYTE = (_LETTERS * 8)[:256].encode()
_KEY = 8


def spell(number: int) -> str:
    """The last 16 digits of a number in base 36."""
    high, low = divmod(number, _EIGHT)  # small numbers are divided at a third of the price
    a, b = divmod(high % _EIGHT, _FOUR)
    c, d = divmod(low, _FOUR)
    first = f"{_PAIRS[a // _TWO]}{_PAIRS[a % _TWO]}{_PAIRS[b // _TWO]}{_PAIRS[b % _TWO]}"
    return f"{first}{_PAIRS[c // _TWO]}{_PAIRS[c % _TWO]}{_PAIRS[d // _TWO]}{_PAIRS[d % _TWO]}"


def psp_reference(ids: Ids) -> str:
    """A new pspReference: unique by its 82 bits from the seeded source."""
    return ids.spelled(_OF_A_BYTE, 16)


def fixed_reference(uuid: str) -> str:
    """The pspReference that a numbered UUID stands for: of answers that create nothing.

    Such UUIDs differ in their last 48 bits only, so what is cut off in front makes no two alike.
    """
    return spell(int(uuid.replace("-", ""), 16))


def own_reference(x: Exchange) -> str:
    """The pspReference of an answer that creates nothing."""
    return fixed_reference(x.world.ids.fixed("psp", x.entry.number))


def checkout_id(kind: str, key: str, ids: Ids) -> str:
    """``CS`` or ``PL`` and 16 upper-case hex digits, the first eight of which lead to the sandbox."""
    return f"{kind}{key.upper()}{ids.next('adyen.checkout') * 0x9E3779B1 % 0x100000000:08X}"


def key_of(checkout: str) -> str:
    """The sandbox's key in a session's or link's id."""
    return checkout[2 : 2 + _KEY].lower()
