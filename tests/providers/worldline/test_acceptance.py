"""The acceptance calls: the unmodified official SDK pays, captures and refunds, a shopper clicks, webhooks arrive.

Judges are ``onlinepayments-sdk-python3`` and what the platform's documentation promises, not our own client.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import pytest
import requests
from onlinepayments.sdk.api_exception import ApiException
from onlinepayments.sdk.authorization_exception import AuthorizationException
from onlinepayments.sdk.call_context import CallContext
from onlinepayments.sdk.communication.request_header import RequestHeader
from onlinepayments.sdk.declined_payment_exception import DeclinedPaymentException
from onlinepayments.sdk.declined_refund_exception import DeclinedRefundException
from onlinepayments.sdk.domain.cancel_payment_request import CancelPaymentRequest
from onlinepayments.sdk.domain.capture_payment_request import CapturePaymentRequest
from onlinepayments.sdk.domain.create_hosted_checkout_request import CreateHostedCheckoutRequest
from onlinepayments.sdk.domain.create_payment_request import CreatePaymentRequest
from onlinepayments.sdk.domain.refund_request import RefundRequest
from onlinepayments.sdk.domain.send_test_request import SendTestRequest
from onlinepayments.sdk.domain.validate_credentials_request import ValidateCredentialsRequest
from onlinepayments.sdk.idempotence_exception import IdempotenceException
from onlinepayments.sdk.json.default_marshaller import DefaultMarshaller
from onlinepayments.sdk.merchant.products.get_payment_product_params import GetPaymentProductParams
from onlinepayments.sdk.merchant.products.get_payment_products_params import GetPaymentProductsParams
from onlinepayments.sdk.reference_exception import ReferenceException
from onlinepayments.sdk.validation_exception import ValidationException
from onlinepayments.sdk.webhooks.in_memory_secret_key_store import InMemorySecretKeyStore
from onlinepayments.sdk.webhooks.signature_validation_exception import SignatureValidationException
from onlinepayments.sdk.webhooks.webhooks_helper import WebhooksHelper

from mockpsp.providers.worldline.settings import SCHEMA
from mockpsp.providers.worldline.webhooks import signature
from tests.support.browser import Browser
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver
from tests.support.server import Threaded
from tests.support.worldline import Merchant, checkout_body, model, sdk

NewSandbox = Callable[..., ControlledSandbox]
SECONDS = "2026-01-06T09:15:00Z"
VISA = {"with": "card", "number": "4330264936344675"}
WORLD = {
    "worldline": {
        "wallets": [
            {"beneficiary": "11111111111", "email": "alice@example.test", "balance": "10000.00 EUR"},
            {"beneficiary": "33333333333", "balance": "10000.00 EUR", "answers": "refuses"},
            {"beneficiary": "77777777777", "balance": "300.00 EUR"},
        ]
    }
}


@pytest.fixture
def merchant(sandbox: ControlledSandbox) -> Any:
    """The SDK of this sandbox's merchant."""
    return sdk(sandbox)


@pytest.fixture
def webhooks(sandbox: ControlledSandbox, receiver: Receiver) -> Callable[[], list[Any]]:
    """Events as the SDK's helper reads them, after everything that is due has been sent."""
    sandbox.endpoint("worldline", receiver.url)
    return lambda: unmarshalled(sandbox, receiver)


def unmarshalled(sandbox: ControlledSandbox, receiver: Receiver) -> list[Any]:
    """Verify and read everything that was received."""
    sandbox.settle()
    helper = helper_of(sandbox)
    return [
        helper.unmarshal(each.body, [RequestHeader(name, value) for name, value in each.headers])
        for each in receiver.received
    ]


def helper_of(sandbox: ControlledSandbox) -> WebhooksHelper:
    """The SDK's own webhook helper with this sandbox's key."""
    given = sandbox.credentials["worldline"]
    store = InMemorySecretKeyStore.instance()
    store.store_secret_key(given["webhook_key_id"], given["webhook_secret"])
    return WebhooksHelper(DefaultMarshaller.instance(), store)


def with_settings(new_sandbox: NewSandbox, **settings: Any) -> ControlledSandbox:
    """A sandbox whose scenario changes these settings and nothing else."""
    scenario = {"mockpsp": 1, "title": "Other settings", "world": WORLD, "settings": {"worldline": settings}}
    return new_sandbox(scenario=scenario)


def open_checkout(merchant: Any, body: dict[str, Any] | None = None, context: CallContext | None = None) -> Any:
    """CreateHostedCheckout through the SDK."""
    request = model(CreateHostedCheckoutRequest, body or checkout_body())
    return merchant.hosted_checkout().create_hosted_checkout(request, context)


def payment_body(amount: int = 12000, beneficiary: str | None = "11111111111", **redirect: Any) -> dict[str, Any]:
    """CreatePayment for 5412."""
    specific: dict[str, Any] = {"adjustableAmount": False}
    if beneficiary is not None:
        specific["beneficiaryId"] = beneficiary
    return {
        "redirectPaymentMethodSpecificInput": {
            "paymentProductId": 5412,
            "requiresApproval": False,
            "redirectionData": {"returnUrl": "https://shop.example/return"},
            "paymentProduct5412SpecificInput": specific,
            **redirect,
        },
        "order": {
            "amountOfMoney": {"amount": amount, "currencyCode": "EUR"},
            "customer": {
                "locale": "fr_FR",
                "billingAddress": {"countryCode": "FR"},
                "contactDetails": {"emailAddress": "alice@example.test"},
            },
            "references": {"merchantReference": "ORD-2026-0001"},
        },
    }


def pay(merchant: Any, body: dict[str, Any], context: CallContext | None = None) -> Any:
    """CreatePayment through the SDK."""
    return merchant.payments().create_payment(model(CreatePaymentRequest, body), context)


def refund(merchant: Any, payment_id: str, amount: int | None, reference: str = "RF-1") -> Any:
    """RefundPayment through the SDK."""
    body: dict[str, Any] = {"operationReferences": {"merchantReference": reference}}
    if amount is not None:
        body["amountOfMoney"] = {"amount": amount, "currencyCode": "EUR"}
    return merchant.payments().refund_payment(payment_id, model(RefundRequest, body))


def capture(merchant: Any, payment_id: str, amount: int | None = None, *, final: bool = False) -> Any:
    """CapturePayment through the SDK."""
    body: dict[str, Any] = {"isFinal": final, "operationReferences": {"merchantReference": "CAP-1"}}
    if amount is not None:
        body["amount"] = amount
    return merchant.payments().capture_payment(payment_id, model(CapturePaymentRequest, body))


def cancel(merchant: Any, payment_id: str, amount: int | None = None) -> Any:
    """CancelPayment through the SDK."""
    body = {} if amount is None else {"amountOfMoney": {"amount": amount, "currencyCode": "EUR"}}
    return merchant.payments().cancel_payment(payment_id, model(CancelPaymentRequest, body))


def paid_split(sandbox: ControlledSandbox, merchant: Any, **sections: Any) -> str:
    """An order of 1400.00 EUR: vouchers paid 1000.00, a card 400.00. Its hostedCheckoutId."""
    checkout = open_checkout(merchant, checkout_body(**sections)).hosted_checkout_id
    vouchers = {"with": "cv_connect", "amount": "1000.00 EUR"}
    sandbox.shopper(checkout, {"pay": [vouchers, VISA]})
    return str(checkout)


def authorised(sandbox: ControlledSandbox, merchant: Any, amount: int = 12000) -> str:
    """A payment by vouchers that waits for its capture. Its payment id."""
    created = pay(merchant, payment_body(amount, requiresApproval=True))
    inner = created.payment.id.partition("_")[0]
    sandbox.shopper(inner, {"pay": [{"with": "cv_connect"}]})
    return str(created.payment.id)


def operations(merchant: Any, payment_id: str) -> list[tuple[str, int, str, int, str]]:
    """Operations of GetPaymentDetails: id, amount, word, code, method."""
    details = merchant.payments().get_payment_details(payment_id)
    return [
        (each.id, each.amount_of_money.amount, each.status, each.status_output.status_code, each.payment_method)
        for each in details.operations
    ]


def refused(error: pytest.ExceptionInfo[Any]) -> tuple[int, str | None, str | None]:
    """HTTP status, id and property of the first error."""
    first = error.value.errors[0]
    assert error.value.error_id
    return error.value.status_code, first.id, first.property_name


