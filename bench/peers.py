"""``python -m bench.peers FOLDER``: other simulators on the same work, in one run: tables for ``bench/README.md``.

The work is to create a payment, with validation and state where a server has them, and to read it back. Each peer is
installed into a folder of its own below ``FOLDER``, which must be outside this checkout; one that cannot be had is
reported with the reason. Servers are child processes on loopback, ended by their ids; the client is ``bench.load``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, perf_counter, sleep
from typing import NamedTuple

from bench.__main__ import HERE, cpu_seconds, resident_kilobytes
from bench.load import Broken, run
from bench.peer_kinds import OURS, PEERS, Peer, Unavailable

CONNECTIONS = (1, 16, 64)
EARLY_SECONDS = 5.0
PROBE = b"GET /_mockpsp/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def free_port() -> int:
    """A port that is free just now, and so is the one after it (mountebank needs two)."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except (OSError, OverflowError):
                continue
            return port


def answered(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return at the first answer of any kind. Raises Broken when there is none within a minute, or the process ends."""
    deadline = monotonic() + 60
    while monotonic() < deadline:
        if process.poll() is not None:
            raise Broken(f"ended with {process.returncode} instead of answering")
        try:
            with socket.create_connection(("127.0.0.1", port), 60) as line:
                line.sendall(PROBE)
                if line.recv(1):
                    return
        except OSError:
            pass
        sleep(0.002)
    raise Broken("no answer within a minute")


class Server(NamedTuple):
    """A running one; ``seconds`` from its start to its first answer."""

    peer: Peer
    port: int
    pid: int
    seconds: float


@contextmanager
def serving(peer: Peer, folder: Path) -> Iterator[Server]:
    """Start it, and end it with what it has started. Raises Broken when it does not answer."""
    port = free_port()
    argv = peer.command(folder, port)
    began = perf_counter()
    process = subprocess.Popen(
        argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        answered(port, process)
        yield Server(peer, port, process.pid, perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def megabytes(pid: int) -> float | None:
    """Resident memory of a process and of those it has started, where /proc tells."""
    own = resident_kilobytes(pid)
    if own is None:
        return None
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = [megabytes(int(each)) or 0.0 for each in children.read_text().split()] if children.exists() else []
    return own / 1024 + sum(below)


class Rate(NamedTuple):
    """Requests per second, and milliseconds that half and 99 of 100 answers stay below."""

    rate: float
    p50: float
    p99: float


def measured(server: Server, connections: int, seconds: float) -> Rate:
    """One round."""
    rate, times = asyncio.run(run(server.port, server.peer.work, connections, 10**9, seconds))
    parts = quantiles(times, n=100) if len(times) > 1 else [times[0]] * 99
    return Rate(rate, parts[49] * 1000, parts[98] * 1000)


class Start(NamedTuple):
    """Seconds to the first answer, megabytes a second later, and requests per second in the first five seconds."""

    seconds: float
    megabytes: float | None
    early: float


def started(peer: Peer, folder: Path, early: float = EARLY_SECONDS) -> Start:
    """Start it afresh, and drive it at once."""
    with serving(peer, folder) as server:
        sleep(1)
        resident = megabytes(server.pid)
    with serving(peer, folder) as server:
        rate = measured(server, 16, early).rate
    return Start(server.seconds, resident, rate)


class Grown(NamedTuple):
    """What so many requests left behind, and the processor's time for each."""

    requests: int
    before: float | None
    after: float | None
    microseconds: float | None


def grown(peer: Peer, folder: Path, requests: int, seconds: float) -> Grown:
    """Drive it that often, or so long."""
    with serving(peer, folder) as server:
        sleep(1)
        before, used = megabytes(server.pid), cpu_seconds(server.pid)
        payments = requests // peer.work.requests
        _, times = asyncio.run(run(server.port, peer.work, 16, payments, seconds))
        spent = cpu_seconds(server.pid)
        each = None if used is None or spent is None else (spent - used) / len(times) * 1e6
        return Grown(len(times), before, megabytes(server.pid), each)


def rates(servers: Sequence[Server], rounds: int, seconds: float) -> dict[tuple[str, int], list[Rate]]:
    """All servers in turn, again and again."""
    found: dict[tuple[str, int], list[Rate]] = {}
    for server in servers:
        measured(server, 4, 1.0)
    for connections in CONNECTIONS:
        for count in range(rounds):
            progress(f"{connections} connections, round {count + 1} of {rounds}")
            for server in servers:
                found.setdefault((server.peer.name, connections), []).append(measured(server, connections, seconds))
    return found


# -- the tables --------------------------------------------------------------------------------------------------------


def progress(text: str) -> None:
    """For whoever waits."""
    print(text, file=sys.stderr, flush=True)


def row(*cells: object) -> str:
    """One line of a table."""
    return f"| {' | '.join(str(each) for each in cells)} |"


def head(*titles: str) -> list[str]:
    """A table's first two lines."""
    return [row(*titles), "|" + "---|" * len(titles)]


def number(value: float | None, places: int = 0) -> str:
    """With spaces between thousands; a dash for what could not be measured."""
    return "–" if value is None else f"{value:,.{places}f}".replace(",", " ")


def times_ours(ours: Sequence[Rate], theirs: Sequence[Rate]) -> str:
    """How much faster ours is, in the same round; the median of all rounds."""
    ratio = median(mine.rate / other.rate for mine, other in zip(ours, theirs, strict=True))
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def table_of_kinds(versions: Sequence[tuple[Peer, str]], missing: Sequence[tuple[Peer, str]]) -> list[str]:
    """Who is compared, and who could not be."""
    lines = head("server", "version", "state", "what it does with the work")
    for peer, told in versions:
        lines.append(row(peer.name, told, "kept" if peer.stateful else "none", peer.does))
    return [*lines, "", *(f"Not compared: {peer.name}: {why}." for peer, why in missing)]


def table_of_rates(found: dict[tuple[str, int], list[Rate]], peers: Sequence[Peer]) -> list[str]:
    """Requests per second, and the answers' times."""
    by = [f"{each} connection{'s' if each > 1 else ''}" for each in CONNECTIONS]
    lines = head("server", *by, "ours is times as fast", *(f"p50 / p99 ms at {each}" for each in CONNECTIONS))
    for peer in peers:
        rounds = [found[peer.name, each] for each in CONNECTIONS]
        ours = [found[OURS, each] for each in CONNECTIONS]
        faster = " · ".join(times_ours(mine, theirs) for mine, theirs in zip(ours, rounds, strict=True))
        speed = [number(median(each.rate for each in every)) for every in rounds]
        waits = [
            f"{median(each.p50 for each in every):.2f} / {median(each.p99 for each in every):.2f}" for every in rounds
        ]
        lines.append(row(peer.name, *speed, "" if peer.name == OURS else faster, *waits))
    return lines


def table_of_starts(starts: dict[str, list[Start]], grown_by: dict[str, Grown], requests: int) -> list[str]:
    """Cold start, the first five seconds, and memory."""
    lines = head(
        "server",
        "cold start to the first answer, ms",
        f"requests/s in the first {EARLY_SECONDS:g} s",
        "memory after the start, MB",
        f"after {number(requests)} requests, MB",
        "processor µs a request",
    )
    for name, rows in starts.items():
        left = grown_by[name]
        stopped = "" if left.requests >= requests - 1 else f" (stopped after {number(left.requests)})"
        lines.append(
            row(
                name,
                number(median(each.seconds for each in rows) * 1000),
                number(median(each.early for each in rows)),
                number(rows[0].megabytes),
                f"{number(left.after)}{stopped}",
                number(left.microseconds),
            )
        )
    return lines


def load_average() -> str:
    """How busy the machine is, where it tells."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def installed(peers: Sequence[Peer], folder: Path) -> tuple[list[tuple[Peer, str]], list[tuple[Peer, str]]]:
    """Peers with their versions, and those that cannot be had with the reason."""
    there, missing = [], []
    for peer in peers:
        own = place(folder, peer)
        own.mkdir(parents=True, exist_ok=True)
        try:
            told = peer.install(own)
            with serving(peer, own) as server:
                asyncio.run(run(server.port, peer.work, 1, 2))
        except (Unavailable, Broken) as problem:
            missing.append((peer, str(problem)))
            progress(f"{peer.name}: not available: {problem}")
        else:
            there.append((peer, told))
            progress(f"{peer.name} {told}")
    return there, missing


def place(folder: Path, peer: Peer) -> Path:
    """Where a peer is installed."""
    return folder / peer.name.replace(" ", "-").lower()


def compare(folder: Path, peers: Sequence[Peer], given: argparse.Namespace) -> str:
    """Install, measure, and write the tables."""
    there, missing = installed(peers, folder)
    present = [peer for peer, _ in there]
    before = load_average()
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(peer, place(folder, peer))) for peer in present]
        found = rates(servers, given.rounds, given.seconds)
    starts: dict[str, list[Start]] = {peer.name: [] for peer in present}
    for _ in range(given.rounds):
        for peer in present:
            progress(f"start of {peer.name}")
            starts[peer.name].append(started(peer, place(folder, peer), given.early))
    left: dict[str, Grown] = {}
    for peer in present:
        progress(f"{given.requests} requests to {peer.name}")
        left[peer.name] = grown(peer, place(folder, peer), given.requests, given.patience)
    when = datetime.now(UTC).date().isoformat()
    machine = (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {before} before, {load_average()} after"
    )
    told = [
        f"Measured {when}, {machine}: {given.rounds} alternating rounds of {given.seconds:g} s, medians.",
        "",
        *table_of_kinds(there, missing),
        "",
        *table_of_rates(found, present),
        "",
        *table_of_starts(starts, left, given.requests),
    ]
    return "\n".join(told)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What is asked for. Ends the program when the folder is inside this checkout."""
    parser = argparse.ArgumentParser(prog="bench.peers")
    parser.add_argument("folder", type=Path, help="where peers are installed; outside this checkout")
    parser.add_argument("--only", action="append", choices=[each.name for each in PEERS], help="default: all of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round at each number of connections")
    parser.add_argument("--early", type=float, default=EARLY_SECONDS, help="seconds that a fresh server is driven")
    parser.add_argument("--requests", type=int, default=100_000, help="for the memory they leave behind")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds after which these are stopped")
    parser.add_argument("--write", type=Path, help="the tables go there too")
    given = parser.parse_args(argv)
    if given.folder.resolve().is_relative_to(HERE.parent):
        parser.error(f"{given.folder} is inside this checkout")
    return given


def main() -> None:
    """Print the tables."""
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers that were started end with this program
    wanted = {OURS, *(given.only or (each.name for each in PEERS))}
    told = compare(given.folder.resolve(), [each for each in PEERS if each.name in wanted], given)
    print(told)
    if given.write is not None:
        given.write.write_text(told + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
