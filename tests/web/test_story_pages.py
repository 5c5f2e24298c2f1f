"""The story of one object: every shipped story can be told, and its page says what really happened."""

from __future__ import annotations

import pytest
import requests

from mockpsp.scenario.library import Library
from tests.support.html import Page
from tests.support.recorded import LIBRARY
from tests.support.stage import Stage

SHIPPED = [name for name in LIBRARY.names() if LIBRARY.load(name).story]
SPLIT = {
    "worldline": ("worldline/split-with-card", "worldline.order"),
    "adyen": ("adyen/voucher-then-card", "adyen.purchase"),
    "lyra": ("lyra/meal-card-holiday-vouchers-and-card", "lyra.order"),
}
assert isinstance(LIBRARY, Library)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_object_of_every_shipped_story_can_be_told(stage: Stage, name: str) -> None:
    sandbox = stage.play(name)
    found = Page(stage.page(sandbox, "/payments"))
    told = [href for href, testid in found.links if testid == "object"]
    assert len(told) == min(50, sum(map(len, sandbox.world.objects.values())))
    for href in told:
        page = Page(requests.get(f"{stage.url}{href}", timeout=60).text)
        assert page.text("ref")
        assert page.text("timeline")
        _, lifecycle, ref = href.rsplit("/", 2)
        settings = sandbox.world.setups[lifecycle.partition(".")[0]].settings
        state = sandbox.world.state(lifecycle, requests.utils.unquote(ref))
        portrait = sandbox.world.lifecycles[lifecycle].portrait(state, settings)
        for track in portrait.tracks:
            assert track.ref in page.text("tracks")
            assert track.machine.word(track.state) in page.text("tracks")
        assert len(page.all("graph")) == len(portrait.tracks)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_way_of_every_track_ends_where_it_is(stage: Stage, name: str) -> None:
    """Folding the facts of the journal comes to the very states that the world has."""
    from mockpsp.edge.journal_view import View
    from mockpsp.edge.keys import CONTRACTS, PROVIDERS
    from mockpsp.web.story import tell

    sandbox, app = stage.play(name), stage.live.server.app
    view = View(sandbox, sandbox.world.journal, app[CONTRACTS])
    for lifecycle, objects in sandbox.world.objects.items():
        for ref in objects:
            story = tell(sandbox, view, app[PROVIDERS], lifecycle, ref)
            assert story.whole
            assert [each.states[-1] for each in story.ways] == [each.track.state for each in story.ways]
            assert all(len(each.states) == len(each.steps) for each in story.ways)
            assert [each.at for each in story.chapters] == sorted(each.at for each in story.chapters)


@pytest.mark.parametrize("provider", SPLIT)
def test_a_voucher_and_a_card_pay_together(stage: Stage, provider: str) -> None:
    name, lifecycle = SPLIT[provider]
    sandbox = stage.play(name)
    page = Page(stage.page(sandbox, stage.story(sandbox, lifecycle)))
    story = page.text("timeline")
    words = {
        "worldline": ["POST /v2/", "cv_connect", "9 CAPTURED", "PAYMENT_CREATED", "payment.captured", "wallet"],
        "adyen": ["POST /v72/orders", "authorised", "paid", "AUTHORISATION", "ORDER_CLOSED", "voucher pays"],
        "lyra": ["orders", "conecs", "cv_connect", "SUCCEEDED", "PENDING", "order"],
    }[provider]
    assert [each for each in words if each not in story] == []
    assert "EUR" in page.text("amount")
    assert page.text("reference")
    assert len(page.all("sequence")) == 1
    assert page.text("sequence").startswith("Who spoke to whom")


def test_reasons_stand_beside_what_happened(stage: Stage) -> None:
    sandbox = stage.play("worldline/first-card-attempt-refused-then-paid")
    story = Page(stage.page(sandbox, stage.story(sandbox, "worldline.order"))).text("timeline")
    rule = sandbox.world.scenario.rules[0]
    assert f"rule: {rule.name}" in story
    assert "The phone opened the page" in story


def test_retries_and_what_came_much_later_are_told(stage: Stage) -> None:
    sandbox = stage.play("worldline/endpoint-fails-three-times")
    story = Page(stage.page(sandbox, stage.story(sandbox, "worldline.order"))).text("timeline")
    assert "(attempt 2)" in story
    assert "later" in story
    assert "not accepted, again in" in story


