"""What the shop sells: three things, each through another provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["holiday", "lunch", "basket"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``seller`` is 0 or 1 for a seller of the marketplace, None for the marketplace itself. Amounts are cents.

    ``eligible`` is what a meal voucher may pay of it.
    """

    name: str
    amount: int
    seller: int | None = None
    eligible: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One thing to buy, and the provider that is paid through."""

    kind: Kind
    provider: str
    letter: str
    lines: tuple[Line, ...]
    currency: str = "EUR"

    @property
    def total(self) -> int:
        """The price in cents."""
        return sum(line.amount for line in self.lines)


PRODUCTS: dict[str, Product] = {
    "holiday": Product(
        kind="holiday", provider="worldline", letter="H",
        lines=(Line(name="week", amount=54000), Line(name="linen", amount=4500), Line(name="tax", amount=1540)),
    ),
    "lunch": Product(
        kind="lunch", provider="adyen", letter="L",
        lines=(Line(name="menu", amount=3900), Line(name="water", amount=450)),
    ),
    "basket": Product(
        kind="basket", provider="lyra", letter="B",
        lines=(
            Line(name="vegetables", amount=1800, seller=0, eligible=1800),
            Line(name="cheese", amount=1250, seller=0, eligible=1250),
            Line(name="honey", amount=1100, seller=1, eligible=1100),
            Line(name="apron", amount=2800, seller=1),
            Line(name="service", amount=250),
        ),
    ),
}  # fmt: skip
