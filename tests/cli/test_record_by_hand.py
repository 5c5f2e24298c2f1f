"""``mockpsp record`` of what people do beside the API and on hosted pages: each as a step that does it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from mockpsp.app import catalogues
from mockpsp.cli import cli
from mockpsp.edge.sealed import key_pair, seal
from mockpsp.providers.adyen.encryption import ALGORITHMS
from mockpsp.providers.worldline import encryption as worldline_encryption
from mockpsp.scenario.library import Library
from mockpsp.testing.played import Played
from mockpsp.testing.player import play
from tests.support import adyen, lyra, lyra_pages, worldline
from tests.support.adyen_pages import RICH_VOUCHER, SECURE_VISA, VISA, new_link
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver, receiving
from tests.support.recorded import told
from tests.support.server import Threaded, threaded

START = "2026-07-01T09:00:00Z"
BY_PAGE = ("posting", "webhook", "event")
ALL = ("request", "decision", "event", "posting", "webhook", "timer", "shopper", "back-office", "probe", "endpoint")
WALLET = "/accounts/worldline/wallet/11111111111"


@pytest.fixture(scope="module")
def server() -> Iterator[Threaded]:
    with threaded() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as each:
        yield each


class Desk:
    """A tester's desk: a sandbox whose clock stands still, an endpoint for webhooks, and the recorder."""

    def __init__(self, server: Threaded, receiver: Receiver, folder: Path) -> None:
        self.sandbox = ControlledSandbox.create(server.url, clock=START)
        self.receiver = receiver
        self.file = folder / "recorded.yaml"
        for provider in ("worldline", "adyen", "lyra"):
            self.sandbox.call("PUT", f"/webhook-endpoints/{provider}", {"url": receiver.url})

    async def again(self, kinds: tuple[str, ...] = ALL) -> str:
        """Record, play, and compare the journals; the recorded text."""
        self.sandbox.settle()
        ended = CliRunner().invoke(
            cli, ["record", self.sandbox.id, "--url", self.sandbox.url, "--output", str(self.file)]
        )
        text = self.file.read_text("utf-8")
        assert ended.exit_code == 0, ended.output + text
        played = await self.play()
        assert [str(each) for each in played.failures] == [], text
        journal = self.sandbox.journal(limit=10000)
        for part in (kinds, ("delivery",)):
            assert told(self.since(played.journal), part) == told(self.since(journal), part), text
        return text

    def since(self, journal: list[dict[str, object]]) -> list[dict[str, object]]:
        """Without the addresses that were set before anything happened."""
        begun = next(index for index, each in enumerate(journal) if each["kind"] in ("request", "clock"))
        return list(journal)[begun:]

    async def play(self) -> Played:
        """The file, played."""
        return await play(Library(catalogues).load(str(self.file)))


@pytest.fixture
def desk(server: Threaded, receiver: Receiver, tmp_path: Path) -> Desk:
    return Desk(server, receiver, tmp_path)


async def test_a_balance_a_resend_and_a_clock_that_goes_back(desk: Desk) -> None:
    sandbox = desk.sandbox
    shop = worldline.Merchant(sandbox)
    ref = shop.call("create_hosted_checkout", worldline.checkout_body()).json()["hostedCheckoutId"]
    sandbox.call("PUT", WALLET, {"balance": "50.00 EUR"})
    sandbox.shopper(ref, {"pay": [{"with": "cv_connect"}, {"with": "card"}]})
    sandbox.call("PUT", WALLET, {"balance": "80.00 EUR"})
    opened, *_, captured = sandbox.webhooks()
    for webhook in (captured, opened):
        sandbox.call("POST", f"/webhooks/{webhook['n']}/resend", status=201)
        sandbox.settle()
    sandbox.call("POST", "/clock", {"set": "2026-06-30T09:00:00Z"})
    shop.call("create_hosted_checkout", worldline.checkout_body())
    text = await desk.again()

    assert "- {account: worldline/wallet/11111111111, balance: 50.00 EUR}" in text
    assert "- {account: worldline/wallet/11111111111, balance: 80.00 EUR}" in text
    assert "- {resend: worldline.payment.captured, expect: {webhooks: [payment.captured]}}" in text
    assert "resend: worldline.payment.created" in text
    assert "- {clock: 2026-06-30T09:00:00.000Z}" in text


