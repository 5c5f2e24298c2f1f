"""Lyra Marketplace over plain HTTP (it has no official SDK): an order of several sellers, one payment page."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import aiohttp

from shop.calls import Later, Refused, Unsure, insist
from shop.care import Care, Headers
from shop.catalogue import PRODUCTS, Line
from shop.orders import Event, Order, Shown, Started, State, Work
from shop.settings import Settings
from shop.store import Store
from shop.texts import text
from shop.webhooks import Forged, NotForUs

Json = dict[str, Any]
PAGES = 3
"""How many pages of the newest orders are looked through for one whose making had no answer."""
_STATES = {
    "CREATED": State.WAITING,
    "PENDING": State.PAID,  # paid; captured at the bank later
    "SUCCEEDED": State.PAID,
    "FAILED": State.ENDED,
    "ABANDONED": State.ENDED,
    "CANCELLED": State.ENDED,
}


class Lyra:
    """Implements ``cashier.Provider``."""

    name = "lyra"

    def __init__(self, settings: Settings, store: Store, care: Care) -> None:
        self.keys, self.store, self.care = settings.lyra, store, care
        self._url = settings.url
        login = b64encode(f"{self.keys.login}:{self.keys.password}".encode()).decode()
        self._login = f"Basic {login}"
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()

    # -- paying ------------------------------------------------------------------------------------------------------

    async def start(self, order: Order) -> Started:
        """Make an order, freeze it, and get the address of its payment page. Raises CallFailed."""
        made = await self._once(
            f"{order.id}-pay-{order.attempt}",
            again=order.looked > 0,
            look=lambda: self._find(self._reference(order)),
            make=lambda: self._ask("POST", "/orders?expand=items", self._order(order)),
        )
        # Execution is a GET with an effect, and may be repeated: the newest address is the one that works.
        page = await insist(
            self.care, order.id, lambda _: self._ask("GET", f"/orders/{made['uuid']}/execute", need="payment_url")
        )
        return Started(ref=made["uuid"], url=page["payment_url"])

    def _reference(self, order: Order) -> str:
        """A refused order cannot be paid again; each attempt is an order of its own at Lyra."""
        return order.id if order.attempt == 1 else f"{order.id}-{order.attempt}"

    def _order(self, order: Order) -> Json:
        lines = PRODUCTS[order.kind].lines
        return {
            "marketplace": self.keys.marketplace,
            "reference": self._reference(order),
            "currency": order.currency,
            "language": order.language,
            "url_return": f"{self._url}/return/{order.token}",
            "buyer": {"type": "PRIVATE", "email": "camille@example.test", "phone_number": "+33 6 00 00 00 00"},
            "items": [self._item(order, number, line) for number, line in enumerate(lines, 1)],
        }

    def _item(self, order: Order, number: int, line: Line) -> Json:
        return {
            "seller_external_ref": self._seller(line),
            "reference": f"{order.id}-{number}",
            "description": text(order.language, line.name),  # letters, digits, spaces, hyphens
            "amount": line.amount,
            "is_commission": line.seller is None,
            "vouchers": [{"contract_type": "CONECS", "eligible_amount": line.eligible}] if line.eligible else [],
        }

    def _seller(self, line: Line) -> str:
        return self.keys.operator if line.seller is None else self.keys.sellers[line.seller]

    async def look(self, order: Order) -> Shown:
        """What the marketplace shows now. Raises CallFailed."""
        found = await self._ask("GET", f"/orders/{order.ref}?expand=items,transactions", need="status")
        shown = self._shown(order, found)
        if shown.state is not State.PAID:
            return shown
        pending, refunded = await self._refunds(order, found)
        return Shown(state=State.PAID, paid=shown.paid, currency=shown.currency, pending=pending, refunded=refunded)

    def _shown(self, order: Order, found: Json) -> Shown:
        ours = (self.keys.marketplace, self._reference(order))
        if not self.care.meant_for_us((found.get("marketplace"), found.get("reference")), ours):
            return Shown(state=State.WAITING)
        state = _STATES.get(found["status"], State.WAITING)
        if found["status"] == "CANCELLED" and order.state is State.PAID:
            state = State.PAID  # it was paid, and the marketplace let it go again before the capture
        total = found.get("amount") or 0
        paid = total if state is State.PAID and self.care.covered(total, order.total) else 0
        return Shown(state=state, paid=total if state is State.PAID else paid, currency=found.get("currency", ""))

    async def _refunds(self, order: Order, found: Json) -> tuple[int, int]:
        """What is on its way back, and what has arrived."""
        if found["status"] == "CANCELLED":
            return 0, order.paid
        if not self.store.works(order.id, "refund"):
            return 0, 0
        each = (await self._ask("GET", f"/orders/{order.ref}/refunds", need="results"))["results"]
        return (
            sum(one["amount"] for one in each if one["status"] in ("CREATED", "PENDING")),
            sum(one["amount"] for one in each if one["status"] == "SUCCEEDED"),
        )

    def follow_up(self, order: Order, shown: Shown) -> list[Work]:
        """Nothing: the gateway captures, and gives vouchers back by itself when a payment is not completed."""
        return []

    async def cancel(self, order: Order) -> list[Work]:
        """Possible before the payment page was opened, and between payment and capture."""
        return [Work(key=f"{order.id}-end-{order.attempt}", order=order.id, kind="cancel", amount=0, target=order.ref)]

    def most(self, order: Order) -> int:
        """All that has not gone back yet."""
        return order.paid - order.refunded - order.pending

    async def refund(self, order: Order, amount: int, key: str) -> list[Work]:
        """Before the capture the order is let go; after it each seller refunds his own share. Raises CallFailed."""
        if amount != order.total:
            raise Refused(text(order.language, "whole-only"))
        found = await self._ask("GET", f"/orders/{order.ref}", need="status")
        if found["status"] == "PENDING":
            return await self.cancel(order)
        return [
            Work(key=f"{key}-{number}", order=order.id, kind="refund", amount=self._share(order, seller), target=seller)
            for number, seller in enumerate(self.keys.sellers, 1)
        ]

    def _share(self, order: Order, seller: str) -> int:
        return sum(line.amount for line in self._lines(order, seller))

    def _lines(self, order: Order, seller: str) -> list[Line]:
        """What a refund by this seller is about: its own lines, and with the first one the marketplace's fee."""
        own = (seller, self.keys.operator) if seller == self.keys.sellers[0] else (seller,)
        return [line for line in PRODUCTS[order.kind].lines if self._seller(line) in own]

    async def do(self, order: Order, work: Work) -> str:
        """Cancel the order, or refund one seller's share, and return Lyra's uuid. Raises CallFailed."""
        if work.kind == "cancel":
            await insist(self.care, work.key, lambda _: self._cancel(order))
            return order.ref
        made = await self._once(
            work.key,
            again=True,  # also after a crash between the two of them
            look=lambda: self._find_refund(order, work.key),
            make=lambda: self._ask("POST", "/refunds/", self._refund(order, work), need="uuid"),
        )
        return str(made["uuid"])

    async def _cancel(self, order: Order) -> None:
        found = await self._ask("GET", f"/orders/{order.ref}", need="status")
        if found["status"] != "CANCELLED":  # the answer to an earlier attempt may have been lost
            await self._ask("DELETE", f"/orders/{order.ref}", need="")

    def _refund(self, order: Order, work: Work) -> Json:
        return {
            "order": order.ref,
            "reference": work.key,  # 32 characters at most
            "currency": order.currency,
            "items": [
                {
                    "seller_external_ref": self._seller(line),
                    "reference": f"{order.id}-{number}",
                    "amount": line.amount,
                    "is_commission": line.seller is None,
                }
                for number, line in enumerate(self._lines(order, work.target), 1)
            ],
        }

    # -- webhooks ----------------------------------------------------------------------------------------------------

    def read(self, body: bytes, received: Headers) -> Event | None:
        """One webhook: an id, unsigned, and so only a reason to look. None for the empty probe. Raises Forged."""
        if not body:
            return None
        try:
            document: Json = dict(json.loads(body))
            kind = next((name for name in ("order", "refund") if name in document), "") or next(iter(document))
        except (ValueError, TypeError, StopIteration) as error:
            raise Forged(f"not a webhook: {error!r}") from error
        if not self.care.handles(kind, ("order", "refund")):
            return None
        try:  # it becomes a part of an address that is asked with our password, so it must be what it claims to be
            uuid = UUID(str(self.care.fields(document, ("order", "refund"))[kind]))
        except ValueError as error:
            raise Forged(f"not an id: {document[kind]!r}") from error
        # The same body comes at each change of status: a repetition cannot be told from news.
        return Event(provider=self.name, id=f"{kind} {uuid}", kind=kind, ref=str(uuid), recurs=True)

    async def owner(self, event: Event) -> str:
        """Our reference of an order that is known by its uuid only: the webhook was quicker than the answer."""
        found = await self._ask("GET", f"/{event.kind}s/{event.ref}")
        if event.kind == "refund":
            found = await self._ask("GET", f"/orders/{found['order']}")
        if found.get("marketplace") != self.keys.marketplace:
            raise NotForUs(f"marketplace {found.get('marketplace')}")
        return "-".join(str(found["reference"]).split("-")[:2])  # without the number of the attempt

    # -- calls -------------------------------------------------------------------------------------------------------

    async def _once(
        self, key: str, *, again: bool, look: Callable[[], Awaitable[Json | None]], make: Callable[[], Awaitable[Json]]
    ) -> Json:
        """Make something once without idempotency keys: before another attempt, see whether it is there."""
        attempt = 1 if again else 0

        async def call(_: str | None) -> Json:
            nonlocal attempt
            attempt += 1
            if self.care.looks_first(attempt) and (found := await self._looked(look)) is not None:
                return found
            return await make()

        return await insist(self.care, key, call)

    async def _looked(self, look: Callable[[], Awaitable[Json | None]]) -> Json | None:
        try:
            return await look()
        except (Later, Unsure) as error:
            if self.care.is_not_there(error):
                return None
            raise

    async def _find(self, reference: str) -> Json | None:
        for page in range(1, PAGES + 1):
            listed = await self._ask("GET", f"/orders/?ordering=-created_at&page={page}", need="results")
            for each in listed["results"]:
                if each["reference"] == reference:
                    return dict(each)
            if not listed["next"]:
                break
        return None

    async def _find_refund(self, order: Order, reference: str) -> Json | None:
        listed = await self._ask("GET", f"/orders/{order.ref}/refunds", need="results")
        return next((each for each in listed["results"] if each["reference"] == reference), None)

    async def _ask(self, method: str, path: str, body: Json | None = None, *, need: str = "uuid") -> Json:
        """One call. Raises CallFailed."""
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": self._login}, timeout=self._timeout)
        try:
            async with self._session.request(
                method, f"{self.keys.endpoint}{path}", json=body, allow_redirects=False
            ) as answer:
                status, content = answer.status, await answer.read()
                wait = answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unsure(repr(error)) from error
        if status in (429, 503):
            raise Later(str(status), float(wait) if wait.isdigit() else None)
        if status >= 500:
            raise Unsure(f"{status} {content[:200]!r}")
        if status >= 300:
            raise Refused(f"{status} {content[:200].decode(errors='replace')}")
        return _document(content, need) if need else {}


def _document(content: bytes, need: str) -> Json:
    try:
        found = json.loads(content)
        return {**found, need: found[need]}
    except (ValueError, LookupError, TypeError) as error:
        raise Unsure(f"half an answer: {error!r}") from error
