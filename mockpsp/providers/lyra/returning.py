"""Where the browser goes when the shopper is done, and what it brings along: the gateway's ``vads_*`` result fields.

Sources: docs.lyra.com "Returning to the shop" and "Analyzing the payment result" of the hosted payment form, whose
carry-over to the marketplace is inferred; "Analyzing the result of a cascading payment" (``vads_payment_seq``). The
fields are for display only, the order's webhook is what counts.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from mockpsp.edge.keyed import hmac_sha256
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.holdings import REASONS, Holdings, Marketplace, scheme_of
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order, TransactionStatus
from mockpsp.providers.lyra.vault import Token
from mockpsp.providers.lyra.vouchers import TYPES

Fields = tuple[tuple[str, str], ...]

CURRENCIES: Mapping[str, str] = {
    "AED": "784", "ARS": "032", "AUD": "036", "BRL": "986", "CAD": "124", "CHF": "756", "CLP": "152", "CNY": "156",
    "COP": "170", "CZK": "203", "DKK": "208", "EUR": "978", "GBP": "826", "HKD": "344", "HUF": "348", "IDR": "360",
    "ILS": "376", "INR": "356", "JPY": "392", "KRW": "410", "KWD": "414", "MAD": "504", "MUR": "480", "MXN": "484",
    "MYR": "458", "NOK": "578", "NZD": "554", "PEN": "604", "PHP": "608", "PLN": "985", "RON": "946", "SEK": "752",
    "SGD": "702", "THB": "764", "TND": "788", "TRY": "949", "USD": "840", "UYU": "858", "XAF": "950", "XOF": "952",
    "XPF": "953", "ZAR": "710",
}  # fmt: skip
"""ISO 4217 numbers of the currencies that Lyra's gateway knows."""

_RESULTS: Mapping[str, str] = {"paid": "00", "refused": "05", "cancelled": "17"}
_TECHNICAL = "96"
_SESSION_EXPIRED = 149
_STATUSES: Mapping[str, str] = {
    TransactionStatus.PENDING.value: "AUTHORISED",
    TransactionStatus.TO_VALIDATE.value: "AUTHORISED_TO_VALIDATE",
    TransactionStatus.SUCCEEDED.value: "CAPTURED",
    TransactionStatus.CANCELLED.value: "CANCELLED",
    TransactionStatus.EXPIRED.value: "EXPIRED",
    TransactionStatus.FAILED.value: "REFUSED",
}
_NEVER = re.compile(r"[\x00-\x1f\x7f\\]")
_HOST = re.compile(r"[A-Za-z0-9._~\[\]:-]+")
_KEPT = ":/?#[]@!$&'()*+,;=%~"
"""What an address may consist of besides letters, digits and ``-._``."""


class Way(NamedTuple):
    """The way back. ``address`` is where the browser goes; ``text`` is an address that no page can lead to.

    ``fields`` are to be posted there; with GET they are in the address already.
    """

    address: str = ""
    text: str = ""
    fields: Fields = ()


# -- addresses -------------------------------------------------------------------------------------------------------


def followed(text: str | None) -> str:
    """An address as a header can carry it; empty for what is no http(s) address, or has what none has."""
    given = (text or "").strip()
    if _NEVER.search(given):
        return ""
    try:
        parts = urlsplit(given)
        netloc = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or _HOST.fullmatch(netloc.rpartition("@")[2]) is None:
        return ""
    return quote(parts._replace(netloc=netloc).geturl(), safe=_KEPT, errors="replace")


def addresses(subject: Order | Token) -> tuple[str, ...]:
    """Everywhere the browser may be sent from this page."""
    if isinstance(subject, Token):
        given: tuple[str | None, ...] = (subject.opened.register.url_return,)
    else:
        head = subject.head
        given = (head.url_return, head.url_success, head.url_refused, head.url_cancel, head.url_error)
    return tuple(found for found in map(followed, given) if found)


def home(subject: Order | Token) -> str:
    """The shop's address for every end, where it can be followed."""
    return followed(subject.opened.register.url_return if isinstance(subject, Token) else subject.head.url_return)


def form_targets(subject: Order | Token) -> str:
    """Where forms may lead, for the page's security policy: to us, and over redirects to the shop."""
    found = (urlsplit(address) for address in addresses(subject))
    origins = dict.fromkeys(f"{each.scheme}://{each.netloc.rpartition('@')[2]}" for each in found)
    return " ".join(("'self'", *origins))


