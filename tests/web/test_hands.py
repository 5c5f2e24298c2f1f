"""The test data that a checkout's card offers does there what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from mockpsp.domain.money import Money
from mockpsp.edge.provider import Checkout, Hand
from mockpsp.providers import discover
from tests.support.adyen import Shop, card
from tests.support.adyen_pages import new_link, new_session
from tests.support.control import ControlledSandbox
from tests.support.lyra_pages import new_page, new_token
from tests.support.server import Threaded
from tests.support.worldline import Merchant, checkout_body

New = Callable[..., ControlledSandbox]
BEFORE_NOON = "2026-07-01T07:00:00Z"  # a Wednesday: meal vouchers are accepted


def by_vouchers(sandbox: ControlledSandbox) -> str:
    return str(Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()["hostedCheckoutId"])


def all_of_it_by_vouchers(sandbox: ControlledSandbox) -> str:
    fixed = {"paymentProduct5412SpecificInput": {"adjustableAmount": False}}
    body = checkout_body(redirectPaymentMethodSpecificInput=fixed)
    return str(Merchant(sandbox).call("create_hosted_checkout", body).json()["hostedCheckoutId"])


def by_anything(sandbox: ControlledSandbox) -> str:
    body = checkout_body()
    del body["redirectPaymentMethodSpecificInput"]
    return str(Merchant(sandbox).call("create_hosted_checkout", body).json()["hostedCheckoutId"])


def after_vouchers(sandbox: ControlledSandbox) -> str:
    ref = by_vouchers(sandbox)
    sandbox.shopper(ref, {"pay": [{"with": "cv_connect", "beneficiary": "77777777777"}]})
    return ref


def a_payment_page(sandbox: ControlledSandbox) -> str:
    new_page(sandbox)
    return waiting(sandbox)


def a_registration(sandbox: ControlledSandbox) -> str:
    new_token(sandbox)
    return waiting(sandbox)


def a_banks_page(sandbox: ControlledSandbox) -> str:
    merchant = sandbox.credentials["adyen"]["merchant_account"]
    body = {
        "merchantAccount": merchant, "reference": "R", "amount": {"currency": "EUR", "value": 4350},
        "paymentMethod": card("4212345678901237"), "returnUrl": "https://shop.example/back",
    }  # fmt: skip
    Shop(sandbox).post("/payments", body)
    return waiting(sandbox)


def waiting(sandbox: ControlledSandbox) -> str:
    return str(sandbox.call("GET", "/checkouts")["checkouts"][-1]["ref"])


PLACES: dict[str, tuple[str, Callable[[ControlledSandbox], str]]] = {
    "worldline, by vouchers": ("worldline", by_vouchers),
    "worldline, all of it by vouchers": ("worldline", all_of_it_by_vouchers),
    "worldline, by anything": ("worldline", by_anything),
    "worldline, after vouchers": ("worldline", after_vouchers),
    "adyen, session": ("adyen", lambda sandbox: str(new_session(sandbox)["id"])),
    "adyen, payment link": ("adyen", lambda sandbox: str(new_link(sandbox)["id"])),
    "adyen, bank's page": ("adyen", a_banks_page),
    "lyra, payment page": ("lyra", a_payment_page),
    "lyra, registration": ("lyra", a_registration),
}


class Place:
    """A checkout in a fresh sandbox, and what can be tried there."""

    def __init__(self, live: Threaded, sandbox: ControlledSandbox, name: str) -> None:
        self.sandbox = sandbox
        self.provider, start = discover()[PLACES[name][0]], PLACES[name][1]
        self.found: Any = live.server.sandboxes.get(sandbox.id)
        self.ref = start(sandbox)

    def checkout(self) -> Checkout | None:
        return self.provider.checkout(self.found, self.ref, "")

    def hands(self) -> list[Hand]:
        return list(self.provider.hands(self.found, self.ref))

    def tries(self, hand: Hand) -> int:
        """The status of the control API's answer when the shopper pays with it."""
        url = f"{self.sandbox.url}/_mockpsp/sandboxes/{self.sandbox.id}/checkouts/{self.ref}/shopper"
        return requests.post(url, json={"pay": [{"with": hand.tender, **hand.fields}]}, timeout=60).status_code

    def left(self) -> Money | None:
        checkout = self.checkout()
        return checkout.remaining if checkout is not None else None


@pytest.fixture
def places(live: Threaded, new_sandbox: New) -> Callable[[str], Place]:
    """Fresh checkouts."""
    return lambda name: Place(live, new_sandbox(clock=BEFORE_NOON), name)


@pytest.mark.parametrize("name", PLACES)
def test_test_data_pay_what_they_say_and_are_refused_when_they_say(places: Callable[[str], Place], name: str) -> None:
    number = len(places(name).hands())
    assert number > 1
    for index in range(number):
        place = places(name)
        hand, before = place.hands()[index], place.left()
        if hand.after:
            continue
        assert before is not None
        assert place.tries(hand) == 200 or hand.refused, hand
        after = place.left()
        if after is None:
            assert hand.refused or hand.pays == before, hand
        else:
            assert before - after == hand.pays, hand


@pytest.mark.parametrize("name", PLACES)
def test_what_is_on_offer_can_be_tried(places: Callable[[str], Place], name: str) -> None:
    place = places(name)
    checkout = place.checkout()
    assert checkout is not None
    assert {each.tender for each in place.hands() if not each.after} == set(checkout.tenders)
    assert place.provider.checkout(place.found, "nothing", "") is None
    assert list(place.provider.hands(place.found, "nothing")) == []
