"""The hosted pages over plain HTTP, like a browser without JavaScript: payment links, hosted sessions, the bank."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from tests.support.adyen_pages import (
    BANK,
    BIMPLI,
    GIVEX,
    POOR_VOUCHER,
    RICH_VOUCHER,
    SECURE_VISA,
    SODEXO,
    UP,
    VISA,
    body_of,
    link_status,
    merchant_call,
    new_link,
    new_session,
)
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox

HOSTILE = """<img src=x onerror="hit=1">'"&{{7*7}}"""
DECLINED = {**VISA, "holder": "DECLINED"}


def opened(url: str) -> Browser:
    """A browser at the page."""
    return Browser().open(url)


def outcome(browser: Browser) -> str:
    """How the page says that it ended."""
    return browser.page.marked["outcome"]["data-outcome"]


def check(browser: Browser, method: str, means: dict[str, str]) -> Browser:
    """Choose a voucher or gift card and check its balance."""
    return browser.submit("choose", method=method).submit("balance", **means)


def redeem(browser: Browser, method: str, means: dict[str, str]) -> Browser:
    """Check the balance and confirm."""
    return check(browser, method, means).submit("redeem")


def by_card(browser: Browser, card: dict[str, str] = VISA) -> Browser:
    """Choose the card and pay all that is left."""
    return browser.submit("choose", method="scheme").submit("card", **card)


def events(sandbox: ControlledSandbox) -> list[tuple[str, str]]:
    """Webhooks so far: type and success."""
    items = [each["body"]["notificationItems"][0]["NotificationRequestItem"] for each in sandbox.webhooks()]
    return [(item["eventCode"], item["success"]) for item in items]


# -- vouchers, and a card for the rest ---------------------------------------------------------------------------------


def test_a_voucher_and_a_card_pay_a_link(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox, description="Menu du midi")
    browser = opened(link["url"])
    assert browser.text("order-amount") == "€43.50"
    assert browser.text("description") == "Menu du midi"
    assert not browser.shows("leg")
    assert not browser.shows("remaining-amount")

    check(browser, SODEXO, RICH_VOUCHER)
    assert [browser.text(f"{each}-amount") for each in ("balance", "limit", "asked", "take", "rest")] == [
        "€61.20", "€25.00", "€43.50", "€25.00", "€18.50",
    ]  # fmt: skip
    assert browser.text("voucher").endswith("6120")
    assert events(sandbox) == [], "a balance check takes nothing"

    browser.submit("redeem")
    assert legs(browser) == [("6120", "€25.00")]
    assert browser.text("remaining-amount") == "€18.50"
    assert link_status(sandbox, link["id"]) == "active"

    browser.submit("choose", method="scheme")
    assert browser.text("pay-card") == "Pay €18.50"
    browser.submit("card", **VISA)
    assert outcome(browser) == "paid"
    assert not browser.shows("remaining-amount")
    assert link_status(sandbox, link["id"]) == "completed"
    assert events(sandbox) == [
        ("ORDER_OPENED", "true"), ("AUTHORISATION", "true"), ("AUTHORISATION", "true"), ("ORDER_CLOSED", "true"),
    ]  # fmt: skip
    browser.follow("return")
    assert browser.left.startswith("https://shop.example/back?cart=77&"), "the merchant's own query is kept"
    assert browser.returned() == {"cart": "77", "resultCode": "authorised"}


def test_a_voucher_that_covers_everything_needs_no_order(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox, 1250)
    browser = check(opened(link["url"]), SODEXO, RICH_VOUCHER)
    assert (browser.text("take-amount"), browser.text("rest-amount")) == ("€12.50", "€0.00")
    assert outcome(browser.submit("redeem")) == "paid"
    assert [code for code, _ in events(sandbox)] == ["AUTHORISATION"]


def test_two_vouchers_a_gift_card_and_a_card(sandbox: ControlledSandbox) -> None:
    browser = opened(new_link(sandbox, 10000)["url"])
    redeem(browser, SODEXO, RICH_VOUCHER)
    redeem(browser, BIMPLI, POOR_VOUCHER)
    assert browser.text("remaining-amount") == "€56.00"
    check(browser, "givex", GIVEX)
    assert "expiry" not in browser.page.marked
    assert not browser.shows("limit-amount")
    assert (browser.text("balance-amount"), browser.text("take-amount")) == ("€50.00", "€50.00")
    browser.submit("redeem")
    by_card(browser)
    assert outcome(browser) == "paid"
    assert legs(browser) == [("6120", "€25.00"), ("1900", "€19.00"), ("0000", "€50.00"), ("1111", "€6.00")]


