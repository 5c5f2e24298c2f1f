"""Stored cards on payment links and hosted sessions: keeping one, paying with it, keeping it no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.adyen_pages import SECURE_VISA, VISA, merchant_call, new_link, new_session
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox

NewSandbox = Callable[..., ControlledSandbox]
ADA = {"shopperReference": "ada-1", "recurringProcessingModel": "CardOnFile"}
ASKS = {**ADA, "storePaymentMethodMode": "askForConsent"}
MAKES = pytest.mark.parametrize("make", [new_link, new_session])


def opened(url: str) -> Browser:
    """A browser at the page."""
    return Browser().open(url)


def outcome(browser: Browser) -> str:
    """How the page says that it ended."""
    return browser.page.marked["outcome"]["data-outcome"]


def tokens(sandbox: ControlledSandbox, shopper: str = "ada-1") -> list[str]:
    """What the merchant's server reads of a shopper's stored cards."""
    query = f"merchantAccount={sandbox.credentials['adyen']['merchant_account']}&shopperReference={shopper}"
    told = merchant_call(sandbox, "GET", f"/storedPaymentMethods?{query}", 200)
    return [each["id"] for each in told["storedPaymentMethods"]]


def kept(sandbox: ControlledSandbox, card: dict[str, str] = VISA) -> str:
    """The token of a card that a shopper has had stored on a page."""
    browser = opened(new_link(sandbox, **ASKS)["url"]).submit("choose", method="scheme")
    assert outcome(browser.submit("card", **card, keep="yes")) == "paid"
    [token] = tokens(sandbox)
    return token


@MAKES
def test_the_shopper_stores_a_card_and_pays_with_it_later(
    sandbox: ControlledSandbox, make: Callable[..., dict[str, Any]]
) -> None:
    browser = opened(make(sandbox, **ASKS)["url"]).submit("choose", method="scheme")
    assert browser.shows("keep")
    assert outcome(browser.submit("card", **VISA, keep="yes")) == "paid"
    [token] = tokens(sandbox)

    browser = opened(make(sandbox, **ASKS)["url"])
    assert browser.page.marked[f"method-{token}"]["value"] == token
    browser.submit("choose", method=token)
    assert browser.text("stored-card").endswith("1111")
    assert not any(browser.shows(field) for field in ("number", "expiry", "holder", "keep"))
    assert outcome(browser.submit("card", cvc="737")) == "paid"
    assert tokens(sandbox) == [token]
    [first, second] = [each["body"]["notificationItems"][0]["NotificationRequestItem"] for each in sandbox.webhooks()]
    assert (first["paymentMethod"], second["paymentMethod"]) == ("visa", "visa")


def test_who_does_not_tick_the_box_stores_nothing(sandbox: ControlledSandbox) -> None:
    browser = opened(new_link(sandbox, **ASKS)["url"]).submit("choose", method="scheme")
    assert outcome(browser.submit("card", **VISA)) == "paid"
    assert tokens(sandbox) == []


@pytest.mark.parametrize(
    ("changes", "stores"),
    [
        ({**ADA, "storePaymentMethodMode": "enabled"}, True),
        ({**ADA, "storePaymentMethodMode": "disabled"}, False),
        (ADA, False),
        ({"storePaymentMethodMode": "enabled", "recurringProcessingModel": "CardOnFile"}, False),
    ],
    ids=["enabled", "disabled", "not said", "nobody's"],
)
def test_the_merchant_decides_without_asking(sandbox: ControlledSandbox, changes: dict[str, str], stores: bool) -> None:
    url = new_link(sandbox, **changes)["url"]
    browser = opened(url).submit("choose", method="scheme")
    assert not browser.shows("keep")
    form = {**browser.form("card").fields, **VISA, "keep": "yes"}
    browser.session.post(browser.url, data=form, timeout=30)
    assert outcome(browser.open(url)) == "paid", "a box that is not there is not listened to"
    assert bool(tokens(sandbox)) is stores


def test_what_is_wrong_with_the_code_is_told_and_takes_nothing(sandbox: ControlledSandbox) -> None:
    token = kept(sandbox)
    browser = opened(new_link(sandbox, **ASKS)["url"]).submit("choose", method=token)
    for code in ("", "73", "abc", "7377"):
        browser.submit("card", cvc=code)
        assert (browser.status, browser.shows("error-cvc")) == (422, True), code
    assert len(sandbox.webhooks()) == 1


def test_a_stored_card_goes_to_the_bank_as_any(sandbox: ControlledSandbox) -> None:
    browser = opened(new_link(sandbox, **ASKS)["url"]).submit("choose", method="scheme")
    browser.submit("card", **SECURE_VISA, keep="yes")
    assert outcome(browser.submit("authenticate", user="user", password="password")) == "paid"
    [token] = tokens(sandbox)
    browser = opened(new_link(sandbox, **ASKS)["url"]).submit("choose", method=token).submit("card", cvc="737")
    assert outcome(browser.submit("authenticate", user="user", password="password")) == "paid"


def test_a_stored_card_pays_what_a_voucher_leaves(sandbox: ControlledSandbox) -> None:
    token = kept(sandbox)
    browser = opened(new_link(sandbox, 8000, **ASKS)["url"]).submit("choose", method="givex")
    browser.submit("balance", number="6036280000000000000", cvc="100").submit("redeem")
    browser.submit("choose", method=token)
    assert browser.text("pay-card") == "Pay €30.00"
    assert outcome(browser.submit("card", cvc="737")) == "paid"


def test_another_shoppers_card_is_not_on_offer(sandbox: ControlledSandbox) -> None:
    token = kept(sandbox)
    for changes in ({**ASKS, "shopperReference": "bob-1"}, {}):
        browser = opened(new_link(sandbox, **changes)["url"])
        assert f"method-{token}" not in browser.page.marked
        browser.submit("choose", method=token)
        assert browser.status == 422


def test_the_shopper_keeps_it_no_longer(sandbox: ControlledSandbox) -> None:
    token = kept(sandbox)
    browser = opened(new_link(sandbox, **ASKS)["url"]).submit("choose", method=token).submit("forget")
    assert f"method-{token}" not in browser.page.marked
    assert tokens(sandbox) == []


def test_the_merchant_may_hide_the_button(sandbox: ControlledSandbox) -> None:
    token = kept(sandbox)
    link = new_link(sandbox, **ASKS, showRemovePaymentMethodButton=False)
    browser = opened(link["url"]).submit("choose", method=token)
    assert not browser.shows("forget")
    browser.session.post(link["url"], data={"step": "forget", "method": token}, timeout=30)
    assert tokens(sandbox) == [token]


def test_a_scripted_shopper_does_the_same(sandbox: ControlledSandbox) -> None:
    sandbox.shopper(new_link(sandbox, **ASKS)["id"], {"pay": [{"with": "card", "keep": "yes"}]})
    [token] = tokens(sandbox)
    for stored in (token, "yes"):
        link = new_link(sandbox, **ASKS)
        sandbox.shopper(link["id"], {"pay": [{"with": "card", "stored": stored}]})
    assert len(sandbox.webhooks()) == 3
    link = new_link(sandbox, **{**ASKS, "shopperReference": "bob-1"})
    sandbox.shopper(link["id"], {"pay": [{"with": "card", "stored": token}]}, status=409)
