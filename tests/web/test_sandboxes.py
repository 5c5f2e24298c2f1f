"""The first page, with many sandboxes."""

from __future__ import annotations

import re

import requests

from tests.support.html import Page
from tests.support.server import threaded
from tests.support.stage import Stage


def test_many_sandboxes_come_in_pages_the_default_one_first() -> None:
    with threaded() as live:
        for _ in range(119):
            requests.post(f"{live.url}/_mockpsp/sandboxes", json={}, timeout=30)
        first = Page(requests.get(f"{live.url}/_mockpsp/", timeout=30).text)
        names = [href.rpartition("/")[2] for href, _ in first.links if "/sandbox/" in href]
        assert names == ["default", *(f"s{number}" for number in range(119, 70, -1))]
        second = Page(requests.get(f"{live.url}/_mockpsp/{first.link('next')}", timeout=30).text)
        assert "s70" in second.text("sandboxes")
        assert "51 to 100 of 120" in second.html
        found = Page(requests.get(f"{live.url}/_mockpsp/?q=S7", timeout=30).text)
        assert {href.rpartition("/")[2] for href, _ in found.links if "/sandbox/s" in href} == {
            "s7",
            *(f"s{number}" for number in range(70, 80)),
        }
        none = Page(requests.get(f"{live.url}/_mockpsp/?q=nobody", timeout=30).text)
        assert none.text("empty").startswith("No sandbox fits")


def test_counts_stand_beside_each(stage: Stage) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    page = stage.page(None, f"?q={sandbox.id}")  # others may be there, too: s1 is also in s17
    drawn = page.partition(f'id="row-{sandbox.id}">')[2].partition("</tr>")[0]
    row = " ".join(re.sub("<[^>]*>", " ", drawn).split())
    assert sandbox.world.scenario.title in row
    assert "stands still" in row
    assert row.endswith(f"1 0 {sandbox.world.outbox.waiting()} {sandbox.world.journal.count}")
