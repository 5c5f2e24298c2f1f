"""Two servers on one database: whatever is done at one is so at the other, when it is asked next."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from mockpsp.world import checkpoint, register
from tests.support.adyen import Inbox, Shop, card, eur, pass_on, voucher
from tests.support.control import ControlledSandbox
from tests.support.postgres import Postgres
from tests.support.receiver import Receiver
from tests.support.server import Threaded
from tests.support.worldline import Merchant, checkout_body

pytest.importorskip("asyncpg", reason="the extra 'postgres' is not installed")

from mockpsp.world import store_postgres

TUESDAY = "2026-07-07T12:00:00+02:00"


class Both:
    """A sandbox as it is reached through each of two servers."""

    def __init__(self, pair: tuple[str, str], **body: Any) -> None:
        self.here = ControlledSandbox.create(pair[0], **body)
        told = requests.get(f"{pair[1]}/_mockpsp/sandboxes/{self.here.id}", timeout=30)
        assert told.status_code == 200, told.text
        self.there = ControlledSandbox(pair[1], told.json())

    def each(self) -> tuple[ControlledSandbox, ControlledSandbox]:
        return self.here, self.there

    def shops(self) -> tuple[Shop, Shop]:
        return Shop(self.here), Shop(self.there)


@pytest.fixture(autouse=True, params=["usual", "at every turn"])
def checkpoints(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process goes on by events, or has to read all anew because others keep none for it."""
    if request.param != "usual":
        monkeypatch.setattr(checkpoint, "EVENTS_BETWEEN", 1)
        monkeypatch.setattr(register, "CHANGES_BETWEEN", 1)
        monkeypatch.setattr(store_postgres, "LEEWAY_EVENTS", 0)


@pytest.fixture
def both(pair: tuple[str, str]) -> Both:
    return Both(pair)


def entries(sandbox: ControlledSandbox) -> list[Any]:
    return sandbox.journal(limit=1000)


def test_a_sandbox_that_one_creates_is_reached_through_the_other_by_its_credentials(pair: tuple[str, str]) -> None:
    made = ControlledSandbox.create(pair[0])
    assert Shop(ControlledSandbox(pair[1], {"id": made.id, "credentials": made.credentials})).order()["pspReference"]
    assert [each["operation"] for each in entries(made) if each["kind"] == "request"] == ["create_order"]


def test_ids_of_sandboxes_are_given_once(own_pair: tuple[str, str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: ControlledSandbox.create(own_pair[number % 2]).id, range(8)))
    assert sorted(made) == [f"s{number}" for number in range(1, 9)]
    for url in own_pair:
        told = requests.get(f"{url}/_mockpsp/sandboxes", timeout=30).json()["sandboxes"]
        assert sorted(each["id"] for each in told) == sorted(["default", *made])


def test_an_order_goes_on_at_the_other(both: Both) -> None:
    here, there = both.shops()
    order = here.order(2000)
    paid = there.pay(1000, voucher(), order=order)
    assert paid["order"]["remainingAmount"] == eur(1000)
    rest = here.pay(1000, card(), order=paid)
    assert rest["order"]["remainingAmount"] == eur(0)
    assert both.here.accounts() == both.there.accounts()
    assert entries(both.here) == entries(both.there)


