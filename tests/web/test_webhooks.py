"""Webhooks on the dashboard: their list, their signatures, and the button that sends one again."""

from __future__ import annotations

import pytest
import requests

from mockpsp.world.records import EndpointChanged
from mockpsp.world.sandboxes import Sandbox
from tests.support.control import ControlledSandbox
from tests.support.html import Page
from tests.support.receiver import Receiver
from tests.support.server import Threaded
from tests.support.stage import Stage


def signatures(stage: Stage, sandbox: Sandbox) -> list[str]:
    """What the pages of all webhooks say of their signatures."""
    numbers = sandbox.world.outbox.deliveries
    return [Page(stage.page(sandbox, f"/webhooks/{number}")).text("signature") for number in numbers]


def test_the_list_tells_attempts_and_status(stage: Stage) -> None:
    sandbox = stage.play("worldline/endpoint-fails-three-times")
    page = Page(stage.page(sandbox, "/webhooks"))
    assert len(page.all("webhook")) == len(sandbox.world.outbox.deliveries)
    assert len(Page(stage.page(sandbox, "/webhooks?status=delivered")).all("webhook")) > 0
    assert Page(stage.page(sandbox, "/webhooks?status=dropped")).text("empty").startswith("Nothing fits")


def test_right_signatures_hold(stage: Stage) -> None:
    for name in ("worldline/split-with-card", "adyen/voucher-then-card"):
        told = signatures(stage, stage.play(name))
        assert all(each.startswith("holds ") for each in told), told


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("worldline/webhook-wrongly-signed", "It was made with another secret"),
        ("worldline/webhook-signed-with-a-replaced-key", "X-GCS-KeyId names"),
        ("adyen/webhooks-wrongly-signed", "There is none."),
        ("adyen/webhook-signed-with-a-replaced-key", "It was made with another secret"),
    ],
)
def test_wrong_ones_do_not_and_the_page_says_why(stage: Stage, name: str, why: str) -> None:
    told = signatures(stage, stage.play(name))
    assert any(each.startswith("does not hold") and why in each for each in told), told


def test_lyra_signs_nothing(stage: Stage) -> None:
    assert all("does not sign webhooks" in each for each in signatures(stage, stage.play("lyra/refund-succeeds")))


def test_what_was_signed_is_shown(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    number = next(iter(sandbox.world.outbox.deliveries))
    (ref,) = sandbox.world.objects["adyen.purchase"]
    page = Page(stage.page(sandbox, f"/webhooks/{number}"))
    assert page.text("signed").startswith(f"{ref}::")
    assert page.text("body").startswith('{ "live": "false"')
    assert page.link("to-timeline").endswith(ref)


def test_it_tells_where_webhooks_go_of_single_types_too(live: Threaded, sandbox: ControlledSandbox) -> None:
    sandbox.endpoint("worldline", "http://localhost:1/all")
    world = live.server.sandboxes.get(sandbox.id).world
    live.run(world.commit([EndpointChanged("worldline", (), "payment.created")]))
    where = f"{live.url}/_mockpsp/sandbox/{sandbox.id}"
    told = Page(requests.get(f"{where}/webhooks", timeout=30).text).text("endpoints")
    assert "Worldline / CAWL http://localhost:1/all" in told.replace("CAWLhttp", "CAWL http")
    assert "payment.created" in told
    activity = requests.get(where, timeout=30).text
    assert "Webhooks of worldline go to http://localhost:1/all" in activity
    assert "payment.created of worldline go to nobody" in activity


def paid(live: Threaded, sandbox: ControlledSandbox, receiver: Receiver) -> int:
    """A webhook that has been delivered."""
    sandbox.endpoint("adyen", receiver.url)
    body = {
        "merchantAccount": sandbox.credentials["adyen"]["merchant_account"],
        "amount": {"currency": "EUR", "value": 100},
        "reference": "ORDER",
    }
    headers = {"X-API-Key": sandbox.credentials["adyen"]["api_key"]}
    assert requests.post(f"{live.url}/v72/orders", json=body, headers=headers, timeout=30).ok
    return int(sandbox.webhooks()[0]["n"])


def test_a_webhook_is_sent_again_from_its_page(live: Threaded, sandbox: ControlledSandbox, receiver: Receiver) -> None:
    number = paid(live, sandbox, receiver)
    where = f"{live.url}/_mockpsp/sandbox/{sandbox.id}/webhooks/{number}"
    answer = requests.post(f"{where}/resend", timeout=30, headers={"Origin": live.url})
    assert answer.history[0].status_code == 303
    page = Page(answer.text)
    again = number + 1 if f"webhook {number + 1}" in page.text("notice") else 0
    assert page.text("notice").startswith("Sent once more, as webhook ")
    rows = sandbox.webhooks()
    assert [each["type"] for each in rows] == ["ORDER_OPENED", "ORDER_OPENED"]
    assert rows[1]["body"] == rows[0]["body"]
    assert again in (0, rows[1]["n"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_another_site_cannot_press_the_button(
    live: Threaded, sandbox: ControlledSandbox, receiver: Receiver, headers: dict[str, str]
) -> None:
    number = paid(live, sandbox, receiver)
    where = f"{live.url}/_mockpsp/sandbox/{sandbox.id}/webhooks/{number}/resend"
    answer = requests.post(where, headers=headers, timeout=30)
    assert answer.status_code == 403
    assert "Sent from another site" in answer.text
    assert len(sandbox.webhooks()) == 1


def test_without_an_endpoint_the_button_says_so(live: Threaded, sandbox: ControlledSandbox, receiver: Receiver) -> None:
    sandbox.endpoint("adyen", None)
    body = {
        "merchantAccount": sandbox.credentials["adyen"]["merchant_account"],
        "amount": {"currency": "EUR", "value": 100},
        "reference": "ORDER",
    }
    headers = {"X-API-Key": sandbox.credentials["adyen"]["api_key"]}
    assert requests.post(f"{live.url}/v72/orders", json=body, headers=headers, timeout=30).ok
    number = sandbox.webhooks()[0]["n"]
    where = f"{live.url}/_mockpsp/sandbox/{sandbox.id}/webhooks/{number}/resend"
    answer = requests.post(where, timeout=30)
    assert answer.status_code == 409
    assert "adyen has no webhook endpoint" in answer.text


def test_pages_carry_the_policy(live: Threaded, sandbox: ControlledSandbox) -> None:
    for path in ("", f"sandbox/{sandbox.id}", f"sandbox/{sandbox.id}/webhooks", "sandbox/nobody"):
        answer = requests.get(f"{live.url}/_mockpsp/{path}", timeout=30)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text
