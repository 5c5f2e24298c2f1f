"""What can be asked of a purchase: by the merchant's API calls, by the shopper, by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import field

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.providers.adyen.events import Capturing, DetailsStored, LinkHead, SessionHead


class MeansInput(Value, frozen=True, kw_only=True):
    """``paymentMethod`` as a request gives it, opened if it was encrypted; it never reaches an event whole.

    ``kind``: meal_voucher, gift_card, ancv, card or other; the number of ``ancv`` is a beneficiary's, or his e-mail
    address. Months and years are text as sent. ``foreign`` says that the
    fields were encrypted for somebody else, so that nobody here can open them. ``kept`` is the stored card that the
    token ``stored`` stands for. ``generated`` is when the oldest encrypted field was made, where they tell.
    """

    kind: str
    type: str
    brand: str = ""
    number: str = ""
    month: str = ""
    year: str = ""
    code: str = ""
    holder: str = ""
    stored: str = ""
    foreign: bool = False
    kept: DetailsStored | None = None
    generated: datetime | None = None


class OpenCheckout(Value, frozen=True, kw_only=True):
    """``POST /sessions`` or ``POST /paymentLinks``. ``key`` is the sandbox's (8 hex digits), part of the id."""

    key: str
    merchant: str
    total: Money
    reference: str
    session: SessionHead | None = None
    link: LinkHead | None = None


class EndLink(Value, frozen=True):
    """``PATCH /paymentLinks/{id}``: the merchant ends it."""


class ExpireCheckout(Value, frozen=True):
    """A session's or link's time is over."""


class GiveUp(Value, frozen=True):
    """The shopper leaves a session's or link's page by its cancel button."""


class OpenOrder(Value, frozen=True, kw_only=True):
    """``POST /orders``, or an order inside a session or link; ``amount`` None is what such a checkout costs."""

    merchant: str
    amount: Money | None
    reference: str
    expires: datetime | None = None


class CancelOrder(Value, frozen=True, kw_only=True):
    """``POST /orders/cancel``; ``data`` is the orderData, None where the caller needs none (a page of ours)."""

    order: str
    data: str | None


class ExpireOrder(Value, frozen=True):
    """An order's time is over."""

    order: str


class Pay(Value, frozen=True):
    """``POST /payments``. ``amount`` None asks for all that the order leaves open.

    ``fits`` lowers what is asked for to what the means of payment holds. ``order_data`` as in CancelOrder.
    ``three_ds``: always, never, or what the card says; ``native`` asks for actions that the page handles by itself.
    ``test_code`` is RequestedTestAcquirerResponseCode. ``store`` keeps the card for the shopper, who has it stored
    already if ``known``.
    """

    merchant: str
    amount: Money | None
    reference: str
    means: MeansInput
    order: str = ""
    order_data: str | None = None
    capturing: Capturing = Capturing()
    return_url: str | None = None
    three_ds: str = ""
    native: bool = False
    test_code: str = ""
    order_reference: str = ""
    shopper_reference: str = ""
    channel: str = ""
    store: bool = False
    known: bool = False
    fits: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


class Authenticate(Value, frozen=True, kw_only=True):
    """The shopper ends the bank's page: ``outcome`` is a transStatus (Y, N, U)."""

    payment: str
    outcome: str


class AnswerInApp(Value, frozen=True, kw_only=True):
    """The shopper answers in ANCV's app: ``outcome`` approved, refused or cancelled; no amount is all that he can."""

    payment: str
    outcome: str
    amount: Money | None = None


class Complete(Value, frozen=True, kw_only=True):
    """``POST /payments/details``: the merchant hands in what the shopper brought back.

    ``step`` is redirect, fingerprint, challenge or await; ``outcome`` a transStatus, or a fingerprint's threeDSCompInd.
    """

    payment: str
    step: str
    outcome: str = ""


class Browse(Value, frozen=True, kw_only=True):
    """A call of the shopper's browser about a session: ``data`` is its sessionData, ``does`` what else is to happen."""

    data: str
    does: OpenOrder | CancelOrder | Pay | Complete | None = None


class Forget(Value, frozen=True):
    """A stored card is to be kept no longer."""

    token: str


class Resolve(Value, frozen=True):
    """The result that was awaited arrives."""

    payment: str


class Lapse(Value, frozen=True):
    """Nobody came back from an action in time."""

    payment: str
    secret: str


class Modify(Value, frozen=True, kw_only=True):
    """A modification of one payment; ``amount`` None for those that mean all of it. ``kind`` as in ``states.Kind``."""

    payment: str
    kind: str
    amount: Money | None
    reference: str
    own_reference: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class Settle(Value, frozen=True):
    """The result of a modification arrives."""

    payment: str
    modification: str


class Fail(Value, frozen=True):
    """A capture or refund that was done fails after all; ``modification`` empty is the automatic capture."""

    payment: str
    modification: str


class CaptureByItself(Value, frozen=True):
    """The delay of an automatic capture is over."""

    payment: str


class LetExpire(Value, frozen=True):
    """An authorisation has become too old to be captured."""

    payment: str


Command = (
    OpenCheckout
    | EndLink
    | ExpireCheckout
    | GiveUp
    | OpenOrder
    | CancelOrder
    | ExpireOrder
    | Pay
    | Authenticate
    | AnswerInApp
    | Complete
    | Browse
    | Forget
    | Resolve
    | Lapse
    | Modify
    | Settle
    | Fail
    | CaptureByItself
    | LetExpire
)
