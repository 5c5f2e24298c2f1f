"""A judgement as one HTML file: no scripts, no requests to anywhere, and it prints."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mockpsp import __version__
from mockpsp.judge.model import Judgement, Outcome, Report, Took
from mockpsp.judge.reports.baseline import Baseline
from mockpsp.judge.reports.drawing import drawing

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"
_WORDS = {
    Outcome.HELD: "held",
    Outcome.FOUND: "found",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.BROKEN: "could not run",
}


def page(judgement: Judgement, baseline: Baseline) -> str:
    """The whole file. Its policy allows its own style sheet and nothing else."""
    reports = (judgement.plain, *judgement.probes)
    style = (_FOLDER / "judgement.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("judgement.html")
        .render(
            judgement=judgement,
            reports=reports,
            by_probe={each.probe: each for each in reports},
            fresh=baseline.fresh(judgement),
            known=[each for each in judgement.counted if baseline.knows(each)],
            notes=[each for each in judgement.findings if each not in judgement.counted],
            gone=[baseline.known[key] + f" ({key})" for key in baseline.gone(judgement)],
            passes=baseline.passes(judgement),
            counts={outcome: sum(each.outcome is outcome for each in judgement.probes) for outcome in Outcome},
            words=_WORDS,
            drawings={each.probe: drawing(each.sequence) for each in reports if each.findings},
            lines={each.probe: bent(each) for each in reports if each.findings},
            parts=spent(judgement.took),
            version=__version__,
            style=style,
            style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        )
    )


def bent(report: Report) -> str:
    """The scenario of the run as YAML; empty for the plain one."""
    if not report.scenario:
        return ""
    import yaml

    return yaml.safe_dump(_plain(report.scenario), sort_keys=False, allow_unicode=True, width=100)


def _plain(value: Any) -> Any:
    from msgspec import to_builtins

    return to_builtins(value)


def spent(took: Took) -> list[tuple[str, float]]:
    """Who spent how many seconds of processor time, as far as it is known."""
    told = (("the command", took.command), ("the simulator", took.simulator), ("the judge", took.judge))
    return [(name, seconds) for name, seconds in told if seconds is not None]


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
