"""Facts to webhooks: which event types, their envelope, their signature, when they count as delivered.

Source: Worldline Direct documentation, "Webhooks"; ``onlinepayments.sdk.webhooks`` of the Python SDK. No readable
source gives the retry times: they are a setting.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mockpsp.domain.clock import paris, spelled
from mockpsp.domain.ids import LateId
from mockpsp.domain.lifecycle import Body, Moment, Notice
from mockpsp.domain.value import Value
from mockpsp.edge.keyed import hmac_sha256
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline import wire
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.states import Order, Tender
from mockpsp.scenario.model import Signature
from mockpsp.world.delivery import Proof
from mockpsp.world.records import Attempted, Queued


def created_at(moment: datetime) -> str:
    """The envelope's time: Paris, seven digits of a second, as in recorded webhooks."""
    text = spelled(moment.astimezone(paris()))
    return f"{text[:19]}.{moment.microsecond:06}7{text[19:]}"


def envelope(kind: str, merchant: str, part: str, body: Mapping[str, Any], id: str, now: datetime) -> bytes:
    """A webhook's bytes; they are signed and sent as they are."""
    return to_bytes(
        {
            "apiFullVersion": "v1.1",
            "apiVersion": "v1",
            "created": created_at(now),
            "id": id,
            "merchantId": merchant,
            part: body,
            "type": kind,
        }
    )


_ABOUT_THE_PAYMENT: Mapping[type[Any], str] = {
    e.AnswerAwaited: "payment.authorization_requested",
    e.Refused: "payment.rejected",
    e.GivenUp: "payment.cancelled",
}
_ABOUT_AN_OPERATION: Mapping[type[Any], str] = {
    e.CaptureRequested: "payment.capture_requested",
    e.Captured: "payment.captured",
    e.CaptureRefused: "payment.rejected_capture",
    e.Cancelled: "payment.cancelled",
    e.RefundRefused: "payment.rejected",
}
_ABOUT_A_REFUND: Mapping[type[Any], str] = {
    e.RefundRequested: "refund.refund_requested",
    e.Refunded: "payment.refunded",
}


class Rendering(Value, frozen=True, kw_only=True):
    """All that a webhook's bytes are made of: the order as it was then, and what of it the event is about."""

    kind: str
    order: Order
    tender: Tender
    number: int
    refund: bool
    settings: WorldlineSettings
    id: LateId
    now: datetime

    def __call__(self) -> bytes:
        """The bytes."""
        operation = self.tender.operation(self.number)
        merchant = self.order.created.merchant
        if self.refund and operation is not None:
            refund = wire.refund(self.order, self.tender, operation, self.settings)
            return envelope(self.kind, merchant, "refund", refund, str(self.id), self.now)
        payment = wire.payment(self.order, self.tender, self.number, self.settings, self.now)
        return envelope(self.kind, merchant, "payment", payment, str(self.id), self.now)


def notices_of(order: Order, event: e.Event, moment: Moment) -> tuple[Notice, ...]:
    """The webhooks of one fact."""
    settings: WorldlineSettings = moment.settings
    kind, tender, number = _subject(order, event)
    if tender is None:
        return ()
    operation = tender.operation(number) if number else None
    created = order.created
    render = Rendering(
        kind=kind,
        order=order,
        tender=tender,
        number=number,
        refund=type(event) in _ABOUT_A_REFUND,
        settings=settings,
        id=moment.ids.late_uuid(),
        now=moment.now,
    )
    reference = wire.payment_id(tender.inner, number, settings)
    notice = Notice(
        kind=kind,
        reference=reference,
        body=Body(render),
        urls=created.webhooks,
        facts={
            "payment_product": tender.product,
            "amount": created.total,
            "share": operation.amount if operation is not None else tender.share,
            "merchant_reference": created.references.merchant_reference,
            "payment_id": reference,
        },
    )
    return (notice,)


def _subject(order: Order, event: e.Event) -> tuple[str, Tender | None, int]:
    match event:
        case e.OrderCreated():
            return "payment.created", order.first, 0
        case e.Redirected():
            return "payment.redirected", order.first, 0
        case e.Accepted():
            return "payment.captured" if event.sale else "payment.pending_capture", order.tender(event.tender), 0
    for table, numbered in ((_ABOUT_THE_PAYMENT, False), (_ABOUT_AN_OPERATION, True), (_ABOUT_A_REFUND, True)):
        kind = table.get(type(event))
        if kind is not None:
            return kind, order.tender(getattr(event, "tender", "")), getattr(event, "number", 0) if numbered else 0
    return "", None, 0


def signature(secret: str, body: bytes) -> str:
    """``X-GCS-Signature``: base64 of HMAC-SHA256 over the raw bytes, the secret as UTF-8 text."""
    return b64encode(hmac_sha256(secret, body)).decode()


class WorldlinePolicy:
    """Any 2xx acknowledges; a failed delivery is tried again after the times of ``webhook_retries``."""

    timeout_seconds = 10.0
    in_order = False

    def retries(self, settings: WorldlineSettings) -> Sequence[timedelta]:
        """See Policy."""
        return settings.webhook_retries

    def message(
        self, queued: Queued, credentials: Mapping[str, Any], signature_kind: Signature, settings: WorldlineSettings
    ) -> tuple[Mapping[str, str], bytes]:
        """See Policy. A wrong signature is a well-formed one by another secret, a stale one names the key before."""
        key, secret = credentials["webhook_key_id"], credentials["webhook_secret"]
        if signature_kind is Signature.STALE:
            key, secret = f"{key}-replaced", f"{secret}-replaced"
        headers = {"Content-Type": "application/json", "X-GCS-KeyId": key}
        if signature_kind is not Signature.MISSING:
            wrong = "-forged" if signature_kind is Signature.WRONG else ""
            headers["X-GCS-Signature"] = signature(f"{secret}{wrong}", queued.body)
        return headers, queued.body

    def proof(self, headers: Mapping[str, str], body: bytes, credentials: Mapping[str, Any]) -> Proof:
        """See Policy."""
        key, named = credentials["webhook_key_id"], headers.get("X-GCS-KeyId", "")
        return Proof(
            place="the header X-GCS-Signature",
            how=f"base64 of HMAC-SHA256 over the body as it was sent, with the secret of the webhook key {key}",
            signed=body.decode("utf-8", "replace"),
            given=headers.get("X-GCS-Signature", ""),
            expected=signature(credentials["webhook_secret"], body),
            problem="" if named == key else f"X-GCS-KeyId names {named}, the sandbox's key is {key}",
        )

    def accepted(self, status: int, body: bytes) -> bool:
        """See Policy."""
        return 200 <= status < 300

    def heard(self, queued: Queued, attempted: Attempted) -> None:
        """See Policy. Nothing at Worldline tells of attempts."""


POLICY = WorldlinePolicy()
