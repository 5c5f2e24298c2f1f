"""The hosted pages over plain HTTP, like a browser without JavaScript: payment, the bank, registration, the return."""

from __future__ import annotations

import hmac
import inspect
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from mockpsp.providers.lyra import issuers, pages, paying, shopper, texts, vault
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.lyra_pages import (
    ALIAS,
    CARD,
    CODE,
    EMPTY_MEAL_CARD,
    MEAL_CARD,
    REFUSED_CARD,
    REFUSED_MEAL_CARD,
    SECURE_CARD,
    SHOP,
    SMALL_MEAL_CARD,
    WALLET,
    frame_of,
    lyra_call,
    new_order,
    new_page,
    new_token,
    order_of,
    page_of,
    status_of,
    with_settings,
)

NewSandbox = Callable[..., ControlledSandbox]
HOSTILE = """<img src=x onerror="hit=1">'"&{{7*7}}"""
CERT = "1122334455667788"


def opened(url: str) -> Browser:
    """A browser at the page."""
    return Browser().open(url)


def outcome(browser: Browser) -> str:
    """How the page says that it ended."""
    return browser.page.marked["outcome"]["data-outcome"]


def closed(browser: Browser) -> tuple[int, str]:
    """Status of a page that leads nowhere, and why."""
    return browser.status, browser.page.marked["closed"]["data-reason"]


def by_meal_card(browser: Browser, card: Mapping[str, str] = MEAL_CARD, **more: str) -> Browser:
    """Choose the meal card and pay."""
    return browser.submit("choose", method="conecs").submit("conecs", **card, **more)


def by_wallet(browser: Browser, **more: str) -> Browser:
    """Choose holiday vouchers and pay."""
    return in_app(browser, **more).submit("cv_connect").follow("go-on")


def in_app(browser: Browser, **more: str) -> Browser:
    """Ask for holiday vouchers, and open the app on the same device."""
    return browser.submit("choose", method="cv_connect").submit("ask", **{**WALLET, **more}).follow("open-phone")


def by_card(browser: Browser, card: Mapping[str, str] = CARD) -> Browser:
    """Choose the card and pay all that is left."""
    return browser.submit("choose", method="card").submit("card", **card)


def legs(browser: Browser) -> list[tuple[str, str]]:
    """Last digits and amounts of all shares on a page."""
    html = browser.session.get(browser.url, timeout=30).text
    rows = re.findall(r'data-testid="leg"><dt>(.*?)</dt><dd>(.*?)</dd>', html, re.DOTALL)
    return [(re.sub(r"<[^>]*>|\s", "", row)[-4:], amount) for row, amount in rows]


def schemes(sandbox: ControlledSandbox, order: str) -> list[tuple[str, int, str]]:
    """Its transactions."""
    return [
        (each["payment_scheme"], each["amount"], each["status"]) for each in order_of(sandbox, order)["transactions"]
    ]


def spoken(browser: Browser) -> str:
    """The word that the page polls."""
    html = browser.session.get(browser.url, timeout=30).text
    found = re.search(r'data-status-url="([^"]*)"', html)
    assert found is not None
    url = found[1].replace("&amp;", "&")
    origin = f"{urlsplit(browser.url).scheme}://{urlsplit(browser.url).netloc}"
    return str(requests.get(f"{origin}{url}", timeout=30).json()["status"])


# -- three means pay one order -----------------------------------------------------------------------------------------


def test_a_meal_card_holiday_vouchers_and_a_card_pay_an_order(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox)
    browser = opened(page_of(sandbox, order))
    assert browser.text("order-amount") == "€80.00"
    assert browser.text("reference") == "CMD-1001"
    assert [browser.text(f"most-{each}") for each in ("conecs", "cv_connect", "card")] == [
        "up to €14.00", "up to €55.00", "pays everything",
    ]  # fmt: skip
    assert not browser.shows("leg")

    browser.submit("choose", method="conecs")
    assert [browser.text(f"{each}-amount") for each in ("eligible", "daily", "most")] == ["€14.00", "€25.00", "€14.00"]
    browser.submit("conecs", **MEAL_CARD, amount="12,50")
    assert legs(browser) == [("6120", "€12.50")]
    assert browser.text("remaining-amount") == "€67.50"
    assert browser.text("cancel-returns").endswith("€12.50.")
    assert not browser.shows("method-conecs"), "each voucher type pays once"
    assert status_of(sandbox, order) == "CREATED"

    by_wallet(browser, amount=" 50 ")
    assert browser.text("pay-card") == "Pay €17.50", "only the card is left, no choice is needed"
    assert not browser.shows("back")
    browser.submit("card", **CARD)
    assert browser.left == SHOP, "without return_mode nothing is appended"
    assert status_of(sandbox, order) == "PENDING"
    assert schemes(sandbox, order) == [
        ("CONECS", 1250, "PENDING"), ("CVCONNECT", 5000, "PENDING"), ("CB", 1750, "PENDING"),
    ]  # fmt: skip
    assert [each["type"] for each in sandbox.webhooks()] == ["order"]


