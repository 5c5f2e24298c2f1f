"""Our answers and webhooks by Adyen's own OpenAPI data, in all three versions; see ``tests/support/adyen_spec.py``.

Every other test is held to the same data by a fixture of ``tests/conftest.py``. Here is one call of every operation,
and the proof that the check finds what is wrong and that each listed deviation is still one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from mockpsp.providers.adyen import PROVIDER
from mockpsp.providers.adyen.routes import ROUTES
from tests.support import adyen_spec
from tests.support.adyen import Inbox, Shop, card, eur, operation_at, pass_on, voucher
from tests.support.control import ControlledSandbox
from tests.support.dropin import Page
from tests.support.receiver import Receiver

pytestmark = pytest.mark.skipif(bool(adyen_spec.lacking()), reason=adyen_spec.lacking() or "the data is there")

BACK = {"returnUrl": "https://shop.example/return"}
FAR_AWAY = "A" * 16
Calls = Iterator[tuple[str, str, Any]]


def told(shop: Shop, method: str, path: str, body: Any = None) -> requests.Response:
    """One call; bodies get the merchant account where the operation takes one."""
    if body is not None and path != "/payments/details" and method != "PATCH":
        body = {"merchantAccount": shop.given["merchant_account"], **body}
    return shop.request(method, path, body)


class Round:
    """One call of every operation, each with what the earlier ones made; ``seen`` are the calls and their answers."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.seen: list[tuple[str, str, requests.Response]] = []

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's body."""
        answer = told(self.shop, method, path, body)
        self.seen.append((method, path, answer))
        return answer.json() if answer.content else None

    def post(self, path: str, **body: Any) -> Any:
        """The body of the answer to a POST."""
        return self.call("POST", path, body)

    def pay(self, **body: Any) -> Any:
        """POST /payments."""
        return self.post(
            "/payments", **{"amount": eur(1000), "reference": "R-1", "paymentMethod": card(), **BACK, **body}
        )

    def looking(self) -> None:
        """Operations that make nothing."""
        self.post("/paymentMethods", countryCode="FR", amount=eur(1000))
        for given in (voucher(), voucher(cvc="134"), voucher("5075990000000001")):
            self.post("/paymentMethods/balance", amount=eur(1000), reference="R-1", paymentMethod=given)
        self.post("/cardDetails", cardNumber="4111111111111111")

    def paying(self) -> None:
        """Orders and payments, authorised, refused, redirected and waiting."""
        order = self.post("/orders", amount=eur(4350), reference="R-1")
        half = self.pay(amount=eur(2500), paymentMethod=voucher(), order=pass_on(order))
        waiting = self.pay(amount=eur(1850), paymentMethod=card("4212345678901237"), order=pass_on(half))
        self.post("/payments/details", details={"redirectResult": self.result_of(waiting)})
        other = self.post("/orders", amount=eur(1000), reference="R-2")
        self.pay(amount=eur(500), paymentMethod=card(holderName="DECLINED"), order=pass_on(other))
        self.pay(paymentMethod=card(holderName="PENDING"))
        self.pay(paymentMethod=card("4212345678901237"), **NATIVE)
        self.post("/orders/cancel", order=pass_on(other))

    def result_of(self, waiting: Any) -> str:
        """What the shopper brings back from the bank."""
        played = self.shop.sandbox.shopper(waiting["pspReference"], {"pay": [{"with": "card", "password": "password"}]})
        _, _, query = played["state"]["return_url"].partition("?")
        return str(requests.utils.unquote(query.partition("redirectResult=")[2]))

    def modifying(self) -> None:
        """All modifications."""
        manual = {"additionalData": {"manualCapture": "true"}}
        held, freed, paid = self.pay(**manual), self.pay(**manual), self.pay(reference="R-9")
        psp = {name: f"/payments/{each['pspReference']}" for name, each in (("h", held), ("f", freed), ("p", paid))}
        self.post(f"{psp['h']}/amountUpdates", amount=eur(900), industryUsage="delayedCharge")
        self.post(f"{psp['h']}/captures", amount=eur(900), reference="R-1-C")
        self.post(f"{psp['f']}/cancels")
        self.post(f"{psp['p']}/refunds", amount=eur(100), merchantRefundReason="RETURN")
        self.post(f"{psp['p']}/reversals", reference="R-9-R")
        self.post("/cancels", paymentReference="R-9", reference="R-9-C")

    def checkouts(self) -> None:
        """Sessions and payment links."""
        new = {"amount": eur(1000), "reference": "R-3", "countryCode": "FR", **BACK}
        session = self.post("/sessions", **new)
        self.post("/sessions", **new, mode="hosted")
        played = self.shop.sandbox.shopper(session["id"], {"pay": [{"with": "card"}]})
        result = requests.utils.quote(played["state"]["session_result"], safe="")
        self.call("GET", f"/sessions/{session['id']}?sessionResult={result}")
        link = self.post("/paymentLinks", **new)
        self.call("GET", f"/paymentLinks/{link['id']}")
        self.call("PATCH", f"/paymentLinks/{link['id']}", {"status": "expired"})

    def stored(self) -> None:
        """A card that is stored, listed, paid with and forgotten."""
        ada = {"shopperReference": "shopper-ada"}
        first = self.pay(paymentMethod=card(holderName="Ada Martin"), storePaymentMethod=True, **ada)
        token = first["additionalData"]["recurring.recurringDetailReference"]
        self.post("/paymentMethods", countryCode="FR", **ada)
        self.pay(paymentMethod={"type": "scheme", "storedPaymentMethodId": token, "cvc": "737"}, **ada)
        whose = f"merchantAccount={self.shop.given['merchant_account']}&shopperReference=shopper-ada"
        self.call("GET", f"/storedPaymentMethods?{whose}")
        self.call("DELETE", f"/storedPaymentMethods/{token}?{whose}")
        self.call("DELETE", f"/storedPaymentMethods/{token}?{whose}")

    def vouchers_of_ancv(self) -> None:
        """A payment that waits for an answer in the app, and one that got a part."""
        order = self.post("/orders", amount=eur(1000), reference="R-5")
        asked = self.pay(paymentMethod={"type": "ancv", "beneficiaryId": "11111111111"}, order=pass_on(order))
        self.shop.sandbox.shopper(asked["pspReference"], {"pay": [{"with": "ancv", "amount": "4.00 EUR"}]})
        payload = Page(self.shop.sandbox).poll(asked["action"])["payload"]
        self.post("/payments/details", details={"payload": payload}, paymentData=asked["action"]["paymentData"])

    def refusals(self) -> None:
        """Errors of each kind of status."""
        self.post("/payments", amount=eur(-1), reference="R-4", paymentMethod=card(), **BACK)
        self.post("/payments", merchantAccount="Somebody", amount=eur(1), reference="R-4", paymentMethod=card(), **BACK)
        self.post("/orders", amount=eur(1000))
        self.post(f"/payments/{FAR_AWAY}/captures", amount=eur(1000))
        self.post("/paymentMethods", merchantAccount="")
        self.call("GET", f"/paymentLinks/{FAR_AWAY}")


