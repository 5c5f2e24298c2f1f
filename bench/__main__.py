"""``python -m bench [--quick]``: prints the table of ``bench/README.md``."""

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
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, perf_counter, sleep

from bench.load import run

HERE = Path(__file__).resolve().parent


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def commands(name: str, port: int) -> list[str]:
    """How to start a server."""
    if name == "bare":
        return [sys.executable, str(HERE / "bare.py"), str(port)]
    return [sys.executable, "-m", "mockpsp", "serve", "--port", str(port)]


def answered(port: int) -> None:
    """Return at the first answer; a connection may wait long, one that is refused is tried again."""
    deadline = monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_mockpsp/health", timeout=30) as answer:
                answer.read()
            return
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


def rates(rounds: int, payments: int) -> None:
    """Requests per second, alternating, at 1, 16 and 64 connections."""
    print(f"\ncreate and read of a hosted checkout, {rounds} alternating rounds of {2 * payments} requests")
    print(
        f"{'connections':>12} {'bare req/s':>11} {'mockpsp req/s':>14} {'ratio':>7} {'bare p99 ms':>12} {'our p99 ms':>11}"
    )
    with server("bare") as (bare, bare_pid, _), server("mockpsp") as (ours, our_pid, _):
        for port in (bare, ours):
            asyncio.run(run(port, 4, 500))
        spent = {pid: cpu_seconds(pid) for pid in (bare_pid, our_pid)}
        for connections in (1, 16, 64):
            found: dict[int, list[tuple[float, float]]] = {bare: [], ours: []}
            for _ in range(rounds):
                for port in (bare, ours):
                    rate, times = asyncio.run(run(port, connections, payments))
                    found[port].append((rate, p99(times)))
            ratio = median(o[0] / b[0] for o, b in zip(found[ours], found[bare], strict=True))
            b, o = (tuple(median(row[i] for row in found[port]) for i in (0, 1)) for port in (bare, ours))
            print(f"{connections:>12} {b[0]:>11.0f} {o[0]:>14.0f} {ratio:>7.2f} {b[1]:>12.2f} {o[1]:>11.2f}")
        used = {pid: (cpu_seconds(pid) or 0) - (before or 0) for pid, before in spent.items()}
    requests = 3 * rounds * 2 * payments
    if used[our_pid]:
        print(
            f"processor time a request: bare {used[bare_pid] / requests * 1e6:.0f} µs, mockpsp"
            f" {used[our_pid] / requests * 1e6:.0f} µs, ratio {used[bare_pid] / used[our_pid]:.2f}"
        )


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


def growth(payments: int) -> None:
    """Memory per payment, and whether a request costs the same at the end as at the beginning."""
    share = payments // 10
    with server("mockpsp") as (port, pid, _), server("bare") as (bare, _, _):
        asyncio.run(run(port, 16, 200))
        before = resident_kilobytes(pid)
        parts = [(asyncio.run(run(port, 16, share))[0], asyncio.run(run(bare, 16, 2000))[0]) for _ in range(10)]
        after = resident_kilobytes(pid)
    print(f"\n{payments} payments created and read at 16 connections")
    print("requests/s by tenths:", " ".join(f"{rate:.0f}" for rate, _ in parts))
    print("ratio to bare by tenths:", " ".join(f"{ours / limit:.2f}" for ours, limit in parts))
    print(f"last tenth / first tenth (both relative to bare): {_relative(parts[-1]) / _relative(parts[0]):.2f}")
    if before is not None and after is not None:
        print(
            f"resident memory {before // 1024} MB → {after // 1024} MB: {(after - before) * 1024 / payments:.0f} bytes a payment"
        )


def _relative(pair: tuple[float, float]) -> float:
    return pair[0] / pair[1]


def main() -> None:
    """Run everything; ``--quick`` is a tenth of it."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    versions = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    print(json.dumps(versions))
    rates(3 if quick else 7, 1000 if quick else 3000)
    starts(3 if quick else 9)
    growth(10_000 if quick else 100_000)


if __name__ == "__main__":
    main()
