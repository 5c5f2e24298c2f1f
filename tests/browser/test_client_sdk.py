"""The unmodified browser SDK in a page of the shop's own origin: it lists, encrypts, and the shop's server pays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockpsp.edge.sealed import open_sealed
from tests.support.chromium import Person
from tests.support.control import ControlledSandbox
from tests.support.needed import missing
from tests.support.shopfront import Shopfront
from tests.support.worldline import Merchant

pytestmark = [pytest.mark.browser, pytest.mark.node]

SDK = Path(__file__).parents[1] / "node/node_modules/onlinepayments-sdk-client-js/dist/onlinepayments-sdk-client-js.js"
CONTEXT = {"countryCode": "FR", "amountOfMoney": {"amount": 1250, "currencyCode": "EUR"}, "isRecurring": False}
PAGE = """<!doctype html><meta charset="utf-8"><title>Shop</title><script type="module">
import * as sdk from "/sdk.js";
const details = %s;
Object.assign(window, {sdk, details, session: new sdk.Session(details), context: %s});
</script>"""
ENCRYPT = """(async () => {
  const request = new sdk.PaymentRequest();
  request.setPaymentProduct(await session.getPaymentProduct(1, context));
  request.setValues({cardNumber: "4330 2649 3634 4675", expiryDate: "12/2030", cvv: "123",
                     cardholderName: "Zoé Dupré"});
  return {valid: request.isValid(), wrong: request.getErrorMessageIds(), shown: request.getMaskedValue("cardNumber"),
          sealed: await session.getEncryptor().encrypt(request)};
})()"""


@pytest.fixture
def page(person: Person, sandbox: ControlledSandbox, shop: Shopfront) -> Any:
    """A shop's page with a client session; ``sdk``, ``session`` and ``context`` are its globals."""
    if not SDK.exists():
        missing("the browser SDK is not installed (make node)")
    details = Merchant(sandbox).call("create_session").json()
    shop.put("/sdk.js", SDK.read_bytes(), "text/javascript")
    address = shop.put("/pay", PAGE % (json.dumps(details), json.dumps(CONTEXT)))
    return person.tab().open(address).until("window.session")


def test_it_lists_vouchers_and_cards(page: Any) -> None:
    listed = page.evaluate(
        "session.getBasicPaymentProducts(context).then(found => found.basicPaymentProducts.map(each => each.id))",
        wait=True,
    )
    assert listed[:4] == [5412, 1, 3, 130]


def test_it_knows_the_voucher_as_a_redirect_without_fields(page: Any) -> None:
    shown = page.evaluate(
        """session.getPaymentProduct(5412, context).then(found => ({
             id: found.id, method: found.paymentMethod, redirects: found.usesRedirectionTo3rdParty,
             fields: found.paymentProductFields.length, label: found.displayHintsList[0].label,
             logo: found.displayHintsList[0].logo}))""",
        wait=True,
    )
    assert (shown["id"], shown["method"], shown["redirects"], shown["fields"]) == (5412, "redirect", True, 0)
    assert shown["label"] == "Chèque-Vacances Connect"
    assert page.evaluate(f"fetch({json.dumps(shown['logo'])}).then(answer => answer.status)", wait=True) == 200


def test_it_encrypts_for_the_voucher_too(page: Any) -> None:
    sealed = page.evaluate(
        """(async () => {
             const request = new sdk.PaymentRequest();
             request.setPaymentProduct(await session.getPaymentProduct(5412, context));
             return request.isValid() && session.getEncryptor().encrypt(request);
           })()""",
        wait=True,
    )
    opened = json.loads(open_sealed(sealed, ("RSA-OAEP", "A256CBC-HS512")))
    assert (opened["paymentProductId"], opened["paymentValues"]) == (5412, [])
    assert opened["clientSessionId"] == page.evaluate("details.clientSessionId")


def test_a_product_that_there_is_not_is_refused_in_its_words(page: Any) -> None:
    refused = page.evaluate(
        "session.getPaymentProduct(9999, context).then(() => 'found', thrown => [thrown.name, thrown.message])",
        wait=True,
    )
    assert refused[0] in ("ResponseError", "ResponseJsonError", "Error"), refused
    page.problems = [each for each in page.told() if "status of 404" not in each]


def test_surcharge_conversion_networks_and_key(page: Any) -> None:
    money, card = "context.amountOfMoney", "{partialCreditCardNumber: '433026493634467', paymentProductId: 1}"
    asked = page.evaluate(
        f"""Promise.all([
              session.getSurchargeCalculation({money}, {card}),
              session.getCurrencyConversionQuote({money}, {card}),
              session.getPaymentProductNetworks(302, context),
              session.getPublicKey(),
            ]).then(found => JSON.parse(JSON.stringify(found)))""",
        wait=True,
    )
    *answers, key = asked
    assert all(answers)
    assert key["keyId"]


def test_it_knows_a_card_by_its_first_digits(page: Any) -> None:
    details = page.evaluate("session.getIinDetails('433026', context)", wait=True)
    assert (details["status"], details["paymentProductId"]) == ("SUPPORTED", 1)


def test_what_it_encrypts_pays(page: Any, sandbox: ControlledSandbox) -> None:
    made = page.evaluate(ENCRYPT, wait=True)
    assert (made["valid"], made["wrong"], made["shown"]) == (True, [], "4330 2649 3634 4675")
    assert "4330" not in made["sealed"]

    order = {"amountOfMoney": CONTEXT["amountOfMoney"]}
    body = {"order": order, "encryptedCustomerInput": made["sealed"]}
    paid = Merchant(sandbox).call("create_payment", body)
    assert paid.status_code == 201
    card = paid.json()["payment"]["paymentOutput"]["cardPaymentMethodSpecificOutput"]["card"]
    assert (card["cardNumber"][-4:], card["expiryDate"]) == ("4675", "1230")
