"""What a shopper does on Lyra's hosted pages, with a mouse, a keyboard and two devices, in an unmodified Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.lyra_pages import (
    ALIAS,
    CARD,
    CODE,
    MEAL_CARD,
    REFUSED_CARD,
    SECURE_CARD,
    WALLET,
    frame_of,
    lyra_call,
    new_order,
    new_token,
    page_of,
    status_of,
    with_settings,
)
from tests.support.shopfront import Shopfront
from tests.support.visits import arrived, outcome

pytestmark = pytest.mark.browser

PAYS = {"conecs": "pay-conecs", "cv_connect": "ask-app", "card": "pay-card"}
EN = {"rest": "Pay €11.00", "left": "€66.00", "submit": "Confirm"}
FR = {"rest": "Payer 11,00 €", "left": "66,00 €", "submit": "Valider"}


def order(sandbox: ControlledSandbox, shop: Shopfront, **changes: Any) -> str:
    """An order that returns to the shop."""
    return new_order(sandbox, **{"url_return": f"{shop.url}/back?cart=77", **changes})


def choose(tab: Tab, method: str) -> Tab:
    """Choose a means of payment and wait for its form."""
    tab.shows("continue").click(f"method-{method}")
    tab.click("continue")
    return tab.shows(PAYS.get(method, "pay-stored"))


def put(tab: Tab, fields: dict[str, str], button: str) -> Tab:
    """Type into a form and send it."""
    for name, text in fields.items():
        tab.fill(name, text)
    tab.click(button)
    return tab


def paid(tab: Tab, shares: int) -> Tab:
    """Wait until so many shares are paid."""
    return tab.until(f"document.querySelectorAll('[data-testid=leg]').length === {shares}")


def only_hosts(tab: Tab, *urls: str) -> None:
    """Nothing was loaded from anywhere else."""
    tab.told()
    hosts = {urlsplit(url).netloc for url in tab.requested if not url.startswith(("about:", "data:"))}
    assert hosts, "requests are seen at all"
    assert hosts <= {urlsplit(url).netloc for url in urls}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize(("language", "width", "words"), [("en", 1280, EN), ("fr", 360, FR)])
def test_three_means_pay_an_order(
    person: Person,
    sandbox: ControlledSandbox,
    shop: Shopfront,
    language: str,
    width: int,
    words: dict[str, str],
    scripts: bool,
) -> None:
    tab = person.tab(scripts=scripts, width=width, height=740)
    made = order(sandbox, shop, language=language, return_mode="GET")
    assert tab.open(page_of(sandbox, made)).shows("continue").fits()
    assert tab.evaluate("document.documentElement.lang") == language
    assert choose(tab, "conecs").fits()
    assert put(tab, {**MEAL_CARD, "cvv": ""}, "pay-conecs").shows("error-cvv").fits()
    assert paid(put(tab, MEAL_CARD, "pay-conecs"), 1).shows("continue").fits()
    assert tab.text("remaining-amount") == words["left"]
    assert choose(tab, "cv_connect").fits()
    assert put(tab, WALLET, "ask-app").shows("qr-code").fits()
    tab.click("open-phone")
    assert tab.shows("confirm").fits()
    tab.click("confirm")
    assert tab.shows("connected").fits()
    tab.click("go-on")
    assert paid(tab, 2).shows("pay-card").fits()
    assert tab.text("pay-card") == words["rest"]
    assert put(tab, SECURE_CARD, "pay-card").shows("submit").fits()
    assert tab.text("submit") == words["submit"]
    put(tab, CODE, "submit")
    tab.until(arrived(shop)).shows("thanks")
    (back,) = shop.came_back("/back")
    assert (back["cart"], back["vads_result"], back["vads_card_brand"]) == ("77", "00", "MULTI")
    assert status_of(sandbox, made) == "PENDING"
    only_hosts(tab, sandbox.url, shop.url)


def test_one_click_fills_in_test_data(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = choose(person.tab().open(page_of(sandbox, order(sandbox, shop))), "conecs")
    tab.click_on(_fill_button("5017670000006120"))
    assert (tab.value("number"), tab.value("expiry"), tab.value("cvv")) == ("5017670000006120", "12/30", "123")
    tab.click("pay-conecs")
    choose(paid(tab, 1), "cv_connect").click_on(_fill_button("77777777777"))
    tab.click("ask-app")
    tab.shows("open-phone").click("open-phone")
    tab.shows("confirm").click("confirm")
    tab.shows("go-on").click("go-on")
    paid(tab, 2).shows("pay-card").click_on(_fill_button("4970100000000009"))
    tab.click("pay-card")
    tab.shows("submit").click_on(_fill_button("123456"))
    tab.click("submit")
    tab.until(arrived(shop))


def _fill_button(value: str) -> str:
    return f"[...document.querySelectorAll('[data-testid=fill]')].find(each => each.dataset.fill.includes('{value}'))"


def test_three_means_with_the_keyboard_only(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    made = order(sandbox, shop)
    tab = person.tab().open(page_of(sandbox, made)).shows("continue")
    tab.tab_to("method-conecs")
    tab.press("Space")
    tab.tab_to("continue")
    tab.press("Enter")
    type_in(tab.shows("pay-conecs"), MEAL_CARD)
    tab.press("Enter")
    paid(tab, 1).shows("continue").tab_to("method-cv_connect")
    tab.press("Space")
    tab.press("ArrowDown")
    tab.tab_to("continue")
    tab.press("Enter")
    type_in(tab.shows("pay-card"), SECURE_CARD)
    tab.press("Enter")
    type_in(tab.shows("submit"), CODE)
    tab.tab_to("submit")
    tab.press("Space")
    tab.until(arrived(shop))
    assert status_of(sandbox, made) == "PENDING"


def test_holiday_vouchers_with_the_keyboard_only(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    made = order(sandbox, shop)
    tab = person.tab(width=360, height=740).open(page_of(sandbox, made)).shows("continue")
    tab.tab_to("method-conecs")
    tab.press("ArrowDown")
    assert tab.focused == "method-cv_connect"
    tab.tab_to("continue")
    tab.press("Enter")
    type_in(tab.shows("ask-app"), WALLET)
    tab.press("Enter")
    for place in ("open-phone", "confirm", "go-on"):
        tab.shows(place).tab_to(place)
        tab.press("Enter")
    paid(tab, 1)
    assert tab.text("remaining-amount") == "€25.00"


def type_in(tab: Tab, fields: dict[str, str]) -> None:
    """Type into the fields in the order of the page."""
    for name, text in fields.items():
        tab.tab_to(name)
        tab.write(text)


def test_a_refused_card_may_be_tried_again(
    person: Person, new_sandbox: Callable[..., ControlledSandbox], shop: Shopfront
) -> None:
    sandbox = with_settings(new_sandbox, extra_attempts=1)
    tab = person.tab(width=360, height=740)
    choose(tab.open(page_of(sandbox, order(sandbox, shop))), "card")
    put(tab, REFUSED_CARD, "pay-card").shows("error", "attempts-left")
    tab.until("document.activeElement.dataset.testid === 'error'")
    assert tab.fits()
    assert tab.value("number") == tab.value("cvv") == ""
    put(tab, CARD, "pay-card").until(arrived(shop))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_by_post_the_page_sends_itself_or_waits_for_a_click(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront, scripts: bool
) -> None:
    tab = person.tab(scripts=scripts)
    tab.open(page_of(sandbox, order(sandbox, shop, return_mode="POST", alias=ALIAS)))
    choose(tab, "stored").click("pay-stored")
    if not scripts:
        tab.shows("returning").click("return")
    tab.until(arrived(shop)).shows("thanks")
    ((path, fields),) = shop.posts
    assert (path, fields["vads_result"], fields["vads_trans_status"]) == ("/back", "00", "AUTHORISED")
    assert fields["signature"]


def test_who_leaves_is_back_in_the_shop(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    made = order(sandbox, shop)
    tab = choose(person.tab().open(page_of(sandbox, made)), "conecs")
    paid(put(tab, MEAL_CARD, "pay-conecs"), 1).shows("cancel-returns").click("cancel")
    tab.until(arrived(shop)).shows("thanks")
    assert shop.came_back("/back") == [{"cart": "77"}]
    assert status_of(sandbox, made) == "ABANDONED"


def to_app(phone: Tab, portal: Tab) -> Tab:
    """Open on a phone what the portal's QR code says."""
    return phone.open(portal.attribute("open-phone", "href")).shows("confirm")


