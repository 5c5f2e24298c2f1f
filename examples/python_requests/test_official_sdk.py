"""A travel agency at Worldline, with the official SDK.

Run it: pip install mockpsp pytest onlinepayments-sdk-python3; pytest
"""

import pytest
from onlinepayments.sdk.communication.request_header import RequestHeader
from onlinepayments.sdk.communicator_configuration import CommunicatorConfiguration
from onlinepayments.sdk.domain.create_hosted_checkout_request import CreateHostedCheckoutRequest
from onlinepayments.sdk.factory import Factory
from onlinepayments.sdk.json.default_marshaller import DefaultMarshaller
from onlinepayments.sdk.webhooks.in_memory_secret_key_store import InMemorySecretKeyStore
from onlinepayments.sdk.webhooks.webhooks_helper import WebhooksHelper


@pytest.fixture
def agency(mockpsp):
    """The SDK as the application configures it: only its settings come from the sandbox."""
    keys = mockpsp.credentials["worldline"]
    client = Factory.create_client_from_configuration(
        CommunicatorConfiguration(
            api_endpoint=mockpsp.base_urls["worldline"],
            api_key_id=keys["api_key_id"],
            secret_api_key=keys["secret_api_key"],
            authorization_type="v1HMAC",
            connect_timeout=5,
            socket_timeout=10,
            max_connections=10,
            integrator="An agency",
        )
    )
    with client:
        yield client.merchant(keys["merchant_id"])


def test_vouchers_and_a_card_pay_the_journey(agency, mockpsp):
    inbox = mockpsp.inbox("worldline")  # receives webhooks for this test
    order = CreateHostedCheckoutRequest()
    order.from_dictionary(
        {
            "order": {
                "amountOfMoney": {"amount": 140000, "currencyCode": "EUR"},
                "references": {"merchantReference": "TRIP-1"},
            },
            "hostedCheckoutSpecificInput": {"locale": "fr_FR", "returnUrl": "https://agency.example/back"},
            "redirectPaymentMethodSpecificInput": {
                "paymentProductId": 5412,
                "requiresApproval": False,
                "paymentProduct5412SpecificInput": {"beneficiaryId": "11111111111"},
            },
        }
    )
    checkout = agency.hosted_checkout().create_hosted_checkout(order)

    # The customer, without a browser.
    mockpsp.shopper(
        checkout.hosted_checkout_id,
        pay=[{"with": "cv_connect", "amount": "1000.00 EUR"}, {"with": "card", "number": "4330264936344675"}],
    )

    paid = agency.hosted_checkout().get_hosted_checkout(checkout.hosted_checkout_id)
    assert paid.created_payment_output.payment.status == "CAPTURED"

    # Every webhook came, and its signature is right in the eyes of the SDK.
    keys = mockpsp.credentials["worldline"]
    secrets = InMemorySecretKeyStore()
    secrets.store_secret_key(keys["webhook_key_id"], keys["webhook_secret"])
    reader = WebhooksHelper(DefaultMarshaller.instance(), secrets)
    events = [
        reader.unmarshal(each.body, [RequestHeader(*pair) for pair in each.headers.items()])
        for each in inbox.received()
    ]
    assert [each.type for each in events].count("payment.captured") == 2  # one per means of payment
