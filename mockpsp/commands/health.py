"""``health``: whether a server answers, for those who look after it."""

from __future__ import annotations

import os

import click

from mockpsp.commands.shared import ask


@click.command()
@click.option("--url", help="Where the server answers.  [default: http://localhost, at MOCKPSP_PORT or 8080]")
def health(url: str | None) -> None:
    """Say whether a server is there and takes new work; exit code 1 when it is not, or is about to end."""
    url = url or f"http://localhost:{os.environ.get('MOCKPSP_PORT') or 8080}"
    told = ask(url, "", "GET", "/health").json()
    click.echo(f"{told['status']}: mockpsp {told['version']}")
