"""The example shop against the simulator: purchases, refunds, and what happens between a shop and its providers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from Adyen.util import generate_notification_sig
from shop import calls, texts
from shop.bugs import BUGS
from shop.buy import main as buy
from shop.care import Care
from shop.settings import MissingSetting, Settings
from shop.webhooks import Forged

from mockpsp.providers import discover
from tests.support.control import ControlledSandbox
from tests.support.merchant import CARD, VOUCHER, Merchant, merchant
from tests.support.server import Threaded

KINDS = ["holiday", "lunch", "basket"]
CREATES = {
    "holiday": "worldline.create_hosted_checkout",
    "lunch": "adyen.create_payment_link",
    "basket": "lyra.create_order",
}
PAYS: dict[str, list[dict[str, str]]] = {
    "holiday": [
        {"with": "cv_connect", "amount": "300.00 EUR"},
        {"with": "card", "number": "4330264936344675"},
    ],
    "lunch": [{"with": "meal_voucher", "number": VOUCHER}, {"with": "card", "number": CARD}],
    "basket": [{"with": "conecs"}, {"with": "card"}],
}
SHOP = Path(__file__).parents[2] / "examples" / "shop"


LOST = {"operation": "worldline.refund", "nth": 1, "then": {"drop": "after_effect"}}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are the shop's, and nothing that a test needs."""
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.0)


@pytest.fixture
def shop(live: Threaded, sandbox: ControlledSandbox) -> Iterator[Merchant]:
    """A shop that makes no mistake."""
    with merchant(live, sandbox) as running:
        yield running


def scenario(shop: Merchant, **lines: Any) -> None:
    """Let something happen from now on."""
    whole = {"mockpsp": 1, "title": "Something happens", "extends": "default", **lines}
    shop.sandbox.call("PUT", "/scenario", whole)


def pay(shop: Merchant, kind: str) -> Any:
    """An order that is paid at the provider, by a shopper who does not come back."""
    order = shop.order(kind)
    shop.pays(order, *PAYS[kind])
    return order


# -- purchases ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_purchase_through_all_pages(shop: Merchant, kind: str) -> None:
    facts = shop.buy(kind)

    assert (facts["state"], facts["paid"], facts["shipments"]) == ("paid", facts["total"], 1)


@pytest.mark.parametrize(("kind", "back"), [("holiday", 60040), ("lunch", 1850), ("basket", 7200)])
def test_money_given_back(shop: Merchant, kind: str, back: int) -> None:
    facts = shop.buy(kind, refund=True)

    assert facts["refunded"] + facts["pending"] == back


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_kept_when_the_card_is_refused(shop: Merchant, kind: str) -> None:
    before = {ref: each["balance"] for ref, each in shop.sandbox.accounts().items()}

    facts = shop.buy(kind, refuse=True)

    assert (facts["state"], facts["shipments"]) == ("ended", 0)
    assert {ref: each["balance"] for ref, each in shop.sandbox.accounts().items() if ref in before} == before


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_refusal_the_same_order_can_be_paid(shop: Merchant, kind: str) -> None:
    shop.buy(kind, refuse=True)
    order = shop.orders()[0]

    answer = shop.http.post(f"{shop.url}/orders/{order.token}/pay", allow_redirects=False, timeout=60)
    again = shop.orders()[0]
    assert (again.id, again.attempt) == (order.id, 2)
    assert answer.headers["Location"] == again.url != order.url
    shop.pays(again, *PAYS[kind][-1:])

    assert shop.now(again)["state"] == "paid"


def test_an_open_page_is_used_again(shop: Merchant) -> None:
    """Two open pages could both be paid."""
    order = shop.order("lunch")

    answer = shop.http.post(f"{shop.url}/orders/{order.token}/pay", allow_redirects=False, timeout=60)

    assert answer.headers["Location"] == order.url
    assert len(shop.sandbox.call("GET", "/checkouts")["checkouts"]) == 1


def test_each_part_of_a_lunch_is_captured(shop: Merchant) -> None:
    order = pay(shop, "lunch")

    assert shop.now(order)["captured"] == 4350
    assert sorted(each.amount for each in shop.works(order)) == [1850, 2500]
    assert [each["type"] for each in shop.sandbox.webhooks(type="CAPTURE")] == ["CAPTURE"] * 2