def legs(browser: Browser) -> list[tuple[str, str]]:
    """Last digits and amounts of all shares on a page."""
    html = browser.session.get(browser.url, timeout=30).text
    rows = re.findall(r'data-testid="leg"><dt>(.*?)</dt><dd>(.*?)</dd>', html, re.DOTALL)
    return [(re.sub(r"<[^>]*>|\s", "", row)[-4:], amount) for row, amount in rows]


def test_the_day_of_a_voucher_is_used_up_and_begins_again(sandbox: ControlledSandbox) -> None:
    redeem(opened(new_link(sandbox)["url"]), SODEXO, RICH_VOUCHER)
    browser = check(opened(new_link(sandbox)["url"]), SODEXO, RICH_VOUCHER)
    assert browser.status == 422
    assert "limit" in browser.text("error")
    sandbox.advance("P1D")
    assert check(opened(new_link(sandbox)["url"]), SODEXO, RICH_VOUCHER).text("limit-amount") == "€25.00"


@pytest.mark.parametrize(
    ("method", "means", "told"),
    [
        (SODEXO, {**RICH_VOUCHER, "cvc": "999"}, "not recognised"),
        (SODEXO, {**RICH_VOUCHER, "cvc": "134"}, "not recognised"),
        (SODEXO, {**RICH_VOUCHER, "number": "1234567890123"}, "not recognised"),
        (SODEXO, {**RICH_VOUCHER, "number": "5075990000000000"}, "no money left"),
        ("givex", {**GIVEX, "cvc": "134"}, "not recognised"),
    ],
)
def test_a_balance_that_cannot_be_used_is_explained(
    sandbox: ControlledSandbox, method: str, means: dict[str, str], told: str
) -> None:
    browser = check(opened(new_link(sandbox)["url"]), method, means)
    assert browser.status == 422
    assert told in browser.text("error")
    assert browser.form("balance").fields["number"] == ""
    assert not browser.shows("redeem")
    assert events(sandbox) == []


def test_a_gift_card_needs_its_pin(sandbox: ControlledSandbox) -> None:
    browser = check(opened(new_link(sandbox)["url"]), "givex", {**GIVEX, "cvc": ""})
    assert (browser.status, browser.text("error-cvc")) == (422, "Enter the PIN of the card.")
    assert browser.submit("balance", **GIVEX).text("balance-amount") == "€50.00"


def test_the_balance_changes_between_check_and_confirmation(sandbox: ControlledSandbox) -> None:
    first = check(opened(new_link(sandbox)["url"]), BIMPLI, POOR_VOUCHER)
    other = check(opened(new_link(sandbox, 1000)["url"]), BIMPLI, POOR_VOUCHER)
    assert outcome(other.submit("redeem")) == "paid"
    first.submit("redeem")
    assert first.status == 422
    assert "balance has changed" in first.text("error")
    assert (first.text("balance-amount"), first.text("take-amount")) == ("€9.00", "€9.00")
    assert first.submit("redeem").text("remaining-amount") == "€34.50"


def test_the_voucher_is_empty_when_it_is_confirmed(sandbox: ControlledSandbox) -> None:
    first = check(opened(new_link(sandbox)["url"]), BIMPLI, POOR_VOUCHER)
    redeem(opened(new_link(sandbox)["url"]), BIMPLI, POOR_VOUCHER)
    first.submit("redeem")
    assert first.status == 422
    assert "no money left" in first.text("error")
    assert not first.shows("redeem")


def test_a_voucher_that_its_issuer_refuses_takes_nothing(sandbox: ControlledSandbox) -> None:
    browser = redeem(opened(new_link(sandbox)["url"]), SODEXO, {**RICH_VOUCHER, "number": "5075990000000005"})
    assert browser.status == 422
    assert "refused" in browser.text("error")
    assert browser.shows("check"), "the same form again"
    browser.follow("back")
    assert not browser.shows("leg")
    assert outcome(by_card(browser)) == "paid"
    assert legs(browser) == [("1111", "€43.50")]


# -- giving back, leaving ----------------------------------------------------------------------------------------------


def test_removing_the_vouchers_gives_them_back(sandbox: ControlledSandbox) -> None:
    browser = opened(new_link(sandbox)["url"])
    redeem(browser, BIMPLI, POOR_VOUCHER)
    assert browser.shows("remove")
    browser.submit("remove")
    assert not browser.shows("leg")
    assert not browser.shows("remaining-amount")
    assert events(sandbox)[-1] == ("ORDER_CLOSED", "false")
    assert check(browser, BIMPLI, POOR_VOUCHER).text("balance-amount") == "€19.00"


