"""``python -m bench [--quick] [--work NAME]``: prints the tables of ``bench/README.md``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, perf_counter, process_time, sleep

from bench.load import run
from bench.works import APART, WORKS, Work

HERE = Path(__file__).resolve().parent
OURS = "mockpsp"
SERVERS = ("bare", "bare uvloop", OURS) if find_spec("uvloop") else ("bare", OURS)


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def commands(name: str, port: int) -> list[str]:
    """How to start a server."""
    if name.startswith("bare"):
        return [sys.executable, str(HERE / "bare.py"), str(port), *name.split()[1:]]
    return [sys.executable, "-m", "mockpsp", "serve", "--port", str(port)]


def answered(port: int, patience: float = 30) -> bool:
    """Return at the first answer; a connection may wait long, one that is refused is tried again."""
    deadline = monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_mockpsp/health", timeout=patience) as answer:
                return bool(answer.read())
        except (ConnectionError, urllib.error.URLError):
            if monotonic() > deadline:
                raise
            sleep(0.002)


@contextmanager
def server(name: str) -> Iterator[tuple[int, int, float]]:
    """Port, process id, and the seconds to the first answer."""
    port = free_port()
    began = perf_counter()
    process = subprocess.Popen(commands(name, port), stdout=subprocess.DEVNULL)
    try:
        answered(port)
        yield port, process.pid, perf_counter() - began
    finally:
        process.terminate()
        process.wait(15)


def resident_kilobytes(pid: int) -> int | None:
    """Resident memory, where /proc tells."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1])


def cpu_seconds(pid: int) -> float | None:
    """Processor time of a process, where /proc tells; other work on the machine hardly disturbs it."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p99(times: list[float]) -> float:
    """Milliseconds."""
    return quantiles(times, n=100)[98] * 1000


class Spent:
    """What a server's rounds took: seconds by the clock, and of the client's processor time."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.before = cpu_seconds(pid)
        self.clock = self.client = 0.0

    def told(self, requests: int) -> str:
        """Each in microseconds a request, and which share of the time the server was busy."""
        now = cpu_seconds(self.pid)
        if now is None or self.before is None:
            return f"client {self.client / requests * 1e6:.0f} µs a request"
        used = now - self.before
        each, client = used / requests * 1e6, self.client / requests * 1e6
        return f"{each:>8.0f} µs a request, client {client:.0f} µs, server busy {used / self.clock:.0%} of the time"


def rates(work: Work, rounds: int, payments: int) -> None:
    """Requests per second, alternating, at 1, 16 and 64 connections.

    Rather more rounds than longer ones: what else the machine does then hits all servers alike.
    """
    print(f"\n{work.title}, {rounds} alternating rounds of {work.requests * payments} requests, medians")
    print(f"{'connections':>11} {'server':>12} {'requests/s':>11} {'p99 ms':>8} {'ours is':>8} (quartiles)")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(server(name)) for name in SERVERS}
        for port, _, _ in servers.values():
            asyncio.run(run(port, work, 4, 500))
        spent = {name: Spent(pid) for name, (_, pid, _) in servers.items()}
        for connections in (1, 16, 64):
            ports = {name: port for name, (port, _, _) in servers.items()}
            _rates_at(work, connections, rounds, payments, ports, spent)
        for name, each in spent.items():
            print(f"{'processor':>11} {name:>12} {each.told(3 * rounds * work.requests * payments)}")


def _rates_at(
    work: Work, connections: int, rounds: int, payments: int, ports: dict[str, int], spent: dict[str, Spent]
) -> None:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ports}
    for _ in range(rounds):
        for name, port in ports.items():
            began, used = perf_counter(), process_time()
            rate, times = asyncio.run(run(port, work, connections, payments))
            spent[name].clock += perf_counter() - began
            spent[name].client += process_time() - used
            found[name].append((rate, p99(times)))
    for name, rows in found.items():
        low, ratio, high = quantiles((ours[0] / theirs[0] for ours, theirs in zip(found[OURS], rows, strict=True)), n=4)
        rate, slowest = (median(row[i] for row in rows) for i in (0, 1))
        share = "" if name == OURS else f"{ratio:>7.2f}x ({low:.2f} to {high:.2f})"
        print(f"{connections:>11} {name:>12} {rate:>11.0f} {slowest:>8.2f} {share}")


def starts(times: int) -> None:
    """Seconds from spawn to the first answer, alternating, and importing aiohttp alone."""
    found: dict[str, list[float]] = {"import aiohttp.web": [], "bare": [], "mockpsp": []}
    for _ in range(times):
        began = perf_counter()
        subprocess.run([sys.executable, "-c", "from aiohttp import web"], check=True)
        found["import aiohttp.web"].append(perf_counter() - began)
        for name in ("bare", "mockpsp"):
            with server(name) as (_, _, seconds):
                found[name].append(seconds)
    typical = {name: median(seconds) for name, seconds in found.items()}
    print(f"\ncold start to the first answer, median of {times}")
    for name, seconds in typical.items():
        print(f"{name:>20} {seconds * 1000:>7.0f} ms")
    print(f"{'mockpsp / bare':>20} {typical['mockpsp'] / typical['bare']:>7.2f}")


def growth(work: Work, payments: int) -> None:
    """Memory per payment, and whether a request costs the same at the end as at the beginning."""
    share = payments // 10
    with server("mockpsp") as (port, pid, _), server("bare") as (bare, _, _):
        asyncio.run(run(port, work, 16, 200))
        before = resident_kilobytes(pid)
        parts, used = [], [cpu_seconds(pid)]
        for _ in range(10):
            ours = asyncio.run(run(port, work, 16, share))[0]
            used.append(cpu_seconds(pid))
            parts.append((ours, asyncio.run(run(bare, work, 16, 2000))[0]))
        after = resident_kilobytes(pid)
    print(f"\n{payments} times {work.title}, at 16 connections")
    print("requests/s by tenths:", " ".join(f"{rate:.0f}" for rate, _ in parts))
    print("ratio to bare by tenths:", " ".join(f"{ours / limit:.2f}" for ours, limit in parts))
    print(f"last tenth / first tenth (both relative to bare): {_relative(parts[-1]) / _relative(parts[0]):.2f}")
    spent = [(end - start) for start, end in pairwise(used) if start is not None and end is not None]
    if spent:
        print("processor µs a request by tenths:", *(f"{each / share / work.requests * 1e6:.0f}" for each in spent))
    if before is not None and after is not None:
        each = (after - before) * 1024 / payments
        print(f"resident memory {before // 1024} MB → {after // 1024} MB: {each:.0f} bytes a payment")


def _relative(pair: tuple[float, float]) -> float:
    return pair[0] / pair[1]


def main() -> None:
    """Run everything; ``--quick`` is a tenth of it."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", choices=[*WORKS, *APART], action="append", help="default: the first three")
    given = parser.parse_args()
    versions = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    print(json.dumps(versions))
    works = {name: {**WORKS, **APART}[name] for name in given.work or WORKS}
    for work in works.values():
        rates(work, 5 if given.quick else 15, (2000 if given.quick else 4000) // work.requests)
    if works.keys() & WORKS:
        starts(3 if given.quick else 9)
    for name in works.keys() & WORKS:
        growth(works[name], 10_000 if given.quick else 100_000)


if __name__ == "__main__":
    main()
