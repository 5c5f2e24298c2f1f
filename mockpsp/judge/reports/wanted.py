"""Which files somebody asked for, and writing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mockpsp.domain.value import Value
from mockpsp.judge.model import Judgement, as_json
from mockpsp.judge.reports.baseline import Baseline


class Wanted(Value, frozen=True, kw_only=True):
    """Where each form goes; None for those that nobody wants. ``place`` is the file that SARIF shows findings at."""

    html: Path | None = None
    junit: Path | None = None
    sarif: Path | None = None
    json: Path | None = None
    badge: Path | None = None
    place: str = ""


def write(judgement: Judgement, wanted: Wanted, baseline: Baseline, put: Callable[[Path, str], None]) -> None:
    """Hand each file that is wanted to ``put``."""
    for path, make in _forms(judgement, wanted, baseline):
        if path is not None:
            put(path, make())


def _forms(judgement: Judgement, wanted: Wanted, baseline: Baseline) -> Iterator[tuple[Path | None, Callable[[], str]]]:
    from mockpsp.judge.reports.badge import badge
    from mockpsp.judge.reports.junit import junit
    from mockpsp.judge.reports.page import page
    from mockpsp.judge.reports.sarif import sarif

    yield wanted.html, lambda: page(judgement, baseline)
    yield wanted.junit, lambda: junit(judgement, baseline)
    yield wanted.sarif, lambda: sarif(judgement, baseline, wanted.place)
    yield wanted.json, lambda: as_json(judgement)
    yield wanted.badge, lambda: badge(judgement, baseline)
