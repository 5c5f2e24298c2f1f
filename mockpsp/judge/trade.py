"""What the judge has to know of each provider's calls: which ones make, take, give back and read, and by what key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.domain.value import Value

Path = tuple[str, ...]


class Trade(Value, frozen=True, kw_only=True):
    """Operations of one provider by what they mean, and where bodies say what.

    ``makes`` begin a purchase, ``charges`` are those of them that can take money at once. ``key`` is the header of
    the idempotence key, empty where the provider has none. ``returns`` are places of the return address in a request
    that makes, ``token`` is what an answer gives the merchant to compare the return with. ``proves`` is the query
    parameter of the return that cannot be guessed. ``amount`` is where a request that makes says how much, ``back``
    where a refund does.
    """

    makes: frozenset[str]
    charges: frozenset[str] = frozenset()
    captures: frozenset[str] = frozenset()
    refunds: frozenset[str] = frozenset()
    cancels: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    key: str = ""
    reference: Path = ("reference",)
    amount: Path = ("amount", "value")
    back: Path = ("amount", "value")
    returns: tuple[Path, ...] = (("returnUrl",),)
    proves: str = ""
    signs: bool = True


TRADES: Mapping[str, Trade] = {
    "worldline": Trade(
        makes=frozenset({"create_hosted_checkout", "create_payment"}),
        charges=frozenset({"create_payment"}),
        captures=frozenset({"capture"}),
        refunds=frozenset({"refund"}),
        cancels=frozenset({"cancel"}),
        reads=frozenset({"get_hosted_checkout", "get_payment", "get_payment_details", "get_captures", "get_refunds"}),
        key="x-gcs-idempotence-key",
        reference=("order", "references", "merchantReference"),
        amount=("order", "amountOfMoney", "amount"),
        back=("amountOfMoney", "amount"),
        returns=(
            ("hostedCheckoutSpecificInput", "returnUrl"),
            ("redirectPaymentMethodSpecificInput", "redirectionData", "returnUrl"),
            ("redirectPaymentMethodSpecificInput", "returnUrl"),
        ),
        proves="RETURNMAC",
    ),
    "adyen": Trade(
        makes=frozenset({"payments", "create_payment_link", "create_session"}),
        charges=frozenset({"payments"}),
        captures=frozenset({"capture"}),
        refunds=frozenset({"refund", "reversal"}),
        cancels=frozenset({"cancel", "cancel_by_reference", "cancel_order", "update_payment_link"}),
        reads=frozenset({"get_payment_link", "get_session", "payments_details"}),
        key="idempotency-key",
        proves="redirectResult",
    ),
    "lyra": Trade(
        makes=frozenset({"create_order"}),
        refunds=frozenset({"create_refund"}),
        cancels=frozenset({"cancel_order", "update_order"}),
        reads=frozenset(
            {
                "get_order", "list_orders", "list_marketplace_orders", "list_order_transactions", "list_transactions",
                "get_transaction", "get_refund", "list_refunds", "list_order_refunds", "list_order_items",
            }
        ),
        amount=("items", "amount"),
        back=("items", "amount"),
        returns=(("url_return",),),
        signs=False,
    ),
}  # fmt: skip


def at(value: Any, path: Path) -> Any:
    """What stands there in a body; None when nothing does. Of a list, the sum of numbers or the first thing."""
    for number, key in enumerate(path):
        if isinstance(value, list):
            found = [each for each in (at(one, path[number:]) for one in value) if each is not None]
            whole = found and all(isinstance(each, int) for each in found)
            return sum(found) if whole else found[0] if found else None
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
