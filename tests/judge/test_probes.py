"""The probes: each can be put in force, says why it is there, and knows what it needs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mockpsp.app import catalogues
from mockpsp.judge.judging import missing
from mockpsp.judge.model import Probe
from mockpsp.judge.probes import NOTHING_TO_BEND, PROBES, chosen
from mockpsp.judge.runner import Setup
from mockpsp.judge.trade import TRADES
from mockpsp.scenario.library import Library
from tests.judge.runs import Story

LIBRARY = Library(catalogues)
NAMES = {each.name for each in PROBES}
each_probe = pytest.mark.parametrize("probe", PROBES, ids=lambda each: f"{each.provider}/{each.name}")


@each_probe
def test_its_lines_are_a_scenario(probe: Probe) -> None:
    scenario = LIBRARY.from_value(Setup(run="x").scenario(probe.name, probe.lines))
    lines = [*scenario.rules, *scenario.webhooks, *scenario.faults]
    assert any(each.name.startswith("probe: ") for each in lines) or probe.visit or "settings" in probe.lines


@each_probe
def test_it_says_why_and_where_from(probe: Probe) -> None:
    assert probe.reason.endswith(".")
    assert probe.page.startswith("https://")
    assert probe.title[0].islower()


@each_probe
def test_a_run_that_calls_nobody_is_nothing_for_it(probe: Probe) -> None:
    assert missing(probe, Story().run()) == f"the command calls nothing at {probe.provider}"


@each_probe
def test_a_run_that_only_reads_is_nothing_for_it(probe: Probe) -> None:
    story = Story(probe.provider)
    story.call(next(iter(TRADES[probe.provider].reads)))
    assert missing(probe, story.run())


def test_names_are_unique() -> None:
    assert len({(each.provider, each.name) for each in PROBES}) == len(PROBES)


@pytest.mark.parametrize("provider", TRADES)
def test_what_a_provider_has_no_probe_for_is_said(provider: str) -> None:
    own = {each.name for each in PROBES if each.provider == provider}
    assert set(NOTHING_TO_BEND[provider]) & own == set()
    assert set(NOTHING_TO_BEND[provider]) <= NAMES


@pytest.mark.parametrize("provider", TRADES)
def test_operations_are_those_of_the_provider(provider: str) -> None:
    trade, calls = TRADES[provider], catalogues()[provider].calls
    named = trade.makes | trade.charges | trade.captures | trade.refunds | trade.cancels | trade.reads
    assert named <= set(calls)


def test_probes_are_chosen_by_name_pattern_and_provider() -> None:
    assert chosen(()) == PROBES
    assert [each.name for each in chosen(("adyen/webhook-live",))] == ["webhook-live"]
    assert {each.provider for each in chosen(("webhook-lost",))} == set(TRADES)
    assert {each.provider for each in chosen(("*/webhook-*",), ("lyra",))} == {"lyra"}
    with pytest.raises(LookupError):
        chosen(("webhook-last",))


def test_the_document_tells_each_probe(document: str) -> None:
    told: Mapping[str, bool] = {each.name: f"`{each.name}`" in document for each in PROBES}
    assert [name for name, known in told.items() if not known] == []


@pytest.fixture
def document() -> str:
    from pathlib import Path

    return (Path(__file__).parents[2] / "docs" / "judge.md").read_text(encoding="utf-8")
