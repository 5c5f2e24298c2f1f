"""What a merchant's step need not say: ``amount`` and ``of`` make it the provider's usual call."""

from __future__ import annotations

from typing import Any

import pytest

from mockpsp.app import catalogues
from mockpsp.scenario.library import Library
from mockpsp.scenario.loader import ScenarioError
from mockpsp.scenario.model import Scenario
from mockpsp.testing.expect import money_of
from mockpsp.testing.played import Played
from mockpsp.testing.player import merged, play

WALLET = {"wallets": [{"beneficiary": "22222222222", "balance": "100.00 EUR"}]}
CREATE = {"merchant": "worldline.create_hosted_checkout", "amount": "120.00 EUR", "as": "checkout"}


def story(*steps: dict[str, Any], world: dict[str, Any] = WALLET) -> Scenario:
    return Library(catalogues).from_value({"world": {"worldline": world}, "story": list(steps)})


async def played(*steps: dict[str, Any], world: dict[str, Any] = WALLET) -> Played:
    result = await play(story(*steps, world=world))
    assert [str(failure) for failure in result.failures] == []
    return result


def sent(result: Played) -> list[Any]:
    return [exchange.call.sent for exchange in result.exchanges if exchange.call is not None]


async def test_a_create_call_offers_the_vouchers_of_the_first_wallet() -> None:
    (body,) = sent(await played(CREATE | {"expect": {"status": 200}}))

    assert body["order"]["amountOfMoney"] == {"amount": 12000, "currencyCode": "EUR"}
    assert body["redirectPaymentMethodSpecificInput"] == {
        "paymentProductId": 5412,
        "paymentProduct5412SpecificInput": {"beneficiaryId": "22222222222"},
    }


async def test_without_a_wallet_nothing_speaks_of_vouchers() -> None:
    (body,) = sent(await played(CREATE | {"expect": {"status": 200}}, world={}))

    assert "redirectPaymentMethodSpecificInput" not in body


async def test_the_body_changes_what_is_usual_and_null_takes_away() -> None:
    change = {
        "hostedCheckoutSpecificInput": {"sessionTimeout": 30, "locale": None},
        "redirectPaymentMethodSpecificInput": None,
    }
    (body,) = sent(await played(CREATE | {"body": change, "expect": {"status": 200}}))

    assert body["hostedCheckoutSpecificInput"] == {"returnUrl": "https://shop.example/return", "sessionTimeout": 30}
    assert "redirectPaymentMethodSpecificInput" not in body


async def test_an_order_has_no_page_and_a_session_has() -> None:
    order, session = sent(
        await played(
            {"merchant": "adyen.create_order", "amount": "18.90 EUR", "expect": {"status": 200}},
            {"merchant": "adyen.create_session", "amount": "18.90 EUR", "expect": {"status": 201}},
        )
    )

    assert set(order) == {"merchantAccount", "amount", "reference"}
    assert set(session) == set(order) | {"countryCode", "returnUrl"}


async def test_without_amount_and_of_a_call_goes_out_as_it_is_written() -> None:
    body = {"order": {"amountOfMoney": {"amount": 1, "currencyCode": "EUR"}}, "fraudFields": {"what": None}}
    step = {"merchant": "worldline.create_hosted_checkout", "body": body}

    assert sent(await played(step)) == [body]


async def test_later_calls_are_about_what_an_answer_opened() -> None:
    result = await played(
        CREATE | {"amount": "100.00 EUR", "body": {"redirectPaymentMethodSpecificInput": {"requiresApproval": True}}},
        {"shopper": "checkout", "pays": [{"with": "cv_connect"}]},
        {"merchant": "worldline.get_hosted_checkout", "of": "checkout", "expect": {"status": 200}},
        {"merchant": "worldline.get_payment", "of": "checkout", "as": "payment", "expect": {"status": 200}},
        {"merchant": "worldline.capture", "of": "payment", "amount": "60.00 EUR", "expect": {"status": 201}},
        {"merchant": "worldline.refund", "of": "checkout", "amount": "10.00 EUR", "expect": {"status": 201}},
        {"merchant": "worldline.cancel", "of": "checkout", "expect": {"status": 200}},
    )

    assert sent(result)[3:] == [{"amount": 6000}, {"amountOfMoney": {"amount": 1000, "currencyCode": "EUR"}}, None]


async def test_a_path_that_is_written_goes_before_the_usual_one() -> None:
    await played(
        CREATE,
        {
            "merchant": "worldline.get_payment",
            "of": "checkout",
            "path": {"paymentId": "9999999999_0"},
            "expect": {"status": 404},
        },
    )


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"merchant": "worldline.refund", "of": "chekout"}, "no step before this one has 'as: chekout'"),
        ({"merchant": "worldline.refund", "of": "checkout", "amount": "5 EURO"}, "amount: '5 EURO' is not an amount"),
    ],
)
def test_mistakes_are_told(step: dict[str, Any], told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        story(CREATE, step)


@pytest.mark.parametrize(
    ("base", "patch", "result"),
    [
        ({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}}, {"a": 1, "b": {"c": 2, "d": 3}}),
        ({"a": 1}, {"a": None, "b": None}, {}),
        ({"a": {"b": 1}}, {"a": [1]}, {"a": [1]}),
        (None, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({"a": 1}, "text", "text"),
    ],
)
def test_merging_is_a_json_merge_patch(base: Any, patch: Any, result: Any) -> None:
    assert merged(base, patch) == result


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"amount": 1200, "currencyCode": "EUR"}, "12.00 EUR"),
        ({"value": 1200, "currency": "JPY"}, "1200 JPY"),
        ({"amount": 1200}, "None"),
        ({"amount": 1200, "currencyCode": "EUR", "id": 1}, "None"),
        ({"amount": "12", "currencyCode": "EUR"}, "None"),
        ("12.00 EUR", "None"),
    ],
)
def test_amounts_are_recognised_in_answers(value: Any, told: str) -> None:
    assert str(money_of(value)) == told