def test_an_empty_amount_pays_all_that_is_possible(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox, items=meal(3000, eligible=3000))
    by_meal_card(opened(page_of(sandbox, order)), SMALL_MEAL_CARD)
    assert by_card(opened(page_of(sandbox, new_order(sandbox)))).left == SHOP
    browser = opened(page_of(sandbox, order))
    assert not browser.shows("leg"), "another execution begins again"
    by_meal_card(browser, SMALL_MEAL_CARD)
    assert browser.text("remaining-amount") == "€11.00", "the day of the first card is given back"


def meal(amount: int, eligible: int, **more: Any) -> list[dict[str, Any]]:
    """One item that meal cards can pay."""
    voucher = {"contract_type": "CONECS", "eligible_amount": eligible}
    item = {"seller_external_ref": "seller1", "reference": "meal", "description": "Menu", "amount": amount}
    return [{**item, "vouchers": [voucher], **more}]


def test_a_meal_card_can_pay_everything(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox, items=meal(1450, eligible=1450), url_return=None)
    browser = by_meal_card(opened(page_of(sandbox, order)))
    assert outcome(browser) == "paid"
    assert legs(browser) == [("6120", "€14.50")]
    assert schemes(sandbox, order) == [("CONECS", 1450, "PENDING")]


def test_below_the_minimum_meal_cards_are_not_offered(sandbox: ControlledSandbox) -> None:
    browser = opened(new_page(sandbox, items=meal(2000, eligible=149)))
    assert browser.shows("pay-card"), "the card is the only means"


@pytest.mark.parametrize(
    ("card", "field", "told"),
    [
        ({**MEAL_CARD, "number": "12"}, "number", "Enter a valid card number."),
        ({**MEAL_CARD, "expiry": "1/3"}, "expiry", "Enter the month and the year, for example 12/30."),
        ({**MEAL_CARD, "cvv": "x"}, "cvv", "Enter the 3 digits on the back of the card."),
        ({**MEAL_CARD, "amount": "douze"}, "amount", "Enter an amount such as 14.00, or leave the field empty."),
        ({**MEAL_CARD, "amount": "0"}, "amount", "Enter an amount such as 14.00, or leave the field empty."),
        ({**MEAL_CARD, "amount": "12.345"}, "amount", "Enter an amount such as 14.00, or leave the field empty."),
        ({**MEAL_CARD, "amount": "14.01"}, "amount", "Enter no more than €14.00."),
        (EMPTY_MEAL_CARD, "number", "Nothing can be paid with it now"),
    ],
)
def test_what_is_wrong_with_a_form_costs_no_attempt(
    sandbox: ControlledSandbox, card: dict[str, str], field: str, told: str
) -> None:
    browser = by_meal_card(opened(new_page(sandbox)), card)
    assert browser.status == 422
    assert told in browser.text(f"error-{field}")
    kept = browser.form("conecs").fields
    assert (kept["number"], kept["cvv"]) == ("", ""), "number and code are never shown again"
    assert kept["expiry"] == card["expiry"]
    assert kept["amount"] == card.get("amount", "")
    assert browser.submit("conecs", **MEAL_CARD, amount="").text("remaining-amount") == "€66.00"


def test_all_mistakes_of_a_card_are_told_at_once(sandbox: ControlledSandbox) -> None:
    browser = by_card(opened(new_page(sandbox)), {"number": "1", "expiry": "", "cvv": ""})
    assert all(browser.shows(f"error-{field}") for field in ("number", "expiry", "cvv"))
    assert not browser.shows("attempts-left")


