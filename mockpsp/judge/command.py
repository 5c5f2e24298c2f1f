"""Runs a shell command with a time limit, and leaves nothing of it behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter, sleep

from mockpsp.domain.value import Value

GRACE_SECONDS = 1.0
MOST_OUTPUT = 20_000
_FLAGS = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""Windows only; elsewhere a new session is what keeps a command and its children together."""


class Ended(Value, frozen=True):
    """How a command ended. ``code`` is None when the time limit ended it; ``output`` is the end of both streams.

    ``processor`` is the time on the processor of it and its children, None where the system does not tell.
    """

    code: int | None
    output: str
    seconds: float
    processor: float | None


def run_command(command: str, environment: Mapping[str, str], limit: float, cwd: Path | None = None) -> Ended:
    """Run it in a shell and a process group of its own, which is ended with it, at the latest after ``limit`` seconds.

    Raises OSError when no shell can be started.
    """
    began, used = perf_counter(), _children()
    with tempfile.TemporaryFile() as output:  # a pipe could be kept open by a grandchild
        process = subprocess.Popen(  # noqa: S602 - the user's own command line, as the user wrote it
            command, shell=True, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env=dict(environment), cwd=cwd, creationflags=_FLAGS, start_new_session=_FLAGS == 0,
        )  # fmt: skip
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        seconds, now = perf_counter() - began, _children()
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - MOST_OUTPUT))
        text = output.read().decode("utf-8", "replace")
    return Ended(code, text, seconds, None if now is None or used is None else now - used)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the group: politely, then not."""
    if sys.platform == "win32":
        if process.poll() is None:
            tree = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
            subprocess.run(tree, capture_output=True, check=False)  # noqa: S603 - our own child's number
            process.wait()
        return
    end = perf_counter() + GRACE_SECONDS
    alive = _signalled(process.pid, signal.SIGTERM)
    while alive and perf_counter() < end:
        process.poll()
        sleep(0.02)
        alive = _signalled(process.pid, 0)
    if alive:
        _signalled(process.pid, signal.SIGKILL)
    process.wait()


def _signalled(group: int, number: int) -> bool:
    """Whether somebody was there to hear it; the command's own end may leave children in its group."""
    if sys.platform == "win32":
        return False
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _children() -> float | None:
    """Processor time of all children that have ended, in seconds."""
    if sys.platform == "win32":
        return None
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
