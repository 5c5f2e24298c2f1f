"""Facts to webhooks: which event codes, their one item, its signature, when they count as delivered.

Sources: Webhooks-v1.json, docs.adyen.com "Webhooks" and "Verify HMAC signatures", ``Adyen.util`` of the Python library.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import unhexlify
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import field
from msgspec.json import decode

from mockpsp.domain.clock import paris, spelled
from mockpsp.domain.lifecycle import Body, Moment, Notice
from mockpsp.domain.money import Money, decimals
from mockpsp.domain.value import Value
from mockpsp.edge.keyed import hmac_sha256
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.ids import psp_reference
from mockpsp.providers.adyen.settings import AdyenSettings
from mockpsp.providers.adyen.states import Kind, Modification, Order, Payment, Purchase
from mockpsp.scenario.model import Signature
from mockpsp.world.delivery import Proof
from mockpsp.world.records import Attempted, Queued

_WITH_CARD_REASON = ("visa", "mc", "amex")
_ADDITIONAL = b'"additionalData":{'


class Item(Value, frozen=True, kw_only=True):
    """One NotificationRequestItem before it is signed; renders itself with its envelope.

    ``psp`` is the event's own reference, ``original`` the payment's for modifications.
    """

    code: str
    merchant: str
    reference: str
    psp: str
    amount: Money
    at: datetime
    success: bool = True
    original: str = ""
    method: str = ""
    reason: str = ""
    operations: tuple[str, ...] = ()
    additional: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> bytes:
        """The bytes, without a signature; absent fields are left out, as the SDKs' checks want it."""
        told: dict[str, Any] = {
            "additionalData": dict(self.additional),
            "amount": {"currency": self.amount.currency, "value": self.amount.minor},
            "eventCode": self.code,
            "eventDate": event_date(self.at),
            "merchantAccountCode": self.merchant,
            "merchantReference": self.reference,
        }
        if self.operations:
            told["operations"] = list(self.operations)
        if self.original:
            told["originalReference"] = self.original
        if self.method:
            told["paymentMethod"] = self.method
        told.update(pspReference=self.psp, reason=self.reason, success="true" if self.success else "false")
        return to_bytes({"live": "false", "notificationItems": [{"NotificationRequestItem": told}]})


def event_date(moment: datetime) -> str:
    """ISO 8601 in Paris with its offset and whole seconds."""
    return spelled(moment.astimezone(paris()))


# -- which webhooks a fact leads to ----------------------------------------------------------------------------------


def notices_of(before: Purchase | None, after: Purchase, event: e.Event, moment: Moment) -> list[Notice]:
    """The webhooks of one fact."""
    return [_notice(item) for item in _items(before, after, event, moment)]


def _notice(item: Item) -> Notice:
    facts = {
        "merchant_reference": item.reference,
        "psp_reference": item.psp,
        "original_reference": item.original or None,
        "payment_method": item.method or None,
        "amount": item.amount,
        "success": item.success,
    }
    return Notice(item.code, item.psp, Body(item), facts=facts)


def _items(before: Purchase | None, after: Purchase, event: e.Event, moment: Moment) -> Iterator[Item]:
    settings: AdyenSettings = moment.settings
    match event:
        case e.OrderOpened():
            if settings.order_opened == "on_create":
                yield _order_opened(after, event.order, moment.now)
        case e.Authorised():
            yield from _authorised(before, after, event, moment)
        case e.OrderPaid() | e.OrderCancelled() | e.OrderExpired():
            order = after.order(event.order)
            assert order is not None, "an order is opened before it is closed"
            yield _order_closed(after, order, isinstance(event, e.OrderPaid), moment)
        case e.Refused():
            payment = _payment(after, event.payment)
            yield _about(payment, "AUTHORISATION", moment, success=False, reason=event.reason)
        case e.ActionRequired(kind="await") if settings.pending_webhook:
            yield _about(_payment(after, event.payment), "PENDING", moment)
        case e.ResultAwaited() if settings.pending_webhook:
            yield _about(_payment(after, event.payment), "PENDING", moment)
        case e.Abandoned() if settings.offer_closed_webhook:
            yield _about(_payment(after, event.payment), "OFFER_CLOSED", moment)
        case e.AuthorisationExpired() | e.RestExpired() if settings.expire_webhook:
            yield _expired(_payment(after, event.payment), event.amount, moment)
        case _:
            yield from _modified(after, event, moment)


