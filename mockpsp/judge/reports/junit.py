"""A judgement as JUnit XML: a suite per provider, a test case per probe.

What a baseline knows passes, and is told as the case's output.
"""

from __future__ import annotations

from itertools import groupby
from xml.etree import ElementTree as ET

from mockpsp.judge.model import Judgement, Outcome, Report
from mockpsp.judge.reports.baseline import Baseline
from mockpsp.judge.telling import in_full
from mockpsp.testing.suite import printable


def junit(judgement: Judgement, baseline: Baseline) -> str:
    """The XML that CI servers read."""
    root = ET.Element("testsuites", {"name": "mockpsp judge"})
    reports = [judgement.plain, *judgement.probes]
    for provider, group in groupby(reports, key=lambda each: each.provider or "plain"):
        _suite(ET.SubElement(root, "testsuite"), provider, list(group), baseline)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(each.get(name, "0")) for each in root)))
    root.set("time", f"{judgement.took.wall:.3f}")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(suite: ET.Element, provider: str, reports: list[Report], baseline: Baseline) -> None:
    suite.set("name", f"mockpsp judge {provider}")
    kinds = [_case(suite, provider, each, baseline) for each in reports]
    counted = {"tests": len(kinds)} | {f"{kind}s": kinds.count(kind) for kind in ("failure", "error")}
    for name, count in (counted | {"skipped": kinds.count("skipped")}).items():
        suite.set(name, str(count))
    suite.set("time", f"{sum(_seconds(each) for each in reports):.3f}")


def _case(suite: ET.Element, provider: str, report: Report, baseline: Baseline) -> str:
    """Adds the case; the kind of its end, empty when it passed."""
    name = report.probe.rpartition("/")[2]
    case = ET.SubElement(
        suite, "testcase", {"classname": f"judge.{provider}", "name": name, "time": f"{_seconds(report):.3f}"}
    )
    fresh = [each for each in report.counted if not baseline.knows(each)]
    known = [each for each in report.counted if baseline.knows(each)]
    if known:
        told = "\n\n".join(["In the baseline:", *map(in_full, known)])
        ET.SubElement(case, "system-out").text = printable(told)
    match report.outcome:
        case Outcome.BROKEN:
            kind, message, text = "error", "could not be run", report.told
        case Outcome.NOT_APPLICABLE:
            kind, message, text = "skipped", report.told, ""
        case _ if fresh:
            kind = "failure"
            message = "; ".join(each.title for each in fresh)
            text = "\n\n".join(map(in_full, fresh))
        case _:
            return ""
    end = ET.SubElement(case, kind, {"message": printable(message)})
    if kind != "skipped":
        end.set("type", fresh[0].name if fresh else kind)
        end.text = printable(text)
    return kind


def _seconds(report: Report) -> float:
    return report.ran.took.wall if report.ran is not None else 0.0
