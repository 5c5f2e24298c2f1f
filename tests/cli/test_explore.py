"""``mockpsp explore``: a merchant that is a script, from the command line to the files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockpsp.cli import cli

MERCHANT = """
import json, os, sys, urllib.error, urllib.request
card = {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}
body = json.dumps({"merchantAccount": os.environ["ADYEN_MERCHANT_ACCOUNT"], "reference": "O-1", "paymentMethod": card,
                   "amount": {"currency": "EUR", "value": 1850}, "returnUrl": "http://localhost/back"}).encode()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for key in KEYS:
    headers = {"X-API-Key": os.environ["ADYEN_API_KEY"], "Content-Type": "application/json", "Idempotency-Key": key}
    try:
        request = urllib.request.Request(os.environ["ADYEN_ENDPOINT"] + "/v72/payments", body, headers)
        with opener.open(request) as answer:
            sys.exit(0 if json.load(answer)["resultCode"] == "Authorised" else 1)
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        pass
sys.exit(1)
"""


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Charges again under another key when no answer came."""
    script = tmp_path / "buy.py"
    script.write_text(MERCHANT.replace("KEYS", '("1", "2", "3")'), encoding="utf-8")
    return f'"{sys.executable}" "{script}"'


def explore(*given: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["explore", "--settle", "5", *given])
    return result.exit_code, result.stdout, result.stderr


def judged(tmp_path: Path) -> str:
    """A judgement in which nothing was found, so that no probes are run."""
    took = {"wall": 0.0}
    plain = {"probe": "plain", "provider": "", "title": "", "severity": "high", "outcome": "held"}
    file = tmp_path / "judged.json"
    told = {
        "format": 1,
        "ok": True,
        "command": "",
        "seed": 1,
        "clock": "real",
        "plain": plain,
        "probes": [],
        "took": took,
    }
    file.write_text(json.dumps(told), encoding="utf-8")
    return str(file)


def test_what_is_found_is_written_told_and_replayed(command: str, tmp_path: Path) -> None:
    into, report = tmp_path / "found", tmp_path / "report.xml"
    walk = (
        "--run",
        command,
        "--on",
        "adyen.payments lost",
        "--on",
        "adyen.payments busy",
        "--judged",
        judged(tmp_path),
    )
    code, out, err = explore(
        *walk, "--budget", "2", "--into", str(into), "--junit", str(report),
        "--html", str(tmp_path / "walk.html"),
    )  # fmt: skip
    assert code == 1
    assert "made the call again after a time-out without its idempotency key" in out
    assert "FOUND  adyen.payments lost" in err
    [file] = into.iterdir()
    assert f"written: {file}" in err
    assert "explored: payments lost" in (tmp_path / "walk.html").read_text(encoding="utf-8")
    assert "charged-again" in report.read_text(encoding="utf-8")
    assert CliRunner().invoke(cli, ["scenarios", "check", str(file)]).exit_code == 0
    page, sarif = tmp_path / "page.html", tmp_path / "findings.sarif"
    code, out, _ = explore("--run", command, "--replay", str(file), "--html", str(page), "--sarif", str(sarif))
    assert (code, "made the call again" in out) == (1, True)
    assert file.name in page.read_text(encoding="utf-8")
    assert json.loads(sarif.read_text(encoding="utf-8"))["runs"][0]["results"]
    (tmp_path / "buy.py").write_text(MERCHANT.replace("KEYS", '("1", "1", "1")'), encoding="utf-8")
    code, out, _ = explore("--run", command, "--replay", str(file), "--format", "json")
    assert (code, json.loads(out)["ok"]) == (0, True)


def test_a_baseline_lets_known_findings_pass(command: str, tmp_path: Path) -> None:
    base = tmp_path / "baseline.json"
    walk = (
        "--run",
        command,
        "--on",
        "adyen.payments lost",
        "--judged",
        judged(tmp_path),
        "--into",
        str(tmp_path / "x"),
    )
    assert explore(*walk, "--baseline", str(base), "--write-baseline")[0] == 0
    code, out, _ = explore(*walk, "--baseline", str(base))
    assert (code, "(in the baseline)" in out) == (0, True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "Missing option '--run'"),
        (("--run", "x", "--time", "soon"), "'soon' is no span of time such as 90s, 10m or 1h"),
        (("--run", "x", "--budget", "0"), "0 is not in the range"),
    ],
)
def test_mistakes_in_the_command_line(given: tuple[str, ...], told: str) -> None:
    code, _, err = explore(*given)
    assert (code, told in err) == (2, True)


def test_files_that_are_something_else(command: str, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[]", encoding="utf-8")
    code, _, err = explore("--run", command, "--judged", str(other))
    assert (code, "is not what judge --json writes" in err) == (1, True)
    scenario = tmp_path / "other.yaml"
    scenario.write_text("- 1\n", encoding="utf-8")
    code, _, err = explore("--run", command, "--replay", str(scenario))
    assert (code, "other.yaml" in err) == (1, True)
