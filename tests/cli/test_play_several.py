"""``mockpsp play`` with several scenarios, for CI and for other tools."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from mockpsp.cli import cli
from tests.golden.tell import path_of
from tests.support.har import HAR

ASKS = "story:\n  - {merchant: worldline.test_connection, expect: {status: 200}}\n"
GIVEN = "mockpsp: 1\ntitle: A client asks <&> waits\ntags: [small]\n"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["play", *words])


@pytest.fixture
def stories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good story, a bad one, a broken file and one without a story."""
    folder = tmp_path / "stories"
    (folder / "deep").mkdir(parents=True)
    (folder / "good.yaml").write_text(GIVEN + ASKS, encoding="utf-8")
    (folder / "deep" / "bad.yml").write_text(GIVEN.replace("small", "large") + ASKS.replace("200", "418"), "utf-8")
    (folder / "broken.yaml").write_text("mockpsp: 1\ntitle: It breaks\nsede: 1\n", encoding="utf-8")
    (folder / "silent.yaml").write_text(GIVEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_folder_is_played_and_a_broken_file_does_not_stop_it(stories: Path, tmp_path: Path) -> None:
    report = tmp_path / "reports" / "junit.xml"
    ended = run("stories", "--quiet", "--junit", str(report))

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "deep/bad.yml: line 5: status: expected 418, was 200" in ended.stderr
    assert "unknown key 'sede'" in ended.stderr
    assert ended.stderr.splitlines()[-1] == "3 stories, 2 not as expected"
    suite = ET.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    cases = {case.get("name"): [each.tag for each in case] for case in suite.iter("testcase")}
    assert cases == {"bad.yml": ["failure"], "broken.yaml": ["error"], "good.yaml": []}
    assert "expected 418, was 200" in str(next(suite.iter("failure")).text)


def test_tags_choose_and_patterns_find_files_and_shipped_ones(stories: Path) -> None:
    tagged = run("stories/good.yaml", "stories/deep", "--tag", "large", "--format", "json")
    pattern = run("stories/g*.yaml", "adyen/full-v*", "--quiet")
    unheard = run("stories/good.yaml", "--tag", "none")

    assert [each["name"] for each in json.loads(tagged.stdout)] == ["stories/deep/bad.yml"]
    assert (pattern.exit_code, pattern.stderr) == (0, "2 stories, all as expected\n")
    assert unheard.exit_code == 1
    assert "has the tag none" in unheard.stderr


def test_a_shipped_folder_with_a_tag_is_written_file_by_file(tmp_path: Path) -> None:
    ended = run("lyra/", "--tag", "refund", "--tag", "refunds", "--format", "mermaid", "--output", str(tmp_path))

    assert (ended.exit_code, ended.stdout) == (0, ""), ended.stderr
    files = list((tmp_path / "lyra").glob("*.mmd"))
    assert len(files) > 3
    assert all(each.read_text("utf-8").startswith("sequenceDiagram") for each in files)


def test_several_in_text_follow_each_other(stories: Path) -> None:
    ended = run("stories/good.yaml", "worldline/vouchers-pay-all")

    assert ended.exit_code == 0
    assert ended.stdout.count("As expected: ") == 2


def test_progress_is_told_to_a_terminal_only(stories: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("stories/good.yaml", "stories/deep", "--quiet")
    silent = run(*words)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True)
    told = run(*words)

    lines = told.stderr.splitlines()
    assert re.fullmatch(r" +1/2  stories/good\.yaml: ok \(\d+\.\d\d s\)", lines[0])
    assert re.fullmatch(r" +2/2  stories/deep/bad\.yml: 1 not met \(\d+\.\d\d s\)", lines[1])
    assert "1/2" not in silent.stderr


@pytest.mark.parametrize(
    "names",
    [
        ["worldline/endpoint-fails-three-times", "adyen/voucher-then-card"],
        ["worldline/timeout-after-the-effect"],
        ["lyra/voucher-share-refunded"],
    ],
)
def test_the_archive_is_what_har_demands(names: list[str]) -> None:
    ended = run(*names, "--format", "har")
    archive = json.loads(ended.stdout)

    errors = jsonschema_rs.validator_for(HAR, validate_formats=True).iter_errors(archive)
    assert [str(each) for each in errors] == []
    log = archive["log"]
    assert [each["id"] for each in log["pages"]] == names
    assert {each["pageref"] for each in log["entries"]} == set(names)
    traced = [each for each in log["entries"] if each["_mockpsp"]["kind"] == "request" and each["response"]["status"]]
    for each in traced:
        told = {pair["name"]: pair["value"] for pair in each["response"]["headers"]}
        assert told["Mockpsp-Trace"] == str(each["_mockpsp"]["trace"])
    assert traced
    assert {each["_mockpsp"]["kind"] for each in log["entries"]} == {"request", "delivery"}


def test_a_cut_connection_is_in_the_archive_too() -> None:
    entries = json.loads(run("worldline/timeout-after-the-effect", "--format", "har").stdout)["log"]["entries"]

    assert [each["response"]["_error"] for each in entries if not each["response"]["status"]]


def test_something_has_to_be_named() -> None:
    assert run().exit_code == 2
    assert "did you mean" in run("lyra/refund-succeds").stderr
    assert run("lyra/*nothing*").exit_code == 2


# -- digests -----------------------------------------------------------------------------------------------------------


def test_the_digest_of_a_shipped_story_is_the_one_that_is_kept() -> None:
    name = "worldline/vouchers-pay-all"
    digest, _, told = run(name, "--format", "digest").stdout.strip().partition("  ")
    assert told == name
    assert path_of(name).read_text(encoding="utf-8").splitlines()[2] == digest


def test_one_digest_tells_of_all_journals() -> None:
    names = ("worldline/vouchers-pay-all", "lyra/slow-body")
    *lines, whole = run(*names, "--format", "digest").stdout.splitlines()
    assert [line.partition("  ")[2] for line in lines] == list(names)
    assert whole == f"{sha256(chr(10).join(lines).encode()).hexdigest()}  all 2 journals"


def test_a_journal_does_not_know_where_its_file_lies(stories: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = stories / "good.yaml"
    story.write_text(story.read_text(encoding="utf-8") + "clock: 2026-07-01T09:00:00+02:00\n", encoding="utf-8")
    from_there = run("stories/good.yaml", "--format", "digest").stdout
    monkeypatch.chdir(stories)
    digests = {told.partition("  ")[0] for told in (from_there, *(run(each, "--format", "digest").stdout
                                                                  for each in ("good.yaml", str(story))))}  # fmt: skip
    assert len(digests) == 1


def test_files_have_the_same_line_ends_on_every_machine(tmp_path: Path) -> None:
    run("worldline/vouchers-pay-all", "--output", str(tmp_path))
    assert b"\r" not in (tmp_path / "worldline" / "vouchers-pay-all.txt").read_bytes()
