"""Balances: every account, and how it came to be what it is."""

from __future__ import annotations

from mockpsp.edge.keys import PROVIDERS
from mockpsp.web.balances import movements
from tests.support.html import Page
from tests.support.stage import Stage

STORIES = ("worldline/refund-card-share-then-voucher-share", "adyen/order-cancelled", "lyra/cashout-less-a-refund")


def test_every_account_is_listed(stage: Stage) -> None:
    for name in STORIES:
        sandbox = stage.play(name)
        providers = stage.live.server.app[PROVIDERS].values()
        accounts = [each for who in providers for each in who.accounts(sandbox.world)]
        assert len(Page(stage.page(sandbox, "/balances")).all("account")) == len(accounts) > 0


def test_the_movements_lead_from_nothing_to_the_present_balance(stage: Stage) -> None:
    for name in STORIES:
        sandbox = stage.play(name)
        index = sandbox.world.journal.index()
        for who in stage.live.server.app[PROVIDERS].values():
            for account in who.accounts(sandbox.world):
                moved = movements(sandbox, index, account, 1_000)
                assert sum(each.minor for each in moved) == account.balance.minor
                assert [each.after - each.minor for each in moved[1:]] == [each.after for each in moved[:-1]]
                assert not moved or moved[0].after == moved[0].minor


def test_one_account_tells_what_moved_it(stage: Stage) -> None:
    sandbox = stage.play("worldline/refund-card-share-then-voucher-share")
    page = Page(stage.page(sandbox, "/balances/worldline/EUR/worldline/wallet/11111111111"))
    assert page.text("balance") == "200.00 EUR"
    assert "+200.00 EUR" in page.text("movements")
    assert "-1000.00 EUR" in page.text("movements")
    assert page.text("chart").startswith("Balance of 11111111111 over 3 movements")
