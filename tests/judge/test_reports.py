"""Reports of a judgement: what each form says, that it is of its form, and what a baseline changes."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import jsonschema_rs
import pytest
from click.testing import CliRunner

from mockpsp.commands.reporting import known, report, reported
from mockpsp.judge.model import Evidence, Finding, Judgement, Outcome, Ran, Report, Severity, Took, as_json
from mockpsp.judge.reports.badge import badge
from mockpsp.judge.reports.baseline import BadBaseline, Baseline
from mockpsp.judge.reports.drawing import drawing
from mockpsp.judge.reports.junit import junit
from mockpsp.judge.reports.page import page
from mockpsp.judge.reports.sarif import command_file, sarif
from tests.support.needed import missing
from tests.support.node import FOLDER

HOSTILE = "<script>alert('x')</script>]]>\x00\"&amp;"
SARIF = FOLDER / "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"
SEQUENCE = """sequenceDiagram
    actor shopper
    participant merchant
    participant adyen
    merchant->>adyen: payments #3
    adyen-->>merchant: 200
    adyen-xmerchant: AUTHORISATION → no answer within 10 s, which is a long time for a webhook #7
    Note over merchant,adyen: 4 more steps"""


def finding(probe: str, name: str = "shipped-twice", severity: Severity = Severity.CRITICAL) -> Finding:
    return Finding(
        name=name,
        title=f"shipped an order twice {HOSTILE}",
        probe=probe,
        provider="adyen",
        severity=severity,
        evidence=(Evidence(told=f"two parcels {HOSTILE}", entries=((7, f"#7 delivery {HOSTILE}"),)),),
        why=f"Goods are gone {HOSTILE}",
        instead="Remember the pspReference.",
        source="https://docs.adyen.com/development-resources/webhooks",
    )


def told(probe: str, outcome: Outcome, *findings: Finding, **more: Any) -> Report:
    given = {"title": f"{probe} {HOSTILE}", "severity": Severity.HIGH, "page": "https://docs.adyen.com/"} | more
    return Report(probe=probe, provider=probe.partition("/")[0], outcome=outcome, findings=findings, **given)


def judged(*reports: Report) -> Judgement:
    ran = Ran(exit_code=0, output="", took=Took(wall=1.5, command=1.0, simulator=0.25))
    plain = Report(
        probe="plain", provider="", title="nothing is bent", severity=Severity.HIGH, outcome=Outcome.HELD, ran=ran
    )
    return Judgement(
        command=f"pytest tests/buy.py {HOSTILE}", seed=7, clock="manual", plain=plain, probes=reports,
        took=Took(wall=12.5, command=9.0, simulator=0.5),
    )  # fmt: skip


TWICE, LATE = finding("adyen/twice"), finding("adyen/late", "lost-order", Severity.MEDIUM)
MIXED = judged(
    told("adyen/twice", Outcome.FOUND, TWICE, sequence=SEQUENCE, scenario={"webhooks": [{"copies": 2}]}),
    told("adyen/late", Outcome.FOUND, LATE),
    told("adyen/lost", Outcome.HELD),
    told("lyra/far", Outcome.NOT_APPLICABLE, told=f"the command calls nothing at lyra {HOSTILE}"),
    told("lyra/odd", Outcome.BROKEN, told=f"lines do not go together {HOSTILE}"),
    told("lyra/note", Outcome.FOUND, finding("lyra/note", "weak", Severity.NOTE)),
)
CLEAN = judged(told("adyen/twice", Outcome.HELD), told("adyen/lost", Outcome.HELD))
NOTHING = Baseline()


class Tags(HTMLParser):
    """Names and attributes of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


# -- baseline ----------------------------------------------------------------------------------------------------------


def test_what_the_baseline_knows_does_not_fail_and_what_is_new_does() -> None:
    found = judged(told("adyen/twice", Outcome.FOUND, TWICE))
    assert not NOTHING.passes(found)
    assert Baseline.of(found).passes(found)
    more = judged(told("adyen/twice", Outcome.FOUND, TWICE), told("adyen/late", Outcome.FOUND, LATE))
    assert Baseline.of(found).fresh(more) == (LATE,)
    assert not Baseline.of(found).passes(more)