def test_a_beneficiary_has_eleven_digits_or_an_address(sandbox: ControlledSandbox) -> None:
    browser = opened(new_page(sandbox)).submit("choose", method="cv_connect").submit("ask", beneficiary="1234")
    assert (browser.status, browser.text("error-beneficiary")) == (422, "Enter 11 digits or an e\u2011mail address.")
    assert browser.form("ask").fields["beneficiary"] == "1234"
    browser.submit("ask", beneficiary="777 7777 7777").follow("open-phone").submit("cv_connect").follow("go-on")
    assert browser.text("remaining-amount") == "€25.00"


def test_choosing_nothing_or_what_is_not_on_offer(sandbox: ControlledSandbox) -> None:
    browser = opened(new_page(sandbox)).submit("choose")
    assert (browser.status, browser.text("error-method")) == (422, "Choose a payment method.")
    browser.submit("choose", method="stored")
    assert (browser.status, browser.text("error-method")) == (
        422, "This payment method is not on offer here. Choose another one.",
    )  # fmt: skip
    assert browser.submit("choose", method="cv_connect").follow("back").shows("method-cv_connect")


def test_a_means_that_was_used_in_another_window(sandbox: ControlledSandbox) -> None:
    url = new_page(sandbox, items=meal(2500, eligible=1400))
    one, other = (opened(url).submit("choose", method="conecs") for _ in range(2))
    one.submit("conecs", **MEAL_CARD)
    other.submit("conecs", **MEAL_CARD)
    assert other.status == 422
    assert "not on offer here" in other.text("error")
    assert other.text("pay-card") == "Pay €11.00"


def test_every_problem_has_a_text() -> None:
    sources = (inspect.getsource(module) for module in (issuers, paying, vault, pages, shopper))
    found = {key for text in sources for key in re.findall(r'ShopperRefused\("(\w+)"', text)}
    unsaid = {"closed", "replaced", "unknown_step"}
    known = texts.TEXTS.table["en"]
    assert found >= {"problem_amount_rest", "answer_awaited"}
    assert {key for key in found - unsaid if f"problem_{key.removeprefix('problem_')}" not in known} == set()


def test_steps_that_no_page_has_change_nothing(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox)
    url = page_of(sandbox, order)
    for fields in (
        {},
        {"step": "steal"},
        {"step": "stored"},
        {"step": "authenticate", "code": "123456"},
        {"x": HOSTILE},
    ):
        answer = requests.post(url, data=fields, timeout=30, allow_redirects=False)
        assert answer.status_code in (303, 422), fields
        assert HOSTILE not in answer.text
    assert opened(url).shows("method-conecs")
    assert status_of(sandbox, order) == "CREATED"


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_refusal_is_the_end_where_no_attempt_is_left(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox, url_refused="https://shop.example/refused")
    browser = by_meal_card(opened(page_of(sandbox, order)), REFUSED_MEAL_CARD)
    assert browser.left == "https://shop.example/refused"
    assert status_of(sandbox, order) == "FAILED"


def test_with_attempts_left_the_page_is_shown_again(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, extra_attempts=2)
    order = new_order(sandbox, url_return=None)
    browser = by_meal_card(opened(page_of(sandbox, order)), REFUSED_MEAL_CARD)
    assert browser.status == 422
    assert "The meal voucher card was refused." in browser.text("error")
    browser.submit("conecs", **MEAL_CARD)
    assert browser.text("remaining-amount") == "€66.00"
    by_card(browser, REFUSED_CARD)
    assert browser.status == 422
    assert "The card was refused." in browser.text("error")
    assert browser.text("attempts-left") == "You have 1 attempt left."
    browser.submit("card", **REFUSED_CARD)
    assert (outcome(browser), browser.text("returned")) == (
        "refused", "The vouchers already used have been given back to you.",
    )  # fmt: skip
    assert legs(browser) == [("6120", "€14.00")]
    assert status_of(sandbox, order) == "FAILED"
    assert schemes(sandbox, order) == [("CONECS", 1400, "CANCELLED")]


def test_the_app_asks_for_what_the_form_says(sandbox: ControlledSandbox) -> None:
    app = in_app(opened(new_page(sandbox, language="en")), amount="12,5")
    shown = ("wallet-beneficiary", "wallet-balance", "order-amount", "asked-amount")
    assert [app.text(each) for each in shown] == ["77777777777", "€300.00", "€80.00", "€12.50"]
    app.submit("cv_connect")
    assert (app.page.marked["connected"]["data-paid"], app.shows("confirm")) == ("yes", False)
    assert app.follow("go-on").text("remaining-amount") == "€67.50"


