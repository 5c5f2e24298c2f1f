"""Classic mistakes, for teaching and for testing what finds them. The shop makes none unless ``--bug NAME`` is given.

Each class is one mistake: its name is the switch (``NoDedupe`` is ``no-dedupe``), its text says what goes wrong, and
its methods stand in the place of the right ones in care.py. Several can be switched on together.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from shop.care import Care, Headers
from shop.orders import Event, Order, Shown, State

T = TypeVar("T")


class UnknownBug(LookupError):
    """No mistake has this name."""


class AcceptsForgedWebhook(Care):
    """Reads webhooks without verifying their signature: anybody can mark an order as paid."""

    def checked(self, verify: Callable[[], T], parse: Callable[[], T]) -> T:
        return parse()


class AcceptsStaleKey(Care):
    """Goes on accepting webhooks signed with a key that was replaced long ago, perhaps because it leaked."""

    def keys(self, present: T, previous: T | None, until: datetime | None) -> tuple[T, ...]:
        return (present,) if previous is None else (present, previous)


class HeaderCase(Care):
    """Finds signature headers only as the documentation writes them; HTTP/2 and proxies write them small."""

    def headers(self, received: Headers) -> Headers:
        return [(name, value) for name, value in received if name in ("X-GCS-Signature", "X-GCS-KeyId")]


class IgnoresMerchantAccount(Care):
    """Takes events of another merchant account of the same company, or orders of another marketplace, for its own."""

    def meant_for_us(self, account: object, ours: object) -> bool:
        return True


class AcceptsLiveFlag(Care):
    """Does not look whether an event comes from the test or the live environment."""

    def environment_agrees(self, live: object, ours: bool) -> bool:
        return True


class TakesFalseForTrue(Care):
    """Tests the text "false" for truth, so that a refused payment counts as authorised."""

    def succeeded(self, success: object) -> bool:
        return bool(success)


class CrashesOnUnknownEvent(Care):
    """Answers unknown events with an error: the provider repeats them for days, and others wait behind them."""

    def handles(self, kind: str, known: Collection[str]) -> bool:
        if kind not in known:
            raise NotImplementedError(f"event {kind}")
        return True


class RejectsExtraFields(Care):
    """Reads webhooks so strictly that a field which the provider adds one day stops all of them."""

    def fields(self, document: dict[str, object], known: Collection[str]) -> dict[str, object]:
        strange = set(document) - set(known)
        if strange:
            raise TypeError(f"unexpected fields {', '.join(sorted(strange))}")
        return document


class ForgetsEarlyWebhook(Care):
    """Finds orders by the provider's id only, and answers 404 to a webhook that overtakes the answer with that id."""

    def found(self, by_ref: Order | None, by_reference: Order | None) -> Order | None:
        return by_ref

    def must_exist(self, order: Order | None) -> bool:
        return order is None


class SlowWebhookAnswer(Care):
    """Does its work before it answers, longer than providers wait: each event comes again and again."""

    seconds = 12.0

    async def before_answering(self) -> None:
        await asyncio.sleep(self.seconds)


class NoDedupe(Care):
    """Handles an event again when it is delivered again, and ships twice."""

    def counts(self, new: bool) -> bool:
        return True

    def ships(self, order: Order, after: State, *, again: bool) -> bool:
        return after is State.PAID and (again or order.state is not State.PAID)


class OutOfOrderOverwrites(Care):
    """Believes the event that came last: an old `created` after `captured` makes a paid order unpaid."""

    def believed(self, order: Order, said: State | None, shown: Shown) -> State:
        return said if said is not None and order.state is State.PAID else shown.state

    def may_follow(self, before: State, after: State) -> bool:
        return True


class NeverPolls(Care):
    """Waits for webhooks and never asks: an order whose webhook is lost is never shipped."""

    polls = False


class TrustsReturnUrl(Care):
    """Takes the return to the shop for a payment; the address can be typed by hand."""

    def paid_on_return(self, order: Order) -> Shown | None:
        return Shown(state=State.PAID, paid=order.total, currency=order.currency)


class IgnoresReturnmac(Care):
    """Does not compare RETURNMAC: who counts through checkout ids reads other people's orders."""

    def return_is_ours(self, received: str, stored: str) -> bool:
        return True