def test_a_probe_that_could_not_be_run_fails_whatever_is_known() -> None:
    assert not Baseline.of(MIXED).passes(MIXED)


def test_notes_are_not_written_to_the_baseline() -> None:
    assert set(Baseline.of(MIXED).known) == {TWICE.key, LATE.key}


def test_what_is_mended_is_gone_only_if_its_probe_was_run() -> None:
    baseline = Baseline({"adyen/twice/shipped-twice": "", "adyen/elsewhere/lost-order": ""})
    assert baseline.gone(CLEAN) == ("adyen/twice/shipped-twice",)


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text(Baseline.of(MIXED).text())
    assert Baseline.read(file) == Baseline.of(MIXED)
    assert list(json.loads(file.read_text())["known"]) == sorted([TWICE.key, LATE.key])


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": 2, "known": {}}', '{"known": {}}', '{"format":1,"known":[1]}']
)
def test_what_is_no_baseline_is_refused_with_the_reason(tmp_path: Path, text: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(text)
    with pytest.raises(BadBaseline, match=re.escape(str(file))):
        Baseline.read(file)


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_holds_no_script_asks_nobody_and_its_policy_allows_its_own_style() -> None:
    text = page(MIXED, NOTHING)
    tags = Tags(text).seen
    assert not {name for name, _ in tags} & {"script", "img", "link", "iframe", "object", "form", "base"}
    assert not [name for name, values in tags for each in values if each.startswith("on") or each in ("style", "src")]
    assert {values["href"] for name, values in tags if name == "a"} == {
        "https://docs.adyen.com/", "https://docs.adyen.com/development-resources/webhooks"
    }  # fmt: skip
    style = text.partition("<style>")[2].partition("</style>")[0]
    policy = next(values["content"] or "" for _, values in tags if values.get("http-equiv"))
    assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy


def test_the_page_tells_every_probe_and_every_finding() -> None:
    text = page(MIXED, Baseline.of(judged(told("adyen/late", Outcome.FOUND, LATE))))
    ids = [values.get("data-testid") for _, values in Tags(text).seen]
    assert (ids.count("probe"), ids.count("finding")) == (7, 3)
    for heading in ("1 mistake found", ">Found<", ">In the baseline<", ">Notes<", "copies: 2", "seed", "12.5 s"):
        assert heading.lower() in text.lower()
    assert "No longer found" not in text


def test_a_page_without_findings_says_so() -> None:
    assert "No mistake found" in page(CLEAN, NOTHING)
    assert "No longer found" in page(CLEAN, Baseline({TWICE.key: "shipped twice"}))


def test_the_sequence_is_drawn_as_the_diagram_says() -> None:
    drawn = drawing(SEQUENCE)
    assert drawn is not None
    assert [name for name, _ in drawn.lanes] == ["merchant", "adyen"]
    assert [(each.dashed, each.broken) for each in drawn.arrows] == [(False, False), (True, False), (False, True)]
    assert drawn.arrows[0].to_x > drawn.arrows[0].x == drawn.arrows[1].to_x
    assert drawn.arrows[2].text.endswith("…")
    assert drawn.note == "4 more steps"
    assert drawing("") is None


# -- JUnit -------------------------------------------------------------------------------------------------------------


def test_junit_counts_what_failed_and_what_was_left_out() -> None:
    root = ET.fromstring(junit(MIXED, NOTHING))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7", "failures": "2", "errors": "1", "skipped": "1"
    }  # fmt: skip
    ends = {each.get("name"): [end.tag for end in each] for each in root.iter("testcase")}
    assert ends == {
        "plain": [], "twice": ["failure"], "late": ["failure"], "lost": [], "far": ["skipped"], "odd": ["error"],
        "note": [],
    }  # fmt: skip
    assert "#7 delivery" in (root.find(".//failure").text or "")  # type: ignore[union-attr]


def test_in_junit_the_known_passes_with_a_word() -> None:
    root = ET.fromstring(junit(MIXED, Baseline.of(MIXED)))
    assert root.get("failures") == "0"
    assert [each.tag for each in root.find(".//testcase[@name='twice']") or ()] == ["system-out"]


