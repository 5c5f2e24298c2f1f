"""``mockpsp record``: what was done by hand with real clients, as a scenario file that plays it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from mockpsp.app import catalogues
from mockpsp.cli import cli
from mockpsp.scenario.library import Library
from mockpsp.testing.played import Played
from mockpsp.testing.player import play
from tests.support import adyen, lyra, lyra_pages, worldline
from tests.support.adyen_pages import RICH_VOUCHER, VISA, new_link
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver, receiving
from tests.support.recorded import told
from tests.support.server import Threaded, threaded

START = "2026-07-01T09:00:00Z"
COMPARED = ("request", "posting", "webhook", "timer", "shopper")
BY_PAGE = ("posting", "webhook")


@pytest.fixture(scope="module")
def server() -> Iterator[Threaded]:
    with threaded() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as each:
        yield each


@pytest.fixture
def sandbox(server: Threaded, receiver: Receiver) -> ControlledSandbox:
    """A sandbox of the default scenario whose clock stands still, with an endpoint for webhooks."""
    made = ControlledSandbox.create(server.url, clock=START)
    for provider in ("worldline", "adyen", "lyra"):
        made.endpoint(provider, receiver.url)
    return made


def record(sandbox: ControlledSandbox, *words: str) -> Result:
    return CliRunner().invoke(cli, ["record", sandbox.id, "--url", sandbox.url, *words])


@pytest.fixture
def recorded(sandbox: ControlledSandbox, tmp_path: Path) -> Callable[[], Any]:
    """Records the sandbox, and plays the file."""

    async def both() -> tuple[str, Played]:
        file = tmp_path / "recorded.yaml"
        sandbox.settle()
        ended = record(sandbox, "--output", str(file))
        assert ended.exit_code == 0, ended.output + file.read_text("utf-8")
        played = await play(Library(catalogues).load(str(file)))
        assert [str(each) for each in played.failures] == [], file.read_text("utf-8")
        return file.read_text("utf-8"), played

    return both


def same(played: Played, sandbox: ControlledSandbox, kinds: tuple[str, ...] = COMPARED) -> None:
    """The journals agree; deliveries run beside the requests, and have an order of their own."""
    journal = sandbox.journal(limit=10000)
    for part in (kinds, ("delivery",)):
        assert told(played.journal, part) == told(journal, part)


async def test_a_story_of_worldline_by_its_sdk(sandbox: ControlledSandbox, recorded: Callable[[], Any]) -> None:
    shop = worldline.sdk(sandbox)
    from onlinepayments.sdk.domain.create_hosted_checkout_request import CreateHostedCheckoutRequest
    from onlinepayments.sdk.domain.refund_request import RefundRequest

    checkout = shop.hosted_checkout().create_hosted_checkout(
        worldline.model(CreateHostedCheckoutRequest, worldline.checkout_body())
    )
    ref = checkout.hosted_checkout_id
    sandbox.shopper(ref, {"pay": [{"with": "cv_connect", "amount": "300.00 EUR"}, {"with": "card"}]})
    shop.hosted_checkout().get_hosted_checkout(ref)
    sandbox.advance("PT4H")
    amount = {"amountOfMoney": {"amount": 60000, "currencyCode": "EUR"}}
    shop.payments().refund_payment(f"{ref}_0", worldline.model(RefundRequest, amount))
    sandbox.advance("P2D")
    text, played = await recorded()

    same(played, sandbox)
    assert 'path: {hostedCheckoutId: "${hosted_checkout.hostedCheckoutId}"}' in text
    assert 'path: {paymentId: "${' in text
    assert "- {advance: PT4H" in text
    assert ref not in text


async def test_a_story_of_adyen_by_its_sdk(sandbox: ControlledSandbox, recorded: Callable[[], Any]) -> None:
    shop = adyen.Shop(sandbox)
    order = shop.order(4350)
    first = shop.pay(2500, adyen.voucher(), order=order, key="first-leg")
    again = shop.pay(2500, adyen.voucher(), order=order, key="first-leg")
    assert again["pspReference"] == first["pspReference"]
    rest = shop.pay(1850, adyen.card("4917610000000000"), order=first)
    result = shop.redirect_result(rest)
    shop.call("payments_details", details={"redirectResult": result})
    sandbox.advance("PT1H")
    text, played = await recorded()

    same(played, sandbox, BY_PAGE)
    assert "of: payments" in text
    assert result not in text
    assert "key: first-leg" in text
    assert sandbox.credentials["adyen"]["api_key"] not in text
    assert '"5075990000006120"' in text


async def test_a_story_of_lyra_by_plain_http(sandbox: ControlledSandbox, recorded: Callable[[], Any]) -> None:
    market = lyra.Marketplace(sandbox)
    order = market.captured(lyra.meal(), lyra.night())
    market.refund(order, 500)
    sandbox.advance("P3D")
    market.read(order)
    text, played = await recorded()

    same(played, sandbox)
    assert '"${credentials.lyra.sellers[0].uuid}"' in text
    assert market.given["password"] not in text


async def test_an_endpoint_that_fails_and_comes_back(
    sandbox: ControlledSandbox, recorded: Callable[[], Any], receiver: Receiver
) -> None:
    receiver.status = 500
    worldline.Merchant(sandbox).call("create_hosted_checkout", worldline.checkout_body())
    sandbox.settle()
    sandbox.advance("PT15M")
    receiver.status = 200
    sandbox.advance("P2D")
    text, played = await recorded()

    assert [each.answered for each in played.webhooks].count(500) >= 2
    same(played, sandbox)
    assert "- {endpoint: worldline, status: 500}" in text
    assert "- {endpoint: worldline, status: 200}" in text


async def test_a_wrong_signature_is_played_as_one(sandbox: ControlledSandbox, recorded: Callable[[], Any]) -> None:
    shop = worldline.Merchant(sandbox)
    target = shop.target("test_connection", {}, {})
    headers = {**shop.headers("GET", target, None, {})}
    headers["Authorization"] = headers["Authorization"].rpartition(":")[0] + ":bm8="
    assert shop.session.get(f"{sandbox.url}{target}", headers=headers, timeout=10).status_code == 403
    text, played = await recorded()

    assert '"GCS v1HMAC:${credentials.worldline.api_key_id}:***"' in text
    assert played.exchanges[0].call.status == 403


async def test_a_running_clock_becomes_steps(server: Threaded, receiver: Receiver) -> None:
    sandbox = ControlledSandbox.create(server.url)
    sandbox.endpoint("adyen", receiver.url)
    shop = adyen.Shop(sandbox)
    shop.pay(1850, adyen.card())
    sandbox.settle()
    sandbox.advance("P1D")
    shop.pay(900, adyen.card())
    sandbox.settle()
    ended = record(sandbox)
    played = await play(Library(catalogues).parse(ended.stdout, file="recorded.yaml", name="recorded"))

    assert ended.exit_code == 0, ended.output
    assert "- {advance: P1D" in ended.stdout
    assert played.failures == ()
    kinds = ("request", "posting", "webhook")
    assert sorted(told(played.journal, kinds), key=str) == sorted(told(sandbox.journal(limit=10000), kinds), key=str)


def test_a_strange_card_is_masked_and_that_is_said(sandbox: ControlledSandbox, tmp_path: Path) -> None:
    adyen.Shop(sandbox).pay(1850, adyen.card("4012888888881881"))
    ended = record(sandbox, "--output", str(tmp_path / "masked.yaml"))

    text = (tmp_path / "masked.yaml").read_text("utf-8")
    assert ended.exit_code == 3
    assert "1 thing could not be recorded" in ended.stderr
    assert "4012888888881881" not in text
    assert "401288******1881" in text
    assert "# Not recorded: a secret or a card number that is none of the scenario's; it is masked." in text


def test_what_a_story_has_no_step_for_is_said(sandbox: ControlledSandbox) -> None:
    requests.post(f"{sandbox.url}/v72/payments", data=b"{", timeout=10, headers={
        "X-API-Key": sandbox.credentials["adyen"]["api_key"], "Content-Type": "application/json"})  # fmt: skip
    ended = record(sandbox)

    assert ended.exit_code == 3
    assert "the body of payments, which is no JSON" in ended.stdout
    Library(catalogues).parse(ended.stdout, file="recorded.yaml", name="recorded")


def test_an_untouched_sandbox_gives_an_empty_story(sandbox: ControlledSandbox) -> None:
    ended = record(sandbox)

    assert ended.exit_code == 0
    assert Library(catalogues).parse(ended.stdout, file="recorded.yaml", name="recorded").story == ()
    assert CliRunner().invoke(cli, ["record", "nobody", "--url", sandbox.url]).exit_code == 1


# -- by the hosted page ------------------------------------------------------------------------------------------------


async def test_a_checkout_paid_on_worldlines_page(sandbox: ControlledSandbox, recorded: Callable[[], Any]) -> None:
    made = worldline.Merchant(sandbox).call("create_hosted_checkout", worldline.checkout_body()).json()
    portal = Browser().open(made["redirectUrl"]).submit("confirm")
    phone = Browser().open(portal.page.marked["open-phone"]["href"]).submit("voucher", voucher_amount="300,00")
    phone.submit("card", card_number="4111 1111 1111 1111", expiry="12/30", cvv="123", card_holder="CAMILLE MARTIN")
    text, played = await recorded()

    same(played, sandbox, BY_PAGE)
    assert "with: cv_connect, amount: 300.00 EUR" in text
    assert 'with: card, number: "4111111111111111"' in text


async def test_a_link_paid_on_adyens_page(sandbox: ControlledSandbox, recorded: Callable[[], Any]) -> None:
    link = new_link(sandbox)
    browser = Browser().open(link["url"])
    browser.submit("choose", method=adyen.SODEXO).submit("balance", **RICH_VOUCHER).submit("redeem")
    browser.submit("choose", method="scheme").submit("card", **VISA)
    text, played = await recorded()

    same(played, sandbox, BY_PAGE)
    assert "with: meal_voucher, amount: 25.00 EUR" in text
    assert "with: card" in text


async def test_an_order_paid_on_lyras_page(sandbox: ControlledSandbox, recorded: Callable[[], Any]) -> None:
    order = lyra_pages.new_order(sandbox)
    browser = Browser().open(lyra_pages.page_of(sandbox, order))
    browser.submit("choose", method="conecs")
    browser.submit("conecs", **lyra_pages.MEAL_CARD, amount="12,50")
    browser.submit("choose", method="card")
    browser.submit("card", **lyra_pages.CARD)
    text, played = await recorded()

    same(played, sandbox, BY_PAGE)
    assert "with: conecs, amount: 12.50 EUR" in text
