"""The command line. Each command imports what it needs when it runs: ``--help`` and lists answer at once.

Exit codes: 0 it worked, 1 it did not, 2 the command line was wrong, 3 it worked in part (``record``).
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any

import click

from mockpsp import __version__


def main() -> None:
    """The entry point ``mockpsp``."""
    if os.getpid() == 1:  # a container's first process ends by no signal that it does not ask for
        signal.signal(signal.SIGTERM, end)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    cli(prog_name="mockpsp")


def end(number: int, frame: Any) -> None:
    """End as a process does that has not begun its work: with the exit code that shells give to a signal."""
    raise SystemExit(128 + number)


class Late(click.Group):
    """Commands by name, each of them in a module that is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, by the alphabet."""
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The one of this name."""
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(import_module(f"mockpsp.commands.{module}"), cmd_name)
        return found


_MODULES = {
    "serve": "serving",
    "demo": "serving",
    "credentials": "serving",
    "scenarios": "scenarios",
    "play": "playing",
    "judge": "judging",
    "explore": "exploring",
    "explain": "asking",
    "verify": "asking",
    "record": "asking",
    "health": "health",
}


@click.group(cls=Late, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="mockpsp %(version)s")
def cli() -> None:
    """Payment providers on your own machine, steered by scenarios."""
