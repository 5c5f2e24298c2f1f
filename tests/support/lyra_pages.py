"""Orders and registrations of a sandbox's marketplace, and what a shopper holds in the default scenario."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.connection import session
from tests.support.control import ControlledSandbox

MEAL_CARD = {"number": "5017670000006120", "expiry": "12/30", "cvv": "123"}
SMALL_MEAL_CARD = {**MEAL_CARD, "number": "5017 6700 0000 1900", "expiry": "12/2030"}
EMPTY_MEAL_CARD = {**MEAL_CARD, "number": "5017670000000000"}
REFUSED_MEAL_CARD = {**MEAL_CARD, "number": "5017670000000005"}
WALLET = {"beneficiary": "77777777777"}
CARD = {"number": "4970 1000 0000 0000", "expiry": "12/30", "cvv": "123"}
SECURE_CARD = {**CARD, "number": "4970100000000009"}
REFUSED_CARD = {**CARD, "number": "4970100000000098"}
CODE = {"code": "123456"}
ALIAS = "0a6e1f7c2d9b4835a1c0e5f384b7d962"
SHOP = "https://shop.example/back?cart=77"
BUYER = {"type": "PRIVATE", "email": "paul@example.test", "phone_number": "+33 6 00 00 00 00"}
WORLD = {
    "lyra": {
        "sellers": [{"external_ref": "seller1", "vouchers": {"CONECS": "1999011", "CVCONNECT": "30012345"}}],
        "meal_cards": [
            {"number": "5017670000006120", "expiry": "12/2030", "cvv": "123", "balance": "61.20 EUR"},
            {"number": "5017670000000005", "balance": "50.00 EUR", "answers": "refuses"},
        ],
        "wallets": [{"beneficiary": "77777777777", "balance": "300.00 EUR"}],
        "cards": [
            {"number": "4970100000000009", "scheme": "CB", "three_ds": "challenge"},
            {"number": "4970100000000098", "scheme": "CB", "answers": "refuses", "reason": "limit_exceeded"},
        ],
        "stored_cards": [{"alias": ALIAS, "number": "4970100000000000"}],
    }
}


def with_settings(new_sandbox: Callable[..., ControlledSandbox], **settings: Any) -> ControlledSandbox:
    """A sandbox with a small world of its own and these settings."""
    scenario = {"mockpsp": 1, "title": "Other settings", "world": WORLD, "settings": {"lyra": settings}}
    return new_sandbox(scenario=scenario)


def lyra_call(sandbox: ControlledSandbox, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    """One call of the marketplace's."""
    given = sandbox.credentials["lyra"]
    url = path if path.startswith("http") else f"{sandbox.url}/marketplace-test/v1{path}"
    login = (given["login"], given["password"])
    response = session().request(method, url, json=body, auth=login, timeout=30, allow_redirects=False)
    assert response.status_code == status, f"{response.status_code} {response.text}"
    return response.json() if response.content else None


def order_body(sandbox: ControlledSandbox, **changes: Any) -> dict[str, Any]:
    """A meal of 25 EUR, 14 of which are eligible, and a night of 55 EUR; a change to None leaves a key out."""
    body: dict[str, Any] = {
        "marketplace": sandbox.credentials["lyra"]["marketplace"],
        "reference": "CMD-1001",
        "currency": "EUR",
        "language": "en",
        "url_return": SHOP,
        "buyer": BUYER,
        "items": [
            {
                "seller_external_ref": "seller1",
                "reference": "meal",
                "description": "Menu du midi",
                "amount": 2500,
                "vouchers": [{"contract_type": "CONECS", "eligible_amount": 1400}],
            },
            {
                "seller_external_ref": "seller1",
                "reference": "night",
                "description": "Une nuit",
                "amount": 5500,
                "vouchers": [{"contract_type": "CVCONNECT"}],
            },
        ],
        **changes,
    }
    return {name: each for name, each in body.items() if each is not None}


def new_order(sandbox: ControlledSandbox, **changes: Any) -> str:
    """The uuid of a new order over 80 EUR."""
    made = lyra_call(sandbox, "POST", "/orders?expand=items", order_body(sandbox, **changes), 201)
    return str(made["uuid"])


def page_of(sandbox: ControlledSandbox, order: str, way: str = "") -> str:
    """Execute the order, and where its payment page is then."""
    return str(lyra_call(sandbox, "GET", f"/orders/{order}/execute{way}")["payment_url"])


def new_page(sandbox: ControlledSandbox, **changes: Any) -> str:
    """The payment page of a new order."""
    return page_of(sandbox, new_order(sandbox, **changes))


def frame_of(sandbox: ControlledSandbox, order: str) -> str:
    """Execute the order for a form in the shop's own page, and where that form is then."""
    token = lyra_call(sandbox, "GET", f"/orders/{order}/execute-embedded")["form_token"]
    return f"{sandbox.url}/vads-payment/embedded?formToken={token}"


def order_of(sandbox: ControlledSandbox, order: str) -> Any:
    """What the marketplace reads of an order."""
    return lyra_call(sandbox, "GET", f"/orders/{order}?expand=items,transactions")


def status_of(sandbox: ControlledSandbox, order: str) -> str:
    """Its status."""
    return str(order_of(sandbox, order)["status"])


def new_token(sandbox: ControlledSandbox, path: str = "/tokens", **changes: Any) -> dict[str, Any]:
    """The answer to a new registration of a payment method."""
    body = {
        "marketplace": sandbox.credentials["lyra"]["marketplace"],
        "buyer": {**BUYER, "first_name": "Paul", "last_name": "Bertin"},
        "language": "en",
        "currency": "EUR",
        **changes,
    }
    told = {name: each for name, each in body.items() if each is not None}
    made: dict[str, Any] = lyra_call(sandbox, "POST", path, told, 201)
    return made