def test_who_declines_in_the_app_may_pay_otherwise(new_sandbox: NewSandbox) -> None:
    portal = opened(new_page(with_settings(new_sandbox, extra_attempts=1), language="en"))
    portal.submit("choose", method="cv_connect").submit("ask", **WALLET)
    app = opened(portal.page.marked["open-phone"]["href"]).submit("decline")
    assert app.page.marked["connected"]["data-paid"] == "no"
    portal.follow("check-again")
    assert "The voucher payment was refused." in portal.text("error")
    assert by_wallet(portal.follow("back")).text("remaining-amount") == "€25.00"


def test_who_declines_in_the_app_without_another_attempt_ends_the_payment(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox)
    app = in_app(opened(page_of(sandbox, order))).submit("decline")
    assert app.page.marked["connected"]["data-paid"] == "no"
    assert order_of(sandbox, order)["status"] == "FAILED"
    assert app.follow("go-on").left


@pytest.mark.parametrize(
    "change", ["share=0", "share=999999999", "share=x", "after=7", "after=-1", "wallet=", "wallet=66666666666"]
)
def test_what_is_changed_in_the_app_s_address_pays_nothing(sandbox: ControlledSandbox, change: str) -> None:
    order = new_order(sandbox)
    app = in_app(opened(page_of(sandbox, order)), amount="12,50")
    name, _, _ = change.partition("=")
    app.open(re.sub(rf"{name}=\w+", change, app.url))
    if app.shows("confirm"):
        app.submit("cv_connect")
    assert order_of(sandbox, order)["transactions"] == []
    assert order_of(sandbox, order)["status"] in ("CREATED", "FAILED")


def test_an_unknown_beneficiary_is_told_at_its_field(new_sandbox: NewSandbox) -> None:
    browser = opened(new_page(with_settings(new_sandbox, extra_attempts=1))).submit("choose", method="cv_connect")
    browser.submit("ask", beneficiary="66666666666")
    assert (browser.status, browser.text("error-beneficiary")) == (422, "This CV Connect account is not known.")


def test_a_card_that_has_spent_its_day(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, extra_attempts=1)
    sandbox.stand_still()
    first, second = (opened(new_page(sandbox, items=meal(3000, eligible=2500))) for _ in range(2))
    by_meal_card(first, amount="20")
    by_meal_card(second, amount="10")
    assert second.status == 422
    assert "Not enough is left on this card for today." in second.text("error")
    assert "€5.00 left today" in second.text("test-data")
    assert second.submit("conecs", **MEAL_CARD, amount="").text("remaining-amount") == "€25.00"


# -- leaving -----------------------------------------------------------------------------------------------------------


def test_who_cancels_gets_vouchers_back(sandbox: ControlledSandbox) -> None:
    before = balances(sandbox)
    order = new_order(sandbox, url_return=None)
    browser = by_wallet(by_meal_card(opened(page_of(sandbox, order))))
    assert balances(sandbox) != before
    browser.submit("cancel")
    assert outcome(browser) == "cancelled"
    assert browser.shows("returned")
    assert legs(browser) == [("6120", "€14.00"), ("nect", "€55.00")]
    assert balances(sandbox) == before
    assert status_of(sandbox, order) == "ABANDONED"
    cancelling = new_order(sandbox, url_cancel="https://shop.example/cancel")
    assert opened(page_of(sandbox, cancelling)).submit("cancel").left == "https://shop.example/cancel"


def balances(sandbox: ControlledSandbox) -> dict[str, Any]:
    """What is on all accounts."""
    return {ref: each["balance"] for ref, each in sandbox.accounts().items() if ref.startswith("lyra/c")}


def test_the_page_expires_by_the_clock(sandbox: ControlledSandbox) -> None:
    sandbox.stand_still()
    order = new_order(sandbox, url_return=None)
    browser = by_meal_card(opened(page_of(sandbox, order)))
    assert spoken(browser) == "open-1-0"
    sandbox.advance("PT10M")
    browser.open(browser.url)
    assert (outcome(browser), legs(browser)) == ("expired", [("6120", "€14.00")])
    assert status_of(sandbox, order) == "ABANDONED"

    late = opened(new_page(sandbox, url_error="https://shop.example/late"))
    sandbox.advance("PT10M")
    assert late.submit("cancel").left == "https://shop.example/late", "whatever is posted then"