def _payment(purchase: Purchase, psp: str) -> Payment:
    payment = purchase.payment(psp)
    assert payment is not None, "facts about a payment follow its beginning"
    return payment


def method_of(payment: Payment, settings: AdyenSettings) -> str:
    """``paymentMethod`` of a webhook."""
    instrument = payment.instrument
    by_type = instrument.kind == "meal_voucher" and settings.voucher_webhook_method == "type"
    return instrument.type if by_type else instrument.brand


def _order_opened(purchase: Purchase, ref: str, now: datetime) -> Item:
    order = purchase.order(ref)
    assert order is not None, "the order was just opened"
    return Item(
        code="ORDER_OPENED",
        merchant=order.opened.merchant,
        reference=order.opened.reference,
        psp=order.ref,
        amount=order.amount,
        at=now,
    )


def _order_closed(purchase: Purchase, order: Order, success: bool, moment: Moment) -> Item:
    return Item(
        code="ORDER_CLOSED",
        merchant=order.opened.merchant,
        reference=order.opened.reference,
        psp=order.ref,
        amount=order.amount,
        success=success,
        additional=order_fields(purchase, order, moment.settings),
        at=moment.now,
    )


def order_fields(purchase: Purchase, order: Order, settings: AdyenSettings) -> dict[str, str]:
    """``order-N-…``: the order's payments, counted from 1 without gaps; refused ones only where success is told."""
    told: dict[str, str] = {}
    number = 0
    for leg in purchase.legs(order.ref):
        granted = leg.granted is not None
        if not granted and (leg.refusal is None or not settings.order_success_fields):
            continue
        number += 1
        told[f"order-{number}-pspReference"] = leg.ref
        told[f"order-{number}-paymentAmount"] = major(leg.amount)
        told[f"order-{number}-paymentMethod"] = method_of(leg, settings)
        if settings.order_success_fields:
            told[f"order-{number}-success"] = "true" if granted else "false"
    return told


def major(amount: Money) -> str:
    """``EUR 25.00``: the currency, and major units with its decimals."""
    places = decimals(amount.currency)
    if not places:
        return f"{amount.currency} {amount.minor}"
    whole, rest = divmod(amount.minor, 10**places)
    return f"{amount.currency} {whole}.{rest:0{places}d}"


def _authorised(before: Purchase | None, after: Purchase, event: e.Authorised, moment: Moment) -> Iterator[Item]:
    settings: AdyenSettings = moment.settings
    payment = _payment(after, event.payment)
    order = before.order(payment.started.order) if before is not None else None
    if order is not None and settings.order_opened == "on_first_payment" and not order.paid_once:
        yield _order_opened(after, order.ref, moment.now)
    instrument = payment.instrument
    reason = ""
    if instrument.brand in _WITH_CARD_REASON:
        reason = f"{event.auth_code}:{instrument.last_four}:{instrument.expiry}"
    refund = () if instrument.kind == "meal_voucher" else ("REFUND",)
    yield _about(payment, "AUTHORISATION", moment, reason=reason, operations=("CANCEL", "CAPTURE", *refund))
    if event.sale and settings.capture_webhook:
        yield _automatic(payment, event.amount, psp_reference(moment.ids), moment)


def _about(
    payment: Payment,
    code: str,
    moment: Moment,
    *,
    success: bool = True,
    reason: str = "",
    operations: tuple[str, ...] = (),
) -> Item:
    """An item that bears the payment's own reference."""
    return Item(
        code=code,
        merchant=payment.started.merchant,
        reference=payment.started.reference,
        psp=payment.ref,
        amount=payment.amount,
        success=success,
        method=method_of(payment, moment.settings),
        reason=reason,
        operations=operations,
        additional=_details(payment, moment, success=success) if code == "AUTHORISATION" else {},
        at=moment.now,
    )


def _details(payment: Payment, moment: Moment, *, success: bool) -> dict[str, str]:
    """``additionalData`` of AUTHORISATION; the generic item of PENDING and OFFER_CLOSED has no place for these."""
    started, instrument = payment.started, payment.instrument
    told: dict[str, str] = {}
    if success and payment.granted is not None and instrument.kind == "card":
        told.update(authCode=payment.granted.auth_code, cardSummary=instrument.last_four, expiryDate=instrument.expiry)
    if started.order_reference:
        told["merchantOrderReference"] = started.order_reference
    if success and instrument.kind != "card":
        told["paymentMethodVariant"] = instrument.brand
        if started.order and (instrument.opening is not None or not instrument.account.startswith("world/")):
            left = moment.balances.balance(instrument.account, payment.amount.currency) - payment.amount
            left = left if instrument.opening is None else left + instrument.opening
            told.update(currentBalanceCurrency=left.currency, currentBalanceValue=str(left.minor))
    if started.shopper_reference:
        told["shopperReference"] = started.shopper_reference
    if started.metadata:
        told.update({f"metadata.{name}": value for name, value in started.metadata.items()})
    return told


