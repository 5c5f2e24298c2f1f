"""What several commands need: how they end, how they find scenarios, how they ask a running server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from mockpsp.scenario.library import Library, UnknownScenario
    from mockpsp.scenario.model import Scenario

TOKEN = "The server's control token, if it asks for one.  [default: MOCKPSP_CONTROL_TOKEN]"  # noqa: S105 - a help text


def fail(message: str, code: int = 1) -> NoReturn:
    """Say it on the error stream, and end the program."""
    click.echo(message, err=True)
    raise SystemExit(code)


def library_of_all() -> Library:
    """All scenarios, able to load them; imports the providers."""
    from mockpsp.app import catalogues
    from mockpsp.scenario.library import Library

    return Library(catalogues)


def unknown(error: UnknownScenario) -> click.UsageError:
    """A scenario that nobody knows, as a mistake in the command line."""
    return click.UsageError(f"{error}\n'mockpsp scenarios list' shows them all.")


def load(library: Library, name: str) -> Scenario:
    """One scenario, or the end of the program with the reasons."""
    from mockpsp.scenario.library import UnknownScenario
    from mockpsp.scenario.loader import ScenarioError

    try:
        return library.load(name)
    except UnknownScenario as error:
        raise unknown(error) from error
    except ScenarioError as error:
        fail("\n".join(str(problem) for problem in error.problems))
    except OSError as error:
        fail(f"{name}: {error.strerror or error}")


def in_json(value: Any) -> str:
    """As people read it."""
    from json import dumps

    return dumps(value, indent=2, ensure_ascii=False)


def write(path: Path, text: str) -> None:
    """Make the file and the folders that it lies in, or end the program with the reason."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8", newline="\n")
    except OSError as error:
        fail(f"{path}: {error.strerror or error}")


def asks(command: Any) -> Any:
    """The options by which a command finds the server and the sandbox that it asks about."""
    at = click.option("--url", default="http://localhost:8080", show_default=True, help="Where the server answers.")
    with_token = click.option("--token", default="", help=TOKEN)
    which = click.option("--sandbox", default="default", show_default=True, help="The sandbox that is asked about.")
    return at(which(with_token(command)))


def ask(url: str, token: str, method: str, path: str, body: Any = None) -> Any:
    """The answer of the control API, or the end of the program with what it says."""
    from mockpsp.settings import remote_token
    from mockpsp.testing.remote import Refused, call

    try:
        return call(url, method, path, body, token or remote_token())
    except Refused as refused:
        fail(str(refused))


def in_sandbox(sandbox: str, path: str) -> str:
    """A path of the control API, within that sandbox."""
    from urllib.parse import quote

    return f"/sandboxes/{quote(sandbox, safe='')}{path}"


def _webhook_addresses(_: click.Context, __: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """``PROVIDER=URL`` each."""
    from urllib.parse import urlsplit

    found = {}
    for each in given:
        provider, equals, url = each.partition("=")
        parts = urlsplit(url)
        if not (provider and equals and parts.scheme in ("http", "https") and parts.hostname):
            raise click.BadParameter(f"{each!r}; write it like worldline=http://localhost:3000/webhooks")
        found[provider] = url
    return found


webhook_option = click.option(
    "--webhook", "webhooks", multiple=True, metavar="PROVIDER=URL", callback=_webhook_addresses,
    help="Where webhooks go.",
)  # fmt: skip
