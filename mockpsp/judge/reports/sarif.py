"""A judgement as SARIF 2.1.0, the form in which code hosts take findings (OASIS, sarif-v2.1.0).

Nobody can see here which line of the application is wrong. The place that is named is the test command's file, or
what the user names; the fingerprint is the finding's key, so that a finding stays itself from run to run.
"""

from __future__ import annotations

import shlex
from pathlib import Path, PurePath
from typing import Any

from msgspec.json import encode
from msgspec.json import format as laid_out

from mockpsp import __version__
from mockpsp.judge.model import Evidence, Finding, Judgement, Outcome, Severity
from mockpsp.judge.reports.baseline import Baseline

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning"}
_SCORES = {
    Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0", Severity.NOTE: "0.0"
}  # fmt: skip
"""``security-severity`` of a rule: from 9.0 critical, from 7.0 high, from 4.0 medium."""


def sarif(judgement: Judgement, baseline: Baseline, place: str = "") -> str:
    """One log with one run. ``place`` is the file that findings are shown at, relative to the repository."""
    found = judgement.findings
    rules = list({each.name: each for each in reversed(found)}.values())[::-1]
    order = [each.name for each in rules]
    at = _location(place or command_file(judgement.command))
    driver = {
        "name": "mockpsp judge",
        "semanticVersion": __version__,
        "rules": [_rule(each) for each in rules],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(judgement)],
        "results": [_result(each, order.index(each.name), at, baseline) for each in found],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return laid_out(encode(log), indent=2).decode() + "\n"


def command_file(command: str) -> str:
    """The first word of the command that is a file here; where there is none, the folder itself."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    here = Path.cwd()
    for word in words:
        path = Path(word)
        if path.is_file() and not path.is_absolute() and path.resolve().is_relative_to(here):
            return PurePath(word).as_posix()
    return "."


def _location(place: str) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": place}, "region": {"startLine": 1}}}


def _rule(finding: Finding) -> dict[str, Any]:
    told = {
        "id": finding.name,
        "name": "".join(word.capitalize() for word in finding.name.split("-")),
        "shortDescription": {"text": finding.title},
        "fullDescription": {"text": finding.why},
        "help": {"text": finding.instead},
        "defaultConfiguration": {"level": _LEVELS.get(finding.severity, "note")},
        "properties": {"tags": ["payments"], "security-severity": _SCORES[finding.severity]},
    }
    return told | ({"helpUri": finding.source} if finding.source.startswith("https://") else {})


def _result(finding: Finding, rule: int, at: dict[str, Any], baseline: Baseline) -> dict[str, Any]:
    text = f"{finding.title} (probe {finding.probe}). {finding.instead}"
    told: dict[str, Any] = {
        "ruleId": finding.name,
        "ruleIndex": rule,
        "level": _LEVELS.get(finding.severity, "note"),
        "message": {"text": text},
        "locations": [at | {"logicalLocations": [{"fullyQualifiedName": finding.probe, "kind": "probe"}]}],
        "partialFingerprints": {"mockpspFinding/v1": finding.key},
        "properties": {"severity": finding.severity, "evidence": [_evidence(each) for each in finding.evidence]},
    }
    if baseline.knows(finding):
        told["suppressions"] = [{"kind": "external", "justification": "It is in the baseline."}]
    return told


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {"told": evidence.told, "entries": [text for _, text in evidence.entries]}


def _invocation(judgement: Judgement) -> dict[str, Any]:
    broken = [each for each in (judgement.plain, *judgement.probes) if each.outcome is Outcome.BROKEN]
    told: dict[str, Any] = {"commandLine": judgement.command, "executionSuccessful": not broken}
    if broken:
        told["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": f"{each.probe}: {each.told}"}} for each in broken
        ]
    return told
