"""The words for what shoppers do, in a scenario that plays the shopper, and in stories."""

from __future__ import annotations

from typing import Any

import pytest

from mockpsp.app import catalogues
from mockpsp.scenario.library import Library
from mockpsp.testing.played import Played
from mockpsp.testing.player import play

CARD, OTHER = "4970100000000009", "77777777777"
WORLDS: dict[str, dict[str, Any]] = {
    "worldline": {
        "wallets": [
            {"beneficiary": "11111111111", "balance": "500.00 EUR"},
            {"beneficiary": OTHER, "balance": "20.00 EUR"},
        ],
    },
    "adyen": {
        "meal_vouchers": [{"number": "5075990000006120", "balance": "61.20 EUR"}],
        "cards": [{"number": "4917610000000000", "three_ds": "challenge"}],
    },
    "lyra": {
        "sellers": [{"external_ref": "seller1", "vouchers": {"CVCONNECT": "30012345"}}],
        "wallets": [
            {"beneficiary": "11111111111", "balance": "500.00 EUR"},
            {"beneficiary": OTHER, "balance": "20.00 EUR"},
        ],
        "cards": [{"number": CARD, "scheme": "CB", "three_ds": "challenge"}],
    },
}


async def played(place: str, call: str, acts: list[dict[str, Any]], amount: str = "43.50 EUR") -> Played:
    """A call that opens a page at which the scenario's shopper does these acts, one a minute."""
    provider = place.partition(".")[0]
    opened: list[dict[str, Any]] = [{"merchant": call, "amount": amount, "as": "opened"}]
    if provider == "lyra":
        opened.append({"merchant": "lyra.execute", "of": "opened"})
    scripted, steps = acts[:1], [{"shopper": "opened", **act} for act in acts[1:]]
    value = {
        "world": {provider: WORLDS[provider]},
        "settings": {"lyra": {"extra_attempts": 1}},
        "shopper": [{"at": place, "times": 1, **act} for act in scripted],
        "story": [*opened, {"settle": True}, *steps],
    }
    story = await play(Library(catalogues).from_value(value))
    assert [str(each) for each in story.failures] == []
    return story


def decided(story: Played) -> list[str]:
    """What was decided because a shopper acted."""
    acts = {each["id"] for each in story.journal if each["kind"] == "shopper"}
    return [each["operation"] for each in story.journal if each["kind"] == "decision" and each["trace"] in acts]


async def test_worldlines_shopper_opens_the_app_and_refuses() -> None:
    story = await played(
        "worldline.hosted_checkout", "worldline.create_hosted_checkout", [{"refuses": True}], "120.00 EUR"
    )
    assert decided(story) == ["worldline.beneficiary", "worldline.open_app", "worldline.refuse"]


@pytest.mark.parametrize(("refuses", "beneficiary"), [(True, "11111111111"), ({"beneficiary": OTHER}, OTHER)])
async def test_worldlines_shopper_refuses_in_somebodys_app(refuses: Any, beneficiary: str) -> None:
    act = {"refuses": {"with": "cv_connect", **refuses} if refuses is not True else True}
    story = await played("worldline.hosted_checkout", "worldline.create_hosted_checkout", [act], "120.00 EUR")
    (sent,) = [each["event"] for each in story.journal if each["operation"] == "order.Redirected"]
    assert sent["beneficiary"] == beneficiary


@pytest.mark.parametrize(("refuses", "amount"), [
    (True, 5000),
    ({"amount": "30.00 EUR"}, 3000),
    ({"beneficiary": OTHER}, 2000),
])  # fmt: skip
async def test_lyras_shopper_refuses_in_the_app_what_it_asks_for(refuses: Any, amount: int) -> None:
    act = {"refuses": {"with": "cv_connect", **refuses} if refuses is not True else True}
    story = await played("lyra.payment_page", "lyra.create_order", [act, act], "50.00 EUR")
    refused = [each["event"] for each in story.journal if each["operation"] == "order.ShareRefused"]
    assert [(each["kind"], each["amount"], each["again"]) for each in refused] == [
        ("cv_connect", amount, True), ("cv_connect", amount, False),
    ]  # fmt: skip
    laws = [each["law"] for each in story.journal if each["operation"] == "lyra.cv_connect"]
    assert laws == ["the beneficiary declines in the app"] * 2


async def test_whom_ancv_does_not_know_has_no_app_to_refuse_in() -> None:
    act = {"refuses": {"with": "cv_connect", "beneficiary": "00000000000"}}
    story = await played("lyra.payment_page", "lyra.create_order", [act], "50.00 EUR")
    (law,) = [each["law"] for each in story.journal if each["operation"] == "lyra.cv_connect"]
    assert "declines" not in law


VOUCHER, SECURE = {"with": "meal_voucher"}, {"with": "card", "number": "4917610000000000"}


@pytest.mark.parametrize(("word", "outcome"), [("fails", "N"), ("cancels", "U"), ("passes", "Y"), ("abandons", None)])
async def test_adyens_shopper_at_the_bank(word: str, outcome: str | None) -> None:
    story = await played("adyen.payment_link", "adyen.create_payment_link", [{"pays": [{**SECURE, "bank": word}]}])
    authenticated = [each["event"] for each in story.journal if each["operation"] == "purchase.Authenticated"]
    assert [each["outcome"] for each in authenticated] == ([] if outcome is None else [outcome])


async def test_adyens_shopper_takes_vouchers_back_and_ends_the_banks_page_later() -> None:
    acts = [
        {"pays": [VOUCHER]},
        {"gives_back": True},
        {"pays": [{**SECURE, "bank": "abandons"}]},
        {"bank": "cancels"},
        {"pays": [SECURE]},
    ]
    story = await played("adyen.session", "adyen.create_session", acts)
    assert [each for each in decided(story) if each in ("adyen.cancel_order", "adyen.authenticate")] == [
        "adyen.cancel_order", "adyen.authenticate", "adyen.authenticate",
    ]  # fmt: skip


async def test_lyras_shopper_cancels_at_the_bank_and_passes_later() -> None:
    card = {"with": "card", "number": CARD}
    acts = [{"pays": [{**card, "bank": "cancels"}]}, {"pays": [{**card, "bank": "abandons"}]}, {"bank": "passes"}]
    story = await played("lyra.payment_page", "lyra.create_order", acts)
    assert decided(story)[:4] == ["lyra.card", "lyra.authenticate", "lyra.card", "lyra.authenticate"]