def test_what_both_take_from_at_once_is_spent_once(pair: tuple[str, str]) -> None:
    card_of = {"brand": "mealVoucher_FR_sodexo", "number": "5075990000006120", "expiry": "03/2030", "cvc": "737",
               "balance": "30.00 EUR", "daily_limit": "100.00 EUR"}  # fmt: skip
    world = {"adyen": {"meal_vouchers": [card_of]}}
    both = Both(pair, scenario={"mockpsp": 1, "title": "Thirty euros", "world": world})
    shops = both.shops()

    def pay(number: int) -> dict[str, Any]:
        return shops[number % 2].pay(1000, voucher(), reference=f"T{number}")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(pay, range(8)))
    assert sorted(each["resultCode"] for each in answers) == ["Authorised"] * 3 + ["Refused"] * 5
    assert len({each["pspReference"] for each in answers}) == 8
    numbers = [each["id"] for each in entries(both.here)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_rule_counts_the_calls_of_both(pair: tuple[str, str]) -> None:
    rule = {"operation": "adyen.payments", "nth": 2, "then": {"outcome": "refused"}}
    both = Both(pair, scenario={"mockpsp": 1, "title": "The second is refused", "rules": [rule]})
    here, there = both.shops()
    told = [each.pay(1000, card())["resultCode"] for each in (here, there, there, here)]
    assert told == ["Authorised", "Refused", "Authorised", "Authorised"]


def test_an_idempotence_key_repeats_the_answer_of_the_other(both: Both) -> None:
    here, there = both.shops()
    first = here.pay(1000, card(), key="K1")
    assert there.pay(1000, card(), key="K1") == first
    payments = [each for each in entries(both.here) if each["operation"] == "purchase.PaymentAuthorised"]
    assert len(payments) <= 1


def slow(pair: tuple[str, str]) -> Both:
    """The first payment takes its time; the turn is not kept meanwhile."""
    fault = {"operation": "adyen.payments", "nth": 1, "then": {"latency": "2s"}}
    return Both(pair, scenario={"mockpsp": 1, "title": "The first is slow", "faults": [fault]})


def under_way(sandbox: ControlledSandbox) -> None:
    """Return when a payment is on record; the other server writes that down when it lets go of its turn."""
    for _ in range(2_000):
        if any(each["operation"] == "payments" for each in sandbox.journal(kind="request")):
            return
    raise AssertionError("the payment never came")


def test_who_waits_does_not_hold_up_the_other_and_keeps_its_key(pair: tuple[str, str]) -> None:
    both = slow(pair)
    here, there = both.shops()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(here.pay, 1000, card(), key="K1")
        under_way(both.there)
        refused = there.post("/payments", {"amount": eur(1000), "reference": "x", "paymentMethod": card(),
                                           "returnUrl": "https://shop.example/"}, Idempotency_Key="K1")  # fmt: skip
        assert (refused.status_code, refused.json()["errorCode"]) == (409, "704")
        other = there.pay(500, card())
        assert other["resultCode"] == "Authorised"
        assert not first.done()
        answer = first.result()
    assert there.pay(1000, card(), key="K1") == answer
    assert entries(both.here) == entries(both.there)


def test_the_clock_is_one_for_all_and_what_was_due_is_done_once(pair: tuple[str, str], receiver: Receiver) -> None:
    both = Both(pair, clock=TUESDAY)
    inbox = Inbox(both.here, receiver)
    Shop(both.here).order(2000, expiresAt="2026-07-07T13:00:00+02:00")
    both.there.advance("PT30M")
    assert both.here.call("GET", "/clock")["now"] == "2026-07-07T10:30:00.000Z"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: each.advance("PT1H"), both.each()))
    assert {each.call("GET", "/clock")["now"] for each in both.each()} == {"2026-07-07T12:30:00.000Z"}
    assert inbox.told() == [("ORDER_OPENED", "true"), ("ORDER_CLOSED", "false")]
    timers = [each for each in entries(both.there) if each["kind"] == "timer"]
    assert len(timers) == 1


def test_much_that_happens_in_one_turn_is_known_at_the_other(pair: tuple[str, str]) -> None:
    """Moving a clock is one turn, whatever it leads to."""
    both = Both(pair, clock=TUESDAY)
    here, there = both.shops()
    orders = [here.order(2000) for _ in range(6)]
    here.pay(500, voucher(), order=orders[0])
    both.here.advance("P2D")
    assert [each["status"] for each in both.there.webhooks()] == ["no_endpoint"] * len(both.here.webhooks())
    assert both.there.webhooks() == both.here.webhooks()
    assert both.there.accounts() == both.here.accounts()
    assert len([each for each in entries(both.there) if each["kind"] == "timer"]) == len(orders)
    refused = [there.post("/payments", {"amount": eur(100), "reference": "late", "paymentMethod": voucher(),
                                        "order": pass_on(each), "returnUrl": "https://shop.example/"})
               for each in orders]  # fmt: skip
    assert {answer.status_code for answer in refused} == {422}, "none of them is open any more"


def test_a_clock_that_runs_or_stands_at_one_does_so_at_the_other(both: Both) -> None:
    both.here.stand_still()
    still = both.there.call("GET", "/clock")
    assert still["mode"] == "manual"
    assert both.here.call("GET", "/clock")["now"] == still["now"]
    both.there.call("POST", "/clock", {"mode": "real"})
    assert both.here.call("GET", "/clock")["mode"] == "real"


def test_a_webhook_is_sent_by_one_of_them(both: Both, receiver: Receiver) -> None:
    inbox = Inbox(both.here, receiver)
    here, there = both.shops()
    with ThreadPoolExecutor(4) as pool:
        paid = list(pool.map(lambda number: (here, there)[number % 2].pay(100, card()), range(12)))
    both.there.settle()
    told = [each["pspReference"] for each in inbox.items("AUTHORISATION")]
    assert sorted(told) == sorted(each["pspReference"] for each in paid)
    assert {each["status"] for each in both.there.webhooks()} == {"delivered"}


def test_a_blocked_endpoint_is_blocked_at_both(pair: tuple[str, str], receiver: Receiver) -> None:
    both = Both(pair, clock=TUESDAY)
    here, there = both.shops()
    inbox = Inbox(both.here, receiver)
    receiver.status = 500
    here.pay(1000, card(), reference="first")
    both.here.settle()
    there.pay(1000, card(), reference="second")
    both.there.settle()
    assert [each["status"] for each in both.here.webhooks()] == ["retrying", "held"]
    receiver.status = 202
    both.there.advance("PT10S")
    assert [each["merchantReference"] for each in inbox.items()] == ["first", "first", "second"]


