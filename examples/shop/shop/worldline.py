"""Worldline / CAWL with its official SDK: a hosted checkout for holiday vouchers (5412) and a card for the rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from onlinepayments.sdk.api_exception import ApiException
from onlinepayments.sdk.call_context import CallContext
from onlinepayments.sdk.communication.communication_exception import CommunicationException
from onlinepayments.sdk.communication.default_connection import DefaultConnection
from onlinepayments.sdk.communication.not_found_exception import NotFoundException
from onlinepayments.sdk.communication.request_header import RequestHeader
from onlinepayments.sdk.communicator_configuration import CommunicatorConfiguration
from onlinepayments.sdk.domain.create_hosted_checkout_request import CreateHostedCheckoutRequest
from onlinepayments.sdk.domain.refund_request import RefundRequest
from onlinepayments.sdk.domain.web_hooks_event import WebhooksEvent
from onlinepayments.sdk.factory import Factory
from onlinepayments.sdk.json.default_marshaller import DefaultMarshaller
from onlinepayments.sdk.json.marshaller_syntax_exception import MarshallerSyntaxException
from onlinepayments.sdk.webhooks.api_version_mismatch_exception import ApiVersionMismatchException
from onlinepayments.sdk.webhooks.in_memory_secret_key_store import InMemorySecretKeyStore
from onlinepayments.sdk.webhooks.secret_key_not_available_exception import SecretKeyNotAvailableException
from onlinepayments.sdk.webhooks.signature_validation_exception import SignatureValidationException
from onlinepayments.sdk.webhooks.webhooks_helper import WebhooksHelper

from shop.calls import Later, Refused, Unsure, insist
from shop.care import Care, Headers
from shop.orders import Event, Order, Shown, Started, State, Work
from shop.settings import Settings
from shop.store import Store
from shop.texts import text
from shop.webhooks import Forged, NotForUs

T = TypeVar("T")
VOUCHERS, CARDS = 5412, [1, 3, 130]
SESSION_MINUTES = 30
_SAID = {
    "payment.created": State.WAITING,
    "payment.redirected": State.WAITING,
    "payment.captured": State.PAID,
    "payment.cancelled": State.ENDED,
    "payment.rejected": State.ENDED,
}
_SILENT = ("payment.pending_capture", "payment.capture_requested", "refund.refund_requested", "payment.refunded")
_CAPTURED, _REFUNDING, _REFUNDED = (9,), (81, 82), (7, 8, 85)


class _Connection(DefaultConnection):  # type: ignore[misc]  # the SDK has no type information
    """Keeps Retry-After for us: the SDK's exceptions carry a status and a body, but no headers."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.heard = threading.local()

    def post(self, *given: Any) -> Any:
        """See DefaultConnection."""
        return self._listen(super().post(*given))

    def get(self, *given: Any) -> Any:
        """See DefaultConnection."""
        return self._listen(super().get(*given))

    def _listen(self, answer: Any) -> Any:
        self.heard.retry_after = answer[1].get("Retry-After")
        return answer

    def retry_after(self) -> float | None:
        """Seconds, from the latest answer to this thread."""
        return seconds(getattr(self.heard, "retry_after", None))


