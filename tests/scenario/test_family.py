"""Scenarios that extend others: what is inherited, what counts for itself, and what cannot be extended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_catalogue import CATALOGUES
from msgspec.structs import replace

from mockpsp.app import catalogues
from mockpsp.domain.money import Money
from mockpsp.scenario.engine import Script
from mockpsp.scenario.library import MAX_GENERATIONS, Library
from mockpsp.scenario.loader import ScenarioError, load
from mockpsp.scenario.model import Scenario
from mockpsp.testing.player import play

RULE = "rules: [{operation: acme.charge, times: 1, then: {outcome: refused}}]\n"
SHIPPED = "adyen/throttled-once"


class Folder:
    """Scenario files of the made-up provider, in a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.library = Library(lambda: CATALOGUES)

    def write(self, name: str, text: str) -> Path:
        """A file with a head."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"mockpsp: 1\ntitle: {file.stem}\n{text}", encoding="utf-8")
        return file

    def load(self, name: str) -> Scenario:
        """The scenario."""
        return self.library.load(str(self.path / name))

    def told(self, name: str) -> list[str]:
        """What is wrong with it, without the folder."""
        with pytest.raises(ScenarioError) as caught:
            self.load(name)
        return [str(each).replace(f"{self.path}/", "") for each in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def outcomes(scenario: Scenario) -> list[str]:
    return [rule.outcome for rule in scenario.rules]


# -- what is inherited ---------------------------------------------------------------------------------------------


def test_a_child_has_its_own_lines_first_and_then_those_that_it_extends(folder: Folder) -> None:
    folder.write("base.yaml", RULE + 'faults: [{operation: "acme.*", then: {latency: 1s}}]\n')
    folder.write("child.yaml", "extends: base.yaml\nrules: [{operation: acme.charge, then: {outcome: pending}}]\n")
    child = folder.load("child.yaml")

    assert outcomes(child) == ["pending", "refused"]
    assert [fault.latency for fault in child.faults] == [timedelta(seconds=1)]
    assert (child.title, child.story, child.tags) == ("child", (), ())


def test_lines_of_a_parent_count_for_themselves_and_say_where_they_come_from(folder: Folder) -> None:
    folder.write("base.yaml", RULE)
    folder.write("child.yaml", "extends: base.yaml\n" + RULE)
    own, inherited = folder.load("child.yaml").rules

    assert own.key != inherited.key
    assert (own.name, inherited.name) == ("rules[0]", "rules[0] of base.yaml")


def test_settings_and_parts_of_a_world_are_inherited_one_by_one(folder: Folder) -> None:
    wallets = 'wallets: [{beneficiary: "11111111111", balance: 5.00 EUR}]'
    folder.write(
        "base.yaml", f"settings: {{acme: {{strict: false, retries: 7}}}}\nworld: {{acme: {{{wallets}, hold: all}}}}\n"
    )
    folder.write("child.yaml", "extends: base.yaml\nsettings: {acme: {retries: 8}}\nworld: {acme: {hold: nothing}}\n")
    child = folder.load("child.yaml")

    assert (child.settings["acme"]["strict"], child.settings["acme"]["retries"]) == (False, 8)
    assert child.world["acme"]["hold"] == "nothing"
    assert child.world["acme"]["wallets"][0]["balance"] == Money(500, "EUR")


def test_of_two_parents_the_later_wins_and_both_worlds_are_there(folder: Folder) -> None:
    folder.write("a.yaml", "seed: 7\nsettings: {acme: {retries: 1}}\nworld: {acme: {hold: all}}\n")
    folder.write(
        "b.yaml",
        "clock: 2026-07-01T09:00:00Z\nsettings: {acme: {retries: 2}}\nworld: {acme: {limits: {day: 1.00 EUR}}}\n",
    )
    folder.write("child.yaml", "extends: [a.yaml, b.yaml]\n")
    child = folder.load("child.yaml")

    assert (child.seed, child.clock is not None, child.settings["acme"]["retries"]) == (7, True, 2)
    assert set(child.world["acme"]) == {"hold", "limits"}


@pytest.mark.parametrize(("own", "seed"), [("", 7), ("seed: 1\n", 1), ("seed: 9\n", 9)])
def test_a_seed_is_inherited_unless_the_child_names_one(folder: Folder, own: str, seed: int) -> None:
    folder.write("base.yaml", "seed: 7\nclock: 2026-07-01T09:00:00Z\n")
    folder.write("child.yaml", "extends: base.yaml\n" + own)
    child = folder.load("child.yaml")
    assert (child.seed, child.clock) == (seed, folder.load("base.yaml").clock)


def test_a_chain_inherits_all_along(folder: Folder) -> None:
    folder.write("sub/c.yaml", "settings: {acme: {retries: 5}}\n" + RULE)
    folder.write("sub/b.yaml", "extends: c.yaml\nsettings: {acme: {strict: false}}\n" + RULE)
    folder.write("a.yaml", "extends: sub/b.yaml\n" + RULE)
    chained = folder.load("a.yaml")

    assert (chained.settings["acme"]["retries"], chained.settings["acme"]["strict"]) == (5, False)
    assert [rule.key for rule in chained.rules] == [
        "rule:rules[0]",
        "@sub/b.yaml/rule:rules[0]",
        "@sub/c.yaml/rule:rules[0]",
    ]


def test_what_two_parents_extend_is_there_once(folder: Folder) -> None:
    folder.write("base.yaml", RULE)
    folder.write("a.yaml", "extends: base.yaml\n")
    folder.write("b.yaml", "extends: ./base.yaml\n")
    folder.write("child.yaml", "extends: [a.yaml, b.yaml]\n")
    assert outcomes(folder.load("child.yaml")) == ["refused"]


def test_many_ways_to_the_same_file_do_not_take_long(folder: Folder) -> None:
    """Fifteen generations of two files that both extend both of the next: 32 768 ways to the last."""
    for number in range(15):
        for name in "ab":
            folder.write(f"{name}{number}.yaml", f"extends: [a{number + 1}.yaml, b{number + 1}.yaml]\n")
    folder.write("a15.yaml", RULE)
    folder.write("b15.yaml", RULE)
    assert len(folder.load("a0.yaml").rules) == 2
    assert len(folder.library.files) == 31


def test_an_inherited_line_strikes(folder: Folder) -> None:
    from mockpsp.domain.lifecycle import Question

    folder.write("base.yaml", RULE)
    folder.write("child.yaml", "extends: base.yaml\n")
    asked = Script(folder.load("child.yaml")).ask(Question("acme.charge", {}), {})
    assert (asked.verdict.outcome, list(asked.moved)) == ("refused", ["@base.yaml/rule:rules[0]"])


# -- where parents are found ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [SHIPPED, "default"])
def test_a_file_may_extend_a_shipped_scenario(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"mockpsp: 1\ntitle: Mine\nextends: {name}\n", encoding="utf-8")
    mine, theirs = Library(catalogues).load(str(file)), Library(catalogues).load(name)
    assert mine.world == theirs.world
    assert len(mine.faults) == len(theirs.faults)


async def test_an_inline_scenario_may_extend_a_shipped_one() -> None:
    story = [{"merchant": "adyen.payments", "amount": "1.00 EUR", "expect": {"status": 429}}]
    played = await play(Library(catalogues).from_value({"extends": SHIPPED, "story": story}))
    assert [str(failure) for failure in played.failures] == []


@pytest.mark.parametrize("name", ["base.yaml", "./base.yaml", "/etc/base.yaml", "x" * 5000 + ".yaml", "a\0.yaml", ""])
def test_an_inline_scenario_extends_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "base.yaml").write_text("mockpsp: 1\ntitle: t\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError) as caught:
        Library(catalogues).from_value({"extends": name})
    assert caught.value.problems[0].path == "/extends"


def test_a_path_from_the_root_is_not_beside_the_file(folder: Folder) -> None:
    base = folder.write("base.yaml", "")
    folder.write("child.yaml", f"extends: {base}\n")
    (told,) = folder.told("child.yaml")
    assert told.startswith("child.yaml:3:10: extends: no scenario and no file is called ")


def test_a_family_may_stand_in_several_folders(folder: Folder) -> None:
    folder.write("base.yaml", RULE)
    folder.write("refunds/child.yaml", "extends: ../base.yaml\n")
    assert outcomes(folder.load("refunds/child.yaml")) == ["refused"]


# -- what goes wrong -----------------------------------------------------------------------------------------------


ITSELF = "extends itself, by way of others"
SED = "unknown key 'sed' of a scenario; did you mean 'seed'?"
OF_ITS_OWN = "has mistakes of its own:"


@pytest.mark.parametrize(
    ("files", "place", "told"),
    [
        ({"child": "extends: bse.yaml\n", "base": ""}, 10, "no scenario and no file is called 'bse.yaml'"),
        ({"child": "extends: child.yaml\n"}, 10, f"'child.yaml' {ITSELF}"),
        ({"child": "extends: ../{here}/child.yaml\n"}, 10, f"'../{{here}}/child.yaml' {ITSELF}"),
        (
            {"child": "extends: base.yaml\n", "base": "extends: child.yaml\n"},
            10,
            f"'base.yaml' {OF_ITS_OWN} base.yaml:3:10: extends: 'child.yaml' {ITSELF}",
        ),
        (
            {"child": "extends: base.yaml\n", "base": "sed: 1\nfoo: 2\n"},
            10,
            f"'base.yaml' {OF_ITS_OWN} base.yaml:3:1: {SED} (and 1 more)",
        ),
        ({"child": "extends: {a: b}\n"}, 10, "needs text, not a mapping"),
        ({"child": "extends: [base.yaml, base.yaml]\n", "base": ""}, 22, "'base.yaml' stands here twice"),
        ({"child": "extends: [base.yaml, true]\n", "base": ""}, 22, "needs text, not true; put it in quotes: 'true'"),
    ],
)
def test_mistakes_have_a_place(folder: Folder, files: dict[str, str], place: int, told: str) -> None:
    for name, text in files.items():
        folder.write(f"{name}.yaml", text.replace("{here}", folder.path.name))
    assert folder.told("child.yaml") == [f"child.yaml:3:{place}: extends: {told}".replace("{here}", folder.path.name)]


def test_a_child_with_a_mistake_of_its_own_inherits_nothing(folder: Folder) -> None:
    folder.write("base.yaml", RULE)
    folder.write("child.yaml", "extends: base.yaml\nsettings: {acme: {retrys: 1}}\n")
    assert folder.told("child.yaml") == ["child.yaml:4:19: unknown setting 'retrys' of acme; did you mean 'retries'?"]


def test_an_empty_list_extends_nothing(folder: Folder) -> None:
    folder.write("child.yaml", "extends: []\n")
    assert folder.told("child.yaml") == ["child.yaml:3:10: needs at least one of its scenarios"]


def test_a_chain_has_an_end(folder: Folder) -> None:
    for number in range(MAX_GENERATIONS + 5):
        folder.write(f"{number}.yaml", f"extends: {number + 1}.yaml\n")
    folder.write(f"{MAX_GENERATIONS + 5}.yaml", "")
    (told,) = folder.told("0.yaml")
    assert told.count("has mistakes of its own") == MAX_GENERATIONS
    assert f"more than {MAX_GENERATIONS} scenarios extend each other in a row" in told
    assert folder.load("10.yaml").title == "10"


def test_a_file_that_cannot_be_read_is_a_mistake_with_a_place(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("base.yaml", "")
    folder.write("child.yaml", "extends: base.yaml\n")
    read = Path.read_bytes

    def denied(path: Path) -> bytes:
        if path.name == "base.yaml":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert folder.told("child.yaml") == ["child.yaml:3:10: extends: 'base.yaml' cannot be read: Permission denied"]


def test_without_a_library_nothing_can_be_extended() -> None:
    with pytest.raises(ScenarioError, match="no other scenario can be had here"):
        load("mockpsp: 1\ntitle: t\nextends: a", file="f.yaml", name="n", catalogues=CATALOGUES)


def test_together_keeps_the_clock_and_the_seed_of_the_first_where_the_other_has_none(folder: Folder) -> None:
    first = folder.write("a.yaml", "seed: 7\nclock: 2026-07-01T09:00:00Z\n")
    second = folder.write("b.yaml", RULE)
    both: Any = folder.library.together([str(first), str(second)])
    assert (both.seed, both.clock) == (7, folder.load("a.yaml").clock)
    assert replace(both, name="").title == "b"
