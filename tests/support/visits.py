"""Ways through the hosted pages that several browser tests and the picture maker share."""

from __future__ import annotations

from typing import Any

from tests.support.chromium import Tab
from tests.support.control import ControlledSandbox
from tests.support.shopfront import Shopfront
from tests.support.worldline import Merchant, checkout_body


def start(sandbox: ControlledSandbox, shop: Shopfront, **changes: Any) -> dict[str, Any]:
    """A hosted checkout over 1400.00 EUR that returns to the shop, with changes by section (None: without it)."""
    hosted = {"returnUrl": f"{shop.url}/back?cart=77", **changes.pop("hostedCheckoutSpecificInput", {})}
    body = checkout_body(hostedCheckoutSpecificInput=hosted, **{k: v for k, v in changes.items() if v is not None})
    for section in [name for name, change in changes.items() if change is None]:
        del body[section]
    made: dict[str, Any] = Merchant(sandbox).call("create_hosted_checkout", body).json()
    return made


def to_portal(tab: Tab, url: str, beneficiary: str = "") -> Tab:
    """Open the checkout and go on to CV Connect."""
    tab.open(url).shows("continue")
    if beneficiary:
        tab.fill("beneficiary", beneficiary)
    tab.click("continue")
    return tab.shows("qr-code")


def to_phone(tab: Tab, portal: Tab) -> Tab:
    """Open on a phone what the portal's QR code says."""
    return tab.open(portal.attribute("open-phone", "href")).shows("confirm")


def type_card(tab: Tab, number: str) -> Tab:
    """Fill in the card form and send it."""
    tab.fill("card-number", number)
    tab.fill("card-holder", "CAMILLE MARTIN")
    tab.fill("card-expiry", "12/30")
    tab.fill("card-cvv", "123")
    tab.click("pay-card")
    return tab


def stage(number: int) -> str:
    """The portal waits for this step, as a fact about its page."""
    return f"document.querySelector('[data-testid=waiting]')?.dataset.stage === '{number}'"


def outcome(word: str) -> str:
    """The page says that it ended like this, as a fact about it."""
    return f"document.querySelector('[data-testid=outcome]')?.dataset.outcome === '{word}'"


def arrived(shop: Shopfront) -> str:
    """The browser is back in the shop, as a fact about its page."""
    return f"location.href.startsWith('{shop.url}/back?')"
