"""Tokens that a hosted checkout names."""

from __future__ import annotations

from tests.support.control import ControlledSandbox
from tests.support.worldline import Merchant, checkout_body

CARD = {"cardNumber": "4012000033330026", "expiryDate": "1230", "cvv": "123", "cardholderName": "A Shopper"}


def test_a_checkout_tells_which_of_its_tokens_nobody_knows(sandbox: ControlledSandbox) -> None:
    merchant = Merchant(sandbox)
    stored = merchant.call("create_token", {"paymentProductId": 1, "card": {"data": {"card": CARD}}})
    token = stored.json()["token"]
    body = checkout_body(hostedCheckoutSpecificInput={"tokens": f"{token}, nobodys-token ,,"})
    answer = merchant.call("create_hosted_checkout", body).json()
    assert answer["invalidTokens"] == ["nobodys-token"]


def test_a_checkout_whose_tokens_are_known_tells_of_none(sandbox: ControlledSandbox) -> None:
    answer = Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()
    assert "invalidTokens" not in answer