def test_removing_nothing_changes_nothing(sandbox: ControlledSandbox) -> None:
    browser = opened(new_link(sandbox)["url"])
    response = requests.post(browser.url, data={"step": "remove"}, allow_redirects=False, timeout=30)
    assert response.status_code == 303
    assert events(sandbox) == []


def test_who_leaves_a_link_is_back_in_the_shop_and_may_come_again(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox)
    browser = opened(link["url"])
    redeem(browser, BIMPLI, POOR_VOUCHER)
    assert browser.shows("cancel-returns")
    browser.submit("cancel")
    assert browser.returned() == {"cart": "77"}, "nothing is authorised"
    assert events(sandbox)[-1] == ("ORDER_CLOSED", "false")
    assert link_status(sandbox, link["id"]) == "active"
    again = opened(link["url"])
    assert not again.shows("leg")
    assert outcome(by_card(again)) == "paid"


def test_a_link_without_a_return_address_cannot_be_left(sandbox: ControlledSandbox) -> None:
    browser = opened(new_link(sandbox, returnUrl=None)["url"])
    assert not browser.shows("cancel")
    assert outcome(by_card(browser)) == "paid"
    assert not browser.shows("return")


# -- cards -------------------------------------------------------------------------------------------------------------


def test_a_refused_card_may_be_tried_again(sandbox: ControlledSandbox) -> None:
    browser = by_card(opened(new_link(sandbox)["url"]), DECLINED)
    assert browser.status == 422
    assert browser.shows("error")
    fields = browser.form("card").fields
    assert (fields["number"], fields["cvc"], fields["holder"], fields["expiry"]) == ("", "", "DECLINED", "03/30")
    assert outcome(browser.submit("card", **VISA)) == "paid"
    assert events(sandbox) == [("AUTHORISATION", "false"), ("AUTHORISATION", "true")]


def test_everything_that_is_wrong_with_a_card_is_told_at_once(sandbox: ControlledSandbox) -> None:
    browser = by_card(
        opened(new_link(sandbox)["url"]), {"number": "12 34", "holder": " ", "expiry": "13/30", "cvc": "12345"}
    )
    assert browser.status == 422
    assert all(browser.shows(f"error-{each}") for each in ("number", "holder", "expiry", "cvc"))
    assert browser.page.marked["number"]["aria-invalid"] == "true"
    assert events(sandbox) == []


def test_everything_that_is_wrong_with_a_voucher_is_told_at_once(sandbox: ControlledSandbox) -> None:
    empty = {"number": "", "expiry": "", "cvc": ""}
    browser = check(opened(new_link(sandbox)["url"]), SODEXO, empty)
    assert browser.status == 422
    assert all(browser.shows(f"error-{each}") for each in ("number", "expiry", "cvc"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": "4111111111111112"}, "number"),
        ({"number": "3530111333300000"}, "number"),
        ({"number": "٤١١١١١١١١١١١١١١١"}, "number"),
        ({"expiry": "01/20"}, "expiry"),
        ({"expiry": "12/2300"}, "expiry"),
        ({"expiry": "00/30"}, "expiry"),
        ({"expiry": "3"}, "expiry"),
        ({"expiry": "٠٣/٣٠"}, "expiry"),
        ({"expiry": f"{'9' * 5000}/30"}, "expiry"),
        ({"expiry": f"03/{'9' * 5000}"}, "expiry"),
        ({"cvc": "7373"}, "cvc"),
        ({"cvc": "12a"}, "cvc"),
        ({"number": "370000000000002", "cvc": "737"}, "cvc"),
    ],
)
def test_a_mistake_is_told_beside_its_field(sandbox: ControlledSandbox, changes: dict[str, str], field: str) -> None:
    browser = by_card(opened(new_link(sandbox)["url"]), {**VISA, **changes})
    assert browser.status == 422
    assert browser.shows(f"error-{field}")
    assert "{" not in browser.text(f"error-{field}")
    assert outcome(browser.submit("card", **VISA)) == "paid"


def test_choosing_nothing_or_what_is_not_on_offer(sandbox: ControlledSandbox) -> None:
    browser = opened(new_link(sandbox)["url"]).submit("choose")
    assert (browser.status, browser.text("error-method")) == (422, "Choose a payment method.")
    browser.submit("choose", method="paypal")
    assert browser.status == 422
    assert browser.shows("error-method")