def test_an_older_address_is_void(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox, url_return=None)
    first = by_meal_card(opened(page_of(sandbox, order)))
    second = opened(page_of(sandbox, order))
    assert closed(opened(first.url)) == (410, "replaced")
    assert closed(first.submit("cancel")) == (410, "replaced")
    assert outcome(second.submit("cancel")) == "cancelled"
    assert not second.shows("returned"), "what the older page had taken was given back before"

    changed = new_order(sandbox)
    url = page_of(sandbox, changed)
    lyra_call(sandbox, "PUT", f"/orders/{changed}", {"description": "another one"})
    assert closed(opened(url)) == (410, "replaced")


def test_addresses_that_nobody_gave_out(sandbox: ControlledSandbox) -> None:
    url = new_page(sandbox)
    secret = url.partition("jsessionid=")[2][:24]
    for strange in (
        url.replace(secret, "0" * 24),
        url.replace("exec.refresh.a", "exec.refresh.b"),
        f"{url[:-5]}00000",
        url.partition("?")[0],
        f"{sandbox.url}/vads-payment/embedded",
        f"{sandbox.url}/vads-payment/embedded?formToken={'0' * 32}",
        f"{sandbox.url}/vads-payment/return?cacheId=1&jsessionid=2",
        f"{sandbox.url}/t/ioeD1uRP",
        f"{sandbox.url}/t/-",
    ):
        assert closed(opened(strange)) == (404, "unknown"), strange
    polled = requests.get(f"{sandbox.url}/vads-payment/progress?cacheId=1", timeout=30)
    assert (polled.status_code, polled.json()) == (200, {"status": "closed"})


# -- the bank ----------------------------------------------------------------------------------------------------------


def test_the_bank_asks_for_a_code(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox)
    browser = by_card(by_meal_card(opened(page_of(sandbox, order))), SECURE_CARD)
    assert browser.text("order-amount") == "€66.00"
    assert browser.text("card").startswith("CB")
    assert spoken(browser) == "bank-1-0"
    browser.submit("authenticate")
    assert (browser.status, browser.text("error-code")) == (422, "Enter the code that your bank has sent you.")
    again = requests.post(browser.url, data={"step": "card", **CARD}, timeout=30)
    assert again.status_code == 422
    assert "Your bank is waiting for your answer." in again.text
    assert browser.submit("authenticate", code="123 456").left == SHOP
    assert schemes(sandbox, order) == [("CONECS", 1400, "PENDING"), ("CB", 6600, "PENDING")]


@pytest.mark.parametrize(("step", "fields"), [("authenticate", {"code": "000000"}), ("cancel", {})])
def test_a_wrong_code_and_leaving_the_bank_refuse_the_card(
    new_sandbox: NewSandbox, step: str, fields: dict[str, str]
) -> None:
    sandbox = with_settings(new_sandbox, extra_attempts=1)
    order = new_order(sandbox)
    browser = by_card(opened(page_of(sandbox, order)), SECURE_CARD).submit(step, **fields)
    assert browser.status == 422
    assert "Your bank did not confirm that it is you." in browser.text("error")
    assert browser.text("attempts-left") == "You have 1 attempt left."
    browser.submit("card", **SECURE_CARD).submit(step, **fields)
    assert browser.left == SHOP
    assert status_of(sandbox, order) == "FAILED"


# -- cards on file -----------------------------------------------------------------------------------------------------


def test_a_stored_card_pays_with_one_click(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox, alias=ALIAS)
    browser = opened(page_of(sandbox, order))
    assert browser.text("method-stored") is not None
    browser.submit("choose", method="stored")
    assert browser.text("stored-card").startswith("CB")
    assert browser.text("stored-amount") == "€80.00"
    assert browser.submit("stored").left == SHOP
    assert schemes(sandbox, order) == [("CB", 8000, "PENDING")]


def test_an_unknown_alias_offers_no_stored_card(sandbox: ControlledSandbox) -> None:
    assert not opened(new_page(sandbox, alias="unknown")).shows("method-stored")