def test_what_is_still_ahead_is_told_with_its_time(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    page = Page(stage.page(sandbox, stage.story(sandbox, "adyen.purchase")))
    assert "expire order in 24 h" in page.text("ahead")


def test_refused_calls_about_an_object_belong_to_its_story(stage: Stage) -> None:
    sandbox = stage.play("worldline/refund-card-share-then-voucher-share")
    story = Page(stage.page(sandbox, stage.story(sandbox, "worldline.order"))).text("timeline")
    assert "refused: refund of 800.01 EUR with 800.00 EUR left" in story
    assert "/details" in story


def test_the_reference_of_a_part_leads_to_its_object(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    (purchase,) = sandbox.world.objects["adyen.purchase"].values()
    part = purchase.payments[0].ref
    where = f"{stage.url}/_mockpsp/sandbox/{sandbox.id}"
    answer = requests.get(f"{where}/payments/adyen.purchase/{part}", allow_redirects=False, timeout=30)
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/payments/adyen.purchase/{purchase.ref}")
    searched = requests.get(f"{where}/payments?q={part}", timeout=30)
    assert searched.url.endswith(f"/payments/adyen.purchase/{purchase.ref}")


def test_what_does_not_exist_is_said_on_a_page(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    for path in ("/payments/adyen.purchase/NOBODY", "/payments/nobody.order/1", "/journal/99999", "/webhooks/99999"):
        assert "No such" in stage.page(sandbox, path, status=404)
    assert "No such account" in stage.page(sandbox, "/balances/adyen/EUR/nobody", status=404)


def test_a_search_finds_by_merchant_reference_and_state(stage: Stage) -> None:
    sandbox = stage.play("lyra/refund-succeeds")
    (order,) = sandbox.world.objects["lyra.order"].values()
    assert Page(stage.page(sandbox, f"/payments?q={order.head.reference.lower()}")).all("object") == [order.ref]
    assert order.ref in Page(stage.page(sandbox, "/payments?q=succeeded")).all("object")
    assert Page(stage.page(sandbox, "/payments?q=nothing-like-it")).text("empty").startswith("Nothing fits")
    kinds = Page(stage.page(sandbox, "/payments?kind=lyra.order")).all("object")
    assert kinds == [order.ref]


def test_timers_that_came_too_late_are_said_to_change_nothing(stage: Stage) -> None:
    sandbox = stage.play("lyra/refund-succeeds")
    story = Page(stage.page(sandbox, stage.story(sandbox, "lyra.order"))).text("timeline")
    assert "Due now: expire It no longer applied, and nothing changed." in story


def test_an_exchange_whose_bodies_were_dropped_says_so_on_both_sides(stage: Stage) -> None:
    sandbox = stage.play("lyra/refund-succeeds", again=True)
    entry = next(each for each in sandbox.world.journal.since(0) if each.kind == "request" and each.data.answer)
    before = stage.page(sandbox, f"/journal/{entry.number}")
    stage.live.call(entry.data.drop)
    after = stage.page(sandbox, f"/journal/{entry.number}")
    assert f"has dropped {entry.data.dropped} bytes" in after
    assert after.count("Dropped with the request") == 1
    assert "No body." not in after
    assert "Dropped with" not in before


def test_a_story_whose_beginning_was_dropped_says_so(stage: Stage) -> None:
    sandbox = stage.play("lyra/refund-succeeds", again=True)
    path = stage.story(sandbox, "lyra.order")
    journal = sandbox.world.journal

    def shrink(kept: int) -> None:
        while len(journal) > kept:
            journal._entries.popleft()
            journal.entries_dropped += 1

    stage.live.call(lambda: shrink(30))
    page = Page(stage.page(sandbox, path))
    assert "has dropped the beginning" in page.html
    assert "SUCCEEDED" in page.text("tracks")
    assert page.text("timeline")
    stage.live.call(lambda: shrink(0))
    assert "nothing about it any more" in Page(stage.page(sandbox, path)).text("empty")
    assert "was dropped" in stage.page(sandbox, "/journal/2", status=404)
    assert "has dropped the first" in stage.page(sandbox)
