"""Adyen with its official library: a payment link for meal voucher and card, captured when the meal leaves the kitchen.

Webhooks are the source here: Adyen has no call that reads a payment. Each genuine one is a fact that stays true, and
the order's state is the sum of the facts, so it does not matter in which order they come, or how often.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import Adyen as Library
import requests
from Adyen.exceptions import AdyenAPIResponseError, AdyenError
from Adyen.util import is_valid_hmac_notification

from shop.calls import Later, Refused, Unsure, insist
from shop.care import Care, Headers
from shop.orders import Event, Order, Shown, Started, State, Work
from shop.settings import Settings
from shop.store import Store
from shop.texts import text
from shop.webhooks import Forged, NotForUs

Json = dict[str, Any]
VERSION = "v72"
LINK_LIFE = timedelta(minutes=30)
_EVENTS = (
    "AUTHORISATION", "ORDER_OPENED", "ORDER_CLOSED", "CAPTURE", "CAPTURE_FAILED", "REFUND", "REFUND_FAILED",
    "REFUNDED_REVERSED", "CANCELLATION",
)  # fmt: skip
_FIELDS = ("amount", "eventCode", "eventDate", "merchantAccountCode", "merchantReference", "operations",
           "originalReference", "paymentMethod", "pspReference", "reason", "success", "additionalData")  # fmt: skip


class Adyen:
    """Implements ``cashier.Provider``."""

    name = "adyen"

    def __init__(self, settings: Settings, store: Store, care: Care) -> None:
        self.keys, self.store, self.care = settings.adyen, store, care
        self._url, self._until = settings.url, settings.previous_until
        library = Library.Adyen(
            xapikey=self.keys.api_key,
            platform="live" if self.keys.live else "test",
            merchant_account=self.keys.merchant_account,
            http_timeout=settings.timeout,
        )
        self._links, self._modifications = library.checkout.payment_links_api, library.checkout.modifications_api
        for api in (self._links, self._modifications):
            api.baseUrl = f"{self.keys.endpoint}/{VERSION}"

    async def close(self) -> None:
        """Nothing is kept open."""

    # -- paying ------------------------------------------------------------------------------------------------------

    async def start(self, order: Order) -> Started:
        """Make a payment link. Raises CallFailed."""
        expires = datetime.fromtimestamp(order.touched, UTC) + LINK_LIFE  # the same at every attempt with one key
        request = {
            "merchantAccount": self.keys.merchant_account,
            "amount": {"value": order.total, "currency": order.currency},
            "reference": order.id,
            "countryCode": "FR",
            "shopperLocale": {"fr": "fr-FR", "en": "en-GB"}[order.language],
            "description": text(order.language, "lunch-name"),
            "returnUrl": f"{self._url}/return/{order.token}",
            "expiresAt": expires.isoformat(timespec="seconds"),
            "captureDelayHours": 24,  # we capture when the meal leaves; if that fails for a day, it happens by itself
        }
        made = await insist(
            self.care,
            f"{order.id}-pay-{order.attempt}",
            lambda key: self._ask(lambda: self._links.payment_links(request, idempotency_key=key), "id", "url"),
        )
        return Started(ref=made["id"], url=made["url"])

    async def look(self, order: Order) -> Shown:
        """The sum of all facts, and what the link says where they are not complete. Raises CallFailed."""
        facts = self.store.facts(order.id)
        parts = _parts(facts)
        paid = sum(each["amount"] for each in parts.values())
        foreign = (each["currency"] for each in parts.values() if each["currency"] != order.currency)
        currency = next(foreign, order.currency)  # a sum over several currencies is in none of them
        pending, refunded = self._refunds(order, facts)
        if parts and (currency != order.currency or self.care.covered(paid, order.total)):
            return Shown(state=State.PAID, paid=paid, currency=currency, pending=pending, refunded=refunded)
        link = await self._ask(lambda: self._links.get_payment_link(order.ref), "status", "amount", "reference")
        if link["reference"] != order.id:
            raise Refused(f"{order.ref} is about another order")
        if link["status"] in ("completed", "paid"):  # webhooks are late; what to capture is not known yet
            amount = link["amount"]
            return Shown(
                state=State.PAID, paid=amount["value"], currency=amount["currency"], pending=pending, refunded=refunded
            )
        state = State.ENDED if link["status"] == "expired" else State.WAITING
        return Shown(state=state, paid=0 if state is State.ENDED else paid)

    def _refunds(self, order: Order, facts: list[Json]) -> tuple[int, int]:
        """What is on its way back, and what has arrived. `received` is a promise; REFUND tells, and may be undone."""
        outcomes = {each["psp"]: each["success"] for each in facts if each["kind"] == "REFUND"}
        undone = {each["psp"] for each in facts if each["kind"] in ("REFUND_FAILED", "REFUNDED_REVERSED")}
        asked = [each for each in self.store.works(order.id, "refund") if each.state == "asked"]
        pending = sum(each.amount for each in asked if each.ref not in outcomes and each.ref not in undone)
        refunded = sum(each.amount for each in asked if outcomes.get(each.ref) and each.ref not in undone)
        return pending, refunded

    def follow_up(self, order: Order, shown: Shown) -> list[Work]:
        """What is paid is captured, each part by itself."""
        if order.state is not State.PAID:
            return []
        return [
            Work(key=f"{order.id}-c-{psp}", order=order.id, kind="capture", amount=part["amount"], target=psp)
            for psp, part in _parts(self.store.facts(order.id)).items()
        ]

    async def cancel(self, order: Order) -> list[Work]:
        """End the link: it rolls back what a voucher has paid on it."""
        return [Work(key=f"{order.id}-end-{order.attempt}", order=order.id, kind="expire", amount=0, target=order.ref)]

    async def refund(self, order: Order, amount: int, key: str) -> list[Work]:
        """From the cards: meal vouchers cannot be refunded. Raises Refused."""
        works, left = [], amount
        for psp, most in self._refundable(order).items():
            if share := min(left, most):
                works.append(Work(key=f"{key}-{psp[-4:]}", order=order.id, kind="refund", amount=share, target=psp))
                left -= share
        if left or not works:
            raise Refused(text(order.language, "voucher-stays"))
        return works

    def most(self, order: Order) -> int:
        """What the cards have paid, less what was asked back."""
        return sum(self._refundable(order).values())

    def _refundable(self, order: Order) -> dict[str, int]:
        """Captured card payments and what is left of each."""
        facts, asked = self.store.facts(order.id), self.store.works(order.id, "refund")
        captured = {each["original"] for each in facts if each["kind"] == "CAPTURE" and each["success"]}
        return {
            psp: self.care.left(part["amount"], sum(each.amount for each in asked if each.target == psp))
            for psp, part in _parts(facts).items()
            if psp in captured and not part["method"].startswith("mealVoucher")
        }

    async def do(self, order: Order, work: Work) -> str:
        """Capture, refund, or end the link, and return the provider's reference. Raises CallFailed."""
        body: Json = {
            "merchantAccount": self.keys.merchant_account,
            "amount": {"value": work.amount, "currency": order.currency},
            "reference": order.id,
        }

        def call(key: str | None) -> Any:
            match work.kind:
                case "capture":
                    return self._modifications.capture_authorised_payment(body, work.target, idempotency_key=key)
                case "refund":
                    return self._modifications.refund_captured_payment(body, work.target, idempotency_key=key)
                case _:
                    return self._links.update_payment_link({"status": "expired"}, work.target, idempotency_key=key)

        attempts = self.care.attempts(work.kind)
        answer = await insist(self.care, work.key, lambda key: self._ask(lambda: call(key)), attempts)
        return str(answer.get("pspReference", ""))

    # -- webhooks ----------------------------------------------------------------------------------------------------

    def read(self, body: bytes, received: Headers) -> Event | None:
        """One webhook, verified by the library; None when there is nothing in it for us. Raises Forged, NotForUs."""
        try:
            envelope = json.loads(body)
            item: Json = envelope["notificationItems"][0]["NotificationRequestItem"]
            genuine = self.care.checked(lambda: self._signed(item), lambda: True)
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # the library's ways to say no signature
            raise Forged(f"not signed: {error!r}") from error
        if not genuine:  # also None, for an item without additionalData
            raise Forged("wrong signature")
        if not self.care.meant_for_us(item.get("merchantAccountCode"), self.keys.merchant_account):
            raise NotForUs(f"merchant account {item.get('merchantAccountCode')}")
        if not self.care.environment_agrees(envelope.get("live"), self.keys.live):
            raise NotForUs(f"live is {envelope.get('live')}")
        if not self.care.handles(item["eventCode"], _EVENTS):
            return None
        return self._event(self.care.fields(item, _FIELDS))

    def _signed(self, item: Json) -> bool:
        keys = self.care.keys(self.keys.hmac_key, self.keys.previous, self._until)
        return any(is_valid_hmac_notification(item, key) for key in keys)

    def _event(self, item: Json) -> Event:
        kind, psp, original = item["eventCode"], item["pspReference"], item.get("originalReference") or ""
        success, amount = self.care.succeeded(item["success"]), item["amount"]
        facts = {
            "kind": kind, "psp": psp, "original": original, "success": success, "amount": amount["value"],
            "currency": amount["currency"], "method": item.get("paymentMethod") or "",
            "parts": _listed(item.get("additionalData") or {}),
        }  # fmt: skip
        said = {"ORDER_OPENED": State.WAITING, "ORDER_CLOSED": State.PAID if success else State.ENDED}.get(kind)
        if kind == "AUTHORISATION" and not success:
            said = State.ENDED
        # A repetition has the same code and reference, and perhaps another date: both name the event, not the body.
        return Event(
            provider=self.name, id=f"{kind} {psp}", kind=kind, order=item["merchantReference"], said=said, facts=facts
        )

    # -- calls -------------------------------------------------------------------------------------------------------

    async def _ask(self, call: Callable[[], Any], *needed: str) -> Json:
        """One call of the library, which blocks, in a thread; its exceptions become our three."""

        def run() -> Json:
            try:
                answer: Json = call().message
            except AdyenAPIResponseError as error:
                raise _failed(error) from error
            except (requests.RequestException, AdyenError, ValueError) as error:
                raise Unsure(repr(error)) from error
            if not set(needed) <= set(answer):  # half a body is an empty answer to the library
                raise Unsure(f"an answer without {' and '.join(needed)}")
            return answer

        return await asyncio.to_thread(run)


