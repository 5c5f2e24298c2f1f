"""Which products are on offer, how they are told, and the look-ups beside them."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests
from msgspec.structs import replace

from mockpsp.domain.money import Money
from mockpsp.providers.worldline import iin, pictures, privacy, products
from mockpsp.providers.worldline.errors import InvalidValue, UnknownProduct
from mockpsp.providers.worldline.holdings import Holdings, WorldCard
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.webhooks import signature
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver
from tests.support.worldline import CONTRACT, Merchant

SETTINGS = WorldlineSettings()
FRANCE = products.Context(country="FR", currency="EUR")
ORIGIN = "http://localhost:8080"
CARDS = [1, 3, 130, 2]


def ids(**changed: Any) -> list[int]:
    settings = changed.pop("settings", SETTINGS)
    return [product.id for product in products.on_offer(replace(FRANCE, **changed), settings)]


def told(product: int, **changed: Any) -> Any:
    return products.told(products.PRODUCTS[product], replace(FRANCE, **changed), SETTINGS, ORIGIN)


def test_vouchers_come_first_then_cards() -> None:
    assert ids() == [5412, *CARDS]


@pytest.mark.parametrize(
    "changed",
    [
        {"currency": "GBP"},
        {"recurring": True},
        {"operation": "Payout"},
        {"amount": 0},
        {"hide": frozenset({"productsWithRedirects"})},
        {"amount": 1999, "settings": WorldlineSettings(minimum_vouchers=Money(2000, "EUR"))},
    ],
)
def test_vouchers_vanish_where_they_cannot_pay(changed: dict[str, Any]) -> None:
    assert ids(**changed) == CARDS


@pytest.mark.parametrize(
    "changed", [{"currency": ""}, {"operation": "Authorization"}, {"operation": "Sale"}, {"amount": 1}]
)
def test_vouchers_stay_where_they_can_pay(changed: dict[str, Any]) -> None:
    assert 5412 in ids(**changed)


def test_products_that_ask_for_data_can_be_left_out() -> None:
    assert ids(hide=frozenset({"productsWithoutFields"})) == [5412]


@pytest.mark.parametrize("text", ["-1", "9999", "302", "809", "01", "visa"])
def test_what_is_not_on_offer_is_unknown(text: str) -> None:
    with pytest.raises(UnknownProduct):
        products.find(text, FRANCE, SETTINGS)


def test_the_voucher_product_has_no_group_no_fields_and_the_label_of_the_settings() -> None:
    body = told(5412)
    assert "paymentProductGroup" not in body
    assert (body["paymentMethod"], body["usesRedirectionTo3rdParty"], body["fields"]) == ("redirect", True, [])
    assert body["displayHints"]["label"] == "Chèque-Vacances Connect"
    named = products.told(products.PRODUCTS[5412], FRANCE, WorldlineSettings(product_label="Vouchers"), ORIGIN)
    assert named["displayHintsList"][0]["label"] == "Vouchers"


def test_card_fields_speak_the_customers_language() -> None:
    french = {each["id"]: each["displayHints"]["label"] for each in told(1, locale="fr_FR")["fields"]}
    english = {each["id"]: each["displayHints"]["label"] for each in told(1, locale="de_DE")["fields"]}
    assert french["cardNumber"] == "Numéro de carte"
    assert english["cardNumber"] == "Card number"
    assert list(french) == ["cardNumber", "cardholderName", "expiryDate", "cvv"]


def test_american_express_has_its_own_form() -> None:
    number, _, _, code = told(2)["fields"]
    assert number["displayHints"]["mask"] == "{{9999}} {{999999}} {{99999}}"
    assert number["dataRestrictions"]["validators"]["length"] == {"minLength": 15, "maxLength": 15}
    assert code["displayHints"]["mask"] == "{{9999}}"


def test_hiding_leaves_out_fields_and_texts() -> None:
    body = told(1, hide=frozenset({"fields", "translations"}))
    assert body["fields"] == []
    assert "label" not in body["displayHints"]
    assert all("label" not in each["displayHints"] for each in told(1, hide=frozenset({"translations"}))["fields"])


@pytest.mark.parametrize("product", products.PRODUCTS)
@pytest.mark.parametrize("hide", [frozenset[str](), frozenset({"translations"}), frozenset({"fields"})])
def test_every_product_is_told_as_the_contract_says(product: int, hide: frozenset[str]) -> None:
    schema = CONTRACT.document["components"]["schemas"]["PaymentProduct"]
    assert not list(CONTRACT.validator(schema).iter_errors(told(product, hide=hide)))


def test_every_product_and_group_has_a_drawing_of_ours() -> None:
    for name in [*(product.picture for product in products.PRODUCTS.values()), "cards"]:
        drawn = pictures.drawing(name)
        assert drawn is not None
        assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert pictures.drawing("nobody") is None


def test_only_wallets_have_networks_and_only_ideal_a_directory() -> None:
    assert "Visa" in products.networks("302")["networks"]
    assert "VISA" in products.networks("320")["networks"]
    with pytest.raises(InvalidValue):
        products.networks("1")
    with pytest.raises(UnknownProduct):
        products.networks("-1")
    assert products.directory("809")["entries"]
    with pytest.raises(UnknownProduct):
        products.directory("1")


def test_the_group_is_found_whatever_its_case() -> None:
    assert products.group("cARDS", FRANCE, ORIGIN)["id"] == "Cards"
    assert products.group("cards", replace(FRANCE, locale="fr"), ORIGIN)["displayHints"]["label"] == "Cartes"
    with pytest.raises(UnknownProduct):
        products.group("vouchers", FRANCE, ORIGIN)


# -- cards -----------------------------------------------------------------------------------------------------------


def test_first_digits_find_the_scenarios_card_with_its_co_brands() -> None:
    card = WorldCard("4970101234567897", (1, 130), country="BE")
    body = iin.details("497010", FRANCE, Holdings(cards={card.number: card}), SETTINGS)
    assert (body["paymentProductId"], body["cardScheme"], body["countryCode"]) == (1, "Visa", "BE")
    assert [each["paymentProductId"] for each in body["coBrands"]] == [1, 130]


@pytest.mark.parametrize(("digits", "product"), [("401200", 1), ("513700", 3), ("222300", 3), ("371449", 2)])
def test_first_digits_of_an_unknown_card_tell_its_scheme(digits: str, product: int) -> None:
    assert iin.details(digits, FRANCE, Holdings(), SETTINGS)["paymentProductId"] == product


def test_first_digits_of_no_scheme_are_unknown() -> None:
    with pytest.raises(UnknownProduct):
        iin.details("999999", FRANCE, Holdings(), SETTINGS)


def test_no_card_can_be_paid_in_another_currency_or_with_a_surcharge() -> None:
    assert iin.conversion((1,))["result"]["result"] == "NotAvailable"
    assert iin.conversion(())["result"]["result"] == "InvalidCard"
    (surcharge,) = iin.surcharges((1,), Money(1000, "EUR"))["surcharges"]
    assert (surcharge["result"], surcharge["totalAmount"]) == ("NO_SURCHARGE", surcharge["netAmount"])


def test_the_privacy_policy_speaks_of_the_products_and_escapes_them() -> None:
    text = privacy.policy({5412: "Vouchers <b>"}, "fr_FR")
    assert 'lang="fr"' in text
    assert "Vouchers &lt;b&gt;" in text
    assert "bénéficiaire" in text
    assert "security code" in privacy.policy({1: "Visa"}, "nl_NL")


# -- over HTTP -------------------------------------------------------------------------------------------------------

CONTEXT = {"countryCode": "FR", "currencyCode": "EUR"}


@pytest.fixture
def merchant(sandbox: ControlledSandbox) -> Merchant:
    return Merchant(sandbox)


def test_products_are_listed_as_clients_of_any_language_ask(merchant: Merchant) -> None:
    listed = merchant.call(
        "get_products", query={**CONTEXT, "isRecurring": "False", "hide": ["fields", "translations"]}
    )
    assert [each["id"] for each in listed.json()["paymentProducts"]] == [5412, *CARDS]
    recurring = merchant.call("get_products", query={**CONTEXT, "isRecurring": "True"})
    assert [each["id"] for each in recurring.json()["paymentProducts"]] == CARDS
    assert merchant.call("get_products", query={"currencyCode": "EUR"}).status_code == 400
    assert merchant.call("get_products", query={**CONTEXT, "hide": "everything"}).status_code == 400


def test_one_product_is_read_and_unknown_ones_are_not_found(merchant: Merchant) -> None:
    assert merchant.call("get_product", query=CONTEXT, paymentProductId="5412").json()["id"] == 5412
    missing = merchant.call("get_product", query=CONTEXT, paymentProductId="-1")
    assert (missing.status_code, missing.json()["errors"][0]["id"]) == (404, "UNKNOWN_PRODUCT_ID")
    sterling = {**CONTEXT, "currencyCode": "GBP"}
    assert merchant.call("get_product", query=sterling, paymentProductId="5412").status_code == 404


def test_the_logo_that_a_product_names_is_served(merchant: Merchant) -> None:
    logo = merchant.call("get_product", query=CONTEXT, paymentProductId="5412").json()["displayHints"]["logo"]
    answer = requests.get(logo, timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert requests.get(logo.replace("cvconnect", "nobody"), timeout=10).status_code == 404


def test_the_other_catalogue_calls_answer_as_promised(merchant: Merchant) -> None:
    assert merchant.call("get_product_networks", query=CONTEXT, paymentProductId="302").status_code == 200
    assert merchant.call("get_product_networks", query=CONTEXT, paymentProductId="-1").status_code == 404
    assert merchant.call("get_product_networks", query=CONTEXT, paymentProductId="1").status_code == 400
    assert merchant.call("get_product_directory", query=CONTEXT, paymentProductId="809").status_code == 200
    assert merchant.call("get_product_directory", query=CONTEXT, paymentProductId="1").status_code == 404
    assert merchant.call("get_product_groups", query=CONTEXT).status_code == 200
    group = merchant.call("get_product_group", query=CONTEXT, paymentProductGroupId="cards").json()
    assert group["id"] == "Cards"
    unknown = merchant.call("get_product_group", query=CONTEXT, paymentProductGroupId="x")
    assert (unknown.status_code, unknown.json()["errors"][0]["id"]) == (404, "UNKNOWN_PRODUCT_GROUP_ID")


def test_only_apple_pay_has_a_session(merchant: Merchant) -> None:
    body = {"paymentProductSession302SpecificInput": {"displayName": "Shop", "domainName": "shop.example"}}
    assert merchant.call("create_product_session", body, paymentProductId="302").status_code == 200
    assert merchant.call("create_product_session", body, paymentProductId="-1").status_code == 400


def test_card_look_ups_answer_as_promised(merchant: Merchant) -> None:
    context = {"amountOfMoney": {"amount": 40000, "currencyCode": "EUR"}, "countryCode": "FR", "isRecurring": False}
    found = merchant.call("get_iin_details", {"bin": "41111111", "paymentContext": context}).json()
    assert [each["paymentProductId"] for each in found["coBrands"]] == [130, 1]
    assert merchant.call("get_iin_details", {"bin": "123"}).status_code == 400
    assert merchant.call("get_iin_details", {"bin": "999999"}).status_code == 404


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ({"card": {"cardNumber": "4012000033330026"}}, 200),
        ({"card": {"cardNumber": "411111", "paymentProductId": 130}}, 200),
        ({"card": {"cardNumber": "401200", "paymentProductId": 3}}, 400),
        ({"card": {}}, 400),
        ({"token": "nobody"}, 400),
        ({"hostedTokenizationId": "nobody"}, 400),
        ({"encryptedCustomerInput": "a.b.c.d.e"}, 400),
    ],
)
def test_conversion_and_surcharge_check_the_card(merchant: Merchant, source: dict[str, Any], status: int) -> None:
    amount = {"amount": 1000, "currencyCode": "EUR"}
    asked = merchant.call("get_dcc_rate", {"cardSource": source, "transaction": {"amount": amount}})
    assert asked.status_code == status
    assert merchant.call("calculate_surcharge", {"cardSource": source, "amountOfMoney": amount}).status_code == status


def test_conversion_and_surcharge_know_the_card_behind_a_token(merchant: Merchant) -> None:
    card = {"cardNumber": "5137009801943438", "expiryDate": "1230"}
    token = merchant.call("create_token", {"paymentProductId": 3, "card": {"data": {"card": card}}}).json()["token"]
    body = {"cardSource": {"token": token}, "amountOfMoney": {"amount": 1000, "currencyCode": "EUR"}}
    (surcharge,) = merchant.call("calculate_surcharge", body).json()["surcharges"]
    assert surcharge["paymentProductId"] == 3


@pytest.mark.parametrize("amount", [0, -1000])
def test_conversion_and_surcharge_need_an_amount(merchant: Merchant, amount: int) -> None:
    source, money = {"card": {"cardNumber": "401200"}}, {"amount": amount, "currencyCode": "EUR"}
    assert merchant.call("calculate_surcharge", {"cardSource": source, "amountOfMoney": money}).status_code == 400
    assert merchant.call("get_dcc_rate", {"cardSource": source, "transaction": {"amount": money}}).status_code == 400


def test_the_privacy_policy_is_read_for_all_products_or_one(merchant: Merchant) -> None:
    every = merchant.call("get_privacy_policy", query={"locale": "fr_FR"}).json()["htmlContent"]
    assert "Chèque-Vacances Connect" in every
    one = merchant.call("get_privacy_policy", query={"paymentProductId": "1"}).json()["htmlContent"]
    assert "Mastercard" not in one
    assert merchant.call("get_privacy_policy", query={"paymentProductId": "4"}).status_code == 404


# -- trials ----------------------------------------------------------------------------------------------------------


def test_the_connection_is_ok(merchant: Merchant) -> None:
    assert merchant.call("test_connection").json() == {"result": "OK"}


def test_webhook_credentials_are_the_signature_of_an_empty_body(merchant: Merchant) -> None:
    right = {"key": merchant.given["webhook_key_id"], "secret": signature(merchant.given["webhook_secret"], b"")}
    assert merchant.call("validate_webhook_credentials", right).json() == {"result": "Valid"}
    for changed in ({"key": "other"}, {"secret": merchant.given["webhook_secret"]}, {"secret": "é"}):
        assert merchant.call("validate_webhook_credentials", {**right, **changed}).json() == {"result": "Invalid"}


def test_the_documented_vector_of_an_empty_body_holds() -> None:
    assert signature("whk-secret-sandbox-01", b"") == "AnXSa49Q0zZ13bmpjWEiPcdn7NJ3t7MLUWMVFuEWlfU="


def test_a_test_webhook_is_delivered_and_signed(
    merchant: Merchant, sandbox: ControlledSandbox, receiver: Receiver
) -> None:
    assert merchant.call("send_test_webhook", {"url": receiver.url}).status_code == 204
    sandbox.settle()
    (received,) = receiver.received
    headers = {name.lower(): value for name, value in received.headers}
    assert headers["x-gcs-keyid"] == merchant.given["webhook_key_id"]
    assert headers["x-gcs-signature"] == signature(merchant.given["webhook_secret"], received.body)
    schema = CONTRACT.document["components"]["schemas"]["WebhooksTestEvent"]
    event = json.loads(received.body)
    assert not list(CONTRACT.validator(schema).iter_errors(event))
    assert event["type"] == "payment.test"


def test_two_test_webhooks_have_ids_of_their_own(
    merchant: Merchant, sandbox: ControlledSandbox, receiver: Receiver
) -> None:
    for _ in range(2):
        merchant.call("send_test_webhook", {"url": receiver.url})
    sandbox.settle()
    assert len({json.loads(each.body)["id"] for each in receiver.received}) == 2


@pytest.mark.parametrize("url", ["https://shop.example/webhooks", "invalid-url", "http://[", None])
def test_a_test_webhook_goes_nowhere_else(merchant: Merchant, sandbox: ControlledSandbox, url: str | None) -> None:
    refused = merchant.call("send_test_webhook", {} if url is None else {"url": url})
    assert (refused.status_code, refused.json()["errors"][0]["propertyName"]) == (400, "url")
    assert sandbox.webhooks() == []
