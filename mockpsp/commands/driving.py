"""The options by which ``judge`` and ``explore`` drive a merchant: what runs build on, and where to look afterwards."""

from __future__ import annotations

from typing import Any

import click

from mockpsp.commands.shared import webhook_option

_OPTIONS = (
    webhook_option,
    click.option(
        "--scenario", "base", default="default", show_default=True, metavar="NAME|FILE", help="What all runs build on."
    ),
    click.option(
        "--seed",
        type=click.IntRange(0),
        default=1,
        show_default=True,
        help="Ids, and the order in which explore walks, follow from it.",
    ),
    click.option("--clock", type=click.Choice(["real", "manual"]), default="real", show_default=True),
    click.option("--sandbox", help="Use this sandbox of a server that runs, and reset it before each run."),
    click.option("--url", default="http://localhost:8080", show_default=True, help="Where that server answers."),
    click.option(
        "--fact", "facts", metavar="URL", default="", help="Answers an order's state as JSON; contains {reference}."
    ),
    click.option(
        "--check", default="", metavar="COMMAND", help="Runs after each run; exit code 1 says that something is wrong."
    ),
    click.option("--dotenv", default="", metavar="FILE", help="Write the variables there, too, before each run."),
    click.option(
        "--limit", type=float, default=120.0, show_default=True, metavar="SECONDS", help="For one run of the command."
    ),
    click.option(
        "--settle", type=float, default=15.0, show_default=True, metavar="SECONDS", help="For all to come to rest."
    ),
    click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True),
    click.option("--quiet", is_flag=True, help="No progress."),
)


def driven(command: Any) -> Any:
    """Give a command these options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
