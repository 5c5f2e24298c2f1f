"""The options of ``serve`` that bound what a server keeps and waits for; read without importing the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_META = "mockpsp.limits"


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value is not None:
        context.meta.setdefault(_META, {})[option.name] = value


def _span(context: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    from mockpsp.domain.clock import BadDuration, parse_duration

    try:
        span = parse_duration(value)
    except (BadDuration, OverflowError) as error:
        raise click.BadParameter(str(error)) from error
    if span < timedelta(seconds=1):
        raise click.BadParameter("a sandbox that nobody calls for a second is not idle yet")
    _keep(context, option, span)


def bounded(command: F) -> F:
    """Add the options; ``chosen`` tells what was given."""
    positive = click.IntRange(1)
    options = (
        click.option("--expire-idle", metavar="DURATION", callback=_span, expose_value=False,
                     help="Drop sandboxes that nobody has called for so long (2h); default stays."),
        click.option("--keep-finished", type=positive, metavar="N", callback=_keep, expose_value=False,
                     help="Finished payments, orders, checkouts of a kind and sandbox.  [default: 100000]"),
        click.option("--journal-entries", type=positive, metavar="N", callback=_keep, expose_value=False,
                     help="Entries of a sandbox's journal.  [default: 50000]"),
        click.option("--journal-bytes", type=positive, metavar="N", callback=_keep, expose_value=False,
                     help="Bodies and headers in it.  [default: 33554432]"),
        click.option("--max-body", type=positive, metavar="BYTES", callback=_keep, expose_value=False,
                     help="A larger body gets 413.  [default: 2097152]"),
        click.option("--keep-alive", "keep_alive_seconds", type=click.FloatRange(1), metavar="SECONDS", callback=_keep,
                     expose_value=False, help="An idle connection is closed after that.  [default: 75]"),
        click.option("--body-timeout", "body_seconds", type=click.FloatRange(0.1), metavar="SECONDS", callback=_keep,
                     expose_value=False, help="A body that takes longer gets 408.  [default: 30]"),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def chosen() -> dict[str, Any]:
    """What the command line says, by the names of the settings."""
    found: dict[str, Any] = click.get_current_context().meta.get(_META, {})
    return found
