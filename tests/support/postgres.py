"""A PostgreSQL server of the tests' own: a data directory that is thrown away, one free port on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.__main__ import free_port

_NOBODY = ("postgres", "nobody")
_numbers = count(1)
_FAST = "-c fsync=off -c shared_buffers=32MB -c max_connections=200 -c autovacuum=off -c listen_addresses=127.0.0.1"


def tools() -> Path | None:
    """Where initdb and pg_ctl are: in the path, or where Debian puts them."""
    found = shutil.which("initdb")
    if found is not None and shutil.which("pg_ctl") is not None:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name))
    return next((each for each in reversed(places) if (each / "initdb").exists()), None)


class Postgres:
    """A running server. ``fresh`` makes an empty database and tells its address."""

    def __init__(self, port: int, programs: Path) -> None:
        self.port = port
        self._programs = programs

    def fresh(self) -> str:
        """The address of a new database."""
        name = f"test{os.getpid()}_{next(_numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return f"postgresql://mockpsp@127.0.0.1:{self.port}/{name}"

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run a statement; what it tells."""
        command = [
            str(self._programs / "psql"), "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
            "-U", "mockpsp", "-d", database, "-c", text,
        ]  # fmt: skip
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@contextmanager
def running() -> Iterator[Postgres]:
    """For as long as the block lasts. Raises LookupError where PostgreSQL is not installed."""
    programs = tools()
    if programs is None:
        raise LookupError("PostgreSQL is not installed: neither in the path nor in /usr/lib/postgresql")
    with TemporaryDirectory(prefix="mockpsp-pg-", ignore_cleanup_errors=True) as folder:
        user = _other_user(folder)
        data, port = Path(folder) / "data", free_port()
        _run([programs / "initdb", "-D", data, "-U", "mockpsp", "-A", "trust", "-E", "UTF8", "--no-sync"], user)
        options = f"{_FAST} -c unix_socket_directories= -p {port}"
        _run([programs / "pg_ctl", "-D", data, "-w", "-l", Path(folder) / "log", "-o", options, "start"], user)
        try:
            yield Postgres(port, programs)
        finally:
            _run([programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], user)


def _other_user(folder: str) -> str | None:
    """PostgreSQL refuses to be run by root: somebody else then, who may use this folder."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    for name in _NOBODY:
        try:
            them = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, them.pw_uid, them.pw_gid)
        return name
    raise LookupError("PostgreSQL refuses to be run by root, and there is neither a user postgres nor nobody")


def _run(command: list[object], user: str | None) -> None:
    subprocess.run(
        [str(each) for each in command], check=True, user=user, cwd="/", timeout=120, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
