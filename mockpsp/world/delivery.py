"""Does what is due: sends webhooks, fires timers, lets scripted shoppers act. The only code that sends a webhook."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from mockpsp.domain.errors import Refusal
from mockpsp.domain.value import Value
from mockpsp.scenario.model import ShopperScript, Signature
from mockpsp.world import records
from mockpsp.world.altering import written
from mockpsp.world.clock import ClockMode
from mockpsp.world.outbox import Delivery, Work
from mockpsp.world.plain import instant
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import Gone, World

if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientSession

log = logging.getLogger("mockpsp.delivery")
_NOT_SENT = "not sent: the target is not on this machine or network (see --allow-webhooks-to)"
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".test.local")


class Proof(Value, frozen=True):
    """The signature of one message, checked as a merchant checks it. ``given`` is empty when there is none.

    ``place`` and ``how`` tell where it stands and how it is made, ``signed`` is the text that is signed, ``expected``
    what the sandbox's present secret makes of it; ``problem`` says what else is wrong, such as another key's name.
    """

    place: str
    how: str
    signed: str
    given: str
    expected: str
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether a merchant with the sandbox's secret would accept it."""
        return self.given == self.expected and not self.problem


class Policy(Protocol):
    """How one provider delivers webhooks."""

    timeout_seconds: float
    in_order: bool
    """Whether a failed webhook holds up all later ones to the same address until it is delivered or given up."""

    def retries(self, settings: Any) -> Sequence[timedelta]:
        """The waiting times after the first, second, … failed attempt; none left means given up."""

    def message(
        self, queued: records.Queued, credentials: Mapping[str, Any], signature: Signature, settings: Any
    ) -> tuple[Mapping[str, str], bytes]:
        """Headers and body as they go over the wire: ``queued.body``, signed in a header or inside the body."""

    def proof(self, headers: Mapping[str, str], body: bytes, credentials: Mapping[str, Any]) -> Proof | None:
        """The signature of a message that ``message`` made, for people to check; None where nothing is signed."""

    def accepted(self, status: int, body: bytes) -> bool:
        """Whether this answer acknowledges the webhook."""

    def heard(self, queued: records.Queued, attempted: records.Attempted) -> tuple[str, str, Any] | None:
        """What an attempt leads to at its object: lifecycle, reference and command; None when it leads to nothing.

        The attempt and what the command changes are one commit. A command that is refused changes nothing.
        """


class Driver(Protocol):
    """Acts in the shopper's place."""

    async def act(self, sandbox: Sandbox, ref: str, script: ShopperScript, cause: int = 0) -> None:
        """Do at ``ref`` what the script says. Raises Refusal when the page would not allow it."""

    def told(
        self,
        sandbox: Sandbox,
        operation: str,
        path: Mapping[str, str],
        form: Mapping[str, str],
        led_to: Collection[str] = (),
    ) -> tuple[str, ShopperScript | None] | None:
        """What a request of a hosted page did: at which reference, and the script that does the same.

        ``path`` are the variables of the page's address, those of its query too; ``form`` is empty for a look at it.
        ``led_to`` are the operations of the journal entries that came of it. None for what decides nothing, such as
        the choice of a method; no script for what belongs to the act before it, such as the way back from a bank.
        """


class Done(Value, frozen=True):
    """One piece of work that was due, in words."""

    due: datetime
    what: str


def is_local(url: str) -> bool:
    """Whether a webhook target is this machine, a private address, or a name without a public domain."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host.strip(".") or host.endswith(_LOCAL_ENDINGS)
    return address.is_loopback or address.is_private


class Alarm(NamedTuple):
    """Set for the moment when a sandbox's next work is due; ``moves`` tells whether its clock was moved since."""

    handle: asyncio.TimerHandle
    due: datetime
    moves: int