class TrustsLyraWebhookBody(Care):
    """Takes Lyra's unsigned notification for a payment instead of reading the order."""

    def told(self, order: Order, event: Event) -> Shown | None:
        if (event.provider, event.kind) != ("lyra", "order"):
            return None
        return Shown(state=State.PAID, paid=order.total, currency=order.currency)


class PartialCaptureIsPaid(Care):
    """Takes `CAPTURED` for fully paid, although only the vouchers' part was captured and the card's part is open."""

    def settled(self, status: str, acquired: int, asked: int) -> int:
        return asked if status == "CAPTURED" else acquired


class IgnoresAmount(Care):
    """Never compares amount and currency with the price: one euro, or a part, pays for everything."""

    def covered(self, paid: int, total: int) -> bool:
        return paid > 0

    def amount_agrees(self, order: Order, shown: Shown) -> bool:
        return True


class NoGiveBack(Care):
    """Keeps what a voucher has paid when the card for the rest was refused and the order is cancelled."""

    gives_back = False


class NoIdempotencyKey(Care):
    """Repeats calls that had no answer without an idempotency key, or without looking whether they were done."""

    def idempotency_key(self, key: str, attempt: int) -> str | None:
        return None

    def looks_first(self, attempt: int) -> bool:
        return False


class ChargesAgainAfterTimeout(Care):
    """Makes a new idempotency key for each attempt, so that the attempt after a time-out is a second charge."""

    def idempotency_key(self, key: str, attempt: int) -> str | None:
        return f"{key}-{attempt}"

    def looks_first(self, attempt: int) -> bool:
        return False


class RefundsTwice(Care):
    """Sends a refund each time the button is pressed, and does not count what was refunded already."""

    def refund_key(self, order: Order, pressed: str) -> str:
        return f"{order.id}-r-{secrets.token_hex(6)}"

    def refundable(self, order: Order, asked: int) -> int:
        return order.paid

    def left(self, paid: int, asked: int) -> int:
        return paid


class BelievesRefundRequest(Care):
    """Tells the customer that the money is back as soon as the provider has received the request."""

    def refunded(self, confirmed: int, requested: int) -> int:
        return max(confirmed, requested)


class IgnoresRetryAfter(Care):
    """Asks again at once when the provider says 429 or 503 and when to come back."""

    def pause(self, told: float | None, usual: float) -> float:
        return 0.0


class NewKeyForEachNews(Care):
    """Leaves a capture without an answer to the webhook's next delivery, whose call has another key: two captures."""

    def counts(self, new: bool) -> bool:
        return True

    def attempts(self, kind: str) -> int | None:
        return 1 if kind == "capture" else None

    def work_key(self, key: str, *, heard_again: bool) -> str:
        return f"{key}-again" if heard_again else key


class LateRefusalEnds(Care):
    """Ends an order when a refusal is told late, although the shopper's second attempt has paid it meanwhile."""

    def refused_now(self, order: Order, said: State | None) -> bool:
        return said is State.ENDED and order.state is State.PAID


class FailedLookIsNo(Care):
    """Looks before it makes an order again, and takes a look that fails for a no: then there are two."""

    def is_not_there(self, error: Exception) -> bool:
        return True


def _name(kind: type[Care]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


BUGS: Mapping[str, type[Care]] = MappingProxyType({_name(each): each for each in Care.__subclasses__()})
"""All mistakes by name."""

TWO_STEPS = ("new-key-for-each-news", "late-refusal-ends", "failed-look-is-no")
"""Those that show only when two things go wrong in one purchase; ``mockpsp explore`` finds them."""


def sentence(name: str) -> str:
    """What goes wrong."""
    return (BUGS[name].__doc__ or "").strip()


def care_with(names: Iterable[str]) -> Care:
    """The right way with these mistakes in it. Raises UnknownBug."""
    chosen = list(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in BUGS]
    if unknown:
        raise UnknownBug(f"no mistake is called {', '.join(unknown)}; --list-bugs shows all")
    return type("Careless", (*(BUGS[name] for name in chosen), Care), {})() if chosen else Care()