# -- 1. connection -----------------------------------------------------------------------------------------------------


def test_the_connection_is_fine(merchant: Any) -> None:
    assert merchant.services().test_connection().result == "OK"


@pytest.mark.parametrize(
    "wrong", [{"secret_api_key": "wrong"}, {"api_key_id": "NOBODY"}, {"merchant_id": "000000"}], ids=str
)
def test_wrong_credentials_are_refused_with_403(sandbox: ControlledSandbox, wrong: dict[str, str]) -> None:
    with pytest.raises(AuthorizationException) as error:
        sdk(sandbox, **wrong).services().test_connection()
    assert refused(error) == (403, "ACCESS_TO_MERCHANT_NOT_ALLOWED", None)
    assert error.value.errors[0].code == "9007"


def test_the_merchants_name_is_the_same_in_lower_case(sandbox: ControlledSandbox) -> None:
    name = sandbox.credentials["worldline"]["merchant_id"].lower()
    assert sdk(sandbox, merchant_id=name).services().test_connection().result == "OK"


def test_a_key_opens_no_other_sandbox(new_sandbox: NewSandbox) -> None:
    mine, theirs = new_sandbox(), new_sandbox()
    checkout = open_checkout(sdk(mine)).hosted_checkout_id
    with pytest.raises(ReferenceException):
        sdk(theirs).hosted_checkout().get_hosted_checkout(checkout)


def test_an_answer_explains_a_wrong_signature_in_the_journal(sandbox: ControlledSandbox) -> None:
    caller = Merchant(sandbox)
    target = caller.target("test_connection", {}, {})
    headers = caller.headers("GET", target, None, {})
    headers["Authorization"] = headers["Authorization"][:-5] + "AAAA="
    answer = requests.get(f"{sandbox.url}{target}", headers=headers, timeout=10)
    assert answer.status_code == 403
    assert f"{target}⏎" in json.dumps(
        sandbox.call("GET", f"/journal/{answer.headers['Mockpsp-Trace']}"), ensure_ascii=False
    )


# -- 2. products -------------------------------------------------------------------------------------------------------


def test_product_5412_sends_the_customer_elsewhere(merchant: Any) -> None:
    params = GetPaymentProductParams()
    params.country_code, params.currency_code, params.is_recurring = "FR", "EUR", False
    product = merchant.products().get_payment_product(5412, params)
    assert (product.id, product.payment_method) == (5412, "redirect")
    assert product.uses_redirection_to3rd_party is True
    assert product.display_hints.label == "Chèque-Vacances Connect"


def test_products_need_a_country(merchant: Any) -> None:
    with pytest.raises(ValidationException) as error:
        merchant.products().get_payment_product(5412, GetPaymentProductParams())
    assert refused(error) == (400, "INVALID_VALUE", "countryCode")


def test_an_unknown_product_is_404(merchant: Any) -> None:
    params = GetPaymentProductParams()
    params.country_code, params.currency_code = "FR", "EUR"
    with pytest.raises(ReferenceException) as error:
        merchant.products().get_payment_product(-1, params)
    assert refused(error) == (404, "UNKNOWN_PRODUCT_ID", "productId")


@pytest.mark.parametrize(
    ("currency", "hide", "there"),
    [("EUR", [], True), ("EUR", ["fields", "accountsOnFile"], True), ("CHF", [], False),
     ("EUR", ["productsWithRedirects"], False)],
)  # fmt: skip
def test_vouchers_are_listed_for_euros_and_unless_redirects_are_hidden(
    merchant: Any, currency: str, hide: list[str], there: bool
) -> None:
    params = GetPaymentProductsParams()
    params.country_code, params.currency_code = "FR", currency
    for each in hide:
        params.add_hide(each)
    listed = [product.id for product in merchant.products().get_payment_products(params).payment_products]
    assert (5412 in listed) is there
    assert 1 in listed


# -- 3. a hosted checkout ----------------------------------------------------------------------------------------------


def test_a_checkout_is_in_progress_from_its_first_moment(merchant: Any) -> None:
    created = open_checkout(merchant)
    assert created.hosted_checkout_id.isdigit()
    assert len(created.hosted_checkout_id) == 10
    assert created.returnmac
    assert created.redirect_url.endswith(created.partial_redirect_url)
    checkout = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert checkout.status == "IN_PROGRESS"
    payment = checkout.created_payment_output.payment
    assert (payment.id, payment.status) == (f"{created.hosted_checkout_id}_0", "CREATED")
    assert payment.payment_output.acquired_amount.amount == 0
    assert checkout.created_payment_output.payment_status_category == "REJECTED", "the older table says so for CREATED"


def test_an_unknown_checkout_is_404(merchant: Any) -> None:
    with pytest.raises(ReferenceException) as error:
        merchant.hosted_checkout().get_hosted_checkout("9999999999")
    assert refused(error) == (404, "UNKNOWN_HOSTED_CHECKOUT_ID", "hostedCheckoutId")


# -- 4. the shopper at the page ----------------------------------------------------------------------------------------


def at_cv_connect(created: Any, beneficiary: str | None = None) -> Browser:
    """A browser that has gone on to CV Connect."""
    browser = Browser().open(created.redirect_url)
    return browser.submit("confirm", **({} if beneficiary is None else {"beneficiary": beneficiary}))


def on_the_phone(desktop: Browser) -> Browser:
    """The phone that opens the app by the portal's link."""
    return Browser().open(desktop.page.marked["open-phone"]["href"])


CARD = {"card_number": "4330 2649 3634 4675", "card_holder": "CAMILLE MARTIN", "expiry": "12/30", "cvv": "123"}


def test_vouchers_pay_everything_on_a_desktop_and_a_phone(merchant: Any) -> None:
    created = open_checkout(merchant, checkout_body(12000))
    desktop = at_cv_connect(created)
    assert desktop.page.marked["waiting"]["data-stage"] == "1"
    assert merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id).status == "IN_PROGRESS"
    phone = on_the_phone(desktop)
    assert phone.form("voucher").fields["voucher_amount"] == "120,00"
    assert desktop.open(desktop.url).page.marked["waiting"]["data-stage"] == "2"
    phone.submit("voucher")
    assert phone.page.marked["outcome"]["data-outcome"] == "paid"
    desktop.open(desktop.url)
    assert desktop.left.startswith("https://shop.example/return?cart=77&"), "the merchant's own query is kept"
    assert desktop.returned() == {
        "cart": "77", "RETURNMAC": created.returnmac, "hostedCheckoutId": created.hosted_checkout_id,
    }  # fmt: skip
    checkout = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert checkout.status == "PAYMENT_CREATED"
    assert checkout.created_payment_output.payment_status_category == "SUCCESSFUL"


def test_a_split_is_completed_in_the_app(merchant: Any) -> None:
    created = open_checkout(merchant)
    desktop = at_cv_connect(created)
    phone = on_the_phone(desktop).submit("voucher", voucher_amount="1 000,00")
    assert phone.text("remaining-amount").replace("\xa0", " ").replace("\u202f", " ") == "400,00 €"
    assert desktop.open(desktop.url).page.marked["waiting"]["data-stage"] == "3"
    halfway = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert (halfway.status, acquired(halfway)) == ("IN_PROGRESS", 100000)
    phone.submit("card", **CARD)
    assert phone.page.marked["outcome"]["data-outcome"] == "paid"
    assert {"tender-5412", "tender-1"} <= set(phone.page.marked)
    done = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert (done.status, acquired(done)) == ("PAYMENT_CREATED", 140000)
    assert desktop.open(desktop.url).returned()["hostedCheckoutId"] == created.hosted_checkout_id


def acquired(checkout: Any) -> int:
    """acquiredAmount of GetHostedCheckout."""
    return int(checkout.created_payment_output.payment.payment_output.acquired_amount.amount)


def test_the_customer_cancels_on_the_page(merchant: Any) -> None:
    created = open_checkout(merchant)
    browser = Browser().open(created.redirect_url).submit("cancel")
    assert browser.returned()["RETURNMAC"] == created.returnmac
    checkout = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert checkout.status == "CANCELLED_BY_CONSUMER"
    payment = checkout.created_payment_output.payment
    assert (payment.status, payment.status_output.status_code) == ("CANCELLED", 1)
    assert payment.status_output.errors[0].error_code == "30171001"


