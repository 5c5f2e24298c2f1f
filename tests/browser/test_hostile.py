"""Strangers' words are shown as text: no script runs, no element appears, no link leads elsewhere, nothing breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.support.adyen_pages import SODEXO, new_link, new_session
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.lyra_pages import frame_of, new_order, new_token, page_of
from tests.support.shopfront import Shopfront
from tests.support.visits import outcome, start, type_card

pytestmark = pytest.mark.browser

NewSandbox = Callable[..., ControlledSandbox]
MARKUP = """</script><script>hit=1</script><img src=x onerror="hit=1">'"><svg onload=hit=1>&{{7*7}}${7*7}"""
STRANGE = {
    "markup": MARKUP,
    "address": "javascript:hit=1//" + MARKUP,
    "directions": "\u202e\u2067drawkcab \u202d" + MARKUP,
    "long": MARKUP + "x" * 10_000,
}
VISA = "4330264936344675"
INNOCENT = """(() => {
  const wrong = [];
  if (typeof hit !== "undefined") wrong.push("a script ran");
  const scripts = [...document.scripts].map(each => each.getAttribute("src"));
  if (scripts.join() !== "/_mockpsp/static/pages.js") wrong.push("scripts: " + scripts);
  for (const element of document.querySelectorAll("*")) {
    if (["IMG", "IFRAME", "OBJECT", "EMBED", "BASE", "STYLE"].includes(element.tagName)) wrong.push(element.outerHTML);
    for (const {name, value} of element.attributes) {
      if (name.startsWith("on") || name === "style") wrong.push(name + "=" + value);
      if (["href", "action", "src"].includes(name) && /^\\s*(javascript|data:text|vbscript)/i.test(value))
        wrong.push(name + "=" + value);
    }
  }
  return wrong;
})()"""


@pytest.fixture(params=STRANGE)
def strange(request: pytest.FixtureRequest) -> str:
    """Something that a stranger may write."""
    return STRANGE[request.param]


def innocent(tab: Tab, *shown: str) -> Tab:
    """The page has nothing but what its template has, fits its window, and shows these texts in these elements."""
    assert tab.evaluate(INNOCENT) == []
    assert tab.fits(), tab.url
    for testid in shown:
        assert "".join(MARKUP.split()) in "".join(tab.text(testid).split()), testid
    return tab


def odd(new_sandbox: NewSandbox, text: str, provider: str, world: dict[str, Any]) -> ControlledSandbox:
    """A sandbox whose merchant, scenario and test data are called like this."""
    settings = {provider: {"merchant_name": text}}
    return new_sandbox(scenario={"mockpsp": 1, "title": text, "settings": settings, "world": {provider: world}})


def test_worldline(person: Person, new_sandbox: NewSandbox, shop: Shopfront, strange: str) -> None:
    wallet = {"beneficiary": "77777777777", "holder": strange, "balance": "300.00 EUR"}
    card = {"number": VISA, "title": strange}
    sandbox = odd(new_sandbox, strange, "worldline", {"wallets": [wallet], "cards": [card]})
    tab = person.tab(width=360, height=740)
    changes = {"order": {"references": {"merchantReference": strange[:40]}}}
    page = start(sandbox, shop, redirectPaymentMethodSpecificInput=None, **changes)["redirectUrl"]
    innocent(tab.open(f"{page}?method={quote(MARKUP)}").shows("pay"), "merchant-name", "scenario")
    page = start(sandbox, shop, hostedCheckoutSpecificInput={"locale": MARKUP, "showResultPage": True}, **changes)
    innocent(tab.open(page["redirectUrl"]).shows("continue"), "merchant-name", "scenario", "test-data", "cancel")
    assert tab.text("reference") == " ".join(strange[:40].split())
    assert tab.evaluate("document.documentElement.lang") == "en"
    tab.fill("beneficiary", strange[:250])
    tab.click("continue")
    innocent(tab.shows("error"))
    assert tab.value("beneficiary") == strange[:250]
    tab.fill("beneficiary", "77777777777")
    tab.click("continue")
    innocent(tab.shows("open-phone"), "merchant-name").click("open-phone")
    innocent(tab.shows("confirm"), "wallet-holder").fill("voucher-amount", strange[:20])
    tab.click("confirm")
    innocent(tab.shows("error")).fill("voucher-amount", "300")
    tab.click("confirm")
    innocent(tab.shows("pay-card"), "test-data")
    type_card(tab, VISA + strange[:4])
    innocent(tab.shows("error"))
    type_card(tab, VISA)
    innocent(tab.until(outcome("paid")), "merchant-name")
    tab.open(page["redirectUrl"])
    innocent(tab.until(outcome("paid")), "merchant-name", "return")