def test_the_computer_follows_the_phone(
    people: Callable[[], Person], sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    made = order(sandbox, shop)
    computer, phone = people().tab(), people().tab(width=360, height=740)
    put(choose(computer.open(page_of(sandbox, made)), "cv_connect"), WALLET, "ask-app").shows("waiting")
    to_app(phone, computer).click("confirm")
    phone.shows("connected")
    assert (phone.attribute("connected", "data-paid"), phone.fits()) == ("yes", True)
    paid(computer, 1).shows("continue")
    assert computer.text("remaining-amount") == "€25.00"


def test_the_computer_follows_the_phone_that_declines(
    people: Callable[[], Person], new_sandbox: Callable[..., ControlledSandbox], shop: Shopfront
) -> None:
    sandbox = with_settings(new_sandbox, extra_attempts=1)
    computer, phone = people().tab(), people().tab(width=360, height=740)
    page = page_of(sandbox, order(sandbox, shop))
    put(choose(computer.open(page), "cv_connect"), WALLET, "ask-app").shows("waiting")
    to_app(phone, computer).click("refuse")
    computer.shows("error", "ask-app")
    put(computer, WALLET, "ask-app").shows("waiting")
    to_app(phone, computer).click("refuse")
    computer.until(arrived(shop))


def test_the_computer_follows_the_phone_without_scripts(
    people: Callable[[], Person], sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    computer, phone = people().tab(scripts=False), people().tab(scripts=False, width=360, height=740)
    page = page_of(sandbox, order(sandbox, shop))
    put(choose(computer.open(page), "cv_connect"), WALLET, "ask-app").shows("check-again")
    to_app(phone, computer).click("confirm")
    phone.shows("connected")
    computer.click("check-again")
    paid(computer, 1)


def test_a_page_follows_what_happens_elsewhere_and_the_clock(
    people: Callable[[], Person], sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    sandbox.stand_still()
    made = new_order(sandbox, url_return=None)
    page = page_of(sandbox, made)
    computer, phone = people().tab().open(page), people().tab(width=360, height=740).open(page)
    computer.shows("continue")
    paid(put(choose(phone, "conecs"), MEAL_CARD, "pay-conecs"), 1)
    paid(computer, 1)
    sandbox.advance("PT10M")
    computer.until(outcome("expired")).shows("returned")
    assert phone.until(outcome("expired")).fits()


def test_a_newer_address_replaces_an_open_page(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    made = order(sandbox, shop)
    tab = person.tab().open(page_of(sandbox, made)).shows("continue")
    tab.evaluate("window.stop()")
    page_of(sandbox, made)
    tab.until("document.querySelector('[data-testid=closed]')?.dataset.reason === 'replaced'")
    tab.problems = [each for each in tab.told() if "status of 410" not in each]


FRAME = """<!doctype html><meta charset="utf-8"><title>Shop</title>
<iframe name="payment" src="%s" width="360" height="500"></iframe>
<form method="post" target="payment" action="%s">
<input name="step" value="card"><input name="number" value="4970100000000000"><input name="expiry" value="12/30">
<input name="cvv" value="123"></form>
<script>
const frame = document.querySelector("iframe");
let seen = 0;
frame.addEventListener("load", () => {
  seen += 1;
  if (seen === 1) document.forms[0].submit(); else window.done = true;
});
</script>"""


def test_the_shop_s_page_may_frame_the_embedded_one(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    made = order(sandbox, shop)
    address = frame_of(sandbox, made)
    tab = person.tab().open(shop.put("/checkout", FRAME % (address, address)))
    tab.until("window.done")
    assert status_of(sandbox, made) == "PENDING"


def test_the_embedded_page_returns_above_its_frame(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    tab = person.tab(width=360, height=500).open(frame_of(sandbox, order(sandbox, shop)))
    assert not tab.shows("continue").has("simulator-band")
    assert put(choose(tab, "card"), SECURE_CARD, "pay-card").shows("submit").fits()
    assert put(tab, CODE, "submit").until(outcome("paid")).fits()
    assert tab.attribute("return", "target") == "_top"
    tab.click("return")
    tab.until(arrived(shop))


def test_a_card_is_registered(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> None:
    token = new_token(sandbox, url_return=f"{shop.url}/back?cart=77")
    tab = person.tab(width=360, height=740).open(token["payment_url"])
    assert tab.shows("pay-card").fits()
    assert put(tab, SECURE_CARD, "pay-card").shows("submit").fits()
    put(tab, CODE, "submit").until(arrived(shop))
    assert lyra_call(sandbox, "GET", f"/tokens/{token['token']}")["status"] == "SUCCEEDED"
