"""A restaurant's order at Adyen, with plain requests. Run it: pip install mockpsp pytest requests; pytest"""

import pytest
import requests

VOUCHER = {
    "type": "mealVoucher_FR",
    "brand": "mealVoucher_FR_sodexo",
    "number": "5075990000006120",
    "expiryMonth": "03",
    "expiryYear": "2030",
    "cvc": "737",
}
CARD = {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}


class Shop:
    """What a backend does: it knows its settings, and nothing of mockpsp."""

    def __init__(self, url, keys):
        self.url, self.merchant = f"{url}/v72", keys["merchant_account"]
        self.http = requests.Session()
        self.http.headers["X-API-Key"] = keys["api_key"]

    def ask(self, path, cents, **body):
        body = {"merchantAccount": self.merchant, "amount": {"currency": "EUR", "value": cents}, **body}
        return self.http.post(self.url + path, json=body, timeout=10).json()

    def sell(self, cents):
        """The voucher pays what it can today, the card the rest; True when all of it is paid."""
        order = self.ask("/orders", cents, reference="MENU-1")
        part = {
            "order": {name: order[name] for name in ("pspReference", "orderData")},
            "reference": "MENU-1",
            "returnUrl": "https://shop.example/back",
        }
        first = self.ask("/payments", 2500, paymentMethod=VOUCHER, **part)
        if first["resultCode"] != "Authorised":
            return False
        second = self.ask("/payments", cents - 2500, paymentMethod=CARD, **part)
        return second["resultCode"] == "Authorised"


@pytest.fixture
def shop(mockpsp):
    """The shop, with the credentials of this test's own sandbox."""
    with_keys = Shop(mockpsp.base_urls["adyen"], mockpsp.credentials["adyen"])
    yield with_keys
    with_keys.http.close()


def test_a_voucher_and_a_card_pay_the_menu(shop, mockpsp):
    assert shop.sell(4350)

    mockpsp.verify("payments", count=2)  # what the shop did
    mockpsp.verify(order=["create_order", {"operation": "payments", "body": {"amount": {"value": 2500}}}])
    assert [each.type for each in mockpsp.webhooks(type="ORDER_CLOSED")] == ["ORDER_CLOSED"]


# A scenario can be a shipped one by its name, a file beside the test, or, as here, a mapping.
REFUSES_CARDS = {
    "mockpsp": 1,
    "title": "No card pays",
    "rules": [
        {
            "operation": "adyen.payments",
            "when": {"payment_method": "scheme"},
            "then": {"outcome": "refused", "reason": "block_card"},
        }
    ],
}


@pytest.mark.mockpsp(REFUSES_CARDS, clock="2026-07-01T12:00:00+02:00")
def test_the_voucher_gets_its_money_back_when_the_card_is_refused(shop, mockpsp):
    assert not shop.sell(4350)

    mockpsp.advance("P1D")  # the order expires
    assert (
        mockpsp.webhooks(type="ORDER_CLOSED")[-1].body["notificationItems"][0]["NotificationRequestItem"]["success"]
        == "false"
    )
