"""The clock's page: what is due, buttons that move the clock, and what a move did."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
import requests

from tests.support.adyen_pages import new_link, new_session
from tests.support.control import ControlledSandbox
from tests.support.dashboard import HOSTILE, Dashboard
from tests.support.lyra_pages import new_page
from tests.support.worldline import Merchant, checkout_body

New = Callable[..., ControlledSandbox]
START = "2026-07-01T07:00:00Z"
LATE = {"name": HOSTILE, "event": "worldline.payment.captured", "deliver": {"after": "1h"}}


@pytest.fixture
def sandbox(new_sandbox: New) -> ControlledSandbox:
    """One whose clock stands still."""
    return new_sandbox(clock=START)


def opened(sandbox: ControlledSandbox) -> str:
    """A checkout that waits for a shopper and expires after an hour."""
    return str(Merchant(sandbox).call("create_hosted_checkout", checkout_body()).json()["hostedCheckoutId"])


def now(sandbox: ControlledSandbox) -> str:
    return str(sandbox.call("GET", "/clock")["now"])


def test_the_time_is_told_in_paris_and_in_utc(sandbox: ControlledSandbox) -> None:
    page = Dashboard(sandbox).open("/clock")
    assert page.text("paris") == "09:00:00"
    assert page.text("utc") == "Wed 1 July 2026, 07:00:00 UTC"
    assert "stands still" in page.text("time")
    assert page.has("run")
    assert not page.has("freeze")


def test_what_is_due_is_told_before_it_happens_and_after_it_did(sandbox: ControlledSandbox) -> None:
    ref = opened(sandbox)
    page = Dashboard(sandbox).open("/clock")
    (row,) = page.texts("ahead-row")
    assert row == f"2026-07-01 08:00:00 in 1 h timer expire {ref} worldline order"
    told = [page.text(f"move-{name}") for name in ("next", "PT1M", "PT1H", "PT4H1M", "P1D")]
    assert told == [
        "To the next event 2026-07-01 08:00:00 UTC: 1 due",
        "+1 minute nothing due",
        "+1 hour 1 due",
        "+4 h 01 1 due",
        "+1 day 1 due",
    ]
    after = Dashboard(sandbox).send("/clock", do="PT4H1M").harmless()
    assert after.text("notice").startswith("The clock was moved ahead by 4 h 1 min. Done on the way: 1 timer.")
    (done,) = after.texts("done-row")
    assert done.startswith(f"2026-07-01 08:00:00 timer expire {ref} worldline order: given up")
    assert now(sandbox) == "2026-07-01T11:01:00.000Z"
    assert after.texts("ahead-row") == []


def test_to_the_next_event_and_not_further(sandbox: ControlledSandbox) -> None:
    opened(sandbox)
    page = Dashboard(sandbox).send("/clock", do="next")
    assert now(sandbox) == "2026-07-01T08:00:00.000Z"
    assert len(page.texts("done-row")) == 1
    again = Dashboard(sandbox).send("/clock", do="next")
    assert again.text("notice") == "The clock was not moved. Nothing was due on the way."
    assert "nothing ahead" in again.text("move-next")


def test_a_retry_is_told_with_its_webhook(sandbox: ControlledSandbox) -> None:
    sandbox.endpoint("worldline", "http://localhost:1/hook?token=secret")
    ref = opened(sandbox)
    sandbox.shopper(ref, {"cancel": True})
    sandbox.settle()
    page = Dashboard(sandbox).open("/clock")
    (row,) = [each for each in page.texts("ahead-row") if "payment.cancelled" in each]
    assert " retry " in row
    assert "to http://localhost:1/hook, attempt 2" in row
    assert "secret" not in page.html
    done = Dashboard(sandbox).send("/clock", do="next")
    (told,) = [each for each in done.texts("done-row") if "payment.cancelled" in each]
    assert "attempt 2" in told
    assert told.endswith("tried again")


def test_scripted_shoppers_and_late_webhooks_stand_there_too(new_sandbox: New) -> None:
    shopper = {
        "at": "worldline.hosted_checkout",
        "after": "10m",
        "pays": [{"with": "cv_connect", "amount": "1400.00 EUR"}],
    }
    world = {"worldline": {"wallets": [{"beneficiary": "11111111111", "balance": "5000.00 EUR"}]}}
    sandbox = new_sandbox(scenario={"shopper": [shopper], "webhooks": [LATE], "world": world}, clock=START)
    opened(sandbox)
    sandbox.endpoint("worldline", "http://localhost:1/hook")
    rows = Dashboard(sandbox).open("/clock").texts("ahead-row")
    assert "shopper pays 1400.00 EUR with cv connect" in rows[0]
    page = Dashboard(sandbox).send("/clock", do="next").harmless()
    assert any("shopper pays 1400.00 EUR with cv connect" in each for each in page.texts("done-row"))
    assert any(f"rule “{HOSTILE}”" in each for each in page.texts("ahead-row"))


@pytest.mark.parametrize(
    ("zone", "typed", "moment"),
    [
        ("paris", "2026-07-01T12:00:00", "2026-07-01T10:00:00.000Z"),
        ("paris", "2026-12-01T12:00", "2026-12-01T11:00:00.000Z"),
        ("utc", "2026-07-01T12:00:30", "2026-07-01T12:00:30.000Z"),
        ("paris", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00.000Z"),
        ("paris", "2020-01-01 00:00", "2019-12-31T23:00:00.000Z"),
    ],
)
def test_a_moment_that_is_typed_in(sandbox: ControlledSandbox, zone: str, typed: str, moment: str) -> None:
    page = Dashboard(sandbox).send("/clock", do="set", moment=typed, zone=zone)
    assert page.status == 200
    assert now(sandbox) == moment


@pytest.mark.parametrize(
    "typed", ["", "yesterday", "2026-02-30T10:00", "9999-01-01T00:00", "0001-01-01T00:00", HOSTILE]
)
def test_what_is_no_moment_changes_nothing_and_is_told(sandbox: ControlledSandbox, typed: str) -> None:
    page = Dashboard(sandbox).send("/clock", do="set", moment=typed, zone="paris").harmless()
    assert page.status == 422
    assert page.text("error").startswith("The clock was not moved: ")
    assert now(sandbox) == "2026-07-01T07:00:00.000Z"


def test_back_undoes_nothing_and_is_told(sandbox: ControlledSandbox) -> None:
    page = Dashboard(sandbox).send("/clock", do="set", moment="2026-07-01T08:00", zone="paris")
    assert page.text("notice") == "The clock was moved back by 1 h. Nothing was due on the way."


def test_it_runs_and_stands_still_again(sandbox: ControlledSandbox) -> None:
    page = Dashboard(sandbox).send("/clock", do="run")
    assert page.text("notice") == "The clock runs now."
    assert sandbox.call("GET", "/clock")["mode"] == "real"
    assert Dashboard(sandbox).send("/clock", do="freeze").text("notice") == "The clock stands still now."
    assert sandbox.call("GET", "/clock")["mode"] == "manual"


def test_the_end_of_time_is_no_button(new_sandbox: New) -> None:
    sandbox = new_sandbox(clock="2998-12-31T23:30:00Z")
    page = Dashboard(sandbox).open("/clock")
    assert "disabled" in page.html
    assert Dashboard(sandbox).send("/clock", do="P1D").status == 422


@pytest.mark.parametrize("form", [{}, {"do": "P99D"}, {"do": HOSTILE}])
def test_what_no_button_says_is_refused(sandbox: ControlledSandbox, form: dict[str, str]) -> None:
    assert Dashboard(sandbox).send("/clock", **form).status == 400


@pytest.mark.parametrize("query", [("x", "y"), ("5", "1"), ("0", "999999"), ("-1", "3"), ("٣", "4"), ("9" * 30, "1")])
def test_an_address_that_tells_of_no_move_shows_the_page(sandbox: ControlledSandbox, query: tuple[str, str]) -> None:
    page = Dashboard(sandbox).open("/clock", after=query[0], until=query[1])
    assert page.status == 200
    assert not page.has("moved")


def test_only_our_own_pages_move_the_clock(sandbox: ControlledSandbox) -> None:
    assert Dashboard(sandbox).refused("/clock", do="P1D")
    assert now(sandbox) == "2026-07-01T07:00:00.000Z"


def test_every_row_leads_to_the_page_of_its_object(sandbox: ControlledSandbox) -> None:
    new_page(sandbox)
    new_session(sandbox)
    new_link(sandbox)
    opened(sandbox)
    before = Dashboard(sandbox).open("/clock")
    after = Dashboard(sandbox).send("/clock", do="P1D")
    for page, row in ((before, "ahead-row"), (after, "done-row")):
        links = set(re.findall(r'href="(/_mockpsp/sandbox/[^"]+/payments/[^"]+)"', page.html))
        assert 0 < len(links) <= len(page.texts(row))
        for link in links:
            assert requests.get(sandbox.url + unescape(link), timeout=30).status_code == 200, link


def test_a_long_list_is_cut_and_says_so(sandbox: ControlledSandbox) -> None:
    for _ in range(103):
        opened(sandbox)
    page = Dashboard(sandbox).open("/clock")
    assert len(page.texts("ahead-row")) == 100
    assert "And 3 more, later than these." in page.html
    after = Dashboard(sandbox).send("/clock", do="PT1H")
    assert len(after.texts("done-row")) == 100
    assert "and 3 more" in after.text("notice")