# -- SARIF -------------------------------------------------------------------------------------------------------------


def run_of(judgement: Judgement, baseline: Baseline = NOTHING, place: str = "") -> Any:
    return json.loads(sarif(judgement, baseline, place))["runs"][0]


@pytest.mark.node
@pytest.mark.parametrize("judgement", [MIXED, CLEAN])
def test_sarif_is_of_its_schema(judgement: Judgement) -> None:
    if not SARIF.is_file():
        missing("the npm packages of tests/node are not installed (make node)")
    schema = json.loads(SARIF.read_text())
    for each in ("run", "toolComponent"):  # their pattern is no regular expression: it has a bracket too many
        del schema["definitions"][each]["properties"]["language"]["pattern"]
    jsonschema_rs.validate(schema, json.loads(sarif(judgement, Baseline.of(judgement))))


def test_a_result_in_sarif_is_known_by_its_key_and_shown_where_somebody_wants_it() -> None:
    run = run_of(MIXED, Baseline({LATE.key: ""}), "app/checkout.py")
    assert [(each["level"], "suppressions" in each) for each in run["results"]] == [
        ("error", False), ("warning", True), ("note", False)
    ]  # fmt: skip
    first = run["results"][0]
    assert first["partialFingerprints"] == {"mockpspFinding/v1": "adyen/twice/shipped-twice"}
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app/checkout.py"
    assert [run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] for each in run["results"]] == [
        "shipped-twice", "lost-order", "weak"
    ]  # fmt: skip
    assert run["invocations"][0]["executionSuccessful"] is False


def test_findings_are_shown_at_the_commands_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "buy.py").touch()
    assert command_file("python -m pytest tests/buy.py -q") == "tests/buy.py"
    assert command_file("make judge") == "."
    assert command_file(f"run {tmp_path}/tests/buy.py") == "."
    assert command_file("it's broken tests/buy.py") == "tests/buy.py"


# -- the badge ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judgement", "baseline", "says"),
    [
        (CLEAN, NOTHING, "2 probes held"),
        (judged(told("adyen/twice", Outcome.FOUND, TWICE)), NOTHING, "1 finding, critical"),
        (judged(told("adyen/late", Outcome.FOUND, LATE)), Baseline({LATE.key: ""}), "1 known"),
        (MIXED, NOTHING, "could not run"),
    ],
)
def test_the_badge_says_how_it_stands(judgement: Judgement, baseline: Baseline, says: str) -> None:
    root = ET.fromstring(badge(judgement, baseline))
    assert root.get("aria-label") == f"mockpsp judge: {says}"


# -- the options -------------------------------------------------------------------------------------------------------


@click.command()
@reported
def ended(**reports: Any) -> None:
    baseline = known(reports)
    raise SystemExit(0 if report(MIXED if reports["place"] else CLEAN, baseline, reports) else 1)


def test_every_report_that_is_asked_for_is_written(tmp_path: Path) -> None:
    names = ("html", "junit", "sarif", "json", "badge")
    asked = [part for name in names for part in (f"--{name}", str(tmp_path / "out" / name))]
    result = CliRunner().invoke(ended, [*asked, "--place", "x"])
    assert result.exit_code == 1, result.output
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == sorted(names)
    assert json.loads((tmp_path / "out" / "json").read_text()) == json.loads(as_json(MIXED))


def test_a_baseline_that_is_not_there_yet_knows_nothing(tmp_path: Path) -> None:
    assert CliRunner().invoke(ended, ["--baseline", str(tmp_path / "none.json")]).exit_code == 0


def test_a_baseline_is_written_and_holds_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    result = CliRunner().invoke(ended, ["--baseline", str(file), "--write-baseline"])
    assert (result.exit_code, Baseline.read(file)) == (0, NOTHING)


def test_what_is_mended_is_told(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text(Baseline({TWICE.key: "shipped twice"}).text())
    assert "can let go" in CliRunner().invoke(ended, ["--baseline", str(file)]).output


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("[]")
    assert CliRunner().invoke(ended, ["--write-baseline"]).exit_code == 2
    assert CliRunner().invoke(ended, ["--baseline", str(bad)]).exit_code == 2
