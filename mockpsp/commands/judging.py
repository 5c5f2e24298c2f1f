"""``judge``: is the application that takes payments right? Its own test command is run under probes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import click

from mockpsp.commands.driving import driven
from mockpsp.commands.reporting import known, report, reported
from mockpsp.commands.shared import fail

if TYPE_CHECKING:
    from mockpsp.judge.model import Probe
    from mockpsp.judge.runner import Setup
    from mockpsp.judge.stage import Stage

PROVIDERS = ("worldline", "adyen", "lyra")


@click.command()
@click.option(
    "--run", "command", metavar="COMMAND", help="Drives one purchase or refund; exit code 0 when it went well."
)
@click.option("--probe", "wanted", multiple=True, metavar="NAME", help="Only these, such as adyen/lost or worldline/*.")
@click.option("--provider", "providers", multiple=True, type=click.Choice(PROVIDERS), help="Only probes of this one.")
@click.option("--list", "listed", is_flag=True, help="Tell what probes there are.")
@driven
@reported
def judge(
    command: str | None,
    wanted: tuple[str, ...],
    providers: tuple[str, ...],
    listed: bool,
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
    """Find the mistakes of an application that takes payments.

    COMMAND is run once plainly and once per probe, each in a fresh sandbox whose credentials and addresses it finds in
    the environment. Exit code 1 when something was found that is not in the baseline, or a probe could not be run.
    """
    from mockpsp.judge import telling
    from mockpsp.judge.judging import judge as run
    from mockpsp.judge.model import Report, as_json
    from mockpsp.judge.runner import Setup
    from mockpsp.testing.connection import ControlError, Unreachable

    probes = chosen_probes(wanted, providers)
    if listed:
        click.echo("\n".join(f"{each.provider}/{each.name}  {each.title}" for each in probes))
        return
    if not command:
        raise click.UsageError("say what to run: --run COMMAND")
    baseline = known(reports)
    setup = Setup(
        run=command, base=base_lines(base), seed=seed, manual=clock == "manual", limit=limit, settle=settle,
        facts=facts, check=check, dotenv=dotenv,
    )  # fmt: skip

    def tell(told: Report, number: int, count: int) -> None:
        if not quiet:
            click.echo(telling.line(told, number, count), err=True)

    try:
        with stage_for(setup, webhooks, sandbox, url) as stage:
            judgement = run(setup, stage, probes, tell)
    except (ControlError, Unreachable, OSError) as error:
        fail(str(error))
    click.echo(as_json(judgement) if form == "json" else telling.table(judgement, baseline.knows))
    if not report(judgement, baseline, reports):
        raise SystemExit(1)


def chosen_probes(wanted: tuple[str, ...], providers: tuple[str, ...]) -> Sequence[Probe]:
    """Probes by name, or a mistake in the command line."""
    from mockpsp.judge.probes import chosen

    try:
        return chosen(wanted, providers)
    except LookupError as error:
        told = f"no probe is called {error.args[0]!r}; 'mockpsp judge --list' shows them all"
        raise click.BadParameter(told, param_hint="--probe") from error


def base_lines(name: str) -> dict[str, object]:
    """The lines of the scenario that runs are built on, or the end of the program with what is wrong with it."""
    from mockpsp.judge.stage import BadBase, base_of

    try:
        return base_of(name)
    except (BadBase, OSError) as error:
        fail(str(error))


def stage_for(setup: Setup, webhooks: dict[str, str], sandbox: str | None, url: str) -> AbstractContextManager[Stage]:
    """A server of our own, or a sandbox of one that runs."""
    from mockpsp.judge.stage import one_sandbox, own_server

    if sandbox is not None:
        return one_sandbox(url, sandbox, webhooks, manual=setup.manual)
    return own_server(webhooks, manual=setup.manual)
