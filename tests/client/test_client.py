"""The client of the control API that the pytest plugin hands to tests: against a server of the session, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import iscoroutine
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from mockpsp import testing
from mockpsp.settings import Settings
from mockpsp.testing import Inbox, Mockpsp, Sandbox
from mockpsp.testing.aio import AsyncSandbox
from mockpsp.testing.answers import Entry
from mockpsp.testing.connection import Connection, ControlError, Unreachable
from mockpsp.testing.threads import threaded
from mockpsp.testing.timeline import WIDTH, line, told
from tests.support.server import Threaded

CARD = {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}


@pytest.fixture
def server(live: Threaded) -> Mockpsp:
    """The session's server, as a client sees it."""
    return Mockpsp(f"{live.url}/")


@pytest.fixture
def box(server: Mockpsp) -> Iterator[Sandbox]:
    """A sandbox whose clock stands still."""
    with server.new_sandbox(clock=datetime(2026, 7, 1, 9, 0, tzinfo=UTC)) as sandbox:
        yield sandbox


def pay(box: Sandbox, cents: int = 1000, number: str = CARD["number"]) -> dict[str, Any]:
    """A card payment at Adyen."""
    keys = box.credentials["adyen"]
    body = {
        "merchantAccount": keys["merchant_account"], "reference": "R-1", "paymentMethod": {**CARD, "number": number},
        "amount": {"currency": "EUR", "value": cents}, "returnUrl": "https://shop.example/back",
    }  # fmt: skip
    url = f"{box.base_urls['adyen']}/v72/payments"
    answer: dict[str, Any] = requests.post(url, json=body, headers={"X-API-Key": keys["api_key"]}, timeout=30).json()
    return answer


# -- the server --------------------------------------------------------------------------------------------------------


def test_a_server_tells_what_it_is_and_what_it_can_play(server: Mockpsp) -> None:
    assert server.health()["status"] == "ok"
    assert {"default", "adyen/full-voucher"} <= set(server.scenarios())
    assert server.sandbox().id == "default"
    assert server.url.count("/") == 2


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="nowhere"), threaded(Settings(scenarios=("nowhere",))):
        pytest.fail("it started")


