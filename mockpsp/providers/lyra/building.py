"""Items out of what was asked for: rules that need no state. Source: docs.lyra.com "Item object", "Order voucher"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mockpsp.domain.lifecycle import Moment
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.errors import Invalid
from mockpsp.providers.lyra.holdings import CONECS, Holdings, Seller
from mockpsp.providers.lyra.settings import LyraSettings

Errors = dict[str, Any]


def build_all(asked: Sequence[c.ItemInput], currency: str, moment: Moment, uuids: Callable[[int], str]) -> list[e.Item]:
    """Items, with the uuid that ``uuids`` gives each by its index. Raises Invalid with every item's errors in place."""
    built: list[e.Item] = []
    errors: list[Errors] = []
    settings: set[str] = set()
    for index, each in enumerate(asked):
        found, setting = problems(each, currency, moment)
        errors.append(found)
        settings.add(setting)
        if not found:
            built.append(_item(each, uuids(index), moment))
    if any(errors):
        while not errors[-1]:
            errors.pop()
        raise Invalid({"items": errors}, "".join(sorted(settings)))
    return built


def build(asked: c.ItemInput, currency: str, moment: Moment, uuid: str) -> e.Item:
    """One item. Raises Invalid with its errors at the top."""
    found, setting = problems(asked, currency, moment)
    if found:
        raise Invalid(found, setting)
    return _item(asked, uuid, moment)


def problems(asked: c.ItemInput, currency: str, moment: Moment) -> tuple[Errors, str]:
    """What is wrong with an item, by field, and the inferred setting behind it if there is one."""
    seller = asked.seller
    assert seller is not None, "sellers are looked up before"
    errors: Errors = {}
    if seller.status != "ACTIVE":
        errors["seller"] = f"The seller {seller.reference} is not active."
    if asked.is_commission:
        _commission_item(asked, seller, errors)
    elif asked.commission_amount is not None and asked.commission_amount > asked.amount:
        errors["commission_amount"] = "The commission cannot be higher than the item's amount."
    told, setting = _voucher_problems(asked, seller, currency, moment)
    if told:
        errors["vouchers"] = told
    return errors, setting


def _commission_item(asked: c.ItemInput, seller: Seller, errors: Errors) -> None:
    if not seller.operator:
        errors["seller"] = "A commission item belongs to the marketplace's own seller."
    if asked.commission_amount:
        errors["commission_amount"] = "commission_amount cannot be used together with is_commission."
    if asked.hold_payment:
        errors["hold_payment"] = "The payment of a commission item cannot be held."


def _voucher_problems(
    asked: c.ItemInput, seller: Seller, currency: str, moment: Moment
) -> tuple[list[str | Mapping[str, Any]], str]:
    """The list that ``vouchers`` shows: texts for a rule of the business, objects for a field of one voucher."""
    told: list[str | Mapping[str, Any]] = []
    setting = ""
    seen: set[str] = set()
    for index, voucher in enumerate(asked.vouchers):
        if voucher.type in seen:
            told.append(f"The contract type {voucher.type} appears twice.")
        seen.add(voucher.type)
        if voucher.type == CONECS:
            field = _eligible(voucher, asked.amount)
            if field is not None:
                told.extend({} for _ in range(index - len(told)))
                told.append(field)
            elif currency != "EUR":
                told.append("CONECS vouchers can only be used in EUR.")
        missing = _no_contract(voucher, seller, moment)
        if missing:
            told.append(missing)
            setting = "missing_contract"
    return told, setting


def _eligible(voucher: c.VoucherInput, amount: int) -> Mapping[str, Any] | None:
    if voucher.eligible is None:
        return {"eligible_amount": ["This field is required."]}
    if voucher.eligible > amount:
        return {"eligible_amount": "The eligible amount cannot be higher than the item's amount."}
    return None


def _no_contract(voucher: c.VoucherInput, seller: Seller, moment: Moment) -> str:
    """Why the seller cannot take this voucher; empty when it can, or when the setting leaves such vouchers out."""
    settings: LyraSettings = moment.settings
    holdings: Holdings = moment.world
    if settings.missing_contract == "ignored":
        return ""
    if voucher.type not in holdings.marketplace.vouchers:
        return f"The marketplace has no {voucher.type} contracts."
    if voucher.type not in seller.vouchers:
        return f"The seller {seller.reference} has no {voucher.type} contract."
    return ""


def _item(asked: c.ItemInput, uuid: str, moment: Moment) -> e.Item:
    seller = asked.seller
    assert seller is not None, "sellers are looked up before"
    return e.Item(  # two by position: of so many keywords Python would make a dictionary
        uuid,
        seller.uuid,
        seller_ref=seller.external_ref,
        operator=seller.operator,
        reference=asked.reference,
        description=asked.description,
        amount=asked.amount,
        type=asked.type,
        quantity=asked.quantity,
        is_commission=asked.is_commission,
        commission_amount=asked.commission_amount,
        hold_payment=asked.hold_payment,
        vouchers=tuple(_vouchers(asked.vouchers, seller, moment.world)),
        cashout_delay=seller.cashout_delay,
        created=moment.now,
        updated=moment.now,
    )


def _vouchers(asked: Iterable[c.VoucherInput], seller: Seller, holdings: Holdings) -> Iterable[e.Voucher]:
    for each in asked:
        contract = seller.vouchers.get(each.type)
        if contract is not None and each.type in holdings.marketplace.vouchers:
            yield e.Voucher(each.type, contract, each.eligible if each.type == CONECS else None)