def _expired(payment: Payment, amount: Money, moment: Moment) -> Item:
    started = payment.started
    return Item(
        code="EXPIRE",
        merchant=started.merchant,
        reference=started.reference,
        psp=payment.ref,
        amount=amount,
        at=moment.now,
    )


# -- modifications ---------------------------------------------------------------------------------------------------

_CODES: Mapping[Kind, str] = {
    Kind.CAPTURE: "CAPTURE",
    Kind.CANCEL: "CANCELLATION",
    Kind.TECHNICAL_CANCEL: "TECHNICAL_CANCEL",
    Kind.REFUND: "REFUND",
    Kind.REVERSAL: "CANCEL_OR_REFUND",
    Kind.AMOUNT_UPDATE: "AUTHORISATION_ADJUSTMENT",
}


def _modified(after: Purchase, event: Any, moment: Moment) -> Iterator[Item]:
    match event:
        case e.RolledBack():
            if moment.settings.rollback_webhooks == "per_payment":
                yield _rolled_back(_payment(after, event.payment), event, moment)
        case e.CaptureFailed():
            yield _failed(_payment(after, event.payment), "CAPTURE_FAILED", event, moment)
        case e.RefundFailed():
            yield _failed(_payment(after, event.payment), "REFUND_FAILED", event, moment)
        case e.RefundReversed():
            yield _failed(_payment(after, event.payment), "REFUNDED_REVERSED", event, moment)
        case e.Captured() | e.Cancelled() | e.Refunded() | e.AmountUpdated() | e.ModificationRefused():
            payment = _payment(after, event.payment)
            found = payment.modification(event.modification)
            if found is not None:
                yield _settled(payment, found, event, moment)
            elif isinstance(event, e.Captured) and moment.settings.capture_webhook:
                yield _automatic(payment, event.amount, event.modification, moment)


def _settled(payment: Payment, found: Modification, event: Any, moment: Moment) -> Item:
    refused = isinstance(event, e.ModificationRefused)
    additional: dict[str, str] = {}
    if found.kind is Kind.REVERSAL and not refused:
        additional["modification.action"] = found.effect
    if found.kind is Kind.TECHNICAL_CANCEL:
        additional["paymentMethodVariant"] = payment.instrument.brand
    own = found.reference if found.kind is not Kind.TECHNICAL_CANCEL else ""
    return _modification(
        payment,
        _CODES[found.kind],
        found.ref,
        found.amount if refused else getattr(event, "amount", found.amount),
        moment,
        reference=own,
        success=not refused,
        reason=event.reason if refused else "",
        additional=additional,
    )


def _automatic(payment: Payment, amount: Money, psp: str, moment: Moment) -> Item:
    return _modification(payment, "CAPTURE", psp, amount, moment)


def _rolled_back(payment: Payment, event: e.RolledBack, moment: Moment) -> Item:
    code = "REFUND" if event.how == "refund" else "CANCELLATION"
    return _modification(payment, code, psp_reference(moment.ids), event.amount + event.freed, moment)


def _failed(payment: Payment, code: str, event: Any, moment: Moment) -> Item:
    """These say success, and mean that the failure is certain."""
    found = payment.modification(event.modification)
    return _modification(
        payment,
        code,
        event.modification,
        event.amount,
        moment,
        reference=found.reference if found is not None else "",
        reason=event.reason,
        additional={"paymentMethodVariant": payment.instrument.brand},
    )


def _modification(
    payment: Payment,
    code: str,
    psp: str,
    amount: Money,
    moment: Moment,
    *,
    reference: str = "",
    success: bool = True,
    reason: str = "",
    additional: Mapping[str, str] | None = None,
) -> Item:
    return Item(
        code=code,
        merchant=payment.started.merchant,
        reference=reference or payment.started.reference,
        psp=psp,
        original=payment.ref,
        amount=amount,
        success=success,
        method=method_of(payment, moment.settings),
        reason=reason,
        additional=additional or {},
        at=moment.now,
    )


# -- signing and delivering ------------------------------------------------------------------------------------------