@pytest.mark.parametrize("url", ["", "ftp://localhost", "http://", "http:///path"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Unreachable, match="is no address"):
        Mockpsp(url)


def test_an_address_without_a_scheme_is_http(server: Mockpsp) -> None:
    assert Mockpsp(server.url.removeprefix("http://")).health()["version"]


@pytest.mark.parametrize(
    ("status", "media", "body"),
    [
        (200, "text/html", b"<p>Hello"),
        (404, "text/html", b"no"),
        (500, "application/json", b"{}"),
        (301, "text/plain", b""),
    ],
)
def test_somebody_else_answers(status: int, media: str, body: bytes) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        worker = Thread(target=other.serve_forever, args=(0.02,))
        worker.start()
        try:
            with pytest.raises(Unreachable, match=f"is not mockpsp: status {status}, {media}"):
                Mockpsp(f"http://127.0.0.1:{other.server_address[1]}").health()
        finally:
            other.shutdown()
            worker.join()


# -- the sandbox -------------------------------------------------------------------------------------------------------


def test_a_sandbox_ends_with_its_statement(server: Mockpsp) -> None:
    with server.new_sandbox("adyen/full-voucher", seed=9) as box:
        assert (box.scenario, box.seed) == ("adyen/full-voucher", 9)
        assert set(box.credentials) == {"adyen", "lyra", "worldline"}
        assert set(box.base_urls) == {"adyen", "adyen_web", "lyra", "worldline"}
        assert box.id in repr(box)
    with pytest.raises(ControlError) as refused:
        box.clock()
    assert (refused.value.status, refused.value.kind) == (404, "unknown-sandbox")


def test_a_scenario_with_mistakes_leaves_nothing_behind(server: Mockpsp, tmp_path: Path) -> None:
    file = tmp_path / "story.yaml"
    file.write_text("mockpsp: 1\ntitle: A\nrules: 7\n", encoding="utf-8")
    before = len(Connection(server.url).ask("GET", "/sandboxes")["sandboxes"])
    with pytest.raises(ControlError, match=rf"{re.escape(str(file))}:3:\d+: "):
        server.new_sandbox(file)
    assert len(Connection(server.url).ask("GET", "/sandboxes")["sandboxes"]) == before


def test_files_are_found_beside_the_test_and_from_here(
    server: Mockpsp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    for place, seed in (("here.yml", 1), ("below/there.json", 2)):
        (tmp_path / place).write_text(f'{{"mockpsp": 1, "title": "A", "seed": {seed}}}', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with server.new_sandbox("here.yml") as box:
        assert box.seed == 1
    with server.new_sandbox("there.json", folders=[tmp_path / "below"]) as box:
        assert box.seed == 2
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.yaml"):
        server.new_sandbox("nowhere/a.yaml")
    with pytest.raises(FileNotFoundError, match="there"):
        server.new_sandbox(Path("there"))
    with pytest.raises(ControlError, match=r"gone\.yaml"):
        server.new_sandbox("gone.yaml")


def test_time_is_moved_in_every_way(box: Sandbox) -> None:
    assert box.clock().mode == "manual"
    assert box.advance("PT1H").now == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert box.advance(timedelta(minutes=90)).now == datetime(2026, 7, 1, 11, 30, tzinfo=UTC)
    assert box.set_clock("2026-07-02T00:00:00+02:00").now == datetime(2026, 7, 1, 22, tzinfo=UTC)
    assert box.run_clock().mode == "real"
    assert box.stop_clock().mode == "manual"
    with pytest.raises(ControlError, match="is not a duration"):
        box.advance("an hour")


def test_webhooks_that_nobody_asked_for_are_told_too(box: Sandbox) -> None:
    pay(box)
    (webhook,) = box.webhooks(type="AUTH*")
    assert (webhook.provider, webhook.status, webhook.url, webhook.attempts) == ("adyen", "no_endpoint", None, ())
    assert webhook.created == datetime(2026, 7, 1, 9, tzinfo=UTC)
    assert box.webhooks(provider="lyra") == ()


def test_an_inbox_keeps_the_very_bytes(box: Sandbox) -> None:
    inbox = box.inbox("adyen", "lyra")
    inbox.status = 503
    pay(box)
    (came,) = inbox.received()
    assert (came.provider, came.answered) == ("adyen", 503)
    assert came.headers["content-type"].startswith("application/json")
    assert came.json()["notificationItems"]
    assert inbox.received("lyra") == ()
    assert box.webhooks()[0].attempts[0].status == 503
    again = box.resend(box.webhooks()[0].n, f"{inbox.url}/elsewhere")
    assert again.url == f"{inbox.url}/elsewhere"
    assert inbox.received("elsewhere")[0].body == came.body


def test_addresses_that_the_server_does_not_send_to_are_an_error(box: Sandbox) -> None:
    with pytest.raises(ValueError, match=r"example\.com.*--allow-webhooks-to"):
        box.send_webhooks("adyen", "https://example.com/hook")
    box.send_webhooks("adyen")
    pay(box)
    assert box.webhooks()[0].status == "no_endpoint"


def test_the_shopper_needs_a_checkout(box: Sandbox) -> None:
    pay(box, number="4212345678901237")
    pay(box, number="4212345678901237")
    first, second = box.checkouts()
    with pytest.raises(LookupError, match=f"{first.ref} .*{second.ref} "):
        box.shopper(pay=["card"])
    assert box.shopper(first.ref, pay=[{"with": "card"}])
    box.shopper(abandon=True)
    with pytest.raises(ControlError, match="exactly one of"):
        box.shopper(second.ref, cancel=True, abandon=True)


def test_the_shopper_at_the_bank(box: Sandbox) -> None:
    pay(box, number="4212345678901237")
    assert box.shopper(bank="fails")
    pay(box, number="4212345678901237")
    with pytest.raises(ControlError, match="give_back: a shopper cannot do that"):
        box.shopper(give_back=True)


def test_staff_of_a_provider_acts(box: Sandbox) -> None:
    with pytest.raises(ControlError, match="nobody"):
        box.back_office("lyra", "nobody", status="SUCCEEDED")
    with pytest.raises(ControlError, match="no back office"):
        box.back_office("worldline", "1", provider="x")


# -- what happened -----------------------------------------------------------------------------------------------------


def test_checks_that_hold_return_what_matched(box: Sandbox) -> None:
    box.inbox("adyen")
    for cents in (100, 200, 300):
        pay(box, cents)
    three = box.verify("payments", count=3)
    assert len(three) == 3
    assert box.verify("adyen.Payments", count={"at_least": 1, "at_most": 3}) == three
    assert box.verify(body={"amount": {"value": 200}}) == three[1:2]
    assert box.verify("refund", count=0) == ()
    order = box.verify(order=["payments", {"body": {"amount": {"value": 300}}}])
    assert order == (three[0], three[2])
    box.verify(order=[{"kind": "request"}, {"kind": "delivery", "status": 200}], provider="adyen")
    assert len(box.verify(kind="delivery", operation="AUTHORISATION", status=200, count=3)) == 3
    assert "was answered with status 200" in box.explain(three[0])
    assert [each.id for each in box.journal("request")] == list(three)
    assert box.journal("request", operation="refund*") == ()


def test_checks_that_do_not_hold_name_the_nearest_misses(box: Sandbox) -> None:
    pay(box, 100)
    with pytest.raises(AssertionError) as failed:
        box.verify("payments", count=2, body={"amount": {"value": 999}, "paymentMethod": {"cvc": "999"}, "shopper": 1})
    said = str(failed.value)
    assert said.startswith("expected 2 × request payments with a body like ")
    assert "\nfound 0\nnearest misses:\n" in said
    assert "POST /v72/payments → 200 (adyen.payments)" in said
    assert "body.amount.value: expected 999, was 100" in said
    assert "body.shopper: expected 1, there is nothing" in said
    assert "737" not in said
    with pytest.raises(AssertionError, match=r"expected 0 × request payments\nfound 1 \(#\d+\)$"):
        box.verify("payments", count=0)


def test_an_order_that_was_the_other_way_round_says_so(box: Sandbox) -> None:
    pay(box, 100)
    pay(box, 200)
    first, second = box.verify("payments")
    with pytest.raises(AssertionError) as failed:
        box.verify("payments", order=[{"body": {"amount": {"value": 200}}}, {"body": {"amount": {"value": 100}}}])
    said = str(failed.value)
    assert f"found 1 of 2 (#{second})" in said
    assert f'order: expected "after entry {second}", was "entry {first}"' in said


def test_an_order_cannot_be_counted(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="of their own"):
        box.verify(order=["payments"], count=2)


def test_the_timeline_tells_it_in_order(box: Sandbox) -> None:
    box.inbox("adyen").answer(500)
    pay(box, 100)
    pay(box, 100, number="4111111111111112")
    pay(box, 100, number="4212345678901237")
    box.shopper(pay=["card"])
    box.settle()
    box.advance("PT1H")
    said = box.timeline()
    head, *lines = said.splitlines()
    assert head.startswith(f"{box!r}: ")
    assert len(box.timeline(5).splitlines()) == 7
    numbers = [int(each.split()[0].removeprefix("#")) for each in lines]
    assert numbers == sorted(numbers)
    kinds = {each.split()[2] for each in lines}
    assert {"scenario", "endpoint", "request", "decision", "event", "webhook", "delivery", "shopper", "clock"} <= kinds
    assert "POST /v72/payments → 422 (adyen.payments)" in said
    assert "attempt 1: status 500, again at 2026-07-01T" in said
    assert max(map(len, lines)) <= WIDTH
    assert "4111111111111111" not in said


def entry(kind: str, **details: Any) -> Entry:
    """A journal entry."""
    moment = datetime(2026, 7, 1, 9, tzinfo=UTC)
    return Entry(7, moment, kind, "acme", "thing", "R-1", 3, details)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            entry("decision", law="no money", rule="strict", nearly=[{"rule": "mild", "why": "too much"}], settings=[]),
            "thing: the rule 'strict': no money; 'mild' nearly matched: too much",
        ),
        (entry("event", event={"total": "1.00 EUR"}), "thing R-1 1.00 EUR"),
        (
            entry("posting", posting={"currency": "EUR", "postings": [{"account": "a", "minor": -5}]}),
            "thing: a -5 (EUR, minor units)",
        ),
        (entry("shopper", shopper={"pays": [], "cancels": True, "abandons": False}), "thing R-1: cancels"),
        (
            entry("shopper", shopper={"pays": [], "cancels": False, "abandons": False, "gives_back": True}),
            "thing R-1: gives back",
        ),
        (
            entry("shopper", shopper={"pays": [], "cancels": False, "abandons": False, "bank": "fails"}),
            "thing R-1: fails at the bank's page",
        ),
        (entry("probe", probe={"url": "http://x", "status": None, "error": "no answer"}), "asks http://x: no answer"),
        (
            entry("webhook", webhook={"url": "", "rule": "late", "drop": True, "signature": "wrong"}),
            "acme thing R-1 to nowhere (rule 'late', dropped, signature wrong)",
        ),
        (entry("delivery", delivery={"behind": 3}), "acme thing R-1: waits behind webhook 3"),
        (entry("endpoint", urls=[]), "acme: nowhere"),
        (entry("timer", timer={"type": "Expire"}), 'thing R-1 {"timer":{"type":"Expire"}}'),
        (
            entry("request", method="GET", target="/x", status=None, finished=False, notes=["a\nb"], answer=None),
            "GET /x → not answered yet (acme.thing) a b",
        ),
        (
            entry("request", method="GET", target="/x", status=None, finished=True, notes=[], answer=None),
            "GET /x → its connection was cut (acme.thing)",
        ),
    ],
)
def test_what_a_line_says(made: Entry, says: str) -> None:
    assert line(made).endswith(f" {says}")
    assert told("box", [made]).splitlines()[1] == line(made)


# -- asyncio -----------------------------------------------------------------------------------------------------------


async def test_every_helper_is_there_for_asyncio(box: Sandbox) -> None:
    awaited = {name for name in vars(AsyncSandbox) if not name.startswith("_")}
    blocking = {name for name, each in vars(Sandbox).items() if not name.startswith("_") and callable(each)}
    assert blocking - awaited == {"delete"}
    moving = box.aio.advance("PT1H")
    assert iscoroutine(moving)
    assert (await moving).now == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert AsyncSandbox.verify is not None


def test_the_package_names_what_tests_need() -> None:
    assert {getattr(testing, name) for name in testing.__all__} == {Inbox, Mockpsp, Sandbox}
    with pytest.raises(AttributeError, match="nothing"):
        _ = testing.nothing


# -- the plugin, in this very suite ------------------------------------------------------------------------------------


@pytest.mark.mockpsp("adyen/full-voucher", seed=4)
def test_the_plugin_gets_along_with_our_own_suite(mockpsp: Sandbox, mockpsp_server: Mockpsp, live: Threaded) -> None:
    assert mockpsp_server.url != live.url
    assert (mockpsp.scenario, mockpsp.seed) == ("adyen/full-voucher", 4)