class Courier:
    """One per server. Commits call ``wake``; the clock, or a control call, leads to what is due.

    ``connector`` may be set before the first webhook leaves; it then makes the connections (a story's endpoint has a
    made-up address).
    """

    def __init__(self, policies: Mapping[str, Policy], drivers: Mapping[str, Driver], allowed: Callable[[str], bool]):
        self._policies = policies
        self._drivers = drivers
        self._allowed = allowed
        self.connector: Callable[[], BaseConnector] | None = None
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        self._session: ClientSession | None = None
        self._alarms: dict[str, Alarm] = {}
        self._lanes: dict[tuple[str, str], deque[tuple[World, Delivery, list[Done]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining: set[str] = set()

    def allows(self, url: str) -> bool:
        """Whether webhooks may go there: this machine and network, and what the user named; never to no address."""
        try:
            return self._allowed(url)
        except ValueError:
            return False

    def attach(self, sandbox: Sandbox) -> None:
        """Look after this sandbox's outbox from now on."""
        sandbox.world.on_commit = lambda: self.wake(sandbox)
        self.wake(sandbox)

    def wake(self, sandbox: Sandbox) -> None:
        """Something was committed: do what is due now, and set an alarm for what is due later."""
        if sandbox.world.closed:
            self._call_off(sandbox)
            return
        clock, due = sandbox.world.clock, sandbox.world.outbox.next_due()
        if due is None or sandbox.id in self._draining or self._rings_in_time(sandbox.id, due, clock.moves):
            return
        delay = (due - clock.now()).total_seconds()
        if delay <= 0:
            self._draining.add(sandbox.id)
            self._spawn(self._drain_in_background(sandbox))
        elif clock.mode is ClockMode.REAL:
            self._call_off(sandbox)
            handle = asyncio.get_running_loop().call_later(min(delay, 3600.0) + 0.001, self._ring, sandbox)
            self._alarms[sandbox.id] = Alarm(handle, due, clock.moves)

    def _rings_in_time(self, id: str, due: datetime, moves: int) -> bool:
        """Whether an alarm is set for that moment or an earlier one, and the clock was not moved since."""
        alarm = self._alarms.get(id)
        return alarm is not None and alarm.due <= due and alarm.moves == moves

    def _ring(self, sandbox: Sandbox) -> None:
        self._alarms.pop(sandbox.id, None)
        self.wake(sandbox)

    def _call_off(self, sandbox: Sandbox) -> None:
        """No alarm may keep a world that was reset or deleted in memory."""
        alarm = self._alarms.pop(sandbox.id, None)
        if alarm is not None:
            alarm.handle.cancel()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())

    async def _drain_in_background(self, sandbox: Sandbox) -> None:
        try:
            await self.drain(sandbox)
        except Gone:
            log.debug("%s was reset or deleted while work was under way", sandbox.id)
        finally:
            self._draining.discard(sandbox.id)
            self.wake(sandbox)

    async def drain(self, sandbox: Sandbox) -> list[Done]:
        """Do everything that is due by now, in order; on a running clock each endpoint has a queue of its own."""
        done: list[Done] = []
        async with sandbox.turn:
            world = sandbox.world
            while not world.closed and (work := world.outbox.take(world.clock.now())) is not None:
                await self._give(sandbox, world, work, done)
        return done

    async def _give(self, sandbox: Sandbox, world: World, work: Work, done: list[Done]) -> None:
        """Do it now, or let it do itself: on a running clock, and where webhooks leave together."""
        if isinstance(work, Delivery) and (work.queued.together or world.clock.mode is ClockMode.REAL):
            self._line_up(sandbox, world, work, done)
        else:
            await self._do(sandbox, world, work, done)

    def _line_up(self, sandbox: Sandbox, world: World, delivery: Delivery, done: list[Done]) -> None:
        queued = delivery.queued
        lane = (sandbox.id, f"{queued.url} {queued.number}" if queued.together else queued.url)
        if lane in self._lanes:
            self._lanes[lane].append((world, delivery, done))
            return
        self._lanes[lane] = deque([(world, delivery, done)])
        self._spawn(self._run_lane(sandbox, lane))

    async def _run_lane(self, sandbox: Sandbox, lane: tuple[str, str]) -> None:
        queue = self._lanes[lane]
        try:
            while queue:
                world, delivery, done = queue.popleft()
                await self._deliver(sandbox, world, delivery, done)
        finally:
            del self._lanes[lane]

    async def hurry(self, sandbox: Sandbox, cause: int) -> None:
        """Send what is to leave before the request ``cause`` is answered; return when each had its attempt and pause.

        Nothing is locked meanwhile, so an endpoint may call the API, or the control API, while it is asked.
        """
        world, done = sandbox.world, list[Done]()
        waiting = world.outbox.take_early(cause)
        pause = max((each.queued.pause.total_seconds() for each in waiting), default=0.0)
        try:
            while waiting:
                await self._deliver(sandbox, world, waiting.pop(0), done)
            if pause:
                await self.sleep(pause)
        except Gone:
            log.debug("%s was reset or deleted while webhooks left", sandbox.id)
        finally:
            for each in waiting:
                world.outbox.let_in(each)
            if waiting:
                self.wake(sandbox)

    async def settle(self, sandbox: Sandbox) -> list[Done]:
        """Return when nothing is due any more at the sandbox's present moment, deliveries under way included.

        Raises Gone when the sandbox is deleted meanwhile.
        """
        done = await self.drain(sandbox)
        while True:
            if sandbox.world.closed:
                raise Gone(f"sandbox {sandbox.id} was deleted meanwhile")
            mine = [lane for lane in self._lanes if lane[0] == sandbox.id]
            due = sandbox.world.outbox.next_due()
            if not mine and (due is None or due > sandbox.world.clock.now()):
                return done
            if self._tasks:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            done.extend(await self.drain(sandbox))

    async def advance(self, sandbox: Sandbox, to: datetime) -> list[Done]:
        """Move the clock, stopping at each moment at which something is due, and do that before moving on."""
        done = await self.settle(sandbox)
        async with sandbox.turn:
            world = sandbox.world
            while (due := world.outbox.next_due()) is not None and due <= to:
                if due > world.clock.now():
                    await self._move(world, due)
                work = world.outbox.take(due)
                if work is not None:
                    await self._give(sandbox, world, work, done)
            if to > world.clock.now():
                await self._move(world, to)
        done.extend(await self.settle(sandbox))
        return done

    async def set_clock(self, sandbox: Sandbox, to: datetime) -> list[Done]:
        """Make it this moment; ahead like ``advance``, back without undoing anything."""
        if to >= sandbox.world.clock.now():
            return await self.advance(sandbox, to)
        await self._move(sandbox.world, to)
        return []

    async def _move(self, world: World, to: datetime) -> None:
        clock = world.clock
        await world.book(lambda: world.moving(clock.mode, to, to - clock.now()))

    async def _do(self, sandbox: Sandbox, world: World, work: Work, done: list[Done]) -> None:
        match work:
            case Delivery():
                await self._deliver(sandbox, world, work, done)
            case records.TimerSet():
                done.append(Done(work.due, await self._fire(world, work)))
            case records.ShopperDue():
                done.append(Done(work.due, await self._shop(sandbox, world, work)))

    async def _fire(self, world: World, timer: records.TimerSet) -> str:
        what = f"{timer.lifecycle} {timer.ref}: {type(timer.command).__name__}"
        now = world.clock.now()
        fired = records.TimerFired(timer.number, now)
        provider, _, kind = timer.lifecycle.partition(".")
        operation = f"{kind}.{type(timer.command).__name__}"
        cause = world.journal.add(now, "timer", provider, operation, timer.ref, 0, timer.command).number
        try:
            await world.execute(world.lifecycles[timer.lifecycle], timer.ref, timer.command, cause=cause, also=(fired,))
        except Refusal as refusal:
            why = str(refusal)
            await world.book(lambda: [records.TimerFired(timer.number, world.clock.now(), why)])
            return f"{what}: no longer applies"
        return what

    async def _shop(self, sandbox: Sandbox, world: World, due: records.ShopperDue) -> str:
        what = f"shopper at {due.ref}"
        script = next((line for line in world.scenario.shopper if line.key == due.script), None)
        refused = "the scenario no longer has this shopper" if script is None else None
        if script is not None:
            try:
                await self.shop(sandbox, due.provider, due.ref, script)
            except Refusal as refusal:
                refused = str(refusal)
        await world.book(lambda: [records.TimerFired(due.number, world.clock.now(), refused)])
        return what if refused is None else f"{what}: {refused}"

    async def shop(self, sandbox: Sandbox, provider: str, ref: str, script: ShopperScript) -> None:
        """Let a shopper act at ``ref``, on record. Raises Refusal when the page would not allow it."""
        world = sandbox.world
        _, place = world.waiting.get(ref, (provider, ""))
        entry = world.journal.add(world.clock.now(), "shopper", provider, place, ref, 0, script)
        try:
            await self._drivers[provider].act(sandbox, ref, script, entry.number)
        except Refusal as refusal:
            world.journal.remark(entry, str(refusal) or type(refusal).__name__)
            raise

    # -- webhooks ----------------------------------------------------------------------------------------------------

    async def _deliver(self, sandbox: Sandbox, world: World, delivery: Delivery, done: list[Done]) -> None:
        queued = delivery.queued
        if world.closed:
            return
        policy = self._policies[queued.provider]
        started = world.clock.now()
        ahead = world.outbox.ahead_of(delivery)
        if ahead is not None:
            await world.book(lambda: [records.Held(queued.number, ahead, started)], delivery.cause)
            done.append(Done(started, f"webhook {queued.kind} {queued.ref}: waits behind webhook {ahead}"))
            return
        status, error, answer = await self._attempt(sandbox, delivery, policy, started)
        if world.closed:
            return
        accepted = status is not None and policy.accepted(status, answer)
        attempt = len(delivery.attempts) + 1
        waits = policy.retries(world.setups[queued.provider].settings)
        next_due = None if accepted or attempt > len(waits) else started + waits[attempt - 1]
        booked = records.Attempted(queued.number, attempt, started, status, error, accepted, next_due, policy.in_order)
        await _book(world, booked, policy.heard(queued, booked), delivery.cause)
        outcome = f"{status}" if error is None else error
        later = f", again at {instant(next_due)}" if next_due else "" if accepted else ", given up"
        done.append(Done(started, f"webhook {queued.kind} {queued.ref}: {outcome}{later}"))

    async def _attempt(
        self, sandbox: Sandbox, delivery: Delivery, policy: Policy, now: datetime
    ) -> tuple[int | None, str | None, bytes]:
        queued = delivery.queued
        played = _played(delivery, now)
        if played is not None:
            return played
        if not self.allows(queued.url):
            return None, _NOT_SENT, b""
        settings = sandbox.world.setups[queued.provider].settings
        headers, body = policy.message(queued, sandbox.credentials[queued.provider], queued.signature, settings)
        return await self._post(queued.url, body, written(headers, queued.header_case), policy.timeout_seconds)

    async def probe(self, world: World, provider: str, url: str, seconds: float, *, cause: int) -> records.Probed:
        """Ask an address of the merchant's with an empty POST, now and on record."""
        asked = (None, _NOT_SENT, b"") if not self.allows(url) else await self._post(url, b"", {}, seconds)
        probed = records.Probed(url, asked[0], asked[1])
        world.journal.add(world.clock.now(), "probe", provider, "webhook_target", "", cause, probed)
        return probed

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> tuple[int | None, str | None, bytes]:
        from aiohttp import ClientError, ClientSession, ClientTimeout

        if self._session is None:
            connector = self.connector() if self.connector is not None else None
            self._session = ClientSession(connector=connector, auto_decompress=True)
        limit = ClientTimeout(total=seconds)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=limit, allow_redirects=False
            ) as response:
                return response.status, None, await response.content.read(4096)
        except TimeoutError:
            return None, f"no answer within {seconds:g} seconds", b""
        except (ClientError, OSError, ValueError) as error:
            return None, str(error) or type(error).__name__, b""

    async def close(self) -> None:
        """Stop all background work and close connections."""
        for alarm in self._alarms.values():
            alarm.handle.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


async def _book(world: World, attempted: records.Attempted, heard: tuple[str, str, Any] | None, cause: int) -> None:
    """Book an attempt, and in the same commit what its object hears of it, unless that is refused."""
    if heard is not None:
        lifecycle, ref, command = heard
        try:
            await world.execute(world.lifecycles[lifecycle], ref, command, cause=cause, also=(attempted,))
        except Refusal as refusal:
            log.debug("%s %s does not hear of attempt %d: %s", lifecycle, ref, attempted.attempt, refusal)
        else:
            return
    await world.book(lambda: [attempted], cause)


def _played(delivery: Delivery, now: datetime) -> tuple[int | None, str | None, bytes] | None:
    """The answer that the scenario gives in the endpoint's place, if it does."""
    outage = delivery.queued.outage
    if outage is None:
        return None
    failing = outage.fails is not None and len(delivery.attempts) < outage.fails
    down = outage.down is not None and now < (delivery.first_try or now) + outage.down
    if not failing and not down:
        return None
    if outage.status is None:
        return None, "the scenario lets nobody answer", b""
    return outage.status, None, b""