def _given(order: Order) -> str:
    """The address that the merchant gave for how it ended, else the one for every end."""
    head = order.head
    own = {"paid": head.url_success, "refused": head.url_refused, "cancelled": head.url_cancel}
    return own.get(order.ended, head.url_error) or head.url_return or ""


def _way(given: str, mode: str, fields: Fields) -> Way:
    address = followed(given)
    if not address:
        return Way(text=given.strip())
    if mode == "POST":
        return Way(address, fields=fields)
    return Way(with_query(address, fields) if mode == "GET" else address)


def with_query(address: str, fields: Fields) -> str:
    """The address with these fields after its own query."""
    parts = urlsplit(address)
    query = "&".join(each for each in (parts.query, urlencode(fields)) if each)
    return parts._replace(query=query).geturl()


def of_order(order: Order, holdings: Holdings, settings: LyraSettings) -> Way:
    """The way back from the payment page of an order that has ended."""
    mode = order.head.return_mode or settings.return_mode
    fields = order_fields(order, holdings) if mode in ("GET", "POST") else ()
    return _way(_given(order), mode, fields)


def of_token(token: Token, holdings: Holdings, settings: LyraSettings) -> Way:
    """The way back from a registration that has ended."""
    mode = settings.return_mode
    fields = token_fields(token, holdings.marketplace) if mode in ("GET", "POST") else ()
    return _way(token.opened.register.url_return or "", mode, fields)


# -- fields ----------------------------------------------------------------------------------------------------------


def signed(values: Mapping[str, str | int | None], marketplace: Marketplace) -> Fields:
    """The fields that have a value, by their names, and the signature over them (HMAC-SHA-256 in Base64)."""
    told = tuple((f"vads_{name}", str(value)) for name, value in sorted(values.items()) if value not in (None, ""))
    text = "+".join((*(value for _, value in told), marketplace.vads_cert))
    signature = hmac_sha256(marketplace.vads_cert, text.encode("utf-8", "replace"))
    return (*told, ("signature", b64encode(signature).decode()))


class _Part(NamedTuple):
    """A transaction of the payment, as it is now."""

    instrument: e.Instrument
    amount: int
    auto_code: str
    trans_uuid: str
    status: str


def _parts(order: Order) -> tuple[_Part, ...]:
    """What paid: the transactions, or before Lyra was notified the shares that will become them."""
    if order.transactions:
        return tuple(
            _Part(each.instrument, each.amount, each.auto_code, each.trans_uuid, _STATUSES.get(each.status, ""))
            for each in order.transactions
        )
    waits = order.head.awaiting_validation
    return tuple(
        _Part(
            each.instrument,
            each.amount,
            each.auto_code,
            each.trans_uuid,
            "AUTHORISED_TO_VALIDATE" if waits and each.instrument.kind == "card" else "AUTHORISED",
        )
        for each in order.shares
    )


def order_fields(order: Order, holdings: Holdings) -> Fields:
    """What the browser brings back of an order that has ended."""
    head = order.head
    values: dict[str, str | int | None] = {
        **_common(holdings.marketplace, order.ended, head.currency),
        "amount": order.total,
        "capture_delay": head.capture_delay or 0,
        "cust_email": json.loads(head.buyer).get("email"),
        "effective_amount": order.total,
        "operation_type": "DEBIT",
        "order_id": head.reference,
        "page_action": _action(order),
        "payment_config": head.payment_config,
        "payment_src": "EC",
        "sequence_number": 1,
        "shop_url": head.shop_url,
        "trans_date": _date(order),
        "trans_id": order.gateway_id,
        "validation_mode": int(head.awaiting_validation),
    }
    match order.ended:
        case "paid":
            values.update(_paid(_parts(order), order.gateway_id))
        case "refused" if order.refused is not None:
            values.update(_refused(order.refused, holdings))
        case "refused":
            values["trans_status"] = "REFUSED"
        case "cancelled":
            values["trans_status"] = "ABANDONED"
        case _:
            values.update(trans_status="ABANDONED", payment_error=_SESSION_EXPIRED)
    if order.stored is not None:
        values.update(_identified(order.stored.alias, updated=head.alias is not None))
    return signed(values, holdings.marketplace)


