"""Probes, findings, judgements: frozen values with one JSON form (``as_json``), the same from version to version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import field, to_builtins
from msgspec.json import encode
from msgspec.json import format as laid_out

from mockpsp.domain.value import Value

if TYPE_CHECKING:
    from mockpsp.judge.observed import Observed

FORMAT = 1
"""The version of the JSON form; it grows when something is taken away or changes its meaning."""


class Severity(StrEnum):
    """How much a mistake costs. ``note``: weak evidence, told and not counted against the merchant."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)


class Outcome(StrEnum):
    """What became of a probe. ``not_applicable``: the plain run never came to what it would bend."""

    HELD = "held"
    FOUND = "found"
    NOT_APPLICABLE = "not_applicable"
    BROKEN = "broken"


class Evidence(Value, frozen=True, kw_only=True):
    """One thing that was seen: in words, with the journal entries (number and line) that show it."""

    told: str
    entries: tuple[tuple[int, str], ...] = ()


class Finding(Value, frozen=True, kw_only=True):
    """One mistake of the merchant's. ``name`` is stable (``accepted-forged-webhook``), ``title`` says it in words.

    ``why`` it matters, ``instead`` is how the provider says to do it, ``source`` where it says so.
    """

    name: str
    title: str
    probe: str
    provider: str
    severity: Severity
    evidence: tuple[Evidence, ...]
    why: str
    instead: str
    source: str

    @property
    def key(self) -> str:
        """The same for the same mistake in every run: what a baseline remembers."""
        return f"{self.probe}/{self.name}"


class Trial(Value, frozen=True):
    """What a verdict looks at: the probe, the run under it, and the plain run to compare with."""

    probe: Probe
    plain: Observed
    run: Observed


Check = Callable[[Trial], Iterable[Finding]]
"""Looks at one run and tells what the merchant did wrong."""


class Need(Value, frozen=True):
    """What the plain run must have come to, or the probe cannot show anything."""

    told: str
    holds: Callable[[Observed], bool]


class Visit(StrEnum):
    """What a stranger's browser does with the merchant's return address, once the command has ended."""

    PLAIN = "plain"
    TWICE = "twice"
    TAMPERED = "tampered"


class Probe(Value, frozen=True, kw_only=True):
    """One way in which the world is bent.

    ``lines`` are parts of a scenario (``rules``, ``webhooks``, ``faults``, ``settings``) that go before those of the
    base. ``needs`` must hold in the plain run. ``completes``: the purchase can come to its end, so that the command is
    expected to pass as it did plainly. ``outlasts``: what it bends reaches the merchant once the command has ended.
    ``later`` is how far the sandbox's clock is moved after the command, ``visit``
    what a stranger does with the return address. ``page`` is the provider's documentation.
    """

    name: str
    provider: str
    title: str
    reason: str
    page: str
    severity: Severity
    checks: tuple[Check, ...]
    lines: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    completes: bool = True
    outlasts: bool = False
    later: str = ""
    visit: Visit | None = None


class Took(Value, frozen=True, kw_only=True):
    """Seconds. ``wall`` by the clock, processor time of the ``simulator``, this ``judge`` and the ``command``.

    None where it cannot be measured: the simulator is another process, or the system does not tell.
    """

    wall: float
    simulator: float | None = None
    judge: float | None = None
    command: float | None = None


class Ran(Value, frozen=True, kw_only=True):
    """One run of the command: exit code (None when it was ended by the time limit) and the end of its output."""

    exit_code: int | None
    output: str
    took: Took
    calls: int = 0
    webhooks: int = 0


class Report(Value, frozen=True, kw_only=True):
    """What became of one probe. ``told`` says why it was not applicable, or could not be run."""

    probe: str
    provider: str
    title: str
    severity: Severity
    outcome: Outcome
    told: str = ""
    reason: str = ""
    page: str = ""
    findings: tuple[Finding, ...] = ()
    ran: Ran | None = None
    scenario: Mapping[str, Any] = field(default_factory=dict)
    sequence: str = ""

    @property
    def counted(self) -> tuple[Finding, ...]:
        """Findings that count against the merchant: all but notes."""
        return tuple(each for each in self.findings if each.severity is not Severity.NOTE)


class Judgement(Value, frozen=True, kw_only=True):
    """All of it: the plain run, then a report for each probe, in order. ``took`` is the sum."""

    command: str
    seed: int
    clock: str
    plain: Report
    probes: tuple[Report, ...]
    took: Took

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the worst first."""
        found = [finding for report in (self.plain, *self.probes) for finding in report.findings]
        return tuple(sorted(found, key=lambda each: each.severity.rank))

    @property
    def counted(self) -> tuple[Finding, ...]:
        """Findings that count against the merchant: all but notes."""
        return tuple(each for each in self.findings if each.severity is not Severity.NOTE)

    @property
    def ok(self) -> bool:
        """Whether there is nothing to mend, and all could be run."""
        return not self.counted and not any(each.outcome is Outcome.BROKEN for each in (self.plain, *self.probes))


def as_builtins(judgement: Judgement) -> dict[str, Any]:
    """The JSON form as plain values: ``format``, ``ok``, and the fields of the classes above."""
    told: dict[str, Any] = to_builtins(judgement)
    return {"format": FORMAT, "ok": judgement.ok, **told}


def as_json(judgement: Judgement) -> str:
    """The JSON form as text."""
    return laid_out(encode(as_builtins(judgement)), indent=2).decode()


def parts(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Parts of scenarios as one: lists one after the other, settings together, of all else the last."""
    found: dict[str, Any] = {}
    for each in lines:
        for key, value in each.items():
            if isinstance(value, list) and key in found:
                found[key] = [*found[key], *value]
            elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
                found[key] = parts([found[key], value])
            else:
                found[key] = value
    return found
