"""A server that other machines reach, its log, and how it ends: as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from mockpsp.cli import cli

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")


class Slow:
    """A webhook endpoint that answers when the test lets it, and then asks back like a shop does."""

    def __init__(self) -> None:
        self.asked, self.answer = threading.Event(), threading.Event()
        self.back: Callable[[], Any] = lambda: None
        self.found: list[Any] = []
        self.url = ""


@contextmanager
def slow() -> Iterator[Slow]:
    here = Slow()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            here.asked.set()
            here.answer.wait(30)
            here.found.append(here.back())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    here.url = f"http://127.0.0.1:{server.server_port}/hooks"
    try:
        yield here
    finally:
        here.answer.set()
        server.shutdown()
        server.server_close()
        thread.join()


def pay(url: str, key: str) -> None:
    body = {
        "merchantAccount": "MockpspFR", "reference": "ORDER-1", "returnUrl": "https://shop.example/back",
        "amount": {"currency": "EUR", "value": 1850},
        "paymentMethod": {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030",
                          "cvc": "737"},
    }  # fmt: skip
    answer = requests.post(f"{url}/v72/payments", json=body, headers={"X-API-Key": key}, timeout=30)
    assert answer.json()["resultCode"] == "Authorised"


@POSIX
def test_webhooks_that_are_due_leave_before_the_end(serve: Callable[..., Any]) -> None:
    with slow() as endpoint:
        served = serve("--webhook", f"adyen={endpoint.url}", "--drain", "30")
        url, key = served.told["url"], served.told["credentials"]["adyen"]["api_key"]
        endpoint.back = lambda: requests.get(f"{url}/_mockpsp/health", timeout=30)
        pay(url, key)
        assert endpoint.asked.wait(20)
        served.process.terminate()
        served.wait_for_line("stopping")
        endpoint.answer.set()
        assert served.wait() == 0
    health = endpoint.found[0]
    assert (health.status_code, health.json()["status"]) == (503, "closing")
    assert not any("not delivered" in line for line in served.lines)


@POSIX
def test_what_cannot_leave_in_time_is_told(serve: Callable[..., Any]) -> None:
    with slow() as endpoint:
        served = serve("--webhook", f"adyen={endpoint.url}", "--drain", "0")
        pay(served.told["url"], served.told["credentials"]["adyen"]["api_key"])
        assert endpoint.asked.wait(20)
        assert served.end() == 0
    assert "1 webhook is not delivered yet: lost, as there is no --state" in served.lines


@POSIX
def test_a_second_signal_ends_it_at_once(serve: Callable[..., Any]) -> None:
    with slow() as endpoint:
        served = serve("--webhook", f"adyen={endpoint.url}", "--drain", "600")
        pay(served.told["url"], served.told["credentials"]["adyen"]["api_key"])
        assert endpoint.asked.wait(20)
        served.process.send_signal(signal.SIGINT)
        served.wait_for_line("stopping")
        served.process.send_signal(signal.SIGINT)
        assert served.wait() == 1


def test_beyond_this_machine_a_token_is_made_up_and_told(serve: Callable[..., Any], tmp_path: Path) -> None:
    served = serve("--host", "0.0.0.0")
    token, url = served.told["control_token"], served.told["url"]

    served.wait_for_line(f"takes the token {token}")
    assert len(token) >= 32
    assert requests.get(f"{url}/_mockpsp/health", timeout=30).status_code == 200
    assert requests.get(f"{url}/_mockpsp/sandboxes", timeout=30).status_code == 401
    for host, status in (("mockpsp:8080", 200), ("evil.example", 421)):
        answer = requests.get(f"{url}/_mockpsp/health", headers={"Host": host}, timeout=30)
        assert answer.status_code == status
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "ready-0.json").stat().st_mode) == 0o600


def test_a_token_that_was_given_is_not_told_and_commands_take_it(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve("--host", "0.0.0.0", "--control-token", "given-by-the-test", "--allow-host", "pay.example")
    url = served.told["url"]
    served.wait_for_line("Ctrl+C")
    assert not any("given-by-the-test" in line for line in served.lines)
    assert requests.get(f"{url}/_mockpsp/health", headers={"Host": "pay.example"}, timeout=30).status_code == 200

    record = ["record", "default", "--url", url]
    refused = CliRunner().invoke(cli, record)
    assert refused.exit_code == 1
    assert "MOCKPSP_CONTROL_TOKEN" in refused.stderr
    assert CliRunner().invoke(cli, [*record, "--token", "given-by-the-test"]).exit_code == 0
    monkeypatch.setenv("MOCKPSP_CONTROL_TOKEN", "given-by-the-test")
    checked = CliRunner().invoke(cli, ["verify", "payments", "--url", url, "--count", "0"])
    assert checked.exit_code == 0, checked.output
    assert CliRunner().invoke(cli, ["explain", "1", "--url", url]).exit_code == 0
    assert CliRunner().invoke(cli, ["health", "--url", url]).output.startswith("ok: mockpsp ")


def test_on_this_machine_nobody_is_asked(serve: Callable[..., Any]) -> None:
    served = serve()
    assert "control_token" not in served.told
    assert requests.get(f"{served.told['url']}/_mockpsp/sandboxes", timeout=30).status_code == 200


@pytest.mark.parametrize("token", ["short", "with a space", "gr\xfcn-und-lang", ""])
def test_a_token_that_a_header_cannot_carry_or_one_can_guess_is_refused(token: str) -> None:
    ended = CliRunner().invoke(cli, ["serve", "--port", "0", "--control-token", token])
    assert ended.exit_code == 2
    assert "--control-token" in ended.stderr


def test_health_of_nobody(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli, ["health", "--url", "http://localhost:1"])
    assert ended.exit_code == 1
    assert "nobody answers" in ended.stderr


def test_requests_are_logged_in_json_if_that_is_wished(serve: Callable[..., Any]) -> None:
    served = serve("--log", "json", "--log-requests")
    pay(served.told["url"], served.told["credentials"]["adyen"]["api_key"])
    requests.get(f"{served.told['url']}/v72/payments?apiKey=sekrit-{os.getpid()}&number=4111111111111111", timeout=30)
    requests.get(f"{served.told['url']}/", headers={"Host": "evil.example"}, timeout=30)
    served.wait_for_line("evil.example")

    told = [json.loads(line) for line in served.lines if line.startswith("{")]
    first = told[0]
    assert (first["logger"], first["level"]) == ("mockpsp.requests", "info")
    assert (first["operation"], first["sandbox"]) == ("adyen.payments", "default")
    assert first["trace"] > 0
    assert (first["method"], first["target"], first["status"]) == ("POST", "/v72/payments", 200)
    assert first["time"].endswith("Z")
    assert first["seconds"] >= 0
    assert told[-1]["level"] == "warning"
    text = "\n".join(served.lines)
    assert "sekrit" not in text.split("Next")[-1]
    assert "4111111111111111" not in text.split("Next")[-1]


def test_without_being_asked_no_request_is_logged(serve: Callable[..., Any]) -> None:
    served = serve()
    pay(served.told["url"], served.told["credentials"]["adyen"]["api_key"])
    served.wait_for_line("Ctrl+C")
    assert served.end() in (0, 1)
    assert not any("/v72/payments" in line for line in served.lines)
