"""Steps for what people do beside the API, and the acts of shoppers that only some places know."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_catalogue import CATALOGUES
from jsonschema_rs import Draft202012Validator
from msgspec.structs import replace

from mockpsp.app import catalogues
from mockpsp.domain.money import Money
from mockpsp.providers.lyra.enrolment_states import DocumentStatus, Status
from mockpsp.providers.lyra.enrolment_words import DOCUMENT_STATUSES, STATUSES
from mockpsp.scenario.grammar import KEYS, schema
from mockpsp.scenario.library import Library
from mockpsp.scenario.loader import ScenarioError, load
from mockpsp.scenario.model import Bank, Scenario
from mockpsp.scenario.problems import Problems
from mockpsp.scenario.yaml_nodes import plain, read_text

HEAD = "mockpsp: 1\ntitle: t\n"
OPENED = "story:\n- {merchant: acme.create_checkout, as: pay}\n"


def loaded(text: str) -> Scenario:
    return load(HEAD + text, file="f.yaml", name="f", catalogues=CATALOGUES)


def told(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loaded(text)
    return [str(each).removeprefix("f.yaml:") for each in caught.value.problems]


def accepted(text: str) -> bool:
    """Whether the schema that editors use accepts the file."""
    node = read_text(HEAD + text, Problems("f"))
    assert node is not None
    return bool(Draft202012Validator(schema(CATALOGUES)).is_valid(plain(node)))


def test_each_step_is_read_as_it_is_meant() -> None:
    text = OPENED + (
        "- {back_office: acme, ref: '${pay.id}', does: {status: closed}}\n"
        "- {account: wallet 1, balance: 12.00 EUR}\n"
        "- {resend: acme.payment.captured, ref: '${pay.id}', nth: 2, url: '${endpoint.acme}/two'}\n"
        "- {endpoint: acme, url: null}\n"
        "- {endpoint: acme, status: 500, urls: [http://a.localhost, http://b.localhost]}\n"
        "- {clock: 2026-07-01T09:00:00+02:00}\n"
        "- scenario: {rules: [{operation: acme.charge, then: {outcome: refused}}]}\n"
    )
    _, office, account, resend, nowhere, moved, clock, another = loaded(text).story
    assert accepted(text)
    assert (office.kind, office.operation, office.ref, office.body) == (
        "back_office", "acme", "${pay.id}", {"status": "closed"},
    )  # fmt: skip
    assert (account.kind, account.ref, account.amount) == ("account", "wallet 1", Money(12_00, "EUR"))
    assert (resend.kind, resend.operation, resend.ref) == ("resend", "acme.payment.captured", "${pay.id}")
    assert (resend.nth, resend.urls) == (2, ("${endpoint.acme}/two",))
    assert (nowhere.urls, nowhere.status) == ((), None)
    assert (moved.urls, moved.status) == (("http://a.localhost", "http://b.localhost"), 500)
    assert (clock.kind, clock.moment) == ("clock", datetime(2026, 7, 1, 7, tzinfo=UTC))
    assert another.scenario is not None
    assert (another.kind, another.scenario.name, another.scenario.title) == ("scenario", "inline", "inline")
    assert [each.outcome for each in another.scenario.rules] == ["refused"]


def test_what_a_step_does_may_come_from_an_earlier_answer() -> None:
    loaded(OPENED + "- {back_office: acme, ref: x, does: {status: '${pay.status}'}}")


BAD = [
    ("- {back_office: acme, ref: x, does: {status: clsed}}",
     ["5:46: status: 'clsed' is not possible; did you mean 'closed'?"]),
    ("- {back_office: acme, ref: x, does: {stats: closed}}",
     ["5:38: unknown act 'stats' of the back office of acme; did you mean 'status'?"]),
    ("- {back_office: bolt, ref: x, does: {}}", ["5:17: back_office: bolt has no back office; acme has one"]),
    ("- {back_office: acme}", ["5:3: a back-office step needs 'ref'", "5:3: a back-office step needs 'does'"]),
    ("- {account: w, balance: -1.00 EUR}",
     ["5:25: balance: an account cannot hold -1.00 EUR; nothing is the least"]),
    ("- {account: w, balance: 12}", ["5:25: balance: '12' is not an amount; write it like 12.00 EUR"]),
    ("- {account: w, balanse: 1.00 EUR}",
     ["5:16: unknown key 'balanse' of an account step; did you mean 'balance'?",
      "5:3: an account step needs 'balance'"]),
    ("- {resend: acme.payment.captred, nth: 0}",
     ["5:12: resend: unknown event 'payment.captred' of acme; did you mean 'payment.captured'?",
      "5:39: nth: 0 is too small; 1 is the least"]),
    ("- {resend: acme.payment.captured, ref: '${pya.id}'}",
     ["5:40: no step before this one has 'as: pya'; did you mean 'pay'?"]),
    ("- {endpoint: acme, url: a, urls: [b]}", ["5:28: 'url' and 'urls' exclude each other; keep one"]),
    ("- {endpoint: acme}", ["5:3: an endpoint step needs 'status', 'url' or 'urls'"]),
    ("- {clock: 9 o'clock}", ["5:11: clock: '9 o'clock' is not a moment; write it like 2026-07-01T09:00:00+02:00"]),
    ("- {scenario: {}}",
     [f"5:14: scenario: says nothing; give one of {', '.join(KEYS['another'])}"]),
    ("- scenario: {ruls: [], rules: [{operation: acme.chrge, then: {outcome: refused}}]}",
     ["5:14: unknown key 'ruls' of a scenario in a story; did you mean 'rules'?",
      "5:44: operation: unknown operation 'chrge' of acme; did you mean 'charge'?"]),
    ("- {scenario: adyen/none}", ["5:14: scenario: no other scenario can be had here"]),
    ("- {advance: 1h, account: w}", ["5:17: 'advance' and 'account' are two steps; give each an item of its own"]),
    ("- {shopper: pay, gives_back: true}", ["5:18: gives_back: a shopper cannot do that at acme"]),
    ("- {shopper: pay, bank: abandons}", ["5:24: bank: unknown value 'abandons'; known: cancels, fails, passes"]),
    ("- {shopper: pay, refuses: {with: voucher, amount: 1.00 EUR}}",
     ["5:43: unknown field 'amount' of the tender 'voucher'; known: beneficiary, with"]),
    ("- {shopper: pay, refuses: {with: card}}",
     ["5:34: with: unknown tender 'card' at acme; known: voucher"]),
    ("- {shopper: pay, refuses: {beneficiary: '1'}}", ["5:27: what is refused needs 'with'"]),
    ("- {shopper: pay, refuses: true, bank: passes}", ["5:33: 'refuses' and 'bank' exclude each other; keep one"]),
    ("- {shopper: pay, pays: [{with: card, bank: fail}]}",
     ["5:44: bank: unknown value 'fail'; did you mean 'fails'?"]),
]  # fmt: skip


@pytest.mark.parametrize(("step", "problems"), BAD, ids=[step for step, _ in BAD])
def test_bad_steps(step: str, problems: list[str]) -> None:
    assert sorted(told(OPENED + step)) == sorted(problems)


BEYOND_A_SCHEMA = ("pya", "refuses: {with", "adyen/none", "gives_back", "bank: fail}", "-1.00", "o'clock")
"""Labels and what follows from them, other files, values of a format."""


@pytest.mark.parametrize("step", [step for step, _ in BAD if not any(each in step for each in BEYOND_A_SCHEMA)])
def test_editors_refuse_them_too(step: str) -> None:
    assert not accepted(OPENED + step)


def test_shoppers_of_a_scenario_have_the_acts_of_their_place() -> None:
    refuses, bank, fails = loaded(
        "shopper:\n- {at: acme.checkout, times: 1, refuses: true}\n- {at: acme.checkout, times: 1, bank: passes}\n"
        "- {at: acme.checkout, pays: [{with: card, bank: fails}]}"
    ).shopper
    assert (refuses.refuses, bank.bank, fails.pays[0].fields) == (True, Bank.PASSES, {"bank": "fails"})
    text = "shopper: [{at: acme.terminal, refuses: true}]"
    assert told(text) == ["3:31: refuses: a shopper cannot do that at acme.terminal"]
    assert not accepted(text)


def test_after_the_clock_was_set_no_time_is_too_early() -> None:
    assert told("story: [{advance: 2h}, {at: +1h}]") == [
        "3:25: at: PT2H have passed already; time only goes on in a story"
    ]
    loaded("story: [{advance: 2h}, {clock: 2026-07-01T09:00:00Z}, {at: +1h}]")


# -- scenarios by name -------------------------------------------------------------------------------------------------


def library(path: Path, **files: str) -> Library:
    for name, text in files.items():
        (path / f"{name}.yaml").write_text(f"mockpsp: 1\ntitle: {name}\n{text}", encoding="utf-8")
    return Library(lambda: CATALOGUES)


RULE = "rules: [{operation: acme.charge, times: 1, then: {outcome: refused}}]\n"


def in_story(scenario: Scenario) -> Any:
    return scenario.story[0].scenario


def test_a_file_beside_comes_into_force_without_its_story(tmp_path: Path) -> None:
    made = library(tmp_path, one="story: [{scenario: two.yaml}]", two=RULE + "story: [{scenario: one.yaml}]")
    another = in_story(made.load(str(tmp_path / "one.yaml")))
    assert (another.title, another.story) == ("two", ())
    assert [each.outcome for each in another.rules] == ["refused"]


def test_a_scenario_may_come_into_force_again_in_its_own_story(tmp_path: Path) -> None:
    made = library(tmp_path, one=RULE + "story: [{scenario: one.yaml}]")
    assert in_story(made.load(str(tmp_path / "one.yaml"))).title == "one"


def test_an_extended_scenario_may_name_one_that_extends_it(tmp_path: Path) -> None:
    made = library(tmp_path, child="extends: parent.yaml\n", parent=RULE + "story: [{scenario: child.yaml}]")
    assert len(made.load(str(tmp_path / "child.yaml")).rules) == 1


@pytest.mark.parametrize(
    ("two", "problem"),
    [
        (None, "no scenario and no file is called 'two.yaml'"),
        ("ruls: []", "'two.yaml' has mistakes of its own: "),
    ],
)
def test_a_scenario_that_cannot_be_had(tmp_path: Path, two: str | None, problem: str) -> None:
    made = library(tmp_path, one="story: [{scenario: two.yaml}]", **({} if two is None else {"two": two}))
    with pytest.raises(ScenarioError) as caught:
        made.load(str(tmp_path / "one.yaml"))
    assert f"one.yaml:3:20: scenario: {problem}" in str(caught.value.problems[0])


def test_a_shipped_scenario_comes_into_force_by_name() -> None:
    shipped = Library(catalogues)
    made = shipped.parse("mockpsp: 1\ntitle: t\nstory: [{scenario: adyen/voucher-then-card}]", file="f", name="f")
    assert in_story(made) == replace(shipped.load("adyen/voucher-then-card"), story=(), expect={})


# -- the words of a real provider --------------------------------------------------------------------------------------


def test_the_back_office_knows_every_status() -> None:
    assert tuple(each.value for each in Status) == STATUSES
    assert tuple(each.value for each in DocumentStatus) == DOCUMENT_STATUSES