async def test_of_many_webhooks_the_right_one_is_sent_again(desk: Desk) -> None:
    shop = adyen.Shop(desk.sandbox)
    first, second, third = (shop.pay(1850, adyen.card())["pspReference"] for _ in range(3))
    by_ref = {each["reference"]: each["n"] for each in desk.sandbox.webhooks(provider="adyen", type="AUTHORISATION")}
    elsewhere = {"url": f"{desk.receiver.url}/elsewhere"}
    desk.sandbox.call("POST", f"/webhooks/{by_ref[second]}/resend", elsewhere, 201)
    desk.sandbox.settle()
    desk.sandbox.call("POST", f"/webhooks/{by_ref[first]}/resend", status=201)
    desk.sandbox.settle()
    text = await desk.again()

    assert third not in text
    assert 'ref: "${payments_2.pspReference}"' in text
    assert 'url: "${endpoint.adyen}/elsewhere"' in text


async def test_addresses_that_are_moved_and_taken_away(desk: Desk) -> None:
    sandbox, shop = desk.sandbox, adyen.Shop(desk.sandbox)
    shop.pay(1850, adyen.card())
    sandbox.settle()
    sandbox.call("PUT", "/webhook-endpoints/adyen", {"url": None})
    shop.pay(1860, adyen.card())
    sandbox.call("PUT", "/webhook-endpoints/adyen", {"urls": [desk.receiver.url, f"{desk.receiver.url}/too"]})
    shop.pay(1870, adyen.card())
    text = await desk.again(tuple(each for each in ALL if each != "endpoint"))

    assert "- {endpoint: adyen, url: null}" in text
    assert '- {endpoint: adyen, urls: ["${endpoint.adyen}", "${endpoint.adyen}/too"]}' in text


async def test_a_sandbox_without_any_address(server: Threaded, desk: Desk) -> None:
    desk.sandbox.call("PUT", "/webhook-endpoints/adyen", {"url": None})
    adyen.Shop(desk.sandbox).pay(1850, adyen.card())
    text = await desk.again(tuple(each for each in ALL if each != "endpoint"))

    assert text.index("- {endpoint: adyen, url: null}") < text.index("merchant:")


async def test_scenarios_that_came_into_force_on_the_way(desk: Desk) -> None:
    sandbox, shop = desk.sandbox, adyen.Shop(desk.sandbox)
    rules = [{"operation": "adyen.payments", "then": {"outcome": "refused"}}]
    shop.pay(1850, adyen.card())
    sandbox.call("PUT", "/scenario", {"title": "No cards", "extends": "default", "rules": rules})
    assert shop.pay(1850, adyen.card())["resultCode"] == "Refused"
    sandbox.call("PUT", "/scenario", "adyen/voucher-then-card")
    assert shop.pay(1850, adyen.card())["resultCode"] == "Authorised"
    text = await desk.again()

    assert "title: No cards\n      extends: default\n" in text
    assert "- {scenario: adyen/voucher-then-card}" in text
    assert "extends: default\n\nstory:" in text


async def test_a_scenario_before_anything_happened_is_where_the_file_begins(desk: Desk) -> None:
    desk.sandbox.call("PUT", "/scenario", "adyen/webhooks-late")
    adyen.Shop(desk.sandbox).pay(1850, adyen.card())
    desk.sandbox.advance("P1D")
    text = await desk.again()

    assert "adyen/webhooks-late, as it was played" in text
    assert "scenario:" not in text


async def test_the_back_office_and_what_it_may_not_do(desk: Desk) -> None:
    market = lyra.Marketplace(desk.sandbox)
    made = market.register()
    home = f"/back-office/lyra/{made['uuid']}"
    desk.sandbox.call("POST", home, {"status": "SUCCEEDED"})
    desk.sandbox.settle()
    desk.sandbox.call("POST", home, {"status": "CLOSED"})
    text = await desk.again()

    assert 'ref: "${registration.uuid}"' in text
    assert "does: {status: SUCCEEDED}" in text


