"""The command line. Each command imports what it needs when it runs: ``--help`` and lists answer at once.

Exit codes: 0 it worked, 1 it did not, 2 the command line was wrong, 3 it worked in part (``record``).
"""

from __future__ import annotations

import sys

import click

from mockpsp import __version__
from mockpsp.commands import asking, exploring, health, judging, playing, scenarios, serving


def main() -> None:
    """The entry point ``mockpsp``."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    cli(prog_name="mockpsp")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="mockpsp %(version)s")
def cli() -> None:
    """Payment providers on your own machine, steered by scenarios."""


for _each in (
    serving.serve,
    serving.demo,
    serving.credentials,
    scenarios.scenarios,
    playing.play,
    judging.judge,
    exploring.explore,
    asking.explain,
    asking.verify,
    asking.record,
    health.health,
):
    cli.add_command(_each)