def test_a_payment_that_registers_asks_for_a_card(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox, alias=ALIAS, items=plain(1000))
    browser = opened(page_of(sandbox, order, "/token"))
    assert browser.shows("pay-card")
    assert browser.submit("card", **CARD).left == SHOP
    assert lyra_call(sandbox, "GET", f"/tokens/{order}")["alias"] == ALIAS


def plain(amount: int) -> list[dict[str, Any]]:
    """One item that only cards can pay."""
    return [{"seller_external_ref": "seller1", "reference": "R1", "description": "Room", "amount": amount}]


def test_a_card_is_registered(sandbox: ControlledSandbox) -> None:
    token = new_token(sandbox, url_return=None)
    browser = opened(token["payment_url"])
    assert browser.text("pay-card") == "Register this card"
    assert not browser.shows("order-amount")
    browser.submit("card", **{**SECURE_CARD, "cvv": ""})
    assert browser.status == 422
    browser.submit("card", **SECURE_CARD)
    assert not browser.shows("order-amount"), "the bank is not told of an amount"
    browser.submit("authenticate", **CODE)
    assert (outcome(browser), browser.text("outcome")) == ("paid", "Card registered")
    made = lyra_call(sandbox, "GET", f"/tokens/{token['token']}")
    assert made["status"] == "SUCCEEDED"

    again = opened(new_page(sandbox, alias=made["alias"])).submit("choose", method="stored")
    assert again.submit("stored").left == SHOP, "a stored card needs no code"


def test_a_registration_can_be_refused_cancelled_and_expire(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, extra_attempts=1)
    browser = opened(new_token(sandbox, url_return=None)["payment_url"]).submit("card", **REFUSED_CARD)
    assert browser.status == 422
    assert "The card was refused." in browser.text("error")
    assert browser.text("attempts-left") == "You have 1 attempt left."
    assert outcome(browser.submit("card", **REFUSED_CARD)) == "refused"
    assert outcome(opened(new_token(sandbox, url_return=None)["payment_url"]).submit("cancel")) == "cancelled"
    waiting = opened(new_token(sandbox, url_return=None)["payment_url"])
    sandbox.stand_still()
    sandbox.advance("PT11M")
    assert outcome(waiting.open(waiting.url)) == "expired"
    assert opened(new_token(sandbox, url_return=SHOP)["payment_url"]).submit("cancel").left == SHOP


# -- in a frame of the shop's page -------------------------------------------------------------------------------------


def test_the_embedded_page_stays_in_its_frame(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox)
    url = frame_of(sandbox, order)
    policy = requests.get(url, timeout=30).headers["Content-Security-Policy"]
    assert "frame-ancestors" not in policy
    browser = opened(url)
    assert not browser.shows("simulator-band")
    by_wallet(by_meal_card(browser))
    browser.submit("card", **SECURE_CARD).submit("authenticate", **CODE)
    assert outcome(browser) == "paid"
    assert (browser.page.marked["return"]["target"], browser.page.marked["return"]["href"]) == ("_top", SHOP)
    assert status_of(sandbox, order) == "PENDING"
    newer = new_order(sandbox, reference="CMD-1002")
    older = frame_of(sandbox, newer)
    frame_of(sandbox, newer)
    assert closed(opened(older)) == (410, "replaced")


def test_a_card_is_registered_in_a_frame(sandbox: ControlledSandbox) -> None:
    token = new_token(sandbox, "/tokens/embedded")["form_token"]
    browser = opened(f"{sandbox.url}/vads-payment/embedded?formToken={token}").submit("card", **CARD)
    assert outcome(browser) == "paid"
    assert not browser.shows("return")


def test_pages_of_their_own_are_framed_by_nobody(sandbox: ControlledSandbox) -> None:
    answer = requests.get(new_page(sandbox, url_success="https://other.example:8443/x"), timeout=30)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://shop.example https://other.example:8443" in policy


# -- back to the shop --------------------------------------------------------------------------------------------------


def check_signature(fields: Mapping[str, str]) -> None:
    """As the gateway's guide says: values in the order of their names, then the key."""
    values = [fields[name] for name in sorted(fields) if name.startswith("vads_")]
    text = "+".join([*values, CERT])
    assert fields["signature"] == b64encode(hmac.digest(CERT.encode(), text.encode(), sha256)).decode()