async def test_a_target_that_does_not_answer_200(desk: Desk) -> None:
    market = lyra.Marketplace(desk.sandbox)
    body = {"event_type": "order", "target": desk.receiver.url}
    desk.receiver.status = 404
    market.call("create_webhook", body, status=400)
    desk.receiver.status = 200
    market.call("create_webhook", body)
    text = await desk.again(tuple(each for each in ALL if each != "endpoint"))

    assert text.index("- {endpoint: lyra, status: 404}") < text.index("- {endpoint: lyra, status: 200}")
    (probe, _) = desk.sandbox.journal(kind="probe")
    assert probe["probe"] == {"url": desk.receiver.url, "status": 404, "error": None}
    assert "lyra asked http" in desk.sandbox.explain(str(probe["id"]))
    assert "with an empty request before it takes it as a target: status 404." in desk.sandbox.explain(str(probe["id"]))


# -- on the hosted pages -----------------------------------------------------------------------------------------------


async def test_worldlines_shopper_refuses_in_the_app(desk: Desk) -> None:
    made = worldline.Merchant(desk.sandbox).call("create_hosted_checkout", worldline.checkout_body()).json()
    portal = Browser().open(made["redirectUrl"]).submit("confirm")
    Browser().open(portal.page.marked["open-phone"]["href"]).submit("refuse")
    text = await desk.again(BY_PAGE)

    assert 'refuses: {with: cv_connect, beneficiary: "11111111111"}' in text


async def test_worldlines_shopper_types_an_amount_that_nobody_can_read(desk: Desk) -> None:
    made = worldline.Merchant(desk.sandbox).call("create_hosted_checkout", worldline.checkout_body()).json()
    portal = Browser().open(made["redirectUrl"]).submit("confirm")
    phone = Browser().open(portal.page.marked["open-phone"]["href"]).submit("voucher", voucher_amount="a lot")
    assert phone.status == 422
    phone.submit("voucher", voucher_amount="300,00")
    text = await desk.again(BY_PAGE)

    assert text.count("amount: 300.00 EUR") == 1


@pytest.mark.parametrize("opens", [False, True])
async def test_worldlines_shopper_goes_to_cv_connect_and_leaves(desk: Desk, opens: bool) -> None:
    made = worldline.Merchant(desk.sandbox).call("create_hosted_checkout", worldline.checkout_body()).json()
    portal = Browser().open(made["redirectUrl"]).submit("confirm")
    if opens:
        Browser().open(portal.page.marked["open-phone"]["href"])
    desk.sandbox.advance("PT2H")
    text = await desk.again(BY_PAGE)

    whose = 'beneficiary: "11111111111"'
    assert f"{{with: cv_connect, {f'app: abandons, {whose}' if opens else f'{whose}, app: unopened'}}}" in text


async def test_worldlines_shopper_is_refused_goes_on_as_somebody_else_and_pays_later(desk: Desk) -> None:
    made = worldline.Merchant(desk.sandbox).call("create_hosted_checkout", worldline.checkout_body(20000)).json()
    browser = Browser().open(made["redirectUrl"]).submit("confirm", beneficiary="33333333333")
    portal = browser.open(made["redirectUrl"]).submit("confirm", beneficiary="77777777777")
    app = Browser().open(portal.page.marked["open-phone"]["href"])
    desk.sandbox.advance("PT5M")
    app.submit("voucher", voucher_amount="150,00")
    app.submit("card", card_number="4111 1111 1111 1111", expiry="12/30", cvv="123", card_holder="")
    text = await desk.again(BY_PAGE)

    assert [line.strip() for line in text.splitlines() if "{with:" in line or "advance" in line] == [
        'pays: [{with: cv_connect, beneficiary: "33333333333", app: unopened}]',
        'pays: [{with: cv_connect, app: abandons, beneficiary: "77777777777"}]',
        "- {advance: PT5M}",
        "pays: [{with: cv_connect, amount: 150.00 EUR}]",
        'pays: [{with: card, number: "4111111111111111", expiry: "12/30", cvv: "123"}]',
    ]


