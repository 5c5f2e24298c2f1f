"""One call as a step of a story, as the dashboard offers it to copy: a story of these steps plays as it was."""

from __future__ import annotations

import requests
import yaml

from mockpsp.edge.keys import WRITE_STEP
from mockpsp.world.journal import Entry
from mockpsp.world.sandboxes import Sandbox
from tests.support.control import ControlledSandbox
from tests.support.server import Threaded


def entries(live: Threaded, sandbox: ControlledSandbox) -> tuple[Sandbox, list[Entry]]:
    found = live.server.sandboxes.get(sandbox.id)
    return found, list(found.world.journal.since(0))


def test_a_call_goes_back_to_the_answer_that_it_needs(live: Threaded, sandbox: ControlledSandbox) -> None:
    given = sandbox.credentials["adyen"]
    headers = {"X-API-Key": given["api_key"]}
    amount = {"currency": "EUR", "value": 1000}
    body = {"merchantAccount": given["merchant_account"], "amount": amount, "reference": "MEAL"}
    order = requests.post(f"{live.url}/v72/orders", json=body, headers=headers, timeout=30).json()
    cancel = {
        "merchantAccount": given["merchant_account"],
        "order": {"pspReference": order["pspReference"], "orderData": order["orderData"]},
    }
    requests.post(f"{live.url}/v72/orders/cancel", json=cancel, headers=headers, timeout=30)
    found, journal = entries(live, sandbox)
    calls = [each for each in journal if each.kind == "request"]
    write = live.server.app[WRITE_STEP]

    text = live.call(lambda: write(found, calls)) or ""
    assert text.startswith("# order is what adyen.create_order answered (as: order)\n")
    (step,) = yaml.safe_load(text)
    assert step == {
        "merchant": "adyen.cancel_order",
        "body": {"order": {"pspReference": "${order.pspReference}", "orderData": "${order.orderData}"}},
        "expect": {"status": 200},
    }
    (first,) = yaml.safe_load(live.call(lambda: write(found, calls[:1])) or "")
    assert first["merchant"] == "adyen.create_order"
    assert first["body"]["reference"] == "MEAL"


def test_a_shopper_acts_on_what_an_answer_opened(live: Threaded, sandbox: ControlledSandbox) -> None:
    given = sandbox.credentials["adyen"]
    body = {
        "merchantAccount": given["merchant_account"],
        "amount": {"currency": "EUR", "value": 1000},
        "reference": "MEAL",
        "returnUrl": "https://shop.example/return",
    }
    headers = {"X-API-Key": given["api_key"]}
    link = requests.post(f"{live.url}/v72/paymentLinks", json=body, headers=headers, timeout=30).json()
    sandbox.shopper(link["id"], {"pay": [{"with": "meal_voucher"}]})
    found, journal = entries(live, sandbox)
    roots = [each for each in journal if each.kind in ("request", "shopper")]
    text = live.call(lambda: live.server.app[WRITE_STEP](found, roots)) or ""
    (step,) = yaml.safe_load(text)
    assert step["shopper"] == "payment_link"
    assert step["pays"] == [{"with": "meal_voucher"}]


def test_what_no_story_can_do_has_no_step(live: Threaded, sandbox: ControlledSandbox) -> None:
    sandbox.endpoint("adyen", "http://localhost:1/")
    found, journal = entries(live, sandbox)
    assert live.call(lambda: live.server.app[WRITE_STEP](found, journal)) is None
    assert live.call(lambda: live.server.app[WRITE_STEP](found, [])) is None