def test_the_beneficiary_declines_in_the_app(merchant: Any) -> None:
    created = open_checkout(merchant)
    desktop = at_cv_connect(created)
    on_the_phone(desktop).submit("refuse")
    assert desktop.open(desktop.url).returned()["hostedCheckoutId"] == created.hosted_checkout_id
    checkout = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert checkout.status == "CANCELLED_BY_CONSUMER"


def test_ancv_refuses_a_beneficiary_until_no_attempt_is_left(merchant: Any) -> None:
    body = checkout_body(hostedCheckoutSpecificInput={"allowedNumberOfPaymentAttempts": 2})
    created = open_checkout(merchant, body)
    browser = at_cv_connect(created, "33333333333")
    assert browser.shows("error")
    checkout = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert (checkout.status, checkout.created_payment_output.payment.status) == ("IN_PROGRESS", "REJECTED")
    browser.submit("confirm", beneficiary="33333333333")
    assert browser.left
    checkout = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert (checkout.status, checkout.created_payment_output.payment.status) == ("PAYMENT_CREATED", "REJECTED")
    assert checkout.created_payment_output.payment_status_category == "REJECTED"


def test_a_slip_on_the_page_is_shown_beside_its_field_and_costs_no_attempt(merchant: Any) -> None:
    body = checkout_body(hostedCheckoutSpecificInput={"allowedNumberOfPaymentAttempts": 1})
    created = open_checkout(merchant, body)
    browser = at_cv_connect(created, "66666666666")
    assert (browser.status, browser.shows("error-beneficiary")) == (422, True)
    assert browser.form("confirm").fields["beneficiary"] == "66666666666"
    phone = on_the_phone(browser.submit("confirm", beneficiary="11111111111"))
    for typed in ("1400,01", "0", "-1", "abc", "", "1,234"):
        phone.submit("voucher", voucher_amount=typed)
        assert (phone.status, phone.shows("error-voucher_amount")) == (422, True), typed
    phone.submit("voucher", voucher_amount="1000.00")
    for field, typed in (("card_number", "4330264936344676"), ("expiry", "13/30"), ("cvv", "1")):
        phone.submit("card", **{**CARD, field: typed})
        assert (phone.status, phone.shows(f"error-{field}")) == (422, True), field
    phone.submit("card", **CARD)
    assert phone.page.marked["outcome"]["data-outcome"] == "paid"


def test_an_account_without_vouchers_says_so_and_offers_to_refuse(merchant: Any, sandbox: ControlledSandbox) -> None:
    sandbox.call("PUT", "/accounts/worldline/wallet/11111111111", {"balance": "0.00 EUR"})
    desktop = at_cv_connect(open_checkout(merchant), "11111111111")

    phone = on_the_phone(desktop)

    assert phone.text("wallet-balance").startswith("0,00")
    assert phone.shows("balance-empty")
    assert [form.fields["step"] for form in phone.page.forms] == ["refuse"]
    phone.submit("refuse")
    assert desktop.open(desktop.url).left, "back at the shop"


def test_where_a_card_may_complete_a_fixed_amount_an_empty_account_can_be_confirmed(new_sandbox: NewSandbox) -> None:
    """Nobody is asked for an amount there; the issuer's refusal is what such an account leads to."""
    sandbox = with_settings(new_sandbox, insufficient_fixed_vouchers="card_complement")
    sandbox.call("PUT", "/accounts/worldline/wallet/11111111111", {"balance": "0.00 EUR"})
    body = checkout_body()
    body["redirectPaymentMethodSpecificInput"]["paymentProduct5412SpecificInput"]["adjustableAmount"] = False

    phone = on_the_phone(at_cv_connect(open_checkout(sdk(sandbox), body), "11111111111"))

    assert not phone.shows("balance-empty")
    assert phone.form("voucher").fields["voucher_amount"] == "0,00"
    phone.submit("voucher")
    assert phone.shows("error"), "refused for lack of funds, and another account can be tried"
    assert phone.form("confirm")


def test_a_refused_complement_can_be_tried_again_with_another_card(merchant: Any) -> None:
    created = open_checkout(merchant)
    phone = on_the_phone(at_cv_connect(created)).submit("voucher", voucher_amount="1000")
    phone.submit("card", **{**CARD, "card_number": "4321456998744563"})
    assert "2" in phone.text("attempts-left")
    phone.submit("card", **CARD)
    first = f"{created.hosted_checkout_id}_0"
    assert [each[2:4] for each in operations(merchant, first)] == [("CAPTURED", 9), ("REJECTED", 2), ("CAPTURED", 9)]


def test_the_shopper_gives_up_the_complement_and_the_vouchers_stay(merchant: Any) -> None:
    created = open_checkout(merchant)
    phone = on_the_phone(at_cv_connect(created)).submit("voucher", voucher_amount="1000")
    phone.submit("cancel")
    checkout = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert (checkout.status, acquired(checkout)) == ("CANCELLED_BY_CONSUMER", 100000)
    assert checkout.created_payment_output.payment.status == "CAPTURED", "the voucher's own payment stands"


def test_with_automatic_refunds_the_vouchers_go_back(merchant: Any) -> None:
    created = open_checkout(merchant, checkout_body(hostedCheckoutSpecificInput={"autoRefundSplitPayments": True}))
    phone = on_the_phone(at_cv_connect(created)).submit("voucher", voucher_amount="1000")
    phone.submit("cancel")
    refunds = merchant.refunds().get_refunds(f"{created.hosted_checkout_id}_0").refunds
    assert [(each.refund_output.amount_of_money.amount) for each in refunds] == [100000]


def test_a_session_that_is_over_is_cancelled(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox(clock=SECONDS)
    merchant = sdk(sandbox)
    created = open_checkout(merchant)
    browser = at_cv_connect(created)
    sandbox.advance("PT59M59S")
    assert merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id).status == "IN_PROGRESS"
    sandbox.advance("PT1S")
    checkout = merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id)
    assert checkout.status == "CANCELLED_BY_CONSUMER"
    assert checkout.created_payment_output.payment.status_output.status_code == 1
    assert browser.open(browser.url).left


def test_a_session_lasts_three_hours_when_the_merchant_does_not_say(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox(clock=SECONDS)
    merchant = sdk(sandbox)
    body = checkout_body()
    del body["hostedCheckoutSpecificInput"]["sessionTimeout"]
    created = open_checkout(merchant, body)
    sandbox.advance("PT2H59M")
    assert merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id).status == "IN_PROGRESS"
    sandbox.advance("PT1M")
    assert merchant.hosted_checkout().get_hosted_checkout(created.hosted_checkout_id).status == "CANCELLED_BY_CONSUMER"


def test_without_a_product_the_customer_chooses_one(merchant: Any) -> None:
    filters = {"paymentProductFilters": {"restrictTo": {"products": [5412, 3]}}}
    body = checkout_body(12000, hostedCheckoutSpecificInput=filters)
    del body["redirectPaymentMethodSpecificInput"]
    created = open_checkout(merchant, body)
    browser = Browser().open(created.redirect_url)
    assert [browser.shows(f"product-{each}") for each in (5412, 3, 1)] == [True, True, False]
    browser.submit("choose", product="3").submit("card", **{**CARD, "card_number": "5137009801943438"})
    assert browser.left
    payment = merchant.payments().get_payment(f"{created.hosted_checkout_id}_0")
    assert (payment.status, payment.payment_output.payment_method) == ("CAPTURED", "card")


def test_complement_cards_are_filtered(merchant: Any) -> None:
    filters = {"splitPaymentProductFilters": {"restrictTo": {"products": [3]}}}
    created = open_checkout(merchant, checkout_body(hostedCheckoutSpecificInput=filters))
    phone = on_the_phone(at_cv_connect(created)).submit("voucher", voucher_amount="1000")
    assert [phone.shows(f"brand-{each}") for each in (1, 3, 130)] == [False, True, False]
    assert phone.submit("card", **CARD).shows("error-card_number")


def test_the_result_page_is_shown_when_the_merchant_wants_it(merchant: Any) -> None:
    created = open_checkout(merchant, checkout_body(12000, hostedCheckoutSpecificInput={"showResultPage": True}))
    desktop = at_cv_connect(created)
    on_the_phone(desktop).submit("voucher")
    desktop.open(desktop.url)
    assert desktop.page.marked["outcome"]["data-outcome"] == "paid"
    assert desktop.follow("return").returned()["RETURNMAC"] == created.returnmac


