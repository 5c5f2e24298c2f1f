"""Webhooks that leave before the answer, and such that are signed with a key that has been replaced."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from Adyen.util import is_valid_hmac_notification
from onlinepayments.sdk.communication.request_header import RequestHeader
from onlinepayments.sdk.json.default_marshaller import DefaultMarshaller
from onlinepayments.sdk.webhooks.in_memory_secret_key_store import InMemorySecretKeyStore
from onlinepayments.sdk.webhooks.secret_key_not_available_exception import SecretKeyNotAvailableException
from onlinepayments.sdk.webhooks.webhooks_helper import WebhooksHelper

from mockpsp.providers.adyen.webhooks import forged, replaced
from tests.support.control import ControlledSandbox
from tests.support.receiver import Received, Receiver
from tests.support.worldline import Merchant, checkout_body

New = Callable[..., ControlledSandbox]
EARLY = {"event": "worldline.payment.created", "deliver": {"early": True}}
OTHERS = {"event": "worldline.payment.redirected", "deliver": {"drop": True}}
WORLD = {"worldline": {"wallets": [{"beneficiary": "11111111111", "balance": "9000.00 EUR"}]}}
CLOCKS = [{}, {"clock": "2026-07-01T09:00:00Z"}]


def direct() -> dict[str, Any]:
    """A payment without a page: the platform sends payment.created because of the call itself."""
    body = checkout_body()
    del body["hostedCheckoutSpecificInput"]
    return body


@contextmanager
def calling_back(act: Callable[[], Any]) -> Iterator[tuple[str, list[Any]]]:
    """An endpoint that does something of its own before it answers the first webhook; its address, what came of it."""
    found: list[Any] = []
    first = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if first.acquire(blocking=False):
                found.append(act())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *told: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # what an endpoint began is over before anybody looks at what came of it
    worker = threading.Thread(target=server.serve_forever, args=(0.02,))
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", found
    finally:
        server.shutdown()
        server.server_close()
        worker.join()


@pytest.mark.parametrize("clock", CLOCKS, ids=["running", "standing"])
def test_the_webhook_is_there_before_the_answer_and_once(
    new_sandbox: New, receiver: Receiver, clock: dict[str, str]
) -> None:
    sandbox = new_sandbox(scenario={"world": WORLD, "webhooks": [EARLY], **clock})
    sandbox.endpoint("worldline", receiver.url)
    merchant = Merchant(sandbox)
    for number in range(1, 4):
        assert merchant.call("create_payment", direct()).status_code == 201
        assert [json.loads(each.body)["type"] for each in receiver.received].count("payment.created") == number
    sandbox.settle()
    assert [json.loads(each.body)["type"] for each in receiver.received].count("payment.created") == 3


def test_copies_and_the_order_of_early_webhooks_are_kept(new_sandbox: New, receiver: Receiver) -> None:
    lines = [{"event": "worldline.*", "deliver": {"early": True, "copies": 2, "order": "reversed"}}]
    sandbox = new_sandbox(scenario={"world": WORLD, "webhooks": lines, "clock": "2026-07-01T09:00:00Z"})
    sandbox.endpoint("worldline", receiver.url)
    assert Merchant(sandbox).call("create_payment", direct()).status_code == 201
    types = [json.loads(each.body)["type"] for each in receiver.received]
    assert types == ["payment.redirected"] * 2 + ["payment.created"] * 2


@pytest.mark.parametrize("clock", CLOCKS, ids=["running", "standing"])
def test_an_endpoint_may_call_the_api_and_the_control_api_while_it_is_asked(
    new_sandbox: New, clock: dict[str, str]
) -> None:
    # Other webhooks would leave at the same time; one that came first would be the one that calls back, and an endpoint
    # that waits for its own ordinary delivery on a standing clock waits until that gives up.
    sandbox = new_sandbox(scenario={"world": WORLD, "webhooks": [EARLY, OTHERS], **clock})
    merchant = Merchant(sandbox)

    def act() -> tuple[int, int]:
        inner = Merchant(sandbox)
        answer = inner.send(
            "POST", inner.target("create_hosted_checkout", {}, {}), json.dumps(checkout_body()).encode()
        )
        sandbox.settle()
        sandbox.advance("PT1S")
        return answer.status_code, len(sandbox.call("GET", "/webhooks")["webhooks"])

    with calling_back(act) as (url, found):
        sandbox.endpoint("worldline", url)
        assert merchant.call("create_payment", direct()).status_code == 201
    assert found[0][0] == 200


def test_a_reset_while_the_endpoint_is_asked_ends_the_call(new_sandbox: New) -> None:
    sandbox = new_sandbox(scenario={"world": WORLD, "webhooks": [EARLY, OTHERS]})
    merchant = Merchant(sandbox)

    with calling_back(lambda: sandbox.call("POST", "/reset")) as (url, found):
        sandbox.endpoint("worldline", url)
        merchant.call("create_payment", direct())
    assert len(found) == 1


@pytest.mark.parametrize("then", [{"drop": "after_effect"}, {"status": 503, "after_effect": True}], ids=str)
def test_an_answer_that_is_lost_does_not_keep_the_webhook(
    new_sandbox: New, receiver: Receiver, then: dict[str, Any]
) -> None:
    fault = {"operation": "worldline.create_payment", "then": then}
    sandbox = new_sandbox(
        scenario={"world": WORLD, "webhooks": [EARLY], "faults": [fault], "clock": "2026-07-01T09:00:00Z"}
    )
    sandbox.endpoint("worldline", receiver.url)
    merchant = Merchant(sandbox)
    target = merchant.target("create_payment", {}, {})
    try:
        merchant.send("POST", target, json.dumps(direct()).encode())
    except requests.ConnectionError:
        assert "drop" in then
    assert "payment.created" in [json.loads(each.body)["type"] for each in receiver.received]


def test_an_early_webhook_that_fails_is_tried_again(new_sandbox: New, receiver: Receiver) -> None:
    sandbox = new_sandbox(scenario={"world": WORLD, "webhooks": [EARLY, OTHERS], "clock": "2026-07-01T09:00:00Z"})
    sandbox.endpoint("worldline", receiver.url)
    receiver.statuses.append(500)
    assert Merchant(sandbox).call("create_payment", direct()).status_code == 201
    (created,) = [each for each in sandbox.webhooks() if each["type"] == "payment.created"]
    assert [each["status"] for each in created["attempts"]] == [500]
    sandbox.advance("PT1H")
    (created,) = [each for each in sandbox.webhooks() if each["type"] == "payment.created"]
    assert [each["status"] for each in created["attempts"]][:2] == [500, 200]


def test_a_shoppers_act_sends_early_webhooks_like_others(new_sandbox: New, receiver: Receiver) -> None:
    line = {"event": "worldline.payment.captured", "deliver": {"early": True}}
    sandbox = new_sandbox(scenario={"world": WORLD, "webhooks": [line], "clock": "2026-07-01T09:00:00Z"})
    sandbox.endpoint("worldline", receiver.url)
    checkout = Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()["hostedCheckoutId"]
    sandbox.shopper(checkout, {"pay": [{"with": "cv_connect"}]})
    assert "payment.captured" in sandbox.webhook_types()


# -- stale signatures ----------------------------------------------------------------------------------------------


def test_worldlines_helper_does_not_know_the_key(new_sandbox: New, receiver: Receiver) -> None:
    line = {"event": "worldline.payment.created", "deliver": {"signature": "stale"}}
    sandbox = new_sandbox(scenario={"world": WORLD, "webhooks": [line], "clock": "2026-07-01T09:00:00Z"})
    sandbox.endpoint("worldline", receiver.url)
    Merchant(sandbox).call("create_payment", direct())
    sandbox.settle()
    given = sandbox.credentials["worldline"]
    store = InMemorySecretKeyStore.instance()
    store.store_secret_key(given["webhook_key_id"], given["webhook_secret"])
    helper = WebhooksHelper(DefaultMarshaller.instance(), store)
    stale, right = receiver.received[:2]
    with pytest.raises(SecretKeyNotAvailableException):
        helper.unmarshal(stale.body, _headers(stale))
    assert helper.unmarshal(right.body, _headers(right)).type == "payment.redirected"
    store.store_secret_key(f"{given['webhook_key_id']}-replaced", f"{given['webhook_secret']}-replaced")
    assert helper.unmarshal(stale.body, _headers(stale)).type == "payment.created"


def _headers(received: Received) -> list[RequestHeader]:
    return [RequestHeader(name, value) for name, value in received.headers]


def test_adyens_helper_finds_another_key(new_sandbox: New, receiver: Receiver) -> None:
    line = {"event": "adyen.ORDER_OPENED", "deliver": {"signature": "stale"}}
    sandbox = new_sandbox(scenario={"world": WORLD, "webhooks": [line], "clock": "2026-07-01T09:00:00Z"})
    sandbox.endpoint("adyen", receiver.url)
    given = sandbox.credentials["adyen"]
    order = {
        "merchantAccount": given["merchant_account"],
        "reference": "A-1",
        "amount": {"currency": "EUR", "value": 100},
    }
    headers = {"X-API-Key": given["api_key"]}
    assert requests.post(f"{sandbox.url}/v71/orders", json=order, headers=headers, timeout=30).status_code == 200
    sandbox.settle()
    (received,) = receiver.received
    envelope = json.loads(received.body)
    key = given["hmac_key"]
    assert is_valid_hmac_notification(envelope, key) is False
    assert is_valid_hmac_notification(json.loads(received.body), replaced(key)) is True
    assert len({key, forged(key), replaced(key)}) == 3
