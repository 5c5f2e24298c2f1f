"""``serve --workers N``: one process that answers nothing and looks after N that do.

They accept from the same listening sockets, so a connection waits for whoever is free, and none is refused when one of
them dies. That one is started again. They know each other through the database only, as if each were on a machine of
its own. The process here stays without an event loop and without threads, so that it may fork at any time.
"""

from __future__ import annotations

import asyncio
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from time import monotonic

from mockpsp.serving import ready
from mockpsp.serving.run import Say, run, secured
from mockpsp.serving.sockets import Listening
from mockpsp.settings import Settings

GRACE_SECONDS = 10.0
_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0)
_READY = b"\0"
"""What a worker says when it is ready. Anything else is why it ends."""
_LONGEST = 4_096
"""Bytes that a pipe takes at once, whatever the system."""


class Failed(Exception):
    """A worker could not start; its argument says why."""


class _Post:
    """See Post. ``told`` is written to when the worker is ready, ``parent`` ends when nobody looks after it."""

    def __init__(self, secure: ready.Secure | None, first: bool, tells: bool, told: int, parent: int) -> None:
        self.secure = secure
        self.first = first
        self.tells = tells
        self.pid = os.getppid()
        self._told = told
        self._parent = parent

    def ready(self, stop: Callable[[], None]) -> None:
        """See Post."""
        os.write(self._told, _READY)
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(self._parent)
            stop()

        loop.add_reader(self._parent, ended)

    def failed(self, why: str) -> None:
        """Let the parent say why this process ends; of several that cannot start it lets one speak.

        Of a long trace the end, where the error stands.
        """
        os.write(self._told, why.encode()[-_LONGEST:])


class _Worker:
    """A process as its parent knows it; ``heard`` ends with it."""

    def __init__(self, number: int, pid: int, heard: int) -> None:
        self.number = number
        self.pid = pid
        self.heard = heard
        self.ready = False
        self.why = b""


class _Crew:
    """All workers, and what they share."""

    def __init__(
        self, settings: Settings, listening: Listening, ready_file: Path | None, say: Say, secure: ready.Secure | None
    ) -> None:
        self._settings = settings
        self._listening = listening
        self._ready_file = ready_file
        self._say = say
        self._secure = secure
        self._selector = selectors.DefaultSelector()
        self._alive = os.pipe()
        self._workers: dict[int, _Worker] = {}
        self._failures: dict[int, int] = {}
        self._due: dict[int, float] = {}
        self._stopping = 0
        self._signals, self._signalled = socket.socketpair()

    def serve(self) -> None:
        """Until a signal ends it. Raises Failed when a worker cannot start."""
        with self._listening_for_signals():
            for number in range(self._settings.workers):
                self._start(number)
            try:
                while not self._stopping:
                    self._look()
                    for number in [each for each, due in self._due.items() if due <= monotonic()]:
                        del self._due[number]
                        self._start(number)
            finally:
                self._end()

    def _listening_for_signals(self) -> ExitStack:
        stack = ExitStack()
        self._signals.setblocking(False)
        self._signalled.setblocking(False)
        before = signal.set_wakeup_fd(self._signalled.fileno(), warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, before)
        for each in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, each, signal.signal(each, self._stop))
        self._selector.register(self._signals, selectors.EVENT_READ)
        return stack

    def _stop(self, *_: object) -> None:
        self._stopping += 1

    def _start(self, number: int) -> None:
        heard, told = os.pipe()
        tells = number == 0 and 0 not in self._failures
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(heard)
            self._work(_Post(self._secure, number == 0, tells, told, self._alive[0]))
        os.close(told)
        self._workers[heard] = _Worker(number, pid, heard)
        self._selector.register(heard, selectors.EVENT_READ)

    def _work(self, post: _Post) -> None:
        """What a new process does, to its end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, signal.SIG_DFL)
            os.close(self._alive[1])
            for other in self._workers.values():
                os.close(other.heard)
            self._selector.close()
            run(self._settings, self._listening, self._ready_file, self._say, post=post)
            code = 0
        except Exception as error:  # noqa: BLE001 - nobody above this process could tell
            post.failed(_told(error))
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _look(self) -> None:
        """Wait until a worker says something or ends, a signal comes, or one is to be started again."""
        pause = min(self._due.values(), default=monotonic() + 3600) - monotonic()
        for key, _ in self._selector.select(max(0.0, pause)):
            worker = self._workers.get(key.fd)
            if worker is None:
                with suppress(BlockingIOError):
                    self._signals.recv(64)
            else:
                self._hear(worker, os.read(worker.heard, _LONGEST))

    def _hear(self, worker: _Worker, said: bytes) -> None:
        if not said:
            self._ended(worker)
            return
        if said.startswith(_READY):
            worker.ready = True
            self._failures[worker.number] = 0
        worker.why += said.removeprefix(_READY)

    def _ended(self, worker: _Worker) -> None:
        how = self._gone(worker)
        if self._stopping:
            return
        why = worker.why.decode("utf-8", "replace")
        if worker.number not in self._failures:
            raise Failed(why or f"Error: worker {worker.number + 1} could not start ({how})\n")
        sys.stderr.write(why)
        failures = self._failures[worker.number]
        self._failures[worker.number] += 1
        self._due[worker.number] = monotonic() + _PAUSES[min(failures, len(_PAUSES) - 1)]
        self._say(f"worker {worker.number + 1} ended ({how}); it is started again")

    def _gone(self, worker: _Worker) -> str:
        """Forget it; how it ended."""
        self._selector.unregister(worker.heard)
        os.close(worker.heard)
        del self._workers[worker.heard]
        code = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _end(self) -> None:
        """Ask all to end, and see that they do."""
        asked, until = self._stopping, monotonic() + GRACE_SECONDS + self._settings.drain
        if asked:
            self._say("stopping")
        self._tell_all(signal.SIGTERM)
        self._stopping = max(1, asked)
        while self._workers:
            if monotonic() > until or self._stopping > max(1, asked):
                self._tell_all(signal.SIGKILL)
            self._due = {-1: monotonic() + 0.5}
            self._look()
        for each in self._alive:
            os.close(each)
        self._selector.close()
        self._signals.close()
        self._signalled.close()

    def _tell_all(self, what: signal.Signals) -> None:
        for worker in self._workers.values():
            with suppress(ProcessLookupError):
                os.kill(worker.pid, what)


def _told(error: Exception) -> str:
    """Why a worker ends: what the user can change in one line, all else with its trace."""
    from mockpsp.scenario.loader import ScenarioError
    from mockpsp.world.store import BadState, StoreFailed

    if isinstance(error, ScenarioError):
        return "".join(f"Error: {problem}\n" for problem in error.problems)
    if isinstance(error, (BadState, StoreFailed, LookupError, OSError)):
        return f"Error: {error}\n"
    return "".join(traceback.format_exception(error))


def run_all(settings: Settings, listening: Listening, ready_file: Path | None, say: Say) -> None:
    """Serve with ``settings.workers`` processes until SIGINT or SIGTERM.

    Raises NoTls, CannotListen, BadState, and SystemExit when a worker could not start and it was said why.
    """
    import_module("mockpsp.world.store_postgres")  # before the fork, so that all share it
    gc.freeze()
    with ExitStack() as stack:
        secure = secured(settings, listening, stack)
        if ready_file is not None:
            stack.callback(ready_file.unlink, missing_ok=True)
        try:
            _Crew(settings, listening, ready_file, say, secure).serve()
        except Failed as failed:
            sys.stderr.write(str(failed))
            raise SystemExit(1) from failed