NATIVE = {
    "channel": "Web",
    "origin": "https://shop.example",
    "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "preferred"}},
    "browserInfo": {
        "acceptHeader": "*/*", "colorDepth": 24, "javaEnabled": False, "language": "fr-FR", "screenHeight": 900,
        "screenWidth": 1400, "timeZoneOffset": -120, "userAgent": "Mozilla/5.0",
    },
}  # fmt: skip


@pytest.mark.parametrize("base", [f"{prefix}/{each}" for prefix in ("", "/checkout") for each in adyen_spec.VERSIONS])
def test_every_operation_answers_as_adyens_data_has_it(sandbox: ControlledSandbox, base: str) -> None:
    made = Round(Shop(sandbox, base))
    parts = (made.looking, made.paying, made.modifying, made.checkouts, made.stored, made.vouchers_of_ancv)
    for part in (*parts, made.refusals):
        part()

    version = base.rpartition("/")[2]
    found: list[str] = []
    succeeded: set[str] = set()
    for method, path, answer in made.seen:
        operation = operation_at(method, f"{base}{path}")
        route = next(each for each in ROUTES if each.operation == operation and each.path.startswith("/v72/"))
        template = route.path.removeprefix("/v72")
        body = answer.json() if answer.content else None
        found += adyen_spec.problems(version, method, template, answer.status_code, body)
        if answer.ok:
            succeeded.add(operation)
    assert found == []
    assert succeeded == {each.operation for each in ROUTES}


def test_what_is_not_emulated_is_refused_in_the_form_of_every_error(sandbox: ControlledSandbox) -> None:
    for entry in PROVIDER.unsupported:
        version, path = entry.path.removeprefix("/checkout")[1:4], entry.path.removeprefix("/checkout")[4:]
        target = re.sub(r"\{\w+\}", FAR_AWAY, entry.path)
        headers = {"X-API-Key": sandbox.credentials["adyen"]["api_key"]}
        answer = requests.request(entry.method, f"{sandbox.url}{target}", headers=headers, json={}, timeout=30)
        assert answer.status_code == 501, f"{entry.method} {entry.path}: {answer.text}"
        assert adyen_spec.problems(version, entry.method, path, 501, answer.json()) == []