def signed_text(item: Mapping[str, Any]) -> str:
    """What the HMAC covers: eight fields joined by colons, an absent one is empty, nothing is escaped."""
    told, amount = item.get, item.get("amount")
    sum_of = amount.get if isinstance(amount, Mapping) else {}.get
    return (
        f"{told('pspReference', '')}:{told('originalReference', '')}:{told('merchantAccountCode', '')}:"
        f"{told('merchantReference', '')}:{sum_of('value', '')}:{sum_of('currency', '')}:"
        f"{told('eventCode', '')}:{told('success', '')}"
    )


def _item(envelope: Any) -> dict[str, Any] | None:
    """The one item; None where a scenario has changed so much that there is none."""
    try:
        item = envelope["notificationItems"][0]["NotificationRequestItem"]
    except (LookupError, TypeError):
        return None
    return item if isinstance(item, dict) else None


def _as_made(envelope: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether ``with_signature`` finds its place: no scenario has changed what stands before it."""
    begins = next(iter(item), ""), next(iter(envelope), "")
    return begins == ("additionalData", "live") and isinstance(item["additionalData"], dict)


def signature(hmac_key: str, item: Mapping[str, Any]) -> str:
    """base64 of HMAC-SHA256; the key is hex. Raises ValueError for a key that is none."""
    return b64encode(hmac_sha256(unhexlify(hmac_key), signed_text(item).encode())).decode()


def with_signature(body: bytes, proof: str) -> bytes:
    """The bytes of an ``Item`` with its signature as the first of ``additionalData``; all else stays as it is."""
    before, mark, after = body.partition(_ADDITIONAL)  # its first field, so nothing that a merchant wrote stands before
    comma = b"" if after.startswith(b"}") else b","
    return b'%b%b"hmacSignature":"%b"%b%b' % (before, mark, proof.encode(), comma, after)


def forged(hmac_key: str, change: int = 1) -> str:
    """Another key of the right form."""
    return f"{int(hmac_key, 16) ^ change:0{len(hmac_key)}X}"


def replaced(hmac_key: str) -> str:
    """The key that was in force before this one, as far as this simulation knows."""
    return forged(hmac_key, 2)


_KEYS: Mapping[Signature, Callable[[str], str]] = {
    Signature.RIGHT: str,
    Signature.WRONG: forged,
    Signature.STALE: replaced,
}


class AdyenPolicy:
    """Any 2xx acknowledges; a failed delivery holds up its endpoint's queue and is tried again for thirty days."""

    timeout_seconds = 10.0
    in_order = True

    def retries(self, settings: AdyenSettings) -> Sequence[timedelta]:
        """See Policy."""
        return settings.webhook_retries

    def message(
        self, queued: Queued, credentials: Mapping[str, Any], signature_kind: Signature, settings: AdyenSettings
    ) -> tuple[Mapping[str, str], bytes]:
        """See Policy. The signature is part of the body; a wrong or stale one is well-formed, by another key."""
        headers = {"Content-Type": "application/json"}
        if settings.webhook_username:
            login = f"{settings.webhook_username}:{settings.webhook_password}"
            headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        if signature_kind is Signature.MISSING:
            return headers, queued.body
        envelope = decode(queued.body)
        item = _item(envelope)
        if item is None:
            return headers, queued.body
        proof = signature(_KEYS[signature_kind](credentials["hmac_key"]), item)
        if _as_made(envelope, item):
            return headers, with_signature(queued.body, proof)
        additional = item.get("additionalData")
        item["additionalData"] = {"hmacSignature": proof, **(additional if isinstance(additional, dict) else {})}
        return headers, to_bytes(envelope)

    def proof(self, headers: Mapping[str, str], body: bytes, credentials: Mapping[str, Any]) -> Proof:
        """See Policy."""
        item = _item(decode(body)) or {}
        additional = item.get("additionalData")
        return Proof(
            place="additionalData.hmacSignature in the body",
            how="base64 of HMAC-SHA256 over eight fields of the item, joined by colons, with the endpoint's hex key",
            signed=signed_text(item),
            given=additional.get("hmacSignature", "") if isinstance(additional, dict) else "",
            expected=signature(credentials["hmac_key"], item),
        )

    def accepted(self, status: int, body: bytes) -> bool:
        """See Policy."""
        return 200 <= status < 300

    def heard(self, queued: Queued, attempted: Attempted) -> None:
        """See Policy. Nothing at Adyen tells of attempts."""


POLICY = AdyenPolicy()
