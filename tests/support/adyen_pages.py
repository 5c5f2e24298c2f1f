"""Payment links and hosted sessions of a sandbox's merchant, and what a shopper holds in the default scenario."""

from __future__ import annotations

from typing import Any

from tests.support.connection import session
from tests.support.control import ControlledSandbox

SODEXO, BIMPLI, UP = "mealVoucher_FR_sodexo", "mealVoucher_FR_natixis", "mealVoucher_FR_groupeup"
RICH_VOUCHER = {"number": "5075990000006120", "expiry": "03/30", "cvc": "737"}
POOR_VOUCHER = {"number": "5075 9900 0000 1900", "expiry": "03/2030", "cvc": "737"}
GIVEX = {"number": "6036280000000000000", "cvc": "100"}
VISA = {"number": "4111 1111 1111 1111", "holder": "CAMILLE MARTIN", "expiry": "03/30", "cvc": "737"}
SECURE_VISA = {**VISA, "number": "4212 3456 7890 1237"}
BANK = {"user": "user", "password": "password"}
RETURN = "https://shop.example/back?cart=77"


def merchant_call(sandbox: ControlledSandbox, method: str, path: str, status: int, body: Any = None) -> Any:
    """One call of the merchant's to the newest version of the API."""
    headers = {"X-API-Key": sandbox.credentials["adyen"]["api_key"]}
    response = session().request(method, f"{sandbox.url}/v72{path}", json=body, headers=headers, timeout=30)
    assert response.status_code == status, response.text
    return response.json()


def body_of(sandbox: ControlledSandbox, value: int = 4350, **changes: Any) -> dict[str, Any]:
    """What a restaurant asks for; a change to None leaves a field out."""
    body: dict[str, Any] = {
        "merchantAccount": sandbox.credentials["adyen"]["merchant_account"],
        "reference": "RESTO-1001",
        "amount": {"currency": "EUR", "value": value},
        "countryCode": "FR",
        "shopperLocale": "en-GB",
        "returnUrl": RETURN,
        **changes,
    }
    return {name: each for name, each in body.items() if each is not None}


def new_link(sandbox: ControlledSandbox, value: int = 4350, **changes: Any) -> dict[str, Any]:
    """A payment link over 43.50 EUR that returns to the shop."""
    made: dict[str, Any] = merchant_call(sandbox, "POST", "/paymentLinks", 201, body_of(sandbox, value, **changes))
    return made


def new_session(sandbox: ControlledSandbox, value: int = 4350, **changes: Any) -> dict[str, Any]:
    """A hosted session, likewise."""
    body = body_of(sandbox, value, **{"mode": "hosted", **changes})
    made: dict[str, Any] = merchant_call(sandbox, "POST", "/sessions", 201, body)
    return made


def link_status(sandbox: ControlledSandbox, ref: str) -> str:
    """What the merchant reads of a payment link."""
    return str(merchant_call(sandbox, "GET", f"/paymentLinks/{ref}", 200)["status"])
