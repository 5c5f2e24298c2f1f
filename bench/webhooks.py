"""``python -m bench.webhooks``: webhooks delivered by us, against a bare aiohttp client that posts the same bodies.

Both send to the same bare receiver on loopback, with as many connections and on the same kind of event loop, in turns.
Ours makes each body, signs it, posts it, books the attempt and tells the journal; the client posts bytes that it was
given. What counts is the ratio, of the rates and of the processor's time. Then: a thousand webhooks of which each is
tried again for thirty days, on the virtual clock.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from statistics import median
from time import perf_counter, process_time
from typing import Any, cast

from bench.load import run
from bench.works import WORKS
from mockpsp.domain.lifecycle import Body
from mockpsp.scenario.model import Outage
from mockpsp.testing.server import Server, running
from mockpsp.world.clock import ClockMode
from mockpsp.world.outbox import Delivery
from mockpsp.world.records import Queued
from mockpsp.world.world import World

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
KINDS = {"worldline": "payment.created", "adyen": "AUTHORISATION", "lyra": "order"}
LANES = (1, 16, 64)
HOUR = timedelta(hours=1)


# -- the receiver ------------------------------------------------------------------------------------------------------


class Endpoint(asyncio.Protocol):
    """Acknowledges each POST as soon as its body is there."""

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody wants to deliver."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length: ") + 16
            length = int(head[at:].partition(b"\r\n")[0]) if at > 15 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.transport.write(OK)


async def receive() -> None:
    """Listen until the standard input ends; tells its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Endpoint, "127.0.0.1", 0)
    tell({"port": server.sockets[0].getsockname()[1]})
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


# -- both senders ------------------------------------------------------------------------------------------------------


def tell(what: Mapping[str, Any]) -> None:
    """One line to whoever started this process."""
    print(json.dumps(what), flush=True)


async def asked() -> dict[str, Any] | None:
    """The next line from whoever started this process; None when that is all."""
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return json.loads(line) if line else None


async def bare(url: str) -> None:
    """Post the body that each line brings, so often, with so many connections."""
    from aiohttp import ClientSession

    async with ClientSession() as session:

        async def lane(number: int, times: int, headers: Mapping[str, str], body: bytes) -> None:
            for _ in range(times):
                async with session.post(f"{url}/{number}", data=body, headers=headers) as answer:
                    await answer.read()
                    assert answer.status == 200

        while (order := await asked()) is not None:
            lanes, body = order["lanes"], order["body"].encode()
            shares = [len(range(number, order["count"], lanes)) for number in range(lanes)]
            began, used = perf_counter(), process_time()
            await asyncio.gather(*(lane(n, times, order["headers"], body) for n, times in enumerate(shares)))
            tell({"seconds": perf_counter() - began, "processor": process_time() - used})


async def ours(url: str, provider: str) -> None:
    """Deliver as many webhooks as each line wants: copies of one that a payment led to, each with a body to be made."""
    async with running() as server:
        sandbox = server.sandboxes.get("default")
        model = await example(server, provider)
        headers, body = server.courier._policies[provider].message(
            model, sandbox.credentials[provider], model.signature, sandbox.world.setups[provider].settings
        )
        as_served()
        tell({"headers": dict(headers), "body": body.decode()})
        while (order := await asked()) is not None:
            world, mode = sandbox.world, ClockMode(order["clock"])
            await world.book(partial(world.moving, mode, world.clock.now()))
            before = world.outbox.waiting()
            urls = [f"{url}/{lane}" for lane in range(order["lanes"])]
            due = await queue(world, model, order["count"], urls)
            began, used = perf_counter(), process_time()
            if mode is ClockMode.REAL:
                await world.book(partial(world.moving, mode, due))
                await server.courier.settle(sandbox)
            else:
                await server.courier.advance(sandbox, due)
            spent = {"seconds": perf_counter() - began, "processor": process_time() - used}
            tell({**spent, "delivered": world.outbox.waiting() <= before})


def as_served() -> None:
    """What ``mockpsp serve`` tells the garbage collector once it is up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000)


async def example(server: Server, provider: str) -> Queued:
    """A webhook of the kind that is most typical, from a payment of ``bench.works``, without an address."""
    work = WORKS[provider]
    await run(server.port, work, 1, 1)
    if provider == "worldline":
        world = server.sandboxes.get("default").world
        [ref] = [*world.waiting][-1:]
        await shopper(server, ref)
    rows: Iterator[Delivery] = iter(server.sandboxes.get("default").world.outbox.deliveries.values())
    return next(row.queued for row in rows if row.queued.kind == KINDS[provider])


async def shopper(server: Server, ref: str) -> None:
    """Somebody pays at Worldline's page."""
    from aiohttp import ClientSession

    pays = {"pay": [{"with": "cv_connect"}]}
    async with ClientSession() as session:
        target = f"{server.url}/_mockpsp/sandboxes/default/checkouts/{ref}/shopper"
        async with session.post(target, json=pays) as answer:
            assert answer.status == 200, await answer.text()


