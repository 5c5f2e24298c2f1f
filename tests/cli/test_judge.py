"""``mockpsp judge``: the command line, with a merchant of a few lines that is another process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mockpsp.cli import cli
from mockpsp.judge.probes import PROBES

MERCHANT = """
import http.client, json, os, sys, urllib.parse, uuid

env = os.environ
address = urllib.parse.urlsplit(env["ADYEN_ENDPOINT"])
key = "order-1"
body = {
    "merchantAccount": env["ADYEN_MERCHANT_ACCOUNT"], "reference": "O-1", "returnUrl": "http://localhost/back",
    "amount": {"currency": "EUR", "value": 1850},
    "paymentMethod": {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030",
                      "cvc": "737"},
}
for attempt in range(3):
    if "new-key" in sys.argv:
        key = str(uuid.uuid4())
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    try:
        connection.request("POST", "/v72/payments", json.dumps(body), {
            "X-API-Key": env["ADYEN_API_KEY"], "Idempotency-Key": key, "Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        continue
    print(env["MOCKPSP_PROBE"], answer.get("resultCode"))
    sys.exit(0 if answer.get("resultCode") == "Authorised" else 1)
sys.exit(2)
"""


@pytest.fixture
def command(tmp_path: Path) -> str:
    file = tmp_path / "merchant.py"
    file.write_text(MERCHANT, encoding="utf-8")
    return f'"{sys.executable}" "{file}"'


def judge(*options: str) -> Result:
    return CliRunner().invoke(cli, ["judge", *options])


CUT_OFF = ("--probe", "adyen/create-cut-off", "--settle", "5")


def test_a_right_merchant_ends_with_0(command: str, tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    result = judge("--run", command, *CUT_OFF, "--dotenv", str(dotenv))
    assert result.exit_code == 0, result.output
    assert "ok      adyen/create-cut-off" in result.output
    assert "1 probe: 1 held; 0 findings" in result.output
    assert "   2/2  ok     adyen/create-cut-off: held" in result.output
    assert "MOCKPSP_PROBE=adyen/create-cut-off" in dotenv.read_text(encoding="utf-8")


def test_a_wrong_merchant_ends_with_1_and_the_evidence(command: str) -> None:
    result = judge("--run", f"{command} new-key", *CUT_OFF, "--format", "json", "--quiet")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    [finding] = told["probes"][0]["findings"]
    assert (finding["name"], finding["severity"]) == ("charged-again", "critical")
    assert told["plain"]["ran"]["output"].split() == ["plain", "Authorised"]


def test_a_command_that_fails_plainly_is_told_with_its_output() -> None:
    result = judge("--run", "echo I am lost; exit 3", *CUT_OFF)
    assert result.exit_code == 1
    assert "the command ended with 3 although nothing was bent" in result.output
    assert "I am lost" in result.output


def test_all_probes_are_listed() -> None:
    result = judge("--list")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(PROBES)
    assert "adyen/webhook-live  a success of the live environment, rightly signed" in result.output
    few = judge("--list", "--provider", "lyra", "--probe", "webhook-*").output.splitlines()
    assert few
    assert all(each.startswith("lyra/webhook-") for each in few)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "say what to run: --run COMMAND"),
        (("--run", "true", "--probe", "webhook-last"), "no probe is called 'webhook-last'"),
        (("--run", "true", "--webhook", "adyen"), "write it like"),
    ],
)
def test_a_wrong_command_line(options: tuple[str, ...], told: str) -> None:
    result = judge(*options)
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--scenario", "nothing"), "nothing"),
        (("--sandbox", "default", "--url", "http://127.0.0.1:9"), "no mockpsp answers"),
    ],
)
def test_what_cannot_be_begun(options: tuple[str, ...], told: str) -> None:
    result = judge("--run", "exit 0", *CUT_OFF, *options)
    assert result.exit_code == 1
    assert told in result.output
