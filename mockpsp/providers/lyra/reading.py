"""Checked request bodies as commands. What is looked up in the world, sellers above all, comes in as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mockpsp.edge.respond import to_bytes
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.errors import Invalid
from mockpsp.providers.lyra.holdings import Seller

Json = Mapping[str, Any]
Find = Callable[[str], Seller | None]
_TEXTS = (
    "reference", "description", "language", "alias", "payment_config", "url_return", "url_success", "url_refused",
    "url_cancel", "url_error", "return_mode", "shop_url", "currency", "awaiting_validation",
)  # fmt: skip
_BUYER = ("reference", "title", "type", "first_name", "last_name", "legal_name", "phone_number", "email")
_SHIPPING = (
    "shipping_method", "delivery_company_name", "shipping_speed", "shipping_delay", "type", "first_name", "last_name",
    "legal_name", "phone_number",
)  # fmt: skip
_ADDRESS = ("street_number", "street", "district", "zipcode", "city", "state", "country")


class Sellers:
    """Finds sellers by uuid and by external_ref."""

    __slots__ = ("by_ref", "by_uuid")

    def __init__(self, by_uuid: Find, by_ref: Find) -> None:
        self.by_uuid = by_uuid
        self.by_ref = by_ref

    def named(self, given: Json, fallback: str | None = None) -> Seller:
        """The seller that an object names by either key. Raises Invalid with the field at the top."""
        uuid, ref = given.get("seller"), given.get("seller_external_ref")
        if uuid is None and ref is None:
            uuid = fallback
        if uuid is None and ref is None:
            raise Invalid({"seller": ["This field is required."]})
        found = self.by_uuid(uuid.lower()) if uuid is not None else None
        if uuid is not None and found is None:
            raise Invalid({"seller": [f'Invalid pk "{uuid}" - object does not exist.']})
        if ref is not None:
            other = self.by_ref(ref)
            if other is None:
                raise Invalid({"seller_external_ref": [f"No seller has the external_ref {ref}."]})
            if found is not None and other.uuid != found.uuid:
                raise Invalid({"seller_external_ref": "This is not the external_ref of the seller that is named."})
            found = other
        assert found is not None, "one of the two is there"
        return found


# -- orders ----------------------------------------------------------------------------------------------------------


def _address(given: Json | None) -> Json | None:
    return None if given is None else {name: given.get(name) for name in _ADDRESS}


def read_buyer(given: Json) -> bytes:
    """A buyer as it is answered: all keys, null where nothing came."""
    return to_bytes({**{name: given.get(name) for name in _BUYER}, "address": _address(given.get("address"))})


def _shipping(given: Json | None) -> bytes | None:
    if given is None:
        return None
    return to_bytes({**{name: given.get(name) for name in _SHIPPING}, "address": _address(given.get("address"))})


def read_head(body: Json) -> e.Head:
    """What an order says besides its items."""
    texts = {name: body[name] for name in _TEXTS if body.get(name) is not None}
    return e.Head(
        **texts,
        buyer=read_buyer(body["buyer"]),
        shipping=_shipping(body.get("shipping")),
        capture_delay=body.get("capture_delay"),
    )


def read_changes(body: Json) -> dict[str, Any]:
    """What PUT of an order names of its head."""
    fixed = ("reference", "currency", "payment_config", "awaiting_validation")
    changes = {name: body[name] for name in _TEXTS if name in body and not (body[name] is None and name in fixed)}
    if body.get("buyer") is not None:
        changes["buyer"] = read_buyer(body["buyer"])
    if "shipping" in body:
        changes["shipping"] = _shipping(body["shipping"])
    if "expected_capture_date" in body:
        changes["expected_capture_date"] = body["expected_capture_date"]
    return changes


def read_items(given: Sequence[Json], sellers: Sellers, known: Mapping[str, e.Item]) -> tuple[c.ItemInput, ...]:
    """Items of an order; ``known`` are those it has. Raises Invalid with every item's errors in place."""
    read: list[c.ItemInput] = []
    errors: list[Json] = []
    for each in given:
        try:
            read.append(read_item(each, sellers, known.get(str(each.get("uuid") or "").lower())))
            errors.append({})
        except Invalid as invalid:
            errors.append(invalid.body)
    if any(errors):
        while not errors[-1]:
            errors.pop()
        raise Invalid({"items": errors})
    return tuple(read)


def read_item(given: Json, sellers: Sellers, before: e.Item | None) -> c.ItemInput:
    """One item; what the request leaves out stays as it was ``before``. Raises Invalid."""

    def value(name: str, otherwise: Any) -> Any:
        return given.get(name, otherwise)

    vouchers = given.get("vouchers")
    kept = before.vouchers if before is not None and vouchers is None else ()
    return c.ItemInput(
        uuid=before.uuid if before is not None else "",
        seller=sellers.named(given, before.seller if before is not None else None),
        reference=value("reference", before.reference if before is not None else ""),
        description=value("description", before.description if before is not None else ""),
        amount=value("amount", before.amount if before is not None else 0),
        type=value("type", before.type if before is not None else None),
        quantity=value("quantity", before.quantity if before is not None else None),
        is_commission=bool(value("is_commission", before.is_commission if before is not None else False)),
        commission_amount=value("commission_amount", before.commission_amount if before is not None else None),
        hold_payment=value("hold_payment", before.hold_payment if before is not None else None),
        vouchers=(
            *(c.VoucherInput(each["contract_type"], each.get("eligible_amount")) for each in vouchers or ()),
            *(c.VoucherInput(each.type, each.eligible) for each in kept),
        ),
    )


def read_transactions(given: Sequence[Json]) -> tuple[c.TransactionInput, ...]:
    """Installments as PUT lists them."""
    return tuple(
        c.TransactionInput(each["trans_uuid"], each.get("amount"), each.get("expected_capture_date")) for each in given
    )


# -- refunds ---------------------------------------------------------------------------------------------------------


def read_refund_items(given: Sequence[Json], sellers: Sellers) -> tuple[c.RefundItemInput, ...]:
    """Lines of a refund. Raises Invalid with every line's errors in place."""
    read: list[c.RefundItemInput] = []
    errors: list[Json] = []
    for each in given:
        try:
            seller = sellers.named(each)
            errors.append({})
        except Invalid as invalid:
            errors.append(invalid.body)
            continue
        read.append(
            c.RefundItemInput(
                seller=seller,
                reference=each["reference"],
                amount=each["amount"],
                item=(each.get("item") or "").lower() or None,
                description=each.get("description"),
                is_commission=bool(each.get("is_commission")),
            )
        )
    if any(errors):
        while not errors[-1]:
            errors.pop()
        raise Invalid({"items": errors})
    return tuple(read)