async def queue(world: World, model: Queued, count: int, urls: list[str], outage: Outage | None = None) -> datetime:
    """So many copies to these addresses in turn, due in an hour; when that is."""
    from msgspec.structs import replace

    source = model.content.source
    due = world.clock.now() + HOUR
    first = world.outbox.numbers + 1
    rows = []
    for n in range(count):
        made: Any = {
            "number": first + n,
            "rank": first + n,
            "url": urls[n % len(urls)],
            "due": due,
            "content": Body(source),
        }
        rows.append(replace(model, **made, outage=outage))
    await world.book(lambda: rows)
    return due


# -- thirty days -------------------------------------------------------------------------------------------------------


async def ladders(provider: str, count: int) -> None:
    """So many webhooks, each to an address of its own that never answers, until they are given up."""
    async with running() as server:
        sandbox = server.sandboxes.get("default")
        world = sandbox.world
        model = await example(server, provider)
        await world.book(lambda: world.moving(ClockMode.MANUAL, datetime(2026, 7, 6, 8, tzinfo=UTC)))
        down = Outage(down=timedelta(days=60))
        as_served()
        due = await queue(world, model, count, [f"http://127.0.0.1:9/{n}" for n in range(count)], down)
        began, used = perf_counter(), process_time()
        done = await server.courier.advance(sandbox, due + timedelta(days=31))
        spent = perf_counter() - began
        tell({"seconds": spent, "processor": process_time() - used, "attempts": len(done)})


# -- the measurement ---------------------------------------------------------------------------------------------------


@contextmanager
def child(*arguments: str) -> Iterator[Callable[[Mapping[str, Any] | None], dict[str, Any]]]:
    """A process with this module in another part; call it with a line to get its next one."""
    argv = [sys.executable, "-m", "bench.webhooks", *arguments]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(line: Mapping[str, Any] | None = None) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        if line is not None:
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{arguments[0]} ended with {process.wait()}")
        told: dict[str, Any] = json.loads(answer)
        return told

    try:
        yield ask
    finally:
        process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def compare(providers: list[str], count: int, rounds: int, lanes: Sequence[int] = LANES) -> Iterator[str]:
    """The table: a line for each provider and number of connections, on a running and on a standing clock."""
    yield "| webhooks | connections | bare client | mockpsp | of bare | processor µs bare / ours | of bare |"
    yield "|---|---|---|---|---|---|---|"
    with ExitStack() as stack:
        port = stack.enter_context(child("receive"))(None)["port"]
        url = f"http://127.0.0.1:{port}"
        limit = stack.enter_context(child("bare", url))
        for provider in providers:
            sender = stack.enter_context(child("ours", url, provider))
            message = sender(None)
            for clock, many in (*(("real", each) for each in lanes), ("manual", 1)):
                order = {**message, "lanes": many, "clock": clock, "count": count}
                for each in (limit, sender):
                    each({**order, "count": min(500, count)})
                pairs = [(limit(order), sender(order)) for _ in range(rounds)]
                named = f"{provider} {KINDS[provider]}" + (", standing clock" if clock == "manual" else "")
                yield line(named, many, count, pairs)


def line(named: str, lanes: int, count: int, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """Medians of all rounds; ratios within each."""
    assert all(mine["delivered"] for _, mine in pairs)
    theirs, ours = (median(count / pair[i]["seconds"] for pair in pairs) for i in (0, 1))
    faster = median(his["seconds"] / mine["seconds"] for his, mine in pairs)
    used, spent = (median(pair[i]["processor"] / count * 1e6 for pair in pairs) for i in (0, 1))
    busier = median(mine["processor"] / his["processor"] for his, mine in pairs)
    return (
        f"| {named} | {lanes} | {theirs:.0f}/s | {ours:.0f}/s | {faster:.2f} | {used:.0f} / {spent:.0f} "
        f"| {busier:.2f} times |"
    )


def main() -> None:
    """Print the tables, or play one of the parts."""
    if len(sys.argv) > 1 and sys.argv[1] in PARTS:
        start(PARTS[sys.argv[1]](*sys.argv[2:]))
        return
    parser = argparse.ArgumentParser(prog="bench.webhooks")
    parser.add_argument("--provider", action="append", choices=[*KINDS], help="default: all of them")
    parser.add_argument("--count", type=int, default=10_000, help="webhooks a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ladders", type=int, default=1_000, help="webhooks that are tried for thirty days")
    given = parser.parse_args()
    providers = given.provider or [*KINDS]
    for each in compare(providers, given.count, given.rounds):
        print(each, flush=True)
    print("\n| tried until given up | webhooks | attempts | seconds | processor µs an attempt |\n|---|---|---|---|---|")
    for provider in providers:
        with child("ladders", provider, str(given.ladders)) as ask:
            told = ask(None)
        each = told["processor"] / told["attempts"] * 1e6
        print(f"| {provider} | {given.ladders} | {told['attempts']} | {told['seconds']:.2f} | {each:.0f} |")


PARTS: Mapping[str, Callable[..., Any]] = {
    "receive": receive,
    "bare": bare,
    "ours": ours,
    "ladders": lambda provider, count: ladders(provider, int(count)),
}


def start(part: Any) -> None:
    """On uvloop where it is installed, as the server does."""
    if find_spec("uvloop"):
        import uvloop

        uvloop.run(part)
    else:
        asyncio.run(part)


if __name__ == "__main__":
    main()