# -- webhooks ----------------------------------------------------------------------------------------------------------

WEBHOOKS = {"holiday": "worldline.*", "lunch": "adyen.*", "basket": "lyra.*"}


@pytest.mark.parametrize(
    "deliver", [{"copies": 3}, {"order": "reversed"}, {"early": True}], ids=["3", "reversed", "early"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_odd_deliveries_change_nothing(shop: Merchant, kind: str, deliver: dict[str, Any]) -> None:
    scenario(shop, webhooks=[{"event": WEBHOOKS[kind], "deliver": deliver}])

    order = pay(shop, kind)

    assert shop.now(order)["state"] == "paid"
    assert shop.now(order)["shipments"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_lost_webhooks_are_made_up_for_by_asking(shop: Merchant, kind: str) -> None:
    scenario(shop, webhooks=[{"event": WEBHOOKS[kind], "deliver": {"drop": True}}])
    order = pay(shop, kind)
    assert shop.now(order)["state"] == "waiting"

    shop.watch()

    assert shop.now(order)["state"] == "paid"
    assert "webhook" not in shop.history(order)


@pytest.mark.parametrize("deliver", [{"signature": "wrong"}, {"signature": "missing"}, {"signature": "stale"}], ids=str)
@pytest.mark.parametrize("kind", ["holiday", "lunch"])
def test_bad_signatures_are_refused(shop: Merchant, kind: str, deliver: dict[str, Any]) -> None:
    scenario(shop, webhooks=[{"event": WEBHOOKS[kind], "deliver": deliver}])

    order = pay(shop, kind)

    assert {attempt["status"] for each in shop.sandbox.webhooks() for attempt in each["attempts"]} == {401}
    assert shop.now(order)["state"] == "waiting"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b'"x"', b"\xff\xfe", b'{"notificationItems":[]}', b'{"order":']
)
@pytest.mark.parametrize("provider", ["worldline", "adyen", "lyra"])
def test_nonsense_is_refused_and_no_error_of_ours(shop: Merchant, provider: str, body: bytes) -> None:
    answer = requests.post(f"{shop.url}/webhooks/{provider}", data=body, timeout=60)

    acknowledged = provider == "lyra" and body in (b"", b'{"notificationItems":[]}')  # its probe; a kind not known
    assert answer.status_code == (200 if acknowledged else 401)


@pytest.mark.parametrize(
    "value", ["../sellers/", "?", "", None, 7, {"uuid": 1}, "00000000-0000-4000-8000-00000000000/.."]
)
def test_a_notification_leads_to_no_other_address(shop: Merchant, value: Any) -> None:
    before = len(shop.sandbox.journal(kind="request", provider="lyra"))

    assert shop.deliver("lyra", {"order": value}) == 401

    assert len(shop.sandbox.journal(kind="request", provider="lyra")) == before


def test_another_currency_is_for_a_person_to_look_at(shop: Merchant) -> None:
    order = shop.order("lunch")

    shop.adyen(shop.item(order, amount={"currency": "USD", "value": order.total}))

    assert (shop.now(order)["state"], shop.now(order)["shipments"]) == ("review", 0)


def test_the_same_event_twice_at_once_ships_once(shop: Merchant) -> None:
    order = shop.order("lunch")
    item = shop.item(order)
    proof = generate_notification_sig(item, shop.sandbox.credentials["adyen"]["hmac_key"]).decode()
    signed = {**item, "additionalData": {"hmacSignature": proof}}
    body = json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": signed}]}).encode()

    async def at_once() -> None:
        await asyncio.gather(*(shop.cashier.receive("adyen", body, []) for _ in range(5)))

    shop.live.run(at_once())
    shop.settle()

    assert shop.now(order)["shipments"] == 1
    assert len(shop.works(order)) == 1


def test_everybody_asking_at_once_ships_once(shop: Merchant) -> None:
    order = shop.order("holiday")
    scenario(shop, webhooks=[{"event": "worldline.*", "deliver": {"drop": True}}])
    shop.pays(order, *PAYS["holiday"])

    async def at_once() -> None:
        await asyncio.gather(*(shop.cashier.returned(order.id) for _ in range(5)))

    shop.live.run(at_once())

    assert shop.now(order)["shipments"] == 1


def test_a_button_pressed_twice_at_once_refunds_once(shop: Merchant) -> None:
    order = pay(shop, "holiday")

    async def at_once() -> None:
        await asyncio.gather(*(shop.cashier.refund(order.id, 10000, "0123456789ab") for _ in range(3)))

    shop.live.run(at_once())
    shop.settle()

    assert shop.now(order)["refunded"] == 10000
    assert len(shop.works(order)) == 1


def test_too_much_money_is_for_a_person_to_look_at(shop: Merchant) -> None:
    order = shop.order("lunch")

    shop.adyen(shop.item(order, amount={"currency": "EUR", "value": order.total + 1}))

    assert shop.now(order)["state"] == "review"


def test_parts_of_an_order_that_was_closed_unpaid_do_not_count(shop: Merchant) -> None:
    """Adyen sends no event for each payment that it rolls back."""
    order = shop.order("lunch")
    closed = shop.item(
        order, eventCode="ORDER_CLOSED", success="false", pspReference="ORDERPSPREF00001",
        additionalData={"order-1-pspReference": "KHQC5N7G84BLNK43", "order-1-paymentAmount": "EUR 25.00"},
    )  # fmt: skip
    shop.adyen(closed)

    shop.adyen(shop.item(order))  # what was rolled back, told too late

    assert (shop.now(order)["state"], shop.now(order)["paid"]) == ("waiting", 0)


def test_an_event_about_an_order_of_somebody_else_is_acknowledged(shop: Merchant) -> None:
    order = shop.order("lunch")

    assert shop.adyen(shop.item(order, merchantReference="NOT-OURS")) == 200
    assert shop.deliver("lyra", {"order": "00000000-0000-4000-8000-000000000000"}) == 200


def test_the_watch_goes_on_whatever_happens(shop: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = list[float]()
    again = asyncio.Event()

    async def once_wrong(now: float) -> None:
        rounds.append(now)
        if len(rounds) == 1:
            raise KeyError("a field that was always there")
        again.set()

    async def watched() -> None:
        task = asyncio.create_task(shop.cashier.watch())
        await again.wait()
        task.cancel()

    monkeypatch.setattr(shop.cashier, "settings", replace(shop.cashier.settings, poll=0.0))
    monkeypatch.setattr(shop.cashier, "round", once_wrong)
    shop.live.run(watched())

    assert len(rounds) >= 2


def test_the_previous_key_counts_until_its_end() -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    assert Care().keys("new", "old", soon) == ("new", "old")
    assert Care().keys("new", "old", datetime.now(UTC)) == ("new",)
    assert Care().keys("new", "old", None) == ("new",)


def test_a_genuine_webhook_is_read_by_the_sdk_whatever_the_case_of_its_headers(shop: Merchant) -> None:
    with pytest.raises(Forged):
        shop.cashier.providers["worldline"].read(b"{}", [("X-GCS-KeyId", "x"), ("X-GCS-Signature", "é")])


# -- calls that fail ---------------------------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Any]] = {
    "answer lost": {"drop": "after_effect"},
    "never arrived": {"drop": "before_effect"},
    "500 after the effect": {"status": 500, "after_effect": True},
    "503": {"status": 503},
    "429": {"status": 429},
    "half a body": {"body": "truncated"},
    "spoilt body": {"body": "malformed"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
@pytest.mark.parametrize("kind", KINDS)
def test_an_order_is_made_once_however_its_answer_is_lost(shop: Merchant, kind: str, fault: dict[str, Any]) -> None:
    scenario(shop, faults=[{"operation": CREATES[kind], "nth": 1, "then": fault}])

    order = shop.order(kind)

    assert order.state == "waiting"
    assert order.url
    references = [each["reference"] for each in shop.sandbox.call("GET", "/checkouts")["checkouts"]]
    assert references == [order.id]


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_out_is_asked_again(
    live: Threaded, sandbox: ControlledSandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.6)
    with merchant(live, sandbox, timeout=1.5) as shop:
        scenario(shop, faults=[{"operation": CREATES[kind], "nth": 1, "then": {"latency": "2s"}}])

        answer = shop.http.post(f"{shop.url}/orders", data={"kind": kind}, allow_redirects=False, timeout=60)

        assert answer.headers["Location"] == shop.orders()[0].url
        assert len(shop.sandbox.call("GET", "/checkouts")["checkouts"]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_when_nobody_answers_the_order_is_kept_and_tried_again_with_the_same_key(
    shop: Merchant, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    scenario(shop, faults=[{"operation": CREATES[kind], "nth": 1, "then": {"drop": "after_effect"}}])
    answer = shop.http.post(f"{shop.url}/orders", data={"kind": kind}, allow_redirects=False, timeout=60)
    order = shop.orders()[0]
    assert answer.headers["Location"] == f"/orders/{order.token}"
    assert order.state == "new"

    shop.http.post(f"{shop.url}/orders/{order.token}/pay", allow_redirects=False, timeout=60)

    order = shop.orders()[0]
    assert order.state == "waiting"
    assert len({each["ref"] for each in shop.sandbox.call("GET", "/checkouts")["checkouts"]}) == 1


def test_a_retry_after_is_waited_for(shop: Merchant) -> None:
    throttle = {"status": 503, "throttle": {"calls": 1, "per": "1s"}}
    scenario(shop, faults=[{"operation": CREATES["holiday"], "then": throttle}])

    shop.order("holiday")
    order = shop.order("holiday")

    assert order.state == "waiting"
    assert len(shop.sandbox.journal(kind="request", operation="create_hosted_checkout")) <= 3


@pytest.mark.parametrize("fault", ["answer lost", "500 after the effect", "503", "half a body"])
def test_a_refund_is_made_once_however_its_answer_is_lost(shop: Merchant, fault: str) -> None:
    order = pay(shop, "holiday")
    scenario(shop, faults=[{"operation": "worldline.refund", "nth": 1, "then": FAULTS[fault]}])

    assert shop.press(order, "100,00") == [303]

    assert shop.now(order)["refunded"] == 10000


def test_a_refund_without_any_answer_is_repeated_by_the_watch_with_the_same_key(
    shop: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = pay(shop, "holiday")
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    scenario(shop, faults=[LOST])
    assert shop.press(order, "100.00") == [303]
    assert [each.state for each in shop.works(order)] == ["todo"]

    shop.watch()

    assert [each.state for each in shop.works(order)] == ["asked"]
    assert shop.now(order)["refunded"] == 10000


@pytest.mark.parametrize("fault", ["answer lost", "500 after the effect", "429"])
def test_a_capture_is_made_once_however_its_answer_is_lost(shop: Merchant, fault: str) -> None:
    scenario(shop, faults=[{"operation": "adyen.capture", "nth": 1, "then": FAULTS[fault]}])

    order = pay(shop, "lunch")

    assert shop.now(order)["captured"] == 4350
    assert len(shop.sandbox.webhooks(type="CAPTURE")) == 2


def test_what_was_written_down_is_done_after_a_crash(
    live: Threaded, sandbox: ControlledSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    file = str(tmp_path / "shop.sqlite")
    with merchant(live, sandbox, database=file) as before:
        order = pay(before, "holiday")
        scenario(before, faults=[LOST])
        before.press(order, "100.00")

    with merchant(live, sandbox, database=file) as after:
        after.watch()

        assert after.now(order)["refunded"] == 10000
        assert [each.state for each in after.works(order)] == ["asked"]


# -- refunds -----------------------------------------------------------------------------------------------------------


def test_no_more_than_what_was_paid_goes_back(shop: Merchant) -> None:
    order = pay(shop, "holiday")

    assert shop.press(order, "600.41") == [409]
    assert shop.press(order, "600.00") == [303]
    assert shop.press(order, "1.00") == [409]
    assert shop.now(order)["refunded"] == 60000


@pytest.mark.parametrize("amount", ["", "0", "-1", "1e3", "12,345", "many", "１２"])
def test_amounts_that_are_none(shop: Merchant, amount: str) -> None:
    order = pay(shop, "holiday")

    assert shop.press(order, amount)[0] in (400, 409)
    assert shop.works(order) == []


def test_a_form_from_elsewhere_refunds_nothing(shop: Merchant) -> None:
    order = pay(shop, "holiday")

    answer = shop.http.post(f"{shop.url}/merchant/{order.id}/refund", data={"amount": "1"}, timeout=60)

    assert answer.status_code == 400
    assert shop.works(order) == []


def test_vouchers_come_back_for_four_hours_only(shop: Merchant) -> None:
    shop.sandbox.stand_still()
    order = pay(shop, "holiday")
    shop.sandbox.advance("PT4H1M")

    shop.press(order, "400.00")  # 300.40 of it by card

    assert [each.state for each in shop.works(order)] == ["refused"]
    assert "refund-refused" in shop.history(order)
    shop.press(order, "300.40")
    assert shop.now(order)["refunded"] == 30040


def test_meal_vouchers_stay(shop: Merchant) -> None:
    order = pay(shop, "lunch")

    assert shop.press(order, "18.51") == [409]
    assert shop.press(order, "18.50") == [303]
    assert shop.now(order)["shown"] == "part-refunded"
    assert 'name="stamp"' not in shop.get(f"/merchant/{order.id}").text


def test_a_basket_is_let_go_before_its_capture(shop: Merchant) -> None:
    order = pay(shop, "basket")

    assert shop.press(order, "72.00") == [303]

    assert [each.kind for each in shop.works(order)] == ["cancel"]
    assert shop.now(order)["shown"] == "refunded"


def test_each_seller_of_a_basket_refunds_his_share(shop: Merchant) -> None:
    order = pay(shop, "basket")
    shop.sandbox.stand_still()
    shop.sandbox.advance("PT2H")  # captured
    assert shop.press(order, "20.00") == [409]

    assert shop.press(order, "72.00") == [303]
    assert shop.now(order)["shown"] == "refunding"
    assert [(each.target, each.amount) for each in shop.works(order)] == [("seller1", 3300), ("seller2", 3900)]
    shop.sandbox.advance("PT3H")
    shop.settle()

    assert shop.now(order)["shown"] == "refunded"


def test_a_refund_that_lyra_took_is_found_again(shop: Merchant) -> None:
    order = pay(shop, "basket")
    shop.sandbox.stand_still()
    shop.sandbox.advance("PT2H")
    scenario(shop, faults=[{"operation": "lyra.create_refund", "nth": 1, "then": {"drop": "after_effect"}}])

    assert shop.press(order, "72.00") == [303]

    shop.sandbox.advance("PT3H")
    shop.settle()
    assert shop.now(order)["refunded"] == 7200


def test_a_refund_that_failed_later_is_not_counted(shop: Merchant) -> None:
    order = pay(shop, "lunch")
    failing = {"outcome": "fails"}
    scenario(shop, rules=[{"operation": "adyen.refund", "then": failing}])

    shop.press(order, "10.00")
    shop.sandbox.stand_still()
    shop.sandbox.advance("P3D")
    shop.settle()

    assert shop.now(order)["refunded"] == 0


# -- orders that end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_test_environment_may_be_emptied_under_a_running_shop(shop: Merchant, kind: str) -> None:
    """Numbers begin anew: what was waiting before is not paid by what is paid now."""
    before = shop.order(kind)
    shop.sandbox.call("POST", "/reset")
    order = shop.order(kind)
    assert before.ref == order.ref

    shop.pays(order, *PAYS[kind])
    shop.watch()

    assert (shop.now(order)["state"], shop.now(order)["shipments"]) == ("paid", 1)
    assert shop.now(before)["state"] == "waiting"


def test_a_half_paid_lunch_is_given_up_after_a_while(shop: Merchant) -> None:
    order = shop.order("lunch")
    shop.pays(order, {"with": "meal_voucher", "number": VOUCHER})
    assert shop.now(order)["shown"] == "part-paid"

    shop.watch()

    assert shop.now(order)["state"] == "ended"
    assert shop.balance(VOUCHER) == "61.20 EUR"


def test_a_holiday_that_nobody_completes_is_given_back(shop: Merchant) -> None:
    shop.sandbox.stand_still()
    order = shop.order("holiday")
    shop.pays(order, {"with": "cv_connect", "amount": "300.00 EUR"})

    shop.sandbox.advance("PT3H")
    shop.settle()

    facts = shop.now(order)
    assert (facts["state"], facts["paid"], facts["refunded"]) == ("ended", 30000, 30000)


def test_a_holiday_cannot_be_cancelled_from_here(shop: Merchant) -> None:
    order = shop.order("holiday")

    answer = shop.http.post(f"{shop.url}/orders/{order.token}/cancel", timeout=60)

    assert answer.status_code == 409
    assert shop.now(order)["state"] == "waiting"


# -- pages -------------------------------------------------------------------------------------------------------------


def test_returning_twice_ships_once(shop: Merchant) -> None:
    order = pay(shop, "holiday")
    mac = shop.orders()[0].mac

    for _ in range(2):
        answer = shop.get(f"/return/worldline?hostedCheckoutId={order.ref}&RETURNMAC={mac}")
        assert answer.headers["Location"] == f"/orders/{order.token}"

    assert shop.now(order)["shipments"] == 1


@pytest.mark.parametrize(
    "path", ["/orders/guess", "/orders/guess/facts", "/return/guess", "/merchant/guess", "/nowhere"]
)
def test_unknown_addresses(shop: Merchant, path: str) -> None:
    answer = shop.get(path)

    assert answer.status_code == 404
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_a_page_speaks_the_language_that_one_chose(shop: Merchant) -> None:
    assert "Une semaine" in shop.get("/").text
    assert "A week" in shop.get("/", headers={"Accept-Language": "de, en;q=0.8"}).text
    assert "A week" in shop.get("/?lang=en").text
    assert "A week" in shop.get("/").text  # it is remembered


def test_every_text_is_there_in_both_languages() -> None:
    assert all(len(each) == 2 and all(each) for each in texts.TEXTS.values())


def test_an_order_for_nothing(shop: Merchant) -> None:
    answer = shop.http.post(f"{shop.url}/orders", data={"kind": "yacht"}, timeout=60)

    assert answer.status_code == 400
    assert shop.orders() == []


# -- the commands ------------------------------------------------------------------------------------------------------


def environment(live: Threaded, sandbox: ControlledSandbox) -> dict[str, str]:
    """What a judge gives to the application."""
    found: dict[str, str] = {}
    for name, provider in discover().items():
        found.update(provider.environment(sandbox.credentials[name], live.url))
    return found


def test_settings_name_everything_that_is_missing() -> None:
    with pytest.raises(MissingSetting, match=r"WORLDLINE_API_ENDPOINT.*LYRA_MARKETPLACE.*mockpsp credentials"):
        Settings.read({}, "http://localhost:8081")


def test_buying_as_a_command(shop: Merchant) -> None:
    command = [sys.executable, "-m", "shop.buy", "basket", "--shop", shop.url]
    ran = subprocess.run(
        command, cwd=SHOP, capture_output=True, encoding="utf-8", timeout=300,
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(SHOP)},
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "as it should be" in ran.stdout


def test_buying_says_what_is_wrong(
    live: Threaded, sandbox: ControlledSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    with merchant(live, sandbox, "no-dedupe") as shop:
        scenario(shop, webhooks=[{"event": "lyra.*", "deliver": {"copies": 2}}])

        assert buy(["basket", "--shop", shop.url]) == 1

    assert "shipments is" in capsys.readouterr().err


def test_every_setting_is_in_the_readme() -> None:
    source = (SHOP / "shop/settings.py").read_text("utf-8") + (SHOP / "shop/buy.py").read_text("utf-8")
    read = set(re.findall(r"""get\("([A-Z_]+)\"""", source))
    told = set(re.findall(r"`([A-Z_]{6,})`", (SHOP / "README.md").read_text("utf-8")))
    assert read
    assert read <= told


def test_every_file_of_the_shop_is_short() -> None:
    assert {
        file.name for file in (SHOP / "shop").glob("*.py") if len(file.read_text("utf-8").splitlines()) > 300
    } == set()


def test_mistakes_are_listed_without_any_setting() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "shop", "--list-bugs"], cwd=SHOP, capture_output=True, encoding="utf-8", timeout=300,
        env={**os.environ, "PYTHONPATH": str(SHOP)},
    )  # fmt: skip

    assert ran.returncode == 0
    assert "no-dedupe" in ran.stdout
    assert ran.stdout.count("\n") == len(BUGS)
