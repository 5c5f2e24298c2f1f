"""Signatures of what a browser brings back, addresses that lead to their sandbox, access tokens, methods of a path."""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from string import ascii_letters, digits
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.edge.provider import Access
from mockpsp.providers.lyra import PROVIDER, auth, links
from mockpsp.providers.lyra.answers import BASES
from mockpsp.providers.lyra.holdings import Marketplace as Contract
from mockpsp.providers.lyra.returning import signed
from mockpsp.world.ids import IdSource
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.lyra import Marketplace, wine

CLOCK = "2026-07-01T09:00:00Z"
BEGAN = 1782896400
"""The same in seconds since 1970."""
NewSandbox = Callable[..., ControlledSandbox]
KEYS = st.integers(0, 2**32 - 1).map(lambda number: f"{number:08x}")

# -- signatures --------------------------------------------------------------------------------------------------------

SIGNED: Mapping[str, tuple[str, Mapping[str, str | int | None], str]] = {
    "a payment": (
        "1122334455667788",
        {
            "site_id": "12345678", "ctx_mode": "TEST", "trans_id": "123456", "trans_date": "20170129130025",
            "amount": 5124, "currency": "978", "action_mode": "INTERACTIVE", "page_action": "PAYMENT",
            "payment_config": "SINGLE", "version": "V2",
        },
        "ycA5Do5tNvsnKdc/eP1bj2xa19z9q3iWPy9/rpesfS0=",
    ),
    "letters that are no ASCII, and what has no value": (
        "k3y",
        {"result": "00", "order_info": "Menu à 12 €", "order_id": None, "cust_email": ""},
        "WSxucNjcCCy1+SJg1uFAbfmupqyoxCWL7+UaWm1//8w=",
    ),
    "nothing": ("1122334455667788", {}, "y9KBCzXJrGtiQ98WNuBgBx7JaFGbntxNCzJP1JIgoFk="),
}  # fmt: skip
"""Key, values, and what ``openssl dgst -sha256 -hmac KEY -binary | base64`` makes of values and key, with ``+``."""


@pytest.mark.parametrize("name", SIGNED)
def test_signatures_are_those_of_the_gateway(name: str) -> None:
    key, values, expected = SIGNED[name]
    *fields, last = signed(values, Contract(vads_cert=key))
    assert last == ("signature", expected)
    assert fields == sorted((f"vads_{name}", str(value)) for name, value in values.items() if value)


def verified(fields: Mapping[str, str], key: str) -> bool:
    """As a shop verifies what a browser brings back."""
    text = "+".join([value for name, value in sorted(fields.items()) if name.startswith("vads_")] + [key])
    return fields["signature"] == b64encode(hmac.digest(key.encode(), text.encode(), sha256)).decode()


def test_a_shop_verifies_what_the_browser_brings_back(new_sandbox: NewSandbox) -> None:
    """With the key that the marketplace reads; without it, or with a changed field, it does not."""
    world = {"sellers": [{"external_ref": "seller1"}], "marketplace": {"vads_cert": "dPk8zv0oQ1yFZb3w"}}
    market = Marketplace(new_sandbox(scenario={"mockpsp": 1, "title": "t", "world": {"lyra": world}}))
    key = market.call("get_marketplace")["vads_cert"]
    made = market.order(wine(), return_mode="GET")
    page = market.execute(made)
    market.pay(made)
    back = Browser().open(page).returned()
    assert key == "dPk8zv0oQ1yFZb3w"
    assert verified(back, key)
    assert not verified(back, "1122334455667788")
    for name in back:
        if name.startswith("vads_"):
            assert not verified({**back, name: f"{back[name]}0"}, key), name


# -- addresses ---------------------------------------------------------------------------------------------------------


@given(key=KEYS, seed=st.integers(0, 9), before=st.integers(0, 10**12))
def test_a_page_leads_to_its_sandbox(key: str, seed: int, before: int) -> None:
    source = IdSource(seed, key)
    source.series["lyra.page"] = before
    page, secret = links.page_ids(key, source.draw())
    assert re.fullmatch("[0-9]{21}", page)
    assert re.fullmatch("[0-9a-f]{24}", secret)
    assert links.page_key(page) == key
    url = urlsplit(links.page_url("http://localhost:8080", page, secret))
    assert links.session_of(url.path.removeprefix("/vads-payment/")) == secret
    assert parse_qs(url.query) == {"cacheId": [page]}


@given(key=KEYS, before=st.integers(0, 10**9))
def test_a_link_s_code_leads_to_its_sandbox(key: str, before: int) -> None:
    source = IdSource(0, key)
    source.series["lyra.link"] = before
    code = links.link_code(key, source.draw())
    assert 8 <= len(code) <= 16
    assert set(code) <= set(ascii_letters + digits)
    assert links.link_key(code) == key
    assert links.link_url("http://localhost:8080", code) == f"http://localhost:8080/t/{code}"


@given(key=KEYS)
def test_a_form_token_leads_to_its_sandbox(key: str) -> None:
    token = links.form_token(key, IdSource(0, key).draw())
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert token[:8] == key


@given(text=st.text())
def test_what_is_no_address_leads_nowhere(text: str) -> None:
    """And asking does no harm."""
    assert links.page_key(text) == "" or (len(text) == 21 and text.isdigit())
    assert links.link_key(text) == "" or set(text[:16]) <= set(ascii_letters + digits)
    assert links.session_of(text) == "" or text.startswith("exec.refresh.a;jsessionid=")


