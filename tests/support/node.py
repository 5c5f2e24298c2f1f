"""An official SDK for Node.js in a process of its own, behind two pipes (tests/node/pipe.mjs)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.needed import missing

FOLDER = Path(__file__).parents[1] / "node"


class NodeSdk:
    """A running script of tests/node with its arguments as JSON. Skips the test where Node.js cannot be had."""

    def __init__(self, script: str, *given: Any, environment: Mapping[str, str] | None = None) -> None:
        node = shutil.which("node")
        if node is None:
            missing("Node.js is not installed")
        if not (FOLDER / "node_modules/.ready").exists():
            missing("the npm packages are not installed (make node)")
        self.process = subprocess.Popen(
            [str(node), script, *(json.dumps(each) for each in given)],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **(environment or {})},
        )

    def ask(self, call: str, *given: Any) -> Any:
        """One call of the SDK, as it is: ``resolved`` and ``context``, or ``thrown``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": call, "with": given}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"node ended with {self.process.wait(30)}"
        return json.loads(line)

    def end(self) -> None:
        """Let the process go."""
        self.process.communicate(timeout=30)
