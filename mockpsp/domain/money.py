"""Money as whole minor units and a currency, so that parts always add up to the whole."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mockpsp.domain.value import Value

_NO_DECIMALS = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
_THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_WRITTEN = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,3}))? ([A-Z]{3})")


class BadMoney(ValueError):
    """The text is not an amount such as ``12.00 EUR``, or has more decimals than its currency."""


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were put together."""


def decimals(currency: str) -> int:
    """How many decimals ISO 4217 gives the currency: 0, 2 or 3."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


class Money(Value, frozen=True):
    """An amount in minor units (cents for EUR). May be negative as a difference; mixing currencies raises."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str) -> Money:
        """Read ``12.00 EUR``; exactly the currency's decimals, or none. Raises BadMoney."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise BadMoney(f"{text!r} is not an amount; write it like 12.00 EUR")
        sign, whole, fraction, currency = match.groups()
        places = decimals(currency)
        if fraction is not None and len(fraction) != places:
            raise BadMoney(f"{text!r}: {currency} has {places} decimals")
        minor = int(whole) * 10**places + int(fraction or "0")
        return cls(-minor if sign else minor, currency)

    def __str__(self) -> str:
        if self.minor >= 100 and self.currency == "EUR":  # as most are
            written = str(self.minor)
            return f"{written[:-2]}.{written[-2:]} EUR"
        places = decimals(self.currency)
        sign = "-" if self.minor < 0 else ""
        digits = str(abs(self.minor))
        if places == 0:
            return f"{sign}{digits} {self.currency}"
        digits = digits.rjust(places + 1, "0")
        return f"{sign}{digits[:-places]}.{digits[-places:]} {self.currency}"

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self} and {other} cannot be put together")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def __gt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor > other.minor

    def __ge__(self, other: Money) -> bool:
        self._same(other)
        return self.minor >= other.minor

    def __bool__(self) -> bool:
        return self.minor != 0

    @property
    def zero(self) -> Money:
        """Nothing, in the same currency."""
        return Money(0, self.currency)

    def split(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Shares in proportion to ``weights`` that add up exactly; left-over units go to the largest remainders.

        Raises ValueError when a weight is negative or all are zero.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise ValueError("a split needs weights of which none is negative and one is positive")
        sign = -1 if self.minor < 0 else 1
        parts = [divmod(abs(self.minor) * weight, total) for weight in weights]
        left = abs(self.minor) - sum(share for share, _ in parts)
        order = sorted(range(len(parts)), key=lambda i: (-parts[i][1], i))
        extra = set(order[:left])
        return tuple(Money(sign * (share + (i in extra)), self.currency) for i, (share, _) in enumerate(parts))