def test_adyen(person: Person, new_sandbox: NewSandbox, shop: Shopfront, strange: str) -> None:
    voucher = {"number": "5075990000001900", "brand": SODEXO, "balance": "19.00 EUR", "title": strange}
    card = {"number": "4212345678901237", "brand": "visa", "three_ds": "challenge", "title": strange}
    sandbox = odd(new_sandbox, strange, "adyen", {"meal_vouchers": [voucher], "cards": [card]})
    tab = person.tab(width=360, height=740)
    names = {"reference": strange[:80], "description": strange, "returnUrl": f"{shop.url}/back"}
    page = new_link(sandbox, **names)["url"]
    query = f"method={quote(MARKUP)}&redirectResult={quote(MARKUP)}&paid={quote(MARKUP)}"
    innocent(tab.open(f"{page}?{query}").shows("continue"), "merchant-name", "description", "scenario", "cancel")
    assert tab.text("reference") == " ".join(strange[:80].split())
    tab.click(f"method-{SODEXO}")
    tab.click("continue")
    innocent(tab.shows("check"), "test-data").fill("expiry", strange[:7])
    tab.click("check")
    innocent(tab.shows("error"))
    tab.open(f"{page}?method=scheme").shows("pay-card").fill("holder", strange[:120])
    tab.click("pay-card")
    innocent(tab.shows("error"), "test-data")
    assert tab.value("holder") == strange[:120].strip()
    for name, text in {"number": "4212345678901237", "expiry": "03/30", "cvc": "737"}.items():
        tab.fill(name, text)
    tab.click("pay-card")
    innocent(tab.shows("submit"), "merchant-name").fill("user", strange[:120])
    tab.click("submit")
    innocent(tab.shows("error"))
    assert tab.value("user") == strange[:120]
    tab.fill("user", "user")
    tab.fill("password", "password")
    tab.click("submit")
    innocent(tab.until(outcome("paid")), "merchant-name", "return")
    hosted = new_session(sandbox, reference=strange[:80], returnUrl=f"{shop.url}/back", shopperLocale=MARKUP)
    innocent(tab.open(hosted["url"]).shows("continue"), "merchant-name")
    assert tab.evaluate("document.documentElement.lang") == "en"


def test_lyra(person: Person, new_sandbox: NewSandbox, shop: Shopfront, strange: str) -> None:
    world = {
        "sellers": [{"external_ref": "seller1", "vouchers": {"CONECS": "1999011", "CVCONNECT": "30012345"}}],
        "meal_cards": [{"number": "5017670000006120", "cvv": "123", "balance": "61.20 EUR", "title": strange}],
        "wallets": [{"beneficiary": "77777777777", "balance": "300.00 EUR", "title": strange}],
        "cards": [{"number": "4970100000000009", "scheme": "CB", "three_ds": "challenge", "title": strange}],
    }
    sandbox = odd(new_sandbox, strange, "lyra", world)
    tab = person.tab(width=360, height=740)
    order = new_order(sandbox, description=strange[:255], url_return=f"javascript:hit=1//{MARKUP}")
    page = page_of(sandbox, order)
    innocent(tab.open(f"{page}&method={quote(MARKUP)}").shows("continue"), "merchant-name", "scenario", "cancel")
    for method, field in (("conecs", "amount"), ("cv_connect", "beneficiary"), ("card", "holder")):
        tab.open(f"{page}&method={method}").shows(field).fill(field, strange[:20])
        innocent(tab, "test-data").press("Enter")
        innocent(tab.shows("error"))
        assert tab.value(field) == strange[:20]
    for name, text in {"number": "4970100000000009", "expiry": "12/30", "cvv": "123"}.items():
        tab.fill(name, text)
    tab.click("pay-card")
    innocent(tab.shows("submit"), "merchant-name").fill("code", "123456")
    tab.click("submit")
    innocent(tab.until(outcome("paid")), "merchant-name", "return-text")
    innocent(tab.open(frame_of(sandbox, new_order(sandbox))).shows("continue"), "merchant-name")
    innocent(tab.open(new_token(sandbox)["payment_url"]).shows("pay-card"), "merchant-name")


ADDRESSES = (
    "/hostedcheckout/PaymentMethods/Selection/{}",
    "/cvconnect/{}",
    "/cvconnect/{}/app",
    "/checkoutshopper/payByLink/{}",
    "/checkoutshopper/hostedCheckout/{}",
    "/checkoutshopper/threeDS/redirect?MD={}",
    "/checkoutshopper/threeDS/challenge?MD={}",
    "/checkoutshopper/ancv/app?MD={}",
    "/vads-payment/exec.refresh.a;jsessionid={}.vadpayment01?cacheId={}",
    "/vads-payment/embedded?formToken={}",
    "/vads-payment/return?jsessionid={}",
    "/t/{}",
)
"""All hosted pages; tests/providers/test_page_lists.py looks that none is missing."""


@pytest.mark.parametrize("path", ADDRESSES)
def test_an_address_that_leads_nowhere_says_nothing_of_it(path: str, sandbox: ControlledSandbox) -> None:
    """Whatever it is made of, and whichever page or error answers."""
    for text in (MARKUP, "0" * 32, "\u202e", "x" * 2000):
        strange = {"Accept-Language": MARKUP}
        answer = requests.get(sandbox.url + path.replace("{}", quote(text, safe="")), headers=strange, timeout=30)
        assert answer.status_code in (401, 403, 404), answer.text
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        assert kind in ("text/html", "application/json", "text/plain") or not answer.content
        if kind == "text/html":
            assert "hit=1" not in answer.text
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
