"""``python -m bench.idle``: ten thousand connections that say nothing; what one costs, and that all are closed."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from contextlib import suppress

from bench.__main__ import answered, free_port, resident_kilobytes

CONNECTIONS = 10_000
FILES = CONNECTIONS + 500
KEEP_ALIVE_SECONDS = 20


class Silent(asyncio.Protocol):
    """Says nothing, and notes when the server has had enough."""

    def __init__(self, ended: asyncio.Semaphore) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        """One less."""
        self._ended.release()


async def crowd(port: int, pid: int) -> None:
    """Connect, look, and wait until all are closed."""
    loop, ended = asyncio.get_running_loop(), asyncio.Semaphore(0)
    before = resident_kilobytes(pid)
    left = iter(range(CONNECTIONS))

    async def connect() -> None:
        for _ in left:
            await loop.create_connection(lambda: Silent(ended), "127.0.0.1", port)

    await asyncio.gather(*(connect() for _ in range(100)))
    assert await asyncio.to_thread(answered, port), "others must be served"
    during = resident_kilobytes(pid)
    if before is not None and during is not None:
        print(f"{CONNECTIONS} idle connections: {(during - before) * 1024 / CONNECTIONS:.0f} bytes each")
    else:
        print(f"{CONNECTIONS} idle connections")
    for _ in range(CONNECTIONS):
        await ended.acquire()
    assert await asyncio.to_thread(answered, port)
    print("all were closed by the server")


def main() -> None:
    """Print what they cost."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, most))
    port = free_port()
    command = [sys.executable, "-m", "mockpsp", "serve", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*command, "--keep-alive", str(KEEP_ALIVE_SECONDS)], stdout=subprocess.DEVNULL)
    try:
        answered(port)
        asyncio.run(crowd(port, process.pid))
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)


if __name__ == "__main__":
    main()
