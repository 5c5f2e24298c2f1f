"""Holiday vouchers (``ancv``): order first, an answer in the app, polling, and details that may be asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.support.adyen import RETURN_URL, Inbox, Shop, card, eur, pass_on, sealed
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.dropin import Page, Session
from tests.support.receiver import Receiver

NewSandbox = Callable[..., ControlledSandbox]
ALICE, BOB, REFUSED, STRANGER = "11111111111", "77777777777", "33333333333", "66666666666"


@pytest.fixture
def shop(sandbox: ControlledSandbox) -> Shop:
    """The shop's server."""
    return Shop(sandbox)


@pytest.fixture
def inbox(sandbox: ControlledSandbox, receiver: Receiver) -> Inbox:
    """The merchant's webhook endpoint."""
    return Inbox(sandbox, receiver)


def ancv(beneficiary: str = ALICE) -> dict[str, str]:
    """As the form sends it."""
    return {"type": "ancv", "beneficiaryId": beneficiary}


def session(shop: Shop, amount: int = 18050, **more: Any) -> Session:
    """A session of the shop in a browser."""
    given = {"reference": "HOLIDAY-1", "returnUrl": RETURN_URL, "countryCode": "FR", "shopperLocale": "fr-FR", **more}
    return Session(shop.sandbox, shop.call("create_session", amount=eur(amount), **given))


def places(shop: Shop) -> list[str]:
    """Where shoppers are waited for."""
    return [each["place"] for each in shop.sandbox.call("GET", "/checkouts")["checkouts"]]


def app_of(shop: Shop) -> dict[str, Any]:
    """The only open checkout that waits in the app."""
    waiting: list[dict[str, Any]] = shop.sandbox.call("GET", "/checkouts")["checkouts"]
    [found] = [each for each in waiting if each["place"] == "adyen.ancv"]
    return found


def asked(shop: Shop, beneficiary: str = ALICE, amount: int = 18050) -> tuple[Session, dict[str, Any]]:
    """A session whose payment waits in the app, and its action."""
    page = session(shop, amount)
    page.open_order()
    told = page.pay(ancv(beneficiary))
    assert told["resultCode"] == "Pending"
    assert told["action"]["type"] == "await"
    assert "remainingAmount" not in told["order"], "it is not known yet"
    return page, told["action"]


WAITING = {"type": "pending", "resultCode": "pending", "payload": ""}


def test_ancv_is_on_offer_in_france_for_euros(shop: Shop) -> None:
    told = session(shop).setup()["paymentMethods"]["paymentMethods"]
    assert {"type": "ancv", "name": "Chèque-Vacances Connect"} in told
    elsewhere = shop.call("payment_methods", countryCode="DE", amount=eur(1000))["paymentMethods"]
    assert "ancv" not in [each["type"] for each in elsewhere]


def test_the_whole_amount_is_approved(shop: Shop, inbox: Inbox) -> None:
    page, action = asked(shop)
    assert page.poll(action) == WAITING
    shop.sandbox.shopper(app_of(shop)["ref"], {"pay": [{"with": "ancv"}]})
    told = page.poll(action)
    assert (told["type"], told["resultCode"]) == ("complete", "authorised")
    paid = page.answered(action, told["payload"])
    assert paid["resultCode"] == "Authorised"
    assert paid["order"]["remainingAmount"] == eur(0)
    assert shop.call("get_session", page.id, query={"sessionResult": page.result})["status"] == "completed"
    assert [code for code, _ in inbox.told()] == ["ORDER_OPENED", "PENDING", "AUTHORISATION", "ORDER_CLOSED"]


def test_a_part_is_approved_and_a_card_pays_the_rest(shop: Shop, inbox: Inbox) -> None:
    page, action = asked(shop)
    shop.sandbox.shopper(app_of(shop)["ref"], {"pay": [{"with": "ancv", "amount": "120.00 EUR"}]})
    told = page.poll(action)
    assert told["resultCode"] == "partiallyauthorised"
    part = page.answered(action, told["payload"])
    assert part["resultCode"] == "PartiallyAuthorised"
    assert part["order"]["remainingAmount"] == eur(6050)
    [leg] = page.order_status(part["order"]["orderData"])["paymentMethods"]
    assert (leg["type"], leg["label"], leg["amount"]) == ("ancv", "Chèque-Vacances Connect", eur(12000))
    assert page.pay(sealed(card()))["order"]["remainingAmount"] == eur(0)
    amounts = [each["amount"]["value"] for each in inbox.items("AUTHORISATION")]
    assert amounts == [12000, 6050]


def test_details_asked_again_and_again_take_nothing_more(shop: Shop) -> None:
    page, action = asked(shop)
    shop.sandbox.shopper(app_of(shop)["ref"], {"pay": [{"with": "ancv", "amount": "15.00 EUR"}]})
    payload = page.poll(action)["payload"]
    answers = [page.answered(action, payload) for _ in range(3)]
    assert {each["order"]["remainingAmount"]["value"] for each in answers} == {16550}
    [wallet] = [each for each in shop.sandbox.accounts().values() if (each["kind"], each["title"]) == ("ancv", "1111")]
    assert wallet["balance"] == "99985.00 EUR"