def test_the_page_is_in_the_language_of_the_locale(merchant: Any) -> None:
    english = open_checkout(merchant, checkout_body(hostedCheckoutSpecificInput={"locale": "en_GB"}))
    answer = requests.get(english.redirect_url, timeout=10)
    assert '<html lang="en"' in answer.text


def test_a_link_that_nobody_gave_out_is_closed(merchant: Any) -> None:
    created = open_checkout(merchant)
    other = created.redirect_url[:-24] + "0" * 24
    browser = Browser().open(other)
    assert (browser.status, browser.page.marked["closed"]["data-reason"]) == (404, "unknown")


# -- 5. details --------------------------------------------------------------------------------------------------------


def test_details_show_one_operation_per_tender_by_either_id(sandbox: ControlledSandbox, merchant: Any) -> None:
    checkout = paid_split(sandbox, merchant)
    found = operations(merchant, f"{checkout}_0")
    card = str(int(checkout) + 1)
    assert found == [
        (f"{checkout}_0", 100000, "CAPTURED", 9, "redirect"),
        (f"{card}_0", 40000, "CAPTURED", 9, "card"),
    ]
    assert operations(merchant, f"{card}_0") == found
    assert operations(merchant, checkout) == found, "a read takes an id without its operation number"


def test_each_tender_is_a_payment_of_its_own(sandbox: ControlledSandbox, merchant: Any) -> None:
    checkout = paid_split(sandbox, merchant)
    vouchers, card = (merchant.payments().get_payment(each[0]) for each in operations(merchant, f"{checkout}_0"))
    assert vouchers.payment_output.redirect_payment_method_specific_output.payment_product_id == 5412
    assert card.payment_output.card_payment_method_specific_output.card.card_number == "************4675"
    for each in (vouchers, card):
        assert each.payment_output.amount_of_money.amount == 140000, "the order's total, also in a part"
        assert each.payment_output.acquired_amount.amount == 140000
        assert (each.status_output.is_authorized, each.status_output.is_refundable) == (False, True)


@pytest.mark.parametrize("call", ["get_payment", "get_payment_details"])
def test_an_unknown_payment_is_404(merchant: Any, call: str) -> None:
    with pytest.raises(ReferenceException) as error:
        getattr(merchant.payments(), call)("9999999999_0")
    assert refused(error) == (404, "UNKNOWN_PAYMENT_ID", "paymentId")


def test_what_is_no_payment_id_is_400_around_a_404(merchant: Any) -> None:
    with pytest.raises(ValidationException) as error:
        merchant.payments().get_payment("hello")
    assert refused(error) == (400, "UNKNOWN_PAYMENT_ID", "paymentId")
    assert error.value.errors[0].http_status_code == 404


# -- 6. a payment from server to server --------------------------------------------------------------------------------


def test_a_payment_waits_for_its_confirmation_in_the_app(sandbox: ControlledSandbox, merchant: Any) -> None:
    created = pay(merchant, payment_body())
    assert (created.payment.status, created.payment.status_output.status_code) == ("REDIRECTED", 46)
    assert created.payment.hosted_checkout_specific_output is None
    assert created.merchant_action.action_type == "SHOW_FORM"
    polling = created.merchant_action.show_form_data.pending_authentication.polling_url
    assert requests.get(polling, timeout=10).text == "true"
    sandbox.shopper(created.payment.id.partition("_")[0], {"pay": [{"with": "cv_connect"}]})
    assert requests.get(polling, timeout=10).text == "false"
    assert merchant.payments().get_payment(created.payment.id).status == "CAPTURED"


def test_the_same_key_twice_is_one_payment(sandbox: ControlledSandbox, merchant: Any) -> None:
    first, second = CallContext("idem-0001"), CallContext("idem-0001")
    one = pay(merchant, payment_body(), first)
    other = pay(merchant, payment_body(99900), second)
    assert one.payment.id == other.payment.id
    assert other.payment.payment_output.amount_of_money.amount == 12000, "the first outcome, whatever the payload"
    assert first.idempotence_request_timestamp is None
    assert isinstance(second.idempotence_request_timestamp, int)
    assert second.idempotence_response_date_time is not None
    assert len(sandbox.call("GET", "/checkouts")["checkouts"]) == 1


def test_a_key_belongs_to_one_path(merchant: Any) -> None:
    one = pay(merchant, payment_body(), CallContext("idem-0001"))
    other = open_checkout(merchant, checkout_body(), CallContext("idem-0001"))
    assert one.payment.id.partition("_")[0] != other.hosted_checkout_id


