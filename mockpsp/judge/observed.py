"""All that was seen of one run: the journal, the webhooks, the money, the command, and what the merchant says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import field

from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.judge.model import Evidence
from mockpsp.judge.trade import TRADES, Trade, at
from mockpsp.testing import timeline
from mockpsp.testing.answers import Account, Entry, Webhook


class Call(Value, frozen=True):
    """One call of the merchant's: a request entry of the journal, easier to ask."""

    entry: Entry

    @property
    def id(self) -> int:
        """Its number in the journal."""
        return self.entry.id

    @property
    def provider(self) -> str:
        """Whose API it calls."""
        return self.entry.provider or ""

    @property
    def name(self) -> str:
        """The operation."""
        return self.entry.operation

    @property
    def at(self) -> datetime:
        """When it came, by the sandbox's clock."""
        return self.entry.at

    @property
    def status(self) -> int:
        """Of the answer; 0 when the connection was cut."""
        return self.entry.details.get("status") or 0

    @property
    def body(self) -> Any:
        """Of the request, masked."""
        return self.entry.details.get("body")

    @property
    def answer(self) -> Any:
        """Of the answer, masked; there is one in the journal even where it was cut off on its way."""
        return self.entry.details.get("answer")

    @property
    def target(self) -> str:
        """Path and query, masked."""
        return str(self.entry.details.get("target", ""))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the simulator has to say about it, faults that struck among it."""
        return tuple(self.entry.details.get("notes", ()))

    @property
    def key(self) -> str:
        """The idempotence key, empty without one."""
        wanted = self.trade.key
        headers: Mapping[str, str] = self.entry.details.get("headers", {})
        return next((value for name, value in headers.items() if wanted and name.lower() == wanted), "")

    @property
    def trade(self) -> Trade:
        """What its provider's calls mean."""
        return TRADES[self.provider]

    @property
    def reference(self) -> str:
        """The merchant's own reference in the request's body, empty without one."""
        found = at(self.body, self.trade.reference)
        return found if isinstance(found, str) else ""


class Saw(Value, frozen=True, kw_only=True):
    """What a stranger's browser got from the merchant for a return address: ``status`` 0 when nobody answered."""

    url: str
    how: str
    status: int
    location: str = ""
    error: str = ""


_MERCHANTS = frozenset({"merchant", "seller"})
_PAID = frozenset({"paid", "captured", "completed", "complete", "succeeded", "success", "fulfilled", "shipped"})
_OVER = frozenset({"cancelled", "canceled", "ended", "failed", "refused", "rejected", "expired", "abandoned"})


class Said(Value, frozen=True, kw_only=True):
    """What the merchant itself says of an order (``--fact``): the JSON as it came, or why there is none.

    All of it is optional: ``state`` or ``status`` as a word, ``paid`` as true, false or minor units, ``total`` and
    ``refunded`` in minor units, ``shipments`` or ``shipped`` as a number or true.
    """

    provider: str
    reference: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def state(self) -> str:
        """The merchant's word for the order's state, in small letters; empty without one."""
        return str(self.facts.get("state") or self.facts.get("status") or "").lower()

    @property
    def paid(self) -> bool | None:
        """Whether the merchant takes the order as paid; None when it does not say."""
        said = self.facts.get("paid")
        if isinstance(said, bool):
            return said
        if self.state:
            return self.state in _PAID
        total = self.facts.get("total")
        return said >= total if isinstance(said, int) and isinstance(total, int) else None

    @property
    def over(self) -> bool:
        """Whether the merchant takes it as ended without payment."""
        return self.state in _OVER

    @property
    def shipments(self) -> int | None:
        """How often the goods left; None when it does not say."""
        said = self.facts.get("shipments", self.facts.get("shipped"))
        return int(said) if isinstance(said, bool | int) else None

    @property
    def refunded(self) -> int | None:
        """What went back to the shopper, in minor units; None when it does not say."""
        said = self.facts.get("refunded")
        return said if isinstance(said, int) and not isinstance(said, bool) else None


def references(entries: Iterable[Entry], provider: str) -> list[str]:
    """The merchant's own references of the purchases that it began at this provider, in order, each once."""
    makes = TRADES[provider].makes
    calls = (Call(each) for each in entries if each.kind == "request" and each.provider == provider)
    return list(dict.fromkeys(each.reference for each in calls if each.name in makes and each.reference))


