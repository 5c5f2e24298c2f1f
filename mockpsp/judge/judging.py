"""The judgement: the plain run, then every probe that its calls make sense of, each in a run of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from mockpsp.judge import oracles, verdicts
from mockpsp.judge.command import run_command
from mockpsp.judge.model import Finding, Judgement, Outcome, Probe, Ran, Report, Severity, Took, Trial
from mockpsp.judge.observed import Observed
from mockpsp.judge.runner import Command, Runner, Setup
from mockpsp.judge.sequence import mermaid
from mockpsp.judge.stage import Stage
from mockpsp.testing.connection import ControlError

Tell = Callable[[Report, int, int], None]
"""Is told of each report as it is there, with its number and how many there will be."""

PLAIN = Probe(
    name="plain",
    provider="",
    title="nothing is bent",
    reason="What goes wrong here goes wrong by itself; and probes are compared with it.",
    page="",
    severity=Severity.HIGH,
    checks=(verdicts.plainly, oracles.conserved),
)


def judge(
    setup: Setup,
    stage: Stage,
    probes: Sequence[Probe],
    tell: Tell = lambda *_: None,
    command: Command = run_command,
) -> Judgement:
    """Run the command plainly, and once for each probe of a provider that it calls.

    When the plain run fails there is nothing to compare with: the judgement then ends there, as broken.
    Raises what ``Runner.run`` raises.
    """
    began, runner = time.perf_counter(), Runner(setup, stage, command)
    count = len(probes) + 1
    observed, ran = runner.run("plain")
    plain = plainly(observed, ran)
    tell(plain, 1, count)
    reports: list[Report] = []
    if plain.outcome is not Outcome.BROKEN:
        for number, probe in enumerate(probes, 2):
            reports.append(_report(runner, probe, observed))
            tell(reports[-1], number, count)
    return Judgement(
        command=setup.run,
        seed=setup.seed,
        clock="manual" if setup.manual else "real",
        plain=plain,
        probes=tuple(reports),
        took=total(time.perf_counter() - began, [each.ran for each in (plain, *reports) if each.ran is not None]),
    )


def plainly(observed: Observed, ran: Ran) -> Report:
    """What became of the plain run."""
    findings = _found(Trial(PLAIN, observed, observed))
    told = ""
    if ran.exit_code is None:
        told = "the command did not end in time (see --limit)"
    elif ran.exit_code:
        told = f"the command ended with {ran.exit_code} although nothing was bent:{_tail(ran.output)}"
    elif not any(observed.calls()):
        told = "the command called no provider with this sandbox's credentials"
    outcome = Outcome.BROKEN if told else Outcome.FOUND if findings else Outcome.HELD
    return _written(PLAIN, outcome, told, findings=findings, ran=ran)


def _report(runner: Runner, probe: Probe, plain: Observed) -> Report:
    lacking = missing(probe, plain)
    if lacking:
        return _written(probe, Outcome.NOT_APPLICABLE, lacking)
    try:
        run, ran = runner.run(f"{probe.provider}/{probe.name}", probe.lines, later=probe.later, visit=probe.visit)
    except ControlError as error:
        return _written(probe, Outcome.BROKEN, f"the base and the probe's lines do not go together: {error}")
    findings = _found(Trial(probe, plain, run))
    if not any(run.calls(probe.provider)):  # whatever it did, it was not the purchase: of that nothing can be said
        told = f"the command called nothing at {probe.provider}; it ended with {ran.exit_code}:{_tail(ran.output)}"
        return _written(probe, Outcome.BROKEN, told, ran=ran)
    told = "" if findings else gone(probe, run)
    return _written(
        probe,
        Outcome.FOUND if findings else Outcome.NOT_APPLICABLE if told else Outcome.HELD,
        told,
        findings=findings,
        ran=ran,
        scenario=runner.setup.scenario(f"{probe.provider}/{probe.name}", probe.lines),
        sequence=mermaid(run, probe.provider) if findings else "",
    )


def _tail(output: str, lines: int = 12) -> str:
    return "".join(f"\n    {each}" for each in output.splitlines()[-lines:])


def missing(probe: Probe, plain: Observed) -> str:
    """What the plain run lacks for this probe to show anything; empty when there is nothing."""
    if not any(plain.calls(probe.provider)):
        return f"the command calls nothing at {probe.provider}"
    return next((need.told for need in probe.needs if not need.holds(plain)), "")


def gone(probe: Probe, run: Observed) -> str:
    """Why a run shows nothing although it was made: the merchant ended with the command. Empty where it did not."""
    if probe.visit is not None and not any(each.status for each in run.saw):
        return "nobody answers at the return address once the command has ended (see --sandbox)"
    tried = [each for each in run.entries if each.kind == "delivery" and each.provider == probe.provider]
    late = [each.details["delivery"] for each in tried if each.id > run.ended]
    if probe.outlasts and not any(each.get("status") for each in late):
        return "nobody takes webhooks once the command has ended (see --sandbox)"
    return ""


def _found(trial: Trial) -> tuple[Finding, ...]:
    """Each mistake once, the worst first; notes only where there is nothing better to tell."""
    found: dict[str, Finding] = {}
    for check in trial.probe.checks:
        for each in check(trial):
            known = found.get(each.name)
            if known is None or each.severity.rank < known.severity.rank:
                found[each.name] = each
    counted = [each for each in found.values() if each.severity is not Severity.NOTE]
    return tuple(sorted(counted or found.values(), key=lambda each: each.severity.rank))


def _written(probe: Probe, outcome: Outcome, told: str, **more: object) -> Report:
    return Report(
        probe=f"{probe.provider}/{probe.name}" if probe.provider else probe.name,
        provider=probe.provider,
        title=probe.title,
        severity=probe.severity,
        outcome=outcome,
        told=told,
        reason=probe.reason,
        page=probe.page,
        **more,  # type: ignore[arg-type]
    )


def total(wall: float, runs: Iterable[Ran]) -> Took:
    """What all runs took together, in so many seconds on the wall."""
    took = [each.took for each in runs]

    def together(parts: Iterable[float | None]) -> float | None:
        known = [each for each in parts if each is not None]
        return sum(known) if known else None

    return Took(
        wall=wall,
        simulator=together(each.simulator for each in took),
        judge=together(each.judge for each in took),
        command=together(each.command for each in took),
    )
