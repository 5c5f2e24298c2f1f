"""What was done by hand beside the providers' APIs, in the words of a story: addresses, balances, resent webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mockpsp.control.recorded_values import References
from mockpsp.domain.ledger import OUTSIDE
from mockpsp.domain.money import Money
from mockpsp.edge.scenario_text import parts
from mockpsp.world import records
from mockpsp.world.journal import Entry, Journal

if TYPE_CHECKING:
    from mockpsp.edge.provider import Provider
    from mockpsp.scenario.library import Library
    from mockpsp.scenario.model import Scenario
    from mockpsp.world.world import World


class Addresses:
    """Where webhooks went. A story has one address for each provider; any other becomes a place below it."""

    def __init__(self, journal: Journal, references: References) -> None:
        self._known: dict[str, dict[str, str]] = {}
        self._begun: set[str] = set()
        self.first = dict(self._at_first(journal))
        for provider, urls in self.first.items():
            for url in urls:
                self._learn(provider, url)
        for entry in journal.since(0):
            for provider, url in _named(entry):
                self._learn(provider, url)
        references.endpoints = {
            (provider, url): word for provider, words in self._known.items() for url, word in words.items()
        }

    def _at_first(self, journal: Journal) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The addresses of each provider that has webhooks, as they were set before its first one."""
        last: dict[str, tuple[str, ...]] = {}
        begun: set[str] = set()
        for entry in journal.since(0):
            match entry.data:
                case records.EndpointChanged(kind="") as changed if not entry.cause and changed.provider not in begun:
                    last[changed.provider] = changed.urls
                case records.EndpointChanged(provider=provider) if entry.cause:
                    begun.add(provider)
                case records.Queued(provider=provider):
                    begun.add(provider)
                    yield provider, last.get(provider, ())

    def _learn(self, provider: str, url: str) -> None:
        known = self._known.setdefault(provider, {})
        if url in known:
            return
        own, base = next(iter(known), url), f"${{endpoint.{provider}}}"
        below = f"{base}{url.removeprefix(own)}" if url == own or url.startswith(f"{own}/") else ""
        numbered = (f"{base}/{number}" for number in count(len(known) + 1))
        word = next(each for each in chain([below], numbered) if each and each not in known.values())
        known[url] = word

    def word(self, provider: str, url: str) -> str:
        """What a story calls this address."""
        return self._known[provider][url]

    def step(self, provider: str, urls: tuple[str, ...]) -> dict[str, Any]:
        """The step that makes a provider's webhooks go there."""
        told = [self.word(provider, url) for url in urls]
        return {"endpoint": provider, **({"urls": told} if len(told) > 1 else {"url": told[0] if told else None})}

    def opening(self) -> Iterator[dict[str, Any]]:
        """Steps at the beginning: where a provider has no address, or several, and a story would have one."""
        for provider, urls in self.first.items():
            if len(urls) != 1:
                yield self.step(provider, urls)

    def changed(self, entry: Entry) -> dict[str, Any] | None:
        """The step for an entry that changes them by hand; None for one before the first webhook.

        Raises LookupError when a story cannot say it.
        """
        change: records.EndpointChanged = entry.data
        if entry.cause or change.provider not in self._begun:
            if entry.cause:
                self._begun.add(change.provider)
            return None
        if change.kind:
            raise LookupError(f"webhooks of type {change.provider}.{change.kind} got an address of their own by hand")
        return self.step(change.provider, change.urls)

    def saw(self, queued: records.Queued) -> None:
        """A webhook: from here on changes matter."""
        self._begun.add(queued.provider)


def _named(entry: Entry) -> Iterator[tuple[str, str]]:
    match entry.data:
        case records.Queued(provider=provider, url=url) if url:
            yield provider, url
        case records.Probed(url=url):
            yield entry.provider, url
        case records.EndpointChanged(provider=provider, urls=urls):
            yield from ((provider, url) for url in urls)