def test_the_merchant_decides_what_is_on_offer(sandbox: ControlledSandbox) -> None:
    url = new_link(sandbox, allowedPaymentMethods=["mealVoucher_FR", "givex"], blockedPaymentMethods=[UP])["url"]
    shown = [each for each in opened(url).page.marked if each.startswith("method-")]
    assert set(shown) == {f"method-{SODEXO}", f"method-{BIMPLI}", "method-givex"}
    only = opened(new_link(sandbox, allowedPaymentMethods=["scheme"])["url"])
    assert only.shows("pay-card")
    assert not only.shows("back")
    other = opened(new_link(sandbox, amount={"currency": "GBP", "value": 4350}, countryCode="GB")["url"])
    assert not other.shows(f"method-{SODEXO}")
    assert other.text("order-amount") == "£43.50"


def test_test_data_are_those_that_work_here(new_sandbox: Callable[..., ControlledSandbox]) -> None:
    vouchers = [
        {"number": "5075990000006120", "brand": SODEXO, "balance": "61.20 EUR"},
        {"number": "5075990000001900", "brand": BIMPLI, "balance": "19.00 EUR"},
    ]
    cards = [{"number": "4111111111111111"}, {"number": "5555444433331111", "brand": "mc"}]
    scenario = {
        "mockpsp": 1,
        "settings": {"adyen": {"card_brands": ["visa"]}},
        "world": {"adyen": {"meal_vouchers": vouchers, "cards": cards}},
    }
    sandbox = new_sandbox(scenario=scenario)
    browser = opened(new_link(sandbox)["url"]).submit("choose", method="scheme")
    assert browser.shows("brand-visa")
    assert not browser.shows("brand-mc")
    assert "4111111111111111" in browser.text("test-data")
    assert "5555444433331111" not in browser.text("test-data")
    browser = opened(new_link(sandbox)["url"]).submit("choose", method=BIMPLI)
    assert "5075990000001900" in browser.text("test-data")
    assert "5075990000006120" not in browser.text("test-data")


# -- the bank ----------------------------------------------------------------------------------------------------------


def at_bank(sandbox: ControlledSandbox, **changes: Any) -> tuple[dict[str, Any], Browser]:
    """A browser that was sent to the bank for the rest beside a voucher."""
    link = new_link(sandbox, **changes)
    browser = opened(link["url"])
    redeem(browser, BIMPLI, POOR_VOUCHER)
    return link, by_card(browser, SECURE_VISA)


def test_the_bank_is_content(sandbox: ControlledSandbox) -> None:
    link, browser = at_bank(sandbox)
    assert urlsplit(browser.url).path == "/checkoutshopper/threeDS/redirect"
    assert browser.text("order-amount") == "€24.50"
    assert browser.text("card").endswith("1237")
    assert "user / password" in browser.text("test-data")
    browser.submit("authenticate", **BANK)
    assert outcome(browser) == "paid"
    assert legs(browser) == [("1900", "€19.00"), ("1237", "€24.50")]
    assert link_status(sandbox, link["id"]) == "completed"
    assert events(sandbox)[-1] == ("ORDER_CLOSED", "true")


def test_a_wrong_password_refuses_the_card_and_keeps_the_voucher(sandbox: ControlledSandbox) -> None:
    _, browser = at_bank(sandbox)
    browser.submit("authenticate", **{**BANK, "password": "Password"})
    assert "bank did not confirm" in browser.text("error")
    assert browser.text("remaining-amount") == "€24.50"
    assert events(sandbox)[-1] == ("AUTHORISATION", "false")
    browser.submit("card", **SECURE_VISA).submit("authenticate", **BANK)
    assert outcome(browser) == "paid"


def test_leaving_the_bank_refuses_the_card_and_keeps_the_voucher(sandbox: ControlledSandbox) -> None:
    _, browser = at_bank(sandbox)
    browser.submit("cancel")
    assert "bank did not confirm" in browser.text("error")
    assert browser.shows("pay-card")
    assert browser.text("remaining-amount") == "€24.50"
    assert outcome(browser.submit("card", **VISA)) == "paid"


def test_the_bank_asks_again_for_what_was_left_empty(sandbox: ControlledSandbox) -> None:
    _, browser = at_bank(sandbox)
    browser.submit("authenticate", user="somebody")
    assert browser.status == 422
    assert browser.shows("error-password")
    assert not browser.shows("error-user")
    assert browser.form("authenticate").fields["user"] == "somebody"
    assert outcome(browser.submit("authenticate", **BANK)) == "paid"


def test_a_security_code_of_another_length_is_asked_for_without_a_length(sandbox: ControlledSandbox) -> None:
    browser = by_card(opened(new_link(sandbox)["url"]), {**VISA, "number": "370000000000002"})
    assert browser.text("error-cvc") == "Enter the security code.", "an American Express has four digits"


def test_test_data_say_that_a_voucher_is_refused(sandbox: ControlledSandbox) -> None:
    browser = opened(new_link(sandbox)["url"]).submit("choose", method=SODEXO)
    assert "refused: block_card" in browser.text("test-data")