class Observed(Value, frozen=True, kw_only=True):
    """One run, complete.

    ``ended`` is the entry up to which the command ran. ``said`` is what the merchant says at the very end,
    ``said_then`` what it said when the command had ended. ``before`` and ``accounts`` are balances at the start and at
    the end. ``checked`` is the exit code of ``--check``.
    """

    entries: tuple[Entry, ...]
    webhooks: tuple[Webhook, ...]
    before: tuple[Account, ...]
    accounts: tuple[Account, ...]
    code: int | None
    output: str
    seconds: float
    ended: int = 0
    said: tuple[Said, ...] = ()
    said_then: tuple[Said, ...] = ()
    saw: tuple[Saw, ...] = ()
    checked: int | None = None
    check_output: str = ""
    manual: bool = False

    @property
    def passed(self) -> bool:
        """Whether the command said that all is well."""
        return self.code == 0

    def calls(self, provider: str = "", names: Iterable[str] | None = None) -> Iterator[Call]:
        """Requests at this provider: of these operations, or all, those of shoppers' pages included."""
        wanted = None if names is None else frozenset(names)
        for each in self.entries:
            ours = each.kind == "request" and provider in ("", each.provider) and each.provider in TRADES
            if ours and (wanted is None or each.operation in wanted):
                yield Call(each)

    def makes(self, provider: str) -> list[Call]:
        """Calls that begin a purchase."""
        return list(self.calls(provider, TRADES[provider].makes))

    def reads(self, provider: str, after: int = 0) -> list[Call]:
        """Calls that ask what is true, later than this entry."""
        return [each for each in self.calls(provider, TRADES[provider].reads) if each.id > after]

    def events(self, provider: str, *names: str) -> list[Entry]:
        """Facts of the provider's objects by their last name, such as ``Captured``."""
        return [
            each
            for each in self.entries
            if each.kind == "event" and each.provider == provider and each.operation.partition(".")[2] in names
        ]

    def paid(self, provider: str) -> bool:
        """Whether a purchase at this provider was paid in full, whatever became of the money afterwards."""
        if self.events(provider, "OrderPaid", "CheckoutPaid"):
            return True
        alone = {
            each.details["event"].get("payment")
            for each in self.events(provider, "PaymentStarted")
            if not each.details["event"].get("order")
        }
        return any(each.details["event"].get("payment") in alone for each in self.events(provider, "Authorised"))

    def kept(self, provider: str, until: int | None = None) -> int:
        """Minor units of the shoppers' vouchers that are gone, or held, up to this entry (or the end)."""
        vouchers = {each.ref for each in self.accounts if each.provider == provider and each.kind not in _MERCHANTS}
        gone: int = -sum(
            move["minor"]
            for entry in self.entries
            if entry.kind == "posting" and entry.trace is not None and (until is None or entry.id <= until)
            for move in entry.details["posting"]["postings"]
            if move["account"] in vouchers
        )
        return gone

    def total(self, provider: str, *names: str) -> int:
        """The sum of the amounts of these facts, in minor units of whatever currency."""
        found = (each.details["event"].get("amount") for each in self.events(provider, *names))
        return sum(Money.parse(each).minor for each in found if isinstance(each, str))

    def sent(self, provider: str, rule: str | None = None) -> list[Webhook]:
        """Webhooks of this provider that were tried at least once; only those that a line of this name shaped."""
        return [
            each for each in self.webhooks if each.provider == provider and each.attempts and rule in (None, each.rule)
        ]

    def about(self, provider: str, *, then: bool = False) -> list[Said]:
        """What the merchant says of its orders at this provider: at the very end, or when the command had ended."""
        said = self.said_then if then else self.said
        return [each for each in said if each.provider == provider and not each.error]

    def evidence(self, told: str, *numbers: int) -> Evidence:
        """Something seen, with the lines of these journal entries."""
        lines = {each.id: timeline.line(each) for each in self.entries if each.id in numbers}
        return Evidence(told=told, entries=tuple((number, lines[number]) for number in sorted(lines)))

    def delivery(self, webhook: Webhook) -> int:
        """The number of the journal entry of a webhook's last attempt; of the webhook itself before one."""
        found = 0
        for each in self.entries:
            about = each.details.get("delivery") or each.details.get("webhook")
            if isinstance(about, Mapping) and about.get("number") == webhook.n:
                found = each.id
        return found