@given(first=st.integers(0, 10**10), second=st.integers(0, 10**10))
def test_no_two_pages_have_the_same_digits(first: int, second: int) -> None:
    def page(before: int) -> str:
        source = IdSource(0, "x")
        source.series["lyra.page"] = before
        return links.page_ids("0000002a", source.draw())[0]

    assert (page(first) == page(second)) == (first == second)


def test_pages_of_two_sandboxes_are_kept_apart(new_sandbox: NewSandbox) -> None:
    """Also with the same seed, whose digits and codes are alike but for the sandbox's key."""
    markets = [Marketplace(new_sandbox(seed=7)) for _ in range(2)]
    addresses = []
    for market in markets:
        made = market.order()
        market.call("persist", order=made["uuid"], status=302)
        embedded = f"{market.sandbox.url}/vads-payment/embedded?formToken={market.execute(made, 'execute_embedded')}"
        assert requests.get(embedded, timeout=30).status_code == 200
        page = market.execute(made)
        assert requests.get(page, timeout=30).status_code == 200
        linked = market.read(made)["persist_url"]
        assert requests.get(linked, timeout=30).status_code == 200
        addresses.append((embedded, page, linked))
    assert not set(addresses[0]) & set(addresses[1])
    for market in markets:
        looked = [each["operation"] for each in market.sandbox.journal() if each["kind"] == "request"]
        assert looked.count("embedded_page") == looked.count("link") == 1


# -- access tokens -----------------------------------------------------------------------------------------------------


def decoded(part: str) -> Any:
    """JSON of a token's part, in Base64 for addresses without its padding."""
    assert "=" not in part
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def encoded(told: Any) -> str:
    """The other way round."""
    return urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()


def test_an_access_token_is_a_signed_jwt(new_sandbox: NewSandbox) -> None:
    market = Marketplace(new_sandbox(clock=CLOCK))
    head, body, signature = (token := market.token()).split(".")
    assert decoded(head) == {"alg": "HS256", "typ": "JWT"}
    claims = decoded(body)
    client = market.given["client_id"]
    assert (claims["azp"], claims["clientId"], claims["typ"]) == (client, client, "Bearer")
    assert (claims["iat"], claims["exp"]) == (BEGAN, BEGAN + 300)
    assert client.endswith(f"_{market.uuid}")
    secret = f"{market.given['client_secret']}/{market.given['password']}"
    expected = hmac.digest(secret.encode(), f"{head}.{body}".encode(), sha256)
    assert signature == urlsafe_b64encode(expected).rstrip(b"=").decode()
    assert auth.claims_of(token) == claims


def status_with(market: Marketplace, token: str) -> int:
    """What a call with this token is answered."""
    return market.answered("list_orders", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_changed_token_opens_no_door(new_sandbox: NewSandbox) -> None:
    market, other = Marketplace(new_sandbox(clock=CLOCK)), Marketplace(new_sandbox(clock=CLOCK))
    head, body, signature = (token := market.token()).split(".")
    claims = decoded(body)
    assert status_with(market, token) == 200
    changed = encoded({**claims, "exp": claims["exp"] + 3600})
    stolen = encoded({**claims, "azp": other.given["client_id"]})
    for bad in (
        f"{head}.{changed}.{signature}",
        f"{head}.{stolen}.{signature}",
        f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{head}.{body}.",
        f"{head}.{body}.{'A' * len(signature)}",
        f"{head}.{body}",
        f"{head}.{encoded(['no', 'object'])}.{signature}",
        "x",
        "",
    ):
        assert status_with(market, bad) == 401, bad


@given(token=st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_claims_of_anything_are_an_object_or_none(token: str) -> None:
    claims = auth.claims_of(token)
    assert claims is None or isinstance(claims, dict)


# -- methods -----------------------------------------------------------------------------------------------------------

METHODS: dict[str, set[str]] = {}
for _route in PROVIDER.routes:
    if _route.access is Access.API and _route.path.startswith(f"{BASES[3]}/"):
        METHODS.setdefault(_route.path, set()).add(_route.method)


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_wrong_method_is_told_the_right_ones(path: str, slash: str, sandbox: ControlledSandbox) -> None:
    market = Marketplace(sandbox, base="")
    target = re.sub(r"\{[a-z]+\}", "00000000-0000-4000-a000-000000000000", path) + slash
    also = {"GET"} if path.endswith("/tokens/embedded") else set()  # which could be a token's uuid
    answer = market.request("PATCH", target)
    assert answer.status_code == 405
    assert answer.json() == {"detail": 'Method "PATCH" not allowed.'}
    assert answer.headers["Allow"] == ", ".join(sorted(METHODS[path] | also))


def test_the_token_endpoint_takes_post_alone(sandbox: ControlledSandbox) -> None:
    answer = requests.get(f"{sandbox.url}{auth.TOKEN_PATH}", timeout=30)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_refund_that_is_done_can_only_be_read(new_sandbox: NewSandbox) -> None:
    market = Marketplace(new_sandbox(clock=CLOCK))
    refund = market.refund(market.captured(wine()))["uuid"]
    market.sandbox.advance("PT2H")
    answer = market.answered("delete_refund", refund=refund)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert market.answered("update_refund", {}, refund=refund).status_code == 400
