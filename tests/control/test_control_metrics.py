"""Metrics as Prometheus reads them: after a payment, a refusal, a rule, a fault, a webhook, and an unknown path."""

from __future__ import annotations

import pytest
import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from mockpsp.settings import Settings
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver
from tests.support.server import threaded

NAUGHTY = {
    "mockpsp": 1,
    "title": "A card is refused once, a refund fails once",
    "rules": [{"name": "refused", "operation": "adyen.payments", "times": 1, "then": {"outcome": "refused"}}],
    "faults": [{"operation": "adyen.payment_methods", "nth": 1, "then": {"status": 503}}],
}


def families(url: str) -> dict[str, Metric]:
    answer = requests.get(f"{url}/_mockpsp/metrics", timeout=30)
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {each.name: each for each in text_string_to_metric_families(answer.text)}


def value(found: dict[str, Metric], family: str, name: str = "", /, **labels: str) -> float:
    return sum(
        each.value for each in found[family].samples
        if each.name == (name or each.name) and labels.items() <= each.labels.items() and "_created" not in each.name
    )  # fmt: skip


def test_what_happened_is_counted(receiver: Receiver) -> None:
    with threaded(Settings()) as server:
        url = server.url
        before = families(url)
        assert value(before, "mockpsp_sandboxes") == 1
        assert value(before, "mockpsp_requests", provider="adyen") == 0

        sandbox = ControlledSandbox.create(url, scenario=NAUGHTY)
        sandbox.endpoint("adyen", receiver.url)
        headers = {"X-API-Key": sandbox.credentials["adyen"]["api_key"]}
        body = {
            "merchantAccount": sandbox.credentials["adyen"]["merchant_account"], "reference": "SECRET-REFERENCE",
            "returnUrl": "https://shop.example/back", "amount": {"currency": "EUR", "value": 1850},
            "paymentMethod": {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03",
                              "expiryYear": "2030", "cvc": "737"},
        }  # fmt: skip
        for _ in range(2):
            assert requests.post(f"{url}/v72/payments", json=body, headers=headers, timeout=30).status_code == 200
        assert requests.post(f"{url}/v72/payments", json=body, timeout=30).status_code == 401
        for _ in range(2):
            requests.post(f"{url}/v72/paymentMethods", json={"merchantAccount": body["merchantAccount"]},
                          headers=headers, timeout=30)  # fmt: skip
        for path in ("/v72/nowhere", "/v72/nobody-counts-each-of-these"):
            requests.get(url + path, headers=headers, timeout=30)
        sandbox.settle()
        text = requests.get(f"{url}/_mockpsp/metrics", timeout=30).text
        after = families(url)

    assert value(after, "mockpsp_requests", operation="payments", status="200") == 2
    assert value(after, "mockpsp_requests", operation="payments", status="401") == 1
    assert value(after, "mockpsp_requests", operation="payment_methods", status="503") == 1
    assert value(after, "mockpsp_requests", provider="adyen", operation="unknown") == 2
    assert value(after, "mockpsp_requests", provider="control", operation="create_sandbox", status="201") == 1
    seconds = "mockpsp_request_seconds"
    assert value(after, seconds, f"{seconds}_count", operation="payments") == 3
    assert value(after, seconds, f"{seconds}_bucket", operation="payments", le="+Inf") == 3
    assert value(after, seconds, f"{seconds}_sum", operation="payments") > 0
    assert value(after, "mockpsp_rules_struck", operation="adyen.payments") == 1
    assert value(after, "mockpsp_faults_struck", operation="adyen.payment_methods") == 1
    assert value(after, "mockpsp_webhook_attempts", provider="adyen", outcome="delivered") == 2
    assert value(after, "mockpsp_sandboxes") == 2
    assert value(after, "mockpsp_events") > value(before, "mockpsp_events")
    assert value(after, "mockpsp_journal_entries") > value(before, "mockpsp_journal_entries")
    for secret in ("SECRET-REFERENCE", "4111111111111111", headers["X-API-Key"], "nobody-counts", sandbox.id + '"'):
        assert secret not in text


def test_a_webhook_that_waits_is_in_the_queue(sandbox: ControlledSandbox) -> None:
    sandbox.stand_still()
    sandbox.endpoint("adyen", "http://localhost:1/hooks")
    credentials = sandbox.credentials["adyen"]
    body = {"merchantAccount": credentials["merchant_account"], "reference": "R",
            "amount": {"currency": "EUR", "value": 100}}  # fmt: skip
    answer = requests.post(f"{sandbox.url}/v72/orders", json=body, headers={"X-API-Key": credentials["api_key"]},
                           timeout=30)  # fmt: skip
    assert answer.status_code == 200
    assert value(families(sandbox.url), "mockpsp_webhooks", provider="adyen") >= 1


@pytest.mark.parametrize("path", ["/metrics?name[]=x", "/metrics/"])
def test_it_takes_no_questions(sandbox: ControlledSandbox, path: str) -> None:
    assert requests.get(f"{sandbox.url}/_mockpsp{path}", timeout=30).status_code in (400, 404)
