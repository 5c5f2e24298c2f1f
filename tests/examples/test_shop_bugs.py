"""Each mistake that the example shop can make, in the situation where it shows; the shop without it does it right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from shop import bugs
from shop.bugs import BUGS
from shop.catalogue import PRODUCTS

from mockpsp.edge.respond import to_bytes
from mockpsp.providers.adyen.webhooks import replaced
from mockpsp.providers.worldline.webhooks import signature
from tests.support.control import ControlledSandbox
from tests.support.merchant import CARD, VOUCHER, Merchant, merchant
from tests.support.server import Threaded

CONNECT = {"with": "cv_connect", "amount": "300.00 EUR"}
VISA = {"with": "card", "number": "4330264936344675"}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PROVIDER_WAITS_SECONDS = 10
Situation = Callable[[Merchant], bool]


def forged(shop: Merchant) -> bool:
    """Somebody without the key says that an order is paid."""
    order = shop.order("lunch")
    answered = shop.adyen(shop.item(order), key="00" * 32)
    return answered == 401 and shop.now(order)["state"] == "waiting"


def stale(shop: Merchant) -> bool:
    """Somebody has the key that was replaced years ago."""
    order = shop.order("lunch")
    shop.adyen(shop.item(order), key=replaced(shop.sandbox.credentials["adyen"]["hmac_key"]))
    return bool(shop.now(order)["state"] == "waiting")


def small_headers(shop: Merchant) -> bool:
    """A proxy has written the names of headers in small letters."""
    order = shop.order("holiday")
    keys = shop.sandbox.credentials["worldline"]
    body = to_bytes(shop.sandbox.webhooks(type="payment.created")[0]["body"])
    headers = {"x-gcs-keyid": keys["webhook_key_id"], "x-gcs-signature": signature(keys["webhook_secret"], body)}
    assert order.state == "waiting"
    return shop.deliver("worldline", None, headers, raw=body) == 200


def other_account(shop: Merchant) -> bool:
    """The company's other account has an order with the same number."""
    order = shop.order("lunch")
    answered = shop.adyen(shop.item(order, merchantAccountCode="MockpspBE"))
    return answered == 200 and shop.now(order)["state"] == "waiting"


def live_on_test(shop: Merchant) -> bool:
    """An event of the live environment comes to the test shop."""
    order = shop.order("lunch")
    shop.adyen(shop.item(order), live="true")
    return bool(shop.now(order)["state"] == "waiting")


def refused(shop: Merchant) -> bool:
    """An authorisation that failed, with success "false"."""
    order = shop.order("lunch")
    shop.adyen(shop.item(order, success="false"))
    return bool(shop.now(order)["state"] == "waiting")


def unknown_event(shop: Merchant) -> bool:
    """An event that this shop has never heard of."""
    order = shop.order("lunch")
    return shop.adyen(shop.item(order, eventCode="REPORT_AVAILABLE")) == 200


def extra_field(shop: Merchant) -> bool:
    """The provider adds a field to its webhooks."""
    order = shop.order("lunch")
    answered = shop.adyen(shop.item(order, networkTransactionId="12345"))
    return answered == 200 and shop.now(order)["state"] == "paid"


def early(shop: Merchant) -> bool:
    """A webhook leaves before the call that caused it is answered."""
    shop.sandbox.call("PUT", "/scenario", _with(webhooks=[{"event": "worldline.*", "deliver": {"early": True}}]))
    shop.order("holiday")
    created = shop.sandbox.webhooks(type="payment.created")[0]
    return [each["status"] for each in created["attempts"]] == [200]


def patience(shop: Merchant) -> bool:
    """How long the answer to a webhook is held back."""
    order, slept = shop.order("lunch"), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bugs, "asyncio", SimpleNamespace(sleep=sleep))
        shop.adyen(shop.item(order))
    return sum(slept) < PROVIDER_WAITS_SECONDS


def twice(shop: Merchant) -> bool:
    """The same event is delivered twice."""
    order = shop.order("lunch")
    shop.adyen(shop.item(order), times=2)
    return bool(shop.now(order)["shipments"] == 1)


