"""Lines that alter webhooks, let them leave together or early, and name a time to come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mockpsp.app import catalogues
from mockpsp.edge.scenario_text import whole
from mockpsp.scenario.library import Library
from mockpsp.scenario.loader import ScenarioError
from mockpsp.scenario.model import HeaderCase, Scenario, Signature

ITEM = "notificationItems.0.NotificationRequestItem"


def read(**lines: Any) -> Scenario:
    return Library(catalogues).from_value({"mockpsp": 1, "title": "Altered", **lines})


def problems(**lines: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read(**lines)
    return [each.message for each in caught.value.problems]


def deliver(**how: Any) -> list[dict[str, Any]]:
    return [{"event": "adyen.AUTHORISATION", "deliver": how}]


def test_all_of_it_is_read_and_written_again() -> None:
    webhooks = [
        {
            "event": "adyen.AUTHORISATION",
            "when": {"success": False},
            "deliver": {
                "change": {f"{ITEM}.success": "true", f"{ITEM}.amount": {"value": 1, "currency": "EUR"}, "live": None},
                "signature": "missing",
                "header_case": "upper",
                "beside": True,
                "together": True,
            },
        },
        {"event": "worldline.payment.captured", "deliver": {"early": True, "pause": "2s"}},
    ]
    faults = [{"operation": "adyen.capture", "then": {"status": 429, "retry_after": "2s"}}]
    scenario = read(webhooks=webhooks, faults=faults)
    altered, early = scenario.webhooks
    assert altered.change == webhooks[0]["deliver"]["change"]  # type: ignore[index]
    assert (altered.signature, altered.header_case) == (Signature.MISSING, HeaderCase.UPPER)
    assert (altered.beside, altered.together) == (True, True)
    assert (early.early, early.pause) == (True, timedelta(seconds=2))
    assert scenario.faults[0].retry_after == timedelta(seconds=2)
    again = Library(catalogues).parse(whole(scenario), file="again.yaml", name="again")
    assert [each.change for each in again.webhooks] == [each.change for each in scenario.webhooks]
    assert (again.webhooks[0].header_case, again.webhooks[0].beside, again.webhooks[0].together) == (
        HeaderCase.UPPER, True, True,
    )  # fmt: skip
    assert (again.webhooks[1].pause, again.faults[0].retry_after) == (timedelta(seconds=2), timedelta(seconds=2))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"change": {}}, "change: says nothing; give a place in the body and its value"),
        ({"change": ["live"]}, "expected a mapping of places in the body to values"),
        ({"change": {"a..b": 1}}, "'a..b' is no place in a body"),
        ({"beside": True}, "beside: says that the genuine one follows"),
        ({"together": True}, "together: is about copies, and there is one"),
        ({"pause": "2s"}, "pause: is about the call that is not answered yet; add 'early'"),
        ({"copies": 2, "together": True, "gap": "2s"}, "gap: 'together' lets all copies leave at once"),
        ({"header_case": "small"}, "header_case"),
        ({"early": True, "pause": "2h"}, "pause"),
        ({"drop": True, "change": {"live": "true"}}, "change: nothing is sent with 'drop'"),
    ],
)
def test_what_cannot_be_meant_is_told(how: dict[str, Any], told: str) -> None:
    assert any(told in each for each in problems(webhooks=deliver(**how))), problems(webhooks=deliver(**how))


def test_a_time_to_come_back_needs_a_status() -> None:
    told = problems(faults=[{"operation": "adyen.capture", "then": {"retry_after": "2s"}}])
    assert told == ["retry_after: is a header of the answer that 'status' gives; add it, such as 'status: 429'"]


def test_only_webhooks_match_on_success() -> None:
    assert read(webhooks=[{"event": "adyen.*", "when": {"success": False}, "deliver": {"drop": True}}]).webhooks
    told = problems(faults=[{"operation": "adyen.capture", "when": {"success": False}, "then": {"status": 500}}])
    assert told[0].startswith("unknown fact 'success' of adyen.capture")