class Worldline:
    """Implements ``cashier.Provider``."""

    name = "worldline"

    def __init__(self, settings: Settings, store: Store, care: Care) -> None:
        self.keys, self.care = settings.worldline, care
        self._back = f"{settings.url}/return/worldline"
        self._until = settings.previous_until
        configuration = CommunicatorConfiguration(
            api_endpoint=self.keys.endpoint,
            api_key_id=self.keys.api_key_id,
            secret_api_key=self.keys.secret_api_key,
            authorization_type="v1HMAC",
            connect_timeout=5,
            socket_timeout=settings.timeout,
            max_connections=10,
            integrator="Example shop",
        )
        self._connection = _Connection(5, settings.timeout, 10, None)
        self._client = Factory.create_client_from_configuration(configuration, connection=self._connection)

    async def close(self) -> None:
        """Close connections."""
        await asyncio.to_thread(self._client.close)

    # -- paying ------------------------------------------------------------------------------------------------------

    async def start(self, order: Order) -> Started:
        """Make a hosted checkout. Raises CallFailed."""
        request = CreateHostedCheckoutRequest()
        request.from_dictionary(self._request(order))
        made = await insist(
            self.care,
            f"{order.id}-pay-{order.attempt}",
            lambda key: self._ask(lambda us: us.hosted_checkout().create_hosted_checkout(request, CallContext(key))),
        )
        return Started(ref=made.hosted_checkout_id, url=made.redirect_url, mac=made.returnmac)

    def _request(self, order: Order) -> dict[str, Any]:
        locale = {"fr": "fr_FR", "en": "en_GB"}[order.language]
        return {
            "order": {
                "amountOfMoney": {"amount": order.total, "currencyCode": order.currency},
                "customer": {"locale": locale, "billingAddress": {"countryCode": "FR"}},
                "references": {"merchantReference": order.id},  # 30 characters at most, for some of their back ends
            },
            "hostedCheckoutSpecificInput": {
                "locale": locale,
                "returnUrl": self._back,
                "showResultPage": False,
                "sessionTimeout": SESSION_MINUTES,
                # Without this, vouchers stay taken when the card for the rest is refused or never comes.
                "autoRefundSplitPayments": self.care.gives_back,
                "paymentProductFilters": {"restrictTo": {"products": [VOUCHERS, *CARDS]}},
                "splitPaymentProductFilters": {"restrictTo": {"products": CARDS}},
            },
            "redirectPaymentMethodSpecificInput": {
                "requiresApproval": False,  # a payment in two parts cannot be captured later
                "paymentProduct5412SpecificInput": {"adjustableAmount": True},
            },
        }

    async def look(self, order: Order) -> Shown:
        """What the platform shows now. Raises CallFailed."""
        checkout = await self._ask(lambda us: us.hosted_checkout().get_hosted_checkout(order.ref))
        details = await self._ask(lambda us: us.payments().get_payment_details(f"{order.ref}_0"))
        if details.payment_output.references.merchant_reference != order.id:
            raise Refused(f"{order.ref} is about another order")
        asked = details.payment_output.amount_of_money
        captured, pending, refunded = (
            _sum(details.operations or [], codes) for codes in (_CAPTURED, _REFUNDING, _REFUNDED)
        )
        paid = self.care.settled(details.status, captured, asked.amount)
        if self.care.covered(paid, asked.amount):
            state, kept = State.PAID, 0
        elif checkout.status == "CANCELLED_BY_CONSUMER" or (  # that is also what it says when its time is over
            checkout.status == "PAYMENT_CREATED" and details.status_output.status_category == "UNSUCCESSFUL"
        ):
            state, kept = State.ENDED, captured - refunded - pending
        else:  # a fresh checkout shows the category REJECTED already: its status counts, and it is IN_PROGRESS
            state, kept = State.WAITING, 0
        return Shown(
            state=state, paid=paid, pending=pending, refunded=refunded, currency=asked.currency_code, kept=kept
        )

    def follow_up(self, order: Order, shown: Shown) -> list[Work]:
        """Money that an ended checkout has kept, although it was told to give it back, is asked for."""
        if shown.kept > 0 and self.care.gives_back:
            key = f"{order.id}-back-{order.attempt}"
            return [Work(key=key, order=order.id, kind="refund", amount=shown.kept)]
        return []

    async def cancel(self, order: Order) -> list[Work]:
        """There is no call for it: an unpaid checkout ends by itself."""
        raise Refused(text(order.language, "cannot-cancel"))

    def most(self, order: Order) -> int:
        """All that has not gone back yet."""
        return order.paid - order.refunded - order.pending

    async def refund(self, order: Order, amount: int, key: str) -> list[Work]:
        """One call; the platform takes the card's part first, and vouchers only within four hours."""
        return [Work(key=key, order=order.id, kind="refund", amount=amount)]

    async def do(self, order: Order, work: Work) -> str:
        """Send a refund and return its id. Raises CallFailed."""
        request = RefundRequest()
        request.from_dictionary({"amountOfMoney": {"amount": work.amount, "currencyCode": order.currency}})
        made = await insist(
            self.care,
            work.key,
            lambda key: self._ask(lambda us: us.payments().refund_payment(f"{order.ref}_0", request, CallContext(key))),
        )
        return str(made.id)

    # -- webhooks ----------------------------------------------------------------------------------------------------

    def read(self, body: bytes, received: Headers) -> Event | None:
        """One webhook, verified by the SDK; None when there is nothing in it for us. Raises Forged, NotForUs."""
        try:
            event = self._event(body, [RequestHeader(*each) for each in self.care.headers(received)])
        except (SignatureValidationException, SecretKeyNotAvailableException, ApiVersionMismatchException) as error:
            raise Forged(str(error)) from error
        except (MarshallerSyntaxException, ValueError, TypeError, AttributeError) as error:
            raise Forged(f"not a webhook: {error!r}") from error
        if not self.care.meant_for_us(event.merchant_id, self.keys.merchant_id):
            raise NotForUs(f"merchant {event.merchant_id}")
        if not self.care.handles(event.type, (*_SAID, *_SILENT)):
            return None
        about = event.payment or event.refund
        output = event.payment.payment_output if event.payment else event.refund.refund_output
        hosted = event.payment.hosted_checkout_specific_output if event.payment else None
        reference = output.references.merchant_reference if output.references else ""
        return Event(
            provider=self.name, id=f"{event.type} {about.id}", kind=event.type, order=reference or "",
            ref=hosted.hosted_checkout_id if hosted else "", said=_SAID.get(event.type),
        )  # fmt: skip

    def _event(self, body: bytes, headers: list[RequestHeader]) -> WebhooksEvent:
        store = InMemorySecretKeyStore()
        own = (self.keys.webhook_key_id, self.keys.webhook_secret)
        for key, secret in self.care.keys(own, self.keys.previous, self._until):
            store.store_secret_key(key, secret)
        marshaller = DefaultMarshaller.instance()
        return self.care.checked(
            lambda: WebhooksHelper(marshaller, store).unmarshal(body, headers),
            lambda: marshaller.unmarshal(body.decode(), WebhooksEvent),
        )

    # -- calls -------------------------------------------------------------------------------------------------------

    async def _ask(self, call: Callable[[Any], T]) -> T:
        """One call of the SDK, which blocks, in a thread; its many exceptions become our three."""

        def run() -> T:
            try:
                return call(self._client.merchant(self.keys.merchant_id))
            except ApiException as error:
                raise self._failed(error) from error
            except (CommunicationException, NotFoundException, MarshallerSyntaxException) as error:
                raise Unsure(repr(error)) from error

        return await asyncio.to_thread(run)

    def _failed(self, error: ApiException) -> Exception:
        names = [each.id or each.error_code for each in error.errors or ()]
        why = f"{error.status_code} {', '.join(filter(None, names))}"
        if error.status_code in (429, 503) or "DUPLICATE_REQUEST_IN_PROGRESS" in names:
            return Later(why, self._connection.retry_after())
        return Unsure(why) if error.status_code >= 500 else Refused(why)


def _sum(operations: list[Any], codes: tuple[int, ...]) -> int:
    """A part's refund is an operation of its own; the part itself stays CAPTURED, so sums by status are right."""
    return sum(each.amount_of_money.amount for each in operations if each.status_output.status_code in codes)


def seconds(header: str | None) -> float | None:
    """Retry-After in seconds. The other form, a date, is not used by these providers."""
    try:
        return float(header) if header else None
    except ValueError:
        return None