def test_a_wallet_approves_what_it_holds_when_nobody_says_how_much(shop: Shop) -> None:
    page, action = asked(shop, BOB, 50000)
    shop.sandbox.shopper(app_of(shop)["ref"], {"pay": [{"with": "ancv"}]})
    part = page.answered(action, page.poll(action)["payload"])
    assert part["order"]["remainingAmount"] == eur(20000)


@pytest.mark.parametrize(
    ("answer", "code", "result"),
    [
        pytest.param({"pay": [{"with": "ancv", "answer": "refuses"}]}, "refused", "Refused", id="refuses"),
        pytest.param({"cancel": True}, "cancelled", "Cancelled", id="cancels"),
    ],
)
def test_the_shopper_says_no(shop: Shop, inbox: Inbox, answer: dict[str, Any], code: str, result: str) -> None:
    page, action = asked(shop)
    shop.sandbox.shopper(app_of(shop)["ref"], answer)
    told = page.poll(action)
    assert (told["type"], told["resultCode"]) == ("complete", code)
    assert told["payload"], "or the page never asks for the details"
    assert page.answered(action, told["payload"])["resultCode"] == result
    assert inbox.item("AUTHORISATION")["success"] == "false"
    assert page.pay(sealed(card()))["order"]["remainingAmount"] == eur(0), "the order is still open"


def test_ancv_refuses_what_its_beneficiary_approves(shop: Shop) -> None:
    page, action = asked(shop, REFUSED)
    shop.sandbox.shopper(app_of(shop)["ref"], {"pay": [{"with": "ancv"}]})
    assert page.poll(action)["resultCode"] == "refused"


def test_a_beneficiary_that_ancv_does_not_know_is_refused_at_once(shop: Shop) -> None:
    page = session(shop)
    page.open_order()
    assert page.pay(ancv(STRANGER))["resultCode"] == "Refused"


def test_an_e_mail_address_finds_the_wallet(shop: Shop) -> None:
    _, action = asked(shop, "Alice@Example.test")
    assert action["paymentData"]


def test_an_answer_that_never_comes_sets_the_share_free_again(shop: Shop) -> None:
    page, action = asked(shop)
    assert page.order is not None
    assert page.order_status(page.order["orderData"])["remainingAmount"] == eur(0), "it is reserved"
    shop.sandbox.advance("PT15M")
    told = page.poll(action)
    assert told["resultCode"] == "cancelled"
    assert page.answered(action, told["payload"])["resultCode"] == "Cancelled"
    assert page.order_status(page.order["orderData"])["remainingAmount"] == eur(18050)
    assert places(shop) == ["adyen.session"], "nobody is waited for in the app"


def test_a_shopper_who_pays_otherwise_meanwhile_gives_the_answer_up(shop: Shop) -> None:
    page, action = asked(shop)
    assert page.pay(sealed(card()))["order"]["remainingAmount"] == eur(0)
    assert page.poll(action)["resultCode"] == "cancelled"


def test_the_order_is_removed_while_the_app_waits(shop: Shop) -> None:
    page, action = asked(shop)
    page.remove()
    assert page.poll(action)["resultCode"] == "cancelled"


# -- the advanced flow -----------------------------------------------------------------------------------------------


def test_the_shops_own_server_asks_and_the_browser_polls(shop: Shop) -> None:
    order = shop.order(18050)
    told = shop.pay(18050, ancv(), order=order)
    assert told["resultCode"] == "Pending"
    page = Page(shop.sandbox)
    assert page.poll(told["action"]) == WAITING
    shop.sandbox.shopper(told["pspReference"], {"pay": [{"with": "ancv", "amount": "100.00 EUR"}]})
    payload = page.poll(told["action"])["payload"]
    data = told["action"]["paymentData"]
    part = shop.call("payments_details", details={"payload": payload}, paymentData=data)
    assert part["resultCode"] == "PartiallyAuthorised"
    assert part["amount"] == eur(10000)
    assert shop.call("payments_details", details={"payload": payload}, paymentData=data) == part
    rest = shop.pay(8050, card(), order=part)
    assert rest["order"]["remainingAmount"] == eur(0)
    assert shop.call("refund", part["pspReference"], amount=eur(4000))["status"] == "received"


def test_outside_an_order_only_the_whole_amount_can_be_approved(shop: Shop) -> None:
    told = shop.pay(18050, ancv())
    answer = {"pay": [{"with": "ancv", "amount": "100.00 EUR"}]}
    shop.sandbox.shopper(told["pspReference"], answer, status=409)
    shop.sandbox.shopper(told["pspReference"], {"pay": [{"with": "ancv"}]})
    payload = Page(shop.sandbox).poll(told["action"])["payload"]
    assert shop.call("payments_details", details={"payload": payload})["resultCode"] == "Authorised"


# -- the scenario ----------------------------------------------------------------------------------------------------


