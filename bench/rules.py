"""``python -m bench.rules``: what a thousand rules of one operation cost a request, against no rule, in one run.

The processor's time is measured, kinds of rules alternating: the same CreatePayment over loopback, in one process with
its client, while a thousand rules are in force none of which strikes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from statistics import median
from time import process_time

from bench.works import BODY, GIVEN, request
from mockpsp.app import catalogues
from mockpsp.domain.lifecycle import Fact, Question
from mockpsp.domain.money import Money
from mockpsp.scenario.engine import Script
from mockpsp.scenario.library import Library
from mockpsp.scenario.model import Scenario
from mockpsp.testing.server import running

RULES = 1_000
FACTS: dict[str, Fact] = {
    "amount": Money(140_000, "EUR"),
    "beneficiary": "11111111111",
    "attempt": 1,
    "merchant_reference": "ORD-2026-0002",
    "hosted": True,
}
WHEN: dict[str, Callable[[int], dict[str, object]] | None] = {
    "none": None,
    "a reference each": lambda n: {"merchant_reference": f"OTHER-{n}"},
    "an amount each, other facts too": lambda n: {"hosted": True, "amount": f"{200 + n}.00 EUR"},
    "the same reference": lambda n: {"merchant_reference": "ORD-2026-0002", "amount": {"above": f"{2000 + n}.00 EUR"}},
    "ranges only": lambda n: {"amount": {"above": f"{2000 + n}.00 EUR"}},
}


def scenario(kind: str) -> Scenario:
    """A thousand rules none of which ever strikes, or none."""
    when = WHEN[kind]
    rule = {"operation": "worldline.beneficiary", "times": 1, "then": {"outcome": "refused"}}
    lines = [{**rule, "when": when(n)} for n in range(RULES)] if when else []
    wallets = [{"beneficiary": "11111111111", "balance": "9000000.00 EUR"}]
    return Library(catalogues).from_value({"rules": lines, "world": {"worldline": {"wallets": wallets}}})


def looks(script: Script, times: int) -> float:
    """Microseconds that one look at the script takes."""
    question = Question("worldline.beneficiary", FACTS)
    began = process_time()
    for _ in range(times):
        script.ask(question, {})
    return (process_time() - began) / times * 1e6


def payment() -> bytes:
    """One signed CreatePayment, whose beneficiary the rules are asked about."""
    body = json.loads(BODY)
    del body["hostedCheckoutSpecificInput"]
    return request("POST", f"/v2/{GIVEN['merchant_id']}/payments", json.dumps(body).encode())


async def requests(times: int, rounds: int) -> dict[str, float]:
    """Microseconds of the processor for a request, the client's share included, by kind of rules; medians."""
    found: dict[str, list[float]] = {kind: [] for kind in WHEN}
    scenarios = {kind: scenario(kind) for kind in WHEN}
    async with running() as server:
        world = server.sandboxes.get("default").world
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        sent = payment()
        for _ in range(rounds):
            for kind, each in scenarios.items():
                await world.change_scenario(each)
                began = process_time()
                for _ in range(times):
                    writer.write(sent)
                    head = await reader.readuntil(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 201"), head
                    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
                found[kind].append((process_time() - began) / times * 1e6)
        writer.close()
    return {kind: median(each) for kind, each in found.items()}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="bench.rules")
    parser.add_argument("--times", type=int, default=300, help="requests a round")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    spent = asyncio.run(requests(given.times, given.rounds))
    print(f"{RULES} rules, medians of {given.rounds} rounds of {given.times} requests")
    print(f"{'when':>32} {'µs a look':>10} {'µs a request':>13} {'of none':>8}")
    for kind, each in spent.items():
        look = looks(Script(scenario(kind)), given.times)
        print(f"{kind:>32} {look:>10.1f} {each:>13.0f} {each / spent['none']:>7.2f}x")


if __name__ == "__main__":
    main()