def overtaken(shop: Merchant) -> bool:
    """The refusal of a first attempt arrives after the success of the second."""
    order = shop.order("lunch")
    shop.adyen(shop.item(order))
    shop.adyen(shop.item(order, success="false", pspReference="AAAAN7G84BLNK43A"))
    return bool(shop.now(order)["state"] == "paid")


def lost(shop: Merchant) -> bool:
    """No webhook ever comes, and the shopper does not come back."""
    shop.sandbox.call("PUT", "/scenario", _with(webhooks=[{"event": "worldline.*", "deliver": {"drop": True}}]))
    order = shop.order("holiday")
    shop.pays(order, CONNECT, VISA)
    shop.watch()
    return bool(shop.now(order)["state"] == "paid")


def typed_return(shop: Merchant) -> bool:
    """Somebody opens the return address without having paid."""
    order = shop.order("lunch")
    shop.get(f"/return/{order.token}")
    return bool(shop.now(order)["state"] == "waiting")


def wrong_mac(shop: Merchant) -> bool:
    """Somebody counts through checkout ids."""
    order = shop.order("holiday")
    return shop.get(f"/return/worldline?hostedCheckoutId={order.ref}&RETURNMAC=guessed").status_code == 400


def unsigned_id(shop: Merchant) -> bool:
    """Somebody who knows an order's uuid sends what Lyra would send."""
    order = shop.order("basket")
    shop.deliver("lyra", {"order": order.ref})
    return bool(shop.now(order)["state"] == "waiting")


def vouchers_only(shop: Merchant) -> bool:
    """Vouchers have paid their part, and the card has not."""
    order = shop.order("holiday")
    shop.pays(order, CONNECT)
    now = shop.now(order)
    return (now["shown"], now["paid"], now["shipments"]) == ("part-paid", 30000, 0)


def one_euro(shop: Merchant) -> bool:
    """A genuine authorisation of another amount."""
    order = shop.order("lunch")
    shop.adyen(shop.item(order, amount={"currency": "EUR", "value": 100}))
    return shop.now(order)["shipments"] == 0


def card_refused(shop: Merchant) -> bool:
    """The voucher paid its part, the card was refused, and the shopper cancels."""
    order = shop.order("lunch")
    shop.pays(order, {"with": "meal_voucher", "number": VOUCHER})
    shop.http.post(f"{shop.url}/orders/{order.token}/cancel", timeout=60)
    shop.settle()
    assert shop.now(order)["state"] == "ended"
    return shop.balance(VOUCHER) == "61.20 EUR"


def cut_off(shop: Merchant) -> bool:
    """The connection breaks after the provider has done what it was asked."""
    faults = [{"operation": "worldline.create_hosted_checkout", "nth": 1, "then": {"drop": "after_effect"}}]
    shop.sandbox.call("PUT", "/scenario", _with(faults=faults))
    shop.order("holiday")
    return len(shop.sandbox.call("GET", "/checkouts")["checkouts"]) == 1


def pressed_twice(shop: Merchant) -> bool:
    """The merchant presses the button for a refund twice."""
    order = shop.order("holiday")
    shop.pays(order, CONNECT, VISA)
    shop.press(order, "100.00", times=2)
    return bool(shop.now(order)["refunded"] == 10000)


def refund_refused(shop: Merchant) -> bool:
    """A refund is received, and refused later."""
    rules = [{"operation": "adyen.refund", "then": {"outcome": "refused"}}]
    shop.sandbox.call("PUT", "/scenario", _with(rules=rules))
    order = shop.order("lunch")
    shop.pays(order, {"with": "card", "number": CARD})
    assert shop.press(order, "10.00") == [303]
    assert [each.state for each in shop.works(order) if each.kind == "refund"] == ["asked"]
    return shop.now(order)["refunded"] == 0


def throttled(shop: Merchant) -> bool:
    """The provider takes one call a minute, says so with 429, and when to come back."""
    throttle = {"status": 429, "throttle": {"calls": 1, "per": "1m"}}
    faults = [{"operation": "adyen.create_payment_link", "then": throttle}]
    shop.sandbox.call("PUT", "/scenario", _with(faults=faults))
    shop.order("lunch")
    shop.order("lunch")
    calls = shop.sandbox.journal(kind="request", operation="create_payment_link")
    return len(calls) == 2


