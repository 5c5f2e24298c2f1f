"""Client sessions and tokens: what they keep, what they refuse, what they never keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mockpsp.domain.ledger import Ledger
from mockpsp.domain.lifecycle import NATURAL, Moment
from mockpsp.domain.money import Money
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline.errors import InvalidValue, UnknownToken
from mockpsp.providers.worldline.holdings import Holdings, WorldCard, fingerprint
from mockpsp.providers.worldline.settings import WorldlineSettings
from mockpsp.providers.worldline.vault import (
    SESSIONS,
    TOKENS,
    ForgetCard,
    OpenSession,
    Session,
    StoreCard,
    Token,
    TokenStage,
)
from mockpsp.world.ids import IdSource
from tests.support.control import ControlledSandbox
from tests.support.worldline import Merchant

NOW = datetime(2026, 7, 1, 7, 0, tzinfo=UTC)
VISA, LIMITED, COBRANDED = "4567350000427977", "5137009801943438", "4111111111111111"


def moment(seed: int = 1) -> Moment:
    limited = WorldCard(LIMITED, (3,), balance=Money(5000, "EUR"), country="BE")
    both = WorldCard(COBRANDED, (130, 1))
    cards = {card.number: card for card in (limited, both)}
    world = Holdings(cards=cards, fingerprints={fingerprint(number): card for number, card in cards.items()})
    return Moment(NOW, Ledger(), IdSource(seed, "test").draw(), world, WorldlineSettings())


def run(lifecycle: Any, state: Any, command: Any, at: Moment) -> tuple[Any, tuple[Any, ...]]:
    """State and facts after one command, as the world would have them."""
    assert lifecycle.question(state, command, at) is None
    events = lifecycle.decide(state, command, NATURAL, at).events
    for event in events:
        before, state = state, lifecycle.evolve(state, event)
        assert lifecycle.entries(before, event) == ()
        assert lifecycle.notices(before, state, event, at) == ()
    return state, events


def store(number: str = VISA, **changed: Any) -> StoreCard:
    card = c.CardData(number=number, expiry="1230", holder="Zoë Test", cvv="123")
    return StoreCard(card=replace(card, **changed))


# -- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_starts_with_the_sandboxs_key_and_lasts_three_hours() -> None:
    session, events = run(SESSIONS, None, OpenSession(key="0123abcd", merchant="CVSANDBOX", tokens=("t1",)), moment())
    assert isinstance(session, Session)
    assert session.ref.startswith("0123abcd")
    assert len(session.ref) == 32
    merchant, _, secret = session.customer.rpartition("-")
    assert (merchant, len(secret)) == ("CVSANDBOX", 32)
    assert session.expires == NOW + timedelta(hours=3)
    assert session.tokens == ("t1",)
    assert SESSIONS.parts(events[0]) == ()


def test_the_same_seed_opens_the_same_session() -> None:
    command = OpenSession(key="0123abcd", merchant="CVSANDBOX")
    assert run(SESSIONS, None, command, moment(7)) == run(SESSIONS, None, command, moment(7))
    assert run(SESSIONS, None, command, moment(7)) != run(SESSIONS, None, command, moment(8))


# -- tokens ----------------------------------------------------------------------------------------------------------


def test_a_token_never_keeps_the_number() -> None:
    token, events = run(TOKENS, None, store(), moment())
    assert isinstance(token, Token)
    assert VISA not in repr(events)
    assert "123" not in repr(token.card.masked)
    assert token.card.masked == "************7977"
    assert (token.card.product, token.card.expiry, token.card.holder) == (1, "1230", "Zoë Test")
    assert TOKENS.parts(events[0]) == (f"card/{fingerprint(VISA)}",)


def test_a_token_leads_back_to_what_the_scenario_says_of_the_card() -> None:
    at = moment()
    token, _ = run(TOKENS, None, store(LIMITED), at)
    assert at.world.fingerprints[token.card.fingerprint].number == LIMITED
    assert token.card.account.startswith("worldline/card/")
    assert token.card.country == "BE"


def test_a_card_that_has_a_token_already_keeps_it_unchanged() -> None:
    token, _ = run(TOKENS, None, store(), moment())
    again, events = run(TOKENS, token, store(holder="Somebody Else"), moment())
    assert (again, events) == (token, ())


def test_a_forgotten_token_is_unknown() -> None:
    token, _ = run(TOKENS, None, store(), moment())
    gone, events = run(TOKENS, token, ForgetCard(), moment())
    assert gone.stage is TokenStage.FORGOTTEN
    assert TOKENS.parts(events[0]) == ()
    for state in (gone, None):
        with pytest.raises(UnknownToken):
            TOKENS.question(state, ForgetCard(), moment())


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"number": "1234567890123456"}, "card.data.card.cardNumber"),
        ({"number": "4567"}, "card.data.card.cardNumber"),
        ({"number": "9000000000000001"}, "card.data.card.cardNumber"),
        ({"expiry": "1330"}, "card.data.card.expiryDate"),
        ({"expiry": ""}, "card.data.card.expiryDate"),
        ({"expiry": "0626"}, "card.data.card.expiryDate"),
        ({"cvv": "12345"}, "card.data.card.cvv"),
        ({"product": 3}, "paymentProductId"),
    ],
)
def test_a_card_that_no_payment_could_use_is_refused(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        TOKENS.question(None, store(**changed), moment())
    assert refused.value.path == path


def test_a_card_is_valid_through_the_last_day_of_its_month() -> None:
    token, _ = run(TOKENS, None, store(expiry="0726"), moment())
    assert token.card.expiry == "0726"


def test_a_refusal_of_encrypted_data_names_the_encrypted_property() -> None:
    command = replace(store(expiry="0101"), sealed=True)
    with pytest.raises(InvalidValue) as refused:
        TOKENS.question(None, command, moment())
    assert refused.value.path == "encryptedCustomerInput"


def test_a_card_of_the_scenario_may_have_a_wrong_check_digit() -> None:
    at = moment()
    odd = WorldCard("4321456998744563", (1,), answers="refuses")
    at.world.cards[odd.number] = odd
    token, _ = run(TOKENS, None, store(odd.number), at)
    assert token.card.masked.endswith("4563")


def test_a_cobranded_card_is_kept_as_the_brand_that_was_asked_for() -> None:
    first, _ = run(TOKENS, None, store(COBRANDED), moment())
    chosen, _ = run(TOKENS, None, store(COBRANDED, product=1), moment())
    assert (first.card.product, chosen.card.product) == (130, 1)


# -- over HTTP -------------------------------------------------------------------------------------------------------


def token_body(number: str = VISA) -> dict[str, Any]:
    card = {"cardNumber": number, "expiryDate": "1230", "cvv": "123", "cardholderName": "Zoë Test"}
    return {"paymentProductId": 1, "card": {"data": {"card": card, "cobrandSelectionIndicator": "default"}}}


def test_a_token_is_created_once_per_card_read_and_forgotten(sandbox: ControlledSandbox) -> None:
    merchant = Merchant(sandbox)
    first = merchant.call("create_token", token_body()).json()
    assert (first["isNewToken"], first["tokenStatus"]) == (True, "CREATED")
    again = merchant.call("create_token", token_body()).json()
    assert (again["token"], again["isNewToken"], again["tokenStatus"]) == (first["token"], False, "UNCHANGED")
    read = merchant.call("get_token", tokenId=first["token"]).json()
    assert read["card"]["data"]["cardWithoutCvv"] == first["card"]
    assert read["card"]["data"]["cobrandSelectionIndicator"] == "default"
    assert merchant.call("delete_token", tokenId=first["token"]).status_code == 204
    assert merchant.call("get_token", tokenId=first["token"]).status_code == 404
    assert merchant.call("delete_token", tokenId=first["token"]).status_code == 404
    fresh = merchant.call("create_token", token_body()).json()
    assert fresh["isNewToken"]
    assert fresh["token"] != first["token"]


def test_a_fingerprint_is_no_token(sandbox: ControlledSandbox) -> None:
    merchant = Merchant(sandbox)
    merchant.call("create_token", token_body())
    answer = merchant.call("get_token", tokenId=f"card%2F{fingerprint(VISA)}")
    assert answer.status_code == 404


def test_paying_with_a_token_meets_the_issuer_of_that_card(sandbox: ControlledSandbox) -> None:
    merchant = Merchant(sandbox)
    declined = merchant.call("create_token", token_body("4321456998744563")).json()["token"]
    body = {
        "order": {"amountOfMoney": {"amount": 1000, "currencyCode": "EUR"}},
        "cardPaymentMethodSpecificInput": {"paymentProductId": 1, "token": declined},
    }
    assert merchant.call("create_payment", body).status_code == 402


def test_a_session_names_tokens_that_do_not_exist(sandbox: ControlledSandbox) -> None:
    merchant = Merchant(sandbox)
    token = merchant.call("create_token", token_body()).json()["token"]
    session = merchant.call("create_session", {"tokens": [token, "nobody"]}).json()
    assert session["invalidTokens"] == ["nobody"]
    assert session["clientApiUrl"] == f"{sandbox.url}/client"
    assert session["customerId"].startswith(f"{merchant.given['merchant_id']}-")
    assert "invalidTokens" not in merchant.call("create_session").json()
    assert merchant.call("create_session", {"tokens": ["t"] * 11}).status_code == 400
