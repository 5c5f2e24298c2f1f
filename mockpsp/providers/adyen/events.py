"""Facts about a purchase at Adyen, complete on their own. Amounts are minor units inside Money, times UTC.

A purchase is what belongs together: an order with its payments, a session or a payment link with its orders and
payments, or a single payment. ``ref`` is the purchase, ``payment`` and ``order`` are pspReferences.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import field

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value


class Instrument(Value, frozen=True, kw_only=True):
    """A means of payment as it may be kept: never the whole number.

    ``opening`` is what a voucher of a series held before anything was paid, ``limit`` what may be spent on a day.

    ``kind``: meal_voucher, gift_card, ancv or card. ``type`` is ``paymentMethod.type`` as it was sent, ``brand`` the
    variant (``mealVoucher_FR_sodexo``, ``givex``, ``visa``). ``account`` is the ledger account that pays, ``ceiling``
    the one that counts what was spent on a day (empty for none).
    """

    kind: str
    type: str
    brand: str
    last_four: str
    bin: str = ""
    expiry: str = ""
    account: str = "world/issuers"
    ceiling: str = ""
    opening: Money | None = None
    limit: Money | None = None
    country: str = "FR"


class Capturing(Value, frozen=True):
    """When an authorisation is captured: ``immediate``, ``manual``, or ``delayed`` by a span."""

    mode: str = "immediate"
    after: timedelta = timedelta(0)


class SessionHead(Value, frozen=True, kw_only=True):
    """``POST /sessions``: what a shopper may pay in the browser. ``echo`` is what the answer repeats of the request."""

    return_url: str
    mode: str
    expires: datetime
    locale: str
    country: str
    echo: Mapping[str, Any]
    capturing: Capturing
    shopper_reference: str = ""


class LinkHead(Value, frozen=True, kw_only=True):
    """``POST /paymentLinks``: a page of Adyen's where a shopper pays. ``echo`` as in SessionHead."""

    return_url: str
    reusable: bool
    expires: datetime
    locale: str
    country: str
    description: str
    echo: Mapping[str, Any]
    capturing: Capturing
    shopper_reference: str = ""


class CheckoutOpened(Value, frozen=True, kw_only=True):
    """A session or a payment link exists; ``ref`` is its id. Exactly one of the heads is there.

    ``secret`` makes a session's sessionData and sessionResult.
    """

    ref: str
    secret: str
    merchant: str
    total: Money
    reference: str
    at: datetime
    session: SessionHead | None = None
    link: LinkHead | None = None


class CheckoutPaid(Value, frozen=True, kw_only=True):
    """All of a session or link is paid."""

    ref: str
    at: datetime


class CheckoutReopened(Value, frozen=True, kw_only=True):
    """A reusable link, paid before, takes another payment."""

    ref: str
    at: datetime


class CheckoutExpired(Value, frozen=True, kw_only=True):
    """A session's or link's time is over, or the merchant ended the link (``by`` clock or merchant)."""

    ref: str
    by: str
    at: datetime


class CheckoutCancelled(Value, frozen=True, kw_only=True):
    """The shopper gave up on a session's or link's page."""

    ref: str
    at: datetime


class SessionDataRenewed(Value, frozen=True, kw_only=True):
    """A browser was answered with the ``number``-th sessionData of its session; those before ``oldest`` are stale."""

    ref: str
    number: int
    oldest: int
    at: datetime


class OrderOpened(Value, frozen=True, kw_only=True):
    """``POST /orders``: an amount that several payments may share. ``secret`` makes its orderData."""

    ref: str
    order: str
    merchant: str
    amount: Money
    reference: str
    secret: str
    expires: datetime
    at: datetime


class OrderPaid(Value, frozen=True, kw_only=True):
    """Nothing of the order remains to be paid."""

    ref: str
    order: str
    at: datetime


class OrderCancelled(Value, frozen=True, kw_only=True):
    """The merchant, or the shopper on a page, gave the order up; its payments were rolled back."""

    ref: str
    order: str
    at: datetime


class OrderExpired(Value, frozen=True, kw_only=True):
    """The order's time was over before it was paid; its payments were rolled back."""

    ref: str
    order: str
    at: datetime


class Keeping(Value, frozen=True, kw_only=True):
    """What is to be kept of a card once it has paid. ``known``: the shopper has stored this card before."""

    token: str
    fingerprint: str
    holder: str
    known: bool


class PaymentStarted(Value, frozen=True):
    """A payment begins; ``order`` is empty for one outside of orders.

    ``foreseen`` is the test name of the issuer's answer once the shopper has authenticated; empty is natural.
    """

    ref: str
    payment: str
    order: str
    merchant: str
    amount: Money
    reference: str
    instrument: Instrument
    capturing: Capturing
    at: datetime
    return_url: str = ""
    order_reference: str = ""
    shopper_reference: str = ""
    store: bool = False
    foreseen: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    keeps: Keeping | None = None


class ActionRequired(Value, frozen=True, kw_only=True):
    """The shopper must do something first; ``secret`` proves it.

    ``kind``: ``redirect``, ``fingerprint``, ``challenge``, or ``await`` for an answer in an app. ``then`` is
    ``frictionless`` where a fingerprint is all that the bank wants.
    """

    ref: str
    payment: str
    kind: str
    secret: str
    expires: datetime
    at: datetime
    then: str | None = None


class Authenticated(Value, frozen=True, kw_only=True):
    """The shopper was at the bank's page; ``outcome`` is a transStatus: Y passed, N failed, U given up."""

    ref: str
    payment: str
    outcome: str
    at: datetime


