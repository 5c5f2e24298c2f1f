"""Runs a scenario's story against a server in this process, over real HTTP, and says what was not as expected.

Nothing that differs between two runs is recorded: the clock stands still between steps, calls carry a made-up ``Host``
(``localhost:8080``, as if the server ran with its defaults), and webhooks go to a made-up address that only the
player's own connector can resolve. So the journal of the same scenario is the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.clock import format_duration, parse_instant
from mockpsp.domain.errors import Refusal
from mockpsp.edge.errors import NotSupported
from mockpsp.edge.journal_view import View
from mockpsp.edge.keys import CONTRACTS, PROVIDERS
from mockpsp.edge.provider import Provider
from mockpsp.scenario.model import Scenario, Step
from mockpsp.settings import Settings
from mockpsp.testing import by_hand, wire
from mockpsp.testing.endpoint import Endpoint, Hit, Nowhere
from mockpsp.testing.expect import ABSENT, DROPPED, Facts, Failure, Miss, Received, check, unbalanced
from mockpsp.testing.labels import Labels, UnknownReference
from mockpsp.testing.played import Call, Exchange, Happening, Played, deed, journal_lines
from mockpsp.testing.server import Server, listening, running
from mockpsp.world import records
from mockpsp.world.journal import Entry, Reasoning
from mockpsp.world.plain import body_text, instant
from mockpsp.world.sandboxes import DEFAULT, Sandbox

START = datetime(2026, 1, 6, 9, 15, tzinfo=UTC)
HOST = "localhost:8080"
ORIGIN = f"http://{HOST}"
DONE, REFUSED = "done", "refused"
_ALLOWED = ("shopper", "back_office")
"""Kinds of steps that a provider may refuse."""


class BadStory(Exception):
    """A step that cannot be run at all; the story ends there."""

    def __init__(self, path: str, expected: str, actual: str) -> None:
        super().__init__(f"{path}: {actual}")
        self.miss = Miss(path, expected, actual)


async def play(scenario: Scenario, settings: Settings | None = None) -> Played:
    """Run the story of a scenario to its end, or to the first step that cannot be run.

    ``settings`` are those of the server; the story gets a fresh sandbox of its own.
    """
    async with AsyncExitStack() as stack:
        endpoint = Endpoint()
        port = await stack.enter_async_context(listening(endpoint.app()))
        server = await stack.enter_async_context(running(settings))
        server.courier.connector = partial(Nowhere.connector, port)
        start = scenario.clock or START
        sandbox = await server.sandboxes.create(scenario, clock=start)
        providers = server.app[PROVIDERS]
        for name in providers:
            await sandbox.world.commit([records.EndpointChanged(name, (endpoint.url(name),))])
        return await Player(server, sandbox, endpoint).run()


class Player:
    """One run of one story. ``run`` may be called once."""

    def __init__(self, server: Server, sandbox: Sandbox, endpoint: Endpoint) -> None:
        self.server = server
        self.sandbox = sandbox
        self.endpoint = endpoint
        self.providers: Mapping[str, Provider] = server.app[PROVIDERS]
        self.labels = Labels(
            {
                "credentials": sandbox.credentials,
                "endpoint": {name: endpoint.url(name) for name in self.providers},
                "origin": ORIGIN,
            }
        )
        self.start = instant(sandbox.world.clock.now())
        self.exchanges: list[Exchange] = []
        self.failures: list[Failure] = []
        self.webhooks: list[Received] = []
        self._arrivals: dict[int, Received] = {}
        self._looked = 0
        self._status: Any = ABSENT
        self._body: Any = ABSENT
        self._call: Call | None = None

    async def run(self) -> Played:
        """Every step, then what is expected at the end."""
        world = self.sandbox.world
        scenario, start = world.scenario, self.start
        view = View(self.sandbox, world.journal, self.server.app[CONTRACTS])
        stop = world.journal.watch(self._hear)
        try:
            if await self._story(scenario.story):
                await self._check(scenario.expect, 0, self.webhooks)
        finally:
            stop()
        return Played(
            name=scenario.name,
            title=scenario.title,
            seed=scenario.seed,
            start=start,
            exchanges=tuple(self.exchanges),
            failures=tuple(self.failures),
            webhooks=tuple(self.webhooks),
            journal=tuple(view.entry(entry) for entry in world.journal.since(0)),
        )

    async def _story(self, steps: tuple[Step, ...]) -> bool:
        for number, step in enumerate(steps, 1):
            try:
                await self._step(number, step)
            except BadStory as bad:
                self.failures.append(Failure(step.line, *bad.miss))
                return False
        return True

    # -- one step ----------------------------------------------------------------------------------------------------

    async def _step(self, number: int, step: Step) -> None:
        journal = self.sandbox.world.journal
        before, at = journal.count, instant(self.sandbox.world.clock.now())
        if step.kind != "expect":
            self._status = self._body = ABSENT
        self._call = None
        says = ""
        try:
            says = await self._act(step)
            await self.server.courier.settle(self.sandbox)
        finally:
            happened = tuple(self._happening(entry) for entry in journal.since(before) if entry.kind != "request")
            outcome = "" if self._status is ABSENT or step.kind == "expect" else str(self._status)
            exchange = Exchange(
                number=number, line=step.line, kind=step.kind, at=at, says=says, outcome=outcome, call=self._call,
                happenings=happened,
            )  # fmt: skip
            self.exchanges.append(exchange)
        if step.kind in _ALLOWED and self._status == REFUSED and "status" not in step.expect:
            self.failures.append(Failure(step.line, step.kind, DONE, says))
        self._unscripted(step.line, happened)
        if "webhooks" in step.expect:
            since, self._looked = self.webhooks[self._looked :], len(self.webhooks)
        else:
            since = []
        await self._check(step.expect, step.line, since)

    async def _act(self, step: Step) -> str:
        match step.kind:
            case "merchant":
                return await self._merchant(step)
            case "shopper":
                return await self._shopper(step)
            case "advance":
                world = self.sandbox.world
                await self.server.courier.advance(self.sandbox, world.clock.now() + step.span)
                return f"{format_duration(step.span)} passes"
            case "at":
                began = parse_instant(self.start)
                await self.server.courier.advance(self.sandbox, began + step.span)
                return f"it is {format_duration(step.span)} after the beginning"
            case "clock":
                return await self._set_clock(step)
            case "endpoint":
                return await self._endpoint(step)
            case "resend" | "account" | "back_office":
                return await self._by_hand(step)
            case "scenario":
                return await self._another_scenario(step)
            case "settle":
                return "all that is due is delivered"
            case _:
                return f"expects {', '.join(step.expect)}"

    async def _set_clock(self, step: Step) -> str:
        assert step.moment is not None, "a clock step has a moment"
        await self.server.courier.set_clock(self.sandbox, step.moment)
        return f"it is {instant(step.moment)}"

    async def _endpoint(self, step: Step) -> str:
        told = []
        if step.status is not None:
            self.endpoint.answers[step.operation] = step.status
            told.append(f"answers {step.operation} with {step.status} from now on")
        if step.urls is not None:
            urls = tuple(self._text(each, "url") for each in step.urls)
            changed = records.EndpointChanged(step.operation, urls)
            await self.sandbox.world.book(lambda: [changed])
            told.append(f"{step.operation} sends its webhooks to {' and '.join(urls) or 'nobody'} from now on")
        return ", ".join(told)

    async def _by_hand(self, step: Step) -> str:
        """What the control API can do beside the provider's own."""
        deeds = {"resend": by_hand.resend, "account": by_hand.set_balance, "back_office": by_hand.staff_acts}
        try:
            filled = replace(
                step,
                ref=self.labels.text(step.ref),
                body=self.labels.fill(step.body),
                urls=None if step.urls is None else tuple(map(self.labels.text, step.urls)),
            )
            done = await deeds[step.kind](self.sandbox, self.providers, filled)
        except UnknownReference as error:
            raise BadStory(step.kind, "values of earlier answers", str(error)) from error
        except by_hand.Impossible as error:
            raise BadStory(step.kind, "something that can be done", str(error)) from error
        self._status, self._body = REFUSED if done.refused else DONE, ABSENT if done.answer is None else done.answer
        return done.says

    async def _another_scenario(self, step: Step) -> str:
        assert step.scenario is not None, "a scenario step has one"
        changes = await self.sandbox.world.change_scenario(step.scenario)
        self.labels.keep("credentials", self.sandbox.credentials, "")
        told = f"the scenario {step.scenario.name} comes into force"
        return f"{told}: {'; '.join(changes)}" if changes else told

    def _text(self, value: str, path: str) -> str:
        try:
            return self.labels.text(value)
        except UnknownReference as error:
            raise BadStory(path, "values of earlier answers", str(error)) from error

    async def _merchant(self, step: Step) -> str:
        journal, strangers = self.sandbox.world.journal, self.server.sandboxes.get(DEFAULT).world.journal
        marks = journal.count, strangers.count
        method, target, headers, body = self._request(step)
        status: int | str = DROPPED
        answer, trace = ABSENT, 0
        try:
            reply = await wire.call(self.server.port, HOST, method, target, headers, body)
        except wire.Dropped:
            reply = None
        if reply is not None:
            status, answer = reply.status, body_text(reply.body) if reply.body else ABSENT
        recorded = next(_requests(journal.since(marks[0])), None)
        if recorded is not None:
            trace = recorded.number
        entry = recorded or next(_requests(strangers.since(marks[1])), None)
        self._status, self._body = status, answer
        self._call = Call(
            operation=step.operation,
            method=method,
            target=target,
            sent=None if body is None else body_text(body),
            status=status,
            answer=None if answer is ABSENT else answer,
            trace=trace,
            notes=tuple(entry.data.notes) if entry is not None else (),
        )
        if step.label:
            self.labels.keep(step.label, None if answer is ABSENT else answer, status)
        return f"calls {step.operation}"

    def _request(self, step: Step) -> tuple[str, str, dict[str, str], bytes | None]:
        name, _, operation = step.operation.partition(".")
        provider = self.providers.get(name)
        if provider is None:
            raise BadStory("merchant", f"a call of {', '.join(self.providers)}", step.operation)
        try:
            path, body = self._said(step, provider, operation)
            return provider.merchant().request(
                self.sandbox,
                operation,
                path=path,
                query=self.labels.fill(step.query),
                body=body,
                key=None if step.key is None else self.labels.text(step.key),
                headers={key: self.labels.text(value) for key, value in step.headers.items()},
                now=self.sandbox.world.clock.now(),
            )
        except UnknownReference as error:
            raise BadStory("merchant", "values of earlier answers", str(error)) from error
        except NotSupported as error:
            raise BadStory("merchant", "a call that can be made here", str(error)) from error
        except KeyError as error:
            raise BadStory(
                "merchant", f"a call of {name} with all of its path", f"{step.operation}: {error}"
            ) from error

    def _said(self, step: Step, provider: Provider, operation: str) -> tuple[dict[str, str], Any]:
        """Path and body of a call: as written, or what the step changes in the provider's usual call."""
        path = {key: self.labels.text(value) for key, value in step.path.items()}
        body = self.labels.fill(step.body)
        if step.amount is None and not step.of:
            return path, body
        of = self.labels.body(step.of) if step.of else None
        usual_path, usual_body = provider.merchant().usual(self.sandbox, operation, amount=step.amount, of=of)
        return {**usual_path, **path}, usual_body if body is None else merged(usual_body, body)

    async def _shopper(self, step: Step) -> str:
        script = step.shopper
        if script is None:
            raise BadStory("shopper", "what the shopper does", "nothing")
        found = self._checkout(step.label)
        self._status = REFUSED
        if found is None:
            return f"finds nothing to do at '{step.label}': it opened no checkout, or it is closed by now"
        provider, ref = found
        says = f"{deed(script)} at {ref}"
        try:
            await self.server.courier.shop(self.sandbox, provider, ref, script)
        except Refusal as refusal:
            return f"{says}: the page does not allow it: {refusal}"
        self._status = DONE
        return says

    def _checkout(self, label: str) -> tuple[str, str] | None:
        """Provider and reference of the checkout that a labelled answer opened and that still waits for a shopper."""
        try:
            values = list(_texts(self.labels.body(label)))
        except UnknownReference as error:
            raise BadStory("shopper", "the label of an earlier answer", str(error)) from error
        waiting = self.sandbox.world.waiting
        for value in values:
            if value in waiting:
                return waiting[value][0], value
        offers = [
            (name, offer.ref, offer.url)
            for name, provider in self.providers.items()
            for offer in provider.checkouts(self.sandbox, ORIGIN)
        ]
        named = ((name, ref) for value in values for name, ref, url in offers if value in (ref, url))
        spoken = ((name, ref) for value in values for name, ref, _ in offers if ref in value)
        return next(named, None) or next(spoken, None)

    def _meant(self, name: str) -> Iterator[str]:
        """The references that a name may stand for: itself, or what the answer with this label mentions."""
        yield name
        if self.labels.knows(name):
            yield from _texts(self.labels.body(name))

    # -- what came of it ---------------------------------------------------------------------------------------------

    def _hear(self, entry: Entry) -> None:
        """Match each attempt that is booked with the webhook that came in, if one did; called as it is booked."""
        if entry.kind == "delivery" and self.endpoint.inbox:
            self._arrivals[entry.number] = self._receive(entry, self.endpoint.inbox.popleft())

    def _receive(self, entry: Entry, hit: Hit) -> Received:
        kind, reference, signature = entry.operation, entry.reference, "right"
        try:
            kind, reference = (
                self.providers[entry.provider].merchant().webhook_kind(self.sandbox, hit.headers, hit.body)
            )
        except ValueError as error:
            signature = str(error) or "wrong"
        received = Received(
            number=len(self.webhooks) + 1,
            at=instant(entry.at),
            provider=entry.provider,
            type=kind,
            reference=reference,
            signature=signature,
            answered=hit.answered,
            body=body_text(hit.body),
        )
        self.webhooks.append(received)
        return received

    def _happening(self, entry: Entry) -> Happening:
        about = None
        if isinstance(entry.data, records.Attempted):
            delivery = self.sandbox.world.outbox.deliveries.get(entry.data.number)
            about = delivery.queued if delivery is not None else None
        return Happening(
            number=entry.number,
            at=instant(entry.at),
            kind=entry.kind,
            provider=entry.provider,
            operation=entry.operation,
            reference=entry.reference,
            cause=entry.cause,
            data=self._data(entry.data),
            about=about,
            received=self._arrivals.get(entry.number),
        )

    def _data(self, data: Any) -> Any:
        """What the entry holds; of a scenario only what is different, as the step has named it."""
        if isinstance(data, records.ScenarioChanged):
            return {"title": data.scenario.title, "changes": list(data.changes)}
        return self._named(data) if isinstance(data, Reasoning) else data

    def _named(self, reasons: Reasoning) -> Reasoning:
        """The same, with near misses called by the name that their line has in the file."""
        names = {rule.key: rule.name for rule in self.sandbox.world.scenario.rules}
        nearly = tuple(replace(near, line=names.get(near.line) or near.line) for near in reasons.nearly)
        return replace(reasons, nearly=nearly)

    def _unscripted(self, line: int, happenings: tuple[Happening, ...]) -> None:
        """A signature that is not what the scenario asks for is a failure that nobody needs to expect."""
        for happening in happenings:
            if happening.received is not None and happening.about is not None:
                wanted = happening.about.signature.value == "right"
                if (happening.received.signature == "right") is not wanted:
                    path = f"signature of webhook {happening.received.type}"
                    told = happening.about.signature.value
                    self.failures.append(Failure(line, path, told, happening.received.signature))

    async def _check(self, expect: Mapping[str, Any], line: int, webhooks: list[Received]) -> None:
        facts = Facts(
            status=self._status,
            body=self._body,
            webhooks=webhooks,
            calls=sum(1 for _ in _requests(self.sandbox.world.journal.since(0))),
            world=self.sandbox.world,
            providers=self.providers,
            meant=self._meant,
        )
        try:
            expected = self.labels.fill(expect)
        except UnknownReference as error:
            raise BadStory("expect", "values of earlier answers", str(error)) from error
        misses = [*check(expected, facts), *await unbalanced(self.sandbox.world)]
        self.failures.extend(Failure(line, *miss) for miss in misses)


def merged(base: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(base) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _requests(entries: Iterator[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if entry.kind == "request")


def _texts(value: Any) -> Iterator[str]:
    """Every text in an answer, outermost first."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        children = list(value.values()) if isinstance(value, Mapping) else value
        yield from (each for each in children if isinstance(each, str))
        for each in children:
            if not isinstance(each, str):
                yield from _texts(each)


__all__ = ["ORIGIN", "START", "BadStory", "Player", "journal_lines", "play"]