def test_a_key_is_forgotten_after_a_day(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox(clock=SECONDS)
    merchant = sdk(sandbox)
    first = pay(merchant, payment_body(), CallContext("idem-0001")).payment.id
    sandbox.advance("PT24H")
    assert pay(merchant, payment_body(), CallContext("idem-0001")).payment.id == first
    sandbox.advance("PT1S")
    assert pay(merchant, payment_body(), CallContext("idem-0001")).payment.id != first


def test_a_refused_request_keeps_its_key_free(merchant: Any) -> None:
    with pytest.raises(ValidationException):
        pay(merchant, payment_body(beneficiary=None), CallContext("idem-0001"))
    assert pay(merchant, payment_body(), CallContext("idem-0001")).payment.status == "REDIRECTED"


def both_at_once(sandbox: ControlledSandbox, body: dict[str, Any]) -> list[Any]:
    """Two CreatePayment calls with one key at the same moment: answers or errors."""
    together = threading.Barrier(2)

    def call() -> Any:
        merchant = sdk(sandbox)
        together.wait(10)
        try:
            return pay(merchant, body, CallContext("idem-0001"))
        except ApiException as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return [each.result(30) for each in [pool.submit(call), pool.submit(call)]]


def test_of_two_at_once_one_is_told_that_the_first_is_under_way(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, processing_time="PT1S")
    results = both_at_once(sandbox, payment_body())
    refused_one = [each for each in results if isinstance(each, ReferenceException)]
    assert len(refused_one) == 1
    error = refused_one[0]
    assert (error.status_code, error.errors[0].id, error.errors[0].http_status_code) == (
        409, "DUPLICATE_REQUEST_IN_PROGRESS", 409,
    )  # fmt: skip
    assert len(sandbox.call("GET", "/checkouts")["checkouts"]) == 1


def test_without_beneficiary_the_payment_is_invalid(merchant: Any) -> None:
    with pytest.raises(ValidationException) as error:
        pay(merchant, payment_body(beneficiary=None))
    path = "redirectPaymentMethodSpecificInput.paymentProduct5412SpecificInput.beneficiaryId"
    assert refused(error) == (400, "INVALID_VALUE", path)


def test_a_beneficiary_may_be_an_e_mail_address(sandbox: ControlledSandbox, merchant: Any) -> None:
    created = pay(merchant, payment_body(beneficiary="alice@example.test"))
    sandbox.shopper(created.payment.id.partition("_")[0], {"pay": [{"with": "cv_connect"}]})
    assert merchant.payments().get_payment(created.payment.id).status == "CAPTURED"


@pytest.mark.parametrize("beneficiary", ["33333333333", "66666666666"])
def test_a_beneficiary_whom_ancv_refuses_declines_the_payment(merchant: Any, beneficiary: str) -> None:
    with pytest.raises(DeclinedPaymentException) as error:
        pay(merchant, payment_body(beneficiary=beneficiary))
    assert error.value.status_code == 402
    result = error.value.create_payment_response
    assert (result.payment.status, result.payment.status_output.status_code) == ("REJECTED", 2)
    assert result.merchant_action is None
    assert merchant.payments().get_payment(result.payment.id).status == "REJECTED"


def test_a_declined_payment_is_declined_again_under_the_same_key(merchant: Any) -> None:
    ids = []
    for _ in range(2):
        with pytest.raises(DeclinedPaymentException) as error:
            pay(merchant, payment_body(beneficiary="33333333333"), CallContext("idem-0001"))
        ids.append(error.value.create_payment_response.payment.id)
    assert ids[0] == ids[1]


def test_with_a_fixed_amount_and_too_few_vouchers_the_payment_is_rejected(
    sandbox: ControlledSandbox, merchant: Any
) -> None:
    created = pay(merchant, payment_body(beneficiary="77777777777", amount=30001))
    sandbox.shopper(created.payment.id.partition("_")[0], {"pay": [{"with": "cv_connect"}]})
    payment = merchant.payments().get_payment(created.payment.id)
    assert (payment.status, payment.status_output.errors[0].error_code) == ("REJECTED", "30511001")


def test_with_an_adjustable_amount_a_card_completes_the_payment(sandbox: ControlledSandbox, merchant: Any) -> None:
    body = payment_body(
        40000, paymentProduct5412SpecificInput={"adjustableAmount": True, "beneficiaryId": "77777777777"}
    )
    created = pay(merchant, body)
    sandbox.shopper(created.payment.id.partition("_")[0], {"pay": [{"with": "cv_connect"}, VISA]})
    assert [each[1] for each in operations(merchant, created.payment.id)] == [30000, 10000]


def test_a_card_pays_at_once_and_a_declined_one_is_declined(merchant: Any) -> None:
    def body(number: str) -> dict[str, Any]:
        card = {"cardNumber": number, "expiryDate": "1230", "cvv": "123", "cardholderName": "Wile E. Coyote"}
        method = {"card": card, "paymentProductId": 1, "authorizationMode": "SALE"}
        return {"order": payment_body()["order"], "cardPaymentMethodSpecificInput": method}

    assert pay(merchant, body("4012000033330026")).payment.status == "CAPTURED"
    with pytest.raises(DeclinedPaymentException):
        pay(merchant, body("4321456998744563"))
    with pytest.raises(ValidationException) as error:
        pay(merchant, body("123"))
    assert len(error.value.errors) == 1


# -- 7. capture and cancel ---------------------------------------------------------------------------------------------


def test_the_whole_amount_is_captured(sandbox: ControlledSandbox, merchant: Any) -> None:
    payment = authorised(sandbox, merchant)
    before = merchant.payments().get_payment(payment)
    assert (before.status, before.payment_output.acquired_amount.amount) == ("PENDING_CAPTURE", 12000)
    assert (before.status_output.is_authorized, before.status_output.is_cancellable) == (True, True)
    answer = capture(merchant, payment)
    assert (answer.status, answer.status_output.status_code) == ("CAPTURE_REQUESTED", 91)
    assert answer.id == payment.replace("_0", "_1")
    sandbox.settle()
    after = merchant.payments().get_payment(payment)
    assert after.status == "CAPTURED"
    assert (after.status_output.is_authorized, after.status_output.is_refundable) == (False, True)
    captures = merchant.captures().get_captures(payment).captures
    assert [(each.id, each.status, each.capture_output.amount_of_money.amount) for each in captures] == [
        (answer.id, "CAPTURED", 12000)
    ]


def test_a_part_is_captured_and_then_the_remainder(sandbox: ControlledSandbox, merchant: Any) -> None:
    payment = authorised(sandbox, merchant)
    capture(merchant, payment, 5000)
    capture(merchant, payment, 7000)
    with pytest.raises(ValidationException) as error:
        capture(merchant, payment, 1)
    assert refused(error) == (400, "ACTION_NOT_ALLOWED_ON_TRANSACTION", None)
    assert error.value.errors[0].error_code == "50001127"
    assert len(merchant.captures().get_captures(payment).captures) == 2


def test_more_than_what_is_authorised_cannot_be_captured(sandbox: ControlledSandbox, merchant: Any) -> None:
    payment = authorised(sandbox, merchant)
    with pytest.raises(ValidationException):
        capture(merchant, payment, 12001)
    assert merchant.payments().get_payment(payment).status == "PENDING_CAPTURE"


def test_a_final_capture_closes_the_payment(sandbox: ControlledSandbox, merchant: Any) -> None:
    payment = authorised(sandbox, merchant)
    capture(merchant, payment, 5000, final=True)
    with pytest.raises(ValidationException):
        capture(merchant, payment, 1)
    with pytest.raises(ValidationException):
        cancel(merchant, payment)
    assert merchant.payments().get_payment(payment).payment_output.acquired_amount.amount == 5000


def test_a_direct_sale_has_no_captures(sandbox: ControlledSandbox, merchant: Any) -> None:
    checkout = paid_split(sandbox, merchant)
    assert merchant.captures().get_captures(f"{checkout}_0").captures == []
    with pytest.raises(ValidationException):
        capture(merchant, f"{checkout}_0")


def test_an_authorisation_is_cancelled(sandbox: ControlledSandbox, merchant: Any) -> None:
    payment = authorised(sandbox, merchant)
    answer = cancel(merchant, payment).payment
    assert (answer.id, answer.status, answer.status_output.status_code) == (payment, "CANCELLED", 61)
    assert answer.status_output.status_category == "PENDING_MERCHANT"
    sandbox.settle()
    after = merchant.payments().get_payment(payment)
    assert (after.status, after.status_output.status_code) == ("CANCELLED", 6)
    assert after.payment_output.acquired_amount.amount == 0
    for again in (cancel, capture):
        with pytest.raises(ValidationException):
            again(merchant, payment)
    with pytest.raises(ValidationException) as error:
        refund(merchant, payment, 1)
    assert error.value.errors[0].message == "ACTION_NOT_ALLOWED_ON_TRANSACTION"


def test_a_cancel_needs_no_body(sandbox: ControlledSandbox, merchant: Any) -> None:
    payment = authorised(sandbox, merchant)
    answer = Merchant(sandbox).call("cancel", paymentId=payment)
    assert answer.status_code == 200


def test_a_part_of_an_authorisation_is_cancelled(sandbox: ControlledSandbox, merchant: Any) -> None:
    payment = authorised(sandbox, merchant)
    cancel(merchant, payment, 5000)
    with pytest.raises(ValidationException):
        cancel(merchant, payment, 7001)
    cancel(merchant, payment, 3000)
    sandbox.settle()
    after = merchant.payments().get_payment(payment)
    assert (after.status, after.payment_output.acquired_amount.amount) == ("PENDING_CAPTURE", 4000)
    capture(merchant, payment, 4000)


def test_a_captured_payment_cannot_be_cancelled(sandbox: ControlledSandbox, merchant: Any) -> None:
    payment = authorised(sandbox, merchant)
    capture(merchant, payment)
    with pytest.raises(ValidationException) as error:
        cancel(merchant, payment)
    assert refused(error) == (400, "ACTION_NOT_ALLOWED_ON_TRANSACTION", None)


def test_the_documented_capture_amounts_fail(sandbox: ControlledSandbox, merchant: Any) -> None:
    declined, unsure = authorised(sandbox, merchant, 1309), authorised(sandbox, merchant, 1209)
    capture(merchant, declined)
    capture(merchant, unsure)
    sandbox.settle()
    after = merchant.payments().get_payment(declined)
    assert (after.status, after.status_output.status_code) == ("REJECTED_CAPTURE", 93)
    assert merchant.payments().get_payment(unsure).status_output.status_code == 92


# -- 8. refunds --------------------------------------------------------------------------------------------------------


def test_three_refunds_of_a_split_take_card_money_first(sandbox: ControlledSandbox, merchant: Any) -> None:
    checkout = paid_split(sandbox, merchant)
    vouchers, card = f"{checkout}_0", f"{int(checkout) + 1}_0"
    ids = []
    for number, amount in enumerate((30000, 30000, 80000), 1):
        answer = refund(merchant, vouchers, amount, f"RF-{number}")
        assert (answer.status, answer.refund_output.amount_of_money.amount) == ("REFUND_REQUESTED", amount)
        ids.append(answer.id)
        sandbox.settle()
    assert ids == [card.replace("_0", "_1"), card.replace("_0", "_2"), vouchers.replace("_0", "_2")]
    entries = merchant.refunds().get_refunds(vouchers).refunds
    assert [
        (each.refund_output.payment_method, each.refund_output.amount_of_money.amount,
         each.refund_output.operation_references.merchant_reference, each.status)
        for each in entries
    ] == [
        ("card", 30000, "RF-1", "REFUNDED"), ("card", 10000, "RF-2", "REFUNDED"),
        ("redirect", 20000, "RF-2", "REFUNDED"), ("redirect", 80000, "RF-3", "REFUNDED"),
    ]  # fmt: skip
    assert {each.refund_output.references.merchant_reference for each in entries} == {"ORD-2026-0002"}
    with pytest.raises(ValidationException) as error:
        refund(merchant, vouchers, 1)
    assert error.value.errors[0].message == "ACTION_NOT_ALLOWED_ON_TRANSACTION"
    assert error.value.errors[0].error_code == "50001129"


def test_a_refunded_payment_keeps_its_first_operation_and_its_acquired_amount(
    sandbox: ControlledSandbox, merchant: Any
) -> None:
    checkout = paid_split(sandbox, merchant)
    refund(merchant, f"{checkout}_0", 60000)
    sandbox.settle()
    details = merchant.payments().get_payment_details(f"{checkout}_0")
    assert (details.status, details.status_output.status_code) == ("REFUNDED", 8)
    assert details.status_output.is_refundable is True
    assert details.payment_output.acquired_amount.amount == 140000
    assert [each[1:] for each in operations(merchant, f"{checkout}_0")] == [
        (100000, "CAPTURED", 9, "redirect"), (40000, "CAPTURED", 9, "card"),
        (40000, "REFUNDED", 8, "card"), (20000, "REFUNDED", 8, "redirect"),
    ]  # fmt: skip


def test_more_than_what_was_paid_cannot_be_refunded(sandbox: ControlledSandbox, merchant: Any) -> None:
    checkout = paid_split(sandbox, merchant)
    with pytest.raises(ValidationException):
        refund(merchant, f"{checkout}_0", 140001)
    assert merchant.refunds().get_refunds(f"{checkout}_0").refunds == []


def test_by_the_cards_id_only_the_card_is_refunded(sandbox: ControlledSandbox, merchant: Any) -> None:
    checkout = paid_split(sandbox, merchant)
    card = f"{int(checkout) + 1}_0"
    with pytest.raises(ValidationException):
        refund(merchant, card, 40001)
    assert refund(merchant, card, 40000).refund_output.payment_method == "card"
    assert len(merchant.refunds().get_refunds(card).refunds) == 1


def test_after_four_hours_only_card_money_goes_back(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox(clock=SECONDS)
    merchant = sdk(sandbox)
    checkout = paid_split(sandbox, merchant)
    sandbox.advance("PT4H1M")
    with pytest.raises(ValidationException) as error:
        refund(merchant, f"{checkout}_0", 40001)
    assert refused(error) == (400, "ACTION_NOT_ALLOWED_ON_TRANSACTION", None)
    assert merchant.payments().get_payment(f"{checkout}_0").status_output.is_refundable is True
    refund(merchant, f"{checkout}_0", 40000)
    assert merchant.payments().get_payment(f"{checkout}_0").status_output.is_refundable is False


def test_a_refund_without_amount_gives_everything_back(sandbox: ControlledSandbox, merchant: Any) -> None:
    checkout = paid_split(sandbox, merchant)
    assert refund(merchant, f"{checkout}_0", None).refund_output.amount_of_money.amount == 140000
    accounts = sandbox.accounts()
    assert accounts["worldline/wallet/11111111111"]["balance"] == "100000.00 EUR"


def test_a_refund_in_the_middle_of_nothing_is_refused(merchant: Any) -> None:
    created = open_checkout(merchant)
    with pytest.raises(ValidationException):
        refund(merchant, f"{created.hosted_checkout_id}_0", 100)
    with pytest.raises(ReferenceException):
        refund(merchant, "9999999999_0", 100)


def test_the_documented_refund_amounts_fail(sandbox: ControlledSandbox, merchant: Any) -> None:
    checkout = paid_split(sandbox, merchant)
    refund(merchant, f"{checkout}_0", 1303)
    refund(merchant, f"{checkout}_0", 1203)
    sandbox.settle()
    entries = merchant.refunds().get_refunds(f"{checkout}_0").refunds
    assert [(each.status, each.status_output.status_code) for each in entries] == [
        ("REJECTED", 83), ("REFUND_REQUESTED", 82),
    ]  # fmt: skip
    assert entries[0].status_output.errors[0].error_code == "50001129"


def test_a_scenario_declines_a_refund_during_the_call(new_sandbox: NewSandbox) -> None:
    then = {"outcome": "declined", "reason": "do_not_honour"}
    rule = {"name": "no refund", "operation": "worldline.refund", "then": then}
    sandbox = new_sandbox(scenario={"mockpsp": 1, "title": "No refund", "world": WORLD, "rules": [rule]})
    merchant = sdk(sandbox)
    checkout = paid_split(sandbox, merchant)
    with pytest.raises(DeclinedRefundException) as error:
        refund(merchant, f"{checkout}_0", 1000)
    assert error.value.status_code == 402
    assert error.value.refund_response.status == "REJECTED"


# -- 9. webhooks -------------------------------------------------------------------------------------------------------


def test_a_split_tells_its_story_in_webhooks(
    sandbox: ControlledSandbox, merchant: Any, webhooks: Callable[[], list[Any]]
) -> None:
    checkout = paid_split(sandbox, merchant)
    refund(merchant, f"{checkout}_0", 60000)
    told = [
        (each.type, (each.payment or each.refund).id, acquired_in(each))
        for each in sorted(webhooks(), key=lambda each: each.created)
    ]
    card = int(checkout) + 1
    assert sorted(told) == sorted(
        [
            ("payment.created", f"{checkout}_0", 0),
            ("payment.redirected", f"{checkout}_0", 0),
            ("payment.captured", f"{checkout}_0", 100000),
            ("payment.captured", f"{card}_0", 140000),
            ("refund.refund_requested", f"{card}_1", 40000),
            ("refund.refund_requested", f"{checkout}_1", 20000),
            ("payment.refunded", f"{card}_1", 40000),
            ("payment.refunded", f"{checkout}_1", 20000),
        ]
    )


def acquired_in(event: Any) -> int:
    """acquiredAmount of a payment, or the amount of a refund."""
    if event.payment is not None:
        return int(event.payment.payment_output.acquired_amount.amount)
    return int(event.refund.refund_output.amount_of_money.amount)


def test_webhooks_carry_the_envelope_and_a_signature_over_their_bytes(
    sandbox: ControlledSandbox, merchant: Any, receiver: Receiver, webhooks: Callable[[], list[Any]]
) -> None:
    open_checkout(merchant)
    [event] = webhooks()
    assert (event.api_version, event.type) == ("v1", "payment.created")
    assert event.merchant_id == sandbox.credentials["worldline"]["merchant_id"]
    headers = dict(receiver.received[0].headers)
    assert headers["Content-Type"] == "application/json"
    assert headers["X-GCS-KeyId"] == sandbox.credentials["worldline"]["webhook_key_id"]
    body = receiver.received[0].body
    with pytest.raises(SignatureValidationException):
        helper_of(sandbox).unmarshal(body + b" ", [RequestHeader(*each) for each in receiver.received[0].headers])


def test_webhooks_go_where_the_payment_says(sandbox: ControlledSandbox, merchant: Any, receiver: Receiver) -> None:
    sandbox.endpoint("worldline", "http://localhost:9/nobody")
    open_checkout(merchant, checkout_body(feedbacks={"webhooksUrls": [receiver.url, f"{receiver.url}/second"]}))
    assert len(unmarshalled(sandbox, receiver)) == 2
    assert {each.path for each in receiver.received} == {"/webhooks", "/webhooks/second"}


def test_an_endpoint_that_is_down_gets_its_webhook_later(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = new_sandbox(clock=SECONDS)
    sandbox.endpoint("worldline", receiver.url)
    receiver.status = 503
    open_checkout(sdk(sandbox), checkout_body(hostedCheckoutSpecificInput={"sessionTimeout": 60 * 24 * 3}))
    for span, attempts in (("PT0S", 1), ("PT9M59S", 1), ("PT1S", 2), ("PT1H", 3)):
        sandbox.advance(span)
        assert len(receiver.received) == attempts
    receiver.status = 204
    sandbox.advance("PT2H")
    sandbox.advance("P2D")
    assert [each.type for each in unmarshalled(sandbox, receiver)] == ["payment.created"] * 4
    assert len({each.body for each in receiver.received}) == 1, "every attempt sends the same bytes"
    assert sandbox.webhooks()[0]["status"] == "delivered"


def test_webhook_credentials_are_checked(sandbox: ControlledSandbox, merchant: Any) -> None:
    given = sandbox.credentials["worldline"]

    def result(key: str, secret: str) -> str:
        body = {"key": key, "secret": signature(secret, b"")}
        return str(merchant.webhooks().validate_webhook_credentials(model(ValidateCredentialsRequest, body)).result)

    assert result(given["webhook_key_id"], given["webhook_secret"]) == "Valid"
    assert result(given["webhook_key_id"], "wrong") == "Invalid"
    assert result("nobody", given["webhook_secret"]) == "Invalid"


def test_a_test_webhook_is_sent(sandbox: ControlledSandbox, merchant: Any, receiver: Receiver) -> None:
    assert merchant.webhooks().send_test_webhook(model(SendTestRequest, {"url": receiver.url})) is None
    [event] = unmarshalled(sandbox, receiver)
    assert (event.type, event.payment.id, event.payment.status_output.status_code) == ("payment.test", "9999_9", 0)


# -- 10. transport -----------------------------------------------------------------------------------------------------


def test_a_compressed_body_is_read(merchant: Any) -> None:
    context = CallContext("gzip-0001", gzip=True)
    assert pay(merchant, payment_body(), context).payment.status == "REDIRECTED"


def test_a_body_that_only_says_that_it_is_compressed_is_invalid(sandbox: ControlledSandbox) -> None:
    caller = Merchant(sandbox)
    answer = caller.call("create_payment", raw=b'{"order": {}}', headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 400
    packed = gzip.compress(json.dumps(payment_body()).encode())
    assert caller.call("create_payment", raw=packed, headers={"Content-Encoding": "gzip"}).status_code == 201


def test_a_chunked_body_is_read(sandbox: ControlledSandbox) -> None:
    caller = Merchant(sandbox)
    payload = json.dumps(payment_body()).encode()
    target = caller.target("create_payment", {}, {})
    headers = caller.headers("POST", target, payload, {})

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(payload), 50):
            yield payload[start : start + 50]

    answer = requests.post(f"{sandbox.url}{target}", data=chunks(), headers=headers, timeout=10)
    assert "chunked" in answer.request.headers["Transfer-Encoding"]
    assert answer.status_code == 201


def test_a_content_type_that_was_not_signed_on_a_read_does_not_matter(sandbox: ControlledSandbox) -> None:
    """The JavaScript SDK sends application/json on GET and signs an empty line."""
    caller = Merchant(sandbox)
    target = caller.target("test_connection", {}, {})
    headers = {**caller.headers("GET", target, None, {}), "Content-Type": "application/json"}
    assert requests.get(f"{sandbox.url}{target}", headers=headers, timeout=10).status_code == 200


def test_every_header_of_the_family_is_signed(sandbox: ControlledSandbox) -> None:
    caller = Merchant(sandbox)
    extra = {"X-GCS-ClientMetaInfo": "e30=", "X-GCS-Made-Up": "two  words"}
    assert caller.call("test_connection", headers=extra).status_code == 200
    target = caller.target("test_connection", {}, {})
    headers = {**caller.headers("GET", target, None, {}), "X-GCS-Made-Up": "unsigned"}
    assert requests.get(f"{sandbox.url}{target}", headers=headers, timeout=10).status_code == 403


def test_answers_carry_the_platforms_headers(sandbox: ControlledSandbox) -> None:
    answer = Merchant(sandbox).call("test_connection")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Api_Auth"] == "true"
    assert len(answer.headers["Correlation-Id"]) == 36
    assert answer.headers["Mockpsp-Trace"].isdigit()


def test_return_address_and_webhook_address_stand_in_any_of_their_places(
    sandbox: ControlledSandbox, merchant: Any
) -> None:
    body = checkout_body(12000, redirectPaymentMethodSpecificInput={"redirectionData": {"returnUrl": "app://back"}})
    del body["hostedCheckoutSpecificInput"]["returnUrl"]
    created = open_checkout(merchant, body)
    browser = Browser().open(created.redirect_url).submit("cancel")
    assert browser.left.startswith("app://back?RETURNMAC=")


# -- 11. unknown paths -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v2/CVSANDBOX/nothing", "/v2", "/v2/CVSANDBOX/payments/1/2/3/4", "/client/v1/x/y"])
def test_an_unknown_path_is_404_with_no_body(live: Threaded, path: str) -> None:
    answer = requests.get(f"{live.url}{path}", timeout=10)
    assert (answer.status_code, answer.content) == (404, b"")


def test_the_sdk_reads_an_unknown_path_as_a_reference_that_leads_nowhere(merchant: Any) -> None:
    with pytest.raises(ReferenceException) as error:
        merchant.payments().get_payment("1/2/3/4")
    assert not error.value.error_id


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "action"), [("confirm_in_app", "SHOW_FORM"), ("qr_code", "SHOW_FORM"), ("redirect", "REDIRECT")]
)
def test_setting_merchant_action(new_sandbox: NewSandbox, form: str, action: str) -> None:
    sandbox = with_settings(new_sandbox, merchant_action=form)
    merchant = sdk(sandbox)
    created = pay(merchant, payment_body())
    told = created.merchant_action
    assert told.action_type == action
    if form == "confirm_in_app":
        assert told.show_form_data.pending_authentication.polling_url
        return
    if form == "qr_code":
        data = told.show_form_data.payment_product5412
        assert data.qr_code.startswith("iVBORw0KGgo")
        assert requests.get(data.polling_url, timeout=10).text == "PRETRANSACTION"
        phone = Browser().open(data.app_url)
        assert requests.get(data.polling_url, timeout=10).text == "TRANSACTION"
        phone.submit("voucher")
        assert requests.get(data.polling_url, timeout=10).text == "FINALIZED"
        wrong = data.polling_url.replace("/state", "").rsplit("/", 1)[0] + f"/{'0' * 32}/state"
        assert requests.get(wrong, timeout=10).status_code == 204
        return
    desktop = Browser().open(told.redirect_data.redirect_url)
    on_the_phone(desktop).submit("voucher")
    back = desktop.open(desktop.url).returned()
    assert back == {"RETURNMAC": told.redirect_data.returnmac, "paymentId": created.payment.id}


def test_setting_beneficiary_optional(new_sandbox: NewSandbox) -> None:
    merchant = sdk(with_settings(new_sandbox, beneficiary_optional=True))
    assert pay(merchant, payment_body(beneficiary=None)).payment.status == "REDIRECTED"
    body = payment_body(beneficiary=None)
    del body["order"]["customer"]["contactDetails"]
    nameless = pay(merchant, body)
    form = nameless.merchant_action.show_form_data.payment_product5412
    assert form.qr_code
    phone = Browser().open(form.app_url)
    phone.submit("confirm", beneficiary="11111111111")
    phone.submit("voucher")
    assert merchant.payments().get_payment(nameless.payment.id).status == "CAPTURED"


@pytest.mark.parametrize(("choice", "amount"), [("order_total", 140000), ("share", 40000)])
def test_setting_card_webhook_amount(new_sandbox: NewSandbox, receiver: Receiver, choice: str, amount: int) -> None:
    sandbox = with_settings(new_sandbox, card_webhook_amount=choice)
    sandbox.endpoint("worldline", receiver.url)
    checkout = paid_split(sandbox, sdk(sandbox))
    events = [each for each in unmarshalled(sandbox, receiver) if each.type == "payment.captured"]
    found = {each.payment.id: each.payment.payment_output.amount_of_money.amount for each in events}
    assert found == {f"{checkout}_0": 140000, f"{int(checkout) + 1}_0": amount}


def test_setting_late_voucher_refund(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, late_voucher_refund="refused_later", refund_delay="PT1M")
    sandbox.stand_still()
    merchant = sdk(sandbox)
    checkout = paid_split(sandbox, merchant)
    sandbox.advance("PT4H1M")
    answer = refund(merchant, f"{checkout}_0", 60000)
    assert answer.status == "REFUND_REQUESTED"
    sandbox.advance("PT1M")
    entries = merchant.refunds().get_refunds(f"{checkout}_0").refunds
    assert [(each.refund_output.payment_method, each.status, each.status_output.status_code) for each in entries] == [
        ("card", "REFUNDED", 8), ("redirect", "REJECTED", 83),
    ]  # fmt: skip


def test_setting_voucher_refund_window(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, voucher_refund_window="P1D")
    merchant = sdk(sandbox)
    checkout = paid_split(sandbox, merchant)
    sandbox.advance("PT23H")
    refund(merchant, f"{checkout}_0", 140000)


@pytest.mark.parametrize(("choice", "status"), [("rejected", "REJECTED"), ("card_complement", "CAPTURED")])
def test_setting_insufficient_fixed_vouchers(new_sandbox: NewSandbox, choice: str, status: str) -> None:
    sandbox = with_settings(new_sandbox, insufficient_fixed_vouchers=choice)
    merchant = sdk(sandbox)
    created = pay(merchant, payment_body(40000, beneficiary="77777777777"))
    sandbox.shopper(created.payment.id.partition("_")[0], {"pay": [{"with": "cv_connect"}]})
    assert merchant.payments().get_payment(created.payment.id).status == status


def test_setting_webhook_retries(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, webhook_retries=["PT1M"])
    sandbox.stand_still()
    sandbox.endpoint("worldline", receiver.url)
    receiver.status = 500
    open_checkout(sdk(sandbox), checkout_body(hostedCheckoutSpecificInput={"sessionTimeout": 60}))
    sandbox.advance("PT30M")
    assert len(receiver.received) == 2
    assert sandbox.webhooks()[0]["status"] == "given_up"


def test_setting_redirected_category(new_sandbox: NewSandbox) -> None:
    merchant = sdk(with_settings(new_sandbox, redirected_category="PENDING_PAYMENT"))
    assert pay(merchant, payment_body()).payment.status_output.status_category == "PENDING_PAYMENT"


def test_setting_refunded_payment_status(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, refunded_payment_status="captured_while_money_is_left")
    merchant = sdk(sandbox)
    checkout = paid_split(sandbox, merchant)
    for amount, status in ((60000, "CAPTURED"), (80000, "REFUNDED")):
        refund(merchant, f"{checkout}_0", amount)
        sandbox.settle()
        assert merchant.payments().get_payment(f"{checkout}_0").status == status


@pytest.mark.parametrize(("choice", "status"), [("ignored", 201), ("refused", 400)])
def test_setting_unknown_properties(new_sandbox: NewSandbox, choice: str, status: int) -> None:
    caller = Merchant(with_settings(new_sandbox, unknown_properties=choice))
    body = payment_body()
    body["order"]["customer"]["shoeSize"] = 42
    answer = caller.call("create_payment", body)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["errors"][0]["propertyName"] == "order.customer.shoeSize"


def test_settings_of_http_statuses(new_sandbox: NewSandbox) -> None:
    caller = Merchant(
        with_settings(
            new_sandbox, create_hosted_checkout_status=201, create_session_status=201, cancel_closed_status=409
        )
    )
    assert caller.call("create_hosted_checkout", checkout_body()).status_code == 201
    assert caller.call("create_session", {}).status_code == 201
    created = caller.call("create_payment", payment_body()).json()
    answer = caller.call("cancel", paymentId=created["payment"]["id"])
    assert (answer.status_code, answer.json()["errors"][0]["httpStatusCode"]) == (409, 409)


@pytest.mark.parametrize(
    ("tolerance", "seconds", "status"), [("PT5M", 290, 200), ("PT5M", 302, 403), ("PT1H", 302, 200)]
)
def test_setting_date_tolerance(new_sandbox: NewSandbox, tolerance: str, seconds: int, status: int) -> None:
    caller = Merchant(with_settings(new_sandbox, date_tolerance=tolerance))
    answer = caller.call("test_connection", headers={"Date": formatdate(time() - seconds, usegmt=True)})
    assert answer.status_code == status


def test_a_date_by_the_sandboxs_own_clock_is_as_good_as_the_real_one(new_sandbox: NewSandbox) -> None:
    caller = Merchant(new_sandbox(clock=SECONDS))
    for date in ("Tue, 06 Jan 2026 09:15:00 GMT", "Tue, 06 Jan 2026 09:10:00 GMT"):
        assert caller.call("test_connection", headers={"Date": date}).status_code == 200
    late = caller.call("test_connection", headers={"Date": "Tue, 06 Jan 2026 09:09:59 GMT"})
    assert late.status_code == 403


def test_setting_product_label(new_sandbox: NewSandbox) -> None:
    merchant = sdk(with_settings(new_sandbox, product_label="Vacances"))
    params = GetPaymentProductParams()
    params.country_code, params.currency_code = "FR", "EUR"
    assert merchant.products().get_payment_product(5412, params).display_hints.label == "Vacances"


def test_setting_minimum_vouchers(new_sandbox: NewSandbox) -> None:
    merchant = sdk(with_settings(new_sandbox, minimum_vouchers="20.00 EUR"))
    created = open_checkout(merchant)
    phone = on_the_phone(at_cv_connect(created)).submit("voucher", voucher_amount="19,99")
    assert (phone.status, phone.shows("error-voucher_amount")) == (422, True)
    assert phone.submit("voucher", voucher_amount="20,00").shows("card-number")


def test_setting_payment_id_form(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    sandbox = with_settings(new_sandbox, payment_id_form="long")
    sandbox.endpoint("worldline", receiver.url)
    merchant = sdk(sandbox)
    checkout = paid_split(sandbox, merchant)
    long = f"900000{checkout}000"
    assert len(checkout) == 10, "the checkout keeps the short inner id"
    shown = merchant.hosted_checkout().get_hosted_checkout(checkout).created_payment_output.payment.id
    assert shown == long
    for form in (long, f"{checkout}_0", checkout):
        assert merchant.payments().get_payment(form).id == long
    assert refund(merchant, long, 40001).id == f"900000{int(checkout) + 1}001"
    assert {each.payment.id for each in unmarshalled(sandbox, receiver) if each.payment} == {
        long, f"900000{int(checkout) + 1}000",
    }  # fmt: skip


def test_setting_idempotence_error_code(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, idempotence_error_code="30001002", processing_time="PT1S")
    results = both_at_once(sandbox, payment_body())
    assert [type(each) for each in results].count(IdempotenceException) == 1


def test_settings_of_delays(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, capture_delay="PT1H", cancel_delay="PT2H", refund_delay="PT3H")
    sandbox.stand_still()
    merchant = sdk(sandbox)
    captured, cancelled = authorised(sandbox, merchant), authorised(sandbox, merchant)
    capture(merchant, captured)
    cancel(merchant, cancelled)

    def codes() -> list[int]:
        return [merchant.payments().get_payment(each).status_output.status_code for each in (captured, cancelled)]

    assert codes() == [91, 61]
    sandbox.advance("PT1H")
    assert codes() == [9, 61]
    sandbox.advance("PT1H")
    assert codes() == [9, 6]
    refund(merchant, captured, 12000)
    sandbox.advance("PT2H59M")
    assert codes() == [81, 6]
    sandbox.advance("PT1M")
    assert codes() == [8, 6]


def test_setting_session_timeout(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, session_timeout="PT10M")
    sandbox.stand_still()
    merchant = sdk(sandbox)
    body = checkout_body()
    del body["hostedCheckoutSpecificInput"]["sessionTimeout"]
    checkout = open_checkout(merchant, body).hosted_checkout_id
    sandbox.advance("PT10M")
    assert merchant.hosted_checkout().get_hosted_checkout(checkout).status == "CANCELLED_BY_CONSUMER"


def test_setting_merchant_name(new_sandbox: NewSandbox) -> None:
    sandbox = with_settings(new_sandbox, merchant_name="Villages du Soleil")
    made = Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()
    page = requests.get(made["redirectUrl"], timeout=30).text
    assert ">Villages du Soleil</dd>" in page
    assert f">{sandbox.credentials['worldline']['merchant_id']}<" not in page


def test_setting_payments_before(new_sandbox: NewSandbox) -> None:
    card = {"cardNumber": "4330264936344675", "expiryDate": "1230", "cvv": "123"}
    body = {
        "order": {"amountOfMoney": {"amount": 1850, "currencyCode": "EUR"}},
        "cardPaymentMethodSpecificInput": {"paymentProductId": 1, "card": card},
    }
    ids = []
    for before in (0, 250):
        made = Merchant(with_settings(new_sandbox, payments_before=before)).call("create_payment", body)
        ids.append(made.json()["payment"]["id"].removesuffix("_0"))
    assert int(ids[1]) - int(ids[0]) == 250
    assert len(ids[1]) == len(ids[0])


def test_no_setting_is_forgotten_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in SCHEMA["properties"] if f"{name}=" not in source] == []
