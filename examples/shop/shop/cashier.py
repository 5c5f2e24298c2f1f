"""What the shop does about money. Every piece of news, from wherever it comes, ends in one place: ``_apply``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from shop.calls import CallFailed, Refused
from shop.care import Care, Headers
from shop.catalogue import PRODUCTS
from shop.orders import Event, Order, Shown, State, Work
from shop.provider import Provider
from shop.settings import Settings
from shop.store import Store
from shop.texts import text

log = logging.getLogger("shop")


class UnknownOrder(LookupError):
    """A webhook about something that this shop has not sold."""


class Cashier:
    """Knows orders and providers. One order is worked on by one task at a time."""

    def __init__(self, settings: Settings, store: Store, care: Care, providers: Sequence[Provider]) -> None:
        self.settings, self.store, self.care = settings, store, care
        self.providers = {each.name: each for each in providers}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()

    def provider(self, order: Order) -> Provider:
        """Who is paid through."""
        return self.providers[PRODUCTS[order.kind].provider]

    # -- the shopper -------------------------------------------------------------------------------------------------

    async def pay(self, id: str) -> str:
        """The address of the page where the order can be paid: the open one, or a new one. Raises CallFailed.

        Empty when there is nothing to pay. There is one open page at a time, so that nobody pays twice.
        """
        async with self._locks[id]:
            order = self.store.order(id)
            if order.state in (State.PAID, State.REVIEW):
                return ""
            if order.state is State.WAITING:
                return order.url
            if order.state is State.ENDED:
                self.store.update(
                    id, attempt=order.attempt + 1, state=State.NEW, ref="", url="", mac="", paid=0, refunded=0,
                    pending=0, touched=time.time(), looked=0.0,
                )  # fmt: skip
                order = self.store.order(id)
            self.store.update(id, looked=time.time())
            started = await self.provider(order).start(order)
            self.store.update(id, ref=started.ref, url=started.url, mac=started.mac, state=State.WAITING)
            self.store.note(id, "page-made", started.ref)
            return started.url

    async def returned(self, id: str) -> None:
        """The shopper is back. That proves nothing, and is a good moment to ask."""
        order = self.store.order(id)
        believed = self.care.paid_on_return(order)
        if believed is not None:
            async with self._locks[id]:
                self._apply(id, believed, "returned")
        elif self.care.polls:
            await self.look(id, "returned")

    async def cancel(self, id: str) -> None:
        """End an unpaid order. Raises CallFailed."""
        async with self._locks[id]:
            order = self.store.order(id)
            if order.state is not State.WAITING:
                return
            if self.care.gives_back:
                await self._work(await self.provider(order).cancel(order))
                await self._look(id, "cancelled")
            else:
                self.store.update(id, state=State.ENDED)

    # -- the merchant ------------------------------------------------------------------------------------------------

    async def refund(self, id: str, amount: int, pressed: str) -> None:
        """Give money back; ``pressed`` is the same for one showing of the form. Raises CallFailed."""
        async with self._locks[id]:
            order = self.store.order(id)
            known = self.store.works(id, "refund", "cancel")
            key = self.care.refund_key(order, pressed)
            if any(each.key.startswith(key) for each in known):
                return
            asked = sum(each.amount for each in known if each.state == "todo")
            if not 0 < amount <= self.care.refundable(order, asked):
                raise Refused(text(order.language, "too-much"))
            self.store.note(id, "refund-asked", str(amount))
            await self._work(await self.provider(order).refund(order, amount, key))
            await self._look(id, "refund")

    async def _work(self, works: Sequence[Work], *, again: bool = False) -> None:
        """Write down what is to be done, and do it. ``again``: the news that leads to it was known."""
        for work in works:
            unanswered = again and any(each.key == work.key for each in self.store.todo())
            named = replace(work, key=self.care.work_key(work.key, heard_again=unanswered))
            if self.store.add_work(named):
                await self._run(named)

    async def _run(self, work: Work) -> None:
        order = self.store.order(work.order)
        try:
            ref = await self.provider(order).do(order, work)
        except Refused as error:
            self.store.end_work(work.key, "refused", note=str(error))
            self.store.note(order.id, f"{work.kind}-refused", str(error))
        except CallFailed as error:  # it stays to be done, with the same key, when the watch comes round
            log.warning("%s %s: %r", work.kind, work.key, error)
            self.store.note(order.id, "no-answer", work.kind)
        else:
            self.store.end_work(work.key, "asked", ref)
            self.store.note(order.id, f"{work.kind}-sent", ref)

    # -- the provider ------------------------------------------------------------------------------------------------

    async def receive(self, provider: str, body: bytes, headers: Headers) -> None:
        """A webhook: verify it, write it down, and return, so that it is answered at once; the rest follows.

        Raises Forged, NotForUs, UnknownOrder.
        """
        event = self.providers[provider].read(body, headers)
        if event is None:
            return
        await self.care.before_answering()
        order = self.store.by_reference(event.order)
        if event.ref:
            order = self.care.found(self.store.by_ref(event.ref), order)
            if self.care.must_exist(order):
                raise UnknownOrder(event.ref)
        # With our own number in it: a test environment that was emptied gives its numbers out again.
        new = self.store.add_event(replace(event, id=f"{event.id} {order.id if order else event.order}"))
        if event.recurs or self.care.counts(new):
            self._spawn(self._digest(event, order, again=not new))

    async def _digest(self, event: Event, order: Order | None, *, again: bool) -> None:
        try:
            owner = getattr(self.providers[event.provider], "owner", None)
            if order is None and owner is not None:  # Lyra names its own id only
                order = self.store.by_reference(await owner(event))
            if order is None or PRODUCTS[order.kind].provider != event.provider:
                log.info("%s %s is about no order of ours", event.provider, event.kind)
                return
            self.store.note(order.id, "webhook", event.kind)
            async with self._locks[order.id]:
                await self._look(order.id, "webhook", event, order, again=again)
        except CallFailed as error:  # the watch asks again
            log.warning("%s %s: %r", event.provider, event.kind, error)

    async def look(self, id: str, why: str) -> None:
        """Ask the provider, and take over what is true. Failures are left to the watch."""
        async with self._locks[id]:
            try:
                await self._look(id, why)
            except CallFailed as error:
                log.warning("%s: %r", id, error)

    async def _look(
        self, id: str, why: str, event: Event | None = None, then: Order | None = None, *, again: bool = False
    ) -> None:
        """``then`` is the order as it was when the event came."""
        order = self.store.order(id)
        shown = self.care.told(order, event) if event is not None else None
        if shown is None:
            if not order.ref:  # the answer with the id is not here yet; the watch comes back to it
                return
            self.store.update(id, looked=time.time())
            shown = await self.provider(order).look(order)
        self._apply(id, shown, why, event.said if event is not None else None, then, again=again)
        await self._work(self.provider(order).follow_up(self.store.order(id), shown), again=again)

    def _apply(
        self,
        id: str,
        shown: Shown,
        why: str,
        said: State | None = None,
        then: Order | None = None,
        *,
        again: bool = False,
    ) -> None:
        """Take over what a provider shows. There is no ``await`` in here: two pieces of news cannot get between."""
        order = self.store.order(id)
        state = self.care.believed(then or order, said, shown)
        if state is State.PAID and not self.care.amount_agrees(order, shown):
            state = State.REVIEW
        if not self.care.may_follow(order.state, state):
            state = order.state
        if self.care.refused_now(then or order, said):
            state = State.ENDED
        requested = sum(each.amount for each in self.store.works(order.id, "refund") if each.state == "asked")
        refunded = self.care.refunded(shown.refunded, requested)
        self.store.update(order.id, state=state, paid=shown.paid, refunded=refunded, pending=shown.pending)
        if shown.paid != order.paid and state is not State.ENDED:
            self.store.note(order.id, "paid-so-far", str(shown.paid))
        if refunded != order.refunded:
            self.store.note(order.id, "refunded-so-far", str(refunded))
        if state is not order.state:
            self.store.note(order.id, f"now-{state}", why)
        if self.care.ships(order, state, again=again and not (refunded or shown.pending)):
            self.store.ship(order.id)
            self.store.note(order.id, "shipped")

    # -- the watch ---------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """For ever: make calls that had no answer, ask about orders that wait, end what nobody completes."""
        while True:
            await asyncio.sleep(self.settings.poll)
            try:
                await self.round(time.time())
            except Exception:  # whatever went wrong this time, the next round has to come
                log.exception("watch")

    async def round(self, now: float) -> None:
        """One round of the watch."""
        for work in self.store.todo():
            async with self._locks[work.order]:
                if work in self.store.todo():  # not done meanwhile
                    await self._run(work)
            await self.look(work.order, "watch")
        if not self.care.polls:
            return
        for order in self.store.orders():
            if self._overdue(order, now):
                await self.look(order.id, "watch")
            if order.state is State.WAITING and order.paid and now - order.touched > self.settings.give_up:
                await self._give_up(order)

    def _overdue(self, order: Order, now: float) -> bool:
        """Whether to ask again: soon at first, then less and less often."""
        waits = order.state is State.WAITING or order.pending > 0
        return waits and bool(order.ref) and now - order.looked >= max(self.settings.poll, (now - order.touched) / 20)

    async def _give_up(self, order: Order) -> None:
        try:
            await self.cancel(order.id)
        except Refused:  # its page ends by itself
            log.info("%s cannot be cancelled", order.id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Return when all webhooks that came in are digested."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Let what was begun end, and close connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for provider in self.providers.values():
            await provider.close()
