"""Altered webhooks on their way: signed as they are, beside the genuine one, together, and before the answer."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import loads
from typing import Any

import pytest

from mockpsp.providers.worldline.webhooks import signature
from mockpsp.scenario.model import DeliveryRule, HeaderCase, Signature, Trigger
from mockpsp.world.outbox import Status
from mockpsp.world.records import EndpointChanged
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver
from tests.support.server import Threaded
from tests.support.shop import Shop, eur, scenario
from tests.support.worldline import Merchant, checkout_body

Open = Callable[..., Awaitable[Shop]]


def line(**changes: Any) -> DeliveryRule:
    return DeliveryRule(key="webhooks/1", name="line", event="worldline.*", trigger=Trigger(), **changes)


@pytest.fixture
async def open_shop() -> AsyncIterator[Open]:
    opened: list[Shop] = []

    async def make(url: str, **shape: Any) -> Shop:
        psp = await Shop(scenario(webhooks=(line(**shape),))).open()
        await psp.world.commit([EndpointChanged("worldline", (url,))])
        opened.append(psp)
        await psp.checkout(eur(12_000), timeout=timedelta(days=300))
        await psp.advance(timedelta(0))
        return psp

    yield make
    for psp in opened:
        await psp.courier.close()


def secret(psp: Shop) -> str:
    found: str = psp.sandbox.credentials["worldline"]["webhook_secret"]
    return found


async def test_what_is_changed_is_rightly_signed(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(receiver.url, change={"payment.status": "CAPTURED", "newField": 1})
    [came] = receiver.received
    body = loads(came.body)
    assert (body["payment"]["status"], body["newField"], body["type"]) == ("CAPTURED", 1, "payment.created")
    assert dict(came.headers)["X-GCS-Signature"] == signature(secret(psp), came.body)


async def test_the_genuine_one_follows_behind_the_altered_one(open_shop: Open, receiver: Receiver) -> None:
    psp = await open_shop(
        receiver.url,
        change={"type": "payment.new"},
        signature=Signature.WRONG,
        header_case=HeaderCase.LOWER,
        beside=True,
    )
    altered, genuine = receiver.received
    assert [loads(each.body)["type"] for each in receiver.received] == ["payment.new", "payment.created"]
    assert "x-gcs-signature" in dict(altered.headers)
    assert dict(altered.headers)["x-gcs-signature"] != signature(secret(psp), altered.body)
    assert dict(genuine.headers)["X-GCS-Signature"] == signature(secret(psp), genuine.body)
    assert loads(altered.body)["id"] == loads(genuine.body)["id"]


@pytest.fixture
def meeting() -> Iterator[str]:
    """An endpoint that answers 200 when two are there at the same time, and 500 to one that stays alone."""
    both = threading.Barrier(2)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            try:
                both.wait(5.0)
                status = 200
            except threading.BrokenBarrierError:
                status = 500
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *told: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    worker = threading.Thread(target=server.serve_forever, args=(0.02,), name="meeting")
    worker.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/webhooks"
    server.shutdown()
    server.server_close()
    worker.join()


@pytest.mark.parametrize("shape", [{"copies": 2}, {"change": {"type": "payment.new"}, "beside": True}])
async def test_webhooks_leave_together(open_shop: Open, meeting: str, shape: dict[str, Any]) -> None:
    psp = await open_shop(meeting, together=True, **shape)
    rows = list(psp.world.outbox.deliveries.values())
    assert [(each.status, each.attempts[0].status) for each in rows] == [(Status.DELIVERED, 200)] * 2


def test_a_call_waits_for_its_answer_behind_an_early_webhook(
    live: Threaded,
    new_sandbox: Callable[..., ControlledSandbox],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hook = {"event": "worldline.payment.created", "deliver": {"early": True, "pause": "7s"}}
    sandbox = new_sandbox(scenario={"mockpsp": 1, "title": "A pause", "extends": "default", "webhooks": [hook]})
    sandbox.endpoint("worldline", receiver.url)
    seen: list[tuple[float, int, int | None]] = []

    async def sleep(seconds: float) -> None:
        request = sandbox_of(live, sandbox).world.journal.since(0)
        unanswered = [each for each in request if each.kind == "request" and not each.data.finished]
        seen.append((seconds, len(receiver.received), len(unanswered)))

    monkeypatch.setattr(live.server.courier, "sleep", sleep)
    Merchant(sandbox).call("create_hosted_checkout", checkout_body())
    assert seen == [(7.0, 1, 1)]


def sandbox_of(live: Threaded, sandbox: ControlledSandbox) -> Any:
    return live.server.sandboxes.get(sandbox.id)