async def test_a_lyra_link_that_is_opened_and_left(desk: Desk) -> None:
    market = lyra.Marketplace(desk.sandbox)
    order = lyra_pages.new_order(desk.sandbox)
    market.answered("persist", order=order)
    Browser().open(market.read({"uuid": order})["persist_url"])
    desk.sandbox.advance("PT1H")
    market.read({"uuid": order})
    text = await desk.again(BY_PAGE)

    assert "abandons: true" in text


async def test_worldlines_shopper_cancels_on_the_page(desk: Desk) -> None:
    made = worldline.Merchant(desk.sandbox).call("create_hosted_checkout", worldline.checkout_body()).json()
    Browser().open(made["redirectUrl"]).submit("cancel")
    assert "- {shopper: hosted_checkout, cancels: true" in await desk.again(BY_PAGE)


async def test_adyens_shopper_fails_at_the_bank_takes_the_voucher_back_and_passes(desk: Desk) -> None:
    link = new_link(desk.sandbox)
    browser = Browser().open(link["url"])
    browser.submit("choose", method=adyen.SODEXO).submit("balance", **RICH_VOUCHER).submit("redeem")
    browser.submit("choose", method="scheme").submit("card", **SECURE_VISA)
    browser.submit("authenticate", user="user", password="guessed")
    browser.open(link["url"]).submit("remove")
    browser.submit("choose", method="scheme").submit("card", **SECURE_VISA).submit("cancel")
    browser.open(link["url"]).submit("choose", method="scheme").submit("card", **SECURE_VISA)
    browser.submit("authenticate", user="user", password="password")
    text = await desk.again(BY_PAGE)

    assert [word for word in text.split() if word.startswith(("fails", "cancels", "gives_back"))] == [
        "fails", "gives_back:", "cancels",
    ]  # fmt: skip
    assert "guessed" not in text


async def test_a_bank_page_that_stays_open_for_a_while(desk: Desk) -> None:
    link = new_link(desk.sandbox)
    browser = Browser().open(link["url"]).submit("choose", method="scheme").submit("card", **SECURE_VISA)
    desk.sandbox.advance("PT5M")
    browser.submit("authenticate", user="user", password="password")
    text = await desk.again(BY_PAGE)

    assert "bank: abandons" in text
    assert "- {shopper: payment_link, bank: passes" in text


async def test_a_bank_page_that_nobody_comes_back_from(desk: Desk) -> None:
    link = new_link(desk.sandbox)
    Browser().open(link["url"]).submit("choose", method="scheme").submit("card", **SECURE_VISA)
    assert "bank: abandons" in await desk.again(BY_PAGE)


async def test_adyens_shopper_fails_at_the_bank_of_a_payment_by_api(desk: Desk) -> None:
    shop = adyen.Shop(desk.sandbox)
    paid = shop.pay(1850, adyen.card("4212345678901237"))
    browser = Browser().open(paid["action"]["url"])
    browser.submit("authenticate", user="somebody", password="password")
    text = await desk.again(BY_PAGE)

    assert "bank: fails" in text


async def test_worldlines_shopper_refuses_as_somebody_else(desk: Desk) -> None:
    made = worldline.Merchant(desk.sandbox).call("create_hosted_checkout", worldline.checkout_body()).json()
    portal = Browser().open(made["redirectUrl"]).submit("confirm", beneficiary="77777777777")
    Browser().open(portal.page.marked["open-phone"]["href"]).submit("refuse")
    text = await desk.again(BY_PAGE)

    assert 'refuses: {with: cv_connect, beneficiary: "77777777777"}' in text


async def test_lyras_shopper_refuses_in_the_app_and_pays_less(desk: Desk) -> None:
    desk.sandbox.call("PUT", "/scenario", {"extends": "default", "settings": {"lyra": {"extra_attempts": 2}}})
    order = lyra_pages.new_order(desk.sandbox)
    url = lyra_pages.page_of(desk.sandbox, order)
    for amount, answer in (("30,00", "decline"), ("12,50", "cv_connect")):
        portal = Browser().open(url).submit("choose", method="cv_connect")
        portal.submit("ask", **lyra_pages.WALLET, amount=amount)
        Browser().open(portal.page.marked["open-phone"]["href"]).submit(answer)
    text = await desk.again(BY_PAGE)

    assert 'refuses: {with: cv_connect, amount: 30.00 EUR, beneficiary: "77777777777"}' in text
    assert "with: cv_connect, amount: 12.50 EUR" in text


