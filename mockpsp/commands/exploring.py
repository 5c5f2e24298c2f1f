"""``explore``: mixtures of faults, deliveries and refusals that break an application, shrunk to a scenario file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockpsp.commands.driving import driven
from mockpsp.commands.judging import base_lines, stage_for
from mockpsp.commands.reporting import known, report, reported
from mockpsp.commands.shared import fail, write

if TYPE_CHECKING:
    from mockpsp.judge.model import Judgement
    from mockpsp.judge.runner import Setup

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_UNITS = {"s": 1, "m": 60, "h": 3600}


def _seconds(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    number, unit = value[:-1], value[-1:]
    if unit not in _UNITS or not number.isdigit():
        raise click.BadParameter(f"{value!r} is no span of time such as 90s, 10m or 1h")
    return float(number) * _UNITS[unit]


@click.command()
@click.option(
    "--run", "command", required=True, metavar="COMMAND", help="Drives one purchase or refund; exit code 0 if it went."
)
@click.option(
    "--budget", type=click.IntRange(1), default=200, show_default=True, metavar="RUNS",
    help="How many mixtures to try; shrinking what is found comes on top.",
)  # fmt: skip
@click.option("--time", "seconds", metavar="SPAN", callback=_seconds, help="Try for so long at most: 90s, 10m, 1h.")
@click.option("--on", multiple=True, metavar="PATTERN", help="Only these bends: adyen.capture, '* twice'.")
@click.option("--most", type=click.IntRange(1, 5), default=3, show_default=True, help="So many bends at once.")
@click.option("--first", is_flag=True, help="Stop at the first new finding.")
@click.option("--replay", type=_FILE, metavar="FILE", help="Only see whether what this file found is still there.")
@click.option("--judged", type=_FILE, metavar="FILE", help="What judge --json wrote; else its probes run when needed.")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), default=Path("explored"), show_default=True,
    help="A scenario file for each finding goes there.",
)  # fmt: skip
@driven
@reported
def explore(
    command: str,
    budget: int,
    seconds: float | None,
    on: tuple[str, ...],
    most: int,
    first: bool,
    replay: Path | None,
    judged: Path | None,
    into: Path,
    webhooks: dict[str, str],
    base: str,
    seed: int,
    clock: str,
    sandbox: str | None,
    url: str,
    facts: str,
    check: str,
    dotenv: str,
    limit: float,
    settle: float,
    form: str,
    quiet: bool,
    **reports: Any,
) -> None:
    """Find what breaks an application only when several things come together.

    COMMAND is run plainly; what it calls and hears is then bent, one thing at a time, in pairs, in threes, as far as
    the budget goes. What breaks it is shrunk to a short scenario file. Exit code 1 when something was found that is
    not in the baseline and that no single probe of judge finds.
    """
    from mockpsp.judge import telling
    from mockpsp.judge.exploring import Plan
    from mockpsp.judge.model import as_json
    from mockpsp.judge.runner import Setup
    from mockpsp.testing.connection import ControlError, Unreachable

    baseline = known(reports)
    setup = Setup(
        run=command, base=base_lines(base), seed=seed, manual=clock == "manual", limit=limit, settle=settle,
        facts=facts, check=check, dotenv=dotenv,
    )  # fmt: skip
    number = 0

    def tell(bent: str, found: str) -> None:
        nonlocal number
        number += 1
        if not quiet:
            click.echo(f"{number:>4}/{budget}  {f'FOUND  {bent}: {found}' if found else f'ok     {bent}'}", err=True)

    try:
        if replay is not None:
            judgement = _replayed(setup, replay, webhooks, sandbox, url)
        else:
            plan = Plan(budget=budget, seconds=seconds, on=on, most=most, first=first)
            judgement = _walked(setup, plan, tell, into, judged, stage_for(setup, webhooks, sandbox, url))
    except (ControlError, Unreachable, OSError) as error:
        fail(str(error))
    click.echo(as_json(judgement) if form == "json" else telling.table(judgement, baseline.knows))
    if not report(judgement, baseline, reports):
        raise SystemExit(1)


def _walked(setup: Setup, plan: Any, tell: Any, into: Path, judged: Path | None, stages: Any) -> Judgement:
    from mockpsp.judge.exploring import explore as run

    known_findings = _judgement(judged) if judged is not None else None
    with stages as stage:
        explored = run(setup, stage, plan, tell, judged=known_findings)
    for name, text in explored.files.items():
        into.mkdir(parents=True, exist_ok=True)
        write(into / name, text)
        click.echo(f"written: {into / name}", err=True)
    return explored.judgement


def _replayed(setup: Setup, file: Path, webhooks: dict[str, str], sandbox: str | None, url: str) -> Judgement:
    from msgspec.structs import replace

    from mockpsp.judge.exploring import replay as run
    from mockpsp.judge.regression import read
    from mockpsp.judge.stage import BadBase

    try:
        base, lines = read(file)
    except BadBase as error:
        fail(str(error))
    setup = replace(setup, base=base)
    with stage_for(setup, webhooks, sandbox, url) as stage:
        return run(setup, stage, file.name, lines)


def _judgement(file: Path) -> Judgement:
    """What ``judge --json`` wrote. Ends the program when the file is something else."""
    from msgspec import MsgspecError
    from msgspec.json import decode

    from mockpsp.judge.model import Judgement

    try:
        return decode(file.read_bytes(), type=Judgement)
    except (MsgspecError, OSError) as error:
        fail(f"{file} is not what judge --json writes: {error}")
