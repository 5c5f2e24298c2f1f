"""A judgement for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mockpsp.judge.model import Finding, Judgement, Outcome, Report, Took

_MARKS = {Outcome.HELD: "ok", Outcome.FOUND: "FOUND", Outcome.NOT_APPLICABLE: "–", Outcome.BROKEN: "BROKEN"}


def line(report: Report, number: int, count: int) -> str:
    """One line of progress."""
    seconds = f" ({report.ran.took.wall:.1f} s)" if report.ran is not None else ""
    said = report.told or ", ".join(each.title for each in report.findings) or "held"
    return f"{number:>4}/{count}  {_MARKS[report.outcome]:<6} {report.probe}: {said}{seconds}"


def table(judgement: Judgement, knows: Callable[[Finding], bool] = lambda _: False) -> str:
    """What became of each probe, the findings in full (known ones marked), and the time it took."""
    rows = [judgement.plain, *judgement.probes]
    width = max(len(each.probe) for each in rows)
    lines = [f"{_MARKS[each.outcome]:<6}  {each.probe:<{width}}  {_says(each)}" for each in rows]
    findings = [line for each in judgement.findings for line in ("", *_finding(each, known=knows(each)))]
    return "\n".join([*lines, *findings, "", *_end(judgement, sum(map(knows, judgement.counted)))])


def _says(report: Report) -> str:
    if report.outcome is Outcome.FOUND:
        return "; ".join(f"{each.title} ({each.severity})" for each in report.findings)
    if report.outcome is Outcome.NOT_APPLICABLE:
        return f"not applicable: {report.told}"
    return report.told or report.title


def in_full(finding: Finding) -> str:
    """A finding with what was seen, why it matters and what to do."""
    return "\n".join(_finding(finding))


def _finding(finding: Finding, *, known: bool = False) -> Iterator[str]:
    yield f"{finding.severity.upper()}  {finding.title}  [{finding.key}]{' (in the baseline)' if known else ''}"
    for each in finding.evidence:
        yield f"  {each.told}"
        yield from (f"    {text}" for _, text in each.entries)
    yield f"  Why it matters: {finding.why}"
    yield f"  Instead: {finding.instead}"
    if finding.source:
        yield f"  Source: {finding.source}"


def _end(judgement: Judgement, known: int) -> Iterator[str]:
    counts = {each: sum(report.outcome is each for report in judgement.probes) for each in Outcome}
    words = {
        Outcome.HELD: "held", Outcome.FOUND: "found something", Outcome.NOT_APPLICABLE: "not applicable",
        Outcome.BROKEN: "could not be run",
    }  # fmt: skip
    told = ", ".join(f"{count} {words[each]}" for each, count in counts.items() if count)
    in_baseline = f", {known} of them in the baseline" if known else ""
    probes, found = _count(len(judgement.probes), "probe"), _count(len(judgement.counted), "finding")
    yield f"{probes}: {told or 'none'}; {found}{in_baseline}"
    yield took(judgement.took)


def took(time: Took) -> str:
    """How long it took, and what part of it is ours."""
    parts = [
        f"{name} {seconds:.1f} s"
        for name, seconds in (("command", time.command), ("simulator", time.simulator), ("judge", time.judge))
        if seconds is not None
    ]
    return f"took {time.wall:.1f} s" + (f"; processor: {', '.join(parts)}" if parts else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