def test_who_closed_the_banks_window_opens_the_link_again(sandbox: ControlledSandbox) -> None:
    link, _ = at_bank(sandbox)
    browser = opened(link["url"])
    assert urlsplit(browser.url).path == "/checkoutshopper/threeDS/redirect", "on to the bank, which still waits"
    assert outcome(browser.submit("authenticate", **BANK)) == "paid"


def test_who_was_lost_on_the_way_back_from_the_bank_opens_the_link_again(sandbox: ControlledSandbox) -> None:
    link, browser = at_bank(sandbox)
    requests.post(browser.url, data={"step": "authenticate", **BANK}, allow_redirects=False, timeout=30)
    assert link_status(sandbox, link["id"]) == "active"
    assert outcome(opened(link["url"])) == "paid"


def test_nobody_comes_back_from_the_bank(sandbox: ControlledSandbox) -> None:
    _, browser = at_bank(sandbox)
    sandbox.advance("PT2H")
    again = opened(browser.url)
    assert again.page.marked["closed"]["data-reason"] == "expired"
    again.follow("return")
    assert again.text("remaining-amount") == "€24.50"
    assert outcome(by_card(again)) == "paid"


def test_a_paid_payment_is_not_authenticated_again(sandbox: ControlledSandbox) -> None:
    _, browser = at_bank(sandbox, shopperLocale="fr-FR")
    bank = browser.url
    browser.submit("authenticate", **BANK)
    closed = opened(bank)
    assert (closed.status, closed.page.marked["closed"]["data-reason"]) == (410, "paid")
    assert closed.text("closed") == "Ce paiement a déjà été effectué"
    assert outcome(closed.follow("return")) == "paid"
    late = requests.post(bank, data={"step": "authenticate", **BANK}, allow_redirects=False, timeout=30)
    assert late.status_code == 410


def test_an_old_address_of_a_refusal_shows_how_it_ended(sandbox: ControlledSandbox) -> None:
    _, browser = at_bank(sandbox)
    browser.submit("cancel")
    refused = browser.url
    assert outcome(browser.submit("card", **VISA)) == "paid"
    again = opened(refused)
    assert (again.status, outcome(again)) == (200, "paid")
    assert not again.shows("error")


@pytest.mark.parametrize("text", ["", "x", "X6XtfGC3!Y", "X6XtfGC3!YAAAA", "0" * 6000, "%00", "é"])
def test_a_strange_redirect_result_changes_nothing(sandbox: ControlledSandbox, text: str) -> None:
    link = new_link(sandbox)
    browser = opened(f"{link['url']}?redirectResult={text}")
    assert (browser.status, browser.shows("continue")) == (200, True)


# -- how a link ends ---------------------------------------------------------------------------------------------------


def test_a_completed_link_shows_how_it_ended(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox)
    by_card(opened(link["url"]))
    browser = opened(f"{link['url']}?method=scheme")
    assert (outcome(browser), browser.text("order-amount")) == ("paid", "€43.50")
    late = requests.post(link["url"], data={"step": "card", **VISA}, allow_redirects=False, timeout=30)
    assert late.status_code == 303
    assert len(events(sandbox)) == 1


def test_an_expired_link_gives_back_what_was_paid(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox)
    redeem(opened(link["url"]), BIMPLI, POOR_VOUCHER)
    sandbox.advance("P2D")
    browser = opened(link["url"])
    assert outcome(browser) == "expired"
    assert browser.shows("returned")
    assert legs(browser) == [("1900", "€19.00")]
    assert browser.follow("return").returned() == {"cart": "77"}, "nothing is authorised"


def test_a_link_that_the_merchant_ended_takes_nothing(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox)
    waiting = check(opened(link["url"]), BIMPLI, POOR_VOUCHER)
    merchant_call(sandbox, "PATCH", f"/paymentLinks/{link['id']}", 200, {"status": "expired"})
    assert outcome(waiting.submit("redeem")) == "expired"
    assert not waiting.shows("returned")
    assert events(sandbox) == []


def test_a_reusable_link_is_paid_twice(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox, reusable=True)
    first = opened(link["url"])
    redeem(first, BIMPLI, POOR_VOUCHER)
    assert outcome(by_card(first)) == "paid"
    assert legs(first) == [("1900", "€19.00"), ("1111", "€24.50")]
    assert first.follow("return").returned() == {"cart": "77", "resultCode": "authorised"}
    second = opened(link["url"])
    assert second.shows("continue")
    assert not second.shows("leg")
    assert outcome(by_card(second)) == "paid"
    assert legs(second) == [("1111", "€43.50")]
    assert link_status(sandbox, link["id"]) == "active"
    assert [code for code, _ in events(sandbox)].count("AUTHORISATION") == 3
    third = opened(link["url"]).submit("cancel")
    assert third.returned() == {"cart": "77"}, "what others paid is not this shopper's"


