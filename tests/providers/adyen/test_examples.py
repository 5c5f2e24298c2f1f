"""The worked examples of Adyen's flows, played against the server: the same requests, the same answers and webhooks.

The files in ``examples/`` are data: bodies that Adyen's OpenAPI data allows, gathered from its samples, libraries and
recorded exchanges. Ids, tokens and codes differ with every run, yet not at will: what is the same in the examples must
be the same with us, so that a refund's ``originalReference`` is the reference of the payment that it gives back. An
answer has all that its example has, and may have more; a webhook has the example's keys and no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.adyen import Inbox, Shop
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver

HERE = Path(__file__).parent / "examples"
EXAMPLES: Mapping[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.json"))
}
CLOCK = "2026-09-01T10:00:00Z"
MERCHANT = "SimMerchantFR"
TOKENS = re.compile(
    r"pspReference|order-\d+-pspReference|originalReference|paymentPspReference|orderData|sessionData|id"
)
SHAPES: Mapping[str, str] = {
    "pspReference": r"[A-Z0-9]{16}",
    "originalReference": r"[A-Z0-9]{16}",
    "paymentPspReference": r"[A-Z0-9]{16}",
    "orderData": r"Ab02b4c0!BQABAg[A-Za-z0-9+/]+=*",
    "sessionData": r"Ab02b4c0!BQABAg[A-Za-z0-9+/]+=*",
    "id": r"CS[0-9A-F]{16}",
    "authCode": r"\d{6}",
    "hmacSignature": r"[A-Za-z0-9+/]{43}=",
    "eventDate": r"2026-\d\d-\d\dT\d\d:\d\d:\d\d\+02:00",
    "url": r"http://localhost:\d+/checkoutshopper/threeDS/redirect\?MD=\w+",
}
"""Generated values and their form."""


class Names:
    """Which of our generated texts stands for which text of the examples."""

    def __init__(self, merchant: str) -> None:
        self.ours = {MERCHANT: merchant}

    def fill(self, value: Any) -> Any:
        """An example's request with our texts where the example has its own."""
        if isinstance(value, dict):
            return {key: self.fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        return self.ours.get(value, value) if isinstance(value, str) else value

    def differences(self, example: Any, ours: Any, *, exact: bool, path: str = "") -> list[str]:
        """Where ours is not what the example says; with ``exact`` also keys that the example does not have."""
        if isinstance(example, dict) and isinstance(ours, dict):
            found = [f"{path}.{key} is missing" for key in example if key not in ours]
            found += [f"{path}.{key} is one too many" for key in ours if exact and key not in example]
            for key in [key for key in example if key in ours]:
                found += self._property(key, example[key], ours[key], exact=exact, path=f"{path}.{key}")
            return found
        if isinstance(example, list) and isinstance(ours, list) and len(example) == len(ours):
            pairs = enumerate(zip(example, ours, strict=True))
            return [each for at, pair in pairs for each in self.differences(*pair, exact=exact, path=f"{path}[{at}]")]
        expected = self.fill(example)
        same = expected == ours and type(expected) is type(ours)
        return [] if same else [f"{path} is {ours!r}, not {expected!r}"]

    def _property(self, key: str, example: Any, ours: Any, *, exact: bool, path: str) -> list[str]:
        shape = SHAPES.get("pspReference" if key.endswith("-pspReference") else key)
        if shape is None:
            if key == "reason" and example.endswith(":1111:03/2030"):
                return [] if re.fullmatch(r"\d{6}:1111:03/2030", ours) else [f"{path} is {ours!r}"]
            return self.differences(example, ours, exact=exact, path=path)
        if not re.fullmatch(shape, str(ours)):
            return [f"{path} has not the form of one: {ours!r}"]
        wrong = self._stands(example, ours, path) if TOKENS.fullmatch(key) else ""
        return [wrong] if wrong else []

    def _stands(self, example: str, ours: str, path: str) -> str:
        known = self.ours.setdefault(example, ours)
        others = [name for name, text in self.ours.items() if text == ours and name != example]
        if known != ours:
            return f"{path} is {ours}, and {example} has been {known}"
        return f"{path} is {ours}, which has been {others[0]}" if others else ""


class Stage:
    """A sandbox whose clock stands still, its merchant and webhook endpoint."""

    def __init__(self, sandbox: ControlledSandbox, receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.shop = Shop(sandbox)
        self.inbox = Inbox(sandbox, receiver)
        self.names = Names(self.shop.given["merchant_account"])

    def send(self, path: str, request: str | Mapping[str, Any], status: int = 200) -> Any:
        """The answer to an example's request, or to one that is made up for an example that shows only its answer."""
        body = EXAMPLES[request] if isinstance(request, str) else request
        if path != "/payments/details" and "merchantAccount" not in body:
            body = {"merchantAccount": MERCHANT, **body}
        answer = self.shop.request("POST", self.at(path), self.names.fill(body))
        assert answer.status_code == status, answer.text
        return answer.json()

    def at(self, path: str) -> str:
        """A path of the examples with our references in it."""
        return "/".join(self.names.ours.get(part, part) for part in path.split("/"))

    def take(self, name: str, answer: Any) -> Any:
        """Compare an answer with its example, and learn its references; returns the answer."""
        found = self.names.differences(EXAMPLES[name], answer, exact=False)
        assert set(found) == set(DEVIATIONS.get(name, {})), f"{name}: {found}\n{json.dumps(answer, indent=1)}"
        return answer

    def notified(self, name: str) -> None:
        """Compare the webhook of the example's event code and reference with it, key by key."""
        example = EXAMPLES[name]
        wanted = self.item(example)
        alike = [each for each in self.inbox.envelopes() if self.item(each) == wanted]
        assert len(alike) == 1, f"{name}: {[self.item(each) for each in self.inbox.envelopes()]}"
        assert self.inbox.items(), "the SDK verified every signature"
        found = self.names.differences(example, alike[0], exact=True)
        assert set(found) == set(DEVIATIONS.get(name, {})), f"{name}: {found}\n{json.dumps(alike[0], indent=1)}"

    @staticmethod
    def item(envelope: Any) -> tuple[str, str]:
        """Event code and merchantReference."""
        told = envelope["notificationItems"][0]["NotificationRequestItem"]
        return told["eventCode"], told["merchantReference"]

    # -- stories that several examples are parts of --------------------------------------------------------------------

    def voucher(self, **more: Any) -> Any:
        """Story A: 18.90 by voucher."""
        return self.take("voucher", self.send("/payments", {**EXAMPLES["voucher-request"], **more}))

    def half(self, **more: Any) -> Any:
        """Story B: an order of 43.50, of which the voucher pays 25.00."""
        self.take("order", self.send("/orders", "order-request"))
        return self.take("leg-1", self.send("/payments", {**EXAMPLES["leg-1-request"], **more}))

    def split(self, **more: Any) -> Any:
        """Story B to its end: 18.50 by card."""
        self.half(**more)
        return self.take("leg-2", self.send("/payments", {**EXAMPLES["leg-2-request"], **more}))

    def redirected(self) -> Any:
        """Story B up to the bank's page."""
        self.half()
        body = {**EXAMPLES["leg-2-request"], "paymentMethod": SECURE_CARD}
        return self.take("redirect", self.send("/payments", body))

    @staticmethod
    def on_the_banks_page(url: str, password: str) -> str:
        """What the shopper brings back, to the address that the merchant gave."""
        browser = Browser().open(url)
        browser.submit("authenticate", user="user", password=password)
        assert browser.left.startswith(EXAMPLES["leg-2-request"]["returnUrl"]), browser.left
        return str(browser.returned()["redirectResult"])

    def come_back(self, name: str, password: str) -> None:
        """The shopper was at the bank; POST /payments/details."""
        result = self.on_the_banks_page(self.redirected()["action"]["url"], password)
        request = EXAMPLES["details-request"]
        self.names.ours[request["details"]["redirectResult"]] = result
        self.take(name, self.send("/payments/details", request))


SECURE_CARD = {
    "type": "scheme", "number": "4212345678901237", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737",
}  # fmt: skip
MANUAL = {"additionalData": {"manualCapture": "true"}}

DEVIATIONS: Mapping[str, Mapping[str, str]] = {
    "card-refused": {
        ".additionalData.refusalReasonRaw is 'DECLINED Expired Card', not 'DECLINED Expiry Incorrect'": (
            "the acquirer's own words, of which no list is public: ours repeat the refusalReason"
        ),
    },
}
"""What differs from an example: the difference as it is told, and why."""

NOT_EMULATED: Mapping[str, str] = {
    "order-status": "POST /checkoutshopper/v1/order/status is called by Adyen's own front end only",
}

# -- asking ----------------------------------------------------------------------------------------------------------


def methods(on: Stage) -> None:
    answer = on.take("payment-methods", on.send("/paymentMethods", "payment-methods-request"))
    assert answer == EXAMPLES["payment-methods"], "in this order, and nothing else"
    on.half()
    assert on.send("/paymentMethods", "payment-methods-of-order-request")["paymentMethods"]


def balance(name: str, **changed: str) -> Callable[[Stage], None]:
    def play(on: Stage) -> None:
        body = EXAMPLES["balance-request"]
        body = {**body, "paymentMethod": {**body["paymentMethod"], **changed}}
        on.take(name, on.send("/paymentMethods/balance", body))

    return play


# -- paying ----------------------------------------------------------------------------------------------------------


def story_a(on: Stage) -> None:
    on.voucher()
    on.notified("webhook-AUTHORISATION-voucher")


def story_b(on: Stage) -> None:
    on.split()
    for name in ("ORDER_OPENED", "AUTHORISATION-leg-1", "AUTHORISATION-leg-2", "ORDER_CLOSED-paid"):
        on.notified(f"webhook-{name}")
    assert len(on.inbox.items()) == 4


def order_cancelled(on: Stage) -> None:
    on.half()
    on.take("cancel-order", on.send("/orders/cancel", "cancel-order-request"))


def order_cancelled_with_success_fields(on: Stage) -> None:
    opened = on.send("/orders", {**EXAMPLES["order-request"], "reference": "RESTO-1006"})
    order = {name: opened[name] for name in ("pspReference", "orderData")}
    leg = {"returnUrl": "https://shop.example/", "order": order}
    voucher, card = EXAMPLES["leg-1-request"], EXAMPLES["leg-2-request"]
    on.send("/payments", {**voucher, **leg, "reference": "RESTO-1006-1"})
    refused = {**SECURE_CARD, "number": "5555444433331111", "holderName": "DECLINED"}
    on.send("/payments", {**card, **leg, "reference": "RESTO-1006-2", "paymentMethod": refused})
    on.send("/orders/cancel", {"order": order})
    on.notified("webhook-ORDER_CLOSED-cancelled")


def voucher_refused(on: Stage) -> None:
    opened = on.send("/orders", {**EXAMPLES["order-request"], "reference": "RESTO-1002"})
    order = {name: opened[name] for name in ("pspReference", "orderData")}
    means = {**EXAMPLES["voucher-request"]["paymentMethod"], "brand": "mealVoucher_FR_groupeup"}
    means["number"] = "5075990000001240"
    asked = {"reference": "RESTO-1002-1", "order": order, "paymentMethod": means}
    on.take("voucher-refused", on.send("/payments", {**EXAMPLES["leg-1-request"], **asked}))
    on.notified("webhook-AUTHORISATION-refused")


def card_refused(on: Stage) -> None:
    means = {**SECURE_CARD, "number": "4111111111111111", "holderName": "CARD_EXPIRED"}
    body = {**EXAMPLES["voucher-request"], "reference": "RESTO-1003", "paymentMethod": means}
    on.take("card-refused", on.send("/payments", body))


def payment_error(on: Stage) -> None:
    asked = {"reference": "RESTO-1004", "additionalData": {"RequestedTestAcquirerResponseCode": "4"}}
    on.take("payment-error", on.send("/payments", {**EXAMPLES["voucher-request"], **asked}))


# -- modifications ---------------------------------------------------------------------------------------------------

LEG_1, LEG_2, ALONE = (EXAMPLES[name]["pspReference"] for name in ("leg-1", "leg-2", "voucher"))


def capture(on: Stage) -> None:
    on.split(**MANUAL)
    on.take("capture", on.send(f"/payments/{LEG_1}/captures", "capture-request", 201))
    on.notified("webhook-CAPTURE")


def capture_fails(on: Stage) -> None:
    on.split(**MANUAL)
    on.send(f"/payments/{LEG_2}/captures", {"amount": {"currency": "EUR", "value": 1850}}, 201)
    on.sandbox.advance("P1D")
    on.notified("webhook-CAPTURE_FAILED")


def refund(on: Stage) -> None:
    on.split()
    on.take("refund", on.send(f"/payments/{LEG_2}/refunds", "refund-request", 201))
    on.notified("webhook-REFUND")


def refund_fails(on: Stage) -> None:
    refund(on)
    on.sandbox.advance("P1D")
    on.notified("webhook-REFUND_FAILED")


def refund_too_early(on: Stage) -> None:
    on.voucher(**MANUAL)
    on.send(f"/payments/{ALONE}/refunds", {"amount": {"currency": "EUR", "value": 1890}}, 201)
    on.notified("webhook-REFUND-refused")


def cancel(on: Stage) -> None:
    on.voucher(**MANUAL)
    on.take("cancel", on.send(f"/payments/{ALONE}/cancels", "cancel-request", 201))
    on.notified("webhook-CANCELLATION")


def reversal(on: Stage) -> None:
    on.split()
    on.take("reversal", on.send(f"/payments/{LEG_2}/reversals", {"reference": "RESTO-1001-2-REV"}, 201))
    on.notified("webhook-CANCEL_OR_REFUND")


def amount_update(on: Stage) -> None:
    on.split(**MANUAL)
    body = {"reference": "RESTO-1001-2-ADJ", "amount": {"currency": "EUR", "value": 2000}}
    on.take("amount-update", on.send(f"/payments/{LEG_2}/amountUpdates", body, 201))


def cancel_by_reference(on: Stage) -> None:
    means = {**SECURE_CARD, "number": "4111111111111111"}
    on.send("/payments", {**EXAMPLES["voucher-request"], "paymentMethod": means, **MANUAL})
    on.take("cancel-by-reference", on.send("/cancels", "cancel-by-reference-request", 201))
    on.notified("webhook-TECHNICAL_CANCEL")


def expired(on: Stage) -> None:
    on.voucher(**MANUAL)
    on.sandbox.advance("P28D")
    on.notified("webhook-EXPIRE")


# -- sessions --------------------------------------------------------------------------------------------------------


def session(on: Stage) -> None:
    names = ("amount", "countryCode", "reference", "returnUrl", "shopperLocale")
    body = {name: EXAMPLES["session"][name] for name in names}
    created = on.take("session", on.send("/sessions", body, 201))
    tenders = [{"with": "meal_voucher", "number": "5075990000006120", "cvc": "737"}, {"with": "card"}]
    told = on.sandbox.shopper(created["id"], {"pay": tenders})["state"]
    query = {"sessionResult": told["session_result"]}  # which the SDK does not quote
    on.take("session-result", on.shop.call("get_session", created["id"], query=query))


PLAYED: Mapping[str, Callable[[Stage], None]] = {
    "payment methods": methods,
    "a balance": balance("balance"),
    "a balance that is too little": balance("balance-too-little", number="5075990000001240"),
    "a balance with a wrong code": balance("balance-failed", cvc="134"),
    "story A": story_a,
    "story B": story_b,
    "an order is cancelled": order_cancelled,
    "an order is cancelled, with order-N-success": order_cancelled_with_success_fields,
    "a voucher is refused": voucher_refused,
    "a card is refused": card_refused,
    "a technical error": payment_error,
    "3-D Secure": lambda on: on.come_back("details", "password"),
    "3-D Secure fails": lambda on: on.come_back("details-refused", "wrong"),
    "capture": capture,
    "capture fails later": capture_fails,
    "refund": refund,
    "refund fails later": refund_fails,
    "refund before the capture": refund_too_early,
    "cancel": cancel,
    "reversal": reversal,
    "amount update": amount_update,
    "cancel by the own reference": cancel_by_reference,
    "an authorisation expires": expired,
    "a session": session,
}
FAILS = {"outcome": "fails", "after": "PT1H"}
SCENARIOS: Mapping[str, Mapping[str, Any]] = {
    "payment methods": {
        "settings": {
            "card_brands": ["visa", "mc", "cartebancaire", "amex"],
            "gift_card_brands": ["givex"],
            "ancv": False,
        }
    },
    "an order is cancelled, with order-N-success": {"settings": {"order_success_fields": True}},
    "capture fails later": {"rules": [{"name": "fails", "operation": "adyen.capture", "then": FAILS}]},
    "refund fails later": {"rules": [{"name": "fails", "operation": "adyen.refund", "then": FAILS}]},
    "an authorisation expires": {"settings": {"expire_webhook": True}},
}
"""What a situation needs besides the world."""

WORLD = {
    "meal_vouchers": [{"number": "5075990000006120", "expiry": "03/2030", "cvc": "737", "balance": "61.20 EUR"}],
    "voucher_series": [{"prefix": "507599000000", "cvc": "737"}],
    "cards": [{"number": SECURE_CARD["number"], "brand": "visa", "three_ds": "challenge"}],
}


def scenario(name: str) -> dict[str, Any]:
    """The scenario of a situation."""
    own = dict(SCENARIOS.get(name, {}))
    if "settings" in own:
        own["settings"] = {"adyen": own["settings"]}
    return {"mockpsp": 1, "title": f"Example: {name}", "seed": 7, "world": {"adyen": WORLD}, **own}


@pytest.mark.parametrize("name", PLAYED)
def test_the_examples_are_what_happens(
    new_sandbox: Callable[..., ControlledSandbox], receiver: Receiver, name: str
) -> None:
    PLAYED[name](Stage(new_sandbox(scenario=scenario(name), clock=CLOCK), receiver))


def test_every_example_is_used() -> None:
    used = set(re.findall(r'"([\w-]+)"', Path(__file__).read_text(encoding="utf-8")))
    webhooks = {f"webhook-{name}" for name in used}
    assert [name for name in EXAMPLES if name not in used | webhooks] == []
    assert set(NOT_EMULATED) <= set(EXAMPLES)


def test_what_differs_is_found() -> None:
    example = {"pspReference": "A" * 16, "amount": {"value": 1}, "originalReference": "B" * 16, "of": ["A" * 16]}
    ours = {"pspReference": "C" * 16, "amount": {"value": 1}, "originalReference": "D" * 16, "of": ["C" * 16]}
    assert Names("M").differences(example, ours, exact=True) == []
    for change in (
        {"amount": {"value": 2}},
        {"originalReference": "C" * 16},
        {"of": ["D" * 16]},
        {"pspReference": "x"},
    ):
        assert Names("M").differences(example, {**ours, **change}, exact=False), change
    assert Names("M").differences(example, {**ours, "more": 1}, exact=True) == [".more is one too many"]
    assert Names("M").differences(example, {**ours, "more": 1}, exact=False) == []
