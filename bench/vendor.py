"""``python bench/vendor.py path/to/sdk-python3``: the vendor's own integration tests, unchanged, against this server.

Nothing of the checkout is copied. A failure of an endpoint that we list as unsupported is expected; any other one makes
the exit code 1.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from mockpsp.providers import discover

OUTCOMES = ("passed", "failed", "error", "skipped")

# Runs inside the checkout, in a process of its own: one JSON line per test, and around each the journal's position.
RUNNER = r"""
import json, os, sys, unittest, urllib.request

journal, report = sys.argv[1], open(sys.argv[2], "w", encoding="utf-8")
sys.path.insert(0, os.getcwd())

def position():
    with urllib.request.urlopen(journal + "?limit=1&newest=1", timeout=30) as answer:
        return json.load(answer)

class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        print(json.dumps({"test": test.id(), "outcome": "begins"}), file=report, flush=True)

    def say(self, test, outcome, text=""):
        print(json.dumps({"test": test.id(), "outcome": outcome, "text": text}), file=report, flush=True)

    def addSuccess(self, test): self.say(test, "passed")
    def addSkip(self, test, reason): self.say(test, "skipped", reason)
    def addFailure(self, test, error): self.say(test, "failed", self._exc_info_to_string(error, test))
    def addError(self, test, error): self.say(test, "error", self._exc_info_to_string(error, test))
    def addExpectedFailure(self, test, error): self.say(test, "passed")
    def addUnexpectedSuccess(self, test): self.say(test, "failed", "succeeded unexpectedly")

suite = unittest.defaultTestLoader.discover("tests/integration", "test_*.py", ".")
suite.run(Result())
"""