@pytest.mark.parametrize("change", ["0" * 16, "PL" + "0" * 16, "x"])
def test_a_link_that_nobody_gave_out_is_closed(sandbox: ControlledSandbox, change: str) -> None:
    link = new_link(sandbox)
    browser = opened(link["url"][: -len(link["id"])] + "PL" + "0" * 16)
    assert (browser.status, browser.page.marked["closed"]["data-reason"]) == (404, "unknown")
    assert opened(link["url"][: -len(change)] + change).status == 404


def test_the_page_says_until_when_it_is_open(sandbox: ControlledSandbox) -> None:
    sandbox.call("POST", "/clock", {"set": "2027-03-01T11:00:00Z"})
    hour = opened(new_session(sandbox)["url"])
    assert "until 13:00." in hour.session.get(hour.url, timeout=30).text
    day = opened(new_link(sandbox)["url"])
    assert "until 02/03/2027 12:00." in day.session.get(day.url, timeout=30).text


# -- hosted sessions ---------------------------------------------------------------------------------------------------


def session_of(sandbox: ControlledSandbox, session: dict[str, Any], browser: Browser) -> Any:
    """What the merchant reads with what the browser brought back."""
    back = browser.returned()
    assert (back["cart"], back["sessionId"]) == ("77", session["id"])
    path = f"/sessions/{session['id']}?sessionResult={quote(back['sessionResult'], safe='')}"
    return merchant_call(sandbox, "GET", path, 200)


def test_a_hosted_session_is_paid(sandbox: ControlledSandbox) -> None:
    session = new_session(sandbox)
    browser = opened(session["url"])
    redeem(browser, SODEXO, RICH_VOUCHER)
    by_card(browser, SECURE_VISA).submit("authenticate", **BANK)
    assert outcome(browser) == "paid"
    browser.follow("return")
    told = session_of(sandbox, session, browser)
    assert (told["status"], told["reference"]) == ("completed", "RESTO-1001")
    assert [(each["amount"]["value"], each["resultCode"]) for each in told["payments"]] == [
        (2500, "Authorised"), (1850, "Authorised"),
    ]  # fmt: skip


def test_a_hosted_session_is_left(sandbox: ControlledSandbox) -> None:
    session = new_session(sandbox)
    browser = opened(session["url"])
    redeem(browser, BIMPLI, POOR_VOUCHER)
    browser.submit("cancel")
    assert session_of(sandbox, session, browser)["status"] == "canceled"
    again = opened(session["url"])
    assert (outcome(again), again.shows("returned")) == ("cancelled", True)
    assert legs(again) == [("1900", "€19.00")]


def test_a_hosted_session_expires(sandbox: ControlledSandbox) -> None:
    session = new_session(sandbox)
    sandbox.advance("PT2H")
    browser = opened(session["url"])
    assert outcome(browser) == "expired"
    assert session_of(sandbox, session, browser.follow("return"))["status"] == "expired"


def test_progress_changes_with_every_step(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox)
    words = []

    def look() -> None:
        answer = requests.get(f"{link['url']}/progress", timeout=30)
        assert answer.headers["Cache-Control"] == "no-store"
        words.append(answer.json()["status"])

    look()
    browser = redeem(opened(link["url"]), BIMPLI, POOR_VOUCHER)
    look()
    by_card(browser, SECURE_VISA)
    look()
    browser.submit("cancel")
    look()
    browser.submit("card", **VISA)
    look()
    assert len(set(words)) == 5, words


# -- languages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "browser", "amount", "continues"),
    [
        ("fr-FR", "en-GB", "43,50\u00a0€", "Continuer"),
        ("fr_FR", "en-GB", "43,50\u00a0€", "Continuer"),
        ("en-US", "fr-FR", "€43.50", "Continue"),
        ("nl-NL", "fr-FR", "€43.50", "Continue"),
        (None, "fr-FR,fr;q=0.9", "43,50\u00a0€", "Continuer"),
        (None, "de-DE", "€43.50", "Continue"),
    ],
)
def test_the_page_speaks_the_shoppers_language(
    sandbox: ControlledSandbox, locale: str | None, browser: str, amount: str, continues: str
) -> None:
    here = Browser()
    here.session.headers["Accept-Language"] = browser
    here.open(new_link(sandbox, shopperLocale=locale)["url"])
    assert here.text("order-amount").replace("\u202f", "\u00a0").replace(" ", "\u00a0") == amount
    assert here.text("continue") == continues
    here = by_card(here, SECURE_VISA)
    assert here.text("submit") == ("Valider" if continues == "Continuer" else "Confirm")


