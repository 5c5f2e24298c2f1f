"""``explain``, ``verify``, ``record``: what is asked of a running server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mockpsp.commands.shared import TOKEN, ask, asks, fail, in_json, in_sandbox, write


@click.command()
@click.argument("trace", type=click.IntRange(1))
@asks
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(trace: int, url: str, sandbox: str, token: str, form: str) -> None:
    """Say why an answer is as it is; TRACE is the number in its header Mockpsp-Trace."""
    from mockpsp.testing import explaining

    entry = ask(url, token, "GET", in_sandbox(sandbox, f"/journal/{trace}")).json()
    click.echo(in_json(entry) if form == "json" else explaining.explanation(entry))


@click.command()
@click.argument("operation", required=False)
@asks
@click.option("--kind", help="Kind of journal entry: request, webhook, delivery, event, …  [default: request]")
@click.option("--provider", help="Only what this provider did.")
@click.option("--reference", help="About this object, by any of its references.")
@click.option("--status", help="HTTP status, or where a webhook is on its way.")
@click.option("--body", "fields", multiple=True, metavar="FIELD=VALUE", help="Of the body, such as amount.value=1850.")
@click.option("--count", type=click.IntRange(0), help="Exactly so many.")
@click.option("--at-least", type=click.IntRange(0), help="So many or more.  [default: 1]")
@click.option("--at-most", type=click.IntRange(0), help="So many or fewer.")
@click.option("--then", "later", multiple=True, metavar="OPERATION", help="And after it this; may be repeated.")
@click.option(
    "--file", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Checks as YAML or JSON."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(
    operation: str | None,
    url: str,
    sandbox: str,
    token: str,
    file: Path | None,
    form: str,
    **given: Any,
) -> None:
    """Check what was called and which webhooks were sent; exit code 1 when it was not so.

    OPERATION is exact or has a *, with or without the provider in front: create_payment, adyen.*.
    """
    from mockpsp.testing import checking, explaining

    try:
        check = checking.from_options(operation, given)
        checks = checking.from_file(file) if file is not None else []
    except checking.BadCheck as error:
        raise click.UsageError(str(error)) from error
    if not check and not checks:
        raise click.UsageError("say what to look for: an OPERATION, an option such as --reference, or a --file")
    wanted = [*([check] if check else []), *checks]
    answer = ask(url, token, "POST", in_sandbox(sandbox, "/journal/verify"), wanted).json()
    click.echo(in_json(answer) if form == "json" else explaining.verification(answer))
    if not answer["ok"]:
        raise SystemExit(1)


@click.command()
@click.argument("sandbox", default="default")
@click.option("--url", default="http://localhost:8080", show_default=True, help="Where the server answers.")
@click.option("--token", default="", help=TOKEN)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the file there.")
def record(sandbox: str, url: str, token: str, output: Path | None) -> None:
    """Write what was done by hand in SANDBOX as a scenario file, which plays it again and expects the same.

    Exit code 3 when something could not be recorded; comments in the file say what.
    """
    answer = ask(url, token, "GET", in_sandbox(sandbox, "/recording"))
    if output is None:
        click.echo(answer.text, nl=False)
    else:
        write(output, answer.text)
    missing = int(answer.headers.get("Mockpsp-Unrecorded", "0"))
    if missing:
        for line in answer.text.splitlines():
            if line.startswith("# Not recorded: "):
                click.echo(line.removeprefix("# "), err=True)
        things = "1 thing" if missing == 1 else f"{missing} things"
        fail(f"{things} could not be recorded; see the comments of the file", code=3)