async def test_an_amount_that_nobody_can_read_changes_nothing_and_is_not_recorded(desk: Desk) -> None:
    url = lyra_pages.page_of(desk.sandbox, lyra_pages.new_order(desk.sandbox))
    page = Browser().open(url).submit("choose", method="conecs")
    for amount in ("a lot", "12,345"):
        page.submit("conecs", **lyra_pages.MEAL_CARD, amount=amount)
        assert page.status == 422
    page.submit("conecs", **lyra_pages.MEAL_CARD, amount="12,50")
    text = await desk.again(BY_PAGE)

    assert text.count("with: conecs") == 1


@pytest.mark.parametrize(("step", "typed", "word"), [
    ("authenticate", {"code": "000000"}, "bank: fails"),
    ("cancel", {}, "bank: cancels"),
    ("authenticate", {"code": "123 456"}, ""),
])  # fmt: skip
async def test_lyras_shopper_at_the_bank(desk: Desk, step: str, typed: dict[str, str], word: str) -> None:
    order = lyra_pages.new_order(desk.sandbox)
    browser = Browser().open(lyra_pages.page_of(desk.sandbox, order))
    browser.submit("choose", method="card").submit("card", **lyra_pages.SECURE_CARD).submit(step, **typed)
    text = await desk.again(BY_PAGE)

    assert word in text
    assert ("bank:" in text) is bool(word)


def encrypted(text: str) -> str:
    """A value as a secured field of this process encrypts it."""
    token = JWE(json.dumps({"field": "f", "value": text}), json.dumps({"alg": ALGORITHMS[0], "enc": ALGORITHMS[1]}))
    token.add_recipient(JWK.from_json(key_pair().jwk))
    return str(token.serialize(compact=True))


async def test_what_secured_fields_encrypted_is_recorded_as_test_data(desk: Desk) -> None:
    """The key ends with the process, so no other one could open the fields."""
    plain = adyen.sealed(adyen.card())
    means = {name: encrypted(text.removeprefix("test_")) if text.startswith("test_") else text
             for name, text in plain.items()}  # fmt: skip
    assert adyen.Shop(desk.sandbox).pay(1850, means)["resultCode"] == "Authorised"
    text = await desk.again()

    assert "eyJ" not in text
    assert "test_4111111111111111" in text


def by_browser(told: dict[str, object]) -> str:
    """What Worldline's client SDK makes of this."""
    return seal(json.dumps({"nonce": "00", **told}), worldline_encryption.ALGORITHMS)


TYPED_VISA = {"cardNumber": "4330 2649 3634 4675", "expiryDate": "1230", "cvv": "123"}
ORDER = {"amountOfMoney": {"amount": 1850, "currencyCode": "EUR"}}


def from_the_page(desk: Desk, session: dict[str, str], part: str) -> requests.Response:
    """A call of the client API, as the SDK in a browser makes it."""
    door = {"Authorization": f"GCS v1Client:{session['clientSessionId']}"}
    return requests.get(f"{desk.sandbox.url}/client/v1/{session['customerId']}/{part}", headers=door, timeout=10)


