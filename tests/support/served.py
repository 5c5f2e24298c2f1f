"""A real ``mockpsp`` process, watched through its ready file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 20.0


class Served:
    """A running ``mockpsp serve``: what its ready file says, and the lines that it prints."""

    def __init__(self, ready: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "mockpsp", "serve", "--ready-file", str(ready), *options]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUTF8": "1", **(environment or {})},
        )
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(lambda: ready.exists())
        self.told: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8")) if ready.exists() else {}

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.lines.append(line.rstrip("\n"))
                self._heard.notify_all()
        with self._heard:
            self._ended = True
            self._heard.notify_all()

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Until something holds; looked at whenever a line is printed and now and then."""
        with self._heard:
            for _ in range(int(PATIENCE_SECONDS / 0.05)):
                if holds():
                    return
                assert not self._ended, "\n".join(self.lines)
                self._heard.wait(0.05)
        raise AssertionError("never happened; it said:\n" + "\n".join(self.lines))

    def wait_for_line(self, text: str) -> None:
        """Until a printed line contains the text."""
        self.wait_for(lambda: any(text in line for line in self.lines))

    def end(self) -> int:
        """Ask it to stop, as Ctrl+C or a supervisor does, and return its exit code."""
        self.process.terminate()
        return self._gone()

    def kill(self) -> None:
        """End it without a chance to say or write anything."""
        self.process.kill()
        self._gone()

    def wait(self) -> int:
        """Its exit code, when it ends of itself or was asked to."""
        return self._gone()

    def _gone(self) -> int:
        try:
            return self.process.wait(PATIENCE_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                self.process.kill()
            self._reader.join(PATIENCE_SECONDS)
            assert self.process.stdout is not None
            self.process.stdout.close()
