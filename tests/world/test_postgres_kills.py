"""Three processes on one database, and one of them is killed in the middle of everything."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from requests import RequestException

from bench.kills import endure
from tests.support.adyen import Shop, pass_on, voucher
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver
from tests.support.served import Served
from tests.support.worldline import Merchant, checkout_body

PARTS = 18
CENTS = 100


@pytest.fixture
def trio(tmp_path: Path, database: str) -> Iterator[list[Served]]:
    with ExitStack() as stack:
        started = []
        for number in range(3):
            served = Served(tmp_path / f"ready-{number}.json", "--port", "0", "--state", database)
            stack.callback(lambda each=served: each.process.poll() is None and each.end())
            started.append(served)
        yield started


class Sure:
    """Calls that are repeated under their key, at the next process, until there is an answer."""

    def __init__(self, trio: list[Served], sandbox: ControlledSandbox) -> None:
        self.trio = trio
        self.ways = [
            ControlledSandbox(each.told["url"], {"id": sandbox.id, "credentials": sandbox.credentials}) for each in trio
        ]
        self.answered = 0
        self._half = threading.Event()

    def each(self, call: Callable[[ControlledSandbox, int], Any]) -> list[Any]:
        """The answers to so many calls, some at each process; one process is killed when a third is answered."""
        killer = threading.Thread(target=self._kill)
        killer.start()
        try:
            with ThreadPoolExecutor(6) as pool:
                return list(pool.map(lambda number: self._sure(call, number), range(PARTS)))
        finally:
            self._half.set()
            killer.join()

    def _kill(self) -> None:
        self._half.wait()
        if self.trio[1].process.poll() is None:
            self.trio[1].kill()

    def _sure(self, call: Callable[[ControlledSandbox, int], Any], number: int) -> Any:
        for way in range(number, number + 30):
            try:
                found = call(self.ways[way % 3], number)
            except (RequestException, OSError):
                continue
            self.answered += 1
            if self.answered >= PARTS // 3:
                self._half.set()
            return found
        raise AssertionError("no process answered")


def scenario() -> dict[str, Any]:
    card = {"brand": "mealVoucher_FR_sodexo", "number": "5075990000006120", "expiry": "03/2030", "cvc": "737",
            "balance": "100.00 EUR", "daily_limit": "100.00 EUR"}  # fmt: skip
    world = {"adyen": {"meal_vouchers": [card]}}
    return {"mockpsp": 1, "title": "One order at three processes", "world": world}


def kept_once(receiver: Receiver, id: Callable[[Any], str]) -> dict[str, bytes]:
    """Bodies by what identifies them; one that came again came with the same bytes."""
    found: dict[str, bytes] = {}
    for each in receiver.received:
        assert found.setdefault(id(json.loads(each.body)), each.body) == each.body
    return found


def alike(*sandboxes: ControlledSandbox) -> None:
    """All processes that are left tell the same."""
    told = [
        [each.call("GET", part) for part in ("/journal?limit=1000", "/webhooks", "/accounts")] for each in sandboxes
    ]
    assert all(each == told[0] for each in told)


def test_one_order_is_paid_at_three_processes_of_which_one_is_killed(trio: list[Served], receiver: Receiver) -> None:
    sandbox = ControlledSandbox.create(trio[0].told["url"], scenario=scenario())
    sandbox.endpoint("adyen", receiver.url)
    order = pass_on(Shop(sandbox).order(PARTS * CENTS))
    sure = Sure(trio, sandbox)

    def pay(at: ControlledSandbox, number: int) -> str:
        answer = Shop(at).post(
            "/payments",
            {
                "amount": {"currency": "EUR", "value": CENTS}, "reference": f"T{number}", "order": order,
                "paymentMethod": voucher(), "returnUrl": "https://shop.example/",
            },
            Idempotency_Key=f"K{number}",
        )  # fmt: skip
        if answer.status_code == 409:  # under way at another process, or at one that was killed a moment ago
            raise OSError("try again")
        assert (answer.status_code, answer.json()["resultCode"]) == (200, "Authorised"), answer.text
        psp: str = answer.json()["pspReference"]
        return psp

    paid = sure.each(pay)
    assert len(set(paid)) == PARTS
    sandbox.settle()
    told = kept_once(receiver, lambda body: " ".join(event_of(body)))
    authorised = [each.split(" ")[1] for each in told if each.startswith("AUTHORISATION")]
    assert sorted(authorised) == sorted(paid), "every payment once, each told"
    assert sum(each.startswith("ORDER_CLOSED") for each in told) == 1
    vouchers = [each["balance"] for ref, each in sandbox.accounts().items() if "/meal_voucher/" in ref]
    assert vouchers == ["82.00 EUR"]
    alike(sure.ways[0], sure.ways[2])


def event_of(body: Any) -> tuple[str, str]:
    item = body["notificationItems"][0]["NotificationRequestItem"]
    return item["eventCode"], item["pspReference"]


def test_one_checkout_is_refunded_at_three_processes_of_which_one_is_killed(
    trio: list[Served], receiver: Receiver
) -> None:
    sandbox = ControlledSandbox.create(trio[0].told["url"])
    sandbox.endpoint("worldline", receiver.url)
    merchant = Merchant(sandbox)
    before = sandbox.accounts()
    ref = merchant.call("create_hosted_checkout", checkout_body(PARTS * CENTS)).json()["hostedCheckoutId"]
    sandbox.shopper(ref, {"pay": [{"with": "cv_connect"}]})
    payment = merchant.call("get_hosted_checkout", hostedCheckoutId=ref).json()["createdPaymentOutput"]["payment"]["id"]
    sure = Sure(trio, sandbox)

    def refund(at: ControlledSandbox, number: int) -> str:
        body = {"amountOfMoney": {"amount": CENTS, "currencyCode": "EUR"}}
        answer = Merchant(at).call("refund", body, headers={"X-GCS-Idempotence-Key": f"K{number}"}, paymentId=payment)
        if answer.status_code == 409:
            raise OSError("try again")
        assert answer.status_code == 201, answer.text
        id: str = answer.json()["id"]
        return id

    refunds = sure.each(refund)
    assert len(set(refunds)) == PARTS
    sandbox.settle()
    told = kept_once(receiver, lambda body: str(body["id"]))
    refunded = [
        json.loads(each)["refund"]["id"] for each in told.values() if json.loads(each)["type"] == "payment.refunded"
    ]
    assert sorted(refunded) == sorted(refunds), "every refund once, each told"
    after = sandbox.accounts()
    assert {ref: after[ref] for ref in before} == before, "all is back where it came from"
    assert {after[ref]["balance"] for ref in after.keys() - before.keys()} == {"0.00 EUR"}
    alike(sure.ways[0], sure.ways[2])


async def test_processes_that_are_killed_under_load_lose_nothing_and_double_nothing(database: str) -> None:
    found = await endure(kills=2, seed=11, state=database, processes=3, between=60)
    assert found.kills == 2
    assert min(found.paid.values()) > 0