def typed(**values: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


async def test_what_worldlines_client_sdk_encrypted_is_recorded_in_clear(desk: Desk) -> None:
    """Payments, a token, the card on file behind it, surcharges, and an input whose session has ended."""
    shop = worldline.Merchant(desk.sandbox)
    session = shop.call("create_session", {}).json()
    for part in ("crypto/publickey", "products/1?countryCode=FR&currencyCode=EUR&isRecurring=false"):
        assert from_the_page(desk, session, part).status_code == 200
    told = {"clientSessionId": session["clientSessionId"], "paymentProductId": 1, "paymentValues": typed(**TYPED_VISA)}
    sealed = by_browser(told)
    assert shop.call("create_payment", {"order": ORDER, "encryptedCustomerInput": sealed}).status_code == 201
    kept = shop.call("create_token", {"paymentProductId": 1, "encryptedCustomerInput": sealed}).json()["token"]
    again = by_browser({**told, "accountOnFileId": kept, "paymentValues": typed(cvv="123")})
    assert shop.call("create_payment", {"order": ORDER, "encryptedCustomerInput": again}).status_code == 201
    source = {"cardSource": {"encryptedCustomerInput": sealed}, "amountOfMoney": ORDER["amountOfMoney"]}
    assert shop.call("calculate_surcharge", source).status_code == 200
    desk.sandbox.advance("PT4H")
    assert shop.call("create_payment", {"order": ORDER, "encryptedCustomerInput": sealed}).status_code == 400
    text = await desk.again()

    assert 'clientSessionId: "${session.clientSessionId}"' in text
    assert 'accountOnFileId: "${token.token}"' in text
    assert 'cardNumber: "4330 2649 3634 4675"' in text
    assert 'Authorization: "GCS v1Client:${session.clientSessionId}"' in text
    assert "eyJ" not in text
    assert "nonce" not in text


async def test_what_was_encrypted_for_cv_connect_is_recorded_too(desk: Desk) -> None:
    shop = worldline.Merchant(desk.sandbox)
    session = shop.call("create_session", {}).json()["clientSessionId"]
    sealed = by_browser({"clientSessionId": session, "paymentProductId": 5412, "paymentValues": []})
    body = {**worldline.checkout_body(), "encryptedCustomerInput": sealed}
    assert shop.call("create_payment", body).status_code == 201
    assert "paymentProductId: 5412" in await desk.again()


async def test_what_was_encrypted_for_another_key_is_as_unreadable_when_it_is_played(desk: Desk) -> None:
    other = JWE("{}", json.dumps({"alg": "RSA-OAEP", "enc": "A256CBC-HS512", "kid": "another"}))
    other.add_recipient(JWK.generate(kty="RSA", size=2048))
    body = {"order": ORDER, "encryptedCustomerInput": str(other.serialize(compact=True))}
    assert worldline.Merchant(desk.sandbox).call("create_payment", body).status_code == 400
    text = await desk.again(("request",))

    assert "# What a browser encrypted could not be read, and what stands in its place cannot either." in text


async def test_a_strange_card_that_was_encrypted_is_masked(desk: Desk) -> None:
    shop = worldline.Merchant(desk.sandbox)
    session = shop.call("create_session", {}).json()["clientSessionId"]
    strange = typed(cardNumber="4012888888881881", expiryDate="1230", cvv="987")
    sealed = by_browser({"clientSessionId": session, "paymentProductId": 1, "paymentValues": strange})
    shop.call("create_payment", {"order": ORDER, "encryptedCustomerInput": sealed})
    ended = CliRunner().invoke(cli, ["record", desk.sandbox.id, "--url", desk.sandbox.url])

    assert ended.exit_code == 3
    assert "4012888888881881" not in ended.stdout
    assert "987" not in ended.stdout


def test_what_is_missing_is_said_on_the_error_stream_too(desk: Desk) -> None:
    requests.post(f"{desk.sandbox.url}/v72/payments", data=b"{", timeout=10, headers={
        "X-API-Key": desk.sandbox.credentials["adyen"]["api_key"], "Content-Type": "application/json"})  # fmt: skip
    ended = CliRunner().invoke(cli, ["record", desk.sandbox.id, "--url", desk.sandbox.url])

    assert ended.exit_code == 3
    told = "Not recorded: the body of payments, which is no JSON; a story sends it as a JSON text."
    assert told in ended.stderr
    assert f"# {told}" in ended.stdout


async def test_a_card_that_is_stored_on_a_page_and_pays_on_another(desk: Desk) -> None:
    asks = {
        "shopperReference": "ada-1",
        "recurringProcessingModel": "CardOnFile",
        "storePaymentMethodMode": "askForConsent",
    }
    page = Browser().open(new_link(desk.sandbox, **asks)["url"]).submit("choose", method="scheme")
    page.submit("card", **VISA, keep="yes")
    page = Browser().open(new_link(desk.sandbox, **asks)["url"])
    [token] = [
        name.removeprefix("method-") for name in page.page.marked if name.startswith("method-") and name[7:].isupper()
    ]
    page.submit("choose", method=token).submit("card", cvc="737")
    text = await desk.again(BY_PAGE)
    assert "keep: yes" in text
    assert f"stored: {token}" in text