def test_by_get_the_result_is_in_the_address(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox, return_mode="GET", items=plain(1000), shop_url="https://shop.example")
    browser = opened(page_of(sandbox, order)).submit("card", **CARD)
    assert browser.left.startswith("https://shop.example/back?cart=77&vads_action_mode=INTERACTIVE&")
    back = browser.returned()
    check_signature(back)
    trans = order_of(sandbox, order)
    expected = {
        "cart": "77",
        "vads_action_mode": "INTERACTIVE",
        "vads_amount": "1000",
        "vads_auth_mode": "FULL",
        "vads_auth_number": trans["transactions"][0]["auto_code"],
        "vads_auth_result": "00",
        "vads_capture_delay": "0",
        "vads_card_brand": "CB",
        "vads_card_number": "497010XXXXXX0000",
        "vads_ctx_mode": "TEST",
        "vads_currency": "978",
        "vads_cust_email": "paul@example.test",
        "vads_effective_amount": "1000",
        "vads_expiry_month": "12",
        "vads_expiry_year": "2030",
        "vads_operation_type": "DEBIT",
        "vads_order_id": "CMD-1001",
        "vads_page_action": "PAYMENT",
        "vads_payment_config": "SINGLE",
        "vads_payment_src": "EC",
        "vads_result": "00",
        "vads_sequence_number": "1",
        "vads_shop_url": "https://shop.example",
        "vads_site_id": "12345678",
        "vads_trans_date": trans["vads_transaction_date"],
        "vads_trans_id": trans["vads_transaction_id"],
        "vads_trans_status": "AUTHORISED",
        "vads_trans_uuid": trans["transactions"][0]["trans_uuid"],
        "vads_validation_mode": "0",
        "vads_version": "V2",
    }
    assert {name: value for name, value in back.items() if name != "signature"} == expected


def test_by_post_a_page_of_its_own_sends_the_result(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox, return_mode="POST", awaiting_validation=True)
    browser = by_card(by_meal_card(opened(page_of(sandbox, order))), CARD)
    assert urlsplit(browser.url).path == "/vads-payment/return"
    [form] = browser.page.forms
    assert (form.action, form.method, browser.left) == (SHOP, "post", "")
    assert list(form.fields) == [*sorted(name for name in form.fields if name != "signature"), "signature"]
    check_signature(form.fields)
    told = {name: form.fields[f"vads_{name}"] for name in ("card_brand", "trans_status", "validation_mode", "amount")}
    assert told == {
        "card_brand": "MULTI", "trans_status": "AUTHORISED_TO_VALIDATE", "validation_mode": "1", "amount": "8000",
    }  # fmt: skip
    rows = json.loads(form.fields["vads_payment_seq"])["transactions"]
    assert [(each["card_brand"], each["amount"], each["sequence_number"]) for each in rows] == [
        ("CONECS", "1400", 1), ("CB", "6600", 2),
    ]  # fmt: skip
    policy = requests.get(browser.url, timeout=30).headers["Content-Security-Policy"]
    assert "form-action 'self' https://shop.example" in policy


def test_the_setting_says_how_to_return_and_a_frame_does_it_above_itself(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, return_mode="POST")
    browser = opened(frame_of(sandbox, new_order(sandbox, items=plain(1000)))).submit("cancel")
    assert browser.page.marked["return"]["href"].startswith("/vads-payment/return?cacheId=")
    browser.follow("return")
    [form] = browser.page.forms
    assert (form.fields["vads_result"], form.fields["vads_trans_status"]) == ("17", "ABANDONED")
    early = opened(new_page(sandbox))
    cache_id = early.url.rpartition("=")[2]
    secret = early.url.partition("jsessionid=")[2][:24]
    early.open(f"{sandbox.url}/vads-payment/return?cacheId={cache_id}&jsessionid={secret}")
    assert early.shows("method-conecs"), "a page that is open does not return"


@pytest.mark.parametrize("address", ["shop:back?cart=77", "//shop.example/back", "https://", "http://[x/", HOSTILE])
def test_an_address_that_cannot_be_followed_is_shown_as_text(sandbox: ControlledSandbox, address: str) -> None:
    browser = opened(new_page(sandbox, url_success=address, items=plain(1000))).submit("card", **CARD)
    assert (outcome(browser), browser.status) == ("paid", 200)
    assert browser.text("return-text") == " ".join(address.split())
    assert not browser.shows("return")


