"""``explain`` and ``verify``: the commands that ask a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from mockpsp.cli import cli
from mockpsp.settings import Settings
from tests.support.server import Threaded, threaded

WORLD = """\
mockpsp: 1
title: Large and marked payments are refused
rules:
  - name: large ones of Maestro fail
    operation: adyen.payments
    when: {amount: {at_least: 500.00 EUR}, brand: maestro}
    then: {outcome: refused}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    file = tmp_path_factory.mktemp("scenario") / "rules.yaml"
    file.write_text(WORLD, encoding="utf-8")
    with threaded(Settings(scenarios=("default", str(file)))) as running:
        yield running


@pytest.fixture
def sandbox(server: Threaded) -> dict[str, object]:
    made: dict[str, object] = requests.post(f"{server.url}/_mockpsp/sandboxes", timeout=10).json()
    return made


def pay(server: Threaded, sandbox: dict, cents: int) -> requests.Response:
    keys = sandbox["credentials"]["adyen"]
    card = {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}
    body = {
        "merchantAccount": keys["merchant_account"], "reference": "ORDER-1", "returnUrl": "https://shop.example/back",
        "amount": {"currency": "EUR", "value": cents}, "paymentMethod": card,
    }  # fmt: skip
    return requests.post(f"{server.url}/v72/payments", json=body, headers={"X-API-Key": keys["api_key"]}, timeout=10)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def ask(command: str, server: Threaded, sandbox: dict, *words: str) -> Result:
    return run(command, "--url", server.url, "--sandbox", str(sandbox["id"]), *words)


def test_explain_says_why_in_a_paragraph_and_then_in_parts(server: Threaded, sandbox: dict) -> None:
    trace = pay(server, sandbox, 1850).headers["Mockpsp-Trace"]
    text, told = (ask("explain", server, sandbox, trace, "--format", form) for form in ("text", "json"))

    assert text.exit_code == 0, text.output
    assert "POST /v72/payments (adyen.payments) was answered with status 200." in " ".join(text.output.split())
    rows = [line.split("  ") for line in text.output.splitlines() if "large ones of Maestro fail" in line]
    assert any({"amount", "at least 500.00 EUR", "18.50 EUR"} <= {cell.strip() for cell in row} for row in rows)
    assert any({"brand", "is maestro"} <= {cell.strip() for cell in row} for row in rows)
    assert "What followed:" in text.output
    assert "webhook AUTHORISATION" in text.output
    assert json.loads(told.output)["explanation"]


def test_explain_prints_what_was_signed(server: Threaded, sandbox: dict) -> None:
    keys = sandbox["credentials"]["worldline"]
    answer = requests.get(
        f"{server.url}/v2/{keys['merchant_id']}/services/testconnection", timeout=10,
        headers={"Authorization": f"GCS v1HMAC:{keys['api_key_id']}:bm8=", "Date": "Tue, 06 Jan 2026 09:15:00 GMT"},
    )  # fmt: skip
    text = ask("explain", server, sandbox, answer.headers["Mockpsp-Trace"]).output

    signed = text.partition("mockpsp signed:\n")[2].splitlines()
    assert [line.strip() for line in signed[:4]] == [
        "GET", "", "Tue, 06 Jan 2026 09:15:00 GMT", f"/v2/{keys['merchant_id']}/services/testconnection",
    ]  # fmt: skip


def test_explain_of_nothing_says_so(server: Threaded, sandbox: dict) -> None:
    unknown = ask("explain", server, sandbox, "99999")
    nowhere = run("explain", "1", "--url", "http://localhost:1")
    strange = run("explain", "1", "--url", "ftp://localhost")
    lost = run("explain", "1", "--url", server.url, "--sandbox", "defualt")

    assert {each.exit_code for each in (unknown, nowhere, strange, lost)} == {1}
    assert "there is no entry 99999" in unknown.stderr
    assert "is 'mockpsp serve' running there?" in nowhere.stderr
    assert "did you mean 'default'?" in lost.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["payments"],
        ["adyen.payments", "--count", "2"],
        ["payments", "--at-least", "1", "--at-most", "2", "--provider", "adyen"],
        ["payments", "--body", "amount.value=1850", "--body", "reference=ORDER-1", "--status", "200", "--count", "1"],
        ["AUTHORISATION", "--kind", "webhook", "--count", "2"],
        ["payments", "--then", "payments"],
        ["refund_captured_payment", "--count", "0"],
    ],
)
def test_verify_finds_what_happened(server: Threaded, sandbox: dict, words: list[str]) -> None:
    for cents in (1850, 900):
        assert pay(server, sandbox, cents).ok

    ended = ask("verify", server, sandbox, *words)

    assert (ended.exit_code, ended.output.startswith("ok: ")) == (0, True), ended.output


def test_verify_tells_the_nearest_miss(server: Threaded, sandbox: dict) -> None:
    pay(server, sandbox, 1850)
    missed = ask("verify", server, sandbox, "payments", "--body", "amount.value=1851", "--body", "amount.currency=EUR")
    told = ask("verify", server, sandbox, "payments", "--count", "2", "--format", "json")

    assert (missed.exit_code, told.exit_code) == (1, 1)
    assert missed.output.startswith("no: expected at least 1 × request payments")
    assert "nearest: entry" in missed.output
    assert ["body.amount.value", "1851", "1850"] in [line.split() for line in missed.output.splitlines()]
    assert json.loads(told.output)["ok"] is False


def test_verify_reads_checks_from_a_file(server: Threaded, sandbox: dict, tmp_path: Path) -> None:
    pay(server, sandbox, 1850)
    file = tmp_path / "checks.yaml"
    file.write_text(
        "- {operation: payments, count: 1}\n"
        "- order: [{operation: payments}, {kind: webhook, operation: AUTHORISATION}]\n",
        encoding="utf-8",
    )
    good = ask("verify", server, sandbox, "--file", str(file))
    file.write_text('{"operation": "payments", "count": 3}', encoding="utf-8")
    bad = ask("verify", server, sandbox, "--file", str(file))

    assert (good.exit_code, good.output.count("ok: ")) == (0, 2), good.output
    assert bad.exit_code == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say what to look for"),
        (["payments", "--count", "1", "--at-most", "2"], "--count is exact"),
        (["payments", "--count", "1", "--then", "refund"], "--then asks for an order"),
        (["payments", "--body", "amount"], "write it like amount.value=1850"),
        (["payments", "--body", "a=1", "--body", "a.b=1"], "a has a value of its own"),
    ],
)
def test_verify_says_how_to_ask(words: list[str], told: str) -> None:
    ended = run("verify", *words)

    assert ended.exit_code == 2
    assert told in ended.stderr


@pytest.mark.parametrize("text", ["just words", "a: [", "[]"])
def test_a_file_without_checks_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "checks.yaml"
    file.write_text(text, encoding="utf-8")

    assert run("verify", "--file", str(file)).exit_code == 2


def test_health_is_asked_where_the_environment_says(server: Threaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCKPSP_PORT", server.url.rpartition(":")[2])
    found = CliRunner().invoke(cli, ["health"])
    assert (found.exit_code, found.output[:12]) == (0, "ok: mockpsp ")
    assert CliRunner().invoke(cli, ["health", "--url", "http://127.0.0.1:1"]).exit_code == 1
