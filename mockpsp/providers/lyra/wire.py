"""States as Lyra shows them. Null-valued keys of vouchers are left out, all others stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from msgspec import Raw

from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.answers import compact, href, stamp
from mockpsp.providers.lyra.cashouts import Cashout, CashoutStatus, Charged
from mockpsp.providers.lyra.holdings import Marketplace, Seller
from mockpsp.providers.lyra.links import link_url, page_url
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order, OrderStatus, Refund
from mockpsp.providers.lyra.transfers import Transfer
from mockpsp.providers.lyra.vault import Token

Json = dict[str, Any]


# -- orders ----------------------------------------------------------------------------------------------------------


def order(state: Order, base: str, origin: str, settings: LyraSettings, expand: Iterable[str] = ()) -> Json:
    """An order; ``expand`` names the lists that are embedded."""
    head = state.head
    here = f"{base}/orders/{state.ref}"
    execution = state.execution
    paid = state.transactions[0] if state.transactions and state.status is not OrderStatus.CREATED else None
    shown: Json = {
        "uuid": state.ref,
        "href": here,
        "created_at": stamp(state.created),
        "updated_at": stamp(state.updated),
        "marketplace": state.marketplace,
        "reference": head.reference,
        "description": head.description,
        "language": head.language,
        "alias": head.alias,
        "awaiting_validation": head.awaiting_validation,
        "buyer": Raw(head.buyer),
        "shipping": Raw(head.shipping) if head.shipping is not None else None,
        "payment_config": head.payment_config,
        "amount": _amount(state, settings),
        "initial_amount": execution.amount if execution is not None else None,
        "currency": head.currency,
        "status": state.status.value,
        "webhook_result": state.webhook_result,
        "url_return": head.url_return,
        "url_success": head.url_success,
        "url_refused": head.url_refused,
        "url_cancel": head.url_cancel,
        "url_error": head.url_error,
        "return_mode": head.return_mode,
        "shop_url": head.shop_url,
        "vads_transaction_id": state.gateway_id or None,
        "vads_transaction_date": compact(paid.paid_at) if paid is not None and state.gateway_id else None,
        "expected_capture_date": compact(paid.due) if paid is not None else head.expected_capture_date,
        "capture_delay": head.capture_delay,
        "persist_url": link_url(origin, state.persisted.code) if state.persisted is not None else None,
        "expiry_date": stamp(state.persisted.expires) if state.persisted is not None else None,
    }
    if "items" in expand:
        shown["items"] = [item(each, state, base) for each in state.items]
    if "transactions" in expand:
        shown["transactions"] = [transaction(each, state, base) for each in state.transactions]
    shown["links"] = _links(here, head.alias, settings)
    return shown


def _amount(state: Order, settings: LyraSettings) -> int | None:
    known = state.execution is not None or settings.amount_before_execution == "sum"
    return state.total if known else None


def _links(here: str, alias: str | None, settings: LyraSettings) -> Json:
    names = ["items", "transactions", "refunds", "execute", "execute-embedded"]
    names += ["execute-mit", "persist"] if alias is not None else ["persist"]
    links: Json = {name: href(f"{here}/{name}") for name in names}
    if settings.link_keys == "both":
        links.update({name.replace("-", "_"): link for name, link in links.items() if "-" in name})
    return links


def voucher(state: e.Voucher) -> Json:
    """A voucher of an item."""
    told: Json = {"contract_type": state.type}
    if state.eligible is not None:
        told["eligible_amount"] = state.eligible
    if state.selected is not None:
        told["is_selected"] = state.selected
    if state.actual is not None:
        told["actual_amount"] = state.actual
    return told


def item(state: e.Item, owner: Order, base: str) -> Json:
    """An item; its status is its order's."""
    here = f"{base}/items/{state.uuid}"
    return {
        "uuid": state.uuid,
        "href": here,
        "created_at": stamp(state.created),
        "updated_at": stamp(max(state.updated, owner.updated)),
        "seller": state.seller,
        "seller_external_ref": state.seller_ref,
        "order": owner.ref,
        "reference": state.reference,
        "description": state.description,
        "type": state.type,
        "amount": state.amount,
        "quantity": state.quantity,
        "is_commission": state.is_commission,
        "commission_amount": state.commission_amount,
        "status": owner.status.value,
        "hold_payment": state.hold_payment,
        "vouchers": [voucher(each) for each in state.vouchers],
        "links": {"transfers": href(f"{here}/transfers")},
    }