class Balances:
    """Balances as they went, entry by entry of the journal, whatever of its beginning is lost."""

    def __init__(self, world: World, providers: Mapping[str, Provider]) -> None:
        self._world = world
        self._providers = providers
        self._now: dict[tuple[str, str], int] = {}
        for entry in world.journal.since(0):
            self._book(entry, -1)
        for account, currency in self._now:
            self._now[account, currency] += world.ledger.balance(account, currency).minor

    def _book(self, entry: Entry, sign: int) -> None:
        if isinstance(entry.data, records.Posted):
            booked = entry.data.entry
            for posting in booked.postings:
                key = posting.account, booked.currency
                self._now[key] = self._now.get(key, 0) + sign * posting.minor

    def booked(self, entry: Entry) -> None:
        """One more posting."""
        self._book(entry, 1)

    def step(self, entry: Entry) -> dict[str, Any]:
        """The step for a balance that was set. Raises LookupError when no account is known that it belongs to."""
        booked = entry.data.entry
        ledger = next(each.account for each in booked.postings if not each.account.startswith(OUTSIDE))
        balance = Money(self._now[ledger, booked.currency], booked.currency)
        for name, provider in self._providers.items():
            for account in provider.accounts(self._world):
                if account.ledger == ledger:
                    ref = account.ref if account.ref.startswith(f"{name}/") else f"{name}/{account.ref}"
                    return {"account": ref, "balance": str(balance)}
        raise LookupError(f"a balance was set, of an account that is there no more: {ledger}")


class SentAgain:
    """Webhooks so far, to tell which of them was sent once more."""

    def __init__(self, references: References, addresses: Addresses) -> None:
        self._references = references
        self._addresses = addresses
        self._sent: dict[tuple[str, str], list[records.Queued]] = {}

    def saw(self, queued: records.Queued) -> None:
        """A webhook, for the first time or once more."""
        self._sent.setdefault((queued.provider, queued.kind), []).append(queued)

    def step(self, again: records.Queued) -> dict[str, Any]:
        """The step that sends it. Raises LookupError when the first one is no longer in the journal."""
        sent = self._sent.get((again.provider, again.kind), [])
        alike = [index for index, each in enumerate(sent) if _alike(each, again)]
        if not alike:
            raise LookupError(f"the webhook {again.kind} about {again.ref} was sent once more; the journal lost it")
        same = [index for index in alike if sent[index].url in ("", again.url)]
        index = (same or alike)[-1]
        step: dict[str, Any] = {"resend": f"{again.provider}.{again.kind}"}
        ref = self._references.text(again.ref)
        of = [each for each, queued in enumerate(sent) if again.ref in (queued.ref, queued.owner)]
        if index != len(sent) - 1 and ref != again.ref and of[-1] == index:
            step["ref"] = ref
        elif index != len(sent) - 1:
            step["nth"] = index + 1
        if again.url != sent[index].url and sent[index].url:
            step["url"] = self._addresses.word(again.provider, again.url)
        return step


def _alike(one: records.Queued, other: records.Queued) -> bool:
    return (one.body, one.ref, one.owner) == (other.body, other.ref, other.owner)


_BASE = "default"
_LINES = ("rules", "webhooks", "faults", "shopper")


class Told:
    """Scenarios as files tell them: a shipped one by its name, what builds on the default one by what is different."""

    def __init__(self, library: Library | None) -> None:
        self._library = library

    def in_force(self, scenario: Scenario) -> str | dict[str, Any]:
        """A scenario that came into force, for a step."""
        known = self._library.shipped(scenario.name) if self._library is not None else None
        if known is not None and parts(known) == parts(scenario):
            return scenario.name
        return {"title": scenario.title, **self.at_first(scenario)}

    def at_first(self, scenario: Scenario) -> dict[str, Any]:
        """What it does, for the head of a file."""
        whole = parts(scenario)
        base = self._library.shipped(_BASE) if self._library is not None else None
        if base is None or self._library is None:
            return whole
        short = {"extends": _BASE, **_beyond(scenario, base)}
        return short if parts(self._library.from_value(short)) == whole else whole


def _beyond(scenario: Scenario, base: Scenario) -> dict[str, Any]:
    """What a scenario says, but for what the base says as well."""
    settings = {
        provider: tuple(each for each in written if scenario.settings[provider][each] != base.settings[provider][each])
        for provider, written in scenario.written.items()
    }
    world = {
        provider: {name: part for name, part in told.items() if part != base.world.get(provider, {}).get(name)}
        for provider, told in scenario.world.items()
    }
    known = {part: [_bare(line) for line in getattr(base, part)] for part in _LINES}
    lines = {part: tuple(line for line in getattr(scenario, part) if _bare(line) not in known[part]) for part in _LINES}
    own = replace(scenario, written=settings, world={name: part for name, part in world.items() if part}, **lines)
    return parts(own)


def _bare(line: Any) -> Any:
    """A line without what tells where it is written."""
    return replace(line, key="", line=0)