def token_fields(token: Token, marketplace: Marketplace) -> Fields:
    """What the browser brings back of a registration that has ended."""
    register = token.opened.register
    updates = register.alias_to_update is not None
    values: dict[str, str | int | None] = {
        **_common(marketplace, token.ended, register.currency or ""),
        "cust_email": register.names[0],
        "operation_type": "VERIFICATION",
        "page_action": "REGISTER_UPDATE" if updates else "REGISTER",
        "payment_src": "EC",
        "trans_date": _stamp(token.opened.at),
    }
    if token.stored is not None:
        values.update(_means(token.stored.instrument), auth_result="00", trans_status="ACCEPTED")
        values.update(_identified(token.stored.alias, updated=updates))
    else:
        refused = token.ended == "refused"
        values["trans_status"] = "REFUSED" if refused else "ABANDONED"
        values["auth_result"] = REASONS.get(token.refused.reason) if refused and token.refused is not None else None
        values["identifier_status"] = "NOT_UPDATED" if updates else "NOT_CREATED"
    return signed(values, marketplace)


def _common(marketplace: Marketplace, ended: str, currency: str) -> dict[str, str | int | None]:
    return {
        "action_mode": "INTERACTIVE",
        "ctx_mode": "TEST",
        "currency": CURRENCIES.get(currency),
        "result": _RESULTS.get(ended, _TECHNICAL),
        "site_id": marketplace.vads_key,
        "version": "V2",
    }


def _date(order: Order) -> str:
    """When the first share was paid; of a payment that came to nothing, when it began."""
    if order.ended == "paid":
        paid = [each.paid_at for each in order.transactions] or [each.at for each in order.shares]
        if paid:
            return _stamp(paid[0])
    return _stamp(order.execution.at) if order.execution is not None else ""


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}"


def _action(order: Order) -> str:
    if order.execution is None or not order.execution.registers:
        return "PAYMENT"
    return "REGISTER_PAY" if order.head.alias is None else "REGISTER_UPDATE_PAY"


def _identified(alias: str, *, updated: bool) -> Mapping[str, str]:
    return {"identifier": alias, "identifier_status": "UPDATED" if updated else "CREATED"}


def _means(instrument: e.Instrument) -> Mapping[str, str]:
    """A card; months have no leading nought."""
    month, _, year = instrument.expiry.partition("/")
    return {
        "card_brand": instrument.scheme,
        "card_number": instrument.masked,
        "expiry_month": month.lstrip("0"),
        "expiry_year": year,
    }


def _paid(parts: Sequence[_Part], gateway_id: str) -> Mapping[str, str]:
    """One means of payment is told in fields of its own, of installments the first one.

    Several are told in a sequence, and the last of them, which completed the payment, stands for all.
    """
    if not parts:
        return {}
    alone = len({each.instrument for each in parts}) == 1
    told = parts[0] if alone else parts[-1]
    about = {"auth_mode": "FULL", "auth_result": "00", "trans_status": told.status, "trans_uuid": told.trans_uuid}
    if alone:
        return {**about, **_means(told.instrument), "auth_number": told.auto_code}
    return {**about, "card_brand": "MULTI", "payment_seq": _sequence(parts, gateway_id)}


def _sequence(parts: Iterable[_Part], gateway_id: str) -> str:
    rows = [
        {
            "amount": str(part.amount),
            "operation_type": "DEBIT",
            "auth_number": part.auto_code,
            "auth_result": "00",
            **{name: value for name, value in _means(part.instrument).items() if value},
            "trans_id": gateway_id,
            "trans_uuid": part.trans_uuid,
            "sequence_number": number,
            "trans_status": part.status,
        }
        for number, part in enumerate(parts, 1)
    ]
    return to_bytes({"trans_id": gateway_id, "transactions": rows}).decode()


def _refused(refused: e.ShareRefused, holdings: Holdings) -> Mapping[str, str]:
    contract_type = TYPES.get(refused.kind)
    return {
        "auth_mode": "FULL",
        "auth_result": REASONS.get(refused.reason, ""),
        "card_brand": contract_type or scheme_of(refused.masked, holdings),
        "card_number": refused.masked,
        "trans_status": "REFUSED",
    }