# -- secrets and strangers ---------------------------------------------------------------------------------------------


def test_numbers_and_codes_are_nowhere_to_be_found(
    sandbox: ControlledSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    voucher = {"number": "5075990000004242", "expiry": "03/30", "cvc": "737"}  # of the series: no test data name it
    card = {**VISA, "number": "4917 4845 8989 7107", "cvc": "738"}
    browser = opened(new_link(sandbox)["url"])
    shown = []
    for step in (
        lambda: check(browser, SODEXO, voucher),
        lambda: browser.submit("redeem"),
        lambda: by_card(browser, {**card, "expiry": ""}),
        lambda: browser.submit("card", **card),
    ):
        step()
        shown.append(f"{browser.url} {browser.page.forms} {browser.page.marked} {browser.page.texts}")
    assert outcome(browser) == "paid"
    journal = sandbox.journal(limit=1000)
    assert [each["body"]["cvc"] for each in journal if "cvc" in (each.get("body") or {})] == ["***"] * 3
    told = "\n".join((*shown, str(journal), caplog.text, str(sandbox.webhooks())))
    for secret in ("5075990000004242", "4917484589897107", "4917 4845 8989 7107", "4917+4845", "'738'", "=738"):
        assert secret not in told


def test_a_mistake_does_not_write_the_number_back(sandbox: ControlledSandbox) -> None:
    browser = by_card(opened(new_link(sandbox)["url"]), {**VISA, "cvc": ""})
    assert browser.status == 422
    assert browser.form("card").fields["number"] == ""


def test_what_strangers_wrote_is_shown_as_text(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox, reference=HOSTILE, description=HOSTILE)
    browser = opened(link["url"])
    assert (browser.text("reference"), browser.text("description")) == (HOSTILE, HOSTILE)
    by_card(browser, {"number": HOSTILE, "holder": HOSTILE, "expiry": HOSTILE[:7], "cvc": HOSTILE})
    assert browser.status == 422
    assert browser.form("card").fields["holder"] == HOSTILE
    assert (
        "<img"
        not in browser.session.post(
            browser.url, data={"step": "card", "holder": HOSTILE, "expiry": HOSTILE, "method": HOSTILE}, timeout=30
        ).text
    )


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"step=",
        b"step=nothing",
        b"step=redeem",
        b"step=redeem&check=zz",
        b"step=redeem&check=" + b"00" * 40,
        b"step=redeem&check=%C3%A9",
        b"step=balance&number=%00&cvc=%00&expiry=%00",
        b"step=balance&number=" + b"5" * 100_000,
        b"step=card&number=4111111111111111%00&holder=%0D%0Ax&expiry=03/30%00&cvc=737%00",
        b"step=choose&method=..%2F..%2Fx%0D%0ALocation:x",
        b"step=authenticate&user=user&password=password",
        b"\xff\xfe\x00step=card",
        b"&".join(b"a%d=1" % each for each in range(200)),
    ],
)
@pytest.mark.parametrize("method", ["", f"?method={SODEXO}", "?method=scheme", "?method=%0D%0A"])
def test_a_strange_form_takes_nothing(sandbox: ControlledSandbox, form: bytes, method: str) -> None:
    url = new_link(sandbox)["url"]
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{url}{method}", data=form, headers=kind, allow_redirects=False, timeout=30)
    assert answer.status_code in (200, 303, 400, 413, 422), answer.text
    if answer.status_code == 303:
        assert answer.headers["Location"].startswith(urlsplit(url).path)
    assert events(sandbox) == []


def test_the_confirmation_of_another_link_is_worth_nothing(sandbox: ControlledSandbox) -> None:
    here, there = new_link(sandbox), new_link(sandbox)
    mine = check(opened(here["url"]), BIMPLI, POOR_VOUCHER)
    form = mine.form("redeem").fields
    other = f"{there['url']}?method={BIMPLI}"
    assert requests.post(other, data=form, allow_redirects=False, timeout=30).status_code == 303
    assert events(sandbox) == []
    assert not opened(there["url"]).shows("leg")


def test_a_confirmation_is_good_for_one_payment(sandbox: ControlledSandbox) -> None:
    browser = check(opened(new_link(sandbox)["url"]), BIMPLI, POOR_VOUCHER)
    form, target = browser.form("redeem").fields, browser.url
    browser.submit("redeem")
    again = requests.post(target, data=form, allow_redirects=True, timeout=30)
    assert "no money left" in again.text
    assert opened(browser.url.partition("?")[0]).text("remaining-amount") == "€24.50"


