"""Where integrations go wrong, one short function for each decision. This is the right way; bugs.py has the wrong ones.

You would write most of these in line. They stand together here so that you can read the traps one after the other,
and so that ``--bug`` can fall into one of them on purpose.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from shop.orders import NEXT, Event, Order, Shown, State

T = TypeVar("T")
Headers = Sequence[tuple[str, str]]


class Care:
    """Every method answers one question that a webhook, a return or an answer puts."""

    polls = True
    """Ask the provider when no webhook comes. They are late sometimes, and lost now and then."""

    gives_back = True
    """A voucher that paid its part before the card was refused must not be kept."""

    # -- is this webhook genuine? ------------------------------------------------------------------------------------

    def checked(self, verify: Callable[[], T], parse: Callable[[], T]) -> T:
        """Verify the signature over the raw bytes before anything in them is believed."""
        return verify()

    def headers(self, received: Headers) -> Headers:
        """All of them: names of headers have no case, and proxies change it. The SDKs compare without it."""
        return received

    def keys(self, present: T, previous: T | None, until: datetime | None) -> tuple[T, ...]:
        """Keys that count now. After a replacement the old one counts for a day or so, and then never again."""
        if previous is None or until is None or datetime.now(UTC) >= until:
            return (present,)
        return (present, previous)

    def meant_for_us(self, account: object, ours: object) -> bool:
        """A right signature proves the sender, not the addressee: keys are shared by a company's accounts."""
        return account == ours

    def environment_agrees(self, live: object, ours: bool) -> bool:
        """Adyen sends the texts "true" and "false". A live shop must not ship for test money, nor the reverse."""
        return str(live).lower() == ("true" if ours else "false")

    # -- what does it say? -------------------------------------------------------------------------------------------

    def fields(self, document: dict[str, object], known: Collection[str]) -> dict[str, object]:
        """Take what we know and ignore the rest: providers add fields without asking."""
        return {name: value for name, value in document.items() if name in known}

    def handles(self, kind: str, known: Collection[str]) -> bool:
        """Acknowledge events that we do not know. An error would be repeated for days, and hold up all others."""
        return kind in known

    def succeeded(self, success: object) -> bool:
        """Adyen's `success` is the text "true" or "false", and in Python both are true."""
        return success == "true"

    def found(self, by_ref: Order | None, by_reference: Order | None) -> Order | None:
        """A webhook may overtake the answer that tells us the provider's id; our own reference is always known."""
        return by_ref or by_reference

    def must_exist(self, order: Order | None) -> bool:
        """Whether an event about an order that is not ours is an error. It is not; somebody else shares the account."""
        return False

    async def before_answering(self) -> None:
        """Answer at once, work afterwards. Who takes longer than ten seconds gets the same event again."""
        await asyncio.sleep(0)

    # -- what do we believe? -----------------------------------------------------------------------------------------

    def believed(self, order: Order, said: State | None, shown: Shown) -> State:
        """What the provider shows when asked, not what an event said: events come late, twice and in any order.

        ``order`` is as it was when the event came.
        """
        return shown.state

    def told(self, order: Order, event: Event) -> Shown | None:
        """What an event is enough to know. Lyra's carry an id, unsigned, and are a reason to ask and nothing more."""
        return None

    def paid_on_return(self, order: Order) -> Shown | None:
        """The shopper's browser brought this address here, perhaps typed by hand. It proves nothing."""
        return None

    def return_is_ours(self, received: str, stored: str) -> bool:
        """RETURNMAC came with the answer to our call. Without it anybody could open a stranger's order."""
        return bool(stored) and hmac.compare_digest(received.encode(), stored.encode())

    def settled(self, status: str, acquired: int, asked: int) -> int:
        """What is really there. `payment.captured` comes for the vouchers' part, too, with the order's whole amount."""
        return acquired

    def covered(self, paid: int, total: int) -> bool:
        """Whether nothing is left to pay: one part of an order is authorised like a whole one."""
        return paid >= total

    def amount_agrees(self, order: Order, shown: Shown) -> bool:
        """Exactly the price, in its currency; anything else is for a person to look at."""
        return (shown.paid, shown.currency) == (order.total, order.currency)

    def may_follow(self, before: State, after: State) -> bool:
        """An event that comes late must not lead back: the table of states says what can come next."""
        return after is before or after in NEXT[before]

    def counts(self, new: bool) -> bool:
        """The same event comes more than once; only the first time there is something to do."""
        return new

    def ships(self, order: Order, after: State, *, again: bool) -> bool:
        """Once, when the order becomes paid. Everything that comes ``again`` finds it paid already."""
        return after is State.PAID and order.state is not State.PAID

    def refused_now(self, order: Order, said: State | None) -> bool:
        """Whether an event ends the order by itself. A refusal is about one attempt; another one may have paid."""
        return False

    # -- what do we ask for? -----------------------------------------------------------------------------------------

    def attempts(self, kind: str) -> int | None:
        """How often a call is made before it is left to the watch, with the same key; None: as often as others."""
        return None

    def work_key(self, key: str, *, heard_again: bool) -> str:
        """A call is known by what it is about, not by the news that led to it: news comes again."""
        return key

    def is_not_there(self, error: Exception) -> bool:
        """Whether a failed look says that nothing is there. Who could not look does not know."""
        return False

    def idempotency_key(self, key: str, attempt: int) -> str | None:
        """The same for every attempt at the same thing, and stored before the first one."""
        return key

    def looks_first(self, attempt: int) -> bool:
        """Lyra knows no idempotency keys: after an attempt without an answer, look whether it was done."""
        return attempt > 1

    def pause(self, told: float | None, usual: float) -> float:
        """As long as Retry-After says, and longer each time where it says nothing."""
        return usual if told is None else told

    def refund_key(self, order: Order, pressed: str) -> str:
        """One key for each time the form was shown: pressing its button twice asks once."""
        return f"{order.id}-r-{pressed}"

    def refundable(self, order: Order, asked: int) -> int:
        """What may still go back: less what went back, what is on its way, and what was asked and not answered."""
        return order.paid - order.refunded - order.pending - asked

    def left(self, paid: int, asked: int) -> int:
        """The same for one card: what it paid, less everything that was ever asked back from it."""
        return max(paid - asked, 0)

    def refunded(self, confirmed: int, requested: int) -> int:
        """Only what the provider confirmed. `received` means that it will try."""
        return confirmed