def test_line_breaks_in_an_address_stay_out_of_the_headers(sandbox: ControlledSandbox) -> None:
    for address, followed in (
        ("https://shop.example/\u00e9 t\u00e9;script-src *", "https://shop.example/%C3%A9%20t%C3%A9;script-src%20*"),
        ("https://shop.example/\r\nX-Strange: 1", None),
    ):
        url = new_page(sandbox, url_return=address, items=plain(1000))
        answer = requests.post(url, data={"step": "card", **CARD}, timeout=30, allow_redirects=False)
        assert answer.status_code == 303
        answer = requests.get(url, timeout=30, allow_redirects=False)
        assert "X-Strange" not in answer.headers
        assert answer.headers.get("Location") == followed


# -- persistent links --------------------------------------------------------------------------------------------------


def link_of(sandbox: ControlledSandbox, order: str) -> str:
    """The order's persistent link."""
    lyra_call(sandbox, "GET", f"/orders/{order}/persist", status=302)
    return str(order_of(sandbox, order)["persist_url"])


def test_a_persistent_link_opens_the_page_until_it_is_paid(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox)
    link = link_of(sandbox, order)
    browser = opened(link)
    assert urlsplit(browser.url).path.startswith("/vads-payment/exec.refresh.a;jsessionid=")
    by_meal_card(browser)
    browser.open(link)
    assert browser.text("remaining-amount") == "€66.00", "who opens the link again goes on where they were"
    assert by_card(browser).left == SHOP
    used = opened(link)
    assert (closed(used), used.page.marked["return"]["href"]) == ((410, "used"), SHOP)


def test_a_persistent_link_outlives_its_pages_and_ends_with_its_time(sandbox: ControlledSandbox) -> None:
    sandbox.stand_still()
    unused, tried = new_order(sandbox), new_order(sandbox)
    links = [link_of(sandbox, each) for each in (unused, tried)]
    page = opened(links[1])
    page.submit("choose", method="conecs").submit("conecs", **MEAL_CARD)
    sandbox.advance("PT10M")
    assert status_of(sandbox, tried) == "CREATED"
    assert opened(links[1]).text("order-amount") == "€80.00", "nothing is paid, and it can be paid again"
    sandbox.advance("P30D")
    assert [closed(opened(each)) for each in links] == [(410, "expired")] * 2
    assert [status_of(sandbox, each) for each in (unused, tried)] == ["ABANDONED"] * 2


def test_a_link_that_runs_out_while_the_payment_is_told_takes_nothing_back(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, persist_life="PT5M", notification_delay="PT10M")
    sandbox.stand_still()
    order = new_order(sandbox)
    assert by_card(opened(link_of(sandbox, order))).left == SHOP
    sandbox.advance("PT20M")
    assert status_of(sandbox, order) == "PENDING"


def test_a_persistent_link_of_an_order_that_cannot_be_paid_any_more(sandbox: ControlledSandbox) -> None:
    order = new_order(sandbox)
    link = link_of(sandbox, order)
    lyra_call(sandbox, "PUT", f"/orders/{order}?expand=items", {"items": []})
    assert closed(opened(link)) == (410, "expired")


# -- languages ---------------------------------------------------------------------------------------------------------


def test_pages_speak_the_order_s_language_or_the_browser_s(sandbox: ControlledSandbox) -> None:
    browser = opened(new_page(sandbox, language="fr"))
    assert browser.text("continue") == "Continuer"
    assert browser.text("order-amount") == "80,00\u00a0€".replace("\u00a0", " ")
    browser.submit("choose", method="conecs").submit("conecs", **MEAL_CARD, amount="14,5")
    assert browser.text("error-amount") == "Saisissez 14,00 € au plus."
    url = new_page(sandbox, language=None)
    german = requests.get(url, headers={"Accept-Language": "de-DE,de;q=0.9"}, timeout=30).text
    french = requests.get(url, headers={"Accept-Language": "fr-CH,fr;q=0.9"}, timeout=30).text
    assert ("Continue<" in german, "Continuer<" in french) == (True, True)


def test_what_strangers_write_is_text(sandbox: ControlledSandbox) -> None:
    url = new_page(sandbox)
    page = requests.post(url, data={"step": "cv_connect", "beneficiary": HOSTILE, "amount": HOSTILE}, timeout=30)
    assert page.status_code == 422
    assert "<img" not in page.text
    assert "&lt;img" in page.text