class ShareApproved(Value, frozen=True, kw_only=True):
    """The shopper approved ``amount`` in the app, which is less than what was asked for."""

    ref: str
    payment: str
    amount: Money
    at: datetime


class ResultAwaited(Value, frozen=True, kw_only=True):
    """The result comes later (Received, Pending): ``then`` authorised or refused, for ``reason``, at ``resolves``."""

    ref: str
    payment: str
    result: str
    then: str
    reason: str
    resolves: datetime
    at: datetime


class Authorised(Value, frozen=True, kw_only=True):
    """The money is authorised, and captured at once if ``sale``. ``day`` is the day whose ceiling it counts for.

    A capture that will fail has its moment in ``capture_fails``.
    """

    ref: str
    payment: str
    amount: Money
    auth_code: str
    sale: bool
    day: str
    at: datetime
    authenticated: bool = False
    capture_fails: datetime | None = None


class DetailsStored(Value, frozen=True, kw_only=True):
    """A card that has paid is kept under ``token`` for the shopper, as his ``number``-th (0: he had it already).

    ``fingerprint`` tells the card from others without its number.
    """

    ref: str
    payment: str
    token: str
    shopper: str
    number: int
    fingerprint: str
    holder: str
    instrument: Instrument
    at: datetime


class DetailsForgotten(Value, frozen=True, kw_only=True):
    """The token is gone, by the merchant's or the shopper's wish."""

    ref: str
    token: str
    shopper: str
    at: datetime


class Refused(Value, frozen=True, kw_only=True):
    """The payment ended without money: ``result`` is Refused, Error or Cancelled, ``code`` the refusalReasonCode."""

    ref: str
    payment: str
    result: str
    code: str
    reason: str
    raw: str
    at: datetime


class Abandoned(Value, frozen=True, kw_only=True):
    """The shopper never came back from an action; what was reserved for the payment is free again."""

    ref: str
    payment: str
    at: datetime


class RolledBack(Value, frozen=True, kw_only=True):
    """A payment of an order that was closed unpaid went back, by ``cancel`` or by ``refund``.

    ``amount`` had been captured, ``freed`` had only been authorised.
    """

    ref: str
    payment: str
    how: str
    amount: Money
    freed: Money
    at: datetime


class AuthorisationExpired(Value, frozen=True, kw_only=True):
    """What was authorised and never captured went back to the shopper."""

    ref: str
    payment: str
    amount: Money
    at: datetime


class RestExpired(Value, frozen=True, kw_only=True):
    """A part was captured in time; what was still authorised went back to the shopper."""

    ref: str
    payment: str
    amount: Money
    at: datetime


class Requested(Value, frozen=True, kw_only=True):
    """A modification was received; ``kind`` as in ``states.Kind``, ``settles`` accepted, refused, fails, reversed."""

    ref: str
    payment: str
    modification: str
    kind: str
    amount: Money
    reference: str
    settles: str
    reason: str
    at: datetime
    later: timedelta = timedelta(0)
    own_reference: str = ""


class Captured(Value, frozen=True, kw_only=True):
    """Authorised money went to the merchant; ``released`` went back because only one capture is possible.

    An automatic capture has a reference of its own, which no modification has.
    """

    ref: str
    payment: str
    modification: str
    amount: Money
    released: Money
    at: datetime


class Cancelled(Value, frozen=True, kw_only=True):
    """The authorisation was cancelled; ``amount`` is free again."""

    ref: str
    payment: str
    modification: str
    amount: Money
    at: datetime


class Refunded(Value, frozen=True, kw_only=True):
    """Money went back to the shopper; not ``final`` means that it will come back."""

    ref: str
    payment: str
    modification: str
    amount: Money
    final: bool
    at: datetime


class AmountUpdated(Value, frozen=True, kw_only=True):
    """The authorised amount is ``amount`` now; it was ``before``."""

    ref: str
    payment: str
    modification: str
    amount: Money
    before: Money
    at: datetime


class ModificationRefused(Value, frozen=True, kw_only=True):
    """A modification could not be done; nothing moved."""

    ref: str
    payment: str
    modification: str
    reason: str
    at: datetime


class CaptureFailed(Value, frozen=True, kw_only=True):
    """The scheme rejected a capture after all; the money went back to the shopper.

    ``modification`` is the capture's reference, a new one for an automatic capture.
    """

    ref: str
    payment: str
    modification: str
    amount: Money
    reason: str
    at: datetime


class RefundFailed(Value, frozen=True, kw_only=True):
    """The scheme rejected a refund after all; the money is the merchant's again."""

    ref: str
    payment: str
    modification: str
    amount: Money
    reason: str
    at: datetime


class RefundReversed(Value, frozen=True, kw_only=True):
    """The shopper's bank sent a refund back; the money is the merchant's again."""

    ref: str
    payment: str
    modification: str
    amount: Money
    reason: str
    at: datetime


Event = (
    CheckoutOpened
    | CheckoutPaid
    | CheckoutReopened
    | CheckoutExpired
    | CheckoutCancelled
    | SessionDataRenewed
    | OrderOpened
    | OrderPaid
    | OrderCancelled
    | OrderExpired
    | PaymentStarted
    | ActionRequired
    | Authenticated
    | ShareApproved
    | ResultAwaited
    | Authorised
    | DetailsStored
    | DetailsForgotten
    | Refused
    | Abandoned
    | RolledBack
    | AuthorisationExpired
    | RestExpired
    | Requested
    | Captured
    | Cancelled
    | Refunded
    | AmountUpdated
    | ModificationRefused
    | CaptureFailed
    | RefundFailed
    | RefundReversed
)
