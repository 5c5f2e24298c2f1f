"""``python -m bench.states``: what a state file and a database cost, on the same work as ``bench``, in one run."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.__main__ import answered, cpu_seconds, free_port, p99
from bench.load import run
from bench.works import WORKS, Work
from tests.support.postgres import running


@contextmanager
def server(*options: str) -> Iterator[tuple[int, list[int]]]:
    """Port, and the processes that answer."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "mockpsp", "serve", "--port", str(port), *options], stdout=subprocess.DEVNULL
    )
    try:
        answered(port)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        below = [int(each) for each in children.read_text().split()] if children.exists() else []
        yield port, below or [process.pid]
    finally:
        process.terminate()
        process.wait(30)


def compare(work: Work, servers: dict[str, tuple[int, list[int]]], rounds: int, payments: int) -> None:
    """Requests per second and processor time a request, alternating."""
    print(f"\n{work.title}: {rounds} alternating rounds of {work.requests * payments} requests, medians")
    for connections in (1, 16):
        rates: dict[str, list[float]] = {name: [] for name in servers}
        slowest: dict[str, list[float]] = {name: [] for name in servers}
        spent = dict.fromkeys(servers, 0.0)
        for _ in range(rounds):
            for name, (port, pids) in servers.items():
                before = sum(cpu_seconds(pid) or 0.0 for pid in pids)
                rate, times = asyncio.run(run(port, work, connections, payments))
                spent[name] += sum(cpu_seconds(pid) or 0.0 for pid in pids) - before
                rates[name].append(rate)
                slowest[name].append(p99(times))
        for name, found in rates.items():
            share = median(each / memory for each, memory in zip(found, rates["memory"], strict=True))
            used = spent[name] / (rounds * work.requests * payments) * 1e6
            print(f"{connections:>3} connections {name:>22} {median(found):>7.0f}/s {share:>6.2f} of memory "
                  f"p99 {median(slowest[name]):>7.2f} ms {used:>6.0f} µs of processor")  # fmt: skip


def main() -> None:
    """Print the figures of bench/README.md."""
    parser = argparse.ArgumentParser(prog="bench.states")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--payments", type=int, default=1_000)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        database = stack.enter_context(running())
        servers = {
            "memory": stack.enter_context(server()),
            "file": stack.enter_context(server("--state", str(folder / "state.db"))),
            "database": stack.enter_context(server("--state", database.fresh())),
            "database, two workers": stack.enter_context(server("--state", database.fresh(), "--workers", "2")),
        }
        for name in ("worldline", "adyen"):
            for port, _ in servers.values():
                asyncio.run(run(port, WORKS[name], 4, 100))
            compare(WORKS[name], servers, given.rounds, given.payments)


if __name__ == "__main__":
    main()