def transaction(state: e.Transaction, owner: Order, base: str) -> Json:
    """A transaction, which is called by its trans_uuid and has no href."""
    return {
        "trans_uuid": state.trans_uuid,
        "order": owner.ref,
        "sequence_number": state.sequence,
        "paid_at": stamp(state.paid_at.replace(microsecond=0)),
        "auto_code": state.auto_code,
        "payment_scheme": state.instrument.scheme,
        "amount": state.amount,
        "initial_amount": state.initial,
        "expected_capture_date": compact(state.due),
        "status": state.status,
        "links": {"transfers": href(f"{base}/transactions/{state.trans_uuid}/transfers")},
        "created_at": stamp(state.created),
        "updated_at": stamp(state.updated),
    }


def transfer(state: Transfer, base: str) -> Json:
    """A transfer."""
    return {
        "href": f"{base}/transfers/{state.uuid}",
        "uuid": state.uuid,
        "created_at": stamp(state.transaction.created),
        "updated_at": stamp(state.updated),
        "item": state.item.uuid,
        "amount": state.amount,
        "status": state.status,
        "links": {"item": href(f"{base}/items/{state.item.uuid}")},
    }


def refund(state: Refund, owner: Order, base: str) -> Json:
    """A refund."""
    asked = state.asked
    return {
        "uuid": state.ref,
        "href": f"{base}/refunds/{state.ref}",
        "created_at": stamp(asked.at),
        "updated_at": stamp(state.updated),
        "order": owner.ref,
        "transaction": asked.transaction or None,
        "reference": asked.reference,
        "description": state.description,
        "amount": state.amount,
        "currency": asked.currency,
        "status": state.status.value,
        "items": [
            {
                "seller": each.seller,
                "item": each.item,
                "reference": each.reference,
                "description": each.description,
                "amount": each.amount,
                "is_commission": each.is_commission,
                "seller_external_ref": each.seller_ref,
            }
            for each in state.items
        ],
    }


# -- who sells -------------------------------------------------------------------------------------------------------


def seller(state: Seller, marketplace: str, base: str) -> Json:
    """A seller."""
    here = f"{base}/sellers/{state.uuid}"
    return {
        "uuid": state.uuid,
        "href": here,
        "created_at": stamp(state.created),
        "updated_at": stamp(state.updated),
        "external_ref": state.external_ref,
        "marketplace": marketplace,
        "reference": state.reference,
        "description": state.description,
        "bic": state.bic,
        "iban": state.iban,
        "status": state.status,
        "cashout_delay": state.cashout_delay,
        "is_marketplace_seller": state.operator,
        "links": {"items": href(f"{here}/items"), "transfers": href(f"{here}/transfers")},
        "vouchers": [
            {"contract_type": contract_type, "contract_number": number}
            for contract_type, number in state.vouchers.items()
        ],
    }


def marketplace(state: Marketplace, uuid: str, since: str, base: str) -> Json:
    """The marketplace."""
    here = f"{base}/marketplaces/{uuid}"
    return {
        "href": here,
        "uuid": uuid,
        "created_at": since,
        "updated_at": since,
        "reference": state.reference,
        "description": state.description,
        "billing_method": state.billing_method,
        "bic": state.bic,
        "iban": state.iban,
        "vads_key": state.vads_key,
        "vads_cert": state.vads_cert,
        "status": "ACTIVE",
        "max_capture_delay": state.max_capture_delay,
        "tva_rate": state.tva_rate,
        "currencies": [
            {
                "currency": each.currency,
                "commission_prorata": each.commission_prorata,
                "commission_fix": each.commission_fix,
                "is_active": each.is_active,
                "cashout_frequency": each.cashout_frequency,
            }
            for each in state.currencies
        ],
        "vouchers": [{"contract_type": each} for each in state.vouchers],
        "links": {name: href(f"{here}/{name}") for name in ("sellers", "orders", "registrations", "webhooks")},
    }


# -- payment methods -------------------------------------------------------------------------------------------------


