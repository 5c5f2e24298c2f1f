"""``health``: whether a server answers, for those who look after it."""

from __future__ import annotations

import click

from mockpsp.commands.shared import ask


@click.command()
@click.option("--url", default="http://localhost:8080", show_default=True, help="Where the server answers.")
def health(url: str) -> None:
    """Say whether a server is there and takes new work; exit code 1 when it is not, or is about to end."""
    told = ask(url, "", "GET", "/health").json()
    click.echo(f"{told['status']}: mockpsp {told['version']}")
