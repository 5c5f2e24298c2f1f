"""The list of what happened, its filters, and the page of one entry."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import requests

from mockpsp.web.activity import HAPPENINGS
from tests.support.control import ControlledSandbox
from tests.support.html import Page
from tests.support.server import Threaded
from tests.support.stage import Stage

HOSTILE = "\"><script>alert(1)</script>'&lt;"


def test_it_shows_what_somebody_did_newest_first(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    rows = Page(stage.page(sandbox)).all("row")
    kinds = [each.split()[1] for each in rows]
    assert set(kinds) == {"request", "webhook", "endpoint", "scenario"}
    assert kinds[-1] == "scenario"
    assert len(rows) == sum(
        each.kind in ("request", "delivery", "endpoint", "scenario") for each in sandbox.world.journal.since(0)
    )


@pytest.mark.parametrize("kind", ["request", "decision", "event", "posting", "webhook", "delivery", "shopper", "timer"])
def test_a_kind_alone(stage: Stage, kind: str) -> None:
    sandbox = stage.play("worldline/refund-card-share-then-voucher-share")
    rows = Page(stage.page(sandbox, f"?kind={kind}")).all("row")
    assert len(rows) == sum(each.kind == kind for each in sandbox.world.journal.since(0)) > 0


def test_filters_by_provider_operation_reference_and_text(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    (purchase,) = sandbox.world.objects["adyen.purchase"]

    def rows(query: str) -> list[str]:
        return Page(stage.page(sandbox, f"?{query}")).all("row")

    assert len(rows("provider=adyen")) == sum(
        each.kind in HAPPENINGS and each.provider == "adyen" for each in sandbox.world.journal.since(0)
    )
    assert len(rows("kind=request&operation=payments")) == 2
    assert len(rows("kind=request&operation=CREATE_ORDER")) == 1
    about = rows(f"reference={purchase}")
    assert {each.split()[1] for each in about} == {"request", "decision", "fact", "ledger", "webhook"}
    assert len(rows("q=%22resultCode%22%3A%22Authorised%22&kind=request")) == 2
    assert len(rows("q=the+voucher+pays")) == 1
    assert rows("q=nothing-like-it") == []


def test_a_hundred_entries_come_in_pages(live: Threaded, new_sandbox: object) -> None:
    sandbox = ControlledSandbox.create(live.url)
    for _ in range(60):
        sandbox.endpoint("adyen", "http://localhost:1/")
    first = Page(requests.get(f"{live.url}/_mockpsp/sandbox/{sandbox.id}?kind=endpoint", timeout=30).text)
    second = Page(requests.get(f"{live.url}/_mockpsp/sandbox/{sandbox.id}{first.link('older')}", timeout=30).text)
    assert len(first.all("row")) == 50
    assert len(second.all("row")) == 10
    sandbox.delete()


def test_one_entry_shows_request_and_response_and_why(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    number = next(
        each.number
        for each in sandbox.world.journal.since(0)
        if each.kind == "request" and each.operation == "payments"
    )
    page = Page(stage.page(sandbox, f"/journal/{number}"))
    assert page.text("explanation").startswith("POST /v72/payments (adyen.payments) was answered with status 200.")
    assert '"brand": "mealVoucher_FR_' in page.text("request-body")
    assert '"resultCode": "Authorised"' in page.text("response-body")
    assert page.text("step").splitlines()[0].startswith("# order is what adyen.create_order answered (as: order)")
    assert "${order.orderData}" in page.text("step")
    assert page.text("curl").startswith("curl -X POST")
    assert "X-API-Key: ***" in page.text("curl")
    assert page.link("to-timeline").endswith(next(iter(sandbox.world.objects["adyen.purchase"])))


def test_card_numbers_and_secrets_stay_hidden(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card", again=True)
    api_key = sandbox.credentials["adyen"]["api_key"]
    card = "4111111111111111"
    headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
    body = {
        "merchantAccount": sandbox.credentials["adyen"]["merchant_account"],
        "amount": {"currency": "EUR", "value": 100},
        "reference": "X",
        "returnUrl": "https://shop.example",
        "paymentMethod": {"type": "scheme", "number": card, "cvc": "737", "expiryMonth": "03", "expiryYear": "2030"},
    }
    answer = requests.post(f"{stage.url}/v72/payments", json=body, headers=headers, timeout=30)
    html = stage.page(sandbox, f"/journal/{answer.headers['Mockpsp-Trace']}")
    page = Page(html)
    assert "411111******1111" in page.text("request-body")
    for secret in (card, api_key):
        assert secret not in page.text("request-body") + page.text("curl")
        assert secret not in html.partition('data-testid="step"')[0]


def test_a_bad_signature_shows_what_mockpsp_signed(live: Threaded, sandbox: ControlledSandbox) -> None:
    given = sandbox.credentials["worldline"]
    path = f"/v2/{given['merchant_id']}/services/testconnection"
    headers = {"Authorization": f"GCS v1HMAC:{given['api_key_id']}:d3Jvbmc=", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    answer = requests.get(f"{live.url}{path}", headers=headers, timeout=30)
    trace = answer.headers["Mockpsp-Trace"]
    page = Page(requests.get(f"{live.url}/_mockpsp/sandbox/{sandbox.id}/journal/{trace}", timeout=30).text)
    assert page.text("signed").startswith("GET Thu, 01 Jan 2026 00:00:00 GMT")


def test_hostile_text_stays_text(live: Threaded, new_sandbox: object) -> None:
    scenario = {"mockpsp": 1, "title": HOSTILE, "rules": []}
    sandbox = ControlledSandbox.create(live.url, scenario=scenario)
    key = sandbox.credentials["adyen"]["api_key"]
    sandbox.endpoint("adyen", "http://localhost:1/")
    body = {
        "merchantAccount": sandbox.credentials["adyen"]["merchant_account"],
        "amount": {"currency": "EUR", "value": 100},
        "reference": HOSTILE,
    }
    headers = {"X-API-Key": key, "X-Odd": HOSTILE, "Idempotency-Key": "k"}
    trace = requests.post(f"{live.url}/v72/orders", json=body, headers=headers, timeout=30).headers["Mockpsp-Trace"]
    requests.get(f"{live.url}/v72/{quote(HOSTILE)}", headers=headers, timeout=30)
    world = live.server.sandboxes.get(sandbox.id).world
    ref = next(iter(world.objects["adyen.purchase"]))
    webhook = next(iter(world.outbox.deliveries))
    paths = ["", "?kind=all", f"/journal/{trace}", "/payments", f"/payments/adyen.purchase/{ref}", "/webhooks"]
    paths += [f"/webhooks/{webhook}", "/balances", f"?q={quote(HOSTILE)}&operation={quote(HOSTILE)}"]
    paths += [f"/payments?q={quote(HOSTILE)}", f"/webhooks?q={quote(HOSTILE)}"]
    for path in paths:
        html = requests.get(f"{live.url}/_mockpsp/sandbox/{sandbox.id}{path}", timeout=30).text
        page = Page(html)
        assert page.tags.count("script") == 1, path
        assert "<script>alert" not in html
        assert HOSTILE in page.text("scenario"), path
    front = requests.get(f"{live.url}/_mockpsp/?q={quote(HOSTILE)}", timeout=30).text
    assert "<script>alert" not in front
    sandbox.delete()
