"""A judgement from beginning to end, with a merchant that is a function."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from mockpsp.judge.command import Ended
from mockpsp.judge.judging import gone as unseen
from mockpsp.judge.judging import judge
from mockpsp.judge.model import FORMAT, Judgement, Outcome, Report, Severity, as_builtins, as_json, parts
from mockpsp.judge.probes import chosen
from mockpsp.judge.runner import Runner, Setup, environment_of
from mockpsp.judge.sequence import mermaid
from mockpsp.judge.stage import BadBase, OneSandbox, OwnServer, base_of, one_sandbox
from mockpsp.judge.telling import line, table
from mockpsp.testing.client import Mockpsp
from tests.judge.runs import Story
from tests.support.receiver import Receiver
from tests.support.server import Threaded

CARD = {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}


def charge(env: Mapping[str, str], key: str = "") -> requests.Response:
    amount = {"currency": "EUR", "value": 1850}
    body = {
        "merchantAccount": env["ADYEN_MERCHANT_ACCOUNT"], "reference": "O-1", "amount": amount,
        "paymentMethod": CARD, "returnUrl": "http://localhost/back",
    }  # fmt: skip
    headers = {"X-API-Key": env["ADYEN_API_KEY"], **({"Idempotency-Key": key} if key else {})}
    return requests.post(f"{env['ADYEN_ENDPOINT']}/v72/payments", json=body, headers=headers, timeout=60)


def merchant(retries: Callable[[int], str]) -> Callable[[str, Mapping[str, str], float], Ended]:
    """Charges once, and again when no answer came, with the key that ``retries`` gives to each attempt."""

    def run(command: str, env: Mapping[str, str], limit: float) -> Ended:
        for attempt in (1, 2):
            try:
                answer = charge(env, retries(attempt))
            except requests.ConnectionError:
                continue
            return Ended(0 if answer.json().get("resultCode") == "Authorised" else 1, answer.text, 0.1, 0.0)
        return Ended(1, "no answer", 0.1, 0.0)

    return run


@pytest.fixture
def stage(live: Threaded) -> OwnServer:
    return OwnServer(live.url, False, {}, lambda: 0.0)


def cut_off(stage: OwnServer, retries: Callable[[int], str]) -> Judgement:
    told: list[tuple[int, int]] = []
    judgement = judge(
        Setup(run="pay", settle=5.0), stage, chosen(("adyen/create-cut-off", "adyen/refund-cut-off")),
        lambda report, number, count: told.append((number, count)), command=merchant(retries),
    )  # fmt: skip
    assert told == [(1, 3), (2, 3), (3, 3)]
    return judgement


def test_a_merchant_that_repeats_with_its_key_is_right(stage: OwnServer) -> None:
    judgement = cut_off(stage, lambda attempt: "order-1")
    assert [each.outcome for each in judgement.probes] == [Outcome.HELD, Outcome.NOT_APPLICABLE]
    assert judgement.ok
    assert judgement.probes[1].told == "the plain run makes no refund at adyen"


def test_a_merchant_that_charges_again_is_found(stage: OwnServer) -> None:
    judgement = cut_off(stage, lambda attempt: f"order-1-{attempt}")
    [finding] = judgement.counted
    assert (finding.key, finding.severity) == ("adyen/create-cut-off/charged-again", Severity.CRITICAL)
    assert "first with the key order-1-1, then with the key order-1-2" in finding.evidence[0].told
    assert len(finding.evidence[0].entries) == 2
    report = judgement.probes[0]
    assert report.sequence.startswith("sequenceDiagram")
    assert "merchant->>adyen: payments" in report.sequence
    assert "adyen--xmerchant: cut off" in report.sequence
    assert report.scenario["faults"]
    assert not judgement.ok


def test_the_json_form(stage: OwnServer) -> None:
    judgement = cut_off(stage, lambda attempt: f"order-1-{attempt}")
    told = json.loads(as_json(judgement))
    assert told == json.loads(json.dumps(as_builtins(judgement)))
    assert set(told) == {"format", "ok", "command", "seed", "clock", "plain", "probes", "took"}
    assert (told["format"], told["ok"], told["command"], told["clock"]) == (FORMAT, False, "pay", "real")
    assert set(told["plain"]) == {
        "probe", "provider", "title", "severity", "outcome", "told", "reason", "page", "findings", "ran", "scenario",
        "sequence",
    }  # fmt: skip
    [finding] = told["probes"][0]["findings"]
    assert set(finding) == {
        "name", "title", "probe", "provider", "severity", "evidence", "why", "instead", "source",
    }  # fmt: skip
    assert set(told["took"]) == {"wall", "simulator", "judge", "command"}


def test_the_table(stage: OwnServer) -> None:
    judgement = cut_off(stage, lambda attempt: f"order-1-{attempt}")
    told = table(judgement)
    assert "FOUND   adyen/create-cut-off" in told
    assert "not applicable: the plain run makes no refund at adyen" in told
    assert "CRITICAL  made the call again after a time-out without its idempotency key" in told
    assert "2 probes: 1 found something, 1 not applicable; 1 finding" in told
    assert "Why it matters: " in told
    assert "Instead: " in told
    assert line(judgement.probes[0], 2, 3).startswith("   2/3  FOUND  adyen/create-cut-off: made the call again")


def test_a_plain_run_that_fails_ends_the_judgement(stage: OwnServer) -> None:
    def fails(command: str, env: Mapping[str, str], limit: float) -> Ended:
        charge(env)
        return Ended(7, "one\ntwo", 0.1, 0.0)

    judgement = judge(Setup(run="pay", settle=5.0), stage, chosen(("adyen/*",)), command=fails)
    assert (judgement.plain.outcome, judgement.probes, judgement.ok) == (Outcome.BROKEN, (), False)
    assert "ended with 7" in judgement.plain.told
    assert "    two" in judgement.plain.told


@pytest.mark.parametrize(
    ("ended", "told"),
    [(Ended(None, "", 1.0, None), "did not end in time"), (Ended(0, "", 1.0, None), "called no provider")],
)
def test_a_plain_run_that_shows_nothing(stage: OwnServer, ended: Ended, told: str) -> None:
    judgement = judge(Setup(run="pay", settle=5.0), stage, (), command=lambda *_: ended)
    assert judgement.plain.outcome is Outcome.BROKEN
    assert told in judgement.plain.told


def test_what_cannot_be_put_in_force_is_broken_and_the_rest_goes_on(live: Threaded) -> None:
    probe = chosen(("adyen/create-cut-off",))[0]
    from msgspec.structs import replace

    bad = replace(probe, lines={"rules": [{"operation": "adyen.nothing", "then": {"outcome": "refused"}}]})
    stage = OwnServer(live.url, False, {}, lambda: 0.0)
    judgement = judge(Setup(run="pay", settle=5.0), stage, (bad, probe), command=merchant(lambda attempt: "k"))
    assert [each.outcome for each in judgement.probes] == [Outcome.BROKEN, Outcome.HELD]
    assert "adyen.nothing" in judgement.probes[0].told or "nothing" in judgement.probes[0].told
    assert not judgement.ok


# -- what a run is made of ---------------------------------------------------------------------------------------------


def test_the_variables_are_those_of_the_credentials(live: Threaded) -> None:
    with Mockpsp(live.url).new_sandbox() as sandbox:
        env = environment_of(sandbox, "adyen/probe", Setup(run="x", seed=5))
        assert env["ADYEN_API_KEY"] == sandbox.credentials["adyen"]["api_key"]
        assert env["WORLDLINE_API_ENDPOINT"] == live.url
        assert env["LYRA_ENDPOINT"] == f"{live.url}/marketplace-test"
        assert env["MOCKPSP_CONTROL"] == f"{live.url}/_mockpsp/sandboxes/{sandbox.id}"
        assert (env["MOCKPSP_SANDBOX"], env["MOCKPSP_PROBE"], env["MOCKPSP_SEED"]) == (sandbox.id, "adyen/probe", "5")
        assert env["ADYEN_PREVIOUS_HMAC_KEY"] != env["ADYEN_HMAC_KEY"]


def test_a_dotenv_file_has_them_too(live: Threaded, tmp_path: Any) -> None:
    path = tmp_path / ".env"
    seen: list[str] = []

    def look(command: str, env: Mapping[str, str], limit: float) -> Ended:
        seen.append(path.read_text(encoding="utf-8"))
        assert f"ADYEN_API_KEY={env['ADYEN_API_KEY']}\n" in seen[0]
        return Ended(0, "", 0.0, None)

    Runner(Setup(run="x", settle=5.0, dotenv=str(path)), OwnServer(live.url, False, {}, lambda: 0.0), look).run("plain")
    assert "MOCKPSP_URL=" in seen[0]


def test_one_sandbox_keeps_its_credentials_and_gets_other_ids(live: Threaded) -> None:
    with Mockpsp(live.url).new_sandbox() as sandbox:
        keys: list[str] = []
        runner = Runner(
            Setup(run="x", settle=5.0), OneSandbox(live.url, sandbox.id, False, {}), merchant(lambda _: "k")
        )

        def paid() -> str:
            observed, _ = runner.run("plain")
            [call] = observed.makes("adyen")
            keys.append(call.body["merchantAccount"])
            found: str = call.answer["pspReference"]
            return found

        assert paid() != paid()
        assert keys == [sandbox.credentials["adyen"]["merchant_account"]] * 2


def test_one_sandbox_is_left_as_it_was(live: Threaded) -> None:
    with Mockpsp(live.url).new_sandbox("worldline/split-with-card") as sandbox:
        with one_sandbox(live.url, sandbox.id, {}, manual=True) as stage:
            probe = chosen(("adyen/webhook-lost",))[0]
            Runner(Setup(run="x", settle=5.0), stage, merchant(lambda _: "k")).run("lost", probe.lines)
        left = Mockpsp(live.url).sandbox(sandbox.id)
        assert left.scenario == "worldline/split-with-card"
        assert left.clock().mode == "real"
        assert left.journal("request") == ()


@pytest.mark.parametrize("manual", [False, True])
def test_late_work_is_done_by_moving_the_clock(live: Threaded, manual: bool) -> None:
    runner = Runner(
        Setup(run="x", settle=5.0, manual=manual), OwnServer(live.url, manual, {}, lambda: 0.0), merchant(lambda _: "k")
    )
    observed, ran = runner.run("late", {"webhooks": [{"event": "adyen.*", "deliver": {"after": "5h"}}]}, later="6h")
    [webhook] = observed.webhooks
    assert webhook.status == "no_endpoint"
    assert any(each.kind == "clock" for each in observed.entries)
    assert observed.ended < observed.entries[-1].id
    assert (ran.exit_code, observed.passed) == (0, True)


def test_facts_of_the_merchant(live: Threaded, facts: str) -> None:
    setup = Setup(run="x", settle=5.0, facts=facts + "/{provider}/{reference}")
    observed, _ = Runner(setup, OwnServer(live.url, False, {}, lambda: 0.0), merchant(lambda _: "k")).run("plain")
    [said] = observed.about("adyen")
    assert (said.reference, said.state, said.paid) == ("O-1", "paid", True)
    setup = Setup(run="x", settle=5.0, facts=facts + "/missing/{order}")
    observed, _ = Runner(setup, OwnServer(live.url, False, {}, lambda: 0.0), merchant(lambda _: "k")).run("plain")
    assert observed.about("adyen") == []
    assert "404" in observed.said[0].error


@pytest.fixture
def facts() -> Iterator[str]:
    with answering({"/adyen/O-1": {"state": "Paid", "total": 1850}}) as url:
        yield url


@contextmanager
def answering(answers: Mapping[str, Any]) -> Iterator[str]:
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            body = json.dumps(found).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    worker = threading.Thread(target=server.serve_forever, args=(0.02,))
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        worker.join()


def test_a_base_is_a_name_or_what_a_file_says(tmp_path: Any) -> None:
    assert base_of("worldline/split-with-card") == {"extends": "worldline/split-with-card"}
    file = tmp_path / "mine.yaml"
    file.write_text("mockpsp: 1\ntitle: Mine\nextends: default\nseed: 3\nrules: []\n", encoding="utf-8")
    assert base_of(str(file)) == {"extends": "default", "seed": 3, "rules": []}
    file.write_text("a: [", encoding="utf-8")
    with pytest.raises(BadBase, match="mine"):
        base_of(str(file))
    file.write_text("- 1\n", encoding="utf-8")
    with pytest.raises(BadBase, match="mapping"):
        base_of(str(file))


def test_parts_go_before_those_of_the_base() -> None:
    base = {"extends": "default", "rules": [1], "settings": {"adyen": {"a": 1}, "lyra": {"b": 2}}, "seed": 1}
    lines = {"rules": [0], "settings": {"adyen": {"c": 3}}}
    assert parts([lines, base]) == {
        "extends": "default", "rules": [0, 1], "settings": {"adyen": {"c": 3, "a": 1}, "lyra": {"b": 2}}, "seed": 1,
    }  # fmt: skip


def test_a_long_diagram_is_cut_and_says_so(stage: OwnServer) -> None:
    def busy(command: str, env: Mapping[str, str], limit: float) -> Ended:
        for number in range(35):
            charge(env, f"k{number}")
        return Ended(0, "", 0.1, None)

    observed, _ = Runner(Setup(run="x", settle=5.0), stage, busy).run("plain")
    told = mermaid(observed, "adyen").splitlines()
    assert told[-1] == "    Note over merchant,adyen: 10 more steps"


def test_reports_are_frozen(stage: OwnServer) -> None:
    judgement = judge(Setup(run="pay", settle=5.0), stage, (), command=merchant(lambda _: "k"))
    assert isinstance(judgement.plain, Report)
    with pytest.raises(AttributeError):
        judgement.plain.told = "other"  # type: ignore[misc]
    assert os.environ.get("MOCKPSP_SANDBOX") is None, "the environment of this process stays as it was"


def test_a_merchant_that_ends_with_its_command_is_not_seen_afterwards(live: Threaded, receiver: Receiver) -> None:
    probes = chosen(("adyen/webhook-replayed", "adyen/return-twice"))
    gone = OwnServer(live.url, False, {"adyen": receiver.url}, lambda: 0.0)

    def ends(command: str, env: Mapping[str, str], limit: float) -> Ended:
        receiver.status = 200
        ended = merchant(lambda _: "k")(command, env, limit)
        Mockpsp(live.url).sandbox(env["MOCKPSP_SANDBOX"]).settle()
        if env["MOCKPSP_PROBE"] != "plain":
            Mockpsp(live.url).sandbox(env["MOCKPSP_SANDBOX"]).send_webhooks("adyen", "http://127.0.0.1:9/webhooks")
        return ended

    judgement = judge(Setup(run="pay", settle=5.0), gone, probes, command=ends)
    assert [each.outcome for each in judgement.probes] == [Outcome.HELD, Outcome.NOT_APPLICABLE]
    assert "nobody answers at the return address" in judgement.probes[1].told


def test_what_never_reached_the_merchant_is_not_held() -> None:
    probe = chosen(("adyen/webhook-replayed",))[0]
    late = Story().webhook(status=None, error="Cannot connect to host")
    assert "nobody takes webhooks" in unseen(probe, late.run(ended=0))
    assert unseen(probe, late.webhook(status=200).run(ended=0)) == ""