def with_lines(new_sandbox: NewSandbox, **lines: Any) -> Shop:
    """A shop in a scenario with one wallet and these lines."""
    world = {"adyen": {"ancv_wallets": [{"beneficiary": ALICE, "balance": "200.00 EUR"}]}}
    return Shop(new_sandbox(scenario={"mockpsp": 1, "title": "Holiday vouchers", "world": world, **lines}))


def test_a_scripted_shopper_answers_by_himself(new_sandbox: NewSandbox) -> None:
    shopper = [{"at": "adyen.ancv", "pays": [{"with": "ancv", "amount": "50.00 EUR"}]}]
    page, action = asked(shop := with_lines(new_sandbox, shopper=shopper))
    shop.sandbox.settle()
    assert page.poll(action)["resultCode"] == "partiallyauthorised"


def test_a_rule_refuses_what_the_shopper_approved(new_sandbox: NewSandbox) -> None:
    rule = {"operation": "adyen.ancv", "then": {"outcome": "refused", "reason": "transaction_not_permitted"}}
    page, action = asked(shop := with_lines(new_sandbox, rules=[rule]))
    shop.sandbox.shopper(app_of(shop)["ref"], {"pay": [{"with": "ancv"}]})
    assert page.poll(action)["resultCode"] == "refused"


def test_a_merchant_account_may_not_take_them(new_sandbox: NewSandbox) -> None:
    page = session(with_lines(new_sandbox, settings={"adyen": {"ancv": False}}))
    assert "ancv" not in [each["type"] for each in page.setup()["paymentMethods"]["paymentMethods"]]
    answer = page.send(
        "session_payments", f"v1/sessions/{page.id}/payments", {"sessionData": page.data, "paymentMethod": ancv()}
    )
    assert (answer.status_code, answer.json()["errorCode"]) == (500, "905")


def test_how_long_an_answer_is_waited_for_is_a_setting(new_sandbox: NewSandbox) -> None:
    page, action = asked(shop := with_lines(new_sandbox, settings={"adyen": {"ancv_life": "PT2M"}}))
    shop.sandbox.advance("PT2M")
    assert page.poll(action)["resultCode"] == "cancelled"


# -- the app's page --------------------------------------------------------------------------------------------------


def test_the_page_of_the_app_approves_a_part(shop: Shop) -> None:
    page, action = asked(shop, BOB)
    browser = Browser().open(app_of(shop)["url"])
    assert browser.text("wallet-balance") == "300,00 €"
    browser.submit("approve", amount="500")
    assert browser.text("error-amount") == "Saisissez 180,50 € au plus."
    browser.submit("approve", amount="beaucoup")
    assert browser.text("error-amount") == "Saisissez un montant, par exemple 180,50."
    browser.submit("approve", amount="100,00")
    assert browser.page.marked["outcome"]["data-outcome"] == "paid"
    assert browser.text("approved-amount") == "100,00 €"
    assert page.poll(action)["resultCode"] == "partiallyauthorised"


@pytest.mark.parametrize(("step", "outcome"), [("refuse", "refused"), ("cancel", "cancelled")])
def test_the_page_of_the_app_says_no(shop: Shop, step: str, outcome: str) -> None:
    page, action = asked(shop)
    browser = Browser().open(app_of(shop)["url"])
    browser.submit(step)
    assert browser.page.marked["outcome"]["data-outcome"] == outcome
    assert page.poll(action)["resultCode"] == outcome


def test_the_page_of_the_app_is_over_after_the_shop_was_told_otherwise(shop: Shop) -> None:
    page, _ = asked(shop)
    browser = Browser().open(app_of(shop)["url"])
    page.pay(sealed(card()))
    browser.submit("approve", amount="180,50")
    assert browser.page.marked["outcome"]["data-outcome"] == "expired"


def test_the_banks_page_is_not_the_app(shop: Shop) -> None:
    page, action = asked(shop)
    bank = app_of(shop)["url"].replace("/ancv/app", "/threeDS/redirect")
    form = {"step": "authenticate", "user": "user", "password": "password"}
    assert requests.get(bank, timeout=30).status_code == 404
    assert requests.post(bank, data=form, timeout=30).status_code == 404
    assert page.poll(action) == WAITING


def test_details_of_two_payments_do_not_fit(shop: Shop) -> None:
    told = [shop.pay(1000, ancv(), reference=each) for each in ("A", "B")]
    first, second = (each["action"]["paymentData"] for each in told)
    shop.sandbox.shopper(told[0]["pspReference"], {"pay": [{"with": "ancv"}]})
    payload = Page(shop.sandbox).poll({"paymentData": first})["payload"]
    answer = shop.post("/payments/details", {"details": {"payload": payload}, "paymentData": second})
    assert (answer.status_code, answer.json()["errorCode"]) == (422, "14_003")


def test_an_open_order_can_be_named_by_the_answer(shop: Shop) -> None:
    told = shop.pay(18050, ancv(), order=shop.order(18050))
    assert set(pass_on(told)) == {"pspReference", "orderData"}
