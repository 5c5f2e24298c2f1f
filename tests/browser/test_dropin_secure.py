"""Adyen's Drop-in where browsers are particular: native 3-D Secure, Adyen's own host names, pages without WebCrypto."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockpsp.providers.adyen import auth
from mockpsp.world.sandboxes import DEFAULT
from tests.browser.conftest import ADYEN, SHOP_HOST
from tests.support.adyen_web import (
    ADYENS,
    EVERYWHERE,
    WebShop,
    choose,
    hosts,
    in_bank,
    refusal,
    submit,
    type_in,
    until_seen,
)
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.shopfront import Shopfront

pytestmark = [pytest.mark.browser, pytest.mark.node]

README = Path(__file__).parents[2] / "README.md"
SECURE = {"number": "4212345678901237", "date": "03/30", "code": "737"}
VISA = {**SECURE, "number": "4111111111111111"}
NATIVE = {"authenticationData": {"threeDSRequestData": {"nativeThreeDS": "preferred"}}}


@pytest.fixture
def sandbox(secure: dict[str, Any]) -> Iterator[ControlledSandbox]:
    """A fresh sandbox of the server with https."""
    made = ControlledSandbox.create(secure["url"])
    yield made
    made.delete()


@pytest.fixture
def https_shop(sandbox: ControlledSandbox, secure: dict[str, Any], shop: Shopfront) -> WebShop:
    """A shop that reaches the simulator by https, from its server and from its page."""
    api = f"{secure['https_url']}/checkoutshopper/test/"
    return WebShop(sandbox, shop, api=api, server=secure["https_url"], trust=secure["ca_file"])


def pay(tab: Tab, card: dict[str, str], amount: str = "€18.50") -> None:
    """By card."""
    until_seen(tab, "mounted")
    choose(tab, "Cards")
    type_in(tab, **card)
    submit(tab, f"Pay {amount}")


@EVERYWHERE
def test_fingerprint_and_challenge(
    led_person: Person, https_shop: WebShop, secure: dict[str, Any], version: int, flow: str
) -> None:
    tab = led_person.tab(width=600)
    https_shop.more = NATIVE
    tab.open(https_shop.page(1850, version=version, flow=flow))
    pay(tab, SECURE)
    in_bank(tab, "password")
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    journal = https_shop.sandbox.journal(kind="request", operation="submit_fingerprint")
    assert [each["status"] for each in journal] == [200]
    analytics = {ADYEN[2]} if version == 5 else set()  # its analytics cannot be led elsewhere by the shop
    assert hosts(tab) == {urlsplit(https_shop.front.url).netloc, urlsplit(secure["https_url"]).netloc} | analytics


@EVERYWHERE
def test_the_bank_is_told_a_wrong_password(led_person: Person, https_shop: WebShop, version: int, flow: str) -> None:
    tab = led_person.tab(width=360, height=740)
    https_shop.more = NATIVE
    tab.open(https_shop.page(1850, version=version, flow=flow))
    pay(tab, SECURE)
    in_bank(tab, "wrong")
    assert until_seen(tab, refusal(version, flow))["resultCode"] == "Refused"


@pytest.mark.parametrize("version", [6, 5])
def test_a_page_that_knows_nothing_of_the_simulator(
    led_person: Person, sandbox: ControlledSandbox, shop: Shopfront, version: int
) -> None:
    """The page is as it goes live; the browser finds the simulator under Adyen's names."""
    web = WebShop(sandbox, shop, api=ADYENS)
    tab = led_person.tab(width=600)
    tab.open(web.page(1850, version=version))
    pay(tab, VISA)
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    assert hosts(tab) == {urlsplit(shop.url).netloc, *(ADYEN if version == 6 else (ADYEN[0], ADYEN[2]))}


@pytest.mark.parametrize("flow", ["sessions", "advanced"])
def test_plain_http_on_port_8080(led_person: Person, sandbox: ControlledSandbox, shop: Shopfront, flow: str) -> None:
    """As ``mockpsp serve`` does by default; there alone Drop-in handles 3-D Secure without https."""
    web = WebShop(sandbox, shop, api="http://localhost:8080/checkoutshopper/test/")
    web.more = NATIVE
    tab = led_person.tab(width=600)
    tab.open(web.page(1850, flow=flow))
    pay(tab, SECURE)
    in_bank(tab, "password")
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"


def test_where_browsers_cannot_encrypt_the_fields_send_test_values(
    led_person: Person, sandbox: ControlledSandbox, shop: Shopfront
) -> None:
    web = WebShop(sandbox, shop)
    tab = led_person.tab(width=600)
    tab.open(web.page(1850, flow="advanced").replace("127.0.0.1", SHOP_HOST))
    assert not tab.evaluate("isSecureContext")
    pay(tab, VISA)
    assert until_seen(tab, "completed")["resultCode"] == "Authorised"
    assert web.asked("payments")[0]["paymentMethod"]["encryptedExpiryYear"] == "test_2030"


@pytest.mark.parametrize("version", [6, 5])
def test_the_readme_tells_what_is_tried_here(
    person: Person, sandbox: ControlledSandbox, shop: Shopfront, version: int
) -> None:
    [snippet] = re.findall(rf"<!-- runs: browser {version} -->\n```js\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    told = person.tab().evaluate(f"(() => {{ {snippet}; return configuration }})()")
    tried = WebShop(sandbox, shop, api="http://localhost:8080/checkoutshopper/test/").configuration(version)
    assert told == {**{name: tried[name] for name in told}, "clientKey": auth.credentials(DEFAULT)["client_key"]}
    assert any("nvironmentUrls" in name for name in told)
