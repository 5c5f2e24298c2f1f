"""``python -m bench.dashboard [--entries N]``: how long the dashboard's pages take in a short and in a long journal.

Each payment is an order at Adyen with a share by meal voucher, made over HTTP. The pages are asked for by a client that
does nothing with them. The index of the journal is measured by itself: what building it costs, and its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter, process_time
from typing import Any

from aiohttp import ClientSession

from mockpsp.edge.keys import LIBRARY
from mockpsp.testing.server import Server, running
from mockpsp.world.index import Index
from mockpsp.world.journal import Journal
from mockpsp.world.sandboxes import Sandbox

ROUNDS = 9
SHORT = 1_000
VOUCHER = {
    "type": "mealVoucher_FR",
    "brand": "mealVoucher_FR_natixis",
    "number": "5075990000009999",
    "expiryMonth": "03",
    "expiryYear": "2030",
    "cvc": "737",
}


async def sandbox_with(server: Server, client: ClientSession, entries: int) -> Sandbox:
    """A sandbox whose journal has so many entries, none of them dropped."""
    sandbox = await server.sandboxes.create(server.app[LIBRARY].load("default"))
    world = sandbox.world
    journal, world.journal = world.journal, Journal(max_entries=entries * 2, max_body_bytes=1 << 30)
    journal.close()
    while world.journal.count < entries:
        await asyncio.gather(*(pay(server, client, sandbox) for _ in range(8)))
    return sandbox


async def pay(server: Server, client: ClientSession, sandbox: Sandbox) -> None:
    """An order, and one cent of it by voucher."""
    given = sandbox.credentials["adyen"]
    headers = {"X-API-Key": given["api_key"]}
    body: dict[str, Any] = {"merchantAccount": given["merchant_account"], "reference": "ORDER"}
    amount = {"currency": "EUR", "value": 100}
    async with client.post(f"{server.url}/v72/orders", json={**body, "amount": amount}, headers=headers) as answer:
        order = await answer.json()
    share = {
        **body,
        "amount": {"currency": "EUR", "value": 1},
        "order": {"pspReference": order["pspReference"], "orderData": order["orderData"]},
        "paymentMethod": VOUCHER,
        "returnUrl": "https://shop.example/return",
    }
    async with client.post(f"{server.url}/v72/payments", json=share, headers=headers) as answer:
        told = await answer.json()
        assert told["resultCode"] == "Authorised", told


async def timed(ask: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Milliseconds of the first time, and of the median of those after it."""
    times = []
    for _ in range(ROUNDS + 1):
        begun = perf_counter()
        await ask()
        times.append((perf_counter() - begun) * 1000)
    return times[0], median(times[1:])


async def pages(server: Server, client: ClientSession, sandbox: Sandbox) -> dict[str, tuple[float, float]]:
    """The times of every page of a sandbox."""
    world = sandbox.world
    ref = next(iter(world.objects["adyen.purchase"]))
    newest = next(reversed(world.objects["adyen.purchase"]))
    number = next(each.number for each in world.journal.since(world.journal.count // 2) if each.kind == "request")
    paths = {
        "activity": "",
        "activity, a kind": "?kind=posting",
        "activity, a text that is nowhere": "?q=nothing-like-it",
        "activity, one reference": f"?reference={newest}",
        "one entry": f"/journal/{number}",
        "payments": "/payments",
        "payments, a text that is nowhere": "/payments?q=nothing-like-it",
        "the oldest payment's story": f"/payments/adyen.purchase/{ref}",
        "webhooks": "/webhooks",
        "balances": "/balances",
        "one balance": "/balances/adyen/EUR/adyen/merchant/" + sandbox.credentials["adyen"]["merchant_account"],
    }
    found = {}
    for name, path in paths.items():

        async def ask(path: str = path) -> None:
            async with client.get(f"{server.url}/_mockpsp/sandbox/{sandbox.id}{path}") as answer:
                await answer.read()
                assert answer.status == 200, path

        found[name] = await timed(ask)
    return found


def index_cost(journal: Journal) -> tuple[float, float]:
    """Milliseconds of processor time to build an index of the journal, and its bytes an entry."""
    begun = process_time()
    Index(journal).catch_up()
    took = (process_time() - begun) * 1000
    gc.collect()
    tracemalloc.start()
    kept = Index(journal).catch_up()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return took, size / len(journal)


async def main(entries: int) -> None:
    """Print the table."""
    async with running() as server, ClientSession() as client:
        short = await sandbox_with(server, client, SHORT)
        long = await sandbox_with(server, client, entries)
        few, many = await pages(server, client, short), await pages(server, client, long)
        took, size = index_cost(long.world.journal)
        lengths = [f"{len(each.world.journal):,} entries" for each in (short, long)]
        print(f"| page | {' | '.join(lengths)} | times | first look |\n|---|---|---|---|---|")
        for name, (_, small) in few.items():
            first, large = many[name]
            print(f"| {name} | {small:.1f} ms | {large:.1f} ms | {large / small:.1f} | {first:.0f} ms |")
        print(f"\nThe index of the long journal: {took:.0f} ms of processor time once, {size:.0f} bytes an entry.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    asyncio.run(main(parser.parse_args().entries))