def lost_and_heard_again(shop: Merchant) -> bool:
    """The answer to a capture is lost, and the webhook that led to it comes twice."""
    faults = [{"operation": "adyen.capture", "nth": 1, "then": {"drop": "after_effect"}}]
    webhooks = [{"event": "adyen.AUTHORISATION", "deliver": {"copies": 2}}]
    shop.sandbox.call("PUT", "/scenario", _with(faults=faults, webhooks=webhooks))
    order = shop.order("lunch")
    shop.pays(order, {"with": "card", "number": CARD})
    shop.watch()
    return [each.state for each in shop.works(order) if each.kind == "capture"] == ["asked"]


def lost_and_not_to_be_found(shop: Merchant) -> bool:
    """The answer to an order is lost, and looking for it fails the first time."""
    faults = [
        {"operation": "lyra.create_order", "nth": 1, "then": {"drop": "after_effect"}},
        {"operation": "lyra.list_orders", "nth": 1, "then": {"status": 500}},
    ]
    shop.sandbox.call("PUT", "/scenario", _with(faults=faults))
    shop.order("basket")
    return len(shop.sandbox.journal(kind="request", operation="create_order")) == 1


def _with(**lines: Any) -> dict[str, Any]:
    return {"mockpsp": 1, "title": "Something happens", "extends": "default", **lines}


SITUATIONS: dict[str, Situation] = {
    "accepts-forged-webhook": forged,
    "accepts-stale-key": stale,
    "header-case": small_headers,
    "ignores-merchant-account": other_account,
    "accepts-live-flag": live_on_test,
    "takes-false-for-true": refused,
    "crashes-on-unknown-event": unknown_event,
    "rejects-extra-fields": extra_field,
    "forgets-early-webhook": early,
    "slow-webhook-answer": patience,
    "no-dedupe": twice,
    "out-of-order-overwrites": overtaken,
    "never-polls": lost,
    "trusts-return-url": typed_return,
    "ignores-returnmac": wrong_mac,
    "trusts-lyra-webhook-body": unsigned_id,
    "partial-capture-is-paid": vouchers_only,
    "ignores-amount": one_euro,
    "no-give-back": card_refused,
    "no-idempotency-key": cut_off,
    "charges-again-after-timeout": cut_off,
    "refunds-twice": pressed_twice,
    "believes-refund-request": refund_refused,
    "ignores-retry-after": throttled,
    "new-key-for-each-news": lost_and_heard_again,
    "late-refusal-ends": overtaken,
    "failed-look-is-no": lost_and_not_to_be_found,
}


def played(live: Threaded, sandbox: ControlledSandbox, situation: Situation, *chosen: str) -> bool:
    """Whether a shop with these mistakes does it right."""
    with merchant(live, sandbox, *chosen, **_old_key(sandbox)) as shop:
        return situation(shop)


def _old_key(sandbox: ControlledSandbox) -> dict[str, Any]:
    return {"previous_key": replaced(sandbox.credentials["adyen"]["hmac_key"]), "previous_until": LONG_AGO}


@pytest.mark.parametrize("name", BUGS)
def test_the_mistake_shows(live: Threaded, sandbox: ControlledSandbox, name: str) -> None:
    assert not played(live, sandbox, SITUATIONS[name], name)


@pytest.mark.parametrize("situation", dict.fromkeys(SITUATIONS.values()), ids=lambda each: each.__name__)
def test_the_shop_does_it_right(live: Threaded, sandbox: ControlledSandbox, situation: Situation) -> None:
    assert played(live, sandbox, situation)


@pytest.mark.parametrize("name", BUGS)
def test_the_mistake_does_not_show_where_all_goes_well(
    live: Threaded, sandbox: ControlledSandbox, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bugs.SlowWebhookAnswer, "seconds", 0.0)
    with merchant(live, sandbox, name) as shop:
        for kind in PRODUCTS:
            facts = shop.buy(kind)
            assert (facts["paid"], facts["shipments"]) == (facts["total"], 1)


def test_there_is_a_situation_for_each() -> None:
    assert set(SITUATIONS) == set(BUGS)