# -- frames and headers ------------------------------------------------------------------------------------------------


def native(sandbox: ControlledSandbox) -> dict[str, Any]:
    """A payment of the merchant's own page that asks for native 3-D Secure: its answer."""
    body = {
        **body_of(sandbox, 1850),
        "paymentMethod": {
            "type": "scheme", "number": "4917610000000000", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737",
        },
        "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "preferred"}},
        "channel": "Web",
        "origin": "https://shop.example",
    }  # fmt: skip
    answer: dict[str, Any] = merchant_call(sandbox, "POST", "/payments", 200, body)
    return answer


def policy(response: requests.Response) -> str:
    """Who may do what with a page."""
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    return response.headers["Content-Security-Policy"]


def mark(sandbox: ControlledSandbox) -> str:
    """What identifies the one bank's page that is waited for."""
    found = sandbox.call("GET", "/checkouts")["checkouts"]
    return str(found[0]["url"]).partition("?")[2]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"step": "authenticate", "password": "password"}, "Y"),
        ({"step": "authenticate", "password": "wrong"}, "N"),
        ({"step": "cancel"}, "U"),
    ],
)
def test_the_challenge_in_a_frame_tells_how_it_went(
    sandbox: ControlledSandbox, form: dict[str, str], told: str
) -> None:
    query = frame_mark(sandbox)
    url = f"{sandbox.url}/checkoutshopper/threeDS/challenge?{query}"
    shown = requests.post(url, data={"creq": "eyJ9"}, timeout=30)
    assert (shown.status_code, "frame-ancestors" in policy(shown)) == (200, False)
    assert 'name="password"' in shown.text
    assert 'name="user"' not in shown.text
    empty = requests.post(url, data={"step": "authenticate", "password": ""}, timeout=30)
    assert (empty.status_code, "frame-ancestors" in policy(empty)) == (422, False)
    ended = requests.post(url, data=form, timeout=30)
    assert "frame-ancestors" not in policy(ended)
    browser = Browser()
    browser.page.feed(ended.text)
    expected = f'{{"type":"challengeResult","result":{{"transStatus":"{told}"}}}}'
    assert browser.page.marked["told"]["data-message"] == expected
    script = requests.get(f"{sandbox.url}/checkoutshopper/assets/tell.js", timeout=30)
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert "/checkoutshopper/assets/tell.js" in ended.text


def frame_mark(sandbox: ControlledSandbox) -> str:
    """The bank's mark of a native payment whose browser was looked at already."""
    answer = native(sandbox)
    action = answer["action"]
    if action.get("subtype") == "fingerprint":
        details = {"threeDSResult": "eyJ0aHJlZURTQ29tcEluZCI6IlkifQ=="}
        merchant_call(
            sandbox, "POST", "/payments/details", 200, {"details": details, "paymentData": action["paymentData"]}
        )
    return mark(sandbox)


def test_the_look_at_the_browser_is_content(sandbox: ControlledSandbox) -> None:
    query = frame_mark(sandbox)
    shown = requests.post(f"{sandbox.url}/checkoutshopper/threeDS/method?{query}", data={"x": "y"}, timeout=30)
    assert (shown.status_code, "frame-ancestors" in policy(shown)) == (200, False)
    browser = Browser()
    browser.page.feed(shown.text)
    assert browser.page.marked["told"]["data-message"] == '{"type":"fingerPrintResult","result":{"threeDSCompInd":"Y"}}'


@pytest.mark.parametrize("place", ["redirect", "method", "challenge"])
@pytest.mark.parametrize("md", ["", "x", "0" * 40, "é" * 40, "\x00" * 40])
def test_a_mark_that_nobody_gave_out_leads_nowhere(sandbox: ControlledSandbox, place: str, md: str) -> None:
    for method in ("GET", "POST"):
        answer = requests.request(
            method, f"{sandbox.url}/checkoutshopper/threeDS/{place}", params={"MD": md}, data={}, timeout=30
        )
        assert answer.status_code == 404
        assert "frame-ancestors 'none'" in policy(answer)


def test_no_other_page_may_be_framed(sandbox: ControlledSandbox) -> None:
    link, bank = at_bank(sandbox)
    other = new_link(sandbox)["url"]
    for url in (other, f"{other}?method=scheme", f"{other}?method={SODEXO}", bank.url, other[:-16] + "0" * 16):
        assert "frame-ancestors 'none'" in policy(requests.get(url, timeout=30))
    bank.submit("authenticate", **BANK)
    answer = requests.get(link["url"], timeout=30)
    assert "frame-ancestors 'none'" in policy(answer)
    assert "form-action 'self' https://shop.example" in policy(answer)