def token(state: Token, origin: str) -> Json:
    """A registration of a payment method."""
    register, opened = state.opened.register, state.opened
    return {
        "uuid": state.ref,
        "created_at": stamp(opened.at),
        "updated_at": stamp(state.updated),
        "marketplace": register.marketplace,
        "buyer": Raw(register.buyer),
        "language": register.language,
        "url_return": register.url_return,
        "status": state.status.value,
        "alias": state.stored.alias if state.stored is not None else None,
        "alias_to_update": register.alias_to_update,
        "payment_url": None if register.embedded else page_url(origin, opened.page, opened.secret),
        "currency": register.currency,
    }


def token_of_order(state: Order, origin: str) -> Json:
    """The registration that belongs to an order's payment: its uuid is the order's."""
    execution = state.execution
    assert execution is not None, "only an executed order registers"
    ended = {OrderStatus.CREATED: "CREATED", OrderStatus.ABANDONED: "ABANDONED"}
    status = "SUCCEEDED" if state.stored is not None else ended.get(state.status, "FAILED")
    return {
        "uuid": state.ref,
        "created_at": stamp(execution.at),
        "updated_at": stamp(state.updated),
        "marketplace": state.marketplace,
        "buyer": Raw(state.head.buyer),
        "language": state.head.language,
        "url_return": state.head.url_return,
        "status": status,
        "alias": state.stored.alias if state.stored is not None else None,
        "alias_to_update": state.head.alias,
        "payment_url": page_url(origin, execution.page, execution.secret) if execution.way == "page" else None,
        "currency": state.currency,
    }


def alias(stored: e.Stored) -> Json:
    """What may be known of a stored payment method."""
    month, _, year = stored.instrument.expiry.partition("/")
    return {
        "brand": stored.instrument.scheme,
        "expiry_month": month or None,
        "expiry_year": year or None,
        "number": stored.instrument.masked,
        "first_name": stored.first_name or None,
        "last_name": stored.last_name or None,
        "email": stored.email or None,
        "creation_date": f"{stored.at:%Y-%m-%dT%H:%M:%SZ}",
    }


# -- cashouts --------------------------------------------------------------------------------------------------------


def cashout(state: Cashout) -> Json:
    """A cashout; its href is relative, unlike all others."""
    opened = state.opened
    done = state.status not in (CashoutStatus.CREATED, CashoutStatus.PENDING)
    return {
        "href": f"/marketplace/cashouts/{state.ref}",
        "uuid": state.ref,
        "seller": state.seller,
        "seller_external_ref": opened.external_ref,
        "ref": f"CO{opened.number:08d}",
        "status": state.status.value,
        "amount": state.amount,
        "currency": opened.currency,
        "executed_at": stamp(state.executed) if done and state.executed is not None else None,
        "captured_at": opened.day,
        "capture_label": None,
        "external_ref": None,
    }


def cashout_details(state: Cashout, transfers: Iterable[tuple[Order, Transfer]], refunds: Iterable[Order]) -> Json:
    """A cashout with what it is made of."""
    orders = {each.ref: each for each in refunds}
    return {
        **cashout(state),
        "transfers": [_transfer_line(owner, each) for owner, each in transfers],
        "refunds": [
            _refund_line(orders[each.order], each, state.seller) for each in state.charges if each.order in orders
        ],
    }


def _transfer_line(owner: Order, found: Transfer) -> Json:
    created, updated = found.transaction.created, found.updated
    return _line(owner, found.uuid, created, updated, found.item, found.amount)


def _refund_line(owner: Order, charge: Charged, seller: str) -> Json:
    """What a refund took; its item is the first that the refund names of this seller's."""
    refund = owner.refund(charge.refund)
    named = (each.item for each in refund.items if each.seller == seller) if refund is not None else ()
    of = next((owner.item(each) for each in named if each is not None), None)
    return _line(owner, charge.refund, charge.at, charge.at, of, charge.amount)


def _line(owner: Order, uuid: str, created: Any, updated: Any, of: e.Item | None, amount: int) -> Json:
    mentioned: Mapping[str, Any] | None = None
    if of is not None:
        mentioned = {"uuid": of.uuid, "ref": of.reference, "desc": of.description}
    return {
        "uuid": uuid,
        "created_at": stamp(created),
        "updated_at": stamp(updated),
        "item": mentioned,
        "order": {"uuid": owner.ref, "ref": owner.head.reference, "desc": owner.head.description},
        "amount": amount,
        "currency": owner.currency,
    }


def seconds(span: timedelta) -> int:
    """Whole seconds."""
    return int(span.total_seconds())
