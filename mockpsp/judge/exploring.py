"""The explorer: mixtures of what can be bent, from single bends to three at once, and what of them breaks a merchant.

``explore`` walks them in an order that follows from the seed, judges each run by checks that hold whatever was bent
(oracles.py), and shrinks what it finds to the fewest lines that still show it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

from mockpsp.domain.value import Value
from mockpsp.judge import oracles, regression, wrongs
from mockpsp.judge.bends import Bend, Set, bends_of, later_of, lines_of, named, shuffled
from mockpsp.judge.command import run_command
from mockpsp.judge.judging import judge, plainly, total
from mockpsp.judge.model import Evidence, Finding, Judgement, Outcome, Probe, Ran, Report, Severity, Trial
from mockpsp.judge.observed import Observed
from mockpsp.judge.probes import chosen
from mockpsp.judge.runner import Command, Runner, Setup
from mockpsp.judge.sequence import mermaid
from mockpsp.judge.shrinking import shrink
from mockpsp.judge.stage import Stage
from mockpsp.testing.connection import ControlError

MOST_AT_ONCE = 3
LEVELS = ("single bends", "pairs", "triples")
Told = Callable[[str, str], None]
"""Is told of each run as it is over: what was bent, and what was found; empty for nothing."""


class Plan(Value, frozen=True, kw_only=True):
    """How far to go. ``budget`` are runs, ``seconds`` are on the wall; shrinking what was found comes on top.

    ``on`` are patterns of what may be bent (``adyen.capture``, ``lyra.*``, ``* twice``), all if there is none.
    ``most`` bends go together. ``first``: stop at the first new finding.
    """

    budget: int = 200
    seconds: float | None = None
    on: tuple[str, ...] = ()
    most: int = MOST_AT_ONCE
    first: bool = False


class Explored(Value, frozen=True, kw_only=True):
    """``judgement`` has a report for each thing found, and one for each level of the walk. ``files`` are scenarios by
    name, one for each thing found. ``runs`` were made in all.
    """

    judgement: Judgement
    files: Mapping[str, str]
    runs: int


def explore(
    setup: Setup,
    stage: Stage,
    plan: Plan,
    tell: Told = lambda *_: None,
    command: Command = run_command,
    judged: Judgement | None = None,
) -> Explored:
    """Run the command plainly, then bent in more and more ways. ``judged`` says what probes find by themselves.

    Without it the probes are run as soon as something is found that might be theirs. When the plain run fails, that is
    all. Raises what ``Runner.run`` raises.
    """
    began = time.perf_counter()
    explorer = Explorer(setup, stage, plan, tell, command, judged)
    observed, ran = explorer.runner.run("plain")
    plain = plainly(observed, ran)
    reports: tuple[Report, ...] = ()
    if plain.outcome is not Outcome.BROKEN:
        explorer.learn(observed)
        reports = explorer.walk()
    judgement = Judgement(
        command=setup.run,
        seed=setup.seed,
        clock="manual" if setup.manual else "real",
        plain=plain,
        probes=reports,
        took=total(time.perf_counter() - began, [ran, *explorer.ran]),
    )
    return Explored(judgement=judgement, files=explorer.files, runs=1 + len(explorer.ran))


def replay(
    setup: Setup, stage: Stage, name: str, lines: Mapping[str, Any], command: Command = run_command
) -> Judgement:
    """Run the command plainly, then under these lines: the finding is there, or it is gone."""
    began = time.perf_counter()
    explorer = Explorer(setup, stage, Plan(), lambda *_: None, command, None)
    observed, ran = explorer.runner.run("plain")
    plain = plainly(observed, ran)
    reports: tuple[Report, ...] = ()
    if plain.outcome is not Outcome.BROKEN:
        explorer.learn(observed)
        run, bent = explorer.run(f"replay {name}", lines)
        findings = [_renamed(each, name, None, "") for each in explorer.found(run)]
        scenario = setup.scenario(name, lines)
        reports = (_report(name, f"replayed: {name}", findings, bent, scenario, run),)
    return Judgement(
        command=setup.run, seed=setup.seed, clock="manual" if setup.manual else "real", plain=plain, probes=reports,
        took=total(time.perf_counter() - began, [ran, *explorer.ran]),
    )  # fmt: skip


class Explorer:
    """One walk. It remembers what was run, what can be bent, and what was found."""

    def __init__(
        self, setup: Setup, stage: Stage, plan: Plan, tell: Told, command: Command, judged: Judgement | None
    ) -> None:
        self.setup, self.plan, self.runner = setup, plan, Runner(setup, stage, command)
        self._stage, self._command, self._tell, self._judged = stage, command, tell, judged
        self._plain: Observed | None = None
        self._bends: dict[str, Bend] = {}
        self._born: dict[str, set[str]] = {}
        self._explained: list[frozenset[str]] = []
        self._told: set[tuple[str, str]] = set()
        self._end = None if plan.seconds is None else time.monotonic() + plan.seconds
        self.ran: list[Ran] = []
        self.files: dict[str, str] = {}

    # -- the walk ----------------------------------------------------------------------------------------------------

    def learn(self, run: Observed, under: str = "") -> None:
        """Take up what can be bent in this run; ``under`` is the single bend that it was made with."""
        if self._plain is None:
            self._plain = run
        for bend in bends_of(run.entries, self.setup.providers):
            names = (bend.about, bend.name)
            wanted = not self.plan.on or any(fnmatchcase(name, each) for name in names for each in self.plan.on)
            if wanted and bend.name not in self._bends:
                self._bends[bend.name] = bend
                if under:
                    self._born[bend.name] = {under}
            elif under and bend.name in self._born:
                self._born[bend.name].add(under)

    def walk(self) -> tuple[Report, ...]:
        """Level by level, until the budget is used up."""
        levels: list[Report] = []
        found: list[Report] = []
        left = self.plan.budget
        for level in range(1, self.plan.most + 1):
            walked = 0
            for bends in shuffled(self.sets(level), self.setup.seed, self._born):
                if left <= 0 or self._over():
                    break
                if self._is_explained(bends):
                    continue
                left, walked = left - 1, walked + 1
                new = self._look(bends)
                found += new
                if self.plan.first and any(each.counted for each in new):
                    left = 0
            if walked:
                levels.append(_level(LEVELS[level - 1] if level <= len(LEVELS) else f"{level} at once", walked))
        return (*levels, *found)

    def sets(self, level: int) -> Iterator[Set]:
        """All mixtures of so many bends that make sense with what was learnt so far."""
        for bends in combinations(self._bends.values(), level):
            names = {each.name for each in bends}
            possible = all(self._born[each] & names for each in names if each in self._born)
            if possible and not any(one.excludes(other) for one, other in combinations(bends, 2)):
                yield bends

    def _over(self) -> bool:
        return self._end is not None and time.monotonic() > self._end

    def _is_explained(self, bends: Set) -> bool:
        """Whether a part of it is known to break something: the whole would show the same."""
        names = {each.name for each in bends}
        return any(each <= names for each in self._explained)

    def _look(self, bends: Set) -> list[Report]:
        name = named(bends)
        try:
            run, _ = self.run(name, lines_of(bends))
        except ControlError as error:  # two lines that do not go together
            self._explained.append(frozenset(each.name for each in bends))
            self._tell(name, f"not possible: {error}")
            return []
        if len(bends) == 1:
            self.learn(run, bends[0].name)
        findings = [each for each in self.found(run) if each.severity is not Severity.NOTE]
        self._tell(name, ", ".join(each.title for each in findings))
        return [
            report
            for finding in findings
            if not self._is_explained(bends)
            for report in self._written(finding, self._shrunk(finding, bends))
        ]

    # -- one run -----------------------------------------------------------------------------------------------------

    def run(self, name: str, lines: Mapping[str, Any]) -> tuple[Observed, Ran]:
        """The command under these lines."""
        run, ran = self.runner.run(name, lines, later=later_of(lines))
        self.ran.append(ran)
        return run, ran

    def found(self, run: Observed) -> tuple[Finding, ...]:
        """What is wrong in this run and is not wrong in the plain one."""
        if self._plain is None:
            raise ValueError("there is no plain run to compare with")
        usual = {(each.provider, each.name) for each in self._wrong(self._plain)}
        return tuple(each for each in self._wrong(run) if (each.provider, each.name) not in usual)

    def _wrong(self, run: Observed) -> tuple[Finding, ...]:
        probe = Probe(
            name="explored", provider="", title="", reason="", page="", severity=Severity.CRITICAL, checks=()
        )  # fmt: skip
        plain = self._plain if self._plain is not None else run
        return oracles.told_once(oracles.together(Trial(probe, plain, run)))

    # -- what was found ----------------------------------------------------------------------------------------------

    def _shrunk(self, finding: Finding, bends: Set) -> Set:
        """The shortest mixture with the same finding."""
        tried: dict[str, bool] = {}

        def fails(some: Set) -> bool:
            lines = lines_of(some)
            key = str(lines)
            if key not in tried:
                run, _ = self.run(f"shrinking: {named(some)}", lines)
                tried[key] = any(_same(each, finding) for each in self.found(run))
            return tried[key]

        return shrink(bends, fails)

    def _written(self, finding: Finding, bends: Set) -> Iterator[Report]:
        """The report and the file of something found, once; the shortest mixture is run once more for them."""
        self._explained.append(frozenset(each.name for each in bends))
        name = f"{finding.provider}/explored: {named(bends).replace(f'{finding.provider}.', '')}"
        if (name, finding.name) in self._told:
            return
        self._told.add((name, finding.name))
        lines = lines_of(bends)
        run, ran = self.run(named(bends), lines)
        again = next((each for each in self.found(run) if _same(each, finding)), None)
        known = self._known(finding, lines)
        told = f"judge finds it, too: {known}" if known else ""
        if again is None:
            told = "it was there in one run, and not in another under the same lines"
        found = _renamed(again or finding, name, Severity.NOTE if told else None, told)
        scenario = self.setup.scenario(named(bends), lines)
        yield _report(name, named(bends), (found,), ran, scenario, run, told)
        if again is not None:
            title = f"{finding.title[0].upper()}{finding.title[1:]} under {named(bends)}"
            self.files[f"{finding.provider}-{finding.name}-{_slug(bends)}.yaml"] = regression.text(
                again, title, self.setup.base, lines, self.setup.seed
            )

    def _known(self, finding: Finding, lines: Mapping[str, Any]) -> str:
        """The probe that finds the same mistake by bending the same kind of thing; empty when none does."""
        if self._judged is None:
            probes = chosen((), (finding.provider,))
            self._judged = judge(self.setup, self._stage, probes, lambda *_: None, self._command)
            self.ran += [each.ran for each in self._judged.probes if each.ran is not None]
        kinds = set(lines)
        for report in self._judged.probes:
            if kinds == kinds_of(report.scenario) and any(_alike(each, finding) for each in report.counted):
                return report.probe
        return ""


def kinds_of(scenario: Mapping[str, Any]) -> set[str]:
    """Which parts of a scenario bend something."""
    return {"rules", "webhooks", "faults"} & set(scenario)


_UNAWARE = {wrongs.LOST.name, wrongs.NEVER_READ.name}


def _alike(one: Finding, other: Finding) -> bool:
    """The same, or two names for an order that is paid and that the merchant does not know of."""
    return _same(one, other) or (one.provider == other.provider and {one.name, other.name} <= _UNAWARE)


def _same(one: Finding, other: Finding) -> bool:
    return (one.provider, one.name) == (other.provider, other.name)


def _renamed(finding: Finding, probe: str, severity: Severity | None, told: str) -> Finding:
    from msgspec.structs import replace

    evidence = (*finding.evidence, Evidence(told=told)) if told else finding.evidence
    return replace(finding, probe=probe, severity=severity or finding.severity, evidence=evidence)


def _slug(bends: Iterable[Bend]) -> str:
    return "-".join(sorted(f"{each.about.partition('.')[2]}-{each.how}" for each in bends)).replace("*", "all").lower()


def _report(
    name: str, title: str, findings: Sequence[Finding], ran: Ran, scenario: Mapping[str, Any], run: Observed,
    told: str = "",
) -> Report:  # fmt: skip
    provider = next((each.provider for each in findings), "")
    return Report(
        probe=name,
        provider=provider,
        title=title,
        severity=min((each.severity for each in findings), key=lambda each: each.rank, default=Severity.NOTE),
        outcome=Outcome.FOUND if findings else Outcome.HELD,
        told=told,
        reason="Nothing of this is rare by itself; sooner or later it happens together.",
        findings=tuple(findings),
        ran=ran,
        scenario=scenario,
        sequence=mermaid(run, provider) if findings else "",
    )


def _level(what: str, walked: int) -> Report:
    runs = f"{walked} run{'' if walked == 1 else 's'}"
    return Report(
        probe=f"explored {what}", provider="", title=runs, severity=Severity.HIGH, outcome=Outcome.HELD,
        told=f"{runs}; what was found is listed by itself",
    )  # fmt: skip
