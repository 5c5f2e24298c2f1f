"""``python bench/vendor.py path/to/sdk-python3``: the vendor's own integration tests, unchanged, against this server.

Nothing of the checkout is copied. A failure is expected where a test calls an endpoint that we list as unsupported: the
server said so, or the test failed on its way there. Any other failure makes the exit code 1. A file that cannot be
imported because the vendor's own test needs one more package counts as skipped, and is named.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import subprocess
import sys
import unittest
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

OUTCOMES = ("passed", "failed", "errors", "skipped")
PATIENCE_SECONDS = 60.0


def read(url: str) -> Any:
    """JSON from an address."""
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


# -- inside: a process that knows the checkout and nothing of us ------------------------------------------------------


class Told(unittest.TestResult):
    """One line of JSON for each test: how it ended, what was answered with 501 meanwhile, what the test calls."""

    def __init__(self, journal: str, report: Any) -> None:
        super().__init__()
        self.journal = journal
        self.report = report
        self.after = 0

    def _say(self, test: unittest.TestCase, outcome: str, text: str = "") -> None:
        asked = read(f"{self.journal}?kind=request&after={self.after}")
        self.after = asked["next_after"]
        declined = [entry["operation"] for entry in asked["entries"] if entry["status"] == 501]
        source = inspect.getsource(getattr(test, test._testMethodName)) if declined or asked["entries"] else ""
        line = {"test": test.id(), "outcome": outcome, "declined": declined, "text": text}
        line["calls"] = re.findall(r"\.(\w+)\(", source)
        self.report.write(json.dumps(line) + "\n")

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802  # unittest's name
        self._say(test, "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802  # unittest's name
        self._say(test, "skipped", reason)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802  # unittest's name
        self._say(test, "failed", f"{err[0].__name__}: {err[1]}")

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802  # unittest's name
        lacking = re.search(r"No module named '.+'", str(err[1])) if err[0] is ImportError else None
        if lacking is not None:
            self._say(test, "skipped", lacking[0])
        else:
            self._say(test, "errors", f"{err[0].__name__}: {err[1]}")


def inside(journal: str, report: Path) -> None:
    """Run the tests of the folder that is the working directory."""
    sys.path.insert(0, str(Path.cwd()))
    with report.open("w", encoding="utf-8") as file:
        unittest.defaultTestLoader.discover("tests/integration", "test_*.py", ".").run(Told(journal, file))


# -- outside: the server, and what it means ---------------------------------------------------------------------------


class Ended(NamedTuple):
    """How one test ended. ``declined`` is the operation that it wanted and we do not emulate, or nothing."""

    file: str
    test: str
    outcome: str
    declined: str
    text: str


@contextmanager
def serving(folder: Path) -> Iterator[Mapping[str, Any]]:
    """A server on a free port; what its ready file says."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "mockpsp", "serve", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not ready.exists():
            with suppress(subprocess.TimeoutExpired):
                sys.exit(f"the server ended with {process.wait(0.02)}")
        yield json.loads(ready.read_text(encoding="utf-8"))
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def environment(told: Mapping[str, Any]) -> dict[str, str]:
    """The variables that the vendor's tests read."""
    given = told["credentials"]["worldline"]
    host, _, port = told["url"].removeprefix("http://").rpartition(":")
    return {
        **os.environ,
        "onlinePayments_api_v1hmac_apiKeyId": given["api_key_id"],
        "onlinePayments_api_v1hmac_secretApiKey": given["secret_api_key"],
        "onlinePayments_api_merchantId": given["merchant_id"],
        "onlinePayments_api_endpoint_host": host,
        "onlinePayments_api_endpoint_scheme": "http",
        "onlinePayments_api_endpoint_port": port,
    }


def ended(line: Mapping[str, Any], unsupported: frozenset[str]) -> Ended:
    """One line of the report, read."""
    declined = next((each for each in (*line["declined"], *line["calls"]) if each in unsupported), "")
    parts = line["test"].split(".")
    file = next((part for part in parts if part.startswith("test_")), line["test"])
    return Ended(file, parts[-1], line["outcome"], declined, line["text"].splitlines()[0] if line["text"] else "")


def run(checkout: Path) -> list[Ended]:
    """All tests of a checkout."""
    from mockpsp.providers.worldline import PROVIDER

    unsupported = frozenset(each.operation for each in PROVIDER.unsupported)
    with TemporaryDirectory(prefix="mockpsp-vendor-") as folder:
        report = Path(folder) / "report.jsonl"
        with serving(Path(folder)) as told:
            journal = f"{told['url']}/_mockpsp/sandboxes/default/journal"
            command = [sys.executable, str(Path(__file__).resolve()), "--inside", journal, str(report)]
            subprocess.run(command, cwd=checkout, env=environment(told), check=True)
        lines = report.read_text(encoding="utf-8").splitlines()
    return [ended(json.loads(line), unsupported) for line in lines]


def table(tests: Sequence[Ended]) -> Iterator[str]:
    """Counts per file, then each failure with its reason."""
    counts = Counter((each.file, each.outcome) for each in tests)
    files = sorted({each.file for each in tests})
    width = max(map(len, files), default=0)
    yield f"{'':{width}}" + "".join(f"{outcome:>9}" for outcome in OUTCOMES)
    for file in files:
        yield f"{file:{width}}" + "".join(f"{counts[file, outcome] or '·':>9}" for outcome in OUTCOMES)
    yield f"{'all':{width}}" + "".join(f"{sum(each.outcome == outcome for each in tests):>9}" for outcome in OUTCOMES)
    for each in tests:
        if each.outcome in ("failed", "errors"):
            why = f"not emulated: {each.declined}" if each.declined else f"UNEXPECTED: {each.text}"
            yield f"{each.file}.{each.test}: {why}"
        elif each.text.startswith("No module"):
            yield f"{each.file}: not run, {each.text}"


def main(checkout: Path) -> int:
    """Print the table; 1 when something failed that we do emulate, or when nothing passed."""
    if not (checkout / "tests" / "integration").is_dir():
        sys.exit(f"{checkout} is no checkout of sdk-python3: it has no tests/integration")
    tests = run(checkout)
    print(*table(tests), sep="\n")
    failures = [each for each in tests if each.outcome in ("failed", "errors") and not each.declined]
    return int(bool(failures) or not any(each.outcome == "passed" for each in tests))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], Path(sys.argv[3]))
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("checkout", type=Path, help="a checkout of the vendor's sdk-python3")
        sys.exit(main(parser.parse_args().checkout))
