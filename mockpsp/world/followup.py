"""What a command's consequences lead to: rows of the outbox, as the script's delivery lines and shoppers say."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace

from mockpsp.domain.lifecycle import Body, Consequence, Lifecycle, Notice, Served, Timer, Waiting
from mockpsp.scenario.engine import L, Misses, Position, Shelf, Struck, strike
from mockpsp.scenario.model import DeliveryRule, Trigger
from mockpsp.world import records
from mockpsp.world.altering import Altered

if TYPE_CHECKING:
    from mockpsp.world.world import World

_AS_USUAL = DeliveryRule(key="", name="", event="*", trigger=Trigger())


class FollowUp:
    """Turns the consequences of a command into outbox rows, as the script's delivery lines and shoppers say."""

    __slots__ = ("events", "lifecycle", "misses", "moved", "now", "number", "provider", "ref", "world")

    def __init__(
        self,
        world: World,
        lifecycle: Lifecycle[Any, Any],
        provider: str,
        ref: str,
        now: datetime,
        moved: dict[str, Position],
        events: list[Any],
    ) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.provider = provider
        self.ref = ref
        self.now = now
        self.moved = moved
        self.misses: dict[int, Misses] = {}
        """Lines that did not shape a webhook, by its number."""
        self.number = world.outbox.numbers
        self.events = events

    def take(self, consequence: Consequence) -> None:
        """Add what one consequence leads to."""
        self._TAKES[type(consequence)](self, consequence)

    def _served(self, served: Served) -> None:
        self.events.append(records.ShopperGone(served.ref or self.ref))

    def _timer(self, timer: Timer) -> None:
        self.number += 1
        lifecycle, ref = timer.lifecycle or self.lifecycle.name, timer.ref or self.ref
        self.events.append(records.TimerSet(self.number, lifecycle, ref, timer.command, timer.at))

    def _strike(self, lines: Shelf[L], facts: Mapping[str, Any]) -> Struck[L]:
        positions = ChainMap(self.moved, self.world.positions)
        struck = strike(lines, facts, positions, self.now - self.world.since)
        self.moved.update(struck.moved)
        return struck

    def _shaped(self, notice: Notice) -> tuple[DeliveryRule, Misses | None]:
        """The line that shapes a webhook's delivery, and those that nearly did."""
        lines = self.world.script.deliveries(f"{self.provider}.{notice.kind}")
        if not lines:
            return _AS_USUAL, None
        struck = self._strike(lines, notice.facts)
        return struck.line or _AS_USUAL, struck.misses(notice.facts)

    def _notice(self, notice: Notice) -> None:
        rule, misses = self._shaped(notice)
        urls = notice.urls or self.world.addresses(self.provider, notice.kind) or ("",)
        due = self.now + rule.after if rule.after else self.now
        if rule.reversed:
            opened = self.world.groups.get((rule.name, self.ref))
            due = opened if opened is not None and opened >= self.now else due
        body = Body(Altered(notice.body, rule.change)) if rule.change else notice.body
        for copy in range(rule.copies):
            for url in urls:
                self._queue(notice, rule, body, url, due + copy * rule.gap if copy else due, misses)
        for url in urls if rule.beside else ():
            as_usual = replace(_AS_USUAL, together=rule.together)
            self._queue(notice, as_usual, notice.body, url, self.now, None)

    def _queue(
        self, notice: Notice, rule: DeliveryRule, body: Body, url: str, due: datetime, misses: Misses | None
    ) -> None:
        self.number += 1
        if misses is not None:
            self.misses[self.number] = misses
        self.events.append(
            records.Queued(  # six by position: of so many keywords Python would make a dictionary
                self.number,
                self.provider,
                notice.kind,
                self.ref,
                notice.reference,
                body,
                url=url,
                at=self.now,
                due=due,
                rank=-self.number if rule.reversed else self.number,
                rule=rule.name,
                drop=rule.drop,
                signature=rule.signature,
                outage=rule.outage,
                early=rule.early,
                header_case=rule.header_case,
                together=rule.together,
                pause=rule.pause,
            )
        )

    def _waiting(self, waiting: Waiting) -> None:
        ref = waiting.ref or self.ref
        self.events.append(records.ShopperExpected(self.provider, waiting.place, ref))
        lines = self.world.script.shoppers(waiting.place)
        line = self._strike(lines, waiting.facts).line if lines else None
        if line is not None and not line.abandons:
            self.number += 1
            self.events.append(records.ShopperDue(self.number, self.provider, ref, line.key, self.now + line.after))

    _TAKES: ClassVar[Mapping[type[Any], Callable[[FollowUp, Any], None]]] = {
        Notice: _notice,
        Timer: _timer,
        Waiting: _waiting,
        Served: _served,
    }
    """A class pattern that does not match a Struct costs more than ten of these look-ups."""