# -- webhooks --------------------------------------------------------------------------------------------------------

WEBHOOKS = {
    "adyen": {
        "order_success_fields": True,
        "offer_closed_webhook": True,
        "capture_webhook": True,
        "expire_webhook": True,
    }
}


WORLD = {
    "adyen": {
        "meal_vouchers": [{"number": "5075990000006120", "balance": "61.20 EUR"}],
        "cards": [{"number": "4212345678901237", "brand": "visa", "three_ds": "challenge"}],
    }
}


def webhooks(shop: Shop, receiver: Receiver) -> list[Any]:
    """One of nearly every event code, as they arrive."""
    inbox = Inbox(shop.sandbox, receiver)
    made = Round(shop)
    made.paying()
    made.modifying()
    made.pay(paymentMethod=card("4212345678901237"))
    made.pay(additionalData={"manualCapture": "true"}, metadata={"table": "7"}, shopperReference="C-42")
    shop.sandbox.advance("P29D")
    return inbox.envelopes()


def test_each_deviation_is_still_needed_and_nothing_else_is(
    new_sandbox: Callable[..., ControlledSandbox], receiver: Receiver
) -> None:
    scenario = {"mockpsp": 1, "title": "Webhooks", "settings": WEBHOOKS, "world": WORLD}
    arrived = webhooks(Shop(new_sandbox(scenario=scenario, clock="2026-09-01T10:00:00Z")), receiver)
    found = [problem for each in arrived for problem in adyen_spec.webhook_problems(each)]

    assert [each for each in found if adyen_spec.deviation(each) is None] == []
    needed = {adyen_spec.deviation(each) for each in found}
    assert [each.pattern for each in adyen_spec.DEVIATIONS if each not in needed] == []
    assert all(each.reason for each in adyen_spec.DEVIATIONS)


# -- the check itself ------------------------------------------------------------------------------------------------

ORDER = {
    "resultCode": "Success", "expiresAt": "2026-09-02T12:00:00Z", "orderData": "x", "amount": eur(1),
    "pspReference": "A", "remainingAmount": eur(1),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "status", "place"),
    [
        ({"remainingAmount": None}, 200, "remainingAmount"),
        ({"resultCode": "Succes"}, 200, "resultCode"),
        ({"amount": {"currency": "EURO", "value": 1}}, 200, "amount.currency"),
        ({"amount": {"currency": "EUR", "value": 1, "major": 1}}, 200, "amount.major"),
        ({"strange": 1}, 200, "strange"),
        ({}, 201, "not a status"),
        ({}, 422, "errorCode: missing"),
    ],
)
def test_a_wrong_answer_is_found(change: dict[str, Any], status: int, place: str) -> None:
    assert adyen_spec.problems("v72", "POST", "/orders", 200, ORDER) == []
    found = adyen_spec.problems("v72", "POST", "/orders", status, {**ORDER, **change})
    assert any(place in each for each in found), found


def test_a_wrong_webhook_is_found(sandbox: ControlledSandbox, receiver: Receiver) -> None:
    inbox = Inbox(sandbox, receiver)
    Shop(sandbox).pay(1000, card())
    [right] = inbox.envelopes()
    assert adyen_spec.webhook_problems(right) == []
    for change in ({"success": True}, {"eventDate": "yesterday"}, {"originalReference": "A"}, {"amount": None}):
        wrong = json.loads(json.dumps(right))
        wrong["notificationItems"][0]["NotificationRequestItem"].update(change)
        assert any(next(iter(change)) in each for each in adyen_spec.webhook_problems(wrong)), change


def test_answers_and_webhooks_of_every_test_are_looked_at(
    adyen_watch: adyen_spec.Watch, sandbox: ControlledSandbox
) -> None:
    answers, webhooks_before = adyen_watch.answers, adyen_watch.webhooks
    Shop(sandbox).pay(1000, card())
    assert (adyen_watch.answers, adyen_watch.webhooks) == (answers + 1, webhooks_before + 1)


def test_a_wrong_answer_of_a_test_is_kept_for_it(
    adyen_watch: adyen_spec.Watch, sandbox: ControlledSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockpsp.providers.adyen.wire.zulu", lambda moment: 7)
    given = sandbox.credentials["adyen"]
    body = {"merchantAccount": given["merchant_account"], "amount": eur(1000), "reference": "R-1"}
    headers = {"X-API-Key": given["api_key"]}
    assert requests.post(f"{sandbox.url}/v71/orders", json=body, headers=headers, timeout=30).status_code == 200

    [found] = adyen_watch.take()
    assert found.startswith("v71 POST /orders 200: expiresAt: 7 is not of type")
    assert adyen_watch.take() == []