def test_a_webhook_that_leaves_early_is_not_sent_by_the_other_as_well(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    line = {"event": "adyen.AUTHORISATION", "deliver": {"early": True}}
    both = Both(pair, scenario={"mockpsp": 1, "title": "Early", "webhooks": [line]})
    inbox = Inbox(both.there, receiver)
    here, there = both.shops()
    for each in (here, there, here):
        each.pay(100, card())
        assert len(receiver.received) == len([one for one in both.there.webhooks() if one["status"] == "delivered"])
    assert len(inbox.items("AUTHORISATION")) == 3


def test_another_scenario_is_in_force_at_both(both: Both) -> None:
    there = Shop(both.there)
    rule = {"operation": "adyen.payments", "then": {"outcome": "refused"}}
    both.here.call("PUT", "/scenario", {"mockpsp": 1, "title": "No", "rules": [rule]})
    assert there.pay(100, card())["resultCode"] == "Refused"
    assert both.there.call("GET")["scenario"] == "inline"


def test_a_reset_at_one_is_a_reset_at_the_other(both: Both, receiver: Receiver) -> None:
    here, there = both.shops()
    Inbox(both.here, receiver)
    first = here.order()
    there.order()
    both.there.call("POST", "/reset")
    assert not [each for each in entries(both.here) if each["kind"] == "request"]
    assert here.order()["pspReference"] == first["pspReference"], "the same seed gives the same ids"
    both.here.settle()
    assert entries(both.here) == entries(both.there)


def test_a_deleted_sandbox_is_gone_at_the_other(both: Both) -> None:
    there = Shop(both.there)
    there.order()
    both.here.delete()
    both.there.call("GET", status=404)
    body = {"amount": eur(100), "reference": "x", "merchantAccount": there.given["merchant_account"]}
    answer = requests.post(f"{both.there.url}/v72/orders", json=body, headers={"X-API-Key": there.given["api_key"]},
                           timeout=30)  # fmt: skip
    assert answer.status_code == 401


def test_a_checkout_is_opened_at_one_and_paid_at_the_other(both: Both) -> None:
    merchants = Merchant(both.here), Merchant(both.there)
    ref = merchants[0].call("create_hosted_checkout", checkout_body(1000)).json()["hostedCheckoutId"]
    both.there.shopper(ref, {"pay": [{"with": "cv_connect"}]})
    told = merchants[0].call("get_hosted_checkout", hostedCheckoutId=ref).json()
    assert told["status"] == "PAYMENT_CREATED"
    assert both.here.call("GET", "/checkouts") == {"checkouts": []}


def test_a_live_view_at_one_shows_what_happens_at_the_other(both: Both) -> None:
    with requests.get(f"{both.here.url}/_mockpsp/sandboxes/{both.here.id}/events", stream=True, timeout=30) as stream:
        Shop(both.there).order(reference="from over there")
        for line in stream.iter_lines():
            if line.startswith(b"data: ") and b"from over there" in line:
                return
    raise AssertionError("the stream ended")


def test_the_dashboard_of_one_shows_what_happened_at_the_other(both: Both) -> None:
    psp = Shop(both.there).order()["pspReference"]
    page = requests.get(f"{both.here.url}/_mockpsp/sandbox/{both.here.id}/payments", timeout=30)
    assert page.status_code == 200
    assert psp in page.text


def test_a_server_that_starts_later_knows_everything(serving: Callable[[], Threaded], receiver: Receiver) -> None:
    first = ControlledSandbox.create(serving().url)
    Inbox(first, receiver)
    Shop(first).pay(1000, card(), key="K1")
    first.settle()
    told = {part: first.call("GET", part) for part in ("/journal?limit=1000", "/webhooks", "/accounts", "/checkouts")}
    late = ControlledSandbox(serving().url, {"id": first.id, "credentials": first.credentials})
    seen = {part: late.call("GET", part) for part in told}
    assert json.dumps(seen).replace(late.url, first.url) == json.dumps(told)
    assert len(receiver.received) == 1


def test_when_the_database_is_gone_the_provider_says_try_again(
    own_pair: tuple[str, str], postgres: Postgres, database: str
) -> None:
    both = Both(own_pair)
    shop = Shop(both.here)
    shop.order()
    name = database.rpartition("/")[2]
    postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    postgres.sql(f"ALTER DATABASE {name} RENAME TO {name}_away")
    body = {"amount": eur(100), "reference": "x"}
    refused = shop.request("POST", "/orders", {"merchantAccount": shop.given["merchant_account"], **body})
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    assert "Mockpsp-Trace" not in refused.headers
    postgres.sql(f"ALTER DATABASE {name}_away RENAME TO {name}")
    shop.order()
    requests_there = [each for each in entries(both.there) if each["kind"] == "request"]
    assert [each["operation"] for each in requests_there] == ["create_order"] * 2