def _parts(facts: list[Json]) -> dict[str, Json]:
    """Payments that count: authorised, and not in an order that was closed unpaid, for those were rolled back."""
    closed = [each for each in facts if each["kind"] == "ORDER_CLOSED" and not each["success"]]
    gone = {psp for each in closed for psp in each["parts"]}
    gone |= {each["original"] for each in facts if each["kind"] == "CANCELLATION" and each["success"]}
    return {
        each["psp"]: each
        for each in facts
        if each["kind"] == "AUTHORISATION" and each["success"] and each["psp"] not in gone
    }


def _listed(data: Json) -> list[str]:
    """Payments of an ORDER_CLOSED: order-1-pspReference, order-2-…, without gaps."""
    found: list[str] = []
    while (psp := data.get(f"order-{len(found) + 1}-pspReference")) is not None:
        found.append(psp)
    return found


def _failed(error: AdyenAPIResponseError) -> Exception:
    told = error.message.get("message") if isinstance(error.message, dict) else ""
    why = f"{error.status_code} {error.error_code or ''} {told or ''}".strip()
    headers = error.headers or {}
    if error.status_code in (429, 503) or error.error_code == "704" or headers.get("transient-error") == "true":
        return Later(why, _seconds(headers.get("Retry-After")))
    return Unsure(why) if error.status_code >= 500 else Refused(why)


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
