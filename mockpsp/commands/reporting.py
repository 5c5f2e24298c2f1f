"""The options by which ``judge`` and ``explore`` write reports and keep a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockpsp.commands.shared import fail, write

if TYPE_CHECKING:
    from mockpsp.judge.model import Judgement
    from mockpsp.judge.reports import Baseline

_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option("--html", type=_FILE, help="Write a page for people there: one file, printable."),
    click.option("--junit", type=_FILE, help="Write a report for CI servers there."),
    click.option("--sarif", type=_FILE, help="Write SARIF 2.1.0 for code hosts there."),
    click.option("--place", default="", metavar="FILE", help="Where SARIF shows findings.  [default: COMMAND's file]"),
    click.option("--json", type=_FILE, help="Write the whole judgement there, for programs."),
    click.option("--badge", type=_FILE, help="Write a small SVG for a README there."),
    click.option("--baseline", type=_FILE, help="Findings that are known and do not count, if the file is there."),
    click.option("--write-baseline", is_flag=True, help="Make what is found now the baseline; exit code 0."),
)
NAMES = ("html", "junit", "sarif", "place", "json", "badge", "baseline", "write_baseline")


def reported(command: Any) -> Any:
    """Give a command these options; it takes them as ``**reports``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def known(reports: dict[str, Any]) -> Baseline:
    """What is known already; nothing where no baseline was named or none is there yet.

    Ends the program when the file is not a baseline.
    """
    from mockpsp.judge.reports import BadBaseline, Baseline

    path = reports["baseline"]
    if path is None and reports["write_baseline"]:
        raise click.UsageError("--write-baseline needs the file: --baseline FILE")
    if path is None or not path.exists():
        return Baseline()
    try:
        return Baseline.read(path)
    except (BadBaseline, OSError) as error:
        if reports["write_baseline"]:
            return Baseline()
        fail(str(error), code=2)


def report(judgement: Judgement, baseline: Baseline, reports: dict[str, Any]) -> bool:
    """Write what is wanted, and tell whether the build may go on."""
    from mockpsp.judge.reports import Baseline, Wanted
    from mockpsp.judge.reports import write as write_all

    if reports["write_baseline"]:
        baseline = Baseline.of(judgement)
        write(reports["baseline"], baseline.text())
    wanted = Wanted(**{name: reports[name] for name in NAMES if not name.endswith("baseline")})
    write_all(judgement, wanted, baseline, write)
    for key in baseline.gone(judgement):
        click.echo(f"no longer found, the baseline can let go of it: {key}", err=True)
    return baseline.passes(judgement)
